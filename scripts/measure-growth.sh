#!/bin/bash
# Measures whether Hermes stays as fast and as small as it was while its log grows: messages through broker, log and projectors
# until the log holds the events asked for, a line for each part of them. Then the same messages, in turn, to this system and to a young
# one beside it whose log has a tenth of the events: what an event costs in the one and in the other. At last verify, rebuild and export
# of the whole. On services of its own that are gone afterwards. Ten million events take about half an hour and 18 GB in the temporary folder.
# usage: scripts/measure-growth.sh [--events 10000000] [--parts 10] [--pairs 10] [--json]
source "$(dirname "$0")/../tests/e2e/lib.sh"

command -v python3 >/dev/null || die "python3 is needed. Try: apt-get install python3"
[[ " $* " == *" --help "* || " $* " == *" -h "* ]] && exec python3 "$checkout/scripts/measure_growth.py" --help
[[ -x $hermes ]] || die "there is no $hermes. Try: ./run_chat.sh start"

for system in state young; do
  HERMES_STATE_DIR=$work/$system run_chat start >"$work/start.log" || die "the services do not start: $(tail -n 3 "$work/start.log")"
done
python3 "$checkout/scripts/measure_growth.py" --hermes "$hermes" --grown "$work/state" --young "$work/young" "$@"
