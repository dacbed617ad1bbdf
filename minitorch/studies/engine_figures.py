"""What the chapter "An engine you can read" shows of the stored benchmark.

`make bench` writes `bench.json` beside the stored study rows; every function here
reads it, takes no argument, and computes its titles from what it read.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from minitorch.plots import Picture, Table, methods, table
from minitorch.studies.store import results_folder

Row = dict[str, Any]


@cache
def bench() -> Row:
    """Read the stored benchmark: what it was made with, and its tables.

    >>> sorted(bench())
    ['made', 'tables']
    """
    path = results_folder() / "bench.json"
    if not path.exists():
        return {"made": None, "tables": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def rows(name: str) -> list[Row]:
    """Give the rows of one table; none where it was not measured.

    >>> len(rows("steps1"))
    8
    """
    return bench()["tables"].get(name, {}).get("rows", [])


def note() -> str:
    """Say where and with what the benchmark ran.

    >>> note().startswith("stored benchmark: one core of")
    True
    """
    made = bench()["made"]
    versions = made["versions"]
    named = ", ".join(
        f"{name} {versions[name]}" for name in ("numpy", "numba", "torch")
    )
    return f"stored benchmark: one core of {made['cpu']}, {named}, float32, CPU time"


def speed() -> Picture | Table:
    """A training step of ours over torch's, for eight networks.

    >>> speed().title.startswith("A training step takes")
    True
    """
    if not rows("steps1"):
        return _absent("steps1")
    # Some files keep three percentiles in the place of the rounds: these are no
    # sample, and an interval drawn from them would be none.
    kept = all(len(row["ratios"]) == row["rounds"] for row in rows("steps1"))
    middle = [
        float(np.mean(row["ratios"])) if kept else row["ratio"]
        for row in rows("steps1")
    ]
    dots = "dots: rounds" if kept else "median of the rounds"
    return methods(
        [f"{row['model']}, batch {row['batch']}" for row in rows("steps1")],
        [row["ratios"] for row in rows("steps1")] if kept else [[m] for m in middle],
        title=f"A training step takes {min(middle):.2f} to {max(middle):.2f} times "
        "what torch's takes",
        xlabel="time of ours / time of torch",
        note=f"{note()}; torch eager with its default Adam; {dots} in which the "
        "two took turns",
        each="round" if kept else "median",
    )


def steps() -> Table:
    """Milliseconds a training step, ours and others, one thread.

    >>> "plain numpy" in steps()._repr_html_()
    True
    """
    if not rows("steps1"):
        return _absent("steps1")
    return table(
        ["network", "batch", "ours", "torch", "fused Adam", "compiled", "plain numpy"],
        [
            [
                row["model"],
                row["batch"],
                *(
                    _shown(row[f"{key}_ms"])
                    for key in (
                        "ours",
                        "torch",
                        "torch_fused",
                        "torch_compile",
                        "numpy",
                    )
                ),
            ]
            for row in rows("steps1")
        ],
        caption=f"Milliseconds a step; torch three ways; {note()}",
    )


def kernels() -> Table:
    """Milliseconds of the chapters' own kernels beside another way.

    >>> "Fastfood" in kernels()._repr_html_()
    True
    """
    if not rows("kernels"):
        return _absent("kernels")
    return table(
        ["kernel", "ours, ms", "beside", "takes, ms"],
        [
            [
                row["kernel"],
                _shown(row["ours_ms"]),
                row["other"],
                _shown(row["other_ms"]),
            ]
            for row in rows("kernels")
        ],
        caption=f"Kernels of later chapters; {note()}",
    )


def latency() -> Table:
    """Seconds until the first step of a fresh process, beside the marks.

    >>> "import minitorch" in latency()._repr_html_()
    True
    """
    if not rows("latency"):
        return _absent("latency")
    return table(
        ["in a fresh process", "CPU seconds", "mark", "met"],
        [
            [row["what"], _shown(row["seconds"]), *_mark(row, "seconds")]
            for row in rows("latency")
        ],
        caption="First use, with no compiled kernel on the disk and with all; "
        "stored benchmark",
    )


def tape() -> Table:
    """Microseconds that the tape itself takes for one operation.

    >>> "forward and backward" in tape()._repr_html_()
    True
    """
    if not rows("tape"):
        return _absent("tape")
    return table(
        [
            "what",
            "ours, all",
            "arithmetic alone",
            "the tape",
            "torch, all",
            "mark",
            "met",
        ],  # fmt: skip
        [
            [
                row["what"],
                *(_shown(row[f"{key}_us"]) for key in ("gross", "bare", "net")),
                _shown(row["torch_us"]),
                *_mark(row, "net_us"),
            ]
            for row in rows("tape")
        ],
        caption=f"Microseconds an operation; {note()}",
    )


def _shown(value: float | None) -> float | str:
    return "none" if value is None else value


def required() -> Table:
    """Ours over torch's time beside the mark that was set, network by network.

    >>> "mark" in required()._repr_html_()
    True
    """
    if not rows("steps1"):
        return _absent("steps1")
    measured = rows("steps1")
    met = sum(row["ratio"] <= row["required"] for row in measured)
    return table(
        ["network", "batch", "ours / torch", "from", "to", "mark", "met"],
        [
            [
                row["model"],
                row["batch"],
                row["ratio"],
                row["ratio_low"],
                row["ratio_high"],
                row["required"],
                "yes" if row["ratio"] <= row["required"] else "no",
            ]
            for row in measured
        ],
        caption=f"{met} of {len(measured)} marks met; the median, and the range of the "
        f"middle 80 % of rounds; {note()}",
    )


def _mark(row: Row, key: str) -> tuple[float | str, str]:
    """The mark that was set, and whether the row meets it."""
    mark = row.get("required")
    if mark is None or row[key] is None:
        return "none", "none"
    return mark, "yes" if row[key] <= mark else "no"


def _absent(name: str) -> Table:
    """One line in place of a table that the stored benchmark lacks."""
    why = bench()["tables"].get(name, {}).get("note") or "run `make bench`"
    return table(["table", "state"], [[name, "not measured"]], caption=why)
