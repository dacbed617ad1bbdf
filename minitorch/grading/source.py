"""What a learner's function tells about itself: still a stub, or where it raised.

Standard library only, because a learner's process uses it too.
"""

import dis
import functools
import linecache
import traceback
from types import CodeType


def is_unwritten(code: CodeType | None, planted: str = "") -> bool:
    """Tell whether a function is still as the notebook gave it.

    Docstrings, comments and layout do not count.

    Args:
        code: the function's.
        planted: the source it was given with, where it holds a planted bug.

    >>> def stub(theta0, P, phi):
    ...     '''Go from d coordinates to D weights.'''
    ...     raise NotImplementedError
    >>> is_unwritten(stub.__code__)
    True
    >>> is_unwritten((lambda theta0, P, phi: theta0).__code__)
    False
    """
    if code is None:
        return False
    given = [planted] if planted else []
    given += [f"def f():\n    raise NotImplementedError{call}" for call in ("", "()")]
    return any(_steps(code) == _steps(_first_function(source)) for source in given)


@functools.cache
def _first_function(source: str) -> CodeType:
    module = compile(source, "<stub>", "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


def _steps(code: CodeType) -> list[tuple]:
    return [
        (step.opname, _steps(step.argval))
        if isinstance(step.argval, CodeType)
        else (step.opname, step.argrepr)
        for step in dis.get_instructions(code)
    ]


def error_line(error: BaseException, file: str | None) -> str:
    """Write an exception in one line, with the learner's line number.

    Args:
        error: as caught.
        file: in which the line is sought; in a notebook, the cell's name.

    >>> error_line(ValueError("no\\n such"), None)
    'ValueError: no such'
    """
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        line = "KeyboardInterrupt: stopped by hand; is there an endless loop?"
    frames = traceback.walk_tb(error.__traceback__)
    numbers = [number for frame, number in frames if frame.f_code.co_filename == file]
    if not numbers:
        return line
    source = linecache.getline(str(file), numbers[-1]).strip()
    return f"{line} (line {numbers[-1]}{': ' + source if source else ''})"
