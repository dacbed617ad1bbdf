"""Subset sums: the search, the gadget, and a network rebuilt by pruning alone."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.data import load
from minitorch.models import lenet, mlp
from minitorch.train import accuracy, fit, predict
from minitorch.weird import Dense
from minitorch.weird import subset_sum as ss

quick = settings(max_examples=60, derandomize=True, deadline=None, database=None)
numbers = st.lists(st.floats(-2, 2, width=32), max_size=9)


def brute(a, target):
    """The smallest error over all 2**n subsets, one by one."""
    n = len(a)
    chosen = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.abs(chosen @ np.asarray(a, float) - target).min() if n else abs(target)


# ----------------------------------------------------------------------------
# One number out of many
# ----------------------------------------------------------------------------


@quick
@given(numbers, st.floats(-5, 5))
def test_the_best_of_all_subsets(a, target):
    mask, error = ss.subset_sum(np.array(a), target)
    assert mask.shape == (len(a),) and mask.dtype == bool
    assert error == abs(np.array(a)[mask].sum() - target)
    assert error == pytest.approx(brute(a, target), abs=1e-12)


@pytest.mark.parametrize("n", range(15))
def test_the_best_of_all_subsets_of_random_numbers(n):
    rng = np.random.default_rng(n)
    for scale in (1, 100):
        a, target = scale * rng.uniform(-1, 1, n), rng.uniform(-1, 1)
        mask, error = ss.subset_sum(a, target)
        assert error == pytest.approx(brute(a, target), abs=1e-12 * scale)
        assert error == abs(a[mask].sum() - target)


def test_each_number_is_used_once_at_most():
    a = np.array([3.0, 5.0, 7.0])
    best = {
        sum(part): np.isin(a, part)
        for k in range(4)
        for part in itertools.combinations(a, k)
    }
    for target, want in best.items():  # all sums differ
        mask, error = ss.subset_sum(a, target)
        assert error == 0 and (mask == want).all()
    assert ss.subset_sum(a, 6.2)[1] == pytest.approx(0.8)  # 3 + 3 is none


def test_a_planted_subset_is_found():
    """Where taking the nearest again and again goes wrong."""
    rng = np.random.default_rng(0)
    for n in (20, 27, 34):
        a = rng.uniform(-1, 1, n)
        planted = rng.random(n) < 0.5
        mask, error = ss.subset_sum(a, a[planted].sum())
        assert error < 1e-7
        assert n > 27 or (mask == planted).all()
    mask, error = ss.subset_sum(np.array([6.0, 5.0, 4.0, -20.0]), 9.0)  # 6 + 4 is off
    assert mask.tolist() == [False, True, True, False] and error == 0


def test_shuffled_numbers_have_the_same_error():
    rng = np.random.default_rng(1)
    a = rng.uniform(-1, 1, 17)
    want = ss.subset_sum(a, 0.3)[1]
    for _ in range(3):
        assert ss.subset_sum(rng.permutation(a), 0.3)[1] == pytest.approx(
            want, abs=1e-13
        )
    assert ss.subset_sum(np.repeat(a, 2)[::2], 0.3)[1] == want  # memory with gaps


def test_nothing_and_far_away():
    mask, error = ss.subset_sum(np.zeros(0), -0.5)
    assert mask.shape == (0,) and error == 0.5
    mask, error = ss.subset_sum(np.array([1.0, -2.0, 3.0]), 100.0)
    assert mask.tolist() == [True, False, True] and error == 96
    mask, error = ss.subset_sum(np.array([1.0, -2.0, 3.0]), -100.0)
    assert mask.tolist() == [False, True, False] and error == 98
    assert not ss.subset_sum(np.array([5, 6, 7]), 0)[0].any()


@quick
@given(numbers.filter(len), st.floats(-5, 5))
def test_nearest_keeps_one(a, target):
    mask, error = ss.nearest(np.array(a), target)
    off = [abs(number - target) for number in a]
    assert mask.sum() == 1 and error == min(off) and off.index(error) == mask.argmax()
    assert error >= min(ss.subset_sum(np.array(a), target)[1], error)


@pytest.mark.parametrize("call", [ss.subset_sum, ss.nearest])
@pytest.mark.parametrize(
    "a, target",
    [([[1.0]], 0), (1.0, 0), ([1.0, np.nan], 0), ([np.inf], 0), ([1.0], math.nan)],
)
def test_what_is_refused(call, a, target):
    with pytest.raises(
        ValueError, match="a vector of numbers|are finite; some are not"
    ):
        call(np.array(a), target)


def test_what_is_too_much_or_too_little():
    with pytest.raises(ValueError, match="a vector of numbers, at most 44 of them"):
        ss.subset_sum(np.ones(45), 0)
    assert ss.nearest(np.arange(45), 30.2)[0].argmax() == 30
    with pytest.raises(ValueError, match="the nearest of no numbers"):
        ss.nearest(np.zeros(0), 0)


# ----------------------------------------------------------------------------
# How many numbers stand in for one
# ----------------------------------------------------------------------------


def test_errors_fall_by_a_factor_with_every_number():
    """Log error against n is a line: a factor of about 2 for each number more."""
    counts = np.array([6, 9, 12, 15])
    middle = [np.median(ss.errors(int(n), 150, seed=0)) for n in counts]
    slope = np.polyfit(counts, np.log10(middle), 1)[0]
    assert -0.38 < slope < -0.24
    assert middle[2] == pytest.approx(3.3e-4, rel=0.6)  # measured before, elsewhere


def test_errors_of_the_nearest_fall_as_one_over_n():
    counts = np.array([10, 30, 100, 300])
    middle = [
        np.median(ss.errors(int(n), 600, seed=0, choose=ss.nearest)) for n in counts
    ]
    slope = np.polyfit(np.log10(counts), np.log10(middle), 1)[0]
    assert -1.15 < slope < -0.85
    # Of n uniform numbers on a stretch of 2 the nearest is about log(2) / n away.
    assert middle[2] == pytest.approx(math.log(2) / 100, rel=0.2)


def test_errors_are_of_the_seed():
    one, same, other = (ss.errors(8, 5, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (5,) and (one == same).all() and (one != other).all()


@pytest.mark.parametrize("eps, least, many", [(0.01, 7, 20), (0.001, 10, 30)])
def test_bounds(eps, least, many):
    assert ss.counting_bound(eps) == least and ss.enough(eps) == many
    assert 2**least * 2 * eps >= 2 > 2 ** (least - 1) * 2 * eps
    assert (ss.errors(least - 1, 100, seed=0) > eps).mean() > 0.1
    if many <= 24:
        assert (ss.errors(many, 60, seed=0) <= eps).mean() > 0.95


@pytest.mark.parametrize("eps", [0, -1, math.nan])
def test_an_error_is_above_0(eps):
    for call in (ss.counting_bound, ss.enough):
        with pytest.raises(ValueError, match="an error above 0"):
            call(eps)
    assert ss.counting_bound(1) == ss.counting_bound(3) == ss.enough(3) == 0


# ----------------------------------------------------------------------------
# One weight out of many
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("w", [0.7, -0.31, 1.0, 0.0])
def test_a_gadget_multiplies_x_of_both_signs(w):
    rng = np.random.default_rng(3)
    x = np.linspace(-1, 1, 41)
    for _ in range(3):
        a, v, mask = ss.gadget(w, 18, rng)
        assert a.shape == v.shape == mask.shape == (36,)
        assert max(np.abs(a).max(), np.abs(v).max()) <= 1
        got = (v * mask) @ np.maximum(np.outer(a, x), 0)
        same, off = ss.gadget_mask(w, a, v)
        assert (same == mask).all()
        np.testing.assert_allclose(got[-1] - w, off[0] * np.sign(got[-1] - w))
        np.testing.assert_allclose(got[0] + w, off[1] * np.sign(got[0] + w))
        # Linear on either side: the error is that of the sum, times |x|.
        bound = np.where(x > 0, off[0], off[1]) * np.abs(x)
        assert (np.abs(got - w * x) <= bound + 1e-12).all()
        assert max(off) < 0.01


def test_half_a_gadget_is_not_enough():
    a, v, mask = ss.gadget(0.7, 18, np.random.default_rng(0))
    half = mask & (a > 0)
    left, right = ((v * half) @ np.maximum(a * x, 0) for x in (-1, 1))
    assert left == 0 and right == pytest.approx(0.7, abs=0.01)


def test_gadgets_with_the_nearest_keep_two_units():
    a, v, mask = ss.gadget(0.4, 200, np.random.default_rng(0), choose=ss.nearest)
    off = ss.gadget_mask(0.4, a, v, choose=ss.nearest)[1]
    assert (mask & (a > 0)).sum() == (mask & (a < 0)).sum() == 1
    np.testing.assert_allclose(np.abs((v * np.abs(a))[mask & (a > 0)] - 0.4), off[0])
    assert max(off) < 0.05


def test_what_a_gadget_refuses():
    with pytest.raises(ValueError, match=r"a and v are \(m,\) both; got \(3,\) and"):
        ss.gadget_mask(0.5, np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="at most 44 of them"):
        ss.gadget(0.5, 60, np.random.default_rng(0))


# ----------------------------------------------------------------------------
# A whole network out of many
# ----------------------------------------------------------------------------

SMALL = mlp(6, 5, 4, 3, bias=False)
WEIGHTS = SMALL.init(0)
LARGE = ss.rebuild(SMALL, WEIGHTS, 14, seed=1)


@pytest.mark.parametrize("engine", BACKENDS)
def test_the_rebuilt_network_computes_the_same(engine):
    """For inputs of both signs, within the error that it states."""
    x = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    with use(engine):
        want, got = SMALL(WEIGHTS, x).numpy(), LARGE.net(LARGE.theta, x).numpy()
    off = np.linalg.norm(got - want, axis=1) / np.linalg.norm(x, axis=1)
    assert off.max() <= LARGE.bound + 1e-6
    assert 0 < off.max() < 0.05 and LARGE.bound < 1


def test_it_is_pruned_from_independent_random_weights():
    widths = (6, 168, 5, 70, 4, 56, 3)  # twice the depth
    assert LARGE.net.name == mlp(*widths, bias=False).name
    assert LARGE.mask.dtype == bool and LARGE.mask.mean() < 0.5
    assert (LARGE.theta == np.where(LARGE.mask, LARGE.theta0, 0)).all()
    assert LARGE.theta.dtype == np.float32
    drawn = LARGE.net.layout.views(LARGE.theta0)
    for i, W in enumerate(SMALL.layout.views(WEIGHTS).values()):
        for layer, size in ((2 * i + 1, 1), (2 * i + 2, 2 * np.abs(W).max())):
            piece = drawn[f"dense{layer}.weight"]
            assert np.abs(piece).max() <= size * (1 + 1e-6)
            assert piece.std() == pytest.approx(size / math.sqrt(3), rel=0.1)
            assert abs(piece.mean()) < 4 * piece.std() / math.sqrt(piece.size)
    again = ss.rebuild(SMALL, WEIGHTS, 14, seed=1)
    assert (again.theta == LARGE.theta).all()
    assert (ss.rebuild(SMALL, WEIGHTS, 14, seed=2).theta0 != LARGE.theta0).any()


def test_the_stated_errors_are_those_of_its_weights():
    """Multiplying the masked matrices out gives the small network's, but for them."""
    pieces = LARGE.net.layout.views(LARGE.theta.astype(np.float64))
    for i, W in enumerate(SMALL.layout.views(WEIGHTS).values()):
        copies, chosen = (pieces[f"dense{2 * i + j}.weight"] for j in (1, 2))
        assert ((copies != 0).sum(axis=1) <= 1).all()  # each unit copies one input
        used = (chosen != 0).any(axis=0)
        assert (used == (copies != 0).any(axis=1)).all()  # and none in vain
        up = chosen @ np.maximum(copies, 0)
        down = chosen @ np.minimum(copies, 0)
        off = LARGE.sums[i]
        np.testing.assert_allclose(np.abs(up - W), off[0], atol=1e-12)
        if i == 0:
            np.testing.assert_allclose(np.abs(down - W), off[1], atol=1e-12)
        else:  # its inputs are 0 or more
            assert len(off) == 1 and not down.any()
    assert LARGE.weight_error == max(off.max() for off in LARGE.sums)


@pytest.mark.parametrize("inputs, sides", [(40, 2), (12, 1)])
def test_every_input_is_copied_as_often(inputs, sides):
    a = np.random.default_rng(0).uniform(-1, 1, (sides * inputs * 9, inputs))
    copies = ss._copies(a, 9, sides)
    weight = a[np.arange(len(a)), copies]
    found = copies >= 0
    assert found.mean() > 0.97 and (sides == 2 or (weight[found] > 0).all())
    for sign in (1, -1)[:sides]:
        each = np.bincount(copies[found & (sign * weight > 0)], minlength=inputs)
        assert each.max() <= 9 and each.min() >= 7
    # A unit has the choice among many inputs, so its weight there is large.
    assert np.median(np.abs(weight[found])) > 0.75


def test_the_bound_is_not_broken_by_the_worst_input():
    """Where the error is largest for its length, by search."""
    rng = np.random.default_rng(0)
    small = mlp(2, 2, 2, bias=False)
    theta = small.init(3)
    large = ss.rebuild(small, theta, 5, seed=0)
    angle = rng.uniform(0, 2 * np.pi, 2000)
    x = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    off = large.net(large.theta, x).numpy() - small(theta, x).numpy()
    worst = np.linalg.norm(off, axis=1).max()
    assert large.bound / 8 < worst <= large.bound + 1e-6


def test_more_copies_and_sums_are_nearer():
    few = ss.rebuild(SMALL, WEIGHTS, 6, seed=1)
    single = ss.rebuild(SMALL, WEIGHTS, 14, seed=1, choose=ss.nearest)

    def middle(large):
        return np.median(np.concatenate([off.reshape(-1) for off in large.sums]))

    assert middle(LARGE) < middle(few) / 20 and middle(LARGE) < middle(single) / 50
    assert LARGE.bound < few.bound and LARGE.bound < single.bound
    assert single.mask.sum() < LARGE.mask.sum()


def test_a_trained_network_is_found_in_a_random_one():
    """Digits in 7 x 7 pixels: the same decisions, from weights that were never trained.

    With few copies it is another network: the test looks at the large one.
    """
    data = load("mnist").take(2000, 500)

    def small_images(x):
        return x.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)

    data = replace(data, train_x=small_images(data.train_x))
    data = replace(data, test_x=small_images(data.test_x))
    net, x, y = mlp(49, 10, 10, bias=False), data.test_x, data.test_y
    done = fit(net, Dense(net), data, lr=0.02, epochs=30)
    large, poor = (ss.rebuild(net, done.theta, n, seed=0) for n in (18, 3))
    assert np.isin(large.theta[large.theta != 0], large.theta0).all()
    right = [accuracy(each.net, each.theta, x, y) for each in (large, poor)]
    assert done.test_accuracy > 0.8 and right[0] > done.test_accuracy - 0.01
    assert right[1] < done.test_accuracy - 0.1
    same = predict(large.net, large.theta, x) == predict(net, done.theta, x)
    assert same.mean() > 0.99
    whole = accuracy(large.net, large.theta0, x, y)  # before pruning: chance
    assert whole < 0.3


@pytest.mark.parametrize("net", [mlp(6, 5, 3), lenet()])
def test_only_matrices_are_rebuilt(net):
    with pytest.raises(ValueError, match="only networks of matrices are rebuilt, with"):
        ss.rebuild(net, net.init(0), 4, seed=0)


def test_what_rebuilding_refuses():
    with pytest.raises(
        ValueError, match="1 or more numbers for each weight, got n = 0"
    ):
        ss.rebuild(SMALL, WEIGHTS, 0, seed=0)
    with pytest.raises(ValueError, match="this layout holds"):
        ss.rebuild(SMALL, WEIGHTS[1:], 4, seed=0)
