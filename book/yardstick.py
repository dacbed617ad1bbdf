"""How slow this machine is just now, so that limits in seconds mean the same anywhere.

A processor that is shared, or whose core runs two threads, gives fewer steps for a CPU
second. The yardstick is a fixed piece of work of the kind that a chapter does.
"""

import time

import numpy as np

# CPU seconds of the work at the best moments of a two-core machine (AMD EPYC): the
# fastest hundredth of 900 samples.
QUIET = 0.0235


def work() -> float:
    """CPU seconds of this thread for the fixed piece of work: products and a loop."""
    began = time.thread_time()
    x = np.full((200, 200), 0.01, np.float32)
    for _ in range(60):
        x = np.tanh(x @ x)
    total = 0
    for i in range(150_000):
        total += i & 7
    return time.thread_time() - began


def slowdown(samples: list[float]) -> float:
    """How many times slower than a quiet machine, by samples of `work`; at least 1."""
    return max(1.0, sorted(samples)[len(samples) // 2] / QUIET)
