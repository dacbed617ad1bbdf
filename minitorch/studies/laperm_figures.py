"""What the chapter "Train by reconnecting" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.schedules import cosine
from minitorch.studies import common as row
from minitorch.studies import laperm as study
from minitorch.studies import supermask_figures
from minitorch.studies.laperm import (
    AUTHORS_F1,
    AUTHORS_F2,
    COMMON,
    CONTROLS,
    CONV,
    CURVE,
    LEVELS,
    LOCATION,
    PAPER_F1,
    PAPER_F2,
    PERIODS,
    PINNED,
    PINNED_ROWS,
    PROFILES,
    RESCALED,
    SAW,
    SPARSE,
    THREE,
    VALUES,
    WIDTH,
)
from minitorch.studies.store import Row
from minitorch.studies.words import percent, spread

FIVE = "5 seeds, 95 % intervals"
STORED = f"book scale: stored runs, {FIVE}"
NOTE = f"book scale: stored runs, full MNIST, 784-128-64-10, 3 epochs, {FIVE}"
FEW = NOTE.replace("full MNIST", "12,000 digits").replace("3 epochs", "5 epochs")

SLOW: Row = {"lr": 1e-3}
SOME = VALUES["keep"][1:]
# Cells of the values' part, by name.
KINDS: dict[str, Row] = {
    "uniform": VALUES,
    "normal": {**VALUES, "draw": "normal"},
    "even": {**VALUES, "draw": "even"},
    "signed": {**VALUES, "draw": "signed"},
    "single": {**VALUES, "draw": "single", "keep": SOME},
    "uniform, scaled": {**VALUES, "keep": SOME, "scaled": True},
    "single, 0.3 of it": {**VALUES, "draw": "single", "keep": SOME, "gain": 0.3},
    "uniform, straight": {**VALUES, "k": None, "keep": [1.0, 0.5, 0.1]},
    "signed, straight": {**VALUES, "draw": "signed", "k": None},
    "single, straight": {**VALUES, "draw": "single", "keep": SOME, "k": None},
    "first layer": SPARSE,
    "first layer, scaled": {**SPARSE, "scaled": True},
}
WORDS = {
    "uniform": "uniform",
    "uniform, scaled": "uniform, over sqrt(keep)",
    "uniform, straight": "uniform, straight through",
    "normal": "normal",
    "even": "equal distances",
    "signed": "two, of one size",
    "signed, straight": "two, straight through",
    "single": "one value and zeros",
    "single, 0.3 of it": "one value, 0.3 of its size",
    "single, straight": "one value, straight through",
    "first layer": "uniform, first layer 80 %",
    "first layer, scaled": "the same, over sqrt(keep)",
}


def stored(measure: str, cell: Row) -> np.ndarray:
    """Read one measure of a cell of the study's grid, by seed, (S,) or (S, ...).

    >>> stored("test", PERIODS).shape
    (5, 10)
    """
    return study.STUDY.results(measure, **cell)


def by_seed(measure: str, cell: Row, at: int) -> np.ndarray:
    """Read a list of lists of unlike lengths: the one at a place, (S, n).

    >>> by_seed("after", SAW, 2).shape
    (5, 3)
    """
    rows = study.STUDY.stored(**cell)
    return np.array([each["result"][measure][at] for each in rows])


def controlled(measure: str, lr: float = CONTROLS["lr"]) -> np.ndarray:
    """Read "dense" or "once" of the controls at one rate, LaPerm's own, by seed, (S,).

    >>> controlled("dense").shape
    (5,)
    """
    found: np.ndarray = stored(measure, CONTROLS)[:, CONTROLS["dense lr"].index(lr)]
    return found


def _gap(first: np.ndarray, second: np.ndarray) -> str:
    """By how many points the second is below the first."""
    return f"{100 * float((first - second).mean()):.1f}"


# ----------------------------------------------------------------------------
# The method and its controls
# ----------------------------------------------------------------------------


def overview() -> Picture:
    """Accuracy against k, between ordinary training and arranging once, at the end.

    >>> overview().title
    'Values that only change places read ... %, weights trained freely ... %'
    """
    k, test = np.array(PERIODS["k"]), stored("test", PERIODS)
    ends = np.array([k[0], k[-1]])
    dense, once = (controlled(each)[:, None] for each in ("dense", "once"))
    random = stored("random", CONTROLS)
    best = int(test.mean(0).argmax())
    return curves(
        [
            Series("laperm", k, test, "every k steps"),
            Series("direct", ends, dense.repeat(2, 1), "trained freely"),
            Series("arranged_once", ends, once.repeat(2, 1), "once, at the end"),
        ],
        title=f"Values that only change places read {percent(test[:, best])} %, "
        f"weights trained freely {percent(dense)} %; arranged once, at the end, "
        f"{percent(once)} %",
        xlabel="k, steps between synchronisations",
        ylabel="test accuracy",
        note=f"{NOTE}; rate {CONTROLS['lr']:g}; the best k is {k[best]}, by these rows",
        hlines=[(float(random.mean()), "a random arrangement")],
    )


def controls() -> Picture:
    """LaPerm beside what could have done without it.

    >>> controls().title
    'Arranged neuron by neuron ... %, each layer as one row ... %, once at the end ...'
    """
    read = {key: stored(key, CONTROLS) for key in ("test", "layer", "straight")}
    dense, once = (controlled(each) for each in ("dense", "once"))
    random = stored("random", CONTROLS)
    shown = [
        ("weights trained freely", dense, "direct"),
        ("a layer as one row", read["layer"], "control"),
        ("straight through", read["straight"], "straight_through"),
        ("LaPerm", read["test"], "laperm"),
        ("once, at the end", once, "arranged_once"),
        ("a random arrangement", random, "chance"),
    ]
    names, values, keys = zip(*shown, strict=True)
    return methods(
        names,
        values,
        keys=keys,
        title=f"Arranged neuron by neuron {percent(read['test'])} %, each layer as one "
        f"row {percent(read['layer'])} %, once at the end {percent(once)} %, freely "
        f"{percent(dense)} %",
        xlabel="test accuracy",
        note=f"{NOTE}; k = {CONTROLS['k']}, rate {CONTROLS['lr']:g}",
    )


def control_rates() -> Table:
    """The controls at two rates.

    >>> [line[0] for line in control_rates().rows][:2]
    ['LaPerm', 'a layer as one row']
    """
    cells = [CONTROLS, {**CONTROLS, **SLOW, "dense lr": []}]
    lines = [
        [name, *(spread(stored(key, cell)) for cell in cells)]
        for name, key in (
            ("LaPerm", "test"),
            ("a layer as one row", "layer"),
            ("straight through", "straight"),
        )
    ]
    for name, key in (("trained freely", "dense"), ("once, at the end", "once")):
        read = [controlled(key, cell["lr"]) for cell in cells]
        lines.append([name, *map(spread, read)])
    others = [lr for lr in CONTROLS["dense lr"] if lr not in (0.01, 0.001)]
    told = [f"{spread(controlled('dense', lr))} at {lr:g}" for lr in others]
    return table(
        ["way", "at 0.01, %", "at 0.001, %"],
        lines,
        caption="Test accuracy by learning rate; trained freely also "
        f"{', '.join(told)}; k = {CONTROLS['k']}; {NOTE}",
    )


def conv() -> Picture:
    """A convolutional network whose filters are arranged, beside the controls.

    >>> conv().title
    'LeNet, each filter arranged by itself, reads ... %, trained freely ... %'
    """
    dense, once = stored("dense", CONV), stored("once", CONV)
    best = int(dense.mean(0).argmax())
    read = {key: stored(key, CONV) for key in ("test", "layer", "random")}
    shown = [
        ("weights trained freely", dense[:, best], "direct"),
        ("a layer as one row", read["layer"], "control"),
        ("LaPerm, a filter a row", read["test"], "laperm"),
        ("once, at the end", once[:, best], "arranged_once"),
        ("a random arrangement", read["random"], "chance"),
    ]
    names, values, keys = zip(*shown, strict=True)
    return methods(
        names,
        values,
        keys=keys,
        title=f"LeNet, each filter arranged by itself, reads {percent(read['test'])} "
        f"%, trained freely {percent(dense[:, best])} %",
        xlabel="test accuracy",
        note=f"{STORED}, {CONV['images']:,} digits, {CONV['epochs']} epochs; k = "
        f"{CONV['k']}, rate {CONV['lr']:g}; freely {CONV['dense lr'][best]:g}, the "
        f"best of {len(CONV['dense lr'])} by these rows; biases are trained as numbers",
    )


# ----------------------------------------------------------------------------
# How often
# ----------------------------------------------------------------------------


def saw() -> Picture:
    """Accuracy of the copy, and of the arrangement that it is brought back to.

    >>> saw().title
    'Brought back to its own values the network loses ... points at first, ... at ...'
    """
    k, at = 100, SAW["k"].index(100)
    before, after, free = (
        by_seed(each, SAW, at) for each in ("before", "after", "free")
    )
    steps, times = (by_seed(each, SAW, at)[0] for each in ("steps", "at"))
    between = ~np.isin(steps, times)  # that copy is already there as "before"
    between[1::2] = False  # so that markers leave room
    x = np.concatenate([steps[between], times, times])
    y = np.concatenate([free[:, between], before, after], 1)
    return curves(
        [
            Series("in_sequence", x, y, "the copy"),
            Series("laperm", times, after, "after a synchronisation"),
        ],
        title=f"Brought back to its own values the network loses "
        f"{_gap(before[:, 0], after[:, 0])} points at first, "
        f"{_gap(before[:, -1], after[:, -1])} at last: k = {k}",
        xlabel="steps",
        ylabel="test accuracy",
        note=f"book scale: stored runs, full MNIST, 784-128-64-10, {SAW['epochs']} "
        f"epochs, rate {SAW['lr']:g}, {SAW['test']:,} test images, the copy every "
        f"{2 * SAW['every']} steps, {FIVE}",
        xlog=False,
    )


def teeth() -> Table:
    """How much a synchronisation takes, first, half way and last, for each k.

    >>> teeth().columns[0]
    'k'
    """
    lines = []
    for at, k in enumerate(SAW["k"]):
        before, after = by_seed("before", SAW, at), by_seed("after", SAW, at)
        n = before.shape[1]
        lost = [spread((before - after)[:, i]) for i in (0, n // 2, n - 1)]
        ends = [spread(each[:, -1]) for each in (before, after)]
        lines.append([str(k), str(n), *lost, *ends])
    return table(
        ["k", "times", "lost at first, points", "half way", "at last"]
        + ["copy at last, %", "arrangement at last, %"],
        lines,
        caption=f"Test accuracy before and after a synchronisation; {SAW['epochs']} "
        f"epochs at a rate of {SAW['lr']:g}, {SAW['test']:,} test images; full MNIST, "
        f"784-128-64-10, {STORED}",
    )


def periods() -> Picture:
    """Accuracy against k, at two rates, and with periods that grow as the rate falls.

    >>> periods().title
    'At a rate of 0.01 k = ... reads most, ... %; at 0.001 k = ..., ... %'
    """
    low = {**PERIODS, **SLOW, "k": [5, 20, 100, 250, 1000]}
    pace = {**PERIODS, "pace": "rate", "k": [5, 20, 100, 250]}
    words = []
    for cell in (PERIODS, low):
        test = stored("test", cell)
        best = int(test.mean(0).argmax())
        words.append((cell["k"][best], percent(test[:, best])))
    return curves(
        [
            Series(
                "laperm", np.array(PERIODS["k"]), stored("test", PERIODS), "rate 0.01"
            ),
            Series(
                "laperm_slow", np.array(low["k"]), stored("test", low), "rate 0.001"
            ),
            Series(
                "laperm_pace",
                np.array(pace["k"]),
                stored("test", pace),
                "0.01, periods grow",
            ),
        ],
        title=f"At a rate of 0.01 k = {words[0][0]} reads most, {words[0][1]} %; at "
        f"0.001 k = {words[1][0]}, {words[1][1]} %",
        xlabel="k, steps (or first rates) between synchronisations",
        ylabel="test accuracy",
        note=f"{NOTE}; where periods grow, the rates in each add up to k first rates",
    )


# ----------------------------------------------------------------------------
# How wide, and of which values
# ----------------------------------------------------------------------------


def widths() -> Picture:
    """Accuracy against the width of one hidden layer.

    >>> widths().title
    'Arranged and trained freely: ... and ... % with 8 hidden units, ... with 512'
    """
    n = np.array(WIDTH["hidden"])
    read = {key: stored(key, WIDTH) for key in ("test", "straight", "dense")}
    best = read["dense"].mean(0).argmax(1)  # the better rate, for each width
    read["dense"] = read["dense"][:, np.arange(len(n)), best]
    words = [
        f"{percent(read['test'][:, i])} and {percent(read['dense'][:, i])} %"
        for i in (0, 1, -1)
    ]
    return curves(
        [
            Series("direct", n, read["dense"], "trained freely"),
            Series("straight_through", n, read["straight"]),
            Series("laperm", n, read["test"]),
        ],
        title=f"Arranged and trained freely: {words[0]} with {n[0]} hidden units, "
        f"{words[1]} with {n[1]}, {words[2]} with {n[-1]}",
        xlabel="hidden units",
        ylabel="test accuracy",
        note=f"{FEW.replace('784-128-64-10', '784-width-10')}; k = {WIDTH['k']}, rate "
        f"{WIDTH['lr']:g}; freely "
        f"{' or '.join(f'{lr:g}' for lr in WIDTH['dense lr'])}, whichever reads more",
    )


def values() -> Picture:
    """Accuracy against the fraction of values that are not 0, for five kinds.

    >>> values().title
    'With half of the values at 0 equal distances read ... %, one value and zeros ...'
    """
    keys = {
        "even": "even_values",
        "uniform": "laperm",
        "normal": "normal_values",
        "signed": "signed_constant",
        "single": "one_value",
    }
    half = {
        name: stored("test", cell)[:, cell["keep"].index(0.5)]
        for name, cell in KINDS.items()
    }
    return curves(
        [
            Series(
                key,
                np.array(KINDS[name]["keep"]),
                stored("test", KINDS[name]),
                WORDS[name],
            )
            for name, key in keys.items()
        ],
        title=f"With half of the values at 0 equal distances read "
        f"{percent(half['even'])} %, one value and zeros {percent(half['single'])} %",
        xlabel="fraction of values not 0",
        ylabel="test accuracy",
        note=f"{FEW}; k = {VALUES['k']}, rate {VALUES['lr']:g}; one value grows as "
        "1 / sqrt(keep), the others stay as they are",
    )


def gains() -> Picture:
    """One value and zeros: at its size, smaller, and with no synchronisation.

    >>> gains().title
    'One value of 10 % of the weights reads ... %, at 0.3 of its size ... %, ...'
    """
    keys = {
        "single, straight": ("one_value_straight", "straight through"),
        "single": ("one_value", "one value"),
        "uniform": ("laperm", "uniform values"),
        "single, 0.3 of it": ("one_value_small", "0.3 of its size"),
    }
    tenth = [
        percent(stored("test", KINDS[name])[:, KINDS[name]["keep"].index(0.1)])
        for name in ("single", "single, 0.3 of it", "single, straight")
    ]
    return curves(
        [
            Series(
                key, np.array(KINDS[name]["keep"]), stored("test", KINDS[name]), word
            )
            for name, (key, word) in keys.items()
        ],
        title=f"One value of 10 % of the weights reads {tenth[0]} %, at 0.3 of its "
        f"size {tenth[1]} %, straight through {tenth[2]} %",
        xlabel="fraction of values not 0",
        ylabel="test accuracy",
        note=f"{FEW}; k = {VALUES['k']}, rate {VALUES['lr']:g}",
    )


def kinds() -> Table:
    """Every kind of values, by the fraction that is not 0: accuracy, places changed.

    >>> kinds().columns[:5]
    ('values', 'all kept, %', '50 % kept', '30 % kept', '10 % kept')
    """
    lines = []
    for name, cell in KINDS.items():
        test, moved = stored("test", cell), stored("moved", cell)
        shares = (1, 0.5, 0.3, 0.1)
        at = [cell["keep"].index(k) if k in cell["keep"] else -1 for k in shares]
        line = [spread(test[:, i]) if i >= 0 else "" for i in at]
        line += [percent(moved[:, i]) if i >= 0 else "" for i in (at[0], at[3])]
        lines.append([WORDS[name], *line])
    return table(
        ["values", "all kept, %", "50 % kept", "30 % kept", "10 % kept"]
        + ["changed of all", "of 10 %"],
        lines,
        caption="Test accuracy by the fraction of each neuron's values that is not 0; "
        f"first layer {100 * SPARSE['first']:g} %: it keeps at least so much; changed: "
        "places whose value is another than before training, in %, where all or 10 % "
        f"are kept; k = {VALUES['k']} or straight through, rate "
        f"{VALUES['lr']:g}; {FEW}",
    )


def levels() -> Picture:
    """Accuracy against how many different values a neuron has.

    >>> levels().title
    'Neurons of 2 different values arranged read ... %, of 4 ... %, of 256 ... %; ...'
    """
    n = np.array(LEVELS["levels"])
    test, straight = (stored("test", cell) for cell in (LEVELS, {**LEVELS, "k": None}))
    shown = [LEVELS["levels"].index(count) for count in (2, 4, 256)]
    words = [f"{n[i]} {percent(test[:, i])} %" for i in shown]
    bits = stored("bits", LEVELS).mean(0)
    return curves(
        [
            Series("laperm", n, test),
            Series("straight_through", n, straight),
        ],
        title=f"Neurons of 2 different values arranged read "
        f"{percent(test[:, shown[0]])} %, of {words[1]}, of {words[2]}; straight "
        f"through 2 values read {percent(straight[:, shown[0]])} %",
        xlabel="different values of a neuron",
        ylabel="test accuracy",
        note=f"{FEW}; values at equal distances, {bits[0]:,.0f} to {bits[-1]:,.0f} "
        f"bits of arrangements; k = {LEVELS['k']}, rate {LEVELS['lr']:g}",
    )


# ----------------------------------------------------------------------------
# Location and value
# ----------------------------------------------------------------------------


def location() -> Picture:
    """Trained places with fresh values, against the trained values in random places.

    >>> location().title
    'Fresh values in the trained order read ... %, the trained values shuffled ... %'
    """
    shown = [
        ("as arranged", "test", "laperm"),
        ("fresh, equal distances", "even fresh", "even_values"),
        ("fresh, uniform", "uniform fresh", "fresh_values"),
        ("fresh, normal", "normal fresh", "normal_values"),
        ("fresh, only two values", "two fresh", "signed_constant"),
        ("shuffled in each neuron", "shuffled", "control"),
        ("before training", "random", "chance"),
    ]
    fresh, shuffled = stored("uniform fresh", LOCATION), stored("shuffled", LOCATION)
    order = [f"{each:.2f}" for each in stored("order", LOCATION).mean(0)]
    return methods(
        [name for name, _, _ in shown],
        [stored(measure, LOCATION) for _, measure, _ in shown],
        keys=[key for *_, key in shown],
        title=f"Fresh values in the trained order read {percent(fresh)} %, the trained "
        f"values shuffled {percent(shuffled)} %",
        xlabel="test accuracy",
        note=f"{NOTE}; nothing is trained after a change; rank correlation with the "
        f"arrangement at the start, by layer: {', '.join(order)}",
    )


# ----------------------------------------------------------------------------
# What can trade places
# ----------------------------------------------------------------------------


def reach(cell: Row, k: int) -> float:
    """Twice the sum of the rates of the first k steps of a cell's training.

    >>> round(reach(PINNED, 5), 4)
    0.03
    """
    steps = cell["epochs"] * (cell["images"] // cell["batch"])
    return float(2 * cell["lr"] * sum(cosine(step, steps) for step in range(k)))


def pinned() -> Picture:
    """Places that change in the first period, against how far two weights can come.

    >>> pinned().title
    'Where two weights cannot meet 0.0 % of places change, where they can up to ... %'
    """
    first, free = stored("first", PINNED), stored("free", PINNED)[0] == 1
    keys = ["smaller", "small", "middle", "large", "larger"]
    drawn = []
    for i, (v, key) in enumerate(zip(PINNED["v"], keys, strict=True)):
        x = np.array([reach(PINNED, k) / v for k in PINNED["k"]])
        drawn.append(Series(key, x, first[:, i], f"0 and {v:g}"))
    return curves(
        drawn,
        title="Where two weights cannot meet "
        f"{100 * first[:, ~free].max(initial=0):.1f} % of places change, where they "
        f"can up to {100 * first[:, free].mean(0).max():.1f} %",
        xlabel="what two weights move in k steps / their distance",
        ylabel="places changed at first",
        note=f"book scale: stored runs, {PINNED['images']:,} digits, 784-10, "
        f"{PINNED['epochs']} epochs, rate {PINNED['lr']:g}, k from {PINNED['k'][0]} to "
        f"{PINNED['k'][-1]}; moves: twice the sum of the rates; {FIVE}",
        vlines=[(1.0, "the rule")],
    )


def pins() -> Table:
    """What the rule predicts of one value and zeros, and what was measured.

    >>> pins().columns
    ('values', 'k = 5', 'k = 10', 'k = 20', 'k = 40', 'k = 60', 'accuracy, %')
    """
    first, test = stored("first", PINNED).mean(0), stored("test", PINNED)
    free = stored("free", PINNED)[0]
    lines = []
    for i, v in enumerate(PINNED["v"]):
        cells = [
            f"{'free' if free[i, j] else 'pinned'}: {100 * first[i, j]:.1f}"
            for j in range(len(PINNED["k"]))
        ]
        ends = " to ".join(percent(test[:, i, j]) for j in (0, -1))
        lines.append([f"0 and {v:g}", *cells, ends])
    return table(
        ["values"] + [f"k = {k}" for k in PINNED["k"]] + ["accuracy, %"],
        lines,
        caption="What the rule says (free: they can meet, and need not), and the "
        "places in % whose value is another after the first synchronisation; "
        f"accuracy in the end, from k = {PINNED['k'][0]} to "
        f"{PINNED['k'][-1]}; {PINNED['images']:,} digits, 784-10, {PINNED['epochs']} "
        f"epochs at a rate of {PINNED['lr']:g}; {STORED}",
    )


def pairs() -> Table:
    """Pairs of values that all differ: how many are pinned, and which trade.

    >>> pairs().columns[:3]
    ('k', 'pinned, %', 'traded, %')
    """
    lines = []
    start, most = stored("start", PINNED_ROWS), stored("most", PINNED_ROWS)
    test = stored("test", PINNED_ROWS)
    for at, k in enumerate(PINNED_ROWS["k"]):
        read = {
            key: by_seed(key, PINNED_ROWS, at)
            for key in ("swaps", "pinned swaps", "change", "mean")
        }
        lines.append(
            [
                str(k),
                percent(start[:, at]),
                f"{100 * read['swaps'][:, 0].mean():.2f}",
                f"{100 * read['swaps'][:, -1].mean():.3f}",
                f"{100 * read['pinned swaps'].max():.4f}",
                f"{read['mean'].mean():.2f}",
                f"{most[:, at].max():.2f}",
                spread(test[:, at]),
            ]
        )
    return table(
        ["k", "pinned, %", "traded, %", "at last, %", "pinned and traded, %"]
        + ["mean move", "largest move", "accuracy, %"],
        lines,
        caption="Pairs of one neuron's 784 uniform values: pinned by the rule at the "
        "first synchronisation, traded at the first and the last, and the most that "
        "did so though pinned. Moves of the copy in a period, over the sum of the "
        f"rates: 1 is what the rule takes. {PINNED_ROWS['neurons']} neurons of the "
        f"first layer, up to 12 synchronisations of each run, moves of all weights; "
        f"rate {PINNED_ROWS['lr']:g}; {FEW}",
    )


# ----------------------------------------------------------------------------
# Weight profiles
# ----------------------------------------------------------------------------

LAYERS = ("784 to 128", "128 to 64", "64 to 10")


_FIRST = (
    "book scale: stored runs, full MNIST, 784-128-64-10 trained freely for "
    f"{PROFILES['epochs']} epochs, first layer, 128 neurons, seed 0: the median one "
    "and the band from 10 to 90 % of them"
)


def _bands() -> tuple[np.ndarray, np.ndarray]:
    """The places in the order, and the first layer's (trained or dealt, 3, points)."""
    return (
        np.linspace(0, 100, PROFILES["points"]),
        by_seed("bands", PROFILES, 0)[0],  # of the first seed
    )


def profiles() -> Picture:
    """The sorted weights of most trained neurons of a layer.

    >>> profiles().title
    'Sorted, the weights of trained neurons lie ... of their spread from the mean one'
    """
    x, ((low, middle, high), _) = _bands()
    far = stored("trained", PROFILES)[:, 0]
    return curves(
        [Series("direct", x, middle[None], "trained", band=np.array([low, high]))],
        title=f"Sorted, the weights of trained neurons lie {far.mean():.2f} of their "
        "spread from the mean one",
        xlabel="place in the order, % of the inputs",
        ylabel="weight",
        note=f"{_FIRST}; the distance over {FIVE[:7]}",
        xlog=False,
    )


def profiles_dealt() -> Picture:
    """The same, less the median neuron, beside the layer's weights dealt out anew.

    >>> profiles_dealt().title
    'Trained neurons lie ... of the spread apart, their weights dealt out anew ...'
    """
    x, bands = _bands()
    words = [
        f"{stored(key, PROFILES)[:, 0].mean():.2f}" for key in ("trained", "dealt")
    ]
    keys = ("direct", "trained"), ("fresh_values", "dealt out anew")
    drawn = [
        Series(key, x, 0 * middle[None], name, band=np.array([low, high]) - middle)
        for (key, name), (low, middle, high) in zip(keys, bands, strict=True)
    ]
    return curves(
        drawn,
        title=f"Trained neurons lie {words[0]} of the spread apart, their weights "
        f"dealt out anew {words[1]}",
        xlabel="place in the order, % of the inputs",
        ylabel="off the median neuron",
        note=f"{_FIRST}; the distances over {FIVE[:7]}",
        xlog=False,
    )


def apart() -> Table:
    """How far weight profiles lie apart, before and after training, and dealt out anew.

    >>> [line[0] for line in apart().rows]
    ['784 to 128', '128 to 64', '64 to 10']
    """
    read = [stored(key, PROFILES) for key in ("start", "trained", "dealt")]
    lines = [
        [layer, *(spread(each[:, i], 1, 3) for each in read)]
        for i, layer in enumerate(LAYERS)
    ]
    moved = percent(stored("moved", PROFILES))
    return table(
        ["layer", "before training", "trained", "trained, dealt out"],
        lines,
        caption="Distance of a neuron's sorted weights from the mean of its layer, "
        "over that mean's standard deviation. Dealt out: the layer's trained weights "
        f"given to its neurons at random. Ordinary training, which moved {moved} % of "
        f"all weights; {NOTE.replace('3 epochs', str(PROFILES['epochs']) + ' epochs')}",
    )


# ----------------------------------------------------------------------------
# A curve
# ----------------------------------------------------------------------------

TARGETS: dict[str, Row] = {
    "a sine, equal distances": CURVE,
    "a sine, uniform values": {**CURVE, "values": "uniform"},
    "a step, equal distances": {**CURVE, "curve": "step"},
}


def best_rate(measure: str, cell: Row) -> np.ndarray:
    """Read a curve's errors at the better rate for each count, by the mean, (S, n).

    >>> best_rate("test", CURVE).shape
    (5, 5)
    """
    read = stored(measure, cell)
    if read.ndim == 2:  # no rate goes into these
        return read
    best = read.mean(0).argmin(1)
    found: np.ndarray = read[:, np.arange(read.shape[1]), best]
    return found


_RATES = " or ".join(f"{lr:g}" for lr in CURVE["lr"])


def curve() -> Picture:
    """The largest error of a sine, against how many values there are to arrange.

    >>> curve().title
    'Arranging 320 values leaves a largest error of ..., free weights ...'
    """
    n = 2 * np.array(CURVE["places"])
    read = {key: best_rate(key, CURVE) for key in ("test", "free")}
    ends = [f"{read[key][:, -1].mean():.3f}" for key in ("test", "free")]
    return curves(
        [
            Series("laperm", n, read["test"]),
            Series("direct", n, read["free"], "trained freely"),
        ],
        title=f"Arranging {n[-1]} values leaves a largest error of {ends[0]}, free "
        f"weights {ends[1]}",
        xlabel="values that are arranged",
        ylabel="largest error",
        note=f"{STORED}; a sine from -1 to 1, values at equal distances, "
        f"{CURVE['steps']:,} steps, k = {CURVE['k']}, rate {_RATES}, whichever errs "
        "less on the mean",
    )


def curve_errors() -> Table:
    """Largest errors of curves fitted by arranging, by curve and by values.

    >>> curve_errors().columns[:2]
    ('curve', 'way')
    """
    n = CURVE["places"]
    lines = []
    for name, cell in TARGETS.items():
        for key, words in (
            ("test", "arranged"),
            ("straight", "straight through"),
            ("free", "trained freely"),
            ("random", "untrained"),
        ):
            read = best_rate(key, cell).mean(0)
            lines.append([name, words, *(f"{each:.3f}" for each in read)])
    return table(
        ["curve", "way"] + [f"{2 * each} values" for each in n],
        lines,
        caption="Largest error at 100 points. A sine goes from -1 to 1, so does the "
        f"step, tanh(20 (x - 1/2)); {CURVE['steps']:,} steps at a rate of {_RATES}, "
        f"whichever errs less, k = {CURVE['k']}; means, {STORED}",
    )


# ----------------------------------------------------------------------------
# Bits; the paper; the common row
# ----------------------------------------------------------------------------


def _what(drawn: Row) -> str:
    """Name values that are sent."""
    if drawn["values"] == "single":
        return f"one value, keep {drawn['keep']:g}"
    return f"{drawn['levels']} values" if "levels" in drawn else "uniform, all differ"


def bits() -> Table:
    """Bytes of the message against the count of arrangements, and what is decoded.

    >>> bits().columns
    ('network', 'values', 'log2 of arrangements', 'in bytes', 'message', 'decoded, %')
    """
    lines: list[list[str]] = []

    def add(net: str, what: str, *read: np.ndarray) -> None:
        count, size, right = read
        exact = count.mean()
        sizes = [f"{exact:,.0f}", f"{exact / 8:,.0f}", f"{size.mean():,.0f}"]
        lines.append([net, what, *sizes, spread(right)])

    measures = ("bits", "bytes", "decoded")
    for net, cell, what in (
        ("784-10", PAPER_F1, "one value, keep 4/7"),
        ("784-128-64-10", PAPER_F2, "one value, keep 1/15, 1/7, 1/3"),
    ):
        add(net, what, *(stored(each, cell) for each in measures))
    for i, drawn in enumerate(COMMON["sent"]):
        read = (stored(each, COMMON)[:, i] for each in measures)
        add("784-300-100-10", _what(drawn), *read)
    return table(
        ["network", "values", "log2 of arrangements", "in bytes", "message"]
        + ["decoded, %"],
        lines,
        caption="Equal values give no new arrangement. A message holds the seed and "
        "how values are drawn, too, and is decoded to the same network. 784-10 and "
        "784-128-64-10 as in `paper`, full MNIST; 784-300-100-10 on 8,000 digits, "
        f"{COMMON['epochs']} epochs; {STORED}",
    )


def three() -> Table:
    """The free weights of one layer cut to three values, beside F1's arrangement.

    >>> three().columns
    ('weights of 784-10', 'bytes', 'reads, %')
    """
    lines = [
        [
            "0 and 0.08, arranged (F1)",
            f"{stored('bytes', PAPER_F1).mean():,.0f}",
            spread(stored("decoded", PAPER_F1)),
        ],
        ["free, as floats", f"{4 * 7_840:,}", spread(stored("free", THREE))],
    ]
    size, right = stored("bytes", THREE).mean(0), stored("test", THREE)
    for i, keep in enumerate(THREE["keep"]):
        what = f"free, {100 * keep:g} % kept as 1 or -1"
        lines.append([what, f"{size[i]:,.0f}", spread(right[:, i])])
    return table(
        ["weights of 784-10", "bytes", "reads, %"],
        lines,
        caption="Free weights are ranked by their size times how much their pixel "
        "varies over the training images; the others are 0, and nothing is trained "
        "again. "
        f"Full MNIST, {THREE['epochs']} epochs, k = {PAPER_F1['k']} at a rate of "
        f"{PAPER_F1['lr']:g}, freely {THREE['lr']:g}; {STORED}",
    )


def paper() -> Table:
    """The paper's networks of one value and zeros, its numbers beside ours.

    >>> [line[:2] for line in paper().rows][:2]
    [('784-10', "the authors'"), ('784-10', 'ours')]
    """
    lines = []
    for net, figure, cells in (
        ("784-10", 85.46, (AUTHORS_F1, PAPER_F1)),
        ("784-128-64-10", 78.14, (AUTHORS_F2, PAPER_F2)),
    ):
        for whose, cell in zip(("the authors'", "ours"), cells, strict=True):
            read = [
                spread(stored(each, cell))
                for each in ("best", "test", "highest copy", "random")
            ]
            size = f"{stored('bytes', cell).mean():,.0f}"
            lines.append([net, whose, f"{figure}", *read, size])
    return table(
        ["network", "way", "reported, %", "best, %", "last", "highest copy"]
        + ["random", "bytes"],
        lines,
        caption="Best: the highest of all test accuracies just after a "
        "synchronisation, as the authors report, which looks at the test images; last: "
        "once training is over; highest copy: just before a synchronisation, no "
        f"arrangement. k = {PAPER_F1['k']}, first rate {PAPER_F1['lr']:g}, "
        f"{PAPER_F1['epochs']} and {PAPER_F2['epochs']} epochs. The authors' way: the "
        "rate loses 5 % an epoch, each zero is drawn by itself, Keras's epsilon, an L2 "
        "penalty in the larger network. Ours: half a cosine, as many zeros in each "
        f"neuron, and none of the other two. Full MNIST, {STORED}",
    )


def rescaled() -> Table:
    """F2's values, as small as they are and at the size that a network wants.

    >>> rescaled().columns[:2]
    ('v', 'rate')
    """
    test, lines = stored("test", RESCALED), []  # (S, v, rate, k)
    fans = RESCALED["widths"][:-1]
    wide = [
        (2 / (keep * fan)) ** 0.5
        for keep, fan in zip(RESCALED["keep"], fans, strict=True)
    ]
    for i, v in enumerate(RESCALED["v"]):
        told = f"{v:g}" if v else f"{min(wide):.2f} to {max(wide):.2f}"
        for j, lr in enumerate(RESCALED["lr"]):
            lines.append([told, f"{lr:g}", *(spread(test[:, i, j, m]) for m in (0, 1))])
    return table(
        ["v", "rate", f"k = {RESCALED['k'][0]}, %", "straight through, %"],
        lines,
        caption="784-128-64-10 of 0 and one v a layer, as many as in F2: the same v in "
        "all layers, and sqrt(2 / (keep inputs)) in each. Test accuracy after "
        f"{RESCALED['epochs']} epochs; full MNIST, {STORED}",
    )


_BOOK: Row = {"scale": "book", "part": "common"}
CASES = [
    row.Case("laperm", "arrangements", study.STUDY, {**_BOOK, "k": COMMON["k"]}),
    row.Case(
        "straight_through",
        "straight through",
        study.STUDY,
        {**_BOOK, "k": None},
    ),
    supermask_figures.CASES[0],
]


def common() -> Table:
    """The common row: arrangements beside masks and the controls.

    >>> common().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return row.rows(CASES)


def common_rates() -> Picture:
    """Decoded accuracy against bits, for arrangements and the controls.

    >>> common_rates().title
    "Arranged every 20 steps ... bits read ... %, straight ..., edge-popup's ..."
    """
    read = row.read(CASES)
    words: list[Any] = []
    for name in ("arrangements", "straight through", "edge-popup"):
        each = read[name]
        words += [f"{each.bits[each.best]:,.0f}", percent(each.decoded[:, each.best])]
    return row.rates(
        read,
        f"Arranged every {COMMON['k']} steps {words[0]} bits read {words[1]} %, "
        f"straight through {words[2]} read {words[3]} %, edge-popup's {words[4]} "
        f"{words[5]} %",
    )
