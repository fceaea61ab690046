#!/bin/bash
# hermes send for scripts: standard input, how far to wait, and what its exit code says.
source "$(dirname "$0")/lib.sh"

code_of() {  # COMMAND...: its exit code, whatever it is; what it said is in $work/said
  local code=0
  "$@" >"$work/said" 2>&1 || code=$?
  echo "$code"
}

run_chat start >/dev/null
printf 'first line\n\nsecond line\nlast, without an end' | "$hermes" send --from fredy --to david >"$work/ids"
equal "ids printed" 3 "$(sort -u "$work/ids" | wc -l)"
expect_rows "first line|second line|last, without an end" "SELECT string_agg(content, '|' ORDER BY created_at) FROM chat_messages"

equal "no client of David: exit code" 1 \
  "$(code_of "$hermes" send --from fredy --to david --wait delivered --timeout 3s "Anybody there?")"
contains "what it says" "came as far as received_by_server" "$(cat "$work/said")"

mkfifo "$work/keyboard"
run_chat attach-subscriber <"$work/keyboard" >"$work/screen" 2>&1 &
david=$!
exec 5>"$work/keyboard"
at_exit+=('kill "$david" 2>/dev/null')
equal "delivered: exit code" 0 "$(code_of "$hermes" send --from fredy --to david --wait delivered --timeout 60s "One")"
equal "read: exit code" 0 "$(code_of "$hermes" send --from fredy --to david --wait read --timeout 60s "Two")"
contains "as JSON" '"status":"read"' "$("$hermes" send --from fredy --to david --wait read --timeout 60s --json "Three")"
equal "a wait that is none: exit code" 2 "$(code_of "$hermes" send --from fredy --to david --wait seen "Four")"
echo quit >&5
exec 5>&-
wait "$david"

# Services away, then the broker too: kept, and sent with the next call.
run_chat stop >/dev/null
equal "no broker: exit code" 3 "$(code_of "$hermes" send --from fredy --to david --timeout 300ms "Later")"
contains "what it says" "kept in the outbox" "$(cat "$work/said")"
run_chat start >/dev/null
"$hermes" send --from fredy --to david "Now" >/dev/null
expect_rows 2 "SELECT count(*) FROM chat_messages WHERE content IN ('Later', 'Now')"
