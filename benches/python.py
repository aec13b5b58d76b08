"""What Python costs: python benches/python.py PROGRAM, with the package installed.

CPU seconds of this process or of the program's, so that other work on the machine counts less; the least of a few turns.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import flatscape as fs

ROOT = Path(__file__).resolve().parents[1]
TURNS = 3


def cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def least(work, who: int = resource.RUSAGE_SELF) -> float:
    """CPU seconds of the cheapest turn."""
    spent = []
    for turn in range(TURNS):
        before = cpu(who)
        work(turn)
        spent.append(cpu(who) - before)
    return min(spent)


def line(what: str, found: str, goal: str) -> None:
    print(f"{what:58}{found:>22}   {goal}", flush=True)


def imports() -> None:
    took = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import flatscape"], check=True)
        took.append(time.perf_counter() - started - bare)
    line("import flatscape (wall)", f"{min(took):.3f} s", "<= 0.15 s")


def overhead(program: str) -> None:
    """The paper's job, flattening and both measurements, here and by the program."""
    paper = ROOT / "configs/paper.toml"
    with tempfile.TemporaryDirectory() as folder:

        def by_program(turn: int) -> None:
            command = [program, "optimize", paper, "--out", f"{folder}/{turn}", "--quiet", "--backend", "cpu"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        there = least(by_program, resource.RUSAGE_CHILDREN)

    def here(_: int) -> None:
        network = fs.Network(paper)
        run = network.flatten(backend="cpu")
        network.measure(backend="cpu"), run.measure(backend="cpu")

    found = least(here)
    line("paper.toml: program, Python (CPU)", f"{there:.2f} s, {found:.2f} s", f"{100 * (found / there - 1):+.1f} %, <= +3 %")


def simulation() -> None:
    """100 bumps for 3 s, by the core's measurement and by fs.simulate; and for 1 s by the loop of the README."""
    network = fs.Network(ROOT / "configs/paper.toml")
    maps = np.repeat(np.arange(10), 10)
    currents = network.bump(maps, np.tile(np.arange(0, 600, 60.0), 10)[:, None])
    weights, h = network.weights, network.external_current
    core = least(lambda _: network.measure(3000.0, 10, backend="cpu"))
    times = [0.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0]
    ours = least(lambda _: fs.simulate(weights, currents, h, times_ms=times, backend="cpu"))
    line("100 bumps, 3 s: measurement of the core, fs.simulate", f"{core:.2f} s, {ours:.2f} s", f"{100 * (ours / core - 1):+.1f} %, <= +5 %")

    def loop() -> None:
        for start in currents[:10]:
            current = start
            for _ in range(5000):
                rates = np.sqrt(np.maximum(current, 0))
                current = current + 0.2 / 15 * (-current + h + weights @ rates)

    started = time.perf_counter()
    loop()
    numpy = 10 * (time.perf_counter() - started)
    started = time.perf_counter()
    fs.simulate(weights, currents, h, 1000.0, backend="cpu")
    ours = time.perf_counter() - started
    line("100 bumps, 1 s: the README's loop, fs.simulate (wall)", f"{numpy:.2f} s, {ours:.2f} s", f"{numpy / ours:.0f} times, >= 10")
    batch = time.perf_counter()
    current = currents
    for _ in range(5000):
        current = current + 0.2 / 15 * (-current + h + np.sqrt(np.maximum(current, 0)) @ weights)
    batch = time.perf_counter() - batch
    line("  the loop on all 100 at once, fs.simulate (wall)", f"{batch:.2f} s, {ours:.2f} s", f"{batch / ours:.1f} times")


if __name__ == "__main__":
    imports()
    overhead(sys.argv[1])
    simulation()
