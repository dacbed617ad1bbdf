"""The study behind the dynamic part of the chapter "Indirect encoding".

Does an LSTM predict the next character of a book better when a small LSTM scales
its weights at each step? Every network has about as many numbers as the hyper-LSTM.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minitorch.data.text import Text, alice, windows
from minitorch.functional import cross_entropy
from minitorch.optim import Adam
from minitorch.schedules import cosine
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor, no_grad
from minitorch.weird.hyper_lstm import Reader, hyper_lstm, lstm_text, weight_changes

NAME = "hyper_lstm"
KINDS = ("hyper", "still", "lstm", "lstm-norm")
# On seed 100, 300 steps at 0.02, 0.04, 0.08 cost: hyper 2.330, 2.306, 2.289 bits;
# still 2.355, 2.257, 2.275; lstm 2.586, 2.423, 2.372 (0.16: 2.879); lstm-norm 2.414,
# 2.406, 2.400. But at 0.08 seeds differ widely: hyper 2.379 and 2.484 with seeds 0
# and 1, and plain LSTMs too, as the stored rows show.
CELLS = (
    *((kind, 0.04) for kind in KINDS),
    ("lstm", 0.08),
)

QUICK: Row = {
    "scale": "quick",
    "net": "hyper",
    "hidden": 64,
    "small": 16,
    "z": 4,
    "steps": 100,
    "length": 50,
    "batch": 32,
    "lr": 0.04,
}
SEEN = 40  # characters read before a change of weights is looked at
BOOK: Row = {**QUICK, "scale": "book", "steps": 300}
FULL: Row = {**BOOK, "scale": "full", "hidden": 512, "small": 64, "steps": 20_000}
FULL |= {"lr": 1e-3, "batch": 128, "length": 100}


@dataclass
class Run:
    """What training on a text left behind.

    theta: the weights, (D,).
    steps: where the held-out text was read, (n,).
    bits: per character of the held-out text, at each of these, (n,).
    loss: bits per character of each batch, (steps,).
    seconds: CPU seconds of this process.
    """

    theta: np.ndarray = field(repr=False)
    steps: np.ndarray = field(repr=False)
    bits: np.ndarray
    loss: np.ndarray = field(repr=False)
    seconds: float

    def __repr__(self) -> str:
        return (
            f"{self.bits[-1]:.3f} bits per held-out character\n{len(self.theta):,} "
            f"numbers trained in {len(self.loss):,} steps, {self.seconds:.1f} s"
        )


def equal_hidden(symbols: int, numbers: int, *, norm: bool = False) -> int:
    """Give the width at which a plain LSTM's count of numbers is nearest.

    >>> equal_hidden(43, 42_267)
    79
    """
    widths = range(1, 4 + int(numbers**0.5))
    sizes = [lstm_text(symbols, H, norm=norm).layout.size for H in widths]
    return widths[int(np.argmin(np.abs(np.array(sizes) - numbers)))]


def network(settings: Row, symbols: int) -> Reader:
    """Give the network that the settings ask for.

    Args:
        settings: "net" is "hyper", "still" (the same, but what scales is the same at
            each step), or "lstm" and "lstm-norm" (plain, with as many numbers).
        symbols: K.

    Raises:
        ValueError: when there is no such network.

    >>> network({**QUICK, "net": "lstm"}, 43)
    Network lstm-text-43-79, D = 42,308
    """
    kind, sizes = settings["net"], {key: settings[key] for key in ("small", "z")}
    if kind not in KINDS:
        raise ValueError(f"no network {kind!r}; there are {', '.join(KINDS)}")
    hyper = hyper_lstm(symbols, settings["hidden"], moving=kind != "still", **sizes)
    if kind in ("hyper", "still"):
        return hyper
    norm = kind == "lstm-norm"
    width = equal_hidden(symbols, hyper.layout.size, norm=norm)
    return lstm_text(symbols, width, norm=norm)


def bits_per_character(
    net: Reader, theta: np.ndarray | Tensor, ids: np.ndarray, length: int = 200
) -> float:
    """Measure how many bits a character of a text costs.

    The text is read in stretches, each with an empty memory at its start; what is
    left over at the end is not read.

    Args:
        net: reads symbols.
        theta: (D,).
        ids: (T,) the text.
        length: characters in a stretch.

    Raises:
        ValueError: when the text is not longer than one stretch.

    >>> net = lstm_text(4, 2)
    >>> theta = np.zeros(net.layout.size, np.float32)  # knows nothing: log2 of 4
    >>> round(bits_per_character(net, theta, np.arange(201) % 4), 3)
    2.0
    """
    count = (len(ids) - 1) // length
    if count < 1:
        raise ValueError(
            f"a text of {len(ids)} characters holds no stretch of {length} and the "
            "character after it"
        )
    x = ids[: count * length].reshape(count, length)
    y = ids[1 : count * length + 1]
    with no_grad():
        return cross_entropy(net(theta, x), y).item() / float(np.log(2))


@np.errstate(over="ignore", invalid="ignore")  # the loss is looked at instead
def train_text(
    net: Reader,
    text: Text,
    *,
    lr: float,
    steps: int,
    length: int = 50,
    batch: int = 32,
    seed: int = 0,
    longest: float = 1.0,
    look: int = 100,
) -> Run:
    """Train a network to say what character comes next.

    Each step takes stretches from anywhere in the text, with an empty memory at
    their start; Adam, long gradients shortened, the rate falling to zero along half a
    cosine.

    Args:
        net: reads symbols.
        text: to learn from, and held out.
        lr: the first learning rate.
        steps: of the optimiser.
        length: characters in a stretch.
        batch: stretches in a step.
        seed: of theta0 and of the stretches.
        longest: to what length the gradient is shortened; 1 as in the paper.
        look: how many steps go by between two looks at the held-out text.

    Raises:
        FloatingPointError: when the loss is no longer finite.
        ValueError: when the text is too short.

    >>> text = alice()
    >>> run = train_text(lstm_text(43, 8), text, lr=0.05, steps=20, length=10)
    >>> bool(run.bits[0] > run.bits[-1])
    True
    """
    started = time.process_time()
    phi = Tensor(net.init(seed), requires_grad=True)
    mover = Adam(phi, lr)
    draw = windows(text.train, length, batch, np.random.default_rng(seed))
    held, loss, at, bits = text.test, np.empty(steps), [0], []
    bits.append(bits_per_character(net, phi, held))
    for step in range(steps):
        x, y = next(draw)
        mover.lr = lr * cosine(step, steps)
        cost = cross_entropy(net(phi, x), y.reshape(-1))
        loss[step] = cost.item() / np.log(2)
        if not np.isfinite(loss[step]):
            raise FloatingPointError(
                f"the loss is {loss[step]} at step {step} of {steps} with learning "
                f"rate {mover.lr:.3g}; try a tenth of it"
            )
        cost.backward()
        grad: Any = phi.grad
        grad *= min(1.0, longest / (float((grad * grad).sum()) ** 0.5 + 1e-12))
        mover.step()
        if (step + 1) % look == 0 or step + 1 == steps:
            at.append(step + 1)
            bits.append(bits_per_character(net, phi, held))
    seconds = time.process_time() - started
    return Run(phi.numpy(), np.array(at), np.array(bits), loss, seconds)


def train(settings: Row, seed: int) -> Run:
    """Train once, on the book.

    Args:
        settings: the keys of `QUICK`.
        seed: of theta0 and of the stretches.
    """
    text = alice()
    how = {key: settings[key] for key in ("lr", "steps", "length", "batch")}
    return train_text(network(settings, len(text.symbols)), text, seed=seed, **how)


def changes(net: Reader, theta: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Measure how far W_h moves at each character of a text, (T, 4).

    Args:
        net: a hyper-LSTM.
        theta: (D,).
        ids: (T,) the text.
    """
    w_h = net.layout.views(theta)["main.hidden"]
    return weight_changes(net.scales(theta, ids[None])[0, :, 0], w_h)


def kinds_of_places(text: str) -> dict[str, np.ndarray]:
    """Tell the letters within words, the first ones, and what stands between words.

    The first character, before which there is none, is left out.

    Returns:
        "inside", "first", "between": where they are, (T,) of truth values.

    >>> kinds_of_places("it is")["first"]
    array([False, False, False,  True, False])
    """
    letter = np.array([each.isalpha() or each == "'" for each in text])
    before = np.roll(letter, 1)
    places = {"inside": letter & before, "first": letter & ~before, "between": ~letter}
    for each in places.values():
        each[0] = False
    return places


def run(settings: Row, seed: int) -> Row:
    """Train once, and say how it went.

    Returns:
        bits: per held-out character, at the end; steps and curve: the same along the
        way; train: mean of the last tenth of the steps; D. For the hyper-LSTM also
        how W_h moves on held-out text, after 40 characters to warm up: `changes` on
        the next 60, by gate, and the mean up to character 2,000 at each kind of place.
    """
    text = alice()
    done = train(settings, seed)
    net = network(settings, len(text.symbols))
    row: Row = {
        "bits": float(done.bits[-1]),
        "steps": done.steps.tolist(),
        "curve": done.bits.tolist(),
        "train": float(done.loss[-max(1, len(done.loss) // 10) :].mean()),
        "D": net.layout.size,
    }
    if settings["net"] == "hyper":
        ids = text.test[:2000]
        moved = changes(net, done.theta, ids)[SEEN:]
        row["changes"] = moved[:60].T.round(4).tolist()  # (4, 60)
        for place, at in kinds_of_places(text.decode(ids[SEEN:])).items():
            row[place] = float(moved[at].mean())
    return row


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    base = {"quick": QUICK, "book": BOOK, "full": FULL}[scale]
    cells = CELLS if scale == "book" else [(kind, base["lr"]) for kind in KINDS]
    return [{**base, "net": kind, "lr": lr} for kind, lr in cells]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'hyper, 64 wide, lr 0.04'
    """
    return f"{settings['net']}, {settings['hidden']} wide, lr {settings['lr']}"


STUDY = Study(
    name=NAME,
    about="Does an LSTM read better when a small LSTM scales its weights?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.hyper_lstm:run,train,train_text,bits_per_character,"
        "network,equal_hidden,changes,kinds_of_places",
        "minitorch.weird.hyper_lstm:Reader,hyper_lstm,lstm_text,_remember,_scaled,"
        "weight_changes,_in_blocks,_normed,_norm_shapes,_rest,_start,_hyper_start,_open",
        "minitorch.data.text",
    ),
    tolerance={"bits": 0.05, "curve": 0.3, "train": 0.05, "D": 0},
    needs={
        "quick": "a minute of one core",
        "book": "five minutes of one core",
        "full": "days of one core, or hours of a GPU",
    },
)


def stored(net: str) -> list[Row]:
    """Read a network's committed rows of book scale, seed by seed.

    Where it was trained at several rates, those of the rate with the least loss on
    the text that it learned from.
    """
    by_rate: dict[float, list[Row]] = {}
    for row in STUDY.stored(net=net, scale="book"):
        by_rate.setdefault(row["settings"]["lr"], []).append(row)
    losses = {
        lr: np.mean([row["result"]["train"] for row in found])
        for lr, found in by_rate.items()
    }
    return by_rate[min(losses, key=losses.__getitem__)] if losses else []


def results(net: str, measure: str = "bits") -> np.ndarray:
    """Read one measure of a network's committed rows, (S, ...)."""
    return np.array([row["result"][measure] for row in stored(net)])


def relative(net: str, than: str) -> tuple[np.ndarray, list[Row]]:
    """Divide one network's bits per character by another's, seed by seed.

    Returns:
        (S,) ratios from the committed rows, and the rows of both.

    >>> relative("lstm", "lstm")[0]
    array([1., 1., 1., 1., 1.])
    """
    return results(net) / results(than), stored(net) + stored(than)
