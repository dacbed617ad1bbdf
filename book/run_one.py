"""Run the one notebook named on the command line, in place; print its CPU seconds.

A process of its own, so that its only child is the notebook's kernel.
"""

import json
import re
import sys
import threading

import nbclient
import nbformat
import yardstick  # beside this file

# Far above the 60 s that a notebook may take: it ends an endless loop, no more.
CELL_LIMIT_SECONDS = 600


def main() -> int:
    """Execute, write the outputs, print one JSON line; show a failing cell whole."""
    name = sys.argv[1]
    notebook = nbformat.read(name, 4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_LIMIT_SECONDS,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
    )
    done, samples = threading.Event(), [yardstick.work()]

    def sample() -> None:
        while not done.wait(2):
            samples.append(yardstick.work())

    threading.Thread(target=sample, daemon=True).start()
    try:
        client.execute()
    except (
        nbclient.exceptions.CellExecutionError,
        nbclient.exceptions.CellTimeoutError,
        nbclient.exceptions.DeadKernelError,
    ) as error:
        print(re.sub(r"\x1b\[[\d;]*m", "", str(error)))
        return 1
    done.set()
    nbformat.write(notebook, name)
    try:
        import resource
    except ImportError:  # Windows has no such count
        seconds = None
    else:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = round(used.ru_utime + used.ru_stime, 1)
    slowdown = round(yardstick.slowdown(samples), 2)
    print(json.dumps({"cpu_seconds": seconds, "slowdown": slowdown}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
