"""Build the HTML pages from the notebooks' outputs, with warnings as errors."""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_cache import get_cache

from book.notebooks import BUILD, EXECUTED, ROOT, BuildError, closure, sources

HTML = BUILD / "html"
CACHE = BUILD / ".jupyter_cache"
STAMP = BUILD / "html.stamp"
TOOLS = ("jupyter-book", "jupyter-cache")
# Whose scripts, styles or fonts the pages carry.
CARRIED = (
    "sphinx",
    "sphinx-book-theme",
    "pydata-sphinx-theme",
    "sphinx-copybutton",
    "sphinx-design",
    "sphinx-togglebutton",
    "myst-nb",
)


def _stamp() -> str:
    """Hash of every file, and of every version, that the pages are made from."""
    digest = hashlib.sha256(repr(sorted(closure(TOOLS).items())).encode())
    files = [ROOT / "_config.yml", ROOT / "_toc.yml", *sources()]
    files += sorted(path for path in (ROOT / "book").rglob("*") if path.is_file())
    files += sorted(EXECUTED.glob("*.json"))
    for path in files:
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _fill_cache() -> None:
    """Hand the outputs to the book's cache, which then has nothing to execute.

    The cache knows a notebook by its code alone and would not notice a changed
    package, so it is made anew each time.
    """
    shutil.rmtree(CACHE, ignore_errors=True)
    cache = get_cache(CACHE)
    for source in sources():
        cache.cache_notebook_file(EXECUTED / source.name, uri=str(source))


def build() -> Path:
    """Build the pages if anything changed; returns the page to open."""
    page = HTML / "index.html"
    stamp = _stamp()
    if page.exists() and STAMP.exists() and STAMP.read_text() == stamp:
        return page
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(HTML, ignore_errors=True)
    _fill_cache()
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(ROOT)]
    done = subprocess.run(
        [*command, "--all", "-W", "-n", "--keep-going"],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    log = done.stdout + done.stderr
    (BUILD / "book.log").write_text(log, encoding="utf-8")
    words = ("WARNING", "ERROR", "Error:", "Executing notebook")
    lines = [line for line in log.splitlines() if any(map(line.__contains__, words))]
    if done.returncode:
        found = "\n".join(lines) or log[-2000:]
        raise BuildError(f"The pages could not be built (_build/book.log):\n{found}")
    if any("Executing notebook" in line for line in lines):
        raise BuildError("The book's build ran a notebook again: its cache missed.")
    _copy_licences()
    STAMP.write_text(stamp)
    return page


def _copy_licences() -> None:
    """Put the licences of what the pages carry beside it."""
    folder = HTML / "_static" / "licences"
    folder.mkdir(parents=True, exist_ok=True)
    for name in CARRIED:
        for file in importlib.metadata.files(name) or []:
            if re.match(r"(LICEN[CS]E|COPYING|AUTHORS)", file.name, re.IGNORECASE):
                shutil.copy(file.locate(), folder / f"{name}-{file.name}")
