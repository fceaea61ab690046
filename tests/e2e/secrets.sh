#!/bin/bash
# The password is where its owner alone can read it: in no log, on no command line. All servers are on loopback.
source "$(dirname "$0")/lib.sh"

run_chat start >"$work/start"
password=$(source "$HERMES_STATE_DIR/env" && echo "$POSTGRES_PASSWORD")
[[ ${#password} -ge 32 ]] || die "the password has ${#password} characters"
equal "the mode of the settings" 600 "$(stat -c %a "$HERMES_STATE_DIR/env")"

grep -q "$password" "$work/start" && die "start shows the password"
grep -rq "$password" "$HERMES_STATE_DIR/log" && die "a log holds the password"
for command in /proc/[0-9]*/cmdline; do
  tr '\0' ' ' <"$command" 2>/dev/null | grep -qF -- "$password" && die "a command line holds the password: $command"
done
others=$(find "$HERMES_STATE_DIR" -type f -perm /044 -exec grep -l "$password" {} + 2>/dev/null || true)
equal "files that others can read and that hold the password" "" "$others"

# Addresses that the processes listen on, as hexadecimal in /proc/net/tcp*: 0100007F is 127.0.0.1.
for pid in $(run_chat status | awk '/running/ { print $NF }'); do
  for inode in $(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
    awk -v inode="$inode" '$10 == inode && $4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6
  done
done | sort -u >"$work/listening"
[[ $(wc -l <"$work/listening") -ge 3 ]] || die "too few listeners: $(cat "$work/listening")"
equal "listeners beyond loopback" "" "$(grep -v '^0100007F:' "$work/listening" || true)"
