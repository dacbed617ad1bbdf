"""What an exercise is: its inputs, its reference, and how an answer is judged.

Nothing here calls a learner's code. `cases` makes plain arguments from any
random generator and `judge` looks at a plain output, so the same specification
serves the check in a notebook and a grader whose learner runs in another
process, under another seed.
"""

import difflib
import importlib
import inspect
import pkgutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

Rng = np.random.Generator
Cases = Iterator[tuple]


def normal(rng: Rng, *shape: int, dtype: type = np.float32) -> np.ndarray:
    """Draw normal numbers for a case, of mean 0 and spread 1.

    >>> normal(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    return rng.normal(size=shape).astype(dtype)


class Problem(NamedTuple):
    """What is wrong with an answer, in words that teach."""

    compared: str
    got: str
    wanted: str
    cause: str = ""


Judge = Callable[[tuple, Any, Any], Problem | None]
Kind = Literal["function", "value", "prediction", "open"]


class Edge(tuple):
    """An argument tuple at the edge of what is asked: no rows, one number, a tie.

    An answer that is right everywhere else and fails only here gets half its points.

    >>> Edge((1, 2)) == (1, 2)
    True
    """


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        id: "chapter/name"; it never changes.
        title: what stands above the exercise.
        difficulty: 1 to 3; what it is worth in points, where the teacher does not
            say otherwise.
        minutes: how long it takes.
        reference: the right function, on plain arrays.
        cases: yields argument tuples, a trivial one first, from a generator. For
            a value there is one, of the data that the value is computed from.
        judge: (arguments, output, reference's output) -> None or a Problem.
            The output has the form of the reference's (see `plain`).
        kind: what the learner hands in: a function; a value (a number or an array);
            a prediction (numbers, made before the run); or an open text, which a
            person reads.
        personal: whether the data of a value are drawn from the student's number.
        rubric: what an open text is read for, one line a point.
        questions: of a prediction, each with the smallest and the largest number
            that makes sense as an answer.
        planted: source of the function as the notebook shows it, where the
            exercise is to find a planted bug; else empty.
        any_shape: whether the judge looks at the shape of an array itself,
            because the general message would say too little.
        errors: what an exception of the learner's function says, or a part of it, and
            its likely cause.
    """

    id: str
    title: str
    difficulty: int
    minutes: int
    reference: Callable[..., Any]
    cases: Callable[[np.random.Generator], Iterator[tuple]]
    judge: Judge
    planted: str = ""
    any_shape: bool = False
    kind: Kind = "function"
    personal: bool = False
    rubric: str = ""
    questions: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """What it is worth, where the teacher does not say otherwise."""
        return float(self.difficulty)

    @property
    def names(self) -> list[str]:
        """The names of the arguments."""
        return list(inspect.signature(self.reference).parameters)


def prediction(
    id: str, title: str, minutes: int, questions: Mapping[str, tuple[float, float]]
) -> Exercise:
    """Make an exercise that asks for guesses before a run.

    Args:
        id: "chapter/name".
        title: what stands above the exercise.
        minutes: how long it takes.
        questions: each with the smallest and the largest sensible number.

    >>> prediction("c/guesses", "Guess", 3, {"accuracy": (0, 1)}).points
    1.0
    """
    return Exercise(
        id,
        title,
        1,
        minutes,
        reference=lambda: None,
        cases=lambda rng: iter(()),
        judge=lambda args, output, want: None,
        kind="prediction",
        questions=questions,
    )


def open_question(
    id: str, title: str, difficulty: int, minutes: int, rubric: str
) -> Exercise:
    """Make an exercise that is answered by a text, which a person reads.

    Args:
        id: "chapter/name".
        title: what stands above the exercise.
        difficulty: 1 to 3, and the points.
        minutes: how long it takes.
        rubric: what the text is read for, one line a point.

    >>> open_question("c/open", "Over to you", 3, 60, "Says what was measured.").kind
    'open'
    """
    return Exercise(
        id,
        title,
        difficulty,
        minutes,
        reference=lambda: None,
        cases=lambda rng: iter(()),
        judge=lambda args, output, want: None,
        kind="open",
        rubric=rubric,
    )


def unwritten(exercise: Exercise, value: Any) -> bool:
    """Tell whether an answer that is no function is still as the notebook gave it.

    >>> guesses = prediction("c/guesses", "Guess", 3, {"accuracy": (0, 1)})
    >>> unwritten(guesses, {"accuracy": None}), unwritten(guesses, {"accuracy": 0.5})
    (True, False)
    """
    if exercise.kind == "prediction" and isinstance(value, dict):
        return all(guess is None or guess is ... for guess in value.values())
    return (
        value is None or value is ... or (isinstance(value, str) and not value.strip())
    )


def read_guesses(
    exercise: Exercise, value: Any
) -> tuple[dict[str, float], tuple[tuple[str, str], ...]]:
    """Read a prediction: the guesses that make sense, and a remark on each other.

    Whether a guess is right does not matter: a number in its range counts.

    >>> asked = prediction("c/guesses", "Guess", 3, {"accuracy": (0, 1), "d": (1, 99)})
    >>> read_guesses(asked, {"accuracy": 0.5, "d": None})
    ({'accuracy': 0.5}, (('open', 'd'),))
    >>> read_guesses(asked, {"accuracy": 50, "d": 7})[1]
    (('doubtful', 'accuracy: 50 is outside the sensible range, 0 to 1; 50 % is 0.5'),)
    """
    if not isinstance(value, dict):
        kind = _kind(value)
        return {}, (("got", f"{kind}; wanted is a dict {{question: number}}"),)
    sensible, remarks = {}, []
    for question, (low, high) in exercise.questions.items():
        guess = value.get(question)
        if guess is None or guess is ...:
            remarks.append(("open", question))
            continue
        number = plain(guess, 1.0)
        if isinstance(number, Problem):
            text = f"{question}: {number.got} where one finite number is wanted"
            remarks.append(("doubtful", text))
        elif not low <= number <= high:
            text = f"{number:g} is outside the sensible range, {low:g} to {high:g}"
            if high == 1 < number <= 100:
                text += f"; {number:g} % is {number / 100:g}"
            remarks.append(("doubtful", f"{question}: {text}"))
        else:
            sensible[question] = number
    unknown = [key for key in value if key not in exercise.questions]
    remarks += [("not asked", f"{key}") for key in unknown]
    return sensible, tuple(remarks)


def student_key(student: str) -> str:
    """Write a student's number in one way, whatever its spaces, dashes and case.

    >>> student_key(" S-123 4567 ")
    's1234567'
    """
    return "".join(c for c in str(student).casefold() if c.isalnum())


def personal_rng(id: str, student: str) -> np.random.Generator:
    """Open the generator of a student's own data in a personal exercise.

    >>> a, b = (personal_rng("engine/own_slopes", s) for s in ("s12 3", "S123"))
    >>> a.bit_generator.random_raw() == b.bit_generator.random_raw()
    True
    """
    words = [zlib.crc32(id.encode()), *student_key(student).encode()]
    return np.random.default_rng(words)


def frozen(rng: np.random.Generator) -> np.random.RandomState:
    """Open a random stream that numpy never changes, from a generator.

    Personal data must be the same for a student's numpy and a teacher's. Numpy keeps
    the raw bits of a generator and all draws of `RandomState` for ever, but not the
    draws of a `Generator`.

    >>> frozen(np.random.default_rng(0)).randint(0, 100, 3).tolist()
    [46, 23, 12]
    """
    return np.random.RandomState(rng.bit_generator.random_raw(4).astype(np.uint32))


def chapters() -> list[str]:
    """Name the chapters that have exercises.

    >>> "subspace" in chapters()
    True
    """
    package = importlib.import_module("minitorch.grading.chapters")
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


@cache
def exercises(chapter: str) -> dict[str, Exercise]:
    """Give the exercises of a chapter by identifier, in the chapter's order.

    >>> list(exercises("subspace"))[1]
    'subspace/project'
    """
    module = importlib.import_module(f"minitorch.grading.chapters.{chapter}")
    return {each.id: each for each in module.EXERCISES}


@cache
def offered(chapter: str) -> frozenset[str]:
    """Name what an exercise cell may use without making it: numpy, set-up cells' names.

    >>> "np" in offered("engine"), "hadamard" in offered("subspace")
    (True, True)
    """
    module = importlib.import_module(f"minitorch.grading.chapters.{chapter}")
    grading = importlib.import_module("minitorch.grading")
    return frozenset({"minitorch", "np", *grading.__all__, *module.SETUP})


def find(id: str) -> Exercise:
    """Look an exercise up.

    Raises:
        ValueError: when there is none of that name.

    >>> find("subspace/project").difficulty
    1
    >>> find("subspace/projekt")
    Traceback (most recent call last):
    ...
    ValueError: no exercise is called 'subspace/projekt'. Did you mean ...?
    """
    chapter = str(id).split("/")[0]
    if chapter in chapters() and id in exercises(chapter):
        return exercises(chapter)[id]
    known = [key for name in chapters() for key in exercises(name)]
    near = difflib.get_close_matches(str(id), known, n=1) or known
    raise ValueError(
        f"no exercise is called {id!r}. Did you mean {' or '.join(map(repr, near))}?"
    )


# ----------------------------------------------------------------------------
# Form: type, dtype, shape, finite
# ----------------------------------------------------------------------------


def show(value: Any) -> str:
    """Write a value in one short line.

    >>> show(np.array([[1.0, 0.5], [2.0, 0.25]]))
    '[[1, 0.5], [2, 0.25]]'
    >>> show(np.zeros((200, 3), np.float32))
    'float32 array of shape (200, 3)'
    """
    if isinstance(value, np.ndarray):
        if value.size > 9:
            return f"{value.dtype} array of shape {value.shape}"
        return show(value.tolist())
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(show, value)) + ")"
    return str(value)


def plain(
    output: Any, want: Any, what: str = "the result", any_shape: bool = False
) -> Any:
    """Read an output in the form that the reference's has.

    Args:
        output: anything at all.
        want: the reference's output: an array, a float, a tuple of these, or a
            whole number or None (where either may come).
        what: the output's name in messages.
        any_shape: let an array of another shape through.

    Returns:
        The output as a plain array, float, int, None or tuple of these; or a
        `Problem` where its type, dtype, shape or finiteness do not fit.

    >>> plain(np.float64(3.0), 7)
    3
    >>> plain([1.0, 2.0], np.zeros(2)).got
    'a list'
    """
    if isinstance(want, tuple):
        if type(output) is not tuple or len(output) != len(want):
            size = f" of {len(output)}" if isinstance(output, tuple) else ""
            return Problem(
                f"the type of {what}", _kind(output) + size, f"a tuple of {len(want)}"
            )
        parts = []
        for i, (got, part) in enumerate(zip(output, want, strict=True)):
            read = plain(got, part, f"part {i + 1} of {what}", any_shape)
            if isinstance(read, Problem):
                return read
            parts.append(read)
        return tuple(parts)
    if isinstance(want, np.ndarray):
        return _array(output, want, what, any_shape)
    return _number(output, want, what)


def _kind(output: Any) -> str:
    if output is None:
        return "None"
    if isinstance(output, np.ndarray) and type(output) is np.ndarray:
        return f"an array of shape {output.shape}"
    name = type(output).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


_NOT_FINITE = (
    "There is a division by zero, an overflow (np.exp(1000) is infinite), an "
    "np.log(0), or an entry of np.empty that was never filled."
)


# What an array may hold where that is wanted, how to say it, and what to do.
_WHOLE = (
    "iu",
    "whole numbers, such as int64",
    "`x.astype(np.int64)` makes whole numbers.",
)
_FLOATS = (
    "f",
    "floats, such as {}",
    "An array made with another dtype, such as by np.zeros(n, int), "
    "keeps it and cuts what is written into it.",
)
_BOOLEANS = (
    "b",
    "booleans, True or False",
    "A comparison makes booleans, and so does np.zeros(n, bool).",
)
_DTYPES = {"i": _WHOLE, "u": _WHOLE, "b": _BOOLEANS}


def _array(output: Any, want: np.ndarray, what: str, any_shape: bool) -> Any:
    if type(output) is not np.ndarray:
        cause = {
            "NoneType": "The function ends without a return.",
            "Tensor": "Exercises take and return plain arrays, not tensors.",
            "list": "np.array(...) makes an array of a list.",
            "tuple": "There is a comma too many, or np.array(...) is missing.",
        }.get(type(output).__name__, "")
        return Problem(
            f"the type of {what}",
            _kind(output),
            f"an array of shape {want.shape}",
            cause,
        )
    kinds, wanted, cause = _DTYPES.get(want.dtype.kind, _FLOATS)
    if output.dtype.kind not in kinds:
        return Problem(
            f"the dtype of {what}",
            str(output.dtype),
            wanted.format(want.dtype),
            cause,
        )
    if output.shape != want.shape and not any_shape:
        cause = ""
        if output.shape == want.shape[::-1]:
            cause = "A transpose is missing, or is one too many."
        elif output.size == want.size:
            cause = "The numbers are as many as they should be: an axis is too many."
        elif output.ndim > want.ndim:
            cause = (
                "Two arrays were combined entry by entry and blew each other up "
                "(broadcasting) where a sum over an axis, as in `@`, was meant."
            )
        return Problem(
            f"the shape of {what}", str(output.shape), str(want.shape), cause
        )
    bad = ~np.isfinite(output)
    if bad.any():
        return Problem(
            f"whether {what} is finite",
            f"{bad.sum()} of {bad.size} entries are nan or infinite",
            "finite numbers only",
            _NOT_FINITE,
        )
    return output


def _number(output: Any, want: float | None, what: str) -> Any:
    whole = want is None or isinstance(want, int | np.integer)
    wanted = "one whole number, or None where there is none" if whole else "one number"
    if whole and output is None:
        return None
    if isinstance(output, np.ndarray) and output.ndim == 0:
        output = output[()]
    if isinstance(output, bool) or not isinstance(
        output, int | float | np.integer | np.floating
    ):
        cause = "The function ends without a return." if output is None else ""
        return Problem(f"the type of {what}", _kind(output), wanted, cause)
    try:
        value = float(output)
    except OverflowError:  # a Python integer may be huge
        value = np.inf
    if not np.isfinite(value):
        return Problem(f"whether {what} is finite", str(value), wanted, _NOT_FINITE)
    return int(value) if whole and value.is_integer() else value


def typed(value: Any, want: Any) -> Any:
    """Take numbers typed as a list, or whole numbers, for an array of floats.

    >>> typed([1, 2], np.zeros(2))
    array([1., 2.])
    >>> typed("ab", np.zeros(2))
    'ab'
    """
    if not isinstance(want, np.ndarray) or type(value) not in (list, tuple, np.ndarray):
        return value
    if _numbers_in(value) > 4 * want.size:
        return value
    try:
        numbers = np.asarray(value)
    except ValueError:  # rows of different lengths
        return value
    return numbers.astype(want.dtype) if numbers.dtype.kind in "iuf" else value


def _numbers_in(value: Any) -> float:
    """How many numbers lists hold; infinity where they hold anything else."""
    if type(value) in (list, tuple):
        return sum(map(_numbers_in, value))
    if type(value) is np.ndarray and value.dtype.kind in "iuf":
        return value.size
    return 1 if isinstance(value, int | float | np.number) else np.inf


# ----------------------------------------------------------------------------
# Values: close to the reference, or to a known slip
# ----------------------------------------------------------------------------


class Slip(NamedTuple):
    """A wrong answer that is known, and what to say about it."""

    cause: str
    wrong: Callable[..., Any]


def or_none(wrong: Callable[..., Any]) -> Callable[..., Any]:
    """Let a slip that fits only some shapes give None for the others.

    >>> or_none(np.dot)(np.ones(2), np.ones(3)) is None
    True
    """

    def guarded(*args: Any) -> Any:
        try:
            return wrong(*args)
        except ValueError:
            return None

    return guarded


def close(output: Any, want: Any) -> bool:
    """Tell whether two outputs agree, relative to the largest entry.

    The tolerance is 1e-4 where either is float32 and 1e-8 in float64.

    >>> close(np.array([1.0, 1e6]), np.array([1.0 + 1e-4, 1e6]))
    True
    >>> close(np.zeros(3), np.zeros(2))
    False
    """
    if isinstance(want, tuple):
        return all(close(a, b) for a, b in zip(output, want, strict=True))
    if output is None or want is None:
        return output is want
    a, b = np.asarray(output), np.asarray(want)
    if a.shape != b.shape:
        return False
    fine = a.dtype != np.float32 and b.dtype != np.float32
    size = np.abs(b).max(initial=0) or 1.0
    off = np.abs(a.astype(np.float64) - b).max(initial=0)
    return bool(off <= (1e-8 if fine else 1e-4) * size)


def same_slip(args: tuple, output: Any, slips: tuple[Slip, ...]) -> str:
    """Give the cause of the first known slip with this very output, or ''."""
    for slip in slips:
        copies = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        with np.errstate(all="ignore"):
            if close(output, slip.wrong(*copies)):
                return slip.cause
    return ""


def pattern(output: np.ndarray, want: np.ndarray) -> str:
    """Say what a wrong array has in common with the right one, or ''.

    >>> pattern(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'Every entry is 2 times the wanted one: a factor is wrong.'
    """
    factor = float((output * want).sum() / ((want**2).sum() or 1.0))
    if factor and close(output, factor * want):
        if abs(factor + 1) < 1e-4:
            return "Every entry has the wrong sign."
        return f"Every entry is {factor:.4g} times the wanted one: a factor is wrong."
    if close(np.sort(output, axis=None), np.sort(want, axis=None)):
        return "The numbers are right, but stand in another order."
    return ""


def judge_by_value(compared: str, slips: tuple[Slip, ...] = ()) -> Judge:
    """Make a judge that compares with the reference and names known slips.

    Args:
        compared: what the result is, in words.
        slips: known wrong answers, the most telling first.
    """

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        if close(output, want):
            return None
        cause = same_slip(args, output, slips)
        if not isinstance(want, np.ndarray):
            return Problem(compared, show(output), show(want), cause)
        cause = cause or pattern(output, want)
        if want.size <= 9:
            return Problem(compared, show(output), show(want), cause)
        off = np.abs(output - want)
        worst = np.unravel_index(off.argmax(), off.shape)
        place = ", ".join(str(int(i)) for i in worst)
        return Problem(
            f"{compared}, where it is furthest off (entry [{place}])",
            f"{output[worst]:.6g}",
            f"{want[worst]:.6g}",
            cause,
        )

    return judge


def judge_by_digits(compared: str, wanted: str, slips: tuple[Slip, ...] = ()) -> Judge:
    """Make a judge of a value that a learner types in, to three digits.

    The message does not give the wanted numbers away: the data stay the same from
    one try to the next. Of an array it says which entries are right.

    Args:
        compared: what the value is, in words.
        wanted: what is wanted, in words.
        slips: known wrong answers, the most telling first.
    """

    def judge(args: tuple, output: Any, want: Any) -> Problem | None:
        right = _three_digits(output, want)
        if right.all():
            return None
        found = (s.cause for s in slips if _three_digits(output, s.wrong(*args)).all())
        cause = next(found, "")
        got = show(output)
        if right.ndim:
            places = ", ".join(map(str, np.flatnonzero(right))) or "none"
            got += f"; right so far, counted from 0: {places}"
        return Problem(compared, got, wanted, cause)

    return judge


def _three_digits(output: Any, want: Any) -> np.ndarray:
    """Where numbers agree to three significant digits."""
    a, b = np.asarray(output, np.float64), np.asarray(want, np.float64)
    return np.asarray(np.abs(a - b) <= 0.005 * np.abs(b) + 1e-12)
