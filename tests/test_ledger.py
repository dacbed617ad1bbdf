"""The reproduction ledger: its verdicts, its data and its page."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minitorch import plots
from minitorch.studies import claims as data
from minitorch.studies import ledger, study
from minitorch.studies.ledger import Claim, claims, entries, verdict

ROOT = Path(__file__).parents[1]
CLAIM = Claim(
    "a/b", "03_subspaces", "li2018x", "It needs", 100, "n", "t", "paper", "s", None
)


def given(*values, **changed):
    """A claim whose rows give these values."""
    rows = [{"provenance": {"device": "CPU"}}]
    return replace(CLAIM, ours=lambda: (np.array(values), rows), **changed)


@pytest.mark.parametrize(
    ("mean", "wanted"),
    [
        (100, "reproduced"),
        (120, "reproduced"),
        (121, "partly"),
        (100 / 1.2 + 0.1, "reproduced"),
        (100 / 1.2 - 0.1, "partly"),
        (200, "partly"),
        (201, "not"),
        (50, "partly"),
        (49, "not"),
    ],
)
def test_a_verdict_counts_as_far_up_as_down(mean, wanted):
    assert verdict(CLAIM, np.array([mean - 10.0, mean + 10.0])) == wanted


def test_one_seed_without_a_number_is_enough_not_to_reach():
    assert verdict(CLAIM, np.array([100.0, np.nan])) == "not reached"


def test_a_claims_own_shares_are_used():
    tight = replace(CLAIM, within=0.05, partly=0.1)
    found = [verdict(tight, np.array([float(n)])) for n in (104, 108, 112)]
    assert found == ["reproduced", "partly", "not"]


def test_nothing_found_where_the_paper_found_something_is_not_reproduced():
    assert verdict(CLAIM, np.array([-1.0])) == verdict(CLAIM, np.array([0.0])) == "not"


def test_a_figure_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a/b: a figure above 0, got 0"):
        verdict(replace(CLAIM, figure=0), np.array([1.0]))


def test_claims_are_whole():
    bib = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    ids = [claim.id for claim in claims()]
    assert len(ids) == len(set(ids))
    for claim in claims():
        assert re.fullmatch(r"[a-z_]+/[a-z0-9-]+", claim.id)
        assert f"{{{claim.paper}," in bib, claim.id
        assert (ROOT / "notebooks" / f"{claim.chapter}.ipynb").exists(), claim.id
        assert claim.text and claim.where and claim.figure > 0, claim.id
        assert 0 < claim.within < claim.partly, claim.id
        assert bool(claim.needs) == (claim.ours is None), claim.id
        if claim.ours:
            assert claim.study in study.MODULES, claim.id
            assert claim.scale in study.SCALES, claim.id


def test_every_chapter_has_four_rows_with_an_interval():
    chapters = {claim.chapter for claim in claims()}
    for chapter in chapters:
        judged = [each for each in entries(chapter) if each.seeds >= 5]
        assert len(judged) >= 4, chapter


def test_a_chapter_without_claims_is_named():
    with pytest.raises(ValueError, match="no claim is of chapter '99_none'"):
        ledger.ledger("99_none")


def test_what_a_row_of_the_ledger_says(monkeypatch):
    never = replace(CLAIM, id="a/d", text="Far", needs="a GPU", source="code")
    found = [
        given(90.0, 110.0, text="Near"),
        given(90.0, np.nan, id="a/c", text="Half"),
        never,
    ]
    monkeypatch.setattr(data, "CLAIMS", found)
    near, half, far = entries()
    assert (near.ours, near.verdict) == ("100 (-27.1 to 227)", "reproduced")
    assert (half.ours, half.verdict) == ("1 of 2 seeds", "not reached")
    assert (far.ours, far.verdict) == ("not run", "not run")
    shown = ledger.ledger("03_subspaces")
    assert [row[-1] for row in shown.rows] == ["reproduced", "not reached", "not run"]
    page = ledger.page()
    assert "### Not run" in page and "a GPU" in page
    assert "authors' code, not checked against the paper" in page
    strips = ledger.strips("03_subspaces")
    assert strips.title == "1 of 2 numbers are reproduced"
    assert "no number: Half" in strips.note


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ((105.0, 115.0), "frozen: 110 (46.5 to 174); it would get the same verdict"),
        ((150.0, 170.0), "frozen: 160 (32.9 to 287); its verdict would be *partly*"),
    ],
)
def test_a_control_is_judged_beside_its_claim(monkeypatch, control, said):
    """A claim that holds of the control too says nothing for the method."""

    def read():
        return np.array(control), []

    held = given(95.0, 105.0, text="Near", control=("frozen", read))
    monkeypatch.setattr(data, "CLAIMS", [held, given(90.0, 95.0, id="a/c")])
    first, second = entries()
    assert said in first.control and second.control == ""
    assert f"The control, {said}" in ledger.page()
    caption = ledger.ledger("03_subspaces").caption
    assert f"Near: The control, {said.replace('*', '')}" in caption


def test_strips_say_what_is_within_the_band():
    values = [[1.1, 0.9], [0.4]]
    words = {"title": "T", "xlabel": "ratio", "note": "N"}
    drawn = plots.strips(["A", "B"], values, bands=[0.2, 0.2], **words)
    assert "A: 1 (" in drawn.alt and "within the band of 20 %" in drawn.alt
    assert "B: 0.4 (1 seed), outside the band of 20 %" in drawn.alt


@pytest.mark.parametrize(
    ("values", "bands", "said"),
    [
        ([[1.0]], [0.2, 0.2], "2 bands"),
        ([[1.0], [0.0]], [0.2, 0.2], "above 0"),
        ([[1.0], []], [0.2, 0.2], "above 0"),
    ],
)
def test_strips_that_do_not_pair_up_are_refused(values, bands, said):
    words = {"title": "T", "xlabel": "ratio", "note": "N"}
    with pytest.raises(ValueError, match=said):
        plots.strips(["A", "B"], values, bands=bands, **words)
