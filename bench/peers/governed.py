"""Serves a home that the benchmark made: HOME PORT."""

from __future__ import annotations

import sys
from pathlib import Path

from bedrail.app import open_home
from bedrail.web.server import run

if __name__ == "__main__":
    run(open_home(Path(sys.argv[1])), port=int(sys.argv[2]))
