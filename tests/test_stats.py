"""The statistics, against scipy."""

import numpy as np
import pytest
from scipy import stats

from minitorch.stats import mean_interval


@pytest.mark.parametrize("seeds", [2, 3, 5, 30])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_is_scipys(seeds, level):
    values = np.random.default_rng(seeds).normal(3, 2, seeds)
    mean, low, high = mean_interval(values, level=level)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(level)
    np.testing.assert_allclose((low, high), (wanted.low, wanted.high))
    np.testing.assert_allclose(mean, values.mean())


def test_seeds_may_lie_along_any_axis():
    values = np.random.default_rng(0).normal(size=(3, 4))
    down = mean_interval(values, axis=0)
    across = mean_interval(values.T, axis=1)
    np.testing.assert_allclose(down, across)
    assert down[0].shape == (4,)


def test_one_seed_has_no_interval():
    assert mean_interval([0.5]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("nothing", [[], 0.5])
def test_no_values_are_an_error(nothing):
    with pytest.raises(ValueError, match="no values"):
        mean_interval(nothing)
