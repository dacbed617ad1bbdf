"""Optimisers for one flat tensor."""

from __future__ import annotations

from minitorch.backends import backend
from minitorch.ops import tensor
from minitorch.tensor import Array, Tensor


class Optimiser:
    """What SGD and Adam share: the tensor they move, and a step that uses it up."""

    def __init__(self, phi: Tensor, lr: float):
        if not phi.requires_grad or phi.op is not None:
            raise ValueError(
                "an optimiser moves a leaf that requires a gradient; make it with "
                "Tensor(array, requires_grad=True)"
            )
        if not lr > 0:
            raise ValueError(f"a learning rate is above 0, got {lr}")
        self.phi = tensor(phi)  # refuses one of another back-end
        self._lr = backend().number(lr)

    @property
    def lr(self) -> float:
        """The learning rate; it may be set between steps."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        if not 0 <= value < float("inf"):
            raise ValueError(f"a learning rate is finite and not below 0, got {value}")
        self._lr = backend().number(value, self._lr)

    def step(self) -> None:
        """Move phi by its gradient, and clear the gradient.

        Raises:
            RuntimeError: when no gradient has arrived.
        """
        if self.phi.grad is None:
            raise RuntimeError("step() found no gradient; call backward() first")
        self._move(self.phi.data, self.phi.grad)
        self.phi.grad = None
        self.phi.touch()

    def _move(self, phi: Array, grad: Array) -> None:
        raise NotImplementedError


class SGD(Optimiser):
    """Gradient descent: v = momentum v + grad, phi = phi - lr v.

    Args:
        phi: the leaf that is moved.
        lr: the learning rate.
        momentum: how much of the last velocity stays.
        nesterov: whether to step by grad + momentum v, a look ahead.
        weight_decay: added to the gradient, times phi.

    Source: Nesterov's form as in Sutskever, Martens, Dahl, Hinton (2013).

    >>> phi = Tensor([1.0], requires_grad=True)
    >>> (phi * phi).backward()
    >>> SGD(phi, lr=0.25).step()
    >>> phi.item()
    0.5
    """

    def __init__(
        self,
        phi: Tensor,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(phi, lr)
        _kept("momentum", momentum)
        self._how = momentum, nesterov, weight_decay
        self._velocity = backend().zeros_like(phi.data)

    def _move(self, phi: Array, grad: Array) -> None:
        backend().sgd_step(phi, grad, self._velocity, self._lr, *self._how)


class RMSprop(Optimiser):
    """Steps of about lr: v = rho v + (1 - rho) grad^2, phi -= lr grad / (sqrt v + eps).

    Source: Tieleman and Hinton (2012), lecture 6.5 of Neural networks for machine
    learning.

    >>> phi = Tensor([1.0], requires_grad=True)
    >>> (phi * 1000).backward()
    >>> RMSprop(phi, lr=0.05, rho=0.96).step()
    >>> round(phi.item(), 6)
    0.75
    """

    def __init__(self, phi: Tensor, lr: float, rho: float = 0.99, eps: float = 1e-8):
        super().__init__(phi, lr)
        _kept("rho", rho)
        self._how = rho, eps
        self._v = backend().zeros_like(phi.data)

    def _move(self, phi: Array, grad: Array) -> None:
        backend().rmsprop_step(phi, grad, self._v, self._lr, *self._how)


class Adam(Optimiser):
    """Adam: steps of about lr in each coordinate, whatever the gradient's scale.

    Source: Kingma and Ba (2015), Adam, algorithm 1.

    >>> phi = Tensor([1.0], requires_grad=True)
    >>> (phi * 1000).backward()
    >>> Adam(phi, lr=0.25).step()
    >>> round(phi.item(), 6)
    0.75
    """

    decay = 0.0

    def __init__(
        self,
        phi: Tensor,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(phi, lr)
        _kept("betas", *betas)
        self._how = *betas, eps
        self._m = backend().zeros_like(phi.data)
        self._v = backend().zeros_like(phi.data)
        self._t = backend().number(0)

    def _move(self, phi: Array, grad: Array) -> None:
        self._t += 1
        moments = self._m, self._v
        backend().adam_step(
            phi, grad, moments, self._lr, self._how, self._t, self.decay
        )


class AdamW(Adam):
    """Adam with weight decay on its own: phi shrinks by lr weight_decay each step.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay, algorithm 2.

    >>> phi = Tensor([1.0], requires_grad=True)
    >>> (phi * 1000).backward()
    >>> AdamW(phi, lr=0.25, weight_decay=0.4).step()
    >>> round(phi.item(), 6)
    0.65
    """

    def __init__(
        self,
        phi: Tensor,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(phi, lr, betas, eps)
        self.decay = weight_decay


def _kept(name: str, *shares: float) -> None:
    """See that the shares of the past that a step keeps are from 0 to below 1."""
    if not all(0 <= share < 1 for share in shares):
        raise ValueError(f"{name} is from 0 to below 1, got {shares}")
