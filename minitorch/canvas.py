"""How the course's figures are drawn: the look, the ticks, the labels, the tiles.

`minitorch.plots` says what a figure shows; this file holds all that is
matplotlib's. Its object interface is used, never pyplot, and the reader's own
style sheet neither matters nor changes.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minitorch.cards import INK, MUTED, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.8  # inches: 11.5 points are then about 11 pixels on a phone
FAINT = "#8c959f"


@contextmanager
def figure(height: float) -> Iterator[tuple[Figure, Axes]]:
    """Open a figure with one pair of axes in the course's look."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.size": 11.5,
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": FAINT,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": "#eaeef2",
                "xtick.color": FAINT,
                "ytick.color": FAINT,
                "xtick.labelcolor": INK,
                "ytick.labelcolor": INK,
                "legend.frameon": False,
                "legend.handlelength": 1.8,
                "legend.columnspacing": 1.4,
            }
        )
        fig = Figure(figsize=(WIDTH, height), dpi=180, layout="constrained")
        ax = fig.add_subplot()
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.yaxis.set_major_formatter("{x:,g}")
        yield fig, ax


def png(fig: Figure) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    out = io.BytesIO()
    fig.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


# Characters that stand under a chart without touching each other.
LINE = 46


def log_ticks(ax: Axes, low: float, high: float) -> None:
    """Put plain numbers on a logarithmic x axis, as many as fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    beyond = max(high / low, 1.0) ** 0.05  # as wide as matplotlib's margins
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = np.outer(decades, steps).ravel()
        ticks = ticks[(low / beyond <= ticks) & (ticks <= high * beyond)]
        wide = np.array([len(number(tick)) for tick in ticks])
        room = LINE * np.diff(np.log(ticks)) / max(1.1 * np.log(high / low), 1e-9)
        apart = (room >= (wide[1:] + wide[:-1]) / 2 + 1).all()
        if apart and wide.sum() + 2 * (len(wide) - 1) <= LINE:
            break
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def whole_ticks(ax: Axes) -> None:
    """Put ticks at whole numbers only: there is no task number 2.5."""
    from matplotlib.ticker import MaxNLocator

    steps = [1, 2, 2.5, 5, 10]
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=steps, integer=True))


def label_lines(
    fig: Figure,
    ax: Axes,
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    hlines: Sequence[tuple[float, str]],
    vlines: Sequence[tuple[float, str]],
) -> None:
    """Write each line's label beside it, at the place farthest from all data."""
    fig.draw_without_rendering()  # settle the layout
    frame = ax.get_window_extent()
    step = np.linspace(0, 1, 20)[:, None]
    busy = [np.empty((0, 2))]  # pixels that a label should keep away from
    for x, y in curves:
        dots = ax.transData.transform(np.column_stack([x, y]))
        busy += [a + (b - a) * step for a, b in itertools.pairwise(dots)] + [dots]
    wanted = [
        (text, [(x, value, ha, va) for x, ha in ((0, "left"), (1, "right"))
                for va in ("bottom", "top")], ax.get_yaxis_transform())
        for value, text in hlines
    ] + [
        (text, [(value, y, ha, va) for y, va in ((0, "bottom"), (1, "top"))
                for ha in ("left", "right")], ax.get_xaxis_transform())
        for value, text in vlines
    ]  # fmt: skip
    for text, places, transform in wanted:
        points = np.concatenate(busy)
        tried = []
        for across, up, ha, va in places:
            label = ax.annotate(
                text, (across, up), xycoords=transform, ha=ha, va=va, fontsize=10,
                color=MUTED, textcoords="offset points",
                xytext=(5 if ha == "left" else -5, 3 if va == "bottom" else -4),
            )  # fmt: skip
            box = label.get_window_extent()
            away = np.maximum(np.maximum(box.p0 - points, points - box.p1), 0)
            inside = frame.padded(2).contains(*box.p0) and frame.contains(*box.p1)
            room = np.hypot(*away.T).min(initial=1e6) if inside else -1.0
            tried.append((room, label, box))
            label.set_visible(False)
        _, label, box = max(tried, key=lambda t: t[0])
        label.set_visible(True)
        busy.append(box.corners())


def tile_png(
    stack: NDArray[np.float64],
    columns: int,
    cmap: str,
    limits: tuple[float, float],
    texts: Sequence[str],
    colours: Sequence[str] = (),
    ticks: Sequence[float] = (),
    across: int = 5,
) -> bytes:
    """Render images (N, H, W) as a grid, a text under each, a bar where ticks are."""
    from matplotlib.patches import Rectangle

    n, h, w = stack.shape
    columns = max(1, min(columns, n))
    across = max(columns, across)  # a few tiles stay small and stand at the left
    rows = -(-n // columns)
    inch = (WIDTH - 0.2) / across
    text = 0.22 / inch if texts else 0.0
    cell = h / w + text + 0.08
    grid, below = rows * cell * inch, 0.42 if ticks else 0.0
    with figure(grid + below) as (fig, ax):
        fig.set_layout_engine("none")
        ax.set_position((0.1 / WIDTH, below / (grid + below), 1 - 0.2 / WIDTH,
                         grid / (grid + below)))  # fmt: skip
        for i, image in enumerate(stack):
            x, y = i % columns, -(i // columns) * cell
            drawn = ax.imshow(
                image, cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest",
                extent=(x + 0.04, x + 0.96, y - 0.92 * h / w, y),
            )  # fmt: skip
            ax.add_patch(Rectangle((x + 0.04, y - 0.92 * h / w), 0.92, 0.92 * h / w,
                                   fill=False, ec="#d9dde2", lw=0.6))  # fmt: skip
            if texts:
                colour = colours[i] if colours else INK
                ax.text(x + 0.5, y - 0.95 * h / w, texts[i], ha="center", va="top",
                        color=colour, fontsize=min(10.5, 17 * inch))  # fmt: skip
        ax.set(xlim=(0, across), ylim=(-rows * cell, 0.02), aspect="equal")
        ax.set_axis_off()
        if ticks:
            width = min(max(columns, 3), across) * inch - 0.1
            place = np.array([0.14, 0.28, width, 0.09])
            strip = fig.add_axes(tuple(place / ([WIDTH, grid + below] * 2)))
            bar = fig.colorbar(drawn, cax=strip, orientation="horizontal", ticks=ticks)
            sides = ["left", *["center"] * (len(ticks) - 2), "right"]
            names = bar.ax.set_xticklabels([number(t) for t in ticks])
            for side, name in zip(sides, names, strict=True):
                name.set(ha=side)
            bar.outline.set_visible(False)
        return png(fig)
