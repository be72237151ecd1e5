"""What a tracker says when it is asked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Answer:
    """For how many seconds, at least, nothing has touched each frame; at most `watched`, for which
    the tracker has watched them all."""

    untouched: NDArray[np.float64]
    watched: float
