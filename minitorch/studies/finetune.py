"""How many numbers does it take to adapt a trained network to new digits?

A network learns the digits 0 to 4 with all its weights. Then it adapts to 5 to 9
in a random subspace around these weights, with or without a new last layer; the
control starts from random ones.
After Aghajanyan, Zettlemoyer, Gupta (2020), who asked it of language models.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minitorch.data import load
from minitorch.models import mlp
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.train import accuracy, fit
from minitorch.weird import Dense, Subspace

NAME = "finetune"
NET = mlp(784, 200, 200, 5)
LAST = 200 * 5 + 5  # weights and biases of the last layer, the end of theta
STARTS = ("trained", "features", "random")

QUICK: Row = {
    "scale": "quick",
    "start": "trained",
    "d": 50,
    "images": 4_000,
    "epochs": 5,
    "batch": 128,
    "lr": 0.3,
}
BOOK: Row = {**QUICK, "scale": "book", "images": 25_000, "epochs": 5}
FULL: Row = {**BOOK, "scale": "full", "epochs": 100, "lr": 0.01}
DS = [5, 10, 20, 50, 100, 150, 200, 300, 400]


class Half(NamedTuple):
    """The images of five of the ten digits, labelled 0 to 4."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


@lru_cache(maxsize=4)
def half(second: bool, images: int) -> Half:
    """Take the digits 0 to 4, or 5 to 9 with 5 taken off their labels.

    Args:
        second: which half.
        images: how many to train on; more than 4,000 come from full MNIST.

    >>> digits = half(True, images=300)
    >>> digits.train_x.shape, sorted(set(digits.test_y.tolist()))
    ((300, 784), [0, 1, 2, 3, 4])
    """
    data = load("mnist", full=images > 4_000)
    parts: list[np.ndarray] = []
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        mine = (y >= 5) == second
        parts += [x[mine].reshape(mine.sum(), -1), y[mine] - 5 * second]
    return Half(parts[0][:images], parts[1][:images], *parts[2:])


@lru_cache(maxsize=8)
def trained(images: int, seed: int) -> np.ndarray:
    """Give weights that read the digits 0 to 4, all of them trained."""
    data = half(False, images)
    epochs = 3 if images > 4_000 else 10
    return fit(NET, Dense(NET, seed=seed), data, lr=1e-3, epochs=epochs).theta


def start(kind: str, images: int, seed: int) -> np.ndarray:
    """Give the weights that are adapted, (D,).

    Args:
        kind: "trained" on the digits 0 to 4; "features", the same with its last
            layer drawn anew, as is usual where the classes change; or "random".
        images: how many the first half was learned from.
        seed: of all that is drawn.

    Raises:
        ValueError: for another kind.
    """
    if kind not in STARTS:
        raise ValueError(f"a start is one of {', '.join(STARTS)}, got {kind!r}")
    theta = NET.init(seed)
    if kind != "random":
        learned = trained(images, seed)
        kept = NET.layout.size if kind == "trained" else NET.layout.size - LAST
        theta[:kept] = learned[:kept]
    return theta


def run(settings: Row, seed: int) -> Row:
    """Adapt to the digits 5 to 9; d = 0 trains all weights, from the same start.

    Returns:
        test: accuracy on the held-out digits 5 to 9; before: the same with phi = 0.
    """
    data = half(True, settings["images"])
    theta0 = start(settings["start"], settings["images"], seed)
    g: Dense | Subspace
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    if settings["d"]:
        g = Subspace(NET, settings["d"], seed=seed, theta0=theta0)
    else:
        g = Dense(NET, seed=seed)
        g.theta0 = theta0
        how["lr"] = 1e-3
    before = accuracy(NET, theta0, data.test_x, data.test_y)
    done = fit(NET, g, data, seed=seed, **how)
    return {"test": done.test_accuracy, "before": before}


def grid(scale: str) -> list[Row]:
    """List the settings of a scale; d = 0 trains all weights."""
    base = {"quick": QUICK, "book": BOOK, "full": FULL}[scale]
    ds = (10, 100, 400, 0) if scale == "quick" else (*DS, 0)
    return [{**base, "start": s, "d": d} for d in ds for s in STARTS]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'from trained, d=50'
    """
    return f"from {settings['start']}, d={settings['d'] or 'all weights'}"


STUDY = Study(
    name=NAME,
    about="How many numbers does it take to adapt a trained network to new digits?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.finetune:Half,half,trained,start,run",
        "minitorch.weird.subspace",
        "minitorch.train",
    ),
    tolerance={"test": 0.02, "before": 0.05},
    needs={
        "quick": "a minute of one core",
        "book": "full MNIST in MINITORCH_DATA; a quarter of an hour of one core",
        "full": "full MNIST in MINITORCH_DATA; hours of one core",
    },
)
