"""Tensors, and the tape that remembers how they were made.

A `Tensor` wraps an array. Every operation that touches a tensor which requires
a gradient writes one entry on the tape: the tensors it read (its parents) and
a function that turns the gradient of its result into gradients of its parents.
`backward` walks these entries from the newest to the oldest.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minitorch.backends import backend

Array = Any  # a numpy array, or whatever array the chosen back-end uses
Axis = int | tuple[int, ...] | None
_clock = itertools.count()  # one tick for each tensor made or changed


class _Mode(threading.local):
    recording = True


_mode = _Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without writing on the tape, in this thread.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    before, _mode.recording = _mode.recording, False
    try:
        yield
    finally:
        _mode.recording = before


class Tensor:
    """An array with a memory of how it was made.

    Args:
        data: an array, a list or a number. Lists and Python numbers become
            float32; arrays of float32, float64 or whole numbers keep their type.
        requires_grad: whether `backward` should leave a gradient here. Such a
            tensor holds a copy of its own, since an optimiser will overwrite it.

    Raises:
        TypeError: when whole numbers are asked to have a gradient.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.], dtype=float32)
    """

    __slots__ = ("data", "grad", "requires_grad", "op", "_parents", "_rule", "_made")
    __array_ufunc__ = None  # so that `array + tensor` asks the tensor

    def __init__(self, data: Any, requires_grad: bool = False):
        data = backend().asarray(data.data if isinstance(data, Tensor) else data)
        if requires_grad and backend().kind(data) != "f":
            raise TypeError(
                f"a tensor of {data.dtype} cannot require a gradient; "
                "make it float32 or float64 first"
            )
        self.data: Array = backend().copy(data) if requires_grad else data
        self.grad: Array | None = None
        self.requires_grad = requires_grad
        self.op: str | None = None
        self._parents: tuple[Tensor, ...] = ()
        self._rule: Any = None  # from the gradient here to those of the parents
        self._made = next(_clock)

    def backward(self, grad: Array = None) -> None:
        """Add d(self)/d(leaf), weighted by `grad`, to every leaf's `grad`.

        The entries of the tape are freed as they are used, so a second
        `backward` through the same result is an error.

        Args:
            grad: gradient of the final value with respect to this tensor, of
                its shape (its type is converted). May be left out when this
                tensor holds one number.

        Raises:
            RuntimeError: when nothing was recorded, when the tape was freed, or
                when a tensor was changed after an operation had read it.
            ValueError: when `grad` is missing or has another shape.
            FloatingPointError: when the one number is not finite (not looked at
                on a GPU); names the operation where that began.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward(np.array([1.0, 10.0]))
        >>> x.grad
        array([ 2., 40.], dtype=float32)
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward() on a tensor that does not require a gradient; was it "
                "computed under no_grad(), or from tensors without requires_grad?"
            )
        ops.tensor(self)  # refuses one of another back-end
        if grad is None and math.prod(self.shape) == 1:
            grad = backend().ones_like(self.data)
            if backend().looks and not math.isfinite(self.item()):
                raise FloatingPointError(gradcheck.explain(self))
        shape = getattr(grad, "shape", np.shape(grad))
        if tuple(shape) != self.shape:
            raise ValueError(
                f"backward() on a tensor {self.shape} needs a gradient of that shape, "
                f"got {None if grad is None else tuple(shape)}; or reduce to one "
                "number first, such as by .sum()"
            )
        nodes = reachable(self)
        grad = backend().astype(backend().asarray(grad), self.data)
        self.grad = grad if self.grad is None else self.grad + grad
        owned = set()  # nodes whose gradient is a buffer of our own, to add into
        # Newest first is a topological order: a result is made after its inputs.
        for made in sorted(nodes, reverse=True):
            node = nodes.pop(made)
            rule, grad, parents = node._rule, node.grad, node._parents
            if rule is None:
                if grad is not None and made not in owned:
                    node.grad = backend().copy(grad)  # it may have gone to others too
                continue
            # Forget the entry before it is used: what it held is freed on the way.
            node._parents, node._rule, node.grad = (), None, None
            if grad is None:
                continue
            for parent, part in zip(parents, rule(grad)):  # noqa: B905 (strict is slow)
                if part is None or not parent.requires_grad:
                    continue
                if part.shape != parent.data.shape:
                    part = unbroadcast(part, parent.data.shape)
                if parent.grad is None:
                    parent.grad = part
                    if node.op == "unpack":  # a large buffer that nobody else holds
                        owned.add(parent._made)
                elif parent._made in owned:
                    parent.grad += part
                else:
                    parent.grad = parent.grad + part
                    owned.add(parent._made)

    def assign(self, data: Array) -> None:
        """Overwrite the values of a trained leaf in place, as an optimiser does.

        Raises:
            RuntimeError: when this tensor is the result of an operation, or one
                that requires no gradient.
            ValueError: when the shape differs.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> x.assign(np.array([3.0, 4.0]))
        >>> x
        Tensor([3. 4.], requires_grad=True)
        """
        if self.op is not None or not self.requires_grad:
            what = f"the result of '{self.op}'" if self.op else "a constant tensor"
            raise RuntimeError(
                f"{what} cannot be overwritten, only a leaf that requires a gradient; "
                "make a new tensor instead"
            )
        if data.shape != self.data.shape:
            raise ValueError(f"assign() got {data.shape} for a tensor {self.shape}")
        self.data[...] = backend().asarray(data)
        self.touch()

    def touch(self) -> None:
        """Note that the values were changed in place, so old tapes are stale."""
        self._made = next(_clock)

    def detach(self) -> Tensor:
        """Give a copy of the values, without their history.

        >>> x = Tensor([1.0], requires_grad=True)
        >>> (x * 2).detach()
        Tensor([2.])
        """
        return Tensor(backend().copy(self.data))

    def numpy(self) -> np.ndarray:
        """Give the values as a numpy array.

        >>> Tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        return backend().to_numpy(self.data)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def item(self) -> float:
        """Give the one number that this tensor holds.

        Raises:
            ValueError: when it holds more than one, or none.

        >>> Tensor([[1.5]]).item()
        1.5
        """
        return self.data.item()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis.

        >>> Tensor([[1.0, 2.0]]).shape
        (1, 2)
        """
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        """How many axes there are.

        >>> Tensor([[1.0, 2.0]]).ndim
        2
        """
        return self.data.ndim

    @property
    def dtype(self) -> Any:
        """The type of the numbers.

        >>> Tensor([1.0]).dtype, Tensor(np.arange(3)).dtype
        (dtype('float32'), dtype('int64'))
        """
        return backend().numpy_dtype(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        made = f", op={self.op!r}" if self.op else ""
        asks = ", requires_grad=True" if self.requires_grad and not made else ""
        return f"Tensor({self.numpy()}{made}{asks})"

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a tensor is not edited in place, since the tape could not follow; "
            "build a new one, or use assign() on a leaf"
        )

    # Arithmetic: each is a one-liner over the operation of the same name.
    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __sub__(self, other: Any) -> Tensor:
        return ops.subtract(self, other)

    def __mul__(self, other: Any) -> Tensor:
        return ops.multiply(self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.divide(self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)

    def __neg__(self) -> Tensor:
        return ops.negative(self)

    def __pow__(self, exponent: float) -> Tensor:
        return ops.power(self, exponent)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, index)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over one axis, several, or all; see `ops.sum`.

        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=1, keepdims=True).shape
        (2, 1)
        """
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over one axis, several, or all; see `ops.mean`.

        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).mean(axis=0)
        Tensor([2. 3.])
        """
        return ops.mean(self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest value over one axis, several, or all; see `ops.max`.

        >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).max().item()
        4.0
        """
        return ops.max(self, axis, keepdims)

    def reshape(self, *to: Any) -> Tensor:
        """The same numbers in another shape, given as lengths or one tuple.

        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.reshape(4, 1).shape, x.reshape((1, -1)).shape
        ((4, 1), (1, 4))
        """
        return ops.reshape(self, to[0] if to and isinstance(to[0], tuple) else to)

    @property
    def T(self) -> Tensor:
        """The axes in reverse order: a matrix (n, m) becomes (m, n).

        >>> Tensor([[1.0, 2.0]]).T.shape
        (2, 1)
        """
        return ops.permute_dims(self, tuple(reversed(range(self.ndim))))


def record(
    op: str, data: Array, parents: tuple[Tensor, ...], backward: Callable
) -> Tensor:
    """Make the result of an operation and, where asked for, its tape entry.

    Args:
        op: the operation's name, for messages.
        data: the result.
        parents: the tensors that it was computed from.
        backward: takes the gradient of the result and gives one gradient for
            each parent (None where there is none). A gradient may have the
            shape after broadcasting; the tape undoes that.

    >>> x = Tensor([3.0], requires_grad=True)
    >>> y = record("double", 2 * x.data, (x,), lambda grad: (2 * grad,))
    >>> y.backward()
    >>> x.grad
    array([2.], dtype=float32)
    """
    out = Tensor.__new__(Tensor)
    out.data, out.grad, out._made = data, None, next(_clock)
    if _mode.recording:
        for parent in parents:
            if parent.requires_grad:
                out.requires_grad, out.op = True, op
                out._parents, out._rule = parents, backward
                return out
    out.requires_grad, out.op, out._parents, out._rule = False, None, (), None
    return out


def reachable(last: Tensor) -> dict[int, Tensor]:
    """Find every tensor that `last` depends on and that takes part in backward.

    Returns:
        The tensors by the tick at which they were made: in that order, each comes
        after all that it was made from.

    Raises:
        RuntimeError: when the tape was freed, or a tensor was changed in place.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> [node.op for _, node in sorted(reachable(x * x + x).items())]
    [None, 'multiply', 'add']
    """
    nodes, stack = {last._made: last}, [last]
    while stack:
        node = stack.pop()
        if node._rule is None and node.op is not None:
            raise RuntimeError(
                f"backward() a second time through '{node.op}': its tape was freed; "
                "compute the result again"
            )
        for parent in node._parents:
            made = parent._made
            if made > node._made:
                raise RuntimeError(
                    f"a tensor {parent.shape} was changed in place after "
                    f"'{node.op}' had read it; call backward() before the change"
                )
            if parent.requires_grad and made not in nodes:
                nodes[made] = parent
                stack.append(parent)
    return nodes


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: sum a gradient over the axes that were stretched.

    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> unbroadcast(np.ones((4, 3)), (4, 1)).shape
    (4, 1)
    """
    extra = grad.ndim - len(shape)
    lengths = (1,) * extra + tuple(shape)
    stretched = [a for a, n in enumerate(lengths) if a < extra or n != grad.shape[a]]
    return backend().sum(grad, tuple(stretched), True).reshape(shape)


from minitorch import gradcheck, ops  # noqa: E402  (they need Tensor, and it needs them)
