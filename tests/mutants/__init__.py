"""Wrong answers that look right, with words of the message that names each."""

from collections.abc import Callable
from typing import NamedTuple


class Mutant(NamedTuple):
    id: str
    function: Callable
    words: str


MUTANTS: list[Mutant] = []


def mutant(id: str, words: str) -> Callable[[Callable], Callable]:
    """Register a wrong answer to an exercise.

    Args:
        id: the exercise.
        words: what the check's message has to say.
    """

    def register(function: Callable) -> Callable:
        MUTANTS.append(Mutant(id, function, words))
        return function

    return register
