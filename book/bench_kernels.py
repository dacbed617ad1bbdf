"""The benchmark's smaller tables: chapter kernels, the tape itself, first use."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from book.bench_race import Contestant, median, race
from minitorch import Tensor, backend
from minitorch.weird.subspace import FastfoodProjection

Row = dict[str, Any]
Make = Callable[[], Any]
ROOT = Path(__file__).parent.parent

# ----------------------------------------------------------------------------
# Kernels of the chapters
# ----------------------------------------------------------------------------


def kernels(options: argparse.Namespace) -> Row:
    """Kernels of ours beside what one would use without them."""
    rng = np.random.default_rng(0)
    rows = []
    for group in (projections, sparse_products, choices):
        for kernel, ours, other, theirs, asked in group(rng, options.quick):
            sides = {"ours": Contestant(ours, "numba")}
            sides["other"] = Contestant(theirs, "numpy")
            took = race(sides, min(1.0, options.seconds))
            row = {"kernel": kernel, "ours_ms": median(took["ours"]), "other": other}
            row["other_ms"] = median(took["other"])
            row["ratio"] = median(took["ours"] / took["other"])
            row["required"], row["tried_for"] = asked
            rows.append(row)
    return {"rows": rows}


Versus = tuple[str, Make, str, Make, tuple[float | None, float | None]]
NOTHING = None, None  # asked of our time


def projections(rng: np.random.Generator, quick: bool) -> Iterator[Versus]:
    """From d numbers to D and back."""
    D, d = (44_426, 100) if quick else (199_210, 750)
    x = _numbers(rng, 1024, -(-D // 1024))
    name = f"Walsh-Hadamard, {x.shape[1]} of length 1024"
    yield name, _kernel("fwht", x), "plain numpy", _kernel("fwht", x), NOTHING
    P, dense = FastfoodProjection(D, d, seed=0), _numbers(rng, d, D)
    phi, grad = _numbers(rng, d), _numbers(rng, D)
    name = f"Fastfood, D = {D:,}, d = {d}"
    apply, adjoint = partial(P.apply, phi), partial(P.adjoint, grad)
    times, back = partial(np.dot, phi, dense), partial(np.dot, dense, grad)
    yield f"{name}, forward", apply, "dense", times, NOTHING
    yield f"{name}, backward", adjoint, "dense", back, NOTHING
    both, of_both = lambda: (apply(), adjoint()), lambda: (times(), back())
    yield f"{name}, both", both, "dense", of_both, (2.5, 1.0)


def sparse_products(rng: np.random.Generator, quick: bool) -> Iterator[Versus]:
    """A matrix with zeros, times a batch."""
    w, x = _numbers(rng, 300, 784), _numbers(rng, 784, 64)
    for sparsity in (0.5, 0.8, 0.9, 0.95, 0.99):
        kept = rng.random(w.shape) >= sparsity
        indptr = np.concatenate([[0], kept.sum(1).cumsum()]).astype(np.int32)
        indices = np.nonzero(kept)[1].astype(np.int32)
        name = f"CSR 300 x 784, {sparsity:.0%} zeros, batch 64"
        ours = _kernel("csr_matmul", w[kept], indptr, indices, x)
        yield name, ours, "dense", partial(np.dot, w * kept, x), NOTHING


def choices(rng: np.random.Generator, quick: bool) -> Iterator[Versus]:
    """The largest half, and the ranks in each row."""
    scores = _numbers(rng, 300 * 784)
    half, name = scores.size // 2, f"largest half of {scores.size:,}"
    ours = _kernel("top_k", scores, half)
    yield name, ours, "sort", partial(np.argsort, scores), NOTHING
    theirs: Make = partial(torch.topk, torch.from_numpy(scores), half)
    yield name, ours, "torch.topk", theirs, NOTHING
    for shape in [(300, 784), (512, 4608)][: 1 if quick else 2]:
        x = _numbers(rng, *shape)
        theirs = partial(torch.argsort, torch.from_numpy(x), stable=True)
        name = f"ranks in each row of {shape[0]} x {shape[1]}"
        yield name, _kernel("argsort", x), "torch.argsort", theirs, NOTHING


def _kernel(name: str, *given: Any) -> Make:
    """A kernel of whichever back-end is in use when it is called."""
    return lambda: getattr(backend(), name)(*given)


def _numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


# ----------------------------------------------------------------------------
# The tape
# ----------------------------------------------------------------------------


def tape(options: argparse.Namespace) -> Row:
    """What one operation costs beyond its arithmetic, forward and backward.

    A chain of products and sums of single numbers, where arithmetic costs next to
    nothing, less the same arithmetic in plain numpy.
    """
    length = 200  # of each kind
    one, w, b = (np.full(1, value, np.float32) for value in (1.0, 0.5, 0.25))

    def ours() -> None:
        x, product, shift = Tensor(one, requires_grad=True), Tensor(w), Tensor(b)
        y = x
        for _ in range(length):
            y = y * product + shift
        y.backward()

    def bare() -> None:
        y = one
        for _ in range(length):
            y = y * w + b
        grad = np.ones_like(y)
        for _ in range(length):
            grad = grad * w

    def theirs() -> None:
        x = torch.tensor([1.0], requires_grad=True)
        product, shift = torch.tensor([0.5]), torch.tensor([0.25])
        y = x
        for _ in range(length):
            y = y * product + shift
        y.backward()

    sides = {"gross": Contestant(ours, "numba"), "bare": Contestant(bare)}
    sides["torch"] = Contestant(theirs)
    took = {
        name: 1000 * values / (2 * length)  # microseconds an operation
        for name, values in race(sides, min(3.0, options.seconds)).items()
    }
    row: Row = {"what": "an operation, forward and backward"}
    row |= {f"{name}_us": median(values) for name, values in took.items()}
    row["net_us"] = median(took["gross"] - took["bare"])
    return {"rows": [row | {"required": 2.5}]}


# ----------------------------------------------------------------------------
# First use
# ----------------------------------------------------------------------------

STEP = """
import numpy as np
from minitorch import Tensor, models
from minitorch.functional import cross_entropy
from minitorch.optim import Adam
net, x = models.{net}, np.ones({shape}, np.float32)
theta = Tensor(net.init(0), requires_grad=True)
mover = Adam(theta)
logits, state = net(theta, x, train=True)
cross_entropy(logits, np.zeros(len(x), int)).backward()
mover.step()
"""
TORCH_STEP = """
import torch
from torch import nn
net = nn.Sequential(
    nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
)
mover = torch.optim.Adam(net.parameters())
labels = torch.zeros(64, dtype=torch.int64)
nn.functional.cross_entropy(net(torch.ones(64, 784)), labels).backward()
mover.step()
"""
CLOCK = "\nimport time; print(time.process_time())"


def latency(options: argparse.Namespace) -> Row:
    """Seconds from the start of Python to the end of a first training step.

    Each is measured twice and the lesser counts: what disturbs only adds.
    """
    nets = {"MLP": STEP.format(net="lenet_300_100()", shape=(64, 784))}
    if not options.quick:
        nets["BN ResNet-8"] = STEP.format(net="resnet(8)", shape=(64, 3, 32, 32))
    times = 1 if options.quick else 2
    rows = []

    def add(what: str, code: str, cache: str | None, required: float | None) -> None:
        runs = []
        for _ in range(times):
            with tempfile.TemporaryDirectory() as empty:
                runs.append(fresh(code, cache or empty))
        cpu, wall = np.min(runs, axis=0).tolist()
        row = {"what": what, "seconds": cpu, "wall_seconds": wall}
        rows.append(row | {"required": required})

    with tempfile.TemporaryDirectory() as cache:
        add("import minitorch", "import minitorch", cache, 0.5)
        for name, code in nets.items():
            add(f"import and first step, {name}, empty cache", code, None, 3.0)
        for name, code in nets.items():
            fresh(code, cache)  # fills it
            add(f"import and first step, {name}, warm cache", code, cache, 0.5)
        if not options.quick:
            add("import torch", "import torch", cache, None)
            add("import and first step, MLP, torch", TORCH_STEP, cache, None)
    note = "CPU seconds of a fresh process, Python's own start included"
    return {"rows": rows, "note": note}


def fresh(code: str, cache: str) -> tuple[float, float]:
    """Run code in a process of its own: its CPU seconds, and those on the wall."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + CLOCK],
        cwd=ROOT,
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), time.perf_counter() - start
