"""Supermasks in superposition: many tasks on one random network, one mask for each.

theta = theta0 * (sum_i alpha_i M_i). theta0 is random and never moves. Each task has
a mask M_i of its own, so that learning a task cannot harm another. Where nobody says
which task an image is of, all masks are laid over each other, alpha_i = 1 / k, and
the network is asked what would make it surer: the most negative dH/dalpha_i names the
task. H is the entropy of the answer.

Letters: k tasks, N images, K outputs, D all weights, d units of a Hopfield network.

Source: Wortsman, Ramanujan, Liu, Kembhavi, Rastegari, Yosinski, Farhadi (2020),
Supermasks in superposition.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minitorch.backends import backend
from minitorch.functional import cross_entropy
from minitorch.nn import Layout, Network
from minitorch.ops import Operand, exp, log_softmax, logsumexp, mean, multiply, tensor
from minitorch.ops import sum as total
from minitorch.optim import RMSprop
from minitorch.random import stream
from minitorch.tensor import Array, Tensor, no_grad, record
from minitorch.train import Map, predict
from minitorch.weird.coding import (
    decode_mask,
    decode_numbers,
    encode_mask,
    encode_numbers,
    read_whole,
    whole,
)
from minitorch.weird.parametrization import Parametrization, Rng, Target, through
from minitorch.weird.pruning import kept_count, prunable
from minitorch.weird.supermask import WEIGHTS, Supermask

CHUNK = 16  # masks that are made numbers of at a time
SPARE = 2  # untrained masks that stand beside the first one, as long as it is alone
EPS = 1 / 8  # how far above chance the surest task must stand

# ----------------------------------------------------------------------------
# Tasks
# ----------------------------------------------------------------------------


def pixel_order(seed: int, task: int, pixels: int = 784) -> np.ndarray:
    """Give the order that a task puts the pixels in, (pixels,).

    Each pair of a seed and a task has a stream of its own. Where task and seed are
    added to one number, as in the authors' code, seeds 0 and 1 share all their tasks
    but one, and are no independent runs.

    Args:
        seed: of the whole sequence of tasks.
        task: its place in the sequence.
        pixels: how many there are.

    Source: Goodfellow, Mirza, Xiao, Courville, Bengio (2014), An empirical
    investigation of catastrophic forgetting.

    >>> pixel_order(seed=0, task=1, pixels=6).tolist()
    [5, 4, 0, 2, 3, 1]
    """
    return stream(seed, f"superposition/pixels/{task}").permutation(pixels)


def permuted(x: np.ndarray, seed: int, task: int) -> np.ndarray:
    """Put the pixels of images in a task's order, (N, F), the same for all of them.

    Args:
        x: images, (N, ...).
        seed: of the sequence of tasks.
        task: its place in the sequence.

    >>> x = np.arange(12).reshape(2, 6)
    >>> bool((permuted(x, 0, 1) == x[:, pixel_order(0, 1, 6)]).all())
    True
    """
    rows = np.asarray(x).reshape(len(x), -1)
    return rows.take(pixel_order(seed, task, rows.shape[1]), axis=1)


def rotated(x: np.ndarray, degrees: float) -> np.ndarray:
    """Turn square images about their centre, counter-clockwise as they are shown.

    Each new pixel is read between four old ones, by their shares of the area
    (bilinear). What comes from outside is 0.

    Args:
        x: images, (N, S * S), (N, S, S) or (N, 1, S, S).
        degrees: the angle.

    Returns:
        (N, S * S) of the same type.

    Raises:
        ValueError: when the images are not square.

    >>> rotated(np.array([[1.0, 2.0, 3.0, 4.0]]), 90).round(6)
    array([[2., 4., 1., 3.]])
    """
    rows = np.asarray(x).reshape(len(x), -1)
    size = math.isqrt(rows.shape[1])
    if size * size != rows.shape[1]:
        raise ValueError(f"square images can be turned, got {np.shape(x)}")
    angle, middle = math.radians(degrees), (size - 1) / 2
    down, right = np.mgrid[:size, :size].reshape(2, -1) - middle
    source = (
        math.cos(angle) * down + math.sin(angle) * right + middle,
        -math.sin(angle) * down + math.cos(angle) * right + middle,
    )
    # Rounding must not put a pixel of the rim outside.
    source = tuple(np.round(each, 9) for each in source)
    corner = [np.floor(each).astype(int) for each in source]
    out = np.zeros(rows.shape, rows.dtype)
    for i in (0, 1):
        for j in (0, 1):
            places = corner[0] + i, corner[1] + j
            share = (1 - abs(source[0] - places[0])) * (1 - abs(source[1] - places[1]))
            inside = [(p >= 0) & (p < size) for p in places]
            share = np.where(inside[0] & inside[1], share, 0).astype(rows.dtype)
            near = [p.clip(0, size - 1) for p in places]
            out += rows.take(near[0] * size + near[1], axis=1) * share
    return out


# ----------------------------------------------------------------------------
# Training one task after another
# ----------------------------------------------------------------------------

Batches = Iterable[tuple[np.ndarray, np.ndarray]]


class Learned(NamedTuple):
    """phi (d,) after training, and running statistics, None where there are none."""

    phi: np.ndarray
    state: Any


def learn(
    net: Network,
    g: Map,
    batches: Batches,
    *,
    lr: float,
    start: np.ndarray | None = None,
    state: Any = None,
    seed: int = 0,
) -> Learned:
    """Train phi by RMSprop at one rate, one step for each batch, as the paper does.

    With a `Supermask` of kind "threshold" it learns the mask of one task. With `Dense`
    it trains the weights themselves: one call after another, each from the phi that
    the last one left, is how a network forgets.

    Args:
        net: the network.
        g: the map whose target ends in it.
        batches: (images, labels), one after another.
        lr: the learning rate.
        start: (d,) where phi starts; None draws it from the seed.
        state: running statistics to go on from.
        seed: of phi's start, and of whatever is drawn in a step.

    Raises:
        FloatingPointError: when phi is no longer finite.
        ValueError: when there are no batches.

    Source: Wortsman et al. (2020)

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> from minitorch.weird import apply
    >>> data, net = load("mnist").flat(), mlp(784, 32, 10, bias=False)
    >>> x, y = data.train_x.reshape(125, 64, -1), data.train_y.reshape(125, 64)
    >>> g = Supermask(net, kind="threshold", weights="signed")
    >>> phi = learn(net, g, zip(x, y), lr=1e-3).phi
    >>> guessed = predict(net, apply(g, phi), data.test_x)
    >>> bool((guessed == data.test_y).mean() > 0.7)
    True
    """
    phi = Tensor(np.array(g.init(seed) if start is None else start), requires_grad=True)
    mover, rng, steps = RMSprop(phi, lr), np.random.default_rng(seed), 0
    for x, y in batches:
        steps += 1
        theta = g(phi, train=True, rng=rng)
        logits, state = net(theta, x, state=state, train=True, rng=rng)
        cross_entropy(logits, y).backward()
        mover.step()
        g.after_step(phi, mover)
    if not steps:
        raise ValueError("no batches, so there is nothing to learn from")
    if not np.isfinite(phi.numpy()).all():
        raise FloatingPointError(
            f"phi is no longer finite after {steps} steps at rate {lr:g}; try a tenth"
        )
    return Learned(phi.numpy(), state)


# ----------------------------------------------------------------------------
# What would make the network surer
# ----------------------------------------------------------------------------


def entropy(logits: Operand) -> Tensor:
    """Give the mean over images of H = - sum_j p_j log p_j, p = softmax(logits).

    Args:
        logits: (N, K), all of them: the superfluous ones as well.

    Returns:
        one number, in nats.

    Source: Wortsman et al. (2020)

    >>> round(entropy(np.zeros((2, 10))).item(), 4)  # log 10
    2.3026
    """
    log_p = log_softmax(logits)  # no logarithm of a probability that is 0
    return -mean(total(multiply(exp(log_p), log_p), -1))


def g_objective(logits: Operand, real: int) -> Tensor:
    """Give the mean over images of log sum_j exp(logits_j), real outputs held fixed.

    No gradient passes through the first `real` outputs. The others have no class: no
    image was ever labelled so, and training pushed them down. The mask under which
    they would fall fastest is the one that was trained on such images.

    Args:
        logits: (N, K).
        real: how many of the outputs stand for classes; fewer than K.

    Raises:
        ValueError: when no output is superfluous.

    Source: Wortsman et al. (2020)

    >>> logits = Tensor(np.zeros((1, 4)), requires_grad=True)
    >>> g_objective(logits, real=2).backward()
    >>> logits.grad
    array([[0.  , 0.  , 0.25, 0.25]])
    """
    logits = tensor(logits)
    _superfluous(logits.shape[-1], real)
    cut = np.zeros(logits.shape[-1], logits.numpy().dtype)
    cut[real:] = 1
    free, fixed = multiply(logits, cut), multiply(logits.detach(), 1 - cut)
    return mean(logsumexp(free + fixed))


def entropy_grad(logits: Array, real: int | None = None) -> Array:
    """Give the gradient of `entropy`: dH/dlogits_j = - p_j (log p_j + H) / N.

    Args:
        logits: (N, K), an array of the back-end in use.
        real: no matter here.

    Returns:
        (N, K).

    >>> entropy_grad(np.log([[0.5, 0.25, 0.25]])).round(3)  # surer: more of the first
    array([[-0.173,  0.087,  0.087]])
    """
    log_p = _log_softmax(logits)
    p = backend().exp(log_p)
    H = -backend().sum(p * log_p, -1, True)
    return -p * (log_p + H) / len(logits)


def g_grad(logits: Array, real: int | None) -> Array:
    """Give the gradient of `g_objective`: p_j / N for superfluous outputs, else 0.

    It is also what the cross-entropy's gradient is on these outputs, whatever the
    label: a label that nobody needs to know.

    Args:
        logits: (N, K), an array of the back-end in use.
        real: how many of the outputs stand for classes; fewer than K.

    Returns:
        (N, K).

    Raises:
        ValueError: when no output is superfluous.

    Source: Wortsman et al. (2020)

    >>> g_grad(np.log([[0.5, 0.25, 0.25]]), real=2)
    array([[0.  , 0.  , 0.25]])
    """
    _superfluous(logits.shape[-1], real)
    p = backend().exp(_log_softmax(logits))
    p[:, :real] = 0
    return p / len(logits)


def entropies(logits: Array, real: int | None = None) -> Array:
    """Give H of each image, (N,), in nats; `real` is no matter.

    >>> entropies(np.log([[0.5, 0.5], [1.0, 1e-30]])).round(4)
    array([0.6931, 0.    ])
    """
    log_p = _log_softmax(logits)
    return -backend().sum(backend().exp(log_p) * log_p, -1, False)


def superfluous(logits: Array, real: int | None) -> Array:
    """Give the probability that falls on outputs without a class, (N,).

    What an exhaustive search goes by where the gradient goes by G. The paper names no
    such value; here it is, so that both can be searched.

    Raises:
        ValueError: when no output is superfluous.

    >>> superfluous(np.log([[0.5, 0.25, 0.25]]), real=2)
    array([0.25])
    """
    _superfluous(logits.shape[-1], real)
    p = backend().exp(_log_softmax(logits))
    return backend().sum(p[:, real:], -1, False)


Slope = Callable[[Array, int | None], Array]
# What falls as the network grows surer: its gradient, and its value image by image.
OBJECTIVES: dict[str, tuple[Slope, Slope]] = {
    "entropy": (entropy_grad, entropies),
    "G": (g_grad, superfluous),
}


def _log_softmax(logits: Array) -> Array:
    return log_softmax(Tensor(logits)).data


def _superfluous(outputs: int, real: int | None) -> None:
    if real is None or not 0 < real < outputs:
        raise ValueError(
            f"G needs outputs that stand for no class: real is 1 to {outputs - 1} for "
            f"{outputs} outputs, got {real}"
        )


def _objective(name: str) -> tuple[Slope, Slope]:
    if name not in OBJECTIVES:
        raise ValueError(f"no objective {name!r}; there are {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


# ----------------------------------------------------------------------------
# Masks laid over each other
# ----------------------------------------------------------------------------


def superpose(masks: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Lay masks over each other: sum_i alpha_i M_i.

    Args:
        masks: (k, D) booleans, arrays of the back-end in use.
        alphas: (k,) how much of each; they sum to 1 where they are shares.

    Returns:
        (D,).

    Raises:
        ValueError: when there is not one alpha for each mask.

    Source: Wortsman et al. (2020)

    >>> masks = np.array([[True, False, True], [True, True, False]])
    >>> superpose(masks, np.array([0.25, 0.75]))
    array([1.  , 0.75, 0.25])
    """
    if len(masks.shape) != 2 or tuple(alphas.shape) != (len(masks),) or not len(masks):
        raise ValueError(
            f"masks (k, D) and one alpha for each, got {tuple(masks.shape)} and "
            f"{tuple(alphas.shape)}"
        )
    kernels = backend()
    parts = range(0, len(masks), CHUNK)
    mixed = [
        kernels.matmul(
            alphas[i : i + CHUNK], kernels.astype(masks[i : i + CHUNK], alphas)
        )
        for i in parts
    ]
    return sum(mixed[1:], mixed[0])


def alpha_slopes(grad: Array, theta0: Array, masks: Array) -> Array:
    """Give dL/dalpha_i = sum over weights of dL/dtheta theta0 M_i.

    One number a task, all from one gradient: no network runs again.

    Args:
        grad: of theta = theta0 * sum_i alpha_i M_i, (D,), arrays of the back-end.
        theta0: (D,).
        masks: (k, D) booleans.

    Returns:
        (k,).

    >>> masks = np.array([[True, False, True], [True, True, False]])
    >>> alpha_slopes(np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 1.0]), masks)
    array([ 4., -1.])
    """
    kernels, slope = backend(), grad * theta0
    parts = [
        kernels.matmul(kernels.astype(masks[i : i + CHUNK], slope), slope)
        for i in range(0, len(masks), CHUNK)
    ]
    return kernels.concat(parts, 0)


class Superposition(Parametrization):
    """theta = theta0 * (sum_i alpha_i M_i): phi are the alphas, one for each mask.

    A vector of zeros and one 1 is the network of one task. Its message holds the seed
    and the masks of all tasks, entropy-coded, and then the alphas: a few bytes say
    which task is meant, once the receiver has the masks.

    Args:
        target: the network, or the map whose phi is masked.
        masks: (k, D) booleans, such as `Supermask.mask` gives; vectors (biases) are
            true in all of them, and so keep their values where alphas sum to 1.
        weights: what theta0 is, as in `Supermask`.
        seed: of theta0.

    Raises:
        ValueError: when the masks are not (k, D) booleans, or there are none.

    Source: Wortsman et al. (2020)

    >>> from minitorch.models import mlp
    >>> from minitorch.weird import apply
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g = Superposition(net, rng.random((8, 18)) < 0.5)
    >>> g
    Superposition of 8 masks of mlp-4-3-2-nobias: own weights, seed 0
    >>> bool((apply(g, np.eye(8)[5]) == g.theta0 * g.masks[5]).all())
    True
    """

    code = 6

    def __init__(
        self,
        target: Target,
        masks: np.ndarray,
        *,
        weights: str = "own",
        seed: int = 0,
    ):
        self.masks = np.asarray(masks)
        shape = self.masks.shape
        if (
            self.masks.dtype != bool
            or shape[1:] != (target.layout.size,)
            or not shape[0]
        ):
            raise ValueError(
                f"masks are (k, {target.layout.size}) booleans, at least one; got "
                f"{shape} of {self.masks.dtype}"
            )
        fixed = Supermask(target, kind="threshold", weights=weights, seed=seed)
        self.theta0 = fixed.theta0
        self._pieces = [target.layout.slices[name] for name in prunable(target)]
        self.target, self.weights, self.seed = target, weights, seed
        self.layout = Layout({"alpha": (len(self.masks),)})

    def init(self, seed: int = 0) -> np.ndarray:
        """Give each mask the same share, (k,)."""
        k = self.layout.size
        return np.full(k, 1 / k, np.float32)

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        phi, kernels = tensor(phi), backend()
        self.layout.views(phi.data)  # checks the size
        masks = kernels.constant(self.masks)
        theta0 = kernels.astype(kernels.constant(self.theta0), phi.data)

        def backward(grad: Array) -> tuple[Array]:
            return (alpha_slopes(grad, theta0, masks),)

        mixed = theta0 * superpose(masks, phi.data)
        made = record("superpose", mixed, (phi,), backward)
        return through(self.target, made, train, rng)

    def spec(self) -> bytes:
        """The seed and the masks of all tasks.

        Raises:
            ValueError: when a mask drops a bias, which no message can say.
        """
        which = list(WEIGHTS).index(self.weights)
        parts = [struct.pack("<IB", self.seed, which), whole(len(self.masks))]
        for mask in self.masks:
            if not mask[self._vectors()].all():
                raise ValueError("a mask that drops a bias cannot be sent")
            for piece in self._pieces:
                coded = encode_mask(mask[piece])
                parts += [whole(len(coded)), coded]
        return b"".join(parts)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Superposition, bytes]:
        seed, which = struct.unpack_from("<IB", data)
        k, data = read_whole(data[5:])
        weights = list(WEIGHTS)[which]
        masks = np.ones((k, target.layout.size), bool)
        pieces = [target.layout.slices[name] for name in prunable(target)]
        for mask in masks:
            for piece in pieces:
                size, data = read_whole(data)
                mask[piece] = decode_mask(data[:size], piece.stop - piece.start)
                data = data[size:]
        return cls(target, masks, weights=weights, seed=seed), data

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The alphas in steps of their largest size."""
        most = 2**bits - 1
        step = np.float32(np.abs(phi).max() / most) or np.float32(1)
        codes = np.rint(phi / step).astype(np.int64)
        return struct.pack("<f", step * most) + whole(bits) + encode_numbers(codes)

    def from_payload(self, data: bytes) -> np.ndarray:
        (top,) = struct.unpack_from("<f", data)
        bits, data = read_whole(data[4:])
        codes = decode_numbers(data, self.layout.size)
        return (codes / (2**bits - 1) * top).astype(np.float32)

    def _vectors(self) -> np.ndarray:
        """Which of the D weights have no mask, (D,) booleans."""
        free = np.ones(self.target.layout.size, bool)
        for piece in self._pieces:
            free[piece] = False
        return free

    def __repr__(self) -> str:
        return (
            f"Superposition of {len(self.masks)} masks of {self.net.name}: "
            f"{self.weights} weights, seed {self.seed}"
        )


# ----------------------------------------------------------------------------
# Which task is it?
# ----------------------------------------------------------------------------

SEARCHES = ("one-shot", "binary", "exhaustive")


def alpha_grads(
    g: Superposition,
    x: np.ndarray,
    alphas: np.ndarray | None = None,
    *,
    objective: str = "entropy",
    real: int | None = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """Give the gradient of a batch's mean objective in the alphas: one pass, any k.

    Args:
        g: the masks.
        x: images that are of one task, (N, ...).
        alphas: (k,) where it is taken; None for equal shares.
        objective: "entropy" or "G".
        real: for G: how many outputs stand for classes.
        temperature: what the logits are divided by first.

    Returns:
        (k,), the most negative for the task that would make the network surest.

    Raises:
        ValueError: for another objective, or a size that does not fit.

    Source: Wortsman et al. (2020)

    >>> from minitorch.models import mlp
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g = Superposition(net, rng.random((8, 18)) < 0.5)
    >>> alpha_grads(g, np.ones((5, 4), np.float32)).shape
    (8,)
    """
    slope, _ = _objective(objective)
    phi = Tensor(g.init() if alphas is None else np.array(alphas), requires_grad=True)
    logits = g.net(g(phi), x)
    logits.backward(slope(logits.data / temperature, real) / temperature)
    return backend().to_numpy(phi.grad)


def image_grads(
    g: Superposition,
    x: np.ndarray,
    alphas: np.ndarray | None = None,
    *,
    objective: str = "entropy",
    real: int | None = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """Give what `alpha_grads` does for each image by itself, all in one go.

    dL/dalpha_i = sum over layers of delta . (W * M_i) h, where h goes into a layer and
    delta is the gradient of what comes out. So each mask is laid on the weights once
    for all images. For MLPs without biases.

    Args:
        g: the masks.
        x: images, (N, ...), of any tasks.
        alphas: (N, k), each image's own; None for equal shares.
        objective: "entropy" or "G".
        real: for G: how many outputs stand for classes.
        temperature: what the logits are divided by first.

    Returns:
        (N, k); infinite where alpha is 0: such a task is out.

    Raises:
        ValueError: for another objective or network, or a size that does not fit.

    >>> from minitorch.models import mlp
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g, x = Superposition(net, rng.random((8, 18)) < 0.5), rng.random((5, 4))
    >>> x = x.astype(np.float32)
    >>> np.allclose(image_grads(g, x)[3], alpha_grads(g, x[3:4]), atol=1e-6)
    True
    """
    slope, _ = _objective(objective)
    if not _plain(g):
        raise ValueError(
            f"images one by one need an MLP without biases, got {g.net.name}; "
            "alpha_grads takes any network"
        )
    kernels, N, k = backend(), len(x), g.layout.size
    shares = np.tile(g.init(), (N, 1)) if alphas is None else np.asarray(alphas)
    if shares.shape != (N, k):
        raise ValueError(f"alphas of {N} images are ({N}, {k}), got {shares.shape}")
    alike = bool((shares == shares[:1]).all())
    shares = shares.astype(np.float32)
    # Of each task: the images that it is still open for.
    open_for = [kernels.asarray(np.flatnonzero(shares[:, i])) for i in range(k)]
    each = kernels.asarray(shares)
    masks, theta0 = kernels.constant(g.masks), kernels.constant(g.theta0)
    names = list(g.net.layout.shapes)

    def weights(i: int, name: str) -> Array:
        piece = g.net.layout.slices[name]
        mask = kernels.astype(masks[i, piece], theta0)
        return (theta0[piece] * mask).reshape(g.net.layout.shapes[name])

    mixed = g.net.layout.views(theta0 * superpose(masks, each[0])) if alike else {}
    inputs = [kernels.asarray(np.asarray(x, np.float32).reshape(N, -1))]
    for name in names:
        h = inputs[-1]
        if alike:
            out = kernels.matmul(h, mixed[name].T)
        else:
            rows = g.net.layout.shapes[name][0]
            out = kernels.asarray(np.zeros((N, rows), np.float32))
            for i, at in enumerate(open_for):
                if len(at):
                    part = kernels.matmul(h[at], weights(i, name).T)
                    out[at] += each[at, i][:, None] * part
        inputs.append(out if name == names[-1] else out * (out > 0))
    logits = inputs.pop()
    # The slope is of the mean over images; each image stands for itself here.
    delta = slope(logits / temperature, real) * (N / temperature)
    slopes = kernels.asarray(np.where(shares == 0, np.inf, 0).astype(np.float32))
    for name, h in zip(reversed(names), reversed(inputs), strict=True):
        below = kernels.matmul(delta, mixed[name]) if alike else kernels.zeros_like(h)
        for i, at in enumerate(open_for):
            if not len(at):
                continue
            w = weights(i, name)
            came = kernels.matmul(h[at], w.T)
            slopes[at, i] += kernels.sum(delta[at] * came, -1, False)
            if not alike:
                below[at] += each[at, i][:, None] * kernels.matmul(delta[at], w)
        delta = below * (h > 0)
    return kernels.to_numpy(slopes)


def halve(grads: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Keep the half of the tasks still open whose gradients are most negative.

    Of n the half is (n + 1) // 2, so that k tasks take exactly ceil(log2 k) rounds,
    whatever the gradients are: equal ones are kept in order.

    Args:
        grads: (k,), dL/dalpha.
        alive: (k,) booleans, the tasks that are open.

    Returns:
        (k,) booleans.

    Source: Wortsman et al. (2020), Binary.

    >>> halve(np.array([0.3, -0.2, -0.9, 0.1]), np.array([True, True, False, True]))
    array([False,  True, False,  True])
    """
    alive = np.asarray(alive)
    places = np.flatnonzero(alive)
    order = places[np.argsort(np.asarray(grads)[places], kind="stable")]
    left = np.zeros(alive.shape, bool)
    left[order[: (len(order) + 1) // 2]] = True
    return left


def passes(search: str, k: int) -> int:
    """Say how often the network runs to find one of k tasks.

    Each pass of "one-shot" and "binary" is forward and backward; those of
    "exhaustive" are forward only. A pass over masks laid over each other still reads
    every mask once, to lay it there: what is saved is work of the network.

    Raises:
        ValueError: for another search.

    >>> [passes(search, 2500) for search in SEARCHES]
    [1, 12, 2500]
    """
    if search not in SEARCHES:
        raise ValueError(f"no search {search!r}; there are {', '.join(SEARCHES)}")
    counts = 1, max(1, (k - 1).bit_length()), k
    return dict(zip(SEARCHES, counts, strict=True))[search]


def infer(
    g: Superposition,
    x: np.ndarray,
    search: str = "one-shot",
    *,
    group: int = 1,
    objective: str = "entropy",
    real: int | None = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """Find out which task images are of.

    - "one-shot": one gradient at equal shares; the most negative is the task.
    - "binary": the better half of the tasks stays, until one is left.
    - "exhaustive": every mask by itself; the smallest objective is the task.

    Args:
        g: the masks.
        x: images, (N, ...).
        search: of the above.
        group: how many images, one after another, are known to be of one task and are
            asked together; the last few that make no whole group are left out.
        objective: "entropy" or "G".
        real: for G: how many outputs stand for classes.
        temperature: what the logits are divided by first.

    Returns:
        (N // group,) whole numbers, a task for each group.

    Raises:
        ValueError: for another search or objective, no whole group, or a temperature
            that is not above 0.

    Source: Wortsman et al. (2020)

    >>> from minitorch.models import mlp
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g = Superposition(net, rng.random((8, 18)) < 0.5)
    >>> infer(g, rng.random((6, 4)).astype(np.float32), "binary", group=3).shape
    (2,)
    """
    how: dict[str, Any] = {"objective": objective, "real": real}
    _objective(objective)
    groups = len(x) // group if group > 0 else 0
    passes(search, 1)  # checks the search
    if not groups or not 0 < temperature < math.inf:
        raise ValueError(
            f"{len(x)} images make no group of {group}"
            if not groups
            else f"a temperature is above 0 and finite, got {temperature}"
        )
    x = np.asarray(x)[: groups * group]
    if search == "exhaustive":
        values = each_task(g, x, temperature=temperature, **how)
        return values.reshape(groups, group, -1).mean(1).argmin(1)
    how["temperature"] = temperature

    def slopes(alive: np.ndarray) -> np.ndarray:
        alphas = (alive / alive.sum(1, keepdims=True)).astype(np.float32)
        if group == 1 and _plain(g):
            return image_grads(g, x, alphas, **how)
        parts = zip(x.reshape(groups, group, *x.shape[1:]), alphas, strict=True)
        return np.array([alpha_grads(g, some, a, **how) for some, a in parts])

    alive = np.ones((groups, g.layout.size), bool)
    if search == "one-shot":
        return slopes(alive).argmin(1)
    while alive[0].sum() > 1:
        alive = np.array(list(map(halve, slopes(alive), alive)))
    return alive.argmax(1)


def each_task(
    g: Superposition,
    x: np.ndarray,
    *,
    objective: str = "entropy",
    real: int | None = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """Give the objective of each image under each task's mask alone, (N, k).

    Raises:
        ValueError: for another objective.

    >>> from minitorch.models import mlp
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g = Superposition(net, rng.random((8, 18)) < 0.5)
    >>> each_task(g, rng.random((6, 4)).astype(np.float32)).shape
    (6, 8)
    """
    _, value = _objective(objective)
    columns = []
    with no_grad():
        for i in range(g.layout.size):
            logits = g.net(_alone(g, i), x).data
            columns.append(backend().to_numpy(value(logits / temperature, real)))
    return np.stack(columns, 1)


def labels(g: Superposition, x: np.ndarray, tasks: np.ndarray) -> np.ndarray:
    """Give the class of each image under the mask of its task, (N,).

    Args:
        g: the masks.
        x: images, (N, ...).
        tasks: (N,) the mask that is used for each.

    >>> from minitorch.models import mlp
    >>> net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    >>> g = Superposition(net, rng.random((8, 18)) < 0.5)
    >>> labels(g, np.ones((3, 4), np.float32), np.array([0, 7, 0])).shape
    (3,)
    """
    tasks = np.asarray(tasks)
    out = np.zeros(len(x), np.int64)
    for task in np.unique(tasks):
        at = np.flatnonzero(tasks == task)
        out[at] = predict(g.net, _alone(g, int(task)), x[at])
    return out


def _alone(g: Superposition, task: int) -> Tensor:
    kernels = backend()
    theta0 = kernels.constant(g.theta0)
    mask = kernels.astype(kernels.constant(g.masks)[task], theta0)
    return through(g.target, Tensor(theta0 * mask), False, None)


def _plain(g: Superposition) -> bool:
    """Whether the network is an MLP without biases, and nothing stands before it."""
    net = g.net
    return net is g.target and net.name.startswith("mlp-") and "nobias" in net.name


class Scores(NamedTuple):
    """One set of guesses, counted as each scenario counts them.

    GG: the task is given, in training and in the test. GNs: it must be found, and
    tasks share their labels: the digit counts. GNu: it must be found, and each task
    has labels of its own: the digit counts where the task is right.
    """

    task: float
    GG: float
    GNs: float
    GNu: float


def count(
    g: Superposition, x: np.ndarray, y: np.ndarray, task: int, guessed: np.ndarray
) -> Scores:
    """Count guesses of one task's images in each scenario.

    Args:
        g: the masks.
        x: images of one task, (N, ...).
        y: (N,) their labels.
        task: theirs.
        guessed: (G,) from `infer`, for N // G images each.

    Raises:
        ValueError: when the images do not make as many groups.

    Source: Wortsman et al. (2020)

    >>> from minitorch.models import mlp
    >>> net, x = mlp(4, 3, 2, bias=False), np.ones((4, 4), np.float32)
    >>> g = Superposition(net, np.random.default_rng(0).random((8, 18)) < 0.5)
    >>> y = labels(g, x, np.full(4, 2))
    >>> count(g, x, y, 2, np.array([2, 2]))
    Scores(task=1.0, GG=1.0, GNs=1.0, GNu=1.0)
    """
    if not len(guessed) or len(x) % len(guessed) or len(x) != len(y):
        raise ValueError(
            f"{len(x)} images with {len(y)} labels do not make {len(guessed)} groups"
        )
    used = np.repeat(guessed, len(x) // len(guessed))
    given = labels(g, x, np.full(len(x), task)) == y
    found = labels(g, x, used) == y
    parts = (used == task, given, found, found & (used == task))
    return Scores(*(float(np.mean(part)) for part in parts))


def reliability(
    logits: np.ndarray, y: np.ndarray, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hold how sure a network is against how often it is right, bin by bin.

    Args:
        logits: (N, K).
        y: (N,) labels.
        bins: of equal width from 0 to 1.

    Returns:
        (bins,) each: mean confidence, fraction right (both nan where a bin is empty),
        and the share of images in it. The sum of share |confidence - right| is the
        expected calibration error.

    Source: Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural
    networks, section 2.

    >>> logits = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]))
    >>> sure, right, share = reliability(logits, np.array([0, 1, 1]), bins=2)
    >>> sure.round(2), right.round(2), share.round(2)
    (array([nan, 0.8]), array([ nan, 0.67]), array([0., 1.]))
    """
    logits = np.asarray(logits, np.float64)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    sure, right = p.max(1), p.argmax(1) == y
    where = np.minimum((sure * bins).astype(int), bins - 1)
    counts = np.bincount(where, minlength=bins)
    some = np.where(counts, counts, np.nan)
    means = [np.bincount(where, w, minlength=bins) / some for w in (sure, right)]
    return means[0], means[1], counts / len(y)


# ----------------------------------------------------------------------------
# Tasks that nobody names in training either
# ----------------------------------------------------------------------------


def unsure(grads: np.ndarray, eps: float = EPS) -> bool:
    """Say whether no task stands out: k max_i nu_i < 1 + eps, nu = softmax(-grads).

    Where no mask was made for these images, all shares nu are about 1 / k.

    Args:
        grads: (k,), dH/dalpha of a batch.
        eps: how far above chance the surest task must stand.

    Source: Wortsman et al. (2020): eps = 1/8.

    >>> unsure(np.array([0.1, 0.11, 0.09, 0.1])), unsure(np.array([0.1, -2, 0.1, 0.1]))
    (True, False)
    """
    falls = -np.asarray(grads, np.float64)
    nu = np.exp(falls - falls.max())
    nu /= nu.sum()
    return bool(len(nu) * nu.max() < 1 + eps)


class Followed(NamedTuple):
    """What a stream left behind.

    masks: (k, D) booleans, in the order they were made.
    used: (chunks,) the mask that each chunk trained.
    made: (chunks,) booleans, whether it was made for that chunk.
    margin: (chunks,) k max nu of each decision.
    """

    masks: np.ndarray
    used: np.ndarray
    made: np.ndarray
    margin: np.ndarray


def follow(
    net: Network,
    chunks: Iterable[Sequence[tuple[np.ndarray, np.ndarray]]],
    *,
    lr: float,
    weights: str = "signed",
    eps: float = EPS,
    most: int = 1000,
    seed: int = 0,
) -> Followed:
    """Learn from a stream in which tasks change and nobody says when.

    Before each chunk its first batch is looked at under all masks laid over each
    other. If none stands out, or one that was never trained does, a new mask is made;
    otherwise the one that stands out is trained on. One mask by itself would always
    have the share 1, so two untrained ones stand beside it until there is a second.

    How far a known task stands out depends on how sure the network is, and so on the
    rate and the length of training: eps has to be found for them.

    Args:
        net: the network; its theta0 comes from the seed.
        chunks: lists of batches (images, labels).
        lr: RMSprop's rate.
        weights: what theta0 is, as in `Supermask`.
        eps: see `unsure`.
        most: masks that are made at most; then the surest is used.
        seed: of theta0, and of the scores that masks start from.

    Raises:
        ValueError: when there are no chunks.

    Source: Wortsman et al. (2020), scenario NNs.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> data, net = load("mnist").flat(), mlp(784, 64, 25, bias=False)
    >>> x, y = data.train_x.reshape(80, 100, -1), data.train_y.reshape(80, 100)
    >>> batches = [(permuted(x[i], 0, i // 40), y[i]) for i in range(80)]
    >>> chunks = [batches[i : i + 20] for i in (0, 20, 40, 60)]
    >>> done = follow(net, chunks, lr=1e-3, eps=0.3)
    >>> done.used.tolist()
    [0, 0, 1, 1]
    """
    g = Supermask(net, kind="threshold", weights=weights, seed=seed)
    scores: list[np.ndarray] = []  # of the masks that were made

    def fresh(i: int) -> np.ndarray:
        random = stream(seed, f"superposition/scores/{i}")
        return g.init(int(random.randint(2**31)))

    used, made, margin = [], [], []
    for chunk in chunks:
        k = len(scores)
        spare = [fresh(k + i) for i in range(SPARE if k < 2 else 0)]
        pool = scores + spare
        laid = Superposition(
            net, np.stack([g.mask(s) for s in pool]), weights=weights, seed=seed
        )
        grads = alpha_grads(laid, chunk[0][0]).astype(np.float64)
        best = int(grads.argmin())
        new = (unsure(grads, eps) or best >= k) and k < most
        if new:
            best = k
            scores.append(fresh(k))
        elif best >= k:
            best = int(grads[:k].argmin())
        scores[best] = learn(net, g, chunk, lr=lr, start=scores[best]).phi
        used.append(best)
        made.append(new)
        nu = np.exp(grads.min() - grads)
        margin.append(len(pool) / nu.sum())
    if not used:
        raise ValueError("no chunks, so there is nothing to learn from")
    masks = np.stack([g.mask(s) for s in scores])
    return Followed(masks, np.array(used), np.array(made), np.array(margin))


# ----------------------------------------------------------------------------
# Masks kept in a Hopfield network
# ----------------------------------------------------------------------------


def hebb(patterns: np.ndarray) -> np.ndarray:
    """Store patterns by Hebb's rule: Psi = sum_m z_m z_m^T / d, diagonal 0.

    Args:
        patterns: (k, d) of -1 and 1.

    Returns:
        (d, d), symmetric.

    Raises:
        ValueError: when a pattern holds another number.

    Source: Hopfield (1982), Neural networks and physical systems with emergent
    collective computational abilities.

    >>> hebb(np.array([[1, -1, 1, 1]]))[0]
    array([ 0.  , -0.25,  0.25,  0.25])
    """
    z = _patterns(patterns)
    weights = z.T @ z / z.shape[1]
    np.fill_diagonal(weights, 0)
    return weights


def storkey(weights: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Store one more pattern by Storkey's rule, which allows for those there already.

    Psi_ij += (z_i z_j - z_i h_ji - h_ij z_j) / d, where h_ij = sum over u, neither i
    nor j, of Psi_iu z_u is what i hears of the pattern without i and j. The diagonal
    stays 0.

    Args:
        weights: (d, d), symmetric, zeros for an empty network.
        pattern: (d,) of -1 and 1.

    Returns:
        (d, d), new.

    Raises:
        ValueError: when the pattern holds another number, or a size does not fit.

    Source: Storkey (1997), Increasing the capacity of a Hopfield network without
    sacrificing functionality.

    >>> once = storkey(np.zeros((4, 4)), np.array([1, -1, 1, 1]))
    >>> bool((once == hebb(np.array([[1, -1, 1, 1]]))).all())
    True
    """
    z = _patterns(pattern)
    d = len(z)
    if weights.shape != (d, d):
        raise ValueError(f"weights ({d}, {d}) for {d} units, got {weights.shape}")
    free = weights - np.diag(np.diag(weights))
    heard = (free @ z)[:, None] - free * z  # h_ij: without u = j (and Psi_ii = 0)
    mine = z[:, None] * heard.T  # z_i h_ji
    new = free + (np.outer(z, z) - (mine + mine.T)) / d
    np.fill_diagonal(new, 0)
    return new


def energy(weights: np.ndarray, z: np.ndarray | Sequence[float]) -> float:
    """Give the energy of a state, E = - z^T Psi z / 2, which recall lowers.

    >>> weights = hebb(np.array([[1, -1, 1, 1]]))
    >>> energy(weights, [1, -1, 1, 1]), energy(weights, [1, 1, 1, -1])
    (-1.5, 0.5)
    """
    z = np.asarray(z, np.float64)
    return float(-0.5 * z @ weights @ z)


def recall(
    weights: np.ndarray, start: np.ndarray, *, sweeps: int = 100, seed: int = 0
) -> np.ndarray:
    """Let a Hopfield network run until no unit wants to change.

    Unit by unit, in an order that the seed draws: z_i = sign(sum_u Psi_iu z_u), left
    as it is at 0. No change raises the energy.

    Args:
        weights: (d, d), symmetric, zeros on the diagonal.
        start: (d,) of -1 and 1.
        sweeps: times over all units, at most.
        seed: of the order.

    Returns:
        (d,) of -1 and 1, float64.

    Raises:
        ValueError: when the start holds another number, or a size does not fit.

    Source: Hopfield (1982).

    >>> z = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    >>> recall(hebb(z[None]), np.array([1.0, -1.0, 1.0, 1.0, 1.0]))
    array([ 1., -1.,  1.,  1., -1.])
    """
    z = _patterns(start).copy()
    if weights.shape != (len(z), len(z)):
        raise ValueError(f"weights for {len(z)} units, got {weights.shape}")
    random, heard = np.random.default_rng(seed), weights @ z
    for _ in range(sweeps):
        changed = False
        for i in random.permutation(len(z)):
            if heard[i] * z[i] < 0:
                z[i] = -z[i]
                heard += 2 * z[i] * weights[:, i]
                changed = True
        if not changed:
            break
    return z


def hopfield_bytes(weights: np.ndarray, bits: int = 8) -> bytes:
    """Encode a Hopfield network: half of its weights, rounded and entropy-coded.

    Args:
        weights: (d, d), symmetric, zeros on the diagonal.
        bits: for each weight; the largest size takes all of them.

    Raises:
        ValueError: when the weights are not symmetric, or bits not 2 to 16.

    >>> weights = hebb(np.array([[1, -1, 1, 1]]))
    >>> read_hopfield(hopfield_bytes(weights))[0]
    array([ 0.  , -0.25,  0.25,  0.25])
    """
    if not 2 <= bits <= 16 or not np.array_equal(weights, weights.T):
        raise ValueError(f"symmetric weights and 2 to 16 bits; got {bits} bits")
    half = weights[np.triu_indices(len(weights), 1)]
    step = np.float32(np.abs(half).max(initial=0) / (2 ** (bits - 1) - 1))
    codes = np.rint(half / (step or 1)).astype(np.int64)
    return whole(len(weights)) + struct.pack("<f", step) + encode_numbers(codes)


def read_hopfield(data: bytes) -> np.ndarray:
    """Decode what `hopfield_bytes` made, (d, d); off by half a step at most.

    Raises:
        ValueError: when these bytes are no such network.

    >>> read_hopfield(hopfield_bytes(np.zeros((3, 3)))).shape
    (3, 3)
    """
    d, rest = read_whole(data)
    (step,) = struct.unpack_from("<f", rest)
    weights = np.zeros((d, d))
    codes = decode_numbers(rest[4:], d * (d - 1) // 2)
    weights[np.triu_indices(d, 1)] = codes * float(step)
    return weights + weights.T


def _patterns(z: np.ndarray) -> np.ndarray:
    z = np.asarray(z, np.float64)
    if not np.isin(z, (-1, 1)).all():
        raise ValueError("a pattern is made of -1 and 1")
    return z


class UnitMask(Parametrization):
    """theta = theta0 with the gamma of each hidden unit times its mask, 1 or 0.

    A mask of units and not of weights: one bit a unit, few enough for a Hopfield
    network to keep. A unit whose gamma is 0 says nothing; all else is random and
    stays so. Backward, a score gets the gradient of its gamma, as if it were 1. The
    message holds the seed and the mask, one bit a unit or less.

    The norms take the statistics of the batch, in the test too: no task can spoil
    those of another, and no receiver needs them. See `logits`.

    The paper's step is at 0, half=False here. Such masks end with few ones, are much
    alike, and then the Hopfield network keeps little more than the last. So here the
    larger half of each layer's scores is used.

    Args:
        target: a network with a batch norm for each hidden layer, as `bn_mlp`.
        half: whether a layer uses the units of its larger scores, half of them, or
            those of scores from 0 up.
        seed: of theta0.

    Raises:
        ValueError: for a network without norms, or with another map before it.

    Source: Wortsman et al. (2020), HopSupSup.

    >>> from minitorch.models import bn_mlp
    >>> g = UnitMask(bn_mlp(784, 300, 100, 10))
    >>> g
    UnitMask of bn-mlp-784-300-100-10: 400 units, half of each layer, seed 0
    >>> int((g.signs(g.init(0)) > 0).sum())
    200
    """

    code = 7

    def __init__(self, target: Target, *, half: bool = True, seed: int = 0):
        shapes = target.layout.shapes
        self._names = [name for name in shapes if name.endswith(".gamma")]
        if not isinstance(target, Network) or not self._names:
            raise ValueError(
                f"units are masked in a network with batch norms, got {target!r}"
            )
        self.target, self.half, self.seed = target, half, seed
        self.theta0 = target.init(seed)
        self.layout = Layout({name: shapes[name] for name in self._names})

    def init(self, seed: int) -> np.ndarray:
        """Draw the scores that training starts from, uniform in +-0.1."""
        random = stream(seed, "superposition/units")
        return random.uniform(-0.1, 0.1, self.layout.size).astype(np.float32)

    def _used(self, phi: Array) -> list[Array]:
        """The mask of each layer, booleans."""
        pieces = self.layout.views(phi).values()
        if not self.half:
            return [piece >= 0 for piece in pieces]
        return [backend().top_k(p, kept_count(len(p), 0.5)) for p in pieces]

    def signs(self, phi: np.ndarray) -> np.ndarray:
        """Write the mask as a pattern: 1 for a unit that is used, -1 for the others.

        Args:
            phi: the scores, (d,).
        """
        used = self._used(backend().asarray(np.asarray(phi, np.float32)))
        mask = np.concatenate([backend().to_numpy(part) for part in used])
        return np.where(mask, 1.0, -1.0)

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        phi, kernels = tensor(phi), backend()
        used = self._used(phi.data)
        theta = kernels.copy(kernels.astype(kernels.constant(self.theta0), phi.data))
        places = [self.target.layout.slices[name] for name in self._names]
        for place, mask in zip(places, used, strict=True):
            theta[place] *= mask

        def backward(grad: Array) -> tuple[Array]:
            return (kernels.concat([grad[place] for place in places], 0),)

        return record("unit mask", theta, (phi,), backward)

    def logits(self, theta: Tensor | Array, x: np.ndarray) -> Tensor:
        """Run the network, its norms by the statistics of this batch, (N, K).

        Args:
            theta: (D,).
            x: at least two images, of one task, (N, ...).

        Raises:
            ValueError: for a single image, which has no spread.
        """
        if len(x) < 2:
            raise ValueError(f"a batch's statistics need 2 images, got {len(x)}")
        out: Tensor = self.net(theta, x, train=True)[0]
        return out

    def spec(self) -> bytes:
        """The seed, and where the step is."""
        return struct.pack("<IB", self.seed, self.half)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[UnitMask, bytes]:
        seed, half = struct.unpack_from("<IB", data)
        return cls(target, half=bool(half), seed=seed), data[5:]

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The mask; there are no values, so no bits."""
        return encode_mask(self.signs(phi) > 0)

    def from_payload(self, data: bytes) -> np.ndarray:
        return decode_mask(data, self.layout.size) - np.float32(0.5)

    def __repr__(self) -> str:
        step = "half of each layer" if self.half else "scores from 0 up"
        return (
            f"UnitMask of {self.net.name}: {self.layout.size} units, {step}, "
            f"seed {self.seed}"
        )


def recover(
    g: UnitMask,
    weights: np.ndarray,
    start: np.ndarray,
    batches: Iterable[np.ndarray],
    *,
    steps: int = 100,
    lr: float = 1.0,
    momentum: float = 0.9,
    gamma: float = 1.0,
    watch: Callable[[np.ndarray], object] | None = None,
) -> np.ndarray:
    """Find, in a Hopfield network, the mask that unlabelled images were learned with.

    Steps down (1 - t/T) H + gamma (t/T) E / d through the mask's step: first the
    entropy of the answers pulls towards masks that make the network sure, then the
    Hopfield network's energy E = - z^T Psi z / 2 towards one that was stored. Nobody
    says which masks there are, or how many.

    Args:
        g: the network, masked by units.
        weights: Psi, (d, d): the Hopfield network that the masks were stored in.
        start: (d,) the scores to start from: a little of the mean of the stored
            masks, which can be kept without keeping them.
        batches: images of one task, a batch for each step.
        steps: T.
        lr: the rate.
        momentum: how much of the last velocity stays.
        gamma: how much the energy counts.
        watch: is called with the mask after each step.

    Returns:
        (d,) of -1 and 1: the mask of the last step, after `recall`.

    Raises:
        ValueError: when a size does not fit, or there are fewer batches than steps.

    Source: Wortsman et al. (2020), HopSupSup.

    >>> from minitorch.models import bn_mlp
    >>> g, rng = UnitMask(bn_mlp(6, 40, 3)), np.random.default_rng(0)
    >>> z = np.stack([g.signs(g.init(0)), g.signs(g.init(1))])
    >>> images = rng.random((20, 5, 6)).astype(np.float32)
    >>> found = recover(g, hebb(z), z.mean(0) / 100, images, steps=20)
    >>> bool(max(abs(z @ found)) == 40)
    True
    """
    m, d = np.array(start, np.float64), g.layout.size
    if weights.shape != (d, d) or m.shape != (d,):
        raise ValueError(
            f"weights ({d}, {d}) and start ({d},) for {d} units, got {weights.shape} "
            f"and {m.shape}"
        )
    v, walk = np.zeros_like(m), iter(batches)
    for t in range(steps):
        x = next(walk, None)
        if x is None:
            raise ValueError(f"{t} batches for {steps} steps")
        phi = Tensor(m.astype(np.float32), requires_grad=True)
        logits = g.logits(g(phi), x)
        logits.backward(entropy_grad(logits.data))
        slope = (1 - t / steps) * backend().to_numpy(phi.grad).astype(np.float64)
        slope -= gamma * (t / steps) * (weights @ g.signs(m)) / d
        v = momentum * v + slope
        m -= lr * v
        if watch:
            watch(g.signs(m))
    return recall(weights, g.signs(m))
