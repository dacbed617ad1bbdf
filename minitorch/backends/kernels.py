"""The compiled kernels: plain loops over float32 arrays, also valid as Python.

Each is serial and holds no lock. Indices are sums of loop variables and never
negative, which lets the compiler use vector instructions; that is why a
convolution pads its input first instead of testing bounds. Sums may be
reordered, but NaN and infinity stay what they are.
"""

from collections.abc import Callable
from functools import partial
from pickle import PickleError
from typing import Any

import numba
import numpy as np

Array = Any
FAST = {"reassoc", "contract", "arcp", "nsz"}  # all of fastmath but nnan and ninf

_compile = partial(numba.njit, fastmath=FAST, nogil=True, error_model="numpy")


def jit(function: Callable) -> Callable:
    """Compile at first use, and keep the result on disk where that is possible."""
    try:
        compiled = _compile(cache=True)(function)
    except RuntimeError:  # no folder where a cache could be written
        return _compile()(function)
    if hasattr(compiled, "_cache"):  # not where NUMBA_DISABLE_JIT is set
        _forgive(compiled._cache, "load_overload")
        _forgive(compiled._cache, "save_overload")
    return compiled


def _forgive(cache: Any, name: str) -> None:
    """Go on without the disk when it is full, or when a file there is damaged."""
    method = getattr(cache, name)

    def forgiving(*args: Any) -> Any:
        try:
            return method(*args)
        except (OSError, EOFError, PickleError):
            return None

    setattr(cache, name, forgiving)


@jit
def bias_act(y: Array, b: Array, relu: bool) -> None:
    """y[n, o, p] += b[o], then ReLU."""
    N, O, P = y.shape
    zero = np.float32(0)
    for n in range(N):
        for o in range(O):
            if relu:
                for p in range(P):
                    y[n, o, p] = max(y[n, o, p] + b[o], zero)
            else:
                for p in range(P):
                    y[n, o, p] += b[o]


@jit
def row_bias_act(y: Array, b: Array, relu: bool) -> None:
    """y[n, o] += b[o], then ReLU."""
    N, O = y.shape
    zero = np.float32(0)
    for n in range(N):
        if relu:
            for o in range(O):
                y[n, o] = max(y[n, o] + b[o], zero)
        else:
            for o in range(O):
                y[n, o] += b[o]


@jit
def im2col(x: Array, k: int, stride: int, OH: int, OW: int, columns: Array) -> None:
    """columns[n, (c, ki, kj), (i, j)] = x[n, c, i*stride + ki, j*stride + kj]."""
    N, C, H, W = x.shape
    for n in range(N):
        for c in range(C):
            for ki in range(k):
                for kj in range(k):
                    row = (c * k + ki) * k + kj
                    for i in range(OH):
                        if stride == 1:
                            for j in range(OW):
                                columns[n, row, i * OW + j] = x[n, c, i + ki, j + kj]
                        else:
                            for j in range(OW):
                                value = x[n, c, i * stride + ki, j * stride + kj]
                                columns[n, row, i * OW + j] = value


@jit
def col2im(columns: Array, k: int, stride: int, OH: int, OW: int, x: Array) -> None:
    """The transpose of im2col: add every column back where it came from."""
    N, C, H, W = x.shape
    zero = np.float32(0)
    for n in range(N):
        for c in range(C):
            for i in range(H):
                for j in range(W):
                    x[n, c, i, j] = zero
            for ki in range(k):
                for kj in range(k):
                    row = (c * k + ki) * k + kj
                    for i in range(OH):
                        if stride == 1:
                            for j in range(OW):
                                x[n, c, i + ki, j + kj] += columns[n, row, i * OW + j]
                        else:
                            for j in range(OW):
                                value = columns[n, row, i * OW + j]
                                x[n, c, i * stride + ki, j * stride + kj] += value


@jit
def max_pool2d(x: Array, k: int, y: Array, which: Array) -> None:
    """Largest of each k x k tile of x (N, C, H, W), and its place in the tile."""
    N, C, OH, OW = y.shape
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    best, place = x[n, c, i * k, j * k], 0
                    for a in range(k):
                        for b in range(k):
                            value = x[n, c, i * k + a, j * k + b]
                            odd = value != value and best == best  # the first nan
                            if value > best or odd:
                                best, place = value, a * k + b
                    y[n, c, i, j] = best
                    which[n, c, i, j] = place


@jit
def max_pool2d_grad(grad: Array, which: Array, k: int, dx: Array) -> None:
    """Add each gradient at the place that was largest, to zeros dx (N, C, H*W)."""
    N, C, OH, OW = grad.shape
    offsets = np.empty(k * k, np.int64)  # a table, since a division is slow
    for place in range(k * k):
        offsets[place] = place // k * OW * k + place % k
    for n in range(N):
        for c in range(C):
            for i in range(OH):
                for j in range(OW):
                    corner = (i * OW * k + j) * k
                    dx[n, c, corner + offsets[which[n, c, i, j]]] = grad[n, c, i, j]


@jit
def moments(x: Array, mean: Array, var: Array) -> None:
    """Mean and variance of each channel of x (N, C, P), in two passes.

    The sum of squares less the square of the sum would lose all digits where the
    mean is large. Rows are added in float32, their sums in float64.
    """
    N, C, P = x.shape
    for c in range(C):
        total = 0.0
        for n in range(N):
            part = np.float32(0)
            for p in range(P):
                part += x[n, c, p]
            total += float(part)
        middle = np.float32(total / (N * P))
        squares = 0.0
        for n in range(N):
            part = np.float32(0)
            for p in range(P):
                part += (x[n, c, p] - middle) * (x[n, c, p] - middle)
            squares += float(part)
        mean[c], var[c] = middle, squares / (N * P)


@jit
def batch_norm(
    x: Array, mean: Array, scale: Array, beta: Array, y: Array, relu: bool
) -> None:
    """y = (x - mean) scale + beta for each channel of x (N, C, P), then ReLU."""
    N, C, P = x.shape
    for n in range(N):
        for c in range(C):
            m, s, b = mean[c], scale[c], beta[c]
            low = np.float32(0 if relu else -np.inf)
            for p in range(P):
                y[n, c, p] = max((x[n, c, p] - m) * s + b, low)


@jit
def batch_norm_grad(
    grad: Array,
    x: Array,
    mean: Array,
    inverse: Array,
    gamma: Array,
    out: Any,
    own: bool,
) -> None:
    """Gradients of x (N, C, P), gamma and beta, in this order in `out`."""
    N, C, P = x.shape
    dx, dgamma, dbeta = out
    for c in range(C):
        m, s = mean[c], inverse[c]
        plain, scaled = 0.0, 0.0
        for n in range(N):
            part, other = np.float32(0), np.float32(0)
            for p in range(P):
                part += grad[n, c, p]
                other += grad[n, c, p] * (x[n, c, p] - m)
            plain += float(part)
            scaled += float(other)
        dbeta[c], dgamma[c] = plain, scaled * s
        # dx = size (grad - shift - (x - mean) slope)
        size, shift, slope = gamma[c] * s, np.float32(0), np.float32(0)
        if own:
            shift = np.float32(plain / (N * P))
            slope = np.float32(scaled * s * s / (N * P))
        for n in range(N):
            for p in range(P):
                dx[n, c, p] = size * (grad[n, c, p] - shift - (x[n, c, p] - m) * slope)


@jit
def add_relu(a: Array, b: Array, y: Array) -> None:
    """y = max(a + b, 0), all flat."""
    zero = np.float32(0)
    for i in range(y.size):
        y[i] = max(a[i] + b[i], zero)


@jit
def relu_grad(grad: Array, y: Array, dx: Array) -> None:
    """dx = grad where y > 0, else 0, all flat."""
    zero = np.float32(0)
    for i in range(y.size):
        dx[i] = grad[i] if y[i] > 0 else zero


@jit
def csr_matmul(
    values: Array, indptr: Array, indices: Array, x: Array, y: Array
) -> None:
    """y = W x for W in compressed rows: four entries of a row at a time."""
    N = x.shape[1]
    if N == 1:  # a vector: a loop over its one column would cost more
        flat = x.reshape(x.size)
        for r in range(len(indptr) - 1):
            total = np.float32(0)
            for z in range(indptr[r], indptr[r + 1]):
                total += values[z] * flat[indices[z]]
            y[r, 0] = total
        return
    for r in range(len(indptr) - 1):
        for n in range(N):
            y[r, n] = np.float32(0)
        z, stop = indptr[r], indptr[r + 1]
        while z + 4 <= stop:
            a, b, c, d = values[z], values[z + 1], values[z + 2], values[z + 3]
            i, j = indices[z], indices[z + 1]
            k, m = indices[z + 2], indices[z + 3]
            for n in range(N):
                y[r, n] += (a * x[i, n] + b * x[j, n]) + (c * x[k, n] + d * x[m, n])
            z += 4
        while z < stop:
            a, i = values[z], indices[z]
            for n in range(N):
                y[r, n] += a * x[i, n]
            z += 1


@jit
def csr_rmatmul(
    values: Array, indptr: Array, indices: Array, grad: Array, out: Array
) -> None:
    """out[column] += values[z] grad[row] for each entry z, from zeros."""
    N = grad.shape[1]
    if N == 1:
        flat, totals = grad.reshape(grad.size), out.reshape(out.size)
        for r in range(len(indptr) - 1):
            for z in range(indptr[r], indptr[r + 1]):
                totals[indices[z]] += values[z] * flat[r]
        return
    for r in range(len(indptr) - 1):
        for z in range(indptr[r], indptr[r + 1]):
            for n in range(N):
                out[indices[z], n] += values[z] * grad[r, n]


@jit
def csr_values_grad(
    grad: Array, indptr: Array, indices: Array, x: Array, out: Array
) -> None:
    """out[z] = grad[row] . x[column] for each entry z."""
    for r in range(len(indptr) - 1):
        for z in range(indptr[r], indptr[r + 1]):
            total = np.float32(0)
            for n in range(x.shape[1]):
                total += grad[r, n] * x[indices[z], n]
            out[z] = total


@jit
def cross_entropy(logits: Array, labels: Array, grad: Array) -> float:
    """Mean cross-entropy; grad becomes (softmax - one-hot) / N."""
    N, K = logits.shape
    loss = 0.0
    for n in range(N):
        top = logits[n, 0]
        for k in range(1, K):
            top = max(top, logits[n, k])
        total = np.float32(0)
        for k in range(K):
            grad[n, k] = np.exp(logits[n, k] - top)
            total += grad[n, k]
        loss += np.log(total) - (logits[n, labels[n]] - top)
        scale = np.float32(1) / (total * np.float32(N))
        for k in range(K):
            grad[n, k] *= scale
        grad[n, labels[n]] -= np.float32(1) / np.float32(N)
    return loss / N


@jit
def sgd_step(
    theta: Array,
    grad: Array,
    v: Array,
    lr: np.float32,
    momentum: np.float32,
    decay: np.float32,
    nesterov: bool,
) -> None:
    """One step of gradient descent with momentum, in place."""
    for i in range(theta.size):
        g = grad[i] + decay * theta[i]
        v[i] = momentum * v[i] + g
        theta[i] -= lr * (g + momentum * v[i] if nesterov else v[i])


@jit
def adam_step(
    theta: Array,
    grad: Array,
    m: Array,
    v: Array,
    lr: np.float32,
    beta1: np.float32,
    rest1: np.float32,
    beta2: np.float32,
    rest2: np.float32,
    unbias2: np.float32,
    eps: np.float32,
    shrink: np.float32,
) -> None:
    """One step of Adam, in place.

    rest = 1 - beta, lr / (1 - beta1**t) and 1 / (1 - beta2**t) come rounded
    from double precision: 1 - beta2 taken in float32 would be off by 1e-5.
    """
    for i in range(theta.size):
        m[i] = beta1 * m[i] + rest1 * grad[i]
        v[i] = beta2 * v[i] + rest2 * grad[i] * grad[i]
        step = lr * m[i] / (np.sqrt(v[i] * unbias2) + eps)
        theta[i] = shrink * theta[i] - step


@jit
def fwht(x: Array, m: int) -> None:
    """Walsh-Hadamard transform, in place, of m interleaved signals in flat x.

    Two stages at a time: half as many trips through memory. Four slices, and not
    four places of x, let the compiler use vector instructions (five times as fast).
    """
    n, step = x.size, m
    while 4 * step <= n:
        for i in range(0, n, 4 * step):
            a, b = x[i : i + step], x[i + step : i + 2 * step]
            c, d = x[i + 2 * step : i + 3 * step], x[i + 3 * step : i + 4 * step]
            for k in range(step):
                ab, cd = a[k] + b[k], c[k] + d[k]
                a_b, c_d = a[k] - b[k], c[k] - d[k]
                a[k], b[k], c[k], d[k] = ab + cd, a_b + c_d, ab - cd, a_b - c_d
        step *= 4
    if step < n:
        a, b = x[:step], x[step:]
        for k in range(step):
            a[k], b[k] = a[k] + b[k], a[k] - b[k]


@jit
def gather(x: Array, places: Array, scale: Array, out: Array) -> None:
    """out[i] = scale[i] x[places[i]]."""
    for i in range(out.size):
        out[i] = scale[i] * x[places[i]]


@jit
def scatter(x: Array, places: Array, scale: Array, out: Array) -> None:
    """out[places[i]] = scale[i] x[i]: the transpose of gather."""
    for i in range(out.size):
        out[places[i]] = scale[i] * x[i]
