"""Constrained minima."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._arrays import owned

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse
    from numpy.typing import NDArray


class Minima:
    """The state of least energy at each of K points of L maps, with the bump's centre of mass held there.

    ``energies`` [L, K] (Hz^3): the landscape. ``forces`` [L, K, D] (Hz^2 / neuron unit): the multiplier, which would move the
    bump along the map. ``residuals`` [L, K] (Hz^2): the certificate, 0 at an exact minimum. ``overlaps`` [L, K]: cosine
    between rates and idealized bump. ``lost`` [L, K]: whether the bump has left its place. ``points`` [L, K, D]: the places.

    Rates are mostly zero, so they are kept sparse, state after state (s = map * K + point): state s has the rates
    ``data[indptr[s]:indptr[s + 1]]`` (Hz) in the neurons ``indices[...]``. `rates` makes them dense.
    """

    def __init__(self, found: Mapping[str, NDArray[Any]], maps: int, neurons: int, points: NDArray[np.float64]) -> None:
        self.neurons = neurons
        self.indptr: NDArray[np.int64] = owned(found["indptr"])
        self.indices: NDArray[np.int64] = owned(found["indices"])
        self.data: NDArray[np.float64] = owned(found["data"])

        def by_map(name: str) -> Any:
            values = found[name]
            return owned(values.reshape(maps, -1, *values.shape[1:]))

        self.energies: NDArray[np.float64] = by_map("energies")
        self.forces: NDArray[np.float64] = by_map("forces")
        self.residuals: NDArray[np.float64] = by_map("residuals")
        self.overlaps: NDArray[np.float64] = by_map("overlaps")
        self.lost: NDArray[np.bool_] = by_map("lost")
        self.points: NDArray[np.float64] = owned(points)

    def rates(self, map: int | None = None) -> NDArray[np.float64]:
        """Rates [L, K, N], or [K, N] of one map (Hz): dense, so 8 N bytes per state."""
        import numpy as np

        maps, points = self.energies.shape
        first = 0 if map is None else range(maps)[map] * points
        count = maps * points if map is None else points
        rates = np.zeros((count, self.neurons))
        starts = self.indptr[first : first + count + 1]
        part = slice(starts[0], starts[-1])
        rates[np.repeat(np.arange(count), np.diff(starts)), self.indices[part]] = self.data[part]
        return rates.reshape(maps, points, self.neurons) if map is None else rates

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Rates [L * K, N] as a ``scipy.sparse.csr_array`` (Hz)."""
        import scipy.sparse

        shape = (len(self.indptr) - 1, self.neurons)
        return scipy.sparse.csr_array((self.data, self.indices, self.indptr), shape=shape)

    def __repr__(self) -> str:
        maps, points = self.energies.shape
        sd, lost = self.energies.std(), int(self.lost.sum())
        return f"<flatscape.Minima at {points} points of {maps} maps: energy SD {sd:.4g} Hz^3, {lost} bumps lost>"
