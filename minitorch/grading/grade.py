"""Grade a folder or an export: every notebook once, in parallel, kept as it comes."""

import atexit
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

import minitorch
from minitorch.grading import spec
from minitorch.grading.intake import ORDERS, HandIn, Intake, take_in
from minitorch.grading.manual import Mark, Marks, read_marks, same_answer
from minitorch.grading.private import load_private, read_private
from minitorch.grading.report import Report
from minitorch.grading.roster import Roster, Student, read_roster
from minitorch.grading.run import grade_notebook
from minitorch.grading.sandbox import Limits, Sandbox, SandboxError
from minitorch.grading.tables import Refused, read_number, read_table, write_whole

_FORMAT = "minitorch report 1"
_PACKAGE = Path(minitorch.__file__).parent


@dataclass
class Row:
    """One line of the sheets: a student, or a hand-in that no student fits.

    Args:
        student: as the roster says, or else as the export or the file's name does.
        status: graded, not graded, no hand-in or unmatched.
        file: the hand-in that counts.
        report: what came of it.
        late: whether the export says that it came late.
        doubles: which of several hand-ins counts and why; "" where there is one.
        notes: what else the teacher should know, a line each.
    """

    student: Student
    status: str
    file: str = ""
    report: Report | None = None
    late: bool = False
    doubles: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Graded:
    """All that the sheets are written from.

    Args:
        chapter: whose exercises were graded.
        exercises: these, with the teacher's own.
        points: what each is worth.
        rows: the roster's students in its order, then who is on none.
        layout: folder, Moodle, Canvas or Gradescope.
        notes: about the hand-ins as a whole.
        unenforced: protections that were missing.
        marks: points that a person gave for open answers.
    """

    chapter: str
    exercises: dict[str, spec.Exercise]
    points: dict[str, float]
    rows: list[Row]
    layout: str
    notes: list[str]
    unenforced: list[str]
    marks: Marks = field(default_factory=dict)

    def mark(self, row: Row, id: str) -> Mark | None:
        """Give what a person gave for an open answer; None while nobody has."""
        mark = self.marks.get((row.student.key, id))
        if mark is None or mark.points is None or row.report is None:
            return None
        texts = [each.text for each in row.report.outcomes if each.id == id]
        return mark if any(same_answer(t, mark.answer) for t in texts) else None


def all_exercises(chapter: str, private: str = "") -> dict[str, spec.Exercise]:
    """Give a chapter's exercises, then the teacher's own.

    Args:
        chapter: its name.
        private: the text of the teacher's file; "" for none.

    Raises:
        Refused: when no chapter has that name.

    >>> len(all_exercises("subspace")) > 3
    True
    """
    if chapter not in spec.chapters():
        known = ", ".join(spec.chapters())
        raise Refused(f"no chapter is called {chapter!r}; there are {known}")
    own = load_private(private).exercises if private else {}
    return {**spec.exercises(chapter), **own}


def read_weights(
    path: Path | None, exercises: dict[str, spec.Exercise]
) -> dict[str, float]:
    """Give the points of each exercise: its own, or those of a table.

    Args:
        path: a CSV file with the columns exercise and points; None for no changes.
            An exercise that it leaves out keeps its points; 0 takes it out.
        exercises: what can stand there.

    Raises:
        Refused: when the table names something else, or points are no number.
    """
    points = {id: each.points for id, each in exercises.items()}
    rows = read_table(path, ["exercise", "points"]) if path else []
    for line, row in enumerate(rows, 2):
        if row["exercise"] not in points:
            raise Refused(
                f"{path}, line {line}: no exercise is called {row['exercise']!r}; "
                f"there are {', '.join(points)}"
            )
        points[row["exercise"]] = read_number(row["points"], f"{path}, line {line}")
    return points


# ----------------------------------------------------------------------------
# One hand-in
# ----------------------------------------------------------------------------


@cache
def _own_sandbox(unsafe: bool) -> Sandbox:
    """On another machine of a cluster: a sandbox until its worker ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(Sandbox.open(unsafe=unsafe))


@dataclass(frozen=True)
class Order:
    """What is the same for every hand-in of a run, plain enough for any worker.

    Args:
        chapter: whose exercises are graded.
        seed: the teacher's.
        sandbox: where learners' code runs.
        private: the text of the teacher's file of exercises; "" for none.
    """

    chapter: str
    seed: int
    sandbox: Sandbox
    private: str = ""

    def grade(self, raw: bytes, student: str) -> Report:
        """Grade one notebook.

        Args:
            raw: the bytes of its file.
            student: the number that personal data come from; "" if unknown.
        """
        here = self.sandbox.root.is_dir()
        unsafe = bool(self.sandbox.unenforced)
        return grade_notebook(
            raw,
            self.chapter,
            self.seed,
            student=student or None,
            exercises=all_exercises(self.chapter, self.private),
            limits=Limits(),
            sandbox=self.sandbox if here else _own_sandbox(unsafe),
        )

    def try_grade(self, raw: bytes, student: str) -> tuple[bool, Report]:
        """Grade one notebook; a fault of ours is its problem, and nobody else's.

        Returns:
            Whether it was graded, and the report.
        """
        try:
            return True, self.grade(raw, student)
        except Exception as error:
            said = " ".join(str(error).split())
            fault = f"the grader itself failed ({type(error).__name__}: {said})"
            return False, Report(self.chapter, problem=f"{fault}; try again")

    def key(self, raw: bytes, student: str) -> str:
        """Name all that a report depends on; the same name, the same report."""
        parts = [_FORMAT, self.chapter, self.seed, self.private, self.sandbox.way]
        digest = hashlib.sha256(json.dumps([*parts, student, _code()]).encode())
        digest.update(raw)
        return digest.hexdigest()[:40]


@cache
def _code() -> str:
    """The course's version, and its grader's files: a changed check grades anew."""
    digest = hashlib.sha256(minitorch.__version__.encode())
    for path in sorted((_PACKAGE / "grading").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ----------------------------------------------------------------------------
# All of them
# ----------------------------------------------------------------------------


def _reports(
    handins: list[tuple[HandIn, str]], order: Order, kept: Path, jobs: int
) -> list[Report]:
    """Grade what is not graded yet; each report is on the disk before the next."""
    from joblib import delayed

    reports: list[Report | None] = [None] * len(handins)
    files: dict[int, Path] = {}

    def still_to_do() -> Iterator[Any]:
        # Read one at a time, so that a class's files are never in memory together.
        for i, (handin, student) in enumerate(handins):
            try:
                raw = handin.read()
            except OSError as error:
                reports[i] = Report(order.chapter, problem=str(error))
                bar.update()
                continue
            files[i] = kept / f"{order.key(raw, student)}.json"
            reports[i] = _kept_report(files[i])
            if reports[i]:
                bar.update()
            else:
                yield delayed(_task)(order, i, raw, student)

    with tqdm(total=len(handins), desc=order.chapter, unit="file", disable=None) as bar:
        for i, done, report in _as_they_come(still_to_do(), jobs):
            if done:
                held = {"format": _FORMAT, "report": report.to_json()}
                write_whole(files[i], json.dumps(held))
            reports[i] = report
            bar.update()
    return [report for report in reports if report]


def _as_they_come(tasks: Iterator[Any], jobs: int) -> Iterator[Any]:
    """Run tasks by joblib's back-end of the moment, few of them in memory at a time."""
    from joblib import Parallel

    try:
        parallel = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    except ValueError:  # Ray's back-end gives results only when all are there
        parallel = Parallel(n_jobs=jobs, batch_size=1)
        while some := list(islice(tasks, 4 * jobs)):
            yield from parallel(some)
    else:
        yield from parallel(tasks)


def _task(order: Order, i: int, raw: bytes, student: str) -> tuple[int, bool, Report]:
    """Grade in a worker: (which, whether it was graded at all, the report)."""
    return i, *order.try_grade(raw, student)


def _kept_report(file: Path) -> Report | None:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return Report.from_json(held["report"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # damaged by hand, say: grade it again


def grade(
    source: Path,
    chapter: str,
    seed: int,
    out: Path,
    *,
    roster: Path | None = None,
    weights: Path | None = None,
    private: Path | None = None,
    jobs: int = 2,
    unsafe: bool = False,
) -> Graded:
    """Grade every notebook of a folder or an export.

    Args:
        source: the folder or zip archive.
        chapter: whose exercises are graded.
        seed: the teacher's; hidden inputs come from it.
        out: folder for the reports; those that it holds already are not made again.
        roster: the class's list.
        weights: points of exercises.
        private: the teacher's own exercises, which are tried first.
        jobs: how many are graded at a time.
        unsafe: whether to go on where the isolation cannot be had.

    Raises:
        Refused: when a file is missing or wrong; nothing was graded then.
    """
    own = read_private(private) if private else ""
    exercises = all_exercises(chapter, own)
    points = read_weights(weights, exercises)
    known = read_roster(roster) if roster else None
    marks = read_marks(out / "manual.csv", points)
    intake = take_in(source)
    owners = [(handin, _owners(handin, known)) for handin in intake.handins]
    asked = [(handin, _number(found)) for handin, found in owners]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.mkdir(exist_ok=True, mode=0o700)  # grades are nobody else's business
    kept = out / "reports"
    kept.mkdir(exist_ok=True)
    for part in kept.glob("*.part"):  # of a run that was killed
        part.unlink()
    try:
        with Sandbox.open(unsafe=unsafe) as sandbox:
            unenforced = list(sandbox.unenforced)
            order = Order(chapter, seed, sandbox, own)
            reports = _reports(asked, order, kept, jobs)
    except SandboxError as error:
        raise Refused(str(error)) from None
    except BrokenExecutor:
        raise Refused(
            "a worker process was killed, perhaps for want of memory; what was graded "
            "is kept: run the command again, with fewer --jobs"
        ) from None
    rows = _rows(intake, owners, reports, known)
    notes = intake.notes
    return Graded(
        chapter, exercises, points, rows, intake.layout, notes, unenforced, marks
    )


class _Owned(NamedTuple):
    handin: HandIn
    report: Report
    student: Student
    why: str  # the roster does not know the student; else empty


def _owners(handin: HandIn, roster: Roster | None) -> list[tuple[Student, str]]:
    """Say whose a hand-in is: (student, why the roster does not know them)."""
    if handin.people:
        return [_owner(person, roster) for person in handin.people]
    found = roster.find_in_path(handin.name) if roster else ""
    if isinstance(found, Student):
        return [(found, "")]
    return [(Student(name=handin.name), found)]


def _owner(person: Student, roster: Roster | None) -> tuple[Student, str]:
    found = roster.find(person) if roster else person
    if isinstance(found, str):
        return person, found
    # The export's own numbers go into the sheets that go back to it.
    return replace(found, **_numbers(found, person)), ""


def _numbers(student: Student, person: Student) -> dict[str, str]:
    return {
        name: getattr(student, name) or getattr(person, name)
        for name in ("email", "canvas_id", "moodle_id")
    }


def _number(owners: list[tuple[Student, str]]) -> str:
    """The student's number, for exercises whose data it seeds; a group has none."""
    return owners[0][0].id if len(owners) == 1 and not owners[0][1] else ""


def _rows(
    intake: Intake,
    owners: list[tuple[HandIn, list[tuple[Student, str]]]],
    reports: list[Report],
    roster: Roster | None,
) -> list[Row]:
    """One row a student: the latest hand-in that could be graded counts."""
    mine: dict[tuple[bool, str], list[_Owned]] = {}
    for (handin, people), report in zip(owners, reports, strict=True):
        for student, why in people:
            found = mine.setdefault((not why, student.key), [])
            found.append(_Owned(handin, report, student, why))
    rows = {key: _row(found, intake.layout) for key, found in mine.items()}
    for person, names in intake.without:
        student, why = _owner(person, roster)
        notes = [f"handed in no notebook, but {names}", *([why] if why else [])]
        row = Row(student, "unmatched" if why else "no hand-in", notes=notes)
        rows.setdefault((not why, student.key), row)
    students = roster.students if roster else []
    listed = [
        rows.pop((True, student.key), Row(student, "no hand-in"))
        for student in students
    ]
    return listed + list(rows.values())


def _row(found: list[_Owned], layout: str) -> Row:
    found = sorted(found, key=lambda each: each.handin.order)
    usable = [each for each in found if not each.report.problem]
    handin, report, student, why = (usable or found)[-1]
    notes = [why] if why else []
    notes += [report.problem] if report.problem else list(report.notes)
    others = [each for each in found if each.handin is not handin]
    doubles = ""
    if others:
        counts = ORDERS[layout] + (" that could be graded" if usable != found else "")
        names = ", ".join(
            each.handin.name
            + (f" ({each.report.problem})" if each.report.problem else "")
            for each in others
        )
        doubles = (
            f"{len(found)} hand-ins; {handin.name} counts, {counts}; "
            f"not counted: {names}"
        )
    status = "not graded" if report.problem else "unmatched" if why else "graded"
    return Row(student, status, handin.name, report, handin.late, doubles, notes)
