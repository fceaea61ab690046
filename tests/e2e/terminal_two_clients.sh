#!/bin/bash
# Fredy and David at their terminals, both typing at once: what comes in garbles neither line, marks and typing indicators change
# where they stand, keys do what they do in a shell.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed fredy "fredy>"
expect_typed david "david>"
# An indicator is for those who are there: both are, when each has heard of the other.
enter fredy "send david Are you there?"
expect_screen david "fredy: Are you there?"
enter david "send fredy Yes"
expect_screen fredy "david: Yes"
expect_screen david "✓✓✓ you → fredy: Yes"

enter fredy "to david"
enter david "to fredy"
expect_typed fredy "fredy → david>"
expect_typed david "david → fredy>"
type_text fredy "Lunch at"
type_text david "Shall we"
expect_screen david "Fredy is typing…"
expect_screen fredy "David is typing…"
expect_typed david "david → fredy> Shall we"

enter fredy " twelve?"
expect_screen david "fredy: Lunch at twelve?"
expect_gone david "Fredy is typing…"
expect_typed david "david → fredy> Shall we"
expect_screen fredy "✓✓✓ you → david: Lunch at twelve?"
enter david " go?"
expect_screen fredy "david: Shall we go?"
expect_gone fredy "David is typing…"
expect_screen david "✓✓✓ you → fredy: Shall we go?"
[[ $(screen david) != *"…   you"* ]] || die "a mark of David's is left behind: $(screen david)"

# Whoever stops typing without a word is not typing for long.
type_text fredy "hm"
expect_screen david "Fredy is typing…"
expect_gone david "Fredy is typing…"
press fredy C-u

# In the middle of a line, with characters of two columns: the cursor is where it was.
type_text david "日本語 😀 end"
press david Left Left Left
enter fredy "meanwhile"
expect_screen david "fredy: meanwhile"
enter david "the "
expect_screen fredy "david: 日本語 😀 the end"

# Keys: completion of commands and users, history, a wrong command.
press david Up
expect_typed david "david → fredy> 日本語 😀 the end"
press david Up
expect_typed david "david → fredy> Shall we go?"
press david C-u
type_text david "broadc"
press david Tab
expect_typed david "david → fredy> broadcast"
press david C-u
type_text david "send fr"
press david Tab
type_text david "x"
expect_typed david "david → fredy> send fredy x"
press david C-u
enter david "/histroy"
expect_screen david "Did you mean 'history'?"
enter david "/to"
expect_typed david "david>"
shown_twice() { [[ $(screen david | grep -c "fredy: meanwhile") == 2 ]]; }
enter david "history 2"
eventually shown_twice || die "history shows nothing: $(screen david)"
expect_typed david "david>"
for command in "send USER TEXT" "broadcast TEXT" "history [N] [USER]" "status [ID]" "typing USER" users inbox "timeline ID" \
  "help [COMMAND]" quit "to [USER]"; do
  [[ $command == "send USER TEXT" ]] && enter david help
  expect_screen david "$command"
done
enter david quit
gone() { ! tmux_ has-session -t "$1" 2>/dev/null; }
eventually gone david || die "quit does not leave"
