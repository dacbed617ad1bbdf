"""The teacher's command: exports in, sheets out, nothing lost and nothing let through.

Most tests put a stand-in in the place of the isolated run, which has tests of its
own: it takes an answer for right where the cell says so.
"""

import csv
import json
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
import zipfile
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

from minitorch.grading import gradescope, intake, private, sheets, tables
from minitorch.grading import grade as module
from minitorch.grading.__main__ import main
from minitorch.grading.handin import NotebookError, read_notebook, shipped
from minitorch.grading.likeness import likenesses
from minitorch.grading.report import Outcome, Report
from minitorch.grading.roster import Roster, Student
from minitorch.grading.sandbox import Sandbox, SandboxError
from minitorch.grading.spec import exercises, open_question

CHAPTER = "subspace"
IDS = list(exercises(CHAPTER))
POINTS = {id: each.points for id, each in exercises(CHAPTER).items()}
ALL = sum(POINTS.values())
OPEN = next(id for id, each in exercises(CHAPTER).items() if each.kind == "open")
CLOSED = [id for id in IDS if id != OPEN]
LONG_TEXT = "I measured " + " ".join(f"word{i}" for i in range(40))


def notebook(right=CLOSED, text="", chapter=CHAPTER, extra=(), version="0.1.0"):
    """A hand-in, as bytes: the exercises named in `right` say that they are."""
    sources = [
        f'@exercise("{id}")\ndef f(x):\n    return "right"'
        if id in right
        else f'@exercise("{id}")\ndef f(x):\n    return "wrong"'
        for id in exercises(chapter)
        if id != OPEN
    ]
    sources += [f'answer("{OPEN}", """{text}""")'] if text else []
    cells = [
        {"cell_type": "code", "metadata": {}, "source": source}
        for source in [*sources, *extra]
    ]
    about = {"course_version": version}
    return json.dumps({"nbformat": 4, "metadata": about, "cells": cells}).encode()


def stand_in(order, raw, student):
    """Grade without running anything."""
    try:
        read = read_notebook(raw)
    except NotebookError as error:
        return Report(order.chapter, problem=str(error))
    if order.chapter not in read.chapters:
        there = ", ".join(sorted(read.chapters)) or "none"
        return Report(order.chapter, problem=f"another chapter's notebook: {there}")
    cells = {id: cell.source for cell in read.cells for id in cell.answers}
    asked = module.all_exercises(order.chapter, order.private)
    outcomes = []
    for id, each in asked.items():
        source = cells.get(id, "")
        status, score = "not yet", 0.0
        if not source:
            status = "missing"
        elif each.kind == "open":
            status, score = "to read", None
        elif '"right"' in source:
            status, score = "passed", each.points
        lines = (("seen as", student),)
        outcome = Outcome(id, each.title, status, score, each.points, lines, source)
        outcomes.append(outcome)
    return Report(order.chapter, read.course_version, tuple(outcomes))


@pytest.fixture
def graded_by_stand_in(monkeypatch, tmp_path):
    """Put the stand-in in place, and count what it grades."""
    seen = []

    def grade(order, raw, student):
        seen.append(raw)
        return stand_in(order, raw, student)

    @contextmanager
    def no_sandbox(unsafe=False):
        yield Sandbox(tmp_path, "nothing", ("the network",) if unsafe else ())

    monkeypatch.setattr(module.Order, "grade", grade)
    monkeypatch.setattr(Sandbox, "open", no_sandbox)
    return seen


@pytest.fixture
def run(graded_by_stand_in, tmp_path, capsys):
    """Run `grade` on a source; give the rows of scores.csv and what was printed."""

    def run(source, *more, roster=None, code=0):
        words = ["grade", source, "--chapter", CHAPTER, "--seed", "7"]
        words += ["--out", tmp_path / "out", "--jobs", "1", *more]
        if roster is not None:
            (tmp_path / "roster.csv").write_text(roster, encoding="utf-8")
            words += ["--roster", tmp_path / "roster.csv"]
        assert main([str(word) for word in words]) == code
        said = capsys.readouterr()
        if code:
            return [], said.err
        return table(tmp_path / "out" / "scores.csv"), said.out

    return run


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def folder(tmp_path, files):
    """Lay files out in a new folder."""
    top = tmp_path / "handed in"
    for name, raw in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return top


def archive(tmp_path, files):
    """Pack files into a zip archive."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in files.items():
            packed.writestr(name, raw)
    return path


ROSTER = """id,name,email
1001,Ada Lovelace,ada@school.example
1002,Alan Turing,alan@school.example
1003,Grace Hopper,grace@school.example
"""

# ----------------------------------------------------------------------------
# Exports: the same three students in every layout
# ----------------------------------------------------------------------------

ADA, ALAN = notebook(), notebook(right=CLOSED[:1])

MOODLE = {
    "Ada Lovelace_501_assignsubmission_file_/subspace.ipynb": ADA,
    "Group B-Alan Turing_502_assignsubmission_file/my work.ipynb": ALAN,
    "Grace Hopper_503_assignsubmission_file_/report.pdf": b"%PDF",
}
MOODLE_FLAT = {
    "Ada Lovelace_501_assignsubmission_file_subspace.ipynb": ADA,
    "Alan Turing_502_assignsubmission_file_work_2.ipynb": ALAN,
    "Grace Hopper_503_assignsubmission_file_report.pdf": b"%PDF",
}
CANVAS = {
    "lovelaceada_91_7001_subspace.ipynb": ADA,
    "turingalan_LATE_92_7002_my_work-1.ipynb": ALAN,
    "hoppergrace_93_7003_report.pdf": b"%PDF",
}
GRADESCOPE = {
    "assignment_3_export/submission_metadata.yml": textwrap.dedent(
        """
        submission_11:
          :submitters:
          - :name: Ada Lovelace
            :sid: '1001'
            :email: ada@school.example
          :created_at: 2026-03-01 10:00:00.123456000 Z
          :score: 0.0
          :results:
            tests: []
        submission_12:
          :submitters:
          - :name: A. M. Turing
            :sid:
            :email: alan@school.example
          :created_at: 2026-03-02 10:00:00.000000000 Z
        submission_13:
          :submitters:
          - :name: Grace Hopper
            :sid: 1003
            :email:
        """
    ).encode(),
    "assignment_3_export/submission_11/subspace.ipynb": ADA,
    "assignment_3_export/submission_12/deep/down/work.ipynb": ALAN,
    "assignment_3_export/submission_13/report.pdf": b"%PDF",
}
FOLDER = {
    "week 3/1001.ipynb": ADA,
    "week 3/turing-alan final (2).IPYNB": ALAN,
    "week 3/notes.pdf": b"%PDF",
}
LAYOUTS = {
    "Moodle": MOODLE,
    "Moodle, one folder": MOODLE_FLAT,
    "Canvas": CANVAS,
    "Gradescope": GRADESCOPE,
    "folder": FOLDER,
}


@pytest.mark.parametrize("pack", [folder, archive], ids=["unpacked", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_leads_to_the_same_sheet(layout, pack, run, tmp_path):
    rows, said = run(pack(tmp_path, LAYOUTS[layout]), roster=ROSTER)
    found = {row["id"]: row for row in rows}
    assert list(found) == ["1001", "1002", "1003"]
    assert [row["status"] for row in rows] == ["graded", "graded", "no hand-in"]
    assert float(found["1001"]["score"]) == ALL - POINTS[OPEN]
    assert float(found["1002"]["score"]) == POINTS[CLOSED[0]]
    assert found["1003"]["score"] == ""
    assert found["1002"]["late"] == ("late" if layout == "Canvas" else "")
    held = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert held["layout"] == layout.split(",")[0]
    if layout == "folder":
        assert "1 .pdf" in said
    else:
        assert re.search("no notebook, but .*report.pdf", found["1003"]["notes"])
    # An exercise whose data are the student's own is given the roster's number.
    (report,) = [each["report"] for each in held["students"] if each["id"] == "1002"]
    assert report["outcomes"][0]["lines"] == [["seen as", "1002"]]
    assert "Grace Hopper" in said


def test_without_a_roster_the_export_names_the_students(run, tmp_path):
    rows, _ = run(archive(tmp_path, GRADESCOPE))
    assert [(row["id"], row["email"]) for row in rows] == [
        ("1001", "ada@school.example"),
        ("", "alan@school.example"),
        ("1003", ""),
    ]
    rows, _ = run(folder(tmp_path, FOLDER))
    assert [row["name"] for row in rows] == list(FOLDER)[:2]


def test_a_gradescope_group_shares_its_score(run, tmp_path):
    group = {
        "submission_metadata.yml": b"submission_1:\n  :submitters:\n"
        b"  - {':name': A, ':sid': '1001', ':email': ''}\n"
        b"  - {':name': B, ':sid': '1003', ':email': ''}\n",
        "submission_1/x.ipynb": ADA,
    }
    rows, _ = run(archive(tmp_path, group), roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded", "no hand-in", "graded"]
    assert rows[0]["score"] == rows[2]["score"]
    assert table(tmp_path / "out" / "likeness.csv") == []  # one hand-in, not two


@pytest.mark.parametrize(
    ("files", "counted", "why"),
    [
        (
            {"lovelaceada_91_70_a.ipynb": ALAN, "lovelaceada_91_101_a-1.ipynb": ADA},
            "lovelaceada_91_101_a-1.ipynb",
            "highest number in Canvas",
        ),
        (
            {"1001 v2.ipynb": ALAN, "1001 v10.ipynb": ADA},
            "1001 v10.ipynb",
            "order of names",
        ),
        (
            {
                "submission_metadata.yml": b"submission_1:\n  :submitters:\n"
                b"  - {':sid': '1001'}\n  :created_at: 2026-03-09 10:00:00 Z\n"
                b"submission_2:\n  :submitters:\n  - {':sid': '1001'}\n"
                b"  :created_at: 2026-03-02 10:00:00 Z\n",
                "submission_1/a.ipynb": ADA,
                "submission_2/a.ipynb": ALAN,
            },
            "submission_1/a.ipynb",
            "Gradescope's clock",
        ),
    ],
    ids=["Canvas", "folder", "Gradescope"],
)
def test_the_latest_of_two_hand_ins_counts(files, counted, why, run, tmp_path):
    rows, said = run(archive(tmp_path, files), roster=ROSTER)
    assert rows[0]["file"] == counted
    assert float(rows[0]["score"]) == ALL - POINTS[OPEN]
    assert "2 hand-ins" in rows[0]["notes"] and why in rows[0]["notes"]
    assert why in said


def test_a_broken_later_hand_in_does_not_cost_the_earlier_one(run, tmp_path):
    files = {"1001 a.ipynb": ADA, "1001 b.ipynb": b"{", "1001 c.ipynb": b""}
    rows, _ = run(folder(tmp_path, files), roster=ROSTER)
    assert rows[0]["status"] == "graded" and rows[0]["file"] == "1001 a.ipynb"
    assert "that could be graded" in rows[0]["notes"]


def test_a_notebook_of_another_chapter_is_said_to_be_one(run, tmp_path):
    other = notebook(right=[], chapter="engine")
    rows, said = run(folder(tmp_path, {"1001_subspace.ipynb": other}), roster=ROSTER)
    assert rows[0]["status"] == "not graded" and rows[0]["score"] == ""
    assert "another chapter's notebook: engine" in rows[0]["notes"]
    assert "another chapter's notebook" in said


def test_who_is_on_no_roster_is_listed_with_a_score(run, tmp_path):
    files = {"1001.ipynb": ADA, "somebody.ipynb": ALAN, "1002 1003.ipynb": ALAN}
    rows, said = run(folder(tmp_path, files), roster=ROSTER)
    loose = [row for row in rows if row["status"] == "unmatched"]
    assert [row["file"] for row in loose] == ["1002 1003.ipynb", "somebody.ipynb"]
    assert "fits 2 students" in loose[0]["notes"]
    assert float(loose[1]["score"]) == POINTS[CLOSED[0]]
    assert said.count("unmatched") >= 2
    # They are in no gradebook: nobody knows whose they are.
    assert len(table(tmp_path / "out" / "canvas.csv")) == 2


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hoppergrace", "3"),
        ("Grace  HOPPER", "3"),
        ("Team 4-Grace Hopper", "3"),
        ("muellerjorg", "no student"),
        ("MÜLLER Jörg", "4"),
        ("mullerjorg", "4"),
        ("Kim Lee", "2 students"),
    ],
)
def test_names_are_found_as_exports_write_them(name, found):
    roster = Roster(
        [
            Student("3", "Hopper, Grace"),
            Student("4", "Jörg Müller"),
            Student("5", "Kim Lee"),
            Student("6", "Lee Kim"),
        ]
    )
    student = roster.find(Student(name=name))
    assert student.id == found if isinstance(student, Student) else found in student


def test_a_number_that_differs_outweighs_a_name():
    roster = Roster([Student("1", "Kim Lee", canvas_id="91")])
    assert isinstance(roster.find(Student(name="leekim", canvas_id="92")), str)
    assert roster.find(Student(name="other", canvas_id="91")).id == "1"


# ----------------------------------------------------------------------------
# Archives and folders that mean ill, or are broken
# ----------------------------------------------------------------------------


def _all_files(top):
    return sorted(str(path.relative_to(top)) for path in top.rglob("*"))


def test_an_archive_writes_nothing_and_leads_nowhere(run, tmp_path):
    names = ["../1001.ipynb", "/1002.ipynb", "C:\\x.ipynb", "a/../../x.ipynb"]
    path = archive(tmp_path, {**dict.fromkeys(names, ADA), "1003.ipynb": ADA})
    link = zipfile.ZipInfo("1001_link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(link, "roster.csv")
    rows, said = run(path, roster=ROSTER)
    assert [row["status"] for row in rows] == ["no hand-in", "no hand-in", "graded"]
    assert said.count("leads out of the archive") == 4
    assert said.count("a link to another place") == 1
    assert _all_files(tmp_path)[0:1] == ["export.zip"]
    assert {p.name for p in tmp_path.iterdir()} == {"export.zip", "out", "roster.csv"}


def test_a_link_in_a_folder_is_not_followed(run, tmp_path):
    top = folder(tmp_path, {"1001.ipynb": ADA})
    (tmp_path / "secret.ipynb").write_bytes(ADA)
    (top / "1002.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (top / "1003").symlink_to(tmp_path)
    os.mkfifo(top / "pipe.ipynb")
    rows, said = run(top, roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded", "no hand-in", "no hand-in"]
    assert said.count("not followed") == 2 and "no ordinary file" in said


def test_a_zip_bomb_is_read_up_to_a_limit(run, tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open("1001.ipynb", "w", force_zip64=True) as member:
            for _ in range(100):
                member.write(bytes(2_000_000))
        packed.writestr("1002.ipynb", ADA)
    assert path.stat().st_size < 1_000_000
    (bomb, _) = intake.take_in(path).handins
    assert len(bomb.read()) == intake.LARGEST + 1
    rows, _ = run(path, roster=ROSTER)
    assert [row["status"] for row in rows[:2]] == ["not graded", "graded"]
    assert "too large" in rows[0]["notes"]


def test_a_damaged_or_encrypted_member_costs_nobody_else(run, tmp_path):
    path = archive(tmp_path, {"1001.ipynb": ADA, "1002.ipynb": ADA, "1003.ipynb": ADA})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"1001.ipynb") + 60  # inside the first member's bytes
    raw[at : at + 20] = bytes(20)
    second = raw.rindex(b"1002.ipynb") - 38  # flags of the second, in the directory
    raw[second] |= 1
    path.write_bytes(raw)
    rows, said = run(path, roster=ROSTER)
    assert [row["status"] for row in rows] == ["not graded", "no hand-in", "graded"]
    assert "damaged" in rows[0]["notes"]
    assert "1002.ipynb: encrypted" in said


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PK\x03\x04 cut off", "neither a folder nor a zip"),
        (b"", "neither a folder nor a zip"),
        (None, "is not there"),
    ],
)
def test_a_source_that_is_none_is_refused_in_one_line(raw, words, run, tmp_path):
    path = tmp_path / "export.zip"
    if raw is not None:
        path.write_bytes(raw)
    _, said = run(path, code=2)
    assert words in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_archive_without_its_end_is_refused(run, tmp_path):
    path = archive(tmp_path, {f"{i}.ipynb": os.urandom(5000) for i in range(4)})
    raw = path.read_bytes()
    path.write_bytes(raw[:9000] + raw[-60:])
    _, said = run(path, code=2)
    assert "damaged" in said or "neither" in said


@pytest.mark.parametrize(
    "text", [b"a: [", b"- 1", b"submission_1: 7", b"\xff\xfe\x00", b"a: !!python/x 1"]
)
def test_gradescope_metadata_that_say_nothing_are_refused(text, run, tmp_path):
    files = {"submission_metadata.yml": text, "submission_1/a.ipynb": ADA}
    _, said = run(archive(tmp_path, files), code=2)
    assert "does not say who submitted what" in said


def test_a_student_cannot_hand_in_the_metadata(run, tmp_path):
    files = {**MOODLE_FLAT}
    evil = "x/y/submission_metadata.yml"
    rows, _ = run(archive(tmp_path, {**files, evil: b"a: ["}), roster=ROSTER)
    assert rows[0]["status"] == "graded"


def test_junk_of_file_browsers_is_no_hand_in(run, tmp_path):
    junk = ["__MACOSX/._1002.ipynb", ".ipynb_checkpoints/1002.ipynb", "._1002.ipynb"]
    files = {"1001.ipynb": ADA, **dict.fromkeys(junk, ADA)}
    rows, _ = run(archive(tmp_path, files), roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded", "no hand-in", "no hand-in"]
