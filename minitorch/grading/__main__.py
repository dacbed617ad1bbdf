"""The teacher's command: python -m minitorch.grading grade FOLDER --chapter NAME ..."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from minitorch.grading.grade import Graded, grade
from minitorch.grading.gradescope import write_autograder
from minitorch.grading.handout import write_handout
from minitorch.grading.private import SEEDS, load_private, read_private
from minitorch.grading.rehearse import rehearse
from minitorch.grading.sheets import to_read, write_sheets
from minitorch.grading.tables import Refused, one_text


def _grade(asked: argparse.Namespace) -> None:
    graded = grade(
        asked.source,
        asked.chapter,
        asked.seed,
        asked.out,
        roster=asked.roster,
        weights=asked.weights,
        private=asked.exercises,
        jobs=asked.jobs,
        unsafe=asked.unsafe,
    )
    write_sheets(graded, asked.out)
    _say(graded, asked.out)


def _say(graded: Graded, out: Path) -> None:
    """What the teacher has to look at, on the screen as in the sheets."""
    counts = Counter(row.status for row in graded.rows)
    print(", ".join(f"{n} {status}" for status, n in counts.items()) or "no hand-in")
    for row in graded.rows:
        notes = [row.status, *row.notes] if row.status != "graded" else []
        notes += [row.doubles] if row.doubles else []
        if notes:
            who = " ".join(filter(None, [row.student.id, row.student.name]))
            _print(f"  {who or row.file}: {'; '.join(notes)}")
    for note in graded.notes:
        _print(f"  {note}")
    for each in graded.unenforced:
        print(f"  NOT ENFORCED: {each}")
    waiting = sum(len(to_read(row, graded)) for row in graded.rows)
    if waiting:
        print(
            f"{waiting} open answers are still to be read: write points into "
            f"{out / 'manual.csv'} and run the command again"
        )
    print(f"{out / 'scores.csv'} and the sheets beside it are written.")


def _print(line: str) -> None:
    """Print a line in which names of files stand, which can hold anything."""
    print(" ".join(one_text(line).splitlines()))


def _try(asked: argparse.Namespace) -> None:
    private = load_private(read_private(asked.file))
    counts = Counter(mutant.id for mutant in private.mutants)
    for id, exercise in private.exercises.items():
        if exercise.kind in ("prediction", "open"):
            print(f"{id}: {exercise.kind}, nothing to try")
        else:
            print(
                f"{id}: the reference passes and {counts[id]} wrong answers fail, "
                f"under {len(SEEDS)} seeds"
            )


def _gradescope(asked: argparse.Namespace) -> None:
    write_autograder(
        asked.chapter,
        asked.seed,
        asked.out,
        weights=asked.weights,
        private=asked.exercises,
    )
    print(f"{asked.out} is written: upload it as the autograder of an assignment.")


def _handout(asked: argparse.Namespace) -> None:
    left_out = write_handout(asked.chapter, asked.out)
    print(f"{asked.out} is written, without {left_out} solution cells.")


def _rehearse(asked: argparse.Namespace) -> None:
    rehearse(asked.chapter, asked.students, asked.out)
    print(f"{asked.out / 'handins'} and {asked.out / 'roster.csv'} are written.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m minitorch.grading",
        description="Grade the exercises of the course.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("grade", help="grade a folder or an export of hand-ins")
    add.add_argument(
        "source", type=Path, metavar="FOLDER_OR_ZIP", help="where the hand-ins are"
    )
    _add_chapter(add, seed=True)
    _add_out(add, "folder for the sheets")
    add.add_argument("--roster", type=Path, help="the class: id,name,email")
    _add_tables(add)
    add.add_argument("--jobs", type=_count, default=2, help="graded at a time (2)")
    add.add_argument(
        "--unsafe", action="store_true", help="go on where there is no isolation"
    )
    add.set_defaults(run=_grade)

    add = commands.add_parser("gradescope", help="write an autograder for Gradescope")
    _add_chapter(add, seed=True)
    _add_out(add, "the zip file")
    _add_tables(add)
    add.set_defaults(run=_gradescope)

    add = commands.add_parser("handout", help="write a notebook for a class")
    _add_chapter(add, seed=False)
    add.add_argument(
        "--no-solutions", action="store_true", help="leave them out, as it does anyway"
    )
    _add_out(add, "the notebook")
    add.set_defaults(run=_handout)

    add = commands.add_parser("try", help="try a file of your own exercises")
    add.add_argument("file", type=Path, help="Python, with EXERCISES and MUTANTS")
    add.set_defaults(run=_try)

    add = commands.add_parser("rehearse", help="write hand-ins to try `grade` on")
    _add_chapter(add, seed=False)
    add.add_argument("--students", type=_count, required=True, help="how many")
    _add_out(add, "a new folder")
    add.set_defaults(run=_rehearse)
    return parser


def _add_chapter(add: argparse.ArgumentParser, seed: bool) -> None:
    add.add_argument("--chapter", required=True, help="such as subspace")
    if seed:
        add.add_argument(
            "--seed", required=True, type=_whole, help="yours; keep it to yourself"
        )


def _add_out(add: argparse.ArgumentParser, what: str) -> None:
    add.add_argument("--out", required=True, type=Path, help=what)


def _add_tables(add: argparse.ArgumentParser) -> None:
    add.add_argument("--weights", type=Path, help="points: exercise,points")
    add.add_argument("--exercises", type=Path, help="a file of your own exercises")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _count(text: str) -> int:
    if not _whole(text):
        raise argparse.ArgumentTypeError("at least 1 is wanted")
    return int(text)


def main(words: list[str] | None = None) -> int:
    """Run the command; an error is one line and leaves nothing half-written."""
    asked = _parser().parse_args(words)
    try:
        asked.run(asked)
    except (Refused, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was graded is kept: run it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
