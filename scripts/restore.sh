# Sourced by run_chat.sh: a backup of the private database becomes the database again (docs/backup.md). backup.sh says what the folder holds.

do_restore() {
  local at="" named=""
  read_restore_arguments "$@"
  local folder begin=$SECONDS
  folder=$(backup_folder_named "$named")
  [[ -z $at ]] || at=$(moment "$at")
  "$checkout/scripts/install-dependencies.sh"
  build
  make_state_folder
  one_backup_at_a_time
  put_back_after_interruption

  say "1 of 5: the backup"
  require_backup "$folder"
  local timeline base needed=() damage=""
  local -A checked=()
  choose_timeline "$folder" "$at"
  choose_base "$folder" "$at"
  say "  base of $(value_in "$base/info" finished), $(size_text "$(value_in "$base/info" bytes)")"
  find_chain "$folder"
  check_chain "$folder" "$at"
  trap 'remove_cluster postgres.restored' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  unpack "$base"

  say "2 of 5: stopping the services; their data go aside"
  local ran=""
  exec {lock}>"$state/lock"
  flock "$lock"
  is_running ingester && ran=1
  trap 'restore_failed' EXIT
  stop_all_but_the_broker
  # What came into the archive since, by stopping too.
  find_chain "$folder"
  check_chain "$folder" "$at"
  one_start_at_a_time
  [[ -f $state/env ]] || MQTT_TOPIC=${MQTT_TOPIC:-$(value_in "$folder/settings" MQTT_TOPIC)}
  choose_settings
  keep_ports "$POSTGRES_PORT" "$MQTT_BROKER_PORT" "$HERMES_WEBSOCKETS_PORT" "$HERMES_INGESTER_PORT" "$HERMES_PROJECTOR_PORT" "$HERMES_QUERY_PORT"
  local aside=""
  move_aside "$at"

  say "3 of 5: recovery, ${#needed[@]} WAL files"
  recover "$folder" "$at"
  say "  the last transaction is of $last_transaction"

  say "4 of 5: hermes verify, with the anchor of the backup"
  prove "$base"

  say "5 of 5: the services"
  rm -f "$state/restoring"
  trap - EXIT INT TERM  # what is acknowledged from now on is in the restored log: it is not taken away any more
  archive_again "$folder"
  exec {ports}<&-
  flock --unlock "$lock"
  "$checkout/run_chat.sh" start {backup_lock}>&- {lock}>&- >/dev/null ||
    fail "the data are restored and verified, and the services do not start: see above, and ./run_chat.sh status. ${aside:+The old data are in $aside}"
  say "Restored in $((SECONDS - begin)) s, verified, and running."
  [[ -z $aside ]] || say "The old data are in $aside. When they are of no more use: rm -rf $(realpath "$aside")${aside:+$([[ -L $aside ]] && echo " $aside")}"
  say "$archiving"
}

read_restore_arguments() {  # sets named and at
  while [[ $# -gt 0 ]]; do
    case $1 in
      --at) [[ $# -gt 1 ]] || fail "--at needs a time. Try: --at $(date -u +%Y-%m-%dT%H:%M:%SZ)" 2; at=$2; shift ;;
      --at=*) at=${1#--at=} ;;
      -*) fail "restore knows no $1. Try: ./run_chat.sh help" 2 ;;
      *) [[ -z $named ]] || fail "restore needs one folder, not two" 2; named=$1 ;;
    esac
    shift
  done
  [[ -n $named ]] || fail "restore needs the folder of a backup. Try: ./run_chat.sh restore /mnt/backup/hermes" 2
}

# Clients stay connected, and what they send waits at the broker.
stop_all_but_the_broker() {
  terminate query TERM 30
  terminate projector TERM 30
  terminate ingester TERM 30
  terminate db INT 60
}

# A time as `hermes rebuild --at` takes it, in UTC and of one length, so that two compare as texts.
moment() {  # TIME
  [[ $1 =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}[T\ ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})$ ]] && date -u -d "${1/T/ }" >/dev/null 2>&1 ||
    fail "--at needs a time with its zone, such as $(date -u +%Y-%m-%dT%H:%M:%SZ); '$1' is none" 2
  local time
  time=$(date -u -d "${1/T/ }" +%Y-%m-%dT%H:%M:%S.%6NZ)
  [[ ! $time > $(now_utc) ]] || fail "$1 is still to come" 2
  printf '%s\n' "$time"
}

require_backup() {  # FOLDER
  [[ -d $1 ]] || fail "there is no folder $1"
  as_postgres test -r "$1/hermes-backup" ||
    fail "$1 holds no backup that user $(as_postgres id -un) can read. Is it the folder that was given to backup? Copied from another machine: chown -R $(as_postgres id -un) $1"
  [[ $(value_in "$1/hermes-backup" format) == 1 ]] || fail "$1 was made by another version of Hermes"
  if as_postgres test -e "$(data_folder)/global/pg_control"; then
    local system
    system=$(system_of "$(data_folder)") || system=""  # of a version that is not installed any more: it is kept anyway
    [[ -z $system || $system == "$(value_in "$1/hermes-backup" system)" ]] ||
      fail "the database in $state is another one than that of $1, and would be replaced. Restore into another state folder (HERMES_STATE_DIR), or move $state/postgres away first"
  fi
  # From here on PostgreSQL's programs are of the version that made the backup.
  wanted_version=$(value_in "$1/hermes-backup" postgresql)
  postgres_bin >/dev/null
}

# The timeline that the system was on at that time, or is on.
choose_timeline() {  # FOLDER AT
  local number since
  timeline=""
  while read -r number since; do
    [[ -n $2 && $since > $2 ]] || timeline=$number
  done < <(as_postgres cat "$1/timelines")
  [[ -n $timeline ]] || fail "$1 begins only after $2. Its first backup is of $(as_postgres sed -n '1s/.* //p' "$1/timelines")"
}

# Lines "TIMELINE POSITION": where the timelines before this one ended.
history_of() {  # FOLDER TIMELINE
  [[ $2 == 1 ]] && return
  local file
  file=$1/wal/$(printf %08X "$2").history.gz
  as_postgres gzip -dc "$file" 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1, $2 }'
}

# The newest base that was finished by then and that lies on the way to the timeline.
choose_base() {  # FOLDER AT
  local folder=$1 at=$2 candidate parent end oldest=""
  base=""
  while IFS= read -r candidate; do
    oldest=$(value_in "$candidate/info" finished)
    [[ -z $at || ! $oldest > $at ]] || continue
    if [[ $(value_in "$candidate/info" timeline) == "$timeline" ]]; then base=$candidate; break; fi
    while read -r parent end; do
      if [[ $parent == "$(value_in "$candidate/info" timeline)" ]] &&
        (($(lsn_value "$(value_in "$candidate/info" stop)") <= $(lsn_value "$end"))); then base=$candidate; break 2; fi
    done < <(history_of "$folder" "$timeline")
  done < <(as_postgres find "$folder/base" -mindepth 2 -maxdepth 2 -name info -printf '%h\n' | grep -v '\.new$' | sort --reverse)
  [[ -n $base ]] && return
  [[ -n $oldest ]] || fail "$folder holds no finished base backup"
  fail "no base backup in $folder was finished by $at; the oldest one was at $oldest"
}

# The WAL files from the base to the end of the timeline.
find_chain() {  # FOLDER
  local number parent end ends_at last from
  from=$(value_in "$base/info" timeline)
  number=$(($(lsn_value "$(value_in "$base/info" start)") / segment_bytes))
  needed=()
  if [[ $from != "$timeline" ]]; then
    while read -r parent end; do
      ((parent >= from)) || continue
      ends_at=$(($(lsn_value "$end") / segment_bytes))  # the file in which it ends is continued, and kept, by the next timeline
      for (( ; number < ends_at; number++)); do needed+=("$(segment_name "$parent" "$number")"); done
    done < <(history_of "$1" "$timeline")
  fi
  last=$({ as_postgres cat "$1/wal/list" 2>/dev/null; as_postgres find "$1/wal" -name '*.gz' -printf '%f\n' | sed 's/\.gz$//'; } |
    grep -E "^$(printf %08X "$timeline")[0-9A-F]{16}\$" | sort | tail -n 1) || last=""
  [[ -n $last ]] || fail "$1/wal holds no WAL file of timeline $timeline, on which the system was: restore to an earlier time with --at"
  ends_at=$(segment_number "$last")
  for (( ; number <= ends_at; number++)); do needed+=("$(segment_name "$timeline" "$number")"); done
}

# Each file of the chain is there and whole; those that were found so before are not read again. A restore to a point may go on with
# those before the damage: PostgreSQL says so if they do not reach it.
check_chain() {  # FOLDER AT
  local name bad="" before="" to_read=()
  [[ -z $damage ]] || return 0
  for name in "${needed[@]}"; do
    if ! as_postgres test -e "$1/wal/$name.gz"; then bad=$name damage="is missing"; break; fi
    [[ -n ${checked[$name]:-} ]] || to_read+=("$name")
  done
  if [[ ${#to_read[@]} -gt 0 ]]; then
    local broken
    broken=$(printf "$1/wal/%s.gz\\0" "${to_read[@]}" | { as_postgres xargs -0 -n 8 -P "$(nproc)" gzip -t 2>&1 || true; } |
      grep -oE '[0-9A-F]{24}\.gz' | sort -u | head -n 1) || broken=""
    if [[ -n $broken ]]; then bad=${broken%.gz} damage="is truncated or corrupted"; fi
  fi
  for name in "${to_read[@]}"; do checked[$name]=1; done
  [[ -n $bad ]] || return 0
  for name in "${needed[@]}"; do [[ $name == "$bad" ]] && break; before=$name; done
  local until=""
  [[ -z $before ]] || until=$(as_postgres date -u -r "$1/wal/$before.gz" +%Y-%m-%dT%H:%M:%SZ)
  if [[ -n $2 ]]; then
    say "  $1/wal/$bad.gz $damage: only what is before it can be restored${until:+, about until $until}"
    return 0
  fi
  fail "$1/wal/$bad.gz $damage. Nothing was changed. Look for another copy of it; what is before it can be restored${until:+ by --at and a time before about $until}"
}

# Beside the database that there is, and checked against the manifest, so that a bad copy is found before anything is stopped.
unpack() {  # BASE
  local bin data free wanted told
  bin=$(postgres_bin)
  remove_cluster postgres.restored
  make_data_folder postgres.restored
  data=$(realpath "$state/postgres.restored")
  free=$(df --output=avail --block-size=1 "$data" | tail -n 1)
  wanted=$(value_in "$1/info" bytes)
  ((free > wanted + segment_bytes)) ||
    fail "$data has $(size_text "$free") free, and the database needs $(size_text "$wanted")"
  told=$(as_postgres bash -euo pipefail -c '
    tar --extract --gzip --file "$1/base.tar.gz" --directory "$2"
    tar --extract --gzip --file "$1/pg_wal.tar.gz" --directory "$2/pg_wal"
    "$3/pg_verifybackup" --quiet --manifest-path="$1/backup_manifest" "$2"' unpack "$1" "$data" "$bin" 2>&1) ||
    fail "the base backup in $1 is damaged. Nothing was changed. Take an older one (--at), or another copy. $(tail -n 3 <<<"$told" | tr '\n' ' ')"
}

remove_cluster() {  # NAME in the state folder, and what it links to
  [[ -L $state/$1 ]] && rm -rf "$(realpath "$state/$1")"
  rm -rf "${state:?}/$1"
}

# From here until the data are proven, a file says what is where, for whoever finds a restore that was killed.
move_aside() {  # AT
  if [[ -e $state/postgres || -L $state/postgres ]]; then
    aside=$state/postgres.before-$(date -u +%Y%m%dT%H%M%SZ)
    echo "$aside" >"$state/restoring"
    mv "$state/postgres" "$aside"
    [[ -n $1 ]] || take_unarchived_wal
  else
    : >"$state/restoring"
  fi
  mv "$state/postgres.restored" "$state/postgres"
}

# What a database that was killed had not archived yet is in its pg_wal, where there are also files that wait to be written over: the
# position in a file's first page is that of its name, or it is such a one.
take_unarchived_wal() {
  local name count=0 from to
  from=$(realpath "$aside")/pg_wal to=$(realpath "$state/postgres.restored")/pg_wal
  name=${needed[-1]}
  while name=$(segment_name "$timeline" $(($(segment_number "$name") + 1))) && as_postgres test -f "$from/$name" &&
    (($(as_postgres od -An -t u8 -j 8 -N 8 "$from/$name") == $(segment_number "$name") * segment_bytes)); do
    as_postgres cp "$from/$name" "$to/$name"
    count=$((count + 1))
  done
  [[ $count == 0 ]] || say "  $count WAL files that were not archived yet are taken from the old data"
}

put_back() {
  local old
  old=$(cat "$state/restoring")
  terminate db INT 60
  if [[ -n $old && (-e $old || -L $old) ]]; then
    remove_cluster postgres
    mv "$old" "$state/postgres"
  elif [[ -z $old ]]; then
    remove_cluster postgres
  fi
  rm -f "$state/restoring"
}

put_back_after_interruption() {
  [[ -e $state/restoring ]] || return 0
  say "A former restore was interrupted: putting the old data back first"
  stop_all_but_the_broker
  put_back
}

restore_failed() {
  local code=$?
  trap - EXIT
  set +e
  if [[ -e $state/restoring ]]; then
    put_back
  fi
  remove_cluster postgres.restored
  if [[ -n ${ran:-} && -e $state/postgres ]]; then
    [[ -z ${ports:-} ]] || exec {ports}<&-
    [[ -z ${lock:-} ]] || flock --unlock "$lock"
    "$checkout/run_chat.sh" start {backup_lock}>&- >/dev/null
    printf 'hermes: not restored: the old data are in their place again, and everything runs as before\n' >&2
  elif [[ -e $state/postgres ]]; then
    printf 'hermes: not restored: the old data are in their place again. Start them with: ./run_chat.sh start\n' >&2
  else
    printf 'hermes: not restored: there is no database in %s, as before\n' "$state" >&2
  fi
  exit "$code"
}

recover() {  # FOLDER AT
  local folder=$1 at=$2 data bin log offset told user=() target=() redo
  data=$(data_folder)
  bin=$(postgres_bin)
  log=$state/log/db.log
  : >>"$log"
  offset=$(($(stat -c %s "$log") + 1))
  # Nothing goes into the archive before the restored data are proven.
  write_archive_settings "$data" "" 0
  as_postgres touch "$data/recovery.signal"
  [[ $(id -u) == 0 ]] && user=(setpriv --reuid=postgres --regid=postgres --init-groups)
  [[ -z $at ]] || target=(-c "recovery_target_time=${at/%Z/+00}")  # zones by name are not known yet when it is read
  (exec {backup_lock}>&- && cd / && spawn db "${user[@]}" "$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 -c "port=$POSTGRES_PORT" \
    -c unix_socket_directories= -c hot_standby=off -c max_wal_size=2GB -c log_timezone=UTC -c timezone=UTC \
    -c "restore_command=gzip -dc \"$folder/wal/%f.gz\" >\"%p\"" -c "recovery_target_timeline=$timeline" -c recovery_target_action=promote \
    "${target[@]}")
  local shown=$SECONDS
  until is_recovered "$data"; do
    told=$(tail -c +"$offset" "$log")
    if ! is_running db; then
      [[ $told != *"before configured recovery target was reached"* ]] ||
        fail "the archive does not reach $at${damage:+, since one of its files $damage}. Its last transaction is of $(last_transaction_in "$told"). Without --at everything to its end is restored"
      fail "PostgreSQL did not recover: $(grep -E 'FATAL|PANIC|ERROR' <<<"$told" | tail -n 1). See: ./run_chat.sh logs db"
    fi
    if ((SECONDS >= shown + 5)); then
      shown=$SECONDS
      say "  $(sed -n 's/.*restored log file "\([0-9A-F]\{24\}\)".*/\1/p' <<<"$told" | sort -u | wc -l) of ${#needed[@]}"
    fi
    sleep 0.2
  done
  told=$(tail -c +"$offset" "$log")
  last_transaction=$(last_transaction_in "$told")
  redo=$(sed -n 's/.*redo done at \([0-9A-F/]*\) .*/\1/p' <<<"$told" | tail -n 1)
  # To the end means to the last file that was checked.
  [[ -n $at || -z $redo || $(($(lsn_value "$redo") / segment_bytes)) -ge $(segment_number "${needed[-1]}") ]] ||
    fail "recovery ended at $redo, before ${needed[-1]}. See: ./run_chat.sh logs db"
  terminate db INT 60
  set_passwords || fail "the restored database does not take the password of $state/env. See: ./run_chat.sh logs db"
}

# The state is also that of the moment of the base backup, so it alone says nothing.
is_recovered() {  # DATA FOLDER
  as_postgres test ! -e "$1/recovery.signal" &&
    [[ $(LC_ALL=C as_postgres "$(postgres_bin)/pg_controldata" "$1" | sed -n 's/^Database cluster state: *//p') == "in production" ]]
}

last_transaction_in() { sed -n 's/.*last completed transaction was at log time \(.*\)/\1/p' <<<"$1" | tail -n 1 | grep . || echo "the base backup"; }

# Before any service can acknowledge anything: a log that is not proven is not built on.
prove() {  # BASE
  (exec {backup_lock}>&- && start_db)
  "$hermes" migrate >>"$state/log/migrate.log" 2>&1 || fail "migrate failed: $(tail -n 1 "$state/log/migrate.log")"
  as_postgres cat "$1/anchor.json" >"$state/anchor.json"
  chmod 600 "$state/anchor.json"
  "$hermes" verify --anchor "$state/anchor.json" || fail "hermes verify found what is above in the restored data"
}

# The archive goes on where it was this system's. A copy of the system, for a drill or on a new machine, leaves it alone.
archive_again() {  # FOLDER
  if [[ ${HERMES_BACKUP_DIR:-} != "$1" || $(value_in "$1/hermes-backup" owner) != "$(owner_name)" ]]; then
    archive_by /bin/true 0
    archiving="No WAL is archived here. Begin now: ./run_chat.sh backup FOLDER"
    return
  fi
  local restored
  restored=$(LC_ALL=C as_postgres "$(postgres_bin)/pg_controldata" "$(data_folder)" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
  as_postgres mv "$1/anchor.json" "$1/anchor.json.before-$(date -u +%Y%m%dT%H%M%SZ)"
  write_into "$1/anchor.json" <"$state/anchor.json"
  note_timeline "$1" "$restored" "$(now_utc)"
  # A second is enough for the first file of the new timeline: from then on all of it can be restored.
  archive_by "$(archive_command_of "$1")" 1
  wait_until_archived "$1" "$(first_segment_of "$restored")"
  archive_by "$(archive_command_of "$1")" "$archive_seconds_max"
  archiving="WAL goes to $1 again, on timeline $restored. Make a new base soon: ./run_chat.sh backup $1"
}

# A new timeline begins in the file in which the one before it ended.
first_segment_of() {  # TIMELINE
  local end
  end=$(as_postgres cat "$(data_folder)/pg_wal/$(printf %08X "$1").history" | awk '$1 ~ /^[0-9]+$/ { end = $2 } END { print end }')
  segment_name "$1" $(($(lsn_value "$end") / segment_bytes))
}
