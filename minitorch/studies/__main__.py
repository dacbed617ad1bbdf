"""Run what is missing of a study: `python -m minitorch.studies run subspaces`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from minitorch.studies import subspaces
from minitorch.studies.store import append_row, provenance, read_rows, results_folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m minitorch.studies")
    parser.add_argument("command", choices=["run"])
    parser.add_argument("study", choices=[subspaces.NAME])
    parser.add_argument("--scale", choices=["quick", "book", "full"], default="quick")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--out", type=Path, default=results_folder(), help="folder of the rows"
    )
    asked = parser.parse_args()
    path = asked.out / f"{asked.study}.jsonl"
    cells = [
        (settings, seed)
        for settings in subspaces.grid(asked.scale)
        for seed in range(asked.seeds)
    ]
    done = [(row["settings"], row["seed"]) for row in read_rows(path)]
    left = [cell for cell in cells if cell not in done]
    print(f"{len(cells) - len(left)} of {len(cells)} runs are there already")
    for number, (settings, seed) in enumerate(left, 1):
        started = time.process_time()
        result = subspaces.run(settings, seed)
        row = {
            "study": asked.study,
            "settings": settings,
            "seed": seed,
            "result": result,
            "provenance": provenance(time.process_time() - started),
        }
        append_row(path, row)
        what = " ".join(
            str(settings[key]) for key in ("net", "projection", "data", "d")
        )
        print(f"{number}/{len(left)} {what} seed {seed}: {result}", flush=True)


if __name__ == "__main__":
    main()
