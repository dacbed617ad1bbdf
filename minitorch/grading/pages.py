"""What the notebook shows beside the exercises: solutions and progress."""

import ast
import html
import inspect
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import minitorch
from minitorch.cards import table
from minitorch.grading.learner import answers, is_private
from minitorch.grading.spec import Exercise, chapters, exercises, find

_FORMAT = "minitorch answers 1"
# Guesses are noted, whatever they say, and a person reads an open answer.
_DONE = ("passed", "noted", "to read")


def _folded(summary: str, code: str) -> str:
    return (
        f"<details><summary>{html.escape(summary)}</summary>"
        f"<pre><code>{html.escape(code)}</code></pre></details>"
    )


class Solution:
    """The source of a reference, folded; see `solution`."""

    def __init__(self, spec: Exercise):
        self.id = spec.id
        self.code = _without_docstring(inspect.getsource(spec.reference))

    def __repr__(self) -> str:
        return self.code

    def _repr_html_(self) -> str:
        return _folded(f"Solution of {self.id}", self.code)


def solution(id: str) -> Solution:
    """Show the reference's own source, folded.

    Args:
        id: the exercise, such as "subspace/project".

    Raises:
        ValueError: when no exercise has that identifier.

    >>> solution("subspace/project")
    def project(theta0: np.ndarray, P: np.ndarray, phi: np.ndarray) -> np.ndarray:
        return theta0 + P @ phi
    """
    return Solution(find(id))


def _without_docstring(source: str) -> str:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    first = function.body[0]
    lines = source.rstrip().splitlines()
    if ast.get_docstring(function) is not None:
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


class Progress:
    """A table of exercises and their state; see `progress`."""

    def __init__(self, names: list[str]):
        found = [each for name in names for each in exercises(name).values()]
        self.rows: list[list[object]] = [
            [each.id, _state(each), each.title, f"{each.difficulty} of 3", each.minutes]
            for each in found
        ]
        self.rows += [
            [id, answer.state, answer.spec.title, "", ""]
            for id, answer in answers.items()
            if is_private(id)
        ]
        done = sum(str(row[1]).startswith(_DONE) for row in self.rows)
        self.table = table(
            ["exercise", "state", "title", "difficulty", "minutes"],
            self.rows,
            caption=f"{done} of {len(self.rows)} exercises done",
        )

    hint = (
        'progress().save("answers.json") keeps your answers in one small file; '
        'load_answers("answers.json") shows them again, to paste into their cells.'
    )

    def __repr__(self) -> str:
        return f"{self.table!r}\n{self.hint}"

    def _repr_html_(self) -> str:
        return f"{self.table._repr_html_()}<p>{html.escape(self.hint)}</p>"

    def save(self, path: str | os.PathLike[str] = "answers.json") -> "Saved":
        """Write the source of every answer begun in this kernel to a small file.

        Answers to other exercises that the file already holds are kept.

        Args:
            path: where to; on Colab a mounted drive outlives the machine.

        Returns:
            What the file now holds.

        Raises:
            ValueError: when the file is there and holds something else.
            OSError: when the file cannot be written; an older one is untouched.

        >>> progress().save("no such folder/answers.json")
        Traceback (most recent call last):
        ...
        OSError: no such folder/answers.json cannot be written: No such file or ...
        """
        path = Path(path)
        kept = load_answers(path).answers if path.exists() else {}
        new = {
            id: {"state": answer.state, "source": answer.source}
            for id, answer in answers.items()
            if answer.state != "not attempted" and answer.source
        }
        held = kept | new
        file = {
            "format": _FORMAT,
            "course_version": minitorch.__version__,
            "answers": held,
        }
        try:
            _replace(path, file)
        except OSError as error:
            raise OSError(
                f"{path} cannot be written: {error.strerror or error}; "
                "name a file in a folder that is there and your own"
            ) from None
        return Saved(held, f"saved to {path}.")


def _replace(path: Path, file: dict[str, Any]) -> None:
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(handle, "w", encoding="utf-8") as out:
            json.dump(file, out, indent=1)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise


def _state(spec: Exercise) -> str:
    if spec.id not in answers:
        return "not seen"
    answer = answers[spec.id]
    return "passed (slow)" if answer.slower else answer.state


def progress(chapter: str | None = None) -> Progress:
    """Show which exercises are solved, and how to keep the answers.

    Args:
        chapter: such as "subspace"; left out, the chapters whose exercises
            this kernel has met, or all.

    Raises:
        ValueError: when no chapter has that name.

    >>> progress("subspace").rows[1][2:]
    ['From coordinates to weights', '1 of 3', 3]
    """
    known = chapters()
    if chapter is None:
        met = {id.split("/")[0] for id in answers}
        return Progress([name for name in known if name in met] or known)
    if chapter not in known:
        raise ValueError(f"no chapter is called {chapter!r}; there are {known}")
    return Progress([chapter])


class Saved:
    """Answers read from a file: shown, never run."""

    def __init__(self, held: dict[str, dict[str, str]], note: str):
        self.answers = held
        self.note = f"{len(held)} answer{'' if len(held) == 1 else 's'} {note}"

    def __repr__(self) -> str:
        parts = [
            f"# {id} ({each['state']})\n{each['source']}"
            for id, each in self.answers.items()
        ]
        return "\n\n".join([self.note, *parts])

    def _repr_html_(self) -> str:
        parts = [
            _folded(f"{id} ({each['state']})", each["source"])
            for id, each in self.answers.items()
        ]
        return f"<p>{html.escape(self.note)}</p>" + "".join(parts)


def load_answers(path: str | os.PathLike[str]) -> Saved:
    """Show the answers that `progress().save` wrote, to paste into their cells.

    Nothing in the file is executed.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file is not one of saved answers.

    >>> path = Path(tempfile.mkdtemp()) / "answers.json"
    >>> saved = progress("subspace").save(path)
    >>> load_answers(path).answers == saved.answers
    True
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}; progress().save({str(path)!r}) writes one"
        )
    try:
        held: Any = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != _FORMAT:
            raise ValueError(held["format"])
        found = {
            str(id): {"state": str(each["state"]), "source": str(each["source"])}
            for id, each in held["answers"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} holds no saved answers (format {_FORMAT!r} wanted); "
            "name another file"
        ) from error
    return Saved(found, f"read from {path}; none was run.")
