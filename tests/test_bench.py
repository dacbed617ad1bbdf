"""The benchmark: what it measures and writes, on toy sizes, never how fast that is."""

import argparse
import importlib.metadata
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from book import bench, bench_kernels, bench_race, bench_tables
from book.bench_models import cases, give_weights
from book.notebooks import BuildError
from minitorch import Tensor, models
from minitorch.backends import backend
from minitorch.backends.torch_backend import TorchBackend

QUICK = argparse.Namespace(seconds=0.0, threads=1, only="", quick=True, peers=False)


def quick(**changes):
    return argparse.Namespace(**(vars(QUICK) | changes))


# ----------------------------------------------------------------------------
# Twins
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.name} {case.batch}")
def test_both_sides_train_the_same_network(case):
    theta = case.net.init(0)
    for name, piece in case.net.layout.views(theta).items():
        piece[...] = 1 if name.endswith(".gamma") else piece
    x, target = (array[:3] for array in case.example())
    twin = case.twin()
    give_weights(case.net, theta, twin)
    theirs = case.torch_loss(twin(torch.tensor(x)), torch.tensor(target))
    theta = Tensor(theta, requires_grad=True)
    logits, _ = case.net(theta, x, train=True)
    loss = case.loss(logits, target)
    assert math.isclose(loss.item(), theirs.item(), rel_tol=1e-4)
    loss.backward()
    theirs.backward()
    wanted = torch.cat([p.grad.flatten() for p in twin.parameters()]).numpy()
    assert np.linalg.norm(theta.grad - wanted) < 0.02 * np.linalg.norm(wanted)


def test_a_twin_of_another_shape_is_refused():
    net = models.mlp(3, 2)
    with pytest.raises(ValueError, match=r"dense1.weight \(2, 3\) meets \(2, 4\)"):
        give_weights(net, net.init(0), torch.nn.Linear(4, 2))


# ----------------------------------------------------------------------------
# The race
# ----------------------------------------------------------------------------


def test_contestants_take_turns_under_their_own_backend():
    now, seen = iter(range(10**9)), []

    def step(name):
        seen.append((name, backend().name))

    sides = {
        "a": bench_race.Contestant(lambda: step("a"), "numpy", times=2),
        "b": bench_race.Contestant(lambda: step("b"), "torch"),
    }
    took = bench_race.race(sides, seconds=0, clock=lambda: next(now))
    assert seen[:6] == [("a", "numpy")] * 3 + [("b", "torch")] * 3  # to warm up
    assert [name for name, _ in seen[6:]] == ["a", "b", "b", "a", "a", "b"]
    assert took["a"].tolist() == [500] * 3 and took["b"].tolist() == [1000] * 3


def test_a_contestant_that_cannot_run_gives_its_reason():
    def broken():
        raise RuntimeError("no compiler\nand a long story")

    assert bench_race.first_step(broken)[0] == "no compiler"
    works, seconds = bench_race.first_step(lambda: bench_race.Contestant(lambda: None))
    assert isinstance(works, bench_race.Contestant) and seconds >= 0


# ----------------------------------------------------------------------------
# Tables
# ----------------------------------------------------------------------------


def test_steps_of_one_thread_and_of_two():
    rows = bench_tables.steps(quick(only="784-300-100-10 b64"))["rows"]
    assert [row["model"] for row in rows] == ["MLP 784-300-100-10"]
    (row,) = rows
    assert row["batch"] == 8 and row["torch_compile_ms"] is None
    assert row["required"] == 0.6 and row["tried_for"] == 0.45
    times = [row[f"{n}_ms"] for n in ("ours", "numpy", "torch", "torch_fused", "tape")]
    assert all(time > 0 for time in times)
    assert 0 < row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert row["ratio_fused"] > 0 and row["tape_ratio"] > 0 and row["rounds"] >= 3
    rows = bench_tables.steps(quick(only="b64", threads=2))["rows"]
    assert {"MLP 784-300-100-10", "LeNet"} < {row["model"] for row in rows}
    assert all("required" not in row and row["numpy_ms"] is None for row in rows)


def test_kernels():
    rows = bench_kernels.kernels(QUICK)["rows"]
    assert len({(row["kernel"], row["other"]) for row in rows}) == len(rows) >= 12
    assert all(row["ours_ms"] > 0 and row["other_ms"] > 0 for row in rows)
    (both,) = [row for row in rows if row["kernel"].endswith("both")]
    assert both["required"] == 2.5 and both["tried_for"] == 1


def test_kernels_give_what_they_stand_beside():
    rng = np.random.default_rng(0)
    for name, ours, _, theirs, _ in bench_kernels.sparse_products(rng, quick=True):
        np.testing.assert_allclose(ours(), theirs(), atol=1e-3, err_msg=name)
    for name, ours, other, theirs, _ in bench_kernels.choices(rng, quick=True):
        if other == "torch.argsort":
            assert (ours() == theirs().numpy()).all(), name
        else:
            assert ours().sum() == 300 * 784 // 2, name


def test_the_tape():
    (row,) = bench_kernels.tape(QUICK)["rows"]
    assert row["gross_us"] > row["net_us"] and row["bare_us"] > 0 < row["torch_us"]


def test_first_use():
    rows = bench_kernels.latency(QUICK)["rows"]
    assert [row["what"].split(",")[-1].strip() for row in rows] == [
        "import minitorch",
        "empty cache",
        "warm cache",
    ]
    assert all(row["seconds"] > 0 and row["wall_seconds"] > 0 for row in rows)


def test_without_a_gpu_its_table_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    table = bench_tables.gpu(QUICK)
    assert table == {"rows": [], "note": "not measured here: no GPU"}


def test_the_gpus_table_on_a_machine_that_plays_one(monkeypatch):
    monkeypatch.setattr(bench_tables, "GPU", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(TorchBackend, "capture", lambda self, step, *batch: step)
    table = bench_tables.gpu(quick(only="784-300-100-10 b64"))
    (row,) = table["rows"]
    assert table["note"] == "a GPU" and row["required"] == 1.05
    for name in ("tape_ms", "torch_ms", "captured_ms", "ratio", "ratio_fused"):
        assert row[name] > 0, name


def test_an_absent_peer_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "autograd", None)
    table = bench_tables.peers(QUICK)
    assert table["rows"] == [] and "autograd does not run" in table["note"]


# ----------------------------------------------------------------------------
# The command
# ----------------------------------------------------------------------------


def test_a_part_of_a_run_is_printed_and_stored_apart():
    before = bench.STORED.read_bytes() if bench.STORED.exists() else None
    words = ["bench", "--quick", "--only", "784-200"]
    done = subprocess.run(
        [sys.executable, "-m", "book", *words],
        cwd=bench.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "MLP 784-200-200-10" in done.stdout and "LeNet" not in done.stdout
    after = bench.STORED.read_bytes() if bench.STORED.exists() else None
    assert before == after
    stored = json.loads(bench.PART.read_text(encoding="utf-8"))
    assert list(stored["tables"]) == ["steps1", "steps2", "gpu", "peers"]
    assert all(table["title"] for table in stored["tables"].values())
    made = stored["made"]
    assert set(made) == {"date", "commit", "clean", "versions", "cpu", "machine"}
    assert made["versions"]["torch"] == importlib.metadata.version("torch")
    assert str(bench.ROOT) not in bench.PART.read_text(encoding="utf-8")


def test_a_failed_table_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "PART", tmp_path / "bench.json")
    monkeypatch.setattr(bench.sys, "executable", "false")
    with pytest.raises(BuildError, match="steps1, gpu could not be measured"):
        bench.main(quick(only="lenet"))
    assert not list(tmp_path.iterdir())


def test_a_result_is_written_whole(tmp_path):
    path = tmp_path / "bench.json"
    bench.write(path, {"tables": {}})
    with pytest.raises(TypeError):
        bench.write(path, {"tables": object()})
    assert json.loads(path.read_text()) == {"tables": {}}
    assert list(tmp_path.iterdir()) == [path]


def test_tables_line_up():
    rows = [
        {"model": "MLP", "ours_ms": 1.5, "note": None, "empty": None},
        {"model": "a longer one", "ours_ms": 123.4, "note": "slow", "empty": None},
    ]
    head, *lines = bench.aligned(rows)
    assert head == "model          ours   note"
    assert lines == ["MLP             1.5   -", "a longer one    123   slow"]
    assert bench.aligned([]) == []
