"""Run one answer through the cases of its exercise, whoever calls it.

`judge_answer` never touches the learner's function: it is given `call`, which
may run it here (`call_here`, the notebook's check) or send the arguments to
another process (a grader).
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minitorch.grading.source import error_line
from minitorch.grading.spec import Edge, Exercise, Problem, plain, show, typed

# An answer this many times slower than the reference, and taking longer than
# this many seconds, is right but cannot carry the rest of the chapter.
SLOW_TIMES = 50
SLOW_SECONDS = 0.05


class Reply(NamedTuple):
    """What came of one call of the learner's function."""

    output: Any = None
    error: str = ""  # the exception in one line; empty when the call returned
    changed: int | None = None  # position of an argument that the call changed
    seconds: float = 0.0
    ended: str = ""  # how the call ended its process: too long, too large, died


class Verdict(NamedTuple):
    """What came of an answer: passed, not yet, raised, or how its process ended."""

    status: str
    tried: str = ""
    problem: Problem | None = None
    slower: float | None = None  # how many times, where hopelessly slow
    edge: bool = False  # right but for cases at the edge


def judge_answer(
    exercise: Exercise, call: Callable[[tuple], Reply], rng: np.random.Generator
) -> Verdict:
    """Try an answer on fresh inputs and tell the first problem.

    It stops there, unless the case was one at the edge: then the others decide
    whether the answer is right but for its edges. In each case come, in this order:
    that it returns, that it leaves its arguments alone, type, dtype, shape,
    finiteness, and the exercise's judge.

    Args:
        exercise: what is asked.
        call: runs the learner's function on an argument tuple.
        rng: where the inputs come from.
    """
    slowest, ours, hardest = -1.0, 0.0, ()
    found: Verdict | None = None  # at an edge
    for args in exercise.cases(rng):
        if found and isinstance(args, Edge):
            continue
        start = time.process_time()
        want = exercise.reference(*args)
        spent = time.process_time() - start
        reply = call(args)
        problem = _problem(exercise, args, want, reply)
        if problem:
            if found:
                return found._replace(edge=False)
            status = reply.ended or ("raised" if reply.error else "not yet")
            found = Verdict(status, _tried(exercise, args), problem)
            if not isinstance(args, Edge):
                return found
            found = found._replace(edge=True)
            continue
        if reply.seconds > slowest:
            slowest, ours, hardest = reply.seconds, spent, args
    if found:
        return found
    if _hopeless(slowest, ours):
        slowest = call(hardest).seconds  # the first call may have compiled
        if _hopeless(slowest, ours):
            return Verdict("passed", slower=slowest / max(ours, 1e-6))
    return Verdict("passed")


def _hopeless(seconds: float, reference: float) -> bool:
    return seconds > max(SLOW_SECONDS, SLOW_TIMES * reference)


def _problem(
    exercise: Exercise, args: tuple, want: Any, reply: Reply
) -> Problem | None:
    if reply.error:
        cause = ""
        if reply.error.startswith("NotImplementedError"):
            cause = "The last line of the stub still stands there: delete it."
        if reply.error.startswith("RecursionError"):
            cause = (
                "The function calls itself more deeply than Python allows, about a "
                "thousand times. Keep a list of what is still to do, and a loop."
            )
        for part, known in exercise.errors.items():
            cause = cause or (known if part in reply.error else "")
        return Problem("", reply.error, "", cause)
    if reply.changed is not None:
        name = exercise.names[reply.changed]
        return Problem(
            f"the input {name} before and after the call",
            f"the call changed its input {name}",
            "inputs that stay as they are: the caller still needs them",
            f"`x += ...`, `x[i] = ...` and slices such as x[:n] write into the "
            f"caller's array. Work on a copy: {name}.copy().",
        )
    output = reply.output
    if exercise.kind == "value":
        output = typed(output, want)
    output = plain(output, want, any_shape=exercise.any_shape)
    if isinstance(output, Problem):
        return output
    return exercise.judge(args, output, want)


def _tried(exercise: Exercise, args: tuple) -> str:
    pairs = zip(exercise.names, args, strict=True)
    given = ", ".join(f"{name} = {show(value)}" for name, value in pairs)
    return f"{exercise.reference.__name__} with {given}"


def call_here(function: Callable[..., Any]) -> Callable[[tuple], Reply]:
    """Make a `call` that runs a function in this process, on copies."""

    def call(args: tuple) -> Reply:
        given = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        start = time.process_time()
        try:
            output = function(*given)
        except BaseException as error:  # also exit() and an interrupted loop
            return Reply(error=error_line(error, _file(function)))
        seconds = time.process_time() - start
        for i, (before, after) in enumerate(zip(args, given, strict=True)):
            if isinstance(before, np.ndarray) and not np.array_equal(before, after):
                return Reply(output, "", i, seconds)
        return Reply(output, "", None, seconds)

    return call


def _file(function: Callable[..., Any]) -> str | None:
    return getattr(getattr(function, "__code__", None), "co_filename", None)
