#!/bin/sh
# The first start makes the cluster, its superuser POSTGRES_USER and the database POSTGRES_DB.
set -eu
data=/var/lib/postgresql/data/cluster
if [ ! -f "$data/ready" ]; then
  rm -rf "$data"
  printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile=/tmp/password --encoding=UTF8 --locale=C.UTF-8 --lc-collate=C \
    --auth-local=trust --auth-host=scram-sha-256
  rm /tmp/password
  echo "CREATE DATABASE \"$POSTGRES_DB\" OWNER \"$POSTGRES_USER\"" | postgres --single -D "$data" postgres
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  touch "$data/ready"
fi
unset POSTGRES_PASSWORD
[ "${1:-}" = postgres ] && shift
exec postgres -D "$data" -c listen_addresses='*' "$@"
