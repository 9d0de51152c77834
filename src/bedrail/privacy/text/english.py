"""The English pack."""

# ruff: noqa: SIM905 (word lists read better on one line)
from __future__ import annotations

import re

from bedrail.privacy.text import english_dates, english_ids, english_names, english_places
from bedrail.privacy.text.english_places import CODES, STATES
from bedrail.privacy.text.values import Pack

ENGLISH = Pack(
    language="en",
    rules=english_ids.IDS + english_dates.DATES + english_places.PLACES + english_names.NAMES,
    words="en_words.txt.gz",
    tagger="en_tagger.gz",
    measures=frozenset(
        "mg mcg g kg ml cc l units unit cm mm mmol meq bpm hours hour hrs minutes min seconds days day weeks week wks "
        "months month x times tabs tablets percent degrees ft feet lb lbs oz hz mmhg and or to".split()
    ),
    bridge=re.compile(rf"[ ,.\n]*(?i:{STATES}|{CODES})[ ,.\n]*"),
    thresholds={"NAME": 0.35, "GEO": 0.4, "DATE": 0.45, "AGE": 0.5, "ID": 0.4, "PHONE": 0.45, "NET": 0.5},
)
