#!/bin/bash
# A message that the broker has, but whose acknowledgement never came, is sent again over a kill of the client, always with the
# message_id of its first time: it is stored once, shown once, and the next one waits for its turn.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
port=$(sed -n "s/^MQTT_BROKER_PORT='\(.*\)'/\1/p" "$HERMES_STATE_DIR/env")
open_terminal david "$checkout/run_chat.sh" attach-subscriber
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
expect_typed david "david>"
enter fredy "send david before"
expect_screen fredy "✓✓✓ you → david: before"

# What goes over the wire from now on, as anybody may hear it.
mosquitto_sub -p "$port" -V mqttv5 -q 1 -t 'chat/messages/#' >"$work/wire" &
listener=$!
at_exit+=('kill "$listener" 2>/dev/null')
tries_of() { grep -F "\"$1\"" "$work/wire" | grep -o '"message_id":"[^"]*"' || true; }
tried() { [[ $(tries_of "$1" | wc -l) -ge $2 ]]; }
hears() { mosquitto_pub -p "$port" -t chat/messages/nobody -m listening && grep -q listening "$work/wire"; }
eventually hears || die "the listener hears nothing"

read -r ingester _ <"$HERMES_STATE_DIR/run/ingester"
kill -9 "$ingester"
enter fredy "send david half-way"
enter fredy "send david its turn comes later"
eventually tried half-way 2 || die "it was not tried again: $(cat "$work/wire")"
enter fredy status
expect_screen fredy "2 messages not yet on the server, kept in the outbox"  # although David may have read the first
kill_program_in fredy
before_the_kill=$(tries_of half-way | wc -l)
open_terminal fredy-again "$checkout/run_chat.sh" attach-publisher
expect_screen fredy-again "2 messages of last time not yet on the server"
eventually tried half-way $((before_the_kill + 1)) || die "it was not tried again after the kill: $(cat "$work/wire")"
equal "message_ids of all its tries" 1 "$(tries_of half-way | sort -u | wc -l)"
equal "tries of the one behind it" 0 "$(tries_of "its turn comes later" | wc -l)"

run_chat start >/dev/null  # the ingester again: the broker has kept every try for it
expect_rows "before,half-way,its turn comes later" "SELECT string_agg(content, ',' ORDER BY created_at) FROM chat_messages"
expect_gone fredy-again "…   you → david"
expect_screen fredy-again "✓✓✓ you → david: its turn comes later"
enter fredy-again status
expect_screen fredy-again "everything you sent is on the server"
equal "messages in the log" 3 "$(sql "SELECT count(*) FROM event_log WHERE event_type = 'MessageSent'")"
equal "what David sees" "before,half-way,its turn comes later" \
  "$(everything_shown david | sed -n 's/.*fredy: \(.*[^ ]\) *$/\1/p' | paste -sd ,)"
