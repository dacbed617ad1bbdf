"""The study of networks whose norms alone are trained."""

import ast
import inspect
import json
import re

import numpy as np
import pytest
from committed import whole

from minitorch.models import bn_mlp, resnet
from minitorch.studies import bn_only
from minitorch.studies import bn_only_figures as figures
from minitorch.studies.claims.bn_only import CLAIMS
from minitorch.weird import Only
from minitorch.weird.bn_only import mlp_numbers, resnet_numbers

FEW = {"data": "mnist", "images": 300, "test": 100, "epochs": 1}
MLP = {**FEW, "pool": 2, "hidden": [12, 8]}


def test_arms_count_what_the_formulas_say():
    row = bn_only.run({**bn_only.DENSE, **MLP}, seed=0)
    assert row == bn_only.run({**bn_only.DENSE, **MLP}, seed=0)
    assert row["norms d"] == row["random d"] == mlp_numbers([196, 12, 8, 10])
    assert row["gamma d"] == row["beta d"] == 20
    assert row["all d"] == row["D"] == bn_mlp(196, 12, 8, 10).layout.size
    assert row["norms+output d"] == row["norms d"] + row["output d"] == 40 + 90
    assert 0 <= row["small"] < 0.2 and 0 <= row["none"] < 0.4
    assert all(0 <= row[f"{arm} train"] <= 1 for arm in bn_only.ARMS)


def test_arms_of_a_residual_network():
    cell = {**bn_only.RESIDUAL, **FEW, "width": 2, "arms": ["norms", "random"]}
    row = bn_only.run({**cell, "images": 130, "gamma": "uniform", "decay": 1e-4}, 0)
    count = resnet_numbers(8, 2, channels=1)
    assert row["norms d"] == row["random d"] == count["norms"]
    assert row["D"] == count["all"] and "all" not in row
    assert bn_only.network({**cell, "data": "cifar10 slice"}).name == "resnet8-w2"


def test_shapes_of_equal_count():
    cell = {**bn_only.SHAPES, **FEW, "shapes": [[16], [8, 8]], "seen": 4, "epochs": 8}
    row = bn_only.run(cell, seed=0)
    assert row["d"] == [32, 32] and len(row["rank"]) == 2
    assert row["first"][0] == row["last"][0] == row["norms"][0]
    assert row["first"][1] != row["last"][1]
    sets = [(bn_only.EQUAL, 1_024)]
    for shapes, d in sets:
        assert all(2 * sum(hidden) == d for hidden in shapes)


def test_the_rank_of_a_tangent_is_that_of_equal_directions():
    """With one layer, d logits_k / d beta_c is V_kc where feature c is awake."""
    net = bn_mlp(3, 5, 4)
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    g = Only(
        net, "beta", beta=50.0
    )  # all awake for every image: J is V again and again
    V = net.layout.views(g.theta0)["dense2.weight"].astype(float)
    squares = np.linalg.svd(V, compute_uv=False) ** 2
    p = squares / squares.sum()
    wanted = np.exp(-(p * np.log(p)).sum())
    assert bn_only.tangent_rank(g, x) == pytest.approx(wanted, rel=1e-3)


def test_the_plane():
    cell = {**bn_only.PLANE, "shapes": [[32], [16, 16]], "points": 600}
    row = bn_only.run({**cell, "turns": 1.0, "epochs": 30}, seed=0)
    assert row["d"] == [64, 64]
    assert row["all"][1] > 0.7 and min(row["norms"]) > 0.45


def test_features_below_a_threshold_are_taken_out():
    cell = {**bn_only.GAMMAS, **MLP, "thresholds": [0.0, 0.3, 9.0], "draws": 2}
    row = bn_only.run(cell, seed=0)
    assert row["share"][0] == 0 and row["removed"][0] == row["random"][0] == row["test"]
    assert row["D"][0] == bn_mlp(196, 12, 8, 10).layout.size
    assert row["D"][2] == bn_mlp(196, 1, 1, 10).layout.size  # one is left of each
    assert row["share"][2] == 18 / 20 and 0 < row["share"][1] < 1
    assert sum(row["counts"]) == 20 and len(row["small"]) == 2
    decayed = bn_only.run({**cell, "decay": 0.05, "epochs": 20}, seed=0)
    assert decayed["share"][1] > row["share"][1] and row["shrink"] == 0
    assert decayed["shrink"] == pytest.approx(0.05 * 0.3 * (40 / 2) * 10, rel=0.05)


@pytest.mark.parametrize("pieces", ["norms", "norms+output"])
def test_messages_hold_the_norms_and_their_statistics(pieces):
    cell = {**bn_only.COMMON, **FEW, "images": 2_000, "pieces": pieces, "bits": [12, 4]}
    row = bn_only.run(cell, seed=0)
    assert row["d"] == (800 if pieces == "norms" else 1_810)
    assert row["decoded"][0] == pytest.approx(row["test"], abs=0.05)
    assert row["bytes"][1] < row["d"] * 4 / 8 + 80 < row["bytes"][0]
    assert len(row["anew"]) == len(row["anew bytes"]) == 2


def test_norms_in_a_subspace():
    row = bn_only.run({**bn_only.COMPOSED, **FEW, "d": [5, 20]}, seed=0)
    assert row["bytes"][1] - row["bytes"][0] == 15 - 4  # 6 bits each
    assert len(row["decoded"]) == len(row["test"]) == 2


def test_averaged_images():
    data = bn_only.images({"data": "mnist", "images": 20, "test": 10, "pool": 2})
    whole = bn_only.images({"data": "mnist", "images": 20, "test": 10, "pool": 1})
    assert data.train_x.dtype == np.float32
    assert data.test_x[3, 0, 4, 5] == pytest.approx(
        whole.test_x[3, 0, 8:10, 10:12].mean(), abs=1e-6
    )


def test_networks_are_those_of_the_settings():
    assert bn_only.network({**bn_only.RESIDUAL, "depth": 14}).layout.size == (
        resnet(14, 8, channels=1).layout.size
    )


@pytest.mark.parametrize("scale", ["quick", "book", "full"])
def test_grids_hold_no_cell_twice(scale):
    cells = [json.dumps(c, sort_keys=True) for c in bn_only.grid(scale)]
    assert cells and len(cells) == len(set(cells))
    assert all(bn_only.label(cell) for cell in bn_only.grid(scale))
    assert all(cell["scale"] == scale for cell in bn_only.grid(scale))
    assert bn_only.STUDY.version()


def test_unknown_parts_are_refused():
    with pytest.raises(ValueError, match="no part 'all'; there are arms, shapes"):
        bn_only.run({"part": "all"}, 0)


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------

FIGURES = [
    *("overview", "residual", "arms", "differences", "fitted", "longer"),
    "signs",
    *("equal_shapes", "depth_width", "ranks", "rank_table", "residual_shapes"),
    *("paper", "slice_of_cifar", "planes", "two_spirals", "spiral_shapes"),
    *("decays", "start_histograms", "shares", "starts", "removal", "removals"),
    *("never", "never_table"),
    *("messages", "bits", "common", "common_rates", "composed", "few_numbers"),
    "costs",
]


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(bn_only.STUDY)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_read(name):
    shown = getattr(figures, name)()
    words = getattr(shown, "alt", "") + repr(shown)
    assert ("5 seeds" in words) != ("Computed here" in words)
    assert not re.search(r"\bnan\b|\binf\b", words)


def test_every_figure_is_looked_at():
    """None is left out of the list above."""
    made = ast.parse(inspect.getsource(figures)).body
    shown = {
        each.name
        for each in made
        if isinstance(each, ast.FunctionDef)
        and ast.unparse(each.returns) in {"Picture", "Table"}
    }
    assert shown == set(FIGURES)


def test_histograms_hold_every_gamma_once():
    found = figures._histogram(figures.DECAYED)
    assert found.shape == (5, len(figures._middles()))
    assert found.sum(1) == pytest.approx(1)
    assert figures._middles()[[0, 15, -1]] == pytest.approx([-1.45, 0.05, 1.45])


def test_decay_alone_shrinks_as_the_paper_says():
    """Step by step: a number under SGD with momentum 0.9 and a decay of 1e-4."""
    value, speed = 1.0, 0.0
    for epochs, lr in ((80, 0.1), (40, 0.01), (40, 0.001)):
        for _ in range(epochs * (50_000 // 128)):
            speed = 0.9 * speed + 1e-4 * value
            value -= lr * speed
    assert -np.log(value) == pytest.approx(figures.PAPER_SHRINK, rel=0.01)


def test_papers_counts_are_its_table():
    """Frankle, Schwab, Morcos (2021), table 1, as the rows of ours write them."""
    lines = {line[0]: line for line in figures.paper().rows}
    assert lines["ResNet-866"][1:3] == ("64,736", "13,979,930")
    assert lines["ResNet-14, 32 times as wide"][1] == "35,840"


def test_claims_read_five_seeds():
    assert sum(claim.ours is not None for claim in CLAIMS) >= 6
    for claim in CLAIMS:
        if claim.ours is None:
            assert claim.needs and claim.scale == "full"
            continue
        for read in (claim.ours, claim.control and claim.control[1]):
            if read:
                values, rows = read()
                assert values.shape == (5,) and len(rows) in (5, 10)
                assert np.isfinite(values).all()


def test_claims_that_wait_for_a_gpu_are_cells_of_the_full_grid():
    cells = bn_only.grid("full")
    depths = {f"bn_only/resnet{cell['depth']}" for cell in cells}
    widths = {f"bn_only/wide{cell['width'] // 16}" for cell in cells}
    waiting = {c.id for c in CLAIMS if c.ours is None and c.study == "bn_only"}
    assert waiting <= depths | widths
