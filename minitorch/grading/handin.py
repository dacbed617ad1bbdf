"""Read a handed-in notebook: any bytes at all go in, cells or one clear line come out.

Nothing is run and no Python is parsed: learners' source is only searched for the
identifiers of exercises.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import minitorch

LARGEST = 20_000_000  # bytes of a notebook; one with all its figures has 1 or 2 million
_CELLS = 1000  # that a notebook may have; a chapter has about a hundred
_WRITTEN = re.compile(
    r"""^[^\S\n]*@exercise\(\s*(?:id\s*=\s*)?["']([\w/-]+)["']"""
    r"""|^[^#\n]*\banswer\(\s*(?:id\s*=\s*)?["']([\w/-]+)["']""",
    re.MULTILINE,
)
_PERSONAL = re.compile(r"^[^#\n]*\bpersonal\(", re.MULTILINE)


class NotebookError(ValueError):
    """A file is no notebook that can be graded; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Args:
        id: the cell's, which the shipped notebook's cell has too; "" if it was lost.
        source: as handed in.
        tags: of its metadata.
        answers: identifiers of the exercises that it answers.
        draws_data: whether it calls for a student's own data.
    """

    id: str
    source: str
    tags: tuple[str, ...]
    answers: tuple[str, ...]
    draws_data: bool = False


@dataclass(frozen=True)
class Notebook:
    """A notebook as handed in.

    Args:
        course_version: that it was written for; "" if that was lost.
        cells: its code cells, in order.
    """

    course_version: str
    cells: tuple[Cell, ...]

    @property
    def answers(self) -> set[str]:
        """All exercises for which it has a cell."""
        return {id for cell in self.cells for id in cell.answers}

    @property
    def chapters(self) -> set[str]:
        """The chapters of its exercises, without the teacher's own."""
        return {id.split("/")[0] for id in self.answers} - {"private"}


def read_notebook(raw: bytes) -> Notebook:
    """Read a notebook.

    Args:
        raw: the bytes of its file, of notebook format 3 or 4.

    Raises:
        NotebookError: when it is none, with the reason in one line.

    >>> read_notebook(b"PK")
    Traceback (most recent call last):
    ...
    minitorch.grading.handin.NotebookError: not a notebook: its text is no JSON (...)
    >>> cell = {"cell_type": "code", "source": '@exercise("c/x")'}
    >>> cell = {**cell, "metadata": {}}
    >>> raw = json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]}).encode()
    >>> read_notebook(raw).answers
    {'c/x'}
    """
    if len(raw) > LARGEST:
        raise NotebookError(
            f"too large: {len(raw) / 1e6:.0f} MB, where {LARGEST / 1e6:.0f} MB are "
            "taken; clear the outputs, save and hand in again"
        )
    if not raw.strip():
        raise NotebookError("the file is empty")
    try:
        held = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotebookError("not a notebook: its bytes are no text in UTF-8") from None
    except RecursionError:
        raise NotebookError("not a notebook: its JSON is nested too deeply") from None
    except ValueError as error:
        reason = str(error)[:80]
        raise NotebookError(f"not a notebook: its text is no JSON ({reason})") from None
    if not isinstance(held, dict) or "nbformat" not in held:
        raise NotebookError("not a notebook: the JSON has no nbformat")
    if held["nbformat"] not in (3, 4):
        raise NotebookError(
            f"a notebook of format {str(held['nbformat'])[:20]}; formats 3 and 4 are "
            "read, so open it in JupyterLab, save and hand in again"
        )
    found = tuple(_code_cells(held))
    version = _dict(held.get("metadata")).get("course_version")
    return Notebook(_text(version)[:40], found)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A cell's source, which may be cut into lines, without what cannot be written."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode(errors="replace").decode().replace("\r\n", "\n")


def _code_cells(held: dict[str, Any]) -> Iterable[Cell]:
    cells = held.get("cells")
    if held["nbformat"] == 3:
        sheets = _list(held.get("worksheets"))
        cells = [each for sheet in sheets for each in _list(_dict(sheet).get("cells"))]
    if not isinstance(cells, list):
        raise NotebookError("not a notebook: it has no list of cells")
    if len(cells) > _CELLS:
        raise NotebookError(f"too large: it has {len(cells):,} cells; {_CELLS:,} do")
    for cell in map(_dict, cells):
        if cell.get("cell_type") != "code":
            continue
        metadata = _dict(cell.get("metadata"))
        source = _text(cell.get("source", cell.get("input")))
        tags = tuple(t for t in _list(metadata.get("tags")) if isinstance(t, str))
        found = [first or second for first, second in _WRITTEN.findall(source)]
        if not found:
            found = [t.removeprefix("exercise:") for t in tags if "exercise:" in t]
        # Colab keeps a cell's id in its metadata.
        id = _text(cell.get("id")) or _text(metadata.get("id"))
        draws_data = bool(_PERSONAL.search(source))
        yield Cell(id, source, tags, tuple(dict.fromkeys(found)), draws_data)


# ----------------------------------------------------------------------------
# The shipped notebook
# ----------------------------------------------------------------------------


@cache
def shipped(chapter: str) -> Path | None:
    """Find the notebook of a chapter: in the installed package, or beside it.

    >>> shipped("engine").name
    '01_engine.ipynb'
    """
    package = Path(minitorch.__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        for path in sorted(folder.glob("*.ipynb")):
            if chapter in read_notebook(path.read_bytes()).chapters:
                return path
    return None
