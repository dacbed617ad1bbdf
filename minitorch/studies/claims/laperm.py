"""The claims of the chapter "Train by reconnecting"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import laperm as study
from minitorch.studies.laperm import AUTHORS_F1, AUTHORS_F2, CONTROLS, CONV, SPARSE
from minitorch.studies.ledger import Claim, Rows
from minitorch.studies.store import Row

PAPER = "qiu2020reconnect"
_CHAPTER = "07_laperm"
_README = "the authors' README"
_BEST = (
    "Both are the highest of all accuracies just after a synchronisation, which looks "
    "at the test images."
)
_WAY = (
    "Ours is trained as theirs is: the rate loses 5 % an epoch, each zero is drawn by "
    "itself, epsilon is Keras's{}. The chapter's table also has it with half a cosine "
    "and as many zeros in each neuron."
)
# Zeros as the authors have them.
_SPARSE: Row = {**SPARSE, "scaled": True}


def _of(cell: Row, read: Callable[[Callable[[str], np.ndarray]], np.ndarray]) -> Rows:
    """Read a number for each seed, given what reads a measure of one cell."""
    return lambda: (
        read(lambda measure: study.STUDY.results(measure, **cell)),
        study.STUDY.stored(**cell),
    )


def _errors(measure: str, cell: Row) -> Rows:
    return _of(cell, lambda of: 100 * (1 - of(measure)))


def _times(measure: str, cell: Row = CONTROLS, lr: float | None = None) -> Rows:
    """Errors over those of ordinary training at its best rate, by these rows.

    lr: of what is measured, where it has a list of rates.
    """

    def read(of: Callable[[str], np.ndarray]) -> np.ndarray:
        values, dense = of(measure), of("dense")
        best = int(dense.mean(0).argmax())
        if lr is not None:
            values = values[:, cell["dense lr"].index(lr)]
        found: np.ndarray = (1 - values) / (1 - dense[:, best])
        return found

    return _of(cell, read)


def _sparse(keep: float, cell: Row = _SPARSE) -> Rows:
    """Errors where a fraction of the values is not 0, over those where all are."""
    at = cell["keep"].index(keep), cell["keep"].index(1.0)

    def read(of: Callable[[str], np.ndarray]) -> np.ndarray:
        wrong = 1 - of("test")
        found: np.ndarray = wrong[:, at[0]] / wrong[:, at[1]]
        return found

    return _of(cell, read)


def _not_run(
    name: str,
    text: str,
    figure: float,
    needs: str,
    why: str = "",
    study: str = "laperm",
) -> Claim:
    return Claim(
        id=f"laperm/{name}",
        chapter=_CHAPTER,
        paper=PAPER,
        text=text,
        figure=figure,
        unit="% right",
        where=_README,
        source="code",
        study=study,
        ours=None,
        scale="full",
        needs=needs,
        why=(why,) if why else (),
    )


_CIFAR = "CIFAR-10, and a GPU for hours (an estimate)"
_BETWEEN = (
    "The authors' code for it tests every 250 steps, synchronises every 1,000 and "
    "keeps the best: it may have kept weights between two synchronisations, which are "
    "no arrangement."
)
_THEIRS = (
    "The authors' network is a ResNet of 50 layers on CIFAR-10, ours is 784-128-64-10 "
    f"on {SPARSE['images']:,} digits.",
    "As theirs, ours keeps at least 80 % of the first layer's weights. Their batch "
    "norm restores the size of signals that zeros make small; ours has none, so each "
    "layer's values are drawn larger, by 1 / sqrt(keep). The chapter's table has it "
    "without either.",
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
        ours=_errors("best", AUTHORS_F1),
        why=(
            _BEST,
            _WAY.format(""),
            "The authors' file has 59.8 % of the weights at 0.08, their notebook and "
            "ours draw with a chance of four sevenths.",
        ),
        control=("the same before training", _errors("random", AUTHORS_F1)),
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
        ours=_errors("best", AUTHORS_F2),
        why=(
            _BEST,
            _WAY.format(", and the first two layers have an L2 penalty of 0.0001"),
            "Ours differ by many points from seed to seed; the authors give one "
            "network, and how it was chosen is not known.",
            "There are arrangements of these values that read far more: the chapter "
            "finds some straight through, at a larger v.",
        ),
        control=("the same before training", _errors("random", AUTHORS_F2)),
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
            f"The rate of ordinary training is the best of "
            f"{len(CONTROLS['dense lr'])}, by these rows; that of rearranging was set "
            "on another seed. The interval crosses the limit of 20 %.",
        ),
        control=(
            "ordinary training, arranged once at the end",
            _times("once", lr=CONTROLS["lr"]),
        ),
    ),
    Claim(
        id="laperm/filters",
        chapter=_CHAPTER,
        paper=PAPER,
        text="The same of a convolutional network, whose filters are rearranged, each "
        "by itself",
        figure=1.0,
        unit="times",
        where="abstract, in words",
        source="paper",
        study="laperm",
        ours=_times("test", CONV),
        why=(
            f"Ours is LeNet on {CONV['images']:,} digits, after {CONV['epochs']} "
            "epochs; biases are trained as numbers, as most of the authors' are.",
            f"The rate of ordinary training is the best of {len(CONV['dense lr'])}, by "
            "these rows. The interval crosses the limit of 20 %.",
        ),
        control=(
            "ordinary training, arranged once at the end",
            _times("once", CONV, lr=CONV["lr"]),
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
        "full MNIST, and a GPU for an hour (an estimate); images are not shifted and "
        "turned, as the authors' are",
        "The authors' README says k = 1,200, their notebook 20.",
    ),
    _not_run("conv2", "Conv2 on CIFAR-10, rearranged, reads", 78.21, _CIFAR, _BETWEEN),
    _not_run("conv4", "Conv4 on CIFAR-10, rearranged, reads", 89.17, _CIFAR, _BETWEEN),
    _not_run(
        "conv13",
        "Conv13 on CIFAR-10, rearranged, reads",
        92.21,
        f"{_CIFAR}, and that network",
        _BETWEEN,
        study="",
    ),
    _not_run(
        "resnet",
        "A ResNet of 50 layers on CIFAR-10, rearranged, reads",
        92.53,
        "CIFAR-10, and a GPU for a day (an estimate)",
    ),
]
