#!/bin/bash
# What is pasted is one piece of text: it sends nothing and is no command before Return, however many lines it has and however long
# it is.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

paste() {  # NAME FILE: as a terminal with bracketed paste does
  tmux_ load-buffer "$2"
  tmux_ paste-buffer -p -t "$1"
}
type_file() {  # NAME FILE: as keys
  tmux_ load-buffer "$2"
  tmux_ paste-buffer -t "$1"
}

run_chat start >/dev/null
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
expect_typed fredy "fredy>"
enter fredy "to david"
expect_typed fredy "fredy → david>"

printf 'three lines:\nsend eve a secret\nquit\n' >"$work/lines"
paste fredy "$work/lines"
expect_screen fredy "quit"
type_text fredy "!"
press fredy Enter
expect_rows $'three lines:\nsend eve a secret\nquit!' "SELECT content FROM chat_messages"
expect_rows 1 "SELECT count(*) FROM event_log WHERE event_type = 'MessageSent'"
expect_typed fredy "fredy → david>"

# A command's text may have lines; what stands behind it in the paste is no command.
printf 'send erin one\ntwo\n' >"$work/lines"
paste fredy "$work/lines"
expect_screen fredy "two"
press fredy Enter
expect_rows $'one\ntwo' "SELECT content FROM chat_messages WHERE receiver_id = 'erin'"

# The cursor may stand anywhere, and what a terminal obeys is left out.
printf 'red \e[31m\a' >"$work/lines"
type_text fredy "before  after"
for _ in 1 2 3 4 5 6; do press fredy Left; done
paste fredy "$work/lines"
expect_screen fredy "before red [31m after"
press fredy Enter
expect_rows 1 "SELECT count(*) FROM chat_messages WHERE content = 'before red [31m after'"

# The earlier line comes back whole.
press fredy Up Up Up
expect_screen fredy "send eve a secret"
press fredy C-u

# Longer than the server takes: refused, by Return, and the client goes on.
head -c 300000 /dev/zero | tr '\0' x >"$work/long"
for way in paste type_file; do
  "$way" fredy "$work/long"
  press fredy Enter
  expect_screen fredy "more than 262144"
  press fredy C-l
  enter fredy "still here by $way"
  expect_rows 1 "SELECT count(*) FROM chat_messages WHERE content = 'still here by $way'"
  enter fredy help
  expect_screen fredy "history [N] [USER]"
done
# As long as it may be.
head -c 200000 /dev/zero | tr '\0' y >"$work/long"
paste fredy "$work/long"
press fredy Enter
expect_rows 1 "SELECT count(*) FROM chat_messages WHERE content = repeat('y', 200000)"

enter fredy quit
gone() { ! tmux_ has-session -t fredy 2>/dev/null; }
eventually gone || die "quit does not leave"
