"""Random subspaces: train d coordinates instead of D weights.

theta = theta0 + P phi. The start theta0 and the projection P are random and
fixed; only the d numbers phi are trained.

Source: Li, Farkhoor, Liu, Yosinski (2018), Measuring the intrinsic dimension
of objective landscapes.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from typing import Protocol

import numpy as np

from minitorch.backends import backend
from minitorch.nn import Layout
from minitorch.ops import add, custom
from minitorch.random import stream
from minitorch.tensor import Array, Tensor
from minitorch.weird.parametrization import Parametrization, Rng, Target, through

# ----------------------------------------------------------------------------
# The method on plain arrays, as the exercises ask for it
# ----------------------------------------------------------------------------


def unit_columns(P: np.ndarray) -> np.ndarray:
    """Scale each column of a matrix to length one.

    With unit columns a step of one in phi is a step of one in weight space,
    whatever d is, so a learning rate means the same thing for every d.

    Args:
        P: (D, d), no column zero.

    Returns:
        (D, d), column j divided by sqrt(sum_i P[i, j]**2).

    Source: Li et al. (2018).

    >>> unit_columns(np.array([[3.0, 0.0], [4.0, 2.0]]))
    array([[0.6, 0. ],
           [0.8, 1. ]])
    """
    return P / np.sqrt((P**2).sum(axis=0))


def project(theta0: np.ndarray, P: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Go from d coordinates to D weights: theta = theta0 + P phi.

    Args:
        theta0: (D,) the random start.
        P: (D, d) the random directions.
        phi: (d,) the trained coordinates.

    Returns:
        theta, (D,).

    Source: Li et al. (2018).

    >>> project(np.ones(3), np.eye(3)[:, :2], np.array([5.0, 7.0]))
    array([6., 8., 1.])
    """
    return theta0 + P @ phi


def project_grad(P: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """Take the gradient back from the weights to the coordinates: P^T grad.

    Args:
        P: (D, d) the random directions.
        grad: (D,) the gradient of the loss with respect to theta.

    Returns:
        (d,) the gradient of the loss with respect to phi.

    >>> project_grad(np.array([[1.0], [2.0]]), np.array([3.0, 4.0]))
    array([11.])
    """
    return P.T @ grad


def low_rank_grad(A: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """Take the gradient of a weight matrix back to B, where W = W0 + B A: grad A^T.

    It is P^T grad for the subspace that B moves W in, with A fixed.

    Args:
        A: (r, F) the fixed factor.
        grad: (O, F) the gradient of the loss with respect to W.

    Returns:
        (O, r) the gradient of the loss with respect to B.

    Source: Hu et al. (2021), LoRA, section 4.1.

    >>> low_rank_grad(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    array([[11.],
           [17.]])
    """
    return grad @ A.T


def fwht(x: np.ndarray) -> np.ndarray:
    """Multiply by the Walsh-Hadamard matrix in n log2(n) additions.

    H_1 = [1] and H_2n = [[H_n, H_n], [H_n, -H_n]]. The result is not scaled,
    so H H x = n x.

    Args:
        x: (n,), n a power of two.

    Returns:
        H x, (n,), a new array.

    Raises:
        ValueError: when n is not a power of two.

    >>> fwht(np.array([1.0, 0.0, 0.0, 2.0]))
    array([ 3., -1., -1.,  3.])
    """
    n = len(x)
    if n == 0 or n & (n - 1):
        raise ValueError(f"the length must be a power of two, got {n}")
    x = x.copy()
    half = 1
    while half < n:
        pairs = x.reshape(-1, 2, half)
        upper, lower = pairs[:, 0].copy(), pairs[:, 1].copy()
        pairs[:, 0], pairs[:, 1] = upper + lower, upper - lower
        half *= 2
    return x


def fastfood(
    phi: np.ndarray, B: np.ndarray, Pi: np.ndarray, G: np.ndarray, D: int
) -> np.ndarray:
    """Multiply by a structured random matrix without ever storing it.

    P phi = c S H G Pi H B phi, with phi padded by zeros to length L,
    H the Walsh-Hadamard matrix, S "keep the first D", and
    c = 1 / sqrt(D sum_i G_i^2), which gives columns of length one on average
    (exactly one where D = L).

    Args:
        phi: (d,) with d <= L.
        B: (L,) random signs.
        Pi: (L,) a random permutation, used as x[Pi].
        G: (L,) random normal numbers.
        D: how many weights, at most L.

    Returns:
        P phi, (D,).

    Source: Le, Sarlos, Smola (2013), Fastfood; Li et al. (2018).

    >>> B, Pi, G = np.array([1.0, -1.0]), np.array([1, 0]), np.array([1.0, 2.0])
    >>> fastfood(np.array([1.0]), B, Pi, G, D=2).round(3)
    array([ 0.949, -0.316])
    """
    padded = np.zeros_like(G)
    padded[: len(phi)] = phi
    mixed = fwht(B * padded)[Pi]
    return fwht(G * mixed)[:D] / np.sqrt(D * (G**2).sum())


def fastfood_grad(
    grad: np.ndarray, B: np.ndarray, Pi: np.ndarray, G: np.ndarray, d: int
) -> np.ndarray:
    """Multiply by the transpose of `fastfood`'s matrix.

    P^T g = c Z B H Pi^T G H S^T g: every factor transposed, in reverse order.
    H and the diagonals are their own transposes, Pi's is its inverse, S^T pads
    with zeros and Z keeps the first d.

    Args:
        grad: (D,) gradient with respect to theta.
        B, Pi, G: as in `fastfood`.
        d: how many coordinates.

    Returns:
        (d,) gradient with respect to phi.

    >>> B, Pi, G = np.array([1.0, -1.0]), np.array([1, 0]), np.array([1.0, 2.0])
    >>> fastfood_grad(np.array([1.0, 0.0]), B, Pi, G, d=1).round(3)
    array([0.949])
    """
    D = len(grad)
    padded = np.zeros_like(G)
    padded[:D] = grad
    mixed = np.empty_like(G)
    mixed[Pi] = G * fwht(padded)
    return (B * fwht(mixed))[:d] / np.sqrt(D * (G**2).sum())


def d_int90(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> int | None:
    """Read the intrinsic dimension off a curve of accuracy against d.

    The smallest d on the grid whose mean accuracy over the seeds is at least
    0.9 times the baseline.

    Args:
        ds: (n,) the values of d that were tried, in any order.
        accuracy: (S, n) accuracy of each of S seeds at each d.
        baseline: accuracy of the directly trained network (or 1.0 for an
            absolute 90 %).

    Returns:
        That d, or None where no d reaches the line.

    Raises:
        ValueError: when the shapes do not fit.

    Source: Li et al. (2018), who named the criterion.

    >>> curve = np.array([[0.5, 0.8, 0.92], [0.6, 0.9, 0.96]])
    >>> d_int90(np.array([50, 100, 200]), curve, baseline=1.0)
    200
    >>> d_int90(np.array([50, 100, 200]), curve, baseline=0.9)
    100
    """
    ds, accuracy = np.asarray(ds), np.asarray(accuracy)
    if accuracy.shape != (len(accuracy), len(ds)):
        raise ValueError(f"accuracy is (S, {len(ds)}), got {accuracy.shape}")
    mean = accuracy.mean(axis=0)
    reached = ds[mean >= 0.9 * baseline]
    return int(reached.min()) if len(reached) else None


def quantise(phi: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    """Round coordinates to whole-number codes of a few bits each.

    The levels are the odd multiples of half a step, symmetric about zero:
    value = (code - (2**bits - 1) / 2) * step, code = 0 ... 2**bits - 1.
    The step spreads the levels over the largest coordinate:
    step = 2 max|phi| / 2**bits.

    Args:
        phi: (d,), not all zero.
        bits: bits a coordinate, 1 to 16.

    Returns:
        codes (d,) whole numbers, and the step.

    Raises:
        ValueError: when phi is zero everywhere.

    >>> quantise(np.array([-1.0, -0.2, 0.3, 0.9]), bits=2)
    (array([0, 1, 2, 3]), 0.5)
    """
    step = 2 * np.abs(phi).max() / 2**bits
    if step == 0:
        raise ValueError("phi is zero everywhere: there is nothing to send")
    codes = np.floor(phi / step).astype(np.int64) + 2 ** (bits - 1)
    return np.clip(codes, 0, 2**bits - 1), float(step)


def dequantise(codes: np.ndarray, step: float, bits: int) -> np.ndarray:
    """Turn codes back into coordinates, the receiver's half of `quantise`.

    >>> dequantise(np.array([0, 1, 2, 3]), 0.5, bits=2)
    array([-0.75, -0.25,  0.25,  0.75])
    """
    return (codes - (2**bits - 1) / 2) * step


# ----------------------------------------------------------------------------
# Projections: P as something that can be applied, transposed and drawn again
# ----------------------------------------------------------------------------


class Projection(Protocol):
    """A fixed random matrix P (D, d) with columns of length one, drawn from a seed.

    `nbytes` is the memory that holds P.
    """

    nbytes: int

    def __init__(self, D: int, d: int, seed: int): ...

    def apply(self, phi: Array) -> Array:
        """Multiply by the matrix: P phi, (D,), from phi (d,)."""

    def adjoint(self, grad: Array) -> Array:
        """Multiply by its transpose: P^T grad, (d,), from grad (D,)."""


class DenseProjection(Projection):
    """Every entry drawn from a normal distribution: D d numbers, D d products.

    >>> P = DenseProjection(D=1000, d=3, seed=0)
    >>> P.apply(np.array([1, 0, 0], np.float32)).shape, P.nbytes
    ((1000,), 12000)
    """

    def __init__(self, D: int, d: int, seed: int):
        random = stream(seed, "subspace/dense")
        self._rows = np.empty((d, D), np.float32)  # P transposed: columns together
        for column in self._rows:
            column[:] = random.standard_normal(D)
            column /= np.linalg.norm(column)
        self.nbytes = self._rows.nbytes

    def apply(self, phi: Array) -> Array:
        return backend().matmul(phi, backend().constant(self._rows))

    def adjoint(self, grad: Array) -> Array:
        return backend().matmul(backend().constant(self._rows), grad)


class SparseProjection(Projection):
    """About sqrt(D) entries of random sign in each column, the rest zero.

    A column takes one entry from each of k = round(sqrt(D)) stretches of theta,
    equal but for rounding, so its entries are distinct and its length is one
    exactly. (The code of Li et al. lets each entry be non-zero with probability
    1 / sqrt(n), n the size of its layer; the number in a column then varies, and
    must be divided out.)

    Source: Li, Hastie, Church (2006), Very sparse random projections.

    >>> P = SparseProjection(D=10000, d=3, seed=0)
    >>> column = P.apply(np.array([1, 0, 0], np.float32))
    >>> int((column != 0).sum()), float(np.linalg.norm(column).round(5))
    (100, 1.0)
    """

    def __init__(self, D: int, d: int, seed: int):
        random = stream(seed, "subspace/sparse")
        k = round(D**0.5)
        edges = np.arange(k + 1) * D // k
        within = random.random_sample((d, k)) * np.diff(edges)
        # P transposed in compressed rows, one for each coordinate.
        self._places = (edges[:-1] + within.astype(np.int64)).astype(np.int32).ravel()
        signs = 2 * random.randint(0, 2, (d, k)) - 1
        self._values = (signs / np.sqrt(k)).astype(np.float32).ravel()
        self._starts = np.arange(0, d * k + 1, k, dtype=np.int32)
        self._D = D
        self.nbytes = self._places.nbytes + self._values.nbytes + self._starts.nbytes

    def apply(self, phi: Array) -> Array:
        kernels, values = backend(), backend().constant(self._values)
        pattern = self._starts, self._places
        return kernels.csr_rmatmul(values, *pattern, phi[:, None], self._D)[:, 0]

    def adjoint(self, grad: Array) -> Array:
        values = backend().constant(self._values)
        pattern = self._starts, self._places
        return backend().csr_matmul(values, *pattern, grad[:, None])[:, 0]


class FastfoodProjection(Projection):
    """A structured matrix, never stored: blocks of S H G Pi H B side by side.

    One block has length L, the smallest power of two that is at least d, so
    ceil(D / L) of them cover theta. They lie side by side in the last axis of
    an (L, blocks) array, which lets one transform do all of them at once.

    Source: Le, Sarlos, Smola (2013), Fastfood. Li et al. (2018) use a single
    block of length at least D; blocks of length about d cost less.

    >>> P = FastfoodProjection(D=1000, d=3, seed=0)
    >>> column = P.apply(np.array([1, 0, 0], np.float32))
    >>> column.shape, float(np.linalg.norm(column).round(1))
    ((1000,), 1.0)
    """

    def __init__(self, D: int, d: int, seed: int):
        random = stream(seed, "subspace/fastfood")
        self._D, self._d = D, d
        L = 1 << (d - 1).bit_length()
        shape = L, -(-D // L)  # blocks, rounded up
        self._B = (2 * random.randint(0, 2, shape) - 1).astype(np.float32)
        G = random.standard_normal(shape)
        order = random.random_sample(shape).argsort(axis=0, kind="stable")
        # Flat places, so that a permutation of all blocks is one gather.
        self._Pi = (order * shape[1] + np.arange(shape[1])).astype(np.int32).ravel()
        kept = G.size / (D * (G**2).sum() * L)  # S cuts a part of the last rows
        self._G = (G * np.sqrt(kept)).astype(np.float32).ravel()
        self.nbytes = self._B.nbytes + self._Pi.nbytes + self._G.nbytes

    def apply(self, phi: Array) -> Array:
        kernels = backend()
        B, Pi, G = map(kernels.constant, (self._B, self._Pi, self._G))
        x = kernels.zeros_like(B)
        x[: self._d] = phi[:, None] * B[: self._d]
        x = kernels.gather(kernels.fwht(x).reshape(-1), Pi, G)
        return kernels.fwht(x.reshape(B.shape)).reshape(-1)[: self._D]

    def adjoint(self, grad: Array) -> Array:
        kernels = backend()
        B, Pi, G = map(kernels.constant, (self._B, self._Pi, self._G))
        x = kernels.zeros_like(G)
        x[: self._D] = grad
        x = kernels.scatter(kernels.fwht(x.reshape(B.shape)).reshape(-1), Pi, G)
        x = kernels.fwht(x.reshape(B.shape))
        return (x[: self._d] * B[: self._d]).sum(1)


class CoordinateProjection(Projection):
    """The control: d randomly chosen weights instead of d random directions.

    Each column of P holds a single one.

    >>> CoordinateProjection(D=4, d=4, seed=0).apply(np.ones(4, np.float32))
    array([1., 1., 1., 1.], dtype=float32)
    """

    def __init__(self, D: int, d: int, seed: int):
        self._D = D
        self._chosen = stream(seed, "subspace/coordinates").permutation(D)[:d]
        self.nbytes = self._chosen.nbytes

    def apply(self, phi: Array) -> Array:
        return backend().scatter_add((self._D,), self._chosen, phi)

    def adjoint(self, grad: Array) -> Array:
        return backend().getitem(grad, self._chosen)


class LowRankProjection:
    """A structured subspace: each weight matrix W (O, F) moves by B A, B trained.

    A (r, F) is random, with rows of length one, and fixed; B (O, r) starts at 0 and
    is a piece of phi. That is LoRA with A frozen. B A is linear in B, so it is a
    subspace, with P = I (x) A^T for each matrix, and P^T grad is grad A^T. Weights
    of a convolution count as (O, C k k); vectors, such as biases, stay as they are.

    Args:
        layout: of theta; says which piece is a matrix.
        d: a multiple of the rows of all matrices together; their rank r is d over
            these.
        seed: of A.

    Raises:
        ValueError: when d is no multiple of the rows, or a matrix is smaller than r.

    Source: Hu et al. (2021), LoRA, section 4.1.

    >>> from minitorch.models import mlp
    >>> P = LowRankProjection(mlp(784, 200, 200, 10).layout, d=820, seed=0)
    >>> P.rank, P.nbytes  # 784 + 200 + 200 numbers of A for each of two rows
    (2, 9472)
    """

    def __init__(self, layout: Layout, d: int, seed: int):
        random = stream(seed, "subspace/low-rank")
        self._D = layout.size
        pieces = {n: shape for n, shape in layout.shapes.items() if len(shape) > 1}
        rows = sum(shape[0] for shape in pieces.values())
        self.rank, rest = divmod(d, rows)
        widths = [math.prod(shape[1:]) for shape in pieces.values()]
        if rest or not 1 <= self.rank <= min(widths):
            raise ValueError(
                f"a low-rank subspace here has a d of {rows} (the rows of all its "
                f"matrices) times a rank of 1 to {min(widths)}, got {d}"
            )
        self._pieces: list[tuple[slice, slice, np.ndarray]] = []
        start = 0  # of a matrix's B in phi
        for (name, shape), width in zip(pieces.items(), widths, strict=True):
            A = random.standard_normal((self.rank, width))
            A = (A / np.linalg.norm(A, axis=1, keepdims=True)).astype(np.float32)
            stop = start + shape[0] * self.rank
            self._pieces.append((layout.slices[name], slice(start, stop), A))
            start = stop
        self.nbytes = sum(A.nbytes for *_, A in self._pieces)

    def apply(self, phi: Array) -> Array:
        """Multiply by the matrix: P phi, (D,), from phi (d,)."""
        kernels = backend()
        theta = kernels.zeros_like(kernels.broadcast_to(phi[:1], (self._D,)))
        for weights, numbers, A in self._pieces:
            B = phi[numbers].reshape(-1, self.rank)
            theta[weights] = kernels.matmul(B, kernels.constant(A)).reshape(-1)
        return theta

    def adjoint(self, grad: Array) -> Array:
        """Multiply by its transpose: P^T grad, (d,), from grad (D,)."""
        kernels, parts = backend(), []
        for weights, _, A in self._pieces:
            A = kernels.constant(A)
            G = grad[weights].reshape(-1, A.shape[1])
            parts.append(low_rank_grad(A, G).reshape(-1))
        return kernels.concat(parts, 0)


PROJECTIONS: dict[str, Callable[..., Projection]] = {
    "dense": DenseProjection,
    "sparse": SparseProjection,
    "fastfood": FastfoodProjection,
    "coordinates": CoordinateProjection,
    "low-rank": LowRankProjection,
}


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


class Subspace(Parametrization):
    """theta = theta0 + P phi, with theta0 and P drawn from the seed and fixed.

    Args:
        target: the network, or the parametrization whose phi is to move in a
            subspace.
        d: how many numbers are trained, at most D.
        projection: "dense", "sparse", "fastfood", "low-rank" (LoRA with A frozen),
            or "coordinates" (the control).
        seed: of theta0 and P.
        theta0: weights to start from instead, such as trained ones, (D,). Whoever
            reads a message would need them too, so there is none then.

    Raises:
        ValueError: when d is not between 1 and D, there is no such projection, or
            theta0 has another size.

    Source: Li et al. (2018).

    >>> from minitorch.models import mlp
    >>> g = Subspace(mlp(784, 200, 200, 10), d=750)
    >>> g
    Subspace of mlp-784-200-200-10: d = 750 of D = 199,210, fastfood, seed 0
    """

    code = 1

    def __init__(
        self,
        target: Target,
        d: int,
        *,
        projection: str = "fastfood",
        seed: int = 0,
        theta0: np.ndarray | None = None,
    ):
        D, d = target.layout.size, operator.index(d)
        if not 1 <= d <= D:
            raise ValueError(f"d is from 1 to D = {D:,}, got {d:,}")
        if projection not in PROJECTIONS:
            known = ", ".join(PROJECTIONS)
            raise ValueError(f"no projection {projection!r}; there are {known}")
        self.target, self.d, self.seed = target, d, seed
        self.projection = projection
        self.layout = Layout({"phi": (d,)})
        self._given = theta0 is not None
        self.theta0 = target.init(seed) if theta0 is None else theta0
        target.layout.views(self.theta0)  # checks the size
        place = target.layout if projection == "low-rank" else D
        self.P = PROJECTIONS[projection](place, d, seed)
        self._project = custom("project", self.P.apply, self.P.adjoint)

    def init(self, seed: int) -> np.ndarray:
        """Start at phi = 0, which is theta0."""
        return np.zeros(self.d, np.float32)

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        theta = add(self._project(phi), backend().constant(self.theta0))
        return through(self.target, theta, train, rng)

    def spec(self) -> bytes:
        if self._given:
            raise ValueError(
                "theta0 was given, not drawn from the seed: a receiver cannot have it"
            )
        kind = list(PROJECTIONS).index(self.projection)
        return struct.pack("<BII", kind, self.seed, self.d)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Subspace, bytes]:
        kind, seed, d = struct.unpack_from("<BII", data)
        projection = list(PROJECTIONS)[kind]
        g = cls(target, d, projection=projection, seed=seed)
        return g, data[struct.calcsize("<BII") :]

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """The step, the bits, then one code of that many bits a coordinate."""
        codes, step = quantise(phi, bits)
        spread = (codes[:, None] >> np.arange(bits)) & 1
        return struct.pack("<Bf", bits, step) + np.packbits(spread).tobytes()

    def from_payload(self, data: bytes) -> np.ndarray:
        bits, step = struct.unpack_from("<Bf", data)
        packed = np.frombuffer(data[5:], np.uint8)
        spread = np.unpackbits(packed, count=self.d * bits).reshape(self.d, bits)
        codes = (spread.astype(np.int64) << np.arange(bits)).sum(axis=1)
        return dequantise(codes, step, bits).astype(np.float32)

    def __repr__(self) -> str:
        return (
            f"Subspace of {self.net.name}: d = {self.d:,} of "
            f"D = {self.target.layout.size:,}, {self.projection}, seed {self.seed}"
        )
