#!/bin/bash
# Runs Hermes on this machine: a broker, a database and the two services, private to a state folder (.hermes, or
# HERMES_STATE_DIR), on loopback only. See docs/running.md.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$checkout/scripts/common.sh"
source "$checkout/scripts/processes.sh"
source "$checkout/scripts/native.sh"
source "$checkout/scripts/backup.sh"
source "$checkout/scripts/restore.sh"

usage() {
  cat <<'TEXT'
usage: ./run_chat.sh COMMAND

  start              install what is missing, build, start everything, wait until it is healthy
  attach-publisher   chat as Fredy
  attach-subscriber  chat as David
  attach USER        chat as USER
  status             what runs, and how far behind it is
  logs [SERVICE]     what the services say: ingester, projector, query, broker, db (all by default)
  psql [ARGUMENTS]   psql on the private database
  stop               stop everything; messages and state stay
  restart            stop and start
  backup FOLDER      a base backup of the database into FOLDER, and from then on its WAL
  restore FOLDER [--at TIME]
                     the database as the backup has it, at its end or as of TIME; what was there is kept aside
  test               build and run every test
  test-docker        the same system in containers, tested

HERMES_STATE_DIR   the state folder (.hermes)
HERMES_RUNTIME     native (default), or docker: the commands act on containers (docker-compose.yml)
TEXT
}

main() {
  local command=${1:-}
  [[ $# -gt 0 ]] && shift
  case ${HERMES_RUNTIME:-native} in
    native) ;;
    docker) source "$checkout/scripts/docker.sh" ;;  # its functions take the place of the native ones
    *) fail "HERMES_RUNTIME is '$HERMES_RUNTIME'. Use native or docker" 2 ;;
  esac
  case $command in
    start | status | stop | restart)
      [[ $# == 0 ]] || fail "$command takes no arguments: it is about all that run_chat.sh starts" 2
      "do_$command"
      ;;
    psql | logs | backup | restore) "do_$command" "$@" ;;
    attach-publisher) do_attach fredy Fredy ;;
    attach-subscriber) do_attach david David ;;
    attach)
      [[ $# == 1 ]] || fail "attach needs one user. Try: ./run_chat.sh attach anna" 2
      do_attach "$1" "${1^}"
      ;;
    test) exec "$checkout/scripts/test.sh" "$@" ;;
    test-docker) exec "$checkout/scripts/test-docker.sh" "$@" ;;
    help | -h | --help) usage ;;
    "") usage >&2; exit 2 ;;
    *) fail "there is no command '$command'. Try: ./run_chat.sh help" 2 ;;
  esac
}

main "$@"
