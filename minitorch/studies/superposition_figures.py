"""What the chapter "Superposition" shows of its stored rows, one call each.

Every function reads committed rows and takes no argument; titles are computed from
what was read.
"""

from __future__ import annotations

from minitorch.plots import Picture, Table, methods, table


def _picture() -> Picture:
    return methods(["to come"], [[0.0]], title="To come", xlabel="", note="")


def _table() -> Table:
    return table(["to come"], [["to come"]], caption="To come")


def overview() -> Picture:
    """How often the task of one image is found, against the number of tasks.

    >>> overview()
    To come...
    """
    return _picture()


def accuracies() -> Picture:
    """Digits read where the task is told, and where it has to be found first.

    >>> accuracies()
    To come...
    """
    return _picture()


def ways() -> Table:
    """Four ways to learn ten tasks: what is kept of them, and in how many bytes.

    >>> ways()
    To come...
    """
    return _table()


def masks_kept() -> Table:
    """Unit masks in a Hopfield network: how alike they are, and what is found.

    >>> masks_kept()
    To come...
    """
    return _table()


def cost() -> Picture:
    """Seconds that an answer takes, against the number of tasks.

    >>> cost()
    To come...
    """
    return _picture()


def costs() -> Table:
    """Passes through the network and seconds of each search, by number of tasks.

    >>> costs()
    To come...
    """
    return _table()


def forgetting() -> Picture:
    """Accuracy of tasks learned in turn, by one network, by masks, by a network each.

    >>> forgetting()
    To come...
    """
    return _picture()


def scenarios() -> Table:
    """The four scenarios in one table: GG, GNs, GNu, NNs.

    >>> scenarios()
    To come...
    """
    return _table()


def outputs() -> Picture:
    """How often the task of one image is found, against the number of outputs.

    >>> outputs()
    To come...
    """
    return _picture()


def objectives() -> Table:
    """Searches, objectives and images asked together, by number of outputs.

    >>> objectives()
    To come...
    """
    return _table()


def rates() -> Picture:
    """The rate of learning against accuracy and against the task found.

    >>> rates()
    To come...
    """
    return _picture()


def calibration() -> Picture:
    """The error of calibration against the task found, for digits turned.

    >>> calibration()
    To come...
    """
    return _picture()


def rotations() -> Table:
    """Digits turned: size, rate, steps and gap told apart.

    >>> rotations()
    To come...
    """
    return _table()


def stream() -> Table:
    """A stream without names: masks made and mistakes, by eps.

    >>> stream()
    To come...
    """
    return _table()


def margins() -> Picture:
    """How far the surest task stands above chance, chunk by chunk.

    >>> margins()
    To come...
    """
    return _picture()


def norms() -> Picture:
    """Accuracy of each task in the end: statistics its own, shared, of the batch.

    >>> norms()
    To come...
    """
    return _picture()


def hopfield() -> Picture:
    """Patterns recalled against patterns stored, by rule, and by share of ones.

    >>> hopfield()
    To come...
    """
    return _picture()


def storage() -> Table:
    """Bytes of a Hopfield network beside its patterns stored outright.

    >>> storage()
    To come...
    """
    return _table()


def remembered() -> Picture:
    """Five unit masks in a Hopfield network: accuracy under what is found again.

    >>> remembered()
    To come...
    """
    return _picture()


def memory() -> Table:
    """Bytes of masks, networks and what 2,500 tasks take.

    >>> memory()
    To come...
    """
    return _table()


def common() -> Table:
    """The common row: the mask of one task, beside the controls.

    >>> common()
    To come...
    """
    return _table()


def common_rates() -> Picture:
    """Decoded accuracy against bits, for one task's mask and the controls.

    >>> common_rates()
    To come...
    """
    return _picture()
