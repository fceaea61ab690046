#!/bin/bash
# Every `sh` block of README and docs runs as it stands, page by page, in a checkout where Hermes has been started. A block that
# needs another machine says so after its language ("sh systemd", "sh docker") and has a test of its own.
# usage: docs_commands.sh [PAGE...]
source "$(dirname "$0")/lib.sh"

# A checkout of its own, made of links: the commands on the pages have no variables for the state folder.
unset HERMES_COMMAND HERMES_STATE_DIR
mkdir "$work/checkout"
ln -s "$checkout"/* "$work/checkout"
cd "$work/checkout" || exit
export HERMES_STATE_DIR=$work/state  # for finish() and the processes it looks for; .hermes is where pages expect it
ln -s "$work/state" .hermes
run_chat() { ./run_chat.sh "$@"; }

# Left out: what runs these tests again, or what takes the length of a benchmark.
left_out='^(\./run_chat\.sh test|scripts/install-dependencies\.sh|\.ci/run|build/release/hermes-bench|ctest|cmake|ninja)'

blocks_of() {
  awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$1" | grep -vE "$left_out" || true
}

run_chat start >/dev/null
count=0
pages=("$@")
[[ $# -gt 0 ]] || pages=(README.md CONTRIBUTING.md docs/*.md)
for page in "${pages[@]}"; do
  [[ -n $(blocks_of "$page") ]] || continue
  blocks_of "$page" >"$work/commands"
  run_chat start >/dev/null  # a page may have stopped it
  # As a reader would type them: the first line that fails ends the page. Standard input is empty: a chat client says goodbye.
  bash -euo pipefail -x "$work/commands" </dev/null >"$work/output" 2>&1 ||
    die "$page: $(tail -n 15 "$work/output")"
  count=$((count + $(wc -l <"$work/commands")))
done
[[ $count -gt 20 || $# -gt 0 ]] || die "only $count lines were found: are the blocks still marked as sh?"
echo "$count lines of commands ran"
