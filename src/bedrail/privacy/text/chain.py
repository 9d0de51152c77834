"""Posterior probabilities of labels in a linear-chain conditional random field (Lafferty, McCallum, Pereira 2001)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

try:
    from bedrail.privacy.text import _chain
except ImportError:  # built without a C compiler
    _chain = None  # type: ignore[assignment]

Floats = npt.NDArray[np.float32]


def marginals(scores: Floats, links: Floats) -> Floats:
    """(n, k) probabilities of each label at each place, from log scores (n, k) and links (k, k), from row to column."""
    n, k = scores.shape
    if _chain is not None and k <= 64:
        out = np.empty((n, k), dtype=np.float32)
        _chain.marginals(np.ascontiguousarray(scores), np.ascontiguousarray(links), n, k, out)
        return out
    return marginals_numpy(scores, links)


def marginals_numpy(scores: Floats, links: Floats) -> Floats:
    """The arithmetic of `_chain.c` in numpy."""
    n, k = scores.shape
    step = np.exp(links.astype(np.float64))
    weights = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    forward = np.empty((n, k))
    for t in range(n):
        here = weights[t] * (forward[t - 1] @ step if t else 1.0)
        forward[t] = here / here.sum()
    out = np.empty((n, k), dtype=np.float32)
    back = np.ones(k)
    for t in range(n - 1, -1, -1):
        here = forward[t] * back
        out[t] = here / here.sum()
        back = step @ (weights[t] * back)
        back /= back.max()
    return out
