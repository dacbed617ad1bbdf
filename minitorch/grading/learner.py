"""The learner's side: write a function, check it, train with it."""

import contextlib
import dis
import functools
import html
import inspect
import linecache
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from minitorch.cards import CARD, INK
from minitorch.grading import driver
from minitorch.grading.spec import Exercise, chapters, exercises, find

# The newest answer to each exercise in this kernel, and the lines already said.
answers: dict[str, "Answer"] = {}
_said: set[tuple[str, str]] = set()


def exercise(id: str) -> Callable[[Callable[..., Any]], "Answer"]:
    """Mark a function as the learner's answer to an exercise.

    As long as the body is a docstring and `raise NotImplementedError`, or the
    planted bug is still in, calls run the reference and say so once. Once
    `check` has passed it, calls run the function itself.

    Args:
        id: the exercise, such as "subspace/project".

    Raises:
        ValueError: when no exercise has that identifier.

    >>> @exercise("subspace/project")
    ... def project(theta0, P, phi):
    ...     raise NotImplementedError
    >>> project
    <exercise subspace/project: not attempted>
    """
    if not isinstance(id, str):
        raise ValueError('write the identifier: @exercise("chapter/name")')
    spec = find(id)
    return lambda function: Answer(spec, function)


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
        code = getattr(inspect.unwrap(function), "__code__", None)
        self.state = "not attempted" if is_unwritten(code, spec) else "not checked"
        self.slower: float | None = None
        self._checking = False
        answers[spec.id] = self

    @property
    def runs_mine(self) -> bool:
        """Whether a call runs the learner's function, not the reference."""
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
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    if not os.path.exists(file):
        return "".join(linecache.getlines(file))
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(function)
    return ""


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
    if code is None:
        return False
    given = [spec.planted] if spec.planted else []
    given += [f"def f():\n    raise NotImplementedError{call}" for call in ("", "()")]
    return any(_steps(code) == _steps(_first_function(source)) for source in given)


@functools.cache
def _first_function(source: str) -> CodeType:
    module = compile(source, "<stub>", "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


def _steps(code: CodeType) -> list[tuple]:
    return [
        (step.opname, _steps(step.argval))
        if isinstance(step.argval, CodeType)
        else (step.opname, step.argrepr)
        for step in dis.get_instructions(code)
    ]


# ----------------------------------------------------------------------------
# Check
# ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a check found: shown as text or HTML, true when passed."""

    status: str  # passed, not yet, raised, not attempted or no exercise
    title: str
    lines: tuple[tuple[str, str], ...]  # (label, text)

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __repr__(self) -> str:
        rows = [f"{label:>9}  {text}".rstrip() for label, text in self.lines]
        return "\n".join([f"{self.status.upper()}  {self.title}", *rows])

    def _repr_html_(self) -> str:
        colour = {"passed": "#009E73", "not attempted": "#888888"}.get(
            self.status, "#D55E00"
        )
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
            todo = "The code is as it was given: its bug is still in."
        return Result("not attempted", title, (("", f"{todo} Hints stand below."),))
    with answer.under_check():
        verdict = driver.judge_answer(answer.spec, driver.call_here(answer.mine), rng)
    answer.state, answer.slower = verdict.status, verdict.slower
    if verdict.slower:
        text = (
            f"It is right, but {verdict.slower:.0f} times slower than the reference, "
            "so the chapter goes on with the reference. Can it be done in fewer "
            "steps, or on whole arrays at once?"
        )
        return Result("passed", title, (("", text),))
    if verdict.problem is None:
        text = "From here on the chapter runs your function."
        return Result("passed", title, (("", text),))
    problem = verdict.problem
    lines = (
        ("tried", verdict.tried),
        ("compared", problem.compared),
        ("got", problem.got),
        ("wanted", problem.wanted),
        ("likely", problem.cause),
    )
    return Result(verdict.status, title, tuple(line for line in lines if line[1]))


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
