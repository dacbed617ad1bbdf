"""What the chapter "Superposition" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.models import mlp
from minitorch.plots import Picture, Series, Table, curves, methods, table
from minitorch.stats import mean_interval
from minitorch.studies import common as row
from minitorch.studies import supermasks
from minitorch.studies import superposition as study
from minitorch.studies.store import Row
from minitorch.studies.superposition import (
    FIVE_TASKS,
    HEATED,
    HOPFIELD,
    INFERENCE,
    LONG_STREAM,
    MANY,
    NORMS,
    PUBLISHED_MANY,
    RATES,
    REMEMBER,
    RETENTION,
    ROTATIONS,
    STREAM,
)
from minitorch.studies.words import percent, points, spread
from minitorch.weird.superposition import SEARCHES, passes

FIVE = "5 seeds, 95 % intervals"
NET = "book scale: stored runs, full MNIST, 784-300-100-100 of signed constants"
NOTE = f"{NET}, {FIVE}"
STORED = f"book scale: stored runs, {FIVE}"
EPS = 0.125  # the paper's; on seed 99 any from it to 0.6 makes the same masks
NAMES = {"one-shot": "one-shot", "binary": "halving", "exhaustive": "exhaustive"}
KEYS = {search: f"search_{name.replace('-', '_')}" for search, name in NAMES.items()}


def stored(measure: str, cell: Row) -> np.ndarray:
    """Read one measure of a cell of the study's grid, by seed, (S,) or (S, ...).

    >>> stored("given", MANY).shape
    (5, 250)
    """
    return study.STUDY.results(measure, **cell)


def _mean(values: np.ndarray) -> str:
    return f"{float(values.mean()):.1f}"


def _so_far(values: np.ndarray) -> np.ndarray:
    """The mean over the first 1, 2, ... tasks, (S, n)."""
    means: np.ndarray = values.cumsum(1) / np.arange(1, values.shape[1] + 1)
    return means


# ----------------------------------------------------------------------------
# Many tasks
# ----------------------------------------------------------------------------


def overview() -> Picture:
    """How often the task of one image is found, against the number of tasks.

    >>> overview().title
    'Of 250 tasks one gradient names that of ... % of single images, the nearest ...'
    """
    k = np.array(MANY["k"])
    near = stored("pictures", MANY)
    return curves(
        [
            *(Series(KEYS[name], k, stored(name, MANY)) for name in SEARCHES),
            Series("nearest_picture", k, near),
        ],
        title=f"Of {k[-1]} tasks one gradient names that of "
        f"{percent(stored('one-shot', MANY)[:, -1])} % of single images, the nearest "
        f"mean picture {percent(near[:, -1])} %",
        xlabel="tasks laid over each other",
        ylabel="tasks found",
        note=f"{NOTE}; {MANY['steps']} batches of {MANY['batch']} a task; each "
        f"{MANY['asked']} images at every number of tasks; chance is 1 / tasks, far "
        "below",
    )


def accuracies() -> Picture:
    """Digits read where the task is told, and where it has to be found first.

    >>> accuracies().title
    'Of 250 tasks one gradient finds ... % and so reads ... % of digits, all masks ...'
    """
    k, given = np.array(MANY["k"]), stored("given", MANY)
    told = _so_far(given)[:, k - 1]
    found = {name: stored(f"{name} GNu", MANY) for name in SEARCHES}
    ends = [
        percent(stored(key, MANY)[:, -1])
        for name in ("one-shot", "exhaustive")
        for key in (name, f"{name} GNu")
    ]
    return curves(
        [
            Series("supermask", k, told, "task told"),
            *(Series(KEYS[name], k, found[name]) for name in SEARCHES),
        ],
        title=f"Of {k[-1]} tasks one gradient finds {ends[0]} % and so reads {ends[1]} "
        f"% of digits, all masks in turn {ends[2]} % and {ends[3]} %",
        xlabel="tasks laid over each other",
        ylabel="right digits",
        note=f"{NOTE}; told: {MANY['test']} images of each task, untold: "
        f"{MANY['asked']} other single images in all",
    )


def longer() -> Table:
    """250 tasks trained shortly, and as long as in the paper, where stored.

    >>> longer().columns[:3]
    ('training of a mask', 'seeds', 'digits, told, %')
    """
    lines, at = [], -1
    for cell in (MANY, PUBLISHED_MANY):
        n = len(study.STUDY.stored(**cell))
        if not n:
            continue
        words = f"{cell['steps']:,} batches of {cell['batch']} at {cell['lr']:g}, "
        words += f"{cell['scale']} scale"
        told = stored("given", cell).mean(1)
        line = [
            words,
            str(n),
            spread(told),
            spread(stored("one-shot GNu", cell)[:, at]),
        ]
        line += [spread(stored(name, cell)[:, at]) for name in (*SEARCHES, "pictures")]
        lines.append(line)
    return table(
        ["training of a mask", "seeds", "digits, told, %", "untold (GNu), %"]
        + [f"{NAMES[name]}, %" for name in SEARCHES]
        + ["mean pictures, %"],
        lines,
        caption=f"{MANY['tasks']} tasks. Told: {MANY['test']} images of each; all "
        f"else: {MANY['asked']} single images in all. Untold: digits right and the "
        f"task found by one gradient. Searches, pictures: tasks found; chance is "
        f"{100 / MANY['tasks']:.1f} %; full MNIST, 784-300-100-100 of signed "
        "constants, stored runs, 95 % intervals of 5 seeds",
    )


def cost() -> Picture:
    """Seconds that an answer takes, against the number of tasks.

    >>> cost().title
    'To place 128 images among 250 tasks takes ... ms by one gradient, ... by all ...'
    """
    k = np.array(MANY["k"])
    seconds = {name: 1000 * stored(f"{name} group seconds", MANY) for name in SEARCHES}
    ends = [f"{seconds[name][:, -1].mean():.0f}" for name in ("one-shot", "exhaustive")]
    return curves(
        [Series(KEYS[name], k, seconds[name]) for name in SEARCHES],
        title=f"To place 128 images among {k[-1]} tasks takes {ends[0]} ms by one "
        f"gradient, {ends[1]} by all the masks in turn",
        xlabel="tasks laid over each other",
        ylabel="milliseconds an answer",
        note=f"{NOTE}; seconds of one processor core, which other work disturbed",
        xlog=False,
    )


def costs() -> Table:
    """Passes through the network and seconds of each search, by number of tasks.

    >>> costs().columns
    ('an answer takes', 'k = 2', 'k = 10', 'k = 50', 'k = 250')
    """
    shown = (2, 10, 50, 250)
    at = [MANY["k"].index(k) for k in shown]
    lines = []
    for name in SEARCHES:
        what = f"{NAMES[name]}, passes"
        lines.append([what, *(str(passes(name, k)) for k in shown)])
    for key, what in (("seconds", "one image"), ("group seconds", "128 images")):
        for name in SEARCHES:
            took = 1000 * stored(f"{name} {key}", MANY).mean(0)[at]
            cells = [f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in took]
            lines.append([f"{NAMES[name]}, {what}, ms", *cells])
    return table(
        ["an answer takes", *(f"k = {k}" for k in shown)],
        lines,
        caption="A pass of one-shot and of halving is forward and backward, one of "
        "exhaustive forward. One image: a hundred of any tasks asked in one go, so "
        "that each mask is laid on the weights once for all; 128 images: of one task, "
        f"asked together. Means; {NOTE}",
    )


# ----------------------------------------------------------------------------
# Forgetting
# ----------------------------------------------------------------------------


def forgetting() -> Picture:
    """Accuracy of tasks learned in turn, by one network, by masks, by a network each.

    >>> forgetting().title
    'After 10 tasks one network reads ... % of them and ... % of its first, masks ...'
    """
    n = np.arange(1, RETENTION["tasks"] + 1)
    passed, first = stored("sequence", RETENTION), stored("first", RETENTION)
    masks = _so_far(stored("masks", RETENTION))
    return curves(
        [
            Series("direct", n, _so_far(stored("alone", RETENTION)),
                   "a network each"),
            Series("supermask", n, masks, "a mask each"),
            Series("in_sequence", n, passed, "one network"),
            Series("first_task", n, first, "its first task"),
        ],
        title=f"After {n[-1]} tasks one network reads {percent(passed[:, -1])} % of "
        f"them and {percent(first[:, -1])} % of its first, masks "
        f"{percent(masks[:, -1])} %",
        xlabel="tasks learned, one after another",
        ylabel="accuracy, tasks so far",
        note=NOTE,
        xlog=False,
    )  # fmt: skip


def ways() -> Table:
    """Four ways to learn ten tasks: what is kept of them, and in how many bytes.

    >>> ways().columns
    ('way', 'all tasks, %', 'first task, %', 'bytes a task')
    """
    tasks = RETENTION["tasks"]
    size, whole = stored("bytes", RETENTION), stored("alone bytes", RETENTION)
    one = [spread(stored(each, RETENTION)[:, -1]) for each in ("sequence", "first")]
    lines = [["one network in sequence", *one, f"{whole.mean() / tasks:,.0f}"]]
    for name, key, each in (
        ("a mask a task", "masks", size),
        ("a mask, from the mean of those before", "transfer", size),
        ("a network a task", "alone", whole),
    ):
        values = stored(key, RETENTION)
        cells = [spread(values.mean(1)), spread(values[:, 0])]
        lines.append([name, *cells, f"{each.mean():,.0f}"])
    return table(
        ["way", "all tasks, %", "first task, %", "bytes a task"],
        lines,
        caption=f"Test accuracy when {tasks} tasks are learned; a mask's bytes are of "
        f"the message that makes it again, a network's 32 bits a weight; {NOTE}",
    )


# ----------------------------------------------------------------------------
# Which task is it?
# ----------------------------------------------------------------------------


def controls() -> Table:
    """Tasks found by one gradient, and by what should not find them, or easily does.

    >>> controls().columns
    ('task named by', '1 image, %', '16 images, %', '128 images, %')
    """
    together = INFERENCE["together"]
    lines = []
    for name, key in (
        ("one gradient", "one-shot entropy"),
        ("the same, masks of other places", "other places"),
        ("the same, other weights", "other weights"),
        ("nearest mean picture", "pictures"),
    ):
        found = [spread(stored(f"{key} {n}", INFERENCE)) for n in together]
        lines.append([name, *found])
    told = [
        percent(stored(f"GG {name}", INFERENCE))
        for name in ("other places", "other weights")
    ]
    return table(
        ["task named by"] + [f"{n} image{'s' * (n > 1)}, %" for n in together],
        lines,
        caption=f"Groups of images whose task is named rightly, of "
        f"{INFERENCE['tasks']} tasks (chance {100 / INFERENCE['tasks']:.0f} %). Digits "
        f"read with the task told: at other places {told[0]} %, with other weights "
        f"{told[1]} %; {NOTE}",
    )


def scenarios() -> Table:
    """The four scenarios in one table: GG, GNs, GNu, NNs.

    >>> [line[0] for line in scenarios().rows]
    ['GG', 'GNs', 'GNu', 'GG, the stream', 'NNs, eps 0.125', 'NNs, eps 0.8']
    """
    both = [spread(stored(f"GG {n}", INFERENCE)) for n in (1, 128)]
    lines = [["GG", "both", "either", *both]]
    for name, labels in (("GNs", "shared"), ("GNu", "its own")):
        values = [stored(f"{name} one-shot {n}", INFERENCE) for n in (1, 128)]
        lines.append([name, "training", labels, *map(spread, values)])
    told = stored("told", STREAM)
    lines.append(["GG, the stream", "both", "either", "", spread(told)])
    for eps in (EPS, 0.8):
        end = stored("NNs", STREAM)[:, STREAM["eps"].index(eps)]
        lines.append([f"NNs, eps {eps:g}", "never", "shared", "", spread(end)])
    return table(
        ["scenario", "task told in", "labels", "one image, %", "128 images, %"],
        lines,
        caption="Right digits, the task found by one gradient for one image, or for "
        f"128 of one task together; in each column GG is of the same images. GG to "
        f"GNu: {INFERENCE['tasks']} tasks of {INFERENCE['steps']} batches. Stream: "
        f"{len(set(STREAM['stream']))} tasks, {STREAM['steps']} batches a chunk; eps "
        f"{EPS:g} is the paper's, and any from it to 0.6 did the same on another seed, "
        f"on which they were tried; {NOTE}",
    )


def outputs() -> Picture:
    """How often the task of one image is found, against the number of outputs.

    >>> outputs().title
    'With 10 outputs one gradient finds the task of ... % of single images, with ...'
    """
    n = np.array([10, 25, 100])
    found = {
        search: np.stack(
            [stored(f"{search} entropy 1", {**INFERENCE, "outputs": k}) for k in n], 1
        )
        for search in SEARCHES
    }
    ends = [percent(found["one-shot"][:, i]) for i in (0, -1)]
    return curves(
        [Series(KEYS[search], n, found[search]) for search in SEARCHES],
        title=f"With {n[0]} outputs one gradient finds the task of {ends[0]} % of "
        f"single images, with {n[-1]} outputs of {ends[1]} %",
        xlabel="outputs, of which 10 stand for digits",
        ylabel="tasks found",
        note=f"book scale: stored runs, full MNIST, 784-300-100-outputs of signed "
        f"constants, {INFERENCE['tasks']} tasks, {FIVE}",
        hlines=[(1 / INFERENCE["tasks"], "chance")],
    )


def objectives() -> Table:
    """Searches, objectives and images asked together, by number of outputs.

    >>> objectives().columns
    ('outputs, by', 'search', '1 image, %', '16 images, %', '128 images, %')
    """
    lines = []
    for n in (10, 25, 100):
        cell = {**INFERENCE, "outputs": n}
        for objective in ("entropy", "G")[: 1 + (n > study.REAL)]:
            for search in SEARCHES:
                found = [
                    spread(stored(f"{search} {objective} {group}", cell))
                    for group in (1, 16, 128)
                ]
                lines.append([f"{n}, {objective}", NAMES[search], *found])
    return table(
        ["outputs, by", "search"] + [f"{n} image{'s' * (n > 1)}, %" for n in (1, 16)]
        + ["128 images, %"],
        lines,
        caption=f"Groups of images whose task is found, of {INFERENCE['tasks']} "
        f"tasks; full MNIST, {STORED}",
    )  # fmt: skip


def rates() -> Picture:
    """The rate of learning against accuracy and against the task found.

    >>> rates().title
    'A rate of 0.0003 in place of 0.003 changes what masks read by ..., what one ...'
    """
    lr = np.array([3e-4, 1e-3, 3e-3])
    cells = [{**RATES, "lr": each} for each in lr.tolist()]

    def read(measure: str) -> np.ndarray:
        return np.stack([stored(measure, cell) for cell in cells], 1)

    given = read("given")
    found = {search: read(f"{search} entropy 1") for search in SEARCHES}
    shot = found["one-shot"]
    return curves(
        [
            Series("supermask", lr, given, "digits, task told"),
            *(Series(KEYS[search], lr, found[search]) for search in SEARCHES),
        ],
        title=f"A rate of {lr[0]:g} in place of {lr[-1]:g} changes what masks read by "
        f"{points(given[:, -1], given[:, 0])}, what one gradient finds by "
        f"{points(shot[:, -1], shot[:, 0])}",
        xlabel="learning rate",
        ylabel="digits read, tasks found",
        note=f"{NOTE}, {RATES['tasks']} tasks, single images",
        hlines=[(1 / RATES["tasks"], "chance of a task")],
    )


def pixels() -> Table:
    """Masks learned from pixels as they are, and brought to mean 0 and spread 1.

    >>> pixels().columns
    ('pixels', 'digits, %', 'one-shot, %', 'halving, %', 'exhaustive, %')
    """
    lines = []
    for name, kind in (("mean 0, spread 1", "standard"), ("0 to 1", "raw")):
        cell = {**FIVE_TASKS, "pixels": kind}
        found = [spread(stored(f"{each} entropy 1", cell)) for each in SEARCHES]
        lines.append([name, spread(stored("given", cell)), *found])
    return table(
        ["pixels", "digits, %", *(f"{NAMES[each]}, %" for each in SEARCHES)],
        lines,
        caption=f"{FIVE_TASKS['tasks']} tasks, single images; digits: the task told; "
        f"{NOTE}",
    )


# ----------------------------------------------------------------------------
# Tasks that are nearly the same
# ----------------------------------------------------------------------------

TURNED: dict[str, Row] = {
    "10 degrees apart": ROTATIONS,
    "45 degrees apart": {**ROTATIONS, "gap": 45},
    "1024-1024 wide": {**ROTATIONS, "hidden": [1024, 1024]},
    "300 batches": HEATED,
    "300 batches at a rate of 0.001": {**HEATED, "temperatures": [1.0], "lr": 1e-3},
}


def turned() -> dict[str, Row]:
    """Name the cells of turned digits, those as the paper trains too, where stored.

    >>> len(turned()) >= len(TURNED)
    True
    """
    far = {**study.PUBLISHED, "part": "rotations"}
    found = dict(TURNED)
    for each in study.STUDY.stored(**far):
        cell = each["settings"]
        hidden = "-".join(map(str, cell["hidden"]))
        words = f"{cell['steps']:,} batches of {cell['batch']} at {cell['lr']:g}: "
        words += f"{hidden}, {cell['tasks']} tasks"
        if cell["hidden"] == [1024, 1024] and cell["tasks"] == 36:
            words += " (as the paper)"
        found[words] = cell
    return found


def _rest(cell: Row) -> str:
    """Of a cell that is not of the book's grid: its scale and seeds."""
    if cell["scale"] == "book":
        return ""
    seeds = len(study.STUDY.stored(**cell))
    return f" ({cell['scale']} scale, {seeds} seed{'s' * (seeds > 1)})"


def _heat(cell: Row) -> int:
    at: int = cell["temperatures"].index(1.0)
    return at


_BASE_TURNED = (
    f"{ROTATIONS['tasks']} tasks, 300-100 wide, {ROTATIONS['steps']} batches of 64 at "
    f"a rate of {ROTATIONS['lr']:g} where nothing else is said"
)


def rotations() -> Table:
    """Digits turned: how often the task is found, by masks and by mean pictures.

    >>> rotations().columns[:3]
    ('turned digits', 'images', 'one-shot, %')
    """
    lines = []
    for name, cell in turned().items():
        for n in (1, 128):
            found = [
                stored(f"{each} 1", cell) if n == 1 else stored(each, cell)[:, at]
                for at in [_heat(cell)]
                for each in SEARCHES
            ]
            near = stored("pictures 1" if n == 1 else "pictures", cell)
            chance = f"{100 / cell['tasks']:.1f}"
            line = [name + _rest(cell) if n == 1 else "", str(n)]
            lines.append([*line, *map(spread, found), spread(near), chance])
    return table(
        ["turned digits", "images"]
        + [f"{NAMES[search]}, %" for search in SEARCHES]
        + ["mean pictures, %", "chance, %"],
        lines,
        caption=f"Tasks found, of one image and of 128 together. {_BASE_TURNED}; "
        f"{ROTATIONS['test']:,} images a task, drawn from all test digits; full "
        f"MNIST, where no line says otherwise {STORED}",
    )


def sureness() -> Table:
    """Digits turned: how right and how sure masks are, on their own task and others.

    >>> sureness().columns[:3]
    ('turned digits', 'digits, %', 'calibration error, %')
    """
    lines = []
    for name, cell in turned().items():
        at = _heat(cell)
        line = [name + _rest(cell), spread(stored("given", cell))]
        line.append(spread(stored("error", cell)[:, at]))
        line.append(percent(stored("floor", cell)[:, at]))
        line += [percent(stored(key, cell)) for key in ("sure", "sure wrong")]
        lines.append([*line, _mean(stored("off", cell))])
    return table(
        ["turned digits", "digits, %", "calibration error, %", "its floor, %"]
        + ["sure, own task, %", "sure, another's, %", "degrees off"],
        lines,
        caption=f"Digits: the task told. Floor: the error of as many images and "
        "answers just as sure, where the network is right as often as it is sure. "
        f"Degrees off: of exhaustive, 128 images. {_BASE_TURNED}; full MNIST, where "
        f"no line says otherwise {STORED}",
    )


def calibration() -> Picture:
    """Calibration error against tasks found: a point for a setting and a seed.

    >>> calibration().title
    'Between calibration error and tasks found the correlation is ... by one-shot, ...'
    """
    cells = [c for c in turned().values() if c["gap"] == 10 and c["tasks"] == 8]
    whole = [cell for cell in cells if cell["scale"] == "book"]

    def read(measure: str, some: list[Row]) -> list[np.ndarray]:
        """Read one measure of each cell at temperature 1, by seed."""
        return [stored(measure, cell)[:, _heat(cell)] for cell in some]

    error = np.stack(read("error", whole))  # (settings, S)
    means, ranges = [], []
    for name in SEARCHES:
        pairs = zip(error.T, np.stack(read(name, whole)).T, strict=True)
        mean, low, high = mean_interval([np.corrcoef(*pair)[0, 1] for pair in pairs])
        means.append(f"{mean:+.2f} by {NAMES[name]}")
        ranges.append(f"{low:+.2f} to {high:+.2f}")
    return curves(
        [
            Series(
                KEYS[name],
                np.concatenate(read("error", cells)),
                np.concatenate(read(name, cells))[None],
            )
            for name in SEARCHES
        ],
        title="Between calibration error and tasks found the correlation is "
        f"{', '.join(means)}",
        xlabel="calibration error under the right mask",
        ylabel="tasks found, 128 images",
        note=f"stored runs, full MNIST, 8 tasks 10 degrees apart, a point for each of "
        f"{len(cells)} settings and each seed; the correlation is over {len(whole)} "
        f"settings, book scale, a mean of {FIVE}: {', '.join(ranges)}",
        xlog=False,
        joined=False,
    )


def temperatures() -> Picture:
    """Logits at several temperatures: the error of calibration, and tasks found.

    >>> temperatures().title
    'At temperatures of ... and ... the calibration error is ... and ... %, and all ...'
    """
    heat = np.array(HEATED["temperatures"])
    error, found = stored("error", HEATED), stored("exhaustive", HEATED)
    two = np.sort(error.mean(0).argsort()[:2])  # the best calibrated
    least, most = (
        " and ".join(percent(values[:, i]) for i in two) for values in (error, found)
    )
    return curves(
        [
            *(Series(KEYS[name], heat, stored(name, HEATED)) for name in SEARCHES),
            Series("calibration_error", heat, error),
        ],
        title=f"At temperatures of {heat[two[0]]:g} and {heat[two[1]]:g} the "
        f"calibration error is {least} %, and all masks in turn place {most} % of the "
        "turned digits",
        xlabel="temperature that logits are divided by",
        ylabel="tasks found; error",
        note="book scale: stored runs, full MNIST, 784-300-100-200 of signed "
        f"constants, {HEATED['tasks']} tasks {HEATED['gap']} degrees apart, "
        f"{HEATED['steps']} batches, 128 images together, {FIVE}",
    )


# ----------------------------------------------------------------------------
# A stream without names
# ----------------------------------------------------------------------------


def stream() -> Table:
    """A stream without names: masks made and mistakes, by eps.

    >>> stream().columns
    ('eps', 'masks', 'too many', 'too few', 'wrong mask', 'digits, %')
    """
    lines = []
    for cell, words in ((STREAM, ""), (LONG_STREAM, ", rate and batch of the paper")):
        for i, eps in enumerate(cell["eps"]):
            counts = [
                _mean(stored(key, cell)[:, i])
                for key in ("masks", "extra", "missed", "wrong")
            ]
            end = spread(stored("NNs", cell)[:, i])
            lines.append([f"{eps:g}{words}", *counts, end])
        told = spread(stored("told", cell))
        lines.append([f"tasks told{words}", "", "", "", "", told])
    tasks = len(set(STREAM["stream"]))
    return table(
        ["eps", "masks", "too many", "too few", "wrong mask", "digits, %"],
        lines,
        caption=f"{len(STREAM['stream'])} chunks of {STREAM['steps']} batches of "
        f"{STREAM['batch']} ({LONG_STREAM['steps']} of {LONG_STREAM['batch']} at the "
        f"paper's rate), {tasks} tasks; chunks of a known task that got a new mask, of "
        f"a new task that got none, of either that trained another task's mask; {NOTE}",
    )


def margins() -> Picture:
    """How far the surest task stands above chance, chunk by chunk.

    >>> margins().title
    'The surest of the masks stands ... times above chance where a task is known, ...'
    """
    at = STREAM["eps"].index(EPS)
    new = stored("new", STREAM)[0] == 1
    new[0] = False  # there is no mask yet that could be sure
    known = ~new
    known[0] = False
    chunk = np.arange(1, len(new) + 1)
    margin = stored("margin", STREAM)[:, at]
    return curves(
        [
            Series("supermask", chunk[known], margin[:, known], "a task known before"),
            Series("new_task", chunk[new], margin[:, new], "a new task"),
        ],
        title=f"The surest of the masks stands {margin[:, known].mean():.2f} times "
        f"above chance where a task is known, {margin[:, new].mean():.2f} where it is "
        "new",
        xlabel="chunk of the stream",
        ylabel="k max softmax(-gradients)",
        note=f"{NOTE}; eps = {EPS:g}, a new mask below the line",
        hlines=[(1 + EPS, "1 + eps")],
        xlog=False,
    )


# ----------------------------------------------------------------------------
# Shared statistics
# ----------------------------------------------------------------------------


def norms() -> Picture:
    """Accuracy of each task in the end: statistics its own, shared, of the batch.

    >>> norms().title
    'With statistics shared by 10 tasks the first 9 keep ... % of digits right, ...'
    """
    deep = {**NORMS, "hidden": [300, 300, 300, 300, 300, 100]}
    n = np.arange(1, NORMS["tasks"] + 1)
    own, shared, batch = (stored(key, deep) for key in ("own", "shared", "batch"))
    return curves(
        [
            Series("supermask", n, own, "its own"),
            Series("batch_statistics", n, batch, "of the test batch"),
            Series("shared_statistics", n, shared, "shared"),
            Series("shared_shallow", n, stored("shared", NORMS), "shared, 2 layers"),
        ],
        title=f"With statistics shared by {n[-1]} tasks the first {n[-2]} keep "
        f"{percent(shared[:, :-1])} % of digits right, with their own "
        f"{percent(own[:, :-1])} %",
        xlabel="task, in the order learned",
        ylabel="test accuracy in the end",
        note="book scale: stored runs, full MNIST, batch norms in 6 hidden layers, "
        f"five of 300 and one of 100, or in 2 of 300 and 100, 10 outputs, {FIVE}",
        xlog=False,
    )


# ----------------------------------------------------------------------------
# Masks kept in a Hopfield network
# ----------------------------------------------------------------------------


def hopfield() -> Picture:
    """Patterns recalled against patterns stored, by rule, and by share of ones.

    >>> hopfield().title
    'Of 40 patterns in 200 units Hebb recalls ... %, Storkey ... %'
    """
    k = np.array(HOPFIELD["k"])
    few = {**HOPFIELD, "ones": 0.3}
    at = HOPFIELD["k"].index(40)
    read = {rule: stored(rule, HOPFIELD) for rule in ("hebb", "storkey")}
    return curves(
        [
            Series("storkey", k, read["storkey"]),
            Series("hebb", k, read["hebb"]),
            Series("storkey_few", k, stored("storkey", few), "Storkey, 30 % ones"),
            Series("hebb_few", k, stored("hebb", few), "Hebb, 30 % ones"),
        ],
        title=f"Of {k[at]} patterns in {HOPFIELD['d']} units Hebb recalls "
        f"{percent(read['hebb'][:, at])} %, Storkey "
        f"{percent(read['storkey'][:, at])} %",
        xlabel="patterns stored",
        ylabel="recalled exactly",
        note=f"{STORED}; random patterns, recalled from copies with "
        f"{100 * HOPFIELD['flipped']:.0f} % of the units flipped",
        xlog=False,
    )


def storage() -> Table:
    """Bytes of a Hopfield network beside its patterns stored outright.

    >>> storage().columns[0]
    'patterns'
    """
    lines = []
    for i, k in enumerate(HOPFIELD["k"]):
        net, plain = (
            stored(each, HOPFIELD)[:, i].mean()
            for each in ("storkey bytes", "outright")
        )
        recalled = [
            stored(key, HOPFIELD)[:, i] for key in ("storkey", "storkey decoded")
        ]
        lines.append([str(k), f"{net:,.0f}", f"{plain:,.0f}", *map(percent, recalled)])
    return table(
        ["patterns", "network, bytes", "patterns, bytes", "recalled, %"]
        + ["once decoded, %"],
        lines,
        caption=f"{HOPFIELD['d']} units by Storkey's rule, {HOPFIELD['bits']} bits a "
        f"weight, entropy-coded; means, {STORED}",
    )


def remembered() -> Picture:
    """Five unit masks in a Hopfield network: accuracy under what is found again.

    >>> remembered().title
    'Given only images, Storkey gives back ... of 5 masks of half the units, Hebb ...'
    """
    names, values, keys = [], [], []
    for half, what in ((True, "half used"), (False, "from 0 up")):
        cell = {**REMEMBER, "half": half}
        for key, words, style in (
            ("given", "own mask", "supermask"),
            ("storkey test", "from Storkey", "storkey"),
            ("hebb test", "from Hebb", "hebb"),
            ("images alone", "images alone", "objective_entropy"),
        ):
            names.append(f"{words}, {what}")
            values.append(stored(key, cell).mean(1))
            keys.append(style)
    low = {**REMEMBER, "half": False}
    back = [stored(rule, REMEMBER).mean() for rule in ("storkey", "hebb")]
    return methods(
        names,
        values,
        keys=keys,
        title=f"Given only images, Storkey gives back {back[0]:.1f} of 5 masks of half "
        f"the units, Hebb {back[1]:.1f}",
        xlabel="test accuracy",
        note="book scale: stored runs, full MNIST in five pairs of digits, "
        "784-512-512-10; units used: half of each layer, or those of scores from 0 up; "
        f"of these masks Storkey gives back {_mean(stored('storkey', low))}, Hebb "
        f"{_mean(stored('hebb', low))}; {FIVE}",
    )


def found_from(cell: Row) -> np.ndarray:
    """From which step on recall gives the right mask: the mean of those found, (S,).

    nan for a seed that finds none.

    >>> found_from(REMEMBER).shape
    (5,)
    """
    steps = stored("storkey steps recalled", cell).astype(float)
    steps[steps > cell["search steps"]] = np.nan
    return np.array([np.mean(own[own == own]) if any(own == own) else np.nan
                     for own in steps])  # fmt: skip


def _from(cell: Row) -> str:
    steps = found_from(cell)
    there = steps[np.isfinite(steps)]
    return _mean(there) if there.size else "none found"


def masks_kept() -> Table:
    """Five unit masks in a Hopfield network: how alike they are, and what is found.

    >>> masks_kept().columns
    ('of 5 masks', 'half of each layer', 'scores from 0 up')
    """
    cells = [{**REMEMBER, "half": half} for half in (True, False)]
    lines = []
    for key, what in (
        ("storkey fixed", "stay in Storkey's network"),
        ("storkey", "found in it, given images"),
        ("entropy alone", "found, energy in the last recall only"),
        ("hebb fixed", "stay in Hebb's network"),
        ("hebb", "found in it, given images"),
    ):
        lines.append([what, *(_mean(stored(key, cell)) for cell in cells)])
    lines.insert(2, ["from which step on, the mean of these", *map(_from, cells)])
    for key, what, places in (
        ("ones", "units used", 2),
        ("alike", "overlap of two masks", 2),
        ("storkey bytes", "Storkey's network, bytes", 0),
        ("outright", "masks themselves, bytes", 0),
    ):
        cells_ = [f"{stored(key, cell).mean():,.{places}f}" for cell in cells]
        lines.append([what, *cells_])
    return table(
        ["of 5 masks", "half of each layer", "scores from 0 up"],
        lines,
        caption=f"784-512-512-10, norms by the batch; the search takes "
        f"{REMEMBER['search steps']} steps; means, {STORED}",
    )


# ----------------------------------------------------------------------------
# Memory, and the common row
# ----------------------------------------------------------------------------


def memory() -> Table:
    """Bytes of masks, networks and what 2,500 tasks take.

    >>> memory().columns
    ('what is kept', '250 tasks, MB', '2,500 tasks, MB')
    """
    size = stored("bytes", MANY).mean()
    D = mlp(784, *MANY["hidden"], MANY["outputs"], bias=False).layout.size

    def line(name: str, each: float, once: float = 0.0) -> list[str]:
        totals = [(once + n * each) / 1e6 for n in (250, 2_500)]
        return [name, *(f"{total:,.1f}" for total in totals)]

    wide = mlp(784, *MANY["hidden"], 500, bias=False).layout.size
    return table(
        ["what is kept", "250 tasks, MB", "2,500 tasks, MB"],
        [
            line("masks and the seed, as sent", size),
            line("masks, a bit a weight", D / 8),
            line("a network a task, 32 bits a weight", 4 * D),
            line("one network in sequence", 0, 4 * D),
            line("masks with 500 outputs, a bit a weight", wide / 8),
        ],
        caption=f"A mask as sent takes {size:,.0f} bytes, a weight of it "
        f"{8 * size / D:.2f} bits; all is worked out from the size of one mask; {NOTE}",
    )


def scaled() -> Table:
    """What 250 tasks took, what 2,500 would, worked out, and what they did, if stored.

    >>> scaled().columns[:3]
    ('what', '250 tasks, run', '2,500 tasks, worked out')
    """
    k, more = np.array(MANY["k"]), 2_500
    far = {"scale": "full", "tasks": more}
    far = {**MANY, **far, "k": [10, 100, 500, 1_000, 2_500]}
    cells = [MANY, far][: 1 + bool(study.STUDY.stored(**far))]
    minutes, size = (stored(each, MANY).mean() for each in ("train seconds", "bytes"))

    def line(what: str, out: str, measure: str, by: float, places: int) -> list[str]:
        """The last of a measure, what it is worked out to be, and what it is."""
        values = [by * stored(measure, cell).mean(0) for cell in cells]
        shown = [f"{np.ravel(each)[-1]:,.{places}f}" for each in values]
        return [what, shown[0], out, *shown[1:]]

    lines = []
    for what, measure, each in (
        ("training, minutes of one core", "train seconds", minutes / 60),
        ("masks as sent, MB", "bytes", size / 1e6),
    ):
        unit = each / stored(measure, MANY).mean()
        run = [
            f"{cell['tasks'] * unit * stored(measure, cell).mean():,.1f}"
            for cell in cells
        ]
        lines.append([what, run[0], f"{more * each:,.1f}", *run[1:]])
    if cells[1:]:
        told = [percent(stored("given", cell)) for cell in cells]
        lines.append(["digits, task told, %", told[0], "", *told[1:]])
    for name in SEARCHES:
        counts = [f"{passes(name, n):,}" for n in (int(k[-1]), more)]
        lines.append([f"{NAMES[name]}, passes", *counts, *counts[1:][: len(cells) - 1]])
        took = 1000 * stored(f"{name} group seconds", MANY).mean(0)
        slope = np.polyfit(k[k >= 25], took[k >= 25], 1)[0]
        out = f"{took[-1] + slope * (more - k[-1]):,.0f}"
        seconds = f"{name} group seconds"
        lines.append(line(f"{NAMES[name]}, ms", out, seconds, 1000, 0))
        if cells[1:]:
            lines.append(line(f"{NAMES[name]}, tasks found, %", "", name, 100, 1))
    if cells[1:]:
        lines.append(line("mean pictures, tasks found, %", "", "pictures", 100, 1))
        lines.append(["chance, %", f"{100 / k[-1]:.2f}", "", f"{100 / more:.2f}"])
    seeds = len(study.STUDY.stored(**far))
    last = f"; 2,500 tasks were run with {seeds} seed{'s' * (seeds > 1)}, tasks are "
    last += "found for single images"
    return table(
        ["what", "250 tasks, run", "2,500 tasks, worked out"]
        + ["2,500 tasks, run"] * (len(cells) - 1),
        lines,
        caption="Milliseconds for 128 images of one task, worked out by the straight "
        "line through 25 tasks and more, all else in proportion; "
        f"means; {NOTE}{last * bool(seeds)}",
    )


CASES = [
    row.Case(
        "supermask", "mask of a task", study.STUDY, {"scale": "book", "part": "common"}
    ),
    row.Case(
        "signed_constant",
        "edge-popup",
        supermasks.STUDY,
        {"scale": "book", "part": "common"},
    ),
]


def common() -> Table:
    """The common row: the mask of one task, beside the controls.

    >>> common().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return row.rows(CASES)


def common_rates() -> Picture:
    """Decoded accuracy against bits, for one task's mask and the controls.

    >>> common_rates().title
    'A mask of a task in ... bits reads ... %, all weights in ... bits ... %'
    """
    read = row.read(CASES)
    words: list[Any] = []
    for name in ("mask of a task", "all weights"):
        each = read[name]
        words += [f"{each.bits[each.best]:,.0f}", percent(each.decoded[:, each.best])]
    return row.rates(
        read,
        f"A mask of a task in {words[0]} bits reads {words[1]} %, all weights in "
        f"{words[2]} bits {words[3]} %",
    )
