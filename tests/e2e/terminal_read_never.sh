#!/bin/bash
# --read-after never: what David is shown is reported as delivered, and never as read, over restarts of his client too.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
open_terminal erin "$checkout/run_chat.sh" attach erin
open_terminal david "$hermes" chat --user david --name David --read-after never
for user in fredy erin david; do expect_typed "$user" "$user>"; done

# Erin reports what she is shown as read, after the usual time: when that has come, David's would have come before.
a_while_for_reading() {  # TEXT
  enter fredy "send erin $1"
  expect_screen fredy "✓✓✓ you → erin: $1"
}
statuses_are() {  # EXPECTED
  expect_rows "$1" "SELECT string_agg(status || ' ' || user_id, ', ' ORDER BY s.id)
                    FROM message_status s JOIN chat_messages USING (message_id) WHERE receiver_id = 'david'"
}

enter fredy "send david Secret"
expect_screen david "fredy: Secret"
expect_screen fredy "✓✓  you → david: Secret"
a_while_for_reading "One"
statuses_are "sent fredy, received_by_server server, delivered david"
expect_screen fredy "✓✓  you → david: Secret"

# Neither does a client that finds the message of the last time.
enter david quit
gone() { ! tmux_ has-session -t david 2>/dev/null; }
eventually gone || die "quit does not leave"
open_terminal david "$hermes" chat --user david --name David --read-after never
expect_typed david "david>"
a_while_for_reading "Two"
statuses_are "sent fredy, received_by_server server, delivered david"
expect_screen fredy "✓✓  you → david: Secret"
