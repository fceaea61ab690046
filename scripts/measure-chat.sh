#!/bin/bash
# Measures what a user of the chat client waits for, on services of its own that are gone afterwards:
#   - a key press until its echo is on the screen, while messages come in
#   - `hermes chat` until its first prompt
#   - ./run_chat.sh start on a built tree, the first time (it makes the database) and again
# Prints a table, or with --json one object.
# usage: scripts/measure-chat.sh [--keys 400] [--starts 20] [--per-second 200] [--json]
source "$(dirname "$0")/../tests/e2e/lib.sh"

command -v python3 >/dev/null || die "python3 is needed. Try: apt-get install python3"
command -v mosquitto_pub >/dev/null || die "mosquitto_pub is needed. Try: scripts/install-dependencies.sh"
[[ " $* " == *" --help "* || " $* " == *" -h "* ]] && exec python3 "$checkout/scripts/measure_chat.py" --help
arguments=$(python3 "$checkout/scripts/measure_chat.py" --check "$@") || exit 2

# The tree is built first, so that what is timed is a start alone. It includes the look whether the build is up to date.
if [[ $hermes == "$checkout/build/release/hermes" && -f $checkout/build/release/build.ninja ]]; then
  ninja --quiet -C "$checkout/build/release" hermes >"$work/build.log" || die "it does not build: $(tail -n 20 "$work/build.log")"
  unset HERMES_COMMAND
fi
[[ -x $hermes ]] || die "there is no $hermes. Try: ./run_chat.sh start"

seconds_of_start() {
  local began=$EPOCHREALTIME
  run_chat start >"$work/start.log" || die "the services do not start: $(tail -n 3 "$work/start.log")"
  awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'
}
first_start=$(seconds_of_start)
run_chat stop >/dev/null
next_start=$(seconds_of_start)

set -a
source "$HERMES_STATE_DIR/env"
set +a
# shellcheck disable=SC2086 # words that --check has looked at
python3 "$checkout/scripts/measure_chat.py" $arguments --hermes "$hermes" --start-first-s "$first_start" --start-again-s "$next_start"
