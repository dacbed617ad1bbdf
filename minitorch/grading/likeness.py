"""Which answers are the shipped solution, or one another, but for names and layout.

A report for the teacher: it changes no score. Solutions are public, and two students
may well write the same lines; short answers, where that says nothing, are left out,
and so are planted bugs, whose right answers differ from the given code in one place.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from minitorch.grading.spec import Exercise

# Nodes of the syntax tree, and words of a text, below which sameness says nothing.
FEWEST_NODES = 60
FEWEST_WORDS = 30


class Likeness(NamedTuple):
    """Answers that are the same.

    Args:
        exercise: its identifier.
        like: "the solution" or "one another".
        files: of the hand-ins.
        size: nodes of the syntax tree, or words of an open answer.
    """

    exercise: str
    like: str
    files: tuple[str, ...]
    size: int


def likenesses(
    exercise: Exercise, answers: Iterable[tuple[str, str]]
) -> list[Likeness]:
    """Group the answers to one exercise that are the same.

    Args:
        exercise: to which.
        answers: (file, source of the answer's cell, or an open answer's text).
    """
    if exercise.planted or exercise.kind not in ("function", "open"):
        return []
    is_text = exercise.kind == "open"
    fewest = FEWEST_WORDS if is_text else FEWEST_NODES
    shipped = "" if is_text else _shipped(exercise)
    groups: dict[str, list[str]] = {}
    sizes = {}
    for file, answer in answers:
        form, size = (
            normal_text(answer) if is_text else normal_function(answer, exercise.id)
        )
        if size >= fewest:
            groups.setdefault(form, []).append(file)
            sizes[form] = size
    return [
        Likeness(
            exercise.id,
            "the solution" if form == shipped else "one another",
            tuple(files),
            sizes[form],
        )
        for form, files in groups.items()
        if form == shipped or len(files) > 1
    ]


def _shipped(exercise: Exercise) -> str:
    try:
        return normal_function(inspect.getsource(exercise.reference), "")[0]
    except OSError:
        return ""


def normal_function(source: str, id: str) -> tuple[str, int]:
    """Write a function without its names, docstring, annotations and layout.

    Args:
        source: of a cell or a file.
        id: the exercise whose function is meant; "" for the first.

    Returns:
        The form, the same for functions that do the same in the same way, and the
        number of nodes in it; ("", 0) where there is no such function.

    >>> one = "def f(x):\\n    y = x + 1\\n    return y"
    >>> two = "def g(a: int):\\n    'A.'\\n    b = (a+1)\\n    return b"
    >>> normal_function(one, "") == normal_function(two, "")
    True
    """
    try:
        tree = ast.parse(textwrap.dedent(source))
        defined = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
        found = [n for n in defined if not id or _is_answer(n, id)]
        if not found:
            return "", 0
        function = _Plain(found[-1 if id else 0]).function
        return ast.dump(function), sum(
            not isinstance(n, ast.expr_context) for n in ast.walk(function)
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", 0


def _is_answer(function: ast.FunctionDef, id: str) -> bool:
    marks = [n for each in function.decorator_list for n in ast.walk(each)]
    return any(isinstance(n, ast.Constant) and n.value == id for n in marks)


class _Plain(ast.NodeTransformer):
    """A copy of a function in which names are numbered as they come."""

    def __init__(self, function: ast.FunctionDef):
        self.numbers: dict[str, str] = {function.name: "itself"}
        own = copy.deepcopy(function)
        own.decorator_list, own.name = [], "itself"
        self.bound = {n.arg for n in ast.walk(own) if isinstance(n, ast.arg)}
        self.bound |= {
            n.id
            for n in ast.walk(own)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        inner = [n for n in ast.walk(own) if isinstance(n, ast.FunctionDef)]
        self.bound |= {n.name for n in inner if n is not own}
        self.function = self.visit(own)

    def _numbered(self, name: str) -> str:
        if name in self.bound:
            return self.numbers.setdefault(name, f"name {len(self.numbers)}")
        return self.numbers.get(name, name)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._numbered(node.name)
        node.returns = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._numbered(node.arg), None)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._numbered(node.id), node.ctx)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return self.visit(ast.Assign([node.target], node.value))


def normal_text(text: str) -> tuple[str, int]:
    """Write a text without capitals and layout; give the number of its words too.

    >>> normal_text("It  is\\nBIG.")
    ('it is big.', 3)
    """
    words = text.casefold().split()
    return " ".join(words), len(words)
