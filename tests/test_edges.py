"""Odd values, types and sizes, on every back-end: right, or refused in words."""

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, backend, discrete, functional, ops
from minitorch.nn import Layout
from minitorch.optim import SGD, AdamW, RMSprop

every = pytest.mark.parametrize("engine", BACKENDS)
NAN = np.float32(np.nan)


def leaf(values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


def grad(x):
    return backend().to_numpy(x.grad)


@every
@pytest.mark.parametrize("place", range(4))
def test_max_pooling_hides_no_nan(engine, place):
    image = np.array([1, 2, 3, 4], np.float32)
    image[place] = NAN
    with use(engine):
        x = leaf(image.reshape(1, 1, 2, 2))
        y = functional.max_pool2d(x)
        assert np.isnan(y.numpy()).all()
        y.backward(np.ones((1, 1, 1, 1)))
        assert grad(x).ravel().tolist() == np.eye(4)[place].tolist()


@every
def test_a_large_tile_sends_its_gradient_home(engine):
    image = np.zeros((1, 1, 300, 300), np.float32)
    image[0, 0, 290, 295] = 1
    with use(engine):
        x = leaf(image)
        functional.max_pool2d(x, 300).sum().backward()
        assert grad(x)[0, 0, 290, 295] == 1 and grad(x).sum() == 1


@every
def test_a_condition_is_boolean(engine):
    with use(engine):
        for wrong in (np.array([1, 0]), np.array([1.0, 0.0], np.float32), 1):
            with pytest.raises(TypeError, match=r"where\(\) takes a condition of bool"):
                ops.where(wrong, leaf([1, 2]), 0)
        x = leaf([1, 2])
        ops.where(True, 0, x).sum().backward()
        assert grad(x).tolist() == [0, 0]


@every
def test_no_axis_is_no_reduction(engine):
    with use(engine):
        for name in ("sum", "mean", "max"):
            x = leaf([1, 5])
            y = getattr(ops, name)(x, axis=())
            assert y.numpy().tolist() == [1, 5]
            y.sum().backward()
            assert grad(x).tolist() == [1, 1]


@every
def test_a_leaf_is_added_to_when_it_is_the_end(engine):
    with use(engine):
        x = leaf([1])
        (x * 3).backward()
        x.backward()
        assert grad(x).tolist() == [4]


@every
def test_statistics_fit_and_take_the_type_of_x(engine):
    with use(engine):
        x = leaf(np.ones((2, 3)))
        out, _ = functional.batch_norm(x, statistics=(np.zeros(3), np.ones(3)))
        assert out.dtype == np.float32
        out.sum().backward()
        assert grad(x).dtype == np.float32
        for n in (1, 5):
            with pytest.raises(ValueError, match=r"a mean and a variance \(3,\)"):
                functional.batch_norm(x, statistics=(np.zeros(n), np.ones(n)))


@every
def test_moments_keep_the_digits_of_a_large_mean(engine):
    values = np.random.default_rng(0).normal(1000, 1, (100_000, 2)).astype(np.float32)
    with use(engine) as kernels:
        mean, var = map(kernels.to_numpy, kernels.moments(kernels.asarray(values)))
    np.testing.assert_allclose(mean, values.astype(float).mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, values.astype(float).var(0), rtol=1e-4)


@every
def test_an_own_operations_gradient_has_its_inputs_type(engine):
    with use(engine) as kernels:

        def wrong(g):
            return kernels.asarray(kernels.to_numpy(g).astype(np.float64))

        x = leaf([1, 2])
        y = ops.custom("wide", lambda a: a * 1, wrong)(x)
        with pytest.raises(ValueError, match=r"'wide' gave a gradient \(2,\) of .*64"):
            y.sum().backward()


@every
def test_whole_numbers_stay_whole(engine):
    big = 2**24 + 1
    image = np.full((1, 1, 2, 2), big, np.int64)
    with use(engine):
        assert discrete.sort(Tensor(np.array([3, 1, 2])))[0].numpy().tolist() == [
            1,
            2,
            3,
        ]
        ranked = discrete.rank_match(Tensor(np.array([7, 8])), Tensor(np.array([2, 1])))
        assert ranked.numpy().tolist() == [8, 7]
        if engine in ("numpy", "numba"):  # torch pools floats only
            assert functional.max_pool2d(Tensor(image)).item() == big


@every
def test_nan_sorts_last_and_is_no_score(engine):
    with np.errstate(invalid="ignore"):
        values = np.float32([1, np.inf, 0]) - np.float32([0, np.inf, 0])
    with use(engine):
        assert np.isnan(discrete.sort(Tensor(values))[0].numpy()[-1])
        with pytest.raises(ValueError, match="nan among its scores"):
            discrete.top_k_mask(Tensor(values), 1)


@every
@pytest.mark.parametrize("ids", [[0.9, 1.0], [True, False], [2**32]])
def test_places_are_whole_numbers(engine, ids):
    with use(engine), pytest.raises((TypeError, ValueError), match="takes .*places"):
        functional.embedding(leaf(np.ones((2, 3))), np.array(ids))
    start, x = [0, len(ids)], np.ones((2, 1), np.float32)
    with use(engine), pytest.raises((TypeError, ValueError), match="takes .*places"):
        functional.csr_matmul(leaf(np.ones(len(ids))), start, ids, x, 2)


@every
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_an_empty_batch_goes_through(engine, name):
    with use(engine):
        x, w = leaf(np.ones((0, 2, 4, 4))), leaf(np.ones((2, 2, 3, 3)))
        getattr(functional, name)(x, w, padding=1, relu=True).sum().backward()
        assert grad(x).shape == x.shape
        assert (grad(w) == 0).all()


@every
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_an_empty_window_is_refused(engine, name):
    with use(engine), pytest.raises(ValueError, match=rf"{name}\(\) takes x"):
        getattr(functional, name)(
            leaf(np.ones((1, 2, 4, 4))), leaf(np.ones((2, 2, 0, 0)))
        )


def test_backward_under_another_backend_is_refused():
    if "torch" not in BACKENDS:
        pytest.skip("torch is not there")
    for first, second in (("numpy", "torch"), ("torch", "numpy")):
        with use(first):
            loss = (leaf([1, 2]) * 2).sum()
        with (
            use(second),
            pytest.raises(TypeError, match=f"the {second} back-end is in"),
        ):
            loss.backward()


def test_a_new_axis_is_in_range():
    with pytest.raises(ValueError, match=r"stack\(\) got axis 2"):
        ops.stack([leaf([1.0])], axis=2)
    assert ops.stack([leaf([1.0])], axis=-2).shape == (1, 1)


def test_labels_may_be_a_tensor():
    loss = functional.cross_entropy(leaf([[0.0, 0.0]]), Tensor(np.array([1])))
    assert loss.item() == pytest.approx(np.log(2))


def test_adamw_takes_what_adam_takes():
    phi = leaf([1.0])
    (phi * 1000).backward()
    AdamW(phi, 0.25, betas=(0.5, 0.9), eps=1e-6, weight_decay=0.4).step()
    assert phi.item() == pytest.approx(0.65)


# ----------------------------------------------------------------------------
# Refused in words
# ----------------------------------------------------------------------------


@every
def test_what_does_not_fit_is_refused_in_words(engine):
    empty = np.zeros((2, 0), np.float32)
    refused = [
        (lambda: ops.sum(leaf([[1, 2]]), axis=[0, 1]), TypeError, "a tuple as axis"),
        (lambda: leaf([[1, 2]]).reshape(), ValueError, r"reshape\(\) cannot turn"),
        (lambda: Tensor([1 + 2j]), TypeError, "real numbers, got complex"),
        (lambda: Tensor(np.array([1j])), TypeError, "real numbers, got complex"),
        (lambda: ops.log_softmax(Tensor(empty)), ValueError, "log_softmax.*no values"),
        (lambda: ops.logsumexp(Tensor(empty)), ValueError, "logsumexp.*no values"),
        (lambda: functional.bce_logits(leaf([0]), leaf([2])), ValueError, "0 to 1"),
        (lambda: functional.bce_logits(leaf([0]), leaf([NAN])), ValueError, "0 to 1"),
        (lambda: Layout({"w": (2, -1)}), ValueError, "no negative length: w"),
        (lambda: SGD(leaf([1]), 0.1, momentum=1.0), ValueError, "momentum is from 0"),
        (lambda: RMSprop(leaf([1]), 0.1, rho=1.5), ValueError, "rho is from 0"),
        (lambda: AdamW(leaf([1]), betas=(0.9, 1)), ValueError, "betas is from 0"),
        (lambda: setattr(SGD(leaf([1]), 0.1), "lr", NAN), ValueError, "rate is finite"),
    ]
    with use(engine):
        for attempt, error, words in refused:
            with pytest.raises(error, match=words):
                attempt()


@pytest.mark.skipif("torch" not in BACKENDS, reason="torch is not installed")
def test_an_optimiser_refuses_a_leaf_of_another_back_end():
    with use("torch"):
        theirs = leaf([1.0])
    with use("numpy"), pytest.raises(TypeError, match="the numpy back-end is in use"):
        SGD(theirs, 0.1)


@every
def test_a_row_looked_up_often_adds_its_gradients(engine):
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        table = rng.normal(size=(5, 3)).astype(dtype)
        ids, weights = rng.integers(0, 5, (4, 6)), rng.normal(size=(4, 6, 3))
        want = np.zeros((5, 3))
        np.add.at(want, ids, weights)
        with use(engine):
            x = leaf(table, dtype)
            out = functional.embedding(x, ids)
            np.testing.assert_array_equal(out.numpy(), table[ids])
            out.backward(weights)
            assert grad(x).dtype == dtype
            np.testing.assert_allclose(grad(x), want, rtol=1e-5, atol=1e-6)
            nothing = functional.embedding(x, np.zeros((0, 2), int))
            assert nothing.shape == (0, 2, 3)
            nothing.sum().backward()
