"""De-identification of single DICOM instances: attributes, UIDs, dates, reports, and damaged files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bedrail.core.errors import BedrailError, Invalid, Refused
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.dicom.audit import leftovers
from bedrail.privacy.dicom.instance import deidentify, is_dicom, quiet_pydicom, read, treat
from bedrail.privacy.dicom.review import Originals
from bedrail.privacy.dicom.table import BEYOND
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.dicom.writing import written
from bedrail.privacy.keyed import Keyed
from dicom_planted import garbled, planted

KEYED = Keyed(HmacDigest(b"k" * 32))
TAGS = Profile(pixels="never")


def instance(**values: object) -> FileDataset:
    """A small CT instance with these attributes."""
    ds = FileDataset(None, {})
    ds.set_original_encoding(False, True)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.400.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3.400.2", "1.2.3.400.3", "CT"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Quill^Ada", "4711008", "19300102"
    ds.StudyDate, ds.SeriesDate, ds.StudyTime = "20200229", "20200305", "101112"
    for name, value in values.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def out(ds: FileDataset, profile: Profile = TAGS, keyed: Keyed = KEYED) -> pydicom.FileDataset:
    """De-identified and read again."""
    return pydicom.dcmread(BytesIO(treat(written(ds), keyed, profile).data))


def test_what_was_done_is_recorded_in_the_instance() -> None:
    """(0012,0062), (0012,0063), (0012,0064) with CID 7050 codes, (0028,0303), by options."""
    plain = out(instance())
    assert plain.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in plain.DeidentificationMethodCodeSequence] == ["113100"]
    assert plain.DeidentificationMethodCodeSequence[0].CodingSchemeDesignator == "DCM"
    assert plain.LongitudinalTemporalInformationModified == "REMOVED"
    assert "BurnedInAnnotation" not in plain
    moved = out(instance(), Profile(pixels="never", retain_modified_dates=True, retain_uids=True))
    assert [item.CodeValue for item in moved.DeidentificationMethodCodeSequence] == ["113100", "113110", "113107"]
    assert moved.LongitudinalTemporalInformationModified == "MODIFIED"
    assert moved.SOPInstanceUID == "1.2.3.400.1"


def test_patient_dates_and_uids_agree_with_the_other_media_of_the_project() -> None:
    """Patient ID is the pseudonym of kind `subject`, dates move by the subject's offset, UIDs by the project's key."""
    from datetime import date, timedelta

    ds = out(instance(), Profile(pixels="never", retain_modified_dates=True))
    assert ds.PatientID == KEYED.pseudonym("subject", "4711008")
    days = timedelta(days=KEYED.shift_days("4711008"))
    assert ds.StudyDate == (date(2020, 2, 29) + days).strftime("%Y%m%d")
    assert ds.SeriesDate == (date(2020, 3, 5) + days).strftime("%Y%m%d")
    assert ds.StudyTime == "101112"
    assert ds.PatientBirthDate == ""
    assert KEYED.uid("1.2.3.400.2") == ds.StudyInstanceUID
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID == KEYED.uid("1.2.3.400.1")
    other = out(instance(), keyed=Keyed(HmacDigest(b"o" * 32)))
    assert other.PatientID != ds.PatientID
    assert other.StudyInstanceUID != ds.StudyInstanceUID


def test_references_inside_sequences_stay_consistent_and_classes_stay() -> None:
    """A UID is the same wherever it stands; SOP classes and transfer syntaxes are not touched."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.400.1"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = "1.2.3.400.3", [item]
    ds = out(instance(ReferencedSeriesSequence=[series]))
    (back,) = ds.ReferencedSeriesSequence
    assert back.SeriesInstanceUID == ds.SeriesInstanceUID
    assert back.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert back.ReferencedInstanceSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_pictures_inside_sequences_go() -> None:
    """Pixels and overlays of an item are nobody's to look at, so they are not kept, whatever the options."""
    item = Dataset()
    item.add_new(0x7FE00010, "OB", b"Quill\x00")
    item.add_new(0x60003000, "OW", b"Quill\x00")
    item.SeriesInstanceUID = "1.2.3.400.3"
    (back,) = out(instance(ReferencedSeriesSequence=[item])).ReferencedSeriesSequence
    assert [int(tag) for tag in back.keys()] == [0x0020000E]  # noqa: SIM118


def test_ages_over_89_become_one_category_when_characteristics_are_retained() -> None:
    """45 CFR 164.514(b)(2)(i)(C)."""
    kept = Profile(pixels="never", retain_patient_characteristics=True)
    assert out(instance(PatientAge="093Y", PatientSex="F"), kept).PatientAge == "090Y"
    assert out(instance(PatientAge="089Y"), kept).PatientAge == "089Y"
    assert "PatientAge" not in out(instance(PatientAge="093Y"))


@pytest.mark.slow
def test_descriptions_are_kept_without_identifiers_when_asked() -> None:
    """Clean Descriptors: what is known of the patient, and what the text engine finds, is masked by its kind."""
    profile = Profile(pixels="never", clean_descriptors=True)
    ds = out(instance(StudyDescription="Knee MRI for Ada Quill", ImageComments="call 212-555-0143, lesion"), profile)
    assert "Knee MRI" in ds.StudyDescription
    assert "Quill" not in ds.StudyDescription
    assert "lesion" in ds.ImageComments
    assert "555" not in ds.ImageComments
    assert "StudyDescription" not in out(instance(StudyDescription="Knee MRI for Ada Quill"))


def test_a_structured_report_is_emptied_or_cleaned() -> None:
    """The Basic Profile leaves dummy content; the option keeps findings, and masks who they are about."""
    data = Path(str(get_testdata_file("reportsi.dcm", download=False))).read_bytes()
    bare = pydicom.dcmread(BytesIO(treat(data, KEYED, TAGS).data))
    assert all(str(item.get("TextValue", "REMOVED")) == "REMOVED" for item in bare.ContentSequence)
    kept = pydicom.dcmread(BytesIO(treat(data, KEYED, Profile(pixels="never", clean_structured_content=True)).data))
    assert len(kept.ContentSequence) > len(bare.ContentSequence)
    assert "113104" in {item.CodeValue for item in kept.DeidentificationMethodCodeSequence}


def test_safe_private_attributes_stay_only_when_asked_and_only_those() -> None:
    """Table E.3.10-1 by creator, group and element; everything else private goes."""
    ds = instance()
    ds.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "1.25")
    ds.private_block(0x7053, "Philips PET Private Group").add_new(0x42, "LO", "Quill")
    ds.private_block(0x0009, "ACME", create=True).add_new(0x00, "LO", "x")
    data = written(ds)
    bare = pydicom.dcmread(BytesIO(treat(data, KEYED, TAGS).data))
    assert not [tag for tag in bare.keys() if tag.is_private]  # noqa: SIM118
    kept = pydicom.dcmread(BytesIO(treat(data, KEYED, Profile(pixels="never", retain_safe_private=True)).data))
    assert kept[0x7053, 0x1000].value == 1.25
    assert {int(tag) for tag in kept.keys() if tag.is_private} == {0x70530010, 0x70531000}  # noqa: SIM118


def test_an_encapsulated_pdf_becomes_one_empty_page() -> None:
    """The document itself cannot be cleaned, and the attribute must not be empty."""
    body = b"%PDF-1.4 letter about Ada Quill "
    ds = out(instance(MIMETypeOfEncapsulatedDocument="application/pdf", EncapsulatedDocument=body, DocumentTitle="Ada"))
    assert ds.EncapsulatedDocument.startswith(b"%PDF-1.4")
    assert b"Quill" not in ds.EncapsulatedDocument
    assert ds.DocumentTitle == ""


def test_a_data_set_can_be_deidentified_in_memory() -> None:
    """The Python function, without files: in place, with counts and without a value in them."""
    ds = instance(InstitutionName="St. Elsewhere")
    walk = deidentify(ds, KEYED, Profile())
    assert ds.PatientName == ""
    assert "InstitutionName" not in ds
    assert ("(0010,0010)", "Z", "E.1-1") in walk.counts
    assert not any("Quill" in part or "Elsewhere" in part for key in walk.counts for part in key)


def test_nothing_of_the_old_file_meta_or_preamble_stays() -> None:
    """Whose software and which application entity wrote it is not told."""
    data, person = planted(7)
    new = treat(data, KEYED, TAGS).data
    assert not new[:128].strip(b"\x00")
    meta = pydicom.dcmread(BytesIO(new)).file_meta
    assert [int(tag) & 0xFFFF for tag in meta.keys()] == [0x0, 0x1, 0x2, 0x3, 0x10, 0x12, 0x13]  # noqa: SIM118
    assert meta.ImplementationVersionName == "BEDRAIL"
    assert person.family not in str(meta)


def test_the_audit_finds_what_is_put_back() -> None:
    """The audit does not trust the walk: each kind of leftover, put into a clean output, is named by its tag."""
    clean = treat(written(instance()), KEYED, TAGS).data
    assert leftovers(clean, TAGS) == []

    def spoilt(change: object) -> set[str]:
        with quiet_pydicom():
            ds = pydicom.dcmread(BytesIO(clean))
            change(ds)  # type: ignore[operator]
            buffer = BytesIO()
            pydicom.dcmwrite(buffer, ds)
        return {
            each.place for each in leftovers(buffer.getvalue(), TAGS, known=["Quill"], uids={"1.2.3.400.1": "2.25.1"})
        }

    def nest(ds: Dataset) -> None:
        ds.ReferencedSeriesSequence = [Dataset()]
        ds.ReferencedSeriesSequence[0].PatientName = "Someone"

    assert spoilt(lambda ds: setattr(ds, "PatientName", "Someone")) == {"(0010,0010)"}
    assert spoilt(lambda ds: setattr(ds, "StudyDescription", "Knee")) == {"(0008,1030)"}
    assert spoilt(lambda ds: setattr(ds, "StudyDate", "20200101")) == {"(0008,0020)"}
    assert spoilt(lambda ds: setattr(ds, "FrameOfReferenceUID", "1.2.3.4.5")) == {"(0020,0052)"}
    assert spoilt(nest) == {"(0010,0010)"}
    assert spoilt(lambda ds: ds.add_new(0x00091001, "LO", "x")) >= {"(0009,1001)"}
    assert spoilt(lambda ds: ds.add_new(0x60003000, "OW", b"\0\0")) == {"(6000,3000)"}
    assert spoilt(lambda ds: setattr(ds, "Manufacturer", "made by quill")) == {"attributes"}
    assert spoilt(lambda ds: setattr(ds, "ContextUID", "1.2.3.400.1")) == {"attributes"}
    assert spoilt(lambda ds: setattr(ds, "PatientIdentityRemoved", "NO")) == {"(0012,0062)"}
    assert spoilt(lambda ds: delattr(ds, "DeidentificationMethodCodeSequence")) == {"(0012,0064)"}


def test_an_output_that_would_hold_a_leftover_is_refused_and_no_value_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the walk does not reach the disk."""
    from bedrail.privacy.dicom.walk import Walk

    monkeypatch.setattr(Walk, "_remove", lambda self, dataset, tag, vr, data: None)
    with pytest.raises(Refused) as refused:
        treat(written(instance(StudyDescription="Knee of Ada Quill")), KEYED, TAGS)
    assert "(0008,1030)" in str(refused.value)
    assert "Quill" not in str(refused.value)


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_is_either_refused_with_a_remedy_or_clean(seed: int) -> None:
    """Cut off, wrong lengths, garbage, no preamble: no other error, no word of the content in the message."""
    data = garbled(seed)
    _, person = planted(seed)
    long = [value for value in person.values() if len(value) > 8 and value in data.decode("latin-1")]
    said, new = "", b""
    try:
        new = treat(data, KEYED, TAGS).data
    except BedrailError as error:
        said = f"{error.message} {error.remedy}" if error.remedy else "nothing to do about it"
    assert said != "nothing to do about it"
    assert not [value for value in long if value in said or value.encode() in new]


def test_files_are_recognised_by_content() -> None:
    """With and without preamble, in any encoding; text, pictures and archives are none."""
    for name in ("CT_small.dcm", "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"):
        assert is_dicom(Path(str(get_testdata_file(name, download=False))).read_bytes()[:132]), name
    for start in (b"", b"PK\x03\x04", b"%PDF-1.7", b"{}", b"\x89PNG\r\n", b"Patient,Name\n" * 20, bytes(200)):
        assert not is_dicom(start[:132])
    with pytest.raises(Invalid, match="no DICOM"):
        read(b"hello")


def shipped(name: str) -> bytes:
    """A file that pydicom ships."""
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


def test_a_file_that_is_cut_off_says_where() -> None:
    """Pixels are filled up, another last attribute is left out, and the file is done; inside of more, it is refused."""
    whole = shipped("CT_small.dcm")
    pixels = whole.index(b"\xe0\x7f\x10\x00OW")
    done = {
        "it is cut off at (7FE0,0010) after 8,130 of its 8,192 bytes; zeros stand": shipped("MR_truncated.dcm"),
        "it is cut off at (300A,00B0) after 711 of its 976 bytes; this": shipped("rtplan_truncated.dcm"),
        "it is cut off at (7FE0,0010) after 0 of its 32,768 bytes; this": whole[: pixels + 12],
        f"it is cut off at byte {pixels + 5}, in the head": whole[: pixels + 5],
    }
    for said, data in done.items():
        made = treat(data, KEYED, TAGS)
        assert made.cut.startswith(said)
        assert pydicom.dcmread(BytesIO(made.data)).PatientIdentityRemoved == "YES"
    filled = treat(shipped("MR_truncated.dcm"), KEYED, TAGS)
    assert pydicom.dcmread(BytesIO(filled.data)).pixel_array.shape == (64, 64)
    refused = {
        "(7FE0,0010): the file is cut off: it ends before the sign": shipped("SC_rgb_rle_2frame.dcm")[:2000],
        f"byte {pixels + 9}: the file is cut off: it ends in the middle of": whole[: pixels + 9],
        "byte 1000: the file is cut off: it ends in the middle of": shipped("rtstruct.dcm")[:1000],
        "byte 4000: the file is cut off: it ends in the middle of": shipped("image_dfl.dcm")[:4000],
    }
    for said, data in refused.items():
        with pytest.raises(Invalid) as no:
            treat(data, KEYED, TAGS)
        assert f"{no.value.path}: {no.value.message}".startswith(said)
        assert "--on-error skip" in no.value.remedy
    assert not treat(whole + bytes(3), KEYED, TAGS).cut


def test_attributes_beyond_the_table_are_none_of_the_table() -> None:
    """What is handled although the standard does not list it is stated apart."""
    from bedrail.privacy.dicom.table import annex_e

    listed = {row.tag for row in annex_e()}
    assert not [tag for tag in BEYOND if f"{tag:08x}" in listed]


def test_a_number_of_one_sign_is_looked_for_in_texts_and_not_in_pixels(tmp_path: Path) -> None:
    """Chance writes 1111 into pixels, and zeros are nobody's; other numbers are found wherever they stand."""
    other = {
        "PatientName": "",
        "PatientID": "",
        "PatientBirthDate": "",
        "StudyDate": "",
        "SeriesDate": "",
        "StudyTime": "",
    }
    pixels = {"Rows": 10, "Columns": 10, "BitsAllocated": 8, "SamplesPerPixel": 1, "PixelRepresentation": 0}
    for value, in_text, in_pixels in (("000000000", 0, 0), ("11111111", 1, 0), ("100200300", 1, 1)):
        (tmp_path / "one").write_bytes(written(instance(PatientID=value)))
        with quiet_pydicom():
            originals = Originals(tmp_path, TAGS)
            texts = written(instance(**other, StudyDescription=f"seen {value} here"))
            flat = written(instance(**other, **pixels, PixelData=b"/" * 40 + value.encode() + b"/" * (60 - len(value))))
            for data, found in ((texts, in_text), (flat, in_pixels), (b"///" + value.encode() + b"///", in_text)):
                left = [each for each in originals.left_in(data) if "value" in each.problem]
                assert len(left) == found


def test_implicit_and_big_endian_files_stay_what_they_are() -> None:
    """Transfer syntaxes without compression are kept."""
    ds = instance()
    ds.set_original_encoding(True, True)
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert out(ds).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
