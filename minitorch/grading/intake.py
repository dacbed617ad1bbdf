"""From a folder or an export to hand-ins: whose, which file, which is the latest.

Nothing is unpacked: the notebooks of a zip archive are read where they lie, up to a
limit, so that an archive can write nothing and fill no disk.
"""

import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minitorch.grading.handin import LARGEST
from minitorch.grading.roster import Student
from minitorch.grading.tables import Refused

_MOST_FILES = 100_000
_LARGEST_METADATA = 100_000_000

_NOTEBOOK = re.compile(r"\.ipynb(\.(json|txt))?$", re.IGNORECASE)
# Left by file browsers and by Jupyter, never handed in.
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.ipynb_checkpoints/|\._|\.DS_Store$)")
# How an export's names of folders and files begin, before what a student chose.
# Moodle has two forms: a folder for each student, or all files in one folder.
_BEGINNINGS = {
    "Moodle": re.compile(r"(.+?)_(\d+)_assignsubmission_[a-z]+(?:_|$)", re.DOTALL),
    "Canvas": re.compile(r"(.+?)_(LATE_)?(\d+|anon_[^_]+)_(\d{1,18})_.", re.DOTALL),
    "Gradescope": re.compile(r"(submission_\d+)$"),
}
_METADATA = "submission_metadata.yml"

ORDERS = {
    "Canvas": "the upload with the highest number in Canvas",
    "Gradescope": "the last submission by Gradescope's clock",
    "Moodle": "the last file in the order of names",
    "folder": "the last file in the order of names",
}


@dataclass(frozen=True)
class HandIn:
    """One notebook that was handed in, not yet read.

    Args:
        source: the folder or zip archive that was given.
        name: of the file within it.
        place: in the archive's list; -1 where the source is a folder.
        people: whom the export names; more than one for a group, none in a folder.
        order: sorts a later hand-in of a student after an earlier one.
        late: whether the export says so.
    """

    source: str
    name: str
    place: int = -1
    people: tuple[Student, ...] = ()
    order: tuple = ()
    late: bool = False

    def read(self) -> bytes:
        """Read the file, or as much of it as tells that it is too large.

        Raises:
            OSError: when it cannot be read: gone, encrypted, or a damaged archive.
        """
        if self.place < 0:
            with open(Path(self.source, self.name), "rb") as file:
                return file.read(LARGEST + 1)
        try:
            with zipfile.ZipFile(self.source) as archive:
                entry = archive.infolist()[self.place]
                with archive.open(entry) as member:
                    return member.read(LARGEST + 1)
        except Exception as error:  # a dozen kinds, by what was damaged
            raise OSError(f"its part of the archive is damaged ({error})") from None


@dataclass
class Intake:
    """What a folder or an export holds.

    Args:
        layout: folder, Moodle, Canvas or Gradescope.
        handins: the notebooks, in the order of their names.
        notes: what was not read and why, a line each.
        without: students who handed in files, but no notebook.
    """

    layout: str
    handins: list[HandIn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    without: list[tuple[Student, str]] = field(default_factory=list)


def natural(name: str) -> tuple:
    """Sort names as people do.

    >>> sorted(["a10", "a9", "A1"], key=natural)
    ['A1', 'a9', 'a10']
    """
    pieces = re.split(r"(\d{1,18})", name.casefold())
    return tuple(int(p) if i % 2 else p for i, p in enumerate(pieces)), name


def take_in(source: Path) -> Intake:
    """Find the hand-ins in a folder or in an export's zip archive.

    Args:
        source: a folder, searched to the bottom, or a zip archive. The exports of
            Moodle, Canvas and Gradescope are known by their names, packed or not.

    Raises:
        Refused: when there is no such folder or archive, or it cannot be read.
    """
    if source.is_dir():
        files, notes = _in_folder(source)
    elif zipfile.is_zipfile(source):
        files, notes = _in_archive(source)
    else:
        if source.is_file() and _NOTEBOOK.search(source.name):
            folder = source.parent.resolve()
            raise Refused(f"{source} is one notebook; name its folder, {folder}")
        what = "is neither a folder nor a zip archive" if source.exists() else ""
        raise Refused(
            f"{source} {what or 'is not there'}; name the folder of hand-ins, or the "
            "zip file that Moodle, Canvas or Gradescope gave"
        )
    files.sort(key=lambda file: natural(file[0]))
    marks = [_mark(name) for name, _ in files]
    pairs = zip(files, marks, strict=True)
    telling = [m for file, m in pairs if m or _NOTEBOOK.search(file[0])]
    layouts = {mark.layout if mark else "folder" for mark in telling}
    layout = layouts.pop() if len(layouts) == 1 else "folder"
    if layouts:
        notes.append(
            f"names as {' and '.join(sorted(layouts - {'folder'}))} gives them lie "
            "beside others; all was read as a plain folder"
        )
    tops = {mark.top for mark in telling if mark}
    metadata = [f for f in files if tops == {f[0].removesuffix(_METADATA)}]
    if layout != "Gradescope":
        taken = _by_name(source, files, layout)
    elif metadata:
        taken = _gradescope(source, files, metadata[0])
    else:
        taken = _by_name(source, files, "folder")
    taken.notes = notes + taken.notes
    return taken


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


# ----------------------------------------------------------------------------
# Names of files
# ----------------------------------------------------------------------------

_Files = list[tuple[str, int]]  # (name from the source on, place in the archive)


def _in_folder(folder: Path) -> tuple[_Files, list[str]]:
    files, notes = [], []
    for top, folders, names in os.walk(folder):
        for name in folders + names:
            path = Path(top, name)
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink():
                notes.append(f"{inner}: a link to another place; not followed")
            elif path.is_file():
                files.append((inner, -1))
            elif not path.is_dir():
                notes.append(f"{inner}: no ordinary file; not read")
        if len(files) > _MOST_FILES:
            raise Refused(f"{folder} holds more than {_MOST_FILES} files")
    return [file for file in files if not _JUNK.search(file[0])], notes


def _in_archive(path: Path) -> tuple[_Files, list[str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise Refused(
            f"{path} is a damaged zip archive ({error}); download it again"
        ) from None
    if len(entries) > _MOST_FILES:
        raise Refused(f"{path} holds more than {_MOST_FILES} files")
    files, notes = [], []
    for place, entry in enumerate(entries):
        name = entry.filename
        if entry.is_dir() or _JUNK.search(name):
            continue
        if re.match(r"/|[a-zA-Z]:", name) or ".." in re.split(r"[/\\]", name):
            notes.append(f"{name}: its name leads out of the archive; not read")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            notes.append(f"{name}: a link to another place; not followed")
        elif entry.flag_bits & 1 and _NOTEBOOK.search(name):
            notes.append(f"{name}: encrypted; not read")
        else:
            files.append((name, place))
    return files, notes


# ----------------------------------------------------------------------------
# Layouts
# ----------------------------------------------------------------------------


class _Mark(NamedTuple):
    """What an export put before a file's own name."""

    layout: str
    top: str  # the folders before it, with the last stroke
    match: re.Match[str]


def _mark(name: str) -> _Mark | None:
    """Find the first mark of an export in a path: a student can only add behind it."""
    parts = name.split("/")
    for i, part in enumerate(parts):
        matches = {k: pattern.match(part) for k, pattern in _BEGINNINGS.items()}
        found = [(len(m[1]), layout, m) for layout, m in matches.items() if m]
        if found:
            _, layout, match = min(found, key=lambda each: each[0])
            return _Mark(layout, "/".join([*parts[:i], ""]), match)
    return None


def _by_name(source: Path, files: _Files, layout: str) -> Intake:
    taken = Intake(layout)
    others: dict[Student, list[str]] = {}
    for name, place in files:
        person, order, late = None, natural(name), False
        mark = _mark(name) if layout != "folder" else None
        if mark and layout == "Moodle":
            # "Participant" stands in place of a name where marking is anonymous.
            person = Student(name=mark.match[1], moodle_id=mark.match[2])
        elif mark:
            person = Student(name=mark.match[1], canvas_id=mark.match[3])
            order, late = (int(mark.match[4]), order), bool(mark.match[2])
        if _NOTEBOOK.search(name):
            people = (person,) if person else ()
            handin = HandIn(str(source), name, place, people, order, late)
            taken.handins.append(handin)
        elif person:
            others.setdefault(person, []).append(_last(name))
        else:
            others.setdefault(Student(), []).append(name)
    _tell_of_others(taken, others)
    return taken


def _tell_of_others(taken: Intake, others: dict[Student, list[str]]) -> None:
    """Name who handed in no notebook; count what else lies there."""
    loose = others.pop(Student(), [])
    if loose:
        kinds = Counter(Path(name).suffix or "no ending" for name in loose)
        said = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        taken.notes.append(f"files that are no notebooks were left alone: {said}")
    with_one = {person for handin in taken.handins for person in handin.people}
    for person, names in others.items():
        if person not in with_one:
            taken.without.append((person, ", ".join(names[:3])))


def _gradescope(source: Path, files: _Files, metadata: tuple[str, int]) -> Intake:
    """One folder a submission; a file beside them says whose each is."""
    top = metadata[0].removesuffix(_METADATA)
    about = _gradescope_metadata(source, metadata)
    taken = Intake("Gradescope")
    others: dict[Student, list[str]] = {}
    for name, place in files:
        if name == metadata[0]:
            continue
        inner = name.removeprefix(top)
        people, when = about.get(inner.split("/")[0], ((), ""))
        if _NOTEBOOK.search(name):
            order = (when, natural(name))
            taken.handins.append(HandIn(str(source), name, place, people, order))
        else:
            for person in people or [Student()]:
                others.setdefault(person, []).append(_last(name))
    _tell_of_others(taken, others)
    return taken


def _gradescope_metadata(
    source: Path, metadata: tuple[str, int]
) -> dict[str, tuple[tuple[Student, ...], str]]:
    import yaml

    name, place = metadata
    try:
        if place < 0:
            raw = Path(source, name).read_bytes()[: _LARGEST_METADATA + 1]
        else:
            with (
                zipfile.ZipFile(source) as archive,
                archive.open(archive.infolist()[place]) as member,
            ):
                raw = member.read(_LARGEST_METADATA + 1)
        if len(raw) > _LARGEST_METADATA:
            raise ValueError("it is too large")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        held = yaml.load(raw, loader)
        return {
            str(folder): (
                tuple(_people(each.get(":submitters"))),
                str(each.get(":created_at") or ""),
            )
            for folder, each in held.items()
        }
    except (
        OSError,
        ValueError,
        AttributeError,
        TypeError,
        RecursionError,
        yaml.YAMLError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        line = " ".join(str(error).split())
        raise Refused(
            f"{name} does not say who submitted what ({line}); download Gradescope's "
            "export again"
        ) from None


def _people(submitters: Iterable[dict] | None) -> Iterable[Student]:
    for each in submitters or []:
        said = [str(each.get(key) or "") for key in (":sid", ":name", ":email")]
        if any(said):
            yield Student(*said)
