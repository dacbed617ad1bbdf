"""Networks as functions of one flat vector of weights.

A network's weights are one vector theta of D numbers. A `Layout` says which
stretch of it is which layer's; a `Network` computes logits from theta and a
batch. So a mask, a projection or a permutation of all weights is one vector
operation, and a parametrization can stand between what is trained and theta.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.functional import Statistics, batch_norm
from minitorch.ops import tensor
from minitorch.tensor import Array, Tensor, record


class Layout:
    """Names, shapes and places of the pieces of one flat vector.

    Args:
        shapes: piece by piece, in order.

    Raises:
        ValueError: when a length is negative.

    >>> layout = Layout({"weight": (3, 2), "bias": (3,)})
    >>> layout.size
    9
    >>> layout.views(np.arange(9))["bias"]
    array([6, 7, 8])
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]]):
        self.shapes = dict(shapes)
        self.slices = {}
        start = 0
        for name, shape in self.shapes.items():
            if min(shape, default=0) < 0:
                raise ValueError(f"a piece has no negative length: {name} {shape}")
            stop = start + math.prod(shape)
            self.slices[name] = slice(start, stop)
            start = stop
        self.size = start

    def views(self, theta: Array) -> dict[str, Array]:
        """Cut a plain array into its pieces, without copying.

        Raises:
            ValueError: when theta is not a vector of this layout's size.
        """
        self._check(theta.shape)
        return {
            name: theta[self.slices[name]].reshape(shape)
            for name, shape in self.shapes.items()
        }

    def unpack(self, theta: Tensor) -> dict[str, Tensor]:
        """Cut a tensor into its pieces, on the tape.

        Backward, every piece writes its gradient into one buffer of D numbers.

        Raises:
            ValueError: when theta is not a vector of this layout's size.

        >>> theta = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> pieces = Layout({"weight": (2, 1), "bias": (1,)}).unpack(theta)
        >>> pieces["weight"].shape
        (2, 1)
        >>> (5 * pieces["bias"]).backward()
        >>> theta.grad
        array([0., 0., 5.], dtype=float32)
        """
        self._check(theta.shape)

        buffer: list[Array] = []  # made when the first gradient arrives
        waiting = dict(self.slices)  # the pieces that have sent none yet

        def pass_on(grad: Array) -> tuple[Array]:
            for where in waiting.values():
                grad[where] = 0
            return (grad,)

        def fill(name: str, where: slice) -> Callable:
            def backward(grad: Array) -> tuple[Array | None]:
                first = not buffer
                if first:
                    buffer.append(backend().empty_like(theta.data))
                buffer[0][where] = grad.reshape(-1)
                del waiting[name]
                # `whole` comes later on the way back: by then all have written
                return (buffer[0] if first else None,)

            return backward

        whole = record("unpack", theta.data, (theta,), pass_on)
        return {
            name: record(
                f"unpack {name}", piece, (whole,), fill(name, self.slices[name])
            )
            for name, piece in self.views(theta.data).items()
        }

    def _check(self, shape: tuple[int, ...]) -> None:
        if tuple(shape) != (self.size,):
            raise ValueError(
                f"this layout holds {self.size} numbers in one vector, got {shape}"
            )

    def __repr__(self) -> str:
        rows = [f"  {name} {shape}" for name, shape in self.shapes.items()]
        return "\n".join([f"Layout of {self.size:,} numbers", *rows])


@dataclass
class Mode:
    """How a network runs: in training or not, with which statistics and chance.

    train: whether this is a training step.
    rng: generator for whatever is random in a training step.
    state: mean and variance of each batch norm, by its name; in training they
        move by a tenth towards those of the batch.
    """

    train: bool = False
    rng: np.random.Generator | None = None
    state: dict[str, Statistics] = field(default_factory=dict)

    def batch_norm(
        self, name: str, x: Tensor, weights: dict[str, Tensor], relu: bool = False
    ) -> Tensor:
        """Normalise by the batch in training, by the running statistics otherwise.

        Args:
            name: of the layer; "{name}.gamma" and "{name}.beta" are its weights,
                either of which may be missing.
            x: (N, C) or (N, C, H, W).
            weights: the pieces of theta.
            relu: whether to apply ReLU in the same pass.

        Raises:
            ValueError: when there are no statistics outside training.

        >>> mode, x = Mode(train=True), Tensor([[1.0], [3.0]])
        >>> mode.batch_norm("norm", x, {}).data.round(2).tolist()
        [[-1.0], [1.0]]
        >>> [round(part.item(), 2) for part in mode.state["norm"]]  # mean, variance
        [0.2, 1.1]
        """
        affine = weights.get(f"{name}.gamma"), weights.get(f"{name}.beta")
        old = self.state.get(name)
        if not self.train:
            if old is None:
                raise ValueError(
                    f"{name} has no running statistics; pass the state that training "
                    "gave: net(theta, x, state=state)"
                )
            return batch_norm(x, *affine, old, relu=relu)[0]
        out, (mean, var) = batch_norm(x, *affine, relu=relu)
        count = math.prod(x.shape) // len(mean)
        var = var * (count / max(count - 1, 1))  # of the population, from a sample
        old = old or (mean * 0, var * 0 + 1)
        new = tuple([0.9 * a + 0.1 * b for a, b in zip(old, (mean, var), strict=True)])
        if not backend().looks and name in self.state:
            for place, part in zip(old, new, strict=True):
                place[...] = part  # a captured step reads them there again
            new = old
        self.state[name] = new
        return out


class Network:
    """A function from weights and inputs to logits.

    Args:
        name: says the architecture in full, such as "mlp-784-200-200-10"; with
            the code it is all that a receiver of a message needs to know.
        layout: of the weights.
        forward: takes the pieces of theta by name, a batch and a `Mode`, and gives
            logits.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2)
    >>> net.layout.size
    23
    >>> net(net.init(seed=0), np.ones((5, 4), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        name: str,
        layout: Layout,
        forward: Callable[[dict[str, Tensor], Tensor, Mode], Tensor],
    ):
        self.name = name
        self.layout = layout
        self._forward = forward

    def init(self, seed: int) -> np.ndarray:
        """Draw theta0, (D,): He's normal numbers for weights, zeros for biases."""
        from minitorch.init import he_normal  # which needs layouts

        return he_normal(self.layout, seed)

    def __call__(
        self,
        theta: Tensor | Array,
        x: Tensor | Array,
        *,
        state: Any = None,
        train: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """Compute logits (N, K) from theta (D,) and a batch x.

        Args:
            theta: all weights, a tensor or an array.
            x: the batch, a tensor or an array.
            state: running statistics by layer; None before the first step, and for
                networks that have none.
            train: whether this is a training step.
            rng: generator for whatever is random in a training step.

        Returns:
            logits; in training logits and the new state (None where there is none).
        """
        mode = Mode(train, rng, dict(state or {}))
        logits = self._forward(self.layout.unpack(tensor(theta)), tensor(x), mode)
        return (logits, mode.state or None) if train else logits

    def __repr__(self) -> str:
        return f"Network {self.name}, D = {self.layout.size:,}"
