"""The nouns of de-identification: spans of protected health information, and the record of what was done where."""

from __future__ import annotations

from bedrail.core.values import Value

LABELS = (
    "NAME", "GEO", "DATE", "AGE90", "PHONE", "FAX", "EMAIL", "SSN", "MRN", "HEALTH_PLAN", "ACCOUNT", "LICENSE",
    "VEHICLE", "DEVICE", "URL", "IP", "BIOMETRIC", "PHOTO", "UNIQUE_ID",
)  # fmt: skip
"""The identifiers of HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(A)-(R), with dates and ages of 90 and over apart."""


class Span(Value, frozen=True, gc=False):
    """One stretch of text taken for an identifier.

    `start` and `end` are offsets in Unicode code points of the text as it came, end exclusive. `label` is one of
    `LABELS`; `confidence` lies in 0..1; `source` names the detector. Never holds the text itself.
    """

    start: int
    end: int
    label: str
    confidence: float
    source: str = ""


class Handled(Value, frozen=True, kw_only=True):
    """What was done to one place: a column, a path, a tag, a field or a label; how often; never a value."""

    place: str
    action: str
    rule: str
    count: int


class Manifest(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What one run of de-identification did, fit to become evidence: digests, counts and rules, never a value.

    `medium` is text, table, fhir, dicom or hl7; `profile` the digest of the rules in force; `inputs` and `outputs` are
    SHA-256 digests of the files as hex; `records` were handled and `failed` were not (and are not in the outputs).
    `codes_counted` says that codes are counted one by one as they are given out; runs of before counted fields of HL7.
    """

    medium: str
    profile: str
    project: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    records: int
    failed: int
    handled: tuple[Handled, ...]
    codes_counted: bool = False
