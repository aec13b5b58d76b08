"""A flattened network in the frameworks that people train and analyse networks with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._network import Network, Run


class Step(Protocol):
    """``step(current, cue=0.0) -> current``: one Euler step of currents [..., N] (Hz^2), differentiable.

    ``cue`` is added to the external current, a number or [..., N] (Hz^2). ``step.rates(current)`` gives the rates (Hz).
    """

    def __call__(self, current: Any, cue: Any = 0.0) -> Any: ...

    def rates(self, current: Any) -> Any: ...


def torch_step(run: Run | Network, *, dtype: Any = None, device: Any = None) -> Step:
    """A step of the network in PyTorch. ``dtype`` is ``torch.float64`` unless given."""
    import torch

    network, weights = _network_and_weights(run)

    def tensor(values: Any) -> Any:
        # A copy: what is handed out here is read-only, and a tensor is not.
        return torch.tensor(values, dtype=dtype or torch.float64, device=device)

    w, h = tensor(weights), tensor(network.external_current)
    return _Step(network, w, h, lambda current: torch.clamp(current, min=0), lambda x, n: torch.where(x > 0, x, 1) ** n * (x > 0))


def jax_step(run: Run | Network, *, dtype: Any = None) -> Step:
    """A step of the network in JAX, to be compiled with ``jax.jit`` and iterated with ``jax.lax.scan``.

    ``dtype`` is float64 where ``jax_enable_x64`` is set, else float32."""
    import jax.numpy as jnp

    network, weights = _network_and_weights(run)
    w, h = jnp.asarray(weights, dtype=dtype), jnp.asarray(network.external_current, dtype=dtype)
    return _Step(network, w, h, lambda current: jnp.maximum(current, 0), lambda x, n: jnp.where(x > 0, x, 1) ** n * (x > 0))


def numpy_step(run: Run | Network) -> Step:
    """A step of the network in NumPy, for a look at every step; `simulate` is much faster."""
    import numpy as np

    network, weights = _network_and_weights(run)
    return _Step(
        network,
        weights,
        network.external_current,
        lambda current: np.maximum(current, 0),
        lambda x, n: np.where(x > 0, x, 1) ** n * (x > 0),
    )


class _Step:
    """The step in any of them. The power of 0 is 0, and so is its derivative, which a root's own would not be."""

    def __init__(self, network: Network, weights: Any, external_current: Any, positive: Any, power: Any) -> None:
        config = network.config
        self._weights, self._h, self._positive, self._power = weights, external_current, positive, power
        self._step = config["dynamics.dt_ms"] / config["dynamics.tau_ms"]
        self._exponent, self._gain = config["network.transfer.exponent"], config["network.transfer.gain"]

    def rates(self, current: Any) -> Any:
        return self._gain * self._power(self._positive(current), self._exponent)

    def __call__(self, current: Any, cue: Any = 0.0) -> Any:
        # Symmetric weights: rates @ W is W @ rates, for any number of states.
        return current + self._step * (self._h + cue - current + self.rates(current) @ self._weights)


def _network_and_weights(run: Run | Network) -> tuple[Network, Any]:
    from ._network import Run

    return (run.network, run.weights) if isinstance(run, Run) else (run, run.weights)
