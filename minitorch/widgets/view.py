"""The two views of one widget, and what their states and stills are made of."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT = 300_000  # characters that one static view may add to a page

# A model for `render` with no widget machinery. The element is the first of its
# kind that no earlier script has taken, so that the same view can stand twice.
SCRIPT = """
const el = document.querySelector('[data-view="%s"]:not([data-ready])');
const state = %s, listeners = {};
const model = {
  get: (name) => state[name],
  set(name, value) {
    state[name] = value;
    for (const call of listeners["change:" + name] ?? []) call();
  },
  on: (event, call) => (listeners[event] ??= []).push(call),
  off() {},
  save_changes() {},
};
el.dataset.ready = "";
try {
  render({ model, el });
} catch (error) {
  el.append("This picture could not be drawn: " + error.message);
  throw error;
}
"""


@dataclass(repr=False)
class Widget:
    """One picture: its module, the state it draws from, a still, and an answer.

    Args:
        module: the name of a file beside this one, without ".js".
        state: plain JSON, what the module reads.
        still: HTML or SVG shown where scripts are off.
        answer: with a kernel, gets what the module sends and returns the changes
            of the state; without it nothing is sent.
    """

    module: str
    state: dict[str, Any]
    still: str
    answer: Callable[[Any], dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return f"<{self.module} widget; show() draws it>"

    def static(self) -> StaticView:
        """The view for a page without a kernel."""
        return StaticView(self.module, self.state | {"live": False}, self.still)

    def live(self) -> Any:
        """The view for a notebook with a kernel: an anywidget with the same state."""
        import anywidget
        import traitlets

        state = self.state | {"live": self.answer is not None}
        members: dict[str, Any] = {
            name: traitlets.Any(value).tag(sync=True) for name, value in state.items()
        }
        members["_esm"] = source(self.module)
        view = type(f"Live{self.module.title()}", (anywidget.AnyWidget,), members)()
        answer = self.answer
        if answer is not None:
            view.on_msg(lambda _, message, buffers: _reply(view, answer, message))
        return view


@dataclass(frozen=True)
class StaticView:
    """A picture as one piece of HTML: the same data gives the same bytes.

    Raises (when shown):
        ValueError: when the state is not JSON, or all of it is over 300 kB.
    """

    module: str
    state: dict[str, Any]
    still: str

    def __repr__(self) -> str:
        return f"<{self.module} widget; it needs a notebook or a browser to show>"

    def _repr_html_(self) -> str:
        state = json.dumps(
            self.state, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        literal = state.replace("<", "\\u003c")  # no text of ours may end the script
        code = source(self.module)
        name = hashlib.sha256((code + state).encode()).hexdigest()[:12]
        html = (
            f'<div class="course-widget" data-view="{name}"></div>'
            f"<noscript>{self.still}</noscript>"
            f'<script type="module">\n{code}{SCRIPT % (name, literal)}</script>'
        )
        if len(html) > LIMIT:
            raise ValueError(
                f"the static view of {self.module!r} takes {len(html):,} characters, "
                f"at most {LIMIT:,} may go on a page; send fewer or smaller frames"
            )
        return html


def show(widget: Widget) -> Any:
    """Show a widget: static when MINITORCH_STATIC is 1, live otherwise.

    >>> os.environ["MINITORCH_STATIC"] = "1"
    >>> show(Widget("subspace", {}, "<p>still</p>"))
    <subspace widget; it needs a notebook or a browser to show>
    >>> del os.environ["MINITORCH_STATIC"]
    """
    static = os.environ.get("MINITORCH_STATIC") == "1"
    return widget.static() if static else widget.live()


def source(module: str) -> str:
    """Read a picture's module with the shared helpers in front of it.

    Raises:
        ValueError: when there is no such module, or its text would end the
            script element it is put into.

    >>> "export default" in source("subspace")
    True
    """
    here = Path(__file__).parent
    path = here / f"{module}.js"
    if not path.is_file():
        raise ValueError(f"no module {module}.js in {here.name}/")
    code = "\n".join(p.read_text(encoding="utf-8") for p in (here / "kit.js", path))
    for mark in ("</script", "<!--"):
        if mark in code.lower():
            raise ValueError(f"{module}.js holds {mark!r}, which HTML would act upon")
    return code


def pack(values: ArrayLike) -> str:
    """Write uint8 values as base64 text, for `bytes` in kit.js.

    >>> pack(np.array([[0, 255]], dtype=np.uint8))
    'AP8='
    """
    return base64.b64encode(np.asarray(values, dtype=np.uint8).tobytes()).decode()


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Encode a grey image (H, W) of uint8 as the data URI of a PNG.

    >>> png_uri(np.zeros((2, 3), np.uint8))[:33]
    'data:image/png;base64,iVBORw0KGgo'
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    height, width = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])  # 0: no filter
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(data).decode()


def svg_text(x: float, y: float, text: str, more: str = "") -> str:
    """Write a text for a still, its markup escaped.

    >>> svg_text(1, 2, "d < D")
    '<text x="1.0" y="2.0" >d &lt; D</text>'
    """
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def svg_line(points: Sequence[tuple[float, float]], style: str) -> str:
    """Join points by a line for a still.

    >>> svg_line([(0, 1), (2, 3)], 'stroke="red"')
    '<polyline points="0.0,1.0 2.0,3.0" fill="none" stroke="red"/>'
    """
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" {style}/>'


def _reply(view: Any, answer: Callable[[Any], dict[str, Any]], message: Any) -> None:
    """Answer one message of the live view; the reader sees whatever goes wrong."""
    try:
        changes = answer(message)
    except (Exception, KeyboardInterrupt) as error:
        view.send({"error": f"{type(error).__name__}: {error}"})
        return
    for name, value in changes.items():
        setattr(view, name, value)
    view.send({"done": True})
