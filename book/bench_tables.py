"""The benchmark's measurements: `python -m book.bench_tables TABLE` prints JSON.

`book.bench` starts each table in a process of its own, where the number of threads
is set before numpy and torch are loaded.

Contestants take turns: in each round every one of them makes a block of training
steps, and a ratio is taken within a round, so that what else the machine does meets
both sides. One thread is timed by its CPU time, several by the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from book.bench_models import Case, cases, give_weights
from minitorch import Tensor, backend, use_backend
from minitorch.optim import Adam

Row = dict[str, Any]
Clock = Callable[[], float]
BLOCK = 0.04  # seconds that a block of steps aims at


@dataclass
class Contestant:
    """What to time, and the back-end that it runs under (None for no matter)."""

    step: Callable[[], Any]
    engine: str | None = None


def ours(case: Case, engine: str) -> Contestant:
    """A training step of ours: forward, backward, Adam."""
    with use_backend(engine):
        theta = Tensor(case.net.init(0), requires_grad=True)
        mover = Adam(theta)
        x, target = map(backend().asarray, case.example())
    state: Any = None

    def step() -> None:
        nonlocal state
        logits, state = case.net(theta, x, state=state, train=True)
        case.loss(logits, target).backward()
        mover.step()

    return Contestant(step, engine)


def torchs(case: Case, fused: bool = False, compiled: bool = False) -> Contestant:
    """The same step in torch."""
    twin = case.twin()
    give_weights(case.net, case.net.init(0), twin)
    mover = torch.optim.Adam(twin.parameters(), fused=fused)
    x, target = map(torch.from_numpy, case.example())

    def loss() -> torch.Tensor:
        return case.torch_loss(twin(x), target)

    compute = torch.compile(loss) if compiled else loss

    def step() -> None:
        mover.zero_grad()
        compute().backward()
        mover.step()

    return Contestant(step)


def under(contestant: Contestant) -> Any:
    """The back-end that a contestant runs under, for a `with` block."""
    return use_backend(contestant.engine) if contestant.engine else nullcontext()


def race(
    contestants: dict[str, Contestant], seconds: float, clock: Clock
) -> dict[str, np.ndarray]:
    """Give each contestant's milliseconds a step, one median for each round."""
    steps = {}
    for name, each in contestants.items():
        with under(each):
            took = [_timed(each.step, clock) for _ in range(3)]
        steps[name] = max(1, min(200, round(BLOCK / max(took[-1], 1e-9))))
    order, rounds = list(contestants), 0
    medians: dict[str, list[float]] = {name: [] for name in order}
    end = time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        for name in order:
            each = contestants[name]
            with under(each):
                block = [_timed(each.step, clock) for _ in range(steps[name])]
            medians[name].append(1000 * float(np.median(block)))
        order.append(order.pop(0))  # nobody always follows the same one
        rounds += 1
    return {name: np.array(values) for name, values in medians.items()}


def _timed(step: Callable[[], Any], clock: Clock) -> float:
    start = clock()
    step()
    return clock() - start


def steps(options: argparse.Namespace) -> Row:
    """Time full training steps of all networks."""
    threads = options.threads
    clock = time.process_time if threads == 1 else time.perf_counter
    rows = []
    for case in cases():
        if options.only not in f"{case.name} b{case.batch}".lower():
            continue
        print(f"  {case.name}, batch {case.batch}", file=sys.stderr, flush=True)
        rows.append(_steps_row(case, options, clock))
    return {"rows": rows}


def _steps_row(case: Case, options: argparse.Namespace, clock: Clock) -> Row:
    contestants = {
        "ours": ours(case, "numba"),
        "torch": torchs(case),
        "torch_fused": torchs(case, fused=True),
    }
    optional: dict[str, Callable[[], Contestant]] = {}
    if options.threads == 1:
        contestants["numpy"] = ours(case, "numpy")
        optional["tape"] = lambda: ours(case, "torch")
    if options.threads == 1 and not options.quick:
        optional["torch_compile"] = lambda: torchs(case, fused=True, compiled=True)
    notes = []
    for name, make in optional.items():
        contestant, seconds = first_step(make)
        if isinstance(contestant, Contestant):
            contestants[name] = contestant
            if name == "torch_compile":
                notes.append(f"torch compiled in {seconds:.0f} s")
        else:
            notes.append(f"no {name}: {contestant}")
    took = race(contestants, options.seconds, clock)
    row: Row = {"model": case.name, "batch": case.batch}
    for name in ("ours", "numpy", "torch", "torch_fused", "torch_compile"):
        row[f"{name}_ms"] = _median(took[name]) if name in took else None
    low, middle, high = np.percentile(took["ours"] / took["torch"], [10, 50, 90])
    row |= {"ratio": middle, "ratio_low": low, "ratio_high": high}
    row["ratio_fused"] = _median(took["ours"] / took["torch_fused"])
    if "tape" in took:
        row["tape_ms"] = _median(took["tape"])
        row["tape_ratio"] = _median(took["tape"] / took["torch_fused"])
    row |= {
        "required": case.required,
        "tried_for": case.tried_for,
        "note": "; ".join(notes),
    }
    row["rounds"] = len(took["ours"])
    return row


def first_step(make: Callable[[], Contestant]) -> tuple[Contestant | str, float]:
    """A contestant after its first step, or why it cannot run; and the seconds."""
    start = time.perf_counter()
    try:
        contestant = make()
        with under(contestant):
            contestant.step()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return lines[0], time.perf_counter() - start
    return contestant, time.perf_counter() - start


def _median(values: np.ndarray) -> float:
    return float(np.median(values))


TABLES: dict[str, Callable[[argparse.Namespace], Row]] = {"steps": steps}


def main() -> None:
    """Measure one table and print it."""
    parser = argparse.ArgumentParser(prog="python -m book.bench_tables")
    parser.add_argument("table", choices=list(TABLES))
    parser.add_argument("--seconds", type=float, default=6.0, help="a row may take")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="rows with this in their name")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != str(options.threads):
        parser.error(f"start this with OMP_NUM_THREADS={options.threads}")
    torch.set_num_threads(options.threads)
    print(json.dumps(TABLES[options.table](options)))


if __name__ == "__main__":
    main()
