"""The words in a field's name: `PatientBirthDt`, `patient_birth_dt` and `patientbirthdt` are the same three."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_KNOWN = """
a1c abbreviation abteilung accession account actual acute address admission admit age aids alcohol alive allergy
anesthesia apache apellido apellidos area arrival at attending band batch bed beds begin beneficiary bericht birth
birthday blood body bp brief bundesland calle carrier care category cause cell cgid chart child childbirth city
ciudad class clinic cns code codigo coefficient comment contact country county cost created credit cuenta current
date datum day death dead deceased demo department device diag diagnose diagnosis diagnostico diastolic dir direccion
discharge disposition district dob doctor dod domicilio dose drg drug duration edad eeg ekg electronic email emergency
employer encounter end entered estado ethnicity event exam expire expired face fall familienname family fax fecha
fake field file first flag form frequency gebdat geburtsdatum geburtsname geburtsort gender gene genotype genre
geschlecht given glasgow group guarantor hausnummer health heart height height hispanic historia hiv home hospital
house id identifier image in income index indigenous infection initials insurance interval invoice ip item items key
kennung kinship kommentar krankenkasse kvnr lab label language last lat latitude length level license line list
location long longitude maiden mail marital mbi measure medicaid medical medicare medication member memo middle mobile
mood mortality mother mrn nachname name nacimiento national nationality nhs nickname nir nombre normal note notes
notiz npi nss number numero occupation offset onset operation order organ organism origin other outcome outtime
paciente party passport past pat path patient patienten patientennummer payer payor period person phone photo physician
plan plate plz poliza postal postcode predicted pregnancy prescription pressure preop priority procedure professional
provider provincia race rasse rate record reference region relation relationship religion report residence response
result room route row saliva sample score seq series service severity sex sexual site size smoking social source
specialty specimen ssn staat stadt start state status stay stop store straße strasse street street string student
subject sub surgeon surname suffix system systolic tag tarjeta teaching tel telefon telefono telephone temp
temperature term test text tier time title tobacco today total toxicology transfer treatment tumor type txt unit uom
unique updated url user username value vehicle vent version versichertennummer versicherung visit vital vorname ward
wohnort wear weight year yesterday zip zipcode zivilstand zone
aperiodic periodic pid patid seqn infusion observation cpl history dosage admin frequency volume amount rate
invasive non hosp ward unit
measure general plan priority entered procedures diagnoses ventday loading
apacheaps admitdx apachepatient dx aps pred careunit offset icustay hadm ventilation result results usertype inr gcs
hematocrit sodium creatinine glucose bilirubin wbc urine bun ph fio2 pao2 pco2 meds verbal motor eyes dialysis
intubated intub intubation respiratory mean interface revised pedigree ssa sozialversicherungsnummer
"""
KNOWN = frozenset(_KNOWN.split())
_LONGEST = max(map(len, KNOWN))
_ENDINGS = "offset location status number systolic diastolic time date name code type text"
_LAST = tuple(_ENDINGS.split())
"""Words that end a name so often that the rest may be any word: `infusionoffset`."""
_PARTS = re.compile(r"[A-ZÀ-Ý]+(?=[A-ZÀ-Ý][a-zà-ÿ])|[A-ZÀ-Ý]?[a-zà-ÿß]+|[A-ZÀ-Ý]+|\d+")


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """The name's words in lower case, without accents; run together ones are taken apart where they are known.

    A part that is not made of known words through and through stays whole.
    """
    found: list[str] = []
    for part in _PARTS.findall(name):
        found += _apart(_plain(part.lower()))
    return tuple(found)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(sign for sign in folded if not unicodedata.combining(sign))


def _apart(part: str) -> list[str]:
    """The fewest known words that make up the part; the part itself when it is short, known, or not made of them."""
    if part in KNOWN or len(part) < 5 or not part.isascii():
        return [part]
    for word in _LAST:
        if part.endswith(word) and len(part) >= len(word) + 3 and not _known_through(part):
            return [*_apart(part.removesuffix(word)), word]
    return _known_through(part) or [part]


def _known_through(part: str) -> list[str] | None:
    """The fewest known words that the part is made of, when it is."""
    best: list[list[str] | None] = [[]] + [None] * len(part)
    for end in range(1, len(part) + 1):
        for begin in range(max(0, end - _LONGEST), end):
            before = best[begin]
            word = part[begin:end]
            if before is None or word not in KNOWN or len(word) < 2:
                continue
            now = best[end]
            if now is None or len(before) + 1 < len(now):
                best[end] = [*before, word]
    return best[-1]
