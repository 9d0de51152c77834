"""Structured reports (PS3.15 E.3.4): content items by Table E.3.4-1, or by value type when it does not list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bedrail.privacy.dicom.dates import moved
from bedrail.privacy.dicom.encoding import DUMMIES, put
from bedrail.privacy.dicom.table import content_items, letters_of
from bedrail.privacy.dicom.writing import items_of, text_value, value_bytes

if TYPE_CHECKING:
    from bedrail.privacy.dicom.walk import Walk

CONTENT = 0x0040A730
KIND = 0x0040A040
CONCEPT = 0x0040A043
VALUES = {
    "TEXT": (0x0040A160, "UT"), "PNAME": (0x0040A123, "PN"), "DATE": (0x0040A121, "DA"), "TIME": (0x0040A122, "TM"),
    "DATETIME": (0x0040A120, "DT"), "UIDREF": (0x0040A124, "UI"),
}  # fmt: skip
"""Where a content item of each value type has its value."""
REMOVED_WHOLE = frozenset({"NUM", "CODE"})
"""Types without a dummy: where the table asks for one, the item goes."""


def clean_content(walk: Walk, items: Sequence, depth: int = 1) -> None:
    """Each content item and all below: removed, replaced, cleaned or kept; a list without items is legal (Type 1C)."""
    for at in reversed(range(len(items))):
        item = items[at]
        action = _action(walk, item)
        if action == "X" or depth > 32:
            del items[at]
            continue
        nested = items_of(item, CONTENT) if CONTENT in item else Sequence()
        if CONTENT in item:
            del item[CONTENT]  # walked here, item by item
        kind = text_value(item, KIND).upper()
        value = item[VALUES[kind][0]] if kind in VALUES and VALUES[kind][0] in item else None
        data = value_bytes(value, item) if value is not None else b""
        walk.walk_item(item, CONTENT)
        if value is not None:
            _set_value(walk, item, kind, action, data)
        if len(nested):
            clean_content(walk, nested, depth + 1)
            if len(nested):
                item.ContentSequence = nested


def _action(walk: Walk, item: Dataset) -> str:
    kind = text_value(item, KIND).upper()
    concept = items_of(item, CONCEPT) if CONCEPT in item else Sequence()
    scheme = text_value(concept[0], 0x00080102) if len(concept) else ""
    code = text_value(concept[0], 0x00080100) if len(concept) else ""
    row = content_items().get((scheme, code, kind))
    if row is None:
        return {"TEXT": "C", "PNAME": "D", "DATE": "C", "TIME": "C", "DATETIME": "C", "UIDREF": "U"}.get(kind, "K")
    action = row.action(letters_of(walk.profile)).split("/")[-1]
    if kind in ("DATE", "TIME", "DATETIME") and action == "C" and not walk.profile.retain_modified_dates:
        return "D"
    return "X" if action == "D" and kind in REMOVED_WHOLE else action


def _set_value(walk: Walk, item: Dataset, kind: str, action: str, data: bytes) -> None:
    """The value of a content item: what the walk did to the attribute alone is overruled by what the concept asks."""
    tag, vr = VALUES[kind]
    if kind == "UIDREF":
        uid = data.decode("ascii", "replace")
        kept = action == "K" or walk.profile.retain_uids
        put(item, tag, vr, (uid if kept else walk.uid(uid)).encode("ascii", "replace"))
    elif kind == "TEXT" and action in ("C", "K"):
        put(item, tag, vr, data)
        walk.prose_later(item, tag, vr)
    elif kind in ("DATE", "TIME", "DATETIME"):
        put(item, tag, vr, _date(walk, vr, action, data))
    else:
        put(item, tag, vr, DUMMIES[vr])


def _date(walk: Walk, vr: str, action: str, data: bytes) -> bytes:
    if walk.profile.retain_full_dates and action in ("K", "C"):
        return data
    if walk.profile.retain_modified_dates and action == "C":
        return moved(vr, data, walk.days) or DUMMIES[vr]
    return DUMMIES[vr]
