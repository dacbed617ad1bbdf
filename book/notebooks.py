"""Run every notebook once, alone, against the built wheel, and keep what it showed.

The outputs in `_build/executed/` fill the book's pages and are what the tests read.
A notebook runs again only when its code, the package, the stored study rows, the
versions it stands on or a MINITORCH variable changed.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
EXECUTED = BUILD / "executed"
WHEEL_FOLDER = BUILD / "wheel"
AT_A_TIME = 2

# One thread, so that seconds mean the same on every machine and nothing competes.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}


class BuildError(Exception):
    """The book could not be built; the message says where and why."""


def sources() -> list[Path]:
    """The course's notebooks, in reading order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def build_wheel() -> Path:
    """Build the wheel without network and unpack it for the notebooks to import.

    The unpacked copy is left alone when nothing in the package changed, so that its
    compiled kernels stay.
    """
    fresh = BUILD / "dist-new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(
        [*command, "-d", str(fresh)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise BuildError(f"The wheel could not be built:\n{done.stdout}{done.stderr}")
    dist = BUILD / "dist"
    (built,) = fresh.glob("*.whl")
    old = dist / built.name
    if not (
        old.exists()
        and old.read_bytes() == built.read_bytes()
        and WHEEL_FOLDER.exists()
    ):
        shutil.rmtree(dist, ignore_errors=True)
        shutil.rmtree(WHEEL_FOLDER, ignore_errors=True)
        dist.mkdir(parents=True)
        os.replace(built, old)
        with zipfile.ZipFile(old) as archive:
            archive.extractall(WHEEL_FOLDER)
    shutil.rmtree(fresh)
    return old


def closure(names: Iterable[str]) -> dict[str, str]:
    """Installed versions of these distributions and of all that they require."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            there = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = there.version
        for line in there.requires or []:
            requirement, _, marker = line.partition(";")
            if "extra" not in marker:
                waiting.append(re.match(r"[\w.-]+", requirement.strip())[0])  # type: ignore[index]
    return found


def _common_stamp(wheel: Path) -> bytes:
    """Hash of all that every notebook's outputs depend on, its own code aside."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("minitorch/"):
                digest.update(name.encode() + b"\0" + archive.read(name))
    versions = closure(["weird-ways", "ipykernel", "nbclient"])
    versions.pop("weird-ways", None)
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("MINITORCH_") and name != "MINITORCH_REQUIRE_BROWSER"
    }
    state = [sys.version_info[:3], versions, variables]
    digest.update(json.dumps(state, sort_keys=True).encode())
    digest.update(Path(__file__).read_bytes())
    return digest.digest()


def _stamp(common: bytes, source: Path) -> str:
    """Hash of one notebook's code and of all that it stands on."""
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    code = [
        ["".join(cell["source"]), cell["metadata"]]
        for cell in cells
        if cell["cell_type"] == "code"
    ]
    text = json.dumps(code, sort_keys=True).encode()
    return hashlib.sha256(common + text).hexdigest()


def environment(home: Path) -> dict[str, str]:
    """The variables that a notebook runs under: own home, only the wheel to import."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS")
    }
    return variables | {
        **ONE_THREAD,
        "PYTHONPATH": str(WHEEL_FOLDER),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "HOME": str(home),
        "USERPROFILE": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_NO_CONFIG": "1",
        # Matplotlib's font list is the same for all and slow to make.
        "MPLCONFIGDIR": str(BUILD / "matplotlib"),
        "MINITORCH_STATIC": "1",
        "MINITORCH_SCALE": "quick",
        "TQDM_DISABLE": "1",
    }


def _execute(source: Path, stamp: str) -> str:
    """Run one notebook in an empty folder of its own; returns one line for the log."""
    target = EXECUTED / source.name
    record = target.with_suffix(".json")
    record.unlink(missing_ok=True)
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as home,
    ):
        shutil.copy(source, folder)
        child = [sys.executable, str(Path(__file__).with_name("run_one.py"))]
        done = subprocess.run(
            [*child, source.name],
            cwd=folder,
            env=environment(Path(home)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            why = done.stdout or done.stderr
            raise BuildError(f"{source.name} stopped with an error:\n{why}")
        left = sorted(set(os.listdir(folder)) - {source.name})
        measured = json.loads(done.stdout.splitlines()[-1])
        shutil.copy(Path(folder) / source.name, target)
    wall = time.perf_counter() - began
    row = {"stamp": stamp, **measured, "wall_seconds": round(wall, 1)}
    row["files_left"] = left
    record.write_text(json.dumps(row) + "\n", encoding="utf-8")
    seconds, slower = measured["cpu_seconds"], measured["slowdown"]
    used = "" if seconds is None else f", {seconds} s of CPU at {slower} x quiet"
    return f"ran {source.name} in {wall:.1f} s{used}"


def execute_all() -> None:
    """Run each notebook whose stamp is new, two at a time."""
    EXECUTED.mkdir(parents=True, exist_ok=True)
    common = _common_stamp(build_wheel())
    stale = []
    for source in sources():
        stamp = _stamp(common, source)
        record = EXECUTED / f"{source.stem}.json"
        if not record.exists() or json.loads(record.read_text())["stamp"] != stamp:
            stale.append((source, stamp))
    kept = {source.stem for source in sources()}
    for path in EXECUTED.iterdir():
        if path.stem not in kept:
            path.unlink()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for line in pool.map(lambda job: _execute(*job), stale):
            print(line, flush=True)
