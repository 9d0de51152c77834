"""Text burned into pixels: which images are never trusted, and looking, blanking, looking again."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileDataset

from bedrail.core.errors import Refused
from bedrail.privacy.dicom.frames import Picture, blackened, opened, replaced, tidied
from bedrail.privacy.dicom.ocr import READABLE, Box, ready, text_boxes, widened
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.dicom.writing import PIXELS, items_of, text_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEVER_TRUSTED = frozenset(
    {"US", "IVUS", "BDUS", "XA", "RF", "CR", "DX", "RG", "IO", "PX", "SC", "ES", "XC", "GM", "OT", "DOC", "OP", "BMD",
     "HD", "ECG", "EPS", "TG", "DG", "LS", "SM", ""}
)  # fmt: skip
"""Modalities whose machines, or whose ways into the archive, burn text in; and none said."""
CAPTURES = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.77.1", "1.2.840.10008.5.1.4.1.1.6",
            "1.2.840.10008.5.1.4.1.1.3")  # fmt: skip
"""Secondary capture, visible light and ultrasound storage, with all below them."""
COLOURS = frozenset({"RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
SAMPLED = 6
DIFFERENT = 4
ROUNDS = 3
REGIONS = 0x00186011
BURNED_IN = 0x00280301
FACES = frozenset({"CT", "MR", "PT"})

NOT_LOOKED_AT = "pixels may show text, and were not looked at"
BLACKENED = "pixels were blackened"
NOT_DECODED = "pixels could not be decoded, and were blackened"
FACE = "a face may be recognisable from head CT, MR or PET; not changed"


@dataclass
class Seen:
    """What was done to the pixels of one instance; `cleaned`: nothing readable is in them any more."""

    cleaned: bool = False
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def count(self, action: str, rule: str, count: int = 1) -> None:
        """Something was done to the pixels."""
        if count:
            self.counts["(7FE0,0010)", action, rule] = count


def untrusted(dataset: Dataset) -> bool:
    """Whether text may be burned in, whatever (0028,0301) says: by modality, class, way of capture and colour."""
    modality = text_value(dataset, 0x00080060).upper()
    kind = {part.strip().upper() for part in text_value(dataset, 0x00080008).split("\\")}
    return (
        modality in NEVER_TRUSTED
        or text_value(dataset, BURNED_IN).upper() == "YES"
        or text_value(dataset, 0x00080016).startswith(CAPTURES)
        or bool(kind & {"SECONDARY", "SCREEN SAVE", "SCREENSHOT", "CAPTURE"})
        or 0x00080064 in dataset
        or text_value(dataset, 0x00280004) in COLOURS
    )


def clean_pixels(dataset: FileDataset, profile: Profile) -> Seen:
    """Make the pixels of an instance fit to go out, by `profile.pixels`; before its attributes are changed.

    Looks for text, blanks it in all frames with a margin, crops ultrasound to its regions, and looks again: what is
    still readable is blanked wider, and in the end refused. Changed images go out uncompressed. Raises `Unavailable`
    when the extra `imaging` is needed, `Refused` when text stays readable or the image is too large to blacken.
    """
    seen = Seen(notes=(FACE,) if _may_show_face(dataset) else ())
    if PIXELS not in dataset:
        return seen
    seen.count("cleaned", "comments and unused bits", tidied(dataset))
    doubtful = untrusted(dataset)
    if profile.pixels == "never" or not (doubtful or profile.pixels == "always"):
        if doubtful:
            seen.notes += (NOT_LOOKED_AT,)
        return seen
    if profile.pixels == "remove":
        _blacken(dataset, seen, BLACKENED)
        return seen
    ready()
    picture = opened(dataset)
    if picture is None:
        _blacken(dataset, seen, NOT_DECODED)
        return seen
    regions = _regions(dataset)
    boxes = _blank_all(picture, regions)
    if boxes or regions:
        replaced(dataset, picture)
    seen.count("blanked", "text found", boxes)
    seen.count("cropped", "ultrasound regions", int(bool(regions)))
    seen.count("looked at", "text in pixels")
    seen.cleaned = True
    return seen


def _blacken(dataset: FileDataset, seen: Seen, note: str) -> None:
    blackened(dataset)
    seen.count("blackened", "--pixels remove" if note == BLACKENED else "not decoded")
    seen.notes += (note,)
    seen.cleaned = True


def _blank_all(picture: Picture, regions: list[Box]) -> int:
    """Blank outside of `regions`, then every text found; the number of boxes. Raises `Refused`."""
    height, width = picture.height, picture.width
    if regions:
        picture.keep_only(regions)
    looked = [picture.frame(at) for at in _frames(picture)]
    boxes = [widened(box, height, width) for image in looked for box in text_boxes(image)]
    picture.blank(boxes)
    total = len(boxes)
    for again in range(ROUNDS):
        left = [box for at in _others(picture) for box in text_boxes(picture.frame(at, stretched=True), READABLE)]
        if not left:
            return total
        picture.blank([widened(box, height, width, 0.5 + again) for box in left])
        total += len(left)
    raise Refused("text stays readable in the pixels.", remedy="Blacken the image: --pixels remove.")


def _frames(picture: Picture) -> list[int]:
    """The frames to look at first: spread evenly, and those that differ most from the one before."""
    count = picture.frames
    spread = {round(at * (count - 1) / max(1, SAMPLED - 1)) for at in range(SAMPLED)}
    return sorted(spread | set(picture.most_changed(DIFFERENT)))


def _others(picture: Picture) -> list[int]:
    """For the second look: the middles between the first ones, the last, and the ones that changed most."""
    first = _frames(picture)
    between = {(one + two) // 2 for one, two in pairwise(first)}
    return sorted(between | {0, picture.frames - 1, *picture.most_changed(2)})


def _regions(dataset: Dataset) -> list[Box]:
    """The calibrated regions of an ultrasound image (PS3.3 C.8.5.5): outside of them there are only words and logos."""
    if REGIONS not in dataset or not text_value(dataset, 0x00080060).upper().endswith("US"):
        return []
    found = []
    for item in items_of(dataset, REGIONS):
        try:
            left, top, right, bottom = (
                int(item[tag].value) for tag in (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)
            )
        except (KeyError, TypeError, ValueError):
            return []
        if right > left and bottom > top:
            found.append((left, top, right + 1, bottom + 1))
    return found


def _may_show_face(dataset: Dataset) -> bool:
    part = f"{text_value(dataset, 0x00180015)} {text_value(dataset, 0x00081030)} {text_value(dataset, 0x0008103E)}"
    head = any(word in part.upper() for word in ("HEAD", "BRAIN", "FACE", "SKULL", "SINUS", "ORBIT", "NECK"))
    return head and PIXELS in dataset and text_value(dataset, 0x00080060).upper() in FACES


def box_mask(boxes: list[Box], height: int, width: int) -> NDArray[np.bool_]:
    """True inside any of the boxes, (height, width)."""
    import numpy as np

    mask = np.zeros((height, width), dtype=np.bool_)
    for left, top, right, bottom in boxes:
        mask[max(0, top) : bottom, max(0, left) : right] = True
    return mask
