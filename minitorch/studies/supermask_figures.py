"""What the chapter "Supermasks" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.stats import mean_interval
from minitorch.studies import common as row
from minitorch.studies import subset_sums
from minitorch.studies import supermasks as study
from minitorch.studies.store import Row
from minitorch.studies.words import percent, points, spread
from minitorch.weird.subset_sum import counting_bound, enough

BOOK: Row = {"scale": "book"}
NET = "book scale: stored runs, 784-300-100-10 without biases"
NOTE = f"{NET}, full MNIST 60,000/10,000, 5 seeds, 95 % intervals"
KEPT = (
    f"{100 * study.ACTION['keep']:.0f} % kept of each layer, 2 passes before and after"
)
SUMS = "book scale: stored runs, 300 weights a seed, 5 seeds, 95 % intervals"
SMALL = (
    "book scale: stored runs, 784-16-10 without biases, embedded digits 8,000/2,000, "
    "5 seeds, means"
)


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
            line += [spread(accuracy), f"{100 * keep:.0f}"]
        lines.append(line)
    return table(
        ["criterion", "start, %", "at keep, %", "signed constant, %", "at keep, %"],
        lines,
        caption="Accuracy of masks on weights that were never trained, at the keep of "
        f"six that is best on average, after 2 passes of training; {NOTE}",
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


def acted(what: str, keep: float = study.ACTION["keep"]) -> np.ndarray:
    """Read a measure of the actions at one keep, (S,).

    >>> acted("rewind, zero", keep=0.2).shape
    (5,)
    """
    return study.STUDY.results(what, **BOOK, part="actions", keep=keep)


def treatments() -> Picture:
    """What is done to kept and to dropped weights, and what training makes of it.

    >>> treatments().title
    'Frozen at their start the dropped weights leave ... %; frozen only where they ...'
    """
    found = {pair: acted(pair) for pair in study.ACTIONS}
    order = sorted(found, key=lambda pair: -found[pair].mean())
    return methods(
        [pair.replace(", ", " / ") for pair in order],
        [found[pair] for pair in order],
        title="Frozen at their start the dropped weights leave "
        f"{percent(found['rewind, frozen'])} %; frozen only where they grew, and 0 "
        f"where they shrank, {percent(found['rewind, frozen grown'])} %",
        xlabel="test accuracy",
        note=f"{NOTE}, {KEPT}; kept weights / dropped weights",
    )


def frozen() -> Picture:
    """What dropped weights should be: at 0, frozen, or frozen only where they grew.

    >>> frozen().title
    'At 10 % kept, freezing only the dropped weights that grew changes ... points, ...'
    """
    keeps = np.array([study.ACTION["keep"], *study.FROZEN_KEEPS])

    def change(pair: str) -> np.ndarray:
        zeros = [acted("rewind, zero", keep) for keep in keeps]
        these = [acted(pair, keep) for keep in keeps]
        return 100 * (np.array(these) - np.array(zeros)).T

    found = {
        what: change(f"rewind, frozen {what}")
        for what in ("grown", "shuffled", "shrunk")
    }
    low = [
        f"{round(found[what][:, 0].mean(), 1) + 0.0:+.1f}".replace("+0.0", "0.0")
        for what in ("grown", "shuffled")
    ]
    return curves(
        [
            Series("supermask", 100 * keeps, found["grown"], "only those that grew"),
            Series("control", 100 * keeps, found["shuffled"], "as many, at random"),
            Series("coordinates", 100 * keeps, found["shrunk"], "those that shrank"),
            Series("frozen_at_start", 100 * keeps, change("rewind, frozen"), "all"),
        ],
        title=f"At {100 * keeps[0]:.0f} % kept, freezing only the dropped weights that "
        f"grew changes {low[0]} points, as many at random {low[1]}",
        xlabel="weights kept of each layer, %",
        ylabel="points over zeros",
        note=f"{NOTE}, 2 passes before and after; which dropped weights are frozen at "
        "their start; paired by seed",
    )


def few_kept() -> Table:
    """The same where few are kept, seed by seed: some starts train badly with zeros.

    >>> few_kept().columns[0]
    'dropped weights'
    """
    lines = []
    for pair in study.FROZEN:
        found = acted(pair, study.FEW_KEPT)
        lines.append(
            [
                pair.removeprefix("rewind, "),
                *(percent(np.array([each])) for each in found),
            ]
        )
    return table(
        ["dropped weights", *(f"seed {seed}, %" for seed in range(5))],
        lines,
        caption=f"Test accuracy with {100 * study.FEW_KEPT:.0f} % kept of each layer, "
        f"trained again from where they started, 2 passes; {NOTE}",
    )


def signs() -> Table:
    """What the signs of the start are worth: the same kept weights with and without.

    >>> [line[0] for line in signs().rows]
    ['fresh', 'reshuffled', 'constant']
    """
    lines = []
    for one in ("fresh", "reshuffled", "constant"):
        line = [one]
        for when in (" untrained", ""):
            kept = acted(f"{one} same signs, zero{when}")
            lost = acted(f"{one}, zero{when}")
            mean, low, high = (100 * float(each) for each in mean_interval(kept - lost))
            line += [
                spread(lost),
                spread(kept),
                f"{mean:.1f} ({low:.1f} to {high:.1f})",
            ]
        lines.append(line)
    return table(
        ["kept weights", "untrained, %", "old signs, %", "points gained"]
        + ["trained, %", "old signs, %", "points gained"],
        lines,
        caption=f"Dropped weights at 0, {KEPT}; paired by seed; {NOTE}",
    )


def untrained() -> Table:
    """The pairs of actions before and after training.

    >>> untrained().columns
    ('kept weights', 'dropped weights', 'untrained, %', 'trained, %')
    """
    whole, zeroed = acted("whole"), acted("zeroed")
    lines = []
    for pair, (one, zero) in study.ACTIONS.items():
        before, after = (acted(name) for name in (f"{pair} untrained", pair))
        words = [each.replace("_", " ") for each in (one, zero)]
        lines.append([*words, spread(before), spread(after)])
    return table(
        ["kept weights", "dropped weights", "untrained, %", "trained, %"],
        lines,
        caption=f"{KEPT}; before any is dropped {percent(whole)} %; "
        f"frozen grown puts {percent(zeroed)} % of the dropped weights at 0; {NOTE}",
    )


# ----------------------------------------------------------------------------
# Learned masks
# ----------------------------------------------------------------------------

READS = ("sample", "threshold", "mean", "vote")
SHORT = study.SHORTER[-1]


def learned(
    measure: str,
    weights: str,
    rescale: bool,
    s0: float = 0.0,
    epochs: int = study.LONG,
    pixels: str = "0 to 1",
) -> np.ndarray:
    """Read one measure of a learned mask, (S,).

    >>> learned("mean", "glorot", rescale=True).shape
    (5,)
    """
    how = {"weights": weights, "rescale": rescale, "s0": s0}
    how |= {"epochs": epochs, "pixels": pixels}
    return study.STUDY.results(measure, **BOOK, part="learned", **how)


_WEIGHTS = {
    "glorot": ("glorot", False),
    "glorot, rescaled": ("glorot", True),
    "signed constant": ("signed-glorot", False),
    "signed constant, rescaled": ("signed-glorot", True),
}
_STARTS: dict[str, tuple[float, str]] = {
    "0 to 1, scores from -2": (-2.0, "0 to 1"),
    "0 to 1, scores from 0": (0.0, "0 to 1"),
    "0 to 1, scores from 2": (2.0, "0 to 1"),
    "standardised, scores from 0": (0.0, "standardised"),
    "standardised, scores from 2": (2.0, "standardised"),
}


def reads() -> Table:
    """Every learned mask by every reading, and by threshold under its two controls.

    >>> len(reads().rows)
    4
    """
    lines = []
    for name, how in _WEIGHTS.items():
        cells = [spread(learned(read, *how)) for read in READS]
        cells += [spread(learned(each, *how)) for each in ("shuffled", "other")]
        shares = [percent(learned(each, *how)) for each in ("ones", "undecided")]
        lines.append([name, *cells, *shares])
    return table(
        ["weights", *(f"{read}, %" for read in READS)]
        + ["places shuffled, %", "another start, %", "ones, %", "undecided, %"],
        lines,
        caption="Vote: ten samples together; shuffled and another start: of the mask "
        "by threshold; undecided: a chance from 0.1 to 0.9; Adam at "
        f"{study.LEARNED['lr']:g}, {study.LONG} passes; {NOTE}",
    )


def passes() -> Picture:
    """How much a learned mask gains by longer training.

    >>> passes().title
    'From ... to ... passes a learned mask of signed constants gains ... points'
    """
    n = np.array([*study.SHORTER, study.LONG])

    def along(read: str, name: str) -> np.ndarray:
        return np.array([learned(read, *_WEIGHTS[name], epochs=k) for k in n]).T

    best = along("threshold", "signed constant, rescaled")
    gained = 100 * (best[:, -1] - best[:, 0])
    return curves(
        [
            Series("signed_constant", n, best, "signs: threshold"),
            Series(
                "one_shot",
                n,
                along("sample", "signed constant, rescaled"),
                "signs: sampled",
            ),
            Series("supermask", n, along("threshold", "glorot"), "glorot: threshold"),
            Series("he_start", n, along("sample", "glorot"), "glorot: sampled"),
        ],
        title=f"From {n[0]} to {n[-1]} passes a learned mask of signed constants gains "
        f"{gained.mean():.1f} points",
        xlabel="passes over the digits",
        ylabel="test accuracy",
        note=f"{NOTE}, Adam at {study.LEARNED['lr']:g}; signs: of signed constants, "
        "rescaled",
    )


def rescaled() -> Picture:
    """What rescaling a layer by its ones brings while a mask is learned.

    >>> rescaled().title
    'Rescaling, which changes no decision of a mask that is fixed, brings ... learned'
    """
    names = list(_WEIGHTS)
    values = [learned("sample", *_WEIGHTS[name]) for name in names]
    return methods(
        names,
        values,
        title="Rescaling, which changes no decision of a mask that is fixed, brings "
        f"{points(values[2], values[3])} to one that is learned",
        xlabel="test accuracy, sampled",
        note=f"{NOTE}, {study.LONG} passes of Adam at {study.LEARNED['lr']:g}, a rate "
        "tuned with rescaling",
    )


def gap() -> Picture:
    """How far a mask read by threshold is from the mean of its weights.

    >>> gap().title
    'Read by threshold a mask loses ... points of its mean weights, of standardised ...'
    """
    names = list(_STARTS)
    lost = []
    for s0, pixels in _STARTS.values():
        mean, hard = (
            learned(read, "signed-glorot", True, s0, SHORT, pixels)
            for read in ("mean", "threshold")
        )
        lost.append(100 * (mean - hard))
    words = [f"{each.mean():.1f}" for each in lost]
    return methods(
        names,
        lost,
        title=f"Read by threshold a mask loses {words[1]} points of its mean weights, "
        f"of standardised pixels {words[3]}, or {words[4]} where scores start at 2",
        xlabel="points lost by the threshold",
        note=f"{NOTE}, signed constants, rescaled, {SHORT} passes; paired by seed",
    )


_ZHOU = "MNIST FC in Zhou et al. (2019), %"


def paper() -> Table:
    """The paper's row for this network beside ours.

    >>> paper().columns[1]
    'MNIST FC in Zhou et al. (2019), %'
    """
    lines = []
    for name, figure, ours in (
        ("mask of the largest, sign kept; start", "79.3*", ""),
        ("the same; signed constant", "86", "constant"),
        ("learned; start", "95.3*", "glorot"),
        ("learned; signed constant", "96.4*", "signed constant"),
        ("learned, rescaled; start", "97.8*", "glorot, rescaled"),
        ("learned, rescaled; signed constant", "98.0*", "signed constant, rescaled"),
        ("trained weights", "97.7*", None),
    ):
        if ours is None:
            values = dense(study.LONGER)
        elif ours in _WEIGHTS:
            values = learned("sample", *_WEIGHTS[ours])
        else:
            values = best("large_final_same_sign", ours, epochs=8)[1]
        lines.append([name, figure, spread(values)])
    return table(
        ["weights", _ZHOU, "ours, %"],
        lines,
        caption="* from memory or second hand: not checked against the paper. Masks of "
        "training: after 8 passes, the best keep of six. Learned masks: sampled ten "
        f"times, as in the authors' code, {study.LONG} passes. Trained: "
        f"{study.LONGER} passes; {NOTE}",
    )


# ----------------------------------------------------------------------------
# Edge-popup
# ----------------------------------------------------------------------------


def popup(
    weights: str = "signed",
    gain: str = "right",
    scope: str = "layer",
    measure: str = "test",
) -> tuple[np.ndarray, np.ndarray]:
    """Read edge-popup's keeps (n,) and test accuracy, or another measure, (S, n).

    >>> popup("kaiming")[1].shape
    (5, 5)
    """
    wanted = {**BOOK, "part": "popup"}
    wanted |= {"weights": weights, "gain": gain, "scope": scope}
    keeps = study.STUDY.stored(**wanted)[0]["settings"]["keep"]
    return np.array(keeps), study.STUDY.results(measure, **wanted)


def dense(epochs: int = 2, widths: list[int] = study.WIDTHS) -> np.ndarray:
    """Read the accuracy of ordinary training, (S,), its rate tuned on another seed.

    >>> dense(epochs=10).shape
    (5,)
    """
    wanted = {**BOOK, "part": "width", "epochs": epochs, "widths": widths}
    return study.STUDY.results("dense", **wanted)


def hill() -> Picture:
    """Edge-popup's accuracy against keep: nothing at either end.

    >>> hill().title
    'Keeping ... % reads ... %, keeping all reads ... %: there is nothing to choose'
    """
    keeps, signed = popup()
    top = int(signed.mean(0).argmax())
    kaiming, normal = popup("kaiming")
    flat = np.repeat(dense()[:, None], 2, axis=1)
    return curves(
        [
            Series("direct", 100 * keeps[[0, -1]], flat, "trained weights"),
            Series("signed_constant", 100 * keeps, signed),
            Series("he_start", 100 * kaiming, normal, "normal numbers"),
            Series("shuffled_mask", 100 * keeps, popup(measure="shuffled")[1]),
            Series(
                "fresh_start", 100 * keeps, popup(measure="other")[1], "other signs"
            ),
        ],
        title=f"Keeping {100 * keeps[top]:.0f} % reads {percent(signed[:, top])} %, "
        f"keeping all reads {percent(signed[:, -1])} %: there is nothing to choose",
        xlabel="weights kept of each layer, %",
        ylabel="test accuracy",
        note=f"{NOTE}, 2 passes; the last two: masks of signed constants",
        xlog=False,
    )


def scales() -> Table:
    """Edge-popup by the scale of its weights: the right one, none, and 1 - keep.

    >>> scales().columns
    ('keep', 'by 1 / sqrt(keep)', 'by 1', 'by 1 / sqrt(1 - keep)')
    """
    found = {name: popup(gain=name) for name in study.GAINS}
    lines = []
    for keep in found["wrong"][0]:
        line = [f"{keep:g}"]
        for keeps, accuracy in found.values():
            line.append(spread(accuracy[:, keeps.tolist().index(keep)]))
        lines.append(line)
    return table(
        ["keep", "by 1 / sqrt(keep)", "by 1", "by 1 / sqrt(1 - keep)"],
        lines,
        caption="Test accuracy in %; factors on weights of spread sqrt(2 / fan_in); "
        f"one rate for all; {NOTE}, 2 passes",
    )


def widths() -> Picture:
    """Accuracy against the size of the network: chosen weights, and trained ones.

    >>> widths().title
    'Choosing half of ... random weights reads ... %, training them ... %'
    """
    wide = [[784, *hidden, 10] for hidden in study.HIDDEN]
    wanted = {**BOOK, "part": "width", "epochs": 2}
    sizes = np.array([study.STUDY.results("D", **wanted, widths=w)[0] for w in wide])
    chosen = np.array(
        [study.STUDY.results("test", **wanted, widths=w)[:, 0] for w in wide]
    ).T
    trained = np.array([dense(widths=w) for w in wide]).T
    return curves(
        [
            Series("signed_constant", sizes, chosen, "half of them chosen"),
            Series("direct", sizes, trained, "trained"),
        ],
        title=f"Choosing half of {sizes[2]:,} random weights reads "
        f"{percent(chosen[:, 2])} %, training them {percent(trained[:, 2])} %",
        xlabel="weights of the network",
        ylabel="test accuracy",
        note=f"{NOTE}; hidden layers of 75-25 to 600-200, 2 passes; each at one rate, "
        "tuned on another seed",
    )


def longer_popup() -> Table:
    """Edge-popup and ordinary training, for more passes.

    >>> longer_popup().columns
    ('passes', '30 % chosen, %', '50 % chosen, %', 'trained, %')
    """
    keeps, short = popup()
    at = [keeps.tolist().index(keep) for keep in study.LONGER_KEEPS]
    wanted = {**BOOK, "part": "width", "epochs": study.LONGER}
    long = study.STUDY.results("test", **wanted)
    lines = [
        [str(n), *(spread(each) for each in chosen.T), spread(dense(n))]
        for n, chosen in ((2, short[:, at]), (study.LONGER, long))
    ]
    names = [f"{100 * keep:.0f} % chosen, %" for keep in study.LONGER_KEEPS]
    return table(
        ["passes", *names, "trained, %"],
        lines,
        caption=f"Edge-popup on signed constants, and all weights trained; {NOTE}",
    )


def scopes() -> Table:
    """Ranking layer by layer, or all scores together: accuracy, and what is kept.

    >>> scopes().rows[0][0]
    '0.05'
    """
    keeps, together = popup(scope="global")
    shares = popup(scope="global", measure="kept")[1].mean(0)
    own, apart = popup()
    lines = []
    for i, keep in enumerate(keeps):
        line = [f"{keep:g}", spread(apart[:, own.tolist().index(keep)])]
        line += [spread(together[:, i]), *(percent(share) for share in shares[i])]
        lines.append(line)
    return table(
        ["keep", "by layer, %", "together, %", "784-300 keeps, %", "300-100", "100-10"],
        lines,
        caption="Scores start smaller where a layer has more inputs: ranked together "
        f"at {keeps[0]:g} the first layer keeps {percent(shares[0][0])} % of its own "
        f"weights; {NOTE}, 2 passes",
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

    Uniform numbers, and products of two as a network has them.

    >>> needed().columns[0]
    'error'
    """
    settings = subset_sums.ERRORS
    lines = []
    for i, eps in enumerate(settings["eps"]):
        line = [f"{eps:g}", str(counting_bound(eps))]
        for key, ns in (
            ("within", "n"),
            ("products within", "n"),
            ("nearest within", "single"),
        ):
            share = subset_sums.STUDY.results(key, **_ERRORS)[:, :, i].mean(0)
            there = np.flatnonzero(share >= 0.95)
            few = settings[ns][there[0]] if there.size else None
            more = f"over {settings[ns][-1]:,}"
            line.append(more if few is None else f"{few:,}")
        lines.append([*line, str(enough(eps))])
    return table(
        ["error", "at least", "subset", "subset of products", "nearest"]
        + ["3 log2(1 / error)"],
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
        share = 100 * at["chosen"] / at["candidates"]
        lines.append(
            [
                str(n),
                *(f"{at[name]:.2g}" for name in ("typical", "worst", "off", "bound")),
                f"{100 * at['test']:.2f}",
                f"{at['drawn'] / 1e6:.1f}",
                f"{share:.1f}",
                f"{times:.1f}",
            ]
        )
    return table(
        ["n", "typical error", "worst", "logits off", "bound", "accuracy, %"]
        + ["millions drawn", "offered and chosen, %", "kept for each"],
        lines,
        caption=f"The small network reads {100 * now['small'].mean():.2f} %. Offered: "
        "the random numbers from which a weight may choose. Logits "
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
    shown = row.rows(CASES)
    return replace(
        shown,
        caption=f"{shown.caption}, of all trainings of a line: five of edge-popup, "
        "three of learned masks and of the generator, one elsewhere",
    )


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
        lines.append([name, *counts, spread(right)])

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
