"""The engine's own rules: how long it may be, and what may import what."""

import ast
import importlib
import inspect
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import minitorch

PACKAGE = Path(minitorch.__file__).parent
BACKENDS = sorted((PACKAGE / "backends").glob("*.py"))
# What the budget counts; the rest of the engine stands outside it.
COUNTED = ["tensor", "ops", "nn", "optim", "gradcheck"]
ENGINE = [PACKAGE / f"{name}.py" for name in COUNTED] + BACKENDS
OUTSIDE = ["models", "random", "train", "stats", "course"]
BESIDE = [PACKAGE / f"{name}.py" for name in OUTSIDE]
ABOVE = {"weird", "data", "widgets", "grading", "studies", "plots", "canvas", "cards"}


def code_lines(source: str) -> int:
    """Count lines that hold code: no docstring, comment or blank line."""
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                prose.update(range(first.lineno, (first.end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.string.strip() and token.type != tokenize.COMMENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - prose)


def imports(path: Path) -> set[str]:
    """List the modules that a file imports, at its head or within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path.name}: a relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def parts(path: Path) -> set[str]:
    """List the parts of the package that a file imports."""
    words = [name.split(".") for name in imports(path)]
    return {name[1] for name in words if name[0] == "minitorch" and len(name) > 1}


def test_counting_lines():
    source = '''"""A module.

Two lines more."""
import os  # a comment

# another


def f(x):
    """What it does."""
    text = """counts,
    for it is data"""
    return (
        x
    )  # five lines with this one


class C:
    """A class.

    >>> 1
    1
    """

    y = 1
'''
    assert code_lines(source) == 1 + 1 + 2 + 3 + 2


def test_the_engine_is_read_in_an_evening():
    counts = {path: code_lines(path.read_text(encoding="utf-8")) for path in ENGINE}
    assert sum(counts.values()) <= 2000
    assert counts[PACKAGE / "tensor.py"] <= 200


@pytest.mark.parametrize("path", ENGINE + BESIDE, ids=lambda path: path.stem)
def test_no_engine_file_is_long(path):
    assert code_lines(path.read_text(encoding="utf-8")) <= 400


@pytest.mark.parametrize("path", ENGINE + BESIDE, ids=lambda path: path.stem)
def test_the_engine_imports_nothing_that_stands_on_it(path):
    assert not parts(path) & ABOVE


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: path.stem)
def test_a_backend_knows_nothing_of_tensors(path):
    assert parts(path) <= {"backends"}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "weird").glob("*.py")), ids=lambda path: path.stem
)
def test_a_method_imports_the_engine_only(path):
    assert not parts(path) & (ABOVE - {"weird"})


def test_importing_the_package_loads_numpy_and_little_else():
    code = "import sys, minitorch; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = "torch numba llvmlite scipy matplotlib IPython ipywidgets anywidget tqdm"
    heavy += " pooch joblib traitlets sklearn"
    assert not set(done.stdout.split()) & set(heavy.split())


@pytest.mark.parametrize("path", ENGINE + BESIDE, ids=lambda path: path.stem)
def test_what_is_public_is_described(path):
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert module.__doc__
    for word, value in vars(module).items():
        function = getattr(value, "py_func", value)
        own = getattr(function, "__module__", "") == module.__name__
        if own and not word.startswith("_") and inspect.isroutine(function):
            assert function.__doc__, f"{module.__name__}.{word} has no docstring"
