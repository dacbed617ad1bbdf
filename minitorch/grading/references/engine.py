"""References for the chapter "An engine you can read", on plain arrays."""

import numpy as np


def multiply_grad(
    grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bring a gradient back through out = a * b.

    Args:
        grad: the gradient of out, (n,) or (n, m).
        a: the first factor, of the same shape.
        b: the second factor, of the same shape.

    Returns:
        The gradients of a and of b: grad * b and grad * a.

    >>> multiply_grad(np.array([1.0, 10.0]), np.array([2.0, 3.0]), np.array([5.0, 7.0]))
    (array([ 5., 70.]), array([ 2., 30.]))
    """
    return grad * b, grad * a


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient back to the shape that an input had before broadcasting.

    Args:
        grad: the gradient of the result.
        shape: of the input. Broadcasting put axes in front of it and stretched
            its axes of length 1.

    Returns:
        An array of that shape: the sum over those axes.

    >>> unbroadcast(np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 40.0]]), (3,))
    array([11., 22., 43.])
    >>> unbroadcast(np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 40.0]]), (2, 1))
    array([[ 6.],
           [70.]])
    """
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    ones = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return grad.sum(axis=ones, keepdims=True)


def topological_order(edges: np.ndarray, last: int) -> np.ndarray:
    """Order a graph for the backward pass: each node before all its parents.

    Args:
        edges: (E, 2) whole numbers. A row (child, parent) says that node child
            was computed from node parent; b = a + a gives the same row twice.
        last: the node where the backward pass starts.

    Returns:
        Whole numbers: every node that `last` depends on, once. `last` comes
        first, and no node before one that was computed from it.

    >>> topological_order(np.array([[7, 3], [7, 5], [5, 3]]), 7)
    array([7, 5, 3])
    """
    parents: dict[int, list[int]] = {}
    for child, parent in edges.tolist():
        parents.setdefault(child, []).append(parent)
    finished, seen, todo = [], set(), [(last, False)]
    while todo:
        node, parents_done = todo.pop()
        if parents_done:
            finished.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo += [(parent, False) for parent in parents.get(node, [])]
    return np.array(finished[::-1])


def log_softmax(x: np.ndarray) -> np.ndarray:
    """Take the logarithm of the softmax of each row.

    The largest entry of a row is subtracted first, which changes nothing in
    the result and keeps exp from overflowing.

    Args:
        x: (N, K) logits.

    Returns:
        (N, K), x[i, k] - log(sum_j exp(x[i, j])).

    >>> np.exp(log_softmax(np.array([[1000.0, 1000.0]])))
    array([[0.5, 0.5]])
    """
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the cross-entropy and its gradient in one function.

    Args:
        logits: (N, K).
        labels: (N,) whole numbers from 0 to K - 1.

    Returns:
        The loss, the mean of -log softmax(logits[i])[labels[i]]; and its
        gradient of shape (N, K), (softmax(logits) - onehot(labels)) / N.

    >>> cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    (0.6931471805599453, array([[ 0.5, -0.5]]))
    """
    N = len(labels)
    x = logits - logits.max(axis=1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    loss = -float(log_p[np.arange(N), labels].mean())
    grad = np.exp(log_p)
    grad[np.arange(N), labels] -= 1
    return loss, grad / N


def layer_norm_grad(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bring a gradient back through layer norm, y = (x - mean) / sqrt(var + 1e-5).

    Args:
        grad: (N, F), the gradient g of y.
        x: (N, F); mean and var are taken over the last axis.

    Returns:
        (N, F), (g - mean(g) - y mean(g y)) / sqrt(var + 1e-5): the second and
        third term are what flows through the mean and through the variance.

    Source: Ba, Kiros and Hinton (2016), Layer normalization; the backward
    formula is as for batch norm in Ioffe and Szegedy (2015).

    >>> layer_norm_grad(np.array([[1.0, 1.0, 1.0]]), np.array([[1.0, 2.0, 6.0]]))
    array([[0., 0., 0.]])
    """
    mean = x.mean(-1, keepdims=True)
    scale = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    y = (x - mean) / scale
    through_mean = grad.mean(-1, keepdims=True)
    through_variance = y * (grad * y).mean(-1, keepdims=True)
    return (grad - through_mean - through_variance) / scale


def own_slopes(a: float, b: float, c: float) -> np.ndarray:
    """Find the slopes of f = u (u + a), with u = a b + c.

    u is used twice, and so is a: each receives two gradients, which are added.

    Args:
        a: a number.
        b: a number.
        c: a number.

    Returns:
        (3,), the slopes of f in a, b and c.

    >>> own_slopes(1.0, 2.0, 3.0)
    array([27., 11., 11.])
    """
    u = a * b + c
    to_u = (u + a) + u  # from the first factor, and through the second
    return np.array([b * to_u + u, a * to_u, to_u])
