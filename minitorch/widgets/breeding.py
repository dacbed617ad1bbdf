"""Breed pictures: pick the one you like, and it has the next generation."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from minitorch.weird.neat import BENDS, INPUTS, OUTPUT, Genome, litter, minimal, paint
from minitorch.widgets.view import Widget, png_uri

SIZES = (6, 12, 24, 48, 96, 192)  # pixels on a side that the slider offers


class PictureBreeder(Widget):
    """Small CPPNs as pictures, and their children, for a reader to pick from.

    The page holds the children of every picture down to a depth, so that a reader
    picks freely there without a kernel; with one, generations go on.

    Args:
        children: pictures in a generation.
        depth: how many generations the page holds.
        seed: of all of them.
        parent: the genome that it starts from; a minimal one when not given.
        title, note: the finding, and what is shown.

    Raises:
        ValueError: when there are no children, or more than the page may hold.

    >>> breeder = PictureBreeder(children=3, depth=2)
    >>> len(breeder.state["genomes"]), breeder.state["children"][0]
    (13, [1, 2, 3])
    """

    def __init__(
        self,
        children: int = 6,
        depth: int = 3,
        *,
        seed: int = 3,
        parent: Genome | None = None,
        title: str = "Breed a picture: pick one, and it has children",
        note: str = "",
    ) -> None:
        count = sum(children**k for k in range(depth + 1))
        if children < 2 or depth < 1 or count > 400:
            raise ValueError(
                f"{children} children and {depth} generations are {count} pictures; "
                "wanted at least 2 and 1, and at most 400 pictures"
            )
        self.seed, self.count = seed, children
        self.genomes = [parent or minimal(seed)]
        state: dict[str, Any] = {
            "title": title,
            "note": note
            or "CPPNs grown by mutation alone: weights move, and now and "
            "then a node or a link is added",
            "genomes": [shown(self.genomes[0])],
            "children": [[]],
            "parents": [-1],
            "chosen": 0,
            "size": 3,
            "sizes": list(SIZES),
            "mirror": False,
        }
        self.state = state
        first = 0
        for _ in range(depth):
            last = len(self.genomes)
            for place in range(first, last):
                self._breed(place)
            first = last
        super().__init__("breeding", state, _still(state, self.genomes))
        self.answer = self._answer

    def _breed(self, place: int) -> None:
        """Give the genome at a place its children."""
        new = litter(self.genomes[place], self.count, self.seed * 100_000 + place)
        first = len(self.genomes)
        self.genomes += new
        self.state["genomes"] = [*self.state["genomes"], *map(shown, new)]
        places = list(range(first, first + len(new)))
        families = [*self.state["children"], *([] for _ in new)]
        families[place] = places
        self.state["children"] = families
        self.state["parents"] = [*self.state["parents"], *(place for _ in new)]

    def _answer(self, message: Any) -> dict[str, Any]:
        """Breed on from the picture that the reader picked."""
        place = int(message["breed"])
        if not 0 <= place < len(self.genomes):
            raise ValueError(f"there is no picture {place}")
        if not self.state["children"][place]:
            self._breed(place)
        names = ("genomes", "parents", "children")
        return {name: self.state[name] for name in names} | {"chosen": place}


def shown(genome: Genome) -> list[list[Any]]:
    """Write a genome as the page runs it: in order of depth, without what is off.

    Returns:
        the bend of each node after the inputs, as a number in the order of `BENDS`;
        and for each of them its links, as (place of the source, weight) one after
        another. The last node is the output.

    >>> shown(minimal(0))
    [[0], [[0, -1.065, 1, 3.05, 2, 2.46, 3, -0.401]]]
    """
    after = sorted((n for n in genome.nodes if n.depth > 0), key=lambda n: n.depth)
    places = {i: i for i in range(OUTPUT)}
    places |= {node.id: OUTPUT + k for k, node in enumerate(after)}
    into: list[list[Any]] = [[] for _ in after]
    for link in genome.links:
        if link.on:
            into[places[link.target] - OUTPUT] += [places[link.source], link.weight]
    bends = list(BENDS)
    return [[bends.index(node.bend) for node in after], into]


def _still(state: dict[str, Any], genomes: list[Genome]) -> str:
    """Show the first generation and the children of its first picture."""
    rows = []
    families = [state["children"][0], state["children"][state["children"][0][0]]]
    for family in filter(None, families):
        pictures = [paint(genomes[i], 64) for i in family]
        full = [(ink - ink.min()) / max(float(np.ptp(ink)), 1e-9) for ink in pictures]
        rows.append(np.hstack([np.pad(each, 2, constant_values=1) for each in full]))
    grey = np.round(255 * np.vstack(rows)).astype(np.uint8)
    count = len(state["children"][0])
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])}. Above {count} children of a CPPN without hidden "
        "nodes; below, if there are any, those of the first of them. "
        "(Switch scripts on to pick.)"
        f'</figcaption><img src="{png_uri(grey)}" alt="Generations of {count} '
        'pictures painted by CPPNs" style="width:100%"></figure>'
    )


assert INPUTS == ("x", "y", "distance", "one")  # as breeding.js gives them
