"""DICOM instances with identifiers planted in every place where one can hide, made from a seed."""

from __future__ import annotations

import random
import struct

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bedrail.privacy.dicom.encoding import put
from bedrail.privacy.dicom.instance import quiet_pydicom
from bedrail.privacy.dicom.writing import written

CLASSES = (
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.128", "1.2.3.4",
)  # fmt: skip
SYLLABLES = ["ka", "lo", "mi", "ru", "ve", "sta", "bre", "nol", "tiq", "wes", "zor", "hul", "pim", "dax"]


class Person:
    """One patient's identifiers: all of these must be gone from the output."""

    def __init__(self, rng: random.Random) -> None:
        def word() -> str:
            return "".join(rng.choice(SYLLABLES) for _ in range(3)).capitalize()

        def digits(count: int) -> str:
            return str(rng.randrange(10 ** (count - 1), 10**count))

        self.family, self.given, self.doctor = word(), word(), word()
        self.mrn, self.accession = digits(9), "A" + digits(8)
        self.ssn = f"{rng.randrange(101, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"
        self.phone = f"{rng.randrange(212, 989)}-{rng.randrange(200, 989)}-{rng.randrange(1000, 9999)}"
        self.email = f"{self.given.lower()}.{self.family.lower()}@{word().lower()}.org"
        self.street = f"{rng.randrange(10, 9999)} {word()} Street"
        self.birth = f"{rng.randrange(1930, 2010)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
        self.study = f"{rng.randrange(2001, 2025)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
        self.serial = "SN" + digits(8)
        self.institution = f"{word()} Memorial"
        self.url = f"https://{word().lower()}.example/{digits(6)}"
        self.plan = "HP" + digits(9)
        self.fax = f"{rng.randrange(212, 989)}-{rng.randrange(200, 989)}-{rng.randrange(1000, 9999)}"
        self.ip = f"10.{rng.randrange(11, 250)}.{rng.randrange(11, 250)}.{rng.randrange(11, 250)}"
        self.account, self.license, self.vehicle = "V" + digits(9), "D" + digits(7), f"1HGCM826{digits(1)}3A{digits(6)}"
        self.biometric, self.photo, self.encounter = "FP-" + digits(8), f"IMG_{digits(6)}.jpg", "ENC" + digits(7)
        self.age = f"{rng.randrange(91, 105)} years old"
        self.uids = [f"1.2.826.0.1.{digits(9)}.{digits(6)}.{n}" for n in range(1, 6)]

    def values(self) -> list[str]:
        """Every one as text."""
        return [
            self.family, self.given, self.doctor, self.mrn, self.accession, self.ssn, self.phone, self.email,
            self.street, self.birth, self.study, self.serial, self.institution, self.url, self.plan, *self.uids,
        ]  # fmt: skip

    def announced(self) -> str:
        """The rarer kinds as a note tells them."""
        return (
            f"Fax: {self.fax}\nLogged in from {self.ip}\nAccount number: {self.account}\n"
            f"Driver's license {self.license}\nVIN {self.vehicle}\n"
            f"Fingerprint ID: {self.biometric}\nPhoto: {self.photo}\nEncounter # {self.encounter}\n"
            f"Mother is {self.age}."
        )

    def structured(self) -> list[str]:
        """Those with a form of their own."""
        return [self.ssn, self.phone, self.email, self.mrn, self.accession, self.plan, self.url, self.serial]


def planted(seed: int, *, coded: bool = True) -> tuple[bytes, Person]:
    """A file and whose it is. Everything varies with the seed: class, encoding, places, depth.

    Not `coded`: without numbers and names in codes, which only what the file says of the patient tells from codes.
    """
    rng = random.Random(seed)
    person = Person(rng)
    syntax = rng.choice([ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
    ds = FileDataset(None, {})
    ds.set_original_encoding(syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian)
    _identified(ds, rng, person)
    ds.file_meta = _meta(ds, person, syntax)
    preamble = _pad(f"II*{person.mrn} {person.family}".encode(), 128)
    with quiet_pydicom():
        for place in rng.sample(PLACES, k=rng.randrange(4, len(PLACES))):
            if coded or place is not _coded:
                place(ds, rng, person)
        return preamble + written(ds)[128:], person  # pydicom itself would not write what is illegal


def _pad(data: bytes, size: int) -> bytes:
    return data[:size].ljust(size, b"\x00")


def _meta(ds: FileDataset, person: Person, syntax: pydicom.uid.UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = "1.2.3.4.5"
    meta.ImplementationVersionName = person.family[:16]
    meta.SourceApplicationEntityTitle = person.given[:16]
    meta.PrivateInformationCreatorUID = person.uids[4]
    meta.PrivateInformation = person.mrn.encode() + b" "
    return meta


def _identified(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.SOPClassUID = rng.choice(CLASSES)
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = person.uids[:3]
    ds.FrameOfReferenceUID = person.uids[3]
    ds.PatientName = f"{person.family}^{person.given}"
    ds.PatientID, ds.AccessionNumber = person.mrn, person.accession
    ds.PatientBirthDate, ds.StudyDate, ds.SeriesDate = person.birth, person.study, person.study
    ds.ContentDate, ds.AcquisitionDateTime = person.study, person.study + "101112.5"
    ds.ReferringPhysicianName = f"{person.doctor}^Dr"
    ds.InstitutionName, ds.DeviceSerialNumber = person.institution, person.serial
    ds.Modality = rng.choice(["CT", "MR", "SR", "DOC"])
    ds.Manufacturer, ds.SoftwareVersions = "Acme", "1.2.3"


def _contacts(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.PatientAddress, ds.PatientTelephoneNumbers = person.street, person.phone
    ds.PatientTelecomInformation = person.email
    ds.OtherPatientIDs = [person.ssn, person.plan]
    ds.InsurancePlanIdentification = person.plan


def _comments(ds: Dataset, rng: random.Random, person: Person) -> None:
    said = f"Pt {person.given} {person.family}, MRN {person.mrn}, SSN {person.ssn}, {person.street}, {person.url}"
    ds.PatientComments, ds.ImageComments, ds.StudyDescription = said, said, said[:60]
    ds.AdditionalPatientHistory = f"call {person.phone} or {person.email}"
    ds.RequestedProcedureComments = said


def _unlisted_prose(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Attributes that Table E.1-1 does not list, with what the record says of the patient and other identifiers."""
    said = f"{person.given} {person.family} MRN {person.mrn} SSN: {person.ssn} tel {person.phone} {person.email}"
    ds.PartialViewDescription = said
    ds.DetectorDescription = f"seen by Dr. {person.doctor} on {person.study[:4]}-{person.study[4:6]}-{person.study[6:]}"
    ds.FrameOfInterestDescription = said[:64]
    ds.SegmentDescription = f"SSN {person.ssn}, phone {person.phone}"
    ds.add_new(0x00281352, "CS", "YES")


def _unlisted_words(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.Manufacturer = f"{person.family} {person.mrn}"
    ds.ManufacturerModelName = f"x {person.ssn}"
    ds.ConvolutionKernel = person.phone
    ds.RescaleType = person.accession
    ds.SequenceName = person.mrn
    ds.HangingProtocolName = person.plan[:16]
    ds.ProductName = person.email


def _nested(ds: Dataset, rng: random.Random, person: Person) -> None:
    item = Dataset()
    item.PatientName, item.PatientID = f"{person.family}^{person.given}", person.mrn
    item.ReferencedSOPInstanceUID, item.ReferencedSOPClassUID = person.uids[0], "1.2.840.10008.5.1.4.1.1.2"
    item.AccessionNumber, item.TextComments = person.accession, f"{person.given} {person.ssn}"
    item.PartialViewDescription = f"{person.family} {person.phone}"
    item.add_new(0x00091010, "LO", person.mrn)
    for _ in range(rng.randrange(1, 8)):
        outer = Dataset()
        outer.add_new(rng.choice([0x00082218, 0x00081115, 0x00400275, 0x00081250, 0x52009229]), "SQ", Sequence([item]))
        outer.InstitutionName, outer.OperatorsName = person.institution, f"{person.doctor}^A"
        item = outer
    ds.add_new(rng.choice([0x00081115, 0x00081140, 0x00082112, 0x00400275, 0x52009230]), "SQ", Sequence([item]))


def _private(ds: Dataset, rng: random.Random, person: Person) -> None:
    block = ds.private_block(0x0009, person.family, create=True)
    block.add_new(0x01, "LO", person.mrn)
    block.add_new(0x02, "UN", person.ssn.encode() + b" ")
    inner = Dataset()
    inner.PatientName = f"{person.family}^{person.given}"
    block.add_new(0x03, "SQ", Sequence([inner]))
    ds.private_block(0x7FE1, "ACME", create=True).add_new(0x10, "OB", person.phone.encode())
    known = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    known.add_new(0x00, "DS", "1.5")


def _report(ds: Dataset, rng: random.Random, person: Person) -> None:
    def item(kind: str, **values: object) -> Dataset:
        made, concept = Dataset(), Dataset()
        concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "121071", "DCM", "Finding"
        made.RelationshipType, made.ValueType = "CONTAINS", kind
        made.ConceptNameCodeSequence = [concept]
        for name, value in values.items():
            setattr(made, name, value)
        return made

    text = item(
        "TEXT", TextValue=f"{person.given} {person.family}, born {person.birth}, MRN {person.mrn}, {person.ssn}"
    )
    name = item("PNAME", PersonName=f"{person.doctor}^D")
    moment = item("DATETIME", DateTime=person.study + "120000")
    link = item("UIDREF", UID=person.uids[1])
    inner = item("TEXT", TextValue=f"phone {person.phone}, {person.email}")
    text.ContentSequence = [name, inner, moment]
    ds.ContentSequence = [text, link]
    ds.VerifyingObserverSequence = [item("TEXT", VerifyingObserverName=f"{person.doctor}^D")]


def _overlays(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000011, "US", 64)
    ds.add_new(0x60003000, "OW", _pad(f"{person.family} {person.mrn}".encode(), 64))
    ds.add_new(0x60004000, "LT", person.ssn)
    ds.add_new(0x60020022, "LO", person.given)
    ds.add_new(0x50003000, "OW", _pad(person.mrn.encode(), 32))
    ds.add_new(0x50002500, "LO", person.family)


def _document(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.EncapsulatedDocument = _pad(f"%PDF-1.7 {person.given} {person.family} {person.mrn} {person.ssn}".encode(), 200)
    ds.MIMETypeOfEncapsulatedDocument = rng.choice(["application/pdf", "text/xml", "model/stl"])
    ds.DocumentTitle = f"Letter about {person.family}"
    ds.SourceInstanceSequence = [Dataset()]
    ds.SourceInstanceSequence[0].ReferencedSOPInstanceUID = person.uids[2]


def _unknown(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Attributes the standard does not know, known ones as UN, and values that are illegal for what they are."""
    ds.add_new(0x00081999, "UN", person.mrn.encode() + b" ")
    ds.add_new(0x00280999, "LO", person.family)
    ds.add_new(0x00104001, "UN", f"{person.given} {person.family} ".encode())
    _illegal(ds, 0x00180050, "DS", person.phone)
    _illegal(ds, 0x00200013, "IS", person.family)
    _illegal(ds, 0x00180022, "CS", f"{person.given}@{person.family}")
    _illegal(ds, 0x00081160, "IS", person.ssn + "x")
    ds.add_new(0x00200052, "UI", person.uids[3])
    ds.add_new(0x00281054, "LO", person.accession)
    ds.BurnedInAnnotation = "NO"


def _illegal(ds: Dataset, tag: int, vr: str, value: str) -> None:
    put(ds, tag, vr, value.encode())


def _bulk(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.ICCProfile = _pad(b"profile by " + person.email.encode() + b" " + person.family.encode(), 128)
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 7, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    data = bytes(16) + f"{person.family} {person.mrn} {person.ssn} ".encode()
    ds.add_new(0x7FE00010, "OW", data + b" " * (len(data) % 2))
    ds.DataSetTrailingPadding = person.mrn.encode()


def _devices(ds: Dataset, rng: random.Random, person: Person) -> None:
    ds.StationName, ds.DeviceUID = person.serial[:16], person.uids[4]
    ds.DetectorID = person.serial
    ds.PerformedStationAETitle = person.given[:16]
    ds.RetrieveURL = person.url
    ds.RadiationMachineName = person.serial[:16]


def _rarer_kinds(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Faxes, addresses of machines, accounts, licences, vehicles, biometrics, photographs, encounters, old ages."""
    said = person.announced()
    ds.add_new(0x00104000, "LT", said)
    ds.add_new(0x00324000, "LT", said)
    ds.add_new(0x00204000, "LT", said)
    ds.add_new(0x00181030, "LO", person.photo)
    ds.add_new(0x00400280, "ST", said)
    ds.add_new(0x0040A160, "UT", said)
    ds.add_new(0x0018A003, "ST", said)
    ds.PatientAge, ds.AdmissionID, ds.ServiceEpisodeID = "094Y", person.encounter, person.account
    ds.add_new(0x00101090, "LO", person.license)
    ds.add_new(0x00102180, "SH", person.vehicle[:16])
    ds.add_new(0x0008010E, "UR", person.url)


def _character_sets(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Names with accents under a repertoire of their own, in groups, and beside each other."""
    ds.SpecificCharacterSet = rng.choice(["ISO_IR 100", "ISO_IR 192", ["", "ISO 2022 IR 87"]])
    name = f"{person.family}^{person.given}^^Dr^III={person.family}^{person.given}"
    put(ds, 0x00101001, "PN", f"{name}\\{person.doctor}^M\xfcller".encode("latin-1"))
    put(ds, 0x00101060, "PN", f"{person.family.upper()}^{person.given.upper()}".encode())
    put(ds, 0x00081048, "PN", f"{person.doctor}^{person.given}=".encode())
    put(ds, 0x0040A123, "PN", f"{person.family} {person.given}".encode())


def _wrong_kinds(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Names and numbers where UIDs, classes, times, codes and application entities belong."""
    for tag, vr, value in (
        (0x00081155, "UI", person.family), (0x0020000E, "UI", f"1.2.{person.mrn}"), (0x00080013, "TM", person.phone),
        (0x00080033, "TM", person.family), (0x00080055, "AE", person.family[:16]),
        (0x00080005, "CS", person.family[:16]), (0x00080008, "CS", f"ORIGINAL\\{person.family}"),
        (0x00280030, "DS", person.ssn), (0x00280004, "CS", person.mrn), (0x00080064, "CS", person.given[:16]),
        (0x00100040, "CS", person.plan), (0x00185100, "CS", person.family), (0x00080060, "CS", person.mrn),
    ):  # fmt: skip
        if rng.random() < 0.5:
            put(ds, tag, vr, value.encode())


def _coded(ds: Dataset, rng: random.Random, person: Person) -> None:
    """Codes, their meanings and schemes; what was changed before; signatures; who contributed."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = person.accession[:16], "99" + person.family[:8]
    code.CodeMeaning = f"Finding of {person.given} {person.family}, SSN {person.ssn}"[:64]
    code.add_new(0x00080119, "UC", f"{person.mrn}")
    code.add_new(0x00080120, "UR", person.url)
    scheme = Dataset()
    scheme.CodingSchemeName, scheme.CodingSchemeResponsibleOrganization = (
        f"Codes of {person.family}",
        person.institution,
    )
    scheme.CodingSchemeExternalID = person.mrn
    before = Dataset()
    before.PatientName, before.PatientID, before.OtherPatientIDs = (
        f"{person.family}^{person.given}",
        person.mrn,
        person.ssn,
    )
    changed = Dataset()
    changed.ModifiedAttributesSequence = [before]
    changed.ModifyingSystem, changed.ReasonForTheAttributeModification = person.institution, "CORRECT"
    changed.SourceOfPreviousValues = person.institution
    helper = Dataset()
    helper.ContributionDescription, helper.InstitutionName = f"by {person.doctor}", person.institution
    helper.PurposeOfReferenceCodeSequence = [code]
    signature = Dataset()
    signature.MACIDNumber, signature.DigitalSignatureUID = 1, person.uids[3]
    signature.Signature, signature.CertificateOfSigner = person.family.encode() + b" ", person.mrn.encode() + b" "
    ds.ProcedureCodeSequence, ds.AnatomicRegionSequence = [code], [code]
    ds.CodingSchemeIdentificationSequence, ds.OriginalAttributesSequence = [scheme], [changed]
    ds.ContributingEquipmentSequence, ds.DigitalSignaturesSequence = [helper], [signature]


PLACES = [
    _rarer_kinds, _character_sets, _wrong_kinds, _coded,
    _contacts, _comments, _unlisted_prose, _unlisted_words, _nested, _private, _report, _overlays, _document, _unknown,
    _bulk, _devices,
]  # fmt: skip


def garbled(seed: int) -> bytes:
    """A planted file that was damaged: cut off, a length changed, bytes overwritten, the preamble lost."""
    rng = random.Random(seed)
    data = bytearray(planted(seed, coded=False)[0])
    kind = rng.randrange(5)
    if kind == 0:
        return bytes(data[: rng.randrange(1, len(data))])
    if kind == 1:
        return bytes(data[132:])
    if kind == 2:
        at = rng.randrange(132, len(data) - 4)
        data[at : at + 4] = struct.pack("<I", rng.randrange(2**32))
    else:
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(132, len(data))] = rng.randrange(256)
    return bytes(data)
