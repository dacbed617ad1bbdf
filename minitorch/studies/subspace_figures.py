"""What the chapter "Random subspaces" shows of its stored rows, one call each.

Every function reads the committed rows of `minitorch.studies.subspaces` and
takes no argument; titles are computed from what it read.
"""

from __future__ import annotations

import numpy as np

from minitorch.plots import Picture, Series, Table, curves, table
from minitorch.stats import crossings, mean_interval
from minitorch.studies import common
from minitorch.studies import subspaces as study
from minitorch.studies.store import Row

FULL_MNIST: Row = {"scale": "book", "images": 60_000, "data": "true"}
MLP: Row = {**FULL_MNIST, "net": "mlp-200"}
NOTE = "book scale: stored runs, full MNIST 60,000/10,000, 5 seeds, 95 % intervals"


def _curve(projection: str) -> tuple[np.ndarray, np.ndarray]:
    return study.curve(study.stored(**MLP, projection=projection))


def _own_line() -> float:
    return 0.9 * study.results(**MLP, projection="direct").mean()


def overview() -> Picture:
    """Accuracy against d, beside the published curve.

    >>> overview().alt.startswith(overview().title)
    True
    """
    ds, accuracy = _curve("fastfood")
    line = _own_line()
    needed = study.interval(crossings(ds, accuracy, line))
    paper = Series("paper", *study.PUBLISHED["mlp-200", "true"])
    return curves(
        [Series("subspace", ds, accuracy), paper],
        title=f"{needed} trained numbers reach 90 % of what training all "
        "199,210 weights reaches",
        xlabel="trained numbers d",
        ylabel="test accuracy",
        note=f"{NOTE}; published: Li et al. (2018), MNIST, 3 seeds",
        hlines=[(line, "own 90 %")],
    )


def control() -> Picture:
    """Random directions against single weights at random.

    >>> control().title
    'Own 90 % takes ... directions, or ... single weights'
    """
    line = _own_line()
    both = {kind: _curve(kind) for kind in ("fastfood", "coordinates")}
    needs = [study.interval(crossings(*curve, line)) for curve in both.values()]
    return curves(
        [
            Series("subspace", *both["fastfood"]),
            Series("coordinates", *both["coordinates"]),
        ],
        title=f"Own 90 % takes {needs[0]} directions, or {needs[1]} single weights",
        xlabel="trained numbers d",
        ylabel="test accuracy",
        note=NOTE,
        hlines=[(line, "own 90 %")],
    )


def needs() -> Table:
    """D, direct accuracy and d_int90 of every task and network.

    >>> needs().columns
    ('task, network', 'D', 'all weights', 'own 90 %', 'absolute 90 %')
    """
    cases = [
        ("digits, 100 wide", "mlp-100", "true"),
        ("digits, 200 wide", "mlp-200", "true"),
        ("digits, 400 wide", "mlp-400", "true"),
        ("shuffled, 200 wide", "mlp-200", "shuffled_pixels"),
        ("digits, LeNet", "lenet", "true"),
        ("shuffled, LeNet", "lenet", "shuffled_pixels"),
    ]
    return table(
        ["task, network", "D", "all weights", "own 90 %", "absolute 90 %"],
        [[name, *study.summary(net, data)] for name, net, data in cases],
        caption=f"Trained numbers needed; {NOTE}",
    )


def factor(net: str, data: str, than: tuple[str, str] = ("mlp-200", "true")) -> float:
    """How many times d_int90 (own) changes from one task and network to another.

    >>> factor("mlp-200", "true")
    1.0
    """
    return float(
        study.needed(net, data, True).mean() / study.needed(*than, True).mean()
    )


def moved() -> Table:
    """How far d_int90 moves when width or pixels change.

    >>> moved().columns
    ('change', 'numbers needed, times', 'low', 'high')
    """
    cases = [
        ("0.45 times the weights", "mlp-100", "true", ("mlp-200", "true")),
        ("2.4 times the weights", "mlp-400", "true", ("mlp-200", "true")),
        (
            "dense net, pixels shuffled",
            "mlp-200",
            "shuffled_pixels",
            ("mlp-200", "true"),
        ),
        ("LeNet, pixels shuffled", "lenet", "shuffled_pixels", ("lenet", "true")),
    ]
    rows = []
    for name, net, data, than in cases:
        ratio = study.needed(net, data, True) / study.needed(*than, True)
        rows.append([name, *(f"{value:.2f}" for value in mean_interval(ratio))])
    return table(
        ["change", "numbers needed, times", "low", "high"],
        rows,
        caption=f"How far d_int90 (own) moves, seed by seed; {NOTE}",
    )


def by_heart() -> Picture:
    """Training accuracy on true and on random labels of 1,000 digits.

    >>> by_heart().title
    'Random labels need ... numbers each, ... times as many as true ones'
    """
    few: Row = {**MLP, "images": 1_000, "projection": "fastfood"}
    both = {
        data: study.curve(study.stored(**{**few, "data": data}), "train")
        for data in ("true", "random_labels")
    }
    true, random = (crossings(*both[data], 0.9).mean() for data in both)
    return curves(
        [
            Series("subspace", *both["true"], "true labels"),
            Series("random_labels", *both["random_labels"]),
        ],
        title=f"Random labels need {random / 1000:.2f} numbers each, "
        f"{random / true:.1f} times as many as true ones",
        xlabel="trained numbers d",
        ylabel="training accuracy",
        note="book scale: stored runs, 1,000 MNIST digits, 5 seeds, 95 % intervals",
        hlines=[(0.9, "90 % of the labels")],
    )


def numbers_per_label() -> float:
    """Numbers needed for 90 % of 1,000 random labels, per label.

    >>> 0.5 < numbers_per_label() < 5
    True
    """
    rows = study.stored(images=1_000, data="random_labels")
    return float(crossings(*study.curve(rows, "train"), 0.9).mean() / 1_000)


def messages(line: float = 0.88) -> Table:
    """Bytes and decoded accuracy of solutions, by d and bits, shortest first.

    >>> messages().columns
    ('bytes', 'd', 'bits', 'decoded accuracy', 'low', 'high')
    """
    rows = []
    for d in (200, 750, 1500):
        found = [r["result"] for r in study.stored(**MLP, d=d, bits=study.BITS)]
        for i, bits in enumerate(study.BITS):
            spread = mean_interval([r["decoded"][i] for r in found])
            rows.append([found[0]["bytes"][i], d, bits, *spread])
    rows.sort(key=lambda row: row[0])
    good = [row[0] for row in rows if row[3] >= line]
    found_one = f"the shortest at {line:.0%} or more takes {good[0]} bytes"
    return table(
        ["bytes", "d", "bits", "decoded accuracy", "low", "high"],
        rows,
        caption=f"Messages, decoded and tested: {found_one}; {NOTE}",
    )


_SENT = [common.subspace(200), common.subspace(750, "fastfood")]


def common_row() -> Table:
    """The common row: bits, decoded accuracy and seconds, beside the controls.

    >>> common_row().columns
    ('what is sent', 'bits', 'decoded accuracy', 'seconds')
    """
    return common.rows(_SENT)


def common_rates() -> Picture:
    """Decoded accuracy against bits for every row of `common_row`.

    >>> common_rates().title
    'Subspaces send ... to ... bits, whole networks ... to ...'
    """
    found = common.read(_SENT)
    ours = [each.name for each in _SENT]
    small = np.concatenate([found[name].bits for name in ours])
    large = np.concatenate([one.bits for one in found.values() if one.name not in ours])
    return common.rates(
        found,
        f"Subspaces send {small.min():,.0f} to {small.max():,.0f} bits, whole "
        f"networks {large.min():,.0f} to {large.max():,.0f}",
    )


def patience() -> Picture:
    """Shuffled LeNet against d, and what more passes bring at d = 1,500.

    >>> patience().title
    'd = 1,500: 20 passes in place of 3 change accuracy by ... points'
    """
    runs: Row = {**FULL_MNIST, "net": "lenet", "data": "shuffled_pixels"}
    few, many = study.BOOK["epochs"], study.PATIENT["epochs"]
    ds, short = study.curve(study.stored(**runs, projection="fastfood", epochs=few))
    at, long = study.curve(study.stored(**runs, projection="fastfood", epochs=many))
    gain = 100 * (long - short[:, ds == at[0]]).mean()
    return curves(
        [
            Series("shuffled", ds, short, f"{few} passes"),
            Series("subspace", at, long, f"{many} passes"),
        ],
        title=f"d = {at[0]:,}: {many} passes in place of {few} change accuracy by "
        f"{gain:+.1f} points",
        xlabel="trained numbers d",
        ylabel="test accuracy",
        note=f"LeNet on shuffled pixels; {NOTE}",
        hlines=[(0.9, "absolute 90 %")],
    )


def kinds() -> Picture:
    """Sparse against Fastfood directions.

    >>> kinds().title
    'Sparse and Fastfood differ by ... points at most'
    """
    ds, fast = _curve("fastfood")
    sparse_ds, sparse = _curve("sparse")
    at = np.isin(ds, sparse_ds)
    apart = 100 * np.abs(sparse.mean(0) - fast[:, at].mean(0)).max()
    return curves(
        [Series("fastfood", ds, fast), Series("sparse", sparse_ds, sparse)],
        title=f"Sparse and Fastfood differ by {apart:.1f} points at most",
        xlabel="trained numbers d",
        ylabel="test accuracy",
        note=NOTE,
    )
