"""The study behind the CPPN part of the chapter "Indirect encoding".

A first layer for digits: trained as it is, written by a CPPN of some hundred numbers,
or random and left alone. And what happens when the CPPN is asked again at twice the
resolution.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.data import Dataset, load
from minitorch.models import mlp
from minitorch.nn import Network
from minitorch.stats import mean_interval
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.train import Fit, accuracy, fit
from minitorch.weird import CPPNWeights, Dense, decode

NAME = "cppn"

# 14 x 14 digits, 64 hidden units on a grid of 8 x 8.
QUICK: Row = {
    "scale": "quick",
    "net": "small",
    "first": "trained",
    "activation": "sine",
    "inputs": "pairs",
    "centred": True,
    "images": 8_000,
    "epochs": 3,
    "batch": 128,
    "lr": 0.02,
}
BOOK: Row = {**QUICK, "scale": "book", "images": 60_000, "lr": 0.01}
FULL: Row = {**BOOK, "scale": "full", "epochs": 50, "lr": 3e-3}

# The common row: one network and one split of the data for every method of the course.
COMMON: Row = {**QUICK, "scale": "book", "net": "common", "epochs": 5}

BITS = [8, 6, 5, 4, 3, 2]
HIDDEN = (16, 16, 16)
# What is compared: a name, what differs from the settings above, and a label. The
# controls get the rate that suited them best of 0.003, 0.01 and 0.03.
CASES: dict[str, tuple[Row, str]] = {
    "direct": ({"first": "all"}, "all weights trained"),
    "random": ({"first": "random", "lr": 0.03}, "random first layer, frozen"),
    "frozen": ({"first": "frozen", "lr": 0.03}, "random CPPN, frozen"),
    "sine": ({}, "CPPN of sines"),
    "offsets": ({"inputs": "offsets"}, "CPPN of sines, told the offsets"),
    "mixed": ({"activation": "mixed"}, "CPPN of sines, bells and tanh"),
    "relu": ({"activation": "relu"}, "CPPN of ReLUs"),
    "fourier": ({"activation": "relu", "inputs": "fourier"}, "ReLUs on random waves"),
    "mean": ({"activation": "relu", "centred": False}, "ReLUs, mean weight left in"),
}


def network(name: str) -> Network:
    """Give a network of this study: for 14 x 14 digits, for 28 x 28, or the common one.

    Raises:
        ValueError: when there is no such network.

    >>> network("small")
    Network mlp-196-64-10, D = 13,258
    """
    widths = {"small": (196, 64, 10), "large": (784, 64, 10)}
    if name == "common":
        return mlp(784, 300, 100, 10, bias=False)
    if name not in widths:
        raise ValueError(f"no network {name!r}; there are small, large and common")
    return mlp(*widths[name])


def halved(x: np.ndarray) -> np.ndarray:
    """Make pictures (N, C, H, W) half as high and wide: means of 2 x 2 pixels.

    >>> halved(np.arange(4.0).reshape(1, 1, 2, 2)).tolist()
    [[[[1.5]]]]
    """
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean((3, 5))


@lru_cache(maxsize=4)
def dataset(net: str, images: int) -> Dataset:
    """Load digits as a network of this study takes them.

    Args:
        net: its short name; "small" takes 14 x 14 pixels.
        images: how many training images; more than the embedded 8,000 needs the
            full data set.
    """
    data = load("mnist", full=images > 8_000)
    if images < len(data.train_x):
        data = data.take(images, len(data.test_x))
    if net != "small":
        return data
    return replace(data, train_x=halved(data.train_x), test_x=halved(data.test_x))


def parametrization(settings: Row, seed: int) -> Dense | CPPNWeights:
    """Give the map that the settings ask for."""
    net = network(settings["net"])
    if settings["first"] == "all":
        return Dense(net, seed=seed)
    return CPPNWeights(
        net,
        hidden=HIDDEN[1:] if settings["net"] == "common" else HIDDEN,
        activation=settings["activation"],
        inputs=settings["inputs"],
        centred=settings["centred"],
        kind=settings["first"],
        seed=seed,
    )


def train(settings: Row, seed: int) -> Fit:
    """Train once.

    Args:
        settings: the keys of `QUICK`; first "all" trains every weight.
        seed: of what is drawn, and of the order of the images.
    """
    g = parametrization(settings, seed)
    data = dataset(settings["net"], settings["images"])
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    return fit(g.net, g, data, seed=seed, **how)


def larger(theta: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Put a first layer for 28 x 28 pixels before what a small network has learnt.

    Args:
        theta: of the small network.
        first: (64, 784).

    Returns:
        theta of the large one.
    """
    parts = network("small").layout.views(theta) | {"dense1.weight": first}
    names = network("large").layout.shapes
    return np.concatenate([parts[name].reshape(-1) for name in names])


def repeated(first: np.ndarray) -> np.ndarray:
    """Stretch a first layer (O, 196) to (O, 784): a quarter of each weight, four times.

    On pictures that it saw halved this computes the same: it needs no CPPN.

    >>> float(repeated(np.ones((1, 196))).sum())
    196.0
    """
    square = first.reshape(len(first), 14, 14) / 4
    return square.repeat(2, axis=1).repeat(2, axis=2).reshape(len(first), -1)


def run(settings: Row, seed: int) -> Row:
    """Train once, and say how it went.

    Returns:
        test and train accuracy; d, the trained numbers, and first, how many of them
        stand for the first layer; alive, the share of hidden units that answer any of
        the test images. For the small network also the accuracy on pictures of twice
        the resolution, where nothing is trained again: repeated (each weight four
        times) and, of a CPPN, asked. Where the settings name `bits`, the length in
        bytes of the solution's message at each, and the accuracy of the weights that
        a receiver decodes.
    """
    g = parametrization(settings, seed)
    done, net = train(settings, seed), g.net
    data = dataset(settings["net"], settings["images"])
    first, *others = net.layout.views(done.theta).values()
    before = data.test_x.reshape(len(data.test_x), -1) @ first.T
    before = before + others[0] if others[0].ndim == 1 else before
    rest = net.layout.size - first.size
    row: Row = {
        "test": done.test_accuracy,
        "train": accuracy(net, done.theta, data.train_x, data.train_y),
        "d": g.layout.size,
        "first": g.layout.size - rest,
        "alive": float((before > 0).any(axis=0).mean()),
    }
    if settings["net"] == "small":
        fine, wide = dataset("large", settings["images"]), network("large")
        firsts = {"repeated": repeated(first)}
        if isinstance(g, CPPNWeights) and g.kind != "random":
            firsts["asked"] = g.write(done.phi, (28, 28))
        for name, weights in firsts.items():
            theta = larger(done.theta, weights)
            row[name] = accuracy(wide, theta, fine.test_x, fine.test_y)
    if "bits" in settings:
        sent = [g.message(done.phi, bits=bits) for bits in settings["bits"]]
        row["bytes"] = [len(message) for message in sent]
        row["decoded"] = [
            accuracy(net, decode(message, net)[0], data.test_x, data.test_y)
            for message in sent
        ]
    return row


def case(name: str, base: Row) -> Row:
    """Give the settings of one of `CASES`.

    >>> case("random", QUICK)["first"]
    'random'
    """
    return {**base, **CASES[name][0]}


def grid(size: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if size == "quick":
        return [case(name, QUICK) for name in ("direct", "random", "offsets")]
    base = {"book": BOOK, "full": FULL}[size]
    cells = [case(name, {**base, "bits": BITS}) for name in CASES]
    cells.append({**case("direct", base), "net": "large"})
    if size == "book":
        common = {**COMMON, "bits": BITS}
        names = ("offsets", "random")
        cells += [case(name, common) for name in names]
    return cells


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'small trained sine pairs'
    """
    words = [settings[name] for name in ("net", "first", "activation", "inputs")]
    return " ".join(words) + ("" if settings["centred"] else " not centred")


STUDY = Study(
    name=NAME,
    about="Is a first layer that a CPPN writes better than one left random?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.cppn:run,train,parametrization,dataset,network,halved,"
        "larger,repeated",
        "minitorch.weird.cppn",
        "minitorch.train",
    ),
    tolerance={"test": 0.02, "train": 0.02, "d": 0, "first": 0, "alive": 0.1},
    needs={
        "quick": "half a minute of one core",
        "book": "full MNIST in MINITORCH_DATA; 9 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; about 2 hours of one core",
    },
)


def results(name: str, measure: str = "test", **other: Any) -> np.ndarray:
    """Read one measure of the committed book rows of a case, (S,) or (S, bits)."""
    return STUDY.results(measure, **{**case(name, BOOK), **other})


def interval(values: np.ndarray) -> str:
    """Write accuracies of several seeds as their mean and 95 % interval.

    >>> interval(np.array([0.90, 0.91, 0.92]))
    '91.0 % (88.5 to 93.5)'
    """
    mean, low, high = 100 * np.array(mean_interval(values))
    return f"{mean:.1f} % ({low:.1f} to {high:.1f})"
