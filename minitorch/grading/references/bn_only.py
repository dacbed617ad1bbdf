"""References for the chapter "Only BatchNorm", each a function of its own.

The package's own, `minitorch.weird.bn_only`, works on whole networks and on any
back-end.
"""

import numpy as np


def count(depth: int, width: int) -> int:
    """Count the gammas and betas of a ResNet for small images.

    Args:
        depth: 6n + 2: three stages of n blocks, two norms a block.
        width: channels of the first norm and stage; twice and four times as many in
            the others, whose shortcut has one norm more.

    >>> count(32, 16), count(14, 32)
    (2464, 2240)
    """
    n, features = (depth - 2) // 6, width  # those of the first norm
    for stage in range(3):
        norms = 2 * n + (stage > 0)  # one more, in the shortcut
        features += norms * width * 2**stage
    return 2 * features


def normalise_grad(
    grad: np.ndarray, x: np.ndarray, gamma: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take a gradient back through a batch norm, its mean and variance included.

    Args:
        grad: (N, C) of what comes out, gamma z + beta.
        x: (N, C) what went in.
        gamma: (C,).
        eps: added to the variance, which is divided by N.

    Returns:
        The gradients of x (N, C), gamma (C,) and beta (C,).

    >>> x, grad = np.array([[1.0], [3.0], [5.0]]), np.array([[1.0], [0.0], [0.0]])
    >>> dx, dgamma, dbeta = normalise_grad(grad, x, np.array([1.0]), 0.0)
    >>> dx.ravel().round(2).tolist(), dgamma.round(2).tolist(), dbeta.tolist()
    ([0.1, -0.2, 0.1], [-1.22], [1.0])
    """
    spread = np.sqrt(x.var(axis=0) + eps)
    z = (x - x.mean(axis=0)) / spread
    dgamma, dbeta = (grad * z).sum(axis=0), grad.sum(axis=0)
    dx = gamma / spread * (grad - dbeta / len(x) - z * dgamma / len(x))
    return dx, dgamma, dbeta


def freeze(
    theta: np.ndarray,
    grad: np.ndarray,
    speed: np.ndarray,
    shapes: dict[str, tuple[int, ...]],
    running: np.ndarray,
    batch: np.ndarray,
    lr: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make one step of SGD on a network whose norms alone are trained.

    Args:
        theta: (D,) all weights.
        grad: (D,) of the loss.
        speed: (D,) what the momentum remembers.
        shapes: the pieces of theta, in order; a norm's end in ".gamma" and ".beta".
        running: (2, F) mean and variance of all features of norms, kept for tests.
        batch: (2, F) of this batch.
        lr: the learning rate.
        decay: of weights, added to the gradient times theta.

    Returns:
        theta (D,), speed (D,) and running (2, F) after the step. Frozen weights stay
        to the bit; statistics are never frozen.

    >>> shapes = {"dense.weight": (1, 2), "norm.gamma": (1,), "norm.beta": (1,)}
    >>> theta, running = np.array([3.0, 4.0, 1.0, 0.0]), np.array([[0.0], [1.0]])
    >>> args = np.ones(4), np.zeros(4), shapes, running, 3 * running, 0.1, 0.5
    >>> freeze(theta, *args)[0].round(3).tolist()
    [3.0, 4.0, 0.85, -0.1]
    """
    trained, start = np.zeros(len(theta), bool), 0
    for name, shape in shapes.items():
        stop = start + int(np.prod(shape))
        trained[start:stop] = name.endswith((".gamma", ".beta"))
        start = stop
    speed = np.where(trained, 0.9 * speed + grad + decay * theta, 0)
    theta = np.where(trained, theta - lr * speed, theta)
    return theta, speed, 0.9 * running + 0.1 * batch


def equal_count(W: np.ndarray, u: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Put trained numbers in for two random weights of each feature.

    Args:
        W: (O, ...) frozen weights, a feature for each index of the first axis.
        u: random numbers, of the same shape; the two smallest of a feature say where.
        phi: (O, 2) the trained numbers, the first for where u is smallest.

    Returns:
        Weights of W's shape; all others as they were.

    >>> W, u = np.array([[3.0, 4.0, 5.0]]), np.array([[0.2, 0.9, 0.1]])
    >>> equal_count(W, u, np.array([[70.0, 80.0]]))
    array([[80.,  4., 70.]])
    """
    rows = W.reshape(len(W), -1).copy()
    order = np.argsort(u.reshape(rows.shape), axis=1, kind="stable")
    np.put_along_axis(rows, order[:, :2], phi, axis=1)
    return rows.reshape(W.shape)


def remove_features(
    W: np.ndarray, norm: np.ndarray, V: np.ndarray, c: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take features with a small gamma out of a layer.

    Args:
        W: (C, n) weights of the layer.
        norm: (4, C) gamma, beta, running mean and variance of its norm.
        V: (K, C) weights of the next layer, after ReLU.
        c: (K,) its bias.
        threshold: features with |gamma| below it are taken out.

    Returns:
        W, norm, V and c of the smaller network. What a feature with gamma = 0 says of
        every input, relu(beta), stays, as part of c.

    >>> W, V, c = np.array([[1.0], [2.0]]), np.array([[5.0, 10.0]]), np.array([1.0])
    >>> norm = np.array([[1.0, 0.0], [0.5, 3.0], [0.0, 0.0], [1.0, 1.0]])
    >>> remove_features(W, norm, V, c, 0.01)[2:]
    (array([[5.]]), array([31.]))
    """
    keep = np.abs(norm[0]) >= threshold
    says = np.maximum(norm[1], 0)  # of every input
    return W[keep], norm[:, keep], V[:, keep], c + V[:, ~keep] @ says[~keep]


def as_many(off: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Choose at random as many features of each layer as are off.

    Args:
        off: (L, C) booleans, the features of each layer that are off.
        u: (L, C) random numbers; where they are smallest, a feature is chosen.

    Returns:
        (L, C) booleans; among all features, those that are off too.

    >>> as_many(np.array([[True, False, False]]), np.array([[0.5, 0.1, 0.7]]))
    array([[False,  True, False]])
    """
    ranks = u.argsort(axis=1, kind="stable").argsort(axis=1)
    return ranks < off.sum(axis=1, keepdims=True)


def fold(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Write a norm with its running statistics as a slope and a shift.

    Args:
        gamma, beta, mean, var: (C,).
        eps: added to the variance.

    Returns:
        a and b, (C,): a x + b is gamma (x - mean) / sqrt(var + eps) + beta.

    >>> fold(np.array([6.0]), np.array([1.0]), np.array([1.0]), np.array([3.0]), 1.0)
    (array([3.]), array([-2.]))
    """
    a = gamma / np.sqrt(var + eps)
    return a, beta - a * mean


def only_norms(
    W: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    V: np.ndarray,
    batches: np.ndarray,
    answers: np.ndarray,
    test: np.ndarray,
    lr: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train gamma and beta of one hidden layer, and answer after each step.

    Args:
        W: (C, n) weights, frozen.
        gamma, beta: (C,) where they start.
        V: (C,) weights of the output, frozen.
        batches: (T, N, n) inputs, a batch for each step.
        answers: (T, N) what the output is to be.
        test: (M, n) inputs to answer after each step.
        lr: the learning rate.
        decay: of gamma and beta.

    Returns:
        W, gamma, beta and V at the end, and the answers (T, M), each input's own: by
        running statistics, of the batches that were trained on.

    >>> W, V, gamma = np.ones((1, 1)), np.array([2.0]), np.array([1.0])
    >>> x, y = np.array([[[1.0], [3.0]]]), np.array([[0.0, 1.0]])
    >>> *_, said = only_norms(W, gamma, 0 * V, V, x, y, np.array([[1.2]]), 0.0, 0.0)
    >>> said.round(3)
    array([[2.]])
    """
    mean, var, said, kept = 0.0, 1.0, [], 1 - lr * decay
    for x, y in zip(batches @ W.T, answers, strict=True):
        mean, var = 0.9 * mean + 0.1 * x.mean(0), 0.9 * var + 0.1 * x.var(0)
        z = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
        h = np.maximum(gamma * z + beta, 0)
        grad = 2 * np.outer(h @ V - y, V) / len(y) * (h > 0)
        gamma = kept * gamma - lr * (grad * z).sum(0)
        beta = kept * beta - lr * grad.sum(0)
        z = (test @ W.T - mean) / np.sqrt(var + 1e-5)
        said.append(np.maximum(gamma * z + beta, 0) @ V)
    return W, gamma, beta, V, np.array(said)


def own_network(
    depth: int, width: int, channels: int, classes: int, bits: int
) -> np.ndarray:
    """Count what a ResNet for small images holds, and what its norms take to send.

    Args:
        depth: 6n + 2.
        width: channels of the first stage, W; twice and four times as many follow.
        channels: of the images.
        classes: of the answers.
        bits: of each gamma and beta that is sent.

    Returns:
        How many gammas and betas; how many numbers are trained where all are; the
        bytes of gammas and betas.

    >>> own_network(32, 16, 3, 10, 8)
    array([  2464., 466906.,   2464.])
    """
    n, W = (depth - 2) // 6, width
    norms, total = 2 * W, 9 * channels * W + 4 * W * classes + classes
    for w in (W, 2 * W, 4 * W):
        before = w if w == W else w // 2
        norms += 2 * w * (2 * n + (w > W))
        total += 9 * w * (before + (2 * n - 1) * w) + (w > W) * before * w
    return np.array([norms, total + norms, norms * bits / 8])
