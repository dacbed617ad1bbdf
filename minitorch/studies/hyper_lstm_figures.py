"""What the chapter "Indirect encoding" shows of the hyper-LSTM, one call each.

All but `along` and `vectors` read the committed rows and take no argument; titles are
computed from what was read.
"""

from __future__ import annotations

import math

import numpy as np

from minitorch import canvas
from minitorch.cards import number
from minitorch.data.text import alice
from minitorch.plots import Picture, Series, Table, curves, table
from minitorch.stats import mean_interval, paired
from minitorch.studies import hyper_lstm as study
from minitorch.studies.store import Row

NAMES = {
    "hyper": ("hyper_lstm", "hyper-LSTM"),
    "still": ("control", "the same, scales at rest"),
    "lstm": ("lstm", "plain LSTM"),
    "lstm-norm": ("lstm_norm", "LSTM, layer norm"),
}
GATES = ("input", "forget", "new", "output")  # i, f, g, o
NOTE = (
    "book scale: stored runs of 300 steps, Alice in Wonderland 128,004/14,223 "
    "characters, 5 seeds, 95 % intervals"
)


def learning() -> Picture:
    """Bits per held-out character against steps, all four networks.

    >>> learning().title
    'Scales that move cost ... bits a character, scales at rest ..., a plain LSTM ...'
    """
    lines, ends = [], {}
    for kind, (key, name) in NAMES.items():
        bits = study.results(kind, "curve")
        steps = study.results(kind, "steps")[0]
        lines.append(Series(key, steps[1:], bits[:, 1:], name))
        ends[kind] = bits[:, -1].mean()
    return curves(
        lines,
        title=f"Scales that move cost {ends['hyper']:.2f} bits a character, scales at "
        f"rest {ends['still']:.2f}, a plain LSTM {ends['lstm']:.2f}",
        xlabel="steps of training",
        ylabel="bits per held-out character",
        note=NOTE,
        xlog=False,
    )


def acting(settings: Row) -> int:
    """Count a network's numbers that can change what it says.

    With the scales at rest, the small LSTM and the weights that read it never act.

    >>> [acting({**study.QUICK, "net": net}) for net in ("hyper", "still")]
    [42267, 33563]
    """
    shapes = study.network(settings, len(alice().symbols)).layout.shapes
    idle = ("small.", "z.weight") if settings["net"] == "still" else ()
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if not name.startswith(tuple(idle))
    )


def comparison() -> Table:
    """Bits per character of each network, and how far the hyper-LSTM is from it.

    >>> comparison().columns[:4]
    ('network', 'numbers', 'that act', 'bits')
    """
    rows, hyper = [], study.results("hyper")
    for kind, (_, name) in NAMES.items():
        runs = study.stored(kind)
        bits = study.results(kind)
        seconds = float(np.mean([run["provenance"]["seconds"] for run in runs]))
        line = [name, runs[0]["result"]["D"], acting(runs[0]["settings"])]
        line += [f"{value:.3f}" for value in mean_interval(bits)]
        apart = [f"{value:+.3f}" for value in paired(bits, hyper)[:3]]
        rows.append([*line, *(apart if kind != "hyper" else [""] * 3), seconds])
    less = ["hyper less this", "low", "high"]
    return table(
        ["network", "numbers", "that act", "bits", "low", "high", *less, "seconds"],
        rows,
        caption="Bits per held-out character, and CPU seconds; at rest the small LSTM "
        f"is there and never acts; {NOTE}",
    )


def places() -> Table:
    """How far W_h moves in a step, by the kind of character that was read.

    The caption says whether five seeds tell the kinds apart.

    >>> places().columns
    ('character read', 'change of W_h', 'low', 'high')
    """
    words = {
        "inside": "a letter within a word",
        "first": "the first letter of a word",
        "between": "a space or a sign",
    }
    rows = [
        [name, *(f"{v:.3f}" for v in mean_interval(study.results("hyper", kind)))]
        for kind, name in words.items()
    ]
    inside = study.results("hyper", "inside")
    apart = [paired(inside, study.results("hyper", k)) for k in ("first", "between")]
    told = any(each.low > 0 or each.high < 0 for each in apart)
    return table(
        ["character read", "change of W_h", "low", "high"],
        rows,
        caption=(
            "" if told else "Alike at all kinds of places, as far as five seeds tell. "
        )
        + "How far the scaled matrix moves in a step, as a share of its size, "
        f"mean over 1,960 held-out characters; {NOTE}",
    )


def stored_along() -> Picture:
    """The change of W_h along a held-out passage, from the seed in the middle.

    >>> stored_along().title
    "W_h moves by ... % of its size in a step, most at the end of '...'"
    """
    rows: list[Row] = sorted(study.stored("hyper"), key=_mean_change)
    row, ends = rows[len(rows) // 2], (rows[0], rows[-1])
    moved = np.array(row["result"]["changes"]).T
    passage = alice().decode(alice().test[study.SEEN :][: len(moved)])
    least, most = (_percent(_mean_change(end)) for end in ends)
    note = (
        f"book scale: stored run of seed {row['seed']}, the median of {len(rows)}; the "
        f"others' means lie from {least} to {most}; held-out text of Alice in "
        "Wonderland"
    )
    return along(passage, moved, note=note)


def _percent(share: float) -> str:
    return f"{100 * share:.{2 if share < 0.01 else 1 if share < 0.1 else 0}f} %"


def _mean_change(row: Row) -> float:
    return float(np.mean(row["result"]["changes"]))


def along(passage: str, moved: np.ndarray, *, note: str) -> Picture:
    """Draw a strip for each gate: the darker, the more its weights move there.

    All gates share one scale, from 0 to the largest change; each says its own.

    Args:
        passage: T characters.
        moved: (T, 4) from `study.changes`.
        note: scale, data and seed.

    Raises:
        ValueError: when there are not as many rows as characters.

    >>> moved = np.array([[0.0] * 4, [0.1] * 4, [0.3] * 4])
    >>> along("o x", moved, note="").alt
    "W_h moves by 13 % of its size in a step, most at the end of 'o x'. Strips of change
    by gate along 3 characters; mean and largest: input 0.133, 0.3, forget 0.133, 0.3,
    new 0.133, 0.3, output 0.133, 0.3. White is 0, the darkest 30 %."
    """
    moved = np.asarray(moved, float)
    if moved.shape != (len(passage), 4) or len(passage) < 2:
        raise ValueError(
            f"got {len(passage)} characters and changes {moved.shape}, wanted two "
            "characters or more and (T, 4)"
        )
    tops = moved.max(0)
    at = int(moved.mean(1).argmax())
    before = "".join(passage[max(0, at - 8) : at + 1]).replace("\n", " ")
    size, dark = map(_percent, (moved.mean(), tops.max()))
    title = f"W_h moves by {size} of its size in a step, most at the end of {before!r}"
    labels = [f"{g}, to {_percent(v)}" for g, v in zip(GATES, tops, strict=True)]
    png = _strips(passage, moved, labels, cmap="Blues", limits=(0, tops.max() + 1e-12))
    pairs = zip(GATES, moved.mean(0), tops, strict=True)
    words = [
        title,
        f"Strips of change by gate along {len(passage)} characters; mean and largest: "
        + ", ".join(
            f"{gate} {number(mean)}, {number(top)}" for gate, mean, top in pairs
        ),
    ]
    return _picture(words, f"white is 0, the darkest {dark}", note, png)


def vectors(passage: str, d_h: np.ndarray, *, each: int = 3, note: str) -> Picture:
    """Draw some entries of d_h along a text: how far each is from its own mean there.

    A row is one entry, which scales one row of W_h. Its label says the gate, which of
    the gate's rows it is, and the mean; all entries share one scale of colours.

    Args:
        passage: T characters.
        d_h: (T, 4, H), the first of the three vectors that `Reader.scales` gives.
        each: how many entries of a gate, spread evenly over it.
        note: scale, data and seed.

    Raises:
        ValueError: when there are not as many vectors as characters.

    >>> d_h = np.array([1.0, 1.5, 0.5])[:, None, None] * np.ones((3, 4, 6))
    >>> vectors("o x", d_h, note="").title
    '12 entries of d_h, of size 1, move by 0.41 around their means as the text is read'
    """
    d_h = np.asarray(d_h, float)
    if d_h.ndim != 3 or d_h.shape[:2] != (len(passage), 4) or len(passage) < 2:
        raise ValueError(
            f"got {len(passage)} characters and d_h {d_h.shape}, wanted two characters "
            "or more and (T, 4, H)"
        )
    chosen = np.linspace(0, d_h.shape[2] - 1, each + 2).astype(int)[1:-1]
    shown = d_h[:, :, chosen].reshape(len(passage), -1)  # a gate's entries together
    means = shown.mean(0)
    moved = shown - means
    top = float(np.abs(moved).max()) + 1e-12
    named = [f"{gate} {row}" for gate in GATES for row in chosen]
    labels = [f"{n}: {m:+.2f}" for n, m in zip(named, means, strict=True)]
    size, far = np.abs(means).mean(), moved.std(0).mean()
    title = (
        f"{len(named)} entries of d_h, of size {size:.2g}, move by {far:.2g} around "
        "their means as the text is read"
    )
    png = _strips(passage, moved, labels, cmap="RdBu_r", limits=(-top, top))
    pairs = zip(named, means, moved.std(0), strict=True)
    words = [
        title,
        f"Strips of d_h by gate and row along {len(passage)} characters; mean and "
        "standard deviation: "
        + ", ".join(f"{n} {number(m)}, {number(s)}" for n, m, s in pairs),
    ]
    scale = f"red above the mean, blue below, darkest at {top:.2g}"
    return _picture(words, scale, note, png)


def _picture(words: list[str], scale: str, note: str, png: bytes) -> Picture:
    """Put the colours' scale before the note, and all of it into words."""
    said = "; ".join(part for part in (scale, note) if part)
    full = [*words, scale[0].upper() + scale[1:], note]
    alt = " ".join(part.rstrip(".") + "." for part in full if part)
    return Picture(words[0], said, alt, png)


def _strips(
    passage: str,
    values: np.ndarray,
    labels: list[str],
    *,
    cmap: str,
    limits: tuple[float, float],
) -> bytes:
    """Draw (T, R) values as R strips below the text, in two lines where it is long."""
    shown = ["␣" if each == " " else "↵" if each == "\n" else each for each in passage]
    R = len(labels)
    lines = 2 if len(passage) > 36 else 1
    width, high = -(-len(passage) // lines), R + 2.2
    with canvas.figure(0.3 + 0.22 * high * lines) as (fig, ax):
        for line in range(lines):
            part = values[line * width : (line + 1) * width]
            low = line * high
            ax.pcolormesh(
                np.arange(len(part) + 1) - 0.5,
                low + np.arange(R + 1) - 0.5,
                part.T,
                cmap=cmap,
                vmin=limits[0],
                vmax=limits[1],
                edgecolors="white",
                linewidth=0.5,
            )
            for x, each in enumerate(shown[line * width : (line + 1) * width]):
                ax.text(x, low - 1.0, each, ha="center", va="center", fontsize=9.5)
        rows = [line * high + row for line in range(lines) for row in range(R)]
        ax.set_yticks(rows, labels * lines, fontsize=9)
        ax.set_xticks([])
        ax.set_ylim(lines * high - 2.2, -1.7)
        ax.set_xlim(-0.7, width - 0.3)
        ax.grid(False)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        ax.tick_params(length=0)
        return canvas.png(fig)
