"""Examples: typed, run, and what they lead to."""

import concurrent.futures
import importlib.util
import multiprocessing
import re
import subprocess
import sys
import warnings

import nbformat
import numpy as np
import pytest
from conftest import ROOT

import flatscape as fs

EXAMPLES = ROOT / "python/examples"
SCRIPTS = sorted(EXAMPLES.glob("[0-9]*.py"))

with warnings.catch_warnings():
    # Modules that the notebooks' kernel brings are older than the interpreter's rules.
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(EXAMPLES))
    import make


def test_the_package_and_its_examples_are_typed(tmp_path):
    # The package as it is installed, as a user's type checker sees it.
    settings = ["--config-file", str(ROOT / "python/pyproject.toml"), "--cache-dir", str(tmp_path)]
    for what in (["-p", "flatscape"], [str(script) for script in SCRIPTS]):
        command = [sys.executable, "-m", "mypy", *settings, *what]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_argument_is_found_by_the_type_checker(tmp_path):
    (tmp_path / "wrong.py").write_text("import flatscape as fs\nfs.Network(maps=2).flatten(iterations='five')\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), str(tmp_path / "wrong.py")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and 'incompatible type "str"' in done.stdout, done.stdout


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_notebooks_run_and_their_results_are_kept(script):
    kept = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    made = make.cells(script.read_text())
    assert [cell.source for cell in kept.cells] == [cell.source for cell in made], "run python/examples/make.py"
    again = make.make(script)
    for cell in [*again.cells, *kept.cells]:
        for output in cell.get("outputs", []):
            assert output.output_type != "error" and output.get("name") != "stderr", output
    pictures = [o for c in kept.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    assert pictures and script.with_suffix(".ipynb").stat().st_size < 300_000


def test_the_block_of_the_readme_runs(tmp_path, monkeypatch):
    readme = (ROOT / "README.md").read_text()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "import flatscape" in block]
    assert len(blocks) == 1
    monkeypatch.chdir(tmp_path)
    # The paper's network would take its time; the words are the same for a small one.
    code = blocks[0].replace("neurons=600, maps=10", "neurons=120, maps=3").replace("progress=True", "progress=False")
    exec(compile(code, "README.md", "exec"), {})
    assert fs.load(tmp_path / "runs/from-python").network.neurons == 120


def test_pictures_are_drawn(network, run):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    torus = fs.Network(maps=[{"shape": "torus", "count": 2, "sides": [12, 12]}], iterations=0).flatten()
    for axes in (
        fs.plot.landscape(run, map=1),
        fs.plot.landscape(torus),
        fs.plot.roughness(run),
        fs.plot.drift(network.measure(20), run.measure(20), labels=["before", "after"]),
        fs.plot.rates(network, run.minima.rates(0)[3]),
        fs.plot.rates(torus.network, torus.minima.rates(0)[3]),
    ):
        axes.figure.canvas.draw()
        assert axes.get_xlabel() and axes.get_ylabel()
        matplotlib.pyplot.close(axes.figure)
    with pytest.raises(fs.UsageError, match="maps 0 to 1"):
        fs.plot.landscape(run, map=2)
    with pytest.raises(fs.UsageError, match="measure"):
        fs.plot.drift()


def follow(step, current, steps):
    for _ in range(steps):
        current = step(current)
    return step.rates(current)


def test_the_step_in_numpy_is_the_dynamics(network, run):
    start = network.bump([0, 1], [[10], [20]])
    rates = follow(fs.adapters.numpy_step(run), start, 50)
    np.testing.assert_allclose(rates, run.simulate(start, 10.0)[:, 0], atol=1e-9)
    cued = fs.adapters.numpy_step(network)(start, cue=5.0) - fs.adapters.numpy_step(network)(start)
    np.testing.assert_allclose(cued, 5.0 * 0.2 / 15, atol=1e-9)


def in_jax(run, start):
    """Rates after 50 steps, and a gradient. JAX has threads of its own, which a process that forks later must not have."""
    import jax

    jax.config.update("jax_enable_x64", True)
    step = fs.adapters.jax_step(run)
    gradient = jax.grad(lambda current: step.rates(step(current)).sum())(jax.numpy.asarray(start))
    return np.asarray(follow(step, start, 50)), np.asarray(gradient)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_the_step_in_jax_is_the_dynamics_and_has_a_gradient(network, run):
    start = network.bump([0, 1], [[10], [20]])
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        rates, gradient = pool.submit(in_jax, run, start).result(timeout=120)
    np.testing.assert_allclose(rates, run.simulate(start, 10.0)[:, 0], atol=1e-9)
    assert np.isfinite(gradient).all() and (gradient != 0).any()


@pytest.mark.filterwarnings("ignore")
def test_the_step_in_pytorch_is_the_dynamics_and_has_a_gradient(network, run):
    torch = pytest.importorskip("torch")
    start = torch.tensor(network.bump([0, 1], [[10], [20]]), requires_grad=True)
    step = fs.adapters.torch_step(run)
    rates = follow(step, start, 50)
    np.testing.assert_allclose(rates.detach(), run.simulate(start.detach().numpy(), 10.0)[:, 0], atol=1e-9)
    rates.sum().backward()
    assert torch.isfinite(start.grad).all() and (start.grad != 0).any()
