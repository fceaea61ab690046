#!/bin/bash
# The queries of docs/analytics.md, as they stand on the page, on files of hermes export.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/npm.sh"

clients=$(npm_clients) || skip "npm cannot install DuckDB (is there a network?)"

run_chat start >/dev/null
mkfifo "$work/keyboard"
run_chat attach-subscriber <"$work/keyboard" >"$work/screen" 2>&1 &
david=$!
exec 5>"$work/keyboard"
at_exit+=('kill "$david" 2>/dev/null')
for id in m-1 m-2; do "$hermes" send --from fredy --to david --id "$id" "Hello" --wait read --timeout 60s >/dev/null; done
"$hermes" send --from fredy --to erin --id m-3 "Nobody is there" >/dev/null
"$hermes" send --from david --to all --id m-4 "A broadcast is no pair" >/dev/null
expect_rows 12 "SELECT count(*) FROM message_status"

"$hermes" export chat_messages message_status --directory "$work/export" 2>/dev/null
(cd "$work" && node "$clients/analytics.mjs" "$checkout/docs/analytics.md") >"$work/answers"
equal "queries on the page" 5 "$(wc -l <"$work/answers")"
answer() { sed -n "$1p" "$work/answers" | node -e "const rows = JSON.parse(require('fs').readFileSync(0)); console.log($2)"; }
equal "messages per hour" 4 "$(answer 1 'rows.reduce((sum, row) => sum + Number(row.messages), 0)')"
equal "time to read" "fredy david 2 true" \
  "$(answer 2 'rows.map((row) => `${row.sender_id} ${row.receiver_id} ${row.messages_read} ${row.median_ms > 0 && row.p99_ms >= row.median_ms}`).join()')"
equal "unread" "erin 1" "$(answer 3 'rows.map((row) => `${row.receiver_id} ${row.unread}`).join()')"
equal "slowest deliveries" "m-1 m-2 true" \
  "$(answer 4 'rows.map((row) => row.message_id).sort().join(" ") + " " + (Number(rows[0].delivered_after_ms) >= Number(rows[1].delivered_after_ms))')"
equal "busiest pairs" "david fredy 2,erin fredy 1" "$(answer 5 'rows.map((row) => `${row.one} ${row.other} ${row.messages}`).join()')"

echo quit >&5
exec 5>&-
wait "$david"
