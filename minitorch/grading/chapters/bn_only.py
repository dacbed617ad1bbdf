"""The exercises of the chapter "Only BatchNorm"."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.grading.references.bn_only import (
    as_many,
    count,
    equal_count,
    fold,
    freeze,
    normalise_grad,
    only_norms,
    own_network,
    remove_features,
)
from minitorch.grading.spec import (
    Cases,
    Edge,
    Exercise,
    Problem,
    Rng,
    Slip,
    close,
    frozen,
    judge_by_value,
    normal,
    open_question,
    or_none,
    pattern,
    prediction,
    same_slip,
    show,
)

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP: tuple[str, ...] = ()


def _judge_parts(*parts: tuple[str, tuple[Slip, ...]]) -> Callable[..., Any]:
    """Make a judge of several arrays, each with its name and its slips."""

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        told = (
            judge_by_value(name, slips)(args, output[i], want[i])
            for i, (name, slips) in enumerate(parts)
        )
        return next((problem for problem in told if problem), None)

    return judge


# ----------------------------------------------------------------------------
# bn_only/count
# ----------------------------------------------------------------------------


def _count_cases(rng: Rng) -> Cases:
    yield 14, 1
    yield 32, 16
    for _ in range(3):
        yield 6 * int(rng.integers(2, 20)) + 2, int(rng.integers(3, 15))


def _features(
    depth: int,
    width: int,
    *,
    first: int = 1,
    blocks: int = 2,
    shortcuts: tuple[int, int, int] = (0, 1, 1),
    grows: int = 2,
) -> int:
    n = (depth - 2) // 6
    norms = [blocks * n + each for each in shortcuts]
    return width * (first + sum(k * grows**s for s, k in enumerate(norms)))


def _each_block(depth: int, width: int) -> int:
    n = (depth - 2) // 6
    return _features(depth, width, shortcuts=(0, n, n))


_MISSED = (
    "The norms in the shortcuts of stages 2 and 3 are missing, {} numbers. Who looks "
    'for "bn" in names misses them too: so public counts give 2,272 for depth 32, '
    "where there are 2,464."
)

_count_slips = (
    Slip(
        _MISSED.format("12 W"),
        lambda d, w: 2 * _features(d, w, shortcuts=(0, 0, 0)),
    ),
    Slip(
        "These are the features. Each has a gamma and a beta.",
        lambda d, w: _features(d, w),
    ),
    Slip(
        "Running mean and variance are counted too. They are statistics, not trained: "
        "two numbers a feature are, not four.",
        lambda d, w: 4 * _features(d, w),
    ),
    Slip(
        "The width is not used: this is right for W = 16 only.",
        lambda d, w: 2 * _features(d, 16),
    ),
    Slip(
        "A block has two convolutions, each with its norm. One of them is missing.",
        lambda d, w: 2 * _features(d, w, blocks=1),
    ),
    Slip(
        "The norm of the first convolution is missing, before the stages.",
        lambda d, w: 2 * _features(d, w, first=0),
    ),
    Slip(
        "Stage 1 has no convolution in its shortcut: its images keep their size, and "
        "so no norm there.",
        lambda d, w: 2 * _features(d, w, shortcuts=(1, 1, 1)),
    ),
    Slip(
        "Only the first block of stages 2 and 3 has a norm in its shortcut. The others "
        "keep the size, and hand their input on as it is.",
        lambda d, w: 2 * _each_block(d, w),
    ),
    Slip(
        "Each stage has twice the features of the one before: W, 2 W, 4 W.",
        lambda d, w: 2 * _features(d, w, grows=1),
    ),
    Slip(
        "Each stage has twice the features of the one before: W, 2 W, 4 W.",
        lambda d, w: (
            2 * w * sum((s + 1) * (2 * ((d - 2) // 6) + (s > 0)) for s in (0, 1, 2))
            + 2 * w
        ),
    ),
    Slip(
        "The shortcuts' norms have as many features as their stage, not as the one "
        "before: what is added must have the shape of what it is added to.",
        lambda d, w: 2 * (_features(d, w, shortcuts=(0, 0, 0)) + 3 * w),
    ),
    Slip(
        "The depth was taken for the blocks of a stage. It is 6 n + 2.",
        lambda d, w: 2 * _features(6 * d + 2, w),
    ),
    Slip(
        "A block has two layers, and there are three stages: n is (depth - 2) / 6, not "
        "/ 3.",
        lambda d, w: 2 * _features(6 * ((d - 2) // 3) + 2, w),
    ),
    Slip(
        _MISSED.format("12 W") + " And each feature has a gamma and a beta.",
        lambda d, w: _features(d, w, shortcuts=(0, 0, 0)),
    ),
)


# ----------------------------------------------------------------------------
# bn_only/normalise_grad
# ----------------------------------------------------------------------------


def _grad_cases(rng: Rng) -> Cases:
    yield (
        np.array([[1.0, 2.0], [0.0, -1.0], [0.5, 3.0]]),
        np.array([[1.0, -1.0], [3.0, 0.5], [5.0, 0.0]]),
        np.array([2.0, -0.5]),
        0.5,
    )
    for dtype in (np.float32, np.float64):
        few, more = int(rng.integers(3, 5)), int(rng.integers(6, 9))
        for N, C in ((few, more), (more, few)):
            grad, x = (normal(rng, N, C, dtype=dtype) for _ in range(2))
            yield grad + dtype(0.3), 2 * x + 1, normal(rng, C, dtype=dtype), 0.25
    grad, x = (normal(rng, 6, 3, dtype=np.float64) for _ in range(2))
    yield grad, 2 * x + 1, normal(rng, 3, dtype=np.float64), 1e-5
    # A feature that is the same for all.
    x[:, 1] = 0.5
    yield Edge((grad, x, np.array([1.0, -2.0, 0.5]), 0.1))


def _back(
    grad: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    eps: float,
    *,
    ddof: int = 0,
    spread: Callable[..., np.ndarray] = lambda var, eps: np.sqrt(var + eps),
    by_mean: float = 1,
    by_spread: float = 1,
    axis: int | None = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Go back through a norm with known slips, or without."""
    s = spread(x.var(0, ddof=ddof), eps)
    z = (x - x.mean(0)) / s
    inner = grad - by_mean * grad.mean(axis=axis, keepdims=True)
    inner = inner - by_spread * z * (grad * z).mean(axis=axis, keepdims=True)
    return gamma / s * inner, (grad * z).sum(0), grad.sum(0)


_CONSTANTS = (
    "Mean and variance are taken for constants. Each x of the batch moves both, and so "
    "all z: two corrections are missing, - mean(grad) and - z mean(grad z)."
)
_BATCHS = (
    "The variance is that of the batch, divided by N: x.var(axis=0). (Divided by "
    "N - 1 is the one kept for tests.)"
)
_ROOT = "eps stands outside of the root. It is added to the variance: sqrt(var + eps)."
_NO_EPS = "eps is missing: the spread is sqrt(var + eps)."
_NO_ROOT = "The root is missing: z is divided by sqrt(var + eps)."
_FEATURES = "Means and sums are taken over the batch, axis 0, for each feature alone."

# Slips that reach both dx and dgamma.
_spreads: tuple[tuple[str, dict[str, Any]], ...] = (
    (_BATCHS, {"ddof": 1}),
    (_ROOT, {"spread": lambda var, eps: np.sqrt(var) + eps}),
    (_NO_EPS, {"spread": lambda var, eps: np.sqrt(var)}),
    (_NO_ROOT, {"spread": lambda var, eps: var + eps}),
)


def _slip_of_back(cause: str, i: int, **how: Any) -> Slip:
    return Slip(cause, lambda g, x, w, eps: _back(g, x, w, eps, **how)[i])


_dx_slips = (
    _slip_of_back(_CONSTANTS, 0, by_mean=0, by_spread=0),
    _slip_of_back(
        "Only the mean's correction is there. The variance moves too: - z mean(grad z) "
        "is missing.",
        0,
        by_spread=0,
    ),
    _slip_of_back(
        "Only the variance's correction is there. The mean moves too: - mean(grad) is "
        "missing.",
        0,
        by_mean=0,
    ),
    *(_slip_of_back(cause, 0, **how) for cause, how in _spreads),
    *(
        _slip_of_back(f"{_CONSTANTS} And: {cause}", 0, by_mean=0, by_spread=0, **how)
        for cause, how in _spreads
    ),
    _slip_of_back(
        "The corrections are added. They are taken away: dx sums to 0 over the batch.",
        0,
        by_mean=-1,
        by_spread=-1,
    ),
    _slip_of_back(
        "The variance's correction is added. It is taken away.", 0, by_spread=-1
    ),
    _slip_of_back("The mean's correction is added. It is taken away.", 0, by_mean=-1),
    Slip(
        "gamma is missing: the gradient of z is gamma times that of y.",
        lambda g, x, w, eps: _back(g, x, w * 0 + 1, eps)[0],
    ),
    Slip(
        "The spread is missing: dx is divided by sqrt(var + eps).",
        lambda g, x, w, eps: _back(g, x, w * np.sqrt(x.var(0) + eps), eps)[0],
    ),
    Slip(
        "The corrections are sums. They are means over the batch: divide by N.",
        lambda g, x, w, eps: _back(g, x, w, eps, by_mean=len(x), by_spread=len(x))[0],
    ),
    Slip(
        "The corrections take x - mean for z. z is divided by the spread.",
        lambda g, x, w, eps: (
            w
            / np.sqrt(x.var(0) + eps)
            * (g - g.mean(0) - (x - x.mean(0)) * (g * (x - x.mean(0))).mean(0))
        ),
    ),
    _slip_of_back(_FEATURES, 0, axis=1),
    _slip_of_back(_FEATURES, 0, axis=None),
)
_dgamma_slips = (
    *(_slip_of_back(cause, 1, **how) for cause, how in _spreads),
    Slip(
        "This is the sum of grad times x. gamma scales z, the standardised x.",
        lambda g, x, w, eps: (g * x).sum(0),
    ),
    Slip(
        "This is the sum of grad times x - mean. gamma scales z, which is divided by "
        "the spread too.",
        lambda g, x, w, eps: (g * (x - x.mean(0))).sum(0),
    ),
    Slip(
        "The mean was taken. Every row of the batch uses gamma, which gets the sum.",
        lambda g, x, w, eps: _back(g, x, w, eps)[1] / len(x),
    ),
    Slip(
        "gamma itself is in it. The derivative of gamma z by gamma is z.",
        lambda g, x, w, eps: _back(g, x, w, eps)[1] * w,
    ),
    Slip("This is the gradient of beta.", lambda g, x, w, eps: g.sum(0)),
)
_dbeta_slips = (
    Slip(
        "The mean was taken. Every row of the batch uses beta, which gets the sum.",
        lambda g, x, w, eps: g.mean(0),
    ),
    Slip(
        "beta comes after gamma: its gradient has no gamma in it.",
        lambda g, x, w, eps: w * g.sum(0),
    ),
    Slip("This is the gradient of gamma.", lambda g, x, w, eps: _back(g, x, w, eps)[1]),
)


# ----------------------------------------------------------------------------
# bn_only/freeze
# ----------------------------------------------------------------------------

Pieces = dict[str, tuple[int, ...]]


def _net(rng: Rng) -> Pieces:
    """Pieces of a network, some with names that mislead."""
    C, O = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])
    bn = str(rng.choice(["bn1", "norm1", "layer1.bn"]))
    return {
        "conv.weight": (C, 2, 2),
        f"{bn}.gamma": (C,),
        f"{bn}.beta": (C,),
        "prenorm.weight": (O, C),
        "block.shortcut.0.weight": (O, C),
        "block.shortcut.1.gamma": (O,),
        "block.shortcut.1.beta": (O,),
        "gamma_bn.weight": (2, O),
        "gamma_bn.bias": (2,),
        "dense.weight": (3, 2),
        "dense.bias": (3,),
    }


def _freeze_cases(rng: Rng) -> Cases:
    for dtype in (np.float64, np.float32):
        for pieces in (_net(np.random.default_rng(1)), _net(rng)):
            D = sum(map(math.prod, pieces.values()))
            F = sum(math.prod(s) for n, s in pieces.items() if n.endswith("gamma"))
            theta, grad, speed = (normal(rng, D, dtype=dtype) for _ in range(3))
            running, batch = (
                np.stack([normal(rng, F, dtype=dtype), rng.uniform(0.5, 2, F)])
                for _ in range(2)
            )
            running, batch = running.astype(dtype), batch.astype(dtype)
            yield theta, grad, speed, pieces, running, batch, 0.25, 0.125
    # A network without norms learns nothing.
    pieces = {"dense.weight": (2, 3), "dense.bias": (2,)}
    nothing = np.zeros((2, 0))
    theta, grad, speed = (normal(rng, 8, dtype=np.float64) for _ in range(3))
    yield Edge((theta, grad, speed, pieces, nothing, nothing, 0.25, 0.125))


Rule = Callable[[str, tuple[int, ...]], bool]


def _norms(name: str, shape: tuple[int, ...]) -> bool:
    return name.endswith((".gamma", ".beta"))


def _where(pieces: Pieces, rule: Rule) -> np.ndarray:
    parts = [np.full(math.prod(s), rule(n, s)) for n, s in pieces.items()]
    return np.concatenate(parts)


def _stepped(
    theta: np.ndarray,
    grad: np.ndarray,
    speed: np.ndarray,
    pieces: Pieces,
    running: np.ndarray,
    batch: np.ndarray,
    lr: float,
    decay: float,
    *,
    rule: Rule = _norms,
    masked: str = "step",
    way: str = "sgd",
) -> tuple[np.ndarray, np.ndarray]:
    """Give theta and speed after a step with known slips, or without."""
    on = _where(pieces, rule)
    on_speed, on_grad, on_decay = (on | (word not in masked) for word in _PARTS)
    pull = decay * on_decay * theta
    later = way == "decay later"
    new = 0.9 * on_speed * speed + on_grad * grad + (0 if later else pull)
    if way == "no decay":
        new = 0.9 * on_speed * speed + on_grad * grad
    elif way == "no momentum":
        new = on_grad * grad + pull
    elif way == "dampened":
        new = 0.9 * on_speed * speed + 0.1 * (on_grad * grad + pull)
    elif way == "decay by the rate":
        new = 0.9 * on_speed * speed + on_grad * grad + lr * pull
    moved = lr * ({"old speed": speed}.get(way, new) + later * pull)
    after = theta + moved if way == "uphill" else theta - moved
    return np.where(on | ("step" not in masked), after, theta), new


_PARTS = ("speed", "grad", "decay")
_BY_NAME = (
    "Norms were looked for by {}. That {}: a norm's pieces end in .gamma and .beta, "
    "whatever comes before."
)
_MASKED = (
    "Setting the gradient of frozen weights to 0 is not enough: {} them all the same. "
    "Mask the step, so that frozen weights stay to the last bit."
)

# Which weights are trained.
_rules: tuple[tuple[str, Rule], ...] = (
    (
        _BY_NAME.format(
            '"norm" in names',
            "takes a layer that is called prenorm, and misses norms of another name",
        ),
        lambda name, shape: "norm" in name,
    ),
    (
        _BY_NAME.format('"bn" in names', "misses the norm in the shortcut"),
        lambda name, shape: "bn" in name and _norms(name, shape),
    ),
    (
        _BY_NAME.format('"norm" in names', "misses norms of another name"),
        lambda name, shape: "norm" in name and _norms(name, shape),
    ),
    (
        _BY_NAME.format('"bn" or "norm" in names', "misses the norm in the shortcut"),
        lambda name, shape: ("bn" in name or "norm" in name) and _norms(name, shape),
    ),
    (
        _BY_NAME.format(
            '"bn" in names',
            "takes a layer that is called gamma_bn, and "
            "misses the norm in the shortcut",
        ),
        lambda name, shape: "bn" in name,
    ),
    (
        _BY_NAME.format(
            '"bn" or "norm" in names',
            "takes layers that are no norms, and misses the norm in the shortcut",
        ),
        lambda name, shape: "bn" in name or "norm" in name,
    ),
    (
        _BY_NAME.format(
            '"gamma" and "beta" in names', "takes a layer that is called gamma_bn"
        ),
        lambda name, shape: "gamma" in name or "beta" in name,
    ),
    (
        "All pieces with one axis were taken for a norm's. A bias is one too, and is "
        "frozen.",
        lambda name, shape: len(shape) == 1,
    ),
    (
        "Only gammas were trained. The betas are the norms' too.",
        lambda name, shape: name.endswith(".gamma"),
    ),
    (
        "Only betas were trained. The gammas are the norms' too.",
        lambda name, shape: name.endswith(".beta"),
    ),
    (
        "The mask is turned round: the norms are frozen, and all else is trained.",
        lambda name, shape: not _norms(name, shape),
    ),
    (
        "The last layer was trained too. Only norms are.",
        lambda name, shape: _norms(name, shape) or name.startswith("dense."),
    ),
)
# What a mask leaves out.
_masks: tuple[tuple[str, str], ...] = (
    ("All weights were trained. Only the norms are.", ""),
    (_MASKED.format("what the momentum remembers and the decay move"), "grad"),
    (_MASKED.format("what the momentum remembers moves"), "grad, decay"),
    (_MASKED.format("the decay moves"), "speed, grad"),
)
# How the step is made.
_ways: tuple[tuple[str, str], ...] = (
    (
        "The decay went by the speed, straight to theta. Here it is part of the "
        "gradient: decay times theta is in the speed.",
        "decay later",
    ),
    ("The decay is missing: decay times theta is added to the gradient.", "no decay"),
    (
        "The speed is missing: it becomes 0.9 of itself plus gradient plus decay times "
        "theta, and theta goes back by the rate times that.",
        "no momentum",
    ),
    (
        "theta moved by the old speed. First the speed becomes new, then theta goes.",
        "old speed",
    ),
    (
        "Only a tenth of the gradient came in. The new speed is 0.9 of the old, plus "
        "all of gradient and decay.",
        "dampened",
    ),
    (
        "The decay was multiplied by the rate before it came into the speed. The rate "
        "comes last, for the whole speed.",
        "decay by the rate",
    ),
    ("The step goes uphill: theta minus the rate times the speed.", "uphill"),
)


def _slip_of_step(i: int, cause: str, **how: Any) -> Slip:
    return Slip(cause, lambda *args: _stepped(*args, **how)[i])


def _step_slips(i: int) -> tuple[Slip, ...]:
    return (
        *(_slip_of_step(i, cause, rule=rule) for cause, rule in _rules),
        *(_slip_of_step(i, cause, masked=masked) for cause, masked in _masks),
        *(_slip_of_step(i, cause, way=way) for cause, way in _ways),
        *(
            _slip_of_step(i, f"{told} And: {cause}", masked=masked, way=way)
            for (told, masked), (cause, way) in itertools.product(_masks, _ways)
        ),
    )


_STATISTICS = (
    "The running statistics were frozen with the weights. They are no weights: without "
    "them a test would standardise by what the network was before it learned."
)

_running_slips = (
    Slip(_STATISTICS, lambda *args: args[4]),
    Slip(
        "The batch's statistics took the place of the running ones. They come in by a "
        "tenth: 0.9 running + 0.1 batch.",
        lambda *args: args[5],
    ),
    Slip(
        "0.9 and 0.1 are mixed up: a tenth is new, and nine tenths stay.",
        lambda *args: 0.1 * args[4] + 0.9 * args[5],
    ),
    Slip(
        "The parts do not add up to 1: 0.9 running + 0.1 batch.",
        lambda *args: 0.9 * args[4] + args[5],
    ),
    Slip(
        "Only the mean moved. The variance is a running statistic too.",
        lambda *args: np.stack([0.9 * args[4][0] + 0.1 * args[5][0], args[4][1]]),
    ),
    Slip(
        "The statistics moved by the learning rate. Their step is a tenth.",
        lambda *args: (1 - args[6]) * args[4] + args[6] * args[5],
    ),
    Slip(
        "The statistics were decayed. They are no weights: 0.9 running + 0.1 batch.",
        lambda *args: 0.9 * args[4] + 0.1 * args[5] - args[6] * args[7] * args[4],
    ),
)


def _judge_freeze(args: tuple, output: Any, want: Any) -> Problem | None:
    theta, pieces = args[0], args[3]
    on = _where(pieces, _norms)
    moved = (output[0] != theta) & ~on
    if moved.any():
        starts = np.cumsum([0, *map(math.prod, pieces.values())])
        piece = int(np.searchsorted(starts, moved.argmax(), side="right")) - 1
        name = list(pieces)[piece]
        part = slice(*starts[piece : piece + 2])
        by = np.abs(output[0] - theta)[part].max()
        return Problem(
            f"{name} after the step, which is frozen",
            f"weights that have moved by up to {by:.4g}",
            "the weights before it, to the last bit",
            same_slip(args, output[0], _step_slips(0)),
        )
    names = "theta of the norms", "the speed of the norms"
    for i, name in enumerate(names):
        got, right = output[i][on], want[i][on]
        if not close(got, right):
            off = np.abs(got - right)
            place = int(np.flatnonzero(on)[off.argmax()])
            slips = _step_slips(i)
            cause = next(
                (slip.cause for slip in slips if close(got, slip.wrong(*args)[on])),
                "",
            )
            if i == 0 and not cause and close(got, theta[on]):
                cause = "Norms stay as they were."
            if i == 1 and close(got, args[2][on]):
                cause = "This is the old speed."
            return Problem(
                f"{name} after the step, where it is furthest off (entry {place})",
                f"{output[i][place]:.6g}",
                f"{want[i][place]:.6g}",
                cause or pattern(got, right),
            )
    statistics = judge_by_value("running mean and variance", _running_slips)
    return statistics(args, output[2], want[2])


# ----------------------------------------------------------------------------
# bn_only/equal_count
# ----------------------------------------------------------------------------


def _equal_cases(rng: Rng) -> Cases:
    yield (
        np.array([[0.5, -0.25, 2.0, 1.0], [3.0, -4.0, 0.125, 6.0]]),
        np.array([[0.7, 0.55, 0.9, 0.3], [0.2, 0.6, 0.25, 0.28]]),
        np.array([[10.0, 20.0], [30.0, 40.0]]),
    )
    for dtype in (np.float32, np.float64):
        few, more = int(rng.integers(3, 5)), int(rng.integers(6, 9))
        for shape in ((few, more), (more, few), (few, 2, 3, 4)):
            told = [s for s in _equal_slips if s.cause != _KERNEL or len(shape) > 2]
            W, phi = normal(rng, *shape, dtype=dtype), normal(rng, shape[0], 2)
            fit = False
            while not fit:
                u = rng.random(shape).astype(dtype)
                args = W, u, phi.astype(dtype)
                want = equal_count(*args)
                fit = not any(close(s.wrong(*args), want) for s in told)
            yield args
    # Two weights a feature: both are trained.
    yield Edge((normal(rng, 3, 2), rng.random((3, 2)), normal(rng, 3, 2)))


def _filled(W: np.ndarray, places: np.ndarray, phi: np.ndarray) -> np.ndarray:
    rows = W.reshape(len(W), -1).copy()
    np.put_along_axis(rows, places, phi[:, : places.shape[1]], axis=1)
    return rows.reshape(W.shape)


def _places(W: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.argsort(u.reshape(len(W), -1), axis=1, kind="stable")


def _over_the_layer(W: np.ndarray, u: np.ndarray, phi: np.ndarray) -> np.ndarray:
    new = W.ravel().copy()
    new[np.argsort(u, axis=None)[: phi.size]] = phi.ravel()
    return new.reshape(W.shape)


def _drawn_twice(W: np.ndarray, u: np.ndarray, phi: np.ndarray) -> np.ndarray:
    rows = u.reshape(len(u), -1)
    return _filled(W, (rows[:, :2] * rows.shape[1]).astype(int), phi)


def _rows_of_kernels(W: np.ndarray, u: np.ndarray, phi: np.ndarray) -> np.ndarray:
    new = W.copy()
    rows = new.reshape(-1, W.shape[-1])
    order = np.argsort(u.reshape(rows.shape), axis=1, kind="stable")
    np.put_along_axis(rows[: len(phi)], order[: len(phi), :2], phi, axis=1)
    return rows.reshape(W.shape)


_THE_REST = (
    "All other weights are 0. They are frozen as they were drawn: the control starts "
    "from the same random network."
)
_KERNEL = (
    "Rows of a kernel were taken for features. A feature is a whole filter: "
    "W.reshape(len(W), -1)."
)
_ONE_CHOICE = "All features train the same two places. Each draws its own, by its row."
_ORDER = (
    "argsort names the places from where u is smallest. Its argsort, or the numbers of "
    "u themselves, are no places."
)

_equal_slips = (
    Slip(
        "The two numbers stand the wrong way round: the first goes where u is "
        "smallest.",
        lambda W, u, phi: _filled(W, _places(W, u)[:, :2], phi[:, ::-1]),
    ),
    Slip(
        "The two places are right, but not which number stands in which: the first "
        "goes where u is smallest, wherever in the row that is. (np.argpartition finds "
        "both, in no order.)",
        lambda W, u, phi: _filled(W, np.sort(_places(W, u)[:, :2], axis=1), phi),
    ),
    Slip(
        "The numbers went where u is largest. They go where it is smallest.",
        lambda W, u, phi: _filled(W, _places(W, -u)[:, :2], phi),
    ),
    Slip(
        "The numbers went where u is largest. They go where it is smallest.",
        lambda W, u, phi: _filled(W, _places(W, u)[:, -2:], phi),
    ),
    Slip(_THE_REST, lambda W, u, phi: _filled(0 * W, _places(W, u)[:, :2], phi)),
    Slip(
        "The trained numbers were added to the weights. They take their place.",
        lambda W, u, phi: W + _filled(0 * W, _places(W, u)[:, :2], phi),
    ),
    Slip(
        "The places were drawn from the whole layer: as many in all, but some features "
        "got more than two and some none. Each has two.",
        _over_the_layer,
    ),
    Slip(
        "One weight a feature was trained. gamma and beta are two numbers.",
        lambda W, u, phi: _filled(W, _places(W, u)[:, :1], phi),
    ),
    Slip(
        _ONE_CHOICE,
        lambda W, u, phi: _filled(W, np.tile(_places(W, u)[0, :2], (len(W), 1)), phi),
    ),
    Slip(
        "The first two weights of each feature were trained. They are drawn by u.",
        lambda W, u, phi: _filled(W, np.tile([0, 1], (len(W), 1)), phi),
    ),
    Slip(
        _ORDER,
        or_none(
            lambda W, u, phi: _filled(W, _places(W, u).argsort(axis=1)[:, :2], phi)
        ),
    ),
    Slip(
        "Places were drawn with replacement, so a feature may draw one twice and train "
        "one number less: the counts are no longer equal. Take the two smallest of u.",
        _drawn_twice,
    ),
    Slip(
        _KERNEL,
        or_none(_rows_of_kernels),
    ),
    Slip(
        "No trained number is in it: these are the frozen weights.",
        lambda W, u, phi: W,
    ),
    Slip(
        _THE_REST + " And the two numbers stand the wrong way round.",
        lambda W, u, phi: _filled(0 * W, _places(W, u)[:, :2], phi[:, ::-1]),
    ),
)


def _judge_equal(args: tuple, output: Any, want: Any) -> Problem | None:
    W, _, _ = args
    if np.array_equal(output, want):
        return None
    cause = same_slip(args, output, _equal_slips)
    rows = [each.reshape(len(W), -1) for each in (W, output, want)]
    changed = (rows[0] != rows[1]).sum(axis=1)
    if (changed != 2).any():
        row = int((changed != 2).argmax())
        return Problem(
            f"how many weights of feature {row} are not what they were",
            f"{changed[row]} of {rows[0].shape[1]}",
            "2, its own trained numbers",
            cause,
        )
    row, place = (int(i[0]) for i in np.nonzero(rows[1] != rows[2]))
    return Problem(
        f"weight {place} of feature {row}",
        f"{rows[1][row, place]:.6g}",
        f"{rows[2][row, place]:.6g}",
        cause,
    )


# ----------------------------------------------------------------------------
# bn_only/remove_features
# ----------------------------------------------------------------------------


def _remove_cases(rng: Rng) -> Cases:
    yield (
        np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]),
        np.array(
            [
                [0.5, 0.0, -0.4, 0.02, 0.3],
                [0.01, 3.0, 0.7, -0.03, 0.6],
                [0.3, 1.0, 0.2, -1.0, 0.1],
                [1.0, 2.0, 0.04, 1.5, 0.6],
            ]
        ),
        np.array([[1.0, 10.0, 2.0, 20.0, 3.0], [-1.0, -4.0, -5.0, 6.0, 2.0]]),
        np.array([0.5, 0.25]),
        0.05,
    )
    for dtype in (np.float32, np.float64):
        n, K, more = (int(k) for k in rng.permutation([2, 3, 4, 5])[:3])
        C = 8 + more
        fit = False
        while not fit:
            gamma = rng.permutation(np.linspace(-0.97, 1.03, C))
            beta, small = rng.normal(size=C), np.abs(gamma) < 0.4
            beta[np.flatnonzero(small)[:2]] = 0.7, -1.3
            beta[np.flatnonzero(~small)[:2]] = 0.2, -0.1
            norm = np.stack([gamma, beta, rng.normal(size=C), rng.uniform(0.2, 2, C)])
            told = [keep(norm, 0.4) for cause, keep in _keeps if cause != _EXACTLY]
            fit = not any(np.array_equal(each, ~small) for each in told)
        yield (
            normal(rng, C, n, dtype=dtype),
            norm.astype(dtype),
            normal(rng, K, C, dtype=dtype),
            normal(rng, K, dtype=dtype),
            0.4,
        )
    # Nothing is small.
    W, V, c = normal(rng, 4, 3), normal(rng, 2, 4), normal(rng, 2)
    norm = np.abs(normal(rng, 4, 4)) + 1
    yield W, norm, V, c, 0.5
    # Exactly at the threshold: not below it.
    norm[0] = [0.5, -0.5, 0.25, 1.0]
    yield Edge((W, norm, V, c, 0.5))


def _shorter(
    W: np.ndarray,
    norm: np.ndarray,
    V: np.ndarray,
    c: np.ndarray,
    threshold: float,
    *,
    keep: Callable[..., np.ndarray] = lambda norm, t: np.abs(norm[0]) >= t,
    says: str = "relu",
    really: bool = True,
) -> tuple[np.ndarray, ...]:
    """Take features out with known slips, or without."""
    on = keep(norm, threshold)
    gamma, beta, mean, var = norm
    values = {
        "relu": np.maximum(beta, 0) * ~on,
        "nothing": 0 * beta,
        "beta": beta * ~on,
        "of those kept": np.maximum(beta, 0) * on,
        "of all": np.maximum(beta, 0),
        "statistics": np.maximum(beta - gamma * mean / np.sqrt(var + 1e-5), 0) * ~on,
        "minus": -np.maximum(beta, 0) * ~on,
    }
    if says == "unweighed":
        shift = (np.maximum(beta, 0) * ~on).sum() + 0 * c
    elif says == "relu of all":
        shift = np.maximum(V @ (beta * ~on), 0)
    else:
        shift = V @ values[says]
    if not really:
        norm = np.stack([gamma * on, beta, mean, var])
        return W, norm, V * on if says == "relu" else V, c + shift
    return W[on], norm[:, on], V[:, on], c + shift


_CONSTANT = (
    "relu(beta) of the features that were taken out is lost. With gamma = 0 a feature "
    "still says that, of every input: V[:, ~keep] @ relu(beta[~keep]) goes to c."
)
_EXACTLY = "A gamma exactly at the threshold is not below it: its feature stays."
_SIGN = (
    "Negative gammas were taken for small. A feature is small if |gamma| is: np.abs."
)

_keeps: tuple[tuple[str, Callable[..., np.ndarray]], ...] = (
    (_EXACTLY, lambda norm, t: np.abs(norm[0]) > t),
    (_SIGN, lambda norm, t: norm[0] >= t),
    (
        "Features were judged by beta. It is gamma that lets the input through.",
        lambda norm, t: np.abs(norm[1]) >= t,
    ),
    (
        "Features were judged by gamma and beta together. It is gamma alone that lets "
        "the input through.",
        lambda norm, t: (np.abs(norm[0]) >= t) | (np.abs(norm[1]) >= t),
    ),
    (
        "The wrong ones are left: these are the features that are small.",
        lambda norm, t: np.abs(norm[0]) < t,
    ),
    (
        "Features were judged by their slope, gamma over the spread. The threshold is "
        "for gamma.",
        lambda norm, t: np.abs(norm[0] / np.sqrt(norm[3])) >= t,
    ),
    (
        "Features were judged by gamma squared. The threshold is for |gamma|.",
        lambda norm, t: norm[0] ** 2 >= t,
    ),
    (
        "The running variance was taken for gamma. The rows of norm are gamma, beta, "
        "mean and variance.",
        lambda norm, t: np.abs(norm[3]) >= t,
    ),
)
_saids = (
    (_CONSTANT, "nothing"),
    (
        "beta came through without the ReLU. A feature with a negative beta says 0.",
        "beta",
    ),
    (
        "relu(beta) of the features that stay was added. They say it themselves; it is "
        "those that are taken out that no longer do.",
        "of those kept",
    ),
    (
        "relu(beta) of all features was added. Those that stay say it themselves.",
        "of all",
    ),
    (
        "Running statistics are in the constant. The norm takes its mean off: with "
        "gamma = 0 what is left is beta, and relu(beta) after the ReLU.",
        "statistics",
    ),
    ("The constant was taken away from c. It is added: V h holds it.", "minus"),
    (
        "relu(beta) was summed without the next layer's weights: V[:, ~keep] @ ...",
        "unweighed",
    ),
    (
        "The ReLU comes before V, not after it: each feature's beta goes through it "
        "alone.",
        "relu of all",
    ),
)
_STILL_THERE = (
    "The features are still there, with a gamma of 0. Take them out: the row of W, the "
    "columns of norm and V. Smaller matrices are what is saved."
)


def _slip_of_removal(i: int, cause: str, **how: Any) -> Slip:
    return Slip(cause, lambda *args: _shorter(*args, **how)[i])


def _removal_slips(i: int) -> tuple[Slip, ...]:
    if i == 3:  # the right ones are out: what is left of them is wrong
        return tuple(_slip_of_removal(i, cause, says=says) for cause, says in _saids)
    return (
        _slip_of_removal(i, _STILL_THERE, says="relu", really=False),
        _slip_of_removal(i, _STILL_THERE, says="nothing", really=False),
        *(_slip_of_removal(i, cause, keep=keep) for cause, keep in _keeps),
    )


def _judge_removal(args: tuple, output: Any, want: Any) -> Problem | None:
    parts = "W", "norm", "V", "the bias c"
    for i, name in enumerate(parts):
        got, right = output[i], want[i]
        if close(got, right):
            continue
        cause = same_slip(args, got, _removal_slips(i))
        if got.shape == right.shape:
            problem = judge_by_value(name)(args, got, right)
            assert problem is not None
            return problem._replace(cause=cause or problem.cause)
        if not cause and got.size == right.size:
            cause = "A transpose is missing, or is one too many."
        return Problem(
            f"the shape of {name}, of {right.shape[i > 0]} features that are left",
            str(got.shape),
            str(right.shape),
            cause,
        )
    return None


# ----------------------------------------------------------------------------
# bn_only/as_many
# ----------------------------------------------------------------------------


def _many_cases(rng: Rng) -> Cases:
    yield (
        np.array(
            [[True, False, False, False, True], [False, False, True, False, False]]
        ),
        np.array([[0.3, 0.8, 0.1, 0.5, 0.35], [0.9, 0.05, 0.6, 0.7, 0.2]]),
    )
    for _ in range(3):
        fit = False
        while not fit:
            L, C = int(rng.integers(3, 5)), int(rng.integers(8, 12))
            many = rng.permutation([1, 2, 4, 5])[:L]
            off = rng.permuted(np.arange(C) < many[:, None], axis=1)
            args = off, rng.random((L, C))
            want = as_many(*args)
            fit = not any(np.array_equal(s.wrong(*args), want) for s in _many_slips)
        yield args
    # None is off, and all are.
    off = np.array([[False] * 4, [True] * 4])
    yield Edge((off, rng.random((2, 4))))


def _ranks(u: np.ndarray) -> np.ndarray:
    return u.argsort(axis=1, kind="stable").argsort(axis=1)


def _in_each(off: np.ndarray) -> np.ndarray:
    return np.asarray(off.sum(axis=1, keepdims=True))


_many_slips = (
    Slip(
        "The count is that of all layers together: some lose more than they have off, "
        "and some fewer. Count layer by layer, axis=1.",
        lambda off, u: (u.ravel().argsort().argsort() < off.sum()).reshape(off.shape),
    ),
    Slip(
        "Every layer got the same count. Each has its own: off.sum(axis=1).",
        lambda off, u: _ranks(u) < off.sum() // len(off),
    ),
    Slip(
        "Every layer got the same count. Each has its own: off.sum(axis=1).",
        lambda off, u: _ranks(u) < off.sum(),
    ),
    Slip(
        "Every layer got the same count. Each has its own: off.sum(axis=1).",
        lambda off, u: _ranks(u) < off[0].sum(),
    ),
    Slip(
        "The features that are off were left out of the draw. The control draws from "
        "all of a layer, so some of those may come again.",
        lambda off, u: _ranks(np.where(off, np.inf, u)) < _in_each(off),
    ),
    Slip(
        "These are the features that are off. Wanted are as many random ones.",
        lambda off, u: off,
    ),
    Slip(
        "The features that are off were shuffled by u: as many, but not those where u "
        "is smallest. Choose by the rank of u alone.",
        lambda off, u: np.take_along_axis(off, u.argsort(axis=1), axis=1),
    ),
    Slip(
        "As many are chosen as are on. Wanted are as many as are off.",
        lambda off, u: _ranks(u) < _in_each(~off),
    ),
    Slip(
        "The others are chosen: True stands for the features that are taken out.",
        lambda off, u: _ranks(u) >= _in_each(off),
    ),
    Slip(
        "The features where u is largest were chosen. It is those where it is "
        "smallest.",
        lambda off, u: _ranks(-u) < _in_each(off),
    ),
    Slip(
        "Each feature was chosen with a probability, u < share: so the count is right "
        "on average only. It has to be exact.",
        lambda off, u: u < off.mean(axis=1, keepdims=True),
    ),
    Slip(
        "Each feature was chosen with a probability, u < share: so the count is right "
        "on average only. It has to be exact.",
        lambda off, u: u < off.mean(),
    ),
    Slip(
        "argsort was taken for the ranks. It names the places from where u is "
        "smallest; the rank of each place is its argsort again.",
        lambda off, u: u.argsort(axis=1) < _in_each(off),
    ),
    Slip(
        "All layers drew by the first row of u. Each has its own.",
        lambda off, u: _ranks(np.tile(u[0], (len(u), 1))) < _in_each(off),
    ),
)


def _judge_many(args: tuple, output: Any, want: Any) -> Problem | None:
    off, u = args
    if np.array_equal(output, want):
        return None
    cause = same_slip(args, output, _many_slips)
    got, right = output.sum(axis=1), off.sum(axis=1)
    if (got != right).any():
        layer = int((got != right).argmax())
        return Problem(
            f"how many features of layer {layer} are chosen",
            f"{got[layer]} of {off.shape[1]}",
            f"{right[layer]}, as many as are off",
            cause,
        )
    layer, feature = (int(i[0]) for i in np.nonzero(output != want))
    return Problem(
        f"whether feature {feature} of layer {layer} is chosen, whose u is "
        f"{u[layer, feature]:.4g}, the {_ranks(u)[layer, feature] + 1}. smallest",
        str(output[layer, feature]),
        f"{want[layer, feature]}: {right[layer]} of that layer are off",
        cause,
    )


# ----------------------------------------------------------------------------
# bn_only/fold
# ----------------------------------------------------------------------------


def _fold_cases(rng: Rng) -> Cases:
    yield (
        np.array([6.0, -3.0]),
        np.array([1.0, 0.5]),
        np.array([1.5, -2.0]),
        np.array([3.0, 8.0]),
        1.0,
    )
    for dtype in (np.float32, np.float64):
        C = int(rng.integers(3, 8))
        parts = [normal(rng, C, dtype=dtype) + dtype(0.2) for _ in range(3)]
        yield *parts, rng.uniform(0.5, 4, C).astype(dtype), 0.25
    parts = [normal(rng, 4, dtype=np.float64) for _ in range(3)]
    yield *parts, rng.uniform(0.5, 4, 4), 1e-5
    # A feature that never varied.
    yield Edge((*parts, np.array([1.0, 0.0, 2.0, 3.0]), 0.5))


_UNDIVIDED = "The root is missing: gamma is divided by sqrt(var + eps)."
_spread_slips: tuple[tuple[str, Callable[..., np.ndarray]], ...] = (
    (_NO_EPS, lambda v, eps: np.sqrt(v)),
    (_UNDIVIDED, lambda v, eps: v + eps),
    (_ROOT, lambda v, eps: np.sqrt(v) + eps),
    (_UNDIVIDED + " And eps is missing.", lambda v, eps: v),
    (
        "gamma is multiplied by the spread. It is divided by it.",
        lambda v, eps: 1 / np.sqrt(v + eps),
    ),
)
_LEFT = (
    "This is {} times too large: it still counts on a variance of 1 that something is "
    "divided by, eps added. A line a x + b divides by nothing."
)
_slope_slips = (
    *(
        Slip(cause, lambda g, b, m, v, eps, spread=spread: g / spread(v, eps))
        for cause, spread in _spread_slips
    ),
    Slip(
        "This is gamma. What stands before x is divided by the spread too.",
        lambda g, b, m, v, eps: g,
    ),
    Slip("gamma is missing.", lambda g, b, m, v, eps: 1 / np.sqrt(v + eps)),
    Slip(
        _LEFT.format("sqrt(1 + eps)"),
        lambda g, b, m, v, eps: g * np.sqrt((1 + eps) / (v + eps)),
    ),
    Slip(
        "This is the shift b. First comes the slope a.",
        lambda g, b, m, v, eps: b - g * m / np.sqrt(v + eps),
    ),
)
_shift_slips = (
    *(
        Slip(cause, lambda g, b, m, v, eps, spread=spread: b - g * m / spread(v, eps))
        for cause, spread in _spread_slips
    ),
    Slip(
        "The mean has the wrong sign. At x = mean the line gives beta: b is beta - a "
        "mean.",
        lambda g, b, m, v, eps: b + g * m / np.sqrt(v + eps),
    ),
    Slip(
        "The mean is scaled by gamma, but not divided by the spread: it is taken off "
        "before both. b is beta - a mean.",
        lambda g, b, m, v, eps: b - g * m,
    ),
    Slip(
        "The mean is divided by the spread, but not scaled by gamma: it is taken off "
        "before both. b is beta - a mean.",
        lambda g, b, m, v, eps: b - m / np.sqrt(v + eps),
    ),
    Slip(
        "The mean is taken off as it is. It comes before gamma and the spread: b is "
        "beta - a mean.",
        lambda g, b, m, v, eps: b - m,
    ),
    Slip(
        "This is beta. The mean that is taken off has to be in the shift too.",
        lambda g, b, m, v, eps: b,
    ),
    Slip(
        "beta is missing, which is added last.",
        lambda g, b, m, v, eps: -g * m / np.sqrt(v + eps),
    ),
    Slip(
        "beta was divided by the spread. It is added after that.",
        lambda g, b, m, v, eps: (b - g * m) / np.sqrt(v + eps),
    ),
    Slip(
        "beta was scaled by the slope. It is added after that.",
        lambda g, b, m, v, eps: g / np.sqrt(v + eps) * (b - m),
    ),
)


# ----------------------------------------------------------------------------
# bn_only/only_norms: three planted bugs
# ----------------------------------------------------------------------------

_ONLY = """
def only_norms(W, gamma, beta, V, batches, answers, test, lr, decay):
    mean, var, said, kept = 0.0, 1.0, [], 1 - lr * decay
    for x, y in zip(batches, answers, strict=True):
        x = x @ W.T
        mean = 0.9 * mean + 0.1 * x.mean(0)
        var = 0.9 * var + 0.1 * x.var(0)
        z = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
        h = np.maximum(gamma * z + beta, 0)
        off = 2 * (h @ V - y) / len(y)
        grad = np.outer(off, V) * (h > 0)
        W, gamma, beta = kept * W, kept * gamma, kept * beta
        gamma = gamma - lr * (grad * z).sum(0)
        beta = beta - lr * grad.sum(0)
        V = V - lr * off @ h
        t = test @ W.T
        z = (t - t.mean(0)) / np.sqrt(t.var(0) + 1e-5)
        said.append(np.maximum(gamma * z + beta, 0) @ V)
    return W, gamma, beta, V, np.array(said)
"""


def _learned(
    W: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    V: np.ndarray,
    batches: np.ndarray,
    answers: np.ndarray,
    test: np.ndarray,
    lr: float,
    decay: float,
    *,
    shrinks: str = "norms",
    learns: bool = False,
    tested: str = "running",
) -> tuple[np.ndarray, ...]:
    """Train with known slips, or without."""
    mean, var, said, kept = np.zeros(len(W)), np.ones(len(W)), [], 1 - lr * decay
    for x, y in zip(batches, answers, strict=True):
        x = x @ W.T
        m, v = x.mean(0), x.var(0)
        mean, var = 0.9 * mean + 0.1 * m, 0.9 * var + 0.1 * v
        z = (x - m) / np.sqrt(v + 1e-5)
        h = np.maximum(gamma * z + beta, 0)
        off = 2 * (h @ V - y) / len(y)
        grad = np.outer(off, V) * (h > 0)
        W = kept * W if shrinks in ("all", "W") else W
        V = kept * V if shrinks in ("all", "V") else V
        if shrinks in ("all", "W", "V", "norms", "gamma"):
            gamma = kept * gamma
        if shrinks in ("all", "W", "V", "norms"):
            beta = kept * beta
        gamma = gamma - lr * (grad * z).sum(0)
        beta = beta - lr * grad.sum(0)
        V = V - lr * off @ h if learns else V
        t = test @ W.T
        own = t.mean(0), t.var(0)
        if tested == "both":  # a test moves the running statistics too
            mean, var = 0.9 * mean + 0.1 * own[0], 0.9 * var + 0.1 * own[1]
        at, spread = {
            "own": own,
            "batch": (m, v),
            "nothing": (0 * m, 0 * v + 1),
            "mean alone": (mean, own[1]),
            "variance alone": (own[0], var),
        }.get(tested, (mean, var))
        z = (t - at) / np.sqrt(spread + 1e-5)
        said.append(np.maximum(gamma * z + beta, 0) @ V)
    return W, gamma, beta, V, np.array(said)


_SHRUNK = (
    "The frozen weights decay: no gradient is computed for them, and they shrink all "
    "the same. After a norm hardly anything shows, as standardised features do not "
    "notice how large W is. Decay what is trained, gamma and beta."
)
_LAST = (
    "The output V follows its gradient. It is frozen: this would be norms and last "
    "layer, another experiment with more numbers."
)
_OWN = (
    "Test inputs are standardised by their own mean and variance, so an answer depends "
    "on what else is tested. Use the running ones, mean and var, which training kept."
)
_TESTS = {
    "running": "",
    "own": _OWN,
    "batch": "Test inputs are standardised by the last batch alone. Use the running "
    "mean and variance.",
    "both": "The running statistics follow the test inputs too. They are of what was "
    "trained on, and of nothing else.",
    "nothing": "Test inputs are not standardised. Use the running mean and variance.",
    "mean alone": _OWN,
    "variance alone": _OWN,
}
_SHRINKS = {
    "norms": "",
    "W": _SHRUNK,
    "V": _SHRUNK,
    "all": _SHRUNK,
    "none": "The decay is gone altogether. gamma and beta are trained, and decay.",
    "gamma": "beta no longer decays. gamma and beta are trained, and decay.",
}


def _bugs_left(args: tuple, output: tuple) -> str:
    """Say which known slips give this very output."""
    for (shrinks, first), learns, (tested, third) in itertools.product(
        _SHRINKS.items(), (False, True), _TESTS.items()
    ):
        found = _learned(*args, shrinks=shrinks, learns=learns, tested=tested)
        if close(output, found):
            return first or learns * _LAST or third
    return ""


def _only_cases(rng: Rng) -> Cases:
    shapes = [(3, 6, 4, 5, 4), (4, 5, 3, 6, 7), (5, 7, 2, 4, 3), (3, 6, 4, 5, 1)]
    for T, N, n, C, M in shapes:
        batches, test = rng.normal(size=(T, N, n)) + 0.5, rng.normal(size=(M, n)) - 0.5
        yield (
            rng.normal(size=(C, n)),
            rng.uniform(0.5, 1.5, C),
            rng.normal(size=C) / 4 + 0.5,
            rng.normal(size=C),
            batches,
            batches.mean(axis=2),
            test,
            0.05,
            0.4,
        )


def _judge_only(args: tuple, output: Any, want: Any) -> Problem | None:
    if all(np.array_equal(output[i], args[i]) for i in (0, 3)) and close(output, want):
        return None
    cause = _bugs_left(args, output)
    for i, name in ((0, "W"), (3, "V")):
        if not np.array_equal(output[i], args[i]):
            by = np.abs(output[i] - args[i]).max()
            return Problem(
                f"{name} after training, which is frozen",
                f"weights that have moved by up to {by:.4g}",
                "the weights before it, to the last bit",
                cause,
            )
    for i, name in ((1, "gamma"), (2, "beta")):
        if not close(output[i], want[i]):
            return Problem(
                f"{name} after training", show(output[i]), show(want[i]), cause
            )
    said, right = output[4], want[4]
    wrong = np.abs(said - right) > 1e-8 * np.abs(right).max()
    step, place = (int(i[0]) for i in np.nonzero(wrong))
    return Problem(
        f"the answer to test input {place} after step {step + 1}",
        f"{said[step, place]:.6g}",
        f"{right[step, place]:.6g}",
        cause,
    )


# ----------------------------------------------------------------------------
# bn_only/own_network: a value, from the student's own network
# ----------------------------------------------------------------------------


def _own_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    fit = False
    while not fit:
        args = (
            6 * int(draw.randint(2, 13)) + 2,
            int(draw.randint(5, 40)),
            int(draw.choice([1, 2, 4, 5])),
            int(draw.randint(12, 60)),
            int(draw.choice([5, 6, 7, 10, 12])),
        )
        found = [own_network(*args), *(slip.wrong(*args) for slip in _own_slips)]
        pairs = itertools.combinations(found, 2)
        fit = not any(_whole(a, b).all() for a, b in pairs)
    yield args


def _whole(output: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Where counts agree; a rest of a byte does not matter."""
    return np.abs(output - want) < 1


def _counted(
    depth: int,
    width: int,
    channels: int,
    classes: int,
    bits: int,
    *,
    kernel: int = 1,
    missed: int = 0,
    each: int = 2,
    among: bool = True,
) -> np.ndarray:
    """Count a network with known slips, or without.

    Args:
        kernel: weights of a shortcut's kernel for each pair of channels.
        missed: features of norms in shortcuts that are not counted, in W.
        each: numbers of a feature.
        among: whether the norms are among all numbers.
    """
    n, W = (depth - 2) // 6, width
    features = W * (7 * (2 * n + 1) - missed)
    total = 9 * channels * W + W * W * (378 * n - 90 + 10 * kernel)
    total += (4 * W + 1) * classes
    norms = each * features
    return np.array([norms, total + among * norms, norms * bits / 8])


_own_slips = (
    Slip(
        "The norms in the shortcuts are missing.",
        lambda *args: _counted(*args, missed=6),
    ),
    Slip(
        "These are the features. Each has a gamma and a beta.",
        lambda *args: _counted(*args, each=1),
    ),
    Slip(
        "Running means and variances were counted. They are not trained.",
        lambda *args: _counted(*args, each=4),
    ),
    Slip(
        "The convolutions of the shortcuts are 1 by 1, not 3 by 3.",
        lambda *args: _counted(*args, kernel=9),
    ),
    Slip(
        "The convolutions of the shortcuts are missing in the second number.",
        lambda *args: _counted(*args, kernel=0),
    ),
    Slip(
        "The gammas and betas are missing in the second number: there, all count.",
        lambda *args: _counted(*args, among=False),
    ),
    Slip(
        "The third number is in bits. A byte is 8 of them.",
        lambda *args: _counted(*args) * [1, 1, 8],
    ),
    Slip(
        "The third number is for floats of 4 bytes. Yours have bits of their own.",
        lambda *args: _counted(*args) * [1, 1, 32 / args[4]],
    ),
    Slip(
        "The third number is of all numbers. Only gammas and betas are sent.",
        lambda *args: _counted(*args)[[0, 1, 1]] * [1, 1, args[4] / 8],
    ),
    Slip(
        "The last layer's biases are missing in the second number.",
        lambda *args: _counted(*args) - [0, args[3], 0],
    ),
    Slip(
        "The images have channels of your own, not 3.",
        lambda d, w, c, k, b: _counted(d, w, 3, k, b),
    ),
    Slip(
        "The classes are yours, not 10.",
        lambda d, w, c, k, b: _counted(d, w, c, 10, b),
    ),
)


def _judge_own(args: tuple, output: Any, want: Any) -> Problem | None:
    right = _whole(output, want)
    if right.all():
        return None
    told = (s.cause for s in _own_slips if _whole(output, s.wrong(*args)).all())
    places = ", ".join(map(str, np.flatnonzero(right))) or "none"
    given = ", ".join(f"{number:.10g}" for number in output)
    return Problem(
        "the numbers of norms, of all, and the bytes",
        f"{given}; right so far, counted from 0: {places}",
        "the gammas and betas, all numbers, and the bytes of the gammas and betas, "
        "each exactly",
        next(told, ""),
    )


EXERCISES = (
    prediction(
        "bn_only/guesses",
        "Predict",
        4,
        {
            "norms alone: accuracy": (0, 1),
            "two random weights a feature: accuracy": (0, 1),
            "last layer alone: accuracy": (0, 1),
            "no decay: share of gammas below 0.01": (0, 1),
            "as many random features taken out: accuracy": (0, 1),
        },
    ),
    Exercise(
        "bn_only/count",
        "How many numbers that is",
        1,
        6,
        count,
        _count_cases,
        judge_by_value("the gammas and betas", _count_slips),
    ),
    Exercise(
        "bn_only/freeze",
        "What is frozen",
        2,
        10,
        freeze,
        _freeze_cases,
        _judge_freeze,
    ),
    Exercise(
        "bn_only/equal_count",
        "As many weights elsewhere",
        2,
        8,
        equal_count,
        _equal_cases,
        _judge_equal,
    ),
    Exercise(
        "bn_only/normalise_grad",
        "Back through the norm",
        2,
        12,
        normalise_grad,
        _grad_cases,
        _judge_parts(
            ("the gradient of x", _dx_slips),
            ("the gradient of gamma", _dgamma_slips),
            ("the gradient of beta", _dbeta_slips),
        ),
    ),
    Exercise(
        "bn_only/remove_features",
        "Take features out",
        2,
        8,
        remove_features,
        _remove_cases,
        _judge_removal,
        any_shape=True,
    ),
    Exercise(
        "bn_only/as_many",
        "As many, at random",
        1,
        5,
        as_many,
        _many_cases,
        _judge_many,
    ),
    Exercise(
        "bn_only/only_norms",
        "Only the norms?",
        3,
        15,
        only_norms,
        _only_cases,
        _judge_only,
        planted=_ONLY,
    ),
    Exercise(
        "bn_only/fold",
        "Four numbers in two",
        1,
        6,
        fold,
        _fold_cases,
        _judge_parts(("the slope a", _slope_slips), ("the shift b", _shift_slips)),
    ),
    Exercise(
        "bn_only/own_network",
        "A network of your own",
        2,
        10,
        own_network,
        _own_cases,
        _judge_own,
        kind="value",
        personal=True,
    ),
    open_question(
        "bn_only/another_norm",
        "Another norm, or less of it",
        3,
        60,
        "Says what is trained and what is frozen (another norm, fewer of its numbers, "
        "another random network), with a prediction made before the run, and its "
        "reason.\n"
        "Reports for three seeds or more, each with their spread, the accuracy beside "
        "gamma and beta of this chapter, as many random weights elsewhere, and a "
        "control that the idea itself asks for.\n"
        "Shows by a test that what is frozen has stayed to the bit, counts the numbers "
        "and bytes that were learned, and says plainly what was found.",
    ),
)
