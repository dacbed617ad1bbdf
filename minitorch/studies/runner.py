"""Run what is missing of a study, in parallel, and lose nothing that was finished.

joblib shares the runs out: among processes of this machine (loky), or over a
cluster of Dask or Ray. A worker gives its row back, and this process alone
writes; two such processes at once keep out of each other's way by a lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from minitorch.studies.store import Row, append_row, key, provenance, read_rows
from minitorch.studies.study import Study, find

BACKENDS = ("loky", "dask", "ray")


def run_missing(
    study: Study,
    scale: str = "quick",
    seeds: int = 5,
    *,
    folder: Path | None = None,
    jobs: int | None = None,
    backend: str = "loky",
    address: str = "",
    progress: bool = True,
) -> int:
    """Run every cell that has no row yet, and store each row as soon as it is there.

    Args:
        study: what to run.
        scale: quick, book or full.
        seeds: how many for each setting, counted from 0.
        folder: of the rows; the committed results where left out.
        jobs: how many runs at once; as many as there are cores where left out.
        backend: loky for this machine, dask or ray for a cluster.
        address: of a running cluster; left out, one is started on this machine.
        progress: whether to show a progress bar with the time that is left.

    Returns:
        How many rows were added.

    Raises:
        ValueError: for a scale, back-end or number of seeds that does not exist, or
            a file of rows that holds nonsense.
        RuntimeError: when a worker died; the rows that were finished are stored.
        ImportError: when the cluster's package is not installed.
    """
    cells = study.missing(scale, seeds, folder)
    if not cells:
        return 0
    path, origin = study.path(folder), provenance(study.version())
    added = 0
    with ExitStack() as stack:
        rows = stack.enter_context(_workers(study, cells, path, backend, jobs, address))
        if progress:
            from tqdm import tqdm

            rows = tqdm(rows, total=len(cells), unit="run", desc=study.name)
        for settings, seed, result, seconds in rows:
            row = {
                "study": study.name,
                "settings": settings,
                "seed": seed,
                "result": result,
                "provenance": {**origin, "seconds": round(seconds, 2)},
            }
            added += append_row(path, row)
            if progress:
                rows.set_postfix_str(study.label(settings), refresh=False)
    return added


Finished = tuple[Row, int, Row, float]


@contextmanager
def _workers(
    study: Study,
    cells: list[tuple[Row, int]],
    path: Path,
    backend: str,
    jobs: int | None,
    address: str,
) -> Iterator[Any]:
    """Give the finished runs as they come, whichever is first."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    jobs = jobs or os.cpu_count() or 1
    try:
        with _cluster(backend, jobs, address), parallel_config(backend, n_jobs=jobs):
            waiting = (
                delayed(run_cell)(study.name, *cell) for cell in _left(cells, path)
            )
            if backend == "ray":  # gives lists only, so a few runs at a time
                yield _by_handfuls(waiting, 2 * jobs)
            else:
                pool = Parallel(return_as="generator_unordered", batch_size=1)
                yield pool(waiting)
    except TerminatedWorkerError as error:
        raise RuntimeError(
            "a worker died (killed, or out of memory). What was finished is stored: "
            "run the same command again, with fewer --jobs if memory is short"
        ) from error


def _by_handfuls(waiting: Iterator[Any], size: int) -> Iterator[Finished]:
    from joblib import Parallel

    while handful := list(islice(waiting, size)):
        yield from Parallel(batch_size=1)(handful)


def _left(cells: list[tuple[Row, int]], path: Path) -> Iterator[tuple[Row, int]]:
    """Leave out what another process has finished in the meantime."""
    size, done = -1, set()
    for cell in cells:
        now = path.stat().st_size if path.exists() else 0
        if now != size:
            done = {key(row["settings"], row["seed"]) for row in read_rows(path)}
            size = now
        if key(*cell) not in done:
            yield cell


def run_cell(name: str, settings: Row, seed: int) -> Finished:
    """Run one cell, in whatever process this is; seconds are of its CPU.

    On one thread: the result does not depend on how a library shares its work out,
    and two workers do not fight over two cores.

    >>> from minitorch.studies.subspaces import QUICK
    >>> tiny = {**QUICK, "images": 200, "epochs": 1, "d": 2}
    >>> settings, seed, result, seconds = run_cell("subspaces", tiny, seed=0)
    >>> sorted(result)
    ['D', 'test', 'train']
    """
    from threadpoolctl import threadpool_limits

    started = time.process_time()
    with threadpool_limits(1):
        result = find(name).run(settings, seed)
    return settings, seed, result, time.process_time() - started


@contextmanager
def _cluster(backend: str, jobs: int, address: str) -> Iterator[None]:
    """Have the cluster up that joblib is to use."""
    if backend not in BACKENDS:
        raise ValueError(f"no back-end {backend!r}; there are {', '.join(BACKENDS)}")
    if backend == "dask":
        distributed = _import("distributed", "dask")
        local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.Client(address or None, **({} if address else local)):
            yield
    elif backend == "ray":
        ray = _import("ray", "ray")
        from ray.util.joblib import register_ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
        local = {"num_cpus": jobs, "include_dashboard": False, "log_to_driver": False}
        ray.init(address or None, **({} if address else local))
        register_ray()
        try:
            yield
        finally:
            ray.shutdown()
    else:
        yield


def _import(module: str, what: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} is not installed: pip install 'weird-ways[cluster]'"
        ) from error
