#!/bin/bash
# A second start changes nothing, stop leaves no process behind, and what was written is there after the next start.
source "$(dirname "$0")/lib.sh"

running() { run_chat status | grep running; }

run_chat start >/dev/null
run_chat status >/dev/null || die "status has no 0 after start: $(run_chat status)"
first=$(running)
equal "the number of processes" 5 "$(wc -l <<<"$first")"
"$hermes" send --from fredy --to david "Keep me" --wait received_by_server >/dev/null

run_chat start >/dev/null
equal "what runs after a second start" "$first" "$(running)"

run_chat stop >/dev/null
equal "processes left behind" "" "$(processes_of_state)"
run_chat status >/dev/null && die "status has 0 although nothing runs"
run_chat stop >/dev/null  # harmless

run_chat start >/dev/null
expect_rows "Keep me" "SELECT content FROM chat_messages"

# A service that died comes back by the next start, alone.
broker=$(running | grep broker)
kill -KILL "$(awk '/ingester/ { print $NF }' <<<"$(running)")"
run_chat start >/dev/null
equal "the number of processes" 5 "$(running | wc -l)"
equal "the broker" "$broker" "$(running | grep broker)"

old=$(running)
run_chat restart >/dev/null
equal "the number of processes" 5 "$(running | wc -l)"
[[ $(running) != "$old" ]] || die "restart left the old processes"
expect_rows "Keep me" "SELECT content FROM chat_messages"
