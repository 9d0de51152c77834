"""Planted identifiers and the search for them in every byte: plain, in other encodings, in packed files."""

from __future__ import annotations

import base64
import gzip
import io
import random
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "Zqxjkvw"
"""Begins every planted identifier, and nothing else in the world."""

_DIGITS = re.compile(rb"\d{12}")


class Planted:
    """Identifiers nobody else has: `MARK` and twelve digits."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.tails: set[bytes] = set()

    def new(self) -> str:
        """One more."""
        tail = "".join(self._chance.choices("0123456789", k=12))
        self.tails.add(tail.encode())
        return MARK + tail


def spellings() -> dict[str, bytes]:
    """The mark as it would look in other clothes."""
    plain = MARK.encode()
    found = {
        "plain": plain,
        "reversed": plain[::-1],
        "utf-16-le": MARK.encode("utf-16-le"),
        "utf-16-be": MARK.encode("utf-16-be"),
    }
    found |= {"hex": plain.hex().encode(), "rot13": MARK.translate(_ROT13).encode()}
    for name, coder, bits in (("base64", base64.b64encode, 6), ("base32", base64.b32encode, 5)):
        for shift in range({6: 3, 5: 5}[bits]):  # the part that is the same whatever stands before and after
            coded, ahead = coder(b"\x00" * shift + plain), 8 * shift
            found[f"{name}+{shift}"] = coded[-(-ahead // bits) : (ahead + 8 * len(plain)) // bits]
    return found


_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(_LOWER + _LOWER.upper(), (_LOWER * 2)[13:39] + (_LOWER * 2)[13:39].upper())
_CASELESS = ("plain", "reversed", "hex", "utf-16-le", "utf-16-be", "rot13")


def seen_in(data: bytes, planted: Planted) -> list[str]:
    """Which spellings of planted identifiers stand in these bytes, packed ones unpacked."""
    found = []
    for part in unpacked(data):
        lower = part.lower()
        for name, spelling in spellings().items():
            if spelling.lower() in lower if name in _CASELESS else spelling in part:
                found.append(name)
        if any(tail in planted.tails for tail in _DIGITS.findall(part)):
            found.append("its number")
    return found


def unpacked(data: bytes, depth: int = 3) -> Iterator[bytes]:
    """The bytes, and what is packed in them: gzip, zlib, zip, tar, Parquet."""
    yield data
    if not depth:
        return
    if data[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield from unpacked(gzip.decompress(data), depth - 1)
    if data[:1] == b"\x78":
        with suppress(zlib.error):
            yield from unpacked(zlib.decompress(data), depth - 1)
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from unpacked(archive.read(name), depth - 1)
    if data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                yield member.name.encode()
                file = archive.extractfile(member)
                if file is not None:
                    yield from unpacked(file.read(), depth - 1)
    if data[:4] == b"PAR1":
        import pandas as pd

        yield pd.read_parquet(io.BytesIO(data)).to_csv().encode()


def search(folder: Path, planted: Planted) -> tuple[int, list[str]]:
    """Bytes looked at under a folder, names of files too, and where something planted stands."""
    looked, found = 0, []
    for path in sorted(folder.rglob("*")):
        if MARK.lower() in str(path).lower():
            found.append(f"{path}: in its name")
        if path.is_file():
            data = path.read_bytes()
            looked += len(data)
            found += [f"{path.relative_to(folder)}: {each}" for each in seen_in(data, planted)]
    return looked, found
