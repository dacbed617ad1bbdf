"""The store of results: one line of JSON for each finished run.

A row says what was run (study, settings, seed), what came out (result) and
where it came from (provenance). The rows of the book lie in `book/results` of
the repository and travel inside the package.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from minitorch.backends import backend

try:
    import fcntl
except ImportError:  # Windows has none: two runs at once are not kept apart there
    fcntl = None  # type: ignore[assignment]

Row = dict[str, Any]
KEYS = {"study": str, "settings": dict, "seed": int, "result": dict, "provenance": dict}


def results_folder() -> Path:
    """Find the committed rows: in the repository, else inside the package."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent / "book" / "results"
    return checkout if checkout.is_dir() else package / "results"


def key(settings: Row, seed: int) -> str:
    """Name a cell of a study's grid: the same settings and seed, the same name.

    >>> key({"d": 10, "a": 1}, 0) == key({"a": 1, "d": 10}, 0)
    True
    """
    return json.dumps([settings, seed], sort_keys=True)


def append_row(path: str | os.PathLike, row: Row) -> bool:
    """Add one finished run to a file, whole or not at all, and never twice.

    The line goes out in one write, under a lock, and to the disk before this
    returns. A half line that a killed run left at the end is cut off first.

    Returns:
        Whether it was added: not where another run has added the same cell.

    Raises:
        ValueError: when the row lacks a part, holds a number that is not finite, or
            the file holds nonsense.
        OSError: when the disk is full; the file is then as it was.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> row = {"study": "s", "settings": {"d": 1}, "seed": 0}
    >>> row |= {"result": {"test": 0.9}, "provenance": {}}
    >>> append_row(path, row), append_row(path, row), len(read_rows(path))
    (True, False, 1)
    """
    _check(row, "the row")
    line = json.dumps(row, sort_keys=True, allow_nan=False) + "\n"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        held = file.read()
        whole = held[: held.rfind(b"\n") + 1]
        mine = key(row["settings"], row["seed"])
        if any(key(r["settings"], r["seed"]) == mine for r in _rows(whole, path)):
            return False
        file.truncate(len(whole))
        try:
            written = file.write(line.encode())
            os.fsync(file.fileno())
        except OSError:
            file.truncate(len(whole))
            raise
        if written != len(line.encode()):
            file.truncate(len(whole))
            raise OSError(
                f"{path}: only {written} of {len(line)} bytes could be written, and "
                "were taken back; free some disk space and run the study again"
            )
    return True


@contextmanager
def _locked(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """Open a file to read and append, for one process at a time."""
    with open(path, "a+b", buffering=0) as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def read_rows(path: str | os.PathLike) -> list[Row]:
    """Read all rows of a file; a file that is not there has none.

    A half line at the end, as a killed run may leave it, is left out.

    Raises:
        ValueError: when any other line is not a row; names the file and the line.
    """
    if not Path(path).exists():
        return []
    held = Path(path).read_bytes()
    return list(_rows(held[: held.rfind(b"\n") + 1], path))


def _rows(held: bytes, path: str | os.PathLike) -> Iterator[Row]:
    for number, line in enumerate(held.splitlines(), 1):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line, parse_constant=_not_finite)
        except ValueError as error:
            raise ValueError(f"{where} is not a row ({error}); {_DELETE}") from error
        _check(row, where)
        yield row


_DELETE = "delete that line and run the study again, which makes only what is missing"


def _not_finite(name: str) -> float:
    raise ValueError(f"{name} is not a result")


def _check(row: Any, where: str) -> None:
    """See that a row has its parts, each of its kind."""
    if not isinstance(row, dict) or set(row) != set(KEYS):
        got = sorted(row) if isinstance(row, dict) else type(row).__name__
        raise ValueError(f"{where} should have {sorted(KEYS)}, has {got}; {_DELETE}")
    for name, kind in KEYS.items():
        if type(row[name]) is not kind:
            raise ValueError(f"{where}: {name} is {row[name]!r}, no {kind.__name__}")


# ----------------------------------------------------------------------------
# Where a row came from
# ----------------------------------------------------------------------------


def provenance(code: str) -> Row:
    """Say what makes rows here: versions, back-end, machine, commit.

    Args:
        code: version of the study's code (see `code_version`).
    """
    names = ("weird-ways", "numpy", "numba", "scipy", "torch")
    return {
        "backend": backend().name,
        "code": code,
        "commit": _git("rev-parse", "HEAD"),
        "clean": _git("status", "--porcelain", "--untracked-files=no") == "",
        "device": _device(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
    }


def _device() -> str:
    if backend().looks:
        return f"CPU {platform.machine()}"
    import torch

    return str(torch.cuda.get_device_name())


def code_version(parts: Iterable[str]) -> str:
    """Give a short name to some code, by what it does.

    Comments, docstrings and layout do not count; any other change gives another
    name. It is the same for every version of Python that can read the code.

    Args:
        parts: modules, such as "minitorch.train", or functions and classes of one,
            such as "minitorch.train:fit,accuracy".

    Raises:
        ModuleNotFoundError: when there is no such module.
        ValueError: when a module has no such function or class.

    >>> code_version(["minitorch.stats"]) == code_version(["minitorch.stats"])
    True
    >>> len(code_version(["minitorch.stats", "minitorch.train:fit"]))
    12
    """
    digest = hashlib.sha256()
    for part in sorted(parts):
        module, _, names = part.partition(":")
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"no module {module!r}")
        tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
        body: list[ast.stmt] = tree.body
        if names:
            named = {node.name: node for node in body if isinstance(node, _NAMED)}
            if missing := set(names.split(",")) - set(named):
                raise ValueError(f"{module} has no {', '.join(sorted(missing))}")
            body = [named[name] for name in names.split(",")]
        digest.update(f"{part}:{_shape(ast.Module(body, []))}".encode())
    return digest.hexdigest()[:12]


_NAMED = (ast.FunctionDef, ast.ClassDef)


def _shape(node: Any) -> str:
    """Write a syntax tree without docstrings, places or fields that are empty."""
    if isinstance(node, list):
        return "[" + ",".join(map(_shape, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list) and _is_docstring(value):
            value = value[1:]
        if value is not None and value != []:
            parts.append(f"{name}={_shape(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _is_docstring(body: list[ast.stmt]) -> bool:
    return (
        bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )


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
