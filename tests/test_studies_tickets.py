"""The studies of pruning and tickets, their figures, and their committed rows."""

import json
import re

import numpy as np
import pytest
import torch

from minitorch.data import load
from minitorch.models import mlp
from minitorch.studies import connectivity, pruned, tickets
from minitorch.studies import tickets_figures as figures
from minitorch.studies.ledger import claims
from minitorch.studies.store import key, read_rows
from minitorch.tensor import Tensor
from minitorch.train import fit
from minitorch.weird import Dense
from minitorch.weird.pruning import Masked, layer_masks

STUDIES = {study.STUDY.name: study for study in (pruned, tickets, connectivity)}
FIGURES = [
    *("overview", "signs", "controls", "one_shot", "learning", "speed", "scopes"),
    *("densities", "budget", "longer", "rewound", "trained_on", "untrained"),
    *("han", "cuts", "pixels"),
    *("line", "stability", "rewinding", "common", "common_rates"),
]
TINY = {
    **tickets.QUICK,
    "images": 300,
    "watched": 50,
    "epochs": 1,
    "every": 2,
    "rewind": 2,
    "at": {arm: [2] for arm in tickets.ARMS} | {"ticket": [0, 1, 2]},
}
SMALL = load("mnist").take(240, 60)


# ----------------------------------------------------------------------------
# The ladder
# ----------------------------------------------------------------------------


def test_a_ladder_trains_every_arm_at_its_levels_and_comes_out_again():
    row = tickets.run(TINY, seed=1)
    few = tickets.run({**TINY, "at": {"ticket": [0, 1]}}, seed=1)
    assert few["ticket curve"] == row["ticket curve"][:2]
    for arm in tickets.ARMS:
        levels = TINY["at"][arm]
        assert len(row[arm]) == len(row[f"{arm} curve"]) == len(levels)
        assert all(0 <= value <= 1 for value in row[arm])
    assert row["D"] == 266_610 and row["steps"] == [2, 4]
    assert row["long steps"] == [6, 10, 12]  # level 2: three times as long


def test_a_ladders_counts_are_those_of_rounds_done_by_hand():
    row = tickets.run({**TINY, "at": {"ticket": [0, 1, 2]}}, seed=0)
    sizes, wanted = [235_200, 30_000, 1_000], [[235_200, 30_000, 1_000]]
    for _ in range(2):
        shares = (0.3, 0.3, 0.5)
        sizes = [int(s * n + 0.5) for s, n in zip(shares, sizes, strict=True)]
        wanted.append(sizes)
    assert row["kept"] == wanted
    assert row["keep"] == [sum(each) / 266_200 for each in wanted]


def test_an_arm_that_is_the_ticket_reads_what_the_ticket_reads():
    """One round from one training: one-shot pruning is a round of the ladder."""
    at = {"ticket": [0, 1], "oneshot": [1], "retrained": [1], "once": [1]}
    row = tickets.run({**TINY, "at": at}, seed=0)
    assert row["oneshot"][0] == row["ticket"][1]
    assert row["retrained"] == row["once"] != row["oneshot"]


def trained_masks(monkeypatch, at, **other):
    """The masks that each arm of a tiny ladder trained with, and what it ended in."""
    seen, train = {}, tickets.Ladder.train

    def noted(self, arm, g, *args, **kwargs):
        done = train(self, arm, g, *args, **kwargs)
        masked = g.ticket if isinstance(g, tickets.Late) else g
        seen.setdefault(arm, []).append((getattr(masked, "mask", None), done.theta))
        return done

    monkeypatch.setattr(tickets.Ladder, "train", noted)
    row = tickets.run({**TINY, "at": at, **other}, seed=0)
    return seen, row


def test_snips_control_is_snips_own_mask_at_other_places(monkeypatch):
    at = {"ticket": [0, 1], "snip": [1], "snip shuffled": [1]}
    seen, _ = trained_masks(monkeypatch, at)
    (ticket, _), (snip, _), (moved, _) = (
        seen["ticket"][1],
        seen["snip"][0],
        seen["snip shuffled"][0],
    )
    net = tickets.lenet_300_100()
    pieces = [net.layout.views(mask) for mask in (ticket, snip, moved)]
    counts = [[p[n].sum() for n in tickets.prunable(net)] for p in pieces]
    assert counts[1] == counts[2] != counts[0]
    assert sum(counts[1]) == sum(counts[0])
    assert (snip != moved).any()


def test_rewound_tickets_come_down_a_ladder_of_their_own(monkeypatch):
    at = {"ticket": [0, 1, 2], "rewound": [1, 2]}
    seen, _ = trained_masks(monkeypatch, at)
    (first, theta), (second, _) = seen["rewound"]
    assert (first == seen["ticket"][1][0]).all()  # both after one whole training
    assert not (second & ~first).any()
    wanted = layer_masks(
        tickets.lenet_300_100(), theta, TINY["keep"], mask=first, output=TINY["output"]
    )
    assert (second == wanted).all() and (second != seen["ticket"][2][0]).any()


def test_rewound_to_step_0_is_the_ticket(monkeypatch):
    at = {"ticket": [0, 1, 2], "rewound": [1, 2]}
    _, row = trained_masks(monkeypatch, at, rewind=0)
    assert row["rewound"] == row["ticket"][1:]


def test_watched_digits_are_neither_trained_on_nor_tested():
    data, watched = tickets.dataset(6_000, 1_000)
    whole = load("mnist")
    assert (watched.test_x == whole.train_x[6_000:7_000]).all()
    assert (data.train_x == whole.train_x[:6_000]).all()
    assert (data.test_x == whole.test_x).all()


@pytest.mark.parametrize("weights", [1_600, 7_500, 20_000, 100_000])
def test_a_narrower_network_is_the_widest_that_fits(weights):
    def count(hidden):
        second = max(1, round(hidden / 3))
        return 784 * hidden + hidden * second + second * 10

    hidden = tickets.narrower(weights).layout.shapes["dense1.weight"][0]
    assert count(hidden) <= weights < count(hidden + 1)


def test_rewinding_by_a_late_mask_is_what_a_copy_of_step_k_gives():
    """The start of the ticket is the whole network's k steps, in torch."""
    net, k = mlp(784, 8, 10), 3
    start = net.init(0)
    mask = layer_masks(net, start, 0.3)
    late = fit(net, tickets.Late(Masked(net, mask), k), SMALL, lr=0.01, batch=60)

    shapes = list(net.layout.shapes.values())
    theta = torch.tensor(start, requires_grad=True)
    kept = torch.tensor(mask, dtype=torch.float32)
    adam = torch.optim.Adam([theta], lr=0.01)
    rng, steps, step = np.random.default_rng(0), 20, 0
    for _ in range(5):
        order = rng.permutation(240)
        for i in range(0, 240, 60):
            x, y = (a[order[i : i + 60]] for a in (SMALL.train_x, SMALL.train_y))
            adam.param_groups[0]["lr"] = 0.01 * 0.5 * (1 + np.cos(np.pi * step / steps))
            used = theta if step < k else theta * kept
            parts = used.split([int(np.prod(shape)) for shape in shapes])
            w1, b1, w2, b2 = (p.reshape(s) for p, s in zip(parts, shapes, strict=True))
            hidden = torch.relu(torch.tensor(x).flatten(1) @ w1.T + b1)
            loss = torch.nn.functional.cross_entropy(
                hidden @ w2.T + b2, torch.tensor(y)
            )
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
    wanted = (theta * kept).detach().numpy()
    assert np.abs(late.theta - wanted).max() < 2e-3
    assert (late.theta[~mask] == 0).all()


def test_a_late_mask_at_step_0_is_the_ticket_itself():
    net = mlp(784, 8, 10)
    mask = layer_masks(net, net.init(0), 0.3)
    runs = [
        fit(net, g, SMALL, lr=0.01, batch=60, epochs=2)
        for g in (Masked(net, mask), tickets.Late(Masked(net, mask), 0))
    ]
    assert (runs[0].theta == runs[1].theta).all()


def test_a_late_mask_counts_anew_in_each_run():
    net = mlp(4, 3)
    g = tickets.Late(Masked(net, np.zeros(15, bool)), k=1)
    for _ in range(2):
        phi = Tensor(g.init(0))
        assert g(phi, train=True).numpy().any()
        g.after_step(phi, None)
        assert not g(phi, train=True).numpy().any()


# ----------------------------------------------------------------------------
# Connectivity
# ----------------------------------------------------------------------------


def test_runs_part_at_step_k_and_not_before():
    net, k = mlp(784, 8, 10), 3
    how = {"lr": 0.01, "batch": 60, "epochs": 2}
    plain = fit(net, Dense(net), SMALL, **how)
    a, b = (
        fit(net, Dense(net), connectivity.parted(SMALL, k, 0, child), **how)
        for child in (0, 1)
    )
    assert (a.loss[:k] == b.loss[:k]).all() and (a.loss[:k] == plain.loss[:k]).all()
    assert a.loss[k] != b.loss[k] and a.loss[k] != plain.loss[k]


def test_runs_that_never_part_have_no_barrier():
    tiny = {**connectivity.QUICK, "images": 240, "tested": 60, "epochs": 1}
    row = connectivity.run({**tiny, "k": 4}, seed=0)  # 4 steps in all
    for kind in connectivity.KINDS:
        assert row[kind] == pytest.approx(0)
        assert len(set(row[f"{kind} line"])) == 1
    assert connectivity.run({**tiny, "k": 0}, seed=0)["keep"] < 0.5


# ----------------------------------------------------------------------------
# Pruning and the common row
# ----------------------------------------------------------------------------


def test_hans_fractions_keep_his_counts():
    tiny = {**pruned.QUICK, "images": 300, "epochs": 1, "again": 1}
    row = pruned.run(tiny, seed=0)
    assert row["kept"] == [18_816, 2_700, 260]  # 8 %, 9 % and 26 %
    assert sum(row["pixels"]) == 18_816 and len(row["pixels"]) == 784
    assert len(row["cut at"]) == 3 and len(row["trained on at"]) == 1


def test_decay_makes_weights_smaller_and_none_changes_nothing():
    net, how = mlp(784, 8, 10), {"lr": 0.01, "batch": 60, "epochs": 2}
    plain = fit(net, Dense(net), SMALL, **how)
    none, some = (
        fit(net, pruned.Decayed(Dense(net), decay), SMALL, **how) for decay in (0, 3)
    )
    assert (none.theta == plain.theta).all()
    assert np.linalg.norm(some.theta) < 0.95 * np.linalg.norm(plain.theta)


def test_messages_of_tickets_shrink_with_what_is_kept_and_decode():
    tiny = {**pruned.COMMON, "images": 300, "epochs": 1, "keep": [0.3, 0.1]}
    row = pruned.run({**tiny, "bits": [8, 4]}, seed=0)
    lengths = np.array(row["bytes"])
    assert (np.diff(lengths, axis=0) < 0).all() and (np.diff(lengths) < 0).all()
    decoded = np.array(row["decoded"])[:, 0]
    assert decoded == pytest.approx(row["test"], abs=0.03)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tickets.narrower(100), "has as few weights as 100"),
        (lambda: connectivity.network("wide"), "there are lenet, deep, noisy"),
        (lambda: pruned.run({"part": "all"}, 0), "there are han, common"),
        (lambda: figures.arm("snip", scope="global"), "no stored rows of the arm"),
    ],
)
def test_unknown_settings_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_grids_hold_no_cell_twice(study):
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in study.grid(scale)]
        assert cells and len(cells) == len(set(cells))


def test_the_book_grids_hold_every_control():
    layer, everywhere, longer = tickets.grid("book")
    assert set(layer["at"]) == set(tickets.ARMS)
    assert (layer["scope"], everywhere["scope"]) == ("layer", "global")
    assert longer["epochs"] == 7 * layer["epochs"]
    cells = connectivity.grid("book")
    assert {cell["case"] for cell in cells} == set(connectivity.CASES)


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_committed_rows_fill_the_book_grid_with_five_seeds(study):
    rows = read_rows(study.STUDY.path())
    assert study.STUDY.missing("book", 5) == []
    assert len({key(r["settings"], r["seed"]) for r in rows}) == len(rows)
    assert all(row["provenance"]["clean"] for row in rows)
    assert study.STUDY.stale(rows) == []


def test_ladders_reach_below_a_hundredth_of_the_weights():
    keeps, accuracy = figures.arm("ticket")
    assert keeps[-1] < 0.01 and accuracy.shape == (5, 12)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_read(name):
    shown = getattr(figures, name)()
    words = getattr(shown, "alt", "") + repr(shown)
    assert "5 seeds" in words
    assert not re.search(r"\bnan\b|\binf\b", words)


def test_the_first_ticket_of_the_common_row_comes_out_again():
    first = pruned.STUDY.stored(part="common")[0]
    settings = {**first["settings"], "keep": first["settings"]["keep"][:1]}
    again = pruned.run(settings, first["seed"])
    for name in ("bytes", "decoded"):
        stored = np.array(first["result"][name][0])
        assert np.abs(np.array(again[name][0]) - stored).max() <= (
            500 if name == "bytes" else 0.02
        )


def test_the_best_ticket_is_no_whole_network():
    found = {each.id: each.ours()[0] for each in claims() if each.ours}
    assert found["tickets/gain-keep"].max() < 70
    for name in ("gain", "gain-short"):
        assert np.ptp(found[f"tickets/{name}"]) > 0
    whole, ticket = figures.at("ticket", 0), figures.at("ticket", 2)
    assert np.allclose(found["tickets/gain-short"], 100 * (ticket - whole))


def test_claims_read_five_seeds():
    mine = [each for each in claims() if each.id.startswith("tickets/")]
    assert len(mine) >= 6
    for claim in mine:
        if claim.ours:
            values, rows = claim.ours()
            assert values.shape == (5,) and rows
