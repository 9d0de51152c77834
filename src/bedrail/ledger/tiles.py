"""C2SP tlog-tiles (https://c2sp.org/tlog-tiles): where tiles lie, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bedrail.core.errors import Corrupt
from bedrail.ledger.merkle import perfect_levels

WIDTH = 256


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """`tile/<level>/<index>[.p/<width>]`, the index in groups of three digits; level `entries` for bundles."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def spans(size: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles that `size` hashes fill, the last one partial unless full; from hash `first` on."""
    for start in range(first // WIDTH * WIDTH, size, WIDTH):
        yield start // WIDTH, min(WIDTH, size - start)


def hash_tiles(leaves: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every hash tile, all levels, of the tree over these leaf hashes."""
    level, hashes = 0, list(leaves)
    while hashes:
        for index, width in spans(len(hashes)):
            start = index * WIDTH
            yield tile_path(level, index, width), b"".join(hashes[start : start + width])
        whole = len(hashes) // WIDTH * WIDTH
        hashes = [tile_root(hashes[start : start + WIDTH]) for start in range(0, whole, WIDTH)]
        level += 1


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """The hash of a full tile, as it stands in the tile above it."""
    return perfect_levels(hashes)[-1][0]


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length as two big-endian bytes; at most 65,535 bytes each."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_entries(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises `Corrupt` when a length points past the end."""
    entries, at = [], 0
    while at < len(data):
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or stop > len(data):
            raise Corrupt("An entry bundle is cut short.", remedy="Export it again.")
        entries.append(data[at + 2 : stop])
        at = stop
    return entries
