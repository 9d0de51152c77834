"""What the soak scripts share: options, progress on standard error, and one line of JSON as the result."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any


def options(about: str | None, *, count: int, seed: int = 1, **more: Any) -> argparse.Namespace:
    """`--count`, `--seconds`, `--seed`, and further ones by name and default."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so many seconds; 0: when all is done")
    parser.add_argument("--seed", type=int, default=seed)
    for name, default in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()


class Progress:
    """Counts steps, says how far it is every few seconds, and knows when the time is over."""

    def __init__(self, name: str, total: int, seconds: float = 0.0, done: int = 0) -> None:
        self.name, self.total, self.done = name, total, done
        self._started = self._said = time.monotonic()
        self._until = self._started + seconds if seconds else float("inf")

    @property
    def over(self) -> bool:
        """Whether the time given is used up."""
        return time.monotonic() >= self._until

    def step(self, by: int = 1) -> None:
        """So many more are done."""
        self.done += by
        now = time.monotonic()
        if now - self._said > 5 or self.done >= self.total:
            self._said = now
            rate = self.done / max(now - self._started, 1e-9)
            print(f"  {self.name}: {self.done:,} of {self.total:,} ({rate:,.1f}/s)", file=sys.stderr, flush=True)


def report(name: str, right: bool, **figures: Any) -> int:
    """Print the result as one line of JSON; the exit code."""
    print(json.dumps({"soak": name, "right": right, **figures}), flush=True)
    return 0 if right else 1
