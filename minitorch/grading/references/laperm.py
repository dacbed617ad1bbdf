"""References for the chapter "Train by reconnecting", each a function of its own.

The package's own, `minitorch.weird.laperm`, works on whole networks and on any
back-end.
"""

import numpy as np


def rank_match(values: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Put each neuron's values in the order of the copy's: the nearest arrangement.

    Args:
        values: (O, n), a row for each neuron.
        copy: (O, n), whose ranks say where; of equal numbers the first ranks lower.

    >>> rank_match(np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, -9.0, 0.4]]))
    array([[3., 1., 2.]])
    """
    order = np.argsort(copy, axis=1, kind="stable")  # where the smallest goes, ...
    matched = np.empty_like(values)
    np.put_along_axis(matched, order, np.sort(values, axis=1), axis=1)
    return matched


def swap_gains(values: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Say by how much the squared distance falls if two values trade places.

    Args:
        values: (n,) of one neuron.
        copy: (n,).

    Returns:
        (n, n), for each pair of places; below 0 where the distance grows.

    >>> swap_gains(np.array([1.0, 3.0]), np.array([5.0, 4.0]))
    array([[0., 4.],
           [4., 0.]])
    """
    return 2 * (values[None] - values[:, None]) * (copy[:, None] - copy[None])


def honest_history(
    values: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    lr: float,
    k: int,
    every: int,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Train one neuron by arranging its values, and note its loss every so often.

    Args:
        values: (n,) where the copy starts.
        x: (N, n) inputs.
        y: (N,) what the neuron is to answer.
        lr: the learning rate, of steps with momentum 0.9.
        k: steps from one synchronisation to the next.
        every: steps from one test to the next.
        steps: in all.

    Returns:
        The loss at each test, of the arrangement that the copy then stands for, and
        the arrangement (n,) of the smallest of them.

    >>> x, y = np.eye(2), np.array([1.0, 0.0])
    >>> honest_history(np.array([0.0, 1.0]), x, y, 0.5, 2, 2, 4)
    (array([0., 0.]), array([1., 0.]))
    """
    copy, speed = values.copy(), np.zeros_like(values)
    history, best = [], values
    for step in range(1, steps + 1):
        speed = 0.9 * speed + 2 * x.T @ (x @ copy - y) / len(y)
        copy = copy - lr * speed
        matched = np.sort(values)[copy.argsort(kind="stable").argsort()]
        if step % k == 0:
            copy = matched  # what the optimiser remembers stays
        if step % every == 0:
            history.append(((x @ matched - y) ** 2).mean())
            best = matched if history[-1] == min(history) else best
    return np.array(history), best


def pinned(values: np.ndarray, k: int, lr: float) -> np.ndarray:
    """Say which pairs of values cannot trade places before the next synchronisation.

    In each of k steps a weight moves by lr at most.

    Args:
        values: (n,) of one neuron.
        k: steps from one synchronisation to the next.
        lr: the learning rate.

    Returns:
        (n, n) booleans, True for values further apart than both can come.

    >>> pinned(np.array([0.0, 0.1, 0.4]), k=10, lr=0.0125)
    array([[False, False,  True],
           [False, False,  True],
           [ True,  True, False]])
    """
    return np.abs(values[:, None] - values[None]) > 2 * k * lr


def fresh_by_rank(
    trained: np.ndarray, fresh: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take the values away from trained weights, and then their places.

    Args:
        trained: (O, ...) a neuron or filter for each index of the first axis.
        fresh: values of another draw, of the same shape.
        u: random numbers, of the same shape.

    Returns:
        Each neuron's fresh values in the order in which its trained ones rank; and its
        trained values in the order in which u ranks.

    >>> trained, fresh = np.array([[0.3, -5.0, 0.2]]), np.array([[1.0, 2.0, 3.0]])
    >>> fresh_by_rank(trained, fresh, np.array([[0.1, 0.9, 0.5]]))
    (array([[3., 1., 2.]]), array([[-5. ,  0.3,  0.2]]))
    """
    made = []
    for values, places in ((fresh, trained), (trained, u)):
        rows = np.sort(values.reshape(len(values), -1), axis=1)
        order = np.argsort(places.reshape(rows.shape), axis=1, kind="stable")
        new = np.empty_like(rows)
        np.put_along_axis(new, order, rows, axis=1)
        made.append(new.reshape(values.shape))
    return made[0], made[1]


def log2_arrangements(values: np.ndarray) -> float:
    """Count the different arrangements of each neuron's values, in bits.

    Args:
        values: (O, n), some of them equal.

    Returns:
        log2(n! / (m1! m2! ...)), added up over neurons.

    >>> values = np.array([[0.0, 0.0, 1.0, 2.0], [3.0, 3.0, 3.0, 3.0]])
    >>> round(log2_arrangements(values), 3)  # log2(12), and one way only
    3.585
    """
    factorial = np.append(0, np.cumsum(np.log2(np.arange(1, values.shape[1] + 1))))
    bits = 0.0
    for row in values:
        counts = np.unique(row, return_counts=True)[1]
        bits += factorial[len(row)] - factorial[counts].sum()
    return float(bits)


def rank_of_arrangement(order: np.ndarray) -> int:
    """Give an arrangement its number in the dictionary of all, from 0 to n! - 1.

    Args:
        order: (n,) the numbers 0 to n - 1, each once; n up to 10.

    >>> orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0]]
    >>> [rank_of_arrangement(np.array(order)) for order in orders]
    [0, 1, 2, 3]
    """
    number = 0
    for i, value in enumerate(order):
        smaller = int((order[i + 1 :] < value).sum())  # of those that are left
        number = number * (len(order) - i) + smaller
    return number


def arrangement_of_rank(number: int, n: int) -> np.ndarray:
    """Give the arrangement that has a number in the dictionary of all.

    Args:
        number: from 0 to n! - 1.
        n: how many numbers are arranged, 0 to n - 1; up to 10.

    >>> arrangement_of_rank(3, 3)
    array([1, 2, 0])
    """
    digits = []
    for left in range(1, n + 1):  # the last place first: it has no choice
        number, digit = divmod(number, left)
        digits.append(digit)
    values = list(range(n))
    return np.array([values.pop(digit) for digit in reversed(digits)])


def own_arrangement(values: np.ndarray, k: int, lr: float) -> np.ndarray:
    """Count a neuron's arrangements, and those that one synchronisation can reach.

    The values come in groups: within one all can trade places, between two none can.

    Args:
        values: (n,), some of them equal.
        k: steps from one synchronisation to the next.
        lr: how far a weight moves in a step, at most.

    Returns:
        log2 of both counts.

    >>> own_arrangement(np.array([0.0, 0.0, 0.1, 5.0, 5.1]), k=10, lr=0.1).round(3)
    array([5.907, 2.585])
    """
    factorial = np.append(0, np.cumsum(np.log2(np.arange(1, len(values) + 1))))
    ordered = np.sort(values)
    cuts = np.flatnonzero(np.diff(ordered) > 2 * k * lr) + 1  # between groups
    sizes = np.diff(cuts, prepend=0, append=len(values))
    equal = factorial[np.unique(values, return_counts=True)[1]].sum()
    return np.array([factorial[-1], factorial[sizes].sum()]) - equal
