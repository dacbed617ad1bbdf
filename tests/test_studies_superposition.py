"""The study of supermasks in superposition, each part on next to nothing."""

import ast
import inspect
import json
import re

import numpy as np
import pytest
from committed import whole

from minitorch.studies import superposition as study
from minitorch.studies import superposition_figures as figures
from minitorch.studies.claims.superposition import CLAIMS
from minitorch.weird import superposition as sp

FIGURES = [
    *("overview", "accuracies", "longer", "cost", "costs", "forgetting", "ways"),
    *("controls", "scenarios", "outputs", "objectives", "rates", "pixels"),
    *("rotations", "sureness", "calibration", "temperatures", "stream", "margins"),
    *("norms", "hopfield", "storage", "remembered", "masks_kept"),
    *("memory", "scaled", "common", "common_rates"),
]
FEW = {"images": 400, "batch": 32, "steps": 4, "test": 40}


def test_batches_and_test_images_are_those_of_their_task():
    cell = {**study.RETENTION, **FEW}
    first = list(study.batches(cell, seed=1, task=2))
    again = list(study.batches(cell, seed=1, task=2))
    assert len(first) == 4 and (first[0][0] == again[0][0]).all()
    others = [
        next(study.batches(cell, seed=seed, task=task, part=part))[0]
        for seed, task, part in ((1, 3, 0), (2, 2, 0), (1, 2, 1))
    ]
    assert all((first[0][0] != other).any() for other in others)
    data = study.dataset(400)
    plain = {**cell, "pixels": "raw"}
    whole_x, whole_y = study.held_out(plain, 1, 2, 2_000)
    assert sorted(whole_y) == sorted(data.test_y)  # each image once
    assert (whole_y != study.held_out(plain, 2, 2, 2_000)[1]).any()
    assert (whole_y == study.held_out(plain, 1, 3, 2_000)[1]).all()
    x, y = study.held_out(plain, 1, 2, 5, start=1_998)
    assert (y == whole_y[[1998, 1999, 0, 1, 2]]).all()
    back = np.empty_like(x)
    back[:, sp.pixel_order(1, 2)] = x
    shown = {row.tobytes() for row in data.test_x.reshape(2_000, -1)}
    assert all(row.tobytes() in shown for row in back)
    turned = study.held_out({**plain, "gap": 10}, 1, 2, 5, start=1_998)[0]
    assert turned == pytest.approx(sp.rotated(back, 20), abs=1e-6)
    spread = study.held_out(cell, 1, 2, 5, start=1_998)[0]
    assert spread == pytest.approx((x - 0.1307) / 0.3081, abs=1e-5)


def test_mean_pictures_are_of_the_training_images_as_a_task_shows_them():
    cell = {**study.ROTATIONS, "images": 400}
    train = study.dataset(400).train_x
    means = study.pictures(cell, 0, 3)
    each = study.scaled(cell, sp.rotated(train, 20)).mean(0)
    assert means[2] == pytest.approx(each, abs=1e-4)  # turning is linear
    x = study.scaled(cell, sp.rotated(train[:8], 20))
    together = np.square(x.mean(0) - means).sum(1).argmin()
    assert study.nearest(means, x, 8).tolist() == [together]
    alone = np.square(x[:, None] - means).sum(2).argmin(1)
    assert study.nearest(means, x).tolist() == alone.tolist()


def test_many_tasks_are_asked_for():
    cell = {**study.MANY, **FEW, "tasks": 4, "k": [1, 3], "asked": 3, "groups": 2}
    row = study.run(cell, seed=0)
    assert len(row["given"]) == 4
    for search in sp.SEARCHES:
        assert row[search][0] == row[f"{search} group"][0] == 1  # there is but one
        assert row[f"{search} GNu"][0] == row[f"{search} GNs"][0]
        assert len(row[f"{search} seconds"]) == len(row[f"{search} group"]) == 2
    assert row["pictures"] == row["pictures group"] == [1, 1]
    # 784-300-100-100, half of the weights: one bit each.
    assert row["bytes"] == pytest.approx(275_200 / 8, rel=0.01)


def test_only_a_network_that_is_trained_on_forgets():
    cell = {**study.RETENTION, **FEW, "tasks": 3, "steps": 12, "outputs": 10}
    row = study.run(cell, seed=0)
    assert len(row["sequence"]) == len(row["alone"]) == len(row["transfer"]) == 3
    assert row["sequence"][0] == row["first"][0] == row["just"][0] == row["alone"][0]
    # The first mask of both ways starts from the same scores.
    assert row["transfer"][0] == row["masks"][0]
    assert row["alone bytes"] == 4 * 266_200
    assert row == study.run(cell, seed=0)


@pytest.mark.parametrize("outputs", [10, 12])
def test_searches_are_compared(outputs, monkeypatch):
    monkeypatch.setattr(study, "SEARCHES", ("one-shot",))
    cell = {**study.INFERENCE, **FEW, "tasks": 2, "asked": 2, "outputs": outputs}
    row = study.run(cell, seed=0)
    assert ("one-shot G 1" in row) == (outputs > 10)
    for group in (1, 16, 128):
        assert row[f"GNu one-shot {group}"] <= row[f"one-shot entropy {group}"]
        assert row[f"GNu one-shot {group}"] <= row[f"GNs one-shot {group}"]
        assert row[f"pictures {group}"] == 1
        assert 0 <= row[f"other places {group}"] <= 1
        assert row[f"GNu one-shot {group}"] <= row[f"GG {group}"]
    assert len(row) == 24 + 3 * (outputs > 10)


def test_a_stream_is_counted():
    cell = {**study.STREAM, **FEW, "stream": [0, 1, 0], "steps": 2}
    row = study.run({**cell, "eps": [-1.0, 1e9]}, seed=0)
    assert row["new"] == [1, 1, 0]
    assert row["masks"][1] == 3  # never sure: a mask for each chunk
    assert row["extra"][1] == 1 and row["missed"][1] == row["wrong"][1] == 0
    assert np.shape(row["margin"]) == (2, 3)
    assert 0 <= row["told"] <= 1


def test_rotations_are_told_apart_or_not():
    cell = {**study.ROTATIONS, **FEW, "tasks": 2, "test": 128, "asked": 2}
    row = study.run({**cell, "temperatures": [0.5, 1.0]}, seed=0)
    assert len(row["exhaustive"]) == len(row["binary"]) == len(row["error"]) == 2
    assert row["off"] == 10 * (1 - row["exhaustive"][1])
    assert len(row["floor"]) == 2 and 0 < row["floor"][1] < 0.2
    assert 0 <= row["pictures 1"] <= 1 and 0 <= row["binary 1"] <= 1
    assert 0.005 < row["sure wrong"] < 1 and 0.005 < row["sure"] < 1


def test_an_error_of_calibration_has_a_floor():
    """As large as that of a network that is right as often as it is sure."""
    rng = np.random.default_rng(0)
    logits = np.log(rng.dirichlet(np.ones(10), 20_000))
    p = study.softmax(logits)
    assert p == pytest.approx(np.exp(logits))
    y = np.array([rng.choice(10, p=each) for each in p])
    assert study._gap(logits, y) < 0.015 < 0.1 < study._gap(2 * logits, y)


def test_statistics_that_were_shared_are_the_last_tasks():
    cell = {**study.NORMS, **FEW, "tasks": 2, "steps": 8}
    row = study.run(cell, seed=0)
    assert row["own"][1] == row["shared"][1]
    assert all(len(values) == 2 for values in row.values())


def test_patterns_are_recalled_and_weighed():
    row = study.run({**study.HOPFIELD, "d": 100, "k": [3, 40]}, seed=0)
    assert row["hebb"][0] == row["storkey"][0] == row["storkey decoded"][0] == 1
    assert row["hebb"][1] < 0.2 < row["storkey"][1]  # beyond 0.138 d
    assert row["outright"] == [3 * 15, 40 * 15] or row["outright"][1] < 40 * 16
    assert row["storkey bytes"][1] > row["outright"][1]


@pytest.mark.parametrize("half", [True, False])
def test_masks_of_units_are_remembered(half):
    cell = {**study.REMEMBER, **FEW, "hidden": [32, 32], "search steps": 3}
    row = study.run({**cell, "half": half}, seed=0)
    assert (row["ones"] == 0.5) or not half
    assert len(row["given"]) == len(row["storkey test"]) == 5
    assert 0 <= row["storkey"] <= 5 and row["outright"] < row["storkey bytes"]
    for rule in ("storkey", "hebb"):
        steps = np.array(row[f"{rule} steps recalled"])
        # What is found in the end is there from some step on, and the other way round.
        assert (steps <= 3).sum() == row[rule]
        assert (steps <= np.array(row[f"{rule} steps"])).all() and steps.min() >= 1


def test_the_common_row_is_sent_whole():
    cell = {**study.COMMON, "images": 400, "epochs": 1, "weights": ["signed"]}
    row = study.run(cell, seed=0)
    assert row["decoded"] == row["test"]
    assert row["bytes"][0] == pytest.approx(266_200 / 8, rel=0.01)


def test_unknown_parts_are_refused():
    with pytest.raises(ValueError, match="no part 'all'; there are many, retention"):
        study.run({"part": "all"}, 0)


def test_grids_hold_no_cell_twice():
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in study.grid(scale)]
        assert cells and len(cells) == len(set(cells))
        assert all(study.label(cell) for cell in study.grid(scale))
    assert study.STUDY.version()


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(study.STUDY)


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


def test_claims_read_five_seeds():
    for claim in CLAIMS:
        if claim.ours is None:
            assert claim.needs
            continue
        for read in (claim.ours, claim.control and claim.control[1]):
            if read:
                values, rows = read()
                long = claim.scale == "full"
                assert values.shape == (len(rows),)
                assert len(rows) == 5 or (long and rows)
                assert np.isfinite(values).all()
