#!/bin/bash
# scripts/measure-growth.sh measures something: the logs hold what was asked for, and what it costs has a line.
source "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "python3 is not installed"

measured=$("$checkout/scripts/measure-growth.sh" --events 4000 --parts 2 --pairs 2 --json)
python3 - "$measured" <<'PYTHON' || die "not what was asked for: $measured"
import json, sys
figures = json.loads(sys.argv[1])
turns = figures["turns"]
assert figures["events"] == 4000 + turns["pairs"] * turns["events_a_turn"] and turns["pairs"] == 2
assert turns["young_events_in_log"] == 400 and turns["cpu_ratio_min"] <= turns["cpu_ratio_median"] <= turns["cpu_ratio_max"]
assert 1 <= len(figures["parts"]) <= 2 and figures["parts"][-1]["events_in_log"] == 4000
for part in figures["parts"]:
    assert part["events_per_s"] > 0 and part["ingester_mib"] > 1 and part["projector_mib"] > 1
assert set(figures["whole"]) == {"verify", "rebuild chat", "export log"}
assert all(command["seconds"] > 0 and command["resident_mib_max"] > 1 for command in figures["whole"].values())
PYTHON

code=0
"$checkout/scripts/measure-growth.sh" --events 0 >"$work/output" 2>&1 || code=$?
equal "exit code for no events" 2 "$code"
contains "what it says" "must be at least" "$(cat "$work/output")"
