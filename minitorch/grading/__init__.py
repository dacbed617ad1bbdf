"""Exercises: a stub, a check that teaches, a solution, and what is solved.

@exercise("subspace/project")
def project(theta0, P, phi):
    raise NotImplementedError

check(project)

guess = answer("subspace/guesses", {"accuracy with 500 single weights": 0.5})
"""

from minitorch.grading.learner import answer, check, exercise, personal, reveal
from minitorch.grading.pages import load_answers, progress, solution

__all__ = [
    "answer",
    "check",
    "exercise",
    "load_answers",
    "personal",
    "progress",
    "reveal",
    "solution",
]
