"""The exercises of the chapter "An engine you can read"."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.grading.references import engine
from minitorch.grading.spec import (
    Cases,
    Edge,
    Exercise,
    Judge,
    Problem,
    Rng,
    Slip,
    frozen,
    judge_by_digits,
    judge_by_value,
    normal,
    open_question,
    prediction,
    show,
)

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP: tuple[str, ...] = ()


def _sizes(rng: Rng) -> tuple[int, int]:
    """Two lengths, never equal."""
    n = int(rng.integers(4, 12))
    return n, n + int(rng.integers(1, 5))


def _by_parts(*judges: Judge) -> Judge:
    """Judge each part of a tuple by its own judge."""

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        problems = (
            judge(args, *pair)
            for judge, pair in zip(judges, zip(output, want, strict=True), strict=True)
        )
        return next((problem for problem in problems if problem), None)

    return judge


# ----------------------------------------------------------------------------
# engine/multiply_grad
# ----------------------------------------------------------------------------


def _multiply_grad_cases(rng: Rng) -> Cases:
    yield tuple(np.array(v, np.float32) for v in ([1, 10], [2, 3], [5, 7]))
    for dtype in (np.float32, np.float64):
        n, m = _sizes(rng)
        for shape in ((n,), (n, m)):
            yield tuple(normal(rng, *shape, dtype=dtype) for _ in range(3))


def _judge_factor(name: str, own: int) -> Judge:
    """Judge the gradient of a (own = 1) or of b (own = 2)."""
    other = 3 - own
    return judge_by_value(
        f"the gradient of {name}",
        (
            Slip(
                "The two gradients are swapped: a factor's gradient holds the other "
                "factor, because that is how fast the product grows with it.",
                lambda *args: args[0] * args[own],
            ),
            Slip(
                "grad is left out. The chain rule multiplies the slope of this step "
                "by the gradient that comes from behind.",
                lambda *args: args[other],
            ),
            Slip(
                "grad goes through unchanged. That is the backward pass of a + b.",
                lambda *args: args[0],
            ),
            Slip(
                "grad is multiplied by the whole product a * b, not by one factor.",
                lambda *args: args[0] * args[1] * args[2],
            ),
            Slip(
                "grad is divided by the other factor. Going back does not undo the "
                "product, it multiplies by its slope.",
                lambda *args: args[0] / args[other],
            ),
        ),
    )


# ----------------------------------------------------------------------------
# engine/unbroadcast
# ----------------------------------------------------------------------------


def _unbroadcast_cases(rng: Rng) -> Cases:
    yield np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 40.0]], np.float32), (3,)
    # Square, so that a sum over the wrong axis has the right shape.
    yield np.array([[1.0, 2.0], [10.0, 40.0]], np.float32), (2,)
    # Sums far from 0, where rounding in float32 stays relatively small.
    for dtype in (np.float32, np.float64):
        n, m = _sizes(rng)
        k = int(rng.integers(2, 5))
        for shape in ((n, 1), (1, m), (1, 1), (n, m), (m,), (1,)):
            yield normal(rng, n, m, dtype=dtype) + dtype(2), shape
        for longer in ((n, 1), (1, n, m), (k, 1, m), (m,)):
            yield normal(rng, k, n, m, dtype=dtype) + dtype(2), longer
        yield Edge((normal(rng, n, 1, dtype=dtype) + dtype(2), (n, 1)))


def _first_copies(grad: np.ndarray, shape: tuple) -> np.ndarray:
    grad = grad[(0,) * (grad.ndim - len(shape))]
    return grad[tuple(slice(0, length) for length in shape)]


_judge_unbroadcast_values = judge_by_value(
    "the summed gradient",
    (
        Slip(
            "The mean is taken over the copies. Each copy moves the result, so "
            "their gradients are summed.",
            lambda grad, shape: (
                engine.unbroadcast(grad, shape) * (np.prod(shape) / grad.size)
            ).astype(grad.dtype),
        ),
        Slip(
            "Only the first copy is kept. All copies came from the same number: "
            "their gradients are summed.",
            _first_copies,
        ),
        Slip(
            "The sum runs over the wrong axis. Broadcasting puts missing axes in "
            "front, so the leading axes are summed.",
            lambda grad, shape: grad.sum(axis=tuple(range(len(shape), grad.ndim))),
        ),
    ),
)


def _judge_unbroadcast(args: tuple, output: Any, want: Any) -> Problem | None:
    grad, shape = args
    if output.shape == shape:
        return _judge_unbroadcast_values(args, output, want)
    if output.shape == grad.shape:
        cause = (
            "Nothing is summed: the gradient still has the shape of the result. Axes "
            "put in front and axes stretched from length 1 are both summed."
        )
    elif output.ndim > len(shape):
        cause = (
            "Axes that broadcasting put in front are still there. Sum over them, "
            "without keeping them."
        )
    elif output.size == want.size:
        cause = (
            "An axis of length 1 was dropped. It belongs to the input's shape: sum "
            "with keepdims=True."
        )
    elif len(shape) < grad.ndim and output.ndim == len(shape):
        cause = (
            "The sum runs over the wrong axis, or an axis that was stretched from "
            "length 1 is not summed. Broadcasting puts missing axes in front."
        )
    elif output.ndim == len(shape):
        cause = "An axis of length 1 was stretched, and is not summed back."
    else:
        cause = "Too many axes are summed: only those that broadcasting changed are."
    return Problem("the shape of the result", str(output.shape), str(shape), cause)


# ----------------------------------------------------------------------------
# engine/topological_order
# ----------------------------------------------------------------------------


def _topological_order_cases(rng: Rng) -> Cases:
    # The same graph with its rows in two orders, so that neither walk is lucky.
    yield np.array([[5, 3], [5, 7], [7, 3]]), 5
    yield np.array([[5, 7], [5, 3], [7, 3]]), 5
    # b = a + a, and the child has the smaller number.
    yield np.array([[2, 9], [2, 9]]), 2
    # A doubled edge beside a longer way, for whoever counts it once and not twice.
    yield np.array([[5, 7], [5, 7], [5, 3], [3, 7]]), 5
    yield np.array([[5, 3], [5, 7], [5, 7], [3, 7]]), 5
    # Node 8 was computed from 6, and node 4 stands apart: 6 depends on neither.
    yield np.array([[6, 1], [8, 6], [4, 1]]), 6
    yield Edge((np.zeros((0, 2), np.int64), 5))
    for _ in range(3):
        n = int(rng.integers(8, 16))
        names = rng.permutation(100)[:n]
        # A chain makes every node lead to the last; more edges jump over it.
        child = np.concatenate([np.arange(1, n), rng.integers(2, n, n)])
        parent = np.concatenate([np.arange(n - 1), rng.integers(0, child[n - 1 :])])
        rows = rng.permutation(len(child))
        edges = names[np.stack([child, parent], axis=1)[rows]]
        yield edges, int(names[n - 1 - int(rng.integers(0, 3))])
    n = 10_000
    names = rng.permutation(n)
    edges = np.stack([names[1:], names[:-1]], axis=1)
    yield Edge((edges[rng.permutation(n - 1)], int(names[-1])))


def _judge_topological_order(args: tuple, output: Any, want: Any) -> Problem | None:
    edges, last = args
    if output.ndim != 1:
        return Problem(
            "the shape of the result", str(output.shape), "one axis: a row of nodes"
        )
    got, needed = output.tolist(), set(want.tolist())
    listed = set(got)
    twice = [node for node, times in Counter(got).items() if times > 1]
    extra = [node for node in got if node not in needed]
    missing = [node for node in needed if node not in listed]
    if extra:
        return Problem(
            "which nodes are listed",
            f"{show(output)}, with node {extra[0]}",
            f"only the {len(needed)} nodes that {last} depends on",
            f"Node {extra[0]} is not reached from {last} by going to parents: no "
            "gradient flows there. Start at `last`, go from child to parent.",
        )
    if missing:
        return Problem(
            "which nodes are listed",
            f"{show(output)}, without node {missing[0]}",
            f"all {len(needed)} nodes that {last} depends on, {last} included",
            f"Node {missing[0]} is left out: `last` and the nodes without parents "
            "count too. (If you count children, count only those that are needed.)",
        )
    if twice:
        return Problem(
            "how often each node is listed",
            f"{show(output)}, with node {twice[0]} more than once",
            "each node once",
            f"Node {twice[0]} is visited twice: it is reached on several ways, and "
            "would pass its gradient on each time. Keep a set of the nodes seen.",
        )
    place = {node: i for i, node in enumerate(got)}
    late = [(c, p) for c, p in edges.tolist() if c in needed and place[c] > place[p]]
    if not late:
        return None
    child, parent = late[0]
    if len(late) == sum(c in needed for c, _ in edges.tolist()):
        cause = (
            "This is the forward order, parents first. The backward pass needs it "
            "turned round."
        )
    elif got == sorted(got) or got == sorted(got, reverse=True):
        cause = "The nodes are sorted by number; the numbers say nothing about order."
    else:
        cause = (
            "A node is listed when it is first reached. It has to wait until all "
            "its children are listed: only then has its whole gradient arrived. (If "
            "you count children, count a doubled edge as often as you take it off.)"
        )
    return Problem(
        "the order of a node and one computed from it",
        f"{show(output)}: {parent} before {child}",
        f"{child} before {parent}, because {child} was computed from {parent}",
        cause,
    )


# ----------------------------------------------------------------------------
# engine/log_softmax
# ----------------------------------------------------------------------------


def _log_softmax_cases(rng: Rng) -> Cases:
    yield (np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 7.0]], np.float32),)
    for dtype in (np.float32, np.float64):
        yield (normal(rng, *_sizes(rng), dtype=dtype) * dtype(2.0),)
    for shift in (1000.0, -1000.0):
        yield (normal(rng, *_sizes(rng), dtype=np.float64) + shift,)
    # A softmax of exactly 0 has no logarithm.
    yield Edge((np.array([[1000.0, 0.0, 999.0], [1000.0, 1001.0, 0.0]]),))


def _softmax(x: np.ndarray, axis: int | None = 1) -> np.ndarray:
    x = np.exp(x - x.max(axis=axis, keepdims=True))
    return x / x.sum(axis=axis, keepdims=True)


_judge_log_softmax = judge_by_value(
    "the log-softmax",
    (
        Slip(
            "The sum runs over the columns, down the batch. Each row is an example "
            "of its own: sum over axis 1.",
            lambda x: np.log(_softmax(x, 0)),
        ),
        Slip(
            "One sum is taken over the whole array. Each row needs its own, with "
            "axis=1 and keepdims=True.",
            lambda x: np.log(_softmax(x, None)),
        ),
        Slip("This is the softmax: the logarithm is missing.", _softmax),
        Slip(
            "The largest entry is subtracted and nothing else: the logarithm of the "
            "sum of exponentials is missing.",
            lambda x: x - x.max(axis=1, keepdims=True),
        ),
        Slip(
            "The largest entry was subtracted before the sum of exponentials, but "
            "not from x itself: the two no longer belong together.",
            lambda x: (
                x
                - np.log(np.exp(x - x.max(axis=1, keepdims=True)).sum(1, keepdims=True))
            ),
        ),
        Slip(
            "The sign is turned: a log-probability is never above 0.",
            lambda x: -engine.log_softmax(x),
        ),
        Slip(
            "The logarithm has base 2; np.log is the natural one.",
            lambda x: engine.log_softmax(x) / np.log(np.asarray(2, x.dtype)),
        ),
        *(
            Slip(
                "A small number is added inside the logarithm to keep it finite, "
                "which changes the result. Write the log of the quotient as a "
                "difference: x - log(sum(exp(x))).",
                lambda x, small=small: np.log(_softmax(x) + small),
            )
            for small in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
        ),
    ),
)


# ----------------------------------------------------------------------------
# engine/cross_entropy
# ----------------------------------------------------------------------------


def _cross_entropy_cases(rng: Rng) -> Cases:
    yield np.array([[0.0, 1.0, 3.0], [4.0, 0.0, 1.0]], np.float32), np.array([1, 2])
    for dtype, shift in ((np.float32, 0), (np.float64, 0), (np.float64, 1000)):
        N, K = _sizes(rng)
        if rng.integers(2):
            N, K = K, N
        logits = normal(rng, N, K, dtype=dtype) * dtype(2) + dtype(shift)
        yield logits, rng.integers(0, K, N)
    # A label with a softmax of exactly 0.
    logits = np.array([[1000.0, 0.0, 999.0], [1000.0, 1001.0, 0.0]])
    yield Edge((logits, np.array([1, 0])))


def _picked(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return x[np.arange(len(x)), labels]


def _onehot(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.eye(x.shape[1], dtype=x.dtype)[labels]


_loss_slips = (
    Slip(
        "The losses of the examples are summed; the loss is their mean.",
        lambda x, labels: -_picked(engine.log_softmax(x), labels).sum(),
    ),
    Slip(
        "The sign of the loss is turned: the log of a probability is negative, the "
        "loss is minus that.",
        lambda x, labels: _picked(engine.log_softmax(x), labels).mean(),
    ),
    Slip(
        "The sum is divided by N K. One entry of each row counts, so it is divided "
        "by N.",
        lambda x, labels: -_picked(engine.log_softmax(x), labels).mean() / x.shape[1],
    ),
    Slip(
        "All columns that are some example's label are picked in every row. Pair "
        "them: x[np.arange(N), labels] picks one entry of each row.",
        lambda x, labels: -engine.log_softmax(x)[:, labels].mean(),
    ),
    Slip(
        "The logarithm is missing.",
        lambda x, labels: -_picked(_softmax(x), labels).mean(),
    ),
    Slip(
        "The labelled logits are taken as they are, without log-softmax.",
        lambda x, labels: -_picked(x, labels).mean(),
    ),
)


_grad_slips = (
    Slip(
        "The gradient is not divided by N. The loss is a mean over N examples, so "
        "each has a share of 1/N.",
        lambda x, labels: _softmax(x) - _onehot(x, labels),
    ),
    Slip(
        "The 1 at the label is not subtracted: softmax alone is not the gradient, "
        "and each row of it must sum to 0.",
        lambda x, labels: _softmax(x) / len(x),
    ),
    Slip(
        "The sign of the gradient is turned: it is softmax minus one-hot. A step "
        "against it must raise the logit of the label.",
        lambda x, labels: (_onehot(x, labels) - _softmax(x)) / len(x),
    ),
    Slip(
        "The gradient is divided by N K. The loss is a mean over the N rows, not "
        "over all entries.",
        lambda x, labels: (_softmax(x) - _onehot(x, labels)) / x.size,
    ),
    Slip(
        "This is the gradient of the probabilities, -1/p at the label. It has to "
        "go on through the softmax, back to the logits.",
        lambda x, labels: -_onehot(x, labels) / _softmax(x) / len(x),
    ),
    Slip(
        "1 is subtracted from whole columns. Pair rows and labels: "
        "grad[np.arange(N), labels].",
        lambda x, labels: (
            (_softmax(x) - np.isin(np.arange(x.shape[1]), labels)) / len(x)
        ),
    ),
)


_judge_loss_value = judge_by_value("the loss", _loss_slips)


def _judge_loss(args: tuple, output: Any, want: Any) -> Problem | None:
    # A float does not tell that it was computed from float32.
    one = args[0].dtype.type
    return _judge_loss_value(args, one(output), one(want))


# ----------------------------------------------------------------------------
# engine/layer_norm_grad: a planted bug
# ----------------------------------------------------------------------------

_LAYER_NORM_GRAD = """
def layer_norm_grad(grad, x):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return grad / np.sqrt(var + 1e-5)
"""


def _layer_norm_grad_cases(rng: Rng) -> Cases:
    yield (
        np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 5.0]], np.float32),
        np.array([[1.0, 2.0, 6.0], [4.0, 0.0, 5.0]], np.float32),
    )
    for dtype in (np.float32, np.float64):
        shape = _sizes(rng)
        x = normal(rng, *shape, dtype=dtype) * dtype(3) + dtype(2)
        yield normal(rng, *shape, dtype=dtype) + dtype(0.5), x
    # So little variance that the 1e-5 is seen.
    shape = _sizes(rng)
    yield Edge(normal(rng, *shape, dtype=np.float64) * c for c in (1.0, 0.01))


def _norm_slip(formula: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Make a slip from a formula of grad, y and the scale."""

    def wrong(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return formula(grad, centred / scale, scale)

    return wrong


def _mean(a: np.ndarray) -> np.ndarray:
    return a.mean(-1, keepdims=True)


def _without_small(g: np.ndarray, centred: np.ndarray, s: np.ndarray) -> np.ndarray:
    s = np.sqrt(s**2 - 1e-5)
    y = centred / s
    return (g - _mean(g) - y * _mean(g * y)) / s


_judge_layer_norm_grad = judge_by_value(
    "the gradient with respect to x",
    (
        Slip(
            "The mean and the variance are treated as constants. Both depend on x, "
            "so gradient flows through them too. Networks train with this bug.",
            _norm_slip(lambda g, y, s: g / s),
        ),
        Slip(
            "The way through the mean is there, the way through the variance is "
            "still missing: every x of a row changes its variance.",
            _norm_slip(lambda g, y, s: (g - _mean(g)) / s),
        ),
        Slip(
            "The way through the variance is there, the way through the mean is "
            "still missing: every x of a row changes its mean.",
            _norm_slip(lambda g, y, s: (g - y * _mean(g * y)) / s),
        ),
        Slip(
            "Sums stand where means should: the mean and the variance of a row each "
            "hold a factor of 1/F.",
            _norm_slip(
                lambda g, y, s: (
                    (g - g.sum(-1, keepdims=True) - y * (g * y).sum(-1, keepdims=True))
                    / s
                )
            ),
        ),
        Slip(
            "The means are taken over the batch, axis 0. Layer norm works within a "
            "row; batch norm is the one over axis 0.",
            _norm_slip(lambda g, y, s: (g - g.mean(0) - y * (g * y).mean(0)) / s),
        ),
        Slip(
            "The two terms are added. They are subtracted: what moves all of a row "
            "alike does not change y.",
            _norm_slip(lambda g, y, s: (g + _mean(g) + y * _mean(g * y)) / s),
        ),
        Slip(
            "The term of the variance holds mean(g y) but not y itself, which says "
            "how much each x changes the variance.",
            _norm_slip(lambda g, y, s: (g - _mean(g) - _mean(g * y)) / s),
        ),
        Slip(
            "x - mean stands where y should: it is not divided by the standard "
            "deviation.",
            _norm_slip(lambda g, y, s: (g - _mean(g) - y * s * _mean(g * y * s)) / s),
        ),
        Slip(
            "The 1e-5 is not added to the variance under the root. It counts where "
            "a row varies little.",
            _norm_slip(lambda g, y, s: _without_small(g, y * s, s)),
        ),
        Slip(
            "The square root is missing: this divides by the variance.",
            _norm_slip(lambda g, y, s: (g - _mean(g) - y * _mean(g * y)) / s**2),
        ),
    ),
)


# ----------------------------------------------------------------------------
# engine/own_slopes: a value, from the student's own numbers
# ----------------------------------------------------------------------------


def _own_slopes_cases(rng: Rng) -> Cases:
    a, b, c = 2 + frozen(rng).permutation(11)[:3]
    yield float(a), float(b), float(c)


def _walk_of_step_five(a: float, b: float, c: float) -> np.ndarray:
    u = a * b + c
    to_u = (u + a) + ((u + a) + u)
    return np.array([b * to_u + u, a * to_u, to_u])


_judge_own_slopes = judge_by_digits(
    "the slopes in a, b and c",
    "the slopes of your f, an array of three numbers",
    (
        Slip(
            "u receives two gradients, and here the first of them is sent on twice, "
            "as by the walk of step 5. Send on the sum, once.",
            _walk_of_step_five,
        ),
        Slip(
            "u is used twice, and only its use as the first factor is counted. Two "
            "uses, two gradients: add them.",
            lambda a, b, c: _slopes(a, b, c, u_first=1, u_second=0),
        ),
        Slip(
            "u is used twice, and only its use in u + a is counted. Two uses, two "
            "gradients: add them.",
            lambda a, b, c: _slopes(a, b, c, u_first=0, u_second=1),
        ),
        Slip(
            "a is used twice, and only its use in a b is counted. The second factor, "
            "u + a, holds it too.",
            lambda a, b, c: _slopes(a, b, c, a_alone=0),
        ),
        Slip(
            "a is used twice, and only its use in u + a is counted. It is a factor of "
            "u too.",
            lambda a, b, c: _slopes(a, b, c, a_in_u=0),
        ),
        Slip(
            "The slopes of both factors are multiplied. The slope of a product is a "
            "sum: each factor's slope times the other factor.",
            lambda a, b, c: np.array([b * (b + 1), a * a, 1.0]),
        ),
        Slip(
            "The slopes of both factors are added, without the other factor before "
            "each. That is the slope of u + (u + a).",
            lambda a, b, c: np.array([2 * b + 1, 2 * a, 2.0]),
        ),
        Slip(
            "The three numbers are right, but stand in the order c, b, a.",
            lambda a, b, c: engine.own_slopes(a, b, c)[::-1],
        ),
    ),
)


def _slopes(
    a: float,
    b: float,
    c: float,
    u_first: int = 1,
    u_second: int = 1,
    a_in_u: int = 1,
    a_alone: int = 1,
) -> np.ndarray:
    """Take the slopes over some of the ways from f to a, b and c."""
    u = a * b + c
    to_u = u_first * (u + a) + u_second * u
    return np.array([a_in_u * b * to_u + a_alone * u, a * to_u, to_u])


EXERCISES = (
    prediction(
        "engine/guesses",
        "Predict",
        3,
        {
            "visits on a chain of 20 doublings": (1, 1e12),
            "batch norm: NumPy's time / compiled": (0.01, 1000),
            "max-pool: NumPy's time / compiled": (0.01, 1000),
            "test accuracy with a wrong gradient": (0, 1),
        },
    ),
    Exercise(
        "engine/multiply_grad",
        "Back through a product",
        1,
        3,
        engine.multiply_grad,
        _multiply_grad_cases,
        _by_parts(_judge_factor("a", 1), _judge_factor("b", 2)),
    ),
    Exercise(
        "engine/unbroadcast",
        "The gradient of broadcasting",
        2,
        8,
        engine.unbroadcast,
        _unbroadcast_cases,
        _judge_unbroadcast,
        any_shape=True,
    ),
    Exercise(
        "engine/topological_order",
        "Order without numbers",
        3,
        15,
        engine.topological_order,
        _topological_order_cases,
        _judge_topological_order,
        any_shape=True,
    ),
    Exercise(
        "engine/log_softmax",
        "A logarithm that does not overflow",
        2,
        8,
        engine.log_softmax,
        _log_softmax_cases,
        _judge_log_softmax,
    ),
    Exercise(
        "engine/cross_entropy",
        "The fused kernel",
        3,
        15,
        engine.cross_entropy,
        _cross_entropy_cases,
        _by_parts(
            _judge_loss, judge_by_value("the gradient of the logits", _grad_slips)
        ),
    ),
    Exercise(
        "engine/layer_norm_grad",
        "The planted bug",
        2,
        12,
        engine.layer_norm_grad,
        _layer_norm_grad_cases,
        _judge_layer_norm_grad,
        planted=_LAYER_NORM_GRAD,
    ),
    Exercise(
        "engine/own_slopes",
        "Slopes of your own",
        1,
        5,
        engine.own_slopes,
        _own_slopes_cases,
        _judge_own_slopes,
        kind="value",
        personal=True,
    ),
    open_question(
        "engine/checkpoints",
        "Keep less, compute again",
        3,
        60,
        "Predicts, before the run, how memory and time depend on k, with a reason.\n"
        "Measures both for several k on a chain of 100 operations, with units.\n"
        "Shows by gradcheck or by differences that the gradient is the same, and says "
        "where the prediction was wrong.",
    ),
)
