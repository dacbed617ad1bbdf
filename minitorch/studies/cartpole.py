"""A pole balanced by a network of which only d numbers are searched.

The cart and pole are a small simulator of our own, after the equations of Barto,
Sutton and Anderson (1983). An evolution strategy searches the d coordinates of a
random subspace: it needs only the score of a whole episode, no gradient. Li et al.
(2018) trained theirs by deep Q-learning, so the numbers are near, not equal in kind.
"""

from __future__ import annotations

import numpy as np

from minitorch.models import mlp
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.weird.subspace import DenseProjection

NAME = "cartpole"
NET = mlp(4, 20, 20, 2)
STEPS = 200  # an episode that lasts so long is won
SOLVED = 195  # the mean over episodes at which the task counts as solved

QUICK: Row = {"scale": "quick", "d": 4, "rounds": 20, "population": 40, "spread": 3.0}
BOOK: Row = {**QUICK, "scale": "book", "rounds": 40}
DS = [1, 2, 3, 4, 6, 8, 12, 16, 25, 50, 100]


def push(state: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Move carts and poles on by a fiftieth of a second.

    Args:
        state: (..., 4): place of the cart in metres, its speed, angle of the pole
            in radians from upright, and its speed.
        right: (...,) whether the cart is pushed to the right (10 newton) or the left.

    Returns:
        (..., 4), by Euler's method.

    Source: Barto, Sutton, Anderson (1983), Neuronlike adaptive elements, appendix,
    without friction.

    >>> push(np.zeros(4), np.array(True)).round(3)
    array([ 0.   ,  0.195,  0.   , -0.293])
    """
    gravity, cart, pole, half, force, tick = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    x, speed, angle, turning = np.moveaxis(state, -1, 0)
    cos, sin, mass = np.cos(angle), np.sin(angle), cart + pole
    along = (np.where(right, force, -force) + pole * half * turning**2 * sin) / mass
    turn = (gravity * sin - cos * along) / (half * (4 / 3 - pole * cos**2 / mass))
    slide = along - pole * half * turn * cos / mass
    rates = np.stack([speed, slide, turning, turn], axis=-1)
    return state + tick * rates


def fallen(state: np.ndarray) -> np.ndarray:
    """Tell which poles lean by more than 12 degrees, or carts left the 2.4 metres.

    >>> fallen(np.array([[0, 0, 0, 0], [2.5, 0, 0, 0], [0, 0, 0.3, 0]]))
    array([False,  True,  True])
    """
    return (abs(state[..., 0]) > 2.4) | (abs(state[..., 2]) > np.radians(12))


def play(thetas: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Let each network balance each pole, and count the steps that it stays up.

    Many small networks at once: a batched product of matrices is all that it takes.

    Args:
        thetas: (P, D) weights.
        starts: (E, 4) states.

    Returns:
        (P, E) steps, at most 200.

    >>> starts = np.zeros((3, 4))
    >>> play(np.stack([NET.init(0), NET.init(1)]), starts).shape
    (2, 3)
    """
    pieces = [
        thetas[:, NET.layout.slices[name]].reshape(len(thetas), *shape)
        for name, shape in NET.layout.shapes.items()
    ]
    layers = list(zip(pieces[::2], pieces[1::2], strict=True))
    state = np.broadcast_to(starts, (len(thetas), *starts.shape)).copy()
    lasted = np.zeros(state.shape[:2], int)
    up = np.ones(state.shape[:2], bool)
    for _ in range(STEPS):
        h = state
        for number, (w, b) in enumerate(layers):
            h = h @ w.swapaxes(1, 2) + b[:, None]
            h = np.maximum(h, 0) if number < len(layers) - 1 else h
        state = push(state, h[..., 1] > h[..., 0])
        up &= ~fallen(state)
        lasted += up
        if not up.any():
            break
    return lasted


def episodes(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw where carts and poles start: near rest, each number within 0.05."""
    return rng.uniform(-0.05, 0.05, (count, 4))


def run(settings: Row, seed: int) -> Row:
    """Search d coordinates by the cross-entropy method, then play 100 new episodes.

    Each round draws a population from a normal distribution, plays eight episodes
    with each, and fits mean and spread anew to the best fifth. d = 0 searches all
    weights.

    Returns:
        steps: mean over the 100 episodes; rounds: how many were used; D.
    """
    rng = np.random.default_rng(seed)
    theta0, D = NET.init(seed), NET.layout.size
    d = settings["d"] or D
    P = DenseProjection(D, d, seed) if settings["d"] else None

    def weights(phis: np.ndarray) -> np.ndarray:
        moved = phis if P is None else np.stack([P.apply(phi) for phi in phis])
        return theta0 + moved

    mean, spread = np.zeros(d), np.full(d, float(settings["spread"]))
    elite, used = settings["population"] // 5, 0
    for _ in range(settings["rounds"]):
        used += 1
        phis = mean + spread * rng.standard_normal((settings["population"], d))
        phis = phis.astype(np.float32)
        scores = play(weights(phis), episodes(8, rng)).mean(1)
        best = phis[np.argsort(-scores, kind="stable")[:elite]]
        mean, spread = best.mean(0), best.std(0) + 0.02 * settings["spread"]
        if scores.mean() > SOLVED:
            break
    final = play(weights(mean[None].astype(np.float32)), episodes(100, rng))
    return {"steps": float(final.mean()), "rounds": used, "D": D}


def grid(scale: str) -> list[Row]:
    """List the settings of a scale; d = 0 searches all weights."""
    if scale == "quick":
        return [{**QUICK, "d": d} for d in (1, 4, 12)]
    base = BOOK if scale == "book" else {**BOOK, "scale": "full", "rounds": 200}
    return [{**base, "d": d} for d in (*DS, 0)]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'd=4'
    """
    return f"d={settings['d'] or 'all weights'}"


STUDY = Study(
    name=NAME,
    about="In how many random directions can a pole be balanced?",
    run=run,
    grid=grid,
    label=label,
    code=("minitorch.studies.cartpole:push,fallen,play,episodes,run",),
    tolerance={"steps": 20.0, "D": 0},
    needs={"quick": "a minute of one core", "book": "minutes of one core"},
)
