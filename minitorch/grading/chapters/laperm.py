"""The exercises of the chapter "Train by reconnecting"."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.grading.references.laperm import (
    arrangement_of_rank,
    fresh_by_rank,
    honest_history,
    log2_arrangements,
    own_arrangement,
    pinned,
    rank_match,
    rank_of_arrangement,
    swap_gains,
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


def _order(places: np.ndarray) -> np.ndarray:
    return np.argsort(places, axis=-1, kind="stable")


def _put(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Each row's values, as they stand, at the places of an order."""
    new = np.empty_like(values)
    np.put_along_axis(new, order, values, axis=-1)
    return new


def _take(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, order, axis=-1)


def _match(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    return _put(np.sort(values, axis=-1), _order(places))


def _row(numbers: np.ndarray) -> str:
    """The first numbers of a row, in one short line."""
    told = ", ".join(f"{number:.4g}" for number in numbers[:8])
    return f"[{told}{', ...' if len(numbers) > 8 else ''}]"


# ----------------------------------------------------------------------------
# laperm/rank_match
# ----------------------------------------------------------------------------


def _rank_match_cases(rng: Rng) -> Cases:
    yield (
        np.array([[3.0, -1.0, 2.0, 0.5, -4.0], [30.0, -10.0, 40.0, 20.0, 5.0]]),
        np.array([[0.2, 0.9, -0.4, 0.5, 0.6], [-7.0, 6.0, 8.0, -9.0, 5.0]]),
    )
    for dtype in (np.float32, np.float64):
        few, more = int(rng.integers(4, 7)), int(rng.integers(8, 12))
        for shape in ((few, more), (more, few)):
            yield normal(rng, *shape, dtype=dtype), normal(rng, *shape, dtype=dtype)
    # One value and zeros.
    values = np.where(rng.permuted(np.tile(np.arange(9) < 5, (4, 1)), axis=1), 0.08, 0)
    yield values, normal(rng, 4, 9, dtype=np.float64)
    # Where the copy has not moved, nothing does.
    values = normal(rng, 3, 8)
    yield values, values.copy()
    # Equal numbers in the copy, many of them.
    copy = rng.integers(-2, 3, (3, 40)).astype(np.float32)
    yield Edge((normal(rng, 3, 40), copy))
    yield Edge((normal(rng, 2, 1), normal(rng, 2, 1)))


_RANKS = (
    "argsort was taken for the ranks. It says where the smallest of the copy stands, "
    "where the next, ...: so the smallest value has to go to place order[0], the next "
    "to order[1]. Put there, do not take from there; ranks are "
    "copy.argsort(axis=1).argsort(axis=1)."
)
_UNSORTED = (
    "The values were not sorted first. The smallest goes where the copy is smallest, "
    "wherever it stood before."
)
_BIG_FIRST = (
    "The largest value went where the copy is smallest: the farthest of all "
    "arrangements. Small goes to small."
)
_ACROSS = (
    "The whole layer was sorted as one row, so values moved from neuron to neuron. "
    "The network may even score higher; it is another method. Each neuron keeps its "
    "own: sort along axis 1."
)
_COLUMNS = (
    "The columns were arranged: the weights that leave one input. A neuron is a row: "
    "axis=1."
)
_SIZES = (
    "Signs were lost on the way: sizes were ranked, |w|. A weight of -3 is smaller "
    "than one of 1."
)
_COPYS = (
    "These are the copy's own numbers. The copy only says where: what comes out are "
    "the values that each neuron was drawn with."
)

_rank_slips = (
    Slip(_RANKS, lambda v, c: _take(np.sort(v, axis=1), _order(c))),
    Slip(_RANKS, lambda v, c: _take(v, _order(c))),
    Slip(_UNSORTED, lambda v, c: _put(v, _order(c))),
    Slip(_BIG_FIRST, lambda v, c: _put(-np.sort(-v, axis=1), _order(c))),
    Slip(_ACROSS, lambda v, c: _match(v.ravel(), c.ravel()).reshape(v.shape)),
    Slip(_COLUMNS, lambda v, c: _match(v.T, c.T).T),
    Slip(_COPYS, lambda v, c: c),
    Slip(_COPYS, lambda v, c: np.sort(c, axis=1)),
    Slip(
        "Values and copy are mixed up: here the copy's numbers are put in the order "
        "of the values.",
        lambda v, c: _match(c, v),
    ),
    Slip(
        "The values stand as they did. They go where the copy's ranks say.",
        lambda v, c: v,
    ),
    Slip(
        "The values are sorted, and stand so. They go where the copy's ranks say.",
        lambda v, c: np.sort(v, axis=1),
    ),
    Slip(_SIZES, lambda v, c: _match(v, np.abs(c))),
    Slip(_SIZES, lambda v, c: _put(_take(v, _order(np.abs(v))), _order(c))),
    Slip(_SIZES, lambda v, c: _put(_take(v, _order(np.abs(v))), _order(np.abs(c)))),
    Slip(
        "Each place took the value that is nearest to its copy, so some were taken "
        "twice and some never. Each value is used once: that is what ranks are for.",
        lambda v, c: _take(v, np.abs(v[:, None, :] - c[:, :, None]).argmin(axis=2)),
    ),
    Slip(
        "One order was used for all neurons. Each row of the copy has its own.",
        lambda v, c: _match(v, np.tile(c[0], (len(c), 1))),
    ),
    Slip(
        "One order was used for all neurons. Each row of the copy has its own.",
        lambda v, c: _match(v, np.tile(c.mean(axis=0), (len(c), 1))),
    ),
    Slip(
        "Of equal numbers in the copy the last got the smallest value. It should be "
        'the first: sort with kind="stable", and do not turn the copy round.',
        lambda v, c: _match(v[:, ::-1], c[:, ::-1])[:, ::-1],
    ),
)


def _judge_rank_match(args: tuple, output: Any, want: Any) -> Problem | None:
    values, copy = args
    if np.array_equal(output, want):
        return None
    cause = same_slip(args, output, _rank_slips)
    ours, theirs = np.sort(values, axis=1), np.sort(output, axis=1)
    other = (ours != theirs).any(axis=1)
    if other.any():
        if not cause and np.array_equal(
            np.sort(output.ravel()), np.sort(values.ravel())
        ):
            cause = (
                "All values of the layer are there, but some have changed neurons. "
                "Each neuron keeps its own: work along axis 1."
            )
        row = int(other.argmax())
        return Problem(
            f"the values that neuron {row} has after it, sorted",
            _row(theirs[row]),
            f"{_row(ours[row])}, those that it had before, each as often",
            cause,
        )
    order = _order(copy)
    falls = (np.diff(_take(output, order)) < 0) & (np.diff(_take(copy, order)) > 0)
    if falls.any():
        row = int(falls.any(axis=1).argmax())
        return Problem(
            f"the values of neuron {row}, from where the copy is smallest to where "
            "it is largest",
            _row(output[row][order[row]]),
            f"{_row(ours[row])}, in rising order",
            cause,
        )
    row = int((output != want).any(axis=1).argmax())
    place = int((output[row] != want[row]).argmax())
    first = int((copy[row] == copy[row][place]).argmax())
    return Problem(
        f"neuron {row} at place {place}, whose copy equals that at place {first}",
        f"{output[row][place]:.6g}",
        f"{want[row][place]:.6g}",
        cause
        or "Of equal numbers in the copy, the first gets the smallest value: "
        'argsort with kind="stable" does it.',
    )


# ----------------------------------------------------------------------------
# laperm/swap_gains
# ----------------------------------------------------------------------------


def _swap_gains_cases(rng: Rng) -> Cases:
    yield np.array([1.0, 3.0, 4.0]), np.array([5.0, 4.0, -1.0])
    for dtype in (np.float32, np.float64):
        n = int(rng.integers(5, 9))
        values, copy = (normal(rng, n, dtype=dtype) for _ in range(2))
        values[1] = values[3]
        yield values, copy
    # By rank: whichever pair trades places, the distance grows.
    values, copy = (normal(rng, 6, dtype=np.float64) for _ in range(2))
    yield _match(values, copy), copy
    yield Edge((np.array([2.0]), np.array([-1.0])))


def _off(values: np.ndarray, copy: np.ndarray, power: int) -> np.ndarray:
    """How far the value at each place j is from the copy at each place i."""
    return np.abs(values[None] - copy[:, None]) ** power


def _fall(off: np.ndarray) -> np.ndarray:
    here = np.diag(off)
    return here[:, None] + here[None] - off - off.T


def _traded_distances(v: np.ndarray, c: np.ndarray) -> np.ndarray:
    return ((v - c) ** 2).sum() - _fall(_off(v, c, 2))


_gain_slips = (
    Slip(
        "The factor 2 is missing. Multiply out all four squares: what is left is "
        "2 (b - a) (c - d).",
        lambda v, c: _fall(_off(v, c, 2)) / 2,
    ),
    Slip(
        "The sign is turned: this is by how much the distance grows. It is before "
        "minus after.",
        lambda v, c: -_fall(_off(v, c, 2)),
    ),
    Slip(
        "The sign is lost: a pair that stands right already would lose by a trade, and "
        "its gain is below 0.",
        lambda v, c: np.abs(_fall(_off(v, c, 2))),
    ),
    Slip(
        "Losses were cut to 0. A pair that stands right would lose by a trade: its "
        "gain is below 0.",
        lambda v, c: np.maximum(_fall(_off(v, c, 2)), 0),
    ),
    Slip(
        "Distances were not squared: these are sums of |value - copy|.",
        lambda v, c: _fall(_off(v, c, 1)),
    ),
    Slip(
        "The root was taken. Wanted is the fall of the squared distance.",
        lambda v, c: np.sqrt(((v - c) ** 2).sum()) - np.sqrt(_traded_distances(v, c)),
    ),
    Slip(
        "This is the distance after the trade. Wanted is by how much it falls: before "
        "minus after.",
        _traded_distances,
    ),
    Slip(
        "Only one of both places is counted. A trade changes what stands at both.",
        lambda v, c: np.diag(_off(v, c, 2))[:, None] - _off(v, c, 2),
    ),
    Slip(
        "Only one of both places is counted. A trade changes what stands at both.",
        lambda v, c: (np.diag(_off(v, c, 2))[:, None] - _off(v, c, 2)).T,
    ),
    Slip(
        "Here a value is taken from its copy's rival twice: this is "
        "2 (a - d) (c - b), not 2 (b - a) (c - d). Values with values, copies with "
        "copies.",
        lambda v, c: 2 * (v[:, None] - c[None]) * (c[:, None] - v[None]),
    ),
    Slip(
        "The mean over places was taken. Wanted is the sum.",
        lambda v, c: _fall(_off(v, c, 2)) / len(v),
    ),
)


def _judge_swap_gains(args: tuple, output: Any, want: Any) -> Problem | None:
    values, copy = args
    if close(output, want):
        return None
    i, j = np.unravel_index(np.abs(output - want).argmax(), want.shape)
    return Problem(
        f"the gain if {values[i]:.4g} and {values[j]:.4g} trade places, where the copy "
        f"has {copy[i]:.4g} and {copy[j]:.4g}",
        f"{output[i, j]:.6g}",
        f"{want[i, j]:.6g}",
        same_slip(args, output, _gain_slips) or pattern(output, want),
    )


# ----------------------------------------------------------------------------
# laperm/honest_history: three planted bugs
# ----------------------------------------------------------------------------

_HONEST = """
def honest_history(values, x, y, lr, k, every, steps):
    copy, speed = values.copy(), np.zeros_like(values)
    history, best = [], values
    for step in range(steps):
        speed = 0.9 * speed + 2 * x.T @ (x @ copy - y) / len(y)
        copy = copy - lr * speed
        if step % every == 0:
            history.append(((x @ copy - y) ** 2).mean())
            best = copy if history[-1] == min(history) else best
        if step % k == 0:
            copy = np.sort(values)[copy.argsort().argsort()]
            speed = np.zeros_like(values)
    return np.array(history), best
"""


def _trained(
    values: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    lr: float,
    k: int,
    every: int,
    steps: int,
    *,
    first: int = 1,
    reset: bool = False,
    writes: bool = False,
    tested: str = "now",
    kept: str = "now",
) -> tuple[np.ndarray, np.ndarray]:
    """Train with known slips, or without."""
    copy, speed, last = values.copy(), np.zeros_like(values), values
    history, best = [], values
    for step in range(first, first + steps):
        speed = 0.9 * speed + 2 * x.T @ (x @ copy - y) / len(y)
        before = copy = copy - lr * speed
        if step % k and step % every:
            continue
        now = _match(values, copy)
        if step % k == 0:
            copy = last = now
            speed = np.zeros_like(values) if reset else speed
        if step % every == 0:
            copy = now if writes else copy
            seen = {"now": now, "before": before, "after": copy, "last": last}
            history.append(((x @ seen[tested] - y) ** 2).mean())
            if history[-1] == min(history) or kept == "end":
                best = seen.get(kept, now)
    return np.array(history), best


_FREE = (
    "The free copy is tested as it stands between two synchronisations: no network "
    "that keeps its values. Test the arrangement that it stands for, "
    "np.sort(values)[ranks], at each test."
)
_ORDER = (
    "The test comes after the synchronisation now, but most tests fall between two of "
    "them, where the copy is still free. Test the arrangement that it stands for, "
    "np.sort(values)[ranks], at each test."
)
_HANDED = (
    "The losses are those of arrangements, but what is handed back is the free copy. "
    "The best of the history has to be what was tested."
)
# Of what is tested and what is handed back.
_TESTS = {
    ("now", "now"): "",
    ("before", "before"): _FREE,
    ("after", "after"): _ORDER,
    ("now", "before"): _HANDED,
    ("now", "after"): _HANDED,
    ("before", "now"): _FREE,
    ("after", "now"): _ORDER,
    ("last", "last"): "Tested is what the last synchronisation left, while the copy "
    "has moved on. Arrange anew for each test.",
    ("now", "end"): "The weights of the last test are handed back, not those of the "
    "smallest loss.",
}
_ZERO = (
    "range(steps) counts from 0, and 0 is a multiple of k and of `every`: the first "
    "synchronisation, and the first test, come after a single step. Count steps from 1."
)
_RESET = (
    "speed is set to 0 at each synchronisation. The weights are put in order; what the "
    "optimiser remembers stays, or each period starts from rest."
)
_WRITES = (
    "The arrangement is written into the copy at each test: so a test is one more "
    "synchronisation, and how often one looks changes what is learned."
)


def _slips_of(args: tuple, output: tuple) -> str:
    """Say which known slips give this very output."""
    for reset, first, writes in itertools.product((False, True), (1, 0), (False, True)):
        for (tested, kept), cause in _TESTS.items():
            with np.errstate(all="ignore"):
                found = _trained(
                    *args,
                    first=first,
                    reset=reset,
                    writes=writes,
                    tested=tested,
                    kept=kept,
                )
            if close(output, found):
                told = cause or writes * _WRITES or (1 - first) * _ZERO
                return told or reset * _RESET
    return ""


def _line(rng: Rng, k: int, every: int) -> tuple:
    """A neuron that is to answer as one with other weights would."""
    n, N = int(rng.integers(6, 10)), int(rng.integers(12, 20))
    values, x = rng.normal(size=n), rng.normal(size=(N, n))
    y = x @ (rng.permutation(values) + 0.3 * rng.normal(size=n))
    return values, x, y, 0.02, k, every, 6 * every


_TELLING = 4  # a seed under which each known slip gives something else
_PLAIN_SLIPS = (
    lambda *args: _trained(*args, first=0),
    lambda *args: _trained(*args, reset=True),
    lambda *args: _trained(*args, writes=True),
    lambda *args: _trained(*args, tested="last", kept="last"),
)


def _honest_cases(rng: Rng) -> Cases:
    yield _line(np.random.default_rng(_TELLING), 4, 3)
    for k, every in ((5, 3), (3, 4), (7, 5)):
        fit = False
        while not fit:
            args = _line(rng, k, every)
            want = honest_history(*args)
            fit = not any(close(slip(*args), want) for slip in _PLAIN_SLIPS)
        yield args
    # A test at each synchronisation, and none between.
    yield _line(rng, 4, 4)


def _judge_honest(args: tuple, output: Any, want: Any) -> Problem | None:
    values, x, y, _, _, every, _ = args
    history, best = output
    if close(output, want):
        return None
    cause = _slips_of(args, output)
    if not close(np.sort(best), np.sort(values)):
        return Problem(
            "the weights that are handed back, sorted",
            _row(np.sort(best)),
            f"{_row(np.sort(values))}, the neuron's values",
            cause or "A neuron has no weights but the values that it was drawn with.",
        )
    loss = float(((x @ best - y) ** 2).mean())
    if not close(loss, float(history.min())):
        return Problem(
            "the loss of the weights that are handed back",
            f"{loss:.6g}",
            f"{history.min():.6g}, the smallest of the history",
            cause or "The history is of other weights than those that are kept.",
        )
    wrong = np.abs(history - want[0]) > 1e-8 * np.abs(want[0]).max()
    test = int(wrong.argmax())
    return Problem(
        f"the history, at test {test + 1}, after step {(test + 1) * every}",
        f"{history[test]:.6g}",
        f"{want[0][test]:.6g}",
        cause,
    )


# ----------------------------------------------------------------------------
# laperm/pinned
# ----------------------------------------------------------------------------


def _pinned_cases(rng: Rng) -> Cases:
    yield np.array([0.0, 0.3, -0.5, 1.4, 1.4, 0.08, 1.55, 0.6]), 4, 0.05
    for dtype in (np.float32, np.float64):
        fit = False
        while not fit:
            n, k = int(rng.integers(6, 10)), int(rng.integers(4, 40))
            values = normal(rng, n, dtype=dtype)
            values[2] = values[4]
            gaps = np.unique(np.abs(values[:, None] - values[None]))
            at = int(rng.integers(2, len(gaps) // 2))
            args = values, k, float(gaps[at] + gaps[at + 1]) / 4 / k
            want = pinned(*args)
            others = [
                slip.wrong(*args) for slip in _pinned_slips if slip.cause != _MEET
            ]
            fit = not any(np.array_equal(each, want) for each in others)
            fit = fit and gaps[at + 1] - gaps[at] > 1e-3
        yield args
    # All are pinned, and none is.
    yield np.array([1.0, 3.0, 2.0]), 20, 0.02
    yield np.array([1.0, 3.0, 2.0]), 20, 0.2
    # Exactly so far apart: they meet.
    yield Edge((np.array([0.0, 0.5, -0.25, 1.0, 0.375]), 8, 0.03125))


def _apart(values: np.ndarray) -> np.ndarray:
    return np.abs(values[:, None] - values[None])


def _gaps(values: np.ndarray) -> np.ndarray:
    return np.diff(np.unique(values))


def _chained(v: np.ndarray, k: int, lr: float) -> np.ndarray:
    """Pinned only where some gap between two neighbours in order is too wide."""
    known = np.unique(v)
    group = np.append(0, np.cumsum(np.diff(known) > 2 * k * lr))
    of = group[np.searchsorted(known, v)]
    return of[:, None] != of[None]


_MEET = (
    "Exactly 2 k lr apart, they can meet, and equal copies may be arranged either way. "
    "Pinned is what is further apart: > and not >=."
)
_BOTH = (
    "Both move: while the larger comes down by k lr, the smaller comes up by as much. "
    "They can trade up to 2 k lr apart."
)
_STEPS = (
    "This is how far they come in one step. There are k steps from one "
    "synchronisation to the next."
)
_ALLOWED = (
    "These are the pairs that can trade places. True stands for those that cannot."
)
_ONE_WAY = (
    "A pair is counted one way only. How far apart two values are has no sign: np.abs, "
    "and [i, j] says the same as [j, i]."
)
_ITSELF = (
    "Equal values count as pinned here, and each value with itself. They are 0 apart: "
    "they trade places freely, though nothing changes."
)
_MEAN = (
    "All pairs are judged by one gap. Each pair has its own: some values are near "
    "neighbours and trade, while others are far apart."
)

_pinned_slips = (
    Slip(_BOTH, lambda v, k, lr: _apart(v) > k * lr),
    Slip(_STEPS, lambda v, k, lr: _apart(v) > 2 * lr),
    Slip(_STEPS, lambda v, k, lr: _apart(v) > lr),
    Slip(_ALLOWED, lambda v, k, lr: _apart(v) <= 2 * k * lr),
    Slip(_ALLOWED, lambda v, k, lr: _apart(v) <= k * lr),
    Slip(_MEET, lambda v, k, lr: _apart(v) >= 2 * k * lr),
    Slip(_ONE_WAY, lambda v, k, lr: v[:, None] - v[None] > 2 * k * lr),
    Slip(_ONE_WAY, lambda v, k, lr: v[None] - v[:, None] > 2 * k * lr),
    Slip(_ONE_WAY, lambda v, k, lr: np.triu(_apart(v) > 2 * k * lr)),
    Slip(_ONE_WAY, lambda v, k, lr: np.tril(_apart(v) > 2 * k * lr)),
    Slip(_ITSELF, lambda v, k, lr: (_apart(v) > 2 * k * lr) | (_apart(v) == 0)),
    Slip(
        _ITSELF, lambda v, k, lr: (_apart(v) > 2 * k * lr) | np.eye(len(v), dtype=bool)
    ),
    *(
        Slip(_MEAN, wrong)
        for wrong in (
            lambda v, k, lr: np.full((len(v),) * 2, _gaps(v).mean() > 2 * k * lr),
            lambda v, k, lr: np.full((len(v),) * 2, _gaps(v).min() > 2 * k * lr),
            lambda v, k, lr: np.full((len(v),) * 2, np.ptp(v) > 2 * k * lr),
            lambda v, k, lr: (_apart(v) > 0) & (_gaps(v).mean() > 2 * k * lr),
            lambda v, k, lr: (_apart(v) > 0) & (_gaps(v).min() > 2 * k * lr),
            lambda v, k, lr: (_apart(v) > 0) & (np.ptp(v) > 2 * k * lr),
        )
    ),
    Slip(
        "A chain of near neighbours does not help: no weight moves further than k lr "
        "before the next synchronisation, so the two ends of a chain keep their order. "
        "Compare each pair itself.",
        _chained,
    ),
    Slip(
        "Signs were lost: how far apart the sizes are, ||a| - |b||, does not matter. "
        "From -1 to 1 it is 2.",
        lambda v, k, lr: _apart(np.abs(v)) > 2 * k * lr,
    ),
)


def _judge_pinned(args: tuple, output: Any, want: Any) -> Problem | None:
    values, k, lr = args
    wrong = output != want
    if not wrong.any():
        return None
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    return Problem(
        f"whether {values[i]:.4g} and {values[j]:.4g}, {_apart(values)[i, j]:.4g} "
        f"apart, are pinned, where k lr is {k * lr:.4g}",
        f"{output[i, j]} (and {wrong.sum()} of {wrong.size} pairs wrong)",
        str(want[i, j]),
        same_slip(args, output, _pinned_slips),
    )


# ----------------------------------------------------------------------------
# laperm/fresh_by_rank
# ----------------------------------------------------------------------------


def _fresh_cases(rng: Rng) -> Cases:
    yield (
        np.array([[0.3, -0.5, 0.2, 0.1], [-0.4, 0.9, 0.6, -0.8]]),
        np.array([[2.0, 4.0, -1.0, -3.0], [10.0, -20.0, 40.0, 30.0]]),
        np.array([[0.7, 0.8, 0.2, 0.5], [0.4, 0.1, 0.9, 0.6]]),
    )
    for dtype in (np.float32, np.float64):
        O, n = int(rng.integers(4, 6)), int(rng.integers(7, 10))
        for shape in ((O, n), (n, O), (O, 2, 3, 4)):
            trained, fresh = (normal(rng, *shape, dtype=dtype) for _ in range(2))
            yield trained, fresh, rng.random(shape).astype(dtype)


def _in_rows(do: Callable[..., np.ndarray], axis: int = 0) -> Callable[..., np.ndarray]:
    """Make a slip of rows (O, n) one of matrices and kernels."""

    def wrong(*arrays: np.ndarray) -> np.ndarray:
        turned = [np.moveaxis(each, axis, 0) for each in arrays]
        rows = [each.reshape(len(each), -1) for each in turned]
        return np.moveaxis(do(*rows).reshape(turned[0].shape), 0, axis)

    return wrong


def _whole(do: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *arrays: do(*(each[None] for each in arrays))[0]


_LAST_AXIS = (
    "Only the last axis was arranged: one row of a kernel. All weights of a filter are "
    "its values: reshape(len(trained), -1), and back at the end."
)
_INPUTS = (
    "Weights were grouped by what they leave, axis 1. A neuron or filter is an index "
    "of axis 0."
)
_LAYER = (
    "Values moved from neuron to neuron: the whole layer was one row. Each neuron "
    "keeps its own."
)

_located_slips = (
    Slip(_RANKS, _in_rows(lambda t, f, u: _take(np.sort(f), _order(t)))),
    Slip(_RANKS, _in_rows(lambda t, f, u: _take(f, _order(t)))),
    Slip(
        "The fresh values were not sorted first.",
        _in_rows(lambda t, f, u: _put(f, _order(t))),
    ),
    Slip(_BIG_FIRST, _in_rows(lambda t, f, u: _put(-np.sort(-f), _order(t)))),
    Slip(_SIZES, _in_rows(lambda t, f, u: _match(f, np.abs(t)))),
    Slip(
        _SIZES, _in_rows(lambda t, f, u: _put(_take(f, _order(np.abs(f))), _order(t)))
    ),
    Slip(
        _SIZES,
        _in_rows(lambda t, f, u: _put(_take(f, _order(np.abs(f))), _order(np.abs(t)))),
    ),
    Slip(
        "The signs of the trained weights were kept, with fresh sizes. That keeps some "
        "of the values: only the order is to stay.",
        _in_rows(lambda t, f, u: np.sign(t) * _match(np.abs(f), np.abs(t))),
    ),
    Slip(
        "Trained and fresh are mixed up: these are trained values in a fresh order.",
        _in_rows(lambda t, f, u: _match(t, f)),
    ),
    Slip(
        "The fresh values stand as they were drawn, so nothing trained is left. Put "
        "them in the order of the trained ranks.",
        lambda t, f, u: f,
    ),
    Slip("These are the trained weights, unchanged.", lambda t, f, u: t),
    Slip(
        "The places come from u. Here they come from the trained weights; u is for the "
        "second array.",
        _in_rows(lambda t, f, u: _match(f, u)),
    ),
    Slip(
        "This is the second array. First comes the one with fresh values.",
        _in_rows(lambda t, f, u: _match(t, u)),
    ),
    Slip(_LAST_AXIS, lambda t, f, u: _match(f, t)),
    Slip(_INPUTS, _in_rows(lambda t, f, u: _match(f, t), axis=1)),
    Slip(_LAYER, lambda t, f, u: _match(f.ravel(), t.ravel()).reshape(t.shape)),
)
_shuffled_slips = (
    Slip(
        "The trained weights are not shuffled: they stand as they did.",
        lambda t, f, u: t,
    ),
    Slip(
        "These are the fresh values. The second array keeps the trained values, and "
        "loses their places.",
        _in_rows(lambda t, f, u: _match(f, u)),
    ),
    Slip(
        "This is the first array. The second keeps the trained values, and loses "
        "their places.",
        _in_rows(lambda t, f, u: _match(f, t)),
    ),
    Slip(
        "The trained values are sorted. So are all neurons alike; wanted is a random "
        "order, which u gives.",
        _in_rows(lambda t, f, u: np.sort(t)),
    ),
    *(
        Slip(
            "All neurons were shuffled in one way, so what they have in common has "
            "stayed. Each has its own row of u.",
            _in_rows(lambda t, f, u, move=move: move(t, np.tile(u[0], (len(u), 1)))),
        )
        for move in (
            _match,
            lambda t, u: _take(t, _order(u)),
            lambda t, u: _put(t, _order(u)),
        )
    ),
    Slip(
        "Whole neurons traded places. Each neuron's values are shuffled among its own "
        "connections.",
        _in_rows(lambda t, f, u: t[np.argsort(u[:, 0])]),
    ),
    Slip(_LAST_AXIS, lambda t, f, u: _match(t, u)),
    Slip(_LAST_AXIS, lambda t, f, u: _take(t, _order(u))),
    Slip(_LAST_AXIS, lambda t, f, u: _put(t, _order(u))),
    *(
        Slip(_INPUTS, _in_rows(move, axis=1))
        for move in (
            lambda t, f, u: _match(t, u),
            lambda t, f, u: _take(t, _order(u)),
            lambda t, f, u: _put(t, _order(u)),
        )
    ),
    *(
        Slip(
            _LAYER,
            lambda t, f, u, move=move: move(t.ravel(), u.ravel()).reshape(t.shape),
        )
        for move in (
            _match,
            lambda t, u: _take(t, _order(u)),
            lambda t, u: _put(t, _order(u)),
        )
    ),
)


def _judge_fresh(args: tuple, output: Any, want: Any) -> Problem | None:
    trained, fresh, u = (each.reshape(len(each), -1) for each in args)
    # u may give an order in any of these ways.
    shuffles = [
        move(each, _order(u))
        for move in (_put, _take)
        for each in (trained, np.sort(trained))
    ]
    rows = [each.reshape(len(each), -1) for each in output]
    right = [
        np.array_equal(rows[0], want[0].reshape(rows[0].shape)),
        any(np.array_equal(rows[1], each) for each in shuffles),
    ]
    parts = (
        ("fresh values in trained places", fresh, _located_slips),
        ("trained values in random places", trained, _shuffled_slips),
    )
    for i, (name, values, slips) in enumerate(parts):
        if right[i]:
            continue
        cause = same_slip(args, output[i], slips)
        theirs, ours = np.sort(rows[i]), np.sort(values)
        other = (theirs != ours).any(axis=1)
        if other.any():
            row = int(other.argmax())
            return Problem(
                f"{name}: what neuron {row} has, sorted",
                _row(theirs[row]),
                f"{_row(ours[row])}, each as often",
                cause,
            )
        told = rows[i], want[i].reshape(rows[i].shape)
        row = int((told[0] != told[1]).any(axis=1).argmax())
        return Problem(
            f"{name}: neuron {row}", _row(told[0][row]), _row(told[1][row]), cause
        )
    return None


# ----------------------------------------------------------------------------
# laperm/log2_arrangements
# ----------------------------------------------------------------------------


def _log2_cases(rng: Rng) -> Cases:
    # 7! / (4! 2!) = 105 and 7! = 5040.
    some = [0.5, 0.0, 0.5, 0.5, -0.5, 0.0, 0.5]
    yield (np.array([some, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]]),)
    # Each neuron has its own equal values, and the last has none.
    for n in (9, 30):
        O = int(rng.integers(3, 6))
        values = rng.choice([-1.5, 0.0, 0.0, 0.5, 2.0], (O, n))
        values[:, :3] = 0.5, 0.5, -1.5
        values[-1] = rng.normal(size=n)
        yield (values.astype(np.float32),)
    # One value and zeros: factorials of more than a float can hold.
    yield (np.where(np.arange(300) < 171, 0.08, 0)[None] * np.ones((2, 1)),)
    yield (rng.normal(size=(2, 200)),)
    # Only one arrangement: 0 bits.
    yield Edge((np.full((2, 5), 0.08),))


def _log2_factorial(n: float) -> float:
    return math.lgamma(n + 1) / math.log(2)


def _bits(values: np.ndarray, own: Callable[[np.ndarray, int], float]) -> float:
    """The sum over neurons of log2 n! less what a slip makes of the counts."""
    return sum(
        _log2_factorial(len(row)) - own(np.unique(row, return_counts=True)[1], len(row))
        for row in values
    )


def _ties(counts: np.ndarray, n: int) -> float:
    return sum(map(_log2_factorial, counts))


_log2_slips = (
    Slip(
        "Natural logarithms were taken. Bits are logarithms to base 2: divide by "
        "log 2.",
        lambda v: _bits(v, _ties) * math.log(2),
    ),
    Slip(
        "Logarithms to base 10 were taken. Bits are logarithms to base 2.",
        lambda v: _bits(v, _ties) / math.log2(10),
    ),
    Slip(
        "Trades of equal values are counted as new arrangements: this is n!. Divide "
        "by m! for each value that occurs m times.",
        lambda v: _bits(v, lambda counts, n: 0.0),
    ),
    Slip(
        "Trades of equal values are counted as new arrangements, and logarithms are "
        "natural ones.",
        lambda v: _bits(v, lambda counts, n: 0.0) * math.log(2),
    ),
    Slip(
        "The whole layer was taken for one row. Values never leave their neuron: count "
        "each row, and add the bits up.",
        lambda v: _bits(v.reshape(1, -1), _ties),
    ),
    Slip(
        "The whole layer was taken for one row, with equal values as if they were "
        "different. Count each row, and add the bits up.",
        lambda v: _log2_factorial(v.size),
    ),
    Slip(
        "Equal values were looked for in the whole layer. Only those of one neuron can "
        "trade places.",
        lambda v: (
            len(v) * _log2_factorial(v.shape[1])
            - _ties(np.unique(v, return_counts=True)[1], 0)
        ),
    ),
    Slip(
        "Columns were counted: the weights that leave one input. A neuron is a row.",
        lambda v: _bits(v.T, _ties),
    ),
    Slip(
        "This is of the first neuron only. Add all up.",
        lambda v: _bits(v[:1], _ties),
    ),
    Slip(
        "The first neuron was counted, times the number of neurons. Others have other "
        "equal values.",
        lambda v: len(v) * _bits(v[:1], _ties),
    ),
    Slip(
        "The mean over neurons was taken. All have to be sent: add them up.",
        lambda v: _bits(v, _ties) / len(v),
    ),
    Slip(
        "n! was divided by m for a value that occurs m times. It is m!: in so many "
        "orders they can stand.",
        lambda v: _bits(v, lambda counts, n: np.log2(counts).sum()),
    ),
    Slip(
        "Only zeros were counted as equal. Any value may occur more than once.",
        lambda v: sum(
            _log2_factorial(len(row)) - _log2_factorial((row == 0).sum()) for row in v
        ),
    ),
    Slip(
        "Only the commonest value was counted. Divide by m! for each value that occurs "
        "m times.",
        lambda v: _bits(v, lambda counts, n: _log2_factorial(counts.max())),
    ),
    Slip(
        "Only different values were arranged. Equal ones take places too.",
        lambda v: sum(_log2_factorial(len(np.unique(row))) for row in v),
    ),
    Slip(
        "Each place may hold any of the values here, as often as it likes: that is "
        "u^n, and not an arrangement. Each value comes exactly m times.",
        lambda v: sum(len(row) * math.log2(len(np.unique(row))) for row in v),
    ),
    Slip(
        "This is n times the entropy: about right for long rows, and too much. Count "
        "exactly: log2(n! / (m1! m2! ...)).",
        lambda v: _bits(
            v,
            lambda counts, n: _log2_factorial(n) + (counts * np.log2(counts / n)).sum(),
        ),
    ),
    Slip(
        "This is Stirling's n log2 n, and not the factorial.",
        lambda v: sum(
            len(row) * math.log2(len(row))
            - (lambda m: (m * np.log2(m)).sum())(np.unique(row, return_counts=True)[1])
            for row in v
        ),
    ),
)


# ----------------------------------------------------------------------------
# laperm/rank_of_arrangement, laperm/arrangement_of_rank
# ----------------------------------------------------------------------------


def _smaller_left(order: np.ndarray) -> list[int]:
    """Of each place: how many of those that follow are smaller. The Lehmer code."""
    return [int((order[i + 1 :] < value).sum()) for i, value in enumerate(order)]


def _weighed(digits: list[int], shift: int = 0) -> int:
    """Digits, times the factorials of how many places follow each."""
    last = len(digits) - 1 + shift
    return sum(d * math.factorial(last - i) for i, d in enumerate(digits))


def _rank_of_cases(rng: Rng) -> Cases:
    yield (np.array([1, 3, 0, 4, 2]),)
    yield (np.arange(4),)
    yield (np.arange(5)[::-1].copy(),)
    for n in (6, 7, 10):
        fit = False
        while not fit:
            order = rng.permutation(n)
            want = rank_of_arrangement(order)
            fit = want not in [slip.wrong(order) for slip in _rank_of_slips]
        yield (order,)
    yield Edge((np.array([0]),))


_OVER_AGAIN = (
    "The numbers themselves were used as digits. A number that came already cannot "
    "come again: count only the smaller ones among those that are left."
)

_rank_of_slips = (
    Slip(
        "Off by one: the first arrangement, in rising order, has the number 0.",
        lambda order: _weighed(_smaller_left(order)) + 1,
    ),
    Slip(
        "The factorials stand in the wrong order. The first place decides most: its "
        "digit counts (n - 1)!, the last but one 1!.",
        lambda order: sum(
            d * math.factorial(i) for i, d in enumerate(_smaller_left(order))
        ),
    ),
    Slip(
        "The factorials are one too large: n - 1 places follow the first, and have "
        "(n - 1)! orders.",
        lambda order: _weighed(_smaller_left(order), shift=1),
    ),
    Slip(_OVER_AGAIN, lambda order: _weighed(order.tolist())),
    Slip(
        "This is a number in base n. Places do not have n choices each: after the "
        "first, n - 1 numbers are left, then n - 2.",
        lambda order: sum(
            int(d) * len(order) ** (len(order) - 1 - i) for i, d in enumerate(order)
        ),
    ),
    Slip(
        "This is a number in base n, of the right digits. Their bases are factorials: "
        "after the first, n - 1 numbers are left, then n - 2.",
        lambda order: sum(
            d * len(order) ** (len(order) - 1 - i)
            for i, d in enumerate(_smaller_left(order))
        ),
    ),
    Slip(
        "Larger ones were counted, so the dictionary runs backwards. Count those that "
        "are left and smaller.",
        lambda order: math.factorial(len(order)) - 1 - _weighed(_smaller_left(order)),
    ),
    Slip(
        "Those that came before were counted. What matters is which smaller ones are "
        "left: those that follow.",
        lambda order: _weighed(
            [int((order[:i] < v).sum()) for i, v in enumerate(order)]
        ),
    ),
    Slip(
        "Those that came before were counted. What matters is which smaller ones are "
        "left: those that follow.",
        lambda order: _weighed(
            [int((order[:i] > v).sum()) for i, v in enumerate(order)]
        ),
    ),
    Slip(
        "This is the number of another arrangement: of where each number stands, "
        "np.argsort(order).",
        lambda order: _weighed(_smaller_left(np.argsort(order))),
    ),
    Slip(
        "The arrangement was read from right to left.",
        lambda order: _weighed(_smaller_left(order[::-1])),
    ),
    Slip(
        "The digits were added up: this is how many pairs stand the wrong way round. "
        "Each digit counts for the orders of what follows it.",
        lambda order: sum(_smaller_left(order)),
    ),
)


def _arrangement_cases(rng: Rng) -> Cases:
    yield 15, 4
    yield 0, 4
    yield 119, 5
    for n in (6, 7, 10):
        fit = False
        while not fit:
            number = int(rng.integers(0, math.factorial(n)))
            want = arrangement_of_rank(number, n)
            wrong = [slip.wrong(number, n) for slip in _arrangement_slips]
            fit = not any(np.array_equal(each, want) for each in wrong)
        yield number, n
    yield Edge((0, 1))


def _lehmer(number: int, n: int) -> list[int]:
    return _smaller_left(arrangement_of_rank(number % math.factorial(n), n))


def _in_base_n(number: int, n: int) -> list[int]:
    return [number // n ** (n - 1 - i) % n for i in range(n)]


def _picked(digits: list[int], n: int) -> np.ndarray:
    values = list(range(n))
    return np.array([values.pop(min(d, len(values) - 1)) for d in digits])


_arrangement_slips = (
    Slip(
        "These are the digits. A digit says which of the numbers that are left comes "
        "next: take it out of a list.",
        lambda number, n: np.array(_lehmer(number, n)),
    ),
    Slip(
        "Off by one: the number 0 is the first arrangement, in rising order.",
        lambda number, n: arrangement_of_rank((number - 1) % math.factorial(n), n),
    ),
    Slip(
        "Off by one: the number 0 is the first arrangement, in rising order.",
        lambda number, n: arrangement_of_rank((number + 1) % math.factorial(n), n),
    ),
    Slip(
        "The numbers are 0 to n - 1, not 1 to n.",
        lambda number, n: arrangement_of_rank(number, n) + 1,
    ),
    Slip(
        "This is where each number stands, not which stands at each place: np.argsort "
        "of the wanted one.",
        lambda number, n: np.argsort(arrangement_of_rank(number, n)),
    ),
    Slip(
        "The arrangement stands from right to left.",
        lambda number, n: arrangement_of_rank(number, n)[::-1],
    ),
    Slip(
        "Digits count from the largest number down. A digit of 0 takes the smallest "
        "that is left.",
        lambda number, n: n - 1 - arrangement_of_rank(number, n),
    ),
    Slip(
        "The digits were used last first. Dividing by 1, 2, 3, ... gives that of the "
        "last place first: turn them round.",
        lambda number, n: _picked(_lehmer(number, n)[::-1], n),
    ),
    Slip(
        "The digits were ranked. Each takes one of the numbers that are left.",
        lambda number, n: np.argsort(_lehmer(number, n), kind="stable"),
    ),
    Slip(
        "Digits were taken in base n. After the first place n - 1 numbers are left, "
        "then n - 2: the bases are factorials.",
        lambda number, n: np.array(_in_base_n(number, n)),
    ),
    Slip(
        "Digits were taken in base n. After the first place n - 1 numbers are left, "
        "then n - 2: the bases are factorials.",
        lambda number, n: _picked(_in_base_n(number, n), n),
    ),
)


_TOO_LARGE = (
    "A digit is larger than what is left allows. Of n numbers, each begins (n - 1)! "
    "arrangements: that is the first divisor, not n!, and (n - 2)! the next. The rest "
    "of each division goes on to the next place."
)


def _judge_arrangement(args: tuple, output: Any, want: Any) -> Problem | None:
    number, n = args
    if np.array_equal(output, want):
        return None
    cause = same_slip(args, output, _arrangement_slips)
    if not np.array_equal(np.sort(output), np.arange(n)):
        return Problem(
            f"which numbers stand in arrangement {number} of {n}",
            show(output.tolist()),
            f"0 to {n - 1}, each once",
            cause or "A number that was used is no longer left.",
        )
    return Problem(
        f"arrangement {number} of {n}",
        show(output.tolist()),
        show(want.tolist()),
        cause,
    )


# ----------------------------------------------------------------------------
# laperm/own_arrangement: a value, from the student's own neuron
# ----------------------------------------------------------------------------


def _own_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    fit = False
    while not fit:
        k = int(draw.choice([10, 20, 25, 40, 50]))
        lr = float(draw.choice([0.001, 0.002, 0.004]))
        sizes = draw.permutation([3, 4, 5]) + draw.randint(0, 2, 3)
        # Within a group they are up to 1.7 k lr apart, between two more than 3.
        within = [draw.choice([0.0, 0.3, 1.4, 1.7], size) for size in sizes]
        groups = [5 * (g - 1) - 0.7 + each for g, each in enumerate(within)]
        values = np.round(draw.permutation(np.concatenate(groups)) * k * lr, 5)
        args = values, k, lr
        found = [np.asarray(slip.wrong(*args)) for slip in _own_slips]
        found.append(own_arrangement(*args))
        pairs = ((a, b) for i, a in enumerate(found) for b in found[:i])
        fit = not any((np.abs(a - b) < 0.015 * np.abs(b)).all() for a, b in pairs)
        fit = fit and found[-1][1] > 3
    yield args


def _own(
    values: np.ndarray,
    reach: float,
    ties: Callable[[np.ndarray], np.ndarray] = np.array,
) -> np.ndarray:
    """log2 of all arrangements and of those in reach, or what a slip makes of it."""
    ordered = np.sort(values)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > reach) + 1)
    counted = [ties(each)[None] for each in (ordered, *groups)]
    all_of_them, *each = [_bits(row, _ties) for row in counted]
    return np.array([all_of_them, sum(each)])


def _both(values: np.ndarray, k: int, lr: float) -> np.ndarray:
    return _own(values, 2 * k * lr)


_own_slips = (
    Slip(
        "Natural logarithms were taken. Bits are logarithms to base 2.",
        lambda v, k, lr: _both(v, k, lr) * math.log(2),
    ),
    Slip(
        "Logarithms to base 10 were taken. Bits are logarithms to base 2.",
        lambda v, k, lr: _both(v, k, lr) / math.log2(10),
    ),
    Slip(
        "Trades of equal values are counted as new arrangements.",
        lambda v, k, lr: _own(v, 2 * k * lr, lambda g: np.arange(len(g))),
    ),
    Slip(
        "Equal values were counted as one. Each takes a place of its own.",
        lambda v, k, lr: _own(v, 2 * k * lr, np.unique),
    ),
    Slip(
        "The second count lets values trade up to k lr apart. Both move: up to 2 k lr.",
        lambda v, k, lr: _own(v, k * lr),
    ),
    Slip(
        "The second count is of what can trade in one step. There are k of them.",
        lambda v, k, lr: _own(v, 2 * lr),
    ),
    Slip(
        "These are the counts themselves. Wanted are their logarithms to base 2.",
        lambda v, k, lr: 2 ** _both(v, k, lr),
    ),
    Slip(
        "The two counts stand in the wrong order.",
        lambda v, k, lr: _both(v, k, lr)[::-1],
    ),
    Slip(
        "The second number is by how many bits fewer can be reached. Wanted is how "
        "many can.",
        lambda v, k, lr: np.array(
            [_both(v, k, lr)[0], -np.diff(_both(v, k, lr)).item()]
        ),
    ),
    Slip(
        "The groups' counts were added. They are multiplied: each arrangement of one "
        "group goes with each of another. So their logarithms are added.",
        lambda v, k, lr: np.array([_both(v, k, lr)[0], _added(v, 2 * k * lr)]),
    ),
    Slip(
        "The groups were counted as well, in any order. No value can leave its group.",
        lambda v, k, lr: _both(v, k, lr) + [0, math.log2(6)],
    ),
)


def _added(values: np.ndarray, reach: float) -> float:
    ordered = np.sort(values)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > reach) + 1)
    return math.log2(sum(2 ** _bits(group[None], _ties) for group in groups))


_judge_own = judge_by_digits(
    "log2 of both counts",
    "log2 of all arrangements, and of those in reach, to three digits each",
    _own_slips,
)


EXERCISES = (
    prediction(
        "laperm/guesses",
        "Predict",
        4,
        {
            "k = 250 in place of 20: points lost": (-100, 100),
            "trained places, fresh values: accuracy": (0, 1),
            "trained values, shuffled within each neuron: accuracy": (0, 1),
            "ordinary training, arranged once at the end: accuracy": (0, 1),
            "784-10 of one value and zeros: bytes": (1, 1_000_000),
        },
    ),
    Exercise(
        "laperm/rank_match",
        "In the copy's order",
        2,
        8,
        rank_match,
        _rank_match_cases,
        _judge_rank_match,
    ),
    Exercise(
        "laperm/pinned",
        "Who can trade places",
        1,
        5,
        pinned,
        _pinned_cases,
        _judge_pinned,
    ),
    Exercise(
        "laperm/fresh_by_rank",
        "Location against value",
        2,
        10,
        fresh_by_rank,
        _fresh_cases,
        _judge_fresh,
    ),
    Exercise(
        "laperm/log2_arrangements",
        "How many arrangements",
        2,
        8,
        log2_arrangements,
        _log2_cases,
        judge_by_value("the bits", _log2_slips),
    ),
    Exercise(
        "laperm/swap_gains",
        "What a trade gains",
        1,
        6,
        swap_gains,
        _swap_gains_cases,
        _judge_swap_gains,
    ),
    Exercise(
        "laperm/honest_history",
        "An honest history",
        3,
        15,
        honest_history,
        _honest_cases,
        _judge_honest,
        planted=_HONEST,
    ),
    Exercise(
        "laperm/rank_of_arrangement",
        "An arrangement as a number",
        2,
        10,
        rank_of_arrangement,
        _rank_of_cases,
        judge_by_value("the number", _rank_of_slips),
    ),
    Exercise(
        "laperm/arrangement_of_rank",
        "And back again",
        2,
        10,
        arrangement_of_rank,
        _arrangement_cases,
        _judge_arrangement,
        errors={"pop index out of range": _TOO_LARGE, "list index out of": _TOO_LARGE},
    ),
    Exercise(
        "laperm/own_arrangement",
        "A neuron of your own",
        2,
        10,
        own_arrangement,
        _own_cases,
        _judge_own,
        kind="value",
        personal=True,
    ),
    open_question(
        "laperm/another_order",
        "Another way to arrange",
        3,
        60,
        "Says what is arranged and when (another order, other groups of weights, a "
        "part of them only), with a prediction made before the run, and its reason.\n"
        "Reports for three seeds or more, each with their spread, the accuracy after "
        "a synchronisation, beside arranging by rank, a random arrangement, and one "
        "synchronisation at the end of ordinary training.\n"
        "Shows by a test that each neuron's values, or whatever is to stay, have "
        "stayed, counts the bits of what was learned, and says plainly what was found.",
    ),
)
