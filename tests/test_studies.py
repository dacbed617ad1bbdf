"""The study behind the chapter "Random subspaces", and its committed rows."""

import json

import numpy as np
import pytest
from committed import whole

from minitorch.studies import subspaces as study

TINY = {**study.QUICK, "images": 500, "epochs": 2, "d": 20}


@pytest.mark.parametrize("data", ["true", "shuffled_pixels", "random_labels"])
@pytest.mark.parametrize("projection", ["fastfood", "coordinates", "direct"])
def test_the_same_settings_and_seed_give_the_same_row(projection, data):
    settings = {**TINY, "projection": projection, "data": data}
    row = study.run(settings, seed=1)
    assert row == study.run(settings, seed=1)
    assert set(row) == {"test", "train", "D"}
    assert row["D"] == 199_210


def test_a_row_with_messages_says_how_long_and_how_good_they_are():
    row = study.run({**TINY, "bits": [8, 1]}, seed=0)
    assert row["bytes"][0] - row["bytes"][1] == 20 - 3  # 20 codes of 8 bits and of 1
    assert row["decoded"][0] == pytest.approx(row["test"], abs=0.02)
    assert row["decoded"][1] < row["test"]


def test_another_seed_gives_another_row():
    assert study.run(TINY, seed=0) != study.run(TINY, seed=1)


def test_more_directions_help_and_random_labels_do_not_generalise():
    base = {**study.QUICK, "images": 2_000, "epochs": 10, "projection": "sparse"}
    low = study.run({**base, "d": 20}, 0)["test"]
    high = study.run({**base, "d": 1000}, 0)["test"]
    by_lot = study.run({**base, "d": 1000, "data": "random_labels"}, 0)
    assert low + 0.2 < high
    assert by_lot["test"] < 0.15 < by_lot["train"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: study.network("resnet"), "no network 'resnet'"),
        (lambda: study.network("mlp-wide"), "no network 'mlp-wide'"),
        (lambda: study.dataset("upside_down", 100), "no variant 'upside_down'"),
    ],
)
def test_unknown_names_are_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_grids_hold_every_control_and_no_cell_twice():
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in study.grid(scale)]
        assert len(cells) == len(set(cells))
    book = study.grid("book")
    assert {c["projection"] for c in book} == {
        *("direct", "fastfood", "sparse", "coordinates", "low-rank"),
    }
    assert {c["net"] for c in book} == {
        "mlp-100",
        "mlp-200",
        "mlp-400",
        "lenet",
        "common",
        "linear",
    }
    assert {c["data"] for c in book} == {"true", "shuffled_pixels", "random_labels"}


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(study.STUDY, current=False)  # most rows are older than notes of versions


def test_a_stored_row_comes_out_again():
    row = study.stored(images=1_000, data="true", d=50)[0]
    again = study.run(row["settings"], row["seed"])
    assert again["train"] == pytest.approx(row["result"]["train"], abs=0.02)
    assert again["test"] == pytest.approx(row["result"]["test"], abs=0.02)


def test_a_full_run_is_kept_and_taken_up_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MINITORCH_RUNS", str(tmp_path))
    settings = {**TINY, "scale": "full"}
    first = study.run(settings, seed=0)
    (kept,) = tmp_path.iterdir()
    made = kept.stat().st_mtime_ns
    assert study.run(settings, seed=0) == first
    assert kept.stat().st_mtime_ns == made
    study.run(settings, seed=1)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_curve_with_a_hole_is_refused():
    rows = [
        {"settings": {"d": d}, "seed": s, "result": {"test": 0.5}}
        for d, s in ((1, 0), (1, 1), (2, 0))
    ]
    with pytest.raises(ValueError, match=r"missing \(seed, d\): \[\(1, 2\)\]"):
        study.curve(rows)


def test_the_loss_slice_is_lowest_near_the_trained_point():
    settings = {**study.QUICK, "d": 200, "epochs": 2, "projection": "sparse"}
    net, data = study.network("mlp-200"), study.dataset("true", 8_000)
    done = study.train(settings, seed=0)
    from minitorch.weird import Subspace

    g = Subspace(net, 200, projection="sparse", seed=0)
    loss, reach = study.loss_slice(net, g, done, data, n=5)
    assert loss.shape == (5, 5)
    assert loss[2, 2] < loss[0].min()
    assert loss[2, 2] < loss[:, 0].min()
    np.testing.assert_allclose(reach, 1.25 * np.linalg.norm(done.phi), rtol=1e-6)
