"""What a figure, a table or a widget looks like on a page: an opaque light card.

The card brings its own colours, so that it reads the same on a white page, on a
dark one, in JupyterLab and in Colab; its text is real text, which wraps, can be
searched and stays legible on a phone.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

INK, MUTED, WRONG = "#1f2328", "#57606a", "#b3400a"
CARD = (
    f"margin:1em 0;padding:14px 16px;box-sizing:border-box;background:#fff;"
    f"color:{INK};border:1px solid #d9dde2;border-radius:8px;text-align:left;"
    "font-family:system-ui,sans-serif;line-height:1.35"
)


@dataclass(frozen=True)
class Picture:
    """A finished figure: its PNG, the finding, a note and a text for the blind.

    >>> Picture("Accuracy rises with d", "quick scale", "A line that rises.", b"")
    Accuracy rises with d
    """

    title: str
    note: str
    alt: str
    png: bytes

    def __repr__(self) -> str:
        return self.title

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        note = ""
        if self.note:
            note = (
                f'<span style="display:block;font-size:13px;font-weight:400;'
                f'color:{MUTED}">{html.escape(self.note)}</span>'
            )
        return (
            f'<figure class="course-figure" style="{CARD};max-width:620px">'
            f'<figcaption style="margin:0 0 8px;color:{INK};font:inherit;'
            f'text-align:left"><strong style="font-size:16px">'
            f"{html.escape(self.title)}</strong>{note}</figcaption>"
            f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{data}" '
            'style="display:block;width:100%;height:auto;margin:0;padding:0;'
            'background:#fff;filter:none"></figure>'
        )


# A shadow at a side where more of a table lies, and none at its ends: the white
# covers move with the table, the shadows stand still.
SCROLLS = (
    "linear-gradient(90deg,#fff 50%,rgba(255,255,255,0)) left/32px 100% no-repeat "
    "local,linear-gradient(270deg,#fff 50%,rgba(255,255,255,0)) right/32px 100% "
    "no-repeat local,linear-gradient(90deg,rgba(20,30,45,.3),rgba(20,30,45,0)) "
    "left/12px 100% no-repeat scroll,linear-gradient(270deg,rgba(20,30,45,.3),"
    "rgba(20,30,45,0)) right/12px 100% no-repeat scroll,#fff"
)


@dataclass(frozen=True)
class Table:
    """A small table that scrolls sideways where it does not fit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    caption: str

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        width = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [
            "  ".join(
                cell.rjust(w) if right else cell.ljust(w)
                for cell, w, right in zip(line, width, self.numeric, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *text])

    def _repr_html_(self) -> str:
        def cell(tag: str, text: str, right: bool, extra: str, weight: int) -> str:
            # Words wrap, but no column gets narrower than a few of them.
            space = "nowrap" if right else f"normal;min-width:{min(len(text), 18)}ch"
            return (
                f'<{tag}{extra} style="padding:5px 10px;border:0;border-bottom:1px '
                f"solid #e4e7eb;background:transparent;color:{INK};white-space:{space};"
                f'font-weight:{weight};text-align:{"right" if right else "left"}">'
                f"{html.escape(text)}</{tag}>"
            )

        head = "".join(
            cell("th", c, right, ' scope="col"', 600)
            for c, right in zip(self.columns, self.numeric, strict=True)
        )
        body = ""
        for row in self.rows:
            first = cell("th", row[0], self.numeric[0], ' scope="row"', 400)
            rest = "".join(
                cell("td", c, right, "", 400)
                for c, right in zip(row[1:], self.numeric[1:], strict=True)
            )
            body += f'<tr style="background:transparent">{first}{rest}</tr>'
        caption = html.escape(self.caption)
        return (
            # The caption takes the table's width, and wraps where the table scrolls.
            f'<div class="course-table" style="{CARD};max-width:100%;'
            'width:fit-content">'
            f'<div style="width:0;min-width:100%;box-sizing:border-box;padding:0 10px '
            f'6px;font-size:14px;font-weight:600">{caption}</div>'
            f'<div role="region" tabindex="0" aria-label="{caption}" '
            f'style="overflow-x:auto;background:{SCROLLS}">'
            '<table style="border-collapse:collapse;margin:0;'
            'border:0;font-size:14px;background:transparent">'
            f'<thead><tr style="background:transparent">{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div></div>"
        )


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str
) -> Table:
    """Lay out rows under named columns; numbers are rounded and right-aligned.

    A column whose numbers are of one magnitude gets the same decimals throughout.

    Raises:
        ValueError: when a row has another length than `columns`.

    >>> rows = [["dense", 271.3], ["sparse", 1.46]]
    >>> table(["projection", "ms"], rows, caption="One step")
    One step
    projection    ms
    dense        271
    sparse      1.46
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"got the row {row!r}, wanted {len(columns)} cells")
    by_column = [_column([row[i] for row in rows]) for i in range(len(columns))]
    cells = tuple(zip(*(texts for texts, _ in by_column), strict=True))
    return Table(tuple(columns), cells, tuple(right for _, right in by_column), caption)


def _column(values: Sequence[object]) -> tuple[list[str], bool]:
    """Write one column; numbers of one magnitude get the same decimals."""
    kinds = (int, float, np.integer, np.floating)
    texts = [number(v) if isinstance(v, kinds) else str(v) for v in values]
    floats = np.abs([float(v) for v in values if isinstance(v, (float, np.floating))])
    if floats.size and 0 < floats.max() < 10 * floats.min() < 1e4:
        places = max(0, 2 - int(np.floor(np.log10(floats.min()))))
        for i, v in enumerate(values):
            if isinstance(v, (float, np.floating)):
                texts[i] = f"{v:,.{places}f}"
    right = all(re.fullmatch(r"-?\d[\d,.]*( ?%)?", text) for text in texts)
    return texts, bool(texts) and right


def number(value: Any) -> str:
    """Write a number as a person would.

    >>> number(199210), number(0.8941), number(3.0)
    ('199,210', '0.894', '3')
    """
    value = float(value)
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"
