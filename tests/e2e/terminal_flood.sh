#!/bin/bash
# Two thousand messages come in while David types, over several rows: his line stays whole, and is sent whole.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed david "david>"
enter david "to fredy"
expect_typed david "david → fredy>"
senders=()
for sender in 1 2 3 4; do
  seq -f "message %g of $sender" 500 | "$hermes" send --from "sender-$sender" --to david >/dev/null &
  senders+=($!)
done

typed=""
for word in {a..z} {1..40}; do
  typed+="w$word "
  type_text david "w$word "
  # Only some screens need to be looked at: each shows the line as far as it was typed.
  [[ $word == [mz] ]] && expect_screen david "w$word"
done
for sender in "${senders[@]}"; do wait "$sender" || die "a sender failed"; done
expect_rows 2000 "SELECT count(*) FROM message_status WHERE status = 'delivered' AND user_id = 'david'"
type_text david "end"
# Without blanks: those at the end of a row are not captured.
line_is_whole() { [[ $(screen david | tr -d ' \n') == *"david→fredy>${typed// /}end" ]]; }
eventually line_is_whole || die "the line being typed is: $(screen david | tail -n 8)"
# And nothing of it is left behind among the messages.
equal "prompts on the screen and above it" 1 "$(everything_shown david | grep -c 'david → fredy>')"
press david Enter
expect_rows 1 "SELECT count(*) FROM chat_messages WHERE sender_id = 'david' AND content = '${typed}end'"
# Each message once on his screen, or above it.
equal "messages shown, and how many of them differ" "2000 2000" \
  "$(everything_shown david | grep -o 'sender-[1-4]: message [0-9]* of [1-4]' | awk '{ n++; seen[$0] = 1 } END { print n, length(seen) }')"
