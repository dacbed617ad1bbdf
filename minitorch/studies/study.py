"""What a study is, and the list of them."""

from __future__ import annotations

import difflib
import importlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.studies.store import Row, code_version, key, read_rows, results_folder

SCALES = ("quick", "book", "full")
# Each of these modules holds a `STUDY`.
NAMES = ["subspaces", "finetune", "cartpole"]
NAMES += ["hypernets", "left_alone", "hyper_lstm", "cppn", "neat"]
NAMES += ["pruned", "tickets", "connectivity"]
NAMES += ["supermasks", "subset_sums", "superposition", "laperm"]
NAMES += ["bn_only", "never_on"]
MODULES = {name: f"minitorch.studies.{name}" for name in NAMES}


@dataclass(frozen=True)
class Study:
    """A grid of settings and seeds over one pure function.

    Args:
        name: also of its file of rows, NAME.jsonl.
        about: what it asks, in one sentence.
        run: (settings, seed) -> result, plain numbers, texts and lists; the same
            every time for the same arguments. A function of a module, so that
            other processes can find it.
        grid: scale -> the settings to run, the most needed first.
        label: settings -> a few words, for the progress bar and tables.
        code: modules, or "module:names", whose code decides what comes out (see
            `store.code_version`); a row made by other code of theirs is stale.
        tolerance: measure -> how far it may be off when a row is made again on
            another machine; 0 for what must be equal. Measures not named are not
            compared.
        needs: what the scales ask for beyond a processor, and how long they take.
    """

    name: str
    about: str
    run: Callable[[Row, int], Row]
    grid: Callable[[str], list[Row]]
    label: Callable[[Row], str]
    code: tuple[str, ...]
    tolerance: dict[str, float]
    needs: dict[str, str] = field(default_factory=dict)

    def path(self, folder: Path | None = None) -> Path:
        """Where its rows lie: in the committed results, or in another folder."""
        return (folder or results_folder()) / f"{self.name}.jsonl"

    def version(self) -> str:
        """Name the code that makes its rows today."""
        return code_version(self.code)

    def cells(self, scale: str, seeds: int) -> list[tuple[Row, int]]:
        """List every (settings, seed) of a scale: all seeds of a setting together.

        Raises:
            ValueError: for a scale that is not defined, or no seed.
        """
        if scale not in SCALES:
            raise ValueError(f"no scale {scale!r}; there are {', '.join(SCALES)}")
        if seeds < 1:
            raise ValueError(f"a study takes at least 1 seed, got {seeds}")
        return [(each, seed) for each in self.grid(scale) for seed in range(seeds)]

    def missing(
        self, scale: str, seeds: int, folder: Path | None = None
    ) -> list[tuple[Row, int]]:
        """List the cells of a scale that have no row yet."""
        rows = read_rows(self.path(folder))
        done = {key(row["settings"], row["seed"]) for row in rows}
        return [cell for cell in self.cells(scale, seeds) if key(*cell) not in done]

    def stored(self, **wanted: Any) -> list[Row]:
        """Read the committed rows whose settings hold the wanted values, by seed.

        A setting that a row does not have counts as None.
        """
        rows = [
            row
            for row in read_rows(self.path())
            if all(row["settings"].get(key) == value for key, value in wanted.items())
        ]
        return sorted(rows, key=lambda row: row["seed"])

    def results(self, measure: str = "test", **wanted: Any) -> np.ndarray:
        """Read one measure of the committed rows, by seed, (S,) or (S, ...)."""
        return np.array([row["result"][measure] for row in self.stored(**wanted)])

    def stale(self, rows: list[Row]) -> list[Row]:
        """Pick the rows that other code made than stands here now."""
        version = self.version()
        return [row for row in rows if row["provenance"].get("code") != version]

    def sample(self, rows: list[Row], count: int, seed: int = 0) -> list[Row]:
        """Pick some rows to make again, drawn with a seed."""
        return random.Random(seed).sample(rows, min(count, len(rows)))

    def differences(self, row: Row, again: Row) -> dict[str, tuple[float, float]]:
        """Compare a row with the result of making it again.

        Returns:
            For each measure that is further off than its tolerance: how far, and
            how far it may be.
        """
        off = {}
        for measure, tolerance in self.tolerance.items():
            if measure in row["result"]:
                far = _apart(row["result"][measure], again[measure])
                if far > tolerance:
                    off[measure] = (far, tolerance)
        return off


def _apart(first: object, second: object) -> float:
    """The largest difference between two numbers, or two lists of the same length."""
    if isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            return float("inf")
        return max(map(_apart, first, second), default=0.0)
    if isinstance(first, int | float) and isinstance(second, int | float):
        return abs(first - second)
    return 0.0 if first == second else float("inf")


def find(name: str) -> Study:
    """Look a study up.

    Raises:
        ValueError: when there is none of that name.

    >>> find("subspaces").name
    'subspaces'
    >>> find("subspace")
    Traceback (most recent call last):
    ValueError: no study is called 'subspace'. Did you mean 'subspaces'?
    """
    if name not in MODULES:
        near = difflib.get_close_matches(name, MODULES, n=1) or list(MODULES)
        raise ValueError(
            f"no study is called {name!r}. Did you mean {' or '.join(map(repr, near))}?"
        )
    study: Study = importlib.import_module(MODULES[name]).STUDY
    return study
