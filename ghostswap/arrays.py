"""What NumPy has in a slower way: np.unique() loads numpy.ma, and takes twice as long for a few."""

import numpy as np
from numpy.typing import NDArray


def begins_of_runs(ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where, in ascending values, another one begins."""
    begins = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins


def first_of_each(values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The distinct values in ascending order, and where each occurs first."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = begins_of_runs(ordered)
    return ordered[begins], order[begins]
