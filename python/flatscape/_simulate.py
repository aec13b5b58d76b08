"""The dynamics of any network, at the speed of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _flatscape
from ._arrays import each, floats, sized
from ._config import Config
from ._errors import UsageError
from ._progress import Progress, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def simulate(
    weights: ArrayLike,
    currents: ArrayLike,
    external_current: ArrayLike,
    duration_ms: float | None = None,
    *,
    times_ms: ArrayLike | None = None,
    dt_ms: float | None = None,
    tau_ms: float | None = None,
    exponent: float | None = None,
    gain: float | None = None,
    backend: str = "auto",
    progress: Progress = False,
) -> NDArray[np.float64]:
    """Rates along the dynamics ``tau dI/dt = -I + h + W phi(I)``, ``phi(I) = gain * I**exponent`` for ``I > 0``, by Euler steps.

    Parameters
    ----------
    weights : [neurons, neurons], Hz
        W, symmetric. C-ordered float64 is read in place, once, into the core's own copy; anything else is converted first.
    currents : [neurons] or [starts, neurons], Hz^2
        I at time 0. Starts do not influence each other; many at once are faster than one by one.
    external_current : a number or [neurons], Hz^2
        h.
    duration_ms : ms
        How long. The rates at the end are returned, unless ``times_ms`` asks for others.
    times_ms : [times], ms
        Times at which rates are kept, ascending, each rounded to whole steps.
    dt_ms, tau_ms, exponent, gain
        As in a configuration, with the same defaults.
    backend : "auto", "cpu" or "gpu"
        A GPU computes trajectories in float32, the CPU in float64.

    Returns
    -------
    [times, neurons] or [starts, times, neurons], Hz
        ``times`` is 1 if only ``duration_ms`` is given. A single start's is what topology tools take: ``[T, N]``.
    """
    w = floats("weights", weights, "neurons, neurons")
    sized("weights", w, 1, w.shape[0], "neurons, as axis 0")
    steps, step = steps_of(duration_ms, times_ms, dt_ms, tau_ms)
    rates, single = trajectories(
        w,
        currents,
        external_current,
        steps,
        step,
        _default("network.transfer.exponent") if exponent is None else exponent,
        _default("network.transfer.gain") if gain is None else gain,
        backend,
        progress,
    )
    return rates[0] if single else rates


def trajectories(
    weights: NDArray[np.float64],
    currents: ArrayLike,
    external_current: ArrayLike,
    steps: NDArray[np.int64],
    step: float,
    exponent: float,
    gain: float,
    backend: str,
    progress: Progress,
) -> tuple[NDArray[np.float64], bool]:
    """Rates [starts, times, neurons] (Hz), and whether a single start was given."""
    import numpy as np

    neurons = weights.shape[0]
    single = np.ndim(currents) == 1
    start = floats("currents", currents, "neurons" if single else "starts, neurons")
    sized("currents", start, start.ndim - 1, neurons, "neurons")
    h = each("external_current", external_current, neurons)
    _within("exponent", exponent, 0.5, 1.0)
    _within("gain", gain, 1e-300, 1e6)
    with shown(progress) as watcher:
        rates, _ = _flatscape.simulate(
            weights, np.atleast_2d(start), h, steps, step, float(exponent), float(gain), backend, watcher
        )
    return rates, single


def steps_of(
    duration_ms: float | None, times_ms: ArrayLike | None, dt_ms: float | None, tau_ms: float | None
) -> tuple[NDArray[np.int64], float]:
    """Numbers of Euler steps at which rates are kept, and a step as a fraction of tau."""
    import numpy as np

    dt = float(_default("dynamics.dt_ms") if dt_ms is None else dt_ms)
    tau = float(_default("dynamics.tau_ms") if tau_ms is None else tau_ms)
    if not 0 < dt <= tau < float("inf"):
        raise UsageError(f"dt_ms = {dt}, tau_ms = {tau}; both are above 0, and dt_ms is at most tau_ms")
    if times_ms is None:
        if duration_ms is None:
            raise UsageError("give duration_ms, or times_ms: how long, or at which times rates are kept")
        times_ms = [duration_ms]
    times = floats("times_ms", times_ms, "times")
    end = times[-1] if duration_ms is None else float(duration_ms)
    if times[0] < 0 or (np.diff(times) < 0).any() or not times[-1] <= end:
        raise UsageError("times_ms are 0 or more, ascending, and at most duration_ms")
    if not end / dt <= _MOST_STEPS:
        raise UsageError(f"{end} ms are {end / dt:.0f} steps of dt_ms = {dt}; at most {_MOST_STEPS:.0g} are made")
    return np.rint(times / dt).astype(np.int64), dt / tau


#: As for the configuration's ``measure.duration_ms``.
_MOST_STEPS = 1e10


def _within(name: str, value: Any, low: float, high: float) -> None:
    try:
        inside = low <= float(value) <= high
    except (TypeError, ValueError):
        inside = False
    if not inside:
        raise UsageError(f"{name} = {value!r} is not allowed; it is a number from {low:g} to {high:g}")


def _default(name: str) -> Any:
    return Config()[name]
