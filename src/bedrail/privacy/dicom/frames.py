"""Pixel data as pictures: decoded, blanked, blackened and written back uncompressed; comments in streams stripped."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

from bedrail.core.errors import Refused
from bedrail.privacy.dicom.encoding import put
from bedrail.privacy.dicom.writing import PIXELS, value_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bedrail.privacy.dicom.ocr import Box, Image

MOST_BYTES = 1 << 30
"""A larger image is not blackened in memory."""
OFFSETS = (0x7FE00001, 0x7FE00002, 0x7FE00003)
"""Extended offset tables and total pixel length: wrong once pixels are written anew."""


class Picture:
    """The frames of one instance in memory, (frames, height, width[, 3]), as they are stored."""

    def __init__(self, pixels: NDArray[Any], black: int, lookup: NDArray[Any] | None, inverted: bool) -> None:
        """`black` is the stored value of the darkest; `lookup` turns indices into RGB; `inverted` is MONOCHROME1."""
        self.pixels, self._black, self._lookup, self._inverted = pixels, black, lookup, inverted
        self.frames, self.height, self.width = pixels.shape[:3]
        self._changed: list[int] | None = None

    def frame(self, at: int, *, stretched: bool = False) -> Image:
        """One frame as 8 bits a channel, to be read: full range, or `stretched` to the middle 98 % of values."""
        import numpy as np

        one = self.pixels[at]
        if self._lookup is not None:
            one = self._lookup[np.clip(one, 0, len(self._lookup) - 1)]
        if one.dtype == np.uint8 and not stretched:
            return np.asarray(255 - one if self._inverted else one, dtype=np.uint8)
        values = one.astype(np.float32)
        low, high = np.percentile(values, (1, 99)) if stretched else (values.min(), values.max())
        if high <= low:
            low, high = values.min(), values.max()
        scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
        return np.asarray(255 - scaled if self._inverted else scaled, dtype=np.uint8)

    def blank(self, boxes: list[Box]) -> None:
        """Blacken these boxes in all frames."""
        for left, top, right, bottom in boxes:
            self.pixels[:, top:bottom, left:right] = self._black

    def keep_only(self, boxes: list[Box]) -> None:
        """Blacken all frames outside of these boxes."""
        from bedrail.privacy.dicom.pixels import box_mask

        self.pixels[:, ~box_mask(boxes, self.height, self.width)] = self._black

    def most_changed(self, count: int) -> list[int]:
        """The frames that differ most from the one before."""
        import numpy as np

        if self._changed is None:
            thin = self.pixels[:, ::4, ::4].astype(np.int32)
            moved = np.abs(np.diff(thin, axis=0)).reshape(self.frames - 1, -1).mean(axis=1) if self.frames > 1 else []
            self._changed = [int(at) + 1 for at in np.argsort(moved)[::-1]]
        return self._changed[:count]


def opened(dataset: FileDataset) -> Picture | None:
    """The decoded frames; colours become RGB. None when there is no decoder for them, or they are damaged."""
    import numpy as np
    from pydicom.pixels.utils import pixel_array

    _name_syntax(dataset)
    try:
        pixels = np.array(pixel_array(dataset, raw=False))
        lookup = _palette(dataset) if dataset.get("PhotometricInterpretation") == "PALETTE COLOR" else None
        samples, frames = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("NumberOfFrames") or 1)
    except Exception:  # noqa: BLE001 (every decoder has failures of its own; what cannot be read does not go out)
        return None
    wanted = (frames, int(dataset.Rows), int(dataset.Columns), *((3,) if samples == 3 else ()))
    if pixels.size != np.prod(wanted) or int(dataset.get("BitsAllocated") or 0) not in (8, 16, 32):
        return None
    pixels = pixels.reshape(wanted)
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    if lookup is not None:
        black = int(lookup.astype(np.int64).sum(axis=1).argmin())
    elif samples == 3:
        black = 0
    else:
        black = int(pixels.max() if inverted else pixels.min())
    return Picture(pixels, black, lookup, inverted)


def replaced(dataset: FileDataset, picture: Picture) -> None:
    """Put the frames of `picture` in the place of the pixels, uncompressed, and make the attributes agree."""
    import numpy as np

    if int(dataset.get("SamplesPerPixel") or 1) == 3:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    pixels = picture.pixels
    bits = pixels.dtype.itemsize * 8
    if int(dataset.BitsAllocated) != bits:
        dataset.BitsAllocated = bits
    _uncompressed(dataset)
    kind = pixels.dtype.newbyteorder(">" if dataset.original_encoding[1] is False else "<")
    data = np.ascontiguousarray(pixels.astype(kind)).tobytes()
    put(dataset, PIXELS, "OB" if bits == 8 and not dataset.original_encoding[0] else "OW", data)


def blackened(dataset: FileDataset) -> None:
    """Zeros in the place of the pixels; pixels that say no size go. Raises `Refused` for what is too large."""
    samples = 1
    try:
        bits = int(dataset.BitsAllocated)
        samples, frames = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("NumberOfFrames") or 1)
        count = int(dataset.Rows) * int(dataset.Columns) * samples * frames
    except (AttributeError, TypeError, ValueError):
        count = bits = 0
    size = (count * bits + 7) // 8
    if not size:
        del dataset[BaseTag(PIXELS)]
        return
    if size > MOST_BYTES:
        raise Refused("the image is too large to be blackened.", remedy="Leave it out: --on-error skip.")
    if samples == 3:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    _uncompressed(dataset)
    put(dataset, PIXELS, "OB" if bits <= 8 and not dataset.original_encoding[0] else "OW", bytes(size))


def tidied(dataset: FileDataset) -> int:
    """Remove what hides beside pixels: comments in frames, overlays in unused bits, bytes at the end; how often."""
    element = dataset.get_item(BaseTag(PIXELS))
    data = value_bytes(element, dataset)
    if getattr(element, "length", 0) == 0xFFFFFFFF or _syntax_is_compressed(dataset):
        new, count = _without_comments(data)
        if count:
            _put_encapsulated(dataset, new)
        return count
    return _cut_to_size(dataset, data) + _overlay_bits(dataset)


def _name_syntax(dataset: FileDataset) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = plain


def _syntax_is_compressed(dataset: FileDataset) -> bool:
    _name_syntax(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    return bool(syntax.is_transfer_syntax and not syntax.is_private and syntax.is_compressed)


def _uncompressed(dataset: FileDataset) -> None:
    for tag in OFFSETS:
        if tag in dataset:
            del dataset[tag]
    if _syntax_is_compressed(dataset):
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _palette(dataset: Dataset) -> NDArray[Any]:
    """Entry -> RGB in 8 bits."""
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut

    depth = int(dataset.RedPaletteColorLookupTableDescriptor[0]) or 65536
    first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
    table = apply_color_lut(np.arange(first, first + depth).astype(np.uint16), dataset)
    scale = 257 if table.dtype == np.uint16 and table.max() > 255 else 1
    return np.concatenate([np.repeat(table[:1], max(0, first), axis=0), table]) // scale


def _cut_to_size(dataset: FileDataset, data: bytes) -> int:
    try:
        bits = int(dataset.BitsAllocated)
        samples, frames = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("NumberOfFrames") or 1)
        count = int(dataset.Rows) * int(dataset.Columns) * samples * frames
    except (AttributeError, TypeError, ValueError):
        return 0
    size = (count * bits + 7) // 8
    size = size * 2 // 3 if str(dataset.get("PhotometricInterpretation")) == "YBR_FULL_422" else size
    size += size % 2
    if not 0 < size < len(data) or not data[size:].strip(b"\x00"):
        return 0
    put(dataset, PIXELS, str(dataset.get_item(BaseTag(PIXELS)).VR or "OW"), data[:size])
    return 1


def _overlay_bits(dataset: FileDataset) -> int:
    """Clear bits above the stored ones where overlays of the old kind lie (retired PS3.3 C.9.2): 0 or 1."""
    import numpy as np

    bits = 0
    for group in range(0x6000, 0x6100, 2):
        tag = (group << 16) | 0x0102
        position = dataset[tag].value if tag in dataset else 0
        if isinstance(position, int) and 0 < position < 16:
            bits |= 1 << position
    if not bits or dataset.get("BitsAllocated") != 16:
        return 0
    stored = int(dataset.get("HighBit") or 15)
    bits &= ~((1 << (stored + 1)) - 1)
    order = ">" if dataset.original_encoding[1] is False else "<"
    data = value_bytes(dataset.get_item(BaseTag(PIXELS)), dataset)
    words = np.frombuffer(data[: len(data) // 2 * 2], dtype=f"{order}u2") & (0xFFFF ^ bits)
    put(dataset, PIXELS, "OW", words.astype(f"{order}u2").tobytes())
    return 1


def _without_comments(data: bytes) -> tuple[bytes, int]:
    """Encapsulated frames without comment and application segments, and how many there were."""
    at, count, out, first = 0, 0, [], True
    while data[at : at + 4] == b"\xfe\xff\x00\xe0" and at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        item = data[at + 8 : at + 8 + length]
        at += 8 + length
        if not first:
            new = _stream_without_comments(item)
            count += new != item
            item = new + b"\x00" * (len(new) % 2)
        out.append(item)
        first = False
    if not count:
        return data, 0
    out[0] = b""  # the offsets no longer hold, and may be left out (PS3.5 A.4)
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in out), count


def _stream_without_comments(stream: bytes) -> bytes:
    """JPEG, JPEG-LS and JPEG 2000 headers without COM, EXIF and the like; decoding needs none of them."""
    jpeg, jpeg2000 = stream[:2] == b"\xff\xd8", stream[:2] == b"\xff\x4f"
    if not (jpeg or jpeg2000):
        return stream
    out, at = [stream[:2]], 2
    ends = (b"\xff\xda",) if jpeg else (b"\xff\x90", b"\xff\x93")
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at : at + 2] not in ends:
        mark = stream[at + 1]
        (length,) = struct.unpack_from(">H", stream, at + 2)
        segment = stream[at : at + 2 + length]
        kept = segment[4:9] == b"Adobe" or segment[4:8] == b"mrfx" or mark == 0xE0
        drop = (mark == 0xFE or (0xE1 <= mark <= 0xEF and not kept)) if jpeg else mark == 0x64
        if not drop:
            out.append(segment)
        at += 2 + length
    return b"".join([*out, stream[at:]])


def _put_encapsulated(dataset: FileDataset, data: bytes) -> None:
    from pydicom.dataelem import RawDataElement

    for tag in OFFSETS[:2]:
        if tag in dataset:
            del dataset[tag]
    key = BaseTag(PIXELS)
    dataset[key] = RawDataElement(key, "OB", 0xFFFFFFFF, data, 0, False, True, True)
