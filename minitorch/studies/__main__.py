"""Run, look at and check the studies: `python -m minitorch.studies --help`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from minitorch.studies import runner, study
from minitorch.studies.store import read_rows, results_folder


def main(words: list[str] | None = None) -> int:
    """Carry out one command; returns the exit status."""
    asked = _parser().parse_args(words)
    try:
        return int(asked.do(asked) or 0)
    except (ValueError, ImportError, RuntimeError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "stopped; finished rows are stored, the same command goes on with the rest",
            file=sys.stderr,
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m minitorch.studies")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run what is missing of a study")
    run.add_argument("study", metavar="NAME")
    run.add_argument("--scale", default="quick", help="quick (default), book or full")
    run.add_argument("--seeds", type=int, default=5, help="for each setting (5)")
    run.add_argument("--jobs", type=int, help="runs at once (as many as cores)")
    run.add_argument("--backend", default="loky", help="loky (default), dask or ray")
    run.add_argument("--address", default="", help="of a running cluster")
    _folder(run)
    run.set_defaults(do=_run)

    every = commands.add_parser("list", help="list the studies and their rows")
    _folder(every)
    every.set_defaults(do=_list)

    show = commands.add_parser("show", help="show the rows of a study")
    show.add_argument("study", metavar="NAME")
    _folder(show)
    show.set_defaults(do=_show)

    verify = commands.add_parser("verify", help="make some rows again and compare")
    verify.add_argument("study", metavar="NAME")
    verify.add_argument("--sample", type=int, default=3, help="how many rows (3)")
    verify.add_argument("--seed", type=int, default=0, help="of the draw (0)")
    verify.add_argument("--scale", default="", help="only rows of this scale")
    _folder(verify)
    verify.set_defaults(do=_verify)

    ledger = commands.add_parser("ledger", help="write the ledger's page in Markdown")
    ledger.set_defaults(do=_ledger)
    return parser


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, default=results_folder(), help="where the rows lie"
    )


def _run(asked: argparse.Namespace) -> None:
    which = study.find(asked.study)
    cells = which.cells(asked.scale, asked.seeds)
    left = which.missing(asked.scale, asked.seeds, asked.folder)
    print(f"{len(cells) - len(left)} of {len(cells)} runs are there already")
    added = runner.run_missing(
        which,
        asked.scale,
        asked.seeds,
        folder=asked.folder,
        jobs=asked.jobs,
        backend=asked.backend,
        address=asked.address,
        progress=sys.stderr.isatty(),
    )
    print(f"{added} rows added to {which.path(asked.folder)}")


def _list(asked: argparse.Namespace) -> None:
    for name in study.MODULES:
        which = study.find(name)
        rows = read_rows(which.path(asked.folder))
        print(f"{name}: {which.about}")
        for scale in study.SCALES:
            left = len(which.missing(scale, 5, asked.folder))
            cells = len(which.cells(scale, 5))
            needs = which.needs.get(scale, "")
            print(f"  {scale}: {cells - left} of {cells} rows with 5 seeds; {needs}")
        print(f"  {len(which.stale(rows))} of {len(rows)} rows are stale: older code")


def _show(asked: argparse.Namespace) -> None:
    which = study.find(asked.study)
    rows = read_rows(which.path(asked.folder))
    stale = {id(row) for row in which.stale(rows)}
    for row in rows:
        result = {name: _short(value) for name, value in row["result"].items()}
        mark = " (stale)" if id(row) in stale else ""
        scale = row["settings"].get("scale", "")
        print(
            f"{scale} {which.label(row['settings'])} seed {row['seed']}: {result}{mark}"
        )
    commits = Counter(row["provenance"].get("commit") for row in rows)
    print(f"{len(rows)} rows, made at {len(commits)} commits; {len(stale)} stale")


def _short(value: object) -> object:
    if isinstance(value, list):
        return [_short(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def _verify(asked: argparse.Namespace) -> int:
    which = study.find(asked.study)
    rows = read_rows(which.path(asked.folder))
    if asked.scale:
        rows = [row for row in rows if row["settings"].get("scale") == asked.scale]
    if not rows:
        raise ValueError(f"no rows of {which.name} to verify in {asked.folder}")
    wrong = 0
    for row in which.sample(rows, asked.sample, asked.seed):
        again = which.run(row["settings"], row["seed"])
        off = which.differences(row, again)
        wrong += bool(off)
        said = ", ".join(
            f"{measure} is {far:.4g} off, {most:g} allowed"
            for measure, (far, most) in off.items()
        )
        print(
            f"{which.label(row['settings'])} seed {row['seed']}: {said or 'the same'}"
        )
    return int(wrong > 0)


def _ledger(asked: argparse.Namespace) -> None:
    from minitorch.studies.ledger import page

    print(page(), end="")


if __name__ == "__main__":
    sys.exit(main())
