"""Choices: which numbers are kept, and in what order.

A choice has no useful derivative: it stays the same under small changes, then
jumps. Where training needs one, these operations pass the gradient straight
through, as if the choice were the identity.

Source: Bengio, Leonard, Courville (2013), Estimating or propagating gradients
through stochastic neurons.
"""

from __future__ import annotations

import numpy as np

from minitorch.backends import backend
from minitorch.ops import Grads, Operand, same_dtype, tensor
from minitorch.tensor import Array, Tensor, record


def sort(x: Operand) -> tuple[Tensor, Array]:
    """Sort each row from small to large, and give the permutation that did it.

    Args:
        x: (..., n).

    Returns:
        The sorted numbers, and `order` (..., n) with sorted[i] = x[order[i]]. Equal
        numbers stay in order. The gradient goes back to where each number stood.

    >>> values, order = sort(Tensor([3.0, 1.0, 2.0]))
    >>> values, order
    (Tensor([1. 2. 3.]), array([1, 2, 0]))
    """
    x = tensor(x)
    order = backend().argsort(x.data)

    def backward(grad: Array) -> Grads:
        return (backend().put_along(grad, order),)

    out = backend().take_along(x.data, order)
    return record("sort", out, (x,), backward), order


def rank_match(values: Operand, scores: Operand) -> Tensor:
    """Put each row of `values` in the order in which its scores rank.

    The smallest value goes where the smallest score stands, and so on. Of all
    arrangements of the values this one is nearest to the scores.

    Args:
        values: (..., n), what is put in order.
        scores: (..., n), whose ranks say where.

    Returns:
        (..., n). The gradient reaches the values through the permutation, and the
        scores straight through.

    Raises:
        ValueError: when the shapes differ.

    Source: Qiu and Suda (2020), Train by reconnect, section 3.

    >>> rank_match(Tensor([10.0, 20.0, 30.0]), Tensor([0.5, -1.0, 2.0]))
    Tensor([20. 10. 30.])
    """
    values, scores = tensor(values), tensor(scores)
    same_dtype("rank_match", values, scores)
    if values.shape != scores.shape or not values.ndim:
        raise ValueError(
            "rank_match() takes values and scores of one shape, got "
            f"{values.shape} and {scores.shape}"
        )
    kernels = backend()
    by_value, by_score = kernels.argsort(values.data), kernels.argsort(scores.data)
    source = kernels.put_along(by_value, by_score)  # where each number came from

    def backward(grad: Array) -> Grads:
        return kernels.put_along(grad, source), grad

    out = kernels.take_along(values.data, source)
    return record("rank_match", out, (values, scores), backward)


def top_k_mask(scores: Operand, k: int) -> Tensor:
    """1 for each of the k largest scores, 0 for the rest.

    Args:
        scores: any shape; all of it is one contest.
        k: how many are kept.

    Returns:
        The mask, of that shape: exactly k ones, of equal scores the first. The
        gradient goes straight through to all scores.

    Raises:
        ValueError: when k is not from 0 to the number of scores, or a score is nan
            (not looked at on a GPU).

    Source: Ramanujan et al. (2020), What's hidden in a randomly weighted neural
    network?, section 3.

    >>> top_k_mask(Tensor([0.1, 3.0, -5.0, 2.0]), 2)
    Tensor([0. 1. 0. 1.])
    """
    scores = tensor(scores)
    size, kernels = int(np.prod(scores.shape)), backend()
    if kernels.looks and (scores.data != scores.data).any():
        raise ValueError(f"top_k_mask() got a nan among its scores {scores.shape}")
    if not 0 <= k <= size:
        raise ValueError(f"top_k_mask() keeps from 0 to {size} of {size}, got k = {k}")

    def backward(grad: Array) -> Grads:
        return (grad,)

    chosen = backend().top_k(scores.data.reshape(-1), k).reshape(scores.shape)
    mask = backend().astype(chosen, scores.data)
    return record("top_k_mask", mask, (scores,), backward)


def bernoulli_mask(p: Operand, rng: np.random.Generator) -> Tensor:
    """Draw a mask: 1 with chance p, else 0, for each entry by itself.

    Args:
        p: chances from 0 to 1, any shape.
        rng: where the draws come from; on the CPU for every back-end.

    Returns:
        The mask, of that shape. The gradient goes straight through to p.

    Raises:
        ValueError: when a chance is outside 0 to 1 (not looked at on a GPU).

    Source: Zhou et al. (2019), Deconstructing lottery tickets, section 5.

    >>> bernoulli_mask(Tensor([0.0, 1.0, 1.0]), np.random.default_rng(0))
    Tensor([0. 1. 1.])
    """
    p, kernels = tensor(p), backend()
    if kernels.looks and not ((p.data >= 0) & (p.data <= 1)).all():
        raise ValueError(
            "bernoulli_mask() takes chances from 0 to 1; put scores through sigmoid()"
        )

    def backward(grad: Array) -> Grads:
        return (grad,)

    draws = kernels.asarray(rng.random(p.shape, np.float32))
    return record(
        "bernoulli_mask", kernels.astype(draws < p.data, p.data), (p,), backward
    )


def walsh_hadamard(x: Operand) -> Tensor:
    """Multiply each column by the Walsh-Hadamard matrix, unscaled.

    H_1 = [1], H_2n = [[H_n, H_n], [H_n, -H_n]]; H is its own transpose.

    Args:
        x: (L,) or (L, m), L a power of two.

    Raises:
        ValueError: when L is not a power of two.

    >>> walsh_hadamard(Tensor([3.0, 1.0]))
    Tensor([4. 2.])
    """
    x = tensor(x)
    L = x.shape[0] if x.ndim in (1, 2) and 0 not in x.shape else 0
    if L < 1 or L & (L - 1):
        raise ValueError(
            f"walsh_hadamard() takes x (L,) or (L, m) with L a power of two, got "
            f"{x.shape}"
        )

    def transform(a: Array) -> Array:
        return backend().fwht(a.reshape(L, -1)).reshape(x.shape)

    def backward(grad: Array) -> Grads:
        return (transform(grad),)

    return record("walsh_hadamard", transform(x.data), (x,), backward)
