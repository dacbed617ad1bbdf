"""The ready networks: against the same ones in torch, and against published counts."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from book.bench_models import (
    CoordConvPainter,
    generator,
    generator_twin,
    give_weights,
    lenet_twin,
    mlp_twin,
    resnet_twin,
)
from minitorch import Tensor, models, use_backend
from minitorch.functional import cross_entropy
from minitorch.optim import Adam

# ----------------------------------------------------------------------------
# Twins that the benchmark does not need
# ----------------------------------------------------------------------------


def bn_mlp_twin(*widths):
    layers = [nn.Flatten()]
    for inputs, outputs in pairwise(widths[:-1]):
        linear = nn.Linear(inputs, outputs, bias=False)
        layers += [linear, nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))


def conv_twin(depth, channels=3, size=32, bias=True):
    layers, widths = [], [channels, 64, 64, 128, 128, 256, 256][: depth + 1]
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding="same", bias=bias), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if i % 2 else []
    flat = widths[-1] * (size // 2 ** (depth // 2)) ** 2
    layers.append(nn.Flatten())
    for inputs, outputs in pairwise([flat, 256, 256, 10]):
        layers += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def deconv_twin(size, k, multiplier=1):
    hidden = [multiplier * n for n in (64, 64, 64, 32, 32)][: int(np.log2(size)) - 1]
    layers = [nn.Unflatten(1, (2, 1, 1))]
    for inputs, outputs in pairwise([2, *hidden, 1]):
        layers.append(nn.ConvTranspose2d(inputs, outputs, k, 2, (k - 2) // 2))
        layers += [nn.ZeroPad2d((0, -1, 0, -1))] if k == 3 else []
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-2], nn.Flatten())


class RendererTwin(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size, self.painter, layers = size, CoordConvPainter(size), []
        for inputs, outputs in pairwise([1, 8, 8, 16, 16, 1]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding="same"), nn.ReLU()]
        self.draw = nn.Sequential(*layers[:-1], nn.Flatten())

    def forward(self, x):
        chances = F.softmax(self.painter(x), 1)
        return self.draw(chances.reshape(-1, 1, self.size, self.size))


class RegressorTwin(nn.Module):
    def __init__(self):
        super().__init__()
        pointwise = [nn.Conv2d(inputs, 8, 1) for inputs in (3, 8, 8)]
        wide = [nn.Conv2d(8, outputs, 3, padding=1) for outputs in (8, 2)]
        self.layers = nn.Sequential(*pointwise, *wide)

    def forward(self, x):
        H, W = x.shape[2:]
        places = torch.zeros(len(x), 2, H, W, dtype=x.dtype)
        for i in range(H):
            for j in range(W):
                places[:, 0, i, j] = 2 * j / (W - 1) - 1
                places[:, 1, i, j] = 2 * i / (H - 1) - 1
        return self.layers(torch.cat([x, places], 1)).amax((2, 3))


def conv_regressor_twin(multiplier):
    layers, O = [], 16 * multiplier
    for i, inputs in enumerate([1, O, O, O]):
        layers += [nn.Conv2d(inputs, O, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if i < 3 else []
    end = [nn.Linear(64 * O, 64), nn.ReLU(), nn.Linear(64, 2)]
    return nn.Sequential(*layers, nn.Flatten(), *end)


def conv7_twin():
    layers = []
    for channels in (1, 16):
        layers += [nn.Conv2d(channels, 16, 7, padding=3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(784, 10))


# Network, twin, shape of one input.
PAIRS = [
    (models.mlp(20, 15, 12, 10), partial(mlp_twin, 20, 15, 12, 10), (20,)),
    (models.bn_mlp(20, 15, 12, 10), partial(bn_mlp_twin, 20, 15, 12, 10), (20,)),
    (models.lenet(), lenet_twin, (1, 28, 28)),
    (models.conv7(), conv7_twin, (1, 28, 28)),
    (models.conv2(1, 28), partial(conv_twin, 2, 1, 28), (1, 28, 28)),
    (models.conv4(bias=False), partial(conv_twin, 4, bias=False), (3, 32, 32)),
    (models.conv6(3, 16), partial(conv_twin, 6, 3, 16), (3, 16, 16)),
    (models.resnet(8, channels=1), partial(resnet_twin, 8, 16, 1), (1, 28, 28)),
    (models.resnet(14, width=4), partial(resnet_twin, 14, 4), (3, 12, 12)),
    (models.coordconv_painter(16), partial(CoordConvPainter, 16), (2,)),
    (models.coordconv_renderer(16), partial(RendererTwin, 16), (2,)),
    (models.deconv_painter(32), partial(deconv_twin, 32, 2), (2,)),
    (models.deconv_painter(16, 3), partial(deconv_twin, 16, 3), (2,)),
    (models.deconv_painter(16, 4, 2), partial(deconv_twin, 16, 4, 2), (2,)),
    (models.coordconv_regressor(), RegressorTwin, (1, 9, 14)),
    (models.conv_regressor(), partial(conv_regressor_twin, 1), (1, 64, 64)),
    (generator(), generator_twin, (2,)),
]
by_name = pytest.mark.parametrize(
    "net, twin, shape", PAIRS, ids=[pair[0].name for pair in PAIRS]
)


def example(net, shape, dtype):
    """Weights that are nowhere 0 or 1, a batch, and labels."""
    rng = np.random.default_rng(0)
    theta = net.init(0) + 0.1 * rng.normal(size=net.layout.size)
    for name, piece in net.layout.views(theta).items():
        if name.endswith(".gamma"):
            piece[...] = rng.uniform(0.5, 1.5, piece.shape)
    x = rng.normal(size=(6, *shape)).astype(dtype)
    return theta.astype(dtype), x, rng.integers(0, 2, 6)


def trained(net, theta, x, labels):
    """First gradient, losses of four Adam steps, and what the network says then."""
    theta, state, losses, gradient = Tensor(theta, requires_grad=True), None, [], None
    mover = Adam(theta, lr=1e-3)
    for _ in range(4):
        logits, state = net(theta, x, state=state, train=True)
        loss = cross_entropy(logits, labels)
        loss.backward()
        gradient = theta.grad.copy() if gradient is None else gradient
        losses.append(loss.item())
        mover.step()
    return gradient, losses, net(theta, x, state=state).numpy()


def trained_by_torch(net, twin, theta, x, labels):
    torch.set_default_dtype(torch.float64 if x.dtype == np.float64 else torch.float32)
    try:
        module = twin()
    finally:
        torch.set_default_dtype(torch.float32)
    give_weights(net, theta, module)
    mover, losses, gradient = torch.optim.Adam(module.parameters(), lr=1e-3), [], None
    x, labels = torch.tensor(x), torch.tensor(labels)
    for _ in range(4):
        mover.zero_grad()
        loss = F.cross_entropy(module(x), labels)
        loss.backward()
        if gradient is None:
            parts = [p.grad.flatten() for p in module.parameters()]
            gradient = torch.cat(parts).numpy().copy()
        losses.append(loss.item())
        mover.step()
    return gradient, losses, module.eval()(x).detach().numpy()


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@by_name
@pytest.mark.parametrize(
    "backend, dtype", [("numpy", "f8"), ("numpy", "f4"), ("numba", "f4")]
)
def test_a_network_is_torchs(net, twin, shape, backend, dtype):
    theta, x, labels = example(net, shape, np.dtype(dtype))
    with use_backend(backend):
        gradient, losses, logits = trained(net, theta, x, labels)
    wanted = trained_by_torch(net, twin, theta, x, labels)
    assert gradient.dtype == logits.dtype == theta.dtype
    exact = dtype == "f8"  # in float32 a ReLU or a maximum may fall on either side
    assert distance(gradient, wanted[0]) < (1e-10 if exact else 1e-2)
    np.testing.assert_allclose(losses, wanted[1], rtol=1e-7 if exact else 1e-2)
    # A bias before a batch norm has a gradient of rounding errors, and Adam goes by
    # their sign: it changes nothing but the running mean that takes it off again.
    loose = "deconv" in net.name and net.name != "generator"
    assert distance(logits, wanted[2]) < (0.2 if loose else 1e-6 if exact else 3e-2)


# ----------------------------------------------------------------------------
# Published counts
# ----------------------------------------------------------------------------

COUNTS = [
    (models.lenet_300_100(), 266_610),
    (models.lenet_300_100(bias=False), 266_200),
    (models.conv2(bias=False), 4_300_992),
    (models.conv4(bias=False), 2_425_024),
    (models.conv6(bias=False), 2_261_184),
    (models.resnet(14), 175_258),
    (models.resnet(32), 466_906),
    (models.resnet(56), 855_770),
    (models.resnet(110), 1_730_714),
    (models.resnet(866), 13_979_930),
    (models.resnet(14, width=32), 696_618),
    (models.coordconv_painter(), 7_553),
    (models.coordconv_painter(radius=True), 7_585),
    (models.coordconv_painter(32, (16, 16)), 369),
    (models.coordconv_painter(32, (4,)), 25),
    (models.coordconv_renderer(), 11_850),
    (models.coordconv_regressor(), 906),
    (models.conv_regressor(), 72_850),
    (models.conv_regressor(2), 159_330),
    (models.deconv_painter(), 46_465),
    (models.deconv_painter(k=3), 103_585),
    (models.deconv_painter(k=4), 183_553),
    (models.deconv_painter(k=4, multiplier=3), 1_632_001),
    (models.deconv_painter(32, k=3), 94_273),
    (models.bn_mlp(64, 256, 256, 10), 85_514),
]


@pytest.mark.parametrize("net, D", COUNTS, ids=[net.name for net, _ in COUNTS])
def test_counts_are_the_published_ones(net, D):
    assert net.layout.size == D


def test_names_tell_all_networks_apart():
    nets = [net for net, _ in COUNTS] + [pair[0] for pair in PAIRS]
    by_name = {}
    for net in nets:
        assert by_name.setdefault(net.name, net.layout.shapes) == net.layout.shapes
    assert len({net.name for net, _ in COUNTS}) == len(COUNTS)


@pytest.mark.parametrize("depth, width", [(8, 16), (14, 16), (20, 8), (32, 16)])
def test_batch_norms_of_a_resnet_follow_the_closed_form(depth, width):
    shapes = models.resnet(depth, width).layout.shapes
    parts = [n for n in shapes if n.endswith((".gamma", ".beta"))]
    count = sum(shapes[name][0] for name in parts)
    assert count == 14 * width * (depth + 1) // 3  # of Frankle et al.'s table


def test_layers_start_at_their_usual_values():
    net = models.resnet(8)
    for name, piece in net.layout.views(net.init(0)).items():
        if name.endswith(".gamma"):
            assert (piece == 1).all(), name
        elif name.endswith((".beta", ".bias")):
            assert (piece == 0).all(), name
        else:
            assert 0 < piece.std() < 1, name


def test_signals_pass_a_deep_resnet():
    net = models.resnet(56, width=4)
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    theta = Tensor(net.init(0), requires_grad=True)
    logits, state = net(theta, x, train=True)
    cross_entropy(logits, np.arange(4)).backward()
    assert len(state) == 57 and np.isfinite(theta.grad).all()
    first = net.layout.views(theta.grad)["conv.weight"]
    assert np.abs(first).max() > 1e-4


# ----------------------------------------------------------------------------
# Coordinates
# ----------------------------------------------------------------------------


def test_coordinates_run_over_width_then_height():
    x = np.zeros((2, 3, 6, 14), np.float64)
    places = models.add_coords(x, radius=True)
    assert places.shape == (2, 6, 6, 14) and places.dtype == np.float64
    across, down, far = places.data[1, 3:]
    assert (across[0] == across[5]).all() and (down[:, 0] == down[:, 13]).all()
    np.testing.assert_allclose(across[0, [0, 13]], [-1, 1])
    np.testing.assert_allclose(down[[0, 5], 0], [-1, 1])
    np.testing.assert_allclose(np.diff(across[0]), 2 / 13, rtol=1e-5)
    np.testing.assert_allclose(far[[0, 0, 5, 5], [0, 13, 0, 13]], 2**0.5, rtol=1e-6)


def test_coordinates_of_odd_and_tiny_images():
    centre = models.add_coords(np.zeros((1, 1, 5, 5), "f"), radius=True).data[0, 1:]
    assert (centre[:, 2, 2] == 0).all()
    assert np.isfinite(models.add_coords(np.zeros((1, 1, 1, 1), "f")).data).all()


def test_a_gradient_passes_the_coordinates():
    x = Tensor(np.ones((1, 1, 2, 2), "f"), requires_grad=True)
    (
        models.add_coords(x) * np.arange(12, dtype="f").reshape(1, 3, 2, 2)
    ).sum().backward()
    assert x.grad.ravel().tolist() == [0, 1, 2, 3]


def test_a_point_reaches_the_painter_with_its_gradient():
    net = models.coordconv_painter(8, (4,))
    point = Tensor(np.array([[0.3, -0.2]], "f"), requires_grad=True)
    net(net.init(1), point).sum().backward()
    assert point.grad.shape == (1, 2) and (point.grad != 0).any()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: models.bn_mlp(5), "inputs and classes at least"),
        (lambda: models.conv6(1, 28), "a size that 8 divides, got 28"),
        (lambda: models.resnet(10), "depth 8, 14, 20"),
        (lambda: models.resnet(2), "depth 8, 14, 20"),
        (lambda: models.resnet(8, width=0), "width of at least 1"),
        (lambda: models.deconv_painter(48), "a size 4, 8, 16"),
        (lambda: models.deconv_painter(64, k=5), "a k of 2, 3 or 4"),
        (lambda: models.add_coords(np.zeros((2, 3), "f")), r"\(N, C, H, W\)"),
    ],
)
def test_what_cannot_be_built_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
