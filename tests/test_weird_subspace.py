"""Random subspaces: the projections, the parametrization, and the message."""

import tracemalloc

import numpy as np
import pytest
from engines import BACKENDS, use
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from messages import damaged, decode_alike
from scipy.linalg import hadamard

from minitorch import Tensor, backend, functional
from minitorch.models import lenet, mlp
from minitorch.nn import Layout
from minitorch.optim import SGD, Adam
from minitorch.train import predict
from minitorch.weird import Dense, Parametrization, Subspace, apply, decode
from minitorch.weird import subspace as sub
from minitorch.weird.subspace import (
    PROJECTIONS,
    LowRankProjection,
    dequantise,
    quantise,
)

quick = settings(max_examples=30, derandomize=True, deadline=None, database=None)
# The one for theta's matrices has tests of its own: its d is not free.
FREE = [name for name in PROJECTIONS if name != "low-rank"]
every_projection = pytest.mark.parametrize("name", FREE)
SIZES = [(1000, 30), (1000, 1), (513, 513), (1025, 1024), (199, 128), (5, 3), (1, 1)]


def matrix(P, d):
    """Write a projection out as a matrix, (D, d)."""
    return np.stack([P.apply(column) for column in np.eye(d, dtype=np.float32)], 1)


# ----------------------------------------------------------------------------
# Projections
# ----------------------------------------------------------------------------


@every_projection
@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize("D, d", SIZES)
def test_adjoint_is_the_transpose(name, engine, D, d):
    rng = np.random.default_rng(D + d)
    x, y = (rng.normal(size=n).astype(np.float32) for n in (d, D))
    with use(engine) as kernels:
        P = PROJECTIONS[name](D, d, seed=1)
        results = P.apply(kernels.asarray(x)), P.adjoint(kernels.asarray(y))
        forward, back = map(kernels.to_numpy, results)
    assert forward.shape == (D,) and forward.dtype == np.float32
    assert back.shape == (d,) and back.dtype == np.float32
    # <P x, y> = <x, P^T y>, as exactly as float32 adds up.
    scale = np.linalg.norm(forward) * np.linalg.norm(y)
    np.testing.assert_allclose(forward @ y, x @ back, atol=1e-5 * scale, rtol=0)


@every_projection
@pytest.mark.parametrize("D, d", SIZES)
def test_backends_agree(name, D, d):
    rng = np.random.default_rng(D)
    x, y = (rng.normal(size=n).astype(np.float32) for n in (d, D))
    results = []
    for engine in BACKENDS:
        with use(engine) as kernels:
            P = PROJECTIONS[name](D, d, seed=1)
            pair = P.apply(kernels.asarray(x)), P.adjoint(kernels.asarray(y))
            results.append([kernels.to_numpy(each) for each in pair])
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            scale = max(1, np.abs(one).max())
            np.testing.assert_allclose(one, other, atol=2e-6 * scale, rtol=0)


@every_projection
@pytest.mark.parametrize("D, d", SIZES)
def test_columns_have_length_one(name, D, d):
    lengths = np.linalg.norm(matrix(PROJECTIONS[name](D, d, seed=2), d), axis=0)
    # Fastfood's have it on average, and exactly where its blocks fill theta.
    exact = name != "fastfood"
    np.testing.assert_allclose(lengths, 1, atol=1e-5 if exact else 2.5 / np.sqrt(D))


def test_fastfood_columns_where_blocks_fill_theta():
    lengths = np.linalg.norm(matrix(PROJECTIONS["fastfood"](1024, 60, 2), 60), axis=0)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


@every_projection
def test_columns_are_nearly_orthogonal(name):
    D, d = 3000, 200
    P = matrix(PROJECTIONS[name](D, d, seed=3), d)
    others = (P.T @ P)[~np.eye(d, dtype=bool)]
    assert np.sqrt((others**2).mean()) < 3 / np.sqrt(D)


@pytest.mark.parametrize(
    "name, low, high",
    [
        ("dense", 1, 1),
        # Without G and Pi, H undoes itself and each column holds a single one.
        ("fastfood", 0.99, 1),
        ("sparse", 100 / 10_000, 100 / 10_000),
        ("coordinates", 1 / 10_000, 1 / 10_000),
    ],
)
def test_how_much_of_a_column_is_not_zero(name, low, high):
    P = matrix(PROJECTIONS[name](10_000, 50, seed=4), 50)
    fractions = (P != 0).mean(axis=0)
    assert low <= fractions.min() and fractions.max() <= high


@quick
@given(st.integers(1, 3000), st.integers(0, 1000))
def test_a_sparse_column_hits_each_place_once(D, seed):
    d = min(D, 50)
    P = matrix(PROJECTIONS["sparse"](D, d, seed), d)
    k = round(D**0.5)
    assert ((P != 0).sum(axis=0) == k).all()
    np.testing.assert_allclose(np.abs(P[P != 0]), 1 / np.sqrt(k), rtol=1e-6)


def test_sparse_entries_reach_all_of_theta_with_both_signs():
    P = matrix(PROJECTIONS["sparse"](97, 97, seed=0), 97)
    assert (P != 0).any(axis=1).all()
    assert abs(np.sign(P).sum()) < 4 * np.sqrt((P != 0).sum())


@every_projection
def test_seeds(name):
    def drawn(seed):
        return matrix(PROJECTIONS[name](300, 20, seed), 20).tobytes()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@every_projection
def test_a_projection_is_drawn_once(name):
    P = PROJECTIONS[name](300, 20, seed=1)
    phi = np.ones(20, np.float32)
    first = P.apply(phi).tobytes()
    P.adjoint(np.ones(300, np.float32))
    assert P.apply(phi).tobytes() == first
    assert (phi == 1).all()


def test_fastfood_needs_little_memory():
    D, d = 2**20, 1000
    tracemalloc.start()
    P = PROJECTIONS["fastfood"](D, d, seed=0)
    theta = P.apply(np.ones(d, np.float32))
    P.adjoint(theta)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert P.nbytes == 3 * 4 * D
    assert peak < 64 * 2**20  # a dense P would take 4 GB


@every_projection
def test_nbytes_is_what_is_held(name):
    P = PROJECTIONS[name](1000, 30, seed=0)
    held = [a for a in vars(P).values() if isinstance(a, np.ndarray)]
    assert P.nbytes == sum(a.nbytes for a in held)


# ----------------------------------------------------------------------------
# The functions on plain arrays
# ----------------------------------------------------------------------------


def test_unit_columns():
    P = np.random.default_rng(0).normal(size=(7, 3)) * [1, 10, 0.1]
    unit = sub.unit_columns(P)
    np.testing.assert_allclose((unit**2).sum(axis=0), 1)
    np.testing.assert_allclose(unit / unit[0], P / P[0])


@pytest.mark.parametrize("n", [1, 2, 4, 8, 64, 256])
def test_fwht_is_multiplication_by_hadamards_matrix(n):
    x = np.random.default_rng(n).normal(size=n)
    before = x.copy()
    np.testing.assert_allclose(sub.fwht(x), hadamard(n) @ x, atol=1e-12 * n)
    np.testing.assert_allclose(sub.fwht(sub.fwht(x)), n * x, atol=1e-12 * n)
    assert (x == before).all()


@pytest.mark.parametrize("n", [0, 3, 12])
def test_fwht_needs_a_power_of_two(n):
    with pytest.raises(ValueError, match=f"power of two, got {n}"):
        sub.fwht(np.zeros(n))


def one_block(L, seed=0):
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], L), rng.permutation(L), rng.normal(size=L)


def fastfood_matrix(B, Pi, G, D, d):
    L = len(G)
    H = hadamard(L)
    full = H @ np.diag(G) @ np.eye(L)[Pi] @ H @ np.diag(B)
    return full[:D, :d] / np.sqrt(D * (G**2).sum())


@pytest.mark.parametrize("L, D, d", [(1, 1, 1), (8, 8, 8), (16, 11, 3), (64, 40, 64)])
def test_fastfood_and_its_gradient_are_a_matrix_and_its_transpose(L, D, d):
    B, Pi, G = one_block(L)
    P = fastfood_matrix(B, Pi, G, D, d)
    rng = np.random.default_rng(1)
    phi, grad = rng.normal(size=d), rng.normal(size=D)
    np.testing.assert_allclose(sub.fastfood(phi, B, Pi, G, D), P @ phi)
    np.testing.assert_allclose(sub.fastfood_grad(grad, B, Pi, G, d), P.T @ grad)


def test_fastfood_columns_have_length_one():
    B, Pi, G = one_block(256)
    for D, slack in [(256, 1e-12), (200, 0.2)]:
        P = fastfood_matrix(B, Pi, G, D, 100)
        np.testing.assert_allclose((P**2).sum(axis=0), 1, atol=slack)
        np.testing.assert_allclose((P**2).sum(axis=0).mean(), 1, atol=slack / 5)


@pytest.mark.parametrize("D, d", [(60, 33), (64, 64), (40, 40)])
def test_the_function_is_one_block_of_the_projection(D, d):
    P = PROJECTIONS["fastfood"](D, d, seed=6)
    block = P._B.ravel(), P._Pi, P._G
    rng = np.random.default_rng(0)
    phi, grad = (rng.normal(size=n).astype(np.float32) for n in (d, D))
    np.testing.assert_allclose(sub.fastfood(phi, *block, D), P.apply(phi), atol=1e-5)
    back = sub.fastfood_grad(grad, *block, d)
    np.testing.assert_allclose(back, P.adjoint(grad), atol=1e-5)


def test_the_projection_is_blocks_side_by_side():
    D, d, L = 45, 11, 16
    P = PROJECTIONS["fastfood"](D, d, seed=6)
    blocks = P._B.shape[1]
    assert P._B.shape == (L, 3)
    phi = np.random.default_rng(0).normal(size=d).astype(np.float32)
    columns = []
    for b in range(blocks):
        B, G = P._B[:, b], P._G.reshape(L, blocks)[:, b]
        Pi = P._Pi.reshape(L, blocks)[:, b] // blocks
        scale = np.sqrt(L * (G**2).sum())  # the function scales a block by itself
        columns.append(sub.fastfood(phi, B, Pi, G, L) * scale)
    want = np.stack(columns, axis=1).ravel()[:D]
    np.testing.assert_allclose(P.apply(phi), want, atol=1e-5)


@quick
@given(
    hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3)),
    st.integers(1, 16),
)
def test_quantised_coordinates_are_off_by_half_a_step_at_most(phi, bits):
    if not phi.any():
        with pytest.raises(ValueError, match="zero everywhere"):
            sub.quantise(phi, bits)
        return
    codes, step = sub.quantise(phi, bits)
    assert codes.dtype.kind == "i"
    assert codes.min() >= 0 and codes.max() < 2**bits
    back = sub.dequantise(codes, step, bits)
    assert np.abs(back - phi).max() <= step * (0.5 + 1e-9)
    assert step == pytest.approx(2 * np.abs(phi).max() / 2**bits)
    np.testing.assert_allclose(sub.dequantise(2**bits - 1 - codes, step, bits), -back)


# Mean accuracies over three seeds, published with the code of Li et al. (2018).
MNIST_LENET = {
    10: 0.129, 50: 0.570, 100: 0.763, 200: 0.864, 250: 0.887, 275: 0.898, 290: 0.901,
    350: 0.917, 500: 0.939, 1000: 0.963, 2000: 0.975, 5000: 0.983, 10000: 0.985,
}  # fmt: skip
SHUFFLED_LENET = {
    200: 0.679, 500: 0.836, 1000: 0.885, 1300: 0.896, 1400: 0.902, 2000: 0.917,
    4000: 0.936,
}  # fmt: skip
CIFAR_LENET = {
    100: 0.230, 500: 0.384, 1000: 0.463, 2000: 0.505, 2900: 0.534, 5000: 0.563,
    10000: 0.598, 15000: 0.607, 62006: 0.593,
}  # fmt: skip
CIFAR_FC = {
    1000: 0.345, 2000: 0.393, 4000: 0.426, 6000: 0.442, 8000: 0.461, 10000: 0.466,
}  # fmt: skip
SHUFFLED_LABELS = {
    10_000: 0.151, 50_000: 0.335, 100_000: 0.544, 150_000: 0.764, 190_000: 0.904,
    250_000: 0.977,
}  # fmt: skip


@pytest.mark.parametrize(
    "curve, baseline, published",
    [
        (MNIST_LENET, 1.0, 290),  # an absolute 90 %
        (MNIST_LENET, 0.991, 275),  # 90 % of the directly trained network
        (SHUFFLED_LENET, 1.0, 1400),
        (CIFAR_LENET, 0.584, 2900),
        (CIFAR_LENET, 0.50, 1000),
        (CIFAR_FC, 0.509, 8000),
        (SHUFFLED_LABELS, 1.0, 190_000),
        (CIFAR_FC, 1.0, None),
    ],
)
def test_d_int90_of_the_published_curves(curve, baseline, published):
    ds, mean = np.array(list(curve)), np.array(list(curve.values()))
    seeds = mean + np.array([[0.02], [-0.05], [0.03]])  # the mean decides, not the best
    assert sub.d_int90(ds, seeds, baseline) == published
    backwards = slice(None, None, -1)
    assert sub.d_int90(ds[backwards], seeds[:, backwards], baseline) == published


def test_d_int90_takes_the_first_crossing_of_a_curve_that_falls_again():
    assert sub.d_int90([5, 10, 20], [[0.5, 0.95, 0.7]], baseline=1.0) == 10


@pytest.mark.parametrize("shape", [(2,), (2, 4), (3, 2)])
def test_d_int90_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"accuracy is \(S, 3\), got"):
        sub.d_int90(np.arange(3), np.zeros(shape), 1.0)


# ----------------------------------------------------------------------------
# The parametrization
# ----------------------------------------------------------------------------

NET = mlp(20, 16, 4)
IMAGES = np.random.default_rng(0).normal(size=(40, 20)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 4, 40)


def train(g, steps=30, optimiser=Adam, lr=0.1):
    phi = Tensor(g.init(0), requires_grad=True)
    mover = optimiser(phi, lr)
    for _ in range(steps):
        loss = functional.cross_entropy(NET(g(phi), IMAGES), LABELS)
        loss.backward()
        mover.step()
    return phi


@every_projection
def test_training_starts_at_theta0(name):
    g = Subspace(NET, d=10, projection=name, seed=3)
    start = NET.init(3)
    assert (apply(g, g.init(0)) == start).all()
    logits = NET(g(Tensor(g.init(0))), IMAGES)
    assert (logits.data == NET(start, IMAGES).data).all()


@every_projection
@pytest.mark.parametrize("optimiser", [SGD, Adam])
def test_training_stays_in_the_subspace(name, optimiser):
    d = 10
    g = Subspace(NET, d=d, projection=name, seed=3)
    phi = train(g, optimiser=optimiser)
    assert phi.shape == (d,) and g.layout.size == d
    assert (phi.data != 0).all()
    moved = apply(g, phi.data).astype(float) - NET.init(3)
    P = matrix(g.P, d).astype(float)
    nearest, *_ = np.linalg.lstsq(P, moved)
    assert np.linalg.norm(moved - P @ nearest) < 1e-5 * np.linalg.norm(moved)
    np.testing.assert_allclose(nearest, phi.data, rtol=1e-3, atol=1e-4)
    assert (g.theta0 == NET.init(3)).all()


def test_the_gradient_is_the_projected_gradient():
    g = Subspace(NET, d=10, seed=3)
    phi = Tensor(np.linspace(-1, 1, 10, dtype=np.float32), requires_grad=True)
    theta = Tensor(apply(g, phi.data), requires_grad=True)
    for vector, weights in ((phi, g(phi)), (theta, theta)):
        functional.cross_entropy(NET(weights, IMAGES), LABELS).backward()
        assert vector.grad is not None
    want = sub.project_grad(matrix(g.P, 10), theta.grad)
    np.testing.assert_allclose(phi.grad, want, atol=1e-5)


def test_d_may_exceed_whole_layers():
    g = Subspace(NET, d=300)  # more than the 4 x 16 weights and 20 biases
    P = matrix(g.P, 300)
    assert (np.abs(P).sum(axis=0) > 0).all()
    assert np.linalg.matrix_rank(P) == 300


def test_a_subspace_of_a_subspace():
    inner = Subspace(NET, d=100, projection="dense", seed=1)
    g = Subspace(inner, d=10, projection="dense", seed=2)
    assert g.net is NET and g.layout.size == 10
    assert (apply(g, g.init(0)) == NET.init(1)).all()
    phi = np.random.default_rng(0).normal(size=10).astype(np.float32)
    P = matrix(inner.P, 100) @ matrix(g.P, 10)
    np.testing.assert_allclose(apply(g, phi), NET.init(1) + P @ phi, atol=1e-5)
    phi = train(g)
    theta, _ = decode(g.message(phi, bits=16), NET)
    np.testing.assert_allclose(theta, apply(g, phi.data), atol=1e-3)


@pytest.mark.parametrize("d", [0, -1, NET.layout.size + 1])
def test_d_is_from_1_to_D(d):
    with pytest.raises(ValueError, match=f"d is from 1 to D = {NET.layout.size}, got"):
        Subspace(NET, d=d)


def test_an_unknown_projection_is_refused():
    with pytest.raises(ValueError, match="no projection 'lines'; there are dense, sp"):
        Subspace(NET, d=3, projection="lines")


def test_phi_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"3 numbers in one vector, got \(4,\)"):
        Subspace(NET, d=3).message(np.ones(4))


def test_a_class_may_be_defined_again_but_not_take_a_number():
    def define():
        class Mine(Parametrization):
            code = 250

        return Mine

    define()
    define()  # as a notebook's cell does that runs twice
    with pytest.raises(ValueError, match="message code 250 is taken by .*Mine"):
        type("Another", (Parametrization,), {"code": 250})
    type("Silent", (Parametrization,), {})


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def solutions():
    """Some trained solutions: the map, and phi."""
    maps = [Subspace(NET, d=10, projection=name, seed=3) for name in FREE]
    stacked = Subspace(Subspace(NET, d=50, seed=2**32 - 1), d=10, projection="sparse")
    return [(g, train(g)) for g in (*maps, stacked, Dense(NET, seed=5))]


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
def test_the_decoded_solution_is_the_quantised_one(bits):
    for g, phi in solutions():
        if isinstance(g, Dense):
            continue
        codes, step = sub.quantise(phi.data, bits)
        rounded = sub.dequantise(codes, step, bits)
        theta, state = decode(g.message(phi, bits=bits), NET)
        assert state is None and theta.dtype == np.float32
        np.testing.assert_allclose(theta, apply(g, rounded), atol=1e-6)
        assert (
            predict(NET, theta, IMAGES) == predict(NET, apply(g, rounded), IMAGES)
        ).all()


@pytest.mark.parametrize("bits", [1, 4, 8, 15, 16])
def test_decoded_weights_are_half_a_step_off_at_most(bits):
    g = Dense(NET, seed=5)
    phi = train(g).data
    theta, _ = decode(g.message(phi, bits=bits), NET)
    change = np.abs(phi - g.theta0).max()
    # With 16 bits the code of the largest change itself is one too large.
    most = 2 * change / 2**bits * (1.01 if bits == 16 else 0.51)
    assert np.abs(theta - phi).max() <= most


def test_sixteen_bits_predict_what_the_solution_does():
    for g, phi in solutions():
        theta, _ = decode(g.message(phi, bits=16), NET)
        want = predict(NET, apply(g, phi.data), IMAGES)
        assert (predict(NET, theta, IMAGES) == want).mean() > 0.95


def test_how_long_a_message_is():
    d = 13
    for projection in FREE:
        g = Subspace(NET, d, projection=projection)
        phi = np.arange(1, d + 1) / 7
        for bits in (1, 3, 8, 16):
            check, count, map_, step_and_bits = 2, 1, 1 + 9, 5
            codes = -(-d * bits // 8)
            want = check + count + map_ + step_and_bits + codes
            assert len(g.message(phi, bits=bits)) == want


def test_weights_that_did_not_move_cost_almost_nothing():
    g = Dense(lenet(), seed=1)
    still = g.message(g.theta0)
    assert len(still) < 200  # 44,426 equal numbers
    assert (decode(still, lenet())[0] == g.theta0).all()
    moved = g.theta0.copy()
    moved[::100] += 0.1
    assert len(still) < len(g.message(moved)) < 1000


def test_a_fresh_process_decodes_the_same_bytes():
    decode_alike([(NET, g.message(phi, bits=6)) for g, phi in solutions()], IMAGES)


def test_a_damaged_message_is_refused():
    for g, phi in solutions():
        message = g.message(phi, bits=3)
        broken = damaged(message)
        if len(broken) > 200:
            broken = broken[::7]
        for each in broken:
            with pytest.raises(
                ValueError, match=r"bytes are not a message for mlp-20-"
            ):
                decode(each, NET)


@pytest.mark.parametrize("other", [mlp(20, 16, 5), mlp(20, 17, 4), lenet()])
def test_a_message_for_another_network_is_refused(other):
    for g, phi in solutions():
        with pytest.raises(
            ValueError, match=f"not a message for {other.name}: .*another"
        ):
            decode(g.message(phi), other)


def test_a_message_of_an_unknown_method_is_refused(monkeypatch):
    g = Dense(NET)
    monkeypatch.setattr(Dense, "code", 199)
    with pytest.raises(ValueError, match="method 199; update to a newer course"):
        decode(g.message(g.theta0), NET)


@pytest.mark.parametrize("g", [Subspace(NET, 3), Dense(NET)], ids=["subspace", "dense"])
def test_what_cannot_be_sent_is_refused(g):
    phi = np.ones(g.layout.size, np.float32)
    for bits in (0, 17):
        with pytest.raises(
            ValueError, match=f"1 to 16 bits for each number, got {bits}"
        ):
            g.message(phi, bits=bits)
    with pytest.raises(ValueError, match="came with running statistics"):
        g.message(phi, {"mean": 0})
    phi[1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        g.message(phi)


# ----------------------------------------------------------------------------
# The structured subspace of low-rank changes
# ----------------------------------------------------------------------------

PIECES = Layout({"a.weight": (3, 5), "a.bias": (3,), "c.weight": (2, 3, 2, 2)})


def low_rank(rank):
    return LowRankProjection(PIECES, d=5 * rank, seed=1)


@pytest.mark.parametrize("engine", BACKENDS)
@pytest.mark.parametrize("rank", [1, 3])
def test_a_low_rank_subspace_moves_each_matrix_by_b_a(rank, engine):
    """P is I (x) A^T for each matrix, written out by numpy's kron."""
    projection, start = low_rank(rank), 0
    want = np.zeros((PIECES.size, 5 * rank))
    for place, (name, rows) in enumerate((("a.weight", 3), ("c.weight", 2))):
        where, _, A = projection._pieces[place]
        assert where == PIECES.slices[name]
        want[where, start : start + rows * rank] = np.kron(np.eye(rows), A.T)
        start += rows * rank
    rng = np.random.default_rng(0)
    phi = rng.normal(size=5 * rank).astype(np.float32)
    grad = rng.normal(size=PIECES.size).astype(np.float32)
    with use(engine):
        kernels = backend()
        moved = kernels.to_numpy(projection.apply(kernels.asarray(phi)))
        back = kernels.to_numpy(projection.adjoint(kernels.asarray(grad)))
    np.testing.assert_allclose(moved, want @ phi, atol=1e-5)
    np.testing.assert_allclose(back, want.T @ grad, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(want, axis=0), 1, rtol=1e-6)
    assert np.abs(moved[PIECES.slices["a.bias"]]).max() == 0


def test_a_change_has_the_rank_that_was_asked_for():
    projection = low_rank(2)
    phi = np.random.default_rng(0).normal(size=10).astype(np.float32)
    change = PIECES.views(projection.apply(phi))
    assert np.linalg.matrix_rank(change["a.weight"]) == 2


def test_its_message_is_read_by_a_receiver():
    net = mlp(6, 4, 3)
    g = Subspace(net, d=14, projection="low-rank", seed=2)
    phi = np.random.default_rng(0).normal(size=14).astype(np.float32)
    codes, step = quantise(phi, 8)
    theta, _ = decode(g.message(phi, bits=8), net)
    np.testing.assert_array_equal(theta, apply(g, dequantise(codes, step, 8)))


@pytest.mark.parametrize("d", [4, 6, 30])
def test_its_d_is_rows_times_a_rank_that_fits(d):
    with pytest.raises(ValueError, match=f"a d of 5 .* a rank of 1 to 5, got {d}"):
        LowRankProjection(Layout({"a": (5, 5)}), d=d, seed=0)


def test_a_subspace_around_weights_that_are_given():
    net = mlp(4, 3, 2)
    trained = net.init(7)
    g = Subspace(net, d=5, seed=0, theta0=trained)
    np.testing.assert_array_equal(apply(g, np.zeros(5)), trained)
    with pytest.raises(ValueError, match="a receiver cannot have it"):
        g.message(np.ones(5))
    with pytest.raises(ValueError, match="holds 23 numbers"):
        Subspace(net, d=5, theta0=trained[:-1])
