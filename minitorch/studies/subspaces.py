"""The study behind the chapter "Random subspaces".

One function, `run`, makes every point of every curve: at quick scale while the
reader watches, at book scale for the stored rows, at full scale with the
paper's own schedule.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.data import Dataset, load
from minitorch.models import lenet, mlp
from minitorch.nn import Network
from minitorch.studies.store import Row, read_rows, results_folder
from minitorch.train import accuracy, fit
from minitorch.weird import Dense, Subspace

NAME = "subspaces"

QUICK: Row = {
    "scale": "quick",
    "net": "mlp-200",
    "projection": "fastfood",
    "d": 750,
    "data": "true",
    "images": 8_000,
    "epochs": 5,
    "batch": 128,
    "lr": 0.1,
}
BOOK: Row = {**QUICK, "scale": "book", "images": 60_000}
FULL: Row = {**BOOK, "scale": "full", "epochs": 100, "lr": 1e-3}

MLP_DS = [10, 50, 100, 200, 300, 400, 500, 600, 650, 700, 750, 800, 900, 1000, 1500]
LENET_DS = [10, 50, 100, 150, 200, 225, 250, 275, 300, 350, 500, 1000]
SHUFFLED_LENET_DS = [100, 200, 300, 400, 500, 750, 1000, 1250, 1500, 2000]
LABEL_DS = [50, 100, 200, 300, 400, 800, 1200, 1400, 1600, 2000]


def network(name: str) -> Network:
    """Give a network of this study by its short name.

    >>> network("mlp-200")
    Network mlp-784-200-200-10, D = 199,210
    """
    if name == "lenet":
        return lenet()
    kind, _, width = name.partition("-")
    if kind != "mlp" or not width.isdigit():
        raise ValueError(f"no network {name!r}; there are lenet and mlp-WIDTH")
    return mlp(784, int(width), int(width), 10)


@lru_cache(maxsize=4)
def dataset(variant: str, images: int) -> Dataset:
    """Load digits, as they are or with one kind of sense taken out.

    Args:
        variant: "true", "shuffled_pixels" (one fixed order of pixels for all
            images) or "random_labels" (each label drawn anew).
        images: how many training images; more than the embedded 8,000 needs
            the full data set.
    """
    data = load("mnist", full=images > 8_000)
    if images < len(data.train_x):
        data = data.take(images, len(data.test_x))
    if variant == "shuffled_pixels":
        return data.shuffled_pixels(seed=0)
    if variant == "random_labels":
        return data.random_labels(seed=0)
    if variant != "true":
        raise ValueError(
            f"no variant {variant!r}; there are true, shuffled_pixels, random_labels"
        )
    return data


def run(settings: Row, seed: int) -> Row:
    """Train once, and say how it went.

    Args:
        settings: the keys of `QUICK`. projection "direct" trains all weights.
        seed: of theta0, P and the order of the images.

    Returns:
        test and train accuracy, and D.
    """
    net = network(settings["net"])
    data = dataset(settings["data"], settings["images"])
    if settings["projection"] == "direct":
        g: Dense | Subspace = Dense(net, seed=seed)
    else:
        projection = settings["projection"]
        g = Subspace(net, settings["d"], projection=projection, seed=seed)
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    done = fit(net, g, data, seed=seed, **how)
    return {
        "test": done.test_accuracy,
        "train": accuracy(net, done.theta, data.train_x, data.train_y),
        "D": net.layout.size,
    }


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if scale == "quick":
        return [{**QUICK, "d": d} for d in (50, 200, 500, 1000, 1500)]
    base = {"book": BOOK, "full": FULL}[scale]
    direct = {**base, "projection": "direct", "d": 0, "lr": 1e-3}
    cells = [{**base, "d": d} for d in MLP_DS] + [direct]
    for net, ds in (("lenet", LENET_DS), ("mlp-400", MLP_DS[2::2])):
        cells += [{**base, "net": net, "d": d} for d in ds] + [{**direct, "net": net}]
    for net, ds in (("mlp-200", MLP_DS[2::2]), ("lenet", SHUFFLED_LENET_DS)):
        other = {"net": net, "data": "shuffled_pixels"}
        cells += [{**base, **other, "d": d} for d in ds] + [{**direct, **other}]
    coordinates = {**base, "projection": "coordinates"}
    cells += [{**coordinates, "d": d} for d in (50, 200, 500, 1000, 1500, 5000, 20_000)]
    sparse = {**base, "projection": "sparse"}
    cells += [{**sparse, "d": d} for d in (100, 300, 750, 1500)]
    few = {**base, "images": 1_000, "epochs": 300}
    for data in ("random_labels", "true"):
        cells += [{**few, "data": data, "d": d} for d in LABEL_DS]
    return cells


def stored(**wanted: Any) -> list[Row]:
    """Read this study's committed rows whose settings hold the wanted values."""
    rows = read_rows(results_folder() / f"{NAME}.jsonl")
    return [
        row
        for row in rows
        if all(row["settings"][key] == value for key, value in wanted.items())
    ]


def curve(rows: Iterable[Row], measure: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Arrange rows as a curve: ds (n,), and accuracy (S, n) with a row a seed.

    Raises:
        ValueError: when a seed is missing at some d.

    >>> rows = [
    ...     {"settings": {"d": d}, "seed": s, "result": {"test": d / 10 + s}}
    ...     for d in (2, 1) for s in (0, 1)
    ... ]
    >>> curve(rows)
    (array([1, 2]), array([[0.1, 0.2],
           [1.1, 1.2]]))
    """
    found = {(r["seed"], r["settings"]["d"]): r["result"][measure] for r in rows}
    seeds = sorted({seed for seed, _ in found})
    ds = sorted({d for _, d in found})
    missing = [(s, d) for s in seeds for d in ds if (s, d) not in found]
    if missing or not found:
        raise ValueError(
            f"{len(found)} rows do not fill the grid of {len(seeds)} seeds and "
            f"{len(ds)} values of d; missing (seed, d): {missing[:5]}"
        )
    table = np.array([[found[s, d] for d in ds] for s in seeds])
    return np.array(ds), table
