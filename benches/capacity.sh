#!/usr/bin/env bash
# The scan behind benches/capacity.md, its tables and its figures.
#
#   bash benches/capacity.sh DIR
#
# scans configs/capacity.toml into DIR (a night on two cores; called again it goes on where it was), collects what is there, and copies tables
# and figures to benches/capacity/. With several directories, those after the first are collected too.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: bash benches/capacity.sh DIR..." >&2; exit 2; }
here=$(dirname "$0")
flatscape=${FLATSCAPE:-flatscape}
[ -n "${SKIP_SCAN:-}" ] || "$flatscape" scan "$here/../configs/capacity.toml" --out "$1"
"$flatscape" collect "$@" --out "$1/collected"
mkdir -p "$here/capacity"
for name in scaling.csv differences.csv summary.csv completion.csv; do
    cp "$1/collected/$name" "$here/capacity/$name"
done
for name in score-N160 completed-0.3-N160 own-map-N120 finite-size-completed-0.3 finite-size-shape finite-size-own-map; do
    cp "$1/collected/$name.svg" "$here/capacity/$name.svg"
done
