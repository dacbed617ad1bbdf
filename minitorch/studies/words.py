"""How the figures of all studies write numbers of several seeds."""

from __future__ import annotations

import numpy as np

from minitorch.stats import mean_interval, paired


def percent(values: np.ndarray | float, places: int = 1) -> str:
    """Write a mean of fractions in percent.

    >>> percent(np.array([0.91, 0.93]))
    '92.0'
    """
    return f"{100 * float(np.mean(values)):.{places}f}"


def points(first: np.ndarray, second: np.ndarray) -> str:
    """Write by how many points the second is above the first, with its interval.

    >>> points(np.array([0.5, 0.6]), np.array([0.6, 0.71]))
    '+10.5 points (+4.1 to +16.9)'
    """
    far, low, high = (100 * value for value in paired(first, second)[:3])
    return f"{far:+.1f} points ({low:+.1f} to {high:+.1f})"


def spread(values: np.ndarray, by: float = 100, places: int = 1) -> str:
    """Write a mean of seeds with half its 95 % interval; one seed is named as such.

    Args:
        values: (S,), a number a seed.
        by: what they are multiplied by: 100 for fractions in percent.
        places: digits after the point.

    >>> spread(np.array([0.5, 0.51, 0.52])), spread(np.array([2.0]), by=1)
    ('51.0 ± 2.5', '2.0 (1 seed)')
    """
    if len(values) == 1:
        return f"{by * float(values[0]):.{places}f} (1 seed)"
    mean, low, _ = (by * float(each) for each in mean_interval(values))
    return f"{mean:.{places}f} ± {mean - low:.{places}f}"
