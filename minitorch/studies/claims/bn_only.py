"""The claims of the chapter "Only BatchNorm"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import bn_only as study
from minitorch.studies.bn_only import DECAYS, GAMMAS, RESIDUAL
from minitorch.studies.ledger import Claim, Rows
from minitorch.studies.store import Row

PAPER = "frankle2021batchnorm"
_CHAPTER = "08_batchnorm_only"
_FIGURE = "read off a figure of the first version, as others show it"
_OURS = (
    "The paper trains on all of CIFAR-10 for 160 passes, ours on "
    f"{RESIDUAL['images']:,} images of Fashion-MNIST of 14 x 14 pixels for "
    f"{RESIDUAL['epochs']}, a network of half as many channels."
)
_DENSE = (
    "The paper's are residual networks on CIFAR-10, ours is 196-256-256-256-10 on "
    f"{GAMMAS['images']:,} digits of 14 x 14 pixels."
)
_SHRINK = (
    "The decay is 0.002, 20 times the paper's, over so many fewer steps that decay "
    "alone would shrink a number about as far: to exp(-3.7) of it, there to exp(-3.3)."
)

_DECAYED: Row = {**GAMMAS, "decay": DECAYS[-1]}
_SAME: Row = {**GAMMAS, "decay": 1e-3}
_ALONE: Row = {**RESIDUAL, "arms": ["norms"]}
_DEEP: Row = {**_ALONE, "depth": 20}
_WIDE: Row = {**_ALONE, "width": 16}


def _of(cell: Row, measure: str) -> np.ndarray:
    return study.STUDY.results(measure, **cell)


def _read(numbers: Callable[[], np.ndarray], *cells: Row) -> Rows:
    """What reads a number for each seed, and the rows of the cells that it is from."""
    return lambda: (
        numbers(),
        [row for cell in cells for row in study.STUDY.stored(**cell)],
    )


def _smalls(cell: Row) -> Rows:
    return _read(lambda: 100 * _of(cell, "small").mean(1), cell)


def _without(measure: str) -> Rows:
    """Errors without the features of |gamma| < 0.01, over those with all."""
    at = _DECAYED["thresholds"].index(0.01)

    def numbers() -> np.ndarray:
        without, whole = _of(_DECAYED, measure)[:, at], _of(_DECAYED, "test")
        ratio: np.ndarray = (1 - without) / (1 - whole)
        return ratio

    return _read(numbers, _DECAYED)


def _points(measure: str, cell: Row, over: str, base: Row) -> Rows:
    """By how many points one arm is above another, seed by seed."""

    def numbers() -> np.ndarray:
        gained: np.ndarray = 100 * (_of(cell, measure) - _of(base, over))
        return gained

    return _read(numbers, *([cell] if cell is base else [cell, base]))


def _share(arm: str) -> Rows:
    """What an arm reads, over what all weights read."""

    def numbers() -> np.ndarray:
        share: np.ndarray = _of(RESIDUAL, arm) / _of(RESIDUAL, "all")
        return share

    return _read(numbers, RESIDUAL)


def _claim(
    name: str,
    text: str,
    figure: float,
    unit: str,
    where: str,
    ours: Rows,
    why: tuple[str, ...],
    *,
    source: str = "second hand",
    control: tuple[str, Rows] | None = None,
    within: float = 0.2,
    partly: float = 1.0,
) -> Claim:
    return Claim(
        id=f"bn_only/{name}",
        chapter=_CHAPTER,
        paper=PAPER,
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source="paper" if source == "paper" else "second hand",
        study="bn_only",
        ours=ours,
        why=why,
        control=control,
        within=within,
        partly=partly,
    )


def _not_run(
    name: str,
    text: str,
    figure: float,
    needs: str,
    *,
    unit: str = "% right",
    where: str = _FIGURE,
    study: str = "bn_only",
) -> Claim:
    return Claim(
        id=f"bn_only/{name}",
        chapter=_CHAPTER,
        paper=PAPER,
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source="paper" if where.startswith("abstract") else "second hand",
        study=study,
        ours=None,
        scale="full",
        needs=needs,
    )


_GPU = "CIFAR-10, and a GPU for {} (an estimate)"

CLAIMS: list[Claim] = [
    _claim(
        "share-of-all",
        "Norms alone read so much of what all weights read",
        48 / 90,
        "of the accuracy",
        f"ResNet-14, {_FIGURE}",
        _share("norms"),
        (
            _OURS,
            "What reads less lies nearer here: the share does not say what to train. "
            "How far the norms lie above as many weights elsewhere the paper shows in "
            "a figure that was not at hand; its abstract says far.",
        ),
        control=("two random weights of each feature", _share("random")),
    ),
    _claim(
        "with-output",
        "What training the last layer too adds to the norms alone",
        63 - 48,
        "points",
        f"ResNet-14, {_FIGURE}",
        _points("norms+output", RESIDUAL, "norms", RESIDUAL),
        (_OURS, "The paper trains the shortcuts as well, ours does not."),
        control=(
            "the last layer in place of the norms",
            _points("output", RESIDUAL, "norms", RESIDUAL),
        ),
    ),
    _claim(
        "deeper",
        "What a network more than twice as deep adds, norms alone",
        58 - 48,
        "points",
        f"ResNet-32 over ResNet-14, {_FIGURE}",
        _points("norms", _DEEP, "norms", RESIDUAL),
        (_OURS, "Ours is ResNet-20 over ResNet-8: 2.3 times the norms, the paper 2.2."),
    ),
    _claim(
        "wider",
        "What a network twice as wide adds, norms alone",
        53 - 48,
        "points",
        f"ResNet-14, {_FIGURE}",
        _points("norms", _WIDE, "norms", RESIDUAL),
        (_OURS, "Ours is ResNet-8."),
    ),
    _claim(
        "deep-not-wide",
        "What a deep network has over a wide one of about as many norms",
        76 - 68,
        "points",
        f"ResNet-218 with 16,352 and ResNet-14 with 17,920 norms, {_FIGURE}",
        _points("norms", _DEEP, "norms", _WIDE),
        (
            _OURS,
            "Ours is ResNet-20 with 784 and ResNet-8 with 672 norms: here the deep one "
            "has more norms, in the paper the wide one. ResNet-14, with 560, stands in "
            "the chapter's first figure.",
        ),
    ),
    _claim(
        "third",
        "Gammas below 0.01 in size, norms alone trained",
        100 / 3,
        "% of the gammas",
        "abstract: about a third",
        _smalls(_DECAYED),
        (_DENSE, _SHRINK),
        source="paper",
        control=("without decay", _smalls(GAMMAS)),
    ),
    _claim(
        "all-trained",
        "Gammas below 0.01 in size, all weights trained",
        9.0,
        "% of the gammas",
        "first version, as others quote it",
        _smalls({**GAMMAS, "pieces": "all", "decay": 1e-3}),
        (_DENSE, "The decay is 0.001, ten times the paper's, in fewer steps."),
        control=("norms alone at this decay", _smalls(_SAME)),
    ),
    _claim(
        "disabled",
        "Errors without features of gamma below 0.01, over those with them",
        1.0,
        "times",
        "abstract, in words: they are disabled",
        _without("removed"),
        (
            _DENSE,
            _SHRINK,
            "Ours are taken out, and what they still send, relu(beta), goes into the "
            "next layer's statistics and the last bias.",
        ),
        source="paper",
        control=("as many others of the same layers taken out", _without("random")),
        within=0.05,
        partly=0.2,
    ),
    _claim(
        "from-one",
        "What gammas that start from 1 add to those from 0 to 1",
        72 - 69.5,
        "points",
        f"ResNet-110, {_FIGURE}",
        _points("test", {**_DECAYED, "gamma": "ones"}, "test", _DECAYED),
        (_DENSE, _SHRINK),
    ),
    *[
        _not_run(
            f"resnet{depth}",
            f"The norms of ResNet-{depth} on CIFAR-10 read",
            figure,
            _GPU.format(how_long),
        )
        for depth, figure, how_long in (
            (14, 48, "20 minutes"),
            (32, 58, "40 minutes"),
            (56, 63, "an hour"),
            (110, 69.5, "2 hours"),
        )
    ],
    *[
        _not_run(
            f"wide{times}",
            f"The norms of ResNet-14, {times} times as wide, on CIFAR-10 read",
            figure,
            _GPU.format("an hour or more"),
        )
        for times, figure in ((2, 53), (4, 60), (8, 64))
    ],
    _not_run(
        "resnet866",
        "The norms of ResNet-866 on CIFAR-10 read",
        82,
        "CIFAR-10, the settings of the scale `full` with a depth of 866, and a GPU for "
        "a day (an estimate)",
        where="abstract",
        study="",
    ),
    _not_run(
        "imagenet",
        "The norms of a deep residual network on ImageNet read",
        32,
        "ImageNet, and several GPUs for days (an estimate)",
        unit="% right among five guesses",
        where="abstract",
        study="",
    ),
    _not_run(
        "what-they-add",
        "Gamma and beta beside all weights, on ImageNet, add",
        2,
        "ImageNet, and several GPUs for days (an estimate)",
        unit="points",
        where="introduction, as others show it",
        study="",
    ),
]
