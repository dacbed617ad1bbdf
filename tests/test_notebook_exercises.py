"""The exercises as the notebooks hold them."""

import ast
import json
from pathlib import Path

import pytest

from minitorch.grading.learner import is_unwritten
from minitorch.grading.spec import chapters, exercises, find

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
# All that a grader's child process offers: numpy, the engine and the decorator.
ENGINE = ["backends", "gradcheck", "grading", "models", "nn", "ops", "optim", "random"]
OFFERED = {"numpy", "minitorch", "minitorch.tensor"} | {
    f"minitorch.{m}" for m in ENGINE
}


def cells(notebook, prefix):
    """The code cells with a tag that starts so, each with the rest of the tag.

    The first code cell is left out: it is the same in all chapters, and installs
    and prints what a grader does not need.
    """
    every = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in [cell for cell in every if cell["cell_type"] == "code"][1:]:
        for tag in cell["metadata"].get("tags", []):
            if tag.startswith(prefix):
                yield tag.removeprefix(prefix), "".join(cell["source"])


def imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            for alias in node.names:
                if node.module == "minitorch" and alias.name in {"weird", "studies"}:
                    yield f"minitorch.{alias.name}"


def first_function(source):
    defs = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    module = compile(ast.Module(defs[:1], []), "<cell>", "exec")
    return next(c for c in module.co_consts if hasattr(c, "co_code")), defs[0]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_exercise_cells_are_unwritten_and_checked(notebook):
    for id, source in cells(notebook, "exercise:"):
        code, function = first_function(source)
        assert is_unwritten(code, find(id)), id
        assert [ast.unparse(d) for d in function.decorator_list] == [
            f"exercise({id!r})"
        ]
        assert [a.arg for a in function.args.args] == find(id).names
        assert ast.get_docstring(function), id
        last = ast.unparse(ast.parse(source).body[-1])
        assert last == f"check({function.name})", id


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_exercise_and_setup_cells_import_only_what_a_grader_offers(notebook):
    for prefix in ("exercise:", "setup"):
        for _, source in cells(notebook, prefix):
            assert set(imported(source)) <= OFFERED, source


def test_every_exercise_stands_once_in_a_notebook_with_its_solution():
    if not NOTEBOOKS:
        pytest.skip("no chapter is written yet")
    wanted = sorted(id for chapter in chapters() for id in exercises(chapter))
    found = [id for path in NOTEBOOKS for id, _ in cells(path, "exercise:")]
    assert sorted(found) == wanted
    shown = [ast.parse(s).body[-1] for p in NOTEBOOKS for _, s in cells(p, "solution")]
    assert sorted(ast.unparse(line) for line in shown) == [
        f"solution({id!r})" for id in wanted
    ]
