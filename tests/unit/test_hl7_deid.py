"""HL7 v2 de-identification: fields, datatypes, text, separators, escapes, batches, character sets."""

from __future__ import annotations

import base64
from datetime import date

import pytest

from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.hl7 import Deidentifier, deidentify, read_profile, read_rules
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.wording import Wording

KEYED = Keyed(HmacDigest(b"a key for tests of HL7 v2, 32 by"))

ADMISSION = "\r".join(
    (
        "MSH|^~\\&|ADT|GOOD HEALTH|EHR|CLINIC|20200131121500||ADT^A01^ADT_A01|MSG0001|P|2.5.1",
        "PID|1||M-4711^^^GH^MR~123-45-6789^^^SSA^SS||Testerin^Maria^Eva||19600405|F||2106-3^White^CDCREC"
        "|1 Main St^Apt 2^Ann Arbor^MI^48103^USA^H||^PRN^PH^^^734^5550100|||M|||123-45-6789|D123456^MI",
        "NK1|1|Testerin^Hans|SPO|1 Main St^^Ann Arbor^MI^48103",
        "PV1|1|I|W^101^1^GOOD HEALTH||||D99^Heiler^Otto^^^Dr.|||MED||||7|||||V-77",
        "OBR|1|P1^GH|F1^LAB|2823-3^Potassium^LN|||20200131",
        "OBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F",
        "OBX|2|TX|11506-3^Note^LN||Frau Testerin, M-4711, seen today.||||||F",
        "NTE|1||Call Hans Testerin at 734-555-0100.",
        "ZPI|1|Maria Testerin|19600405",
        "",
    )
)


def words() -> Wording:
    """The text engine by rules."""
    return Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")


def safe(message: str | bytes, **chosen: str) -> str:
    """A message under the Safe Harbor profile."""
    return deidentify(message, KEYED, this_year=2026, profile=read_profile("safe-harbor", **chosen), words=words())


def field(message: str, segment: str, number: int) -> str:
    """The first field of that name and number."""
    line = next(each for each in message.split("\r") if each.startswith(segment))
    return line.split("|")[number if segment != "MSH" else number - 1]


def test_safe_harbor_leaves_structure_codes_and_clinical_values() -> None:
    """Segments stay in their order; names, streets, numbers and days go; codes, states, ZIP3 and years stay."""
    made = safe(ADMISSION)
    assert [line[:3] for line in made.split("\r")] == [line[:3] for line in ADMISSION.split("\r")]
    for value in (
        "Testerin",
        "Maria",
        "Hans",
        "M-4711",
        "123-45",
        "Main",
        "Ann Arbor",
        "5550100",
        "GOOD",
        "Heiler",
        "D123456",
    ):
        assert value not in made
    assert field(made, "PID", 3) == f"{KEYED.pseudonym('subject', 'M-4711')}^^^^MR"
    assert field(made, "PID", 7) == "1960"
    assert field(made, "PID", 10) == "2106-3^White^CDCREC"
    assert field(made, "PID", 11) == "^^^MI^481^USA^H"
    assert field(made, "OBX", 5) == "4.1"
    assert field(made, "MSH", 9) == "ADT^A01^ADT_A01"
    assert "ZPI|" in made


def test_a_limited_data_set_keeps_towns_and_moves_dates_by_the_patients_offset() -> None:
    """The offset is that of PID-3, so FHIR, DICOM and tables under the same key move alike."""
    made = deidentify(ADMISSION, KEYED, this_year=2026, profile="limited-data-set", words=words())
    moved = KEYED.shift_days("M-4711")
    assert field(made, "PID", 11) == "^^Ann Arbor^MI^48103^USA^H"
    born = date(1960, 4, 5).toordinal() + moved
    assert field(made, "PID", 7) == date.fromordinal(born).strftime("%Y%m%d")
    assert field(made, "MSH", 7)[8:] == "121500"


@pytest.mark.parametrize(
    ("given", "how", "left"),
    [
        ("19600405", "year", "1960"), ("1960", "year", "1960"), ("19360101", "year", ""), ("19370101", "year", "1937"),
        ("20200131121500.1234-0500", "year", "2020"), ("Testerin", "year", ""), ("Testerin", "keep", ""),
        ("19600405", "keep", "19600405"), ("196004", "shift", "1960"), ("20201399", "shift", ""),
    ],
)  # fmt: skip
def test_dates_leave_what_the_rules_say_and_nothing_that_is_no_date(given: str, how: str, left: str) -> None:
    """A year that tells an age of ninety goes too."""
    made = safe(ADMISSION.replace("19600405|F", f"{given}|F"), dates=how)
    assert field(made, "PID", 7) == left


def test_other_separators_are_read_and_written_back() -> None:
    """MSH-1 and MSH-2 announce them."""
    other = ADMISSION.replace("|", "#").replace("^", "*").replace("MSH#*~\\&", "MSH#*~\\&")
    made = safe(other)
    assert made.split("\r")[1].split("#")[11] == "***MI*481*USA*H"
    assert "Testerin" not in made


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends_and_frames_stay_as_they_were(end: str) -> None:
    """Files with any line end, MLLP framing and a byte order mark."""
    framed = "\x0b" + ADMISSION.replace("\r", end) + "\x1c\r"
    made = safe(framed.encode())
    assert made.startswith("\x0bMSH")
    assert made.endswith(end + "\x1c\r")
    assert made.count(end) >= ADMISSION.count("\r")
    assert "Testerin" not in made


def test_escapes_hide_nothing() -> None:
    """A name written with escapes is read as it is meant, and separators in what stays are escaped again."""
    hidden = r"Pt Tes\X74\erin\.br\BP 120\T\80 m\F\q"
    made = field(safe(ADMISSION.replace("Frau Testerin, M-4711, seen today.", hidden)), "OBX|2", 5)
    assert "X74" not in made
    assert "erin" not in made
    assert made.endswith(r"\.br\BP 120\T\80 m\F\q")


def test_embedded_text_is_cleaned_and_other_data_removed() -> None:
    """ED: base64 of text is read; a PDF goes, and its type is still told."""
    note = base64.b64encode(b"Maria Testerin, potassium 4.1").decode()
    with_text = ADMISSION.replace("OBX|1|NM|2823-3^Potassium^LN||4.1|", f"OBX|1|ED|x^n^L||^TEXT^plain^Base64^{note}|")
    made = field(safe(with_text), "OBX", 5).split("^")
    assert made[:4] == ["", "TEXT", "plain", "Base64"]
    clean = base64.b64decode(made[4]).decode()
    assert "potassium 4.1" in clean
    assert "Testerin" not in clean
    with_pdf = ADMISSION.replace(
        "OBX|1|NM|2823-3^Potassium^LN||4.1|", f"OBX|1|ED|x^n^L||^APPLICATION^PDF^Base64^{note}|"
    )
    assert field(safe(with_pdf), "OBX", 5) == "^APPLICATION^PDF^Base64"


@pytest.mark.parametrize(
    ("kind", "value", "left"),
    [
        ("XPN", "Testerin^Maria", ""), ("ST", "Maria Testerin", "no name"), ("NM", "Maria", ""),
        ("DT", "20200131", "2020"), ("CWE", "260385009^Negative^SCT", "260385009^Negative^SCT"),
        ("SN", ">^100", ">^100"), ("RP", "http://h/x^P^image^jpeg", "^^image^jpeg"),
        ("CX", "M-4711^^^GH^MR", "code"), ("ZZ", "Maria", ""), ("", "Maria", ""),
    ],
)  # fmt: skip
def test_observation_values_are_treated_by_their_type(kind: str, value: str, left: str) -> None:
    """OBX-5 is what OBX-2 says; without a known type nothing stays."""
    changed = ADMISSION.replace("OBX|1|NM|2823-3^Potassium^LN||4.1|", f"OBX|1|{kind}|2823-3^Potassium^LN||{value}|")
    made = field(safe(changed), "OBX", 5)
    if left == "code":
        assert made == f"{KEYED.pseudonym('subject', 'M-4711')}^^^^MR"
    elif left == "no name":
        assert not {"Testerin", "Maria"} & set(made.split())
    else:
        assert made == left


def test_an_age_over_89_becomes_90() -> None:
    """By the LOINC codes for ages."""
    changed = ADMISSION.replace("OBX|1|NM|2823-3^Potassium^LN||4.1|", "OBX|1|NM|30525-0^Age^LN||97|")
    assert field(safe(changed), "OBX", 5) == "90"


def test_nulls_and_empty_fields_stay() -> None:
    """`""` says "delete": it is no value, and keeps its meaning."""
    made = safe(ADMISSION.replace("|19600405|F|", '|""|F|'))
    assert field(made, "PID", 7) == '""'


def test_character_sets_are_read_as_announced() -> None:
    """ISO 8859-1 by MSH-18 comes back as such; a set that the bytes are not in is refused without content."""
    german = ADMISSION.replace("P|2.5.1", "P|2.5.1||||||8859/1").replace("Testerin", "Müllerin")
    made = Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=words()).message(
        german.encode("latin-1")
    )
    assert b"M\xfcllerin" not in made
    wrong = german.replace("8859/1", "UNICODE UTF-8").encode("latin-1")
    with pytest.raises(Invalid) as caught:
        safe(wrong)
    assert "llerin" not in str(caught.value)
    assert caught.value.path


def test_a_batch_keeps_its_headers_and_trailers() -> None:
    """FHS, BHS, BTS and FTS stay, with codes for applications and without comments that name people."""
    batch = "FHS|^~\\&|ADT|GOOD HEALTH|||20200131||Testerin.hl7\rBHS|^~\\&|ADT|GH\r" + ADMISSION + "BTS|1\rFTS|1\r"
    made = safe(batch)
    assert "Testerin" not in made
    assert "GOOD" not in made
    assert made.endswith("BTS|1\rFTS|1\r")


def test_a_trailer_with_other_separators_is_not_taken_for_a_name() -> None:
    """BTS of a batch whose header stands in another chunk."""
    made = Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=None).message(b"BTS#1#Testerin\r")
    assert made == b"BTS#1#\r"


@pytest.mark.parametrize(
    "broken",
    [
        "PID|1||M-4711", "MSH", "MSH|", "MSH|^", "MSHA^~\\&|x", "MSH|||||", ADMISSION + "Testerin was here\r",
        ADMISSION.replace("NTE|1", "NTE1|1"), "", "\x00\x01", ADMISSION.rstrip("\r") + ADMISSION,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_the_place_and_without_content(broken: str) -> None:
    """Errors name a segment, and what to do."""
    with pytest.raises(Invalid) as caught:
        safe(broken)
    assert "Testerin" not in str(caught.value)
    assert caught.value.path
    assert caught.value.remedy


def test_a_file_that_begins_in_the_middle_of_a_message_is_told() -> None:
    """What a message begins with is missing: whose it is, or its character set, nobody knows."""
    with pytest.raises(Invalid, match="no header"):
        Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=None).message(b"PID|1||M-4711\r")


def test_rules_of_ones_own_build_on_a_profile() -> None:
    """A field may be kept that the profile empties, and mistakes are told with their place."""
    rules = read_rules(
        'extends = "safe-harbor"\nname = "ours"\n[segments]\nNTE = { 3 = "redact" }\nPV1 = { 3 = "keep" }\n'
    )
    made = deidentify(ADMISSION, KEYED, this_year=2026, profile=rules, words=words())
    assert field(made, "PV1", 3) == "W^101^1^GOOD HEALTH"
    assert field(made, "NTE", 3) == ""
    for text, where in (
        ('extends = "x"', "extends"), ('extends = "safe-harbor"\n[segments]\nPID = { 5 = "shred" }', "segments.PID.5"),
        ('extends = "safe-harbor"\nfields = 1', "fields"), ("x = [", "rules"),
        ('extends = "safe-harbor"\ndates = "day"', "dates"), ('extends = "safe-harbor"\nsegments = 3', "segments"),
        ('extends = "safe-harbor"\nparts = { XPN = { "²" = "keep" } }', "parts.XPN.²"), ("extends = [1]", "extends"),
        ('extends = "safe-harbor"\ntypes = { ST = [1] }', "types.ST"), ("x = " + "9" * 5000, "rules"),
        ("x = " + "[" * 2000, "rules"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            read_rules(text)
        assert caught.value.path == where


def test_of_a_z_segment_only_named_fields_are_treated() -> None:
    """The others stay empty, also between named ones."""
    rules = read_rules('extends = "safe-harbor"\n[segments]\nZPI = { 1 = "number", 3 = "date" }\n')
    made = deidentify(ADMISSION, KEYED, this_year=2026, profile=rules, words=words())
    assert "ZPI|1||1960\r" in made


def test_one_patients_numbers_are_removed_from_codes_too() -> None:
    """A kept code that is the patient's own number goes."""
    made = safe(ADMISSION.replace("2823-3^Potassium^LN|||20200131", "M-4711^Potassium^LN|||20200131"))
    assert "M-4711" not in made


def test_a_header_may_announce_two_separators_only() -> None:
    """Fields whose subcomponents have no sign are read whole."""
    made = safe("MSH|^~|A|B|||202001||ADT^A01|1|P|2.5\rPID|1||12^^^H^MR||DOE^ANN\r")
    assert "DOE" not in made
    assert field(made, "PID", 3) != "12^^^H^MR"
