"""Supermasks: criteria, actions, gradients, scales, readings, and the message."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from messages import damaged, decode_alike

from minitorch import Tensor
from minitorch.data import load
from minitorch.functional import cross_entropy
from minitorch.init import he_normal, xavier_normal
from minitorch.init import signed_constant as signed_start
from minitorch.models import bn_mlp, conv2, lenet_300_100, mlp
from minitorch.nn import Layout
from minitorch.optim import SGD, Adam
from minitorch.train import accuracy, fit, predict
from minitorch.weird import Hypernetwork, Subspace, Supermask, apply, decode
from minitorch.weird import pruning as pr
from minitorch.weird import supermask as sm

quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)
NET = mlp(20, 16, 12, 4, bias=False)
BIASED = mlp(20, 16, 12, 4)
RNG = np.random.default_rng(0)
D = NET.layout.size
IMAGES = RNG.normal(size=(60, 20)).astype(np.float32)
LABELS = RNG.integers(0, 4, 60)
keeps = st.floats(0, 1)


def train(g, steps=10, lr=0.1, images=IMAGES):
    """A few steps from g's start; gives phi, a tensor."""
    phi, rng = Tensor(g.init(0), requires_grad=True), np.random.default_rng(1)
    mover = Adam(phi, lr)
    for _ in range(steps):
        theta = g(phi, train=True, rng=rng)
        logits, _ = g.net(theta, images, train=True)
        cross_entropy(logits, LABELS).backward()
        mover.step()
    return phi


# ----------------------------------------------------------------------------
# Criteria
# ----------------------------------------------------------------------------

BEFORE = np.array([1.0, -2.0, 3.0, -4.0, 0.0, 2.0])
AFTER = np.array([2.0, 3.0, 0.5, -1.0, 1.5, 0.0])
# The mean size is 2 before and 4 / 3 after, so alpha is 3 / 2.
TABLE = {
    "large_final": [2, 3, 0.5, 1, 1.5, 0],
    "small_final": [-2, -3, -0.5, -1, -1.5, 0],
    "large_init": [1, 2, 3, 4, 0, 2],
    "small_init": [-1, -2, -3, -4, 0, -2],
    "large_init_large_final": [1, 2, 0.75, 1.5, 0, 0],
    "small_init_small_final": [-3, -4.5, -3, -4, -2.25, -2],
    "magnitude_increase": [1, 1, -2.5, -3, 1.5, -2],
    "movement": [1, 5, 2.5, 3, 1.5, 2],
    "random": [0, 0, 0, 0, 0, 0],
    "large_final_same_sign": [2, 0, 0.5, 1, 0, 0],
    "large_final_diff_sign": [0, 3, 0, 0, 0, 0],
    "magnitude_increase_same_sign": [1, 0, 0, 0, 0, 0],
    "magnitude_increase_diff_sign": [0, 1, 0, 0, 0, 0],
}


@pytest.mark.parametrize("name", sm.CRITERIA)
def test_scores_of_criteria(name):
    np.testing.assert_allclose(sm.CRITERIA[name](BEFORE, AFTER), TABLE[name])
    assert set(TABLE) == set(sm.CRITERIA)
    nothing = np.zeros(3)
    assert np.isfinite(sm.CRITERIA[name](nothing, nothing)).all()


def test_criteria_keep_the_largest_scores_of_each_layer():
    wi, wf = RNG.normal(size=(2, BIASED.layout.size))
    for name, score in sm.CRITERIA.items():
        mask = sm.criterion_mask(BIASED, name, wi, wf, 0.3)
        parts = [BIASED.layout.views(part) for part in (mask, wi, wf)]
        for piece in BIASED.layout.shapes:
            kept, before, after = (part[piece] for part in parts)
            if kept.ndim == 1:
                assert kept.all()
                continue
            assert kept.sum() == math.floor(0.3 * kept.size + 0.5)
            scores = score(before, after)
            assert scores[kept].min() >= scores[~kept].max()
            best = np.sort(scores.reshape(-1))[::-1][: kept.sum()]
            np.testing.assert_allclose(scores[kept].sum(), best.sum())


def test_equal_scores_are_chosen_by_chance():
    layout, w = Layout({"w": (100, 100)}), np.ones(10_000)
    masks = [
        sm.criterion_mask(layout, name, w, w, 0.3, seed=seed)
        for name in ("random", "large_final", "magnitude_increase_diff_sign")
        for seed in (0, 1)
    ]
    for mask in masks:
        assert mask.sum() == 3000
        rows = mask.reshape(100, 100)
        assert rows[:50].sum() == pytest.approx(1500, abs=130)  # no block of them
    assert (masks[0] == masks[2]).all()  # the same seed
    assert (masks[0] & masks[1]).sum() == pytest.approx(900, abs=130)
    # What is not equal is not left to chance.
    w[::5] = -2
    mask = sm.criterion_mask(layout, "large_final", np.ones(10_000), w, 0.3)
    assert mask[::5].all() and mask.sum() == 3000


def test_what_criteria_refuse():
    w = np.ones(D)
    with pytest.raises(ValueError, match="no criterion 'best'; there are large_final,"):
        sm.criterion_mask(NET, "best", w, w, 0.3)
    with pytest.raises(ValueError, match="keep is the fraction"):
        sm.criterion_mask(NET, "random", w, w, 30)
    with pytest.raises(ValueError, match="this layout holds"):
        sm.criterion_mask(NET, "random", w, w[1:], 0.3)
    with pytest.raises(ValueError, match=r"some scores of dense1\.weight are not a"):
        sm.criterion_mask(NET, "movement", w, w * np.nan, 0.3)


# ----------------------------------------------------------------------------
# Actions
# ----------------------------------------------------------------------------

THETA0 = BIASED.init(0)
TRAINED = THETA0 + RNG.normal(size=THETA0.size).astype(np.float32) / 4
MASK = pr.layer_masks(BIASED, TRAINED, 0.3)


def matrices(*vectors):
    """Pieces that are masked, of each vector."""
    views = [BIASED.layout.views(vector) for vector in vectors]
    return [[view[name] for view in views] for name in pr.prunable(BIASED)]


@pytest.mark.parametrize("action", sm.ONES)
def test_where_kept_weights_start(action):
    start = sm.mask_one(action, BIASED, THETA0, TRAINED, MASK, seed=3)
    assert start.shape == THETA0.shape and start.dtype == np.float32
    again = sm.mask_one(action, BIASED, THETA0, TRAINED, MASK, seed=3)
    other = sm.mask_one(action, BIASED, THETA0, TRAINED, MASK, seed=4)
    assert (start == again).all()
    drawn = any(word in action for word in ("fresh", "reshuffled"))
    assert (start != other).any() == (drawn or action == "constant")
    for new, old, after, mask in matrices(start, THETA0, TRAINED, MASK):
        new, old, after = new[mask], old[mask], after[mask]
        if action == "rewind":
            assert (new == old).all()
        elif action == "shrunk_at_zero":
            np.testing.assert_array_equal(new, old * (np.abs(after) >= np.abs(old)))
        elif action.startswith("fresh"):
            assert not np.isin(np.abs(new), np.abs(old)).any()
        elif action.startswith("reshuffled"):
            assert (np.abs(new) != np.abs(old)).mean() > 0.8
            same = np.sort(np.abs(new)) == np.sort(np.abs(old))
            assert same.all()
            if action == "reshuffled":  # signs travel with their values
                assert (np.sort(new) == np.sort(old)).all()
        if action.endswith("same_signs"):
            assert (np.sign(new) == np.sign(old)).all()
    if action.startswith("constant"):
        for new, old in matrices(start, THETA0):
            np.testing.assert_allclose(np.abs(new), old.std(), rtol=1e-5)
    if action in ("fresh", "constant"):
        agree = np.sign(start[MASK]) == np.sign(THETA0[MASK])
        assert 0.3 < agree[THETA0[MASK] != 0].mean() < 0.7


@pytest.mark.parametrize("action", sm.ZEROS)
def test_where_dropped_weights_are(action):
    alive = sm.mask_zero(action, BIASED, THETA0, TRAINED, MASK, seed=3)
    assert alive.dtype == bool and not (alive & MASK).any()
    grown = np.abs(TRAINED) >= np.abs(THETA0)
    want = {
        "zero": np.zeros_like(MASK),
        "frozen": ~MASK,
        "frozen_grown": ~MASK & grown,
        "frozen_shrunk": ~MASK & ~grown,
    }
    if action in want:
        assert (alive == want[action]).all()
        return
    other = sm.mask_zero(action, BIASED, THETA0, TRAINED, MASK, seed=4)
    assert (alive != want["frozen_grown"]).any() and (alive != other).any()
    for new, grew in matrices(alive, want["frozen_grown"]):
        assert new.sum() == grew.sum()


def test_both_actions_hold_while_training():
    start = sm.mask_one("shrunk_at_zero", BIASED, THETA0, TRAINED, MASK)
    alive = sm.mask_zero("frozen_grown", BIASED, THETA0, TRAINED, MASK)
    g = sm.treated(BIASED, MASK, start, alive, seed=0)
    at_first = apply(g, g.init(0))
    np.testing.assert_array_equal(at_first, np.where(MASK, start, alive * THETA0))
    theta = apply(g, train(g).numpy())
    np.testing.assert_array_equal(theta[~MASK], (alive * THETA0)[~MASK])
    assert (theta[MASK] != start[MASK]).mean() > 0.9
    sent, _ = decode(g.message(g.init(0), bits=16), BIASED)
    np.testing.assert_allclose(sent, at_first, atol=1e-4)


def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match="no mask-1 action 'keep'; there are rewind,"):
        sm.mask_one("keep", BIASED, THETA0, TRAINED, MASK)
    with pytest.raises(ValueError, match="no mask-0 action 'drop'; there are zero,"):
        sm.mask_zero("drop", BIASED, THETA0, TRAINED, MASK)
    for call in (sm.mask_one, sm.mask_zero):
        action = "rewind" if call is sm.mask_one else "zero"
        with pytest.raises(ValueError, match="this layout holds"):
            call(action, BIASED, THETA0, TRAINED, MASK[1:])


# ----------------------------------------------------------------------------
# Masks from scores
# ----------------------------------------------------------------------------

arrays = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=6), elements=st.integers(-4, 4)
)


@quick
@given(arrays, keeps)
def test_top_k_is_the_magnitude_mask(scores, keep):
    for each in (scores, scores.T, scores[::-1]):  # also where memory has gaps
        mask = sm.topk_mask(each, keep)
        np.testing.assert_array_equal(mask, pr.magnitude_mask(each, keep))
        assert mask.sum() == math.floor(keep * each.size + 0.5)


@pytest.mark.parametrize("engine", BACKENDS)
def test_top_k_of_a_tiny_layer(engine):
    with use(engine):
        scores = np.array([3, -9, 0, 1, 1, -1, 8, -2, 2, 0.5])
        assert np.flatnonzero(sm.topk_mask(scores, 0.3)).tolist() == [0, 1, 6]
        assert np.flatnonzero(sm.topk_mask(scores, 0.4)).tolist() == [0, 1, 6, 7]
        equal = np.full((2, 5), -0.0)
        assert np.flatnonzero(sm.topk_mask(equal, 0.3)).tolist() == [0, 1, 2]
        assert not sm.topk_mask(scores, 0).any() and sm.topk_mask(scores, 1).all()
    for keep in (-0.1, 30, math.nan):
        with pytest.raises(ValueError, match="keep is the fraction"):
            sm.topk_mask(scores, keep)
    with pytest.raises(ValueError, match="are not a number"):
        sm.topk_mask(np.array([1, np.nan]), 0.5)


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("engine", BACKENDS)
def test_edge_popup_keeps_what_it_says(scope, engine):
    scores = RNG.integers(-9, 9, BIASED.layout.size).astype(np.float32)  # many equal
    for keep in (0, 0.05, 0.3, 0.7, 1):
        g = Supermask(BIASED, keep=keep, scope=scope, seed=1)
        want = pr.layer_masks(BIASED, scores, keep, scope=scope)
        with use(engine):
            mask, theta = g.mask(scores), apply(g, scores)
        np.testing.assert_array_equal(mask, want)
        np.testing.assert_array_equal(theta, np.where(want, g.theta0, 0))


def test_chances_are_the_logistic_function():
    s = np.linspace(-30, 30, 101)
    np.testing.assert_allclose(sm.chances(s), scipy.special.expit(s), atol=1e-15)
    far = np.array([-sm.FAR, sm.FAR], np.float32)
    assert sm.chances(far).tolist() == [0, 1]


# ----------------------------------------------------------------------------
# Gradients, straight through
# ----------------------------------------------------------------------------


class Constant:
    """A generator whose draws are known."""

    def __init__(self, draws):
        self.draws = draws

    def random(self, size, dtype):
        assert size == len(self.draws)
        return self.draws.astype(dtype)


def maps():
    yield Supermask(BIASED, keep=0.3, weights="signed")
    yield Supermask(BIASED, keep=0.3, scope="global", rescale=True)
    for rescale in (False, True):
        yield Supermask(BIASED, kind="bernoulli", rescale=rescale, weights="glorot")
        yield Supermask(BIASED, kind="threshold", rescale=rescale, gain=1.5)


def by_torch(torch, g, scores, back, draws, read):
    """theta and the scores' gradient, as autograd gets them from the surrogate."""
    s = torch.tensor(scores, requires_grad=True)
    theta0, parts = torch.from_numpy(g.theta0), []
    hard = torch.from_numpy(pr.layer_masks(BIASED, scores, 0.3, scope=g.scope))
    for name, piece in BIASED.layout.slices.items():
        if len(BIASED.layout.shapes[name]) == 1:
            parts.append(theta0[piece])
            continue
        if g.kind == "edge-popup":
            soft, value = s.abs()[piece], hard[piece].float()
        elif g.kind == "threshold":
            soft, value = s[piece], (s[piece] >= 0).float()
        else:
            soft = torch.sigmoid(s[piece])
            used = {
                "sample": torch.from_numpy(draws)[piece] < soft,
                "threshold": s[piece] >= 0,
                "mean": soft,
            }[read]
            value = used.float()
        mask = soft + (value - soft).detach()
        if g.rescale:
            total = mask.sum()
            mask = mask * len(mask) / (total.detach() if g.keep else total)
        parts.append(theta0[piece] * mask)
    theta = torch.cat(parts)
    (theta * torch.from_numpy(back)).sum().backward()
    return theta.detach().numpy(), s.grad.numpy()


@pytest.mark.parametrize("engine", BACKENDS)
def test_theta_and_gradients_are_those_of_torch(engine):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    size = BIASED.layout.size
    for g in maps():
        scores, back, draws = rng.normal(size=(3, size)).astype(np.float32)
        draws = rng.random(size).astype(np.float32)
        want, slope = by_torch(torch, g, scores, back, draws, "sample")
        with use(engine) as kernels:
            phi = Tensor(kernels.asarray(scores), requires_grad=True)
            theta = g(phi, train=True, rng=Constant(draws))
            (theta * kernels.asarray(back)).sum().backward()
            got, grad = kernels.to_numpy(theta.data), kernels.to_numpy(phi.grad)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(grad, slope, rtol=1e-4, atol=2e-5)
        biases = np.concatenate(
            [np.r_[BIASED.layout.slices[f"dense{i}.bias"]] for i in (1, 2, 3)]
        )
        assert not grad[biases].any()


def test_gradients_in_closed_form():
    theta0, s, grad = RNG.normal(size=(3, 50))
    p = scipy.special.expit(s)
    np.testing.assert_allclose(
        sm.edge_popup_grad(grad, theta0, s), grad * theta0 * np.sign(s)
    )
    np.testing.assert_allclose(
        sm.bernoulli_grad(grad, theta0, p), grad * theta0 * p * (1 - p)
    )


@pytest.mark.parametrize("kind", sm.KINDS)
def test_vectors_have_no_mask_and_no_gradient(kind):
    """Not even those that are not 0: a norm's gamma."""
    net = bn_mlp(20, 8, 4)
    g = Supermask(net, kind=kind, rescale=True)
    vectors = net.layout.views(np.arange(net.layout.size)).values()
    places = np.concatenate([piece for piece in vectors if piece.ndim == 1])
    phi = Tensor(g.init(0) - 0.5, requires_grad=True)
    theta = g(phi, train=True, rng=np.random.default_rng(0))
    assert (theta.numpy()[places] == net.init(0)[places]).all()
    theta.sum().backward()
    assert not phi.grad[places].any() and np.count_nonzero(phi.grad) > 20


def test_a_weight_that_is_not_used_has_a_gradient():
    """And the fixed weights have none: they are no part of phi."""
    for g in maps():
        phi = Tensor(g.init(0), requires_grad=True)
        before = g.theta0.copy()
        theta = g(phi, train=True, rng=np.random.default_rng(0))
        unused = (theta.numpy() == 0) & (g.theta0 != 0)
        (theta * RNG.normal(size=theta.shape).astype(np.float32)).sum().backward()
        assert unused.any() and (phi.grad[unused] != 0).all()
        SGD(phi, 0.1, momentum=0.9, weight_decay=0.1).step()
        assert (g.theta0 == before).all()


def test_a_drawn_mask_is_right_on_average():
    """E theta = theta0 p, and a linear loss's gradient is that of its mean."""
    g = Supermask(NET, kind="bernoulli", seed=2)
    scores = RNG.normal(size=D).astype(np.float32)
    rng, back = np.random.default_rng(0), RNG.normal(size=D).astype(np.float32)
    theta, total, n = np.zeros(D), np.zeros(D), 400
    for _ in range(n):
        phi = Tensor(scores, requires_grad=True)
        drawn = g(phi, train=True, rng=rng)
        (drawn * back).sum().backward()
        used = drawn.numpy() / g.theta0
        assert np.isin(used, (0, 1)).all()
        theta, total = theta + used / n, total + phi.grad / n
    p = scipy.special.expit(scores)
    assert (np.abs(theta - p) < 4.5 * np.sqrt(p * (1 - p) / n)).all()
    np.testing.assert_allclose(total, back * g.theta0 * p * (1 - p), rtol=1e-4)


# ----------------------------------------------------------------------------
# Three readings of one object
# ----------------------------------------------------------------------------


def test_three_readings():
    scores = RNG.normal(size=D).astype(np.float32)
    scores[:3] = 0
    maps = {
        read: Supermask(NET, kind="bernoulli", read=read, seed=5) for read in sm.READS
    }
    theta0 = maps["mean"].theta0
    got = {read: apply(g, scores) for read, g in maps.items()}
    np.testing.assert_array_equal(got["threshold"], theta0 * (scores >= 0))
    want = theta0 * scipy.special.expit(scores)
    np.testing.assert_allclose(got["mean"], want, rtol=1e-5)
    again = apply(maps["sample"], scores)  # without an rng always the same mask
    np.testing.assert_array_equal(got["sample"], again)
    used = got["sample"] != 0
    assert (used == maps["sample"].mask(scores)).all()
    assert used.mean() == pytest.approx(scipy.special.expit(scores).mean(), abs=0.06)
    other = maps["sample"](Tensor(scores), rng=np.random.default_rng(0)).numpy()
    assert ((other != 0) != used).mean() > 0.2
    drawn = maps["sample"].mask(scores, rng=np.random.default_rng(0))
    assert (drawn == (other != 0)).all()


def test_draws_are_below_1():
    """So that a chance of 1 is kept for sure, also where float32 would round up."""
    draws = Supermask(NET, kind="bernoulli")._draws(None)
    assert draws.dtype == np.float32 and (draws * 2**24 % 1 == 0).all()
    assert draws.max() < 1 and scipy.stats.kstest(draws, "uniform").pvalue > 0.01


def test_each_training_step_draws_another_mask():
    g, rng = Supermask(NET, kind="bernoulli"), np.random.default_rng(0)
    phi = Tensor(g.init(0))
    masks = [g(phi, train=True, rng=rng).numpy() != 0 for _ in range(2)]
    assert (masks[0] != masks[1]).mean() == pytest.approx(0.5, abs=0.1)
    with pytest.raises(ValueError, match="a training step draws a mask: pass rng"):
        g(phi, train=True)


def test_readings_of_trained_scores():
    """All three learn; where they are not decided they do not say the same."""
    data, net = load("mnist").take(2000, 1000), mlp(784, 50, 10, bias=False)
    how = {"kind": "bernoulli", "weights": "signed-glorot"}
    done = fit(net, Supermask(net, **how), data, lr=0.1, epochs=8)
    maps = [Supermask(net, read=read, **how) for read in sm.READS]
    thetas = [apply(g, done.phi) for g in maps]
    right = [accuracy(net, theta, data.test_x, data.test_y) for theta in thetas]
    assert right[0] == done.test_accuracy and min(right) > 0.65
    said = [predict(net, theta, data.test_x) for theta in thetas]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 0.02 < (said[one] != said[other]).mean() < 0.5
    # The same mask on another draw of the weights says nothing.
    elsewhere = Supermask(net, seed=1, **how)
    x, y = data.test_x, data.test_y
    assert accuracy(net, apply(elsewhere, done.phi), x, y) < 0.35


# ----------------------------------------------------------------------------
# Starts and scales
# ----------------------------------------------------------------------------


def test_what_the_fixed_weights_are():
    layout = BIASED.layout
    kaiming, glorot = he_normal(layout, 7), xavier_normal(layout, 7)
    starts = {
        name: Supermask(BIASED, kind="threshold", weights=name, seed=7).theta0
        for name in sm.WEIGHTS
    }
    np.testing.assert_array_equal(starts["own"], BIASED.init(7))
    np.testing.assert_array_equal(starts["kaiming"], kaiming)
    np.testing.assert_array_equal(starts["glorot"], glorot)
    assert (np.sign(starts["signed"]) == np.sign(kaiming)).all()
    np.testing.assert_allclose(
        np.abs(starts["signed"]), np.abs(signed_start(layout, 0))
    )
    want = pr.signed_constant(layout, glorot)
    np.testing.assert_allclose(starts["signed-glorot"], want)
    scaled = Supermask(BIASED, keep=0.25, weights="signed", seed=7).theta0
    np.testing.assert_allclose(scaled, 2 * starts["signed"])  # 1 / sqrt(keep)
    named = Supermask(BIASED, keep=0.25, weights="signed", gain=0.5, seed=7).theta0
    np.testing.assert_allclose(named, starts["signed"] / 2)
    norm = Supermask(bn_mlp(20, 8, 4), keep=0.25)
    views = norm.layout.views(norm.theta0)
    gammas = [views[name] for name in views if name.endswith("gamma")]
    assert gammas and all((gamma == 1).all() for gamma in gammas)


def test_where_scores_start():
    popup = Supermask(BIASED, keep=0.3).init(0)
    views = BIASED.layout.views(popup)
    for name, shape in BIASED.layout.shapes.items():
        if len(shape) == 1:
            assert not views[name].any()
            continue
        edge = 1 / math.sqrt(shape[1])
        apart = scipy.stats.kstest(
            views[name].reshape(-1), scipy.stats.uniform(-edge, 2 * edge).cdf
        )
        assert np.abs(views[name]).max() <= edge and apart.pvalue > 0.01
    assert (popup == Supermask(BIASED, kind="threshold", seed=9).init(0)).all()
    assert (popup != Supermask(BIASED, keep=0.3).init(1)).any()
    scores = Supermask(NET, kind="bernoulli", s0=-2).init(0)
    assert (scores == -2).all() and scores.dtype == np.float32


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.7])
def test_the_right_scale_keeps_the_size_of_signals(keep):
    """Through three layers with ReLU, and neither of the wrong factors does."""
    net = mlp(600, 600, 600, 600, bias=False)
    g = Supermask(net, keep=keep, weights="kaiming")
    x = np.random.default_rng(0).normal(size=(100, 600)).astype(np.float32)

    def growth(theta):
        pieces, out = net.layout.views(theta), [x]
        for W in pieces.values():
            out.append(np.maximum(out[-1] @ W.T, 0))
        # Mean squares; the first input is not rectified, so it is left out.
        return [(h**2).mean() for h in out[1:]]

    theta = apply(g, g.init(0))
    sizes = growth(theta)
    np.testing.assert_allclose(sizes, 1, rtol=0.12)
    wrong = growth(theta * math.sqrt(keep / (1 - keep)))
    assert abs(math.log(wrong[-1])) > 1
    for name, W in net.layout.views(g.theta0).items():
        assert W.std() == pytest.approx(sm.right_scale(600, keep), rel=0.02), name


@pytest.mark.parametrize("fan_in, keep", [(0, 0.5), (10, 0), (10, 1.1), (10, math.nan)])
def test_what_right_scale_refuses(fan_in, keep):
    with pytest.raises(ValueError, match="keep above 0 and at most 1"):
        sm.right_scale(fan_in, keep)


def test_rescaling_changes_no_decision_without_biases():
    g, h = (Supermask(NET, kind="threshold", rescale=r, seed=1) for r in (False, True))
    scores = RNG.normal(size=D).astype(np.float32)
    factors = sm.rescaling(NET, g.mask(scores))
    assert len(factors) == 3 and min(factors) > 1.5
    plain, rescaled = apply(g, scores), apply(h, scores)
    np.testing.assert_allclose(
        sm.scale_layers(NET, plain, factors), rescaled, rtol=1e-6
    )
    logits, more = NET(plain, IMAGES).numpy(), NET(rescaled, IMAGES).numpy()
    np.testing.assert_allclose(more, logits * math.prod(factors), rtol=1e-4, atol=1e-5)
    assert (more.argmax(1) == logits.argmax(1)).all()
    # Powers of two multiply without rounding: then it holds to the last bit.
    exact = sm.scale_layers(NET, plain, [8, 0.25, 64])
    assert (NET(exact, IMAGES).numpy() == 128 * logits).all()


def test_rescaling_passes_max_pooling():
    net = conv2(size=8, bias=False)
    x = RNG.normal(size=(5, 3, 8, 8)).astype(np.float32)
    theta, n = net.init(0), len(pr.prunable(net))
    scaled = net(sm.scale_layers(net, theta, [4.0] * n), x).numpy()
    np.testing.assert_allclose(scaled, 4.0**n * net(theta, x).numpy(), rtol=1e-5)


def test_rescaling_with_biases_changes_decisions():
    theta = BIASED.init(0) + RNG.normal(size=BIASED.layout.size).astype(np.float32)
    scaled = sm.scale_layers(BIASED, theta, [0.2, 0.2, 0.2])
    biases = BIASED.layout.slices["dense1.bias"]
    assert (scaled[biases] == theta[biases]).all()
    assert (predict(BIASED, scaled, IMAGES) != predict(BIASED, theta, IMAGES)).any()


def test_what_scaling_refuses():
    theta = NET.init(0)
    for factors in ([1, 2], [1, 2, 3, 4], [1, 0, 1], [1, -2, 1], [1, math.inf, 1]):
        with pytest.raises(ValueError, match="a factor above 0 for each of 3 layers"):
            sm.scale_layers(NET, theta, factors)
    with pytest.raises(ValueError, match="this layout holds"):
        sm.rescaling(NET, np.ones(3, bool))


def test_a_mask_that_empties_a_layer():
    """No division by 0: rescaled or not, the layer lets nothing through."""
    for kind in ("threshold", "bernoulli"):
        g = Supermask(NET, kind=kind, rescale=True)
        scores = np.full(D, sm.FAR, np.float32)
        scores[NET.layout.slices["dense2.weight"]] = -sm.FAR
        phi = Tensor(scores, requires_grad=True)
        theta = g(phi, train=True, rng=np.random.default_rng(0))
        assert np.isfinite(theta.numpy()).all()
        assert not theta.numpy()[NET.layout.slices["dense2.weight"]].any()
        cross_entropy(NET(theta, IMAGES), LABELS).backward()
        assert np.isfinite(phi.grad).all()
        assert sm.rescaling(NET, g.mask(scores)) == [1, 1, 1]


# ----------------------------------------------------------------------------
# Learning
# ----------------------------------------------------------------------------


def test_random_weights_that_are_chosen_learn():
    data, net = load("mnist").take(2000, 1000), mlp(784, 100, 10, bias=False)
    how = {"lr": 0.1, "optimiser": "sgd", "epochs": 6}
    some = fit(net, Supermask(net, keep=0.5, weights="signed"), data, **how)
    every = fit(net, Supermask(net, keep=1, weights="signed"), data, **how)
    assert some.test_accuracy > 0.75 and every.test_accuracy < 0.3
    used = np.abs(some.theta[some.theta != 0])
    assert len(used) == pr.kept_count(78_400, 0.5) + 500
    assert len(np.unique(used)) == 2  # one size for each layer: nothing was trained


def test_constant_scores_still_keep_an_exact_number():
    """The famous slip, s > the kth, keeps none of them."""
    g = Supermask(NET, keep=0.3)
    assert g.mask(np.zeros(D)).sum() == sum(
        pr.kept_count(math.prod(shape), 0.3) for shape in NET.layout.shapes.values()
    )


# ----------------------------------------------------------------------------
# Messages and stacks
# ----------------------------------------------------------------------------


def solutions():
    """Masks of every kind and setting, and masks above and below other maps."""
    hyper = Hypernetwork(NET, ["dense1.weight"], n=3, tile=(10, 8), seed=6)
    found = [
        *(Supermask(NET, keep=0.3, weights=name, seed=1) for name in sm.WEIGHTS),
        Supermask(NET, keep=0.1, scope="global", rescale=True, gain=0.7, seed=2),
        Supermask(BIASED, keep=0.3, seed=3),
        Supermask(NET, keep=0, seed=3),
        Supermask(NET, keep=1, seed=3),
        Supermask(NET, kind="bernoulli", s0=-1, rescale=True, seed=4),
        Supermask(BIASED, kind="bernoulli", read="sample", rescale=True, seed=4),
        Supermask(NET, kind="threshold", weights="signed", rescale=True, seed=5),
        Supermask(hyper, keep=0.6, seed=6),
        Supermask(hyper, kind="bernoulli", seed=6),
        Supermask(Supermask(NET, keep=0.5), kind="threshold", seed=7),
        Subspace(Supermask(NET, keep=0.35, seed=8), d=30, seed=8),
        Subspace(Supermask(NET, kind="bernoulli", read="mean", s0=1), d=30, seed=9),
        Subspace(Supermask(NET, kind="bernoulli", read="sample"), d=30, seed=10),
    ]
    return [(g, train(g).numpy()) for g in found]


SOLUTIONS = solutions()


def test_the_receiver_has_exactly_the_senders_weights():
    for g, phi in SOLUTIONS:
        if not isinstance(g, Supermask):
            continue
        theta, state = decode(g.message(phi), g.net)
        assert state is None and theta.dtype == np.float32
        np.testing.assert_array_equal(theta, apply(g, phi))
        assert g.message(phi, bits=1) == g.message(phi, bits=16)  # there are no values
        back, rest = Supermask.from_spec(g.spec() + b"more", g.target)
        assert rest == b"more" and repr(back) == repr(g)
        assert (back.theta0 == g.theta0).all()
        assert (back.init(3) == g.init(3)).all()
        got = back.from_payload(g.payload(phi, 8))
        assert (back.mask(got) == g.mask(phi)).all()


def test_float64_scores_are_sent_as_they_are_applied():
    """In float32, where other scores may be equal."""
    noise = 1e-10 * RNG.normal(size=D)
    for g in (Supermask(NET, keep=0.3), Supermask(NET, kind="threshold")):
        wide = noise + (g.kind == "edge-popup")
        theta, _ = decode(g.message(wide), g.net)
        np.testing.assert_array_equal(theta, apply(g, wide))
    g = Supermask(NET, keep=0.3)
    first = pr.magnitude_mask(np.ones(320), 0.3)
    assert (g.mask(1 + noise)[:320] == first).all()


def test_scores_in_a_subspace_are_rounded_and_then_masked():
    for g, phi in SOLUTIONS:
        if isinstance(g, Subspace):
            theta, _ = decode(g.message(phi, bits=8), NET)
            back = g.from_payload(g.payload(phi, 8))
            np.testing.assert_array_equal(theta, apply(g, back))
            scores = g.theta0 + g.P.apply(back)
            np.testing.assert_array_equal(theta, apply(g.target, scores))


def test_a_supermask_on_a_hypernetwork_masks_its_numbers():
    hyper = Hypernetwork(NET, ["dense1.weight"], n=3, tile=(10, 8), seed=6)
    g = Supermask(hyper, keep=0.6, seed=6, gain=1)
    scores = RNG.normal(size=hyper.layout.size)
    want = apply(hyper, hyper.init(6) * g.mask(scores))
    np.testing.assert_array_equal(apply(g, scores), want)


def test_kernels_are_masked_too():
    net = conv2(size=8, bias=False)
    g = Supermask(net, keep=0.1, weights="signed")
    scores = g.init(0)
    masks, theta = net.layout.views(g.mask(scores)), net.layout.views(g.theta0)
    for name, shape in net.layout.shapes.items():
        size, fan_in = math.prod(shape), math.prod(shape[1:])
        assert masks[name].sum() == math.floor(0.1 * size + 0.5)
        np.testing.assert_allclose(np.abs(theta[name]), sm.right_scale(fan_in, 0.1))
        edge = np.abs(net.layout.views(scores)[name]).max() * math.sqrt(fan_in)
        assert 0.95 < edge <= 1 + 1e-6
    sent, _ = decode(g.message(scores), net)
    np.testing.assert_array_equal(sent, apply(g, scores))


def test_scores_that_nothing_moves_stay_where_they_started():
    images = IMAGES.copy()
    images[:, :5] = 0  # pixels that are always black
    for s0 in (-1, 0, 1):
        g = Supermask(NET, kind="bernoulli", s0=s0)
        phi = train(g, images=images).numpy()
        first = NET.layout.views(phi)["dense1.weight"]
        assert (first[:, :5] == s0).all() and (first[:, 5:] != s0).mean() > 0.9
        used = NET.layout.views(g.mask(phi))["dense1.weight"]
        assert used[:, :5].all() == (s0 >= 0)


def test_rescaling_moves_scores_of_black_pixels_all_alike():
    images = IMAGES.copy()
    images[:, :5] = 0
    g = Supermask(NET, kind="bernoulli", rescale=True)
    first = NET.layout.views(train(g, images=images).numpy())["dense1.weight"]
    assert (first[:, :5] == first[0, 0]).all() and abs(first[0, 0]) > 0.01
    assert len(np.unique(first[:, 5:])) > 100


def test_a_mask_costs_its_entropy():
    net = lenet_300_100(bias=False)
    for keep in (0.02, 0.3, 0.5):
        g = Supermask(net, keep=keep)
        bits = net.layout.size * scipy.stats.entropy([keep, 1 - keep], base=2)
        length = len(g.message(g.init(0)))
        assert bits / 8 * 0.999 < length < bits / 8 * 1.001 + 50


def test_a_fresh_process_decodes_the_same_bytes():
    decode_alike([(g.net, g.message(phi, bits=6)) for g, phi in SOLUTIONS], IMAGES)


def test_a_damaged_message_is_refused():
    for g, phi in SOLUTIONS[::3]:
        message = g.message(phi)
        for each in damaged(message, every=29):
            with pytest.raises(ValueError, match="bytes are not a message for mlp-20-"):
                decode(each, g.net)


def test_a_mean_is_no_mask_to_send():
    g = Supermask(NET, kind="bernoulli", read="mean")
    with pytest.raises(ValueError, match="read='mean' multiplies each weight by a num"):
        g.message(g.init(0))


# ----------------------------------------------------------------------------
# Bad input
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how, match",
    [
        ({"kind": "popup"}, "no kind 'popup'; there are edge-popup, bernoulli, thr"),
        ({"scope": "net"}, "no scope 'net'"),
        ({"weights": "he"}, "no weights 'he'; there are own, kaiming"),
        ({"kind": "bernoulli", "read": "median"}, "no read 'median'"),
        ({"keep": 50}, "keep is the fraction"),
        ({"keep": math.nan}, "keep is the fraction"),
        ({"kind": "bernoulli", "keep": 0.5}, "keep and scope are edge-popup's"),
        ({"kind": "threshold", "scope": "global"}, "keep and scope are edge-popup's"),
        ({"read": "mean"}, "read and s0 are for 'bernoulli', not for 'edge-popup'"),
        ({"kind": "threshold", "s0": 1}, "read and s0 are for 'bernoulli', not for"),
        ({"gain": 0}, "gain is above 0"),
        ({"gain": math.inf}, "gain is above 0"),
        ({"kind": "bernoulli", "s0": math.nan}, "s0 a finite number"),
        ({"seed": -1}, "a seed is a whole number"),
    ],
)
def test_what_a_supermask_refuses(how, match):
    with pytest.raises(ValueError, match=match):
        Supermask(NET, **how)


def test_scores_that_make_no_mask_are_refused():
    for g in (Supermask(NET, keep=0.3), Supermask(NET, kind="bernoulli")):
        for call in (lambda phi, g=g: apply(g, phi), g.mask):
            with pytest.raises(ValueError, match="scores are not a number"):
                call(np.full(D, np.nan))
            with pytest.raises(ValueError, match="this layout holds"):
                call(np.zeros(D + 1))
