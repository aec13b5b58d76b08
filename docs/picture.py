#!/usr/bin/env python3
"""Draws docs/flattened.svg, the picture in the README, from a run directory; needs nothing but Python.

    flatscape optimize configs/paper.toml --out runs/paper
    python3 docs/picture.py runs/paper docs/flattened.svg
"""

import array
import ast
import csv
import sys

BEFORE, AFTER = "#c44e52", "#2a6fbb"
MAP = 2  # the map whose landscape is shown
WIDTH, HEIGHT, PANEL, TOP, BOTTOM = 860, 300, 340, 40, 50


def read_f64(path):
    """Shape and values of a C-ordered f64 .npy file."""
    data = open(path, "rb").read()
    start = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:start].decode())
    assert header["descr"] == "<f8" and not header["fortran_order"], path
    return header["shape"], array.array("d", data[start:])


def ticks(low, high, count=5):
    """Round numbers between low and high."""
    rough = (high - low) / count
    power = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 0.1
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    return [k * step for k in range(int(low // step), int(high // step) + 1) if low <= k * step <= high]


class Panel:
    """A frame with linear axes at `left`."""

    def __init__(self, left, title, x_label, y_label, x_range, y_range):
        self.left, self.x_range, self.y_range, self.parts = left, x_range, y_range, []
        self.text(left, TOP - 14, title, "start", 13, "600")
        self.text(left + PANEL / 2, HEIGHT - 10, x_label, "middle")
        turned = f'transform="rotate(-90 {left - 52} {HEIGHT / 2 - 5})"'
        self.text(left - 52, HEIGHT / 2 - 5, y_label, "middle", extra=turned)
        for x in ticks(*x_range):
            self.text(self.x(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle")
        for y in ticks(*y_range):
            self.text(left - 8, self.y(y) + 4, f"{y:g}".replace("-", "\u2212"), "end")
            self.line([(x_range[0], y), (x_range[1], y)], "#e4e4e4", 1)

    def x(self, x):
        low, high = self.x_range
        return self.left + PANEL * (x - low) / (high - low)

    def y(self, y):
        low, high = self.y_range
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / (high - low)

    def line(self, points, colour, width):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def dots(self, points, colour):
        self.parts += [
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2.4" fill="{colour}"/>' for x, y in points
        ]

    def text(self, x, y, text, anchor, size=12, weight="400", extra=""):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}" fill="#333" {extra}>{text}</text>'
        )


def main(run, out):
    (landscapes, _, points), energies = read_f64(f"{run}/energies.npy")
    maps = len(energies) // landscapes // points
    neurons = read_f64(f"{run}/weights_base.npy")[0][0]

    def landscape(update):
        start = (update * maps + MAP) * points
        values = energies[start : start + points]
        mean = sum(values) / points
        return [(k * neurons / points, e - mean) for k, e in enumerate(values)]

    before, after = landscape(0), landscape(landscapes - 1)
    reach = 1.1 * max(abs(e) for _, e in before)
    left = Panel(
        70, "Energy along one map", "position (neuron units)", "energy less its mean (Hz\u00b3)",
        (0, neurons), (-reach, reach),
    )
    left.line(before, BEFORE, 1.5)
    left.line(after, AFTER, 2)

    rows = list(csv.DictReader(open(f"{run}/drift.csv")))
    moved = {
        which: [(float(r["start"]), float(r["displacement"])) for r in rows if r["network"] == which]
        for which in ("none", "flattened")
    }
    reach = 1.1 * max(abs(d) for points in moved.values() for _, d in points)
    right = Panel(
        500, "Drift in 3 s", "start (neuron units)", "displacement (neuron units)",
        (0, neurons), (-reach, reach),
    )
    right.dots(moved["none"], BEFORE)
    right.dots(moved["flattened"], AFTER)
    for panel in (left, right):
        for x, label, colour in ((195, "before", BEFORE), (265, "flattened", AFTER)):
            at = panel.left + x
            panel.parts.append(f'<rect x="{at}" y="{TOP - 24}" width="12" height="12" fill="{colour}"/>')
            panel.text(at + 17, TOP - 14, label, "start")

    body = "\n".join(left.parts + right.parts)
    with open(out, "w") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="Helvetica, Arial, sans-serif">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
        )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
