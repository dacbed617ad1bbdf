"""What the widget of the chapter "Superposition" shows.

The bars are of masks that are at hand, such as those trained in the chapter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.tensor import no_grad
from minitorch.train import Examples
from minitorch.weird.parametrization import apply
from minitorch.weird.pruning import prunable
from minitorch.weird.superposition import (
    OBJECTIVES,
    Superposition,
    each_task,
    image_grads,
    labels,
)

Show = Callable[[np.ndarray, int], np.ndarray]
Look = Callable[[np.ndarray], np.ndarray]


def tasks(
    g: Superposition,
    show: Show,
    data: Examples,
    *,
    digits: int = 5,
    start: int = 0,
    counts: Sequence[int] | None = None,
    real: int | None = None,
    look: Look | None = None,
) -> dict[str, Any]:
    """Ask one gradient which task a few digits are of, as `widgets.TaskBars` takes it.

    Every task shows the same digits, each in its own way. The masks of the first k
    tasks are laid over each other, and every digit of every task is asked about, those
    of tasks without a mask among them as well.

    Args:
        g: the masks, one for each of T tasks, two or more, of an MLP without biases.
        show: from images (n, F) and a task to how that task shows them, (n, F), such
            as `lambda x, task: permuted(x, 0, task)`.
        data: whose test images are shown.
        digits: n, how many of them.
        start: the place of the first among the test images.
        counts: the numbers of tasks k that the slider offers; None for 2 to T.
        real: how many outputs stand for classes: with a kernel a reader may then ask
            by G too; None offers entropy alone.
        look: from images as they are shown to what the network takes; None for the
            same.

    Returns:
        found, masks, orders, objectives, compute and a title: all that
        `widgets.TaskBars` takes but for the note. compute asks again, by another
        objective, at another temperature, about other digits.

    Raises:
        ValueError: when there are fewer than two masks, a count is not 2 to T, or the
            network is no MLP without biases.

    Source: Wortsman et al. (2020), One-Shot.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> from minitorch.weird.superposition import permuted
    >>> net, data = mlp(784, 8, 12, bias=False), load("mnist").flat().take(20, 20)
    >>> masks = np.random.default_rng(0).random((3, net.layout.size)) < 0.5
    >>> g = Superposition(net, masks)
    >>> made = tasks(g, lambda x, task: permuted(x, 0, task), data, digits=4)
    >>> {k: bars.shape for k, bars in made["found"]["bars"].items()}
    {2: (3, 4, 2), 3: (3, 4, 3)}
    >>> made["title"]
    'Among 3 tasks one gradient names the right one for ... of 12 digits'
    """
    T = len(g.masks)
    ks = list(range(2, T + 1)) if counts is None else sorted(set(counts))
    if T < 2 or not ks or not 2 <= ks[0] <= ks[-1] <= T:
        raise ValueError(f"counts are from 2 to the {T} masks, two or more; got {ks}")
    names = ["entropy"] + ["G"] * (real is not None)

    def compute(objective: str, temperature: float, start: int) -> dict[str, Any]:
        if objective not in names:
            raise ValueError(f"no objective {objective!r}; there are {names}")
        at = (start + np.arange(digits)) % len(data.test_y)
        plain = data.test_x[at].reshape(digits, -1)
        return {
            "objective": objective,
            "temperature": temperature,
            "start": start,
            "plain": plain,
            "labels": data.test_y[at],
            **asked(g, show, plain, ks, objective, real, temperature, look),
        }

    agreement = pixel_agreement(g)
    if look is not None and look(np.zeros((1, 1), np.float32)).any():
        agreement = -agreement
    found = compute("entropy", 1.0, start)
    # Those of tasks whose masks are in it.
    right = found["bars"][ks[-1]][: ks[-1]].argmax(-1) == np.arange(ks[-1])[:, None]
    return {
        "found": found,
        "masks": agreement,
        "orders": pixel_orders(show, T, found["plain"].shape[1]),
        "objectives": names,
        "compute": compute,
        "title": f"Among {ks[-1]} tasks one gradient names the right one for "
        f"{right.sum()} of {right.size} digits",
    }


def asked(
    g: Superposition,
    show: Show,
    plain: np.ndarray,
    counts: Sequence[int],
    objective: str,
    real: int | None,
    temperature: float,
    look: Look | None = None,
) -> dict[str, Any]:
    """Ask about every task's view of some digits, at each number of masks.

    Args:
        g: T masks.
        show: how a task shows images.
        plain: (n, F) the digits.
        counts: the numbers of masks.
        objective: "entropy" or "G".
        real: for G.
        temperature: what logits are divided by.
        look: what the network takes in place of what is shown.

    Returns:
        seen (T, n, F); bars: k -> - dH/dalpha (T, n, k) at equal shares, mixed: k -> H
        there (T, n); alone (T, n, T): H under each mask by itself; read (T, n, T): the
        class read under it; most: the largest H there is. For G, H is the probability
        of the spare outputs.
    """
    T, (n, F) = len(g.masks), plain.shape
    seen = np.stack([show(plain, task) for task in range(T)])
    x = seen.reshape(T * n, F)
    x = x if look is None else look(x)
    how: dict[str, Any] = {"objective": objective, "real": real}
    how["temperature"] = temperature
    value = OBJECTIVES[objective][1]
    bars, mixed = {}, {}
    for k in counts:
        some = Superposition(g.target, g.masks[:k], weights=g.weights, seed=g.seed)
        bars[k] = -image_grads(some, x, **how).reshape(T, n, k)
        with no_grad():
            logits = g.net(apply(some, some.init()), x).data
            here = backend().to_numpy(value(logits / temperature, real))
        mixed[k] = here.reshape(T, n)
    read = [labels(g, x, np.full(T * n, task)) for task in range(T)]
    outputs = logits.shape[-1]
    return {
        "seen": seen,
        "bars": bars,
        "mixed": mixed,
        "alone": each_task(g, x, **how).reshape(T, n, T),
        "read": np.stack(read, -1).reshape(T, n, T),
        "most": math.log(outputs) if objective == "entropy" else 1.0,
    }


def pixel_agreement(g: Superposition) -> np.ndarray:
    """Say how far weights that a mask keeps from a pixel agree with those from others.

    Of the first layer W: A = W (M - the kept fraction of M) is what the mask keeps
    above chance. A pixel's number is the sum over units h of A_hp sum_q A_hq, q another
    pixel. Where black is 0 for the network, pixels with ink were trained alike, so they
    agree; the others did not move. Where black is another number, it is those that are
    nearly always black that agree, and pixels with ink do not: `tasks` turns the sign.

    Args:
        g: T masks.

    Returns:
        (T, F), in the order that each mask's task shows pixels in.

    >>> from minitorch.models import mlp
    >>> net, masks = mlp(3, 1, 2, bias=False), np.ones((2, 5), bool)
    >>> masks[1, 2] = False
    >>> g = Superposition(net, masks, weights="signed")
    >>> A = g.theta0[:3] * [1/3, 1/3, -2/3]
    >>> np.allclose(pixel_agreement(g), [[0, 0, 0], A * (A.sum() - A)])
    True
    """
    first = prunable(g.net)[0]
    piece, shape = g.net.layout.slices[first], g.net.layout.shapes[first]
    found = []
    for mask in g.masks[:, piece]:
        A = (g.theta0[piece] * (mask - np.float32(mask.mean()))).reshape(shape)
        found.append(A.sum(1) @ A - (A * A).sum(0))
    return np.array(found)


def pixel_orders(show: Show, tasks: int, pixels: int) -> np.ndarray | None:
    """Find the order that each task puts pixels in, where that is all it does.

    Args:
        show: how a task shows images.
        tasks: T.
        pixels: F.

    Returns:
        (T, F): which pixel stands at each place; None when a task does anything else.

    >>> pixel_orders(lambda x, task: np.roll(x, task, axis=1), 2, 3).tolist()
    [[0, 1, 2], [2, 0, 1]]
    >>> pixel_orders(lambda x, task: x * task, 2, 3) is None
    True
    """
    plain = np.arange(pixels, dtype=np.float64)
    orders = [np.asarray(show(plain[None], task))[0] for task in range(tasks)]
    if any((np.sort(order) != plain).any() for order in orders):
        return None
    return np.array(orders).astype(int)
