#!/bin/bash
# As root, with a state folder that user postgres cannot pass (a checkout below /root), the cluster is elsewhere, and a link leads to
# it: what was written is there after a restart, and a backup brings it back.
source "$(dirname "$0")/lib.sh"

[[ $(id -u) == 0 ]] || skip "we are not root: PostgreSQL runs as we do"
mkdir -m 700 "$work/closed"
export HERMES_STATE_DIR=$work/closed/state
at_exit+=('run_chat stop >/dev/null; for link in "$HERMES_STATE_DIR"/postgres*; do rm -rf "$(realpath "$link")"; done')

content() { sql "SELECT content FROM chat_messages"; }
run_chat start >/dev/null
"$hermes" send --from fredy --to david "Keep me" --wait received_by_server >/dev/null
expect_rows "Keep me" "SELECT content FROM chat_messages"
[[ -L $HERMES_STATE_DIR/postgres ]] || die "the cluster is in the state folder, where user postgres cannot be"
run_chat restart >/dev/null
equal "after a restart" "Keep me" "$(content)"
run_chat backup "$work/backup" >/dev/null
run_chat restore "$work/backup" >"$work/told" 2>&1 || die "$(cat "$work/told")"
equal "after a restore" "Keep me" "$(content)"
said=$(run_chat backup "$work/closed/backup" 2>&1) && die "a folder that user postgres cannot reach is taken"
contains "what is told" "cannot write to" "$said"
