"""What the chapter "Indirect encoding" shows of the hyper-LSTM, one call each.

All but `along` read the committed rows and take no argument; titles are computed
from what was read.
"""

from __future__ import annotations

import numpy as np

from minitorch import canvas
from minitorch.cards import number
from minitorch.data.text import alice
from minitorch.plots import Picture, Series, Table, curves, table
from minitorch.stats import mean_interval, paired
from minitorch.studies import hyper_lstm as study
from minitorch.studies.store import Row

NAMES = {
    "hyper": ("hypernet", "hyper-LSTM"),
    "still": ("control", "the same, scales at rest"),
    "lstm": ("direct", "plain LSTM"),
    "lstm-norm": ("dense", "LSTM, layer norm"),
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


def comparison() -> Table:
    """Bits per character of each network, and how far the hyper-LSTM is from it.

    >>> comparison().columns[:4]
    ('network', 'D', 'bits', 'low')
    """
    rows, hyper = [], study.results("hyper")
    for kind, (_, name) in NAMES.items():
        runs = study.stored(kind)
        bits = study.results(kind)
        seconds = float(np.mean([run["provenance"]["seconds"] for run in runs]))
        line = [name, runs[0]["result"]["D"]]
        line += [f"{value:.3f}" for value in mean_interval(bits)]
        apart = [f"{value:+.3f}" for value in paired(bits, hyper)[:3]]
        rows.append([*line, *(apart if kind != "hyper" else [""] * 3), seconds])
    less = ["hyper less this", "low", "high"]
    return table(
        ["network", "D", "bits", "low", "high", *less, "seconds"],
        rows,
        caption=f"Bits per held-out character, and CPU seconds; {NOTE}",
    )


def places() -> Table:
    """How far W_h moves in a step, by the kind of character that was read.

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
    return table(
        ["character read", "change of W_h", "low", "high"],
        rows,
        caption="How far the scaled matrix moves in a step, as a share of its size, "
        f"mean over 1,960 held-out characters; {NOTE}",
    )


def stored_along() -> Picture:
    """The change of W_h along a held-out passage, from the stored run of seed 0.

    >>> stored_along().title
    "The weights move most at the end of '...'"
    """
    row: Row = study.stored("hyper")[0]
    moved = np.array(row["result"]["changes"]).T
    passage = alice().decode(alice().test[study.SEEN :][: len(moved)])
    note = "book scale: stored run of seed 0, held-out text of Alice in Wonderland"
    return along(passage, moved, note=note)


def along(passage: str, moved: np.ndarray, *, note: str) -> Picture:
    """Draw a strip for each gate: the darker, the more its weights move there.

    Each gate has its own scale, from 0 to its largest change.

    Args:
        passage: T characters.
        moved: (T, 4) from `study.changes`.
        note: scale, data and seed.

    Raises:
        ValueError: when there are not as many rows as characters.

    >>> moved = np.array([[0.0] * 4, [0.1] * 4, [0.3] * 4])
    >>> along("o x", moved, note="").alt
    "The weights move most at the end of 'o x'. Strips of change by gate along 3
    characters; mean and largest: input 0.133, 0.3, forget 0.133, 0.3, new 0.133, 0.3,
    output 0.133, 0.3."
    """
    moved = np.asarray(moved, float)
    if moved.shape != (len(passage), 4) or len(passage) < 2:
        raise ValueError(
            f"got {len(passage)} characters and changes {moved.shape}, wanted two "
            "characters or more and (T, 4)"
        )
    shown = ["␣" if each == " " else "↵" if each == "\n" else each for each in passage]
    tops = moved.max(0) + 1e-12
    at = int((moved / tops).mean(1).argmax())
    before = "".join(passage[max(0, at - 8) : at + 1]).replace("\n", " ")
    title = f"The weights move most at the end of {before!r}"
    lines = 2 if len(passage) > 36 else 1
    width = -(-len(passage) // lines)
    with canvas.figure(0.6 + 1.35 * lines) as (fig, ax):
        for line in range(lines):
            part = moved[line * width : (line + 1) * width]
            low = line * 6.2
            for gate in range(4):
                ax.pcolormesh(
                    np.arange(len(part) + 1) - 0.5,
                    [low + gate - 0.5, low + gate + 0.5],
                    part[None, :, gate],
                    cmap="Blues",
                    vmin=0,
                    vmax=tops[gate],
                    edgecolors="white",
                    linewidth=0.5,
                )
            for x, each in enumerate(shown[line * width : (line + 1) * width]):
                ax.text(x, low - 1.0, each, ha="center", va="center", fontsize=9.5)
        rows = [line * 6.2 + gate for line in range(lines) for gate in range(4)]
        ax.set_yticks(rows, GATES * lines, fontsize=9)
        ax.set_xticks([])
        ax.set_ylim(lines * 6.2 - 2.2, -1.7)
        ax.set_xlim(-0.7, width - 0.3)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        ax.tick_params(length=0)
        png = canvas.png(fig)
    pairs = zip(GATES, moved.mean(0), tops, strict=True)
    words = [
        title,
        f"Strips of change by gate along {len(passage)} characters; mean and largest: "
        + ", ".join(
            f"{gate} {number(mean)}, {number(top)}" for gate, mean, top in pairs
        ),
        note,
    ]
    alt = " ".join(each.rstrip(".") + "." for each in words if each)
    return Picture(title, note, alt, png)
