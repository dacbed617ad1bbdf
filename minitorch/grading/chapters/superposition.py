"""The exercises of the chapter "Superposition"."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.grading.references.superposition import (
    entropy_gradient,
    halve,
    own_task,
    report,
    spare_gradient,
    storkey,
    superpose,
    task_gradients,
    unsure,
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
    judge_by_digits,
    judge_by_value,
    normal,
    open_question,
    pattern,
    prediction,
    same_slip,
    show,
)

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP: tuple[str, ...] = ()


def _masks(rng: Rng, k: int, D: int) -> np.ndarray:
    """Masks of tasks, (k, D): no two are the same, and each weight is in one."""
    masks = np.zeros((k, D), bool)
    while len(np.unique(masks, axis=0)) < k:
        masks = rng.random((k, D)) < 0.5
        masks[rng.integers(0, k, D), np.arange(D)] = True
    return masks


def _shifted(z: np.ndarray) -> np.ndarray:
    return z - z.max(axis=-1, keepdims=True)


def _log_p(z: np.ndarray) -> np.ndarray:
    return _shifted(z) - np.log(np.exp(_shifted(z)).sum(axis=-1, keepdims=True))


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(_log_p(z))


# ----------------------------------------------------------------------------
# superposition/superpose
# ----------------------------------------------------------------------------


def _superpose_cases(rng: Rng) -> Cases:
    yield (
        np.array([2.0, -1.0, 4.0, -3.0, 0.5]),
        np.array(
            [
                [True, False, True, False, True],
                [False, True, False, False, True],
                [False, True, True, True, False],
            ]
        ),
        np.array([0.4, 0.35, 0.25]),
    )
    for dtype in (np.float32, np.float64):
        k = int(rng.integers(3, 6))
        D = int(rng.integers(20, 30))
        alpha = rng.uniform(0.5, 2, k).astype(dtype)
        yield normal(rng, D, dtype=dtype), _masks(rng, k, D), alpha / alpha.sum()
    # They need not sum to 1.
    alpha = np.array([0.5, 0.75, 0.1, 0.25])
    yield normal(rng, 20, dtype=np.float64), _masks(rng, 4, 20), alpha
    # One task alone: its mask, and no more.
    yield normal(rng, 20), _masks(rng, 4, 20), np.eye(4, dtype=np.float32)[2]
    yield Edge((normal(rng, 6), np.ones((1, 6), bool), np.array([1.0], np.float32)))


_CUT = (
    "The mixed mask is cut to 0 and 1. A weight that only some tasks use is in use by "
    "their share: theta0 times a number between 0 and 1."
)

_judge_superpose = judge_by_value(
    "theta",
    (
        Slip(
            "alpha is divided by its sum. Use it as it is: dH/dalpha would come out "
            "wrong, as no alpha could grow alone.",
            lambda w, masks, alpha: w * ((alpha / alpha.sum()) @ masks),
        ),
        Slip(
            "alpha went through a softmax. Use it as it is: these are shares already.",
            lambda w, masks, alpha: w * (_softmax(alpha) @ masks),
        ),
        Slip(
            "The sum was divided by the number of tasks as well. The alphas say how "
            "much of each: where they are 1 / k it is a mean already.",
            lambda w, masks, alpha: w * (alpha @ masks) / len(masks),
        ),
        Slip(
            "This is the plain mean of the masks: alpha has no say in it.",
            lambda w, masks, alpha: w * masks.mean(axis=0),
        ),
        Slip(
            "The masks are added up without alpha.",
            lambda w, masks, alpha: w * masks.sum(axis=0),
        ),
        Slip(
            "theta0 is missing: this is the mixed mask.",
            lambda w, masks, alpha: alpha @ masks,
        ),
        Slip(
            "The mixed mask is added to theta0. A mask multiplies.",
            lambda w, masks, alpha: w + alpha @ masks,
        ),
        *(
            Slip(_CUT, cut)
            for cut in (
                lambda w, masks, alpha: w * (alpha @ masks >= 0.5),
                lambda w, masks, alpha: w * (alpha @ masks > 0.5),
                lambda w, masks, alpha: w * (alpha @ masks > 0),
                lambda w, masks, alpha: w * masks.any(axis=0),
                lambda w, masks, alpha: w * masks.all(axis=0),
            )
        ),
        Slip(
            "Only the task of the largest alpha is used. All are laid over each other.",
            lambda w, masks, alpha: w * masks[alpha.argmax()],
        ),
        Slip(
            "Each weight's sum is divided by how much of alpha uses it, or by how many "
            "masks: so every weight is in use fully. Leave the sum as it is.",
            lambda w, masks, alpha: w * (alpha @ masks) / masks.sum(axis=0),
        ),
        Slip(
            "alpha is squared.",
            lambda w, masks, alpha: w * (alpha**2 @ masks),
        ),
        Slip(
            "theta0 is multiplied in for each task, and its powers or squares come "
            "out: it stands outside the sum, once.",
            lambda w, masks, alpha: w**2 * (alpha @ masks),
        ),
        Slip(
            "What the masks leave out is in use here. True stands for a weight that "
            "is used.",
            lambda w, masks, alpha: w * (alpha @ ~masks),
        ),
    ),
)


# ----------------------------------------------------------------------------
# superposition/entropy_gradient
# ----------------------------------------------------------------------------


def _entropy_cases(rng: Rng) -> Cases:
    yield (np.log([[0.5, 0.25, 0.25], [0.8, 0.15, 0.05]]),)
    for dtype in (np.float32, np.float64):
        N = int(rng.integers(4, 7))
        yield (2 * normal(rng, N, N + int(rng.integers(2, 5)), dtype=dtype),)
    # Chances that are rounded to 0, beside some that are not; and exp overflows.
    z = 1000 * rng.integers(-1, 1, (5, 8)) + 2 * rng.normal(size=(5, 8))
    z[:, :3] = 1000 + rng.normal(size=(5, 3))
    z[-1] -= 2500
    yield (z,)
    # All of one image's logits far below 0: exp of each is 0.
    yield (normal(rng, 3, 5, dtype=np.float64) - 1000,)
    yield Edge((normal(rng, 1, 4, dtype=np.float64),))


def _H(z: np.ndarray) -> np.ndarray:
    """The entropy of each image, a column."""
    return -(_softmax(z) * _log_p(z)).sum(axis=1, keepdims=True)


def _with_eps(eps: float) -> Callable[[np.ndarray], float]:
    def wrong(z: np.ndarray) -> float:
        p = _softmax(z)
        return float(-(p * np.log(p + eps)).sum(axis=1).mean())

    return wrong


_entropy_slips = (
    Slip(
        "The sign is missing: log p is negative, and H is never.",
        lambda z: -_H(z).mean(),
    ),
    Slip(
        "This is in bits, by logarithms to base 2. Wanted are natural ones, np.log.",
        lambda z: _H(z).mean() / math.log(2),
    ),
    Slip(
        "The images are added up. Wanted is their mean.",
        lambda z: _H(z).sum(),
    ),
    Slip(
        "This is the mean over outputs too. H is a sum over outputs; only images are "
        "averaged.",
        lambda z: _H(z).mean() / z.shape[1],
    ),
    Slip(
        "The logits stand where log p should. log p_j is z_j - log sum_i exp(z_i).",
        lambda z: -(_softmax(z) * z).sum(axis=1).mean(),
    ),
    Slip(
        "The logits stand where log p should, with the largest taken off. They are not "
        "normalised: log p_j is z_j - log sum_i exp(z_i).",
        lambda z: -(_softmax(z) * _shifted(z)).sum(axis=1).mean(),
    ),
    Slip(
        "The weights p are missing: each log p counts as much as it is likely.",
        lambda z: -_log_p(z).sum(axis=1).mean(),
    ),
    Slip(
        "The weights p are missing: each log p counts as much as it is likely.",
        lambda z: -_log_p(z).mean(),
    ),
    Slip(
        "This is -log p of the likeliest answer. Entropy is its mean over all answers.",
        lambda z: -_log_p(z).max(axis=1).mean(),
    ),
    Slip(
        "p is averaged over the images first, so that two sure but different answers "
        "look unsure. Take H of each image, and then the mean.",
        lambda z: -(_softmax(z).mean(0) * np.log(_softmax(z).mean(0))).sum(),
    ),
    Slip(
        "The softmax goes over the images, axis 0. Each image has its own: axis 1.",
        lambda z: -(_softmax(z.T) * _log_p(z.T)).sum(axis=0).mean(),
    ),
    Slip(
        "The softmax goes over the images, axis 0. Each image has its own: axis 1.",
        lambda z: _H(z.T).mean(),
    ),
    Slip(
        "The softmax goes over all numbers of the batch at once. Each image has its "
        "own: axis=1, keepdims=True.",
        lambda z: _H(z.reshape(1, -1)).item() / len(z),
    ),
    Slip(
        "The softmax goes over all numbers of the batch at once. Each image has its "
        "own: axis=1, keepdims=True.",
        lambda z: _H(z.reshape(1, -1)).item(),
    ),
    *(
        Slip(
            f"This is np.log(p + {eps:g}). It hides a p of 0, and shifts the others. "
            "log p itself, z_j - log sum_i exp(z_i), is exact, and never infinite.",
            _with_eps(eps),
        )
        for eps in (1e-2, 1e-3, 1e-4, 1e-5)
    ),
)

_CHAIN = (
    "This is the gradient in p, where that in the logits is wanted. All p_j of an "
    "image change with each logit, as they sum to 1."
)

_entropy_grad_slips = (
    Slip(
        "The mean over images is missing: divide by N.",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z)),
    ),
    Slip(
        "The sign is wrong: this is the way to a surer answer. A gradient points the "
        "way H grows.",
        lambda z: _softmax(z) * (_log_p(z) + _H(z)) / len(z),
    ),
    Slip(
        "H is missing: -p_j (log p_j + H).",
        lambda z: -_softmax(z) * _log_p(z) / len(z),
    ),
    Slip(
        "H is taken off where it should be added: log p_j is negative, H is not.",
        lambda z: -_softmax(z) * (_log_p(z) - _H(z)) / len(z),
    ),
    Slip(
        "The mean H of the batch is used for every image. Each has its own: an H of "
        "shape (N, 1).",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z).mean()) / len(z),
    ),
    Slip(
        "The mean H of the batch, and no mean over images: each has its own H, of "
        "shape (N, 1), and the gradient of a mean is divided by N.",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z).mean()),
    ),
    Slip(
        "The factor p is missing: -p_j (log p_j + H).",
        lambda z: -(_log_p(z) + _H(z)) / len(z),
    ),
    Slip(_CHAIN, lambda z: -(_log_p(z) + 1) / len(z)),
    Slip(_CHAIN, lambda z: -_softmax(z) * (_log_p(z) + 1) / len(z)),
    Slip(
        "Only each p_j's own logit counts here. All p_j of an image change with each "
        "logit, as they sum to 1.",
        lambda z: -_softmax(z) * (1 - _softmax(z)) * (_log_p(z) + 1) / len(z),
    ),
    Slip(
        "This is the gradient of the cross-entropy, as if the likeliest answer were "
        "the label. Entropy has no label.",
        lambda z: (_softmax(z) - (z == z.max(axis=1, keepdims=True))) / len(z),
    ),
    Slip(
        "Divided by N and by the outputs: only images are averaged.",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z)) / z.size,
    ),
    Slip(
        "Divided by the number of outputs: the mean is over the N images.",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z)) / z.shape[1],
    ),
    Slip(
        "The logits stand where log p should: log p_j is z_j - log sum_i exp(z_i).",
        lambda z: -_softmax(z) * (z + _H(z)) / len(z),
    ),
    Slip(
        "This is in bits. The gradient of natural logarithms is log 2 of it.",
        lambda z: -_softmax(z) * (_log_p(z) + _H(z)) / len(z) / math.log(2),
    ),
)


def _judge_entropy(args: tuple, output: Any, want: Any) -> Problem | None:
    (z,) = args
    H, grad = output
    # float32 adds up a little otherwise.
    if abs(H - want[0]) > 2e-5 * want[0]:
        return Problem(
            "H, the mean over images",
            show(H),
            show(want[0]),
            same_slip(args, H, _entropy_slips),
        )
    if close(grad, want[1]):
        return None
    cause = same_slip(args, grad, _entropy_grad_slips) or pattern(grad, want[1])
    sums = np.abs(grad.sum(axis=1))
    if not cause and sums.max() > 1e-4:
        cause = (
            "To add one number to all logits of an image changes none of its chances. "
            f"So each row must sum to 0; row {sums.argmax()} sums to "
            f"{grad.sum(axis=1)[sums.argmax()]:.3g}."
        )
    i, j = np.unravel_index(np.abs(grad - want[1]).argmax(), z.shape)
    return Problem(
        f"the gradient of H, where it is furthest off (image {i}, logit {j})",
        f"{grad[i, j]:.6g}",
        f"{want[1][i, j]:.6g}",
        cause,
    )


# ----------------------------------------------------------------------------
# superposition/task_gradients
# ----------------------------------------------------------------------------


def _task_gradients_cases(rng: Rng) -> Cases:
    # The slopes are 1, -7, -3, 5.
    yield (
        np.array([1.0, 2.0, -1.0, 3.0, -2.0]),
        np.array([2.0, -3.0, 1.0, 1.0, -0.5]),
        np.array(
            [
                [True, False, True, False, False],
                [False, True, True, False, False],
                [False, True, False, True, False],
                [True, False, False, True, False],
            ]
        ),
    )
    for dtype in (np.float32, np.float64):
        fit = False
        while not fit:
            k, D = int(rng.integers(4, 8)), int(rng.integers(20, 40))
            grad, theta0 = (normal(rng, D, dtype=dtype) for _ in range(2))
            theta0[rng.integers(D)] = 0
            masks = _masks(rng, k, D)
            slopes = masks @ (grad * theta0)
            # No other rule names the same task, and none stands at either end.
            others = [slopes.argmax(), np.abs(slopes).argmax(), np.abs(slopes).argmin()]
            gap = np.diff(np.sort(slopes))[0] / np.abs(slopes).max()
            best = int(slopes.argmin())
            fit = best not in others and 0 < best < k - 1 and gap > 0.05
        yield grad, theta0, masks
    # Two tasks of the same mask: either may be named.
    grad, theta0, masks = (np.arange(1.0, 6), -np.ones(5), np.ones((3, 5), bool))
    masks[1, 2] = False
    yield Edge((grad, theta0, masks))


_slope_slips = (
    Slip(
        "theta0 is missing: with alpha_i, theta changes by theta0 times the mask.",
        lambda g, w, masks: masks @ g,
    ),
    Slip(
        "grad is missing: this is how much of theta0 each mask uses.",
        lambda g, w, masks: masks @ w,
    ),
    Slip(
        "theta0 has lost its sign. Where a weight is negative, more of it makes theta "
        "smaller.",
        lambda g, w, masks: masks @ (g * np.abs(w)),
    ),
    Slip(
        "The sizes are added up. Weights that raise and lower the entropy cancel: add "
        "the products with their signs.",
        lambda g, w, masks: masks @ np.abs(g * w),
    ),
    Slip(
        "theta0 is squared: it comes in once.",
        lambda g, w, masks: masks @ (g * w**2),
    ),
    Slip(
        "These are the slopes with the other sign. dH/dalpha is wanted as it is; the "
        "sign comes in where a task is named.",
        lambda g, w, masks: -(masks @ (g * w)),
    ),
    Slip(
        "This is the mean over the weights. An alpha moves all of them together: add "
        "up.",
        lambda g, w, masks: (masks @ (g * w)) / len(w),
    ),
    Slip(
        "This is the mean over the weights that a mask uses. An alpha moves all of "
        "them together: add up.",
        lambda g, w, masks: (masks @ (g * w)) / masks.sum(axis=1),
    ),
    Slip(
        "Divided by the number of tasks: that was in theta, and so is in grad already.",
        lambda g, w, masks: (masks @ (g * w)) / len(masks),
    ),
    Slip(
        "The masks are left out: all tasks get the same.",
        lambda g, w, masks: np.full(len(masks), g @ w),
    ),
    Slip(
        "What a mask leaves out is added up. True stands for a weight that is used.",
        lambda g, w, masks: ~masks @ (g * w),
    ),
    Slip(
        "These are shares, after a softmax. Give the slopes themselves.",
        lambda g, w, masks: _softmax(-(masks @ (g * w))),
    ),
    Slip(
        "These are shares, after a softmax. Give the slopes themselves.",
        lambda g, w, masks: _softmax(masks @ (g * w)),
    ),
)

_named_slips = (
    Slip(
        "This is the steepest slope, whatever its sign. A large positive one makes the "
        "network less sure.",
        lambda slopes: int(np.abs(slopes).argmax()),
    ),
    Slip(
        "This is the task that would raise the entropy the fastest: argmax of the "
        "slopes. Entropy is to fall: the most negative one is meant.",
        lambda slopes: int(slopes.argmax()),
    ),
    Slip(
        "This is the slope nearest to 0, which changes the least.",
        lambda slopes: int(np.abs(slopes).argmin()),
    ),
    Slip(
        "Tasks are counted from 0.",
        lambda slopes: int(slopes.argmin()) + 1,
    ),
)


def _judge_task_gradients(args: tuple, output: Any, want: Any) -> Problem | None:
    slopes, task = output
    if not close(slopes, want[0]):
        return judge_by_value("dH/dalpha", _slope_slips)(args, slopes, want[0])
    least = float(want[0].min())
    known = isinstance(task, int) and 0 <= task < len(slopes)
    if known and want[0][task] <= least + 1e-4 * np.abs(want[0]).max():
        return None
    got = f"task {task}"
    if known:
        got += f", whose slope is {slopes[task]:.4g}"
    return Problem(
        "which task is named",
        got,
        f"task {want[1]}, whose slope is {least:.4g}",
        same_slip((want[0],), task, _named_slips) if isinstance(task, int) else "",
    )


# ----------------------------------------------------------------------------
# superposition/halve
# ----------------------------------------------------------------------------


def _halve_cases(rng: Rng) -> Cases:
    yield np.array([0.3, -0.2, -0.9, 0.1, 1.8, 0.4]), np.ones(6, bool)
    # Those that are out have the most negative gradients; places are not numbers.
    gradients = np.array([-5.0, 0.3, -6.0, 0.2, -0.9, -0.2, -7.0, 1.8, 0.5])
    yield gradients, gradients > -1
    # Equal gradients: no threshold gives the right count.
    yield np.array([0.2, 0.9, -0.7, 0.2, 0.2, 0.1, 0.2, 0.2]), np.ones(8, bool)
    # An odd number.
    gradients = np.array([0.7, -0.3, -4.0, 0.4, 0.1, 5.0, -0.6])
    yield gradients, np.abs(gradients) < 1
    for dtype, odd in ((np.float32, 0), (np.float64, 1)):
        k = int(rng.integers(14, 24))
        alive = rng.permutation(k) < 2 * int(rng.integers(4, 6)) + odd
        gradients = normal(rng, k, dtype=dtype)
        gradients[~alive] -= 2
        yield gradients, alive
    # All more negative than those that are out, and all less.
    for shift in (-9, 9):
        alive = rng.permutation(12) < 7
        yield normal(rng, 12, dtype=np.float64) + shift * alive, alive
    # Two are left: one more round.
    alive = rng.permutation(8) < 2
    yield np.where(alive, 0.5, -1.0) + np.arange(8)[::-1] / 100, alive
    # So many equal ones that an order which is not stable shows.
    alive = rng.random(400) < 0.6
    yield rng.integers(-1, 2, 400).astype(np.float32), alive
    yield Edge((np.array([0.4, -0.3, 0.2]), np.array([False, False, True])))


def _first_of(order: np.ndarray, count: int, k: int) -> np.ndarray:
    left = np.zeros(k, bool)
    left[order[:count]] = True
    return left


def _by(key: Callable[[np.ndarray], np.ndarray], count: Any = None) -> Any:
    """Make a slip: the first half of the open tasks, or another count, by a key."""

    def wrong(g: np.ndarray, alive: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(alive)
        order = places[np.argsort(key(g[places]), kind="stable")]
        n = len(places)
        return _first_of(
            order, (n + 1) // 2 if count is None else count(n, len(g)), len(g)
        )

    return wrong


def _whole(g: np.ndarray, alive: np.ndarray, count: int) -> np.ndarray:
    """The first of all tasks, open or not."""
    return _first_of(np.argsort(g, kind="stable"), count, len(g))


_BACK = (
    "A task that was out came back: all gradients were put in order. Put in order only "
    "those of the open ones, np.flatnonzero(alive)."
)
_COUNTED = (
    "Those that are out were counted too: they took up places of the half, or moved "
    "the median. Put in order only the open ones."
)
_MEDIAN = (
    "A threshold is no count: of equal gradients all stay, or none, and then the "
    "search never ends, or ends with nothing. Take so many places of a sorted order."
)
_halve_slips = (
    Slip(
        "The other half stays: those whose gradients are largest. More of them would "
        "make the network less sure.",
        _by(lambda g: -g),
    ),
    Slip(
        "The sizes of the gradients are compared. Their signs count: the most negative "
        "stay.",
        _by(lambda g: -np.abs(g)),
    ),
    Slip(
        "Those nearest to 0 stay. The most negative should.",
        _by(np.abs),
    ),
    Slip(_BACK, lambda g, alive: _whole(g, alive, (len(g) + 1) // 2)),
    Slip(_BACK, lambda g, alive: _whole(g, alive, (int(alive.sum()) + 1) // 2)),
    Slip(
        "The half is rounded down: of one open task none would stay. Of n it is "
        "(n + 1) // 2.",
        _by(lambda g: g, lambda n, k: n // 2),
    ),
    Slip(_MEDIAN, lambda g, alive: alive & (g <= np.median(g[alive]))),
    Slip(_MEDIAN, lambda g, alive: alive & (g < np.median(g[alive]))),
    Slip(_MEDIAN, lambda g, alive: alive & (g <= g[alive].mean())),
    Slip(_MEDIAN, lambda g, alive: alive & (g < g[alive].mean())),
    Slip(_COUNTED, lambda g, alive: _whole(g, alive, (len(g) + 1) // 2) & alive),
    Slip(_COUNTED, lambda g, alive: alive & (g <= np.median(g))),
    Slip(
        _COUNTED,
        lambda g, alive: _whole(g, alive, (int(alive.sum()) + 1) // 2) & alive,
    ),
    Slip(
        "To multiply the gradients by `alive` gives those that are out a gradient of "
        "0, and 0 may be among the smallest. Put in order only the open ones.",
        lambda g, alive: _whole(g * alive, alive, (int(alive.sum()) + 1) // 2),
    ),
    Slip(
        "To multiply the gradients by `alive` gives those that are out a gradient of "
        "0, and 0 may be among the smallest. Put in order only the open ones.",
        lambda g, alive: _whole(g * alive, alive, (int(alive.sum()) + 1) // 2) & alive,
    ),
    Slip(
        "Half of *all* tasks stay, open or not: the count is of the open ones.",
        _by(lambda g: g, lambda n, k: (k + 1) // 2),
    ),
    Slip(
        "The half is rounded up by one too many: of an even n it is n / 2. With "
        "n // 2 + 1 two tasks stay two for ever.",
        _by(lambda g: g, lambda n, k: n // 2 + 1),
    ),
    Slip(
        "Only one task stays: this is one-shot, at once. Half of them should.",
        _by(lambda g: g, lambda n, k: 1),
    ),
    Slip(
        "Only one task went. Half of them should.",
        _by(lambda g: g, lambda n, k: n - 1),
    ),
    Slip(
        "Those of a gradient below 0 stay, however many. Half of them should.",
        lambda g, alive: alive & (g < 0),
    ),
    Slip(
        "The gradients have no say: the first half of the numbers stays.",
        _by(np.zeros_like),
    ),
    Slip(
        "The order is one of places among the open tasks, and was taken for the "
        "numbers of tasks. Look them up: places[order].",
        lambda g, alive: _first_of(
            np.argsort(g[alive], kind="stable"), (int(alive.sum()) + 1) // 2, len(g)
        ),
    ),
    Slip(
        "Of equal gradients the later one stays. Keep the earlier.",
        lambda g, alive: _by(lambda g: g)(g[::-1], alive[::-1])[::-1],
    ),
    Slip(
        "These are the tasks that should go.",
        lambda g, alive: alive & ~halve(g, alive),
    ),
    Slip(
        "None went: with this the search never ends.",
        lambda g, alive: alive,
    ),
)


def _judge_halve(args: tuple, output: Any, want: Any) -> Problem | None:
    if np.array_equal(output, want):
        return None
    gradients, alive = args
    cause = same_slip(args, output, _halve_slips)
    n = int(alive.sum())
    back = np.flatnonzero(output & ~alive)
    if len(back):
        return Problem(
            "whether a task that is out stays out",
            f"task {back[0]} is open again, and {len(back) - 1} more",
            "none of those that were out",
            cause or _BACK,
        )
    if output.sum() != want.sum():
        return Problem(
            f"how many of {n} open tasks stay",
            str(int(output.sum())),
            str(int(want.sum())),
            cause,
        )
    wrong, missed = (
        int(np.flatnonzero(where)[0]) for where in (output & ~want, want & ~output)
    )
    kept, best = (np.sort(gradients[each]) for each in (output, want))
    if not cause and np.array_equal(kept, best):
        cause = (
            "The gradients are right, but of equal ones others stay. Keep the earlier: "
            'np.argsort(..., kind="stable").'
        )
    return Problem(
        "which tasks stay",
        f"task {wrong}, of gradient {gradients[wrong]:.4g}",
        f"task {missed}, of gradient {gradients[missed]:.4g}, in its place",
        cause,
    )


# ----------------------------------------------------------------------------
# superposition/spare_gradient
# ----------------------------------------------------------------------------


def _spare_cases(rng: Rng) -> Cases:
    yield np.log([[0.5, 0.2, 0.2, 0.1], [0.4, 0.3, 0.05, 0.25]]), 2
    for dtype, real in ((np.float32, 3), (np.float64, 6)):
        N = int(rng.integers(3, 7))
        yield normal(rng, N, 8 + int(rng.integers(2, 5)), dtype=dtype), real
    # exp overflows, and for the last image exp of each is 0.
    z = normal(rng, 4, 9, dtype=np.float64) + 1000
    z[-1] -= 2000
    yield z, 5
    yield Edge((normal(rng, 1, 4), 3))


_judge_spare_value = judge_by_value(
    "the gradient of G",
    (
        Slip(
            "The real outputs have the gradient, and the spare ones are held fixed: "
            "the other way round.",
            lambda z, real: _softmax(z) * (np.arange(z.shape[1]) < real) / len(z),
        ),
        Slip(
            "Nothing is held fixed: the real outputs' gradient is 0.",
            lambda z, real: _softmax(z) / len(z),
        ),
        Slip(
            "The mean over images is missing: divide by N.",
            lambda z, real: _softmax(z) * (np.arange(z.shape[1]) >= real),
        ),
        Slip(
            "Divided by the spare outputs as well. Only images are averaged.",
            lambda z, real: (
                _softmax(z)
                * (np.arange(z.shape[1]) >= real)
                / (len(z) * (z.shape[1] - real))
            ),
        ),
        Slip(
            "Divided by the outputs as well. Only images are averaged.",
            lambda z, real: _softmax(z) * (np.arange(z.shape[1]) >= real) / z.size,
        ),
        Slip(
            "The softmax is over the spare outputs alone. The real ones are held "
            "fixed, but they are in the sum: cut after the softmax, not before it.",
            lambda z, real: (
                np.hstack([np.zeros_like(z[:, :real]), _softmax(z[:, real:])]) / len(z)
            ),
        ),
        Slip(
            "Logits of 0 in place of the real ones: fixed means without a gradient, "
            "not without a value.",
            lambda z, real: (
                _softmax(np.where(np.arange(z.shape[1]) < real, 0, z))
                * (np.arange(z.shape[1]) >= real)
                / len(z)
            ),
        ),
        Slip(
            "The softmax goes over the images, axis 0. Each image has its own: axis 1.",
            lambda z, real: _softmax(z.T).T * (np.arange(z.shape[1]) >= real) / len(z),
        ),
        Slip(
            "The last outputs, `real` of them, have the gradient. `real` counts those "
            "that stand first and have a class.",
            lambda z, real: (
                _softmax(z) * (np.arange(z.shape[1]) >= z.shape[1] - real) / len(z)
            ),
        ),
        Slip(
            "One real output too few, or too many, is held fixed: counted from 0 they "
            "are 0 to real - 1.",
            lambda z, real: _softmax(z) * (np.arange(z.shape[1]) >= real - 1) / len(z),
        ),
        Slip(
            "One real output too few, or too many, is held fixed: counted from 0 they "
            "are 0 to real - 1.",
            lambda z, real: _softmax(z) * (np.arange(z.shape[1]) > real) / len(z),
        ),
        Slip(
            "The sign is wrong. G grows with every logit.",
            lambda z, real: -_softmax(z) * (np.arange(z.shape[1]) >= real) / len(z),
        ),
        Slip(
            "This is the entropy's gradient at the spare outputs. G's is p alone.",
            lambda z, real: entropy_gradient(z)[1] * (np.arange(z.shape[1]) >= real),
        ),
        Slip(
            "This is p (1 - p), the slope of p. G is a logarithm of a sum: its slope "
            "is p itself.",
            lambda z, real: (
                _softmax(z)
                * (1 - _softmax(z))
                * (np.arange(z.shape[1]) >= real)
                / len(z)
            ),
        ),
        Slip(
            "exp(z) is not divided by its sum over the outputs.",
            lambda z, real: np.exp(z) * (np.arange(z.shape[1]) >= real) / len(z),
        ),
    ),
)


def _judge_spare(args: tuple, output: Any, want: Any) -> Problem | None:
    z, real = args
    told = _judge_spare_value(args, output, want)
    moved = np.abs(output[:, :real]).max(axis=0)
    if told is None and moved.any():
        told = Problem("", "", "", "Held fixed means exactly 0.")
    if told is None or not moved.any():
        return told
    return told._replace(
        compared="how many real outputs are held fixed",
        got=f"{int((moved == 0).sum())} of {real}",
        wanted="all of them: a gradient of 0 for each image",
    )


# ----------------------------------------------------------------------------
# superposition/unsure
# ----------------------------------------------------------------------------


def _decisions(rng: Rng, k: int, eps: float, dtype: type) -> np.ndarray:
    """Rows of gradients whose surest share is below the bar, above, and far above."""
    bars = [1 + eps * f for f in (0.3, 0.6, 0.85, 0.93)]
    bars += [1 + eps * f for f in (1.07, 1.2, 1.6, 2.2)]
    bars += [1 + eps * 1.3 + (k - 1 - 1.3 * eps) * f for f in (0.1, 0.4)]
    nu = np.empty((len(bars) + 2, k))
    for row, bar in zip(nu, bars, strict=False):
        top = min(bar, 0.95 * k) / k
        # The others share the rest so that none comes near.
        rest = (1 - top) / (k - 1)
        row[:] = rest * (1 + 0.02 * rng.uniform(-1, 1, k))
        row *= (1 - top) / (row[1:].sum())
        row[0] = top
        rng.shuffle(row)
    # One task is much less likely than all others, which are alike.
    for row in nu[-2:]:
        row[:] = 1 / (k - 1 + 0.1)
        row[rng.integers(k)] = 0.1 * row[0]
    gradients = -np.log(nu) + rng.normal(size=(len(nu), 1))
    return rng.permutation(gradients).astype(dtype)


def _unsure_cases(rng: Rng) -> Cases:
    # Here nearly all known slips decide otherwise, each in another way.
    yield (
        np.array(
            [
                [0.1, 0.1, -0.1, 2.5, 0.1, 0.3, 0.0],
                [-2.5, -2.3, -2.6, -2.5, -2.3, -2.4, -2.4],
                [-2.5, -2.6, -2.5, -2.5, -2.7, -4.5, -2.5],
                [-2.4, -3.1, -2.4, -2.5, -2.4, -2.3, -2.6],
                [1.1, 1.1, 1.1, 1.0, 1.0, 1.0, 1.0],
                [-1.9, 0.2, -0.1, -0.1, -0.1, 0.1, 0.0],
            ]
        ),
        0.25,
    )
    for k, eps, dtype in ((9, 0.125, np.float32), (7, 0.4, np.float64)):
        yield _decisions(rng, k, eps, dtype), eps
    # The paper's code takes five tasks where there are fewer.
    yield _decisions(rng, 3, 0.125, np.float64), 0.125
    # exp overflows, or is 0.
    shift = rng.permutation(np.tile([-2000.0, 2000.0], 6))[:, None]
    yield _decisions(rng, 8, 0.25, np.float64) + shift, 0.25
    # One mask alone cannot stand out.
    yield Edge((np.array([[0.3], [-0.7]]), 0.125))


def _shares(g: np.ndarray) -> np.ndarray:
    return _softmax(-g)


def _naive(g: np.ndarray) -> np.ndarray:
    p = np.exp(-g)
    return p / p.sum(axis=1, keepdims=True)


_ALWAYS = (
    "A new mask is made every time. No share is above 1, so k is missing, or the "
    "smallest share was looked at: hold k times the largest against 1 + eps."
)
_NEVER = (
    "No mask is ever made: k times the largest share is never below 1. Hold it "
    "against 1 + eps."
)
_unsure_slips = (
    Slip(
        "k is taken as 5 at least. (The code behind the paper does so. The formula "
        "has the number of masks that there are.)",
        lambda g, eps: max(g.shape[1], 5) * _shares(g).max(axis=1) < 1 + eps,
    ),
    Slip(
        "exp overflowed, or every exp came out as 0: then the shares are nan, and no "
        "comparison with nan is true. Take each row's largest number off first.",
        lambda g, eps: g.shape[1] * _naive(g).max(axis=1) < 1 + eps,
    ),
    Slip(
        "exp overflowed, or every exp came out as 0. Take each row's largest number "
        "off first: that of one row is no help to another.",
        lambda g, eps: g.shape[1] * _naive(g - g.min()).max(axis=1) < 1 + eps,
    ),
    Slip(_ALWAYS, lambda g, eps: _shares(g).max(axis=1) < 1 + eps),
    Slip(_ALWAYS, lambda g, eps: g.shape[1] * _shares(g).min(axis=1) < 1 + eps),
    Slip(
        "The softmax is of the gradients, so the largest gets the largest share. The "
        "most negative should: softmax of minus the gradients.",
        lambda g, eps: g.shape[1] * _softmax(g).max(axis=1) < 1 + eps,
    ),
    Slip(
        "The comparison is the wrong way round: a new mask is due where no task stands "
        "out.",
        lambda g, eps: g.shape[1] * _shares(g).max(axis=1) > 1 + eps,
    ),
    Slip(
        "The comparison is the wrong way round: a new mask is due where no task stands "
        "out.",
        lambda g, eps: g.shape[1] * _shares(g).max(axis=1) >= 1 + eps,
    ),
    Slip(
        "eps is added to the share 1 / k. It is a part of chance: k times the share "
        "is held against 1 + eps.",
        lambda g, eps: _shares(g).max(axis=1) < 1 / g.shape[1] + eps,
    ),
    Slip(
        "The number of decisions stands where the number of masks should.",
        lambda g, eps: len(g) * _shares(g).max(axis=1) < 1 + eps,
    ),
    Slip(
        "The softmax goes over the decisions, axis 0. Each row has its own: axis 1.",
        lambda g, eps: g.shape[1] * _shares(g.T).T.max(axis=1) < 1 + eps,
    ),
    Slip(
        "The softmax goes over all rows at once. Each row has its own: axis=1, "
        "keepdims=True.",
        lambda g, eps: (
            g.shape[1] * _shares(g.reshape(1, -1)).reshape(g.shape).max(axis=1)
            < 1 + eps
        ),
    ),
    Slip(_NEVER, lambda g, eps: np.zeros(len(g), bool)),
    Slip(
        "The gradients themselves are held against the bar. Turn them into shares.",
        lambda g, eps: g.shape[1] * (-g).max(axis=1) < 1 + eps,
    ),
)


def _judge_unsure(args: tuple, output: Any, want: Any) -> Problem | None:
    if np.array_equal(output, want):
        return None
    gradients, eps = args
    right = output == want
    row = int(np.flatnonzero(~right)[0])
    stands = gradients.shape[1] * _shares(gradients).max(axis=1)[row]
    return Problem(
        f"a new mask or not, decision by decision ({len(want)} of them; 1 + eps is "
        f"{1 + eps:.4g})",
        f"{int(right.sum())} are right; decision {row} is {bool(output[row])}",
        f"{bool(want[row])} there, where k max nu is {stands:.4g}",
        same_slip(args, output, _unsure_slips),
    )


# ----------------------------------------------------------------------------
# superposition/storkey
# ----------------------------------------------------------------------------


def _storkey_cases(rng: Rng) -> Cases:
    yield np.zeros((4, 4)), np.array([1.0, -1.0, 1.0, 1.0])
    # Any symmetric weights, of no pattern.
    for dtype in (np.float64, np.float32):
        half = np.triu(normal(rng, 7, 7, dtype=dtype), 1)
        yield half + half.T, _signs(rng, 7).astype(dtype)
    for stored in (1, 2, 4):
        d = int(rng.integers(6, 10))
        weights = np.zeros((d, d))
        for _ in range(stored):
            weights = storkey(weights, _signs(rng, d))
        yield weights, _signs(rng, d)
    yield Edge((np.zeros((2, 2)), np.array([-1.0, 1.0])))


def _signs(rng: Rng, d: int) -> np.ndarray:
    """A pattern in which both signs stand, and not equally often."""
    z = np.where(np.arange(d) < int(rng.integers(2, (d + 1) // 2)), 1.0, -1.0)
    return rng.permutation(z) * rng.choice([-1.0, 1.0])


def _no_diagonal(weights: np.ndarray) -> np.ndarray:
    return weights * (1 - np.eye(len(weights)))


def _heard(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    """h_ij, with i and j left out."""
    return (psi @ z)[:, None] - psi * z


def _rule(change: Any, share: float = 1, diagonal: bool = False) -> Any:
    """Make a slip: another change, times 1 / d, with the diagonal set to 0 or not."""

    def wrong(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
        new = psi + share * change(psi, z) / len(z)
        return new if diagonal else _no_diagonal(new)

    return wrong


def _right_change(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    back = z[:, None] * _heard(psi, z).T
    return np.outer(z, z) - back - back.T


def _crossed(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    here = z[:, None] * _heard(psi, z)  # z_i h_ij
    return np.outer(z, z) - here - here.T


def _all_heard(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    back = np.outer(z, psi @ z)
    return np.outer(z, z) - back - back.T


def _one_term(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.outer(z, z) - _heard(psi, z) * z


def _without_z(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    h = psi.sum(axis=1)[:, None] - psi
    return np.outer(z, z) - z[:, None] * h.T - h * z


def _hebb(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.outer(z, z)


def _only_heard(psi: np.ndarray, z: np.ndarray) -> np.ndarray:
    return -_heard(psi, z) - _heard(psi, z).T


_KEPT = (
    "The diagonal is not 0. A unit that hears itself holds on to any state, damaged "
    "ones too: np.fill_diagonal(new, 0)."
)
_storkey_slips = (
    Slip(_KEPT, _rule(_right_change, diagonal=True)),
    Slip(
        "This is Hebb's rule: nothing of what the units hear already is taken off.",
        _rule(_hebb),
    ),
    Slip(
        "This is Hebb's rule, and its diagonal is not 0.",
        _rule(_hebb, diagonal=True),
    ),
    Slip(
        "h holds what unit i hears of j too. Leave j out: take weights * z off, entry "
        "by entry.",
        _rule(_all_heard),
    ),
    Slip(
        "h holds what unit i hears of j too, and the diagonal is not 0. Leave j out: "
        "take weights * z off, entry by entry.",
        _rule(_all_heard, diagonal=True),
    ),
    Slip(
        "z_i h_ij stands where z_i h_ji should: what i itself hears goes with z_j, "
        "what j hears with z_i.",
        _rule(_crossed),
    ),
    Slip(
        "What is heard is added. It is there already: take it off.",
        _rule(lambda psi, z: 2 * np.outer(z, z) - _right_change(psi, z)),
    ),
    Slip(
        "One of the two terms is missing, so the weights are not symmetric.",
        _rule(_one_term),
    ),
    Slip(
        "One of the two terms is missing, so the weights are not symmetric.",
        _rule(lambda psi, z: _one_term(psi, z).T),
    ),
    Slip(
        "The 1 / d is missing, at least at some of the terms: it is for all three.",
        lambda psi, z: _no_diagonal(psi + _right_change(psi, z)),
    ),
    Slip(
        "The 1 / d is missing, at least at some of the terms: it is for all three.",
        lambda psi, z: _no_diagonal(
            psi + np.outer(z, z) / len(z) - np.outer(z, z) + _right_change(psi, z)
        ),
    ),
    Slip(
        "The old weights are divided by d too: only the change is.",
        lambda psi, z: _no_diagonal((psi + _right_change(psi, z)) / len(z)),
    ),
    Slip(
        "This is the change alone. Add it to the weights that were there.",
        lambda psi, z: _no_diagonal(_right_change(psi, z) / len(z)),
    ),
    Slip(
        "h adds up weights without the pattern: Psi_iu z_u.",
        _rule(_without_z),
    ),
    Slip(
        "h is not multiplied by the other unit's z.",
        _rule(lambda psi, z: np.outer(z, z) + _only_heard(psi, z)),
    ),
    Slip(
        "z_i z_j is missing: this only takes off what is heard.",
        _rule(lambda psi, z: _right_change(psi, z) - np.outer(z, z)),
    ),
    Slip(
        "A third term, h_ij h_ji, is added: that is another of Storkey's rules.",
        _rule(lambda psi, z: _right_change(psi, z) + _heard(psi, z) * _heard(psi, z).T),
    ),
)


def _judge_storkey(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    cause = same_slip(args, output, _storkey_slips)
    size = float(np.abs(want).max(initial=0)) or 1.0
    skew = np.abs(output - output.T)
    if skew.max() > 1e-4 * size:
        i, j = np.unravel_index(skew.argmax(), skew.shape)
        return Problem(
            f"whether the weights are symmetric (between units {i} and {j})",
            f"{output[i, j]:.4g} one way and {output[j, i]:.4g} the other",
            f"{want[i, j]:.4g} both ways",
            cause or "Of the three terms, the last two are each other's transposes.",
        )
    own = np.abs(np.diag(output)).max()
    if own > 1e-4 * size:
        return Problem("the diagonal", f"as large as {own:.4g}", "0", cause or _KEPT)
    told = judge_by_value("the weights")(args, output, want)
    return told and told._replace(cause=cause or told.cause)


# ----------------------------------------------------------------------------
# superposition/report: three planted bugs
# ----------------------------------------------------------------------------

_REPORT = """
def report(slopes, digits, y, task):
    guess = np.full(len(y), slopes.mean(axis=0).argmin())
    found = guess == task
    right = digits[:, task] == y
    return found.mean(), right.mean(), found.mean() * right.mean()
"""


def _asked(rng: Rng, N: int, k: int) -> tuple:
    """Slopes and readings of N images: most are found, and most of these read."""
    task = int(rng.integers(1, k - 1))
    y = rng.integers(0, 10, N)
    slopes = 0.5 * rng.normal(size=(N, k))
    slopes[:, task] -= 0.9
    read = rng.random((N, k)) < np.where(np.arange(k) == task, 0.85, 0.4)
    digits = np.where(read, y[:, None], rng.integers(0, 10, (N, k)))
    return slopes, digits, y, task


def _report_cases(rng: Rng) -> Cases:
    # Found: 6 of 11. Right: 7. Both: 5.
    yield (
        np.array(
            [
                [-0.3, 1.6, -0.9],
                [0.3, -0.3, 0.1],
                [0.0, -1.8, -0.1],
                [-0.2, -1.2, -0.8],
                [-1.0, -1.3, 0.4],
                [0.0, 1.2, 0.6],
                [-0.6, -1.0, -0.2],
                [-0.4, -0.5, 1.9],
                [-0.2, -0.4, -1.2],
                [-1.5, -0.6, -0.4],
                [0.2, 0.9, -0.5],
            ]
        ),
        np.array(
            [
                [5, 0, 0],
                [4, 6, 6],
                [0, 2, 0],
                [7, 7, 3],
                [2, 2, 9],
                [5, 4, 6],
                [4, 2, 2],
                [8, 6, 1],
                [1, 8, 7],
                [8, 8, 6],
                [3, 1, 6],
            ]
        ),
        np.array([0, 6, 0, 7, 2, 4, 2, 6, 8, 8, 1]),
        1,
    )
    # N is prime, so that no product of shares is a share.
    for N in (31, 43, 61):
        fit = False
        while not fit:
            args = _asked(rng, N, int(rng.integers(4, 7)))
            want = report(*args)
            told = _parts(*args).values()
            fit = all(
                abs(wrong[i] - want[i]) > 1e-9
                for wrong in told
                for i in range(3)
                if wrong[i] is not None
            )
            fit = fit and 0.4 < want[0] < 0.9 and want[2] > 0.3
        yield args
    # Nobody is found: some digits are right by luck.
    slopes, digits, y, task = _asked(rng, 23, 4)
    slopes[:, task] = 9
    yield Edge((slopes, digits, y, task))


def _parts(slopes: np.ndarray, digits: np.ndarray, y: np.ndarray, task: int) -> dict:
    """What known slips give for (found, GNs, GNu); None where they say nothing."""
    rows = np.arange(len(y))
    guess = slopes.argmin(axis=1)
    found, given = guess == task, digits[:, task] == y
    right = digits[rows, guess] == y
    votes = int(np.bincount(guess, minlength=slopes.shape[1]).argmax())
    any_right = (digits == y[:, None]).any(axis=1)
    high = slopes.argmax(axis=1)
    steep = np.abs(slopes).argmax(axis=1)
    one = int(slopes.mean(axis=0).argmin())
    of_found = right[found].mean() if found.any() else 0.0
    return {
        "batch": (float(one == task), None, None),
        "votes": (float(votes == task), None, None),
        "high": ((high == task).mean(), None, None),
        "steep": ((steep == task).mean(), None, None),
        "given": (None, given.mean(), given.mean()),
        "any": (None, any_right.mean(), None),
        "product": (None, None, found.mean() * right.mean()),
        "product given": (None, None, found.mean() * given.mean()),
        "all right": (None, None, right.mean()),
        "all found": (None, None, found.mean()),
        "of the found": (None, of_found, of_found),
        "either": (None, None, (found | right).mean()),
        "joint": (None, (found & right).mean(), None),
        "task for digit": (None, (guess == y).mean(), None),
    }


_WHOLE_BATCH = (
    "One guess is made for the whole batch, from the mean over its images. That is a "
    "much easier question, and not the one that is reported: each image is asked by "
    "itself, slopes.argmin(axis=1)."
)
_CAUSES = {
    "batch": _WHOLE_BATCH,
    "votes": "The images vote, and all get the winner. Each is asked by itself.",
    "high": "The most negative slope names the task: argmin, not argmax.",
    "steep": "The steepest slope is taken whatever its sign. The most negative is "
    "meant.",
    "given": "The digit is read under the mask of the right task, which nobody told: "
    "this is the scenario GG. Read it under the mask that the image named, "
    "digits[np.arange(len(y)), guess].",
    "any": "A digit counts here if any mask reads it right. One mask is used for an "
    "image: the one that it named.",
    "product": "The two shares are multiplied, as if task and digit were right or "
    "wrong independently. Count the images in which both are right: found & right.",
    "product given": "Two shares are multiplied, as if task and digit were right or "
    "wrong independently. Count the images in which both are right: found & right.",
    "all right": "A digit that is right under a wrong task's mask counts here. Where "
    "each task has labels of its own, it is the wrong label.",
    "all found": "Only the task is looked at. The digit has to be right too.",
    "of the found": "This is a share of the images whose task was found. It is to be "
    "one of all images: those that are lost count too.",
    "either": "One of both being right is enough here. Both have to be.",
    "joint": "Only digits under the right task count here. That is GNu; in GNs tasks "
    "share their labels, so a digit counts under any mask.",
    "task for digit": "The task is compared with the digit. Look up what the named "
    "task's mask reads.",
}


def _judge_report(args: tuple, output: Any, want: Any) -> Problem | None:
    N = len(args[2])
    names = (
        "images whose task is found",
        "images whose digit is right, whatever the task (GNs)",
        "images whose task and digit are right (GNu)",
    )
    for i, name in enumerate(names):
        if abs(output[i] - want[i]) < 1e-6:
            continue
        cause = ""
        if abs(output[i] - N * want[i]) < 1e-6:
            cause = "This is how many. Wanted is the share of all images."
        for slip, values in _parts(*args).items():
            value = values[i]
            if not cause and value is not None and abs(output[i] - value) < 1e-6:
                cause = _CAUSES[slip]
        return Problem(
            f"the share of {name}",
            f"{output[i]:.4g}, or {N * output[i]:.4g} of {N}",
            f"{want[i]:.4g}, or {N * want[i]:.4g} of {N}",
            cause,
        )
    return None


# ----------------------------------------------------------------------------
# superposition/own_task: a value, from the student's own image
# ----------------------------------------------------------------------------


def _own_task_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    fit = False
    while not fit:
        x = np.round(draw.uniform(0.2, 1, 5), 2)
        theta0 = np.round(draw.uniform(-2, 2, (3, 5)), 2)
        masks = draw.uniform(size=(4, 3, 5)) < 0.5
        slopes = _own_slopes(x, theta0, masks)
        task, least = int(slopes.argmin()), float(slopes.min())
        low, next_low = np.sort(slopes)[:2]
        # The task is named clearly, and no slip gives the same answer.
        fit = task > 0 and least < -0.05 and next_low - low > 0.05 * -low
        found = [tuple(slip.wrong(x, theta0, masks)) for slip in _own_slips]
        found.append((task, least))
        pairs = ((a, b) for i, a in enumerate(found) for b in found[:i])
        fit = fit and not any(
            a[0] == b[0] and abs(a[1] - b[1]) < 0.015 * max(abs(a[1]), abs(b[1]))
            for a, b in pairs
        )
    yield x, theta0, masks


def _own_slopes(
    x: np.ndarray,
    theta0: np.ndarray,
    masks: np.ndarray,
    *,
    share: float = 0.25,
    back: Callable[[np.ndarray], np.ndarray] = lambda z: entropy_gradient(z[None])[1][
        0
    ],
    weigh: Callable[[np.ndarray], np.ndarray] = lambda w: w,
) -> np.ndarray:
    """The slopes of all tasks, or what a slip makes of them."""
    z = share * (theta0 * masks.sum(axis=0)) @ x
    return (np.outer(back(z), x) * weigh(theta0) * masks).sum(axis=(1, 2))


def _alone(x: np.ndarray, theta0: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The entropy under each mask alone."""
    return _H((theta0 * masks) @ x).ravel()


def _lowest(slopes: np.ndarray) -> tuple[float, float]:
    return float(slopes.argmin()), float(slopes.min())


def _highest(slopes: np.ndarray) -> tuple[float, float]:
    return float(slopes.argmax()), float(slopes.max())


_own_slips = (
    Slip(
        "This is the largest slope: more of that mask would make the network less "
        "sure. The most negative one names the task.",
        lambda x, w, masks: _highest(_own_slopes(x, w, masks)),
    ),
    Slip(
        "The logits came from the sum of the masks. Each has a share of one quarter.",
        lambda x, w, masks: _lowest(_own_slopes(x, w, masks, share=1.0)),
    ),
    Slip(
        "theta0 is missing in the slopes: with alpha_i, W changes by theta0 times the "
        "mask.",
        lambda x, w, masks: _lowest(_own_slopes(x, w, masks, weigh=np.ones_like)),
    ),
    Slip(
        "This is in bits. Wanted are natural logarithms.",
        lambda x, w, masks: _lowest(_own_slopes(x, w, masks) / math.log(2)),
    ),
    Slip(
        "The slope was multiplied by the share of one quarter again. It is how H "
        "changes with alpha itself.",
        lambda x, w, masks: _lowest(_own_slopes(x, w, masks) / 4),
    ),
    Slip(
        "H is missing in -p_j (log p_j + H).",
        lambda x, w, masks: _lowest(
            _own_slopes(x, w, masks, back=lambda z: -_softmax(z) * _log_p(z))
        ),
    ),
    Slip(
        "The factor p_j is missing in -p_j (log p_j + H).",
        lambda x, w, masks: _lowest(
            _own_slopes(x, w, masks, back=lambda z: -(_log_p(z) + _H(z[None])[0]))
        ),
    ),
    Slip(
        "This is the mask under which the entropy is smallest, and that entropy: the "
        "exhaustive search. Asked is one gradient at equal shares.",
        lambda x, w, masks: _lowest(_alone(x, w, masks)),
    ),
    Slip(
        "The logits are of all weights, without a mask. Mix the four masks.",
        lambda x, w, masks: _lowest(
            _own_slopes(x, 1.0 * w, masks, back=lambda z: _unmasked(x, w))
        ),
    ),
    Slip(
        "The task is counted from 0.",
        lambda x, w, masks: (
            _lowest(_own_slopes(x, w, masks))[0] + 1,
            _lowest(_own_slopes(x, w, masks))[1],
        ),
    ),
    Slip(
        "The sign of the slope is lost: it is negative, as the entropy falls.",
        lambda x, w, masks: (
            _lowest(_own_slopes(x, w, masks))[0],
            -_lowest(_own_slopes(x, w, masks))[1],
        ),
    ),
)


def _unmasked(x: np.ndarray, theta0: np.ndarray) -> np.ndarray:
    return entropy_gradient((theta0 @ x)[None])[1][0]


_judge_own_task = judge_by_digits(
    "the task that is named, and its dH/dalpha",
    "the task, counted from 0, and its slope to three digits",
    _own_slips,
)


EXERCISES = (
    prediction(
        "superposition/guesses",
        "Predict",
        4,
        {
            "first task after nine more, one network: accuracy": (0, 1),
            "task found by one gradient, ten outputs: share": (0, 1),
            "masks made for a stream of eight tasks": (1, 19),
            "task found, turned by 10 degrees: share": (0, 1),
            "patterns that 200 units recall": (1, 1_000),
        },
    ),
    Exercise(
        "superposition/superpose",
        "Masks over each other",
        1,
        5,
        superpose,
        _superpose_cases,
        _judge_superpose,
    ),
    Exercise(
        "superposition/entropy_gradient",
        "What would make it surer",
        2,
        10,
        entropy_gradient,
        _entropy_cases,
        _judge_entropy,
    ),
    Exercise(
        "superposition/task_gradients",
        "One gradient, every task",
        2,
        8,
        task_gradients,
        _task_gradients_cases,
        _judge_task_gradients,
    ),
    Exercise(
        "superposition/halve",
        "Half of them",
        2,
        8,
        halve,
        _halve_cases,
        _judge_halve,
    ),
    Exercise(
        "superposition/spare_gradient",
        "Outputs that no digit has",
        2,
        8,
        spare_gradient,
        _spare_cases,
        _judge_spare,
    ),
    Exercise(
        "superposition/unsure",
        "A new mask?",
        1,
        6,
        unsure,
        _unsure_cases,
        _judge_unsure,
    ),
    Exercise(
        "superposition/storkey",
        "One more pattern",
        2,
        12,
        storkey,
        _storkey_cases,
        _judge_storkey,
    ),
    Exercise(
        "superposition/report",
        "A report that flatters",
        3,
        15,
        report,
        _report_cases,
        _judge_report,
        planted=_REPORT,
    ),
    Exercise(
        "superposition/own_task",
        "An image of your own",
        2,
        12,
        own_task,
        _own_task_cases,
        _judge_own_task,
        kind="value",
        personal=True,
    ),
    open_question(
        "superposition/another_scenario",
        "A scenario of your own",
        3,
        60,
        "Says what the tasks have in common and what is not told to the network, with "
        "a prediction made before the run, and its reason.\n"
        "Reports for three seeds or more, each with their spread, how often the task "
        "is found and the digit read, beside the right mask given, chance, and one "
        "network trained in sequence.\n"
        "Checks that tasks and seeds are independent and that each image is asked "
        "alone or says how many are asked together, and says plainly what was found.",
    ),
)
