"""The catalogue's pure parts: sampling, types, what names and values say, and how two scans differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.data.catalogue import Decided, FieldSheet, Proposal, Sheet, changes, standing_level, unconfirmed
from bedrail.data.sampling import AssetKey, Batch, Flow, Reservoir, survey, type_of
from bedrail.data.sensitivity.names import by_name
from bedrail.data.sensitivity.paths import by_dicom_tag, by_fhir_path, by_hl7_field
from bedrail.data.sensitivity.proposing import propose
from bedrail.data.sensitivity.shapes import shape_of
from bedrail.data.sensitivity.special import special_of
from bedrail.data.sensitivity.words import words_of
from bedrail.data.sources.folder import folder_flows
from bedrail.data.sources.hl7 import fields_of


def sheet_of(columns: dict[str, list[str]], kind: str = "ehr-table", find=None) -> Sheet:
    """What is proposed for a small table."""
    key = AssetKey(name="t", kind=kind, location="here")
    rows = max(map(len, columns.values()))
    flow = Flow(label="t", read=lambda _limit, _notes: iter([Batch(asset=key, rows=rows, columns=columns)]))
    (seen,), notes = survey(flow, seed=1)
    return propose(seen, complete=True, notes=notes, fingerprint="", find=find)


def levels(sheet: Sheet) -> dict[str, str]:
    return {field.name: field.proposal.level for field in sheet.fields}


def test_a_reservoir_holds_each_value_with_the_same_chance() -> None:
    """Over many seeds every value of a stream is kept about as often as any other, wherever it stands."""
    kept = np.zeros(100)
    for seed in range(400):
        reservoir = Reservoir(10, np.random.default_rng(seed))
        for at in range(0, 100, 7):
            reservoir.add([str(each) for each in range(at, min(at + 7, 100))])
        assert len(set(reservoir.values)) == 10
        kept[[int(each) for each in reservoir.values]] += 1
    assert kept.sum() == 4_000
    assert abs(kept.reshape(4, 25).sum(axis=1) - 1_000).max() < 5 * np.sqrt(750)


@given(st.lists(st.text(max_size=5), max_size=300), st.integers(1, 50), st.integers(0, 9))
@pytest.mark.slow
def test_a_sample_is_bounded_and_the_same_for_one_seed(values: list[str], capacity: int, seed: int) -> None:
    """No more than the capacity is kept, and nothing that was not offered; the same stream gives the same sample."""
    one, other = (Reservoir(capacity, np.random.default_rng(seed)) for _ in range(2))
    one.add(values)
    for value in values:
        other.add([value])
    assert one.seen == other.seen == len(values)
    assert one.values == other.values
    assert len(one.values) == min(capacity, len(values))
    assert set(one.values) <= set(values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["2024-01-31", "2023-12-01"], "date"),
        (["31.01.2024", "1.2.2024"], "date"),
        (["2164-10-23 21:09:00", "2164-10-23T21:09:00Z"], "datetime"),
        (["23:36:00", "7:05"], "time"),
        (["12", "7", "-3"], "integer"),
        (["1.5", "<0.1", "2"], "number"),
        (["I10", "E11.9", "401.9"], "code"),
        (["Female", "Male"], "words"),
        (["", "?", "NULL"], "empty"),
        (["True", "False"], "boolean"),
        (["The patient came to the ward with a cough and was seen by the team at once."] * 3, "free-text"),
    ],
)
def test_a_type_is_told_from_values(values: list[str], kind: str) -> None:
    """Dates, moments, numbers, codes, words and running text are told apart."""
    assert type_of(values) == kind


@pytest.mark.parametrize("name", ["PatientBirthDate", "patient_birth_date", "patientbirthdate", "PATIENT BIRTH DATE"])
def test_one_name_in_every_spelling_has_the_same_words(name: str) -> None:
    """Camel case, snake case, run together: the same words."""
    assert words_of(name) == ("patient", "birth", "date")


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("ssn", "direct-identifier"),
        ("PatientName", "direct-identifier"),
        ("Vorname", "direct-identifier"),
        ("apellidos", "direct-identifier"),
        ("patientunitstayid", "direct-identifier"),
        ("e-mail", "direct-identifier"),
        ("Straße", "direct-identifier"),
        ("fecha_nacimiento", "quasi-identifier"),
        ("Geburtsdatum", "quasi-identifier"),
        ("código_postal", "quasi-identifier"),
        ("Geschlecht", "quasi-identifier"),
        ("admittime", "quasi-identifier"),
        ("icd9_code", "sensitive-health"),
        ("heart_rate", "sensitive-health"),
        ("Diagnose", "sensitive-health"),
        ("pravastatin", "sensitive-health"),
        ("row_id", "ordinary"),
        ("itemid", "ordinary"),
    ],
)
def test_names_speak_in_three_languages(name: str, level: str) -> None:
    """A name alone gives the level, in English, Spanish and German."""
    said = by_name(name)
    assert said is not None
    assert said.level == level


def test_a_name_that_says_nothing_is_not_understood() -> None:
    """No guess is made of a bare letter or a made-up word."""
    assert by_name("xq7") is None
    assert by_name("flurb") is None


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (["123-45-6789", "078-05-1120", "219-09-9999"], "SSN"),
        (["a@b.example", "c.d@e.example", "f@g.example"], "EMAIL"),
        (["(555) 123-4567", "555-987-6543", "+49 30 1234567"], "PHONE"),
        (["10.0.0.1", "192.168.1.7", "fe80::1"], "IP"),
        (["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"], "ACCOUNT"),
        (["EVERYMAN^ADAM^A", "DOE^JANE", "ROE^RICHARD^^^DR"], "NAME"),
        (["12 Main Street", "400 Oak Ave, Apt 3", "7 Elm Rd"], "GEO"),
        (["Patient/1", "Patient/2", "Patient/3"], "UNIQUE_ID"),
    ],
)
def test_values_with_a_shape_are_recognised(values: list[str], label: str) -> None:
    """Shapes with checks: numbers that fail them are something else."""
    found = shape_of(values)
    assert found is not None
    assert found.label == label


@pytest.mark.parametrize(
    "values",
    [
        ["000-12-3456", "666-45-6789", "900-11-2222"],
        ["DE89370400440532013001", "GB82WEST12345698765433", "FR1420041010050500013M02607"],
        ["120/80", "130/85", "110/70"],
        ["I10", "E11.9", "J45"],
    ],
)
def test_what_fails_its_check_is_no_identifier(values: list[str]) -> None:
    """SSNs that cannot be, IBANs with a wrong check sum, blood pressures and codes."""
    assert shape_of(values) is None


def test_values_overrule_a_harmless_name() -> None:
    """A column called `code` that holds SSNs is a direct identifier; one stray phone number in remarks is noticed."""
    sheet = sheet_of(
        {
            "patient_id": [str(each) for each in range(30)],
            "code": ["123-45-6789"] * 30,
            "remark": ["none"] * 29 + ["555-987-6543"],
        }
    )
    assert levels(sheet)["code"] == "direct-identifier"
    assert levels(sheet)["remark"] == "direct-identifier"


def test_a_table_about_nobody_is_reference_data() -> None:
    """A dictionary of codes is public; the same column beside a patient is health data."""
    codes = {"icd9_code": ["401.9", "250.00"], "long_title": ["Hypertension", "Diabetes"]}
    assert set(levels(sheet_of(codes)).values()) == {"public"}
    assert levels(sheet_of({"subject_id": ["1", "2"], **codes}))["icd9_code"] == "sensitive-health"


def test_free_text_is_looked_into_and_no_value_stands_in_the_sheet() -> None:
    """The share of cells with a finding is said, the labels are, the words are not."""
    text = "Mr Quentin Abernathy was seen again today for a cough that has not gone away since the last visit."
    sheet = sheet_of({"patient_id": ["1"] * 10, "remarks": [text] * 5 + [text.replace("Quentin Abernathy", "he")] * 5},
                     find=lambda each: ["NAME"] if "Quentin" in each else [])  # fmt: skip
    said = next(field.proposal for field in sheet.fields if field.name == "remarks")
    assert said.level == "direct-identifier"
    assert "50%" in said.reason
    assert "NAME" in said.reason
    assert "Quentin" not in repr(sheet)


def test_special_categories_are_told_by_word_and_code() -> None:
    """ICD-10 in any column, bare ICD-9 only among diagnoses, and words in three languages."""
    assert special_of("diagnosis", ["F11.20", "B20", "O80"], diagnosis=True) == (
        "hiv",
        "reproductive",
        "substance-use",
    )
    assert special_of("diagnosis", ["303.9"], diagnosis=True) == ("substance-use",)
    assert special_of("sodium", ["303"], diagnosis=False) == ()
    assert special_of("note", ["Verdacht auf Suizidalität"], diagnosis=False) == ("mental-health",)
    assert special_of("brca 1 status", [], diagnosis=False) == ("genetic",)


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("Patient.name.family", "direct-identifier"),
        ("Patient.telecom.value", "direct-identifier"),
        ("Patient.address.line", "direct-identifier"),
        ("Patient.address.postalCode", "quasi-identifier"),
        ("Patient.birthDate", "quasi-identifier"),
        ("Patient.extension(us-core-race).extension(ombCategory).valueCoding.code", "quasi-identifier"),
        ("Observation.subject.reference", "direct-identifier"),
        ("Observation.effectiveDateTime", "quasi-identifier"),
        ("Condition.code.coding.display", "sensitive-health"),
        ("Observation.valueQuantity.value", "sensitive-health"),
        ("Observation.valueQuantity.unit", "ordinary"),
        ("Observation.meta.profile", "ordinary"),
    ],
)
def test_fhir_paths_are_known(path: str, level: str) -> None:
    """By the standard, not by guessing."""
    said = by_fhir_path(path)
    assert said is not None
    assert said.level == level


def test_hl7_fields_and_dicom_tags_are_known() -> None:
    """PID-5 is a name and PID-11.5 a ZIP code; a person's name is one by its representation, a class UID is none."""
    assert by_hl7_field("PID-5.1").label == "NAME"
    assert by_hl7_field("PID-11.1").level == "direct-identifier"
    assert by_hl7_field("PID-11.5").level == "quasi-identifier"
    assert by_hl7_field("OBX-5.1").level == "sensitive-health"
    assert by_dicom_tag("OperatorsName", "PN").level == "direct-identifier"
    assert by_dicom_tag("SOPClassUID", "UI").level == "ordinary"
    assert by_dicom_tag("SOPInstanceUID", "UI").level == "direct-identifier"
    assert by_dicom_tag("(0009,xx01) GEMS", "LO").level == "direct-identifier"


def test_an_hl7_message_is_read_by_its_own_separators() -> None:
    """Fields by segment and number, MSH counted from its separator; odd separators are taken from the message."""
    kind, fields = fields_of("MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5\rPID|1||7^^^X^MR||DOE^JANE")
    assert kind == "ADT"
    assert ("MSH-3.1", "A") in fields
    assert ("PID-5.2", "JANE") in fields
    kind, fields = fields_of("MSH#*~\\&#A#B#C#D#1##ORU*R01#1#P#2.5\rPID#1##7")
    assert (kind, fields[-1]) == ("ORU", ("PID-3.1", "7"))


def field(name: str, level: str = "ordinary", kind: str = "words", special: tuple[str, ...] = ()) -> FieldSheet:
    proposal = Proposal(level=level, special=special)
    return FieldSheet(name=name, type=kind, filled=1.0, sampled=10, proposal=proposal)


def sheet(*fields: FieldSheet) -> Sheet:
    return Sheet(name="t", kind="ehr-table", location="t", rows=1, complete=True, seed=0, fields=fields)


def test_a_rescan_names_what_is_different() -> None:
    """New and gone fields, other types and other sensitivities; an empty column says nothing about its type."""
    before = sheet(field("a"), field("b", kind="date"), field("c"), field("d", kind="empty"))
    after = sheet(field("b", kind="words"), field("c", "sensitive-health", special=("hiv",)), field("d"), field("e"))
    found = [(each.field, each.what) for each in changes(before, after)]
    assert found == [("a", "gone"), ("b", "type"), ("c", "sensitivity"), ("c", "special"), ("e", "new")]
    assert changes(None, after) == ()


def test_a_decision_stands_until_the_proposal_gets_worse() -> None:
    """What a steward was not asked about comes up again; what got milder does not."""
    said = {"c": Decided(level="ordinary", proposed="sensitive-health", by="priya")}
    assert unconfirmed(sheet(field("c", "sensitive-health")), said) == ()
    assert unconfirmed(sheet(field("c", "public")), said) == ()
    assert unconfirmed(sheet(field("c", "direct-identifier")), said) == ("c",)
    assert unconfirmed(sheet(field("c", "sensitive-health", special=("hiv",))), said) == ("c",)
    assert standing_level(sheet(field("c", "sensitive-health"), field("x", "public")), said) == ("ordinary", ())


def test_a_first_line_of_data_is_no_header(tmp_path: Path) -> None:
    """What stands in the first line of a table without a header may be a patient's: it becomes no field name."""
    (tmp_path / "t.csv").write_text("Jane Doe,1980-02-01,555-12-3456\nRichard Roe,1975-05-05,555-12-9999\n")
    (flow,), _ = folder_flows(tmp_path, seed=0)
    (seen,), notes = survey(flow, seed=0)
    assert list(seen.fields) == ["column 1", "column 2", "column 3"]
    assert notes == ["the first line names no columns"]


def test_a_first_line_that_is_like_the_others_is_no_header(tmp_path: Path) -> None:
    """Words alone look like names of columns; that one of them comes again in its column gives them away."""
    (tmp_path / "t.csv").write_text(
        "Doe,Jane,female\nRoe,Richard,male\nPoe,Anna,female\nMoe,Eva,female\nLoe,Ida,female\n"
    )
    (flow,), _ = folder_flows(tmp_path, seed=0)
    (seen,), _ = survey(flow, seed=0)
    assert list(seen.fields) == ["column 1", "column 2", "column 3"]


def test_keys_that_are_data_become_no_fields(tmp_path: Path) -> None:
    """A JSON map by patient number is one field, not one a patient."""
    (tmp_path / "t.jsonl").write_text('{"by_patient": {"8222157": {"age": 3}, "55629189": {"age": 4}}}\n')
    (flow,), _ = folder_flows(tmp_path, seed=0)
    (seen,), _ = survey(flow, seed=0)
    assert list(seen.fields) == ["by_patient.*.age"]


def test_parts_are_one_asset_and_other_tables_are_not(tmp_path: Path) -> None:
    """Files that differ in numbers only are parts; two dictionaries of one header stay two; many folders are one."""
    for name in ("part-0001.csv", "part-0002.csv", "d_procedures.csv", "d_diagnoses.csv"):
        (tmp_path / name).write_text("code,title\n1,a\n")
    for patient in ("DOE_JANE", "ROE_RICHARD", "MUSTER_ERIKA", "X1", "X2", "X3", "X4", "X5"):
        (tmp_path / patient).mkdir()
        (tmp_path / patient / "labs.csv").write_text("patient_id,sodium\n1,140\n")
    flows, _ = folder_flows(tmp_path, seed=0)
    assert [flow.label for flow in flows] == ["*/labs.csv", "d_diagnoses.csv", "d_procedures.csv", "part-*.csv"]


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        ("a.csv", b"a,b\n1,2\n3\n4,5\n", "1 rows have another number of fields than the header"),
        ("a.jsonl", b'{"a": 1}\nnot json\n[1]\n', "2 lines are no JSON objects"),
        ("a.csv.gz", b"no gzip", "the file is cut short or not gzip (1)"),
        ("a.csv", b"\x00\x01\x02,\x00", "the file is no text (1)"),
        ("a.parquet", b"PAR1", "no readable Parquet file (1)"),
        ("a.bin", b"\x01\x02", "not read: .bin (1)"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_rest_is_read(tmp_path: Path, name: str, data: bytes, note: str) -> None:
    """A damaged file costs itself alone, and its note holds no value."""
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.csv").write_text("patient_id,age\n1,2\n")
    flows, unread = folder_flows(tmp_path, seed=0)
    notes = [each for flow in flows for each in survey(flow, seed=0)[1]]
    assert note in [*unread, *notes]
    assert "good.csv" in [flow.label for flow in flows]


def test_odd_encodings_delimiters_and_line_ends_are_read(tmp_path: Path) -> None:
    """Windows-1252, a byte order mark, semicolons, tabs, CRLF: the columns come out right."""
    (tmp_path / "w.csv").write_bytes("Straße;Größe\r\nHauptstraße 1;180\r\n".encode("cp1252"))
    (tmp_path / "m.tsv").write_bytes("\ufeffname\tage\nA\t3\n".encode())
    (tmp_path / "u.csv").write_bytes("given_name|zip\nZoë|12345\n".encode("utf-16"))
    flows, _ = folder_flows(tmp_path, seed=0)
    read = {flow.label: list(survey(flow, seed=0)[0][0].fields) for flow in flows}
    assert read == {"m.tsv": ["name", "age"], "u.csv": ["given_name", "zip"], "w.csv": ["Straße", "Größe"]}


def test_a_scan_that_did_not_read_everything_says_so(tmp_path: Path) -> None:
    """Of a long table the first rows, of a long Parquet file whole groups from all over, chosen by the seed."""
    import pandas as pd

    frame = pd.DataFrame({"patient_id": range(5_000), "age": 50})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=500, index=False)
    flows, _ = folder_flows(tmp_path, seed=2)
    read = {flow.label: survey(flow, seed=2, limit=1_000) for flow in flows}
    (table,), notes = read["t.csv"]
    assert (table.rows, table.cut, notes) == (1_000, True, [])
    (parquet,), notes = read["t.parquet"]
    assert notes == ["a sample of its rows was read"]
    many = [survey(folder_flows(tmp_path, seed=seed)[0][1], seed=2, limit=1_000)[0][0] for seed in range(4)]
    groups = {int(value) // 500 for seen in [parquet, *many] for value in seen.fields["patient_id"].values}
    assert len(groups) > 3
    (whole,), notes = survey(flows[0], seed=2, limit=100_000)
    assert (whole.rows, whole.cut, notes) == (5_000, False, [])


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    """Nothing to read is invalid input, with what was met."""
    (tmp_path / "a.exe").write_bytes(b"MZ")
    with pytest.raises(Invalid, match="nothing here can be read"):
        folder_flows(tmp_path, seed=0)


def test_messages_are_found_across_the_blocks_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CR alone, CRLF or LF between segments, frames and batch envelopes: the same messages, wherever a block ends."""
    from bedrail.data.sources import hl7

    message = ["MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5", "PID|1||7||DOE^JANE"]
    for block in (7, 64, 1_000):
        monkeypatch.setattr(hl7, "BLOCK", block)
        for end in ("\r", "\n", "\r\n"):
            text = "FHS|^~\\&" + end + end.join(message * 3) + end + "\x0b" + end.join(message) + "\x1c\r" + "FTS|1"
            (tmp_path / "m.hl7").write_bytes(text.encode())
            assert list(hl7.messages_in(tmp_path / "m.hl7", [])) == ["\r".join(message)] * 4
