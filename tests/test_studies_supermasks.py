"""The studies of supermasks and of subset sums, their figures, and their rows."""

import json
import re

import numpy as np
import pytest

from minitorch.models import mlp
from minitorch.studies import subset_sums, supermasks
from minitorch.studies import supermask_figures as figures
from minitorch.studies.claims.supermasks import CLAIMS
from minitorch.studies.store import key, read_rows
from minitorch.weird.coding import encode_mask

STUDIES = {study.STUDY.name: study for study in (supermasks, subset_sums)}
FIGURES = [
    *(
        "overview",
        "criteria",
        "longer",
        "treatments",
        "frozen",
        "few_kept",
        "signs",
        "untrained",
    ),
    *("reads", "passes", "rescaled", "gap", "paper", "hill", "scales", "widths"),
    *("longer_popup", "scopes", "sums"),
    *("needed", "found", "rebuilding", "common", "common_rates", "stacked"),
]
FEW = {"images": 300, "epochs": 1}


# ----------------------------------------------------------------------------
# Supermasks
# ----------------------------------------------------------------------------


def test_masks_from_training_are_laid_on_each_start_by_the_study_as_by_hand():
    cell = {**supermasks.CRITERION, **FEW, "criteria": ["large_final"], "keep": [1.0]}
    row = supermasks.run({**cell, "others": ["large_final"]}, seed=0)
    assert row["large_final trained"] == [row["test"]]  # nothing is masked at 1
    few = supermasks.run({**cell, "keep": [0.3, 1.0], "others": []}, seed=0)
    assert few["large_final"][1] == row["large_final"][0]
    assert "large_final other" not in few and len(few["flipped"]) == 3


def test_actions_leave_different_weights_to_start_from():
    pairs = ["rewind, zero", "rewind, frozen", "rewind, frozen grown"]
    row = supermasks.run({**supermasks.ACTION, **FEW, "actions": pairs}, seed=0)
    assert 0 < row["zeroed"] < 1
    assert len({row[f"{pair} untrained"] for pair in pairs}) == 3


def test_a_learned_mask_is_read_in_all_ways_and_comes_out_again():
    cell = {**supermasks.LEARNED, **FEW, "samples": 2}
    row = supermasks.run(cell, seed=1)
    assert row == supermasks.run(cell, seed=1)
    for s0, ones in ((40.0, 1.0), (-40.0, 0.0)):  # too far for any rate to cross 0
        sure = supermasks.run({**cell, "s0": s0, "lr": 1e-3}, seed=1)
        assert sure["ones"] == sure["density"] == ones and sure["undecided"] == 0
        assert sure["sample"] == sure["vote"] == sure["mean"] == sure["threshold"]
        assert sure["shuffled"] == sure["threshold"]  # equal entries, wherever they are
    other = supermasks.run({**cell, "s0": 40.0, "lr": 1e-3}, seed=1 + supermasks.OTHER)
    assert (
        other["threshold"]
        == supermasks.run({**cell, "s0": 40.0, "lr": 1e-3}, seed=1)["other"]
    )


def test_standardised_pixels_train_another_mask_and_are_tested_as_they_train():
    cell = {**supermasks.LEARNED, **FEW, "samples": 1}
    plain = supermasks.run(cell, seed=0)
    row = supermasks.run({**cell, "pixels": "standardised"}, seed=0)
    assert row["ones"] != plain["ones"] and row["density"] != plain["density"]
    data = supermasks.digits({**cell, "pixels": "standardised"})
    assert data.test_x.std() == pytest.approx(1, abs=0.1)


def test_keeping_all_reads_what_its_random_start_does():
    row = supermasks.run({**supermasks.POPUP, **FEW, "keep": [0.3, 1.0]}, seed=0)
    assert row["moved"][0] > 0 == row["moved"][1]
    assert row["test"][1] == row["start"][1] == row["shuffled"][1]
    assert row["shuffled"][0] != row["test"][0] and len(row["other"]) == 2
    assert row["kept"] == [[0.3] * 3, [1.0] * 3]


def test_messages_of_masks_are_as_long_as_their_entropy_says():
    cell = {**supermasks.COMMON, **FEW, "keep": [0.5, 0.1]}
    row = supermasks.run(cell, seed=0)
    assert row["decoded"] == row["test"]
    sizes = np.array([235_200, 30_000, 1_000])
    for keep, length in zip(cell["keep"], row["bytes"], strict=True):
        entropy = -keep * np.log2(keep) - (1 - keep) * np.log2(1 - keep)
        assert length == pytest.approx((sizes * entropy / 8).sum(), rel=0.01)


@pytest.mark.parametrize("on", ["generator", "subspace"])
def test_stacked_maps_are_sent_and_read_as_they_were(on):
    cells = {"generator": supermasks.ON_GENERATOR, "subspace": supermasks.IN_SUBSPACE}
    cell = {**cells[on], **FEW, "n": [8], "bits": [12]}
    row = supermasks.run(cell, seed=0)
    assert row["decoded"][0] == pytest.approx(row["test"][0], abs=0.02)
    half = np.arange(4_676) % 2 == 0
    wanted = {"generator": len(encode_mask(half)), "subspace": 750 * 12 / 8}
    assert row["bytes"][0] == pytest.approx(wanted[on], abs=60)


# ----------------------------------------------------------------------------
# Subset sums
# ----------------------------------------------------------------------------


def test_a_network_is_rebuilt_within_its_bound():
    cell = {**subset_sums.REBUILD, "hidden": 3, "images": 300, "epochs": 1, "n": [6]}
    row = subset_sums.run(cell, seed=0)
    assert row["weights"] == 784 * 3 + 3 * 10
    large = mlp(784, 2 * 6 * 784, 3, 6 * 3, 10, bias=False)
    assert row["drawn"] == [large.layout.size]
    assert 0 < row["off"][0] <= row["bound"][0] and row["kept"] < row["drawn"]
    alone = subset_sums.run({**cell, "choose": "nearest"}, seed=0)
    assert alone["typical"] > row["typical"] and alone["small"] == row["small"]
    # Of each weight's numbers the nearest takes one, or none if 0 is nearer.
    signs = 2 * 784 * 3 + 3 * 10
    assert alone["chosen"][0] <= signs < row["chosen"][0] < row["candidates"][0]
    assert row["candidates"] == alone["candidates"]
    assert 0 < row["kept"][0] - row["chosen"][0] <= 2 * 6 * 784 + 6 * 3  # the copies


def test_products_are_numbers_too():
    """Small products are common: the best subset of as many is often nearer."""
    row = subset_sums.run({**subset_sums.ERRORS, "n": [3, 12], "single": [3]}, seed=0)
    assert row["products median"][1] < row["products median"][0]
    assert row["products median"] != row["median"]


def test_the_committed_errors_fall_as_subsets_are_counted():
    """2^n subsets: with each number more the error is divided by nearly two."""
    n = np.array(subset_sums.ERRORS["n"])
    median = subset_sums.STUDY.results("median", part="errors")
    slopes = np.polyfit(n, np.log2(median).T, 1)[0]
    assert slopes.shape == (5,) and (np.abs(slopes + 0.95) < 0.1).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: supermasks.run({"part": "all"}, 0), "no part 'all'; there are crit"),
        (lambda: subset_sums.run({"part": "all"}, 0), "there are errors, rebuild"),
        (lambda: supermasks.gain("left", 0.5), "there are right, none, wrong"),
        (
            lambda: supermasks.run({**supermasks.IN_SUBSPACE, "on": "both"}, 0),
            "on a generator or in a subspace, got 'both'",
        ),
    ],
)
def test_unknown_settings_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_grids_hold_no_cell_twice(study):
    for scale in ("quick", "book", "full"):
        cells = [json.dumps(c, sort_keys=True) for c in study.grid(scale)]
        assert cells and len(cells) == len(set(cells))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_committed_rows_fill_the_book_grid_with_five_seeds(study):
    rows = read_rows(study.STUDY.path())
    assert study.STUDY.missing("book", 5) == []
    assert len({key(r["settings"], r["seed"]) for r in rows}) == len(rows)
    assert all(row["provenance"]["clean"] for row in rows)
    assert study.STUDY.stale(rows) == []


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_read(name):
    shown = getattr(figures, name)()
    words = getattr(shown, "alt", "") + repr(shown)
    assert "5 seeds" in words
    assert not re.search(r"\bnan\b|\binf\b", words)


def test_claims_read_five_seeds():
    for claim in CLAIMS:
        if claim.ours:
            values, rows = claim.ours()
            assert values.shape == (5,) and len(rows) in (5, 10)  # of two cells
        else:
            assert claim.needs
