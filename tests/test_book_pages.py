"""The pages for students and teachers do what they say, as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from book.notebooks import ROOT, sources
from minitorch.grading.sandbox import Sandbox, SandboxError
from minitorch.grading.spec import chapters, exercises

BOOK = ROOT / "book"


def page(name):
    return (BOOK / name).read_text(encoding="utf-8")


def blocks(name, language):
    """The blocks of a page that are of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.M | re.S)


def run(command, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def sandboxed():
    try:
        with Sandbox.open():
            pass
    except SandboxError as error:
        if os.environ.get("MINITORCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(str(error))


def test_a_teacher_gets_through_the_page(sandboxed, tmp_path):
    """Set up, hand out, grade, weigh, pack for Gradescope, try and grade one's own."""
    text = "".join(blocks("teachers.md", "bash")).replace("\\\n", "")
    lines = text.splitlines()
    assert len(lines) == 9
    (own,) = blocks("teachers.md", "python")
    for line in lines:
        line = line.replace("--students 50", "--students 2")
        if "own.py" in line:
            (tmp_path / "class" / "own.py").write_text(own, encoding="utf-8")
        said = run(
            ["bash", "-c", line.replace("python", f'"{sys.executable}"', 1)], tmp_path
        )
        if " try " in line:
            assert "3 wrong answers fail" in said
    graded = tmp_path / "class" / "graded"
    table = page("teachers.md").split("## Read the sheets")[1].split("## Export")[0]
    for name in re.findall(r"`([\w/]+\.\w+|\w+/)`", table):
        assert (graded / name).exists(), name
    everything = "".join(
        path.read_text(encoding="utf-8")
        for path in graded.rglob("*")
        if path.suffix in {".csv", ".json", ".html"}
    )
    assert "4711" not in everything  # the seed


def test_a_student_gets_through_the_page(tmp_path):
    """All blocks of Python, one after the other, as in one kernel."""
    source = "\n".join(blocks("students.md", "python"))
    said = run([sys.executable, "-c", source], tmp_path)
    assert "PASSED  subspace/project_grad" in said
    assert "return P.T @ grad" in said
    assert "data of 1234567" in said and "NOT YET  engine/own_slopes" in said
    assert (tmp_path / "answers.json").exists()


def test_the_project_to_start_from_runs(tmp_path):
    (source,) = blocks("course.md", "python")
    source = source.replace("range(5)", "range(2)").replace("2000, 1000", "512, 256")
    said = run([sys.executable, "-c", source], tmp_path)
    assert re.search(r"Shared: 0\.\d+.*\nSubspace: 0\.\d+", said)


def test_the_self_test_has_ten_questions_with_folded_answers():
    text = page("course.md")
    for number in range(1, 11):
        folded = rf"<details><summary>Answer {number}</summary>\n\n.+\n\n</details>$"
        assert re.search(rf"^\*\*{number}\.\*\* .+\n\n{folded}", text, re.M), number
    assert text.count("<details>") == 10


def test_the_rubric_of_the_project_adds_up():
    rows = page("course.md").split("### Rubric")[1].split("\n| ")[2:]
    points = [int(re.match(r"[^|]+, (\d+) \|", row)[1]) for row in rows]
    assert sum(points) == 20


def test_the_minutes_of_the_core_agree():
    """The chapter, the course's page and the README say the same."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for source in sources():
        said = re.search(r"core path takes about (\d+) minutes", source.read_text())
        assert said, source.name
        row = next(
            line
            for line in readme.splitlines()
            if f"notebooks/{source.name}" in line and line.startswith("| **")
        )
        assert f"| {said[1]} |" in row
        row = next(
            line for line in page("course.md").splitlines() if source.name in line
        )
        assert f"| {said[1]}" in row


def test_the_pages_name_what_there_is():
    text = page("students.md") + page("teachers.md") + page("course.md")
    for id in re.findall(r"\b(?:engine|subspace)/\w+", text):
        assert id in exercises(id.split("/")[0]), id
    named = set(re.findall(r"--chapter (\w+)", text))
    assert named <= set(chapters())
    for path in re.findall(r"`(minitorch/[\w/]+)`", text):
        assert Path(ROOT, path).exists(), path
