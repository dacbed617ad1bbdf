"""Check a gradient against the definition of a derivative; find where a nan began."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.backends import backend
from minitorch.tensor import Tensor, reachable


def gradcheck(
    function: Callable[..., Tensor],
    *arrays: np.ndarray,
    eps: float = 1e-6,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> float:
    """Compare backward's gradients with central differences, in float64.

    Every entry of every input is moved by eps to both sides:
    (f(x + eps) - f(x - eps)) / (2 eps), with f the result weighted by fixed
    random numbers. Keep inputs away from kinks (0 for a ReLU): there the two
    sides differ and no gradient is right.

    Args:
        function: takes as many tensors as there are arrays, gives a tensor.
        arrays: the inputs.
        eps: the step.
        tolerance: largest error allowed, relative to the largest gradient.
        seed: of the random weights.

    Returns:
        The largest error found, relative to the largest gradient (or to 1).

    Raises:
        AssertionError: when the error is above the tolerance; names the entry.

    >>> gradcheck(lambda x: x * x, np.array([1.0, 2.0])) < 1e-6
    True
    >>> from minitorch.ops import custom
    >>> wrong = custom("square", lambda x: x * x, lambda grad: grad)
    >>> gradcheck(wrong, np.array([1.0, 2.0]))
    Traceback (most recent call last):
    AssertionError: input 0, entry (1,): backward gave -0.1321, differences give -0.5284
    """
    arrays = tuple(np.array(a, dtype=np.float64) for a in arrays)
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    out = function(*tensors)
    weights = np.random.default_rng(seed).normal(size=out.shape)
    out.backward(weights)

    def value() -> float:
        return float((function(*map(Tensor, arrays)).numpy() * weights).sum())

    worst = 0.0
    for number, (array, leaf) in enumerate(zip(arrays, tensors, strict=True)):
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            before = array[index]
            array[index] = before + eps
            above = value()
            array[index] = before - eps
            below = value()
            array[index] = before
            numeric[index] = (above - below) / (2 * eps)
        none = leaf.grad is None
        got = np.zeros_like(array) if none else backend().to_numpy(leaf.grad)
        error = np.abs(got - numeric) / max(1.0, np.abs(numeric).max(initial=0.0))
        if error.size and not error.max() <= tolerance:  # also when it is not a number
            index = np.unravel_index(error.argmax(), error.shape)
            at = tuple(int(i) for i in index)
            raise AssertionError(
                f"input {number}, entry {at}: backward gave {got[index]:.4g}, "
                f"differences give {numeric[index]:.4g}"
            )
        worst = max(worst, float(error.max(initial=0.0)))
    return worst


def explain(last: Tensor) -> str:
    """Say where numbers that are not finite began, for a loss that is not.

    >>> x = Tensor([1.0, 0.0], requires_grad=True)
    >>> from minitorch.ops import log
    >>> with np.errstate(divide="ignore"):
    ...     explain(log(x).sum())
    "backward() on -inf: it began in 'log' (2,), whose inputs (2,) were finite"
    """
    nodes = sorted(reachable(last).items())
    bad = [node for _, node in nodes if not np.isfinite(node.numpy()).all()]
    first = bad[0]
    where = f"in {first.op!r} {first.shape}" if first.op else f"in a leaf {first.shape}"
    parents = [p for p in first._parents if not np.isfinite(p.numpy()).all()]
    if parents:
        where += f", which read a constant {parents[0].shape} that was not finite"
    elif first.op:
        shapes = ", ".join(str(parent.shape) for parent in first._parents)
        where += f", whose inputs {shapes} were finite"
    return f"backward() on {last.item()}: it began {where}"
