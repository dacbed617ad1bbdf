"""Starting weights: each a function of a layout and a seed (`normal` makes one).

All draw from the frozen streams of `minitorch.random`, one for each piece, so a
receiver can draw the same theta0 for ever, and a layer's start does not hang on
the layers beside it. Matrices and kernels are drawn; of the vectors, a batch
norm's gamma is 1 and all others (biases, beta) are 0.

fan_in is how many numbers feed one output, all axes but the first; fan_out is how
many outputs one number feeds, all axes but the second. (For the kernels of a
transposed convolution, (C, O, k, k), the two are the other way round.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minitorch.nn import Layout
from minitorch.random import stream

Draw = Callable[[np.random.RandomState, tuple[int, ...]], np.ndarray]


def he_normal(layout: Layout, seed: int) -> np.ndarray:
    """N(0, 2 / fan_in): keeps the size of signals through layers with ReLU.

    Returns:
        (D,) float32, the same for ever for a seed and a layout; as of all below.

    Source: He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, eq. 10.

    >>> he_normal(Layout({"weight": (2, 3), "bias": (2,)}), seed=0).shape
    (8,)
    """
    return _normal(layout, seed, lambda shape: math.sqrt(2 / fans(shape)[0]))


def he_uniform(layout: Layout, seed: int) -> np.ndarray:
    """Uniform between -b and b, b = sqrt(6 / fan_in): the same variance as He's normal.

    >>> theta0 = he_uniform(Layout({"weight": (100, 24)}), seed=0)
    >>> bool(abs(theta0).max() <= 0.5)
    True
    """
    return _uniform(layout, seed, lambda shape: math.sqrt(6 / fans(shape)[0]))


def xavier_normal(layout: Layout, seed: int) -> np.ndarray:
    """N(0, 2 / (fan_in + fan_out)): for layers with tanh.

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep
    feedforward neural networks, eq. 12.

    >>> theta0 = xavier_normal(Layout({"weight": (200, 200)}), seed=0)
    >>> round(float(theta0.std()) * 200**0.5, 1)
    1.0
    """
    return _normal(layout, seed, lambda shape: math.sqrt(2 / sum(fans(shape))))


def xavier_uniform(layout: Layout, seed: int) -> np.ndarray:
    """Uniform between -b and b, b = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio (2010), eq. 16.

    >>> theta0 = xavier_uniform(Layout({"weight": (6, 6)}), seed=0)
    >>> bool(abs(theta0).max() <= 0.5**0.5)
    True
    """
    return _uniform(layout, seed, lambda shape: math.sqrt(6 / sum(fans(shape))))


def lecun_normal(layout: Layout, seed: int) -> np.ndarray:
    """N(0, 1 / fan_in): keeps the size of signals through linear layers.

    Source: LeCun, Bottou, Orr, Müller (1998), Efficient backprop, section 4.6.

    >>> theta0 = lecun_normal(Layout({"weight": (200, 200)}), seed=0)
    >>> round(float(theta0.std()) * 200**0.5, 1)
    1.0
    """
    return _normal(layout, seed, lambda shape: math.sqrt(1 / fans(shape)[0]))


def normal(std: float) -> Callable[[Layout, int], np.ndarray]:
    """N(0, std^2) in every piece, whatever its size: gives the initialiser.

    Raises:
        ValueError: when std is below 0 or no finite number.

    >>> theta0 = normal(0.05)(Layout({"weight": (200, 200), "bias": (200,)}), seed=0)
    >>> theta0.shape, round(float(theta0[:40_000].std()), 3)
    ((40200,), 0.05)
    """
    if not 0 <= std < math.inf:
        raise ValueError(f"normal() takes a spread of 0 or more, got {std}")
    return lambda layout, seed: _normal(layout, seed, lambda shape: std)


def signed_constant(layout: Layout, seed: int) -> np.ndarray:
    """One size for each piece, sqrt(2 / fan_in), with random signs.

    Source: Zhou, Lan, Liu, Yosinski (2019), Deconstructing lottery tickets;
    Ramanujan et al. (2020), What's hidden in a randomly weighted neural network?

    >>> theta0 = signed_constant(Layout({"weight": (3, 2)}), seed=0)
    >>> abs(theta0).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def draw(random: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
        return (2 * random.randint(0, 2, shape) - 1) * math.sqrt(2 / fans(shape)[0])

    return fill(layout, seed, draw)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Give fan_in and fan_out of a matrix (O, F) or kernels (O, C, k, k).

    >>> fans((10, 300)), fans((6, 3, 5, 5))
    ((300, 10), (75, 150))
    """
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def fill(layout: Layout, seed: int, draw: Draw) -> np.ndarray:
    """Draw every matrix and kernel of a layout, each from its own stream.

    Args:
        layout: names and shapes.
        seed: of the streams.
        draw: takes a stream and a shape, gives an array.

    Returns:
        (D,) float32.

    >>> fill(Layout({"n.gamma": (2,), "n.beta": (1,)}), 0, lambda *_: 1 / 0).tolist()
    [1.0, 1.0, 0.0]
    """
    theta0 = np.zeros(layout.size, np.float32)
    for name, piece in layout.views(theta0).items():
        if piece.ndim > 1:
            piece[...] = draw(stream(seed, f"theta0/{name}"), piece.shape)
        elif name.endswith(".gamma"):
            piece[...] = 1
    return theta0


def _normal(
    layout: Layout, seed: int, size: Callable[[tuple[int, ...]], float]
) -> np.ndarray:
    return fill(layout, seed, lambda random, s: random.standard_normal(s) * size(s))


def _uniform(
    layout: Layout, seed: int, size: Callable[[tuple[int, ...]], float]
) -> np.ndarray:
    return fill(layout, seed, lambda random, s: random.uniform(-1, 1, s) * size(s))
