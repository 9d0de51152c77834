"""Structured identifiers in a cell, by their form alone: a second look, independent of the text engine's rules."""
# ruff: noqa: E501 (patterns are easier to compare on one line)

from __future__ import annotations

import re
from collections.abc import Iterator

FORMS: tuple[tuple[str, str, str], ...] = (
    ("EMAIL", "F", r"[\w.+%'-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+"),
    ("URL", "N", r"(?:https?|ftp)://\S+|\bwww\.[\w-]+\.\S+|\b[\w-]{2,}\.(?:com|org|net|edu|gov|info|health)(?:/\S*)?\b"),
    ("IP", "O", r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"),
    ("IP", "O", r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4}){1,4}(?![\w:])|(?<![\w:])(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4}:?){0,5}(?![\w:])"),
    ("DEVICE", "M", r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])"),
    ("SSN", "G", r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])"),
    ("SSN", "G", r"(?:xxx|\*{3})-?(?:xx|\*\*)-?\d{4}\b|\b(?:ssn|social)\W{0,3}(?:last\s?(?:4|four)\W{0,3})?\d{4,9}\b"),
    ("PHONE", "D", r"(?<![\w.-])(?:\+?1[-. ]?)?\(?[2-9]\d{2}\)?[-. ]\s?[2-9]\d{2}[-. ]\d{4}(?!\d)"),
    ("PHONE", "D", r"(?<![\w.-])[2-9]\d{2}-\d{4}(?![\d-])|(?<![\w+])\+\d{1,3}[-. ]?(?:\(?\d{1,4}\)?[-. ]?){2,5}\d{2,4}(?!\d)"),
    ("DATE", "C", r"(?<![\d./-])(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:(?:18|19|20)\d{2}|\d{2})(?![\d/-])"),
    ("DATE", "C", r"(?<![\d.-])(?:18|19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])(?:[-/.](?:0?[1-9]|[12]\d|3[01]))?(?![\d-])(?:T\S+)?"),
    ("DATE", "C", r"(?<!\d)(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4,6})?(?!\d)"),
    ("DATE", "C", r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?[ -]\d{1,2}(?:st|nd|rd|th)?\b(?:,?[ -]*(?:18|19|20)\d{2})?"),
    ("DATE", "C", r"\b\d{1,2}(?:st|nd|rd|th)?[ -](?:of )?(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b(?:,?[ -]*(?:(?:18|19|20)\d{2}|\d{2}\b))?"),
    ("HEALTH_PLAN", "I", r"\b[1-9][ac-hj-kmnp-rt-y][0-9ac-hj-kmnp-rt-y]\d-?[ac-hj-kmnp-rt-y][0-9ac-hj-kmnp-rt-y]\d-?[ac-hj-kmnp-rt-y]{2}\d{2}\b"),
    ("ACCOUNT", "J", r"\b[a-z]{2}\d{2}(?:[ ]?[a-z0-9]{4}){3,7}(?:[ ]?[a-z0-9]{1,4})?\b|(?<!\d)(?:\d{4}[- ]){3}\d{4}(?!\d)"),
    ("VEHICLE", "L", r"\b(?=[a-hj-npr-z0-9]*\d[a-hj-npr-z0-9]*\b)(?=[a-hj-npr-z0-9]*[a-hj-npr-z])[a-hj-npr-z0-9]{17}\b"),
    ("UNIQUE_ID", "R", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|(?<![\d.])\d+(?:\.\d+){4,}(?![\d.])"),
    ("MRN", "H", r"\b(?:mrn|medical record|chart|patient id|pat id|hospital no)\b\W{0,4}(?:no\.?|number|#|:)?\W{0,3}[a-z]{0,4}-?\d[\w-]{3,}"),
    ("ACCOUNT", "J", r"\b(?:acct|account|invoice|card)\b\W{0,4}(?:no\.?|number|#|:)?\W{0,3}[a-z]{0,4}-?\d[\w-]{3,}"),
    ("HEALTH_PLAN", "I", r"\b(?:member|policy|plan|subscriber|beneficiary|medicaid|medicare)\b\W{0,4}(?:id|no\.?|number|#|:)?\W{0,3}[a-z]{0,4}-?\d[\w-]{3,}"),
    ("LICENSE", "K", r"\b(?:license|licence|lic|dea|npi|passport|certificate)\b\W{0,4}(?:no\.?|number|#|:)?\W{0,3}[a-z]{0,3}-?\d[\w-]{3,}|\b[abcdefgmpr][a-z9]\d{7}\b"),
    ("DEVICE", "M", r"\b(?:serial|s/n|sn|udi|imei|pacemaker|implant)\b\W{0,4}(?:no\.?|number|#|:)?\W{0,3}(?=[\w-]*\d)[\w-]{4,}|\(01\)\d{14}\S*"),
    ("VEHICLE", "L", r"\b(?:plate|registration|vin)\b\W{0,4}(?:no\.?|number|#|:)?\W{0,3}(?=[\w-]*\d)[\w-]{4,}"),
    ("BIOMETRIC", "P", r"\b(?:fingerprint|iris|retina|voice ?print|biometric|face template)\b\W{0,4}(?:id|hash|template|no\.?|#|:)?\W{0,3}(?=[\w-]*\d)[\w-]{4,}"),
    ("PHOTO", "Q", r"\b[\w-]+\.(?:jpe?g|png|gif|bmp|heic|tiff?|webp)\b|\bdata:image/\S+"),
    ("AGE90", "C", r"\b(?:9\d|1[01]\d)[- ]?(?:years?|yrs?|y/?o|yo|year)\b[- ]?(?:old|of age)?|\bage[ds]?\W{0,3}(?:9\d|1[01]\d)\b(?!\+)"),
    ("GEO", "B", r"\b\d{1,6}\s+(?:[nsew]\.?\s+)?(?:[a-z][\w.'-]*\s+){1,4}(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|way|terrace|highway|hwy|parkway|pkwy|circle|trail)\b\.?(?:,?\s*(?:apt|suite|unit|#)\.?\s*\w+)?"),
    ("GEO", "B", r"\b[a-z]{2}\s+\d{5}(?:-\d{4})?\b|(?<![\d-])\d{5}-\d{4}(?![\d-])|\bzip(?: ?code)?\W{0,3}\d{5}\b|-?\d{1,2}\.\d{4,},\s*-?\d{1,3}\.\d{4,}"),
    ("UNIQUE_ID", "R", r"(?<![\w-])(?=(?:[\w-]*\d){6})[a-z0-9]+(?:-[a-z0-9]+){2,}(?![\w-])|(?<![\w-])(?=(?:[\w-]*\d){7})[a-z0-9]+-[a-z0-9]+(?![\w-])"),
    ("UNIQUE_ID", "R", r"(?<![\w-])\d{2,3}-\d{2}-\d{2}(?![\w-])|(?<![\w-])\d{5}-\d{2,3}(?![\w-])"),
    ("UNIQUE_ID", "R", r"(?<![\w-])(?-i:[A-Z]{2,5}-\d{3,}|\d[A-Z]{3}\d{3}|[A-Z]{1,3}\d{5,}[A-Z]?)(?![\w-])"),
    ("UNIQUE_ID", "R", r"(?<![\w.+-])(?:[a-z]{1,6}-?)?\d{6,}[a-z]?(?:-\d+)*(?![\w.]?\d)"),
)  # fmt: skip
"""(label, letter of 45 CFR 164.514(b)(2)(i), form). Widest at the end: six digits together are a number of somebody."""

LETTERS = {label: letter for label, letter, _ in FORMS}

_ALL = re.compile("|".join(f"(?P<f{number}>{form})" for number, (_, _, form) in enumerate(FORMS)), re.IGNORECASE)
_MAYBE = re.compile(r"\d|@|\(at\)|\[at\]|www\.|\.(?:com|org|net|edu|gov|info|health|jpe?g|png|gif|bmp|heic|tiff?|webp)\b", re.IGNORECASE)  # fmt: skip
_OURS = re.compile(r"\[(?:[A-Z_0-9]+)\]")
_DIGITS = str.maketrans({chr(base + digit): str(digit) for base in (0xFF10, 0x0660, 0x06F0) for digit in range(10)} | dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("\u00a0\u202f\u2007\u2009", " "))  # fmt: skip


def found(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of each identifier in a text, from left to right; other scripts' digits and dashes count."""
    if not _MAYBE.search(text) and text.isascii():
        return
    plain = text.translate(_DIGITS) if not text.isascii() else text
    for hit in _ALL.finditer(plain):
        label = FORMS[int((hit.lastgroup or "f0")[1:])][0]
        yield hit.start(), hit.end(), label


def label_of(text: str) -> str:
    """The label of the first identifier in a text, or nothing. What we wrote ourselves ([LABEL]) is none."""
    return next((label for _, _, label in found(_OURS.sub(" ", text))), "")


def masked(text: str) -> tuple[str, list[str]]:
    """The text with every identifier replaced by [LABEL], and their labels."""
    labels: list[str] = []
    made: list[str] = []
    at = 0
    for start, end, label in found(text):
        made += (text[at:start], f"[{label}]")
        labels.append(label)
        at = end
    return ("".join((*made, text[at:])), labels) if labels else (text, labels)
