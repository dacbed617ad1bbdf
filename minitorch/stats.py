"""The few statistics that every figure and table of the course uses."""

import numpy as np
from numpy.typing import ArrayLike


def mean_interval(
    values: ArrayLike, axis: int = 0, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the mean over seeds and its t interval.

    mean +- t * s / sqrt(S), with s the sample standard deviation of S seeds
    and t the quantile of Student's distribution with S - 1 degrees of freedom.

    Args:
        values: numbers, one seed after the other along `axis`.
        axis: the axis of the seeds.
        level: how much the interval should cover.

    Returns:
        mean, low, high. With one seed there is no interval: low and high are
        the mean itself.

    Raises:
        ValueError: when there is no value along the axis.

    Source: Student (1908), The probable error of a mean.

    >>> mean, low, high = mean_interval([0.89, 0.90, 0.91])
    >>> print(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
    0.900 [0.875, 0.925]
    """
    values = np.asarray(values, dtype=np.float64)
    seeds = values.shape[axis] if values.ndim else 0
    if seeds == 0:
        raise ValueError(f"no values along axis {axis} of an array {values.shape}")
    mean = values.mean(axis)
    if seeds == 1:
        return mean, mean, mean
    from scipy import stats  # slow to import, so only where it is needed

    half = values.std(axis, ddof=1) / np.sqrt(seeds)
    half = half * stats.t.ppf(0.5 + level / 2, seeds - 1)
    return mean, mean - half, mean + half
