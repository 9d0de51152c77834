"""Write an instance: raw values go out as they came in, so what was not touched keeps its bytes."""

from __future__ import annotations

import struct
import zlib

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from bedrail.privacy.dicom.encoding import vr_in_dictionary

LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""Representations with a length of four bytes in Explicit VR (PS3.5 7.1.2)."""
PIXELS = 0x7FE00010
UNDEFINED = 0xFFFFFFFF


def written(dataset: FileDataset) -> bytes:
    """The bytes of a file, with the file meta information that `dataset` has and a preamble of zeros."""
    implicit, little = dataset.original_encoding
    body = _items(dataset, bool(implicit), little is not False)
    if dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
        body += b"\x00" * (len(body) % 2)
    meta = _items(dataset.file_meta, implicit=False, little=True)
    return bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(meta)) + meta + body


def value_bytes(element: object, dataset: Dataset, little: bool | None = None) -> bytes:
    """The value as it is written; of an element that pydicom has read, as it would be written in the data set.

    Raises whatever pydicom raises for a value that cannot be written.
    """
    if isinstance(element, RawDataElement):
        return element.value or b""
    assert isinstance(element, DataElement)
    if element.is_empty:
        return b""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = True
    buffer.is_little_endian = dataset.original_encoding[1] is not False if little is None else little
    write_data_element(buffer, element, dataset.get("SpecificCharacterSet", "iso8859"))
    return buffer.getvalue()[8:]


def _items(dataset: Dataset, implicit: bool, little: bool) -> bytes:
    order = "<" if little else ">"
    out = []
    for tag, element in sorted(dataset.items()):
        if not tag & 0xFFFF:
            continue  # group lengths are retired, and wrong by now
        vr, undefined = element.VR or "", False
        if isinstance(element, RawDataElement):
            value = element.value or b""
            undefined = element.length == UNDEFINED and tag == PIXELS
        elif vr == "SQ":
            value = _sequence(element.value or Sequence(), implicit, little)
        else:
            value = value_bytes(element, dataset, little)
            undefined = bool(element.is_undefined_length) and tag == PIXELS
        if len(vr) != 2:
            vr = "OW" if tag == PIXELS else vr_in_dictionary(tag) or "UN"
        if len(value) % 2:
            value += b"\x00" if vr in ("UI", "OB", "UN") else b" "
        length = UNDEFINED if undefined else len(value)
        if implicit:
            head = struct.pack(order + "HHI", tag >> 16, tag & 0xFFFF, length)
        elif vr in LONG or length > 0xFFFF:
            vr = vr if vr in LONG else "UN"  # PS3.5 6.2.2
            head = struct.pack(order + "HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode("ascii"), 0, length)
        else:
            head = struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr.encode("ascii"), length)
        out += [head, value]
        if undefined:
            out.append(struct.pack(order + "HHI", 0xFFFE, 0xE0DD, 0))
    return b"".join(out)


def _sequence(items: Sequence, implicit: bool, little: bool) -> bytes:
    out = []
    for item in items:
        body = _items(item, implicit, little)
        out += [struct.pack("<HHI" if little else ">HHI", 0xFFFE, 0xE000, len(body)), body]
    return b"".join(out)


def text_value(dataset: Dataset, tag: int) -> str:
    """The value of an attribute as text; "" when there is none, or none that can be read. Leaves raw values raw."""
    if tag not in dataset:
        return ""
    element: object = dataset.get_item(tag)
    if isinstance(element, RawDataElement) and element.value is not None and element.value.isascii():
        return element.value.decode("ascii").strip(" \x00")
    try:
        value = dataset[tag].value
    except Exception:  # noqa: BLE001 (illegal values are dealt with where they stand)
        return ""
    said = "\\".join(str(each) for each in value) if isinstance(value, MultiValue) else str(value or "")
    return said.strip(" \x00")


def items_of(dataset: Dataset, tag: int) -> Sequence:
    """The items of a sequence; none when its bytes are no sequence. Converts it, so a change of an item is kept."""
    found = dataset[BaseTag(tag)]
    value = found.value
    return value if isinstance(value, Sequence) else Sequence()
