"""The store of results: one line of JSON for each finished run.

A row says what was run (study, settings, seed), what came out (result) and
where it came from (provenance). The rows of the book lie in `book/results` of
the repository and travel inside the package.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from minitorch.backends import backend

Row = dict[str, Any]


def results_folder() -> Path:
    """Find the committed rows: in the repository, else inside the package."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent / "book" / "results"
    return checkout if checkout.is_dir() else package / "results"


def append_row(path: str | os.PathLike, row: Row) -> None:
    """Add one finished run to a file, whole or not at all.

    The line goes out in one write, and to the disk before this returns.

    Raises:
        ValueError: when the row holds a number that is not finite.
        OSError: when the disk is full; the file is then as it was.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> append_row(path, {"seed": 0, "result": {"test": 0.9}})
    >>> read_rows(path)
    [{'result': {'test': 0.9}, 'seed': 0}]
    """
    line = json.dumps(row, sort_keys=True, allow_nan=False) + "\n"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab", buffering=0) as file:
        before = file.tell()
        try:
            written = file.write(line.encode())
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
        if written != len(line):
            file.truncate(before)
            raise OSError(
                f"{path}: only {written} of {len(line)} bytes could be written, and "
                "were taken back; free some disk space and run the study again"
            )


def read_rows(path: str | os.PathLike) -> list[Row]:
    """Read all rows of a file; a file that is not there has none.

    Raises:
        ValueError: when a line is not JSON; names the file and the line.
    """
    if not Path(path).exists():
        return []
    rows = []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}, line {number} is not a row ({error}); delete that line and "
                "run the study again, which makes only what is missing"
            ) from error
    return rows


def provenance(seconds: float) -> Row:
    """Say what made a row: versions, back-end, machine, commit, CPU seconds."""
    names = ("weird-ways", "numpy", "numba", "scipy")
    return {
        "backend": backend().name,
        "commit": _git("rev-parse", "HEAD"),
        "clean": _git("status", "--porcelain", "--untracked-files=no") == "",
        "device": f"CPU {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
        "seconds": round(seconds, 2),
    }


def _version(name: str) -> str | None:
    """Give the installed version; None for what is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(*words: str) -> str | None:
    """Ask git about the checkout that holds this file; None where there is none."""
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
