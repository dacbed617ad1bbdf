"""Recurrent cells against torch's, and a network that must remember."""

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, backend, functional
from minitorch.optim import Adam
from minitorch.rnn import lstm, lstm_cell, rnn, rnn_cell
from minitorch.train import predict

every = pytest.mark.parametrize("engine", BACKENDS)


def numbers(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@every
@pytest.mark.parametrize("gates", [1, 4])
def test_a_cell_is_torchs(engine, gates):
    torch = pytest.importorskip("torch")
    N, F, H = 3, 5, 4
    arrays = numbers(
        (N, F), (N, H), (N, H), (gates * H, F), (gates * H, H), (gates * H,)
    )
    x, h, c, w_x, w_h, b = (torch.tensor(a, requires_grad=True) for a in arrays)
    cell = (torch.nn.RNNCell if gates == 1 else torch.nn.LSTMCell)(F, H, dtype=x.dtype)
    names = dict(zip(("weight_ih", "weight_hh", "bias_ih"), (w_x, w_h, b), strict=True))
    names["bias_hh"] = torch.zeros(gates * H, dtype=x.dtype)
    given = (x, h) if gates == 1 else (x, (h, c))
    out = torch.func.functional_call(cell, names, given)
    want = out if gates == 1 else out[0] + 3 * out[1]
    want.sum().backward()
    with use(engine):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        if gates == 1:
            got = rnn_cell(*leaves[:2], *leaves[3:])
        else:
            said, kept = lstm_cell(*leaves)
            got = said + 3 * kept
        got.sum().backward()
        np.testing.assert_allclose(got.numpy(), want.detach().numpy(), atol=1e-12)
        for ours, theirs in zip(leaves, (x, h, c, w_x, w_h, b), strict=True):
            if theirs.grad is not None:
                grad = backend().to_numpy(ours.grad)
                np.testing.assert_allclose(grad, theirs.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("make", [rnn, lstm])
def test_a_network_remembers_what_it_read_first(make):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    x = np.zeros((400, 6, 3), np.float32)
    x[np.arange(400), 0, y] = 1  # the answer is only in the first step
    x[:, 1:] = rng.normal(size=(400, 5, 3))
    net = make(3, 16, 3)
    phi = Tensor(net.init(0), requires_grad=True)
    mover = Adam(phi, 0.02)
    for _ in range(120):
        functional.cross_entropy(net(phi, x[:300]), y[:300]).backward()
        mover.step()
    assert (predict(net, phi, x[300:]) == y[300:]).mean() > 0.9


@pytest.mark.parametrize("H", [1, 4])
@pytest.mark.parametrize("gates", [1, 4])
@pytest.mark.parametrize("odd", range(3))
def test_weights_of_another_cell_are_refused(H, gates, odd):
    """With one hidden number, most of it would broadcast."""
    N, F, wrong = 2, 3, 5 - gates
    shapes = [(gates * H, F), (gates * H, H), (gates * H,)]
    shapes[odd] = (wrong * H, *shapes[odd][1:])
    x, h, c, *weights = (
        Tensor(np.ones(s, "f")) for s in ((N, F), *2 * [(N, H)], *shapes)
    )
    words = rf"cell\(\) with h \({N}, {H}\) takes w_x \({gates * H}, F\)"
    with pytest.raises(ValueError, match=words):
        rnn_cell(x, h, *weights) if gates == 1 else lstm_cell(x, h, c, *weights)


@pytest.mark.parametrize("make", [rnn, lstm])
@pytest.mark.parametrize("shape", [(2, 3), (2, 0, 3), (2, 5, 4), (2, 1, 5, 3)])
def test_what_is_no_sequence_is_refused(make, shape):
    net = make(3, 4, 2)
    with pytest.raises(
        ValueError, match=r"reads x \(N, T, 3\) of one step or more, got"
    ):
        net(net.init(0), np.ones(shape, np.float32))
