"""What the chapter "Lottery tickets" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.data import load
from minitorch.plots import Picture, Series, Table, curves, methods, table, tiles
from minitorch.stats import crossings, mean_interval, paired
from minitorch.studies import common as row
from minitorch.studies import connectivity, pruned
from minitorch.studies import tickets as study
from minitorch.studies.store import Row
from minitorch.studies.words import percent, points

SCOPE: Row = {"scale": "book", "scope": "layer", "epochs": study.BOOK["epochs"]}
LONGER: Row = {**SCOPE, "epochs": study.LONGER["epochs"]}
NOTE = (
    "book scale: stored runs, LeNet-300-100, MNIST 45,000/10,000, 1,500 steps each, "
    "5 seeds, 95 % intervals"
)
CURVE_NOTE = f"{NOTE}; watched: 2,000 other training digits, at first every 25 steps"
LONG_NOTE = NOTE.replace("1,500 steps each", "1,500 or 10,500 steps each")
HAN_NOTE = (
    "book scale: stored runs, LeNet-300-100, full MNIST 60,000/10,000, 10 passes and "
    "10 more after a cut, 5 seeds, 95 % intervals"
)
LINE_NOTE = (
    "book scale: stored runs, MNIST 12,000/2,000, 600 steps (with batches of 20: "
    "3,600), 17 % kept, 5 seeds, 95 % intervals"
)
LOW = 8  # the level at which all arms were trained: 2.9 % of the weights
WATCHED = 0.94  # of the watched digits, for the speed of learning
# As good as all weights: no more than a quarter of a point below. On 10,000 digits near
# 98 % one standard error is half of that. Set after the rows were seen.
LEVEL = 0.0025

# How each arm looks: a key of `plots.STYLES`.
KEYS = {
    "ticket": "lottery",
    "fresh": "fresh_start",
    "shuffled": "shuffled_mask",
    "signed": "signed_constant",
    "signs": "same_signs",
    "frozen": "frozen_at_start",
    "oneshot": "one_shot",
    "snip": "snip",
    "snip shuffled": "shuffled_mask",
    "rewound": "rewound",
    "retrained": "trained_on",
    "once": "trained_on",
    "narrow": "narrow",
    "whole long": "direct",
    "fresh long": "fresh_start",
    "shuffled long": "shuffled_mask",
    "narrow long": "narrow",
}


def arm(name: str, **other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read an arm's keeps (n,), of all weights, and test accuracy (S, n).

    Args:
        name: of `tickets.ARMS`.
        other: settings that are not those of `SCOPE`.

    Raises:
        ValueError: when the arm was not run.

    >>> keeps, accuracy = arm("ticket")
    >>> len(keeps), accuracy.shape, float(keeps[0])
    (12, (5, 12), 1.0)
    """
    wanted = {**SCOPE, **other}
    rows = study.STUDY.stored(**wanted)
    if not rows or name not in rows[0]["settings"]["at"]:
        raise ValueError(f"no stored rows of the arm {name!r} with {wanted}")
    levels = rows[0]["settings"]["at"][name]
    keeps = np.array(rows[0]["result"]["keep"])[levels]
    return keeps, study.STUDY.results(name, **wanted)


def at(name: str, level: int, **other: Any) -> np.ndarray:
    """Read an arm's test accuracy at one level of the ladder, (S,).

    >>> at("fresh", LOW).shape
    (5,)
    """
    levels = study.STUDY.stored(**{**SCOPE, **other})[0]["settings"]["at"][name]
    return arm(name, **other)[1][:, levels.index(level)]


def kept(level: int) -> str:
    """Write the fraction of all weights that is kept at a level, in percent.

    >>> kept(LOW)
    '2.9'
    """
    return percent(arm("ticket")[0][level])


def _series(name: str, label: str | None = None) -> Series:
    keeps, accuracy = arm(name)
    return Series(KEYS[name], 100 * keeps, accuracy, label)


def _whole() -> tuple[float, str]:
    return float(at("ticket", 0).mean()), "all weights"


# ----------------------------------------------------------------------------
# Tickets and their controls
# ----------------------------------------------------------------------------


def leaves(name: str, **other: Any) -> np.ndarray:
    """Find the keep, in percent, down to which an arm is level with all weights, (S,).

    Seed by seed: the smallest keep at which its curve is no more than `LEVEL` below the
    accuracy of the whole network, which itself stands at 100 %; straight between two
    keeps.

    >>> leaves("ticket").shape, bool((leaves("fresh") > leaves("ticket")).all())
    ((5,), True)
    """
    keeps, accuracy = arm(name, **other)
    whole = at("ticket", 0, **other)
    if keeps[0] < 1:
        keeps = np.append(1.0, keeps)
        accuracy = np.concatenate([whole[:, None], accuracy], axis=1)
    where, reads = 100 * keeps[::-1], accuracy[:, None, ::-1]
    lines = whole - LEVEL
    own = [
        crossings(where, each, line) for each, line in zip(reads, lines, strict=True)
    ]
    return np.concatenate(own)


def level_down_to(**other: Any) -> tuple[float, float, float]:
    """Give the mean over seeds of `leaves("ticket")` and its 95 % interval.

    >>> mean, low, high = level_down_to()
    >>> low < mean < high
    True
    """
    mean, low, high = mean_interval(leaves("ticket", **other))
    return float(mean), float(low), float(high)


def overview() -> Picture:
    """Accuracy against keep down to 2.9 %: ticket, fresh start, shuffled mask.

    >>> overview().title
    'A ticket stays within a quarter of a point of all weights down to ... % kept ...'
    """
    mean, low, high = level_down_to()
    shown = []
    for name in ("ticket", "fresh", "shuffled"):
        keeps, accuracy = arm(name)
        there = keeps >= arm("ticket")[0][LOW]
        shown.append(Series(KEYS[name], 100 * keeps[there], accuracy[:, there]))
    return curves(
        shown,
        title="A ticket stays within a quarter of a point of all weights down to "
        f"{mean:.0f} % kept ({low:.0f} to {high:.0f}) after 1,500 steps; an early text "
        "of the paper says 3.5 % after 50,000",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=f"{NOTE}; pruned layer by layer, 36 % a round; trained seven times as "
        "long: Deeper",
        hlines=[_whole()],
    )


def signs() -> Picture:
    """What a ticket's start must keep: accuracy by what it starts from.

    >>> signs().title
    'At ... % kept its signs alone make up ... of the ... points that a ticket ...'
    """
    names = ["ticket", "signed", "signs", "fresh", "frozen", "shuffled"]
    found = {name: at(name, LOW) for name in names}
    gain = found["ticket"] - found["fresh"]
    share = (found["signs"] - found["fresh"]).mean()
    return methods(
        [KEYS[name] for name in names],
        [found[name] for name in names],
        title=f"At {kept(LOW)} % kept its signs alone make up {100 * share:.1f} of the "
        f"{100 * gain.mean():.1f} points that a ticket is above a fresh start",
        xlabel="test accuracy",
        note=NOTE,
    )


def controls() -> Table:
    """Every arm at the two low levels: accuracy, and how far from the ticket.

    >>> controls().columns[0]
    'what is trained'
    """
    names = ["ticket", "signed", "signs", "fresh", "frozen", "shuffled", "oneshot"]
    names += ["rewound", "snip", "snip shuffled", "narrow"]
    lines = []
    for name in names:
        line = [study.ARMS[name]]
        for level in (LOW, 11):
            accuracy, ticket = at(name, level), at("ticket", level)
            line += [f"{percent(accuracy)} %"]
            line += ["" if name == "ticket" else points(ticket, accuracy)]
        lines.append(line)
    columns = ["what is trained"]
    for level in (LOW, 11):
        columns += [f"at {kept(level)} %", "from the ticket"]
    return table(columns, lines, caption=f"All at equal steps; {NOTE}")


def one_shot() -> Picture:
    """Rounds or one shot, and pruning before training: accuracy against keep.

    >>> one_shot().title
    'SNIP, which trains nothing first, is ... points (...) from its own mask ...'
    """
    label = {
        "snip shuffled": "SNIP's mask shuffled",
        "shuffled": "random, a ticket's fractions",
    }
    shown = [_series(name, label.get(name)) for name in ("ticket", "oneshot", "snip")]
    keeps, accuracy = arm("snip shuffled")
    shown.append(Series("all_layers", 100 * keeps, accuracy, label["snip shuffled"]))
    shown.append(_series("shuffled", label["shuffled"]))
    far = [points(at("snip shuffled", n), at("snip", n)) for n in (LOW, 11)]
    return curves(
        shown,
        title=f"SNIP, which trains nothing first, is {far[0]} from its own mask "
        f"shuffled at {kept(LOW)} % kept, and {far[1]} at {kept(11)} %",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=NOTE,
        hlines=[_whole()],
    )


def reached(name: str, **other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read how many steps an arm takes to read 94 % of the watched digits.

    Returns:
        keeps (n,), and steps (S, n), straight between two notes; nan where never.

    >>> keeps, steps = reached("ticket")
    >>> bool(steps[:, 2].mean() < steps[:, 0].mean())  # 41 % against all
    True
    """
    rows = study.STUDY.stored(**{**SCOPE, **other})
    noted = np.array(rows[0]["result"]["steps"])
    keeps, _ = arm(name, **other)
    runs = np.array([each["result"][f"{name} curve"] for each in rows])  # (S, n, notes)
    steps = [crossings(noted, runs[:, i], WATCHED) for i in range(len(keeps))]
    return keeps, np.array(steps).T


def speed() -> Picture:
    """Steps until 94 % of the watched digits are read, against keep.

    >>> speed().title
    'A ticket of ... % reads 94 % of the watched digits after ... steps, all ...'
    """
    shown, fastest = [], ""
    for name in ("ticket", "fresh"):
        keeps, steps = reached(name)
        there = np.isfinite(steps).all(0)
        shown.append(Series(KEYS[name], 100 * keeps[there], steps[:, there]))
        if name == "ticket":
            mean = np.where(there, steps.mean(0), np.inf)
            best = int(mean.argmin())
            fastest = (
                f"A ticket of {percent(keeps[best])} % reads 94 % of the watched "
                f"digits after {mean[best]:,.0f} steps, all weights after "
                f"{mean[0]:,.0f}"
            )
    return curves(
        shown,
        title=fastest,
        xlabel="weights kept, %",
        ylabel="steps to 94 %",
        note=f"{CURVE_NOTE}; where every seed gets there",
    )


def learning() -> Picture:
    """Accuracy on the watched digits against steps, at 2.9 % kept and of all weights.

    >>> learning().title
    'After 100 steps a ticket of ... % reads ... % of the watched digits, ...'
    """
    rows = study.STUDY.stored(**SCOPE)
    levels, steps = rows[0]["settings"]["at"], np.array(rows[0]["result"]["steps"])
    found = {}
    for key, name, level in (
        ("direct", "ticket", 0),
        (KEYS["ticket"], "ticket", LOW),
        (KEYS["fresh"], "fresh", LOW),
        (KEYS["shuffled"], "shuffled", LOW),
    ):
        place = levels[name].index(level)
        found[key] = np.array([row["result"][f"{name} curve"][place] for row in rows])
    label = {"direct": "all weights"}
    early = [percent(each[:, list(steps).index(100)]) for each in found.values()]
    return curves(
        [Series(key, steps, each, label.get(key)) for key, each in found.items()],
        title=f"After 100 steps a ticket of {kept(LOW)} % reads {early[1]} % of "
        f"the watched digits, all weights {early[0]} %, a fresh start {early[2]} %, a "
        f"shuffled mask {early[3]} %",
        xlabel="steps of training",
        ylabel="accuracy, watched digits",
        note=CURVE_NOTE,
    )


def scopes() -> Picture:
    """Pruned layer by layer, or all weights compared: accuracy against keep.

    >>> scopes().title
    'Pruning all layers together brings over layer by layer ... at ..., and ...'
    """
    shown = []
    for scope, key, label in (
        ("layer", "lottery", "layer by layer"),
        ("global", "all_layers", "all layers together"),
    ):
        keeps, accuracy = arm("ticket", scope=scope)
        shown.append(Series(key, 100 * keeps, accuracy, label))
    far = [points(at("ticket", n), at("ticket", n, scope="global")) for n in (LOW, 11)]
    return curves(
        shown,
        title="Pruning all layers together brings over layer by layer "
        f"{far[0]} at {kept(LOW)} % kept, and {far[1]} at {kept(11)} %",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=NOTE,
        hlines=[_whole()],
    )


def densities() -> Table:
    """What global pruning keeps of each layer, beside the fractions of Han et al.

    >>> [line[0] for line in densities().rows]
    ['784-300', '300-100', '100-10']
    """
    rows = study.STUDY.stored(**{**SCOPE, "scope": "global"})
    counts = np.mean([each["result"]["kept"] for each in rows], axis=0)  # (levels, 3)
    shares = counts / counts[0]
    whole = counts.sum(1) / counts[0].sum()
    levels = (6, LOW, 11)
    lines = [
        [name, *(f"{100 * shares[level, i]:.1f} %" for level in levels)]
        + [f"{100 * pruned.HAN[i]:.0f} %"]
        for i, name in enumerate(("784-300", "300-100", "100-10"))
    ]
    return table(
        ["layer", *(f"at {100 * whole[level]:.1f} %" for level in levels)]
        + ["Han et al. (2015), at 8 %"],
        lines,
        caption=f"What pruning all layers together keeps of each; {NOTE}",
    )


def budget() -> Picture:
    """Who wins at equal compute: accuracy at 2.9 % kept by what was spent.

    >>> budget().title
    "For nine trainings, at ... % kept: trained on in every round ... %, a ticket ..."
    """
    names = {
        "whole long": "all weights, 9 times as long (9)",
        "retrained": "trained on, each round (9)",
        "ticket": "ticket, its 9th training (9)",
        "fresh long": "fresh start, 9 times as long (18)",
        "shuffled long": "shuffled mask, 9 times as long (9)",
        "narrow long": "narrower, 9 times as long (9)",
        "once": "trained on, pruned once (2)",
        "oneshot": "one-shot ticket (2)",
        "shuffled": "shuffled mask (1)",
    }
    found = {name: at(name, LOW) for name in names}
    return methods(
        list(names.values()),
        list(found.values()),
        title=f"For nine trainings, at {kept(LOW)} % kept: trained on in every round "
        f"{percent(found['retrained'])} %, a ticket {percent(found['ticket'])} %, a "
        f"random mask {percent(found['shuffled long'])} %; for eighteen a fresh start "
        f"in the ticket's mask {percent(found['fresh long'])} %",
        xlabel="test accuracy",
        note=f"{NOTE.replace('1,500 steps each', '1,500 steps, or 9 times that')}; in "
        "brackets: how many times 1,500 steps were spent in all. The fresh start needs "
        "the ticket's mask, so its rounds count as well",
        keys=[KEYS[name] for name in names],
    )


def longer() -> Picture:
    """Accuracy less that of all weights, at two lengths of training, against keep.

    >>> longer().title
    'After 1,500 steps a ticket is level down to ... % kept, after 10,500 to ...'
    """
    shown = []
    for lengths, words in ((SCOPE, "1,500"), (LONGER, "10,500")):
        whole = at("ticket", 0, **lengths)[:, None]
        for name, label in (("ticket", "ticket"), ("fresh", "fresh")):
            keeps, accuracy = arm(name, **lengths)
            there = keeps > arm("ticket")[0][LOW + 1]
            key = KEYS[name] if lengths is LONGER else f"{KEYS[name]}_short"
            shown.append(
                Series(
                    key,
                    100 * keeps[there],
                    100 * (accuracy - whole)[:, there],
                    f"{label}, {words} steps",
                )
            )
    short, *_ = level_down_to()
    mean, low, high = level_down_to(**LONGER)
    fresh, *_ = mean_interval(leaves("fresh", **LONGER))
    return curves(
        shown,
        title=f"After 1,500 steps a ticket is level down to {short:.0f} % kept, after "
        f"10,500 to {mean:.1f} % ({low:.1f} to {high:.1f}), a fresh start then to "
        f"{fresh:.0f} %",
        xlabel="weights kept, %",
        ylabel="points above all weights",
        note=f"{LONG_NOTE}; less all weights trained for as long; level: no more than "
        "a quarter of a point below, seed by seed",
        hlines=[(0.0, "all weights")],
    )


def rewound() -> Picture:
    """Back to the start, or to step 100: accuracy against keep.

    >>> rewound().title
    'Rewound to step 100, tickets read against those from the start: ...'
    """
    k = study.BOOK["rewind"]
    far = ", ".join(
        f"{points(at('ticket', n), at('rewound', n))} at {kept(n)} %"
        for n in (4, LOW, 10)
    )
    return curves(
        [
            _series("ticket", "back to the start"),
            _series("rewound", f"back to step {k}"),
        ],
        title=f"Rewound to step {k}, tickets read against those from the start: {far}",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=f"{NOTE}; a ladder of its own: each mask comes from a training that was "
        f"rewound to step {k}",
        hlines=[_whole()],
    )


def trained_on() -> Picture:
    """Going back to the start, or training on, at equal compute: accuracy against keep.

    >>> trained_on().title
    'Training on is above going back to the start at every keep: by ... at ... %'
    """
    levels = study.BOOK["at"]["retrained"]
    far = [at("retrained", level) - at("ticket", level) for level in levels]
    always = "every keep" if min(each.mean() for each in far) > 0 else "most keeps"
    return curves(
        [_series("ticket", "back to the start"), _series("retrained", "trained on")],
        title=f"Training on is above going back to the start at {always}: by "
        f"{points(at('ticket', LOW), at('retrained', LOW))} at {kept(LOW)} %",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=f"{NOTE}; both spend as many steps to get to a keep, all weights those of "
        "one training",
        hlines=[_whole()],
    )


def untrained() -> Picture:
    """Accuracy of tickets before any training of theirs, and after it.

    >>> untrained().title
    'A mask alone reads ... % of the digits: ... % of the start, none of it trained'
    """
    keeps, accuracy = arm("ticket")
    before = study.STUDY.results("untrained", **SCOPE)
    best = int(before.mean(0).argmax())
    return curves(
        [
            Series("lottery", 100 * keeps, accuracy, "trained"),
            Series("supermask", 100 * keeps, before, "only masked"),
        ],
        title=f"A mask alone reads {percent(before[:, best])} % of the digits: "
        f"{percent(keeps[best])} % of the start, none of it trained",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=NOTE,
    )


# ----------------------------------------------------------------------------
# Pruning after Han
# ----------------------------------------------------------------------------

HAN: Row = {
    "scale": "book",
    "part": "han",
    "decay": pruned.BOOK["decay"],
    "again lr": pruned.BOOK["again lr"],
}


def han() -> Table:
    """Errors of the whole network, cut, and trained on, beside the paper's.

    >>> [line[0] for line in han().rows][:4]
    ['whole', 'cut', 'trained on', 'in two rounds']
    """
    without, tenth = pruned.NO_DECAY["decay"], pruned.TENTH["again lr"]
    lines = []
    for name, key, paper, how in (
        ("whole", "whole", "1.64", {}),
        ("cut", "cut", "", {}),
        ("trained on", "trained on", "1.59", {}),
        ("in two rounds", "two rounds", "", {}),
        ("whole, no weight decay", "whole", "", {"decay": without}),
        ("in two rounds, no weight decay", "two rounds", "", {"decay": without}),
        ("in two rounds, a tenth of the rate", "two rounds", "", {"again lr": tenth}),
    ):
        errors = 100 * pruned.STUDY.results(key, **{**HAN, **how})
        mean, low, high = mean_interval(errors)
        lines.append([name, f"{mean:.2f}", f"{low:.2f}", f"{high:.2f}", paper])
    return table(
        ["network", "error, %", "low", "high", "Han et al., %"],
        lines,
        caption=f"8, 9 and 26 % kept of the three layers; {HAN_NOTE}",
    )


def cuts() -> Picture:
    """Accuracy when weights are cut, and after training on, against keep.

    >>> cuts().title
    'Cut to 10 % without more training ... % are read, trained on ... %'
    """
    settings = pruned.BOOK
    cut = 1 - pruned.STUDY.results("cut at", **HAN)
    after = 1 - pruned.STUDY.results("trained on at", **HAN)
    i, j = settings["cut"].index(0.1), settings["keep"].index(0.1)
    return curves(
        [
            Series("control", 100 * np.array(settings["cut"]), cut, "cut"),
            Series("trained_on", 100 * np.array(settings["keep"]), after),
        ],
        title=f"Cut to 10 % without more training {percent(cut[:, i])} % are read, "
        f"trained on {percent(after[:, j])} %",
        xlabel="weights kept of each layer, %",
        ylabel="test accuracy",
        note=HAN_NOTE,
        hlines=[(float(1 - pruned.STUDY.results("whole", **HAN).mean()), "whole")],
    )


def pixels() -> Picture:
    """How many of the first layer's weights read each pixel once 8 % are kept.

    A weight whose pixel is never lit has no gradient, but weight decay shrinks it.

    >>> pixels().title
    'A pixel that no digit lights is read by ... of 300 units, any other by ...'
    """
    counts = pruned.STUDY.results("pixels", **HAN)
    digits = load("mnist")
    lit = digits.train_x.reshape(-1, 784).any(0) | digits.test_x.reshape(-1, 784).any(0)
    return tiles(
        counts[:2].reshape(-1, 28, 28),
        title=f"A pixel that no digit lights is read by {counts[:, ~lit].mean():.0f} "
        f"of 300 units, any other by {counts[:, lit].mean():.0f}",
        note=f"{HAN_NOTE}; the tiles are seeds 0 and 1, 18,816 of "
        "235,200 weights kept; no digit of the embedded 10,000",
        columns=2,
        across=2,
        signed=False,
    )


# ----------------------------------------------------------------------------
# Linear mode connectivity
# ----------------------------------------------------------------------------

_LINES = {"dense": ("direct", "whole network"), "ticket": ("lottery", "ticket")}
_LINES |= {"shuffled": ("shuffled_mask", "shuffled mask")}


def _parted(case: str, k: int, measure: str) -> np.ndarray:
    return connectivity.STUDY.results(measure, scale="book", case=case, k=k)


def line() -> Picture:
    """Error on the straight line between two runs that part at step 0, deep network.

    >>> line().title
    'Halfway between two whole networks ... % are wrong, between two tickets ...'
    """
    middle = {kind: _parted("deep", 0, f"{kind} line") for kind in _LINES}
    where = np.linspace(0, 1, middle["dense"].shape[1])
    half = {kind: percent(lines[:, 5]) for kind, lines in middle.items()}
    return curves(
        [
            Series(key, where, middle[kind], label)
            for kind, (key, label) in _LINES.items()
        ],
        title=f"Halfway between two whole networks {half['dense']} % are wrong, "
        f"between two tickets {half['ticket']} %",
        xlabel="way from the first run to the second",
        ylabel="test error",
        note=f"{LINE_NOTE}; five layers of 100, Adam at 0.01, runs part at step 0",
        xlog=False,
    )


def stability() -> Table:
    """The barrier between two runs by network, and by the step at which they part.

    >>> stability().columns[:3]
    ('network, rate, batch', 'part at', 'barrier, whole')
    """
    lines, cases, worse = [], [], []
    for case, how in connectivity.CASES.items():
        for k in how.ks:
            barriers = [
                percent(_parted(case, k, kind)).replace("-0.0", "0.0")
                for kind in ("dense", "ticket", "shuffled")
            ]
            whole, ticket, mixed = (
                _parted(case, k, f"{kind} error") for kind in _LINES
            )
            far = [
                points(whole, each).replace(" points", "") for each in (ticket, mixed)
            ]
            lines.append(
                [f"{how.name}, {how.lr}, {how.batch}", str(k), *barriers, *far]
            )
            stable = 100 * _parted(case, k, "ticket").mean() < 2
            matches = bool(paired(whole, ticket).low <= 0)
            cases.append((bool(stable), matches))
            if stable and not matches:
                worse.append(f"{how.name} at {k}")
    stable, shaky = (
        [matches for was, matches in cases if was is which] for which in (True, False)
    )
    return table(
        ["network, rate, batch", "part at", "barrier, whole", "ticket", "shuffled"]
        + ["error, ticket less whole", "shuffled less whole"],
        lines,
        caption="Not clearly worse than the whole network: "
        f"{sum(stable)} of {len(stable)} cases with a stable ticket, {sum(shaky)} of "
        f"{len(shaky)} with an unstable one (stable, and worse all the same: "
        f"{', '.join(worse) or 'none'}); barriers and errors in points, stable "
        f"means below 2 as in Frankle et al. (2020); {LINE_NOTE}",
    )


def rewinding() -> Picture:
    """The barrier by the step k at which runs part, where steps are noisiest.

    >>> rewinding().title
    'Rewound to step 10 in place of 0, the barrier between two tickets goes ...'
    """
    ks = connectivity.CASES["noisy"].ks
    low, high = ks[:2]
    barriers = [percent(_parted("noisy", k, "ticket")) for k in (low, high)]
    errors = points(*(_parted("noisy", k, "ticket error") for k in (low, high)))
    shown = [(kind, k) for kind in _LINES for k in ks]
    return methods(
        [f"{_LINES[kind][1]}, k = {k}" for kind, k in shown],
        [100 * _parted("noisy", k, kind) for kind, k in shown],
        title=f"Rewound to step {high} in place of {low}, the barrier between two "
        f"tickets goes from {barriers[0]} to {barriers[1]} points; their error changes "
        f"by {errors}",
        xlabel="barrier, points of error",
        note=f"{LINE_NOTE}; five layers of 100, Adam at 0.01, batches of 20; runs part "
        "at step k; below 2 they are called stable",
        keys=[_LINES[kind][0] for kind, _ in shown],
    )


# ----------------------------------------------------------------------------
# The common row
# ----------------------------------------------------------------------------


def common() -> Table:
    """The common row: the tickets ("pruned weights"), and what they stand beside.

    >>> common().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return row.rows([row.subspace(750)])


def common_rates() -> Picture:
    """Decoded accuracy against bits, for tickets and the controls.

    >>> common_rates().title
    'A ticket of ... bits reads ... %, all weights in ... bits ... %'
    """
    found = row.read([row.subspace(750)])
    words = []
    for name in ("pruned weights", "all weights"):
        each = found[name]
        words.append(
            (f"{each.bits[each.best]:,.0f}", percent(each.decoded[:, each.best]))
        )
    (a, b), (c, d) = words
    return row.rates(
        found, f"A ticket of {a} bits reads {b} %, all weights in {c} bits {d} %"
    )
