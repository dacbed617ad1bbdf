"""What the chapter "Indirect encoding" shows of static hypernetworks, one call each.

Every function reads the committed rows and takes no argument; titles are computed
from what was read.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from minitorch.models import conv7
from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.stats import Paired, mean_interval, paired
from minitorch.studies import common, cppn, left_alone, subspaces
from minitorch.studies import hypernets as study
from minitorch.studies.common import Case
from minitorch.studies.store import Row
from minitorch.weird import Hypernetwork

CONV: Row = {"scale": "book", "net": "conv7"}
TRAINED: Row = {**CONV, "kind": "hypernet", "init": "hyperfan-in"}
NOTE = (
    f"book scale: stored runs, one pass over {study.BOOK['images']:,} digits of MNIST, "
    "tested on 10,000, 5 seeds, 95 % intervals"
)
DEPTH_NOTE = (
    "book scale: stored runs, layers of 64, two passes over the embedded digits "
    "8,000/2,000, 5 seeds, 95 % intervals"
)
NS, DEPTHS = np.array(study.NS, float), np.array(study.DEPTHS, float)

_STARTS = {  # of depth(): the key of a style, and a label
    "": ("direct", "direct, He's start"),
    "plain": ("small_start", "written, 0.01"),
    "he": ("he_start", "written, He's start"),
    "hyperfan-in": ("hypernet", "written, hyperfan-in"),
}


def gap(n: int = 4) -> Paired:
    """Say what training the generator bought: test accuracy, less a frozen one's.

    >>> gap(4).low < gap(4).difference < gap(4).high
    True
    """
    trained, frozen = (
        study.STUDY.results(**{**TRAINED, "kind": kind, "n": n})
        for kind in ("hypernet", "frozen")
    )
    return paired(frozen, trained)


def span(apart: Paired) -> str:
    """Write a difference of accuracies and its interval, in points.

    >>> span(Paired(0.0123, -0.0011, 0.0250, 0.1))
    '+1.23 (-0.11 to +2.50)'
    """
    mean, low, high = (100 * value for value in apart[:3])
    return f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"


def overview() -> Picture:
    """Test accuracy of the paper's network: direct, written, and three controls.

    >>> overview().title
    'Written by 4,244 numbers ... % are read, directly trained ... frozen ...'
    """
    found = {
        "direct": study.STUDY.results(**CONV, kind="direct"),
        "hypernet": study.STUDY.results(**TRAINED, n=4),
        "frozen_generator": study.STUDY.results(**CONV, kind="frozen", n=4),
        "random_layer": left_alone.STUDY.results(scale="book"),
    }
    straight, written, frozen, random = (
        f"{100 * test.mean():.1f}" for test in found.values()
    )
    return methods(
        list(found),
        list(found.values()),
        title=f"Written by 4,244 numbers {written} % are read, directly trained "
        f"{straight} %; by a frozen generator {frozen} %, with a random layer "
        f"{random} %",
        xlabel="test accuracy",
        note=f"{NOTE}; only the second layer's 12,544 kernel weights are written, "
        "or left as they were drawn",
    )


def counts() -> Table:
    """Numbers stored, degrees of freedom and accuracy, by the size of an embedding.

    One tile of I channels in, with h = n, has I n + M (n + 1) - n (n + 1) of them, and
    no more than weights; `minitorch.weird.hypernet.degrees_of_freedom` counts the same.

    >>> print([row[:3] for row in counts().rows][1])
    ('4', '4,244', '3,964')
    """
    straight = study.STUDY.results(**CONV, kind="direct")
    rows = []
    for n in study.NS:
        g = Hypernetwork(conv7(), n=n)
        inputs, M = 16, math.prod(g.layout.shapes["b1"])
        free = min(inputs * n + M * (n + 1) - n * (n + 1), inputs * M)
        ranks = study.STUDY.results("rank", **TRAINED, n=n)
        less = paired(straight, study.STUDY.results(**TRAINED, n=n))
        rank = round(float(ranks.mean()), 1)
        rows.append([n, g.written, free, inputs * M, rank, span(less)])
    return table(
        [
            *("n", "numbers", "degrees of freedom", "weights written"),
            *("rank, trained", "points above direct"),
        ],
        rows,
        caption="What writes the second layer's kernels, a matrix of rank 16 at most; "
        f"{NOTE}",
    )


def embeddings() -> Picture:
    """Accuracy against the size of an embedding, generator trained or frozen.

    >>> embeddings().title
    'Trained less frozen generator, in points: ... at n = 1, ...'
    """
    curve = {
        kind: np.array(
            [
                study.STUDY.results(**CONV, kind=kind, init="hyperfan-in", n=n)
                for n in study.NS
            ]
        ).T
        for kind in ("hypernet", "frozen")
    }
    gaps = {n: gap(n) for n in study.NS}
    sure = [str(n) for n, found in gaps.items() if found.low > 0 or found.high < 0]
    words = [f"{100 * found.difference:+.1f} at n = {n}" for n, found in gaps.items()]
    where = f"only at n = {', '.join(sure)} does" if sure else "nowhere does"
    where += " the interval of a difference leave 0 out"
    if len(sure) == len(gaps):
        where = "each time the interval of the difference leaves 0 out"
    return curves(
        [
            Series("hypernet", NS, curve["hypernet"], "generator trained"),
            Series("frozen_generator", NS, curve["frozen"], "generator frozen"),
        ],
        title=f"Trained less frozen generator, in points: {', '.join(words)}; {where}",
        xlabel="numbers in an embedding n",
        ylabel="test accuracy",
        note=f"{NOTE}; frozen: a random subspace",
        hlines=[
            (study.STUDY.results(**CONV, kind="direct").mean(), "direct"),
            (left_alone.STUDY.results(scale="book").mean(), "layer left random"),
        ],
    )


def starts() -> Table:
    """Accuracy of the paper's network by the start of its generator.

    >>> starts().columns
    ('start', 'test accuracy', 'low', 'high', 'less hyperfan-in', 'low', 'high')
    """
    wanted: Row = {**CONV, "kind": "hypernet", "n": 4}
    good = study.STUDY.results(**wanted, init="hyperfan-in")
    small = study.STUDY.results(**wanted, init="plain")
    apart = [f"{100 * value:+.2f}" for value in paired(good, small)[:3]]
    shown = {"0.01, as in the authors' notebook": (small, apart)}
    shown["hyperfan-in"] = (good, ["", "", ""])
    return table(
        ["start", "test accuracy", "low", "high", "less hyperfan-in", "low", "high"],
        [
            [name, *(f"{value:.1%}" for value in mean_interval(values)), *far]
            for name, (values, far) in shown.items()
        ],
        caption=f"How the generator starts, differences in points; {NOTE}",
    )


def _by_depth(measure: str, init: str) -> np.ndarray:
    """(S, depths)."""
    return np.array(
        [
            study.STUDY.results(measure, scale="book", net=f"deep-{depth}", init=init)
            for depth in study.DEPTHS
        ]
    ).T


def depth() -> Picture:
    """Accuracy of deep networks against depth, by how the generator starts.

    >>> print(depth().title)
    At depth 8 hyperfan-in reads ... %, ... direct training ... at 16 ... against ...
    """
    found = {init: _by_depth("test", init) for init in _STARTS}
    numbers = {init: _by_depth("d", init)[0] for init in ("", "hyperfan-in")}
    at = study.DEPTHS.index(8)
    words = {init: f"{100 * test[:, at].mean():.0f} %" for init, test in found.items()}
    last = {init: f"{100 * test[:, -1].mean():.0f} %" for init, test in found.items()}
    count = {init: f"{d[0]:,} to {d[-1]:,}" for init, d in numbers.items()}
    return curves(
        [
            Series(_STARTS[init][0], DEPTHS, test, _STARTS[init][1])
            for init, test in found.items()
        ],
        title=f"At depth 8 hyperfan-in reads {words['hyperfan-in']}, 0.01 "
        f"{words['plain']}, He's inside {words['he']}, direct training {words['']}; at "
        f"{study.DEPTHS[-1]} hyperfan-in {last['hyperfan-in']} against {last['']}",
        xlabel="layers that are written",
        ylabel="test accuracy",
        note=f"{DEPTH_NOTE}; the same rate for all; a run that diverged counts as 0.1; "
        f"written networks train {count['hyperfan-in']} numbers, direct ones "
        f"{count['']}",
        hlines=[(0.1, "guessing")],
    )


def signals() -> Picture:
    """How large the signal is behind the written layers at the start, against depth.

    >>> print(signals().title)
    Behind 12 layers the signal is ... times as large with hyperfan-in, ...
    """
    found = {init: np.log10(_by_depth("signal", init)) for init in _STARTS}
    at = study.DEPTHS.index(12)
    words = {init: f"10^{size[:, at].mean():.1f}" for init, size in found.items()}
    return curves(
        [
            Series(_STARTS[init][0], DEPTHS, size, _STARTS[init][1])
            for init, size in found.items()
        ],
        title=f"Behind 12 layers the signal is {words['hyperfan-in']} times as large "
        f"with hyperfan-in, {words['he']} with He's inside, and {words['plain']} with "
        "0.01",
        xlabel="layers that are written",
        ylabel="log10 of last layer / first",
        note=f"{DEPTH_NOTE}; before training; means of the logarithm",
        hlines=[(0.0, "as large")],
    )


# ----------------------------------------------------------------------------
# The common row
# ----------------------------------------------------------------------------

_COMMON: Row = {"net": "common", "bits": study.BITS}
_SENT = [
    *(
        Case(key, name, study.STUDY, {**_COMMON, **wanted})
        for key, name, wanted in (
            ("hypernet", "hypernetwork, n = 8", {"kind": "hypernet", "n": 8}),
            ("hypernet", "hypernetwork, n = 16", {"kind": "hypernet", "n": 16}),
            ("frozen_generator", "frozen generator, n = 8", {"kind": "frozen", "n": 8}),
            (
                "frozen_generator",
                "frozen generator, n = 16",
                {"kind": "frozen", "n": 16},
            ),
            (
                "hyper_subspace",
                "subspace of hyper, n = 8",
                {"kind": "subspace", "d": 750},
            ),
            (
                "frozen_subspace",
                "same, generator frozen",
                {"kind": "frozen subspace", "d": 750},
            ),
        )
    ),
    *(
        Case(key, name, cppn.STUDY, cppn.case(kind, {**cppn.COMMON, "bits": cppn.BITS}))
        for key, name, kind in (
            ("cppn", "CPPN writes layer 1", "offsets"),
            ("random_layer", "layer 1 left random", "random"),
        )
    ),
    common.subspace(750),
]


def common_row() -> Table:
    """The common row: bits, decoded accuracy and seconds, beside subspace and controls.

    >>> common_row().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    found = common.read(_SENT)
    painted, random = (
        found[name] for name in ("CPPN writes layer 1", "layer 1 left random")
    )
    apart = paired(
        random.decoded[:, random.best], painted.decoded[:, painted.best]
    )  # the same seeds
    bits = painted.bits[painted.best] / random.bits[random.best]
    shown = common.rows(_SENT)
    return replace(
        shown,
        caption=f"{shown.caption}. A CPPN less a random layer: {span(apart)} points, "
        f"for {bits:.1f} times the bits and {painted.seconds / random.seconds:.0f} "
        "times the seconds",
    )


def common_rates() -> Picture:
    """Decoded accuracy against bits, for the larger of each kind.

    >>> common_rates().title
    'In ... bits a hypernetwork reads ... %, a subspace in ... bits ... %'
    """
    left = ("hypernetwork, n = 8", "frozen generator, n = 8", "layer 1 left random")
    found = {
        name: each for name, each in common.read(_SENT).items() if name not in left
    }
    words = []
    for name in ("hypernetwork, n = 16", "subspace, d = 750"):
        each = found[name]
        best = each.decoded.mean(0).argmax()
        reads = 100 * each.decoded[:, best].mean()
        words.append((f"{each.bits[best]:,.0f}", f"{reads:.1f}"))
    (a, b), (c, d) = words
    return common.rates(
        found, f"In {a} bits a hypernetwork reads {b} %, a subspace in {c} bits {d} %"
    )


def composed() -> Table:
    """A hypernetwork whose own numbers live in a subspace, by d and generator.

    >>> composed().columns
    ('subspace of', 'd', 'bits', 'decoded accuracy', 'low', 'high')
    """
    kinds = {"subspace": "all its numbers", "frozen subspace": "generator frozen"}
    rows, means = [], {}
    for kind, name in kinds.items():
        for d in (200, 750):
            runs = study.STUDY.stored(net="common", kind=kind, d=d)
            decoded = np.array([run["result"]["decoded"] for run in runs])
            best = study.BITS.index(6)
            bits = 8 * runs[0]["result"]["bytes"][best]
            interval = mean_interval(decoded[:, best])
            rows.append([name, d, bits, *interval])
            means[kind, d] = 100 * float(interval[0])
    for d in (200, 750):
        plain = common.read([common.subspace(d)])[f"subspace, d = {d}"]
        at = subspaces.BITS.index(6)
        interval = mean_interval(plain.decoded[:, at])
        rows.append(["the weights themselves", d, round(plain.bits[at]), *interval])
        means["weights", d] = 100 * float(interval[0])
    frozen, moving, plain_ = (
        means[kind, 750] for kind in ("frozen subspace", "subspace", "weights")
    )
    return table(
        ["subspace of", "d", "bits", "decoded accuracy", "low", "high"],
        rows,
        caption=f"At d = 750 a subspace reads {moving:.1f} % through a generator that "
        f"moves, {frozen:.1f} % through a frozen one and {plain_:.1f} % without any; "
        f"6 bits a number; {common.NOTE}",
    )
