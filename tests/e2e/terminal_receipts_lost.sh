#!/bin/bash
# Receipts that the broker had acknowledged, and lost when it was killed, are published again until they are in the log.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/terminal.sh"

run_chat start >/dev/null
open_terminal david "$checkout/run_chat.sh" attach-subscriber
open_terminal fredy "$checkout/run_chat.sh" attach-publisher
expect_typed david "david>"
expect_typed fredy "fredy>"

read -r ingester _ <"$HERMES_STATE_DIR/run/ingester"
kill -9 "$ingester"
enter fredy "send david a long way"
expect_screen david "a long way"
# Both receipts are with the broker, which keeps them for the ingester: in memory, up to the next autosave.
store() { sqlite3 -readonly -cmd ".timeout 5000" "$HERMES_STATE_DIR"/outbox/david/chat.sqlite "$1"; }
reported() { [[ $(store "SELECT count(*) FROM finished") == 1 ]]; }
eventually reported || die "David's client has not reported: $(store .dump)"
equal "receipts that are not yet in the log" 2 "$(store "SELECT count(*) FROM receipts")"
read -r broker _ <"$HERMES_STATE_DIR/run/broker"
kill -9 "$broker"
rm -f "$HERMES_STATE_DIR"/*/mosquitto.db  # should it have saved just then

run_chat start >/dev/null  # broker and ingester again
expect_rows "delivered read" \
  "SELECT string_agg(status, ' ' ORDER BY status) FROM message_status WHERE user_id = 'david' AND status IN ('delivered', 'read')"
nothing_kept() { [[ $(store "SELECT count(*) FROM receipts") == 0 ]]; }
eventually nothing_kept || die "David's client still looks: $(store .dump)"
equal "events of the message" 4 "$(sql "SELECT count(*) FROM event_log WHERE stream_id LIKE 'message/%'")"
