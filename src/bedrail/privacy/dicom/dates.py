"""DICOM dates moved by whole days (PS3.15 E.3.6, modified dates): intervals stay, times of day stay."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")


def moved(vr: str, data: bytes, days: int) -> bytes | None:
    """The value of a DA, DT or TM attribute `days` later; None when it is no date that can be moved."""
    if vr == "TM":
        return data
    out = []
    for value in data.decode("ascii", "replace").split("\\"):
        text = value.strip(" \x00")
        if not text:
            out.append("")
            continue
        found = _DATE.match(text)
        if found is None:
            return None  # a year or month alone cannot be moved by days and stay right
        try:
            day = date(int(found[1]), int(found[2]), int(found[3])) + timedelta(days=days)
        except (ValueError, OverflowError):
            return None
        out.append(day.strftime("%Y%m%d").zfill(8) + text[found.end() :])
    return "\\".join(out).encode("ascii", "replace")
