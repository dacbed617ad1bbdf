"""Pruning is all you need: random numbers that add up to any weight.

Of n random numbers there are 2**n subsets, so many sums that one of them lies close
to any number one wishes: the error falls by a constant factor with every number more.
So a large random network holds any small one. Each weight of the small network is
written by some random weights, of which pruning keeps the right ones.

Source: Malach, Yehudai, Shalev-Shwartz, Shamir (2020), Proving the lottery ticket
hypothesis: pruning is all you need; Pensia, Rajput, Nagle, Vishwakarma,
Papailiopoulos (2020), Optimal lottery tickets via subset sum; Lueker (1998),
Exponentially small bounds on the expected optimum of the partition and subset sum
problems.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from minitorch.models import mlp
from minitorch.nn import Network
from minitorch.random import stream
from minitorch.weird.pruning import prunable

MOST = 44  # numbers: 2**22 sums of either half
Choice = Callable[[np.ndarray, float], tuple[np.ndarray, float]]

# ----------------------------------------------------------------------------
# One number out of many
# ----------------------------------------------------------------------------


def subset_sum(a: np.ndarray, target: float) -> tuple[np.ndarray, float]:
    """Find the subset whose sum is nearest to a target: the best of all 2**n.

    Meet in the middle: all sums of either half of the numbers, those of one half in
    order. Each sum of the other half then finds its best partner by bisection. So it
    takes some 2**(n / 2) steps and not 2**n.

    Args:
        a: (n,) numbers.
        target: what the sum should be.

    Returns:
        mask (n,) of booleans, which numbers are in, and the error |sum - target|. The
        empty subset, of sum 0, counts too.

    Raises:
        ValueError: when there are more than 44 numbers, they are no vector, or one of
            them or the target is not finite.

    Source: Horowitz and Sahni (1974), Computing partitions with applications to the
    knapsack problem.

    >>> mask, error = subset_sum(np.array([5.0, -3.0, 2.0, 9.0]), target=4.0)
    >>> mask, error
    (array([ True,  True,  True, False]), 0.0)
    """
    a = _numbers(a, target)
    half = len(a) // 2
    first, second = _all_sums(a[:half]), _all_sums(a[half:])
    order = np.argsort(second, kind="stable")
    ranked, wanted = second[order], target - first
    above = np.minimum(np.searchsorted(ranked, wanted), len(ranked) - 1)
    below = np.maximum(above - 1, 0)
    off_above, off_below = (
        np.abs(ranked[above] - wanted),
        np.abs(ranked[below] - wanted),
    )
    i = int(np.argmin(np.minimum(off_above, off_below)))
    j = int(order[above[i] if off_above[i] <= off_below[i] else below[i]])
    code = i | j << half  # bit k says whether number k is in
    mask = (code >> np.arange(len(a)) & 1).astype(bool)
    return mask, float(abs(a[mask].sum() - target))


def nearest(a: np.ndarray, target: float) -> tuple[np.ndarray, float]:
    """Choose the one number that is nearest to a target.

    Args:
        a: (n,) numbers, one or more.
        target: what the number should be.

    Returns:
        mask (n,) of booleans with a single one, and the error. Of equals the first.

    Raises:
        ValueError: when there are no numbers, they are no vector, or one of them or
            the target is not finite.

    Source: Malach et al. (2020), whose proof keeps one random weight for each.

    >>> nearest(np.array([5.0, -3.0, 2.0, 9.0]), target=4.0)
    (array([ True, False, False, False]), 1.0)
    """
    a = _numbers(a, target, most=None)
    if not len(a):
        raise ValueError("the nearest of no numbers: give one or more")
    mask = np.zeros(len(a), bool)
    mask[np.argmin(np.abs(a - target))] = True
    return mask, float(abs(a[mask][0] - target))


def errors(
    n: int,
    trials: int,
    seed: int,
    *,
    choose: Choice = subset_sum,
    products: bool = False,
) -> np.ndarray:
    """Measure how near n random numbers come to a random weight.

    Numbers and weight are uniform from -1 to 1, new ones in each trial.

    Args:
        n: how many numbers stand in for one weight.
        trials: how often.
        seed: of the numbers.
        choose: `subset_sum`, `nearest`, or another function like them.
        products: each number is the product of two, as in a `gadget`, whose second
            weight goes up to 2 in size as in `rebuild`.

    Returns:
        errors, (trials,).

    >>> few, many = (np.median(errors(n, 50, seed=0)) for n in (6, 12))
    >>> bool(many < few / 16)  # twice as near with each number more would be 64
    True
    """
    random = stream(seed, f"subset-sum/{n}")
    found = []
    for _ in range(trials):
        a, target = random.uniform(-1, 1, n), random.uniform(-1, 1)
        if products:
            a *= 2 * random.uniform(-1, 1, n)
        found.append(choose(a, target)[1])
    return np.array(found)


def counting_bound(eps: float) -> int:
    """Say how many numbers are needed at least, whichever they are.

    n numbers have 2**n sums, each of which is within eps of a stretch of length
    2 eps. To cover all weights from -1 to 1, of length 2, it takes
    2**n 2 eps >= 2, so n >= log2(1 / eps).

    Args:
        eps: the error allowed, above 0.

    Raises:
        ValueError: when eps is not above 0.

    Source: Pensia et al. (2020), theorem 2, whose lower bound counts in this way.

    >>> counting_bound(0.01), counting_bound(0.001)
    (7, 10)
    """
    if not eps > 0:
        raise ValueError(f"an error above 0, got {eps}")
    return max(0, math.ceil(math.log2(1 / eps)))


def enough(eps: float, c: float = 3.0) -> int:
    """Say how many uniform random numbers are enough: c log2(1 / eps), rounded.

    That c log(1 / eps) numbers are enough, for some c and with high probability, is
    Lueker's theorem. c = 3 is what Pensia et al. used.

    Args:
        eps: the error allowed, above 0.
        c: the constant.

    Raises:
        ValueError: when eps is not above 0.

    Source: Lueker (1998); Pensia et al. (2020), section 4.

    >>> enough(0.01), enough(0.001)
    (20, 30)
    """
    if not eps > 0:
        raise ValueError(f"an error above 0, got {eps}")
    return max(0, round(c * math.log2(1 / eps)))


# ----------------------------------------------------------------------------
# One weight out of many
# ----------------------------------------------------------------------------


def gadget_mask(
    w: float, a: np.ndarray, v: np.ndarray, *, choose: Choice = subset_sum
) -> tuple[np.ndarray, tuple[float, float]]:
    """Choose the units of a random layer that together compute w x.

    Unit j computes v_j relu(a_j x). For x > 0 those with a_j > 0 answer, with
    v_j a_j x; for x < 0 those with a_j < 0, with v_j a_j x again. So each side is a
    subset sum of its own, of the products v_j a_j, and both have the target w:
    w x = w relu(x) - w relu(-x).

    Args:
        w: the weight.
        a: (m,) what the units multiply x by.
        v: (m,) what their outputs are multiplied by.
        choose: `subset_sum` or `nearest`.

    Returns:
        mask (m,) of the units that are kept, and the errors |sum - w| of the side of
        positive x and of that of negative x.

    Raises:
        ValueError: when a and v are not vectors of one length, or a side has more
            numbers than `choose` takes.

    Source: Pensia et al. (2020), lemma 1.

    >>> a, v = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0.5, 2.0, -0.25, 7.0])
    >>> gadget_mask(0.5, a, v)
    (array([ True, False,  True, False]), (0.0, 0.25))
    """
    a, v = np.asarray(a, np.float64), np.asarray(v, np.float64)
    if a.ndim != 1 or a.shape != v.shape:
        raise ValueError(f"a and v are (m,) both; got {a.shape} and {v.shape}")
    mask, off = np.zeros(len(a), bool), []
    for side in (a > 0, a < 0):
        mask[side], error = choose((v * a)[side], w)
        off.append(error)
    return mask, (off[0], off[1])


def gadget(
    w: float,
    n: int,
    rng: np.random.Generator | np.random.RandomState,
    *,
    choose: Choice = subset_sum,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prune 2n random units until they compute w x, for x of both signs.

    Args:
        w: the weight, best from -1 to 1.
        n: about how many units see either sign of x.
        rng: where a and v are drawn from, uniform from -1 to 1.
        choose: `subset_sum` or `nearest`.

    Returns:
        a, v (2n,) the random weights, and mask (2n,) of the units that are kept;
        (v * mask) @ relu(a x) is about w x.

    Source: Pensia et al. (2020), lemma 1.

    >>> a, v, mask = gadget(0.7, 20, np.random.default_rng(0))
    >>> x = np.array([-1.0, 0.5])
    >>> ((v * mask) @ np.maximum(np.outer(a, x), 0)).round(4)
    array([-0.7 ,  0.35])
    """
    a, v = rng.uniform(-1, 1, 2 * n), rng.uniform(-1, 1, 2 * n)
    return a, v, gadget_mask(w, a, v, choose=choose)[0]


# ----------------------------------------------------------------------------
# A whole network out of many
# ----------------------------------------------------------------------------


@dataclass
class Rebuilt:
    """A small network, found in a random one of twice its depth.

    net: the large network, an mlp.
    theta0: its random weights, (D,).
    mask: which of them are kept, (D,).
    theta: theta0 * mask.
    sums: the error of each weight of the small network, (both signs of its input,
        outputs, inputs) for each layer.
    bound: for all x: |logits - the small network's logits| <= bound |x|.
    candidates: how many random numbers were offered to all weights together, one for
        each copy of the weight's input and output; chosen: how many were taken.
    """

    net: Network
    theta0: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    sums: list[np.ndarray] = field(repr=False)
    bound: float
    candidates: int
    chosen: int

    @property
    def theta(self) -> np.ndarray:
        """The weights that pruning leaves: random ones and zeros, (D,)."""
        return self.theta0 * self.mask

    @property
    def weight_error(self) -> float:
        """The largest error of a weight, of either sign of its input."""
        return max(float(part.max()) for part in self.sums)


def rebuild(
    net: Network, theta: np.ndarray, n: int, seed: int, *, choose: Choice = subset_sum
) -> Rebuilt:
    """Find a trained network in a random one, by pruning alone.

    Each layer becomes two. Of the units of the first of them, each keeps one weight,
    and so copies one input: it gives relu(a x). About n of them copy each input for
    either sign of x, and all outputs share them. Each output then keeps those copies
    that add up to its weight, as in `gadget_mask`. (Inputs of later layers are 0 or
    more; they are copied for one sign only.)

    All weights of the large network are independent and uniform: those of layers that
    copy from -1 to 1, those of layers that choose up to twice the largest weight that
    they write, of either sign. Which input a unit copies is free: one that has the
    fewest copies, and of these the one to which it has the largest weight.

    Args:
        net: an mlp without biases.
        theta: (D,) its trained weights.
        n: how many random numbers stand in for each weight, for each sign of x.
        seed: of the large network.
        choose: `subset_sum` or `nearest`.

    Returns:
        the large network, its weights and its mask, with the error of each weight and
        a bound on the error of the logits.

    Raises:
        ValueError: when the network has anything but matrices, theta does not fit, or
            n is below 1.

    Source: Pensia et al. (2020), theorem 1. The largest error needs more numbers than
    the typical one: of many weights some meet numbers that are all of the wrong sign.
    So there n is a constant times log(width depth / error).

    >>> small = mlp(3, 2, 2, bias=False)
    >>> theta, x = small.init(0), np.ones((1, 3), np.float32)
    >>> large = rebuild(small, theta, n=16, seed=0)
    >>> large.net.name
    'mlp-3-96-2-32-2-nobias'
    >>> off = large.net(large.theta, x).numpy() - small(theta, x).numpy()
    >>> bool(np.linalg.norm(off) <= large.bound * np.linalg.norm(x))
    True
    """
    names = prunable(net)
    shapes = [net.layout.shapes[name] for name in names]
    if len(names) < len(net.layout.shapes) or any(len(shape) > 2 for shape in shapes):
        raise ValueError(
            f"only networks of matrices are rebuilt, without biases; {net.name} has "
            f"{', '.join(net.layout.shapes)}"
        )
    if n < 1:
        raise ValueError(f"1 or more numbers for each weight, got n = {n}")
    target = net.layout.views(np.asarray(theta, np.float64))
    widths = [shapes[0][1]]
    for layer, (outputs, inputs) in enumerate(shapes):
        widths += [n * inputs * (1 if layer else 2), outputs]
    large = mlp(*widths, bias=False)
    theta0 = np.zeros(large.layout.size, np.float32)
    mask = np.zeros(large.layout.size, bool)
    drawn, kept = large.layout.views(theta0), large.layout.views(mask)
    sums, candidates, taken = [], 0, 0
    for layer, name in enumerate(names):
        W = target[name]  # (outputs, inputs)
        copying, choosing = (
            f"dense{2 * layer + 1}.weight",
            f"dense{2 * layer + 2}.weight",
        )
        for piece, size in ((copying, 1.0), (choosing, 2 * np.abs(W).max(initial=0))):
            random = stream(seed, f"rebuild/{piece}")
            drawn[piece][...] = random.uniform(-size, size, drawn[piece].shape)
        a, v = (drawn[piece].astype(np.float64) for piece in (copying, choosing))
        sides = 1 if layer else 2
        copies = _copies(a, n, sides)
        off = np.zeros((sides, *W.shape))
        for i in range(W.shape[1]):
            for side, sign in enumerate((1, -1)[:sides]):
                units = np.flatnonzero((copies == i) & (sign * a[:, i] > 0))
                products = v[:, units] * a[units, i]  # (outputs, units)
                candidates += products.size
                for o in range(W.shape[0]):
                    chosen, off[side, o, i] = choose(products[o], W[o, i])
                    kept[choosing][o, units] = chosen
        taken += int(kept[choosing].sum())
        used = np.flatnonzero(kept[choosing].any(axis=0))  # a copy in vain goes too
        kept[copying][used, copies[used]] = True
        sums.append(off)
    bound = _bound(list(target.values()), sums)
    return Rebuilt(large, theta0, mask, sums, bound, candidates, taken)


def _copies(a: np.ndarray, n: int, sides: int) -> np.ndarray:
    """Say which input each unit copies, (units,), -1 for none. a (units, inputs)."""
    wanted = np.full((2, a.shape[1]), n)
    wanted[sides:] = 0
    inputs, copies = np.arange(a.shape[1]), np.full(len(a), -1)
    for unit, row in enumerate(a):
        side = (row < 0).astype(int)
        lack = wanted[side, inputs]
        best = int(np.argmax(lack + np.abs(row) / 2))
        if lack[best] > 0:
            copies[unit] = best
            wanted[side[best], best] -= 1
    return copies


def _bound(layers: list[np.ndarray], sums: list[np.ndarray]) -> float:
    """Bound how far the logits can be off, for each unit of length of x.

    A layer adds at most |E| times what comes in, E the larger of both sides' errors,
    and passes on what is off already by at most its largest singular value. ReLU
    lengthens neither.
    """
    size, off = 1.0, 0.0  # at most: of what comes in, and of how far that is off
    for W, error in zip(layers, sums, strict=True):
        spectral = float(np.linalg.norm(W, 2))
        new = float(np.linalg.norm(error.max(axis=0)))
        size, off = size * spectral, off * spectral + new * (size + off)
    return off


def _all_sums(a: np.ndarray) -> np.ndarray:
    """Sums of all subsets, (2**n,): number k is in where bit k of the place is 1."""
    sums = np.zeros(1)
    for number in a:
        sums = np.concatenate([sums, sums + number])
    return sums


def _numbers(a: np.ndarray, target: float, most: int | None = MOST) -> np.ndarray:
    a = np.asarray(a, np.float64)
    if a.ndim != 1 or (most is not None and len(a) > most):
        limit = f", at most {most} of them" if most else ""
        raise ValueError(f"a vector of numbers{limit}; got {a.shape}")
    if not (np.isfinite(a).all() and math.isfinite(target)):
        raise ValueError("numbers and target are finite; some are not")
    return a
