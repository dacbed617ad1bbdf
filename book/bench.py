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

from book.notebooks import ONE_THREAD, ROOT, BuildError
from minitorch.studies.store import provenance

Row = dict[str, Any]

STORED = ROOT / "book" / "results" / "bench.json"
PART = ROOT / "_build" / "bench.json"
PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "torch")
PEERS = ("autograd",)

# Name, threads, title; in each process the tables of so many threads.
TABLES = [
    ("steps1", 1, "A training step, one thread: milliseconds of CPU time"),
    ("steps2", 2, "A training step, two threads: milliseconds of wall time"),
    ("kernels", 1, "Kernels of the chapters, one thread: milliseconds"),
    ("latency", 1, "First use: CPU seconds of a fresh process"),
    ("tape", 1, "The tape itself: microseconds an operation"),
    ("gpu", 1, "A training step on a GPU: milliseconds"),
    ("peers", 1, "Peers, one thread: milliseconds of CPU time"),
]
OF_NETWORKS = ("steps1", "steps2", "gpu", "peers")  # what --only chooses from

# What a row's "required" is about, table by table.
REQUIRED = {
    "steps1": "ratio",
    "kernels": "ours_ms",
    "latency": "seconds",
    "tape": "net_us",
    "gpu": "ratio",
}


def main(options: argparse.Namespace) -> None:
    """Measure all tables, print them, and store them."""
    made = about()
    asked = [
        (name, threads)
        for name, threads, _ in TABLES
        if (options.peers or name != "peers")
        and (not options.only or name in OF_NETWORKS)
    ]
    found: dict[str, Row] = {}
    for count in (1, 2):
        found |= measure([name for name, n in asked if n == count], count, options)
    tables = {}
    for name, _, title in TABLES:
        absent = {"rows": [], "note": "not measured; ask for it by --peers"}
        if name in found or name == "peers":
            tables[name] = {"title": title} | found.get(name, absent)
    result = {"made": made, "tables": tables}
    path = PART if options.quick or options.only else STORED
    write(path, result)
    print(text(result))
    print(f"\nwritten to {path.relative_to(ROOT)}")


def measure(
    names: list[str], threads: int, options: argparse.Namespace
) -> dict[str, Row]:
    """Measure tables in a fresh process, one after the other.

    Raises:
        BuildError: when the process fails.
    """
    words = [*names, "--threads", str(threads), "--only", options.only.lower()]
    words += ["--quick", "--seconds", "0.1"] if options.quick else []
    count = {name: str(threads) for name in ONE_THREAD}
    # Our threads share images out, each with one thread of BLAS: two pools collide.
    count["OPENBLAS_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "book.bench_tables", *words],
        cwd=ROOT,
        env=os.environ | count,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise BuildError(f"{', '.join(names)} could not be measured; see above")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(names, found, strict=True))


def about() -> Row:
    """When, from which commit, with which versions and on what machine."""
    origin = provenance(code="")
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
    """All tables with aligned columns, and what missed the ratio asked of it."""
    parts = []
    for table in result["tables"].values():
        parts += ["", table["title"], *aligned(table["rows"])]
        parts += [table["note"]] if table.get("note") else []
    return "\n".join([*parts, "", *missed(result)])


def missed(result: Row) -> list[str]:
    """One line for each measure that is above what is required of it.

    >>> row = {"model": "MLP", "ratio": 0.7, "required": 0.6}
    >>> missed({"tables": {"steps1": {"title": "Steps", "rows": [row]}}})
    ['missed: MLP: ratio 0.7, required 0.6']
    """
    lines = []
    for table, column in REQUIRED.items():
        for row in result["tables"].get(table, {"rows": []})["rows"]:
            if row["required"] is not None and row[column] > row["required"]:
                name, batch = next(iter(row.values())), row.get("batch")
                name += f" b{batch}" if batch else ""
                got = f"{column.replace('_', ' ')} {shown(row[column])}"
                lines.append(f"missed: {name}: {got}, required {row['required']}")
    return lines


def aligned(rows: list[Row]) -> list[str]:
    """Rows as lines: a heading, then numbers to the right and words to the left.

    >>> aligned([{"model": "MLP", "ours_ms": 1.234}])
    ['model   ours', 'MLP     1.23']
    """
    if not rows:
        return []
    names = [n for n in rows[0] if any(row.get(n) not in (None, "") for row in rows)]
    heads = [name.removesuffix("_ms").replace("_", " ") for name in names]
    cells = [heads] + [[shown(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [any(isinstance(row.get(name), str) for row in rows) for name in names]
    return [
        "   ".join(
            cell.ljust(width) if words else cell.rjust(width)
            for cell, width, words in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in cells
    ]


def shown(value: Any) -> str:
    """A number with three figures; a dash for what there is not.

    >>> shown(0.98765), shown(1234.5), shown(12.345), shown(None), shown(64)
    ('0.988', '1234', '12.3', '-', '64')
    """
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
