"""LaPerm: arrangements and their bits, values, pinning, synchronising, the message."""

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import damaged, decode_alike

from minitorch import Tensor
from minitorch.backends import backend
from minitorch.data import load
from minitorch.functional import cross_entropy
from minitorch.models import conv2, mlp
from minitorch.optim import SGD, Adam
from minitorch.train import accuracy, fit
from minitorch.weird import Hypernetwork, LaPerm, Subspace, apply, decode
from minitorch.weird import laperm as lp
from minitorch.weird.pruning import prunable

quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)
NET = mlp(20, 16, 12, 4, bias=False)
BIASED = mlp(20, 16, 12, 4)
RNG = np.random.default_rng(0)
D = NET.layout.size
IMAGES = RNG.normal(size=(60, 20)).astype(np.float32)
LABELS = RNG.integers(0, 4, 60)
seeds = st.integers(0, 2**32 - 1)


def train(g, steps=12, lr=0.05, mover=Adam, watch=None):
    """A few steps from g's start; gives phi, a tensor."""
    phi, rng = Tensor(g.init(0), requires_grad=True), np.random.default_rng(1)
    optimiser = mover(phi, lr)
    for _ in range(steps):
        logits, _ = g.net(g(phi, train=True, rng=rng), IMAGES, train=True)
        cross_entropy(logits, LABELS).backward()
        optimiser.step()
        before = phi.numpy().copy()
        g.after_step(phi, optimiser)
        if watch is not None:
            watch.append((before, phi.numpy().copy()))
    return phi


def rows(net, theta):
    return [
        piece.reshape(len(piece), -1)
        for piece in net.layout.views(theta).values()
        if piece.ndim > 1
    ]


def ties(seed, shape=(3, 6), most=4):
    return np.random.default_rng(seed).integers(0, most, shape).astype(np.float32)


# ----------------------------------------------------------------------------
# Rank matching
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BACKENDS)
def test_ranks_are_scipys(engine):
    values, copy = RNG.normal(size=(5, 30)), np.round(RNG.normal(size=(5, 30)), 1)
    values, copy = values.astype(np.float32), copy.astype(np.float32)
    ranks = scipy.stats.rankdata(copy, method="ordinal", axis=1).astype(int) - 1
    want = np.take_along_axis(np.sort(values, axis=1), ranks, axis=1)
    with use(engine):
        kernels = backend()
        got = lp.rank_match(kernels.asarray(values), kernels.asarray(copy))
        np.testing.assert_array_equal(kernels.to_numpy(got), want)


@settings(quick, max_examples=8)
@given(seeds)
def test_no_arrangement_is_nearer(seed):
    """Of all 720, and as the assignment problem says."""
    values, copy = ties(seed, (6,)), ties(seed + 1, (6,))
    got = ((lp.rank_match(values, copy) - copy) ** 2).sum()
    least = min(
        ((np.array(order) - copy) ** 2).sum()
        for order in itertools.permutations(values)
    )
    assert got == pytest.approx(least)
    cost = (values[:, None] - copy[None]) ** 2
    assert got == pytest.approx(cost[scipy.optimize.linear_sum_assignment(cost)].sum())


@quick
@given(seeds)
def test_matching_keeps_values_and_takes_the_order(seed):
    values, copy = ties(seed), np.random.default_rng(seed).normal(size=(3, 6))
    got = lp.rank_match(values, copy)
    np.testing.assert_array_equal(np.sort(got, axis=1), np.sort(values, axis=1))
    distinct = np.random.default_rng(seed).permutation(18).reshape(3, 6)
    got = lp.rank_match(distinct, copy)
    np.testing.assert_array_equal(got.argsort(1), copy.argsort(1))
    np.testing.assert_array_equal(lp.rank_match(distinct, got), got)
    np.testing.assert_array_equal(lp.rank_match(values, values), values)


def test_of_equal_scores_the_first_gets_the_smallest():
    got = lp.rank_match(np.array([4.0, 3, 2, 1]), np.array([0.0, 1, 0, 0]))
    assert got.tolist() == [1, 4, 2, 3]


def test_rows_of_other_shapes_are_refused():
    for values, copy in (
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones(()), np.ones(())),
    ):
        with pytest.raises(ValueError, match="values and a copy of one shape"):
            lp.rank_match(values, copy)


# ----------------------------------------------------------------------------
# Bits
# ----------------------------------------------------------------------------


@quick
@given(seeds)
def test_bits_count_what_can_be_told_apart(seed):
    row = ties(seed, (6,))
    count = len(set(itertools.permutations(row.tolist())))
    assert lp.log2_arrangements(row) == pytest.approx(math.log2(count), abs=1e-9)


def test_bits_in_closed_form():
    factorial = scipy.special.gammaln(785) / math.log(2)
    rows = np.tile(np.arange(784), (300, 1))
    assert lp.log2_arrangements(rows) == pytest.approx(300 * factorial)
    choose = math.log2(math.comb(784, 448))
    g = LaPerm(mlp(784, 10, bias=False), values="single", keep=4 / 7, v=0.08)
    assert g.bits() == pytest.approx(10 * choose)
    assert lp.log2_arrangements(np.ones((5, 9))) == 0


@quick
@given(seeds)
def test_an_arrangement_comes_out_as_it_went_in(seed):
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 5), rng.integers(1, 300))
    rows = rng.integers(0, rng.choice([1, 2, 5, 1000]), shape)
    data = lp.encode_arrangement(rows)
    back = lp.decode_arrangement(data, rng.permuted(rows, axis=1))
    np.testing.assert_array_equal(back, rows)
    assert 8 * len(data) <= lp.log2_arrangements(rows) + 50
    assert 8 * len(data) >= lp.log2_arrangements(rows) - 1 - 30  # some are shorter


def test_all_arrangements_have_messages_of_their_own():
    rows = [
        np.array(order) for order in set(itertools.permutations([1, 1, 2, 3, 3, 4]))
    ]
    sent = [lp.encode_arrangement(row) for row in rows]
    assert len(set(sent)) == len(rows) == 180
    assert max(map(len, sent)) == 1  # log2(180) = 7.5 bits
    for data, row in zip(sent, rows, strict=True):
        assert (lp.decode_arrangement(data, np.sort(row)) == row).all()


def test_equal_values_are_coded_once():
    rows = np.zeros((20, 500))
    rows[:, ::10] = 7
    bits = 20 * math.log2(math.comb(500, 50))
    assert bits - 8 <= 8 * len(lp.encode_arrangement(rows)) <= bits + 16
    assert lp.encode_arrangement(np.full((3, 50), 0.1)) == b""


def test_what_cannot_be_sent_or_read():
    with pytest.raises(ValueError, match="with some that are none"):
        lp.encode_arrangement(np.array([1, np.nan]))
    with pytest.raises(ValueError, match="n up to 1,048,576"):
        lp.encode_arrangement(np.zeros(2**20 + 1))
    data = lp.encode_arrangement(RNG.permutation(200))
    with pytest.raises(ValueError, match="no arrangement of rows \\(200,\\)"):
        lp.decode_arrangement(data + b"\0", np.arange(200))
    with pytest.raises(ValueError, match="are no arrangement of rows"):
        lp.decode_arrangement(b"\1", np.ones(7))


# ----------------------------------------------------------------------------
# Values
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("values", lp.VALUES)
@pytest.mark.parametrize("keep", [1.0, 0.3, (0.5, 0.2, 0.9)])
def test_each_neuron_has_an_exact_number_of_zeros(values, keep):
    theta0 = lp.draw_values(BIASED, values, keep=keep, seed=3)
    assert theta0.dtype == np.float32 and not np.signbit(theta0[theta0 == 0]).any()
    shares = [keep] * 3 if isinstance(keep, float) else keep
    for w, share in zip(rows(BIASED, theta0), shares, strict=True):
        used = (w != 0).sum(1)
        odd = values == "even" and w.shape[1] % 2  # its middle value is 0
        assert (abs(used - math.floor(share * w.shape[1] + 0.5)) <= odd).all()
    biases = np.ones(BIASED.layout.size, bool)
    for name in prunable(BIASED):
        biases[BIASED.layout.slices[name]] = False
    assert not theta0[biases].any()
    again = lp.draw_values(BIASED, values, keep=keep, seed=3)
    assert (again == theta0).all()
    if values != "single" or keep != 1.0:
        assert (lp.draw_values(BIASED, values, keep=keep, seed=4) != theta0).any()


def test_the_sizes_of_values():
    net, spread = mlp(600, 50, bias=False), math.sqrt(2 / 600)
    drawn = {v: lp.draw_values(net, v, seed=1) for v in lp.VALUES}
    for values, theta0 in drawn.items():
        size = math.sqrt((theta0.astype(np.float64) ** 2).mean())
        assert size == pytest.approx(spread, rel=0.02), values
    uniform = scipy.stats.uniform(-(3**0.5) * spread, 2 * 3**0.5 * spread)
    for values, wanted in (
        ("uniform", uniform),
        ("even", uniform),
        ("normal", scipy.stats.norm(0, spread)),
    ):
        assert scipy.stats.kstest(drawn[values], wanted.cdf).pvalue > 0.01
    assert ((drawn["signed"].reshape(50, 600) > 0).sum(1) == 300).all()
    four = lp.draw_values(net, "even", levels=4, gain=2).reshape(50, 600)
    levels, counts = np.unique(four[7], return_counts=True)
    np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0], rtol=1e-5)
    assert counts.tolist() == [150] * 4
    assert (four**2).mean() == pytest.approx((2 * spread) ** 2, rel=1e-4)
    few = lp.draw_values(net, "single", keep=0.25)
    assert few.max() == pytest.approx(2 * spread) and (few**2).mean() == pytest.approx(
        spread**2, rel=1e-3
    )


@pytest.mark.parametrize(
    "how, match",
    [
        ({"values": "he"}, "no values 'he'; there are uniform"),
        ({"keep": 50}, "keep is the fraction"),
        ({"keep": (0.5, 0.5)}, "one keep for all layers, or for each of 3"),
        ({"v": 0.1}, "v is a number but 0, for 'single'"),
        ({"values": "single", "v": 0}, "v is a number but 0"),
        ({"levels": 4}, "2 or more levels, for 'even'"),
        ({"values": "even", "levels": 1}, "2 or more levels"),
        ({"gain": 0}, "gain is a number above 0"),
        ({"gain": [1.0] * 9}, "one gain for all layers, or for each of"),
        ({"k": 0}, "a synchronisation every 1 step or more"),
        ({"pace": "slow"}, "no pace 'slow'"),
        ({"scope": "net"}, "no scope 'net'"),
        ({"vectors": "free"}, "no vectors 'free'"),
        ({"seed": -1}, "a seed is a whole number"),
    ],
)
def test_what_laperm_refuses(how, match):
    with pytest.raises(ValueError, match=match):
        LaPerm(NET, **how)


# ----------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize("how", [{"k": 5}, {"k": None}, {"k": 4, "pace": "rate"}])
def test_each_neurons_values_never_change(engine, how):
    with use(engine):
        for values in ("uniform", "single"):
            few = {"keep": 0.4, "gain": 0.2} if values == "single" else {}
            g = LaPerm(NET, values=values, seed=2, **few, **how)
            phi = train(g)
            theta = apply(g, backend().to_numpy(phi.data))
            assert (theta != g.theta0).mean() > 0.2
            for got, first in zip(rows(NET, theta), rows(NET, g.theta0), strict=True):
                np.testing.assert_array_equal(np.sort(got), np.sort(first))


def test_only_due_steps_synchronise_and_the_copy_is_free_between():
    seen: list = []
    g = LaPerm(NET, k=5, seed=1)
    phi = train(g, steps=12, watch=seen)
    for step, (before, after) in enumerate(seen, 1):
        if step % 5:
            assert (before == after).all()
            assert (before != g.arrangement(before)).mean() > 0.9
        else:
            np.testing.assert_array_equal(after, g.arrangement(before))
            assert (before != after).mean() > 0.9
    assert g.count == 2
    assert not (apply(g, phi.numpy()) == phi.numpy()).all()  # two steps since
    assert g.init(0).tolist() == g.theta0.tolist() and g.count == 0
    train(g, steps=4)
    assert g.count == 0  # init starts the count again


def test_a_step_between_is_that_of_plain_training():
    """With k beyond the end the copy moves as any weights do."""
    g = LaPerm(NET, k=100, values="own", seed=3)
    plain = Tensor(NET.init(3), requires_grad=True)
    mover = SGD(plain, 0.1, momentum=0.9)
    for _ in range(6):
        cross_entropy(NET(plain, IMAGES), LABELS).backward()
        mover.step()
    copy = train(g, steps=6, mover=lambda phi, lr: SGD(phi, 0.1, momentum=0.9))
    np.testing.assert_allclose(copy.numpy(), plain.numpy(), rtol=1e-6)


def test_periods_grow_as_the_rate_falls():
    g = LaPerm(NET, k=4, pace="rate")
    phi, mover = Tensor(g.init(0), requires_grad=True), None
    for _ in range(2):  # again after init, as if for the first time
        mover, due = Adam(phi, 1.0), []
        g.init(0)
        for step in range(1, 41):
            mover.lr = 1.0 if step <= 8 else 0.25
            count = g.count
            g.after_step(phi, mover)
            due += [step] * (g.count > count)
        assert due == [4, 8, 24, 40]


def test_the_straight_copy_is_not_brought_back():
    g = LaPerm(NET, k=None, seed=1)
    phi = Tensor(g.theta0 + RNG.normal(size=D).astype(np.float32), requires_grad=True)
    theta = g(phi, train=True)
    np.testing.assert_array_equal(theta.numpy(), g.arrangement(phi))
    (theta * np.arange(D, dtype=np.float32)).sum().backward()
    np.testing.assert_array_equal(phi.grad, np.arange(D))
    before = phi.numpy().copy()
    g.after_step(phi, Adam(phi, 0.1))
    assert (phi.numpy() == before).all() and g.count == 0


def test_a_layer_as_one_row_changes_a_neurons_values():
    g = LaPerm(NET, k=4, scope="layer", seed=1)
    theta = apply(g, train(g).numpy())
    for got, first in zip(rows(NET, theta), rows(NET, g.theta0), strict=True):
        np.testing.assert_array_equal(np.sort(got.ravel()), np.sort(first.ravel()))
        assert (np.sort(got) != np.sort(first)).any(1).all()
    assert g.bits() > LaPerm(NET, seed=1).bits()


def test_vectors_stay_or_are_trained():
    for vectors in lp.VECTORS:
        g = LaPerm(BIASED, k=4, vectors=vectors, seed=1)
        phi = train(g)
        bias = BIASED.layout.views(apply(g, phi.numpy()))["dense1.bias"]
        assert bias.any() == (vectors == "trained")
        in_training = BIASED.layout.views(g(phi, train=True).numpy())["dense1.bias"]
        np.testing.assert_array_equal(in_training, bias)


def test_filters_are_rows():
    net = conv2(size=8, bias=False)
    g = LaPerm(net, values="uniform", seed=1)
    phi = RNG.normal(size=net.layout.size).astype(np.float32)
    theta = net.layout.views(apply(g, phi))
    for name, first in net.layout.views(g.theta0).items():
        for got, own in zip(theta[name], first, strict=True):
            np.testing.assert_array_equal(np.sort(got.ravel()), np.sort(own.ravel()))


def test_permuting_alone_learns_digits():
    data, net = load("mnist").take(2000, 1000), mlp(784, 64, 10, bias=False)
    done = fit(net, LaPerm(net, k=10), data, lr=1e-2, epochs=6)
    assert done.test_accuracy > 0.8
    shuffled = lp.shuffled_rows(net, done.theta, seed=0)
    assert accuracy(net, shuffled, data.test_x, data.test_y) < 0.3
    fresh = lp.arranged(net, lp.draw_values(net, "normal", seed=5), done.theta)
    assert accuracy(net, fresh, data.test_x, data.test_y) > 0.6


def test_nan_has_no_rank():
    g = LaPerm(NET)
    with pytest.raises(ValueError, match="not a number: it has no rank"):
        g.arrangement(np.full(D, np.nan))
    for call in (g.arrangement, lambda phi: apply(g, phi)):
        with pytest.raises(ValueError, match="this layout holds"):
            call(np.zeros(D + 1))


# ----------------------------------------------------------------------------
# Pinning
# ----------------------------------------------------------------------------


@quick
@given(seeds, st.floats(0, 2))
def test_pinned_pairs_stay_in_order_however_weights_move(seed, reach):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=12), 1)
    copy = values + rng.choice([-1, 1, 0.5], 12) * reach
    after = lp.rank_match(values, copy)
    assert not (lp.traded(values, after) & lp.pinned(values, reach + 1e-9)).any()
    assert np.abs(after - values).max() <= 2 * reach + 1e-9
    count = lp.pinned(values, reach)[np.triu_indices(12, 1)].mean()
    assert lp.pinned_fraction(values, reach) == pytest.approx(count, abs=0.05)


def test_the_pinned_fraction_counts_pairs():
    values = RNG.normal(size=(4, 30))
    wanted = np.mean([lp.pinned(row, 0.4)[np.triu_indices(30, 1)] for row in values])
    assert lp.pinned_fraction(values, 0.4) == pytest.approx(wanted)
    assert (
        lp.pinned_fraction(values, 100) == 0 and lp.pinned_fraction(values[:1], 0) == 1
    )


def test_the_bound_is_twice_the_reach_and_is_met():
    values = np.array([0.0, 0.2])
    assert not lp.pinned(values, 0.1).any() and lp.pinned(values, 0.0999).any()
    assert (lp.rank_match(values, values + [0.11, -0.11]) == [0.2, 0.0]).all()
    assert (lp.rank_match(values, values + [0.09, -0.09]) == values).all()


def test_no_gradients_take_adam_beyond_its_bound():
    """The worst there are: each (beta1 / beta2)^i, which make the inequality equal."""
    bound = lp.adam_reach(1, 1.0, betas=(0.9, 0.999))
    assert bound == pytest.approx(0.1 / math.sqrt(0.001 * (1 - 0.81 / 0.999)))
    growing = (0.999 / 0.9) ** np.arange(-60.0, 1)
    series = [np.r_[np.full(900, 1e-20), growing], np.r_[np.zeros(900), 1, 0, 0]]
    series += [RNG.normal(size=400), np.ones(50)]
    for grads in series:
        phi, sizes = Tensor([0.0], requires_grad=True), []
        mover, last = Adam(phi, 1.0, eps=1e-30), 0.0
        for g in grads:
            (phi * float(g)).sum().backward()
            mover.step()
            sizes.append(abs(phi.item() - last))
            last = phi.item()
        assert max(sizes) <= bound * (1 + 1e-4)
        if len(grads) > 950:
            assert max(sizes) > 0.7 * bound
    assert lp.adam_reach(7, 0.1) == pytest.approx(0.7)


@pytest.mark.parametrize("v, k, moves", [(0.3, 20, False), (0.3, 60, True)])
def test_two_values_trade_once_twice_the_reach_is_more_than_their_gap(v, k, moves):
    """2 k lr = 0.12 and 0.36, with the same gradients in every step."""
    g = LaPerm(mlp(20, 4, bias=False), k=k, values="single", keep=0.5, v=v)
    lr, phi = 3e-3, Tensor(g.init(0), requires_grad=True)
    mover = Adam(phi, lr)
    push = np.where(np.arange(80) % 2, 1.0, -1.0).astype(np.float32)
    for _ in range(k):
        (g(phi, train=True) * push).sum().backward()
        mover.step()
        g.after_step(phi, mover)
    assert (phi.numpy() != g.theta0).any() == moves
    assert lp.pinned(np.array([0, v]), lp.adam_reach(k, lr)).any() != moves


# ----------------------------------------------------------------------------
# Location, value, profiles
# ----------------------------------------------------------------------------


def test_locations_and_values_come_apart():
    trained, other = RNG.normal(size=(2, D))
    fresh = lp.arranged(NET, other, trained)
    shuffled = lp.shuffled_rows(NET, trained, seed=1)
    for new, values, order in zip(
        rows(NET, fresh), rows(NET, other), rows(NET, trained), strict=True
    ):
        np.testing.assert_array_equal(np.sort(new), np.sort(values))
        np.testing.assert_array_equal(new.argsort(1), order.argsort(1))
    for new, values in zip(rows(NET, shuffled), rows(NET, trained), strict=True):
        np.testing.assert_array_equal(np.sort(new), np.sort(values))
        correlations = [scipy.stats.spearmanr(*pair)[0] for pair in zip(new, values)]  # noqa: B905
        assert abs(np.mean(correlations)) < 0.4
    assert (lp.arranged(NET, trained, trained) == trained).all()


def test_profiles_are_sorted_rows():
    theta = RNG.normal(size=D)
    for got, w in zip(lp.profiles(NET, theta).values(), rows(NET, theta), strict=True):
        np.testing.assert_array_equal(got, np.sort(w))
    scaled = np.outer([1, 2, 3, 4], np.linspace(-1, 1, 9))
    spread = np.linspace(-1, 1, 9).std()
    want = np.sqrt(1.25) * spread / (2.5 * spread)
    assert lp.apart(scaled) == pytest.approx(want)
    assert lp.apart(np.sort(RNG.normal(size=(50, 5000)))) < 0.05


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def solutions():
    hyper = Hypernetwork(NET, ["dense1.weight"], n=3, tile=(10, 8), seed=6)
    found = [
        *(LaPerm(NET, k=5, values=name, keep=0.6, seed=1) for name in lp.VALUES),
        LaPerm(NET, k=5, seed=2),
        LaPerm(NET, k=None, values="single", keep=(0.1, 0.5, 1), v=0.3, seed=3),
        LaPerm(NET, k=5, values="even", levels=3, gain=0.7, seed=3),
        LaPerm(NET, k=5, gain=[0.7, 1.0, 2.0], keep=[0.5, 1.0, 0.3], seed=3),
        LaPerm(NET, k=5, scope="layer", seed=4),
        LaPerm(BIASED, k=5, seed=4),
        LaPerm(BIASED, k=5, vectors="trained", values="normal", seed=5),
        LaPerm(hyper, k=5, values="own", seed=6),
        Subspace(LaPerm(NET, k=None, seed=8), d=30, seed=8),
    ]
    return [(g, train(g).numpy()) for g in found]


SOLUTIONS = solutions()


def test_the_receiver_has_exactly_the_senders_weights():
    for g, phi in SOLUTIONS:
        if not isinstance(g, LaPerm) or g.vectors == "trained":
            continue
        theta, state = decode(g.message(phi), g.net)
        assert state is None and theta.dtype == np.float32
        np.testing.assert_array_equal(theta, apply(g, phi))
        assert g.message(phi, bits=1) == g.message(phi, bits=16)
        back, rest = LaPerm.from_spec(g.spec() + b"more", g.target)
        assert rest == b"more" and (back.theta0 == g.theta0).all()
        assert (back.values, back.keep, back.v) == (g.values, g.keep, g.v)
        got = back.from_payload(g.payload(phi, 8))
        np.testing.assert_array_equal(got, g.arrangement(phi))


def test_trained_vectors_are_rounded():
    for g, phi in SOLUTIONS:
        if isinstance(g, LaPerm) and g.vectors == "trained":
            exact = apply(g, phi)
            far = [
                np.abs(decode(g.message(phi, bits=b), g.net)[0] - exact).max()
                for b in (4, 8, 16)
            ]
            assert 0 < far[2] < far[1] / 50 < far[0] / 500
            theta, _ = decode(g.message(phi, bits=4), g.net)
            for got, want in zip(rows(BIASED, theta), rows(BIASED, exact), strict=True):
                np.testing.assert_array_equal(got, want)


def test_a_message_costs_the_bits_of_its_arrangements():
    net = mlp(784, 30, 10, bias=False)
    for how in ({}, {"values": "single", "keep": 0.1}, {"values": "even", "levels": 4}):
        g = LaPerm(net, seed=1, **how)
        message = g.message(RNG.normal(size=net.layout.size))
        assert g.bits() / 8 - 2 <= len(message) <= g.bits() / 8 + 35
    paper = LaPerm(mlp(784, 10, bias=False), values="single", keep=4 / 7, v=0.08)
    assert 960 < len(paper.message(RNG.normal(size=7840))) < 990


def test_a_fresh_process_decodes_the_same_bytes():
    decode_alike([(g.net, g.message(phi, bits=6)) for g, phi in SOLUTIONS], IMAGES)


def test_a_damaged_message_is_refused():
    for g, phi in SOLUTIONS[::4]:
        for each in damaged(g.message(phi), every=29):
            with pytest.raises(ValueError, match="bytes are not a message for mlp-20-"):
                decode(each, g.net)


# ----------------------------------------------------------------------------
# A curve
# ----------------------------------------------------------------------------


def test_hinges_are_what_they_say():
    net, theta = lp.curve_net(3), RNG.normal(size=6).astype(np.float32)
    x = np.linspace(0, 1, 11, dtype=np.float32)
    places = (np.arange(3) + 0.5) / 3
    want = sum(
        theta[i] * np.maximum(x - b, 0) + theta[3 + i] * np.maximum(b - x, 0)
        for i, b in enumerate(places)
    )
    np.testing.assert_allclose(net(theta, x[:, None]).numpy()[:, 0], want, atol=1e-6)
    with pytest.raises(ValueError, match="hinges at 1 place or more"):
        lp.curve_net(0)


def test_a_curve_is_fitted_by_permuting_alone():
    x = np.linspace(0, 1, 60)
    y = np.sin(2 * np.pi * x)
    g = LaPerm(lp.curve_net(80), k=5, values="even", gain=2, seed=1)
    done = lp.fit_curve(g, x, y, lr=0.03, steps=1200)
    assert (np.sort(done.theta) == np.sort(g.theta0)).all()
    assert (done.theta != g.theta0).mean() > 0.5
    assert done.largest < 0.2 and done.squared[-1] < 0.05 * done.squared[0]
    with pytest.raises(ValueError, match="two vectors of one length"):
        lp.fit_curve(g, x, y[:5], lr=0.1, steps=1)
