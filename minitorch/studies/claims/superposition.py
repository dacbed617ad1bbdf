"""The claims of the chapter "Superposition"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minitorch.studies import superposition as study
from minitorch.studies.ledger import Claim, Rows
from minitorch.studies.store import Row
from minitorch.studies.superposition import (
    FIVE_TASKS,
    HOPFIELD,
    LONG_STREAM,
    MANY,
    PUBLISHED_MANY,
    REMEMBER,
    RETENTION,
    STREAM,
)

PAPER = "wortsman2020superposition"
_SHORT = (
    "Ours trains each mask on {} batches of 64 at a rate of 0.0003; the paper on 1,000 "
    "of 128 at 0.0001."
)


def _rows(cell: Row, read: Callable[[], np.ndarray]) -> Rows:
    return lambda: (read(), study.STUDY.stored(**cell))


def _of(measure: str, cell: Row) -> np.ndarray:
    return study.STUDY.results(measure, **cell)


def _half_way(ones: float) -> Rows:
    """At how many patterns half of them no longer stay, by Hebb's rule."""
    cell = {**HOPFIELD, "ones": ones}
    k = np.array(HOPFIELD["k"], float)

    def crossing(fixed: np.ndarray) -> float:
        below = np.flatnonzero(fixed < 0.5)
        if not below.size or not below[0]:
            return float("nan")
        i = below[0] - 1
        share = (fixed[i] - 0.5) / (fixed[i] - fixed[i + 1])
        return float(k[i] + share * (k[i + 1] - k[i]))

    return _rows(
        cell, lambda: np.array([crossing(each) for each in _of("hebb fixed", cell)])
    )


# One seed trains as long as the paper; five seeds train shorter.
_LONG = bool(study.STUDY.stored(**PUBLISHED_MANY))
_CELL = PUBLISHED_MANY if _LONG else MANY
_TENS = {**FIVE_TASKS, "outputs": 10}
_EPS = STREAM["eps"].index(0.125)


def _errors(cell: Row) -> np.ndarray:
    """Wrong digits or tasks of single images among 250 tasks, in %."""
    return 100 * (1 - _of("one-shot GNu", cell)[:, cell["k"].index(250)])


def _short_runs() -> str:
    values = _errors(MANY)
    return (
        f"Five seeds of {MANY['steps']} batches of {MANY['batch']} a mask at a rate of "
        f"{MANY['lr']:g}, at book scale: {values.mean():.1f} % "
        f"({values.min():.1f} to {values.max():.1f})."
    )


def _soon(measure: str) -> np.ndarray:
    """The share of five masks that are there, to stay, by fewer than 30 steps."""
    return (_of(measure, REMEMBER) < 30).mean(1)


_FAR = {**MANY, "scale": "full", "tasks": 2_500, "k": [10, 100, 500, 1_000, 2_500]}


def _told_apart(search: str = "one-shot") -> np.ndarray:
    """Up to how many tasks a search finds that of nine in ten single images."""
    k = np.array(_FAR["k"], float)
    found = _of(search, _FAR) >= 0.9
    return np.where(found.any(1), (k * found).max(1), np.nan)


def _not_run(
    name: str,
    text: str,
    figure: float,
    unit: str,
    where: str,
    needs: str,
    run: str = "",
) -> Claim:
    return Claim(
        id=f"superposition/{name}",
        chapter="06_superposition",
        paper=PAPER,
        text=text,
        figure=figure,
        unit=unit,
        where=where,
        source="paper",
        study=run,
        ours=None,
        scale="full",
        needs=needs,
    )


CLAIMS: list[Claim] = [
    Claim(
        id="superposition/many",
        chapter="06_superposition",
        paper=PAPER,
        text="250 permutations on one network, the task found by one gradient of one "
        "image, each task with labels of its own: errors",
        figure=100 - 94.91,
        unit="% of the digits",
        where="PermutedMNIST, scenario GNu",
        source="paper",
        study="superposition",
        ours=_rows(_CELL, lambda: _errors(_CELL)),
        scale=_CELL["scale"],
        why=(
            _short_runs() if _LONG else _SHORT.format(MANY["steps"]),
            f"Ours asks {MANY['asked']} images a seed.",
            "Most of these errors are the masks' own: they are there too where the "
            "task is told. The nearest mean picture of a task finds the task too.",
        ),
        control=(
            "one network trained in sequence, after 10 permutations",
            _rows(RETENTION, lambda: 100 * (1 - _of("sequence", RETENTION)[:, -1])),
        ),
    ),
    Claim(
        id="superposition/one-image",
        chapter="06_superposition",
        paper=PAPER,
        text="One gradient of one image finds its task among 5 permutations",
        figure=100.0,
        unit="% of the images",
        where="the authors' notebook, 250 of 250",
        source="code",
        study="superposition",
        ours=_rows(FIVE_TASKS, lambda: 100 * _of("one-shot entropy 1", FIVE_TASKS)),
        within=0.02,
        partly=0.2,
        why=(
            f"Ours trains each mask on {FIVE_TASKS['steps']} batches of 64 at a rate "
            "of 0.0003, the authors on one pass over all digits at 0.0001.",
            "The authors' network is 784-300-300-100, ours 784-300-100-100.",
        ),
        control=(
            "10 outputs in place of 100, all else the same",
            _rows(_TENS, lambda: 100 * _of("one-shot entropy 1", _TENS)),
        ),
    ),
    Claim(
        id="superposition/told",
        chapter="06_superposition",
        paper=PAPER,
        text="A mask for each of 5 permutations, the task told: errors",
        figure=100 - 92.37,
        unit="% of the digits",
        where="the authors' notebook",
        source="code",
        study="superposition",
        ours=_rows(
            RETENTION,
            lambda: 100 * (1 - _of("masks", RETENTION)[:, :5].mean(1)),
        ),
        why=(
            f"Ours trains each mask on {RETENTION['steps']} batches of 64, the "
            "authors on one pass over all digits.",
            "The authors' network is 784-300-300-100, ours 784-300-100-100.",
        ),
        control=(
            "one network trained in sequence, after 5 permutations",
            _rows(RETENTION, lambda: 100 * (1 - _of("sequence", RETENTION)[:, 4])),
        ),
    ),
    Claim(
        id="superposition/bytes",
        chapter="06_superposition",
        paper=PAPER,
        text="Bytes of a network a task over those of a mask a task",
        figure=10_222.81 / 195.18,
        unit="times",
        where="SplitImageNet, 100 tasks",
        source="paper",
        study="superposition",
        ours=_rows(
            RETENTION,
            lambda: _of("alone bytes", RETENTION) / _of("bytes", RETENTION),
        ),
        why=(
            "The paper's masks are of a ResNet-50 and keep fewer of its weights; ours "
            "keep about half, which no code sends in less than a bit each.",
        ),
    ),
    Claim(
        id="superposition/hebb-capacity",
        chapter="06_superposition",
        paper="hopfield1982neural",
        text="Patterns in 200 units of which half still stay, by Hebb's rule",
        figure=30.0,
        unit="patterns",
        where="0.15 for each unit",
        source="second hand",
        study="superposition",
        ours=_half_way(0.5),
        why=("Between the counts that were run ours is read off a straight line.",),
        control=("the same with 30 % ones", _half_way(0.3)),
    ),
    _not_run(
        "ewc",
        "10 permutations by Online EWC, which protects weights of one network, read",
        33.88,
        "% right",
        "PermutedMNIST, scenario GNu",
        "Online EWC, which this course does not teach; minutes of one core",
    ),
    _not_run(
        "si",
        "10 permutations by Synaptic Intelligence, another such method, read",
        29.31,
        "% right",
        "PermutedMNIST, scenario GNu",
        "Synaptic Intelligence, which this course does not teach; minutes of one core",
    ),
    Claim(
        id="superposition/tasks",
        chapter="06_superposition",
        paper=PAPER,
        text="One network of fixed weights holds permutations, told apart",
        figure=2_500,
        unit="tasks",
        where="PermutedMNIST",
        source="paper",
        study="superposition",
        ours=_rows(_FAR, _told_apart),
        scale="full",
        why=(
            "Ours is the largest number of tasks, of those that were asked, among "
            "which one gradient names that of nine in ten single images.",
            _SHORT.format(MANY["steps"]),
        ),
        control=(
            "the nearest mean picture of a task",
            _rows(_FAR, lambda: _told_apart("pictures")),
        ),
    ),
    Claim(
        id="superposition/new-mask",
        chapter="06_superposition",
        paper=PAPER,
        text="In a stream without names the rule of eps 1/8 makes masks, for each task",
        figure=1.0,
        unit="masks",
        where="scenario NNs",
        source="paper",
        study="superposition",
        ours=_rows(
            STREAM,
            lambda: _of("masks", STREAM)[:, _EPS] / len(set(STREAM["stream"])),
        ),
        why=(
            f"Ours learns {len(set(STREAM['stream']))} tasks in chunks of "
            f"{STREAM['steps']} batches of 64, at three times the paper's rate; in "
            f"chunks of {LONG_STREAM['steps']} of {LONG_STREAM['batch']} at its rate "
            f"the rule makes {_of('masks', LONG_STREAM).mean():.1f} masks.",
            "The paper's figure is what its rule means to do.",
        ),
        control=(
            "the same at an eps of 0.8",
            _rows(
                STREAM,
                lambda: (
                    _of("masks", STREAM)[:, STREAM["eps"].index(0.8)]
                    / len(set(STREAM["stream"]))
                ),
            ),
        ),
    ),
    _not_run(
        "imagenet",
        "100 tasks of ImageNet on one network, told which, read",
        89.58,
        "% right",
        "SplitImageNet",
        "ImageNet and a GPU for days (an estimate)",
    ),
    Claim(
        id="superposition/hopfield-steps",
        chapter="06_superposition",
        paper=PAPER,
        text="Masks in a Hopfield network that images alone give back in fewer than 30 "
        "gradient steps",
        figure=100.0,
        unit="% of the masks",
        where="HopSupSup",
        source="paper",
        study="superposition",
        ours=_rows(REMEMBER, lambda: 100 * _soon("storkey steps recalled")),
        why=(
            "Ours counts a mask as given back from the step on from which `recall` "
            "would lead to it; by the search's own mask, without a recall, "
            f"{100 * _soon('storkey steps').mean():.0f} % are there by then.",
            f"Ours plans {REMEMBER['search steps']} steps, in which the energy counts "
            "for more and more; 512 units a layer for the paper's 2,048, another rate "
            "and weight of the energy.",
        ),
        control=(
            "Hebb's rule in place of Storkey's",
            _rows(REMEMBER, lambda: 100 * _soon("hebb steps recalled")),
        ),
    ),
]
