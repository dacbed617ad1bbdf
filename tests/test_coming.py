"""Exercises that wait for their notebook are held to what all others are.

See `minitorch.grading.coming`. Once a chapter is listed, the tests of all chapters
take over, and nothing here is left to do.
"""

import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import mutants
import numpy as np
import pytest

from minitorch.grading import coming
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.spec import chapters

SEEDS = range(20)
CHAPTERS = [each.name for each in pkgutil.iter_modules(coming.__path__)]
SPECS, MUTANTS = {}, []
for name in CHAPTERS:
    module = importlib.import_module(f"minitorch.grading.coming.{name}")
    SPECS |= {each.id: each for each in module.EXERCISES}
    listed = len(mutants.MUTANTS)
    importlib.import_module(f"mutants._{name}")
    # Taken off again: the other tests look these up among the chapters that are listed.
    MUTANTS += mutants.MUTANTS[listed:]
    del mutants.MUTANTS[listed:]
JUDGED = [each for each in SPECS.values() if each.kind in {"function", "value"}]


def test_what_is_to_come_is_not_listed_and_nothing_waits_twice():
    assert not set(CHAPTERS) & set(chapters())
    waiting = Path(mutants.__file__).parent.glob("_[a-z]*.py")
    assert {path.stem[1:] for path in waiting} == set(CHAPTERS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.function.__name__)
def test_a_mutant_is_refused_and_its_misconception_named(mutant):
    for seed in SEEDS:
        answer = Answer(SPECS[mutant.id], mutant.function)
        result = check_with(answer, np.random.default_rng(seed))
        assert result.status == "not yet", (seed, result)
        assert mutant.words.lower() in repr(result).lower(), (seed, result)


@pytest.mark.parametrize("spec", JUDGED, ids=lambda spec: spec.id)
def test_the_reference_passes_and_has_three_mutants(spec):
    for seed in SEEDS:
        answer = Answer(spec, spec.reference)
        result = check_with(answer, np.random.default_rng(seed))
        assert result.status == "passed", (seed, result)
    assert Counter(mutant.id for mutant in MUTANTS)[spec.id] >= 3


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_kind_is_there_once_but_functions(chapter):
    specs = [each for each in SPECS.values() if each.id.startswith(f"{chapter}/")]
    counts = Counter(spec.kind for spec in specs)
    assert {counts[kind] for kind in ("value", "prediction", "open")} == {1}
    assert counts["function"] >= 4 and any(spec.planted for spec in specs)
    assert [spec.kind for spec in specs if spec.personal] == ["value"]
    for spec in specs:
        assert len(spec.rubric.splitlines()) == spec.points * (spec.kind == "open")
