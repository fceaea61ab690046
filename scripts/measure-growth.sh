#!/bin/bash
# Measures whether Hermes stays as fast and as small as it was while its log grows: messages through broker, log and projectors
# until the log holds the events asked for, a line for each part of them; then verify, rebuild and export of the whole. On
# services of its own that are gone afterwards. Ten million events take about ten minutes and 15 GB in the temporary folder.
# usage: scripts/measure-growth.sh [--events 10000000] [--parts 10] [--json]
source "$(dirname "$0")/../tests/e2e/lib.sh"

command -v python3 >/dev/null || die "python3 is needed. Try: apt-get install python3"
[[ " $* " == *" --help "* || " $* " == *" -h "* ]] && exec python3 "$checkout/scripts/measure_growth.py" --help
[[ -x $hermes ]] || die "there is no $hermes. Try: ./run_chat.sh start"
run_chat start >"$work/start.log" || die "the services do not start: $(tail -n 3 "$work/start.log")"

set -a
source "$HERMES_STATE_DIR/env"
set +a
pids=$(run_chat status | awk '$2 == "running" { print "--" $1 "-pid", $4 }' | grep -E -- '--(db|ingester|projector)-pid')
# shellcheck disable=SC2086 # names and numbers
python3 "$checkout/scripts/measure_growth.py" --hermes "$hermes" $pids "$@"
