"""What was done to a resource, told in `meta.security` by the codes of HL7 v3 ObservationValue and Microsoft's three
more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

REDACTED, ABSTRACTED, HASHED, MASKED, PERTURBED, SUBSTITUTED, GENERALIZED = (1 << bit for bit in range(7))

_V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
_CODINGS = {
    REDACTED: {"system": _V3, "code": "REDACTED", "display": "redacted"},
    ABSTRACTED: {"system": _V3, "code": "ABSTRED", "display": "abstracted"},
    HASHED: {"system": _V3, "code": "CRYTOHASH", "display": "cryptographic hash function"},
    MASKED: {"system": _V3, "code": "MASKED", "display": "masked"},
    PERTURBED: {"code": "PERTURBED", "display": "exact value is replaced with another exact value"},
    SUBSTITUTED: {"code": "SUBSTITUTED", "display": "exact value is replaced with a predefined value"},
    GENERALIZED: {"code": "GENERALIZED", "display": "exact value is replaced with a general value"},
}


@lru_cache(maxsize=128)
def _codings(done: int) -> tuple[dict[str, str], ...]:
    return tuple(coding for bit, coding in _CODINGS.items() if done & bit)


def label(resource: dict[str, Any], done: int) -> None:
    """Add the labels for what was `done` (bits), each once."""
    if not done:
        return
    meta = resource.get("meta")
    if meta is None:
        meta = resource["meta"] = {}
    security = meta.get("security")
    if security is None:
        meta["security"] = [coding.copy() for coding in _codings(done)]
    else:
        codes = {each.get("code") for each in security}
        security.extend(coding.copy() for coding in _codings(done) if coding["code"] not in codes)
