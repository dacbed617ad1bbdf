"""The networks that the benchmark trains, ours and the same ones in torch.

A twin holds its layers in the order of our layout, so that its parameters and the
pieces of theta correspond one to one: same shapes, same numbers, same loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from minitorch import Tensor, functional, models
from minitorch.nn import Network

Example = tuple[np.ndarray, np.ndarray]

# ----------------------------------------------------------------------------
# Twins
# ----------------------------------------------------------------------------


def mlp_twin(*widths: int) -> nn.Module:
    """`models.mlp` in torch."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in zip(widths, widths[1:], strict=False):
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

    Ratios are our seconds a step over torch's, eager with its default Adam.
    """

    name: str
    batch: int
    net: Network
    twin: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of one input
    required: float
    tried_for: float
    targets: int | tuple[int, ...] = 10  # classes; or the shape of an image to draw

    def example(self) -> Example:
        """Draw a batch: inputs and labels, or inputs and images to draw."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.batch, *self.shape), dtype=np.float32)
        if isinstance(self.targets, int):
            return x, rng.integers(0, self.targets, self.batch)
        return x, (rng.random((self.batch, *self.targets)) > 0.98).astype(np.float32)

    def loss(self, logits: Tensor, target: Any) -> Tensor:
        """Our loss: cross-entropy of labels, or binary cross-entropy of pixels."""
        if isinstance(self.targets, int):
            return functional.cross_entropy(logits, target)
        return functional.bce_logits(logits, target)

    def torch_loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Torch's."""
        if isinstance(self.targets, int):
            return F.cross_entropy(logits, target)
        return F.binary_cross_entropy_with_logits(logits, target)


def _mlp(batch: int, widths: tuple[int, ...], required: float, tried: float) -> Case:
    name, net = "MLP " + "-".join(map(str, widths)), models.mlp(*widths)
    shape = widths[:1]
    return Case(name, batch, net, lambda: mlp_twin(*widths), shape, required, tried)


def cases() -> list[Case]:
    """The networks of the benchmark."""
    return [
        _mlp(64, (784, 300, 100, 10), 0.6, 0.45),
        _mlp(256, (784, 300, 100, 10), 0.75, 0.65),
        _mlp(128, (784, 200, 200, 10), 0.65, 0.5),
        Case("LeNet", 64, models.lenet(), lenet_twin, (1, 28, 28), 0.7, 0.5),
    ]
