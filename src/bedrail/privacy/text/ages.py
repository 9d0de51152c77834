"""Ages over 89 become one category: 45 CFR 164.514(b)(2)(i)(C)."""

from __future__ import annotations

import re

OLDEST = "90+"
_NUMBER = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W\d_]+(?:[- ][^\W\d_]+)?")


def age_category(text: str) -> str | None:
    """The words with `90+` in the place of the age; an age below 90 stays; None if no age can be read."""
    found = _NUMBER.findall(text)
    if found:
        if any(int(number) > 150 for number in found):
            return None
        return _NUMBER.sub(lambda m: OLDEST if int(m.group()) >= 90 else m.group(), text)
    return _WORDS.sub(OLDEST, text, count=1) if _WORDS.fullmatch(text.strip()) else None
