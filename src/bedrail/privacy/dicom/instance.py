"""One instance: read whatever calls itself DICOM, de-identify it, write it as a proper file."""

from __future__ import annotations

import hashlib
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bedrail.core.errors import BedrailError, Invalid
from bedrail.privacy.dicom.directory import relink
from bedrail.privacy.dicom.encoding import put
from bedrail.privacy.dicom.overlays import clean_overlays
from bedrail.privacy.dicom.table import edition, rules_of
from bedrail.privacy.dicom.values import CODES, Profile, Treated
from bedrail.privacy.dicom.walk import Walk
from bedrail.privacy.dicom.wholeness import UNREADABLE, parsed
from bedrail.privacy.dicom.writing import text_value, written
from bedrail.privacy.keyed import Keyed

IMPLEMENTATION = "2.25.186539271330917284116041297482946187264"
"""Of Bedrail, as Implementation Class UID (0002,0012); made once, by the UUID root."""
DIRECTORY_RECORDS = 0x00041220
_UID = re.compile(r"[0-9]+(\.[0-9]+){1,31}", re.ASCII)


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """While pydicom reads and writes: its warnings and log lines quote values, so none may be seen."""
    log, mode = config.logger.level, config.settings.reading_validation_mode
    writing = config.settings.writing_validation_mode
    config.logger.setLevel(logging.CRITICAL + 1)
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.logger.setLevel(log)
        config.settings.reading_validation_mode = mode
        config.settings.writing_validation_mode = writing


def is_dicom(start: bytes) -> bool:
    """Whether a file that begins so (132 bytes are enough) is DICOM: by its mark, or by how its first element looks."""
    if start[128:132] == b"DICM":
        return True
    group = start[:2]
    if group not in (b"\x02\x00", b"\x08\x00", b"\x00\x08") or len(start) < 12:
        return False
    little = group != b"\x00\x08"
    if start[4:6].isalpha() and start[4:6].isupper():
        return start[4:6] in (b"UL", b"UI", b"CS", b"OB", b"DA", b"SH", b"LO", b"TM")
    length = int.from_bytes(start[4:8], "little" if little else "big")
    return little and length <= 64 and start[2:4] in (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00", b"\x16\x00")


def read(data: bytes) -> FileDataset:
    """The instance in these bytes, one cut off mended; raises `Invalid` without a word of its content."""
    return _read(data)[0]


def _read(data: bytes) -> tuple[FileDataset, str]:
    if not is_dicom(data[:132]):
        raise Invalid("this is no DICOM.", remedy="Leave it out.")
    dataset, cut = parsed(data)
    if not len(dataset):
        raise Invalid("there is no data set in it.", remedy=UNREADABLE)
    return dataset, cut


def deidentify(dataset: Dataset, keyed: Keyed, profile: Profile | None = None) -> Walk:
    """De-identify the attributes of `dataset` in place, by PS3.15 Annex E with the options of `profile`.

    Pixels are not looked at (`treat` does). UIDs, patient and dates follow `keyed`, so all instances of a study stay
    together and agree with tables, text and FHIR of the same project. Private attributes, curves and overlays go;
    sequences are walked through. Returns what was done: `.counts`, and what to search for in the output: `.known`,
    `.uids`. The profile is recorded in (0012,0062), (0012,0063), (0012,0064) and (0028,0303).
    """
    profile = profile or Profile()
    walk = Walk(rules_of(profile), keyed, dataset)
    if profile.clean_graphics and (changed := clean_overlays(dataset)):
        walk.counts["(60xx,3000)", "C", "E.3.3"] = changed
    walk.run(dataset)
    record(dataset, profile)
    return walk


def record(dataset: Dataset, profile: Profile, *, pixels: bool = False) -> None:
    """Say in the instance what was done to it (PS3.15 E.1.1, CID 7050)."""
    names = ["basic", *(["pixels"] if pixels else []), *profile.options()]
    put(dataset, 0x00120062, "CS", b"YES")
    put(dataset, 0x00120063, "LO", f"Bedrail\\{edition().split(' of ', 1)[1].split(';', 1)[0]} Basic Profile".encode())
    items = []
    for name in names:
        item = Dataset()
        item.set_original_encoding(*dataset.original_encoding)
        for tag, value in ((0x00080100, CODES[name][0]), (0x00080102, "DCM"), (0x00080104, CODES[name][1][:64])):
            put(item, tag, "LO" if tag == 0x00080104 else "SH", value.encode())
        items.append(item)
    dataset[BaseTag(0x00120064)] = DataElement(BaseTag(0x00120064), "SQ", Sequence(items))
    dates = "UNMODIFIED" if profile.retain_full_dates else "MODIFIED" if profile.retain_modified_dates else "REMOVED"
    put(dataset, 0x00280303, "CS", dates.encode())


def treat(data: bytes, keyed: Keyed, profile: Profile) -> Treated:
    """A whole file, de-identified and audited; `name` is the output's, made of new UIDs only.

    Raises `Invalid` when it cannot be read, or was cut off inside a sequence or compressed pixels (with the place), and
    `Refused` when something would be left in it: then nothing of it may be written. Nothing raised holds a value.
    """
    from bedrail.privacy.dicom.audit import leftovers, refuse
    from bedrail.privacy.dicom.pixels import clean_pixels

    with quiet_pydicom():
        dataset, cut = _read(data)
        try:
            pixels = clean_pixels(dataset, profile)
            walk = deidentify(dataset, keyed, profile)
            if pixels.cleaned:
                record(dataset, profile, pixels=True)
                put(dataset, 0x00280301, "CS", b"NO")
            _new_meta(dataset, walk, data)
            out = written(dataset)
            if DIRECTORY_RECORDS in dataset:
                relink(dataset, out)
                out = written(dataset)
        except BedrailError:
            raise
        except Exception as error:  # noqa: BLE001 (its message quotes the file)
            raise Invalid(f"the data set cannot be handled ({_place(error)}).", remedy=UNREADABLE) from None
        refuse(leftovers(out, profile, known=walk.known, uids=walk.replaced_uids()))
        counts = dict(walk.counts)
        for key, count in pixels.counts.items():
            counts[key] = counts.get(key, 0) + count
        return Treated(data=out, name=_name(dataset), counts=counts, notes=pixels.notes, cut=cut)


def _new_meta(dataset: FileDataset, walk: Walk, data: bytes) -> None:
    """File meta information made anew: nothing of the old one but what the pixels are written in."""
    old = getattr(dataset, "file_meta", None) or FileMetaDataset()
    meta = FileMetaDataset()
    instance = text_value(dataset, 0x00080018)
    if not instance:
        original = str(old.get("MediaStorageSOPInstanceUID") or "")
        instance = walk.uid(original or "2.25." + str(int(hashlib.sha256(data).hexdigest()[:24], 16)))
    sop_class = text_value(dataset, 0x00080016) or str(old.get("MediaStorageSOPClassUID") or "")
    meta.set_original_encoding(False, True)
    for tag, vr, value in (
        (0x00020001, "OB", b"\x00\x01"),
        (0x00020002, "UI", sop_class.encode("ascii") if _UID.fullmatch(sop_class) else b""),
        (0x00020003, "UI", instance.encode("ascii")),
        (0x00020010, "UI", _syntax(dataset, old).encode("ascii")),
        (0x00020012, "UI", IMPLEMENTATION.encode("ascii")),
        (0x00020013, "SH", b"BEDRAIL"),
    ):
        put(meta, tag, vr, value)
    dataset.file_meta = meta
    dataset.preamble = b"\x00" * 128


def _syntax(dataset: FileDataset, old: FileMetaDataset) -> UID:
    said = UID(str(old.get("TransferSyntaxUID") or ""))
    implicit, little = dataset.original_encoding
    found = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    plain = said in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
    return found if plain or not _UID.fullmatch(said) else said


def _name(dataset: FileDataset) -> str:
    instance = str(dataset.file_meta.MediaStorageSOPInstanceUID)
    study, series = text_value(dataset, 0x0020000D), text_value(dataset, 0x0020000E)
    if not study or not series:
        return f"other/{instance}.dcm"
    return f"{study}/{series}/{instance}.dcm"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error).__name__ if trace is None else f"{type(error).__name__}, {trace.tb_lineno}"
