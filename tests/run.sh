#!/usr/bin/env bash
# The test command: brings what the tests need, then runs them all. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test "$@"
