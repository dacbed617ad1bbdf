"""A process of the grader's own: it runs a reference on what a learner passes to it.

A learner's answer may call an earlier exercise. It then gets the reference's result,
for arguments that the learner chose: so they are computed here, where huge numbers or
arrays can use up neither the grader's memory nor its time.
"""

import resource
import socket
import sys
from typing import Any

from minitorch.grading.child import Channel
from minitorch.grading.spec import find


class Referee(Channel):
    """The side of the conversation that knows the references."""

    def do_call(self, id: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Call a reference."""
        output, error = None, ""
        try:
            output = find(id).reference(*args, **kwargs)
        except Exception as raised:
            error = f"{id} raised {type(raised).__name__}: {raised}"
        return {"output": output, "error": error}


def main() -> None:
    """Serve the grader at the end of the channel that the command line names."""
    channel, memory, seconds = map(int, sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    Referee(socket.socket(fileno=channel)).serve()
