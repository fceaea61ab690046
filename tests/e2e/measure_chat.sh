#!/bin/bash
# scripts/measure-chat.sh measures something: every key comes back, while messages come in at about the rate that was asked for.
source "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"

measured=$("$checkout/scripts/measure-chat.sh" --keys 30 --starts 2 --per-second 50 --json)
python3 - "$measured" <<'PYTHON' || die "not what was asked for: $measured"
import json, sys
figures = json.loads(sys.argv[1])
assert figures["keys"] == 30 and figures["starts"] == 2
assert 0 < figures["echo_ms_p50"] <= figures["echo_ms_p99"] <= figures["echo_ms_max"]
assert 0 < figures["prompt_ms_median"] <= figures["prompt_ms_max"]
assert figures["start_first_s"] > 0 and figures["start_again_s"] > 0
assert figures["messages_shown_per_s"] > 5
PYTHON

code=0
"$checkout/scripts/measure-chat.sh" --keys 0 >"$work/output" 2>&1 || code=$?
equal "exit code for no keys" 2 "$code"
contains "what it says" "must be from 1" "$(cat "$work/output")"
