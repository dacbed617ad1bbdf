"""CPPNs: a small network from coordinates to values paints pictures, or weights.

A compositional pattern-producing network is asked once for each place: a pixel's
(x, y) gives its ink, a connection's (x1, y1, x2, y2) gives its weight. Nothing of
it says how many places there are, so one CPPN can be asked at any resolution.

Sources: Stanley (2007), Compositional pattern producing networks; Stanley,
D'Ambrosio, Gauci (2009), A hypercube-based encoding for evolving large-scale
neural networks (HyperNEAT).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from minitorch.backends import backend
from minitorch.functional import linear
from minitorch.nn import Layout, Mode, Network
from minitorch.ops import concat, custom, exp, mean, multiply, relu, reshape, tanh
from minitorch.random import stream
from minitorch.tensor import Array, Tensor, no_grad
from minitorch.weird.parametrization import Parametrization, Rng, Target, through
from minitorch.weird.subspace import dequantise, quantise

# ----------------------------------------------------------------------------
# The method on plain arrays, as the exercises ask for it
# ----------------------------------------------------------------------------


def grid(height: int, width: int) -> np.ndarray:
    """Give the places of a picture's pixels, row by row from the top left.

    The picture fills the square from -1 to 1, and a place is the middle of its
    pixel: x = (2 column + 1) / width - 1, and y likewise. So a pixel of a coarse
    grid lies in the middle of the finer pixels that it is cut into.

    Args:
        height, width: in pixels.

    Returns:
        (height width, 2), columns x and y.

    >>> grid(1, 2).tolist()
    [[-0.5, 0.0], [0.5, 0.0]]
    """
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in (height, width))
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def mirrored(places: np.ndarray) -> np.ndarray:
    """Replace x by |x|: whatever is painted from this is the same left and right.

    Args:
        places: (N, 2), columns x and y.

    Returns:
        (N, 2), a new array.

    Source: Stanley (2007), section 3: a symmetric function of x gives symmetry.

    >>> mirrored(np.array([[-0.5, -1.0], [0.5, -1.0]])).tolist()
    [[0.5, -1.0], [0.5, -1.0]]
    """
    return np.stack([np.abs(places[:, 0]), places[:, 1]], axis=1)


def pairs(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """List every connection of a layer by its two ends: HyperNEAT's substrate.

    In the order of a weight matrix (O, F): all sources of the first target, then
    all sources of the second.

    Args:
        sources: (F, 2) places of the inputs.
        targets: (O, 2) places of the outputs.

    Returns:
        (O F, 4), columns x and y of the source, x and y of the target.

    Source: Stanley et al. (2009), section 3.

    >>> pairs(np.array([[1, 2], [3, 4]]), np.array([[5, 6]])).tolist()
    [[1, 2, 5, 6], [3, 4, 5, 6]]
    """
    F, O = len(sources), len(targets)
    return np.hstack([np.tile(sources, (O, 1)), np.repeat(targets, F, axis=0)])


def soft_threshold(w: np.ndarray, cut: float = 0.2, top: float = 3.0) -> np.ndarray:
    """Turn a CPPN's values into weights, where small values mean no connection.

    0 up to `cut`; from there the size grows steadily to `top` at a value of 1:
    sign(w) top max(|w| - cut, 0) / (1 - cut), cut off at `top`.

    Args:
        w: any shape.
        cut: the size that a value must exceed.
        top: the largest weight.

    Source: Stanley et al. (2009), section 3.

    >>> soft_threshold(np.array([-1.0, 0.1, 0.2, 0.6]))
    array([-3. ,  0. ,  0. ,  1.5])
    """
    size = np.maximum(np.abs(w) - cut, 0) / (1 - cut)
    return np.sign(w) * np.minimum(top * size, top)


def fourier(places: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Give each place as waves: sin and cos of its product with fixed frequencies.

    A plain network of coordinates learns slow changes first; waves of many lengths
    as inputs let it learn fast ones.

    Args:
        places: (N, c) coordinates.
        frequencies: (c, m), random and fixed.

    Returns:
        (N, 2 m): all sines, then all cosines of pi places frequencies.

    Source: Tancik et al. (2020), Fourier features let networks learn high frequency
    functions in low dimensional domains, equation 5.

    >>> fourier(np.array([[0.5]]), np.array([[1.0]])).round(6).tolist()
    [[1.0, 0.0]]
    """
    angle = math.pi * places @ frequencies
    return np.hstack([np.sin(angle), np.cos(angle)])


# ----------------------------------------------------------------------------
# The network that is asked
# ----------------------------------------------------------------------------


def _call(name: str, x: Array) -> Array:
    """Call numpy's or torch's function: no back-end's namespace holds sin and cos."""
    return getattr(np, name)(x) if isinstance(x, np.ndarray) else getattr(x, name)()


def sine(x: Tensor) -> Tensor:
    """Take the sine, on the tape.

    >>> x = Tensor([0.0], requires_grad=True)
    >>> sine(x).backward()
    >>> x.grad
    array([1.], dtype=float32)
    """

    def backward(grad: Array) -> Array:
        return grad * _call("cos", x.data)

    return custom("sine", partial(_call, "sin"), backward)(x)


def bump(x: Tensor) -> Tensor:
    """exp(-x^2): Gauss's bell, on the tape.

    >>> bump(Tensor([0.0]))
    Tensor([1.])
    """
    return exp(multiply(multiply(x, x), -1.0))


def _mixed(x: Tensor) -> Tensor:
    """A third of the columns each through sine, bump and tanh."""
    third = -(-x.shape[1] // 3)
    a, b, c = x[:, :third], x[:, third : 2 * third], x[:, 2 * third :]
    return concat([sine(a), bump(b), tanh(c)], axis=1)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mixed": _mixed,
    "sine": sine,
    "tanh": tanh,
    "relu": relu,
}


def cppn(inputs: int = 2, *hidden: int, activation: str = "sine") -> Network:
    """A network from coordinates (N, inputs) to one value each, (N, 1).

    Args:
        inputs: coordinates of a place.
        hidden: widths of the layers between; 16, 16, 16 when none is given.
        activation: "sine", "tanh" or "relu" throughout, or "mixed" (a third of each
            layer sine, a third Gauss's bell, a third tanh).

    Raises:
        ValueError: for an activation that does not exist.

    Source: Stanley (2007); there the network's graph is evolved as well, see
    `minitorch.weird.neat`.

    >>> cppn(4).layout.size  # for the weight between two places
    641
    >>> net = cppn(2)
    >>> net(net.init(seed=0), grid(28, 28).astype(np.float32)).shape
    (784, 1)
    """
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"no activation {activation!r}; there are {known}")
    widths = [inputs, *(hidden or (16, 16, 16)), 1]
    bend, last = ACTIVATIONS[activation], len(widths) - 1
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (F, O) in enumerate(pairwise(widths), 1):
        shapes |= {f"dense{i}.weight": (O, F), f"dense{i}.bias": (O,)}

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        for i in range(1, last + 1):
            x = linear(x, weights[f"dense{i}.weight"], weights[f"dense{i}.bias"])
            x = x if i == last else bend(x)
        return x

    name = "-".join(["cppn", activation, *map(str, widths)])
    return Network(name, Layout(shapes), forward)


def paint(
    net: Network, theta: np.ndarray, size: int, *, mirror: bool = False, zoom: float = 1
) -> np.ndarray:
    """Ask a CPPN of (x, y, distance to the middle) for a picture.

    Args:
        net: a CPPN of three inputs.
        theta: its weights.
        size: pixels on a side; the same picture at any size.
        mirror: whether it gets |x| in place of x.
        zoom: coordinates run from -zoom to zoom.

    Returns:
        (size, size).

    >>> net = cppn(3)
    >>> paint(net, net.init(0), size=32, mirror=True).shape
    (32, 32)
    """
    places = mirrored(grid(size, size)) if mirror else grid(size, size)
    inputs = zoom * np.column_stack([places, np.hypot(*places.T)])
    with no_grad():
        ink = net(Tensor(theta), inputs.astype(np.float32)).numpy()
    return ink.reshape(size, size)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------

KINDS = ("trained", "frozen", "random")
INPUTS = ("pairs", "offsets", "fourier")
REACH = 3.0  # coordinates run from -3 to 3: with -1 to 1 the weights vary too little
WAVES = 16  # frequencies, for sines and cosines each


class CPPNWeights(Parametrization):
    """A CPPN writes one weight matrix; the rest of phi is ordinary weights.

    The inputs of the layer lie on a grid, and so do its outputs. The weight between
    two of them is what the CPPN says of their four coordinates, times a fixed number
    that gives all weights He's variance at the start.

    Args:
        target: the network, or another map to it.
        piece: which piece of the target is written, a matrix (O, F).
        sources: height and width of the grid of inputs; a square when not given.
        hidden: widths of the CPPN's layers.
        activation: of the CPPN, see `cppn`.
        inputs: what the CPPN is told: "pairs" (the four coordinates), "offsets" (also
            how far it is from one to the other along x and y) or "fourier" (waves of
            random frequencies of the four).
        centred: whether each unit's mean weight is taken off. Without that one
            number, the CPPN's last bias, moves all weights at once, and training by
            gradients tends to push every ReLU of the layer below zero for good.
        kind: "trained", or a control: "frozen" (the CPPN stays as it was drawn) or
            "random" (there is none: each weight is drawn by itself, and stays).
        seed: of what is drawn.

    Raises:
        ValueError: when the piece is no matrix of the target, its inputs do not fill
            the grid, or a choice does not exist.

    Source: Stanley et al. (2009); trained by gradients as in Ha, Dai, Le (2016),
    appendix A.1, where the paper evolves.

    >>> from minitorch.models import mlp
    >>> g = CPPNWeights(mlp(196, 64, 10))
    >>> g
    CPPNWeights of mlp-196-64-10: 641 numbers write 12,544 weights of dense1.weight
    >>> g.layout.size, g.target.layout.size
    (1355, 13258)
    """

    code = 3

    def __init__(
        self,
        target: Target,
        piece: str = "dense1.weight",
        *,
        sources: tuple[int, int] | None = None,
        hidden: tuple[int, ...] = (16, 16, 16),
        activation: str = "sine",
        inputs: str = "pairs",
        centred: bool = True,
        kind: str = "trained",
        seed: int = 0,
    ):
        shape = target.layout.shapes.get(piece, ())
        if len(shape) != 2:
            known = [n for n, s in target.layout.shapes.items() if len(s) == 2]
            raise ValueError(f"no matrix {piece!r} in the target; there are {known}")
        self.shape: tuple[int, int] = (shape[0], shape[1])
        self.sources = sources or _near_square(shape[1])
        if math.prod(self.sources) != shape[1]:
            raise ValueError(
                f"a grid of {self.sources} holds {math.prod(self.sources)} inputs, but "
                f"{piece} has {shape[1]}"
            )
        for choice, offered in ((kind, KINDS), (inputs, INPUTS)):
            if choice not in offered:
                raise ValueError(f"no {choice!r}; there are {', '.join(offered)}")
        self.target, self.piece, self.seed = target, piece, seed
        self.hidden, self.activation = tuple(hidden), activation
        self.inputs, self.kind, self.centred = inputs, kind, centred
        self.asked = self._inputs(self.sources)
        self.cppn = cppn(self.asked.shape[1], *self.hidden, activation=activation)
        rest = {n: s for n, s in target.layout.shapes.items() if n != piece}
        taught = self.cppn.layout.shapes if kind == "trained" else {}
        self.layout = Layout({f"cppn.{n}": s for n, s in taught.items()} | rest)
        self._start = target.init(seed)
        self._drawn = self.cppn.init(seed)
        self._scale = 1.0
        size = float(self._written(Tensor(self._drawn), self.asked).numpy().std())
        self._scale = math.sqrt(2 / shape[1]) / max(size, 1e-12)  # He's

        # What a control leaves as it was drawn.
        self._fixed = target.layout.views(self._start)[piece].copy()
        if kind == "frozen":
            self._fixed = self.write(self._drawn, self.sources)

    def _inputs(self, sources: tuple[int, int]) -> np.ndarray:
        """What the CPPN is told of each connection, (O F, k)."""
        ends = grid(*sources), grid(*_near_square(self.shape[0]))
        places = REACH * pairs(*ends)
        if self.inputs == "offsets":
            places = np.hstack([places, places[:, 2:] - places[:, :2]])
        if self.inputs == "fourier":
            random = stream(self.seed, "cppn/fourier")
            places = fourier(places / REACH, random.standard_normal((4, WAVES)))
        return places.astype(np.float32)

    def _written(self, theirs: Tensor, asked: Array) -> Tensor:
        """What the CPPN with these weights writes, (O, F)."""
        values = reshape(self.cppn(theirs, asked), (self.shape[0], -1))
        if self.centred:
            values = values - mean(values, axis=1, keepdims=True)
        return multiply(values, self._scale)

    def init(self, seed: int) -> np.ndarray:
        """Start from the weights that the map's own seed gives."""
        phi = np.zeros(self.layout.size, np.float32)
        rest = self.target.layout.views(self._start)
        drawn = self.cppn.layout.views(self._drawn)
        for name, part in self.layout.views(phi).items():
            is_cppn = name.startswith("cppn.")
            part[...] = drawn[name.removeprefix("cppn.")] if is_cppn else rest[name]
        return phi

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        parts = self.layout.unpack(phi)
        if self.kind == "trained":
            names = self.cppn.layout.shapes
            theirs = concat([reshape(parts[f"cppn.{n}"], (-1,)) for n in names])
            written = self._written(theirs, backend().constant(self.asked))
        else:
            written = Tensor(backend().constant(self._fixed))
        parts[self.piece] = written
        names = self.target.layout.shapes
        theta = concat([reshape(parts[n], (-1,)) for n in names])
        return through(self.target, theta, train, rng)

    def write(self, phi: np.ndarray, sources: tuple[int, int]) -> np.ndarray:
        """Ask the CPPN for the weights on another grid of inputs.

        An input of a finer grid carries a part of what one of the coarse grid does,
        so that the weights shrink as their number grows, and their sum stays.

        Args:
            phi: (d,), or the CPPN's own weights.
            sources: height and width of the grid of inputs.

        Returns:
            (O, F), F the inputs of the grid.

        Raises:
            ValueError: for the control "random", which has no CPPN to ask.

        >>> from minitorch.models import mlp
        >>> g = CPPNWeights(mlp(196, 64, 10))
        >>> g.write(g.init(0), (28, 28)).shape
        (64, 784)
        """
        if self.kind == "random":
            raise ValueError(
                "weights drawn one by one are known on their own grid only"
            )
        theirs = phi[: self.cppn.layout.size] if self.kind == "trained" else self._drawn
        share = np.float32(self.shape[1] / math.prod(sources))
        with no_grad():
            asked = backend().constant(self._inputs(sources))
            return self._written(Tensor(theirs), asked).numpy() * share

    def spec(self) -> bytes:
        """Which piece, the grid, the choices, the seed."""
        names = list(self.target.layout.shapes)
        choices = (
            names.index(self.piece),
            list(ACTIVATIONS).index(self.activation),
            INPUTS.index(self.inputs),
            KINDS.index(self.kind),
            self.centred,
            len(self.hidden),
        )
        sizes = (self.seed, *self.sources)
        return struct.pack(f"<6BI2H{len(self.hidden)}H", *choices, *sizes, *self.hidden)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[CPPNWeights, bytes]:
        *choices, layers, seed, height, width = struct.unpack_from("<6BI2H", data)
        piece, activation, inputs, kind, centred = choices
        start = struct.calcsize("<6BI2H")
        hidden = struct.unpack_from(f"<{layers}H", data, start)
        g = cls(
            target,
            list(target.layout.shapes)[piece],
            sources=(height, width),
            hidden=hidden,
            activation=list(ACTIVATIONS)[activation],
            inputs=INPUTS[inputs],
            kind=KINDS[kind],
            centred=bool(centred),
            seed=seed,
        )
        return g, data[start + 2 * layers :]

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The bits; for each piece how far it moved: a step, then a code a number."""
        moved = self.layout.views(phi - self.init(0))
        sent = [bytes([bits])]
        for part in moved.values():
            change = part.reshape(-1)
            if not change.any():
                sent.append(struct.pack("<f", 0))
                continue
            codes, step = quantise(change, bits)
            spread = (codes[:, None] >> np.arange(bits)) & 1
            sent += [struct.pack("<f", step), np.packbits(spread).tobytes()]
        return b"".join(sent)

    def from_payload(self, data: bytes) -> np.ndarray:
        bits, data = data[0], data[1:]
        phi = self.init(0)
        for part in self.layout.views(phi).values():
            (step,) = struct.unpack_from("<f", data)
            data = data[4:]
            if step == 0:
                continue
            length = -(-part.size * bits // 8)
            packed = np.frombuffer(data[:length], np.uint8)
            spread = np.unpackbits(packed, count=part.size * bits)
            codes = spread.reshape(-1, bits).astype(np.int64) << np.arange(bits)
            part += dequantise(codes.sum(axis=1), step, bits).reshape(part.shape)
            data = data[length:]
        return phi

    def __repr__(self) -> str:
        counts = {
            "trained": f"{self.cppn.layout.size:,} numbers write",
            "frozen": "a frozen CPPN writes",
            "random": "random and frozen are the",
        }
        many = f"{math.prod(self.shape):,} weights of {self.piece}"
        return f"CPPNWeights of {self.net.name}: {counts[self.kind]} {many}"


def _near_square(count: int) -> tuple[int, int]:
    """The height and width, closest to each other, of a grid of so many places."""
    height = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
    return height, count // height
