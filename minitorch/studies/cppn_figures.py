"""What the chapter "Indirect encoding" shows of CPPNs and NEAT, one call each.

Functions without an argument read the committed rows; titles are computed from what
was read. `zoom` and `fields` draw what they are given.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, methods, table, tiles
from minitorch.stats import mean_interval, paired
from minitorch.studies import cppn as study
from minitorch.studies import neat as breeding
from minitorch.weird import CPPNWeights
from minitorch.weird.neat import (
    BENDS,
    INPUTS,
    Genome,
    from_plain,
    likeness,
    paint,
)

NOTE = (
    "book scale: stored runs, full MNIST 60,000/10,000 at 14 x 14 pixels, 64 hidden "
    "units, 3 passes, 5 seeds, 95 % intervals"
)
DRAWN = "digit {}: mean of its training images; book scale: stored runs, 5 seeds"
# Without the two of which seeds died, whose means say little; `layers` has them.
CPPNS = ("sine", "offsets", "mixed", "fourier")
_KEYS = {"direct": "direct", "random": "random_layer", "frozen": "control"}


def _stretched(picture: np.ndarray, size: int) -> np.ndarray:
    """Repeat pixels until the picture is `size` on a side; from 0 to 1."""
    full = (picture - picture.min()) / max(float(np.ptp(picture)), 1e-9)
    times = size // len(picture)
    grown: np.ndarray = full.repeat(times, axis=0).repeat(times, axis=1)
    return grown


def zoom(genome: Genome) -> Picture:
    """Ask one genome for its picture at 8, 16, 32 and 64 pixels, plain and mirrored.

    >>> from minitorch.weird.neat import minimal
    >>> zoom(minimal(0)).title
    '4 links paint a picture of any size; |x| in place of x makes it symmetric'
    """
    sizes = (8, 16, 32, 64)
    shown = [
        _stretched(paint(genome, size, mirror=mirror), 64)
        for mirror in (False, True)
        for size in sizes
    ]
    on = sum(link.on for link in genome.links)
    return tiles(
        shown,
        title=f"{on} links paint a picture of any size; |x| in place of x makes it "
        "symmetric",
        note="one genome; below, it gets |x|",
        labels=[str(size) for size in sizes] * 2,
        columns=4,
        signed=False,
    )


def fields(g: CPPNWeights, phi: np.ndarray, *, units: int = 5, note: str) -> Picture:
    """Show what the CPPN writes for some hidden units, and asked again at twice.

    Args:
        g: the map.
        phi: its numbers.
        units: how many, spread over all.
        note: scale, data and seeds.
    """
    height, width = g.sources
    chosen = np.linspace(0, g.shape[0] - 1, units).astype(int)
    small = g.write(phi, g.sources).reshape(-1, height, width)[chosen]
    large = g.write(phi, (2 * height, 2 * width))
    large = 4 * large.reshape(-1, 2 * height, 2 * width)[chosen]
    shown = np.concatenate([small.repeat(2, axis=1).repeat(2, axis=2), large])
    count = g.cppn.layout.size
    return tiles(
        shown,
        title=f"{count} numbers write the weights of {g.shape[0]} units, at two "
        "resolutions",
        note=f"the weights of {units} units; above {height} x {width}, below "
        f"{2 * height} x {2 * width}, times four; {note}",
        columns=units,
    )


def comparison() -> Picture:
    """First layers compared: trained, written by a CPPN, or left random.

    >>> comparison().title
    'A CPPN of ... numbers beats a random first layer by ... points and trails ...'
    """
    names = ("direct", *CPPNS, "random", "frozen")
    found = {name: study.results(name) for name in names}
    best = max(CPPNS, key=lambda name: found[name].mean())
    count = study.results(best, "first")[0]
    over = 100 * paired(found["random"], found[best]).difference
    under = 100 * paired(found[best], found["direct"]).difference
    verb = "beats" if over > 0 else "falls short of"
    return methods(
        [study.CASES[name][1] for name in names],
        [found[name] for name in names],
        title=f"A CPPN of {count:,} numbers {verb} a random first layer by "
        f"{abs(over):.1f} points and trails a trained one by {under:.1f}",
        keys=[_KEYS.get(name, "cppn") for name in names],
        xlabel="test accuracy",
        note=f"{NOTE}; plain ReLU CPPNs, of which seeds died, stand in the table",
    )


def layers() -> Table:
    """The same as a table, with the numbers trained and the hidden units that answer.

    Lowest and highest seed, for an interval about a mean says little where seeds die.

    >>> layers().columns
    ('first layer', 'numbers for it', 'alive', 'mean', 'lowest', 'highest')
    """
    rows = []
    for name, (_, words) in study.CASES.items():
        first, alive = (study.results(name, m).mean() for m in ("first", "alive"))
        test = study.results(name)
        spread = test.mean(), test.min(), test.max()
        rows.append([words, round(first), f"{alive:.0%}", *map(float, spread)])
    return table(
        ["first layer", "numbers for it", "alive", "mean", "lowest", "highest"],
        rows,
        caption="What writes the 12,544 weights of the first layer; test accuracy, "
        f"hidden units that answer any digit; {NOTE.replace(', 95 % intervals', '')}",
    )


def twice() -> Table:
    """Accuracy before and after twice the resolution, with nothing trained again.

    >>> twice().columns
    ('first layer', '14 x 14', 'asked at 28 x 28', 'repeated', 'asked less repeated')
    >>> twice().caption[:46]
    'Asked again at twice the resolution, a CPPN is'
    """
    rows: list[list[str]] = []
    changes = []
    for name in CPPNS:
        asked, stretched = (study.results(name, m) for m in ("asked", "repeated"))
        change = paired(stretched, asked)
        far = 100 * np.array([change.difference, change.low, change.high])
        words = "{:+.2f} ({:+.2f} to {:+.2f})".format(*far)
        each = [study.results(name), asked, stretched]
        shown = [study.interval(values) for values in each]
        rows.append([study.CASES[name][1], *shown, words])
        changes.append(change)
    means = [100 * change.difference for change in changes]
    better = sum(change.low > 0 for change in changes)
    said = f"better than pixels repeated in {better} of {len(changes)} cases"
    if not better:
        said = "in no case better than pixels repeated"
    wide = study.interval(study.results("direct", net="large", bits=None))
    return table(
        [
            "first layer",
            "14 x 14",
            "asked at 28 x 28",
            "repeated",
            "asked less repeated",
        ],
        rows,
        caption=f"Asked again at twice the resolution, a CPPN is {said} ("
        f"{min(means):+.2f} to {max(means):+.2f} points); all weights trained at 28 x "
        f"28 reach {wide}; {NOTE}",
    )


def messages() -> Table:
    """Bits and decoded accuracy of the messages, by first layer and bits a number.

    >>> messages().columns
    ('first layer', 'bits a number', 'bits', 'decoded accuracy', 'low', 'high')
    """
    rows = []
    for name in ("direct", "offsets", "fourier", "random"):
        sent = study.results(name, "bytes", bits=study.BITS).mean(0)
        decoded = study.results(name, "decoded", bits=study.BITS)
        for bits in (8, 5, 3):
            k = study.BITS.index(bits)
            spread = mean_interval(decoded[:, k])
            rows.append([study.CASES[name][1], bits, round(8 * sent[k]), *spread])
    return table(
        ["first layer", "bits a number", "bits", "decoded accuracy", "low", "high"],
        rows,
        caption=f"Messages, decoded and tested; {NOTE}",
    )


def in_bits(genome: Genome, bits: int = 8) -> tuple[int, Genome]:
    """Count what a genome costs when its weights are rounded, and round them.

    Nodes stand in order of depth. A hidden node is known by what it does to its sum, a
    link by its two nodes and its weight; links that are off are not sent.

    Args:
        genome: the graph.
        bits: for a weight; the largest takes 32 more.

    >>> from minitorch.weird.neat import minimal
    >>> in_bits(minimal(0))[0]  # 4 links of 3 + 3 + 8, the output's bend, 32
    91
    """
    on = [link for link in genome.links if link.on]
    ends = {end for link in on for end in (link.source, link.target)} | set(range(5))
    hidden = len(ends) - len(INPUTS)  # the output is one of these
    node, bend = ((n - 1).bit_length() for n in (len(ends), len(BENDS)))
    step = max(abs(link.weight) for link in on) / (2 ** (bits - 1) - 1)
    rounded = [replace(c, weight=step * round(c.weight / step)) for c in on]
    count = len(on) * (2 * node + bits) + hidden * bend + 32
    return count, Genome(genome.nodes, tuple(rounded))


def generations(digit: int = 3) -> Picture:
    """Paint the best genome of some generations, and the digit they are bred for.

    >>> generations().title
    'In ... generations ... nodes and ... links come to a likeness of ...'
    """
    wanted = {**breeding.BOOK, "digit": digit, "kind": "growing"}
    run = min(breeding.STUDY.stored(**wanted), key=lambda row: row["seed"])
    result = run["result"]
    chosen = [0, *range(len(result["generations"]) - 6, len(result["generations"]))]
    shown = [paint(from_plain(result["genomes"][k]), 56) for k in chosen]
    target = breeding.wanted(digit)
    pictures = [_stretched(each, 56) for each in shown] + [_stretched(target, 56)]
    names = [str(result["generations"][k]) for k in chosen]
    best = from_plain(result["genomes"][-1])
    last = likeness(paint(best, 28), target)
    count, rounded = in_bits(best)
    decoded = likeness(paint(rounded, 28), target)
    return tiles(
        pictures,
        title=f"In {result['generations'][-1]} generations {result['nodes'][-1]} nodes "
        f"and {result['links'][-1]} links come to a likeness of {last:.2f}",
        note=f"the best of generations {', '.join(names)}, and the picture that they "
        f"are bred for; as a message, 8 bits a weight, the last is of {count:,} bits "
        f"and decoded of likeness {decoded:.2f}; {DRAWN.format(digit)}, the first one "
        "shown",
        labels=[*names, "wanted"],
        columns=4,
        signed=False,
    )


def evolution(digit: int = 3) -> Picture:
    """Likeness against generations: growing, weights only, and chance alone.

    >>> evolution().title
    'Growing genomes come to a likeness of ..., fixed ones to ..., chance to ...'
    """
    keys = {"growing": "cppn", "weights": "evolved_weights", "random": "control"}
    lines, ends = [], []
    for kind, words in breeding.KINDS.items():
        runs = breeding.STUDY.stored(**{**breeding.BOOK, "digit": digit, "kind": kind})
        y = np.array([run["result"]["likeness"] for run in runs])
        x = np.array(runs[0]["result"]["generations"], float)
        lines.append(Series(keys[kind], x[1:], y[:, 1:], words))
        ends.append(y[:, -1].mean())
    return curves(
        lines,
        title=f"Growing genomes come to a likeness of {ends[0]:.2f}, fixed ones to "
        f"{ends[1]:.2f}, chance to {ends[2]:.2f}",
        xlabel="generation of 50 pictures",
        ylabel="likeness (correlation)",
        note=DRAWN.format(digit) + ", 95 % intervals",
    )
