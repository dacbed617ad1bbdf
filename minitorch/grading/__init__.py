"""Exercises: a stub, a check that teaches, a solution, and what is solved.

@exercise("subspace/project")
def project(theta0, P, phi):
    raise NotImplementedError

check(project)
"""

from minitorch.grading.learner import check, exercise
from minitorch.grading.pages import load_answers, progress, solution

__all__ = ["check", "exercise", "load_answers", "progress", "solution"]
