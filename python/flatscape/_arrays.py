"""Arrays from outside: made C-ordered float64, or refused with the argument's name and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import UsageError

if TYPE_CHECKING:
    from typing import TypeVar

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Array = TypeVar("Array", bound=NDArray[Any])


def floats(name: str, value: ArrayLike, axes: str, *, nan: bool = False) -> Floats:
    """The values as a C-ordered float64 array.

    An array that is one already is used as it is, read-only or not. Anything else is converted, which takes a copy: other
    numeric types, other orders, slices with steps, lists.

    ``axes`` says what the axes are, for messages: ``"neurons, neurons"``; their number is checked. ``nan`` allows NaN.
    """
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        raise UsageError(f"{name} is a masked array; pass {name}.filled(numpy.nan), or fill it otherwise")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is not an array of numbers ({error}); it is float64 [{axes}]") from None
    if array.dtype.kind == "O":
        raise UsageError(
            f"{name} is an array of objects, as from rows of different lengths; it is float64 [{axes}]: "
            "pass numpy.array(..., dtype=float)"
        )
    if array.dtype.kind == "c":
        raise UsageError(f"{name} is complex ({array.dtype}); it is float64 [{axes}]: pass its real part")
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{name} holds {array.dtype}; it is float64 [{axes}]: convert it with astype(float)")
    wanted = 1 + axes.count(",")
    if array.ndim != wanted:
        raise UsageError(f"{name} has shape {_shape(array)}; it is float64 [{axes}], {wanted} axes")
    if array.size == 0:
        raise UsageError(f"{name} is empty, of shape {_shape(array)}; it is float64 [{axes}]")
    array = np.ascontiguousarray(array, dtype=np.float64)
    bad = np.isinf(array) if nan else ~np.isfinite(array)
    if bad.any():
        at = np.argwhere(bad)[0]
        which = ", ".join(str(index) for index in at)
        raise UsageError(f"{name}[{which}] is {array[tuple(at)]}; its values are finite numbers")
    return array


def each(name: str, value: ArrayLike, neurons: int) -> Floats:
    """A number for every neuron, from one for all or from [neurons]."""
    import numpy as np

    if np.ndim(value) == 0:
        return np.full(neurons, floats(name, np.asarray(value).reshape(1), "neurons")[0])
    array = floats(name, value, "neurons")
    sized(name, array, 0, neurons, "neurons")
    return array


def sized(name: str, array: NDArray[Any], axis: int, size: int, what: str) -> None:
    """Refuses an array whose axis has another length."""
    if array.shape[axis] != size:
        raise UsageError(f"{name} has shape {_shape(array)}; axis {axis} is {what}: {size}")


def owned(array: Array) -> Array:
    """An array that is handed out more than once: nobody may write to it."""
    array.flags.writeable = False
    return array


def _shape(array: NDArray[Any]) -> str:
    return "[" + ", ".join(str(n) for n in array.shape) + "]"
