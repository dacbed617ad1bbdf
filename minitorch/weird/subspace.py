"""Random subspaces: train d coordinates instead of D weights.

theta = theta0 + P phi. The start theta0 and the projection P are random and
fixed; only the d numbers phi are trained.

Source: Li, Farkhoor, Liu, Yosinski (2018), Measuring the intrinsic dimension
of objective landscapes.
"""

import numpy as np

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

    Source: Li et al. (2018), section 2.

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

    Source: Li et al. (2018), equation 2.

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

    Source: Le, Sarlos, Smola (2013), Fastfood; Li et al. (2018), section S7.

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

    Source: Li et al. (2018), section 2.1 (the criterion d_int90).

    >>> curve = np.array([[0.5, 0.8, 0.92], [0.6, 0.9, 0.96]])
    >>> d_int90(np.array([50, 100, 200]), curve, baseline=1.0)
    200
    >>> d_int90(np.array([50, 100, 200]), curve, baseline=0.9)
    100
    """
    ds, mean = np.asarray(ds), np.asarray(accuracy).mean(axis=0)
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

    >>> quantise(np.array([-1.0, -0.2, 0.3, 0.9]), bits=2)
    (array([0, 1, 2, 3]), 0.5)
    """
    step = 2 * np.abs(phi).max() / 2**bits
    codes = np.floor(phi / step).astype(np.int64) + 2 ** (bits - 1)
    return np.clip(codes, 0, 2**bits - 1), float(step)


def dequantise(codes: np.ndarray, step: float, bits: int) -> np.ndarray:
    """Turn codes back into coordinates, the receiver's half of `quantise`.

    >>> dequantise(np.array([0, 1, 2, 3]), 0.5, bits=2)
    array([-0.75, -0.25,  0.25,  0.75])
    """
    return (codes - (2**bits - 1) / 2) * step
