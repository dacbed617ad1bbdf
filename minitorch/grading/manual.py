"""Open answers: a table that a person fills in, and that the next run takes in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from minitorch.grading.tables import (
    Refused,
    one_text,
    read_number,
    read_table,
    write_table,
)

COLUMNS = ["id", "name", "exercise", "points", "given", "comment", "rubric", "answer"]


class Mark(NamedTuple):
    """What a person gave for an open answer.

    Args:
        points: None while nobody has read it.
        comment: for the student.
        answer: the text that was read.
        row: the line as it stands in the table.
    """

    points: float | None
    comment: str
    answer: str
    row: tuple[str, ...] = ()


Marks = dict[tuple[str, str], Mark]  # by (student, exercise)


def read_marks(path: Path, most: dict[str, float]) -> Marks:
    """Read the table of open answers as a person filled it in.

    Args:
        path: where it may lie.
        most: points of each exercise.

    Raises:
        Refused: when points are no number, or more than the exercise is worth.
    """
    if not path.exists():
        return {}
    marks: Marks = {}
    for line, row in enumerate(read_table(path, COLUMNS), 2):
        where = f"{path}, line {line}"
        points = read_number(row["given"], where) if row["given"] else None
        worth = most.get(row["exercise"])
        if points is not None and worth is not None and points > worth:
            raise Refused(
                f"{where}: {row['given']} points of {worth:g} for {row['exercise']}"
            )
        cells = tuple(row[name] for name in COLUMNS)
        mark = Mark(points, row["comment"], row["answer"], cells)
        marks[row["id"].removeprefix("'"), row["exercise"]] = mark
    return marks


def same_answer(one: str, other: str) -> bool:
    """Compare two texts as a table and a spreadsheet program may have changed them.

    >>> same_answer("It\\u00a0is\\nbig.", "'It is big. ")
    True
    """
    ours, theirs = (one_text(t).removeprefix("'").split() for t in (one, other))
    return ours == theirs


def write_marks(path: Path, answers: Iterable[list[Any]], marks: Marks) -> None:
    """Write the table anew; what a person filled in stays.

    Args:
        path: where to.
        answers: id, name, exercise, points, rubric and answer of each.
        marks: as they were read. Those to answers that are not there now are kept
            at the end; points for an answer that has changed move to the comment.
    """
    rows: list[list[Any]] = [list(COLUMNS)]
    left = dict(marks)
    for id, name, exercise, points, rubric, answer in answers:
        mark = left.pop((id, exercise), Mark(None, "", answer))
        given, comment = mark.points, mark.comment
        if not same_answer(mark.answer, answer) and given is not None:
            comment = f"{comment} (an earlier answer had {given:g} points)".strip()
            given = None
        rows.append([id, name, exercise, points, given, comment, rubric, answer])
    rows += [list(mark.row) for mark in left.values() if mark.points is not None]
    if len(rows) > 1:
        write_table(path, rows)
