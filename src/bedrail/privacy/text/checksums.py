"""Numbers that prove themselves: whether a string of digits can be what it looks like."""

from __future__ import annotations

from calendar import monthrange

_VIN = {**{str(d): d for d in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True)), "J": 1, "K": 2, "L": 3,
        "M": 4, "N": 5, "P": 7, "R": 9, **dict(zip("STUVWXYZ", range(2, 10), strict=True))}  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(text: str) -> str:
    """Its decimal digits alone."""
    return "".join(c for c in text if c.isdigit())


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B, on the digits of `number`; payment cards and, with 80840 in front, US NPIs."""
    total = 0
    for at, char in enumerate(reversed(digits(number))):
        value = int(char)
        if at % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def npi(number: str) -> bool:
    """US National Provider Identifier, 45 CFR 162.406: ten digits, Luhn with the prefix 80840."""
    own = digits(number)
    return len(own) == 10 and own[0] in "12" and luhn("80840" + own)


def dea(number: str) -> bool:
    """US DEA registration: two letters and seven digits; (d1+d3+d5) + 2(d2+d4+d6) ends in d7."""
    own = digits(number)
    if len(own) != 7:
        return False
    d = [int(c) for c in own]
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def vin(number: str) -> bool:
    """Vehicle identification number with its check digit, 49 CFR 565.15(c)."""
    upper = number.upper()
    if len(upper) != 17 or any(c not in _VIN for c in upper):
        return False
    rest = sum(_VIN[c] * w for c, w in zip(upper, _VIN_WEIGHTS, strict=True)) % 11
    return upper[8] == ("X" if rest == 10 else str(rest))


def iban(number: str) -> bool:
    """ISO 13616-1: mod 97 is 1."""
    plain = "".join(c for c in number.upper() if c.isalnum() and c.isascii())
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def octets(address: str) -> bool:
    """Four numbers of at most 255 (RFC 791)."""
    parts = address.split(".")
    return len(parts) == 4 and all(p.isdigit() and p.isascii() and int(p) < 256 for p in parts)


def day(year: int, month: int, of_month: int) -> bool:
    """Such a day exists."""
    if not 1 <= month <= 12 or of_month < 1:
        return False
    return of_month <= 28 or of_month <= monthrange(year if 1 <= year <= 9999 else 2000, month)[1]
