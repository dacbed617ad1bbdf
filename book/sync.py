"""The parts that are the same in every notebook: its badge and its first cell.

The repository's address and branch stand in `_config.yml` alone and the version in
each notebook's metadata (`course_version`). `python -m book sync` writes them here:

- the first cell, Markdown: the badge that opens the notebook in Colab (the book
  leaves it out, for it has a button of its own and asks no other host for pictures);
- the first code cell: installs the package where it is missing, and starts it.
"""

import json
from pathlib import Path

import yaml

from book.notebooks import ROOT, BuildError, sources

COLAB = "https://colab.research.google.com"

BADGE = """\
[![Open in Colab]({colab}/assets/colab-badge.svg)]({colab}/github/{path})"""

# It looks for the distribution by name, since another package also imports as
# minitorch, and it leaves what is installed already (numpy, numba, torch) alone.
FIRST_CELL = '''\
# Set-up: run this first. In Colab it installs the course's package.
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

try:
    version("weird-ways")
except PackageNotFoundError:
    if find_spec("minitorch"):
        note = "an unrelated minitorch is in the way: uninstall it"
        raise ImportError(note) from None
    code = "{address}@v{version}"
    %pip install -q "weird-ways @ git+{{code}}"

import minitorch

minitorch.setup(scale="quick")'''


def repository() -> tuple[str, str]:
    """Address and branch of the public repository, from `_config.yml`."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].rstrip("/"), config["repository"]["branch"]


def first_cell(course_version: str) -> str:
    """The first code cell of a notebook of this version."""
    address, _ = repository()
    return FIRST_CELL.format(address=address, version=course_version)


def badge(name: str) -> str:
    """The line that opens the notebook of this file name in Colab."""
    address, branch = repository()
    owner_and_name = address.removeprefix("https://github.com/")
    path = f"{owner_and_name}/blob/{branch}/notebooks/{name}"
    return BADGE.format(colab=COLAB, path=path)


def synced(source: Path) -> str:
    """The text of a notebook file with its badge and first cell as they should be.

    Raises:
        BuildError: the notebook names no course version or has no code cell.
    """
    notebook = json.loads(source.read_text(encoding="utf-8"))
    course_version = notebook["metadata"].get("course_version")
    if course_version is None:
        raise BuildError(
            f"{source.name} has no course_version in its metadata; "
            'add one, such as "course_version": "0.1.0".'
        )
    cells = notebook["cells"]
    if not cells or cells[0].get("id") != "badge":
        cells.insert(0, {"cell_type": "markdown", "id": "badge"})
    cells[0]["metadata"] = {"tags": ["remove-cell"]}
    cells[0]["source"] = badge(source.name).splitlines(keepends=True)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if not code:
        raise BuildError(f"{source.name} has no code cell to hold the set-up.")
    code[0]["source"] = first_cell(course_version).splitlines(keepends=True)
    code[0]["metadata"] = {"tags": ["setup"]}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write() -> list[str]:
    """Bring every notebook up to date; returns the names of those that changed."""
    changed = []
    for source in sources():
        text = synced(source)
        if text != source.read_text(encoding="utf-8"):
            source.write_text(text, encoding="utf-8")
            changed.append(source.name)
    return changed
