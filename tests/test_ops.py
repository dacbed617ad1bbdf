"""Every operation against torch: values and gradients, over random shapes.

Inputs and arriving gradients are multiples of a quarter. So sums and products
are exact in float32 whatever their order, ties and zeros come up often, and
both sides must treat a kink alike: no comparison hangs on a rounding error.
"""

import numpy as np
import pytest
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch import Tensor, discrete, functional, ops
from minitorch.backends import backend as current

torch = pytest.importorskip("torch")
F = torch.nn.functional

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
            for backend in BACKENDS:
                for run in (plain, strided):
                    with use(backend):
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
    return [out.numpy(), *(current().to_numpy(leaf.grad) for leaf in leaves)]


def strided(ours, arrays, kwargs, grad):
    """Give the result and the gradients, of every second number of a leaf."""
    leaves = [Tensor(np.stack([a, a + 1], -1), requires_grad=True) for a in arrays]
    out = ours(*(leaf[..., 0] for leaf in leaves), **kwargs)
    out.backward(grad)
    grads = [current().to_numpy(leaf.grad) for leaf in leaves]
    assert not any(grad[..., 1].any() for grad in grads)
    return [out.numpy(), *(grad[..., 0] for grad in grads)]


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


@cases
def stamps(draw):
    N, C, O, k = (draw(st.integers(1, 4)) for _ in range(4))
    stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    least = max(1, (2 * padding - k) // stride + 2)  # something must be left
    H, W = (least + draw(st.integers(0, 4)) for _ in range(2))
    bias = [(O,)] if draw(st.booleans()) else []
    numbers = {"stride": stride, "padding": padding, "relu": draw(st.booleans())}
    return [(N, C, H, W), (C, O, k, k), *bias], numbers


@cases
def channels(draw):
    N, C = draw(st.integers(2, 5)), draw(sizes)
    image = [draw(sizes), draw(sizes)] if draw(st.booleans()) else []
    return [(N, C, *image), (C,), (C,)], {"relu": draw(st.booleans())}


@cases
def rows(draw):
    shape = draw(shapes.filter(len))
    return [shape, shape[-1:], shape[-1:]], {}


@cases
def same(draw):
    shape = draw(shapes)
    return [shape, shape], {}


@cases
def joining(draw):
    shape, n = draw(shapes.filter(len)), draw(st.integers(1, 3))
    axis = draw(st.integers(0, len(shape) - 1))
    many = [(*shape[:axis], draw(sizes), *shape[axis + 1 :]) for _ in range(n)]
    return many, {"axis": axis - (len(shape) if draw(st.booleans()) else 0)}


@cases
def stacking(draw):
    shape = draw(shapes)
    return [shape] * draw(st.integers(1, 3)), {"axis": draw(st.integers(0, len(shape)))}


@cases
def padding_(draw):
    shape = draw(shapes)
    widths = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in shape]
    return [shape], {"widths": widths}


@cases
def gathering(draw):
    shape = draw(shapes.filter(len))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    many = list(shape)
    many[axis] = draw(sizes)
    values = st.integers(0, shape[axis] - 1)
    size = int(np.prod(many))
    flat = draw(st.lists(values, min_size=size, max_size=size))
    return [shape], {"index": np.array(flat).reshape(many), "axis": axis}


@cases
def sparse(draw):
    R, columns, N = draw(sizes), draw(sizes), draw(sizes)
    full = np.array(
        draw(st.lists(st.booleans(), min_size=R * columns, max_size=R * columns))
    )
    r, c = np.nonzero(full.reshape(R, columns))
    indptr = np.searchsorted(r, np.arange(R + 1))
    how = {"indptr": indptr, "indices": c, "columns": columns}
    return [(len(c),), (columns, N)], how


@cases
def powers_of_two(draw):
    L = 2 ** draw(st.integers(0, 5))
    return [draw(st.sampled_from([(L,), (L, 3)]))], {}


@cases
def chosen(draw):
    shape = draw(shapes)
    return [shape], {"k": draw(st.integers(0, int(np.prod(shape))))}


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


def torch_upconv(x, w, b=None, stride=1, padding=0, relu=False):
    y = F.conv_transpose2d(x, w, b, stride, padding)
    return F.relu(y) if relu else y


def torch_batch_norm(x, gamma, beta, relu):
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=1.0)
    return F.relu(y) if relu else y


def our_batch_norm(x, gamma, beta, relu):
    return functional.batch_norm(x, gamma, beta, relu=relu, eps=1.0)[0]


STILL = np.array([0.25, -0.5, 1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0, 0.25, 3.0])


def torch_still_norm(x, gamma, beta, relu):
    mean, var = (torch.tensor(a[: len(gamma)], dtype=x.dtype) for a in STILL)
    y = F.batch_norm(x, mean, var, gamma, beta, training=False, eps=1.0)
    return F.relu(y) if relu else y


def our_still_norm(x, gamma, beta, relu):
    still = tuple(current().asarray(a[: len(gamma)].astype(x.dtype)) for a in STILL)
    return functional.batch_norm(x, gamma, beta, still, relu=relu, eps=1.0)[0]


def our_layer_norm(x, gamma, beta):
    return functional.layer_norm(x, gamma, beta, eps=1.0)


def torch_layer_norm(x, gamma, beta):
    return F.layer_norm(x, gamma.shape, gamma, beta, eps=1.0)


def torch_pad(x, widths):
    return F.pad(x, [n for pair in reversed(widths) for n in pair])


def torch_gather(x, index, axis):
    return torch.gather(x, axis, torch.tensor(index))


def torch_csr(values, x, indptr, indices, columns):
    w = torch.zeros(len(indptr) - 1, columns, dtype=x.dtype)
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return w.index_put((torch.tensor(rows), torch.tensor(indices)), values) @ x


def our_csr(values, x, indptr, indices, columns):
    return functional.csr_matmul(values, indptr, indices, x, columns)


def torch_hadamard(x):
    H = torch.ones(1, 1, dtype=x.dtype)
    while len(H) < len(x):
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    return H @ x


def torch_rank_match(values, scores):
    order = torch.argsort(torch.argsort(scores, stable=True), stable=True)
    return values.sort(stable=True).values.gather(-1, order) + scores - scores.detach()


def torch_top_k(x, k):
    keep = torch.argsort(-x.detach().reshape(-1), stable=True)[:k]
    mask = torch.zeros(x.numel(), dtype=x.dtype)
    mask[keep] = 1
    return mask.reshape(x.shape) + x - x.detach()


def torch_where(a, b):
    return torch.where(a > b, a, b * 2)


def our_where(a, b):
    return ops.where(a.data > b.data, a, b * 2)


def our_scatter_add(x):
    index = np.arange(len(x)) % 3
    return ops.scatter_add(x, index, (3, *x.shape[1:]))


def torch_scatter_add(x):
    index = torch.arange(len(x)) % 3
    return x.new_zeros(3, *x.shape[1:]).index_add(0, index, x)


@cases
def not_scalar(draw):
    return [draw(shapes.filter(len))], {}


@cases
def twin_rows(draw):
    return [draw(shapes.filter(len))] * 2, {}


@cases
def images(draw):
    return [tuple(draw(sizes) for _ in range(4))], {}


@cases
def looked_up(draw):
    V = draw(sizes)
    ids = draw(st.lists(st.integers(0, V - 1), min_size=4, max_size=4))
    return [(V, draw(sizes))], {"ids": np.array(ids).reshape(2, 2)}


def listed(join):
    return lambda *tensors, axis: join(tensors, axis)


def torch_pool(kind):
    return lambda x, k: getattr(F, f"{kind}_pool2d")(x, k)


def torch_embedding(x, ids):
    return F.embedding(torch.tensor(ids), x)


def torch_mean(x):
    return x.mean((2, 3))


def torch_sort(x):
    return x.sort(stable=True).values


def torch_bce(x, t):
    return F.binary_cross_entropy_with_logits(x, t.detach() % 1) + 0 * t.sum()


def our_bce(x, t):
    return functional.bce_logits(x, t.numpy() % 1) + 0 * t.sum()


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
def test_max_pool2d(): agree(pooling, functional.max_pool2d, torch_pool("max"))
def test_avg_pool2d(): agree(pooling, functional.avg_pool2d, torch_pool("avg"))
def test_where(): agree(same, our_where, torch_where)
def test_clip(): agree(one, lambda x: ops.clip(x, -1, 1.3), lambda x: x.clip(-1, 1.3))
def test_gather(): agree(gathering, ops.gather, torch_gather)
def test_scatter_add(): agree(not_scalar, our_scatter_add, torch_scatter_add)
def test_concat(): agree(joining, listed(ops.concat), listed(torch.concat))
def test_stack(): agree(stacking, listed(ops.stack), listed(torch.stack))
def test_pad(): agree(padding_, ops.pad, torch_pad)
def test_softmax(): agree(along_an_axis, ops.softmax, torch.softmax)
def test_logsumexp(): agree(along_an_axis, ops.logsumexp, torch.logsumexp)
def test_conv_transpose2d(): agree(stamps, functional.conv_transpose2d, torch_upconv)
def test_csr_matmul(): agree(sparse, our_csr, torch_csr)
def test_embedding(): agree(looked_up, functional.embedding, torch_embedding)
def test_global_avg_pool(): agree(images, functional.global_avg_pool, torch_mean)
def test_batch_norm(): agree(channels, our_batch_norm, torch_batch_norm)
def test_batch_norm_evaluated(): agree(channels, our_still_norm, torch_still_norm)
def test_layer_norm(): agree(rows, our_layer_norm, torch_layer_norm)
def test_add_relu(): agree(same, functional.add_relu, lambda a, b: F.relu(a + b))
def test_bce_logits(): agree(same, our_bce, torch_bce)
def test_sort(): agree(not_scalar, lambda x: discrete.sort(x)[0], torch_sort)
def test_rank_match(): agree(twin_rows, discrete.rank_match, torch_rank_match)
def test_top_k_mask(): agree(chosen, discrete.top_k_mask, torch_top_k)
def test_walsh_hadamard(): agree(powers_of_two, discrete.walsh_hadamard, torch_hadamard)
def test_log_softmax(): agree(along_an_axis, ops.log_softmax, torch_log_softmax)
def test_cross_entropy(): agree(classes, functional.cross_entropy, torch_cross_entropy)
def test_custom(): agree(one, triple, lambda x: 3 * x)
# fmt: on


def test_every_operation_meets_torchs():
    """Dropout and Bernoulli masks draw by chance: `test_gradients` looks at them."""
    apart = {"tensor", "record", "same_dtype", "power", "dropout", "bernoulli_mask"}
    found = set()
    for module in (ops, functional, discrete):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__
            if own and not isinstance(value, type) and not name.startswith("_"):
                found.add(name)
    tested = {name.removeprefix("test_") for name in globals()}
    assert found - apart <= tested


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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, -1e4, 1e30])
def test_large_logits_do_not_overflow(backend, dtype, size):
    logits, labels = np.array([[size, 0, -size]] * 2, dtype), np.array([0, 2])
    with use(backend):
        x = Tensor(logits, requires_grad=True)
        loss = functional.cross_entropy(x, labels)
        loss.backward()
        y = ops.log_softmax(logits)
        grad = current().to_numpy(x.grad)
        assert np.isfinite(y.numpy()).all()
    leaf = torch.tensor(logits, requires_grad=True)
    want = F.cross_entropy(leaf, torch.tensor(labels))
    want.backward()
    np.testing.assert_allclose(loss.item(), want.item(), rtol=1e-6)
    np.testing.assert_allclose(grad, leaf.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_hides_a_number_that_is_not_finite(backend, bad):
    x = np.ones((2, 2, 6, 6), np.float32)
    w = np.ones((3, 2, 3, 3), np.float32)
    x[1, 1, 2, 2] = bad
    b = np.zeros(3, np.float32)
    with use(backend), np.errstate(invalid="ignore"):
        y = functional.conv2d(x, w, b, relu=True)
        rows = functional.max_pool2d(y).reshape(2, 12)
        z = functional.linear(rows, np.ones((2, 12), np.float32), b[:2], relu=True)
        loss = functional.cross_entropy(z, np.array([0, 1]))
        y, z = y.numpy(), z.numpy()
    assert not np.isfinite(y[1]).all() and np.isfinite(y[0]).all()
    assert not np.isfinite(z[1]).all() and np.isfinite(z[0]).all()
    assert not np.isfinite(loss.item())
