"""The notebooks in Colab's versions, with nothing of this checkout but the wheel.

A virtual environment gets exactly Colab's published versions, then our wheel, and each
notebook runs alone in an empty folder, two at a time. On Python 3.13, as Colab has,
where it is at hand, else on the Python that runs the tests. Never skipped.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from book.notebooks import AT_A_TIME, BUILD, ONE_THREAD, ROOT, sources

PINS = Path(__file__).with_name("colab") / "pins.txt"
COLAB_PYTHON = "3.13"

# A notebook that was run: how that ended, and the folder it was in.
Run = tuple[subprocess.CompletedProcess[str], Path]


def _runs(python: str | Path) -> bool:
    """Whether this is a working Python of Colab's version."""
    try:
        done = subprocess.run([python, "--version"], capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and f" {COLAB_PYTHON}." in done.stdout


def _colab_python() -> str:
    """A Python of Colab's version, or the one that runs this."""
    named = shutil.which(f"python{COLAB_PYTHON}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    others = sorted(pyenv.glob(f"versions/{COLAB_PYTHON}.*/bin/python"))
    candidates = [sys.executable, *([named] if named else []), *map(str, others)]
    return next(filter(_runs, candidates), sys.executable)


def _pip(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-m", "pip", *arguments], capture_output=True, text=True, cwd=BUILD
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _installed(python: Path) -> dict[str, str]:
    listed = json.loads(_pip(python, "list", "--format=json"))
    return {row["name"].lower(): row["version"] for row in listed}


@pytest.fixture(scope="session")
def colab(wheel: Path) -> Path:
    """The Python of an environment with Colab's versions and our wheel."""
    base = _colab_python()
    version = subprocess.run([base, "--version"], capture_output=True, text=True).stdout
    key = hashlib.sha256(PINS.read_bytes() + version.encode()).hexdigest()[:12]
    folder = BUILD / "colab-venv" / key
    ready = folder / "ready"
    windows = os.name == "nt"
    python = folder / ("Scripts/python.exe" if windows else "bin/python")
    if not ready.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        subprocess.run([base, "-m", "venv", str(folder)], check=True)
        _pip(python, "install", "-q", "-r", str(PINS))
        ready.touch()
    _pip(python, "uninstall", "-q", "-y", "weird-ways")
    before = _installed(python)
    _pip(python, "install", "-q", str(wheel))
    after = _installed(python)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"weird-ways"}, "installing the course changed other packages"
    return python


def test_pins_are_what_is_installed(colab: Path) -> None:
    """The environment holds Colab's versions of all that the course asks for."""
    there = _installed(colab)
    for line in PINS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, version = line.lower().split("==")
            assert there[name] == version
    requires = _pip(colab, "show", "weird-ways")
    needed = re.search(r"^Requires: (.*)$", requires, re.MULTILINE)
    assert needed
    for name in needed[1].lower().split(", "):
        assert name in there


@pytest.fixture(scope="session")
def runs(colab: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every notebook, run alone in an empty folder, two at a time."""

    def run(source: Path) -> Run:
        base = tmp_path_factory.mktemp(source.stem)
        folder, home, driver = (base / name for name in ("empty", "home", "driver"))
        for each in (folder, home, driver):
            each.mkdir()
        shutil.copy(source, folder)
        for name in ("run_one.py", "yardstick.py"):
            shutil.copy(ROOT / "book" / name, driver)
        environment = {
            "PATH": os.pathsep.join([str(colab.parent), os.environ["PATH"]]),
            "HOME": str(home),
            "USERPROFILE": str(home),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            **{
                name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ
            },
            **ONE_THREAD,
        }
        done = subprocess.run(
            [colab, str(driver / "run_one.py"), source.name],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done, folder

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        done = pool.map(run, sources())
        return dict(zip([source.stem for source in sources()], done, strict=True))


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.stem)
def test_notebook_runs_alone_in_colab(source: Path, runs: dict[str, Run]) -> None:
    done, folder = runs[source.stem]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    cells = json.loads((folder / source.name).read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code if "".join(cell["source"]))
    assert os.listdir(folder) == [source.name], "the notebook left files behind"
