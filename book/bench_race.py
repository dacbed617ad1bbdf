"""Contestants that take turns: how the benchmark compares.

In each round every contestant makes a block of steps, and a ratio is taken within a
round, so that what else the machine does meets both sides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch import use_backend

Clock = Callable[[], float]
BLOCK = 0.04  # seconds that a block of steps aims at


@dataclass
class Contestant:
    """What to time, and the back-end that it needs (None where it does not matter).

    times: how many steps one call makes.
    """

    step: Callable[[], Any]
    engine: str | None = None
    device: str = "cpu"
    times: int = 1

    def under(self) -> Any:
        """Its back-end, for a `with` block."""
        return (
            nullcontext() if self.engine is None else engine(self.engine, self.device)
        )


def engine(name: str, device: str = "cpu") -> use_backend:
    """A back-end of ours by its name and device, with the process's threads."""
    if name == "numba":
        return use_backend(name, threads=int(os.environ.get("OMP_NUM_THREADS", "1")))
    return use_backend(name, device=device) if name == "torch" else use_backend(name)


def race(
    contestants: dict[str, Contestant],
    seconds: float,
    clock: Clock = time.process_time,
) -> dict[str, np.ndarray]:
    """Give each contestant's milliseconds a step, one median for each round.

    There are three rounds at least.
    """
    steps = {}
    for name, each in contestants.items():
        with each.under():
            took = [_timed(each.step, clock) for _ in range(3)]
        steps[name] = max(1, min(500, round(BLOCK / max(took[-1], 1e-9))))
    order, rounds = list(contestants), 0
    medians: dict[str, list[float]] = {name: [] for name in order}
    end = time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        for name in order:
            each = contestants[name]
            with each.under():
                block = [_timed(each.step, clock) for _ in range(steps[name])]
            medians[name].append(1000 * float(np.median(block)) / each.times)
        order.append(order.pop(0))  # nobody always follows the same one
        rounds += 1
    return {name: np.array(values) for name, values in medians.items()}


def first_step(make: Callable[[], Contestant]) -> tuple[Contestant | str, float]:
    """A contestant after its first step, or why it cannot run; and the seconds."""
    start = time.perf_counter()
    try:
        contestant = make()
        with contestant.under():
            contestant.step()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return lines[0], time.perf_counter() - start
    return contestant, time.perf_counter() - start


def median(values: np.ndarray) -> float:
    """The middle one, as a plain number."""
    return float(np.median(values))


def _timed(step: Callable[[], Any], clock: Clock) -> float:
    start = clock()
    step()
    return clock() - start
