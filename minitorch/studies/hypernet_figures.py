"""What the chapter "Indirect encoding" shows of static hypernetworks, one call each.

Every function reads the committed rows and takes no argument; titles are computed
from what was read.
"""

from __future__ import annotations

import math

import numpy as np

from minitorch.models import conv7
from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.stats import mean_interval, paired
from minitorch.studies import common, cppn
from minitorch.studies import hypernets as study
from minitorch.studies.common import Case
from minitorch.studies.store import Row
from minitorch.weird import Hypernetwork

CONV: Row = {"scale": "book", "net": "conv7"}
TRAINED: Row = {**CONV, "kind": "hypernet", "init": "hyperfan-in"}
NOTE = (
    "book scale: stored runs, one pass over 12,000 digits of MNIST, tested on 10,000, "
    "5 seeds, 95 % intervals"
)
DEPTH_NOTE = (
    "book scale: stored runs, layers of 64, two passes over the embedded digits "
    "8,000/2,000, 5 seeds, 95 % intervals"
)
NS, DEPTHS = np.array(study.NS, float), np.array(study.DEPTHS, float)

_STARTS = {  # of depth(): the key of a style, and a label
    "": ("direct", "direct, He's start"),
    "plain": ("control", "written, 0.01"),
    "he": ("coordinates", "written, He's start"),
    "hyperfan-in": ("hypernet", "written, hyperfan-in"),
}


def overview() -> Picture:
    """Test accuracy of the paper's network: direct, written, and by a fixed generator.

    >>> overview().title
    'Written by 4,244 numbers ... % are read, directly trained ..., ... fixed ...'
    """
    found = {
        "direct": study.STUDY.results(**CONV, kind="direct"),
        "hypernet": study.STUDY.results(**TRAINED, n=4),
        "generator fixed": study.STUDY.results(**CONV, kind="frozen", n=4),
    }
    written, straight, fixed = (
        f"{100 * found[name].mean():.1f}"
        for name in ("hypernet", "direct", "generator fixed")
    )
    return methods(
        list(found),
        list(found.values()),
        title=f"Written by 4,244 numbers {written} % are read, directly trained "
        f"{straight} %, by a fixed generator {fixed} %",
        xlabel="test accuracy",
        note=f"{NOTE}; only the second layer's 12,544 kernel weights are written",
    )


def counts() -> Table:
    """Numbers that are stored and degrees of freedom, by the size of an embedding.

    One tile of I channels in, with h = n, has I n + M (n + 1) - n (n + 1) of them, and
    no more than weights; `minitorch.weird.hypernet.degrees_of_freedom` counts the same.

    >>> print([row[:3] for row in counts().rows][1])
    ('4', '4,244', '3,964')
    """
    rows = []
    for n in study.NS:
        g = Hypernetwork(conv7(), n=n)
        inputs, M = 16, math.prod(g.layout.shapes["b1"])
        free = min(inputs * n + M * (n + 1) - n * (n + 1), inputs * M)
        ranks = study.STUDY.results("rank", **TRAINED, n=n)
        rows.append([n, g.written, free, inputs * M, round(float(ranks.mean()), 1)])
    return table(
        ["n", "numbers", "degrees of freedom", "weights written", "rank, trained"],
        rows,
        caption="What writes the second layer's kernels, a matrix of rank 16 at most; "
        f"{NOTE}",
    )


def embeddings() -> Picture:
    """Accuracy against the size of an embedding, generator trained or fixed.

    >>> embeddings().title
    'A trained generator is ... points ... a fixed one at n = 4 ...'
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
    gap = paired(curve["frozen"][:, 1], curve["hypernet"][:, 1])
    low, high, far = (100 * v for v in (gap.low, gap.high, gap.difference))
    word = "above" if far > 0 else "below"
    return curves(
        [
            Series("hypernet", NS, curve["hypernet"], "generator trained"),
            Series("subspace", NS, curve["frozen"], "fixed: a random subspace"),
        ],
        title=f"A trained generator is {abs(far):.1f} points {word} a fixed one at "
        f"n = 4 ({low:+.1f} to {high:+.1f})",
        xlabel="numbers in an embedding n",
        ylabel="test accuracy",
        note=NOTE,
        hlines=[(study.STUDY.results(**CONV, kind="direct").mean(), "direct")],
    )


def starts() -> Table:
    """Accuracy of the paper's network by the start of its generator.

    >>> starts().columns
    ('start', 'test accuracy', 'low', 'high', 'less hyperfan-in', 'low', 'high')
    """
    wanted: Row = {**CONV, "kind": "hypernet", "n": 4}
    good = study.STUDY.results(**wanted, init="hyperfan-in")
    small = study.STUDY.results(**wanted, init="plain")
    apart = [f"{100 * value:+.1f}" for value in paired(good, small)[:3]]
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
    At depth 8 hyperfan-in reads ... %, 0.01 ... %, ... direct training ... %
    """
    found = {init: _by_depth("test", init) for init in _STARTS}
    at = study.DEPTHS.index(8)
    words = {init: f"{100 * test[:, at].mean():.0f} %" for init, test in found.items()}
    return curves(
        [
            Series(_STARTS[init][0], DEPTHS, test, _STARTS[init][1])
            for init, test in found.items()
        ],
        title=f"At depth 8 hyperfan-in reads {words['hyperfan-in']}, 0.01 "
        f"{words['plain']}, He's inside {words['he']}, direct training {words['']}",
        xlabel="layers that are written",
        ylabel="test accuracy",
        note=f"{DEPTH_NOTE}; the same rate for all; a run that diverged counts as 0.1",
        hlines=[(0.1, "guessing")],
    )


def signals() -> Picture:
    """How large the signal is behind the written layers at the start, against depth.

    >>> print(signals().title)
    Behind 12 layers the signal is ... times as large with hyperfan-in, ...
    """
    found = {init: _by_depth("signal", init) for init in _STARTS}
    at = study.DEPTHS.index(12)
    words = {init: f"{np.median(size[:, at]):.1g}" for init, size in found.items()}
    return curves(
        [
            Series(
                _STARTS[init][0],
                DEPTHS,
                np.log10(size),
                _STARTS[init][1],
            )
            for init, size in found.items()
        ],
        title=f"Behind 12 layers the signal is {words['hyperfan-in']} times as large "
        f"with hyperfan-in, {words['he']} with He's inside, and {words['plain']} with "
        "0.01",
        xlabel="layers that are written",
        ylabel="log10 of last layer / first",
        note=f"{DEPTH_NOTE}; before training",
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
            ("coordinates", "generator fixed, n = 8", {"kind": "frozen", "n": 8}),
            ("coordinates", "generator fixed, n = 16", {"kind": "frozen", "n": 16}),
            ("low_rank", "subspace of hyper, n = 8", {"kind": "subspace", "d": 750}),
            (
                "fastfood",
                "same, generator fixed",
                {"kind": "frozen subspace", "d": 750},
            ),
        )
    ),
    *(
        Case(key, name, cppn.STUDY, cppn.case(kind, {**cppn.COMMON, "bits": cppn.BITS}))
        for key, name, kind in (
            ("laperm", "CPPN writes layer 1", "offsets"),
            ("chance", "layer 1 left random", "random"),
        )
    ),
    common.subspace(750),
]


def common_row() -> Table:
    """The common row: bits, decoded accuracy and seconds, beside subspace and controls.

    >>> common_row().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return common.rows(_SENT)


def common_rates() -> Picture:
    """Decoded accuracy against bits, for the larger of each kind.

    >>> common_rates().title
    'In ... bits a hypernetwork reads ... %, a subspace in ... bits ... %'
    """
    left = ("hypernetwork, n = 8", "generator fixed, n = 8", "layer 1 left random")
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
    ('generator', 'd', 'bits', 'decoded accuracy', 'low', 'high')
    """
    rows = []
    for kind, name in (("subspace", "moves too"), ("frozen subspace", "fixed")):
        for d in (200, 750):
            runs = study.STUDY.stored(net="common", kind=kind, d=d)
            decoded = np.array([run["result"]["decoded"] for run in runs])
            best = study.BITS.index(6)
            bits = 8 * runs[0]["result"]["bytes"][best]
            rows.append([name, d, bits, *mean_interval(decoded[:, best])])
    return table(
        ["generator", "d", "bits", "decoded accuracy", "low", "high"],
        rows,
        caption=f"A subspace of a hypernetwork, 6 bits a number; {common.NOTE}",
    )
