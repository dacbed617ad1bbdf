"""Pruning and lottery tickets: keep few of the weights, and train only these.

theta = mask * phi. The mask is fixed while phi is trained; it comes from a network
that was trained before. One word throughout: `keep`, the fraction that is kept.

Source: Han, Pool, Tran, Dally (2015), Learning both weights and connections for
efficient neural networks; Frankle and Carbin (2019), The lottery ticket hypothesis.
"""

from __future__ import annotations

import math
import struct

import numpy as np

from minitorch.backends import backend
from minitorch.functional import cross_entropy
from minitorch.nn import Layout, Network
from minitorch.ops import custom
from minitorch.random import stream
from minitorch.tensor import Array, Tensor
from minitorch.train import accuracy
from minitorch.weird.coding import (
    decode_mask,
    decode_numbers,
    encode_mask,
    encode_numbers,
    entropy,
    read_whole,
    whole,
)
from minitorch.weird.parametrization import Parametrization, Rng, Target, through

FORMS = ("dense", "bitmask", "csr", "entropy")
SCOPES = ("layer", "global")
Pieces = Network | Parametrization | Layout

# ----------------------------------------------------------------------------
# Masks
# ----------------------------------------------------------------------------


def kept_count(n: int, keep: float) -> int:
    """Say how many of n weights a fraction is: floor(keep n + 1/2).

    Args:
        n: how many there are.
        keep: the fraction kept, 0 to 1.

    Raises:
        ValueError: when keep is not 0 to 1, or n is negative.

    >>> kept_count(10, 0.3), kept_count(10, 0.25), kept_count(235_200, 0.08)
    (3, 3, 18816)
    """
    if n < 0:
        raise ValueError(f"a layer has 0 or more weights, got {n}")
    if not 0 <= keep <= 1:
        raise ValueError(
            f"keep is the fraction of the weights that stay, 0 to 1; got {keep}"
        )
    return math.floor(keep * n + 0.5)


def magnitude_mask(w: np.ndarray, keep: float) -> np.ndarray:
    """Keep the weights of largest size, an exact number of them.

    Of weights of equal size the earlier one is kept.

    Args:
        w: weights of any shape.
        keep: the fraction kept, 0 to 1.

    Returns:
        booleans of w's shape, `kept_count` of them true.

    Raises:
        ValueError: when keep is not 0 to 1, or a weight is not a number.

    Source: Han et al. (2015), with a count in place of a threshold.

    >>> magnitude_mask(np.array([0.1, -3.0, 0.2, 2.0]), keep=0.5)
    array([False,  True, False,  True])
    """
    return prune_step(w, np.ones(np.shape(w), bool), keep)


def prune_step(w: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray:
    """Keep a fraction of the weights that are still there: the largest of them.

    What was pruned before stays pruned, whatever its weight: masks nest.

    Args:
        w: weights of any shape.
        mask: of w's shape, true where a weight is still there.
        keep: the fraction of these that is kept, 0 to 1.

    Returns:
        booleans of w's shape, kept_count(mask.sum(), keep) of them true.

    Raises:
        ValueError: when keep is not 0 to 1, the mask does not fit, or a weight that
            is still there is not a number.

    Source: Frankle and Carbin (2019), iterative pruning.

    >>> mask = np.array([True, True, False, True, True])
    >>> prune_step(np.array([0.1, -3.0, 9.0, 2.0, 0.2]), mask, keep=0.5)
    array([False,  True, False,  True, False])
    """
    w = np.asarray(w)
    _check_mask(mask, w.shape)
    survivors = np.flatnonzero(mask)
    sizes = np.abs(w.reshape(-1)[survivors])
    if np.isnan(sizes).any():
        raise ValueError("some weights are not a number: they have no order of size")
    order = np.argsort(-sizes, kind="stable")
    new = np.zeros(w.size, bool)
    new[survivors[order[: kept_count(len(survivors), keep)]]] = True
    return new.reshape(w.shape)


def layer_masks(
    net: Pieces,
    scores: np.ndarray,
    keep: float,
    *,
    mask: np.ndarray | None = None,
    scope: str = "layer",
    output: float | None = None,
) -> np.ndarray:
    """Prune all layers of a network: keep what scores high, by size.

    Only matrices and kernels are pruned. Vectors (biases, and a norm's gamma and
    beta) are kept whole.

    Args:
        net: the network, a map, or a layout.
        scores: (D,) trained weights, or any other scores; their size counts, not
            their sign.
        keep: the fraction kept, of each layer or of all layers together.
        mask: (D,) what is still there; keep is then a fraction of that. None for all.
        scope: "layer" keeps the same fraction of every layer; "global" compares all
            weights with each other, whatever their layer.
        output: fraction kept of the last layer, by itself; None treats it like the
            others.

    Returns:
        (D,) booleans.

    Raises:
        ValueError: when a fraction is not 0 to 1, a size does not fit, there is no
            such scope, or a score is not a number.

    Source: Frankle and Carbin (2019), who prune the last layer at half the rate of
    the others, and globally in deeper networks.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2)
    >>> mask = layer_masks(net, net.init(0), keep=0.25, output=0.5)
    >>> {name: int(part.sum()) for name, part in net.layout.views(mask).items()}
    {'dense1.weight': 3, 'dense1.bias': 3, 'dense2.weight': 3, 'dense2.bias': 2}
    """
    layout = layout_of(net)
    scores = np.asarray(scores)
    layout.views(scores)  # checks the size
    old = np.ones(layout.size, bool) if mask is None else mask
    _check_mask(old, (layout.size,))
    if scope not in SCOPES:
        raise ValueError(f"no scope {scope!r}; there are {', '.join(SCOPES)}")
    new = np.array(old)
    pieces = [layout.slices[name] for name in prunable(layout)]
    places = [np.arange(piece.start, piece.stop) for piece in pieces]
    shares = [(place, keep) for place in places]
    if output is not None and places:
        shares[-1] = places[-1], output
        places = places[:-1]
    if scope == "global" and places:
        shares = [(np.concatenate(places), keep), *shares[len(places) :]]
    for place, share in shares:
        new[place] = prune_step(scores[place], old[place], share)
    return new


def prunable(net: Pieces) -> list[str]:
    """List the pieces that pruning takes weights from: matrices and kernels.

    >>> from minitorch.models import mlp
    >>> prunable(mlp(4, 3, 2))
    ['dense1.weight', 'dense2.weight']
    """
    return [name for name, shape in layout_of(net).shapes.items() if len(shape) > 1]


def quality(w: np.ndarray, keep: float) -> float:
    """Solve Han's threshold for the fraction kept: q with |w| > q std(w).

    Args:
        w: the weights of a layer, of any shape.
        keep: the fraction kept, 0 to 1.

    Returns:
        q, halfway between the last weight that stays and the first that goes. Where
        keep is 1 it is 0, which keeps every weight but exact zeros. Where weights of
        equal size stand at the cut, no q keeps exactly that many.

    Raises:
        ValueError: when keep is not 0 to 1, or all weights are equal.

    Source: Han et al. (2015): a quality parameter times the standard deviation of a
    layer's weights.

    >>> w = np.array([0.1, -3.0, 0.2, 2.0])
    >>> q = quality(w, keep=0.5)
    >>> round(q, 3), (abs(w) > q * w.std()).tolist()
    (0.612, [False, True, False, True])
    """
    w = np.asarray(w, np.float64).reshape(-1)
    kept = kept_count(len(w), keep)
    spread = w.std() if len(w) else 0.0
    if not spread > 0:
        raise ValueError("the weights are all equal: no threshold parts them")
    sizes = np.sort(np.abs(w))[::-1]
    if kept == len(w):
        return 0.0
    last = sizes[kept - 1] if kept else 2 * sizes[0]
    return float((last + sizes[kept]) / 2 / spread)


def pixel_counts(mask: np.ndarray) -> np.ndarray:
    """Count for each pixel how many weights of the first layer still read it.

    Args:
        mask: (O, S S) of the first layer's weights: each row reads a whole image.

    Returns:
        (S, S) whole numbers.

    Raises:
        ValueError: when the mask's rows are no square images.

    Source: Han et al. (2015), whose picture of the first layer's mask shows 28 bands.

    >>> pixel_counts(np.array([[True, False, False, True], [True, False, True, False]]))
    array([[2, 0],
           [1, 1]])
    """
    side = math.isqrt(mask.shape[1]) if np.ndim(mask) == 2 else -1
    if side < 0 or side**2 != mask.shape[1]:
        raise ValueError(
            f"a mask (O, S S), a row of S S pixels for each unit; got {np.shape(mask)}"
        )
    return np.asarray(mask, bool).sum(axis=0).reshape(side, side)


def message_bytes(
    n: int,
    keep: float,
    value_bits: float = 32,
    form: str = "dense",
    *,
    index_bits: int = 16,
) -> float:
    """Count the bytes that n weights take up when a fraction is kept.

    - "dense": all n values.
    - "bitmask": the kept values, and a bit for each of the n places.
    - "csr": the kept values, each with how many places were skipped before it, in
      `index_bits` bits. Where more are skipped than fit, a zero is stored on the way;
      counted is what a mask of random places needs on average.
    - "entropy": the kept values, and n H(keep) bits for the places.

    Args:
        n: how many weights there are.
        keep: the fraction kept.
        value_bits: for each value.
        form: of the above.
        index_bits: for each index of "csr".

    Returns:
        bytes, not rounded.

    Raises:
        ValueError: for another form, or when keep is not 0 to 1.

    Source: Han et al. (2015); relative indices as in Han, Mao, Dally (2016), Deep
    compression.

    >>> [message_bytes(1000, 0.1, form=form) for form in ("dense", "bitmask")]
    [4000.0, 525.0]
    >>> round(message_bytes(1000, 0.1, form="csr")), message_bytes(1000, 0, form="csr")
    (600, 0.0)
    >>> round(message_bytes(1000, 0.1, form="entropy"))
    459
    """
    kept = kept_count(n, keep)
    if form not in FORMS:
        raise ValueError(f"no form {form!r}; there are {', '.join(FORMS)}")
    if form == "dense":
        return n * value_bits / 8
    if form == "bitmask":
        return (kept * value_bits + n) / 8
    if form == "entropy":
        return (kept * value_bits + n * entropy([n - kept, kept])) / 8
    far = (1 - kept / max(n, 1)) ** 2**index_bits  # one more zero is needed
    stored = kept / (1 - far) if kept else 0
    return stored * (value_bits + index_bits) / 8


# ----------------------------------------------------------------------------
# Controls: what else could have made the ticket win
# ----------------------------------------------------------------------------


def shuffled(net: Pieces, mask: np.ndarray, seed: int) -> np.ndarray:
    """Keep as many weights in each layer, at random places.

    Args:
        net: the network, a map, or a layout.
        mask: (D,) of a ticket.
        seed: of the places.

    Returns:
        (D,) booleans; each matrix or kernel has its entries in another order, and
        vectors stay.

    Raises:
        ValueError: when the mask does not fit.

    Source: Frankle, Dziugaite, Roy, Carbin (2021), Pruning neural networks at
    initialization: why are we missing the mark?

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2)
    >>> mask = layer_masks(net, net.init(0), keep=0.25)
    >>> other = shuffled(net, mask, seed=0)
    >>> int(other[:12].sum()), bool((mask == other).all())
    (3, False)
    """
    layout = layout_of(net)
    _check_mask(mask, (layout.size,))
    new = np.array(mask)
    for name in prunable(layout):
        piece = layout.slices[name]
        new[piece] = stream(seed, f"shuffled/{name}").permutation(mask[piece])
    return new


def fresh(net: Target, seed: int) -> np.ndarray:
    """Draw another start, independent of theta0 even for the same seed.

    Args:
        net: the network, or a map.
        seed: from which the seed of the new start is drawn.

    Returns:
        (D,) from net.init.

    Source: Frankle and Carbin (2019): random reinitialisation.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2)
    >>> bool((fresh(net, seed=0) == net.init(0)).all())
    False
    """
    other = int(stream(seed, "fresh").randint(0, 2**32, dtype=np.uint32))
    return net.init(other)


def signed_constant(net: Pieces, theta0: np.ndarray) -> np.ndarray:
    """Keep the signs of a start, and one size for each layer: its standard deviation.

    Args:
        net: the network, a map, or a layout.
        theta0: (D,) the start.

    Returns:
        (D,); vectors stay as they are.

    Source: Zhou, Lan, Liu, Yosinski (2019), Deconstructing lottery tickets.

    >>> signed_constant(Layout({"w": (2, 2)}), np.array([1.0, -1.0, 3.0, -3.0]))
    array([ 2.23606798, -2.23606798,  2.23606798, -2.23606798])
    """
    layout, new = layout_of(net), np.array(theta0)
    pieces = layout.views(new)
    for name in prunable(layout):
        size = pieces[name].std(dtype=np.float64)
        pieces[name][...] = np.copysign(size, pieces[name])
    return new


def fresh_same_signs(net: Target, theta0: np.ndarray, seed: int) -> np.ndarray:
    """Draw another start, and give each of its weights the sign that theta0 has.

    Args:
        net: the network, or a map.
        theta0: (D,) the start whose signs are kept.
        seed: as of `fresh`.

    Returns:
        (D,).

    Source: Zhou et al. (2019).

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2, bias=False)
    >>> theta0 = net.init(0)
    >>> new = fresh_same_signs(net, theta0, seed=0)
    >>> bool((np.sign(new) == np.sign(theta0)).all()), bool((new == theta0).any())
    (True, False)
    """
    net.layout.views(theta0)  # checks the size
    return np.copysign(fresh(net, seed), theta0)


def snip_scores(
    net: Network, theta: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Score each weight before training by how much the loss would feel its loss.

    |g theta|, with g the gradient of the cross-entropy on one batch: to first order
    how much the loss changes when the weight is set to 0.

    Args:
        net: the network.
        theta: (D,) its start.
        x, y: a batch and its labels.

    Returns:
        (D,) scores, for `layer_masks`, globally in the paper.

    Source: Lee, Ajanthan, Torr (2019), SNIP: single-shot network pruning.

    >>> from minitorch.models import mlp
    >>> net, x = mlp(4, 3), np.eye(4, dtype=np.float32)[:3]
    >>> scores = snip_scores(net, net.init(0), x, np.arange(3))
    >>> scores.shape, bool((scores[3:12:4] == 0).all())  # no image shows pixel 3
    ((15,), True)
    """
    start = Tensor(np.asarray(theta, np.float32), requires_grad=True)
    logits, _ = net(start, x, train=True)
    cross_entropy(logits, y).backward()
    return np.abs(backend().to_numpy(start.grad) * start.numpy())


def line_errors(
    net: Network,
    theta_a: np.ndarray,
    theta_b: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    points: int = 30,
) -> np.ndarray:
    """Measure the error at points on the straight line between two solutions.

    Args:
        net: the network, without running statistics.
        theta_a, theta_b: (D,) each.
        x, y: images and labels.
        points: how many, the two ends among them.

    Returns:
        (points,) fractions of images that are wrong.

    Raises:
        ValueError: when there are fewer than 2 points, or a size does not fit.

    Source: Frankle, Dziugaite, Roy, Carbin (2020), Linear mode connectivity and the
    lottery ticket hypothesis, section 2.

    >>> from minitorch.models import mlp
    >>> net, x, y = mlp(1, 2, bias=False), np.ones((1, 1), np.float32), np.array([0])
    >>> a, b = np.array([3, 1], np.float32), np.array([1, 2], np.float32)
    >>> line_errors(net, a, b, x, y, points=3)  # logits (3, 1), (2, 1.5), (1, 2)
    array([0., 0., 1.])
    """
    if points < 2:
        raise ValueError(f"a line has 2 points or more, got {points}")
    a, b = np.asarray(theta_a), np.asarray(theta_b)
    for theta in (a, b):
        net.layout.views(theta)  # checks the size
    weights = np.linspace(0, 1, points)
    on_line = [((1 - t) * a + t * b).astype(np.float32) for t in weights]
    return np.array([1 - accuracy(net, theta, x, y) for theta in on_line])


def barrier(
    net: Network,
    theta_a: np.ndarray,
    theta_b: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    points: int = 30,
) -> float:
    """Measure how far the error rises between two solutions: the barrier's height.

    The largest error on the line between them, minus the mean of the errors at its
    ends. Two runs are linearly connected, or stable, where that is about 0.

    Args, raises: as `line_errors`.

    Source: Frankle et al. (2020), section 2: linear interpolation instability.

    >>> from minitorch.models import mlp
    >>> net, x, y = mlp(1, 2, bias=False), np.ones((1, 1), np.float32), np.array([0])
    >>> a, b = np.array([3, 1], np.float32), np.array([1, 2], np.float32)
    >>> barrier(net, a, b, x, y, points=3)  # errors 0, 0, 1
    0.5
    """
    errors = line_errors(net, theta_a, theta_b, x, y, points=points)
    return float(errors.max() - (errors[0] + errors[-1]) / 2)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


class Masked(Parametrization):
    """theta = mask * phi: only the weights that the mask keeps are used and trained.

    The mask is applied on every use of phi. So neither momentum, nor weight decay,
    nor a gradient from before the pruning can revive a weight. Where a mask empties a
    layer, no signal passes: all images get the same logits, and weights before that
    layer get no gradient.

    Its message holds the mask of each piece, entropy-coded, and the change of each
    weight kept from theta0, which the seed draws again, rounded to whole steps and
    entropy-coded. Eight bits make 2**8 steps over the whole range of changes.

    Args:
        target: the network, or the map whose phi is masked.
        mask: (D,) booleans, true where a weight is kept.
        seed: of theta0.
        start: (D,) where phi starts; None starts at theta0. A message does not need
            it, unless another map stands on this one: then no receiver can read it.
        frozen: whether pruned weights stay at theta0 instead of 0:
            theta = mask * phi + (1 - mask) * theta0.

    Raises:
        ValueError: when the mask is not of booleans, or a size does not fit.

    Source: Frankle and Carbin (2019); frozen as in Zhou et al. (2019).

    >>> from minitorch.models import mlp
    >>> net = mlp(784, 300, 100, 10, bias=False)
    >>> g = Masked(net, layer_masks(net, net.init(0), keep=0.02))
    >>> g
    Masked mlp-784-300-100-10-nobias: 5,324 of 266,200 weights (2.0 %), seed 0
    """

    code = 4

    def __init__(
        self,
        target: Target,
        mask: np.ndarray,
        *,
        seed: int = 0,
        start: np.ndarray | None = None,
        frozen: bool = False,
    ):
        _check_mask(mask, (target.layout.size,))
        self.target, self.seed, self.frozen = target, seed, frozen
        self.layout, self.mask = target.layout, np.array(mask)
        self.theta0 = target.init(seed)
        self.layout.views(self.theta0 if start is None else start)  # checks the size
        self._start = None if start is None else np.array(start, np.float32)
        self._unknown = False  # to a receiver: a start that was given
        factor = self.mask.astype(np.float32)
        fixed = np.where(self.mask, np.float32(0), self.theta0) if frozen else None

        def forward(phi: Array) -> Array:
            theta = phi * backend().constant(factor)
            return theta if fixed is None else theta + backend().constant(fixed)

        def backward(grad: Array) -> Array:
            return grad * backend().constant(factor)

        self._apply = custom("mask", forward, backward)

    def init(self, seed: int) -> np.ndarray:
        """Start at theta0, or where it was said to start, (D,).

        Raises:
            ValueError: when a receiver asks for a start that was given.
        """
        if self._unknown:
            raise ValueError(
                "a map stands on a Masked whose start was given, not drawn from the "
                "seed: a receiver cannot have it"
            )
        return (self.theta0 if self._start is None else self._start).copy()

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        return through(self.target, self._apply(phi), train, rng)

    def spec(self) -> bytes:
        """The seed, how it works, and the mask of each piece."""
        flags = self.frozen + 2 * (self._start is not None)
        parts = [struct.pack("<IB", self.seed, flags)]
        for piece in self.layout.views(self.mask).values():
            coded = encode_mask(piece)
            parts += [whole(len(coded)), coded]
        return b"".join(parts)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Masked, bytes]:
        seed, flags = struct.unpack_from("<IB", data)
        data, mask = data[5:], np.zeros(target.layout.size, bool)
        for piece in target.layout.slices.values():
            size, data = read_whole(data)
            mask[piece] = decode_mask(data[:size], piece.stop - piece.start)
            data = data[size:]
        g = cls(target, mask, seed=seed, frozen=bool(flags & 1))
        g._unknown = bool(flags & 2)
        return g, data

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The step, then how many steps each weight kept has moved from theta0."""
        change = (phi - self.theta0)[self.mask]
        largest = np.abs(change).max(initial=0)
        step = np.float32(2 * largest / 2**bits) or np.float32(1)
        codes = np.rint(change / step).astype(np.int64)
        return struct.pack("<f", step) + encode_numbers(codes)

    def from_payload(self, data: bytes) -> np.ndarray:
        (step,) = struct.unpack_from("<f", data)
        codes = decode_numbers(data[4:], int(self.mask.sum()))
        phi = np.zeros(self.layout.size, np.float32)
        phi[self.mask] = self.theta0[self.mask] + codes * np.float32(step)
        return phi

    def __repr__(self) -> str:
        kept, D = int(self.mask.sum()), self.mask.size
        pruned = ", pruned ones frozen at the start" if self.frozen else ""
        return (
            f"Masked {self.net.name}: {kept:,} of {D:,} weights "
            f"({100 * kept / max(D, 1):.1f} %){pruned}, seed {self.seed}"
        )


def layout_of(net: Pieces) -> Layout:
    """Give the layout of a network or a map; of a layout, itself.

    >>> layout_of(Layout({"w": (2, 2)})).size
    4
    """
    return net if isinstance(net, Layout) else net.layout


def _check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    kind = getattr(mask, "dtype", type(mask).__name__)
    if str(kind) != "bool" or mask.shape != shape:
        raise ValueError(
            f"a mask of booleans of shape {shape}, true where a weight is kept; got "
            f"{kind} of shape {np.shape(mask)}"
        )
