"""Configurations: one table of keys for the program and for Python."""

import inspect
import pickle

import numpy as np
import pytest
from conftest import ROOT

import flatscape as fs
from flatscape import _flatscape


def test_every_key_is_a_keyword_with_the_programs_default():
    signature = inspect.signature(fs.Config)
    keys = {name: default for name, *_, default in _flatscape.keys()}
    assert {"network.neurons", "flatten.iterations", "scan.maps"} <= set(keys)
    config = fs.Config()
    for name, default in keys.items():
        own, joined = name.rpartition(".")[2], name.replace(".", "_")
        assert config[name] == default
        assert own in signature.parameters or joined in signature.parameters
        if default is not None:
            assert fs.Config(**{joined: default}) == config
            assert fs.Config({name: default}) == config
    assert signature.parameters["iterations"].default == keys["flatten.iterations"]


def test_keywords_dictionaries_and_files_say_the_same():
    said = fs.Config(neurons=100, maps=2, scan_maps=[1, 2], width=14.0, backend=None)
    sections = {"network": {"neurons": 100, "maps": 2}, "scan": {"maps": [1, 2]}, "kernel.width": 14}
    text = "[network]\nneurons = 100\nmaps = 2\n[scan]\nmaps = [1, 2]\n[kernel]\nwidth = 14.0\n"
    assert said == fs.Config(sections) == fs.Config.from_toml(text) == fs.Config(said)
    assert hash(said) == hash(fs.Config(sections))
    assert said.neurons == said["network.neurons"] == 100 and said.scan_maps == [1, 2]
    assert repr(said) == "Config(neurons=100, maps=2, width=14.0, scan_maps=[1, 2])"
    assert eval(repr(said), {"Config": fs.Config}) == said
    assert said.replace(maps=3) != said and said.replace(maps=3).replace(maps=2) == said


def test_numbers_of_numpy_and_paths_are_values(tmp_path):
    config = fs.Config(neurons=np.int64(100), width=np.float32(14), scan_maps=np.array([1, 2]), maps_file=tmp_path / "x.npy")
    assert (config.neurons, config.width, config.scan_maps) == (100, 14.0, [1, 2])
    assert config.maps_file == str(tmp_path / "x.npy")


def test_files_are_read_as_the_program_reads_them(program):
    paper = ROOT / "configs/paper.toml"
    assert fs.Config(paper) == fs.Config(str(paper)) == fs.Config.from_toml(program("config", paper))
    assert fs.Config(paper, maps=4).maps == 4


def test_groups_of_maps():
    config = fs.Config(neurons=100, maps=[{"shape": "torus", "sides": [10, 10], "kernel": {"width": 2.0}}])
    assert config["maps"][0]["sides"] == [10.0, 10.0]
    assert fs.Config.from_toml(config.to_toml()) == config and "torus" in repr(config)
    with pytest.raises(fs.UsageError, match=r"unknown key shap of \[\[maps\]\]; did you mean shape\?"):
        fs.Config(maps=[{"shap": "torus"}])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"neuron": 5}, "did you mean network.neurons?"),
        ({"iteration": 5}, "did you mean flatten.iterations?"),
        ({"learning_rate": 5}, "unknown key learning_rate"),
        ({"netwrok": {"maps": 3}}, "did you mean network?"),
        ({"network": {"neuron": 3}}, "did you mean network.neurons?"),
        ({"neurons": -5}, "network.neurons = -5 is not allowed; it is a whole number from 20 to 100000"),
        ({"neurons": 100.0}, "whole number"),
        ({"neurons": 10**30}, "too large"),
        ({"width": float("nan")}, "kernel.width = nan is not allowed"),
        ({"method": "konstrained"}, '"constrained"'),
        ({"maps": [3]}, "maps"),
        ({"width": 1j}, "is a complex"),
        ({"width": object()}, "is a object"),
        ({"network": 3}, "network"),
    ],
)
def test_errors_name_the_key_and_what_is_allowed(keys, said):
    with pytest.raises(fs.UsageError) as error:
        fs.Config(**keys)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_other_bad_sources():
    nest = []
    nest.append(nest)
    for source, said in [({3: 4}, "names are strings"), (7, "not a configuration"), ("nowhere.toml", "check the path")]:
        with pytest.raises(fs.UsageError, match=said):
            fs.Config(source)
    with pytest.raises(fs.UsageError, match="nested too deeply"):
        fs.Config(scan_maps=nest)
    with pytest.raises(fs.UsageError, match="did you mean network.neurons"):
        fs.Config()["network.neuron"]
    with pytest.raises(AttributeError, match="no key 'neuron'"):
        fs.Config().neuron


def test_pickles_and_a_configuration_from_a_newer_version():
    config = fs.Config(neurons=100, maps=2)
    assert pickle.loads(pickle.dumps(config)) == config
    restore, (version, text) = config.__reduce__()
    assert version == fs.__version__
    with pytest.raises(fs.DataError, match=r"unknown key flatten.warp.*pickled by flatscape 9.9, this is"):
        restore("9.9", text + "\n[flatten]\nwarp = 9\n" if "[flatten]" not in text else text.replace("[flatten]", "[flatten]\nwarp = 9"))


def test_describe_prints_every_key(capsys):
    fs.Config.describe()
    told = capsys.readouterr().out
    assert all(f"{name} = " in told for name, *_ in _flatscape.keys())
