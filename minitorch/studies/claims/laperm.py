"""The claims of the chapter "Train by reconnecting"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import laperm as study
from minitorch.studies.laperm import CONTROLS, PAPER_F1, PAPER_F2, VALUES
from minitorch.studies.ledger import Claim, Rows
from minitorch.studies.store import Row

PAPER = "qiu2020reconnect"
_CHAPTER = "07_laperm"
_README = "the authors' README"
_RATE = (
    "Ours lets the rate fall to zero along half a cosine, the authors by 5 % an epoch."
)
_BEST = (
    "Both are the highest of all accuracies just after a synchronisation, which looks "
    "at the test images."
)


def _of(cell: Row, read: Callable[[Callable[[str], np.ndarray]], np.ndarray]) -> Rows:
    """Read a number for each seed, given what reads a measure of one cell."""
    return lambda: (
        read(lambda measure: study.STUDY.results(measure, **cell)),
        study.STUDY.stored(**cell),
    )


def _errors(measure: str, cell: Row) -> Rows:
    return _of(cell, lambda of: 100 * (1 - of(measure)))


def _times(measure: str, at: int | None = None) -> Rows:
    """Errors over those of ordinary training, at its better rate."""

    def read(of: Callable[[str], np.ndarray]) -> np.ndarray:
        values, dense = of(measure), of("dense")
        best = int(dense.mean(0).argmax())
        found: np.ndarray = (1 - (values if at is None else values[:, at])) / (
            1 - dense[:, best]
        )
        return found

    return _of(CONTROLS, read)


def _sparse(keep: float, cell: Row = VALUES) -> Rows:
    """Errors where a fraction of the values is not 0, over those where all are."""
    at = cell["keep"].index(keep), cell["keep"].index(1.0)

    def read(of: Callable[[str], np.ndarray]) -> np.ndarray:
        wrong = 1 - of("test")
        found: np.ndarray = wrong[:, at[0]] / wrong[:, at[1]]
        return found

    return _of(cell, read)


def _not_run(name: str, text: str, figure: float, where: str, needs: str) -> Claim:
    return Claim(
        id=f"laperm/{name}",
        chapter=_CHAPTER,
        paper=PAPER,
        text=text,
        figure=figure,
        unit="% right",
        where=where,
        source="code",
        study="",
        ours=None,
        scale="full",
        needs=needs,
    )


_CIFAR = "CIFAR-10, and a GPU for hours (an estimate)"
_THEIRS = (
    "The authors' network is a ResNet of 50 layers on CIFAR-10, ours is 784-128-64-10 "
    f"on {VALUES['images']:,} digits.",
    "The authors keep at least 80 % of the first layer's weights.",
)

CLAIMS: list[Claim] = [
    Claim(
        id="laperm/one-layer",
        chapter=_CHAPTER,
        paper=PAPER,
        text="One layer, 784-10, of 0 and 0.08 in learned places, F1: errors",
        figure=100 - 85.46,
        unit="% of the digits",
        where=_README,
        source="code",
        study="laperm",
        ours=_errors("best", PAPER_F1),
        why=(
            _BEST,
            _RATE,
            "The authors' file has 59.8 % of the weights at 0.08, their notebook draws "
            "four sevenths, and ours has exactly those in each neuron.",
        ),
        control=("the same before training", _errors("random", PAPER_F1)),
    ),
    Claim(
        id="laperm/three-layers",
        chapter=_CHAPTER,
        paper=PAPER,
        text="Three layers, 784-128-64-10, of 0 and 0.03, over 92 % of them 0, F2: "
        "errors",
        figure=100 - 78.14,
        unit="% of the digits",
        where=_README,
        source="code",
        study="laperm",
        ours=_errors("best", PAPER_F2),
        why=(
            _BEST,
            _RATE,
            "The authors add an L2 penalty of 0.0001 on the first two layers.",
            "Ours differ by many points from seed to seed; the authors give one "
            "network.",
        ),
        control=("the same before training", _errors("random", PAPER_F2)),
    ),
    Claim(
        id="laperm/as-good-as-dense",
        chapter=_CHAPTER,
        paper=PAPER,
        text="Rearranging is about as good as training the weights: errors over those "
        "of ordinary training",
        figure=1.0,
        unit="times",
        where="abstract, in words",
        source="paper",
        study="laperm",
        ours=_times("test"),
        why=(
            "The paper says so of convolutional networks; ours is 784-128-64-10 on "
            "MNIST, after 3 epochs.",
            "The rate of ordinary training is the better of two, by these rows; that "
            "of rearranging was set on another seed.",
        ),
        control=(
            "ordinary training, arranged once at the end",
            _times("once", CONTROLS["dense lr"].index(3e-3)),
        ),
    ),
    Claim(
        id="laperm/half-zero",
        chapter=_CHAPTER,
        paper=PAPER,
        text="Half of the values at 0: errors over those with none at 0",
        figure=(100 - 92.02) / (100 - 92.53),
        unit="times",
        where=f"ResNet50, {_README}",
        source="code",
        study="laperm",
        ours=_sparse(0.5),
        why=_THEIRS,
        control=(
            "straight through, no synchronisation",
            _sparse(0.5, {**VALUES, "k": None, "keep": [1.0, 0.5, 0.1]}),
        ),
    ),
    Claim(
        id="laperm/most-zero",
        chapter=_CHAPTER,
        paper=PAPER,
        text="70 % of the values at 0: errors over those with none at 0",
        figure=(100 - 90.97) / (100 - 92.53),
        unit="times",
        where=f"ResNet50, {_README}",
        source="code",
        study="laperm",
        ours=_sparse(0.3),
        why=_THEIRS,
    ),
    _not_run(
        "conv7",
        "A network of 7 convolutions on MNIST, its weights rearranged, reads",
        99.72,
        _README,
        "full MNIST with random shifts and turns, and a GPU for minutes (an estimate)",
    ),
    _not_run("conv2", "Conv2 on CIFAR-10, rearranged, reads", 78.21, _README, _CIFAR),
    _not_run("conv4", "Conv4 on CIFAR-10, rearranged, reads", 89.17, _README, _CIFAR),
    _not_run("conv13", "Conv13 on CIFAR-10, rearranged, reads", 92.21, _README, _CIFAR),
    _not_run(
        "resnet",
        "A ResNet of 50 layers on CIFAR-10, rearranged, reads",
        92.53,
        _README,
        _CIFAR,
    ),
]
