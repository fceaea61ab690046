# Sourced by every test here: a state folder of its own, run_chat.sh on it, and an end that leaves nothing behind.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ ${HERMES_TEST_ENVIRONMENT:-} == clean ]] || exec "$checkout/tests/clean_environment.sh" "$0" "$@"
export HERMES_COMMAND=${HERMES_COMMAND:-$checkout/build/release/hermes}
hermes=$HERMES_COMMAND
work=$(mktemp -d "${TMPDIR:-/tmp}/hermes-e2e.XXXXXX")
chmod 711 "$work"
export HERMES_STATE_DIR=$work/state
unset HERMES_CONFIG  # the settings of a state folder are found without it

run_chat() { "$checkout/run_chat.sh" "$@"; }

die() {
  echo "FAILED (line ${BASH_LINENO[0]}): $*" >&2
  exit 1
}

skip() {  # ctest shows it as skipped, with the reason in its log
  echo "SKIPPED: $*"
  exit 77
}

equal() {  # WHAT EXPECTED ACTUAL
  [[ $2 == "$3" ]] || { printf 'FAILED (line %s): %s\nexpected: %s\nactual:   %s\n' "${BASH_LINENO[0]}" "$1" "$2" "$3" >&2; exit 1; }
}

contains() {  # WHAT NEEDLE HAYSTACK
  [[ $3 == *"$2"* ]] || { printf 'FAILED (line %s): %s lacks: %s\nit is: %s\n' "${BASH_LINENO[0]}" "$1" "$2" "$3" >&2; exit 1; }
}

eventually() {  # COMMAND...: within a generous minute
  local deadline=$((SECONDS + 60))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

sql() { run_chat psql -AtqX -c "$1"; }
sql_is() { [[ $(sql "$1") == "$2" ]]; }

# Waits until the query answers EXPECTED, and says what it answered when it does not.
expect_rows() {  # EXPECTED SQL
  eventually sql_is "$2" "$1" || equal "$2" "$1" "$(sql "$2")"
}

# Every process that was started with our state folder in its environment.
processes_of_state() {
  local environ
  for environ in /proc/[0-9]*/environ; do
    if grep -qzxF "HERMES_STATE_DIR=$HERMES_STATE_DIR" "$environ" 2>/dev/null; then
      ps -o pid=,comm= -p "$(basename "$(dirname "$environ")")" | grep -E 'postgres|mosquitto|hermes' || true
    fi
  done
}

# Ends every system that was started with a folder of $work as its state folder, and removes them with all that they keep.
remove_all() {
  local state
  for state in "$work"/*/; do
    state=${state%/}
    [[ -d $state/run ]] && HERMES_STATE_DIR=$state run_chat stop >/dev/null
    [[ -L $state/postgres ]] && rm -rf "$(realpath "$state/postgres")"
  done
  rm -rf "$work"
}

# When the test itself is killed, nobody runs finish(): a watcher in a session of its own removes all then.
setsid bash -c "$(declare -f run_chat remove_all)"'
  checkout=$1 work=$2
  while kill -0 '$$' 2>/dev/null; do sleep 1; done
  remove_all
' watcher "$checkout" "$work" </dev/null >/dev/null 2>&1 &
disown

at_exit=()
finish() {
  local code=$?
  set +e
  local command
  for command in "${at_exit[@]}"; do eval "$command"; done
  if [[ $code != 0 && $code != 77 && -d $HERMES_STATE_DIR/log ]]; then
    tail -n 20 "$HERMES_STATE_DIR"/log/*.log >&2
  fi
  remove_all
  exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
