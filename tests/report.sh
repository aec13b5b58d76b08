#!/usr/bin/env bash
# The pages of a run and of a scan in headless Chromium, and the exported network in NumPy. On a Debian machine, as root,
# it installs Chromium if that is missing; the Python packages go to a virtual environment in target/. Screenshots, light
# and dark, stay in target/report/.
#   tests/report.sh PATH_TO_FLATSCAPE
set -euo pipefail
flatscape=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p target/report

if ! command -v chromium > /dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
        echo "tests/report.sh: chromium is missing; install it" >&2
        exit 1
    fi
    { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } > /dev/null
fi
python=target/export-venv/bin/python
if ! "$python" -c "import numpy, scipy, safetensors" 2> /dev/null; then
    python3 -m venv target/export-venv
    target/export-venv/bin/pip install --quiet numpy scipy safetensors
fi

# browse PAGE_AND_FRAGMENT FLAG...: Chromium on a file; fails if the page writes to the console.
browse() {
    local profile log
    profile=$(mktemp -d "$work/profile.XXXX")
    log=$profile.log
    timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir="$profile" \
        --enable-logging=stderr --v=0 --hide-scrollbars "${@:2}" "file://$1" 2> "$log"
    if grep "CONSOLE" "$log" >&2; then
        echo "the page $1 wrote to the console" >&2
        return 1
    fi
}

cat > "$work/small.toml" <<EOF
[network]
neurons = 120
maps = 3
seed = 3
[flatten]
iterations = 3
ridge = 1e-6
[measure]
duration_ms = 500
starts_per_map = 10
[scan]
maps = [1, 2]
realizations = 2
methods = ["none", "idealized"]
EOF
"$flatscape" optimize "$work/small.toml" --out "$work/run" --backend cpu --quiet
"$flatscape" scan "$work/small.toml" --out "$work/scan" --backend cpu --quiet --set measure.duration_ms=100 --keep-landscapes
for kind in run scan; do
    page=$work/$kind/report.html
    "$flatscape" report "$work/$kind" --quiet
    browse "$page" --dump-dom > "$work/$kind.html"
    for scheme in 0:dark 1:light; do
        browse "$page" --blink-settings=preferredColorScheme="${scheme%:*}" --window-size=1100,2900 \
            --screenshot="$PWD/target/report/$kind-${scheme#*:}.png"
    done
    cmp -s "target/report/$kind-light.png" "target/report/$kind-dark.png" &&
        { echo "the page of a $kind looks the same in light and dark" >&2; exit 1; }
done
"$flatscape" verify "$work/run" --quiet
browse "$work/run/report.html#map=1&iteration=0" --dump-dom > "$work/first.html"
browse "$work/run/report.html#map=all&iteration=2" --dump-dom > "$work/every.html"
"$python" tests/report.py run "$work/run/report.html" "$work"/{run,first,every}.html
"$python" tests/report.py scan "$work/scan/report.html" "$work/scan.html"
"$python" -B tests/gallery.py "$work/scan" target/report

# A page whose script fails has to be found out.
sed 's/^honour();$/nothing();/' "$work/run/report.html" > "$work/broken.html"
if browse "$work/broken.html" --dump-dom > "$work/broken-dump.html" 2> /dev/null; then
    echo "a page with a broken script passed" >&2
    exit 1
fi

for format in npz safetensors mat; do
    "$flatscape" export "$work/run" --format "$format" --quiet
done
"$python" tests/export.py "$work/run"
