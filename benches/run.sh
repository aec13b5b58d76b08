#!/usr/bin/env bash
# flatscape beside what a user would write instead, in the same run: stages, then whole jobs.
# Leaves target/bench/*.json and prints one table. About six minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/bench
mkdir -p "$out"

if [ ! -x "$out/venv/bin/python" ]; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
fi
cargo build --release --quiet
cargo bench --quiet --bench stages -- --json > "$out/stages.json"
"$out/venv/bin/python" benches/peers/peers.py --seconds "${PEER_SECONDS:-10}" --json "$out/peers.json" > /dev/null
for job in paper flat; do
    rm -rf "$out/$job"
    "$out/venv/bin/python" benches/peers/job.py "$out/$job-job.json" \
        target/release/flatscape optimize "configs/$job.toml" --out "$out/$job" --backend cpu --quiet
done
"$out/venv/bin/python" benches/peers/table.py "$out"
