"""Loads an exported network in each format, simulates it in NumPy from the idealized currents, and compares where the
bumps end with drift.csv.

    tests/export.py RUN          with RUN/network.npz, .safetensors and .mat
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import scipy.io
from safetensors.numpy import load_file

AGREEMENT = 0.98


def load(run):
    """The same arrays from all three files."""
    npz = dict(np.load(run / "network.npz"))
    tensors = load_file(run / "network.safetensors")
    mat = {k: v for k, v in scipy.io.loadmat(run / "network.mat").items() if not k.startswith("__")}
    assert set(npz) == set(tensors) == set(mat), (set(npz), set(tensors), set(mat))
    for name, array in npz.items():
        assert array.dtype == tensors[name].dtype == mat[name].dtype, name
        assert array.shape == tensors[name].shape, name
        assert np.array_equal(array, tensors[name]), name
        assert np.array_equal(np.atleast_2d(array), mat[name]), name
    return npz


def simulate(net, currents, milliseconds):
    """Rates [starts, N] after Euler steps of tau dI/dt = -I + h + W phi(I), phi(x) = sqrt(x) for x > 0."""
    step = net["dt_ms"] / net["tau_ms"]
    for _ in range(round(milliseconds / float(net["dt_ms"]))):
        rates = np.sqrt(np.maximum(currents, 0.0))
        currents = currents + step * (-currents + net["external_current"] + rates @ net["weights"])
    return np.sqrt(np.maximum(currents, 0.0))


def places(net, rates):
    """(map, position) with the highest bump score, for every row of rates."""
    n = rates.shape[1]
    template = np.sqrt(np.maximum(net["bump_current"], 0.0))
    template /= template.max()
    shifted = np.array([np.roll(template, x) for x in range(n)])
    scores = np.stack([rates @ shifted[:, positions].T for positions in net["maps"]], axis=1)
    best = scores.reshape(len(rates), -1).argmax(axis=1)
    return best // n, best % n


def main():
    run = Path(sys.argv[1])
    net = load(run)
    n = net["maps"].shape[1]
    assert np.array_equal(net["weights"], net["weights"].T) and not net["weights"].diagonal().any()
    with open(run / "drift.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["network"] == "flattened"]
    maps, starts, ends, winners = (
        np.array([int(row[key]) for row in rows]) for key in ["map", "start", "end", "winning_map"]
    )
    currents = np.array([net["bump_current"][(net["maps"][m] - s) % n] for m, s in zip(maps, starts)])
    duration = json.loads((run / "summary.json").read_text())["duration_ms"]
    found_maps, found = places(net, simulate(net, currents, duration))
    same = np.mean((found == ends) & (found_maps == winners))
    moved = np.mean(ends != starts)
    assert len(rows) >= 20 and moved > 0.1, f"{len(rows)} starts of which {moved:.0%} moved: the test tests nothing"
    assert same >= AGREEMENT, f"only {same:.1%} of {len(rows)} ends are those of drift.csv"
    print(f"export: three formats agree; {same:.0%} of {len(rows)} bumps end in NumPy where drift.csv says")


main()
