"""References for the chapter "Indirect encoding" that stand nowhere else."""

import numpy as np


def hyper_steps(
    x: np.ndarray, W_h: np.ndarray, W_x: np.ndarray, A: np.ndarray, D: np.ndarray
) -> np.ndarray:
    """Read sequences with a network whose weights a smaller one scales at each step.

    With everything 0 before the first step: s = tanh(A [h, x_t, s]), d = 1 + D s,
    h = tanh(d * (W_h h) + W_x x_t).

    Args:
        x: (N, T, F) what is read.
        W_h: (H, H).
        W_x: (H, F).
        A: (S, H + F + S) the small network's weights.
        D: (H, S).

    Returns:
        (N, T, H), h after each step.

    Source: Ha, Dai, Le (2016), HyperNetworks, eq. 9 and 10, without x's scales and
    biases.

    >>> one = np.ones((1, 1))
    >>> hyper_steps(one[None], one, one, np.zeros((1, 3)), one).round(3)
    array([[[0.762]]])
    """
    N, T, _ = x.shape
    h, s = np.zeros((N, len(W_h))), np.zeros((N, len(A)))
    said = []
    for t in range(T):
        s = np.tanh(np.hstack([h, x[:, t], s]) @ A.T)  # before h is new
        d = 1 + s @ D.T  # (N, H), a scale for each row of W_h
        h = np.tanh(d * (h @ W_h.T) + x[:, t] @ W_x.T)
        said.append(h)
    return np.stack(said, axis=1)


def join_tiles(K: np.ndarray) -> np.ndarray:
    """Lay tiles side by side: the weights of one layer.

    Args:
        K: (R, C, i, o): R tiles along the inputs, C along the outputs, each with i
            inputs and o outputs.

    Returns:
        (C o, R i); tile (r, c) is one block, turned so that a row is an output.

    >>> join_tiles(np.arange(6).reshape(2, 1, 3, 1))
    array([[0, 1, 2, 3, 4, 5]])
    """
    R, C, i, o = K.shape
    return K.transpose(1, 3, 0, 2).reshape(C * o, R * i)


def own_start(
    z: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> float:
    """Find by what W1 and b1 are multiplied so that 3 x 3 kernels start as He asks.

    Args:
        z: (L, n) the embeddings of L tiles.
        W1: (h, M).
        b1: (M,).
        W2: (n, I h).
        b2: (I h,).

    Returns:
        The factor with which the mean square of all written weights is 2 / (9 I).

    >>> one = np.ones((1, 1))
    >>> round(own_start(one, np.ones((1, 9)), np.zeros(9), one, one[0]), 3)  # all 2
    0.236
    """
    A = (z @ W2 + b2).reshape(-1, len(W1))  # (L I, h)
    K = A @ W1 + b1
    fan_in = 9 * b2.size // len(W1)
    return float(np.sqrt(2 / fan_in / (K**2).mean()))


def degrees_of_freedom(
    z: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> int:
    """Count the independent ways in which the generated weights can move.

    Args:
        z: (L, n) the embeddings of L tiles.
        W1: (h, M) the second matrix, b1 (M,) its offset.
        b1: (M,) offset of the weights.
        W2: (n, I h) the first matrix.
        b2: (I h,) offset of the hidden numbers.

    Returns:
        The rank of the Jacobian.

    >>> one = np.ones((1, 1))
    >>> degrees_of_freedom(2 * one, 3 * one, one[0], 5 * one, one[0])
    1
    """
    parts = [z, W1, b1, W2, b2]

    def weights(*parts: np.ndarray) -> np.ndarray:
        z, W1, b1, W2, b2 = parts
        hidden = (z @ W2 + b2).reshape(-1, len(W1))
        return (hidden @ W1 + b1).ravel()

    # Along each number alone the weights are a straight line: a step of 1 is exact.
    columns = []
    for j, part in enumerate(parts):
        for k in range(part.size):
            moved = part.astype(float)
            moved.flat[k] += 1
            columns.append(weights(*parts[:j], moved, *parts[j + 1 :]))
    jacobian = np.array(columns).T - weights(*parts)[:, None]
    return int(np.linalg.matrix_rank(jacobian))


def hyperfan_in_std(
    fan_in: int, n: int, h: int, z_std: float = 1.0, w2_std: float = 1.0
) -> float:
    """Spread W1 so that the generated weights have He's variance, 2 / fan_in.

    >>> hyperfan_in_std(fan_in=8, n=2, h=2)
    0.25
    """
    return (2 / fan_in / (n * h)) ** 0.5 / (z_std * w2_std)
