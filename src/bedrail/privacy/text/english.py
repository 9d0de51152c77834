"""The English pack."""

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
    bridge=re.compile(rf"[ ,.\n]*(?i:{STATES}|{CODES})[ ,.\n]*"),
    thresholds={"NAME": 0.35, "GEO": 0.4, "DATE": 0.45, "AGE": 0.5, "ID": 0.4, "PHONE": 0.45, "NET": 0.5},
)
