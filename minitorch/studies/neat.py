"""How close evolution brings a CPPN's picture to a digit, with and without new nodes.

The rows hold the best genome of some generations too, so that the chapter can paint
them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minitorch.data import load
from minitorch.random import stream
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.weird.neat import Genome, evolve, likeness, minimal, mutate, paint

NAME = "neat"

QUICK: Row = {
    "scale": "quick",
    "digit": 3,
    "kind": "growing",
    "population": 50,
    "generations": 40,
}
BOOK: Row = {**QUICK, "scale": "book", "generations": 160}
FULL: Row = {**BOOK, "scale": "full", "population": 150, "generations": 1000}

KINDS = {
    "growing": "nodes and links grow",
    "weights": "weights only",
    "random": "chance alone",
}


@lru_cache(maxsize=10)
def wanted(digit: int) -> np.ndarray:
    """Give the picture to be painted, (28, 28): the mean of a digit's images.

    >>> wanted(3).shape
    (28, 28)
    """
    data = load("mnist")
    mean: np.ndarray = data.train_x[data.train_y == digit].mean(axis=0)[0]
    return mean


def shown(generations: int) -> list[int]:
    """List the generations whose best is stored: 0, then doubling, and the last.

    >>> shown(40)
    [0, 1, 2, 5, 10, 20, 40]
    """
    steps = [0, *(generations // 2**k for k in range(20))]
    return sorted(set(steps))


def chance(settings: Row, seed: int) -> list[tuple[float, Genome]]:
    """Paint as many pictures as evolution does, each from parents of its own.

    Every genome is a minimal one, mutated up to 40 times without selection.
    """
    target, random = wanted(settings["digit"]), stream(seed, "neat/chance")
    found: list[tuple[float, Genome]] = []
    for generation in range(settings["generations"] + 1):
        for i in range(settings["population"]):
            number = generation * settings["population"] + i
            genome = minimal(seed * 1_000_000 + number)
            for _ in range(random.randint(41)):
                genome = mutate(genome, random)
            score = likeness(paint(genome, 28), target)
            if i == 0:
                found.append(found[-1] if found else (score, genome))
            if score > found[-1][0]:
                found[-1] = (score, genome)
    return found


def run(settings: Row, seed: int) -> Row:
    """Evolve once, and say how like the digit the best picture is.

    Returns:
        likeness, nodes, links and genomes of the best at the `generations` that are
        listed beside them, and test, the last likeness.
    """
    if settings["kind"] == "random":
        best = chance(settings, seed)
    else:
        target = wanted(settings["digit"])
        best = evolve(
            lambda genome: likeness(paint(genome, 28), target),
            settings["generations"],
            population=settings["population"],
            growth=1.0 if settings["kind"] == "growing" else 0.0,
            seed=seed,
        )
    kept = shown(settings["generations"])
    genomes = [best[k][1] for k in kept]
    return {
        "test": round(best[-1][0], 5),
        "generations": kept,
        "likeness": [round(best[k][0], 5) for k in kept],
        "nodes": [len(each.nodes) for each in genomes],
        "links": [sum(link.on for link in each.links) for each in genomes],
        "genomes": [each.plain() for each in genomes],
    }


def grid(size: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if size == "quick":
        return [{**QUICK, "kind": kind} for kind in ("growing", "weights")]
    base = {"book": BOOK, "full": FULL}[size]
    cells = [{**base, "kind": kind} for kind in KINDS]
    # Chance alone is the dearest, for its genomes are the largest: one digit will do.
    return cells + [{**base, "digit": 0, "kind": k} for k in ("growing", "weights")]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'digit 3 growing'
    """
    return f"digit {settings['digit']} {settings['kind']}"


STUDY = Study(
    name=NAME,
    about="How close does evolution bring a CPPN's picture to a digit?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.neat:run,chance,wanted,shown",
        "minitorch.weird.neat",
    ),
    tolerance={"test": 0.02},
    needs={
        "quick": "10 seconds of one core",
        "book": "3 minutes of one core",
        "full": "3 hours of one core",
    },
)
