"""The statistics, against scipy."""

import numpy as np
import pytest
from scipy import stats

from minitorch.stats import (
    bootstrap_interval,
    crossings,
    mean_interval,
    paired,
    power,
    smallest,
)


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


# ----------------------------------------------------------------------------
# Bootstrap
# ----------------------------------------------------------------------------


def test_the_bootstrap_interval_is_near_the_normal_one_for_many_seeds():
    values = np.random.default_rng(0).normal(3, 2, 400)
    mean, low, high = bootstrap_interval(values)
    half = stats.norm.ppf(0.975) * values.std(ddof=1) / 20
    np.testing.assert_allclose(
        (mean, low, high), (mean, mean - half, mean + half), rtol=0.02
    )


def test_the_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(200):
        _, low, high = bootstrap_interval(rng.exponential(size=30), draws=500)
        hits += low <= 1 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_the_bootstrap_of_equal_values_is_that_value_and_repeats_with_its_seed():
    assert bootstrap_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    values = np.random.default_rng(2).random(8)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


# ----------------------------------------------------------------------------
# Two methods, and how many seeds
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 5, 20])
def test_the_paired_comparison_is_scipys(seeds):
    first, second = np.random.default_rng(seeds).normal(size=(2, seeds))
    found = paired(first, second)
    want = stats.ttest_rel(second, first)
    between = want.confidence_interval(0.95)
    np.testing.assert_allclose(found.p, want.pvalue)
    np.testing.assert_allclose((found.low, found.high), (between.low, between.high))
    np.testing.assert_allclose(found.difference, (second - first).mean())


def test_a_difference_that_is_the_same_for_every_seed():
    assert paired([1.0, 2.0], [1.0, 2.0]) == (0, 0, 0, 1)
    assert paired([1.0, 2.0], [2.0, 3.0]) == (1, 1, 1, 0)


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 5), (1.0, 5), (0.8, 20)])
def test_power_is_how_often_the_test_finds_the_difference(effect, seeds):
    rng = np.random.default_rng(0)
    differences = rng.normal(effect, 1, (20_000, seeds))
    found = stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05
    np.testing.assert_allclose(power(effect, seeds), found.mean(), atol=0.01)


def test_without_a_difference_power_is_the_rate_of_false_alarms():
    np.testing.assert_allclose(power(0.0, 5), 0.05)
    np.testing.assert_allclose(power(0.0, 5, level=0.8), 0.2)


# ----------------------------------------------------------------------------
# The smallest d that reaches a line
# ----------------------------------------------------------------------------


def test_crossings_against_numbers_worked_out_by_hand():
    ds = np.array([100, 200, 400])
    accuracy = np.array([[0.5, 0.7, 0.9], [0.8, 0.9, 0.95], [0.1, 0.2, 0.3]])
    found = crossings(ds, accuracy, 0.8)
    np.testing.assert_allclose(found, [300, 100, np.nan])


def test_the_smallest_d_of_a_known_curve():
    """Seeds whose curves are 1 - a / d cross the line c at a / (1 - c)."""
    ds = np.arange(10, 2_000, 5.0)
    a = np.array([40.0, 50.0, 60.0])
    found = smallest(ds, 1 - a[:, None] / ds, line=0.9)
    want = mean_interval(a / 0.1)
    np.testing.assert_allclose(found[:3], want, rtol=1e-3)
    assert found[3:] == (3, 3)


def test_a_seed_that_never_arrives_opens_the_interval():
    found = smallest([1, 2], [[0.0, 1.0], [0.0, 0.4]], line=0.5)
    assert (found.d, found.high, found.reached, found.seeds) == (1.5, np.inf, 1, 2)
    none = smallest([1, 2], [[0.0, 0.1]], line=0.5)
    assert np.isnan(none.d) and none.reached == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap_interval([1.0]), "at least 2 finite numbers"),
        (lambda: bootstrap_interval([1.0, np.nan]), "at least 2 finite numbers"),
        (lambda: paired([1.0, 2.0], [1.0, 2.0, 3.0]), "the same seeds twice"),
        (lambda: power(1.0, 1), "at least 2 seeds"),
        (lambda: crossings([1, 2], [0.5, 0.6], 0.5), r"accuracy \(S, n\)"),
        (lambda: crossings([2, 1], [[0.5, 0.6]], 0.5), "that increase"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
