#!/bin/bash
# A mistake gets one line that says what to do, and a code of its own.
source "$(dirname "$0")/lib.sh"

complains() {  # CODE PART ARGUMENTS...
  local code=$1 part=$2 actual=0
  shift 2
  run_chat "$@" >"$work/output" 2>"$work/errors" || actual=$?
  equal "the exit code of $*" "$code" "$actual"
  contains "the error of $*" "$part" "$(cat "$work/errors")"
}

complains 2 "usage:"
complains 2 "no command 'strat'. Try:" strat
complains 2 "attach needs one user" attach
complains 1 "Try: ./run_chat.sh start" status
complains 1 "Try: ./run_chat.sh start" attach-publisher
complains 1 "Try: ./run_chat.sh start" logs
HERMES_RUNTIME=podman complains 2 "native or docker" start
run_chat help >"$work/output"
contains "the help" "attach-subscriber" "$(cat "$work/output")"
