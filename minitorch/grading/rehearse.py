"""A class that never was: hand-ins of every sort, to try the teacher's command on."""

import copy
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.grading.grade import all_exercises
from minitorch.grading.handin import read_notebook, shipped
from minitorch.grading.pages import Solution
from minitorch.grading.spec import Exercise, personal_rng
from minitorch.grading.tables import Refused, write_table, write_whole

_WRONG = ["return None", "return 0.0", "raise ValueError('so far')"]


def rehearse(chapter: str, students: int, out: Path) -> None:
    """Write hand-ins and a roster: right, in part, unwritten, endless and broken ones.

    Args:
        chapter: whose notebook is filled in.
        students: how many hand-ins.
        out: a new folder.

    Raises:
        Refused: when the folder is there, or the chapter's notebook is not.
    """
    exercises = all_exercises(chapter)
    path = shipped(chapter)
    if path is None:
        raise Refused(f"the notebook of the chapter {chapter!r} is not here")
    if out.exists():
        raise Refused(f"{out} is there already; name a new folder")
    (out / "handins").mkdir(parents=True)
    raw = path.read_bytes()
    answered = {c.id: c.answers for c in read_notebook(raw).cells if c.answers}
    roster = [["id", "name", "email"]]
    for i in range(students):
        number = str(1_000_000 + i)
        roster.append([number, f"Student {number}", f"{number}@school.example"])
        notebook = json.loads(raw)
        for turn, cell in enumerate(_cells(notebook, answered)):
            (id, *_) = answered[cell["id"]]
            cell["source"] = _answer(exercises[id], cell, i, turn, number)
        text = json.dumps(notebook)
        if i % 50 == 49:
            text = text[: len(text) // 2]  # an upload that was cut off
        write_whole(out / "handins" / f"{chapter}_{number}.ipynb", text)
    write_table(out / "roster.csv", roster)


def _cells(
    notebook: dict[str, Any], answered: dict[str, tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell.get("id") in answered)


def _answer(
    exercise: Exercise, cell: dict[str, Any], i: int, turn: int, number: str
) -> str:
    """The cell that student i hands in: six of ten students have all right."""
    given = copy.copy(cell["source"])
    given = given if isinstance(given, str) else "".join(given)
    if i % 10 == 9:
        return given
    if exercise.kind != "function":
        return f"answer({exercise.id!r}, {_value(exercise, number)!r})\n"
    head = f'@exercise("{exercise.id}")\n'
    arguments = ", ".join(inspect.signature(exercise.reference).parameters)
    define = f"{head}def answer_{turn}({arguments}):\n    "
    if i % 25 == 8 and turn == 1:
        return define + "while True:\n        pass\n"
    if i % 10 in (6, 7, 8) and (turn + i) % 3 == 0:
        return define + _WRONG[(turn + i) // 3 % 3] + "\n"
    return head + Solution(exercise).code + "\n"


def _value(exercise: Exercise, number: str) -> Any:
    """What the student of a number hands in where no function is asked for."""
    if exercise.kind == "prediction":
        return {question: most for question, (_, most) in exercise.questions.items()}
    if exercise.kind == "open":
        return f"I, student {number}, predicted one thing and measured another."
    data = next(exercise.cases(personal_rng(exercise.id, number)))
    return np.asarray(exercise.reference(*data)).tolist()
