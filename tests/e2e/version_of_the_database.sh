#!/bin/bash
# run_chat.sh starts the PostgreSQL that made the data folder, whatever newer one has been installed since, and takes no folder
# without a server for one. Shown with programs that only say their version.
source "$(dirname "$0")/lib.sh"

state=$HERMES_STATE_DIR
source "$checkout/scripts/common.sh"
source "$checkout/scripts/native.sh"
as_postgres() { "$@"; }  # the data folder is ours here
postgres_folders() { printf '%s\n' "$work"/postgresql/*/bin; }

install_version() {  # MAJOR PROGRAM...
  local program bin=$work/postgresql/$1/bin
  mkdir -p "$bin"
  for program in "${@:2}"; do
    printf '#!/bin/sh\necho "%s (PostgreSQL) %s.4 (Debian %s.4-1)"\n' "$program" "$1" "$1" >"$bin/$program"
    chmod +x "$bin/$program"
  done
}

contains "without any" "PostgreSQL is not installed" "$(postgres_bin 2>&1)"
install_version 9 postgres initdb psql
install_version 15 postgres initdb psql
install_version 17 psql pg_dump  # the client alone
equal "for a new database" "$work/postgresql/15/bin" "$(postgres_bin)"
install_version 18 postgres initdb psql
equal "for a new database" "$work/postgresql/18/bin" "$(postgres_bin)"
mkdir -p "$state/postgres"
echo 15 >"$state/postgres/PG_VERSION"
equal "for a database of 15" "$work/postgresql/15/bin" "$(postgres_bin)"
rm -r "$work/postgresql/15"
contains "when 15 is gone" "apt-get install postgresql-15" "$(postgres_bin 2>&1)"
