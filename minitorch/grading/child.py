"""A learner's process: it runs cells and calls, and answers its grader.

It runs inside the sandbox on the standard library, numpy and the engine. It holds
no reference, no check and no expected result: it is given arguments and gives back
plain values. Whatever a learner does to it harms that learner's answers alone.
"""

import ast
import builtins
import contextlib
import functools
import linecache
import os
import re
import resource
import socket
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minitorch.grading import wire
from minitorch.grading.source import error_line, is_unwritten


class Given(NamedTuple):
    """One answer, of the maybe many that a notebook holds to one exercise."""

    value: Any  # a function, or what answer() was called with
    unwritten: bool
    cell: str


class Channel:
    """One side of the conversation with the grader."""

    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.reply_bytes = wire.TEXT

    def send(self, message: dict[str, Any]) -> None:
        """Give the grader a message."""
        packed = wire.pack(message)
        self.channel.sendall(len(packed).to_bytes(8, "big") + packed)

    def receive(self) -> Any:
        """Take the grader's next message; when there is none, end."""
        size = int.from_bytes(self._read(8), "big")
        return wire.unpack(self._read(size))

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.channel.recv(min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def serve(self) -> None:
        """Do what the grader says, until it goes."""
        self.send({"hello": True})
        while True:
            request = self.receive()
            reply = getattr(self, f"do_{request.pop('do')}")(**request)
            try:
                packed = wire.pack(reply)
            except Exception:  # a text of megabytes, or a list that changes meanwhile
                packed = b""
            if not 0 < len(packed) <= self.reply_bytes:
                name = type(reply["output"]).__name__
                reply = {**reply, "output": wire.stranger(name), "args": ()}
                if packed:
                    reply["error"] = (
                        f"ValueError: the result takes {len(packed):,} bytes, where "
                        f"{self.reply_bytes:,} are allowed"
                    )
            self.send(reply)


class Learner(Channel):
    """What this process knows, and its side of the conversation."""

    def __init__(self, channel: socket.socket):
        super().__init__(channel)
        self.given: dict[str, list[Given]] = {}
        self.planted: dict[str, str] = {}
        self.others: dict[str, str] = {}  # cells that are not run: name, source
        self.fetched: set[tuple[str, int]] = set()
        self.cell = ""  # the one that is running
        self.graded = ""  # the exercise whose call is running
        self.earlier: tuple[str, ...] = ()  # those whose reference stands in then
        self.space = _main_module()

    def ask(self, message: dict[str, Any]) -> Any:
        """Ask the grader for a value.

        Raises:
            RuntimeError: when it has none, in its words.
        """
        self.send(message)
        reply = self.receive()
        if reply["error"]:
            raise RuntimeError(reply["error"])
        return reply["output"]

    # -- what the grader can ask ----------------------------------------------

    def do_start(
        self, planted: dict[str, str], others: dict[str, str]
    ) -> dict[str, Any]:
        """Learn with which planted bugs functions were given, and the other cells."""
        self.planted, self.others = planted, others
        return {}

    def do_cell(self, name: str, source: str) -> dict[str, Any]:
        """Run a cell; tell what it raised."""
        self.cell = name
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)
        error, memory = "", False
        try:
            tree = _parse(source)
            self._fetch(tree)
            exec(compile(tree, name, "exec"), self.space)
        except BaseException as raised:
            error, memory = error_line(raised, name), isinstance(raised, MemoryError)
        return {"error": error, "memory": memory}

    def _fetch(self, tree: ast.AST) -> None:
        """Run what other cells define and this code needs: a helper, an import."""
        for name in _needed(tree) - self.space.keys() - set(dir(builtins)):
            for cell, source in reversed(self.others.items()):
                statement = _statement(source, name)
                if statement is None or (cell, statement.lineno) in self.fetched:
                    continue
                self.fetched.add((cell, statement.lineno))
                self._fetch(statement)
                with contextlib.suppress(Exception):
                    code = compile(ast.Module([statement], []), cell, "exec")
                    exec(code, self.space)
                break

    def do_call(
        self, id: str, args: tuple, earlier: list[str], reply_bytes: int
    ) -> dict[str, Any]:
        """Call the answer to an exercise."""
        function = self.chosen(id).value
        self.graded, self.earlier = id, tuple(earlier)
        self.reply_bytes = reply_bytes
        output, error, memory = None, "", False
        try:
            output = function(*args)
        except BaseException as raised:
            code = getattr(function, "__code__", None)
            error = error_line(raised, getattr(code, "co_filename", None))
            memory = isinstance(raised, MemoryError)
        self.graded, self.earlier = "", ()
        return {"output": output, "args": args, "error": error, "memory": memory}

    def do_look(self, id: str, reply_bytes: int) -> dict[str, Any]:
        """Give what was handed in: whether functions are written, or the values."""
        self.reply_bytes = reply_bytes
        found = self.given.get(id, [])
        values = [None if callable(each.value) else each.value for each in found]
        return {
            "output": values,
            "unwritten": [each.unwritten for each in found],
            "functions": [callable(each.value) for each in found],
            "cells": [each.cell for each in found],
            "error": "",
        }

    # -- answers --------------------------------------------------------------

    def chosen(self, id: str) -> Given:
        """The answer that counts: the last written one, or the last."""
        written = [each for each in self.given[id] if not each.unwritten]
        return (written or self.given[id])[-1]

    def give(self, id: str, value: Any) -> None:
        """Note an answer of the running cell."""
        unwritten = False
        if callable(value):
            code = getattr(value, "__code__", None)
            unwritten = is_unwritten(code, self.planted.get(id, ""))
        self.given.setdefault(id, []).append(Given(value, unwritten, self.cell))


def _main_module() -> dict[str, Any]:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    return module.__dict__


# A line that only a notebook understands: %magic, !command, x = !command, name?
_MAGIC = re.compile(r"^(\s*)(?:([^=#\s][^=#]*=\s*)?[%!].*|\?+[\w.]+|[\w.]+\?+)\s*$")


def _parse(source: str) -> ast.Module:
    """Parse a cell, without lines that only a notebook understands."""
    lines = source.split("\n")
    for _ in range(100):
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            magic = _MAGIC.fullmatch(lines[at]) if 0 <= at < len(lines) else None
            if magic is None:
                raise
            lines[at] = magic[1] + (f"{magic[2]}[]" if magic[2] else "pass")
    return ast.parse("\n".join(lines))


def _needed(tree: ast.AST) -> set[str]:
    """Names that code reads and does not make itself."""
    read: set[str] = set()
    made: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
    return read - made


def _statement(source: str, name: str) -> ast.stmt | None:
    """The last statement of a cell that defines, imports or assigns a name."""
    try:
        body = _parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in reversed(body):
        made: set[str] = set()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            made = {node.name}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made = {(each.asname or each.name).split(".")[0] for each in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            found = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            made = {n.id for n in found if isinstance(n.ctx, ast.Store)}
        if name in made:
            return node
    return None


# ----------------------------------------------------------------------------
# What stands in for minitorch.grading
# ----------------------------------------------------------------------------


class Quiet:
    """Takes whatever is done with the result of check() or progress()."""

    def __getattr__(self, name: str) -> "Quiet":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> "Quiet":
        return self

    def __repr__(self) -> str:
        return ""


def stand_ins(learner: Learner) -> dict[str, Any]:
    """Make what exercise and set-up cells import from minitorch.grading."""

    class Answer:
        """A learner's function, which a later exercise may call."""

        def __init__(self, id: str, function: Callable[..., Any]):
            functools.update_wrapper(self, function)
            self.id, self.mine = id, function

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if self.id == learner.graded:
                return learner.chosen(self.id).value(*args, **kwargs)
            if self.id in learner.earlier:
                question = {"ask": self.id, "args": args, "kwargs": kwargs}
                return learner.ask(question)
            return self.mine(*args, **kwargs)

    def exercise(id: str) -> Callable[[Callable[..., Any]], Answer]:
        def mark(function: Callable[..., Any]) -> Answer:
            learner.give(str(id), function)
            return Answer(str(id), function)

        return mark

    def answer(id: str, value: Any) -> Any:
        learner.give(str(id), None if callable(value) else value)
        return value

    def personal(id: str, student: str = "") -> Any:
        typed = "" if student in (None, ...) else str(student)
        return learner.ask({"personal": str(id), "student": typed})

    quiet = Quiet()
    names = ["check", "load_answers", "progress", "reveal", "solution"]
    offered: dict[str, Any] = dict.fromkeys(names, quiet)
    return offered | {"answer": answer, "exercise": exercise, "personal": personal}


def main() -> None:
    """Serve the grader at the end of the channel that the command line names."""
    channel, memory, processes, file_bytes, seconds = map(int, sys.argv[1:6])
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        if most >= 0:
            resource.setrlimit(what, (most, most))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    import minitorch
    import minitorch.grading as offered

    learner = Learner(socket.socket(fileno=channel))
    # What learners' code forks has no part in the conversation.
    os.register_at_fork(after_in_child=learner.channel.close)
    names = stand_ins(learner)
    offered.__dict__.update(names)
    learner.space.update(names, np=np, minitorch=minitorch)
    minitorch.setup = names["check"]  # it tells of the machine, which is not in view
    vars(builtins).update(exit=sys.exit, quit=sys.exit)
    learner.serve()
