#!/bin/bash
# Measures what readers notice of a rebuild: pgbench reads messages with their statuses at a steady rate, on services of its own
# that take in and project live messages, before, during and after `hermes rebuild chat`. A read's latency counts from when it was
# due, so that those who had to queue behind a blocked one are seen too. Prints a table; nothing is left behind.
# usage: scripts/measure-rebuild-readers.sh [MESSAGES_STORED [MESSAGES_PER_SECOND [READS_PER_SECOND]]]
source "$(dirname "$0")/../tests/e2e/lib.sh"

stored=${1:-200000} load=${2:-500} reads=${3:-200}
for number in "$stored" "$load" "$reads"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "'$number' is not a number. usage: $0 [MESSAGES_STORED [MESSAGES_PER_SECOND [READS_PER_SECOND]]]" >&2; exit 2; }
done
seconds_around=10  # before and after the rebuild
pgbench=$(command -v pgbench || find /usr/lib/postgresql/*/bin -name pgbench | sort -V | tail -n 1)
[[ -n $pgbench ]] || die "there is no pgbench; it comes with the package of the PostgreSQL server"

run_chat start >/dev/null
set -a
source "$HERMES_STATE_DIR/env"
PGHOST=127.0.0.1 PGPORT=$POSTGRES_PORT PGUSER=$POSTGRES_USER PGPASSWORD=$POSTGRES_PASSWORD PGDATABASE=$POSTGRES_DB
set +a
publish() { "$hermes" bench load --port "$MQTT_BROKER_PORT" "$@"; }
caught_up() { sql_is "SELECT coalesce(sum(events_behind), 1) = 0 AND (SELECT count(*) FROM chat_messages) >= $stored FROM projection_lag" t; }

publish --count "$stored" --prefix stored >/dev/null
eventually caught_up || eventually caught_up || eventually caught_up || die "the projector does not catch up"
sql "ANALYZE chat_messages, message_status" >/dev/null

publish --count 1000000000 --per-second "$load" --prefix live >/dev/null &
publisher=$!
at_exit+=("kill $publisher 2>/dev/null")
cat >"$work/read.sql" <<'SQL'
\set start random(0, 4294967295)
SELECT message_id, content, status, user_id, timestamp
FROM (SELECT * FROM chat_messages WHERE id >= (lpad(to_hex(:start::bigint), 8, '0') || '-0000-0000-0000-000000000000')::uuid
      ORDER BY id LIMIT 1) AS message
JOIN message_status USING (message_id);
SQL
"$pgbench" --no-vacuum --file "$work/read.sql" --client 8 --rate "$reads" --time 3600 --log --log-prefix "$work/reads" \
  >"$work/pgbench" 2>&1 &
readers=$!
at_exit+=("kill $readers 2>/dev/null")

sleep "$seconds_around"  # lengths of a measurement, not waits for something
began=$EPOCHREALTIME
"$hermes" rebuild chat --json | while IFS= read -r line; do echo "$EPOCHREALTIME $line"; done >"$work/phases"
ended=$EPOCHREALTIME
sleep "$seconds_around"
kill -ALRM "$readers"  # as if its time were over: it writes its log to the end
wait "$readers" || die "the readers failed: $(tail -n 5 "$work/pgbench")"
kill "$publisher"

phase_began() { grep -m 1 -F "\"phase\":\"$1\"" "$work/phases" | cut -d ' ' -f 1; }
swap=$(phase_began swap) swapped=$(phase_began "clean up")
# A line of the log: client, number, microseconds, file, and when it ended: seconds, microseconds.
cat "$work"/reads.[0-9]* | awk -v began="$began" -v ended="$ended" -v swap="$swap" -v swapped="$swapped" -v folder="$work" '{
  end = $5 + $6 / 1e6; start = end - $3 / 1e6
  print $3 > (folder "/" (end < began ? "before" : start > ended ? "after" : start < swapped && end > swap ? "swap" : "during"))
}'

echo "$stored messages stored, $load a second coming in, $reads reads a second;" \
  "rebuild: $(awk -v a="$began" -v b="$ended" 'BEGIN { printf "%.1f s", b - a }')," \
  "swap: $(awk -v a="$swap" -v b="$swapped" 'BEGIN { printf "%.0f ms", (b - a) * 1000 }')," \
  "attempts: $(grep -o '"swap_attempts":[0-9]*' "$work/phases" | cut -d : -f 2)"
echo
echo "| reads | how many | p50 | p99 | max |"
echo "|---|---|---|---|---|"
for class in before during swap after; do
  case $class in during) name="during the rebuild" ;; swap) name="at the swap" ;; *) name="$class it" ;; esac
  touch "$work/$class"
  sort -n "$work/$class" | awk -v name="$name" '{ us[NR] = $1 }
    function at(share,  n) { n = int(NR * share); return sprintf("%.1f ms", us[n < NR * share ? n + 1 : n] / 1000) }
    END { if (NR) print "| " name " | " NR " | " at(0.5) " | " at(0.99) " | " at(1) " |"; else print "| " name " | 0 | | | |" }'
done
