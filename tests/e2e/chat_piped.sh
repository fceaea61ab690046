#!/bin/bash
# What a script on a pipe can rely on: a wrong setting ends the client at once with a line that names it, and the exit code says whether
# every command was carried out. Needs no services.
source "$(dirname "$0")/lib.sh"

export HERMES_OUTBOX_DIR=$work/outbox
code_of() {  # LINES ARGUMENTS...
  local lines=$1 code=0
  shift
  printf '%s' "$lines" | "$hermes" chat --mqtt-port 1 "$@" >"$work/output" 2>"$work/errors" || code=$?
  echo "$code"
}

for url in ftp://x notaurl '' http://127.0.0.1:99999 http://127.0.0.1:8480/v1; do
  equal "the exit code for the query URL '$url'" 2 "$(code_of "" --user x --query-url "$url")"
  contains "the error" "'$url' is no address of a query service" "$(cat "$work/errors")"
done
equal "the exit code for a URL in the environment" 2 "$(HERMES_QUERY_URL=ftp://x code_of "" --user x)"
equal "the exit code for a user with a blank" 2 "$(code_of "" --user 'x ')"
contains "the error" "contains a blank" "$(cat "$work/errors")"

equal "the exit code of good commands" 0 "$(code_of $'help\nstatus\nto david\n' --user x --query-url http://127.0.0.1:1/)"
equal "the exit code of a wrong command" 1 "$(code_of $'hist\nhelp\n' --user x)"
contains "what is said of it" "Did you mean 'history'?" "$(cat "$work/output")"
contains "the error" "1 command could not be carried out" "$(cat "$work/errors")"
equal "the exit code without a query service" 1 "$(code_of $'users\n' --user x --query-url http://127.0.0.1:1)"
