#!/bin/bash
# The gates of form: clang-format over all sources, shellcheck over all scripts. Says what fails and how to mend it.
#
#   scripts/check-style.sh          exit code 1 when something fails
#   scripts/check-style.sh --mend   lets clang-format write
#   scripts/check-style.sh --lint [all]   also clang-tidy: on what has changed since the last tag, the newest first and at most 40
#                                   files of it, for each takes ten seconds; or on all
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

lint_files_max=40

# Sources that changed, the newest first, each once.
changed_sources() {
  local tag
  tag=$(git describe --tags --abbrev=0 2>/dev/null) || return 0
  git log --format= --name-only --diff-filter=d "$tag..HEAD" -- '*.cc' | awk 'NF && !seen[$0]++'
}

lint() {  # [all]
  local sources file
  if [[ ${1:-} == all ]]; then
    mapfile -t sources < <(files '*.cc')
  else
    mapfile -t sources < <(changed_sources | while read -r file; do [[ -e $file ]] && echo "$file"; done)
    if ((${#sources[@]} > lint_files_max)); then
      echo "clang-tidy reads $lint_files_max of ${#sources[@]} changed files; all: scripts/check-style.sh --lint all"
      sources=("${sources[@]:0:lint_files_max}")
    fi
  fi
  if [[ ${#sources[@]} == 0 ]]; then
    echo "clang-tidy has nothing to read: nothing has changed since the last tag, or there is none. All: scripts/check-style.sh --lint all"
    return
  fi
  # A folder of its own: clang cannot read GCC's precompiled headers. Of what is built, only generated sources are read.
  cmake --preset release -B build/lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
  ninja --quiet -C build/lint hermes_proto
  # Warnings that only GCC has are switched off in the compile commands.
  printf '%s\0' "${sources[@]}" |
    xargs -0 -P "$(nproc)" -n 1 clang-tidy -p build/lint --quiet --extra-arg=-Wno-unknown-warning-option 2>&1 |
    { grep -vE '^[0-9]+ (warnings?|errors?) ' || true; }
}

if [[ ${1:-} == --lint ]]; then
  lint "${2:-}" || failed=1
fi
exit "$failed"
