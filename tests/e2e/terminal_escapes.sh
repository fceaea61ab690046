#!/bin/bash
# A message full of terminal escapes is shown, and drives nothing: not the title, the colours, the cursor, the screen.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal david bash --norc
enter david "PS1='shell> '"
enter david "$checkout/run_chat.sh attach-subscriber"
expect_typed david "david>"
title=$(tmux_ display-message -p -t david '#{pane_title}')
type_text david "half a li"

evil=$'start \e]0;owned\a\e]2;owned\e\\\e[2J\e[H\e[?1049h\e[31m\e[?25l\e(0\e[6n\e[5i\ec\u009b31m\u202eabc\r\b\b\v end'
id=$("$hermes" send --from mallory --to david "$evil")
expect_screen david "mallory: start"
expect_screen david '\x0b end'
type_text david "ne"
expect_typed david "david> half a line"

expect_state() {  # WHEN
  equal "$1: title, alternate screen, cursor shown" "$title 0 1" \
    "$(tmux_ display-message -p -t david '#{pane_title} #{alternate_on} #{cursor_flag}')"
  [[ $(tmux_ capture-pane -p -e -t david) != *$'\e[31m'* ]] || die "$1: there is red on the screen"
}
expect_state "after the message"
contains "the screen" '\x1b' "$(screen david)"

# The same by the commands that show messages, from the query service.
press david C-u
stored() { [[ $(sql "SELECT count(*) FROM message_status WHERE message_id = '$id' AND status = 'delivered'") == 1 ]]; }
eventually stored || die "david's client does not confirm it"
for command in "history 1" inbox "timeline $id"; do enter david "$command"; done
expect_screen david "${id:0:8}"
expect_typed david "david>"
expect_state "after history, inbox and timeline"

enter david quit
expect_typed david "shell>"
enter david "echo plain as before"
expect_typed david "shell>"
expect_screen david "plain as before"
expect_state "after leaving"
