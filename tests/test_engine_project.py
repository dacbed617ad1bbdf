"""The engine's own rules: how long it may be, and what may import what."""

import ast
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
import textwrap
import tokenize
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minitorch

PACKAGE = Path(minitorch.__file__).parent
BACKENDS = sorted((PACKAGE / "backends").glob("*.py"))
# What the budget counts; the rest of the engine stands outside it.
COUNTED = ["tensor", "ops", "functional", "discrete", "nn", "optim", "gradcheck"]
ENGINE = [PACKAGE / f"{name}.py" for name in COUNTED] + BACKENDS
OUTSIDE = ["models", "rnn", "init", "schedules", "files", "random", "train", "stats"]
OUTSIDE += ["course", "watch"]
BESIDE = [PACKAGE / f"{name}.py" for name in OUTSIDE]
ABOVE = {"weird", "data", "widgets", "grading", "studies", "plots", "canvas", "cards"}
# Every module but the one that runs on import.
MODULES = [minitorch] + [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(minitorch.__path__, "minitorch.")
    if not found.name.endswith("__main__")
]
# Where each function comes with an example. The compiled kernels are missing: numpy's
# kernel of the same name is the example that they are tested against.
EXPLAINED = [
    "minitorch",
    *(f"minitorch.{name}" for name in COUNTED + OUTSIDE),
    *(f"minitorch.{name}" for name in ["data", "plots", "cards", "grading", "weird"]),
    *(
        f"minitorch.weird.{name}"
        for name in ["parametrization", "subspace", "hyper_lstm", "cppn", "neat"]
    ),
    *(f"minitorch.weird.{name}" for name in ["pruning", "coding", "supermask"]),
    "minitorch.weird.subset_sum",
    "minitorch.weird.superposition",
    "minitorch.weird.laperm",
    "minitorch.backends",
    *(f"minitorch.backends.{name}_backend" for name in ["numpy", "numba", "torch"]),
]


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
    assert sum(counts.values()) <= 2301
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


def test_what_is_imported_is_declared():
    """Nothing is left to come with something else; scikit-learn has one data set."""
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"]
    lines += [line for name in ("torch", "grading", "cluster") for line in extras[name]]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for line in lines}
    declared.add("scikit-learn")
    comes_from = packages_distributions()
    for path in PACKAGE.rglob("*.py"):
        for name in {name.split(".")[0] for name in imports(path)}:
            if name not in sys.stdlib_module_names | {"minitorch"}:
                found = {each.lower() for each in comes_from.get(name, [])}
                assert found & declared, f"{path.name} imports {name}"


def test_importing_the_package_loads_numpy_and_little_else():
    code = "import sys, minitorch; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = "torch numba llvmlite scipy matplotlib IPython ipywidgets anywidget tqdm"
    heavy += " pooch joblib traitlets sklearn"
    assert not set(done.stdout.split()) & set(heavy.split())


# ----------------------------------------------------------------------------
# Descriptions
# ----------------------------------------------------------------------------


def functions(holder: Any) -> dict[str, Any]:
    """Give what a module or class defines itself: its public functions, by name.

    Methods of any kind and properties count; dunders and whatever is only passed on
    (`exp = staticmethod(np.exp)`) do not. A compiled function stands for its source.
    """
    module = getattr(holder, "__module__", holder.__name__)
    found = {}
    for word, value in vars(holder).items():
        value = getattr(value, "fget", value)  # of a property
        value = inspect.unwrap(getattr(value, "__func__", value))  # of a class method
        value = getattr(value, "py_func", value)  # of a compiled function
        if inspect.isfunction(value) and value.__module__ == module:
            found |= {} if word.startswith("_") else {word: value}
    return found


def classes(module: ModuleType) -> list[type]:
    """List the public classes that a module defines itself."""
    own = [c for c in vars(module).values() if isinstance(c, type)]
    own = [c for c in own if c.__module__ == module.__name__]
    return [c for c in own if not c.__name__.startswith("_")]


def raises(function: Callable) -> bool:
    """Tell whether a function raises by itself (what is left to a subclass aside)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return any("NotImplementedError" not in ast.unparse(node) for node in raised)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_what_is_public_is_described(module):
    assert module.__doc__
    for name, function in functions(module).items():
        assert function.__doc__, f"{module.__name__}.{name} has no docstring"
    for cls in classes(module):
        # A data class without a docstring gets its signature as one.
        assert not (cls.__doc__ or f"{cls.__name__}(").startswith(f"{cls.__name__}(")
        for name in functions(cls):
            # getdoc looks further: an override has its base's docstring.
            assert inspect.getdoc(getattr(cls, name)), f"{cls.__qualname__}.{name}"


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_raises_says_so(name):
    module = importlib.import_module(name)
    for holder in [module, *classes(module)]:
        for word, function in functions(holder).items():
            if raises(function):
                text = inspect.getdoc(getattr(holder, word)) or ""
                assert "Raises" in text, f"{holder.__name__}.{word}"


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_a_reader_may_call_has_an_example(name):
    """What `__all__` offers, or all public functions where there is no such list."""
    module = importlib.import_module(name)
    offered = getattr(module, "__all__", functions(module))
    calls = [getattr(module, word) for word in offered]
    calls = [call for call in calls if inspect.isroutine(call)]
    for call in calls:
        assert ">>>" in (call.__doc__ or ""), f"{name}.{call.__name__} has no example"
    assert calls or not functions(module)
