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

    Source: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts.

    >>> [round(cosine(step, 4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def step_decay(step: int, every: int, factor: float = 0.1) -> float:
    """The factor on the learning rate: `factor` times less after every few steps.

    >>> [step_decay(step, every=2, factor=0.5) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return float(factor ** (step // every))


def warm_up(step: int, steps: int) -> float:
    """The factor on the learning rate: rises in equal parts to 1, and stays there.

    Source: Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2.

    >>> [warm_up(step, 4) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / steps)
