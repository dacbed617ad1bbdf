"""What grading a hand-in gives: one outcome for each exercise, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal[
    "passed",  # right in every case
    "partly",  # right but for cases at the edge, or some predictions are missing
    "not yet",  # wrong
    "raised",  # the learner's code raised an exception
    "too long",  # it ran past its time limit
    "too large",  # it wanted more memory than its limit
    "died",  # its process ended: exit(), a crash, a signal
    "not attempted",  # the stub as it was given
    "missing",  # the notebook has no cell for it
    "to read",  # an open text: a person gives the points
]


@dataclass(frozen=True)
class Outcome:
    """What came of one exercise of one hand-in.

    Args:
        id: of the exercise.
        title: of the exercise.
        status: one of `Status`.
        score: points given; None where a person gives them.
        points: what the exercise is worth.
        lines: what to tell the student: (label, text), as the notebook's check does.
        source: the learner's cell, as handed in.
        text: of an open answer, as it was received; its cell, where that did not run.
    """

    id: str
    title: str
    status: Status
    score: float | None
    points: float
    lines: tuple[tuple[str, str], ...] = ()
    source: str = ""
    text: str = ""


@dataclass(frozen=True)
class Report:
    """What came of one hand-in.

    Args:
        chapter: whose exercises were looked for.
        course_version: of the course that the notebook was written for; "" unknown.
        outcomes: one for each exercise, in the chapter's order.
        notes: what the teacher should know, a line each: another version, an
            exercise answered twice, a cell that raised.
        problem: why nothing could be graded, in one line; then there is no outcome.
    """

    chapter: str
    course_version: str = ""
    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def score(self) -> float:
        """Points given so far, without what a person has still to read.

        >>> one = Outcome("engine/x", "X", "passed", 2.0, 2.0)
        >>> Report("engine", outcomes=(one,)).score
        2.0
        """
        return float(sum(each.score or 0 for each in self.outcomes))

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain lists, texts and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Report:
        """Read what `to_json` gave.

        >>> report = Report("engine", notes=("one",))
        >>> Report.from_json(report.to_json()) == report
        True
        """
        outcomes = tuple(
            Outcome(**{**each, "lines": tuple(map(tuple, each["lines"]))})
            for each in held["outcomes"]
        )
        return cls(**{**held, "outcomes": outcomes, "notes": tuple(held["notes"])})
