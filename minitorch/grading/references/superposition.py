"""References for the chapter "Superposition", each a function that stands alone.

The package's own, `minitorch.weird.superposition`, works on whole networks and on any
back-end.
"""

import numpy as np


def superpose(theta0: np.ndarray, masks: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay masks over each other on weights that never move.

    Args:
        theta0: (D,) the random weights.
        masks: (k, D) booleans, a row for each task.
        alpha: (k,) how much of each, used as they are.

    >>> masks = np.array([[True, False, True], [True, True, False]])
    >>> superpose(np.array([2.0, -1.0, 4.0]), masks, np.array([0.25, 0.75]))
    array([ 2.  , -0.75,  1.  ])
    """
    return theta0 * (alpha @ masks)


def entropy_gradient(logits: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the mean entropy of answers, in nats, and its gradient in the logits.

    Args:
        logits: (N, K), of any size.

    >>> H, grad = entropy_gradient(np.log([[0.5, 0.25, 0.25]]))
    >>> round(H, 4), grad.round(4)
    (1.0397, array([[-0.1733,  0.0866,  0.0866]]))
    """
    shifted = logits - logits.max(axis=1, keepdims=True)  # exp cannot overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    H = -(p * log_p).sum(axis=1, keepdims=True)  # (N, 1), of each image
    return float(H.mean()), -p * (log_p + H) / len(logits)


def task_gradients(
    grad: np.ndarray, theta0: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, int]:
    """Say how the entropy changes with each task's share, and which task is meant.

    Args:
        grad: dH/dtheta, (D,), of theta = theta0 * sum_i alpha_i M_i.
        theta0: (D,) the random weights.
        masks: (k, D) booleans, a row for each task.

    Returns:
        dH/dalpha (k,), and the number of the task.

    >>> masks = np.array([[True, False, True], [True, True, False]])
    >>> task_gradients(np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 1.0]), masks)
    (array([ 4., -1.]), 1)
    """
    slopes = masks @ (grad * theta0)
    return slopes, int(slopes.argmin())  # where entropy falls fastest


def halve(gradients: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Keep the half of the open tasks whose gradients are most negative.

    Args:
        gradients: dH/dalpha, (k,).
        alive: (k,) booleans, the tasks that are open.

    Returns:
        (k,) booleans: of n open tasks (n + 1) // 2 stay, of equal ones the earlier.

    >>> halve(np.array([0.3, -0.2, -0.9, 0.1]), np.array([True, True, False, True]))
    array([False,  True, False,  True])
    """
    places = np.flatnonzero(alive)
    order = places[np.argsort(gradients[places], kind="stable")]
    left = np.zeros(len(alive), bool)
    left[order[: (len(places) + 1) // 2]] = True
    return left


def spare_gradient(logits: np.ndarray, real: int) -> np.ndarray:
    """Give the gradient of G, the mean of log sum_j exp(z_j), real outputs held fixed.

    Args:
        logits: (N, K), of any size.
        real: how many outputs, the first, stand for classes.

    >>> spare_gradient(np.log([[0.5, 0.25, 0.25]]), real=2)
    array([[0.  , 0.  , 0.25]])
    """
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)  # over all outputs
    p[:, :real] = 0
    return p / len(logits)


def unsure(gradients: np.ndarray, eps: float) -> np.ndarray:
    """Say for each decision whether no task stands out, so that a new mask is due.

    Args:
        gradients: dH/dalpha, (T, k), a row for each decision.
        eps: how far above chance the surest task must stand.

    Returns:
        (T,) booleans.

    >>> unsure(np.array([[0.1, 0.11, 0.09], [0.1, -2.0, 0.1]]), eps=0.125)
    array([ True, False])
    """
    falls = -gradients
    nu = np.exp(falls - falls.max(axis=1, keepdims=True))
    nu = nu / nu.sum(axis=1, keepdims=True)
    return gradients.shape[1] * nu.max(axis=1) < 1 + eps


def storkey(weights: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Store one more pattern in a Hopfield network, by Storkey's rule.

    Args:
        weights: (d, d), symmetric, with a diagonal of 0.
        z: (d,) of -1 and 1.

    >>> storkey(np.zeros((4, 4)), np.array([1.0, -1.0, 1.0, 1.0]))[0]
    array([ 0.  , -0.25,  0.25,  0.25])
    """
    heard = (weights @ z)[:, None] - weights * z  # h_ij: what i hears without j
    back = z[:, None] * heard.T  # z_i h_ji
    new = weights + (np.outer(z, z) - back - back.T) / len(z)
    np.fill_diagonal(new, 0)
    return new


def report(
    slopes: np.ndarray, digits: np.ndarray, y: np.ndarray, task: int
) -> tuple[float, float, float]:
    """Report on images of one task, each asked by itself.

    Args:
        slopes: dH/dalpha of each image, (N, k).
        digits: (N, k) what each task's mask reads in each image.
        y: (N,) the right digits.
        task: the right task.

    Returns:
        The share of images whose task is found; of those whose digit is right (GNs);
        and of those whose task and digit are right (GNu).

    >>> slopes = np.array([[-1.0, 0.5], [0.3, -0.2], [-0.4, -0.1], [0.1, -0.5]])
    >>> digits = np.array([[7, 3], [1, 1], [4, 2], [0, 6]])
    >>> report(slopes, digits, np.array([7, 1, 2, 0]), task=0)
    (0.5, 0.5, 0.25)
    """
    guess = slopes.argmin(axis=1)
    found = guess == task
    right = digits[np.arange(len(y)), guess] == y
    return float(found.mean()), float(right.mean()), float((found & right).mean())


def own_task(x: np.ndarray, theta0: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Ask one image which task it is of: the task, and its dH/dalpha.

    The network is one layer, logits = W x, with W = theta0 * sum_i alpha_i M_i and
    equal shares.

    Args:
        x: (F,) the image.
        theta0: (K, F) the random weights.
        masks: (k, K, F) booleans, one for each task.

    >>> theta0, masks = np.array([[1.0, 2.0], [-1.0, 1.0]]), np.ones((2, 2, 2), bool)
    >>> masks[0, 1], masks[1, 0] = False, False
    >>> own_task(np.array([1.0, 0.0]), theta0, masks).round(3)
    array([ 0.   , -0.197])
    """
    logits = (theta0 * masks.mean(axis=0)) @ x
    p = np.exp(logits - logits.max())
    p = p / p.sum()
    H = -(p * np.log(p)).sum()
    grad = np.outer(-p * (np.log(p) + H), x)  # dH/dW, (K, F)
    slopes = (grad * theta0 * masks).sum(axis=(1, 2))
    return np.array([slopes.argmin(), slopes.min()])
