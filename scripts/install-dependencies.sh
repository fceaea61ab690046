#!/bin/bash
# Installs what building, running and testing Hermes needs, from Debian 12's own packages. Says nothing when all is there.
#
#   scripts/install-dependencies.sh           installs (with sudo when not root)
#   scripts/install-dependencies.sh --build   installs what the build alone needs
#   scripts/install-dependencies.sh --docker  installs Docker and what makes base images without a registry
#   scripts/install-dependencies.sh --check   prints the missing packages, one a line; exit code 1 if there are any
set -euo pipefail

build_packages=(
  build-essential cmake ninja-build ccache pkg-config
  libboost1.81-dev libboost-json1.81-dev libpqxx-dev libpq-dev
  protobuf-compiler libprotobuf-dev libcereal-dev
  libcli11-dev libspdlog-dev libfmt-dev libedit-dev libutf8proc-dev libsqlite3-dev
  prometheus-cpp-dev libcpp-httplib-dev libssl-dev libsystemd-dev zlib1g-dev
)
run_and_test_packages=(
  libgtest-dev libgmock-dev librapidcheck-dev clang-format clang-tidy shellcheck
  postgresql-15 pgbackrest pgbouncer mosquitto mosquitto-clients tmux prometheus curl sqlite3
)

missing_packages() {
  local wanted=("${build_packages[@]}") installed
  if [[ ${1:-} == --docker ]]; then
    wanted=(docker.io docker-compose debootstrap iptables)
  elif [[ ${1:-} != --build ]]; then
    wanted+=("${run_and_test_packages[@]}")
    # A Node.js that is already there is kept, wherever it came from.
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
  fi
  installed=$(dpkg-query --show --showformat='${binary:Package} ${db:Status-Abbrev}\n' 2>/dev/null |
    awk '$2 == "ii" { sub(/:.*/, "", $1); print $1 }')
  printf '%s\n' "${wanted[@]}" | grep -vxF -f <(printf '%s\n' "$installed") || true
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "hermes: packages are missing and there is no sudo. As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
}

mapfile -t missing < <(missing_packages "${1:-}")
if [[ ${1:-} == --check ]]; then
  [[ ${#missing[@]} == 0 ]] || { printf '%s\n' "${missing[@]}"; exit 1; }
  exit 0
fi
[[ ${#missing[@]} == 0 ]] && exit 0

echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
# Debian's postgresql and mosquitto packages start servers of their own on 5432 and 1883. They are not ours: left as they are.
as_root apt-get update --quiet=2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
