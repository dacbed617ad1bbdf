"""References for the chapter "Random subspaces" that are no part of the method."""

import numpy as np


def own_share(P: np.ndarray, grad: np.ndarray) -> float:
    """Find how much of a gradient lies in a subspace.

    Args:
        P: (D, d), whose columns span the subspace; they need not be at right angles.
        grad: (D,).

    Returns:
        The squared length of the projection of grad on the subspace, as a share of
        the squared length of grad: 0 to 1.

    >>> P = np.array([[1.0, 0.6], [0.0, 0.8], [0.0, 0.0]])
    >>> round(own_share(P, np.array([1.0, 2.0, 2.0])), 3)
    0.556
    """
    phi = np.linalg.lstsq(P, grad, rcond=None)[0]  # the closest point is P phi
    inside = P @ phi
    return float(inside @ inside / (grad @ grad))
