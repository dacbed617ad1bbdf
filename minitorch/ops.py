"""The operations: each a forward, with its backward right beneath it.

The rhythm is always the same: compute `out`, define `backward`, which takes
the gradient of `out` and gives one gradient for each input, and hand both to
`record`. Broadcasting is undone by the tape, not here.

Letters: N batch, C channels in, O channels out, F features, K classes,
H W height and width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.tensor import Array, Axis, Tensor, record

Operand = Tensor | Array | float  # whatever is no tensor becomes a constant
Grads = tuple[Array | None, ...]  # one for each input; None where there is none

# ----------------------------------------------------------------------------
# Element by element
# ----------------------------------------------------------------------------


def add(a: Operand, b: Operand) -> Tensor:
    """a + b, with broadcasting.

    >>> add(Tensor([1.0, 2.0]), 10)
    Tensor([11. 12.])
    """
    a, b = _pair("add", a, b)

    def backward(grad: Array) -> Grads:
        return grad, grad

    return record("add", a.data + b.data, (a, b), backward)


def subtract(a: Operand, b: Operand) -> Tensor:
    """a - b, with broadcasting.

    >>> subtract(10, Tensor([1.0, 2.0]))
    Tensor([9. 8.])
    """
    a, b = _pair("subtract", a, b)

    def backward(grad: Array) -> Grads:
        return grad, -grad

    return record("subtract", a.data - b.data, (a, b), backward)


def multiply(a: Operand, b: Operand) -> Tensor:
    """a * b, with broadcasting.

    >>> multiply(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    Tensor([3. 8.])
    """
    a, b = _pair("multiply", a, b)

    def backward(grad: Array) -> Grads:
        return grad * b.data, grad * a.data

    return record("multiply", a.data * b.data, (a, b), backward)


def divide(a: Operand, b: Operand) -> Tensor:
    """a / b, with broadcasting.

    >>> divide(1, Tensor([2.0, 4.0]))
    Tensor([0.5  0.25])
    """
    a, b = _pair("divide", a, b)
    out = a.data / b.data

    def backward(grad: Array) -> Grads:
        da = grad / b.data
        return da, -da * out

    return record("divide", out, (a, b), backward)


def negative(x: Operand) -> Tensor:
    """-x, element by element.

    >>> negative(Tensor([1.0, -2.0]))
    Tensor([-1.  2.])
    """
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (-grad,)

    return record("negative", -x.data, (x,), backward)


def power(x: Operand, exponent: float) -> Tensor:
    """x to a fixed power.

    Raises:
        TypeError: when the exponent is not a plain number.

    >>> power(Tensor([2.0, 3.0]), 2)
    Tensor([4. 9.])
    """
    if isinstance(exponent, np.generic):
        exponent = exponent.item()  # a numpy number would turn float32 into float64
    if not isinstance(exponent, (int, float)):
        raise TypeError(
            f"power() takes a plain number as exponent, got {type(exponent).__name__};"
            " write exp(y * log(x)) for a tensor y"
        )
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        if exponent == 0:  # where x is 0, the rule below says 0 times infinity
            return (backend().zeros_like(grad),)
        return (grad * (exponent * x.data ** (exponent - 1)),)

    return record("power", x.data**exponent, (x,), backward)


def exp(x: Operand) -> Tensor:
    """e to the x, element by element.

    >>> exp(Tensor([0.0, 1.0])).data.round(3)
    array([1.   , 2.718], dtype=float32)
    """
    x = tensor(x)
    out = backend().exp(x.data)

    def backward(grad: Array) -> Grads:
        return (grad * out,)

    return record("exp", out, (x,), backward)


def log(x: Operand) -> Tensor:
    """Natural logarithm, element by element; -inf at 0, nan below.

    >>> log(Tensor([1.0, 10.0])).data.round(3)
    array([0.   , 2.303], dtype=float32)
    """
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (grad / x.data,)

    return record("log", backend().log(x.data), (x,), backward)


def sqrt(x: Operand) -> Tensor:
    """Square root, element by element; its gradient at 0 is infinite.

    >>> sqrt(Tensor([4.0, 9.0]))
    Tensor([2. 3.])
    """
    x = tensor(x)
    out = backend().sqrt(x.data)

    def backward(grad: Array) -> Grads:
        return (grad * 0.5 / out,)

    return record("sqrt", out, (x,), backward)


def tanh(x: Operand) -> Tensor:
    """Hyperbolic tangent, element by element.

    >>> tanh(Tensor([0.0, 1.0])).data.round(3)
    array([0.   , 0.762], dtype=float32)
    """
    x = tensor(x)
    out = backend().tanh(x.data)

    def backward(grad: Array) -> Grads:
        return (grad * (1 - out * out),)

    return record("tanh", out, (x,), backward)


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)), written with tanh so that it cannot overflow.

    >>> sigmoid(Tensor([-1000.0, 0.0, 1000.0]))
    Tensor([0.  0.5 1. ])
    """
    x = tensor(x)
    out = 0.5 * backend().tanh(0.5 * x.data) + 0.5

    def backward(grad: Array) -> Grads:
        return (grad * out * (1 - out),)

    return record("sigmoid", out, (x,), backward)


def relu(x: Operand) -> Tensor:
    """max(x, 0); the gradient at 0 is taken to be 0.

    >>> relu(Tensor([-1.0, 2.0]))
    Tensor([0. 2.])
    """
    x = tensor(x)
    out = backend().maximum(x.data, 0)

    def backward(grad: Array) -> Grads:
        return (grad * (out > 0),)

    return record("relu", out, (x,), backward)


def abs(x: Operand) -> Tensor:
    """Absolute value; the gradient at 0 is taken to be 0.

    >>> abs(Tensor([-1.0, 2.0]))
    Tensor([1. 2.])
    """
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (grad * backend().sign(x.data),)

    return record("abs", backend().abs(x.data), (x,), backward)


def maximum(a: Operand, b: Operand) -> Tensor:
    """Larger of a and b, with broadcasting; equal values share the gradient.

    >>> maximum(Tensor([1.0, 5.0]), 3)
    Tensor([3. 5.])
    """
    a, b = _pair("maximum", a, b)
    out = backend().maximum(a.data, b.data)

    def backward(grad: Array) -> Grads:
        wins_a, wins_b = a.data == out, b.data == out
        share = grad / (wins_a * 1.0 + wins_b).astype(grad.dtype)
        return share * wins_a, share * wins_b

    return record("maximum", out, (a, b), backward)


# ----------------------------------------------------------------------------
# Reductions
# ----------------------------------------------------------------------------


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over one axis, several, or all.

    Raises:
        ValueError: when there is no such axis.

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4. 6.])
    """
    x = tensor(x)
    _axes("sum", axis, x)

    def backward(grad: Array) -> Grads:
        spread = _keep(grad, x, axis, keepdims)
        return (backend().broadcast_to(spread, x.shape),)

    return record("sum", backend().sum(x.data, axis, keepdims), (x,), backward)


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over one axis, several, or all.

    Raises:
        ValueError: when there is no such axis, or no value along it.

    >>> mean(Tensor([1.0, 2.0, 6.0])).item()
    3.0
    """
    x = tensor(x)
    count = math.prod(x.shape[a] for a in _axes("mean", axis, x))
    if count == 0:
        raise ValueError(f"mean() of no values: got shape {x.shape}, axis {axis}")
    return sum(x, axis, keepdims) * (1 / count)


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest value over one axis, several, or all; equal values share the gradient.

    Raises:
        ValueError: when there is no such axis, or no value along it.

    >>> max(Tensor([[1.0, 5.0], [3.0, 4.0]]), axis=1)
    Tensor([5. 4.])
    """
    x = tensor(x)
    if math.prod(x.shape[a] for a in _axes("max", axis, x)) == 0:
        raise ValueError(f"max() of no values: got shape {x.shape}, axis {axis}")
    out = backend().max(x.data, axis, keepdims)

    def backward(grad: Array) -> Grads:
        wins = (x.data == _keep(out, x, axis, keepdims)).astype(grad.dtype)
        share = _keep(grad, x, axis, keepdims)
        return (wins * (share / backend().sum(wins, axis, True)),)

    return record("max", out, (x,), backward)


# ----------------------------------------------------------------------------
# Shape
# ----------------------------------------------------------------------------


def reshape(x: Operand, shape: tuple[int, ...]) -> Tensor:
    """The same numbers in another shape; one length may be -1.

    Raises:
        ValueError: when the shape holds another number of values.

    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1)).shape
    (2, 2)
    """
    x = tensor(x)
    try:
        out = x.data.reshape(shape)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"reshape() cannot turn {x.shape} into {shape}") from error

    def backward(grad: Array) -> Grads:
        return (grad.reshape(x.shape),)

    return record("reshape", out, (x,), backward)


def permute_dims(x: Operand, axes: tuple[int, ...]) -> Tensor:
    """Put the axes in another order.

    Raises:
        ValueError: when `axes` does not name every axis once.

    >>> permute_dims(Tensor([[1.0, 2.0]]), (1, 0)).shape
    (2, 1)
    """
    x = tensor(x)
    if len(axes) != x.ndim:
        raise ValueError(f"permute_dims() got axes {axes} for a tensor {x.shape}")
    inverse = tuple(np.argsort(_axes("permute_dims", axes, x)).tolist())

    def backward(grad: Array) -> Grads:
        return (backend().permute_dims(grad, inverse),)

    return record("permute_dims", backend().permute_dims(x.data, axes), (x,), backward)


def getitem(x: Operand, index: Any) -> Tensor:
    """x[index] for any index that numpy takes; repeated entries add up.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 2]].sum().backward()
    >>> x.grad
    array([2., 0., 1.], dtype=float32)
    """
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (backend().scatter_add(x.shape, grad.dtype, index, grad),)

    return record("getitem", x.data[index], (x,), backward)


# ----------------------------------------------------------------------------
# Products
# ----------------------------------------------------------------------------


def matmul(a: Operand, b: Operand) -> Tensor:
    """Matrix product of a (..., n, k) and b (..., k, m); vectors are allowed.

    Raises:
        ValueError: when the inner lengths differ.

    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]))
    Tensor([3. 7.])
    """
    a, b = tensor(a), tensor(b)
    _same_dtype("matmul", a, b)
    inner = b.shape[-2:][0] if b.ndim else None
    if not a.ndim or a.shape[-1] != inner:
        raise ValueError(
            f"matmul() needs equal inner lengths, got {a.shape} and {b.shape}"
        )
    _broadcasts("matmul", a, b, a.shape[:-2], b.shape[:-2])
    if a.ndim == 1 or b.ndim == 1:  # a vector is a matrix with one row or column
        rows = reshape(a, (1, -1)) if a.ndim == 1 else a
        columns = reshape(b, (-1, 1)) if b.ndim == 1 else b
        out = matmul(rows, columns)
        shape = out.shape[:-2] + (out.shape[-2:-1] if a.ndim > 1 else ())
        return reshape(out, shape + (out.shape[-1:] if b.ndim > 1 else ()))

    def backward(grad: Array) -> Grads:
        swap = backend().swapaxes
        da = backend().matmul(grad, swap(b.data, -1, -2)) if a.requires_grad else None
        db = backend().matmul(swap(a.data, -1, -2), grad) if b.requires_grad else None
        return da, db

    return record("matmul", backend().matmul(a.data, b.data), (a, b), backward)


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
    x, w, b = tensor(x), tensor(w), None if b is None else tensor(b)
    parents = (x, w) if b is None else (x, w, b)
    _same_dtype("linear", *parents)
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[1]:
        raise ValueError(
            f"linear() takes x (N, F) and w (O, F), got {x.shape} and {w.shape}; "
            "images need .reshape(N, -1) first"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"linear() needs a bias {w.shape[:1]}, got {b.shape}")
    kernels = backend()
    out = kernels.linear(x.data, w.data, None if b is None else b.data, relu)

    def backward(grad: Array) -> Grads:
        need_x = x.requires_grad
        return kernels.linear_grad(grad, x.data, w.data, out, relu, need_x)[
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
    x, w, b = tensor(x), tensor(w), None if b is None else tensor(b)
    parents = (x, w) if b is None else (x, w, b)
    _same_dtype("conv2d", *parents)
    square = w.ndim == 4 and w.shape[2] == w.shape[3]
    if x.ndim != 4 or not square or x.shape[1] != w.shape[1]:
        raise ValueError(
            f"conv2d() takes x (N, C, H, W) and w (O, C, k, k), got {x.shape} "
            f"and {w.shape}"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"conv2d() needs a bias {w.shape[:1]}, got {b.shape}")
    if min(x.shape[2:]) + 2 * padding < w.shape[2] or stride < 1 or padding < 0:
        raise ValueError(
            f"conv2d() cannot slide a {w.shape[2]} x {w.shape[2]} window with stride "
            f"{stride} and padding {padding} over {x.shape}"
        )
    kernels = backend()
    bias = None if b is None else b.data
    out = kernels.conv2d(x.data, w.data, bias, stride, padding, relu)

    def backward(grad: Array) -> Grads:
        numbers = stride, padding, relu, x.requires_grad
        return kernels.conv2d_grad(grad, x.data, w.data, out, *numbers)[: len(parents)]

    return record("conv2d", out, parents, backward)


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


# ----------------------------------------------------------------------------
# Losses
# ----------------------------------------------------------------------------


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))), shifted by the largest so that nothing overflows.

    >>> log_softmax(Tensor([1000.0, 1000.0])).data.round(4)
    array([-0.6931, -0.6931], dtype=float32)
    """
    x = tensor(x)
    _axes("log_softmax", axis, x)
    shifted = x.data - backend().max(x.data, axis, True)
    total = backend().sum(backend().exp(shifted), axis, True)
    out = shifted - backend().log(total)

    def backward(grad: Array) -> Grads:
        return (grad - backend().exp(out) * backend().sum(grad, axis, True),)

    return record("log_softmax", out, (x,), backward)


def cross_entropy(logits: Operand, labels: Array) -> Tensor:
    """Mean over the batch of -log softmax(logits)[label].

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
    logits = tensor(logits)
    kind = getattr(labels, "dtype", type(labels))
    if getattr(kind, "kind", None) not in ("i", "u"):
        raise TypeError(
            f"cross_entropy() takes an array of whole numbers as labels, got {kind}"
        )
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not labels.size:
        raise ValueError(
            f"cross_entropy() takes logits (N, K) and labels (N,) with N at least 1, "
            f"got {logits.shape} and {tuple(labels.shape)}"
        )
    if not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ValueError(
            f"cross_entropy() got labels from {labels.min()} to {labels.max()}, but "
            f"logits for {logits.shape[1]} classes, 0 to {logits.shape[1] - 1}"
        )
    loss, slope = backend().cross_entropy(logits.data, labels)

    def backward(grad: Array) -> Grads:
        return (slope * grad,)

    return record("cross_entropy", backend().asarray(loss), (logits,), backward)


# ----------------------------------------------------------------------------
# An operation of one's own
# ----------------------------------------------------------------------------


def custom(name: str, forward: Callable, backward: Callable) -> Callable:
    """Make an operation from two functions on plain arrays.

    Args:
        name: the operation's name, for messages.
        forward: takes the input's array, gives the output's array.
        backward: takes the output's gradient, gives the input's gradient.

    Returns:
        A function from tensor to tensor.

    Raises:
        TypeError: when `forward` gives anything but an array of the input's type.
        ValueError: when `backward` gives a gradient of another shape.

    >>> double = custom("double", lambda x: 2 * x, lambda grad: 2 * grad)
    >>> x = Tensor([3.0], requires_grad=True)
    >>> double(x).backward()
    >>> x.grad
    array([2.], dtype=float32)
    """

    def operation(x: Operand) -> Tensor:
        x = tensor(x)
        out = forward(x.data)
        kind = getattr(out, "dtype", type(out).__name__)
        if kind != x.dtype:
            raise TypeError(
                f"the forward of '{name}' gave {kind} for an input of {x.dtype}; "
                "it must give an array of the same type"
            )

        def checked(grad: Array) -> Grads:
            dx = backward(grad)
            shape = getattr(dx, "shape", type(dx).__name__)
            if shape != x.data.shape:
                raise ValueError(
                    f"the backward of '{name}' gave a gradient {shape} for an "
                    f"input {x.shape}"
                )
            return (dx,)

        return record(name, out, (x,), checked)

    return operation


# ----------------------------------------------------------------------------
# Helpers
# ----------------------------------------------------------------------------


def tensor(x: Any) -> Tensor:
    """Take a tensor as it is; wrap anything else.

    >>> x = tensor([1.0])
    >>> tensor(x) is x
    True
    """
    return x if isinstance(x, Tensor) else Tensor(x)


def _pair(op: str, a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
    """Make two tensors of one type whose shapes broadcast."""
    b = _like(b, a) if isinstance(a, Tensor) else tensor(b)
    a = _like(a, b)
    _same_dtype(op, a, b)
    _broadcasts(op, a, b, a.shape, b.shape)
    return a, b


def _broadcasts(op: str, a: Tensor, b: Tensor, *parts: tuple[int, ...]) -> None:
    """Check that the parts of two shapes that should broadcast do."""
    if parts[0] != parts[1]:
        try:
            np.broadcast_shapes(*parts)
        except ValueError:
            raise ValueError(
                f"{op}() got shapes {a.shape} and {b.shape}, which do not broadcast"
            ) from None


def _like(x: Operand, other: Tensor) -> Tensor:
    """Wrap a plain number in the other tensor's type; an array in its own."""
    number = isinstance(x, (int, float, np.generic))
    if number and (other.dtype.kind == "f" or isinstance(x, (int, np.integer))):
        x = np.asarray(x, dtype=other.dtype)
    return tensor(x)


def _same_dtype(op: str, *tensors: Tensor) -> None:
    first = tensors[0].data.dtype
    for t in tensors:
        if t.data.dtype != first:
            raise TypeError(
                f"{op}() got {', '.join(str(t.dtype) for t in tensors)}; make them one "
                "type first, such as by .astype(np.float32) on the array"
            )


def _axes(op: str, axis: Axis, x: Tensor) -> tuple[int, ...]:
    """List the axes that are meant, counted from 0."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    known = [a % x.ndim for a in axes if -x.ndim <= a < x.ndim]
    if len(set(known)) < len(axes):
        raise ValueError(f"{op}() got axis {axis} for a tensor {x.shape}")
    return tuple(known)


def _keep(small: Array, x: Tensor, axis: Axis, keepdims: bool) -> Array:
    """Give a reduced array its lost axes back, with length one."""
    if keepdims:
        return small
    axes = _axes("sum", axis, x)
    return small.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])


def _tiles(op: str, x: Tensor, k: int) -> None:
    if k < 1 or x.ndim != 4 or x.shape[2] % k or x.shape[3] % k:
        raise ValueError(
            f"{op}() takes x (N, C, H, W) and a k of at least 1 that divides H and W, "
            f"got {x.shape} and {k}"
        )
