#!/bin/bash
# The units of deploy/systemd mean what they say: systemd itself reads them and finds nothing to complain about.
source "$(dirname "$0")/lib.sh"

command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze here"
mkdir "$work/units"
cp "$checkout"/deploy/systemd/*.service "$work/units"
# Where the command is installed is not this machine's business; an instance stands for all of a template.
sed -i "s#/usr/bin/hermes#$HERMES_COMMAND#" "$work"/units/*.service
cp "$work/units/hermes-project@.service" "$work/units/hermes-project@1.service"
for unit in hermes-ingest.service hermes-project@1.service hermes-serve.service; do
  equal "what systemd says of $unit" "" "$(systemd-analyze verify "$work/units/$unit" 2>&1)"
  exposure=$(systemd-analyze security --offline=true --threshold=20 "$work/units/$unit" | tail -n 1) ||
    die "$unit is less hardened than it was: $exposure"
  for line in Type=notify WatchdogSec= Restart=always; do
    grep -q "^$line" "$work/units/$unit" || die "$unit lacks $line"
  done
done
