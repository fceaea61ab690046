# Sourced by run_chat.sh: words to the user, where state lives, the settings kept there, free ports.

state=$(realpath -m "${HERMES_STATE_DIR:-$checkout/.hermes}")
export HERMES_STATE_DIR=$state

say() { printf '%s\n' "$*"; }

fail() {  # MESSAGE [EXIT CODE]: one line that says what, where and what to do
  printf 'hermes: %s\n' "$1" >&2
  exit "${2:-1}"
}

# The command under way: a build of this checkout, or the one that HERMES_COMMAND names (then nothing is built).
hermes=${HERMES_COMMAND:-$checkout/build/release/hermes}

accepts_connections() {  # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

wait_until() {  # SECONDS COMMAND...: false when the time has passed first
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# A port is kept for the state folder whose settings hold it while anything of it runs, also when nobody listens there: if another's
# broker took the place of one that crashed, the services waiting for theirs would find it and take its messages into the wrong
# database. Every process started from here holds the file of each port open, and with it a shared lock.
port_file() { echo "/tmp/hermes-port-$1.lock"; }

keep_ports() {  # PORT...
  local port file descriptor
  for port in "$@"; do
    file=$(port_file "$port")
    [[ -e $file ]] || (umask 022 && : >>"$file") 2>/dev/null || true
    exec {descriptor}<"$file" && flock --shared --timeout 5 "$descriptor" || true
  done
}

is_kept() {  # PORT
  local file
  file=$(port_file "$1")
  [[ -r $file ]] && ! flock --exclusive --nonblock "$file" true
}

# A port for NAME: the one that the settings hold if nobody else took it, else the usual one, else the next free one.
free_port() {  # USUAL [PREFERRED]
  local port
  for port in ${2:-} $(seq "$1" $(($1 + 200))); do
    if [[ " ${taken_ports:-} " != *" $port "* ]] && ! accepts_connections "$port" && ! is_kept "$port"; then
      echo "$port"
      return
    fi
  done
  fail "no free port between $1 and $(($1 + 200)) on 127.0.0.1"
}

# Settings: NAME=value lines in a file that only its owner can read. A new password is made with the file.
load_settings() {
  [[ -f $state/env ]] || return 1
  set -a
  # shellcheck disable=SC1091
  source "$state/env"
  set +a
}

random_password() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# Replaces the file in one step. Shells read it, and so does `hermes` (tools/cli/config_file.h): single quotes mean the same to both.
write_settings() {  # NAME=value...
  local setting
  [[ "$*" != *\'* ]] || fail "a setting (or the path of the state folder) holds a single quote: choose another" 2
  (
    umask 077
    for setting in "$@"; do
      printf "%s='%s'\n" "${setting%%=*}" "${setting#*=}"
    done >"$state/env.new"
  )
  mv "$state/env.new" "$state/env"
}

# Changes one setting, and keeps the others as they are.
set_setting() {  # NAME VALUE
  [[ $2 != *\'* ]] || fail "the value of $1 holds a single quote: choose another" 2
  (umask 077 && { grep -v "^$1=" "$state/env"; printf "%s='%s'\n" "$1" "$2"; } >"$state/env.new")
  mv "$state/env.new" "$state/env"
}

require_running_settings() {
  load_settings || fail "nothing has been started in $state. Try: ./run_chat.sh start"
}
