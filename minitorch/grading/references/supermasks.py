"""References for the chapter "Supermasks", each a function that stands alone.

The package's own, `minitorch.weird.supermask` and `minitorch.weird.subset_sum`, work on
whole networks and on any back-end.
"""

import numpy as np


def same_sign_scores(wi: np.ndarray, wf: np.ndarray) -> np.ndarray:
    """Score weights by their size after training, 0 where the sign is another.

    Args:
        wi: weights before training, any shape.
        wf: the same after it.

    >>> same_sign_scores(np.array([1.0, -2.0, 0.5]), np.array([3.0, -0.5, -4.0]))
    array([3. , 0.5, 0. ])
    """
    return np.where(wi * wf > 0, np.abs(wf), 0)


def readings(scores: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Read a mask off scores in three ways: sampled, by threshold, and its mean.

    Args:
        scores: (n,).
        u: (n,) random numbers from 0 to 1.

    Returns:
        (3, n), a row for each reading.

    >>> readings(np.array([-2.0, 0.0, 2.0]), np.array([0.1, 0.6, 0.6])).round(2)
    array([[1.  , 0.  , 1.  ],
           [0.  , 1.  , 1.  ],
           [0.12, 0.5 , 0.88]])
    """
    p = 1 / (1 + np.exp(-scores))
    return np.stack([(u < p).astype(p.dtype), (scores >= 0).astype(p.dtype), p])


def bernoulli_grad(
    grad: np.ndarray, theta0: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Pass a gradient straight through a mask that was drawn, to its scores.

    Args:
        grad: of theta = theta0 * mask, (n,).
        theta0: (n,) the weights, which are fixed.
        scores: (n,).

    >>> bernoulli_grad(np.ones(2), np.array([2.0, -4.0]), np.zeros(2))
    array([ 0.5, -1. ])
    """
    p = 1 / (1 + np.exp(-scores))
    return grad * theta0 * p * (1 - p)  # as if the mask were p, whatever was drawn


def subset_sum(a: np.ndarray, target: float) -> np.ndarray:
    """Find the subset whose sum is nearest to a target: the best of all 2**n.

    >>> subset_sum(np.array([5.0, -3.0, 2.0, 9.0]), target=4.0)
    array([ True,  True,  True, False])
    """
    n = len(a)
    codes = np.arange(2**n)[:, None]  # a subset each: bit k says whether k is in
    masks = (codes >> np.arange(n) & 1).astype(bool)  # (2**n, n)
    return masks[np.argmin(np.abs(masks @ a - target))]


def popup_step(
    theta0: np.ndarray,
    scores: np.ndarray,
    grad: np.ndarray,
    keep: float,
    lr: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take a step of edge-popup: the scores move, the weights do not.

    Args:
        theta0: a layer's random weights, any shape.
        scores: one for each.
        grad: of theta = theta0 * mask.
        keep: the fraction of the layer that is used.
        lr: the rate.
        decay: how much of a score is added to its gradient.

    Returns:
        theta0, the new scores, and the mask of the largest |score|.

    >>> w, s = np.array([1.0, -1.0, 2.0]), np.array([0.5, -0.5, 0.25])
    >>> theta0, scores, mask = popup_step(w, s, np.ones(3), 1 / 3, lr=0.1, decay=0)
    >>> theta0, scores, mask
    (array([ 1., -1.,  2.]), array([ 0.4 , -0.6 ,  0.05]), array([False,  True, False]))
    """
    scores = scores - lr * (grad * theta0 * np.sign(scores) + decay * scores)
    count = int(np.floor(keep * scores.size + 0.5))
    order = np.argsort(-np.abs(scores).ravel(), kind="stable")  # ties stay in order
    mask = np.zeros(scores.size, bool)
    mask[order[:count]] = True
    return theta0, scores, mask.reshape(scores.shape)


def right_scale(shape: tuple[int, ...], keep: float) -> float:
    """Give the spread of weights that a mask which keeps a fraction needs.

    Args:
        shape: (O, I) of a matrix with a row for each unit, or (O, C, H, W) of kernels.
        keep: the fraction that is used.

    >>> round(right_scale((300, 784), 1.0), 4), round(right_scale((300, 784), 0.25), 4)
    (0.0505, 0.101)
    """
    fan_in = np.prod(shape[1:])  # how many numbers a unit sees
    return float(np.sqrt(2 / (keep * fan_in)))


def bias_factors(factors: np.ndarray) -> np.ndarray:
    """Say what each layer's biases are multiplied by, so that no decision changes.

    Args:
        factors: (L,) above 0: what each layer's weights were multiplied by.

    >>> bias_factors(np.array([2.0, 3.0, 0.5]))
    array([2., 6., 3.])
    """
    return np.cumprod(factors)


def own_weight(a: np.ndarray, v: np.ndarray, w: float) -> float:
    """Prune random units until they compute w x; give the larger error of both signs.

    Unit j gives v_j relu(a_j x): it answers x above 0 where a_j > 0, and x below 0
    where a_j < 0. So there are two subset sums, both of products v_j a_j.

    Args:
        a: (m,) what x is multiplied by.
        v: (m,) what the units' outputs are multiplied by.
        w: the weight.

    >>> a, v = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0.5, 2.0, -0.25, 7.0])
    >>> own_weight(a, v, 0.5)
    0.25
    """
    errors = []
    for side in (a > 0, a < 0):
        sums = np.zeros(1)  # of all subsets so far
        for product in (v * a)[side]:
            sums = np.concatenate([sums, sums + product])
        errors.append(np.abs(sums - w).min())
    return float(max(errors))
