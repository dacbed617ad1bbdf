"""Gradescope: an autograder to upload, and what it runs for each submission."""

import hashlib
import io
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import minitorch
from minitorch.grading import sheets
from minitorch.grading.grade import Graded, Order, Row, all_exercises, read_weights
from minitorch.grading.handin import LARGEST, shipped
from minitorch.grading.private import read_private
from minitorch.grading.report import Outcome, Report
from minitorch.grading.roster import Student
from minitorch.grading.sandbox import Sandbox
from minitorch.grading.tables import write_whole

# Gradescope's images hold an older Python; the references lie in source/, which
# learners' code, under another account, must not read.
_SETUP = """\
#!/usr/bin/env bash
set -e
root="${AUTOGRADER:-/autograder}"
apt-get update
apt-get install -y bubblewrap python3-venv || true
for python in python3.13 python3.12 python3.11 python3; do
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && break
  python=
done 2>/dev/null
if [ -z "$python" ]; then
  python=python3.11
  apt-get install -y python3.11 python3.11-venv
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install -q "numpy>=2.0" tqdm
chmod -R go-rwx "$root/source"
"""
_RUN = """\
#!/usr/bin/env bash
root="${AUTOGRADER:-/autograder}"
cd "$root"
export PYTHONPATH="$root/source/course" MINITORCH_NUMBA=0
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$root/venv/bin/python" -m minitorch.grading.gradescope "$root"
"""


def write_autograder(
    chapter: str,
    seed: int,
    out: Path,
    *,
    weights: Path | None = None,
    private: Path | None = None,
) -> None:
    """Write the zip archive that Gradescope takes as an autograder.

    Args:
        chapter: whose exercises it grades.
        seed: the teacher's; it lies in the archive.
        out: the file to write.
        weights: points of exercises.
        private: the teacher's own exercises.

    Raises:
        Refused: when the chapter, the weights or the exercises are not sound.
    """
    own = read_private(private) if private else ""
    points = read_weights(weights, all_exercises(chapter, own))
    order = {"chapter": chapter, "seed": seed, "points": points, "private": own}
    package = Path(minitorch.__file__).parent
    files = {
        f"course/minitorch/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    notebook = shipped(chapter)
    if notebook:
        files[f"course/notebooks/{notebook.name}"] = notebook.read_bytes()
    files["order.json"] = json.dumps(order, indent=1).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", _SETUP), ("run_autograder", _RUN)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
        for name, raw in files.items():
            archive.writestr(name, raw)
    write_whole(out, packed.getvalue())


def results(graded: Graded) -> dict[str, Any]:
    """Write a graded hand-in in the format that Gradescope reads.

    Args:
        graded: of one row.
    """
    (row,) = graded.rows
    report = row.report or Report(graded.chapter)
    if report.problem:
        zero = {"name": graded.chapter, "score": 0, "max_score": sheets.most(graded)}
        return {"output": report.problem, "tests": [zero]}
    return {
        "output": "\n".join(report.notes),
        "tests": [
            _test(each, row, graded)
            for each in report.outcomes
            if graded.points[each.id]
        ],
    }


def _test(outcome: Outcome, row: Row, graded: Graded) -> dict[str, Any]:
    lines = [f"{label}: {text}" if label else text for label, text in outcome.lines]
    test = {
        "name": f"{outcome.title} ({outcome.id})",
        "output": "\n".join([outcome.status.capitalize(), *lines]),
        "output_format": "text",
        "visibility": "visible",
    }
    points = sheets.given(row, graded, outcome.id)
    if points is None:  # a person gives them
        return test
    return test | {
        "score": round(points, 4),
        "max_score": graded.points[outcome.id],
        "status": "passed" if outcome.status == "passed" else "failed",
    }


def run_autograder(root: Path) -> dict[str, Any]:
    """Grade the submission that lies in Gradescope's folder, and write the results.

    Args:
        root: /autograder on Gradescope.
    """
    held = json.loads((root / "source" / "order.json").read_text(encoding="utf-8"))
    files = sorted((root / "submission").rglob("*.ipynb"))
    files = [path for path in files if path.is_file() and not path.is_symlink()]
    student = _student(root / "submission_metadata.json")
    with Sandbox.open(unsafe=True) as sandbox:
        order = Order(held["chapter"], held["seed"], sandbox, held["private"])
        reports = []
        for path in files:
            with open(path, "rb") as file:
                raw = file.read(LARGEST + 1)
            own = replace(order, seed=_own_seed(order.seed, raw))
            reports.append(own.try_grade(raw, student.id)[1])
        unenforced = list(sandbox.unenforced)
    none = Report(order.chapter, problem="no notebook (.ipynb) was handed in")
    usable = [each for each in reports if not each.problem]
    row = Row(student, "graded", report=(usable or reports or [none])[-1])
    exercises = all_exercises(order.chapter, order.private)
    graded = Graded(
        order.chapter, exercises, held["points"], [row], "folder", [], unenforced
    )
    for each in unenforced:  # teachers see what the autograder prints, students not
        print(f"NOT ENFORCED: {each}")
    found = results(graded)
    (root / "results").mkdir(exist_ok=True)
    write_whole(root / "results" / "results.json", json.dumps(found, indent=1))
    return found


def _own_seed(seed: int, raw: bytes) -> int:
    """Seed of a hand-in: who tries again must not know the inputs from before."""
    digest = hashlib.sha256(f"{seed} ".encode() + raw).digest()
    return int.from_bytes(digest[:16], "big")


def _student(metadata: Path) -> Student:
    """Whoever submitted, where it is one student and Gradescope says their number."""
    try:
        users = json.loads(metadata.read_text(encoding="utf-8"))["users"]
        (user,) = users
        return Student(str(user.get("sid") or ""), str(user.get("name") or ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Student()


if __name__ == "__main__":
    run_autograder(Path(sys.argv[1]))
