"""A teacher's own exercises, from a plain Python file, tried before they count."""

import linecache
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from minitorch.grading import driver
from minitorch.grading.source import error_line
from minitorch.grading.spec import Exercise
from minitorch.grading.tables import Refused

SEEDS = range(20)


class Mutant(NamedTuple):
    """A wrong answer that looks right.

    Args:
        id: of the exercise.
        function: the wrong answer.
        words: what the check's message has to say about it.
    """

    id: str
    function: Callable[..., Any]
    words: str


class Private(NamedTuple):
    """What a teacher's file holds.

    Args:
        exercises: by identifier.
        mutants: wrong answers to them.
    """

    exercises: dict[str, Exercise]
    mutants: list[Mutant]


@cache
def load_private(source: str, name: str = "own.py") -> Private:
    """Run a teacher's file and take its exercises.

    The file is the teacher's own, so it is trusted.

    Args:
        source: the text of the file.
        name: of the file, for messages.

    Raises:
        Refused: when it cannot be run, or EXERCISES and MUTANTS are not as they
            have to be.

    >>> load_private("MUTANTS = []")
    Traceback (most recent call last):
    ...
    minitorch.grading.tables.Refused: own.py has no list EXERCISES
    """
    module = ModuleType("private_exercises")
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    try:
        exec(compile(source, name, "exec"), module.__dict__)
    except Exception as error:
        raise Refused(f"{name} cannot be run: {error_line(error, name)}") from None
    for word in ("EXERCISES", "MUTANTS"):
        if not isinstance(getattr(module, word, None), list):
            raise Refused(f"{name} has no list {word}")
    exercises = _exercises(module.EXERCISES, name)
    if not exercises:
        raise Refused(f"{name}: EXERCISES is empty")
    return Private(exercises, _mutants(module.MUTANTS, exercises, name))


def _exercises(listed: list, name: str) -> dict[str, Exercise]:
    found: dict[str, Exercise] = {}
    for each in listed:
        if not isinstance(each, Exercise):
            raise Refused(
                f"{name}: EXERCISES holds a {type(each).__name__}, not an Exercise"
            )
        if not re.fullmatch(r"private/\w+", each.id):
            raise Refused(f"{name}: {each.id!r} has to be of the form 'private/name'")
        if each.id in found:
            raise Refused(f"{name}: {each.id} stands there twice")
        found[each.id] = each
    return found


def _mutants(listed: list, exercises: dict[str, Exercise], name: str) -> list[Mutant]:
    found = []
    for each in listed:
        if not (isinstance(each, tuple) and len(each) == 3 and callable(each[1])):
            raise Refused(f"{name}: a line of MUTANTS is (id, function, words)")
        mutant = Mutant(*each)
        if mutant.id not in exercises:
            raise Refused(f"{name}: a mutant is for {mutant.id!r}, which is not there")
        found.append(mutant)
    return found


def read_private(path: Path) -> str:
    """Read a teacher's file, and try all that it holds.

    Returns:
        Its text.

    Raises:
        Refused: when it is not there, or its exercises are not sound; see
            `try_private`.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    faults = try_private(load_private(source))
    if faults:
        raise Refused("\n  ".join([f"{path} is not sound:", *faults]))
    return source


def try_private(private: Private) -> list[str]:
    """Try the reference and every wrong answer, under twenty seeds.

    Returns:
        What is wrong with the exercises, a line each; none when all is well.
    """
    faults = []
    for id, exercise in private.exercises.items():
        if exercise.kind in ("prediction", "open"):
            continue
        mutants = [mutant for mutant in private.mutants if mutant.id == id]
        if not mutants:
            faults.append(
                f"{id} has no wrong answer in MUTANTS: nothing shows that its inputs "
                "tell right from wrong"
            )
        faults += _reference_faults(exercise)
        for mutant in mutants:
            faults += _mutant_faults(exercise, mutant)
    return faults


def _reference_faults(exercise: Exercise) -> list[str]:
    for seed in SEEDS:
        verdict = _judge(exercise, exercise.reference, seed)
        if isinstance(verdict, str):
            return [f"{exercise.id}: under seed {seed} {verdict}"]
        if verdict.problem:
            problem = verdict.problem
            return [
                f"{exercise.id}: the reference fails under seed {seed}: "
                f"{problem.compared}: got {problem.got}, wanted {problem.wanted}"
            ]
    return []


def _mutant_faults(exercise: Exercise, mutant: Mutant) -> list[str]:
    called = f"{exercise.id}: the wrong answer {mutant.function.__name__}"
    for seed in SEEDS:
        verdict = _judge(exercise, mutant.function, seed)
        if isinstance(verdict, str):
            return [f"{called}: under seed {seed} {verdict}"]
        if verdict.problem is None:
            return [
                f"{called} passes under seed {seed}: the cases do not tell it from a "
                "right one"
            ]
        said = " ".join(verdict.problem)
        if mutant.words.lower() not in said.lower():
            return [
                f"{called} fails under seed {seed}, but the message does not say "
                f"{mutant.words!r}: {said.strip()}"
            ]
    return []


def _judge(exercise: Exercise, function: Callable, seed: int) -> driver.Verdict | str:
    rng = np.random.default_rng(seed)
    try:
        with np.errstate(all="ignore"):
            return driver.judge_answer(exercise, driver.call_here(function), rng)
    except Exception as error:  # of the teacher's cases or judge
        line = error_line(error, None)
        return f"the reference, the cases or the judge raise: {line}"
