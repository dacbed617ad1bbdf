"""The study of static hypernetworks, its figures, and its committed rows."""

import json
import re

import numpy as np
import pytest
from committed import whole
from scipy import stats

from minitorch.models import mlp
from minitorch.studies import hypernet_figures as figures
from minitorch.studies import hypernets as study
from minitorch.studies.ledger import claims
from minitorch.studies.store import key
from minitorch.weird import Dense, Hypernetwork, Subspace

TINY = {**study.QUICK, "images": 300, "batch": 50}
FIGURES = [
    *("overview", "counts", "embeddings", "starts", "depth", "signals"),
    *("common_row", "common_rates", "composed"),
]


@pytest.mark.parametrize(
    ("kind", "rank", "d", "written"),
    [
        ("direct", 16, 21_210, 12_544),
        ("hypernet", 5, 12_910, 4_244),
        ("frozen", 4, 8_670, 4_244),
    ],
)
def test_a_run_says_what_was_trained_and_of_what_rank_the_kernels_are(
    kind, rank, d, written
):
    settings = {**TINY, "kind": kind}
    row = study.run(settings, seed=1)
    assert row == study.run(settings, seed=1)
    found = [row[name] for name in ("rank", "d", "written", "D")]
    assert found == [rank, d, written, 21_210]
    assert 0.1 < row["test"] < 1


def test_messages_come_with_their_lengths_and_what_is_decoded():
    for kind, d in (("hypernet", 0), ("frozen subspace", 50)):
        tiny = {**study.COMMON, "images": 300, "epochs": 1, "kind": kind, "d": d}
        row = study.run({**tiny, "bits": [8, 4]}, seed=0)
        assert row["bytes"][0] > row["bytes"][1] > 20
        assert row["decoded"][0] == pytest.approx(row["test"], abs=0.03)


def test_the_signal_is_counted_by_hand():
    net = mlp(3, 4, 4, 4, 2)
    theta = net.init(0)
    pieces = net.layout.views(theta)
    pieces["dense1.bias"][:] = 1
    pieces["dense2.weight"][...], pieces["dense3.weight"][...] = (
        3 * np.eye(4),
        np.eye(4),
    )
    x = np.zeros((2, 3), np.float32)
    assert study.signal(net, theta, x) == pytest.approx(3)


def test_the_signal_dies_or_explodes_by_the_start():
    deep = {**study.DEEP, "images": 300, "epochs": 1}
    found = {
        init: study.run({**deep, "net": "deep-8", "init": init}, seed=0)["signal"]
        for init in study.INITS
    }
    assert found["plain"] < 1e-10 and found["he"] > 1e5
    assert 0.03 < found["hyperfan-in"] < 30


def test_a_deep_run_that_diverges_counts_as_guessing():
    wild = {**study.DEEP, "net": "deep-12", "init": "he", "lr": 1e20, "images": 500}
    assert study.run(wild, seed=0)["test"] == 0.1
    with pytest.raises(FloatingPointError):
        study.run({**study.COMMON, "images": 500, "lr": 1e30}, seed=0)


def test_each_kind_is_its_own_map():
    kinds = {
        kind: study.parametrization({**TINY, "kind": kind, "d": 3}, seed=1)
        for kind in study.KINDS
    }
    assert isinstance(kinds["direct"], Dense)
    assert isinstance(kinds["hypernet"], Hypernetwork) and not kinds["hypernet"].frozen
    assert kinds["frozen"].frozen
    for kind, frozen in (("subspace", False), ("frozen subspace", True)):
        assert isinstance(kinds[kind], Subspace)
        assert kinds[kind].target.frozen is frozen


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: study.network("lenet"), "no network 'lenet'"),
        (lambda: study.network("deep-x"), "there are conv7, common and deep-DEPTH"),
        (lambda: study.run({**TINY, "kind": "learned"}, 0), "got 'learned'"),
    ],
)
def test_unknown_settings_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_grids_hold_every_control_and_no_cell_twice():
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in study.grid(scale)]
        assert len(cells) == len(set(cells))
    book = study.grid("book")
    assert {cell["kind"] for cell in book} == set(study.KINDS)
    for net in ("conv7", "common"):
        assert {c["kind"] for c in book if c["net"] == net} >= {"hypernet", "frozen"}


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(study.STUDY)
    asked = {key(*cell) for cell in study.STUDY.cells("book", 5)}
    stored = {key(row["settings"], row["seed"]) for row in study.STUDY.stored()}
    assert stored == asked


def test_the_written_convolution_sees_all_digits_each_kind_at_its_own_rate():
    cells = [cell for cell in study.grid("book") if cell["net"] == "conv7"]
    assert {cell["images"] for cell in cells} == {60_000}
    rates = {(cell["kind"], cell["lr"]) for cell in cells}
    assert rates == set(study.RATES.items())


def test_what_training_the_generator_bought_is_paired_by_seed():
    apart = {
        kind: np.array(
            [
                row["result"]["test"]
                for row in sorted(
                    study.STUDY.stored(net="conv7", kind=kind, n=4, init="hyperfan-in"),
                    key=lambda row: row["seed"],
                )
            ]
        )
        for kind in ("hypernet", "frozen")
    }
    wanted = stats.ttest_rel(apart["hypernet"], apart["frozen"])
    low, high = wanted.confidence_interval()
    found = figures.gap(4)
    assert found[1:] == pytest.approx([low, high, wanted.pvalue])
    mean, *_ = figures.span(found).split()
    assert float(mean) == pytest.approx(100 * found.difference, abs=0.005)


def test_the_same_number_is_read_as_an_error_and_as_its_controls():
    """The claim of errors over direct ones has the frozen generator beside it."""
    (claim,) = [each for each in claims() if each.id == "hypernets/errors"]
    name, read = claim.control
    direct, frozen = (
        study.STUDY.results(net="conv7", kind=kind) for kind in ("direct", "frozen")
    )
    four = study.STUDY.results(net="conv7", kind="frozen", n=4)
    assert frozen.size > four.size and "never trained" in name
    np.testing.assert_allclose(read()[0], (1 - four) / (1 - direct))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_read(name):
    shown = getattr(figures, name)()
    words = getattr(shown, "alt", "") + repr(shown)
    assert "5 seeds" in words
    assert not re.search(r"\bnan\b|\binf\b", words)


def test_a_stored_row_comes_out_again():
    (row, *_) = study.STUDY.stored(net="deep-4", init="hyperfan-in")
    again = study.run(row["settings"], row["seed"])
    assert study.STUDY.differences(row, again) == {}


def test_claims_read_five_seeds():
    mine = [each for each in claims() if each.id.startswith("hypernets/")]
    assert len(mine) >= 4
    for claim in mine:
        if claim.ours:
            values, rows = claim.ours()
            assert values.shape == (5,) and rows
