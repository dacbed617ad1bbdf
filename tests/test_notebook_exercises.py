"""The exercises as the notebooks hold them."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import minitorch.grading
from minitorch.grading.learner import answers, is_unwritten
from minitorch.grading.spec import chapters, exercises, find, offered

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


def of_kind(notebook, *kinds):
    """The exercise cells of some kinds, each with its exercise."""
    for id, source in cells(notebook, "exercise:"):
        if find(id).kind in kinds:
            yield find(id), source


PER_NOTEBOOK = pytest.mark.parametrize(
    "notebook", NOTEBOOKS, ids=lambda path: path.stem
)


@PER_NOTEBOOK
def test_function_cells_are_unwritten_and_checked(notebook):
    for spec, source in of_kind(notebook, "function"):
        code, function = first_function(source)
        assert is_unwritten(code, spec), spec.id
        assert [ast.unparse(d) for d in function.decorator_list] == [
            f"exercise({spec.id!r})"
        ]
        assert [a.arg for a in function.args.args] == spec.names
        assert ast.get_docstring(function), spec.id
        last = ast.unparse(ast.parse(source).body[-1])
        assert last == f"check({function.name})", spec.id


@PER_NOTEBOOK
def test_other_cells_end_in_an_answer_that_is_not_attempted(notebook, capsys):
    for spec, source in of_kind(notebook, "value", "prediction", "open"):
        last = ast.parse(source).body[-1]
        # Assigned, so that no empty answer is shown below the cell.
        assert isinstance(last, ast.Assign)
        assert ast.unparse(last.value).startswith(f"answer({spec.id!r}, "), spec.id
        assert ("personal(" in source) == spec.personal
        exec(source, vars(minitorch.grading).copy())
        assert answers[spec.id].state == "not attempted", spec.id
    capsys.readouterr()


@PER_NOTEBOOK
def test_a_prediction_asks_its_questions_and_is_revealed(notebook):
    every = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in every]
    for spec, source in of_kind(notebook, "prediction"):
        (guesses,) = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Dict))
        keys = [key.value for key in guesses.keys]
        assert keys == list(spec.questions)
        call = re.compile(rf'reveal\(\s*"{spec.id}"')
        (place,) = [i for i, each in enumerate(sources) if call.search(each)]
        assert place > sources.index(source)
        assert "exercise:" not in str(every[place]["metadata"])


@PER_NOTEBOOK
def test_hints_come_in_two_folded_steps_and_then_the_solution(notebook):
    every = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in every]
    for spec, _ in of_kind(notebook, "function", "value"):
        place = tags.index([f"exercise:{spec.id}"])
        hints, solution = every[place + 1 : place + 3]
        text = "".join(hints["source"])
        folded = r"<details><summary>Hint {}</summary>\n\n[^<]+\n\n</details>"
        assert re.fullmatch("\n".join(folded.format(n) for n in (1, 2)), text), spec.id
        assert solution["metadata"]["tags"] == ["solution"]
        assert "".join(solution["source"]) == f'solution("{spec.id}")'


@PER_NOTEBOOK
def test_an_exercise_says_its_difficulty_and_minutes(notebook):
    every = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in every]
    for id, _ in cells(notebook, "exercise:"):
        spec = find(id)
        told = "".join(every[tags.index([f"exercise:{id}"]) - 1]["source"])
        stars = rf"ifficulty\s+{spec.difficulty}\s+of\s+3,\s+{spec.minutes}\s+minutes"
        assert re.search(stars, told), id


@PER_NOTEBOOK
def test_names_that_set_up_cells_give_are_known(notebook):
    ids = [id for id, _ in cells(notebook, "exercise:")]
    chapter = ids[0].split("/")[0]
    assert {id.split("/")[0] for id in ids} == {chapter}
    given = {"minitorch"}  # by the first cell
    for _, source in cells(notebook, "setup"):
        for node in ast.parse(source).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                given |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                given.add(node.name)
    # load_answers is named in the text, to be imported by whoever needs it.
    assert given | {"load_answers"} == offered(chapter)


def test_each_chapter_has_each_kind_once_but_functions():
    for chapter in chapters():
        specs = exercises(chapter).values()
        counts = Counter(spec.kind for spec in specs)
        assert {counts[kind] for kind in ("value", "prediction", "open")} == {1}
        assert counts["function"] >= 4 and any(spec.planted for spec in specs)
        assert [spec.kind for spec in specs if spec.personal] == ["value"]
        for spec in specs:
            # A point for each line of what a text is read for.
            assert len(spec.rubric.splitlines()) == spec.points * (spec.kind == "open")


@PER_NOTEBOOK
def test_exercise_and_setup_cells_import_only_what_a_grader_offers(notebook):
    for prefix in ("exercise:", "setup"):
        for _, source in cells(notebook, prefix):
            assert set(imported(source)) <= OFFERED, source


def test_every_exercise_stands_once_in_a_notebook_with_its_solution():
    if not NOTEBOOKS:
        pytest.skip("no chapter is written yet")
    every = [each for chapter in chapters() for each in exercises(chapter).values()]
    found = [id for path in NOTEBOOKS for id, _ in cells(path, "exercise:")]
    assert sorted(found) == sorted(each.id for each in every)
    shown = [ast.parse(s).body[-1] for p in NOTEBOOKS for _, s in cells(p, "solution")]
    assert sorted(ast.unparse(line) for line in shown) == sorted(
        f"solution({each.id!r})" for each in every if each.kind in {"function", "value"}
    )
