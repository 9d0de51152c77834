"""How good the catalogue's proposals are: precision and recall of each level over columns that a person labelled.

    BEDRAIL_DATA=/path/to/data python bench/catalogue.py

`BEDRAIL_DATA` (or `--data`) holds `clinical/` with the openly licensed sets named in bench/catalogue_gold.toml, Synthea
FHIR bundles and HL7 v2 messages. For FHIR and HL7 v2 nobody labelled paths: there, every field in which a patient's own
name, number, telephone, street or birth date was found must be proposed as at least that.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bedrail.data.catalogue import LEVELS, Sheet
from bedrail.data.sampling import survey
from bedrail.data.sensitivity.proposing import propose
from bedrail.data.sources import fhir, hl7
from bedrail.data.sources.folder import folder_flows

GOLD = Path(__file__).with_name("catalogue_gold.toml")
NAMES = {"direct": "direct-identifier", "quasi": "quasi-identifier", "ordinary": "ordinary"}


def sheets(place: Path, find: Callable[[str], list[str]] | None, seed: int = 0) -> Iterator[Sheet]:
    """What a scan would propose."""
    flows, _ = folder_flows(place, seed=seed)
    for flow in flows:
        seen, notes = survey(flow, seed=seed)
        for each in seen:
            yield propose(each, complete=not each.cut, notes=notes, fingerprint="", find=find)


def gold_level(said: dict, asset: str, field: str) -> str:
    """What the person said of this column."""
    if asset in said["public"]:
        return "public"
    return next((level for key, level in NAMES.items() if field in said[key]), "sensitive-health")


def columns(data: Path, find, *, apart: bool) -> Counter:
    """(gold, proposed) counts over the sets of one half."""
    counts: Counter = Counter()
    for name, said in tomllib.loads(GOLD.read_text()).items():
        if said.get("apart", False) != apart:
            continue
        for sheet in sheets(data / name, find):
            for field in sheet.fields:
                gold, proposed = gold_level(said, Path(sheet.name).name, field.name), field.proposal.level
                if field.type != "empty":
                    counts[gold, proposed] += 1
                    if gold != proposed:
                        print(f"    {name} {sheet.name} {field.name}: {gold}, proposed {proposed}")
    return counts


def table(counts: Counter, title: str) -> None:
    """Precision and recall of each level, and how often a proposal is milder than it should be."""
    total = sum(counts.values())
    right = sum(count for (gold, said), count in counts.items() if gold == said)
    milder = sum(n for (gold, said), n in counts.items() if LEVELS.index(said) > LEVELS.index(gold))
    print(f"{title}: {total} columns, {right / total:.3f} right, {milder / total:.3f} milder than the person said")
    for level in LEVELS:
        hit = counts[level, level]
        said = sum(count for (_, each), count in counts.items() if each == level)
        there = sum(count for (each, _), count in counts.items() if each == level)
        precision, recall = hit / max(said, 1), hit / max(there, 1)
        print(f"  {level:18} precision {precision:.3f} of {said:4}   recall {recall:.3f} of {there:4}")


def words(value: str) -> str:
    return re.sub(r"\W+", " ", value).strip().lower()


def planted(place: Path, find, secrets: set[str], dates: set[str], read) -> None:
    """Fields that hold a patient's own identifiers, and whether the proposal says so."""
    holding: dict[tuple[str, str], str] = {}
    for asset, path, value in read():
        text = words(str(value))
        if asset in ("Organization", "Practitioner", "Location"):
            continue  # their ZIP codes are their patients', too
        if text in secrets:
            holding[asset, path] = "direct-identifier"
        elif text in dates:
            holding.setdefault((asset, path), "quasi-identifier")
    proposed = {(s.name, f.name): f.proposal.level for s in sheets(place, find) for f in s.fields}
    for level in ("direct-identifier", "quasi-identifier"):
        there = [key for key, said in holding.items() if said == level]
        hit = [key for key in there if LEVELS.index(proposed.get(key, "public")) <= LEVELS.index(level)]
        print(f"  {level:18} recall {len(hit) / max(len(there), 1):.3f} of {len(there)} fields that hold one")
        for key in sorted(set(there) - set(hit)):
            print(f"    missed: {key[0]} {key[1]} ({proposed.get(key)})")


def synthea(place: Path, find) -> None:
    """Names, numbers, telephones and streets from each Patient; birth dates, cities and ZIP codes."""

    def resources():
        for path in sorted(place.glob("*.json.gz")):
            yield from fhir.file_resources(path, [])

    secrets, dates, cities = set(), set(), set()
    for each in resources():
        if each["resourceType"] == "Patient":
            for name in each["name"]:
                secrets |= {words(" ".join(name.get("given", ()))), words(name["family"])}
            secrets |= {words(one["value"]) for one in (*each.get("telecom", ()), *each.get("identifier", ()))}
            secrets |= {words(line) for one in each["address"] for line in one.get("line", ())}
            cities |= {words(one.get("city", "")) for one in each["address"]}
            dates |= {words(each["birthDate"]), *(words(one.get("postalCode", "")) for one in each["address"])}
    secrets = {each for each in secrets - cities if len(each) > 4}
    dates = {each for each in dates if len(each) > 4}
    planted(
        place,
        find,
        secrets,
        dates,
        lambda: ((r["resourceType"], path, value) for r in resources() for path, value in fhir.elements(r)),
    )


def hl7_messages(place: Path, find) -> None:
    """PID-3, 5, 9, 11.1, 13, 18, 19 and 20 of each message, and PID-7."""

    def fields():
        for path in sorted(place.glob("*.hl7")):
            for message in hl7.messages_in(path, []):
                kind, found = hl7.fields_of(message)
                yield kind, found

    mine = re.compile(r"PID-(3|4|18|19|20)\.1$|PID-(5|9)\.[12]$|PID-11\.1$|PID-13\.1$")
    secrets = {words(value) for _, found in fields() for path, value in found if mine.match(path)}
    dates = {words(value) for _, found in fields() for path, value in found if path == "PID-7.1"}
    secrets = {each for each in secrets if len(each) > 5}
    planted(
        place,
        find,
        secrets,
        {each for each in dates if len(each) > 7},
        lambda: ((kind, path, value) for kind, found in fields() for path, value in found),
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=os.environ.get("BEDRAIL_DATA"))
    asked.add_argument("--names-only", action="store_true", help="without the text engine")
    given = asked.parse_args()
    if given.data is None:
        raise SystemExit("name the folder: --data or BEDRAIL_DATA")
    data = Path(given.data) / "clinical"
    find = None
    if not given.names_only:
        from bedrail.journeys.cataloguing import text_finder

        find = text_finder()
    start = time.process_time()
    table(columns(data, find, apart=False), "Sets that the rules were made on")
    table(columns(data, find, apart=True), "Sets that were kept apart")
    print("Synthea FHIR R4, 150 patients")
    synthea(data / "fhir_synthea_r4", find)
    print("HL7 v2, 139 messages")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(data / "hl7v2_samples.zip") as packed:
        packed.extractall(folder)
        hl7_messages(Path(folder), find)
    print(f"{time.process_time() - start:.0f} CPU-s in all")


if __name__ == "__main__":
    main()
