"""The numpy back-end: every kernel in its plainest form.

It is the specification that other back-ends are tested against. The first part
is a small array namespace in the array API's spelling, the second the fused
kernels, each forward with its backward beneath it.

Letters: N batch, C channels in, O channels out, F features, K classes,
H W height and width, D all weights, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Function = Callable[..., Any]
Grads = tuple[Array | None, Array, Array]  # of x (None unless needed), w and b


class NumpyBackend:
    """Arrays and kernels by numpy alone, in float32 and float64.

    >>> kernels = NumpyBackend()
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 1.0], [0.0, -1.0]])
    >>> kernels.linear(x, w, None, relu=True)
    array([[3., 0.]])
    """

    name = "numpy"
    arrays: tuple[type, ...] = (np.ndarray, np.generic)  # what its arrays are
    looks = True  # whether looking at a value costs nothing, as it does on a GPU

    # -- arrays ---------------------------------------------------------------
    exp: Function = staticmethod(np.exp)
    log: Function = staticmethod(np.log)
    sqrt: Function = staticmethod(np.sqrt)
    tanh: Function = staticmethod(np.tanh)
    abs: Function = staticmethod(np.abs)
    sign: Function = staticmethod(np.sign)
    maximum: Function = staticmethod(np.maximum)
    where: Function = staticmethod(np.where)
    matmul: Function = staticmethod(np.matmul)
    swapaxes: Function = staticmethod(np.swapaxes)
    permute_dims: Function = staticmethod(np.transpose)
    broadcast_to: Function = staticmethod(np.broadcast_to)
    zeros_like: Function = staticmethod(np.zeros_like)
    ones_like: Function = staticmethod(np.ones_like)
    empty_like: Function = staticmethod(np.empty_like)
    concat: Function = staticmethod(np.concatenate)

    def asarray(self, data: Any) -> Array:
        """Keep float32, float64 and whole numbers; make everything else float32.

        Raises:
            TypeError: when the array is of another library, or complex.
        """
        if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "iub":
            return np.asarray(data)
        if isinstance(data, (np.ndarray, np.generic)) and data.dtype == np.float64:
            return np.asarray(data)
        if hasattr(data, "detach"):
            raise TypeError(
                f"the numpy back-end got an array of {type(data).__module__}; give it "
                '.numpy() of that, or choose use_backend("torch")'
            )
        if np.iscomplexobj(data):
            raise TypeError("a tensor holds real numbers, got complex ones")
        return np.asarray(data, dtype=np.float32)

    @staticmethod
    def kind(array: Array) -> str:
        """One letter for the type: f float, i or u whole numbers, b booleans."""
        return array.dtype.kind

    @staticmethod
    def numpy_dtype(array: Array) -> np.dtype:
        """The type of the numbers, as numpy calls it."""
        return array.dtype

    @staticmethod
    def astype(array: Array, like: Array) -> Array:
        """The same numbers in the type of another array."""
        return array.astype(like.dtype, copy=False)

    def constant(self, array: np.ndarray) -> Array:
        """A numpy array that is never written to, as one of this back-end's."""
        return array

    def number(self, value: float, place: Any = None) -> float:
        """A plain number for an optimiser; torch's GPU puts it in `place`."""
        return float(value)

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

    def getitem(self, x: Array, index: Any) -> Array:
        """x[index], for any index that numpy takes."""
        return x[index]

    def scatter_add(self, shape: tuple[int, ...], index: Any, values: Array) -> Array:
        """Zeros of a shape with `values` added at `index`, repeats included."""
        out = np.zeros(shape, values.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if all(isinstance(part, (int, slice)) for part in parts):
            out[index] = values  # no repeats, and 100 times as fast
        else:
            np.add.at(out, index, values)
        return out

    def argsort(self, x: Array) -> Array:
        """Places of the last axis from small to large; equal numbers in order."""
        return np.argsort(x, axis=-1, kind="stable")

    @staticmethod
    def take_along(x: Array, places: Array) -> Array:
        """x[..., places], row by row."""
        return np.take_along_axis(x, places, -1)

    @staticmethod
    def put_along(x: Array, places: Array) -> Array:
        """The inverse of `take_along` for permutations: out[..., places] = x."""
        out = np.empty_like(x)
        np.put_along_axis(out, places, x, -1)
        return out

    @staticmethod
    def top_k(x: Array, k: int) -> Array:
        """Which are the k largest of x (n,): (n,) booleans; of equals the first."""
        if k == 0:
            return np.zeros(x.shape, bool)
        least = np.partition(x, x.size - k)[x.size - k]
        chosen = x > least
        ties = np.flatnonzero(x == least)[: k - np.count_nonzero(chosen)]
        chosen[ties] = True
        return chosen

    # -- linear ---------------------------------------------------------------
    def linear(self, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
        """y = x w^T + b, then ReLU if asked for. x (N, F), w (O, F), b (O,)."""
        y = np.dot(x, w.T)
        if b is not None:
            y += b
        return np.maximum(y, 0, out=y) if relu else y

    def linear_grad(self, grad: Array, x: Array, w: Array, need_x: bool) -> Grads:
        """Gradients of x, w and b from that of x w^T + b, (N, O)."""
        return np.dot(grad, w) if need_x else None, np.dot(grad.T, x), grad.sum(0)

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
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        """Gradients of x, w and b from that of the convolution, (N, O, H, W)."""
        N, O, k = len(x), len(w), w.shape[-1]
        grad = grad.reshape(N, O, grad.shape[2] * grad.shape[3])
        columns = self._im2col(x, k, stride, padding)
        dw = np.matmul(grad, columns.swapaxes(1, 2)).sum(0).reshape(w.shape)
        dx = None
        if need_x:
            columns = np.matmul(w.reshape(O, -1).T, grad)
            dx = self._col2im(columns, x.shape, k, stride, padding)
        return dx, dw, grad.sum((0, 2))

    def conv_transpose2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        """Stamp w (C, O, k, k) at every pixel of x (N, C, H, W), and add up."""
        (N, C, H, W), (_, O, k, _) = x.shape, w.shape
        columns = np.matmul(w.reshape(C, -1).T, x.reshape(N, C, H * W))
        size = [(n - 1) * stride + k - 2 * padding for n in (H, W)]
        y = self._col2im(columns, (N, O, *size), k, stride, padding)
        if b is not None:
            y = y + b[:, None, None]
        return np.maximum(y, 0) if relu else np.ascontiguousarray(y)

    def conv_transpose2d_grad(
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        """Gradients of x, w and b from that of the transposed convolution."""
        N, C, k = len(x), len(w), w.shape[-1]
        columns = self._im2col(grad, k, stride, padding)  # (N, O*k*k, H*W)
        rows = x.reshape(N, C, x.shape[2] * x.shape[3])
        dw = np.matmul(rows, columns.swapaxes(1, 2)).sum(0).reshape(w.shape)
        dx = np.matmul(w.reshape(C, -1), columns).reshape(x.shape) if need_x else None
        return dx, dw, grad.sum((0, 2, 3))

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
        which = tiles.argmax(-1).astype(np.int32)
        return np.take_along_axis(tiles, which[..., None], -1)[..., 0], which

    def max_pool2d_grad(self, grad: Array, which: Array, k: int) -> Array:
        """Each tile's gradient at the entry that was its largest, 0 elsewhere."""
        N, C, OH, OW = grad.shape
        tiles = np.zeros((N, C, OH, OW, k * k), grad.dtype)
        np.put_along_axis(tiles, which[..., None].astype(np.intp), grad[..., None], -1)
        tiles = tiles.reshape(N, C, OH, OW, k, k).swapaxes(3, 4)
        return tiles.reshape(N, C, OH * k, OW * k)

    # -- normalisation and residuals ------------------------------------------
    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of each channel of x (N, C) or (N, C, H, W)."""
        axes = (0, 2, 3)[: x.ndim - 1]
        wide = x.astype(np.float64)  # sums in float32 lose digits of a large mean
        return wide.mean(axes).astype(x.dtype), wide.var(axes).astype(x.dtype)

    def batch_norm(
        self, x: Array, mean: Array, scale: Array, beta: Array, relu: bool
    ) -> Array:
        """y = (x - mean) scale + beta for each channel, (C,) all, then ReLU."""
        shape = (-1,) + (1,) * (x.ndim - 2)
        y = (x - mean.reshape(shape)) * scale.reshape(shape) + beta.reshape(shape)
        return np.maximum(y, 0) if relu else y

    def batch_norm_grad(
        self, grad: Array, x: Array, mean: Array, inv: Array, gamma: Array, own: bool
    ) -> tuple[Array, Array, Array]:
        """Gradients of x, gamma and beta; inv is 1 / sqrt(var + eps), and `own`
        says that mean and inv are functions of x."""
        axes, shape = (0, 2, 3)[: x.ndim - 1], (-1,) + (1,) * (x.ndim - 2)
        scaled = (x - mean.reshape(shape)) * inv.reshape(shape)
        dgamma, dbeta = (grad * scaled).sum(axes), grad.sum(axes)
        if own:
            along = dbeta.reshape(shape) + scaled * dgamma.reshape(shape)
            grad = grad - along / (x.size // len(mean))
        return grad * (gamma * inv).reshape(shape), dgamma, dbeta

    def add_relu(self, a: Array, b: Array) -> Array:
        """max(a + b, 0)."""
        return np.maximum(a + b, 0)

    def relu_grad(self, grad: Array, y: Array) -> Array:
        """grad where y is above 0, else 0."""
        return grad * (y > 0)

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
    def sgd_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        """v = momentum v + grad; theta -= lr v. how: lr, momentum,
        nesterov, decay."""
        lr, momentum, nesterov, decay = how
        grad = grad + decay * theta if decay else grad
        v *= momentum
        v += grad
        theta -= lr * (grad + momentum * v if nesterov else v)

    def rmsprop_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        """v = rho v + (1 - rho) grad^2; theta -= lr grad / (sqrt(v) + eps). how: lr,
        rho, eps."""
        lr, rho, eps = how
        v *= rho
        v += (1 - rho) * grad * grad
        theta -= lr * grad / (np.sqrt(v) + eps)

    def adam_step(self, theta: Array, grad: Array, moments: Any, *how: Any) -> None:
        """One step of Adam. how: lr, (beta1, beta2, eps), the step's count
        t = 1, 2, ..., and the weight decay, which is on theta itself."""
        (m, v), (lr, (beta1, beta2, eps), t, decay) = moments, how
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * grad * grad
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta *= 1 - lr * decay
        theta -= lr * m_hat / (np.sqrt(v_hat) + eps)

    # -- sparse products ------------------------------------------------------
    def csr_matmul(
        self, values: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        """W x for W in compressed rows (see `functional.csr_matmul`)."""
        from scipy.sparse import csr_array

        shape = len(indptr) - 1, len(x)
        return csr_array((values, indices, indptr), shape) @ x

    def csr_rmatmul(
        self, values: Array, indptr: Array, indices: Array, grad: Array, columns: int
    ) -> Array:
        """W^T grad, (columns, N), for the same W and a grad (R, N)."""
        from scipy.sparse import csr_array

        shape = len(indptr) - 1, columns
        return csr_array((values, indices, indptr), shape).T @ grad

    def csr_values_grad(
        self, grad: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        """Gradient of W's values from that of W x: grad[row] . x[column] for each."""
        rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        return np.einsum("zn,zn->z", grad[rows], x[indices])

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


def conv_size(
    size: tuple[int, int], k: int, stride: int, padding: int
) -> tuple[int, int]:
    """Height and width after a convolution.

    >>> conv_size((28, 28), k=5, stride=1, padding=0)
    (24, 24)
    """
    H, W = ((n + 2 * padding - k) // stride + 1 for n in size)
    return H, W
