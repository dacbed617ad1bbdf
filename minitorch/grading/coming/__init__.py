"""Exercises of chapters whose notebook is still to come: none of them is listed.

A chapter of `minitorch.grading.chapters` is offered, graded, and asked of a notebook.
When the notebook is there, its file moves to that package, and its wrong answers from
`tests/mutants/_NAME.py` to `tests/mutants/NAME.py`.
"""
