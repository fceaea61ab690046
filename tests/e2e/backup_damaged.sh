#!/bin/bash
# What is damaged is named before anything is touched, and whatever fails later leaves the old data where they were and running.
source "$(dirname "$0")/lib.sh"

run_chat start >/dev/null
"$hermes" send --from fredy --to david "Keep me" --wait received_by_server >/dev/null
running() { run_chat status | grep running; }
refused() {  # WHAT NEEDLE COMMAND...
  local what=$1 needle=$2 said
  shift 2
  said=$("$@" 2>&1) && die "$what: it was not refused"
  contains "$what" "$needle" "$said"
}
as_it_was() {  # WHAT: nothing was stopped, nothing is left over
  equal "what runs after $1" "$before" "$(running)"
  equal "what is left of $1" "" "$(find "$HERMES_STATE_DIR" -maxdepth 1 \( -name 'postgres.*' -o -name restoring -o -name 'backup.?*' ! -name backup.lock \))"
}
put_back() {  # WHAT: the old data are there again, and everything runs
  run_chat status >/dev/null || die "after $1 not everything runs: $(run_chat status)"
  equal "messages after $1" "Keep me" "$(sql "SELECT content FROM chat_messages")"
  [[ ! -e $HERMES_STATE_DIR/restoring ]] || die "$1 leaves its note"
}

# Folders that are none.
mkdir "$work/other" && echo mine >"$work/other/file"
refused "somebody's folder" "holds something else" run_chat backup "$work/other"
equal "what is in it" file "$(ls "$work/other")"
refused "the state folder" "is in the state folder" run_chat backup "$HERMES_STATE_DIR/backup"
refused "no backup" "holds no backup" run_chat restore "$work/other"
refused "no folder" "there is no folder" run_chat restore "$work/nowhere"
refused "no time" "needs a time with its zone" run_chat restore "$work/other" --at yesterday
refused "the future" "still to come" run_chat restore "$work/other" --at 2999-01-01T00:00:00Z
refused "containers" "HERMES_RUNTIME=native" env HERMES_RUNTIME=docker "$checkout/run_chat.sh" backup "$work/other"

run_chat backup "$work/backup" >/dev/null
# Some files after the base, each closed by a base of its own; the last one is what restores begin from, so it is put away.
for _ in 1 2; do run_chat backup "$work/backup" >/dev/null; done
newer=$(find "$work/backup/base" -mindepth 1 -maxdepth 1 | sort | tail -n 2)
mkdir "$work/away"
for base in $newer; do mv "$base" "$work/away"; done
before=$(running)
first=$(find "$work/backup/base" -mindepth 2 -name info -exec sed -n 's/^stop=//p' {} +)
[[ -n $first ]] || die "no base is left"
mapfile -t files < <(find "$work/backup/wal" -name '[0-9A-F]*[0-9A-F].gz' -size +0 -printf '%f\n' | grep -E '^[0-9A-F]{24}\.gz$' | sort)
victim=$work/backup/wal/${files[-2]}
cp -p "$victim" "$work/whole"

truncate -s -100 "$victim"
refused "a truncated file" "${files[-2]} is truncated or corrupted" run_chat restore "$work/backup"
as_it_was "a truncated file"
cp -p "$work/whole" "$victim"
printf 'damaged' | dd of="$victim" bs=1 seek=$(($(stat -c %s "$victim") / 2)) conv=notrunc status=none
refused "a corrupted file" "${files[-2]} is truncated or corrupted" run_chat restore "$work/backup"
as_it_was "a corrupted file"
rm "$victim"
refused "a missing file" "${files[-2]} is missing" run_chat restore "$work/backup"
as_it_was "a missing file"
# To a point that only the missing file leads to: PostgreSQL finds that it does not get there.
refused "a point behind a missing file" "does not reach" run_chat restore "$work/backup" --at "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
put_back "a point behind a missing file"
cp -p "$work/whole" "$victim"
# The last file leaves no gap; the list knows it.
last=$(grep -E '^[0-9A-F]{24}$' "$work/backup/wal/list" | sort | tail -n 1)
mv "$work/backup/wal/$last.gz" "$work/last"
refused "a missing last file" "$last.gz is missing" run_chat restore "$work/backup"
mv "$work/last" "$work/backup/wal/$last.gz"
before=$(running)

base=$(find "$work/backup/base" -mindepth 1 -maxdepth 1)
cp -p "$base/base.tar.gz" "$work/base.tar.gz"
truncate -s -5000 "$base/base.tar.gz"
refused "a truncated base" "the base backup in $base is damaged" run_chat restore "$work/backup"
as_it_was "a truncated base"
cp -p "$work/base.tar.gz" "$base/base.tar.gz"
refused "a time before all" "begins only after" run_chat restore "$work/backup" --at 2020-01-01T00:00:00Z
as_it_was "a time before all"

# A hermes whose verify finds something, and one whose run_chat.sh is killed just before the proof.
printf '#!/bin/bash\n[[ $1 != verify ]] || { %s; }\nexec "%s" "$@"\n' 'echo "1 finding"; exit 1' "$hermes" >"$work/finds"
printf '#!/bin/bash\n[[ $1 != verify ]] || { %s; }\nexec "%s" "$@"\n' 'kill -KILL $PPID; exit 1' "$hermes" >"$work/kills"
chmod 755 "$work/finds" "$work/kills"
HERMES_COMMAND=$work/finds refused "a finding" "not restored: the old data are in their place again, and everything runs" run_chat restore "$work/backup"
put_back "a finding"
HERMES_COMMAND=$work/kills refused "a kill" "4 of 5" run_chat restore "$work/backup"
refused "a start after it" "a restore was interrupted" run_chat start
run_chat restore "$work/backup" >"$work/told" 2>&1 || die "$(cat "$work/told")"
contains "what is told" "putting the old data back first" "$(cat "$work/told")"
put_back "a kill"

# Another database does not replace this one.
HERMES_STATE_DIR=$work/state2 run_chat start >/dev/null
refused "another's backup" "is another one than that of" env HERMES_STATE_DIR="$work/state2" "$checkout/run_chat.sh" restore "$work/backup"
refused "another's folder" "holds the backups of another database" env HERMES_STATE_DIR="$work/state2" "$checkout/run_chat.sh" backup "$work/backup"

# doctor says that the archive fails.
contains "the doctor" "ok    wal archive" "$("$hermes" doctor || true)"
contains "the doctor" "ok    anchor" "$("$hermes" doctor || true)"
mv "$work/backup/wal" "$work/backup/gone"
refused "an archive without its folder" "is its disk mounted" run_chat backup "$work/backup"
contains "the doctor" "FAIL  wal archive" "$("$hermes" doctor || true)"
mv "$work/backup/gone" "$work/backup/wal"
archived() { [[ $("$hermes" doctor || true) == *"ok    wal archive"* ]]; }
run_chat backup "$work/backup" >/dev/null
eventually archived || die "the doctor does not see that the archive works again"
