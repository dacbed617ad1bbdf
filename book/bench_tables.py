"""The benchmark's measurements: `python -m book.bench_tables TABLES` prints JSON.

`book.bench` starts it in a process of its own, where the number of threads is set
before numpy and torch are loaded. One thread is timed by its CPU time, several by
the clock on the wall.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from book.bench_kernels import kernels, latency, tape
from book.bench_models import Case, cases, give_weights
from book.bench_race import Contestant, engine, first_step, median, race
from minitorch import Tensor, backend
from minitorch.optim import Adam

Row = dict[str, Any]
GPU = "cuda"

# ----------------------------------------------------------------------------
# A training step: forward, backward, Adam
# ----------------------------------------------------------------------------


def ours(case: Case, name: str, device: str = "cpu") -> Contestant:
    """A step of ours on one of our back-ends."""
    with engine(name, device):
        theta = Tensor(case.net.init(0), requires_grad=True)
        mover = Adam(theta)
        x, target = map(backend().asarray, case.example())
    state: Any = None

    def step(x: Any = x, target: Any = target) -> Tensor:
        nonlocal state
        logits, state = case.net(theta, x, state=state, train=True)
        loss = case.loss(logits, target)
        loss.backward()
        mover.step()
        return loss

    return Contestant(step, name, device)


def torchs(
    case: Case, fused: bool = False, compiled: bool = False, device: str = "cpu"
) -> Contestant:
    """The same step in torch."""
    twin = case.twin()
    give_weights(case.net, case.net.init(0), twin)
    twin.to(device)
    mover = torch.optim.Adam(twin.parameters(), fused=fused)
    x, target = (torch.from_numpy(array).to(device) for array in case.example())

    def loss() -> torch.Tensor:
        return case.torch_loss(twin(x), target)

    compute = torch.compile(loss) if compiled else loss

    def step() -> None:
        mover.zero_grad()
        compute().backward()
        mover.step()

    return Contestant(step)


def chosen(options: argparse.Namespace) -> list[Case]:
    """The networks that were asked for, with small batches in a quick run."""
    asked = [c for c in cases() if options.only in f"{c.name} b{c.batch}".lower()]
    if options.quick:
        return [replace(case, batch=case.batch // 8) for case in asked]
    return asked


def steps(options: argparse.Namespace) -> Row:
    """Full training steps of ours, of torch, and of plain numpy."""
    rows = []
    for case in chosen(options):
        _say(f"{case.name}, batch {case.batch}")
        rows.append(_steps_row(case, options))
    return {"rows": rows}


def _steps_row(case: Case, options: argparse.Namespace) -> Row:
    alone = options.threads == 1
    contestants = {
        "ours": ours(case, "numba"),
        "torch": torchs(case),
        "torch_fused": torchs(case, fused=True),
    }
    if alone:
        contestants["numpy"] = ours(case, "numpy")
        contestants["tape"] = ours(case, "torch")
    note = None
    if alone and not options.quick:
        compiled, seconds = first_step(lambda: torchs(case, fused=True, compiled=True))
        if isinstance(compiled, Contestant):
            contestants["torch_compile"] = compiled
            note = f"torch.compile took {seconds:.0f} s"
        else:
            note = f"torch.compile failed: {compiled}"
    clock = time.process_time if alone else time.perf_counter
    took = race(contestants, options.seconds if alone else options.seconds / 2, clock)
    row: Row = {"model": case.name, "batch": case.batch}
    for name in ("ours", "numpy", "torch", "torch_fused", "torch_compile", "tape"):
        row[f"{name}_ms"] = median(took[name]) if name in took else None
    ratios = took["ours"] / took["torch"]
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    row |= {"ratio": middle, "ratio_low": low, "ratio_high": high}
    row["ratios"] = [round(float(ratio), 4) for ratio in ratios]
    row["ratio_fused"] = median(took["ours"] / took["torch_fused"])
    if alone:  # both with torch's fused Adam: what differs is who keeps the tape
        row["tape_ratio"] = median(took["tape"] / took["torch_fused"])
        row |= {"required": case.required, "tried_for": case.tried_for}
    return row | {"rounds": len(took["ours"]), "note": note}


def gpu(options: argparse.Namespace) -> Row:
    """The same steps on a GPU: our tape, torch's, and ours captured as one graph."""
    if not torch.cuda.is_available():
        return {"rows": [], "note": "not measured here: no GPU"}
    rows = []
    for case in chosen(options):
        _say(f"{case.name}, batch {case.batch}")
        plain, captured = ours(case, "torch", GPU), ours(case, "torch", GPU)
        with captured.under() as kernels:
            batch = [kernels.asarray(array) for array in case.example()]
            replay = kernels.capture(captured.step, *batch)
        contestants = {
            "tape": plain,
            "torch": torchs(case, device=GPU),
            "torch_fused": torchs(case, fused=True, device=GPU),
            "captured": Contestant(partial(replay, *batch), "torch", GPU),
        }
        many = {name: _waiting(each) for name, each in contestants.items()}
        took = race(many, options.seconds, time.perf_counter)
        row: Row = {"model": case.name, "batch": case.batch}
        row |= {f"{name}_ms": median(values) for name, values in took.items()}
        for rival in ("torch", "torch_fused"):
            low, middle, high = np.percentile(took["tape"] / took[rival], [10, 50, 90])
            name = rival.replace("torch", "ratio")
            row |= {name: middle, f"{name}_low": low, f"{name}_high": high}
        row["captured_ratio"] = median(took["captured"] / took["torch"])
        rows.append(row | {"required": 1.05, "rounds": len(took["tape"])})
    return {"rows": rows, "note": torch.cuda.get_device_name()}


def _waiting(contestant: Contestant, times: int = 20) -> Contestant:
    """Make many steps in a call, then wait for the GPU."""

    def step() -> None:
        for _ in range(times):
            contestant.step()
        torch.cuda.synchronize()

    return Contestant(step, contestant.engine, contestant.device, times)


# ----------------------------------------------------------------------------
# What a learner might take instead
# ----------------------------------------------------------------------------


def peers(options: argparse.Namespace) -> Row:
    """Our step beside that of HIPS autograd, which also differentiates numpy."""
    rows = []
    for case in chosen(options):
        if not case.name.startswith("MLP"):
            continue
        _say(f"{case.name}, batch {case.batch}")
        peer, _ = first_step(partial(autograds, case))
        if isinstance(peer, str):
            hint = 'python -m pip install -c constraints.txt -e ".[bench]"'
            return {"rows": [], "note": f"autograd does not run ({peer}); try {hint}"}
        sides = {"ours": ours(case, "numba"), "peer": peer}
        took = race(sides, min(3.0, options.seconds))
        row = {"peer": "autograd", "model": case.name, "batch": case.batch}
        ratio = median(took["ours"] / took["peer"])
        times = {"ours_ms": median(took["ours"]), "peer_ms": median(took["peer"])}
        rows.append(row | times | {"ratio": ratio})
    note = "autograd has no fast convolutions; tinygrad needs clang, so it is not here"
    return {"rows": rows, "note": note}


def autograds(case: Case) -> Contestant:
    """A step of an MLP: autograd's gradients, then Adam in numpy, in place."""
    grad = importlib.import_module("autograd").grad
    anp = importlib.import_module("autograd.numpy")
    x, labels = case.example()
    layers = len(case.net.layout.shapes) // 2
    pieces = [a.copy() for a in case.net.layout.views(case.net.init(0)).values()]
    moments = [(np.zeros_like(piece), np.zeros_like(piece)) for piece in pieces]
    rows, t = np.arange(len(x)), 0

    def loss(pieces: list[Any]) -> Any:
        h = x
        for i in range(layers):
            h = anp.dot(h, pieces[2 * i].T) + pieces[2 * i + 1]
            h = anp.maximum(h, 0) if i < layers - 1 else h
        shifted = h - anp.max(h, 1, keepdims=True)
        logp = shifted - anp.log(anp.sum(anp.exp(shifted), 1, keepdims=True))
        return -anp.mean(logp[rows, labels])

    slope = grad(loss)

    def step() -> None:
        nonlocal t
        t += 1
        for piece, part, (m, v) in zip(pieces, slope(pieces), moments, strict=True):
            m += 0.1 * (part - m)
            v += 0.001 * (part * part - v)
            root = np.sqrt(v / (1 - 0.999**t)) + 1e-8
            piece -= 1e-3 / (1 - 0.9**t) * m / root

    return Contestant(step)


# ----------------------------------------------------------------------------
# The command
# ----------------------------------------------------------------------------

TABLES: dict[str, Callable[[argparse.Namespace], Row]] = {
    "steps1": steps,
    "steps2": steps,
    "kernels": kernels,
    "latency": latency,
    "tape": tape,
    "gpu": gpu,
    "peers": peers,
}


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure tables and print each as a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m book.bench_tables")
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    parser.add_argument("--seconds", type=float, default=6.0, help="a network may take")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="networks with this in their name")
    parser.add_argument("--quick", action="store_true", help="small batches")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != str(options.threads):
        parser.error(f"start this with OMP_NUM_THREADS={options.threads}")
    torch.set_num_threads(options.threads)
    for name in options.tables:
        print(f"{name} ...", file=sys.stderr, flush=True)
        print(json.dumps(TABLES[name](options)), flush=True)


if __name__ == "__main__":
    main()
