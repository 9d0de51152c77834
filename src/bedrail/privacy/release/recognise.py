"""What a column is, by its name and a sample of its values; whatever is not known to be harmless is not kept.

Used for the shipped policy `safe-harbor` and for drafts. Letters are those of 45 CFR 164.514(b)(2)(i).
"""
# ruff: noqa: E501 (patterns are easier to compare on one line)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bedrail.data.sensitivity.words import words_of
from bedrail.privacy.release import scan
from bedrail.privacy.release.dates import day_of, year_of
from bedrail.privacy.release.values import Column, Method, Role

CITE = "45 CFR 164.514(b)(2)(i)"
MINIMUM = "45 CFR 164.514(b)(2)(ii); 164.502(b)"

Row = tuple[str, Role, Method, str]

NAMES: tuple[tuple[str, Role, Method, str], ...] = (
    (r"(?:e_?mail|email)", "direct", "drop", "F"),
    (r"(?:fax)", "direct", "drop", "E"),
    (r"(?:phone|telephone|tel|mobile|cell|cellphone|pager|beeper|sms|whatsapp)", "direct", "drop", "D"),
    (r"(?:ssn|sin|nhs_number|social_security|social|tax_id|tin|national_id|nino)", "direct", "drop", "G"),
    (r"(?:patient|subject|person|participant|pat|member_record|case)_(?:id|key|no|num|number|identifier|code|nbr|sk)|"
     r"(?:patientid|subjectid|personid|patid|pid|empi|mpi|subject|hadm_subject)", "subject", "pseudonym", "R"),
    (r"(?:mrn|medical_record|medrec|chart(?:_no|_num|_number|_id)?|hospital_(?:no|num|number|id)|record_(?:no|num|number|id))",
     "subject", "pseudonym", "H"),
    (r"(?:beneficiary|member|subscriber|policy|insurance|plan|payer|medicaid|medicare|group|coverage|hicn?|mbi)_"
     r"(?:id|no|num|number|nbr|identifier|key|code)|(?:mbi|hicn|beneficiary|subscriber|policyholder|health_plan_beneficiary)",
     "direct", "drop", "I"),
    (r"(?:acct|account|iban|routing|bank|card|credit|invoice|billing|claim|bill)(?:_(?:id|no|num|number|nbr|key))?",
     "direct", "drop", "J"),
    (r"(?:licen[cs]e|certificate|cert|dea|npi|passport|drivers?|driving)(?:_.*)?", "direct", "drop", "K"),
    (r"(?:vehicle|vin|plate|license_plate|registration|car)(?:_.*)?", "direct", "drop", "L"),
    (r"(?:device|serial|udi|imei|implant|pacemaker|mac|equipment)(?:_.*)?", "direct", "drop", "M"),
    (r"(?:url|uri|web|website|homepage|link|portal|domain|href|facebook|twitter|linkedin)(?:_.*)?", "direct", "drop", "N"),
    (r"(?:ip|ipv4|ipv6|ip_addr(?:ess)?|host|hostname)", "direct", "drop", "O"),
    (r"(?:fingerprint|biometric|biometrics|voice|voiceprint|retina|iris|face_?id|dna|genome|palm)(?:_.*)?", "direct", "drop", "P"),
    (r"(?:photo|photograph|image|picture|portrait|selfie|video|avatar|face)(?:_.*)?", "direct", "drop", "Q"),
    (r"(?:.*_)?(?:zip|zip_?code|zip5|zip9|zip4|postcode|postal|postal_?code)(?:_.*)?", "zip", "zip3", "B"),
    (r"(?:.*_)?age(?:_.*)?|anchor_age|years_old", "age", "top-code", "C"),
    (r"(?:date|dt|dob|birth|born|birthdate|birthday|dod|death|died|deceased|admit|admitted|admission|discharge|discharged|"
     r"timestamp|datetime|time|day|month|week|weekday|quarter|season|dayofweek|charttime|storetime|.*_(?:at|on|date|dt|time|ts|day|month|week|quarter|datetime))"
     r"(?:_(?:date|time|dt|ts|at|on|datetime|day|month|utc))?|(?:date|time|day|month|week)_.*|year_?of_.*|.*_year|year|anchor_year",
     "date", "year", "C"),
    (r"(?:street|address|addr|addr1|addr2|address_?line.*|address1|address2|city|town|village|county|parish|precinct|district|borough|"
     r"neighbou?rhood|suburb|latitude|longitude|lat|lon|lng|long|geo|geocode|geohash|coordinates?|gps|tract|census|block|fips|msa|"
     r"cbsa|facility|hospital|clinic|ward|room|bed|unit_name|site|location|place|birthplace|residence|region_code|postal_town|"
     r"department|campus|house|apartment|apt)(?:_.*)?|.*_(?:city|town|county|street|address|addr|hospital|clinic|facility|tract|location|latitude|longitude)",
     "direct", "drop", "B"),
    (r"(?:.*_)?(?:state|province|country|nation|st_abbr)(?:_(?:code|abbr|name))?", "insensitive", "keep", "B"),
    (r"(?:.*_)?(?:note|notes|comment|comments|remark|remarks|narrative|text|free_?text|description|impression|history|hpi|"
     r"summary|report|report_text|message|findings|plan_text|assessment|discharge_summary|memo|observation_text|reason_text|details?)(?:_.*)?",
     "text", "mask", "R"),
    (r"(?:gender|sex|race|ethnicity|ethnic|smok\w*|alcohol|tobacco|marital(?:_status)?|education|language|insurance|payer|coverage|"
     r"diagnos[ie]s|dx\w*|icd\w*|procedure|cpt|drg|loinc|snomed|rxnorm|ndc|atc|drug|medication|med|dose|dosage|route|frequency|"
     r"unit|units|uom|lab|test|result|outcome|status|severity|stage|grade|class|type|category|flag|specialty|service|"
     r"allerg\w*|symptom\w*|condition|comorbid\w*|treatment|therapy|device_type|blood_type|blood_group|discharge_disposition|"
     r"admission_type|diet|charges?|costs?|price|amount|income|payment|bmi|height|weight|temp\w*|pulse|bp|sbp|dbp|spo2|glucose|hba1c|creatinine|score)"
     r"(?:_(?:code|name|type|value|status|group|cat|category|flag|desc|level|class|kg|cm|lb|mg|c|f|mmhg))?", "insensitive", "keep", ""),
    (r"(?:.*_)?(?:name|surname|forename|firstname|lastname|fullname|fname|lname|mname|initials|alias|nickname|maiden|mother|father|"
     r"parent|spouse|husband|wife|guardian|son|daughter|kin|next_of_kin|nok|relative|emergency_contact|contact|employer|"
     r"physician|doctor|dr|provider|attending|surgeon|nurse|clinician|operator|author|signed_by|referr\w+|pcp|caregiver)(?:_.*)?|"
     r"first|last|middle", "direct", "drop", "A"),
    (r"(?:.*_)?(?:id|ids|uuid|guid|key|identifier|uid|oid|token|hash|username|user|login|userid|password|accession|csn|"
     r"barcode|specimen_no|order_no|number|no|num|nbr|sk|ref|reference|occupation|job|job_title)(?:_.*)?|index|row|unnamed.*|"
     r"(?:.*_)?(?!\w*(?:oid|uid|lipid|acid|covid|rapid|valid)\Z)[a-z]{5,}id",
     "direct", "drop", "R"),
)  # fmt: skip
"""(form of the whole name, role, method, letter), the first that fits. Names are lower case, words joined by `_`."""

_NAMES = tuple((re.compile(form), role, method, letter) for form, role, method, letter in NAMES)
_NUMBER = re.compile(r"\s*[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:e[-+]?\d{1,3})?\s*%?", re.IGNORECASE | re.ASCII)
_COMPARED = re.compile(r"\s*[<>≤≥~]?=?\s*[-+]?\d{0,6}(?:\.\d{1,6})?\s*%?\s*")
_CODE = re.compile(
    r"[A-TV-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?|\d{3}(?:\.\d{1,2})?|[VE]\d{2,3}(?:\.\d{1,2})?|\d{1,5}-\d|\d{4}[0-9A-Z]"
)
_WORD = re.compile(r"[A-Za-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for, and why in words that hold no value."""

    column: Column
    letter: str


def plain_name(name: str) -> str:
    """`PatientName`, `patient-name` and `PATIENT NAME` are all patient_name."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def recognise(name: str, sample: Sequence[str]) -> Guess:
    """What a column is: the form of its values when that is plain, else its name, else what its values allow."""
    values = [value for value in (each.strip() for each in sample) if value]
    called = plain_name(name)
    named = _named(called) or _named("_".join(words_of(name)))  # `hospitalid` says what `hospital_id` says
    formed = _by_form(values)
    if formed and not (named and named[1] in ("text", "date", "zip", "subject", "direct")):
        role, method, letter, why = formed
        return _guess(role, method, letter, why)
    if named and named[3] in ("C", "R") and named[2] != "top-code" and _are_amounts(called, values):
        return _number_guess(values)
    if named and not (named[1] == "insensitive" and _is_prose(values)):
        role, method, letter = named[1:]
        if method == "keep" and _numbers_of_people(values):
            return _guess("direct", "drop", "R", "by its values: numbers that are one of a kind")
        return _guess(role, method, letter, "by its name")
    return _by_values(values)


def _named(called: str) -> tuple[re.Pattern[str], Role, Method, str] | None:
    return next((row for row in _NAMES if row[0].fullmatch(called)), None)


def _guess(role: Role, method: Method, letter: str, why: str) -> Guess:
    rule = f"{CITE}({letter})" if letter else MINIMUM
    if role == "subject":
        rule += "; code by 164.514(c)"
    return Guess(column=Column(role=role, method=method, why=why, rule=rule), letter=letter)


def _by_form(values: Sequence[str]) -> tuple[Role, Method, str, str] | None:
    """When a fifth of the values have the form of one structured identifier from end to end."""
    labels: dict[str, int] = {}
    years = 0
    for value in values:
        if day_of(value):
            labels["DATE"] = labels.get("DATE", 0) + 1
            continue
        years += bool(re.fullmatch(r"(?:18|19|20)\d{2}", value))
        if is_number(value) and not value.isdigit():
            continue
        for start, end, label in scan.found(value):
            if end - start >= 0.8 * len(value):
                labels[label] = labels.get(label, 0) + 1
            break
    if years >= max(1, 0.9 * len(values)) and values:
        return "date", "year", "C", "by its values: years"
    if not labels:
        return None
    label = max(labels, key=lambda each: labels[each])
    if labels[label] < max(1, 0.2 * len(values)):
        return None
    if label == "DATE":
        return "date", "year", "C", "by its values: dates"
    letter = scan.LETTERS[label]
    return "direct", "drop", letter, f"by its values: the form of {label}"


ELEMENTS = ("day", "month", "week", "weekday", "quarter", "season", "dow", "dayofweek")
COUNTS = ("no", "num", "nbr", "number", "time", "death", "died", "deceased", "dead", "hour", "hours", "days", "date")


def _are_amounts(called: str, values: Sequence[str]) -> bool:
    """Whether a column named like a date or a number of somebody holds counts or durations: small numbers, no dates.

    Days, months, weeks and quarters by name are elements of dates whatever they hold.
    """
    words = called.split("_")
    if not values or any(word in ELEMENTS for word in words) or not any(word in COUNTS for word in words):
        return False
    if not all(is_number(value) for value in values) or any(
        len(value.split(".")[0].lstrip("-+")) > 4 for value in values
    ):
        return False
    if sum(is_year(value) for value in values) >= 0.2 * len(values):
        return False
    return len(set(values)) <= 2 or len(set(values)) <= 0.5 * len(values) or not _sequential(values)


def _sequential(values: Sequence[str]) -> bool:
    """Whole numbers that are all different and fill a range, as running numbers do."""
    whole = [int(float(value)) for value in values if re.fullmatch(r"[-+]?\d{1,9}(?:\.0+)?", value)]
    if len(whole) < 0.95 * len(values) or len(values) < 5 or len(set(whole)) < 0.99 * len(whole):
        return False
    return max(whole) - min(whole) <= 3 * len(whole)


def _is_prose(values: Sequence[str]) -> bool:
    if not values:
        return False
    long = sum(len(value.split()) >= 5 or len(value) > 60 for value in values)
    return long >= 0.2 * len(values)


def _numbers_of_people(values: Sequence[str]) -> bool:
    """Whole numbers that are all different and large: a number given to somebody rather than measured."""
    whole = [value for value in values if value.lstrip("-").isdigit()]
    if len(whole) < 0.95 * len(values) or len(values) < 5:
        return False
    return len(set(whole)) >= 0.95 * len(whole) and max(len(value) for value in whole) >= 5


def _by_values(values: Sequence[str]) -> Guess:
    if not values:
        return _guess("direct", "drop", "R", "empty in the sample: what it holds is not known")
    numbers = sum(is_number(value) for value in values)
    if numbers >= 0.95 * len(values):
        return _number_guess(values)
    if _is_prose(values):
        return _guess("text", "mask", "R", "by its values: sentences")
    if sum(bool(_CODE.fullmatch(value)) for value in values) >= 0.8 * len(values):
        return _guess("insensitive", "keep", "", "by its values: codes of a clinical vocabulary")
    distinct = len({value.lower() for value in values})
    if distinct <= 2 or (distinct <= 1000 and distinct <= 0.5 * len(values) and max(map(len, values)) <= 60):
        return _guess("insensitive", "keep", "", "by its values: few, and shared by many")
    return _guess("direct", "drop", "R", "not recognised: what is not known to be harmless is left out")


def _number_guess(values: Sequence[str]) -> Guess:
    whole = [value for value in values if re.fullmatch(r"[-+]?\d+(?:\.0+)?", value)]
    digits = [len(value.lstrip("+-0").split(".")[0]) for value in whole]
    if any(count >= 7 for count in digits):
        return _guess("direct", "drop", "R", "by its values: long numbers")
    if len(whole) >= 0.95 * len(values) and len(values) >= 5:
        distinct = len(set(whole)) / len(whole)
        if _sequential(values) or (distinct >= 0.99 and max(digits) >= 5):
            return _guess("direct", "drop", "R", "by its values: numbers that are one of a kind")
        if max(digits) == 5 and min(digits) >= 4:
            return _guess(
                "direct", "drop", "B", "by its values: could be ZIP codes; call it zip or insensitive to keep it"
            )
    if _like_coordinates(values):
        return _guess("direct", "drop", "B", "by its values: could be coordinates; call it insensitive to keep it")
    return _guess("insensitive", "keep", "", "by its values: measurements or counts")


def _like_coordinates(values: Sequence[str]) -> bool:
    """Degrees with four or more decimals, all of them western longitudes or northern latitudes of one country."""
    fine = [float(value) for value in values if re.fullmatch(r"[-+]?\d{1,3}\.\d{4,}", value)]
    if len(fine) < 0.8 * len(values):
        return False
    low, high = min(fine), max(fine)
    return -180 <= low <= high <= -60 or (20 <= low <= high <= 72 and high - low < 30)


def is_number(value: str) -> bool:
    """Whether a cell is a number: signs, thousands, decimals, exponents, per cent, or below a limit of detection."""
    return any(sign.isdigit() for sign in value) and bool(_NUMBER.fullmatch(value) or _COMPARED.fullmatch(value))


def is_harmless_number(value: str) -> bool:
    """Whether a number may stand in a column that is kept: at most six digits before the decimals, and no year-month."""
    if not is_number(value):
        return False
    whole = re.split(r"[.e]", value.strip().lstrip("<>≤≥~=+- "), maxsplit=1, flags=re.IGNORECASE)[0]
    return len(whole.replace(",", "").rstrip("% ")) <= 6


def is_code(value: str) -> bool:
    """Whether a cell has the form of an ICD, LOINC or CPT code."""
    return bool(_CODE.fullmatch(value))


def is_year(value: str) -> bool:
    """Whether a cell is a bare year."""
    return year_of(value) is not None and len(value.strip()) == 4
