"""The course's figures: a few kinds, one palette, one call each.

Every function returns a `Picture` (or a `Table`): an image with its finding
as the title, a small note that says scale, data and seeds, and an alternative
text computed from the same numbers. Title and note are real text, so they wrap
and stay legible on a phone; the card is opaque and light, so that it reads the
same on a dark page. Nothing here touches pyplot or leaves a setting changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minitorch import canvas
from minitorch.cards import INK, MUTED, WRONG, Picture, Table, number, table
from minitorch.stats import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "STYLES",
    "Picture",
    "Series",
    "Style",
    "Table",
    "curves",
    "digits",
    "methods",
    "strips",
    "table",
    "tiles",
]


class Style(NamedTuple):
    """How one method looks through the whole book."""

    label: str
    colour: str
    marker: str


# Ten colours after Okabe and Ito, shifted until each stands out from white (3 to 1)
# and from the others under red-green colour blindness. A colour that serves more than
# one method has another marker for each; no figure holds two methods of one colour.
STYLES = {
    "direct": Style("direct training", "#222222", "s"),
    "subspace": Style("random subspace", "#0072B2", "o"),
    "coordinates": Style("random single weights", "#B23A0A", "X"),
    "dense": Style("dense P", "#2A2A8C", "s"),
    "sparse": Style("sparse P", "#BA8D01", "^"),
    "fastfood": Style("Fastfood P", "#0FA062", "D"),
    "low_rank": Style("low-rank directions", "#871168", "*"),
    "paper": Style("published", "#767676", "."),
    "chance": Style("chance", "#8C8C8C", "H"),
    "shuffled": Style("shuffled pixels", "#A03A5E", "v"),
    "random_labels": Style("random labels", "#871168", "P"),
    "hypernet": Style("hypernetwork", "#BA8D01", "h"),
    "frozen_generator": Style("frozen generator", "#B23A0A", "v"),
    "cppn": Style("CPPN", "#871168", "D"),
    "evolved_weights": Style("evolved weights only", "#0072B2", "d"),
    "random_layer": Style("random layer", "#8C8C8C", "s"),
    "hyper_subspace": Style("subspace of a hypernetwork", "#0FA062", "h"),
    "frozen_subspace": Style("subspace of a frozen generator", "#4498BE", "v"),
    "small_start": Style("started small", "#4498BE", "p"),
    "he_start": Style("He's start", "#0FA062", "X"),
    "lstm": Style("LSTM", "#222222", "o"),
    "lstm_norm": Style("LSTM with layer norm", "#0072B2", "^"),
    "hyper_lstm": Style("hyper-LSTM", "#BA8D01", "D"),
    "lottery": Style("lottery ticket", "#0FA062", "^"),
    "fresh_start": Style("fresh start", "#B23A0A", "o"),
    "shuffled_mask": Style("shuffled mask", "#8C8C8C", "v"),
    "signed_constant": Style("signed constant", "#0072B2", "P"),
    "same_signs": Style("fresh start, signs kept", "#4498BE", "X"),
    "frozen_at_start": Style("pruned frozen at start", "#871168", "s"),
    "one_shot": Style("one-shot ticket", "#BA8D01", "o"),
    "lottery_short": Style("lottery ticket, short training", "#4498BE", "^"),
    "fresh_start_short": Style("fresh start, short training", "#871168", "o"),
    "snip": Style("SNIP", "#A03A5E", "X"),
    "all_layers": Style("pruned over all layers", "#871168", "h"),
    "rewound": Style("rewound to a later step", "#2A2A8C", "^"),
    "trained_on": Style("trained on", "#222222", "D"),
    "narrow": Style("narrower network", "#4498BE", "h"),
    "supermask": Style("supermask", "#4498BE", "D"),
    "search_one_shot": Style("one-shot", "#0072B2", "v"),
    "search_halving": Style("halving", "#BA8D01", "s"),
    "search_exhaustive": Style("exhaustive", "#871168", "^"),
    "in_sequence": Style("one network in sequence", "#B23A0A", "D"),
    "nearest_picture": Style("nearest mean picture", "#0FA062", "s"),
    "other_weights": Style("other weights", "#B23A0A", "<"),
    "objective_entropy": Style("entropy", "#2A2A8C", "v"),
    "objective_g": Style("G", "#0FA062", "v"),
    "objective_ten": Style("entropy of the ten", "#B23A0A", ">"),
    "calibration_error": Style("calibration error", "#222222", "X"),
    "shared_statistics": Style("shared statistics", "#B23A0A", "h"),
    "shared_shallow": Style("shared statistics, 2 layers", "#8C8C8C", "d"),
    "batch_statistics": Style("statistics of the batch", "#BA8D01", "<"),
    "new_task": Style("new task", "#B23A0A", "^"),
    "first_task": Style("first task", "#871168", "v"),
    "hebb": Style("Hebb", "#B23A0A", "s"),
    "storkey": Style("Storkey", "#0FA062", "o"),
    "hebb_few": Style("Hebb, few ones", "#871168", "p"),
    "storkey_few": Style("Storkey, few ones", "#4498BE", "o"),
    "laperm": Style("LaPerm", "#A03A5E", "d"),
    "laperm_slow": Style("LaPerm, a tenth of the rate", "#4498BE", "d"),
    "laperm_pace": Style("LaPerm, ever longer periods", "#BA8D01", "d"),
    "straight_through": Style("straight through", "#4498BE", "P"),
    "arranged_once": Style("arranged once, at the end", "#BA8D01", "v"),
    "fresh_values": Style("fresh values", "#0FA062", ">"),
    "normal_values": Style("normal values", "#BA8D01", "p"),
    "even_values": Style("even values", "#222222", "d"),
    "one_value": Style("one value and zeros", "#4498BE", "s"),
    "one_value_small": Style("one value, small", "#BA8D01", "X"),
    "one_value_straight": Style("one value, straight through", "#222222", "P"),
    "bn_only": Style("BatchNorm only", "#B23A0A", "p"),
    "norm_gamma": Style("gamma alone", "#871168", "d"),
    "norm_beta": Style("beta alone", "#4498BE", "<"),
    "two_weights": Style("two weights a feature", "#8C8C8C", "X"),
    "output_layer": Style("last layer", "#0072B2", "s"),
    "norms_output": Style("norms and last layer", "#BA8D01", "P"),
    "first_norm": Style("first norm alone", "#0FA062", "d"),
    "last_norm": Style("last norm alone", "#4498BE", "*"),
    "norms_wider": Style("norms, wider", "#0072B2", "p"),
    "norms_output_wider": Style("norms and last layer, wider", "#0FA062", "P"),
    "undecayed": Style("no decay", "#4498BE", "H"),
    "half_decayed": Style("some decay", "#BA8D01", "H"),
    "ones_start": Style("gammas from 1", "#0072B2", "h"),
    "silenced": Style("removed, relu(beta) gone too", "#0072B2", "D"),
    "norms_anew": Style("norms, statistics anew", "#0072B2", "X"),
    "norms_output_anew": Style("norms and last layer, anew", "#0FA062", "H"),
    "norms_subspace": Style("subspace of the norms", "#0FA062", "<"),
    "coordconv": Style("CoordConv", "#871168", "<"),
    "control": Style("control", "#8C8C8C", ">"),
    # Settings of one method, in this order.
    "smaller": Style("smaller", "#BA8D01", ">"),
    "small": Style("small", "#0072B2", "<"),
    "middle": Style("middle", "#0FA062", "p"),
    "large": Style("large", "#871168", "H"),
    "larger": Style("larger", "#222222", "h"),
}


@dataclass(frozen=True, eq=False)
class Series:
    """One curve: x (n,), and y (S, n) with a row a seed, or (n,) as published.

    Whatever converts to such arrays will do; points are sorted by x. Where a band
    (2, n) is given, its lower and its upper end, it is drawn in place of the interval
    over seeds, and no points are.

    Raises:
        ValueError: for a key that is not in STYLES, shapes that do not fit,
            or numbers that are not finite.

    >>> Series("subspace", [10, 100], [[0.2, 0.6], [0.3, 0.5]]).name
    'random subspace'
    """

    key: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    label: str | None = None
    band: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.key not in STYLES:
            raise ValueError(f"no style {self.key!r}; there are {', '.join(STYLES)}")
        x, y = np.asarray(self.x, dtype=float), np.asarray(self.y, dtype=float)
        if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[-1] != x.size or not y.size:
            raise ValueError(
                f"series {self.key!r}: got x {x.shape} and y {y.shape}, wanted x (n,) "
                "and y (S, n), one row a seed, or (n,)"
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError(
                f"series {self.key!r} holds numbers that are not finite; leave out "
                "the runs that diverged and say so in the note"
            )
        order = np.argsort(x, kind="stable")
        if self.band is not None:
            band = np.asarray(self.band, dtype=float)
            if band.shape != (2, x.size) or not np.isfinite(band).all():
                raise ValueError(
                    f"series {self.key!r}: a band is finite and (2, n), here n = "
                    f"{x.size}; got {band.shape}"
                )
            object.__setattr__(self, "band", band[:, order])
        object.__setattr__(self, "x", x[order])
        object.__setattr__(self, "y", y[..., order])

    @property
    def name(self) -> str:
        """The label that a reader sees."""
        return self.label or STYLES[self.key].label


def curves(
    series: Sequence[Series],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    note: str,
    hlines: Sequence[tuple[float, str]] = (),
    vlines: Sequence[tuple[float, str]] = (),
    xlog: bool = True,
    joined: bool = True,
) -> Picture:
    """Draw curves: mean and 95 % t interval over seeds, each seed as a faint dot.

    Where they are not joined, each row of y is a cloud of points.
    A series with y (n,) is a published curve and drawn dashed, with no band; one of a
    single point has a bar. Where every y is a share, from 0 to 1, so is the band.
    `hlines` and `vlines` are (value, label) pairs, labelled where no data is.

    Raises:
        ValueError: with no series, or x <= 0 on a logarithmic axis.

    >>> ours = Series("subspace", [10, 100], [[0.2, 0.6], [0.3, 0.5]])
    >>> curves([ours], title="It rises", xlabel="d", ylabel="accuracy", note="").alt
    'It rises. Line chart of accuracy against d (10 to 100, logarithmic).
    random subspace, mean of 2 seeds: 0.25 at 10 to 0.55 at 100.'
    """
    if not series:
        raise ValueError("a line chart needs at least one Series")
    xs = np.concatenate([s.x for s in series] + [[v for v, _ in vlines]])
    if xlog and xs.min() <= 0:
        raise ValueError(
            f"a logarithmic axis needs x > 0, got {xs.min():g}; pass xlog=False"
        )
    # A long legend must not squash the axes.
    height = 3.3 + 0.25 * max(0, (len(series) + 1) // 2 - 3)
    with canvas.figure(height) as (fig, ax):
        if xlog:
            canvas.log_ticks(ax, xs.min(), xs.max())
        elif (xs == xs.round()).all():
            canvas.whole_ticks(ax)
        for i, s in enumerate(series):
            if joined:
                _curve(ax, s, 3 + i)
            else:
                _cloud(ax, s, 3 + i)
        for value, _ in hlines:
            ax.axhline(value, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        for value, _ in vlines:
            ax.axvline(value, color=MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        fig.legend(loc="outside upper left", ncols=2)
        canvas.label_lines(
            fig,
            ax,
            [(s.x, y) for s in series for y in np.atleast_2d(s.y)],
            hlines,
            vlines,
        )
        png = canvas.png(fig)

    scale = ", logarithmic" if xlog else ""
    span = f"({number(xs.min())} to {number(xs.max())}{scale})"
    kind = "Line chart" if joined else "Scatter plot"
    words = [title, f"{kind} of {ylabel} against {xlabel} {span}"]
    for s in series:
        y = np.atleast_2d(s.y)
        mean = y.mean(0)
        seeds = f", mean of {len(y)} seeds" if len(y) > 1 else ""
        ends = [f"{number(mean[i])} at {number(s.x[i])}" for i in (0, -1)[: len(s.x)]]
        if not joined:
            seeds = f", {y.size} points"
        if s.band is not None:
            ends[-1] += f", in a band {number(np.ptp(s.band, 0).mean())} wide"
        words.append(f"{s.name}{seeds}: {' to '.join(ends)}")
    words += [f"Horizontal line at {number(v)}: {text}" for v, text in hlines]
    words += [f"Vertical line at {number(v)}: {text}" for v, text in vlines]
    return Picture(title, note, _sentences(words, note), png)


def methods(
    names: Sequence[str],
    values: Sequence[ArrayLike],
    *,
    title: str,
    xlabel: str,
    note: str,
    each: str = "seed",
    keys: Sequence[str] | None = None,
) -> Picture:
    """Draw method against method: a dot, its 95 % t interval, each seed faintly.

    A name that is a key of STYLES gets that method's label, colour and marker;
    any other name stands as it is. `values` has one array (S,) a method; `each`
    says what one of its values is; `keys` of STYLES, one a name, give the names
    these colours and markers and leave the words as they are.

    Raises:
        ValueError: when names, values and keys do not pair up or a value is missing.

    >>> values = [[0.89, 0.91], [0.60]]
    >>> methods(["subspace", "mine"], values, title="A", xlabel="accuracy", note="").alt
    'A. accuracy by method. random subspace: 0.9 (95 % interval 0.773 to 1.03,
    2 seeds). mine: 0.6 (1 seed).'
    """
    rows = [np.asarray(v, dtype=float).ravel() for v in values]
    if not rows or len(names) != len(rows) or not all(r.size for r in rows):
        raise ValueError(
            f"got {len(names)} names and arrays of {[r.size for r in rows]} values; "
            "wanted one array with at least one value for each name"
        )
    if keys is not None and (len(keys) != len(names) or not set(keys) <= set(STYLES)):
        raise ValueError(
            f"got keys {list(keys)} for {len(names)} names; wanted as many, of "
            f"{', '.join(STYLES)}"
        )
    largest = max(abs(r.mean()) for r in rows) or 1.0
    places = max(0, 2 - int(np.floor(np.log10(largest))))
    words = [title, f"{xlabel} by method"]
    with canvas.figure(0.7 + 0.5 * len(rows)) as (fig, ax):
        for i, (name, row) in enumerate(zip(names, rows, strict=True)):
            style = STYLES.get(name, Style(name, INK, "o"))
            if keys is not None:
                style = STYLES[keys[i]]._replace(label=name)
            mean, low, high = mean_interval(row)
            ax.plot(mean, i, style.marker, color=style.colour, ms=7, mec="white",
                    mew=0.8, zorder=4)  # fmt: skip
            value = f"{mean:,.{places}f}"
            sure = f"1 {each}"
            if row.size > 1:
                ax.plot(row, np.full(row.size, i + 0.2), ".", ms=5, mec="none",
                        color=style.colour, alpha=0.45)  # fmt: skip
                ax.plot([low, high], [i, i], "|-", color=style.colour, lw=1.6, ms=11)
                value += f" ± {high - mean:,.{places}f}"
                sure = (
                    f"95 % interval {number(low)} to {number(high)}, {row.size} {each}s"
                )
            for text, up, size in ((style.label, 0.12, 11.5), (value, -0.26, 10)):
                ax.annotate(text, (-0.03, i - up), xycoords=("axes fraction", "data"),
                            ha="right", va="center", fontsize=size,
                            color=INK if up > 0 else MUTED)  # fmt: skip
            words.append(f"{style.label}: {number(mean)} ({sure})")
        ax.set_yticks([])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.spines["left"].set_visible(False)
        ax.margins(x=0.08)
        ax.set_xlabel(xlabel)
        return Picture(title, note, _sentences(words, note), canvas.png(fig))


def strips(
    names: Sequence[str],
    values: Sequence[ArrayLike],
    *,
    bands: Sequence[float],
    title: str,
    xlabel: str,
    note: str,
) -> Picture:
    """Draw claim under claim: ours over the paper's, with 1 as the paper's number.

    A dot is the mean over seeds, the bar its 95 % t interval, each seed a faint
    point; the grey band is what counts as reproduced. The axis is logarithmic, so
    that twice and half are equally far from 1.

    Args:
        names: what is claimed, one line each.
        values: for each claim the ratio ours / paper's of each seed, (S,), above 0.
        bands: for each claim the share within which it is reproduced.
        title: the finding.
        xlabel: what the ratio is.
        note: scale, data and seeds.

    Raises:
        ValueError: when names, values and bands do not pair up, or a ratio is not
            above 0.

    >>> strips(["A", "B"], [[1.1, 0.9], [2.0]], bands=[0.2, 0.2], title="T",
    ...        xlabel="ours / paper's", note="").alt
    "T. ours / paper's by claim, 1 is the paper's. A: 1 (95 % interval -0.271 to 2.27,
    2 seeds), within the band of 20 %. B: 2 (1 seed), outside the band of 20 %."
    """
    rows = [np.asarray(v, dtype=float).ravel() for v in values]
    if not rows or not len(names) == len(rows) == len(bands):
        raise ValueError(
            f"got {len(names)} names, {len(rows)} arrays and {len(bands)} bands; "
            "wanted as many of each, and at least one"
        )
    if not all(row.size and (row > 0).all() for row in rows):
        raise ValueError("a ratio of each claim for each seed is a number above 0")
    words = [title, f"{xlabel} by claim, 1 is the paper's"]
    reach = 1.15 * max(max(row.max(), 1 / row.min()) for row in rows)
    with canvas.figure(0.9 + 0.62 * len(rows)) as (fig, ax):
        reach = max(reach, *(1.15 * (1 + band) for band in bands))
        ax.set_xscale("log")
        ax.set_xlim(1 / reach, reach)
        ticks = [t for t in (0.1, 0.25, 0.5, 0.8, 1, 1.25, 2, 4, 10) if t <= reach]
        ticks = [t for t in ticks if t >= 1 / reach]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_xticks([], minor=True)
        for i, (name, row, band) in enumerate(zip(names, rows, bands, strict=True)):
            mean, low, high = mean_interval(row)
            good = max(mean, 1 / mean) - 1 <= band
            ax.fill_betweenx([i - 0.22, i + 0.42], 1 / (1 + band), 1 + band,
                             color=MUTED, alpha=0.15, lw=0)  # fmt: skip
            ax.plot([1, 1], [i - 0.22, i + 0.42], color=MUTED, lw=1, zorder=1)
            colour = STYLES["subspace"].colour if good else WRONG
            ax.plot(mean, i + 0.1, "o" if good else "X", color=colour, ms=7,
                    mec="white", mew=0.8, zorder=4)  # fmt: skip
            sure = "1 seed"
            if row.size > 1:
                ends = max(low, 1 / reach), min(high, reach)
                ax.plot(ends, [i + 0.1] * 2, "|-", color=colour, lw=1.6, ms=10)
                ax.plot(row, np.full(row.size, i + 0.3), ".", ms=5, mec="none",
                        color=colour, alpha=0.45)  # fmt: skip
                sure = f"95 % interval {number(low)} to {number(high)}, "
                sure += f"{row.size} seeds"
            ax.annotate(name, (0, i - 0.3), xycoords=("axes fraction", "data"),
                        ha="left", va="center", fontsize=10.5)  # fmt: skip
            where = "within" if good else "outside"
            words.append(
                f"{name}: {number(mean)} ({sure}), {where} the band of {band:.0%}"
                .replace("%", " %").replace("  %", " %")
            )  # fmt: skip
        ax.set_yticks([])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(xlabel)
        return Picture(title, note, _sentences(words, note), canvas.png(fig))


def tiles(
    images: ArrayLike,
    *,
    title: str,
    note: str,
    labels: Sequence[str] | None = None,
    columns: int = 8,
    signed: bool = True,
    across: int = 5,
) -> Picture:
    """Draw weights (N, H, W) or (N, F) as tiles that share one colour scale.

    Signed values get a diverging map centred at 0, others (a mask, say) greys. A tile
    is as wide as if there were at least `across` of them in a row.

    Raises:
        ValueError: for a shape that holds no images, or labels that do not pair up.

    >>> tiles([[1.0, -2.0, 0.5, 0.0]], title="One tile", note="").alt
    'One tile. 1 tile of 2 by 2 numbers, from -2 to 1.'
    """
    stack = _as_images(images)
    low, high = float(stack.min()), float(stack.max())
    top = max(abs(low), abs(high)) or 1.0
    limits = (-top, top) if signed else (low, high if high > low else low + 1.0)
    names = _labels(labels, len(stack), "labels")
    cmap = "RdBu_r" if signed else "Greys"
    ticks = [-top, 0, top] if signed else list(limits)
    png = canvas.tile_png(
        stack, columns, cmap, limits, names, ticks=ticks, across=across
    )
    n, h, w = stack.shape
    what = f"{n} tile{'s' * (n > 1)} of {h} by {w} numbers"
    words = [title, f"{what}, from {number(low)} to {number(high)}"]
    return Picture(title, note, _sentences(words, note), png)


def digits(
    images: ArrayLike,
    *,
    title: str,
    note: str,
    labels: Sequence[int] | None = None,
    predicted: Sequence[int] | None = None,
    columns: int = 8,
) -> Picture:
    """Draw digits (N, H, W), (N, 1, H, W) or (N, F), with labels and predictions.

    Raises:
        ValueError: for a shape that holds no images, predictions without
            labels, or labels that do not pair up.

    >>> one = np.eye(4)[None]
    >>> digits(one, labels=[7], predicted=[9], title="Oh", note="").alt
    'Oh. 1 digit, 0 read correctly. Number 1 is a 7, read as 9.'
    """
    stack = _as_images(images)
    true = _labels(labels, len(stack), "labels")
    said = _labels(predicted, len(stack), "predictions")
    if said and not true:
        raise ValueError("got predictions without labels; pass labels=... too")
    texts, colours, wrong = true, [INK] * len(true), []
    if said:
        pairs = list(zip(true, said, strict=True))
        texts = [p if p == t else f"{p} not {t}" for t, p in pairs]
        colours = [INK if p == t else WRONG for t, p in pairs]
        wrong = [i for i, (t, p) in enumerate(pairs) if p != t]
    limits = (float(stack.min()), float(stack.max()) + 1e-9)
    png = canvas.tile_png(stack, columns, "Greys", limits, texts, colours)
    n = len(stack)
    head = f"{n} digit{'s' * (n > 1)}"
    words = [title, f"{head}, {n - len(wrong)} read correctly" if said else head]
    if true and not said:
        words.append(f"Labels {', '.join(true)}")
    words += [f"Number {i + 1} is a {true[i]}, read as {said[i]}" for i in wrong]
    return Picture(title, note, _sentences(words, note), png)


def _curve(ax: Axes, s: Series, zorder: int) -> None:
    """Draw one series: dashed as published, or mean, band and dots over seeds."""
    _, colour, marker = STYLES[s.key]
    if s.band is not None:
        ax.fill_between(s.x, *s.band, color=colour, alpha=0.3, lw=0, zorder=2)
        ax.plot(s.x, np.atleast_2d(s.y).mean(0), color=colour, lw=1.6, label=s.name,
                zorder=zorder)  # fmt: skip
        return
    if np.ndim(s.y) == 1:
        ax.plot(s.x, s.y, color=colour, lw=1.3, ls=(0, (4, 2)), marker=marker, ms=4,
                label=s.name, zorder=2)  # fmt: skip
        return
    mean, low, high = mean_interval(s.y)
    if len(s.y) > 1:
        if s.y.min() >= 0 and s.y.max() <= 1:
            low, high = np.maximum(low, 0), np.minimum(high, 1)
        ax.fill_between(s.x, low, high, color=colour, alpha=0.16, lw=0, zorder=2)
        if len(s.x) == 1:  # where a band has no width
            ax.plot([*s.x, *s.x], [*low, *high], "_-", color=colour, lw=1.6, ms=9,
                    zorder=zorder)  # fmt: skip
        ax.plot(s.x, s.y.T, ls="", marker=".", ms=5, color=colour, alpha=0.4,
                mec="none", zorder=zorder)  # fmt: skip
    ax.plot(s.x, mean, color=colour, lw=2, marker=marker, ms=6.5, mec="white",
            mew=0.8, label=s.name, zorder=zorder)  # fmt: skip


def _cloud(ax: Axes, s: Series, zorder: int) -> None:
    """Draw one series as points."""
    _, colour, marker = STYLES[s.key]
    y = np.atleast_2d(s.y)
    ax.plot(np.tile(s.x, len(y)), y.ravel(), ls="", color=colour, marker=marker, ms=6,
            alpha=0.7, mec="white", mew=0.5, label=s.name, zorder=zorder)  # fmt: skip


def _sentences(words: Sequence[str], note: str) -> str:
    return " ".join(w.rstrip(".") + "." for w in [*words, note] if w)


def _labels(given: Sequence[object] | None, n: int, what: str) -> list[str]:
    if given is None:
        return []
    if len(given) != n:
        raise ValueError(f"got {len(given)} {what} for {n} images")
    return [str(g) for g in given]


def _as_images(images: ArrayLike) -> NDArray[np.float64]:
    """Bring (N, H, W), (N, 1, H, W) or (N, F) with F a square number to (N, H, W)."""
    stack = np.asarray(images, dtype=float)
    if stack.ndim == 4 and stack.shape[1] == 1:
        stack = stack[:, 0]
    side = int(np.sqrt(stack.shape[-1])) if stack.ndim == 2 else 0
    if side and side * side == stack.shape[-1]:
        stack = stack.reshape(-1, side, side)
    if stack.ndim != 3 or not stack.size or not np.isfinite(stack).all():
        raise ValueError(
            f"got images of shape {np.shape(images)}, wanted finite numbers as "
            "(N, H, W), (N, 1, H, W) or (N, F) with F a square number"
        )
    return stack
