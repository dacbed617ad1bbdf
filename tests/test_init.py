"""Starting weights: their spread, their signs, and that they never change."""

import hashlib
import math

import numpy as np
import pytest

from minitorch import init
from minitorch.models import lenet
from minitorch.nn import Layout

LAYOUT = Layout(
    {
        "dense.weight": (300, 200),
        "conv.weight": (40, 30, 5, 5),
        "conv.bias": (40,),
        "norm.gamma": (7,),
        "norm.beta": (7,),
    }
)
VARIANCE = {
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "xavier_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "xavier_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "signed_constant": lambda fan_in, fan_out: 2 / fan_in,
}
FANS = {"dense.weight": (200, 300), "conv.weight": (30 * 25, 40 * 25)}
VARIANCE["normal"] = lambda fan_in, fan_out: 0.05**2
every = pytest.mark.parametrize("name", VARIANCE)


def initialiser(name):
    return init.normal(0.05) if name == "normal" else getattr(init, name)


@every
def test_the_spread_is_the_formulas(name):
    pieces = LAYOUT.views(initialiser(name)(LAYOUT, seed=3))
    for piece, fans in FANS.items():
        values, want = pieces[piece], VARIANCE[name](*fans)
        assert abs(values.mean()) < 4 * math.sqrt(want / values.size)
        assert values.var() == pytest.approx(want, rel=0.03)
    assert (pieces["conv.bias"] == 0).all() and (pieces["norm.beta"] == 0).all()
    assert (pieces["norm.gamma"] == 1).all()


@every
def test_torch_calls_it_the_same(name):
    torch = pytest.importorskip("torch")
    theirs = {
        "he_normal": torch.nn.init.kaiming_normal_,
        "he_uniform": torch.nn.init.kaiming_uniform_,
        "xavier_normal": torch.nn.init.xavier_normal_,
        "xavier_uniform": torch.nn.init.xavier_uniform_,
    }.get(name)
    if theirs is None:
        pytest.skip("torch has no such function")
    more = {"nonlinearity": "relu"} if name.startswith("he") else {}
    for piece, values in LAYOUT.views(initialiser(name)(LAYOUT, 0)).items():
        if values.ndim > 1:
            torch.manual_seed(0)
            want = theirs(torch.empty(values.shape), **more)
            assert values.std() == pytest.approx(want.std().item(), rel=0.03), piece
            assert abs(values).max() == pytest.approx(abs(want).max().item(), rel=0.2)


@every
def test_a_seed_and_a_name_decide(name):
    draw = initialiser(name)
    assert draw(LAYOUT, 1).tobytes() == draw(LAYOUT, 1).tobytes()
    assert draw(LAYOUT, 1).tobytes() != draw(LAYOUT, 2).tobytes()
    alone = draw(Layout({"conv.weight": (40, 30, 5, 5)}), 1)
    assert (alone == LAYOUT.views(draw(LAYOUT, 1))["conv.weight"].ravel()).all()


def test_signed_constants_have_one_size_and_both_signs():
    values = init.signed_constant(Layout({"w": (100, 50)}), 0)
    assert np.unique(values).tolist() == pytest.approx([-0.2, 0.2])
    assert 0.45 < (values > 0).mean() < 0.55


def test_he_is_a_normal_of_its_own_size():
    """The same numbers of the same stream, at another scale."""
    layout = Layout({"w": (30, 8)})
    assert init.normal(0.5)(layout, 4).tobytes() == init.he_normal(layout, 4).tobytes()


@pytest.mark.parametrize("std", [-1, float("nan"), float("inf")])
def test_no_spread_below_zero(std):
    with pytest.raises(ValueError, match=f"spread of 0 or more, got {std}"):
        init.normal(std)


def test_golden():
    """A network starts with these very bytes, for ever."""
    digest = hashlib.sha256(lenet().init(0).tobytes()).hexdigest()
    assert digest[:16] == "edaab9460242f504"
