#!/bin/bash
# What was sent to Anna, and to everyone, before she had a client: her first one shows it once, the next ones do not repeat it, and
# who was there is not shown it again.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed david "david>"
"$hermes" send --from fredy --to all "Welcome everyone" >/dev/null
"$hermes" send --from fredy --to anna "Welcome Anna" >/dev/null
enter david "broadcast From David"
expect_screen david "fredy → all: Welcome everyone"
expect_rows 3 "SELECT count(*) FROM chat_messages"
expect_rows 1 "SELECT unread_count FROM inbox WHERE user_id = 'anna' AND peer_id = 'fredy'"

delivered_to_anna() { expect_rows "$1" "SELECT count(*) FROM message_status WHERE user_id = 'anna' AND status = 'delivered'"; }
times_shown() { everything_shown "$1" | grep -c "$2"; }  # NAME TEXT
open_terminal anna "$checkout/run_chat.sh" attach anna
for text in "fredy → all: Welcome everyone" "fredy: Welcome Anna" "david → all: From David"; do expect_screen anna "$text"; done
delivered_to_anna 3
rows=$(screen anna | grep -oE 'Welcome everyone|Welcome Anna' | tr '\n' ,)
equal "the order on her screen" "Welcome everyone,Welcome Anna," "$rows"

# Her client looks again after two seconds, and after fifteen, for what was on its way to the tables meanwhile. Found while she is
# there: what the broker would have brought, had it been sent a moment later.
open_terminal erin "$checkout/run_chat.sh" attach erin
expect_screen erin "fredy → all: Welcome everyone"
expect_screen erin "david → all: From David"
enter david "broadcast Once more"
for user in anna erin; do expect_screen "$user" "david → all: Once more"; done

enter anna quit
gone() { ! tmux_ has-session -t anna 2>/dev/null; }
eventually gone || die "quit does not leave"
# Away, but known to the broker by now.
enter david "broadcast While away"
expect_rows 5 "SELECT count(*) FROM chat_messages"
open_terminal anna "$checkout/run_chat.sh" attach anna
expect_screen anna "david → all: While away"
delivered_to_anna 5
# A client that has lost its notes, and its session at the broker: the receipts tell what Anna has seen.
enter anna quit
eventually gone || die "quit does not leave"
rm -r "$HERMES_STATE_DIR/outbox/anna"
mosquitto_sub -p "$(sed -n "s/^MQTT_BROKER_PORT='\(.*\)'/\1/p" "$HERMES_STATE_DIR/env")" -V mqttv5 -i hermes-chat-anna -t none -E
"$hermes" send --from fredy --to all "The last" >/dev/null
expect_rows 6 "SELECT count(*) FROM chat_messages"
open_terminal anna "$checkout/run_chat.sh" attach anna
expect_screen anna "fredy → all: The last"
delivered_to_anna 6
equal "messages on her new screen" 1 "$(times_shown anna ' → all: \|fredy: ')"
for text in "Welcome everyone" "While away" "The last"; do equal "'$text' on david's screen" 1 "$(times_shown david "$text")"; done
