"""Networks: built, given, and simulated."""

import pickle

import numpy as np
import pytest
from conftest import SMALL

import flatscape as fs


def test_arrays_are_shared_whole_and_read_only(network):
    w = network.weights
    assert w is network.weights and w.shape == (120, 120) and w.dtype == np.float64
    assert w.flags.c_contiguous and not w.flags.writeable and (w == w.T).all()
    assert network.positions.shape == (2, 120, 1) and network.points.shape == (2, 120, 1)
    assert sorted(network.positions[0, :, 0]) == list(range(120))
    assert network.external_current.shape == (120,)
    assert (network.neurons, network.maps, network.points_per_map, network.shapes) == (120, 2, 120, ["ring"] * 2)
    assert network.plan()["seconds"] > 0 and network.plan()["bytes"] > 120 * 120 * 8


def test_arrays_outlive_the_network():
    w = fs.Network(**SMALL).weights
    kept = w.copy()
    fs.Network(**SMALL, seed=2)
    assert (w == kept).all()


def test_given_arrays_make_the_same_network(network):
    for positions in (
        network.positions,
        network.positions[:, :, 0],
        network.positions[:, :, 0].astype(int),
        network.positions[:, :, 0].astype(np.float32),
        np.asfortranarray(network.positions[:, :, 0]),
        network.positions[:, :, 0].tolist(),
    ):
        same = fs.Network.from_arrays(positions=positions, iterations=2, duration_ms=40.0)
        assert (same.weights == network.weights).all()
        assert (same.external_current == network.external_current).all()
    assert (same.flatten().weights == network.flatten().weights).all()


def test_your_own_weights(network):
    w = network.weights + 0.01
    given = fs.Network.from_arrays(positions=network.positions, weights=w, external_current=network.external_current)
    assert (given.weights == w - np.diag(np.diag(w))).all()
    number = fs.Network.from_arrays(positions=network.positions, weights=w, external_current=7.0)
    assert (number.external_current == 7.0).all()
    run = given.flatten(iterations=1)
    # One update is exact for the states that it is made for, which then move a little.
    assert run.records["energy_sd"][-1] < 0.2 * run.records["energy_sd"][0]
    again = pickle.loads(pickle.dumps(given))
    assert (again.weights == given.weights).all() and (again.positions == given.positions).all()


def test_surfaces():
    torus = fs.Network(maps=[{"shape": "torus", "count": 2, "sides": [12, 12]}])
    assert torus.positions.shape == (2, 144, 2) and torus.shapes == ["torus", "torus"]
    given = fs.Network.from_arrays(positions=torus.positions, sides=[12, 12])
    assert (given.weights == torus.weights).all()
    at = torus.decode(np.sqrt(np.maximum(torus.bump([0, 1], [[3, 4], [7, 8]]), 0)))
    assert at["map"].tolist() == [0, 1] and at["position"].tolist() == [[3, 4], [7, 8]]


def test_members_alone_have_places():
    rng = np.random.default_rng(3)
    places = np.full((3, 200), np.nan)
    for row in places:
        row[rng.permutation(200)[:100]] = np.arange(100)
    network = fs.Network.from_arrays(positions=places)
    assert np.isnan(network.positions[:, :, 0]).sum() == 300
    assert np.array_equal(network.positions[:, :, 0], places, equal_nan=True)


def test_bumps_are_found_where_they_are_put(network):
    currents = network.bump([0, 1, 1], [[30], [0], [59.5]])
    assert currents.shape == (3, 120) and network.bump(1, 59.5).tolist() == currents[2].tolist()
    found = network.decode(np.sqrt(np.maximum(currents, 0)))
    assert found["map"].tolist() == [0, 1, 1]
    assert found["position"][:2, 0].tolist() == [30, 0] and abs(found["position"][2, 0] - 59.5) <= 0.5


def euler(weights, current, external_current, steps, step=0.2 / 15):
    """The loop that people write."""
    current = current.copy()
    for _ in range(steps):
        current += step * (-current + external_current + weights @ np.sqrt(np.maximum(current, 0)))
    return np.sqrt(np.maximum(current, 0))


def test_simulate_is_the_loop_that_people_write(network):
    currents = network.bump([0] * 10 + [1] * 10, np.linspace(0, 110, 20)[:, None])
    times = [0.0, 10.0, 40.0]
    rates = fs.simulate(network.weights, currents, network.external_current, times_ms=times)
    assert rates.shape == (20, 3, 120)
    for start, trajectory in zip(currents, rates):
        for time, found in zip(times, trajectory):
            # Sums over 120 neurons in another order, through 200 contracting steps.
            np.testing.assert_allclose(found, euler(network.weights, start, network.external_current, round(time / 0.2)), atol=1e-9)
    assert (network.simulate(currents, times_ms=times) == rates).all()
    single = fs.simulate(network.weights, currents[3], network.external_current, times_ms=times)
    # Alone or among others: the same up to the order of sums.
    assert single.shape == (3, 120)
    np.testing.assert_allclose(single, rates[3], atol=1e-9)
    end = fs.simulate(network.weights, currents, network.external_current, 40.0)
    assert end.shape == (20, 1, 120) and (end[:, 0] == rates[:, 2]).all()


def test_other_transfer_functions_and_time_constants(network):
    start = network.bump(0, 30)
    weights, h = 0.1 * network.weights, 5.0
    rates = fs.simulate(weights, start, h, 10.0, dt_ms=0.5, tau_ms=10.0, exponent=1.0, gain=0.5)
    current = start.copy()
    for _ in range(20):
        current += 0.05 * (h - current + weights @ (0.5 * np.maximum(current, 0)))
    np.testing.assert_allclose(rates[0], 0.5 * np.maximum(current, 0), atol=1e-10)


def test_networks_survive_pickling_and_are_shown(network):
    again = pickle.loads(pickle.dumps(network))
    assert again.config == network.config and (again.weights == network.weights).all()
    assert repr(network) == "<flatscape.Network of 120 neurons, 2 maps (2 ring)>"
    assert "<table>" in network._repr_html_() and "120" in network._repr_html_()


def test_settings_that_made_the_network_are_refused(network):
    with pytest.raises(fs.UsageError, match="build another network"):
        network.flatten(neurons=80)
    with pytest.raises(fs.UsageError, match="did you mean flatten.iterations"):
        network.flatten(iteration=3)
