"""What the first cell of every chapter calls."""

import pytest

from minitorch import course, setup, use_backend
from minitorch.studies import subspaces


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("MINITORCH_SCALE", raising=False)
    monkeypatch.setattr(course, "_scale", "quick")


def test_the_argument_decides_each_time(capsys):
    for scale in ("quick", "full", "quick"):
        setup(scale=scale)
        assert course.scale() == scale
        assert subspaces.live()["scale"] == scale
        assert f"scale     {scale}:" in capsys.readouterr().out


def test_the_variable_wins(monkeypatch):
    monkeypatch.setenv("MINITORCH_SCALE", "full")
    setup(scale="quick")
    assert course.scale() == "full"


def test_an_unknown_scale_is_refused_and_changes_nothing():
    setup(scale="full")
    with pytest.raises(ValueError, match="no scale 'huge'; there are quick and full"):
        setup(scale="huge")
    assert course.scale() == "full"


def test_it_says_which_back_end_runs(capsys):
    with use_backend("numpy"):
        setup()
    said = capsys.readouterr().out
    assert "numpy back-end" in said
    assert "numba" not in said
