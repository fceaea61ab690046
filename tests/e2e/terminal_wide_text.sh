#!/bin/bash
# Wide characters, emoji, accents of their own and right-to-left text, on a narrow terminal: the cursor is where the text ends, rows
# break between characters, marks change in the row of their message, and rows of a table stay one row.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
terminal_size=(-x 40 -y 24)
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed fredy "fredy>"
expect_typed david "david>"
cursor() { tmux_ display-message -p -t "$1" '#{cursor_x}'; }
cursor_is() { [[ $(cursor "$1") == "$2" ]]; }
expect_cursor() { eventually cursor_is "$1" "$2" || equal "the column of $1's cursor" "$2" "$(cursor "$1")"; }  # NAME COLUMN

# The line being typed: "david → fredy> " is 15 columns, the Hebrew word 4, the Japanese one 6, the emoji 2, with 3 blanks; é is an
# e with an accent of its own. Three steps to the left are the accent, the e and a blank: to libedit each is a character, and it
# draws no accent in a line that it draws again.
enter david "to fredy"
expect_typed david "david → fredy>"
type_text david $'שלום 日本語 😀 e\u0301'
expect_cursor david 31
enter fredy "send david שלום עולם, مرحبا"
expect_screen david "fredy: שלום עולם, مرحبا"
expect_cursor david 31
press david Left Left Left
expect_cursor david 29
type_text david "x"
expect_screen david "david → fredy> שלום 日本語 😀x e"
press david Enter
expect_rows $'שלום 日本語 😀x e\u0301' "SELECT content FROM chat_messages WHERE sender_id = 'david'"
enter david "/to"
expect_typed david "david>"

# A long message: every character once, in rows that begin where the text begins.
wide=$(printf '日本語😀%.0s' {1..15})
enter fredy "send david $wide"
expect_screen david "fredy: 日本語"
expect_typed david "david>"
shown_whole() { [[ $(screen david | tr -d ' \n') == *"fredy:${wide}david>"* ]]; }
eventually shown_whole || die "the message is broken: $(screen david)"
margin=$(screen david | sed -n 's/^\( *\)[0-9:]* *fredy: 日本語.*/&/p' | sed 's/fredy:.*//' | wc -m)
columns_of_rows=$(screen david | grep -A 3 "fredy: 日本語" | tail -n 3 | sed 's/[^ ].*//' | awk '{ print length }' | sort -u)
equal "where the rows of a long message begin" "$((margin - 1))" "$columns_of_rows"

# Its marks, at the sender's: in its first row, and nothing else changes.
expect_screen fredy "✓✓✓ you → david: 日本語"
sent_whole() { [[ $(screen fredy | tr -d ' \n') == *"you→david:${wide}fredy>"* ]]; }
eventually sent_whole || die "the mark has hit the text: $(screen fredy)"
equal "marks on fredy's screen" 2 "$(screen fredy | grep -c ✓)"

# Emoji of several characters, whose width terminals disagree about, take no row with them.
enter fredy $'send david 👨\u200d👩\u200d👧 ❤\ufe0f 🇩🇪 👍🏽 fin'
expect_screen david "fin"
expect_typed david "david>"
type_text david "still fine"
expect_typed david "david> still fine"
press david C-u

# Tables: one row for each conversation, cut where the terminal ends.
expect_rows 3 "SELECT count(*) FROM chat_messages WHERE receiver_id = 'david'"
enter fredy "send david $wide"
expect_rows 4 "SELECT count(*) FROM chat_messages WHERE receiver_id = 'david'"
newest_is_wide() { [[ $(sql "SELECT last_content LIKE '日本語%' FROM inbox WHERE user_id = 'david' AND peer_id = 'fredy'") == t ]]; }
eventually newest_is_wide
expect_screen david "fredy: 日本語"
enter david "/inbox"
inbox_row() { screen david | grep '^  fredy  ' | sed 's/ *$//'; }
has_inbox_row() { [[ $(inbox_row) == *"fredy: 日本"*… ]]; }
eventually has_inbox_row || die "inbox is not one row: $(screen david)"
equal "what follows the row" "david>" "$(screen david | grep -A 1 '^  fredy  ' | tail -n 1 | sed 's/ *$//')"
