"""What notebooks show of networks and runs."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ._table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def network_html(neurons: int, maps: str, points_per_map: int, external_current: Floats) -> str:
    """A network of these sizes."""
    low, high = external_current.min(), external_current.max()
    rows = [
        ("neurons", f"{neurons}"),
        ("maps", html.escape(maps)),
        ("fitted points on each map", f"{points_per_map}"),
        ("external current", f"{low:.5g} Hz<sup>2</sup>" if low == high else f"{low:.5g} to {high:.5g} Hz<sup>2</sup>"),
    ]
    body = "".join(f"<tr><th style='text-align:left'>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table><caption>flatscape.Network</caption><tbody>{body}</tbody></table>"


#: What a notebook shows of a run.
_SHOWN = (
    ("roughness at fitted points (SD)", "energy_sd"),
    ("roughness between them (SD)", "heldout_sd"),
    ("roughness between them (robust SD)", "heldout_robust_sd"),
)


def run_html(neurons: int, maps: int, status: str, records: Table, energies: Floats) -> str:
    """A run with these records; ``energies`` are those of one map [2, K], before and after."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{label}</th><td>{records[name][0]:.4g}</td><td>{records[name][-1]:.4g}</td>"
        f"<td style='text-align:left'>Hz<sup>3</sup></td></tr>"
        for label, name in _SHOWN
    )
    about = f"{neurons} neurons, {maps} maps, {records.rows - 1} weight updates; "
    return (
        f"<table><caption>flatscape.Run: {about}{html.escape(status)}</caption>"
        "<thead><tr><th></th><th>before</th><th>after</th><th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{_curves(energies)}"
    )


def _curves(energies: Floats) -> str:
    """The landscape of one map [2, K], before and after, as a small picture."""
    width, height = 360, 90
    low, span = float(energies.min()), float(energies.max() - energies.min()) or 1.0

    def line(values: Floats, colour: str) -> str:
        step = max(1, len(values) // width)
        dots = " ".join(
            f"{width * k / len(values):.1f},{height - 4 - (height - 8) * (values[k] - low) / span:.1f}"
            for k in range(0, len(values), step)
        )
        return f"<polyline points='{dots}' fill='none' stroke='{colour}' stroke-width='1.2'/>"

    return (
        f"<svg width='{width}' height='{height}' role='img' aria-label='Energy at the points of map 0, before and after'>"
        f"{line(energies[0], '#999')}{line(energies[1], '#1f6f8b')}</svg>"
        "<div style='font-size:smaller'>energy at the points of map 0: before (grey), after</div>"
    )
