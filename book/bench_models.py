"""The networks that the benchmark trains, ours and the same ones in torch.

A twin holds its layers in the order of our layout, so that its parameters and the
pieces of theta correspond one to one: same shapes, same numbers, same loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from minitorch import Tensor, functional, models
from minitorch.nn import Layout, Mode, Network

Example = tuple[np.ndarray, np.ndarray]

# ----------------------------------------------------------------------------
# Twins
# ----------------------------------------------------------------------------


def mlp_twin(*widths: int) -> nn.Module:
    """`models.mlp` in torch."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def lenet_twin() -> nn.Module:
    """`models.lenet` in torch."""
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()],
        nn.Linear(84, 10),
    )


class ResidualBlock(nn.Module):
    """One block of `models.resnet` in torch."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        stride = outputs // inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1:
            reach = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(reach, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


def resnet_twin(depth: int, width: int = 16, channels: int = 3) -> nn.Module:
    """`models.resnet` in torch."""
    stem = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
    layers: list[nn.Module] = [stem, nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(3):
        inputs, outputs = width << max(0, stage - 1), width << stage
        for _ in range((depth - 2) // 6):
            layers.append(ResidualBlock(inputs, outputs))
            inputs = outputs
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10)]
    return nn.Sequential(*layers, *end)


class CoordConvPainter(nn.Module):
    """`models.coordconv_painter` in torch."""

    coords: torch.Tensor

    def __init__(self, size: int = 64, hidden: tuple[int, ...] = models.COORDS):
        super().__init__()
        line = torch.linspace(-1, 1, size)
        y, x = torch.meshgrid(line, line, indexing="ij")
        self.register_buffer("coords", torch.stack([x, y])[None])
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([4, *hidden, 1]):
            layers += [nn.Conv2d(inputs, outputs, 1), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image = len(x), 2, *self.coords.shape[2:]
        point = x[:, :, None, None].expand(image)
        x = torch.cat([point, self.coords.expand(image)], 1)
        return self.layers(x).flatten(1)


GENERATOR = (2, 64, 64, 32, 32, 1)


def generator() -> Network:
    """A generator in the manner of DCGAN: from a point (N, 2) to 64 x 64 pixels."""
    shapes: dict[str, tuple[int, ...]] = {}
    layers = len(GENERATOR) - 1
    for i, (C, O) in enumerate(pairwise(GENERATOR), 1):
        shapes[f"deconv{i}.weight"] = (C, O, 4, 4)
        if i < layers:
            shapes[f"norm{i}.gamma"] = shapes[f"norm{i}.beta"] = (O,)

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), 2, 1, 1)
        for i in range(1, layers + 1):
            w, (stride, padding) = weights[f"deconv{i}.weight"], (min(i, 2), int(i > 1))
            x = functional.conv_transpose2d(x, w, stride=stride, padding=padding)
            if i < layers:
                x = mode.batch_norm(f"norm{i}", x, weights, relu=True)
        return x.reshape(len(x), -1)

    return Network("generator", Layout(shapes), forward)


def generator_twin() -> nn.Module:
    """`generator` in torch."""
    layers: list[nn.Module] = [nn.Unflatten(1, (2, 1, 1))]
    for i, (inputs, outputs) in enumerate(pairwise(GENERATOR), 1):
        place = (1, 0) if i == 1 else (2, 1)  # stride and padding
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, *place, bias=False))
        if outputs > 1:
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def give_weights(net: Network, theta: np.ndarray, twin: nn.Module) -> None:
    """Copy theta into a twin.

    Raises:
        ValueError: when a parameter has another shape than its piece of theta.
    """
    pieces, parameters = net.layout.views(theta).items(), list(twin.parameters())
    for (name, piece), parameter in zip(pieces, parameters, strict=True):
        if tuple(parameter.shape) != piece.shape:
            raise ValueError(f"{name} {piece.shape} meets {tuple(parameter.shape)}")
        parameter.data = torch.tensor(piece)


# ----------------------------------------------------------------------------
# Cases
# ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One network with a batch to train it on, and the ratio that is asked of it.

    A target is a class, or with `pixels` an image of so many to draw. Ratios are our
    seconds a step over torch's, eager with its default Adam.
    """

    name: str
    batch: int
    net: Network
    twin: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of one input
    required: float
    tried_for: float
    classes: int = 10
    pixels: int = 0

    def example(self) -> Example:
        """Draw a batch: inputs and labels, or inputs and images to draw."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.batch, *self.shape), dtype=np.float32)
        if self.pixels:
            bright = rng.random((self.batch, self.pixels)) > 0.98
            return x, bright.astype(np.float32)
        return x, rng.integers(0, self.classes, self.batch)

    def loss(self, logits: Tensor, target: Any) -> Tensor:
        """Our loss: cross-entropy of labels, or binary cross-entropy of pixels."""
        compute = functional.bce_logits if self.pixels else functional.cross_entropy
        return compute(logits, target)

    def torch_loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Torch's."""
        if self.pixels:
            return F.binary_cross_entropy_with_logits(logits, target)
        return F.cross_entropy(logits, target)


def _mlp(batch: int, widths: tuple[int, ...], required: float, tried: float) -> Case:
    name, net = "MLP " + "-".join(map(str, widths)), models.mlp(*widths)
    shape = widths[:1]
    return Case(name, batch, net, lambda: mlp_twin(*widths), shape, required, tried)


def _resnet(size: int, channels: int) -> Case:
    name, net = f"BN ResNet-8 {size}x{size}", models.resnet(8, channels=channels)
    twin, shape = partial(resnet_twin, 8, 16, channels), (channels, size, size)
    return Case(name, 64, net, twin, shape, 1.25, 1.0)


def cases() -> list[Case]:
    """The networks of the benchmark."""
    lenet, coords = models.lenet(), models.coordconv_painter()
    return [
        _mlp(64, (784, 300, 100, 10), 0.6, 0.45),
        _mlp(256, (784, 300, 100, 10), 0.75, 0.65),
        _mlp(128, (784, 200, 200, 10), 0.65, 0.5),
        Case("LeNet", 64, lenet, lenet_twin, (1, 28, 28), 0.7, 0.5),
        _resnet(28, 1),
        _resnet(32, 3),
        Case(
            *("Generator 64x64", 16, generator(), generator_twin, (2,), 1.1, 0.8),
            pixels=64 * 64,
        ),
        Case(
            *("CoordConv 64x64", 16, coords, CoordConvPainter, (2,), 0.6, 0.4),
            classes=64 * 64,
        ),
    ]
