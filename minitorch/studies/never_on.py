"""Why a gamma gets small: features whose ReLU never opens.

A feature that is below 0 for every image gets no gradient. Nothing holds its gamma any
more but decay, which shrinks it. Or decay shrinks a gamma first, and a little of beta
shuts what is left. This study counts which features are never on, which have a small
gamma, and which are both: at two rates, without decay and with as much that it alone
leaves equally little of a number (0.002 at a rate of 0.3, 0.02 at 0.03).
"""

from __future__ import annotations

import numpy as np

from minitorch.studies.bn_only import DECAYS, GAMMAS, images, network
from minitorch.studies.bn_only_frames import how_often_on
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.train import accuracy, fit
from minitorch.weird import Only
from minitorch.weird.bn_only import as_many, remove, small, statistics

NAME = "never_on"
BASE: Row = {key: GAMMAS[key] for key in GAMMAS if key not in ("thresholds", "draws")}
BASE = {**BASE, "part": "never on"}


def run(settings: Row, seed: int) -> Row:
    """Train with a decay, and ask which features are on for any held-out image.

    Returns:
        test: accuracy. never: the share of features that are on for no image; before:
        the same before training. small: the share with |gamma| < 0.01; both: the share
        that is small and never on. removed: accuracy without the features that are
        never on; random: without as many at random.
    """
    data, net = images(settings), network(settings)
    how = {key: settings[key] for key in ("gamma", "decay")}
    g = Only(net, settings["pieces"], seed=seed, **how)
    keys = "lr", "epochs", "batch", "optimiser"
    done = fit(net, g, data, seed=seed, **{key: settings[key] for key in keys})
    x = data.test_x.reshape(len(data.test_x), -1)
    state = done.state or {}
    first = statistics(net, g.theta0, data.train_x[:1_000])
    on = how_often_on(net, done.theta, state, x)
    start = how_often_on(net, g.theta0, first, x)
    off = small(net, done.theta)
    names, shut = list(off), [each == 0 for each in on]
    never, tiny = np.concatenate(shut), np.concatenate(list(off.values()))
    gone = dict(zip(names, shut, strict=True))
    others = as_many(gone, 1000 * seed)

    def without(features: dict[str, np.ndarray]) -> float:
        smaller, theta, left = remove(net, done.theta, state, features)
        return accuracy(smaller, theta, data.test_x, data.test_y, state=left)

    return {
        "test": done.test_accuracy,
        "never": float(never.mean()),
        "before": float((np.concatenate(start) == 0).mean()),
        "small": float(tiny.mean()),
        "both": float((never & tiny).mean()),
        "removed": without(gone),
        "random": without(others),
    }


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if scale == "quick":
        few = {"scale": "quick", "images": 2_000, "test": 500, "epochs": 4}
        return [{**BASE, **few, "decay": 2e-3}]
    cells = [{**BASE, "decay": decay} for decay in (0.0, *DECAYS)]
    cells += [{**BASE, "gamma": "ones", "decay": decay} for decay in (0.0, 2e-3)]
    cells += [{**BASE, "lr": 0.03, "decay": decay} for decay in (0.0, 2e-3, 2e-2)]
    cells += [{**BASE, "pieces": "all", "decay": d} for d in (0.0, 1e-3, 2e-3)]
    return [{**cell, "scale": scale} for cell in cells]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(BASE)
    'never on, norms, uniform, decay 0, lr 0.3'
    """
    return (
        f"never on, {settings['pieces']}, {settings['gamma']}, "
        f"decay {settings['decay']:g}, lr {settings['lr']:g}"
    )


STUDY = Study(
    name=NAME,
    about="Are the features of small gamma those that are never on?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.never_on:run",
        "minitorch.studies.bn_only:images,network,_images",
        "minitorch.studies.bn_only_frames:how_often_on",
        "minitorch.weird.bn_only",
        "minitorch.train",
    ),
    tolerance={"test": 0.05, "never": 0.1, "small": 0.1, "removed": 0.05},
    needs={
        "quick": "2 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 5 minutes of one core",
        "full": "the same as book",
    },
)
