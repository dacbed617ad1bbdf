"""The claims of the chapter "Indirect encoding"."""

from __future__ import annotations

import numpy as np

from minitorch.studies import cppn, hyper_lstm, hypernets
from minitorch.studies.ledger import Claim, Rows
from minitorch.studies.store import Row

_CLOSE = (
    "Both networks lie close to the line of 0.5 %, on whichever side: the ratio of "
    "errors tells more."
)
_ONE_PASS = (
    "The paper trains on 55,000 digits, shifted at random, until a validation error "
    "stops falling; ours sees all 60,000 once, as they are."
)


def _generated(measure: str, kind: str = "hypernet") -> Rows:
    def read() -> tuple[np.ndarray, list[Row]]:
        wanted: Row = {"scale": "book", "net": "conv7", "kind": kind, "n": 4}
        wanted |= {"init": "hyperfan-in"}
        return hypernets.STUDY.results(measure, **wanted), hypernets.STUDY.stored(
            **wanted
        )

    return read


def _trained_directly() -> tuple[np.ndarray, list[Row]]:
    wanted: Row = {"scale": "book", "net": "conv7", "kind": "direct"}
    return hypernets.STUDY.results(**wanted), hypernets.STUDY.stored(**wanted)


def _error_ratio(kind: str) -> Rows:
    def read() -> tuple[np.ndarray, list[Row]]:
        written, rows = _generated("test", kind)()
        straight, more = _trained_directly()
        return (1 - written) / (1 - straight), rows + more

    return read


def _coordinates() -> tuple[np.ndarray, list[Row]]:
    written, straight = (
        cppn.STUDY.stored(**cppn.case(name, cppn.BOOK)) for name in ("sine", "direct")
    )
    errors = [
        np.array([1 - row["result"]["test"] for row in rows])
        for rows in (written, straight)
    ]
    return errors[0] / errors[1], written + straight


def _hypernet(
    name: str,
    text: str,
    figure: float,
    unit: str,
    ours: Rows,
    within: float,
    partly: float,
    why: str = _ONE_PASS,
    where: str = "section 4.1, MNIST",
    control: tuple[str, Rows] | None = None,
) -> Claim:
    return Claim(
        id=f"hypernets/{name}",
        chapter="02_hypernetworks",
        paper="ha2017hypernetworks",
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source="paper",
        study="hypernets",
        ours=ours,
        within=within,
        partly=partly,
        why=(why,),
        control=control,
    )


_FROZEN = "the same generator drawn at random and never trained"


_SMALL_READERS = (
    "The paper trains 1,000 units to the end on five million characters; ours has 64, "
    "trains for 300 steps and reads one book.",
    "The same network with its scales at rest, a control that the chapter shows, needs "
    "fewer bits still.",
    "The share that counts as reproduced was set after these rows were seen.",
)

CLAIMS: list[Claim] = [
    _hypernet(
        "numbers",
        "12,544 kernel weights of a second layer are written by",
        4_244,
        "numbers",
        _generated("written"),
        within=1e-6,
        partly=0.1,
        why="Counted, not measured: 4 in the embedding, 3,136 + 784 and 256 + 64 in "
        "the generator.",
    ),
    _hypernet(
        "accuracy",
        "A network whose second layer is written reads digits",
        0.9924,
        "of the held-out ones",
        _generated("test"),
        within=0.005,
        partly=0.1,
        why=f"{_ONE_PASS} {_CLOSE}",
        control=(_FROZEN, _generated("test", "frozen")),
    ),
    _hypernet(
        "direct",
        "The same network, trained directly, reads digits",
        0.9928,
        "of the held-out ones",
        _trained_directly,
        within=0.005,
        partly=0.1,
        why=f"{_ONE_PASS} {_CLOSE}",
    ),
    _hypernet(
        "errors",
        "Errors with a written second layer, over those of direct training",
        0.76 / 0.72,
        "times",
        _error_ratio("hypernet"),
        within=0.2,
        partly=1.0,
        where="section 4.1, MNIST: 0.76 % over 0.72 %, one run each",
        why=f"{_ONE_PASS} The share was set with earlier rows, of 12,000 digits, by "
        "which the control would have got the same verdict.",
        control=(_FROZEN, _error_ratio("frozen")),
    ),
    *(
        Claim(
            id=f"hypernets/cifar-{name}",
            chapter="02_hypernetworks",
            paper="ha2017hypernetworks",
            text=f"CIFAR-10, wide residual network {name} with all kernels written",
            figure=figure,
            unit="% of errors",
            where="section 4.2, CIFAR-10",
            source="paper",
            study="",
            ours=None,
            scale="full",
            needs="all of CIFAR-10 and a GPU for 5 to 16 hours (an estimate)",
        )
        for name, figure in (("40-1", 8.02), ("40-2", 7.23))
    ),
    Claim(
        id="hypernets/lstm",
        chapter="02_hypernetworks",
        paper="ha2017hypernetworks",
        text="A hyper-LSTM needs fewer bits a character than an LSTM: the ratio",
        figure=0.964,
        unit="of the bits",
        where="1.265 and 1.312 bits on Penn Treebank",
        source="paper",
        study="hyper_lstm",
        ours=lambda: hyper_lstm.relative("hyper", "lstm"),
        within=0.02,
        partly=0.05,
        why=_SMALL_READERS,
    ),
    Claim(
        id="hypernets/lstm-norm",
        chapter="02_hypernetworks",
        paper="ha2017hypernetworks",
        text="A hyper-LSTM beside an LSTM with layer norm: the ratio",
        figure=0.998,
        unit="of the bits",
        where="1.265 and 1.267 bits on Penn Treebank",
        source="paper",
        study="hyper_lstm",
        ours=lambda: hyper_lstm.relative("hyper", "lstm-norm"),
        within=0.02,
        partly=0.05,
        why=_SMALL_READERS,
    ),
    Claim(
        id="hypernets/coordinates",
        chapter="02_hypernetworks",
        paper="ha2017hypernetworks",
        text="Errors with a first layer that a network writes from coordinates, over "
        "those of direct training",
        figure=6.5 / 1.5,
        unit="times",
        where="the appendix on static hypernetworks of coordinates, MNIST: 6.5 % over "
        "1.5 %, one run each",
        source="paper",
        study="cppn",
        ours=_coordinates,
        within=0.2,
        partly=1.0,
        why=(
            "The paper writes 200,704 weights from 801 numbers with ReLUs, ours 12,544 "
            "from 641 with sines, for digits of 14 x 14 pixels, in three passes. With "
            "ReLUs one of our five runs died, as the chapter shows, and the others "
            "erred three times as often as direct training.",
            "The shares were those of every claim; the rows had been seen.",
        ),
    ),
]
