"""Supermasks in superposition: laid over each other, searched, streamed, remembered."""

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import torch
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from messages import damaged, decode_alike

from minitorch import Tensor
from minitorch.models import bn_mlp, lenet, lenet_300_100, mlp
from minitorch.nn import Network
from minitorch.train import accuracy
from minitorch.weird import Dense, Masked, Superposition, UnitMask, apply, decode
from minitorch.weird import superposition as sp
from minitorch.weird.supermask import Supermask

quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)
RNG = np.random.default_rng(0)
NET = mlp(20, 16, 12, 8, bias=False)
D = NET.layout.size
K = 6
MASKS = RNG.random((K, D)) < 0.5
G = Superposition(NET, MASKS, weights="signed", seed=3)
IMAGES = RNG.normal(size=(24, 20)).astype(np.float32)
LABELS = RNG.integers(0, 4, 24)
grids = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 9)))
logits_of = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(2, 9)),
    elements=st.floats(-1000, 1000),
)


def through_torch(theta, x):
    """The logits of NET's widths, by torch alone."""
    h, start = torch.as_tensor(x), 0
    shapes = list(NET.layout.shapes.values())
    for i, shape in enumerate(shapes):
        size = math.prod(shape)
        h = h @ theta[start : start + size].reshape(shape).T
        h = torch.relu(h) if i < len(shapes) - 1 else h
        start += size
    return h


def entropy_in_torch(logits):
    return torch.distributions.Categorical(logits=logits).entropy()


# ----------------------------------------------------------------------------
# Tasks
# ----------------------------------------------------------------------------


def test_orders_are_permutations_and_no_two_tasks_or_seeds_share_one():
    orders = [sp.pixel_order(seed, task) for seed in range(5) for task in range(8)]
    assert all(sorted(order) == list(range(784)) for order in orders)
    assert len({tuple(order) for order in orders}) == 40
    # Of two random orders about one pixel lies at the same place.
    same = [(a == b).sum() for i, a in enumerate(orders) for b in orders[:i]]
    assert np.mean(same) == pytest.approx(1, abs=0.2) and max(same) < 10


def test_permuted_pixels_come_back():
    x = RNG.random((3, 1, 28, 28))
    moved = sp.permuted(x, 2, 5)
    back = np.empty_like(moved)
    back[:, sp.pixel_order(2, 5)] = moved
    assert (back == x.reshape(3, -1)).all()


@pytest.mark.parametrize("degrees", [0, 10, 45, 90, 200, -30])
@pytest.mark.parametrize("size", [7, 28])
def test_turning_is_what_scipy_does(degrees, size):
    x = np.zeros((2, size, size))
    x[:, 1:-1, 1:-1] = RNG.random((2, size - 2, size - 2))
    turned = sp.rotated(x, degrees).reshape(x.shape)
    for image, ours in zip(x, turned, strict=True):
        theirs = scipy.ndimage.rotate(
            image, degrees, reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    if degrees == 90:
        np.testing.assert_allclose(turned, np.rot90(x, axes=(1, 2)), atol=1e-12)


def test_what_cannot_be_turned():
    with pytest.raises(ValueError, match="square images can be turned, got"):
        sp.rotated(np.zeros((2, 3, 4)), 10)


# ----------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------


def test_masks_are_learned_as_torch_would():
    """RMSprop on scores, with the gradient passed straight through the threshold."""
    g = Supermask(NET, kind="threshold", weights="signed", seed=3)
    start = g.init(1)
    batches = [(IMAGES[i : i + 8], LABELS[i : i + 8]) for i in (0, 8, 16)] * 4
    ours = sp.learn(NET, g, batches, lr=0.01, start=start).phi
    scores = torch.tensor(start, requires_grad=True)
    v = torch.zeros(D)
    for x, y in batches:
        hard = (scores >= 0).float()
        theta = torch.as_tensor(g.theta0) * (hard + scores - scores.detach())
        logits = through_torch(theta, x)
        loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(y))
        (slope,) = torch.autograd.grad(loss, scores)
        v = 0.99 * v + 0.01 * slope**2
        scores = (scores - 0.01 * slope / (v.sqrt() + 1e-8)).detach().requires_grad_()
    # RMSprop divides by the gradient's own size, also where that is mere rounding.
    np.testing.assert_allclose(ours, scores.detach().numpy(), atol=1e-3)
    assert (ours != start).any() and (sp.learn(NET, g, batches, lr=0.01).phi != 0).all()


def test_statistics_go_on_from_the_last_task():
    net = bn_mlp(20, 16, 8)
    batches = [(IMAGES, LABELS)]
    first = sp.learn(net, Dense(net), batches, lr=0.01)
    second = sp.learn(net, Dense(net), batches, lr=0.01, state=first.state)
    mean, var = first.state["norm1"]
    h = IMAGES @ net.layout.views(net.init(0))["dense1.weight"].T
    np.testing.assert_allclose(mean, 0.1 * h.mean(0), atol=1e-5)
    np.testing.assert_allclose(var, 0.9 + 0.1 * h.var(0, ddof=1), rtol=1e-4)
    assert not np.allclose(second.state["norm1"][0], mean)


def test_what_cannot_be_learned_from():
    with pytest.raises(ValueError, match="no batches"):
        sp.learn(NET, Dense(NET), [], lr=0.1)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="a tenth"):
        sp.learn(NET, Dense(NET), [(IMAGES, LABELS)], lr=3e38)


# ----------------------------------------------------------------------------
# Objectives
# ----------------------------------------------------------------------------


@given(logits_of)
@quick
def test_entropy_and_its_gradient_are_torchs(values):
    logits = torch.tensor(values, requires_grad=True)
    theirs = entropy_in_torch(logits)
    theirs.mean().backward()
    ours = Tensor(values, requires_grad=True)
    sp.entropy(ours).backward()
    H = theirs.detach().numpy()
    np.testing.assert_allclose(sp.entropies(values), H, atol=1e-9)
    np.testing.assert_allclose(sp.entropy(values).item(), H.mean(), atol=1e-9)
    for slope in (sp.entropy_grad(values), ours.grad):
        np.testing.assert_allclose(slope, logits.grad.numpy(), atol=1e-9)
        np.testing.assert_allclose(slope.sum(1), 0, atol=1e-9)  # a shift does nothing


@given(logits_of, st.data())
@quick
def test_g_has_the_gradient_of_the_labels_that_nobody_gives(values, data):
    real = data.draw(st.integers(1, values.shape[1] - 1))
    labels = data.draw(
        hnp.arrays(np.int64, len(values), elements=st.integers(0, real - 1))
    )
    ours = Tensor(values, requires_grad=True)
    sp.g_objective(ours, real).backward()
    assert sp.g_objective(values, real).item() == pytest.approx(
        scipy.special.logsumexp(values, axis=1).mean(), abs=1e-9
    )
    supervised = torch.tensor(values, requires_grad=True)
    torch.nn.functional.cross_entropy(supervised, torch.tensor(labels)).backward()
    for slope in (sp.g_grad(values, real), ours.grad):
        assert (slope[:, :real] == 0).all()
        np.testing.assert_allclose(
            slope[:, real:], supervised.grad.numpy()[:, real:], atol=1e-9
        )
    p = scipy.special.softmax(values, axis=1)
    np.testing.assert_allclose(
        sp.superfluous(values, real), p[:, real:].sum(1), atol=1e-9
    )


@pytest.mark.parametrize("real", [None, 0, 8, 9])
@pytest.mark.parametrize("call", [sp.g_grad, sp.g_objective, sp.superfluous])
def test_g_needs_outputs_without_a_class(call, real):
    with pytest.raises(ValueError, match=f"real is 1 to 7 for 8 outputs, got {real}"):
        call(np.zeros((2, 8)), real)


# ----------------------------------------------------------------------------
# Masks laid over each other
# ----------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**31))
@quick
def test_masks_are_laid_over_each_other(k, size, seed):
    rng = np.random.default_rng(seed)
    masks, alphas = rng.random((k, size)) < 0.5, rng.normal(size=k)
    laid = sp.superpose(masks, alphas)
    np.testing.assert_allclose(laid, np.einsum("k,kd->d", alphas, masks), atol=1e-12)
    grad, theta0 = rng.normal(size=(2, size))
    slopes = sp.alpha_slopes(grad, theta0, masks)
    wanted = np.einsum("d,d,kd->k", grad, theta0, masks)
    np.testing.assert_allclose(slopes, wanted, atol=1e-12)


@pytest.mark.parametrize("i", range(K))
def test_one_mask_alone_is_the_network_of_its_task(i):
    alone = apply(G, np.eye(K)[i])
    below = Masked(NET, MASKS[i], start=G.theta0)
    assert (alone == apply(below, below.init(0))).all()
    assert (alone != 0).sum() == MASKS[i].sum()


def test_biases_stay_as_they_are():
    net = lenet_300_100()
    masks = [
        Supermask(net, kind="threshold", seed=1).mask(RNG.normal(size=net.layout.size))
        for _ in range(3)
    ]
    g = Superposition(net, np.stack(masks), seed=1)
    laid, start = net.layout.views(apply(g, g.init())), net.layout.views(g.theta0)
    for name, piece in start.items():
        if piece.ndim == 1:
            np.testing.assert_allclose(laid[name], piece, atol=1e-6)
        else:
            assert (laid[name] != piece).any()


@pytest.mark.parametrize("objective", ["entropy", "G"])
def test_slopes_of_alphas_are_torchs_and_those_of_small_steps(objective):
    alphas = RNG.dirichlet(np.ones(K))
    how = {"objective": objective, "real": 4, "temperature": 1.7}
    x = IMAGES.astype(np.float64)
    slopes = sp.alpha_grads(G, x, alphas, **how)
    a = torch.tensor(alphas, requires_grad=True)
    laid = torch.as_tensor(G.theta0).double() * (a @ torch.as_tensor(MASKS).double())
    logits = through_torch(laid, x) / 1.7
    if objective == "entropy":
        value = entropy_in_torch(logits).mean()
    else:
        cut = torch.cat([logits[:, :4].detach(), logits[:, 4:]], 1)
        value = torch.logsumexp(cut, 1).mean()
    value.backward()
    np.testing.assert_allclose(slopes, a.grad.numpy(), rtol=1e-9)
    if objective == "entropy":

        def H(at):
            theta = G.theta0.astype(np.float64) * np.einsum("k,kd->d", at, MASKS)
            return sp.entropies(NET(theta, x).numpy() / 1.7).mean()

        steps = 1e-6 * np.eye(K)
        small = [(H(alphas + e) - H(alphas - e)) / 2e-6 for e in steps]
        np.testing.assert_allclose(slopes, small, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("objective", ["entropy", "G"])
def test_images_one_by_one_are_batches_of_one(name, objective):
    how = {"objective": objective, "real": 4, "temperature": 2.0}
    alive = RNG.random((len(IMAGES), K)) < 0.6
    alive[:, 0] |= ~alive.any(1)
    own = (alive / alive.sum(1, keepdims=True)).astype(np.float32)
    with use(name):
        for alphas in (None, own):
            every = sp.image_grads(G, IMAGES, alphas, **how)
            for i, slopes in enumerate(every):
                share = None if alphas is None else alphas[i]
                alone = sp.alpha_grads(G, IMAGES[i : i + 1], share, **how)
                open_for = alone == alone if alphas is None else alive[i]
                np.testing.assert_allclose(slopes[open_for], alone[open_for], atol=2e-6)
                assert np.isinf(slopes[~open_for]).all()
        assert every.dtype == np.float32


def test_what_cannot_be_laid_over_each_other():
    with pytest.raises(ValueError, match=r"one alpha for each, got \(6, 608\) and \(5"):
        sp.superpose(MASKS, np.ones(5))
    for wrong in (MASKS[:, 1:], MASKS.astype(float), MASKS[:0], MASKS[0]):
        with pytest.raises(ValueError, match=r"masks are \(k, 608\) booleans"):
            Superposition(NET, wrong)
    with pytest.raises(ValueError, match="no objective 'H'; there are entropy, G"):
        sp.alpha_grads(G, IMAGES, objective="H")
    with pytest.raises(ValueError, match=r"alphas of 24 images are \(24, 6\)"):
        sp.image_grads(G, IMAGES, np.ones(K))
    net = lenet()
    deep = Superposition(net, np.ones((2, net.layout.size), bool))
    with pytest.raises(ValueError, match="need an MLP without biases, got lenet"):
        sp.image_grads(deep, np.zeros((2, 1, 28, 28), np.float32))


# ----------------------------------------------------------------------------
# Searches
# ----------------------------------------------------------------------------


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1, 1)))
@quick
def test_halving_takes_the_logarithm_of_k_rounds_and_keeps_the_best(grads):
    alive, rounds = np.ones(len(grads), bool), 0
    while alive.sum() > 1:
        left = sp.halve(grads, alive)
        assert not (left & ~alive).any()
        assert left.sum() == math.ceil(alive.sum() / 2)
        assert grads[left].max() <= grads[alive & ~left].min()
        alive, rounds = left, rounds + 1
    assert rounds == math.ceil(math.log2(len(grads)))
    assert alive.argmax() == grads.argmin()  # of equal ones the first
    assert sp.passes("binary", len(grads)) == max(1, rounds)


def counted(net):
    """The same network, and a list that grows each time it runs."""
    runs = []

    def forward(weights, x, mode):
        runs.append(len(x))
        return net._forward(weights, x, mode)

    return Network(net.name, net.layout, forward), runs


@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("search", sp.SEARCHES)
def test_searches_run_the_network_as_often_as_they_say(search, k):
    net, runs = counted(NET)
    g = Superposition(net, RNG.random((k, D)) < 0.5)
    found = sp.infer(g, IMAGES, search, group=24)
    assert found.shape == (1,) and 0 <= found[0] < k
    assert len(runs) == (sp.passes(search, k) if k > 1 or search != "binary" else 0)


def planted(k=8, real=4, outputs=8):
    """A network whose hidden units each say one class, and masks that let some speak.

    Task i's images are the i-th unit vector. Under its own mask one real output is
    large; under the others this input reaches nothing.
    """
    net = mlp(k, k, outputs, bias=False)
    theta0, masks = np.zeros(net.layout.size, np.float32), []
    views = net.layout.views(theta0)
    views["dense1.weight"][:] = np.eye(k)
    views["dense2.weight"][:] = 0.5
    views["dense2.weight"][real:] = -1
    for i in range(k):
        views["dense2.weight"][i % real, i] = 8
    for i in range(k):
        mask = np.zeros(net.layout.size, bool)
        parts = net.layout.views(mask)
        parts["dense1.weight"][i, i] = True
        parts["dense2.weight"][:, i] = True
        masks.append(mask)
    g = Superposition(net, np.stack(masks))
    g.theta0 = theta0
    return g


@pytest.mark.parametrize("objective", ["entropy", "G"])
@pytest.mark.parametrize("search", sp.SEARCHES)
def test_planted_tasks_are_found(search, objective):
    g, how = planted(), {"objective": objective, "real": 4}
    x = np.eye(8, dtype=np.float32)
    # No signal at all reaches the outputs under a wrong mask.
    assert (sp.infer(g, 4 * x, search, **how) == range(8)).all()
    groups = np.repeat(4 * x, 3, axis=0)
    assert (sp.infer(g, groups, search, group=3, **how) == range(8)).all()
    y = np.arange(8) % 4
    for task in range(8):
        at = slice(task, task + 1)
        got = sp.count(g, x[at], y[at], task, np.array([task]))
        assert got == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_searching_all_tasks_takes_the_surest(temperature):
    H = [
        entropy_in_torch(
            through_torch(torch.as_tensor(G.theta0 * mask), IMAGES) / temperature
        ).numpy()
        for mask in MASKS
    ]
    how = {"temperature": temperature}
    np.testing.assert_allclose(
        sp.each_task(G, IMAGES, **how), np.stack(H, 1), atol=1e-5
    )
    found = sp.infer(G, IMAGES, "exhaustive", **how)
    assert (found == np.stack(H, 1).argmin(1)).all()
    groups = sp.infer(G, IMAGES, "exhaustive", group=8, **how)
    assert (groups == np.stack(H, 1).reshape(3, 8, K).mean(1).argmin(1)).all()


@pytest.mark.parametrize("search", ["one-shot", "binary"])
def test_any_network_can_be_searched(search):
    net = lenet_300_100()  # with biases: images one after another, on the tape
    masks = [Supermask(net, kind="threshold").mask(net.init(i)) for i in range(3)]
    g = Superposition(net, np.stack(masks))
    x = RNG.random((4, 784)).astype(np.float32)
    found = sp.infer(g, x, search)
    assert found.shape == (4,)
    if search == "one-shot":
        alone = [sp.alpha_grads(g, x[i : i + 1]).argmin() for i in range(4)]
        assert (found == alone).all()


def test_scenarios_count_differently():
    """Images 0 to 3 of task 1; the masks of tasks 0 and 2 are guessed for some."""
    y = sp.labels(G, IMAGES, np.full(24, 1))
    under = sp.labels(G, IMAGES, np.full(24, 0))
    guessed = np.where(np.arange(24) < 12, 1, 0)
    got = sp.count(G, IMAGES, y, 1, guessed)
    assert (got.task, got.GG, got.GNu) == (0.5, 1.0, 0.5)
    assert got.GNs == pytest.approx(0.5 + (under == y)[12:].sum() / 24)
    assert sp.count(G, IMAGES, y, 1, np.array([1, 0])) == got  # two groups of 12
    with pytest.raises(ValueError, match="24 images with 24 labels do not make 5 gr"):
        sp.count(G, IMAGES, y, 1, np.zeros(5, int))


@pytest.mark.parametrize("name", BACKENDS)
def test_every_back_end_finds_the_same_tasks(name):
    with use("numpy"):
        wanted = [sp.infer(G, IMAGES, search) for search in sp.SEARCHES]
        classes = sp.labels(G, IMAGES, wanted[0])
    with use(name):
        for search, there in zip(sp.SEARCHES, wanted, strict=True):
            assert (sp.infer(G, IMAGES, search) == there).all()
        assert (sp.labels(G, IMAGES, wanted[0]) == classes).all()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"search": "all"}, "no search 'all'; there are one-shot, binary, exh"),
        ({"group": 25}, "24 images make no group of 25"),
        ({"group": 0}, "24 images make no group of 0"),
        ({"temperature": 0.0}, "above 0 and finite, got 0"),
        ({"objective": "loss"}, "no objective 'loss'"),
        ({"objective": "G"}, "real is 1 to 7 for 8 outputs, got None"),
    ],
)
def test_what_cannot_be_searched(how, said):
    with pytest.raises(ValueError, match=said):
        sp.infer(G, IMAGES, **how)


@given(logits_of, st.integers(1, 12), st.data())
@quick
def test_reliability_adds_up(values, bins, data):
    K_ = values.shape[1]
    y = data.draw(hnp.arrays(np.int64, len(values), elements=st.integers(0, K_ - 1)))
    sure, right, share = sp.reliability(values, y, bins)
    p = scipy.special.softmax(values, axis=1)
    full = share > 0
    assert share.sum() == pytest.approx(1)
    assert (sure[full] * share[full]).sum() == pytest.approx(p.max(1).mean())
    hits = (p.argmax(1) == y).mean()
    assert (right[full] * share[full]).sum() == pytest.approx(hits)
    edges = np.arange(bins) / bins
    assert (sure[full] >= edges[full] - 1e-9).all()
    assert (sure[full] <= edges[full] + 1 / bins + 1e-9).all()
    assert np.isnan(sure[~full]).all() and np.isnan(right[~full]).all()


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def test_masks_of_all_tasks_are_sent():
    sent = [
        (NET, G.message(np.eye(K)[2])),
        (NET, G.message(G.init(), bits=16)),
    ]
    decode_alike(sent, IMAGES)
    for i in range(K):
        theta, _ = decode(G.message(np.eye(K)[i]), NET)
        assert (theta == G.theta0 * MASKS[i]).all()
    mixed, _ = decode(sent[1][1], NET)
    np.testing.assert_allclose(mixed, apply(G, G.init()), atol=1e-6)
    # One bit a weight and task, where half of the weights are kept.
    assert len(sent[0][1]) == pytest.approx(K * D / 8, rel=0.2)
    for other in damaged(sent[0][1], every=29):
        with pytest.raises(ValueError, match="not a message for"):
            decode(other, NET)


def test_a_task_is_sent_with_biases_left_alone():
    net = lenet_300_100()
    masks = np.ones((2, net.layout.size), bool)
    masks[1, net.layout.slices["dense1.weight"]] = False
    g = Superposition(net, masks, seed=1)
    theta, _ = decode(g.message(np.eye(2)[1]), net)
    assert (theta == g.theta0 * masks[1]).all()
    masks[1, net.layout.slices["dense1.bias"]] = False
    with pytest.raises(ValueError, match="drops a bias cannot be sent"):
        Superposition(net, masks).message(np.eye(2)[1])


# ----------------------------------------------------------------------------
# Streams
# ----------------------------------------------------------------------------


@given(
    hnp.arrays(np.float64, st.integers(2, 50), elements=st.floats(-20, 20)),
    st.floats(0, 2),
)
@quick
def test_being_unsure_is_a_matter_of_shares(grads, eps):
    surest = len(grads) * scipy.special.softmax(-grads).max()
    if abs(surest - 1 - eps) > 1e-9:
        assert sp.unsure(grads, eps) == (surest < 1 + eps)
        assert sp.unsure(grads + 7, eps) == sp.unsure(grads, eps)
    assert sp.unsure(np.zeros(4), eps=0.1) and not sp.unsure(-1000 * np.eye(4)[1])


def blobs(task, steps, seed, width=60):
    """Batches of a task: four classes, each its own direction, of each task its own."""
    centres = np.random.default_rng(task).normal(size=(4, width)).astype(np.float32)
    rng = np.random.default_rng([seed, task])
    for _ in range(steps):
        y = rng.integers(0, 4, 64)
        noise = rng.normal(size=(64, width)).astype(np.float32)
        yield centres[y] + 0.3 * noise, y


def test_a_stream_gets_a_mask_for_each_new_task_and_comes_back_to_old_ones():
    tasks = [0, 0, 1, 1, 2, 2, 0, 1]
    chunks = [list(blobs(task, 25, i)) for i, task in enumerate(tasks)]
    net = mlp(60, 128, 100, bias=False)
    done = sp.follow(net, chunks, lr=3e-3, eps=0.4)
    assert done.used.tolist() == tasks
    assert done.made.tolist() == [True, False, True, False, True, False, False, False]
    assert done.masks.shape == (3, net.layout.size) and done.masks.dtype == bool
    assert ((done.margin < 1.4) == done.made).all()
    g = Superposition(net, done.masks, weights="signed")
    for task in range(3):
        x, y = next(blobs(task, 1, 99))
        assert sp.infer(g, x, group=64) == task
        assert accuracy(net, apply(g, np.eye(3)[task]), x, y) > 0.9
    short = sp.follow(net, chunks, lr=3e-3, most=1)
    assert short.used.tolist() == [0] * 8 and len(short.masks) == 1
    with pytest.raises(ValueError, match="no chunks"):
        sp.follow(net, [], lr=3e-3)


# ----------------------------------------------------------------------------
# Hopfield
# ----------------------------------------------------------------------------


def patterns(k, d, ones=0.5, seed=0):
    return np.where(np.random.default_rng(seed).random((k, d)) < ones, 1.0, -1.0)


def test_hebb_hears_a_pattern_and_the_noise_of_the_others():
    z = patterns(3, 40)
    weights = sp.hebb(z)
    assert (weights == weights.T).all() and (np.diag(weights) == 0).all()
    overlap = z @ z.T / 40
    for m in range(3):  # Psi z_m = sum_n z_n (z_n . z_m) / d - k z_m / d
        wanted = overlap[m] @ z - 3 * z[m] / 40
        np.testing.assert_allclose(weights @ z[m], wanted, atol=1e-12)


def test_storkey_adds_what_its_definition_says():
    d = 7
    weights = np.zeros((d, d))
    for z in patterns(3, d):
        wanted = weights.copy()
        for i in range(d):
            for j in range(d):
                if i == j:
                    continue
                without = [u for u in range(d) if u not in (i, j)]
                h_ij = sum(weights[i, u] * z[u] for u in without)
                h_ji = sum(weights[j, u] * z[u] for u in without)
                wanted[i, j] += (z[i] * z[j] - z[i] * h_ji - h_ij * z[j]) / d
        weights = sp.storkey(weights, z)
        np.testing.assert_allclose(weights, wanted, atol=1e-12)
        assert (np.diag(weights) == 0).all()


@given(st.integers(0, 1000), st.integers(2, 24))
@quick
def test_recall_never_climbs_and_ends_where_no_unit_wants_to_change(seed, d):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(d, d))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    start = patterns(1, d, seed=seed)[0]
    end = sp.recall(weights, start, seed=seed)
    assert sp.energy(weights, end) <= sp.energy(weights, start)
    assert (end * (weights @ end) >= -1e-9).all()
    flipped = end.copy()
    flipped[rng.integers(d)] *= -1
    assert sp.energy(weights, flipped) >= sp.energy(weights, end) - 1e-9


def recalled(rule, k, ones=0.5, d=200, seed=0):
    z = patterns(k, d, ones, seed)
    if rule == "hebb":
        weights = sp.hebb(z)
    else:
        weights = np.zeros((d, d))
        for each in z:
            weights = sp.storkey(weights, each)
    rng, right = np.random.default_rng(seed), 0
    for each in z:
        start = each.copy()
        start[rng.choice(d, d // 10, replace=False)] *= -1
        right += (sp.recall(weights, start) == each).all()
    return right / k


def test_storkey_holds_more_than_hebb_and_bears_bias():
    """Hebb breaks at 0.138 d patterns (Amit, Gutfreund, Sompolinsky 1985)."""
    assert recalled("hebb", 10) == 1.0
    assert recalled("hebb", 40) < 0.3 < 0.9 < recalled("storkey", 40)
    assert recalled("hebb", 10, ones=0.3) < 0.5 < 0.85 < recalled("storkey", 10, 0.3)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_hopfield_networks_are_sent_within_half_a_step(bits):
    weights = np.zeros((30, 30))
    for z in patterns(4, 30):
        weights = sp.storkey(weights, z)
    data = sp.hopfield_bytes(weights, bits)
    again = sp.read_hopfield(data)
    step = np.abs(weights).max() / (2 ** (bits - 1) - 1)
    assert np.abs(again - weights).max() <= step / 2 * 1.001
    assert (again == again.T).all() and len(data) <= 30 * 29 / 2 * bits / 8 + 90
    with pytest.raises(ValueError, match="2 to 16 bits; got 1"):
        sp.hopfield_bytes(weights, 1)
    with pytest.raises(ValueError, match="symmetric weights"):
        sp.hopfield_bytes(np.triu(weights))


@pytest.mark.parametrize(
    "call",
    [
        lambda: sp.hebb(np.zeros((2, 4))),
        lambda: sp.storkey(np.zeros((4, 4)), np.array([1, 0, 1, 1])),
        lambda: sp.recall(np.zeros((4, 4)), np.array([1, 2, 1, 1])),
    ],
)
def test_patterns_are_signs(call):
    with pytest.raises(ValueError, match="made of -1 and 1"):
        call()


def test_sizes_of_hopfield_networks_must_fit():
    z = np.ones(3)
    with pytest.raises(ValueError, match=r"weights \(3, 3\) for 3 units"):
        sp.storkey(np.zeros((4, 4)), z)
    with pytest.raises(ValueError, match="weights for 3 units"):
        sp.recall(np.zeros((4, 4)), z)
    with pytest.raises(ValueError, match=r"weights \(28, 28\) and start \(28,\)"):
        sp.recover(UnitMask(NORMED), np.zeros((4, 4)), np.zeros(28), [IMAGES])
    with pytest.raises(ValueError, match="1 batches for 2 steps"):
        sp.recover(
            UnitMask(NORMED), np.zeros((28, 28)), np.zeros(28), [IMAGES], steps=2
        )


NORMED = bn_mlp(20, 16, 12, 8)


@pytest.mark.parametrize("half", [True, False])
def test_units_are_switched_off(half):
    g = UnitMask(NORMED, half=half, seed=3)
    scores = RNG.normal(size=28).astype(np.float32)
    before, after = (NORMED.layout.views(w) for w in (g.theta0, apply(g, scores)))
    for name, piece in before.items():
        if not name.endswith("gamma"):
            assert (after[name] == piece).all()
    used = np.concatenate([after["norm1.gamma"], after["norm2.gamma"]])
    assert (g.signs(scores) == 2 * used - 1).all()
    if half:
        first, second = scores[:16], scores[16:]
        wanted = [first >= np.sort(first)[8], second >= np.sort(second)[6]]
        assert (used == np.concatenate(wanted)).all()
    else:
        assert (used == (scores >= 0)).all()
    again, _ = decode(g.message(scores), NORMED)
    assert (again == apply(g, scores)).all()


def test_scores_get_the_gradients_of_their_gammas_in_torch():
    g = UnitMask(NORMED, seed=3)
    phi = Tensor(RNG.normal(size=28).astype(np.float32), requires_grad=True)
    logits = g.logits(g(phi), IMAGES)
    slope = RNG.normal(size=logits.shape).astype(np.float32)
    logits.backward(slope)
    w = {k: torch.tensor(v) for k, v in NORMED.layout.views(apply(g, phi.data)).items()}
    gammas = [w[f"norm{i}.gamma"].requires_grad_() for i in (1, 2)]
    h = torch.as_tensor(IMAGES)
    for i, gamma in enumerate(gammas, 1):
        h = torch.nn.functional.batch_norm(
            h @ w[f"dense{i}.weight"].T,
            None,
            None,
            gamma,
            w[f"norm{i}.beta"],
            training=True,
        ).relu()
    theirs = h @ w["dense3.weight"].T + w["dense3.bias"]
    np.testing.assert_allclose(logits.numpy(), theirs.detach().numpy(), atol=1e-4)
    theirs.backward(torch.as_tensor(slope))
    wanted = torch.cat([gamma.grad for gamma in gammas]).numpy()
    np.testing.assert_allclose(phi.grad, wanted, atol=1e-4)


@pytest.mark.parametrize("name", BACKENDS)
def test_units_are_switched_off_by_every_back_end(name):
    g, scores = UnitMask(NORMED), RNG.normal(size=28)
    with use("numpy"):
        theta, signs = apply(g, scores), g.signs(scores)
    with use(name):
        assert (apply(g, scores) == theta).all() and (g.signs(scores) == signs).all()


def test_what_cannot_be_masked_by_units():
    for wrong in (NET, Masked(NORMED, np.ones(NORMED.layout.size, bool))):
        with pytest.raises(ValueError, match="masked in a network with batch norms"):
            UnitMask(wrong)
    with pytest.raises(ValueError, match="need 2 images, got 1"):
        UnitMask(NORMED).logits(NORMED.init(0), IMAGES[:1])


def test_a_mask_comes_out_of_the_hopfield_network_by_images_alone():
    """Two tasks, each with its mask of units; unlabelled images find their own."""
    net = bn_mlp(60, 128, 128, 8)
    g = UnitMask(net)
    weights, stored = np.zeros((256, 256)), []
    for task in range(2):
        phi = sp.learn(net, g, blobs(task, 60, 0), lr=3e-3, seed=task).phi
        x, y = next(blobs(task, 1, 5))
        right = g.logits(apply(g, phi), x).numpy().argmax(1) == y
        assert right.mean() > 0.8
        stored.append(g.signs(phi))
        weights = sp.storkey(weights, stored[-1])
    for task in range(2):
        images = [x for x, _ in blobs(task, 60, 7)]
        start = np.mean(stored, 0) / 100
        found = sp.recover(g, weights, start, images, steps=60)
        assert (found == stored[task]).all()
