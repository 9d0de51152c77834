"""Overlays kept under the Clean Graphics option (PS3.15 E.3.3): bitmaps without text, and no words beside them."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from bedrail.core.errors import Refused
from bedrail.privacy.dicom.encoding import put
from bedrail.privacy.dicom.ocr import READABLE, text_boxes, widened
from bedrail.privacy.dicom.writing import value_bytes

KEPT = frozenset({0x0010, 0x0011, 0x0015, 0x0040, 0x0045, 0x0050, 0x0051, 0x0100, 0x0102, 0x3000})
"""Size, place, type and bits of an overlay; labels, descriptions, comments and statistics go."""
DATA = 0x3000


def is_overlay(tag: int) -> bool:
    """Whether an attribute is of an overlay plane, group 60xx."""
    return 0x6000 <= tag >> 16 <= 0x60FF


def clean_overlays(dataset: Dataset) -> int:
    """Blank text in the bitmaps of all overlays and remove what is no bitmap; how many attributes were changed.

    Overlays that say no size, or lie in unused bits of the pixels, go. Raises `Unavailable` without the extra
    `imaging`, and `Refused` when text stays readable.
    """
    changed = 0
    for group in sorted({tag >> 16 for tag, _ in dataset.items() if is_overlay(tag)}):
        kept = _bitmap(dataset, group)
        for tag in [tag for tag, _ in dataset.items() if tag >> 16 == group]:
            if not kept or tag & 0xFFFF not in KEPT:
                del dataset[tag]
                changed += 1
    return changed


def _bitmap(dataset: Dataset, group: int) -> bool:
    """Blank text in one overlay; False when it cannot be kept."""
    import numpy as np

    base = group << 16
    try:
        rows, columns = int(dataset[base | 0x0010].value), int(dataset[base | 0x0011].value)
        frames = int(dataset[base | 0x0015].value) if base | 0x0015 in dataset else 1
        data = value_bytes(dataset.get_item(BaseTag(base | DATA)), dataset)
    except (KeyError, TypeError, ValueError, AssertionError):
        return False
    count = rows * columns * frames
    if not 0 < count <= len(data) * 8:
        return False
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")[:count].reshape(frames, rows, columns)
    for least in (None, READABLE, READABLE):
        found = [box for one in bits for box in text_boxes(one * np.uint8(255), *([least] if least else []))]
        if least and not found:
            break
        for left, top, right, bottom in (widened(box, rows, columns, 0.4) for box in found):
            bits[:, top:bottom, left:right] = 0
    else:
        raise Refused("text stays readable in an overlay.", remedy="Leave --clean-graphics out: overlays then go.")
    put(
        dataset,
        base | DATA,
        "OW" if dataset.original_encoding[0] else "OB",
        np.packbits(bits, bitorder="little").tobytes(),
    )
    return True
