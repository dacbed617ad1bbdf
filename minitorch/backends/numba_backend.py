"""The numba back-end: numpy's, with its heavy kernels as compiled loops.

A compiled kernel serves contiguous, writeable float32 arrays only, so that it
is compiled once. Whatever else comes (float64 in a gradient check, a strided
view) takes the numpy version of the same method.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minitorch.backends import kernels
from minitorch.backends.numpy_backend import Array, Grads, NumpyBackend, conv_size

# A block of patches of this many numbers (1 MB) stays in a core's own cache.
BLOCK = 1 << 18


def fits(*arrays: Array) -> bool:
    """Tell whether a compiled kernel can take these arrays.

    >>> fits(np.zeros(3, np.float32)), fits(np.zeros(3)), fits(np.zeros(6, "f4")[::2])
    (True, False, False)
    """
    # carray: contiguous, aligned and writeable; each of these is part of a signature
    return all(a.dtype == np.float32 and a.flags.carray for a in arrays)


class NumbaBackend(NumpyBackend):
    """Numpy's back-end with compiled kernels, for arrays that fit them.

    >>> x, w = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    >>> NumbaBackend().linear(x, w, None, relu=False)
    array([[2., 2., 2.]], dtype=float32)
    """

    name = "numba"

    def linear(self, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
        b = np.zeros(len(w), np.float32) if b is None else b
        if not fits(x, w, b):
            return super().linear(x, w, b, relu)
        y = np.dot(x, w.T)
        kernels.row_bias_act(y, b, relu)
        return y

    def linear_grad(
        self, grad: Array, x: Array, w: Array, y: Array, relu: bool, need_x: bool
    ) -> Grads:
        if not fits(grad, x, w, y):
            return super().linear_grad(grad, x, w, y, relu, need_x)
        db = np.empty(grad.shape[1], np.float32)
        through = np.empty_like(grad) if relu else grad
        kernels.row_bias_act_grad(grad, y, through, db, relu)
        dx = np.dot(through, w) if need_x else None
        return dx, np.dot(through.T, x), db

    def conv2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        b = np.zeros(len(w), np.float32) if b is None else b
        if not fits(x, w, b):
            return super().conv2d(x, w, b, stride, padding, relu)
        N, O, k = len(x), len(w), w.shape[-1]
        OH, OW = conv_size(x.shape[2:], k, stride, padding)
        x, rows = _padded(x, padding), w.reshape(O, -1)
        y = np.empty((N, O, OH * OW), np.float32)
        for part, columns in _blocks(N, rows.shape[1], OH * OW):
            kernels.im2col(x[part], k, stride, OH, OW, columns)
            np.matmul(rows, columns, out=y[part])
        kernels.bias_act(y, b, relu)
        return y.reshape(N, O, OH, OW)

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
        if not fits(grad, x, w, y):
            return super().conv2d_grad(grad, x, w, y, stride, padding, relu, need_x)
        (N, _, H, W), O, k, p = x.shape, len(w), w.shape[-1], padding
        OH, OW = grad.shape[2:]
        grad, y = grad.reshape(N, O, -1), y.reshape(N, O, -1)
        db = np.empty(O, np.float32)
        through = np.empty_like(grad) if relu else grad
        kernels.bias_act_grad(grad, y, through, db, relu)
        x, rows = _padded(x, p), w.reshape(O, -1)
        dw = np.zeros((rows.shape[1], O), np.float32)
        dx: Array = np.empty_like(x) if need_x else None
        for part, columns in _blocks(N, rows.shape[1], OH * OW):
            kernels.im2col(x[part], k, stride, OH, OW, columns)
            for patches, arrived in zip(columns, through[part], strict=True):
                dw += np.dot(patches, arrived.T)
            if need_x:
                np.matmul(rows.T, through[part], out=columns)
                kernels.col2im(columns, k, stride, OH, OW, dx[part])
        if need_x and p:
            dx = np.ascontiguousarray(dx[:, :, p : p + H, p : p + W])
        return dx, np.ascontiguousarray(dw.T).reshape(w.shape), db

    def max_pool2d(self, x: Array, k: int) -> tuple[Array, Array]:
        if not fits(x):
            return super().max_pool2d(x, k)
        N, C, H, W = x.shape
        y = np.empty((N, C, H // k, W // k), np.float32)
        which = np.empty(y.shape, np.uint16)
        kernels.max_pool2d(x, k, y, which)
        return y, which

    def max_pool2d_grad(self, grad: Array, which: Array, k: int) -> Array:
        if not fits(grad):
            return super().max_pool2d_grad(grad, which, k)
        N, C, OH, OW = grad.shape
        dx = np.empty((N, C, OH * k, OW * k), np.float32)
        kernels.max_pool2d_grad(grad, which, k, dx)
        return dx

    def cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        if not fits(logits):
            return super().cross_entropy(logits, labels)
        grad = np.empty_like(logits)
        # A copy in any case: whole numbers of one type, contiguous and writeable.
        loss = kernels.cross_entropy(logits, labels.astype(np.int64), grad)
        return np.float32(loss), grad

    def sgd_step(
        self, theta: Array, grad: Array, velocity: Array, lr: float, momentum: float
    ) -> None:
        if not fits(theta, grad, velocity):
            return super().sgd_step(theta, grad, velocity, lr, momentum)
        flat = (a.reshape(-1) for a in (theta, grad, velocity))
        kernels.sgd_step(*flat, np.float32(lr), np.float32(momentum))

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
        if not fits(theta, grad, m, v):
            return super().adam_step(theta, grad, m, v, lr, beta1, beta2, eps, t)
        flat = (a.reshape(-1) for a in (theta, grad, m, v))
        size, unbias2 = lr / (1 - beta1**t), 1 / (1 - beta2**t)
        numbers = size, beta1, 1 - beta1, beta2, 1 - beta2, unbias2, eps
        kernels.adam_step(*flat, *map(np.float32, numbers))

    def fwht(self, x: Array) -> Array:
        if not fits(x):
            return super().fwht(x)
        out = x.copy()
        kernels.fwht(out.reshape(-1), x.shape[1])
        return out

    def gather(self, x: Array, places: Array, scale: Array) -> Array:
        if not fits(x, scale):
            return super().gather(x, places, scale)
        out = np.empty_like(x)
        kernels.gather(x, places, scale, out)
        return out

    def scatter(self, x: Array, places: Array, scale: Array) -> Array:
        if not fits(x, scale):
            return super().scatter(x, places, scale)
        out = np.empty_like(x)
        kernels.scatter(x, places, scale, out)
        return out

    def sparse_project(self, phi: Array, rows: Array, values: Array, D: int) -> Array:
        if not fits(phi, values):
            return super().sparse_project(phi, rows, values, D)
        out = np.empty(D, np.float32)
        kernels.sparse_project(phi, rows, values, out)
        return out

    def sparse_project_grad(self, grad: Array, rows: Array, values: Array) -> Array:
        if not fits(grad, values):
            return super().sparse_project_grad(grad, rows, values)
        out = np.empty(len(rows), np.float32)
        kernels.sparse_project_grad(grad, rows, values, out)
        return out


def _padded(x: Array, p: int) -> Array:
    if not p:
        return x
    N, C, H, W = x.shape
    out = np.empty((N, C, H + 2 * p, W + 2 * p), np.float32)
    kernels.pad(x, p, out)
    return out


def _blocks(N: int, rows: int, P: int) -> Iterator[tuple[slice, Array]]:
    """Walk over the images in blocks, with a buffer for each block's patches."""
    size = max(1, min(N, BLOCK // (rows * P)))
    buffer = np.empty((size, rows, P), np.float32)
    for start in range(0, N, size):
        stop = min(N, start + size)
        yield slice(start, stop), buffer[: stop - start]
