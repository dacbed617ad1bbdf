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
        if not fits(x, w) or not (b is None or fits(b)):
            return super().conv2d(x, w, b, stride, padding, relu)
        N, O, k = len(x), len(w), w.shape[-1]
        OH, OW = conv_size(x.shape[2:], k, stride, padding)
        x, rows = _padded(x, padding), w.reshape(O, -1)
        y = np.empty((N, O, OH * OW), np.float32)
        for part, columns in _patches(x, k, stride, OH, OW):
            np.matmul(rows, columns, out=y[part])
        return _bias_act(y, b, relu).reshape(N, O, OH, OW)

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
        (_, _, H, W), O, k, p = x.shape, len(w), w.shape[-1], padding
        OH, OW = grad.shape[2:]
        through, db = _bias_act_grad(grad, y, relu)
        x, rows = _padded(x, p), w.reshape(O, -1)
        dw = np.zeros((rows.shape[1], O), np.float32)
        dx: Array = np.empty_like(x) if need_x else None
        for part, columns in _patches(x, k, stride, OH, OW):
            for patches, arrived in zip(columns, through[part], strict=True):
                dw += np.dot(patches, arrived.T)
            if need_x:
                # The patches of x are used up; those of dx may take their place.
                _stamp(rows.T, through[part], columns, k, stride, OH, OW, dx[part])
        if need_x and p:
            dx = np.ascontiguousarray(dx[:, :, p : p + H, p : p + W])
        return dx, np.ascontiguousarray(dw.T).reshape(w.shape), db

    def conv_transpose2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        if not fits(x, w) or not (b is None or fits(b)):
            return super().conv_transpose2d(x, w, b, stride, padding, relu)
        (N, C, H, W), (_, O, k, _), p = x.shape, w.shape, padding
        high, wide = ((n - 1) * stride + k for n in (H, W))
        y = np.empty((N, O, high, wide), np.float32)
        rows, pixels = w.reshape(C, -1), x.reshape(N, C, -1)
        for part, columns in _blocks(N, rows.shape[1], H * W):
            _stamp(rows.T, pixels[part], columns, k, stride, H, W, y[part])
        y = np.ascontiguousarray(y[:, :, p : high - p, p : wide - p])
        return _bias_act(y.reshape(N, O, -1), b, relu).reshape(y.shape)

    def conv_transpose2d_grad(
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
            return super().conv_transpose2d_grad(
                grad, x, w, y, stride, padding, relu, need_x
            )
        (N, C, H, W), k = x.shape, w.shape[-1]
        through, db = _bias_act_grad(grad, y, relu)
        through = _padded(through.reshape(grad.shape), padding)
        rows, pixels = w.reshape(C, -1), x.reshape(N, C, -1)
        dw = np.zeros(rows.shape, np.float32)
        dx: Array = np.empty_like(pixels) if need_x else None
        for part, columns in _patches(through, k, stride, H, W):
            for pixel, patches in zip(pixels[part], columns, strict=True):
                dw += np.dot(pixel, patches.T)
            if need_x:
                np.matmul(rows, columns, out=dx[part])
        return dx.reshape(x.shape) if need_x else None, dw.reshape(w.shape), db

    def csr_matmul(
        self, values: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        if not fits(values, x):
            return super().csr_matmul(values, indptr, indices, x)
        y = np.empty((len(indptr) - 1, x.shape[1]), np.float32)
        kernels.csr_matmul(values, indptr, indices, x, y)
        return y

    def csr_matmul_grad(
        self, grad: Array, values: Array, indptr: Array, indices: Array, x: Array
    ) -> tuple[Array, Array]:
        if not fits(grad, values, x):
            return super().csr_matmul_grad(grad, values, indptr, indices, x)
        dvalues, dx = np.empty_like(values), np.zeros_like(x)
        kernels.csr_matmul_grad(grad, values, indptr, indices, x, dvalues, dx)
        return dvalues, dx

    def moments(self, x: Array) -> tuple[Array, Array]:
        if not fits(x):
            return super().moments(x)
        mean, var = np.empty((2, x.shape[1]), np.float32)
        kernels.moments(x.reshape(*x.shape[:2], -1), mean, var)
        return mean, var

    def batch_norm(
        self,
        x: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        var: Array,
        eps: float,
        relu: bool,
    ) -> Array:
        if not fits(x, gamma, beta, mean, var):
            return super().batch_norm(x, gamma, beta, mean, var, eps, relu)
        flat, y = x.reshape(*x.shape[:2], -1), np.empty_like(x)
        scale = gamma * (var + np.float32(eps)) ** -0.5
        kernels.batch_norm(flat, mean, scale, beta, y.reshape(flat.shape), relu)
        return y

    def batch_norm_grad(
        self,
        grad: Array,
        x: Array,
        gamma: Array,
        y: Array,
        mean: Array,
        var: Array,
        eps: float,
        relu: bool,
        own: bool,
    ) -> tuple[Array, Array, Array]:
        if not fits(grad, x, gamma, y, mean, var):
            return super().batch_norm_grad(grad, x, gamma, y, mean, var, eps, relu, own)
        dx, (dgamma, dbeta) = np.empty_like(x), np.empty((2, len(mean)), np.float32)
        flat = (a.reshape(*x.shape[:2], -1) for a in (grad, y, x))
        inverse = (var + np.float32(eps)) ** -0.5
        out = dx.reshape(*x.shape[:2], -1), dgamma, dbeta
        kernels.batch_norm_grad(*flat, mean, inverse, gamma, *out, relu, own)
        return dx, dgamma, dbeta

    def add_relu(self, a: Array, b: Array) -> Array:
        if not fits(a, b):
            return super().add_relu(a, b)
        y = np.empty_like(a)
        kernels.add_relu(a.reshape(-1), b.reshape(-1), y.reshape(-1))
        return y

    def relu_grad(self, grad: Array, y: Array) -> Array:
        if not fits(grad, y):
            return super().relu_grad(grad, y)
        dx = np.empty_like(y)
        kernels.relu_grad(grad.reshape(-1), y.reshape(-1), dx.reshape(-1))
        return dx

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


def _bias_act(y: Array, b: Array | None, relu: bool) -> Array:
    """Add the bias to y (N, O, P), in place, then ReLU."""
    if b is not None:
        kernels.bias_act(y, b, relu)
    elif relu:
        np.maximum(y, 0, out=y)
    return y


def _bias_act_grad(grad: Array, y: Array, relu: bool) -> tuple[Array, Array]:
    """Gradient (N, O, P) before the activation, and its sum for each channel."""
    grad, y = (a.reshape(*a.shape[:2], -1) for a in (grad, y))
    through, db = np.empty_like(grad) if relu else grad, np.empty(grad.shape[1], "f4")
    kernels.bias_act_grad(grad, y, through, db, relu)
    return through, db


def _stamp(
    rows: Array,
    pixels: Array,
    columns: Array,
    k: int,
    stride: int,
    OH: int,
    OW: int,
    out: Array,
) -> None:
    """Write rows @ pixels to `columns`, and add these up where they belong in `out`."""
    if k == 1 and stride == 1:
        np.matmul(rows, pixels, out=out.reshape(*out.shape[:2], -1))
        return
    np.matmul(rows, pixels, out=columns)
    kernels.col2im(columns, k, stride, OH, OW, out)


def _patches(
    x: Array, k: int, stride: int, OH: int, OW: int
) -> Iterator[tuple[slice, Array]]:
    """Walk over the images in blocks, with each block's patches (n, C*k*k, P)."""
    N, C = x.shape[:2]
    if k == 1 and stride == 1:  # the patches are the pixels
        yield slice(0, N), x.reshape(N, C, -1)
        return
    for part, columns in _blocks(N, C * k * k, OH * OW):
        kernels.im2col(x[part], k, stride, OH, OW, columns)
        yield part, columns


def _blocks(N: int, rows: int, P: int) -> Iterator[tuple[slice, Array]]:
    """Walk over the images in blocks, with a buffer for each block's patches."""
    size = max(1, min(N, BLOCK // (rows * P)))
    buffer = np.empty((size, rows, P), np.float32)
    for start in range(0, N, size):
        stop = min(N, start + size)
        yield slice(start, stop), buffer[: stop - start]
