"""Grade one notebook: its code runs in a sandbox, and only plain values come back."""

import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

import minitorch
from minitorch.grading import driver
from minitorch.grading.driver import Reply
from minitorch.grading.handin import Cell, Notebook, NotebookError, read_notebook
from minitorch.grading.handin import shipped as shipped_notebook
from minitorch.grading.report import Outcome, Report, Status
from minitorch.grading.sandbox import (
    CLOCK,
    MB,
    Ended,
    Limits,
    Process,
    Sandbox,
    Watch,
    start_referee,
)
from minitorch.grading.spec import (
    Exercise,
    Problem,
    personal_rng,
    read_guesses,
    student_key,
    unwritten,
)

_QUESTIONS = 1000  # that one call or cell may have for its grader
_DRAWS = 20  # of personal data for one hand-in
_STARTS = 50  # of a process for one hand-in
_SOURCE = 200_000  # characters of a cell that is run; of all others together
_LINES = 30  # that an outcome has at most
_NOTES = 20  # that a report has at most
_TEXT = 20_000  # characters of an open answer that are kept
_FIRST_CELL = re.compile(
    r"\bminitorch\.setup\(|^[^\S\n]*[%!][^\S\n]*pip\b", re.MULTILINE
)
Lines = tuple[tuple[str, str], ...]


def grade_notebook(
    raw: bytes,
    chapter: str,
    seed: int,
    *,
    student: str | None,
    exercises: dict[str, Exercise],
    limits: Limits,
    sandbox: Sandbox,
) -> Report:
    """Grade a handed-in notebook.

    Args:
        raw: the bytes of its file.
        chapter: whose notebook it should be.
        seed: the teacher's; the hidden inputs come from it.
        student: the number under which the teacher's list has the student, for
            personal data; None takes the one in the notebook.
        exercises: what to grade, by identifier, in order.
        limits: what the learner's code may use.
        sandbox: where it runs.

    Raises:
        SandboxError: when the sandbox itself does not start.

    >>> with Sandbox.open(unsafe=True) as sandbox:
    ...     grade_notebook(
    ...         b"PK",
    ...         "engine",
    ...         7,
    ...         student=None,
    ...         exercises={},
    ...         limits=Limits(),
    ...         sandbox=sandbox,
    ...     ).problem
    'not a notebook: its text is no JSON (...)'
    """
    try:
        notebook = read_notebook(raw)
    except NotebookError as error:
        return Report(chapter, problem=_clean(str(error)))
    version = _clean(notebook.course_version)
    problem = _wrong_notebook(notebook, chapter, exercises)
    if problem:
        return Report(chapter, version, problem=problem)
    notes = []
    if version != minitorch.__version__:
        notes.append(
            f"written for course version {version or 'unknown'}; graded by its "
            f"identifiers with version {minitorch.__version__}"
        )
    with _Session(notebook, chapter, student, exercises, limits, sandbox) as session:
        outcomes = tuple(
            _grade_one(session, exercise, seed) for exercise in exercises.values()
        )
        notes += session.notes()
    if len(notes) > _NOTES:
        notes[_NOTES:] = [f"and {len(notes) - _NOTES} more"]
    return Report(chapter, version, outcomes, tuple(map(_clean, notes)))


def _wrong_notebook(
    notebook: Notebook, chapter: str, exercises: dict[str, Exercise]
) -> str:
    if notebook.answers & exercises.keys():
        return ""
    others = sorted(notebook.chapters - {chapter})
    if others:
        return f"the notebook of another chapter: {_clean(', '.join(others))}"
    return f"no exercise of the chapter {chapter} stands in it"


def _clean(text: str, longest: int = 500) -> str:
    """Bring a text that a learner may have made into one printable line."""
    line = "".join(c if c.isprintable() else " " for c in text[:longest])
    return line if len(text) <= longest else line + " ..."


# ----------------------------------------------------------------------------
# The learner's process, through all its lives
# ----------------------------------------------------------------------------


@dataclass
class _Step:
    """A cell to be run, and what came of it."""

    name: str
    source: str
    answers: tuple[str, ...] = ()
    error: str = ""
    ended: Ended | None = None  # it ended the process: it is left out from then on


class _Look(NamedTuple):
    """What was handed in to one exercise."""

    values: list[Any]
    unwritten: list[bool]
    functions: list[bool]
    cells: list[str]


@dataclass
class _Session:
    """A hand-in whose cells have run, in a process that is started again as needed."""

    notebook: Notebook
    chapter: str
    student: str | None
    exercises: dict[str, Exercise]
    limits: Limits
    sandbox: Sandbox
    steps: list[_Step] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)  # cells that are not run
    process: Process | None = None
    referee: Process | None = None
    size: int = 0  # how many processes there are when all cells have run
    referee_seconds: float = 0.0  # of CPU that references have taken
    spent: float = 0.0  # CPU seconds of the learner's code
    begun: float = field(default_factory=time.monotonic)
    own_begun: float = field(default_factory=time.thread_time)
    starts: int = 0
    draws: dict[tuple[str, str], tuple] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)  # students' numbers, by id

    def __enter__(self) -> "_Session":
        self.steps = _shipped_setup(self.chapter)
        room = _SOURCE
        for number, cell in enumerate(self.notebook.cells, 1):
            name = f"cell {number}"
            if cell.answers or cell.draws_data or _is_setup(cell):
                step = _Step(name, cell.source, cell.answers)
                if len(cell.source) > _SOURCE:
                    text = f"has more than {_SOURCE:,} characters"
                    step.ended = Ended("too large", text)
                self.steps.append(step)
            elif len(cell.source) <= room:
                self.others[name] = cell.source
                room -= len(cell.source)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self.referee:
            self.referee.stop()

    def stop(self) -> None:
        """End the learner's process, where there is one."""
        if self.process:
            self.process.stop()
            self.process = None

    def request(
        self, message: dict[str, Any], seconds: float, most: int, earlier: list[str]
    ) -> Any:
        """Have the process do something, and answer what it asks meanwhile.

        Raises:
            Ended: when the process ends over it.
        """
        assert self.process
        watch = Watch(self.process, seconds)
        questions = 0
        try:
            self.process.send(message, watch)
            while True:
                reply = self.process.receive(most, watch)
                if not {"ask", "personal"} & reply.keys():
                    return reply
                questions += 1
                if questions > _QUESTIONS:
                    text = f"called earlier exercises over {_QUESTIONS:,} times"
                    raise Ended("too long", text)
                with watch.paused():
                    if "ask" in reply:
                        answer = self._from_reference(reply, earlier)
                    else:
                        answer = self._personal(reply)
                self.process.send(answer, watch)
        except Ended:
            self.stop()
            raise
        finally:
            self.spent += watch.spent

    def runs_on(self) -> bool:
        """Tell whether a call has left something running."""
        return self.process is not None and len(self.process.tree()) > self.size

    def check(self, reply: dict[str, Any], **kinds: type) -> None:
        """See that a reply has the form that the course's own code gives it.

        Raises:
            Ended: when it has not; then the process is stopped.
        """
        if any(type(reply.get(key)) is not kind for key, kind in kinds.items()):
            self.stop()
            raise Ended("died", "broke its conversation with the grader")

    def ready(self) -> None:
        """See that a process runs in which all cells have run.

        Raises:
            Ended: when the hand-in has used up all its time.
        """
        self.in_time()
        while self.process is None:
            self.process = self.sandbox.start(self.limits)
            self.starts += 1
            self.spent += self.process.seen
            planted = {id: each.planted for id, each in self.exercises.items()}
            start = {"do": "start", "planted": planted, "others": self.others}
            self.request(start, 10.0, 1000, [])
            for step in self.steps:
                if not step.ended and not self._run(step):
                    break
                self.in_time()
            if self.process:
                self.size = len(self.process.tree())
            self.in_time()

    def in_time(self) -> None:
        """See that the hand-in as a whole is within its limits.

        Raises:
            Ended: when it is not; then its process is stopped.
        """
        most = self.limits.whole_seconds
        ours = time.thread_time() - self.own_begun + self.referee_seconds
        clock = time.monotonic() - self.begun
        if self.spent + ours > most:
            text = f"took over {most:g} s of CPU in all"
        elif clock > CLOCK * most:
            text = f"was not done after {clock:.0f} seconds in all"
        elif self.process is None and self.starts >= _STARTS:
            text = f"had to be started over {_STARTS} times"
        else:
            return
        self.stop()
        raise Ended("too long", text)

    def _run(self, step: _Step) -> bool:
        message = {"do": "cell", "name": step.name, "source": step.source}
        try:
            reply = self.request(message, self.limits.seconds, MB, [])
            self.check(reply, error=str, memory=bool)
            step.error = _clean(reply["error"])
            if reply["memory"]:
                self.stop()
                raise Ended("too large", f"raised {step.error}")
        except Ended as ended:
            step.ended = ended
            return False
        return True

    def look(self, id: str) -> _Look:
        """See what was handed in to an exercise.

        Raises:
            Ended: when the process ends over it.
        """
        self.ready()
        message = {"do": "look", "id": id, "reply_bytes": self.limits.reply}
        reply = self.request(message, 5.0, self.limits.reply + MB, [])
        self.check(reply, output=list, unwritten=list, functions=list, cells=list)
        values, *others = (
            reply["output" if k == "values" else k] for k in _Look._fields
        )
        for each, kind in zip(others, (bool, bool, str), strict=True):
            if len(each) != len(values) or any(type(one) is not kind for one in each):
                self.check(reply, wrong=bool)
        return _Look(values, *others)

    def caller(self, exercise: Exercise) -> Callable[[tuple], Reply]:
        """Make a `call` for `judge_answer` that runs in the learner's process."""
        before = list(self.exercises)
        earlier = before[: before.index(exercise.id)]
        earlier = [
            id
            for id in earlier
            if self.exercises[id].kind == "function" and not id.startswith("private/")
        ]
        left = self.limits.exercise_seconds

        def call(args: tuple) -> Reply:
            nonlocal left
            size = sum(a.nbytes for a in args if isinstance(a, np.ndarray))
            most = max(self.limits.reply, 4 * size)
            message = {
                "do": "call",
                "id": exercise.id,
                "args": tuple(args),
                "earlier": earlier,
                "reply_bytes": most,
            }
            seconds = min(self.limits.seconds, left)
            spent = self.spent
            try:
                if seconds <= 0:
                    text = f"took over {self.limits.exercise_seconds:g} s in all calls"
                    raise Ended("too long", text)
                self.ready()
                spent = self.spent
                reply = self.request(message, seconds, most + MB, earlier)
                took = self.spent - spent
                left -= took
                self.check(reply, error=str, memory=bool, args=tuple)
                if reply["memory"] or self.runs_on():
                    self.stop()  # the next call gets a fresh start
                if reply["error"]:
                    ended = "too large" if reply["memory"] else ""
                    return Reply(error=_clean(reply["error"]), ended=ended)
                changed = _changed(args, reply["args"])
                return Reply(reply.get("output"), "", changed, took)
            except Ended as ended:
                left -= self.spent - spent
                return Reply(error=f"the code {ended.text}", ended=ended.status)

        return call

    # -- what the process asks for ---------------------------------------------

    def _from_reference(self, asked: dict[str, Any], earlier: list[str]) -> Any:
        """Give the reference's result of an earlier exercise."""
        if not isinstance(asked["ask"], str) or asked["ask"] not in earlier:
            return {"output": None, "error": "this exercise may not be called here"}
        left = self.limits.seconds - self.referee_seconds
        if left <= 0:
            text = "the references have taken too long on what they were given"
            return {"output": None, "error": text}
        question = {
            "do": "call",
            "id": asked["ask"],
            "args": asked.get("args"),
            "kwargs": asked.get("kwargs"),
        }
        if self.referee is None:
            self.referee = start_referee()
        watch = Watch(self.referee, left)
        try:
            self.referee.send(question, watch)
            reply = self.referee.receive(16 * MB, watch)
            self.referee_seconds += watch.spent
            return reply
        except Ended as ended:
            self.referee_seconds = self.limits.seconds
            return {"output": None, "error": f"the reference {ended.text}"}

    def _personal(self, asked: dict[str, Any]) -> Any:
        """Give a student's own data."""
        id, typed = str(asked["personal"]), str(asked.get("student", ""))[:40]
        exercise = self.exercises.get(id)
        if exercise is None or not exercise.personal:
            return {"output": None, "error": f"{_clean(id)} has no personal data"}
        self.typed[id] = student_key(typed)
        draw = id, self.number(id)
        if draw not in self.draws:
            if len(self.draws) == _DRAWS:
                text = f"personal data are given for {_DRAWS} numbers, and no more"
                return {"output": None, "error": text}
            self.draws[draw] = tuple(next(exercise.cases(personal_rng(*draw))))
        return {"output": self.draws[draw], "error": ""}

    def number(self, id: str) -> str:
        """Give the student's number: the teacher's, or else the one typed in."""
        return student_key(self.student or "") or self.typed.get(id, "")

    # -- what the teacher should know ------------------------------------------

    def notes(self) -> list[str]:
        """Say what was odd about the hand-in."""
        found = list(self.remarks)
        theirs = student_key(self.student or "")
        for id, typed in self.typed.items():
            if theirs and typed and typed != theirs:
                found.append(f"{id} has the data of {typed}, graded is {theirs}")
        for step in self.steps:
            if step.ended:
                found.append(f"{step.name} was left out: it {step.ended.text}")
            elif step.error:
                found.append(f"{step.name} raised {step.error}")
        return found


def _shipped_setup(chapter: str) -> list[_Step]:
    """The set-up cells as the course has them, for who deleted or changed them."""
    path = shipped_notebook(chapter)
    if path is None:
        return []
    cells = read_notebook(path.read_bytes()).cells
    return [
        _Step("the course's set-up", cell.source) for cell in cells if _is_setup(cell)
    ]


def _is_setup(cell: Cell) -> bool:
    """Tell a set-up cell; the very first, which installs the course, is none here."""
    return "setup" in cell.tags and not _FIRST_CELL.search(cell.source)


def _changed(before: tuple, after: Any) -> int | None:
    """Position of the first argument that a call changed, or None."""
    for i, (old, new) in enumerate(zip(before, after, strict=False)):
        # Nothing but an array is made one here: lists can blow up.
        same = type(new) is np.ndarray and np.array_equal(old, new)
        if isinstance(old, np.ndarray) and not same:
            return i
    return None


# ----------------------------------------------------------------------------
# One exercise
# ----------------------------------------------------------------------------


def _grade_one(session: _Session, exercise: Exercise, seed: int) -> Outcome:
    numbered = enumerate(session.notebook.cells, 1)
    cells = {f"cell {n}": c for n, c in numbered if exercise.id in c.answers}
    counted = list(cells)[-1:]

    def outcome(
        status: Status, credit: float | None = 0.0, lines: Lines = (), text: str = ""
    ) -> Outcome:
        return Outcome(
            exercise.id,
            exercise.title,
            status,
            None if credit is None else credit * exercise.points,
            exercise.points,
            tuple((label, _clean(text)) for label, text in lines[:_LINES] if text),
            source()[:_SOURCE],
            text,
        )

    def source() -> str:
        return "".join(cells[name].source for name in counted)

    def for_a_person(text: str, why: str = "") -> Outcome:
        if len(text) > _TEXT:
            text = f"{text[:_TEXT]}\n[cut: the text has {len(text):,} characters]"
        lines = (("", f"{why}A person reads this one."),)
        return outcome("to read", None, lines, text)

    if not cells:
        return outcome("missing", lines=(("", "The notebook has no cell for it."),))
    try:
        look = session.look(exercise.id)
    except Ended as ended:
        return outcome(ended.status, lines=(("", f"The code {ended.text}."),))
    if not look.values:
        steps = [s for s in session.steps if exercise.id in s.answers]
        if exercise.kind == "open" and any(s.ended or s.error for s in steps):
            return for_a_person(source(), "The cell did not run to its end. ")
        for step in steps:
            if step.ended:
                text = f"The code of {step.name} {step.ended.text}."
                return outcome(step.ended.status, lines=(("", text),))
        for step in steps:
            if step.error:
                hint = _likely(step.error)
                return outcome("raised", lines=(("got", step.error), ("likely", hint)))
        text = "The cell ran, but gave no answer."
        return outcome("missing", lines=(("", text),))
    written = [
        not look.unwritten[i]
        if exercise.kind == "function"
        else not unwritten(exercise, value)
        for i, value in enumerate(look.values)
    ]
    counts = max(i for i, each in enumerate(written) if each or not any(written))
    if look.cells[counts] in cells:
        counted = [look.cells[counts]]
    if len(look.values) > 1:
        session.remarks.append(
            f"{exercise.id} is answered {len(look.values)} times; "
            f"{_clean(look.cells[counts], 20)} counts, the last that is written"
        )
    if exercise.kind == "function":
        if not any(look.functions):
            text = f'Wanted is a function under @exercise("{exercise.id}").'
            return outcome("not yet", lines=(("", text),))
        if not any(written):
            return outcome("not attempted", lines=(("", "Still as it was given."),))
        call = session.caller(exercise)
        rng = np.random.default_rng([seed, zlib.crc32(exercise.id.encode())])
        return outcome(*_judged(session, exercise, call, rng))
    if not any(written):
        return outcome("not attempted", lines=(("", "Still as it was given."),))
    value = look.values[counts]
    if exercise.kind == "prediction":
        guesses, remarks = read_guesses(exercise, value)
        share = len(guesses) / len(exercise.questions)
        status: Status = "passed" if share == 1 else "partly" if share else "not yet"
        return outcome(status, share, remarks)
    if exercise.kind == "open":
        if not isinstance(value, str):
            return outcome("not yet", lines=(("", "Wanted is a text in quotes."),))
        return for_a_person(value)
    number = session.number(exercise.id) if exercise.personal else ""
    if exercise.personal and not number:
        text = "The student's number is not known, so neither are the data."
        return outcome("not yet", lines=(("", text),))
    rng = personal_rng(exercise.id, number)
    return outcome(*_judged(session, exercise, lambda args: Reply(value), rng))


def _likely(error: str) -> str:
    """Say what is different here from the notebook, where that may be the cause."""
    if error.startswith("ModuleNotFoundError"):
        return (
            "Where it is graded, there are numpy, the engine and Python's own library."
        )
    if error.startswith("NameError"):
        return "Only answers and set-up cells are run, and what these need by its name."
    return ""


def _judged(
    session: _Session,
    exercise: Exercise,
    call: Callable[[tuple], Reply],
    rng: np.random.Generator,
) -> tuple[Status, float, Lines]:
    """Judge an answer: status, share of the points, and what to say."""

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        try:
            return exercise.judge(args, output, want)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            session.remarks.append(f"the check of {exercise.id} raised {text}")
            return Problem("the result", "what the check cannot read", "another form")

    with np.errstate(all="ignore"):
        verdict = driver.judge_answer(replace(exercise, judge=judge), call, rng)
    if verdict.problem is None:
        text = "Right, but far slower than need be." if verdict.slower else "Right."
        return "passed", 1.0, (("", text),)
    problem = verdict.problem
    lines: Lines = (
        ("tried", verdict.tried),
        ("compared", problem.compared),
        ("got", problem.got),
        ("wanted", problem.wanted),
        ("likely", problem.cause or _likely(problem.got)),
    )
    if verdict.edge:
        note = ("", "Right everywhere but at the edge that is shown here: half.")
        return "partly", 0.5, (note, *lines)
    status: Any = verdict.status
    return status, 0.0, lines
