"""Only BatchNorm: a random frozen network whose norms alone are trained.

A batch norm standardises each feature of a random layer, then scales it by gamma and
shifts it by beta: y = gamma z + beta, z of mean 0 and spread 1. Here gamma and beta are
phi, two numbers a feature, and every matrix, kernel and bias stays as the seed drew it.
`Only` trains them, or one of the controls: as many weights elsewhere, the last layer,
both, or all.

Source: Frankle, Schwab, Morcos (2021), Training BatchNorm and only BatchNorm: on the
expressive power of random features in CNNs.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.models import bn_mlp
from minitorch.nn import Layout, Network
from minitorch.ops import tensor
from minitorch.random import stream
from minitorch.tensor import Array, Tensor, no_grad, record
from minitorch.weird.coding import decode_numbers, encode_numbers
from minitorch.weird.parametrization import Parametrization, Rng, Target, decode

EPS = 1e-5  # what `Mode.batch_norm` adds to a variance
State = dict[str, Any]  # mean and variance of each norm, by its name
Off = dict[str, np.ndarray]  # which features of a norm are switched off, (C,) booleans

# ----------------------------------------------------------------------------
# The norm by hand
# ----------------------------------------------------------------------------


def normalise(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float = EPS
) -> np.ndarray:
    """Standardise each feature over the batch, then scale and shift it.

    z = (x - mean) / sqrt(var + eps), y = gamma z + beta. The variance is divided by N.

    Args:
        x: (N, C).
        gamma, beta: (C,).
        eps: keeps the root away from zero.

    Returns:
        y, (N, C).

    Source: Ioffe and Szegedy (2015), Batch normalization, algorithm 1.

    >>> x = np.array([[1.0], [3.0]])
    >>> normalise(x, np.array([2.0]), np.array([5.0])).round(3).tolist()
    [[3.0], [7.0]]
    """
    z = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return gamma * z + beta


def normalise_grad(
    grad: np.ndarray, x: np.ndarray, gamma: np.ndarray, eps: float = EPS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take a gradient back through `normalise`, its mean and variance included.

    dgamma = sum_n grad z, dbeta = sum_n grad, and
    dx = gamma / sqrt(var + eps) (grad - mean(grad) - z mean(grad z)).

    Args:
        grad: (N, C) of y.
        x: (N, C).
        gamma: (C,).
        eps: as it was.

    Returns:
        dx (N, C), dgamma (C,), dbeta (C,).

    Source: Ioffe and Szegedy (2015), section 3.

    >>> x, grad = np.array([[1.0], [3.0], [5.0]]), np.array([[1.0], [0.0], [0.0]])
    >>> dx, dgamma, dbeta = normalise_grad(grad, x, np.array([1.0]))
    >>> bool(abs(dx.sum()) < 1e-9), dgamma.round(2).tolist(), dbeta.tolist()
    (True, [-1.22], [1.0])
    """
    spread = np.sqrt(x.var(0) + eps)
    z = (x - x.mean(0)) / spread
    dgamma, dbeta = (grad * z).sum(0), grad.sum(0)
    dx = gamma / spread * (grad - grad.mean(0) - z * (grad * z).mean(0))
    return dx, dgamma, dbeta


# ----------------------------------------------------------------------------
# How many numbers that is
# ----------------------------------------------------------------------------


def mlp_numbers(widths: Sequence[int]) -> int:
    """Count gamma and beta of a `bn_mlp`: two for each hidden unit.

    Args:
        widths: inputs, hidden layers, classes.

    >>> mlp_numbers([784, 300, 100, 10])
    800
    """
    return 2 * sum(widths[1:-1])


def resnet_numbers(depth: int, width: int = 16, channels: int = 3) -> dict[str, int]:
    """Count what a CIFAR ResNet of depth 6n + 2 holds, by formula.

    Of the norms the first has W features, and a block of stage s two times 2^(s-1) W;
    the shortcuts of stages 2 and 3 have norms too. That is 7 W (2n + 1) features.

    Whoever looks for norms by the letters "bn" misses those of the shortcuts, which
    sit in a sequence without a name: 12 W numbers less. So two public repositories
    count 2,272 for ResNet-32 where there are 2,464.

    Args:
        depth: 8, 14, 20, ...
        width: W, channels of the first stage.
        channels: of the images, c.

    Returns:
        features 7 W (2n + 1); norms 14 W (2n + 1); missed 12 W, the part of the norms
        in shortcuts; found 2 W (14n + 1), the rest; output 40 W + 10; all
        9 c W + 378 n W^2 - 80 W^2 + norms + output.

    Raises:
        ValueError: for a depth that is not 6n + 2.

    Source: Frankle, Schwab, Morcos (2021), table 1 (norms and totals).

    >>> resnet_numbers(32)["norms"], resnet_numbers(32)["found"]
    (2464, 2272)
    >>> resnet_numbers(110)["all"]
    1730714
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ValueError(f"a CIFAR ResNet has depth 8, 14, 20, ..., got {depth}")
    norms, output = 14 * width * (2 * n + 1), 40 * width + 10
    kernels = 9 * channels * width + (378 * n - 80) * width**2
    return {
        "features": norms // 2,
        "norms": norms,
        "missed": 12 * width,
        "found": norms - 12 * width,
        "output": output,
        "all": kernels + norms + output,
    }


# ----------------------------------------------------------------------------
# What is trained
# ----------------------------------------------------------------------------

PIECES = ("norms", "gamma", "beta", "output", "norms+output", "random", "all")
GAMMAS = ("ones", "uniform", "signed", "normal")


def norm_names(net: Network) -> list[str]:
    """List the norms of a network, in order, wherever they sit.

    They are known by the pieces that they have, not by what they are called.

    >>> from minitorch.models import resnet
    >>> norms = norm_names(resnet(8))
    >>> len(norms), norms[5]
    (9, 'stage2.block1.shortcut_norm')
    """
    return [name[:-6] for name in net.layout.shapes if name.endswith(".gamma")]


def trained_pieces(net: Network, pieces: str | Sequence[str]) -> list[str]:
    """List the pieces of theta that a name of `PIECES` stands for, in theta's order.

    Args:
        net: the network.
        pieces: "norms" (gamma and beta), "gamma", "beta", "output" (weight and bias of
            the last layer), "norms+output" or "all"; or names of pieces.

    Raises:
        ValueError: for a name that is neither, or where nothing is left to train.

    >>> net = bn_mlp(4, 3, 2)
    >>> trained_pieces(net, "norms")
    ['norm1.gamma', 'norm1.beta']
    >>> trained_pieces(net, "output")
    ['dense2.weight', 'dense2.bias']
    """
    shapes = net.layout.shapes
    if not isinstance(pieces, str):
        if unknown := [name for name in pieces if name not in shapes]:
            raise ValueError(f"{net.name} has no piece {unknown[0]!r}")
        found = [name for name in shapes if name in pieces]
    elif pieces not in PIECES or pieces == "random":
        raise ValueError(f"no pieces {pieces!r}; there are {', '.join(PIECES)}")
    else:
        last = [name for name, shape in shapes.items() if len(shape) > 1][-1]
        ends = {"norms": (".gamma", ".beta"), "gamma": (".gamma",), "beta": (".beta",)}
        wanted = pieces.split("+")
        found = [
            name
            for name in shapes
            if pieces == "all"
            or any(name.endswith(ends[word]) for word in wanted if word in ends)
            or ("output" in wanted and name.split(".")[:-1] == last.split(".")[:-1])
        ]
    if not found:
        raise ValueError(f"{net.name} has nothing of {pieces!r} to train")
    return found


def random_places(net: Network, seed: int) -> np.ndarray:
    """Choose as many weights as the norms have numbers: two of each feature.

    A feature is a row of the matrix or kernel that comes before its norm. Its two
    weights are drawn without replacement, so the count is exact.

    Args:
        net: the network.
        seed: of the choice.

    Returns:
        (d,) places in theta, rising, none twice.

    Raises:
        ValueError: when a norm follows no layer of as many features, or a row has
            fewer than two weights.

    Source: Frankle, Schwab, Morcos (2021), section 4: two random weights a channel.

    >>> net = bn_mlp(5, 3, 2)
    >>> places = random_places(net, seed=0)
    >>> places // 5  # the row of each
    array([0, 0, 1, 1, 2, 2])
    """
    shapes, before, places = net.layout.shapes, "", []
    for name, shape in shapes.items():
        if len(shape) > 1:
            before = name
        if not name.endswith(".gamma"):
            continue
        rows, *rest = shapes.get(before, (0,))
        size = math.prod(rest)
        if (rows,) != shape or size < 2:
            raise ValueError(
                f"{name} of {net.name} has {shape[0]} features; before it comes "
                f"{before or 'no layer'} of {rows} rows of {size} weights"
            )
        draws = stream(seed, f"bn only/{before}").random_sample((rows, size))
        two = np.sort(draws.argsort(1, kind="stable")[:, :2], 1)
        start = net.layout.slices[before].start
        places.append((start + size * np.arange(rows)[:, None] + two).reshape(-1))
    if not places:
        raise ValueError(f"{net.name} has no norms to count")
    return np.concatenate(places)


def only(theta0: np.ndarray, places: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Put what is trained into what is frozen: theta[places] = phi.

    Args:
        theta0: (D,) the frozen start.
        places: (d,) where phi goes.
        phi: (d,).

    Returns:
        theta, (D,), another array; theta0 stays as it was.

    >>> only(np.zeros(4), np.array([1, 3]), np.array([5.0, 7.0]))
    array([0., 5., 0., 7.])
    """
    theta = theta0.copy()
    theta[places] = phi
    return theta


def start_norms(
    net: Network, theta: np.ndarray, gamma: str, beta: float, seed: int
) -> np.ndarray:
    """Set where gammas and betas start.

    Args:
        net: the network.
        theta: (D,) all else.
        gamma: "ones"; "uniform", U(0, 1), the paper's; "signed", U(-1, 1); or
            "normal", N(0, 1).
        beta: all of them.
        seed: of the draws.

    Returns:
        theta, (D,), another array.

    Raises:
        ValueError: for another start of gamma.

    >>> net = bn_mlp(4, 3, 2)
    >>> start_norms(net, net.init(0), "uniform", 1.0, seed=0)[12:18].round(2)
    array([0.23, 0.22, 0.7 , 1.  , 1.  , 1.  ], dtype=float32)
    """
    if gamma not in GAMMAS:
        raise ValueError(f"no start {gamma!r} of gamma; there are {', '.join(GAMMAS)}")
    theta = np.array(theta, np.float32)
    for name, piece in net.layout.views(theta).items():
        if name.endswith(".beta"):
            piece[...] = beta
        if not name.endswith(".gamma"):
            continue
        random = stream(seed, f"gamma/{gamma}/{name}")
        if gamma == "normal":
            piece[...] = random.standard_normal(piece.shape)
        elif gamma != "ones":
            low = 0 if gamma == "uniform" else -1
            piece[...] = random.uniform(low, 1, piece.shape)
        else:
            piece[...] = 1
    return theta


# ----------------------------------------------------------------------------
# Statistics
# ----------------------------------------------------------------------------


def unit_statistics(net: Network) -> State:
    """Give each norm a mean of 0 and a variance of 1: what `fold` leaves behind.

    >>> unit_statistics(bn_mlp(4, 2, 2))
    {'norm1': (array([0., 0.], dtype=float32), array([1., 1.], dtype=float32))}
    """
    state = {}
    for name in norm_names(net):
        C = net.layout.shapes[f"{name}.gamma"]
        state[name] = np.zeros(C, np.float32), np.ones(C, np.float32)
    return state


def fold(net: Network, theta: np.ndarray, state: State) -> np.ndarray:
    """Fold running statistics into gamma and beta, so that nobody need send them.

    Once training is over gamma (x - mean) / sqrt(var + eps) + beta is a x + b, two
    numbers a feature and no four: gamma' = gamma sqrt((1 + eps) / (var + eps)) and
    beta' = beta - gamma mean / sqrt(var + eps), for a mean of 0 and a variance of 1.

    Args:
        net: the network.
        theta: (D,).
        state: running statistics, as `fit` gives them.

    Returns:
        theta, (D,): the same function with `unit_statistics(net)`.

    Raises:
        ValueError: when a norm has no statistics.

    >>> net = bn_mlp(1, 1, 1)  # a weight, gamma, beta, a weight, a bias
    >>> fold(net, np.array([1.0, 6, 1, 1, 0]), {"norm1": (np.ones(1), np.full(1, 4.0))})
    array([ 1.        ,  3.00001125, -1.99999625,  1.        ,  0.        ])
    """
    theta = np.array(theta)
    views = net.layout.views(theta)
    for name in norm_names(net):
        if name not in state:
            raise ValueError(f"{name} of {net.name} has no running statistics")
        mean, var = (backend().to_numpy(part).astype(float) for part in state[name])
        slope = views[f"{name}.gamma"] / np.sqrt(var + EPS)
        views[f"{name}.gamma"][...] = slope * math.sqrt(1 + EPS)
        views[f"{name}.beta"][...] -= slope * mean
    return theta


def statistics(net: Network, theta: np.ndarray, x: np.ndarray) -> State:
    """Compute each norm's mean and variance anew, from images without labels.

    Args:
        net: the network.
        theta: (D,).
        x: images, as one batch; at least two.

    Raises:
        ValueError: for fewer than two images.

    >>> net, x = bn_mlp(1, 1, 1), np.array([[1.0], [3.0]], np.float32)
    >>> mean, var = statistics(net, np.array([2.0, 1, 0, 1, 0]), x)["norm1"]
    >>> mean.round(3).tolist(), var.round(3).tolist()
    ([4.0], [8.0])
    """
    if len(x) < 2:
        raise ValueError(f"statistics take 2 images or more, got {len(x)}")
    kernels = backend()
    nothing = {
        name: tuple([kernels.asarray(0 * part) for part in parts])
        for name, parts in unit_statistics(net).items()
    }
    with no_grad():  # a step moves them by a tenth, here from 0
        _, state = net(np.asarray(theta, np.float32), x, state=nothing, train=True)
    return {
        name: tuple([10 * kernels.to_numpy(part) for part in parts])
        for name, parts in (state or {}).items()
    }


# ----------------------------------------------------------------------------
# Features that are switched off
# ----------------------------------------------------------------------------


def small(net: Network, theta: np.ndarray, threshold: float = 0.01) -> Off:
    """Say which features have |gamma| below a threshold, norm by norm.

    Args:
        net: the network.
        theta: (D,).
        threshold: the paper's is 0.01.

    Source: Frankle, Schwab, Morcos (2021), section 5.

    >>> net = bn_mlp(1, 3, 1)
    >>> small(net, np.array([1, 1, 1, -0.5, 0.001, -0.001, 9, 9, 9, 1, 1, 1, 0]))
    {'norm1': array([False,  True,  True])}
    """
    views = net.layout.views(theta)
    return {n: np.abs(views[f"{n}.gamma"]) < threshold for n in norm_names(net)}


def as_many(off: Off, seed: int) -> Off:
    """Choose at random as many features of each norm as are off.

    Args:
        off: which features are off.
        seed: of the choice.

    >>> as_many({"norm1": np.array([True, False, False, True])}, seed=0)
    {'norm1': array([ True, False, False,  True])}
    """
    return {
        name: each[stream(seed, f"as many/{name}").permutation(len(each))]
        for name, each in off.items()
    }


def switch_off(net: Network, theta: np.ndarray, off: Off) -> np.ndarray:
    """Set the gamma of some features to 0.

    Such a feature says the same of every image, relu(beta), which need not be nothing.

    Args:
        net: the network.
        theta: (D,).
        off: the features, norm by norm.

    Returns:
        theta, (D,), another array.

    >>> net = bn_mlp(1, 2, 1)
    >>> theta = np.array([1.0, 1, 7, 8, 5, 6, 1, 1, 0])
    >>> switch_off(net, theta, {"norm1": np.array([True, False])})
    array([1., 1., 0., 8., 5., 6., 1., 1., 0.])
    """
    theta = np.array(theta)
    views = net.layout.views(theta)
    for name, each in off.items():
        views[f"{name}.gamma"][each] = 0
    return theta


def constant_part(W: np.ndarray, beta: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Say what the next layer gets from features that are off: W_off relu(beta_off).

    Args:
        W: (O, C) the next layer's weights.
        beta: (C,) the shifts of the features.
        off: (C,) booleans, which of them are off.

    Returns:
        (O,), the same for every image.

    >>> W = np.array([[1.0, 10.0, 100.0]])
    >>> constant_part(W, np.array([2.0, -3.0, 4.0]), np.array([True, True, False]))
    array([2.])
    """
    return W[:, off] @ np.maximum(beta[off], 0)


def remove(
    net: Network, theta: np.ndarray, state: State, off: Off
) -> tuple[Network, np.ndarray, State]:
    """Take features out of a `bn_mlp`: a smaller network that computes the same.

    The row of the weights before, gamma, beta, the statistics and the column of the
    weights behind go. What a feature with gamma = 0 gives is the constant relu(beta).
    The next layer's norm subtracts it from its mean, the last layer's bias takes it up.
    Where gamma was 0 the answers are the same; where it was small, they are close.

    Args:
        net: a `bn_mlp`.
        theta: (D,).
        state: running statistics.
        off: the features, norm by norm.

    Returns:
        The smaller network, its theta and its statistics.

    Raises:
        ValueError: for a network that is no `bn_mlp`, or when a layer would be empty.

    >>> net = bn_mlp(4, 8, 6, 3)
    >>> off = {"norm1": np.arange(8) < 3}
    >>> smaller, theta, state = remove(net, net.init(0), unit_statistics(net), off)
    >>> smaller.name, theta.shape, state["norm1"][0].shape
    ('bn-mlp-4-5-6-3', (93,), (5,))
    """
    views, layers = net.layout.views(np.array(theta)), norm_names(net)
    if not net.name.startswith("bn-mlp-"):
        raise ValueError(f"features are taken out of a bn_mlp, not of {net.name}")
    last = len(layers) + 1
    widths = [views["dense1.weight"].shape[1]]
    parts: list[np.ndarray] = []
    kept_before = np.ones(widths[0], bool)
    shift = np.zeros(len(views["dense1.weight"]))
    smaller: State = {}
    for i, name in enumerate(layers, 1):
        W, gamma = views[f"dense{i}.weight"], views[f"{name}.gamma"]
        beta = views[f"{name}.beta"]
        gone = np.asarray(off.get(name, np.zeros(len(gamma), bool)))
        if gone.shape != gamma.shape or gone.dtype != bool or gone.all():
            raise ValueError(
                f"{name} has {len(gamma)} features: as many booleans, and not all of "
                f"them true, got {gone.dtype} {gone.shape} with {gone.sum()} true"
            )
        mean, var = (backend().to_numpy(part) for part in state[name])
        smaller[name] = (mean - shift)[~gone].astype(np.float32), var[~gone]
        parts += [W[~gone][:, kept_before].reshape(-1), gamma[~gone], beta[~gone]]
        widths.append(int((~gone).sum()))
        shift = constant_part(views[f"dense{i + 1}.weight"], beta, gone)
        kept_before = ~gone
    W, bias = views[f"dense{last}.weight"], views[f"dense{last}.bias"]
    parts += [W[:, kept_before].reshape(-1), bias + shift]
    net = bn_mlp(*widths, len(bias))
    return net, np.concatenate(parts).astype(theta.dtype), smaller


# ----------------------------------------------------------------------------
# Two dimensions, to look at
# ----------------------------------------------------------------------------


def spirals(n: int, seed: int, turns: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points of two spirals that wind around each other, about -1 to 1.

    Args:
        n: how many points.
        seed: of the draw.
        turns: how often each goes round.

    Returns:
        points, (n, 2) float32, and labels 0 or 1, (n,).

    >>> x, y = spirals(1000, seed=0)
    >>> x.shape, bool(abs(x).max() < 1.2), bool(400 < y.sum() < 600)
    ((1000, 2), True, True)
    """
    random = stream(seed, "spirals")
    y, t = random.randint(0, 2, n), np.sqrt(random.random_sample(n))
    angle = 2 * math.pi * turns * t + math.pi * y
    x = t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (x + 0.02 * random.standard_normal((n, 2))).astype(np.float32), y


def plane(
    net: Network, theta: np.ndarray, state: State | None, size: int = 50
) -> np.ndarray:
    """Give the logits of a network with two inputs over the square from -1 to 1.

    Args:
        net: the network.
        theta: (D,).
        state: running statistics.
        size: points along a side.

    Returns:
        (size, size, K), from the lower left, a row for each height.

    >>> net = bn_mlp(2, 8, 3)
    >>> plane(net, net.init(0), unit_statistics(net), size=4).shape
    (4, 4, 3)
    """
    side = np.linspace(-1, 1, size, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    with no_grad():
        logits = backend().to_numpy(net(theta, grid, state=state).data)
    return logits.reshape(size, size, -1)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


class Only(Parametrization):
    """theta = theta0 but for some pieces, which are phi: the norms, or a control.

    Backward, phi gets the gradient of its places. All other weights have no step, no
    momentum and no decay, so they stay to the bit. Batch statistics are taken and
    running statistics kept as ever.

    The message holds the seed, what is trained, and phi, a step for each piece and
    entropy-coded codes. Statistics cost nothing where the norms are trained: given to
    `message`, they are folded into gamma and beta (see `fold`). Left out, the receiver
    computes them anew from images without labels. `received` does either.

    Args:
        target: a network with norms.
        pieces: "norms", "gamma", "beta", "output", "norms+output", "all", or "random":
            as many weights elsewhere as the norms have numbers. Or names of pieces.
        gamma: where gammas start, "ones", "uniform", "signed" or "normal".
        beta: where betas start.
        decay: of phi in training, added to the gradient times phi, as `SGD` does; the
            paper's is 1e-4. A receiver needs no decay.
        seed: of theta0, and of the random weights.

    Raises:
        ValueError: for another map in place of a network, a network without norms, or
            another name or number than these.

    Source: Frankle, Schwab, Morcos (2021).

    >>> from minitorch.models import resnet
    >>> Only(resnet(14), "norms")
    Only 'norms' of resnet14: d = 1,120 of D = 175,258, gamma from ones, seed 0
    >>> Only(resnet(14), "random").layout.size
    1120
    """

    code = 9

    def __init__(
        self,
        target: Target,
        pieces: str | Sequence[str] = "norms",
        *,
        gamma: str = "ones",
        beta: float = 0.0,
        decay: float = 0.0,
        seed: int = 0,
    ):
        if not isinstance(target, Network) or not norm_names(target):
            raise ValueError(f"Only stands on a network with norms, got {target!r}")
        if not 0 <= decay < math.inf or not math.isfinite(beta):
            raise ValueError(f"decay is 0 or more and beta finite, got {decay}, {beta}")
        self.target: Network = target
        self.seed, self.gamma = operator.index(seed), gamma
        self._folded = False  # whether phi holds the statistics too
        self.pieces = pieces if isinstance(pieces, str) else tuple(pieces)
        self.beta, self.decay = float(np.float32(beta)), float(decay)
        self.theta0 = start_norms(target, target.init(seed), gamma, self.beta, seed)
        whole_layout = target.layout
        self._where: list[slice | np.ndarray]
        if pieces == "random":
            places = random_places(target, seed)
            self.layout = Layout({"random": places.shape})
            self._where = [places]
        else:
            names = trained_pieces(target, self.pieces)
            self.layout = Layout({name: whole_layout.shapes[name] for name in names})
            self._where = [whole_layout.slices[name] for name in names]
        self._parts = list(self.layout.slices.values())
        order = np.arange(whole_layout.size)
        self.places = np.concatenate([order[where] for where in self._where])

    def init(self, seed: int) -> np.ndarray:
        """Start where theta0 is: no seed changes that but the map's own."""
        return self.theta0[self.places]

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        phi, kernels = tensor(phi), backend()
        self.layout.views(phi.data)  # checks the size
        theta = kernels.copy(kernels.astype(kernels.constant(self.theta0), phi.data))
        places = [
            where if isinstance(where, slice) else kernels.constant(where)
            for where in self._where
        ]
        for where, part in zip(places, self._parts, strict=True):
            theta[where] = phi.data[part]

        def backward(grad: Array) -> tuple[Array]:
            slope = kernels.concat([grad[where] for where in places], 0)
            return (slope + self.decay * phi.data if train and self.decay else slope,)

        return record("only", theta, (phi,), backward)

    def spec(self) -> bytes:
        """What the seed draws and where phi goes; statistics are said in `message`."""
        named = isinstance(self.pieces, str)
        kind = PIECES.index(str(self.pieces)) if named else len(PIECES)
        flags = self._folded + 2 * kind + 16 * GAMMAS.index(self.gamma)
        data = struct.pack("<BIf", flags, self.seed, self.beta)
        names = [] if named else list(self.target.layout.shapes)
        used = np.array([name in self.layout.shapes for name in names], bool)
        return data + np.packbits(used).tobytes()

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Only, bytes]:
        flags, seed, beta = struct.unpack_from("<BIf", data)
        data, kind = data[9:], flags // 2 % 8
        pieces: str | list[str]
        if kind < len(PIECES):
            pieces = PIECES[kind]
        else:
            names = list(target.layout.shapes)
            size = -(-len(names) // 8)
            chosen = np.unpackbits(np.frombuffer(data[:size], np.uint8))
            pieces = [name for name, used in zip(names, chosen, strict=False) if used]
            data = data[size:]
        g = cls(target, pieces, gamma=GAMMAS[flags // 16], beta=beta, seed=seed)
        g._folded = bool(flags & 1)
        return g, data

    def message(
        self, phi: Tensor | np.ndarray, state: Any = None, *, bits: int = 8
    ) -> bytes:
        """Encode the solution; with statistics, folded into gamma and beta.

        Args:
            phi: the trained numbers, (d,).
            state: running statistics, to be folded in; None where the receiver is to
                compute them anew.
            bits: how finely to round, 1 to 16 for each number.

        Raises:
            ValueError: when phi has another size or holds a number that is not finite,
                when bits is not 1 to 16, or when there are statistics and not every
                gamma and beta is sent, which would take them up.

        >>> net = bn_mlp(4, 3, 2)
        >>> g = Only(net)
        >>> len(g.message(g.init(0))), len(g.message(g.init(0), unit_statistics(net)))
        (19, 23)
        """
        if state is None:
            return super().message(phi, bits=bits)
        missing = [
            f"{name}.{piece}"
            for name in norm_names(self.net)
            for piece in ("gamma", "beta")
            if f"{name}.{piece}" not in self.layout.shapes
        ]
        if missing:
            raise ValueError(
                f"statistics are sent within gamma and beta, and {missing[0]} is not "
                "sent: leave them out, and let the receiver compute them"
            )
        values = np.asarray(phi, np.float32)
        self.layout.views(values)  # checks the size
        theta = fold(self.net, only(self.theta0, self.places, values), state)
        folded = copy(self)
        folded._folded = True
        return super(Only, folded).message(theta[self.places], bits=bits)

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """A step for each piece, then how many steps each number is from its start.

        Of numbers that statistics are folded into, how many steps from 0.
        """
        values = phi if self._folded else phi - self.init(0)
        steps, codes = [], []
        for part in self._parts:
            wanted = 2 * float(np.abs(values[part]).max()) / 2**bits
            step = struct.pack("<f", wanted if wanted > 1e-30 else 1.0)[2:]
            codes.append(np.rint(values[part] / _long(step)).astype(np.int64))
            steps.append(step)
        return b"".join(steps) + encode_numbers(np.concatenate(codes))

    def from_payload(self, data: bytes) -> np.ndarray:
        size = 2 * len(self._parts)
        values = decode_numbers(data[size:], self.layout.size).astype(np.float32)
        for i, part in enumerate(self._parts):
            values[part] *= _long(data[2 * i : 2 * i + 2])
        return values if self._folded else self.init(0) + values

    def __repr__(self) -> str:
        named = isinstance(self.pieces, str)
        what = repr(self.pieces) if named else f"{len(self.pieces)} pieces"
        decay = f", decay {self.decay:g}" if self.decay else ""
        return (
            f"Only {what} of {self.target.name}: d = {self.layout.size:,} of "
            f"D = {len(self.theta0):,}, gamma from {self.gamma}{decay}, "
            f"seed {self.seed}"
        )


def received(
    message: bytes, net: Network, images: np.ndarray | None = None
) -> tuple[np.ndarray, State]:
    """Rebuild weights and statistics: the receiver's side of `Only`, and of maps on it.

    Args:
        message: what `message` gave.
        net: the network that it is for.
        images: where statistics were not folded in: images without labels, to compute
            them anew.

    Returns:
        theta, (D,), and the statistics to run it with.

    Raises:
        ValueError: when the bytes are not a whole message for this network, or need
            images and there are none.

    >>> net = bn_mlp(4, 3, 2)
    >>> g = Only(net)
    >>> theta, state = received(g.message(g.init(0), unit_statistics(net)), net)
    >>> state["norm1"]
    (array([0., 0., 0.], dtype=float32), array([1., 1., 1.], dtype=float32))
    """
    theta, _ = decode(message, net)
    first, flags = message[3], message[4]  # of the map next to the network
    if first == Only.code and flags & 1:
        return theta, unit_statistics(net)
    if images is None:
        raise ValueError(
            "this message leaves statistics to the receiver: pass images, without "
            "labels, to compute them from"
        )
    return theta, statistics(net, theta, images)


def _long(step: bytes) -> np.float32:
    """Read a step of two bytes, the upper half of a float32."""
    return np.float32(struct.unpack("<f", b"\0\0" + step)[0])
