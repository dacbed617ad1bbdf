"""The training loop: what a step does, what it leaves, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, ops
from minitorch.data import load
from minitorch.functional import linear
from minitorch.models import lenet, mlp
from minitorch.nn import Layout, Network
from minitorch.schedules import cosine
from minitorch.train import accuracy, fit, predict
from minitorch.weird import Dense, Subspace, apply

every_backend = pytest.mark.parametrize("backend", BACKENDS)
DIGITS = load("mnist")
FEW = DIGITS.take(500, 300)
NET = mlp(784, 20, 10)


class Noted(Dense):
    """Ordinary training that writes down what it was asked."""

    def __init__(self, net):
        super().__init__(net)
        self.calls, self.rates, self.steps = [], [], []

    def __call__(self, phi, *, train=False, rng=None):
        self.calls.append((train, rng is not None))
        return super().__call__(phi, train=train, rng=rng)

    def after_step(self, phi, optimiser):
        assert optimiser.phi is phi and phi.grad is None
        self.rates.append(optimiser.lr)
        self.steps.append(phi.data.copy())


# ----------------------------------------------------------------------------
# Learning, with room to spare
# ----------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("optimiser, lr", [("adam", 3e-3), ("sgd", 0.03)])
def test_the_loss_falls(backend, optimiser, lr):
    with use(backend):
        run = fit(NET, Dense(NET), FEW, lr=lr, optimiser=optimiser, epochs=8, batch=50)
    assert run.loss[:5].mean() > 1.8
    assert run.loss[-10:].mean() < 0.6
    assert run.test_accuracy > 0.7  # 0.80


@every_backend
def test_a_conv_net_learns(backend):
    net, data = lenet(), DIGITS.take(1000, 500)
    with use(backend):
        run = fit(net, Dense(net), data, lr=3e-3, epochs=3, batch=64)
    assert run.test_accuracy > 0.7  # 0.84


@pytest.mark.parametrize(
    "d, low, high",
    [
        # The published means, after 100 epochs of 60,000 digits: 0.451 and 0.894.
        (50, 0.30, 0.55),
        (750, 0.83, 0.92),
    ],
)
def test_a_subspace_learns_as_much_as_its_d_allows(d, low, high):
    net = mlp(784, 200, 200, 10)
    run = fit(net, Subspace(net, d), DIGITS, lr=0.3, epochs=3)
    assert low < run.test_accuracy < high


def test_coordinates_learn_less_than_directions():
    net = mlp(784, 200, 200, 10)
    runs = [
        fit(net, Subspace(net, 300, projection=name), DIGITS, lr=0.3, epochs=2)
        for name in ("sparse", "coordinates")
    ]
    assert runs[0].test_accuracy > runs[1].test_accuracy + 0.1


def test_random_labels_are_not_predicted():
    data = FEW.random_labels(0)
    run = fit(NET, Dense(NET), data, lr=3e-3, epochs=20, batch=50)
    assert run.loss[-1] < 1.8  # learned by heart
    assert run.test_accuracy < 0.2


# ----------------------------------------------------------------------------
# What a run does
# ----------------------------------------------------------------------------


@every_backend
def test_the_same_seed_gives_the_same_bytes(backend):
    def run(seed):
        g = Subspace(NET, 30)
        done = fit(NET, g, FEW, lr=0.1, epochs=2, batch=50, seed=seed)
        return done.phi.tobytes(), done.loss.tobytes(), done.theta.tobytes()

    with use(backend):
        assert run(1) == run(1)
        assert run(1) != run(2)


def test_what_a_run_leaves():
    g = Subspace(NET, 30, seed=4)
    run = fit(NET, g, FEW, lr=0.1, epochs=2, batch=64)
    assert run.phi.shape == (30,)
    assert (run.theta == apply(g, run.phi)).all()
    assert run.loss.shape == (2 * (500 // 64),)
    assert run.state is None
    assert run.seconds > 0
    assert run.test_accuracy == accuracy(NET, run.theta, FEW.test_x, FEW.test_y)


def test_a_run_leaves_theta0_alone():
    g = Dense(NET)
    before = g.theta0.copy()
    run = fit(NET, g, FEW, lr=0.1, epochs=1, batch=50)
    assert (g.theta0 == before).all()
    assert (run.theta != before).sum() > 1000


def test_each_step_moves_then_tells_the_map():
    g = Noted(NET)
    run = fit(NET, g, FEW, lr=0.01, epochs=2, batch=100)
    assert g.calls == [(True, True)] * 10 + [(False, False)]
    assert g.rates == pytest.approx([0.01 * cosine(step, 10) for step in range(10)])
    assert (g.steps[-1] == run.phi).all()
    assert not (g.steps[0] == g.theta0).all()


def test_every_image_once_an_epoch_in_a_new_order():
    seen = []

    def forward(weights, x, mode):
        seen.append(x.data.ravel().astype(int).tolist())
        return x * weights["w"]

    class Counting:
        train_x = np.arange(10, dtype=np.float32)[:, None]
        train_y = np.zeros(10, int)
        test_x, test_y = train_x, train_y

    net = Network("counting", Layout({"w": (1, 2)}), forward)
    fit(net, Dense(net), Counting, lr=1e-3, epochs=3, batch=3)
    batches, test = seen[:-1], seen[-1]
    assert test == list(range(10))
    assert [len(batch) for batch in batches] == [3] * 9
    epochs = [sum(batches[i : i + 3], []) for i in (0, 3, 6)]
    assert all(len(set(epoch)) == 9 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


@every_backend
def test_a_network_with_batch_norm_learns_and_keeps_its_statistics(backend):
    shapes = {"w": (20, 784), "norm.gamma": (20,), "norm.beta": (20,), "v": (10, 20)}

    def forward(weights, x, mode):
        x = linear(x.reshape(len(x), -1), weights["w"])
        return linear(mode.batch_norm("norm", x, weights, relu=True), weights["v"])

    net = Network("normed", Layout(shapes), forward)
    with use(backend):
        run = fit(net, Dense(net), FEW, lr=0.01, epochs=6, batch=50)
        assert run.test_accuracy > 0.6
        mean, var = (np.asarray(part) for part in run.state["norm"])
        before = FEW.train_x.reshape(500, -1) @ run.theta[: 20 * 784].reshape(20, 784).T
        spread = before.std(0)
        assert (abs(mean - before.mean(0)) < spread).all()
        assert (var / spread**2 < 2).all() and (var / spread**2 > 0.5).all()
        with pytest.raises(ValueError, match="norm has no running statistics"):
            predict(net, run.theta, FEW.test_x)


def test_statistics_travel_from_step_to_step():
    class Counted(Network):
        def __call__(self, theta, x, *, state=None, train=False, rng=None):
            logits = super().__call__(theta, x)
            return (logits, (state or 0) + 1) if train else logits

    net = Counted(NET.name, NET.layout, NET._forward)
    assert fit(net, Dense(net), FEW, lr=1e-3, epochs=1, batch=50).state == 10


# ----------------------------------------------------------------------------
# What goes wrong
# ----------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_loss_that_explodes_says_what_to_do(backend, optimiser):
    with (
        use(backend),
        pytest.raises(
            FloatingPointError, match=r"loss is (nan|inf) at step \d.*a tenth"
        ),
    ):
        fit(NET, Dense(NET), FEW, lr=1e30, optimiser=optimiser, batch=50)


@every_backend
def test_weights_that_explode_in_the_last_step_say_what_to_do(backend):
    with (
        use(backend),
        pytest.raises(FloatingPointError, match="theta is no longer finite.*a tenth"),
    ):
        fit(NET, Dense(NET), FEW, lr=1e300, optimiser="sgd", batch=500, epochs=1)


def test_images_that_are_not_finite_are_noticed():
    images = FEW.train_x.copy()
    images[7] = np.nan
    data = replace(FEW, train_x=images)
    with pytest.raises(FloatingPointError, match="the loss is nan at step"):
        fit(NET, Subspace(NET, 5), data, lr=0.1, batch=100)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"batch": 501}, "500 images, 5 epochs and batches of 501 make no step"),
        ({"batch": 0}, "batches of 0 make no step"),
        ({"epochs": 0}, "0 epochs .* make no step"),
        ({"optimiser": "adagrad"}, "no optimiser 'adagrad'; there are adam and sgd"),
        ({"lr": 0}, "a learning rate is above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        fit(NET, Dense(NET), FEW, **{"lr": 0.1, **settings})


def test_a_map_to_another_network_is_refused():
    other = mlp(784, 21, 10)
    with pytest.raises(ValueError, match=f"holds {NET.layout.size} numbers"):
        fit(NET, Dense(other), FEW, lr=0.1, batch=50)


def test_labels_out_of_range_are_refused():
    net = mlp(784, 9)
    with pytest.raises(
        ValueError, match="labels from 0 to 9, but logits for 9 classes"
    ):
        fit(net, Dense(net), FEW, lr=0.1, batch=500)


# ----------------------------------------------------------------------------
# Predictions, and the bar
# ----------------------------------------------------------------------------


def test_predictions_do_not_hang_on_the_parts():
    theta = NET.init(0)
    x = np.random.default_rng(0).random((2003, 784)).astype(np.float32)
    want = NET(theta, x).data.argmax(1)
    assert (predict(NET, theta, x) == want).all()
    assert (predict(NET, Tensor(theta, requires_grad=True), x) == want).all()
    assert accuracy(NET, theta, x, want) == 1
    assert accuracy(NET, theta, x, (want + 1) % 10) == 0


def test_predicting_records_nothing(monkeypatch):
    made = []
    record = ops.record

    def noted(*args):
        made.append(record(*args).requires_grad)
        return record(*args)

    monkeypatch.setattr(ops, "record", noted)
    predict(NET, Tensor(NET.init(0), requires_grad=True), FEW.test_x)
    assert made and not any(made)


@pytest.mark.parametrize(
    "progress, static, bar", [(1, "0", 1), (0, "0", 0), (1, "1", 0)]
)
def test_a_bar_is_shown_where_it_can_move(progress, static, bar, monkeypatch, capsys):
    monkeypatch.setenv("MINITORCH_STATIC", static)
    fit(NET, Dense(NET), FEW, lr=1e-3, epochs=1, batch=50, progress=bool(progress))
    assert ("step" in capsys.readouterr().err) == bool(bar)
