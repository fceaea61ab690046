#!/bin/bash
# Clients that are not ours, on the wire as they have always spoken it (docs/wire.md): mosquitto_pub and mosquitto_sub, and MQTT.js
# over TCP and WebSockets; MQTT 3.1.1 and 5; QoS 0 and 1. `--write` puts the table of results into docs/wire.md.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/npm.sh"

clients=$(npm_clients) || skip "npm cannot install the clients (is there a network?)"
run_chat start >/dev/null
source "$HERMES_STATE_DIR/env"
export PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT PGDATABASE=$POSTGRES_DB PGUSER=$POSTGRES_USER PGPASSWORD=$POSTGRES_PASSWORD
node "$clients/conformance.mjs" "$MQTT_BROKER_PORT" "$HERMES_WEBSOCKETS_PORT" | tee "$work/table"

page=$checkout/docs/wire.md
between_markers() { sed -n '/^<!-- conformance -->$/,/^<!-- end of conformance -->$/p' "$page" | sed '1d;$d'; }
if [[ ${1:-} == --write ]]; then
  sed -i -e "/^<!-- conformance -->\$/,/^<!-- end of conformance -->\$/{/^<!--/!d}" -e "/^<!-- conformance -->\$/r $work/table" "$page"
fi
equal "the table in docs/wire.md (tests/e2e/older_clients.sh --write brings it up to date)" \
  "$(cat "$work/table")" "$(between_markers)"
