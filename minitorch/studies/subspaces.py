"""The study behind the chapter "Random subspaces".

One function, `run`, makes every point of every curve: at quick scale while the
reader watches, at book scale for the stored rows, at full scale with the
paper's own schedule.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.course import scale
from minitorch.data import Dataset, load
from minitorch.functional import cross_entropy
from minitorch.models import lenet, mlp
from minitorch.nn import Network
from minitorch.random import stream
from minitorch.stats import crossings, mean_interval
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import no_grad
from minitorch.train import Fit, accuracy, fit, load_fit, predict, save_fit
from minitorch.weird import Dense, Parametrization, Subspace, apply, decode
from minitorch.weird.subspace import PROJECTIONS

NAME = "subspaces"

QUICK: Row = {
    "scale": "quick",
    "net": "mlp-200",
    "projection": "fastfood",
    "d": 750,
    "data": "true",
    "images": 8_000,
    "epochs": 3,
    "batch": 128,
    "lr": 0.3,
}
BOOK: Row = {**QUICK, "scale": "book", "images": 60_000, "lr": 0.1}
FULL: Row = {**BOOK, "scale": "full", "epochs": 100, "lr": 1e-3}

# Shuffled LeNet again, with time: do more passes bring it nearer the published 1,400?
PATIENT: Row = {
    **BOOK,
    "net": "lenet",
    "data": "shuffled_pixels",
    "d": 1500,
    "epochs": 20,
}

# The common row: one network and one split of the data for every method of the course.
COMMON: Row = {**QUICK, "scale": "book", "net": "common", "epochs": 10}

BITS = [8, 6, 5, 4, 3, 2]
PIXELS = ("true", "shuffled_pixels")
MLP_DS = [10, 50, 100, 200, 300, 400, 500, 600, 650, 700, 750, 800, 900, 1000, 1500]
LENET_DS = [10, 50, 100, 150, 200, 225, 250, 275, 300, 350, 500, 1000]
SHUFFLED_LENET_DS = [100, 200, 300, 400, 500, 750, 1000, 1250, 1500, 2000, 3000]
LOW_RANK_DS = [410, 820, 1230]  # 410 rows of its three matrices, rank 1 to 3
LABEL_DS = [50, 100, 200, 300, 400, 800, 1200, 1400, 1600, 2000]


def live() -> Row:
    """Give the settings of a notebook's own runs: quick, or full where asked for."""
    return {"quick": QUICK, "full": FULL}[scale()]


def all_weights(settings: Row) -> Row:
    """Give the baseline of some settings: ordinary training, and enough of it.

    Ten epochs at least and a rate of its own, so that the line to reach is not
    lowered by a baseline that was cut short.
    """
    epochs = max(10, settings["epochs"])
    return {**settings, "projection": "direct", "d": 0, "lr": 3e-3, "epochs": epochs}


def network(name: str) -> Network:
    """Give a network of this study by its short name.

    Raises:
        ValueError: when there is no such network.

    >>> network("mlp-200")
    Network mlp-784-200-200-10, D = 199,210
    """
    if name == "lenet":
        return lenet()
    if name == "common":
        return mlp(784, 300, 100, 10, bias=False)
    if name == "linear":
        return mlp(784, 10)
    kind, _, width = name.partition("-")
    if kind != "mlp" or not width.isdigit():
        raise ValueError(
            f"no network {name!r}; there are lenet, common, linear and mlp-WIDTH"
        )
    return mlp(784, int(width), int(width), 10)


@lru_cache(maxsize=4)
def dataset(variant: str, images: int) -> Dataset:
    """Load digits, as they are or with one kind of sense taken out.

    Args:
        variant: "true", "shuffled_pixels" (one fixed order of pixels for all
            images) or "random_labels" (each label drawn anew).
        images: how many training images; more than the embedded 8,000 needs
            the full data set.

    Raises:
        ValueError: when there is no such variant.
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


def parametrization(settings: Row, seed: int) -> Dense | Subspace:
    """Give the map that the settings ask for."""
    net = network(settings["net"])
    if settings["projection"] == "direct":
        return Dense(net, seed=seed)
    return Subspace(net, settings["d"], projection=settings["projection"], seed=seed)


def train(settings: Row, seed: int) -> Fit:
    """Train once.

    A run at full scale takes long, so it is kept in the folder that the variable
    MINITORCH_RUNS names (else `runs`), and taken from there the next time.

    Args:
        settings: the keys of `QUICK`. projection "direct" trains all weights.
        seed: of theta0, P and the order of the images.
    """
    g = parametrization(settings, seed)
    data = dataset(settings["data"], settings["images"])
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    if settings["scale"] != "full":
        return fit(g.net, g, data, seed=seed, **how)
    asked = json.dumps([settings, seed], sort_keys=True)
    name = f"{NAME}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.npz"
    path = Path(os.environ.get("MINITORCH_RUNS", "runs")) / name
    if path.exists():
        return load_fit(path)
    done = fit(g.net, g, data, seed=seed, progress=True, **how)
    save_fit(path, done)
    return done


def run(settings: Row, seed: int) -> Row:
    """Train once, and say how it went.

    Returns:
        test and train accuracy, and D. Where the settings name `bits`, also the
        length in bytes of the solution's message at each of these, and the test
        accuracy of the weights that a receiver decodes from it.
    """
    done = train(settings, seed)
    net = network(settings["net"])
    data = dataset(settings["data"], settings["images"])
    row: Row = {
        "test": done.test_accuracy,
        "train": accuracy(net, done.theta, data.train_x, data.train_y),
        "D": net.layout.size,
    }
    if "bits" in settings:
        g = parametrization(settings, seed)
        sent = [g.message(done.phi, bits=bits) for bits in settings["bits"]]
        row["bytes"] = [len(message) for message in sent]
        row["decoded"] = [
            accuracy(net, decode(message, net)[0], data.test_x, data.test_y)
            for message in sent
        ]
    return row


def grid(size: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if size == "quick":
        return [{**QUICK, "d": d} for d in (50, 200, 500, 1000, 1500)]
    base = {"book": BOOK, "full": FULL}[size]
    direct = all_weights(base)
    cells = [{**base, "d": d} for d in MLP_DS] + [direct]
    few_ds = MLP_DS[2::2]
    for net, ds in (("lenet", LENET_DS), ("mlp-400", few_ds), ("mlp-100", few_ds)):
        cells += [{**base, "net": net, "d": d} for d in ds] + [{**direct, "net": net}]
    for net, ds in (("mlp-200", MLP_DS[2::2]), ("lenet", SHUFFLED_LENET_DS)):
        other = {"net": net, "data": "shuffled_pixels"}
        cells += [{**base, **other, "d": d} for d in ds] + [{**direct, **other}]
    coordinates = {**base, "projection": "coordinates"}
    cells += [{**coordinates, "d": d} for d in (50, 200, 500, 1000, 1500, 5000, 20_000)]
    sparse = {**base, "projection": "sparse"}
    cells += [{**sparse, "d": d} for d in (100, 300, 750, 1500)]
    cells += [{**base, "projection": "low-rank", "d": d} for d in LOW_RANK_DS]
    few = {**base, "images": 1_000, "epochs": 300}
    for data in ("random_labels", "true"):
        cells += [{**few, "data": data, "d": d} for d in LABEL_DS]
    cells += [{**base, "d": d, "bits": BITS} for d in (200, 750, 1500)]
    if size == "book":
        cells.append(PATIENT)
        coded = {**COMMON, "bits": BITS}
        cells += [{**coded, "d": d} for d in (200, 750)]
        cells += [all_weights({**coded, "net": net}) for net in ("common", "linear")]
    return cells


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'mlp-200 fastfood true d=750'
    """
    words = [str(settings[name]) for name in ("net", "projection", "data")]
    return " ".join([*words, f"d={settings['d']}"])


STUDY = Study(
    name=NAME,
    about="How accurate is a network of which only d numbers are trained?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.subspaces:run,train,parametrization,dataset,network",
        "minitorch.weird.subspace",
        "minitorch.train",
    ),
    tolerance={"test": 0.02, "train": 0.02, "D": 0, "bytes": 500, "decoded": 0.05},
    needs={
        "quick": "2 minutes of one core",
        "book": "full MNIST in MINITORCH_DATA; 1.4 hours of one core",
        "full": "full MNIST in MINITORCH_DATA; about 31 hours of one core",
    },
)


def stored(**wanted: Any) -> list[Row]:
    """Read this study's committed rows whose settings hold the wanted values.

    Rows with messages come only where `bits` is among them.
    """
    return STUDY.stored(**{"bits": None, **wanted})


def results(measure: str = "test", **wanted: Any) -> np.ndarray:
    """Read one measure of those rows, (S,)."""
    return STUDY.results(measure, **{"bits": None, **wanted})


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


def interval(values: np.ndarray) -> str:
    """Write values of several seeds as their mean and 95 % interval.

    >>> interval(np.array([290.0, 300.0, 310.0]))
    '300 (275 to 325)'
    >>> interval(np.array([290.0, np.nan]))
    'not reached by every seed'
    """
    if np.isnan(values).any():
        return "not reached by every seed"
    mean, low, high = mean_interval(values)
    return f"{mean:,.0f} ({low:,.0f} to {high:,.0f})"


# Mean test accuracy over three seeds, 100 passes over MNIST, as stored in the notebook
# that the authors published with their code (github.com/uber-research/
# intrinsic-dimension); the figures of the paper itself were not compared.
_PUBLISHED: dict[tuple[str, str], tuple[list[int], list[float]]] = {
    ("mlp-200", "true"): (
        [10, 50, 100, 200, 300, 400, 500, 600, 700, 750, 800, 900, 1000, 1250, 1500],
        [
            *(0.175, 0.451, 0.593, 0.758, 0.818, 0.839, 0.865, 0.880),
            *(0.890, 0.894, 0.900, 0.906, 0.907, 0.919, 0.925),
        ],
    ),
    ("lenet", "true"): (
        [10, 50, 100, 200, 250, 275, 290, 350, 500, 1000],
        [0.129, 0.570, 0.763, 0.864, 0.887, 0.898, 0.901, 0.917, 0.939, 0.963],
    ),
    ("lenet", "shuffled_pixels"): (
        [200, 500, 1000, 1300, 1400, 2000],
        [0.679, 0.836, 0.885, 0.896, 0.902, 0.917],
    ),
}
PUBLISHED = {
    key: (np.array(ds, float), np.array(accuracy))
    for key, (ds, accuracy) in _PUBLISHED.items()
}


def needed(net: str, data: str, own: bool) -> np.ndarray:
    """Read off the stored curves the d at which each seed reaches 90 %, (S,).

    Args:
        net: short name of the network.
        data: "true" or "shuffled_pixels".
        own: whether the line is at 90 % of direct training's accuracy; else
            at 90 % of the digits.
    """
    wanted: Row = {"scale": "book", "images": 60_000, "net": net, "data": data}
    passes = BOOK["epochs"]
    ds, accuracy = curve(stored(**wanted, projection="fastfood", epochs=passes))
    line = 0.9 * results(**wanted, projection="direct").mean() if own else 0.9
    return crossings(ds, accuracy, line)


def summary(net: str, data: str) -> list[str | int]:
    """Sum up the stored rows of a network: D, direct accuracy, both d_int90."""
    wanted: Row = {"scale": "book", "images": 60_000, "net": net, "data": data}
    direct = results(**wanted, projection="direct").mean()
    both = [interval(needed(net, data, own)) for own in (True, False)]
    return [network(net).layout.size, f"{direct:.1%}", *both]


def frame(d: int, fits: list[Fit], data: Dataset, digits: int = 12) -> Row:
    """Give what the chapter's widget shows for one d.

    Args:
        d: how many numbers were trained.
        fits: one run for each seed; the first, of seed 0, is looked at closely.
        data: where the loss is taken, and the digits are from.
        digits: how many of the held-out digits are read.
    """
    net = network(QUICK["net"])
    g = parametrization({**QUICK, "d": d}, seed=0)
    loss, reach = loss_slice(net, g, fits[0], data)
    return {
        "d": d,
        "accuracy": [done.test_accuracy for done in fits],
        "predictions": predict(net, fits[0].theta, data.test_x[:digits]),
        "slice": loss,
        "extent": reach,
        "start": float(np.linalg.norm(fits[0].phi)),
    }


def cost(
    projection: str, D: int = 199_210, d: int = 750, repeat: int = 20
) -> dict[str, float]:
    """Measure what a projection costs: memory, time to draw, time of one step.

    One step is P phi and P^T grad; the first, which compiles, is left out.

    Returns:
        megabytes, seconds to draw, and milliseconds a step, in CPU time.

    >>> sorted(cost("sparse", D=1000, d=10))
    ['MB', 'draw', 'ms']
    """
    started = time.process_time()
    P = PROJECTIONS[projection](D, d, seed=0)
    drawn = time.process_time()
    phi, grad = np.ones(d, np.float32), np.ones(D, np.float32)
    P.apply(phi), P.adjoint(grad)
    ready = time.process_time()
    for _ in range(repeat):
        P.apply(phi), P.adjoint(grad)
    step = (time.process_time() - ready) / repeat
    return {"MB": P.nbytes / 1e6, "draw": drawn - started, "ms": 1000 * step}


def loss_slice(
    net: Network, g: Parametrization, done: Fit, data: Dataset, n: int = 15
) -> tuple[np.ndarray, float]:
    """Map the loss on a flat piece of the subspace around the trained point.

    Across: the direction from the start (phi = 0) to the trained point. Up: a
    random direction of the subspace at right angles to it.

    Returns:
        loss (n, n) with the trained point in the middle, and how far the piece
        reaches to each side: 1.25 times the way from the start, which therefore
        lies in it, on the middle row to the left.
    """
    length = float(np.linalg.norm(done.phi))
    across = done.phi / length
    up = stream(0, "slice").standard_normal(len(done.phi))
    up -= across * (up @ across)
    up /= np.linalg.norm(up)
    x, y = data.test_x[:256], data.test_y[:256]
    reach = 1.25 * length
    ticks = np.linspace(-reach, reach, n)
    losses = np.empty((n, n))
    with no_grad():
        for i, b in enumerate(ticks[::-1]):
            for j, a in enumerate(ticks):
                theta = apply(g, done.phi + a * across + b * up)
                losses[i, j] = cross_entropy(net(theta, x), y).item()
    return losses, reach
