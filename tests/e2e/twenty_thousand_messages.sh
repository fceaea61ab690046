#!/bin/bash
# 20,000 messages at QoS 1 by a client that is not ours: 20,000 rows in chat_messages, 40,000 in message_status.
source "$(dirname "$0")/lib.sh"

run_chat start >/dev/null
source "$HERMES_STATE_DIR/env"
awk 'BEGIN {
  for (i = 0; i < 20000; i++)
    printf "{\"type\":\"message\",\"message_id\":\"many-%d\",\"sender_id\":\"fredy\",\"sender_name\":\"Fredy\",\"receiver_id\":\"david\"," \
           "\"content\":\"Message %d\",\"message_type\":\"text\",\"timestamp\":\"2026-01-31T12:00:00Z\"}\n", i, i
}' >"$work/messages"
mosquitto_pub -h 127.0.0.1 -p "$MQTT_BROKER_PORT" -q 1 -l -t chat/messages/david <"$work/messages"

eventually sql_is "SELECT count(*) FROM chat_messages" 20000 || eventually sql_is "SELECT count(*) FROM chat_messages" 20000 ||
  die "chat_messages has $(sql 'SELECT count(*) FROM chat_messages') rows"
expect_rows "20000 20000" "SELECT count(*) FILTER (WHERE status = 'sent') || ' ' || count(*) FILTER (WHERE status = 'received_by_server')
  FROM message_status"
expect_rows 40000 "SELECT count(*) FROM message_status"
expect_rows 0 "SELECT count(*) FROM rejected_events"
