"""Every operation against torch: values and gradients, over random shapes.

Inputs and arriving gradients are multiples of a quarter. So sums and products
are exact in float32 whatever their order, ties and zeros come up often, and
both sides must treat a kink alike: no comparison hangs on a rounding error.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minitorch import Tensor, functional, ops, use_backend
from minitorch.gradcheck import gradcheck

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14}  # of the largest value


def agree(cases, ours, theirs, *, positive=False):
    """Compare an operation with torch's, on every back-end, type and layout.

    cases: a strategy for (shapes of the inputs, keyword arguments).
    ours, theirs: take the inputs as tensors, and the keyword arguments.
    positive: keep the inputs above zero.
    """

    @settings(max_examples=20, derandomize=True, deadline=None, database=None)
    @given(cases, st.integers(0, 2**32 - 1))
    def compare(case, seed):
        shapes, kwargs = case
        rng = np.random.default_rng(seed)
        inputs = [quarters(rng, shape, positive) for shape in shapes]
        for dtype, tolerance in TOLERANCE.items():
            arrays = [a.astype(dtype) for a in inputs]
            leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
            out = theirs(*leaves, **kwargs)
            grad = quarters(rng, tuple(out.shape)).astype(dtype)
            out.backward(torch.tensor(grad))
            want = [out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]
            for backend in ("numpy", "numba"):
                for run in (plain, strided):
                    with use_backend(backend):
                        got = run(ours, arrays, kwargs, grad)
                    for one, other in zip(got, want, strict=True):
                        close(one, other, dtype, tolerance)

    compare()


def quarters(rng, shape, positive=False):
    low = 1 if positive else -8
    return np.asarray(rng.integers(low, 9, shape) / 4)


def plain(ours, arrays, kwargs, grad):
    """Give the result and the gradients, of contiguous inputs."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    out = ours(*leaves, **kwargs)
    out.backward(grad)
    return [out.numpy(), *(leaf.grad for leaf in leaves)]


def strided(ours, arrays, kwargs, grad):
    """Give the result and the gradients, of every second number of a leaf."""
    leaves = [Tensor(np.stack([a, a + 1], -1), requires_grad=True) for a in arrays]
    out = ours(*(leaf[..., 0] for leaf in leaves), **kwargs)
    out.backward(grad)
    assert not any(leaf.grad[..., 1].any() for leaf in leaves)
    return [out.numpy(), *(leaf.grad[..., 0] for leaf in leaves)]


def close(got, want, dtype, tolerance):
    assert got.dtype == dtype
    assert got.shape == want.shape
    largest = max(1.0, np.abs(want).max(initial=0.0))
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * largest)


# ----------------------------------------------------------------------------
# Strategies for (shapes, keyword arguments)
# ----------------------------------------------------------------------------

sizes = st.integers(1, 5)
shapes = st.lists(sizes, max_size=4).map(tuple)


def cases(draw_case):
    return st.composite(lambda draw: draw_case(draw))()


@cases
def one(draw):
    return [draw(shapes)], {}


@cases
def two(draw):
    """Two shapes that broadcast: axes missing or of length one in either."""
    full = draw(shapes)

    def shrunk():
        shape = [draw(st.sampled_from([1, n])) for n in full]
        return tuple(shape[draw(st.integers(0, len(full))) :])

    first = full if draw(st.booleans()) else shrunk()
    return draw(st.permutations([first, shrunk()])), {}


@cases
def reduction(draw):
    shape = draw(shapes)
    n = len(shape)
    some = st.lists(st.integers(0, n - 1), min_size=1, unique=True) if n else st.none()
    axis = draw(st.one_of(st.none(), some))
    if axis is not None:
        axis = [a - n if draw(st.booleans()) else a for a in axis]  # from the end
        axis = axis[0] if len(axis) == 1 else tuple(axis)
    return [shape], {"axis": axis, "keepdims": draw(st.booleans())}


@cases
def reshaping(draw):
    shape = draw(shapes)
    new = draw(st.permutations(shape))
    if new and draw(st.booleans()):
        new[draw(st.integers(0, len(new) - 1))] = -1
    return [shape], {"shape": tuple(new)}


@cases
def permutation(draw):
    shape = draw(shapes)
    n = len(shape)
    axes = draw(st.permutations(range(n)))
    return [shape], {"axes": tuple(a - n if draw(st.booleans()) else a for a in axes)}


@cases
def indexing(draw):
    index = draw(
        st.sampled_from(
            [
                0,
                -1,
                slice(1, 4),
                slice(None, None, 3),
                (slice(None), 2),
                (1, 2, 0),
                ...,
                (..., 1),
                (None, 2),
                [0, 0, 3, 0],
                (slice(None), [4, 4]),
                ([0, 0, 3], [1, 1, 2]),
                ([0, 2], slice(1, 3), [1, 1]),
                np.array([[1, 1], [0, 3]]),
                np.array([True, False, True, True]),
            ]
        )
    )
    return [(4, 5, 3)], {"index": index}


@cases
def product(draw):
    n, k, m = draw(sizes), draw(sizes), draw(sizes)
    kind = draw(st.sampled_from(["matrices", "batch", "vector", "vectors"]))
    if kind == "vector":
        return draw(st.sampled_from([[(n, k), (k,)], [(k,), (k, m)]])), {}
    if kind == "vectors":
        return [(k,), (k,)], {}
    (left, right), _ = draw(two) if kind == "batch" else (((), ()), {})
    return [(*left, n, k), (*right, k, m)], {}


@cases
def dense(draw):
    N, F_, O = draw(sizes), draw(sizes), draw(sizes)
    bias = [(O,)] if draw(st.booleans()) else []
    return [(N, F_), (O, F_), *bias], {"relu": draw(st.booleans())}


@cases
def convolution(draw):
    N, C, O, k = (draw(st.integers(1, 4)) for _ in range(4))
    stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    H, W = (max(1, k - 2 * padding + draw(st.integers(0, 6))) for _ in range(2))
    bias = [(O,)] if draw(st.booleans()) else []
    numbers = {"stride": stride, "padding": padding, "relu": draw(st.booleans())}
    return [(N, C, H, W), (O, C, k, k), *bias], numbers


@cases
def pooling(draw):
    k = draw(st.integers(1, 4))
    N, C, H, W = draw(sizes), draw(sizes), draw(sizes), draw(sizes)
    return [(N, C, H * k, W * k)], {"k": k}


@cases
def along_an_axis(draw):
    shape = draw(shapes.filter(len))
    return [shape], {"axis": draw(st.integers(-len(shape), len(shape) - 1))}


@cases
def classes(draw):
    N, K = draw(sizes), draw(sizes)
    labels = draw(st.lists(st.integers(0, K - 1), min_size=N, max_size=N))
    kind = draw(st.sampled_from([np.int64, np.int32, np.uint8]))
    return [(N, K)], {"labels": np.array(labels, kind)}


# ----------------------------------------------------------------------------
# Torch's side, where it is called otherwise
# ----------------------------------------------------------------------------


def torch_reduction(name):
    def reduce(x, axis, keepdims):
        dim = tuple(range(x.ndim)) if axis is None else axis
        return getattr(x, name)(dim=dim, keepdim=keepdims)

    return reduce


def torch_permute(x, axes):
    return x.permute(axes)


def torch_linear(x, w, b=None, relu=False):
    return F.relu(F.linear(x, w, b)) if relu else F.linear(x, w, b)


def torch_conv2d(x, w, b=None, stride=1, padding=0, relu=False):
    y = F.conv2d(x, w, b, stride, padding)
    return F.relu(y) if relu else y


def torch_index(x, index):
    return x[index]


def torch_log_softmax(x, axis):
    return F.log_softmax(x, axis)


def torch_cross_entropy(x, labels):
    return F.cross_entropy(x, torch.tensor(labels.astype(np.int64)))


triple = ops.custom("triple", lambda x: 3 * x, lambda grad: 3 * grad)


# ----------------------------------------------------------------------------
# One line an operation
# ----------------------------------------------------------------------------


# fmt: off
def test_add(): agree(two, ops.add, torch.add)
def test_subtract(): agree(two, ops.subtract, torch.subtract)
def test_multiply(): agree(two, ops.multiply, torch.multiply)
def test_divide(): agree(two, ops.divide, torch.divide, positive=True)
def test_maximum(): agree(two, ops.maximum, torch.maximum)
def test_negative(): agree(one, ops.negative, torch.negative)
def test_square(): agree(one, lambda x: x**2, lambda x: x**2)
def test_cube(): agree(one, lambda x: x**3, lambda x: x**3)
def test_power_0(): agree(one, lambda x: x**0, lambda x: x**0)
def test_power_1(): agree(one, lambda x: x**1.0, lambda x: x**1.0)
def test_power_half(): agree(one, lambda x: x**-0.5, lambda x: x**-0.5, positive=True)
def test_exp(): agree(one, ops.exp, torch.exp)
def test_log(): agree(one, ops.log, torch.log, positive=True)
def test_sqrt(): agree(one, ops.sqrt, torch.sqrt, positive=True)
def test_tanh(): agree(one, ops.tanh, torch.tanh)
def test_sigmoid(): agree(one, ops.sigmoid, torch.sigmoid)
def test_relu(): agree(one, ops.relu, torch.relu)
def test_abs(): agree(one, ops.abs, torch.abs)
def test_sum(): agree(reduction, ops.sum, torch_reduction("sum"))
def test_mean(): agree(reduction, ops.mean, torch_reduction("mean"))
def test_max(): agree(reduction, ops.max, torch_reduction("amax"))
def test_reshape(): agree(reshaping, ops.reshape, torch.reshape)
def test_permute_dims(): agree(permutation, ops.permute_dims, torch_permute)
def test_getitem(): agree(indexing, ops.getitem, torch_index)
def test_matmul(): agree(product, ops.matmul, torch.matmul)
def test_linear(): agree(dense, functional.linear, torch_linear)
def test_conv2d(): agree(convolution, functional.conv2d, torch_conv2d)
def test_max_pool2d(): agree(pooling, functional.max_pool2d, lambda x, k: F.max_pool2d(x, k))
def test_avg_pool2d(): agree(pooling, functional.avg_pool2d, lambda x, k: F.avg_pool2d(x, k))
def test_log_softmax(): agree(along_an_axis, ops.log_softmax, torch_log_softmax)
def test_cross_entropy(): agree(classes, functional.cross_entropy, torch_cross_entropy)
def test_custom(): agree(one, triple, lambda x: 3 * x)
# fmt: on


@pytest.mark.parametrize(
    "expression",
    [
        lambda x, y: x + y,
        lambda x, y: 2 + x - 1 + y,
        lambda x, y: 1 - x - y,
        lambda x, y: -x * y * 3,
        lambda x, y: 2 * x / (y * y + 1),
        lambda x, y: 5 / (x * x + 1) + y,
        lambda x, y: (x @ y.T) ** 2,
        lambda x, y: x[1:, ::2].sum(0) + y.mean() + (x * y).max(),
        lambda x, y: x.reshape(3, 4).T @ y.reshape((3, 4)),
    ],
)
def test_operators_and_methods(expression):
    agree(st.just(([(4, 3), (4, 3)], {})), expression, expression)


# ----------------------------------------------------------------------------
# Values where a naive formula fails
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, -1e4, 1e30])
def test_large_logits_do_not_overflow(backend, dtype, size):
    logits, labels = np.array([[size, 0, -size]] * 2, dtype), np.array([0, 2])
    with use_backend(backend):
        x = Tensor(logits, requires_grad=True)
        loss = functional.cross_entropy(x, labels)
        loss.backward()
        y = ops.log_softmax(logits)
    leaf = torch.tensor(logits, requires_grad=True)
    want = F.cross_entropy(leaf, torch.tensor(labels))
    want.backward()
    assert np.isfinite(y.data).all()
    np.testing.assert_allclose(loss.data, want.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(x.grad, leaf.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_hides_a_number_that_is_not_finite(backend, bad):
    x = np.ones((2, 2, 6, 6), np.float32)
    w = np.ones((3, 2, 3, 3), np.float32)
    x[1, 1, 2, 2] = bad
    b = np.zeros(3, np.float32)
    with use_backend(backend), np.errstate(invalid="ignore"):
        y = functional.conv2d(x, w, b, relu=True)
        rows = functional.max_pool2d(y).reshape(2, 12)
        z = functional.linear(rows, np.ones((2, 12), np.float32), b[:2], relu=True)
        loss = functional.cross_entropy(z, np.array([0, 1]))
    assert not np.isfinite(y.data[1]).all() and np.isfinite(y.data[0]).all()
    assert not np.isfinite(z.data[1]).all() and np.isfinite(z.data[0]).all()
    assert not np.isfinite(loss.data)


# ----------------------------------------------------------------------------
# Against the definition of a derivative, in float64 and off the kinks
# ----------------------------------------------------------------------------


def spread(*shape, seed=0):
    """Numbers from -2 to 2, none near zero, no two near each other."""
    n = math.prod(shape)
    values = np.linspace(0.2, 2, n) * (-1) ** np.arange(n)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def turned(*shape):
    """The same as a view whose axes are in another order in memory."""
    return spread(*shape[::-1], seed=1).T


LABELS = np.array([1, 0, 2])
CHECKS = {
    "add": (ops.add, spread(3, 4), spread(4)),
    "subtract": (ops.subtract, spread(3, 1), spread(1, 4, seed=1)),
    "multiply": (ops.multiply, turned(3, 4), spread(3, 1)),
    "divide": (ops.divide, spread(2, 1, 3), turned(4, 1)),
    "negative": (ops.negative, turned(3, 2)),
    "power": (lambda x: ops.power(x, 3), turned(3, 2)),
    "exp": (ops.exp, turned(3, 2)),
    "log": (ops.log, np.abs(turned(3, 2))),
    "sqrt": (ops.sqrt, np.abs(turned(3, 2))),
    "tanh": (ops.tanh, turned(3, 2)),
    "sigmoid": (ops.sigmoid, turned(3, 2)),
    "relu": (ops.relu, turned(3, 2)),
    "abs": (ops.abs, turned(3, 2)),
    "maximum": (ops.maximum, spread(3, 4), spread(4) * 0.7),
    "sum": (lambda x: x.sum((0, 2)), turned(2, 3, 4)),
    "mean": (lambda x: x.mean(-1, keepdims=True), turned(2, 3, 4)),
    "max": (lambda x: x.max(1), turned(2, 3, 4)),
    "reshape": (lambda x: x.reshape(3, -1), turned(2, 3, 4)),
    "permute_dims": (lambda x: ops.permute_dims(x, (1, -1, 0)), turned(2, 3, 4)),
    "getitem": (lambda x: x[::-1, [0, 0, 2]], turned(4, 3)),
    "matmul": (ops.matmul, turned(2, 3, 4), turned(4, 2)),
    "matmul of a vector": (ops.matmul, spread(4), turned(2, 4, 3)),
    "linear": (
        lambda *a: functional.linear(*a, relu=True),
        turned(3, 4),
        turned(2, 4),
        spread(2),
    ),
    "conv2d": (functional.conv2d, turned(2, 2, 5, 4), turned(3, 2, 3, 3), spread(3)),
    "conv2d strided": (
        lambda *a: functional.conv2d(*a, stride=2, padding=1, relu=True),
        turned(2, 2, 6, 5),
        turned(3, 2, 3, 3),
        spread(3),
    ),
    "conv2d with a gap": (
        lambda *a: functional.conv2d(*a, stride=3, padding=2),
        turned(1, 2, 7, 6),
        turned(2, 2, 2, 2),
    ),
    "max_pool2d": (lambda x: functional.max_pool2d(x, 3), turned(2, 1, 6, 3)),
    "avg_pool2d": (lambda x: functional.avg_pool2d(x, 2), turned(1, 2, 4, 6)),
    "log_softmax": (lambda x: ops.log_softmax(x, 0), turned(3, 4)),
    "cross_entropy": (lambda x: functional.cross_entropy(x, LABELS), turned(3, 4)),
    "custom": (triple, turned(3, 4)),
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", CHECKS)
def test_gradients_are_derivatives(name, backend):
    function, *arrays = CHECKS[name]
    with use_backend(backend):
        gradcheck(function, *arrays, tolerance=1e-7)


def test_every_operation_is_checked():
    helpers = {"tensor", "record"}
    public = {
        name
        for name, value in vars(ops).items()
        if callable(value) and not isinstance(value, type) and not name.startswith("_")
    }
    known = {name for name in public if getattr(ops, name).__module__ == ops.__name__}
    assert known - helpers == {name.split(" ")[0] for name in CHECKS}
    assert known - helpers - {"power"} <= {
        name.removeprefix("test_") for name in globals() if name.startswith("test_")
    }


@pytest.mark.parametrize("slope", [0.0, 1.0001, -1.0, np.nan])
def test_the_gradient_check_can_fail(slope):
    wrong = ops.custom("wrong", lambda x: x * 1.0, lambda grad: grad * slope)
    with pytest.raises(AssertionError, match=r"input 0, entry \(\d,\): backward gave"):
        gradcheck(wrong, spread(3))


def test_the_gradient_check_finds_a_missing_gradient():
    cut = ops.custom("right", lambda x: x * 1.0, lambda grad: grad)
    with pytest.raises(AssertionError, match="input 1, .* backward gave 0"):
        gradcheck(lambda x, y: cut(x) + y.detach(), spread(3), spread(3))
