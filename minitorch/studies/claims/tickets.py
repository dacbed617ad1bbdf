"""The claims of the chapter "Lottery tickets"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import pruned, tickets, tickets_figures
from minitorch.studies.ledger import Claim, Rows, Source
from minitorch.studies.store import Row

_LADDER = tickets_figures.LONGER
_HAN: Row = tickets_figures.HAN
_V2 = "an early arXiv version of the paper"
_SHORT = (
    "The paper trains for 50,000 steps at one rate and prunes a fifth a round, ours "
    "{} steps at a rate that falls to 0, and two of its rounds at once."
)


def _gains(wanted: Row) -> tuple[np.ndarray, np.ndarray]:
    """Keeps (n,) of the tickets, and the points (S, n) that each is above the whole."""
    keeps, accuracy = tickets_figures.arm("ticket", **wanted)
    return keeps[1:], 100 * (accuracy[:, 1:] - accuracy[:, :1])


def _best_gain(wanted: Row = _LADDER) -> np.ndarray:
    _, gains = _gains(wanted)
    return gains[:, gains.mean(0).argmax()]


def _best_keep() -> np.ndarray:
    keeps, gains = _gains(_LADDER)
    return 100 * keeps[gains.argmax(1)]


def _leaves(name: str) -> Callable[[], np.ndarray]:
    return lambda: tickets_figures.leaves(name, **_LADDER)


def _faster() -> np.ndarray:
    """By what share fewer steps the fastest ticket reads the watched digits, in %."""
    _, steps = tickets_figures.reached("ticket", **_LADDER)
    there = np.isfinite(steps).all(0)
    best = np.where(there, steps.mean(0), np.inf).argmin()
    return 100 * (1 - steps[:, best] / steps[:, 0])


def _ticket(
    name: str,
    text: str,
    figure: float,
    unit: str,
    read: Callable[[], np.ndarray],
    *why: str,
    wanted: Row = _LADDER,
) -> Claim:
    length = "10,500" if wanted is _LADDER else "1,500"
    return Claim(
        id=f"tickets/{name}",
        chapter="04_lottery_tickets",
        paper="frankle2019lottery",
        text=text,
        figure=figure,
        unit=unit,
        where=_V2,
        source="paper",
        study="tickets",
        ours=lambda: (read(), tickets.STUDY.stored(**wanted)),
        why=(_SHORT.format(length), *why),
    )


def _errors(key: str) -> Rows:
    def read() -> tuple[np.ndarray, list[Row]]:
        return 100 * pruned.STUDY.results(key, **_HAN), pruned.STUDY.stored(**_HAN)

    return read


def _ratio(key: str) -> Rows:
    def read() -> tuple[np.ndarray, list[Row]]:
        after, rows = _errors(key)()
        return after / _errors("whole")()[0], rows

    return read


def _fewer() -> tuple[np.ndarray, list[Row]]:
    counts = pruned.STUDY.results("kept", **_HAN).sum(1)
    return 266_200 / counts, pruned.STUDY.stored(**_HAN)


def _han(
    name: str,
    text: str,
    figure: float,
    unit: str,
    ours: Rows,
    within: float,
    partly: float,
    *why: str,
) -> Claim:
    return Claim(
        id=f"tickets/{name}",
        chapter="04_lottery_tickets",
        paper="han2015learning",
        text=text,
        figure=figure,
        unit=unit,
        where="table 1",
        source="paper",
        study="pruned",
        ours=ours,
        within=within,
        partly=partly,
        why=why,
    )


def _not_run(
    name: str,
    text: str,
    figure: float,
    unit: str,
    paper: str = "frankle2019lottery",
    where: str = _V2,
    source: Source = "paper",
    why: tuple[str, ...] = (),
) -> Claim:
    return Claim(
        id=f"tickets/{name}",
        chapter="04_lottery_tickets",
        paper=paper,
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source=source,
        why=why,
        study="",
        ours=None,
        scale="full",
        needs="all of CIFAR-10 and a GPU for some 10 hours (an estimate)",
    )


_LEVEL = (
    "As many: no more than a quarter of a point fewer, seed by seed, which was set "
    "after the rows were seen; the paper compares the means."
)
_SEEN = "The share that counts as reproduced was set after a trial run was seen."
_MEMORY = (
    "The ICLR version's figure, {}, is from memory: not checked against the paper."
)

CLAIMS: list[Claim] = [
    _han(
        "han-fewer",
        "8, 9 and 26 % of LeNet-300-100 are fewer weights, by a factor of",
        12,
        "times",
        _fewer,
        0.05,
        0.5,
        "Counted, not measured: 8, 9 and 26 % of the three layers.",
    ),
    _han(
        "han-whole",
        "LeNet-300-100, all weights: errors",
        1.64,
        "% of the digits",
        _errors("whole"),
        0.2,
        1.0,
        "The paper does not say how long it trains; ours trains 10 passes with Adam.",
        _SEEN,
    ),
    _han(
        "han-errors",
        "Errors with 8, 9 and 26 % kept and trained on, over those of all weights",
        1.59 / 1.64,
        "times",
        _ratio("two rounds"),
        0.1,
        1.0,
        "Ours prunes in two rounds of 10 passes, each from the full rate; at a tenth, "
        "as the paper has it, Adam mends less (see the chapter's table).",
        _SEEN,
    ),
    _ticket(
        "gain",
        "The best ticket reads more digits than all weights do, by",
        0.4,
        "points",
        _best_gain,
        "The best of eight keeps, chosen by its mean: that alone lifts it a little.",
        _MEMORY.format("0.3 points"),
    ),
    _ticket(
        "gain-short",
        "The same, where training is short",
        0.4,
        "points",
        lambda: _best_gain(tickets_figures.SCOPE),
        "The best of eleven keeps, chosen by its mean: that alone lifts it a little.",
        "All weights are less well trained then, which leaves room to gain.",
        _MEMORY.format("0.3 points"),
        wanted=tickets_figures.SCOPE,
    ),
    _ticket(
        "gain-keep",
        "Of the weights, the best ticket keeps",
        17,
        "%",
        _best_keep,
        "The curve is flat there: which keep is best is mostly chance.",
        _MEMORY.format("13.5 %"),
    ),
    _ticket(
        "ticket-leaves",
        "A ticket reads as many digits as all weights do down to",
        3.5,
        "% kept",
        _leaves("ticket"),
        _LEVEL,
        _MEMORY.format("3.6 %"),
    ),
    _ticket(
        "fresh-leaves",
        "A fresh start in the ticket's mask does so down to",
        26.3,
        "% kept",
        _leaves("fresh"),
        _LEVEL,
        "A fresh start was run at 64, 41, 17 and 2.9 % kept; between two of these the "
        "curve is taken as straight.",
        _MEMORY.format("21.1 %"),
    ),
    _ticket(
        "faster",
        "The fastest ticket takes fewer steps than all weights do (in the paper, "
        "to the least validation loss; in ours, to 94 % of the watched digits), by",
        27,
        "%",
        _faster,
        "Ours looks at an early part of the way, the paper at its end.",
        _MEMORY.format("38 %"),
    ),
    _not_run(
        "conv2-faster", "Conv2 on CIFAR-10 learns faster at 5.7 % kept", 3.91, "x"
    ),
    _not_run("conv6-gain", "Conv6 on CIFAR-10 gains at 15.1 % kept", 3.5, "points"),
    _not_run(
        "rewound-resnet",
        "ResNet-20 on CIFAR-10: tickets of 16.8 % match the whole, rewound to those of",
        2_000,
        "steps",
        "frankle2020linear",
        "section 3",
        "second hand",
        (
            "The paper's figure is from memory: not checked against the paper.",
            "What our small cases say of it is in the chapter's table.",
        ),
    ),
]
