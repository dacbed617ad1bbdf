"""CPPNs: places, symmetry, the weights they write, the message, and NEAT."""

import json
from graphlib import TopologicalSorter

import numpy as np
import pytest
import torch
from engines import BACKENDS, use

from minitorch import Tensor, backend
from minitorch.data import load
from minitorch.gradcheck import gradcheck
from minitorch.models import mlp
from minitorch.random import stream
from minitorch.train import fit
from minitorch.weird import CPPNWeights, Subspace, apply, decode, neat
from minitorch.weird import cppn as C

NET = mlp(36, 12, 5)  # 6 x 6 inputs, 3 x 4 hidden units
CHOICES = [
    {},
    {"activation": "mixed", "inputs": "offsets"},
    {"activation": "relu", "inputs": "fourier", "hidden": (8, 8)},
    {"activation": "tanh", "centred": False},
    {"kind": "frozen"},
    {"kind": "random"},
    {"piece": "dense2.weight", "sources": (2, 6)},
]
every_choice = pytest.mark.parametrize("how", CHOICES, ids=str)


# ----------------------------------------------------------------------------
# Places and pictures
# ----------------------------------------------------------------------------


def test_places_are_the_middles_of_pixels():
    places = C.grid(2, 3)
    assert places.shape == (6, 2)
    np.testing.assert_allclose(places[:3, 0], [-2 / 3, 0, 2 / 3])
    assert (places[:3, 1] == -0.5).all()  # the first row is the top one


def test_a_coarse_place_lies_in_the_middle_of_its_four_finer_ones():
    fine = C.grid(28, 28).reshape(14, 2, 14, 2, 2)
    coarse = C.grid(14, 14).reshape(14, 14, 2)
    np.testing.assert_allclose(fine.mean((1, 3)), coarse, atol=1e-12)


@pytest.mark.parametrize("activation", C.ACTIVATIONS)
def test_one_picture_at_any_size(activation):
    net = C.cppn(3, activation=activation)
    theta = net.init(1)
    # Every third pixel of 15 x 15 has the place of one of 5 x 5.
    small, large = (C.paint(net, theta, size) for size in (5, 15))
    np.testing.assert_allclose(large[1::3, 1::3], small, atol=2e-6)


def test_mirrored_places_give_mirrored_pictures():
    net = C.cppn(3)
    plain, twin = (C.paint(net, net.init(2), 16, mirror=m) for m in (False, True))
    np.testing.assert_allclose(twin, twin[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(twin[:, 8:], plain[:, 8:], atol=1e-6)
    assert np.abs(plain - plain[:, ::-1]).max() > 0.1


def test_the_cppn_agrees_with_torch():
    net = C.cppn(4, 9, 6, activation="mixed")
    theta, x = net.init(3), np.random.default_rng(0).normal(size=(7, 4))
    h = torch.tensor(x, dtype=torch.float32)
    for i in (1, 2, 3):
        parts = net.layout.views(theta)
        w, b = (torch.tensor(parts[f"dense{i}.{kind}"]) for kind in ("weight", "bias"))
        h = h @ w.T + b
        if i < 3:
            a, b, c = h.tensor_split(3, dim=1)
            h = torch.cat([a.sin(), (-(b**2)).exp(), c.tanh()], dim=1)
    np.testing.assert_allclose(net(theta, x.astype(np.float32)).data, h, atol=1e-5)


@pytest.mark.parametrize("activation", ["sine", "mixed", "tanh"])
def test_gradients(activation):
    net = C.cppn(2, 6, 3, activation=activation)
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(5, 2)))
    theta = Tensor(rng.normal(size=net.layout.size), requires_grad=True)
    gradcheck(lambda t: net(t, x), theta)


def test_what_does_not_exist_is_named():
    with pytest.raises(
        ValueError, match="no activation 'cosine'; there are mixed, sine"
    ):
        C.cppn(2, activation="cosine")


# ----------------------------------------------------------------------------
# The substrate
# ----------------------------------------------------------------------------


def test_pairs_stand_in_the_order_of_a_weight_matrix():
    sources, targets = C.grid(2, 3), C.grid(1, 4)
    table = C.pairs(sources, targets).reshape(4, 6, 4)
    for o in range(4):
        for f in range(6):
            np.testing.assert_array_equal(table[o, f], [*sources[f], *targets[o]])


def test_weights_of_offsets_alone_are_a_convolution():
    places = C.pairs(C.grid(5, 5), C.grid(5, 5))
    offset = places[:, 2:] - places[:, :2]
    weights = np.sin(offset @ [2.0, 3.0]).reshape(5, 5, 5, 5)
    moved = weights[1:, 1:, 1:, 1:]
    np.testing.assert_allclose(moved, weights[:-1, :-1, :-1, :-1], atol=1e-12)


def test_soft_threshold():
    w = np.linspace(-1.5, 1.5, 301)
    out = C.soft_threshold(w)
    assert (out[np.abs(w) <= 0.2] == 0).all()
    assert out.max() == 3 and out.min() == -3
    np.testing.assert_allclose(out, -out[::-1], atol=1e-12)  # odd
    assert np.abs(np.diff(out)).max() < 0.04  # no jump, at 0.2 or anywhere


def test_fourier_features_have_length_one_in_each_wave():
    waves = C.fourier(C.grid(4, 4), np.random.default_rng(0).normal(size=(2, 5)))
    np.testing.assert_allclose(waves[:, :5] ** 2 + waves[:, 5:] ** 2, 1)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


def test_counts():
    """As the facts of this course count them: 641 numbers for 64 x 196 weights."""
    g = CPPNWeights(mlp(196, 64, 10))
    assert g.cppn.layout.size == (4 * 16 + 16) + 2 * (16 * 16 + 16) + (16 + 1) == 641
    assert g.layout.size == g.target.layout.size - 64 * 196 + 641


@every_choice
def test_only_one_piece_is_written(how):
    g = CPPNWeights(NET, seed=4, **how)
    phi = g.init(0) + np.float32(0.25)
    theta = NET.layout.views(apply(g, phi))
    for name, part in g.layout.views(phi).items():
        if not name.startswith("cppn."):
            np.testing.assert_array_equal(theta[name], part)
    moved = theta[g.piece] != NET.layout.views(apply(g, g.init(0)))[g.piece]
    assert moved.mean() > 0.9 if g.kind == "trained" else not moved.any()


@every_choice
def test_weights_start_at_hes_size(how):
    g = CPPNWeights(mlp(400, 100, 80), seed=5, **how | {"sources": None})
    written = g.target.layout.views(apply(g, g.init(0)))[g.piece]
    wanted = np.sqrt(2 / g.shape[1])
    assert abs(written.std() / wanted - 1) < 0.03
    if g.centred and g.kind != "random":
        np.testing.assert_allclose(written.mean(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("engine", BACKENDS)
def test_backends_agree(engine):
    g = CPPNWeights(NET, activation="mixed")
    wanted = apply(g, g.init(0))
    with use(engine) as kernels:
        phi = Tensor(kernels.asarray(g.init(0)), requires_grad=True)
        theta = g(phi)
        (theta * theta).sum().backward()
        np.testing.assert_allclose(theta.numpy(), wanted, atol=1e-5)
        assert np.isfinite(backend().to_numpy(phi.grad)).all()


@every_choice
def test_gradients_reach_phi(how):
    g = CPPNWeights(NET, **how)
    weights = np.random.default_rng(2).normal(size=NET.layout.size).astype(np.float32)
    phi = Tensor(g.init(0), requires_grad=True)
    (g(phi) * weights).sum().backward()
    step = 1e-2 * phi.grad / np.linalg.norm(phi.grad)
    change = weights @ (apply(g, phi.data + step) - apply(g, phi.data - step))
    np.testing.assert_allclose(change, 2 * step @ phi.grad, rtol=0.05)


def test_without_centring_one_number_moves_every_weight():
    plain, centred = (CPPNWeights(NET, centred=c) for c in (False, True))
    bias = plain.layout.slices["cppn.dense4.bias"]
    for g, moves in ((plain, True), (centred, False)):
        phi = g.init(0)
        phi[bias] += 1
        change = NET.layout.views(apply(g, phi) - apply(g, g.init(0)))[g.piece]
        np.testing.assert_allclose(change, g._scale * moves, atol=1e-6)


@pytest.mark.parametrize("how", CHOICES[:5], ids=str)
def test_asked_again_on_a_finer_grid(how):
    g = CPPNWeights(NET, **how)
    same = g.write(g.init(0), (6, 6))
    theta = NET.layout.views(apply(g, g.init(0)))["dense1.weight"]
    np.testing.assert_allclose(same, theta, atol=1e-6)
    finer = g.write(g.init(0), (18, 18))
    assert finer.shape == (12, 324)
    middles = 9 * finer.reshape(12, 18, 18)[:, 1::3, 1::3].reshape(12, 36)
    if not g.centred:
        np.testing.assert_allclose(middles, same, atol=1e-5)
    else:  # the mean that is taken off is another
        apart = middles - same
        np.testing.assert_allclose(apart, apart[:, :1] + 0 * apart, atol=1e-5)


def test_random_weights_cannot_be_asked_again():
    with pytest.raises(ValueError, match="drawn one by one"):
        CPPNWeights(NET, kind="random").write(np.zeros(1), (6, 6))


@every_choice
@pytest.mark.parametrize("bits", [1, 3, 8, 16])
def test_messages(how, bits):
    g = CPPNWeights(NET, seed=6, **how)
    start = g.init(0)
    phi = start + np.random.default_rng(bits).normal(size=start.shape) / 10
    pieces = g.layout.views(phi)
    pieces["dense1.bias"][...] = g.layout.views(start)["dense1.bias"]  # did not move
    sent = g.message(phi, bits=bits)
    theta, state = decode(sent, NET)
    assert state is None
    found = g.from_payload(g.payload(phi, bits))
    np.testing.assert_array_equal(theta, apply(g, found))
    for name, part in g.layout.views(found).items():
        change = np.abs(pieces[name] - g.layout.views(start)[name]).max()
        assert np.abs(part - pieces[name]).max() <= change / 2**bits * 1.001 + 1e-6
    body = sum(-(-part.size * bits // 8) for part in pieces.values())
    assert len(sent) < body + 4 * len(pieces) + 30


def test_maps_stack():
    g = Subspace(CPPNWeights(NET), d=20)
    theta, _ = decode(g.message(np.ones(20), bits=8), NET)
    assert theta.shape == (NET.layout.size,)


@pytest.mark.parametrize(
    "how, said",
    [
        ({"piece": "dense9.weight"}, "no matrix 'dense9.weight'"),
        ({"piece": "dense1.bias"}, "no matrix 'dense1.bias'"),
        ({"sources": (5, 7)}, "holds 35 inputs"),
        ({"kind": "evolved"}, "no 'evolved'; there are trained, frozen, random"),
        ({"inputs": "polar"}, "no 'polar'"),
    ],
)
def test_mistakes_are_named(how, said):
    with pytest.raises(ValueError, match=said):
        CPPNWeights(NET, **how)


def test_learning_beats_the_frozen_control():
    data = load("mnist").take(2000, 1000)
    net = mlp(784, 16, 10)
    found = {}
    for kind, inputs in (("trained", "offsets"), ("random", "pairs")):
        g = CPPNWeights(net, hidden=(12, 12), inputs=inputs, kind=kind)
        found[kind] = fit(net, g, data, lr=0.02, epochs=6, batch=100).test_accuracy
    assert found["trained"] > found["random"] + 0.03
    assert found["trained"] > 0.7


# ----------------------------------------------------------------------------
# NEAT
# ----------------------------------------------------------------------------


def grown(seed, steps=25):
    random = stream(seed, "test")
    genome = neat.minimal(seed)
    for _ in range(steps):
        genome = neat.mutate(genome, random)
    return genome


def by_the_book(genome, inputs):
    """Run a graph in the order that the standard library finds, not ours."""
    before = {node.id: set() for node in genome.nodes}
    for link in genome.links:
        before[link.target].add(link.source)
    bends = {node.id: node.bend for node in genome.nodes}
    values = {}
    for i in TopologicalSorter(before).static_order():  # raises where there is a circle
        if i < 4:
            values[i] = torch.tensor(inputs[:, i])
            continue
        total = torch.zeros(len(inputs), dtype=torch.float64)
        for link in genome.links:
            if link.target == i and link.on:
                total += link.weight * values[link.source]
        bend = {"sine": torch.sin, "tanh": torch.tanh, "abs": torch.abs,
                "same": lambda x: x, "bump": lambda x: torch.exp(-x * x)}  # fmt: skip
        values[i] = bend[bends[i]](total)
    return values[4].numpy()


@pytest.mark.parametrize("seed", range(6))
def test_genomes_run_as_graphs(seed):
    genome = grown(seed)
    assert len(genome.nodes) > 6
    inputs = np.random.default_rng(seed).normal(size=(20, 4))
    wanted = by_the_book(genome, inputs)
    np.testing.assert_allclose(neat.express(genome, inputs), wanted, atol=1e-9)


def test_a_new_node_changes_little_where_it_bends_nothing():
    for seed in range(20):
        child = neat.add_node(neat.minimal(3), stream(seed, "test"))
        if child.nodes[-1].bend == "same":
            before, after = (neat.paint(g, 9) for g in (neat.minimal(3), child))
            np.testing.assert_allclose(before, after, atol=1e-12)
            return
    raise AssertionError("no such node in twenty")


def test_the_same_split_gets_the_same_id():
    ids = {}
    for seed in range(30):
        child = neat.add_node(neat.minimal(seed), stream(seed, "test"))
        (off,) = [link for link in child.links if not link.on]
        assert ids.setdefault(off.source, child.nodes[-1].id) == child.nodes[-1].id
    assert len(ids) == len(set(ids.values())) == 4


def test_crossover_keeps_the_better_graph_and_mixes_weights():
    one, two = grown(1), grown(2)
    child = neat.crossover(one, two, stream(0, "test"))
    assert child.nodes == one.nodes
    theirs = {(c.source, c.target): c.weight for c in two.links}
    mixed = 0
    for link, old in zip(child.links, one.links, strict=True):
        assert (link.source, link.target, link.on) == (old.source, old.target, old.on)
        assert link.weight in (old.weight, theirs.get((link.source, link.target)))
        mixed += link.weight != old.weight
    assert mixed


def test_evolution_is_the_same_every_time_and_never_falls():
    target = neat.paint(grown(9), 16)

    def score(genome):
        return neat.likeness(neat.paint(genome, 16), target)

    runs = [neat.evolve(score, 15, population=20, seed=s) for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    scores = [value for value, _ in runs[0]]
    assert scores == sorted(scores) and scores[-1] > scores[0]
    assert all(value == score(genome) for value, genome in runs[0])


def test_a_mirrored_genome_paints_both_sides_alike():
    picture = neat.paint(grown(4), 20, mirror=True)
    np.testing.assert_allclose(picture, picture[:, ::-1], atol=1e-9)


def test_genomes_as_text():
    for seed in range(5):
        genome = grown(seed)
        assert neat.from_plain(json.loads(json.dumps(genome.plain()))) == genome


def test_likeness_is_pearsons():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 5))
    wanted = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    assert abs(neat.likeness(a, b) - wanted) < 1e-12
    assert neat.likeness(np.ones((2, 2)), b[:2, :2]) == 0
