#!/bin/bash
# Every setting that a subcommand takes from the environment is in the README, and so are those of the chat client and of
# run_chat.sh, which no --help lists.
source "$(dirname "$0")/lib.sh"

settings=$("$hermes" --help-all | grep -oE 'Env:[A-Z_]+' | cut -d: -f2 | sort -u)
[[ $(wc -l <<<"$settings") -gt 20 ]] || die "--help-all names only: $settings"
for setting in $settings POSTGRES_PASSWORD MQTT_PASSWORD HERMES_OUTBOX_DIR HERMES_STATE_DIR HERMES_RUNTIME; do
  grep -qw "$setting" "$checkout/README.md" || die "the README lacks $setting"
done
