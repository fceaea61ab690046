#!/bin/bash
# As root, first_message.sh runs PostgreSQL as user postgres. Here an ordinary user does all of it by himself.
source "$(dirname "$0")/lib.sh"

[[ $(id -u) == 0 ]] || skip "we are not root: the other tests show this"
# The user may not be able to read the checkout: he gets what an installation would give him.
mkdir "$work/hermes" "$work/home"
cp -r "$checkout/run_chat.sh" "$checkout/scripts" "$checkout/deploy" "$HERMES_COMMAND" "$work/hermes"
chown -R nobody "$work/hermes" "$work/home"
as_user() {
  setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$work/home" HERMES_STATE_DIR="$work/home/state" \
    HERMES_COMMAND="$work/hermes/hermes" "$@"
}
at_exit+=('as_user "$work/hermes/run_chat.sh" stop >/dev/null')

cd "$work/home" || exit
as_user "$work/hermes/run_chat.sh" start >"$work/start" 2>&1 || die "$(cat "$work/start" "$work"/home/state/log/*)"
as_user "$work/hermes/hermes" send --from fredy --to david "By nobody" --wait received_by_server >/dev/null
content() { as_user "$work/hermes/run_chat.sh" psql -AtqX -c "SELECT content FROM chat_messages"; }
arrived() { [[ $(content) == "By nobody" ]]; }
eventually arrived || die "chat_messages holds: $(content)"
as_user "$work/hermes/run_chat.sh" backup "$work/home/backup" >"$work/told" 2>&1 || die "$(cat "$work/told")"
as_user "$work/hermes/run_chat.sh" restore "$work/home/backup" >"$work/told" 2>&1 || die "$(cat "$work/told")"
equal "what a backup brings back" "By nobody" "$(content)"
equal "the owner of the processes" nobody "$(ps -o user= -p "$(awk '{ print $1 }' "$work/home/state/run/db")")"
