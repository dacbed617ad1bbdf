"""References for the chapter "Lottery tickets", each a function that stands alone.

The package's own, `minitorch.weird.pruning`, work on whole networks and share parts.
"""

import numpy as np


def magnitude_mask(w: np.ndarray, keep: float) -> np.ndarray:
    """Keep the weights of largest size, floor(keep n + 1/2) of n.

    Of weights of equal size the earlier one is kept.

    >>> magnitude_mask(np.array([0.1, -3.0, 0.2, 2.0]), keep=0.5)
    array([False,  True, False,  True])
    """
    count = int(np.floor(keep * w.size + 0.5))
    order = np.argsort(-np.abs(w).ravel(), kind="stable")  # ties stay in order
    mask = np.zeros(w.size, bool)
    mask[order[:count]] = True
    return mask.reshape(w.shape)


def prune_step(w: np.ndarray, mask: np.ndarray, keep: float) -> np.ndarray:
    """Keep a fraction of the weights that are still there: the largest of them.

    >>> mask = np.array([True, True, False, True, True])
    >>> prune_step(np.array([0.1, -3.0, 9.0, 2.0, 0.2]), mask, keep=0.5)
    array([False,  True, False,  True, False])
    """
    there = np.flatnonzero(mask)  # by the mask: a weight that is there may be 0
    count = int(np.floor(keep * len(there) + 0.5))
    order = np.argsort(-np.abs(w.ravel()[there]), kind="stable")
    new = np.zeros(w.size, bool)
    new[there[order[:count]]] = True
    return new.reshape(w.shape)


def shuffled_mask(mask: np.ndarray, sizes: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Keep as many weights in each layer, at other places: those of the smallest u.

    Args:
        mask: (D,) of a ticket, one layer after the other.
        sizes: (L,) how many weights each layer has.
        u: (D,) random numbers, all different.

    >>> mask = np.array([True, True, False, True, False])
    >>> u = np.array([0.9, 0.4, 0.5, 0.8, 0.1])
    >>> shuffled_mask(mask, np.array([3, 2]), u)
    array([False,  True,  True, False,  True])
    """
    new, start = np.zeros_like(mask), 0
    for size in sizes:
        layer = slice(start, start + size)
        order = np.argsort(u[layer])
        new[layer][order[: mask[layer].sum()]] = True  # a slice is a view
        start += size
    return new


def pixel_counts(mask: np.ndarray) -> np.ndarray:
    """Count for each pixel how many weights still read it.

    Args:
        mask: (O, S S), a row of S S pixels for each unit.

    >>> pixel_counts(np.array([[True, False, False, True], [True, False, True, False]]))
    array([[2, 0],
           [1, 1]])
    """
    side = round(mask.shape[1] ** 0.5)
    return mask.sum(axis=0).reshape(side, side)


def message_bytes(n: int, keep: float, value_bits: int, index_bits: int) -> np.ndarray:
    """Count the bytes of n weights in three forms: dense, bitmask, and with indices.

    >>> message_bytes(1000, 0.1, value_bits=32, index_bits=16).tolist()
    [4000.0, 525.0, 600.0]
    """
    kept = np.floor(keep * n + 0.5)
    dense = n * value_bits
    bitmask = kept * value_bits + n  # a bit for each place, kept or not
    indices = kept * (value_bits + index_bits)
    return np.array([dense, bitmask, indices]) / 8


def signed_constant(
    theta0: np.ndarray, mask: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Keep the signs of a start, and one size for each layer: its standard deviation.

    Args:
        theta0: (D,) the start, one layer after the other.
        mask: (D,) which weights are there; the others become 0.
        sizes: (L,) how many weights each layer has.

    >>> start = np.array([1.0, -1.0, 6.0, -2.0])
    >>> signed_constant(start, np.arange(4) < 3, np.array([2, 2]))
    array([ 1., -1.,  4.,  0.])
    """
    new = np.zeros_like(theta0)
    stops = np.cumsum(sizes)
    for start, stop in zip(stops - sizes, stops, strict=True):
        layer = theta0[start:stop]  # all of it, whatever was pruned
        size = layer.std()
        new[start:stop] = np.where(layer < 0, -size, size)
    return np.where(mask, new, 0)


def masked_step(
    w: np.ndarray,
    grad: np.ndarray,
    velocity: np.ndarray,
    mask: np.ndarray,
    lr: float,
    momentum: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Take a step with momentum that trains what the mask keeps, and nothing else.

    >>> w, v = np.array([1.0, -2.0, 3.0]), np.array([0.0, 0.0, 8.0])
    >>> mask = np.array([True, True, False])
    >>> masked_step(w, np.ones(3), v, mask, lr=0.5, momentum=0.5)
    (array([ 0.5, -2.5,  0. ]), array([1., 1., 0.]))
    """
    velocity = np.where(mask, momentum * velocity + grad, 0)
    return np.where(mask, w - lr * velocity, 0), velocity


def own_bits(mask: np.ndarray, codes: np.ndarray) -> float:
    """Count the bits of a pruned layer: what is there, and how far it has moved.

    Args:
        mask: (n,) booleans.
        codes: (k,) for each weight that is there a whole number of steps.

    Returns:
        n H(mask) + k H(codes), with H in bits for each symbol.

    >>> own_bits(np.array([True, False, True, False]), np.array([3, -1]))
    6.0
    """

    def bits(symbols: np.ndarray) -> float:
        counts = np.unique(symbols, return_counts=True)[1]
        return float((counts * np.log2(counts.sum() / counts)).sum())

    return bits(mask) + bits(codes)
