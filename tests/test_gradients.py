"""Every operation against the definition of a derivative, on every back-end."""

import math

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, discrete, functional, ops
from minitorch.backends import backend
from minitorch.gradcheck import gradcheck

triple = ops.custom("triple", lambda x: 3 * x, lambda grad: 3 * grad)


def spread(*shape, seed=0):
    """Numbers from -2 to 2, none near zero, no two near each other."""
    n = math.prod(shape)
    values = np.linspace(0.2, 2, n) * (-1) ** np.arange(n)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def turned(*shape):
    """The same as a view whose axes are in another order in memory."""
    return spread(*shape[::-1], seed=1).T


LABELS = np.array([1, 0, 2])
PLACES = np.array([[1, 1], [0, 3], [2, 0]])
TRUTH = np.arange(12).reshape(3, 4) % 5 < 2


def evaluated(x, gamma, beta):
    still = tuple(
        map(backend().asarray, (np.array([0.5, -1, 2]), np.array([1, 2, 4.0])))
    )
    return functional.batch_norm(x, gamma, beta, still)[0]


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
    "where": (lambda a, b: ops.where(TRUTH, a, b), turned(3, 4), spread(4)),
    "clip": (lambda x: ops.clip(x, -1.0, 1.0), turned(3, 4)),
    "gather": (lambda x: ops.gather(x, PLACES, 1), turned(3, 4)),
    "scatter_add": (lambda x: ops.scatter_add(x, LABELS % 2, (4, 2)), turned(3, 2)),
    "concat": (lambda *x: ops.concat(x, 1), turned(3, 2), turned(3, 1)),
    "stack": (lambda *x: ops.stack(x, -1), turned(3, 2), spread(3, 2)),
    "pad": (lambda x: ops.pad(x, [(1, 0), (2, 1)]), turned(3, 2)),
    "softmax": (lambda x: ops.softmax(x, 0), turned(3, 4)),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), turned(3, 4)),
    "conv_transpose2d": (
        lambda *a: functional.conv_transpose2d(*a, stride=2, padding=1, relu=True),
        turned(2, 2, 3, 4),
        turned(2, 3, 4, 4),
        spread(3),
    ),
    "conv_transpose2d pixels": (
        functional.conv_transpose2d,
        turned(2, 2, 3, 4),
        turned(2, 3, 1, 1),
    ),
    "csr_matmul": (
        lambda v, x: functional.csr_matmul(v, [0, 1, 1, 6], [1, 0, 1, 2, 3, 4], x, 5),
        spread(6),
        turned(5, 2),
    ),
    "embedding": (lambda x: functional.embedding(x, LABELS), turned(3, 2)),
    "global_avg_pool": (functional.global_avg_pool, turned(2, 3, 2, 2)),
    "batch_norm": (
        lambda *a: functional.batch_norm(*a, relu=True)[0],
        turned(2, 3, 2, 2),
        spread(3),
        spread(3),
    ),
    "batch_norm of rows": (lambda x: functional.batch_norm(x)[0], turned(4, 3)),
    "batch_norm evaluated": (evaluated, turned(4, 3), spread(3), spread(3)),
    "layer_norm": (functional.layer_norm, turned(4, 3), spread(3), spread(3)),
    "add_relu": (functional.add_relu, turned(3, 4), spread(3, 4)),
    "dropout": (
        lambda x: functional.dropout(x, 0.5, np.random.default_rng(0)),
        turned(3, 4),
    ),
    "bce_logits": (lambda x: functional.bce_logits(x, TRUTH * 0.7), turned(3, 4)),
    "sort": (lambda x: discrete.sort(x)[0], turned(3, 4)),
    "rank_match": (lambda x: discrete.rank_match(x, spread(3, 4)), turned(3, 4)),
    "walsh_hadamard": (discrete.walsh_hadamard, turned(8, 3)),
    "custom": (triple, turned(3, 4)),
}
# Their gradient is chosen, not a derivative: `test_ops` compares it with torch.
CHOSEN = {"top_k_mask", "bernoulli_mask"}


@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize("name", CHECKS)
def test_gradients_are_derivatives(name, engine):
    function, *arrays = CHECKS[name]
    with use(engine):
        gradcheck(function, *arrays, tolerance=1e-7)


@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize("name", CHECKS)
def test_gradients_are_derivatives_of_views(name, engine):
    """What an operation reads, on its way back too, is every second number."""
    function, *arrays = CHECKS[name]
    wide = [np.stack([array, array + 1], -1) for array in arrays]
    with use(engine):
        gradcheck(
            lambda *x: function(*(each[..., 0] for each in x)), *wide, tolerance=1e-7
        )


def test_every_operation_is_checked():
    helpers = {"tensor", "record", "same_dtype"}
    found = set()
    for module in (ops, functional, discrete):
        found |= {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__
            and not isinstance(value, type)
            and not name.startswith("_")
        }
    checked = {name.split(" ")[0] for name in CHECKS}
    assert found - helpers - CHOSEN == checked


@pytest.mark.parametrize("slope", [0.0, 1.0001, -1.0, np.nan])
def test_the_gradient_check_can_fail(slope):
    wrong = ops.custom("wrong", lambda x: x * 1.0, lambda grad: grad * slope)
    with pytest.raises(AssertionError, match=r"input 0, entry \(\d,\): backward gave"):
        gradcheck(wrong, spread(3))


def test_the_gradient_check_finds_a_missing_gradient():
    cut = ops.custom("right", lambda x: x * 1.0, lambda grad: grad)
    with pytest.raises(AssertionError, match="input 1, .* backward gave 0"):
        gradcheck(lambda x, y: cut(x) + y.detach(), spread(3), spread(3))


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_bernoulli_mask_is_drawn_by_chance_and_passes_gradients(engine):
    chances = np.linspace(0, 1, 5, dtype=np.float32) * np.ones((4000, 1), np.float32)
    slope = np.arange(20_000, dtype=np.float32).reshape(chances.shape)
    masks = []
    for _ in range(2):
        with use(engine):
            p = Tensor(chances, requires_grad=True)
            mask = discrete.bernoulli_mask(p, np.random.default_rng(1))
            (mask * slope).sum().backward()
            masks.append(mask.numpy())
            assert (backend().to_numpy(p.grad) == slope).all()
    assert (masks[0] == masks[1]).all()
    assert set(np.unique(masks[0])) == {0, 1}
    np.testing.assert_allclose(masks[0].mean(0), chances[0], atol=0.03)
    assert masks[0][:, 0].sum() == 0 and masks[0][:, -1].all()


@pytest.mark.parametrize("engine", BACKENDS)
def test_dropout_keeps_the_mean_and_sends_gradients_where_it_kept(engine):
    with use(engine):
        x = Tensor(np.ones((100, 200), np.float32), requires_grad=True)
        y = functional.dropout(x, 0.25, np.random.default_rng(0))
        y.sum().backward()
        assert (backend().to_numpy(x.grad) == y.numpy()).all()
        assert y.numpy().mean() == pytest.approx(1, abs=0.02)
        assert functional.dropout(x, 0.25, None) is x


@pytest.mark.parametrize("engine", BACKENDS)
def test_many_small_models_at_once(engine):
    """A leading axis of models: each trains as it would alone."""
    rng = np.random.default_rng(0)
    x, w, slope = (rng.normal(size=s) for s in [(5, 8, 3), (5, 3, 2), (5, 8, 2)])
    with use(engine):
        together = Tensor(w, requires_grad=True)
        (ops.tanh(ops.matmul(x, together)) * slope).sum().backward()
        for i in range(5):
            alone = Tensor(w[i], requires_grad=True)
            (ops.tanh(ops.matmul(x[i], alone)) * slope[i]).sum().backward()
            one, all_ = map(backend().to_numpy, (alone.grad, together.grad))
            np.testing.assert_allclose(all_[i], one, atol=1e-12)
