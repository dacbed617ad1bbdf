"""The store of rows, the runner and its command: nothing lost, nothing twice."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest

from minitorch.studies import runner, store, study
from minitorch.studies.__main__ import main
from minitorch.studies.store import append_row, provenance, read_rows
from minitorch.studies.subspaces import QUICK, STUDY

TINY = {**QUICK, "images": 200, "epochs": 1}


def tiny(scale):
    return [{**TINY, "d": d} for d in (2, 3)]


SMALL = replace(STUDY, grid=tiny)


def row(d=1, seed=0, **changed):
    whole = {"study": "s", "settings": {"d": d}, "seed": seed}
    return {**whole, "result": {"test": 0.5}, "provenance": {}, **changed}


# ----------------------------------------------------------------------------
# The store
# ----------------------------------------------------------------------------


def _write_many(path, who):
    for number in range(50):
        append_row(path, row(who, number, result={"padding": "x" * 500}))
        append_row(path, row("both", number))


def test_rows_of_two_writers_at_once_stay_whole_and_come_once(tmp_path):
    path = tmp_path / "rows.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, i)) for i in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [(str(r["settings"]["d"]), r["seed"]) for r in read_rows(path)]
    assert sorted(found) == sorted(
        (w, n) for w in ("0", "1", "both") for n in range(50)
    )


def test_a_missing_file_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.jsonl") == []


def test_a_half_line_at_the_end_is_left_out_and_then_cut_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_row(path, row(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seed": 1, "res')
    assert len(read_rows(path)) == 1
    append_row(path, row(2))
    assert path.read_bytes().startswith(whole)
    assert [r["settings"]["d"] for r in read_rows(path)] == [1, 2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"seed": 1, "res', "line 2 is not a row .*; delete that line"),
        ("[1, 2]", "line 2 should have .* has list"),
        ('{"seed": 1}', r"line 2 should have .* has \['seed'\]"),
        (json.dumps(row(seed="1")), "line 2: seed is '1', no int"),
        (json.dumps(row(seed=True)), "line 2: seed is True, no int"),
        (json.dumps(row(settings=[])), r"line 2: settings is \[\], no dict"),
        (
            json.dumps(row(result={"test": float("nan")})),
            "line 2 .*NaN is not a result",
        ),
        ("\xff\xfe", "line 2 is not a row"),
    ],
)
def test_nonsense_in_the_middle_is_named_and_nothing_added(tmp_path, line, words):
    path = tmp_path / "rows.jsonl"
    append_row(path, row(1))
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    before = path.read_bytes()
    for attempt in (lambda: read_rows(path), lambda: append_row(path, row(2))):
        with pytest.raises(ValueError, match=words):
            attempt()
    assert path.read_bytes() == before


def test_a_number_that_is_not_finite_is_refused_and_nothing_written(tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(ValueError, match="JSON compliant"):
        append_row(path, row(result={"accuracy": float("nan")}))
    assert not path.exists()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    pytest.importorskip("resource", reason="no limit on files to set here")
    path = tmp_path / "rows.jsonl"
    append_row(path, row(1))
    before = path.read_bytes()
    code = f"""
        import resource, signal, sys
        from minitorch.studies.store import append_row
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 20},) * 2)
        append_row(sys.argv[1], {row(2)!r})
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        capture_output=True,
        text=True,
    )
    assert "OSError" in run.stderr
    assert "were taken back" in run.stderr
    assert path.read_bytes() == before


# ----------------------------------------------------------------------------
# Where a row came from
# ----------------------------------------------------------------------------


def test_provenance_says_what_made_a_row():
    made = provenance("abc")
    wanted = {"backend", "code", "commit", "clean", "device", "python", "versions"}
    assert set(made) == wanted
    assert made["code"] == "abc"
    assert made["versions"]["numpy"] == np.__version__


def test_the_version_of_code_is_that_of_what_it_does(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "some_code.py"

    def version(text):
        file.write_text(text)
        return store.code_version(["some_code"])

    first = version('"""About."""\ndef f(x):\n    """Doc."""\n    return x + 1\n')
    same = version("def f(x):\n\n    # why\n    return (x +\n      1)\n")
    assert first == same
    assert version("def f(x):\n    return x + 2\n") != first
    assert version('def f(x="a"):\n    return x + 1\n') != first
    version("def f(x):\n    return x\nclass C:\n    pass\nother = 1\n")
    part = store.code_version(["some_code:f"])
    version("def f(x):\n    return x\nother = 2\n")
    assert store.code_version(["some_code:f"]) == part
    with pytest.raises(ValueError, match="some_code has no C, g"):
        store.code_version(["some_code:f,g,C"])
    with pytest.raises(ModuleNotFoundError, match="no module 'not_there'"):
        store.code_version(["not_there"])


# ----------------------------------------------------------------------------
# The runner
# ----------------------------------------------------------------------------


def outcome(path):
    """Each row as stored, less its provenance; in one order."""
    rows = [{**r, "provenance": None} for r in read_rows(path)]
    return sorted(json.dumps(r, sort_keys=True) for r in rows)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The rows of the tiny grid as this very process makes them."""
    path = tmp_path_factory.mktemp("serial") / "subspaces.jsonl"
    for settings, seed in SMALL.cells("quick", 2):
        result = SMALL.run(settings, seed)
        made = row(settings=settings, seed=seed, result=result, study="subspaces")
        append_row(path, made)
    return outcome(path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_processes_give_the_rows_of_a_serial_run(tmp_path, serial, jobs):
    added = runner.run_missing(
        SMALL, "quick", 2, folder=tmp_path, jobs=jobs, progress=False
    )
    assert added == 4
    assert outcome(SMALL.path(tmp_path)) == serial
    made = read_rows(SMALL.path(tmp_path))[0]["provenance"]
    assert made["code"] == SMALL.version() and made["seconds"] > 0
    again = runner.run_missing(SMALL, "quick", 2, folder=tmp_path, progress=False)
    assert again == 0


SLOW_START = "The current node timed out during startup"


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_gives_the_rows_of_a_serial_run(tmp_path, serial, backend):
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    code = f"""
        from pathlib import Path
        from dataclasses import replace
        from minitorch.studies import runner, subspaces
        TINY = {TINY!r}
        def tiny(scale):
            return [{{**TINY, "d": d}} for d in (2, 3)]
        if __name__ == "__main__":
            small = replace(subspaces.STUDY, grid=tiny)
            folder = Path({str(tmp_path)!r})
            how = dict(folder=folder, jobs=2, backend={backend!r}, progress=False)
            print(runner.run_missing(small, "quick", 2, **how))
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    for _ in range(3):  # Ray gives its own helpers 15 seconds to start, busy or not
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=300
        )
        if SLOW_START not in done.stderr:
            break
    else:
        pytest.skip("three times Ray was too slow to start for itself")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == "4"
    assert outcome(SMALL.path(tmp_path)) == serial


KILLED = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from minitorch.studies import runner, subspaces
    TINY = {**subspaces.QUICK, "images": 2_000, "epochs": 2}
    def many(scale):
        return [{**TINY, "d": d} for d in range(2, 8)]
    if __name__ == "__main__":
        small = replace(subspaces.STUDY, grid=many)
        how = {"folder": Path(sys.argv[1]), "jobs": 1, "progress": False}
        print("added", runner.run_missing(small, "quick", 2, **how))
"""


def started(folder):
    script = folder / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    return subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_killed_in_the_middle_and_started_again_it_loses_and_repeats_nothing(tmp_path):
    path = tmp_path / "subspaces.jsonl"
    running = started(tmp_path)
    for _ in range(1_200):
        if path.exists() and path.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    kept = path.read_bytes()
    before = read_rows(path)
    assert 2 <= len(before) < 12
    done = started(tmp_path).communicate(timeout=300)[0]
    rows = read_rows(path)
    assert done.split()[-1] == str(12 - len(before))
    assert path.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    cells = {(r["settings"]["d"], r["seed"]) for r in rows}
    assert len(cells) == len(rows) == 12


def test_two_runs_at_once_fill_the_grid_once(tmp_path):
    both = [started(tmp_path) for _ in range(2)]
    added = [int(one.communicate(timeout=300)[0].split()[-1]) for one in both]
    rows = read_rows(tmp_path / "subspaces.jsonl")
    assert len({(r["settings"]["d"], r["seed"]) for r in rows}) == len(rows) == 12
    assert sum(added) == 12


def test_a_worker_that_dies_is_an_error_and_leaves_no_wrong_row(tmp_path, monkeypatch):
    class Dying:
        name = SMALL.name

        def __reduce__(self):
            return os._exit, (9,)

    cells = [({**TINY, "d": 2}, 0), ({**TINY, "d": Dying()}, 0)]
    monkeypatch.setattr(study.Study, "missing", lambda *_: cells)
    monkeypatch.setattr(runner, "_left", lambda cells, path: iter(cells))
    with pytest.raises(RuntimeError, match="a worker died .* is stored"):
        runner.run_missing(SMALL, folder=tmp_path, jobs=2, progress=False)
    assert len(read_rows(SMALL.path(tmp_path))) <= 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: SMALL.cells("huge", 5),
            "no scale 'huge'; there are quick, book, full",
        ),
        (lambda: SMALL.cells("quick", 0), "at least 1 seed"),
        (lambda: study.find("subspce"), "Did you mean 'subspaces'"),
        (lambda: runner.run_missing(SMALL, backend="pbs"), "no back-end 'pbs'"),
    ],
)
def test_what_does_not_exist_is_an_error(call, words, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "results_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match=words):
        call()
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------
# The command
# ----------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(study, "find", lambda name: SMALL)


def test_run_list_show_and_verify(tmp_path, small, capsys):
    where = ["--folder", str(tmp_path)]
    assert main(["run", "subspaces", "--seeds", "1", "--jobs", "1", *where]) == 0
    said = capsys.readouterr().out
    assert "0 of 2 runs are there already" in said and "2 rows added" in said

    assert main(["run", "subspaces", "--seeds", "1", *where]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 runs are there already" in said and "0 rows added" in said

    assert main(["list", *where]) == 0
    said = capsys.readouterr().out
    assert "quick: 2 of 10 rows with 5 seeds" in said
    assert "0 of 2 rows are stale" in said

    assert main(["show", "subspaces", *where]) == 0
    said = capsys.readouterr().out
    assert "quick mlp-200 fastfood true d=2 seed 0: {" in said and "stale)" not in said

    assert main(["verify", "subspaces", *where]) == 0
    assert capsys.readouterr().out.count("the same") == 2


def test_rows_of_other_code_are_shown_as_stale(tmp_path, small, capsys, monkeypatch):
    where = ["--folder", str(tmp_path)]
    main(["run", "subspaces", "--seeds", "1", "--jobs", "1", *where])
    monkeypatch.setattr(study.Study, "version", lambda self: "newer")
    capsys.readouterr()
    main(["list", *where])
    assert "2 of 2 rows are stale" in capsys.readouterr().out
    main(["show", "subspaces", *where])
    said = capsys.readouterr().out
    assert said.count("(stale)") == 2 and "2 stale" in said


def test_verify_finds_a_row_that_was_tampered_with(tmp_path, small, capsys):
    where = ["--folder", str(tmp_path)]
    main(["run", "subspaces", "--seeds", "1", "--jobs", "1", *where])
    path = SMALL.path(tmp_path)
    better = re.sub(r'"test": [0-9.]+', '"test": 0.99', path.read_text())
    path.write_text(better)
    assert main(["verify", "subspaces", *where]) == 1
    assert "0.02 allowed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "subspce"], "Did you mean 'subspaces'"),
        (["run", "subspaces", "--scale", "huge"], "no scale 'huge'"),
        (["show", "nothing"], "no study is called 'nothing'"),
        (["verify", "subspaces", "--scale", "full"], "no rows of subspaces"),
    ],
)
def test_errors_of_the_command_are_one_line(words, said, capsys):
    assert main(words) == 1
    heard = capsys.readouterr().err.strip()
    assert said in heard and len(heard.splitlines()) == 1


def test_lists_are_compared_number_by_number():
    held = {"result": {"bytes": [100, 50], "test": 0.5, "other": 1}}
    again = {"bytes": [100, 51], "test": 0.5, "other": 2}
    assert STUDY.differences(held, again) == {}
    far = STUDY.differences(held, {**again, "bytes": [100, 900], "test": 0.6})
    assert set(far) == {"bytes", "test"}
    assert STUDY.differences(held, {**again, "bytes": [100]})["bytes"][0] == np.inf
