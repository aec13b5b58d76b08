#!/usr/bin/env python3
"""Roughness and drift of maps that hold a part p of the neurons each: the tables of benches/sparse.md.

    python3 benches/sparse.py target/release/flatscape OUT [SEEDS]

Runs configs/sparse.toml with p = 1, 0.5, 0.25, 0.15 and L = 2, 5, 10, once with N = 600 neurons and once with
M = 200 members a map (N = 200 / p), each with SEEDS draws of the maps (2). Runs that are there are not made again.
"""

import json
import pathlib
import subprocess
import sys

PARTS = [1, 0.5, 0.25, 0.15]
MAPS = [2, 5, 10]
CONFIG = pathlib.Path(__file__).parent.parent / "configs" / "sparse.toml"


def run(program, out, neurons, part, maps, seed):
    """The summary of one network."""
    place = out / f"N{neurons}-p{part}-L{maps}-{seed}"
    if not (place / "summary.json").exists():
        settings = [f"network.neurons={neurons}", f"network.members={part}", f"network.maps={maps}", f"network.seed={seed}"]
        command = [program, "optimize", CONFIG, "--backend", "cpu", "--quiet", "--resume", "--out", place]
        subprocess.run(command + [x for s in settings for x in ("--set", s)], check=True, stdout=subprocess.DEVNULL)
    return json.loads((place / "summary.json").read_text())


def row(summaries, neurons, part, maps):
    """A line of a table: means over the draws."""
    def mean(*keys):
        def of(s):
            for key in keys:
                s = s[key]
            return s
        return sum(of(s) for s in summaries) / len(summaries)

    landscape = "landscape_before", "landscape_after"
    drift = "drift_before", "drift_after"
    return (
        f"| {part} | {neurons} | {round(part * neurons)} | {maps} "
        f"| {mean(landscape[0], 'energy_sd'):.0f} → {mean(landscape[1], 'energy_sd'):.2f} "
        f"| {mean(landscape[0], 'heldout_robust_sd'):.0f} → {mean(landscape[1], 'heldout_robust_sd'):.2f} "
        f"| {mean(drift[0], 'phase_mean_drift'):.2f} → {mean(drift[1], 'phase_mean_drift'):.3f} "
        f"| {100 * mean(drift[0], 'own_map_fraction'):.0f} → {100 * mean(drift[1], 'own_map_fraction'):.0f} % "
        f"| {mean(drift[0], 'score'):.1f} → {mean(drift[1], 'score'):.1f} |"
    )


def main():
    program, out = sys.argv[1], pathlib.Path(sys.argv[2])
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    for title, neurons in [("As many neurons", lambda p: 600), ("As many members a map", lambda p: round(200 / p))]:
        print(f"\n{title}:\n")
        print("| p | N | members | L | SD at the points | robust SD between them | drift by phase | own map | score |")
        print("|---|---|---|---|---|---|---|---|---|")
        for maps in MAPS:
            for part in PARTS:
                n = neurons(part)
                found = [run(program, out, n, part, maps, seed) for seed in range(1, seeds + 1)]
                print(row(found, n, part, maps), flush=True)


if __name__ == "__main__":
    main()
