"""What stands for ids, identifiers, references and addresses: valid, and the same everywhere for the same value."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from bedrail.privacy.fhir.elements import resource_types
from bedrail.privacy.keyed import Keyed

BASE = "https://deidentified.invalid/fhir/"
"""Stands for every server (RFC 2606 keeps .invalid free): an address would tell the institution."""

_ID = r"[A-Za-z0-9\-.]{1,64}"
_REFERENCE = re.compile(
    rf"(?P<base>https?://[^\s?#]*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>{_ID})(?:/_history/(?P<version>{_ID}))?"
)
_COUNTED = re.compile(r"\d{1,4}")
"""A version that was counted; a longer number may be an identifier."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_KNOWN_URI = re.compile(
    r"(https?://(www\.)?(hl7\.org|terminology\.hl7\.org|loinc\.org|snomed\.info|unitsofmeasure\.org|dicom\.nema\.org|nucc\.org"
    r"|(www\.)?nlm\.nih\.gov|fdasis\.nlm\.nih\.gov|ncimeta\.nci\.nih\.gov|cancer\.gov|ama-assn\.org|ada\.org|cms\.gov|cdc\.gov"
    r"|whocc\.no|who\.int|iana\.org|rfc-editor\.org|bioontology\.org|fda\.gov|us\.cdisc\.org|standardterms\.edqm\.eu"
    r"|genenames\.org|varnomen\.hgvs\.org|sequenceontology\.org|orpha\.net|ihe\.net)(/[A-Za-z0-9._~/%+-]*)?"
    r"|urn:(ietf|iso|iso-astm|ihe)(:[A-Za-z0-9._-]+)+|urn:oid:(2\.16\.840\.1\.113883\.(3\.26|4\.(642|9)|5|6|11|12|21)"
    r"|1\.2\.840\.10008|2\.16\.840\.1\.113762\.1)(\.\d+)*)(\|[\w.-]{1,20})?(#[\w.-]*)?"
)
"""Code systems, profiles and registries of standards bodies: they tell nothing about a person or an institution."""


class Naming:
    """Codes for values under one key; remembers them, since the same few come again in every resource."""

    __slots__ = ("_codes", "_hashed", "_keyed", "_own")

    MOST = 400_000

    def __init__(self, keyed: Keyed, hashed: Callable[[str], str] | None = None, *, own: bool = True) -> None:
        """`hashed` gives the code in place of the project's pseudonym; without `own`, addresses of servers stay."""
        self._keyed, self._hashed, self._own = keyed, hashed, own
        self._codes: dict[str, str] = {}

    def code(self, value: str) -> str:
        """The pseudonym of an id or identifier: kind "subject", as in tables, HL7 v2 and DICOM."""
        found = self._codes.get(value)
        if found is None:
            if len(self._codes) > self.MOST:
                self._codes.clear()
            plain = value.lower() if _UUID.fullmatch(value) else value
            found = self._hashed(plain) if self._hashed else self._keyed.pseudonym("subject", plain)
            self._codes[value] = found
        return found

    def uuid(self, value: str) -> str:
        """`urn:uuid:` with the code of a value."""
        code = self.code(value)
        if len(code) != 32:
            return f"urn:uuid:{code}"
        return f"urn:uuid:{code[:8]}-{code[8:12]}-{code[12:16]}-{code[16:20]}-{code[20:]}"

    def uid(self, value: str) -> str:
        """A DICOM UID or another OID, written as it was (with urn:oid: or bare)."""
        bare = value.removeprefix("urn:oid:")
        if not _OID.fullmatch(bare):
            return self.code(value)
        return value[: len(value) - len(bare)] + (self._keyed.uid(bare) if self._hashed is None else self.code(bare))

    def identifier(self, value: str) -> str:
        """The code for an identifier's value, in the form it had where it is a URI."""
        if value.startswith("urn:uuid:"):
            return self.uuid(value[9:])
        return self.uid(value) if value.startswith("urn:oid:") else self.code(value)

    def reference(self, text: str) -> str:
        """A reference, fullUrl or request address with codes in it: `Patient/1`, `#1`, URLs, urn:uuid, conditional
        ones.
        """
        known = self._codes.get("\n" + text)
        if known is None:
            known = self._codes["\n" + text] = self._reference(text)
        return known

    def _reference(self, text: str) -> str:
        if text.startswith("#"):
            return "#" + self.code(text[1:]) if text != "#" else text
        if text.startswith("urn:uuid:"):
            return self.uuid(text[9:])
        if text.startswith("urn:oid:"):
            return self.uid(text)
        match = _REFERENCE.fullmatch(text)
        if match is not None and match["type"] in resource_types():
            base = "" if not match["base"] else BASE if self._own else match["base"]
            version = match["version"]
            behind = (
                ""
                if version is None
                else f"/_history/{version if _COUNTED.fullmatch(version) else self.code(version)[:32]}"
            )
            return f"{base}{match['type']}/{self.code(match['id'])}{behind}"
        kind, question, query = text.partition("?")
        kind = kind.rsplit("/", 1)[-1]
        if self._own and (kind in resource_types() or (question and not kind)):
            return kind + question + self.query(query) if question else kind
        return self.code(text)

    def query(self, query: str) -> str:
        """A search by identifier, id or reference with codes in it; every other parameter is left out."""
        kept = []
        for name, value in parse_qsl(query, keep_blank_values=False):
            if name == "identifier":
                system, bar, plain = value.rpartition("|")
                kept.append(f"identifier={self.uri(system) if system else ''}{bar}{self.identifier(plain)}")
            elif name == "_id":
                kept.append(f"_id={self.code(value)}")
            elif name in ("patient", "subject"):
                kept.append(f"{name}={self.reference(value) if '/' in value else self.code(value)}")
        return "&".join(kept)

    def uri(self, text: str) -> str:
        """A URI of a standards body as it is; any other by a code, since it may tell institution, place or person."""
        if _KNOWN_URI.fullmatch(text):
            return text
        if text.startswith("urn:oid:") and _OID.fullmatch(text[8:]):
            return self.uid(text)
        bare, bar, version = text.partition("|")
        known = bar and re.fullmatch(r"\d[\d.]{0,15}", version)
        return self.uuid(bare) + (bar + version if known else "")


def is_reference_to_patient(text: str) -> str:
    """The id of the patient that a literal reference names, or an empty string."""
    match = _REFERENCE.fullmatch(text)
    if match is not None:
        return match["id"] if match["type"] == "Patient" else ""
    kind, _, query = text.partition("?")
    if kind.rsplit("/", 1)[-1] == "Patient":
        found = dict(parse_qsl(query))
        return found.get("_id") or found.get("identifier", "").rpartition("|")[2]
    return ""
