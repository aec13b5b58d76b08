"""How far bumps drift."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
