"""The exercises of the chapter "Indirect encoding"."""

from functools import partial
from typing import Any

import numpy as np

from minitorch.grading.references.hypernet import (
    degrees_of_freedom,
    hyper_steps,
    hyperfan_in_std,
    join_tiles,
    own_start,
)
from minitorch.grading.spec import (
    Cases,
    Exercise,
    Judge,
    Problem,
    Rng,
    Slip,
    close,
    frozen,
    judge_by_digits,
    judge_by_value,
    normal,
    open_question,
    or_none,
    pattern,
    plain,
    prediction,
    same_slip,
    show,
)
from minitorch.weird import cppn, hypernet

_normal = partial(normal, dtype=np.float64)

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP = ()


def _generator(rng: Rng, n: int, h: int, i: int, M: int, dtype: type) -> tuple:
    """W1, b1, W2, b2 of a generator, none of them zero."""
    shapes = ((h, M), (M,), (n, i * h), (i * h,))
    return tuple(_normal(rng, *shape, dtype=dtype) for shape in shapes)


def _different(rng: Rng, count: int, low: int = 2, high: int = 7) -> list[int]:
    """Sizes of which no two are equal."""
    return [int(v) for v in rng.permutation(np.arange(low, high + 1))[:count]]


def _or_its_shape(judge: Judge, turned: tuple[Slip, ...]) -> Judge:
    """Name slips that end in another shape; where none is known, say the shape."""

    def whole(args: tuple, output: Any, want: Any) -> Problem | None:
        if output.shape == want.shape:
            return judge(args, output, want)
        problem: Problem = plain(output, want)
        return problem._replace(cause=same_slip(args, output, turned) or problem.cause)

    return whole


# ----------------------------------------------------------------------------
# hypernet/generate_tile
# ----------------------------------------------------------------------------


def _generate_tile_cases(rng: Rng) -> Cases:
    # Two channels in, one hidden number each, three weights each.
    yield (
        np.array([2.0]),
        np.array([[1.0, 10.0, 100.0]]),
        np.array([0.0, 0.0, 1.0]),
        np.array([[1.0, 0.0]]),
        np.array([0.0, 5.0]),
    )
    # As many channels as hidden numbers, so that a wrong order gives numbers too.
    yield _normal(rng, 2), *_generator(rng, 2, 3, 3, 3, np.float64)
    for dtype in (np.float32, np.float64):
        n, h, i, M = _different(rng, 4)
        yield _normal(rng, n, dtype=dtype), *_generator(rng, n, h, i, M, dtype)


def _tile(A: np.ndarray, W1: np.ndarray, b1: Any) -> np.ndarray:
    return A.reshape(-1, len(W1)) @ W1 + b1


_judge_generate_tile = judge_by_value(
    "the tile K",
    (
        Slip(
            "b1 is left out: K = A W1 + b1, the same b1 for every channel in.",
            lambda z, W1, b1, W2, b2: _tile(z @ W2 + b2, W1, 0),
        ),
        Slip(
            "b2 is left out: with z = 0 the first layer gives b2, not 0.",
            lambda z, W1, b1, W2, b2: _tile(z @ W2, W1, b1),
        ),
        Slip(
            "There is a ReLU between the layers. Both layers are linear here; the "
            "paper's generator bends nothing.",
            lambda z, W1, b1, W2, b2: _tile(np.maximum(z @ W2 + b2, 0), W1, b1),
        ),
        Slip(
            "There is a tanh between the layers. Both layers are linear here; the "
            "paper's generator bends nothing.",
            lambda z, W1, b1, W2, b2: _tile(np.tanh(z @ W2 + b2), W1, b1),
        ),
        Slip(
            "The I h numbers are read in the wrong order. The first h of them belong "
            "to the first channel in: reshape to (I, h), not to (h, I) and back.",
            lambda z, W1, b1, W2, b2: (z @ W2 + b2).reshape(len(W1), -1).T @ W1 + b1,
        ),
        Slip(
            "This is K turned on its side: a row is a channel in, (I, M).",
            lambda z, W1, b1, W2, b2: _tile(z @ W2 + b2, W1, b1).T,
        ),
        Slip(
            "b1 is added down the rows. It has one number for each of the M weights, "
            "the same for all channels in.",
            or_none(lambda z, W1, b1, W2, b2: _tile(z @ W2 + b2, W1, b1[:, None])),
        ),
        Slip(
            "W1 is used on its side: A W1 sums over the h hidden numbers.",
            or_none(lambda z, W1, b1, W2, b2: _tile(z @ W2 + b2, W1.T, b1)),
        ),
    ),
)


# ----------------------------------------------------------------------------
# hypernet/frozen_generator
# ----------------------------------------------------------------------------


def _frozen_generator_cases(rng: Rng) -> Cases:
    yield (
        np.array([[1.0, 10.0]]),
        np.array([0.0, 1.0]),
        np.array([[1.0, 0.0]]),
        np.array([0.0, 5.0]),
    )
    yield _generator(rng, 2, 3, 3, 3, np.float64)
    for dtype in (np.float32, np.float64):
        n, h, i, M = _different(rng, 4)
        yield _generator(rng, n, h, i, M, dtype)


def _written(W1: np.ndarray, b1: Any, W2: np.ndarray, b2: Any) -> np.ndarray:
    """What each unit embedding writes, (I M, n)."""
    tiles = [_tile(row + b2, W1, b1).reshape(-1) for row in W2]
    return np.stack(tiles, axis=1)


_offset_slips = (
    Slip(
        "b1 is missing in the offset: what is written at z = 0 is b2 W1 + b1.",
        lambda W1, b1, W2, b2: _tile(b2, W1, 0).reshape(-1),
    ),
    Slip(
        "b2 is missing in the offset. It goes through W1 too: at z = 0 the generator "
        "writes b2 W1 + b1.",
        lambda W1, b1, W2, b2: np.tile(b1, b2.size // len(W1)),
    ),
    Slip(
        "The offset is 0, but at z = 0 the generator still writes its biases. P z "
        "alone is a line through 0; this one does not go through 0.",
        lambda W1, b1, W2, b2: np.zeros(b2.size // len(W1) * len(b1)),
    ),
    Slip(
        "This is what an embedding of ones writes. The offset is what is written "
        "where z plays no part: at z = 0.",
        lambda W1, b1, W2, b2: _tile(W2.sum(axis=0) + b2, W1, b1).reshape(-1),
    ),
    Slip(
        "The offset is flattened column by column. Flatten a tile (I, M) row by row, "
        "as reshape(-1) does.",
        lambda W1, b1, W2, b2: _tile(b2, W1, b1).T.reshape(-1),
    ),
)

_direction_slips = (
    Slip(
        "Column j is what z = e_j writes, offset and all. P holds only what changes "
        "with z: take the offset off.",
        lambda W1, b1, W2, b2: _written(W1, b1, W2, b2),
    ),
    Slip(
        "b1 stands in every column of P. A bias does not change with z; it belongs "
        "to the offset alone.",
        lambda W1, b1, W2, b2: _written(W1, b1, W2, 0),
    ),
    Slip(
        "b2 stands in every column of P. A bias does not change with z; it belongs "
        "to the offset alone.",
        lambda W1, b1, W2, b2: _written(W1, 0, W2, b2),
    ),
    Slip(
        "A column of P is flattened column by column. Flatten a tile (I, M) row by "
        "row, as reshape(-1) does.",
        lambda W1, b1, W2, b2: np.stack(
            [_tile(row, W1, 0).T.reshape(-1) for row in W2], axis=1
        ),
    ),
    Slip(
        "The columns are scaled to length one. These directions are as long as the "
        "generator makes them.",
        lambda W1, b1, W2, b2: (
            _written(W1, 0, W2, 0) / np.linalg.norm(_written(W1, 0, W2, 0), axis=0)
        ),
    ),
)


def _judge_frozen_generator(args: tuple, output: Any, want: Any) -> Problem | None:
    parts = (
        ("the offset, what z = 0 writes", _offset_slips),
        ("P, how the weights move with z", _direction_slips),
    )
    for (compared, slips), got, right in zip(parts, output, want, strict=True):
        problem = judge_by_value(compared, slips)(args, got, right)
        if problem:
            return problem
    return None


# ----------------------------------------------------------------------------
# hypernet/hyperfan_in_std
# ----------------------------------------------------------------------------


def _hyperfan_in_std_cases(rng: Rng) -> Cases:
    yield 50, 2, 8, 1.0, 0.5
    for _ in range(3):
        n, h = _different(rng, 2, low=3, high=20)
        fan_in = int(rng.integers(30, 800))
        z_std, w2_std = rng.uniform(0.2, 0.9), rng.uniform(1.2, 3.0)
        yield fan_in, n, h, float(z_std), float(w2_std)


def _without(**changed: float) -> Any:
    """Make a slip: the right formula with some of its arguments replaced."""

    def wrong(fan_in: int, n: int, h: int, z_std: float, w2_std: float) -> float:
        given: dict[str, Any] = {
            "fan_in": fan_in,
            "n": n,
            "h": h,
            "z_std": z_std,
            "w2_std": w2_std,
        }
        return hypernet.hyperfan_in_std(**(given | changed))

    return wrong


_right_std = _without()

_judge_hyperfan_in_std = judge_by_value(
    "the standard deviation of W1",
    (
        Slip(
            "This is He's start of W1 as an ordinary layer, sqrt(2 / h). W1's own "
            "fan-in does not count: the weights that it *writes* are to have He's "
            "spread.",
            lambda fan_in, n, h, z_std, w2_std: float(np.sqrt(2 / h)),
        ),
        Slip(
            "This is the spread that the written weights should have. W1 is not these "
            "weights: n h products of z, W2 and W1 add up to each of them.",
            lambda fan_in, n, h, z_std, w2_std: float(np.sqrt(2 / fan_in)),
        ),
        Slip(
            "This is the variance of W1. The standard deviation was asked for: the "
            "square root is missing.",
            lambda *args: _right_std(*args) ** 2,
        ),
        Slip(
            "The 2 is missing. He's variance is 2 / fan_in, because ReLU switches off "
            "half of the units.",
            lambda *args: _right_std(*args) / float(np.sqrt(2)),
        ),
        Slip(
            "Only the h hidden numbers are counted. Each of them is itself a sum over "
            "the n numbers of z, so n h products add up.",
            _without(n=1),
        ),
        Slip(
            "Only the n numbers of z are counted. W1 also sums over h hidden numbers, "
            "so n h products add up.",
            _without(h=1),
        ),
        Slip(
            "n and h are added. There is a product for each pair of a number of z and "
            "a hidden number: n h of them.",
            lambda fan_in, n, h, z_std, w2_std: float(
                np.sqrt(2 / fan_in / (n + h)) / (z_std * w2_std)
            ),
        ),
        Slip(
            "This is He's start of a layer that reads z, sqrt(2 / n). What z is read "
            "by does not count: the weights that are *written* are to have He's "
            "spread.",
            lambda fan_in, n, h, z_std, w2_std: float(np.sqrt(2 / n)),
        ),
        Slip(
            "The n h terms of the sum are not counted: variances of independent terms "
            "add up.",
            _without(n=1, h=1),
        ),
        Slip(
            "The spread of z is left out: it multiplies every product.",
            _without(z_std=1.0),
        ),
        Slip(
            "The spread of W2 is left out: it multiplies every product.",
            _without(w2_std=1.0),
        ),
        Slip(
            "Variances and standard deviations are mixed: the variance of a product "
            "has z_std**2 and w2_std**2 in it.",
            lambda fan_in, n, h, z_std, w2_std: float(
                np.sqrt(2 / fan_in / (n * h * z_std * w2_std))
            ),
        ),
        Slip(
            "Divide by the spreads of z and W2: the wider they are, the narrower must "
            "W1 be.",
            lambda fan_in, n, h, z_std, w2_std: (
                float(np.sqrt(2 / fan_in / (n * h))) * z_std * w2_std
            ),
        ),
    ),
)


# ----------------------------------------------------------------------------
# hypernet/degrees_of_freedom
# ----------------------------------------------------------------------------


def _tiles(rng: Rng, L: int, n: int, h: int, i: int, M: int) -> tuple:
    return _normal(rng, L, n), *_generator(rng, n, h, i, M, np.float64)


def _degrees_of_freedom_cases(rng: Rng) -> Cases:
    # One weight, written by five numbers: it can move in one way.
    one = np.ones((1, 1))
    yield 2 * one, 3 * one, one[0], 5 * one, one[0]
    # One tile; several; several with fewer hidden numbers.
    yield _tiles(rng, 1, 2, 2, 4, int(rng.integers(6, 9)))
    yield _tiles(rng, 4, 2, 2, 4, int(rng.integers(6, 9)))
    yield _tiles(rng, 3, 3, 1, 2, int(rng.integers(5, 8)))
    # Two tiles that have the same embedding are bound to stay alike, but for z.
    z, *rest = _tiles(rng, 5, 2, 2, 3, 6)
    z[3:] = z[:1]
    yield z, *rest
    # More numbers than weights: every weight is free.
    yield _tiles(rng, 2, 3, 3, 2, 3)


def _numbers(*parts: np.ndarray) -> int:
    return sum(part.size for part in parts)


def _weights(z: np.ndarray, W1: np.ndarray, b1: Any, W2: Any, b2: np.ndarray) -> int:
    return len(z) * b2.size // len(W1) * W1.shape[1]


def _all_tiles(z: np.ndarray, W1: Any, b1: Any, W2: Any, b2: Any) -> np.ndarray:
    return _tile(z @ W2 + b2, W1, b1)


def _some_columns(first: int | None, last: int | None) -> Any:
    """Make a slip: the rank of the Jacobian of only some of the five parts."""

    def wrong(*parts: np.ndarray) -> int:
        J = hypernet.generator_jacobian(*parts)
        ends = np.cumsum([0, *(part.size for part in parts)])
        left = 0 if first is None else ends[first]
        right = ends[-1] if last is None else ends[last]
        return int(np.linalg.matrix_rank(J[:, left:right]))

    return wrong


_judge_degrees_of_freedom = judge_by_value(
    "the degrees of freedom",
    (
        Slip(
            "This counts all numbers that are trained. Some ways of changing them "
            "change no weight at all (z can be turned if W2 is turned back). So a "
            "count is only a bound. If it comes from a rank, see to the step: the "
            "rounding of a small one counts as directions. A step of 1 is exact here.",
            _numbers,
        ),
        Slip(
            "This counts the written weights, as if each could move by itself; one "
            "generator writes them, and they move together. If it comes from a rank, "
            "that is full by accident: the rounding of a small step counts as "
            "directions. A step of 1 is exact here.",
            _weights,
        ),
        Slip(
            "This is the rank of the weights as a matrix: how many patterns they are "
            "mixed from. Wanted is the rank of their *derivatives*.",
            lambda *parts: int(np.linalg.matrix_rank(_all_tiles(*parts))),
        ),
        Slip(
            "Only z moves here, as with a frozen generator. All five parts are "
            "trained.",
            _some_columns(None, 1),
        ),
        Slip(
            "z is held still. All five parts are trained.",
            _some_columns(1, None),
        ),
        Slip(
            "The biases b2 are held still. All five parts are trained.",
            _some_columns(None, 4),
        ),
        Slip(
            "The formula 2 n (n + 1) for what is hidden holds for n = h and for many "
            "tiles whose embeddings differ. Measure the rank.",
            lambda z, *parts: _numbers(z, *parts) - 2 * z.shape[1] * (z.shape[1] + 1),
        ),
        Slip(
            "Only one tile is looked at. All L tiles share the generator, and their "
            "weights move together.",
            lambda z, *parts: hypernet.degrees_of_freedom(z[:1], *parts),
        ),
        Slip(
            "Each tile's freedom is counted apart and added up. The tiles share one "
            "generator: a Jacobian for all of them together.",
            lambda z, *parts: sum(
                hypernet.degrees_of_freedom(z[j : j + 1], *parts) for j in range(len(z))
            ),
        ),
    ),
)


# ----------------------------------------------------------------------------
# hypernet/hyper_steps
# ----------------------------------------------------------------------------

_SAME = 3  # how many steps the first two sequences of a case have in common


def _hyper_steps_cases(rng: Rng) -> Cases:
    one = np.ones((1, 1))
    yield one[None], one, one, np.zeros((1, 3)), one
    for _ in range(3):
        N, H, F, S = _different(rng, 4)
        # Not as many steps as anything else, or a turned answer would fit.
        lengths = set(range(_SAME + 2, _SAME + 6)) - {N, H, F, S}
        T = int(rng.choice(sorted(lengths)))
        x = _normal(rng, N, T, F)
        x[1, :_SAME] = x[0, :_SAME]
        W_h = 1.2 * _normal(rng, H, H) / np.sqrt(H)
        A = 1.5 * _normal(rng, S, H + F + S) / np.sqrt(H + F + S)
        yield x, W_h, 0.6 * _normal(rng, H, F), A, _normal(rng, H, S) / np.sqrt(S)


def _read(
    x: np.ndarray,
    W_h: np.ndarray,
    W_x: np.ndarray,
    A: np.ndarray,
    D: np.ndarray,
    *,
    columns: bool = False,
    both: bool = False,
    base: float = 1.0,
    late: bool = False,
    keep: bool = True,
    ahead: int = 0,
    still: bool = False,
    turned: bool = False,
    bent: bool = True,
    first: bool = False,
) -> np.ndarray:
    """Read with one thing wrong."""
    N, T, _ = x.shape
    h, s = np.zeros((N, len(W_h))), np.zeros((N, len(A)))
    said = []
    for t in range(T):
        old, seen, kept = s, x[:, min(t + ahead, T - 1)], s if keep else 0 * s
        s = np.hstack([seen, h, kept] if turned else [h, seen, kept]) @ A.T
        s = np.tanh(s) if bent else s
        d = base + (old if late or first else s) @ D.T
        d = np.ones_like(d) if still else d
        if columns:
            h = np.tanh((d * h) @ W_h.T + x[:, t] @ W_x.T)
        elif both:
            h = np.tanh(d * (h @ W_h.T + x[:, t] @ W_x.T))
        else:
            h = np.tanh(d * (h @ W_h.T) + x[:, t] @ W_x.T)
        if first:
            s = np.tanh(np.hstack([h, seen, kept]) @ A.T)
        said.append(h)
    return np.stack(said, axis=1)


def _slip_of(cause: str, **how: Any) -> Slip:
    return Slip(cause, lambda *args: _read(*args, **how))


_hyper_steps_slips = (
    _slip_of(
        "The columns of W_h are scaled: d multiplies h before W_h does. A row of W_h "
        "belongs to one unit that is written; scale W_h h.",
        columns=True,
    ),
    _slip_of(
        "d scales what comes from x too. Here it scales the rows of W_h alone.",
        both=True,
    ),
    _slip_of(
        "The 1 is missing: d = 1 + D s, so that with s = 0 the network is a plain one.",
        base=0.0,
    ),
    _slip_of(
        "d is made from the s of the step before. In this exercise, as in the "
        "authors' code, the small network reads x_t first, and its new s makes d.",
        late=True,
    ),
    _slip_of(
        "s is not kept from step to step: the small network has no memory of its own.",
        keep=False,
    ),
    _slip_of("d is never used: this is a plain network.", still=True),
    _slip_of(
        "The small network reads [x_t, h, s]. A's columns belong to [h, x_t, s], in "
        "this order.",
        turned=True,
    ),
    _slip_of("The tanh around A [h, x_t, s] is missing.", bent=False),
    _slip_of(
        "The main network moves before the small one. The small one reads first: it "
        "sees the old h, and its new s makes the d of this step.",
        first=True,
    ),
)

_turned_steps = (
    Slip(
        "The steps stand along the first axis, (T, N, H), as np.array(list) and "
        "np.stack(list) put them. np.stack(list, axis=1) puts them along the second.",
        lambda *args: _read(*args).swapaxes(0, 1),
    ),
    Slip(
        "The steps stand along the last axis, (N, H, T). np.stack(list, axis=1) puts "
        "them along the second.",
        lambda *args: _read(*args).swapaxes(1, 2),
    ),
)


def _judge_hyper_steps(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    x = args[0]
    cause = same_slip(args, output, _hyper_steps_slips)
    if len(x) > 1 and not cause:
        apart = np.abs(output[0, :_SAME] - output[1, :_SAME]).max()
        if apart > 1e-6:
            return Problem(
                "h of two sequences that differ only from step "
                f"{_SAME + 1} on, in the steps before",
                f"they differ by up to {apart:.3g}",
                "the same h, for the same was read",
                "A step looks into the future (at a later x, or at something made "
                "from all steps), or mixes one sequence with another. What is "
                "said at step t may depend on x up to t only.",
            )
    first = int(np.abs(output - want).max(axis=(0, 2)).argmax())
    wrong = np.flatnonzero(np.abs(output - want).max(axis=(0, 2)) > 1e-6)
    first = int(wrong[0]) if len(wrong) else first
    place = int(np.abs(output - want)[0, first].argmax())
    return Problem(
        f"h of the first sequence at step {first + 1}, the first that is off "
        f"(unit {place})",
        show(float(output[0, first, place])),
        show(float(want[0, first, place])),
        cause or pattern(output, want),
    )


# ----------------------------------------------------------------------------
# hypernet/mirrored
# ----------------------------------------------------------------------------


def _mirrored_cases(rng: Rng) -> Cases:
    yield (np.array([[-0.5, -1.0], [0.5, -1.0]]),)
    # Two places only, so that the wrong axis gives numbers too.
    yield (np.array([[0.25, -0.5], [-0.75, 0.5]]),)
    for dtype in (np.float32, np.float64):
        places = rng.uniform(-1, 1, (int(rng.integers(5, 30)), 2))
        yield (places.astype(dtype),)


_judge_mirrored = judge_by_value(
    "the places",
    (
        Slip(
            "y was made positive as well: then above and below are alike too. Only "
            "left and right were asked for.",
            np.abs,
        ),
        Slip(
            "y was made positive, not x: this mirrors above and below. x is column 0.",
            lambda places: np.stack([places[:, 0], np.abs(places[:, 1])], axis=1),
        ),
        Slip(
            "The first *row* was made positive, which is one place. x is a column.",
            lambda places: np.concatenate([np.abs(places[:1]), places[1:]]),
        ),
        Slip(
            "This turns the picture over, x becomes -x: left and right change sides, "
            "but are not alike. A place and its mirror image must get the same input.",
            lambda places: places * np.array([-1, 1], places.dtype),
        ),
        Slip(
            "x is squared. That is symmetric too, but it also bends the picture; |x| "
            "was asked for.",
            lambda places: np.stack([places[:, 0] ** 2, places[:, 1]], axis=1),
        ),
        Slip(
            "The left half is pushed to x = 0, so it is all one stripe: max(x, 0) is "
            "not |x|.",
            lambda places: np.stack([np.maximum(places[:, 0], 0), places[:, 1]], 1),
        ),
        Slip(
            "x is replaced by the distance to the middle, which also mirrors above "
            "and below and makes rings.",
            lambda places: np.stack([np.hypot(*places.T), places[:, 1]], axis=1),
        ),
    ),
)


# ----------------------------------------------------------------------------
# hypernet/join_tiles: a planted bug
# ----------------------------------------------------------------------------

_JOIN_TILES = """
def join_tiles(K):
    R, C, i, o = K.shape
    W = K.transpose(1, 0, 3, 2)
    return W.reshape(C * o, R * i)
"""


def _join_tiles_cases(rng: Rng) -> Cases:
    yield (np.arange(6.0).reshape(1, 1, 2, 3),)
    yield (np.arange(16.0).reshape(2, 2, 2, 2),)
    for dtype in (np.float32, np.float64):
        yield (_normal(rng, *_different(rng, 4, high=5), dtype=dtype),)


def _ordered(*axes: int) -> Any:
    """Make a slip: the axes in another order, then the wanted shape."""

    def wrong(K: np.ndarray) -> np.ndarray:
        R, C, i, o = K.shape
        return K.transpose(axes).reshape(C * o, R * i)

    return wrong


def _blocks(K: np.ndarray) -> np.ndarray:
    """Block (c, r) is tile (r, c) as it is."""
    R, C = K.shape[:2]
    return np.block([[K[r, c] for r in range(R)] for c in range(C)])


_TURNED_LAYER = Slip(
    "This is the layer turned on its side: a row is an output, (C o, R i).",
    lambda K: join_tiles(K).T,
)

_judge_join_tiles = judge_by_value(
    "the layer's weights",
    (
        Slip(
            "The tiles are still torn apart: their numbers are spread over several "
            "rows. `reshape` joins neighbouring axes, so C must stand beside o, and R "
            "beside i.",
            _ordered(1, 0, 3, 2),
        ),
        Slip(
            "Nothing is reordered before the reshape: it joins neighbouring axes, and "
            "C does not stand beside o yet, nor R beside i.",
            _ordered(0, 1, 2, 3),
        ),
        Slip(
            "Each block is in its place, but on its side: within a tile the rows are "
            "inputs; in the layer a row is an output.",
            lambda K: _blocks(K) if K.shape[2] == K.shape[3] else None,
        ),
        Slip(
            "The tiles are exchanged: tile (r, c) is the block of the outputs c and "
            "the inputs r.",
            or_none(lambda K: _blocks(K.transpose(1, 0, 3, 2))),
        ),
        Slip(
            "Outputs of different tiles are interleaved: o comes before C. All outputs "
            "of one tile stand together.",
            _ordered(3, 1, 0, 2),
        ),
        Slip(
            "Inputs of different tiles are interleaved: i comes before R. All inputs "
            "of one tile stand together.",
            _ordered(1, 3, 2, 0),
        ),
        _TURNED_LAYER,
    ),
)


# ----------------------------------------------------------------------------
# hypernet/own_start: a value, from the student's own generator
# ----------------------------------------------------------------------------


def _own_start_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    data = _own_generator(draw)
    while not _tell(data):
        data = _own_generator(draw)
    yield data


def _own_generator(draw: np.random.RandomState) -> tuple:
    # No two are equal, and forgetting one is no factor that something else is too.
    L, n, h, i, o = 3, 4, 5, 6, 2
    scale = draw.uniform(0.5, 2.0, 3)
    z = scale[0] * draw.randn(L, n) * np.array([[2.0], [1.0], [0.2]])
    W1 = scale[1] * draw.randn(h, 9 * o)
    W2 = scale[2] * draw.randn(n, i * h)
    # Biases of the size of what they are added to; the mean of b1 is not zero.
    size = scale[0] * scale[2] * np.sqrt(n)
    b1 = scale[1] * size * np.sqrt(h) * (0.9 + 0.3 * draw.randn(9 * o))
    return z, W1, b1, W2, 0.7 * size * draw.randn(i * h)


def _tell(data: tuple) -> bool:
    """Whether these data tell the right answer and the slips apart, by 2 %."""
    answers = [own_start(*data), *(slip.wrong(*data) for slip in _own_start_slips)]
    return bool(np.diff(np.log(np.sort(answers))).min() > 0.02)


def _times(factor: Any) -> Any:
    """Make a slip: the right value, changed with what the data say."""

    def wrong(*parts: np.ndarray) -> float:
        return float(factor(own_start(*parts), *parts))

    return wrong


_own_start_slips = (
    Slip(
        "Only the first tile is measured. Take the mean over all tiles.",
        lambda z, *parts: own_start(z[:1], *parts),
    ),
    Slip(
        "The square root is missing: a factor of the weights is squared in their "
        "mean square.",
        _times(lambda right, *parts: right**2),
    ),
    Slip(
        "This is 1 over the factor: what the weights are too large or too small "
        "by, not what mends it.",
        _times(lambda right, *parts: 1 / right),
    ),
    Slip(
        "The 2 is missing: He's mean square is 2 / fan_in.",
        _times(lambda right, *parts: right / np.sqrt(2)),
    ),
    Slip(
        "The window is not counted. A unit of the written layer reads I channels "
        "at 9 places each: fan_in = 9 I.",
        _times(lambda right, *parts: 3 * right),
    ),
    Slip(
        "All of b2 is counted as channels. It has h numbers for each: I is the "
        "size of b2 over h.",
        _times(lambda right, z, W1, *rest: right / np.sqrt(len(W1))),
    ),
    Slip(
        "This takes the outputs for the inputs: fan_in = 9 I, where I is the size "
        "of b2 over h.",
        _times(
            lambda right, z, W1, b1, W2, b2: (
                right * np.sqrt(9 * (b2.size // len(W1)) / W1.shape[1])
            )
        ),
    ),
    Slip(
        "This takes W1's own fan-in, h. The *written* layer's counts: 9 I.",
        _times(
            lambda right, z, W1, b1, W2, b2: (
                right * np.sqrt(9 * (b2.size // len(W1)) / len(W1))
            )
        ),
    ),
    Slip(
        "The standard deviation takes the mean off first. Your weights' mean is "
        "not zero, and a signal feels it: use the mean square.",
        _times(
            lambda right, *parts: (
                right
                * np.sqrt((_all_tiles(*parts) ** 2).mean())
                / _all_tiles(*parts).std()
            )
        ),
    ),
    Slip(
        "This is the formula for W1 with zero biases, as a factor. Yours are not "
        "zero: measure what is written.",
        lambda z, W1, b1, W2, b2: own_start(z, W1, 0 * b1, W2, 0 * b2),
    ),
)

_judge_own_start = judge_by_digits(
    "the factor", "the factor of your generator, to three digits", _own_start_slips
)


EXERCISES = (
    prediction(
        "hypernet/guesses",
        "Predict",
        4,
        {
            "points lost when 4,244 numbers write the kernels": (-100, 100),
            "points lost when the generator is fixed": (-100, 100),
            "rank of the written 16 x 784 matrix": (1, 16),
            "points won by a CPPN over random weights": (-100, 100),
        },
    ),
    Exercise(
        "hypernet/generate_tile",
        "Write a tile",
        1,
        6,
        hypernet.generate_tile,
        _generate_tile_cases,
        _judge_generate_tile,
    ),
    Exercise(
        "hypernet/frozen_generator",
        "A fixed generator is a random subspace",
        2,
        12,
        hypernet.frozen_generator,
        _frozen_generator_cases,
        _judge_frozen_generator,
    ),
    Exercise(
        "hypernet/hyperfan_in_std",
        "A start for weights that write weights",
        2,
        10,
        hyperfan_in_std,
        _hyperfan_in_std_cases,
        _judge_hyperfan_in_std,
    ),
    Exercise(
        "hypernet/own_start",
        "How your generator should start",
        2,
        10,
        own_start,
        _own_start_cases,
        _judge_own_start,
        kind="value",
        personal=True,
    ),
    Exercise(
        "hypernet/degrees_of_freedom",
        "Count the ways to move",
        3,
        25,
        degrees_of_freedom,
        _degrees_of_freedom_cases,
        _judge_degrees_of_freedom,
    ),
    Exercise(
        "hypernet/join_tiles",
        "Tiles torn apart",
        2,
        10,
        join_tiles,
        _join_tiles_cases,
        _or_its_shape(_judge_join_tiles, (_TURNED_LAYER,)),
        planted=_JOIN_TILES,
        any_shape=True,
    ),
    Exercise(
        "hypernet/hyper_steps",
        "Weights that change as one reads",
        2,
        15,
        hyper_steps,
        _hyper_steps_cases,
        _or_its_shape(_judge_hyper_steps, _turned_steps),
        any_shape=True,
    ),
    Exercise(
        "hypernet/mirrored",
        "Symmetry from an input",
        1,
        3,
        cppn.mirrored,
        _mirrored_cases,
        _judge_mirrored,
    ),
    open_question(
        "hypernet/thaw",
        "Between fixed and trained",
        3,
        60,
        "The prediction for each part of the generator, with its reason.\n"
        "Accuracy with each part thawed alone, three seeds each, beside all and none.\n"
        "What the counts of trained numbers explain of it, and what they do not.",
    ),
)
