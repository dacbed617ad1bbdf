"""What the widget of the chapter "Superposition" shows.

The bars are of masks that are at hand, such as those trained in the chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.train import Examples
from minitorch.weird.superposition import Superposition

Show = Callable[[np.ndarray, int], np.ndarray]


def tasks(
    g: Superposition,
    show: Show,
    data: Examples,
    *,
    digits: int = 6,
    start: int = 0,
    counts: Sequence[int] | None = None,
    real: int | None = None,
) -> dict[str, Any]:
    """Ask one gradient which task a few digits are of, as `widgets.TaskBars` takes it.

    Every task shows the same digits, each in its own way. The masks of the first k
    tasks are laid over each other, and every digit of every task is asked about, those
    of tasks without a mask among them as well.

    Args:
        g: the masks, one for each task: two or more.
        show: from images (n, F) and a task to how that task shows them, (n, F), such
            as `lambda x, task: permuted(x, 0, task)`.
        data: whose test images are shown.
        digits: how many of them.
        start: the place of the first among the test images.
        counts: the numbers of tasks k that the slider offers; None for 2 to all.
        real: how many outputs stand for classes: with a kernel a reader may then ask
            by G too; None offers entropy alone.

    Returns:
        what `widgets.TaskBars` takes but for the note: a title, the pictures, and the
        numbers, and `compute`, which asks again.

    Source: Wortsman et al. (2020), One-Shot.
    """
    raise NotImplementedError
