"""The bottom control of the written convolution, and its committed rows."""

import numpy as np
import pytest
from committed import whole

from minitorch.models import conv7
from minitorch.studies import left_alone as study
from minitorch.tensor import Tensor
from minitorch.train import fit
from minitorch.weird import Dense


def test_only_the_named_piece_stands_still_and_all_start_as_directly():
    net = conv7()
    g = study.LeftAlone(net, ["conv2.weight"], seed=3)
    assert np.array_equal(g(Tensor(g.init(0))).numpy(), Dense(net, seed=3).init(0))
    data = study.dataset(500)
    done = fit(net, g, data, lr=0.01, epochs=1, batch=100)
    before, after = net.layout.views(net.init(3)), net.layout.views(done.theta)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"conv2.weight"}


def test_gradients_reach_the_rest_as_they_would_directly():
    net, x = conv7(), study.dataset(4).train_x[:4]
    g = study.LeftAlone(net, ["conv2.weight"], seed=1)
    phi = Tensor(g.init(0), requires_grad=True)
    (net(g(phi), x) ** 2).sum().backward()
    theta = Tensor(net.init(1), requires_grad=True)
    (net(theta, x) ** 2).sum().backward()
    whole_, part = net.layout.views(theta.grad), g.layout.views(phi.grad)
    for name, grad in part.items():
        np.testing.assert_allclose(grad, whole_[name], rtol=1e-4, atol=1e-5)


def test_a_piece_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no piece conv3\.weight; there are conv1"):
        study.LeftAlone(conv7(), ["conv3.weight"])


def test_a_run_is_the_same_twice_and_learns():
    tiny = {**study.QUICK, "images": 500}
    row = study.run(tiny, seed=0)
    assert row == study.run(tiny, seed=0)
    assert (row["d"], row["D"]) == (21_210 - 12_544, 21_210)
    assert row["test"] > 0.2


def test_it_is_trained_as_the_frozen_generator_is():
    from minitorch.studies import hypernets

    (mine,) = study.grid("book")
    (other,) = [
        cell
        for cell in hypernets.grid("book")
        if (cell["net"], cell["kind"], cell["n"]) == ("conv7", "frozen", 4)
    ]
    assert {**other, **mine} == other


def test_committed_rows_fill_the_book_grid_with_five_seeds():
    whole(study.STUDY)
