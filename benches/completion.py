#!/usr/bin/env python3
"""Pattern completion over draws of the maps: the table of benches/memory.md.

    python3 benches/completion.py target/release/flatscape OUT [SEEDS]

Flattens SEEDS (10) networks of every kind in CASES, exchanges a part of the active neurons of 60 or more bumps for silent
ones, and asks after 1 s how many are within the kernel's width of their place in their own map. Runs that are there are
not made again.
"""

import json
import pathlib
import statistics
import subprocess
import sys

CONFIGS = pathlib.Path(__file__).parent.parent / "configs"
FINE = ["flatten.points_per_map=1200", "flatten.iterations=10", "flatten.idealized_updates=6", "flatten.ridge_decay=0.5"]
# neurons, maps, configuration, settings, starts a map
CASES = [
    (600, 10, "flat.toml", FINE, 10),
    (200, 20, "past-capacity.toml", [], 5),
    (200, 40, "past-capacity.toml", [], 3),
]
EXCHANGED = [0.1, 0.3, 0.5]


def sets(settings):
    """Settings as arguments."""
    return [argument for setting in settings for argument in ("--set", setting)]


def flattened(program, out, neurons, maps, config, settings, seed):
    """The folder of a flattened network."""
    place = out / f"N{neurons}-L{maps}-{seed}"
    if not (place / "summary.json").exists():
        own = [f"network.neurons={neurons}", f"network.maps={maps}", f"network.seed={seed}"]
        # The drift of undamaged bumps is not what is asked for here.
        short = ["measure.duration_ms=100", "measure.starts_per_map=1"]
        command = [program, "optimize", CONFIGS / config, "--backend", "cpu", "--quiet", "--resume", "--out", place]
        subprocess.run(command + sets(own + settings + short), check=True, stdout=subprocess.DEVNULL)
    return place


def completed(program, place, part, starts):
    """Fractions of damaged bumps that come back, before and after flattening."""
    file = place / f"completed-{part}.json"
    if not file.exists():
        command = [program, "measure", place, "--backend", "cpu", "--quiet", "--json", "--duration", "1000", "--starts", starts]
        command = [str(word) for word in command] + sets([f"measure.corrupt.replace={part}"])
        file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    found = json.loads(file.read_text())
    return found["recovered_before"], found["recovered_after"]


def interval(values):
    """Mean and 1.96 standard errors, in percent."""
    error = 1.96 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{100 * statistics.mean(values):.1f} ± {100 * error:.1f}"


def main():
    program, out = sys.argv[1], pathlib.Path(sys.argv[2])
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    print("| N | L | exchanged | came back before (%) | after (%) | lowest draw after (%) |")
    print("|---|---|---|---|---|---|")
    for neurons, maps, config, settings, starts in CASES:
        places = [flattened(program, out, neurons, maps, config, settings, seed) for seed in range(1, seeds + 1)]
        for part in EXCHANGED:
            before, after = zip(*(completed(program, place, part, starts) for place in places))
            row = [neurons, maps, part, interval(before), interval(after), f"{100 * min(after):.0f}"]
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
