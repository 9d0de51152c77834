"""Every DICOM file that pydicom ships: all processed, none with a leftover, all valid as far as the originals were."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.dicom.audit import leftovers
from bedrail.privacy.dicom.instance import is_dicom, quiet_pydicom, read, treat
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.keyed import Keyed

KEYED = Keyed(HmacDigest(b"k" * 32))
DATA = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in DATA.rglob("*") if path.is_file() and is_dicom(path.read_bytes()[:132]))

_ONE = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality SamplesPerPixel
PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation ConversionType"""
TYPE_1 = _ONE.split()
"""Of the modules SOP Common, General Study, General Series, Image Pixel and SC Equipment (PS3.3)."""
_TWO = """PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID
AccessionNumber SeriesNumber Manufacturer InstanceNumber"""
TYPE_2 = _TWO.split()
"""Of the modules Patient, General Study, General Series, General Equipment and General Image."""


def lost(before: pydicom.Dataset, after: pydicom.Dataset) -> list[str]:
    """Attributes of the common modules that the original has and the output does not, or has without a value."""
    missing = [name for name in TYPE_2 if name in before and name not in after]
    return missing + [name for name in TYPE_1 if before.get(name) not in (None, "") and after.get(name) in (None, "")]


def illegal(before: pydicom.Dataset, ds: pydicom.Dataset) -> list[str]:
    """Attributes that de-identification wrote and that pydicom's own validation of their representation refuses."""
    wrong = []
    for tag in list(ds.keys()):
        element = ds[tag]
        if element.VR in ("SQ", "OB", "OW", "UN") or element.is_empty or before.get(tag) == element:
            continue
        values = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
        for value in values:
            try:
                pydicom.valuerep.validate_value(element.VR, value, pydicom.config.RAISE)
            except ValueError:
                wrong.append(element.keyword)
    return wrong


@pytest.mark.parametrize(
    "profile",
    [
        Profile(pixels="never"),
        Profile(
            pixels="never", retain_modified_dates=True, retain_device_id=True, retain_institution_id=True,
            retain_patient_characteristics=True, retain_safe_private=True,
        ),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_every_file_that_pydicom_ships_is_processed_without_a_leftover_and_stays_valid(profile: Profile) -> None:
    """DICOMDIRs, big endian, deflated, truncated, without meta information, odd character sets: all of them."""
    assert len(FILES) >= 149
    for path in FILES:
        data = path.read_bytes()
        done = treat(data, KEYED, profile)
        with quiet_pydicom():
            after = pydicom.dcmread(BytesIO(done.data))
            assert leftovers(done.data, profile) == [], path.name
            assert lost(read(data), after) == [], path.name
            assert illegal(read(data), after) == [], path.name


def test_a_dicomdir_can_be_walked_by_its_offsets() -> None:
    """The records point at each other where they now stand."""
    done = treat((DATA / "test_files/dicomdirtests/DICOMDIR").read_bytes(), KEYED, Profile(pixels="never"))
    ds = pydicom.dcmread(BytesIO(done.data))
    at = {item.seq_item_tell: item for item in ds.DirectoryRecordSequence}
    place = ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity
    kinds = []
    while place:
        kinds.append(at[place].DirectoryRecordType)
        place = at[place].OffsetOfTheNextDirectoryRecord
    assert kinds == ["PATIENT", "PATIENT"]
    assert not any(str(item.get("ReferencedFileID") or "") for item in ds.DirectoryRecordSequence)


@pytest.mark.slow
def test_the_same_with_text_in_pixels_looked_for() -> None:
    """Each image that is not trusted is read, blanked or blackened; none is refused (a sample: reading takes time)."""
    pytest.importorskip("rapidocr_onnxruntime")
    profile = Profile()
    for path in [path for path in FILES if 4_000 < path.stat().st_size < 40_000][::12]:
        done = treat(path.read_bytes(), KEYED, profile)
        with quiet_pydicom():
            assert leftovers(done.data, profile) == [], path.name
