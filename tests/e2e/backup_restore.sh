#!/bin/bash
# run_chat.sh backup and restore under load: to the end of the archive after the data folder has vanished, to a point, and on an empty
# machine. The witness is the senders' own list of acknowledged ids. Clients go on by themselves.
source "$(dirname "$0")/lib.sh"

acknowledged=$work/acknowledged
: >"$acknowledged"
# Sends again, under the same id, until it is acknowledged: what does not get through is in its outbox.
sender() {  # NAME
  local id
  while [[ -e $work/load ]]; do
    if id=$("$hermes" send --from "$1" --to david "From $1" --wait received_by_server --timeout 60s 2>>"$work/senders.log"); then
      echo "$id" >>"$acknowledged"
    fi
  done
}
start_load() {
  : >"$work/load"
  senders=()
  local name
  for name in ada ben cleo; do
    sender "$name" &
    senders+=($!)
  done
}
stop_load() {
  rm "$work/load"
  wait "${senders[@]}"
}
at_exit+=('rm -f "$work/load"')
acknowledged_count() { wc -l <"$acknowledged"; }
more_acknowledged() { (($(acknowledged_count) >= $1)); }
load_for() { eventually more_acknowledged $(($(acknowledged_count) + $1)) || die "the load stands still: $(tail -n 3 "$work/senders.log")"; }
missing() { comm -23 <(sort -u "$1") <(sql "SELECT message_id FROM chat_messages" | sort -u); }
doubled() { sql "SELECT count(*) FROM (SELECT stream_id FROM event_log WHERE event_type = 'MessageSent' GROUP BY 1 HAVING count(*) > 1) d"; }
projected() { sql_is "SELECT (SELECT sum(next_offset) FROM event_log_heads) = (SELECT sum(next_offset) FROM projection_checkpoints WHERE projection = 'chat')" t; }
log_of() { sql "SELECT md5(string_agg(concat_ws(' ', partition, \"offset\", stream_id, received_at), ',' ORDER BY partition, \"offset\")) FROM event_log WHERE recorded_at <= '$1'"; }

run_chat start >/dev/null
start_load
load_for 10
# The process is killed, the disk is whole: what was not archived yet is taken from the old data.
run_chat backup "$work/backup" >"$work/told"
stop_load
"$hermes" send --from fredy --to david "Not archived" --wait received_by_server >>"$acknowledged"
kill -KILL "$(awk '{ print $1 }' "$HERMES_STATE_DIR/run/db")"
run_chat restore "$work/backup" >"$work/restored" || die "$(cat "$work/restored")"
contains "what restore tells" "are taken from the old data" "$(cat "$work/restored")"
equal "what was acknowledged and is missing" "" "$(eventually projected && missing "$acknowledged")"
start_load
contains "what backup tells" "Anchor: $work/backup/anchor.json" "$(cat "$work/told")"
equal "the mode of the folder" 700 "$(stat -c %a "$work/backup")"
load_for 10

# Nothing is acknowledged while the archive takes the last of it; then the disk is gone.
stop_load
now=$(sql "SELECT clock_timestamp()")
"$hermes" send --from fredy --to david "The last one" --wait received_by_server >>"$acknowledged"
due=$(sql "SELECT pg_walfile_name(pg_current_wal_lsn())")
is_in_archive() { [[ -e $work/backup/wal/$due.gz ]]; }
deadline=$((SECONDS + 100))  # archive_timeout is a minute
until is_in_archive; do ((SECONDS < deadline)) || die "$due is not archived"; sleep 0.2; done
before=$(log_of "$now")
kill -KILL "$(awk '{ print $1 }' "$HERMES_STATE_DIR/run/db")"
rm -rf "$(realpath "$HERMES_STATE_DIR/postgres")" "$HERMES_STATE_DIR/postgres"
start_load  # to a broker without a database behind its ingester
run_chat restore "$work/backup" >"$work/told" || die "$(cat "$work/told")"
contains "what restore tells" "nothing before it has changed" "$(cat "$work/told")"
load_for 10
stop_load
eventually projected || die "the projectors do not catch up"
equal "what was acknowledged and is missing" "" "$(missing "$acknowledged")"
equal "what is there twice" 0 "$(doubled)"
equal "the log of before, at the same places, of the same times" "$before" "$(log_of "$now")"
run_chat status >"$work/told" || die "$(cat "$work/told")"

# To a point: what was acknowledged by then is there, what came after is not, and the old data are kept.
cp "$acknowledged" "$work/by_then"
point=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
before=$(log_of "$point")
: >"$acknowledged"
start_load
load_for 5
stop_load
cp "$acknowledged" "$work/after"
later=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
run_chat restore "$work/backup" --at "$point" >"$work/told" || die "$(cat "$work/told")"
equal "the log as of then" "$before" "$(log_of "now")"
equal "what was acknowledged by then and is missing" "" "$(missing "$work/by_then")"
equal "what came after and is there" "" "$(comm -12 <(sort "$work/after") <(sql "SELECT message_id FROM chat_messages" | sort))"
aside=$(sed -n 's/^The old data are in \([^ ]*\)\. .*/\1/p' "$work/told")
[[ -e $aside/PG_VERSION ]] || die "the old data are not in '$aside'"
"$hermes" send --from fredy --to david "On timeline 3" --wait received_by_server >/dev/null
# Forward to what was left behind by that: the archive knows on which timeline the system was when.
run_chat restore "$work/backup" --at "$later" >"$work/told" || die "$(cat "$work/told")"
equal "what was acknowledged on the timeline that was left, and is missing" "" "$(eventually projected && missing "$work/after")"
equal "what came on another timeline" 0 "$(sql "SELECT count(*) FROM chat_messages WHERE content = 'On timeline 3'")"
run_chat backup "$work/backup" >/dev/null

# An empty machine: no settings, no data. The archive that it comes from is left alone.
archived=$(cat "$work/backup/timelines" "$work/backup/hermes-backup")
count=$(sql "SELECT count(*) FROM chat_messages")
HERMES_STATE_DIR=$work/drill run_chat restore "$work/backup" >"$work/told" || die "$(cat "$work/told")"
contains "what a drill tells" "No WAL is archived here" "$(cat "$work/told")"
equal "its messages" "$count" "$(HERMES_STATE_DIR=$work/drill sql "SELECT count(*) FROM chat_messages")"
equal "the archive's notes" "$archived" "$(cat "$work/backup/timelines" "$work/backup/hermes-backup")"
said=$(HERMES_STATE_DIR=$work/drill run_chat backup "$work/backup" 2>&1) && die "a drill takes the archive over"
contains "what a drill is told" "belongs to the system of" "$said"

# No password: in no file of the backup, in no log, in no line.
for state in "$HERMES_STATE_DIR" "$work/drill"; do
  password=$(source "$state/env" && echo "$POSTGRES_PASSWORD")
  grep -rqF "$password" "$work/backup" "$state/log" "$work/told" && die "the password of $state is in the backup, a log or what is told"
  for file in "$work"/backup/base/*/*.gz "$work"/backup/wal/*.gz; do
    zcat "$file" | grep -qaF "$password" && die "$file holds the password of $state"
  done
done
exit 0
