"""A chapter in a learner's own JupyterLab: its checks, and its widget with a kernel.

A short notebook made of the chapter's own cells runs in a real JupyterLab, opened by
`tests/site/lab.mjs`; the tests here judge what that saw. They need a browser, as those
in `test_site.py` do.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from browser import look, node_and_browser

from book.notebooks import ROOT, environment

CHAPTER = ROOT / "notebooks" / "03_subspaces.ipynb"
STUB = "raise NotImplementedError"

# In place of the chapter's sweep: one seed, three small d, 300 digits.
SMALL_SWEEP = """\
LIVE = {**LIVE, "images": 300, "epochs": 1}
data = study.dataset("true", LIVE["images"])
net = study.network(LIVE["net"])
SEEDS, DS = (0,), (20, 50, 100)
fits = {(d, 0): study.train({**LIVE, "d": d}, 0) for d in DS}
own, on_grid, needed, NOTE = 0.5, 50, 50, "a small sweep"
published = study.PUBLISHED["mlp-200", "true"]
"""

# Nothing that asks another host, or the reader: no news, no updates, no terminal.
QUIET = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.extension_manager=readonly",
)


def _lesson() -> dict[str, Any]:
    """A notebook of the chapter's own cells: one exercise twice, and the widget."""
    chapter = json.loads(CHAPTER.read_text(encoding="utf-8"))
    cells = {cell["id"]: cell for cell in chapter["cells"]}
    stub = cells["answer-project-grad"]
    text = "".join(stub["source"])
    assert text.count(STUB) == 1
    wrong, right = (
        stub | {"id": id, "source": text.replace(STUB, f"return {answer}")}
        for id, answer in (("wrong", "P @ grad"), ("right", "P.T @ grad"))
    )
    sweep = cells["sweep"] | {"source": SMALL_SWEEP}
    first = [cells[id] for id in ("setup", "exercise-imports", "imports")]
    last = [cells[id] for id in ("play", "widget")]
    return chapter | {"cells": [*first, wrong, right, sweep, *last]}


@contextmanager
def _jupyterlab(folder: Path, home: Path) -> Iterator[str]:
    """Run JupyterLab on a folder; gives the address that opens it, token and all."""
    variables = environment(home) | {"JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    del variables["MINITORCH_STATIC"]  # a learner sees the live widget
    settings = home / ".jupyter" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "page_config.json").write_text(json.dumps(QUIET), encoding="utf-8")
    token = secrets.token_hex()
    own = (f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}")
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *OPTIONS, *own],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield f"{_url(server, home)}lab/tree/lesson.ipynb?token={token}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _url(server: subprocess.Popen[bytes], home: Path) -> str:
    """Wait until the server has said where it listens."""
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        for path in (home / "runtime").glob("jpserver-*.json"):
            with suppress(json.JSONDecodeError):  # half written yet
                return json.loads(path.read_text(encoding="utf-8"))["url"]
        time.sleep(0.1)
    log = (home / "log").read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"JupyterLab did not start:\n{log[-3000:]}")


@pytest.fixture(scope="module")
def seen(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser saw in JupyterLab."""
    node_and_browser()
    folder, home = (tmp_path_factory.mktemp(name) for name in ("lesson", "home"))
    text = json.dumps(_lesson())
    (folder / "lesson.ipynb").write_text(text, encoding="utf-8")
    with _jupyterlab(folder, home) as address:
        return look("lab.mjs", address)


def test_every_cell_runs(seen: dict[str, Any]) -> None:
    assert not seen["failures"], "\n".join(seen["failures"])


def test_a_wrong_answer_is_told_why_and_a_right_one_passes(
    seen: dict[str, Any],
) -> None:
    wrong, right = seen["checks"]
    assert wrong.startswith("Not yet") and "transpose is missing" in wrong
    assert right.startswith("Passed")


def test_the_live_widget_answers_the_keyboard(seen: dict[str, Any]) -> None:
    """And JupyterLab does not: its own arrow keys would fold the headings."""
    moved = seen["states"][:4]
    assert [state["d"] for state in moved] == ["50", "100", "50", "20"]
    assert all(state["selected"] for state in moved)


def test_the_live_widget_shows_what_the_kernel_trained(seen: dict[str, Any]) -> None:
    last = seen["states"][-1]
    assert (last["d"], last["status"]) == ("30", "Done.")


def test_the_page_asks_no_other_host_and_has_no_errors(seen: dict[str, Any]) -> None:
    assert seen["offOrigin"] == []
    assert seen["errors"] == []
