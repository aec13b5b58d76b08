"""Networks, and what flattening makes of them. They stand together because each leads to the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._arrays import each, floats, owned, sized
from ._config import Config, ConfigLike, _of
from ._drift import Drift
from ._errors import DataError, FlatscapeError, UsageError
from ._html import network_html, run_html
from ._minima import Minima
from ._progress import Progress, shown
from ._simulate import steps_of, trajectories
from ._table import Table

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


class Network:
    """A network that stores several maps: ``Network(config)``, ``Network("paper.toml")``, ``Network(neurons=600, maps=10)``.

    Arguments are those of `Config`. N is the number of neurons, L of maps, K of fitted points on each, D of a map's
    dimensions. The arrays are read-only and made once.
    """

    def __init__(self, config: ConfigLike = None, /, **keys: Any) -> None:
        if not isinstance(config, Config) or keys:
            config = Config(config, **keys)
        self._core = _flatscape.Model(config._core, [])
        self._made: dict[str, Floats] = {}

    @classmethod
    def from_arrays(
        cls,
        *,
        positions: ArrayLike,
        weights: ArrayLike | None = None,
        external_current: ArrayLike | None = None,
        shape: str | None = None,
        sides: Sequence[float] | None = None,
        **keys: Any,
    ) -> Network:
        """A network of your own maps, and of your own weights if you have them.

        Parameters
        ----------
        positions : [maps, neurons] or [maps, neurons, dimensions], neuron units
            Where each neuron lies in each map; NaN where it has no place. A permutation of ``0 .. N-1`` in each row is a ring
            of all neurons.
        weights : [neurons, neurons], Hz
            Symmetric; the diagonal is left out. Without them J is the sum of the maps' kernels.
        external_current : a number or [neurons], Hz^2
            Needed with ``weights``; else it is calibrated.
        shape : str
            The maps' shape; "ring" for one dimension, "torus" for two, unless given.
        sides : sequence of numbers
            The maps' sides (neuron units); from the number of members unless given.
        **keys
            Everything else of a `Config`.

        float64 in C order is read in place, once, into the core's own copy; anything else is converted first.
        """
        import numpy as np

        deep = np.ndim(positions) == 3
        places = floats("positions", positions, "maps, neurons" + (", dimensions" if deep else ""), nan=True)
        if not deep:
            places = places[:, :, None]
        count, neurons, dimensions = places.shape
        group: dict[str, Any] = {
            "shape": shape or ("ring" if dimensions == 1 else "torus"),
            "count": count,
            "placement": "file",
            "positions": "positions",
        }
        if sides is not None:
            group["sides"] = list(sides)
        else:
            members = (~np.isnan(places[..., 0])).sum(axis=1)
            if members.min() == 0:
                raise UsageError(f"positions: no neuron has a place in map {members.argmin()}; all are NaN")
            group["members"] = int(members.max()) / neurons
        network: dict[str, Any] = {"neurons": neurons}
        arrays = [("positions", np.ascontiguousarray(places))]
        if (weights is None) != (external_current is None):
            given, missing = ("weights", "external_current") if external_current is None else ("external_current", "weights")
            raise UsageError(f"from_arrays: {given} is given and {missing} is not; they go together, or are both left out")
        if weights is not None and external_current is not None:
            w = floats("weights", weights, "neurons, neurons")
            for axis in (0, 1):
                sized("weights", w, axis, neurons, "neurons, as in positions")
            h = each("external_current", external_current, neurons)
            network.update(weights_file="weights", external_current="external_current")
            arrays += [("weights", w), ("external_current", h)]
        config = Config({"network": network, "maps": [group]}, **keys)
        return _network(_flatscape.Model(config._core, arrays))

    @property
    def config(self) -> Config:
        """The configuration, sizes written out."""
        return _of(self._core.config)

    @property
    def neurons(self) -> int:
        """N."""
        return self._core.neurons

    @property
    def maps(self) -> int:
        """L."""
        return self._core.maps

    @property
    def points_per_map(self) -> int:
        """K."""
        return self._core.points_per_map

    @property
    def shapes(self) -> list[str]:
        """Shape of every map."""
        return self._core.shapes

    @property
    def weights(self) -> Floats:
        """J [N, N], Hz."""
        return self._once("weights", self._core.weights)

    @property
    def external_current(self) -> Floats:
        """h [N], Hz^2."""
        return self._once("external_current", self._core.external_current)

    @property
    def positions(self) -> Floats:
        """Places [L, N, D], neuron units; NaN where a neuron has none."""
        return self._once("positions", self._core.positions)

    @property
    def points(self) -> Floats:
        """Places of the fitted points [L, K, D], neuron units."""
        return self._once("points", self._core.points)

    def _once(self, name: str, make: Callable[[], Floats]) -> Floats:
        if name not in self._made:
            self._made[name] = owned(make())
        return self._made[name]

    def _with(self, **settings: Any) -> _flatscape.Model:
        settings = {name: value for name, value in settings.items() if value is not None}
        if not settings:
            return self._core
        return self._core.with_settings(self.config.replace(**settings)._core)

    def plan(self) -> dict[str, float]:
        """Estimates for flattening and measuring: ``seconds``, and ``bytes`` of memory."""
        seconds, memory = self._core.cost
        return {"seconds": seconds, "bytes": float(memory)}

    def flatten(
        self,
        points_per_map: int | None = None,
        iterations: int | None = None,
        *,
        backend: str = "auto",
        progress: Progress = False,
        **settings: Any,
    ) -> Run:
        """Flattens the landscape along all maps, as the configuration's ``[flatten]`` says; ``settings`` are its keys.

        ``backend`` is "auto" (a hardware GPU that passes its self-test, else the CPU), "cpu" or "gpu". ``progress`` is True,
        or a function of stage, part of the stage, part of the job, and seconds left. Other Python threads run meanwhile;
        Ctrl-C ends the work and raises ``KeyboardInterrupt``.
        """
        model = self._with(points_per_map=points_per_map, iterations=iterations, **settings)
        with shown(progress) as watcher:
            return Run(_flatscape.Run.flatten(model, backend, watcher), backend)

    def measure(
        self,
        duration_ms: float | None = None,
        starts: int | None = None,
        *,
        weights: ArrayLike | None = None,
        backend: str = "auto",
        progress: Progress = False,
        **settings: Any,
    ) -> Drift:
        """How far bumps drift in ``duration_ms`` from ``starts`` places on each map; in J, unless other ``weights`` [N, N] (Hz)
        are given. What is left out is the configuration's; ``settings`` are further keys of ``[measure]`` and ``[dynamics]``."""
        model = self._with(duration_ms=duration_ms, starts_per_map=starts, **settings)
        with shown(progress) as watcher:
            return Drift(_flatscape.Drift.measure(model, self._weights(weights), backend, watcher))

    def minima(
        self,
        points_per_map: int | None = None,
        *,
        weights: ArrayLike | None = None,
        backend: str = "auto",
        progress: Progress = False,
        **settings: Any,
    ) -> Minima:
        """The constrained minima at K points of every map, sought from the idealized bumps; in J, unless other ``weights``
        [N, N] (Hz) are given. ``settings`` are further keys of ``[flatten]``."""
        model = self._with(points_per_map=points_per_map, **settings)
        with shown(progress) as watcher:
            found = model.minima(self._weights(weights), backend, watcher)
        return Minima(found, model.maps, model.neurons, model.points())

    def landscape(self, points_per_map: int | None = None, **options: Any) -> Floats:
        """Energies of the constrained minima [L, K], Hz^3; arguments are those of `minima`."""
        return self.minima(points_per_map, **options).energies

    def bump(self, map: int | Sequence[int], position: ArrayLike) -> Floats:
        """Currents of idealized bumps (Hz^2): [N] for one map and place, [starts, N] for several.

        ``position`` is a number, or [D], or [starts, D] (neuron units)."""
        import numpy as np

        single = np.ndim(map) == 0
        try:
            maps = [int(m) for m in np.atleast_1d(np.asarray(map))]
        except (TypeError, ValueError):
            raise UsageError(f"map = {map!r}; it is the index of a map, or a list of them") from None
        if any(m < 0 for m in maps):
            raise UsageError(f"map = {map}: the network has maps 0 to {self.maps - 1}")
        dimensions = self.positions.shape[2]
        place = np.asarray(position)
        place = place.reshape(1, -1) if single else place.reshape(len(place), -1) if place.ndim else place
        places = floats("position", place, "starts, dimensions")
        if places.shape[0] != len(maps) or places.shape[1] > dimensions:
            raise UsageError(
                f"position has shape {list(np.shape(position))} for {len(maps)} maps of {dimensions} dimensions; "
                "it is [starts, dimensions]"
            )
        currents = self._core.bump_currents(maps, places)
        return currents[0] if single else currents

    def simulate(
        self,
        currents: ArrayLike,
        duration_ms: float | None = None,
        *,
        times_ms: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        backend: str = "auto",
        progress: Progress = False,
    ) -> Floats:
        """Rates along the dynamics from ``currents`` [N] or [starts, N] (Hz^2), as `flatscape.simulate`, with this network's
        external current, transfer function and time constants; in J, unless other ``weights`` are given."""
        config = self.config
        steps, step = steps_of(duration_ms, times_ms, config["dynamics.dt_ms"], config["dynamics.tau_ms"])
        w = self._weights(weights)
        rates, single = trajectories(
            self.weights if w is None else w,
            currents,
            self.external_current,
            steps,
            step,
            config["network.transfer.exponent"],
            config["network.transfer.gain"],
            backend,
            progress,
        )
        return rates[0] if single else rates

    def decode(self, rates: ArrayLike) -> dict[str, NDArray[Any]]:
        """Where bumps are: ``map``, ``position`` [..., D] (neuron units) and ``score`` of the idealized bump that fits the rates
        [..., N] (Hz) best."""
        import numpy as np

        array = np.asarray(rates)
        flat = array.reshape(-1, array.shape[-1]) if array.ndim else array
        checked = floats("rates", flat, "states, neurons")
        sized("rates", checked, 1, self.neurons, "neurons")
        found = self._core.decode(checked)
        return {name: values.reshape(array.shape[:-1] + values.shape[1:]) for name, values in found.items()}

    def _weights(self, weights: ArrayLike | None) -> Floats | None:
        if weights is None:
            return None
        w = floats("weights", weights, "neurons, neurons")
        for axis in (0, 1):
            sized("weights", w, axis, self.neurons, "neurons")
        return w

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle_network, (_flatscape.__version__, self._core.pack())

    def __repr__(self) -> str:
        return f"<flatscape.Network of {self.neurons} neurons, {self.maps} maps ({self._kinds()})>"

    def _kinds(self) -> str:
        shapes = self.shapes
        return ", ".join(f"{shapes.count(shape)} {shape}" for shape in dict.fromkeys(shapes))

    def _repr_html_(self) -> str:
        return network_html(self.neurons, self._kinds(), self.points_per_map, self.external_current)


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
        return _unpickle_run, (_flatscape.__version__, self._backend, *self._core.pack())

    def __repr__(self) -> str:
        records = self.records
        before, after = records["energy_sd"][0], records["energy_sd"][-1]
        return (
            f"<flatscape.Run of {self._network.neurons} neurons, {self._network.maps} maps: energy SD {before:.4g} -> "
            f"{after:.4g} Hz^3 in {records.rows - 1} updates>"
        )

    def _repr_html_(self) -> str:
        return run_html(self._network.neurons, self._network.maps, self.status, self.records, self.energies[[0, -1], 0])


def _network(core: _flatscape.Model) -> Network:
    network = Network.__new__(Network)
    network._core = core
    network._made = {}
    return network


def _unpickle_network(version: str, files: dict[str, bytes]) -> Network:
    try:
        return _network(_flatscape.Model.unpack(list(files.items())))
    except FlatscapeError as error:
        raise DataError(f"{error}; the network was pickled by flatscape {version}, this is {_flatscape.__version__}") from None


def _unpickle_run(version: str, backend: str, files: dict[str, bytes], *states: Any) -> Run:
    try:
        return Run(_flatscape.Run.unpack(list(files.items()), *states), backend)
    except FlatscapeError as error:
        raise DataError(f"{error}; the run was pickled by flatscape {version}, this is {_flatscape.__version__}") from None


def network_of(network: Network | Run | ConfigLike | os.PathLike[str]) -> Network:
    """The network of whatever has one."""
    if isinstance(network, Network):
        return network
    return network.network if isinstance(network, Run) else Network(network)
