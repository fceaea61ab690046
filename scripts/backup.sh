# Sourced by run_chat.sh: backups of the private database (docs/backup.md); restore.sh is the way back. A backup folder holds
#
#   hermes-backup     what this folder is, as NAME=value lines; made last, so that a folder without it is none
#   archive-wal.sh    PostgreSQL's archive_command, a copy: user postgres may not be able to reach this checkout
#   wal/              WAL files, compressed, and `list`, the name of each that came
#   base/TIME/        a base backup: base.tar.gz, pg_wal.tar.gz, backup_manifest, anchor.json, and `info`: NAME=value lines
#   anchor.json       the log's head hashes as the last backup found them
#   timelines         "TIMELINE SINCE" lines: on which timeline the system was when
#   settings          what a machine without settings needs to know
#
# It holds no password: the restored database is given the one of the settings on the machine, or a new one.

segment_bytes=$((16 << 20))   # of a WAL file; initdb's default, and make_cluster has no other
archive_seconds_max=60        # a WAL file goes to the archive after this time also when it is not full: what a lost disk can lose
archive_wait_seconds_max=120  # for a file that is due, without any that failed

# Said to the user, and what a size is there.
size_text() { numfmt --to=iec-i --suffix=B --format=%.1f "$1"; }
size_of() { du --summarize --bytes "$1" | cut -f1; }  # of a folder that we can read
now_utc() { date -u +%Y-%m-%dT%H:%M:%S.%6NZ; }

# One value of a file of NAME=value lines; empty when it is not there. Never run as a script: others may have written it.
value_in() { as_postgres sed -n "s/^$2=//p" "$1" | head -n 1; }  # FILE NAME

# The folder, absolute. PostgreSQL runs commands with its name in them, so not every name will do.
backup_folder_named() {  # NAME
  local folder
  [[ -n $1 ]] || fail "the name of the backup folder is empty" 2
  folder=$(realpath -m -- "$1")
  [[ $folder != *[\'\"\\\$\`%]* && $folder != *$'\n'* ]] || fail "the backup folder's name holds a character that is special to a shell: choose another" 2
  [[ $folder != / && $folder/ != "$state"/* ]] || fail "$folder is in the state folder, which a backup is there to survive: choose another" 2
  printf '%s\n' "$folder"
}

one_backup_at_a_time() {
  exec {backup_lock}>"$state/backup.lock"
  flock --nonblock "$backup_lock" || fail "another backup or restore of $state is under way"
}

system_of() {  # DATA FOLDER: what tells one cluster from another
  LC_ALL=C as_postgres "$(postgres_bin)/pg_controldata" "$1" | sed -n 's/^Database system identifier: *//p'
}

backup_sql() {  # SQL
  PGPASSWORD=$POSTGRES_PASSWORD "$(postgres_bin)/psql" -XAtq --no-password --host=127.0.0.1 --port="$POSTGRES_PORT" \
    --username=hermes_backup --dbname="$POSTGRES_DB" -c "$1"
}

# --- the settings of the archive

# In postgresql.auto.conf, which outlives a restart and is copied with the data.
write_archive_settings() {  # DATA FOLDER, COMMAND, SECONDS
  as_postgres bash -c 'umask 077; { grep -vE "^archive_(mode|command|timeout) " "$1"; cat; } >"$1.new"; mv "$1.new" "$1"' \
    write "$1/postgresql.auto.conf" <<CONF
archive_mode = 'on'
archive_command = '$2'
archive_timeout = '$3'
CONF
}

archive_command_of() { printf 'sh "%s/archive-wal.sh" "%s/wal" %%p %%f' "$1" "$1"; }

archives_by() { [[ $(backup_sql "SELECT current_setting('archive_command') || ' ' || extract(epoch FROM current_setting('archive_timeout')::interval)::int") == "$1 $2" ]]; }

# Of the running database. Nothing of it is lost meanwhile: what is not archived waits in pg_wal.
archive_by() {  # COMMAND SECONDS
  archives_by "$1" "$2" && return
  write_archive_settings "$(data_folder)" "$1" "$2"
  kill -HUP "$(pid_of db)"
  wait_until 30 archives_by "$1" "$2" || fail "the database does not take its new archive_command. See: ./run_chat.sh logs db"
}

# A name that is due in the archive.
is_archived_or_fails() {  # FOLDER NAME SINCE
  as_postgres test -e "$1/wal/$2.gz" && return
  failed_wal=$(backup_sql "SELECT last_failed_wal FROM pg_stat_archiver WHERE last_failed_time > greatest(last_archived_time, '$3')")
  [[ -n $failed_wal ]]
}

wait_until_archived() {  # FOLDER NAME
  local failed_wal="" since
  since=$(backup_sql "SELECT clock_timestamp()")
  wait_until "$archive_wait_seconds_max" is_archived_or_fails "$1" "$2" "$since" || fail "$2 is not in $1/wal after $archive_wait_seconds_max s. See: ./run_chat.sh logs db"
  [[ -z $failed_wal ]] || fail "the database cannot archive $failed_wal into $1/wal: $(grep archive-wal: "$state/log/db.log" | tail -n 1). Is the disk full?"
}

# --- positions in the WAL

lsn_value() { echo $(((16#${1%/*} << 32) + 16#${1#*/})); }  # "1/2A000028"
segment_name() { printf '%08X%08X%08X\n' "$1" $(($2 / 256)) $(($2 % 256)); }  # TIMELINE NUMBER; 256 of 16 MiB are 4 GiB
segment_number() { echo $((16#${1:8:8} * 256 + 16#${1:16:8})); }  # NAME

# --- backup

do_backup() {
  [[ $# == 1 && $1 != -* ]] || fail "backup needs one folder. Try: ./run_chat.sh backup /mnt/backup/hermes" 2
  require_running_settings
  local folder begin=$SECONDS
  folder=$(backup_folder_named "$1")
  one_backup_at_a_time
  is_running db || fail "the database does not run. Try: ./run_chat.sh start" 3
  can_back_up || make_able_to_back_up
  take_folder "$folder"
  back_up_into "$folder"
  say "Done in $((SECONDS - begin)) s. From now on WAL goes to $folder/wal, at the latest after $archive_seconds_max s."
  say "Anchor: $folder/anchor.json. Keep a copy where the database's administrators cannot write (docs/backup.md)."
}

can_back_up() { [[ $(backup_sql "SHOW archive_mode" 2>/dev/null) == on ]]; }

# A database that was made or started by a version without backups has no role for them, or archives nothing.
make_able_to_back_up() {
  say "This database was started before it could be backed up: restarting everything"
  (do_stop) >/dev/null
  set_passwords
  "$checkout/run_chat.sh" start {backup_lock}>&- >/dev/null || fail "it does not start again. See: ./run_chat.sh start"
  load_settings
  can_back_up || fail "role hermes_backup cannot log in to the database. See: ./run_chat.sh logs db"
}

# Makes an empty folder a backup folder, or makes sure that it is ours.
take_folder() {  # FOLDER
  local folder=$1 system
  system=$(system_of "$(data_folder)")
  if [[ -d $folder ]] && as_postgres test -e "$folder/hermes-backup"; then
    [[ $(value_in "$folder/hermes-backup" format) == 1 ]] || fail "$folder was made by another version of Hermes: choose another folder"
    [[ $(value_in "$folder/hermes-backup" system) == "$system" ]] || fail "$folder holds the backups of another database: choose another folder"
    local owner
    owner=$(value_in "$folder/hermes-backup" owner)
    [[ $owner == "$(owner_name)" ]] ||
      fail "$folder belongs to the system of $owner. If that one is gone for good, write owner=$(owner_name) into $folder/hermes-backup; otherwise choose another folder"
  else
    [[ ! -e $folder || -d $folder ]] || fail "$folder is no folder"
    [[ ! -d $folder || -z $(ls -A "$folder") ]] || fail "$folder holds something else. Give backups an empty folder, or one that is not there yet"
    mkdir -p "$folder"
    [[ $(id -u) == 0 ]] && chown postgres: "$folder"
    if ! as_postgres test -w "$folder"; then
      rmdir "$folder"
      fail "the database runs as user $(as_postgres id -un), who cannot write to $folder: choose a folder below one that this user may pass"
    fi
    as_postgres mkdir -m 700 "$folder/wal" "$folder/base"
  fi
  as_postgres chmod 700 "$folder"
  write_into "$folder/archive-wal.sh" <"$checkout/scripts/archive-wal.sh"
  write_into "$folder/settings" <<<"MQTT_TOPIC=$MQTT_TOPIC"
  printf '%s\n' format=1 "system=$system" "postgresql=$(as_postgres cat "$(data_folder)/PG_VERSION")" "owner=$(owner_name)" |
    write_into "$folder/hermes-backup"
}

owner_name() { echo "$(uname -n):$state"; }
write_into() { as_postgres sh -c 'umask 077; cat >"$1.new" && mv "$1.new" "$1"' write "$1"; }  # FILE <CONTENT

back_up_into() {  # FOLDER
  local folder=$1 anchor base began report bin timeline start stop progress=()
  base=$folder/base/$(date -u +%Y%m%dT%H%M%S.%3NZ)  # their names sort by time
  began=$(now_utc)
  anchor=$(mktemp -d "$state/backup.XXXXXX")
  # shellcheck disable=SC2064  # the names of now
  trap "rm -rf '$anchor'; as_postgres rm -rf '$base.new'" EXIT

  # Before the base begins: whatever can be restored from it has all that the anchor tells of.
  say "1 of 3: the hash chain of the log, and that nothing before the last backup has changed"
  as_postgres cat "$folder/anchor.json" >"$anchor/anchor.json" 2>/dev/null || rm -f "$anchor/anchor.json"
  report=$("$hermes" verify --only chain --anchor "$anchor/anchor.json") ||
    fail "hermes verify did not find the log in order, so no backup was made; the former ones are as they were. $(tail -n 5 <<<"$report")"
  say "  $(grep -m 1 'All is well' <<<"$report")"

  say "2 of 3: the database, $(size_text "$(backup_sql "SELECT sum(pg_database_size(oid)) FROM pg_database")")"
  archive_by "$(archive_command_of "$folder")" "$archive_seconds_max"
  bin=$(postgres_bin)
  [[ -t 2 ]] && progress=(--progress)
  PGPASSWORD=$POSTGRES_PASSWORD as_postgres "$bin/pg_basebackup" --pgdata="$base.new" --format=tar --compress=1 --wal-method=stream \
    --checkpoint=fast --manifest-checksums=SHA256 --no-password "${progress[@]}" \
    --host=127.0.0.1 --port="$POSTGRES_PORT" --username=hermes_backup ||
    fail "pg_basebackup failed (its words are above); the former backups are as they were"
  read -r timeline start stop < <(as_postgres cat "$base.new/backup_manifest" |
    sed -nE 's|.*"Timeline": ([0-9]+), "Start-LSN": "([0-9A-F/]+)", "End-LSN": "([0-9A-F/]+)".*|\1 \2 \3|p')
  printf '%s\n' "timeline=$timeline" "start=$start" "stop=$stop" "finished=$(now_utc)" \
    "bytes=$(as_postgres cat "$base.new/backup_manifest" | grep -oE '"Size": [0-9]+' | awk '{ sum += $2 } END { printf "%d", sum }')" |
    write_into "$base.new/info"

  say "3 of 3: the WAL of the meantime"
  wait_until_archived "$folder" "$(segment_name "$timeline" $((($(lsn_value "$stop") - 1) / segment_bytes)))"
  write_into "$base.new/anchor.json" <"$anchor/anchor.json"
  as_postgres mv "$base.new" "$base"
  write_into "$folder/anchor.json" <"$anchor/anchor.json"
  note_timeline "$folder" "$timeline" "$began"
  set_setting HERMES_BACKUP_DIR "$folder"
  set_setting HERMES_ANCHOR "$folder/anchor.json"
  say "  $base: $(size_text "$(size_of "$base")"), unpacked $(size_text "$(value_in "$base/info" bytes)")"
  rm -rf "$anchor"
  trap - EXIT
}

note_timeline() {  # FOLDER TIMELINE SINCE
  as_postgres grep -q "^$2 " "$1/timelines" 2>/dev/null || echo "$2 $3" | as_postgres sh -c 'umask 077; cat >>"$1"' note "$1/timelines"
}
