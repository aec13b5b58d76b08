#!/usr/bin/env bash
# How an outer iteration scales: one row a network, as a Markdown table. About eight minutes on 2 idle cores; with
# "large" as argument also 6,000 neurons, which take half an hour more.
set -euo pipefail
cd "$(dirname "$0")/.."

row() { cargo bench --quiet --bench scaling -- "$@"; }

echo "| N | L | K | S | solver | network | first minima | minima after | update | GB | SD before and after each update |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for maps in 5 10 20 40 80; do row 2400 "$maps" 240 3 cg; done
for solver in direct cg; do row 600 10 600 3 "$solver"; done
if [ "${1:-}" = large ]; then
    for maps in 5 10 20 40 80; do row 6000 "$maps" 600 1 cg; done
    for maps in 5 20 80; do row 6000 "$maps" 300 3 cg; done
fi
echo
echo "Stages: wall seconds / CPU seconds of all threads. Machine: $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)."
