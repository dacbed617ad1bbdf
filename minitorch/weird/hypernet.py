"""Static hypernetworks: a small network writes the weights of a large one.

Every tile of a layer has an embedding z of a few numbers; one small linear
network, shared by all tiles, turns each embedding into that tile's weights.
Trained are the embeddings, the small network, and the layers it does not write.

Source: Ha, Dai, Le (2016), HyperNetworks, section 3.1.

Letters, beside the course's own: n numbers in an embedding, I channels into a
tile, O channels out of it, M = O k k numbers for each channel in, h hidden
numbers for each channel in, L tiles.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from minitorch.backends import backend
from minitorch.nn import Layout
from minitorch.ops import concat, permute_dims, reshape
from minitorch.random import stream
from minitorch.tensor import Tensor
from minitorch.weird.parametrization import Parametrization, Rng, Target, through

# ----------------------------------------------------------------------------
# The method on plain arrays, as the exercises ask for it
# ----------------------------------------------------------------------------


def generate_tile(
    z: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    """Write the weights of one tile from its embedding.

    A = z W2 + b2, read as one row of h numbers for each of the I channels in;
    K = A W1 + b1, one row of M weights for each channel in.

    Args:
        z: (n,) the tile's embedding.
        W1: (h, M) the second layer, shared by all channels in.
        b1: (M,) its bias.
        W2: (n, I h) the first layer.
        b2: (I h,) its bias.

    Returns:
        K, (I, M).

    Source: Ha, Dai, Le (2016), eq. 2; their W_i and B_i are slices of W2 and b2,
    their W_out and B_out are W1 and b1.

    >>> W2, b2 = np.array([[1.0, 0.0]]), np.array([0.0, 5.0])
    >>> W1, b1 = np.array([[1.0, 10.0, 100.0]]), np.array([0.0, 0.0, 1.0])
    >>> generate_tile(np.array([2.0]), W1, b1, W2, b2)
    array([[  2.,  20., 201.],
           [  5.,  50., 501.]])
    """
    A = (z @ W2 + b2).reshape(-1, len(W1))
    return A @ W1 + b1


def frozen_generator(
    W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Show that a generator that is not trained is a random subspace.

    With W1, b1, W2 and b2 fixed, a tile is affine in its embedding: all its I M
    weights are offset + P z, with P fixed.

    Args:
        W1, b1, W2, b2: as in `generate_tile`.

    Returns:
        offset (I M,), and P (I M, n).

    >>> W2, b2 = np.array([[1.0, 0.0]]), np.array([0.0, 5.0])
    >>> W1, b1 = np.array([[1.0, 10.0]]), np.array([0.0, 1.0])
    >>> offset, P = frozen_generator(W1, b1, W2, b2)
    >>> offset, P[:, 0]
    (array([ 0.,  1.,  5., 51.]), array([ 1., 10.,  0.,  0.]))
    """
    h = len(W1)
    offset = (b2.reshape(-1, h) @ W1 + b1).reshape(-1)
    P = (W2.reshape(len(W2), -1, h) @ W1).reshape(len(W2), -1).T
    return offset, P


def hyperfan_in_std(
    fan_in: int, n: int, h: int, z_std: float = 1.0, w2_std: float = 1.0
) -> float:
    """Give W1 the spread with which the written weights have He's spread.

    With zero biases Var(K) = n h z_std^2 w2_std^2 w1_std^2. That is to be
    2 / fan_in, where fan_in counts the inputs of the layer that is written, not
    those of the generator's own.

    Args:
        fan_in: inputs of each unit of the written layer, I k k.
        n: numbers in an embedding.
        h: hidden numbers for each channel in.
        z_std: spread of the embeddings.
        w2_std: spread of W2.

    Returns:
        The standard deviation of W1.

    Source: Chang, Flokas, Lipson (2020), Principled weight initialization for
    hypernetworks: their hyperfan-in, for this generator.

    >>> hyperfan_in_std(fan_in=50, n=4, h=4, z_std=1.0, w2_std=0.5)
    0.1
    """
    return math.sqrt(2 / fan_in / (n * h)) / (z_std * w2_std)


def kernel_rank(kernels: np.ndarray) -> int:
    """Count how many patterns the channels into a layer are mixed from.

    The rank of the (C, O k k) matrix that has a row for each channel in. A tile
    that was generated has h + 1 at most: h rows of W1, and b1.

    Args:
        kernels: (O, C, k, k), or (O, F) of a dense layer.

    Returns:
        The rank; singular values below 1e-4 of the largest count as zero, for
        kernels are float32.

    >>> one = np.random.default_rng(0).normal(size=(1, 16, 7, 7))
    >>> kernel_rank(np.repeat(one, 16, axis=0)), kernel_rank(np.ones((3, 5)))
    (16, 1)
    """
    rows = np.moveaxis(np.asarray(kernels, np.float64), 1, 0)
    singular = np.linalg.svd(rows.reshape(len(rows), -1), compute_uv=False)
    return int((singular > 1e-4 * singular.max()).sum()) if singular.any() else 0


def generator_jacobian(
    z: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    """Differentiate all generated weights by all numbers that generate them.

    Args:
        z: (L, n) the embeddings of L tiles.
        W1, b1, W2, b2: as in `generate_tile`.

    Returns:
        (L I M, L n + h M + M + n I h + I h): a row for each weight; columns in the
        order z, W1, b1, W2, b2.

    >>> one = np.ones((1, 1))
    >>> generator_jacobian(2 * one, 3 * one, one[0], 5 * one, one[0])
    array([[15., 11.,  1.,  6.,  3.]])
    """
    (L, n), (h, M) = z.shape, W1.shape
    A = (z @ W2 + b2).reshape(L, -1, h)
    each = A.shape[1]
    over_L, over_I, over_M = np.eye(L), np.eye(each), np.eye(M)
    P = W2.reshape(n, each, h) @ W1  # (n, I, M)
    parts = [
        np.einsum("ab,nim->aimbn", over_L, P),
        np.einsum("aih,mw->aimhw", A, over_M),
        np.broadcast_to(over_M, (L, each, M, M)),
        np.einsum("an,ij,hm->aimnjh", z, over_I, W1),
        np.broadcast_to(np.einsum("ij,hm->imjh", over_I, W1), (L, each, M, each, h)),
    ]
    return np.concatenate([part.reshape(L * each * M, -1) for part in parts], axis=1)


def degrees_of_freedom(
    z: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> int:
    """Count the independent ways in which the generated weights can move.

    The rank of `generator_jacobian`. It is below the count of the generator's
    numbers: z -> z G + c can be undone in W2 and b2, and A -> A G + c in W1 and
    b1, for any invertible G. With n = h and L > n tiles that hides 2 n (n + 1)
    numbers; for a single tile nothing is lost by fixing z.

    Args:
        z: (L, n) the embeddings of L tiles.
        W1, b1, W2, b2: as in `generate_tile`.

    Returns:
        The rank.

    >>> draw = np.random.default_rng(0).normal
    >>> n, each, M = 2, 3, 5  # one tile: 2 + 10 + 5 + 12 + 6 = 35 numbers
    >>> b1, b2 = draw(size=M), draw(size=3 * n)
    >>> z, W1, W2 = draw(size=(1, n)), draw(size=(n, M)), draw(size=(n, 3 * n))
    >>> degrees_of_freedom(z, W1, b1, W2, b2)
    15
    """
    return int(np.linalg.matrix_rank(generator_jacobian(z, W1, b1, W2, b2)))


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------

INITS = ("plain", "he", "hyperfan-in")
PLAIN_STD = 0.01


class Hypernetwork(Parametrization):
    """A two-layer linear network writes some pieces of theta, tile by tile.

    theta's written pieces are K = (z W2 + b2) W1 + b1 for each tile, see
    `generate_tile`; the other pieces are pieces of phi. A layer larger than a tile
    takes several, each with its own z; what sticks out of the layer is cut off.

    phi starts the same for every run with a seed; spreads by `init`:
    "plain" is that of the authors' MNIST notebook: z 1, W1 and W2 0.01; "he" gives
    the generator's own layers He's spread, as if they were any layers;
    "hyperfan-in" gives the written weights He's spread. Biases start at 0, and
    pieces that are not written as the network has them.

    Args:
        target: the network, or the parametrization whose phi is to be written.
        pieces: names of what is written: matrices, or kernels of one window; the
            largest piece where left out.
        n: numbers in an embedding.
        h: hidden numbers for each channel in; n where left out, as in the paper.
        tile: channels in and out of a tile; of the largest written piece where left
            out.
        frozen: train only the embeddings and what is not written, with a fixed
            random generator: the control, a random subspace.
        init: "plain", "he" or "hyperfan-in".
        seed: of the start, and of a frozen generator.

    Raises:
        ValueError: when a piece cannot be written, or a size or init is unknown.

    Source: Ha, Dai, Le (2016), section 3.1.

    >>> from minitorch.models import conv7
    >>> g = Hypernetwork(conv7(), n=4)
    >>> g
    Hypernetwork of conv7-16-16: conv2.weight in 1 tile from 4,244 numbers, n = 4,
    hyperfan-in, seed 0; d = 12,910 of D = 21,210
    """

    code = 2

    def __init__(
        self,
        target: Target,
        pieces: Sequence[str] | None = None,
        *,
        n: int = 4,
        h: int | None = None,
        tile: tuple[int, int] | None = None,
        frozen: bool = False,
        init: str = "hyperfan-in",
        seed: int = 0,
    ):
        shapes = target.layout.shapes
        if pieces is None:
            pieces = [max(shapes, key=lambda name: math.prod(shapes[name]))]
        self.target, self.pieces = target, tuple(pieces)
        self.n, self.h = n, n if h is None else h
        self.frozen, self.start, self.seed = frozen, init, seed
        self._window = _window(shapes, self.pieces)
        largest = max(self.pieces, key=lambda name: math.prod(shapes[name]))
        self.tile = tile or (shapes[largest][1], shapes[largest][0])
        sizes = (self.n, self.h, *self.tile)
        if init not in INITS or min(sizes) < 1 or max(sizes) >= 2**16:
            raise ValueError(
                f"n, h and the sides of a tile are 1 to 65,535, and init is one of "
                f"{', '.join(INITS)}; got n = {n}, h = {h}, tile = {tile}, {init!r}"
            )
        I, O = self.tile  # noqa: E741
        M = O * math.prod(self._window)
        self._grids = {  # rows and columns of tiles
            name: (-(-shapes[name][1] // I), -(-shapes[name][0] // O))
            for name in self.pieces
        }
        self.tiles = sum(a * b for a, b in self._grids.values())
        generator: dict[str, tuple[int, ...]] = {
            "W2": (self.n, I * self.h),
            "b2": (I * self.h,),
            "W1": (self.h, M),
            "b1": (M,),
        }
        rest = {name: s for name, s in shapes.items() if name not in self.pieces}
        own = {"z": (self.tiles, self.n), **generator}
        drawn = self._draw(Layout(own), rest)
        self.layout = Layout({"z": own["z"], **({} if frozen else generator), **rest})
        parts = [drawn[name].reshape(-1) for name in self.layout.shapes]
        self._phi0 = np.concatenate(parts)
        self._fixed = {name: drawn[name] for name in generator if frozen}
        self.written = sum(math.prod(shape) for shape in own.values())

    def _draw(
        self, own: Layout, rest: dict[str, tuple[int, ...]]
    ) -> dict[str, np.ndarray]:
        """Draw where every number of the hypernetwork starts."""
        shapes = self.target.layout.shapes
        theta0 = self.target.layout.views(self.target.init(self.seed))
        fans = [math.prod(shapes[name][1:]) for name in self.pieces]
        n, h = self.n, self.h
        spread = {
            "plain": (PLAIN_STD, PLAIN_STD),
            "he": (math.sqrt(2 / n), math.sqrt(2 / h)),
            "hyperfan-in": (
                math.sqrt(1 / n),
                hyperfan_in_std(fans[0], n, h, w2_std=math.sqrt(1 / n)),
            ),
        }[self.start]
        stds = {"z": 1.0, "W2": spread[0], "W1": spread[1]}
        drawn = {name: theta0[name] for name in rest}
        for name, shape in own.shapes.items():
            values = np.zeros(shape)
            if name in stds:
                random = stream(self.seed, f"hypernet/{name}")
                values = stds[name] * random.standard_normal(shape)
            drawn[name] = values.astype(np.float32)
        if self.start == "hyperfan-in":  # W1 suits the first piece, z the others
            first = 0
            for fan_in, grid in zip(fans, self._grids.values(), strict=True):
                last = first + math.prod(grid)
                drawn["z"][first:last] *= np.float32(math.sqrt(fans[0] / fan_in))
                first = last
        return drawn

    def init(self, seed: int) -> np.ndarray:
        """Give the start that the map's own seed draws, (d,)."""
        return self._phi0.copy()

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        parts = self.layout.unpack(phi)
        for name, array in self._fixed.items():
            parts[name] = Tensor(backend().constant(array))
        A = parts["z"] @ parts["W2"] + parts["b2"]  # (L, I h)
        K = reshape(A, (-1, self.h)) @ parts["W1"] + parts["b1"]  # (L I, M)
        written, first = {}, 0
        for name, grid in self._grids.items():
            last = first + math.prod(grid)
            rows = K[first * self.tile[0] : last * self.tile[0]]
            written[name] = self._join(rows, grid, self.target.layout.shapes[name])
            first = last
        theta = [
            written[name] if name in written else reshape(parts[name], (-1,))
            for name in self.target.layout.shapes
        ]
        return through(self.target, concat(theta), train, rng)

    def _join(self, K: Tensor, grid: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        """Lay a layer's tiles (rows columns I, M) side by side: its weights, flat."""
        (rows, columns), (I, O) = grid, self.tile  # noqa: E741
        K = reshape(K, (rows, columns, I, O, -1))
        K = permute_dims(K, (1, 3, 0, 2, 4))  # (columns, O, rows, I, k k)
        K = reshape(K, (columns * O, rows * I, -1))
        if K.shape[:2] != shape[:2]:
            K = K[: shape[0], : shape[1]]
        return reshape(K, (-1,))

    def spec(self) -> bytes:
        names = list(self.target.layout.shapes)
        places = [names.index(name) for name in self.pieces]
        flags = self.frozen + 2 * INITS.index(self.start)
        head = struct.pack("<BIHHHH", flags, self.seed, self.n, self.h, *self.tile)
        return head + struct.pack(f"<B{len(places)}H", len(places), *places)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Hypernetwork, bytes]:
        flags, seed, n, h, I, O, count = struct.unpack_from("<BIHHHHB", data)  # noqa: E741
        data = data[struct.calcsize("<BIHHHHB") :]
        names = list(target.layout.shapes)
        pieces = [names[i] for i in struct.unpack_from(f"<{count}H", data)]
        frozen, init = bool(flags & 1), INITS[flags >> 1]
        how = {"n": n, "h": h, "tile": (I, O)}
        g = cls(target, pieces, frozen=frozen, init=init, seed=seed, **how)
        return g, data[2 * count :]

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """A step for each piece of phi, then the rounded changes, squeezed by zlib."""
        change = self.layout.views(phi - self._phi0)
        codes, steps = [], []
        for moved in change.values():
            step = np.float32(2 * np.abs(moved).max() / 2**bits) or np.float32(1)
            steps.append(step)
            codes.append(np.rint(moved / step).clip(-(2**15), 2**15 - 1).reshape(-1))
        numbers = np.concatenate(codes).astype("<i2")
        planes = numbers.view(np.uint8).reshape(-1, 2).T.tobytes()  # low bytes first
        return np.array(steps, "<f4").tobytes() + zlib.compress(planes, 9)

    def from_payload(self, data: bytes) -> np.ndarray:
        count = len(self.layout.shapes)
        steps = np.frombuffer(data[: 4 * count], "<f4")
        planes = np.frombuffer(zlib.decompress(data[4 * count :]), np.uint8)
        codes = np.ascontiguousarray(planes.reshape(2, -1).T).view("<i2").reshape(-1)
        phi = self._phi0.copy()
        for step, where in zip(steps, self.layout.slices.values(), strict=True):
            phi[where] += codes[where] * step
        return phi

    def __repr__(self) -> str:
        tiles = f"{self.tiles} tile" + "s" * (self.tiles > 1)
        state = "frozen, " if self.frozen else ""
        return (
            f"Hypernetwork of {self.net.name}: {', '.join(self.pieces)} in {tiles} "
            f"from {self.written:,} numbers, n = {self.n}, {state}{self.start}, seed "
            f"{self.seed}; d = {self.layout.size:,} of D = {self.target.layout.size:,}"
        )


def _window(
    shapes: dict[str, tuple[int, ...]], pieces: tuple[str, ...]
) -> tuple[int, ...]:
    """The window that the written pieces share, () for matrices."""
    unknown = [name for name in pieces if len(shapes.get(name, ())) < 2]
    if unknown or not pieces or len(set(pieces)) < len(pieces):
        known = ", ".join(name for name, shape in shapes.items() if len(shape) > 1)
        raise ValueError(
            f"a hypernetwork writes matrices and kernels, each once, of {known}; got "
            f"{', '.join(pieces) or 'none'}"
        )
    windows = {shapes[name][2:] for name in pieces}
    if len(windows) > 1:
        raise ValueError(
            f"the pieces of one hypernetwork have one window, got {sorted(windows)}"
        )
    return windows.pop()
