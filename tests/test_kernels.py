"""The compiled kernels: as numpy's, one signature each, and at home anywhere."""

import os
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch import Tensor, functional, use_backend
from minitorch.backends import kernels, numba_backend
from minitorch.backends.numba_backend import NumbaBackend
from minitorch.backends.numpy_backend import NumpyBackend
from minitorch.models import lenet, mlp
from minitorch.optim import SGD, Adam
from minitorch.weird import Subspace
from minitorch.weird.subspace import PROJECTIONS

NUMPY, NUMBA = NumpyBackend(), NumbaBackend()
COMPILED = {
    name: kernel for name, kernel in vars(kernels).items() if hasattr(kernel, "py_func")
}

quick = settings(max_examples=25, derandomize=True, deadline=None, database=None)
sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)
flags = st.booleans()
shapes = st.lists(sizes, min_size=1, max_size=4).map(tuple)


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def same(got, want):
    """Compare results, or tuples of them, as closely as float32 adds up."""
    pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
    for one, other in pairs:
        if other is None:
            assert one is None
            continue
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        scale = max(1.0, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(one, other, rtol=0, atol=3e-6 * scale)


def both(name, *args):
    """Call a method of both back-ends and compare; give numpy's result."""
    want = getattr(NUMPY, name)(*args)
    same(getattr(NUMBA, name)(*args), want)
    return want


# ----------------------------------------------------------------------------
# Against the numpy back-end
# ----------------------------------------------------------------------------


@quick
@given(sizes, sizes, sizes, flags, flags, flags, seeds)
def test_linear(N, F, O, bias, relu, need_x, seed):
    x, w, b, grad = normal(seed, (N, F), (O, F), (O,), (N, O))
    y = both("linear", x, w, b if bias else None, relu)
    assert y.shape == grad.shape
    both("linear_grad", grad, x, w, need_x)


@pytest.mark.parametrize("block", [1, 200, numba_backend.BLOCK])
def test_conv2d(block, monkeypatch):
    """With blocks of one image, of a few (the last one shorter), and of all."""
    monkeypatch.setattr(numba_backend, "BLOCK", block)

    @quick
    @given(
        st.tuples(*[sizes] * 6),
        st.integers(1, 3),
        st.integers(0, 2),
        flags,
        flags,
        seeds,
    )
    def check(shape, stride, padding, bias, need_x, seed):
        N, C, O, k, H, W = shape
        H, W = H + k, W + k
        x, w, b = normal(seed, (N, C, H, W), (O, C, k, k), (O,))
        relu = bias
        y = both("conv2d", x, w, b if bias else None, stride, padding, relu)
        (grad,) = normal(seed + 1, y.shape)
        both("conv2d_grad", grad, x, w, stride, padding, need_x)

    check()


@quick
@given(st.integers(1, 3), sizes, sizes, sizes, st.integers(1, 20), seeds)
def test_max_pool2d(N, C, H, W, k, seed):
    (x,) = normal(seed, (N, C, H * k, W * k))
    x = x.round(1)  # with ties
    y, which = both("max_pool2d", x, k)
    both("max_pool2d_grad", y, which, k)


@pytest.mark.parametrize("block", [1, 200, numba_backend.BLOCK])
def test_conv_transpose2d(block, monkeypatch):
    monkeypatch.setattr(numba_backend, "BLOCK", block)

    @quick
    @given(st.tuples(*[sizes] * 6), st.integers(1, 3), flags, flags, seeds)
    def check(shape, stride, bias, need_x, seed):
        N, C, O, k, H, W = shape
        x, w, b = normal(seed, (N, C, H, W), (C, O, k, k), (O,))
        for padding in range((k + 1) // 2):
            numbers = stride, padding
            y = both("conv_transpose2d", x, w, b if bias else None, *numbers, bias)
            (grad,) = normal(seed + 1, y.shape)
            both("conv_transpose2d_grad", grad, x, w, *numbers, need_x)

    check()


@quick
@given(sizes, sizes, st.integers(0, 4), flags, flags, seeds)
def test_batch_norm(N, C, side, relu, own, seed):
    shape = (N, C, side, side + 1) if side else (N, C)
    x, grad, gamma, beta = normal(seed, shape, shape, (C,), (C,))
    x = x + np.float32(1000)  # a mean that one pass over float32 would not survive
    mean, var = both("moments", x)
    inverse = (var + np.float32(0.1)) ** -0.5
    both("batch_norm", x, mean, gamma * inverse, beta, relu)
    both("batch_norm_grad", grad, x, mean, inverse, gamma, own)


@quick
@given(shapes, seeds)
def test_add_relu(shape, seed):
    a, b, grad = normal(seed, shape, shape, shape)
    y = both("add_relu", a, b)
    both("relu_grad", grad, y)


@quick
@given(st.integers(1, 4), st.integers(1, 50), seeds)
def test_argsort(rows, n, seed):
    (x,) = normal(seed, (rows, n))
    x = (3 * x).round()  # with ties, and zeros of both signs
    x[:, 0] = np.random.default_rng(seed).choice([np.inf, -np.inf, 1e30])
    assert (NUMBA.argsort(x) == NUMPY.argsort(x)).all()


@quick
@given(sizes, st.integers(1, 12), sizes, seeds)
def test_csr_matmul(R, columns, N, seed):
    rng = np.random.default_rng(seed)
    r, c = np.nonzero(rng.random((R, columns)) < 0.6)
    indptr = np.searchsorted(r, np.arange(R + 1)).astype(np.int32)
    values, x, grad = normal(seed, (len(c),), (columns, N), (R, N))
    both("csr_matmul", values, indptr, c.astype(np.int32), x)
    both("csr_rmatmul", values, indptr, c.astype(np.int32), grad, columns)
    both("csr_values_grad", grad, indptr, c.astype(np.int32), x)


@quick
@given(sizes, sizes, seeds, st.sampled_from([1, 100, 1e30]))
def test_cross_entropy(N, K, seed, scale):
    (logits,) = normal(seed, (N, K))
    labels = np.random.default_rng(seed).integers(0, K, N)
    both("cross_entropy", logits * np.float32(scale), labels)


@quick
@given(st.integers(0, 50), st.sampled_from([0, 0.9]), flags, seeds)
def test_sgd_step(n, momentum, nesterov, seed):
    arrays = normal(seed, (n,), (n,), (n,))
    copies, decay = [a.copy() for a in arrays], 0.1 * (seed % 2)
    NUMPY.sgd_step(*arrays, 0.1, momentum, nesterov, decay)
    NUMBA.sgd_step(*copies, 0.1, momentum, nesterov, decay)
    same(tuple(copies), tuple(arrays))


@quick
@given(st.integers(0, 50), st.sampled_from([1, 2, 1000, 10**6]), seeds)
def test_adam_step(n, t, seed):
    theta, grad, m, v = normal(seed, (n,), (n,), (n,), (n,))
    arrays = [theta, grad, m, v * v]
    copies = [a.copy() for a in arrays]
    for engine, (theta, grad, *moments) in ((NUMPY, arrays), (NUMBA, copies)):
        how = (0.9, 0.999, 1e-8), t, 0.1 * (seed % 2)
        engine.adam_step(theta, grad, moments, 0.1, *how)
    same(tuple(copies), tuple(arrays))


@quick
@given(st.integers(0, 50), st.sampled_from([0.9, 0.99]), seeds)
def test_rmsprop_step(n, rho, seed):
    theta, grad, v = normal(seed, (n,), (n,), (n,))
    arrays = theta, grad, v * v
    copies, before = tuple(a.copy() for a in arrays), grad.copy()
    NUMPY.rmsprop_step(*arrays, 0.1, rho, 1e-8)
    NUMBA.rmsprop_step(*copies, 0.1, rho, 1e-8)
    same(copies, arrays)
    assert (copies[1] == before).all()


def test_rmsprop_runs_compiled(monkeypatch):
    monkeypatch.setattr(NumpyBackend, "rmsprop_step", None)
    NUMBA.rmsprop_step(*normal(0, (3,), (3,), (3,)), 0.1, 0.9, 1e-8)


@quick
@given(st.integers(0, 9), sizes, seeds)
def test_fwht(log, m, seed):
    (x,) = normal(seed, (2**log, m))
    before = x.copy()
    both("fwht", x)
    assert (x == before).all()


@quick
@given(st.integers(0, 100), seeds)
def test_gather_and_scatter(n, seed):
    x, y, scale = normal(seed, (n,), (n,), (n,))
    places = np.random.default_rng(seed).permutation(n).astype(np.int32)
    there = both("gather", x, places, scale)
    back = both("scatter", y, places, scale)
    np.testing.assert_allclose(there @ y, x @ back, rtol=1e-4, atol=1e-4)


# ----------------------------------------------------------------------------
# One signature each
# ----------------------------------------------------------------------------


def train_everything():
    """Run every kernel as the course does; give the loss of each training."""
    x, padded = normal(0, (4, 1, 28, 28), (4, 2, 5, 5))
    y = np.arange(4)
    losses = []
    nets = [(lenet(), None), (mlp(784, 30, 10), None)]
    nets += [(mlp(784, 30, 10), projection) for projection in PROJECTIONS]
    for net, projection in nets:
        g = Subspace(net, 40, projection=projection) if projection else None
        start = g.init(0) if g else net.init(0)
        for optimiser in (SGD, Adam):
            phi = Tensor(start, requires_grad=True)
            mover = optimiser(phi, 0.01)
            for _ in range(2):
                loss = functional.cross_entropy(net(g(phi) if g else phi, x), y)
                loss.backward()
                mover.step()
            losses.append(loss.item())
    w = Tensor(normal(1, (3, 2, 3, 3))[0], requires_grad=True)
    padding = functional.conv2d(
        Tensor(padded, requires_grad=True), w, padding=1, stride=2
    )
    padding.sum().backward()
    image = Tensor(padded, requires_grad=True)
    stamped = functional.conv_transpose2d(image, np.ones((2, 2, 2, 2), np.float32))
    normed, _ = functional.batch_norm(stamped, np.ones(2, np.float32), relu=True)
    rest = functional.add_relu(normed, stamped).reshape(-1, 6)
    functional.csr_matmul(padded[0, 0, 0, :2], [0, 1, 2], [0, 0], rest, len(rest))
    made = functional.csr_matmul(rest[:4, 0] * 1, [0, 2, 4], [0, 1, 0, 1], rest[:2], 2)
    (made * made).sum().backward()
    losses.append(made.sum().item())
    return losses


def odd_arrays():
    """Yield x (4, 6) in every form but the one that kernels take, and w, b."""
    x, w, b = normal(0, (4, 6), (3, 6), (3,))
    frozen = x.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(bytearray(b"\0" + x.tobytes()), np.float32, offset=1)
    yield x.astype(np.float64), w.astype(np.float64), b.astype(np.float64)
    for odd in (x.T.copy().T, np.repeat(x, 2, 1)[:, ::2], frozen, x[::-1][::-1]):
        yield odd, w, b
    yield unaligned.reshape(4, 6), w, b


def test_odd_arrays_take_the_numpy_path():
    for x, w, b in odd_arrays():
        y = both("linear", x, w, b, True)
        both("linear_grad", y, x, w, True)
        both("cross_entropy", x, np.zeros(4, int))
        both("fwht", x)
        image, window = x.reshape(1, 1, 4, 6), w[:, :4].reshape(3, 1, 2, 2)
        out = both("conv2d", image, window, b, 1, 1, False)
        both("conv2d_grad", out, image, window, 1, 1, True)
        pooled, which = both("max_pool2d", image, 2)
        both("max_pool2d_grad", pooled[..., ::-1], which, 2)
        pattern = np.arange(0, 7, 2, dtype=np.int32), np.zeros(6, np.int32)
        both("csr_rmatmul", w[:, :2].ravel(), *pattern, b[:, None], 9)
        both("gather", x.ravel(), np.arange(24, dtype=np.int32), x.ravel())


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8, np.uint8, ">i4"])
def test_labels_of_any_whole_type(kind):
    (logits,) = normal(0, (4, 3))
    labels = np.array([0, 2, 1, 2])
    want = NUMPY.cross_entropy(logits, labels)
    odd = np.repeat(labels.astype(kind), 2)[::2]
    odd.flags.writeable = False
    same(NUMBA.cross_entropy(logits, odd), want)


def test_each_kernel_has_one_signature():
    """Whatever ran before, in this file and in any other."""
    with use_backend("numba"):
        train_everything()
    test_odd_arrays_take_the_numpy_path()
    test_labels_of_any_whole_type(np.int32)
    counts = {name: len(kernel.signatures) for name, kernel in COMPILED.items()}
    assert counts == dict.fromkeys(COMPILED, 1)
    assert 10 <= len(COMPILED) <= 20


def test_backends_train_alike():
    losses = []
    for name in ("numpy", "numba"):
        with use_backend(name):
            losses.append(train_everything())
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_kernels_run_in_threads():
    with use_backend("numba"):
        want = train_everything()
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: train_everything(), range(4)))
    assert results == [want] * 4


# ----------------------------------------------------------------------------
# In another process, where something is missing
# ----------------------------------------------------------------------------

TINY = """
    import numpy as np
    from minitorch import Tensor, functional
    from minitorch.models import mlp
    from minitorch.optim import Adam
    from minitorch.weird import Subspace

    def train():
        g = Subspace(mlp(4, 3, 2), d=5)
        phi = Tensor(g.init(0), requires_grad=True)
        mover = Adam(phi, 0.1)
        x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)
        for _ in range(5):
            loss = functional.cross_entropy(g.net(g(phi), x), np.arange(6) % 2)
            loss.backward()
            mover.step()
        return loss.item()
"""


def tiny(rest, folder=None, **variables):
    """Run the small training and more in a fresh process; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TINY) + textwrap.dedent(rest)],
        cwd=folder,
        env={**os.environ, "MINITORCH_NUMBA": "1", **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def expected():
    scope: dict = {}
    exec(textwrap.dedent(TINY), scope)
    return scope["train"]()


def test_kernels_are_plain_python():
    (loss,) = tiny("print(train())", NUMBA_DISABLE_JIT="1")
    assert float(loss) == pytest.approx(expected(), rel=1e-5)


def test_every_kernel_is_plain_python():
    """Bounds are tested here, which compiled code leaves out."""
    code = """
        from minitorch.backends import kernels
        from minitorch.backends.numba_backend import NumbaBackend
        from minitorch.backends.numpy_backend import NumpyBackend
        from minitorch.models import lenet
        from minitorch import use_backend

        assert not hasattr(kernels.fwht, "signatures")
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, 2, 6, 4)).astype(np.float32)
        w = rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
        b = rng.normal(size=3).astype(np.float32)
        results = []
        for backend in (NumpyBackend(), NumbaBackend()):
            y = backend.conv2d(x, w, b, 2, 1, True)
            dx, dw, db = backend.conv2d_grad(y, x, w, 2, 1, True)
            pooled, which = backend.max_pool2d(x, 2)
            back = backend.max_pool2d_grad(pooled, which, 2)
            values, places = w.ravel()[:6], np.array([0, 7, 1, 2, 3, 9], np.int32)
            pattern = np.arange(0, 7, 2, dtype=np.int32), places
            theta = backend.csr_rmatmul(values, *pattern, b[:, None], 10)
            d = backend.csr_matmul(values, *pattern, theta)
            results.append([y, dx, dw, db, pooled, back, theta, d])
        for one, other in zip(*results):
            np.testing.assert_allclose(one, other, atol=1e-5)
        print("same")
    """
    assert tiny(code, NUMBA_DISABLE_JIT="1") == ["same"]


SAY_CACHE = """
    from minitorch.backends import kernels
    print(train(), type(kernels.row_bias_act._cache).__name__, kernels.__file__)
"""


@pytest.fixture
def copied(tmp_path):
    """A copy of the package that nothing can be written beside."""
    package = Path(minitorch.__file__).parent
    copy = tmp_path / "minitorch"
    for path in package.rglob("*.py"):
        target = copy / path.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (copy / "backends" / "__pycache__").write_text("a file where a folder should be")
    return tmp_path


def test_kernels_run_where_nothing_can_be_written(copied):
    home = str(copied / "minitorch" / "ops.py" / "home")  # beneath a file
    places = {"HOME": home, "USERPROFILE": home, "LOCALAPPDATA": home}
    loss, cache, file = tiny(
        SAY_CACHE,
        folder=copied,
        **places,
        XDG_CACHE_HOME=home,
        NUMBA_CACHE_DIR="",
        PYTHONPATH=str(copied),
    )
    assert Path(file).is_relative_to(copied)
    assert cache == "NullCache"
    assert float(loss) == pytest.approx(expected(), rel=1e-5)


def test_kernels_run_where_the_disk_is_full(tmp_path):
    resource = pytest.importorskip("resource", reason="no limit on files to set here")
    code = """
        import resource, signal
        from minitorch.backends import backend
        backend()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))  # bytes in a file
        print(train())
    """
    assert resource
    (loss,) = tiny(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert float(loss) == pytest.approx(expected(), rel=1e-5)
    assert all(path.stat().st_size <= 64 for path in tmp_path.rglob("*.nb*"))


def test_kernels_run_with_a_damaged_cache(tmp_path):
    one_kernel = """
        x = np.ones((2, 3), np.float32)
        print(functional.linear(x, x, x[0, :2], relu=True).data.sum())
    """
    assert tiny(one_kernel, NUMBA_CACHE_DIR=str(tmp_path)) == ["16.0"]
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    for index in indices:
        index.write_bytes(index.read_bytes()[:20])
    assert tiny(one_kernel, NUMBA_CACHE_DIR=str(tmp_path)) == ["16.0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_kernels_run_in_a_forked_child():
    code = """
        import os
        want = train()
        child = os.fork()
        if child == 0:
            os._exit(0 if train() == want else 7)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))
    """
    assert tiny(code) == ["0"]


def test_everything_runs_without_numba():
    code = """
        import sys
        from minitorch import backend
        print(train(), backend().name, "numba" in sys.modules)
    """
    loss, name, loaded = tiny(code, MINITORCH_NUMBA="0")
    assert (name, loaded) == ("numpy", "False")
    assert float(loss) == pytest.approx(expected(), rel=1e-5)


def test_numba_may_be_absent_or_refuse(tmp_path):
    code = """
        import warnings
        from minitorch import backend, use_backend
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            name = backend().name
        try:
            use_backend("numba")
        except ImportError as error:
            print(name, len(said), *said[:1], type(error).__name__, backend().name)
    """
    fake = tmp_path / "numba"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise ModuleNotFoundError('no numba here')")
    got = tiny(code, folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert got == ["numpy", "0", "ModuleNotFoundError", "numpy"]
    (fake / "__init__.py").write_text("raise ImportError('Numba needs another NumPy')")
    got = " ".join(tiny(code, folder=tmp_path, PYTHONPATH=str(tmp_path)))
    assert got.startswith("numpy 1 ") and got.endswith(" ImportError numpy")
    assert "slow without numba, which says: Numba needs another NumPy" in got


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="no back-end 'cupy'; there are numpy, numba"):
        use_backend("cupy")


def test_use_backend_gives_the_former_one_back():
    before = minitorch.backend().name
    with use_backend("numpy"):
        with use_backend("numba") as inner:
            assert inner.name == "numba"
        assert minitorch.backend().name == "numpy"
    assert minitorch.backend().name == before
