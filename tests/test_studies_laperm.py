"""The study of LaPerm: its parts on a few images, against what must hold."""

import ast
import inspect
import json
import math
import re

import numpy as np
import pytest
from committed import whole

from minitorch.stats import mean_interval
from minitorch.studies import laperm
from minitorch.studies import laperm_figures as figures
from minitorch.studies.claims.laperm import CLAIMS

FIGURES = [
    *("overview", "controls", "control_rates", "conv", "saw", "teeth", "periods"),
    *("widths", "three", "rescaled"),
    *("values", "gains", "kinds", "levels", "location", "pinned", "pins", "pairs"),
    *("profiles", "profiles_dealt", "apart", "curve", "curve_errors", "bits", "paper"),
    *("common", "common_rates"),
]
FEW = {"images": 300, "epochs": 2, "batch": 20}
PARTS = [cell["part"] for cell in laperm.grid("book")]


def small(cell, **changes):
    return {**cell, **FEW, **changes}


def test_papers_networks_are_sent_in_the_bits_of_their_choices():
    cell = small(laperm.PAPER_F1, k=5, lr=0.01, epochs=1)
    row = laperm.run(cell, seed=0)
    assert row == laperm.run(cell, seed=0)
    assert row["bits"] == pytest.approx(10 * math.log2(math.comb(784, 448)))
    assert row["bits"] / 8 <= row["bytes"] <= row["bits"] / 8 + 35
    assert row["decoded"] == row["test"] and row["best"] >= row["last"]


def test_the_authors_way_differs_in_all_that_is_named():
    cell = small(laperm.AUTHORS_F2, k=5, lr=0.01, epochs=2, widths=[784, 20, 9, 10])
    row = laperm.run(cell, seed=0)
    assert row == laperm.run(cell, seed=0)
    assert row["decoded"] == row["test"] and row["best"] >= row["last"]
    ours = laperm.run({**cell, "zeros": None, "decay": None}, seed=0)
    assert set(ours) == set(row) and ours["test"] != row["test"]
    # Each zero is drawn by itself: neurons have other counts of them.
    net = laperm._net(cell)
    drawn = laperm._Drawn(net, cell["keep"], 0.03).init(3)
    first = net.layout.views(drawn)["dense1.weight"]
    counts = (first > 0).sum(axis=1)
    assert set(np.unique(first)) == {0, np.float32(0.03)} and len(set(counts)) > 1
    assert abs(counts.mean() / 784 - 1 / 15) < 0.01


def test_an_l2_penalty_and_a_falling_rate_are_what_they_say():
    cell = small(laperm.AUTHORS_F1, images=20, epochs=3, k=1000, lr=0.01)
    net = laperm._net(cell)

    def phi(**how):
        teeth = laperm.Teeth(laperm.LaPerm(net, k=1000), cell)
        return laperm._as_authors({**cell, **how}, 0, teeth, net)

    start = laperm.LaPerm(net).theta0
    far = [np.abs(phi(decay=decay) - start).max() for decay in (1.0, 0.1)]
    assert far[1] < 0.5 * far[0]
    assert np.abs(phi(l2=[10.0])).mean() < np.abs(phi()).mean()


def test_a_value_of_another_size_is_trained_at_every_rate():
    cell = small(laperm.RESCALED, k=[5, None], epochs=1)
    assert np.shape(laperm.run(cell, seed=0)["test"]) == (2, 2, 2)


def test_a_convolutional_networks_filters_are_arranged():
    cell = {**laperm.CONV, "images": 600, "epochs": 6, "batch": 50, "dense lr": [3e-3]}
    row = laperm.run(cell, seed=0)
    assert row["random"] < 0.3 < row["test"]
    assert len(row["dense"]) == len(row["once"]) == 1 and row["layer"] > 0.3
    sizes = [(6, 25), (16, 150), (120, 256), (84, 120), (10, 84)]
    bits = sum(rows * math.lgamma(n + 1) / math.log(2) for rows, n in sizes)
    assert row["bits"] == pytest.approx(bits, rel=1e-3)


def test_the_papers_convolutional_networks_can_be_made():
    for cell in laperm.FULL:
        make, images = laperm.NETS[cell["net"]]
        assert make().layout.size > 300_000 and images in ("mnist", "cifar10")
    assert laperm.seven_convs()(
        laperm.seven_convs().init(0), np.ones((2, 784), np.float32)
    ).shape == (2, 10)


def test_fewer_of_three_values_are_fewer_bytes():
    cell = small(laperm.THREE, keep=[0.3, 0.1], epochs=4)
    row = laperm.run(cell, seed=0)
    assert row["bytes"][0] > row["bytes"][1] > 0
    assert row["test"][0] > 0.3 and row["free"] > 0.3


def test_more_of_the_first_layer_stays_where_it_is_asked_for():
    cell = small(laperm.SPARSE, keep=[0.1], epochs=1)
    moved = [laperm.run({**cell, "first": f}, seed=0)["moved"][0] for f in (0.8, 0.1)]
    assert moved[0] > 2 * moved[1]  # most of the weights are in the first layer
    assert laperm.run(cell, seed=0) != laperm.run({**cell, "scaled": True}, seed=0)


def test_synchronisations_are_counted():
    row = laperm.run(small(laperm.PERIODS, k=[1, 7, 1000]), seed=0)
    assert row["count"] == [30, 4, 0] and len(row["test"]) == 3
    # The rate falls along half a cosine: its sum is half of that many first rates.
    slow = {"pace": "rate", "k": [3]}
    assert laperm.run(small(laperm.PERIODS, **slow), seed=0)["count"] == [4]


def test_ordinary_training_and_arranging_are_told_apart():
    row = laperm.run(small(laperm.CONTROLS), seed=0)
    assert len(row["dense"]) == len(row["once"]) == 4
    assert row["random"] < 0.3 < row["dense"][1]
    assert row["once"][1] < row["dense"][1]
    assert min(row["test"], row["straight"], row["layer"]) > 0.3


def test_nothing_is_left_to_arrange_where_all_is_zero():
    row = laperm.run(small(laperm.VALUES, keep=[1.0, 0.0]), seed=0)
    assert row["moved"][0] > 0.5 and row["moved"][1] == 0
    assert row["test"][1] == row["random"][1]
    scaled = {"draw": "single", "keep": [0.5], "scaled": False}
    assert laperm.run(small(laperm.VALUES, **scaled), seed=0)["moved"][0] > 0


def test_more_levels_more_bits():
    row = laperm.run(small(laperm.LEVELS, levels=[2, 16]), seed=0)
    sizes = [(128, 784), (64, 128), (10, 64)]
    halves = [rows * math.log2(math.comb(n, n // 2)) for rows, n in sizes]
    assert row["bits"][0] == pytest.approx(sum(halves))
    assert 3 < row["bits"][1] / row["bits"][0] < 4


def test_widths_are_all_trained():
    row = laperm.run(small(laperm.WIDTH, hidden=[4, 8, 6]), seed=0)
    shapes = {key: np.shape(found) for key, found in row.items()}
    assert shapes == {"test": (3,), "straight": (3,), "dense": (3, 2)}


def test_teeth_are_seen_before_and_after():
    cell = small(laperm.SAW, k=[10], every=4, test=100, lr=0.01)
    row = laperm.run(cell, seed=0)
    assert row["at"] == [[10, 20, 30]] and row["steps"] == [list(range(4, 31, 4))]
    assert row["after"] != row["before"]
    # The copy just after a synchronisation is the arrangement itself.
    every = laperm.run({**cell, "every": 1}, seed=0)
    assert every["before"] == row["before"]
    assert [every["free"][0][i - 1] for i in row["at"][0]] == row["before"][0]


def test_what_the_rule_pins_does_not_move_at_first():
    cell = small(laperm.PINNED, k=[2, 20], v=[0.03, 0.5], lr=3e-3)
    row = laperm.run(cell, seed=0)
    assert row["free"] == [[0, 1], [0, 0]]
    assert row["first"][1][0] == 0 < row["first"][0][1]


def test_no_value_changes_by_more_than_twice_the_reach():
    row = laperm.run(small(laperm.PINNED_ROWS, k=[3], neurons=2), seed=0)
    assert 0 < max(row["change"][0]) <= 1 + 1e-6
    assert 0 < row["start"][0] < 1 and max(row["pinned swaps"][0]) < 0.01
    assert row["most"][0] >= max(row["largest"][0])


def test_locations_hold_more_than_values():
    row = laperm.run(small(laperm.LOCATION, lr=0.02), seed=0)
    assert row["shuffled"] < row["normal fresh"] and len(row["order"]) == 3
    assert all(0 < each < 1 for each in row["order"])


def test_profiles_are_near_to_each_other_before_training():
    row = laperm.run(small(laperm.PROFILES), seed=0)
    assert row["start"][0] < 0.1 and row["dealt"][0] > 0 and 0 < row["moved"] < 1
    assert np.shape(row["bands"]) == (3, 2, 3, 33)  # layer, trained or dealt, quantile
    assert (np.diff(row["bands"], axis=3) >= 0).all()
    assert (np.diff(row["bands"], axis=2) >= 0).all()


def test_a_curve_is_nearer_than_a_random_one():
    cell = {**laperm.CURVE, "places": [80], "steps": 500}
    row = laperm.run(cell, seed=0)
    assert np.shape(row["test"]) == np.shape(row["straight"]) == (1, 2)
    assert row["test"][0][1] < 0.5 < row["random"][0]
    assert row["bits"][0] == pytest.approx(math.lgamma(161) / math.log(2))
    for target in laperm.CURVES.values():
        assert np.shape(target(np.linspace(0, 1, 5))) == (5,)


def test_messages_are_as_long_as_arrangements_say():
    sent = [{"values": "even", "levels": 2}, {"values": "single", "keep": 0.1}]
    row = laperm.run(
        small(laperm.COMMON, sent=sent, epochs=1, widths=[784, 40, 10]), seed=0
    )
    assert row["decoded"] == row["test"]
    for length, bits in zip(row["bytes"], row["bits"], strict=True):
        assert bits / 8 <= length <= bits / 8 + 40


def test_grids_hold_no_cell_twice_and_every_part():
    assert set(PARTS) == set(laperm.PARTS)
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in laperm.grid(scale)]
        assert cells and len(cells) == len(set(cells))
        labels = [laperm.label(cell) for cell in laperm.grid(scale)]
        assert all(labels)


def test_unknown_parts_are_refused():
    with pytest.raises(ValueError, match="no part 'all'; there are paper, rescaled"):
        laperm.run({"part": "all"}, 0)


def test_the_cost_of_a_match_is_measured():
    assert all(seconds >= 0 for seconds in laperm.sort_cost(8, 20, 2).values())


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(laperm.STUDY)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_read(name):
    shown = getattr(figures, name)()
    words = getattr(shown, "alt", "") + repr(shown)
    assert "5 seeds" in words
    assert not re.search(r"\bnan\b|\binf\b", words)


def test_every_figure_is_looked_at():
    """None is left out of the list above."""
    made = ast.parse(inspect.getsource(figures)).body
    kinds = {"Picture", "Table"}
    shown = {
        each.name
        for each in made
        if isinstance(each, ast.FunctionDef) and ast.unparse(each.returns) in kinds
    }
    assert shown == set(FIGURES)


def test_the_rule_of_the_figure_is_that_of_the_rows():
    free = figures.stored("free", laperm.PINNED)
    assert (free == free[0]).all()
    for v, row in zip(laperm.PINNED["v"], free[0], strict=True):
        far = [figures.reach(laperm.PINNED, k) >= v for k in laperm.PINNED["k"]]
        assert (row == far).all()


def test_claims_read_five_seeds():
    assert sum(claim.ours is not None for claim in CLAIMS) >= 5
    for claim in CLAIMS:
        if claim.ours is None:
            assert claim.needs
            continue
        for read in (claim.ours, claim.control and claim.control[1]):
            if read:
                values, rows = read()
                assert values.shape == (5,) and len(rows) == 5
                assert np.isfinite(values).all()


def test_what_claims_say_of_their_rows_holds():
    for name in ("as-good-as-dense", "filters"):
        claim = next(each for each in CLAIMS if each.id == f"laperm/{name}")
        _, low, high = mean_interval(claim.ours()[0])
        assert "The interval crosses the limit of 20 %." in " ".join(claim.why)
        assert low < 1 + claim.within < high
    straight = laperm.STUDY.results("test", **laperm.RESCALED)[:, 1, 1, -1]
    paper = next(each for each in CLAIMS if each.id == "laperm/three-layers")
    assert 100 * (1 - straight.mean()) < paper.figure / 2
    # The rates of free training are not at an end of their list.
    for cell in (laperm.CONTROLS, laperm.CONV):
        best = laperm.STUDY.results("dense", **cell).mean(0).argmax()
        assert cell["dense lr"][best] == cell["lr"]
        assert 0 < best < len(cell["dense lr"]) - 1
    # Three values of free weights are shorter than F1, and read more.
    size, right = (laperm.STUDY.results(m, **laperm.THREE) for m in ("bytes", "test"))
    fifth = laperm.THREE["keep"].index(0.2)
    ours = [laperm.STUDY.results(m, **laperm.PAPER_F1) for m in ("bytes", "decoded")]
    assert size[:, fifth].mean() < ours[0].mean()
    assert right[:, fifth].mean() > ours[1].mean()
