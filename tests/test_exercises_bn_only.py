"""The exercises of "Only BatchNorm", beyond what all chapters' tests ask."""

import inspect

import numpy as np
import planted
import pytest

from minitorch.grading.chapters import bn_only as chapter
from minitorch.grading.driver import call_here, judge_answer
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.references import bn_only as reference
from minitorch.grading.spec import personal_rng
from minitorch.models import bn_mlp, resnet
from minitorch.random import stream
from minitorch.weird import bn_only as method

SEEDS = range(10)
SPECS = {each.id: each for each in chapter.EXERCISES}


def verdict(id, function, seed=0):
    return check_with(Answer(SPECS[id], function), np.random.default_rng(seed))


def cases(name, seeds=SEEDS):
    make = SPECS[f"bn_only/{name}"].cases
    return [args for seed in seeds for args in make(np.random.default_rng(seed))]


# -- the references -----------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "width", "norms"),
    [
        (14, 16, 1_120),
        (32, 16, 2_464),
        (56, 16, 4_256),
        (110, 16, 8_288),
        (218, 16, 16_352),
        (434, 16, 32_480),
        (866, 16, 64_736),
        (14, 32, 2_240),
        (14, 64, 4_480),
        (14, 512, 35_840),
    ],
)
def test_the_count_is_that_of_the_papers_table(depth, width, norms):
    assert reference.count(depth, width) == norms


@pytest.mark.parametrize(
    ("depth", "width", "channels"), [(8, 5, 1), (14, 16, 3), (20, 7, 2)]
)
def test_counts_are_those_of_the_network(depth, width, channels):
    net = resnet(depth, width, channels)
    norms, total, sent = reference.own_network(depth, width, channels, 10, 6)
    assert norms == reference.count(depth, width)
    assert norms == method.resnet_numbers(depth, width, channels)["norms"]
    assert total == net.layout.size and sent == norms * 6 / 8


def test_totals_are_those_of_the_papers_table():
    totals = {14: 175_258, 32: 466_906, 56: 855_770, 110: 1_730_714, 866: 13_979_930}
    for depth, total in totals.items():
        assert reference.own_network(depth, 16, 3, 10, 8)[1] == total


def test_the_norms_gradients_are_torchs_and_the_methods():
    torch = pytest.importorskip("torch")
    for grad, x, gamma, eps in cases("normalise_grad", range(4)):
        found = reference.normalise_grad(grad, x, gamma, eps)
        beta = np.zeros_like(gamma)
        parts = [torch.tensor(each, requires_grad=True) for each in (x, gamma, beta)]
        y = torch.nn.functional.batch_norm(
            parts[0], None, None, *parts[1:], training=True, eps=eps
        )
        y.backward(torch.tensor(grad))
        exact = x.dtype == np.float64
        ours = method.normalise_grad(grad, x, gamma, eps)
        for a, b, part in zip(found, ours, parts, strict=True):
            atol = 1e-9 if exact else 2e-5
            np.testing.assert_allclose(a, part.grad.numpy(), rtol=1e-5, atol=atol)
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=atol)


def test_a_step_is_torchs_with_the_norms_alone_in_the_optimiser():
    torch = pytest.importorskip("torch")
    for theta, grad, speed, shapes, running, batch, lr, decay in cases("freeze"):
        args = grad, speed, shapes, running, batch, lr, decay
        after, new, statistics = reference.freeze(theta, *args)
        start = 0
        for name, shape in shapes.items():
            part = slice(start, start + int(np.prod(shape)))
            start = part.stop
            if not name.endswith((".gamma", ".beta")):
                np.testing.assert_array_equal(after[part], theta[part])
                continue
            piece = torch.tensor(theta[part], requires_grad=True)
            mover = torch.optim.SGD([piece], lr=lr, momentum=0.9, weight_decay=decay)
            mover.state[piece]["momentum_buffer"] = torch.tensor(speed[part])
            piece.grad = torch.tensor(grad[part])
            mover.step()
            found = piece.detach().numpy()
            np.testing.assert_allclose(after[part], found, rtol=1e-5, atol=1e-6)
            found = mover.state[piece]["momentum_buffer"].numpy()
            np.testing.assert_allclose(new[part], found, rtol=1e-5, atol=1e-6)
        means = torch.tensor(running).lerp(torch.tensor(batch), 0.1)
        np.testing.assert_allclose(statistics, means, rtol=1e-5, atol=1e-6)


def test_what_a_step_trains_is_what_the_method_trains():
    net = resnet(8, 4)
    ones = np.ones(net.layout.size)
    none = np.zeros((2, 0))
    args = ones, 0 * ones, net.layout.shapes, none, none, 0.5, 0.0
    after, _, _ = reference.freeze(ones, *args)
    np.testing.assert_array_equal(np.flatnonzero(after != 1), method.Only(net).places)
    assert (after != 1).sum() == reference.count(8, 4)


def test_the_chosen_weights_are_the_methods():
    net, seed = bn_mlp(5, 3, 4, 2), 3
    theta = net.init(0).astype(np.float64)
    places = method.random_places(net, seed)
    expected = theta.copy()
    expected[places] = 1000 + np.arange(len(places))
    views, start = net.layout.views(theta), 1000
    for name in ("dense1.weight", "dense2.weight"):
        W = views[name]
        u = stream(seed, f"bn only/{name}").random_sample(W.shape)
        # The method's places rise in each row; here the first is where u is smallest.
        order = u.argsort(axis=1)[:, :2]
        phi = start + 2 * np.arange(len(W))[:, None] + order.argsort(axis=1)
        found = reference.equal_count(W, u, phi.astype(float))
        np.testing.assert_array_equal(found, net.layout.views(expected)[name])
        start += 2 * len(W)


def test_two_weights_a_feature_and_all_others_to_the_bit():
    for W, u, phi in cases("equal_count"):
        found = reference.equal_count(W, u, phi)
        changed = (found != W).reshape(len(W), -1)
        assert (changed.sum(axis=1) == 2).all()
        assert np.isin(found[found != W], phi).all()


def test_the_smaller_network_is_the_methods_and_says_the_same():
    rng = np.random.default_rng(0)
    for seed in range(5):
        net = bn_mlp(6, 9, 3)
        theta = method.start_norms(net, net.init(seed), "signed", 0.0, seed)
        views = net.layout.views(theta)
        views["norm1.beta"][:] = rng.normal(size=9)
        views["dense2.bias"][:] = rng.normal(size=3)
        views["norm1.gamma"][[1, 4]] = 0
        statistics = rng.normal(size=9), rng.uniform(0.5, 2, 9)
        state = {"norm1": tuple(each.astype(np.float32) for each in statistics)}
        norm = np.stack([views["norm1.gamma"], views["norm1.beta"], *state["norm1"]])
        V, c = views["dense2.weight"], views["dense2.bias"]
        found = reference.remove_features(views["dense1.weight"], norm, V, c, 0.01)
        off = method.small(net, theta, 0.01)
        smaller, small_theta, small_state = method.remove(net, theta, state, off)
        ours = smaller.layout.views(small_theta)
        np.testing.assert_array_equal(found[0], ours["dense1.weight"])
        np.testing.assert_array_equal(found[1][0], ours["norm1.gamma"])
        np.testing.assert_array_equal(found[1][2:], small_state["norm1"])
        np.testing.assert_array_equal(found[2], ours["dense2.weight"])
        np.testing.assert_allclose(found[3], ours["dense2.bias"], rtol=1e-6)
        x = rng.normal(size=(20, 6)).astype(np.float32)
        answers = [
            np.asarray(each(t, x, state=s).data)
            for each, t, s in ((net, theta, state), (smaller, small_theta, small_state))
        ]
        np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5)


def test_as_many_are_chosen_in_each_layer_among_all_features():
    often = np.zeros((3, 6))
    off = np.arange(6) < np.array([[1], [3], [5]])
    rng = np.random.default_rng(0)
    for seed in range(400):
        found = reference.as_many(off, rng.random(off.shape))
        ours = method.as_many({"a": off[1]}, seed)["a"]
        assert found[1].sum() == ours.sum() == 3
        assert (found.sum(axis=1) == [1, 3, 5]).all()
        often += found / 400
    assert np.abs(often - off.mean(axis=1, keepdims=True)).max() < 0.09


def test_a_folded_norm_is_torchs_in_a_test():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(7, 1))
    for gamma, beta, mean, var, eps in cases("fold", range(4)):
        a, b = reference.fold(gamma, beta, mean, var, eps)
        parts = [torch.tensor(each) for each in (mean, var, gamma, beta)]
        inputs = torch.tensor(x * np.ones_like(gamma), dtype=parts[0].dtype)
        found = torch.nn.functional.batch_norm(inputs, *parts, training=False, eps=eps)
        np.testing.assert_allclose(a * x + b, found, rtol=1e-5, atol=1e-5)


def test_training_is_torchs():
    torch = pytest.importorskip("torch")
    for args in cases("only_norms", range(2)):
        W, gamma, beta, V, batches, answers, test, lr, decay = args
        norm = torch.nn.BatchNorm1d(len(W), dtype=torch.float64)
        norm.weight.data, norm.bias.data = torch.tensor(gamma), torch.tensor(beta)
        mover = torch.optim.SGD(norm.parameters(), lr=lr, weight_decay=decay)
        said = []
        for x, y in zip(batches, answers, strict=True):
            x, y = torch.tensor(x @ W.T), torch.tensor(y)
            norm.train()
            before = norm.running_var.clone()
            mover.zero_grad()
            ((torch.relu(norm(x)) @ torch.tensor(V) - y) ** 2).mean().backward()
            mover.step()
            # Torch keeps the variance divided by N - 1; here it is the batch's own.
            norm.running_var = 0.9 * before + 0.1 * x.var(0, correction=0)
            norm.eval()
            with torch.no_grad():
                out = torch.relu(norm(torch.tensor(test @ W.T))) @ torch.tensor(V)
            said.append(out.numpy())
        found = reference.only_norms(*args)
        np.testing.assert_array_equal(found[0], W)
        np.testing.assert_array_equal(found[3], V)
        np.testing.assert_allclose(found[1], norm.weight.detach())
        np.testing.assert_allclose(found[2], norm.bias.detach())
        np.testing.assert_allclose(found[4], said)


def test_each_student_has_another_network():
    found = set()
    for student in range(40):
        rng = personal_rng("bn_only/own_network", f"s{student}")
        (args,) = SPECS["bn_only/own_network"].cases(rng)
        assert args[0] >= 14 and (args[0] - 2) % 6 == 0 and args[3] != 10
        found.add(args)
    assert len(found) == 40


def test_references_are_short():
    for name in (each.id.split("/")[1] for each in SPECS.values()):
        if hasattr(reference, name):
            source = inspect.getsource(getattr(reference, name))
            body = source.rsplit('"""', 1)[1].strip().splitlines()
            assert len(body) <= 12, name


# -- answers that are right in another way ------------------------------------


def by_formula(depth, width):
    return 14 * width * (depth + 1) // 3


def by_the_chain_rule(grad, x, gamma, eps):
    N = len(x)
    centred = x - x.mean(0)
    var = (centred**2).mean(0)
    root = (var + eps) ** -0.5
    dz = grad * gamma
    dvar = (dz * centred).sum(0) * -0.5 * root**3
    dmean = -(dz * root).sum(0) + dvar * (-2 * centred).mean(0)
    dx = dz * root + dvar * 2 * centred / N + dmean / N
    return dx, (grad * centred * root).sum(0), grad.sum(0)


def by_pieces(theta, grad, speed, shapes, running, batch, lr, decay):
    theta, speed, at = theta.copy(), speed.copy(), 0
    for name, shape in shapes.items():
        stop = at + int(np.prod(shape))
        if name.split(".")[-1] in {"gamma", "beta"}:
            speed[at:stop] = 0.9 * speed[at:stop] + grad[at:stop]
            speed[at:stop] += decay * theta[at:stop]
            theta[at:stop] -= lr * speed[at:stop]
        at = stop
    return theta, speed, running + 0.1 * (batch - running)


def by_a_partition(W, u, phi):
    rows = W.reshape(len(W), -1).copy()
    for row, draws, numbers in zip(rows, u.reshape(rows.shape), phi, strict=True):
        first, second = sorted(range(len(row)), key=lambda i: draws[i])[:2]
        row[first], row[second] = numbers
    return rows.reshape(W.shape)


def by_deleting(W, norm, V, c, threshold):
    gone = np.flatnonzero(np.abs(norm[0]) < threshold)
    shift = sum((V[:, i] * max(norm[1, i], 0) for i in gone), 0 * c)
    return (
        np.delete(W, gone, axis=0),
        np.delete(norm, gone, axis=1),
        np.delete(V, gone, axis=1),
        c + shift,
    )


def by_the_kth_smallest(off, u):
    counts = off.sum(axis=1)
    rows = [
        row <= np.sort(row)[k - 1] if k else np.zeros(len(row), bool)
        for row, k in zip(u, counts, strict=True)
    ]
    return np.array(rows)


def by_two_points(gamma, beta, mean, var, eps):
    at_zero, at_one = (
        gamma * (x - mean) / (var + eps) ** 0.5 + beta for x in (0.0, 1.0)
    )
    return at_one - at_zero, at_zero


def by_layers(depth, width, channels, classes, bits):
    net = resnet(depth, width, channels)
    norms = sum(
        net.layout.shapes[f"{n}.{w}"][0]
        for n in method.norm_names(net)
        for w in ("gamma", "beta")
    )
    total = net.layout.size + (classes - 10) * (4 * width + 1)
    return [norms, total, -(-norms * bits // 8)]


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("bn_only/count", by_formula),
        ("bn_only/normalise_grad", by_the_chain_rule),
        ("bn_only/freeze", by_pieces),
        ("bn_only/equal_count", by_a_partition),
        ("bn_only/remove_features", by_deleting),
        ("bn_only/as_many", by_the_kth_smallest),
        ("bn_only/fold", by_two_points),
        ("bn_only/own_network", by_layers),
    ],
)
def test_other_right_answers_pass(id, function):
    for seed in SEEDS:
        assert verdict(id, function, seed), (seed, verdict(id, function, seed))


# -- what is at the edge, and how things are told -----------------------------


def edge(id, function):
    told = judge_answer(SPECS[id], call_here(function), np.random.default_rng(0))
    return told.edge and told.status == "not yet"


def test_a_gamma_exactly_at_the_threshold_is_an_edge():
    def beyond(W, norm, V, c, threshold):
        return by_deleting(W, norm, V, c, np.nextafter(threshold, 1))

    assert edge("bn_only/remove_features", beyond)


def test_a_layer_without_small_features_is_an_edge():
    def one_at_least(off, u):
        counts = np.maximum(off.sum(axis=1, keepdims=True), 1)
        return u.argsort(axis=1).argsort(axis=1) < counts

    assert edge("bn_only/as_many", one_at_least)


def test_a_frozen_weight_that_moves_by_one_bit_is_told():
    def nearly(*args):
        after, speed, running = by_pieces(*args)
        after[0] = np.nextafter(after[0], 9)
        return after, speed, running

    said = repr(verdict("bn_only/freeze", nearly))
    assert "conv.weight after the step, which is frozen" in said


def test_the_speed_of_frozen_weights_is_free():
    def other(*args):
        after, speed, running = by_pieces(*args)
        return after, np.where(after == args[0], 7, speed), running

    assert verdict("bn_only/freeze", other)


def test_the_shape_of_a_network_that_did_not_shrink_is_explained():
    def set_to_zero(W, norm, V, c, threshold):
        norm = norm.copy()
        norm[0] *= np.abs(norm[0]) >= threshold
        return W, norm, V, c

    said = repr(verdict("bn_only/remove_features", set_to_zero))
    assert "of 3 features that are left" in said and "still there" in said


def test_the_right_count_for_another_network_does_not_pass():
    told = verdict("bn_only/count", lambda depth, width: 14 * 16 * (depth + 1) // 3)
    assert told.status == "not yet" and "right for W = 16 only" in repr(told)


# -- the planted bugs ---------------------------------------------------------

FIXES = {
    "decay": (
        "        W, gamma, beta = kept * W, kept * gamma, kept * beta\n",
        "        gamma, beta = kept * gamma, kept * beta\n",
    ),
    "output": ("        V = V - lr * off @ h\n", ""),
    "test": (
        "        z = (t - t.mean(0)) / np.sqrt(t.var(0) + 1e-5)\n",
        "        z = (t - mean) / np.sqrt(var + 1e-5)\n",
    ),
}


def mended(*names):
    return planted.mended(SPECS["bn_only/only_norms"], FIXES, names)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("decay", "The frozen weights decay"),
        ("output", "The output V follows its gradient"),
        ("test", "Test inputs are standardised by their own mean"),
    ],
)
def test_each_planted_bug_is_found_when_it_alone_is_left(left, said):
    others = [name for name in FIXES if name != left]
    for seed in SEEDS:
        assert said in repr(verdict("bn_only/only_norms", mended(*others), seed))
    spec, call = SPECS["bn_only/only_norms"], call_here(mended(*FIXES))
    assert judge_answer(spec, call, np.random.default_rng(0)).status == "passed"


def test_the_planted_loops_loss_falls_and_its_answers_depend_on_company():
    rng = np.random.default_rng(0)
    W, V = rng.normal(size=(20, 4)), rng.normal(size=20)
    x = rng.normal(size=(60, 32, 4))
    y = np.abs(x).sum(axis=2)
    test = rng.normal(size=(50, 4))
    args = W, np.ones(20), np.zeros(20), V, x, y, test, 0.01, 0.01
    said = mended()(*args)[4]
    losses = ((said - np.abs(test).sum(axis=1)) ** 2).mean(axis=1)
    assert losses[-1] < losses[0] / 2
    alone = [f(*args[:6], test[:1], *args[7:])[4] for f in (mended(), mended(*FIXES))]
    whole = mended(*FIXES)(*args)[4]
    assert abs(alone[0][-1, 0] - said[-1, 0]) > 0.1
    np.testing.assert_allclose(alone[1][:, 0], whole[:, 0])
