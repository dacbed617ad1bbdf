"""The teacher's files: tables read with care, and files written whole or not at all."""

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

csv.field_size_limit(100_000_000)  # a cell may hold a long answer; it was 131,072


class Refused(Exception):
    """The teacher's command cannot go on; the message says why and what to do."""


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file so that it is never seen half-written.

    Args:
        path: where to; an older file there is replaced at the end.
        text: what the file shall hold.

    Raises:
        OSError: when it cannot be written; an older file is untouched.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.txt"
    >>> write_whole(path, "one")
    >>> path.read_text()
    'one'
    """
    # Names of files may hold bytes that are no text.
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(raw)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_table(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file by the names in its first row.

    Commas, semicolons and tabs separate, whichever the first row uses: spreadsheet
    programs write all three. Names of columns are read in lower case.

    Args:
        path: the file, in UTF-8.
        needed: columns that have to be there.

    Returns:
        A dictionary for each row that is not empty; a cell that is missing is "".

    Raises:
        Refused: when the file is not there, is no text or lacks a column.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "roster.csv"
    >>> _ = path.write_text("ID;Name\\n7;Ada Lovelace\\n")
    >>> read_table(path, ["id"])
    [{'id': '7', 'name': 'Ada Lovelace'}]
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Refused(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"{path} cannot be read ({error}); save it as CSV in UTF-8"
        ) from None
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        found = [[cell.strip() for cell in row] for row in rows]
    except csv.Error as error:
        raise Refused(f"{path} is no CSV file: {error}") from None
    missing = [name for name in needed if name not in names]
    if missing:
        raise Refused(
            f"{path} has the columns {', '.join(names) or 'none'}; "
            f"the first row has to name {', '.join(missing)} too"
        )
    filled = [row + [""] * (len(names) - len(row)) for row in found if any(row)]
    return [dict(zip(names, row, strict=False)) for row in filled]


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file that no spreadsheet program takes for formulas.

    Args:
        path: where to.
        rows: the first holds the names of the columns.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.csv"
    >>> write_table(path, [["name", "score"], ["=1+1", 0.5], ["Ada", 2.0]])
    >>> print(path.read_text())
    name,score
    '=1+1,0.5
    Ada,2
    <BLANKLINE>
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    write_whole(path, out.getvalue())


def _cell(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    text = "" if value is None else one_text(str(value))
    # A name such as "=cmd()" comes from a student: it must stay a text.
    return f"'{text}" if re.match(r"\s*[=+@-].", text) else text


def one_text(text: str) -> str:
    """Write a text without what a screen or a table would act on, lines aside.

    >>> one_text("a\\x1b[2Jb\\u00a0c")
    'a?[2Jb c'
    """
    return re.sub(r"[^\n\t -~]", _harmless, text)


def _harmless(found: re.Match[str]) -> str:
    letter = found[0]
    return " " if letter.isspace() else letter if letter.isprintable() else "?"


def number(value: float) -> str:
    """Write points: two decimals at most.

    >>> number(2.0), number(1 / 3)
    ('2', '0.33')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def read_number(text: str, where: str) -> float:
    """Read a number that is not negative, with a point or a comma.

    Args:
        text: as it stands in a table.
        where: the file and the place in it, for the message.

    Raises:
        Refused: when it is none.

    >>> read_number("1,5", "weights.csv")
    1.5
    """
    if not re.fullmatch(r"\d{1,9}([.,]\d{1,9})?", text):
        raise Refused(f"{where}: {text!r} stands where a number of points should")
    return float(text.replace(",", "."))
