"""All back-ends: one interface, the same training, and no silent mixing."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, backend, functional, ops, use_backend
from minitorch.backends.numpy_backend import NumpyBackend
from minitorch.models import lenet, mlp
from minitorch.nn import Layout, Network
from minitorch.optim import SGD, Adam

ROOT = Path(__file__).parents[1]
every = pytest.mark.parametrize("engine", BACKENDS)
with_torch = pytest.mark.skipif("torch" not in BACKENDS, reason="torch is not there")
with_gpu = pytest.mark.skipif("cuda" not in BACKENDS, reason="no GPU here")


def public(cls):
    return {name for name in vars(cls) if not name.startswith("_")}


@with_torch
def test_torch_replaces_every_method():
    """What it inherited would run on numpy's arrays."""
    from minitorch.backends.torch_backend import TorchBackend

    assert public(NumpyBackend) - {"looks"} <= public(TorchBackend)
    for name in public(NumpyBackend) & public(TorchBackend):
        ours, theirs = getattr(NumpyBackend, name), getattr(TorchBackend, name)
        plain = inspect.isfunction(ours) and inspect.isfunction(theirs)
        if plain and name not in ("maximum",) and ours.__module__.startswith("mini"):
            want = list(inspect.signature(ours).parameters)
            assert list(inspect.signature(theirs).parameters) == want, name


# ----------------------------------------------------------------------------
# The same training, step by step
# ----------------------------------------------------------------------------


def normed():
    """Everything that the other two leave out, smooth enough to compare."""
    shapes = {
        "conv.weight": (4, 1, 3, 3),
        "norm.gamma": (4,),
        "norm.beta": (4,),
        "up.weight": (4, 2, 2, 2),
        "rows.gamma": (72,),
        "rows.beta": (72,),
        "last.weight": (10, 72),
    }

    def forward(w, x, mode):
        x = functional.conv2d(x.reshape(-1, 1, 28, 28), w["conv.weight"], stride=6)
        x = ops.tanh(mode.batch_norm("norm", x, w))  # (N, 4, 5, 5)
        x = functional.conv_transpose2d(x[:, :, :3, :3], w["up.weight"], stride=2)
        x = functional.layer_norm(
            x.reshape(len(x), -1), w["rows.gamma"], w["rows.beta"]
        )
        x = functional.dropout(x, 0.2, mode.rng)
        return functional.linear(x, w["last.weight"])

    return Network("normed", Layout(shapes), forward)


def run(net, optimiser, dtype, steps=5):
    """Train on noise; give every loss, every gradient, theta and the statistics."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 784)).astype(dtype), rng.integers(0, 10, 32)
    start = net.init(0)
    for name, piece in net.layout.views(start).items():
        piece += name.endswith("gamma") or name.startswith("never")
    phi = Tensor(start.astype(dtype), requires_grad=True)
    mover, state, seen = optimiser(phi, 1e-2), None, []
    for _ in range(steps):
        logits, state = net(phi, x, state=state, train=True, rng=rng)
        loss = functional.cross_entropy(logits, y)
        loss.backward()
        seen += [loss.item(), backend().to_numpy(phi.grad).copy()]
        mover.step()
    for statistics in (state or {}).values():
        seen += [backend().to_numpy(part) for part in statistics]
    return [*seen, phi.numpy().copy()]


@every
@pytest.mark.parametrize("net", [mlp(784, 30, 20, 10), lenet(), normed()], ids=repr)
@pytest.mark.parametrize("optimiser", [SGD, Adam])
@pytest.mark.parametrize("dtype, close", [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_training_agrees_with_numpys(engine, net, optimiser, dtype, close):
    with use("numpy"):
        want = run(net, optimiser, dtype)
    with use(engine):
        got = run(net, optimiser, dtype)
    for one, other in zip(got, want, strict=True):
        scale = np.abs(other).max(initial=1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=close * scale)


@every
def test_the_same_seed_gives_the_same_bytes(engine):
    with use(engine):
        first, second = (run(lenet(), Adam, np.float32)[-1] for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.skipif("numba" not in BACKENDS, reason="numba is not there")
def test_threads_share_the_images_and_change_nothing_else():
    want = run(lenet(), SGD, np.float32)
    for threads in (2, 3):
        with use_backend("numba", threads=threads):
            got = run(lenet(), SGD, np.float32)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


# ----------------------------------------------------------------------------
# No silent mixing
# ----------------------------------------------------------------------------


@with_torch
@pytest.mark.parametrize(
    "mixed",
    [
        lambda old, new: ops.exp(old),
        lambda old, new: old + 1.0,
        lambda old, new: functional.linear(old, new),
        lambda old, new: ops.concat([new, old]),
    ],
)
def test_arrays_of_two_backends_do_not_mix(mixed):
    for first, second in (("numpy", "torch"), ("torch", "numpy")):
        with use(first):
            old = Tensor(np.ones((2, 2), np.float32), requires_grad=True)
        with use(second):
            new = Tensor(np.ones((2, 2), np.float32), requires_grad=True)
            with pytest.raises(TypeError, match=f"but the {second} back-end is in use"):
                mixed(old, new)


@with_torch
def test_a_foreign_array_is_refused_by_numpy():
    import torch

    with use("numpy"), pytest.raises(TypeError, match=r"torch; give it .numpy\(\)"):
        Tensor(torch.ones(2))


@every
@pytest.mark.parametrize("values, got", [([1.0, 0.0], "-inf"), ([1.0, -1.0], "nan")])
def test_a_loss_that_is_not_finite_names_where_it_began(engine, values, got):
    with use(engine), np.errstate(all="ignore"):
        x = Tensor(values, requires_grad=True)
        loss = (2 * ops.log(x + 0.0)).sum()
        with pytest.raises(FloatingPointError) as error:
            loss.backward()
    want = f"backward() on {got}: it began in 'log' (2,), whose inputs (2,) were finite"
    assert str(error.value) == want


@every
def test_a_loss_that_reads_a_bad_constant_says_so(engine):
    with use(engine):
        x = Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(FloatingPointError, match=r"read a constant \(2,\)"):
            (x * np.array([1, np.inf], np.float32)).sum().backward()


# ----------------------------------------------------------------------------
# A GPU
# ----------------------------------------------------------------------------


@with_torch
@pytest.mark.skipif("cuda" in BACKENDS, reason="there is a GPU")
def test_a_missing_gpu_is_named():
    with pytest.raises(RuntimeError, match="no GPU that this torch can use"):
        use_backend("torch", device="cuda")
    with use("torch") as engine, pytest.raises(RuntimeError, match="only a GPU"):
        engine.capture(lambda: None)


@with_torch
def test_statistics_stay_in_place_where_a_step_may_be_captured(monkeypatch):
    x = np.random.default_rng(0).normal(size=(8, 784)).astype(np.float32)
    with use("torch") as engine:
        ends = []
        for looks in (True, False):
            monkeypatch.setattr(engine, "looks", looks)
            net, state = normed(), None
            for _ in range(3):
                before = state
                rng = np.random.default_rng(0)
                _, state = net(net.init(0), x, state=state, train=True, rng=rng)
            assert (before["norm"][0] is state["norm"][0]) is not looks
            ends.append([part.numpy() for part in state["norm"]])
        np.testing.assert_allclose(*ends)


@with_gpu
def test_a_captured_step_trains_as_an_eager_one():
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(4, 16, 784)).astype(np.float32),
        rng.integers(0, 10, (4, 16)),
    )
    net, ends = mlp(784, 30, 10), []
    with use("cuda") as engine:
        for captured in (False, True):
            phi = Tensor(net.init(0), requires_grad=True)
            mover = Adam(phi, 1e-2)

            def step(x, y, phi=phi, mover=mover):
                loss = functional.cross_entropy(net(phi, x), y)
                loss.backward()
                mover.step()
                return loss

            batches = [
                tuple(map(engine.asarray, pair)) for pair in zip(x, y, strict=True)
            ]
            if captured:
                step = engine.capture(step, *batches[0])  # which runs it three times
            else:
                [step(*batches[0]) for _ in range(3)]
            for lr, batch in zip((1e-2, 1e-3, 1e-4, 0.1), batches, strict=True):
                mover.lr = lr
                step(*batch)
            ends.append(phi.numpy())
    np.testing.assert_allclose(*ends, atol=1e-5)


# ----------------------------------------------------------------------------
# Without numba, without torch
# ----------------------------------------------------------------------------

WITHOUT = """
    import sys
    sys.modules["torch"] = None  # as if it were not installed
    sys.modules["numba"] = None
    import pytest
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
ALONE = ["tensor", "ops", "gradients", "edges", "nn", "init", "rnn"]
ALONE += ["random", "schedules", "files", "train", "weird_subspace"]


def test_the_engine_passes_without_numba_and_torch():
    files = [f"tests/test_{name}.py" for name in ALONE]
    modules = [f"minitorch/{name}.py" for name in ("tensor", "ops", "functional", "nn")]
    code = "\n".join(line.strip() for line in WITHOUT.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code, *files, *modules],
        cwd=ROOT,
        env={**os.environ, "MINITORCH_NUMBA": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
