"""FHIR and HL7 v2: resources and messages a second on one core, beside rules asked one by one of fhirpathpy.

CPU seconds of one process, medians over rounds that take turns. From bytes to bytes, as files are handled; "walk" is
the part between. The records are one Synthea patient of 168 resources and 139 sample messages (tests/data). The peer
only finds what the rules name; it changes and writes nothing. It needs a venv of its own:

    python -m venv /tmp/peers-fhir && /tmp/peers-fhir/bin/pip install fhirpathpy
    OMP_NUM_THREADS=1 python bench/deid_fhir.py --peers /tmp/peers-fhir [--rounds 5]
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy import hl7
from bedrail.privacy.fhir import Configuration, Deidentifier, read_configuration, read_profile
from bedrail.privacy.fhir.reading import read, written
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.wording import Wording

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
PEER = Path(__file__).resolve().parent / "peers" / "fhirpath.py"
KEYED = Keyed(HmacDigest(b"k" * 32))
SAMPLE = DATA / "fhir" / "microsoft_r4_sample.json"


def timed(work: Callable[[], Any], count: int) -> float:
    """So many a CPU second."""
    began = time.process_time()
    work()
    return count / (time.process_time() - began)


def copied(value: Any) -> Any:
    """The floor: a walk that copies and decides nothing."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if type(value) is list else value


def works(lines: list[bytes], again: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """Name -> (what to time, how many records it does)."""
    words = Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")

    def made(rules: Configuration, given: Wording | None = None) -> Deidentifier:
        return Deidentifier(rules, KEYED, this_year=2026, words=given)

    sample = made(read_configuration(SAMPLE.read_text()))
    removed, cleaned = made(read_profile("safe-harbor", text="redact")), made(read_profile("safe-harbor"), words)
    objects = [read(line) for line in lines]
    with zipfile.ZipFile(DATA / "hl7" / "samples.zip") as archive:
        told = "MDHHS-OML-O21-1.hl7"  # an order is glued to its guarantor: refused
        messages = [archive.read(name) for name in archive.namelist() if not name.endswith(told)]
    plain = hl7.Deidentifier(hl7.read_profile("safe-harbor", text="redact"), KEYED, this_year=2026)
    worded = hl7.Deidentifier(hl7.read_profile("safe-harbor"), KEYED, this_year=2026, words=words)

    def through(deidentifier: Deidentifier) -> Callable[[], Any]:
        return lambda: [written(deidentifier.resource(read(line))) for _ in range(again) for line in lines]

    return {
        "193 rules, bytes to bytes": (through(sample), again * len(lines)),
        "193 rules, walk": (
            lambda: [sample.resource(each) for _ in range(again) for each in objects],
            again * len(lines),
        ),
        "a copying walk that decides nothing": (
            lambda: [copied(each) for _ in range(again) for each in objects],
            again * len(lines),
        ),
        "safe-harbor, text removed, bytes to bytes": (through(removed), again * len(lines)),
        "safe-harbor, text cleaned by rules, bytes to bytes": (through(cleaned), again * len(lines)),
        "HL7 v2 messages, text removed": (lambda: [plain.message(each) for each in messages], len(messages)),
        "HL7 v2 messages, text cleaned by rules": (lambda: [worded.message(each) for each in messages], len(messages)),
    }


def main() -> None:
    """Time, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="the venv that has fhirpathpy")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    bundle = json.loads(gzip.decompress((DATA / "fhir" / "synthea_bundle.json.gz").read_bytes()))
    lines = [json.dumps(entry["resource"], separators=(",", ":")).encode() for entry in bundle["entry"]]
    every = works(lines, 4)
    for work, _ in every.values():
        work()  # plans grow and phrases are learnt at the first sight
    figures: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(asked.rounds):
        for name, (work, count) in every.items():
            figures[name].append(timed(work, count))
    found = {name: statistics.median(each) for name, each in figures.items()}
    if asked.peers:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(bundle, file)
            file.flush()
            command = [str(asked.peers / "bin" / "python"), str(PEER), file.name, str(SAMPLE), "3"]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found |= {f"fhirpathpy, finding: {name}": each for name, each in json.loads(ran.stdout).items()}
    for name, each in found.items():
        print(f"{name:60} {each:12,.0f}/s")
    ours = found["193 rules, walk"]
    for name, each in found.items():
        if name.startswith("fhirpathpy"):
            print(f"{name}: ours {ours / each:,.0f} times as fast")


if __name__ == "__main__":
    main()
