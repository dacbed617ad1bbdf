"""What the engine chapter shows of the stored benchmark, and of none."""

import json

import pytest

from minitorch.studies import engine_figures as figures

TABLES = ["steps", "kernels", "latency", "tape", "required"]
STEP = {
    "model": "MLP",
    "batch": 64,
    "ours_ms": 1.0,
    "torch_ms": 2.0,
    "torch_fused_ms": 1.5,
    "torch_compile_ms": None,
    "numpy_ms": 4.0,
    "ratio": 0.5,
    "ratio_low": 0.4,
    "ratio_high": 0.6,
    "ratios": [0.4, 0.5, 0.6],
    "rounds": 3,
    "required": 0.6,
}
VERSIONS = {"numpy": "2.0", "numba": "0.61", "torch": "2.0"}
MADE = {"versions": VERSIONS, "cpu": "a processor"}


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Put tables in place of the stored benchmark."""

    def put(**tables):
        if tables:
            text = json.dumps({"made": MADE, "tables": tables})
            (tmp_path / "bench.json").write_text(text, encoding="utf-8")
        figures.bench.cache_clear()

    monkeypatch.setattr(figures, "results_folder", lambda: tmp_path)
    yield put
    figures.bench.cache_clear()


@pytest.mark.parametrize("name", ["speed", *TABLES])
def test_absent_table_says_so(stored, name):
    stored()
    assert "not measured" in repr(getattr(figures, name)())


def test_an_empty_table_says_why(stored):
    stored(latency={"rows": [], "note": "too busy a machine"})
    assert "too busy a machine" in repr(figures.latency())


def test_titles_follow_the_rows(stored):
    slow = {**STEP, "model": "ResNet", "ratio": 1.5, "ratios": [1.4, 1.5, 1.6]}
    stored(steps1={"rows": [STEP, slow]})
    assert figures.speed().title == (
        "A training step takes 0.50 to 1.50 times what torch's takes"
    )
    assert "1 of 2 marks met" in repr(figures.required())


def test_a_missing_time_is_named_and_not_a_number(stored):
    stored(steps1={"rows": [STEP]})
    assert "none" in repr(figures.steps())


def test_a_missed_mark_is_named(stored):
    row = {"what": "first step", "seconds": 5.0, "required": 3.0}
    free = {"what": "import torch", "seconds": 2.0, "required": None}
    stored(latency={"rows": [row, free]})
    lines = repr(figures.latency()).splitlines()
    assert lines[2].split()[-1] == "no"
    assert lines[3].split()[-1] == "none"


def test_percentiles_are_not_drawn_as_rounds(stored):
    stored(steps1={"rows": [STEP]})
    assert "3 rounds" in figures.speed().alt
    stored(steps1={"rows": [{**STEP, "rounds": 29}]})
    assert "interval" not in figures.speed().alt
    assert "1 median" in figures.speed().alt
