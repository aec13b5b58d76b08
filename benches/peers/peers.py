#!/usr/bin/env python3
"""What a user would write instead of flatscape, in NumPy and JAX, timed.

The method is that of Agmon & Burak, "Simultaneous embedding of multiple attractor manifolds in a recurrent neural
network using constrained gradient optimization", NeurIPS 2023, arXiv 2310.18708; equation numbers are that paper's.

N neurons, L maps, S = L*N states: every map's bump at every one of its N points. States are the rows of [S, N]
arrays, so that one matrix product moves all of them; J is symmetric.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass

# The comparison is between processors; set JAX_PLATFORMS to override.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

try:
    import numpy as np
    import scipy
    from scipy.linalg import cho_factor, cho_solve
except ImportError as missing:
    sys.exit(f"peers.py: {missing}; install what benches/peers/requirements.txt names")

# The paper's network; another N keeps the same bump as a fraction of the ring.
PAPER_NEURONS = 600
AMPLITUDE = 0.665  # A [Hz]
WIDTH = 15.0  # sigma [neuron units]
INHIBITION = -0.2076  # b [Hz]
BASELINE_CURRENT = 10.0  # h0 [Hz^2]
TIME_STEP = 0.2 / 15.0  # Euler step over tau

DESCENT_STEPS = 3500  # of one outer iteration's literal descent
LEARNING_RATE = 1.0  # eta of eq. S16

NAMES = {
    "dynamics-numpy-f64": "Euler dynamics, NumPy f64",
    "dynamics-numpy-f32": "Euler dynamics, NumPy f32",
    "dynamics-jax-f32": "Euler dynamics, JAX f32",
    "descent-jax-f32": "literal descent, JAX f32",
    "descent-jax-f32-support": "descent, active only, JAX f32",
    "descent-numpy-f32": "literal descent, NumPy f32",
    "weights-numpy-f64": "weight update, NumPy f64",
}


# ---------------------------------------------------------------------------------------------------- the network


@dataclass
class Network:
    positions: np.ndarray  # [L, N] position of neuron i in map l
    weights: np.ndarray  # [N, N] J [Hz]
    external_current: float  # h [Hz^2]
    bump: np.ndarray  # [N] single-map bump's current by displacement [Hz^2]
    mean_rate: float  # its rate averaged over neurons [Hz]
    currents: np.ndarray  # [S, N] idealized bumps' currents, f64 [Hz^2]
    displacements: np.ndarray  # [S, N] neuron i's displacement from state s's point, in [-N/2, N/2)

    @property
    def neurons(self):
        return self.weights.shape[0]

    @property
    def states(self):
        return self.currents.shape[0]


def rate(current):
    return np.sqrt(np.maximum(current, 0.0))


def kernel(neurons):
    """J^l by displacement 0..N-1, 0 on the diagonal."""
    scale = neurons / PAPER_NEURONS
    distance = np.arange(neurons)
    distance = np.minimum(distance, neurons - distance)
    weights = AMPLITUDE / scale * np.exp(-(distance**2) / (2.0 * (WIDTH * scale) ** 2)) + INHIBITION / scale
    weights[0] = 0.0
    return weights


def single_map_bump(neurons):
    """Current of the bump of a network with one map, centred on position 0, by running the dynamics."""
    ring = np.arange(neurons)
    weights = kernel(neurons)[(ring[:, None] - ring[None, :]) % neurons]
    distance = np.minimum(ring, neurons - ring) / (WIDTH * neurons / PAPER_NEURONS)
    current = 100.0 * np.exp(-0.5 * distance**2) - 1.0
    for _ in range(20_000):
        change = TIME_STEP * (BASELINE_CURRENT - current + weights @ rate(current))
        current += change
        if np.abs(change).max() < 1e-12 * np.abs(current).max():
            break
    active = int((current > 0.0).sum())
    if not 3 <= active <= neurons // 2:
        sys.exit(f"peers.py: {neurons} neurons have no single bump ({active} active); choose a larger --neurons")
    return current


def build(neurons, maps, seed):
    rng = np.random.default_rng(seed)
    positions = np.stack([rng.permutation(neurons) for _ in range(maps)])
    profile = kernel(neurons)
    weights = sum(profile[(p[:, None] - p[None, :]) % neurons] for p in positions)
    bump = single_map_bump(neurons)
    mean_rate = rate(bump).mean()
    # Eq. S5: the other maps' mean input to a bump is compensated.
    external_current = BASELINE_CURRENT - (maps - 1) * neurons * profile.mean() * mean_rate
    # State s = l*N + x is map l's bump at position x.
    offsets = np.concatenate([(p[None, :] - np.arange(neurons)[:, None]) % neurons for p in positions])
    displacements = (offsets + neurons // 2) % neurons - neurons // 2
    return Network(
        positions, weights, external_current, bump, mean_rate, bump[offsets], displacements.astype(np.float64)
    )


def energies(network, rates):
    """Eqs. 1 and S8, [S], in f64: E = sum r^3/3 - h sum r - r'Wr/2."""
    rates = np.asarray(rates, np.float64)
    field = rates @ network.weights
    return (rates**3 / 3.0 - network.external_current * rates - 0.5 * rates * field).sum(axis=1)


def centres(network, rates):
    """Centre of mass of every state from its point, [S], in neuron units."""
    rates = np.asarray(rates, np.float64)
    return (network.displacements * rates).sum(axis=1) / rates.sum(axis=1)


def residuals(network, rates):
    """How far every state is from stationary, [S]: max over active neurons of |r^2 - h - W r + lambda dx| [Hz^2].

    lambda is the one that fits the state best.
    """
    rates = np.asarray(rates, np.float64)
    active = rates > 0.0
    slope = np.where(active, rates**2 - network.external_current - rates @ network.weights, 0.0)
    displacement = np.where(active, network.displacements, 0.0)
    multiplier = -(slope * displacement).sum(axis=1) / (displacement**2).sum(axis=1)
    return np.abs(slope + multiplier[:, None] * displacement).max(axis=1)


# ------------------------------------------------------------------------------- (a) Euler dynamics, eqs. S1 and S2


class NumpyDynamics:
    def __init__(self, network, dtype, rows=slice(None)):
        self.weights = network.weights.astype(dtype)
        self.h = dtype(network.external_current)
        self.step = dtype(TIME_STEP)
        self.current = np.array(network.currents[rows], dtype)
        self.rate = np.empty_like(self.current)
        self.change = np.empty_like(self.current)

    def run(self, steps):
        current, rate, change = self.current, self.rate, self.change
        for _ in range(steps):
            np.maximum(current, 0, out=rate)
            np.sqrt(rate, out=rate)
            np.matmul(rate, self.weights, out=change)
            change += self.h
            change -= current
            change *= self.step
            current += change

    def rates(self):
        return rate(self.current)


class JaxDynamics:
    def __init__(self, network, rows=slice(None)):
        import jax
        import jax.numpy as jnp

        weights = jnp.asarray(network.weights, jnp.float32)
        h, step = jnp.float32(network.external_current), jnp.float32(TIME_STEP)

        def euler(_, current):
            return current + step * (h - current + jnp.sqrt(jnp.maximum(current, 0.0)) @ weights)

        self.advance = jax.jit(lambda current, steps: jax.lax.fori_loop(0, steps, euler, current), donate_argnums=0)
        self.current = jnp.asarray(network.currents[rows], jnp.float32)

    def run(self, steps):
        self.current = self.advance(self.current, steps).block_until_ready()

    def rates(self):
        return rate(np.asarray(self.current))


# ------------------------------------------------------------- (b) the paper's constrained descent, eqs. S14 to S23
#
# Gradient and constraint are taken in the currents and carry phi'(I) = 1/(2 sqrt I), which is 0 for silent neurons:
# they stay silent. The centre of mass f = sum dx r / sum r is held by removing from the gradient its part along
# grad f; grad f's factor 1 / sum r cancels in that projection. Steps are finite, so it is held to first order in
# eta: at eta = 1, N = 600 and L = 10 states end 0.1 neuron units (median) to 0.7 from their points.


def dot(a, b):
    """Row by row, [S]."""
    return np.einsum("sn,sn->s", a, b)


class NumpyDescent:
    def __init__(self, network, rows=slice(None)):
        self.weights = network.weights.astype(np.float32)
        self.h = np.float32(network.external_current)
        self.current = np.array(network.currents[rows], np.float32)
        self.displacement = np.array(network.displacements[rows], np.float32)

    def run(self, steps):
        current, displacement = self.current, self.displacement
        for _ in range(steps):
            rates = rate(current)
            slope = np.divide(0.5, rates, out=np.zeros_like(rates), where=rates > 0.0)
            gradient = slope * (current - self.h - rates @ self.weights)
            centre = dot(displacement, rates) / rates.sum(axis=1)
            constraint = slope * (displacement - centre[:, None])
            pull = dot(gradient, constraint) / dot(constraint, constraint)
            current -= np.float32(LEARNING_RATE) * (gradient - pull[:, None] * constraint)

    def rates(self):
        return rate(self.current)


def jax_descent_step(jnp, current, displacement, h, field):
    """One step; `field` takes rates to W r."""
    dot = lambda a, b: (a * b).sum(axis=1, keepdims=True)
    rates = jnp.sqrt(jnp.maximum(current, 0.0))
    slope = jnp.where(rates > 0.0, 0.5 / jnp.where(rates > 0.0, rates, 1.0), 0.0)
    gradient = slope * (current - h - field(rates))
    centre = dot(displacement, rates) / rates.sum(axis=1, keepdims=True)
    constraint = slope * (displacement - centre)
    pull = dot(gradient, constraint) / dot(constraint, constraint)
    return current - LEARNING_RATE * (gradient - pull * constraint)


class JaxDescent:
    """All neurons of all states: one matrix product a step."""

    def __init__(self, network, rows=slice(None)):
        import jax
        import jax.numpy as jnp

        weights = jnp.asarray(network.weights, jnp.float32)
        displacement = jnp.asarray(network.displacements[rows], jnp.float32)
        h = jnp.float32(network.external_current)

        @jax.jit
        def advance(current, displacement, steps):
            def body(_, current):
                return jax_descent_step(jnp, current, displacement, h, lambda rates: rates @ weights)

            return jax.lax.fori_loop(0, steps, body, current)

        self.advance = lambda current, steps: advance(current, displacement, steps)
        self.current = jnp.asarray(network.currents[rows], jnp.float32)

    def run(self, steps):
        self.current = self.advance(self.current, steps).block_until_ready()

    def rates(self):
        return rate(np.asarray(self.current))


class JaxSupportDescent:
    """Uses that silent neurons stay silent: each state keeps its bump's active neurons and their block of W."""

    def __init__(self, network, rows=slice(None)):
        import jax
        import jax.numpy as jnp

        currents, displacements = network.currents[rows], network.displacements[rows]
        self.shape = currents.shape
        active = int((network.bump > 0.0).sum())
        self.support = np.sort(np.argsort(-currents, axis=1)[:, :active], axis=1)  # [S, a]
        displacement = jnp.asarray(np.take_along_axis(displacements, self.support, axis=1), jnp.float32)
        weights = network.weights.astype(np.float32)
        blocks = jnp.asarray(weights[self.support[:, :, None], self.support[:, None, :]])  # [S, a, a]
        h = jnp.float32(network.external_current)

        @jax.jit
        def advance(current, displacement, blocks, steps):
            def body(_, current):
                field = lambda rates: jnp.einsum("sab,sb->sa", blocks, rates)
                return jax_descent_step(jnp, current, displacement, h, field)

            return jax.lax.fori_loop(0, steps, body, current)

        self.advance = lambda current, steps: advance(current, displacement, blocks, steps)
        self.current = jnp.asarray(np.take_along_axis(currents, self.support, axis=1), jnp.float32)

    def run(self, steps):
        self.current = self.advance(self.current, steps).block_until_ready()

    def rates(self):
        rates = np.zeros(self.shape, np.float32)
        np.put_along_axis(rates, self.support, rate(np.asarray(self.current)), axis=1)
        return rates


# ------------------------------------------------------------- (c) weight update by the Gram matrix, eqs. 2, S9-S13


def weight_update(rates, energy):
    """The least symmetric zero-diagonal M that takes all energies to one level.

    M = sum_s alpha_s r_s r_s' without its diagonal, where G alpha = E - C and
    G_st = [(r_s.r_t)^2 - sum_i r_si^2 r_ti^2] / 2, both S x S. Returns M and the seconds of each part.
    """
    start = time.perf_counter()
    gram = rates @ rates.T
    np.square(gram, out=gram)
    squares = rates * rates
    gram -= squares @ squares.T
    gram *= 0.5
    formed = time.perf_counter()
    # G is symmetric: its transpose is what LAPACK can factor in place.
    factor = cho_factor(gram.T, lower=True, overwrite_a=True, check_finite=False)
    by_energy, by_one = cho_solve(factor, np.column_stack([energy, np.ones_like(energy)]), check_finite=False).T
    alpha = by_energy - by_energy.sum() / by_one.sum() * by_one
    solved = time.perf_counter()
    delta = (rates.T * alpha) @ rates
    np.fill_diagonal(delta, 0.0)
    end = time.perf_counter()
    return delta, {"gram": formed - start, "solve": solved - formed, "weights": end - solved}


# ------------------------------------------------------------------------------------------------------ measuring


def timed(action, *arguments):
    start = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - start


def repeat(action, seconds):
    """Repeats for about `seconds`, at least 3 times; returns every duration."""
    durations = []
    while len(durations) < 3 or sum(durations) < seconds:
        durations.append(timed(action))
    return durations


def measure_steps(peer, seconds):
    """Seconds a step, one figure for each repetition, and the steps of a repetition."""
    peer.run(1)  # warm-up: threads, pages, compilation
    once = timed(peer.run, 1)
    steps = max(1, round(seconds / 5.0 / once))
    return [duration / steps for duration in repeat(lambda: peer.run(steps), seconds)], steps


def rate_record(network, per_step, steps):
    median = statistics.median(per_step)
    return {
        "states_steps_per_second": network.states / median,
        "seconds_per_step": median,
        "seconds_per_step_min": min(per_step),
        "seconds_per_step_max": max(per_step),
        "repetitions": len(per_step),
        "steps_per_repetition": steps,
    }


def measure_dynamics(network, peer, seconds):
    record = rate_record(network, *measure_steps(peer, seconds))
    return record, ""


def descent_quality(network, peer, steps):
    """What `steps` steps of descent did to the states, in f64."""
    rates = peer.rates()
    change = energies(network, rates) - energies(network, rate(network.currents))
    residual = residuals(network, rates)
    return {
        "steps": steps,
        "energy_change_mean": float(change.mean()),
        "energy_change_max": float(change.max()),
        "residual_median": float(np.median(residual)),
        "residual_max": float(residual.max()),
        "centre_of_mass_max": float(np.abs(centres(network, rates)).max()),
    }


def descent_record(record, progress):
    """Adds the whole descent's time, and how far it came."""
    steps = progress[-1]["steps"]
    record |= {
        "descent_steps": DESCENT_STEPS,
        "descent_seconds": record["seconds_per_step"] * DESCENT_STEPS,
        "scaled": steps < DESCENT_STEPS,
        "progress": progress,
    }
    run = f"scaled from {steps}" if record["scaled"] else "all run"
    return record, f"{record['descent_seconds']:.1f} s for {DESCENT_STEPS} steps ({run})"


def measure_descent_whole(network, peer, steps):
    """Runs `steps` steps once, timed in equal pieces."""
    start = peer.current
    peer.run(2)  # warm-up: threads, pages, compilation
    peer.current = start
    piece = max(1, steps // 7)
    per_step, progress = [], []
    for number in range(1, max(3, steps // piece) + 1):
        per_step.append(timed(peer.run, piece) / piece)
        progress.append(descent_quality(network, peer, number * piece))
    return descent_record(rate_record(network, per_step, piece), progress)


def measure_descent_few(network, peer, seconds):
    per_step, steps = measure_steps(peer, seconds)
    progress = [descent_quality(network, peer, 2 + len(per_step) * steps)]  # with the two of the warm-up
    return descent_record(rate_record(network, per_step, steps), progress)


def measure_weights(network, seconds):
    rates = rate(network.currents)
    energy = energies(network, rates)
    small = slice(0, min(network.states, 500))
    parts, deltas = [], []

    def once():
        delta, seconds_of = weight_update(rates, energy)
        parts.append(seconds_of)
        deltas[:] = [delta]

    try:
        weight_update(rates[small], energy[small])  # warm-up: threads and libraries
        durations = repeat(once, seconds)
    except np.linalg.LinAlgError:
        sys.exit("peers.py: the Gram matrix is not positive definite; more --neurons or fewer --maps are needed")
    after = energy - 0.5 * (rates * (rates @ deltas[0])).sum(axis=1)
    median = {part: statistics.median(p[part] for p in parts) for part in parts[0]}
    record = {
        "seconds": statistics.median(durations),
        "seconds_min": min(durations),
        "seconds_max": max(durations),
        "seconds_by_part": median,
        "repetitions": len(durations),
        "landscape_sd_before": float(energy.std()),
        "landscape_sd_after": float(after.std()),
    }
    note = f"{record['seconds']:.2f} s (" + ", ".join(f"{part} {s:.2f}" for part, s in median.items()) + ")"
    return record, note


def measure(network, name, seconds, steps):
    if name == "dynamics-numpy-f64":
        return measure_dynamics(network, NumpyDynamics(network, np.float64), seconds)
    if name == "dynamics-numpy-f32":
        return measure_dynamics(network, NumpyDynamics(network, np.float32), seconds)
    if name == "dynamics-jax-f32":
        return measure_dynamics(network, JaxDynamics(network), seconds)
    if name == "descent-jax-f32":
        return measure_descent_whole(network, JaxDescent(network), steps)
    if name == "descent-jax-f32-support":
        return measure_descent_whole(network, JaxSupportDescent(network), steps)
    if name == "descent-numpy-f32":
        return measure_descent_few(network, NumpyDescent(network), seconds)
    return measure_weights(network, seconds)


# ------------------------------------------------------------------------------------------------------- checking


def check(network, names):
    """Whether the peers compute what they should, on about 100 states; prints one line each, returns failures."""
    failures = 0

    def report(what, value, limit):
        """NaN fails."""
        nonlocal failures
        good = bool(value <= limit)
        failures += not good
        print(f"{'ok  ' if good else 'FAIL'} {what}: {value:.3g} (limit {limit:g})", flush=True)

    rows = slice(0, None, max(1, network.states // 100))
    part = Network(**{**network.__dict__, "currents": network.currents[rows]})
    part.displacements = network.displacements[rows]

    reference = NumpyDynamics(part, np.float64)
    before = energies(part, reference.rates())
    reference.run(300)
    rise = energies(part, reference.rates()) - before
    report("dynamics f64, largest change of an energy in 300 steps", rise.max(), 0.01)
    for name, make in (
        ("dynamics-numpy-f32", lambda: NumpyDynamics(part, np.float32)),
        ("dynamics-jax-f32", lambda: JaxDynamics(part)),
    ):
        if name in names:
            peer = make()
            peer.run(300)
            off = np.abs(peer.rates() - reference.rates()).max()
            report(f"{name}, rates against f64 after 300 steps [Hz]", off, 0.01)

    ends = []
    for name, make in (
        ("descent-numpy-f32", NumpyDescent),
        ("descent-jax-f32", JaxDescent),
        ("descent-jax-f32-support", JaxSupportDescent),
    ):
        if name in names:
            peer = make(part)
            peer.run(1000)
            rates = peer.rates()
            ends.append(energies(part, rates))
            report(f"{name}, largest change of an energy in 1000 steps", (ends[-1] - before).max(), 0.01)
            report(f"{name}, largest centre of mass [neuron units]", np.abs(centres(part, rates)).max(), 1.0)
            joined = (rates > 0.0) & (part.currents <= 0.0)
            report(f"{name}, silent neurons that joined", int(joined.sum()), 0)
    for other in ends[1:]:
        # Median: rounding decides whether a neuron at the threshold falls silent, and with it the whole state.
        report("descents against each other, median of energies", np.median(np.abs(other - ends[0])), 0.05)

    if "weights-numpy-f64" in names:
        record, _ = measure_weights(network, 0.0)
        left = record["landscape_sd_after"] / max(record["landscape_sd_before"], 1e-3)
        report("weights-numpy-f64, landscape's SD left of 1", left, 1e-6)
    return failures


# --------------------------------------------------------------------------------------------------- command line


def versions(with_jax):
    found = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    try:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        found["blas"] = f"{blas['name']} {blas['version']}"
    except (KeyError, TypeError):
        pass
    if with_jax:
        import jax
        import jaxlib

        found |= {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "jax_device": str(jax.devices()[0])}
    return found


def threads():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--neurons", type=positive(int), default=PAPER_NEURONS, metavar="N", help="default %(default)s")
    parser.add_argument("--maps", type=positive(int), default=10, metavar="L", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the maps; default %(default)s")
    parser.add_argument(
        "--seconds", type=positive(float), default=20.0, help="time for each measurement; default %(default)s"
    )
    parser.add_argument(
        "--steps",
        type=positive(int),
        default=DESCENT_STEPS,
        help="steps that the JAX descents run; fewer than %(default)s are scaled to %(default)s, and marked so",
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="measure this one, or all whose names begin so; repeatable"
    )
    parser.add_argument("--json", metavar="PATH", help="write the results there as well")
    parser.add_argument("--check", action="store_true", help="check the results on some states, time nothing")
    parser.add_argument("--list", action="store_true", help="list the names and stop")
    given = parser.parse_args()
    for only in given.only or []:
        if not any(name.startswith(only) for name in NAMES):
            parser.error(f"--only {only}: no such name; there are {', '.join(NAMES)}")
    if given.json and given.check:
        parser.error("--json has nothing to write with --check; leave one out")
    if given.json:
        try:
            open(given.json, "a", encoding="utf-8").close()  # now, not after minutes of measuring
        except OSError as problem:
            parser.error(f"--json {given.json}: {problem.strerror}")
    # A whole name means that one alone, though another may begin with it.
    wanted = lambda name: any(name == o or (o not in NAMES and name.startswith(o)) for o in given.only)
    given.names = [name for name in NAMES if not given.only or wanted(name)]
    return given


def main():
    given = arguments()
    if given.list:
        print("\n".join(NAMES))
        return 0
    with_jax = any("jax" in name for name in given.names)
    try:
        found = versions(with_jax)
    except ImportError as missing:
        sys.exit(f"peers.py: {missing}; install benches/peers/requirements.txt, or leave the JAX peers out with --only")
    network = build(given.neurons, given.maps, given.seed)
    if given.check:
        return 1 if check(network, given.names) else 0

    print(f"N = {given.neurons}, L = {given.maps}, {network.states} states, {threads()} threads")
    print(", ".join(f"{key} {value}" for key, value in found.items()))
    print(f"{'name':<25}{'what':<31}{'states x steps / s':>18}  whole task")
    measurements = []
    for name in given.names:
        record, note = measure(network, name, given.seconds, given.steps)
        speed = record.get("states_steps_per_second")
        print(f"{name:<25}{NAMES[name]:<31}{f'{speed:,.0f}' if speed else '-':>18}  {note}".rstrip(), flush=True)
        measurements.append({"name": name, "what": NAMES[name]} | record)
    if given.json:
        result = {
            "network": {
                "neurons": given.neurons,
                "maps": given.maps,
                "states": network.states,
                "seed": given.seed,
                "external_current": network.external_current,
                "bump_mean_rate": network.mean_rate,
            },
            "threads": threads(),
            "machine": platform.machine(),
            "versions": found,
            "measurements": measurements,
        }
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
