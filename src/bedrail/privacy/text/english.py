"""The English pack."""

from __future__ import annotations

from bedrail.privacy.text import english_dates, english_ids, english_names, english_places
from bedrail.privacy.text.values import Pack

ENGLISH = Pack(
    language="en",
    rules=english_ids.IDS + english_dates.DATES + english_places.PLACES + english_names.NAMES,
    scans=english_ids.SCANS + english_places.SCANS + english_names.SCANS,
)
