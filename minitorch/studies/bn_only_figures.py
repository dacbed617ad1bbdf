"""What the chapter "Only BatchNorm" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read. `planes` and `costs` alone compute, some seconds' worth.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from minitorch.data import Dataset
from minitorch.functional import cross_entropy
from minitorch.models import bn_mlp, resnet
from minitorch.optim import Adam
from minitorch.plots import Picture, Series, Table, curves, table, tiles
from minitorch.studies import bn_only as study
from minitorch.studies import common as row
from minitorch.studies import never_on, subspaces
from minitorch.studies.bn_only import (
    ARMS,
    CIFAR,
    COMMON,
    COMPOSED,
    DECAYS,
    DEEPER,
    DENSE,
    EDGES,
    EQUAL,
    GAMMAS,
    LONGER,
    PLANE,
    PLANES,
    RESIDUAL,
    SHAPES,
    SOME,
    WIDER,
)
from minitorch.studies.store import Row
from minitorch.studies.words import percent, points, spread
from minitorch.tensor import Tensor
from minitorch.train import fit
from minitorch.weird.bn_only import (
    Only,
    State,
    plane,
    resnet_numbers,
    spirals,
    statistics,
)

FIVE = "5 seeds, 95 % intervals"
STORED = f"book scale: stored runs, {FIVE}"

# What is trained: its style and its words.
KEYS = {
    "norms": ("bn_only", "norms"),
    "gamma": ("norm_gamma", "gamma alone"),
    "beta": ("norm_beta", "beta alone"),
    "random": ("two_weights", "two weights a feature"),
    "output": ("output_layer", "last layer"),
    "norms+output": ("norms_output", "norms and last layer"),
    "all": ("direct", "all weights"),
    "first": ("first_norm", "first norm alone"),
    "last": ("last_norm", "last norm alone"),
}
NETS: dict[str, Row] = {
    "784-256-256-10, digits": DENSE,
    "784-256-256-10, garments": {**DENSE, "data": "fashion", "images": 20_000},
    "ResNet-8, garments": RESIDUAL,
    "ResNet-8, digits": {**RESIDUAL, "data": "mnist"},
}
_DENSE = f"784-256-256-10, {DENSE['epochs']} passes"
_RESNET = (
    f"ResNet-8 of {RESIDUAL['width']} channels, 14 x 14 pixels, "
    f"{RESIDUAL['images']:,} images, {RESIDUAL['epochs']} passes"
)
ALONE: Row = {**RESIDUAL, "arms": ["norms"]}
DEPTHS = [RESIDUAL, *({**ALONE, "depth": depth} for depth in (14, 20))]
WIDTHS = [{**ALONE, "width": 4}, RESIDUAL, {**ALONE, "width": 16}]
DEEP: Row = {**SHAPES, "shapes": DEEPER, "arms": ["norms", "norms+output"]}
WIDE: Row = {**DEEP, "shapes": WIDER}
_SHAPES = (
    f"book scale: stored runs, {SHAPES['images']:,} digits of 14 x 14 pixels, "
    f"{SHAPES['epochs']} passes, {FIVE}"
)
DECAYED: Row = {**GAMMAS, "decay": DECAYS[-1]}
_GAMMAS = (
    f"book scale: stored runs, 196-256-256-256-10, {GAMMAS['images']:,} digits of "
    f"14 x 14 pixels, {GAMMAS['epochs']} passes of SGD at {GAMMAS['lr']:g}, {FIVE}"
)

# The paper's. Numbers and totals: its table 1. Accuracies: read off, to a point or so,
# a figure of its first version, as others show it. Again: last lines of logs that
# others published, made with the same settings. All of CIFAR-10, 160 passes.
PAPER_DEPTH = {14: 48, 32: 58, 56: 63, 110: 69.5, 218: 76, 434: 80, 866: 83}
PAPER_ONES = {14: 50, 32: 60, 56: 65, 110: 72, 218: 77, 434: 81, 866: 84}
AGAIN_DEPTH = {14: 46.0, 32: 56.4, 56: 61.0, 110: 68.5, 218: 75.2}
PAPER_WIDTH = {1: 48, 2: 53, 4: 60, 8: 64, 16: 68, 32: 73}
AGAIN_WIDTH = {1: 46.0, 2: 52.9, 4: 57.1, 8: 64.5}
# 80 passes at a rate of 0.1, 40 at a tenth, 40 at a hundredth, in batches of 128; a
# decay of 1e-4, a momentum of 0.9.
PAPER_SHRINK = 1e-4 * (50_000 // 128) * (80 * 0.1 + 40 * 0.01 + 40 * 0.001) / 0.1
THIRD = 1 / 3


def stored(measure: str, cell: Row) -> np.ndarray:
    """Read one measure of a cell of the study's grid, by seed, (S,) or (S, ...).

    >>> stored("rank", SHAPES).shape
    (5, 4)
    """
    return study.STUDY.results(measure, **cell)


def _change(first: np.ndarray, second: np.ndarray) -> str:
    """By how many points the second is above the first; 0.0 has no sign."""
    far = round(100 * float((second - first).mean()), 1)
    return f"{far:+.1f}" if far else "0.0"


def _points(first: np.ndarray, second: np.ndarray) -> str:
    """The same with its interval."""
    return re.sub(r"[+-](0\.0)\b", r"\1", points(first, second))


def _arms(cell: Row, names: Sequence[str]) -> list[Series]:
    """One point for each thing that is trained."""
    found = []
    for name in names:
        key, words = KEYS[name]
        d = stored(f"{name} d", cell)[:1]
        found.append(Series(key, d, stored(name, cell)[:, None], words))
    return found


def _arms_title(cell: Row) -> str:
    read = {name: percent(stored(name, cell)) for name in SOME}
    norms, whole = (int(stored(f"{name} d", cell)[0]) for name in ("norms", "all"))
    return (
        f"{norms:,} norms of {whole:,} numbers read {read['norms']} %, as many weights "
        f"elsewhere {read['random']} %, the last layer {read['output']} %, all "
        f"{read['all']} %"
    )


# ----------------------------------------------------------------------------
# What is trained
# ----------------------------------------------------------------------------


def overview() -> Picture:
    """Accuracy against how many numbers are trained: a dense network, digits.

    >>> overview().title
    '1,024 norms of 269,834 numbers read ... %, as many weights elsewhere ... %, ...'
    """
    return curves(
        _arms(DENSE, ARMS),
        title=_arms_title(DENSE),
        xlabel="numbers that are trained",
        ylabel="test accuracy",
        note=f"book scale: stored runs, full MNIST, {_DENSE}, all from the same random "
        f"network, {FIVE}",
        hlines=[(float(stored("none", DENSE).mean()), "nothing trained")],
    )


def residual() -> Picture:
    """The same for a small residual network on garments.

    >>> residual().title
    '336 norms of 19,... numbers read ... %, as many weights elsewhere ... %, ...'
    """
    return curves(
        _arms(RESIDUAL, SOME),
        title=_arms_title(RESIDUAL),
        xlabel="numbers that are trained",
        ylabel="test accuracy",
        note=f"book scale: stored runs, Fashion-MNIST, {_RESNET}, all from the same "
        f"random network, {FIVE}",
        hlines=[(float(stored("none", RESIDUAL).mean()), "nothing trained")],
    )


def arms() -> Table:
    """What is trained, how many numbers that is, and what it reads in four cases.

    >>> [line[0] for line in arms().rows][-1]
    'all weights'
    """
    lines = []
    for name in ARMS:
        line = [KEYS[name][1]]
        for first, cell in enumerate(NETS.values()):
            there = name in cell["arms"]
            if first % 2 == 0:
                line.append(f"{stored(f'{name} d', cell)[0]:,.0f}" if there else "")
            line.append(spread(stored(name, cell)) if there else "")
        lines.append(line)
    nothing = ", ".join(percent(stored("none", cell)) for cell in NETS.values())
    return table(
        ["trained", "dense: numbers", "digits, %", "garments, %"]
        + ["ResNet-8: numbers", "garments, %", "digits, %"],
        lines,
        caption=f"Test accuracy by what is trained. Dense: {_DENSE}, 60,000 digits, "
        f"20,000 garments. {_RESNET}. With nothing trained: {nothing} %. Each at a "
        f"rate set on another seed; {STORED}",
    )


def differences() -> Table:
    """Norms against as many weights elsewhere, against the last layer, and with it.

    >>> differences().columns[0]
    'network'
    """
    lines = []
    for name, cell in NETS.items():
        norms, random, output, both = (
            stored(each, cell) for each in ("norms", "random", "output", "norms+output")
        )
        pairs = [(random, norms), (output, norms), (output, both)]
        lines.append([name, *(_points(*pair) for pair in pairs)])
    return table(
        ["network", "norms over as many weights", "norms over last layer"]
        + ["both over last layer"],
        lines,
        caption="Differences of test accuracy between runs of one seed, which share "
        f"the random network; {STORED}",
    )


def fitted() -> Table:
    """How much better training images are read than test images.

    >>> [line[0] for line in fitted().rows][0]
    'norms'
    """
    lines = [
        [
            KEYS[name][1],
            *(
                _points(stored(name, cell), stored(f"{name} train", cell))
                for cell in NETS.values()
            ),
        ]
        for name in SOME
    ]
    return table(
        ["trained", *NETS],
        lines,
        caption="Accuracy on as many training images as there are test images, less "
        f"that on test images; {STORED}",
    )


def longer() -> Table:
    """What is trained little, trained five times as long.

    >>> [line[0] for line in longer().rows]
    ['norms', 'two weights a feature', 'all weights']
    """
    lines = []
    for name in LONGER["arms"]:
        short, long = (stored(name, cell) for cell in (DENSE, LONGER))
        lines.append([KEYS[name][1], spread(short), spread(long), _points(short, long)])
    apart = _points(*(stored(name, LONGER) for name in ("random", "norms")))
    return table(
        ["trained", f"{DENSE['epochs']} passes, %", f"{LONGER['epochs']} passes, %"]
        + ["longer training adds"],
        lines,
        caption="Test accuracy, full MNIST, 784-256-256-10, each schedule from the "
        "same rate to 0; norms over as many weights after "
        f"{LONGER['epochs']} passes: {apart}; {STORED}",
    )


def signs() -> Table:
    """Gammas after these short runs: how many are small, how many negative.

    >>> signs().columns[:2]
    ('network', 'gammas')
    """
    lines = []
    for name, cell in NETS.items():
        norms, off = stored("norms", cell), stored("off", cell)
        read = [f"{stored('norms d', cell)[0] / 2:,.0f}"]
        read += [spread(stored(each, cell)) for each in ("small", "negative", "norms")]
        lines.append([name, *read, _points(norms, off)])
    return table(
        ["network", "gammas", "|gamma| < 0.01, %", "gamma < 0, %", "accuracy, %"]
        + ["small ones set to 0"],
        lines,
        caption="From gammas of 1, without decay; set to 0 after training, by how many "
        f"points accuracy changes; {STORED}",
    )


# ----------------------------------------------------------------------------
# Depth and width
# ----------------------------------------------------------------------------


def equal_shapes() -> Picture:
    """Accuracy of 1,024 norms in one, two, four or eight layers, and controls.

    >>> equal_shapes().title
    '1,024 norms in 1 layer of 512 read ... %, in 8 of 64 ... %; all weights ...'
    """
    layers = np.array([len(hidden) for hidden in EQUAL])
    read = {name: stored(name, SHAPES) for name in SHAPES["arms"]}
    first, last = ([percent(read[name][:, i]) for name in read] for i in (0, -1))
    return curves(
        [Series(KEYS[name][0], layers, read[name], KEYS[name][1]) for name in read],
        title=f"{int(stored('d', SHAPES)[0, 0]):,} norms in 1 layer of {EQUAL[0][0]} "
        f"read {first[0]} %, in {len(EQUAL[-1])} of {EQUAL[-1][0]} {last[0]} %; all "
        f"weights {first[2]} and {last[2]} %",
        xlabel="hidden layers; 512 features in all",
        ylabel="test accuracy",
        note=_SHAPES,
        xlog=False,
    )


def depth_width() -> Picture:
    """Accuracy against the count of norms: more layers, or wider ones.

    >>> depth_width().title
    '1,024 norms read ... % in 4 layers of 128, ... % in 2 of 256: ... points (...)'
    """
    drawn = []
    for cell, keys, words in (
        (DEEP, ("bn_only", "norms_output"), "deeper"),
        (WIDE, ("norms_wider", "norms_output_wider"), "wider"),
    ):
        d = stored("d", cell)[0]
        for key, arm in zip(keys, cell["arms"], strict=True):
            name = f"{KEYS[arm][1].replace('last layer', 'last')}, {words}"
            drawn.append(Series(key, d, stored(arm, cell), name))
    deep = stored("norms", DEEP)[:, DEEPER.index([128] * 4)]
    wide = stored("norms", WIDE)[:, WIDER.index([256] * 2)]
    return curves(
        drawn,
        title=f"1,024 norms read {percent(deep)} % in 4 layers of 128, {percent(wide)} "
        f"% in 2 of 256: {_points(wide, deep)}",
        xlabel="norms: two numbers a feature",
        ylabel="test accuracy",
        note=f"{_SHAPES}; deeper: 1 to 6 layers of 128; wider: 2 layers of 32 to 512",
    )


def _shaped() -> dict[str, tuple[int, np.ndarray, np.ndarray]]:
    """Of every shape once: d, and rank and accuracy of the norms by seed.

    >>> len(_shaped())
    11
    """
    found = {}
    for cell in (SHAPES, DEEP, WIDE):
        d, rank, right = (stored(each, cell) for each in ("d", "rank", "norms"))
        for i, hidden in enumerate(cell["shapes"]):
            found[f"{len(hidden)} x {hidden[0]}"] = (d[0, i], rank[:, i], right[:, i])
    return found


def _order(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation; ties share their mean rank."""
    from scipy import stats

    return float(stats.spearmanr(x, y).statistic)


def ranks() -> Picture:
    """Accuracy against the effective rank of what the norms can do at the start.

    >>> ranks().title
    'Over 11 shapes accuracy goes with the rank at the start (...) and the count (...)'
    """
    drawn = []
    for cell, key, words in (
        (SHAPES, "first_norm", "1,024 norms, deeper"),
        (DEEP, "bn_only", "128 wide, deeper"),
        (WIDE, "norms_wider", "2 layers, wider"),
    ):
        rank = stored("rank", cell).mean(0)
        drawn.append(Series(key, rank, stored("norms", cell), words))
    shaped = list(_shaped().values())
    right = np.array([each.mean() for *_, each in shaped])
    with_rank = _order(np.array([each.mean() for _, each, _ in shaped]), right)
    with_count = _order(np.array([d for d, *_ in shaped]), right)
    equal = stored("rank", SHAPES).mean(0), stored("norms", SHAPES).mean(0)
    return curves(
        drawn,
        title=f"Over {len(shaped)} shapes accuracy goes with the rank at the start "
        f"({with_rank:.2f}) and the count ({with_count:.2f})",
        xlabel="effective rank of d logits / d norms",
        ylabel="test accuracy",
        note=f"{_SHAPES}; ranks of {SHAPES['seen']} images' logits, means; in brackets "
        f"Spearman's rank correlation of means; with the rank among the {len(EQUAL)} "
        f"shapes of one count {_order(*equal):.2f}",
    )


def rank_table() -> Table:
    """Count, rank and accuracy of every shape, in the order of accuracy.

    >>> rank_table().columns
    ('layers x width', 'norms', 'effective rank', 'accuracy, %')
    """
    shaped = sorted(_shaped().items(), key=lambda item: item[1][2].mean())
    return table(
        ["layers x width", "norms", "effective rank", "accuracy, %"],
        [
            [name, f"{d:,}", spread(rank, 1), spread(right)]
            for name, (d, rank, right) in shaped
        ],
        caption="Effective rank of how the norms move the logits of "
        f"{SHAPES['seen']} images before training, and accuracy of the norms after it; "
        f"{_SHAPES}",
    )


def residual_shapes() -> Picture:
    """Residual networks, deeper or wider: ours, and the paper's.

    >>> residual_shapes().title
    'ResNet-8 twice as wide, 672 norms, reads ... %; deeper in its place, ResNet-14 ...'
    """
    ours = []
    for cells, key, words in (
        (DEPTHS, "bn_only", "deeper, garments"),
        (WIDTHS, "norms_wider", "wider, garments"),
    ):
        d = np.array([stored("norms d", cell)[0] for cell in cells])
        right = np.stack([stored("norms", cell) for cell in cells], 1)
        ours.append(Series(key, d, right, words))
    deep = np.array([resnet_numbers(depth)["norms"] for depth in PAPER_DEPTH])
    wide = np.array([resnet_numbers(14, 16 * each)["norms"] for each in PAPER_WIDTH])
    theirs = [
        Series(key, d, np.array(list(read.values())) / 100, words)
        for key, d, read, words in (
            ("bn_only", deep, PAPER_DEPTH, "paper, deeper, CIFAR-10"),
            ("norms_wider", wide, PAPER_WIDTH, "paper, wider, CIFAR-10"),
        )
    ]
    wider = stored("norms", WIDTHS[-1])
    less, more = (_points(wider, stored("norms", cell)) for cell in DEPTHS[1:])
    return curves(
        [*ours, *theirs],
        title=f"ResNet-8 twice as wide, 672 norms, reads {percent(wider)} %; deeper in "
        f"its place, ResNet-14 with 560 adds {less}, ResNet-20 with 784 {more}",
        xlabel="norms: two numbers a feature",
        ylabel="test accuracy",
        note=f"book scale: stored runs, Fashion-MNIST, {_RESNET.split(', ', 1)[1]}, "
        f"ResNet-8, -14 and -20 of 8 channels, ResNet-8 of 4, 8, 16, {FIVE}; the "
        "paper's read off its figure: all of CIFAR-10, 160 passes, not checked against "
        "the paper",
    )


def paper() -> Table:
    """The paper's residual networks by depth and width, and ours.

    >>> paper().rows[0][:3]
    ('ResNet-14', '1,120', '175,258')
    """
    lines = []
    for depth, read in PAPER_DEPTH.items():
        count = resnet_numbers(depth)
        again = AGAIN_DEPTH.get(depth)
        lines.append(
            [
                f"ResNet-{depth}",
                f"{count['norms']:,}",
                f"{count['all']:,}",
                f"about {read:g}",
                f"about {PAPER_ONES[depth]:g}",
                f"{again:.1f}" if again else "",
                "",
            ]
        )
    for times, read in list(PAPER_WIDTH.items())[1:]:
        count = resnet_numbers(14, 16 * times)
        again = AGAIN_WIDTH.get(times)
        names = [f"ResNet-14, {times} times as wide"]
        names += [f"{count[each]:,}" for each in ("norms", "all")]
        lines.append(
            [*names, f"about {read:g}", "", f"{again:.1f}" if again else "", ""]
        )
    for cell in sorted([*DEPTHS, WIDTHS[0], WIDTHS[2]], key=_size):
        count = resnet_numbers(*_size(cell), channels=1)
        lines.append(
            [
                f"ResNet-{cell['depth']} of {cell['width']} channels",
                f"{count['norms']:,}",
                f"{count['all']:,}",
                *([""] * 3),
                spread(stored("norms", cell)),
            ]
        )
    return table(
        ["network", "norms", "all numbers", "paper, %", "gamma from 1, %"]
        + ["others again, %", "ours, %"],
        lines,
        caption="Accuracy of the norms. The paper's: all of CIFAR-10, 160 passes, the "
        "first stage of 16 channels; read off a figure of its first version, not "
        "checked against the paper, whose abstract says 82 % of ResNet-866. Others "
        f"again: from their published logs. Ours is another task: garments, "
        f"{_RESNET.split(', ', 1)[1]}; "
        f"{STORED}",
    )


def _size(cell: Row) -> tuple[int, int]:
    return cell["depth"], cell["width"]


def slice_of_cifar() -> Table:
    """That the code runs on colour images: a slice of CIFAR-10, two passes.

    >>> [line[0] for line in slice_of_cifar().rows]
    ['norms', 'all weights']
    """
    return table(
        ["trained", "numbers", "accuracy, %"],
        [
            [
                KEYS[arm][1],
                f"{stored(f'{arm} d', CIFAR)[0]:,}",
                spread(stored(arm, CIFAR)),
            ]
            for arm in CIFAR["arms"]
        ],
        caption=f"{CIFAR['images']:,} images of CIFAR-10, {CIFAR['epochs']} passes, "
        "ResNet-8 of 8 channels, 16 x 16 pixels: it shows that the code runs, and "
        f"nothing about the paper's numbers; {STORED}",
    )


# ----------------------------------------------------------------------------
# Two dimensions
# ----------------------------------------------------------------------------

_SPIRALS = (
    f"two spirals of {PLANE['turns']:g} turns, {PLANE['points']:,} points, "
    f"{PLANE['epochs']} passes, each shape and arm at the best of {len(PLANES)} rates, "
    "by the stored runs"
)


def _tuned(arm: str) -> tuple[np.ndarray, list[Row]]:
    """What an arm reads of each shape at its best rate, (S, shapes); those cells."""
    each = np.stack([stored(arm, cell) for cell in PLANES])
    best = each.mean(1).argmax(0)
    cells = [PLANES[i] for i in best]
    return np.stack([each[b, :, i] for i, b in enumerate(best)], 1), cells


def two_spirals() -> Picture:
    """Accuracy on two spirals of 256 features in one, two or four layers.

    >>> two_spirals().title
    '512 norms tell ... % of two spirals apart in one layer, ... % in four; with ...'
    """
    at = [i for i, hidden in enumerate(PLANE["shapes"]) if sum(hidden) == 256]
    layers = np.array([len(PLANE["shapes"][i]) for i in at])
    names = ("norms", "norms+output", "all")
    read = {name: _tuned(name)[0][:, at] for name in names}
    ends = {name: [percent(read[name][:, i]) for i in (0, -1)] for name in names}
    return curves(
        [Series(KEYS[name][0], layers, read[name], KEYS[name][1]) for name in names],
        title=f"512 norms tell {ends['norms'][0]} % of two spirals apart in one layer, "
        f"{ends['norms'][1]} % in four; with the last layer "
        f"{ends['norms+output'][0]} and {ends['norms+output'][1]} %",
        xlabel="hidden layers; 256 features in all",
        ylabel="test accuracy",
        note=f"book scale: stored runs, {_SPIRALS}, {FIVE}",
        hlines=[(0.5, "chance")],
        xlog=False,
    )


def spiral_shapes() -> Table:
    """Accuracy on two spirals by shape and by what is trained.

    >>> spiral_shapes().columns[:2]
    ('layers x width', 'norms')
    """
    d = stored("d", PLANE)[0]
    names = ("norms", "norms+output", "all")
    read = {name: _tuned(name)[0] for name in names}
    return table(
        ["layers x width", "norms", *(f"{KEYS[name][1]}, %" for name in names)],
        [
            [f"{len(hidden)} x {hidden[0]}", f"{d[i]:,}"]
            + [spread(read[name][:, i]) for name in names]
            for i, hidden in enumerate(PLANE["shapes"])
        ],
        caption=f"Test accuracy; {_SPIRALS}; {STORED}",
    )


_TRAINED = ("drawn", "norms", "+ last", "all")


def planes() -> Picture:
    """What networks say over the plane, by shape and training. Computed when called.

    >>> planes().title
    'With norms alone one layer of 256 tells ... % of the points apart, four of 64 ...'
    """
    x, y = spirals(2 * PLANE["points"], 0, PLANE["turns"])
    half = len(x) // 2
    known = (x[:half], y[:half], x[half:], y[half:])
    data = Dataset(*known, "spirals", "drawn", "drawn", classes=2)
    shown, labels, read = [], [], []
    for hidden, words in (([256], "256"), ([64] * 4, "4 x 64")):
        net = bn_mlp(2, *hidden, 2)
        first = net.init(0)
        drawn: list[tuple[np.ndarray, State | None]]
        drawn = [(first, statistics(net, first, x[:half]))]
        for arm in ("norms", "norms+output", "all"):
            cell = _tuned(arm)[1][PLANE["shapes"].index(hidden)]
            lr = {**study.RATES["mlp"], **cell["rates"]}[arm]
            done = fit(net, Only(net, arm), data, lr=lr, epochs=PLANE["epochs"])
            drawn.append((done.theta, done.state))
            read += [done.test_accuracy] if arm == "norms" else []
        for (theta, state), what in zip(drawn, _TRAINED, strict=True):
            logits = plane(net, theta, state)[::-1]
            shown.append(np.tanh((logits[..., 1] - logits[..., 0]) / 2))
            labels.append(f"{words}, {what}")
    return tiles(
        np.stack(shown),
        labels=labels,
        columns=4,
        title=f"With norms alone one layer of 256 tells {percent(read[0])} % of the "
        f"points apart, four of 64 {percent(read[1])} %",
        note=f"Computed here, seed 0: {_SPIRALS}; from left to right as drawn, norms, "
        "norms and last layer, all weights; above one layer of 256 features, below "
        "four of 64; red where it says 1, blue where 0",
        across=4,
    )


# ----------------------------------------------------------------------------
# What becomes of gamma
# ----------------------------------------------------------------------------

ONES: Row = {**DECAYED, "gamma": "ones"}
NORMAL: Row = {**DECAYED, "gamma": "normal"}
ALL: Row = {**GAMMAS, "pieces": "all", "decay": 1e-3}


def _histogram(cell: Row) -> np.ndarray:
    """Shares of all gammas in bins of 0.1, (S, 30)."""
    counts = stored("counts", cell).reshape(5, -1, 2).sum(2)
    shares: np.ndarray = counts / counts.sum(1, keepdims=True)
    return shares


def _middles() -> np.ndarray:
    found: np.ndarray = (EDGES[:-1:2] + EDGES[2::2]) / 2
    return found


def _smalls(cell: Row) -> np.ndarray:
    """The share of all gammas below 0.01, by seed; layers are equally wide."""
    shares: np.ndarray = stored("small", cell).mean(1)
    return shares


def decays() -> Picture:
    """Histograms of gamma after training, by decay.

    >>> decays().title
    'Started from 0 to 1, ... % of gammas end below 0.01 without decay, ... % with ...'
    """
    x = _middles()
    levels = ((0.0, "undecayed"), (5e-4, "half_decayed"), (DECAYS[-1], "bn_only"))
    drawn = []
    for decay, key in levels:
        cell = {**GAMMAS, "decay": decay}
        drawn.append(Series(key, x, _histogram(cell), f"decay {decay:g}"))
    start = ((x > 0) & (x < 1)) / 10
    ends = [percent(_smalls({**GAMMAS, "decay": each[0]})) for each in levels]
    return curves(
        [*drawn, Series("paper", x, start, "before training")],
        title=f"Started from 0 to 1, {ends[0]} % of gammas end below 0.01 without "
        f"decay, {ends[-1]} % with {DECAYS[-1]:g}",
        xlabel="gamma",
        ylabel="share of gammas",
        note=f"{_GAMMAS}; bins of 0.1, the outer ones hold what lies beyond",
        xlog=False,
    )


def start_histograms() -> Picture:
    """Histograms of gamma after training with the same decay, by start.

    >>> start_histograms().title
    'With a decay of 0.002 gammas below 0.01 are ... % from 0 to 1, ... % from 1, ...'
    """
    x = _middles()
    cells = {
        "bn_only": (DECAYED, "from 0 to 1"),
        "ones_start": (ONES, "from 1"),
        "normal_values": (NORMAL, "from N(0, 1)"),
    }
    shares = [f"{percent(_smalls(cell))} % {words}" for cell, words in cells.values()]
    return curves(
        [
            Series(key, x, _histogram(cell), words)
            for key, (cell, words) in cells.items()
        ],
        title=f"With a decay of {DECAYED['decay']:g} gammas below 0.01 are "
        f"{', '.join(shares)}",
        xlabel="gamma",
        ylabel="share of gammas",
        note=f"{_GAMMAS}; bins of 0.1, the outer ones hold what lies beyond",
        xlog=False,
    )


def shares() -> Picture:
    """The share of gammas below 0.01 against how far decay alone would shrink them.

    >>> shares().title
    'Without decay ... % of gammas end below 0.01, where it shrinks about as far ...'
    """
    levels = [0.0, *DECAYS]
    uniform = [{**GAMMAS, "decay": decay} for decay in levels]
    ones = [{**GAMMAS, "gamma": "ones"}, ONES]

    def series(key: str, cells: list[Row], words: str) -> Series:
        shrink = np.array([stored("shrink", cell)[0] for cell in cells])
        return Series(key, shrink, np.stack([_smalls(c) for c in cells], 1), words)

    return curves(
        [
            series("bn_only", uniform, "from 0 to 1"),
            series("ones_start", ones, "from 1"),
            series("normal_values", [NORMAL], "from N(0, 1)"),
            series("direct", [ALL], "all trained, from 0 to 1"),
        ],
        title=f"Without decay {percent(_smalls(GAMMAS))} % of gammas end below 0.01, "
        f"where it shrinks about as far as in the paper {percent(_smalls(DECAYED))} %; "
        f"from 1 {percent(_smalls(ones[0]))} and {percent(_smalls(ONES))} %",
        xlabel="decay x sum of rates / (1 - momentum)",
        ylabel="share of |gamma| < 0.01",
        note=f"{_GAMMAS}; decay alone would leave exp(-x) of a number",
        hlines=[(THIRD, "the paper's third")],
        vlines=[(PAPER_SHRINK, "the paper's schedule")],
        xlog=False,
    )


def starts() -> Table:
    """Gammas by start and decay: how many are small in each layer, and accuracy.

    >>> starts().columns[:3]
    ('start', 'decay', 'before, %')
    """
    ones = {**GAMMAS, "gamma": "ones"}
    cells = [GAMMAS, *({**GAMMAS, "decay": decay} for decay in DECAYS)]
    cells += [ones, ONES, NORMAL, ALL]
    words = {"uniform": "from 0 to 1", "ones": "from 1", "normal": "from N(0, 1)"}
    lines = []
    for cell in cells:
        name = words[cell["gamma"]]
        name += ", all trained" if cell["pieces"] == "all" else ""
        layers = " / ".join(percent(each) for each in stored("small", cell).T)
        lines.append(
            [
                name,
                f"{cell['decay']:g}",
                percent(stored("before", cell)),
                spread(_smalls(cell)),
                layers,
                percent(stored("negative", cell)),
                spread(stored("test", cell)),
            ]
        )
    return table(
        ["start", "decay", "before, %", "|gamma| < 0.01, %", "by layer, %"]
        + ["negative, %", "accuracy, %"],
        lines,
        caption="Gammas below 0.01 before and after training, how many end negative, "
        f"and test accuracy; {_GAMMAS}",
    )


# ----------------------------------------------------------------------------
# Features taken out
# ----------------------------------------------------------------------------


def removal() -> Picture:
    """Accuracy without the features of small gamma, and without as many others.

    >>> removal().title
    'Without the ... % of features below 0.01 accuracy changes by ... points, ...'
    """
    t = np.array(DECAYED["thresholds"])
    read = {key: stored(key, DECAYED) for key in ("removed", "random", "silenced")}
    test, at = stored("test", DECAYED), DECAYED["thresholds"].index(0.01)
    share = percent(stored("share", DECAYED)[:, at], 0)
    changed = {key: _change(test, each[:, at]) for key, each in read.items()}
    return curves(
        [
            Series("bn_only", t, read["removed"], "small ones removed"),
            Series("silenced", t, read["silenced"], "relu(beta) gone too"),
            Series("control", t, read["random"], "as many at random"),
        ],
        title=f"Without the {share} % of features below 0.01 accuracy changes by "
        f"{changed['removed']} points, without as many others by {changed['random']}, "
        f"with relu(beta) gone too by {changed['silenced']}",
        xlabel="threshold: |gamma| below it is removed",
        ylabel="test accuracy",
        note=f"{_GAMMAS}; decay {DECAYED['decay']:g}, nothing trained afterwards, "
        f"others: mean of {DECAYED['draws']} draws",
        hlines=[(float(test.mean()), "whole")],
    )


def removals() -> Table:
    """What is left, and what it reads, by decay and by threshold.

    >>> removals().columns[:3]
    ('decay', 'threshold', 'removed, %')
    """
    lines = []
    for decay in (0.0, 1e-3, DECAYS[-1]):
        cell = {**GAMMAS, "decay": decay}
        test = stored("test", cell)
        for i, threshold in enumerate(cell["thresholds"]):
            parts = [stored(each, cell)[:, i] for each in ("removed", "random")]
            lines.append(
                [
                    f"{decay:g}",
                    f"{threshold:g}",
                    percent(stored("share", cell)[:, i]),
                    f"{stored('D', cell)[:, i].mean():,.0f}",
                    *(_points(test, each) for each in parts),
                    _change(test, stored("silenced", cell)[:, i]),
                ]
            )
    whole = bn_mlp(196, *GAMMAS["hidden"], 10).layout.size
    return table(
        ["decay", "threshold", "removed, %", "numbers left", "without them"]
        + ["without as many others", "relu(beta) gone too"],
        lines,
        caption=f"Features with |gamma| below the threshold, how many of the network's "
        f"{whole:,} numbers are left without them, and by how many points accuracy "
        "changes when they, or as many others of the same layers, are taken out; "
        f"nothing is trained afterwards; {_GAMMAS}",
    )


# ----------------------------------------------------------------------------
# Features that are never on
# ----------------------------------------------------------------------------

_NEVER = f"on: for at least one of {GAMMAS['test']:,} test images; {_GAMMAS}"


def never() -> Picture:
    """Features that are on for no image, those of small gamma, and both, by decay.

    >>> never().title
    'Without decay ... % of the features are never on and ... % small; at 0.002 ...'
    """
    cells = [{**never_on.BASE, "decay": decay} for decay in (0.0, *DECAYS)]
    read = {
        key: np.stack([never_on.STUDY.results(key, **cell) for cell in cells], 1)
        for key in ("never", "small", "both")
    }
    last = {key: read[key][:, -1].mean() for key in read}
    x = 1e3 * np.array([cell["decay"] for cell in cells])
    return curves(
        [
            Series("control", x, read["never"], "never on"),
            Series("bn_only", x, read["small"], "|gamma| < 0.01"),
            Series("silenced", x, read["both"], "both"),
        ],
        title=f"Without decay {percent(read['never'][:, 0])} % of the features are "
        f"never on and {percent(read['small'][:, 0])} % small; at {DECAYS[-1]:g} "
        f"{percent(last['never'])} %, {percent(last['small'])} %, and of the small "
        f"{percent(last['both'] / last['small'], 0)} % are never on",
        xlabel="decay, thousandths",
        ylabel="share of features",
        note=_NEVER,
        xlog=False,
    )


def never_table() -> Table:
    """Features that are never on, by start, decay, rate and what is trained.

    >>> never_table().columns[:4]
    ('trained', 'start', 'decay', 'rate')
    """
    words = {"uniform": "from 0 to 1", "ones": "from 1"}
    lines = []
    for cell in never_on.grid("book"):
        read = {
            key: never_on.STUDY.results(key, **cell)
            for key in ("before", "never", "small", "both", "test", "removed", "random")
        }
        name = KEYS[cell["pieces"]][1]
        line = [name, words[cell["gamma"]], f"{cell['decay']:g}", f"{cell['lr']:g}"]
        line += [percent(read["before"])]
        line += [spread(read[key]) for key in ("never", "small", "both", "test")]
        line += [_points(read["test"], read[key]) for key in ("removed", "random")]
        lines.append(line)
    return table(
        ["trained", "start", "decay", "rate", "never on before, %", "never on, %"]
        + ["|gamma| < 0.01, %", "both, %", "accuracy, %", "without the never on"]
        + ["without as many others"],
        lines,
        caption="Shares of all features, accuracy, and by how many points it changes "
        "when those that are never on, or as many others of the same layers, are taken "
        "out; " + _NEVER.replace(f" of SGD at {GAMMAS['lr']:g}", " of SGD"),
    )


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------

BOTH: Row = {**COMMON, "pieces": "norms+output"}
_TWIN = (
    "784-300-100-10 with a norm before each ReLU and a bias, "
    f"{COMMON['images']:,} digits, {COMMON['epochs']} passes"
)


def messages() -> Picture:
    """Decoded accuracy against bytes, statistics folded in or computed anew.

    >>> messages().title
    'Norms at 6 bits a number: ... bytes read ... % with statistics folded in, ...'
    """
    drawn = []
    for cell, keys in (
        (COMMON, ("bn_only", "norms_anew")),
        (BOTH, ("norms_output", "norms_output_anew")),
    ):
        name = KEYS[cell["pieces"]][1].replace("last layer", "last")
        for key, size, measure, how in (
            (keys[0], "bytes", "decoded", "folded"),
            (keys[1], "anew bytes", "anew", "anew"),
        ):
            x = stored(size, cell).mean(0)
            drawn.append(Series(key, x, stored(measure, cell), f"{name}, {how}"))
    lengths = [stored(each, COMMON).mean(0) for each in ("bytes", "anew bytes")]
    right = [stored(each, COMMON) for each in ("decoded", "anew")]
    at, last = COMMON["bits"].index(6), COMMON["bits"].index(3)
    coarse = " and ".join(percent(each[:, last]) for each in right)
    return curves(
        drawn,
        title=f"Norms at 6 bits a number: {lengths[0][at]:,.0f} bytes read "
        f"{percent(right[0][:, at])} % with statistics folded in, "
        f"{lengths[1][at]:,.0f} bytes {percent(right[1][:, at])} % with statistics "
        f"computed anew; at 3 bits {coarse} %",
        xlabel="bytes of the message",
        ylabel="decoded accuracy",
        note=f"book scale: stored runs, {_TWIN}, {min(COMMON['bits'])} to "
        f"{max(COMMON['bits'])} bits a number, {FIVE}; anew: from "
        f"{study.RECEIVED:,} images without labels",
    )


def bits() -> Table:
    """Bytes and decoded accuracy of messages, by what is sent and how finely.

    >>> bits().columns[:3]
    ('sent', 'bits a number', 'bytes, folded')
    """
    lines = []
    for cell in (COMMON, BOTH):
        d, test = stored("d", cell)[0], percent(stored("test", cell))
        for i, count in enumerate(cell["bits"]):
            line = [f"{KEYS[cell['pieces']][1]}, {d:,}: {test} %", str(count)]
            for size, right in (("bytes", "decoded"), ("anew bytes", "anew")):
                line.append(f"{stored(size, cell)[:, i].mean():,.0f}")
                line.append(spread(stored(right, cell)[:, i]))
            lines.append(line)
    return table(
        ["sent", "bits a number", "bytes, folded", "decoded, %", "bytes, anew"]
        + ["decoded anew, %"],
        lines,
        caption="What is sent, how many numbers, and accuracy before rounding. Folded: "
        "statistics are in gamma and beta; anew: the receiver computes them from "
        f"{study.RECEIVED:,} images without labels. {_TWIN}; {STORED}",
    )


_BOOK: Row = {"scale": "book", "part": "common"}
CASES = [
    row.Case("bn_only", "norms", study.STUDY, {**_BOOK, "pieces": "norms"}),
    row.Case(
        "norms_output",
        "norms and last layer",
        study.STUDY,
        {**_BOOK, "pieces": "norms+output"},
    ),
    row.subspace(750),
]
_OWN = "norms: a twin of that network with norms and a last bias, statistics folded in"


def common() -> Table:
    """The common row: norms beside a subspace and the controls.

    >>> common().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    found = row.rows(CASES)
    return replace(found, caption=f"{found.caption}; {_OWN}")


def common_rates() -> Picture:
    """Decoded accuracy against bits, for norms and the controls.

    >>> common_rates().title
    'Norms in ... bits read ... %, with the last layer ... bits ... %, a subspace ...'
    """
    read = row.read(CASES)
    words = []
    for case in CASES:
        each = read[case.name]
        right = percent(each.decoded[:, each.best])
        words.append(f"{each.bits[each.best]:,.0f} bits read {right} %")
    found = row.rates(
        read,
        f"Norms in {words[0]}, with the last layer {words[1]}, a subspace in "
        f"{words[2]}",
    )
    return replace(found, note=f"{found.note}; {_OWN}", alt=f"{found.alt} {_OWN}.")


# ----------------------------------------------------------------------------
# Fewer numbers still
# ----------------------------------------------------------------------------


def _subspace(d: int) -> np.ndarray:
    wanted = {"scale": "book", "images": 8_000, "net": "common", "d": d}
    return subspaces.STUDY.results("test", **wanted)


def composed() -> Picture:
    """Accuracy of the norms in a random subspace, against its dimension.

    >>> composed().title
    'Of 800 norms a random subspace of 100 dimensions reads ... %, of 400 ... %, ...'
    """
    d, read = np.array(COMPOSED["d"]), stored("test", COMPOSED)
    whole = stored("test", COMMON)
    count = int(stored("d", COMMON)[0])
    others = np.stack([_subspace(each) for each in (200, 750)], 1)
    shown = [f"{COMPOSED['d'][i]} {percent(read[:, i])} %" for i in (2, -1)]
    return curves(
        [
            Series("norms_subspace", d, read, "subspace of the norms"),
            Series("subspace", np.array([200, 750]), others, "subspace of all weights"),
            Series("bn_only", np.array([count]), whole[:, None], "norms"),
        ],
        title=f"Of {count} norms a random subspace of "
        f"{shown[0].replace(' ', ' dimensions reads ', 1)}, of {shown[1]}, all of them "
        f"{percent(whole)} %; 200 dimensions of all weights {percent(others[:, 0])} %",
        xlabel="d, numbers that are trained",
        ylabel="test accuracy",
        note=f"book scale: stored runs, {_TWIN}, {FIVE}; all weights: the same network "
        "without norms and bias",
    )


def few_numbers() -> Table:
    """Norms in a random subspace: accuracy, bytes, and what is decoded.

    >>> few_numbers().columns
    ('d', 'accuracy, %', 'bytes', 'decoded, %')
    """
    lines = []
    for i, d in enumerate(COMPOSED["d"]):
        size = stored("bytes", COMPOSED)[:, i].mean()
        right = [spread(stored(each, COMPOSED)[:, i]) for each in ("test", "decoded")]
        lines.append([str(d), right[0], f"{size:,.0f}", right[1]])
    return table(
        ["d", "accuracy, %", "bytes", "decoded, %"],
        lines,
        caption=f"Norms in a random subspace of d dimensions, {COMPOSED['bits'][0]} "
        "bits a number, statistics computed anew by the receiver from "
        f"{study.RECEIVED:,} images; {_TWIN}; {STORED}",
    )


# ----------------------------------------------------------------------------
# Time
# ----------------------------------------------------------------------------


def costs() -> Table:
    """Milliseconds of a step, by what is trained. Computed when called.

    >>> costs().columns
    ('trained', 'numbers', 'dense, ms', 'numbers', 'ResNet-8, ms')
    """
    random = np.random.default_rng(0)
    nets = [(bn_mlp(784, 256, 256, 10), (784,)), (resnet(8, 8, 1), (1, 14, 14))]
    lines = []
    for arm in SOME:
        line = [KEYS[arm][1]]
        for net, shape in nets:
            x = random.normal(size=(128, *shape)).astype(np.float32)
            y = random.integers(0, 10, 128)
            g = Only(net, arm)
            line += [f"{g.layout.size:,}", f"{1e3 * _step(g, x, y):.1f}"]
        lines.append(line)
    return table(
        ["trained", "numbers", "dense, ms", "numbers", "ResNet-8, ms"],
        lines,
        caption="Computed here: CPU milliseconds of one step on 128 images, the "
        "shortest of 7. Whatever is trained, the gradient goes back through all frozen "
        "layers behind it.",
    )


def _step(g: Only, x: np.ndarray, y: np.ndarray) -> float:
    """Seconds of a step of training."""
    phi = Tensor(g.init(0), requires_grad=True)
    mover, state, taken = Adam(phi), None, []
    for _ in range(8):
        started = time.process_time()
        logits, state = g.net(g(phi, train=True), x, state=state, train=True)
        cross_entropy(logits, y).backward()
        mover.step()
        taken.append(time.process_time() - started)
    return min(taken[1:])
