"""The secret of a timer's standing order, from its environment or from the file that this names."""

from __future__ import annotations

import os
from pathlib import Path

from bedrail.core.errors import Invalid

VARIABLE, FILE = "BEDRAIL_ORDER", "BEDRAIL_ORDER_FILE"


def order_named() -> str:
    """The variable that says an order is to be used here; empty when neither is set."""
    return next((name for name in (FILE, VARIABLE) if os.environ.get(name)), "")


def order_secret() -> str:
    """The secret, or empty when no order is named; raises `Invalid` for a file that gives none."""
    if not (named := os.environ.get(FILE, "")):
        return os.environ.get(VARIABLE, "")
    try:
        secret = Path(named).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Invalid("cannot be read.", path=FILE, remedy="Name the order's file.") from None
    if not secret:  # a timer without its order must not go on as somebody else
        raise Invalid("the order's file is empty.", path=FILE, remedy="Give the timer a new one.")
    return secret
