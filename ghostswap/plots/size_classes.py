"""How compressed sizes fall into zsmalloc's size classes, and what is lost to rounding there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.population import Population
from ghostswap.kernel.zsmalloc import SizeClasses
from ghostswap.systems.zram import huge_stored_raw


@dataclass(frozen=True, slots=True)
class ClassHistogram:
    """The data pages of a population by size class, as zram stores them: columns, smallest first.

    Class i holds payloads from `edges[i]` bytes to below `edges[i + 1]`; the last one holds what is
    stored as it is. `lost` is what no payload fills, as a share of the whole pool: the rounding up
    to the class, handles, and the tails of zspages, but not the last zspage of a class, which is
    not full.
    """

    edges: NDArray[np.int64]
    pages: NDArray[np.float64]
    lost: NDArray[np.float64]

    @property
    def lost_share(self) -> float:
        """The share of the pool lost in all classes together."""
        return float(self.lost.sum())


def class_histogram(pages: Population, classes: SizeClasses) -> ClassHistogram:
    """The histogram of the data pages, each copy counted."""
    payloads, _ = huge_stored_raw(pages.data.pages, classes)
    number = len(classes.size)
    of_payload = classes.of_payload
    held = np.bincount(of_payload, payloads, minlength=number).astype(np.float64)
    filled = np.bincount(of_payload, payloads * np.arange(len(payloads)), minlength=number)
    taken = held * classes.pages * classes.page_size / classes.objects
    edges = np.append(np.searchsorted(of_payload[1:], np.arange(number)) + 1, classes.page_size)
    return ClassHistogram(edges, held, (taken - filled) / max(float(taken.sum()), 1.0))
