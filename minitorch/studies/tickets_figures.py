"""What the chapter "Lottery tickets" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

import numpy as np

from minitorch.data import load
from minitorch.plots import Picture, Series, Table, curves, methods, table, tiles
from minitorch.stats import crossings, mean_interval, paired
from minitorch.studies import common as row
from minitorch.studies import connectivity, pruned
from minitorch.studies import tickets as study
from minitorch.studies.store import Row

SCOPE: Row = {"scale": "book", "scope": "layer"}
NOTE = (
    "book scale: stored runs, LeNet-300-100, MNIST 45,000/10,000, 1,500 steps each, "
    "5 seeds, 95 % intervals"
)
CURVE_NOTE = f"{NOTE}; watched: 2,000 other training digits, every 100 steps"
HAN_NOTE = (
    "book scale: stored runs, LeNet-300-100, full MNIST 60,000/10,000, 5 passes, "
    "5 seeds, 95 % intervals"
)
LINE_NOTE = (
    "book scale: stored runs, MNIST 12,000/2,000, 600 steps, 17 % kept, 5 seeds, "
    "95 % intervals"
)
LOW = 8  # the level at which all arms were trained: 2.9 % of the weights
WATCHED = 0.94  # of the watched digits, for the speed of learning

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
    "rewound": "rewound",
    "retrained": "trained_on",
    "once": "trained_on",
    "narrow": "narrow",
    "long": "shuffled_mask",
    "narrow long": "narrow",
}


def percent(values: np.ndarray | float, places: int = 1) -> str:
    """Write a mean of fractions in percent.

    >>> percent(np.array([0.91, 0.93]))
    '92.0'
    """
    return f"{100 * float(np.mean(values)):.{places}f}"


def points(first: np.ndarray, second: np.ndarray) -> str:
    """Write by how many points the second is above the first, with its interval.

    >>> points(np.array([0.5, 0.6]), np.array([0.6, 0.71]))
    '+10.5 points (+4.1 to +16.9)'
    """
    far, low, high = (100 * value for value in paired(first, second)[:3])
    return f"{far:+.1f} points ({low:+.1f} to {high:+.1f})"


def arm(name: str, scope: str = "layer") -> tuple[np.ndarray, np.ndarray]:
    """Read an arm's keeps (n,), of all weights, and test accuracy (S, n).

    Raises:
        ValueError: when the arm was not run.

    >>> keeps, accuracy = arm("ticket")
    >>> len(keeps), accuracy.shape, float(keeps[0])
    (12, (5, 12), 1.0)
    """
    rows = study.STUDY.stored(**{**SCOPE, "scope": scope})
    if not rows or name not in rows[0]["settings"]["at"]:
        raise ValueError(f"no stored rows of the arm {name!r}, pruned by {scope}")
    levels = rows[0]["settings"]["at"][name]
    keeps = np.array(rows[0]["result"]["keep"])[levels]
    return keeps, study.STUDY.results(name, **{**SCOPE, "scope": scope})


def at(name: str, level: int, scope: str = "layer") -> np.ndarray:
    """Read an arm's test accuracy at one level of the ladder, (S,).

    >>> at("fresh", LOW).shape
    (5,)
    """
    levels = study.STUDY.stored(**{**SCOPE, "scope": scope})[0]["settings"]["at"][name]
    return arm(name, scope)[1][:, levels.index(level)]


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


def level_down_to() -> tuple[float, float, float]:
    """Give the keep, in percent, down to which a ticket is level with all weights.

    Seed by seed: where its curve crosses the accuracy of the whole network.

    Returns:
        the mean over seeds and its 95 % interval.

    >>> mean, low, high = level_down_to()
    >>> low < mean < high
    True
    """
    keeps, accuracy = arm("ticket")
    where, reads = 100 * keeps[::-1], accuracy[:, None, ::-1]
    own = [crossings(where, each, each[0, -1])[0] for each in reads]
    mean, low, high = mean_interval(own)
    return float(mean), float(low), float(high)


def overview() -> Picture:
    """Accuracy against keep down to 2.9 %: ticket, fresh start, shuffled mask.

    >>> overview().title
    'A ticket is level with all weights down to ... % kept here (... to ...), ...'
    """
    mean, low, high = level_down_to()
    shown = []
    for name in ("ticket", "fresh", "shuffled"):
        keeps, accuracy = arm(name)
        there = keeps >= arm("ticket")[0][LOW]
        shown.append(Series(KEYS[name], 100 * keeps[there], accuracy[:, there]))
    return curves(
        shown,
        title=f"A ticket is level with all weights down to {mean:.0f} % kept here "
        f"({low:.0f} to {high:.0f}), in the paper, which trains longer, to 3.5 %",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=f"{NOTE}; pruned layer by layer, 36 % a round; level: until a curve "
        "crosses the accuracy of all weights, seed by seed",
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
    names += ["rewound", "snip", "narrow"]
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
    'At ... % kept rounds bring ... points ... over one shot; SNIP, which ...'
    """
    names = ("ticket", "oneshot", "snip", "shuffled")
    return curves(
        [_series(name) for name in names],
        title=f"At {kept(11)} % kept rounds bring "
        f"{points(at('oneshot', 11), at('ticket', 11))} over one shot; SNIP, which "
        f"trains nothing first, reads {percent(at('snip', 11))} %",
        xlabel="weights kept, %",
        ylabel="test accuracy",
        note=NOTE,
        hlines=[_whole()],
    )


def reached(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read how many steps an arm takes to read 94 % of the watched digits.

    Returns:
        keeps (n,), and steps (S, n), straight between two notes; nan where never.

    >>> keeps, steps = reached("ticket")
    >>> bool(steps[:, 2].mean() < steps[:, 0].mean())  # 41 % against all
    True
    """
    rows = sorted(study.STUDY.stored(**SCOPE), key=lambda each: each["seed"])
    noted = np.array(rows[0]["result"]["steps"])
    keeps, _ = arm(name)
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
    early = [percent(each[:, 0]) for each in found.values()]
    return curves(
        [Series(key, steps, each, label.get(key)) for key, each in found.items()],
        title=f"After {steps[0]} steps a ticket of {kept(LOW)} % reads {early[1]} % of "
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
        keeps, accuracy = arm("ticket", scope)
        shown.append(Series(key, 100 * keeps, accuracy, label))
    far = [points(at("ticket", n), at("ticket", n, "global")) for n in (LOW, 11)]
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
    'For nine trainings ... weights that are trained on read ... %, a ticket ... %, ...'
    """
    names = {
        "retrained": "trained on, each round (9)",
        "ticket": "ticket, its 9th training (9)",
        "long": "shuffled mask, 9 times as long (9)",
        "narrow long": "narrower, 9 times as long (9)",
        "once": "trained on, pruned once (2)",
        "oneshot": "one-shot ticket (2)",
        "shuffled": "shuffled mask (1)",
    }
    found = {name: at(name, LOW) for name in names}
    return methods(
        list(names.values()),
        list(found.values()),
        title=f"For nine trainings at {kept(LOW)} % kept, weights that are trained on "
        f"read {percent(found['retrained'])} %, a ticket {percent(found['ticket'])} %, "
        f"a random mask {percent(found['long'])} %",
        xlabel="test accuracy",
        note=f"{NOTE}; in brackets: how many times 1,500 steps were spent in all",
        keys=[KEYS[name] for name in names],
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

_HAN: Row = {"scale": "book", "part": "han"}


def han() -> Table:
    """Errors of the whole network, cut, and trained on, beside the paper's.

    >>> [line[0] for line in han().rows]
    ['whole', 'cut', 'trained on', 'in two rounds']
    """
    lines = []
    for name, key, paper in (
        ("whole", "whole", "1.64"),
        ("cut", "cut", ""),
        ("trained on", "trained on", "1.59"),
        ("in two rounds", "two rounds", ""),
    ):
        errors = 100 * pruned.STUDY.results(key, **_HAN)
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
    cut = 1 - pruned.STUDY.results("cut at", **_HAN)
    after = 1 - pruned.STUDY.results("trained on at", **_HAN)
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
        hlines=[(float(1 - pruned.STUDY.results("whole", **_HAN).mean()), "whole")],
    )


def pixels() -> Picture:
    """How many of the first layer's weights read each pixel once 8 % are kept.

    Without a penalty on its size a weight whose pixel is never lit stays at its start,
    and at 8 % some of these are large enough to be kept.

    >>> pixels().title
    'A pixel that no digit lights is read by ... of 300 units, any other by ...'
    """
    counts = pruned.STUDY.results("pixels", **_HAN)
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
    ('network, rate', 'part at', 'barrier, whole')
    """
    lines, cases = [], []
    for case, (name, rate, ks) in connectivity.CASES.items():
        for k in ks:
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
            lines.append([f"{name}, {rate}", str(k), *barriers, *far])
            stable = 100 * _parted(case, k, "ticket").mean() < 2
            cases.append((bool(stable), bool(paired(whole, ticket).low <= 0)))
    stable, shaky = (
        [matches for was, matches in cases if was is which] for which in (True, False)
    )
    return table(
        ["network, rate", "part at", "barrier, whole", "ticket", "shuffled"]
        + ["error, ticket less whole", "shuffled less whole"],
        lines,
        caption=f"Stable and matching: {sum(stable)} of {len(cases)} cases. "
        f"Of {len(stable)} cases with a stable ticket {sum(stable)} are not "
        f"clearly worse than the whole network, of {len(shaky)} others {sum(shaky)}; "
        "barriers and errors in points, stable means below 2 as in Frankle et al. "
        f"(2020); {LINE_NOTE}",
    )


def rewinding() -> Picture:
    """The barrier by the step k at which runs part, at the highest rate.

    >>> rewinding().title
    'Rewound to step 0 a barrier of ... points stands between two tickets, to ...'
    """
    ks = connectivity.CASES["hot"][2]
    ticket = [percent(_parted("hot", k, "ticket")) for k in ks]
    shown = [(kind, k) for kind in _LINES for k in ks]
    return methods(
        [f"{_LINES[kind][1]}, k = {k}" for kind, k in shown],
        [100 * _parted("hot", k, kind) for kind, k in shown],
        title=f"Rewound to step 0 a barrier of {ticket[0]} points stands between two "
        f"tickets, to step {ks[-1]} one of {ticket[-1]}",
        xlabel="barrier, points of error",
        note=f"{LINE_NOTE}; five layers of 100, Adam at 0.03; runs part at step k; "
        "below 2 they are called stable",
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
