"""The studies of CPPNs and NEAT: their runs, their stored rows, their figures."""

import json

import numpy as np
import pytest
import torch
from committed import whole
from scipy import stats

from minitorch.models import mlp
from minitorch.studies import cppn, neat
from minitorch.studies import cppn_figures as figures
from minitorch.weird.neat import from_plain, likeness, minimal, paint

TINY = {**cppn.QUICK, "images": 600, "epochs": 2}


def test_halved_pictures_are_means():
    x = np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32)
    wanted = torch.nn.functional.avg_pool2d(torch.tensor(x), 2)
    np.testing.assert_allclose(cppn.halved(x), wanted, atol=1e-6)


def test_repeated_weights_read_the_same():
    """Why "asked again" is held against them: repeating alone loses nothing."""
    small, large = mlp(196, 64, 10), mlp(784, 64, 10)
    theta = small.init(3)
    first = small.layout.views(theta)["dense1.weight"]
    fine = cppn.dataset("large", 600).test_x[:50]
    logits = small(theta, cppn.halved(fine)).data
    grown = cppn.larger(theta, cppn.repeated(first))
    np.testing.assert_allclose(large(grown, fine).data, logits, atol=1e-4)


@pytest.mark.parametrize("name", ["direct", "random", "frozen", "offsets"])
def test_a_run_says_how_it_went(name):
    row = cppn.run(cppn.case(name, {**TINY, "bits": [8]}), 0)
    assert json.loads(json.dumps(row)) == row
    assert row["repeated"] == row["test"] > 0.2
    assert ("asked" in row) == (name not in ("direct", "random"))
    assert row["first"] == {"direct": 12544, "offsets": 673}.get(name, 0)
    assert abs(row["decoded"][0] - row["test"]) < 0.05
    assert row["alive"] > 0.4


def test_without_centring_hidden_units_die():
    """The trap that the chapter warns of, at the rate where the others learn."""
    mixed = cppn.case("mixed", {**TINY, "images": 4000, "lr": 0.01})
    alive = {
        centred: cppn.run({**mixed, "centred": centred}, 0)["alive"]
        for centred in (True, False)
    }
    assert alive[False] < 0.2 < 0.8 < alive[True]


def test_the_same_run_again():
    assert cppn.run(TINY, 1) == cppn.run(TINY, 1)
    settings = {**neat.QUICK, "population": 6, "generations": 3}
    for kind in neat.KINDS:
        row = neat.run({**settings, "kind": kind}, 1)
        assert row == neat.run({**settings, "kind": kind}, 1)
        assert row["likeness"] == sorted(row["likeness"])
        best = from_plain(row["genomes"][-1])
        found = likeness(paint(best, 28), neat.wanted(3))
        assert abs(found - row["test"]) < 1e-4


def test_what_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no network 'huge'"):
        cppn.network("huge")


@pytest.mark.parametrize("study", [cppn.STUDY, neat.STUDY], ids=lambda each: each.name)
def test_rows_are_complete_and_of_this_code(study):
    whole(study)


SHOWN = [
    "comparison",
    "layers",
    "twice",
    "messages",
    "generations",
    "evolution",
]


@pytest.mark.parametrize("name", SHOWN)
def test_figures_say_what_they_read(name):
    made = getattr(figures, name)()
    again = getattr(figures, name)()
    assert made._repr_html_() == again._repr_html_()
    assert "5 seeds" in made._repr_html_()


def test_asked_again_is_held_against_repeated_pixels():
    shown = figures.twice()
    for line, name in zip(shown.rows, figures.CPPNS, strict=True):
        far = cppn.results(name, "asked") - cppn.results(name, "repeated")
        low, high = stats.t.interval(0.95, 4, far.mean(), stats.sem(far))
        words = "{:+.2f} ({:+.2f} to {:+.2f})".format(
            *(100 * v for v in (far.mean(), low, high))
        )
        assert line[-1] == words
        assert ("in no case better" in shown.caption) <= (low <= 0)


def test_a_genome_s_bits_are_those_of_its_links():
    row = neat.STUDY.stored(**neat.BOOK)[0]
    genome = from_plain(row["result"]["genomes"][-1])
    on = [link for link in genome.links if link.on]
    few, rough = figures.in_bits(genome, 4)
    many, fine = figures.in_bits(genome, 20)
    assert many - few == 16 * len(on) and len(rough.links) == len(on)
    painted = paint(genome, 28)
    off = [np.abs(paint(each, 28) - painted).max() for each in (rough, fine)]
    assert off[1] < 1e-3 < off[0]


def test_figures_of_what_they_are_given():
    assert "any size" in figures.zoom(minimal(1)).title
    g = cppn.parametrization(TINY, 0)
    made = figures.fields(g, g.init(0), note="a test")
    assert "641 numbers" in made.title and "10 tiles of 28 by 28" in made.alt
