#!/bin/bash
# `./run_chat.sh test-docker`: the system in containers, tested with a real Docker daemon: the one that is there, or (as root) a
# private one. Where Docker Hub is out of reach, base images are made by debootstrap. Exit code 3: no daemon is to be had.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hermes-docker.XXXXXX")
export HERMES_STATE_DIR=$work/state HERMES_RUNTIME=docker HERMES_DOCKER_PROJECT=hermes-test
unset POSTGRES_PASSWORD POSTGRES_PORT MQTT_BROKER_PORT HERMES_QUERY_PORT
image_bytes_max=150000000
passed=0

run_chat() { "$checkout/run_chat.sh" "$@"; }
say() { printf '%s\n' "$*"; }
die() { say "FAILED: $*" >&2; exit 1; }
check() {  # WHAT COMMAND...
  local what=$1
  shift
  "$@" || die "$what"
  say "ok    $what"
  passed=$((passed + 1))
}

no_daemon() {
  say "NOT TESTED: there is no Docker daemon to be had: $1"
  exit 3
}

finish() {
  local code=$?
  set +e
  if [[ -f $HERMES_STATE_DIR/docker.env ]]; then
    [[ $code == 0 ]] || run_chat logs 2>&1 | tail -n 40
    compose --profile chat --profile analytics down --volumes --timeout 20 >/dev/null 2>&1
  fi
  if [[ -n ${daemon:-} ]]; then
    kill "$daemon"
    wait "$daemon" 2>/dev/null
    umount "$work"/docker/netns/* 2>/dev/null  # dockerd leaves the host's mounted when it ends
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- a daemon

start_private_daemon() {
  local root=${HERMES_DOCKER_ROOT:-/var/lib/hermes/docker}  # kept, so that base images are made once
  [[ $(id -u) == 0 ]] || no_daemon "none answers, and only root may start one. Try: sudo ./run_chat.sh test-docker"
  "$checkout/scripts/install-dependencies.sh" --docker || no_daemon "docker.io cannot be installed"
  mkdir -p "$root"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --host "$DOCKER_HOST" --data-root "$root" --exec-root "$work/docker" --pidfile "$work/docker.pid" >"$work/dockerd.log" 2>&1 &
  daemon=$!
  local deadline=$((SECONDS + 60))
  until docker info >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null && ((SECONDS < deadline)) || no_daemon "dockerd does not start: $(tail -n 1 "$work/dockerd.log")"
    sleep 0.2
  done
}

# --- images

make_base_image() {
  [[ $(id -u) == 0 ]] || die "Docker Hub is out of reach, and only root can make base images by debootstrap"
  say "Docker Hub is out of reach: making base images by debootstrap"
  command -v debootstrap >/dev/null || "$checkout/scripts/install-dependencies.sh" --docker
  debootstrap --variant=minbase bookworm "$work/base" >"$work/debootstrap.log" 2>&1 || die "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
  # What the official slim image leaves out.
  rm -rf "$work"/base/usr/share/{doc,man,info,locale} "$work"/base/var/{cache,lib}/apt/* "$work"/base/var/log/*
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$work/base/etc/dpkg/dpkg.cfg.d/slim"
  [[ -f /etc/apt/sources.list.d/debian.sources ]] && cp /etc/apt/sources.list.d/debian.sources "$work/base/etc/apt/sources.list.d/" &&
    : >"$work/base/etc/apt/sources.list"
  tar --directory "$work/base" --create . | docker import - hermes-debian:12 >/dev/null
  rm -rf "$work/base"
}

# Builds reach the network as this machine does: where it needs special ways to Debian's mirror, containers need them too.
build() {  # TAG DOCKERFILE
  docker build --quiet --network host --build-arg DEBIAN_IMAGE="$HERMES_DEBIAN_IMAGE" --tag "$1" --file "$2" "$(dirname "$2")" >/dev/null ||
    die "the image $1 could not be built"
}

choose_images() {
  if docker pull --quiet debian:12-slim >/dev/null 2>&1; then return; fi
  docker image inspect hermes-debian:12 >/dev/null 2>&1 || make_base_image
  export HERMES_BUILD_NETWORK=host HERMES_DEBIAN_IMAGE=hermes-debian:12 HERMES_MOSQUITTO_IMAGE=hermes-mosquitto HERMES_POSTGRES_IMAGE=hermes-postgres
  build hermes-mosquitto "$checkout/deploy/docker/substitutes/mosquitto.Dockerfile"
  build hermes-postgres "$checkout/deploy/docker/substitutes/postgres.Dockerfile"
}

# --- the tests

compose() {
  docker-compose --project-name "$HERMES_DOCKER_PROJECT" --project-directory "$checkout" --file "$checkout/docker-compose.yml" \
    --env-file "$HERMES_STATE_DIR/docker.env" "$@"
}

eventually() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

sql_is() { [[ $(run_chat psql -AtqX -c "$2") == "$1" ]]; }
send() { compose run --rm --no-deps -T chat-publisher send --from fredy --to david "$1" --wait received_by_server >/dev/null; }
small_enough() { [[ $(docker image inspect --format '{{.Size}}' hermes:latest) -le $image_bytes_max ]]; }
not_root() { [[ $(docker run --rm --entrypoint id hermes:latest -u) != 0 ]]; }
no_password_in_images() {
  local history
  history=$(docker history --no-trunc hermes:latest) && [[ $history != *"$(sed -n 's/^POSTGRES_PASSWORD=//p' "$HERMES_STATE_DIR/docker.env")"* ]]
}
private_settings() { [[ $(stat -c %a "$HERMES_STATE_DIR/docker.env") == 600 ]]; }
ingester_id() { compose ps -q ingester; }
ingester_is_healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$(ingester_id)") == healthy ]]; }
nothing_runs() { [[ -z $(docker ps -q --filter "label=com.docker.compose.project=$HERMES_DOCKER_PROJECT") ]]; }

# `run_chat attach USER` with COMMAND typed: what the client says.
chat_says() {  # TEXT USER COMMAND
  local said
  said=$(run_chat attach "$2" <<<"$3" 2>/dev/null) && [[ $said == *"$1"* ]]
}

# What was sent before a user's first client is at no broker: only the query service can tell of it.
shown_what_came_before() {
  compose run --rm --no-deps -T chat-publisher send --from fredy --to anna "Before your first start" --wait received_by_server >/dev/null
  eventually sql_is 1 "SELECT count(*) FROM inbox WHERE user_id = 'anna'"
  mkfifo "$work/first"
  run_chat attach anna <"$work/first" >"$work/first.screen" 2>&1 &
  exec 5>"$work/first"
  eventually grep -q "Before your first start" "$work/first.screen" || { cat "$work/first.screen"; exec 5>&-; return 1; }
  echo quit >&5
  exec 5>&-
  wait $!
}

in_client() { compose run --rm --no-deps -T --entrypoint "$1" chat-publisher "${@:2}"; }
clients_know_no_database() {
  local client environment
  for client in chat-publisher chat-subscriber; do
    environment=$(compose run --rm --no-deps -T --entrypoint env "$client")
    grep -q '^MQTT_BROKER_HOST=' <<<"$environment" || return 1
    ! grep -E '^(POSTGRES|PG)' <<<"$environment" || return 1
  done
}
# A service reaches it by the same words, so it is not the words that fail.
clients_cannot_reach_the_database() {
  local try='exec 3<>/dev/tcp/db/5432'
  compose exec -T projector timeout 5 bash -c "$try" && ! in_client timeout 5 bash -c "$try" 2>/dev/null
}

loopback_only() { [[ $(compose port query 8480) == 127.0.0.1:* ]]; }
status_tells_of_query() { [[ $(run_chat status) =~ _query_[^$'\n']*healthy ]]; }
logs_of_query() { [[ $(run_chat logs query) == *"Serving on"* ]]; }
query_is_missed() {
  local said
  compose stop query >/dev/null 2>&1
  ! said=$(run_chat status) && [[ $said == *"query is not healthy"* ]]
}
query_is_healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$(compose ps -q query)") == healthy ]]; }

attached_client_answers() {
  local id
  mkfifo "$work/keyboard"
  run_chat attach-subscriber <"$work/keyboard" >"$work/screen" 2>&1 &
  exec 5>"$work/keyboard"
  id=$(compose run --rm --no-deps -T chat-publisher send --from fredy --to david "Are you there?" --wait read --timeout 60s)
  echo quit >&5
  exec 5>&-
  wait $!
  [[ -n $id ]] && grep -q "Are you there?" "$work/screen"
}

docker info >/dev/null 2>&1 || start_private_daemon
choose_images
check "start: every container is healthy" run_chat start
check "a second start is harmless" run_chat start
check "the image is below $((image_bytes_max / 1000000)) MB: $(docker image inspect --format '{{.Size}}' hermes:latest) bytes" small_enough
check "the image does not run as root" not_root
check "no password in the image" no_password_in_images
check "the settings are their owner's alone" private_settings
check "a message is acknowledged" send "Hello from a container"
check "it is in chat_messages" eventually sql_is "Hello from a container" "SELECT content FROM chat_messages"
check "an attached client receives and reads" attached_client_answers
check "history in a chat container" chat_says "Hello from a container" fredy "history 5 david"
check "inbox in a chat container" chat_says "fredy: Are you there?" david "inbox"
check "messages of before a user's first client are shown" shown_what_came_before
check "the chat containers know no password of the database" clients_know_no_database
check "the chat containers cannot reach the database" clients_cannot_reach_the_database
check "the query service is published on loopback alone" loopback_only
check "status" run_chat status
check "status tells of the query service" status_tells_of_query
check "logs of the query service" logs_of_query
check "status misses a stopped query service" query_is_missed
compose start query >/dev/null 2>&1
check "it comes back" eventually query_is_healthy
docker kill --signal KILL "$(ingester_id)" >/dev/null
docker start "$(ingester_id)" >/dev/null  # what `restart: unless-stopped` does after a crash, but not after docker kill
check "a killed ingester comes back" eventually ingester_is_healthy
check "and works" send "Hello again"
check "restart" run_chat restart
check "messages are still there" eventually sql_is 4 "SELECT count(*) FROM chat_messages"
check "stop" run_chat stop
check "no container is left" nothing_runs
say "$passed passed, 0 failed"
