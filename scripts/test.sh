#!/bin/bash
# `./run_chat.sh test`: installs what is missing, builds everything and runs every test but Docker's. Ends with ctest's summary.
#
#   ./run_chat.sh test [ARGUMENTS OF CTEST]      for example -L unit, or -R timeline
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/install-dependencies.sh
[[ -f build/release/build.ninja ]] || cmake --preset release >/dev/null
ninja --quiet -C build/release
exec ctest --preset release --label-exclude docker "$@"
