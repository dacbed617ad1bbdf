"""The numba back-end: numpy's, with its heavy kernels as compiled loops.

A compiled kernel serves contiguous, writeable float32 arrays only, so that it
is compiled once. Whatever else comes (float64 in a gradient check, a strided
view) takes the numpy version of the same method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

import numpy as np

from minitorch.backends import kernels
from minitorch.backends.numpy_backend import Array, Grads, NumpyBackend, conv_size

# A block of patches of this many numbers (1 MB) stays in a core's own cache.
BLOCK = 1 << 18
FLOAT = np.dtype(np.float32)


def fits(array: Array) -> bool:
    """Tell whether a compiled kernel can take this array.

    >>> fits(np.zeros(3, np.float32)), fits(np.zeros(3)), fits(np.zeros(6, "f4")[::2])
    (True, False, False)
    """
    # carray: contiguous, aligned and writeable; each of these is part of a signature
    return array.dtype is FLOAT and array.flags.carray


def if_fits(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let numpy's method of the same name take what the compiled one cannot.

    >>> NumbaBackend().relu_grad(np.ones(2), np.array([1.0, -1.0]))  # float64: numpy's
    array([1., 0.])
    """
    plain = getattr(NumpyBackend, method.__name__)

    @wraps(plain)
    def choose(self: NumbaBackend, *args: Any) -> Any:
        serves = False  # whole numbers alone are numpy's
        for arg in args:
            if arg.__class__ is np.ndarray:
                if fits(arg):
                    serves = True
                elif arg.dtype.kind == "f":
                    return plain(self, *args)
        return (method if serves else plain)(self, *args)

    return choose


class NumbaBackend(NumpyBackend):
    """Numpy's back-end with compiled kernels, for arrays that fit them.

    Args:
        threads: how many share the images of a convolution. More than one helps
            large images only, and where BLAS has one thread of its own.

    >>> x, w = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    >>> NumbaBackend().linear(x, w, None, False)
    array([[2., 2., 2.]], dtype=float32)
    """

    name = "numba"

    def __init__(self, threads: int = 1):
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._threads = threads

    def _share(self, N: int, work: Callable[[slice], Any]) -> list[Any]:
        """Give each thread its share of N images: kernels and BLAS hold no lock."""
        if self._pool is None or self._threads > N:
            return [work(slice(0, N))]
        ends = np.linspace(0, N, self._threads + 1).astype(int).tolist()
        return list(self._pool.map(work, map(slice, ends[:-1], ends[1:])))

    @if_fits
    def linear(self, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
        y = np.dot(x, w.T)
        if b is not None:
            kernels.row_bias_act(y, b, relu)
        return np.maximum(y, 0, out=y) if relu and b is None else y

    @if_fits
    def linear_grad(self, grad: Array, x: Array, w: Array, need_x: bool) -> Grads:
        db = np.dot(np.ones(len(grad), np.float32), grad)
        return np.dot(grad, w) if need_x else None, np.dot(grad.T, x), db

    @if_fits
    def conv2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        N, O, k = len(x), len(w), w.shape[-1]
        OH, OW = conv_size(x.shape[2:], k, stride, padding)
        x, rows = _padded(x, padding), w.reshape(O, -1)
        y = np.empty((N, O, OH * OW), np.float32)

        def work(mine: slice) -> None:
            for part, columns in _patches(x[mine], k, stride, OH, OW):
                np.matmul(rows, columns, out=y[mine][part])

        self._share(N, work)
        return _bias_act(y, b, relu).reshape(N, O, OH, OW)

    @if_fits
    def conv2d_grad(
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        (N, _, H, W), O, k, p = x.shape, len(w), w.shape[-1], padding
        OH, OW = grad.shape[2:]
        grad = grad.reshape(N, O, OH * OW)
        x, rows = _padded(x, p), w.reshape(O, -1)
        dx: Array = np.empty_like(x) if need_x else None

        def work(mine: slice) -> Array:
            dw = np.zeros((rows.shape[1], O), np.float32)
            for part, columns in _patches(x[mine], k, stride, OH, OW):
                arrived = grad[mine][part]
                dw += np.matmul(columns, arrived.swapaxes(1, 2)).sum(0)
                if need_x:  # the patches of x are used up: dx's take their place
                    to = dx[mine][part]
                    _stamp(rows.T, arrived, columns, k, stride, OH, OW, to)
            return dw

        dw = np.ascontiguousarray(sum(self._share(N, work)).T).reshape(w.shape)
        if need_x and p:
            dx = np.ascontiguousarray(dx[:, :, p : p + H, p : p + W])
        return dx, dw, _channel_sums(grad)

    @if_fits
    def conv_transpose2d(
        self, x: Array, w: Array, b: Array | None, stride: int, padding: int, relu: bool
    ) -> Array:
        (N, C, H, W), (_, O, k, _), p = x.shape, w.shape, padding
        high, wide = ((n - 1) * stride + k for n in (H, W))
        y = np.empty((N, O, high, wide), np.float32)
        rows, pixels = w.reshape(C, -1), x.reshape(N, C, H * W)

        def work(mine: slice) -> None:
            out, mine_x = y[mine], pixels[mine]
            for part, columns in _blocks(len(out), rows.shape[1], H * W):
                _stamp(rows.T, mine_x[part], columns, k, stride, H, W, out[part])

        self._share(N, work)
        y = np.ascontiguousarray(y[:, :, p : high - p, p : wide - p])
        return _bias_act(_flat(y), b, relu).reshape(y.shape)

    @if_fits
    def conv_transpose2d_grad(
        self, grad: Array, x: Array, w: Array, stride: int, padding: int, need_x: bool
    ) -> Grads:
        (N, C, H, W), k = x.shape, w.shape[-1]
        db = _channel_sums(_flat(grad))
        grad, rows = _padded(grad, padding), w.reshape(C, -1)
        pixels = x.reshape(N, C, H * W)
        dx: Array = np.empty_like(pixels) if need_x else None

        def work(mine: slice) -> Array:
            dw = np.zeros(rows.shape, np.float32)
            for part, columns in _patches(grad[mine], k, stride, H, W):
                dw += np.matmul(pixels[mine][part], columns.swapaxes(1, 2)).sum(0)
                if need_x:
                    np.matmul(rows, columns, out=dx[mine][part])
            return dw

        dw = sum(self._share(N, work)).reshape(w.shape)
        return dx.reshape(x.shape) if need_x else None, dw, db

    @if_fits
    def csr_matmul(
        self, values: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        y = np.empty((len(indptr) - 1, x.shape[1]), np.float32)
        kernels.csr_matmul(values, indptr, indices, x, y)
        return y

    @if_fits
    def csr_rmatmul(
        self, values: Array, indptr: Array, indices: Array, grad: Array, columns: int
    ) -> Array:
        out = np.zeros((columns, grad.shape[1]), np.float32)
        kernels.csr_rmatmul(values, indptr, indices, grad, out)
        return out

    @if_fits
    def csr_values_grad(
        self, grad: Array, indptr: Array, indices: Array, x: Array
    ) -> Array:
        out = np.empty(len(indices), np.float32)
        kernels.csr_values_grad(grad, indptr, indices, x, out)
        return out

    @if_fits
    def moments(self, x: Array) -> tuple[Array, Array]:
        mean, var = np.empty((2, x.shape[1]), np.float32)
        kernels.moments(_flat(x), mean, var)
        return mean, var

    @if_fits
    def batch_norm(
        self, x: Array, mean: Array, scale: Array, beta: Array, relu: bool
    ) -> Array:
        y = np.empty_like(x)
        kernels.batch_norm(_flat(x), mean, scale, beta, _flat(y), relu)
        return y

    @if_fits
    def batch_norm_grad(
        self, grad: Array, x: Array, mean: Array, inv: Array, gamma: Array, own: bool
    ) -> tuple[Array, Array, Array]:
        dx, (dgamma, dbeta) = np.empty_like(x), np.empty((2, len(mean)), np.float32)
        out = _flat(dx), dgamma, dbeta
        kernels.batch_norm_grad(_flat(grad), _flat(x), mean, inv, gamma, out, own)
        return dx, dgamma, dbeta

    @if_fits
    def add_relu(self, a: Array, b: Array) -> Array:
        y = np.empty_like(a)
        kernels.add_relu(a.reshape(-1), b.reshape(-1), y.reshape(-1))
        return y

    @if_fits
    def relu_grad(self, grad: Array, y: Array) -> Array:
        dx = np.empty_like(y)
        kernels.relu_grad(grad.reshape(-1), y.reshape(-1), dx.reshape(-1))
        return dx

    @if_fits
    def max_pool2d(self, x: Array, k: int) -> tuple[Array, Array]:
        N, C, H, W = x.shape
        y = np.empty((N, C, H // k, W // k), np.float32)
        which = np.empty(y.shape, np.int32)
        kernels.max_pool2d(x, k, y, which)
        return y, which

    @if_fits
    def max_pool2d_grad(self, grad: Array, which: Array, k: int) -> Array:
        N, C, OH, OW = grad.shape
        dx = np.zeros((N, C, OH * k * OW * k), np.float32)
        kernels.max_pool2d_grad(grad, which, k, dx)
        return dx.reshape(N, C, OH * k, OW * k)

    @if_fits
    def cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        grad = np.empty_like(logits)
        # A copy in any case: whole numbers of one type, contiguous and writeable.
        loss = kernels.cross_entropy(logits, labels.astype(np.int64), grad)
        return np.float32(loss), grad

    @if_fits
    def sgd_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        lr, momentum, nesterov, decay = how
        flat = (a.reshape(-1) for a in (theta, grad, v))
        numbers = map(np.float32, (lr, momentum, decay))
        kernels.sgd_step(*flat, *numbers, nesterov)

    @if_fits
    def rmsprop_step(self, theta: Array, grad: Array, v: Array, *how: Any) -> None:
        lr, rho, eps = how
        # Adam's loop, with beta1 = 0 (so m becomes the gradient) and nothing unbiased
        flat = (a.reshape(-1) for a in (theta, grad, np.zeros_like(grad), v))
        numbers = lr, 0, 1, rho, 1 - rho, 1, eps, 1
        kernels.adam_step(*flat, *map(np.float32, numbers))

    @if_fits
    def adam_step(self, theta: Array, grad: Array, moments: Any, *how: Any) -> None:
        lr, (beta1, beta2, eps), t, decay = how
        flat = (a.reshape(-1) for a in (theta, grad, *moments))
        size, unbias2 = lr / (1 - beta1**t), 1 / (1 - beta2**t)
        numbers = size, beta1, 1 - beta1, beta2, 1 - beta2, unbias2, eps
        kernels.adam_step(*flat, *map(np.float32, (*numbers, 1 - lr * decay)))

    @if_fits
    def argsort(self, x: Array) -> Array:
        # Whole numbers in the order of the floats, each with its place behind it, are
        # sorted faster than places are. Adding 0 makes one zero of the two, and
        # every nan is made the one that comes last.
        bits = np.where(x == x, x + np.float32(0), np.float32(np.nan)).view(np.int32)
        keys = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) << 32
        keys |= np.arange(x.shape[-1])
        keys.sort(-1)
        return keys & 0xFFFFFFFF

    @if_fits
    def fwht(self, x: Array) -> Array:
        out = x.copy()
        kernels.fwht(out.reshape(-1), x.shape[1])
        return out

    @if_fits
    def gather(self, x: Array, places: Array, scale: Array) -> Array:
        out = np.empty_like(x)
        kernels.gather(x, places, scale, out)
        return out

    @if_fits
    def scatter(self, x: Array, places: Array, scale: Array) -> Array:
        out = np.empty_like(x)
        kernels.scatter(x, places, scale, out)
        return out


def _flat(x: Array) -> Array:
    """(N, C) or (N, C, H, W) as (N, C, P)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _channel_sums(x: Array) -> Array:
    """Sum of each channel of x (N, O, P), by a product with ones, which is fast."""
    N, O, P = x.shape
    return np.dot(x.reshape(N * O, P), np.ones(P, np.float32)).reshape(N, O).sum(0)


def _padded(x: Array, p: int) -> Array:
    """Put zeros around the images of x (N, C, H, W), once for all windows."""
    if not p:
        return x
    N, C, H, W = x.shape
    out = np.zeros((N, C, H + 2 * p, W + 2 * p), np.float32)
    out[:, :, p : p + H, p : p + W] = x
    return out


def _bias_act(y: Array, b: Array | None, relu: bool) -> Array:
    """Add the bias to y (N, O, P), in place, then ReLU."""
    if b is not None:
        kernels.bias_act(y, b, relu)
    elif relu:
        np.maximum(y, 0, out=y)
    return y


def _stamp(
    rows: Array, pixels: Array, columns: Array, k: int, stride: int, *out: Any
) -> None:
    """Write rows @ pixels to `columns`, and add these up in an image, out's last."""
    if k == 1 and stride == 1:  # the patches are the pixels
        np.matmul(rows, pixels, out=_flat(out[-1]))
        return
    np.matmul(rows, pixels, out=columns)
    kernels.col2im(columns, k, stride, *out)


def _patches(
    x: Array, k: int, stride: int, OH: int, OW: int
) -> Iterator[tuple[slice, Array]]:
    """Walk over the images in blocks, with each block's patches (n, C*k*k, P)."""
    N, C = x.shape[:2]
    if k == 1 and stride == 1:  # the patches are the pixels
        yield slice(0, N), _flat(x)
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
