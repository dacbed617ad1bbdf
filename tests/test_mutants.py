"""Every check refuses every mutant, says why, and accepts the reference."""

import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mutants import MUTANTS

from minitorch.grading.learner import Answer, check_with
from minitorch.grading.spec import chapters, exercises

for file in sorted(Path(__file__).with_name("mutants").glob("[a-z]*.py")):
    importlib.import_module(f"mutants.{file.stem}")

SEEDS = range(20)
# A value is judged as a function of its data; guesses and texts are never wrong.
EXERCISES = [
    each
    for name in chapters()
    for each in exercises(name).values()
    if each.kind in {"function", "value"}
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.function.__name__)
def test_a_mutant_is_refused_and_its_misconception_named(mutant):
    spec = next(each for each in EXERCISES if each.id == mutant.id)
    for seed in SEEDS:
        answer = Answer(spec, mutant.function)
        result = check_with(answer, np.random.default_rng(seed))
        assert result.status == "not yet", (seed, result)
        assert mutant.words.lower() in repr(result).lower(), (seed, result)
        assert not answer.runs_mine


@pytest.mark.parametrize("spec", EXERCISES, ids=lambda spec: spec.id)
def test_the_reference_passes(spec):
    for seed in SEEDS:
        answer = Answer(spec, spec.reference)
        result = check_with(answer, np.random.default_rng(seed))
        assert result.status == "passed", (seed, result)
        assert answer.runs_mine


def test_every_exercise_has_three_mutants():
    counts = Counter(mutant.id for mutant in MUTANTS)
    assert all(counts[spec.id] >= 3 for spec in EXERCISES), counts
    assert set(counts) <= {spec.id for spec in EXERCISES}
