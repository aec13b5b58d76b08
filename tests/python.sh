#!/usr/bin/env bash
# The Python package as a person gets it: a fresh virtual environment, `pip install ./python`, and then its tests against the
# given program. Arguments after the program go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")
shift

if ! python3 -c "import ensurepip, venv" 2> /dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
        echo "tests/python.sh: Python's venv is missing; install python3-venv" >&2
        exit 1
    fi
    apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv
fi
venv=target/python-venv
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet './python[test]'

FLATSCAPE_PROGRAM=$program "$venv/bin/python" -B -m pytest python "$@"
