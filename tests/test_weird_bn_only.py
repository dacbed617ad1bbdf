"""Only BatchNorm: the norm by hand, counts, what moves, removal, messages."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from engines import BACKENDS, use
from messages import damaged

from minitorch import Tensor, use_backend
from minitorch.functional import batch_norm, cross_entropy
from minitorch.models import bn_mlp, deconv_painter, mlp, resnet
from minitorch.nn import Layout, Network
from minitorch.optim import SGD, Adam
from minitorch.train import predict
from minitorch.weird import Dense, Only, Subspace, Supermask, apply, decode
from minitorch.weird import bn_only as bn

NET = bn_mlp(20, 16, 12, 4)
SMALL = resnet(8, width=2, channels=1)
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(60, 20)).astype(np.float32)
PICTURES = RNG.normal(size=(12, 1, 8, 8)).astype(np.float32)
LABELS = RNG.integers(0, 4, 60)


def train(g, steps=8, x=IMAGES, mover=Adam, lr=0.05, **how):
    """A few steps; gives phi and the statistics that they left."""
    phi, state = Tensor(g.init(0), requires_grad=True), None
    moved = mover(phi, lr, **how)
    for _ in range(steps):
        logits, state = g.net(g(phi, train=True), x, state=state, train=True)
        cross_entropy(logits, LABELS[: len(x)]).backward()
        moved.step()
    return phi.numpy().copy(), state


# ----------------------------------------------------------------------------
# The norm by hand
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (50, 1), (2, 7)])
def test_the_norm_and_its_gradients_are_torchs(shape):
    torch = pytest.importorskip("torch")
    x, grad = RNG.normal(3, 2, shape), RNG.normal(size=shape)
    gamma, beta = RNG.normal(size=(2, shape[1]))
    leaves = [torch.tensor(part, requires_grad=True) for part in (x, gamma, beta)]
    out = torch.nn.functional.batch_norm(leaves[0], None, None, *leaves[1:], True)
    out.backward(torch.tensor(grad))
    np.testing.assert_allclose(bn.normalise(x, gamma, beta), out.detach(), atol=1e-12)
    for ours, leaf in zip(bn.normalise_grad(grad, x, gamma), leaves, strict=True):
        np.testing.assert_allclose(ours, leaf.grad, atol=1e-10)
    engine = batch_norm(Tensor(x), gamma, beta)[0]
    np.testing.assert_allclose(bn.normalise(x, gamma, beta), engine.data, atol=1e-5)


# ----------------------------------------------------------------------------
# Counts
# ----------------------------------------------------------------------------

# Frankle, Schwab, Morcos (2021), table 1: depth, width, norms, all.
TABLE = [
    (14, 16, 1_120, 175_258),
    (32, 16, 2_464, 466_906),
    (56, 16, 4_256, 855_770),
    (110, 16, 8_288, 1_730_714),
    (218, 16, 16_352, 3_480_602),
    (434, 16, 32_480, 6_980_378),
    (866, 16, 64_736, 13_979_930),
    (14, 32, 2_240, 696_618),
]


@pytest.mark.parametrize(("depth", "width", "norms", "total"), TABLE)
def test_counts_are_the_papers(depth, width, norms, total):
    count = bn.resnet_numbers(depth, width)
    assert count["norms"] == norms == 14 * width * (depth + 1) // 3
    assert count["all"] == total and count["features"] == norms // 2


@pytest.mark.parametrize(("depth", "width", "channels"), [(8, 3, 1), (20, 5, 2)])
def test_counts_are_those_of_the_layout(depth, width, channels):
    net, count = (
        resnet(depth, width, channels),
        bn.resnet_numbers(depth, width, channels),
    )
    sizes = {name: np.prod(shape) for name, shape in net.layout.shapes.items()}
    norms = {n: s for n, s in sizes.items() if n.endswith((".gamma", ".beta"))}
    assert count["all"] == net.layout.size
    assert count["norms"] == sum(norms.values()) == Only(net).layout.size
    assert count["missed"] == sum(s for n, s in norms.items() if "shortcut" in n)
    assert count["output"] == Only(net, "output").layout.size
    assert count["norms"] + count["output"] == Only(net, "norms+output").layout.size
    assert 2 * len(bn.norm_names(net)) == len(norms)


def test_public_counts_that_miss_the_shortcuts():
    """Two repositories report 2,272 for ResNet-32, which is 2 W (1 + 14 n)."""
    assert bn.resnet_numbers(32)["found"] == 2_272 == 2 * 16 * (1 + 14 * 5)


def test_counts_of_mlps():
    for widths in ([20, 16, 12, 4], [784, 300, 100, 10], [5, 2]):
        assert bn.mlp_numbers(widths) == 2 * sum(widths[1:-1])
    assert bn.mlp_numbers([20, 16, 12, 4]) == Only(NET).layout.size


# ----------------------------------------------------------------------------
# What is trained, and what is not
# ----------------------------------------------------------------------------


def test_as_many_weights_elsewhere():
    for net in (NET, SMALL, resnet(14, width=4)):
        places = bn.random_places(net, seed=3)
        assert len(places) == len(set(places)) == Only(net).layout.size
        assert (np.diff(places) > 0).all()
        left = set(places.tolist())
        for name, shape in net.layout.shapes.items():
            inside = [p for p in places if p in range(*_ends(net, name))]
            left -= set(inside)
            rows = shape[0] if len(shape) > 1 and not name.startswith("dense3") else 0
            if net is NET and rows:  # two in each row
                size = net.layout.views(np.arange(net.layout.size))[name][0].size
                counts = np.bincount((np.array(inside) - _ends(net, name)[0]) // size)
                assert (counts == 2).all() and len(counts) == rows
            if len(shape) == 1:
                assert not inside
        assert not left
    assert (bn.random_places(NET, 3) != bn.random_places(NET, 4)).any()


def _ends(net, name):
    return net.layout.slices[name].start, net.layout.slices[name].stop


@pytest.mark.parametrize("pieces", bn.PIECES)
@pytest.mark.parametrize("net", [NET, SMALL], ids=["mlp", "resnet"])
def test_only_what_is_trained_moves_even_with_momentum_and_decay(net, pieces):
    g = Only(net, pieces, decay=0.1, seed=5)
    start = net.init(5)
    np.testing.assert_array_equal(apply(g, g.init(0)), start)  # the same function
    x = IMAGES if net is NET else PICTURES
    phi, state = train(g, 5, x, SGD, momentum=0.9)
    changed = apply(g, phi) != start
    still = np.ones(len(start), bool)
    still[g.places] = False
    assert not changed[still].any()
    if pieces in ("norms", "gamma", "beta"):
        assert changed[g.places].all()
    assert all((mean != 0).any() for mean, _ in state.values())
    assert set(state) == set(bn.norm_names(net))


@pytest.mark.parametrize("engine", BACKENDS)
def test_gradients_are_those_of_the_same_places_of_all_weights(engine):
    with use(engine):
        whole = Dense(NET, seed=2)
        for pieces in (*bn.PIECES, ["norm2.beta", "dense1.weight"]):
            grads = []
            for g in (whole, Only(NET, pieces, seed=2)):
                phi = Tensor(g.init(0), requires_grad=True)
                logits, _ = NET(g(phi, train=True), IMAGES, train=True)
                cross_entropy(logits, LABELS).backward()
                grads.append(np.array(Tensor(phi.grad).numpy()))
            wanted = grads[0][Only(NET, pieces, seed=2).places]
            np.testing.assert_allclose(grads[1], wanted, atol=1e-6)


def test_decay_is_that_of_the_optimiser():
    how = {"mover": SGD, "momentum": 0.9}
    ours, _ = train(Only(NET, decay=0.02), **how)
    theirs, _ = train(Only(NET), weight_decay=0.02, **how)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(ours - train(Only(NET), **how)[0]).max() > 1e-3


def test_a_test_takes_no_decay_and_gives_the_same_theta():
    g = Only(NET, decay=0.5)
    phi = Tensor(g.init(0), requires_grad=True)
    g(phi).backward(np.zeros(NET.layout.size, np.float32))
    assert not phi.grad.any()


def test_named_pieces():
    g = Only(NET, ["norm2.gamma", "dense3.bias"])
    assert list(g.layout.shapes) == ["norm2.gamma", "dense3.bias"]
    np.testing.assert_array_equal(g.init(0), [1] * 12 + [0] * 4)
    assert bn.trained_pieces(NET, "norms+output")[-1] == "dense3.bias"
    assert bn.trained_pieces(NET, "all") == list(NET.layout.shapes)
    np.testing.assert_array_equal(
        bn.only(np.arange(4.0), np.array([2, 0]), np.array([7.0, 9.0])), [9, 1, 7, 3]
    )


@pytest.mark.parametrize("gamma", bn.GAMMAS)
def test_starts_of_gamma(gamma):
    net = bn_mlp(3, 4_000, 2)
    theta = bn.start_norms(net, net.init(0), gamma, 0.5, seed=0)
    drawn = net.layout.views(theta)["norm1.gamma"]
    mean = {"ones": 1, "uniform": 0.5, "signed": 0, "normal": 0}[gamma]
    spread = {"ones": 0, "uniform": 12**-0.5, "signed": 3**-0.5, "normal": 1}[gamma]
    assert drawn.mean() == pytest.approx(mean, abs=0.05)
    assert drawn.std() == pytest.approx(spread, abs=0.02)
    assert (net.layout.views(theta)["norm1.beta"] == 0.5).all()
    others = ~np.isin(np.arange(len(theta)), Only(net).places)
    np.testing.assert_array_equal(theta[others], net.init(0)[others])


# ----------------------------------------------------------------------------
# Statistics
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("net", [NET, SMALL], ids=["mlp", "resnet"])
def test_folded_statistics_give_the_same_function(net):
    x = IMAGES if net is NET else PICTURES
    g = Only(net, gamma="normal", beta=0.3)
    phi, state = train(g, x=x)
    theta = apply(g, phi)
    folded = bn.fold(net, theta, state)
    with use_backend("numpy"):
        wanted = net(theta, x, state=state).data
        got = net(folded, x, state=bn.unit_statistics(net)).data
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    moved = np.flatnonzero(folded != theta)
    assert np.isin(moved, g.places).all()


def test_statistics_are_those_of_the_images():
    theta = Only(NET, gamma="uniform", seed=1).theta0
    views = NET.layout.views(theta)
    h = IMAGES.astype(np.float64)
    found = bn.statistics(NET, theta, IMAGES)
    for i in (1, 2):
        h = h @ views[f"dense{i}.weight"].T
        mean, var = found[f"norm{i}"]
        np.testing.assert_allclose(mean, h.mean(0), atol=1e-5)
        np.testing.assert_allclose(var, h.var(0, ddof=1), rtol=1e-4)
        affine = views[f"norm{i}.gamma"], views[f"norm{i}.beta"]
        h = np.maximum(bn.normalise(h, *affine), 0)


# ----------------------------------------------------------------------------
# Features that are switched off
# ----------------------------------------------------------------------------


def test_small_features_and_as_many_at_random():
    theta = NET.init(0)
    views = NET.layout.views(theta)
    views["norm1.gamma"][[1, 5, 7]] = [0.009, -0.009, -0.5]  # not what is negative
    off = bn.small(NET, theta)
    assert np.flatnonzero(off["norm1"]).tolist() == [1, 5] and not off["norm2"].any()
    other = bn.as_many(off, seed=1)
    assert other["norm1"].sum() == 2 and not other["norm2"].any()
    assert (other["norm1"] != off["norm1"]).any()


def test_a_smaller_network_computes_the_same():
    g = Only(NET, beta=0.5)
    phi, state = train(g)
    theta = apply(g, phi)
    off = {"norm1": RNG.random(16) < 0.5, "norm2": RNG.random(12) < 0.4}
    silent = bn.switch_off(NET, theta, off)
    wanted = NET(silent, IMAGES, state=state).numpy()
    net, smaller, kept = bn.remove(NET, silent, state, off)
    np.testing.assert_allclose(
        net(smaller, IMAGES, state=kept).numpy(), wanted, atol=1e-4
    )
    # A feature that is off still says relu(beta): without it the answers are others.
    zeroed = silent.copy()
    for name, each in off.items():
        NET.layout.views(zeroed)[f"{name}.beta"][each] = 0
    assert np.abs(NET(zeroed, IMAGES, state=state).numpy() - wanted).max() > 0.05
    # gamma is not looked at: what is removed is off, whatever it was
    again = bn.remove(NET, theta, state, off)
    np.testing.assert_array_equal(again[1], smaller)
    same = bn.remove(NET, theta, state, {})
    np.testing.assert_array_equal(same[1], theta)
    assert same[0].name == NET.name and net.layout.size < NET.layout.size


def test_the_constant_part():
    W, beta = RNG.normal(size=(5, 4)), np.array([1.0, -1.0, 2.0, 3.0])
    off = np.array([True, True, False, True])
    wanted = W @ np.array([1, 0, 0, 3])
    np.testing.assert_allclose(bn.constant_part(W, beta, off), wanted)


# ----------------------------------------------------------------------------
# Two dimensions
# ----------------------------------------------------------------------------


def test_spirals_are_one_turned_by_half_a_turn():
    x, y = bn.spirals(20_000, seed=1, turns=1.5)
    for label in (0, 1):
        own = x[y == label]
        radius = np.hypot(*own.T)
        angle = np.arctan2(own[:, 1], own[:, 0]) - 2 * np.pi * 1.5 * radius
        far = radius > 0.3
        off = (angle - np.pi * label + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(off[far]).mean() < 0.25
    assert y.mean() == pytest.approx(0.5, abs=0.02)


def test_the_plane_runs_from_the_lower_left():
    linear = Network(
        "plane", Layout({"w.weight": (1, 2)}), lambda w, x, mode: x @ w["w.weight"].T
    )
    shown = bn.plane(linear, np.array([1, 10], np.float32), None, size=3)[..., 0]
    np.testing.assert_allclose(shown, [[-11, -10, -9], [-1, 0, 1], [9, 10, 11]])


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------

RECEIVER = """\
import hashlib, sys
from minitorch.models import bn_mlp
from minitorch.weird.bn_only import received
theta, state = received(bytes.fromhex(sys.stdin.read()), bn_mlp(20, 16, 12, 4))
print(hashlib.sha256(theta.tobytes()).hexdigest())
"""


def test_a_message_says_the_same_function_in_a_fresh_process():
    g = Only(NET, gamma="uniform", seed=9)
    phi, state = train(g, 30)
    message = g.message(phi, state, bits=10)
    done = subprocess.run(
        [sys.executable, "-c", RECEIVER],
        input=message.hex(),
        env={**os.environ, "MINITORCH_NUMBA": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    theta, unit = bn.received(message, NET)
    assert done.stdout.strip() == hashlib.sha256(theta.tobytes()).hexdigest()
    for engine in BACKENDS:
        with use(engine):
            wanted = predict(NET, apply(g, phi), IMAGES, state=state)
            assert (predict(NET, theta, IMAGES, state=unit) == wanted).mean() > 0.95


@pytest.mark.parametrize("pieces", [*bn.PIECES, ["norm1.beta"]])
@pytest.mark.parametrize("bits", [4, 12])
def test_codes_are_within_half_a_step(pieces, bits):
    g = Only(NET, pieces, gamma="normal", beta=0.2, seed=4)
    phi, _ = train(g)
    theta, state = bn.received(g.message(phi, bits=bits), NET, IMAGES)
    exact = apply(g, phi)
    for part in g.layout.slices.values():
        change = np.abs(phi - g.init(0))[part].max()
        off = np.abs(theta - exact)[g.places[part]].max()
        assert off <= change / 2**bits * 1.02
    np.testing.assert_allclose(
        state["norm1"][1], bn.statistics(NET, theta, IMAGES)["norm1"][1]
    )


def test_a_message_is_as_long_as_its_numbers():
    net = resnet(14)
    g = Only(net)
    phi = RNG.normal(size=g.layout.size).astype(np.float32)
    for bits in (4, 8):
        length = len(g.message(phi, bn.unit_statistics(net), bits=bits))
        steps = 2 * len(g.layout.shapes)
        assert 0.8 * bits * 1_120 / 8 < length < bits * 1_120 / 8 + steps + 25


def test_a_subspace_of_the_norms_is_sent_and_statistics_computed_anew():
    g = Subspace(Only(NET, gamma="uniform", seed=1), d=12, seed=1)
    phi, _ = train(g, 20)
    assert g(Tensor(phi)).shape == (NET.layout.size,)
    message = g.message(phi, bits=12)
    theta, state = bn.received(message, NET, IMAGES)
    np.testing.assert_allclose(theta, apply(g, phi), atol=0.02)
    frozen = np.ones(len(theta), bool)
    frozen[Only(NET).places] = False
    np.testing.assert_array_equal(theta[frozen], NET.init(1)[frozen])
    with pytest.raises(ValueError, match="leaves statistics to the receiver"):
        bn.received(message, NET)


def test_damaged_messages_are_refused():
    g = Only(NET)
    message = g.message(g.init(0) + RNG.normal(size=56), bn.unit_statistics(NET))
    for broken in damaged(message, every=7):
        with pytest.raises(ValueError, match="not a message"):
            bn.received(broken, NET)
    with pytest.raises(ValueError, match="not a message"):
        decode(message, bn_mlp(20, 16, 13, 4))


def test_nothing_moved_is_sent():
    g = Only(NET, "random")
    theta, _ = bn.received(g.message(g.init(0)), NET, IMAGES)
    np.testing.assert_array_equal(theta, g.theta0)


# ----------------------------------------------------------------------------
# Bad input
# ----------------------------------------------------------------------------

UNIT = bn.unit_statistics(NET)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Only(mlp(4, 3, 2)), "a network with norms, got Network mlp-4-3-2"),
        (lambda: Only(Supermask(NET)), "stands on a network"),
        (lambda: Only(NET, "norm"), "no pieces 'norm'; there are norms, gamma"),
        (lambda: Only(NET, ["norm3.beta"]), "has no piece 'norm3.beta'"),
        (lambda: Only(NET, []), "has nothing of"),
        (lambda: Only(NET, gamma="one"), "there are ones, uniform, signed, normal"),
        (lambda: Only(NET, decay=-1), "decay is 0 or more"),
        (lambda: Only(NET, beta=np.nan), "beta finite"),
        (lambda: bn.random_places(mlp(4, 3, 2), 0), "no norms to count"),
        (lambda: bn.random_places(bn_mlp(1, 3, 2), 0), "3 rows of 1 weights"),
        (lambda: bn.random_places(deconv_painter(4), 0), "before it comes deconv1"),
        (lambda: bn.resnet_numbers(16), "depth 8, 14, 20, ..., got 16"),
        (lambda: bn.fold(NET, NET.init(0), {}), "norm1 of bn-mlp-.* has no running"),
        (lambda: bn.statistics(NET, NET.init(0), IMAGES[:1]), "2 images or more"),
        (lambda: bn.remove(SMALL, SMALL.init(0), {}, {}), "out of a bn_mlp"),
        (
            lambda: bn.remove(NET, NET.init(0), UNIT, {"norm1": np.ones(16, bool)}),
            r"16 features: as many booleans, and not all.*\(16,\) with 16 true",
        ),
        (
            lambda: Only(NET, "output").message(np.zeros(52), UNIT),
            "norm1.gamma is not sent",
        ),
        (lambda: Only(NET).message(np.zeros(3), UNIT), "holds 56 numbers"),
        (lambda: Only(NET).message(np.zeros(56), UNIT, bits=0), "1 to 16 bits"),
        (lambda: Only(NET).message(np.full(56, np.nan), UNIT), "not finite"),
        (lambda: Only(NET)(Tensor(np.zeros(3))), "holds 56 numbers"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_it_says_what_it_is():
    assert repr(
        Only(NET, ["norm1.beta", "norm2.beta"], gamma="uniform", decay=1e-4)
    ) == (
        "Only 2 pieces of bn-mlp-20-16-12-4: d = 28 of D = 620, gamma from uniform, "
        "decay 0.0001, seed 0"
    )
