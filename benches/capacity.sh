#!/usr/bin/env bash
# The scans behind benches/capacity.md, their tables and their figures.
#
#   bash benches/capacity.sh DIR
#
# scans configs/capacity.toml and the grids in benches/capacity/ into DIR (a night on two cores; called again it goes on where it was),
# collects what is there, and copies tables and figures to benches/capacity/; then benches/continual.py adds maps one by one (one draw).
# SKIP_SCAN=1 only collects.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: bash benches/capacity.sh DIR" >&2; exit 2; }
here=$(dirname "$0") out=$1
flatscape=${FLATSCAPE:-flatscape}
# Scans of the same network share a directory: what two of them ask for is done once.
scan() { [ -n "${SKIP_SCAN:-}" ] || "$flatscape" scan "$1" --out "$out/$2"; }
scan "$here/capacity/own-map.toml" rings
scan "$here/capacity/tori.toml" tori
scan "$here/capacity/half.toml" half
scan "$here/../configs/capacity.toml" rings
for part in rings tori half; do "$flatscape" collect "$out/$part" --out "$out/$part/collected" --force; done
for name in scaling.csv differences.csv summary.csv completion.csv; do
    cp "$out/rings/collected/$name" "$here/capacity/$name"
done
for part in tori half; do
    for name in scaling summary; do cp "$out/$part/collected/$name.csv" "$here/capacity/$part-$name.csv"; done
done
for name in score-N160 completed-0.3-N160 own-map-N120 finite-size-completed-0.3 finite-size-shape finite-size-own-map; do
    cp "$out/rings/collected/$name.svg" "$here/capacity/$name.svg"
done
[ -n "${SKIP_SCAN:-}" ] || python3 "$here/continual.py" "$flatscape" "$out/continual" 1
