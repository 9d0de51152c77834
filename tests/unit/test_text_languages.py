"""Spanish and German: formats that prove themselves, words that announce, and how much is found in people's letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Invalid
from bedrail.privacy.text import load
from bedrail.privacy.text.values import Mode

NOTES = Path(__file__).parents[1] / "data" / "deid_languages"


def covered(language: str, mode: Mode, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """(share of gold spans wholly covered, share of other letters and digits covered)."""
    whole = spans = over = others = 0
    for row in rows:
        text = row["text"]
        mask, gold = bytearray(len(text)), bytearray(len(text))
        for found in load(language, mode).detect(text):
            mask[found.start : found.end] = b"\1" * (found.end - found.start)
        for span in row["spans"]:
            gold[span["start"] : span["end"]] = b"\1" * (span["end"] - span["start"])
            spans += 1
            whole += all(mask[at] for at in range(span["start"], span["end"]) if text[at].isalnum())
        plain = [at for at, char in enumerate(text) if char.isalnum() and not gold[at]]
        others += len(plain)
        over += sum(mask[at] for at in plain)
    return whole / spans, over / others


def rows_of(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (NOTES / file).read_text("utf8").splitlines()]


@pytest.mark.parametrize(("language", "mode", "file", "least"), [
    ("es", "full", "meddocan_dev_25.jsonl", 0.95), ("es", "rules", "meddocan_dev_25.jsonl", 0.82),
    ("de", "full", "grascco_12.jsonl", 0.90), ("de", "rules", "grascco_12.jsonl", 0.90),
])  # fmt: skip
@pytest.mark.slow
def test_most_of_what_people_marked_is_found_and_little_else(
    language: str, mode: Mode, file: str, least: float
) -> None:
    """Whole spans covered, against the marks of the corpora's annotators; at most 3 % of the rest."""
    found, over = covered(language, mode, rows_of(file))
    assert found >= least
    assert over <= 0.03


@pytest.mark.parametrize(("language", "text", "label"), [
    ("es", "DNI del paciente: «12345678Z».", "UNIQUE_ID"), ("es", "Trae el NIE «X1234567L» en la mano.", "UNIQUE_ID"),
    ("es", "NASS: «71 33043712 35».", "HEALTH_PLAN"), ("es", "NºCol: «50 50 98653».", "LICENSE"),
    ("es", "Domicilio: «Calle del Olmo, 12, 3ºB».", "GEO"), ("es", "CP: «28035»", "GEO"),
    ("es", "Fecha de ingreso: «17/06/2016».", "DATE"), ("es", "ingresó el «3 de mayo de 2019» por tos", "DATE"),
    ("es", "Tfno. «+34 913 368 000»", "PHONE"), ("es", "Remitido por: Dra. «Lucía Ferrer Ibáñez».", "NAME"),
    ("es", "una mujer de «94» años de edad", "AGE90"), ("es", "correo: «l.ferrer@example.es»", "EMAIL"),
    ("de", "geb. am «22.01.1974», wohnhaft hier", "DATE"), ("de", "vom «8.3.» bis zum Ende", "DATE"),
    ("de", "Telefon («0461) 708 - 223»", "PHONE"), ("de", "Fallnummer: «23346011»", "UNIQUE_ID"),
    ("de", "wohnhaft «Hauptstraße 8», hier", "GEO"), ("de", "«24937» «Flensburg»", "GEO"),
    ("de", "Bei Frau «Özdemir-Kowalski» besteht Fieber.", "NAME"),
    ("de", "Univ.-Prof. Dr. med. «Aylin Yılmaz»", "NAME"),
    ("de", "die «96»-jährige Patientin", "AGE90"), ("de", "Kfz-Kennzeichen: «HH-AB 1234»", "VEHICLE"),
])  # fmt: skip
def test_an_identifier_in_its_usual_words_is_found_whole(language: str, text: str, label: str) -> None:
    """What stands between « and » is covered by rules alone, under its label."""
    plain, wanted, at = "", [], 0
    for char in text:
        if char == "«":
            wanted.append([at, at])
        elif char == "»":
            wanted[-1][1] = at
        else:
            plain += char
            at += 1
    found = load(language, "rules").detect(plain)
    for start, end in wanted:
        inside = [each for each in found if each.start < end and start < each.end]
        assert label in {each.label for each in inside}
        masked = {at for each in inside for at in range(each.start, each.end)}
        assert all(at in masked for at in range(start, end) if plain[at].isalnum())


@pytest.mark.parametrize(("language", "text"), [
    ("es", "Paciente con dolor abdominal de 3 días, TA 120/80, Hb 12,3 g/dl, ecografía sin hallazgos."),
    ("es", "Tratamiento: paracetamol 1 g cada 8 horas y omeprazol 20 mg. Control en 6 meses."),
    ("de", "Blutdruck 145/85 mmHg, Herzfrequenz 70/min, Kalium 3,51 mmol/l, kein Fieber."),
    ("de", "Morbus Crohn mit Befall des terminalen Ileums, Ramipril 5 mg 1-0-1, Kontrolle in 6 Wochen."),
])  # fmt: skip
def test_a_note_without_identifiers_stays_as_it_is(language: str, text: str) -> None:
    """Readings, doses, durations and eponyms are nobody's."""
    assert load(language).detect(text) == []


def test_a_number_whose_letter_is_wrong_is_no_national_number() -> None:
    """The letter of a DNI is its number modulo 23."""
    assert [each.label for each in load("es", "rules").detect("y 12345678A de vacuna") if each.confidence > 0.94] == []


def test_a_language_without_a_pack_is_refused_with_those_there_are() -> None:
    """en, es and de."""
    with pytest.raises(Invalid) as refused:
        load("fr")
    assert {"en", "es", "de"} <= set(refused.value.remedy.replace(",", "").replace(".", "").split())


@pytest.mark.parametrize(("language", "text"), [
    ("en", "Telehealth visit over VPN/IP «10.12.4.88» today."), ("en", "Portal over WLAN/IP «10.0.0.7», calm."),
    ("es", "Conexión por VPN/IP «10.12.4.88», estable."), ("es", "IP «10.0.0.7»"),
    ("es", "Acceso desde la IP «2001:db8:0:1::5»"), ("es", "Web: «www.hospital-norte.es/pacientes?id=12»"),
    ("es", "e-mail «ana@example.es»"), ("de", "Zugang über VPN/IP «10.12.4.88», stabil."),
    ("de", "IP-Adresse: «2001:db8:0:1::5»"), ("de", "Web: «www.klinik-nord.de/patient?id=12»"),
    ("de", "E-Mail: «anna.meier@klinik.example.de»"), ("en", "The link was down. LAN address «10.1.2.3» works."),
    ("es", "Acceso por la LAN «10.1.2.3», estable."), ("de", "Aus dem LAN 7 Tage nichts, LAN «10.1.2.3»"),
])  # fmt: skip
def test_an_address_goes_in_every_language_and_the_word_that_announces_it_stays(language: str, text: str) -> None:
    """Of devices, pages and mailboxes; before it, VPN and IP are nobody's name and no part of it."""
    start, end = text.index("«"), text.index("»") - 1
    found = load(language, "full").detect(text.replace("«", "").replace("»", ""))
    assert [(each.start, each.end) for each in found] == [(start, end)]


@pytest.mark.parametrize("language", ["en", "es", "de"])
def test_uuids_and_hashes_go_whole_unless_they_are_said_to_be_a_files(language: str) -> None:
    """A code of 32, 40 or 64 hexadecimal digits is somebody's until a word before it says that it is of a file."""
    codes = ("3f5a91c2d4e6f708192a3b4c5d6e7f80", "F7" * 20, "d41d8cd9" * 8, "a23e4567-e89b-12d3-a456-42661417400f")
    for code in codes:
        text = f"Seen. {code}, stable."
        found = load(language, "rules").detect(text)
        assert [text[each.start : each.end] for each in found] == [code]
        assert [each.label for each in found] == ["UNIQUE_ID"]
    if language == "en":
        assert load("en", "full").detect("Reads are those of commit a94a8fe5ccb19ba61c4c0873d391e987982fbbd3.") == []


@pytest.mark.parametrize(
    "ahead", ["MRN checksum: ", "Patient ID checksum ", "Jo's account, sha1 of the checksum ", "He commits "]
)
def test_the_hash_of_somebodys_number_goes_whatever_it_is_called(ahead: str) -> None:
    """A word for people or their numbers within forty signs before a checksum makes it theirs; else it is a file's."""
    code = "098f6bcd4621d373cade4e832627b4f6"
    for mode in ("rules", "full"):
        text = f"{ahead}{code} on file"
        assert code in [text[each.start : each.end] for each in load("en", mode).detect(text)]
    assert load("en", "rules").detect(f"Patient seen. {'Reads and calls were stable. ' * 2}Checksum {code}, all.") == []


@pytest.mark.parametrize(("language", "text"), [
    ("en", "Mrs. «WAN» address on file"), ("en", "Dr. «LAN» address unknown"), ("en", "Mrs. «LAN» port flushed"),
    ("en", "Mr. «WAN» connection"), ("en", "Mrs. «Mei LAN» port accessed"), ("de", "Frau «LAN» port implantiert"),
    ("es", "Visto por el Dr. «LAN» network"), ("en", "Mrs. «Lan» was seen by Dr. «Wan»."),
])  # fmt: skip
def test_lan_and_wan_are_surnames_where_no_dotted_address_follows(language: str, text: str) -> None:
    """Whatever noun or article stands beside: a port is a catheter, and an address may be a home."""
    plain, marks = text.replace("«", "").replace("»", ""), text.split("«")
    wanted = [each.split("»")[0] for each in marks[1:]]
    found = [plain[each.start : each.end] for each in load(language, "rules").detect(plain)]
    assert [each for each in found if "an" in each.lower()] == wanted
