"""Numbers, codes and addresses of the net replaced in their own format, in ranges that are never given to anybody."""

from __future__ import annotations

import re
from collections.abc import Container

from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.checksums import dea, iban, luhn, npi, vin
from bedrail.privacy.text.people import People

_MARKS = re.compile(
    r"(?i)\b(?:mr|mrn|acct|acc|csn|sn|enc|ct|fp|iris|vp|dsc|img|pol|inv|bill|lic|dev|id|po|npi|dea|rn|ref|case|nhc|nass"
    r"|face|photo|scan|visit|patient|chart)(?=[\W_\d]|$)"
    r"|(?<=\.)(?:jpe?g|png|gif|tiff?|bmp|heic|webp|pdf|dcm|mp4|mov|wav)$"
)
"""Beginnings that say what kind of number it is, and the endings of files: they stay."""

_DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.")
"""RFC 5737: addresses of IPv4 for documentation; for IPv6 it is 2001:db8::/32 (RFC 3849)."""

_AREA_CODES = tuple(
    f"{code}"
    for code in range(201, 990)
    if code % 100 != 11
    and code // 10 % 10 != 9
    and code // 10 not in (37, 96)
    and code % 100 not in (0, 22, 33, 44, 55)
)
"""Of the form of area codes (NANP: NXX, not N11, N9X, 37X, 96X); some are not in use."""

_EXTENSION = re.compile(r"\d+")
_URL = re.compile(r"(?i)(?P<scheme>[a-z][a-z0-9+.-]*://)?(?P<www>www\.)?(?P<host>[^/?#\s]*)(?P<rest>.*)", re.DOTALL)


class Numbers:
    """The numbers of one subject's records under other ones; one for each text, so that none becomes another of it."""

    __slots__ = ("_keyed", "_people", "_subject", "_taken")

    def __init__(self, keyed: Keyed, subject: str, people: People, taken: Container[str] = ()) -> None:
        """`taken` are the letters and digits, in small letters, of all originals of the text; `people` name e-mails."""
        self._keyed, self._subject, self._people, self._taken = keyed, subject, people, taken

    def code(self, text: str, kind: str = "code") -> str:
        """Digits for digits, letters for letters, all else and the kind's mark as it stands; no valid checksum.

        The same number in other groups ("317-82-22", "3178222") becomes the same number. A surrogate fails the check
        digits of cards, providers, prescribers, vehicles and bank accounts: it can be nobody's.
        """
        kept = {at for m in _MARKS.finditer(text) for at in range(*m.span())}
        places = [at for at, sign in enumerate(text) if sign.isalnum() and at not in kept]
        if not places:
            places = [at for at, sign in enumerate(text) if sign.isalnum()]
        own = "".join(text[at].lower()[:1] for at in places)
        for attempt in range(1000):
            made = self._stream(f"{kind}\0{attempt}" if attempt else kind, own)
            if made not in self._taken and made != own and not _issued(made):
                break
        signs = list(text)
        for at, sign in zip(places, made, strict=True):
            signs[at] = sign.upper() if text[at].isupper() else sign
        return "".join(signs)

    def _stream(self, kind: str, own: str) -> str:
        """As many keyed signs of the same classes; a first digit other than zero stays so."""
        chosen = self._keyed.below(1 << 120, kind, f"{self._subject}\0{own}")
        signs = []
        for at, sign in enumerate(own):
            if at and at % 20 == 0:
                chosen = self._keyed.below(1 << 120, kind, f"{self._subject}\0{own}\0{at}")
            if sign.isdigit():
                low = 1 if at == 0 and sign != "0" else 0
                chosen, rest = divmod(chosen, 10 - low)
                signs.append(str(low + rest))
            else:
                chosen, rest = divmod(chosen, 26)
                signs.append(chr(97 + rest))
        return "".join(signs)

    def ssn(self, text: str) -> str:
        """A number of the area 9xx with a group up to 49: neither social security nor taxpayer numbers are such."""
        places = [at for at, sign in enumerate(text) if sign.isdigit()]
        if len(places) != 9:
            return self.code(text, "ssn")
        own = "".join(text[at] for at in places)
        for attempt in range(1000):
            chosen = self._keyed.below(100 * 49 * 9999, "ssn", f"{self._subject}\0{own}\0{attempt}")
            area, rest = divmod(chosen, 49 * 9999)
            made = f"9{area:02d}{rest // 9999 + 1:02d}{rest % 9999 + 1:04d}"
            if made != own and made not in self._taken:
                break
        return _put(text, places, made)

    def phone(self, text: str) -> str:
        """A North American number as 555-01xx, kept for fiction; others digit for digit, country code and zero kept.

        Extensions change as well. What has letters (1-800-FLOWERS) changes letter for letter.
        """
        number, extension = _without_extension(text)
        places = [at for at, sign in enumerate(number) if sign.isdigit()]
        own = "".join(number[at] for at in places)
        tail = _EXTENSION.sub(lambda m: self.code(m.group(), "extension"), extension)
        national = own[1:] if len(own) == 11 and own[0] == "1" else own
        foreign = number.lstrip(" (").startswith("+") and own[:1] != "1"
        if foreign or len(national) not in (7, 10) or any(c.isalpha() for c in number):
            return self._foreign(number, own) + tail
        for attempt in range(1000):
            chosen = self._keyed.below(len(_AREA_CODES) * 100, "phone", f"{self._subject}\0{national}\0{attempt}")
            made = f"{_AREA_CODES[chosen // 100] if len(national) == 10 else ''}55501{chosen % 100:02d}"
            if made != national and made not in self._taken:
                break
        return _put(number, places, own[: len(own) - len(national)] + made) + tail

    def _foreign(self, number: str, own: str) -> str:
        kept = re.match(r"\s*(?:\(?\+\d{1,2}\)?|\(?0{1,2})?[\s(]*(?:\(0\))?", number)
        head = kept.group() if kept and len(own) > 4 else ""
        return head + self.code(number[len(head) :], "phone")

    def email(self, text: str) -> str:
        """Another mailbox at example.org (RFC 2606), in the format of the old one."""
        if "@" not in text:
            return self.code(text, "email")
        box = re.sub(r"[^\W\d_]+", lambda m: self._people.part(m.group()), text.rpartition("@")[0])
        made = re.sub(r"\d+", lambda m: self.code(m.group(), "email"), box)
        domain = "example.org"
        return _ascii(made) + "@" + (domain.upper() if text.isupper() else domain)

    def url(self, text: str) -> str:
        """An address at example.org with a path of the same format."""
        parts = _URL.fullmatch(text)
        assert parts is not None  # every group may be empty
        path = re.sub(r"[^\W_]+", lambda m: self.code(m.group(), "url"), parts["rest"])
        return (parts["scheme"] or "") + (parts["www"] or "") + "example.org" + path

    def address(self, text: str) -> str:
        """An IP address of those kept for documentation; a port or prefix length stays."""
        if ":" in text and "." not in text:
            number = self._keyed.below(1 << 64, "ip", f"{self._subject}\0{text.lower()}")
            made = f"2001:db8:{number >> 48 & 0xFFFF:x}:{number >> 32 & 0xFFFF:x}::{number & 0xFFFF:x}"
            return made.upper() if text.isupper() else made
        for attempt in range(1000):
            chosen = self._keyed.below(3 * 254, "ip", f"{self._subject}\0{text}\0{attempt}")
            made = f"{_DOCUMENTATION[chosen // 254]}{chosen % 254 + 1}"
            if made != text and "".join(c for c in made if c.isdigit()) not in self._taken:
                break
        return re.sub(r"\d+(?:\.\d+){3}", made, text, count=1) if re.search(r"\d+(?:\.\d+){3}", text) else made


def _issued(made: str) -> bool:
    """Whether check digits say that a number may have been given to somebody."""
    if made.isdigit():
        return (len(made) >= 12 and luhn(made)) or npi(made)
    if len(made) == 9 and made[:2].isalpha() and made[2:].isdigit():
        return dea(made)
    return vin(made) or iban(made)


def _without_extension(text: str) -> tuple[str, str]:
    """A phone number and what follows "x", "ext." or "o."."""
    found = re.search(r"(?i)[\s,;]*(?:x|ext\.?|extension|durchwahl|dw\.?|o\.|int\.?)\s*\d+\s*$", text)
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def _put(text: str, places: list[int], made: str) -> str:
    signs = list(text)
    for at, sign in zip(places, made, strict=True):
        signs[at] = sign
    return "".join(signs)


def _ascii(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
