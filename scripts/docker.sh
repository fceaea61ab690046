# Sourced by run_chat.sh when HERMES_RUNTIME=docker: the same commands on containers (docker-compose.yml).

settings=$state/docker.env
docker_services=(mqtt-broker db ingester projector query)

compose() {
  local program=(docker-compose)
  docker compose version >/dev/null 2>&1 && program=(docker compose)
  command -v "${program[0]}" >/dev/null || fail "there is no docker-compose. Try: apt-get install docker-compose"
  "${program[@]}" --project-name "${HERMES_DOCKER_PROJECT:-hermes}" --project-directory "$checkout" \
    --file "$checkout/docker-compose.yml" --env-file "$settings" "$@"
}

require_daemon() {
  command -v docker >/dev/null || fail "there is no docker here. Try: apt-get install docker.io docker-compose"
  docker info >/dev/null 2>&1 || fail "no Docker daemon answers. Is it running, and may you use it? Try: docker info"
}

require_settings() {
  require_daemon
  [[ -f $settings ]] || fail "nothing has been started in containers. Try: HERMES_RUNTIME=docker ./run_chat.sh start"
}

# Ports and password stay as they were while the containers exist; the images of the environment always hold.
choose_docker_settings() {
  mkdir -p "$state"
  local POSTGRES_PORT="" MQTT_BROKER_PORT="" HERMES_QUERY_PORT="" POSTGRES_PASSWORD="" taken_ports="" db broker query
  # shellcheck disable=SC1090
  [[ -f $settings ]] && source "$settings"
  db=$POSTGRES_PORT broker=$MQTT_BROKER_PORT query=$HERMES_QUERY_PORT
  if [[ -z $(compose_containers) ]]; then
    db=$(free_port 5432 "$db") taken_ports+=" $db"
    broker=$(free_port 1883 "$broker") taken_ports+=" $broker"
    query=$(free_port 8480 "$query")
  fi
  # Containers of before there was a query service: it has no port yet.
  [[ -n $query ]] || query=$(free_port 8480)
  (
    umask 077
    printf '%s=%s\n' POSTGRES_PASSWORD "${POSTGRES_PASSWORD:-$(random_password)}" POSTGRES_PORT "$db" MQTT_BROKER_PORT "$broker" \
      HERMES_QUERY_PORT "$query"
  ) >"$settings.new"
  chmod 600 "$settings.new"
  mv "$settings.new" "$settings"
}

compose_containers() {
  [[ -f $settings ]] && compose ps -q 2>/dev/null
}

do_start() {
  require_daemon
  choose_docker_settings
  compose build --quiet ingester || fail "the image could not be built. See the lines above"
  # Building takes minutes: ports that were free before it may have been taken since.
  one_start_at_a_time
  choose_docker_settings
  compose up --detach --no-build ingester projector query || fail "the containers did not start. See: HERMES_RUNTIME=docker ./run_chat.sh logs"
  exec {ports}<&-
  local service
  for service in "${docker_services[@]}"; do
    wait_until 120 is_healthy "$service" || fail "$service is not healthy. See: HERMES_RUNTIME=docker ./run_chat.sh logs $service"
  done
  say "Hermes runs in containers. Next: HERMES_RUNTIME=docker ./run_chat.sh attach-publisher"
}

is_healthy() {  # SERVICE
  [[ $(docker inspect --format '{{.State.Health.Status}}' "$(compose ps -q "$1")" 2>/dev/null) == healthy ]]
}

do_stop() {
  require_settings
  compose --profile chat --profile analytics down --timeout 60
}

do_restart() {
  do_stop
  do_start
}

do_status() {
  require_settings
  compose ps
  local service
  for service in "${docker_services[@]}"; do
    is_healthy "$service" || { say "$service is not healthy"; return 1; }
  done
  compose run --rm --no-deps -T projector status
}

do_attach() {  # USER NAME
  require_settings
  local service=chat-publisher terminal=()
  [[ $1 == david ]] && service=chat-subscriber
  [[ -t 0 ]] || terminal=(-T)
  compose --profile chat run --rm --no-deps "${terminal[@]}" -e "CHAT_USER_ID=$1" -e "CHAT_USER_NAME=$2" "$service"
}

do_logs() {
  require_settings
  local follow=()
  [[ -t 1 ]] && follow=(--follow)
  compose logs --tail=100 "${follow[@]}" "$@"
}

do_backup() {
  fail "backup and restore are for HERMES_RUNTIME=native. docs/backup.md says how a database in a container is backed up" 2
}

do_restore() { do_backup; }

do_psql() {
  require_settings
  compose exec -T db psql --username="${POSTGRES_USER:-dbowner}" "${POSTGRES_DB:-public}" "$@"
}
