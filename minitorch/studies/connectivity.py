"""Do two runs that part at step k end in one valley? For whole networks and tickets.

Both runs share the start and the first k batches, and then see the images in orders
of their own. On the straight line between their ends the error stays low, or rises:
the barrier. After Frankle, Dziugaite, Roy, Carbin (2020).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from minitorch.data import Dataset, load
from minitorch.models import lenet_300_100, mlp
from minitorch.nn import Network
from minitorch.random import stream
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.studies.tickets import Late
from minitorch.train import Fit, fit
from minitorch.weird.pruning import Masked, layer_masks, line_errors, shuffled

NAME = "connectivity"
KINDS = {"dense": "whole network", "ticket": "ticket", "shuffled": "shuffled mask"}


class Case(NamedTuple):
    """A network, how it is trained, and the steps at which its runs part."""

    name: str
    lr: float
    batch: int
    epochs: int
    ks: tuple[int, ...]


CASES = {
    "lenet": Case("784-300-100-10", 1.2e-3, 60, 3, (0, 100)),
    "deep": Case("five layers of 100", 0.01, 60, 3, (0, 3, 10, 100)),
    "noisy": Case("five layers of 100", 0.01, 20, 6, (0, 10, 30, 100)),
}

QUICK: Row = {
    "scale": "quick",
    "case": "deep",
    "k": 0,
    "rounds": 1,
    "keep": 0.4096,
    "output": 0.6561,
    "images": 4_000,
    "tested": 1_000,
    "points": 11,
    "epochs": 3,
    "batch": 60,
    "lr": 0.01,
}
BOOK: Row = {
    **QUICK,
    "scale": "book",
    "rounds": 2,
    "images": 12_000,
    "tested": 2_000,
}
FULL: Row = {
    **BOOK,
    "scale": "full",
    "rounds": 8,
    "keep": 0.8,
    "output": 0.9,
    "images": 60_000,
    "tested": 10_000,
    "points": 30,
    "epochs": 20,
}


def network(case: str) -> Network:
    """Give the network of a case.

    Raises:
        ValueError: when there is no such case.

    >>> network("deep")
    Network mlp-784-100-100-100-100-100-10, D = 119,910
    """
    if case not in CASES:
        raise ValueError(f"no case {case!r}; there are {', '.join(CASES)}")
    return lenet_300_100() if case == "lenet" else mlp(784, *[100] * 5, 10)


@lru_cache(maxsize=2)
def dataset(images: int, tested: int) -> Dataset:
    """Load the first digits; more than the embedded 8,000 are of full MNIST."""
    return load("mnist", full=images > 8_000).take(images, tested)


class Reordered:
    """An array whose rows come in another order from the k-th batch on.

    Args:
        rows: (N, ...) images or labels.
        k: how many batches are given out as asked for.
        order: (N,) the order of the rows afterwards.

    >>> rows = Reordered(np.array([10, 11, 12]), k=1, order=np.array([2, 0, 1]))
    >>> rows[np.array([0, 1])], rows[np.array([0, 1])]
    (array([10, 11]), array([12, 10]))
    """

    def __init__(self, rows: np.ndarray, k: int, order: np.ndarray):
        self.rows, self.k, self.order, self._batch = rows, k, order, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        """Give one batch, and count it."""
        self._batch += 1
        shared = self._batch <= self.k
        return self.rows[chosen if shared else self.order[chosen]]


def parted(data: Dataset, k: int, seed: int, child: int) -> Dataset:
    """Let a run see the images in an order of its own after k batches.

    For one run of `fit`, which takes one batch of images and of labels a step.

    Args:
        data: what is trained on.
        k: how many batches are as without this.
        seed: of the run.
        child: which of the runs from the same k steps.
    """
    order = stream(seed, f"child {child}").permutation(len(data.train_y))
    x, y = (Reordered(rows, k, order) for rows in (data.train_x, data.train_y))
    views: dict[str, Any] = {"train_x": x, "train_y": y}
    return replace(data, **views)


def run(settings: Row, seed: int) -> Row:
    """Part two runs at step k, and look at the line between their ends.

    The whole network; the ticket that pruning in rounds with rewinding to step k
    gives; and as many weights at random places of each layer, from the same step.

    Returns:
        For each kind its barrier, the mean error of the two runs as "KIND error", and
        the error at points on the line as "KIND line". keep: the fraction of the
        weights that a ticket keeps. D.
    """
    net, k = network(settings["case"]), settings["k"]
    data = dataset(settings["images"], settings["tested"])
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}

    def train(mask: np.ndarray, examples: Dataset) -> Fit:
        g = Late(Masked(net, mask, seed=seed), k)
        return fit(net, g, examples, seed=seed, **how)

    ones = np.ones(net.layout.size, bool)
    mask = ones
    for _ in range(settings["rounds"]):
        theta = train(mask, data).theta
        shares = settings["keep"], settings["output"]
        mask = layer_masks(net, theta, shares[0], mask=mask, output=shares[1])
    chosen = {"dense": ones, "ticket": mask, "shuffled": shuffled(net, mask, seed)}
    row: Row = {"D": net.layout.size, "keep": float(mask.mean())}
    for kind, kept in chosen.items():
        a, b = (train(kept, parted(data, k, seed, child)).theta for child in (0, 1))
        errors = line_errors(
            net, a, b, data.test_x, data.test_y, points=settings["points"]
        )
        row[f"{kind} error"] = float(errors[0] + errors[-1]) / 2
        row[kind] = float(errors.max()) - row[f"{kind} error"]
        row[f"{kind} line"] = [round(float(error), 4) for error in errors]
    return row


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    base = {"quick": QUICK, "book": BOOK, "full": FULL}[scale]
    if scale == "quick":
        return [base, {**base, "k": 10}]
    cells = []
    for name, case in CASES.items():
        how = {"lr": case.lr, "batch": case.batch}
        if scale == "book":
            how["epochs"] = case.epochs
        cells += [{**base, "case": name, **how, "k": k} for k in case.ks]
    return cells


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'deep k=0'
    """
    return f"{settings['case']} k={settings['k']}"


STUDY = Study(
    name=NAME,
    about="Do two runs that part at step k end in one valley?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.connectivity:run,parted,Reordered,network,dataset",
        "minitorch.studies.tickets:Late",
        "minitorch.weird.pruning",
        "minitorch.train",
    ),
    tolerance={
        "D": 0,
        "keep": 1e-9,
        "dense": 0.1,
        "dense error": 0.02,
        "ticket error": 0.02,
    },
    needs={
        "quick": "10 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 15 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 25 hours of one core (a guess)",
    },
)
