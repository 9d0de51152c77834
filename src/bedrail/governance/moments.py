"""Moments as they stand in facts (UTC, RFC 3339 with microseconds and `Z`) and as seconds for comparing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NEVER = 0.0
"""What an unreadable moment counts as: long past, so that whatever rests on it has expired."""


def epoch(text: str) -> float:
    """Seconds since 1970 UTC of an ISO 8601 moment; a moment without a zone is UTC; `NEVER` when unreadable."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return NEVER


def iso(moment: datetime | float) -> str:
    """The moment as facts carry it, such as `2026-11-22T09:30:00.000000Z`; a naive datetime is UTC."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def days_after(seconds: float, days: int) -> float:
    """`days` whole days later, in seconds since 1970."""
    return seconds + timedelta(days=days).total_seconds()
