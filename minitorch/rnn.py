"""Recurrent cells as functions of tensors, and networks that read sequences.

Letters: N batch, T steps, F numbers in a step, H hidden numbers, K classes.
"""

from __future__ import annotations

import numpy as np

from minitorch.functional import linear
from minitorch.nn import Layout, Mode, Network
from minitorch.ops import getitem, sigmoid, tanh
from minitorch.tensor import Tensor


def rnn_cell(x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor) -> Tensor:
    """One step of a plain recurrent network: tanh(x w_x^T + h w_h^T + b).

    Args:
        x: (N, F) what is read.
        h: (N, H) what is remembered.
        w_x: (H, F).
        w_h: (H, H).
        b: (H,).

    Returns:
        The new h, (N, H).

    Raises:
        ValueError: when the shapes do not fit.

    Source: Elman (1990), Finding structure in time.

    >>> one = Tensor([[1.0]])
    >>> rnn_cell(one, one, one, 0 * one, Tensor([0.0])).data.round(3)
    array([[0.762]], dtype=float32)
    """
    _check("rnn_cell", 1, h, w_x, w_h, b)
    return tanh(linear(x, w_x, b) + linear(h, w_h))


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w_x: Tensor, w_h: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM, its gates in the order i, f, g, o.

    i, f, o = sigmoid and g = tanh of the four parts of x w_x^T + h w_h^T + b;
    c' = f c + i g and h' = o tanh(c').

    Args:
        x: (N, F) what is read.
        h: (N, H) what is said.
        c: (N, H) what is remembered.
        w_x: (4 H, F).
        w_h: (4 H, H).
        b: (4 H,); a start of 1 for its second part keeps the memory open.

    Returns:
        The new h and c, (N, H) both.

    Raises:
        ValueError: when the shapes do not fit.

    Source: Hochreiter and Schmidhuber (1997); the forget gate f by Gers,
    Schmidhuber, Cummins (2000).

    >>> one, four = Tensor([[1.0]]), Tensor([[1.0]] * 4)
    >>> h, c = lstm_cell(one, one, one, four, 0 * four, Tensor([0.0] * 4))
    >>> round(h.item(), 3), round(c.item(), 3)
    (0.628, 1.288)
    """
    _check("lstm_cell", 4, h, w_x, w_h, b)
    gates = linear(x, w_x, b) + linear(h, w_h)  # (N, 4 H)
    H = h.shape[1]
    i, f, g, o = [
        getitem(gates, (slice(None), slice(k * H, k * H + H))) for k in range(4)
    ]
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def rnn(inputs: int, hidden: int, classes: int) -> Network:
    """A plain recurrent network that reads (N, T, F) and answers after the last step.

    >>> rnn(28, 50, 10).layout.size  # 50 * 28 + 50 * 50 + 50 + 510
    4460
    """
    return _reader("rnn", 1, inputs, hidden, classes)


def lstm(inputs: int, hidden: int, classes: int) -> Network:
    """An LSTM that reads (N, T, F) and answers after the last step.

    >>> lstm(28, 50, 10).layout.size  # 4 * (50 * 28 + 50 * 50 + 50) + 510
    16310
    """
    return _reader("lstm", 4, inputs, hidden, classes)


def _check(cell: str, gates: int, h: Tensor, *weights: Tensor) -> None:
    """Refuse weights of another cell, which could broadcast where H is 1."""
    G, H = gates * h.shape[-1], h.shape[-1]
    w_x, w_h, b = (weight.shape for weight in weights)
    if w_x[:1] != (G,) or w_h != (G, H) or b != (G,):
        raise ValueError(
            f"{cell}() with h {h.shape} takes w_x ({G}, F), w_h ({G}, {H}) and b "
            f"({G},), got {w_x}, {w_h} and {b}"
        )


def _reader(kind: str, gates: int, F: int, H: int, K: int) -> Network:
    shapes: dict[str, tuple[int, ...]] = {
        "cell.input": (gates * H, F),
        "cell.hidden": (gates * H, H),
        "cell.bias": (gates * H,),
        "dense.weight": (K, H),
        "dense.bias": (K,),
    }

    def forward(weights: dict[str, Tensor], x: Tensor, mode: Mode) -> Tensor:
        if x.ndim != 3 or x.shape[1] < 1 or x.shape[2] != F:
            raise ValueError(
                f"{kind} reads x (N, T, {F}) of one step or more, got {x.shape}"
            )
        cell = [weights[f"cell.{part}"] for part in ("input", "hidden", "bias")]
        h = c = Tensor(np.zeros((len(x), H), x.dtype))
        for t in range(x.shape[1]):
            step = getitem(x, (slice(None), t))  # (N, F)
            if kind == "rnn":
                h = rnn_cell(step, h, *cell)
            else:
                h, c = lstm_cell(step, h, c, *cell)
        return linear(h, weights["dense.weight"], weights["dense.bias"])

    return Network(f"{kind}-{F}-{H}-{K}", Layout(shapes), forward)
