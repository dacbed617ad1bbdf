"""The project's own rules: style, notebooks, versions, the wheel, licences."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement

from book import notebooks
from book.notebooks import ROOT, sources
from book.sync import LEDGER, first_cell, ledger, synced, synced_readme
from book.yardstick import slowdown, work

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHAPTERS = pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)


def _read(source: Path) -> dict[str, Any]:
    return json.loads(source.read_text(encoding="utf-8"))


def _code_cells(source: Path) -> list[dict[str, Any]]:
    return [cell for cell in _read(source)["cells"] if cell["cell_type"] == "code"]


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


# Style


@pytest.mark.parametrize(
    "command", ["ruff check", "ruff format --check", "mypy"], ids=str
)
def test_style_and_types(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"


def test_no_path_of_one_machine_is_tracked() -> None:
    """Nor a registry's address: whoever clones the project has their own."""
    pattern = re.compile(
        r"(?<![\w.])/(?:root|home|Users|work|tmp|opt)/\w|file:///\w|"
        r"https?://(?:\w+\.)*(?:pypi|pythonhosted|npmjs)\."
    )
    for path in _tracked():
        if path == Path(__file__) or not path.exists():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        assert not pattern.search(text), f"{path.name}: {pattern.search(text)}"


# Notebooks, as they are committed


def test_there_is_a_chapter() -> None:
    assert sources()


@CHAPTERS
def test_notebook_holds_no_outputs(source: Path) -> None:
    for cell in _code_cells(source):
        assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]


@CHAPTERS
def test_notebook_has_stable_ids_and_little_metadata(source: Path) -> None:
    notebook = _read(source)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    # Words, not what an editor draws at random each time it saves a new cell.
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids), ids
    allowed = {"course_version", "kernelspec", "language_info"}
    assert set(notebook["metadata"]) == allowed
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])


@CHAPTERS
def test_notebook_code_fits_the_page(source: Path) -> None:
    for cell in _code_cells(source):
        lines = "".join(cell["source"]).splitlines()
        assert max(map(len, lines), default=0) <= 72, cell["id"]
        assert len(lines) <= 30, cell["id"]


@CHAPTERS
def test_notebook_markdown_is_plain(source: Path) -> None:
    """No MyST directive or role: Colab and JupyterLab would show it raw."""
    for cell in _read(source)["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            assert not re.search(r"^(```|:::)\{", text, re.MULTILINE), cell["id"]
            assert not re.search(r"\{[a-z:]+\}`", text), cell["id"]


@CHAPTERS
def test_badge_and_first_cell_are_synced(source: Path) -> None:
    """`make sync` has nothing to write."""
    assert synced(source) == source.read_text(encoding="utf-8")


def test_readme_links_are_synced() -> None:
    assert synced_readme() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ledger_is_written_from_the_stored_rows() -> None:
    assert ledger.page() == LEDGER.read_text(encoding="utf-8")


# The first cell


class _Shell:
    """Stands in for the notebook's shell and notes what it is asked to run."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self) -> "_Shell":
        return self

    def run_line_magic(self, name: str, line: str) -> None:
        self.asked.append((name, line))


def _run_first_cell(shell: _Shell) -> None:
    """Run the cell up to its last line, which tests/test_course.py tests."""
    cell = first_cell("1.2.3").removesuffix('minitorch.setup(scale="quick")')
    code = TransformerManager().transform_cell(cell)
    exec(compile(code, "first cell", "exec"), {"get_ipython": shell})


def _forget(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """Make our distribution look absent, and `find_spec` answer `found`."""

    def absent(name: str) -> str:
        assert name == "weird-ways"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)


def test_first_cell_is_short() -> None:
    lines = first_cell("1.2.3").splitlines()
    assert len(lines) <= 16 and max(map(len, lines)) <= 72
    assert lines[-1] == 'minitorch.setup(scale="quick")'


def test_first_cell_installs_where_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch, None)
    shell = _Shell()
    _run_first_cell(shell)
    ((name, line),) = shell.asked
    assert name == "pip"
    assert line == 'install -q "weird-ways @ git+{code}"'
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    address = config["repository"]["url"]
    assert f'code = "{address}@v1.2.3"' in first_cell("1.2.3")


def test_first_cell_names_an_unrelated_package(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch, "another package")
    shell = _Shell()
    with pytest.raises(ImportError, match="unrelated minitorch"):
        _run_first_cell(shell)
    assert not shell.asked


@pytest.mark.parametrize(
    ("installed", "said"),
    [("1.2.3", ""), ("1.2.4", "this notebook was written for weird-ways 1.2.3\n")],
)
def test_first_cell_leaves_an_installed_course_alone(
    installed: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: installed)
    shell = _Shell()
    _run_first_cell(shell)
    assert not shell.asked
    assert capsys.readouterr().out == said


# Notebooks, as they ran


class _Images(HTMLParser):
    """Collects the alternative texts of an HTML output's pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))


@pytest.fixture
def ran(source: Path, executed: dict[str, dict]) -> dict[str, Any]:
    """One chapter as it ran."""
    return executed[source.name]


@CHAPTERS
def test_notebook_ran_clean(ran: dict[str, Any]) -> None:
    for cell in ran["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", cell["id"]
            assert output.get("name") != "stderr", f"{cell['id']}: {output['text']}"
    assert ran["record"]["files_left"] == []


@CHAPTERS
def test_notebook_takes_a_minute_at_most(ran: dict[str, Any]) -> None:
    seconds = ran["record"]["cpu_seconds"]
    if seconds is None:
        pytest.skip("this system does not count a process's CPU seconds")
    assert seconds <= 60 * ran["record"]["slowdown"]


@CHAPTERS
def test_every_figure_has_alternative_text(ran: dict[str, Any]) -> None:
    figures = 0
    for cell in ran["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            bare = {"image/png", "image/jpeg", "image/svg+xml"} & set(data)
            assert not bare, f"{cell['id']}: a picture that carries no alt text"
            images = _Images()
            images.feed("".join(data.get("text/html", "")))
            assert all(alt and len(alt) > 20 for alt in images.alts), cell["id"]
            figures += len(images.alts)
    assert figures


@CHAPTERS
def test_no_widget_state_is_kept(ran: dict[str, Any]) -> None:
    assert "widgets" not in ran["metadata"]
    for cell in ran["cells"]:
        for output in cell.get("outputs", []):
            assert not any("widget" in kind for kind in output.get("data", {}))


def test_stamp_sees_code_and_package_but_not_prose(tmp_path: Path) -> None:
    def stamp(code: str, prose: str, common: bytes = b"package") -> str:
        cells = [
            {"cell_type": "markdown", "metadata": {}, "source": [prose]},
            {"cell_type": "code", "metadata": {}, "source": [code]},
        ]
        path = tmp_path / "01_one.ipynb"
        path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
        return notebooks._stamp(common, path)

    same = stamp("1 + 1", "one")
    assert stamp("1 + 1", "two") == same
    assert stamp("1 + 2", "one") != same
    assert stamp("1 + 1", "one", b"changed package") != same


def test_failing_notebook_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: Path
) -> None:
    monkeypatch.setattr(notebooks, "EXECUTED", tmp_path / "executed")
    notebooks.EXECUTED.mkdir()
    source = tmp_path / "01_bad.ipynb"
    cell = {"cell_type": "code", "id": "bad", "metadata": {}, "outputs": []}
    cell |= {"execution_count": None, "source": ["raise ValueError('no such luck')"]}
    top = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    source.write_text(json.dumps({"cells": [cell], **top}), encoding="utf-8")
    with pytest.raises(notebooks.BuildError, match=r"(?s)01_bad\.ipynb.*no such luck"):
        notebooks._execute(source, "stamp")
    assert not list(notebooks.EXECUTED.iterdir())


# The package


def test_versions_agree() -> None:
    import minitorch

    version = PROJECT["project"]["version"]
    assert minitorch.__version__ == version
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for source in sources():
        assert _read(source)["metadata"]["course_version"] == version
    # Links lead to the tag, so that notebook, page and package are of one version.
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["branch"] == f"v{version}"


def test_wheel_is_small_and_whole(wheel: Path) -> None:
    assert wheel.stat().st_size <= 5_000_000
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"minitorch"}
    package = {
        path.relative_to(ROOT).as_posix()
        for path in _tracked()
        if path.is_relative_to(ROOT / "minitorch") and path.exists()
    }
    rows = {
        f"minitorch/studies/results/{path.name}"
        for path in (ROOT / "book" / "results").iterdir()
    }
    assert package | rows <= set(names)
    licences = {name.rsplit("/", 1)[1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE-DATA.md"}


def test_import_is_quick_and_light(wheel: Path) -> None:
    """CPU seconds of the import alone, the best of three, in fresh processes."""
    heavy = ("torch", "matplotlib", "scipy", "IPython", "ipywidgets", "anywidget")
    script = (
        "import time, sys; t = time.process_time(); import minitorch; "
        f"print(time.process_time() - t, *sorted(set({heavy!r}) & set(sys.modules)))"
    )
    environment = notebooks.environment(notebooks.BUILD)
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            cwd=notebooks.BUILD,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, *loaded = done.stdout.split()
        assert not loaded
        runs.append(float(seconds))
    assert min(runs) < 0.5


FIRST_STEP = """
import time
from minitorch.data import load
from minitorch.models import mlp
from minitorch.train import fit
from minitorch.weird import Subspace

net = mlp(784, 200, 200, 10)
fit(net, Subspace(net, d=750), load("mnist").take(128, 128), lr=0.1, epochs=1)
print(time.process_time())
"""


def test_first_step_compiles_quickly(wheel: Path, tmp_path: Path) -> None:
    """CPU seconds of a fresh process with no kernel compiled, up to its first step."""
    environment = notebooks.environment(notebooks.BUILD)
    done = subprocess.run(
        [sys.executable, "-c", FIRST_STEP],
        env=environment | {"NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=notebooks.BUILD,
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(tmp_path.iterdir()), "nothing was compiled afresh"
    assert float(done.stdout) < 3 * slowdown([work() for _ in range(20)])


# Dependencies


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins), pins
    return {
        _plain(name): version for name, version in (pin.split("==") for pin in pins)
    }


def _requirements() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def test_tested_versions_meet_every_requirement() -> None:
    pins = _constraints()
    for each in _requirements():
        if each.name != "weird-ways":
            assert each.specifier.contains(pins[_plain(each.name)]), each


@pytest.mark.skipif(sys.platform != "linux", reason="tested versions are Linux's")
def test_constraints_hold_all_that_is_installed_for_us() -> None:
    """Whatever our requirements bring along is pinned too."""
    pins = _constraints()
    seen: set[tuple[str, str]] = set()
    waiting = [(each, "") for each in _requirements() if each.name != "weird-ways"]
    missing = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = _plain(requirement.name)
        if name not in pins:
            missing.add(name)
        for each in {"", *requirement.extras}:
            if (name, each) in seen:
                continue
            seen.add((name, each))
            try:
                needs = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting += [(Requirement(line), each) for line in needs]
    # Builds of torch for graphics cards bring drivers of their own.
    drivers = ("nvidia-", "cuda-", "triton")
    assert not {name for name in missing if not name.startswith(drivers)}


# Words


def test_links_between_files_lead_somewhere() -> None:
    for path in _tracked():
        if path.suffix != ".md" or not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"[a-z]+:", target):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_readme_keeps_its_promises() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"\bmake ([a-z]+)", text))
    assert {"book", "test"} <= commands
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in commands)
