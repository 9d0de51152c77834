"""Ten thousand records of each kind with planted identifiers, de-identified: none of the identifiers is left.

    python bench/soak_planted.py [--count 10000] [--seconds 0] [--seed 1] [--only text,table,fhir,hl7,dicom,names]

Notes with five identifiers each, rows of tables, FHIR Bundles of five resources, HL7 v2 messages of seven segments and
more, and DICOM files; every category of Safe Harbor, in narratives, attachments, base64, extensions, contained
resources, private and unknown elements, Z segments, escapes, codes, units, headers and some hundred places more (the
generators are those of tests/property). `names` puts identifiers into the names of files and folders and runs the
commands themselves: outputs, their names, manifests and all that was printed are searched (a tenth as many).
Exit code 1 when anything can still be read.
"""

# ruff: noqa: E402 (the tests' generators stand in folders of their own)

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from soaking import Progress, options, report

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "property")]

import test_deid_fhir_planted as fhir
import test_deid_hl7_planted as hl7
import test_dicom_planted as dicom
import test_release_planted as tables
import test_text_round_trip as notes

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.fhir.reading import written
from bedrail.privacy.release import deidentify_csv
from dicom_planted import planted as dicom_file
from made_up_people import Person, person

ROWS, FILES = 1_000, 40
"""Rows of a table, and files of a folder with telling names."""


def in_table(seed: int) -> list[str]:
    """What is left of a table of a thousand rows: by number, never by value."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.csv", Path(folder) / "out.csv"
        planted = tables.planted_table(source, ROWS, seed)
        done = deidentify_csv(source, out, None, HmacDigest(b"k" * 32), newest=2026, mode="rules")
        left = [f"row {planted.index(value)}" for value in tables.survivors(out, planted)]
        return left + [f"{done.proof.left} by the proof"] * (done.proof.left > 0)


def telling(p: Person, number: int) -> str:
    """A name of a file as wards give it."""
    v = p.values
    digits = "".join(sign for sign in v["phone"] if sign.isdigit())
    return f"{v['family']}_{v['given']}/{v['mrn']} {v['ssn']} {digits} {v['birth']} {v['email']} {number}"


def told_of(p: Person) -> list[str]:
    """What of the names of their files may not come out."""
    digits = "".join(sign for sign in p.values["phone"] if sign.isdigit())
    return [*(p.values[kind] for kind in ("family", "given", "mrn", "ssn", "birth", "email")), digits]


def source_of(kind: str, folder: Path, seed: int) -> tuple[Path, list[str]]:
    """A folder of files, or one file, with telling names; the words that may not come out."""
    words: list[str] = []
    for number in range(FILES if kind in ("fhir", "dicom") else 1):
        p = person(seed + number)
        path = folder / telling(p, number)
        path.parent.mkdir(exist_ok=True, parents=True)
        path = path.with_name(f"{path.name}.{SUFFIXES[kind]}")
        path.write_bytes(CONTENT[kind](p, seed + number))
        words += told_of(p)
    return folder if kind in ("fhir", "dicom") else path, words


SUFFIXES = {"fhir": "ndjson", "dicom": "dcm", "hl7": "hl7", "text": "jsonl", "table": "csv"}
CONTENT: dict[str, Callable[[Person, int], bytes]] = {
    "fhir": lambda p, _: written(fhir.record(p)) + b"\n",
    "dicom": lambda _, seed: dicom_file(seed)[0],
    "hl7": lambda _, seed: hl7.message(seed)[0].encode(),
    "text": lambda p, _: json.dumps({"id": "1", "text": " ".join(p.told.values())}).encode() + b"\n",
    "table": lambda p, _: f"sex,comment\nF,MRN {p.values['mrn']}\n".encode(),
}
MORE = {
    "dicom": ["--pixels", "never"],
    "table": ["--policy", "safe-harbor", "--text", "rules"],
    "text": ["--method", "mask"],
}


def in_names(seed: int) -> list[str]:
    """What the commands let out of the names of what they read: in outputs, names, manifests or on the terminal."""
    found = []
    for kind in SUFFIXES:
        with tempfile.TemporaryDirectory() as scratch:
            source, words = source_of(kind, Path(scratch) / "in", seed)
            made = Path(scratch) / "made"
            made.mkdir()
            out = made / "out"
            command = [sys.executable, "-m", "bedrail", "deid", kind, source, "--out", out, *MORE.get(kind, [])]
            ran = subprocess.run([*command, "--jobs", "1"], capture_output=True, text=True, check=False)
            files = [path for path in made.rglob("*") if path.is_file()]
            told = [ran.stdout, ran.stderr, *(str(path.relative_to(made)) for path in made.rglob("*"))]
            everything = "\n".join([*told, *(path.read_bytes().decode("latin-1") for path in files)]).casefold()
            found += [f"{kind}: of the name of a file" for word in words if word.casefold() in everything]
            found += [f"{kind}: exit {ran.returncode}"] * (ran.returncode != 0 or not out.exists())
    return found


KINDS: dict[str, tuple[int, Callable[[int], list[str]]]] = {
    "text": (1, lambda seed: notes.survivors(seed, "full" if seed % 50 == 0 else "rules")),
    "table": (ROWS, in_table),
    "fhir": (1, fhir.left_in),
    "hl7": (1, hl7.left_in),
    "dicom": (1, dicom.survivors),
    "names": (2 * FILES + 3, in_names),
}
"""Records a call looks at, and what of them is left."""


def main() -> int:
    """Run."""
    asked = options(__doc__, count=10_000, only=",".join(KINDS))
    found, done = [], {}
    for kind in asked.only.split(","):
        each, left_in = KINDS[kind]
        count = asked.count // 10 if kind == "names" else asked.count
        progress = Progress(kind, count, asked.seconds / len(asked.only.split(",")))
        while progress.done < count and not progress.over:
            seed = asked.seed * 1_000_000 + progress.done
            found += [f"{kind} seed {seed}: {what}" for what in left_in(seed)]
            progress.step(each)
        done[kind] = progress.done
    return report("planted", not found and min(done.values()) > 0, **done, left=len(found), found=found[:20])


if __name__ == "__main__":
    raise SystemExit(main())
