"""What the chapter "Random subspaces" shows of the work that came after its paper.

Every function reads the committed rows and takes no argument; titles are
computed from what it read.
"""

from __future__ import annotations

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, table
from minitorch.stats import crossings, mean_interval, paired, smallest
from minitorch.studies import cartpole as poles
from minitorch.studies import finetune as adapt
from minitorch.studies import subspaces
from minitorch.studies.store import Row
from minitorch.studies.subspaces import curve

STARTS = {
    "trained": ("direct", "from trained weights"),
    "features": ("fastfood", "trained, last layer new"),
    "random": ("control", "from random weights"),
}


def low_rank() -> Picture:
    """LoRA's structured directions against unstructured ones, at the same d.

    >>> low_rank().title
    'At d = 410 low-rank directions are ... points ... Fastfood'
    """
    wanted: Row = {"scale": "book", "net": "mlp-200", "data": "true", "images": 60_000}
    both = {
        kind: curve(subspaces.stored(**wanted, projection=kind))
        for kind in ("fastfood", "low-rank")
    }
    (ds, ours), (at, theirs) = both["fastfood"], both["low-rank"]
    free = np.array([np.interp(at, ds, seed) for seed in ours])
    gain = 100 * paired(free[:, 0], theirs[:, 0]).difference
    word = "above" if gain > 0 else "below"
    return curves(
        [Series("fastfood", ds, ours), Series("low_rank", at, theirs)],
        title=f"At d = {at[0]} low-rank directions are {abs(gain):.1f} points {word} "
        "Fastfood",
        xlabel="trained numbers d",
        ylabel="test accuracy",
        note="book scale: stored runs, full MNIST 60,000/10,000, 5 seeds, 95 % "
        "intervals; rank 1, 2 and 3 of the three weight matrices",
    )


def _adapted(start: str) -> tuple[np.ndarray, np.ndarray, float]:
    """ds, accuracy (S, n), and what training all weights reaches from there."""
    rows = adapt.STUDY.stored(scale="book", start=start)
    every = [row["result"]["test"] for row in rows if not row["settings"]["d"]]
    few = [row for row in rows if row["settings"]["d"]]
    return *curve(few), float(np.mean(every))


def finetune() -> Picture:
    """Accuracy on the new digits against d, by where the weights start.

    >>> finetune().title
    'Adapting to new digits: d90 is ... from trained weights, ... from random ones'
    """
    found = {start: _adapted(start) for start in STARTS}
    needs = {
        start: smallest(ds, accuracy, 0.9 * every).d
        for start, (ds, accuracy, every) in found.items()
    }
    return curves(
        [
            Series(STARTS[start][0], ds, accuracy, STARTS[start][1])
            for start, (ds, accuracy, _) in found.items()
        ],
        title=f"Adapting to new digits: d90 is {needs['trained']:.0f} from trained "
        f"weights, {needs['random']:.0f} from random ones",
        xlabel="trained numbers d",
        ylabel="accuracy on the digits 5 to 9",
        note="book scale: stored runs, 25,000 images of MNIST's digits 5 to 9, 5 "
        "seeds, 95 % intervals",
    )


def finetune_needs() -> Table:
    """d90 by start, and how it differs from a random start, seed by seed.

    >>> finetune_needs().columns
    ('start', 'all weights', 'd90', 'low', 'high', 'less a random start', 'low', 'high')
    """
    rows, control = [], np.array([])
    for start in reversed(STARTS):
        ds, accuracy, every = _adapted(start)
        needs = crossings(ds, accuracy, 0.9 * every)
        control = needs if start == "random" else control
        line = [STARTS[start][1], f"{every:.1%}"]
        line += [f"{value:.0f}" for value in mean_interval(needs)]
        apart = [f"{value:+.0f}" for value in paired(control, needs)[:3]]
        rows.append([*line, *(apart if start != "random" else ["", "", ""])])
    apart_columns = ["less a random start", "low", "high"]
    return table(
        ["start", "all weights", "d90", "low", "high", *apart_columns],
        rows,
        caption="Numbers needed for 90 % of what all weights reach from the same "
        "start; book scale, 5 seeds, 95 % intervals",
    )


# Mean reward of the authors' deep Q-learning, width 20, at each d: stored in the
# notebook that they published with their code; not checked against the paper.
PUBLISHED = np.array([[10, 20, 22, 25, 30, 35], [51, 81, 164, 177, 185, 195]], float)


def cartpole() -> Picture:
    """How long the pole stays up, against the directions that are searched.

    >>> cartpole().title
    '... random directions, of 562, are enough to balance the pole'
    """
    rows = poles.STUDY.stored(scale="book")
    ds, steps = curve([row for row in rows if row["settings"]["d"]], "steps")
    every = [row["result"]["steps"] for row in rows if not row["settings"]["d"]]
    enough = ds[(steps.mean(0) >= poles.SOLVED)][:1]
    word = f"{enough[0]}" if enough.size else f"Not even {ds[-1]}"
    return curves(
        [
            Series("subspace", ds, steps, "ours, evolution"),
            Series("paper", PUBLISHED[0], PUBLISHED[1], "published"),
        ],
        title=f"{word} random directions, of {poles.NET.layout.size}, are enough to "
        "balance the pole",
        xlabel="searched numbers d",
        ylabel="steps upright, of 200",
        note=f"book scale: stored runs in a simulator of our own, {len(steps)} seeds, "
        f"95 % intervals; all weights: {np.mean(every):.0f} steps. Published: Li et "
        "al. (2018), by Q-learning, from the authors' code",
        hlines=[(poles.SOLVED, "solved: 195")],
    )
