"""Make `src/bedrail/privacy/hl7/fields.txt`: the datatype of every field and component of HL7 v2, from hl7apy's tables.

    .venv/bin/python tools/hl7_fields.py > src/bedrail/privacy/hl7/fields.txt

hl7apy (MIT) is a test dependency. Of several versions the first that still has a field says its type: 2.5.1, then
2.8.2 and the rest, so that a field that later versions withdrew keeps the meaning that old senders give it.
"""

import importlib
import re
import sys

VERSIONS = ("v2_5_1", "v2_8_2", "v2_7", "v2_6", "v2_4", "v2_3_1", "v2_3")
HEADER = """# HL7 v2: datatypes of fields (segment) and components (datatype), by versions 2.3 to 2.8.2 of the standard.
# Made by tools/hl7_fields.py from the tables of hl7apy (MIT, CRS4). NAME type type ...; - is a field that has none.
"""


def main() -> None:
    """Print the table."""
    segments: dict[str, dict[int, str]] = {}
    parts: dict[str, dict[int, str]] = {}
    for version in VERSIONS:
        for name, found in importlib.import_module(f"hl7apy.{version}.segments").SEGMENTS.items():
            for field in found[1] if len(found) > 1 else ():
                note(segments, name, field[0], field[1][2] if field[1] else None)
        for key, value in importlib.import_module(f"hl7apy.{version}.datatypes").DATATYPES.items():
            note(parts, key.rsplit("_", 1)[0], key, value[2] if value else None)
    sys.stdout.write(HEADER + "\n[segments]\n" + "".join(lines(segments)) + "\n[types]\n" + "".join(lines(parts)))


def note(table: dict[str, dict[int, str]], name: str, key: str, kind: str | None) -> None:
    """Remember a type, unless an earlier version said one."""
    found = re.fullmatch(r"\w+?_(\d+)", key)
    if found and kind not in (None, "WD", "NUL"):
        table.setdefault(name, {}).setdefault(int(found[1]), kind)


def lines(table: dict[str, dict[int, str]]) -> list[str]:
    """One line for each name."""
    return [
        f"{name} " + " ".join(row.get(n, "-") for n in range(1, max(row) + 1)) + "\n"
        for name, row in sorted(table.items())
    ]


if __name__ == "__main__":
    main()
