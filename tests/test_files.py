"""Weights on disk: what is kept comes back, and nothing else is taken for it."""

import numpy as np
import pytest

from minitorch import files
from minitorch.files import load_arrays, load_weights, save_weights
from minitorch.models import lenet, mlp
from minitorch.train import Fit, load_fit, save_fit

NET = mlp(6, 5, 4)
STATE = {"norm": (np.arange(3.0), np.ones(3))}


def test_weights_and_statistics_come_back(tmp_path):
    path, theta = tmp_path / "deep" / "weights.npz", NET.init(3)
    save_weights(path, NET, theta, STATE)
    got, state = load_weights(path, NET)
    assert got.tobytes() == theta.tobytes()
    assert list(state) == ["norm"]
    for one, other in zip(state["norm"], STATE["norm"], strict=True):
        assert (one == other).all()
    assert [p.name for p in path.parent.iterdir()] == ["weights.npz"]


def test_a_run_keeps_its_statistics(tmp_path):
    done = Fit(np.ones(2), np.ones(3), STATE, np.ones(4), 0.5, 1.0)
    save_fit(tmp_path / "run.npz", done)
    assert (load_fit(tmp_path / "run.npz").state["norm"][0] == STATE["norm"][0]).all()


def test_another_networks_file_is_refused(tmp_path):
    save_weights(tmp_path / "w.npz", NET, NET.init(0))
    with pytest.raises(
        ValueError, match="holds the weights of mlp-6-5-4, not of lenet"
    ):
        load_weights(tmp_path / "w.npz", lenet())


def test_missing_and_misshapen_pieces_are_named(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    parts = load_arrays(path)
    cut = {key: part for key, part in parts.items() if key != "theta/dense2.bias"}
    files.save_arrays(path, cut)
    with pytest.raises(
        ValueError, match=r"holds nothing for dense2.bias, wanted \(4,\)"
    ):
        load_weights(path, NET)
    files.save_arrays(path, {**parts, "theta/dense2.bias": np.ones(3)})
    with pytest.raises(
        ValueError, match=r"shape \(3,\) for dense2.bias, wanted \(4,\)"
    ):
        load_weights(path, NET)


def test_a_file_that_is_cut_off_or_something_else_is_refused(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"not an npz", whole[:20]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="not a whole npz file of plain arrays"):
            load_weights(path, NET)
    np.savez(path, name=np.array([{}], object))
    with pytest.raises(ValueError, match="not a whole npz file of plain arrays"):
        load_weights(path, NET)
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / "none.npz", NET)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    before = path.read_bytes()

    def full(file, **parts):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(path, NET, NET.init(1))
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]
    assert path.read_bytes() == before


def test_theta_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="this layout holds"):
        save_weights(tmp_path / "w.npz", NET, np.ones(3, np.float32))
    assert not list(tmp_path.iterdir())
