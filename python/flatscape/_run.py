"""Flattened networks, and how far bumps drift."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._arrays import owned
from ._config import Config
from ._errors import DataError, FlatscapeError, UsageError
from ._minima import Minima
from ._network import Network, _network
from ._progress import Progress, shown
from ._table import Table

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


class Drift:
    """How far bumps move when nothing should move them.

    ``records``: a row for every trajectory, the columns of ``drift.csv``. ``course``: averages at several times. ``summary``:
    averages over all trajectories. Columns of ``records`` are attributes too: ``drift.displacement``.
    """

    __slots__ = ("_core", "records", "course", "summary", "duration_ms", "starts")

    def __init__(self, core: _flatscape.Drift) -> None:
        self._core = core
        self.records = Table(core.records())
        self.course = Table(core.course())
        self.summary: dict[str, float] = json.loads(core.summary())
        self.duration_ms, self.starts = core.settings

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in Drift.__slots__:
            raise AttributeError(name)
        column: NDArray[Any] = getattr(self.records, name)
        return column

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.records]

    def __repr__(self) -> str:
        mean = self.summary["mean_drift"]
        return (
            f"<flatscape.Drift of {self.records.rows} bumps in {self.duration_ms:g} ms: "
            f"{mean:.4g} neuron units on average>"
        )


class Run:
    """A flattened network: ``Network(...).flatten()``, or `load` of a run directory.

    N is the number of neurons, L of maps, K of fitted points on each. The arrays are read-only and made once.
    """

    def __init__(self, core: _flatscape.Run, backend: str = "auto") -> None:
        self._core = core
        self._backend = backend
        self._network: Network = _network(core.model)
        self._made: dict[str, Floats] = {}
        self._records: Table | None = None
        self._minima: Minima | None = None

    @property
    def network(self) -> Network:
        """The network before any weight was changed."""
        return self._network

    @property
    def config(self) -> Config:
        """The configuration, sizes written out."""
        return self._network.config

    @property
    def status(self) -> str:
        """How the outer iteration ended."""
        return self._core.status

    @property
    def seconds(self) -> float:
        """How long it took (s)."""
        return self._core.seconds

    @property
    def weights(self) -> Floats:
        """J + M [N, N], Hz: the flattened network."""
        return self._once("weights", self._core.weights)

    @property
    def weight_change(self) -> Floats:
        """M [N, N], Hz: what was added to J."""
        return self._once("weight_change", self._core.weight_change)

    @property
    def energies(self) -> Floats:
        """The landscape [updates + 1, L, K], Hz^3: before the first weight update, and after each."""
        return self._once("energies", self._core.energies)

    @property
    def records(self) -> Table:
        """A row before the first weight update and one after each: the columns of ``iterations.csv``."""
        if self._records is None:
            self._records = Table(self._core.records())
        return self._records

    @property
    def minima(self) -> Minima:
        """The constrained minima of the flattened network; sought when first asked for, and kept."""
        if self._minima is None:
            model = self._core.model
            found = self._core.minima(self._backend)
            self._minima = Minima(found, model.maps, model.neurons, model.points())
        return self._minima

    def _once(self, name: str, make: Callable[[], Floats]) -> Floats:
        if name not in self._made:
            self._made[name] = owned(make())
        return self._made[name]

    def measure(
        self,
        duration_ms: float | None = None,
        starts: int | None = None,
        *,
        backend: str = "auto",
        progress: Progress = False,
        **settings: Any,
    ) -> Drift:
        """How far bumps drift in the flattened network; arguments are those of `Network.measure`."""
        model = self._network._with(duration_ms=duration_ms, starts_per_map=starts, **settings)
        with shown(progress) as watcher:
            return Drift(self._core.measure(model, backend, watcher))

    def simulate(
        self,
        currents: ArrayLike,
        duration_ms: float | None = None,
        *,
        times_ms: ArrayLike | None = None,
        backend: str = "auto",
        progress: Progress = False,
    ) -> Floats:
        """Rates along the dynamics of the flattened network; arguments and result are those of `Network.simulate`."""
        return self._network.simulate(
            currents, duration_ms, times_ms=times_ms, weights=self.weights, backend=backend, progress=progress
        )

    def summary(self, drift: Sequence[Drift] = ()) -> dict[str, Any]:
        """The figures that a person asks for first: what ``summary.json`` holds. ``drift``: measurements, as for `save`."""
        summary: dict[str, Any] = json.loads(self._core.summary([one._core for one in self._checked(drift)]))
        return summary

    def save(
        self,
        directory: str | os.PathLike[str],
        drift: Sequence[Drift] = (),
        *,
        backend: str = "auto",
        progress: Progress = False,
    ) -> None:
        """Writes a run directory like those of the program; ``flatscape verify`` passes.

        It appears whole or not at all. It has the drift before and after, as the configuration says: give what you have
        measured as ``drift``, ``[network.measure(), run.measure()]``; what is missing is measured now.

        Raises `UsageError` if the directory holds something already, `FileError` if it cannot be written.
        """
        given = self._checked(drift)
        there = {str(one.records["network"][0]) for one in given}
        if "none" not in there:
            given.append(self._network.measure(backend=backend, progress=progress))
        if "flattened" not in there and self.config["flatten.method"] != "none":
            given.append(self.measure(backend=backend, progress=progress))
        given.sort(key=lambda one: str(one.records["network"][0]) != "none")
        self._core.save(directory, [one._core for one in given])

    def _checked(self, drift: Sequence[Drift]) -> list[Drift]:
        if isinstance(drift, Drift):
            raise UsageError("drift is a single measurement; it is a list of what measure() returns")
        given = list(drift)
        config = self.config
        own = (config["measure.duration_ms"], config["measure.starts_per_map"])
        for one in given:
            if not isinstance(one, Drift):
                raise UsageError(f"drift holds a {type(one).__name__}; it is a list of what measure() returns")
            if (one.duration_ms, one.starts) != own:
                raise UsageError(
                    f"drift was measured for {one.duration_ms:g} ms from {one.starts} starts a map, and the run's configuration "
                    f"says {own[0]:g} ms and {own[1]}: measure it with these, or flatten with duration_ms and starts_per_map"
                )
        return given

    def __reduce__(self) -> tuple[Any, ...]:
        from . import __version__

        return _unpickle, (__version__, self._backend, *self._core.pack())

    def __repr__(self) -> str:
        records = self.records
        before, after = records["energy_sd"][0], records["energy_sd"][-1]
        return (
            f"<flatscape.Run of {self._network.neurons} neurons, {self._network.maps} maps: energy SD {before:.4g} -> "
            f"{after:.4g} Hz^3 in {records.rows - 1} updates>"
        )

    def _repr_html_(self) -> str:
        records = self.records
        rows = "".join(
            f"<tr><th style='text-align:left'>{label}</th><td>{records[name][0]:.4g}</td><td>{records[name][-1]:.4g}</td>"
            f"<td style='text-align:left'>Hz<sup>3</sup></td></tr>"
            for label, name in _SHOWN
        )
        about = f"{self._network.neurons} neurons, {self._network.maps} maps, {records.rows - 1} weight updates; "
        return (
            f"<table><caption>flatscape.Run: {about}{html.escape(self.status)}</caption>"
            "<thead><tr><th></th><th>before</th><th>after</th><th></th></tr></thead>"
            f"<tbody>{rows}</tbody></table>{_curves(self.energies[[0, -1], 0])}"
        )


#: What a notebook shows of a run.
_SHOWN = (
    ("roughness at fitted points (SD)", "energy_sd"),
    ("roughness between them (SD)", "heldout_sd"),
    ("roughness between them (robust SD)", "heldout_robust_sd"),
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


def load(directory: str | os.PathLike[str]) -> Run:
    """Reads a run directory, made here by `Run.save` or by ``flatscape optimize``.

    Raises `DataError` naming the file that is missing, damaged, or of another version.
    """
    return Run(_flatscape.Run.load(directory))


def verify(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Checks a run directory as ``flatscape verify`` does: every checksum, and a sample of what is claimed, computed again.

    Raises `DataError` naming the first file that is damaged or contradicts another.
    """
    verified: dict[str, Any] = json.loads(_flatscape.verify(directory))
    return verified


def _unpickle(version: str, backend: str, files: dict[str, bytes], *states: Any) -> Run:
    from . import __version__

    try:
        return Run(_flatscape.Run.unpack(list(files.items()), *states), backend)
    except FlatscapeError as error:
        raise DataError(f"{error}; the run was pickled by flatscape {version}, this is {__version__}") from None
