"""Supermasks: weights are random and stay so; what is learned is which to use.

theta = theta0 * mask(scores). theta0 is drawn from a seed and never moves. One score
for each weight says whether the weight is used, and only the scores are trained.
A mask has no useful derivative, so gradients pass it straight through.

A mask may also come from ordinary training, by comparing where each weight started
with where it ended (the criteria), and then be laid on the untrained weights.

Source: Zhou, Lan, Liu, Yosinski (2019), Deconstructing lottery tickets: zeros, signs,
and the supermask; Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari (2020), What's
hidden in a randomly weighted neural network?
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

import numpy as np

from minitorch.backends import backend
from minitorch.init import fans, fill, he_normal, xavier_normal
from minitorch.ops import tensor
from minitorch.random import stream
from minitorch.tensor import Array, Tensor, record
from minitorch.weird.coding import decode_mask, encode_mask, read_whole, whole
from minitorch.weird.parametrization import Parametrization, Rng, Target, through
from minitorch.weird.pruning import (
    SCOPES,
    Masked,
    Pieces,
    fresh,
    fresh_same_signs,
    kept_count,
    layer_masks,
    layout_of,
    prunable,
    signed_constant,
)

# ----------------------------------------------------------------------------
# Masks from training: criteria
# ----------------------------------------------------------------------------

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _balance(wi: np.ndarray, wf: np.ndarray) -> np.ndarray:
    """alpha |wf|, with alpha so that both ends of training have one mean size."""
    return np.abs(wf) * (np.abs(wi).mean() / (np.abs(wf).mean() or 1))


def _grown(wi: np.ndarray, wf: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(wf) - np.abs(wi), 0)


# Of one layer's weights before (wi) and after training (wf); large scores are kept.
CRITERIA: dict[str, Score] = {
    "large_final": lambda wi, wf: np.abs(wf),
    "small_final": lambda wi, wf: -np.abs(wf),
    "large_init": lambda wi, wf: np.abs(wi),
    "small_init": lambda wi, wf: -np.abs(wi),
    "large_init_large_final": lambda wi, wf: np.minimum(_balance(wi, wf), np.abs(wi)),
    "small_init_small_final": lambda wi, wf: -np.maximum(_balance(wi, wf), np.abs(wi)),
    "magnitude_increase": lambda wi, wf: np.abs(wf) - np.abs(wi),
    "movement": lambda wi, wf: np.abs(wf - wi),
    "random": lambda wi, wf: np.zeros(np.shape(wi)),  # all equal: left to chance
    "large_final_same_sign": lambda wi, wf: np.abs(wf) * (wi * wf > 0),
    "large_final_diff_sign": lambda wi, wf: np.abs(wf) * (wi * wf < 0),
    "magnitude_increase_same_sign": lambda wi, wf: _grown(wi, wf) * (wi * wf > 0),
    "magnitude_increase_diff_sign": lambda wi, wf: _grown(wi, wf) * (wi * wf < 0),
}


def criterion_mask(
    net: Pieces,
    criterion: str,
    theta0: np.ndarray,
    trained: np.ndarray,
    keep: float,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Choose weights by where they started and where training took them.

    In each layer an exact number of the largest scores is kept. Of equal scores (the
    criteria of signs give many zeros) the seed chooses, as the authors do.

    Args:
        net: the network, a map, or a layout.
        criterion: a name in CRITERIA.
        theta0: (D,) the weights before training.
        trained: (D,) after it.
        keep: the fraction kept of each layer.
        seed: of the choice among equals.

    Returns:
        (D,) booleans; vectors (biases) are kept.

    Raises:
        ValueError: when there is no such criterion, a size does not fit, keep is not
            0 to 1, or a score is not a number.

    Source: Zhou et al. (2019), sections 2 and 4. Their alpha, which balances two ends
    of training against each other, here gives both the same mean size in each layer.

    >>> from minitorch.nn import Layout
    >>> layout = Layout({"w": (1, 4)})
    >>> before, after = np.array([1.0, -2, 3, -4]), np.array([2.0, 3, 3.5, -1])
    >>> criterion_mask(layout, "large_final_same_sign", before, after, keep=0.5)
    array([ True, False,  True, False])
    """
    if criterion not in CRITERIA:
        raise ValueError(f"no criterion {criterion!r}; there are {', '.join(CRITERIA)}")
    layout = layout_of(net)
    before, after = (layout.views(np.asarray(w)) for w in (theta0, trained))
    ranks = np.ones(layout.size)
    for name in prunable(layout):
        score = CRITERIA[criterion](before[name], after[name]).reshape(-1)
        if np.isnan(score).any():
            raise ValueError(f"some scores of {name} are not a number")
        chance = stream(seed, f"ties/{name}").permutation(score.size)
        places = np.lexsort((chance, -score))  # largest first, equals by chance
        ranks[layout.slices[name]][places] = np.arange(score.size, 0, -1)
    return layer_masks(layout, ranks, keep)


# ----------------------------------------------------------------------------
# What is done to weights that are kept, and to those that are not
# ----------------------------------------------------------------------------

# (net, theta0, trained, mask, seed) -> (D,)
Action = Callable[[Target, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
ZeroAction = Callable[[Pieces, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def _reshuffled(
    net: Target, w0: np.ndarray, wf: np.ndarray, mask: np.ndarray, seed: int
) -> np.ndarray:
    new = np.array(w0)
    for name in prunable(net):
        start = net.layout.slices[name].start
        kept = start + np.flatnonzero(mask[net.layout.slices[name]])
        new[kept] = w0[stream(seed, f"reshuffled/{name}").permutation(kept)]
    return new


def _random_signs(
    net: Target, w0: np.ndarray, wf: np.ndarray, mask: np.ndarray, seed: int
) -> np.ndarray:
    new = signed_constant(net, w0)
    for name in prunable(net):
        piece = net.layout.slices[name]
        random = stream(seed, f"signs/{name}")
        new[piece] *= 2 * random.randint(0, 2, piece.stop - piece.start) - 1
    return new


# Where the weights that are kept start again, from w0 = theta0 and wf = trained.
ONES: dict[str, Action] = {
    "rewind": lambda net, w0, wf, mask, seed: np.array(w0),
    "fresh": lambda net, w0, wf, mask, seed: fresh(net, seed),
    "reshuffled": _reshuffled,
    "constant": _random_signs,
    "fresh_same_signs": lambda net, w0, wf, mask, seed: fresh_same_signs(net, w0, seed),
    "reshuffled_same_signs": lambda net, w0, wf, mask, seed: np.copysign(
        _reshuffled(net, w0, wf, mask, seed), w0
    ),
    "constant_same_signs": lambda net, w0, wf, mask, seed: signed_constant(net, w0),
    "shrunk_at_zero": lambda net, w0, wf, mask, seed: np.where(
        abs(wf) < abs(w0), 0, w0
    ),
}


def _frozen_shuffled(
    net: Pieces, w0: np.ndarray, wf: np.ndarray, mask: np.ndarray, seed: int
) -> np.ndarray:
    layout, alive = layout_of(net), ~mask & (abs(wf) >= abs(w0))
    for name in prunable(layout):
        dropped = np.flatnonzero(~mask[layout.slices[name]])
        dropped += layout.slices[name].start
        order = stream(seed, f"frozen/{name}").permutation(dropped)
        alive[dropped] = alive[order]
    return alive


# Which of the weights that are dropped stay at theta0; the others are 0.
ZEROS: dict[str, ZeroAction] = {
    "zero": lambda net, w0, wf, mask, seed: np.zeros(mask.shape, bool),
    "frozen": lambda net, w0, wf, mask, seed: ~mask,
    "frozen_grown": lambda net, w0, wf, mask, seed: ~mask & (abs(wf) >= abs(w0)),
    "frozen_shuffled": _frozen_shuffled,
    "frozen_shrunk": lambda net, w0, wf, mask, seed: ~mask & (abs(wf) < abs(w0)),
}


def mask_one(
    action: str,
    net: Target,
    theta0: np.ndarray,
    trained: np.ndarray,
    mask: np.ndarray,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Say where the weights that a mask keeps start again.

    - "rewind": where they started before.
    - "fresh": another draw.
    - "reshuffled": each layer's kept values change places with one another.
    - "constant": the layer's standard deviation, with signs by chance.
    - "fresh_same_signs", "reshuffled_same_signs", "constant_same_signs": the same,
      each with the sign that theta0 has at its place.
    - "shrunk_at_zero": rewound, but those that training made smaller start at 0.

    Args:
        action: a name in ONES.
        net: the network, or the map.
        theta0: (D,) the weights before training.
        trained: (D,) after it; only "shrunk_at_zero" looks at them.
        mask: (D,) booleans.
        seed: of what is drawn.

    Returns:
        (D,) for `Masked`'s start, or times the mask for an untrained network. What it
        holds where nothing is kept has no meaning.

    Raises:
        ValueError: when there is no such action, or a size does not fit.

    Source: Zhou et al. (2019), section 3.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2, bias=False)
    >>> theta0, mask = net.init(0), np.ones(18, bool)
    >>> start = mask_one("constant_same_signs", net, theta0, theta0, mask)
    >>> bool((np.sign(start) == np.sign(theta0)).all()), len(set(abs(start)))
    (True, 2)
    """
    if action not in ONES:
        raise ValueError(f"no mask-1 action {action!r}; there are {', '.join(ONES)}")
    theta0, trained = np.asarray(theta0), np.asarray(trained)
    for w in (theta0, trained, mask):
        net.layout.views(w)  # checks the size
    return ONES[action](net, theta0, trained, mask, seed)


def mask_zero(
    action: str,
    net: Pieces,
    theta0: np.ndarray,
    trained: np.ndarray,
    mask: np.ndarray,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Say which of the weights that a mask drops stay at theta0; the others are 0.

    - "zero": none.
    - "frozen": all.
    - "frozen_grown": those that training made larger (or left as they were). What
      training moved towards 0 is put there at once: "masking is training".
    - "frozen_shuffled": as many as that in each layer, at places left to chance.
    - "frozen_shrunk": the other way round: what training made smaller is frozen.

    Args:
        action: a name in ZEROS.
        net: the network, a map, or a layout.
        theta0: (D,) the weights before training.
        trained: (D,) after it.
        mask: (D,) booleans.
        seed: of the shuffled places.

    Returns:
        (D,) booleans, none of them where the mask keeps a weight; for `treated`.

    Raises:
        ValueError: when there is no such action, or a size does not fit.

    Source: Zhou et al. (2019), section 3.

    >>> from minitorch.nn import Layout
    >>> layout, mask = Layout({"w": (1, 3)}), np.array([True, False, False])
    >>> before, after = np.array([1.0, 1.0, 1.0]), np.array([3.0, -2.0, 0.5])
    >>> mask_zero("frozen_grown", layout, before, after, mask)
    array([False,  True, False])
    """
    if action not in ZEROS:
        raise ValueError(f"no mask-0 action {action!r}; there are {', '.join(ZEROS)}")
    layout = layout_of(net)
    theta0, trained = np.asarray(theta0), np.asarray(trained)
    for w in (theta0, trained, mask):
        layout.views(w)  # checks the size
    return ZEROS[action](layout, theta0, trained, mask, seed)


def treated(
    net: Target,
    mask: np.ndarray,
    start: np.ndarray,
    alive: np.ndarray,
    *,
    seed: int = 0,
) -> Parametrization:
    """Make the map in which both actions hold while the kept weights are trained.

    theta = mask * phi + alive * theta0: two `Masked` on top of each other.

    Args:
        net: the network, or the map.
        mask: (D,) booleans, true where a weight is trained.
        start: (D,) from `mask_one`.
        alive: (D,) booleans from `mask_zero`.
        seed: of theta0 = net.init(seed), where frozen weights stay.

    Raises:
        ValueError: when a mask is not of booleans, or a size does not fit.

    >>> from minitorch.models import mlp
    >>> net = mlp(2, 2, bias=False)
    >>> mask, alive = np.arange(4) == 0, np.arange(4) == 2
    >>> g = treated(net, mask, np.ones(4), alive)
    >>> theta = g(Tensor(g.init(0))).numpy()
    >>> (theta == [1, 0, net.init(0)[2], 0]).tolist()
    [True, True, True, True]
    """
    below = Masked(net, mask | alive, seed=seed)
    return Masked(below, mask, seed=seed, start=start, frozen=True)


# ----------------------------------------------------------------------------
# Masks from scores
# ----------------------------------------------------------------------------


def topk_mask(scores: np.ndarray, keep: float) -> np.ndarray:
    """Keep the scores of largest size, an exact number of them: edge-popup's mask.

    The paper ranks by the score, its released code by the score's size; here it is
    the size. So it is `magnitude_mask` of the scores, without sorting all of them:
    of equal ones the earlier is kept.

    Args:
        scores: of one layer, any shape.
        keep: the fraction kept, 0 to 1.

    Returns:
        booleans of that shape, `kept_count` of them true.

    Raises:
        ValueError: when keep is not 0 to 1, or a score is not a number.

    Source: Ramanujan et al. (2020), section 3.

    >>> topk_mask(np.array([0.1, -3.0, 0.2, 2.0]), keep=0.5)
    array([False,  True, False,  True])
    """
    scores = np.asarray(scores)
    k = kept_count(scores.size, keep)
    if np.isnan(scores).any():
        raise ValueError("some scores are not a number: they have no order of size")
    sizes = backend().asarray(np.abs(scores).reshape(-1))
    return backend().to_numpy(backend().top_k(sizes, k)).reshape(scores.shape)


def chances(scores: Array) -> Array:
    """Turn scores into the chance that a weight is used: p = 1 / (1 + exp(-s)).

    Args:
        scores: any shape, an array of the back-end in use.

    Source: Zhou et al. (2019), section 5.

    >>> chances(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return 0.5 * backend().tanh(0.5 * scores) + 0.5  # cannot overflow


def edge_popup_grad(grad: Array, theta0: Array, scores: Array) -> Array:
    """Pass a gradient straight through edge-popup's mask: ds = dtheta theta0 sign(s).

    As if the mask were |s|. Weights that are not used get a gradient too: that is how
    they come back.

    Args:
        grad: of theta = theta0 * mask(s), (D,), arrays of the back-end in use.
        theta0: (D,) the fixed weights.
        scores: (D,).

    Source: Ramanujan et al. (2020), section 3.

    >>> edge_popup_grad(np.ones(3), np.array([2.0, -3.0, 4.0]), np.array([1, -1, 0.0]))
    array([2., 3., 0.])
    """
    return grad * theta0 * backend().sign(scores)


def bernoulli_grad(grad: Array, theta0: Array, p: Array) -> Array:
    """Pass a gradient straight through a drawn mask: ds = dtheta theta0 p (1 - p).

    As if the mask were p, its mean, whatever was drawn; p (1 - p) is the derivative of
    `chances`.

    Args:
        grad: of theta = theta0 * mask, (D,), arrays of the back-end in use.
        theta0: (D,) the fixed weights.
        p: (D,) the chances.

    Source: Zhou et al. (2019), section 5.

    >>> bernoulli_grad(np.ones(2), np.array([2.0, -4.0]), np.array([0.5, 0.5]))
    array([ 0.5, -1. ])
    """
    return grad * theta0 * p * (1 - p)


# ----------------------------------------------------------------------------
# Scales: what they can change, and what they cannot
# ----------------------------------------------------------------------------


def right_scale(fan_in: int, keep: float) -> float:
    """Give the spread of weights that a mask which keeps a fraction needs.

    sqrt(2 / (keep fan_in)): of fan_in inputs a unit sees keep fan_in, so that is the
    number that He's rule counts. Signals then keep their size through layers with
    ReLU, for a mask that does not look at the weights. (The released code of
    Ramanujan et al. divides by (1 - keep) instead, which is the same at one half.)

    Args:
        fan_in: how many numbers feed one unit.
        keep: the fraction of its weights that is used, above 0.

    Raises:
        ValueError: when fan_in is below 1, or keep is not above 0 and at most 1.

    Source: He et al. (2015), eq. 10; Ramanujan et al. (2020), section 4.

    >>> round(right_scale(784, keep=1), 4), round(right_scale(784, keep=0.25), 4)
    (0.0505, 0.101)
    """
    if fan_in < 1 or not 0 < keep <= 1:
        raise ValueError(
            "fan_in is 1 or more and keep above 0 and at most 1; got "
            f"{fan_in} and {keep}"
        )
    return math.sqrt(2 / (keep * fan_in))


def rescaling(net: Pieces, mask: np.ndarray) -> list[float]:
    """Give each layer's factor of dynamic weight rescaling: its size over its ones.

    Args:
        net: the network, a map, or a layout.
        mask: (D,) booleans, or chances.

    Returns:
        one factor for each matrix or kernel; 1 for one that the mask empties.

    Raises:
        ValueError: when the mask does not fit.

    Source: Zhou et al. (2019), section 5.

    >>> from minitorch.nn import Layout
    >>> rescaling(Layout({"w": (1, 4), "v": (1, 2)}), np.arange(6) > 2)
    [4.0, 1.0]
    """
    pieces = layout_of(net).views(np.asarray(mask))
    return [
        float(pieces[name].size / (pieces[name].sum() or pieces[name].size))
        for name in prunable(net)
    ]


def scale_layers(
    net: Pieces, theta: np.ndarray, factors: Sequence[float]
) -> np.ndarray:
    """Multiply each layer's weights by a factor of its own.

    In a network of linear layers and ReLU without biases this multiplies every logit
    by the product of the factors, and so changes no decision: relu(c z) = c relu(z)
    for c > 0, so each factor moves through all layers above it, to the front. That is
    why rescaling cannot make a mask that is fixed better or worse. (Max pooling lets
    a factor pass too. A bias does not, and neither does batch norm.)

    Args:
        net: the network, a map, or a layout.
        theta: (D,).
        factors: above 0, one for each matrix or kernel.

    Returns:
        (D,); vectors stay as they are.

    Raises:
        ValueError: when a factor is not above 0 (or not finite), there is one too few
            or too many, or theta does not fit.

    Source: own derivation.

    >>> from minitorch.models import mlp
    >>> net, x = mlp(4, 3, 2, bias=False), np.ones((1, 4), np.float32)
    >>> theta = net.init(0)
    >>> scaled = net(scale_layers(net, theta, [8, 0.25]), x).numpy()
    >>> bool((scaled == 2 * net(theta, x).numpy()).all())
    True
    """
    names = prunable(net)
    if len(factors) != len(names) or not all(0 < c < math.inf for c in factors):
        raise ValueError(
            f"a factor above 0 for each of {len(names)} layers, got {list(factors)}"
        )
    new = np.array(theta)
    pieces = layout_of(net).views(new)
    for name, c in zip(names, factors, strict=True):
        pieces[name] *= c
    return new


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


def _signed_kaiming(net: Target, seed: int) -> np.ndarray:
    def draw(random: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
        size = right_scale(fans(shape)[0], keep=1)
        return np.copysign(size, random.standard_normal(shape))  # signs of he_normal

    return fill(net.layout, seed, draw)


WEIGHTS: dict[str, Callable[[Target, int], np.ndarray]] = {
    "own": lambda net, seed: net.init(seed),
    "kaiming": lambda net, seed: he_normal(net.layout, seed),
    "glorot": lambda net, seed: xavier_normal(net.layout, seed),
    "signed": _signed_kaiming,
    "signed-glorot": lambda net, seed: signed_constant(
        net, xavier_normal(net.layout, seed)
    ),
}
KINDS = ("edge-popup", "bernoulli", "threshold")
READS = ("threshold", "mean", "sample")
FAR = 200.0  # a score whose chance is 1 exactly, and 0 for -FAR


class Supermask(Parametrization):
    """theta = theta0 * mask(s): the weights are random and fixed, s is trained.

    Matrices and kernels are masked, with one score for each weight. Vectors (biases,
    and a norm's gamma and beta) stay as they were drawn; their scores do nothing.

    - "edge-popup": the `keep` fraction of largest |s| is used, `topk_mask` of each
      layer or of all together. Backward ds = dtheta theta0 sign(s).
    - "bernoulli": each training step draws a new mask, a weight with chance
      p = 1 / (1 + exp(-s)). Backward ds = dtheta theta0 p (1 - p).
    - "threshold": a weight is used where s >= 0. Backward ds = dtheta theta0.

    A drawn mask is read in one of three ways once training is over, and they are not
    the same: "threshold" uses a weight where s >= 0; "mean" multiplies each by p,
    which is no mask; "sample" draws one more mask, from rng where one is given and
    else always the same, from the seed.

    The message holds the seed, the settings and the mask of each layer,
    entropy-coded: about H(keep) bits a weight and no values, so `bits` changes
    nothing. What the receiver gets are scores that make exactly this mask.

    Args:
        target: the network, or the map whose phi is masked.
        kind: "edge-popup", "bernoulli" or "threshold".
        keep: fraction kept by edge-popup, 0.5 where left out. The other two cannot be
            told how many to keep.
        scope: edge-popup's ranking, "layer" by layer or "global".
        weights: what theta0 is. "own": the target's; "kaiming" or "glorot": normal
            numbers of that spread; "signed": a constant of Kaiming's spread,
            sqrt(2 / fan_in), with the signs of "kaiming"; "signed-glorot": each
            layer's standard deviation of "glorot", with its signs.
        gain: what matrices and kernels of theta0 are multiplied by. Left out it is
            1 / sqrt(keep) for edge-popup, see `right_scale`, and 1 for the others.
        rescale: dynamic weight rescaling: also multiply each layer by its size over
            the ones of this mask, in training and after. The gradient passes the sum,
            but for edge-popup's, which is fixed.
        read: "threshold", "mean" or "sample"; for "bernoulli".
        s0: where all scores of "bernoulli" start. Below 0 most weights start unused,
            above 0 used. Without `rescale`, scores that no gradient moves, as of
            pixels that are always black, stay there; with it the layer's sum moves
            them all alike. The other kinds draw scores, uniform in
            +-1 / sqrt(fan_in).
        seed: of theta0, and of a mask that is drawn without an rng.

    Raises:
        ValueError: when there is no such kind, scope, weights or read, when keep, read
            or s0 does not go with the kind, or a number is out of range.

    Source: Zhou et al. (2019), section 5 (bernoulli, rescale); Ramanujan et al. (2020)
    (edge-popup); Mallya, Davis, Lazebnik (2018), Piggyback (threshold).

    >>> from minitorch.models import mlp
    >>> g = Supermask(mlp(784, 300, 100, 10, bias=False), keep=0.3, weights="signed")
    >>> g
    Supermask of mlp-784-300-100-10-nobias: edge-popup, keep 0.3 of each layer, signed
    weights, seed 0
    """

    code = 5

    def __init__(
        self,
        target: Target,
        *,
        kind: str = "edge-popup",
        keep: float | None = None,
        scope: str = "layer",
        weights: str = "own",
        gain: float | None = None,
        rescale: bool = False,
        read: str = "threshold",
        s0: float = 0.0,
        seed: int = 0,
    ):
        for word, value, known in (
            ("kind", kind, KINDS),
            ("scope", scope, SCOPES),
            ("weights", weights, tuple(WEIGHTS)),
            ("read", read, READS),
        ):
            if value not in known:
                raise ValueError(f"no {word} {value!r}; there are {', '.join(known)}")
        popup, drawn = kind == "edge-popup", kind == "bernoulli"
        if not popup and (keep is not None or scope != "layer"):
            raise ValueError(
                f"keep and scope are edge-popup's: how many weights {kind!r} keeps "
                "follows from its scores"
            )
        if not drawn and (read != "threshold" or s0 != 0):
            raise ValueError(f"read and s0 are for 'bernoulli', not for {kind!r}")
        self.keep = (0.5 if keep is None else float(keep)) if popup else None
        kept_count(1, self.keep or 0)  # checks the range
        default = 1 / math.sqrt(self.keep) if self.keep else 1.0
        self._given = gain is not None
        self.gain = default if gain is None else float(np.float32(gain))
        self.s0 = float(np.float32(s0))
        if not 0 < self.gain < math.inf or not math.isfinite(self.s0):
            raise ValueError(
                f"gain is above 0 and s0 a finite number, got {gain} and {s0}"
            )
        self.target, self.seed, self.kind = target, seed, kind
        self.scope, self.weights, self.read = scope, weights, read
        self.rescale = bool(rescale)
        self.layout = target.layout
        self.theta0 = np.array(WEIGHTS[weights](target, seed), np.float32)
        names = prunable(target)
        self.theta0 = scale_layers(target, self.theta0, [self.gain] * len(names))
        self._pieces = [self.layout.slices[name] for name in names]
        self.prunable = sum(piece.stop - piece.start for piece in self._pieces)
        factor = np.zeros(self.layout.size, np.float32)
        for piece in self._pieces:
            factor[piece] = self.theta0[piece]
        self._factor = factor  # theta0 where there is a mask, 0 where there is none

    def init(self, seed: int) -> np.ndarray:
        """Draw the scores that training starts from, (D,); 0 for vectors."""

        def draw(random: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
            return random.uniform(-1, 1, shape) / math.sqrt(fans(shape)[0])

        scores = np.zeros(self.layout.size, np.float32)
        for name, piece in zip(prunable(self), self._pieces, strict=True):
            if self.kind == "bernoulli":
                scores[piece] = self.s0
            else:
                random = stream(seed, f"scores/{name}")
                scores[piece] = draw(random, self.layout.shapes[name]).reshape(-1)
        return scores

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        phi, kernels = tensor(phi), backend()
        self.layout.views(phi.data)  # checks the size
        scores, drawn = phi.data, self.kind == "bernoulli"
        if train and drawn and rng is None:
            raise ValueError("a training step draws a mask: pass rng")
        p = chances(scores) if drawn else None
        mask = self._read(scores, p, "sample" if train else self.read, rng)
        theta = mask * kernels.astype(kernels.constant(self.theta0), scores)
        scales: list[Array] = []  # empty unless layers are rescaled
        ones: list[Array] = []
        if self.rescale:
            for piece in self._pieces:
                total = kernels.sum(mask[piece], None, False)
                ones.append(total + kernels.astype(total == 0, total))
                scales.append((piece.stop - piece.start) / ones[-1])
                theta[piece] *= scales[-1]

        def backward(grad: Array) -> tuple[Array]:
            factor = kernels.astype(kernels.constant(self._factor), scores)
            if self.kind == "edge-popup":
                slope = edge_popup_grad(grad, factor, scores)
                for piece, scale in zip(self._pieces, scales, strict=False):
                    slope[piece] *= scale
                return (slope,)
            slope = grad * factor
            for piece, scale, total in zip(self._pieces, scales, ones, strict=False):
                slope[piece] *= scale
                # More ones make every weight of the layer smaller.
                pull = kernels.sum(slope[piece] * mask[piece], None, False)
                slope[piece] -= pull / total
            return (slope if p is None else bernoulli_grad(slope, 1.0, p),)

        made = record("supermask", theta, (phi,), backward)
        return through(self.target, made, train, rng)

    def mask(self, phi: Tensor | np.ndarray, *, rng: Rng = None) -> np.ndarray:
        """Say which weights are used once training is over, (D,) booleans.

        Read as `read` says; for "mean", which is no mask, by threshold.

        Args:
            phi: the scores, (D,).
            rng: for read="sample": where another mask is drawn from.

        Raises:
            ValueError: when phi has another size, or a score is not a number.

        >>> from minitorch.models import mlp
        >>> g = Supermask(mlp(5, 4, 2), keep=0.25)
        >>> mask = g.mask(g.init(0))
        >>> {name: int(part.sum()) for name, part in g.layout.views(mask).items()}
        {'dense1.weight': 5, 'dense1.bias': 4, 'dense2.weight': 2, 'dense2.bias': 2}
        """
        if not isinstance(phi, Tensor):
            phi = Tensor(np.asarray(phi, np.float32))  # as `apply` does
        scores = tensor(phi).data
        self.layout.views(scores)  # checks the size
        read = "sample" if self.read == "sample" else "threshold"
        p = chances(scores) if self.kind == "bernoulli" else None
        return backend().to_numpy(self._read(scores, p, read, rng)) > 0

    def _read(self, scores: Array, p: Array | None, read: str, rng: Rng) -> Array:
        """The mask in numbers: 1 for what is used, 0 for what is not, p for "mean".

        p are the chances of a mask that is drawn, None for the other kinds.
        """
        kernels = backend()
        if kernels.looks and (scores != scores).any():
            raise ValueError("some scores are not a number: they make no mask")
        mask = kernels.ones_like(scores)
        if self.keep is not None:
            sizes = kernels.abs(scores)
            if self.scope == "global" and self._pieces:
                sizes = kernels.concat([sizes[piece] for piece in self._pieces], 0)
                chosen = kernels.top_k(sizes, kept_count(self.prunable, self.keep))
            start = 0
            for piece in self._pieces:
                size = piece.stop - piece.start
                if self.scope == "global":
                    mask[piece] = chosen[start : start + size]
                    start += size
                else:
                    count = kept_count(size, self.keep)
                    mask[piece] = kernels.top_k(sizes[piece], count)
            return mask
        used = scores >= 0
        if p is not None and read != "threshold":
            used = p if read == "mean" else kernels.asarray(self._draws(rng)) < p
        for piece in self._pieces:
            mask[piece] = used[piece]
        return mask

    def _draws(self, rng: Rng) -> np.ndarray:
        """Numbers from 0 to 1, never 1 itself, (D,); from the seed without rng."""
        if rng is not None:
            return rng.random(self.layout.size, np.float32)
        random = stream(self.seed, "supermask/sample")
        whole_numbers = random.randint(0, 2**24, self.layout.size)
        return whole_numbers.astype(np.float32) * np.float32(2**-24)

    def spec(self) -> bytes:
        """The seed and the settings."""
        kinds = KINDS.index(self.kind) + 4 * list(WEIGHTS).index(self.weights)
        flags = SCOPES.index(self.scope) + 2 * self.rescale + 4 * self._given
        flags += 8 * READS.index(self.read)
        parts = [struct.pack("<IBB", self.seed, kinds, flags)]
        if self.keep is not None:
            parts.append(struct.pack("<d", self.keep))
        if self.kind == "bernoulli":
            parts.append(struct.pack("<f", self.s0))
        if self._given:
            parts.append(struct.pack("<f", self.gain))
        return b"".join(parts)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Supermask, bytes]:
        seed, kinds, flags = struct.unpack_from("<IBB", data)
        data, kind = data[6:], KINDS[kinds % 4]
        keep, gain, s0 = None, None, 0.0
        if kind == "edge-popup":
            (keep,), data = struct.unpack_from("<d", data), data[8:]
        if kind == "bernoulli":
            (s0,), data = struct.unpack_from("<f", data), data[4:]
        if flags & 4:
            (gain,), data = struct.unpack_from("<f", data), data[4:]
        g = cls(
            target,
            kind=kind,
            keep=keep,
            scope=SCOPES[flags & 1],
            weights=list(WEIGHTS)[kinds // 4],
            gain=gain,
            rescale=bool(flags & 2),
            read=READS[flags // 8],
            s0=s0,
            seed=seed,
        )
        return g, data

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The mask of each piece that has one; there are no values, so no bits.

        Raises:
            ValueError: when the mean is read, which is no mask.
        """
        if self.read == "mean":
            raise ValueError(
                "read='mean' multiplies each weight by a number, which a mask cannot "
                "say: send Supermask(..., read='threshold') or read='sample' instead, "
                "and give the accuracy of that"
            )
        mask, parts = self.mask(phi), []
        for piece in self._pieces:
            coded = encode_mask(mask[piece])
            parts += [whole(len(coded)), coded]
        return b"".join(parts)

    def from_payload(self, data: bytes) -> np.ndarray:
        phi = np.zeros(self.layout.size, np.float32)
        low, high = (0.0, 1.0) if self.kind == "edge-popup" else (-FAR, FAR)
        for piece in self._pieces:
            size, data = read_whole(data)
            mask = decode_mask(data[:size], piece.stop - piece.start)
            phi[piece] = np.where(mask, high, low)
            data = data[size:]
        return phi

    def __repr__(self) -> str:
        how = self.kind
        if self.keep is not None:
            where = "each layer" if self.scope == "layer" else "all layers"
            how += f", keep {self.keep:g} of {where}"
        elif self.kind == "bernoulli":
            how += f" read by {self.read}, s0 {self.s0:g}"
        rescaled = ", rescaled" if self.rescale else ""
        return (
            f"Supermask of {self.net.name}: {how}, {self.weights} weights{rescaled}, "
            f"seed {self.seed}"
        )
