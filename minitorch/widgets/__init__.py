"""Pictures that a reader can move, with a kernel and without one.

A widget is three things: an ES module that draws, a `state` of plain JSON that
it draws from, and a still picture for where scripts are off. `show(widget)`
gives the static view in the book's build (`MINITORCH_STATIC=1`): the module and
the state in one piece of HTML of some 40 kB that needs no kernel, no widget
manager and no network, and that also works from a file and in a sandboxed frame.
Anywhere else it gives the live view: the same module and the same state in an
anywidget, where Python sees what the reader does and can answer.

To add one for another chapter, say `masks`:

1. Write `masks.js` beside this file with `function render({ model, el })` and
   `export default { render }`. Read the state with `model.get("name")`; when the
   reader moves something, `model.set`, `model.save_changes()`, and draw on
   `model.on("change:name", ...)`. The helpers of `kit.js` are already there:
   `card` (the look, and the keys kept from JupyterLab), `slider` (labelled,
   spoken), `axes`, `node`, `bytes`, `whenResized`. Set `el.dataset` to what is
   shown, so that tests can see it move. No LaTeX, no request, nothing stored in
   the browser: a sandboxed frame forbids it.
2. Write `masks.py` with a function or a subclass of `Widget` that turns arrays
   into the state (pictures as base64 bytes, see `pack`) and draws the still
   (`svg_line` and `png_uri` help). Compute every frame beforehand; 300 kB is the
   limit for all of it.
3. If Python should answer, pass `answer(message) -> {name: new value}`: what
   `model.send(message)` sent is the message, the returned names are set, and the
   module hears `{"done": true}`, or `{"error": "..."}` when Python raised.
"""

from minitorch.widgets.breeding import PictureBreeder
from minitorch.widgets.gamma_bars import GammaBars
from minitorch.widgets.hypernet import HypernetExplorer
from minitorch.widgets.subset_sum import SubsetSumKeys
from minitorch.widgets.subspace import SubspaceExplorer
from minitorch.widgets.tape import TapeExplorer
from minitorch.widgets.task_bars import TaskBars
from minitorch.widgets.tickets import TicketLadder
from minitorch.widgets.tile_rows import TileRows
from minitorch.widgets.view import StaticView, Widget, show
from minitorch.widgets.weight_scatter import WeightScatter

__all__ = [
    "GammaBars",
    "HypernetExplorer",
    "PictureBreeder",
    "StaticView",
    "SubsetSumKeys",
    "SubspaceExplorer",
    "TapeExplorer",
    "TaskBars",
    "TicketLadder",
    "TileRows",
    "WeightScatter",
    "Widget",
    "show",
]
