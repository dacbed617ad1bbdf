"""Files that are handed in: broken, huge, old, cut up, of another chapter."""

import inspect
import json
import os
import subprocess
import sys

import pytest

import minitorch
from minitorch.grading import handin, spec
from minitorch.grading.handin import NotebookError, read_notebook, shipped
from minitorch.grading.run import grade_notebook
from minitorch.grading.sandbox import Limits, Sandbox, SandboxError

ALL = spec.exercises("subspace")
TWO = {id: ALL[id] for id in ("subspace/project", "subspace/fastfood_grad")}
LIMITS = Limits(seconds=5.0)


@pytest.fixture(scope="module")
def box():
    try:
        with Sandbox.open() as box:
            yield box
    except SandboxError as error:
        if os.environ.get("MINITORCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(str(error))


def graded(raw, box=None, chapter="subspace", exercises=TWO):
    return grade_notebook(
        raw,
        chapter,
        7,
        student=None,
        exercises=exercises,
        limits=LIMITS,
        sandbox=box,
    )


def statuses(report):
    return [each.status for each in report.outcomes]


def notebook(cells, **more):
    whole = {"nbformat": 4, "metadata": {"course_version": minitorch.__version__}}
    return json.dumps({**whole, "cells": cells, **more}).encode()


def filled(exercises=TWO, chapter="subspace"):
    """The cells of the shipped notebook, with the references as answers."""
    cells = json.loads(shipped(chapter).read_bytes())["cells"]
    for cell in cells:
        for tag in cell["metadata"].get("tags", []):
            id = tag.removeprefix("exercise:")
            if id in exercises and exercises[id].kind == "function":
                source = inspect.getsource(exercises[id].reference)
                if id == "subspace/fastfood_grad":
                    source = mended(exercises[id].planted)
                cell["source"] = f'@exercise("{id}")\n{source}'.splitlines(True)
    return cells


def mended(planted):
    """Fastfood's planted bug without its bug; it calls a set-up cell's function."""
    return planted.replace(" / L**0.5", "").strip() + "\n"


# -- files that are no notebook ------------------------------------------------


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"PK\x03\x04 a zip", "not a notebook: its text is no JSON"),
        (b"\xff\xfe\x00", "not a notebook: its bytes are no text in UTF-8"),
        (b'{"nbformat": 4, "cells": [', "not a notebook: its text is no JSON"),
        (b"[" * 100_000, "not a notebook: its JSON is nested too deeply"),
        (b"[]", "not a notebook: the JSON has no nbformat"),
        (b"{}", "not a notebook: the JSON has no nbformat"),
        (b'{"nbformat": 2}', "a notebook of format 2; formats 3 and 4 are read"),
        (b'{"nbformat": 5, "cells": []}', "a notebook of format 5"),
        (b'{"nbformat": 4}', "not a notebook: it has no list of cells"),
        (b'{"nbformat": 4, "cells": {}}', "not a notebook: it has no list of cells"),
        (b'{"nbformat": [[]]}', "a notebook of format"),
        (b'{"nbformat": ' + b"9" * 5000 + b"}", "not a notebook: its text is no JSON"),
    ],
)
def test_what_is_no_notebook_gets_one_line(raw, words):
    report = graded(raw)
    assert report.problem.startswith(words)
    assert "\n" not in report.problem and len(report.problem) < 200
    assert report.outcomes == () and report.score == 0


def test_a_huge_file_is_refused_unread(monkeypatch):
    monkeypatch.setattr(handin.json, "loads", None)
    report = graded(bytes(200_000_000))
    assert report.problem.startswith("too large: 200 MB, where 20 MB are taken")


@pytest.mark.parametrize(
    "cells",
    [
        [None, 3, "x", [], {}],
        [{"cell_type": "code"}],
        [{"cell_type": "code", "source": 3, "metadata": 4}],
        [{"cell_type": "code", "source": [1, "x = 1", None], "metadata": None}],
        [{"cell_type": "code", "source": "x", "metadata": {"tags": 3, "id": []}}],
        [{"cell_type": "code", "source": "x", "metadata": {"tags": [3, {}]}, "id": 3}],
        [{"cell_type": ["code"], "source": "x"}],
    ],
)
def test_odd_cells_are_no_reason_to_stop(cells):
    report = graded(notebook(cells))
    assert report.problem == "no exercise of the chapter subspace stands in it"
    assert graded(notebook(cells, metadata=[1])).problem == report.problem


def test_half_a_surrogate_pair_becomes_text():
    cells = [{"cell_type": "code", "source": "'\ud800'", "metadata": {}}]
    read_notebook(notebook(cells)).cells[0].source.encode()


def test_a_notebook_of_very_many_cells_is_refused():
    problem = graded(notebook(1001 * [{"cell_type": "code"}])).problem
    assert problem == "too large: it has 1,001 cells; 1,000 do"


def test_a_report_stays_small_whatever_is_handed_in(box):
    marks = "".join(f'@exercise("{id}")\n' for id in ALL)
    huge = {"cell_type": "code", "source": marks + "#" * 10**7, "metadata": {}}
    bad = {"cell_type": "code", "source": "1 / 0", "metadata": {"tags": ["setup"]}}
    report = graded(notebook([huge] + 100 * [bad]), box, exercises=ALL)
    assert max(len(each.source) for each in report.outcomes) == 200_000
    assert "has more than 200,000 characters" in report.outcomes[0].lines[0][1]
    assert len(report.notes) == 21 and report.notes[-1] == "and 81 more"


SEARCHES = """
import importlib, pkgutil, re, resource
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
import minitorch.grading as package
found = {}
for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[value] = f"{module.name}.{name}"
parts = ["\\n", " ", "\\t", '"', "'", "a", "_", "/", "_1", "%", "%\\n", "answer(", "?"]
for pattern, name in found.items():
    for part in [*parts, "@exercise(", "\\n@exercise(\\n", "answer(id =", "a= "]:
        print(name, repr(part), flush=True)
        for _ in pattern.finditer(part * (3 * 10**5 // len(part))):
            pass
"""


def test_no_search_in_a_text_takes_long():
    done = subprocess.run(
        [sys.executable, "-c", SEARCHES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + [done.stderr]
    assert "handin._WRITTEN" in done.stdout and "run._FIRST_CELL" in done.stdout


# -- what is found in a notebook -----------------------------------------------


@pytest.mark.parametrize(
    "source, tags, found",
    [
        ('@exercise("a/x")\ndef f(): ...', [], ["a/x"]),
        ("@exercise( 'a/x' )\ndef f(): ...", ["exercise:a/y"], ["a/x"]),
        ('@exercise(id="a/x-1")\ndef f(): ...', [], ["a/x-1"]),
        ('@exercise(\n    "a/x"\n)\ndef f(): ...', [], ["a/x"]),
        ('guess = answer("a/x", {"q": 1})', [], ["a/x"]),
        ('print(answer(\n  "a/x",\n 1))', [], ["a/x"]),
        ('@exercise("a/x")\ndef f(: ...', [], ["a/x"]),
        ('@exercise("a/x")\nf = 1\nanswer("a/y", 1)', [], ["a/x", "a/y"]),
        ("", ["exercise:a/x"], ["a/x"]),
        ('# @exercise("a/x")\n# answer("a/y", 1)', [], []),
        ('my_answer("a/x")', [], []),
        ("x = 1", ["setup"], []),
    ],
)
def test_the_exercises_of_a_cell(source, tags, found):
    cells = [{"cell_type": "code", "source": source, "metadata": {"tags": tags}}]
    assert list(read_notebook(notebook(cells)).cells[0].answers) == found


@pytest.mark.parametrize("chapter", spec.chapters())
def test_the_shipped_notebook_has_a_cell_for_every_exercise(chapter):
    notebook = read_notebook(shipped(chapter).read_bytes())
    assert notebook.answers == set(spec.exercises(chapter))
    assert notebook.chapters == {chapter}
    assert notebook.course_version == minitorch.__version__


@pytest.mark.parametrize("chapter", spec.chapters())
def test_the_notebook_as_shipped_gets_nothing(box, chapter):
    raw = shipped(chapter).read_bytes()
    report = graded(raw, box, chapter, spec.exercises(chapter))
    assert set(statuses(report)) == {"not attempted"}
    assert report.score == 0 and report.notes == () and report.problem == ""


@pytest.mark.parametrize("chapter", spec.chapters())
def test_the_references_get_all_points(box, chapter):
    functions = {
        id: each
        for id, each in spec.exercises(chapter).items()
        if each.kind == "function"
    }
    raw = notebook(filled(functions, chapter))
    for seed in range(3):
        report = grade_notebook(
            raw,
            chapter,
            seed,
            student=None,
            exercises=functions,
            limits=LIMITS,
            sandbox=box,
        )
        assert set(statuses(report)) == {"passed"}, report
        assert report.score == sum(each.points for each in functions.values())


# -- cells deleted, moved, doubled ---------------------------------------------


def test_set_up_cells_that_were_deleted_or_changed_are_not_missed(box):
    cells = filled()
    answers = [c for c in cells if "@exercise" in "".join(c.get("source", ""))]
    assert statuses(graded(notebook(answers), box)) == ["passed", "passed"]
    for cell in cells:
        if "setup" in cell["metadata"].get("tags", []):
            cell["source"] = "raise SystemExit"
    report = graded(notebook(cells), box)
    assert statuses(report) == ["passed", "passed"]
    assert "raised SystemExit" in report.notes[0]


def test_cells_in_another_order_are_the_same_answers(box):
    cells = filled()
    assert statuses(graded(notebook(cells[::-1]), box)) == ["passed", "passed"]


def test_tags_and_cell_ids_may_be_lost(box):
    for cell in (cells := filled()):
        cell["metadata"] = {}
        cell.pop("id")
    assert statuses(graded(notebook(cells), box)) == ["passed", "passed"]


def test_a_deleted_answer_is_missing_and_the_others_count(box):
    cells = [c for c in filled() if "subspace/project" not in str(c["metadata"])]
    assert statuses(graded(notebook(cells), box)) == ["missing", "passed"]


def test_an_emptied_answer_is_missing_and_the_others_count(box):
    for cell in (cells := filled()):
        if "subspace/project" in str(cell["metadata"].get("tags")):
            cell["source"] = []
    report = graded(notebook(cells), box)
    assert statuses(report) == ["missing", "passed"]
    assert report.outcomes[0].lines == (("", "The cell ran, but gave no answer."),)


def answer(body, id="subspace/project"):
    source = f'@exercise("{id}")\ndef project(theta0, P, phi):\n    {body}\n'
    return {"cell_type": "code", "source": source, "metadata": {}}


RIGHT, WRONG = answer("return theta0 + P @ phi"), answer("return theta0")
STUB = answer("raise NotImplementedError")


@pytest.mark.parametrize(
    "cells, status, note, counted",
    [
        ([WRONG, RIGHT], "passed", "answered 2 times; cell 2 counts", RIGHT),
        ([RIGHT, WRONG], "not yet", "answered 2 times; cell 2 counts", WRONG),
        ([RIGHT, STUB], "passed", "answered 2 times; cell 1 counts", RIGHT),
        ([STUB, RIGHT], "passed", "answered 2 times; cell 2 counts", RIGHT),
        ([STUB, STUB], "not attempted", "answered 2 times; cell 2 counts", STUB),
    ],
)
def test_of_two_answers_the_last_that_is_written_counts(
    box, cells, status, note, counted
):
    report = graded(notebook(cells), box)
    assert report.outcomes[0].status == status
    assert note in report.notes[0]
    assert report.outcomes[0].source == counted["source"]


# -- chapters, versions and formats --------------------------------------------


def test_another_chapters_notebook_is_named():
    report = graded(shipped("engine").read_bytes())
    assert report.problem == "the notebook of another chapter: engine"


def test_a_notebook_of_another_version_is_graded_and_says_so(box):
    report = graded(notebook(filled(), metadata={"course_version": "0.0.9"}), box)
    assert statuses(report) == ["passed", "passed"]
    assert report.course_version == "0.0.9"
    assert report.notes[0].startswith("written for course version 0.0.9; graded by")
    unknown = graded(notebook([RIGHT], metadata={}), box)
    assert unknown.notes[0].startswith("written for course version unknown")


def test_the_old_format_is_read_as_well(box):
    cells = [
        {"cell_type": "code", "input": "".join(c["source"]), "metadata": {}}
        for c in filled()
        if c["cell_type"] == "code"
    ]
    whole = {"nbformat": 3, "metadata": {"course_version": minitorch.__version__}}
    sheets = [{"cells": cells[:5]}, {"cells": cells[5:]}]
    raw = json.dumps({**whole, "worksheets": sheets}).encode()
    assert statuses(graded(raw, box)) == ["passed", "passed"]


def test_a_byte_order_mark_and_windows_lines_do_not_matter(box):
    cells = [dict(RIGHT, source=RIGHT["source"].replace("\n", "\r\n"))]
    raw = b"\xef\xbb\xbf" + notebook(cells)
    assert statuses(graded(raw, box))[0] == "passed"


def test_not_a_notebook_is_an_error_of_its_own():
    with pytest.raises(NotebookError, match="no JSON"):
        read_notebook(b"x")
