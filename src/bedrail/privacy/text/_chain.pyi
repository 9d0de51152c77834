"""Types of the optional compiled kernel."""

from typing import Any

def marginals(scores: Any, links: Any, n: int, k: int, out: Any, /) -> None: ...
