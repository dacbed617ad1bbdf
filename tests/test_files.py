"""Weights on disk: what is kept comes back, and nothing else is taken for it."""

import subprocess
import sys
import textwrap

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


def test_pieces_of_another_type_are_refused(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    parts = load_arrays(path)
    for odd in (np.ones(4, complex), np.array(["1"] * 4), np.ones(4, int)):
        files.save_arrays(path, {**parts, "theta/dense2.bias": odd})
        with pytest.raises(ValueError, match=f"{odd.dtype}.* for dense2.bias"):
            load_weights(path, NET)


@pytest.mark.parametrize("part", ["mean", "var"])
def test_half_of_the_statistics_is_refused(tmp_path, part):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0), STATE)
    parts = load_arrays(path)
    del parts[f"state/norm.{part}"]
    files.save_arrays(path, parts)
    with pytest.raises(ValueError, match=rf"w.npz holds .* but no state/norm\.{part}"):
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


def test_a_changed_byte_is_noticed(tmp_path):
    """Each file is refused with the one error, or holds what was kept."""
    path, theta = tmp_path / "w.npz", NET.init(0)
    save_weights(path, NET, theta, STATE)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(1000):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(changed)
        try:
            got, _ = load_weights(path, NET)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert got.tobytes() == theta.tobytes()
    assert refused > 500


def test_an_array_that_only_pickle_could_keep_is_refused(tmp_path):
    with pytest.raises(ValueError, match="x holds Python objects"):
        files.save_arrays(tmp_path / "x.npz", {"x": np.array([{}], object)})
    assert not list(tmp_path.iterdir())


def test_only_what_is_given_is_kept(tmp_path):
    files.save_arrays(tmp_path / "x.npz", {"x": np.ones(2)})
    assert list(load_arrays(tmp_path / "x.npz")) == ["x"]


def test_a_folder_in_the_way_is_told_and_left(tmp_path):
    (tmp_path / "w.npz").mkdir()
    with pytest.raises(OSError, match="w.npz"):
        save_weights(tmp_path / "w.npz", NET, NET.init(0))
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_a_file_may_be_read_by_whom_others_may(tmp_path):
    (tmp_path / "other").write_text("")
    save_weights(tmp_path / "w.npz", NET, NET.init(0))
    modes = {p.stat().st_mode for p in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
@pytest.mark.parametrize("limit", [0, 1000])
def test_a_full_disk_leaves_nothing(tmp_path, limit):
    """The system itself refuses to write more, at whatever call that happens."""
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    before = path.read_bytes()
    code = """
        import resource, signal, sys
        from minitorch.files import save_weights
        from minitorch.models import mlp
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        net = mlp(6, 5, 4)
        path, limit = sys.argv[1], int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            save_weights(path, net, net.init(1))
        except OSError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks an open file")
def test_whoever_reads_the_old_file_reads_all_of_it(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, NET, NET.init(0))
    before = path.read_bytes()
    with open(path, "rb", buffering=0) as reader:
        start = reader.read(100)
        save_weights(path, NET, NET.init(1))
        assert start + reader.read() == before
    assert path.read_bytes() != before


def test_theta_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="this layout holds"):
        save_weights(tmp_path / "w.npz", NET, np.ones(3, np.float32))
    assert not list(tmp_path.iterdir())
