#!/bin/bash
# The gates of form: clang-format over all sources, shellcheck over all scripts. Says what fails and how to mend it.
#
#   scripts/check-style.sh          exit code 1 when something fails
#   scripts/check-style.sh --mend   lets clang-format write
#   scripts/check-style.sh --lint   also clang-tidy, on what has changed since the last tag (or on all, without one); needs build/release
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

# What is in the repository; of a copy without one, what is there but for what was built.
files() {  # PATTERN...
  git ls-files -- "$@" 2>/dev/null | grep . && return
  local pattern
  for pattern in "$@"; do find . \( -name build -o -name .git \) -prune -o -type f -path "./*${pattern#\*}" -print; done
}

mapfile -t sources < <(files '*.cc' '*.h')
if [[ ${1:-} == --mend ]]; then
  clang-format -i "${sources[@]}"
elif ! told=$(clang-format --dry-run -Werror "${sources[@]}" 2>&1); then
  grep -oE '^[^:]+' <<<"$told" | sort -u | grep -E '\.(cc|h)$' | sed 's/^/not in form: /'
  echo "Mend it: scripts/check-style.sh --mend"
  failed=1
fi

mapfile -t scripts < <(files '*.sh' run_chat.sh .ci/run)
shellcheck --severity=warning "${scripts[@]}" || failed=1

if [[ ${1:-} == --lint ]]; then
  last_tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
  mapfile -t changed < <(if [[ -n $last_tag ]]; then git diff --name-only --diff-filter=d "$last_tag" -- '*.cc'; else files '*.cc'; fi)
  [[ ${#changed[@]} == 0 ]] || clang-tidy -p build/release --quiet "${changed[@]}" || failed=1
fi
exit "$failed"
