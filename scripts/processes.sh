# Sourced by run_chat.sh: processes in the background, known by number and start time, so that a stale file never leads to
# another process that got the number since.

started_at() {  # PID: in clock ticks since boot; field 22 of /proc/PID/stat, counted after the name in parentheses
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- ${stat##*) }
  [[ $1 != Z ]] && echo "${20}"
}

# Starts COMMAND in a session of its own. Its output goes to the log, its descriptors are its own (no lock is inherited).
spawn() {  # NAME COMMAND...
  local name=$1 pid
  shift
  setsid "$@" </dev/null >>"$state/log/$name.log" 2>&1 {lock}>&- {ports}<&- &
  pid=$!
  echo "$pid $(started_at "$pid")" >"$state/run/$name"
  disown "$pid"
}

pid_of() {  # NAME: prints it when it runs
  local pid start
  read -r pid start 2>/dev/null <"$state/run/$1" || return 1
  [[ -n $start && $(started_at "$pid") == "$start" ]] && echo "$pid"
}

is_running() { pid_of "$1" >/dev/null; }
is_stopped() { ! is_running "$1"; }

# Signals NAME, waits, and kills it when it has not ended by then.
terminate() {  # NAME SIGNAL SECONDS
  local pid
  if pid=$(pid_of "$1"); then
    kill "-$2" "$pid" 2>/dev/null || true
    if ! wait_until "$3" is_stopped "$1"; then
      say "$1 does not end: killed"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 10 is_stopped "$1" || fail "process $pid ($1) can't be killed"
    fi
  fi
  rm -f "$state/run/$1"
}
