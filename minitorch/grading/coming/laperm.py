"""The exercises of the chapter "Train by reconnecting"."""

from collections.abc import Iterator

import numpy as np

from minitorch.grading.references.laperm import (
    arrangement_of_rank,
    fresh_by_rank,
    honest_history,
    log2_arrangements,
    own_arrangement,
    pinned,
    rank_match,
    rank_of_arrangement,
    swap_gains,
)
from minitorch.grading.spec import (
    Exercise,
    judge_by_digits,
    judge_by_value,
    open_question,
    prediction,
)

Cases = Iterator[tuple]
Rng = np.random.Generator

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP: tuple[str, ...] = ()


def _normal(rng: Rng, *shape: int, dtype: type = np.float32) -> np.ndarray:
    return rng.normal(size=shape).astype(dtype)


def _rank_match_cases(rng: Rng) -> Cases:
    yield np.array([[3.0, 1.0, 2.0]]), np.array([[0.5, -9.0, 0.4]])
    yield _normal(rng, 4, 7), _normal(rng, 4, 7)


def _swap_gains_cases(rng: Rng) -> Cases:
    yield np.array([1.0, 3.0, 2.0]), np.array([5.0, 4.0, 0.0])


def _honest_cases(rng: Rng) -> Cases:
    x, w = rng.normal(size=(20, 6)), rng.normal(size=6)
    yield rng.normal(size=6), x, x @ w, 0.02, 5, 3, 30


def _pinned_cases(rng: Rng) -> Cases:
    yield np.array([0.0, 0.3, 0.5, 1.4, 1.4]), 4, 0.05


def _fresh_cases(rng: Rng) -> Cases:
    yield _normal(rng, 3, 5), _normal(rng, 3, 5), rng.random((3, 5))


def _log2_cases(rng: Rng) -> Cases:
    yield (np.array([[0.0, 0.0, 1.0, 2.0], [3.0, 4.0, 5.0, 6.0]]),)


def _rank_of_cases(rng: Rng) -> Cases:
    yield (np.array([1, 2, 0]),)
    yield (rng.permutation(8),)


def _arrangement_cases(rng: Rng) -> Cases:
    yield 3, 3
    yield int(rng.integers(0, 40_320)), 8


def _own_cases(rng: Rng) -> Cases:
    yield np.array([0.0, 0.0, 0.1, 5.0, 5.1]), 10, 0.1


_HONEST = """
def honest_history(values, x, y, lr, k, every, steps):
    copy, speed = values.copy(), np.zeros_like(values)
    history, best = [], values
    for step in range(steps):
        speed = 0.9 * speed + 2 * x.T @ (x @ copy - y) / len(y)
        copy = copy - lr * speed
        if step % every == 0:
            history.append(((x @ copy - y) ** 2).mean())
            best = copy if history[-1] == min(history) else best
        if step % k == 0:
            copy = np.sort(values)[copy.argsort().argsort()]
            speed = np.zeros_like(values)
    return np.array(history), best
"""


EXERCISES = (
    prediction(
        "laperm/guesses",
        "Predict",
        4,
        {
            "k = 250 in place of 20: points lost": (-100, 100),
            "trained places, fresh values: accuracy": (0, 1),
            "trained values, shuffled within each neuron: accuracy": (0, 1),
            "ordinary training, arranged once at the end: accuracy": (0, 1),
            "784-10 of one value and zeros: bytes": (1, 1_000_000),
        },
    ),
    Exercise(
        "laperm/rank_match",
        "In the copy's order",
        2,
        8,
        rank_match,
        _rank_match_cases,
        judge_by_value("the arrangement"),
    ),
    Exercise(
        "laperm/swap_gains",
        "Why by rank",
        1,
        6,
        swap_gains,
        _swap_gains_cases,
        judge_by_value("the gains"),
    ),
    Exercise(
        "laperm/honest_history",
        "An honest history",
        3,
        15,
        honest_history,
        _honest_cases,
        judge_by_value("history and best"),
        planted=_HONEST,
    ),
    Exercise(
        "laperm/pinned",
        "Who can trade places",
        1,
        5,
        pinned,
        _pinned_cases,
        judge_by_value("the pinned pairs"),
    ),
    Exercise(
        "laperm/fresh_by_rank",
        "Location against value",
        2,
        10,
        fresh_by_rank,
        _fresh_cases,
        judge_by_value("both networks"),
    ),
    Exercise(
        "laperm/log2_arrangements",
        "How many arrangements",
        2,
        8,
        log2_arrangements,
        _log2_cases,
        judge_by_value("the bits"),
    ),
    Exercise(
        "laperm/rank_of_arrangement",
        "An arrangement as a number",
        2,
        10,
        rank_of_arrangement,
        _rank_of_cases,
        judge_by_value("the number"),
    ),
    Exercise(
        "laperm/arrangement_of_rank",
        "And back again",
        2,
        10,
        arrangement_of_rank,
        _arrangement_cases,
        judge_by_value("the arrangement"),
    ),
    Exercise(
        "laperm/own_arrangement",
        "A neuron of your own",
        2,
        10,
        own_arrangement,
        _own_cases,
        judge_by_digits("log2 of both counts", "two numbers, to three digits"),
        kind="value",
        personal=True,
    ),
    open_question(
        "laperm/another_order",
        "Another way to arrange",
        3,
        60,
        "Says what is arranged and when (another order, other groups of weights, a "
        "part of them only), with a prediction made before the run, and its reason.\n"
        "Reports for three seeds or more, each with their spread, the accuracy after "
        "a synchronisation, beside arranging by rank, a random arrangement, and one "
        "synchronisation at the end of ordinary training.\n"
        "Shows by a test that each neuron's values, or whatever is to stay, have "
        "stayed, counts the bits of what was learned, and says plainly what was found.",
    ),
)
