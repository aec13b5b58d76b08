#!/usr/bin/env python3
"""What old maps lose when a network learns more maps one by one: the table and the figure of benches/capacity.md.

    python3 benches/continual.py target/release/flatscape OUT [DRAWS]

Flattens 5 maps in 200 neurons, then adds one map at a time with `flatscape extend` up to 30, for DRAWS draws of the maps (3), and
flattens the same maps afresh at every fifth number of maps. Runs that are there are not made again. Writes continual.csv and
continual.svg to benches/capacity/.
"""

import csv
import math
import pathlib
import subprocess
import sys

FIRST, LAST, FRESH = 5, 30, 5
SETTINGS = ["network.neurons=200", "flatten.points_per_map=100", "measure.starts_per_map=10", "dynamics.dt_ms=0.5"]
HERE = pathlib.Path(__file__).parent
CONFIG = HERE.parent / "configs" / "flat.toml"
# Name, colour and dash of a curve, and which rows of a run's drift.csv it is the mean of.
CURVES = [
    ("one by one: first five maps", "#009e73", "", ("one by one", "flattened", "first")),
    ("one by one: newest map", "#e69f00", "6 2 2 2", ("one by one", "flattened", "newest")),
    ("all afresh: first five maps", "#0072b2", "9 3", ("afresh", "flattened", "first")),
]


def call(program, out, *arguments):
    """Runs the program unless its run directory is complete."""
    if not (out / "summary.json").exists():
        command = [program, *arguments, "--out", out, "--backend", "cpu", "--quiet", "--force"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def optimize(program, out, maps, seed):
    """Flattens so many maps from the beginning."""
    settings = [*SETTINGS, f"network.maps={maps}", f"network.seed={seed}"]
    call(program, out, "optimize", CONFIG, *(x for s in settings for x in ("--set", s)))


def means(out, maps):
    """Mean drift, score and fraction in the own map, before and after flattening: of the first maps, of the newest, of all."""
    rows = list(csv.DictReader((out / "drift.csv").open()))
    found = {}
    for network in ("none", "flattened"):
        for group, of in (("first", range(FIRST)), ("newest", [maps - 1]), ("all", range(maps))):
            own = [r for r in rows if r["network"] == network and int(r["map"]) in of]
            mean = lambda figure: sum(map(figure, own)) / len(own)
            found[network, group] = (
                mean(lambda r: abs(float(r["phase_displacement"]))),
                mean(lambda r: float(r["score"])),
                mean(lambda r: float(r["map"] == r["winning_map"])),
            )
    return found


def measured(program, out, draws):
    """Rows of the table."""
    cells = {}
    for seed in range(1, draws + 1):
        for maps in range(FIRST, LAST + 1):
            here = out / f"seed{seed}-L{maps:02}"
            if maps == FIRST:
                optimize(program, here, maps, seed)
            else:
                call(program, here, "extend", out / f"seed{seed}-L{maps - 1:02}", "--maps", "+1")
            cells.setdefault(("one by one", maps), []).append(means(here, maps))
            if maps % FRESH == 0:
                fresh = out / f"seed{seed}-fresh-L{maps:02}"
                optimize(program, fresh, maps, seed)
                cells.setdefault(("afresh", maps), []).append(means(fresh, maps))
    for (way, maps), draws in sorted(cells.items()):
        for network, group in draws[0]:
            values = list(zip(*(draw[network, group] for draw in draws)))
            row = {"way": way, "maps": maps, "weights": network, "of_maps": group, "draws": len(draws)}
            for name, of in zip(("phase_drift", "score", "own_map_fraction"), values):
                mean = sum(of) / len(of)
                row[name] = round(mean, 4)
                spread = math.sqrt(sum((x - mean) ** 2 for x in of) / max(len(of) - 1, 1) / len(of))
                row[f"{name}_ci"] = round(1.96 * spread, 4) if len(of) > 1 else ""
            yield row


def svg(rows, figure, label):
    """Curves of one figure against the number of maps."""
    width, height, left, top = 430, 250, 64, 116
    curves = [
        (name, colour, dash, [r for r in rows if (r["way"], r["weights"], r["of_maps"]) == which])
        for name, colour, dash, which in CURVES
    ]
    highest = max(r[figure] for *_, own in curves for r in own) * 1.05
    x = lambda maps: left + width * (maps - FIRST) / (LAST - FIRST)
    y = lambda value: top + height * (1 - value / highest)
    text = lambda at, anchor, what: f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">{what}</text>'
    parts = [text((8, 20), "start", f"What old maps lose: {label}")]
    for i, (name, colour, dash, own) in enumerate(curves):
        parts.append(f'<path d="M20 {37 + 18 * i}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" fill="none"/>')
        parts.append(text((56, 42 + 18 * i), "start", name))
        line = "L".join(f"{x(r['maps']):.1f} {y(r[figure]):.1f}" for r in own)
        parts.append(f'<path d="M{line}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" fill="none"/>')
        parts += [f'<circle cx="{x(r["maps"]):.1f}" cy="{y(r[figure]):.1f}" r="3" fill="{colour}"/>' for r in own]
    for maps in range(FIRST, LAST + 1, 5):
        parts.append(text((x(maps), top + height + 20), "middle", maps))
    step = 10 ** math.floor(math.log10(highest))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if highest / s <= 6)
    for i in range(int(highest / step) + 1):
        parts.append(text((left - 8, y(i * step) + 5), "end", f"{i * step:g}"))
        parts.append(f'<path d="M{left - 4} {y(i * step):.1f}h4" stroke="#000000"/>')
    parts.append(f'<path d="M{left} {top}V{top + height}H{left + width}" stroke="#000000" fill="none"/>')
    parts.append(text((left + width / 2, top + height + 44), "middle", "maps in the network of 200 neurons"))
    style = 'font-family="DejaVu Sans, sans-serif" font-size="13"'
    size = f'width="520" height="{top + height + 56}" viewBox="0 0 520 {top + height + 56}"'
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{ground}{"".join(parts)}</svg>\n'


def main():
    program, out = sys.argv[1], pathlib.Path(sys.argv[2])
    rows = list(measured(program, out, int(sys.argv[3]) if len(sys.argv) > 3 else 3))
    place = HERE / "capacity"
    with (place / "continual.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (place / "continual.svg").write_text(svg(rows, "phase_drift", "mean drift in 3 s (neuron units)"))


main()
