"""Pictures on matplotlib axes, which have to be installed: ``pip install 'flatscape[plot]'``.

Every function draws on ``ax``, or on new axes, and returns them; colours and labels can be changed as usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from ._drift import Drift
    from ._network import Network, Run

#: Before and after flattening.
BEFORE, AFTER = "#9a9a9a", "#1f6f8b"


def landscape(run: Run, map: int = 0, ax: Axes | None = None) -> Axes:
    """Energy (Hz^3) along one map, before and after flattening, beside the mean after. On surfaces: after, as an image."""
    import numpy as np

    ax = _axes(ax)
    network = run.network
    index = _index(map, network.maps, "map")
    points = network.points[index]
    before, after = (run.energies[u, index] - run.energies[-1].mean() for u in (0, -1))
    if points.shape[1] == 1 or network.shapes[index] in ("ring", "segment"):
        order = np.argsort(points[:, 0])
        ax.plot(points[order, 0], before[order], color=BEFORE, lw=1, label="before")
        ax.plot(points[order, 0], after[order], color=AFTER, lw=1.5, label="after")
        ax.set(xlabel=f"position on map {index} (neuron units)", ylabel="energy − mean (Hz³)")
        ax.legend(frameon=False)
    else:
        image = ax.tricontourf(points[:, 0], points[:, 1], after, levels=24, cmap="viridis")
        ax.figure.colorbar(image, ax=ax, label="energy − mean, after (Hz³)")
        ax.set(xlabel="x (neuron units)", ylabel="y (neuron units)", aspect="equal")
        ax.set_title(f"map {index}: SD {before.std():.3g} before, {after.std():.3g} Hz³ after", fontsize="medium")
    return ax


def roughness(run: Run, ax: Axes | None = None) -> Axes:
    """Roughness (SD of the energy, Hz^3) at fitted points and between them, update by update."""
    from matplotlib.ticker import MaxNLocator

    ax = _axes(ax)
    records = run.records
    for name, label, style in (("energy_sd", "at fitted points", "o-"), ("heldout_sd", "between them", "s--")):
        ax.semilogy(records["iteration"], records[name], style, color=AFTER, ms=4, label=label)
    ax.set(xlabel="weight updates", ylabel="roughness, SD (Hz³)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    return ax


def drift(*measured: Drift, labels: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """How many bumps have drifted how far (neuron units): a cumulative distribution for each measurement."""
    import numpy as np

    if not measured:
        raise UsageError("drift: pass what measure() returns, one or several")
    ax = _axes(ax)
    for index, one in enumerate(measured):
        moved = np.sort(np.abs(one.records["displacement"]))
        share = np.arange(1, len(moved) + 1) / len(moved)
        label = labels[index] if index < len(labels) else None
        colour = (BEFORE, AFTER)[index] if len(measured) == 2 else f"C{index}"
        ax.step(np.r_[0, moved], np.r_[0, share], where="post", color=colour, label=label)
    ax.set(xlabel=f"|drift| in {measured[0].duration_ms / 1000:g} s (neuron units)", ylabel="fraction of bumps", ylim=(0, 1.02))
    if labels:
        ax.legend(frameon=False)
    return ax


def rates(network: Network, rates: ArrayLike, map: int = 0, ax: Axes | None = None, **style: Any) -> Axes:
    """One state's rates [N] (Hz) by the neurons' places on a map."""
    import numpy as np

    from ._arrays import floats, sized

    ax = _axes(ax)
    values = floats("rates", rates, "neurons")
    sized("rates", values, 0, network.neurons, "neurons")
    index = _index(map, network.maps, "map")
    places = network.positions[index]
    if network.shapes[index] in ("ring", "segment"):
        order = np.argsort(places[:, 0])
        ax.plot(places[order, 0], values[order], **{"color": AFTER, "lw": 1.5, **style})
        ax.set(xlabel=f"position on map {index} (neuron units)", ylabel="rate (Hz)")
    else:
        dots = ax.scatter(places[:, 0], places[:, 1], **{"c": values, "s": 12, "cmap": "viridis", **style})
        ax.figure.colorbar(dots, ax=ax, label="rate (Hz)")
        ax.set(xlabel="x (neuron units)", ylabel="y (neuron units)", aspect="equal")
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def _index(index: int, count: int, what: str) -> int:
    if not 0 <= index < count:
        raise UsageError(f"{what} = {index}: there are {what}s 0 to {count - 1}")
    return index
