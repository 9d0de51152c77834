"""docs/doctor.md keeps pace with the catalogue of posture checks."""

from __future__ import annotations

import re
from pathlib import Path

from bedrail.governance.posture import SEVERITIES
from bedrail.governance.posture_checks import CATALOGUE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


def test_the_page_has_the_catalogue_row_by_row() -> None:
    """Name, severity, question and mend of each check, in order; and no other check."""
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(c.name, c.severity, c.question, c.mend.replace("|", "/")) for c in CATALOGUE]


def test_the_page_says_what_each_severity_means() -> None:
    """In bold, where it is explained."""
    text = PAGE.read_text(encoding="utf-8")
    for severity in SEVERITIES:
        assert f"**{severity}**" in text
