"""Static hypernetworks: tiles, counts, init, ranks, the parametrization, messages."""

import math

import numpy as np
import pytest
import torch
from engines import BACKENDS, use
from messages import damaged, decode_alike

from minitorch import Tensor, functional
from minitorch.models import conv7, mlp
from minitorch.nn import Layout, Network
from minitorch.optim import Adam
from minitorch.weird import Dense, Hypernetwork, Subspace, apply, decode
from minitorch.weird import hypernet as hyper
from minitorch.weird.hypernet import INITS

RNG = np.random.default_rng(0)
NET = mlp(20, 16, 12, 4)
PIECES = ["dense1.weight", "dense2.weight"]
IMAGES = RNG.normal(size=(40, 20)).astype(np.float32)
LABELS = RNG.integers(0, 4, 40)


def generator(n, h, channels, M, L=1, seed=0):
    """Random z (L, n), W1, b1, W2, b2."""
    draw = np.random.default_rng(seed).normal
    shapes = [(L, n), (h, M), (M,), (n, channels * h), (channels * h,)]
    return [draw(size=shape) for shape in shapes]


def tiled(**how):
    """Two layers in tiles that do not fit: 20 x 16 and 16 x 12 from 7 x 5."""
    return Hypernetwork(NET, PIECES, n=3, h=2, tile=(7, 5), seed=4, **how)


def train(g, steps=30, lr=0.03):
    phi = Tensor(g.init(0), requires_grad=True)
    mover = Adam(phi, lr)
    losses = []
    for _ in range(steps):
        loss = functional.cross_entropy(g.net(g(phi), IMAGES), LABELS)
        losses.append(loss.item())
        loss.backward()
        mover.step()
    return phi, losses


# ----------------------------------------------------------------------------
# On plain arrays
# ----------------------------------------------------------------------------


def test_a_tile_is_what_the_paper_writes():
    """Ha, Dai, Le (2016), eq. 2: one W_i, B_i for each channel in, one W_out, B_out."""
    channels, O, k, n, h = 3, 2, 2, 4, 5
    (z,), W1, b1, W2, b2 = generator(n, h, channels, O * k * k)
    K = hyper.generate_tile(z, W1, b1, W2, b2)
    assert K.shape == (channels, O * k * k)
    for i in range(channels):
        W_i, B_i = W2[:, i * h : (i + 1) * h].T, b2[i * h : (i + 1) * h]
        a_i = W_i @ z + B_i
        for m in range(O * k * k):
            assert K[i, m] == pytest.approx(W1[:, m] @ a_i + b1[m])


def test_a_frozen_generator_is_a_random_subspace():
    z, *fixed = generator(4, 3, 5, 6, L=7)
    offset, P = hyper.frozen_generator(*fixed)
    assert offset.shape == (30,) and P.shape == (30, 4)
    for each in z:
        tile = hyper.generate_tile(each, *fixed)
        np.testing.assert_allclose(offset + P @ each, tile.reshape(-1))
    assert np.linalg.matrix_rank(P) == 4


@pytest.mark.parametrize("n, h, fan_in", [(1, 1, 9), (4, 4, 784), (16, 8, 64)])
def test_hyperfan_in_gives_he_spread(n, h, fan_in):
    z_std, w2_std = 0.3, 1.7
    std = hyper.hyperfan_in_std(fan_in, n, h, z_std, w2_std)
    draw = np.random.default_rng(n).normal
    channels, M = 4, 5
    squares = []
    for _ in range(4000):
        z, W2 = z_std * draw(size=n), w2_std * draw(size=(n, channels * h))
        W1 = std * draw(size=(h, M))
        K = hyper.generate_tile(z, W1, np.zeros(M), W2, np.zeros(channels * h))
        squares.append((K**2).mean())
    assert np.mean(squares) == pytest.approx(2 / fan_in, rel=0.15)


@pytest.mark.parametrize("n, h", [(1, 1), (4, 4), (3, 6), (6, 3)])
def test_a_generated_kernel_has_rank_n_plus_1_at_most(n, h):
    (z,), *rest = generator(n, h, 16, 8 * 9)
    K = hyper.generate_tile(z, *rest)
    kernels = K.reshape(16, 8, 3, 3).transpose(1, 0, 2, 3).astype(np.float32)
    assert hyper.kernel_rank(kernels) == h + 1
    rows = K.astype(np.float32)
    assert hyper.kernel_rank(kernels) == np.linalg.matrix_rank(rows)


def test_a_rank_of_nothing_is_zero():
    assert hyper.kernel_rank(np.zeros((2, 3, 5, 5))) == 0
    assert hyper.kernel_rank(RNG.normal(size=(9, 4))) == 4


def by_hand(n, channels, M, L):
    """Degrees of freedom for h = n, by counting what z, W2 and A, W1 can undo."""
    if n + 1 >= L:
        return L * channels * n + M * n + M - n * n - n
    numbers = L * n + M * (n + 1) + channels * n * (n + 1)
    return numbers - 2 * (n * n + n)


@pytest.mark.parametrize(
    "n, channels, M, L",
    [
        *((4, 16, 48, 1), (4, 16, 60, 1), (4, 8, 40, 2), (4, 8, 40, 3)),
        *((4, 8, 40, 5), (4, 8, 40, 6), (2, 5, 12, 9), (1, 3, 4, 2)),
    ],
)
def test_degrees_of_freedom_are_fewer_than_numbers(n, channels, M, L):
    parts = generator(n, n, channels, M, L)
    found = hyper.degrees_of_freedom(*parts)
    assert found == by_hand(n, channels, M, L)
    assert found < sum(part.size for part in parts)


def test_a_generator_of_more_numbers_than_weights_reaches_all_weights():
    assert hyper.degrees_of_freedom(*generator(6, 6, 4, 9)) == 4 * 9


def test_the_jacobian_is_that_of_torch():
    parts = generator(2, 3, 4, 5, L=3)

    def write(z, W1, b1, W2, b2):
        return (z @ W2 + b2).reshape(3, 4, 3) @ W1 + b1

    ours = hyper.generator_jacobian(*parts)
    theirs = torch.autograd.functional.jacobian(
        write, tuple(torch.tensor(part) for part in parts)
    )
    want = np.concatenate([each.reshape(60, -1).numpy() for each in theirs], axis=1)
    np.testing.assert_allclose(ours, want, atol=1e-12)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------


def test_the_counts_are_those_of_the_paper():
    net = conv7()
    g = Hypernetwork(net, ["conv2.weight"], n=4)
    shapes = net.layout.shapes
    assert math.prod(shapes["conv2.weight"]) == 12_544
    assert g.written == 4_244
    assert (net.layout.size, g.layout.size) == (21_210, 12_910)
    own = sum(
        math.prod(g.layout.shapes[name]) for name in ("z", "W1", "b1", "W2", "b2")
    )
    assert own == 4_244
    frozen = Hypernetwork(net, ["conv2.weight"], n=4, frozen=True)
    assert frozen.layout.size == 4 + 21_210 - 12_544


def test_degrees_of_freedom_of_the_paper_s_generator():
    """The rank is linear in M, so a smaller M shows what 784 gives."""
    few, more = (hyper.degrees_of_freedom(*generator(4, 4, 16, M)) for M in (20, 21))
    assert few + (more - few) * (784 - 20) == by_hand(4, 16, 784, 1) == 3_964


@pytest.mark.parametrize("engine", BACKENDS)
def test_every_tile_stands_where_it_should(engine):
    g = tiled()
    phi = np.random.default_rng(1).normal(size=g.layout.size).astype(np.float32)
    own = g.layout.views(phi)
    with use(engine):
        theta = NET.layout.views(apply(g, phi))
    first = 0
    for name in PIECES:
        shape = NET.layout.shapes[name]
        rows, columns = -(-shape[1] // 7), -(-shape[0] // 5)
        large = np.zeros((columns * 5, rows * 7))
        for place in range(rows * columns):
            r, c = divmod(place, columns)
            tile = hyper.generate_tile(
                own["z"][first + place], *(own[k] for k in ("W1", "b1", "W2", "b2"))
            )
            large[c * 5 : c * 5 + 5, r * 7 : r * 7 + 7] = tile.T
        first += rows * columns
        want = large[: shape[0], : shape[1]]
        np.testing.assert_allclose(theta[name], want, rtol=1e-4, atol=1e-4)
    assert first == g.tiles == len(own["z"])
    for name in ("dense1.bias", "dense3.weight"):
        np.testing.assert_array_equal(theta[name], own[name])


def test_an_embedding_moves_its_own_tile_only():
    g = tiled()
    phi = g.init(0)
    for tile in range(g.tiles):
        moved = phi.copy()
        g.layout.views(moved)["z"][tile] += 1
        change = NET.layout.views(apply(g, moved) - apply(g, phi))
        where = {name: np.argwhere(change[name]) for name in NET.layout.shapes}
        touched = [name for name in where if len(where[name])]
        assert len(touched) == 1 and touched[0] in PIECES
        assert (np.ptp(where[touched[0]], axis=0) < (5, 7)).all()


@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_are_those_of_torch(frozen):
    """Kernels of two tiles each way, written by the paper's formula in torch."""
    net = conv7()
    g = Hypernetwork(net, ["conv2.weight"], n=2, tile=(8, 8), frozen=frozen, seed=2)
    x = RNG.normal(size=(3, 784)).astype(np.float32)
    y = np.array([1, 5, 9])
    phi = Tensor(g.init(0), requires_grad=True)
    loss = functional.cross_entropy(net(g(phi), x), y)
    loss.backward()

    vector = torch.tensor(g.init(0), requires_grad=True)
    cut = vector.split([math.prod(s) for s in g.layout.shapes.values()])
    parts = {
        name: part.reshape(shape)
        for part, (name, shape) in zip(cut, g.layout.shapes.items(), strict=True)
    }
    parts |= {name: torch.tensor(array) for name, array in g._fixed.items()}
    rows = []
    for r in range(2):
        tiles = []
        for c in range(2):
            A = (parts["z"][2 * r + c] @ parts["W2"] + parts["b2"]).reshape(8, 2)
            K = A @ parts["W1"] + parts["b1"]
            tiles.append(K.reshape(8, 8, 7, 7).transpose(0, 1))
        rows.append(torch.cat(tiles, 0))
    kernels = torch.cat(rows, 1)
    F = torch.nn.functional
    out = torch.tensor(x).reshape(-1, 1, 28, 28)
    out = F.conv2d(out, parts["conv1.weight"], parts["conv1.bias"], padding=3)
    out = F.max_pool2d(out.relu(), 2)
    out = F.conv2d(out, kernels, parts["conv2.bias"], padding=3)
    out = F.max_pool2d(out.relu(), 2).flatten(1)
    out = F.linear(out, parts["dense1.weight"], parts["dense1.bias"])
    want = F.cross_entropy(out, torch.tensor(y))
    want.backward()
    assert loss.item() == pytest.approx(want.item(), rel=1e-4)
    got, grad = phi.grad, vector.grad.numpy()
    np.testing.assert_allclose(got, grad, atol=1e-4 * np.abs(grad).max())


def test_a_frozen_generator_does_not_move():
    g = tiled(frozen=True)
    phi, losses = train(g)
    assert losses[-1] < losses[0]
    assert not {"W1", "b1", "W2", "b2"} & set(g.layout.shapes)
    fixed = [g._fixed[name] for name in ("W1", "b1", "W2", "b2")]
    again = tiled(frozen=True)
    for one, other in zip(fixed, again._fixed.values(), strict=False):
        assert one.dtype == other.dtype == np.float32
    for name in g._fixed:
        np.testing.assert_array_equal(g._fixed[name], again._fixed[name])
    # theta is affine in phi: the midpoint of two phi gives the midpoint of the thetas
    a, b = phi.data, g.init(0)
    middle = (apply(g, a) + apply(g, b)) / 2
    np.testing.assert_allclose(apply(g, (a + b) / 2), middle, atol=1e-5)


@pytest.mark.parametrize("init", INITS)
def test_the_start_is_drawn_from_the_seed(init):
    g, same, other = tiled(init=init), tiled(init=init), tiled(init=init)
    other = Hypernetwork(NET, PIECES, n=3, h=2, tile=(7, 5), seed=5, init=init)
    np.testing.assert_array_equal(g.init(0), same.init(9))
    assert (g.init(0) != other.init(0)).any()
    rest = NET.layout.views(NET.init(4))
    own = g.layout.views(g.init(0))
    np.testing.assert_array_equal(own["dense3.weight"], rest["dense3.weight"])
    assert not own["b1"].any() and not own["b2"].any()


def test_only_hyperfan_in_writes_weights_of_he_s_spread():
    """Two layers of other fan-in, so that z has to make up for it."""
    net = mlp(256, 64, 32, 10)
    wanted = {"dense1.weight": 2 / 256, "dense2.weight": 2 / 64}
    for init, low, high in [
        ("plain", 0, 0.01),
        ("he", 20, 1e9),
        ("hyperfan-in", 0.7, 1.4),
    ]:
        for name, variance in wanted.items():
            found = []
            for seed in range(30):
                g = Hypernetwork(
                    net, list(wanted), n=8, tile=(32, 32), init=init, seed=seed
                )
                theta = net.layout.views(apply(g, g.init(0)))
                found.append(theta[name].var() / variance)
            assert low < np.mean(found) < high, (init, name)


def test_a_hypernetwork_learns():
    for g in (tiled(), Hypernetwork(NET)):
        _, losses = train(g, steps=60)
        assert losses[-1] < 0.5 * losses[0]


def test_the_largest_piece_is_written_where_none_is_named():
    assert Hypernetwork(conv7()).pieces == ("conv2.weight",)
    assert Hypernetwork(mlp(784, 300, 100, 10)).pieces == ("dense1.weight",)


def test_a_subspace_of_a_hypernetwork():
    inner = tiled()
    g = Subspace(inner, d=60, projection="dense", seed=2)
    assert g.net is NET and g.layout.size == 60
    np.testing.assert_array_equal(apply(g, g.init(0)), apply(inner, inner.init(0)))
    phi, losses = train(g, lr=0.1)
    assert losses[-1] < losses[0]
    theta, _ = decode(g.message(phi, bits=16), NET)
    np.testing.assert_allclose(theta, apply(g, phi.data), atol=2e-2)


def test_a_hypernetwork_of_a_subspace_s_numbers_is_refused():
    with pytest.raises(ValueError, match="writes matrices and kernels"):
        Hypernetwork(Subspace(NET, d=10))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Hypernetwork(NET, ["dense9.weight"]), "of dense1.weight, dense2"),
        (lambda: Hypernetwork(NET, ["dense1.bias"]), "got dense1.bias"),
        (lambda: Hypernetwork(NET, []), "got none"),
        (lambda: Hypernetwork(NET, ["dense1.weight"] * 2), "each once"),
        (
            lambda: Hypernetwork(conv7(), ["conv2.weight", "dense1.weight"]),
            "one window",
        ),
        (lambda: Hypernetwork(NET, n=0), "n = 0"),
        (lambda: Hypernetwork(NET, tile=(0, 4)), r"tile = \(0, 4\)"),
        (lambda: Hypernetwork(NET, init="xavier"), "'xavier'"),
        (lambda: Hypernetwork(NET, n=70_000), "1 to 65,535"),
    ],
)
def test_what_cannot_be_written_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def solutions():
    return [
        (g, train(g, steps=10)[0])
        for g in (tiled(), tiled(frozen=True), tiled(init="plain"), Hypernetwork(NET))
    ]


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_decoded_numbers_are_half_a_step_off_at_most(bits):
    for g, phi in solutions():
        _, rest = type(g).from_spec(g.spec() + b"more", NET)
        assert rest == b"more"
        back = g.from_payload(g.payload(phi.data, bits))
        moved = g.layout.views(phi.data - g.init(0))
        off = g.layout.views(np.abs(back - phi.data))
        for name, change in moved.items():
            step = 2 * np.abs(change).max() / 2**bits
            most = step * (1.01 if bits == 16 else 0.51) + 1e-6
            assert off[name].max() <= most
        theta, state = decode(g.message(phi, bits=bits), NET)
        assert state is None
        np.testing.assert_array_equal(theta, apply(g, back))


def test_a_start_that_did_not_move_costs_almost_nothing():
    g = Hypernetwork(conv7(), seed=3)
    still = g.message(g.init(0))
    assert len(still) < 150
    np.testing.assert_array_equal(decode(still, conv7())[0], apply(g, g.init(0)))


def test_a_hypernetwork_of_the_common_net_is_shorter_than_its_weights():
    net = mlp(784, 300, 100, 10, bias=False)
    g = Hypernetwork(net, ["dense1.weight", "dense2.weight"], n=8, tile=(28, 100))
    draw = np.random.default_rng(0).normal
    noise = [draw(size=each.layout.size).astype(np.float32) for each in (g, Dense(net))]
    lengths = [
        len(m.message(v, bits=8)) for m, v in zip((g, Dense(net)), noise, strict=True)
    ]
    assert lengths[0] < lengths[1] / 40


def test_a_fresh_process_decodes_the_same_bytes():
    decode_alike([(NET, g.message(phi, bits=6)) for g, phi in solutions()], IMAGES)


def test_a_damaged_message_is_refused():
    for g, phi in solutions():
        message = g.message(phi, bits=3)
        for each in damaged(message, every=23):
            with pytest.raises(ValueError, match="bytes are not a message for mlp-20-"):
                decode(each, NET)


def test_kernels_of_two_layers_share_a_generator():
    layout = Layout({"a.weight": (4, 6, 3, 3), "b.weight": (6, 4, 3, 3)})
    net = Network("two", layout, lambda weights, x, mode: x)
    g = Hypernetwork(net, list(layout.shapes), n=2, tile=(2, 2))
    assert g.tiles == 12
    phi = g.init(0)
    g.layout.views(phi)["z"][:] = [1, -1]
    theta = layout.views(apply(g, phi))
    block = theta["a.weight"][:2, :2]
    for piece in theta.values():
        rows, columns = piece.shape[0] // 2, piece.shape[1] // 2
        np.testing.assert_allclose(piece, np.tile(block, (rows, columns, 1, 1)))
