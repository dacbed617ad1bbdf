"""The claims of the chapter "Supermasks"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import subset_sums, supermask_figures, supermasks
from minitorch.studies.ledger import Claim, Rows, Source
from minitorch.studies.store import Row
from minitorch.studies.study import Study

_LONG = 8  # passes, of the two lengths the one that is nearer to the paper's
_CRITERIA: Row = {"scale": "book", "part": "criteria", "epochs": _LONG}
_LEARNED: Row = {"scale": "book", "part": "learned", "epochs": supermasks.LONG}
_POPUP: Row = {"scale": "book", "part": "popup", "scope": "layer", "gain": "right"}
_REBUILT: Row = {"scale": "book", "part": "rebuild", "choose": "subset"}
_SHORT = "Ours trains fewer passes, with Adam."
_SEEN = "The share that counts as reproduced was set after the rows were seen."
_MEMORY = "The paper's figure is from memory: not checked against the paper."


def _of(study: Study, wanted: Row, read: Callable[[], np.ndarray]) -> Rows:
    return lambda: (read(), study.stored(**wanted))


def _masked(what: str) -> Rows:
    """Errors in % of untrained weights under a mask of training, at its best keep."""

    def read() -> np.ndarray:
        return 100 * (
            1 - supermask_figures.best("large_final_same_sign", what, _LONG)[1]
        )

    return _of(supermasks.STUDY, _CRITERIA, read)


def _errors(weights: str, rescale: bool) -> Rows:
    """Errors in %, sampled as in the paper."""
    wanted = {**_LEARNED, "weights": weights, "rescale": rescale}

    def read() -> np.ndarray:
        return 100 * (1 - supermask_figures.learned("sample", weights, rescale))

    return _of(supermasks.STUDY, wanted, read)


def _chosen() -> np.ndarray:
    """Of the random numbers offered to a weight, the share that it takes, in %."""
    read = supermask_figures.rebuilt()
    share: np.ndarray = 100 * read["chosen"][:, -1] / read["candidates"][:, -1]
    return share


def _chosen_by_nearest() -> np.ndarray:
    read = supermask_figures.rebuilt("nearest")
    share: np.ndarray = 100 * read["chosen"][:, -1] / read["candidates"][:, -1]
    return share


def _over_trained() -> np.ndarray:
    """Points of a learned mask over trained weights, paired by seed."""
    mask = supermask_figures.learned("sample", "signed-glorot", rescale=True)
    return 100 * (mask - supermask_figures.dense(supermasks.LONGER))


def _best_keep() -> np.ndarray:
    """Of each seed, the keep in % at which edge-popup reads best."""
    keeps, accuracy = supermask_figures.popup()
    best: np.ndarray = 100 * keeps[accuracy.argmax(1)]
    return best


def _signed_gain() -> np.ndarray:
    """Points that signed constants gain over normal numbers, at 30 % kept."""
    found = []
    for weights in ("signed", "kaiming"):
        keeps, accuracy = supermask_figures.popup(weights)
        found.append(100 * accuracy[:, keeps.tolist().index(0.3)])
    return found[0] - found[1]


def _zhou(
    name: str,
    text: str,
    figure: float,
    unit: str,
    where: str,
    source: Source,
    ours: Rows,
    *why: str,
    within: float = 0.2,
    control: tuple[str, Rows] | None = None,
) -> Claim:
    return Claim(
        id=f"supermasks/{name}",
        chapter="05_supermasks",
        paper="zhou2019deconstructing",
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source=source,
        study="supermasks",
        ours=ours,
        within=within,
        why=(_SHORT, *why),
        control=control,
    )


def _not_run(
    name: str, paper: str, text: str, figure: float, where: str, needs: str
) -> Claim:
    return Claim(
        id=f"supermasks/{name}",
        chapter="05_supermasks",
        paper=paper,
        text=text,
        figure=figure,
        unit="% right",
        where=where,
        source="code" if "code" in where else "second hand",
        study="",
        ours=None,
        scale="full",
        needs=needs,
    )


_OTHER = "the same mask on another start", _masked("other")
_KEEP = (
    "The best of six keeps, chosen on the test digits by its mean; the paper's is the "
    "best of 25."
)

CLAIMS: list[Claim] = [
    _zhou(
        "untrained",
        "A mask of large weights of the same sign on the untrained network: errors",
        100 - 79.3,
        "% of the digits",
        "table 1",
        "second hand",
        _masked(""),
        _KEEP,
        _MEMORY,
        "The longer the training, the worse its mask fits the start: ours of 8 passes, "
        "the paper's of more.",
        control=_OTHER,
    ),
    _zhou(
        "untrained-signs",
        "The same on signed constants: errors",
        100 - 86,
        "% of the digits",
        "abstract",
        "paper",
        _masked("constant"),
        _KEEP,
        control=_OTHER,
    ),
    _zhou(
        "learned",
        "A learned mask of the untrained network: errors",
        100 - 95.3,
        "% of the digits",
        "table 1",
        "second hand",
        _errors("glorot", rescale=False),
        "The rate was tuned for signed constants with rescaling.",
        _SEEN,
        within=0.2,
    ),
    _zhou(
        "learned-best",
        "A learned mask of signed constants, rescaled: errors",
        100 - 98.0,
        "% of the digits",
        "table 1",
        "second hand",
        _errors("signed-glorot", rescale=True),
        "The authors' example trains 440,000 steps with SGD at a rate of 100, ours "
        "9,380 with Adam at 0.1.",
        _MEMORY,
        _SEEN,
        within=0.2,
    ),
    _zhou(
        "over-trained",
        "A learned mask of signed constants, rescaled, reads more than trained weights",
        0.3,
        "points",
        "table 1",
        "second hand",
        _of(
            supermasks.STUDY,
            {**_LEARNED, "weights": "signed-glorot", "rescale": True},
            _over_trained,
        ),
        "The mask is learned for 20 passes, the weights are trained for 10.",
        _MEMORY,
    ),
    Claim(
        id="supermasks/best-keep",
        chapter="05_supermasks",
        paper="ramanujan2020hidden",
        text="Edge-popup reads best where it keeps (in the paper 30 to 70 %)",
        figure=50,
        unit="% of the weights",
        where="figures on CIFAR-10",
        source="second hand",
        study="supermasks",
        ours=_of(supermasks.STUDY, {**_POPUP, "weights": "signed"}, _best_keep),
        within=0.4,
        why=(
            "The paper's networks are convolutional and read CIFAR-10, ours has three "
            "matrices and reads digits. Ours is the best of nine keeps on the test "
            "digits.",
        ),
    ),
    Claim(
        id="supermasks/signed-gain",
        chapter="05_supermasks",
        paper="ramanujan2020hidden",
        text="At 30 % kept, signed constants instead of normal numbers gain",
        figure=68.6 - 61.7,
        unit="points",
        where="the authors' code, README",
        source="code",
        study="supermasks",
        ours=_of(supermasks.STUDY, _POPUP, _signed_gain),
        within=0.5,
        why=(
            "The paper's figure is of ResNet-50 on ImageNet, where 38 % are missed; on "
            "digits there is less to gain.",
        ),
    ),
    Claim(
        id="supermasks/rebuilt-share",
        chapter="05_supermasks",
        paper="pensia2020optimal",
        text="A network found in a random one takes of the numbers offered to a weight",
        figure=100 * 3_725_871 / 8_337_000,
        unit="%",
        where="the authors' code, README",
        source="code",
        study="subset_sums",
        ours=_of(subset_sums.STUDY, _REBUILT, _chosen),
        within=0.1,
        why=(
            "The paper gives each weight 21 random numbers and stops at an error of "
            "0.01, ours 20 for either sign of its input and takes the best subset.",
            "The paper's network is 784-500-10, ours 784-16-10.",
            "Most subsets hold about half of the numbers, so any good choice comes "
            "near this share: it says little.",
            _SEEN,
        ),
        control=(
            "the one nearest number",
            _of(
                subset_sums.STUDY,
                {**_REBUILT, "choose": "nearest"},
                _chosen_by_nearest,
            ),
        ),
    ),
    _not_run(
        "conv2",
        "zhou2019deconstructing",
        "A learned mask of Conv2 on CIFAR-10, signed constants, rescaled, reads",
        66.0,
        "table 1",
        "all of CIFAR-10 and a GPU for some 2 hours (an estimate)",
    ),
    _not_run(
        "conv4",
        "zhou2019deconstructing",
        "A learned mask of Conv4 on CIFAR-10, signed constants, rescaled, reads",
        72.5,
        "table 1",
        "all of CIFAR-10 and a GPU for some 3 hours (an estimate)",
    ),
    _not_run(
        "conv6",
        "zhou2019deconstructing",
        "A learned mask of Conv6 on CIFAR-10, signed constants, rescaled, reads",
        76.5,
        "table 1",
        "all of CIFAR-10 and a GPU for some 5 hours (an estimate)",
    ),
    _not_run(
        "wide-resnet",
        "ramanujan2020hidden",
        "30 % of an untrained Wide ResNet-50 read ImageNet as a trained ResNet-34 does",
        73.3,
        "the authors' code, README",
        "ImageNet and several GPUs for days (an estimate)",
    ),
]
