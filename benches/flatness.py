#!/usr/bin/env python3
"""What makes the landscape flat between the points, and bumps stay: one Markdown row a network and variant.

    cargo build --release && python3 benches/flatness.py [N,L[,SEED]...] [--only VARIANT]

Three quarters of an hour on 2 idle cores for all networks and variants.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/flatscape"

FLAT = ["ridge=1e-2", "ridge_decay=0.6", 'start="idealized"']

# Points per neuron, updates, and what is set beside; all of them kkt minima.
VARIANTS = {
    "K = N": (1, 8, ["ridge=1e-7"]),
    "K = 2N, ridge": (2, 8, ["ridge=1e-4"]),
    "minima sought afresh": (2, 8, ["ridge=1e-4", 'start="idealized"']),
    "and a falling ridge": (2, 15, FLAT),
    "and idealized bumps too": (2, 15, [*FLAT, "idealized_updates=9"]),
    "and K = 4N": (4, 15, [*FLAT, "idealized_updates=9"]),
}
NETWORKS = ["300,2", "300,5", "300,10", "600,4", "600,10", "600,20"]


def measure(network, variant):
    """Flattens one network; returns its row."""
    neurons, maps, seed = (network.split(",") + ["1"])[:3]
    points, updates, flatten = VARIANTS[variant]
    settings = [f"network.neurons={neurons}", f"network.maps={maps}", f"network.seed={seed}"]
    settings += ["flatten.method=constrained", "flatten.definition=kkt", f"flatten.iterations={updates}"]
    settings += [f"flatten.points_per_map={points * int(neurons)}", "measure.starts_per_map=40"]
    # From the defaults, whatever configs/paper.toml says.
    settings += ["flatten.start=previous", "flatten.ridge_decay=1", "flatten.idealized_updates=0"]
    settings += [f"flatten.{setting}" for setting in flatten]
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        command = [PROGRAM, "optimize", ROOT / "configs/paper.toml", "--backend", "cpu", "--quiet", "--out", run]
        subprocess.run([*command, *[word for s in settings for word in ("--set", s)]], check=True)
        last = list(csv.DictReader((run / "iterations.csv").open()))[-1]
        first = next(csv.DictReader((run / "iterations.csv").open()))
        after = json.loads((run / "summary.json").read_text())["drift_after"]
    held = [float(last[f"heldout_{name}"]) for name in ("sd", "robust_sd", "peak")]
    return (
        f"| {neurons}, {maps}, {seed} | {variant} | {float(first['heldout_robust_sd']):.0f} | {float(last['energy_sd']):.2f} "
        f"| {held[0]:.2f} / {held[1]:.2f} / {held[2]:.1f} | {float(last['heldout_lambda_rms']):.4f} "
        f"| {after['mean_drift']:.3f}, {after['largest_drift']:g} "
        f"| {after['settled_mean_drift']:.3f}, {after['settled_largest_drift']:g} "
        f"| {after['score']:.2f} | {after['rate_change']:.0f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="N,L or N,L,SEED")
    parser.add_argument("--only", choices=VARIANTS, help="one variant instead of all")
    arguments = parser.parse_args()
    print(
        "| N, L, seed | variant | robust SD before | fitted SD | between: SD / robust SD / peak | λ rms "
        "| drift 3 s: mean, largest | from 100 ms on | score | rate change |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for network in arguments.networks:
        for variant in [arguments.only] if arguments.only else VARIANTS:
            print(measure(network, variant), flush=True)


if __name__ == "__main__":
    main()
