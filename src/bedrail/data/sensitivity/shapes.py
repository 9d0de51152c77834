"""What sampled values look like, whatever their field is called: shapes with checks, never the values themselves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bedrail.data.catalogue import Level
from bedrail.data.sampling import present


class Shape(NamedTuple):
    """A shape that most sampled values have: what it is, and which share of them."""

    level: Level
    label: str
    share: float


_SSN = re.compile(r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\Z")
_EMAIL = re.compile(r"(mailto:)?[\w.+-]+@[\w-]+(\.[\w-]+)+\Z")
_PHONE = re.compile(
    r"(tel:)?(\+?1[-. ]?)?(\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}( ?(x|ext\.?) ?\d+)?\Z|\+\d{1,3}[ \d()/-]{7,16}\Z"
    r"|0[1-9]\d{1,4}[ /-]\d{3,9}([ -]\d{1,5})*\Z"
)
_URL = re.compile(r"(https?|ftp)://\S+\Z|www\.\S+\.\w+\S*\Z")
_UUID = re.compile(r"(urn:uuid:)?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
_MAC = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\Z")
_ZIP = re.compile(r"\d{5}-\d{4}\Z")
_NAME_COMMA = re.compile(r"[A-ZÀ-Ý][A-Za-zÀ-ÿ'’-]+, ?[A-ZÀ-Ý][A-Za-zÀ-ÿ'’.-]+( [A-Z]\.?)?\Z")
_HL7_NAME = re.compile(r"[A-Za-zÀ-ÿ'’-]+\^[A-Za-zÀ-ÿ'’.-]+(\^.*)?\Z")
_STREET = re.compile(
    r"\d+[A-Za-z]? [\w .'’-]+ (st|street|ave|avenue|rd|road|dr|drive|ln|lane|blvd|way|ct|court|pl"
    r"|place|ter|terrace|hwy|"
    r"cir|circle|pkwy)\b\.?.*\Z|[\wäöüß.'-]+(straße|strasse|str\.|weg|platz|allee) \d+\w?\Z|(calle"
    r"|avda|avenida|plaza) .+",
    re.IGNORECASE,
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{10,30}\Z")
_VIN = re.compile(r"(?=.*\d)(?=.*[A-Z])[A-HJ-NPR-Z0-9]{17}\Z")
_REFERENCE = re.compile(r"(Patient|RelatedPerson|Person|Encounter|Claim)/\S+\Z")


def _ip(text: str) -> bool:
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _iban(text: str) -> bool:
    """ISO 13616: the number, letters counted from 10, is 1 modulo 97."""
    if not _IBAN.match(text):
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _card(text: str) -> bool:
    """ISO/IEC 7812: a payment card's check digit (Luhn)."""
    digits = [int(sign) for sign in re.sub(r"[ -]", "", text) if sign.isdigit()]
    if not (13 <= len(digits) <= 19 and re.fullmatch(r"[3-6][\d -]+", text)):
        return False
    doubled = [n if at % 2 == 0 else (n * 2 - 9 if n > 4 else n * 2) for at, n in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


_TESTS: tuple[tuple[str, Level, Callable[[str], object], float], ...] = (
    ("SSN", "direct-identifier", _SSN.match, 0.5),
    ("EMAIL", "direct-identifier", _EMAIL.match, 0.5),
    ("PHONE", "direct-identifier", _PHONE.match, 0.6),
    ("IP", "direct-identifier", _ip, 0.6),
    ("ACCOUNT", "direct-identifier", _iban, 0.5),
    ("ACCOUNT", "direct-identifier", _card, 0.8),
    ("VEHICLE", "direct-identifier", _VIN.match, 0.8),
    ("DEVICE", "direct-identifier", _MAC.match, 0.6),
    ("UNIQUE_ID", "direct-identifier", _REFERENCE.match, 0.6),
    ("UNIQUE_ID", "direct-identifier", _UUID.match, 0.8),
    ("NAME", "direct-identifier", _HL7_NAME.match, 0.7),
    ("NAME", "direct-identifier", _NAME_COMMA.match, 0.7),
    ("GEO", "direct-identifier", _STREET.match, 0.5),
    ("GEO", "quasi-identifier", _ZIP.match, 0.5),
    ("URL", "direct-identifier", _URL.match, 0.6),
)
"""What is tried, in this order; the last number is the share of values that must fit."""

_LEAST = 3


def shape_of(values: Sequence[str]) -> Shape | None:
    """The first shape that enough of the values have; None for fewer than three values that say anything."""
    said = present(values)
    if len(said) < _LEAST:
        return None
    for label, level, fits, least in _TESTS:
        share = sum(1 for text in said if fits(text)) / len(said)
        if share >= least:
            return Shape(level, label, share)
    return None


def strays(values: Sequence[str]) -> tuple[str, ...]:
    """Identifiers that stand in some values only: a phone number or an SSN among the codes of a column."""
    said = present(values)
    tests = (("SSN", _SSN.match), ("EMAIL", _EMAIL.match), ("PHONE", _PHONE.match))
    return tuple(label for label, fits in tests if any(fits(text) for text in said))


def distinct_share(values: Sequence[str]) -> float:
    """Which share of the sampled values differs from all others."""
    said = present(values)
    return len(set(said)) / len(said) if said else 0.0
