# Sourced by run_chat.sh: the system on this machine, without containers.

services=(db broker ingester projector query)  # in the order of starting

do_start() {
  [[ ! -e $state/restoring || -n ${backup_lock:-} ]] ||
    fail "a restore was interrupted, and the old data are aside: $(cat "$state/restoring"). Restore again: that puts them back first"
  "$checkout/scripts/install-dependencies.sh"
  build
  make_state_folder
  exec {lock}>"$state/lock"
  flock "$lock"
  one_start_at_a_time
  choose_settings
  keep_ports "$POSTGRES_PORT" "$MQTT_BROKER_PORT" "$HERMES_WEBSOCKETS_PORT" \
    "$HERMES_INGESTER_PORT" "$HERMES_PROJECTOR_PORT" "$HERMES_QUERY_PORT"
  start_db
  start_broker
  "$hermes" migrate >>"$state/log/migrate.log" 2>&1 || fail "migrate failed: $(tail -n 1 "$state/log/migrate.log")"
  start_service ingester "$HERMES_INGESTER_PORT" ingest
  start_service projector "$HERMES_PROJECTOR_PORT" project
  start_service query "$HERMES_QUERY_PORT" serve
  wait_until_healthy ingester "$HERMES_INGESTER_PORT"
  wait_until_healthy projector "$HERMES_PROJECTOR_PORT"
  wait_until_healthy query "$HERMES_QUERY_PORT"
  # What the services say of themselves reaches the database a moment after they are ready. Anything else is for `status` to tell.
  wait_until 5 all_is_well || true
  exec {ports}<&-
  flock --unlock "$lock"
  say_what_next
}

do_stop() {
  [[ -d $state/run ]] || { say "Nothing runs in $state."; return; }
  exec {lock}>"$state/lock"
  flock "$lock"
  terminate query TERM 30
  terminate projector TERM 30
  terminate ingester TERM 30
  terminate broker TERM 30
  terminate db INT 60  # fast shutdown: it rolls back what is open and writes a checkpoint
  say "Stopped. Messages and settings stay in $state."
}

do_restart() {
  (do_stop)  # a subshell, so that its lock goes
  exec "$checkout/run_chat.sh" start
}

do_status() {
  require_running_settings
  local name pid all=0
  for name in "${services[@]}"; do
    if pid=$(pid_of "$name"); then
      say "$(printf '%-10s running  pid %s' "$name" "$pid")"
    else
      say "$(printf '%-10s stopped' "$name")"
      all=1
    fi
  done
  [[ $all == 0 ]] || { say "Try: ./run_chat.sh start"; return 1; }
  "$hermes" status
}

do_attach() {  # USER NAME
  require_running_settings
  is_running broker || fail "the broker does not run. Try: ./run_chat.sh start" 3
  CHAT_USER_ID=$1 CHAT_USER_NAME=$2 exec "$hermes" chat
}

do_logs() {
  [[ -d $state/log ]] || fail "there are no logs in $state. Try: ./run_chat.sh start"
  local files=("$state"/log/*.log) follow=()
  if [[ $# -gt 0 ]]; then
    [[ -f $state/log/$1.log ]] || fail "there is no log of '$1'. Services: ${services[*]}" 2
    files=("$state/log/$1.log")
  fi
  [[ -t 1 ]] && follow=(--follow=name)
  exec tail --lines=100 "${follow[@]}" "${files[@]}"
}

do_psql() {
  require_running_settings
  local bin
  bin=$(postgres_bin)
  PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT PGDATABASE=$POSTGRES_DB PGUSER=$POSTGRES_USER PGPASSWORD=$POSTGRES_PASSWORD \
    exec "$bin/psql" "$@"
}

any_is_running() {
  local name
  for name in "${services[@]}"; do
    is_running "$name" && return
  done
  return 1
}

build() {
  [[ -n ${HERMES_COMMAND:-} ]] && return
  if [[ ! -f $checkout/build/release/build.ninja ]]; then
    say "Building (some minutes, the first time only)"
    (cd "$checkout" && cmake --preset release >/dev/null)
  fi
  # A tree that somebody else built, and that we may not write to, is used as it is.
  [[ -w $checkout/build/release ]] || return 0
  # The first build takes minutes: whoever waits at a terminal sees how far it is.
  if [[ -t 1 && ! -e $checkout/build/release/hermes ]]; then
    NINJA_STATUS="Building %f of %t, %es: " ninja -C "$checkout/build/release" hermes
  else
    ninja --quiet -C "$checkout/build/release" hermes
  fi
}

make_state_folder() {
  mkdir -p "$state"/{log,run,spool}
  chmod 700 "$state"/{log,run,spool}
}

# Of all state folders on this machine: two starts at the same moment would find the same ports free. Opened for reading, so that
# every user may; whoever finds it held for a minute goes on without.
one_start_at_a_time() {
  local file=/tmp/hermes-start.lock
  [[ -e $file ]] || (umask 022 && : >>"$file") 2>/dev/null || true
  exec {ports}<"$file" && flock --timeout 60 "$ports" || true
}

# Ports and password: kept from the last start where they still hold. While anything runs, nothing changes.
choose_settings() {
  if load_settings && any_is_running; then return; fi
  local taken_ports="" db broker websockets ingester projector query
  db=$(free_port 5432 "${POSTGRES_PORT:-}") taken_ports+=" $db"
  broker=$(free_port 1883 "${MQTT_BROKER_PORT:-}") taken_ports+=" $broker"
  websockets=$(free_port 9001 "${HERMES_WEBSOCKETS_PORT:-}") taken_ports+=" $websockets"
  ingester=$(free_port 9464 "${HERMES_INGESTER_PORT:-}") taken_ports+=" $ingester"
  projector=$(free_port 9465 "${HERMES_PROJECTOR_PORT:-}") taken_ports+=" $projector"
  query=$(free_port 8480 "${HERMES_QUERY_PORT:-}")
  write_settings \
    MQTT_BROKER_HOST=127.0.0.1 \
    "MQTT_BROKER_PORT=$broker" \
    "MQTT_TOPIC=${MQTT_TOPIC:-chat/messages}" \
    POSTGRES_HOST=127.0.0.1 \
    "POSTGRES_PORT=$db" \
    POSTGRES_DB=public \
    POSTGRES_USER=dbowner \
    "POSTGRES_PASSWORD=${POSTGRES_PASSWORD:-$(random_password)}" \
    "HERMES_WEBSOCKETS_PORT=$websockets" \
    "HERMES_INGESTER_PORT=$ingester" \
    "HERMES_PROJECTOR_PORT=$projector" \
    "HERMES_QUERY_PORT=$query" \
    "HERMES_QUERY_URL=http://127.0.0.1:$query" \
    "HERMES_SPOOL_DIR=$state/spool" \
    "HERMES_OUTBOX_DIR=$state/outbox" \
    ${HERMES_BACKUP_DIR:+"HERMES_BACKUP_DIR=$HERMES_BACKUP_DIR"} \
    ${HERMES_ANCHOR:+"HERMES_ANCHOR=$HERMES_ANCHOR"}
  load_settings
}

# The ports of a state folder stay while anything of it runs. A stranger who got one would answer in place of what is started now.
require_free() {  # NAME PORT
  ! accepts_connections "$2" ||
    fail "another program took port $2 while $1 was down. Try: ./run_chat.sh restart, which chooses another"
}

# --- the database

# Where PostgreSQL's programs are: of the version that the data folder was made by, or of the newest that is installed. A folder alone
# says nothing: the client's package makes one too, without a server.
postgres_bin() {
  local bin version="" found=""
  # Not there before the first start, and not whole when that was interrupted.
  version=${wanted_version:-$(as_postgres cat "$(data_folder)/PG_VERSION" 2>/dev/null)} || true
  while IFS= read -r bin; do
    [[ -x $bin/postgres && -x $bin/initdb ]] || continue
    [[ -z $version || $("$bin/postgres" --version) =~ \ "$version"([^0-9]|$) ]] && found=$bin
  done < <(postgres_folders | sort --version-sort)
  if [[ -z $found && -n $version ]]; then
    fail "PostgreSQL $version made the database${wanted_version:- in $state/postgres} and is not installed. Try: apt-get install postgresql-$version"
  fi
  [[ -n $found ]] || fail "PostgreSQL is not installed. Try: scripts/install-dependencies.sh"
  echo "$found"
}

postgres_folders() { printf '%s\n' /usr/lib/postgresql/*/bin; }

# PostgreSQL refuses root, so as root it runs as the user that Debian's package made for it.
as_postgres() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups "$@")
  else
    "$@"
  fi
}

# A cluster is in the state folder; when that is out of the reach of user postgres (a checkout below /root), in /var/lib/hermes,
# with a link from the state folder.
make_data_folder() {  # NAME
  local data=$state/$1
  if [[ $(id -u) == 0 ]] && ! as_postgres test -x "$state"; then
    install -d -m 711 /var/lib/hermes
    data=$(mktemp -d /var/lib/hermes/postgres.XXXXXX)
    ln -sfn "$data" "$state/$1"
  fi
  mkdir -p "$data"
  [[ $(id -u) == 0 ]] && chown postgres: "$data"
  chmod 700 "$data"
}

# Where the cluster is: user postgres may not be able to pass the state folder, and would find nothing by that name.
data_folder() { realpath -m "$state/postgres"; }

make_cluster() {
  local data bin
  make_data_folder postgres
  data=$(data_folder)
  bin=$(postgres_bin)
  as_postgres "$bin/initdb" --pgdata="$data" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --lc-collate=C \
    --auth-local=reject --auth-host=scram-sha-256 >>"$state/log/db.log"
  # Through standard input of a server of one user: no password on a command line, no moment without one.
  as_postgres "$bin/postgres" --single -D "$data" postgres >>"$state/log/db.log" 2>&1 <<SQL
CREATE ROLE $POSTGRES_USER LOGIN CREATEROLE
GRANT SET ON PARAMETER session_replication_role TO $POSTGRES_USER WITH GRANT OPTION
CREATE DATABASE "$POSTGRES_DB" OWNER $POSTGRES_USER TEMPLATE template0 ENCODING 'UTF8'
SQL
  set_passwords
  as_postgres touch "$data/hermes.ready"
}

# The password of the settings for both roles that log in, and the role for backups where it is missing. Requires: the database does
# not run. A statement that fails is not told, for the log must not hold the password.
set_passwords() {
  local password=${POSTGRES_PASSWORD//\'/\'\'} bin
  bin=$(postgres_bin)
  as_postgres "$bin/postgres" --single -D "$(data_folder)" -c log_min_error_statement=panic postgres >>"$state/log/db.log" 2>&1 <<SQL
DO \$\$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hermes_backup') THEN CREATE ROLE hermes_backup; END IF; END \$\$
ALTER ROLE hermes_backup LOGIN REPLICATION PASSWORD '$password'
ALTER ROLE $POSTGRES_USER PASSWORD '$password'
SQL
}

# PostgreSQL takes huge pages where the machine has enough of them set apart (docs/running.md). In small ones more buffers
# brought nothing (docs/lab-notebook.md).
shared_buffers() {
  local free_kib
  free_kib=$(awk '/^HugePages_Free:/ { pages = $2 } /^HugePages_Rsvd:/ { pages -= $2 } /^Hugepagesize:/ { size = $2 }
                  END { print pages * size }' /proc/meminfo)
  ((free_kib >= 1100 * 1024)) && echo 1GB || echo 256MB
}

start_db() {
  is_running db && return
  require_free db "$POSTGRES_PORT"
  # What an interrupted first start left behind holds nothing yet.
  if ! as_postgres test -f "$(data_folder)/hermes.ready"; then
    [[ -e $state/postgres ]] && rm -rf "$(data_folder)" "$state/postgres"
    make_cluster
  fi
  local user=() bin data
  bin=$(postgres_bin)
  data=$(data_folder)
  # Archiving takes a restart to switch on, and then keeps all WAL until a command has taken it: without a backup, one that only says so.
  # In the file and not on the command line: a server of one user that did not know of it would remove WAL that is not archived yet.
  as_postgres grep -q '^archive_mode ' "$data/postgresql.auto.conf" || write_archive_settings "$data" /bin/true 0
  [[ $(id -u) == 0 ]] && user=(setpriv --reuid=postgres --regid=postgres --init-groups)
  (cd / && spawn db "${user[@]}" "$bin/postgres" -D "$data" \
    -c listen_addresses=127.0.0.1 -c "port=$POSTGRES_PORT" -c unix_socket_directories= \
    -c max_wal_size=2GB -c min_wal_size=1GB -c "shared_buffers=$(shared_buffers)" -c wal_compression=lz4 -c log_timezone=UTC -c timezone=UTC)
  wait_until 60 db_answers || fail "the database did not start. See: ./run_chat.sh logs db"
}

db_answers() {
  is_running db || fail "the database did not start: $(tail -n 1 "$state/log/db.log")"
  "$(postgres_bin)/pg_isready" --quiet --host=127.0.0.1 --port="$POSTGRES_PORT"
}

# --- the broker

start_broker() {
  is_running broker && return
  require_free broker "$MQTT_BROKER_PORT"
  mkdir -p "$state/mosquitto"
  {
    sed -e '/^listener /d' -e '/^persistence_location /d' "$checkout/deploy/mosquitto/mosquitto.conf"
    echo "persistence_location $state/mosquitto/"
    [[ $(id -u) == 0 ]] && echo "user root"  # it would change to a user who cannot write to the state folder
    echo "listener $MQTT_BROKER_PORT 127.0.0.1"
    echo "listener $HERMES_WEBSOCKETS_PORT 127.0.0.1"
    echo "socket_domain ipv4"  # libwebsockets would listen on every IPv6 address beside it
    echo "protocol websockets"
  } >"$state/mosquitto.conf"
  spawn broker env PATH="$PATH:/usr/sbin" mosquitto -c "$state/mosquitto.conf"
  wait_until 30 broker_answers || fail "the broker did not start. See: ./run_chat.sh logs broker"
}

broker_answers() {
  is_running broker || fail "the broker did not start: $(tail -n 1 "$state/log/broker.log")"
  accepts_connections "$MQTT_BROKER_PORT"
}

# --- the services

start_service() {  # NAME PORT SUBCOMMAND
  is_running "$1" || HERMES_HTTP_PORT=$2 spawn "$1" "$hermes" "$3"
}

wait_until_healthy() {  # NAME PORT
  wait_until 60 is_ready "$1" "$2" || fail "$1 is not ready after 60 s. See: ./run_chat.sh logs $1"
}

is_ready() {  # NAME PORT
  is_running "$1" || fail "$1 did not start: $(tail -n 1 "$state/log/$1.log")"
  "$hermes" health --port "$2" >/dev/null 2>&1
}

all_is_well() { "$hermes" status >/dev/null 2>&1; }

say_what_next() {
  cat <<TEXT

Hermes runs: broker 127.0.0.1:$MQTT_BROKER_PORT, database 127.0.0.1:$POSTGRES_PORT. Settings: $state/env

  ./run_chat.sh attach-publisher     chat as Fredy
  ./run_chat.sh attach-subscriber    chat as David, in another terminal
  ./run_chat.sh status               how it does
  ./run_chat.sh stop                 stop everything

TEXT
}
