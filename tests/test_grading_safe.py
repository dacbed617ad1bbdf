"""Hand-ins that do their worst, graded for real in a sandbox."""

import contextlib
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.grading import run, spec
from minitorch.grading import sandbox as sandboxes
from minitorch.grading.run import grade_notebook
from minitorch.grading.sandbox import Ended, Limits, Sandbox, SandboxError, Watch
from minitorch.grading.wire import pack, unpack

IDS = ["subspace/project", "subspace/project_grad", "subspace/fwht"]
THREE = {id: spec.exercises("subspace")[id] for id in IDS}
MIDDLE = IDS[1]
LIMITS = Limits(seconds=1.0, exercise_seconds=2.0, whole_seconds=20.0)
MARK = f"MINITORCH_TEST_{os.getpid()}"
WAYS = ["bubblewrap", "unshare"]
REQUIRED = os.environ.get("MINITORCH_REQUIRE_SANDBOX") == "1"


def other_exercises():
    chapter = spec.exercises("engine")
    return {id: each for id, each in chapter.items() if each.kind != "function"}


@pytest.fixture(scope="module", autouse=True)
def marked():
    """Let everything that runs in a sandbox be found by its environment."""
    before = dict(sandboxes._ENVIRONMENT)
    sandboxes._ENVIRONMENT[MARK] = "1"
    yield
    sandboxes._ENVIRONMENT.clear()
    sandboxes._ENVIRONMENT.update(before)


@pytest.fixture(scope="module")
def root(marked):
    """The root folder, made once for all kinds of sandbox."""
    with Sandbox.open(unsafe=True) as box:
        yield box.root


@pytest.fixture(scope="module")
def opened(root):
    """Give a kind of sandbox, or skip visibly where the machine has not got it."""

    def get(way):
        box = Sandbox(root, way)
        try:
            box.start(LIMITS).stop()
        except SandboxError as error:
            if REQUIRED:
                raise
            pytest.skip(f"no {way}: {error}")
        return box

    return cache(get)


@pytest.fixture(params=WAYS)
def each_sandbox(request, opened):
    """Both kinds in turn."""
    return opened(request.param)


@pytest.fixture
def box(opened):
    """The kind that is tried first."""
    return opened("bubblewrap")


@pytest.fixture(autouse=True)
def nothing_is_left():
    """After each test no process of a hand-in is there."""
    yield
    until = time.monotonic() + 5
    while found := still_running():
        assert time.monotonic() < until, found
        time.sleep(0.02)


def still_running():
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if MARK.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def right(id):
    reference = THREE[id].reference
    return f'@exercise("{id}")\n{inspect.getsource(reference)}'


def middle(body):
    """A cell that answers the middle exercise with this body."""
    lines = "\n".join("    " + line for line in body.strip().split("\n"))
    return f'@exercise("{MIDDLE}")\ndef project_grad(P, grad):\n{lines}\n'


def cell(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, **more}


def notebook(*sources, cells=None, version=minitorch.__version__):
    held = cells or [cell(source) for source in sources]
    metadata = {"course_version": version}
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": held}).encode()


def graded(raw, box, exercises=THREE, limits=LIMITS, student=None):
    return grade_notebook(
        raw,
        "subspace",
        7,
        student=student,
        exercises=exercises,
        limits=limits,
        sandbox=box,
    )


def grade_middle(source, box, **more):
    """Grade a hand-in whose middle cell is this; nobody else must suffer by it."""
    report = graded(notebook(right(IDS[0]), source, right(IDS[2])), box, **more)
    first, outcome, last = report.outcomes
    assert (first.status, last.status) == ("passed", "passed")
    if outcome.status not in ("passed", "not yet", "raised"):
        # The next hand-in is none the wiser.
        after = graded(notebook(right(MIDDLE)), box, {MIDDLE: THREE[MIDDLE]})
        assert after.outcomes[0].status == "passed"
    return outcome, report


def said(outcome):
    return "\n".join(text for _, text in outcome.lines)


# -- right, wrong, unwritten --------------------------------------------------


def test_right_answers_get_all_points(each_sandbox):
    report = graded(notebook(*map(right, IDS)), each_sandbox)
    assert [each.status for each in report.outcomes] == ["passed"] * 3
    assert report.score == sum(each.points for each in THREE.values())
    assert report.notes == () and report.problem == ""
    assert report.outcomes[1].source == right(MIDDLE)


@pytest.mark.parametrize(
    "source, status, words",
    [
        (middle("return 2 * P.T @ grad"), "not yet", "2 times the wanted one"),
        (middle("return (P.T @ grad).tolist()"), "not yet", "a list"),
        (middle("return np.ma.array(P.T @ grad)"), "not yet", "a MaskedArray"),
        (middle("return P.astype(object)"), "not yet", "an array of dtype object"),
        (middle("return minitorch.Tensor(P.T @ grad)"), "not yet", "not tensors"),
        (middle("return P[99]"), "raised", "(line 3: return P[99])"),
        (middle("grad *= 2\nreturn P.T @ grad / 2"), "not yet", "changed its input"),
        (middle("return project_grad"), "not yet", "an Answer"),
        (middle("raise NotImplementedError"), "not attempted", "as it was given"),
        (middle("'''P'''\nraise NotImplementedError()"), "not attempted", "as it was"),
        (middle("return ("), "raised", "SyntaxError"),
        (f'@exercise("{MIDDLE}")\nclass A: pass', "raised", "TypeError"),
        (f'answer("{MIDDLE}", 3)', "not yet", "a function under @exercise"),
        (f'1 / 0\n@exercise("{MIDDLE}")\ndef f(P, g): ...', "raised", "(line 1: 1 / 0"),
        (f'if 0:\n    @exercise("{MIDDLE}")\n    def f(): ...', "missing", "no answer"),
    ],
)
def test_an_answer_gets_its_line(box, source, status, words):
    outcome = graded(notebook(source), box, {MIDDLE: THREE[MIDDLE]}).outcomes[0]
    assert outcome.status == status and outcome.score == 0
    assert words in said(outcome)


def test_a_magic_or_a_broken_last_line_costs_nothing(box):
    source = f"%matplotlib inline\n{right(MIDDLE)}\n!ls\nplots.curves([])"
    outcome, report = grade_middle(source, box)
    assert outcome.status == "passed"
    assert "cell 2 raised NameError" in report.notes[0]


NOTEBOOK_ONLY = """\
%pip install foo
# I call minitorch.setup() first.
minitorch.setup(scale="quick")
files = !ls "it's
size = len(files)
cell = %time 3
np.dot?
?np.linalg.norm
text = ("%d is "
  % size)
if size:
    !echo (
"""


def test_what_only_a_notebook_understands_costs_nothing(box):
    outcome, report = grade_middle(NOTEBOOK_ONLY + right(MIDDLE), box)
    assert outcome.status == "passed" and report.notes == ()


def test_a_helper_may_stand_in_the_cell_that_installs(box):
    cells = ["%pip install foo\ndef helper(P): return P.T"]
    report = graded(notebook(*cells, middle("return helper(P) @ grad")), box)
    assert report.outcomes[1].status == "passed"


def test_a_helper_in_a_cell_of_its_own_is_found(box):
    cells = [
        "import this_is_no_module\nfrom math import prod as product\nSIZE = 2",
        "def helper(P):\n    return product([1, 1]) * twice(P.T) / SIZE",
        "for _ in range(10**12):\n    pass",
        "def twice(x): return 2 * x",
        middle("return helper(P) @ grad"),
    ]
    report = graded(notebook(*cells), box)
    assert report.outcomes[1].status == "passed"


def test_half_the_points_where_only_an_edge_is_wrong(box):
    source = right("subspace/fwht").replace("(x", "(x", 1)
    source += "\nhonest = fwht.mine\n@exercise('subspace/fwht')\n"
    source += "def fwht(x):\n    return honest(x) if len(x) > 1 else 2 * x\n"
    report = graded(notebook(source), box)
    outcome = report.outcomes[2]
    assert outcome.status == "partly" and outcome.score == outcome.points / 2
    assert "at the edge" in said(outcome) and "wanted" in dict(outcome.lines)


# -- what is not there --------------------------------------------------------

SEARCH = """
import os
found = []
for folder, _, names in os.walk("/"):
    for name in names:
        if name.endswith((".py", ".ipynb", ".json", ".pyc")):
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    if b"project_grad" in file.read():
                        found.append(os.path.join(folder, name))
            except OSError:
                pass
raise LookupError(f"{len(found)} files {found[:3]}")
"""


HIDDEN = ["weird", "studies", "data", "grading.spec", "grading.driver"]
HIDDEN = [f"minitorch.{name}" for name in [*HIDDEN, "grading.chapters"]]
HIDDEN += ["minitorch.grading.references", "minitorch.grading.learner", "pytest"]


def test_what_a_learner_cannot_import(box):
    body = f"""
import importlib
found = []
for name in {HIDDEN}:
    try:
        found.append(importlib.import_module(name))
    except ModuleNotFoundError:
        pass
raise LookupError(found)
"""
    outcome, _ = grade_middle(middle(body), box)
    assert "LookupError: []" in said(outcome)
    outcome, _ = grade_middle(middle("import scipy\nreturn P.T @ grad"), box)
    assert "ModuleNotFoundError: No module named 'scipy'" in said(outcome)
    assert "there are numpy, the engine and" in said(outcome)


def test_a_search_of_the_disk_finds_no_reference(box):
    limits = Limits(seconds=20)
    outcome, _ = grade_middle(middle(SEARCH), box, limits=limits)
    assert "LookupError: 0 files" in said(outcome)


def test_all_that_is_in_view_is_what_was_put_there(each_sandbox):
    source = middle("import os\nraise LookupError(sorted(os.listdir('/')))")
    outcome, _ = grade_middle(source, each_sandbox)
    words = "['course', 'dev', 'lib', 'lib64', 'scratch', 'usr']"
    assert words in said(outcome) or words.replace("'lib64', ", "") in said(outcome)


def test_files_of_others_are_out_of_reach(box, tmp_path):
    path = tmp_path / "other.ipynb"
    path.write_text("answers")
    path.chmod(0o644)
    places = [str(path), "/etc/passwd", "/proc/1/environ", "/root", "/home", "/tmp"]
    body = f"import os\nraise LookupError([p for p in {places} if os.path.exists(p)])"
    outcome, _ = grade_middle(middle(body), box)
    assert "LookupError: []" in said(outcome)


def test_nothing_but_the_scratch_folder_can_be_written(each_sandbox):
    body = """
found = []
for path in ("/course/minitorch/grading/child.py", "/x", "/lib/x", "/usr/lib/x"):
    try:
        found.append(open(path, "w"))
    except OSError:
        pass
raise LookupError(found)
"""
    outcome, _ = grade_middle(middle(body), each_sandbox)
    assert "LookupError: []" in said(outcome)


def test_the_scratch_folder_is_empty_and_small(each_sandbox):
    body = """
import os
assert os.listdir("/scratch") == []
with open("/scratch/one", "w") as file:
    file.write("x")
try:
    for i in range(64):
        with open(f"/scratch/{i}", "wb") as file:
            file.write(b"x" * 2**20)
except OSError as error:
    raise LookupError(f"{i} {error}")
"""
    outcome, _ = grade_middle(middle(body), each_sandbox)
    assert "LookupError: 15 [Errno 28] No space left" in said(outcome)


def test_the_network_is_cut(each_sandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)"
        outcome, _ = grade_middle(middle(source), each_sandbox)
        assert outcome.status == "raised" and "Error" in said(outcome)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_environment_tells_nothing(box):
    body = "import os\nraise LookupError(sorted(os.environ))"
    outcome, _ = grade_middle(middle(body), box)
    told = said(outcome)
    for name in set(os.environ) - set(sandboxes._ENVIRONMENT) - {"PWD"}:
        assert f"'{name}'" not in told


# -- what goes on too long, is too large, or dies -----------------------------


@pytest.mark.parametrize(
    "source, status, words",
    [
        (middle("while True: pass"), "too long", "more than 1 seconds of CPU"),
        (middle("import time\ntime.sleep(1e6)"), "too long", "waited for more than 1"),
        (f"while True: pass\n{right(MIDDLE)}", "too long", "The code of cell 2 took"),
        (middle("return np.ones((10**5, 10**6))"), "too large", "Unable to allocate"),
        (f"x = np.ones(10**11)\n{right(MIDDLE)}", "too large", "MemoryError"),
        (middle("import os\nos._exit(0)"), "died", "by itself, with exit status 0"),
        (middle("import os\nos.abort()"), "died", "the signal SIGABRT"),
        (middle("import os\nos.kill(os.getpid(), 9)"), "died", "the signal SIGKILL"),
        (middle("import os\nos.kill(-1, 9)"), "raised", "No such process"),
        (middle("import ctypes\nctypes.string_at(0)"), "died", "the signal SIGSEGV"),
        (middle("exit()"), "raised", "SystemExit"),
        (middle("return project_grad(P, grad)"), "raised", "RecursionError"),
        (middle("return np.zeros(10**6)"), "raised", "the result takes 8,0"),
        (middle("return 10 ** 10 ** 6"), "not yet", "a float"),
        (middle("import os\nos.closerange(0, 64)"), "died", ""),
    ],
)
def test_a_call_that_ends_badly_ends_alone(box, source, status, words):
    outcome, report = grade_middle(source, box)
    assert outcome.status == status and outcome.score == 0, said(outcome)
    assert words in said(outcome)


def test_memory_taken_bit_by_bit_has_an_end(box):
    body = "x = []\nwhile True: x.append(bytearray(10**7))"
    limits = Limits(seconds=20, memory=256 * 2**20)
    outcome, _ = grade_middle(middle(body), box, limits=limits)
    assert outcome.status == "too large"


def test_a_fork_bomb_stays_small_and_leaves_nothing(each_sandbox):
    body = "import os\nwhile True: os.fork()"
    outcome, _ = grade_middle(middle(body), each_sandbox)
    assert "BlockingIOError" in said(outcome) or outcome.status == "too long"


@pytest.mark.parametrize("what", ["fork", "thread"])
def test_processes_and_threads_are_counted(each_sandbox, what):
    body = """
import os, threading, time
count = 0
try:
    for count in range(100):
        WHAT
except (OSError, RuntimeError) as error:
    raise LookupError(f"{count} begun, then {error}")
"""
    thread = "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    begin = {"fork": "os.fork() or time.sleep(9)", "thread": thread}[what]
    outcome, _ = grade_middle(middle(body.replace("WHAT", begin)), each_sandbox)
    count = int(said(outcome).split("LookupError: ")[1].split(" begun")[0])
    assert LIMITS.processes <= count <= LIMITS.processes + 1


def test_forked_processes_share_one_limit_of_memory(box):
    body = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        x = np.ones(10 * 2**20)
        time.sleep(100)
time.sleep(100)
"""
    limits = Limits(seconds=8, memory=256 * 2**20)
    outcome, _ = grade_middle(middle(body), box, limits=limits)
    assert outcome.status == "too large"
    assert "took more than 256 MB of memory" in said(outcome)


def test_what_a_call_leaves_running_is_stopped_before_the_next(box):
    body = """
import os, time
if os.fork() == 0:
    open("left", "w").close()
    time.sleep(100)
while not os.path.exists("left"): time.sleep(0.01)
return P.T @ grad
"""
    last = right(IDS[2]).replace("    n = len(x)", "    FIRST\n    n = len(x)")
    last = last.replace("FIRST", "import os; assert not os.path.exists('left')")
    report = graded(notebook(right(IDS[0]), middle(body), last), box)
    assert [each.status for each in report.outcomes] == ["passed"] * 3


def test_a_cell_that_forks_does_not_confuse_the_conversation(box):
    outcome, _ = grade_middle("import os\nos.fork()\n" + right(MIDDLE), box)
    assert outcome.status == "passed"


def test_an_endless_printer_costs_its_time_and_no_more(box):
    body = "while True: print('x' * 10**6, flush=True)"
    outcome, _ = grade_middle(middle(body), box)
    assert outcome.status == "too long"


BUSY = "import time\nstop = time.process_time() + 0.03\n"
BUSY += "while time.process_time() < stop: pass\n"
NAP = "import time\ntime.sleep(0.4)\n"


@pytest.mark.parametrize(
    "source, whole, words",
    [
        (BUSY, 1.0, "took over 1 s of CPU in all"),
        (NAP, 0.8, "in all"),
        ("import os\nos._exit(0)\n", 20.0, "had to be started over 5 times"),
    ],
)
def test_a_hand_in_as_a_whole_has_a_limit(box, monkeypatch, source, whole, words):
    monkeypatch.setattr(run, "_STARTS", 5)
    limits = Limits(seconds=2.0, exercise_seconds=2.0, whole_seconds=whole)
    cells = 60 * [cell(source, metadata={"tags": ["setup"]})]
    cells = [*(cells if source is BUSY else cells[:15]), cell(right(IDS[0]))]
    outcome = graded(notebook(cells=cells), box, limits=limits).outcomes[0]
    assert outcome.status == "too long" and words in said(outcome)


def test_work_in_small_pieces_adds_up(box):
    process = box.start(LIMITS)
    spent = 0.0
    for _ in range(20):
        watch = Watch(process, 1.0)
        process.send({"do": "cell", "name": "busy", "source": BUSY}, watch)
        assert process.receive(1000, watch)["error"] == ""
        spent += watch.spent
    process.stop()
    assert 20 * 0.03 * 0.8 < spent < 3


# -- cheats -------------------------------------------------------------------

PATCHES = {
    "numpy": "np.array_equal = np.allclose = np.abs = lambda *a, **k: True\n"
    "np.max = np.isfinite = np.asarray = np.frombuffer = lambda *a, **k: np.ones(1)",
    "check": "import minitorch.grading as g\n"
    "g.check = g.exercise = lambda *a: lambda *b: True",
    "driver": "import sys, types\nfake = types.ModuleType('d')\n"
    "fake.judge_answer = lambda *a: 'passed'\n"
    "sys.modules['minitorch.grading.driver'] = fake",
    "loader": "import builtins, importlib\n"
    "importlib.import_module = builtins.__import__ = lambda *a, **k: None",
    "clock": "import time\n"
    "time.process_time = time.monotonic = time.perf_counter = time.time = lambda: 0.0",
    "child": "from minitorch.grading import child\n"
    "child.error_line = lambda *a: ''\nchild.is_unwritten = lambda *a: False",
    "result": 'print(\'{"status": "passed", "score": 2}\')',
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_of_the_process_does_not_make_a_wrong_answer_right(box, name):
    source = f"{PATCHES[name]}\n{middle('return 2 * P.T @ grad')}"
    report = graded(notebook(right(IDS[0]), source), box)
    assert report.outcomes[0].status == "passed"
    assert report.outcomes[1].score == 0


def test_a_patched_clock_does_not_stop_the_graders(box):
    loop = f"{PATCHES['clock']}\n{middle('while True: pass')}"
    assert graded(notebook(loop), box).outcomes[1].status == "too long"


def test_a_stub_that_claims_to_be_written_gains_nothing(box):
    source = PATCHES["child"] + "\n" + middle("raise NotImplementedError")
    assert graded(notebook(source), box).outcomes[1].score == 0


FORGED = {
    "noise": b"\xff" * 64,
    "a giant": (1 << 60).to_bytes(8, "big"),
    "a list": pack([1]),
    "nothing": pack({}),
    "a strange question": pack({"ask": np.zeros(3)}),
    "a verdict": pack({"status": "passed", "score": 2.0, "error": "", "memory": False}),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_messages_gain_nothing(box, name):
    message = FORGED[name]
    if name not in ("noise", "a giant"):
        message = len(message).to_bytes(8, "big") + message
    body = f"import os\nfor fd in range(64):\n    try: os.write(fd, {message!r})\n"
    body += "    except OSError: pass\nreturn P.T @ grad"
    report = graded(notebook(right(IDS[0]), middle(body), right(IDS[2])), box)
    assert report.outcomes[0].status == "passed"
    assert report.outcomes[1].score == 0
    assert report.outcomes[1].status in ("died", "raised")
    assert report.outcomes[2].status == "passed"
    assert isinstance(json.dumps(report.to_json()), str)


def test_no_bytes_at_all_read_as_more_than_a_plain_value():
    rng = np.random.default_rng(0)
    value = (1, [2.5, None], {"a": np.arange(6.0).reshape(2, 3)}, "b", ..., object())
    good = pack({"error": "", "output": value, "args": (np.zeros(2, bool),)})
    for _ in range(3000):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), rng.integers(1, 4)):
            bad[place] = rng.integers(0, 256)
        cut = rng.integers(0, len(bad)) if rng.random() < 0.2 else len(bad)
        try:
            unpack(bytes(bad[:cut]))
        except ValueError as error:
            assert str(error).startswith("not a message")
    unpack(pack(["\ud800"]))[0].encode()


LEAVES = [None, True, 1, -1, 10**30, 1.5, "", "<f8", "|O", "f8", "x", [], {}]
LEAVES += [float("nan"), [[]], [-1], ["<f8"], ["<f8", [10**18]], ["<f8", [0] * 99]]
LEAVES += ["|b1", ["|b1", [0]], ["<f8", ["2"]], [[0, 1]], [["a", 1]], {"a": 1, "b": 2}]
KINDS = ["tuple", "list", "dict", "array", "scalar", "dots", "type", "odd", "no"]
WORDS = ["ask", "personal", "args", "kwargs", "output", "error", "memory", "student"]
WORDS += ["unwritten", "functions", "cells", MIDDLE, *other_exercises()]


def forged(rng, depth=0):
    """A message's JSON part, every part of which may be another or malformed."""

    def leaf():
        leaves = LEAVES if rng.random() < 0.9 else WORDS
        return leaves[rng.integers(len(leaves))]

    if depth == 4 or rng.random() < 0.3:
        return leaf()
    kind = KINDS[rng.integers(len(KINDS))] if depth else "dict"
    count = rng.integers(4)
    if kind == "dict":
        count = rng.integers(10)
        words = [WORDS[i] for i in rng.integers(len(WORDS), size=count)]
        return {"dict": [[word, forged(rng, depth + 1)] for word in words]}
    if kind in ("tuple", "list"):
        return {kind: [forged(rng, depth + 1) for _ in range(count)]}
    return {kind: leaf()}


def written(node, rest=b""):
    text = json.dumps(node).encode()
    return len(text).to_bytes(4, "big") + text + rest


def test_no_structure_at_all_reads_as_more_than_a_plain_value():
    for leaf in LEAVES:
        for kind in KINDS:
            with contextlib.suppress(ValueError):
                unpack(written({kind: leaf}, bytes(8)))
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(5000):
        try:
            unpack(written(forged(rng)))
            read += 1
        except ValueError as error:
            assert str(error).startswith("not a message")
    assert read > 500


class Forger:
    """In place of a learner's process: it says what it likes."""

    def __init__(self, rng):
        self.rng, self.limits, self.seen = rng, LIMITS, 0.0
        self.channel, self.other = socket.socketpair()
        self.answers = {
            "start": {},
            "cell": {"error": "", "memory": False},
            "call": {"output": 1.0, "error": "", "memory": False, "args": ()},
            "look": {
                "output": [1.0],
                "unwritten": [False],
                "functions": [True],
                "cells": ["cell 1"],
            },
        }

    def send(self, message, watch):
        self.asked = message.get("do", "")

    def receive(self, most, watch):
        reply = dict(self.answers.get(self.asked, {}))
        if self.rng.random() < 0.1:  # a question
            word = ["ask", "personal"][self.rng.integers(2)]
            id = ["subspace/project", "engine/own_slopes"][self.rng.integers(2)]
            reply = {word: id, "student": 1, "args": (), "kwargs": {}}
        for key in reply:
            if self.rng.random() < (0.5 if key in ("output", "student") else 0.02):
                with contextlib.suppress(ValueError):
                    reply[key] = unpack(written(forged(self.rng, 1)))
                    if self.asked == "look":
                        reply[key] = [reply[key]]
        if self.rng.random() < 0.02:
            raise Ended("died", "ended")
        return reply

    def tree(self):
        return []

    def stop(self):
        self.channel.close()
        self.other.close()


def test_whatever_a_process_says_there_is_a_report(monkeypatch):
    rng = np.random.default_rng(0)
    box = Sandbox(Path("/"), "nothing")
    monkeypatch.setattr(Sandbox, "start", lambda *a: Forger(rng))
    monkeypatch.setattr(run, "start_referee", lambda: Forger(rng))
    cells = [f'answer("{id}", personal())' for id in other_exercises()]
    found = set()
    for _ in range(100):
        report = graded(notebook(*map(right, IDS)), box)
        assert [each.score for each in report.outcomes] == [0, 0, 0]
        other = grade_engine(cells, box, "7")
        assert isinstance(json.dumps([report.to_json(), other.to_json()]), str)
        found |= {each.status for each in report.outcomes + other.outcomes}
    assert found >= {"died", "not yet", "not attempted", "to read"}


BOMBS = {
    "objects": "[np.broadcast_to(np.array(None), (4 * 10**7,))] * 2",
    "texts": "['x' * 100_000] + [''] * 200",
    "many": "[0] * 400_000",
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_answer_does_not_swell_in_the_grader(box, monkeypatch, name):
    swollen = []
    asarray = np.asarray

    def watched(value, *rest, **more):
        found = asarray(value, *rest, **more)
        swollen.append(found.nbytes)
        return found

    monkeypatch.setattr(np, "asarray", watched)
    report = grade_engine([f'answer("engine/own_slopes", {BOMBS[name]})'], box, "7")
    found = {each.id: each for each in report.outcomes}["engine/own_slopes"]
    assert found.status == "not yet" and "a list" in said(found)
    assert max(swollen, default=0) < 10**6


def test_an_argument_that_comes_back_as_a_list_is_a_changed_one():
    arrays = (np.zeros(2),)
    assert run._changed(arrays, (np.zeros(2),)) is None
    assert run._changed(arrays, ([0.0, 0.0],)) == 0
    assert run._changed(arrays, (["x" * 10**5] + [""] * 200,)) == 0


def test_a_question_without_end_is_stopped(box):
    body = """
while True:
    try: project(P[:, 0], P, grad[:0])
    except RuntimeError: pass
"""
    outcome, _ = grade_middle(middle(body), box, limits=Limits(seconds=20))
    assert outcome.status == "too long"
    assert "called earlier exercises over 1,000 times" in said(outcome)


def test_bytes_that_come_one_by_one_are_stopped(box):
    body = """
import os, time
message = (10**6).to_bytes(8, "big") + b"x" * 10**6
for byte in message:
    for fd in range(3, 10):
        try: os.write(fd, bytes([byte]))
        except OSError: pass
    time.sleep(0.001)
"""
    outcome, _ = grade_middle(middle(body), box)
    assert outcome.status in ("too long", "died")


def test_text_that_cannot_be_written_is_made_so(box):
    body = "raise ValueError(chr(0xD800) + chr(0) + chr(10) + 'x' * 5000)"
    outcome, _ = grade_middle(middle(body), box)
    text = said(outcome)
    text.encode()
    assert text.isprintable() is False or "\0" not in text
    assert len(text) < 2000


# -- earlier exercises --------------------------------------------------------

CALLS = '@exercise("subspace/fwht")\ndef fwht(x):\n    {}\n'


def test_an_earlier_exercise_is_the_references_while_a_later_one_is_graded(box):
    wrong = (
        '@exercise("subspace/project")\ndef project(theta0, P, phi):\n    return 0\n'
    )
    later = middle("return project(0 * P[0], P=P.T.copy(), phi=grad)")
    first, second, third = graded(notebook(wrong, later, right(IDS[2])), box).outcomes
    assert first.score == 0 and second.status == third.status == "passed"


def test_a_later_exercise_is_the_learners_own_while_an_earlier_one_is_graded(box):
    # The reference of a later one would be an oracle.
    source = '@exercise("subspace/project")\ndef project(theta0, P, phi):\n'
    source += "    return theta0 + project_grad(P.T, phi)\n"
    report = graded(notebook(source, middle("return 3 * P.T @ grad")), box)
    assert [each.score for each in report.outcomes] == [0, 0, 0]
    report = graded(notebook(source, middle("return P.T @ grad")), box)
    assert report.outcomes[0].status == "passed"


@pytest.mark.parametrize("id", [MIDDLE, "subspace/fwht", "no/such"])
def test_the_grader_is_no_oracle_for_who_asks_it_directly(box, id):
    body = """
import gc
found = [each for each in gc.get_objects() if type(each).__name__ == "Learner"]
return found[0].ask({"ask": ID, "args": (P, grad), "kwargs": {}})
"""
    outcome, _ = grade_middle(middle(body.replace("ID", repr(id))), box)
    assert outcome.status == "raised" and "may not be called here" in said(outcome)


def test_no_exercise_is_its_own_oracle(box):
    body = "try: return helper(P, grad)\nexcept Exception: return project_grad(P, grad)"
    outcome = graded(notebook(middle(body)), box).outcomes[1]
    assert outcome.score == 0


def test_arguments_that_break_a_reference_break_only_its_call(box):
    huge = middle("n = 10**5\nx = np.ones((1, n))\nreturn project(x, x.T, x)")
    outcome, _ = grade_middle(huge, box)
    assert outcome.status in ("raised", "too large", "not yet")
    strange = middle("return project(1, 2, 3, 4)")
    outcome, _ = grade_middle(strange, box)
    assert outcome.status == "raised" and "subspace/project" in said(outcome)


# -- values, guesses, texts, personal data ------------------------------------


def grade_engine(source, box, student=None):
    return grade_notebook(
        notebook(*source),
        "engine",
        7,
        student=student,
        exercises=other_exercises(),
        limits=LIMITS,
        sandbox=box,
    )


def test_guesses_count_one_by_one_and_a_text_is_kept_for_a_person(box):
    asked = other_exercises()["engine/guesses"].questions
    some = {question: low for question, (low, _) in list(asked.items())[:2]}
    sources = [
        f'guess = answer("engine/guesses", {some!r})',
        'answer("engine/checkpoints", "I measured \U0001f600.")',
    ]
    report = grade_engine(sources, box)
    found = {each.id: each for each in report.outcomes}
    assert found["engine/guesses"].status == "partly"
    assert found["engine/guesses"].score == 2 / len(asked)
    text = found["engine/checkpoints"]
    assert text.status == "to read" and text.score is None
    assert text.text == "I measured \U0001f600."
    nothing = grade_engine(
        ['answer("engine/guesses", {"a": None})', 'answer("engine/checkpoints", " ")'],
        box,
    )
    assert {each.status for each in nothing.outcomes} == {"not attempted", "missing"}


@pytest.mark.parametrize("rest", ['"I measured', '"I" + 1', "exit()"])
def test_an_open_answer_that_does_not_run_is_read_by_a_person(box, rest):
    source = f'answer("engine/checkpoints", {rest})'
    found = {each.id: each for each in grade_engine([source], box).outcomes}
    outcome = found["engine/checkpoints"]
    assert (outcome.status, outcome.score) == ("to read", None)
    assert outcome.text == source and "did not run to its end" in said(outcome)


def test_a_long_open_answer_is_cut(box):
    source = 'answer("engine/checkpoints", 10_000 * "I saw ")'
    found = {each.id: each for each in grade_engine([source], box).outcomes}
    text = found["engine/checkpoints"].text
    assert text == 20_000 // 6 * "I saw " + "I \n[cut: the text has 60,000 characters]"


@pytest.mark.parametrize("typed", ["S-123", ""])
def test_personal_data_are_those_of_the_teachers_list(box, typed):
    exercise = other_exercises()["engine/own_slopes"]
    data = next(exercise.cases(spec.personal_rng(exercise.id, "s123")))
    value = np.asarray(exercise.reference(*data)).tolist()
    draw = f'personal("engine/own_slopes", student={typed!r})'
    sources = [draw, f'answer("engine/own_slopes", {value})']
    outcome = {each.id: each for each in grade_engine(sources, box, "s123").outcomes}
    assert outcome["engine/own_slopes"].status == "passed"
    another = grade_engine(sources, box, "s124")
    assert {each.id: each for each in another.outcomes}["engine/own_slopes"].score == 0
    assert any("data of s123" in note for note in another.notes) == bool(typed)
    unknown = grade_engine(sources, box)
    status = {each.id: each.status for each in unknown.outcomes}["engine/own_slopes"]
    assert status == ("passed" if typed else "not yet")


def test_the_grader_draws_personal_data_a_few_times_and_reads_short_numbers(
    box, monkeypatch
):
    lengths, drawn = [], []
    key, rng = run.student_key, run.personal_rng
    monkeypatch.setattr(run, "student_key", lambda s: lengths.append(len(s)) or key(s))
    monkeypatch.setattr(run, "personal_rng", lambda *a: drawn.append(a) or rng(*a))
    ask = 'personal("engine/own_slopes", '
    source = f"for i in range(10):\n    {ask}'1' * 300_000)\n"
    source += f"for i in range(30):\n    {ask}i)\n"
    report = grade_engine([source, 'answer("engine/checkpoints", "x")'], box)
    assert max(lengths) <= 40 and len(drawn) == run._DRAWS
    assert "given for 20 numbers, and no more" in report.notes[0]


# -- the sandbox itself -------------------------------------------------------


@pytest.fixture
def not_built(monkeypatch):
    """Leave root folders empty: nothing is run in them."""
    monkeypatch.setattr(sandboxes, "_build", lambda root: None)


def own_folders():
    return list(Path(tempfile.gettempdir()).glob(f"minitorch-sandbox-{os.getpid()}-*"))


def test_without_isolation_there_is_no_grading_unless_told(not_built):
    before = own_folders()
    missing = pytest.raises(SandboxError, match="bubblewrap: .*unshare: .*--unsafe")
    with missing, Sandbox.open():
        pass
    with pytest.raises(ZeroDivisionError), Sandbox.open(unsafe=True) as box:
        assert box.way == "nothing"
        assert box.unenforced[0] == "the network can be reached"
        assert len(own_folders()) == len(before) + 1
        raise ZeroDivisionError
    assert own_folders() == before


def test_a_folder_that_cannot_be_made_is_one_clear_error(monkeypatch):
    def full(root):
        (root / "half").mkdir()
        raise OSError("No space left on device")

    before = own_folders()
    monkeypatch.setattr(sandboxes, "_build", full)
    unmade = pytest.raises(SandboxError, match="cannot be made: No space left")
    with unmade, Sandbox.open(unsafe=True):
        pass
    assert own_folders() == before


def test_without_isolation_time_memory_and_imports_still_have_limits(root):
    box = Sandbox(root, "nothing")
    for body, status in {
        "while True: pass": "too long",
        "return np.ones(10**11)": "too large",
        "import minitorch.weird": "raised",
        "open('file', 'w').write('x')\nreturn P.T @ grad": "passed",
    }.items():
        assert grade_middle(middle(body), box)[0].status == status
    assert list((root / "scratch").iterdir()) == []


def test_the_folder_of_a_killed_run_is_removed_by_the_next(not_built, tmp_path):
    with subprocess.Popen(["true"]) as gone:
        pass
    left = Path(tempfile.gettempdir(), f"minitorch-sandbox-{gone.pid}-left")
    (left / "course").mkdir(parents=True)
    with Sandbox.open(unsafe=True):
        assert not left.exists()


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from minitorch.grading import sandbox
sandbox._ENVIRONMENT[sys.argv[2]] = "1"
process = sandbox.Sandbox(Path(sys.argv[3]), sys.argv[4]).start(sandbox.Limits())
loop = {"do": "cell", "name": "loop", "source": "while True: pass"}
process.send(loop, sandbox.Watch(process, 1.0))
print("started", flush=True)
time.sleep(100)
"""


def test_a_grader_that_is_killed_leaves_nothing_running(each_sandbox):
    package = str(Path(minitorch.__file__).parents[1])
    box = each_sandbox
    command = [sys.executable, "-c", KILLED, package, MARK, str(box.root), box.way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout.readline() == "started\n"
        assert still_running()
        grader.kill()


def test_root_does_not_run_learners_code_as_root(each_sandbox):
    if os.getuid() != 0:
        pytest.skip("only root has something to give up")
    process = each_sandbox.start(LIMITS)
    accounts = {Path(f"/proc/{pid}").stat().st_uid for pid in process.tree()}
    process.stop()
    assert accounts == {sandboxes.NOBODY}


ORDINARY = """
import os, sys
from pathlib import Path
os.setgroups([])
os.setgid(65533)
os.setuid(65533)
from minitorch.grading import run, sandbox, spec
exercises = {"subspace/project": spec.exercises("subspace")["subspace/project"]}
with sandbox.Sandbox.open(ways=(sys.argv[1],)) as box:
    report = run.grade_notebook(
        Path("hand-in.ipynb").read_bytes(), "subspace", 7, student=None,
        exercises=exercises, limits=sandbox.Limits(), sandbox=box,
    )
print(os.getuid(), report.outcomes[0].status, report.notes)
"""


@pytest.mark.parametrize("way", WAYS)
def test_an_ordinary_account_can_grade_as_well(opened, tmp_path, way):
    if os.getuid() != 0:
        pytest.skip("all tests here run as an ordinary account")
    box = opened(way)
    # Another account may read neither this interpreter nor this checkout: it gets
    # the interpreter of the root folder, and copies.
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        package = Path(minitorch.__file__).parent
        shutil.copytree(package, place / "minitorch")
        shutil.copytree(package.parent / "notebooks", place / "notebooks")
        # The folder is this account's own: nothing but the sandbox forbids to write.
        write = "\nopen('/course/minitorch/grading/child.py', 'w')"
        (place / "hand-in.ipynb").write_bytes(notebook(right(IDS[0]) + write))
        done = subprocess.run(
            [box.root / "usr/bin/python3", "-B", "-c", ORDINARY, way],
            cwd=place,
            env={
                "LD_LIBRARY_PATH": str(box.root / "lib"),
                "PYTHONPATH": f"{place}:{box.root / 'course'}",
                "PATH": os.environ["PATH"],
            },
            capture_output=True,
            text=True,
        )
    assert done.stdout.startswith("65533 passed"), done.stderr
    assert "Read-only file system" in done.stdout
