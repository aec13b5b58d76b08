"""Tables: columns as NumPy arrays, for pandas and polars where they are installed."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._arrays import owned

if TYPE_CHECKING:
    import pandas
    import polars
    from numpy.typing import NDArray


class Table(Mapping[str, "NDArray[Any]"]):
    """Columns of equal length, by name: ``table["energy_sd"]`` or ``table.energy_sd``.

    Numbers are float64, NaN where there is none, or int64; words are strings. The arrays are read-only: they are shared, not
    copied. ``len(table)`` is the number of columns, ``table.rows`` that of rows.
    """

    __slots__ = ("_columns", "units")

    _columns: dict[str, NDArray[Any]]

    #: Unit of every column; "1" for pure numbers and words.
    units: dict[str, str]

    def __init__(self, columns: Iterable[tuple[str, str, Any]]) -> None:
        import numpy as np

        self._columns, self.units = {}, {}
        for name, unit, values in columns:
            self._columns[name] = owned(np.asarray(values))
            self.units[name] = unit

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max((len(column) for column in self._columns.values()), default=0)

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._columns)}") from None

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in Table.__slots__:
            raise AttributeError(name)
        columns = self._columns
        if name in columns:
            return columns[name]
        raise AttributeError(f"no column {name!r}; there are {', '.join(columns)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, ([(name, self.units[name], column) for name, column in self._columns.items()],)

    def to_pandas(self) -> pandas.DataFrame:
        """As a ``pandas.DataFrame``."""
        import pandas

        return pandas.DataFrame(self._columns)

    def to_polars(self) -> polars.DataFrame:
        """As a ``polars.DataFrame``."""
        import polars

        return polars.DataFrame(self._columns)

    def __repr__(self) -> str:
        return f"<flatscape.Table, {self.rows} rows: {', '.join(self._columns)}>"

    def _repr_html_(self) -> str:
        units = {name: "" if unit == "1" else f"<br>{html.escape(unit)}" for name, unit in self.units.items()}
        head = "".join(f"<th>{name}{units[name]}</th>" for name in self._columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(column[row])}</td>" for column in self._columns.values()) + "</tr>"
            for row in range(min(self.rows, _SHOWN))
        )
        more = f"<caption>{_SHOWN} of {self.rows} rows</caption>" if self.rows > _SHOWN else ""
        return f"<table>{more}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


#: Rows that a notebook shows.
_SHOWN = 10


def _cell(value: Any) -> str:
    return f"{value:.4g}" if hasattr(value, "dtype") and value.dtype.kind == "f" else str(value)
