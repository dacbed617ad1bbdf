"""The learning rate along training: factors on the first rate, by the step.

A schedule is a plain function, so two of them are combined by a product:

>>> [round(warm_up(step, 2) * cosine(step, 4), 3) for step in range(4)]
[0.5, 0.854, 0.5, 0.146]
"""

from __future__ import annotations

import math


def cosine(step: int, steps: int) -> float:
    """The factor on the learning rate: 1 at the first step, falling to near 0.

    factor = (1 + cos(pi step / steps)) / 2.

    Args:
        step: counted from 0; after the last one the factor stays 0.
        steps: how many there are.

    Raises:
        ValueError: when there is not at least one step.

    Source: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts.

    >>> [round(cosine(step, 4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    _at_least_one("cosine", steps)
    return 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))


def step_decay(step: int, every: int, factor: float = 0.1) -> float:
    """The factor on the learning rate: `factor` times less after every few steps.

    Raises:
        ValueError: when `every` is below 1.

    >>> [step_decay(step, every=2, factor=0.5) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _at_least_one("step_decay", every)
    return float(factor ** (step // every))


def warm_up(step: int, steps: int) -> float:
    """The factor on the learning rate: rises in equal parts to 1, and stays there.

    Raises:
        ValueError: when there is not at least one step.

    Source: Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2.

    >>> [warm_up(step, 4) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    _at_least_one("warm_up", steps)
    return min(1.0, (step + 1) / steps)


def _at_least_one(schedule: str, steps: int) -> None:
    if steps < 1:
        raise ValueError(f"{schedule}() takes at least 1 step, got {steps}")
