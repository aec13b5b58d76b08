"""What goes in: what is taken as it is, what is converted, and what is refused, with argument and remedy."""

import numpy as np
import pytest

import flatscape as fs


@pytest.fixture
def good(network):
    return {
        "weights": network.weights,
        "currents": network.bump([0, 1], [[10], [20]]),
        "external_current": network.external_current,
        "duration_ms": 4.0,
    }


def test_other_types_orders_and_slices_give_the_same(good):
    expected = fs.simulate(**good)
    wide = np.zeros((240, 120))
    wide[::2] = good["weights"]
    locked = good["currents"].copy()
    locked.flags.writeable = False
    for name, value in [
        ("weights", np.asfortranarray(good["weights"])),
        ("weights", wide[::2]),
        ("weights", good["weights"].tolist()),
        ("weights", good["weights"].astype(np.longdouble)),
        ("weights", good["weights"].astype(">f8")),
        ("currents", locked),
        ("currents", good["currents"][::-1][::-1]),
        ("external_current", float(good["external_current"][0])),
        ("external_current", np.float64(good["external_current"][0])),
    ]:
        assert (fs.simulate(**{**good, name: value}) == expected).all(), name


def test_inputs_are_not_changed(good):
    before = {name: np.copy(value) for name, value in good.items()}
    single = np.asarray(good["weights"], dtype=np.float32)
    fs.simulate(**{**good, "weights": single})
    fs.simulate(**good)
    assert all((good[name] == value).all() for name, value in before.items())


def bad(name, value, *said):
    return pytest.param(name, value, (name, *said), id=f"{name}-{said[0]}")


def with_nan(array):
    array = np.array(array)
    array[(1,) * array.ndim] = np.nan
    return array


def asymmetric(weights):
    weights = np.array(weights)
    weights[2, 3] += 1.0
    return weights


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        bad("weights", lambda w: w.astype(object), "array of objects", "dtype=float"),
        bad("weights", lambda w: [[1.0], [1.0, 2.0]], "not an array of numbers", "float64 [neurons, neurons]"),
        bad("weights", lambda w: w.astype(complex), "complex", "real part"),
        bad("weights", lambda w: w.astype(str), "<U", "astype(float)"),
        bad("weights", lambda w: w[:50], "[50, 120]", "neurons"),
        bad("weights", lambda w: w[0], "[120]", "2 axes"),
        bad("weights", lambda w: w[:0], "empty", "[0, 120]"),
        bad("weights", with_nan, "[1, 1] is nan", "finite"),
        bad("weights", lambda w: np.full_like(w, np.inf), "inf", "finite"),
        bad("weights", asymmetric, "not symmetric", "(W + Wᵀ)/2"),
        bad("weights", lambda w: np.ma.masked_greater(w, 0), "masked", "filled"),
        bad("weights", lambda w: None, "array of objects", "dtype=float"),
        bad("currents", lambda c: c[:, :-1], "[2, 119]", "120"),
        bad("currents", lambda c: c[None], "[1, 2, 120]", "2 axes"),
        bad("currents", lambda c: c[:, :0], "empty", "starts, neurons"),
        bad("currents", with_nan, "[1, 1] is nan", "finite"),
        bad("currents", lambda c: c.astype("datetime64[s]"), "datetime64", "astype(float)"),
        bad("external_current", lambda h: h[:7], "[7]", "120"),
        bad("external_current", lambda h: float("nan"), "nan", "finite"),
        bad("external_current", lambda h: "much", "<U4", "astype(float)"),
    ],
)
def test_arrays_that_are_refused(good, name, change, said):
    with pytest.raises((fs.UsageError, fs.DataError)) as error:
        fs.simulate(**{**good, name: change(good[name])})
    assert all(part in str(error.value) for part in said), str(error.value)
    assert isinstance(error.value, ValueError) and isinstance(error.value, fs.FlatscapeError)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"duration_ms": None}, "duration_ms, or times_ms"),
        ({"duration_ms": -1.0}, "0 or more"),
        ({"duration_ms": float("nan")}, "finite"),
        ({"duration_ms": 1e12}, "steps"),
        ({"times_ms": [2.0, 1.0]}, "ascending"),
        ({"times_ms": []}, "empty"),
        ({"times_ms": [5.0]}, "at most duration_ms"),
        ({"dt_ms": 0.0}, "dt_ms = 0"),
        ({"dt_ms": 20.0}, "at most tau_ms"),
        ({"exponent": 2.0}, "exponent = 2.0"),
        ({"gain": 0.0}, "gain = 0.0"),
        ({"gain": "x"}, "gain = 'x'"),
        ({"backend": "tpu"}, 'it is "auto", "cpu" or "gpu"'),
        ({"progress": 3}, "progress = 3"),
    ],
)
def test_settings_that_are_refused(good, settings, said):
    with pytest.raises(fs.UsageError) as error:
        fs.simulate(**{**good, **settings})
    assert said in str(error.value)


def test_positions_that_are_refused(network):
    places = network.positions[:, :, 0]
    doubled = places.copy()
    doubled[1, 4] = doubled[1, 7]
    far = places.copy()
    far[0, 3] = 1e4
    for positions, said in [
        (places[0], ["positions", "2 axes"]),
        (places[:, :0], ["positions", "empty"]),
        (doubled, ["positions", "map 1", "4 and 7", "each place belongs to one neuron"]),
        (far, ["positions", "map 0, neuron 3", "outside the ring"]),
        (places * np.nan, ["positions", "no neuron has a place in map 0"]),
        (np.full((1, 120, 5), 1.0), ["positions"]),
    ]:
        with pytest.raises((fs.UsageError, fs.DataError)) as error:
            fs.Network.from_arrays(positions=positions)
        assert all(part in str(error.value) for part in said), str(error.value)


def test_weights_and_their_current_go_together(network):
    with pytest.raises(fs.UsageError, match="weights is given and external_current is not"):
        fs.Network.from_arrays(positions=network.positions, weights=network.weights)
    with pytest.raises(fs.UsageError, match="external_current is given and weights is not"):
        fs.Network.from_arrays(positions=network.positions, external_current=1.0)
    with pytest.raises(fs.DataError, match="weights: is not symmetric"):
        fs.Network.from_arrays(positions=network.positions, weights=asymmetric(network.weights), external_current=1.0)
    with pytest.raises(fs.UsageError, match=r"weights has shape \[7, 7\]"):
        fs.Network.from_arrays(positions=network.positions, weights=np.eye(7), external_current=1.0)
    with pytest.raises(fs.UsageError, match=r"external_current has shape \[7\]"):
        fs.Network.from_arrays(positions=network.positions, weights=network.weights, external_current=np.ones(7))


def test_maps_and_places_that_are_not_there(network):
    for at, said in [
        ((2, 0), "maps 0 to 1"),
        ((-1, 0), "maps 0 to 1"),
        (("x", 0), "index of a map"),
        ((0, 500.0), "outside the ring"),
        ((0, [1, 2]), "dimensions"),
        (([0, 1], [[1]]), "position has shape"),
        ((0, float("nan")), "finite"),
    ]:
        with pytest.raises(fs.UsageError, match=said):
            network.bump(*at)
    with pytest.raises(fs.UsageError, match="rates"):
        network.decode(np.ones(7))


def test_directories_that_are_no_runs(tmp_path, run):
    with pytest.raises(fs.DataError, match="is not a run directory"):
        fs.load(tmp_path)
    with pytest.raises(fs.DataError, match="is not a run directory"):
        fs.load(tmp_path / "nowhere")
    run.save(tmp_path / "run")
    manifest = tmp_path / "run/manifest.json"
    newer = manifest.read_text().replace('"format": 1', '"format": 2')
    manifest.write_text(newer)
    with pytest.raises(fs.DataError, match="has format 2.*use the program that wrote it"):
        fs.load(tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").write_text("x")
    with pytest.raises(fs.UsageError, match="thesis.tex"):
        run.save(tmp_path / "other")
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises((fs.FileError, fs.UsageError)) as error:
        run.save(tmp_path / "file/run")
    assert "file" in str(error.value)


def test_a_changed_weight_is_found(tmp_path, run):
    run.save(tmp_path / "run")
    weights = tmp_path / "run/weights_delta.npy"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(fs.DataError, match="weights_delta.npy: does not have the checksum"):
        fs.load(tmp_path / "run")
    with pytest.raises(fs.DataError, match="weights_delta.npy"):
        fs.verify(tmp_path / "run")
