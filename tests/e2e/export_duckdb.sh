#!/bin/bash
# What hermes export writes loads in DuckDB, and says there what the tables say.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/npm.sh"

clients=$(npm_clients) || skip "npm cannot install DuckDB (is there a network?)"

run_chat start >/dev/null
"$hermes" send --from fredy --to david --id m-1 $'a "quoted", comma;\nnew line\ttab \\ backslash, 日本 😀' --wait received_by_server >/dev/null
"$hermes" send --from david --to fredy --id m-2 "Hello" --wait received_by_server >/dev/null
expect_rows 4 "SELECT count(*) FROM message_status"

"$hermes" export chat_messages message_status --directory "$work/export" 2>"$work/counts"
contains "what export says" "chat_messages: 2 rows" "$(cat "$work/counts")"
"$hermes" export log --format jsonl --output "$work/export/log.jsonl" --quiet

expected='{"contents":["a \"quoted\", comma;\nnew line\ttab \\ backslash, 日本 😀","Hello"],"orphans":0,'
expected+='"statuses":{"received_by_server":2,"sent":2},"events":{"MessageReceived":2,"MessageSent":2},'
expected+='"created_at_type":"TIMESTAMP WITH TIME ZONE"}'
equal "what DuckDB holds" "$expected" "$(node "$clients/exports.mjs" "$work/export")"
