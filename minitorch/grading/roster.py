"""Who hands in: the class's list, and finding a student on it."""

import re
import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path

from minitorch.grading.tables import Refused, read_table


@dataclass(frozen=True)
class Student:
    """One student, as far as known.

    Args:
        id: the student's number, as the school gives it.
        name: in full.
        email: where the school writes to.
        canvas_id: of the user in Canvas.
        sis_user_id: of the student-information system, as Canvas shows it.
        sis_login_id: the login name, as Canvas shows it.
        section: as Canvas shows it.
        moodle_id: of the participant of one assignment in Moodle.
    """

    id: str = ""
    name: str = ""
    email: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    section: str = ""
    moodle_id: str = ""

    @property
    def key(self) -> str:
        """What stands for the student where there is no roster."""
        return self.id or self.email or self.canvas_id or self.moodle_id or self.name


# What tells one student from another beyond doubt, the surest first.
_SURE = ("id", "email", "canvas_id", "moodle_id")


def words(text: str) -> list[str]:
    """Split into words, without accents and capitals.

    >>> words("Lovelace, Ada-Élise")
    ['lovelace', 'ada', 'elise']
    """
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    return re.findall(r"[^\W_]+", bare.casefold())


def _turns(name: str) -> list[list[str]]:
    """A name's words from each word on: "Ada King Lovelace" may come family first."""
    parts = words(name)
    return [parts[i:] + parts[:i] for i in range(len(parts))]


def _holds(parts: list[str], run: list[str]) -> bool:
    size = len(run)
    return size > 0 and any(
        parts[i : i + size] == run for i in range(len(parts) - size + 1)
    )


class Roster:
    """The class's list.

    >>> roster = Roster([Student("7", "Ada Lovelace"), Student("8", "Alan Turing")])
    >>> roster.find(Student(name="lovelaceada")).id
    '7'
    >>> roster.find_in_path("week 2/alan_turing_subspace.ipynb").id
    '8'
    >>> roster.find(Student(name="Grace Hopper"))
    "no student of the roster is called 'Grace Hopper'"
    """

    def __init__(self, students: list[Student]):
        self.students = students

    def find(self, person: Student) -> Student | str:
        """Find who a hand-in's export names.

        Args:
            person: what the export says; the name may have lost its spaces.

        Returns:
            The student, or why there is none.
        """
        for field in _SURE:
            said = getattr(person, field).casefold()
            same = [s for s in self.students if getattr(s, field).casefold() == said]
            if said and len(same) == 1:
                return same[0]
        # Moodle puts a group before the name, with a hyphen.
        pieces = person.name.split("-")
        asked = {"".join(words("-".join(pieces[i:]))) for i in range(len(pieces))} - {
            ""
        }
        found = [
            student
            for student in self.students
            if asked & {"".join(turn) for turn in _turns(student.name)}
            and not any(_differ(student, person, field) for field in _SURE)
        ]
        if len(found) == 1:
            return found[0]
        called = person.name or person.key
        if found:
            return f"{len(found)} students of the roster are called {called!r}"
        return f"no student of the roster is called {called!r}"

    def find_in_path(self, path: str) -> Student | str:
        """Find whose number, address or name stands in the path of a file.

        Args:
            path: from the folder on.

        Returns:
            The student, or why there is none.
        """
        parts = [words(part) for part in re.split(r"[/\\]", path)]
        found = [
            s
            for s in self.students
            for mark in (words(s.id), words(s.email))
            if any(_holds(part, mark) for part in parts)
        ]
        # A name counts beside a number, unless the one whose number it is bears it too.
        known = [turn for s in found for turn in _turns(s.name)]
        found += [
            s
            for s in self.students
            for turn in _turns(s.name)
            if any(_holds(part, turn) for part in parts)
            and not any(_holds(one, turn) for one in known)
        ]
        found = [s for s in self.students if s in found]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{s.name} ({s.id})".lstrip() for s in found[:3])
            return f"the file's name fits {len(found)} students: {names}"
        return "no student's number, address or name stands in the file's name"


def _differ(student: Student, person: Student, field: str) -> bool:
    ours, theirs = getattr(student, field), getattr(person, field)
    return bool(ours and theirs and ours.casefold() != theirs.casefold())


def read_roster(path: Path) -> Roster:
    """Read the class's list from a CSV file.

    Args:
        path: with the columns id and name, and those of `Student` that are known.

    Raises:
        Refused: when the file is no such table, or a number stands there twice.
    """
    students, seen = [], set()
    for line, row in enumerate(read_table(path, ["id", "name"]), 2):
        known = {field.name: row.get(field.name, "") for field in fields(Student)}
        student = Student(**known)
        if not student.id:
            raise Refused(f"{path}, line {line}: the student has no id")
        if student.id.casefold() in seen:
            raise Refused(f"{path}, line {line}: id {student.id} stands there twice")
        seen.add(student.id.casefold())
        students.append(student)
    if not students:
        raise Refused(f"{path} names no student")
    return Roster(students)
