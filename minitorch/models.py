"""The networks that the chapters train."""

from __future__ import annotations

from minitorch.functional import conv2d, linear, max_pool2d
from minitorch.nn import Layout, Mode, Network
from minitorch.tensor import Tensor


def mlp(*widths: int, bias: bool = True) -> Network:
    """A multi-layer perceptron with ReLU between its layers.

    Args:
        widths: inputs, hidden layers, classes.
        bias: whether layers have a bias.

    Raises:
        ValueError: when there are fewer than two widths.

    >>> mlp(784, 200, 200, 10).layout.size
    199210
    >>> mlp(784, 300, 100, 10, bias=False).name
    'mlp-784-300-100-10-nobias'
    """
    if len(widths) < 2:
        raise ValueError(f"an mlp needs inputs and classes at least, got {widths}")
    shapes: dict[str, tuple[int, ...]] = {}
    layers = range(1, len(widths))
    for i in layers:
        shapes[f"dense{i}.weight"] = (widths[i], widths[i - 1])
        if bias:
            shapes[f"dense{i}.bias"] = (widths[i],)

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), -1)  # (N, F)
        for i in layers:
            w, b = weights[f"dense{i}.weight"], weights.get(f"dense{i}.bias")
            x = linear(x, w, b, relu=i < len(widths) - 1)
        return x

    name = "-".join(["mlp", *map(str, widths)]) + ("" if bias else "-nobias")
    return Network(name, Layout(shapes), forward)


def lenet() -> Network:
    """LeCun's small convolutional network, for 28 x 28 digits.

    Two 5 x 5 convolutions (6 and 16 channels, no padding), each followed by
    ReLU and 2 x 2 max pooling, then dense layers of 120, 84 and 10: D = 44,426.

    Source: LeCun et al. (1998); sizes as in Li et al. (2018).

    >>> lenet().layout.size
    44426
    """
    layers: dict[str, tuple[int, ...]] = {
        "conv1": (6, 1, 5, 5),
        "conv2": (16, 6, 5, 5),
        "dense1": (120, 256),
        "dense2": (84, 120),
        "dense3": (10, 84),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, shape in layers.items():
        shapes[f"{layer}.weight"], shapes[f"{layer}.bias"] = shape, shape[:1]

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        def of(layer: str) -> tuple[Tensor, Tensor]:
            return weights[f"{layer}.weight"], weights[f"{layer}.bias"]

        x = x.reshape(len(x), 1, 28, 28)
        x = max_pool2d(conv2d(x, *of("conv1"), relu=True))  # (N, 6, 12, 12)
        x = max_pool2d(conv2d(x, *of("conv2"), relu=True))  # (N, 16, 4, 4)
        x = linear(x.reshape(len(x), -1), *of("dense1"), relu=True)
        x = linear(x, *of("dense2"), relu=True)
        return linear(x, *of("dense3"))

    return Network("lenet", Layout(shapes), forward)
