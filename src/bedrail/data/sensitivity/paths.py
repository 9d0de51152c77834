"""What a place in a FHIR resource, an HL7 v2 message or a DICOM file holds, by its standard: no guessing by name.

FHIR R4 by path, HL7 v2.x by segment and field, DICOM by keyword and value representation (PS3.6; PS3.15 Table E.1-1 for
what identifies).
"""

from __future__ import annotations

from bedrail.data.catalogue import DIRECT, HEALTH, ORDINARY, QUASI, Level
from bedrail.data.sensitivity.rules import Said, rules, words_in

_HL7_FIELDS: dict[str, tuple[Level, str]] = {
    "PID-2": (DIRECT, "UNIQUE_ID"), "PID-3": (DIRECT, "MRN"), "PID-4": (DIRECT, "UNIQUE_ID"),
    "PID-5": (DIRECT, "NAME"), "PID-6": (DIRECT, "NAME"), "PID-7": (QUASI, "DATE"), "PID-8": (QUASI, "sex"),
    "PID-9": (DIRECT, "NAME"), "PID-10": (QUASI, "race"), "PID-11": (DIRECT, "GEO"), "PID-12": (QUASI, "GEO"),
    "PID-13": (DIRECT, "PHONE"), "PID-14": (DIRECT, "PHONE"), "PID-15": (QUASI, "language"),
    "PID-16": (QUASI, "marital status"), "PID-17": (QUASI, "religion"), "PID-18": (DIRECT, "ACCOUNT"),
    "PID-19": (DIRECT, "SSN"), "PID-20": (DIRECT, "LICENSE"), "PID-21": (DIRECT, "UNIQUE_ID"),
    "PID-22": (QUASI, "race"), "PID-23": (QUASI, "GEO"), "PID-24": (QUASI, "trait"), "PID-25": (QUASI, "trait"),
    "PID-26": (QUASI, "GEO"), "PID-27": (QUASI, "social"), "PID-28": (QUASI, "GEO"), "PID-29": (QUASI, "DATE"),
    "PID-30": (HEALTH, "health"), "PID-35": (ORDINARY, "technical"), "PID-38": (ORDINARY, "technical"),
    "MRG-1": (DIRECT, "MRN"), "MRG-2": (DIRECT, "UNIQUE_ID"), "MRG-3": (DIRECT, "ACCOUNT"),
    "MRG-4": (DIRECT, "UNIQUE_ID"), "MRG-5": (DIRECT, "UNIQUE_ID"), "MRG-6": (DIRECT, "UNIQUE_ID"),
    "MRG-7": (DIRECT, "NAME"),
    "NK1-2": (DIRECT, "NAME"), "NK1-3": (QUASI, "social"), "NK1-4": (DIRECT, "GEO"), "NK1-5": (DIRECT, "PHONE"),
    "NK1-6": (DIRECT, "PHONE"), "NK1-12": (DIRECT, "UNIQUE_ID"), "NK1-13": (QUASI, "social"),
    "NK1-16": (QUASI, "DATE"), "NK1-26": (DIRECT, "NAME"), "NK1-30": (DIRECT, "NAME"), "NK1-31": (DIRECT, "PHONE"),
    "NK1-32": (DIRECT, "GEO"), "NK1-33": (DIRECT, "UNIQUE_ID"), "NK1-37": (DIRECT, "SSN"),
    "GT1-2": (DIRECT, "UNIQUE_ID"), "GT1-3": (DIRECT, "NAME"), "GT1-4": (DIRECT, "NAME"), "GT1-5": (DIRECT, "GEO"),
    "GT1-6": (DIRECT, "PHONE"), "GT1-7": (DIRECT, "PHONE"), "GT1-8": (QUASI, "DATE"), "GT1-9": (QUASI, "sex"),
    "GT1-12": (DIRECT, "SSN"), "GT1-16": (DIRECT, "NAME"), "GT1-17": (DIRECT, "GEO"), "GT1-18": (DIRECT, "PHONE"),
    "GT1-19": (DIRECT, "UNIQUE_ID"), "GT1-45": (DIRECT, "NAME"), "GT1-46": (DIRECT, "PHONE"),
    "IN1-2": (QUASI, "insurer"), "IN1-3": (QUASI, "insurer"), "IN1-4": (QUASI, "insurer"),
    "IN1-8": (QUASI, "insurer"), "IN1-9": (QUASI, "insurer"), "IN1-10": (DIRECT, "HEALTH_PLAN"),
    "IN1-16": (DIRECT, "NAME"), "IN1-18": (QUASI, "DATE"), "IN1-19": (DIRECT, "GEO"),
    "IN1-36": (DIRECT, "HEALTH_PLAN"), "IN1-43": (QUASI, "sex"), "IN1-44": (DIRECT, "GEO"),
    "IN1-49": (DIRECT, "HEALTH_PLAN"), "IN2-1": (DIRECT, "UNIQUE_ID"), "IN2-2": (DIRECT, "SSN"),
    "IN2-3": (DIRECT, "NAME"), "IN2-6": (DIRECT, "HEALTH_PLAN"), "IN2-7": (DIRECT, "NAME"),
    "IN2-8": (DIRECT, "HEALTH_PLAN"), "IN2-9": (DIRECT, "NAME"),
    "IN2-10": (DIRECT, "LICENSE"),
    "IN2-25": (DIRECT, "HEALTH_PLAN"), "IN2-26": (DIRECT, "HEALTH_PLAN"), "IN2-61": (DIRECT, "HEALTH_PLAN"),
    "IN2-63": (DIRECT, "PHONE"), "IN2-64": (DIRECT, "PHONE"),
    "PV1-3": (QUASI, "place of care"), "PV1-6": (QUASI, "place of care"), "PV1-5": (DIRECT, "UNIQUE_ID"),
    "PV1-19": (DIRECT, "UNIQUE_ID"), "PV1-50": (DIRECT, "UNIQUE_ID"), "PV1-44": (QUASI, "DATE"),
    "PV1-45": (QUASI, "DATE"), "PV1-2": (ORDINARY, "workflow"), "PV1-36": (HEALTH, "health"),
    "PV2-3": (HEALTH, "diagnosis"), "PV2-12": (HEALTH, "notes"),
    "OBX-2": (ORDINARY, "technical"), "OBX-3": (HEALTH, "laboratory"), "OBX-5": (HEALTH, "laboratory"),
    "OBX-6": (ORDINARY, "unit"), "OBX-7": (ORDINARY, "reference range"), "OBX-8": (HEALTH, "laboratory"),
    "OBX-11": (ORDINARY, "workflow"), "OBX-14": (QUASI, "DATE"), "OBX-18": (DIRECT, "DEVICE"),
    "NTE-3": (HEALTH, "notes"), "TXA-12": (DIRECT, "UNIQUE_ID"),
    "ORC-2": (DIRECT, "UNIQUE_ID"), "ORC-3": (DIRECT, "UNIQUE_ID"), "ORC-1": (ORDINARY, "workflow"),
    "OBR-2": (DIRECT, "UNIQUE_ID"), "OBR-3": (DIRECT, "UNIQUE_ID"), "OBR-4": (HEALTH, "laboratory"),
    "OBR-13": (HEALTH, "notes"), "OBR-31": (HEALTH, "diagnosis"), "OBR-25": (ORDINARY, "workflow"),
    "SPM-2": (DIRECT, "UNIQUE_ID"), "SCH-1": (DIRECT, "UNIQUE_ID"), "SCH-2": (DIRECT, "UNIQUE_ID"),
    "ACC-1": (QUASI, "DATE"), "EVN-2": (QUASI, "DATE"), "EVN-6": (QUASI, "DATE"), "MSH-7": (QUASI, "DATE"),
    "PD1-3": (QUASI, "place of care"), "PD1-4": (DIRECT, "NAME"), "DG1-5": (QUASI, "DATE"),
    "DG1-19": (QUASI, "DATE"), "PR1-5": (QUASI, "DATE"), "AL1-6": (QUASI, "DATE"),
}  # fmt: skip

_HL7_STAFF = words_in(
    "PV1-7 PV1-8 PV1-9 PV1-17 PV1-52 ORC-10 ORC-11 ORC-12 ORC-19 OBR-10 OBR-16 OBR-28 OBR-32 OBR-33 "
    "OBR-34 OBR-35 EVN-5 "
    "OBX-16 DG1-16 PR1-8 PR1-11 PR1-12 TXA-5 TXA-9 TXA-10 TXA-11 ROL-4 PRT-5 AIP-3 SCH-12 SCH-16 SCH-20 RXA-10 FT1-20 "
    "FT1-21 RXE-13 PRD-2 CTD-2 CON-8 ACC-7"
)
_HL7_CLINICAL = words_in(
    "AL1 IAM DG1 DRG PR1 OBX OBR RXA RXC RXD RXE RXG RXO RXR PRB GOL PTH FT1 SPM SAC DB1 ACC BLG CTI TXA IAR"
)
_HL7_DATES = words_in(
    "ORC-9 ORC-15 OBR-6 OBR-7 OBR-8 OBR-14 OBR-22 OBR-36 TXA-4 TXA-6 TXA-7 TXA-8 SPM-17 SPM-18 "
    "SCH-11 RXA-3 RXA-4 RXE-32 "
    "FT1-4 FT1-5 PV2-8 PV2-9 PV2-33 PD1-13 IN1-12 IN1-13 IN1-29 TQ1-7 TQ1-8 ARV-3 AIS-4 AIG-8 AIL-6 AIP-6"
)


def by_fhir_path(path: str) -> Said | None:
    """What FHIR R4 puts at this path, such as `Patient.name.family`; extensions are named `extension(race)`."""
    for pattern, said in rules("fhir.toml"):
        if pattern.search(path):
            return said
    return None


def by_hl7_field(path: str) -> Said:  # noqa: PLR0911 (one line a rule)
    """What HL7 v2.x puts into this field, such as `PID-5.1`."""
    segment, _, rest = path.partition("-")
    number, _, component = rest.partition(".")
    place = f"{segment}-{number}"
    if place in _HL7_STAFF:
        return Said(DIRECT, "NAME", 0.7)
    if place in _HL7_DATES:
        return Said(QUASI, "DATE", 0.85)
    if place in ("PID-11", "NK1-4", "GT1-5") and component in ("3", "4", "5", "6", "9"):
        return Said(QUASI, "GEO", 0.9)
    if place in _HL7_FIELDS:
        level, label = _HL7_FIELDS[place]
        return Said(level, label, 0.92)
    if segment.startswith("Z"):
        return Said(HEALTH, "local segment", 0.4)
    if segment in _HL7_CLINICAL and number != "1":
        return Said(HEALTH, "health", 0.6)
    return Said(ORDINARY, "technical", 0.6)


_DICOM_DIRECT = {
    "PatientID": "MRN", "OtherPatientIDs": "MRN", "IssuerOfPatientID": "UNIQUE_ID", "AccessionNumber": "UNIQUE_ID",
    "StudyID": "UNIQUE_ID", "PatientAddress": "GEO", "PatientTelephoneNumbers": "PHONE", "MilitaryRank": "LICENSE",
    "PatientInsurancePlanCodeSequence": "HEALTH_PLAN", "DeviceSerialNumber": "DEVICE", "MedicalRecordLocator": "MRN",
    "PatientPrimaryLanguageCodeSequence": "language", "ReferringPhysicianAddress": "GEO", "AdmissionID": "UNIQUE_ID",
    "ReferringPhysicianTelephoneNumbers": "PHONE", "DetectorID": "DEVICE", "PlateID": "DEVICE", "GantryID": "DEVICE",
    "RequestedProcedureID": "UNIQUE_ID", "ScheduledProcedureStepID": "UNIQUE_ID", "PerformedProcedureStepID":
    "UNIQUE_ID", "FillerOrderNumberImagingServiceRequest": "UNIQUE_ID", "SpecimenIdentifier": "UNIQUE_ID",
    "PlacerOrderNumberImagingServiceRequest": "UNIQUE_ID", "ServiceEpisodeID": "UNIQUE_ID", "CassetteID": "DEVICE",
    "ResponsibleOrganization": "NAME", "InstitutionAddress": "GEO",
}  # fmt: skip
_DICOM_QUASI = {
    "PatientSex": "sex", "PatientAge": "age", "EthnicGroup": "race", "PatientReligiousPreference": "religion",
    "Occupation": "social", "CountryOfResidence": "GEO", "RegionOfResidence": "GEO", "InstitutionName": "place of care",
    "InstitutionalDepartmentName": "place of care", "StationName": "place of care", "PatientBirthName": "NAME",
    "CurrentPatientLocation": "place of care", "TimezoneOffsetFromUTC": "GEO", "PatientState": "health",
}  # fmt: skip
_DICOM_HEALTH = words_in(
    "PatientSize PatientWeight MedicalAlerts Allergies PregnancyStatus SmokingStatus AdditionalPatientHistory "
    "AdmittingDiagnosesDescription StudyDescription SeriesDescription ProtocolName RequestedProcedureDescription "
    "PerformedProcedureStepDescription ReasonForStudy BodyPartExamined ContrastBolusAgent CodeMeaning SpecialNeeds "
    "ReasonForTheRequestedProcedure LastMenstrualDate PatientBodyMassIndex"
)
_CLASS_UIDS = words_in(
    "SOPClassUID TransferSyntaxUID MediaStorageSOPClassUID ImplementationClassUID "
    "ReferencedSOPClassUID CodingSchemeUID "
    "MappingResourceUID ContextUID ReferencedSOPClassUIDInFile"
)


def by_dicom_tag(path: str, vr: str) -> Said:  # noqa: PLR0911 (one line a rule)
    """What a DICOM attribute holds, by keyword (the last part of the path) and value representation."""
    keyword = path.rpartition(".")[2]
    if keyword.startswith("("):
        return Said(DIRECT, "private tag", 0.4)
    if keyword in _DICOM_DIRECT:
        return Said(DIRECT, _DICOM_DIRECT[keyword], 0.95)
    if vr == "PN":
        return Said(DIRECT, "NAME", 0.97)
    if keyword in _DICOM_QUASI:
        return Said(QUASI, _DICOM_QUASI[keyword], 0.92)
    if keyword in _DICOM_HEALTH:
        return Said(HEALTH, "health", 0.85)
    if vr == "UI":
        return Said(ORDINARY, "technical", 0.95) if keyword in _CLASS_UIDS else Said(DIRECT, "UNIQUE_ID", 0.9)
    if vr in ("DA", "DT", "TM"):
        return Said(QUASI, "DATE", 0.9)
    if vr in ("LT", "UT", "ST") or keyword.endswith(("Comments", "Comment", "Description", "Text")):
        return Said(HEALTH, "notes", 0.7)
    return Said(ORDINARY, "technical", 0.7)
