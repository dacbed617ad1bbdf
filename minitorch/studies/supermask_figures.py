"""What the chapter "Supermasks" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.stats import mean_interval
from minitorch.studies import common as row
from minitorch.studies import subset_sums
from minitorch.studies import supermasks as study
from minitorch.studies.store import Row
from minitorch.studies.tickets_figures import percent, points
from minitorch.weird.subset_sum import counting_bound, enough

BOOK: Row = {"scale": "book"}
NET = "book scale: stored runs, 784-300-100-10 without biases"
NOTE = f"{NET}, full MNIST 60,000/10,000, 5 seeds, 95 % intervals"
FEW = f"{NET}, MNIST 12,000/10,000, 5 seeds, 95 % intervals"
SUMS = "book scale: stored runs, 300 weights a seed, 5 seeds, 95 % intervals"
SMALL = (
    "book scale: stored runs, 784-16-10 without biases, embedded digits 8,000/2,000, "
    "5 seeds, means"
)


def _short(values: np.ndarray) -> str:
    mean, low, _ = (100 * float(each) for each in mean_interval(values))
    return f"{mean:.1f} ± {mean - low:.1f}"


# ----------------------------------------------------------------------------
# Masks from training
# ----------------------------------------------------------------------------


def masked(
    criterion: str, what: str = "", epochs: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Read the keeps (n,) of a criterion's masks, and test accuracy (S, n).

    Args:
        criterion: a name in CRITERIA.
        what: which weights were masked: "" for the network's own start, "constant",
            "other" for another start, "trained".
        epochs: how long the network was trained that the masks come from, 2 or 8.

    >>> keeps, accuracy = masked("large_final", "constant")
    >>> keeps.shape, accuracy.shape
    ((6,), (5, 6))
    """
    wanted = {**BOOK, "part": "criteria", "epochs": epochs}
    keeps = study.STUDY.stored(**wanted)[0]["settings"]["keep"]
    return np.array(keeps), study.STUDY.results(f"{criterion} {what}".strip(), **wanted)


def best(criterion: str, what: str = "", epochs: int = 2) -> tuple[float, np.ndarray]:
    """Give the keep at which the mean accuracy is best, and that accuracy, (S,).

    >>> best("large_final_same_sign")[0]
    0.5
    """
    keeps, accuracy = masked(criterion, what, epochs)
    at = int(accuracy.mean(0).argmax())
    return float(keeps[at]), accuracy[:, at]


def overview() -> Picture:
    """Accuracy of masked weights that were never trained, against keep.

    >>> overview().title
    'A mask of ... % reads ... % with weights that were never trained, on another ...'
    """
    keeps, _ = masked("large_final")
    keep, top = best("large_final")
    _, other = masked("large_final", "other")
    at = keeps.tolist().index(keep)
    return curves(
        [
            Series(key, 100 * keeps, masked("large_final", what)[1], label)
            for key, what, label in (
                ("supermask", "", "its own start"),
                ("signed_constant", "constant", "signs of its start"),
                ("fresh_start", "other", "another start"),
                ("direct", "trained", "trained weights"),
            )
        ],
        title=f"A mask of {100 * keep:.0f} % reads {percent(top)} % with weights that "
        f"were never trained, on another start {percent(other[:, at])} %",
        xlabel="weights kept of each layer, %",
        ylabel="test accuracy",
        note=f"{NOTE}; the largest weights after 2 passes are kept",
        hlines=[(0.1, "chance")],
        xlog=False,
    )


def criteria() -> Table:
    """Every criterion at its best keep: the start masked, and its signs masked.

    >>> len(criteria().rows)
    13
    """
    lines = []
    names = sorted(study.CRITERIA, key=lambda name: -best(name)[1].mean())
    for name in names:
        line = [name.replace("_", " ")]
        for what in ("", "constant"):
            keep, accuracy = best(name, what)
            line += [_short(accuracy), f"{100 * keep:.0f}"]
        lines.append(line)
    return table(
        ["criterion", "start, %", "at keep, %", "signed constant, %", "at keep, %"],
        lines,
        caption="Accuracy of masks on weights that were never trained, at the keep of "
        f"six that is best on average; {NOTE}",
    )


def longer() -> Picture:
    """The same after more training: how far the weights went, what their mask reads.

    >>> longer().title
    'The best mask of the largest weights reads ... % on its own start after 2 ...'
    """
    names, values = [], []
    for what, words in (("", "own start"), ("constant", "signs of it")):
        for criterion in ("large_final", "large_final_same_sign"):
            for epochs in (2, 8):
                kind = ", sign kept" if criterion.endswith("sign") else ""
                names.append(f"{words}{kind}, {epochs} passes")
                values.append(best(criterion, what, epochs)[1])
    return methods(
        names,
        values,
        title="The best mask of the largest weights reads "
        f"{percent(values[0])} % on its own start after 2 passes of training, "
        f"{percent(values[1])} % after 8",
        xlabel="test accuracy",
        note=f"{NOTE}; masks of the largest weights after training",
    )


def treatments() -> Picture:
    """What is done to kept and to dropped weights, and what training makes of it.

    >>> treatments().title
    'Frozen at their start the dropped weights leave ... %; frozen only where they ...'
    """
    found = {
        pair: study.STUDY.results(pair, **BOOK, part="actions")
        for pair in study.ACTIONS
    }
    order = sorted(found, key=lambda pair: -found[pair].mean())
    return methods(
        [pair.replace(", ", " / ") for pair in order],
        [found[pair] for pair in order],
        title="Frozen at their start the dropped weights leave "
        f"{percent(found['rewind, frozen'])} %; frozen only where they grew, and 0 "
        f"where they shrank, {percent(found['rewind, frozen grown'])} %",
        xlabel="test accuracy",
        note=f"{FEW}, 5 % kept of each layer; kept weights / dropped weights",
    )


def untrained() -> Table:
    """The pairs of actions before and after training.

    >>> untrained().columns
    ('kept weights', 'dropped weights', 'untrained, %', 'trained, %')
    """
    lines = []
    for pair, (one, zero) in study.ACTIONS.items():
        before, after = (
            study.STUDY.results(name, **BOOK, part="actions")
            for name in (f"{pair} untrained", pair)
        )
        words = [each.replace("_", " ") for each in (one, zero)]
        lines.append([*words, _short(before), _short(after)])
    return table(
        ["kept weights", "dropped weights", "untrained, %", "trained, %"],
        lines,
        caption=f"5 % kept of each layer; {FEW}",
    )


# ----------------------------------------------------------------------------
# Learned masks
# ----------------------------------------------------------------------------

READS = ("sample", "threshold", "mean", "vote")


def learned(measure: str, weights: str, rescale: bool, s0: float = 0.0) -> np.ndarray:
    """Read one measure of a learned mask, (S,).

    >>> learned("mean", "glorot", rescale=True).shape
    (5,)
    """
    how = {"weights": weights, "rescale": rescale, "s0": s0}
    return study.STUDY.results(measure, **BOOK, part="learned", **how)


_LEARNED = {
    "glorot": ("glorot", False, 0.0),
    "glorot, rescaled": ("glorot", True, 0.0),
    "signed constant": ("signed-glorot", False, 0.0),
    "signed constant, rescaled": ("signed-glorot", True, 0.0),
    "the same, scores from -2": ("signed-glorot", True, -2.0),
    "the same, scores from +2": ("signed-glorot", True, 2.0),
}


def reads() -> Table:
    """Every learned mask by every reading: sampled, by threshold, by mean, by vote.

    >>> len(reads().rows)
    6
    """
    lines = []
    for name, how in _LEARNED.items():
        cells = [_short(learned(read, *how)) for read in READS]
        shares = [percent(learned(each, *how)) for each in ("ones", "undecided")]
        lines.append([name, *cells, *shares])
    return table(
        ["weights", *(f"{read}, %" for read in READS), "ones, %", "undecided, %"],
        lines,
        caption="Vote: ten samples together; undecided: a chance from 0.1 to 0.9; "
        f"Adam, 2 passes; {NOTE}",
    )


def rescaled() -> Picture:
    """What rescaling a layer by its ones brings while a mask is learned.

    >>> rescaled().title
    'Rescaling, which changes no decision of a mask that is fixed, brings ... learned'
    """
    names = list(_LEARNED)[:4]
    values = [learned("sample", *_LEARNED[name]) for name in names]
    return methods(
        names,
        values,
        title="Rescaling, which changes no decision of a mask that is fixed, brings "
        f"{points(values[2], values[3])} to one that is learned",
        xlabel="test accuracy, sampled",
        note=NOTE,
    )


def gap() -> Picture:
    """How far a mask read by threshold is from the mean of its weights.

    >>> gap().title
    'Read by threshold a learned mask is ... to ... points below its mean weights'
    """
    found = {
        name: 100 * (learned("mean", *how) - learned("threshold", *how))
        for name, how in _LEARNED.items()
    }
    means = [each.mean() for each in found.values()]
    return methods(
        list(found),
        list(found.values()),
        title=f"Read by threshold a learned mask is {min(means):.1f} to "
        f"{max(means):.1f} points below its mean weights",
        xlabel="points lost by the threshold",
        note=f"{NOTE}; paired by seed",
    )


_ZHOU = "MNIST FC in Zhou et al. (2019), %"


def paper() -> Table:
    """The paper's row for this network beside ours.

    >>> paper().columns[1]
    'MNIST FC in Zhou et al. (2019), %'
    """
    lines = []
    for name, figure, ours in (
        ("mask of the largest, sign kept; start", "79.3*", ("", "")),
        ("the same; signed constant", "86", ("", "constant")),
        ("learned; start", "95.3*", ("glorot", False)),
        ("learned; signed constant", "96.4*", ("signed-glorot", False)),
        ("learned, rescaled; start", "97.8*", ("glorot", True)),
        ("learned, rescaled; signed constant", "98.0*", ("signed-glorot", True)),
        ("trained weights", "97.7*", None),
    ):
        if ours is None:
            wanted = {**BOOK, "part": "criteria", "epochs": 2}
            values = study.STUDY.results("test", **wanted)
        elif isinstance(ours[1], bool):
            values = learned("sample", *ours)
        else:
            values = best("large_final_same_sign", ours[1])[1]
        lines.append([name, figure, _short(values)])
    return table(
        ["weights", _ZHOU, "ours, %"],
        lines,
        caption="* from memory or second hand: not checked against the paper. Learned "
        f"masks are sampled ten times, as in the paper; 2 passes; {NOTE}",
    )


# ----------------------------------------------------------------------------
# Edge-popup
# ----------------------------------------------------------------------------


def popup(
    weights: str = "signed", gain: str = "right", scope: str = "layer"
) -> tuple[np.ndarray, np.ndarray]:
    """Read edge-popup's keeps (n,) and test accuracy (S, n).

    >>> popup("kaiming")[1].shape
    (5, 5)
    """
    wanted = {**BOOK, "part": "popup", "images": 12_000}
    wanted |= {"weights": weights, "gain": gain, "scope": scope}
    keeps = study.STUDY.stored(**wanted)[0]["settings"]["keep"]
    return np.array(keeps), study.STUDY.results("test", **wanted)


def hill() -> Picture:
    """Edge-popup's accuracy against keep: nothing at either end.

    >>> hill().title
    'Keeping ... % reads ... %, keeping all reads ... %: there is nothing to choose'
    """
    keeps, signed = popup()
    top = int(signed.mean(0).argmax())
    dense = study.STUDY.results("dense", **BOOK, part="width", widths=study.WIDTHS)
    return curves(
        [
            Series("direct", np.array([1.0, 100.0]), np.stack([dense, dense], 1),
                   "trained weights"),
            Series("signed_constant", 100 * keeps, signed),
            Series("he_start", 100 * popup("kaiming")[0], popup("kaiming")[1],
                   "normal numbers"),
        ],
        title=f"Keeping {100 * keeps[top]:.0f} % reads {percent(signed[:, top])} %, "
        f"keeping all reads {percent(signed[:, -1])} %: there is nothing to choose",
        xlabel="weights kept of each layer, %",
        ylabel="test accuracy",
        note=FEW,
        xlog=False,
    )  # fmt: skip


def scales() -> Table:
    """Edge-popup by the scale of its weights: the right one, none, and 1 - keep.

    >>> scales().columns
    ('keep', 'by 1 / sqrt(keep)', 'by 1', 'by 1 / sqrt(1 - keep)')
    """
    found = {name: popup(gain=name) for name in study.GAINS}
    lines = []
    for keep in (0.1, 0.3, 0.7, 0.9):
        line = [f"{keep:g}"]
        for keeps, accuracy in found.values():
            at = np.flatnonzero(keeps == keep)
            line.append(_short(accuracy[:, at[0]]) if at.size else "")
        lines.append(line)
    return table(
        ["keep", "by 1 / sqrt(keep)", "by 1", "by 1 / sqrt(1 - keep)"],
        lines,
        caption="Test accuracy in %; factors on weights of spread sqrt(2 / fan_in); "
        f"one rate for all; {FEW}",
    )


def widths() -> Picture:
    """Accuracy against the size of the network: chosen weights, and trained ones.

    >>> widths().title
    'Choosing half of ... random weights reads ... %, training them ... %'
    """
    stored = [
        {**BOOK, "part": "width", "widths": [784, *hidden, 10]}
        for hidden in study.HIDDEN
    ]
    sizes = np.array([study.STUDY.results("D", **each)[0] for each in stored])
    chosen = np.array([study.STUDY.results("test", **each)[:, 0] for each in stored]).T
    dense = np.array([study.STUDY.results("dense", **each) for each in stored]).T
    return curves(
        [
            Series("signed_constant", sizes, chosen, "half of them chosen"),
            Series("direct", sizes, dense, "trained"),
        ],
        title=f"Choosing half of {sizes[2]:,} random weights reads "
        f"{percent(chosen[:, 2])} %, training them {percent(dense[:, 2])} %",
        xlabel="weights of the network",
        ylabel="test accuracy",
        note=f"{FEW}; hidden layers of 75-25 to 600-200, 4 passes; trained by Adam at "
        "0.0012, which was not tuned, chosen by SGD at 1, which was",
    )


def scopes() -> Table:
    """Ranking layer by layer, or all scores together: accuracy, and what is kept.

    >>> scopes().rows[0][0]
    '0.02'
    """
    wanted = {**BOOK, "part": "popup", "images": 12_000, "scope": "global"}
    keeps, together = popup(scope="global")
    shares = study.STUDY.results("kept", **wanted).mean(0)
    own, apart = popup()
    lines = []
    for i, keep in enumerate(keeps):
        at = np.flatnonzero(own == keep)
        line = [f"{keep:g}", _short(apart[:, at[0]]) if at.size else ""]
        line += [_short(together[:, i]), *(percent(share) for share in shares[i])]
        lines.append(line)
    return table(
        ["keep", "by layer, %", "together, %", "784-300 keeps, %", "300-100", "100-10"],
        lines,
        caption="Scores start smaller where a layer has more inputs: ranked together "
        f"at {keeps[0]:g} the first layer keeps {percent(shares[0][0])} % of its own "
        f"weights; {FEW}",
    )


# ----------------------------------------------------------------------------
# Pruning is all you need
# ----------------------------------------------------------------------------

_ERRORS: Row = {**BOOK, "part": "errors"}


def sums() -> Picture:
    """Right digits of a weight against how many random numbers stand in for it.

    >>> sums().title
    'Each number more makes the best subset ... times as exact; with ...'
    """
    settings = subset_sums.ERRORS
    n, single = np.array(settings["n"]), np.array(settings["single"])
    digits = -np.log10(subset_sums.STUDY.results("median", **_ERRORS))
    alone = -np.log10(subset_sums.STUDY.results("nearest median", **_ERRORS))
    slope = np.polyfit(n, digits.mean(0), 1)[0]
    few = int((single <= n[-1]).sum())  # what the axis has room for
    most = float(alone[:, -1].mean())
    equal = n[np.flatnonzero(digits.mean(0) >= most)[0]]
    return curves(
        [
            Series("supermask", n, digits, "best subset"),
            Series("control", single[:few], alone[:, :few], "nearest number"),
        ],
        title=f"Each number more makes the best subset {10**slope:.1f} times as exact; "
        f"with {equal} it is nearer than the nearest of {single[-1]:,} numbers",
        xlabel="random numbers for one weight",
        ylabel="right decimal digits",
        note=f"{SUMS}; -log10 of the median error, numbers and weights uniform from "
        "-1 to 1",
        hlines=[(most, f"nearest of {single[-1]:,}")],
        xlog=False,
    )


def needed() -> Table:
    """How many numbers it takes for an error, beside the bound and the recipe.

    >>> needed().columns[0]
    'error'
    """
    settings = subset_sums.ERRORS
    lines = []
    for i, eps in enumerate(settings["eps"]):
        line = [f"{eps:g}", str(counting_bound(eps))]
        for key, ns in (("within", "n"), ("nearest within", "single")):
            share = subset_sums.STUDY.results(key, **_ERRORS)[:, :, i].mean(0)
            there = np.flatnonzero(share >= 0.95)
            few = settings[ns][there[0]] if there.size else None
            more = f"over {settings[ns][-1]:,}"
            line.append(more if few is None else f"{few:,}")
            if ns == "n":
                line.append(str(enough(eps)))
        lines.append(line)
    return table(
        ["error", "at least", "subset, measured", "3 log2(1 / error)"]
        + ["nearest, measured"],
        lines,
        caption="Numbers with which 95 of 100 weights are within the error (of those "
        f"that were tried); {SUMS}",
    )


def rebuilt(choose: str = "subset") -> Row:
    """Read what networks found in random ones are, by name of the measure, (S, n).

    >>> rebuilt()["test"].shape
    (5, 5)
    """
    wanted = {**BOOK, "part": "rebuild", "choose": choose}
    rows = subset_sums.STUDY.stored(**wanted)
    return {
        name: np.array([each["result"][name] for each in rows])
        for name in rows[0]["result"]
    }


def found() -> Picture:
    """Digits on which a small network and the one found for it agree, against n.

    >>> found().title
    'Pruned from ... million random weights, the network of ... decides as before ...'
    """
    n = np.array(subset_sums.REBUILD["n"])
    by = {choose: rebuilt(choose) for choose in subset_sums.CHOICES}
    subset = by["subset"]
    return curves(
        [
            Series("supermask", n, subset["agree"], "best subset"),
            Series("control", n, by["nearest"]["agree"], "nearest number"),
        ],
        title=f"Pruned from {subset['drawn'][0, -1] / 1e6:.0f} million random weights, "
        f"the network of {subset['weights'][0]:,} decides as before on "
        f"{percent(subset['agree'][:, -1], 2)} % of the digits",
        xlabel="numbers for each weight and sign",
        ylabel="digits decided alike",
        note=SMALL.replace("means", "95 % intervals"),
    )


def rebuilding() -> Table:
    """A network rebuilt by subset sums: its errors, its bound and its cost.

    >>> [line[0] for line in rebuilding().rows]
    ['4', '8', '12', '16', '20']
    """
    now = rebuilt()
    lines = []
    for i, n in enumerate(subset_sums.REBUILD["n"]):
        at = {name: values[:, i].mean() for name, values in now.items()
              if values.ndim > 1}  # fmt: skip
        times = at["kept"] / now["weights"].mean()
        lines.append(
            [
                str(n),
                *(f"{at[name]:.2g}" for name in ("typical", "worst", "off", "bound")),
                f"{100 * at['test']:.2f}",
                f"{at['drawn'] / 1e6:.1f}",
                f"{times:.1f}",
            ]
        )
    return table(
        ["n", "typical error", "worst", "logits off", "bound", "accuracy, %"]
        + ["millions drawn", "kept for each"],
        lines,
        caption=f"The small network reads {100 * now['small'].mean():.2f} %. Logits "
        f"off: for an x of length 1, the largest of 2,000 digits; {SMALL}",
    )


# ----------------------------------------------------------------------------
# The common row
# ----------------------------------------------------------------------------

CASES = [
    row.Case("signed_constant", "edge-popup", study.STUDY, {**BOOK, "part": "common"}),
    row.Case("supermask", "learned masks", study.STUDY, {**BOOK, "part": "drawn"}),
    row.Case(
        "hypernet",
        "mask of a generator",
        study.STUDY,
        {**BOOK, "part": "composed", "on": "generator"},
    ),
    row.Case(
        "low_rank",  # whose colour no other of these has
        "scores in a subspace",
        study.STUDY,
        {**BOOK, "part": "composed", "on": "subspace", "d": 3_000},
    ),
]


def common() -> Table:
    """The common row: supermasks and what they are stacked with, beside the controls.

    >>> common().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return row.rows(CASES)


def common_rates() -> Picture:
    """Decoded accuracy against bits, for supermasks and the controls.

    >>> common_rates().title
    'A mask of a generator in ... bits reads ... %, edge-popup in ... bits ... %'
    """
    read = row.read(CASES)
    words = []
    for case in (CASES[2], CASES[0]):
        each = read[case.name]
        words += [
            f"{each.bits[each.best]:,.0f}",
            percent(each.decoded[:, each.best]),
        ]
    return row.rates(
        read,
        f"A mask of a generator in {words[0]} bits reads {words[1]} %, edge-popup in "
        f"{words[2]} bits {words[3]} %",
    )


def stacked() -> Table:
    """Two maps on top of each other: numbers trained, bits, decoded accuracy.

    >>> len(stacked().rows)
    5
    """
    lines: list[list[str]] = []

    def add(name: str, at: int, wanted: Row) -> None:
        wanted = {**BOOK, "part": "composed", **wanted}
        d, size, right = (
            study.STUDY.results(measure, **wanted)[:, at]
            for measure in ("d", "bytes", "decoded")
        )
        counts = [f"{d.mean():,.0f}", f"{8 * size.mean():,.0f}"]
        lines.append([name, *counts, _short(right)])

    for i, n in enumerate(study.ON_GENERATOR["n"]):
        add(f"mask of a generator, n = {n}", i, {"on": "generator"})
    for d in (750, 3_000):
        name = f"scores in {d:,} dimensions, 8 bits each"
        add(name, 0, {"on": "subspace", "d": d})
    return table(
        ["what is trained", "numbers", "bits", "decoded accuracy, %"],
        lines,
        caption=f"Half of each layer or piece is kept; {row.NOTE}",
    )
