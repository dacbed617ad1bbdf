"""Where a learner's code runs: a small root folder, alone in its own namespaces.

The root folder is made once a run and holds all that learners' code can see: the
interpreter, its standard library, numpy, the engine without its exercises, and the
shared libraries that these need. Nothing else of the machine is in view, so there is
nothing to hide one thing at a time.
"""

import compileall
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import minitorch
from minitorch.grading import wire

Status = Literal["too long", "too large", "died"]
Way = Literal["bubblewrap", "unshare", "nothing"]
MB = 1 << 20
CLOCK = 5  # times the seconds of CPU, by the clock: a machine may have other work
_MOMENT = 0.05  # seconds between two looks at a process


@dataclass(frozen=True)
class Limits:
    """What a learner's process may use.

    Args:
        seconds: of CPU for one call, or one cell; five times as much by the clock.
        exercise_seconds: of CPU for all calls of one exercise.
        whole_seconds: of CPU for one hand-in, its grader's included; five times as
            much by the clock.
        memory: bytes of address space of a process, and of all its processes' memory.
        processes: with threads, beside its own.
        disk: bytes of its scratch folder, which is gone when it ends.
        reply: bytes of one result, where its reference's is not larger still.
    """

    seconds: float = 10.0
    exercise_seconds: float = 20.0
    whole_seconds: float = 120.0
    memory: int = 1024 * MB
    processes: int = 8
    disk: int = 16 * MB
    reply: int = 2 * MB


class SandboxError(RuntimeError):
    """Learners' code cannot be run safely here; the message says what to do."""


class Ended(Exception):
    """A learner's process is no more: it was stopped, or it ended."""

    def __init__(self, status: Status, text: str):
        super().__init__(text)
        self.status: Status = status
        self.text = text


# ----------------------------------------------------------------------------
# The root folder
# ----------------------------------------------------------------------------

_NOT_ENGINE = {"canvas.py", "cards.py", "plots.py"}
_NOT_BACKENDS = {"kernels.py", "numba_backend.py", "torch_backend.py"}
# Parts of the standard library and of numpy that no exercise needs: a small root
# folder is made in a second or two.
_NOT_COPIED = shutil.ignore_patterns(
    *("site-packages", "dist-packages", "test", "tests", "*.opt-[12].pyc", "config-*"),
    *("asyncio", "curses", "dbm", "distutils", "ensurepip", "http", "idlelib"),
    *("lib2to3", "msilib", "multiprocessing", "pydoc_data", "sqlite3", "tkinter"),
    *("turtledemo", "venv", "wsgiref", "xml", "xmlrpc", "turtle*", "_codecs_*"),
    *("_curses*", "_dbm*", "_gdbm*", "_sqlite3*", "_test*", "_tkinter*", "nis.*"),
    *("readline.*", "xx*", "cp[0-9]*", "iso[0-9]*", "mac_*", "koi8*", "euc_*"),
    *("f2py", "include", "_pyinstaller", "*.a", "*.pyi"),
)
_CHILD = ["child.py", "source.py", "wire.py"]


def _build(root: Path) -> None:
    """Fill a root folder."""
    package = Path(minitorch.__file__).parent
    course = root / "course" / "minitorch"
    (course / "backends").mkdir(parents=True)
    (course / "grading").mkdir()
    for path in package.glob("*.py"):
        if path.name not in _NOT_ENGINE:
            shutil.copy2(path, course)
    for path in (package / "backends").glob("*.py"):
        if path.name not in _NOT_BACKENDS:
            shutil.copy2(path, course / "backends")
    for name in _CHILD:
        shutil.copy2(package / "grading" / name, course / "grading")
    (course / "grading" / "__init__.py").write_text('"""Filled by the child."""\n')
    compileall.compile_dir(course, quiet=1)

    numpy = Path(np.__file__).parent
    shutil.copytree(numpy, root / "course" / "numpy", ignore=_NOT_COPIED)
    bundled = numpy.parent / "numpy.libs"
    if bundled.is_dir():
        shutil.copytree(bundled, root / "course" / "numpy.libs")

    library = Path(sysconfig.get_path("stdlib"))
    ours = root / "usr" / sys.platlibdir / library.name
    shutil.copytree(library, ours, ignore=_NOT_COPIED)
    (root / "usr" / "bin").mkdir()
    shutil.copy2(os.path.realpath(sys.executable), root / "usr" / "bin" / "python3")
    _copy_libraries(root, [numpy, bundled, library])
    for name in ("dev", "scratch"):
        (root / name).mkdir()
    for name in ("null", "urandom"):
        (root / "dev" / name).touch()
    # The course's files, or the umask, may shut out the account that runs this.
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _copy_libraries(root: Path, inside: list[Path]) -> None:
    """Copy the shared libraries that the interpreter and its modules load."""
    (root / "lib").mkdir()
    files = [root / "usr" / "bin" / "python3"]
    files += [p for p in root.rglob("*.so*") if p.is_file()]
    told = subprocess.run(
        ["ldd", *map(str, files)], capture_output=True, text=True, check=False
    )
    for line in told.stdout.splitlines():
        name, _, where = line.strip().partition(" => ")
        place = Path((where or name).split(" (")[0])
        if not place.is_absolute() or place.is_relative_to(root):
            continue
        if not where and place.exists():  # the loader itself, by its full name
            (root / place.parent.relative_to("/")).mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, root / place.relative_to("/"))
        elif where and place.exists() and not (root / "lib" / name).exists():
            shutil.copy2(place, root / "lib" / name)


# ----------------------------------------------------------------------------
# Isolation
# ----------------------------------------------------------------------------

# As root, learners' code runs under this account: root is exempt from some limits.
NOBODY = 65534
_PREFIX = "minitorch-sandbox-"
_ENVIRONMENT = {
    "HOME": "/scratch",
    "LANG": "C.UTF-8",
    "LD_LIBRARY_PATH": "/lib",
    "MINITORCH_NUMBA": "0",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TMPDIR": "/scratch",
}
_START = (
    "import sys; sys.path.append({course!r}); "
    "from minitorch.grading.child import main; main()"
)
_UNSHARED = """
root=$1 size=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro,nosuid "$root"
mount -t tmpfs -o "size=$size,mode=0777,nosuid,nodev" scratch "$root/scratch"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
exec unshare --user --map-user=1000 --map-group=1000 --root="$root" -- "$@"
"""
_NOT_ENFORCED = (
    "the network can be reached",
    "files that this account may read can be read, other hand-ins among them",
    "what learners' code starts is stopped with it only as far as it can be found",
    "the size of the scratch folder and the number of processes are not limited",
)
_INSTALL = (
    "learners' code can only be graded in a sandbox, which needs bubblewrap "
    "(apt install bubblewrap) or util-linux's unshare, and user namespaces that an "
    "ordinary account may make. {tried}. Install or allow these, use the course's "
    "container, or add --unsafe to grade without (the sheet then says so)"
)


def _remove_left_over() -> None:
    """Remove the root folders of runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Sandbox:
    """A way to run learners' code; made by `Sandbox.open`, kept by `with`.

    Args:
        root: the root folder. It can be used from several processes at a time; the
            one that opened it removes it.
        way: bubblewrap, unshare, or nothing.
        unenforced: what is not enforced, in words; empty in a real sandbox.
    """

    root: Path
    way: Way
    unenforced: tuple[str, ...] = ()

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, unsafe: bool = False, ways: tuple[Way, ...] = ("bubblewrap", "unshare")
    ) -> Iterator["Sandbox"]:
        """Make a sandbox, try it, and take it away in the end.

        Args:
            unsafe: go on without isolation where there can be none.
            ways: what to try, in this order.

        Raises:
            SandboxError: when there can be no isolation, with what was tried.

        >>> with Sandbox.open(unsafe=True) as sandbox:
        ...     sandbox.start(Limits()).stop()
        """
        if sys.platform != "linux":
            raise SandboxError("grading needs Linux: use the course's container")
        _remove_left_over()
        root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            root.chmod(0o755)
            try:
                _build(root)
            except OSError as error:  # a full disk, no ldd
                text = f"the folder for learners' code cannot be made: {error}"
                raise SandboxError(text) from None
            tried = []
            for way in ways:
                sandbox = cls(root, way)
                try:
                    sandbox.start(Limits()).stop()
                except SandboxError as error:
                    tried.append(f"{way}: {error}")
                else:
                    yield sandbox
                    return
            if not unsafe:
                raise SandboxError(_INSTALL.format(tried="; ".join(tried)))
            yield cls(root, "nothing", _NOT_ENFORCED)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def start(self, limits: Limits) -> "Process":
        """Start a learner's process.

        Raises:
            SandboxError: when it does not start.
        """
        ours, theirs = socket.socketpair()
        scratch = None
        environment = _ENVIRONMENT
        dropped: dict[str, Any] = {}
        if os.getuid() == 0:
            dropped = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if self.way == "nothing":
            scratch = tempfile.mkdtemp(dir=self.root / "scratch")
            environment = {**_ENVIRONMENT, "LD_LIBRARY_PATH": str(self.root / "lib")}
            environment |= {"HOME": scratch, "TMPDIR": scratch}
            if dropped:
                os.chown(scratch, NOBODY, NOBODY)
        try:
            return _begin(
                self._command(theirs.fileno(), limits),
                (ours, theirs),
                limits,
                scratch=scratch,
                env=environment,
                cwd=scratch or "/",
                **dropped,
            )
        except SandboxError:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _command(self, channel: int, limits: Limits) -> list[str]:
        inside = self.root if self.way == "nothing" else Path("/")
        # Beside the learner's own, bubblewrap has a process of its own in there.
        processes = -1 if self.way == "nothing" else limits.processes + 2
        seconds = int(2 * limits.whole_seconds) + 5
        numbers = [channel, limits.memory, processes, limits.disk, seconds]
        run = [str(inside / "usr/bin/python3"), "-I", "-S", "-c"]
        run += [_START.format(course=str(inside / "course")), *map(str, numbers)]
        if self.way == "bubblewrap":
            return [
                *("bwrap", "--unshare-all", "--unshare-user", "--disable-userns"),
                *("--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
                *("--die-with-parent", "--new-session"),
                *("--ro-bind", str(self.root), "/"),
                *("--dev-bind", "/dev/null", "/dev/null"),
                *("--dev-bind", "/dev/urandom", "/dev/urandom"),
                *("--size", str(limits.disk), "--tmpfs", "/scratch"),
                *("--chdir", "/scratch", "--", *run),
            ]
        if self.way == "unshare":
            return [
                *("setpriv", "--pdeathsig", "KILL", "--"),
                *("unshare", "--user", "--map-root-user", "--mount", "--net", "--pid"),
                *("--ipc", "--uts", "--fork", "--kill-child", "--"),
                *("/bin/sh", "-ec", _UNSHARED, "sh", str(self.root), str(limits.disk)),
                *run,
            ]
        return run


def start_referee() -> "Process":
    """Start a process that runs references on what a learner passes to them.

    Raises:
        SandboxError: when it does not start.
    """
    limits = Limits(seconds=5.0, memory=2048 * MB)
    ours, theirs = socket.socketpair()
    run = "from minitorch.grading.referee import main; main()"
    numbers = (theirs.fileno(), limits.memory, int(limits.whole_seconds))
    command = [sys.executable, "-c", run, *map(str, numbers)]
    one_thread = {name: "1" for name in _ENVIRONMENT if name.endswith("_THREADS")}
    environment = {**os.environ, **one_thread, "MINITORCH_NUMBA": "0"}
    environment["PYTHONPATH"] = str(Path(minitorch.__file__).parents[1])
    return _begin(command, (ours, theirs), limits, env=environment)


def _begin(
    command: list[str],
    sockets: tuple[socket.socket, socket.socket],
    limits: Limits,
    scratch: str | None = None,
    **how: Any,
) -> "Process":
    ours, theirs = sockets
    with theirs, tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                **how,
            )
        except OSError as error:
            ours.close()
            raise SandboxError(str(error)) from None
        theirs.close()
        started = Process(process, ours, limits, scratch)
        try:
            started.receive(1000, Watch(started, 20.0))
        except Ended as ended:
            said.seek(0)
            text = said.read(2000).decode(errors="replace").strip()
            last = text.splitlines()[-1] if text else ended.text
            raise SandboxError(last) from None
    return started


class Process:
    """A learner's process and the channel to it."""

    def __init__(
        self,
        process: subprocess.Popen,
        channel: socket.socket,
        limits: Limits,
        scratch: str | None = None,
    ):
        self.process, self.channel, self.limits = process, channel, limits
        self.scratch = scratch
        self.seen = 0.0  # CPU seconds that it had used at the last look
        channel.setblocking(False)

    def send(self, message: dict[str, Any], watch: "Watch") -> None:
        """Give it a message.

        Raises:
            Ended: when it does not take it within its limits.
        """
        packed = wire.pack(message)
        left = memoryview(len(packed).to_bytes(8, "big") + packed)
        while left:
            try:
                left = left[self.channel.send(left) :]
            except BlockingIOError:
                watch.wait(select.POLLOUT)
            except OSError:
                raise self._gone() from None

    def receive(self, most: int, watch: "Watch") -> dict[str, Any]:
        """Take its next message.

        Args:
            most: bytes that the message may have.
            watch: on the request that the message belongs to.

        Raises:
            Ended: when it ends, runs past a limit, or says what is no message.
        """
        size = int.from_bytes(self._read(8, watch), "big")
        if size > most:
            self.stop()
            raise Ended("died", f"sent {size:,} bytes where {most:,} are allowed")
        packed = self._read(size, watch)
        try:
            message = wire.unpack(packed)
            if not isinstance(message, dict):
                raise ValueError("a message is a dictionary")
        except ValueError as error:
            self.stop()
            text = f"broke its conversation with the grader: {error}"
            raise Ended("died", text) from None
        watch.look(done=True)
        return message

    def _read(self, size: int, watch: "Watch") -> bytes:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self.channel.recv(min(size - len(parts), MB))
            except BlockingIOError:
                watch.wait(select.POLLIN)
                continue
            except OSError:
                part = b""
            if not part:
                raise self._gone()
            parts += part
        return bytes(parts)

    def _gone(self) -> Ended:
        """Say how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        code = self.process.poll()
        self.stop()
        if code is None:
            return Ended("died", "closed its conversation with the grader")
        number = -code if code < 0 else code - 128
        with contextlib.suppress(ValueError):
            name = signal.Signals(number).name
            return Ended("died", f"was ended by the signal {name}")
        return Ended("died", f"ended by itself, with exit status {code}")

    def tree(self) -> list[int]:
        """List its processes, the sandbox's own among them."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            threads: list[str] = []
            with contextlib.suppress(OSError):  # it may end while it is looked at
                threads = os.listdir(f"/proc/{pid}/task")
            for thread in threads:
                with contextlib.suppress(OSError):
                    place = f"/proc/{pid}/task/{thread}/children"
                    todo += map(int, Path(place).read_text().split())
        return found

    def usage(self) -> tuple[float, int, bool]:
        """Read CPU seconds and memory of all its processes, and if any runs."""
        ticks, pages, runs = 0, 0, False
        for pid in self.tree():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{pid}/stat", errors="replace") as file:
                    text = file.read()
                fields = text.rpartition(")")[2].split()  # a name may hold anything
                ticks += sum(map(int, fields[11:15]))
                pages += int(fields[21])
                runs |= fields[0] in "RD"
        memory = pages * os.sysconf("SC_PAGESIZE")
        return ticks / os.sysconf("SC_CLK_TCK"), memory, runs

    def stop(self) -> None:
        """End it with all that it started, and forget it."""
        self.channel.close()
        while self.process.poll() is None:
            for pid in reversed(self.tree()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


class Watch:
    """Keeps one request to a process within its limits.

    Args:
        process: that works on it.
        seconds: of CPU that it may take; five times as much by the clock.
    """

    def __init__(self, process: Process, seconds: float):
        self.process, self.seconds = process, seconds
        self.begun = self.looked = time.monotonic()
        self.spent = 0.0  # CPU seconds since the look before this request
        self.asleep = 0.0  # seconds by the clock in which nothing of it ran
        self.poll = select.poll()
        self.poll.register(process.channel, 0)

    def wait(self, event: int) -> None:
        """Wait a moment until the channel can be read or written.

        Raises:
            Ended: when the request is past a limit.
        """
        self.poll.modify(self.process.channel, event)
        self.poll.poll(1000 * _MOMENT)
        if time.monotonic() - self.looked >= _MOMENT:
            self.look()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take out of the count the time in which the process waits for its grader."""
        since = time.monotonic()
        yield
        self.looked = time.monotonic()
        self.begun += self.looked - since

    def look(self, done: bool = False) -> None:
        """See what the request has used up.

        Args:
            done: the process has answered, so it may well sleep.

        Raises:
            Ended: when that is past a limit; then its process is stopped.
        """
        now = time.monotonic()
        cpu, memory, runs = self.process.usage()
        self.spent += max(0.0, cpu - self.process.seen)
        self.process.seen = cpu
        if not runs and not done:
            self.asleep += now - self.looked
        self.looked = now
        clock, most = self.looked - self.begun, self.process.limits.memory
        if self.spent > self.seconds:
            self._end("too long", f"took more than {self.seconds:g} seconds of CPU")
        if self.asleep > self.seconds:
            self._end("too long", f"waited for more than {self.seconds:g} seconds")
        if clock > CLOCK * self.seconds:
            self._end("too long", f"was not done after {clock:.0f} seconds")
        if memory > most:
            self._end("too large", f"took more than {most // MB} MB of memory")

    def _end(self, status: Status, text: str) -> None:
        self.process.stop()
        raise Ended(status, text)
