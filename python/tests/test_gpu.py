"""A GPU, or a driver in software that behaves as one. `FLATSCAPE_REQUIRE_GPU` makes a missing one a failure."""

import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import SMALL

import flatscape as fs


@pytest.fixture(scope="module")
def gpu():
    try:
        return fs.device("gpu")
    except fs.DeviceError as error:
        if os.environ.get("FLATSCAPE_REQUIRE_GPU"):
            raise
        pytest.skip(f"no GPU: {error}")


def test_a_gpu_flattens_as_the_cpu_does(gpu, network, run):
    assert "asked for, passed its self-test" in gpu
    there = network.flatten(backend="gpu")
    # Energies are f64 on either; the search for minima begins with f32 on a GPU and may find another one here and there.
    off = np.abs(there.energies[0] - run.energies[0]) > 1e-9 * np.abs(run.energies[0])
    assert off.mean() < 0.02
    # f32 through 200 contracting steps of rates up to 40 Hz.
    start = network.bump([0, 1], [[10], [20]])
    np.testing.assert_allclose(
        network.simulate(start, 40.0, backend="gpu"), network.simulate(start, 40.0, backend="cpu"), atol=1e-2
    )


def test_auto_takes_what_it_takes_in_a_process_without_a_gpu(gpu):
    code = "import flatscape as fs; print(fs.device('auto'))"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert fs.device("auto") == alone.stdout.strip()


def in_a_child(backend):
    try:
        return fs.Network(**SMALL).flatten(backend=backend).records.rows
    except fs.DeviceError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_gpu_that_the_parent_has_opened_is_refused_after_a_fork(gpu):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        refused, done = pool.map_async(in_a_child, ["gpu", "cpu"]).get(timeout=60)
    assert "forked" in refused and "spawn" in refused and 'backend="cpu"' in refused
    assert done == 3
