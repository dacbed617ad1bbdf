"""The tape: what is recorded, in which order it is undone, what is refused."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from engines import BACKENDS, use

from minitorch import Tensor, discrete, functional, no_grad, ops
from minitorch.nn import Layout
from minitorch.tensor import unbroadcast


def leaf(*values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


# ----------------------------------------------------------------------------
# Gradients through the shapes that a graph can have
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression, slope",
    [
        (lambda x: x + x, 2),
        (lambda x: x - x, 0),
        (lambda x: x + x + x, 3),
        (lambda x: (x + 1) + x, 2),
        (lambda x: x * x, 6),
        (lambda x: (x + x) * (x + x), 24),
        (lambda x: ops.maximum(x, x), 1),
    ],
)
def test_a_tensor_used_twice_gets_both_gradients(expression, slope):
    x = leaf(3.0, 3.0)
    expression(x).sum().backward()
    assert x.grad.tolist() == [slope, slope]


def test_doubling_again_and_again_visits_each_node_once():
    # 2**60 paths lead from the result to x; walking them all would never end.
    x = leaf(1.0, dtype=np.float64)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == [2.0**60]


def test_diamond():
    x, y = leaf(2.0), leaf(5.0)
    left, right = x * y, x + y
    (left * right).backward()  # x y (x + y)
    assert x.grad == [2 * 2 * 5 + 25]
    assert y.grad == [4 + 2 * 2 * 5]


def test_an_early_result_used_again_late():
    x = leaf(3.0)
    early = x * 2
    late = early
    for _ in range(5):
        late = late + 1
    (late * early).backward()  # (2x + 5) 2x
    assert x.grad == [8 * 3 + 10]


@pytest.mark.parametrize("walked", [True, False])
def test_ten_thousand_operations_deep(walked):
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    if walked:
        y.backward()
        assert x.grad == [1.0]
    del y  # freeing a long chain must not overflow the stack either
    gc.collect()


def test_leaves_add_up_over_several_backwards():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 5]
    assert first.tolist() == [2, 2]


def test_only_leaves_keep_a_gradient():
    x = leaf(1.0, 2.0)
    middle = x * 2
    last = middle.sum()
    last.backward()
    assert middle.grad is None
    assert last.grad is None
    assert x.grad is not None


def test_a_constant_gets_no_gradient():
    x, constant = leaf(1.0), Tensor([4.0])
    (x * constant).backward()
    assert constant.grad is None
    assert x.grad == [4]


def test_leaves_do_not_share_a_gradient():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    given = np.ones(2, np.float32)
    (a + b).backward(given)
    a.grad *= 10
    assert b.grad.tolist() == [1, 1]
    assert given.tolist() == [1, 1]


def test_a_gradient_is_an_ordinary_array():
    x = leaf(1.0, 2.0)
    x.sum().backward()  # a broadcast view inside the tape
    x.grad *= 0.5
    assert x.grad.tolist() == [0.5, 0.5]
    assert x.grad.flags.carray


def test_a_gradient_has_the_type_of_its_tensor():
    x = leaf(1.0, 2.0)
    (x * 3).backward(np.ones(2))
    assert x.grad.dtype == np.float32
    y = leaf(1.0, 2.0)
    (y * 3).backward([1, 10])
    assert y.grad.tolist() == [3, 30]


def test_unbroadcast_sums_what_was_stretched():
    rng = np.random.default_rng(0)
    pairs = [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (2, 3)), ((1, 3), (4, 3))]
    pairs += [((1,), (0,)), ((2, 1, 1), (4, 2, 1, 3))]
    for small, big in pairs:
        grad = rng.normal(size=big)
        x = rng.normal(size=small)
        # The transpose of broadcasting: <broadcast(x), grad> = <x, unbroadcast(grad)>.
        left = (np.broadcast_to(x, big) * grad).sum()
        back = unbroadcast(grad, small)
        assert back.shape == small
        np.testing.assert_allclose((x * back).sum(), left)


# ----------------------------------------------------------------------------
# Mistakes
# ----------------------------------------------------------------------------


def test_a_second_backward_is_refused():
    x = leaf(1.0)
    y = x * 2
    z = y * 3
    z.backward()
    with pytest.raises(RuntimeError, match="second time through 'multiply'.*again"):
        z.backward()
    with pytest.raises(RuntimeError, match="second time through 'multiply'"):
        (y + 1).backward()
    assert x.grad == [6]


def test_a_leaf_changed_after_it_was_read_is_refused_before_anything_is_written():
    x, y = leaf(1.0, 2.0), leaf(1.0, 1.0)
    z = (x * x + y).sum()
    x.assign(np.array([5.0, 6.0]))
    with pytest.raises(RuntimeError, match=r"\(2,\) was changed.*'multiply' had read"):
        z.backward()
    assert x.grad is None and y.grad is None
    (x * x).sum().backward()  # a new tape reads the new values
    assert x.grad.tolist() == [10, 12]


def test_a_leaf_changed_after_a_view_of_it_was_read_is_refused():
    x = leaf(1.0, 2.0)
    view = x.reshape(2, 1)
    z = (view * view).sum()
    x.touch()
    with pytest.raises(RuntimeError, match="was changed in place"):
        z.backward()


def test_assign_is_for_trained_leaves():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="result of 'multiply'.*cannot be overwr"):
        (x * 2).assign(np.zeros(2))
    with pytest.raises(RuntimeError, match="a constant tensor cannot be overwritten"):
        Tensor([1.0, 2.0]).assign(np.zeros(2))
    with pytest.raises(ValueError, match=r"assign\(\) got \(3,\) for a tensor \(2,\)"):
        x.assign(np.zeros(3))


def test_a_tensor_is_not_edited_in_place():
    with pytest.raises(TypeError, match="not edited in place"):
        leaf(1.0)[0] = 2.0


def test_backward_needs_a_gradient_for_more_than_one_number():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"\(2,\) needs a gra.*got None;.*\.sum\(\)"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"\(2,\) needs a gradient.*got \(3,\)"):
        (x * 2).backward(np.ones(3))


def test_backward_needs_something_recorded():
    with pytest.raises(RuntimeError, match="does not require a gradient.*no_grad"):
        (Tensor([1.0]) * 2).backward()


def test_whole_numbers_have_no_gradient():
    with pytest.raises(TypeError, match="int64 cannot require a gradient.*float32"):
        Tensor(np.array([1, 2]), requires_grad=True)


@pytest.mark.parametrize("op", [ops.add, ops.multiply, ops.maximum, ops.matmul])
def test_types_are_not_mixed(op):
    a, b = Tensor(np.ones((2, 2), np.float32)), Tensor(np.ones((2, 2)))
    with pytest.raises(TypeError, match=rf"{op.__name__}\(\) got float32, float64"):
        op(a, b)


def test_a_fraction_is_not_rounded_to_a_whole_number():
    whole = Tensor(np.array([1, 2]))
    assert (whole * 3).data.tolist() == [3, 6]
    with pytest.raises(TypeError, match=r"multiply\(\) got int64, float32"):
        whole * 0.5


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: x + np.ones(4, np.float32), ["add()", "(2, 3)", "(4,)"]),
        (lambda x: x / np.ones((3, 2), np.float32), ["divide()", "(2, 3)", "(3, 2)"]),
        (lambda x: x @ x, ["matmul()", "(2, 3)"]),
        (lambda x: x @ np.ones(2, np.float32), ["matmul()", "(2, 3)", "(2,)"]),
        (lambda x: x @ 2.0, ["matmul()", "(2, 3)", "()"]),
        (
            lambda x: ops.matmul(x.reshape(2, 1, 3), np.ones((4, 3, 1), np.float32)),
            ["matmul()", "(2, 1, 3)", "(4, 3, 1)"],
        ),
        (lambda x: x.reshape(4, 2), ["reshape()", "(2, 3)", "(4, 2)"]),
        (lambda x: ops.permute_dims(x, (0, 2)), ["permute_dims()", "(0, 2)", "(2, 3)"]),
        (lambda x: ops.permute_dims(x, (0, 0)), ["permute_dims()", "(0, 0)", "(2, 3)"]),
        (lambda x: ops.permute_dims(x, (0,)), ["permute_dims()", "(0,)", "(2, 3)"]),
        (lambda x: x.sum(axis=2), ["sum()", "axis 2", "(2, 3)"]),
        (lambda x: x.mean(axis=(0, 5)), ["mean()", "axis (0, 5)", "(2, 3)"]),
        (lambda x: x.max(axis=-3), ["max()", "axis -3", "(2, 3)"]),
        (lambda x: x[:0].mean(), ["mean()", "(0, 3)"]),
        (lambda x: x[:0].max(), ["max()", "(0, 3)"]),
        (lambda x: ops.log_softmax(x, 2), ["log_softmax()", "axis 2", "(2, 3)"]),
        (lambda x: functional.linear(x, x[:, :2]), ["linear()", "(2, 3)", "(2, 2)"]),
        (lambda x: functional.linear(x, x, x[0]), ["linear()", "(2,)", "(3,)"]),
        (lambda x: functional.conv2d(x, x), ["conv2d()", "(N, C, H, W)", "(2, 3)"]),
        (lambda x: functional.max_pool2d(x), ["max_pool2d()", "(2, 3)"]),
        (lambda x: functional.avg_pool2d(x, 0), ["avg_pool2d()", "(2, 3)", "0"]),
        (
            lambda x: functional.cross_entropy(x, np.array([0])),
            ["cross_entropy()", "(2, 3)", "(1,)"],
        ),
        (
            lambda x: functional.cross_entropy(x[:0], np.array([], int)),
            ["cross_entropy()", "N at least 1", "(0, 3)"],
        ),
        (
            lambda x: functional.cross_entropy(x, np.array([0, 3])),
            ["cross_entropy()", "0 to 3", "3 classes"],
        ),
        (
            lambda x: functional.cross_entropy(x, np.array([-1, 0])),
            ["cross_entropy()", "-1 to 0", "3 classes"],
        ),
        (lambda x: x + x[:, :2], ["add()", "(2, 3)", "(2, 2)"]),
        (
            lambda x: ops.where(np.ones((2, 3), bool), x, x[:, :2]),
            ["where()", "(2, 2)"],
        ),
        (lambda x: ops.clip(x, 1, 0), ["clip()", "1 and 0"]),
        (lambda x: ops.gather(x, np.array([0])), ["gather()", "(2, 3)", "(1,)"]),
        (
            lambda x: ops.gather(x, np.zeros((4, 1), int), 1),
            ["gather()", "axis 1", "(4, 1)"],
        ),
        (
            lambda x: ops.scatter_add(x, np.array([0]), (4, 3)),
            ["scatter_add()", "(2, 3)", "(1, 3)"],
        ),
        (lambda x: ops.concat([]), ["concat()", "no tensors"]),
        (lambda x: ops.concat([x, x[:, :2]]), ["concat()", "(2, 3), (2, 2)"]),
        (lambda x: ops.stack([x, x[0]]), ["stack()", "(2, 3), (3,)"]),
        (lambda x: ops.pad(x, [(1, 1)]), ["pad()", "[(1, 1)]", "(2, 3)"]),
        (lambda x: ops.pad(x, [(1, 1), (0, -1)]), ["pad()", "(0, -1)"]),
        (lambda x: ops.logsumexp(x, 2), ["logsumexp()", "axis 2"]),
        (
            lambda x: functional.conv_transpose2d(x, x),
            ["conv_transpose2d()", "(C, O, k, k)", "(2, 3)"],
        ),
        (
            lambda x: functional.conv_transpose2d(
                x.reshape(1, 1, 2, 3), np.ones((1, 1, 2, 2), np.float32), padding=2
            ),
            ["conv_transpose2d()", "leaves nothing", "padding 2"],
        ),
        (
            lambda x: functional.csr_matmul(x[0], [0, 3], [0, 1, 2], x, 3),
            ["csr_matmul()", "x (3, N)", "(2, 3)"],
        ),
        (
            lambda x: functional.csr_matmul(x[0], [0, 2], [0, 1, 1], x, 2),
            ["csr_matmul()", "from 0 to Z"],
        ),
        (
            lambda x: functional.csr_matmul(x[0], [0, 3], [0, 1, 2], x, 2),
            ["csr_matmul()", "columns from 0 to 2", "2 columns"],
        ),
        (
            lambda x: functional.embedding(x, np.array([0, 2])),
            ["embedding()", "0 to 2", "2 rows"],
        ),
        (lambda x: functional.global_avg_pool(x), ["global_avg_pool()", "(2, 3)"]),
        (
            lambda x: functional.batch_norm(x, x[0, :2]),
            ["batch_norm()", "(2, 3)", "(2,)"],
        ),
        (lambda x: functional.batch_norm(x[:0]), ["batch_norm()", "(0, 3)"]),
        (
            lambda x: functional.layer_norm(x, x[0], x[0, :2]),
            ["layer_norm()", "(2, 3)", "(2,)"],
        ),
        (lambda x: functional.add_relu(x, x[0]), ["add_relu()", "(2, 3)", "(3,)"]),
        (lambda x: functional.dropout(x, 1.0, None), ["dropout()", "1.0"]),
        (
            lambda x: functional.bce_logits(x, x[0]),
            ["bce_logits()", "(2, 3)", "(3,)"],
        ),
        (
            lambda x: discrete.rank_match(x, x[0]),
            ["rank_match()", "(2, 3)", "(3,)"],
        ),
        (lambda x: discrete.top_k_mask(x, 7), ["top_k_mask()", "0 to 6", "k = 7"]),
        (
            lambda x: discrete.bernoulli_mask(2 * x, np.random.default_rng(0)),
            ["bernoulli_mask()", "from 0 to 1", "sigmoid()"],
        ),
        (lambda x: discrete.walsh_hadamard(x.T), ["walsh_hadamard()", "(3, 2)"]),
    ],
)
def test_errors_name_the_operation_and_what_it_got(call, words):
    with pytest.raises(ValueError) as error:
        call(Tensor(np.ones((2, 3), np.float32)))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "labels", [[0, 1], np.array([0.0, 1.0]), np.array([True, False])]
)
def test_labels_are_an_array_of_whole_numbers(labels):
    with pytest.raises(TypeError, match="whole numbers as labels"):
        functional.cross_entropy(np.ones((2, 3), np.float32), labels)


@pytest.mark.parametrize(
    "image, window, stride, padding",
    [((4, 4), 5, 1, 0), ((2, 9), 3, 1, 0), ((9, 9), 3, 0, 0), ((9, 9), 3, 1, -1)],
)
def test_a_window_must_fit(image, window, stride, padding):
    x, w = np.ones((1, 1, *image), np.float32), np.ones((1, 1, window, window), "f")
    with pytest.raises(ValueError, match=r"conv2d\(\) cannot slide"):
        functional.conv2d(x, w, stride=stride, padding=padding)


def test_an_exponent_is_a_number():
    with pytest.raises(TypeError, match=r"power\(\) takes a plain number.*exp"):
        leaf(1.0) ** leaf(2.0)


def test_numpy_does_not_swallow_a_tensor():
    x = leaf(1.0, 2.0)
    array = np.array([3.0, 4.0], np.float32)
    assert isinstance(array + x, Tensor)
    assert isinstance(np.float32(3) * x, Tensor)
    assert isinstance(array @ x, Tensor)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.exp(x)  # would leave the tape without a word
    assert np.asarray(x).tolist() == [1, 2]
    assert np.asarray(x).dtype == np.float32


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2), 2, 2.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_takes_the_type_of_the_tensor(number, dtype):
    x = Tensor(np.array([3.0], dtype))
    for result in (x * number, number - x, x / number, x**number):
        assert result.dtype == dtype
    assert (number - x).data == [-1]
    assert (x**number).data == [9]


def test_a_trained_tensor_owns_its_values():
    start = np.zeros(3, np.float32)
    x = Tensor(start, requires_grad=True)
    x.assign(np.ones(3))
    assert start.tolist() == [0, 0, 0]
    frozen = np.zeros(3, np.float32)
    frozen.flags.writeable = False
    Tensor(frozen, requires_grad=True).assign(np.ones(3))


def test_an_operation_of_ones_own_is_held_to_shape_and_type():
    x = leaf(1.0, 2.0)
    to_double = ops.custom("mine", lambda x: x.astype(float), lambda grad: grad)
    with pytest.raises(TypeError, match="forward of 'mine' gave float64.*float32"):
        to_double(x)
    nothing = ops.custom("mine", lambda x: None, lambda grad: grad)
    with pytest.raises(TypeError, match="forward of 'mine' gave NoneType"):
        nothing(x)
    for wrong, said in [
        (lambda grad: grad[:1], r"\(1,\)"),
        (lambda grad: None, "None"),
    ]:
        broken = ops.custom("mine", lambda x: x * 2, wrong)
        with pytest.raises(
            ValueError, match=rf"backward of 'mine' gave.*{said}.*\(2,\)"
        ):
            broken(x).sum().backward()


# ----------------------------------------------------------------------------
# Off the tape
# ----------------------------------------------------------------------------


def test_no_grad_records_nothing_and_ends():
    x = leaf(1.0)
    with no_grad():
        assert not (x * 2).requires_grad
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (x * 2).requires_grad


def test_no_grad_holds_for_its_own_thread_only():
    x = leaf(1.0)
    recorded = []
    inside, done = threading.Event(), threading.Event()

    def other():
        inside.wait()
        recorded.append((x * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        done.wait()
    thread.join()
    assert recorded == [True]


def test_detach_gives_a_constant_copy():
    x = leaf(1.0, 2.0)
    y = x * 3
    cut = y.detach()
    (cut * x).sum().backward()
    assert x.grad.tolist() == [3, 6]  # d(cut * x)/dx = cut, and no more
    start = x.detach()
    x.assign(np.zeros(2))
    assert start.data.tolist() == [1, 2]


# ----------------------------------------------------------------------------
# Unpacking theta: one buffer for all pieces
# ----------------------------------------------------------------------------

LAYOUT = Layout({"a": (2, 2), "b": (3,), "c": (1,)})


def gradient_of(loss):
    theta = leaf(*range(1, 9))
    loss(theta, LAYOUT.unpack(theta)).backward()
    return theta.grad.tolist()


def test_pieces_are_stretches_of_theta():
    pieces = LAYOUT.unpack(leaf(*range(1, 9)))
    assert pieces["a"].data.tolist() == [[1, 2], [3, 4]]
    assert pieces["b"].data.tolist() == [5, 6, 7]
    assert pieces["c"].data.tolist() == [8]


@pytest.mark.parametrize(
    "loss, want",
    [
        (lambda theta, p: (p["a"] ** 2).sum(), [2, 4, 6, 8, 0, 0, 0, 0]),
        (lambda theta, p: (p["b"] * p["b"]).sum(), [0, 0, 0, 0, 10, 12, 14, 0]),
        (lambda theta, p: p["c"].sum() + p["c"].sum(), [0] * 7 + [2]),
        (lambda theta, p: p["c"] * p["b"].sum(), [0, 0, 0, 0, 8, 8, 8, 18]),
        (lambda theta, p: (p["a"] @ p["a"].T).sum(), [8, 12, 8, 12, 0, 0, 0, 0]),
    ],
)
def test_pieces_used_twice_once_or_never(loss, want):
    assert gradient_of(loss) == want


def test_theta_used_beside_its_pieces():
    decay = [float(i) for i in range(1, 9)]

    def before(theta, p):
        penalty = (theta * theta).sum() * 0.5
        return penalty + p["b"].sum()

    def after(theta, p):
        return p["b"].sum() + (theta * theta).sum() * 0.5

    def between(theta, p):
        first = p["a"].sum()
        penalty = (theta * theta).sum() * 0.5
        return first * 0 + p["b"].sum() + penalty

    want = [g + (4 <= i < 7) for i, g in enumerate(decay)]
    for loss in (before, after, between):
        assert gradient_of(loss) == want


def test_theta_used_before_it_is_unpacked():
    theta = leaf(*range(1, 9))
    penalty = (theta * theta).sum() * 0.5
    (LAYOUT.unpack(theta)["b"].sum() + penalty).backward()
    assert theta.grad.tolist() == [1, 2, 3, 4, 6, 7, 8, 8]


def test_unpacking_twice_adds_up():
    def loss(theta, p):
        again = LAYOUT.unpack(theta)
        return p["b"].sum() + again["b"].sum() * 2 + again["c"].sum()

    assert gradient_of(loss) == [0, 0, 0, 0, 3, 3, 3, 1]


def test_pieces_of_a_freed_unpack_are_refused():
    theta = leaf(*range(8))
    pieces = LAYOUT.unpack(theta)
    pieces["a"].sum().backward()
    with pytest.raises(RuntimeError, match="second time through 'unpack'"):
        pieces["b"].sum().backward()


def test_a_layout_refuses_another_size():
    with pytest.raises(ValueError, match=r"holds 8 numbers in one vector, got \(7,\)"):
        LAYOUT.unpack(Tensor(np.zeros(7)))
    with pytest.raises(ValueError, match=r"got \(1, 8\)"):
        LAYOUT.views(np.zeros((1, 8)))


# ----------------------------------------------------------------------------
# Memory
# ----------------------------------------------------------------------------


def test_backward_frees_the_tape_even_where_the_result_is_kept():
    x = leaf(1.0, 2.0)
    middle = ops.exp(x)
    values = weakref.ref(middle.data)
    last = (middle * middle).sum()
    del middle
    assert values() is not None
    last.backward()
    assert values() is None


@pytest.mark.parametrize("name", BACKENDS)
def test_memory_does_not_grow_with_the_steps(name):
    gc.collect()
    gc.disable()  # whatever only the collector could free would count as growth
    try:
        with use(name):
            theta = leaf(*np.linspace(-1, 1, 8))
            x = np.ones((4, 2), np.float32)

            def step():
                pieces = LAYOUT.unpack(theta)
                y = functional.linear(x, pieces["a"], relu=True) @ pieces["b"][:2]
                (y * y).mean().backward()
                theta.grad = None

            for _ in range(100):
                step()
            # Blocks of the interpreter: an array cannot outlive its own. Others may
            # take some too, such as threads of earlier tests; a leak grows each time.
            growth = []
            while len(growth) < 3 and min(growth, default=100) >= 100:
                before = sys.getallocatedblocks()
                for _ in range(10_000):
                    step()
                growth.append(sys.getallocatedblocks() - before)
    finally:
        gc.enable()
    assert min(growth) < 100, growth
