"""Pruning: masks, the ticket's controls, the parametrization, and its message."""

import math

import numpy as np
import pytest
import scipy.stats
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from messages import damaged, decode_alike

from minitorch import Tensor
from minitorch.data import load
from minitorch.functional import cross_entropy
from minitorch.init import xavier_normal
from minitorch.models import bn_mlp, lenet, lenet_300_100, mlp
from minitorch.nn import Layout
from minitorch.optim import SGD, Adam, AdamW
from minitorch.train import accuracy, fit, predict
from minitorch.watch import Watched
from minitorch.weird import Dense, Hypernetwork, Masked, Subspace, apply, decode
from minitorch.weird import pruning as pr

quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)
NET = mlp(20, 16, 12, 4)
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(60, 20)).astype(np.float32)
LABELS = RNG.integers(0, 4, 60)
keeps = st.floats(0, 1)


def counts(net, mask):
    """How many of each matrix's or kernel's weights a mask keeps."""
    views = net.layout.views(mask)
    return {name: int(views[name].sum()) for name in pr.prunable(net)}


def train(g, steps=20, optimiser=Adam, **how):
    """A few steps from g's start; gives phi, a tensor."""
    phi = Tensor(g.init(0), requires_grad=True)
    mover = optimiser(phi, 0.01, **how)
    for _ in range(steps):
        logits, _ = g.net(g(phi, train=True), IMAGES, train=True)
        cross_entropy(logits, LABELS).backward()
        mover.step()
        g.after_step(phi, mover)
    return phi


TRAINED = train(Dense(NET)).numpy()
MASK = pr.layer_masks(NET, TRAINED, 0.2, output=0.5)


# ----------------------------------------------------------------------------
# Masks
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "n, keep, want",
    [(10, 0.3, 3), (10, 0.25, 3), (10, 0.24, 2), (10, 0, 0), (10, 1, 10), (0, 0.5, 0)]
    + [(235_200, 0.08, 18_816), (30_000, 0.09, 2700), (1000, 0.26, 260)],  # Han's
)
def test_how_many_are_kept(n, keep, want):
    assert pr.kept_count(n, keep) == want
    assert pr.magnitude_mask(np.arange(n), keep).sum() == want


@pytest.mark.parametrize("keep", [-0.1, 1.01, 80, math.nan, math.inf])
def test_a_fraction_is_from_0_to_1(keep):
    w = np.arange(6.0)
    for call in (
        lambda: pr.kept_count(6, keep),
        lambda: pr.magnitude_mask(w, keep),
        lambda: pr.prune_step(w, w > 2, keep),
        lambda: pr.quality(w, keep),
        lambda: pr.message_bytes(6, keep),
        lambda: pr.layer_masks(NET, TRAINED, keep),
        lambda: pr.layer_masks(NET, TRAINED, 0.5, output=keep),
    ):
        with pytest.raises(ValueError, match="keep is the fraction .* that stay, 0 to"):
            call()


arrays = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=6), elements=st.integers(-4, 4)
)


@quick
@given(arrays, keeps, keeps)
def test_masks_are_exact_stable_and_nested(w, keep, again):
    mask = pr.magnitude_mask(w, keep)
    assert mask.shape == w.shape and mask.dtype == bool
    assert mask.sum() == math.floor(keep * w.size + 0.5)
    # What stays is ahead of what goes: larger, or as large and earlier.
    place = np.arange(w.size).reshape(w.shape)
    rank = list(zip(-np.abs(w[mask]), place[mask], strict=True))
    gone = list(zip(-np.abs(w[~mask]), place[~mask], strict=True))
    assert not rank or not gone or max(rank) < min(gone)
    later = pr.prune_step(w, mask, again)
    assert not (later & ~mask).any()
    assert later.sum() == math.floor(again * mask.sum() + 0.5)
    np.testing.assert_array_equal(
        later[mask], pr.magnitude_mask(w[mask].reshape(-1), again)
    )


def test_pruned_weights_stay_pruned_however_large():
    w, mask = np.array([9.0, 1, 2, 8]), np.array([False, True, True, False])
    assert pr.prune_step(w, mask, 0.5).tolist() == [False, False, True, False]
    w[0] = np.nan  # what is gone need not be a number
    assert pr.prune_step(w, mask, 0.5).tolist() == [False, False, True, False]


@pytest.mark.parametrize("amount", [0.2, 0.5, 0.91])
def test_masks_are_torchs(amount):
    torch = pytest.importorskip("torch")
    prune = pytest.importorskip("torch.nn.utils.prune")
    torch.manual_seed(0)
    layers = [torch.nn.Linear(20, 16), torch.nn.Linear(16, 12), torch.nn.Linear(12, 4)]
    theta = torch.cat([p.detach().reshape(-1) for m in layers for p in m.parameters()])
    theta = theta.numpy().copy()
    masks = [None, None]
    for _ in range(3):  # torch, too, takes its share of those that are left
        masks[0] = pr.layer_masks(NET, theta, 1 - amount, mask=masks[0])
        for layer in layers:
            prune.l1_unstructured(layer, "weight", amount)
        ours = NET.layout.views(masks[0])
        for i, layer in enumerate(layers, 1):
            want = layer.weight_mask.bool().numpy()
            # Rounding: how many stay may differ by one, which stay may not.
            assert abs(int(want.sum()) - int(ours[f"dense{i}.weight"].sum())) <= 1
            assert (want != ours[f"dense{i}.weight"]).sum() <= 1
            masks[0][NET.layout.slices[f"dense{i}.weight"]] = want.reshape(-1)
    for layer in layers:
        prune.remove(layer, "weight")
    with torch.no_grad():
        for i, layer in enumerate(layers, 1):
            layer.weight[:] = torch.from_numpy(
                NET.layout.views(theta)[f"dense{i}.weight"]
            )
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=amount
    )
    ours = NET.layout.views(pr.layer_masks(NET, theta, 1 - amount, scope="global"))
    off = sum(
        int((layer.weight_mask.bool().numpy() != ours[f"dense{i}.weight"]).sum())
        for i, layer in enumerate(layers, 1)
    )
    assert off <= 1


def test_vectors_are_kept_whole():
    for net in (NET, bn_mlp(6, 5, 4), lenet()):
        for scope in pr.SCOPES:
            mask = pr.layer_masks(net, net.init(0), 0, scope=scope)
            for piece in net.layout.views(mask).values():
                assert piece.all() if piece.ndim == 1 else not piece.any()


def test_the_last_layer_by_itself():
    sizes = {"dense1.weight": 320, "dense2.weight": 192, "dense3.weight": 48}
    for keep, output in ((0.2, 0.5), (0.8, 0.9)):
        mask = pr.layer_masks(NET, TRAINED, keep, output=output)
        want = {name: pr.kept_count(n, keep) for name, n in sizes.items()}
        assert counts(NET, mask) == {**want, "dense3.weight": round(48 * output)}
    mask = pr.layer_masks(NET, TRAINED, 0.1, scope="global", output=0.5)
    got = counts(NET, mask)
    assert got["dense3.weight"] == 24
    assert got["dense1.weight"] + got["dense2.weight"] == pr.kept_count(512, 0.1)
    alone = mlp(4, 3)
    assert counts(alone, pr.layer_masks(alone, alone.init(0), 0.1, output=1)) == {
        "dense1.weight": 12
    }


def test_a_global_mask_is_one_threshold():
    theta = TRAINED * 1.0
    theta[NET.layout.slices["dense1.weight"]] *= 100
    mask = pr.layer_masks(NET, theta, 0.4, scope="global")
    assert counts(NET, mask) == {
        "dense1.weight": 224,
        "dense2.weight": 0,
        "dense3.weight": 0,
    }


def test_rounds_of_pruning_follow_the_chain_of_counts():
    """The paper's ladder: 20 % a round, 10 % of the last layer."""
    net = lenet_300_100(bias=False)
    theta, mask = net.init(0), np.ones(net.layout.size, bool)
    want = counts(net, mask)
    for _ in range(5):
        new = pr.layer_masks(net, theta, 0.8, mask=mask, output=0.9)
        assert not (new & ~mask).any()
        mask = new
        for name in want:
            rate = 0.9 if name == "dense3.weight" else 0.8
            want[name] = math.floor(rate * want[name] + 0.5)
        assert counts(net, mask) == want
    assert mask.mean() == pytest.approx(0.8**5, rel=0.01)


def test_masks_of_a_layout_and_of_a_map():
    by_net = pr.layer_masks(NET, TRAINED, 0.3)
    np.testing.assert_array_equal(pr.layer_masks(NET.layout, TRAINED, 0.3), by_net)
    np.testing.assert_array_equal(pr.layer_masks(Dense(NET), TRAINED, 0.3), by_net)


def test_old_masks_and_weights_are_left_alone():
    theta, old = TRAINED.copy(), MASK.copy()
    pr.layer_masks(NET, theta, 0.5, mask=old)
    pr.layer_masks(NET, theta, 0.5, mask=old, scope="global")
    pr.shuffled(NET, old, 0)
    pr.signed_constant(NET, theta)
    Masked(NET, old, start=theta).init(0)[:] = 7
    assert (theta == TRAINED).all() and (old == MASK).all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: pr.layer_masks(NET, TRAINED[1:], 0.5), "holds 592 numbers"),
        (lambda: pr.layer_masks(NET, TRAINED, 0.5, mask=MASK[1:]), r"shape \(592,\)"),
        (lambda: pr.layer_masks(NET, TRAINED, 0.5, scope="all"), "layer, global"),
        (lambda: pr.layer_masks(NET, TRAINED * np.nan, 0.5), "not a number"),
        (lambda: pr.prune_step(np.ones(3), np.ones(3), 0.5), "got float64 of shape"),
        (lambda: pr.prune_step(np.ones(3), [True] * 3, 0.5), "got list"),
        (lambda: pr.prune_step(np.ones(3), np.ones(2, bool), 0.5), r"shape \(2,\)"),
        (lambda: pr.magnitude_mask(np.array([1, np.nan]), 0.5), "not a number"),
        (lambda: pr.shuffled(NET, MASK[1:], 0), r"shape \(592,\)"),
        (lambda: pr.signed_constant(NET, TRAINED[1:]), "holds 592 numbers"),
        (lambda: pr.fresh_same_signs(NET, TRAINED[1:], 0), "holds 592 numbers"),
        (lambda: Masked(NET, MASK[1:]), r"a mask of booleans of shape \(592,\)"),
        (lambda: Masked(NET, MASK * 1.0), "got float64"),
        (lambda: Masked(NET, MASK, start=TRAINED[1:]), "holds 592 numbers"),
        (lambda: pr.quality(np.ones(4), 0.5), "all equal"),
        (lambda: pr.quality(np.ones(0), 0.5), "all equal"),
        (lambda: pr.pixel_counts(np.ones((3, 8), bool)), r"got \(3, 8\)"),
        (lambda: pr.pixel_counts(np.ones(9, bool)), r"got \(9,\)"),
        (lambda: pr.message_bytes(9, 0.5, form="zip"), "dense, bitmask, csr, entropy"),
        (lambda: pr.message_bytes(-1, 0.5), "0 or more weights, got -1"),
        (
            lambda: pr.barrier(NET, TRAINED, TRAINED[1:], IMAGES, LABELS),
            "holds 592 numbers",
        ),
        (
            lambda: pr.line_errors(NET, TRAINED, TRAINED, IMAGES, LABELS, points=1),
            "2 points or more, got 1",
        ),
        (lambda: Watched(Dense(NET), NET, load("mnist"), every=0), "1 step or more"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# ----------------------------------------------------------------------------
# Han's threshold, pixels and bytes
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.01, 0.08, 0.26, 0.5, 0.9, 1.0])
def test_quality_keeps_what_was_asked_for(keep):
    rng = np.random.default_rng(3)
    layers = rng.normal(size=5000), rng.uniform(-1, 1, 5000), rng.laplace(size=999)
    two_humps = rng.choice([-1, 1], 4000) * rng.normal(1, 0.1, 4000)
    for w in (*layers, two_humps):
        q = pr.quality(w, keep)
        assert (np.abs(w) > q * w.std()).sum() == pr.kept_count(len(w), keep)
        small = w.astype(np.float32)
        q = pr.quality(small, keep)
        kept = (np.abs(small) > q * small.std()).sum()
        assert abs(kept - pr.kept_count(len(w), keep)) <= 1
    assert not (np.abs(w) > pr.quality(w, 0) * w.std()).any()


def test_quality_of_normal_weights_is_a_quantile():
    w = np.random.default_rng(0).normal(size=200_000)
    for keep in (0.08, 0.26):
        want = scipy.stats.norm.isf(keep / 2)
        assert pr.quality(w, keep) == pytest.approx(want, rel=0.01)


def test_pixels_are_counted_over_units():
    mask = np.random.default_rng(0).random((300, 784)) < 0.08
    got = pr.pixel_counts(mask)
    want = [[mask[:, 28 * i + j].sum() for j in range(28)] for i in range(28)]
    np.testing.assert_array_equal(got, want)


def test_bytes_are_those_of_the_published_networks():
    """12, 9 and 13 times fewer weights; the same times fewer bytes only without places.

    Han et al. (2015), table 1: 267K -> 22K, 431K -> 36K, 61M -> 6.7M, 138M -> 10.3M.
    """
    for n, kept, times in (
        (267e3, 22e3, 12),
        (431e3, 36e3, 12),
        (61e6, 6.7e6, 9),
        (138e6, 10.3e6, 13),
    ):
        full, keep = pr.message_bytes(int(n), 1), kept / n
        assert full == 4 * n
        assert round(full / (4 * kept)) == times
        sizes = [
            pr.message_bytes(int(n), keep, form=form)
            for form in ("dense", "csr", "bitmask", "entropy")
        ]
        assert sizes[0] == full
        assert sizes[1] == pytest.approx(6 * kept, rel=1e-3)  # 4 bytes and 2
        assert sizes[2] == pytest.approx(4 * kept + n / 8)
        bits = scipy.stats.entropy([keep, 1 - keep], base=2)
        assert sizes[3] == pytest.approx(4 * kept + n * bits / 8, rel=1e-6)
        assert min(sizes) == sizes[3] > 4 * kept


def test_indices_of_few_bits_need_zeros_on_the_way():
    """Counted against masks of random places, a zero for each 2**b skipped."""
    n, keep, b = 200_000, 0.02, 5
    stored = []
    for seed in range(5):
        mask = np.random.default_rng(seed).permutation(n) < pr.kept_count(n, keep)
        skipped = np.diff(np.flatnonzero(mask), prepend=-1) - 1
        stored.append(mask.sum() + (skipped // 2**b).sum())
    got = pr.message_bytes(n, keep, 8, "csr", index_bits=b) * 8 / (8 + b)
    assert got == pytest.approx(np.mean(stored), rel=0.01)
    assert got > 1.9 * keep * n


def test_where_a_bitmask_begins_to_pay():
    """A 16-bit index for each weight kept is a bit for each place at keep = 1/16."""
    n = 160_000
    for keep, better in ((0.05, "csr"), (0.07, "bitmask")):
        sizes = {f: pr.message_bytes(n, keep, form=f) for f in ("csr", "bitmask")}
        assert min(sizes, key=sizes.__getitem__) == better
    even = [pr.message_bytes(n, 1 / 16, form=f) for f in ("csr", "bitmask")]
    assert even[0] == pytest.approx(even[1])


# ----------------------------------------------------------------------------
# Controls
# ----------------------------------------------------------------------------


def test_shuffled_masks_keep_the_counts_of_each_layer():
    one, same, other = (pr.shuffled(NET, MASK, seed) for seed in (1, 1, 2))
    assert counts(NET, one) == counts(NET, other) == counts(NET, MASK)
    assert (one == same).all() and (one != other).any() and (one != MASK).any()
    for name, piece in NET.layout.views(one).items():
        assert name in pr.prunable(NET) or piece.all()


def test_shuffling_reaches_all_places_alike():
    net = mlp(6, 5, bias=False)
    mask = np.arange(30) < 6
    hits = sum(pr.shuffled(net, mask, seed).astype(int) for seed in range(2000))
    assert scipy.stats.chisquare(hits).pvalue > 1e-3


def test_a_fresh_start_is_another_of_the_same_kind():
    net = lenet_300_100(bias=False)
    theta0 = net.init(0)
    new, signed = pr.fresh(net, 0), pr.fresh_same_signs(net, theta0, 0)
    pieces = [net.layout.views(each) for each in (theta0, new, signed)]
    for name in net.layout.shapes:
        a, b, c = (piece[name].reshape(-1) for piece in pieces)
        assert scipy.stats.ks_2samp(a, b).pvalue > 1e-3
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))
        assert abs((np.sign(a) == np.sign(b)).mean() - 0.5) < 3 / np.sqrt(len(a))
        assert (np.sign(a) == np.sign(c)).all()
        np.testing.assert_array_equal(np.abs(b), np.abs(c))
    assert new.tobytes() == pr.fresh(net, 0).tobytes() != pr.fresh(net, 1).tobytes()


def test_a_signed_constant_has_one_size_for_each_layer():
    theta0 = lenet().init(3)
    theta0[-10:] = np.arange(10)  # a bias that is not 0
    new = lenet().layout.views(pr.signed_constant(lenet(), theta0))
    for name, old in lenet().layout.views(theta0).items():
        if old.ndim == 1:
            np.testing.assert_array_equal(new[name], old)
        else:
            assert (np.sign(new[name]) == np.sign(old)).all()
            np.testing.assert_allclose(np.abs(new[name]), np.std(old), rtol=1e-5)
    assert pr.signed_constant(lenet(), theta0).dtype == np.float32


@pytest.mark.parametrize("engine", BACKENDS)
def test_snip_is_the_gradient_that_torch_gives(engine):
    torch = pytest.importorskip("torch")
    theta = NET.init(5)
    pieces = {
        name: torch.tensor(np.array(piece), requires_grad=True)
        for name, piece in NET.layout.views(theta).items()
    }
    x = torch.from_numpy(IMAGES)
    for i in (1, 2, 3):
        x = x @ pieces[f"dense{i}.weight"].T + pieces[f"dense{i}.bias"]
        x = x.relu() if i < 3 else x
    torch.nn.functional.cross_entropy(x, torch.from_numpy(LABELS)).backward()
    want = [
        (piece.grad * piece).abs().detach().reshape(-1) for piece in pieces.values()
    ]
    with use(engine):
        got = pr.snip_scores(NET, theta, IMAGES, LABELS)
    np.testing.assert_allclose(got, torch.cat(want).numpy(), atol=1e-6)


def test_snip_takes_a_network_with_batch_norm():
    net = bn_mlp(20, 8, 4)
    scores = pr.snip_scores(net, net.init(0), IMAGES, LABELS)
    assert scores.shape == (net.layout.size,) and (scores >= 0).all() and scores.any()


def test_errors_on_a_line():
    """Two ways to give the label, by swapped units, and nothing halfway."""
    net = mlp(1, 2, 2, bias=False)
    a = np.array([1, 0, 1, 0, 0, 0], np.float32)  # unit 1 speaks for class 0
    b = np.array([0, 1, 0, 1, 0, 0], np.float32)  # unit 2 does
    c = np.array([0, 1, 0, -3, 0, 0], np.float32)  # unit 2 speaks against it
    x, y = np.ones((8, 1), np.float32), np.zeros(8, int)
    assert pr.line_errors(net, a, b, x, y, points=5).tolist() == [0] * 5
    # The logit of class 0 on the way from a to c: (1 - t)^2 - 3 t^2.
    want = [float((1 - t) ** 2 < 3 * t**2) for t in np.linspace(0, 1, 11)]
    assert pr.line_errors(net, a, c, x, y, points=11).tolist() == want
    assert pr.barrier(net, a, c, x, y, points=11) == 0.5
    assert pr.barrier(net, a, a, x, y) == pr.barrier(net, c, c, x, y) == 0


def test_the_barrier_of_swapped_units():
    """The same function with its units in another order is not connected to itself."""
    data = load("mnist").take(2000, 500)
    net = mlp(784, 30, 10)
    done = fit(net, Dense(net), data, lr=3e-3, batch=100, epochs=5)
    other = done.theta.copy()
    old, new = net.layout.views(done.theta), net.layout.views(other)
    order = np.random.default_rng(0).permutation(30)
    for name in ("dense1.weight", "dense1.bias"):
        new[name][...] = old[name][order]
    new["dense2.weight"][...] = old["dense2.weight"][:, order]
    x, y = data.test_x, data.test_y
    ends = [accuracy(net, theta, x, y) for theta in (done.theta, other)]
    assert ends[0] == pytest.approx(ends[1], abs=0.003)
    errors = pr.line_errors(net, done.theta, other, x, y, points=5)
    np.testing.assert_allclose([1 - errors[0], 1 - errors[-1]], ends)
    halfway = 1 - accuracy(net, (done.theta + other) / 2, x, y)
    assert errors[2] == pytest.approx(halfway, abs=0.003)
    height = pr.barrier(net, done.theta, other, x, y, points=5)
    assert height == pytest.approx(errors.max() - 1 + np.mean(ends)) and height > 0.05


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


def kinds():
    return [
        Masked(NET, MASK, seed=1),
        Masked(NET, MASK, seed=2, frozen=True),
        Masked(NET, MASK, seed=3, start=TRAINED),
        Masked(NET, pr.shuffled(NET, MASK, 0), seed=4, start=pr.fresh(NET, 4)),
    ]


@pytest.mark.parametrize("engine", BACKENDS)
def test_theta_is_the_mask_times_phi(engine):
    phi, back = RNG.normal(size=(2, 592)).astype(np.float32)
    for g in kinds():
        with use(engine) as kernels:
            leaf = Tensor(kernels.asarray(phi), requires_grad=True)
            theta = g(leaf, train=True)
            (theta * kernels.asarray(back)).sum().backward()
            got, grad = kernels.to_numpy(theta.data), kernels.to_numpy(leaf.grad)
        rest = g.theta0 if g.frozen else np.zeros_like(phi)
        np.testing.assert_array_equal(got, np.where(g.mask, phi, rest))
        np.testing.assert_array_equal(grad, np.where(g.mask, back, 0))


def test_where_phi_starts():
    assert (Masked(NET, MASK, seed=7).init(0) == NET.init(7)).all()
    assert (Masked(NET, MASK, seed=7, start=TRAINED).init(0) == TRAINED).all()
    late = Masked(NET, MASK, seed=7, start=TRAINED, frozen=True)
    theta = apply(late, late.init(0))
    np.testing.assert_array_equal(theta, np.where(MASK, TRAINED, NET.init(7)))
    glorot = Masked(NET, MASK, start=xavier_normal(NET.layout, 0).astype(np.float64))
    assert glorot.init(0).dtype == np.float32


@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize(
    "optimiser, how",
    [(Adam, {}), (SGD, {"momentum": 0.9, "weight_decay": 0.1}), (AdamW, {})],
)
def test_nothing_revives_a_weight(optimiser, how, engine):
    """Not even an optimiser that was moving all of them: exactly 0, for good."""
    with use(engine):
        phi = Tensor(NET.init(0), requires_grad=True)
        mover = optimiser(phi, 0.01, **how)
        g, dense = Masked(NET, MASK), Dense(NET)
        start = None
        for step in range(30):
            theta = (g if step >= 15 else dense)(phi, train=True)
            if step >= 15:
                start = theta.numpy().copy() if start is None else start
                assert (theta.numpy()[~MASK] == 0).all()
            logits, _ = NET(theta, IMAGES, train=True)
            cross_entropy(logits, LABELS).backward()
            mover.step()
        theta = g(phi).numpy()
    assert (theta[~MASK] == 0).all()
    # All that are kept move, of either sign, unless their unit is dead.
    moved = theta != start
    for sign in (-1, 1):
        assert moved[MASK & (np.sign(start) == sign)].mean() > 0.95


def test_frozen_weights_stay_where_they_were_drawn():
    g = Masked(NET, MASK, seed=2, frozen=True)
    theta = apply(g, train(g).numpy())
    assert (theta[~MASK] == NET.init(2)[~MASK]).all()
    assert (theta[MASK] != NET.init(2)[MASK]).mean() > 0.95


def test_a_ticket_learns():
    data = load("mnist").take(2000, 500)
    net = lenet_300_100(bias=False)
    how = {"lr": 1.2e-3, "batch": 60, "epochs": 4}
    dense = fit(net, Dense(net), data, **how)
    mask = pr.layer_masks(net, dense.theta, 0.05, output=0.5)
    ticket = fit(net, Masked(net, mask), data, **how)
    other = fit(net, Masked(net, pr.shuffled(net, mask, 0)), data, **how)
    assert dense.test_accuracy > 0.85
    assert ticket.test_accuracy > other.test_accuracy + 0.05
    assert np.count_nonzero(ticket.theta) == mask.sum()


def test_an_empty_layer_lets_nothing_through():
    mask = np.ones(592, bool)
    mask[NET.layout.slices["dense2.weight"]] = False
    g = Masked(NET, mask)
    phi = Tensor(g.init(0), requires_grad=True)
    logits = NET(g(phi), IMAGES)
    assert (logits.numpy() == logits.numpy()[0]).all()
    cross_entropy(logits, LABELS).backward()
    grads = NET.layout.views(phi.grad)
    assert not grads["dense1.weight"].any() and not grads["dense2.weight"].any()
    assert grads["dense3.bias"].any()
    theta, _ = decode(g.message(phi), NET)
    assert (predict(NET, theta, IMAGES) == predict(NET, g(phi), IMAGES)).all()


def test_a_mask_of_nothing_and_of_all():
    none = Masked(NET, np.zeros(592, bool))
    sent = none.message(none.init(0))
    assert len(sent) < 30 and not decode(sent, NET)[0].any()
    full = Masked(NET, np.ones(592, bool), seed=5)
    np.testing.assert_array_equal(decode(full.message(TRAINED), NET)[0].shape, (592,))
    np.testing.assert_array_equal(apply(full, TRAINED), TRAINED)


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def solutions():
    """Masks of every kind, and masks above and below other maps."""
    hyper = Hypernetwork(NET, ["dense1.weight"], n=3, tile=(10, 8), seed=6)
    on_hyper = pr.layer_masks(hyper, hyper.init(0), 0.3)
    coordinates = np.arange(40) % 3 > 0
    maps = [
        *kinds(),
        Masked(hyper, on_hyper, seed=6),
        Masked(Subspace(NET, d=40, seed=8), coordinates, seed=8),
        Subspace(Masked(NET, MASK, seed=9), d=30, seed=9),
        Subspace(Masked(NET, MASK, seed=9, frozen=True), d=30, seed=10),
        Masked(Masked(NET, MASK, seed=3), np.arange(592) % 2 == 0, seed=3),
    ]
    return [(g, train(g).data) for g in maps]


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_decoded_weights_are_half_a_step_off_at_most(bits):
    for g, phi in solutions():
        theta, state = decode(g.message(phi, bits=bits), NET)
        assert state is None and theta.dtype == np.float32
        if not isinstance(g, Masked):
            continue
        back, rest = type(g).from_spec(g.spec() + b"more", g.target)
        assert rest == b"more" and (back.mask == g.mask).all()
        assert back.frozen == g.frozen and back.seed == g.seed
        got = back.from_payload(g.payload(phi, bits))
        np.testing.assert_array_equal(theta, apply(g, got))
        moved = np.abs(phi - g.theta0)[g.mask].max()
        off = np.abs(got - phi)[g.mask].max()
        assert off <= moved / 2**bits * 1.01 + 1e-6


def test_stacks_compute_what_they_say():
    hyper = Hypernetwork(NET, ["dense1.weight"], n=3, tile=(10, 8), seed=6)
    mask = pr.layer_masks(hyper, hyper.init(0), 0.3)
    phi = hyper.init(0) + 0.1
    np.testing.assert_array_equal(
        apply(Masked(hyper, mask), phi), apply(hyper, phi * mask)
    )
    g = Subspace(Masked(NET, MASK, seed=9), d=30, seed=9)
    phi = np.ones(30, np.float32)
    moved = NET.init(9) + g.P.apply(phi)
    np.testing.assert_allclose(apply(g, phi), MASK * moved, atol=1e-6)


def test_a_mask_and_its_weights_cost_their_entropy():
    """The mask n H(p) bits a layer, the weights what their codes' entropy is."""
    net = lenet_300_100(bias=False)
    theta0 = net.init(0)
    mask = pr.layer_masks(net, theta0, 0.05, output=0.2)
    change = np.random.default_rng(0).normal(size=mask.size).astype(np.float32)
    g, bits = Masked(net, mask), 0.0
    for piece in net.layout.views(mask).values():
        p = piece.mean()
        bits += piece.size * scipy.stats.entropy([p, 1 - p], base=2)
    moved = change[mask]
    step = 2 * np.abs(moved).max() / 2**5
    _, occur = np.unique(np.rint(moved / step), return_counts=True)
    bits += mask.sum() * scipy.stats.entropy(occur, base=2)
    length = len(g.message(theta0 + change, bits=5))
    assert bits / 8 < length < bits / 8 * 1.005 + 100
    assert (
        len(Masked(net, mask, frozen=True).message(theta0 + change, bits=5)) == length
    )


def test_weights_that_did_not_move_cost_nothing():
    g = Masked(NET, MASK, seed=1)
    junk = g.init(0)
    junk[~MASK] += 100  # pruned: no part of the solution
    np.testing.assert_array_equal(len(g.message(junk)), len(g.message(g.init(0))))
    np.testing.assert_array_equal(
        decode(g.message(junk), NET)[0], np.where(MASK, NET.init(1), 0)
    )


def test_a_fresh_process_decodes_the_same_bytes():
    decode_alike([(NET, g.message(phi, bits=6)) for g, phi in solutions()], IMAGES)


def test_a_damaged_message_is_refused():
    for g, phi in solutions():
        message = g.message(phi, bits=3)
        for each in damaged(message, every=23):
            with pytest.raises(ValueError, match="bytes are not a message for mlp-20-"):
                decode(each, NET)


def test_a_start_that_no_receiver_has_is_refused():
    """Alone a start is no matter: what is sent is the change from theta0."""
    g = Masked(NET, MASK, seed=3, start=TRAINED)
    theta, _ = decode(g.message(TRAINED, bits=16), NET)
    np.testing.assert_allclose(theta, MASK * TRAINED, atol=1e-4)
    below = Subspace(g, d=30)
    with pytest.raises(ValueError, match="a receiver cannot have it"):
        decode(below.message(np.ones(30)), NET)


# ----------------------------------------------------------------------------
# Learning curves
# ----------------------------------------------------------------------------


def test_watching_changes_nothing():
    data, net = load("mnist").take(1000, 300), mlp(784, 20, 10)
    how = {"lr": 1e-3, "batch": 50, "epochs": 2}
    g = Watched(Dense(net), net, data, every=15, at=(1, 40))
    alone, watched = (fit(net, each, data, **how) for each in (Dense(net), g))
    assert alone.phi.tobytes() == watched.phi.tobytes()
    assert alone.loss.tobytes() == watched.loss.tobytes()
    assert g.steps.tolist() == [1, 15, 30, 40]
    assert g.accuracy[-1] == watched.test_accuracy
    short = fit(net, Dense(net), data, **{**how, "epochs": 1})
    assert g.accuracy[0] < short.test_accuracy
    level = g.accuracy[2]
    want = int(g.steps[np.argmax(g.accuracy >= level)])
    assert g.reached(level) == want and g.reached(1.01) is None
    fit(net, g, data, **{**how, "epochs": 1})  # forgets the run before
    assert g.steps.tolist() == [1, 15]


def test_a_watched_map_does_what_its_own_does_after_a_step():
    steps = []

    class Counts(Dense):
        def after_step(self, phi, optimiser):
            steps.append(len(steps))

    data, net = load("mnist").take(200, 50), mlp(784, 5, 10)
    fit(net, Watched(Counts(net), net, data, 2), data, lr=0.1, batch=50, epochs=1)
    assert steps == [0, 1, 2, 3]


def test_each_layout_may_hold_vectors_only():
    layout = Layout({"bias": (3,)})
    assert pr.layer_masks(layout, np.ones(3), 0, output=0).all()
    assert pr.layer_masks(layout, np.ones(3), 0, scope="global").all()
