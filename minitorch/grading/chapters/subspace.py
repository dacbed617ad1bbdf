"""The exercises of the chapter "Random subspaces"."""

from typing import Any

import numpy as np

from minitorch.grading.references.subspace import own_share
from minitorch.grading.spec import (
    Cases,
    Edge,
    Exercise,
    Problem,
    Rng,
    Slip,
    close,
    frozen,
    judge_by_digits,
    judge_by_value,
    normal,
    open_question,
    or_none,
    prediction,
    same_slip,
    show,
)
from minitorch.weird import subspace

# What the chapter's set-up cells define, beside numpy and the grading functions.
SETUP = ("backend", "hadamard", "fastfood")


def _sizes(rng: Rng) -> tuple[int, int]:
    """D and d, never equal."""
    D = int(rng.integers(6, 40))
    return D, int(rng.integers(2, D - 2))


# ----------------------------------------------------------------------------
# subspace/project
# ----------------------------------------------------------------------------


def _project_cases(rng: Rng) -> Cases:
    P = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]], np.float32)
    theta0 = np.array([1.0, 2.0, 3.0], np.float32)
    yield theta0, P, np.array([10.0, 0.0], np.float32)
    yield theta0, P, np.zeros(2, np.float32)
    for dtype in (np.float32, np.float64):
        D, d = _sizes(rng)
        sizes = (D,), (D, d), (d,)
        yield tuple(normal(rng, *size, dtype=dtype) for size in sizes)


_judge_project = judge_by_value(
    "theta",
    (
        Slip(
            "theta0 is left out. With phi = 0 the network must be exactly the "
            "random start, not all zeros.",
            lambda theta0, P, phi: P @ phi,
        ),
        Slip(
            "The directions are subtracted; theta is theta0 plus P phi.",
            lambda theta0, P, phi: theta0 - P @ phi,
        ),
        Slip(
            "theta0 is multiplied into P phi; it is where the walk starts, so it "
            "is added.",
            lambda theta0, P, phi: theta0 * (P @ phi),
        ),
        Slip(
            "phi is scaled to length one first, so the distance walked is lost.",
            lambda theta0, P, phi: theta0 + P @ (phi / np.linalg.norm(phi)),
        ),
        Slip(
            "P is scaled to unit columns here again. That is done once, when P is "
            "drawn.",
            lambda theta0, P, phi: theta0 + (P / np.linalg.norm(P, axis=0)) @ phi,
        ),
    ),
)


# ----------------------------------------------------------------------------
# subspace/unit_columns
# ----------------------------------------------------------------------------


def _unit_columns_cases(rng: Rng) -> Cases:
    yield (np.array([[3.0, 1.0], [4.0, 2.0]], np.float32),)
    for dtype in (np.float32, np.float64):
        D, d = _sizes(rng)
        # Columns of very different lengths, and a mean that is not zero.
        P = normal(rng, D, d, dtype=dtype) + dtype(0.5)
        yield (P * rng.uniform(0.2, 5.0, d).astype(dtype),)
    yield (normal(rng, 4, 7) * np.float32(10.0),)


_unit_columns_slips = (
    Slip(
        "The rows are scaled, not the columns: the sum runs over the wrong axis. "
        "A row is one weight, a column is one direction.",
        lambda P: P / np.sqrt((P**2).sum(axis=1, keepdims=True)),
    ),
    Slip(
        "All columns are divided by one number, the length of the whole matrix. "
        "Each column needs its own length.",
        lambda P: P / np.sqrt((P**2).sum()),
    ),
    Slip(
        "The mean of the squares stands where their sum should: the columns come "
        "out sqrt(D) long, longer the larger the network.",
        lambda P: P / np.sqrt((P**2).mean(axis=0)),
    ),
    Slip(
        "The columns are divided by their standard deviation. It takes the mean "
        "off first and divides by D; the length does neither.",
        lambda P: P / P.std(axis=0),
    ),
    Slip(
        "The square root is missing: the columns are divided by their squared length.",
        lambda P: P / (P**2).sum(axis=0),
    ),
    Slip(
        "The sum of absolute values is not the length: square, sum, square root.",
        lambda P: P / np.abs(P).sum(axis=0),
    ),
    Slip(
        "The columns are divided by their largest entry, not by their length.",
        lambda P: P / np.abs(P).max(axis=0),
    ),
    Slip(
        "P is divided by sqrt(D), the length that a column of N(0, 1) numbers has "
        "on average. The columns here have other lengths: measure them.",
        lambda P: P / np.sqrt(len(P)),
    ),
)


def _judge_unit_columns(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    cause = same_slip(args, output, _unit_columns_slips)
    lengths = np.sqrt((output.astype(np.float64) ** 2).sum(axis=0))
    parts = (lengths**2).mean()
    if not cause and np.allclose(lengths, 1, atol=1e-3):
        return Problem(
            "the direction of each column",
            "columns of length 1 that point elsewhere",
            "the same directions as in P",
            "Only the length of a column may change. Columns made orthogonal to each "
            "other are no longer the directions that were drawn.",
        )
    if not cause and np.allclose(lengths**2, round(parts), rtol=1e-3):
        cause = (
            f"Every column is sqrt({round(parts)}) long, as if {round(parts)} blocks "
            "of rows (the layers) were scaled one by one. A direction runs through "
            "the whole network: one length over all D rows."
        )
    return Problem("the length of each column", show(lengths), "1 for each", cause)


# ----------------------------------------------------------------------------
# subspace/project_grad
# ----------------------------------------------------------------------------


def _project_grad_cases(rng: Rng) -> Cases:
    # Square, so that a forgotten transpose gives numbers and not an exception.
    P = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    yield P, np.array([1.0, 10.0], np.float32)
    for dtype in (np.float32, np.float64):
        D, d = _sizes(rng)
        yield normal(rng, D, d, dtype=dtype), normal(rng, D, dtype=dtype)


_judge_project_grad = judge_by_value(
    "the gradient with respect to phi",
    (
        Slip(
            "The transpose is missing: this is P grad. Coordinate j is moved by "
            "column j, so its gradient is the sum over i of P[i, j] grad[i].",
            or_none(lambda P, grad: P @ grad),
        ),
        *(
            Slip(
                "This is divided by the number of weights or of coordinates: a mean. "
                "The chain rule sums.",
                lambda P, grad, axis=axis: P.T @ grad / P.shape[axis],
            )
            for axis in (0, 1)
        ),
        Slip(
            "The sign is turned. The gradient points uphill; the optimiser is who "
            "steps against it.",
            lambda P, grad: -(P.T @ grad),
        ),
        Slip(
            "This is the pseudo-inverse, which solves P x = grad. A gradient goes "
            "back through the transpose, not through the inverse.",
            lambda P, grad: np.linalg.pinv(P.astype(np.float64)) @ grad,
        ),
        Slip(
            "grad is spread along the wrong axis (broadcasting): entry j of grad "
            "multiplies column j, where entry i should multiply row i.",
            or_none(lambda P, grad: (P * grad).sum(axis=0)),
        ),
        Slip(
            "The gradient is scaled to length one, so its size is lost.",
            lambda P, grad: P.T @ grad / np.linalg.norm(P.T @ grad),
        ),
    ),
)


# ----------------------------------------------------------------------------
# subspace/fwht
# ----------------------------------------------------------------------------


def _fwht_cases(rng: Rng) -> Cases:
    yield (np.array([3.0, 1.0], np.float32),)
    yield (np.array([1.0, 2.0, 3.0, 5.0], np.float32),)
    yield Edge((np.array([5.0], np.float32),))
    for dtype in (np.float32, np.float64):
        yield (normal(rng, 2 ** int(rng.integers(3, 7)), dtype=dtype),)
    yield (normal(rng, 2**12),)


def _hadamard(n: int) -> np.ndarray:
    H = np.ones((1, 1))
    while len(H) < n:
        H = np.block([[H, H], [H, -H]])
    return H


def _small(wrong: Any) -> Any:
    """Let a slip that writes H out give None where that would be large."""
    return lambda x: wrong(x) if len(x) <= 64 else None


def _overwritten(x: np.ndarray) -> np.ndarray:
    n, half = len(x), 1
    while half < n:
        pairs = x.reshape(-1, 2, half)
        pairs[:, 0] = pairs[:, 0] + pairs[:, 1]
        pairs[:, 1] = pairs[:, 0] - pairs[:, 1]
        half *= 2
    return x


def _by_sign_changes(x: np.ndarray) -> np.ndarray:
    H = _hadamard(len(x))
    changes = (np.diff(H, axis=1) != 0).sum(axis=1)
    return H[np.argsort(changes)] @ x


def _bits_reversed(x: np.ndarray) -> np.ndarray:
    width = len(x).bit_length() - 1
    order = [int(f"{i:0{width}b}"[::-1] or "0", 2) for i in range(len(x))]
    return (_hadamard(len(x)) @ x)[order]


def _halves_apart(x: np.ndarray) -> np.ndarray:
    H = _hadamard(max(len(x) // 2, 1))
    return np.concatenate([H @ half for half in np.split(x, 2)])


_judge_fwht = judge_by_value(
    "H x",
    (
        Slip(
            "A value is overwritten before it is used: a becomes a + b, and then the "
            "new a goes into a - b. Keep a copy of a, or set both at once.",
            _overwritten,
        ),
        Slip(
            "The result is divided by sqrt(n). Here H is not scaled, its entries are "
            "+1 and -1, and H H x = n x.",
            lambda x: _plain_fwht(x) / np.sqrt(len(x)),
        ),
        Slip(
            "The result is divided by n, as for the inverse. Here H is not scaled, "
            "its entries are +1 and -1.",
            lambda x: _plain_fwht(x) / len(x),
        ),
        Slip(
            "The rows of H stand in sequency order (by number of sign changes). "
            "Wanted is the natural order, that of [[H, H], [H, -H]].",
            _small(_by_sign_changes),
        ),
        Slip(
            "The result comes in bit-reversed order, a habit from the FFT: even and "
            "odd entries were split. Here the first and the second half belong apart.",
            _small(_bits_reversed),
        ),
        Slip(
            "The difference is taken the wrong way round: b - a where a - b belongs.",
            lambda x: _plain_fwht(x) * np.where(_odd_ones(len(x)), -1, 1),
        ),
        Slip(
            "The last stage is missing: the two halves never meet. The step doubles "
            "as long as it is less than n.",
            lambda x: _halves_apart(x) if 1 < len(x) <= 64 else None,
        ),
    ),
)


def _plain_fwht(x: np.ndarray) -> np.ndarray:
    return subspace.fwht(x)


def _odd_ones(n: int) -> np.ndarray:
    """Where the index has an odd number of ones in binary."""
    return np.array([i.bit_count() % 2 == 1 for i in range(n)])


# ----------------------------------------------------------------------------
# subspace/fastfood_grad: a planted bug
# ----------------------------------------------------------------------------

_FASTFOOD_GRAD = """
def fastfood_grad(grad, B, Pi, G, d):
    D, L = len(grad), len(G)
    padded = np.zeros(L, grad.dtype)
    padded[:D] = grad
    mixed = np.empty(L, grad.dtype)
    mixed[Pi] = G * hadamard(padded) / L**0.5
    mixed = B * hadamard(mixed) / L**0.5
    return mixed[:d] / np.sqrt(D * (G**2).sum())
"""


def _fastfood_grad_cases(rng: Rng) -> Cases:
    # A permutation that is not its own inverse.
    yield (
        np.array([1.0, 0.0, 2.0], np.float32),
        np.array([1.0, -1.0, 1.0, 1.0], np.float32),
        np.array([1, 2, 3, 0]),
        np.array([1.0, 2.0, -1.0, 3.0], np.float32),
        2,
    )
    for dtype, full in ((np.float32, False), (np.float64, True), (np.float64, False)):
        L = 2 ** int(rng.integers(4, 8))
        D = L if full else int(rng.integers(L // 2 + 1, L))
        B = rng.choice([-1.0, 1.0], L).astype(dtype)
        Pi = rng.permutation(L)
        while (Pi[Pi] == np.arange(L)).all():
            Pi = rng.permutation(L)
        grad, G = normal(rng, D, dtype=dtype), normal(rng, L, dtype=dtype)
        yield grad, B, Pi, G, int(rng.integers(3, L // 2))


def _back(args: tuple, gather: bool = False, swap: bool = False) -> np.ndarray:
    """The adjoint, perhaps with one of its factors out of place."""
    grad, B, Pi, G, d = args
    padded = np.zeros_like(G)
    padded[: len(grad)] = grad
    if swap:
        padded = G * padded
    mixed = subspace.fwht(padded) * (1 if swap else G)
    if gather:
        mixed = mixed[Pi]
    else:
        mixed[Pi] = mixed.copy()
    return (B * subspace.fwht(mixed))[:d] / np.sqrt(len(grad) * (G**2).sum())


_fastfood_grad_slips = (
    Slip(
        "The permutation is applied forwards once more. The transpose of a "
        "permutation is its inverse: what went from Pi[i] to i goes back.",
        lambda *args: _back(args, gather=True),
    ),
    Slip(
        "G multiplies before the transform. Transposed factors come in reverse "
        "order: H first, then G.",
        lambda *args: _back(args, swap=True),
    ),
    Slip(
        "The signs B are left out.",
        lambda grad, B, Pi, G, d: _back((grad, np.ones_like(B), Pi, G, d)),
    ),
    Slip(
        "The diagonal G is left out.",
        lambda grad, B, Pi, G, d: (
            _back((grad, B, Pi, np.ones_like(G), d))
            * np.sqrt(len(G) / (G**2).sum()).astype(G.dtype)
        ),
    ),
    Slip(
        "This is the forward pass applied to the gradient. The transpose takes the "
        "factors in reverse order.",
        lambda grad, B, Pi, G, d: (
            subspace.fastfood(grad, B, Pi, G, len(G))[:d]
            * np.sqrt(len(G) / len(grad)).astype(G.dtype)
        ),
    ),
)


def _judge_fastfood_grad(args: tuple, output: Any, want: Any) -> Problem | None:
    if close(output, want):
        return None
    grad, B, Pi, G, d = args
    x = np.cos(np.arange(d)).astype(G.dtype)
    forward = float(grad @ subspace.fastfood(x, B, Pi, G, len(grad)))
    cause = same_slip(args, output, _fastfood_grad_slips)
    factor = float((output * want).sum() / (want**2).sum())
    if not cause and factor > 0 and close(output, factor * want):
        cause = _size_cause(factor, len(G), float(len(grad) * (G**2).sum()))
    return Problem(
        "(P x) . grad with x . (your result), which agree for every x "
        f"(here x = {show(x)})",
        f"{float(x @ output):.6g}",
        f"{forward:.6g}",
        cause,
    )


def _size_cause(factor: float, L: int, squares: float) -> str:
    known = {
        f"1/L (L = {L})": 1 / L,
        f"1/sqrt(L) (L = {L})": L**-0.5,
        f"sqrt(L) (L = {L})": L**0.5,
        f"L (L = {L})": L,
        "1/c, so the constant c is missing": squares**0.5,
        "c, so the constant c is there twice": squares**-0.5,
    }
    near = [name for name, value in known.items() if abs(factor / value - 1) < 1e-3]
    size = near[0] if near else f"{factor:.4g}"
    return (
        f"The direction is right, but the size is not: it is off by the factor {size}. "
        "Every factor of the backward pass must stand in the forward pass too. Adam "
        "divides by the size of the gradient and hides this; SGD stops learning."
    )


# ----------------------------------------------------------------------------
# subspace/d_int90
# ----------------------------------------------------------------------------


def _d_int90_cases(rng: Rng) -> Cases:
    # Three seeds at three d, so that the wrong axis gives numbers too.
    rows = np.array([[0.5, 0.78, 0.95]] * 3)
    yield np.array([10, 20, 30]), rows, 0.9
    # One lucky seed crosses early; one unlucky seed stays below late.
    for offsets in (
        [[-0.2, 0.1, 0.03, 0.05, 0.06], [-0.25, -0.3, 0.04, 0.05, 0.06]],
        [[-0.2, -0.1, -0.02, 0.05, 0.06], [-0.25, -0.15, 0.08, 0.05, 0.06]],
        # The mean crosses, falls back below the line, and crosses again.
        [[-0.2, 0.03, -0.03, -0.02, 0.04], [-0.2, 0.05, -0.02, -0.04, 0.06]],
        # Two of three seeds above the line, their mean below it; then the reverse.
        [
            [-0.2, 0.02, -0.02, 0.05, 0.06],
            [-0.2, 0.02, -0.02, 0.05, 0.06],
            [-0.2, -0.2, 0.1, 0.05, 0.06],
        ],
        # Just below the line, yet less than 0.1 below the baseline.
        [[-0.2, -0.01, 0.05, 0.06, 0.07]],
    ):
        baseline = float(rng.uniform(0.6, 0.8))
        jitter = rng.uniform(-0.004, 0.004, np.shape(offsets))
        yield _grid(rng, 5), 0.9 * baseline + np.array(offsets) + jitter, baseline
    # Exactly on the line: "at least" includes it.
    yield Edge((_grid(rng, 3), np.array([[0.4, 0.9, 0.95]] * 2), 1.0))
    # No d reaches the line.
    below = 0.9 * 0.95 - rng.uniform(0.05, 0.3, (3, 4))
    yield Edge((_grid(rng, 4), np.sort(below, axis=1), 0.95))
    # The grid need not be in order.
    ds, rising = _grid(rng, 5), np.array([0.2, 0.4, 0.66, 0.72, 0.8])
    order = np.array([4, 0, 3, 2, 1])
    accuracy = rising + rng.uniform(-0.01, 0.01, (4, 5))
    yield Edge((ds[order], accuracy[:, order], 0.7))


def _grid(rng: Rng, n: int) -> np.ndarray:
    return np.cumsum(rng.integers(20, 200, n))


def _first(ds: np.ndarray, reached: np.ndarray) -> Any:
    return int(ds[reached].min()) if reached.any() else None


def _interpolated(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> Any:
    mean, line = accuracy.mean(axis=0), 0.9 * baseline
    k = int(np.argmax(mean >= line))
    if k == 0 or not (np.diff(ds) > 0).all():
        return None
    share = (line - mean[k - 1]) / (mean[k] - mean[k - 1])
    return float(ds[k - 1] + share * (ds[k] - ds[k - 1]))


def _mean_of_seeds(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> Any:
    found = [_first(ds, row >= 0.9 * baseline) for row in accuracy]
    kept = [d for d in found if d is not None]
    return float(np.mean(kept)) if kept else None


def _after_last_below(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> Any:
    reached = accuracy.mean(axis=0) >= 0.9 * baseline
    below = np.flatnonzero(~reached)
    start = below[-1] + 1 if len(below) else 0
    return int(ds[start]) if start < len(ds) else None


def _last_below(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> Any:
    below = ds[accuracy.mean(axis=0) < 0.9 * baseline]
    return int(below.max()) if len(below) else None


def _over_rows(ds: np.ndarray, accuracy: np.ndarray, baseline: float) -> Any:
    reached = accuracy.mean(axis=1) >= 0.9 * baseline
    return _first(ds, reached) if len(reached) == len(ds) else None


_d_int90_slips = (
    Slip(
        "0.9 is taken as an absolute accuracy. Here the line is 90 % of the "
        "baseline, 0.9 * baseline.",
        lambda ds, acc, baseline: _first(ds, acc.mean(axis=0) >= 0.9),
    ),
    Slip(
        "The line is the baseline itself, not 90 % of it.",
        lambda ds, acc, baseline: _first(ds, acc.mean(axis=0) >= baseline),
    ),
    Slip(
        "0.1 is subtracted from the baseline. 90 % of it is 0.9 * baseline.",
        lambda ds, acc, baseline: _first(ds, acc.mean(axis=0) >= baseline - 0.1),
    ),
    Slip(
        "The best seed decides. One lucky seed is no evidence: take the mean over "
        "the seeds first.",
        lambda ds, acc, baseline: _first(ds, acc.max(axis=0) >= 0.9 * baseline),
    ),
    Slip(
        "The worst seed decides: every seed has to reach the line. Take the mean "
        "over the seeds.",
        lambda ds, acc, baseline: _first(ds, acc.min(axis=0) >= 0.9 * baseline),
    ),
    Slip(
        "Only the first seed is read. Take the mean over the seeds.",
        lambda ds, acc, baseline: _first(ds, acc[0] >= 0.9 * baseline),
    ),
    Slip(
        "The median over the seeds is taken; the definition says the mean.",
        lambda ds, acc, baseline: _first(ds, np.median(acc, axis=0) >= 0.9 * baseline),
    ),
    Slip(
        "Each seed got its own d, and these were averaged. Average the accuracies "
        "first, then read off one d.",
        _mean_of_seeds,
    ),
    Slip(
        "The mean runs over the wrong axis: rows are seeds, columns are values of d.",
        _over_rows,
    ),
    Slip(
        "'At least' includes equality: a mean exactly on the line has reached it.",
        lambda ds, acc, baseline: _first(ds, acc.mean(axis=0) > 0.9 * baseline),
    ),
    Slip(
        "This is interpolated between two values of d. The definition reads a d off "
        "the grid that was run.",
        _interpolated,
    ),
    Slip(
        "This is the last d below the line. Wanted is the smallest d that reaches it.",
        _last_below,
    ),
    Slip(
        "This is the d from which the curve stays above the line. The definition "
        "takes the smallest d that reaches it, also where the curve dips again.",
        _after_last_below,
    ),
    Slip(
        "This is the place in the list, not the value of d that stands there.",
        lambda ds, acc, baseline: int(np.argmax(acc.mean(axis=0) >= 0.9 * baseline)),
    ),
    Slip(
        "This is the first in the list that reaches the line. The list is not in "
        "order here: take the smallest.",
        lambda ds, acc, baseline: int(
            ds[np.argmax(acc.mean(axis=0) >= 0.9 * baseline)]
        ),
    ),
)


def _judge_d_int90(args: tuple, output: Any, want: Any) -> Problem | None:
    if output == want:
        return None
    ds, accuracy, baseline = args
    means = ", ".join(
        f"{mean:.3f} at d = {d}"
        for d, mean in sorted(zip(ds, accuracy.mean(axis=0), strict=True))
    )
    if want is None and output is not None:
        cause = (
            "No d reaches the line, so the answer is None. argmax of a list of False "
            "is 0, which looks like an answer."
        )
        known = same_slip(args, output, _d_int90_slips[:8])
        cause = known or cause
    else:
        cause = same_slip(args, output, _d_int90_slips)
    return Problem(
        f"d_int90; mean accuracy {means}; line at {0.9 * baseline:.3f}",
        show(output),
        show(want),
        cause,
    )


# ----------------------------------------------------------------------------
# subspace/quantise
# ----------------------------------------------------------------------------


def _quantise_cases(rng: Rng) -> Cases:
    yield np.array([-1.0, -0.2, 0.3, 0.9], np.float32), 2
    yield np.array([-0.3, 1.0, 0.2], np.float32), 2
    for dtype, sign in ((np.float32, 1), (np.float64, -1), (np.float32, -1)):
        bits, d = int(rng.integers(3, 9)), int(rng.integers(6, 60))
        # Off the edges between two codes, where rounding could go either way,
        # but for the largest coordinate, which lies on the outermost edge.
        codes = rng.integers(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1, d)
        phi = codes + rng.uniform(0.1, 0.9, d)
        phi[rng.integers(d)] = sign * 2 ** (bits - 1)
        yield (phi * rng.uniform(0.01, 2.0)).astype(dtype), bits


def _codes(levels: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(levels, 0, 2**bits - 1).astype(np.int64)


def _step(phi: np.ndarray, bits: int) -> float:
    return float(2 * np.abs(phi).max() / 2**bits)


def _quantise_with(step: float, phi: np.ndarray, bits: int) -> tuple:
    return _codes(np.floor(phi / step) + 2 ** (bits - 1), bits), step


def _all_levels_used(phi: np.ndarray, bits: int) -> tuple:
    top = np.abs(phi).max()
    step = float(2 * top / (2**bits - 1))
    return _codes(np.round((phi + top) / step), bits), step


def _from_smallest(phi: np.ndarray, bits: int) -> tuple:
    step = float((phi.max() - phi.min()) / 2**bits)
    return _codes(np.floor((phi - phi.min()) / step), bits), step


_step_causes = (
    (
        "The step is max|phi| / 2**bits: half of it. The levels must reach from "
        "-max|phi| to +max|phi|, so 2 max|phi| is shared out.",
        lambda phi, bits: _step(phi, bits) / 2,
    ),
    (
        "The step is 2 max|phi| / (2**bits - 1), which puts the outermost levels on "
        "the ends. Here 2**bits cells of one step each fill the range.",
        lambda phi, bits: _all_levels_used(phi, bits)[1],
    ),
    (
        "The step comes from phi.max() - phi.min(). The levels are symmetric about "
        "zero, so only the largest absolute value counts.",
        lambda phi, bits: _from_smallest(phi, bits)[1],
    ),
    (
        "The step comes from phi.max() without the absolute value: here the largest "
        "coordinate is negative.",
        lambda phi, bits: float(2 * phi.max() / 2**bits),
    ),
)

_code_slips = (
    Slip(
        "The largest coordinate got the code 2**bits, one too many for that many "
        "bits: clip the codes to 0 ... 2**bits - 1.",
        lambda phi, step, bits: np.floor(phi / step) + 2 ** (bits - 1),
    ),
    Slip(
        "The codes are signed. In the message they count from 0 to 2**bits - 1: add "
        "2**(bits - 1).",
        lambda phi, step, bits: np.clip(
            np.floor(phi / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        ),
    ),
    Slip(
        "This is a mid-tread quantiser: phi / step is rounded, which makes zero a "
        "level and leaves one level without a partner. Here the levels are the odd "
        "multiples of half a step (mid-rise): floor.",
        lambda phi, step, bits: _codes(np.round(phi / step) + 2 ** (bits - 1), bits),
    ),
    Slip(
        "The fraction is cut off towards zero, so the two cells beside zero become "
        "one of double width. np.floor always goes down.",
        lambda phi, step, bits: _codes(np.trunc(phi / step) + 2 ** (bits - 1), bits),
    ),
    Slip(
        "np.ceil puts every coordinate one cell too high.",
        lambda phi, step, bits: _codes(np.ceil(phi / step) + 2 ** (bits - 1), bits),
    ),
    Slip(
        "The codes count from 1; the lowest is 0.",
        lambda phi, step, bits: (
            _codes(np.floor(phi / step) + 2 ** (bits - 1), bits) + 1
        ),
    ),
)


def _judge_quantise(args: tuple, output: Any, want: Any) -> Problem | None:
    (codes, step), (right, size), (phi, bits) = output, want, args
    if abs(step / size - 1) > 1e-5:
        known = [
            cause
            for cause, wrong in _step_causes
            if abs(step / (wrong(phi, bits) or np.nan) - 1) < 1e-5
        ]
        return Problem("the step", show(step), show(size), known[0] if known else "")
    if (codes == right).all():
        return None
    cause = same_slip((phi, size, bits), codes, _code_slips)
    worst = int(np.abs(codes - right).argmax())
    return Problem(
        f"the codes; the first that is furthest off belongs to phi[{worst}] = "
        f"{phi[worst]:.4g}, with step {size:.4g}",
        show(codes) if len(codes) <= 9 else str(codes[worst]),
        show(right) if len(codes) <= 9 else str(right[worst]),
        cause,
    )


# ----------------------------------------------------------------------------
# subspace/own_share: a value, from the student's own gradient and directions
# ----------------------------------------------------------------------------


def _own_share_cases(rng: Rng) -> Cases:
    draw = frozen(rng)
    # A part that all columns share, so that they are far from right angles.
    P = draw.randn(24, 4) + 0.8 * draw.randn(24, 1)
    P /= np.sqrt((P**2).sum(axis=0))
    inside = P @ draw.uniform(0.5, 1.5, 4)
    outside = draw.randn(24)
    outside -= P @ np.linalg.lstsq(P, outside, rcond=None)[0]
    length = np.sqrt((inside**2).sum() / (outside**2).sum())
    yield P, inside + draw.uniform(0.6, 1.4) * length * outside


def _shares(part: Any) -> Any:
    """Make a slip: the squared length of a part, by that of the gradient."""
    return lambda P, grad: float((part(P, grad) ** 2).sum() / (grad @ grad))


def _fit(P: np.ndarray, grad: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(P, grad, rcond=None)[0]


_judge_own_share = judge_by_digits(
    "the share of the squared length",
    "the share of your gradient, to three digits",
    (
        Slip(
            "P.T @ grad takes each column for itself. Your columns are not at right "
            "angles, so what they have in common is counted more than once: solve a "
            "least-squares problem.",
            _shares(lambda P, grad: P.T @ grad),
        ),
        Slip(
            "P @ (P.T @ grad) projects only where the columns are at right angles, "
            "which yours are not: solve a least-squares problem.",
            _shares(lambda P, grad: P @ (P.T @ grad)),
        ),
        Slip(
            "This is the share of the length; the squared length was asked for.",
            lambda P, grad: own_share(P, grad) ** 0.5,
        ),
        Slip(
            "This is the share that the subspace misses: 1 minus the wanted one.",
            lambda P, grad: 1 - own_share(P, grad),
        ),
        Slip(
            "This is the squared length itself. Divide by that of the gradient.",
            lambda P, grad: own_share(P, grad) * (grad @ grad),
        ),
        Slip(
            "The squared length is divided by the length of the gradient, not by its "
            "square.",
            lambda P, grad: own_share(P, grad) * np.sqrt(grad @ grad),
        ),
        Slip(
            "This is d / D, what random directions catch on average. Yours are given: "
            "measure them.",
            lambda P, grad: P.shape[1] / P.shape[0],
        ),
        Slip(
            "This takes the length of phi for that of P phi. The two agree only where "
            "the columns are at right angles.",
            _shares(_fit),
        ),
    ),
)


# ----------------------------------------------------------------------------
# subspace/low_rank_grad
# ----------------------------------------------------------------------------


def _low_rank_grad_cases(rng: Rng) -> Cases:
    # Square, so that a forgotten transpose gives numbers and not an exception.
    A = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)
    yield A, np.array([[1.0, 10.0], [100.0, 7.0]], np.float32)
    for dtype in (np.float32, np.float64):
        O, F = _sizes(rng)
        r = int(rng.integers(2, 4))
        yield normal(rng, r, F, dtype=dtype), normal(rng, O, F, dtype=dtype)
    O, F = _sizes(rng)
    yield Edge((normal(rng, 1, F), normal(rng, O, F)))


_judge_low_rank_grad = judge_by_value(
    "the gradient with respect to B",
    (
        Slip(
            "The transpose of A is missing: W grows with B[i, k] by row k of A, so "
            "the gradient sums grad[i, j] A[k, j] over j.",
            or_none(lambda A, grad: grad @ A),
        ),
        Slip(
            "This is the gradient turned on its side, (r, O): B has the shape (O, r).",
            lambda A, grad: A @ grad.T,
        ),
        *(
            Slip(
                "This is divided by the number of inputs or by the rank: a mean. The "
                "chain rule sums.",
                lambda A, grad, axis=axis: grad @ A.T / A.shape[axis],
            )
            for axis in (1, 0)
        ),
        Slip(
            "The sign is turned. The gradient points uphill; the optimiser is who "
            "steps against it.",
            lambda A, grad: -(grad @ A.T),
        ),
        Slip(
            "This is the pseudo-inverse of A, which finds the B whose B A is nearest "
            "to grad. A gradient goes back through the transpose.",
            lambda A, grad: grad @ np.linalg.pinv(A.astype(np.float64)),
        ),
    ),
)


EXERCISES = (
    prediction(
        "subspace/guesses",
        "Predict",
        4,
        {
            "accuracy with 500 single weights": (0, 1),
            "2.4 times the weights: needed, times": (0.01, 1000),
            "dense net, shuffled: needed, times": (0.01, 1000),
            "LeNet, shuffled: needed, times": (0.01, 1000),
            "numbers needed per random label": (0.001, 10_000),
        },
    ),
    Exercise(
        "subspace/project",
        "From coordinates to weights",
        1,
        3,
        subspace.project,
        _project_cases,
        _judge_project,
    ),
    Exercise(
        "subspace/unit_columns",
        "Directions of length one",
        1,
        5,
        subspace.unit_columns,
        _unit_columns_cases,
        _judge_unit_columns,
    ),
    Exercise(
        "subspace/project_grad",
        "The gradient on its way back",
        1,
        5,
        subspace.project_grad,
        _project_grad_cases,
        _judge_project_grad,
    ),
    Exercise(
        "subspace/fwht",
        "The fast Walsh-Hadamard transform",
        3,
        20,
        subspace.fwht,
        _fwht_cases,
        _judge_fwht,
    ),
    Exercise(
        "subspace/fastfood_grad",
        "A bug that Adam hides",
        2,
        15,
        subspace.fastfood_grad,
        _fastfood_grad_cases,
        _judge_fastfood_grad,
        planted=_FASTFOOD_GRAD,
    ),
    Exercise(
        "subspace/d_int90",
        "Reading the intrinsic dimension off a curve",
        2,
        10,
        subspace.d_int90,
        _d_int90_cases,
        _judge_d_int90,
    ),
    Exercise(
        "subspace/quantise",
        "A solution in a few bits",
        2,
        10,
        subspace.quantise,
        _quantise_cases,
        _judge_quantise,
    ),
    Exercise(
        "subspace/own_share",
        "What your subspace sees",
        2,
        10,
        own_share,
        _own_share_cases,
        _judge_own_share,
        kind="value",
        personal=True,
    ),
    Exercise(
        "subspace/low_rank_grad",
        "LoRA is a subspace",
        1,
        5,
        subspace.low_rank_grad,
        _low_rank_grad_cases,
        _judge_low_rank_grad,
    ),
    open_question(
        "subspace/between",
        "Between directions and weights",
        3,
        60,
        "Predicts the smallest k before the run, with a reason.\n"
        "Reports the accuracy for several k, three seeds each with their spread, "
        "beside full mixing as the control.\n"
        "Tries one other way to choose the places, and says plainly whether it helped.",
    ),
)
