"""The operations on arrays: each a forward, with its backward right beneath it.

The rhythm is always the same: compute `out`, define `backward`, which takes
the gradient of `out` and gives one gradient for each input, and hand both to
`record`. Broadcasting is undone by the tape, not here.

The layers of networks stand in `functional`, choices in `discrete`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
        da = grad * b.data if a.requires_grad else None
        return da, grad * a.data if b.requires_grad else None

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
        return da, -da * out if b.requires_grad else None

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
        share = backend().where(wins_a & wins_b, 0.5 * grad, grad)
        return share * wins_a, share * wins_b

    return record("maximum", out, (a, b), backward)


def where(condition: Array, a: Operand, b: Operand) -> Tensor:
    """a where the condition holds, b elsewhere, with broadcasting.

    Args:
        condition: an array of booleans; no gradient flows to it.

    Raises:
        TypeError: when the condition is anything but booleans.

    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0)
    Tensor([1. 0.])
    """
    a, b = _pair("where", a, b)
    chosen = condition.data if isinstance(condition, Tensor) else condition
    if not isinstance(chosen, backend().arrays):
        chosen = backend().asarray(np.asarray(chosen))
    if backend().kind(chosen) != "b":
        raise TypeError(
            f"where() takes a condition of booleans, got {chosen.dtype}; compare "
            "first, such as x > 0"
        )

    def backward(grad: Array) -> Grads:
        return grad * chosen, grad * ~chosen

    return record("where", backend().where(chosen, a.data, b.data), (a, b), backward)


def clip(x: Operand, low: float, high: float) -> Tensor:
    """x cut to low ... high; no gradient where it was cut.

    Raises:
        ValueError: when low is above high.

    >>> clip(Tensor([-2.0, 0.5, 2.0]), -1, 1)
    Tensor([-1.   0.5  1. ])
    """
    if low > high:
        raise ValueError(f"clip() needs low <= high, got {low} and {high}")
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (grad * ((x.data >= low) & (x.data <= high)),)

    return record("clip", x.data.clip(float(low), float(high)), (x,), backward)


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
    share = 1 / _length("mean", axis, x)
    return sum(x, axis, keepdims) * share


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest value over one axis, several, or all; equal values share the gradient.

    Raises:
        ValueError: when there is no such axis, or no value along it.

    >>> max(Tensor([[1.0, 5.0], [3.0, 4.0]]), axis=1)
    Tensor([5. 4.])
    """
    x = tensor(x)
    _length("max", axis, x)
    out = backend().max(x.data, axis, keepdims)

    def backward(grad: Array) -> Grads:
        wins = backend().astype(x.data == _keep(out, x, axis, keepdims), grad)
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

    Raises:
        IndexError: when the index reaches outside, or has too many parts.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 2]].sum().backward()
    >>> x.grad
    array([2., 0., 1.], dtype=float32)
    """
    x = tensor(x)

    def backward(grad: Array) -> Grads:
        return (backend().scatter_add(x.shape, index, grad),)

    try:
        out = backend().getitem(x.data, index)
    except IndexError as error:
        raise IndexError(f"getitem of {x.shape}: {error}") from None
    return record("getitem", out, (x,), backward)


def gather(x: Operand, index: Array, axis: int = -1) -> Tensor:
    """Take one number along an axis for each entry of `index`.

    out[i, j] = x[i, index[i, j]] for axis -1 of a matrix; any number of axes.

    Args:
        x: the values.
        index: whole numbers, of x's shape but along the axis.
        axis: where to take from.

    Raises:
        ValueError: when the shapes do not fit.

    >>> gather(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]))
    Tensor([[2.]
     [3.]])
    """
    x, index = tensor(x), np.asarray(index)
    (along,) = _axes("gather", axis, x)
    shapes = [list(a.shape) for a in (x, index)]
    if x.ndim != index.ndim or any(shape.pop(along) < 0 for shape in shapes):
        shapes = [[0], [1]]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"gather() along axis {axis} takes an index of x's shape but there, got "
            f"{x.shape} and {index.shape}"
        )
    places = list(np.ogrid[tuple(map(slice, index.shape))])
    places[along] = index
    return getitem(x, tuple(places))


def scatter_add(values: Operand, index: Array, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with values added at an index: the transpose of `getitem`.

    Raises:
        ValueError: when `shape[index]` has another shape than the values.

    >>> scatter_add(Tensor([1.0, 2.0, 3.0]), np.array([0, 2, 0]), (4,))
    Tensor([4. 0. 2. 0.])
    """
    values = tensor(values)
    places = np.broadcast_to(np.int8(0), shape)[index].shape
    if places != values.shape:
        raise ValueError(f"scatter_add() got {values.shape} for places {places}")

    def backward(grad: Array) -> Grads:
        return (backend().getitem(grad, index),)

    out = backend().scatter_add(shape, index, values.data)
    return record("scatter_add", out, (values,), backward)


def concat(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Join tensors along an axis that they have.

    Raises:
        ValueError: when there is nothing to join, or the other axes differ.

    >>> concat([Tensor([1.0]), Tensor([2.0, 3.0])])
    Tensor([1. 2. 3.])
    """
    parts = tuple(map(tensor, tensors))
    if not parts:
        raise ValueError("concat() got no tensors")
    same_dtype("concat", *parts)
    (along,) = _axes("concat", axis, parts[0])
    rest = {part.shape[:along] + part.shape[along + 1 :] for part in parts}
    if len(rest) > 1 or len({part.ndim for part in parts}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"concat() along axis {axis} cannot join {shapes}")
    ends = np.cumsum([part.shape[along] for part in parts]).tolist()
    before = (slice(None),) * along

    def backward(grad: Array) -> Grads:
        pairs = zip([0, *ends], ends, strict=False)
        return tuple([grad[(*before, slice(*pair))] for pair in pairs])

    out = backend().concat([part.data for part in parts], along)
    return record("concat", out, parts, backward)


def stack(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis.

    Raises:
        ValueError: when there is nothing to join, or the shapes differ.

    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1)
    Tensor([[1. 3.]
     [2. 4.]])
    """
    parts = [tensor(x) for x in tensors]
    if len({part.shape for part in parts}) != 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"stack() takes one shape, got {shapes or 'no tensors'}")
    n = parts[0].ndim
    if not -n <= axis + 1 <= n + 1:
        raise ValueError(f"stack() got axis {axis} for tensors {parts[0].shape}")
    at = axis % (n + 1)
    shape = parts[0].shape[:at] + (1,) + parts[0].shape[at:]
    return concat([reshape(part, shape) for part in parts], at)


def pad(x: Operand, widths: Sequence[tuple[int, int]]) -> Tensor:
    """Put zeros around: a pair (before, after) for each axis.

    Raises:
        ValueError: when there are not as many pairs as axes, or one is negative.

    >>> pad(Tensor([1.0, 2.0]), [(1, 2)])
    Tensor([0. 1. 2. 0. 0.])
    """
    x = tensor(x)
    if len(widths) != x.ndim or any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad() got widths {widths} for a tensor {x.shape}")
    pairs = list(zip(widths, x.shape, strict=True))
    inside = tuple([slice(low, low + n) for (low, _), n in pairs])

    def backward(grad: Array) -> Grads:
        return (grad[inside],)

    shape = tuple([low + n + high for (low, high), n in pairs])
    return record("pad", backend().scatter_add(shape, inside, x.data), (x,), backward)


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
    same_dtype("matmul", a, b)
    inner = b.shape[-2:][0] if b.ndim else None
    if not a.ndim or a.shape[-1] != inner:
        raise ValueError(
            f"matmul() needs equal inner lengths, got {a.shape} and {b.shape}"
        )
    if a.ndim > 2 or b.ndim > 2:
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


# ----------------------------------------------------------------------------
# Probabilities
# ----------------------------------------------------------------------------


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))), shifted by the largest so that nothing overflows.

    Raises:
        ValueError: when there is no such axis, or no value along it.

    >>> log_softmax(Tensor([1000.0, 1000.0])).data.round(4)
    array([-0.6931, -0.6931], dtype=float32)
    """
    x, _, shifted, log_total = _shifted("log_softmax", x, axis)
    out = shifted - log_total

    def backward(grad: Array) -> Grads:
        return (grad - backend().exp(out) * backend().sum(grad, axis, True),)

    return record("log_softmax", out, (x,), backward)


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow.

    >>> softmax(Tensor([1000.0, 1000.0]))
    Tensor([0.5 0.5])
    """
    return exp(log_softmax(x, axis))


def logsumexp(x: Operand, axis: int = -1, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) along an axis, shifted by the largest: no overflow.

    Raises:
        ValueError: when there is no such axis, or no value along it.

    >>> logsumexp(Tensor([0.0, 0.0])).item()
    0.6931471824645996
    """
    x, top, _, log_total = _shifted("logsumexp", x, axis)
    kept = top + log_total

    def backward(grad: Array) -> Grads:
        share = backend().exp(x.data - kept)
        return (_keep(grad, x, axis, keepdims) * share,)

    out = kept if keepdims else backend().sum(kept, axis, False)
    return record("logsumexp", out, (x,), backward)


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
        ValueError: when `backward` gives a gradient of another shape or type.

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
        if kind != x.data.dtype:
            raise TypeError(
                f"the forward of '{name}' gave {kind} for an input of {x.dtype}; "
                "it must give an array of the same type"
            )

        def checked(grad: Array) -> Grads:
            dx = backward(grad)
            shape = tuple(dx.shape) if hasattr(dx, "shape") else type(dx).__name__
            if shape != x.shape or dx.dtype != x.data.dtype:
                raise ValueError(
                    f"the backward of '{name}' gave a gradient {shape} of "
                    f"{getattr(dx, 'dtype', 'no type')} for an input {x.shape} of "
                    f"{x.dtype}"
                )
            return (dx,)

        return record(name, out, (x,), checked)

    return operation


# ----------------------------------------------------------------------------
# Helpers
# ----------------------------------------------------------------------------


def tensor(x: Any) -> Tensor:
    """Take a tensor as it is; wrap anything else.

    Raises:
        TypeError: when a tensor's array is of another back-end than the one in use.

    >>> x = tensor([1.0])
    >>> tensor(x) is x
    True
    """
    if not isinstance(x, Tensor):
        return Tensor(x)
    if not isinstance(x.data, backend().arrays):
        raise TypeError(
            f"a tensor {x.shape} holds a {type(x.data).__name__} of "
            f"{type(x.data).__module__}, but the {backend().name} back-end is in use; "
            "make it again under this back-end: Tensor(x.numpy())"
        )
    return x


def _pair(op: str, a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
    """Make two tensors of one type whose shapes broadcast."""
    if not isinstance(a, Tensor):
        b = tensor(b)
        a = _like(a, b)
    elif not isinstance(b, Tensor):
        b = _like(b, tensor(a))
    one, other = a.data, b.data
    if one.dtype is not other.dtype:
        same_dtype(op, tensor(a), tensor(b))
    if one.shape != other.shape:
        _broadcasts(op, a, b, a.shape, b.shape)
    return a, b


def _broadcasts(op: str, a: Tensor, b: Tensor, *parts: tuple[int, ...]) -> None:
    """Check that the parts of two shapes that should broadcast do."""
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


def same_dtype(op: str, *tensors: Tensor) -> None:
    """Refuse tensors of several types.

    Raises:
        TypeError: when there are.

    >>> same_dtype("add", Tensor([1.0]), Tensor([2.0]))
    """
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
    if not all(isinstance(a, (int, np.integer)) for a in axes):
        raise TypeError(f"{op}() takes a whole number or a tuple as axis, got {axis}")
    known = [a % x.ndim for a in axes if -x.ndim <= a < x.ndim]
    if len(set(known)) < len(axes):
        raise ValueError(f"{op}() got axis {axis} for a tensor {x.shape}")
    return tuple(known)


def _length(op: str, axis: Axis, x: Tensor) -> int:
    """Count the numbers along the axes, and see that there are some."""
    count = math.prod(x.shape[a] for a in _axes(op, axis, x))
    if count == 0:
        raise ValueError(f"{op}() of no values: got shape {x.shape}, axis {axis}")
    return count


def _shifted(op: str, x: Operand, axis: int) -> tuple[Tensor, Array, Array, Array]:
    """Give x, its largest, x less that, and log(sum(exp)) of the difference."""
    x = tensor(x)
    _length(op, axis, x)
    top = backend().max(x.data, axis, True)
    shifted = x.data - top
    total = backend().sum(backend().exp(shifted), axis, True)
    return x, top, shifted, backend().log(total)


def _keep(small: Array, x: Tensor, axis: Axis, keepdims: bool) -> Array:
    """Give a reduced array its lost axes back, with length one."""
    if keepdims:
        return small
    axes = _axes("sum", axis, x)
    return small.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])
