#!/bin/bash
# A message that the server refuses (its id is another message's): the chat takes it over from a script, learns the reason, marks it
# and sets it aside; what comes after it is sent.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
"$hermes" send --from fredy --to david --id taken "The first of this id" >/dev/null
# Without a query service nobody can say that the id is taken before the message is in the outbox.
code=0
"$hermes" send --from fredy --to david --id taken --query-url http://127.0.0.1:1 --timeout 3s "Another" >/dev/null 2>&1 || code=$?
equal "the script's exit code" 1 "$code"

open_terminal fredy "$checkout/run_chat.sh" attach-publisher
expect_screen fredy "you → david: Another"
enter fredy "send david The next"
expect_screen fredy "✓   you → david: The next"
expect_screen fredy "✗   you → david: Another"
contains "the reason" "the server does not take your message taken to david" "$(everything_shown fredy)"
enter fredy status
expect_screen fredy "1 message set aside"
expect_rows "The first of this id|The next" "SELECT string_agg(content, '|' ORDER BY created_at) FROM chat_messages"

press fredy C-d
contains "what is pending" "Another" "$("$hermes" send --from fredy --pending)"
"$hermes" send --from fredy --drop taken >/dev/null
equal "pending after the drop" "" "$("$hermes" send --from fredy --pending | grep Another || true)"
