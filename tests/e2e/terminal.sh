# Sourced after lib.sh by the tests of the terminal client: terminals in a tmux server of the test's own, of a fixed size.
export LC_ALL=C.UTF-8
unset NO_COLOR
terminals=hermes-e2e-$$
terminal_size=(-x 80 -y 24)

tmux_() { env -u TMUX -u TMUX_PANE tmux -u -L "$terminals" -f /dev/null "$@"; }
at_exit+=('tmux_ kill-server 2>/dev/null')

command -v tmux >/dev/null || skip "tmux is not installed"

open_terminal() {  # NAME COMMAND...
  local name=$1
  shift
  tmux_ start-server ';' set-option -g history-limit 10000 ';' \
    new-session -d -s "$name" "${terminal_size[@]}" "exec $(printf '%q ' "$@")"
}

screen() { tmux_ capture-pane -p -t "$1"; }
everything_shown() { tmux_ capture-pane -p -J -S - -t "$1"; }  # what has scrolled away too; rows that wrap by themselves joined
process_in() { tmux_ display-message -p -t "$1" '#{pane_pid}'; }
# kill -9 of the program in a terminal, and the wait for its end. A zombie has ended: tmux may collect it late.
kill_program_in() {  # NAME
  killed=$(process_in "$1")
  kill -9 "$killed"
  eventually has_ended || die "process $killed outlives kill -9"
}
has_ended() { [[ ! -e /proc/$killed ]] || grep -q '^State:.Z' "/proc/$killed/status" 2>/dev/null; }
press() { tmux_ send-keys -t "$1" "${@:2}"; }                   # NAME KEY...: Enter, Tab, Up, C-u
type_text() { tmux_ send-keys -t "$1" -l -- "$2"; }
enter() { type_text "$1" "$2"; press "$1" Enter; }              # NAME LINE
# The row in which the user types: the last one that is not empty.
typed_row() { screen "$1" | sed '/^ *$/d' | tail -n 1; }
typed_row_is() { [[ $(typed_row "$1") == "$2" ]]; }
has() { [[ $(screen "$1") == *"$2"* ]]; }
has_not() { ! has "$@"; }

expect_screen() {  # NAME TEXT
  eventually has "$1" "$2" || contains "$1's screen" "$2" "$(screen "$1")"
}
expect_gone() {  # NAME TEXT
  eventually has_not "$1" "$2" || die "$1's screen still shows '$2': $(screen "$1")"
}
expect_typed() {  # NAME ROW
  eventually typed_row_is "$1" "$2" || equal "the row in which $1 types" "$2" "$(typed_row "$1")"
}
