#!/bin/bash
# Draws docs/images/chat.svg and docs/images/away.svg: the terminals of Fredy and David in a real session, on services that are
# started for it and gone afterwards. usage: scripts/draw-screens.sh [FOLDER]
source "$(dirname "$0")/../tests/e2e/lib.sh"
source "$(dirname "$0")/../tests/e2e/terminal.sh"

folder=${1:-$checkout/docs/images}
terminal_size=(-x 64 -y 15)
mkdir -p "$folder"

draw() {  # FILE
  for name in fredy david; do tmux_ capture-pane -p -e -t "$name" >"$work/$name.screen"; done
  node "$checkout/scripts/screens-to-svg.mjs" 64 15 "Fredy=$work/fredy.screen" "David=$work/david.screen" >"$1"
  echo "$1"
}

run_chat start >/dev/null
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_typed fredy "fredy>"
expect_typed david "david>"
enter fredy "to david"
enter david "to fredy"
enter fredy "Are you coming to lunch? 🍜"
expect_screen david "lunch?"
expect_screen fredy "✓✓✓ you → david: Are you coming"
enter david "Yes, at twelve. The 日本 place again?"
expect_screen fredy "place again?"
enter fredy "The one at the corner, they kept us a table"
expect_screen david "kept us a table"
expect_screen fredy "✓✓✓ you → david: The one"
expect_screen david "✓✓✓ you → fredy: Yes"
type_text david "See you th"
expect_screen fredy "David is typing…"
type_text fredy "Bring Er"
expect_screen david "Fredy is typing…"
draw "$folder/chat.svg"

# David leaves; what comes meanwhile is shown when he is back, and read two seconds later.
press david C-u
press fredy C-u
enter david quit
gone() { ! tmux_ has-session -t david 2>/dev/null; }
eventually gone
enter fredy "We moved to one o'clock"
expect_screen fredy "✓   you → david: We moved"
open_terminal david "$checkout/run_chat.sh" attach-subscriber
expect_screen david "We moved"
expect_screen fredy "✓✓✓ you → david: We moved"
enter david inbox
enter david "history 3"
expect_screen david "fredy: The one at the corner"
id=$(sql "SELECT message_id FROM chat_messages WHERE content LIKE 'We moved%'")
enter fredy "/status ${id:0:8}"
expect_screen fredy "received_by_server"
expect_typed fredy "fredy → david>"
draw "$folder/away.svg"
