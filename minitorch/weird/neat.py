"""A small NEAT: evolve the graph of a CPPN, and its weights, without any gradient.

A genome is a list of nodes and a list of links. A child is a copy with some weights
moved, and now and then a node put into a link or a link between two nodes. It starts
with no hidden node at all: pictures grow more complex as generations pass.

Source: Stanley, Miikkulainen (2002), Evolving neural networks through augmenting
topologies. Left out: species, which shelter new structure until its weights are
tuned; and links that lead back.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minitorch.random import stream
from minitorch.weird.cppn import grid, mirrored

Random = np.random.RandomState

BENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sine": np.sin,
    "bump": lambda x: np.exp(-(x**2)),
    "tanh": np.tanh,
    "abs": np.abs,
    "same": lambda x: x,
}
INPUTS = ("x", "y", "distance", "one")
OUTPUT = len(INPUTS)  # the output's id


@dataclass(frozen=True)
class Node:
    """A unit: its id, what it does to its sum, and its depth from 0 to 1.

    Links lead from smaller to larger depth, so that there is no circle.
    """

    id: int
    bend: str
    depth: float


@dataclass(frozen=True)
class Link:
    """A connection between two nodes, given by their ids."""

    source: int
    target: int
    weight: float
    on: bool = True


@dataclass(frozen=True)
class Genome:
    """A CPPN as a graph.

    >>> minimal(seed=0)
    Genome of 5 nodes, 4 links
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def __repr__(self) -> str:
        on = sum(link.on for link in self.links)
        return f"Genome of {len(self.nodes)} nodes, {on} links"

    def plain(self) -> list[Any]:
        """Write it as lists, for JSON.

        >>> from_plain(minimal(0).plain()) == minimal(0)
        True
        """
        nodes = [[n.id, n.bend, n.depth] for n in self.nodes]
        links = [[c.source, c.target, c.weight, int(c.on)] for c in self.links]
        return [nodes, links]


def from_plain(lists: list[Any]) -> Genome:
    """Read a genome that `Genome.plain` wrote.

    >>> from_plain([[[4, "tanh", 1.0]], []])
    Genome of 1 nodes, 0 links
    """
    nodes = tuple(Node(int(i), str(b), float(d)) for i, b, d in lists[0])
    links = tuple(Link(int(s), int(t), float(w), bool(on)) for s, t, w, on in lists[1])
    return Genome(nodes, links)


def minimal(seed: int) -> Genome:
    """Give the start: every input linked to the output, nothing between.

    The output takes a sine, not the paper's sigmoid, which is black or white nearly
    everywhere: pictures get waves and rings.

    >>> [link.source for link in minimal(0).links]
    [0, 1, 2, 3]
    """
    random = stream(seed, "neat/minimal")
    nodes = [Node(i, "same", 0.0) for i in range(OUTPUT)] + [Node(OUTPUT, "sine", 1.0)]
    weights = 1.5 * random.standard_normal(OUTPUT)
    links = [Link(i, OUTPUT, _round(w)) for i, w in enumerate(weights)]
    return Genome(tuple(nodes), tuple(links))


# ----------------------------------------------------------------------------
# From a genome to a picture
# ----------------------------------------------------------------------------


def express(genome: Genome, inputs: np.ndarray) -> np.ndarray:
    """Run the graph: each node bends the weighted sum of the nodes before it.

    Args:
        genome: the graph.
        inputs: (N, 4): x, y, distance, and ones.

    Returns:
        (N,), from -1 to 1.

    >>> express(minimal(0), np.zeros((3, 4)))
    array([0., 0., 0.])
    """
    values: dict[int, np.ndarray] = dict(enumerate(inputs.T))
    for node in sorted(genome.nodes, key=lambda each: each.depth):
        if node.id in values:
            continue
        total = np.zeros(len(inputs))
        for link in genome.links:
            if link.on and link.target == node.id:
                total = total + link.weight * values[link.source]
        values[node.id] = BENDS[node.bend](total)
    return values[OUTPUT]


def paint(genome: Genome, size: int, *, mirror: bool = False) -> np.ndarray:
    """Ask a genome for a picture of any size.

    Args:
        genome: the graph.
        size: pixels on a side.
        mirror: whether it gets |x| in place of x.

    Returns:
        (size, size), from -1 to 1.

    >>> paint(minimal(0), 8).shape
    (8, 8)
    """
    places = mirrored(grid(size, size)) if mirror else grid(size, size)
    distance = np.hypot(*places.T)
    inputs = np.column_stack([places, distance, np.ones(len(places))])
    return express(genome, inputs).reshape(size, size)


# ----------------------------------------------------------------------------
# From a genome to a child
# ----------------------------------------------------------------------------


def move_weights(genome: Genome, random: Random, size: float = 0.5) -> Genome:
    """Move most weights a little, and draw one in ten anew.

    >>> child = move_weights(minimal(0), stream(0, "example"))
    >>> len(child.links) == 4 and child != minimal(0)
    True
    """
    links = []
    for link in genome.links:
        chance, step = random.random_sample(), random.standard_normal()
        weight = link.weight + size * step if chance < 0.8 else link.weight
        weight = 1.5 * step if chance > 0.9 else weight
        links.append(replace(link, weight=_round(weight)))
    return replace(genome, links=tuple(links))


def add_node(genome: Genome, random: Random) -> Genome:
    """Put a node into a link: the link is switched off, and two lead by way of it.

    The way in has weight 1 and the way out the old weight, so that little changes at
    first. The node's id follows from the link that it splits: two genomes that split
    the same link get the same id, which is how `crossover` knows what matches. (The
    paper numbers such events one after another in a register for all genomes.)

    Source: Stanley, Miikkulainen (2002), sections 3.1 and 3.2.

    >>> child = add_node(minimal(0), stream(0, "example"))
    >>> child, sum(not link.on for link in child.links)
    (Genome of 6 nodes, 5 links, 1)
    """
    on = [i for i, link in enumerate(genome.links) if link.on]
    if not on:
        return genome
    place = on[random.randint(len(on))]
    old = genome.links[place]
    depths = {node.id: node.depth for node in genome.nodes}
    depth = (depths[old.source] + depths[old.target]) / 2
    if not depths[old.source] < depth < depths[old.target]:
        return genome  # so deep that floats run out
    text = f"{old.source}>{old.target}"
    while (new := OUTPUT + 1 + zlib.crc32(text.encode()) % 10**6) in depths:
        text += "'"
    bend = list(BENDS)[random.randint(len(BENDS))]
    links = list(genome.links)
    links[place] = replace(old, on=False)
    links += [Link(old.source, new, 1.0), Link(new, old.target, old.weight)]
    return Genome((*genome.nodes, Node(new, bend, depth)), tuple(links))


def add_link(genome: Genome, random: Random) -> Genome:
    """Link two nodes that have no link yet, from smaller to larger depth.

    Nothing changes where all are linked, as in the minimal genome.

    >>> random = stream(0, "example")
    >>> child = add_link(add_node(minimal(0), random), random)
    >>> child, add_link(minimal(0), random) == minimal(0)
    (Genome of 6 nodes, 6 links, True)
    """
    taken = {(link.source, link.target) for link in genome.links}
    free = [
        (a.id, b.id)
        for a in genome.nodes
        for b in genome.nodes
        if a.depth < b.depth and (a.id, b.id) not in taken
    ]
    if not free:
        return genome
    source, target = free[random.randint(len(free))]
    link = Link(source, target, _round(1.5 * random.standard_normal()))
    return replace(genome, links=(*genome.links, link))


def other_bend(genome: Genome, random: Random) -> Genome:
    """Give one hidden node another function.

    >>> child = add_node(minimal(0), stream(0, "example"))
    >>> other_bend(child, stream(1, "example")).nodes[-1].id == child.nodes[-1].id
    True
    """
    hidden = [i for i, node in enumerate(genome.nodes) if 0 < node.depth < 1]
    if not hidden:
        return genome
    place = hidden[random.randint(len(hidden))]
    nodes = list(genome.nodes)
    bend = list(BENDS)[random.randint(len(BENDS))]
    nodes[place] = replace(nodes[place], bend=bend)
    return replace(genome, nodes=tuple(nodes))


def mutate(
    genome: Genome, random: Random, *, size: float = 0.5, growth: float = 1.0
) -> Genome:
    """Make a child: weights always move, structure sometimes.

    Args:
        genome: the parent.
        random: whose draws decide.
        size: how far weights move.
        growth: times the chances of a new node (0.2), a new link (0.3) and another
            function (0.2); 0 for weights only.

    >>> len(mutate(minimal(0), stream(0, "example"), growth=0).nodes)
    5
    """
    child = move_weights(genome, random, size)
    for chance, change in ((0.2, add_node), (0.3, add_link), (0.2, other_bend)):
        if random.random_sample() < growth * chance:
            child = change(child, random)
    return child


def crossover(better: Genome, other: Genome, random: Random) -> Genome:
    """Take the better parent's graph, and half of the matching weights of the other's.

    Links match that join the same two ids.

    Source: Stanley, Miikkulainen (2002), figure 4.

    >>> child = crossover(minimal(0), minimal(1), stream(0, "example"))
    >>> pool = {link.weight for g in (minimal(0), minimal(1)) for link in g.links}
    >>> {link.weight for link in child.links} <= pool
    True
    """
    theirs = {(link.source, link.target): link.weight for link in other.links}
    links = []
    for link in better.links:
        weight = theirs.get((link.source, link.target), link.weight)
        take = random.random_sample() < 0.5
        links.append(replace(link, weight=weight if take else link.weight))
    return replace(better, links=tuple(links))


# ----------------------------------------------------------------------------
# Generations
# ----------------------------------------------------------------------------


def litter(parent: Genome, count: int, seed: int) -> list[Genome]:
    """Breed children of one parent, for a reader to pick from.

    Each is four mutations away, so that it looks different and still related.

    >>> [len(child.links) >= 4 for child in litter(minimal(0), count=3, seed=1)]
    [True, True, True]
    """
    random = stream(seed, "neat/litter")
    children = []
    for _ in range(count):
        child = parent
        for _ in range(4):
            child = mutate(child, random, growth=3.0)
        children.append(child)
    return children


def evolve(
    score: Callable[[Genome], float],
    generations: int,
    *,
    population: int = 50,
    growth: float = 1.0,
    seed: int = 0,
) -> list[tuple[float, Genome]]:
    """Evolve genomes towards a score: the best fifth have the next generation.

    Three of four children have one parent, the others two; the best genome so far is
    always kept.

    Args:
        score: larger is better.
        generations: how many, after the first.
        population: genomes in each.
        growth: see `mutate`.
        seed: of all draws.

    Returns:
        The best score and genome of each generation, generations + 1 pairs.

    >>> best = evolve(lambda genome: -len(genome.links), 2, population=5)
    >>> [value for value, _ in best]
    [-4, -4, -4]
    """
    random = stream(seed, "neat/evolve")
    genomes = [minimal(seed * 10_000 + i) for i in range(population)]
    best: list[tuple[float, Genome]] = []
    for generation in range(generations + 1):
        scores = np.array([score(genome) for genome in genomes])
        order = np.argsort(-scores, kind="stable")
        best.append((scores[order[0]].item(), genomes[order[0]]))
        if generation == generations:
            break
        parents = [genomes[i] for i in order[: max(2, population // 5)]]
        children = [parents[0]]
        while len(children) < population:
            # In order of their scores, so that the first of two is the better.
            first, second = np.sort(random.randint(len(parents), size=2))
            child = parents[first]
            if random.random_sample() < 0.25:
                child = crossover(child, parents[second], random)
            children.append(mutate(child, random, growth=growth))
        genomes = children
    return best


def likeness(picture: np.ndarray, wanted: np.ndarray) -> float:
    """Compare two pictures by the correlation of their pixels, -1 to 1.

    A picture of one shade is like nothing: 0.

    >>> likeness(np.array([[0.0, 1.0]]), np.array([[3.0, 5.0]]))
    1.0
    """
    a, b = picture - picture.mean(), wanted - wanted.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 1e-12 else 0.0


def _round(weight: float) -> float:
    """Three places: a genome is a short text, and the same everywhere."""
    return round(float(weight), 3)
