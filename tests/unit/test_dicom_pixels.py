"""Text burned into pixels: found, blanked in all frames, looked for again; and images that are never trusted."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from bedrail.core.errors import Unavailable
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.dicom import ocr
from bedrail.privacy.dicom.instance import treat
from bedrail.privacy.dicom.pixels import NOT_LOOKED_AT, untrusted
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.dicom.writing import written
from bedrail.privacy.keyed import Keyed

KEYED = Keyed(HmacDigest(b"k" * 32))


def picture(height: int = 200, width: int = 320, words: str = "SMITH JOHN 4711008", at: tuple[int, int] = (10, 20)):
    """A grey ramp with words in it."""
    drawing = pytest.importorskip("PIL.ImageDraw")
    image = pytest.importorskip("PIL.Image").fromarray(np.tile(np.linspace(0, 90, width).astype(np.uint8), (height, 1)))
    drawing.Draw(image).text(at, words, fill=255, font_size=20)
    return np.array(image)


def instance(pixels: np.ndarray, *, frames: int = 1, big: bool = False, **values: object) -> bytes:
    """A secondary capture of these pixels."""
    ds = FileDataset(None, {})
    ds.set_original_encoding(False, not big)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.400.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3.400.2", "1.2.3.400.3", "OT"
    ds.PatientID = "4711008"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    if frames > 1:
        ds.NumberOfFrames = frames
    for name, value in values.items():
        setattr(ds, name, value)
    ds.add_new(0x7FE00010, "OW", pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes())
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian if big else ExplicitVRLittleEndian
    return written(ds)


def read_back(data: bytes, profile: Profile | None = None) -> pydicom.FileDataset:
    """De-identified and read again."""
    return pydicom.dcmread(BytesIO(treat(data, KEYED, profile or Profile()).data))


def words_in(pixels: np.ndarray) -> bool:
    """Whether anything readable is in an 8-bit image."""
    return bool(ocr.text_boxes(pixels, ocr.READABLE))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["examples_jpeg2k.dcm", "examples_rgb_color.dcm"])
def test_the_words_in_pydicoms_ultrasound_samples_are_gone(name: str) -> None:
    """ "BAPTIST MED CTR", "630P630" and all the rest; the picture stays, uncompressed, and says NO."""
    pytest.importorskip("rapidocr_onnxruntime")
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    before = pydicom.dcmread(BytesIO(data)).pixel_array
    ds = read_back(data)
    assert words_in(before)
    assert not words_in(ds.pixel_array)
    assert ds.BurnedInAnnotation == "NO"
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert ds.PhotometricInterpretation == "RGB"
    assert "113101" in {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    height, width = before.shape[:2]
    middle = (slice(height // 3, height * 3 // 5), slice(width // 5, width * 4 // 5))
    assert (ds.pixel_array[middle] == before[middle]).all()


@pytest.mark.slow
def test_text_is_blanked_in_16_bits_big_endian_and_inverted_images() -> None:
    """Whatever the pixels are stored as, what is read as text goes, and the rest keeps its values."""
    pytest.importorskip("rapidocr_onnxruntime")
    grey = picture().astype(np.uint16) * 16
    for big, photometric in ((True, "MONOCHROME2"), (False, "MONOCHROME1")):
        pixels = grey if photometric == "MONOCHROME2" else 4080 - grey
        ds = read_back(instance(pixels, big=big, PhotometricInterpretation=photometric, BitsStored=12, HighBit=11))
        after = ds.pixel_array
        shown = (after // 16 if photometric == "MONOCHROME2" else 255 - after // 16).astype(np.uint8)
        assert not words_in(shown)
        assert (after[100:] == pixels[100:]).all()


@pytest.mark.slow
def test_words_that_show_in_some_frames_only_are_blanked_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that differ are looked at, and the union is blanked."""
    pytest.importorskip("rapidocr_onnxruntime")
    monkeypatch.setattr("bedrail.privacy.dicom.pixels.SAMPLED", 2)
    monkeypatch.setattr("bedrail.privacy.dicom.pixels.DIFFERENT", 2)
    frames = np.stack([picture(words="") for _ in range(8)])
    frames[5] = picture(words="DOE JANE 1952", at=(150, 60))
    frames[:, 150:, :] = picture(words="MRN 4711008", at=(10, 160))[150:, :]
    ds = read_back(instance(frames, frames=8))
    assert not any(words_in(ds.pixel_array[at]) for at in (0, 5))
    assert (ds.pixel_array[3][100:140] == frames[3][100:140]).all()


@pytest.mark.slow
def test_an_ultrasound_image_is_cropped_to_its_regions() -> None:
    """Outside of the calibrated regions nothing is left, readable or not."""
    pytest.importorskip("rapidocr_onnxruntime")
    region = pydicom.Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 40, 60
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 280, 180
    ds = read_back(instance(picture(words="x"), Modality="US", SequenceOfUltrasoundRegions=[region]))
    assert not (ds.pixel_array[:60] > 0).any()
    assert not (ds.pixel_array[:, :40] > 0).any()
    assert (ds.pixel_array[100:150, 100:250] > 0).any()


def test_pixels_of_untrusted_kinds_are_blackened_on_request_without_the_extra() -> None:
    """`--pixels remove`: same size, zeros, and the code of the option."""
    ds = read_back(instance(picture()), Profile(pixels="remove"))
    assert ds.pixel_array.shape == (200, 320)
    assert not ds.pixel_array.any()
    assert ds.BurnedInAnnotation == "NO"


def test_without_the_extra_an_untrusted_image_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes out unlooked at by accident; CT and MR need no extra."""
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    ocr._reader.cache_clear()
    try:
        with pytest.raises(Unavailable, match="imaging"):
            read_back(instance(picture()))
        data = instance(picture(), Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
        assert "BurnedInAnnotation" not in read_back(data)
    finally:
        ocr._reader.cache_clear()


def test_left_alone_pixels_say_nothing_and_leave_a_note() -> None:
    """`--pixels never` never writes BurnedInAnnotation NO, and says what was not done."""
    done = treat(instance(picture()), KEYED, Profile(pixels="never"))
    assert NOT_LOOKED_AT in done.notes
    assert "BurnedInAnnotation" not in pydicom.dcmread(BytesIO(done.data))


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ({"Modality": "US"}, True),
        ({"Modality": "CR", "BurnedInAnnotation": "NO"}, True),
        ({"Modality": "CT", "ImageType": ["DERIVED", "SECONDARY"]}, True),
        ({"Modality": "CT", "BurnedInAnnotation": "YES"}, True),
        ({"Modality": "MR", "PhotometricInterpretation": "RGB"}, True),
        ({"Modality": "MR", "ConversionType": "WSD"}, True),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, True),
        ({}, True),
        ({"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, False),
        ({"Modality": "MR", "PhotometricInterpretation": "MONOCHROME2"}, False),
    ],
)
def test_the_tag_is_not_trusted_but_the_kind_of_image_is(values: dict[str, object], doubtful: bool) -> None:
    """BurnedInAnnotation NO of the original changes nothing."""
    ds = pydicom.Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    ds.set_original_encoding(False, True)
    assert untrusted(ds) is doubtful


def test_comments_in_compressed_frames_and_bytes_behind_the_pixels_go() -> None:
    """EXIF and comment segments of JPEG; what follows the last pixel; overlays in unused bits."""
    image = pytest.importorskip("PIL.Image").fromarray(picture(words=""))
    buffer = BytesIO()
    image.save(buffer, "JPEG", comment=b"for SMITH JOHN", exif=b"Exif\x00\x00II*\x00 SMITH")
    ds = pydicom.dcmread(BytesIO(instance(picture(words=""), Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")))
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([buffer.getvalue()])
    packed = BytesIO()
    ds.save_as(packed)
    assert b"SMITH" in packed.getvalue()
    after = treat(packed.getvalue(), KEYED, Profile()).data
    assert b"SMITH" not in after
    assert pydicom.dcmread(BytesIO(after)).pixel_array.shape == (200, 320)
    words = picture(words="").astype(np.uint16) & 0x0FFF
    tail = instance(words | 0x8000, Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4", BitsStored=12, HighBit=11)
    ds = pydicom.dcmread(BytesIO(tail))
    ds.PixelData += b"SMITH JOHN"
    ds.add_new(0x60000102, "US", 15)
    packed = BytesIO()
    ds.save_as(packed)
    back = pydicom.dcmread(BytesIO(treat(packed.getvalue(), KEYED, Profile()).data))
    assert len(back.PixelData) == words.size * 2
    assert (np.frombuffer(back.PixelData, "<u2") == words.reshape(-1)).all()


@pytest.mark.slow
def test_overlays_kept_by_the_option_hold_no_words() -> None:
    """Clean Graphics: the bitmap without its text, and no label or comment beside it."""
    pytest.importorskip("rapidocr_onnxruntime")
    bits = (picture() > 200).astype(np.uint8)
    bits[120:140, 50:250] = 1
    data = instance(picture(words=""), Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    ds = pydicom.dcmread(BytesIO(data))
    for tag, vr, value in ((0x0010, "US", 200), (0x0011, "US", 320), (0x0050, "SS", [1, 1]), (0x0100, "US", 1),
                           (0x0102, "US", 0), (0x0022, "LO", "of Smith"), (0x4000, "LT", "Smith")):  # fmt: skip
        ds.add_new(0x60000000 | tag, vr, value)
    ds.add_new(0x60003000, "OW", np.packbits(bits, bitorder="little").tobytes())
    packed = BytesIO()
    ds.save_as(packed)
    back = read_back(packed.getvalue(), Profile(clean_graphics=True))
    overlay = back.overlay_array(0x6000).astype(np.uint8)
    assert not words_in(overlay * 255)
    assert overlay[125:135, 60:240].all()
    assert {0x60000022, 0x60004000}.isdisjoint(back.keys())
    assert not [tag for tag in read_back(packed.getvalue()).keys() if tag >> 16 == 0x6000]  # noqa: SIM118
