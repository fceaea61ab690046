#!/bin/bash
# Runs a test without anything that its user has: settings in the environment, a running system's state folder, a home with its config
# files. What is kept is a short list; all else goes. Every test of ctest is started by this; by hand:
#
#   tests/clean_environment.sh build/release/tools/tools_test --gtest_filter='CliTest.*'
set -euo pipefail

home=$HOME
for name in $(compgen -e); do
  case $name in
    PATH | TMPDIR | LANG | LC_* | TERM | USER | LOGNAME | SHELL | PWD | SHLVL) ;;
    CTEST_* | GTEST_* | RC_PARAMS | ASAN_OPTIONS | LSAN_OPTIONS | UBSAN_OPTIONS | TSAN_OPTIONS) ;;
    # What says where the tests find what they try, and how hard.
    HERMES_COMMAND | HERMES_BUILD_DIR | HERMES_POSTGRES_BIN | HERMES_FAULTS_* | HERMES_TEST_*) ;;
    # How npm reaches its registry.
    NPM_CONFIG_* | npm_config_* | *_PROXY | *_proxy | SSL_CERT_* | NODE_EXTRA_CA_CERTS) ;;
    *) unset "$name" ;;
  esac
done

# No file of a home is found in a folder that is not there.
export HOME=/nonexistent
export NPM_CONFIG_USERCONFIG=${NPM_CONFIG_USERCONFIG:-$home/.npmrc} NPM_CONFIG_CACHE=${NPM_CONFIG_CACHE:-$home/.npm}
# Neither a system's own config (/etc/hermes) nor one of the folder that the test is started in.
export HERMES_CONFIG=/dev/null
export HERMES_TEST_ENVIRONMENT=clean

exec "$@"
