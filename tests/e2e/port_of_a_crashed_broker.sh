#!/bin/bash
# While the services of a state folder wait for their broker to come back, a start with another state folder does not take its
# port: they would connect there, and take the other's messages into their database.
source "$(dirname "$0")/lib.sh"

broker_port() { sed -n "s/^MQTT_BROKER_PORT='\(.*\)'/\1/p" "$1/env"; }
run_other() { HERMES_STATE_DIR=$work/other run_chat "$@"; }

run_chat start >/dev/null
read -r broker _ <"$HERMES_STATE_DIR/run/broker"
kill -9 "$broker"
port=$(broker_port "$HERMES_STATE_DIR")
run_other start >/dev/null
[[ $(broker_port "$work/other") != "$port" ]] || die "the other start took port $port"

run_chat start >/dev/null
equal "the port after the next start" "$port" "$(broker_port "$HERMES_STATE_DIR")"
"$hermes" send --config "$HERMES_STATE_DIR/env" --from fredy --to david "Ours" --wait received_by_server >/dev/null
expect_rows "Ours" "SELECT content FROM chat_messages"
equal "messages that the other has" 0 "$(run_other psql -AtqX -c "SELECT count(*) FROM chat_messages")"

# A stranger who knows of no such rule takes the port all the same: the next start says so.
read -r broker _ <"$HERMES_STATE_DIR/run/broker"
kill -9 "$broker"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
is_free() { ! listens; }
eventually is_free
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/stranger.conf"
PATH=$PATH:/usr/sbin mosquitto -c "$work/stranger.conf" >"$work/stranger.log" 2>&1 &
stranger=$!
at_exit+=('kill "$stranger" 2>/dev/null')
eventually listens
said=$(run_chat start 2>&1 >/dev/null) && die "start has 0 although a stranger has the broker's port"
contains "what start says" "another program took port $port while broker was down. Try: ./run_chat.sh restart" "$said"
run_chat restart >/dev/null
[[ $(broker_port "$HERMES_STATE_DIR") != "$port" ]] || die "restart chose the stranger's port"
