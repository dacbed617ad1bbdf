"""One thread before NumPy is imported, and the built things that tests read."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from book.notebooks import EXECUTED, ONE_THREAD, build_wheel, execute_all

os.environ.update(ONE_THREAD)

if find_spec("torch") is None:  # these need it from their first line on
    collect_ignore = ["test_bench.py", "test_models.py", "test_widget_tape.py"]
    collect_ignore += ["test_engine_project.py"]


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The built wheel."""
    return build_wheel()


@pytest.fixture(scope="session")
def executed() -> dict[str, dict]:
    """Every notebook as it ran once, alone against the wheel: name to plain JSON.

    The record of the run (CPU seconds, files left behind) is under the key "record".
    """
    execute_all()
    found = {}
    for path in sorted(EXECUTED.glob("*.ipynb")):
        found[path.name] = json.loads(path.read_text(encoding="utf-8"))
        record = path.with_suffix(".json").read_text(encoding="utf-8")
        found[path.name]["record"] = json.loads(record)
    return found


@pytest.fixture(scope="session")
def site(executed: dict[str, dict]) -> Path:
    """The folder of the built pages."""
    from book.site import build

    return build().parent
