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
# What comes in while fredy types begins a row of its own, and what he has typed stands below it.
type_text fredy "send david half a wa"
expect_typed fredy "send david half a wa"
"$hermes" send --from david --to fredy "in between" >/dev/null
expect_screen fredy "david: in between"
expect_typed fredy "send david half a wa"
equal "rows that begin with what came in" 1 "$(screen fredy | grep -c '^[0-9: -]* david: in between')"
press fredy BSpace BSpace
enter fredy "line"
expect_screen david "fredy: half a line"
"$hermes" send --from david --to fredy $'red \e[31m' >/dev/null
expect_screen fredy 'david: red \x1b[31m'
enter fredy "history 6 david"
expect_screen fredy "you → david: Hello (read)"
enter fredy "nonsense"
expect_screen fredy "there is no command 'nonsense'"
enter fredy quit
gone() { ! tmux_ has-session -t fredy 2>/dev/null; }
eventually gone || die "quit does not leave"

contains "what was written" "read by david" "$(cat "$work/written")"
# Back, blank, back takes a character away: that is how a kernel does it too.
[[ $(tr -d '\r\n\b' <"$work/written") != *[[:cntrl:]]* ]] || die "there are control characters: $(cat -A "$work/written")"
[[ $(cat "$work/written") != *✓* ]] || die "there are marks: $(cat "$work/written")"
