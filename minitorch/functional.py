"""The layers: fused operations on batches, each with its backward beneath it.

The rhythm is that of `ops`: compute `out`, define `backward`, hand both to
`record`. What is heavy is a pair of kernels of the back-end.

Letters: N batch, C channels in, O channels out, F features, K classes,
H W height and width.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.ops import (
    Grads,
    Operand,
    mean,
    multiply,
    reshape,
    same_dtype,
    tensor,
)
from minitorch.tensor import Array, Tensor, record

Statistics = tuple[Array, Array]  # mean and variance of each channel, (C,) both

# ----------------------------------------------------------------------------
# Dense and convolutional
# ----------------------------------------------------------------------------


def linear(
    x: Operand, w: Operand, b: Operand | None = None, relu: bool = False
) -> Tensor:
    """A dense layer: x w^T + b, then ReLU if asked for.

    Args:
        x: (N, F).
        w: (O, F), one row of incoming weights for each output.
        b: (O,) or None.
        relu: whether to apply ReLU in the same pass.

    Returns:
        (N, O).

    Raises:
        ValueError: when the shapes do not fit.

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[1.0, 1.0], [0.0, -1.0]]), relu=True)
    Tensor([[3. 0.]])
    """
    x, w, *rest = parents = _inputs("linear", x, w, b)
    if x.ndim != 2 or w.ndim != 2 or x.data.shape[1] != w.data.shape[1]:
        raise ValueError(
            f"linear() takes x (N, F) and w (O, F), got {x.shape} and {w.shape}; "
            "images need .reshape(N, -1) first"
        )
    bias = _bias("linear", rest, w.shape[0])
    kernels = backend()
    out = kernels.linear(x.data, w.data, bias, relu)

    def backward(grad: Array) -> Grads:
        grad = kernels.relu_grad(grad, out) if relu else grad
        return kernels.linear_grad(grad, x.data, w.data, x.requires_grad)[
            : len(parents)
        ]

    return record("linear", out, parents, backward)


def conv2d(
    x: Operand,
    w: Operand,
    b: Operand | None = None,
    stride: int = 1,
    padding: int = 0,
    relu: bool = False,
) -> Tensor:
    """A 2-D convolution (no kernel flip), then ReLU if asked for.

    Args:
        x: (N, C, H, W).
        w: (O, C, k, k).
        b: (O,) or None.
        stride: step of the window.
        padding: zeros added on each side.
        relu: whether to apply ReLU in the same pass.

    Returns:
        (N, O, H', W') with H' = (H + 2 padding - k) // stride + 1.

    Raises:
        ValueError: when the shapes do not fit.

    >>> conv2d(Tensor(np.ones((1, 1, 3, 3))), Tensor(np.ones((1, 1, 2, 2)))).shape
    (1, 1, 2, 2)
    """
    x, w, *rest = parents = _inputs("conv2d", x, w, b)
    square = w.ndim == 4 and w.shape[2] == w.shape[3] and 0 not in w.shape
    if x.ndim != 4 or not square or x.shape[1] != w.shape[1]:
        raise ValueError(
            f"conv2d() takes x (N, C, H, W) and w (O, C, k, k), got {x.shape} "
            f"and {w.shape}"
        )
    if min(x.shape[2:]) + 2 * padding < w.shape[2] or stride < 1 or padding < 0:
        raise ValueError(
            f"conv2d() cannot slide a {w.shape[2]} x {w.shape[2]} window with stride "
            f"{stride} and padding {padding} over {x.shape}"
        )
    bias = _bias("conv2d", rest, w.shape[0])
    return _convolve("conv2d", parents, bias, stride, padding, relu)


def conv_transpose2d(
    x: Operand,
    w: Operand,
    b: Operand | None = None,
    stride: int = 1,
    padding: int = 0,
    relu: bool = False,
) -> Tensor:
    """The transpose of `conv2d`: each pixel stamps a k x k kernel onto the output.

    Args:
        x: (N, C, H, W).
        w: (C, O, k, k).
        b: (O,) or None.
        stride: step between stamps.
        padding: rows and columns cut from each side.
        relu: whether to apply ReLU in the same pass.

    Returns:
        (N, O, H', W') with H' = (H - 1) stride + k - 2 padding.

    Raises:
        ValueError: when the shapes do not fit, or nothing is left of the output.

    >>> conv_transpose2d(Tensor(np.ones((1, 1, 2, 2))), Tensor(np.ones((1, 1, 2, 2))))
    Tensor([[[[1. 2. 1.]
       [2. 4. 2.]
       [1. 2. 1.]]]])
    """
    x, w, *rest = parents = _inputs("conv_transpose2d", x, w, b)
    square = w.ndim == 4 and w.shape[2] == w.shape[3] and 0 not in w.shape
    if x.ndim != 4 or not square or x.shape[1] != w.shape[0]:
        raise ValueError(
            f"conv_transpose2d() takes x (N, C, H, W) and w (C, O, k, k), got "
            f"{x.shape} and {w.shape}"
        )
    left = (min(x.shape[2:]) - 1) * stride + w.shape[2] - 2 * padding
    if left < 1 or stride < 1 or padding < 0:
        raise ValueError(
            f"conv_transpose2d() leaves nothing of {x.shape} with kernels of "
            f"{w.shape[2]} x {w.shape[2]}, stride {stride} and padding {padding}"
        )
    bias = _bias("conv_transpose2d", rest, w.shape[1])
    return _convolve("conv_transpose2d", parents, bias, stride, padding, relu)


def csr_matmul(
    values: Operand, indptr: Array, indices: Array, x: Operand, columns: int
) -> Tensor:
    """W x for a sparse W (R, columns) in compressed rows, and a dense x.

    Row r of W holds values[indptr[r] : indptr[r + 1]] in the columns
    indices[indptr[r] : indptr[r + 1]].

    Args:
        values: (Z,) the entries that are not zero, row by row.
        indptr: (R + 1,) whole numbers from 0 to Z, where each row starts.
        indices: (Z,) whole numbers, the column of each entry.
        x: (columns, N).
        columns: how many columns W has.

    Returns:
        (R, N).

    Raises:
        ValueError: when the shapes do not fit or an index is out of range.
        TypeError: when indices are not whole numbers.

    >>> start, column = np.array([0, 1, 3]), np.array([1, 0, 1])  # [[0 2], [3 4]]
    >>> csr_matmul(Tensor([2.0, 3.0, 4.0]), start, column, Tensor([[1.0], [10.0]]), 2)
    Tensor([[20.]
     [43.]])
    """
    values, x = parents = _inputs("csr_matmul", values, x)
    indptr, indices = _places("csr_matmul", indptr), _places("csr_matmul", indices)
    fits = values.ndim == indices.ndim == 1 and x.ndim == 2 and indptr.size
    if not fits or values.shape != indices.shape or x.shape[0] != columns:
        raise ValueError(
            f"csr_matmul() takes values (Z,), indices (Z,) and x ({columns}, N), got "
            f"{values.shape}, {indices.shape} and {x.shape}"
        )
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError("csr_matmul() needs an indptr that rises from 0 to Z")
    if len(indices) and not 0 <= indices.min() <= indices.max() < columns:
        raise ValueError(
            f"csr_matmul() got columns from {indices.min()} to {indices.max()} for a "
            f"W of {columns} columns"
        )
    kernels = backend()

    def backward(grad: Array) -> Grads:
        dvalues = kernels.csr_values_grad(grad, indptr, indices, x.data)
        pattern = values.data, indptr, indices
        return dvalues, kernels.csr_rmatmul(*pattern, grad, columns)

    out = kernels.csr_matmul(values.data, indptr, indices, x.data)
    return record("csr_matmul", out, parents, backward)


def embedding(table: Operand, ids: Array) -> Tensor:
    """Look up rows of a table (V, F) by whole numbers of any shape.

    Returns:
        (*ids.shape, F).

    Raises:
        ValueError: when an id is not one of 0 to V - 1, or the table has other than
            two axes.
        TypeError: when the ids are not whole numbers.

    >>> embedding(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1, 0])).shape
    (3, 2)
    """
    table, ids = tensor(table), _places("embedding", ids)
    if table.ndim != 2:
        raise ValueError(f"embedding() takes a table (V, F), got {table.shape}")
    if ids.size and not 0 <= ids.min() <= ids.max() < len(table):
        raise ValueError(
            f"embedding() got ids from {ids.min()} to {ids.max()} for a table of "
            f"{len(table)} rows"
        )
    kernels, rows = backend(), ids.reshape(-1)

    def backward(grad: Array) -> Grads:
        # W^T grad for a W with a single 1 in each row, in the column of its id
        ones = kernels.asarray(np.ones(len(rows), table.dtype))
        pattern = ones, np.arange(len(rows) + 1, dtype=np.int32), rows
        grad = grad.reshape(len(rows), table.shape[1])
        return (kernels.csr_rmatmul(*pattern, grad, len(table)),)

    out = table.data[kernels.asarray(ids)]
    return record("embedding", out, (table,), backward)


# ----------------------------------------------------------------------------
# Pooling
# ----------------------------------------------------------------------------


def max_pool2d(x: Operand, k: int = 2) -> Tensor:
    """Largest value of each k x k tile (the first, where several are equal).

    Args:
        x: (N, C, H, W), H and W multiples of k.

    Raises:
        ValueError: when the tiles do not fill the image.

    >>> max_pool2d(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    Tensor([[[[4.]]]])
    """
    x = tensor(x)
    _tiles("max_pool2d", x, k)
    kernels = backend()
    out, which = kernels.max_pool2d(x.data, k)

    def backward(grad: Array) -> Grads:
        return (kernels.max_pool2d_grad(grad, which, k),)

    return record("max_pool2d", out, (x,), backward)


def avg_pool2d(x: Operand, k: int = 2) -> Tensor:
    """Mean of each k x k tile. x (N, C, H, W), H and W multiples of k.

    >>> avg_pool2d(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    Tensor([[[[2.5]]]])
    """
    x = tensor(x)
    _tiles("avg_pool2d", x, k)
    N, C, H, W = x.shape
    return mean(reshape(x, (N, C, H // k, k, W // k, k)), axis=(3, 5))


def global_avg_pool(x: Operand) -> Tensor:
    """Mean of each channel over the whole image: (N, C, H, W) to (N, C).

    Raises:
        ValueError: when x has other than four axes.

    >>> global_avg_pool(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    Tensor([[2.5]])
    """
    x = tensor(x)
    _tiles("global_avg_pool", x, 1)
    return mean(x, axis=(2, 3))


# ----------------------------------------------------------------------------
# Normalisation, residuals, noise
# ----------------------------------------------------------------------------


def batch_norm(
    x: Operand,
    gamma: Operand | None = None,
    beta: Operand | None = None,
    statistics: Statistics | None = None,
    *,
    eps: float = 1e-5,
    relu: bool = False,
) -> tuple[Tensor, Statistics]:
    """Standardise each channel, then scale and shift it; then ReLU if asked for.

    gamma (x - mean) / sqrt(var + eps) + beta, with mean and variance taken over
    all axes but the channel's: of this batch, or as given.

    Args:
        x: (N, C) or (N, C, H, W).
        gamma: (C,) scale; None for 1.
        beta: (C,) shift; None for 0.
        statistics: mean and variance to use, for evaluation; None for the
            batch's own, through which the gradient flows too.
        eps: keeps the root away from zero.
        relu: whether to apply ReLU in the same pass.

    Returns:
        The result, of x's shape, and the mean and variance (divided by the
        count, not by the count less one) that were used.

    Raises:
        ValueError: when the shapes do not fit.

    Source: Ioffe and Szegedy (2015), Batch normalization, algorithm 1.

    >>> out, (mean, var) = batch_norm(Tensor([[1.0, 5.0], [3.0, 5.0]]))
    >>> out.data.round(2).tolist(), mean.tolist(), var.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 0.0])
    """
    x, gamma, beta = tensor(x), _filled(x, gamma, 1), _filled(x, beta, 0)
    parents = _inputs("batch_norm", x, gamma, beta)
    if x.ndim not in (2, 4) or not gamma.shape == beta.shape == x.shape[1:2]:
        raise ValueError(
            "batch_norm() takes x (N, C) or (N, C, H, W), gamma (C,) and beta (C,), "
            f"got {x.shape}, {gamma.shape} and {beta.shape}"
        )
    kernels = backend()
    if own := statistics is None:
        if 0 in x.shape:
            raise ValueError(f"batch_norm() of an empty batch {x.shape}")
        statistics = kernels.moments(x.data)
    mean, var = (kernels.astype(kernels.asarray(part), x.data) for part in statistics)
    if not tuple(mean.shape) == tuple(var.shape) == gamma.shape:
        raise ValueError(
            f"batch_norm() takes a mean and a variance {gamma.shape}, got "
            f"{tuple(mean.shape)} and {tuple(var.shape)}"
        )
    inverse = (var + eps) ** -0.5
    out = kernels.batch_norm(x.data, mean, gamma.data * inverse, beta.data, relu)

    def backward(grad: Array) -> Grads:
        grad = kernels.relu_grad(grad, out) if relu else grad
        return kernels.batch_norm_grad(grad, x.data, mean, inverse, gamma.data, own)

    return record("batch_norm", out, parents, backward), (mean, var)


def layer_norm(
    x: Operand, gamma: Operand, beta: Operand, *, eps: float = 1e-5
) -> Tensor:
    """Standardise each row over the last axis, then scale and shift.

    Args:
        x: (..., F).
        gamma: (F,) scale.
        beta: (F,) shift.
        eps: keeps the root away from zero.

    Raises:
        ValueError: when the shapes do not fit.

    Source: Ba, Kiros, Hinton (2016), Layer normalization.

    >>> one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    >>> layer_norm(Tensor([[1.0, 3.0]]), one, zero).data.round(3)
    array([[-1.,  1.]], dtype=float32)
    """
    x, gamma, beta = _inputs("layer_norm", x, gamma, beta)
    if not x.ndim or not gamma.shape == beta.shape == x.shape[-1:] != (0,):
        raise ValueError(
            "layer_norm() takes x (..., F), gamma (F,) and beta (F,), got "
            f"{x.shape}, {gamma.shape} and {beta.shape}"
        )
    F, total = x.shape[-1], backend().sum
    centred = x.data - total(x.data, -1, True) / F
    inverse = (total(centred * centred, -1, True) / F + eps) ** -0.5
    scaled = centred * inverse

    def backward(grad: Array) -> Grads:
        inner = grad * gamma.data
        along = scaled * (total(inner * scaled, -1, True) / F)
        dx = inverse * (inner - total(inner, -1, True) / F - along)
        return dx, grad * scaled, grad

    out = scaled * gamma.data + beta.data
    return record("layer_norm", out, (x, gamma, beta), backward)


def add_relu(a: Operand, b: Operand) -> Tensor:
    """max(a + b, 0) in one pass, for two tensors of one shape: a residual's end.

    Raises:
        ValueError: when the shapes differ.

    >>> add_relu(Tensor([1.0, -3.0]), Tensor([1.0, 1.0]))
    Tensor([2. 0.])
    """
    a, b = parents = _inputs("add_relu", a, b)
    if a.shape != b.shape:
        raise ValueError(f"add_relu() takes one shape, got {a.shape} and {b.shape}")
    kernels = backend()
    out = kernels.add_relu(a.data, b.data)

    def backward(grad: Array) -> Grads:
        grad = kernels.relu_grad(grad, out)
        return grad, grad

    return record("add_relu", out, parents, backward)


def dropout(x: Operand, p: float, rng: np.random.Generator | None) -> Tensor:
    """Set each number to zero with chance p, and divide the rest by 1 - p.

    Args:
        x: any shape.
        p: the chance, from 0 to below 1.
        rng: where the chance comes from; None switches dropout off (evaluation).

    Raises:
        ValueError: when p is not from 0 to below 1.

    Source: Srivastava et al. (2014), Dropout.

    >>> dropout(Tensor(np.ones(4)), 0.5, np.random.default_rng(0)).data.tolist()
    [2.0, 0.0, 0.0, 0.0]
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout() takes a chance p from 0 to below 1, got {p}")
    x = tensor(x)
    if rng is None or p == 0:
        return x
    kept = (rng.random(x.shape) >= p) / (1 - p)
    return multiply(x, kept.astype(x.dtype))


# ----------------------------------------------------------------------------
# Losses
# ----------------------------------------------------------------------------


def cross_entropy(logits: Operand, labels: Array) -> Tensor:
    """Mean over the batch of -log softmax(logits)[label].

    On a GPU the labels' range is not looked at, for the look would wait for it.

    Args:
        logits: (N, K).
        labels: (N,) array of whole numbers, 0 to K - 1.

    Returns:
        One number.

    Raises:
        ValueError: when the shapes do not fit or a label is out of range.
        TypeError: when the labels are not whole numbers.

    >>> cross_entropy(Tensor([[0.0, 0.0]]), np.array([1])).item()
    0.6931471824645996
    """
    logits, kernels = tensor(logits), backend()
    labels = labels.data if isinstance(labels, Tensor) else labels
    if not hasattr(labels, "dtype") or kernels.kind(labels) not in "iu":
        raise TypeError(
            "cross_entropy() takes an array of whole numbers as labels, got "
            f"{getattr(labels, 'dtype', type(labels))}"
        )
    if logits.ndim != 2 or tuple(labels.shape) != logits.shape[:1] or not len(labels):
        raise ValueError(
            f"cross_entropy() takes logits (N, K) and labels (N,) with N at least 1, "
            f"got {logits.shape} and {tuple(labels.shape)}"
        )
    if kernels.looks and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ValueError(
            f"cross_entropy() got labels from {labels.min()} to {labels.max()}, but "
            f"logits for {logits.shape[1]} classes, 0 to {logits.shape[1] - 1}"
        )
    loss, slope = kernels.cross_entropy(logits.data, kernels.asarray(labels))

    def backward(grad: Array) -> Grads:
        return (slope * grad,)

    return record("cross_entropy", kernels.asarray(loss), (logits,), backward)


def bce_logits(logits: Operand, targets: Operand) -> Tensor:
    """Mean of the binary cross-entropy of sigmoid(logits) against targets.

    max(x, 0) - x t + log(1 + exp(-|x|)), which cannot overflow.

    Args:
        logits: x, any shape.
        targets: t, of that shape, from 0 to 1; taken as constants.

    Raises:
        ValueError: when the shapes differ, there is no number, or a target is outside
            0 to 1 (not looked at on a GPU).

    >>> bce_logits(Tensor([0.0, 1000.0]), np.ones(2, np.float32)).item()
    0.3465735912322998
    """
    logits, targets = _inputs("bce_logits", logits, targets)
    if logits.shape != targets.shape or 0 in logits.shape:
        raise ValueError(
            f"bce_logits() takes logits and targets of one shape, got {logits.shape} "
            f"and {targets.shape}"
        )
    kernels, x, t = backend(), logits.data, targets.data
    if kernels.looks and not ((t >= 0) & (t <= 1)).all():
        raise ValueError("bce_logits() takes targets from 0 to 1")
    count = float(np.prod(logits.shape))
    small = kernels.exp(-kernels.abs(x))
    losses = kernels.maximum(x, 0) - x * t + kernels.log(1 + small)

    def backward(grad: Array) -> Grads:
        chance = kernels.where(x >= 0, 1 / (1 + small), small / (1 + small))
        return ((chance - t) * (grad / count),)

    return record("bce_logits", losses.sum() / count, (logits,), backward)


# ----------------------------------------------------------------------------
# Helpers
# ----------------------------------------------------------------------------


def _inputs(op: str, *given: Operand | None) -> tuple[Tensor, ...]:
    """Make tensors of all that is not None, and see that they have one type."""
    tensors = tuple([tensor(x) for x in given if x is not None])
    same_dtype(op, *tensors)
    return tensors


def _places(op: str, given: Any) -> np.ndarray:
    """Read whole numbers that say where; int32, as the kernels have it."""
    places = np.asarray(given)
    if places.dtype.kind not in "iu" and places.size:
        raise TypeError(f"{op}() takes whole numbers as places, got {places.dtype}")
    if places.size and abs(places).max() >= 2**31:
        raise ValueError(f"{op}() takes places below 2**31, got {abs(places).max()}")
    return places.astype(np.int32)


def _bias(op: str, rest: list[Tensor], size: int) -> Array | None:
    if rest and rest[0].shape != (size,):
        raise ValueError(f"{op}() needs a bias {(size,)}, got {rest[0].shape}")
    return rest[0].data if rest else None


def _convolve(
    op: str, parents: tuple, bias: Array | None, stride: int, padding: int, relu: bool
) -> Tensor:
    """Run a convolution, or its transpose, and write its tape entry."""
    kernels, x, w = backend(), *parents[:2]
    out = getattr(kernels, op)(x.data, w.data, bias, stride, padding, relu)

    def backward(grad: Array) -> Grads:
        grad = kernels.relu_grad(grad, out) if relu else grad
        numbers = stride, padding, x.requires_grad
        way_back = getattr(kernels, f"{op}_grad")
        return way_back(grad, x.data, w.data, *numbers)[: len(parents)]

    return record(op, out, parents, backward)


def _filled(x: Any, given: Operand | None, value: float) -> Tensor:
    """Give one number for each channel, where none are given."""
    if given is not None:
        return tensor(given)
    return Tensor(np.full(x.shape[1:2], value, tensor(x).dtype))


def _tiles(op: str, x: Tensor, k: int) -> None:
    if k < 1 or x.ndim != 4 or x.shape[2] % k or x.shape[3] % k:
        raise ValueError(
            f"{op}() takes x (N, C, H, W) and a k of at least 1 that divides H and W, "
            f"got {x.shape} and {k}"
        )
