"""DICOMDIR: its records point at each other by place in the file, and the places are others after de-identification."""

from __future__ import annotations

from io import BytesIO

import pydicom
from pydicom.dataset import Dataset

from bedrail.privacy.dicom.encoding import put

_LINKS = (0x00041400, 0x00041420)
"""Next record, and first record below (PS3.3 F.3.2.2)."""
_ENDS = (0x00041200, 0x00041202)
"""First and last record of the root."""


def relink(dataset: Dataset, out: bytes) -> None:
    """Point every offset of `dataset` at where its record stands in `out`; offsets that led nowhere become 0.

    Offsets are four bytes whatever they say, so the file has the same places when it is written again.
    """
    before = [int(getattr(item, "seq_item_tell", None) or 0) for item in dataset.DirectoryRecordSequence]
    again = pydicom.dcmread(BytesIO(out), force=True)
    after = [int(getattr(item, "seq_item_tell", None) or 0) for item in again.DirectoryRecordSequence]
    places = dict(zip(before, after, strict=True))
    order = "little" if dataset.original_encoding[1] is not False else "big"
    for holder, tags in ((dataset, _ENDS), *((item, _LINKS) for item in dataset.DirectoryRecordSequence)):
        for tag in tags:
            if tag in holder:
                old = holder[tag].value
                new = places.get(old, 0) if isinstance(old, int) else 0
                put(holder, tag, "UL", new.to_bytes(4, "little" if order == "little" else "big"))
