"""The torch back-end: the same methods on torch's arrays, on a CPU or a GPU.

Only torch's arrays and kernels are used, never its autograd. It is loaded when
somebody asks for it: `use_backend("torch", device="cuda")`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from minitorch.backends.numpy_backend import Array, Function, Grads, NumpyBackend

aten = torch.ops.aten


class TorchBackend(NumpyBackend):
    """Torch's arrays and kernels on one device; every method of numpy's is replaced.

    Args:
        device: "cpu" or "cuda".

    Raises:
        RuntimeError: when a GPU is asked for and there is none.

    >>> kernels = TorchBackend()
    >>> x = kernels.asarray(np.ones((1, 2), np.float32))
    >>> kernels.linear(x, x, None, relu=False)
    tensor([[2.]])
    """

    name = "torch"
    arrays = (torch.Tensor,)

    def __init__(self, device: str = "cpu"):
        self.device = torch.device(device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError(
                'no GPU that this torch can use; take use_backend("torch") for the CPU'
            )
        self.looks = self.device.type == "cpu"
        self._constants: dict[int, Array] = {}

    # -- arrays ---------------------------------------------------------------
    exp: Function = staticmethod(torch.exp)
    log: Function = staticmethod(torch.log)
    sqrt: Function = staticmethod(torch.sqrt)
    tanh: Function = staticmethod(torch.tanh)
    abs: Function = staticmethod(torch.abs)
    sign: Function = staticmethod(torch.sign)
    where: Function = staticmethod(torch.where)
    matmul: Function = staticmethod(torch.matmul)
    swapaxes: Function = staticmethod(torch.swapaxes)
    permute_dims: Function = staticmethod(torch.permute)
    broadcast_to: Function = staticmethod(torch.broadcast_to)
    zeros_like: Function = staticmethod(torch.zeros_like)
    ones_like: Function = staticmethod(torch.ones_like)
    empty_like: Function = staticmethod(torch.empty_like)
    concat: Function = staticmethod(torch.concat)

    def asarray(self, data: Any) -> Array:
        if not isinstance(data, torch.Tensor):
            data = super().asarray(data)
            if not data.flags.writeable or min(data.strides, default=0) < 0:
                data = data.copy()
            data = torch.from_numpy(
                data.astype(data.dtype.newbyteorder("="), copy=False)
            )
        return data.detach().to(self.device)

    def constant(self, array: np.ndarray) -> Array:
        """A numpy array that is never written to, moved to the device only once."""
        key = id(array)
        if key not in self._constants:
            weakref.finalize(array, self._constants.pop, key, None)
            self._constants[key] = self.asarray(array)
        return self._constants[key]

    @staticmethod
    def _maximum(a: Array, b: Any) -> Array:
        """Larger of an array and an array or number."""
        return torch.maximum(a, b) if isinstance(b, torch.Tensor) else a.clamp(min=b)

    maximum: Function = _maximum

    @staticmethod
    def kind(array: Array) -> str:
        return np.dtype(str(array.dtype).removeprefix("torch.")).kind

    @staticmethod
    def numpy_dtype(array: Array) -> np.dtype:
        return np.dtype(str(array.dtype).removeprefix("torch."))

    @staticmethod
    def astype(array: Array, like: Array) -> Array:
        return array.to(like.dtype)

    @staticmethod
    def copy(array: Array) -> Array:
        return array.clone(memory_format=torch.contiguous_format)

    @staticmethod
    def to_numpy(array: Array) -> np.ndarray:
        return array.cpu().numpy()

    def number(self, value: float, place: Any = None) -> Any:
        """A plain number; on a GPU one that a captured step reads anew each time."""
        if self.looks:
            return float(value)
        if place is None:
            return torch.tensor(value, dtype=torch.float32, device=self.device)
        return place.fill_(value)

    @staticmethod
    def sum(x: Array, axis: Any, keepdims: bool) -> Array:
        return x if axis == () else torch.sum(x, _axes(x, axis), keepdims)

    @staticmethod
    def max(x: Array, axis: Any, keepdims: bool) -> Array:
        return x if axis == () else torch.amax(x, _axes(x, axis), keepdims)

    def getitem(self, x: Array, index: Any) -> Array:
        places = self._places(x.shape, index)
        return x[index] if places is None else x.reshape(-1)[places]

    def scatter_add(self, shape: tuple[int, ...], index: Any, values: Array) -> Array:
        out = torch.zeros(shape, dtype=values.dtype, device=self.device)
        places = self._places(shape, index)
        if places is None:
            out[index] = values
        else:
            out.view(-1).index_add_(0, places.reshape(-1), values.reshape(-1))
        return out

    def _places(self, shape: tuple[int, ...], index: Any) -> Array | None:
        """Flat places that an index means; None where torch reads it as numpy does."""
        parts = index if isinstance(index, tuple) else (index,)
        if all(_basic(part) for part in parts):
            return None
        parts = tuple([p.cpu() if isinstance(p, torch.Tensor) else p for p in parts])
        flat = np.arange(int(np.prod(shape))).reshape(shape)
        return self.asarray(flat[parts if isinstance(index, tuple) else parts[0]])

    def argsort(self, x: Array) -> Array:
        return torch.argsort(x, dim=-1, stable=True)

    @staticmethod
    def take_along(x: Array, places: Array) -> Array:
        return torch.gather(x, -1, places)

    @staticmethod
    def put_along(x: Array, places: Array) -> Array:
        return torch.empty_like(x).scatter_(-1, places, x)

    @staticmethod
    def top_k(x: Array, k: int) -> Array:
        if k == 0:
            return torch.zeros(x.shape, dtype=torch.bool, device=x.device)
        least = torch.topk(x, k).values[-1]
        chosen, ties = x > least, x == least
        return chosen | (ties & (ties.cumsum(0) <= k - chosen.sum()))

    # -- linear ---------------------------------------------------------------
    def linear(self, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
        y = F.linear(x, w, b)
        return y.relu_() if relu else y

    def linear_grad(self, grad: Array, x: Array, w: Array, need_x: bool) -> Grads:
        return grad @ w if need_x else None, grad.T @ x, grad.sum(0)

    # -- convolution ----------------------------------------------------------
    def conv2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        y = F.conv2d(x, w, b, stride, padding)
        return y.relu_() if relu else y

    def conv2d_grad(
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        return _conv_grad(grad, x, w, stride, padding, False, need_x)

    def conv_transpose2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        y = F.conv_transpose2d(x, w, b, stride, padding)
        return y.relu_() if relu else y

    def conv_transpose2d_grad(
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        return _conv_grad(grad, x, w, stride, padding, True, need_x)

    # -- pooling --------------------------------------------------------------
    def max_pool2d(self, x: Array, k: int) -> tuple[Array, Array]:
        return F.max_pool2d(x, k, return_indices=True)

    def max_pool2d_grad(self, grad: Array, which: Array, k: int) -> Array:
        N, C, OH, OW = grad.shape
        x = grad.new_empty(N, C, OH * k, OW * k)  # for its shape
        numbers = [k, k], [k, k], [0, 0], [1, 1], False
        return aten.max_pool2d_with_indices_backward(grad, x, *numbers, which)

    # -- normalisation and residuals ------------------------------------------
    def moments(self, x: Array) -> tuple[Array, Array]:
        var, mean = torch.var_mean(x, (0, 2, 3)[: x.ndim - 1], correction=0)
        return mean, var

    def batch_norm(
        self, x: Array, mean: Array, scale: Array, beta: Array, relu: bool
    ) -> Array:
        y = F.batch_norm(x, mean, torch.ones_like(mean), scale, beta, False, 0.0, 0.0)
        return y.relu_() if relu else y

    def batch_norm_grad(
        self, grad: Array, x: Array, mean: Array, inv: Array, gamma: Array, own: bool
    ) -> tuple[Array, Array, Array]:
        saved = mean, inv**-2, mean, inv
        asked = [True, True, True]
        return aten.native_batch_norm_backward(grad, x, gamma, *saved, own, 0.0, asked)

    def add_relu(self, a: Array, b: Array) -> Array:
        return torch.add(a, b).relu_()

    def relu_grad(self, grad: Array, y: Array) -> Array:
        return aten.threshold_backward(grad, y, 0)

    # -- loss -----------------------------------------------------------------
    def cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        logp, labels = F.log_softmax(logits, 1), labels.long()
        grad = logp.exp() - F.one_hot(labels, logits.shape[1])
        return F.nll_loss(logp, labels), grad / len(logits)

    # -- optimiser steps, in place --------------------------------------------
    def sgd_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        lr, momentum, nesterov, decay = how
        grad = grad + decay * theta if decay else grad
        v.mul_(momentum).add_(grad)
        theta.sub_(lr * (grad + momentum * v if nesterov else v))

    def rmsprop_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        lr, rho, eps = how
        v.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        theta.sub_(lr * grad / (v.sqrt() + eps))

    def adam_step(self, theta: Array, grad: Array, moments: Any, *how: Any) -> None:
        (m, v), (lr, (beta1, beta2, eps), t, decay) = moments, how
        step = torch.as_tensor(t, dtype=torch.float32, device=self.device)
        numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
        numbers |= {"weight_decay": decay, "amsgrad": False, "maximize": False}
        torch._fused_adamw_([theta], [grad], [m], [v], [], [step], **numbers)

    # -- sparse products ------------------------------------------------------
    def csr_matmul(
        self, values: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        rows, columns = self._entries(indptr, indices)
        y = x.new_zeros(len(indptr) - 1, x.shape[1])
        return y.index_add_(0, rows, values[:, None] * x[columns])

    def csr_rmatmul(
        self, values: Array, indptr: Array, indices: Array, grad: Array, columns: int
    ) -> Array:
        rows, places = self._entries(indptr, indices)
        out = grad.new_zeros(columns, grad.shape[1])
        return out.index_add_(0, places, values[:, None] * grad[rows])

    def csr_values_grad(
        self, grad: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        rows, columns = self._entries(indptr, indices)
        return (grad[rows] * x[columns]).sum(1)

    def _entries(self, indptr: Array, indices: Array) -> tuple[Array, Array]:
        rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        return self.asarray(rows), self.constant(indices).long()

    # -- random projections ---------------------------------------------------
    def fwht(self, x: Array) -> Array:
        (L, m), half = x.shape, 1
        while half < L:
            pairs = x.reshape(-1, 2, half * m)
            upper, lower = pairs[:, 0], pairs[:, 1]
            x, half = torch.stack((upper + lower, upper - lower), 1), 2 * half
        return x.reshape(L, m).clone() if half == 1 else x.reshape(L, m)

    def gather(self, x: Array, places: Array, scale: Array) -> Array:
        return scale * x[places]

    def scatter(self, x: Array, places: Array, scale: Array) -> Array:
        out = torch.empty_like(x)
        out[places] = scale * x
        return out

    # -- a whole step at once -------------------------------------------------
    def capture(self, step: Callable[..., Any], *arrays: Array) -> Callable[..., Any]:
        """Record a training step as a CUDA graph, so that Python costs nothing.

        Args:
            step: takes as many arrays as are given, does forward, backward and the
                optimiser's step, and gives the loss tensor. Nothing in it may look
                at a value on the GPU. It is run three times first.
            arrays: a first batch, for its shapes and types.

        Returns:
            A function of the next batch that runs the step and gives the loss
            tensor, the same one each time. A new `optimiser.lr` is obeyed.

        Raises:
            RuntimeError: when this back-end is not on a GPU.
        """
        if self.looks:
            raise RuntimeError(
                'only a GPU captures steps: use_backend("torch", device="cuda")'
            )
        held = [self.asarray(array).clone() for array in arrays]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(*held)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step(*held)

        def replay(*batch: Array) -> Any:
            for place, array in zip(held, batch, strict=True):
                place.copy_(self.asarray(array))
            graph.replay()
            return loss

        return replay


def _axes(x: Array, axis: Any) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


def _basic(part: Any) -> bool:
    """Whether torch reads this part of an index as numpy does, repeats excluded."""
    if isinstance(part, slice):
        return part.step is None or part.step > 0
    return part is Ellipsis or isinstance(part, int) and not isinstance(part, bool)


def _conv_grad(
    grad: Array, x: Array, w: Array, stride: int, p: int, transposed: bool, need_x: bool
) -> Grads:
    sizes = [stride, stride], [p, p], [1, 1], transposed, [0, 0], 1
    asked = [need_x, True, True]
    return aten.convolution_backward(grad, x, w, [grad.shape[1]], *sizes, asked)
