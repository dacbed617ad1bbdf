"""The networks that the chapters train, each a function of one flat theta.

A network's name says its architecture in full, and its layout names the pieces of
theta: "NAME.weight", "NAME.bias", "NAME.gamma", "NAME.beta".

Letters: N batch, C channels, O channels out, F features, H W height and width,
S height and width of a square canvas.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np

from minitorch.backends import backend
from minitorch.functional import (
    add_relu,
    conv2d,
    conv_transpose2d,
    dropout,
    global_avg_pool,
    linear,
    max_pool2d,
)
from minitorch.nn import Layout, Mode, Network
from minitorch.ops import Operand, concat, reshape, softmax, tensor
from minitorch.tensor import Tensor

Shapes = dict[str, tuple[int, ...]]
Weights = dict[str, Tensor]
COORDS = (32, 32, 64, 64)  # channels of Liu et al.'s pointwise network

# ----------------------------------------------------------------------------
# Dense
# ----------------------------------------------------------------------------


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
    _check_widths("mlp", widths)
    shapes: Shapes = {}
    layers = range(1, len(widths))
    for i in layers:
        _dense(shapes, f"dense{i}", widths[i - 1], widths[i], bias)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), -1)  # (N, F)
        for i in layers:
            x = linear(x, *_of(weights, f"dense{i}"), relu=i < len(widths) - 1)
        return x

    name = "-".join(["mlp", *map(str, widths)]) + ("" if bias else "-nobias")
    return Network(name, Layout(shapes), forward)


def lenet_300_100(bias: bool = True) -> Network:
    """LeCun's dense network for 28 x 28 digits, 784-300-100-10.

    266,200 weights, and 410 biases if asked for.

    Source: LeCun et al. (1998), section III.C; the network of Han et al. (2015)
    and of Frankle and Carbin (2019).

    >>> lenet_300_100().layout.size, lenet_300_100(bias=False).layout.size
    (266610, 266200)
    """
    return mlp(784, 300, 100, 10, bias=bias)


def bn_mlp(*widths: int) -> Network:
    """An MLP with a batch norm before each ReLU; only the last layer has a bias.

    Args:
        widths: inputs, hidden layers, classes.

    Raises:
        ValueError: when there are fewer than two widths.

    >>> bn_mlp(64, 256, 256, 10).layout.size
    85514
    """
    _check_widths("bn_mlp", widths)
    shapes: Shapes = {}
    last = len(widths) - 1
    for i in range(1, last):
        _dense(shapes, f"dense{i}", widths[i - 1], widths[i], bias=False)
        _norm(shapes, f"norm{i}", widths[i])
    _dense(shapes, f"dense{last}", widths[-2], widths[-1])

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), -1)  # (N, F)
        for i in range(1, last):
            x = linear(x, weights[f"dense{i}.weight"])
            x = mode.batch_norm(f"norm{i}", x, weights, relu=True)
        return linear(x, *_of(weights, f"dense{last}"))

    return Network("-".join(["bn-mlp", *map(str, widths)]), Layout(shapes), forward)


# ----------------------------------------------------------------------------
# Convolutional
# ----------------------------------------------------------------------------


def lenet() -> Network:
    """LeCun's small convolutional network, for 28 x 28 digits.

    Two 5 x 5 convolutions (6 and 16 channels, no padding), each followed by
    ReLU and 2 x 2 max pooling, then dense layers of 120, 84 and 10: D = 44,426.

    Source: LeCun et al. (1998); sizes as in Li et al. (2018).

    >>> lenet().layout.size
    44426
    """
    shapes: Shapes = {}
    _conv(shapes, "conv1", 1, 6, 5)
    _conv(shapes, "conv2", 6, 16, 5)
    for i, (F, O) in enumerate(pairwise([256, 120, 84, 10]), 1):
        _dense(shapes, f"dense{i}", F, O)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), 1, 28, 28)
        x = max_pool2d(conv2d(x, *_of(weights, "conv1"), relu=True))  # (N, 6, 12, 12)
        x = max_pool2d(conv2d(x, *_of(weights, "conv2"), relu=True))  # (N, 16, 4, 4)
        return _dense_end(weights, x)

    return Network("lenet", Layout(shapes), forward)


def conv7() -> Network:
    """The small convolutional network whose kernels Ha, Dai and Le generate.

    Two 7 x 7 convolutions of 16 channels, padded to keep the size, each followed
    by ReLU and 2 x 2 max pooling, then one dense layer: D = 21,210, of which
    12,544 are the kernels of the second convolution.

    Source: Ha, Dai, Le (2016), HyperNetworks, section 4.1.

    >>> conv7().layout.size, conv7().layout.shapes["conv2.weight"]
    (21210, (16, 16, 7, 7))
    """
    shapes: Shapes = {}
    _conv(shapes, "conv1", 1, 16, 7)
    _conv(shapes, "conv2", 16, 16, 7)
    _dense(shapes, "dense1", 784, 10)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), 1, 28, 28)
        for layer in ("conv1", "conv2"):  # (N, 16, 14, 14), then (N, 16, 7, 7)
            x = max_pool2d(conv2d(x, *_of(weights, layer), padding=3, relu=True))
        return _dense_end(weights, x)

    return Network("conv7-16-16", Layout(shapes), forward)


def seven_convs() -> Network:
    """Seven convolutions and a dense layer for 28 x 28 digits: D = 325,578.

    Twice two 3 x 3 and one 5 x 5 convolution, of 32 and then of 64 channels, the 5 x 5
    with stride 2; a 4 x 4 convolution of 128 channels, which leaves one place; a dense
    layer. Dropout of 0.4 after each of the three blocks.

    Source: Qiu and Suda (2020), Conv7, from the authors' code, which pads the 5 x 5
    convolutions by one more on the right than on the left; here both sides have two.

    >>> seven_convs().layout.size
    325578
    """
    shapes: Shapes = {}
    kernels = (3, 3, 5, 3, 3, 5, 4)
    widths = [1, 32, 32, 32, 64, 64, 64, 128]
    for i, (k, C, O) in enumerate(zip(kernels, widths, widths[1:], strict=False), 1):
        _conv(shapes, f"conv{i}", C, O, k)
    _dense(shapes, "dense1", 128, 10)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), 1, 28, 28)
        rng = mode.rng if mode.train else None
        for i, k in enumerate(kernels, 1):  # sides 26, 24, 12, 10, 8, 4, 1
            stride, padding = (2, 2) if k == 5 else (1, 0)
            x = conv2d(x, *_of(weights, f"conv{i}"), stride, padding, relu=True)
            x = dropout(x, 0.4, rng) if k > 3 else x
        return _dense_end(weights, x)

    return Network("seven-convs-32-64-128", Layout(shapes), forward)


def conv2(channels: int = 3, size: int = 32, bias: bool = True) -> Network:
    """Two 3 x 3 convolutions of 64 channels, a pooling, dense 256, 256 and 10.

    Args:
        channels: of the images.
        size: their height and width, which the poolings must halve.
        bias: whether layers have a bias.

    Raises:
        ValueError: for a size that the poolings do not halve.

    Source: Frankle and Carbin (2019), The lottery ticket hypothesis, figure 2. Zhou
    et al. (2019) and Ramanujan et al. (2020) train the same without biases.

    >>> conv2(bias=False).layout.size, conv2(channels=1, size=28).layout.size
    (4300992, 3317450)
    """
    return _conv_net(2, channels, size, bias)


def conv4(channels: int = 3, size: int = 32, bias: bool = True) -> Network:
    """`conv2` with two convolutions of 128 channels and a pooling before the end.

    Takes and raises what `conv2` does.

    >>> conv4(bias=False).layout.size
    2425024
    """
    return _conv_net(4, channels, size, bias)


def conv6(channels: int = 3, size: int = 32, bias: bool = True) -> Network:
    """`conv4` with two convolutions of 256 channels and a pooling before the end.

    The table of Frankle and Carbin says 1.7 million weights for it. Counted, and in
    the code of Zhou et al. and of Ramanujan et al., they are 2,261,184.

    Takes and raises what `conv2` does. Three poolings halve 32, but not 28.

    >>> conv6(bias=False).layout.size
    2261184
    """
    return _conv_net(6, channels, size, bias)


def _conv_net(depth: int, channels: int, size: int, bias: bool) -> Network:
    """`depth` convolutions in pairs, each pair of twice the channels, then dense."""
    pools = depth // 2
    if size < 1 or size % 2**pools:
        raise ValueError(
            f"conv{depth} halves its images {pools} times, so it takes a size that "
            f"{2**pools} divides, got {size}; 28 x 28 digits can be padded to 32 x 32"
        )
    shapes: Shapes = {}
    widths = [channels, *np.repeat([64, 128, 256], 2).tolist()[:depth]]
    for i, (C, O) in enumerate(pairwise(widths), 1):
        _conv(shapes, f"conv{i}", C, O, 3, bias)
    flat = widths[-1] * (size >> pools) ** 2
    for i, (F, O) in enumerate(pairwise([flat, 256, 256, 10]), 1):
        _dense(shapes, f"dense{i}", F, O, bias)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), channels, size, size)
        for i in range(1, depth + 1):
            x = conv2d(x, *_of(weights, f"conv{i}"), padding=1, relu=True)
            x = x if i % 2 else max_pool2d(x)
        return _dense_end(weights, x)

    images = "" if (channels, size) == (3, 32) else f"-{channels}x{size}x{size}"
    name = f"conv{depth}{images}" + ("" if bias else "-nobias")
    return Network(name, Layout(shapes), forward)


def resnet(depth: int, width: int = 16, channels: int = 3) -> Network:
    """A residual network with batch norm, for small images of any size.

    A 3 x 3 convolution, then three stages of n = (depth - 2) / 6 blocks with width,
    2 width and 4 width channels, the mean over the image, and a dense layer. A
    block is two 3 x 3 convolutions, each with its batch norm. The second and third
    stage begin with stride 2 and reach their shortcut through a 1 x 1 convolution
    and a batch norm, as Frankle et al. have it (He et al. pad with zeros instead).
    There are 14 width (2n + 1) gammas and betas.

    Args:
        depth: 8, 14, 20, ...: layers with weights, shortcuts not counted.
        width: channels of the first stage.
        channels: of the images.

    Raises:
        ValueError: for a depth that is not 6n + 2, or a width below 1.

    Source: He et al. (2016), Deep residual learning, section 4.2; Frankle, Schwab,
    Morcos (2021), Training BatchNorm and only BatchNorm, table 1.

    >>> resnet(14).layout.size, resnet(14, width=32).layout.size
    (175258, 696618)
    """
    if depth < 8 or (depth - 2) % 6 or width < 1:
        raise ValueError(
            f"a resnet has depth 8, 14, 20, ... and a width of at least 1, got {depth} "
            f"and {width}"
        )
    shapes: Shapes = {}
    _conv(shapes, "conv", channels, width, 3, bias=False)
    _norm(shapes, "norm", width)
    blocks, C = [], width
    for stage in range(3):
        for i in range((depth - 2) // 6):
            block, O = f"stage{stage + 1}.block{i + 1}", width << stage
            blocks.append((block, O // C))  # the stride is 2 where channels double
            _conv(shapes, f"{block}.conv1", C, O, 3, bias=False)
            _norm(shapes, f"{block}.norm1", O)
            _conv(shapes, f"{block}.conv2", O, O, 3, bias=False)
            _norm(shapes, f"{block}.norm2", O)
            if O != C:
                _conv(shapes, f"{block}.shortcut", C, O, 1, bias=False)
                _norm(shapes, f"{block}.shortcut_norm", O)
            C = O
    _dense(shapes, "dense", C, 10)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        def norm(name: str, x: Tensor, relu: bool = False) -> Tensor:
            return mode.batch_norm(name, x, weights, relu)

        x = norm("norm", conv2d(x, weights["conv.weight"], padding=1), relu=True)
        for block, stride in blocks:
            first, second = (weights[f"{block}.conv{i}.weight"] for i in (1, 2))
            h = conv2d(x, first, stride=stride, padding=1)
            h = norm(f"{block}.norm1", h, relu=True)
            h = norm(f"{block}.norm2", conv2d(h, second, padding=1))
            if stride > 1:
                x = conv2d(x, weights[f"{block}.shortcut.weight"], stride=stride)
                x = norm(f"{block}.shortcut_norm", x)
            x = add_relu(h, x)
        return linear(global_avg_pool(x), *_of(weights, "dense"))

    name = f"resnet{depth}" + (f"-w{width}" if width != 16 else "")
    name += f"-{channels}x" if channels != 3 else ""
    return Network(name, Layout(shapes), forward)


# ----------------------------------------------------------------------------
# From a point to an image and back
# ----------------------------------------------------------------------------


def add_coords(x: Operand, radius: bool = False) -> Tensor:
    """Append each pixel's place to an image, as two or three more channels.

    Channel C runs from -1 to 1 along the width, channel C + 1 along the height, and
    a third, if asked for, is the distance from the centre, sqrt(2) in the corners.

    Args:
        x: (N, C, H, W).
        radius: whether to append the distance.

    Returns:
        (N, C + 2, H, W), or C + 3.

    Raises:
        ValueError: when x has other than four axes.

    Source: Liu et al. (2018), An intriguing failing of convolutional neural
    networks and the CoordConv solution, section 3.

    >>> add_coords(np.zeros((1, 1, 2, 3), np.float32)).data[0, 1:].tolist()
    [[[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]]
    """
    x = tensor(x)
    if x.ndim != 4:
        raise ValueError(f"add_coords() takes x (N, C, H, W), got {x.shape}")
    kernels = backend()
    places = kernels.constant(_places(x.shape[2:], radius, x.dtype))
    each = kernels.broadcast_to(places, (len(x), *places.shape))
    return concat([x, Tensor(each)], axis=1)


@lru_cache(maxsize=8)
def _places(shape: tuple[int, ...], radius: bool, dtype: np.dtype) -> np.ndarray:
    """The coordinate channels of an image (H, W): (2, H, W), or 3."""
    rows, columns = (np.linspace(-1, 1, length) for length in shape)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    channels = [x, y, np.hypot(x, y)] if radius else [x, y]
    return np.stack(channels).astype(dtype)


def coordconv_painter(
    size: int = 64, hidden: tuple[int, ...] = COORDS, radius: bool = False
) -> Network:
    """From a point (N, 2) to logits of all S x S pixels, (N, S S), by CoordConv.

    The point is written into every pixel, coordinates are appended, and 1 x 1
    convolutions with ReLU between them work on each pixel by itself. The paper's
    7,553 weights learn to mark one pixel, or to draw a square around it.

    Args:
        size: S.
        hidden: channels between the first and the last layer.
        radius: whether `add_coords` appends the distance too.

    Source: Liu et al. (2018), section 4.

    >>> coordconv_painter().layout.size
    7553
    >>> coordconv_painter(size=32, hidden=(16, 16)).layout.size
    369
    """
    shapes: Shapes = {}
    paint = _pointwise(shapes, size, hidden, radius)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        return paint(weights, x)

    name = "-".join(["coordconv", f"{size}x{size}", *map(str, hidden)])
    return Network(name + ("-radius" if radius else ""), Layout(shapes), forward)


def coordconv_renderer(size: int = 64) -> Network:
    """A painter of one pixel, then convolutions that draw a shape around it.

    `coordconv_painter`, a softmax over all pixels, and five 3 x 3 convolutions (8,
    8, 16, 16 and 1 channels): from a point (N, 2) to logits (N, S S).

    Args:
        size: S.

    Source: Liu et al. (2018), section 4, with the counts of its code.

    >>> coordconv_renderer().layout.size
    11850
    """
    shapes: Shapes = {}
    paint = _pointwise(shapes, size, COORDS, radius=False)
    for i, (C, O) in enumerate(pairwise([1, 8, 8, 16, 16, 1]), 1):
        _conv(shapes, f"draw{i}", C, O, 3)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = softmax(paint(weights, x)).reshape(len(x), 1, size, size)
        for i in range(1, 6):
            x = conv2d(x, *_of(weights, f"draw{i}"), padding=1, relu=i < 5)
        return x.reshape(len(x), -1)

    return Network(f"coordconv-renderer-{size}x{size}", Layout(shapes), forward)


def _pointwise(
    shapes: Shapes, size: int, hidden: tuple[int, ...], radius: bool
) -> Callable[[Weights, Tensor], Tensor]:
    """Add the layers of a `coordconv_painter`; give the function that runs them."""
    widths = [5 if radius else 4, *hidden, 1]
    for i, (C, O) in enumerate(pairwise(widths), 1):
        _conv(shapes, f"conv{i}", C, O, 1)
    canvas = np.ones((size, size), np.float32)

    def paint(weights: Weights, x: Tensor) -> Tensor:
        kernels = backend()
        ones = Tensor(kernels.astype(kernels.constant(canvas), x.data))
        x = add_coords(reshape(x, (-1, 2, 1, 1)) * ones, radius)  # (N, 4, S, S)
        for i in range(1, len(widths)):
            x = conv2d(x, *_of(weights, f"conv{i}"), relu=i < len(widths) - 1)
        return reshape(x, (len(x), -1))

    return paint


def deconv_painter(size: int = 64, k: int = 2, multiplier: int = 1) -> Network:
    """From a point (N, 2) to logits of all S x S pixels, by transposed convolutions.

    Each doubles height and width; all but the last are followed by batch norm and
    ReLU. Their channels are 64, 64, 64, 32, 32 times the multiplier, as many of
    them as it takes.

    Args:
        size: S, a power of two from 4 to 64.
        k: height and width of the kernels: 2, 3 or 4.
        multiplier: of the channels.

    Raises:
        ValueError: for another size or another k.

    Source: Liu et al. (2018), section 4, with the counts of its code.

    >>> deconv_painter().layout.size
    46465
    """
    if size not in (4, 8, 16, 32, 64) or k not in (2, 3, 4):
        raise ValueError(
            "deconv_painter() takes a size 4, 8, 16, 32 or 64 and a k of 2, 3 or 4, "
            f"got {size} and {k}"
        )
    layers = size.bit_length() - 1
    hidden = [multiplier * O for O in (64, 64, 64, 32, 32)[: layers - 1]]
    shapes: Shapes = {}
    for i, (C, O) in enumerate(pairwise([2, *hidden, 1]), 1):
        shapes[f"deconv{i}.weight"], shapes[f"deconv{i}.bias"] = (C, O, k, k), (O,)
        if i < layers:
            _norm(shapes, f"norm{i}", O)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = x.reshape(len(x), 2, 1, 1)
        for i in range(1, layers + 1):
            x = conv_transpose2d(x, *_of(weights, f"deconv{i}"), 2, (k - 2) // 2)
            if k == 3:  # one row and column too many
                x = x[:, :, :-1, :-1]
            if i < layers:
                x = mode.batch_norm(f"norm{i}", x, weights, relu=True)
        return x.reshape(len(x), -1)

    times = f"-times{multiplier}" if multiplier != 1 else ""
    return Network(f"deconv-{size}x{size}-k{k}{times}", Layout(shapes), forward)


def coordconv_regressor() -> Network:
    """From an image with one bright pixel to where it is, (N, 2), by CoordConv.

    Coordinates are appended, then three 1 x 1 convolutions of 8 channels, a 3 x 3
    one of 8 and one of 2, and the largest value over the image. There is no ReLU:
    the maximum is all that bends. Images (N, 1, H, W) of any size.

    Source: Liu et al. (2018), section 5, with the counts of its code.

    >>> coordconv_regressor().layout.size
    906
    """
    shapes: Shapes = {}
    kernels = [1, 1, 1, 3, 3]
    for i, (C, O) in enumerate(pairwise([3, 8, 8, 8, 8, 2]), 1):
        _conv(shapes, f"conv{i}", C, O, kernels[i - 1])

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        x = add_coords(x)
        for i, k in enumerate(kernels, 1):
            x = conv2d(x, *_of(weights, f"conv{i}"), padding=k // 2)
        return x.max(axis=(2, 3))

    return Network("coordconv-regressor", Layout(shapes), forward)


def conv_regressor(multiplier: int = 1) -> Network:
    """From a 64 x 64 image with one bright pixel to where it is, (N, 2).

    Four 3 x 3 convolutions of 16 channels times the multiplier with ReLU, a max
    pooling after each of the first three, and dense layers of 64 and 2. (Where the
    poolings stand does not show in the published counts; here they come first.)

    Args:
        multiplier: of the channels.

    Source: Liu et al. (2018), section 5, with the counts of its code.

    >>> conv_regressor().layout.size, conv_regressor(multiplier=2).layout.size
    (72850, 159330)
    """
    shapes: Shapes = {}
    O = 16 * multiplier
    for i, C in enumerate([1, O, O, O], 1):
        _conv(shapes, f"conv{i}", C, O, 3)
    _dense(shapes, "dense1", O * 8 * 8, 64)
    _dense(shapes, "dense2", 64, 2)

    def forward(weights: Weights, x: Tensor, mode: Mode) -> Tensor:
        for i in range(1, 5):
            x = conv2d(x, *_of(weights, f"conv{i}"), padding=1, relu=True)
            x = max_pool2d(x) if i < 4 else x
        return _dense_end(weights, x)

    return Network(f"conv-regressor-times{multiplier}", Layout(shapes), forward)


# ----------------------------------------------------------------------------
# Helpers
# ----------------------------------------------------------------------------


def _dense(shapes: Shapes, name: str, F: int, O: int, bias: bool = True) -> None:
    shapes[f"{name}.weight"] = (O, F)
    if bias:
        shapes[f"{name}.bias"] = (O,)


def _conv(shapes: Shapes, name: str, C: int, O: int, k: int, bias: bool = True) -> None:
    shapes[f"{name}.weight"] = (O, C, k, k)
    if bias:
        shapes[f"{name}.bias"] = (O,)


def _norm(shapes: Shapes, name: str, C: int) -> None:
    shapes[f"{name}.gamma"] = shapes[f"{name}.beta"] = (C,)


def _of(weights: Weights, layer: str) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and its bias, None where it has none."""
    return weights[f"{layer}.weight"], weights.get(f"{layer}.bias")


def _dense_end(weights: Weights, x: Tensor) -> Tensor:
    """The dense layers that end a network, dense1 and on, with ReLU between them."""
    x, i = reshape(x, (len(x), -1)), 1
    while f"dense{i + 1}.weight" in weights:
        x, i = linear(x, *_of(weights, f"dense{i}"), relu=True), i + 1
    return linear(x, *_of(weights, f"dense{i}"))


def _check_widths(name: str, widths: tuple[int, ...]) -> None:
    if len(widths) < 2:
        raise ValueError(
            f"{name}() needs inputs and classes at least, got widths {widths}"
        )
