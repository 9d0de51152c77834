"""Identifiers of every category, planted in every kind of column, in notes and in headers: none comes out."""

from __future__ import annotations

import csv
import random
import re
import string
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.release import deidentify_csv

KEY = HmacDigest(b"of the planted tables, 32 bytes.")


def filled(chance: random.Random, form: str) -> str:
    """`#` is a digit, `%` one above zero, `?` a capital."""
    signs = {"#": string.digits, "%": "123456789", "?": string.ascii_uppercase}
    return "".join(chance.choice(signs.get(sign, sign)) for sign in form)


FORMS: dict[str, tuple[str, ...]] = {
    "GEO": ("%## Larkspur Avenue", "%# N. Quillback St., Apt #", "MA 0%###-####", "4%.######, -7%.######"),
    "DATE": ("0%/1%/19%#", "1%.0%.20##", "20##-0%-1%", "20##0%1%", "March 1%, 20##", "1% Feb 19%#",
             "20##-0%-1%T0%:1%:2%"),
    "PHONE": ("(617) %##-####", "212-%##-####", "415.%##.####", "+1 404 %## ####", "%23-####"),
    "FAX": ("fax 312-%##-####", "Fax: (919) %##-####"),
    "EMAIL": ("zq##.quill@example.org", "o'malley%#@mail.example.net"),
    "SSN": ("%##-##-####", "%## ## ####", "SSN %########"),
    "MRN": ("MRN %######", "mrn: ##-##-##", "%#######", "MR########"),
    "HEALTH_PLAN": ("1EG%-TE5-MK7%", "???%########", "W%#######", "member id %####??##"),
    "ACCOUNT": ("ACCT-######", "%### #### #### ####", "DE%# #### #### #### #### ##", "V#########"),
    "LICENSE": ("MD-######", "D#######", "?####-#####-#####", "DEA BM%######"),
    "VEHICLE": ("1HGCM%2633A00####", "plate ABC-%###", "%???###"),
    "DEVICE": ("SN K######", "00:1B:44:11:3A:%#", "S/N PJN######", "(01)0%############(21)A%####"),
    "URL": ("https://portal.zqhealth.example/pt/######", "www.zqclinic.example.com/~u%##"),
    "IP": ("10.%#.1%.2%", "2001:0db8:85a3:0000:0000:8a2e:0370:7%##"),
    "BIOMETRIC": ("FP-########", "IRIS-??##-####", "fingerprint hash 9f%#ac##"),
    "PHOTO": ("IMG_####.jpg", "zq_face_%#.png"),
    "UNIQUE_ID": ("%23e4567-e89b-12d3-a456-4266141740%#", "ENC%######", "CSN %#######", "S##-%####"),
    "AGE90": ("9%-year-old", "9% years old", "aged 10%"),
}  # fmt: skip

NOTES = (
    "Seen today, stable. {} Follow-up as needed.",
    "Patient reports improvement ({}); continue metformin.",
    "{}",
    "Reached by family: {}, no new complaints, blood pressure 120/80.",
    'see {}\nsecond line; "quoted", and more',
)
HEADER = (
    "patient_id", "sex", "age", "zip", "admit_date", "glucose", "diagnosis", "ward_colour", "comment", "x1", "state",
    "smoker", "misc notes", "last_seen_year",
)  # fmt: skip
PLACES = tuple(range(1, len(HEADER)))


def planted_table(path: Path, records: int, seed: int) -> list[str]:
    """A table with one identifier planted in each record, in a column of any kind; what was planted."""
    chance = random.Random(seed)
    planted: list[str] = []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(records):
            row = [
                filled(chance, "%#####"), chance.choice("MF"), str(chance.randint(0, 89)), filled(chance, "0%###"),
                f"20{chance.randint(10, 24)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}",
                f"{chance.uniform(60, 300):.1f}", chance.choice(("E11.9", "I10", "J45.909")),
                chance.choice(("red", "green", "blue")), "Stable.", str(chance.randint(0, 40)),
                chance.choice(("MA", "NY", "CA")), chance.choice(("yes", "no")), "No complaints, continue as before.",
                str(chance.randint(2005, 2024)),
            ]  # fmt: skip
            label = list(FORMS)[number % len(FORMS)]
            value = filled(chance, chance.choice(FORMS[label]))
            place = chance.choice(PLACES)
            note = HEADER[place] in ("comment", "misc notes") or chance.random() < 0.3
            row[place] = packed(chance.choice(NOTES).format(value), chance) if note else value
            planted.append(value)
            writer.writerow(row)
    return planted


def packed(note: str, chance: random.Random) -> str:
    """One note in thirty as an attachment would stand in a cell."""
    return b64encode(note.encode()).decode() if chance.random() < 1 / 30 else note


def survivors(path: Path, planted: list[str]) -> list[str]:
    """What of the planted is in the output, or in its papers."""
    text = path.read_text(encoding="utf-8")
    for run in re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text):
        with suppress(ValueError):
            text += "\n" + b64decode(run).decode("utf-8", "replace")
    return [value for value in planted if value in text]


@pytest.mark.parametrize("seed", range(3))
def test_no_planted_identifier_survives(tmp_path: Path, seed: int) -> None:
    """Of 300 records with an identifier in any column, none is in the output; and the proof agrees."""
    planted = planted_table(tmp_path / "in.csv", 300, seed)
    done = deidentify_csv(tmp_path / "in.csv", tmp_path / "out.csv", None, KEY, newest=2026, mode="rules")
    assert survivors(tmp_path / "out.csv", planted) == []
    assert done.proof.left == 0
    assert done.proof.rows_out == 300
    kept = {column.column: column.cells - column.changed for column in done.proof.columns}
    for name in ("sex", "glucose", "diagnosis", "comment", "state", "smoker", "misc notes"):
        assert kept[name] > 220, f"{name}: cells without an identifier stand as they were"


@pytest.mark.slow
def test_no_planted_identifier_survives_of_ten_thousand(tmp_path: Path) -> None:
    """The same of 10,000 records."""
    planted = planted_table(tmp_path / "in.csv", 10_000, 99)
    done = deidentify_csv(tmp_path / "in.csv", tmp_path / "out.csv", None, KEY, newest=2026, mode="rules")
    assert survivors(tmp_path / "out.csv", planted) == []
    assert done.proof.left == 0


@pytest.mark.parametrize("label", sorted(FORMS))
def test_no_identifier_in_a_header_survives(tmp_path: Path, label: str) -> None:
    """A column whose name holds an identifier goes out under a number, or not at all."""
    chance = random.Random(label)
    names = [f"glucose {filled(chance, form)}" for form in FORMS[label]]
    path = tmp_path / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sex", *names], *[["F", *(str(70 + n % 9) for _ in names)] for n in range(30)]])
    done = deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026, mode=None)
    header = (tmp_path / "out.csv").read_text().splitlines()[0]
    told = str(done.proof) + str(done.run.manifest)
    for name in names:
        assert name not in header
        assert name.removeprefix("glucose ") not in told


@pytest.mark.parametrize("label", sorted(FORMS))
def test_a_column_of_one_kind_is_recognised_whatever_its_name(tmp_path: Path, label: str) -> None:
    """Forty values of one category under a name that says nothing: none is in the output."""
    chance = random.Random(label)
    values = [filled(chance, FORMS[label][number % len(FORMS[label])]) for number in range(40)]
    path = tmp_path / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sex", "q7"], *[["FM"[n % 2], value] for n, value in enumerate(values)]])
    deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026, mode="rules")
    assert survivors(tmp_path / "out.csv", values) == []


def test_a_name_that_stands_alone_in_a_column_of_words_is_masked(tmp_path: Path) -> None:
    """In columns that nothing names: strangers among common words go, and columns of people go whole."""
    rows = [["colour", "who_knows", "hospdead"]]
    people = ("Maria Gonzalez", "John Smith", "Ann Walker", "Peter Johnson", "Linda Davis", "Robert Brown")
    rows += [["red" if number % 2 else "blue", people[number % 6], str(number % 2)] for number in range(60)]
    rows[20][0] = "Maria Gonzalez"
    path = tmp_path / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    deidentify_csv(path, tmp_path / "out.csv", None, KEY, newest=2026)
    text = (tmp_path / "out.csv").read_text()
    assert text.startswith("colour,hospdead\n")
    assert "Gonzalez" not in text
    assert text.count("red") + text.count("blue") == 59
