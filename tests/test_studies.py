"""The row store, and the study behind the chapter "Random subspaces"."""

import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

from minitorch.studies import subspaces as study
from minitorch.studies.store import append_row, provenance, read_rows, results_folder

TINY = {**study.QUICK, "images": 500, "epochs": 2, "d": 20}


def _write_many(path, who):
    for number in range(50):
        append_row(path, {"who": who, "number": number, "padding": "x" * 500})


def test_rows_of_two_writers_at_once_stay_whole(tmp_path):
    path = tmp_path / "rows.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, i)) for i in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = read_rows(path)
    assert sorted((r["who"], r["number"]) for r in rows) == [
        (who, number) for who in (0, 1) for number in range(50)
    ]


def test_a_missing_file_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.jsonl") == []


def test_a_half_line_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_row(path, {"seed": 0})
    path.write_text(path.read_text() + '{"seed": 1, "res')
    with pytest.raises(ValueError, match="line 2 is not a row"):
        read_rows(path)


def test_a_number_that_is_not_finite_is_refused_and_nothing_written(tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(ValueError, match="JSON compliant"):
        append_row(path, {"accuracy": float("nan")})
    assert not path.exists()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_row(path, {"seed": 0})
    before = path.read_bytes()
    code = (
        "import resource, signal, sys; from minitorch.studies.store import append_row;"
    )
    code += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40));"
    code += "append_row(sys.argv[1], {'padding': 'x' * 100})"
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True
    )
    assert "OSError" in run.stderr
    assert "were taken back" in run.stderr
    assert path.read_bytes() == before


def test_provenance_says_what_made_a_row():
    made = provenance(seconds=1.234)
    assert made["seconds"] == 1.23
    assert {"backend", "commit", "clean", "device", "python", "versions"} <= set(made)
    assert made["versions"]["numpy"] == np.__version__


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
        *("direct", "fastfood", "sparse", "coordinates"),
    }
    assert {c["net"] for c in book} == {
        "mlp-200",
        "mlp-400",
        "lenet",
        "common",
        "linear",
    }
    assert {c["data"] for c in book} == {"true", "shuffled_pixels", "random_labels"}


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    rows = read_rows(results_folder() / "subspaces.jsonl")
    done = {(json.dumps(r["settings"], sort_keys=True), r["seed"]) for r in rows}
    assert len(done) == len(rows), "a run stands there twice"
    for settings in study.grid("book"):
        for seed in range(5):
            assert (json.dumps(settings, sort_keys=True), seed) in done, settings
    assert all(row["provenance"]["commit"] for row in rows)
    assert all(row["provenance"]["clean"] for row in rows)


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


def test_the_command_makes_only_what_is_missing(tmp_path):
    small = "from minitorch.studies import subspaces as s; import sys, runpy; "
    small += "cell = {**s.QUICK, 'images': 300, 'epochs': 1, 'd': 5}; "
    small += "s.grid = lambda size: [cell, {**cell, 'd': 6}]; "
    small += (
        "sys.argv[1:] = ['run', 'subspaces', '--seeds', '2', '--out', sys.argv[1]];"
    )
    small += "runpy.run_module('minitorch.studies', run_name='__main__')"

    def run():
        command = [sys.executable, "-c", small, str(tmp_path)]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ
        ).stdout

    assert "0 of 4 runs are there already" in run()
    rows = read_rows(tmp_path / "subspaces.jsonl")
    assert len(rows) == 4
    assert "4 of 4 runs are there already" in run()
    assert read_rows(tmp_path / "subspaces.jsonl") == rows


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
