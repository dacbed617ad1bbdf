"""The common row: every method on one network and one split, in bits and accuracy.

Each chapter names its own cases; the controls are added here, the same for all:
ordinary training with its weights rounded and coded, the same after pruning, and
logistic regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, table
from minitorch.stats import mean_interval
from minitorch.studies import pruned, subspaces
from minitorch.studies.store import Row
from minitorch.studies.study import Study

NOTE = (
    "book scale: stored runs, 784-300-100-10 without biases, embedded digits "
    "8,000/2,000, 5 seeds, 95 % intervals"
)


class Case(NamedTuple):
    """One thing that can be sent: the key of its style, a name, and its rows.

    Each row holds `bytes`, the lengths of some messages, and `decoded`, the accuracy
    of what a receiver makes of each: two lists of one shape.
    """

    key: str
    name: str
    study: Study
    wanted: Row


class Coded(NamedTuple):
    """What the rows of a case say."""

    key: str
    name: str
    bits: np.ndarray  # (messages,), mean over seeds
    decoded: np.ndarray  # (S, messages)
    seconds: float

    @property
    def best(self) -> int:
        """The shortest message that is within one point of the best."""
        accuracy = self.decoded.mean(0)
        close = np.flatnonzero(accuracy >= accuracy.max() - 0.01)
        return int(close[self.bits[close].argmin()])

    @property
    def front(self) -> np.ndarray:
        """The messages than which no shorter one is as good, shortest first."""
        order = np.lexsort((-self.decoded.mean(0), self.bits))
        accuracy = self.decoded.mean(0)[order]
        before = np.maximum.accumulate(np.append(-1.0, accuracy[:-1]))
        return order[accuracy > before]


_SENT: Row = {"scale": "book", "images": 8_000, "bits": subspaces.BITS}
CONTROLS = [
    Case("direct", "all weights", subspaces.STUDY, {**_SENT, "net": "common", "d": 0}),
    Case(
        "lottery",
        "pruned weights",
        pruned.STUDY,
        {"scale": "book", "part": "common"},
    ),
    Case(
        "control",
        "logistic regression",
        subspaces.STUDY,
        {**_SENT, "net": "linear", "d": 0},
    ),
]


def subspace(d: int, key: str = "subspace") -> Case:
    """Give the case of a random subspace: d = 200 or 750.

    >>> subspace(750).name
    'subspace, d = 750'
    """
    wanted = {**_SENT, "net": "common", "d": d}
    return Case(key, f"subspace, d = {d}", subspaces.STUDY, wanted)


def read(cases: Sequence[Case]) -> dict[str, Coded]:
    """Read the rows of some cases and of the controls, by name.

    Raises:
        ValueError: when a case has no rows.

    >>> list(read([subspace(750)]))
    ['subspace, d = 750', 'all weights', 'pruned weights', 'logistic regression']
    """
    found = {}
    for key, name, study, wanted in [*cases, *CONTROLS]:
        rows = study.stored(**wanted)
        if not rows:
            raise ValueError(f"{study.name} has no committed rows of {wanted}")
        lengths, decoded = (
            np.array([np.ravel(row["result"][measure]) for row in rows])
            for measure in ("bytes", "decoded")
        )
        seconds = float(np.mean([row["provenance"]["seconds"] for row in rows]))
        found[name] = Coded(key, name, 8 * lengths.mean(0), decoded, seconds)
    return found


def rows(cases: Sequence[Case]) -> Table:
    """Tabulate bits, decoded accuracy and seconds of some cases and the controls.

    For each the shortest message whose decoded accuracy is within one point of its
    best.

    >>> rows([subspace(750)]).columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    lines = []
    for each in read(cases).values():
        mean, low, high = mean_interval(each.decoded[:, each.best])
        spread = f"{mean:.3f} ({low:.3f} to {high:.3f})"
        lines.append([each.name, round(each.bits[each.best]), spread, each.seconds])
    return table(
        ["what is sent", "bits", "decoded accuracy", "seconds"],
        lines,
        caption=f"The common row; {NOTE}, CPU seconds",
    )


def rates(found: dict[str, Coded], title: str) -> Picture:
    """Draw decoded accuracy against bits, for what `read` found.

    Of each method the messages than which no shorter one is as good.

    >>> rates(read([subspace(750)]), "A title").title
    'A title'
    """
    return curves(
        [
            Series(each.key, each.bits[at], each.decoded[:, at], each.name)
            for each in found.values()
            for at in [each.front]
        ],
        title=title,
        xlabel="bits of the message",
        ylabel="decoded accuracy",
        note=NOTE,
    )
