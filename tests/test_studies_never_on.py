"""Features whose ReLU never opens: what the study counts."""

import numpy as np
import pytest

from minitorch.studies import bn_only, bn_only_frames, never_on
from minitorch.train import fit
from minitorch.weird import Only
from minitorch.weird.bn_only import switch_off

QUICK = never_on.grid("quick")[0]
FEW = {**QUICK, "images": 500, "test": 200, "hidden": [32, 32], "lr": 1.0}


def test_shares_fit_together():
    row = never_on.run({**FEW, "decay": 1e-2, "epochs": 12}, seed=0)
    assert 0 <= row["both"] <= min(row["never"], row["small"])
    assert row["never"] > row["before"] == 0


def test_a_feature_that_is_never_on_can_be_taken_out():
    row = never_on.run({**FEW, "decay": 0.0}, seed=1)
    assert row["never"] > 0 and row["removed"] == row["test"]


def test_what_is_never_on_has_no_gradient():
    """Moved, its gamma changes no answer to the images that were asked."""
    data, net = bn_only.images(FEW), bn_only.network(FEW)
    g = Only(net, "norms", seed=1, gamma="uniform")
    how = {key: FEW[key] for key in ("lr", "epochs", "batch", "optimiser")}
    done = fit(net, g, data, seed=1, **how)
    x = data.test_x.reshape(len(data.test_x), -1)
    shares = bn_only_frames.how_often_on(net, done.theta, done.state, x)
    off = {f"norm{i}": share == 0 for i, share in enumerate(shares, 1)}
    assert sum(each.sum() for each in off.values())
    before = net(done.theta, x, state=done.state)
    after = net(switch_off(net, done.theta, off), x, state=done.state)
    assert after.numpy() == pytest.approx(before.numpy(), abs=1e-5)


def test_the_grid_changes_one_thing_at_a_time():
    cells = never_on.grid("book")
    assert len({never_on.label(cell) for cell in cells}) == len(cells)
    same = set(cells[0]) - {"decay", "gamma", "lr", "pieces"}
    assert all(cell[key] == cells[0][key] for cell in cells for key in same)
    assert np.unique([cell["decay"] for cell in cells[:5]]).size == 5
