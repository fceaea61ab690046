# Sourced by tests that use programs from npm: installs them into the build folder, once for each version of the lockfile.
npm_clients() {
  local source=$checkout/tests/e2e/clients
  local target=${HERMES_BUILD_DIR:-$checkout/build/release}/clients
  mkdir -p "$target"
  (
    flock 9
    cd "$target"
    if ! cmp -s "$source/package-lock.json" installed.json; then
      cp "$source"/{package.json,package-lock.json,.npmrc} .
      npm ci --silent >&2 || exit 1
      cp package-lock.json installed.json
    fi
    cp "$source"/*.mjs .
  ) 9>"$target/lock" || return 1
  echo "$target"
}
