#!/bin/bash
# What a user sent while the broker was away survives the kill of the client, and arrives once, in order.
# (terminal_unacknowledged.sh: the same with messages that the broker had already.)
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
expect_typed fredy "fredy>"
enter fredy "send david before"
expect_rows 1 "SELECT count(*) FROM chat_messages WHERE content = 'before'"
# That it is in the table, he may not have heard yet; then it would be unsent, too.
expect_screen fredy "✓   you → david: before"
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_screen david "before"

read -r broker _ <"$HERMES_STATE_DIR/run/broker"
kill -9 "$broker"
expect_screen fredy "no connection to the broker"
for i in 1 2 3 4 5; do enter fredy "send david unsent $i"; done
enter fredy "send erin unsent 6"
expect_screen fredy "you → erin: unsent 6"
enter fredy status
expect_screen fredy "6 messages not yet on the server, kept in the outbox"

kill_program_in fredy
run_chat start >/dev/null  # the broker again
open_terminal fredy-again "$checkout/run_chat.sh" attach-publisher
expect_screen fredy-again "6 messages of last time not yet on the server"
expect_rows "1 1 1 1 1 1" \
  "SELECT string_agg(n::text, ' ') FROM (SELECT count(*) AS n FROM chat_messages WHERE content LIKE 'unsent %' GROUP BY content) t"
# Once in the log too, in the order in which they were typed.
expect_rows "unsent 1,unsent 2,unsent 3,unsent 4,unsent 5" \
  "SELECT string_agg(content, ',' ORDER BY created_at) FROM chat_messages WHERE content LIKE 'unsent %' AND receiver_id = 'david'"
expect_rows 7 "SELECT count(*) FROM event_log WHERE event_type = 'MessageSent'"
enter fredy-again status
expect_screen fredy-again "everything you sent is on the server"

# The recipient sees each once, and so does the sender: those of last time get their marks where they stand.
in_order=$(printf 'unsent %s\n' 1 2 3 4 5)
shown_to() { everything_shown "$1" | grep -o "$2: unsent [1-5]" | sed 's/.*: //'; }
david_has_them() { [[ $(shown_to david fredy) == "$in_order" ]]; }
eventually david_has_them || equal "what David sees" "$in_order" "$(shown_to david fredy)"
equal "what Fredy sees" "$in_order" "$(shown_to fredy-again "you → david")"
equal "what Fredy sees as sent" 5 "$(everything_shown fredy-again | grep -c '✓.*you → david: unsent')"
