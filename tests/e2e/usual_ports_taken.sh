#!/bin/bash
# With another PostgreSQL on 5432 and another Mosquitto on 1883, Hermes takes other ports and leaves those two as they are.
source "$(dirname "$0")/lib.sh"

# The others: what this machine has there already, or else a second Hermes, which takes the usual ports itself.
if (exec 3<>/dev/tcp/127.0.0.1/5432) 2>/dev/null && (exec 3<>/dev/tcp/127.0.0.1/1883) 2>/dev/null; then
  others() { ss -Hltnp 'sport = :5432 or sport = :1883' | sort; }
else
  HERMES_STATE_DIR=$work/other run_chat start >/dev/null
  others() { HERMES_STATE_DIR=$work/other run_chat status | grep running; }
fi
before=$(others)

run_chat start >/dev/null
source "$HERMES_STATE_DIR/env"
[[ $POSTGRES_PORT != 5432 ]] || die "the database took 5432"
[[ $MQTT_BROKER_PORT != 1883 ]] || die "the broker took 1883"
"$hermes" send --from fredy --to david "On other ports" --wait received_by_server >/dev/null
expect_rows "On other ports" "SELECT content FROM chat_messages"
run_chat stop >/dev/null

equal "the other servers" "$before" "$(others)"
