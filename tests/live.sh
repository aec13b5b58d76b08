#!/usr/bin/env bash
# The live page of a run in headless Chromium, in plain JavaScript and by WebGPU on a software GPU, held against the
# program's own trajectories. Screenshots, light and dark, wide and narrow, stay in target/live/.
#   tests/live.sh PATH_TO_FLATSCAPE
set -euo pipefail
flatscape=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p target/live
command -v chromium > /dev/null || { echo "tests/live.sh: chromium is missing; tests/report.sh brings it" >&2; exit 1; }

cat > "$work/small.toml" <<EOF
[network]
neurons = 120
maps = 3
seed = 3
[flatten]
iterations = 3
ridge = 1e-6
[measure]
duration_ms = 1000
starts_per_map = 10
EOF
# The first writes the run and its page; the second finds the run, and writes the page again.
for _ in first again; do
    "$flatscape" live "$work/small.toml" --out "$work/run" --no-open --backend cpu --quiet
done
"$flatscape" measure "$work/run" --starts 120 --out "$work/every.csv" --backend cpu --quiet

cat > "$work/torus.toml" <<EOF
[network]
neurons = 196
seed = 3
[[maps]]
shape = "torus"
count = 2
sides = [14, 14]
[flatten]
iterations = 2
ridge = 1e-3
[measure]
duration_ms = 1000
starts_per_map = 10
EOF
"$flatscape" live "$work/torus.toml" --out "$work/torus" --no-open --backend cpu --quiet

# The size that the budgets are stated for; what the weights are does not matter to them.
"$flatscape" optimize "$work/small.toml" --out "$work/large" --backend cpu --quiet --set network.neurons=600 \
    --set network.maps=10 --set flatten.method=none --set flatten.points_per_map=60 --set measure.duration_ms=1
"$flatscape" report "$work/large" --live --quiet

python3 -B tests/live.py "$work/run/live.html" "$work/run/drift.csv" "$work/every.csv" \
    "$work/torus/live.html" "$work/torus/drift.csv" "$work/large/live.html" target/live

# The site from the same configuration; a link that leads nowhere has to be found out.
bash docs/build.sh "$flatscape" "$work/site" "$work/small.toml"
sed 's/index\.html/nowhere.html/' "$work/site/reference.html" > "$work/site/broken.html"
if python3 docs/links.py "$work/site" 2> /dev/null; then
    echo "a broken link passed" >&2
    exit 1
fi
