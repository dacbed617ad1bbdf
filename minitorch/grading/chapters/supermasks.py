"""The exercises of the chapter "Supermasks"."""

import math
from typing import Any

import numpy as np

from minitorch.grading.references.supermasks import (
    bernoulli_grad,
    bias_factors,
    own_weight,
    popup_step,
    readings,
    right_scale,
    same_sign_scores,
    subset_sum,
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
    prediction,
    same_slip,
    show,
)

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP: tuple[str, ...] = ()


def _sizes(rng: Rng) -> tuple[int, int]:
    """Rows and columns, never equal."""
    rows = int(rng.integers(4, 8))
    return rows, rows + int(rng.integers(2, 6))


def _count(n: int, keep: float) -> int:
    return int(np.floor(keep * n + 0.5))


def _largest(sizes: np.ndarray, count: int) -> np.ndarray:
    """True for so many of the largest, of equal ones the earlier."""
    mask = np.zeros(sizes.size, bool)
    mask[np.argsort(-sizes.ravel(), kind="stable")[:count]] = True
    return mask.reshape(sizes.shape)


# ----------------------------------------------------------------------------
# supermasks/same_sign_scores
# ----------------------------------------------------------------------------


def _same_sign_cases(rng: Rng) -> Cases:
    yield (
        np.array([1.0, -2.0, 0.5, -1.0, 3.0, -0.25]),
        np.array([3.0, -0.5, -4.0, 2.5, 0.75, -1.5]),
    )
    for dtype in (np.float32, np.float64):
        shape = _sizes(rng)
        wi = normal(rng, *shape, dtype=dtype)
        yield wi, wi + normal(rng, *shape, dtype=dtype)
    # Exactly 0 before, with either sign after; exactly 0 after; and -0.
    yield Edge(
        (
            np.array([0.0, 0.0, 1.0, -0.0, -0.0, 2.0, -3.0]),
            np.array([2.0, -1.5, 0.0, -0.75, 1.25, 0.5, 1.0]),
        )
    )


def _if_same(size: Any) -> Any:
    """Make a slip: another size, but 0 where the sign is another."""
    return lambda wi, wf: np.where(wi * wf > 0, size(wi, wf), 0)


_judge_same_sign = judge_by_value(
    "the scores",
    (
        Slip(
            "The signs are not compared: this is |wf|, the criterion of large weights. "
            "A weight whose sign has changed gets 0.",
            lambda wi, wf: np.abs(wf),
        ),
        Slip(
            "A weight that started at exactly 0 has no sign to keep, and gets 0: ask "
            "for wi * wf > 0, not >= 0.",
            lambda wi, wf: np.where(wi * wf >= 0, np.abs(wf), 0),
        ),
        Slip(
            "A weight that started at exactly 0 has no sign to keep, and gets 0. "
            "np.signbit, and a comparison such as `wi < 0`, give it one.",
            lambda wi, wf: np.where(np.signbit(wi) == np.signbit(wf), np.abs(wf), 0),
        ),
        Slip(
            "A weight that started at exactly 0 has no sign to keep, and gets 0. "
            "np.signbit, and a comparison such as `wi < 0`, give it one.",
            lambda wi, wf: np.where((wi < 0) == (wf < 0), np.abs(wf), 0),
        ),
        Slip(
            "A weight that started at exactly 0 has no sign to keep, and gets 0. "
            "np.signbit, and a comparison such as `wi < 0`, give it one.",
            lambda wi, wf: np.where((wi > 0) == (wf > 0), np.abs(wf), 0),
        ),
        Slip(
            "The scores have signs, so a large negative weight comes last. A score is "
            "a size: take the absolute value.",
            _if_same(lambda wi, wf: wf),
        ),
        Slip(
            "This is the size before training. The score is the size after it.",
            _if_same(lambda wi, wf: np.abs(wi)),
        ),
        Slip(
            "Kept are the weights whose sign has changed. Wanted are the others.",
            lambda wi, wf: np.where(wi * wf < 0, np.abs(wf), 0),
        ),
        Slip(
            "Only weights that are positive before and after count here. Two negative "
            "ones have the same sign too.",
            lambda wi, wf: np.where((wi > 0) & (wf > 0), wf, 0),
        ),
        Slip(
            "A weight whose sign has changed has a score below 0 here, so the largest "
            "of them come last. They should all be equal, at 0.",
            lambda wi, wf: wf * np.sign(wi),
        ),
        Slip(
            "This is how far a weight has moved. The score is its size after training.",
            lambda wi, wf: np.abs(wf - wi),
        ),
        Slip(
            "This is how far a weight has moved. The score is its size after training.",
            _if_same(lambda wi, wf: np.abs(wf - wi)),
        ),
        Slip(
            "This is how much a weight has grown, another criterion. The score is its "
            "size after training.",
            _if_same(lambda wi, wf: np.abs(wf) - np.abs(wi)),
        ),
        Slip(
            "This is how much a weight has grown, another criterion. The score is its "
            "size after training.",
            _if_same(lambda wi, wf: np.maximum(np.abs(wf) - np.abs(wi), 0)),
        ),
        Slip(
            "The product of both is the score here, so the size before training counts "
            "too. The product only says whether the sign is the same.",
            _if_same(lambda wi, wf: wi * wf),
        ),
        Slip(
            "The product of both is the score here, so the size before training counts "
            "too. The product only says whether the sign is the same.",
            lambda wi, wf: wi * wf,
        ),
        Slip(
            "This is the smaller of both sizes. The score is the size after training.",
            _if_same(lambda wi, wf: np.minimum(np.abs(wi), np.abs(wf))),
        ),
        Slip(
            "The size is squared.",
            _if_same(lambda wi, wf: wf**2),
        ),
        Slip(
            "This says whether the sign is the same: 1 or 0. Such a weight's score is "
            "its size after training.",
            _if_same(lambda wi, wf: np.ones_like(wf)),
        ),
    ),
)


# ----------------------------------------------------------------------------
# supermasks/readings
# ----------------------------------------------------------------------------


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _readings_cases(rng: Rng) -> Cases:
    yield np.array([-2.0, 0.0, 2.0, 0.4]), np.array([0.1, 0.6, 0.3, 0.55])
    for dtype in (np.float32, np.float64):
        n = int(rng.integers(14, 30))
        scores = 2 * normal(rng, n, dtype=dtype)
        # No gradient moved these: they are at 0 still.
        scores[rng.permutation(n)[:3]] = 0
        u = rng.random(n).astype(dtype)
        # Not so near to p, or to half, that rounding decides.
        for bar in (_sigmoid(scores), _sigmoid(-scores), np.full(n, 0.5)):
            near = np.abs(u - bar) < 0.01
            u[near] = (u[near] + dtype(0.27)) % 1
        yield scores, u


def _drawn(scores: np.ndarray, u: np.ndarray) -> np.ndarray:
    return u < _sigmoid(scores)


_SIGN = (
    "The sign in the exponent is lost: p = 1 / (1 + exp(-s)) grows with the score, "
    "1 / (1 + exp(s)) falls."
)
# For each row: its name, and its slips.
_READINGS: tuple[tuple[str, tuple[Slip, ...]], ...] = (
    (
        "sampled",
        (
            Slip(
                "u is compared with the score itself. The score stands for a chance: "
                "turn it into p first.",
                lambda s, u: u < s,
            ),
            Slip(
                "Used is what has u above p. Then p is the chance to be left out: the "
                "weight is used where u is below p.",
                lambda s, u: u > _sigmoid(s),
            ),
            Slip(_SIGN, lambda s, u: u < _sigmoid(-s)),
            Slip(
                "This is p, the chance, and no draw. Use the weight where u is below "
                "p.",
                lambda s, u: _sigmoid(s),
            ),
            Slip(
                "The weights that are drawn are multiplied by p as well. A sampled "
                "mask is 0 or 1.",
                lambda s, u: _drawn(s, u) * _sigmoid(s),
            ),
            Slip(
                "Every weight has the same chance here, one half. Each has its own p.",
                lambda s, u: u < 0.5,
            ),
            Slip(
                "There is no draw in this: it is read by threshold. Compare p with u.",
                lambda s, u: s >= 0,
            ),
            Slip(
                "There is no draw in this: it is read by threshold. Compare p with u.",
                lambda s, u: s > 0,
            ),
        ),
    ),
    (
        "by threshold",
        (
            Slip(
                "A score of exactly 0 is left out. It counts as used here: s >= 0. "
                "(np.round(0.5) is 0, so rounding p does the same.)",
                lambda s, u: s > 0,
            ),
            Slip(
                "The threshold is at the wrong side: scores of 0 or more are used, "
                "those below are not.",
                lambda s, u: s <= 0,
            ),
            Slip(
                "The threshold is at the wrong side: scores of 0 or more are used, "
                "those below are not.",
                lambda s, u: s < 0,
            ),
            Slip(
                "One half is the threshold of p. That of the score is 0: there p is "
                "one half.",
                lambda s, u: s >= 0.5,
            ),
            Slip(
                "One half is the threshold of p. That of the score is 0: there p is "
                "one half.",
                lambda s, u: s > 0.5,
            ),
            Slip(
                "Everything is used: p is compared with 0, which it always exceeds. "
                "The threshold of p is one half, that of the score 0.",
                lambda s, u: np.ones_like(s),
            ),
            Slip(
                "This is the draw again. The threshold asks no random number.",
                _drawn,
            ),
            Slip(
                "u is asked here, and the wrong way round. The threshold asks no "
                "random number.",
                lambda s, u: u > _sigmoid(s),
            ),
            Slip(
                "This is p itself. By threshold a weight is used or not, 1 or 0.",
                lambda s, u: _sigmoid(s),
            ),
            Slip(
                "Half are used, the larger ones: this is edge-popup's rule, or a "
                "threshold at the median. Here it stands at 0.",
                lambda s, u: s >= np.median(s),
            ),
        ),
    ),
    (
        "mean",
        (
            Slip(_SIGN, lambda s, u: _sigmoid(-s)),
            Slip(
                "The mean is rounded: this is the threshold again. Every weight is "
                "used here, multiplied by its p.",
                lambda s, u: s >= 0,
            ),
            Slip(
                "The mean is rounded: this is the threshold again. Every weight is "
                "used here, multiplied by its p.",
                lambda s, u: s > 0,
            ),
            Slip(
                "This is one mean over all weights. Meant is the mean over draws, "
                "which each weight has for itself: p.",
                lambda s, u: np.full_like(s, _sigmoid(s).mean()),
            ),
            Slip(
                "This is one mean over all weights. Meant is the mean over draws, "
                "which each weight has for itself: p.",
                lambda s, u: np.full_like(s, _drawn(s, u).mean()),
            ),
            Slip(
                "This is the mean of the two rows above. Meant is the mean over many "
                "draws, which is p.",
                lambda s, u: (_drawn(s, u) * 1.0 + (s >= 0)) / 2,
            ),
            Slip("These are the scores. Turn them into chances.", lambda s, u: s),
            Slip(
                "This is one draw. The mean over many draws is p.",
                _drawn,
            ),
            Slip(
                "p is multiplied by the draw. The mean uses every weight.",
                lambda s, u: _drawn(s, u) * _sigmoid(s),
            ),
            Slip(
                "The chance was taken twice: 1 / (1 + exp(-p)) of p.",
                lambda s, u: _sigmoid(_sigmoid(s)),
            ),
            Slip(
                "This is tanh, which goes from -1 to 1. A chance goes from 0 to 1.",
                lambda s, u: np.tanh(s),
            ),
        ),
    ),
)


def _judge_readings(args: tuple, output: Any, want: Any) -> Problem | None:
    # Which reading each row is, if any.
    found = [
        next((i for i, right in enumerate(want) if close(got, right)), None)
        for got in output
    ]
    swapped = set(found) == {0, 1, 2}
    for row, (name, slips) in enumerate(_READINGS):
        if close(output[row], want[row]):
            continue
        cause = "" if swapped else same_slip(args, output[row], slips)
        if swapped:
            cause = (
                "The three readings are right, but stand in another order. Wanted is "
                "sampled, by threshold, mean."
            )
        worst = int(np.abs(output[row] - want[row]).argmax())
        s, u = (float(each[worst]) for each in args)
        return Problem(
            f"the row {name!r}, for a score of {s:.4g} and u = {u:.3g}",
            f"{output[row][worst]:.4g}",
            f"{want[row][worst]:.4g}",
            cause,
        )
    return None


# ----------------------------------------------------------------------------
# supermasks/bernoulli_grad
# ----------------------------------------------------------------------------


def _bernoulli_grad_cases(rng: Rng) -> Cases:
    # Chances of 0.75, 0.5 and 0.25.
    yield (
        np.array([1.0, -2.0, 4.0]),
        np.array([2.0, -3.0, -0.5]),
        np.array([math.log(3), 0.0, -math.log(3)]),
    )
    for dtype in (np.float32, np.float64):
        n = int(rng.integers(10, 30))
        grad, theta0 = (normal(rng, n, dtype=dtype) for _ in range(2))
        yield grad, theta0, 2 * normal(rng, n, dtype=dtype)


def _slope(scores: np.ndarray) -> np.ndarray:
    return _sigmoid(scores) * (1 - _sigmoid(scores))


_RETURN = (
    "Only weights that are in use get a gradient here. Then one that is out can never "
    "come back. As if the mask were p, every score gets one."
)

_judge_bernoulli_grad = judge_by_value(
    "the gradient of the scores",
    (
        Slip(
            "The slope of p is missing: this is the gradient with respect to p. From p "
            "to the score it takes another factor, p (1 - p).",
            lambda g, w, s: g * w,
        ),
        Slip(
            "theta0 is missing. theta = theta0 * p, so how much theta changes with p "
            "is theta0.",
            lambda g, w, s: g * _slope(s),
        ),
        Slip(
            "theta0 has lost its sign. Where the weight is negative, more of it makes "
            "theta smaller.",
            lambda g, w, s: g * np.abs(w) * _slope(s),
        ),
        Slip(
            "This is p where its slope should be. The slope is p (1 - p).",
            lambda g, w, s: g * w * _sigmoid(s),
        ),
        Slip(
            "This is 1 - p where the slope of p should be. The slope is p (1 - p).",
            lambda g, w, s: g * w * (1 - _sigmoid(s)),
        ),
        Slip(
            "This is the gradient with respect to theta0, which is fixed. Wanted is "
            "that of the scores.",
            lambda g, w, s: g * _sigmoid(s),
        ),
        Slip(
            "p (1 - p) was computed of the scores as they are. They are no chances "
            "yet: p = 1 / (1 + exp(-s)).",
            lambda g, w, s: g * w * s * (1 - s),
        ),
        Slip(_RETURN, lambda g, w, s: g * w * (s >= 0)),
        Slip(_RETURN, lambda g, w, s: g * w * (s > 0)),
        Slip(_RETURN, lambda g, w, s: g * w * _slope(s) * (s >= 0)),
        Slip(_RETURN, lambda g, w, s: g * w * _slope(s) * (s > 0)),
        Slip(
            "This is 0 everywhere: a mask of 0 and 1 has no slope. Straight through "
            "means to take the slope of its mean p instead.",
            lambda g, w, s: np.zeros_like(g),
        ),
        Slip(
            "This is edge-popup's gradient, as if the mask were |s|. Here it is as if "
            "the mask were p.",
            lambda g, w, s: g * w * np.sign(s),
        ),
        Slip(
            "This is the slope of tanh. That of 1 / (1 + exp(-s)) is p (1 - p).",
            lambda g, w, s: g * w * (1 - np.tanh(s) ** 2),
        ),
        Slip(
            "The slope of p is p (1 - p): here the last factor is squared, or p is.",
            lambda g, w, s: g * w * _slope(s) * _sigmoid(s),
        ),
        Slip(
            "The chance was taken twice: the slope is p (1 - p), with p already a "
            "chance.",
            lambda g, w, s: g * w * _slope(_sigmoid(s)),
        ),
    ),
)


# ----------------------------------------------------------------------------
# supermasks/subset_sum
# ----------------------------------------------------------------------------


def _subset_sum_cases(rng: Rng) -> Cases:
    # Here nearly all known slips choose wrong, each in another way.
    yield np.array([8.5, 6.5, -5.0, -9.0, -2.5, -4.0, 7.0]), 5.25
    # What looks best first is in no best subset.
    yield np.array([6.5, 5.0, 4.0, -9.0, 2.75]), 9.0
    n = int(rng.integers(9, 13))
    yield rng.uniform(-1, 1, n), float(rng.uniform(-1, 1))
    # One subset hits exactly.
    a = 100 * rng.normal(size=int(rng.integers(9, 13)))
    inside = rng.permutation(np.arange(a.size) % 2 == 0)
    yield a, float(a[inside].sum())
    # Both numbers at the ends are needed, and then all of them.
    a = rng.uniform(1, 2, int(rng.integers(5, 9)))
    a[1:-1] *= -1
    yield a, float(a[0] + a[-1])
    yield np.abs(a), float(np.abs(a).sum())
    # None is best.
    a = rng.uniform(1, 3, int(rng.integers(5, 9)))
    yield a, float(rng.uniform(0.1, 0.4))
    yield Edge((np.array([0.75]), 0.5))
    yield Edge((np.zeros(0), 0.25))


def _subsets(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def _best_of(allowed: Any) -> Any:
    """Make a slip: the nearest of some subsets, (masks, sums, target) -> allowed."""

    def wrong(a: np.ndarray, target: float) -> np.ndarray | None:
        masks = _subsets(len(a))
        masks = masks[allowed(masks, masks @ a, target)]
        if not len(masks):
            return None
        best: np.ndarray = masks[np.argmin(np.abs(masks @ a - target))]
        return best

    return wrong


def _greedy(a: np.ndarray, target: float) -> np.ndarray:
    mask = np.zeros(len(a), bool)
    for i in np.argsort(-np.abs(a), kind="stable"):
        if abs(a[mask].sum() + a[i] - target) < abs(a[mask].sum() - target):
            mask[i] = True
    return mask


def _one_after_another(a: np.ndarray, target: float) -> np.ndarray:
    mask = np.zeros(len(a), bool)
    for i in range(len(a)):
        if abs(a[mask].sum() + a[i] - target) < abs(a[mask].sum() - target):
            mask[i] = True
    return mask


def _step_by_step(a: np.ndarray, target: float) -> np.ndarray:
    mask = np.zeros(len(a), bool)
    while not mask.all():
        errors = np.where(mask, np.inf, np.abs(a[mask].sum() + a - target))
        if errors.min() >= abs(a[mask].sum() - target):
            break
        mask[errors.argmin()] = True
    return mask


def _front(order: Any) -> Any:
    """Make a slip: the best of the first so many numbers of an order."""

    def wrong(a: np.ndarray, target: float) -> np.ndarray:
        places = order(a)
        sums = np.append(0, np.cumsum(a[places]))
        mask = np.zeros(len(a), bool)
        mask[places[: np.argmin(np.abs(sums - target))]] = True
        return mask

    return wrong


def _by_size(a: np.ndarray, target: float) -> np.ndarray:
    masks = _subsets(len(a))
    return masks[np.argmin(np.abs(np.abs(masks @ a) - abs(target)))]


_GREEDY = (
    "Greedy: one number after another is taken where it helps, and none is given back. "
    "What looks best first may be in no best subset. Try all 2^n."
)
_FRONT = (
    "Only the first numbers of an order are tried, so many of them: n + 1 subsets. A "
    "subset may skip numbers: there are 2^n."
)

_subset_slips = (
    Slip(
        "The empty subset is forgotten. To choose none gives the sum 0, which may be "
        "nearest.",
        _best_of(lambda masks, sums, target: masks.any(axis=1)),
    ),
    Slip(
        "The subset of all numbers is forgotten. Counts of chosen numbers run from 0 "
        "to n, codes from 0 to 2^n - 1.",
        _best_of(lambda masks, sums, target: ~masks.all(axis=1)),
    ),
    Slip(
        "This is the one number that is nearest. Several may be added up.",
        _best_of(lambda masks, sums, target: masks.sum(axis=1) == 1),
    ),
    Slip(_GREEDY, _greedy),
    Slip(_GREEDY, _step_by_step),
    Slip(_GREEDY, _one_after_another),
    Slip(_FRONT, _front(lambda a: np.arange(len(a)))),
    Slip(_FRONT, _front(lambda a: np.argsort(-a, kind="stable"))),
    Slip(_FRONT, _front(lambda a: np.argsort(a, kind="stable"))),
    Slip(_FRONT, _front(lambda a: np.argsort(-np.abs(a), kind="stable"))),
    Slip(
        "The last number is never chosen: there are n numbers, so 2^n codes.",
        _best_of(lambda masks, sums, target: ~masks[:, -1:].any(axis=1)),
    ),
    Slip(
        "The first number is never chosen: the digits of a code are counted from 0.",
        _best_of(lambda masks, sums, target: ~masks[:, :1].any(axis=1)),
    ),
    Slip(
        "At most two numbers are tried together. Any count of them may be best.",
        _best_of(lambda masks, sums, target: masks.sum(axis=1) <= 2),
    ),
    Slip(
        "Sums above the target are not allowed here, as if it were a rucksack. The "
        "nearest sum is wanted, on either side.",
        _best_of(lambda masks, sums, target: sums <= target),
    ),
    Slip(
        "Sums below the target are not allowed here. The nearest sum is wanted, on "
        "either side.",
        _best_of(lambda masks, sums, target: sums >= target),
    ),
    Slip(
        "The best subset is read from the wrong end: the digit that says whether "
        "number k is in must stand at place k.",
        lambda a, target: subset_sum(a, target)[::-1],
    ),
    Slip(
        "These are the numbers that should stay out.",
        lambda a, target: ~subset_sum(a, target),
    ),
    Slip(
        "The absolute value is missing: the smallest difference is the most negative "
        "one. Wanted is the smallest in size.",
        lambda a, target: a < 0,
    ),
    Slip(
        "The size of the sum is compared with the size of the target, so a sum of the "
        "other sign looks near.",
        _by_size,
    ),
    Slip(
        "Nothing is chosen.",
        lambda a, target: np.zeros(len(a), bool),
    ),
)


def _judge_subset_sum(args: tuple, output: Any, want: Any) -> Problem | None:
    a, target = args
    got, best = float(a[output].sum()), float(a[want].sum())
    off, least = abs(got - target), abs(best - target)
    if off <= least + 1e-9 * (1 + float(np.abs(a).sum())):
        return None
    # Two slips may choose the same numbers.
    causes = [each.cause for each in _subset_slips if same_slip(args, output, (each,))]
    causes = list(dict.fromkeys(causes))
    return Problem(
        f"the sum that is nearest to {target:.4g}",
        f"{got:.6g}, of {int(output.sum())} of the {len(a)} numbers: off by {off:.3g}",
        f"{best:.6g}, of {int(want.sum())} of them: off by {least:.3g}",
        " Or: ".join(causes[:2]),
    )


# ----------------------------------------------------------------------------
# supermasks/popup_step: three planted bugs
# ----------------------------------------------------------------------------

_POPUP_STEP = """
def popup_step(theta0, scores, grad, keep, lr, decay):
    scores = scores - lr * (grad * theta0 + decay * scores)
    theta0 = theta0 - lr * decay * theta0
    order = np.argsort(-np.abs(scores).ravel(), kind="stable")
    mask = np.zeros(scores.size, bool)
    mask[order[: int((1 - keep) * scores.size + 0.5)]] = True
    return theta0, scores, mask.reshape(scores.shape)
"""


def _popup_step_cases(rng: Rng) -> Cases:
    yield (
        np.array([1.0, -1.0, 2.0, -0.5]),
        np.array([0.5, -0.25, 0.75, -1.0]),
        np.array([1.0, 1.0, -1.0, 2.0]),
        0.25,
        0.1,
        0.0,
    )
    for dtype, beyond in ((np.float32, 0.3), (np.float64, 0.7)):
        shape = _sizes(rng)
        theta0, scores, grad = (normal(rng, *shape, dtype=dtype) for _ in range(3))
        # Two at exactly 0, where |s| has no slope; and one weight.
        places = rng.permutation(scores.size)
        scores.flat[places[:2]], theta0.flat[places[2]] = 0, 0
        keep = (int(scores.size * rng.uniform(0.2, 0.35)) + beyond) / scores.size
        lr, decay = rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.3)
        yield theta0, scores, grad, keep, float(lr), float(decay)
    # Equal scores, which no gradient moves: no threshold gives the right count, and
    # an order that is not stable shows.
    scores = rng.choice([-2, -1, 1, 2], (40, 30)).astype(np.float32)
    keep = (int(1200 * rng.uniform(0.2, 0.35)) + 0.3) / 1200
    theta0 = normal(rng, 40, 30)
    yield theta0, scores, np.zeros_like(scores), keep, 0.25, 0.0
    # All are used; half a weight counts as one.
    shape = _sizes(rng)
    theta0, scores, grad = (normal(rng, *shape) for _ in range(3))
    yield Edge((theta0, scores, grad, 1.0, 0.1, 0.05))
    theta0, scores, grad = (normal(rng, 10) for _ in range(3))
    yield Edge((theta0, scores, grad, 0.25, 0.1, 0.05))


# (theta0, scores, grad, keep, lr, decay) -> the new scores.
_score_slips = (
    Slip(
        "The sign of the score is missing. The mask asks for |s|, so a score below 0 "
        "has to fall for its weight to come in: the slope of |s| is sign(s).",
        lambda w, s, g, keep, lr, decay: s - lr * (g * w + decay * s),
    ),
    Slip(
        "A score of exactly 0 moved by its gradient. |s| has no slope there: "
        "np.sign(0) is 0.",
        lambda w, s, g, keep, lr, decay: (
            s - lr * (g * w * np.where(s < 0, -1, 1) + decay * s)
        ),
    ),
    Slip(
        "A score of exactly 0 moved by its gradient. |s| has no slope there: "
        "np.sign(0) is 0.",
        lambda w, s, g, keep, lr, decay: (
            s - lr * (g * w * np.where(s > 0, 1, -1) + decay * s)
        ),
    ),
    Slip(
        "The decay of the scores is missing: decay * scores belongs to their gradient.",
        lambda w, s, g, keep, lr, decay: s - lr * g * w * np.sign(s),
    ),
    Slip(
        "The decay is not multiplied by the rate: it belongs to the gradient.",
        lambda w, s, g, keep, lr, decay: s - lr * g * w * np.sign(s) - decay * s,
    ),
    Slip(
        "The decay is multiplied by the sign too. Only the gradient of theta is; "
        "decay * scores has the sign of the scores already.",
        lambda w, s, g, keep, lr, decay: s - lr * (g * w + decay * s) * np.sign(s),
    ),
    Slip(
        "The decay is of the weights, decay * theta0. It is for the scores.",
        lambda w, s, g, keep, lr, decay: s - lr * (g * w * np.sign(s) + decay * w),
    ),
    Slip(
        "The step is uphill: the gradient is taken off the scores.",
        lambda w, s, g, keep, lr, decay: s + lr * (g * w * np.sign(s) + decay * s),
    ),
    Slip(
        "The step is uphill: the gradient is taken off the scores.",
        lambda w, s, g, keep, lr, decay: s + lr * (g * w * np.sign(s) - decay * s),
    ),
    Slip(
        "theta0 is missing: how much theta changes with the mask is theta0.",
        lambda w, s, g, keep, lr, decay: s - lr * (g * np.sign(s) + decay * s),
    ),
    Slip(
        "theta0 has lost its sign, or the sign is taken of the wrong number: "
        "grad * theta0 * sign(scores).",
        lambda w, s, g, keep, lr, decay: (
            s - lr * (g * np.abs(w) * np.sign(s) + decay * s)
        ),
    ),
    Slip(
        "theta0 has lost its sign, or the sign is taken of the wrong number: "
        "grad * theta0 * sign(scores).",
        lambda w, s, g, keep, lr, decay: s - lr * (g * np.abs(w) + decay * s),
    ),
    Slip(
        "Only weights that are in use move their score here. Then one that is out can "
        "never come back: straight through means that all scores get a gradient.",
        lambda w, s, g, keep, lr, decay: (
            s
            - lr
            * (
                g * w * np.sign(s) * _largest(np.abs(s), _count(s.size, keep))
                + decay * s
            )
        ),
    ),
    Slip(
        "The product with the score itself is no slope: that of |s| is 1 or -1.",
        lambda w, s, g, keep, lr, decay: s - lr * (g * w * s + decay * s),
    ),
    Slip(
        "The absolute values of the scores are kept, and their signs lost. Take the "
        "size when they are put in order, and leave the scores as they are.",
        lambda w, s, g, keep, lr, decay: np.abs(
            s - lr * (g * w * np.sign(s) + decay * s)
        ),
    ),
    Slip(
        "The scores did not move.",
        lambda w, s, g, keep, lr, decay: s,
    ),
)

# (theta0, old scores, new scores, keep) -> the mask.
_popup_mask_slips = (
    Slip(
        "keep is taken for the fraction that goes. It is the fraction that stays. (At "
        "one half both are the same.)",
        lambda w, old, s, keep: _largest(np.abs(s), _count(s.size, 1 - keep)),
    ),
    Slip(
        "keep is taken for the fraction that goes. It is the fraction that stays. (At "
        "one half both are the same.)",
        lambda w, old, s, keep: _largest(np.abs(s), s.size - _count(s.size, keep)),
    ),
    Slip(
        "The smallest scores are used. The largest should be.",
        lambda w, old, s, keep: _largest(-np.abs(s), _count(s.size, keep)),
    ),
    Slip(
        "All but the largest scores are used: `order[count:]` is what comes after the "
        "first ones. Take `order[:count]`.",
        lambda w, old, s, keep: ~_largest(np.abs(s), _count(s.size, keep)),
    ),
    Slip(
        "The scores were put in order with their signs. Their size counts: sort "
        "-np.abs(scores).",
        lambda w, old, s, keep: _largest(s, _count(s.size, keep)),
    ),
    Slip(
        "The mask is that of the scores before the step.",
        lambda w, old, s, keep: _largest(np.abs(old), _count(s.size, keep)),
    ),
    Slip(
        "The largest weights are used. Their scores decide, whatever their size.",
        lambda w, old, s, keep: _largest(np.abs(w), _count(s.size, keep)),
    ),
    Slip(
        "Weight times score decides here. The scores alone should.",
        lambda w, old, s, keep: _largest(np.abs(w * s), _count(s.size, keep)),
    ),
    Slip(
        "The mask is read by a threshold at 0. Edge-popup uses a fixed count, of the "
        "largest |s|.",
        lambda w, old, s, keep: s >= 0,
    ),
    Slip(
        "The count is cut off: int() goes down. Wanted is floor(keep n + 1/2).",
        lambda w, old, s, keep: _largest(np.abs(s), int(keep * s.size)),
    ),
    Slip(
        "The count is rounded to the even number where it is half: that is what "
        "round() and np.round do. Wanted is floor(keep n + 1/2).",
        lambda w, old, s, keep: _largest(np.abs(s), round(keep * s.size)),
    ),
    Slip(
        "The count is rounded up. Wanted is floor(keep n + 1/2).",
        lambda w, old, s, keep: _largest(np.abs(s), math.ceil(keep * s.size)),
    ),
    Slip(
        "This uses what is above a threshold, and loses its ties. A threshold is no "
        "count: take so many places of a sorted order.",
        lambda w, old, s, keep: np.abs(s) > _last_used(s, keep),
    ),
    Slip(
        "This uses all that reach a threshold, too many where there are ties. A "
        "threshold is no count: take so many places of a sorted order.",
        lambda w, old, s, keep: np.abs(s) >= _last_used(s, keep),
    ),
    Slip(
        "Each row uses its own largest. The count is for the whole layer.",
        lambda w, old, s, keep: np.array(
            [_largest(np.abs(row), _count(row.size, keep)) for row in np.atleast_2d(s)]
        ).reshape(s.shape),
    ),
    Slip(
        "Of scores of equal size the later one is used. Ties keep the earlier place.",
        lambda w, old, s, keep: _largest(np.abs(s).ravel()[::-1], _count(s.size, keep))[
            ::-1
        ].reshape(s.shape),
    ),
)


def _last_used(s: np.ndarray, keep: float) -> float:
    """The size of the last score that is used."""
    count = _count(s.size, keep)
    return float(np.sort(np.abs(s), axis=None)[::-1][count - 1]) if count else np.inf


def _judge_popup_step(args: tuple, output: Any, want: Any) -> Problem | None:
    theta0, scores, grad, keep, lr, decay = args
    new_theta0, new_scores, mask = output
    if not np.array_equal(new_theta0, theta0):
        return _weights_moved(args, new_theta0, mask)
    if not close(new_scores, want[1]):
        return _scores_off(args, new_scores, want[1])
    # Of the learner's own scores, which rounding may set apart from the reference's.
    right = _largest(np.abs(new_scores), _count(new_scores.size, keep))
    if np.array_equal(mask, right):
        return None
    cause = same_slip((theta0, scores, new_scores, keep), mask, _popup_mask_slips)
    if mask.sum() != right.sum():
        return Problem(
            f"how many of {mask.size} weights are used",
            str(int(mask.sum())),
            str(int(right.sum())),
            cause,
        )
    wrong, missed = (
        np.argwhere(where)[0].tolist() for where in (mask & ~right, right & ~mask)
    )
    used, best = (np.sort(np.abs(new_scores[each])) for each in (mask, right))
    if not cause and np.array_equal(used, best):
        cause = (
            "The sizes are right, but of equal scores others are used. Ties keep the "
            'earlier place: sort -|s| with kind="stable".'
        )
    return Problem(
        "which weights are used",
        f"the one at {wrong}, of score {new_scores[tuple(wrong)]:.4g}",
        f"the one at {missed}, of score {new_scores[tuple(missed)]:.4g}, in its place",
        cause,
    )


def _weights_moved(args: tuple, new: np.ndarray, mask: np.ndarray) -> Problem:
    theta0, scores, grad, keep, lr, decay = args
    cause = "The weights are random and stay so: only the scores are trained."
    if close(new, theta0 - lr * decay * theta0) or close(new, theta0 - decay * theta0):
        cause = (
            "Decay shrinks the weights. They are not trained, so nothing may move "
            "them: the decay is for the scores. (Whoever hands all numbers to an "
            "optimiser with weight decay has this bug.)"
        )
    elif close(new, theta0 * mask):
        cause = (
            "This is theta, the weights with the mask. Return theta0 itself: whatever "
            "the mask leaves out is needed when it comes back."
        )
    elif any(close(new, theta0 - lr * each) for each in (grad, grad * mask)):
        cause = "The weights are trained here. Only the scores are to move."
    moved = int((new != theta0).sum())
    return Problem(f"how many of {theta0.size} weights moved", str(moved), "0", cause)


def _scores_off(args: tuple, new: np.ndarray, want: np.ndarray) -> Problem:
    scores, lr = args[1], args[4]
    size = float(np.abs(want).max(initial=0)) or 1.0
    off = np.abs(new - want) > (1e-8 if new.dtype == np.float64 else 1e-4) * size
    told = ", ".join(
        f"{int((off & where).sum())} of {int(where.sum())} {name}"
        for name, where in (
            ("negative", scores < 0),
            ("positive", scores > 0),
            ("zero", scores == 0),
        )
        if (off & where).any()
    )
    return Problem(
        "which scores moved as they should",
        f"wrong: {told}",
        f"all of them, by -{lr:.3g} * (grad * theta0 * slope of |s| + decay * s)",
        same_slip(args, new, _score_slips),
    )


# ----------------------------------------------------------------------------
# supermasks/right_scale
# ----------------------------------------------------------------------------


def _right_scale_cases(rng: Rng) -> Cases:
    yield (300, 784), 0.25
    for _ in range(2):
        outputs, inputs = (int(n) for n in rng.choice(np.arange(20, 900), 2, False))
        yield (outputs, inputs), float(rng.uniform(0.05, 0.4))
    channels = [int(n) for n in rng.choice(np.arange(8, 60), 2, False)]
    yield (*channels, 3, 5), float(rng.uniform(0.6, 0.9))
    # Nothing is masked: this is He's rule.
    yield Edge(((20, 50), 1.0))


def _spread(n: float) -> float | None:
    """The square root of 2 / n, where there is one."""
    return math.sqrt(2 / n) if n > 0 else None


_judge_right_scale = judge_by_value(
    "the spread",
    (
        Slip(
            "keep is missing: this is the spread of a layer that is all used.",
            lambda shape, keep: _spread(math.prod(shape[1:])),
        ),
        Slip(
            "1 - keep is the part that goes. A unit sees keep * fan_in numbers. (The "
            "code behind the paper has this; at one half it cannot be seen.)",
            lambda shape, keep: _spread((1 - keep) * math.prod(shape[1:])),
        ),
        Slip(
            "keep stands on the wrong side of the fraction: the fewer weights are "
            "used, the larger they must be.",
            lambda shape, keep: math.sqrt(2 * keep / math.prod(shape[1:])),
        ),
        Slip(
            "keep stands outside the root. It belongs to the count of numbers that a "
            "unit sees, which is under it.",
            lambda shape, keep: math.sqrt(2 / math.prod(shape[1:])) / keep,
        ),
        Slip(
            "fan_in stands outside the root. The root is of 2 over the count of "
            "numbers that a unit sees.",
            lambda shape, keep: math.sqrt(2 / keep) / math.prod(shape[1:]),
        ),
        Slip(
            "The 2 stands outside the root: the root is of 2 over the count.",
            lambda shape, keep: 2 / math.sqrt(keep * math.prod(shape[1:])),
        ),
        *(
            Slip(
                "The count was rounded to a whole number. On average over units it "
                "need not be one: keep * fan_in.",
                lambda shape, keep, whole=whole: _spread(
                    whole(keep * math.prod(shape[1:]))
                ),
            )
            for whole in (int, round, math.ceil)
        ),
        Slip(
            "The 2 is missing: ReLU lets half of the signal through.",
            lambda shape, keep: math.sqrt(1 / (keep * math.prod(shape[1:]))),
        ),
        Slip(
            "The root is missing: this is the variance, not the spread.",
            lambda shape, keep: 2 / (keep * math.prod(shape[1:])),
        ),
        Slip(
            "This counts the units that a number feeds (fan-out). What counts is how "
            "many numbers feed a unit: all of the shape but its first entry.",
            lambda shape, keep: _spread(keep * shape[0] * math.prod(shape[2:])),
        ),
        Slip(
            "This counts the units that a number feeds (fan-out). What counts is how "
            "many numbers feed a unit: all of the shape but its first entry.",
            lambda shape, keep: _spread(keep * shape[0]),
        ),
        Slip(
            "These are all weights of the layer. What counts is how many numbers feed "
            "one unit: all of the shape but its first entry.",
            lambda shape, keep: _spread(keep * math.prod(shape)),
        ),
        Slip(
            "Of a kernel all its pixels feed a unit, not only one for each channel: "
            "multiply C, H and W.",
            lambda shape, keep: _spread(keep * shape[1]),
        ),
        Slip(
            "Of a kernel all its channels feed a unit: multiply C, H and W.",
            lambda shape, keep: _spread(keep * math.prod(shape[2:])),
        ),
        Slip(
            "The last entry of a kernel's shape is its width alone: multiply C, H and "
            "W.",
            lambda shape, keep: _spread(keep * shape[-1]),
        ),
        Slip(
            "This is Glorot's rule, which counts numbers on both sides. He's counts "
            "those that feed a unit.",
            lambda shape, keep: _spread(
                keep * (shape[0] + shape[1]) * math.prod(shape[2:])
            ),
        ),
    ),
)


# ----------------------------------------------------------------------------
# supermasks/bias_factors
# ----------------------------------------------------------------------------


def _bias_factors_cases(rng: Rng) -> Cases:
    yield (np.array([2.0, 3.0, 0.5]),)
    for layers in (4, 3):
        # None is near 1, and neither is their product.
        factors = np.exp(rng.uniform(0.3, 1.2, layers))
        factors[1] = 1 / factors[1]
        yield (factors,)
    yield Edge((np.array([4.0]),))


_bias_slips = (
    Slip(
        "Each bias gets its own layer's factor. But what it is added to has also "
        "passed the layers before, with their factors.",
        lambda factors: factors,
    ),
    Slip(
        "The biases stay as they are. Then they weigh less, or more, beside what they "
        "are added to.",
        np.ones_like,
    ),
    Slip(
        "All biases get the factor of the logits. A bias is added before the layers "
        "above it multiply: only the factors up to its own layer count.",
        lambda factors: np.full_like(factors, factors.prod()),
    ),
    Slip(
        "This is the factor of what comes into a layer. The bias is added after the "
        "layer's own weights, so their factor counts too.",
        lambda factors: np.append(1, np.cumprod(factors)[:-1]),
    ),
    Slip(
        "This multiplies up from the last layer. Signals come from the first.",
        lambda factors: np.cumprod(factors[::-1])[::-1],
    ),
    Slip(
        "This is one over the factor: it divides where it should multiply.",
        lambda factors: 1 / np.cumprod(factors),
    ),
    Slip(
        "This is one over the factor: it divides where it should multiply.",
        lambda factors: 1 / factors,
    ),
    Slip(
        "These are the factors that follow above a layer. Those up to it count.",
        lambda factors: factors.prod() / np.cumprod(factors),
    ),
    Slip(
        "The factors are added up. One layer multiplies what the last one gave.",
        np.cumsum,
    ),
)


def _decisions(factors: np.ndarray, betas: np.ndarray) -> int:
    """Of 400 decisions of a random network, how many change."""
    rng, width = np.random.default_rng(0), 8
    h = new = rng.normal(size=(400, width))
    for i, (c, beta) in enumerate(zip(factors, betas, strict=True)):
        if i:
            h, new = np.maximum(h, 0), np.maximum(new, 0)
        W = rng.normal(size=(width, width)) / width**0.5
        b = rng.normal(size=width)
        h, new = h @ W + b, c * new @ W + beta * b
    return int((h.argmax(1) != new.argmax(1)).sum())


def _judge_bias_factors(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    (factors,) = args
    changed = _decisions(factors, output)
    return Problem(
        "the factors of the biases, and how many of 400 decisions of a random "
        "network they change",
        f"{show(output)}: {changed}",
        f"{show(want)}: {_decisions(factors, want)}",
        same_slip(args, output, _bias_slips),
    )


# ----------------------------------------------------------------------------
# supermasks/own_weight: a value, from the student's own units
# ----------------------------------------------------------------------------


def _own_weight_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    fit = False
    while not fit:
        a, v = (np.round(draw.uniform(-1, 1, 12), 3) for _ in range(2))
        w = float(np.round(draw.uniform(-0.9, 0.9), 3))
        if min((a > 0).sum(), (a < 0).sum()) < 4 or abs(w) < 0.2:
            continue
        # The side that is forgotten is the worse one.
        sides = [_side(a, v, w, up) for up in (True, False)]
        if not sides[1] > sides[0] > 0.001 or sides[1] < 0.005:
            continue
        # No two ways to compute the error, right or wrong, come out nearly equal.
        wrong = [slip.wrong(a, v, w) for slip in _own_weight_slips]
        found = np.sort([own_weight(a, v, w), *wrong])
        fit = bool((found[1:] > 1.011 * found[:-1]).all())
    yield a, v, w


def _least(products: np.ndarray, w: float) -> float:
    return float(np.abs(_subsets(len(products)) @ products - w).min())


def _side(a: np.ndarray, v: np.ndarray, w: float, up: bool) -> float:
    return _least((v * a)[(a > 0) == up], w)


def _worse(choose: Any) -> Any:
    """Make a slip: the larger error of both sides, (products, w) -> the error."""

    def wrong(a: np.ndarray, v: np.ndarray, w: float) -> float:
        return float(max(choose((v * a)[side], w) for side in (a > 0, a < 0)))

    return wrong


_own_weight_slips = (
    Slip(
        "This is the side of positive x alone. The units with a_j below 0 answer to "
        "negative x, and have an error of their own.",
        lambda a, v, w: _side(a, v, w, True),
    ),
    Slip(
        "All units were put into one subset sum. But no x wakes them all: for each "
        "sign of x only those whose a_j has that sign answer.",
        lambda a, v, w: _least(v * a, w),
    ),
    Slip(
        "For negative x the sum was sought near -w. There x is negative already: "
        "-v_j a_j is to be near -w, so v_j a_j is near w again.",
        lambda a, v, w: max(_side(a, v, w, True), _least((v * a)[a < 0], -w)),
    ),
    Slip(
        "The v_j alone were added up. At x = 1 a unit gives v_j a_j.",
        lambda a, v, w: max(_least(v[a > 0], w), _least(v[a < 0], w)),
    ),
    Slip(
        "The two errors are added up. They never meet: an x has one sign. Wanted is "
        "the larger.",
        lambda a, v, w: _side(a, v, w, True) + _side(a, v, w, False),
    ),
    Slip(
        "This is the mean of both errors. Wanted is the larger.",
        lambda a, v, w: (_side(a, v, w, True) + _side(a, v, w, False)) / 2,
    ),
    Slip(
        "On each side one unit was chosen, the nearest. Several may be added up.",
        _worse(lambda products, w: np.abs(products - w).min()),
    ),
    Slip(
        "Greedy: the largest products were taken first where they helped. Try all "
        "subsets of each side.",
        _worse(lambda products, w: abs(products[_greedy(products, w)].sum() - w)),
    ),
    Slip(
        "This is the larger error squared.",
        lambda a, v, w: own_weight(a, v, w) ** 2,
    ),
    Slip(
        "The units were split by the sign of v_j. Whether a unit answers to x is said "
        "by a_j, within the ReLU.",
        lambda a, v, w: max(_least((v * a)[v > 0], w), _least((v * a)[v < 0], w)),
    ),
)

_judge_own_weight = judge_by_digits(
    "how far your units are off",
    "the larger of the two errors, to three digits",
    _own_weight_slips,
)


EXERCISES = (
    prediction(
        "supermasks/guesses",
        "Predict",
        4,
        {
            "mask of what moved farthest: accuracy": (0, 1),
            "points gained by training four times as long": (-100, 100),
            "learned mask, untrained weights: accuracy": (0, 1),
            "edge-popup that uses all weights: accuracy": (0, 1),
            "random numbers for one weight": (1, 100_000),
        },
    ),
    Exercise(
        "supermasks/same_sign_scores",
        "Large, and of the same sign",
        1,
        5,
        same_sign_scores,
        _same_sign_cases,
        _judge_same_sign,
    ),
    Exercise(
        "supermasks/readings",
        "Three readings",
        2,
        6,
        readings,
        _readings_cases,
        _judge_readings,
    ),
    Exercise(
        "supermasks/bernoulli_grad",
        "Straight through",
        2,
        8,
        bernoulli_grad,
        _bernoulli_grad_cases,
        _judge_bernoulli_grad,
    ),
    Exercise(
        "supermasks/subset_sum",
        "The best subset",
        2,
        10,
        subset_sum,
        _subset_sum_cases,
        _judge_subset_sum,
    ),
    Exercise(
        "supermasks/popup_step",
        "Three bugs in edge-popup",
        3,
        20,
        popup_step,
        _popup_step_cases,
        _judge_popup_step,
        planted=_POPUP_STEP,
    ),
    Exercise(
        "supermasks/right_scale",
        "The right size",
        1,
        5,
        right_scale,
        _right_scale_cases,
        _judge_right_scale,
    ),
    Exercise(
        "supermasks/bias_factors",
        "What biases need",
        2,
        10,
        bias_factors,
        _bias_factors_cases,
        _judge_bias_factors,
    ),
    Exercise(
        "supermasks/own_weight",
        "A weight of your own",
        2,
        12,
        own_weight,
        _own_weight_cases,
        _judge_own_weight,
        kind="value",
        personal=True,
    ),
    open_question(
        "supermasks/another_mask",
        "A mask of your own",
        3,
        60,
        "Says how the mask is found and why it should read the digits, with a "
        "prediction made before the run.\n"
        "Reports its accuracy at two or more fractions kept, three seeds each with "
        "their spread, beside the same mask on another start and a random mask that "
        "keeps as many.\n"
        "Checks by counting that the mask keeps what it should and that no weight has "
        "moved, and says plainly what was found.",
    ),
)
