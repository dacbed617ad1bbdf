"""`python -m book bench`: how fast the engine is, beside its peers.

Each table is measured by `book.bench_tables` in a process of its own. A whole run
is written to `book/results/bench.json`, which the book shows; a part of one
(`--quick`, `--only`) goes to `_build/bench.json`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from book.notebooks import ONE_THREAD, ROOT
from minitorch.studies.store import provenance

Row = dict[str, Any]

STORED = ROOT / "book" / "results" / "bench.json"
PART = ROOT / "_build" / "bench.json"
PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "torch")
PEERS = ("autograd", "tinygrad")

# Name, its table, threads, title.
TABLES = [
    ("steps1", "steps", 1, "A training step, one thread, CPU time"),
    ("steps2", "steps", 2, "A training step, two threads, wall time"),
]


def main(options: argparse.Namespace) -> None:
    """Measure all tables, print them, and store them."""
    made = about()
    tables = {}
    for name, table, threads, title in TABLES:
        if options.only and table != "steps":
            continue
        print(title, file=sys.stderr, flush=True)
        tables[name] = {"title": title} | measure(table, threads, options)
    result = {"made": made, "tables": tables}
    path = PART if options.quick or options.only else STORED
    write(path, result)
    print(text(result))
    print(f"\nwritten to {path.relative_to(ROOT)}")


def measure(table: str, threads: int, options: argparse.Namespace) -> Row:
    """Measure one table in a fresh process.

    Raises:
        RuntimeError: when the process fails.
    """
    words = ["--threads", str(threads), "--only", options.only.lower()]
    words += ["--quick", "--seconds", "0.5"] if options.quick else []
    count = {name: str(threads) for name in ONE_THREAD}
    done = subprocess.run(
        [sys.executable, "-m", "book.bench_tables", table, *words],
        cwd=ROOT,
        env=os.environ | count,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the table {table} could not be measured; see above")
    return json.loads(done.stdout.splitlines()[-1])


def about() -> Row:
    """When, from which commit, with which versions and on what machine."""
    origin = provenance(0)
    versions = {"python": platform.python_version()}
    for name in PACKAGES + PEERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": origin["commit"],
        "clean": origin["clean"],
        "versions": versions,
        "cpu": cpu(),
        "machine": machine(),
    }


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def machine() -> str:
    """What else may matter: system, cores, and how busy it was at the start."""
    note = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if hasattr(os, "getloadavg"):
        note += f", load {os.getloadavg()[0]:.1f} at the start"
    return note


def write(path: Path, result: Row) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


# ----------------------------------------------------------------------------
# Print
# ----------------------------------------------------------------------------


def text(result: Row) -> str:
    """All tables with aligned columns."""
    parts = []
    for table in result["tables"].values():
        parts += ["", table["title"], *aligned(table["rows"])]
    return "\n".join(parts)


def aligned(rows: list[Row]) -> list[str]:
    """Rows as lines: a heading, then numbers to the right and words to the left."""
    if not rows:
        return ["  nothing"]
    names = [n for n in rows[0] if any(row.get(n) not in (None, "") for row in rows)]
    cells = [names] + [[shown(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numbers = [isinstance(rows[0].get(name), (int, float)) for name in names]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in cells
    ]


def shown(value: Any) -> str:
    """A number with three figures or so; a dash for what there is not.

    >>> shown(0.98765), shown(1234.5), shown(12.345), shown(None), shown(64)
    ('0.988', '1234', '12.3', '-', '64')
    """
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
