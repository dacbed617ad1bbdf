"""The teacher's command: exports in, sheets out, nothing lost and nothing let through.

Most tests put a stand-in in the place of the isolated run, which has tests of its
own: it takes an answer for right where the cell says so.
"""

import csv
import inspect
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import joblib
import numpy as np
import pytest

from minitorch.grading import grade as module
from minitorch.grading import gradescope, intake, tables
from minitorch.grading.__main__ import main
from minitorch.grading.handin import NotebookError, read_notebook, shipped
from minitorch.grading.likeness import likenesses
from minitorch.grading.pages import progress
from minitorch.grading.report import Outcome, Report
from minitorch.grading.roster import Roster, Student
from minitorch.grading.sandbox import Sandbox, SandboxError
from minitorch.grading.spec import exercises

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
        text = source.split('"""')[1] if status == "to read" else ""
        outcome = Outcome(
            id, each.title, status, score, each.points, lines, source, text
        )
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
        "submission_1/x.ipynb": notebook(text=LONG_TEXT),
    }
    rows, _ = run(archive(tmp_path, group), roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded", "no hand-in", "graded"]
    assert rows[0]["score"] == rows[2]["score"]
    assert table(tmp_path / "out" / "likeness.csv") == []  # one hand-in, not two


@pytest.mark.parametrize(
    ("files", "counted", "why"),
    [
        (
            {
                "lovelaceada_LATE_91_70_a.ipynb": ALAN,
                "lovelaceada_91_101_a-1.ipynb": ADA,
            },
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


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Eve Cheat 1001.ipynb", "fits 2 students: Ada Lovelace (1001), Eve Cheat (2)"),
        ("Eve Cheat/1001 Ada Lovelace.ipynb", "fits 2 students"),
        ("Eve Cheat/2 ada@school.example.ipynb", "fits 2 students"),
        ("week 1/lovelace-ada.ipynb", "Ada Lovelace (1001), Grace Hopper (1)"),
        ("week 3/kim_lee_5.ipynb", "5"),  # Lee Kim is another, with another number
        ("week 3/kim lee.ipynb", "fits 2 students"),
        ("lovelace_ada 1001 ada@school.example.ipynb", "1001"),
        ("ada@school.example/work.ipynb", "1001"),
        ("nada@school.example/work.ipynb", "no student's number"),
    ],
)
def test_a_number_and_a_name_in_a_path_have_to_agree(path, found):
    roster = Roster(
        [
            Student("1001", "Ada Lovelace", "ada@school.example"),
            Student("2", "Eve Cheat"),
            Student("1", "Grace Hopper"),
            Student("5", "Kim Lee"),
            Student("6", "Lee Kim"),
        ]
    )
    student = roster.find_in_path(path)
    assert student.id == found if isinstance(student, Student) else found in student


def test_answers_that_cannot_be_saved_are_one_clear_error(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("none/answers.json", "file/answers.json"):
        with pytest.raises(OSError, match="cannot be written: N.*name a file") as told:
            progress().save(tmp_path / name)
        assert str(tmp_path / name) in str(told.value)
        assert "Errno" not in str(told.value)
    assert len(list(tmp_path.iterdir())) == 2


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


def test_for_one_notebook_its_folder_is_to_be_named(run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": ADA})
    _, said = run(source / "1001.ipynb", code=2)
    assert f"is one notebook; name its folder, {source}" in said


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


EVES = b"""
Ada Lovelace_501_assignsubmission_file_:
  :submitters:
  - {':name': Grace Hopper, ':sid': '1003'}
lovelace:
  :submitters:
  - {':name': Grace Hopper, ':sid': '1003'}
"""
PERSONAL_FOLDERS = {
    "lovelace/ada lovelace.ipynb": ADA,
    "turing/alan turing.ipynb": ALAN,
    "hopper/grace hopper.pdf": b"%PDF",
}


@pytest.mark.parametrize("text", [EVES, b"a: ["], ids=["theirs", "damaged"])
@pytest.mark.parametrize(
    ("files", "place"),
    [
        (MOODLE, "Grace Hopper_503_assignsubmission_file_/"),
        (MOODLE, "Grace Hopper_503_assignsubmission_file_/deep/"),
        (MOODLE_FLAT, "Grace Hopper_503_assignsubmission_file_"),
        (MOODLE_FLAT, "Grace Hopper_503_assignsubmission_file_/"),
        (CANVAS, "hoppergrace_93_7004_"),
        (PERSONAL_FOLDERS, "hopper/"),
        (GRADESCOPE, "assignment_3_export/submission_13/"),
    ],
)
def test_a_student_cannot_hand_in_the_metadata(files, place, text, run, tmp_path):
    evil = {place + "submission_metadata.yml": text}
    rows, _ = run(archive(tmp_path, {**files, **evil}), roster=ROSTER)
    statuses = {row["id"]: row["status"] for row in rows}
    assert statuses == {"1001": "graded", "1002": "graded", "1003": "no hand-in"}


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("Canvas", "hoppergrace_93_7004_z_1_assignsubmission_file"),
        ("Canvas", "hoppergrace_93_7004_-Ada Lovelace_1_assignsubmission_file_"),
        ("Moodle", "Grace Hopper_503_assignsubmission_file_/a_91_9999_b"),
        ("Moodle, one folder", "Grace Hopper_503_assignsubmission_file_a_91_99_b"),
        ("Gradescope", "assignment_3_export/submission_13/a_91_99_b"),
        ("folder", "week 3/z_1_assignsubmission_file"),
        ("folder", "week 3/z/lovelaceada_91_9999_a"),
    ],
)
def test_one_odd_name_moves_nobody_elses_hand_in(layout, name, run, tmp_path):
    odd = {name + ending: ALAN for ending in ["", ".txt", ".ipynb"]}
    rows, _ = run(archive(tmp_path, {**LAYOUTS[layout], **odd}), roster=ROSTER)
    found = {row["id"]: row for row in rows}
    assert float(found["1001"]["score"]) == ALL - POINTS[OPEN]
    assert found["1002"]["status"] == "graded"
    assert found["1001"]["file"] in LAYOUTS[layout]
    held = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert held["layout"] == layout.split(",")[0]


def test_the_only_hand_in_is_its_own_students(run, tmp_path):
    """With nobody beside them, a student's name for a file proves nothing either."""
    evil = "hoppergrace_93_7004_-Ada Lovelace_1_assignsubmission_file_.ipynb"
    rows, _ = run(archive(tmp_path, {evil: ADA}), roster=ROSTER)
    assert [row["status"] for row in rows] == ["no hand-in", "no hand-in", "graded"]


def test_a_notebook_beside_an_export_is_said_to_be_there(run, tmp_path):
    _, said = run(folder(tmp_path, {**MOODLE, "mine.ipynb": ALAN}), roster=ROSTER)
    assert "names as Moodle gives them lie beside others" in said


def test_a_number_of_any_length_stands_in_a_name(run, tmp_path):
    long = "9" * 5000
    files = {**MOODLE, f"Grace Hopper_503_assignsubmission_file_/{long}.ipynb": ADA}
    rows, _ = run(archive(tmp_path, files), roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded"] * 3


def test_junk_of_file_browsers_is_no_hand_in(run, tmp_path):
    junk = ["__MACOSX/._1002.ipynb", ".ipynb_checkpoints/1002.ipynb", "._1002.ipynb"]
    files = {"1001.ipynb": ADA, **dict.fromkeys(junk, ADA)}
    rows, _ = run(archive(tmp_path, files), roster=ROSTER)
    assert [row["status"] for row in rows] == ["graded", "no hand-in", "no hand-in"]


# ----------------------------------------------------------------------------
# Tables that come in
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roster", "words"),
    [
        ("name\nAda\n", "has to name id"),
        ("id,name\n,Ada\n", "line 2: the student has no id"),
        ("id,name\n7,Ada\n7,Alan\n", "id 7 stands there twice"),
        ("id,name\n", "names no student"),
        ("", "the columns none"),
    ],
)
def test_a_roster_that_is_none_is_refused(roster, words, run, tmp_path):
    _, said = run(folder(tmp_path, {"1001.ipynb": ADA}), roster=roster, code=2)
    assert words in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_roster_is_read_as_spreadsheets_save_it(mark, run, tmp_path):
    roster = "\ufeff" + ROSTER.replace(",", mark).replace("\n", "\r\n")
    rows, _ = run(folder(tmp_path, {"ada lovelace.ipynb": ADA}), roster=roster)
    assert rows[0]["status"] == "graded" and rows[0]["id"] == "1001"


def test_weights_change_points_without_grading_anew(run, graded_by_stand_in, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": notebook(right=CLOSED[:2])})
    first, _ = run(source)
    weights = tmp_path / "weights.csv"
    weights.write_text(f"exercise;points\n{CLOSED[0]};2,5\n{CLOSED[1]};0\n")
    second, _ = run(source, "--weights", weights)
    assert float(first[0]["score"]) == POINTS[CLOSED[0]] + POINTS[CLOSED[1]]
    assert float(second[0]["score"]) == 2.5
    changed = ALL - POINTS[CLOSED[0]] - POINTS[CLOSED[1]] + 2.5
    assert float(second[0]["points"]) == changed
    assert len(graded_by_stand_in) == 1
    (page,) = (tmp_path / "out" / "feedback").iterdir()
    shown = re.findall(r"<code>(\w+/\w+)</code>", page.read_text())
    assert CLOSED[0] in shown and CLOSED[1] not in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [("subspace/nothing,1", "no exercise"), (f"{OPEN},-1", "number of points")],
)
def test_weights_that_say_nothing_are_refused(line, words, run, tmp_path):
    path = tmp_path / "weights.csv"
    path.write_text(f"exercise,points\n{line}\n")
    _, said = run(folder(tmp_path, {"a.ipynb": ADA}), "--weights", path, code=2)
    assert words in said and "line 2" in said


def test_part_of_the_points_is_passed_on(monkeypatch, run, tmp_path):
    half = Outcome(CLOSED[4], "T", "partly", 1.5, 3.0)
    report = Report(CHAPTER, "0.1.0", (half,))
    monkeypatch.setattr(module.Order, "grade", lambda *asked: report)
    rows, _ = run(folder(tmp_path, {"1001.ipynb": ADA}))
    share = 0.5 * POINTS[CLOSED[4]]
    assert float(rows[0]["score"]) == share == float(rows[0][CLOSED[4]])


# ----------------------------------------------------------------------------
# Open answers
# ----------------------------------------------------------------------------


def fill(path, **cells):
    """Write into the first line of manual.csv, as a spreadsheet program would."""
    rows = table(path)
    rows[0] |= cells
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def test_open_answers_go_to_a_person_and_come_back(run, tmp_path):
    text = "=SUM(A1)\nI measured it."
    source = folder(tmp_path, {"1001.ipynb": notebook(text=text)})
    rows, said = run(source, roster=ROSTER)
    assert rows[0][OPEN] == "" and rows[0]["to read"] == "1"
    assert "1 open answers are still to be read" in said
    manual = tmp_path / "out" / "manual.csv"
    (line,) = table(manual)
    assert line["id"] == "1001" and line["given"] == ""
    assert line["answer"] == "'" + text
    assert line["rubric"] == exercises(CHAPTER)[OPEN].rubric

    fill(manual, given="1,5", comment="Good <b>start</b>.")
    rows, said = run(source, roster=ROSTER)
    assert float(rows[0][OPEN]) == 1.5 and rows[0]["to read"] == "0"
    assert float(rows[0]["score"]) == ALL - POINTS[OPEN] + 1.5
    assert "still to be read" not in said
    page = (tmp_path / "out" / "feedback" / "1001.html").read_text()
    assert "Good &lt;b&gt;start&lt;/b&gt;." in page
    assert table(manual)[0]["given"] == "1.5"  # kept for the next run

    # Another answer is not worth what the earlier one was.
    folder(tmp_path, {"1001.ipynb": notebook(text="I measured it twice.")})
    rows, _ = run(source, roster=ROSTER)
    assert rows[0][OPEN] == "" and rows[0]["to read"] == "1"
    (line,) = table(manual)
    assert line["given"] == "" and "an earlier answer had 1.5" in line["comment"]


@pytest.mark.parametrize(
    "text",
    [
        "It\u00a0is\u2003so \U0001f468\u200d\U0001f4bb \x0b indeed.\r\nYes.",
        "'=1+1 is quoted",
        "word " * 27_000,  # more than the csv module reads, unless told to
    ],
    ids=["odd letters", "quote", "long"],
)
def test_points_stay_with_whatever_was_written(text, run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": notebook(text=text)})
    run(source, roster=ROSTER)
    fill(tmp_path / "out" / "manual.csv", given="2", comment="ok")
    for _ in range(2):
        rows, _ = run(source, roster=ROSTER)
        assert rows[0][OPEN] == "2" and rows[0]["to read"] == "0"
        (line,) = table(tmp_path / "out" / "manual.csv")
        assert line["given"] == "2" and line["comment"] == "ok"


def test_a_person_reads_what_was_received(monkeypatch, run, tmp_path):
    """Not what a parser makes of the cell: a text may be put together there."""
    cell = f'text = "I measured "\nanswer("{OPEN}", text + "things")'

    def graded(text):
        read = Outcome(OPEN, "T", "to read", None, POINTS[OPEN], (), cell, text)
        report = Report(CHAPTER, "0.1.0", (read,))
        monkeypatch.setattr(module.Order, "grade", lambda *asked: report)
        return run(source, "--seed", str(len(text)))[0][0]

    source = folder(tmp_path, {"1001.ipynb": ADA})
    graded("I measured things")
    manual = tmp_path / "out" / "manual.csv"
    assert table(manual)[0]["answer"] == "I measured things"
    fill(manual, given="2")
    assert graded("I measured things")[OPEN] == "2"
    row = graded("I measured other things")
    assert row[OPEN] == "" and row["to read"] == "1"


@pytest.mark.parametrize("given", ["99", "two", "-1"])
def test_points_that_cannot_be_are_refused_before_grading(given, run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": notebook(text=LONG_TEXT)})
    run(source)
    fill(tmp_path / "out" / "manual.csv", given=given)
    before = (tmp_path / "out" / "manual.csv").read_bytes()
    _, said = run(source, code=2)
    assert "manual.csv, line 2" in said
    assert (tmp_path / "out" / "manual.csv").read_bytes() == before


def test_marks_of_students_who_are_not_in_this_run_are_kept(run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": notebook(text=LONG_TEXT)})
    run(source, roster=ROSTER)
    fill(tmp_path / "out" / "manual.csv", given="2")
    (source / "1001.ipynb").unlink()
    folder(tmp_path, {"1002.ipynb": notebook(text=LONG_TEXT + " too")})
    run(source, roster=ROSTER)
    lines = table(tmp_path / "out" / "manual.csv")
    assert [(row["id"], row["given"]) for row in lines] == [("1002", ""), ("1001", "2")]


# ----------------------------------------------------------------------------
# Sheets that go out
# ----------------------------------------------------------------------------

EVIL = '=HYPERLINK("http://x.example")<script>alert(1)</script>'


class Tags(HTMLParser):
    """Collects the tags of a page and checks that they close."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        assert not [name for name, _ in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_what_a_student_wrote_stays_text_everywhere(monkeypatch, run, tmp_path):
    lines = ((EVIL, EVIL + "`code`"),)
    outcome = Outcome(CLOSED[0], EVIL, "raised", 0.0, 1.0, lines, EVIL)
    report = Report(CHAPTER, EVIL, (outcome,), notes=(EVIL,))
    monkeypatch.setattr(module.Order, "grade", lambda *asked: report)
    files = {f"{EVIL.replace('/', '')}.ipynb": ADA}
    run(folder(tmp_path, files))
    (page,) = (tmp_path / "out" / "feedback").iterdir()
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open and "script" not in tags.seen
    assert re.fullmatch(r"[\w-]+\.html", page.name)
    assert "default-src 'none'" in text and "viewport" in text
    for name in ("scores.csv", "canvas.csv", "moodle.csv"):
        with open(tmp_path / "out" / name, encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith("=")], name


def test_a_name_that_is_no_text_or_moves_the_screen_is_shown_as_text(run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": ADA})
    for name in (b"J\xf6rg.ipynb", b"\x1b[2J.ipynb", b"two\nlines.ipynb"):
        Path(os.fsdecode(bytes(source) + b"/" + name)).write_bytes(ALAN)
    rows, said = run(source, roster=ROSTER)
    assert [row["status"] for row in rows].count("unmatched") == 3
    assert "\x1b" not in said and "J?rg" in said and "two lines.ipynb" in said
    assert "\x1b" not in (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8")


def test_gradebook_files_have_the_columns_that_are_imported(run, tmp_path):
    roster = ROSTER.replace("email", "email,canvas_id,sis_login_id,section", 1)
    roster = roster.replace("ada@school.example", "ada@school.example,91,ada,A", 1)
    files = {**MOODLE_FLAT}
    run(archive(tmp_path, files), roster=roster)
    canvas = table(tmp_path / "out" / "canvas.csv")
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    score = f"Weird Ways: {CHAPTER}"
    assert list(canvas[0]) == [*head, score]
    assert canvas[0]["Student"].strip() == "Points Possible"
    assert float(canvas[0][score]) == ALL
    assert [canvas[1][name] for name in head] == ["Ada Lovelace", "91", "", "ada", "A"]
    # Canvas finds who has no number of its own by the school's, or by name.
    assert [canvas[2][name] for name in head[:3]] == ["Alan Turing", "", "1002"]
    assert len(canvas) == 3  # who handed in nothing keeps the grade they have
    moodle = table(tmp_path / "out" / "moodle.csv")
    needed = {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"}
    assert needed <= set(moodle[0])
    assert [row["Identifier"] for row in moodle] == [
        "Participant 501",
        "Participant 502",
    ]
    assert moodle[0]["Email address"] == "ada@school.example"
    assert float(moodle[0]["Grade"]) == ALL - POINTS[OPEN]


def test_the_seed_is_in_no_sheet(run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": ADA})
    run(source, "--seed", "918273645")
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or "918273645" not in path.read_text(encoding="utf-8")


def test_grades_are_for_the_teacher_alone(run, tmp_path):
    run(folder(tmp_path, {"1001.ipynb": ADA}))
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_what_was_not_enforced_is_named_everywhere(run, tmp_path):
    source = folder(tmp_path, {"1001.ipynb": ADA})
    rows, said = run(source, "--unsafe")
    assert "NOT ENFORCED: the network" in said
    assert "not enforced: the network" in rows[0]["notes"]
    held = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert held["not_enforced"] == ["the network"]


def test_without_isolation_nothing_is_graded(monkeypatch, run, tmp_path):
    @contextmanager
    def none(unsafe=False):
        raise SandboxError("install bubblewrap")
        yield

    monkeypatch.setattr(Sandbox, "open", none)
    _, said = run(folder(tmp_path, {"1001.ipynb": ADA}), code=2)
    assert "install bubblewrap" in said
    assert not (tmp_path / "out" / "scores.csv").exists()


def test_files_are_written_whole_or_not_at_all(monkeypatch, tmp_path):
    path = tmp_path / "scores.csv"
    tables.write_whole(path, "before")

    def full(self, raw):
        with open(self, "wb") as file:
            file.write(raw[:3])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        tables.write_whole(path, "after and longer")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


# ----------------------------------------------------------------------------
# Going on where it stopped
# ----------------------------------------------------------------------------


def test_a_second_run_grades_only_what_is_new(run, graded_by_stand_in, tmp_path):
    files = {"1001.ipynb": ADA, "1002.ipynb": ALAN}
    source = folder(tmp_path, files)
    first, _ = run(source)
    folder(tmp_path, {"1003.ipynb": notebook(right=CLOSED[:3])})
    second, _ = run(source)
    assert len(graded_by_stand_in) == 3 and second[:2] == first
    run(source, "--seed", "8")
    assert len(graded_by_stand_in) == 6
    # A report that was damaged is made again.
    for path in (tmp_path / "out" / "reports").iterdir():
        path.write_text(path.read_text()[:40])
    again, _ = run(source)
    assert len(graded_by_stand_in) == 9 and again == second


def test_a_back_end_that_gives_lists_only_grades_too(monkeypatch, run, tmp_path):
    """Ray's; the class is then graded a few at a time."""

    class ListsOnly(joblib.Parallel):
        def __init__(self, return_as="list", **more):
            if return_as != "list":
                raise ValueError(f"does not support return_as={return_as}")
            super().__init__(**more)

    files = {f"{i}.ipynb": notebook(right=CLOSED[:i]) for i in range(9)}
    source = folder(tmp_path, files)
    usual, _ = run(source)
    monkeypatch.setattr(joblib, "Parallel", ListsOnly)
    rows, _ = run(source, "--seed", "8")
    assert rows == usual and len(rows) == 9


def test_a_fault_of_the_grader_is_one_students_line_and_not_kept(
    monkeypatch, run, tmp_path
):
    def grade(order, raw, student):
        if raw == ALAN:
            raise RuntimeError("no\nsuch process")
        return stand_in(order, raw, student)

    monkeypatch.setattr(module.Order, "grade", grade)
    source = folder(tmp_path, {"1001.ipynb": ADA, "1002.ipynb": ALAN})
    rows, _ = run(source)
    assert [row["status"] for row in rows] == ["graded", "not graded"]
    assert "RuntimeError: no such process" in rows[1]["notes"]
    monkeypatch.setattr(module.Order, "grade", stand_in)
    rows, _ = run(source)
    assert [row["status"] for row in rows] == ["graded", "graded"]


KILLED = """
import contextlib, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
import test_grading_teacher as tests
from minitorch.grading import grade
from minitorch.grading.__main__ import main
from minitorch.grading.sandbox import Sandbox

def slow(order, raw, student):
    with open(sys.argv[1], "a") as log:
        log.write("graded\\n")
    time.sleep(float(sys.argv[2]))
    return tests.stand_in(order, raw, student)

@contextlib.contextmanager
def no_sandbox(unsafe=False):
    yield Sandbox(Path.cwd(), "nothing")

grade.Order.grade = slow
Sandbox.open = no_sandbox
sys.exit(main(sys.argv[3:]))
"""


def test_a_run_that_is_killed_half_way_loses_nothing(tmp_path):
    files = {f"{i}.ipynb": notebook(right=CLOSED[:i]) for i in range(8)}
    source, out, log = folder(tmp_path, files), tmp_path / "out", tmp_path / "log"
    tests = str(Path(__file__).parent)

    def command(seconds):
        words = ["grade", source, "--chapter", CHAPTER, "--seed", "7", "--out", out]
        run = [sys.executable, "-c", KILLED, tests, log, seconds]
        return list(map(str, [*run, *words, "--jobs", "1"]))

    process = subprocess.Popen(command(0.2), cwd=tmp_path, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while len(list((out / "reports").glob("*.json"))) < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = len(list((out / "reports").glob("*.json")))
    assert kept < 8 and not (out / "scores.csv").exists()
    (out / "reports" / "x.json.1.part").write_text("{")  # as one killed while writing

    log.unlink()
    done = subprocess.run(command(0), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(log.read_text().splitlines()) == 8 - kept
    assert len(table(out / "scores.csv")) == 8
    assert not list(out.rglob("*.part"))


# ----------------------------------------------------------------------------
# Likeness
# ----------------------------------------------------------------------------

TOPOLOGICAL = exercises("engine")["engine/topological_order"]


def _solution(spec):
    source = inspect.getsource(spec.reference)
    return f'@exercise("{spec.id}")\n{source}'


def test_a_copy_is_seen_through_names_and_layout():
    source = _solution(TOPOLOGICAL)
    renamed = re.sub(r"\bedges\b", "pairs", source).replace(
        "    return", "\n    return"
    )
    other = source.replace("return ", "return 0 or ", 1)
    found = likenesses(TOPOLOGICAL, [("a", renamed), ("b", other), ("c", other)])
    assert {(each.like, each.files) for each in found} == {
        ("the solution", ("a",)),
        ("one another", ("b", "c")),
    }


@pytest.mark.parametrize("source", ["def f(:", "x" * 10, "\0", "(" * 5000, ""])
def test_an_answer_that_cannot_be_read_is_like_nothing(source):
    assert likenesses(TOPOLOGICAL, [("a", source), ("b", source)]) == []


def test_short_answers_and_planted_bugs_are_left_out():
    short = exercises(CHAPTER)["subspace/project"]
    planted = exercises(CHAPTER)["subspace/fastfood_grad"]
    for spec in (short, planted):
        source = _solution(spec)
        assert likenesses(spec, [("a", source), ("b", source)]) == []


def test_likeness_changes_no_score_and_reads_texts_too(run, tmp_path):
    files = {f"{i}.ipynb": notebook(text=LONG_TEXT + " " * i) for i in range(2)}
    rows, _ = run(folder(tmp_path, files))
    assert {row["score"] for row in rows} == {tables.number(ALL - POINTS[OPEN])}
    (line,) = table(tmp_path / "out" / "likeness.csv")
    assert line["exercise"] == OPEN and line["files"] == "0.ipynb; 1.ipynb"
    for page in (tmp_path / "out" / "feedback").iterdir():
        assert "one another" not in page.read_text()


# ----------------------------------------------------------------------------
# A teacher's own exercises
# ----------------------------------------------------------------------------

OWN = '''
import numpy as np
from minitorch.grading.spec import Exercise, Slip, judge_by_value, open_question


def mean_square(x):
    """Mean of the squares of x (n,)."""
    return float((x**2).mean())


def cases(rng):
    yield (np.array([3.0, 4.0]),)
    for n in rng.integers(3, 30, 3):
        yield (rng.normal(1.0, 2.0, n),)


MEAN_FIRST = Slip(
    "The mean is taken before the square: that is another number.",
    lambda x: x.mean() ** 2,
)


def squares_the_mean(x):
    return x.mean() ** 2


EXERCISES = [
    Exercise(
        "private/mean_square", "Mean square", 2, 5, mean_square, cases,
        judge_by_value("the mean square", (MEAN_FIRST,)),
    ),
    open_question("private/why", "Why", 1, 5, "Says that squares are positive."),
]
MUTANTS = [("private/mean_square", squares_the_mean, "before the square")]
'''


def own_file(tmp_path, text=OWN):
    path = tmp_path / "own.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_sound_exercises_of_the_teacher_are_graded(run, tmp_path):
    right = '@exercise("private/mean_square")\ndef f(x):\n    return "right"'
    source = folder(tmp_path, {"1001.ipynb": notebook(extra=[right])})
    rows, _ = run(source, "--exercises", own_file(tmp_path))
    assert float(rows[0]["private/mean_square"]) == 2
    assert rows[0]["private/why"] == "0"
    assert float(rows[0]["points"]) == ALL + 3


def test_try_says_what_was_tried(tmp_path, capsys):
    assert main(["try", str(own_file(tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "private/mean_square: the reference passes and 1 wrong answers fail" in said
    assert "private/why: open" in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("return x.mean() ** 2", "return (x**2).mean()", "passes under seed 0"),
        ('"before the square")]', '"the median")]', "does not say 'the median'"),
        ("MUTANTS = [", "MUTANTS = []; _ = [", "has no wrong answer in MUTANTS"),
        ('private/mean_square", sq', 'private/other", sq', "is not there"),
        ("private/why", "subspace/why", "of the form 'private/name'"),
        ("private/why", "private/mean_square", "stands there twice"),
        ("rng.normal(1.0", "rng.norm(1.0", "AttributeError"),
        ("(x**2).mean())", "(x**2).mean()) * np.nan", "the reference fails"),
        ("EXERCISES = [", "EXERCISES = [7, ", "holds a int"),
        ("EXERCISES = [", "EXERCISES = x = [", ""),
        ("import numpy", "import nump", "ModuleNotFoundError"),
        ("def cases(rng):", "def cases(rng)", "SyntaxError"),
        ("MUTANTS = [", "MUTATED = [", "no list MUTANTS"),
    ],
)
def test_an_unsound_file_is_refused_with_its_fault(old, new, words, run, tmp_path):
    assert old in OWN
    path = own_file(tmp_path, OWN.replace(old, new, 1))
    source = folder(tmp_path, {"1001.ipynb": ADA})
    _, said = run(source, "--exercises", path, code=2 if words else 0)
    assert words in said
    assert bool(words) != (tmp_path / "out" / "scores.csv").exists()


# ----------------------------------------------------------------------------
# Handout, Gradescope, rehearsal
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chapter", "more"), [("engine", []), ("subspace", ["--no-solutions"])]
)
def test_a_handout_differs_by_its_solution_cells_alone(chapter, more, tmp_path):
    out = tmp_path / "handout.ipynb"
    words = ["handout", "--chapter", chapter, *more, "--out", str(out)]
    assert main(words) == 0
    ours = json.loads(shipped(chapter).read_text(encoding="utf-8"))
    cells = [c for c in ours["cells"] if not c["id"].startswith("solution-")]
    kept = json.loads(out.read_text(encoding="utf-8"))
    code = [c for c in kept["cells"] if c["cell_type"] == "code"]
    assert not [c["id"] for c in code if "solution(" in "".join(c["source"])]
    assert [c["id"] for c in kept["cells"]] == [c["id"] for c in cells]
    assert kept == {**ours, "cells": cells}
    assert read_notebook(out.read_bytes()).answers == set(exercises(chapter))


def test_a_handout_is_never_written_among_the_notebooks(capsys):
    out = shipped(CHAPTER).parent / "deep" / ".." / "handout.ipynb"
    words = ["handout", "--chapter", CHAPTER, "--no-solutions", "--out", str(out)]
    assert main(words) == 2
    assert "name another place" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("command", ["grade", "gradescope", "handout", "rehearse"])
def test_a_chapter_that_is_none_is_refused(command, tmp_path, capsys):
    words = {
        "grade": [str(tmp_path), "--seed", "1"],
        "gradescope": ["--seed", "1"],
        "handout": ["--no-solutions"],
        "rehearse": ["--students", "1"],
    }[command]
    out = ["--chapter", "tensors", "--out", str(tmp_path / "out")]
    assert main([command, *words, *out]) == 2
    assert "'tensors'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--seed", "x"], ["--seed", "1", "--jobs", "0"]])
def test_words_that_are_none_are_explained(words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["grade", str(tmp_path), "--chapter", CHAPTER, "--out", "out", *words])
    assert "wanted" in (said := capsys.readouterr().err) or "whole number" in said


def test_gradescope_results_are_in_its_format():
    asked = exercises(CHAPTER)
    order = module.Order(CHAPTER, 7, Sandbox(Path(), "nothing"))
    report = stand_in(order, notebook(right=CLOSED[:2], text=LONG_TEXT), "")
    row = module.Row(Student(), "graded", report=report)
    graded = module.Graded(CHAPTER, asked, POINTS, [row], "folder", [], [])
    found = gradescope.results(graded)
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"output", "tests"}
    for test, (id, spec) in zip(found["tests"], asked.items(), strict=True):
        assert spec.title in test["name"] and test["visibility"] == "visible"
        assert test["output_format"] == "text" and isinstance(test["output"], str)
        if id == OPEN:
            assert "score" not in test and "max_score" not in test
        else:
            right = id in CLOSED[:2]
            assert test["score"] == (POINTS[id] if right else 0)
            assert test["max_score"] == POINTS[id]
            assert test["status"] == ("passed" if right else "failed")


def test_gradescope_says_why_nothing_was_graded():
    report = Report(CHAPTER, problem="not a notebook")
    row = module.Row(Student(), "graded", report=report)
    asked = exercises(CHAPTER)
    graded = module.Graded(CHAPTER, asked, POINTS, [row], "folder", [], [])
    found = gradescope.results(graded)
    assert found["output"] == "not a notebook"
    assert [(t["score"], t["max_score"]) for t in found["tests"]] == [(0, ALL)]


@pytest.fixture
def submission(graded_by_stand_in, tmp_path):
    """Lay out what `run_autograder` reads; the submission is still to be written."""
    order = {"chapter": CHAPTER, "seed": 7, "points": POINTS, "private": ""}
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "order.json").write_text(json.dumps(order))
    (tmp_path / "submission").mkdir()
    return tmp_path / "submission" / "work.ipynb"


def test_a_fault_of_the_grader_still_gives_results(monkeypatch, submission, tmp_path):
    def grade(order, raw, student):
        raise IndexError("list index\nout of range")

    monkeypatch.setattr(module.Order, "grade", grade)
    submission.write_bytes(ADA)
    gradescope.run_autograder(tmp_path)
    found = json.loads((tmp_path / "results" / "results.json").read_text())
    assert "the grader itself failed (IndexError: list index out" in found["output"]
    assert [test["score"] for test in found["tests"]] == [0]


def test_a_second_try_on_gradescope_meets_other_inputs(
    monkeypatch, submission, tmp_path
):
    seeds = []

    def grade(order, raw, student):
        seeds.append(order.seed)
        return stand_in(order, raw, student)

    monkeypatch.setattr(module.Order, "grade", grade)
    for raw in (ADA, ALAN, ADA):
        submission.write_bytes(raw)
        gradescope.run_autograder(tmp_path)
    order = tmp_path / "source" / "order.json"
    order.write_text(order.read_text().replace('"seed": 7', '"seed": 8'))
    gradescope.run_autograder(tmp_path)
    first, second, same, other = seeds
    assert first == same and len({7, first, second, other}) == 4
    for spec in exercises(CHAPTER).values():
        if spec.kind == "function":
            next(spec.cases(np.random.default_rng([first, 1])))


# ----------------------------------------------------------------------------
# For real: learners' code in its sandbox
# ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandboxed():
    """Skip, visibly, where learners' code cannot be isolated."""
    try:
        with Sandbox.open():
            pass
    except SandboxError as error:
        if os.environ.get("MINITORCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(f"no isolation here: {error}")


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    out = tmp_path_factory.mktemp("rehearsal") / "class"
    words = ["rehearse", "--chapter", CHAPTER, "--students", "12", "--out", str(out)]
    assert main(words) == 0
    assert main(words) == 2  # the folder is there already
    return out


def test_a_class_is_graded_in_two_workers(sandboxed, rehearsed, tmp_path):
    source, out = tmp_path / "handins", tmp_path / "out"
    source.mkdir()
    for number in (0, 7, 9):  # all right, some wrong, unwritten
        name = f"{CHAPTER}_{1_000_000 + number}.ipynb"
        (source / name).write_bytes((rehearsed / "handins" / name).read_bytes())
    words = ["grade", str(source), "--chapter", CHAPTER, "--seed", "3"]
    words += ["--out", str(out), "--roster", str(rehearsed / "roster.csv")]
    assert main(words) == 0
    rows = {row["id"]: row for row in table(out / "scores.csv")}
    assert len(rows) == 12
    right, some, none = (rows[str(1_000_000 + i)] for i in (0, 7, 9))
    asked = exercises(CHAPTER)
    assert float(right["score"]) == sum(POINTS[id] for id in asked if id != OPEN)
    assert 0 < float(some["score"]) < float(right["score"])
    assert float(none["score"]) == 0
    likeness = table(out / "likeness.csv")
    assert {line["like"] for line in likeness} == {"the solution"}


def test_a_private_exercise_is_run(sandboxed, tmp_path):
    answers = ["(x**2).mean()", "x.mean() ** 2"]
    for i, answer in enumerate(answers):
        cell = f'@exercise("private/mean_square")\ndef f(x):\n    return {answer}'
        raw = notebook(right=[], extra=[cell])
        folder(tmp_path, {f"{i}.ipynb": raw})
    words = ["grade", str(tmp_path / "handed in"), "--chapter", CHAPTER, "--seed", "3"]
    words += ["--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main([*words, "--exercises", str(own_file(tmp_path))]) == 0
    rows = table(tmp_path / "out" / "scores.csv")
    assert [float(row["private/mean_square"]) for row in rows] == [2, 0]
    pages = sorted((tmp_path / "out" / "feedback").iterdir())
    assert "before the square" in "".join(page.read_text() for page in pages)


def test_a_worker_elsewhere_opens_a_sandbox_of_its_own(sandboxed, rehearsed, tmp_path):
    name = f"{CHAPTER}_1000000.ipynb"
    raw = (rehearsed / "handins" / name).read_bytes()
    far = module.Order(CHAPTER, 3, Sandbox(tmp_path / "not here", "bubblewrap"))
    report = far.grade(raw, "")
    assert report.score > 0 and not report.problem


def autograder(root, *more):
    """Lay an autograder out as Gradescope and setup.sh do."""
    packed = root / "autograder.zip"
    words = ["gradescope", "--chapter", CHAPTER, "--seed", "3", "--out", str(packed)]
    assert main([*words, *map(str, more)]) == 0
    with zipfile.ZipFile(packed) as archive:
        modes = {e.filename: e.external_attr >> 16 for e in archive.infolist()}
        archive.extractall(root / "source")
    packed.unlink()
    assert modes["run_autograder"] & 0o111 and modes["setup.sh"] & 0o111
    (root / "source" / "run_autograder").rename(root / "run_autograder")
    (root / "run_autograder").chmod(0o755)
    python = root / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert 'chmod -R go-rwx "$root/source"' in gradescope._SETUP
    subprocess.run(["chmod", "-R", "go-rwx", root / "source"], check=True)
    (root / "submission").mkdir()


def run_autograder(root):
    """Run it; give each exercise's entry in the results, and what was printed."""
    done = subprocess.run(
        [str(root / "run_autograder")],
        env={**os.environ, "AUTOGRADER": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((root / "results" / "results.json").read_text())
    return {t["name"].split("(")[-1][:-1]: t for t in found["tests"]}, done.stdout


def test_the_autograder_runs_as_gradescope_runs_it(sandboxed, rehearsed, tmp_path):
    weights = tmp_path / "weights.csv"
    weights.write_text(f"exercise,points\n{CLOSED[1]},5\n{OPEN},0\n")
    autograder(tmp_path, "--weights", weights)
    name = f"{CHAPTER}_1000000.ipynb"
    raw = (rehearsed / "handins" / name).read_bytes()
    (tmp_path / "submission" / "work.ipynb").write_bytes(raw)
    about = {"users": [{"id": 1, "name": "Ada", "sid": "1000000"}]}
    (tmp_path / "submission_metadata.json").write_text(json.dumps(about))
    found, said = run_autograder(tmp_path)
    assert set(found) == set(CLOSED) and said == ""
    assert found[CLOSED[1]]["score"] == 5
    assert found["subspace/fwht"]["score"] == POINTS["subspace/fwht"]


NO_NAMESPACES = """
import functools, sys
from pathlib import Path
from minitorch.grading import gradescope
gradescope.Sandbox.open = functools.partial(gradescope.Sandbox.open, ways=())
gradescope.run_autograder(Path(sys.argv[-1]))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="Gradescope grades as root"
)
def test_without_namespaces_gradescope_still_hides_the_seed(tmp_path):
    """Learners' code runs under another account; what is not enforced is printed."""
    with tempfile.TemporaryDirectory() as top:
        root = Path(top)
        root.chmod(0o755)  # pytest's own folders are closed to every other account
        autograder(root)
        none = root / "venv" / "bin" / "python"
        none.write_text(f"#!{sys.executable}\n{NO_NAMESPACES}")
        (root / "seen").write_text("seen")
        cells = {CLOSED[1]: root / "source" / "order.json", CLOSED[2]: root / "seen"}
        sources = [
            f'@exercise("{id}")\n'
            f"def f(*x):\n    raise ValueError(open({str(path)!r}).read())"
            for id, path in cells.items()
        ]
        raw = notebook(right=[], extra=sources)
        (root / "submission" / "work.ipynb").write_bytes(raw)
        found, said = run_autograder(root)
        assert "NOT ENFORCED" in said
        assert "PermissionError" in found[CLOSED[1]]["output"]
        assert "ValueError: seen" in found[CLOSED[2]]["output"]


def test_the_autograder_installs_what_the_course_asks_for():
    from book.notebooks import ROOT

    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for needed in re.search(r"pip install -q (.*)", gradescope._SETUP)[1].split():
        assert f'"{needed.strip(chr(34))}"' in project
    for text in (gradescope._SETUP, gradescope._RUN):
        checked = subprocess.run(["bash", "-n"], input=text, text=True)
        assert checked.returncode == 0
