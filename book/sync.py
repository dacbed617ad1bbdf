"""What is written for us: badges, each notebook's first cell, the README's numbers.

The repository's address and branch stand in `_config.yml` alone and the version in
each notebook's metadata (`course_version`). `python -m book sync` writes them here:

- the first cell, Markdown: the badge that opens the notebook in Colab (the book
  leaves it out, for it has a button of its own and asks no other host for pictures);
- the first code cell: installs the package where it is missing, and starts it;
- the README's links to Colab, and its numbers of ours, which come from the stored rows;
- `book/ledger.md`, the reproduction ledger, from the claims and the stored rows.
"""

import json
import re
from pathlib import Path

import numpy as np
import yaml

from book.notebooks import ROOT, BuildError, sources
from minitorch.stats import mean_interval
from minitorch.studies import (
    bn_only,
    engine_figures,
    hypernets,
    laperm,
    ledger,
    subspaces,
    supermask_figures,
    supermasks,
    superposition,
    tickets_figures,
)
from minitorch.studies.store import Row

LEDGER = ROOT / "book" / "ledger.md"
COLAB = "https://colab.research.google.com"

BADGE = "[![Open in Colab]({colab}/assets/colab-badge.svg)]({link})"

# It looks for the distribution by name, since another package also imports as
# minitorch, and it leaves what is installed already (numpy, numba, torch) alone.
FIRST_CELL = """\
# Set-up: run this first. In Colab it installs the course's package.
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

try:
    if version("weird-ways") != "{version}":
        print("this notebook was written for weird-ways {version}")
except PackageNotFoundError:
    if find_spec("minitorch"):
        raise ImportError("uninstall the unrelated minitorch") from None
    code = "{address}@v{version}"
    %pip install -q "weird-ways @ git+{{code}}"

import minitorch

minitorch.setup(scale="quick")"""


def repository() -> tuple[str, str]:
    """Address and branch of the public repository, from `_config.yml`."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].rstrip("/"), config["repository"]["branch"]


def first_cell(course_version: str) -> str:
    """The first code cell of a notebook of this version."""
    address, _ = repository()
    return FIRST_CELL.format(address=address, version=course_version)


def colab_link(name: str) -> str:
    """The address that opens the notebook of this file name in Colab."""
    address, branch = repository()
    owner_and_name = address.removeprefix("https://github.com/")
    return f"{COLAB}/github/{owner_and_name}/blob/{branch}/notebooks/{name}"


def engine_number() -> str:
    """Our time over torch's in the stored benchmark, lowest to highest."""
    ratios = sorted(row["ratio"] for row in engine_figures.rows("steps1"))
    many = f"{len(ratios)} networks and batch sizes, one thread"
    return f"{ratios[0]:.2f} to {ratios[-1]:.2f} of PyTorch's time; {many}"


def subspace_number() -> str:
    """How many trained numbers read 90 % of the digits, from the stored rows."""
    reached = subspaces.needed("mlp-200", "true", own=False)
    how = f"full MNIST, {len(reached)} seeds, 95 % interval"
    return f"{subspaces.interval(reached)}; {how}"


def hypernet_number() -> str:
    """How well digits are read with written kernels and with trained ones, in %."""
    told = []
    for kind, n in (("hypernet", 4), ("direct", 0)):
        init = "hyperfan-in" if n else ""
        wanted: Row = {
            "scale": "book",
            "net": "conv7",
            "kind": kind,
            "n": n,
            "init": init,
        }
        found = hypernets.STUDY.results(**wanted)
        (images,) = {
            row["settings"]["images"] for row in hypernets.STUDY.stored(**wanted)
        }
        told.append(
            "{:.1f} % ({:.1f} to {:.1f})".format(*100 * np.array(mean_interval(found)))
        )
    how = f"{images:,} digits once, {len(found)} seeds, 95 % intervals"
    return f"{told[0]} of the digits, trained ones {told[1]}; {how}"


def ticket_number() -> str:
    """How well a ticket, its two controls and the whole network read, in %."""
    told = []
    for name, level in (("ticket", 8), ("fresh", 8), ("shuffled", 8), ("ticket", 0)):
        reads = tickets_figures.at(name, level, **tickets_figures.LONGER)
        found = 100 * np.array(mean_interval(reads))
        told.append("{:.1f} % ({:.1f} to {:.1f})".format(*found))
    part = f"{told[0]} of the digits with {tickets_figures.kept(8)} % of the weights"
    others = f"from a fresh start {told[1]}, at other places {told[2]}"
    how = "10,500 steps, 5 seeds, 95 % intervals"
    return f"{part}, {others}, all weights {told[3]}; {how}"


def supermask_number() -> str:
    """How well learned masks of random weights read, and what they are held against."""
    criteria: Row = {"scale": "book", "part": "criteria", "epochs": 2}
    keep, own = supermask_figures.best("large_final")
    keeps, other = supermask_figures.masked("large_final", "other")
    told = []
    for found in (
        supermask_figures.learned("sample", "signed-glorot", rescale=True),
        supermasks.STUDY.results("test", **criteria),
        own,
        other[:, keeps.tolist().index(keep)],
    ):
        told.append(
            "{:.1f} % ({:.1f} to {:.1f})".format(*100 * np.array(mean_interval(found)))
        )
    part = f"{told[0]} of the digits by a learned mask, trained weights {told[1]}"
    others = f"a mask of training {told[2]}, the same on another start {told[3]}"
    return f"{part}, {others}; full MNIST, 5 seeds, 95 % intervals"


def superposition_number() -> str:
    """How often one gradient names the task, and what forgetting is without masks."""
    stored = superposition.STUDY.results
    told = [
        "{:.1f} % ({:.1f} to {:.1f})".format(*100 * np.array(mean_interval(found)))
        for found in (
            stored("one-shot", **superposition.MANY)[:, -1],
            stored("masks", **superposition.RETENTION).mean(1),
            stored("sequence", **superposition.RETENTION)[:, -1],
        )
    ]
    near = 100 * stored("pictures", **superposition.MANY)[:, -1].mean()
    part = f"one gradient names the task of {told[0]} of single images, of 250 tasks, "
    part += f"the nearest mean picture of {near:.1f} %"
    others = f"after 10 tasks masks read {told[1]}, one network in sequence {told[2]}"
    return f"{part}; {others}; full MNIST, 5 seeds, 95 % intervals"


def laperm_number() -> str:
    """How well weights read that only change places, and what they are held against."""
    stored, cell = laperm.STUDY.results, laperm.CONTROLS
    best = cell["dense lr"].index(cell["lr"])
    told = [
        "{:.1f} % ({:.1f} to {:.1f})".format(*100 * np.array(mean_interval(found)))
        for found in (
            stored("test", **cell),
            stored("dense", **cell)[:, best],
            stored("once", **cell)[:, best],
            stored("uniform fresh", **laperm.LOCATION),
            stored("shuffled", **laperm.LOCATION),
        )
    ]
    part = f"{told[0]} of the digits, trained weights {told[1]}"
    others = f"arranged once after training {told[2]}"
    values = f"fresh values in the places {told[3]}, the values shuffled {told[4]}"
    how = "full MNIST, 3 epochs, 5 seeds, 95 % intervals"
    return f"{part}, {others}; {values}; {how}"


def bn_only_number() -> str:
    """What norms alone read, and what they are held against, dense and residual."""

    def told(arm: str, cell: Row) -> str:
        found = 100 * np.array(mean_interval(bn_only.STUDY.results(arm, **cell)))
        return "{:.1f} % ({:.1f} to {:.1f})".format(*found)

    dense, residual = (
        f"{told('norms', cell)} of the {what}, as many weights elsewhere "
        f"{told('random', cell)}, the last layer {told('output', cell)}, all "
        f"{told('all', cell)}"
        for cell, what in (
            (bn_only.DENSE, "digits"),
            (bn_only.RESIDUAL, "garments"),
        )
    )
    return (
        f"{dense}; a ResNet-8 {residual}; full MNIST and 4,000 garments, 5 seeds, 95 % "
        "intervals"
    )


NUMBERS = {
    "engine": engine_number,
    "hypernets": hypernet_number,
    "subspaces": subspace_number,
    "tickets": ticket_number,
    "supermasks": supermask_number,
    "superposition": superposition_number,
    "laperm": laperm_number,
    "bn_only": bn_only_number,
}


def synced_readme() -> str:
    """The README with its links to Colab and its numbers as they should be."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    link = rf"{COLAB}/github/[^)\s]+/notebooks/([\w.]+\.ipynb)"
    text = re.sub(link, lambda found: colab_link(found[1]), text)
    return re.sub(
        r"(<!-- number (\w+) -->).*?(<!-- end -->)",
        lambda found: found[1] + NUMBERS[found[2]]() + found[3],
        text,
    )


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
    cells[0]["source"] = [BADGE.format(colab=COLAB, link=colab_link(source.name))]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if not code:
        raise BuildError(f"{source.name} has no code cell to hold the set-up.")
    code[0]["source"] = first_cell(course_version).splitlines(keepends=True)
    code[0]["metadata"] = {"tags": ["setup"]}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write() -> list[str]:
    """Bring all that is written for us up to date; returns what changed."""
    wanted = {source: synced(source) for source in sources()}
    wanted[ROOT / "README.md"] = synced_readme()
    wanted[LEDGER] = ledger.page()
    changed = []
    for path, text in wanted.items():
        if not path.exists() or text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path.name)
    return changed
