#!/bin/bash
# On a terminal that cannot move its cursor the client says in words what it draws elsewhere, and writes nothing but lines of text.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed david "david>"
# The client waits until all that the terminal gets is written down.
open_terminal fredy sh -c 'read -r go; TERM=dumb exec "$0" chat --user fredy --name Fredy' "$hermes"
tmux_ pipe-pane -t fredy "cat >'$work/written'"
press fredy Enter
expect_screen fredy "You are Fredy (fredy)"

enter fredy "send david Hello"
expect_screen fredy "you → david: Hello (on its way)"
for words in "delivered to david" "read by david"; do expect_screen fredy "$words: you → david: Hello"; done
enter fredy "send erin Later"
expect_screen fredy "on the server: you → erin: Later"
expect_screen david "fredy: Hello"

enter david "to fredy"
type_text david "Hi"
expect_screen fredy "David is typing…"
enter david " there"
expect_screen fredy "david: Hi there"
"$hermes" send --from david --to fredy $'red \e[31m' >/dev/null
expect_screen fredy 'david: red \x1b[31m'
enter fredy "history 4 david"
expect_screen fredy "you → david: Hello (read)"
enter fredy "nonsense"
expect_screen fredy "there is no command 'nonsense'"
enter fredy quit
gone() { ! tmux_ has-session -t fredy 2>/dev/null; }
eventually gone || die "quit does not leave"

contains "what was written" "read by david" "$(cat "$work/written")"
[[ $(tr -d '\r\n' <"$work/written") != *[[:cntrl:]]* ]] || die "there are control characters: $(cat -A "$work/written")"
[[ $(cat "$work/written") != *✓* ]] || die "there are marks: $(cat "$work/written")"
