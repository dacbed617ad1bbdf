"""What the teacher gets: scores, gradebook files, and a page for each student."""

import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import minitorch
from minitorch.grading.grade import Graded, Row
from minitorch.grading.likeness import Likeness, likenesses
from minitorch.grading.manual import write_marks
from minitorch.grading.report import Outcome
from minitorch.grading.tables import number, write_table, write_whole


def given(row: Row, graded: Graded, id: str) -> float | None:
    """Points that a hand-in has for an exercise, by the teacher's weights.

    Returns:
        None where there is no answer to count: no hand-in, or a person has to read it.
    """
    outcome = _outcome(row, id)
    mark = graded.mark(row, id)
    if mark:
        return mark.points
    if outcome is None or outcome.score is None:
        return None
    share = outcome.score / outcome.points if outcome.points else 0.0
    return share * graded.points[id]


def _outcome(row: Row, id: str) -> Outcome | None:
    outcomes = row.report.outcomes if row.report else ()
    return next((each for each in outcomes if each.id == id), None)


def total(row: Row, graded: Graded) -> float | None:
    """Add up a hand-in's points; None where nothing was graded."""
    if row.report is None or row.report.problem:
        return None
    return sum(given(row, graded, id) or 0.0 for id in graded.exercises)


def most(graded: Graded) -> float:
    """Give the points that all exercises are worth together."""
    return sum(graded.points.values())


def to_read(row: Row, graded: Graded) -> list[str]:
    """Name the exercises that a person has still to read."""
    outcomes = row.report.outcomes if row.report else ()
    waiting = [each.id for each in outcomes if each.status == "to read"]
    return [id for id in waiting if not graded.mark(row, id)]


def write_sheets(graded: Graded, out: Path) -> None:
    """Write every sheet and page.

    Args:
        graded: what came of the hand-ins.
        out: an existing folder.
    """
    pages = out / "feedback"
    pages.mkdir(exist_ok=True)
    names: dict[int, str] = {}
    for i, row in enumerate(graded.rows):
        if row.report:
            names[i] = f"{_slug(row)}.html"
            write_whole(pages / names[i], feedback(row, graded))
    _scores_csv(graded, out / "scores.csv")
    alike = _alike(graded)
    _scores_json(graded, names, alike, out / "scores.json")
    _likeness(alike, out / "likeness.csv")
    write_marks(out / "manual.csv", _open_answers(graded), graded.marks)
    _canvas(graded, out / "canvas.csv")
    _moodle(graded, out / "moodle.csv")


def _slug(row: Row) -> str:
    """A file's name that is safe everywhere and nobody else's."""
    key = f"{row.status == 'unmatched'} {row.student.key}"
    word = re.sub(r"[^\w]+", "-", row.student.key, flags=re.ASCII).strip("-")[:60]
    if word == row.student.key and row.status != "unmatched":
        return word
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{word}-{digest[:8]}".lstrip("-")


# ----------------------------------------------------------------------------
# Tables
# ----------------------------------------------------------------------------


def _scores_csv(graded: Graded, path: Path) -> None:
    ids = list(graded.exercises)
    head = ["id", "name", "email", "status", "score", "points", "to read", "late"]
    rows: list[list[Any]] = [[*head, *ids, "course version", "file", "notes"]]
    for row in graded.rows:
        who = row.student
        notes = [row.doubles] if row.doubles else []
        notes += row.notes + [f"not enforced: {each}" for each in graded.unenforced]
        rows.append(
            [
                who.id,
                who.name,
                who.email,
                row.status,
                total(row, graded),
                most(graded),
                len(to_read(row, graded)),
                "late" if row.late else "",
                *(given(row, graded, id) for id in ids),
                row.report.course_version if row.report else "",
                row.file,
                "; ".join(notes),
            ]
        )
    write_table(path, rows)


def _scores_json(
    graded: Graded, pages: dict[int, str], alike: list[Likeness], path: Path
) -> None:
    held = {
        "format": "minitorch scores 1",
        "chapter": graded.chapter,
        "course_version": minitorch.__version__,
        "layout": graded.layout,
        "points": most(graded),
        "exercises": [
            {"id": id, "title": each.title, "points": graded.points[id]}
            for id, each in graded.exercises.items()
        ],
        "not_enforced": graded.unenforced,
        "notes": graded.notes,
        "likeness": [each._asdict() for each in alike],
        "students": [
            {
                "id": row.student.id,
                "name": row.student.name,
                "email": row.student.email,
                "status": row.status,
                "file": row.file,
                "late": row.late,
                "score": total(row, graded),
                "to_read": to_read(row, graded),
                "doubles": row.doubles,
                "notes": row.notes,
                "feedback": pages.get(i, ""),
                "report": row.report.to_json() if row.report else None,
                "given": {id: given(row, graded, id) for id in graded.exercises},
            }
            for i, row in enumerate(graded.rows)
        ],
    }
    write_whole(path, json.dumps(held, indent=1, ensure_ascii=False))


def _alike(graded: Graded) -> list[Likeness]:
    found = []
    for id, exercise in graded.exercises.items():
        answers = {}  # by file: a group's members share one
        for row in graded.rows:
            outcome = _outcome(row, id)
            if outcome and outcome.status not in ("not attempted", "missing"):
                is_text = exercise.kind == "open"
                answers[row.file] = outcome.text if is_text else outcome.source
        found += likenesses(exercise, answers.items())
    return found


def _likeness(alike: list[Likeness], path: Path) -> None:
    rows: list[list[Any]] = [["exercise", "like", "hand-ins", "files", "size"]]
    for each in alike:
        files = "; ".join(each.files)
        rows.append([each.exercise, each.like, len(each.files), files, each.size])
    write_table(path, rows)


def _open_answers(graded: Graded) -> Iterator[list[Any]]:
    for row in graded.rows:
        for each in _outcomes(row):
            if each.status == "to read":
                rubric = graded.exercises[each.id].rubric
                who, points = row.student, graded.points[each.id]
                yield [who.key, who.name, each.id, points, rubric, each.text]


def _canvas(graded: Graded, path: Path) -> None:
    """Canvas's gradebook import: five columns about the student, then the score."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    title = f"Weird Ways: {graded.chapter}"
    rows: list[list[Any]] = [[*head, title]]
    rows.append(["    Points Possible", "", "", "", "", most(graded)])
    for row in graded.rows:
        who, score = row.student, total(row, graded)
        if row.status != "unmatched" and score is not None:
            sis = who.sis_user_id or ("" if who.canvas_id else who.id)
            known = [who.name, who.canvas_id, sis, who.sis_login_id, who.section]
            rows.append([*known, score])
    write_table(path, rows)


def _moodle(graded: Graded, path: Path) -> None:
    """Moodle's grading worksheet, which its gradebook import reads as well."""
    rows: list[list[Any]] = [
        [
            "Identifier",
            "Full name",
            "ID number",
            "Email address",
            "Grade",
            "Maximum grade",
            "Last modified (grade)",
            "Feedback comments",
        ]
    ]
    for row in graded.rows:
        who, score = row.student, total(row, graded)
        if row.status != "unmatched" and score is not None:
            participant = f"Participant {who.moodle_id}" if who.moodle_id else ""
            known = [participant, who.name, who.id, who.email]
            rows.append([*known, score, most(graded), "-", _in_short(row, graded)])
    write_table(path, rows)


def _in_short(row: Row, graded: Graded) -> str:
    outcomes = row.report.outcomes if row.report else ()
    parts = [f"{each.title}: {each.status}" for each in outcomes]
    return ". ".join([*parts, ""]).strip()


# ----------------------------------------------------------------------------
# Pages
# ----------------------------------------------------------------------------

_STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem;
color:#1d1f21;background:#fff}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #d0d4d8}
section{margin:1.2rem 0;padding:.2rem 1rem;border-left:6px solid #d55e00;
background:#f7f8f9}
section.passed{border-color:#009e73}
section.none{border-color:#888}
pre{overflow-x:auto;background:#eceff1;padding:.6rem}
code{overflow-wrap:anywhere}
dt{font-style:italic}
dd{margin:0 0 .4rem 0;overflow-wrap:anywhere}
"""


def feedback(row: Row, graded: Graded) -> str:
    """Write a student's page: self-contained, without a script.

    Args:
        row: the student's.
        graded: the run that it is part of.
    """
    say = html.escape
    score, worth = total(row, graded), most(graded)
    who = say(row.student.name or row.student.key)
    title = f"{say(graded.chapter)}: {who}"
    if score is None:
        sum_up = f"Not graded: {say(row.report.problem if row.report else '')}"
    else:
        sum_up = f"{number(score)} of {number(worth)} points"
        if to_read(row, graded):
            sum_up += ", without the answers that a person has still to read"
    asked = [each for each in _outcomes(row) if graded.points[each.id]]
    parts = [_section(each, row, graded) for each in asked]
    notes = row.report.notes if row.report else ()
    listed = "".join(f"<li>{say(note)}</li>" for note in notes)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{title}</h1><p><strong>{sum_up}</strong></p>"
        + (f"<ul>{listed}</ul>" if listed else "")
        + "".join(parts)
        + f"<p>Graded by the course's version {say(minitorch.__version__)}.</p>"
        "</body></html>\n"
    )


def _outcomes(row: Row) -> tuple[Outcome, ...]:
    return row.report.outcomes if row.report else ()


def _section(outcome: Outcome, row: Row, graded: Graded) -> str:
    say = html.escape
    points = given(row, graded, outcome.id)
    worth = number(graded.points[outcome.id])
    got = f"{number(points)} of {worth}" if points is not None else f"of {worth}"
    kind = {"passed": "passed", "to read": "none", "not attempted": "none"}
    lines = "".join(
        f"<dt>{say(label)}</dt><dd>{_marked(text)}</dd>"
        for label, text in outcome.lines
    )
    mark = graded.mark(row, outcome.id)
    if mark and mark.comment:
        lines += f"<dt>comment</dt><dd>{say(mark.comment)}</dd>"
    source = (
        f"<details><summary>Your answer</summary><pre><code>{say(outcome.source)}"
        "</code></pre></details>"
        if outcome.source
        else ""
    )
    return (
        f'<section class="{kind.get(outcome.status, "wrong")}">'
        f"<h2>{say(outcome.title)}</h2>"
        f"<p><strong>{say(outcome.status.capitalize())}</strong>, {got} points "
        f"<code>{say(outcome.id)}</code></p>"
        f"<dl>{lines}</dl>{source}</section>"
    )


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
