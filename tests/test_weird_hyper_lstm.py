"""The hyper-LSTM, its text, and its study."""

import numpy as np
import pytest
from committed import whole
from engines import BACKENDS, use
from scipy import stats

from minitorch import Tensor, backend, functional
from minitorch.cards import number
from minitorch.data import text
from minitorch.data.sources import DataError
from minitorch.gradcheck import gradcheck
from minitorch.rnn import lstm_cell
from minitorch.studies import hyper_lstm as study
from minitorch.studies import hyper_lstm_figures as figures
from minitorch.studies.store import read_rows, results_folder
from minitorch.weird.hyper_lstm import (
    Reader,
    hyper_lstm,
    lstm_step,
    lstm_text,
    scale_vectors,
    scaled_gates,
    weight_changes,
)

every = pytest.mark.parametrize("engine", BACKENDS)


def sample(net: Reader, seed: int = 0) -> np.ndarray:
    """Give weights away from the start, so that nothing is zero by chance."""
    rng = np.random.default_rng(seed)
    return net.init(0) + 0.3 * rng.normal(size=net.layout.size)


def read(net: Reader, theta: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Give the logits of each stretch and step, (N, T, K)."""
    return net(theta, ids).numpy().reshape(*ids.shape, -1)


# ----------------------------------------------------------------------------
# The text
# ----------------------------------------------------------------------------


def test_the_text_is_a_whole_book():
    book = text.alice()
    whole = book.decode(np.concatenate([book.train, book.test]))
    assert whole.startswith("chapter i\n") and whole.endswith("the end\n")
    assert whole.count("\nchapter ") == 11  # after the first, twelve in all
    assert 350 < whole.count("alice") < 450
    np.testing.assert_array_equal(book.encode(whole[:500]), book.train[:500])


def test_a_symbol_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"no such symbols here: \['A', '€'\]"):
        text.alice().encode("A€")


def test_a_damaged_text_is_refused(monkeypatch):
    monkeypatch.setattr(text, "ALICE_SUM", "0" * 64)
    with pytest.raises(DataError, match="is damaged.*not 000000000000"):
        text.alice.__wrapped__()


def test_a_stretch_is_followed_by_the_text_itself():
    ids = np.arange(50)
    x, y = next(text.windows(ids, 7, 30, np.random.default_rng(0)))
    assert x.shape == y.shape == (30, 7)
    np.testing.assert_array_equal(y, x + 1)
    with pytest.raises(ValueError, match="stretches of 50 characters"):
        text.windows(ids, 50, 1, np.random.default_rng(0))


# ----------------------------------------------------------------------------
# The plain LSTM, against torch's
# ----------------------------------------------------------------------------


def torch_lstm(theta, net, ids):
    """Read with torch.nn.LSTM: the same weights, embedding in place of one-hot."""
    torch = pytest.importorskip("torch")
    flat = torch.tensor(theta, requires_grad=True)
    w = {
        name: flat[net.layout.slices[name]].reshape(shape)
        for name, shape in net.layout.shapes.items()
    }
    K, H = w["dense.weight"].shape
    cell = torch.nn.LSTM(K, H, batch_first=True, dtype=flat.dtype)
    names = {
        "weight_ih_l0": w["main.input"].T,
        "weight_hh_l0": w["main.hidden"],
        "bias_ih_l0": w["main.bias"],
        "bias_hh_l0": torch.zeros(4 * H, dtype=flat.dtype),
    }
    hot = torch.nn.functional.one_hot(torch.tensor(ids), K).to(flat.dtype)
    said, _ = torch.func.functional_call(cell, names, (hot,))
    return flat, said @ w["dense.weight"].T + w["dense.bias"]


@every
def test_the_plain_reader_is_torchs_lstm(engine):
    torch = pytest.importorskip("torch")
    net = lstm_text(5, 4)
    theta, rng = sample(net), np.random.default_rng(1)
    ids, next_ids = rng.integers(0, 5, (2, 3, 6))
    flat, want = torch_lstm(theta, net, ids)
    loss = torch.nn.functional.cross_entropy(
        want.reshape(-1, 5), torch.tensor(next_ids.reshape(-1))
    )
    loss.backward()
    with use(engine):
        phi = Tensor(theta, requires_grad=True)
        logits = net(phi, ids)
        functional.cross_entropy(logits, next_ids.reshape(-1)).backward()
        got, grad = logits.numpy(), backend().to_numpy(phi.grad)
    np.testing.assert_allclose(got, want.detach().reshape(-1, 5), atol=1e-10)
    np.testing.assert_allclose(grad, flat.grad, atol=1e-10)


def test_one_step_is_the_course_s_cell():
    rng = np.random.default_rng(0)
    x, h, c = rng.normal(size=(3, 2, 4))
    w_x, w_h, b = (
        rng.normal(size=(16, 4)),
        rng.normal(size=(16, 4)),
        rng.normal(size=16),
    )
    want = lstm_cell(*map(Tensor, (x, h, c, w_x, w_h, b)))
    got = lstm_step(x @ w_x.T + h @ w_h.T + b, c)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


# ----------------------------------------------------------------------------
# The hyper-LSTM
# ----------------------------------------------------------------------------


def torch_hyper(theta, net, ids, K, H, S, Z):
    """Read with two of torch's LSTM cells, each weight matrix scaled in full.

    The main cell is called example by example, with rows of its matrices that were
    multiplied beforehand: nothing of the form that saves memory is used.
    """
    torch = pytest.importorskip("torch")
    flat = torch.tensor(theta, requires_grad=True)
    w = {
        name: flat[net.layout.slices[name]].reshape(shape)
        for name, shape in net.layout.shapes.items()
    }
    small = torch.nn.LSTMCell(K + H, S, dtype=flat.dtype)
    main = torch.nn.LSTMCell(K, H, dtype=flat.dtype)
    call = torch.func.functional_call

    def zeros(size):
        return torch.zeros(size, dtype=flat.dtype)

    logits = []
    for stretch in ids:
        state, (h, c) = (zeros(S), zeros(S)), (zeros(H), zeros(H))
        for symbol in stretch:
            x = torch.nn.functional.one_hot(torch.tensor(symbol), K).to(flat.dtype)
            names = {
                "weight_ih": torch.cat([w["small.input"].T, w["small.said"]], 1),
                "weight_hh": w["small.hidden"],
                "bias_ih": w["small.bias"],
                "bias_hh": zeros(4 * S),
            }
            state = call(small, names, (torch.cat([x, h]), state))
            codes = (w["z.weight"] @ state[0] + w["z.bias"]).reshape(12, Z)
            rows = w["scale.weight"].reshape(12, H, Z)
            vectors = torch.einsum("khz,kz->kh", rows, codes).reshape(3, 4 * H)
            names = {
                "weight_ih": torch.diag(vectors[1]) @ w["main.input"].T,
                "weight_hh": torch.diag(vectors[0]) @ w["main.hidden"],
                "bias_ih": w["main.bias"],
                "bias_hh": vectors[2],
            }
            h, c = call(main, names, (x, (h, c)))
            logits.append(w["dense.weight"] @ h + w["dense.bias"])
    return flat, torch.stack(logits)


@every
def test_the_hyper_lstm_is_an_lstm_with_other_weights_at_each_step(engine):
    torch = pytest.importorskip("torch")
    K, H, S, Z = 5, 4, 3, 2
    net = hyper_lstm(K, H, small=S, z=Z)
    theta, rng = sample(net), np.random.default_rng(1)
    ids, next_ids = rng.integers(0, K, (2, 3, 6))
    flat, want = torch_hyper(theta, net, ids, K, H, S, Z)
    torch.nn.functional.cross_entropy(
        want, torch.tensor(next_ids.reshape(-1))
    ).backward()
    with use(engine):
        phi = Tensor(theta, requires_grad=True)
        logits = net(phi, ids)
        functional.cross_entropy(logits, next_ids.reshape(-1)).backward()
        got, grad = logits.numpy(), backend().to_numpy(phi.grad)
    np.testing.assert_allclose(got, want.detach(), atol=1e-10)
    np.testing.assert_allclose(grad, flat.grad, atol=1e-10)


NETS = [
    lstm_text(4, 3),
    lstm_text(4, 3, norm=True),
    hyper_lstm(4, 3, small=2, z=2),
    hyper_lstm(4, 3, small=2, z=2, norm=True),
    hyper_lstm(4, 3, small=2, z=2, moving=False),
]
every_net = pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)


@every_net
def test_gradients_of_all_readers(net):
    ids = np.random.default_rng(0).integers(0, 4, (2, 3))
    labels = np.random.default_rng(1).integers(0, 4, 6)
    gradcheck(
        lambda theta: functional.cross_entropy(net(theta, ids), labels), sample(net)
    )


def test_at_the_start_every_scale_is_a_tenth_and_every_shift_zero():
    net = hyper_lstm(9, 8, small=5, z=4)
    ids = np.random.default_rng(0).integers(0, 9, (3, 20))
    scales = net.scales(net.init(3), ids)
    assert scales.shape == (3, 20, 3, 4, 8)
    np.testing.assert_allclose(scales[:, :, :2], 0.1, rtol=1e-6)
    np.testing.assert_array_equal(scales[:, :, 2], 0)


@every_net
def test_what_comes_later_changes_nothing(net):
    ids = np.random.default_rng(0).integers(0, 4, (2, 8))
    other = ids.copy()
    other[:, 5] = (ids[:, 5] + 1) % 4
    a, b = (read(net, sample(net), each) for each in (ids, other))
    np.testing.assert_array_equal(a[:, :5], b[:, :5])
    assert (np.abs(a[:, 5:] - b[:, 5:]).max((0, 2)) > 1e-6).all()


@pytest.mark.parametrize("norm", [False, True])
def test_a_symbol_moves_the_scales_at_its_own_step_and_none_before(norm):
    """With the old output of the small LSTM they would move one step late."""
    net = hyper_lstm(6, 5, small=4, z=2, norm=norm)
    ids = np.random.default_rng(0).integers(0, 6, (2, 8))
    other = ids.copy()
    other[:, 3] = (ids[:, 3] + 1) % 6
    a, b = (net.scales(sample(net), each) for each in (ids, other))
    moved = np.abs(a - b).max((0, 2, 3, 4))  # (T,)
    np.testing.assert_array_equal(moved[:3], 0)
    assert (moved[3:] > 1e-6).all()


def test_the_control_has_the_same_scales_whatever_it_reads():
    net = hyper_lstm(6, 5, small=4, z=2, moving=False)
    scales = net.scales(sample(net), np.random.default_rng(0).integers(0, 6, (2, 8)))
    np.testing.assert_array_equal(scales, np.broadcast_to(scales[:1, :1], scales.shape))


def test_with_scales_of_one_it_is_the_plain_lstm():
    plain = lstm_text(6, 5)
    net = hyper_lstm(6, 5, small=4, z=2, start=1.0, moving=True)
    theta, weights = net.init(0), sample(plain)
    for name, piece in plain.layout.views(weights).items():
        net.layout.views(theta)[name][...] = piece
    ids = np.random.default_rng(0).integers(0, 6, (2, 8))
    want = read(plain, weights.astype(np.float32), ids)
    np.testing.assert_allclose(read(net, theta, ids), want, atol=1e-5)


def test_stretches_do_not_see_one_another():
    net = NETS[2]
    ids = np.random.default_rng(0).integers(0, 4, (5, 7))
    alone = [read(net, sample(net), each[None])[0] for each in ids]
    np.testing.assert_allclose(read(net, sample(net), ids), alone, atol=1e-12)


@pytest.mark.parametrize(
    "ids", [np.zeros((2, 0), int), np.zeros(3, int), np.ones((1, 2))]
)
def test_what_is_no_text_is_refused(ids):
    with pytest.raises(ValueError, match=r"reads whole numbers \(N, T\) of one step"):
        NETS[2](NETS[2].init(0), ids)


# ----------------------------------------------------------------------------
# Plain arrays
# ----------------------------------------------------------------------------


def test_scaling_what_came_out_is_scaling_rows():
    rng = np.random.default_rng(0)
    h, x, w_h, w_x = (rng.normal(size=s) for s in ((2, 5), (2, 3), (4, 5), (4, 3)))
    d_h, d_x, b = rng.normal(size=(3, 2, 4))
    got = scaled_gates(h @ w_h.T, x @ w_x.T, d_h, d_x, b)
    for n in range(2):
        want = np.diag(d_h[n]) @ w_h @ h[n] + np.diag(d_x[n]) @ w_x @ x[n] + b[n]
        np.testing.assert_allclose(got[n], want)
    with pytest.raises(ValueError, match="takes five arrays"):
        scaled_gates(h, x, d_h, d_x, b)


def test_the_exercises_functions_are_what_the_network_does():
    """The network's own vectors, from one symbol and an empty memory."""
    K, H, S, Z = 6, 5, 4, 2
    net = hyper_lstm(K, H, small=S, z=Z)
    theta = sample(net)
    w = net.layout.views(theta)
    s, _ = lstm_step((w["small.input"][[3]] + w["small.bias"]), np.zeros((1, S)))
    d_h, d_x, b = (
        scale_vectors(
            s,
            w["z.weight"].reshape(3, 4 * Z, S)[k],
            w["z.bias"].reshape(3, 4 * Z)[k],
            w["scale.weight"].reshape(3, 4, H, Z)[k],
        )
        for k in range(3)
    )
    got = net.scales(theta, np.array([[3]])).reshape(3, -1)
    np.testing.assert_allclose(got, np.concatenate([d_h, d_x, b]), atol=1e-12)
    from_x = w["main.input"][[3]]
    gates = scaled_gates(0 * from_x, from_x, d_h, d_x, b + w["main.bias"])
    h, _ = lstm_step(gates, np.zeros((1, H)))
    want = h @ w["dense.weight"].T + w["dense.bias"]
    np.testing.assert_allclose(read(net, theta, np.array([[3]]))[0], want, atol=1e-12)


def test_a_change_of_weights_is_that_of_the_scaled_matrices():
    rng = np.random.default_rng(0)
    d_h, w_h = rng.normal(size=(6, 4, 3)), rng.normal(size=(12, 3))
    got = weight_changes(d_h, w_h)
    assert got.shape == (6, 4) and not got[0].any()
    for gate in range(4):
        rows = w_h[gate * 3 : gate * 3 + 3]
        scaled = [np.diag(d_h[t, gate]) @ rows for t in range(6)]
        size = np.sqrt(np.mean([np.linalg.norm(each) ** 2 for each in scaled]))
        for t in range(1, 6):
            want = np.linalg.norm(scaled[t] - scaled[t - 1]) / size
            np.testing.assert_allclose(got[t, gate], want)
    with pytest.raises(
        ValueError, match=r"w_h \(4 H, H\), got \(6, 4, 3\) and \(3, 3\)"
    ):
        weight_changes(d_h, w_h[:3])


# ----------------------------------------------------------------------------
# The study
# ----------------------------------------------------------------------------

TINY = {**study.QUICK, "hidden": 8, "small": 4, "z": 2, "steps": 5, "length": 8}


@pytest.mark.parametrize("kind", study.KINDS)
def test_the_networks_have_as_many_numbers(kind):
    D = study.network({**study.BOOK, "net": kind}, 43).layout.size
    hyper = study.network(study.BOOK, 43).layout.size
    assert abs(D - hyper) < 0.02 * hyper


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="no network 'gru'; there are hyper, still"):
        study.network({**TINY, "net": "gru"}, 43)


def test_bits_are_torchs_cross_entropy():
    torch = pytest.importorskip("torch")
    net, ids = lstm_text(5, 4), np.random.default_rng(0).integers(0, 5, 33)
    theta = sample(net)
    logits = torch_lstm(theta, net, ids[:30].reshape(3, 10))[1].reshape(-1, 5)
    want = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:31]))
    got = study.bits_per_character(net, theta, ids, length=10)
    np.testing.assert_allclose(got, want.item() / np.log(2))
    with pytest.raises(ValueError, match="33 characters holds no stretch of 33"):
        study.bits_per_character(net, theta, ids, length=33)


def test_letters_and_what_stands_between():
    places = study.kinds_of_places("a bc, d'e")
    want = {"inside": [3, 7, 8], "first": [2, 6], "between": [1, 4, 5]}
    assert {key: np.flatnonzero(at).tolist() for key, at in places.items()} == want


@pytest.mark.parametrize("kind", study.KINDS)
def test_a_run_repeats_itself(kind):
    settings = {**TINY, "net": kind}
    row = study.run(settings, 1)
    assert row == study.run(settings, 1)
    assert row["bits"] == row["curve"][-1] and row["steps"] == [0, 5]
    assert abs(row["curve"][0] - np.log2(43)) < 0.6
    assert ("changes" in row) == (kind == "hyper")


def test_a_loss_that_is_lost_is_an_error():
    with pytest.raises(FloatingPointError, match="the loss is nan at step"):
        study.train({**TINY, "lr": 1e30, "steps": 50}, 0)


def test_reading_is_learned():
    """Better than the frequencies of single characters, within a second or two."""
    book = text.alice()
    shares = np.bincount(book.test) / len(book.test)
    shares = shares[shares > 0]
    alone = -(shares * np.log2(shares)).sum()
    run = study.train({**TINY, "hidden": 24, "steps": 120, "length": 20, "lr": 0.05}, 0)
    assert run.bits[-1] < alone - 0.3


# ----------------------------------------------------------------------------
# What is committed, and shown
# ----------------------------------------------------------------------------


def test_the_committed_rows_are_whole_and_of_a_clean_tree():
    whole(study.STUDY)


@pytest.mark.parametrize("name", ["learning", "comparison", "places", "stored_along"])
def test_a_figure_says_what_it_shows(name):
    shown = getattr(figures, name)()
    text = shown.caption if name in ("comparison", "places") else shown.note
    assert text.startswith("book scale") or "; book scale" in text
    if name in ("learning", "stored_along"):
        assert shown.alt.startswith(shown.title) and shown.png


def test_the_comparison_is_that_of_the_rows():
    rows = read_rows(study.STUDY.path(results_folder()))
    bits = {}
    for kind in study.KINDS:
        mine = [row for row in rows if row["settings"]["net"] == kind]
        rates = sorted({row["settings"]["lr"] for row in mine})
        both = [
            [r["result"] for r in mine if r["settings"]["lr"] == lr] for lr in rates
        ]
        best = min(both, key=lambda group: sum(r["train"] for r in group))
        bits[kind] = [result["bits"] for result in best]
    shown = figures.comparison()
    for line, kind in zip(shown.rows, figures.NAMES, strict=True):
        mean = np.mean(bits[kind])
        low, high = stats.t.interval(0.95, 4, mean, stats.sem(bits[kind]))
        want = [f"{value:.3f}" for value in (mean, low, high)]
        assert list(line[3:6]) == want
    ratios, used = study.relative("hyper", "still")
    assert len(used) == 10
    np.testing.assert_allclose(ratios, np.array(bits["hyper"]) / bits["still"])


@pytest.mark.parametrize("kind", ["hyper", "still"])
def test_numbers_that_act_are_those_with_a_gradient(kind):
    settings = {**study.QUICK, "net": kind, "hidden": 6, "small": 3, "z": 2}
    K = len(text.alice().symbols)
    net = study.network(settings, K)
    phi = Tensor(sample(net), requires_grad=True)
    ids = np.tile(np.random.default_rng(0).permutation(K), 2)  # c is 0 at the first
    functional.cross_entropy(net(phi, ids[None]), ids[::-1].copy()).backward()
    assert np.count_nonzero(phi.grad) == figures.acting(settings)


def test_the_stored_strips_are_of_the_seed_in_the_middle():
    rows = study.stored("hyper")
    means = sorted((np.mean(r["result"]["changes"]), r["seed"]) for r in rows)
    mean, seed = means[len(means) // 2]
    shown = figures.stored_along()
    assert f"run of seed {seed}, the median of 5" in shown.note
    assert f"moves by {mean:.0%}"[:-1] in shown.title


def test_vectors_are_told_around_their_means():
    d_h = np.random.default_rng(0).normal(size=(40, 4, 9))
    shown = figures.vectors("x" * 40, d_h, each=2, note="a test")
    entry = d_h[:, 1, 5]
    said = f"forget 5 {number(entry.mean())}, {number(entry.std())}"
    assert said in shown.alt and shown.title.startswith("8 entries")
    with pytest.raises(ValueError, match=r"got 3 characters and d_h \(40, 4, 9\)"):
        figures.vectors("abc", d_h, note="")


def test_changes_without_their_text_are_refused():
    with pytest.raises(ValueError, match=r"got 3 characters and changes \(2, 4\)"):
        figures.along("abc", np.zeros((2, 4)), note="")
