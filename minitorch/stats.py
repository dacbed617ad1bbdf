"""The few statistics that every figure and table of the course uses."""

from typing import NamedTuple

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


def bootstrap_interval(
    values: ArrayLike, level: float = 0.95, draws: int = 9_999, seed: int = 0
) -> tuple[float, float, float]:
    """Give the mean of several seeds and its bootstrap interval (BCa).

    Seeds are drawn again with replacement, many times; the interval holds the middle
    of the means, corrected for bias and for skew. With fewer than about ten seeds it
    comes out too narrow: prefer `mean_interval` there.

    Args:
        values: (S,), one number a seed.
        level: how much the interval should cover.
        draws: how many times the seeds are drawn again.
        seed: of the draws.

    Returns:
        mean, low, high; all three the mean where all values are equal.

    Raises:
        ValueError: with fewer than two seeds, or a number that is not finite.

    Source: Efron (1987), Better bootstrap confidence intervals.

    >>> mean, low, high = bootstrap_interval(np.arange(20.0))
    >>> print(f"{mean:.2f} [{low:.1f}, {high:.1f}]")
    9.50 [7.0, 11.9]
    """
    values = _sample("bootstrap_interval", values, 2)
    mean = float(values.mean())
    if (values == values[0]).all():
        return mean, mean, mean
    from scipy import stats

    found = stats.bootstrap(
        (values,), np.mean, n_resamples=draws, confidence_level=level, rng=seed
    ).confidence_interval
    return mean, float(found.low), float(found.high)


class Paired(NamedTuple):
    """How two methods differ over shared seeds: the second less the first."""

    difference: float
    low: float
    high: float
    p: float  # chance of a mean this far from 0 or further, if there is no difference


def paired(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Paired:
    """Compare two methods that ran with the same seeds, by the t test of differences.

    What the seeds share (the data's order, the start) cancels, so pairs need far
    fewer seeds than two separate means.

    Args:
        first: (S,), one number a seed.
        second: (S,), of the same seeds in the same order.
        level: how much the interval should cover.

    Raises:
        ValueError: when the shapes differ, there are fewer than two seeds, or a
            number is not finite.

    Source: Student (1908), The probable error of a mean.

    >>> found = paired([0.90, 0.80, 0.85], [0.92, 0.83, 0.87])
    >>> print(f"{found.difference:.3f} [{found.low:.3f}, {found.high:.3f}]")
    0.023 [0.009, 0.038]
    """
    a, b = _sample("paired", first, 2), _sample("paired", second, 2)
    if a.shape != b.shape:
        raise ValueError(f"paired() takes the same seeds twice, got {a.size}, {b.size}")
    mean, low, high = mean_interval(b - a, level=level)
    from scipy import stats

    error = (b - a).std(ddof=1) / np.sqrt(a.size)
    if error == 0:
        return Paired(float(mean), float(low), float(high), float(mean == 0))
    p = 2 * stats.t.sf(abs(mean) / error, a.size - 1)
    return Paired(float(mean), float(low), float(high), float(p))


def power(effect: float, seeds: int, level: float = 0.95) -> float:
    """Give the chance that a paired test with S seeds finds a true difference.

    The test's statistic is then noncentral t with S - 1 degrees of freedom and
    noncentrality sqrt(S) effect.

    Args:
        effect: the true mean difference over its standard deviation between seeds.
        seeds: how many pairs.
        level: the test calls a difference found when its interval at this level
            leaves 0 out.

    Raises:
        ValueError: with fewer than two seeds.

    Source: Cohen (1988), Statistical power analysis, chapter 2.

    >>> round(power(effect=1.0, seeds=5), 2), round(power(effect=1.0, seeds=20), 2)
    (0.4, 0.99)
    """
    if seeds < 2:
        raise ValueError(f"power() needs at least 2 seeds, got {seeds}")
    from scipy import stats

    line = stats.t.ppf(0.5 + level / 2, seeds - 1)
    centre = np.sqrt(seeds) * effect
    tail = stats.nct.sf(line, seeds - 1, centre) + stats.nct.cdf(
        -line, seeds - 1, centre
    )
    return float(tail)


class Smallest(NamedTuple):
    """The smallest d whose curve reaches a line, over seeds."""

    d: float  # mean over the seeds that reach it; nan where none does
    low: float
    high: float
    reached: int  # how many seeds reach it
    seeds: int


def crossings(ds: ArrayLike, accuracy: ArrayLike, line: float) -> np.ndarray:
    """Find, for each seed, the d at which its curve first reaches a line.

    Between two values of d the curve is taken as straight. This makes the
    answer less dependent on the grid than "the first d that is high enough".

    Args:
        ds: (n,) increasing.
        accuracy: (S, n).
        line: the accuracy to reach.

    Returns:
        (S,), nan for a seed that never reaches the line.

    Raises:
        ValueError: when the shapes do not fit, or ds does not increase.

    >>> crossings(np.array([10, 20]), np.array([[0.8, 1.0], [0.5, 0.7]]), 0.9)
    array([15., nan])
    """
    ds, accuracy = np.asarray(ds, float), np.asarray(accuracy, float)
    if ds.ndim != 1 or accuracy.ndim != 2 or accuracy.shape[1] != ds.size:
        raise ValueError(
            f"crossings() takes ds (n,) and accuracy (S, n), got {ds.shape} and "
            f"{accuracy.shape}"
        )
    if (np.diff(ds) <= 0).any():
        raise ValueError("crossings() takes values of d that increase")
    found = np.full(len(accuracy), np.nan)
    for seed, values in enumerate(accuracy):
        above = np.flatnonzero(values >= line)
        if len(above):
            i = above[0]
            x, y = ds[max(i - 1, 0) : i + 1], values[max(i - 1, 0) : i + 1]
            found[seed] = np.interp(line, y, x)
    return found


def smallest(ds: ArrayLike, accuracy: ArrayLike, line: float) -> Smallest:
    """Estimate the smallest d that reaches a line, with its 95 % t interval.

    Each seed's curve gives one d (see `crossings`), and these are averaged. Where
    some seeds never reach the line the mean over the others would flatter, so the
    interval's upper end is infinite then.

    Args:
        ds: (n,) increasing.
        accuracy: (S, n).
        line: the accuracy to reach.

    Raises:
        ValueError: when the shapes do not fit, or ds does not increase.

    >>> found = smallest([10, 20, 30], [[0.2, 0.8, 1.0], [0.3, 0.7, 1.0]], line=0.7)
    >>> round(found.d, 1), round(found.low, 1), round(found.high, 1), found.reached
    (19.2, 8.6, 29.8, 2)
    """
    found = crossings(ds, accuracy, line)
    there = found[np.isfinite(found)]
    if not there.size:
        return Smallest(np.nan, np.nan, np.inf, 0, len(found))
    mean, low, high = map(float, mean_interval(there))
    if there.size < len(found):
        high = np.inf
    return Smallest(mean, low, high, int(there.size), len(found))


def _sample(name: str, values: ArrayLike, least: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or values.size < least or not np.isfinite(values).all():
        raise ValueError(
            f"{name}() takes at least {least} finite numbers, one a seed, got {values}"
        )
    return values
