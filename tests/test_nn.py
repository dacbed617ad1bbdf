"""Networks of one flat theta, their start, and the optimisers that move it."""

import math

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, functional, ops
from minitorch.init import he_normal
from minitorch.models import lenet, mlp
from minitorch.nn import Layout, Network
from minitorch.optim import SGD, Adam, AdamW, RMSprop
from minitorch.schedules import cosine

torch = pytest.importorskip("torch")
F = torch.nn.functional

every_backend = pytest.mark.parametrize("backend", BACKENDS)


# ----------------------------------------------------------------------------
# Whole networks against torch
# ----------------------------------------------------------------------------


def torch_mlp(pieces, x):
    x = x.flatten(1)
    layers = len({name.split(".")[0] for name in pieces})
    for i in range(1, layers + 1):
        x = F.linear(x, pieces[f"dense{i}.weight"], pieces.get(f"dense{i}.bias"))
        x = F.relu(x) if i < layers else x
    return x


def torch_lenet(pieces, x):
    def of(layer):
        return pieces[f"{layer}.weight"], pieces[f"{layer}.bias"]

    x = x.reshape(-1, 1, 28, 28)
    x = F.max_pool2d(F.relu(F.conv2d(x, *of("conv1"))), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, *of("conv2"))), 2)
    x = F.relu(F.linear(x.flatten(1), *of("dense1")))
    return F.linear(F.relu(F.linear(x, *of("dense2"))), *of("dense3"))


NETS = [
    (mlp(784, 20, 15, 10), torch_mlp),
    (mlp(784, 20, 10, bias=False), torch_mlp),
    (mlp(784, 10), torch_mlp),
    (lenet(), torch_lenet),
]


@every_backend
@pytest.mark.parametrize(
    "net, theirs", NETS, ids=lambda each: getattr(each, "name", "")
)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("shape", [(7, 1, 28, 28), (7, 784)])
def test_a_network_is_torchs(net, theirs, dtype, tolerance, backend, shape):
    rng = np.random.default_rng(0)
    start = net.init(0) + rng.normal(size=net.layout.size) * 0.01  # biases too
    x = rng.random(shape).astype(dtype)
    labels = rng.integers(0, 10, 7)
    leaf = torch.tensor(start.astype(dtype), requires_grad=True)
    pieces = {
        name: leaf[where].reshape(net.layout.shapes[name])
        for name, where in net.layout.slices.items()
    }
    want = F.cross_entropy(theirs(pieces, torch.tensor(x)), torch.tensor(labels))
    want.backward()
    with use(backend):
        theta = Tensor(start.astype(dtype), requires_grad=True)
        loss = functional.cross_entropy(net(theta, x), labels)
        loss.backward()
    np.testing.assert_allclose(loss.item(), want.item(), rtol=tolerance)
    scale = np.abs(leaf.grad.numpy()).max()
    np.testing.assert_allclose(theta.grad, leaf.grad.numpy(), atol=tolerance * scale)


@pytest.mark.parametrize(
    "net, D",
    [
        (mlp(784, 200, 200, 10), 199_210),
        (mlp(784, 400, 400, 10), 478_410),
        (mlp(784, 300, 100, 10, bias=False), 266_200),
        (lenet(), 44_426),
    ],
)
def test_sizes_of_the_published_networks(net, D):
    assert net.layout.size == D
    assert repr(net) == f"Network {net.name}, D = {D:,}"


def test_training_gives_the_state_too():
    net = mlp(3, 2)
    x = np.ones((1, 3), np.float32)
    logits, state = net(net.init(0), x, state={"a": 1}, train=True)
    assert logits.shape == (1, 2) and state == {"a": 1}


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda net: net(np.zeros(5, np.float32), np.ones((1, 3), "f")), "8 numbers"),
        (lambda net: net(net.init(0), np.ones((1, 4), "f")), r"linear.*\(1, 4\)"),
        (lambda net: lenet()(lenet().init(0), np.ones((2, 64), "f")), r"reshape.*64"),
        (lambda net: mlp(5), "inputs and classes at least"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(mlp(3, 2))


def test_images_of_another_type_are_refused():
    net = mlp(3, 2)
    with pytest.raises(TypeError, match=r"linear\(\) got float64, float32, float32"):
        net(net.init(0), np.ones((1, 3)))


# ----------------------------------------------------------------------------
# The start
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("net", [mlp(784, 200, 200, 10), lenet()])
def test_starting_weights_have_hes_variance(net):
    theta = net.init(3)
    assert theta.dtype == np.float32 and theta.shape == (net.layout.size,)
    for name, piece in net.layout.views(theta).items():
        if piece.ndim == 1:
            assert (piece == 0).all(), name
            continue
        scale = math.sqrt(2 / math.prod(piece.shape[1:]))
        off = 4 / math.sqrt(piece.size)  # four standard errors, or more
        assert abs(piece.mean()) < off * scale, name
        assert abs(piece.std() / scale - 1) < off, name


def test_signals_keep_their_size_in_a_deep_network():
    net = mlp(*[200] * 12)
    x = np.random.default_rng(0).normal(size=(50, 200)).astype(np.float32)
    out = net(net.init(0), x).data
    assert 0.3 < out.std() / x.std() / math.sqrt(2) < 2  # no ReLU after the last


def test_starts_repeat_and_differ():
    net = mlp(6, 5, 4)
    assert (net.init(1) == net.init(1)).all()
    assert not (net.init(1) == net.init(2)).all()
    wider = mlp(6, 5, 40)  # a layer's start does not hang on the others
    first = net.layout.slices["dense1.weight"]
    assert (net.init(1)[first] == wider.init(1)[first]).all()
    same = he_normal(Layout({"a": (5, 5), "b": (5, 5)}), seed=0)
    assert not (same[:25] == same[25:]).any()


# ----------------------------------------------------------------------------
# Optimisers
# ----------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (
        lambda p: SGD(p, 0.1, momentum=0.9),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    ),
    "nesterov": (
        lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.SGD(
            p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1
        ),
    ),
    "weight decay": (
        lambda p: SGD(p, 0.1, weight_decay=0.3),
        lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.3),
    ),
    "rmsprop": (
        lambda p: RMSprop(p, 0.02, rho=0.9, eps=1e-3),
        lambda p: torch.optim.RMSprop(p, 0.02, alpha=0.9, eps=1e-3),
    ),
    "adamw": (
        lambda p: AdamW(p, 0.1, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.3),
    ),
    "adam": (lambda p: Adam(p, 0.1), lambda p: torch.optim.Adam(p, 0.1)),
    "adam, other numbers": (
        lambda p: Adam(p, 0.02, betas=(0.8, 0.99), eps=1e-3),
        lambda p: torch.optim.Adam(p, 0.02, betas=(0.8, 0.99), eps=1e-3),
    ),
}


@every_backend
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("shape", [(30,), (5, 6), ()])
def test_an_optimiser_is_torchs(name, dtype, tolerance, backend, shape):
    ours, theirs = OPTIMISERS[name]
    rng = np.random.default_rng(0)
    start, weights = (np.asarray(rng.normal(size=shape), dtype) for _ in range(2))
    leaf = torch.tensor(start, requires_grad=True)
    other = theirs([leaf])
    with use(backend):
        phi = Tensor(start, requires_grad=True)
        mover = ours(phi)
        for step in range(30):
            (ops.tanh(phi * (step % 3)) * weights).sum().backward()
            mover.step()
            other.zero_grad()
            (torch.tanh(leaf * (step % 3)) * torch.tensor(weights)).sum().backward()
            other.step()
        np.testing.assert_allclose(phi.numpy(), leaf.detach().numpy(), atol=tolerance)
        assert phi.dtype == dtype


@pytest.mark.parametrize("optimiser", [SGD, RMSprop, Adam, AdamW])
def test_a_step_uses_the_gradient_up(optimiser):
    phi = Tensor([1.0, 2.0], requires_grad=True)
    mover = optimiser(phi, 0.1)
    with pytest.raises(RuntimeError, match=r"no gradient; call backward\(\) first"):
        mover.step()
    (phi * phi).sum().backward()
    mover.step()
    assert phi.grad is None
    with pytest.raises(RuntimeError, match="no gradient"):
        mover.step()


def test_a_tape_from_before_a_step_is_refused():
    phi = Tensor([1.0, 2.0], requires_grad=True)
    stale = (phi * phi).sum()
    (phi * phi).sum().backward()
    SGD(phi, 0.1).step()
    with pytest.raises(RuntimeError, match="changed in place after 'multiply' had"):
        stale.backward()


@pytest.mark.parametrize("optimiser", [SGD, RMSprop, Adam, AdamW])
def test_an_optimiser_moves_a_leaf(optimiser):
    phi = Tensor([1.0], requires_grad=True)
    for wrong in (Tensor([1.0]), phi * 2):
        with pytest.raises(ValueError, match="moves a leaf that requires a gradient"):
            optimiser(wrong, 0.1)
    for lr in (0, -1, math.nan):
        with pytest.raises(ValueError, match="a learning rate is above 0, got"):
            optimiser(phi, lr)


def test_cosine_falls_from_one_to_near_zero():
    factors = [cosine(step, 100) for step in range(100)]
    assert factors[0] == 1
    assert factors[50] == pytest.approx(0.5)
    assert 0 < factors[-1] < 0.001
    assert factors == sorted(factors, reverse=True)


def test_a_network_may_be_any_function_of_its_pieces():
    layout = Layout({"scale": (1,), "shift": (3,)})
    net = Network("line", layout, lambda w, x, mode: x * w["scale"] + w["shift"])
    theta = Tensor(np.array([2, 10, 20, 30], np.float32), requires_grad=True)
    out = net(theta, np.ones((2, 3), np.float32))
    assert out.data.tolist() == [[12, 22, 32]] * 2
    out.sum().backward()
    assert theta.grad.tolist() == [6, 2, 2, 2]
