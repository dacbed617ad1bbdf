"""The exercises of the chapter "Lottery tickets"."""

from typing import Any

import numpy as np

from minitorch.grading.references.pruning import (
    magnitude_mask,
    masked_step,
    message_bytes,
    own_bits,
    pixel_counts,
    prune_step,
    shuffled_mask,
    signed_constant,
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
    or_none,
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


def _fraction(rng: Rng, n: int, beyond: float) -> float:
    """A fraction kept of n that is a whole count and a part: 0.2 to 0.4 of n."""
    return (int(n * rng.uniform(0.2, 0.4)) + beyond) / n


def _ties(rng: Rng, *shape: int) -> np.ndarray:
    """Weights of few sizes, so that any cut goes through equal ones."""
    return rng.integers(-3, 4, shape).astype(np.float32)


def _many_ties(rng: Rng) -> np.ndarray:
    """So many weights of size 1 or 2 that an order which is not stable shows."""
    return rng.choice([-2, -1, 1, 2], (40, 30)).astype(np.float32)


# ----------------------------------------------------------------------------
# pruning/magnitude_mask
# ----------------------------------------------------------------------------


def _magnitude_mask_cases(rng: Rng) -> Cases:
    yield np.array([1.0, -9, 2, 8, -3, 4, 5, -6, 0, 7], np.float32), 0.3
    # All of one size: no threshold gives the right count.
    w = np.array([2.0, -2, 2, 2, -2, -2, 2, -2, 2, 2], np.float32)
    yield w, 0.3
    # Laid out column by column in memory: a copy where a view was hoped for. And
    # tall, so that places in a row, taken for rows, are there.
    w = normal(rng, *_sizes(rng)).T
    yield w, _fraction(rng, w.size, 0.3)
    for dtype, beyond in ((np.float32, 0.3), (np.float64, 0.7)):
        w = normal(rng, *_sizes(rng), dtype=dtype)
        yield w, _fraction(rng, w.size, beyond)
    w = _many_ties(rng)
    yield w, _fraction(rng, w.size, 0.3)
    w = _ties(rng, *_sizes(rng))
    yield w, _fraction(rng, w.size, 0.3)
    # Half a weight counts as one.
    yield Edge((normal(rng, 10), 0.25))
    w = normal(rng, 5)
    w[3] = 0
    yield Edge((w, 1.0))
    yield Edge((normal(rng, 3, 2), 0.0))


def _largest(scores: np.ndarray, count: float) -> np.ndarray:
    """True for so many of the largest scores, of equal ones the earlier."""
    scores = np.ascontiguousarray(scores)
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores.ravel(), kind="stable")[: int(count)]] = True
    return mask.reshape(scores.shape)


def _count(n: float, keep: float) -> int:
    return int(np.floor(keep * n + 0.5))


def _cut(w: np.ndarray, keep: float) -> float:
    """The size of the last weight that is kept."""
    count = _count(w.size, keep)
    return np.sort(np.abs(w), axis=None)[::-1][count - 1] if count else np.inf


def _later_first(w: np.ndarray, keep: float) -> np.ndarray:
    turned = np.abs(w).ravel()[::-1]
    return _largest(turned, _count(w.size, keep))[::-1].reshape(w.shape)


def _row_by_row(w: np.ndarray, keep: float) -> np.ndarray:
    return np.array([magnitude_mask(row, keep) for row in np.atleast_2d(w)]).reshape(
        w.shape
    )


_ROWS_SORTED = (
    "argsort of a 2-D array sorts each row by itself, and gives places in the row. "
    "ravel() first: the count is for the whole array."
)


def _row_order(w: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(w), kind="stable")


def _rows_flat(w: np.ndarray, keep: float) -> np.ndarray:
    mask = np.zeros(w.size, bool)
    mask[_row_order(w)[: _count(w.size, keep)]] = True
    return mask.reshape(w.shape)


def _rows_taken(w: np.ndarray, keep: float) -> np.ndarray | None:
    mask = np.zeros(w.shape, bool)
    places = _row_order(w)[: _count(w.size, keep)]
    if places.max(initial=0) >= len(mask):
        return None
    mask[places] = True
    return mask


def _rows_joined(w: np.ndarray, keep: float) -> np.ndarray:
    mask = np.zeros(w.size, bool)
    mask[_row_order(w).ravel()[: _count(w.size, keep)]] = True
    return mask.reshape(w.shape)


_magnitude_slips = (
    Slip(
        "The absolute value is missing: the largest numbers are kept, not the "
        "largest sizes. -9 is a large weight.",
        lambda w, keep: _largest(w, _count(w.size, keep)),
    ),
    Slip(
        "keep is taken for the fraction that is pruned. It is the fraction that stays.",
        lambda w, keep: _largest(np.abs(w), _count(w.size, 1 - keep)),
    ),
    Slip(
        "keep is taken for the fraction that is pruned. It is the fraction that stays.",
        lambda w, keep: _largest(np.abs(w), w.size - _count(w.size, keep)),
    ),
    Slip(
        "The smallest weights are kept. The largest should be.",
        lambda w, keep: _largest(-np.abs(w), _count(w.size, keep)),
    ),
    Slip(
        "Of weights of equal size the later one is kept. Ties keep the earlier "
        'place: sort -|w| with kind="stable".',
        _later_first,
    ),
    Slip(
        "The count is rounded to the even number where it is half: that is what "
        "round() and np.round do. Wanted is floor(keep n + 1/2).",
        lambda w, keep: _largest(np.abs(w), round(keep * w.size)),
    ),
    Slip(
        "The count is cut off: int() goes down. Wanted is floor(keep n + 1/2).",
        lambda w, keep: _largest(np.abs(w), int(keep * w.size)),
    ),
    Slip(
        "The count is rounded up. Wanted is floor(keep n + 1/2).",
        lambda w, keep: _largest(np.abs(w), np.ceil(keep * w.size)),
    ),
    Slip(
        "Each row keeps its own largest. The count is for the whole array.",
        _row_by_row,
    ),
    Slip(
        "An exact 0 is left out although all weights are to stay: a mask is not "
        "read off the values.",
        lambda w, keep: magnitude_mask(w, keep) & (w != 0),
    ),
    Slip(
        "This keeps what is larger than the last weight that should stay, and loses "
        "that one and its ties. A threshold is no count: take so many places of a "
        "sorted order.",
        lambda w, keep: np.abs(w) > _cut(w, keep),
    ),
    Slip(
        "This keeps all that are as large as the last weight that should stay, too "
        "many where there are ties. A threshold is no count: take so many places of "
        "a sorted order.",
        lambda w, keep: np.abs(w) >= _cut(w, keep),
    ),
    Slip(
        "This keeps all that are as large as the first weight that should go, one "
        "too many or more. A threshold is no count: take so many places of a sorted "
        "order.",
        lambda w, keep: (
            np.abs(w)
            >= np.sort(-np.abs(w), axis=None)[min(_count(w.size, keep), w.size - 1)]
            * -1
        ),
    ),
    *(Slip(_ROWS_SORTED, wrong) for wrong in (_rows_flat, _rows_taken, _rows_joined)),
    Slip(
        "The True were written into a copy: `flatten()`, and `ravel()` of a "
        "transposed array, give copies. Fill a flat mask, then reshape it.",
        lambda w, keep: np.zeros(w.shape, bool),
    ),
)


def _judge_mask(slips: tuple[Slip, ...], w: int = 0) -> Any:
    """Make a judge of masks: how many are kept, then which."""

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        if (output == want).all():
            return None
        cause = same_slip(args, output, slips)
        if output.sum() != want.sum():
            return Problem(
                f"how many of {want.size} weights are kept",
                str(int(output.sum())),
                str(int(want.sum())),
                cause,
            )
        wrong, missed = (
            np.argwhere(where)[0].tolist() for where in (output & ~want, want & ~output)
        )
        sizes = [abs(float(args[w][tuple(place)])) for place in (wrong, missed)]
        found, best = (np.sort(np.abs(args[w][kept])) for kept in (output, want))
        if not cause and np.array_equal(found, best):
            cause = (
                "The sizes are right, but of equal weights others are kept. Ties keep "
                'the earlier place: sort -|w| with kind="stable".'
            )
        return Problem(
            "which weights are kept",
            f"the one at {wrong}, of size {sizes[0]:.4g}",
            f"the one at {missed}, of size {sizes[1]:.4g}, in its place",
            cause,
        )

    return judge


# ----------------------------------------------------------------------------
# pruning/prune_step
# ----------------------------------------------------------------------------


def _prune_step_cases(rng: Rng) -> Cases:
    # A large weight that was pruned before, and negative ones.
    w = np.array([1.0, -9, 20, 8, -3, 4, 5, -6, 12, 2, 7, -30, 25, -11], np.float32)
    yield w, np.abs(w) < 10, 0.3
    # The cut goes through equal weights: no threshold gives the right count.
    w = _many_ties(rng)
    mask = rng.random(w.shape) < 0.8
    # So few that as great a part of all weights would cut there too.
    yield w, mask, (int(mask.sum() * rng.uniform(0.2, 0.3)) + 0.3) / mask.sum()
    for dtype, beyond, zeros in ((np.float32, 0.3, True), (np.float64, 0.7, False)):
        w = normal(rng, *_sizes(rng), dtype=dtype)
        mask = rng.random(w.shape) < 0.6
        yield w * mask if zeros else w, mask, _fraction(rng, int(mask.sum()), beyond)
    # Weights that are there and exactly 0: found by their values, they are lost.
    w = normal(rng, 4, 7)
    mask = rng.permutation(np.arange(28) < 20).reshape(4, 7)
    some = rng.permutation(np.flatnonzero(mask))[:4]
    w.flat[some] = 0
    yield w * mask, mask, 0.43
    yield w * mask, mask, 1.0
    w = _ties(rng, *_sizes(rng))
    mask = rng.random(w.shape) < 0.7
    yield w, mask, _fraction(rng, int(mask.sum()), 0.3)
    yield Edge((normal(rng, 3, 2), np.zeros((3, 2), bool), 0.5))


def _by_value(w: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray:
    return prune_step(w, mask & (w != 0), keep)


def _above(w: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray | None:
    """What is larger than the last that should stay; where that is 0, no threshold."""
    cut = _cut(w[mask], keep)
    return mask & (np.abs(w) > cut) if cut else None


_prune_slips = (
    Slip(
        "The absolute value is missing: the largest numbers are kept, not the "
        "largest sizes.",
        lambda w, mask, keep: _largest(
            np.where(mask, w, -np.inf), _count(mask.sum(), keep)
        ),
    ),
    Slip(
        "keep is taken for the fraction that is pruned. It is the fraction of the "
        "survivors that stays.",
        lambda w, mask, keep: _largest(
            np.where(mask, np.abs(w), -1), mask.sum() - _count(mask.sum(), keep)
        ),
    ),
    Slip(
        "The fraction is taken of all weights, those pruned before among them. Then "
        "the first round prunes and the later ones hardly do. It is a fraction of "
        "the survivors, mask.sum() of them.",
        lambda w, mask, keep: magnitude_mask(np.where(mask, w, 0), keep) & mask,
    ),
    Slip(
        "The fraction is taken of all weights, those pruned before among them. It is "
        "a fraction of the survivors, mask.sum() of them.",
        lambda w, mask, keep: magnitude_mask(np.where(mask, w, 0), keep),
    ),
    Slip(
        "This keeps what is larger than a threshold, such as a quantile of the "
        "survivors, and loses its ties. A threshold is no count: take so many places "
        "of a sorted order.",
        _above,
    ),
    Slip(
        "This keeps all that are as large as a threshold, such as a quantile of the "
        "survivors, too many where there are ties. A threshold is no count: take so "
        "many places of a sorted order.",
        lambda w, mask, keep: mask & (np.abs(w) >= _cut(w[mask], keep)),
    ),
    Slip(
        "The survivors were found by their values, w != 0. A weight that is there "
        "may be exactly 0: ask the mask.",
        _by_value,
    ),
    Slip(
        "The fraction is counted of the weights that are not 0. A weight that is "
        "there may be exactly 0: ask the mask.",
        lambda w, mask, keep: _largest(
            np.where(mask, np.abs(w), -1), _count((w[mask] != 0).sum(), keep)
        ),
    ),
    Slip(
        "The smallest of the survivors are kept. The largest should be.",
        lambda w, mask, keep: _largest(
            np.where(mask, -np.abs(w), -np.inf), _count(mask.sum(), keep)
        ),
    ),
    Slip(
        "The count is cut off: int() goes down. Wanted is floor(keep n + 1/2) of the "
        "n survivors.",
        lambda w, mask, keep: _largest(
            np.where(mask, np.abs(w), -1), int(keep * mask.sum())
        ),
    ),
    Slip(
        "This is the mask of the survivors alone, in their order, not in their places.",
        lambda w, mask, keep: np.append(
            magnitude_mask(w[mask], keep), np.zeros((~mask).sum(), bool)
        ).reshape(w.shape),
    ),
)


def _judge_prune_step(args: tuple, output: Any, want: Any) -> Problem | None:
    w, mask, keep = args
    cause = same_slip(args, output, _prune_slips)
    back = int((output & ~mask).sum())
    if back and not cause:
        return Problem(
            "how many weights are back that were pruned before",
            str(back),
            "none: masks nest",
            "Regrowth: a weight that was pruned takes part again, by its old value. "
            "Choose among the survivors only.",
        )
    return _judge_mask(_prune_slips)(args, output, want)


# ----------------------------------------------------------------------------
# pruning/shuffled_mask
# ----------------------------------------------------------------------------


def _shuffled_mask_cases(rng: Rng) -> Cases:
    yield (
        np.array([1, 0, 0, 0, 0, 0, 1, 0, 1, 1], bool),
        np.array([6, 4]),
        np.array([0.9, 0.2, 0.5, 0.8, 0.1, 0.3, 0.4, 0.7, 0.6, 0.0]),
    )
    for _ in range(3):
        sizes = rng.permutation(np.arange(12, 40))[:3]
        shares = np.repeat(rng.permutation([0.15, 0.4, 0.8]), sizes)
        mask = rng.random(sizes.sum()) < shares
        yield mask, sizes, rng.random(sizes.sum())
    # A layer that is all there, and one that is gone.
    sizes = np.array([5, 7, 6])
    mask = np.repeat([True, False, True], sizes)
    mask[13:15] = False
    yield Edge((mask, sizes, rng.random(18)))


def _in_layers(choose: Any) -> Any:
    """Make a slip: (mask, u) of a layer -> its new mask."""

    def wrong(mask: np.ndarray, sizes: np.ndarray, u: np.ndarray) -> np.ndarray:
        ends = np.cumsum(sizes)[:-1]
        pairs = zip(np.split(mask, ends), np.split(u, ends), strict=True)
        return np.concatenate([choose(*pair) for pair in pairs])

    return wrong


def _not_moved_along(mask: np.ndarray, sizes: np.ndarray, u: np.ndarray) -> np.ndarray:
    new, start = np.zeros_like(mask), 0
    for size in sizes:
        layer = slice(start, start + size)
        new[np.argsort(u[layer])[: mask[layer].sum()]] = True
        start += size
    return new


_shuffled_slips = (
    Slip(
        "The whole network was shuffled at once: now another fraction of each layer "
        "is kept, which is a second change. A control changes one thing. Go layer "
        "by layer.",
        lambda mask, sizes, u: _largest(-u, mask.sum()),
    ),
    Slip(
        "Every layer keeps the same fraction, that of the whole network. Each layer "
        "keeps as many as it did.",
        lambda mask, sizes, u: _in_layers(
            lambda layer, its: _largest(-its, _count(layer.size, mask.mean()))
        )(mask, sizes, u),
    ),
    Slip(
        "u is compared with the fraction kept: that gives the right count only on "
        "average. Take so many places of a sorted order.",
        _in_layers(lambda layer, its: its < layer.mean()),
    ),
    Slip(
        "Those with the largest u are kept. Wanted are the smallest.",
        _in_layers(lambda layer, its: _largest(its, layer.sum())),
    ),
    Slip(
        "The places are counted from the layer's first weight, and were used as if "
        "from the network's: write into the layer's own slice.",
        _not_moved_along,
    ),
    Slip(
        "This is a shuffle too, the mask sorted by u, but not the one asked for: keep "
        "the places where u is smallest.",
        _in_layers(lambda layer, its: layer[np.argsort(its)]),
    ),
    Slip(
        "This is a shuffle too, but not the one asked for: keep the places where u is "
        "smallest.",
        _in_layers(lambda layer, its: layer[np.argsort(np.argsort(its))]),
    ),
    Slip("This is the ticket's own mask.", lambda mask, sizes, u: mask),
    Slip(
        "Nothing is kept: the True were written into a copy. `new[layer][order]` on "
        "the right of `=` is a copy; on the left, `new[layer]` must be a slice.",
        lambda mask, sizes, u: np.zeros_like(mask),
    ),
)


def _judge_shuffled_mask(args: tuple, output: Any, want: Any) -> Problem | None:
    if (output == want).all():
        return None
    mask, sizes, u = args
    cause = same_slip(args, output, _shuffled_slips)
    counts = [np.add.reduceat(each, np.cumsum(sizes) - sizes, dtype=int)
              for each in (output, want)]  # fmt: skip
    if (counts[0] != counts[1]).any():
        return Problem(
            "how many weights each layer keeps", show(counts[0]), show(counts[1]), cause
        )
    wrong, missed = (
        int(np.flatnonzero(where)[0]) for where in (output & ~want, want & ~output)
    )
    return Problem(
        "which places are kept",
        f"place {wrong}, where u is {u[wrong]:.3g}",
        f"place {missed}, where u is {u[missed]:.3g}, in its stead",
        cause,
    )


# ----------------------------------------------------------------------------
# pruning/pixel_counts
# ----------------------------------------------------------------------------


def _pixel_counts_cases(rng: Rng) -> Cases:
    # As many units as pixels, so that the wrong axis gives numbers too.
    yield (np.array([[1, 0, 0, 1], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]], bool),)
    for _ in range(2):
        side = int(rng.integers(3, 7))
        share = rng.uniform(0.1, 0.9, side**2)
        yield (rng.random((side**2 + int(rng.integers(2, 9)), side**2)) < share,)
    # More than 255 units: a count of 8 bits runs over.
    yield (rng.random((300, 784)) < 0.95,)


_judge_pixel_counts = judge_by_value(
    "how many weights read each pixel",
    (
        Slip(
            "The sum runs along a row: this counts for each unit how many pixels it "
            "reads. A row is a unit, a column is a pixel: sum over the units, axis 0.",
            or_none(lambda mask: mask.sum(axis=1).reshape(_square(mask.shape[1]))),
        ),
        Slip(
            "The picture is turned on its side: pixels lie in it row by row.",
            lambda mask: pixel_counts(mask).T,
        ),
        Slip(
            "This counts the weights that were pruned. True means kept.",
            lambda mask: pixel_counts(~mask),
        ),
        Slip(
            "This says whether any unit reads a pixel. Wanted is how many do.",
            lambda mask: pixel_counts(mask.any(axis=0)[None]),
        ),
        Slip(
            "The counts ran over: 8 bits hold at most 255, and there are more units.",
            lambda mask: pixel_counts(mask) % 256,
        ),
        Slip(
            "The counts are summed up from pixel to pixel: take a sum, not a cumsum.",
            lambda mask: np.cumsum(mask.sum(axis=0)).reshape(_square(mask.shape[1])),
        ),
    ),
)


def _square(n: int) -> tuple[int, int]:
    return round(n**0.5), round(n**0.5)


# ----------------------------------------------------------------------------
# pruning/message_bytes
# ----------------------------------------------------------------------------


def _message_bytes_cases(rng: Rng) -> Cases:
    yield 1000, 0.1, 32, 16
    for value_bits, index_bits in ((32, 8), (8, 16), (5, 4)):
        n = int(rng.integers(2_000, 90_000))
        # Kept is no multiple of 8, and keep n no whole number.
        kept = 8 * int(n * rng.uniform(0.03, 0.05)) + int(rng.integers(1, 8))
        yield n, (kept + 0.3) / n, value_bits, index_bits
    yield Edge((1001, 0.0, 32, 16))


_FORMS = ("dense", "bitmask", "indices")
# For each form: what to say, and (n, kept, value bits, index bits) -> its bytes.
_byte_slips: tuple[tuple[tuple[str, Any], ...], ...] = (
    (
        ("These are bits. A byte has 8 of them.", lambda n, kept, v, i: n * v),
        (
            "Dense means that all n values are sent, zeros too.",
            lambda n, kept, v, i: kept * v / 8,
        ),
        (
            "A value has value_bits bits, not always 32.",
            lambda n, kept, v, i: 4 * n,
        ),
        ("This counts values, not bytes.", lambda n, kept, v, i: n),
    ),
    (
        ("These are bits. A byte has 8 of them.", lambda n, kept, v, i: kept * v + n),
        (
            "The bitmask is missing: without it nobody knows where the values belong.",
            lambda n, kept, v, i: kept * v / 8,
        ),
        (
            "The bitmask is counted for the kept weights only. It has a bit for each "
            "of the n places: a place that is pruned must say so.",
            lambda n, kept, v, i: kept * (v + 1) / 8,
        ),
        (
            "The bitmask is counted as a byte for each place. NumPy stores booleans "
            "so; a message needs one bit.",
            lambda n, kept, v, i: kept * v / 8 + n,
        ),
        (
            "All values are sent here. Only the kept ones are.",
            lambda n, kept, v, i: (n * v + n) / 8,
        ),
        (
            "keep is taken for the fraction that is pruned. It is the fraction that "
            "stays.",
            lambda n, kept, v, i: ((n - kept) * v + n) / 8,
        ),
        (
            "The bits of the values are brought to bytes, those of the bitmask not.",
            lambda n, kept, v, i: kept * v / 8 + n,
        ),
    ),
    (
        (
            "These are bits. A byte has 8 of them.",
            lambda n, kept, v, i: kept * (v + i),
        ),
        (
            "The index bits are forgotten: each value comes with an index.",
            lambda n, kept, v, i: kept * v / 8,
        ),
        (
            "An index is counted for each of the n places. Only values that are kept "
            "come with one.",
            lambda n, kept, v, i: (kept * v + n * i) / 8,
        ),
        (
            "The index is counted once. Each value comes with one.",
            lambda n, kept, v, i: (kept * v + i) / 8,
        ),
        (
            "There is no bitmask in this form: the indices say where values belong.",
            lambda n, kept, v, i: (kept * (v + i) + n) / 8,
        ),
        (
            "keep is taken for the fraction that is pruned. It is the fraction that "
            "stays.",
            lambda n, kept, v, i: (n - kept) * (v + i) / 8,
        ),
    ),
)


_byte_rules = (
    lambda n, kept, v, i: n * v / 8,
    lambda n, kept, v, i: (kept * v + n) / 8,
    lambda n, kept, v, i: kept * (v + i) / 8,
)


def _judge_message_bytes(args: tuple, output: Any, want: Any) -> Problem | None:
    n, keep, value_bits, index_bits = args
    counts = [np.floor(keep * n + 0.5), keep * n, np.ceil(keep * n), int(keep * n)]
    for form, got, right, slips, rule in zip(
        _FORMS, output, want, _byte_slips, _byte_rules, strict=True
    ):
        if abs(got - right) <= 1e-9 * right:
            continue
        uncounted = (
            "The count of kept weights is not floor(keep n + 1/2): there are no parts "
            "of weights.",
            rule,
        )
        cause = ""
        for count in reversed(counts):  # the right count speaks last
            for said, wrong in [*reversed(slips), uncounted]:
                value = wrong(n, count, value_bits, index_bits)
                if abs(got - value) <= 1e-9 * abs(value):
                    cause = said
        return Problem(
            f"the bytes of the form {form!r}", f"{got:.10g}", f"{right:.10g}", cause
        )
    return None


# ----------------------------------------------------------------------------
# pruning/signed_constant
# ----------------------------------------------------------------------------


def _signed_constant_cases(rng: Rng) -> Cases:
    yield (
        np.array([1.0, -1, 6, -2, 2]),
        np.array([True, True, True, False, True]),
        np.array([2, 3]),
    )
    for dtype in (np.float32, np.float64):
        sizes = rng.permutation(np.arange(6, 30))[:3]
        theta0 = np.concatenate(
            [
                normal(rng, n, dtype=dtype) * dtype(scale) + dtype(0.4 * scale)
                for n, scale in zip(sizes, rng.permutation([0.1, 0.5, 3]), strict=True)
            ]
        )
        mask = np.abs(theta0) > 0.3 * np.repeat(rng.permutation([1, 2, 3]), sizes) / 9
        yield theta0, mask, sizes
    # A weight that starts at exactly 0 and is kept.
    theta0 = np.array([0.5, 0.0, -1.5, 2.0, -4.0, 3.0], np.float32)
    yield theta0, np.array([False, True, True, True, True, False]), np.array([4, 2])


def _layerwise(size: Any, signs: Any = None) -> Any:
    """Make a slip: another size for the layer, or other signs."""

    def wrong(theta0: np.ndarray, mask: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        new, start = np.zeros_like(theta0), 0
        for n in sizes:
            layer, there = theta0[start : start + n], mask[start : start + n]
            sign = signs(layer) if signs else np.where(layer < 0, -1, 1)
            new[start : start + n] = sign * size(layer, there)
            start += n
        return np.where(mask, new, 0)

    return wrong


def _std(layer: np.ndarray, there: np.ndarray) -> float:
    return float(layer.std())


_judge_signed_constant = judge_by_value(
    "the start",
    (
        Slip(
            "One size for the whole network: this is the standard deviation of all "
            "layers together. Each layer has its own.",
            lambda theta0, mask, sizes: np.where(
                mask, np.where(theta0 < 0, -1, 1) * theta0.std(), 0
            ),
        ),
        Slip(
            "The standard deviation is taken of the survivors, which are the large "
            "ones. It is that of the layer's whole start.",
            _layerwise(lambda layer, there: layer[there].std() if there.any() else 0),
        ),
        Slip(
            "The standard deviation is taken with zeros where weights were pruned. "
            "It is that of the layer's whole start.",
            _layerwise(lambda layer, there: (layer * there).std()),
        ),
        Slip(
            "np.sign(0) is 0, so a weight that is kept and starts at exactly 0 gets "
            "no size. It counts as positive here.",
            _layerwise(_std, np.sign),
        ),
        Slip(
            "A weight that starts at exactly 0 counts as negative here; it is to "
            "count as positive: `layer < 0` asks for the negative ones.",
            _layerwise(_std, lambda layer: np.where(layer > 0, 1, -1)),
        ),
        Slip(
            "The signs are lost: all are positive.",
            _layerwise(_std, np.ones_like),
        ),
        Slip(
            "The pruned weights are still there: they should be 0.",
            lambda theta0, mask, sizes: signed_constant(
                theta0, np.ones_like(mask), sizes
            ),
        ),
        Slip(
            "The size is the mean of the absolute values, not the standard deviation.",
            _layerwise(lambda layer, there: np.abs(layer).mean()),
        ),
        Slip(
            "The size is the square root of the mean square. The standard deviation "
            "takes the mean off first.",
            _layerwise(lambda layer, there: np.sqrt((layer**2).mean())),
        ),
        Slip(
            "The size is the variance: its square root is missing.",
            _layerwise(lambda layer, there: layer.var()),
        ),
        Slip(
            "The standard deviation is divided by n - 1 (ddof=1). Here it is the "
            "plain one, np.std.",
            _layerwise(lambda layer, there: layer.std(ddof=1)),
        ),
    ),
)


# ----------------------------------------------------------------------------
# pruning/masked_step: three planted bugs
# ----------------------------------------------------------------------------

_MASKED_STEP = """
def masked_step(w, grad, velocity, mask, lr, momentum):
    there = w > 1e-9
    grad = np.where(there, grad, 0)
    velocity = momentum * velocity + grad
    return w - lr * velocity, velocity
"""


def _masked_step_cases(rng: Rng) -> Cases:
    # At rest, and right after the pruning: w still holds what the mask leaves out.
    yield (
        np.array([1.0, -2.0, 0.5, -0.25]),
        np.array([1.0, 1.0, 1.0, 1.0]),
        np.zeros(4),
        np.array([True, True, False, False]),
        0.5,
        0.0,
    )
    for dtype in (np.float32, np.float64):
        shape = _sizes(rng)
        w, grad, velocity = (normal(rng, *shape, dtype=dtype) for _ in range(3))
        mask = rng.permutation(np.arange(w.size) % 3 > 0).reshape(shape)
        # Two that are there and exactly 0, or so small that they look it.
        there = rng.permutation(np.flatnonzero(mask))
        w.flat[there[0]], w.flat[there[1]] = 0, -1e-12
        lr, momentum = rng.uniform(0.05, 0.3), rng.uniform(0.6, 0.95)
        yield w, grad, velocity, mask, float(lr), float(momentum)
        # Later on: what was pruned is 0, but its velocity is from before.
        yield w * mask, grad, velocity, mask, float(lr), float(momentum)


_step_slips = (
    Slip(
        "The step is uphill: the velocity is taken off w.",
        lambda w, g, v, mask, lr, m: (
            mask * (w + lr * (m * v + g)),
            mask * (m * v + g),
        ),
    ),
    Slip(
        "The gradient comes in with the factor 1 - momentum. Here the velocity is "
        "momentum * velocity + grad.",
        lambda w, g, v, mask, lr, m: (
            mask * (w - lr * (m * v + (1 - m) * g)),
            mask * (m * v + (1 - m) * g),
        ),
    ),
    Slip(
        "The velocity is thrown away at each step: that is no momentum. Only at the "
        "pruned places is it to be 0.",
        lambda w, g, v, mask, lr, m: (mask * (w - lr * g), mask * g),
    ),
    Slip(
        "The step is taken with the velocity from before this gradient.",
        lambda w, g, v, mask, lr, m: (mask * (w - lr * v), mask * (m * v + g)),
    ),
)


def _judge_masked_step(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    w, grad, velocity, mask, lr, momentum = args
    new, speed = output
    pruned = ~mask
    alive = int((new[pruned] != 0).sum())
    if alive:
        old, slope = velocity[pruned], grad[pruned]
        moved = [-lr * momentum * old, -lr * (momentum * old + slope)]
        cause = (
            "Momentum revives what was pruned: its velocity is from before the "
            "pruning, and goes on moving it. Apply the mask to the new w."
            if any(close(new[pruned], each) for each in moved)
            else "The mask is not enforced: weights that it leaves out are still "
            "there. Whoever counts what is not 0 sees it; the accuracy does not."
        )
        return Problem(
            f"how many of {int(pruned.sum())} pruned weights are not 0 after the step",
            str(alive),
            "none",
            cause,
        )
    moving = int((speed[pruned] != 0).sum())
    if moving:
        return Problem(
            f"how many of {int(pruned.sum())} pruned weights have a velocity",
            str(moving),
            "none",
            "The velocity from before the pruning is carried on. The weights are 0 "
            "now, but whoever takes the mask off, or looks at the size of the "
            "velocity, finds them moving: apply the mask to the velocity too.",
        )
    frozen_ones = mask & ~np.isclose(new, want[0], rtol=1e-4, atol=1e-7)
    held = {
        "negative": frozen_ones & (w < -1e-9),
        "positive": frozen_ones & (w > 1e-9),
        "zero or nearly": frozen_ones & (np.abs(w) <= 1e-9),
    }
    counts = {name: int(where.sum()) for name, where in held.items()}
    cause = same_slip(args, output, _step_slips)
    if not cause and counts["negative"] and not counts["positive"]:
        cause = (
            "The gradient of negative weights is thrown away: half of the weights are "
            "frozen. The absolute value is missing where weights are compared with 0; "
            "better still, ask the mask which weights are there."
        )
    if not cause and counts["zero or nearly"] and not counts["positive"]:
        cause = (
            "A weight that is there and exactly 0, or nearly, is frozen: it was taken "
            "for a pruned one. Which weights are there is what the mask says, not "
            "their values."
        )
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if not told:
        return Problem(
            "the new velocity, momentum * velocity + grad where the mask is True",
            show(speed),
            show(want[1]),
            cause,
        )
    return Problem(
        "which of the weights that are kept moved as they should",
        f"wrong: {told}",
        "all of them, by -lr * (momentum * velocity + grad)",
        cause,
    )


# ----------------------------------------------------------------------------
# pruning/own_bits: a value, from the student's own mask and codes
# ----------------------------------------------------------------------------


def _own_bits_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    apart = False
    while not apart:
        # Steps from the start, each so often: not to have moved is the most common.
        counts = np.array([2, 4, 6, 3, 1]) + draw.randint(0, 3, 5)
        codes = draw.permutation(np.repeat([-2, -1, 0, 1, 3], counts))
        mask = draw.permutation(64) < codes.size
        # No two ways to count, right or wrong, come out nearly equal.
        wrong = [slip.wrong(mask, codes) for slip in _own_bits_slips]
        found = np.sort([own_bits(mask, codes), *wrong])
        apart = bool((found[1:] / found[:-1] > 1.011).all())
    yield mask, codes


def _total(symbols: np.ndarray, base: float = 2.0) -> float:
    """n H of some symbols, in bits, or in units of another base."""
    counts = np.unique(symbols, return_counts=True)[1]
    return float((counts * np.log(counts.sum() / counts)).sum() / np.log(base))


def _spread_out(mask: np.ndarray, codes: np.ndarray) -> np.ndarray:
    every = np.zeros(mask.size, np.int64)
    every[mask] = codes
    return every


_own_bits_slips = (
    Slip(
        "These are nats: the natural logarithm was taken. Bits need log2.",
        lambda mask, codes: _total(mask, np.e) + _total(codes, np.e),
    ),
    Slip(
        "The mask is counted with a bit for each place. It is mostly False, so it "
        "can be said in fewer: n H bits.",
        lambda mask, codes: mask.size + _total(codes),
    ),
    Slip(
        "This is the mask alone: the codes are missing.",
        lambda mask, codes: _total(mask),
    ),
    Slip(
        "This is the codes alone: the mask is missing.",
        lambda mask, codes: _total(codes),
    ),
    Slip(
        "These are the bits for one place and for one code. Times how many there "
        "are: n H of the mask, k H of the codes.",
        lambda mask, codes: _total(mask) / mask.size + _total(codes) / codes.size,
    ),
    Slip(
        "The codes are counted for all n places. Only the k weights that are there "
        "have one.",
        lambda mask, codes: _total(mask) + _total(codes) / codes.size * mask.size,
    ),
    Slip(
        "The mask's entropy is counted for the k weights that are there. Each of "
        "the n places has to be told, kept or not.",
        lambda mask, codes: _total(mask) / mask.size * codes.size + _total(codes),
    ),
    Slip(
        "The pruned weights were put down as code 0. A weight that is there and "
        "did not move has the code 0 too: the receiver could not tell them apart.",
        lambda mask, codes: _total(_spread_out(mask, codes)),
    ),
    Slip(
        "All codes are given the same number of bits. Common ones need fewer: "
        "that is what the entropy counts.",
        lambda mask, codes: _total(mask) + codes.size * np.log2(len(np.unique(codes))),
    ),
    Slip(
        "All codes are given the same number of bits. Common ones need fewer: "
        "that is what the entropy counts.",
        lambda mask, codes: (
            _total(mask) + codes.size * np.ceil(np.log2(len(np.unique(codes))))
        ),
    ),
    Slip(
        "Only the True of the mask are counted, p log2(1/p). The False need bits "
        "too: add (1 - p) log2(1 / (1 - p)).",
        lambda mask, codes: (
            mask.sum() * np.log2(mask.size / mask.sum()) + _total(codes)
        ),
    ),
)

_judge_own_bits = judge_by_digits(
    "the bits of your mask and of your codes",
    "the bits of both together, to three digits",
    _own_bits_slips,
)


EXERCISES = (
    prediction(
        "pruning/guesses",
        "Predict",
        4,
        {
            "0.8 % kept, ticket: accuracy": (0, 1),
            "0.8 % kept, fresh start: accuracy": (0, 1),
            "0.8 % kept, shuffled mask: accuracy": (0, 1),
            "12 times fewer weights: fewer bytes, times": (0.1, 100),
            "half of the weights frozen: points lost": (-100, 100),
        },
    ),
    Exercise(
        "pruning/magnitude_mask",
        "The largest weights",
        1,
        5,
        magnitude_mask,
        _magnitude_mask_cases,
        _judge_mask(_magnitude_slips),
    ),
    Exercise(
        "pruning/prune_step",
        "Of the survivors",
        2,
        8,
        prune_step,
        _prune_step_cases,
        _judge_prune_step,
    ),
    Exercise(
        "pruning/shuffled_mask",
        "The control",
        2,
        8,
        shuffled_mask,
        _shuffled_mask_cases,
        _judge_shuffled_mask,
    ),
    Exercise(
        "pruning/message_bytes",
        "The accountant",
        1,
        8,
        message_bytes,
        _message_bytes_cases,
        _judge_message_bytes,
    ),
    Exercise(
        "pruning/signed_constant",
        "Only the signs",
        2,
        10,
        signed_constant,
        _signed_constant_cases,
        _judge_signed_constant,
    ),
    Exercise(
        "pruning/masked_step",
        "Three bugs that cost no accuracy",
        3,
        20,
        masked_step,
        _masked_step_cases,
        _judge_masked_step,
        planted=_MASKED_STEP,
    ),
    Exercise(
        "pruning/pixel_counts",
        "What the first layer still reads",
        1,
        5,
        pixel_counts,
        _pixel_counts_cases,
        _judge_pixel_counts,
    ),
    Exercise(
        "pruning/own_bits",
        "What your own layer costs",
        2,
        10,
        own_bits,
        _own_bits_cases,
        _judge_own_bits,
        kind="value",
        personal=True,
    ),
    open_question(
        "pruning/another_score",
        "A score of your own",
        3,
        60,
        "Says which weights another score keeps and why it should be better or worse, "
        "with a prediction made before the run.\n"
        "Reports its accuracy at two or more fractions kept, three seeds each with "
        "their spread, beside magnitude and the shuffled mask, all at equal steps.\n"
        "Checks by invariants that the mask holds (counts, which weights moved), and "
        "says plainly what was found.",
    ),
)
