#!/bin/bash
# Two chat clients of one user, as on two machines. A broker that tells the earlier one who has the session now ends it; Mosquitto
# before 2.0.15 does not tell, and they take it from each other: both say so.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
chat_as_fredy() {  # NAME: with an outbox of its own, and its exit code on the screen
  open_terminal "$1" env HERMES_OUTBOX_DIR="$work/$1" bash -c '"$@"; echo "ended: $?"; exec cat' chat "$hermes" chat --user fredy
}
is_told() { [[ $(everything_shown "$1" | tr "\n" " ") =~ "ended: 1"|"another chat client of fredy open" ]]; }

chat_as_fredy laptop
expect_typed laptop "fredy>"
chat_as_fredy desktop
eventually is_told laptop || die "the laptop is not told of the desktop: $(screen laptop)"

# Nothing is lost when one of them leaves.
press laptop C-d
expect_screen laptop "ended:"
"$hermes" send --from david --to fredy "Where are you?" >/dev/null
expect_screen desktop "david: Where are you?"
enter desktop "send david Here"
expect_screen desktop "✓   you → david: Here"
