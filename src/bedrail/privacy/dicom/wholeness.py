"""Is a file all there? pydicom reads what it finds of a file that was cut off, and says so in warnings at most."""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset

from bedrail.core.errors import Invalid
from bedrail.privacy.dicom.writing import PIXELS, UNDEFINED

UNREADABLE = "Look at it with a DICOM tool, or leave such files out with --on-error skip."
_FETCH = "Fetch it again from where it is whole, or leave such files out with --on-error skip."
MOST_FILLED = 64
"""Pixels that are cut off are filled up to at most so many times what there is: a length may be an error too."""
_HEADER = 8
"""Bytes of a tag and a length (PS3.5 7.1), which pydicom asks for at once; fewer at the end are a header cut in two."""


class Watched(BytesIO):
    """The bytes of a file, and in `rest` what stood where a whole header was asked for."""

    rest = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file does."""
        data = super().read(size)
        if size == _HEADER:
            self.rest = data if len(data) < _HEADER else b""
        return data


def parsed(data: bytes) -> tuple[FileDataset, str]:
    """The data set in these bytes, and where and how its last attribute is cut off; empty when it is whole.

    Of a cut attribute, pixels are filled up with zeros and anything else is left out. The words name the attribute, or
    the byte, at which the file ends; never a value. Zeros behind the last attribute are padding. A file that ends
    exactly between two attributes looks whole. Raises `Invalid` when nothing can be read, or the end is missing inside
    a sequence or compressed pixels.
    """
    source = Watched(data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            dataset = pydicom.dcmread(source, force=True)
        except Exception as error:  # noqa: BLE001 (its message quotes the file)
            unpacked = isinstance(error, zlib.error) and "incomplete" in str(error)
            if unpacked or (isinstance(error, OSError | struct.error) and source.tell() >= len(data)):
                raise _cut(f"byte {len(data)}", "in the middle of an attribute or a sequence") from None
            raise Invalid(f"the data set cannot be read ({type(error).__name__}).", remedy=UNREADABLE) from None
    if any("End of file" in str(each.message) for each in said):
        raise _cut(_undelimited(dataset, source), "before the sign that ends this attribute")
    for element in list(dataset.values()):
        if isinstance(element, RawDataElement) and element.length not in (UNDEFINED, len(element.value or b"")):
            return dataset, _mended(dataset, element)
    if source.rest.strip(b"\0"):
        return dataset, f"it is cut off at byte {len(data)}, in the head of an attribute, which is left out"
    return dataset, ""


def _mended(dataset: FileDataset, element: RawDataElement) -> str:
    """Take the cut attribute away, or fill its pixels up; what was done."""
    value, tag = element.value or b"", element.tag
    del dataset[tag]
    where = f"it is cut off at {_told(tag)} after {len(value):,} of its {element.length:,} bytes"
    if tag != PIXELS or element.length > MOST_FILLED * (len(value) + 1):
        return f"{where}; this attribute is left out"
    dataset[tag] = element._replace(value=value + bytes(element.length - len(value)))
    return f"{where}; zeros stand for the rest"


def _cut(place: str, where: str) -> Invalid:
    return Invalid(f"the file is cut off: it ends {where}.", path=place, remedy=_FETCH)


def _told(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _undelimited(dataset: FileDataset, source: Watched) -> str:
    """The attribute whose end is missing: pydicom goes back to where its value begins."""
    at = source.tell()
    implicit, little = dataset.original_encoding
    head = source.getvalue()[max(0, at - (8 if implicit else 12)) : at]
    if len(head) < _HEADER or head[-4:] != b"\xff" * 4:
        return f"byte {len(source.getvalue())}"
    group, element = struct.unpack("<HH" if little is not False else ">HH", head[:4])
    return _told(group << 16 | element)
