#!/bin/bash
# What a newcomer does first: start, send, see it arrive, ask for its story.
source "$(dirname "$0")/lib.sh"

run_chat start >"$work/start"
contains "what start says" "attach-publisher" "$(cat "$work/start")"

# Sent before David's client has ever run: the broker keeps nothing for a user it does not know.
early=$("$hermes" send --from fredy --to david "Are you there?" --wait received_by_server)

# David sits at his terminal; the pipe keeps his standard input open.
mkfifo "$work/keyboard"
run_chat attach-subscriber <"$work/keyboard" >"$work/screen" 2>&1 &
david=$!
exec 5>"$work/keyboard"
at_exit+=('kill "$david" 2>/dev/null')

id=$("$hermes" send --from fredy --to david "Hello, David" --wait received_by_server)
[[ $id =~ ^[A-Za-z0-9._:-]+$ ]] || die "send printed '$id', no message id"

eventually grep -q "Are you there?" "$work/screen" || die "what came before David's first start is missing: $(cat "$work/screen")"
eventually grep -q "Hello, David" "$work/screen" || die "David saw: $(cat "$work/screen")"
expect_rows "fredy|david|Hello, David|text" \
  "SELECT sender_id, receiver_id, content, message_type FROM chat_messages WHERE message_id = '$id'"
# His client answers: delivered at once, read two seconds later.
expect_rows "sent|fredy received_by_server|server delivered|david read|david" \
  "SELECT string_agg(status || '|' || user_id, ' ' ORDER BY timestamp, id) FROM message_status WHERE message_id = '$id'"

expect_rows "delivered read" \
  "SELECT string_agg(status, ' ' ORDER BY timestamp, id) FROM message_status WHERE message_id = '$early' AND user_id = 'david'"
equal "how often the early message was shown" 1 "$(grep -c "Are you there?" "$work/screen")"

timeline=$("$hermes" timeline "$id")
for step in sent received delivered read; do contains "the timeline" "$step" "${timeline,,}"; done

echo quit >&5
exec 5>&-
wait "$david"
