"""The mechanism of the exercises: what runs, what a check says, what is kept."""

import json
import linecache
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import minitorch
from minitorch.backends import backend
from minitorch.grading import (
    answer,
    check,
    exercise,
    load_answers,
    personal,
    progress,
    reveal,
    solution,
)
from minitorch.grading import learner as mechanism
from minitorch.grading.learner import check_with, is_unwritten
from minitorch.grading.references.engine import own_slopes
from minitorch.grading.spec import find, personal_rng, plain, read_guesses
from minitorch.weird import subspace

P = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
GRAD = np.array([1.0, 10.0, 100.0], np.float32)


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    """Start each test as a kernel in which no exercise was met yet."""
    monkeypatch.setattr(mechanism, "_said", set())
    monkeypatch.setattr(mechanism, "_students", {})
    monkeypatch.setattr(mechanism, "_seen", {})
    mechanism.answers.clear()
    yield
    mechanism.answers.clear()


def function_from(source, name="project_grad"):
    """Define a function from text, as a kernel does, with no source file."""
    space = {"np": np, "exercise": exercise, "hadamard": hadamard}
    exec(compile(source, "<cell>", "exec"), space)
    return space[name]


def hadamard(x):
    return backend().fwht(x[:, None])[:, 0]


# -- unwritten ----------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "raise NotImplementedError",
        "raise NotImplementedError()",
        "'''A docstring.'''\n    raise NotImplementedError",
        "# A comment.\n\n    raise NotImplementedError  # another",
    ],
)
def test_a_stub_is_unwritten(body):
    source = (
        f"@exercise('subspace/project_grad')\ndef project_grad(P, grad):\n    {body}"
    )
    assert function_from(source).state == "not attempted"


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "return P.T @ grad",
        "'''A docstring.'''",
        "raise NotImplementedError('not yet')",
        "x = P.T\n    raise NotImplementedError",
        "raise ValueError",
    ],
)
def test_anything_else_is_written(body):
    source = (
        f"@exercise('subspace/project_grad')\ndef project_grad(P, grad):\n    {body}"
    )
    assert function_from(source).state == "not checked"


def test_a_planted_bug_is_unwritten_until_the_code_changes():
    spec = find("subspace/fastfood_grad")
    lines = spec.planted.strip().splitlines()
    told = [
        lines[0],
        "    '''What it does.'''",
        *lines[1:3],
        "",
        "    # Pad.",
        *lines[3:],
    ]
    assert is_unwritten(function_from("\n".join(told), "fastfood_grad").__code__, spec)
    for old, new in (("/ L**0.5", "/ L**0.25"), ("mixed[Pi]", "mixed[B]")):
        other = function_from(spec.planted.replace(old, new), "fastfood_grad")
        assert not is_unwritten(other.__code__, spec)


def test_the_planted_bug_fails_its_check_and_mending_it_passes():
    source = find("subspace/fastfood_grad").planted
    decorated = "@exercise('subspace/fastfood_grad')" + source
    planted = function_from(decorated, "fastfood_grad")
    assert check(planted).status == "not attempted"
    renamed = function_from(decorated.replace("padded", "p"), "fastfood_grad")
    assert "1/L" in repr(check(renamed))
    mended = function_from(decorated.replace(" / L**0.5", ""), "fastfood_grad")
    assert check(mended)


# -- what a call runs ---------------------------------------------------------


def test_an_unwritten_stub_runs_the_reference_and_says_so_once(capsys):
    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        raise NotImplementedError

    for _ in range(3):
        np.testing.assert_array_equal(project_grad(P, GRAD), P.T @ GRAD)
    said = capsys.readouterr().out
    assert said == ("[subspace/project_grad] not written yet: the reference runs.\n")
    assert check(project_grad).status == "not attempted"


def test_the_learners_function_runs_after_it_passed_and_not_before(capsys):
    calls = []

    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        calls.append(1)
        return P.T @ grad

    project_grad(P, GRAD)
    assert not calls
    assert "not checked yet, run check(project_grad)" in capsys.readouterr().out
    assert check(project_grad)
    calls.clear()
    project_grad(P, GRAD)
    assert calls == [1]
    assert capsys.readouterr().out == ""


def test_a_function_that_fails_its_check_is_not_used(capsys):
    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        return 2 * P.T @ grad

    assert not check(project_grad)
    np.testing.assert_array_equal(project_grad(P, GRAD), P.T @ GRAD)
    assert "has not passed its check" in capsys.readouterr().out
    np.testing.assert_array_equal(project_grad.mine(P, GRAD), 2 * P.T @ GRAD)


def test_a_function_that_calls_itself_is_checked_as_it_stands(capsys):
    @exercise("subspace/fwht")
    def fwht(x):
        if len(x) == 1:
            return x
        a, b = fwht(x[: len(x) // 2]), fwht(x[len(x) // 2 :])
        return np.concatenate([a + b, a - b])

    assert check(fwht)

    @exercise("subspace/fwht")
    def endless(x):
        a, b = endless(x[: len(x) // 2]), endless(x[len(x) // 2 :])
        return np.concatenate([a + b, a - b])

    assert not check(endless)
    assert capsys.readouterr().out == ""


def test_a_slow_function_passes_but_the_reference_runs(capsys):
    def burn():
        stop = time.process_time() + 0.06
        while time.process_time() < stop:
            pass

    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        burn()
        return P.T @ grad

    result = check(project_grad)
    assert result.status == "passed"
    assert "times slower" in repr(result)
    assert not project_grad.runs_mine
    project_grad(P, GRAD)
    assert "times slower: the reference runs" in capsys.readouterr().out


def test_a_float64_result_comes_back_in_the_type_of_the_inputs():
    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        return P.astype(np.float64).T @ grad

    assert check(project_grad)
    assert project_grad(P, GRAD).dtype == np.float32


def test_the_decorated_function_keeps_its_name_and_docstring():
    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        """Bring the gradient back."""
        raise NotImplementedError

    assert project_grad.__name__ == "project_grad"
    assert project_grad.__doc__ == "Bring the gradient back."


# -- what a check says --------------------------------------------------------


def checked(function, id="subspace/project_grad"):
    return check_with(exercise(id)(function), np.random.default_rng(0))


@pytest.mark.parametrize(
    "output, words",
    [
        (lambda P, grad: None, "ends without a return"),
        (lambda P, grad: (P.T @ grad).tolist(), "a list"),
        (lambda P, grad: (P.T @ grad,), "a comma too many"),
        (lambda P, grad: minitorch.Tensor(P.T @ grad), "not tensors"),
        (lambda P, grad: np.ma.array(P.T @ grad), "a MaskedArray"),
        (lambda P, grad: (P.T @ grad).astype(int), "floats, such as float32"),
        (lambda P, grad: (P.T @ grad).astype(complex), "complex128"),
        (lambda P, grad: (P.T @ grad).astype(object), "object"),
        (lambda P, grad: (P.T @ grad)[:1], "(1,)"),
        (lambda P, grad: (P.T @ grad)[None], "an axis is too many"),
        (lambda P, grad: P.T * grad, "broadcasting"),
        (lambda P, grad: (P.T @ grad) * np.nan, "nan"),
        (lambda P, grad: (P.T @ grad)[::-1].copy(), "in another order"),
        (lambda P, grad: "P.T @ grad", "a str"),
        (lambda P, grad: 3.0, "a float"),
    ],
)
def test_a_wrong_form_is_named(output, words):
    result = checked(output)
    assert result.status == "not yet"
    assert words in repr(result)


@pytest.mark.parametrize(
    "output, words",
    [
        (lambda ds, acc, baseline: np.array([20]), "one whole number"),
        (lambda ds, acc, baseline: True, "a bool"),
        (lambda ds, acc, baseline: 10**400, "finite"),
        (lambda ds, acc, baseline: np.nan, "finite"),
        (lambda ds, acc, baseline: None, "None"),
        (lambda ds, acc, baseline: "20", "a str"),
    ],
)
def test_a_wrong_number_is_named(output, words):
    result = checked(output, "subspace/d_int90")
    assert result.status == "not yet"
    assert words in repr(result)


@pytest.mark.parametrize(
    "output, words",
    [
        (lambda phi, bits: subspace.quantise(phi, bits)[0], "a tuple of 2"),
        (lambda phi, bits: (*subspace.quantise(phi, bits), 1), "tuple of 3"),
        (lambda phi, bits: subspace.quantise(phi, bits)[::-1], "part 1 of the result"),
    ],
)
def test_a_wrong_pair_is_named(output, words):
    result = checked(output, "subspace/quantise")
    assert result.status == "not yet"
    assert words in repr(result)


def test_changing_an_input_is_found():
    def project_grad(P, grad):
        answer = P.T @ grad
        grad *= 0
        return answer

    assert "changed its input grad" in repr(checked(project_grad))


def test_an_exception_is_one_line_with_the_learners_line_number():
    source = "def project_grad(P, grad):\n    x = P.T\n    return x[99]"
    result = checked(function_from(source))
    assert result.status == "raised"
    got = dict(result.lines)["got"]
    assert got.startswith("IndexError: index 99 is out of bounds")
    assert got.endswith("(line 3)")


def test_an_exception_in_a_helper_of_the_cell_is_shown_where_it_arose():
    source = (
        "def helper(x):\n    return x[99]\n"
        "def project_grad(P, grad):\n    return helper(P)"
    )
    assert "(line 2)" in repr(checked(function_from(source)))


def test_an_exception_in_numpy_is_shown_at_the_learners_line():
    source = "def project_grad(P, grad):\n    return np.linalg.inv(P) @ grad[:0]"
    assert "(line 2)" in repr(checked(function_from(source)))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, RecursionError])
def test_nothing_gets_out_of_a_check(error):
    def project_grad(P, grad):
        raise error

    result = checked(project_grad)
    assert result.status == "raised"
    assert error.__name__ in repr(result)


def test_a_stub_line_left_at_the_end_is_named():
    def project_grad(P, grad):
        P.T @ grad
        raise NotImplementedError

    assert "delete it" in repr(checked(project_grad))


def test_wrong_parameters_are_one_line():
    assert "takes 1 positional argument but 2 were given" in repr(checked(lambda P: P))


def test_a_plain_function_is_told_which_decorator_it_needs():
    def project_grad(P, grad):
        return P.T @ grad

    result = check(project_grad)
    assert result.status == "no exercise" and not result
    assert '@exercise("subspace/project_grad")' in repr(result)


@pytest.mark.parametrize(
    "thing", [None, 3, "subspace/project_grad", print, np.zeros(3)]
)
def test_anything_else_is_told_what_check_takes(thing):
    assert "@exercise" in repr(check(thing))


def test_every_check_draws_fresh_inputs():
    seen = []

    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        seen.append(P.sum())
        return P.T @ grad

    assert check(project_grad)
    first = seen.copy()
    seen.clear()
    assert check(project_grad)
    assert first[0] == seen[0] and first[1:] != seen[1:]


def test_the_html_shows_the_message_and_escapes_it():
    def project_grad(P, grad):
        raise ValueError("<script>")

    text = checked(project_grad)._repr_html_()
    assert "<strong>Raised</strong>" in text
    assert "&lt;script&gt;" in text and "<script>" not in text


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'subspace/project'"):
        exercise("subspace/projct")
    with pytest.raises(ValueError, match="write the identifier"):

        @exercise
        def project(theta0, P, phi):
            raise NotImplementedError


# -- right answers of another kind --------------------------------------------


def in_recursion(x):
    if len(x) == 1:
        return x.copy()
    a, b = np.split(x, 2)
    a, b = in_recursion(a), in_recursion(b)
    return np.concatenate([a + b, a - b])


def by_loops(x):
    x, half = list(map(float, x)), 1
    while half < len(x):
        for start in range(0, len(x), 2 * half):
            for i in range(start, start + half):
                x[i], x[i + half] = x[i] + x[i + half], x[i] - x[i + half]
        half *= 2
    return np.array(x)


def by_matrix(x):
    H = np.ones((1, 1), x.dtype)
    while len(H) < len(x):
        H = np.block([[H, H], [H, -H]])
    return H @ x


def back_by_argsort(grad, B, Pi, G, d):
    padded = np.concatenate([grad, np.zeros(len(G) - len(grad))])
    c = (len(grad) * (G**2).sum()) ** -0.5
    return c * (B * hadamard((G * hadamard(padded))[np.argsort(Pi)]))[:d]


def back_by_matrix(grad, B, Pi, G, d):
    columns = [subspace.fastfood(e, B, Pi, G, len(grad)) for e in np.eye(d)]
    return np.array(columns) @ grad


def smallest_by_loop(ds, accuracy, baseline):
    for i in np.argsort(ds):
        if sum(accuracy[:, i]) / len(accuracy) / baseline >= 0.9:
            return ds[i]


def rounded(phi, bits):
    step = np.abs(phi).max() / 2 ** (bits - 1)
    codes = np.round(phi / step + (2**bits - 1) / 2)
    return np.clip(codes, 0, 2**bits - 1).astype(np.uint16), step


def by_counting_children(edges, last):
    """Kahn's way: a node is ready when all its children are listed."""
    reached, todo = {last}, [last]
    parents = {}
    for child, parent in edges.tolist():
        parents.setdefault(child, []).append(parent)
    for node in todo:
        fresh = [p for p in dict.fromkeys(parents.get(node, [])) if p not in reached]
        reached.update(fresh)
        todo += fresh
    waits = dict.fromkeys(reached, 0)
    for node in reached:
        for parent in parents.get(node, []):
            waits[parent] += 1
    ready = [last]
    for node in ready:
        for parent in parents.get(node, []):
            waits[parent] -= 1
            if not waits[parent]:
                ready.append(parent)
    return np.array(ready, np.int32)


def axis_by_axis(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


def row_by_row(logits, labels):
    loss, grad = 0.0, np.empty_like(logits)
    for i, (x, label) in enumerate(zip(logits, labels, strict=True)):
        p = np.exp(x - x.max())
        loss += np.log(p.sum()) + x.max() - x[label]
        grad[i] = p / p.sum()
        grad[i, label] -= 1
    return loss / len(labels), grad / len(labels)


def by_jacobian(grad, x):
    rows = []
    for g, v in zip(grad, x, strict=True):
        F, c = len(v), v - v.mean()
        var = (c**2).mean() + 1e-5
        J = (np.eye(F) - 1 / F) / var**0.5 - np.outer(c, c) / (F * var**1.5)
        rows.append(J @ g)
    return np.array(rows)


def test_a_walk_too_deep_for_python_is_told_to_use_a_loop():
    def topological_order(edges, last):
        parents, done = {}, []
        for child, parent in edges.tolist():
            parents.setdefault(child, []).append(parent)

        def visit(node):
            for parent in parents.get(node, []):
                if parent not in done:
                    visit(parent)
            if node not in done:
                done.append(node)

        visit(last)
        return np.array(done[::-1])

    result = check(exercise("engine/topological_order")(topological_order))
    assert result.status == "raised" and "and a loop" in repr(result)


def test_a_judge_may_look_at_the_shape_itself():
    want = np.zeros(3)
    assert "shape" in plain(np.zeros(2), want).compared
    assert plain(np.zeros(2), want, any_shape=True).shape == (2,)
    assert "dtype" in plain(np.zeros(2, int), want, any_shape=True).compared


def test_the_bug_in_layer_norm_is_known_as_given():
    spec = find("engine/layer_norm_grad")
    given = "@exercise('engine/layer_norm_grad')" + spec.planted
    assert check(function_from(given, "layer_norm_grad")).status == "not attempted"
    told = given.replace("x):\n", "x):\n    '''What it does.'''\n")
    assert check(function_from(told, "layer_norm_grad")).status == "not attempted"


@pytest.mark.parametrize(
    "id, function",
    [
        ("engine/multiply_grad", lambda g, a, b: (np.multiply(b, g), a * g)),
        ("engine/unbroadcast", axis_by_axis),
        ("engine/topological_order", by_counting_children),
        ("engine/log_softmax", lambda x: x - np.logaddexp.reduce(x, 1)[:, None]),
        ("engine/cross_entropy", row_by_row),
        ("engine/layer_norm_grad", by_jacobian),
        ("subspace/project", lambda theta0, P, phi: phi @ P.T + theta0),
        ("subspace/project", lambda t, P, phi: t + (P * phi).sum(axis=1)),
        ("subspace/unit_columns", lambda P: P / np.linalg.norm(P, axis=0)),
        ("subspace/unit_columns", lambda P: P * np.einsum("ij,ij->j", P, P) ** -0.5),
        ("subspace/project_grad", lambda P, grad: grad @ P),
        (
            "subspace/project_grad",
            lambda P, g: np.array([g @ column for column in P.T]),
        ),
        ("subspace/fwht", in_recursion),
        ("subspace/fwht", by_loops),
        ("subspace/fwht", by_matrix),
        ("subspace/fastfood_grad", back_by_argsort),
        ("subspace/fastfood_grad", back_by_matrix),
        ("subspace/d_int90", smallest_by_loop),
        ("subspace/quantise", rounded),
    ],
)
def test_another_right_answer_passes(id, function):
    for seed in range(20):
        result = check_with(exercise(id)(function), np.random.default_rng(seed))
        assert result.status == "passed", (seed, result)


# -- values, predictions, texts -----------------------------------------------

GUESSES = dict.fromkeys(find("engine/guesses").questions)
FIRST = "visits on a chain of 20 doublings"


def state(id):
    return mechanism.answers[id].state


def run_cell(source, monkeypatch, **names):
    """Run a cell as a kernel does: no file, but its lines are known."""
    lines = source.splitlines(keepends=True)
    held = (len(source), None, lines, "<a cell>")
    monkeypatch.setitem(linecache.cache, "<a cell>", held)
    space = {"np": np, "answer": answer, "exercise": exercise, "check": check, **names}
    exec(compile(source, "<a cell>", "exec"), space)
    return space


@pytest.mark.parametrize(
    "id, value",
    [
        ("engine/own_slopes", ...),
        ("engine/own_slopes", None),
        ("engine/guesses", GUESSES),
        ("engine/guesses", ...),
        ("engine/guesses", {}),
        ("engine/checkpoints", ""),
        ("engine/checkpoints", " \n "),
        ("private/rank", ...),
    ],
)
def test_an_answer_as_it_was_given_is_not_attempted(id, value, capsys):
    assert answer(id, value) is value
    assert state(id) == "not attempted"
    said = capsys.readouterr().out
    assert said.startswith("NOT ATTEMPTED") and "run this cell again" in said


@pytest.mark.parametrize("as_typed", [np.array, list, tuple, lambda x: x.astype(int)])
def test_a_right_value_passes_however_it_was_typed(as_typed, capsys):
    a, b, c = personal("engine/own_slopes", student="1234567")
    given = as_typed(own_slopes(a, b, c))
    assert answer("engine/own_slopes", given) is given
    assert "answer for the number 1234567" in capsys.readouterr().out
    assert state("engine/own_slopes") == "passed"


def test_three_digits_of_a_value_are_enough_and_two_are_not():
    P, grad = personal("subspace/own_share", student="7")
    exact = find("subspace/own_share").reference(P, grad)
    for digits, status in ((3, "passed"), (1, "not yet")):
        answer("subspace/own_share", float(f"{exact:.{digits}g}"))
        assert state("subspace/own_share") == status


def test_a_wrong_value_is_explained_and_the_right_one_is_not_told(capsys):
    a, b, c = personal("engine/own_slopes", student="1234567")
    right = own_slopes(a, b, c)
    answer("engine/own_slopes", right[::-1].tolist())
    said = capsys.readouterr().out
    assert "in the order c, b, a" in said and f"a = {a:g}, b = {b:g}" in said
    answer("engine/own_slopes", [right[0], 1, 1])
    said = capsys.readouterr().out
    assert "counted from 0: 0" in said and f"{right[1]:g}" not in said


@pytest.mark.parametrize(
    "value, words",
    [
        ("3, 4, 5", "a str"),
        ([1.0, 2.0], "(3,)"),
        ([1.0, [2.0], 3.0], "a list"),
        (["1", "2", "3"], "a list"),
        ([1.0, np.nan, 3.0], "nan"),
        (7, "an array of shape (3,)"),
        (minitorch.Tensor([1.0, 2.0, 3.0]), "not tensors"),
    ],
)
def test_a_value_of_a_wrong_form_is_named(value, words, capsys):
    personal("engine/own_slopes", student="1234567")
    answer("engine/own_slopes", value)
    assert words in capsys.readouterr().out
    assert state("engine/own_slopes") == "not yet"


def test_without_a_student_number_the_data_are_an_examples(capsys):
    data = personal("engine/own_slopes", student="")
    answer("engine/own_slopes", own_slopes(*data))
    said = capsys.readouterr().out
    assert "no student number yet" in said and "Put your student number" in said
    assert state("engine/own_slopes") == "not yet"
    assert personal("engine/own_slopes", student=...) == data


def test_personal_data_are_the_students_own_and_stay_for_ever():
    # These numbers are printed here so that another numpy cannot change them.
    assert personal("engine/own_slopes", "1234567") == (3.0, 7.0, 5.0)
    assert personal("engine/own_slopes", " 123-4567 ") == (3.0, 7.0, 5.0)
    assert personal("engine/own_slopes", 1234567) == (3.0, 7.0, 5.0)
    seen = {personal("engine/own_slopes", str(n)) for n in range(200)}
    assert len(seen) > 150
    P, grad = personal("subspace/own_share", "1234567")
    np.testing.assert_allclose(grad[:2], [0.06985268, -2.12916652], 1e-6)
    np.testing.assert_allclose(np.linalg.norm(P, axis=0), 1)


@pytest.mark.parametrize("id", [f"{n}" for n in range(20)])
def test_an_own_share_is_far_from_all_or_nothing(id):
    spec = find("subspace/own_share")
    (data,) = spec.cases(personal_rng(spec.id, id))
    assert 0.3 < spec.reference(*data) < 0.8


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: answer("engine/log_softmax", 3), "asks for a function"),
        (lambda: answer("engine/own_slope", 3), "Did you mean"),
        (lambda: answer(3, 3), "no exercise"),
        (lambda: exercise("engine/own_slopes"), "asks for no function"),
        (lambda: personal("engine/guesses"), "no personal data"),
        (lambda: reveal("engine/own_slopes", [3]), "asks for no guesses"),
        (lambda: reveal("engine/guesses", [3]), "for the 4 questions"),
    ],
)
def test_an_answer_to_another_kind_of_exercise_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
    assert not mechanism.answers


def test_guesses_are_noted_whatever_they_say(capsys):
    given = GUESSES | {FIRST: 12}
    assert answer("engine/guesses", given) is given
    said = capsys.readouterr().out
    assert said.startswith("NOTED") and "1 of 4 guesses noted" in said
    assert "open  max-pool" in said
    assert state("engine/guesses") == "noted"


@pytest.mark.parametrize(
    "value, words",
    [
        ({"test accuracy with a wrong gradient": 90}, "range, 0 to 1"),
        ({FIRST: "many"}, "a str where one finite number"),
        ({FIRST: True}, "a bool"),
        ({FIRST: float("inf")}, "inf where"),
        ({FIRST: [1, 2]}, "a list"),
        ({"visits": 3}, "visits"),
        ([1, 2, 3, 4], "a list; wanted is a dict"),
    ],
)
def test_what_is_no_guess_is_named(value, words, capsys):
    answer("engine/guesses", value)
    said = capsys.readouterr().out
    assert words in said and "0 of 4 guesses" in said
    assert state("engine/guesses") == "not yet"
    assert read_guesses(find("engine/guesses"), value)[0] == {}


def test_guesses_stand_beside_what_came_out_and_cannot_be_mended():
    measured = [1000, 2.0, "not run", 0.5]
    answer("engine/guesses", GUESSES | {FIRST: 12})
    assert "12" in repr(reveal("engine/guesses", measured, "quick scale"))
    assert "quick scale" in repr(reveal("engine/guesses", measured, "quick scale"))
    answer("engine/guesses", GUESSES | {FIRST: 12})  # the same once more
    assert state("engine/guesses") == "noted"
    answer("engine/guesses", GUESSES | {FIRST: 1000})
    late = "changed after the result was seen"
    assert late in state("engine/guesses")
    assert late in repr(reveal("engine/guesses", measured))
    assert late in repr(progress())
    answer("engine/guesses", GUESSES)
    assert state("engine/guesses") == "not attempted"


def test_guesses_first_made_after_the_result_are_late_too():
    assert repr(reveal("engine/guesses", [1, 2, 3, 4])).count("none") == 4
    answer("engine/guesses", GUESSES | {FIRST: 1})
    assert "changed after the result was seen" in state("engine/guesses")


def test_a_text_is_to_be_read_by_a_person(capsys):
    answer("engine/checkpoints", "I kept every tenth.")
    assert "4 words. To be read by a person" in capsys.readouterr().out
    assert state("engine/checkpoints") == "to read"
    answer("engine/checkpoints", 3)
    assert "a text in quotes" in capsys.readouterr().out


def test_a_teachers_own_exercise_needs_no_specification(capsys):
    @exercise("private/double")
    def double(x):
        return 2 * x

    assert double(4) == 8
    assert "Your teacher grades this one" in repr(check(double))
    assert answer("private/number", 3) == 3

    @exercise("private/later")
    def later(x):
        raise NotImplementedError

    assert "Hints" not in repr(check(later))
    with pytest.raises(NotImplementedError):
        later(1)
    states = {row[0]: row[1] for row in progress().rows}
    assert states["private/double"] == states["private/number"] == "noted"
    assert states["private/later"] == "not attempted"


def test_all_kinds_count_and_are_kept(tmp_path, monkeypatch):
    a, b, c = personal("engine/own_slopes", student="12")
    cell = f"answer('engine/own_slopes', {own_slopes(a, b, c).tolist()})"
    run_cell(cell, monkeypatch)
    answer("engine/guesses", GUESSES | {FIRST: 2})
    exec("answer('engine/checkpoints', 'My words.')")  # no line of it is known
    assert "3 of 9 exercises done" in repr(progress("engine"))
    held = progress().save(tmp_path / "answers.json").answers
    assert held["engine/own_slopes"] == {"state": "passed", "source": cell}
    # From a file comes the statement alone.
    kept = held["engine/guesses"]["source"]
    assert kept == 'answer("engine/guesses", GUESSES | {FIRST: 2})'
    assert "'My words.'" in held["engine/checkpoints"]["source"]
    assert set(load_answers(tmp_path / "answers.json").answers) == set(held)


HELPED = """
@exercise("subspace/project_grad")
def project_grad(P, grad):
    return {body}


result = check(project_grad)
"""


@pytest.mark.parametrize(
    "body, missing",
    [
        ("helper(P) @ grad", "`helper`"),
        ("P.T @ grad * factor + other", "`factor`, `other`"),
        ("P.T @ grad", ""),
        ("sum(x * g for x, g in zip(P, grad))", ""),
        ("(lambda Q: np.asarray(Q @ grad))(P.T)", ""),
        ("project(0 * P[0], P.T, grad) if hadamard else None", ""),
        ("__import__('math').fsum([0]) + P.T @ grad", ""),
    ],
)
def test_a_name_that_a_grader_will_not_know_is_pointed_out(body, missing, monkeypatch):
    names = {"helper": np.transpose, "factor": 1, "other": 0, "hadamard": hadamard}
    names["project"] = lambda theta0, P, phi: P @ phi
    result = run_cell(HELPED.format(body=body), monkeypatch, **names)["result"]
    assert result.status == "passed"
    mind = dict(result.lines).get("mind", "")
    assert mind.startswith(missing) and bool(mind) == bool(missing)


@pytest.mark.parametrize(
    "line, missing",
    [
        ("import scipy.linalg", "`scipy.linalg`"),
        ("from sklearn import linear_model as m", "`sklearn`"),
        ("from minitorch.weird.subspace import project", "`minitorch.weird.subspace`"),
        ("import math, numpy.linalg as la", ""),
    ],
)
def test_a_module_that_a_grader_will_not_have_is_pointed_out(
    line, missing, monkeypatch
):
    source = f"{line}\n{HELPED.format(body='P.T @ grad')}"
    result = run_cell(source, monkeypatch)["result"]
    mind = dict(result.lines).get("mind", "")
    assert mind.startswith(missing) and bool(mind) == bool(missing)


def test_a_value_taken_from_another_cell_is_pointed_out(monkeypatch, capsys):
    data = personal("engine/own_slopes", student="12")
    cell = 'answer("engine/own_slopes", slopes)'
    run_cell(cell, monkeypatch, slopes=own_slopes(*data))
    said = capsys.readouterr().out
    assert "PASSED" in said and "`slopes` comes from another cell" in said


def test_only_the_chapter_asked_for_is_imported():
    code = (
        "import sys, minitorch.grading as g; g.answer('engine/checkpoints', 'x');"
        "print([m for m in sys.modules if 'grading.chapters.' in m])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.endswith("['minitorch.grading.chapters.engine']\n")


# -- solutions, progress, saved answers ---------------------------------------


def test_a_solution_is_the_references_own_source_folded():
    shown = solution("subspace/fwht")
    assert "half *= 2" in repr(shown) and '"""' not in repr(shown)
    compile(repr(shown), "<solution>", "exec")
    assert shown._repr_html_().startswith("<details><summary>Solution of subspace/fwht")


def test_progress_shows_the_states():
    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        return P.T @ grad

    @exercise("subspace/project")
    def project(theta0, P, phi):
        raise NotImplementedError

    check(project_grad)
    states = {row[0]: row[1] for row in progress().rows}
    assert states["subspace/project_grad"] == "passed"
    assert states["subspace/project"] == "not attempted"
    assert states["subspace/fwht"] == "not seen"
    assert "1 of 11 exercises done" in repr(progress())
    assert "1 of 11 exercises done" in progress()._repr_html_()


def test_progress_of_an_unknown_chapter_is_refused():
    with pytest.raises(ValueError, match="'subspace'"):
        progress("sub")


def test_a_cell_is_kept_whole_with_its_helpers(tmp_path, monkeypatch):
    cell = """def helper(x):
    return x.T

@exercise("subspace/project_grad")
def project_grad(P, grad):
    return helper(P) @ grad
"""
    # What a kernel does, so that tracebacks can show the lines of a cell.
    lines = cell.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, "<cell>", (len(cell), None, lines, "<cell>"))
    assert check(function_from(cell))
    held = progress().save(tmp_path / "answers.json")
    assert held.answers["subspace/project_grad"]["source"] == cell


def test_answers_survive_in_a_file_and_are_not_run(tmp_path):
    path = tmp_path / "answers.json"

    @exercise("subspace/project_grad")
    def project_grad(P, grad):
        return P.T @ grad

    @exercise("subspace/fwht")
    def fwht(x):
        raise NotImplementedError

    check(project_grad)
    assert "1 answer saved" in repr(progress().save(path))

    mechanism.answers.clear()  # another kernel, another exercise

    @exercise("subspace/project")
    def project(theta0, P, phi):
        return 7

    progress().save(path)
    held = load_answers(path)
    assert set(held.answers) == {"subspace/project_grad", "subspace/project"}
    assert held.answers["subspace/project_grad"]["state"] == "passed"
    assert "return P.T @ grad" in repr(held) and "<details>" in held._repr_html_()
    assert set(mechanism.answers) == {"subspace/project"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "x", "answers": {}}'])
def test_another_file_is_neither_read_nor_overwritten(tmp_path, text):
    path = tmp_path / "notes.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no saved answers"):
        load_answers(path)
    with pytest.raises(ValueError, match="holds no saved answers"):
        progress().save(path)
    assert path.read_text() == text


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="progress"):
        load_answers(tmp_path / "none.json")


def test_a_failed_save_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "answers.json"
    progress().save(path)
    before = json.loads(path.read_text())

    def full_disk(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(json, "dump", full_disk)
    with pytest.raises(OSError, match="no space left"):
        progress().save(path)
    assert json.loads(path.read_text()) == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_exercises_need_no_heavy_import():
    code = (
        "import sys, minitorch.grading as g; g.progress();"
        "print([m for m in ('torch', 'matplotlib', 'scipy', 'IPython') "
        "if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert out.stdout.strip() == "[]"
