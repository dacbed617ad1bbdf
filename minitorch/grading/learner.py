"""The learner's side: write a function, check it, train with it; or give an answer."""

import ast
import builtins
import contextlib
import functools
import html
import inspect
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from minitorch.cards import CARD, INK, Table, table
from minitorch.grading import driver, source
from minitorch.grading.spec import (
    Exercise,
    Kind,
    chapters,
    exercises,
    find,
    offered,
    personal_rng,
    read_guesses,
    show,
    student_key,
    unwritten,
)

# The newest answer to each exercise in this kernel, and the lines already said.
answers: dict[str, "Answer | Given"] = {}
_said: set[tuple[str, str]] = set()
# The student's number for each personal exercise; "" for the example's data.
_students: dict[str, str] = {}
# The guesses as they stood when their result was first seen.
_seen: dict[str, dict[str, float]] = {}


def exercise(id: str) -> Callable[[Callable[..., Any]], "Answer"]:
    """Mark a function as the learner's answer to an exercise.

    As long as the body is a docstring and `raise NotImplementedError`, or the
    planted bug is still in, calls run the reference and say so once. Once
    `check` has passed it, calls run the function itself.

    Args:
        id: the exercise, such as "subspace/project". One that starts with
            "private/" is the teacher's own: calls run the function as it stands.

    Raises:
        ValueError: when no exercise has that identifier, or it asks for no function.

    >>> @exercise("subspace/project")
    ... def project(theta0, P, phi):
    ...     raise NotImplementedError
    >>> project
    <exercise subspace/project: not attempted>
    """
    if not isinstance(id, str):
        raise ValueError('write the identifier: @exercise("chapter/name")')
    spec = _private(id, "function") if is_private(id) else find(id)
    if spec.kind != "function":
        raise ValueError(f"{id} asks for no function: write answer({id!r}, ...)")
    return lambda function: Answer(spec, function)


def is_private(id: str) -> bool:
    """Tell whether an exercise is the teacher's own, unknown to the course.

    >>> is_private("private/rank"), is_private("subspace/project")
    (True, False)
    """
    return id.startswith("private/")


def _private(id: str, kind: Kind) -> Exercise:
    return Exercise(
        id,
        "Set by your teacher",
        1,
        0,
        reference=lambda: None,
        cases=lambda rng: iter(()),
        judge=lambda args, output, want: None,
        kind=kind,
    )


class Answer:
    """A learner's function, or the reference as long as it has to stand in.

    `answer.mine` is always the learner's own function.
    """

    def __init__(self, spec: Exercise, function: Callable[..., Any]):
        functools.update_wrapper(self, function)
        self.name = getattr(function, "__name__", "the function")
        self.spec = spec
        self.mine = function
        self.source = _source(function)
        self.in_cell = not os.path.exists(_file(function))
        code = getattr(inspect.unwrap(function), "__code__", None)
        self.state = "not attempted" if is_unwritten(code, spec) else "not checked"
        self.slower: float | None = None
        self._checking = False
        answers[spec.id] = self

    @property
    def runs_mine(self) -> bool:
        """Whether a call runs the learner's function, not the reference."""
        if is_private(self.spec.id):
            return True
        return self.state == "passed" and not self.slower

    @contextlib.contextmanager
    def under_check(self) -> Iterator[None]:
        """Let a function that calls itself reach itself, not the reference."""
        self._checking = True
        try:
            yield
        finally:
            self._checking = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._checking:
            return self.mine(*args, **kwargs)
        if self.runs_mine:
            return _in_float_type(self.mine(*args, **kwargs), args)
        self._say_what_runs()
        return self.spec.reference(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<exercise {self.spec.id}: {self.state}>"

    def _say_what_runs(self) -> None:
        if (self.spec.id, self.state) in _said:
            return
        _said.add((self.spec.id, self.state))
        why = {
            "not attempted": "not written yet",
            "not checked": f"not checked yet, run check({self.name})",
            "passed": f"right, but {self.slower or 0:.0f} times slower",
        }.get(self.state, "your function has not passed its check")
        print(f"[{self.spec.id}] {why}: the reference runs.")


def _source(function: Callable[..., Any]) -> str:
    """The cell that a function stands in, or its lines of a file, or ''."""
    file = _file(function)
    if not os.path.exists(file):
        return "".join(linecache.getlines(file))
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(function)
    return ""


def _file(function: Callable[..., Any]) -> str:
    return getattr(getattr(function, "__code__", None), "co_filename", "")


def _in_float_type(output: Any, args: tuple) -> Any:
    """Give a float result the float type of the inputs, as the engine needs it."""
    floats = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    if floats and isinstance(output, np.ndarray) and output.dtype.kind == "f":
        return output.astype(np.result_type(*floats), copy=False)
    return output


# ----------------------------------------------------------------------------
# Unwritten, told from the bytecode (there may be no source)
# ----------------------------------------------------------------------------


def is_unwritten(code: CodeType | None, spec: Exercise) -> bool:
    """Tell whether a function is still as the notebook gave it.

    Docstrings, comments and layout do not count.

    >>> spec = find("subspace/project")
    >>> def stub(theta0, P, phi):
    ...     '''Go from d coordinates to D weights.'''
    ...     raise NotImplementedError
    >>> is_unwritten(stub.__code__, spec)
    True
    >>> is_unwritten((lambda theta0, P, phi: theta0).__code__, spec)
    False
    """
    return source.is_unwritten(code, spec.planted)


# ----------------------------------------------------------------------------
# Check
# ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a check found: shown as text or HTML, true when passed."""

    status: str  # passed, not yet, raised, not attempted, noted, to read, no exercise
    title: str
    lines: tuple[tuple[str, str], ...]  # (label, text)

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __repr__(self) -> str:
        rows = [f"{label:>9}  {text}".rstrip() for label, text in self.lines]
        return "\n".join([f"{self.status.upper()}  {self.title}", *rows])

    def _repr_html_(self) -> str:
        colour = {
            "passed": "#009E73",
            "noted": "#0072B2",
            "to read": "#0072B2",
            "not attempted": "#888888",
        }.get(self.status, "#D55E00")
        rows = "".join(
            f'<p style="margin:.2em 0">{f"<em>{label}:</em> " if label else ""}'
            f"{_code(text)}</p>"
            for label, text in self.lines
        )
        return (
            f'<div class="course-check" style="{CARD};max-width:620px;'
            f'border-left:6px solid {colour}">'
            f'<p style="margin:.2em 0"><strong>{self.status.capitalize()}</strong>'
            f" &nbsp; {html.escape(self.title)}</p>{rows}</div>"
        )


def _code(text: str) -> str:
    code = rf'<code style="background:#f1f3f5;color:{INK}">\1</code>'
    return re.sub(r"`([^`]+)`", code, html.escape(text))


def check(answer: Any) -> Result:
    """Try a learner's function on fresh random inputs and say what it found.

    Never raises, takes a fraction of a second. When the function passes, the
    rest of the notebook runs it.

    Args:
        answer: the function under `@exercise(...)`.

    >>> @exercise("subspace/project")
    ... def project(theta0, P, phi):
    ...     return theta0 + P @ phi
    >>> check(project)
    PASSED  subspace/project: ...
    """
    return check_with(answer, np.random.default_rng())


def check_with(answer: Any, rng: np.random.Generator) -> Result:
    """Check with a given generator, so that a test can repeat it."""
    if not isinstance(answer, Answer):
        return _no_exercise(answer)
    title = f"{answer.spec.id}: {answer.spec.title}"
    if answer.state == "not attempted":
        todo = "Write the body of the function, then run this cell again."
        if answer.spec.planted:
            todo = "The code is as it was given, with all that is wrong in it."
        if not is_private(answer.spec.id):
            todo += " Hints stand below."
        return Result("not attempted", title, (("", todo),))
    if is_private(answer.spec.id):
        answer.state = "noted"
        return Result("noted", title, (("", "Your teacher grades this one."),))
    with answer.under_check():
        verdict = driver.judge_answer(answer.spec, driver.call_here(answer.mine), rng)
    answer.state, answer.slower = verdict.status, verdict.slower
    if verdict.slower:
        text = (
            f"It is right, but {verdict.slower:.0f} times slower than the reference, "
            "so the chapter goes on with the reference. Can it be done in fewer "
            "steps, or on whole arrays at once?"
        )
    elif verdict.problem is None:
        text = "From here on the chapter runs your function."
    if verdict.problem is None:
        mind = _elsewhere(answer.spec, answer.source) if answer.in_cell else ()
        return Result("passed", title, (("", text), *mind))
    return Result(verdict.status, title, _problem_lines("tried", verdict))


def _elsewhere(spec: Exercise, source: str) -> tuple[tuple[str, str], ...]:
    """Warn of what an exercise's cell takes from where a grader has nothing."""
    chapter = spec.id.split("/")[0]
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a magic, such as %time
        return ()
    used: set[str] = set()
    modules: set[str] = set()
    made = set(dir(builtins)) | offered(chapter)
    if spec.kind == "function":
        made |= {id.split("/")[1] for id in exercises(chapter)}
    for node in nodes:
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            from_where = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules.update(from_where or [alias.name for alias in node.names])
            made.update((a.asname or a.name).split(".")[0] for a in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            made.add(node.name)
    there = sys.stdlib_module_names | {"numpy", "minitorch"}
    missing = {
        name
        for name in modules
        if name.split(".")[0] not in there or name.startswith("minitorch.weird")
    }
    lines = []
    if names := _in_code(used - made):
        text = (
            f"{names} comes from another cell. A grader takes its last definition from "
            "there, but runs no other cell: to be safe, make or import it in this one; "
            "of a number, type the number."
        )
        lines.append(("mind", text))
    if names := _in_code(missing):
        text = f"{names} is missing where a grader runs this cell: it has NumPy only."
        lines.append(("mind", text))
    return tuple(lines)


def _in_code(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _problem_lines(label: str, verdict: driver.Verdict) -> tuple[tuple[str, str], ...]:
    problem = verdict.problem
    assert problem
    lines = (
        (label, verdict.tried),
        ("compared", problem.compared),
        ("got", problem.got),
        ("wanted", problem.wanted),
        ("likely", problem.cause),
    )
    return tuple(line for line in lines if line[1])


# ----------------------------------------------------------------------------
# Values, predictions and texts
# ----------------------------------------------------------------------------


class Given:
    """A learner's answer that is no function: a value, guesses or a text."""

    def __init__(self, spec: Exercise, value: Any, source: str, in_cell: bool):
        self.spec = spec
        self.value = value
        self.in_cell = in_cell and bool(source)
        self.source = source or f"answer({spec.id!r}, {value!r})"
        self.slower = None
        self.guesses: dict[str, float] = {}
        self.result = self._looked_at()
        answers[spec.id] = self

    @property
    def state(self) -> str:
        """What `progress` shows."""
        late = ", changed after the result was seen" if self.late else ""
        return self.result.status + late

    @property
    def late(self) -> bool:
        """Whether there are guesses other than the result was set beside."""
        return bool(self.guesses) and _seen.get(self.spec.id) not in (
            None,
            self.guesses,
        )

    def _looked_at(self) -> Result:
        title = f"{self.spec.id}: {self.spec.title}"
        if unwritten(self.spec, self.value):
            todo = {
                "prediction": "Put numbers in place of None",
                "open": "Write your text between the quotes",
            }.get(self.spec.kind, "Put your answer in place of ...")
            line = f"{todo}, then run this cell again."
            if self.spec.kind == "value" and not is_private(self.spec.id):
                line += " Hints stand below."
            return Result("not attempted", title, (("", line),))
        if is_private(self.spec.id):
            return Result("noted", title, (("", "Your teacher grades this one."),))
        if self.spec.kind == "value":
            return self._judged(title)
        if self.spec.kind == "prediction":
            return self._noted(title)
        if not isinstance(self.value, str):
            return Result("not yet", title, (("", "Wanted is a text in quotes."),))
        words = len(self.value.split())
        text = f"Noted, {words} words. To be read by a person."
        return Result("to read", title, (("", text),))

    def _judged(self, title: str) -> Result:
        student = _students.get(self.spec.id, "")
        if self.spec.personal and not student:
            text = (
                "These are not your data yet. Put your student number between the "
                'quotes of `personal(..., student="")`, and run this cell again.'
            )
            return Result("not yet", title, (("", text),))
        rng = personal_rng(self.spec.id, student)
        reply = driver.Reply(self.value)
        verdict = driver.judge_answer(self.spec, lambda args: reply, rng)
        if verdict.problem:
            return Result("not yet", title, _problem_lines("data", verdict))
        mine = f" It is the answer for the number {student}." if student else ""
        mind = _elsewhere(self.spec, self.source) if self.in_cell else ()
        return Result("passed", title, (("", f"Right.{mine}"), *mind))

    def _noted(self, title: str) -> Result:
        self.guesses, remarks = read_guesses(self.spec, self.value)
        count = f"{len(self.guesses)} of {len(self.spec.questions)} guesses noted."
        status = "noted" if self.guesses else "not yet"
        return Result(status, title, (("", count), *remarks))


def answer(id: str, value: Any) -> Any:
    """Give the answer to an exercise that asks for no function, and look at it.

    A value is checked. Guesses are noted, whatever they say. A text is noted, to be
    read by a person. `...` or None stand for "not attempted", in guesses for each.

    Args:
        id: the exercise, such as "engine/own_slopes". One that starts with
            "private/" is the teacher's own, and only noted.
        value: the answer.

    Returns:
        The value, as given.

    Raises:
        ValueError: when no exercise has that identifier, or it asks for a function.

    >>> slopes = answer("engine/own_slopes", ...)
    NOT ATTEMPTED  engine/own_slopes: ...
    """
    spec = _private(id, "value") if is_private(str(id)) else find(id)
    if spec.kind == "function":
        name = spec.reference.__name__
        raise ValueError(
            f'{id} asks for a function: put @exercise("{id}") above def {name}(...)'
        )
    frame = sys._getframe(1)
    file = frame.f_code.co_filename
    in_cell = not os.path.exists(file)
    source = _statement(file, frame.f_lineno, in_cell)
    _display(Given(spec, value, source, in_cell).result)
    return value


def _statement(file: str, line: int, in_cell: bool) -> str:
    """The cell that a line stands in, or its statement of a file, or ''."""
    source = "".join(linecache.getlines(file))
    if in_cell:
        return source
    found = ""
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):  # the innermost comes last
            if isinstance(node, ast.stmt) and (
                node.lineno <= line <= (node.end_lineno or 0)
            ):
                found = ast.get_source_segment(source, node) or ""
    return found


def _display(shown: Any) -> None:
    """Show a card in a notebook, and print it elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython and ipython.get_ipython():
        ipython.display.display(shown)
    else:
        print(shown)


def personal(id: str, student: str = "") -> tuple:
    """Give a student's own data for a personal exercise, and show them.

    Args:
        id: the exercise.
        student: the number under which the teacher's list has the student. Spaces,
            dashes and case do not matter. Without one come an example's data.

    Returns:
        The data, a tuple.

    Raises:
        ValueError: when no personal exercise has that identifier.

    >>> a, b, c = personal("engine/own_slopes", student="1234567")
    [engine/own_slopes] data of 1234567: a = ...
    """
    spec = find(id)
    if not spec.personal:
        raise ValueError(f"{id} is the same for everybody: it has no personal data")
    number = student_key("" if student is None or student is ... else student)
    data = next(spec.cases(personal_rng(id, number)))
    _students[id] = number
    whose = f"data of {number}" if number else "no student number yet, an example"
    pairs = zip(spec.names, data, strict=True)
    given = ", ".join(f"{name} = {show(value)}" for name, value in pairs)
    print(f"[{id}] {whose}: {given}")
    return tuple(data)


def reveal(id: str, measured: Sequence[object], note: str = "") -> Table:
    """Set the guesses of a prediction beside what came out.

    A guess changed after this is marked as such, here and in `progress`.

    Args:
        id: the exercise.
        measured: what came out, in the order of its questions.
        note: where the measured numbers come from.

    Raises:
        ValueError: when no prediction has that identifier, or the numbers are not as
            many as its questions.

    >>> guesses = answer("engine/guesses", {"max-pool: NumPy's time / compiled": 3})
    NOTED  engine/guesses: ...
    >>> reveal("engine/guesses", [1048576, 5.0, 2.0, 0.9])
    Your guesses, and what came out
    question ...
    """
    spec = find(id)
    if spec.kind != "prediction":
        raise ValueError(f"{id} asks for no guesses: there is nothing to reveal")
    if len(measured) != len(spec.questions):
        asked = len(spec.questions)
        raise ValueError(
            f"got {len(measured)} numbers for the {asked} questions of {id}"
        )
    given = answers.get(id)
    guesses = given.guesses if isinstance(given, Given) else {}
    _seen.setdefault(id, guesses)
    late = isinstance(given, Given) and given.late
    caption = "Your guesses, and what came out"
    caption += "; changed after the result was seen" if late else ""
    return table(
        ["question", "your guess", "measured"],
        [
            [question, guesses.get(question, "none"), out]
            for question, out in zip(spec.questions, measured, strict=True)
        ],
        caption=f"{caption}; {note}" if note else caption,
    )


def _no_exercise(answer: Any) -> Result:
    name = getattr(answer, "__name__", None)
    ids = [id for chapter in chapters() for id in exercises(chapter)]
    found = [id for id in ids if id.split("/")[1] == name]
    if found:
        text = (
            f'{name} is a plain function: put @exercise("{found[0]}") above its '
            "def, run that cell, and check again."
        )
    else:
        text = (
            f"check takes a function that stands under @exercise(...), got "
            f"{type(answer).__name__}" + (f" {name}." if name else ".")
        )
    return Result("no exercise", "nothing was checked", (("", text),))
