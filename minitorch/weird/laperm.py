"""LaPerm: train a network by changing only where its weights stand.

Each neuron keeps the values that it was drawn with, for ever. An ordinary optimiser
moves a free copy of the weights; every k steps each neuron's own values are put in the
order in which the copy's rank. So what is learned is an arrangement: which value
stands at which connection.

Why by rank: of all arrangements of some values this one is nearest to the copy. If
a < b stand where the copy says c > d, then changing their places brings them nearer,
for (a - c)^2 + (b - d)^2 - (b - c)^2 - (a - d)^2 = 2 (b - a) (c - d) > 0. When no such
pair is left, the values are in the copy's order.

Source: Qiu and Suda (2020), Train by reconnect: decoupling locations of weights from
their values; Cai, Chen, Qiao (2025), Neural networks trained by weight permutation are
universal approximators (curves).
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minitorch.backends import backend
from minitorch.functional import linear
from minitorch.init import fans, fill, he_normal, he_uniform
from minitorch.nn import Layout, Mode, Network
from minitorch.ops import concat, custom, relu, tensor
from minitorch.optim import Adam, Optimiser
from minitorch.random import stream
from minitorch.schedules import cosine
from minitorch.tensor import Array, Tensor, no_grad
from minitorch.weird.coding import decode_numbers, encode_numbers, read_whole, whole
from minitorch.weird.parametrization import Parametrization, Rng, Target, through
from minitorch.weird.pruning import Pieces, kept_count, layout_of, prunable

# ----------------------------------------------------------------------------
# Arrangements
# ----------------------------------------------------------------------------


def rank_match(values: Array, copy: Array) -> Array:
    """Put each row's values in the order of the copy's: the nearest arrangement.

    The smallest value goes where the copy is smallest, and so on. Of equal numbers in
    the copy the first gets the smallest value.

    Args:
        values: (..., n) what is arranged, arrays of the back-end in use.
        copy: (..., n) whose ranks say where.

    Returns:
        (..., n), each row's values in another order.

    Raises:
        ValueError: when the shapes differ, or are of no row.

    Source: Qiu and Suda (2020), section 3.

    >>> rank_match(np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, -9.0, 0.4]]))
    array([[3., 1., 2.]])
    """
    if values.shape != copy.shape or not len(copy.shape):
        raise ValueError(
            "rank_match() takes values and a copy of one shape, (..., n); got "
            f"{tuple(values.shape)} and {tuple(copy.shape)}"
        )
    kernels = backend()
    ordered = kernels.take_along(values, kernels.argsort(values))
    return kernels.put_along(ordered, kernels.argsort(copy))


def log2_arrangements(values: np.ndarray) -> float:
    """Count the different arrangements of each row's values, in bits.

    log2(n! / (m1! m2! ...)) for a row of n values in which one occurs m1 times, another
    m2 times, and so on; the sum over rows. Changing equal values for each other gives
    nothing new.

    Args:
        values: (..., n).

    Source: the multinomial coefficient; Shannon (1948) for bits.

    >>> round(log2_arrangements(np.arange(784)))
    6413
    >>> ten = np.tile(np.arange(784) < 448, (10, 1))  # ten neurons, two values
    >>> round(log2_arrangements(ten))
    7673
    """
    values = np.asarray(values)
    n = values.shape[-1]
    factorial = np.append(0, np.cumsum(np.log2(np.arange(1, n + 1))))  # log2 of it
    total = 0.0
    for row in values.reshape(-1, n):
        total += factorial[n] - factorial[np.unique(row, return_counts=True)[1]].sum()
    return float(total)


LONGEST = 2**20  # values in a row that can be sent


def encode_arrangement(rows: np.ndarray) -> bytes:
    """Encode in which order each row's values stand, for one who knows the values.

    A row is sent from left to right. A value that m of the n left are equal to has a
    share m / n of what may come, so it costs log2(n / m) bits; all together cost
    `log2_arrangements(rows)` and are filled up to bytes. The coder is that of
    `minitorch.weird.coding`, with counts that go down as values are used up. Where all
    values differ, what is sent is the Lehmer code: how many of the values left are
    smaller.

    Args:
        rows: (..., n) numbers.

    Returns:
        The message, without the values and without its own length.

    Raises:
        ValueError: when a row is longer than 2**20, or holds what is not a number.

    Source: Laisant (1888), on Lehmer's code; Duda (2013), Asymmetric numeral systems.

    >>> encode_arrangement(np.array([[3, 1, 2, 2], [7, 8, 9, 9]])).hex()
    '03'
    """
    rows = np.asarray(rows)
    _check_rows(rows)
    chances: list[tuple[int, int, int]] = []  # values that come before, equal, left
    for row in rows.reshape(-1, rows.shape[-1]).tolist():
        left = sorted(row)
        for value in row:
            start = bisect_left(left, value)
            chances.append((start, bisect_right(left, value, start) - start, len(left)))
            left.pop(start)
    x, out = 0, bytearray()
    for start, equal, total in reversed(chances):  # so that the first comes off first
        if equal == total:
            continue  # only one value is left: nothing to say
        full = (2**40 // total) * 256 * equal
        while x >= full:
            out.append(x & 255)
            x >>= 8
        x = (x // equal) * total + start + x % equal
    while x:
        out.append(x & 255)
        x >>= 8
    return bytes(reversed(out))


def decode_arrangement(data: bytes, values: np.ndarray) -> np.ndarray:
    """Decode what `encode_arrangement` made of an arrangement of these values.

    Args:
        data: the message, all of it and nothing else.
        values: (..., n) each row's values, in any order.

    Returns:
        (..., n) as they were sent.

    Raises:
        ValueError: when these bytes are no arrangement of such rows, as when there
            are too many. Bytes that were changed are mostly another arrangement:
            whoever sends adds a check, as `Parametrization.message` does.

    >>> values = np.array([[1, 2, 2, 3], [9, 9, 8, 7]])
    >>> decode_arrangement(bytes.fromhex("03"), values).tolist()
    [[3, 1, 2, 2], [7, 8, 9, 9]]
    """
    values = np.asarray(values)
    _check_rows(values)
    x, place, out = 0, 0, []
    for row in values.reshape(-1, values.shape[-1]):
        left = np.sort(row).tolist()
        for total in range(len(left), 0, -1):
            if left[0] == left[-1]:
                out.extend(left)
                break
            low = (2**40 // total) * total
            while x < low and place < len(data):
                x = x * 256 + data[place]
                place += 1
            slot = x % total
            value = left.pop(slot)
            start = bisect_left(left, value)
            equal = bisect_right(left, value, start) - start + 1
            x = (x // total) * equal + slot - start
            out.append(value)
    if x or place != len(data):
        raise ValueError(
            f"these {len(data)} bytes are no arrangement of rows {values.shape}: cut "
            "off, changed on the way, or of other values"
        )
    return np.array(out, values.dtype).reshape(values.shape)


def _check_rows(rows: np.ndarray) -> None:
    if not rows.ndim or rows.shape[-1] > LONGEST or (rows != rows).any():
        raise ValueError(
            f"rows of numbers, (..., n) with n up to {LONGEST:,}, are sent; got "
            f"{rows.shape}"
            + (" with some that are none" if (rows != rows).any() else "")
        )


# ----------------------------------------------------------------------------
# What the weights are drawn with
# ----------------------------------------------------------------------------

VALUES = ("uniform", "normal", "even", "signed", "single", "own")


def draw_values(
    net: Target,
    values: str = "uniform",
    *,
    keep: float | Sequence[float] = 1.0,
    v: float | None = None,
    levels: int | None = None,
    gain: float | Sequence[float] = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Draw the values that each neuron keeps for ever, in a random arrangement.

    - "uniform": between -b and b, b = sqrt(6 / fan_in), the paper's.
    - "normal": of variance 2 / fan_in, like all of these but the last two.
    - "even": `levels` numbers at equal distances, all as often as each other.
    - "signed": two of them, one number with both signs, half of each.
    - "single": one number and, with `keep` below 1, zeros.
    - "own": what the target itself draws.

    Args:
        net: the network, or the map whose phi is arranged.
        values: of the above.
        keep: the fraction of each neuron's values that is not put at 0, an exact
            number of them; one for all layers, or one for each.
        v: what "single" is; left out, sqrt(2 / (keep fan_in)).
        levels: of "even"; left out, as many as the neuron has values.
        gain: what all of them are multiplied by, one for all layers, or one for each.
        seed: of the draw.

    Returns:
        (D,) float32; vectors are as any start has them: gamma 1, the others 0.

    Raises:
        ValueError: when there are no such values, a fraction is not 0 to 1 or there
            is one too few or too many, or v or levels does not go with the values.

    Source: Qiu and Suda (2020), sections 4 and 5, who draw each zero by itself.

    >>> from minitorch.models import mlp
    >>> net = mlp(784, 10, bias=False)
    >>> theta0 = draw_values(net, "single", keep=4 / 7, v=0.08)
    >>> [round(float(w), 2) for w in np.unique(theta0)], int((theta0 > 0).sum())
    ([0.0, 0.08], 4480)
    """
    names, layout = prunable(net), net.layout
    keeps = _keeps(keep, len(names))
    if values not in VALUES:
        raise ValueError(f"no values {values!r}; there are {', '.join(VALUES)}")
    if v is not None and (values != "single" or not math.isfinite(v) or v == 0):
        raise ValueError(f"v is a number but 0, for 'single'; got {v} for {values!r}")
    if levels is not None and (values != "even" or levels < 2):
        raise ValueError(f"2 or more levels, for 'even'; got {levels} for {values!r}")
    gains = _gains(gain, len(names))

    def even(random: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
        n = math.prod(shape[1:])
        count = min(2 if values == "signed" else levels or n, n)
        ladder = np.linspace(-1, 1, count) if count > 1 else np.ones(1)
        ladder *= math.sqrt(2 / n) / math.sqrt((ladder**2).mean())
        chosen = ladder[np.arange(n) * count // n]
        return chosen[_shuffles(random, shape[0], n)].reshape(shape)

    theta0 = {
        "uniform": lambda: he_uniform(layout, seed),
        "normal": lambda: he_normal(layout, seed),
        "single": lambda: fill(layout, seed, lambda random, shape: np.ones(shape)),
        "own": lambda: np.array(net.init(seed), np.float32),
    }.get(values, lambda: fill(layout, seed, even))()
    pieces = layout.views(theta0)
    for name, share, grow in zip(names, keeps, gains, strict=True):
        w = _rows(pieces[name])
        if values == "single":
            w *= v or math.sqrt(2 / (fans(layout.shapes[name])[0] * (share or 1)))
        if share < 1:
            order = _shuffles(stream(seed, f"keep/{name}"), *w.shape)
            w[order >= kept_count(w.shape[1], share)] = 0
        w *= np.float32(grow)
    return theta0 + np.float32(0)  # one zero, not two


def _keeps(keep: float | Sequence[float], layers: int) -> list[float]:
    """One fraction for each layer, checked."""
    keeps = [keep] * layers if isinstance(keep, int | float) else list(keep)
    if len(keeps) != layers:
        raise ValueError(
            f"one keep for all layers, or for each of {layers}; got {keep}"
        )
    for share in keeps:
        kept_count(1, share)  # checks the range
    return [float(share) for share in keeps]


def _gains(gain: float | Sequence[float], layers: int) -> list[float]:
    """One factor for each layer, checked."""
    gains = [gain] * layers if isinstance(gain, int | float) else list(gain)
    if len(gains) != layers:
        raise ValueError(
            f"one gain for all layers, or for each of {layers}; got {gain}"
        )
    if not all(0 < each < math.inf for each in gains):
        raise ValueError(f"gain is a number above 0, got {gain}")
    return [float(np.float32(each)) for each in gains]


def _shuffles(random: np.random.RandomState, rows: int, n: int) -> np.ndarray:
    """A random order for each row, (rows, n)."""
    return np.argsort(random.random_sample((rows, n)), axis=1, kind="stable")


def _rows(piece: np.ndarray) -> np.ndarray:
    """The weights of each neuron, or filter, in a row: (neurons, n)."""
    return piece.reshape(piece.shape[0], -1)


# ----------------------------------------------------------------------------
# Location and value
# ----------------------------------------------------------------------------


def arranged(net: Pieces, values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Give each neuron some values, in the order in which the trained weights rank.

    With values of another draw: the trained locations, and none of the trained values.

    Args:
        net: the network, a map, or a layout.
        values: (D,) each neuron's values, in any order.
        trained: (D,) whose order is taken.

    Returns:
        (D,); vectors are those of `trained`.

    Raises:
        ValueError: when a size does not fit.

    >>> layout = Layout({"w": (1, 3)})
    >>> arranged(layout, np.array([1.0, 2.0, 3.0]), np.array([0.3, -5.0, 0.2]))
    array([3., 1., 2.])
    """
    layout, new = layout_of(net), np.array(trained)
    given, pieces = layout.views(np.asarray(values, new.dtype)), layout.views(new)
    for name in prunable(layout):
        w = _rows(pieces[name])
        order = np.argsort(w, axis=1, kind="stable")
        np.put_along_axis(w, order, np.sort(_rows(given[name]), axis=1), 1)
    return new


def shuffled_rows(net: Pieces, theta: np.ndarray, seed: int) -> np.ndarray:
    """Keep every neuron's values, and none of their locations.

    Args:
        net: the network, a map, or a layout.
        theta: (D,).
        seed: of the shuffles, one for each neuron.

    Raises:
        ValueError: when theta does not fit.

    >>> layout, theta = Layout({"w": (2, 3)}), np.arange(6.0)
    >>> np.sort(shuffled_rows(layout, theta, seed=1).reshape(2, 3)).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    layout, new = layout_of(net), np.array(theta)
    pieces = layout.views(new)
    for name in prunable(layout):
        w = _rows(pieces[name])
        order = _shuffles(stream(seed, f"rows/{name}"), *w.shape)
        w[...] = np.take_along_axis(w, order, 1)
    return new


def profiles(net: Pieces, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Sort the weights of each neuron: its weight profile.

    Args:
        net: the network, a map, or a layout.
        theta: (D,).

    Returns:
        for each matrix or kernel (neurons, n), each row from small to large.

    Raises:
        ValueError: when theta does not fit.

    Source: Qiu and Suda (2020), section 2.

    >>> profiles(Layout({"w": (1, 3)}), np.array([3.0, 1.0, 2.0]))
    {'w': array([[1., 2., 3.]])}
    """
    layout = layout_of(net)
    pieces = layout.views(np.asarray(theta))
    return {name: np.sort(_rows(pieces[name]), axis=1) for name in prunable(layout)}


def apart(profile: np.ndarray) -> float:
    """Say how far the neurons' profiles lie from their mean, in shares of its spread.

    The root of the mean squared distance, over the mean profile's standard deviation.
    Rows that were drawn alike are never 0 apart, and their profiles always look alike:
    what to compare with is the same weights, dealt out to the neurons anew.

    Args:
        profile: (neurons, n), sorted rows.

    >>> apart(np.array([[-1.0, 1.0], [-3.0, 3.0]]))
    0.5
    """
    middle = profile.mean(0)
    return float(np.sqrt(((profile - middle) ** 2).mean()) / (middle.std() or 1))


# ----------------------------------------------------------------------------
# What can trade places between two synchronisations
# ----------------------------------------------------------------------------


def adam_reach(k: int, lr: float, *, betas: tuple[float, float] | None = None) -> float:
    """Say how far Adam takes a weight in k steps: about k lr, never above a bound.

    A step of Adam is lr m / sqrt(v), and m / sqrt(v) is about 1 while gradients of one
    weight stay alike. It is more just after a weight's gradients have grown: by the
    inequality of Cauchy and Schwarz it is at most
    (1 - beta1) / sqrt((1 - beta2) (1 - beta1^2 / beta2)), which is 7.3 for Adam's
    usual betas. The bias correction multiplies it by
    sqrt(1 - beta2^t) / (1 - beta1^t), which is never above 1 for these betas, and
    epsilon makes a step smaller still. A synchronisation does not touch the moments:
    gradients from before it count too.

    Args:
        k: steps.
        lr: the learning rate.
        betas: give the bound for these; left out, k lr.

    Source: own derivation; Kingma and Ba (2015), section 2.1, for one large gradient.

    >>> adam_reach(20, 1e-3)
    0.02
    >>> round(adam_reach(20, 1e-3, betas=(0.9, 0.999)), 3)
    0.145
    """
    most = 1.0
    if betas is not None:
        beta1, beta2 = betas
        most = (1 - beta1) / math.sqrt((1 - beta2) * (1 - beta1**2 / beta2))
    return k * lr * max(most, 1.0)


def pinned(values: np.ndarray, reach: float) -> np.ndarray:
    """Say which pairs cannot trade places, if no weight moves further than `reach`.

    The larger value can come down by the reach and the smaller come up by as much:
    further apart than 2 reach, they keep their order. More than that, what stands at
    one place is never replaced by a value further off than 2 reach.

    Args:
        values: (n,) of one neuron.
        reach: how far a weight can move between two synchronisations.

    Returns:
        (n, n) booleans. Equal values trade freely, and nothing changes.

    Source: own derivation.

    >>> pinned(np.array([0.0, 0.1, 0.3]), reach=0.1).tolist()
    [[False, False, True], [False, False, False], [True, False, False]]
    """
    values = np.asarray(values)
    return np.abs(values[:, None] - values[None, :]) > 2 * reach


def pinned_fraction(values: np.ndarray, reach: float) -> float:
    """Give the fraction of pairs of different places that are pinned, over all rows.

    Args:
        values: (..., n).
        reach: as for `pinned`.

    >>> pinned_fraction(np.array([[0.0, 0.1, 0.3], [0.0, 0.0, 0.0]]), reach=0.1)
    0.16666666666666666
    """
    rows = np.sort(np.asarray(values), axis=-1)
    rows = rows.reshape(-1, rows.shape[-1])
    n, count = rows.shape[1], 0
    for row in rows:
        count += int((n - np.searchsorted(row, row + 2 * reach, side="right")).sum())
    return count / max(len(rows) * n * (n - 1) / 2, 1)


def traded(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Say which pairs of places have changed their order.

    Args:
        before: (n,) one neuron's weights.
        after: (n,) the same later.

    Returns:
        (n, n) booleans: where one was the smaller and is now the larger.

    >>> traded(np.array([1, 2, 3]), np.array([2, 1, 3])).tolist()
    [[False, True, False], [True, False, False], [False, False, False]]
    """
    first, second = (np.sign(w[:, None] - w[None, :]) for w in (before, after))
    return first * second < 0


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------

SCOPES = ("row", "layer")
PACES = ("steps", "rate")
VECTORS = ("fixed", "trained")


class LaPerm(Parametrization):
    """theta = theta0 with each neuron's values in another order, which is trained.

    phi is the free copy that the optimiser moves. In training the network computes
    with it; every k steps it is synchronised: each row gets its values of theta0 back,
    in the order of the copy's ranks. What the optimiser remembers (momentum, Adam's
    moments) stays. Outside training theta is always an arrangement of theta0: that of
    phi's ranks, which is phi itself just after a synchronisation. So no accuracy is
    that of the free copy.

    A row is the weights of one neuron, or of one filter.

    The message holds the seed, how the values were drawn and the arrangement of each
    row, `log2_arrangements` bits of them. There is nothing to round, but for vectors
    that are trained.

    Args:
        target: the network, or the map whose phi is arranged.
        k: steps from one synchronisation to the next. None: there are none, and the
            copy is never brought back; the network computes with the arrangement in
            every step, and the gradient passes straight through to the copy.
        pace: "steps" counts steps. "rate" synchronises whenever the rates of the steps
            since the last time add up to k first rates. Where the rate falls, periods
            then grow longer, and as many pairs can trade places in each.
        values: see `draw_values`, also for keep, v, levels and gain.
        keep: fraction of values not at 0, one for all layers or one for each.
        v: the value of "single".
        levels: how many numbers "even" has.
        gain: a factor on all values, one for all layers, or one for each.
        scope: "row" arranges each neuron's values among its own connections. "layer"
            arranges a whole layer's values: a control, in which a neuron's values
            change.
        vectors: biases, and a norm's gamma and beta: "fixed" at theta0, or "trained"
            as ordinary numbers, which the authors' default does.
        seed: of theta0.

    Raises:
        ValueError: when k is below 1, there is no such pace, scope or vectors, or as
            `draw_values` does.

    Source: Qiu and Suda (2020), algorithm 1.

    >>> from minitorch.models import mlp
    >>> LaPerm(mlp(784, 128, 64, 10, bias=False), k=250, values="single", keep=0.1)
    LaPerm of mlp-784-128-64-10-nobias: single values, keep 0.1, each row arranged
    every 250 steps, seed 0
    """

    code = 8

    def __init__(
        self,
        target: Target,
        *,
        k: int | None = 20,
        pace: str = "steps",
        values: str = "uniform",
        keep: float | Sequence[float] = 1.0,
        v: float | None = None,
        levels: int | None = None,
        gain: float | Sequence[float] = 1.0,
        scope: str = "row",
        vectors: str = "fixed",
        seed: int = 0,
    ):
        if k is not None and k < 1:
            raise ValueError(
                f"a synchronisation every 1 step or more, or None; got {k}"
            )
        for word, value, known in (
            ("pace", pace, PACES),
            ("scope", scope, SCOPES),
            ("vectors", vectors, VECTORS),
        ):
            if value not in known:
                raise ValueError(f"no {word} {value!r}; there are {', '.join(known)}")
        self.target, self.seed, self.layout = target, seed, target.layout
        self.k, self.pace, self.scope, self.vectors = k, pace, scope, vectors
        self.values, self.levels = values, levels
        self.v = None if v is None else float(np.float32(v))
        names = prunable(target)
        self.gain = _gains(gain, len(names))
        self.keep = _keeps(keep, len(names))
        self.theta0 = draw_values(
            target,
            values,
            keep=self.keep,
            v=self.v,
            levels=levels,
            gain=self.gain,
            seed=seed,
        )
        self._pieces = [self.layout.slices[name] for name in names]
        self._ordered = []
        free = np.zeros(self.layout.size, np.float32)
        for name, piece in zip(names, self._pieces, strict=True):
            rows = self.layout.shapes[name][0] if scope == "row" else 1
            values_of = self.theta0[piece].reshape(rows, -1)
            self._ordered.append(np.sort(values_of, axis=1))
            free[piece] = 1
        if vectors == "trained":
            free[:] = 1
        self._free, self._stay = free, np.where(free == 1, np.float32(0), self.theta0)
        self.count = 0  # synchronisations since init
        self._since, self._first = 0.0, 0.0

        def slope(grad: Array) -> Array:
            return grad * backend().constant(free)

        self._copy = custom("laperm", self._held, slope)
        self._match = custom("laperm", self._arranged, slope)

    def init(self, seed: int) -> np.ndarray:
        """Start at theta0, (D,), with no synchronisation done."""
        self.count, self._since = 0, 0.0
        return self.theta0.copy()

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        phi = tensor(phi)
        self.layout.views(phi.data)  # checks the size
        if not train or self.k is None:
            phi = self._match(phi)
        elif not self._free.all():
            phi = self._copy(phi)
        return through(self.target, phi, train, rng)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Synchronise where it is time."""
        if self.k is None:
            return
        if self.pace == "rate":
            self._first = self._first if self._since or self.count else optimiser.lr
            self._since += optimiser.lr / self._first
        else:
            self._since += 1
        if self._since >= self.k - 1e-6:
            self.synchronise(phi)

    def synchronise(self, phi: Tensor) -> None:
        """Put each row's values of theta0 into phi, in the order of its ranks.

        >>> from minitorch.models import mlp
        >>> g = LaPerm(mlp(3, 1, bias=False), values="even")
        >>> phi = Tensor(np.array([5, -5, 0], np.float32))
        >>> g.synchronise(phi)
        >>> phi
        Tensor([ 1. -1.  0.])
        """
        phi.data[...] = self._arranged(phi.data)
        phi.touch()
        self._since, self.count = 0.0, self.count + 1

    def arrangement(self, phi: Tensor | np.ndarray) -> np.ndarray:
        """Give phi as the network uses it once training is over, (D,).

        Raises:
            ValueError: when phi has another size, or is not a number somewhere.

        >>> from minitorch.models import mlp
        >>> g = LaPerm(mlp(3, 1, bias=False), values="even")
        >>> g.arrangement(np.array([5.0, -5.0, 0.0]))
        array([ 1., -1.,  0.], dtype=float32)
        """
        if not isinstance(phi, Tensor):
            phi = Tensor(np.asarray(phi, np.float32))  # as `apply` does
        self.layout.views(phi.data)  # checks the size
        return backend().to_numpy(self._arranged(tensor(phi).data))

    def bits(self) -> float:
        """Give log2 of how many arrangements of theta0 there are.

        >>> from minitorch.models import mlp
        >>> g = LaPerm(mlp(784, 10, bias=False), values="single", keep=4 / 7)
        >>> round(g.bits())
        7673
        """
        return sum(log2_arrangements(rows) for rows in self._ordered)

    def _held(self, phi: Array) -> Array:
        """The copy, with vectors that are fixed as they are."""
        kernels = backend()
        fixed = kernels.astype(kernels.constant(self._stay), phi)
        return phi * kernels.constant(self._free) + fixed

    def _arranged(self, phi: Array) -> Array:
        kernels = backend()
        if kernels.looks and (phi != phi).any():
            raise ValueError("some of phi is not a number: it has no rank")
        theta = kernels.astype(self._held(phi), phi)
        for piece, ordered in zip(self._pieces, self._ordered, strict=True):
            values = kernels.astype(kernels.constant(ordered), phi)
            places = kernels.argsort(phi[piece].reshape(ordered.shape))
            theta[piece] = kernels.put_along(values, places).reshape(-1)
        return theta

    def spec(self) -> bytes:
        """The seed and how the values were drawn; k is not needed to read them."""
        keeps = [] if set(self.keep) <= {1.0} else self.keep
        keeps = keeps[:1] if len(set(keeps)) == 1 else keeps
        flags = SCOPES.index(self.scope) + 2 * VECTORS.index(self.vectors)
        flags += 4 * (self.v is not None) + 8 * (self.levels is not None)
        gains = [] if set(self.gain) <= {1.0} else self.gain
        gains = gains[:1] if len(set(gains)) == 1 else gains
        flags += 16 * (len(gains) == 1) + 32 * (len(gains) > 1)
        kind = VALUES.index(self.values)
        parts = [struct.pack("<IBBB", self.seed, kind, flags, len(keeps))]
        parts += [struct.pack("<d", share) for share in keeps]
        parts += [] if self.v is None else [struct.pack("<f", self.v)]
        parts += [] if self.levels is None else [whole(self.levels)]
        parts += [whole(len(gains))] if len(gains) > 1 else []
        parts += [struct.pack("<f", grow) for grow in gains]
        return b"".join(parts)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[LaPerm, bytes]:
        seed, kind, flags, count = struct.unpack_from("<IBBB", data)
        shares = struct.unpack_from(f"<{count}d", data, 7)
        data = data[7 + 8 * count :]
        v, levels = None, None
        gain: float | tuple[float, ...] = 1.0
        if flags & 4:
            (v,), data = struct.unpack_from("<f", data), data[4:]
        if flags & 8:
            levels, data = read_whole(data)
        if flags & 16:
            (gain,), data = struct.unpack_from("<f", data), data[4:]
        if flags & 32:
            many, data = read_whole(data)
            gain, data = struct.unpack_from(f"<{many}f", data), data[4 * many :]
        keep = shares if count > 1 else shares[0] if count else 1.0
        g = cls(
            target,
            values=VALUES[kind],
            keep=keep,
            v=v,
            levels=levels,
            gain=gain,
            scope=SCOPES[flags & 1],
            vectors=VECTORS[flags >> 1 & 1],
            seed=seed,
        )
        return g, data

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The arrangement of every row, then vectors that are trained, rounded."""
        theta, parts = self.arrangement(phi), []
        for piece, ordered in zip(self._pieces, self._ordered, strict=True):
            coded = encode_arrangement(theta[piece].reshape(ordered.shape))
            parts += [whole(len(coded)), coded]
        if self.vectors == "trained":
            change = (theta - self.theta0)[self._others()]
            step = np.float32(2 * np.abs(change).max(initial=0) / 2**bits)
            step = step or np.float32(1)
            codes = np.rint(change / step).astype(np.int64)
            parts += [struct.pack("<f", step), encode_numbers(codes)]
        return b"".join(parts)

    def from_payload(self, data: bytes) -> np.ndarray:
        phi = self.theta0.copy()
        for piece, ordered in zip(self._pieces, self._ordered, strict=True):
            size, data = read_whole(data)
            phi[piece] = decode_arrangement(data[:size], ordered).reshape(-1)
            data = data[size:]
        if self.vectors == "trained":
            (step,), others = struct.unpack_from("<f", data), self._others()
            codes = decode_numbers(data[4:], int(others.sum()))
            phi[others] += (codes * np.float32(step)).astype(np.float32)
        return phi

    def _others(self) -> np.ndarray:
        """Where there are vectors, (D,) booleans."""
        others = np.ones(self.layout.size, bool)
        for piece in self._pieces:
            others[piece] = False
        return others

    def __repr__(self) -> str:
        shares = sorted(set(self.keep))
        kept = "" if shares in ([], [1.0]) else f", keep {shares[0]:g}"
        kept += f" to {shares[-1]:g}" if len(shares) > 1 else ""
        when = "in every step" if self.k is None else f"every {self.k} steps"
        if self.pace == "rate":
            when = f"every {self.k} first rates"
        which = "row" if self.scope == "row" else "whole layer"
        trained = ", vectors trained" if self.vectors == "trained" else ""
        return (
            f"LaPerm of {self.net.name}: {self.values} values{kept}, each {which} "
            f"arranged {when}{trained}, seed {self.seed}"
        )


# ----------------------------------------------------------------------------
# A curve, by permutation alone
# ----------------------------------------------------------------------------


class Curve(NamedTuple):
    """A curve that was fitted: y (N,) at each x, its weights, and its errors.

    largest: the largest error; squared: the mean squared error after each step.
    """

    y: np.ndarray
    theta: np.ndarray
    largest: float
    squared: np.ndarray


def curve_net(n: int) -> Network:
    """A network of one input and one output: 2 n hinges at n fixed places from 0 to 1.

    f(x) = sum_i a_i relu(x - b_i) + c_i relu(b_i - x), b_i = (i + 1/2) / n. Only the
    2 n weights a and c of the output are there to be arranged.

    Args:
        n: places.

    Raises:
        ValueError: when n is below 1.

    Source: after Cai et al. (2025), section 2.

    >>> net = curve_net(2)  # hinges at 1/4 and 3/4
    >>> net(np.array([1, 0, 0, 2], np.float32), np.array([[0.5]], np.float32))
    Tensor([[0.75]])
    """
    if n < 1:
        raise ValueError(f"a curve has hinges at 1 place or more, got {n}")
    places = ((np.arange(n, dtype=np.float32) + 0.5) / n)[None]

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        right = x - places
        hinges = concat([relu(right), relu(-right)], axis=1)  # (N, 2 n)
        return linear(hinges, weights["out.weight"])

    return Network(f"curve-{n}", Layout({"out.weight": (1, 2 * n)}), forward)


def fit_curve(
    g: Parametrization, x: np.ndarray, y: np.ndarray, *, lr: float, steps: int
) -> Curve:
    """Fit a curve by the mean squared error, with Adam.

    Args:
        g: the map, whose target ends in a network of one input and one output.
        x: (N,) where the curve is known.
        y: (N,) what it is there.
        lr: the first learning rate; it falls to zero along half a cosine.
        steps: each sees all N points.

    Returns:
        The curve of the weights that are left once training is over.

    Raises:
        ValueError: when x and y are not two vectors of one length.

    Source: Cai et al. (2025), section 4.

    >>> x = np.linspace(0, 1, 50)
    >>> g = LaPerm(curve_net(80), k=5, values="even", gain=2)
    >>> done = fit_curve(g, x, np.sin(6 * x), lr=0.03, steps=800)
    >>> done.largest < 0.2
    True
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"a curve is x and y, two vectors of one length; got {x.shape}, {y.shape}"
        )
    net, squared = g.net, np.empty(steps)
    phi = Tensor(g.init(0), requires_grad=True)
    mover = Adam(phi, lr)
    for step in range(steps):
        mover.lr = lr * cosine(step, steps)
        off = net(g(phi, train=True), x[:, None]) - y[:, None]
        loss = (off * off).mean()
        squared[step] = loss.item()
        loss.backward()
        mover.step()
        g.after_step(phi, mover)
    with no_grad():
        theta = g(phi)
        fitted = net(theta, x[:, None]).numpy()[:, 0]
    return Curve(fitted, theta.numpy(), float(np.abs(fitted - y).max()), squared)
