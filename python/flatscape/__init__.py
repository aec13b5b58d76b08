"""Flatten the energy landscapes of continuous attractors embedded together in one recurrent network.

>>> import flatscape as fs
>>> network = fs.Network(neurons=600, maps=10, seed=1)
>>> run = network.flatten(progress=True)
>>> run.measure(duration_ms=3000, starts=10).summary["mean_drift"]

`Config`, `Network`, `Run`, `Drift` and `Minima` are what there is; `load` reads a run directory, `simulate` runs the dynamics
of any symmetric weights, `flatscape.plot` draws on matplotlib axes, `flatscape.adapters` leads to PyTorch and JAX.

Units: rates and weights in Hz, currents in Hz^2, energies in Hz^3, positions in neuron units, times in ms. Arrays that come out
own their memory; those that go in are read in place where they are C-ordered float64, else converted first, by a copy.
"""

from __future__ import annotations

import atexit as _atexit
from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._config import Config
from ._directory import load, verify
from ._drift import Drift
from ._errors import (
    DataError,
    DeviceError,
    FileError,
    FlatscapeError,
    InternalError,
    RunError,
    UsageError,
)
from ._minima import Minima
from ._network import Network, Run, network_of as _network_of
from ._simulate import simulate
from ._table import Table

if TYPE_CHECKING:
    from . import adapters, plot

__version__: str = _flatscape.__version__

__all__ = [
    "Config",
    "DataError",
    "DeviceError",
    "Drift",
    "FileError",
    "FlatscapeError",
    "InternalError",
    "Minima",
    "Network",
    "Run",
    "RunError",
    "Table",
    "UsageError",
    "adapters",
    "device",
    "landscape",
    "load",
    "minima",
    "plot",
    "set_threads",
    "simulate",
    "threads",
    "verify",
]


def minima(network: Any, points_per_map: int | None = None, **options: Any) -> Minima:
    """The constrained minima of a network, or of whatever makes one; arguments are those of `Network.minima`."""
    return _network_of(network).minima(points_per_map, **options)


def landscape(network: Any, points_per_map: int | None = None, **options: Any) -> Any:
    """Energies of the constrained minima [L, K], Hz^3; arguments are those of `Network.minima`."""
    return _network_of(network).landscape(points_per_map, **options)


def device(backend: str = "auto") -> str:
    """Which device ``backend`` ("auto", "cpu", "gpu") means here, and why."""
    return _flatscape.device(backend)


def set_threads(count: int) -> None:
    """How many threads do the work; 0: one for each core. Results do not depend on it."""
    _flatscape.set_threads(count)


def threads() -> int:
    """How many threads do the work."""
    return _flatscape.threads()


def __getattr__(name: str) -> Any:
    # Optional: they import what need not be installed.
    if name in ("adapters", "plot"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'flatscape' has no attribute {name!r}")


# Work that Ctrl-C has stopped may still be in a file: what it has begun is taken away before the interpreter goes.
_atexit.register(_flatscape.settle, 10.0)
