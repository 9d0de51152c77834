"""Which languages there are. A pack is a value: to add a language, write one and list it here."""

from __future__ import annotations

import importlib

from bedrail.core.errors import Invalid
from bedrail.privacy.text.values import Pack

PACKS = {
    "en": "bedrail.privacy.text.english:ENGLISH",
    "es": "bedrail.privacy.text.spanish:SPANISH",
    "de": "bedrail.privacy.text.german:GERMAN",
}
"""Language code (ISO 639-1) -> module:value, imported when asked for."""


def pack(language: str) -> Pack:
    """The pack of `language`; Invalid when there is none."""
    if language not in PACKS:
        raise Invalid("There is no such language pack.", path="language", remedy=f"Choose one of {', '.join(PACKS)}.")
    module, name = PACKS[language].split(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Pack)
    return found
