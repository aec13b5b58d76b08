"""What the tests share. `FLATSCAPE_PROGRAM` is the program that results are compared with."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import flatscape as fs

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"neurons": 120, "maps": 2, "iterations": 2, "duration_ms": 40.0}


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory):
    """What is kept from one start to the next goes where the tests go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(scope="session")
def network():
    return fs.Network(**SMALL)


@pytest.fixture(scope="session")
def run(network):
    return network.flatten()


@pytest.fixture
def program():
    """Runs the program; a machine without it fails these tests rather than skip them."""
    path = os.environ.get("FLATSCAPE_PROGRAM", str(ROOT / "target/debug/flatscape"))

    def call(*arguments):
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="session")
def golden():
    """Arrays of the independent implementation; tests/golden/README.md says what they are."""
    with np.load(ROOT / "tests/golden/ring200_3.npz") as arrays:
        return dict(arrays)
