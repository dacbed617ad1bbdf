"""A notebook for a class that shall not see the solutions, made of the shipped one."""

import json
from pathlib import Path
from typing import Any

from minitorch.grading.handin import shipped
from minitorch.grading.tables import Refused, write_whole


def write_handout(chapter: str, out: Path) -> int:
    """Write a chapter's notebook without its solution cells; the rest stays as it is.

    Args:
        chapter: its name.
        out: the file to write.

    Returns:
        How many cells were left out.

    Raises:
        Refused: when the chapter's notebook is not there, or `out` lies among the
            course's own notebooks.
    """
    path = shipped(chapter)
    if path is None:
        raise Refused(
            f"no notebook holds exercises of the chapter {chapter!r}; run the command "
            "where the course's notebooks are"
        )
    if out.resolve().is_relative_to(path.resolve().parent):
        raise Refused(
            f"{out} lies among the course's own notebooks, which hold the solutions; "
            "name another place"
        )
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    notebook["cells"] = [
        cell for cell in cells if "solution" not in cell["metadata"].get("tags", [])
    ]
    write_whole(out, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return len(cells) - len(notebook["cells"])
