"""From a model's margin to a probability, without overflow."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

Link = Literal["logit", "identity"]
"""What a margin is: log-odds (`logit`) or the probability itself (`identity`)."""


def probability(margin: float, link: Link) -> float:
    """One margin to a probability in [0, 1]."""
    if link == "identity":
        return margin
    falling = math.exp(-abs(margin))
    return (1.0 if margin >= 0 else falling) / (1.0 + falling)


def probabilities(margins: npt.NDArray[np.float64], link: Link) -> npt.NDArray[np.float64]:
    """(n,) margins to (n,) probabilities in [0, 1]."""
    if link == "identity":
        return margins
    falling = np.exp(-np.abs(margins))
    result: npt.NDArray[np.float64] = np.where(margins >= 0, 1.0, falling) / (1.0 + falling)
    return result
