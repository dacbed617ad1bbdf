"""The numpy back-end: every kernel in its plainest form.

It is the specification that other back-ends are tested against. The first part
is a small array namespace in the array API's spelling, the second the fused
kernels, each forward with its backward beneath it.

Letters: N batch, C channels in, O channels out, F features, K classes,
H W height and width, D all weights, d trainable numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
Grads = tuple[Array | None, Array, Array]  # of x (None unless needed), w and b


class NumpyBackend:
    """Arrays and kernels by numpy alone, in float32 and float64.

    >>> kernels = NumpyBackend()
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 1.0], [0.0, -1.0]])
    >>> kernels.linear(x, w, None, relu=True)
    array([[3., 0.]])
    """

    name = "numpy"

    # -- arrays ---------------------------------------------------------------
    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    sqrt = staticmethod(np.sqrt)
    tanh = staticmethod(np.tanh)
    abs = staticmethod(np.abs)
    sign = staticmethod(np.sign)
    maximum = staticmethod(np.maximum)
    where = staticmethod(np.where)
    matmul = staticmethod(np.matmul)
    swapaxes = staticmethod(np.swapaxes)
    permute_dims = staticmethod(np.transpose)
    broadcast_to = staticmethod(np.broadcast_to)
    zeros_like = staticmethod(np.zeros_like)
    ones_like = staticmethod(np.ones_like)

    @staticmethod
    def asarray(data: Any) -> Array:
        """Keep float32, float64 and whole numbers; make everything else float32."""
        if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "iub":
            return np.asarray(data)
        if isinstance(data, (np.ndarray, np.generic)) and data.dtype == np.float64:
            return np.asarray(data)
        return np.asarray(data, dtype=np.float32)

    @staticmethod
    def copy(array: Array) -> Array:
        """A contiguous array of its own."""
        return np.array(array, order="C")

    @staticmethod
    def to_numpy(array: Array) -> np.ndarray:
        """The array itself: it is numpy's already."""
        return array

    @staticmethod
    def sum(x: Array, axis: Any, keepdims: bool) -> Array:
        """Sum over one axis, several (a tuple) or all (None)."""
        return np.sum(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def max(x: Array, axis: Any, keepdims: bool) -> Array:
        """Largest value over one axis, several (a tuple) or all (None)."""
        return np.max(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def scatter_add(
        shape: tuple[int, ...], dtype: Any, index: Any, values: Array
    ) -> Array:
        """Zeros of a shape with `values` added at `index`, repeats included."""
        out = np.zeros(shape, dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if all(isinstance(part, (int, slice)) for part in parts):
            out[index] = values  # no repeats, and 100 times as fast
        else:
            np.add.at(out, index, values)
        return out

    # -- linear ---------------------------------------------------------------
    def linear(self, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
        """y = x w^T + b, then ReLU if asked for. x (N, F), w (O, F), b (O,)."""
        y = np.dot(x, w.T)
        if b is not None:
            y += b
        return np.maximum(y, 0, out=y) if relu else y

    def linear_grad(
        self, grad: Array, x: Array, w: Array, y: Array, relu: bool, need_x: bool
    ) -> Grads:
        """Gradients of x, w and b from that of y = linear(x, w, b), (N, O)."""
        if relu:
            grad = grad * (y > 0)
        return (np.dot(grad, w) if need_x else None, np.dot(grad.T, x), grad.sum(0))

    # -- convolution ----------------------------------------------------------
    def conv2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        """Slide w (O, C, k, k) over x (N, C, H, W), by columns of patches."""
        N, O, k = len(x), len(w), w.shape[-1]
        columns = self._im2col(x, k, stride, padding)  # (N, C*k*k, P)
        y = np.matmul(w.reshape(O, -1), columns)
        if b is not None:
            y += b[:, None]
        if relu:
            np.maximum(y, 0, out=y)
        return y.reshape(N, O, *conv_size(x.shape[2:], k, stride, padding))

    def conv2d_grad(
        self,
        grad: Array,
        x: Array,
        w: Array,
        y: Array,
        stride: int,
        padding: int,
        relu: bool,
        need_x: bool,
    ) -> Grads:
        """Gradients of x, w and b from that of y = conv2d(x, w, b), (N, O, H, W)."""
        N, O, k = len(x), len(w), w.shape[-1]
        if relu:
            grad = grad * (y > 0)
        grad = grad.reshape(N, O, -1)
        columns = self._im2col(x, k, stride, padding)
        dw = np.matmul(grad, columns.swapaxes(1, 2)).sum(0).reshape(w.shape)
        dx = None
        if need_x:
            columns = np.matmul(w.reshape(O, -1).T, grad)
            dx = self._col2im(columns, x.shape, k, stride, padding)
        return dx, dw, grad.sum((0, 2))

    @staticmethod
    def _im2col(x: Array, k: int, stride: int, padding: int) -> Array:
        N, C, H, W = x.shape
        OH, OW = conv_size((H, W), k, stride, padding)
        p = padding
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))) if p else x
        columns = np.empty((N, C, k, k, OH, OW), x.dtype)
        for i in range(k):
            for j in range(k):
                rows = slice(i, i + stride * OH, stride)
                columns[:, :, i, j] = x[:, :, rows, j : j + stride * OW : stride]
        return columns.reshape(N, C * k * k, OH * OW)

    @staticmethod
    def _col2im(
        columns: Array, shape: tuple[int, ...], k: int, stride: int, padding: int
    ) -> Array:
        N, C, H, W = shape
        OH, OW = conv_size((H, W), k, stride, padding)
        p = padding
        columns = columns.reshape(N, C, k, k, OH, OW)
        x = np.zeros((N, C, H + 2 * p, W + 2 * p), columns.dtype)
        for i in range(k):
            for j in range(k):
                rows = slice(i, i + stride * OH, stride)
                x[:, :, rows, j : j + stride * OW : stride] += columns[:, :, i, j]
        return x[:, :, p : p + H, p : p + W]

    # -- pooling --------------------------------------------------------------
    def max_pool2d(self, x: Array, k: int) -> tuple[Array, Array]:
        """Largest of each k x k tile, and which of its k*k entries that was."""
        N, C, H, W = x.shape
        tiles = x.reshape(N, C, H // k, k, W // k, k).swapaxes(3, 4)
        tiles = tiles.reshape(N, C, H // k, W // k, k * k)
        which = tiles.argmax(-1).astype(np.uint16)
        return np.take_along_axis(tiles, which[..., None], -1)[..., 0], which

    def max_pool2d_grad(self, grad: Array, which: Array, k: int) -> Array:
        """Each tile's gradient at the entry that was its largest, 0 elsewhere."""
        N, C, OH, OW = grad.shape
        tiles = np.zeros((N, C, OH, OW, k * k), grad.dtype)
        np.put_along_axis(tiles, which[..., None].astype(np.intp), grad[..., None], -1)
        tiles = tiles.reshape(N, C, OH, OW, k, k).swapaxes(3, 4)
        return tiles.reshape(N, C, OH * k, OW * k)

    # -- loss -----------------------------------------------------------------
    def cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """Mean of -log softmax(logits)[label], and its gradient. logits (N, K)."""
        N = len(logits)
        shifted = logits - logits.max(1, keepdims=True)
        grad = np.exp(shifted)
        total = grad.sum(1, keepdims=True)
        loss = (np.log(total[:, 0]) - shifted[np.arange(N), labels]).mean()
        grad /= total
        grad[np.arange(N), labels] -= 1
        grad /= N
        return loss, grad

    # -- optimiser steps, in place --------------------------------------------
    def sgd_step(
        self, theta: Array, grad: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        """velocity = momentum velocity + grad; theta = theta - lr velocity."""
        velocity *= momentum
        velocity += grad
        theta -= lr * velocity

    def adam_step(
        self,
        theta: Array,
        grad: Array,
        m: Array,
        v: Array,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        t: int,
    ) -> None:
        """One step of Adam; t = 1, 2, ... counts the steps."""
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * grad * grad
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta -= lr * m_hat / (np.sqrt(v_hat) + eps)

    # -- random projections ---------------------------------------------------
    def fwht(self, x: Array) -> Array:
        """Walsh-Hadamard transform of each column of x (L, m), unscaled, new."""
        L, m = x.shape
        x, half = x.copy(), 1
        while half < L:
            pairs = x.reshape(-1, 2, half * m)
            upper = pairs[:, 0].copy()
            pairs[:, 0] += pairs[:, 1]
            np.subtract(upper, pairs[:, 1], out=pairs[:, 1])
            half *= 2
        return x

    def gather(self, x: Array, places: Array, scale: Array) -> Array:
        """Put x in the order `places`, a permutation, and scale it. All (n,)."""
        return scale * x[places]

    def scatter(self, x: Array, places: Array, scale: Array) -> Array:
        """The transpose of `gather`: scale x, and put it back in order."""
        out = np.empty_like(x)
        out[places] = scale * x
        return out

    def sparse_project(self, phi: Array, rows: Array, values: Array, D: int) -> Array:
        """P phi for a P (D, d) whose column j holds values[j] at rows[j]."""
        weights = (values * phi[:, None]).ravel()
        return np.bincount(rows.ravel(), weights, D).astype(phi.dtype)

    def sparse_project_grad(self, grad: Array, rows: Array, values: Array) -> Array:
        """P^T grad for the same P."""
        return (values * grad[rows]).sum(1)


def conv_size(
    size: tuple[int, int], k: int, stride: int, padding: int
) -> tuple[int, int]:
    """Height and width after a convolution.

    >>> conv_size((28, 28), k=5, stride=1, padding=0)
    (24, 24)
    """
    H, W = ((n + 2 * padding - k) // stride + 1 for n in size)
    return H, W
