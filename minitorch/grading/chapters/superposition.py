"""The exercises of the chapter "Superposition"."""

from collections.abc import Iterator

import numpy as np

from minitorch.grading.references.superposition import (
    entropy_gradient,
    halve,
    own_task,
    report,
    spare_gradient,
    storkey,
    superpose,
    task_gradients,
    unsure,
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

_REPORT = """
def report(slopes, digits, y, task):
    guess = np.full(len(y), slopes.mean(axis=0).argmin())
    found = guess == task
    right = digits[:, task] == y
    return found.mean(), right.mean(), found.mean() * right.mean()
"""


def _superpose_cases(rng: Rng) -> Cases:
    yield rng.normal(size=9), rng.random((4, 9)) < 0.5, rng.random(4)


def _entropy_cases(rng: Rng) -> Cases:
    yield (rng.normal(size=(4, 3)),)


def _task_gradients_cases(rng: Rng) -> Cases:
    yield rng.normal(size=9), rng.normal(size=9), rng.random((4, 9)) < 0.5


def _halve_cases(rng: Rng) -> Cases:
    yield rng.normal(size=9), rng.random(9) < 0.8


def _spare_cases(rng: Rng) -> Cases:
    yield rng.normal(size=(4, 7)), 3


def _unsure_cases(rng: Rng) -> Cases:
    yield rng.normal(size=(6, 4)), 0.125


def _storkey_cases(rng: Rng) -> Cases:
    yield np.zeros((5, 5)), rng.choice([-1.0, 1.0], 5)


def _report_cases(rng: Rng) -> Cases:
    yield rng.normal(size=(9, 4)), rng.integers(0, 10, (9, 4)), np.arange(9), 2


def _own_task_cases(rng: Rng) -> Cases:
    yield rng.normal(size=5), rng.normal(size=(3, 5)), rng.random((4, 3, 5)) < 0.5


EXERCISES = (
    prediction(
        "superposition/guesses",
        "Predict",
        4,
        {
            "first task after nine more, one network: accuracy": (0, 1),
            "task found by one gradient, ten outputs: share": (0, 1),
            "points gained by 90 spare outputs": (-100, 100),
            "task found, turned by 10 degrees: share": (0, 1),
            "patterns that 200 units recall": (1, 1_000),
        },
    ),
    Exercise(
        "superposition/superpose",
        "Masks over each other",
        1,
        5,
        superpose,
        _superpose_cases,
        judge_by_value("the weights"),
    ),
    Exercise(
        "superposition/entropy_gradient",
        "What would make it surer",
        2,
        10,
        entropy_gradient,
        _entropy_cases,
        judge_by_value("H and its gradient"),
    ),
    Exercise(
        "superposition/task_gradients",
        "One gradient, every task",
        2,
        8,
        task_gradients,
        _task_gradients_cases,
        judge_by_value("the slopes and the task"),
    ),
    Exercise(
        "superposition/halve",
        "Half of them",
        2,
        8,
        halve,
        _halve_cases,
        judge_by_value("the tasks left"),
    ),
    Exercise(
        "superposition/spare_gradient",
        "Outputs that no digit has",
        2,
        8,
        spare_gradient,
        _spare_cases,
        judge_by_value("the gradient"),
    ),
    Exercise(
        "superposition/unsure",
        "A new mask?",
        1,
        6,
        unsure,
        _unsure_cases,
        judge_by_value("the decisions"),
    ),
    Exercise(
        "superposition/storkey",
        "One more pattern",
        2,
        12,
        storkey,
        _storkey_cases,
        judge_by_value("the weights"),
    ),
    Exercise(
        "superposition/report",
        "A report that flatters",
        3,
        15,
        report,
        _report_cases,
        judge_by_value("the report"),
        planted=_REPORT,
    ),
    Exercise(
        "superposition/own_task",
        "An image of your own",
        2,
        12,
        own_task,
        _own_task_cases,
        judge_by_digits("the task and its slope", "both, to three digits"),
        kind="value",
        personal=True,
    ),
    open_question(
        "superposition/another_scenario",
        "A scenario of your own",
        3,
        60,
        "Says what the tasks have in common and what is not told to the network, with "
        "a prediction made before the run, and its reason.\n"
        "Reports for three seeds or more, each with their spread, how often the task "
        "is found and the digit read, beside the right mask given, chance, and one "
        "network trained in sequence.\n"
        "Checks that tasks and seeds are independent and that each image is asked "
        "alone or says how many are asked together, and says plainly what was found.",
    ),
)
