"""The tables of PS3.15 as shipped: complete, of a known edition, and read as the standard says."""

from __future__ import annotations

from collections import Counter

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from bedrail.core.errors import Invalid
from bedrail.privacy.dicom.table import annex_e, content_items, edition, resolved, rules_of, safe_private
from bedrail.privacy.dicom.values import Profile

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
NEWER_THAN_PYDICOM = 25
"""Attributes of the 2025 and 2026 editions that the dictionary of pydicom 3.0.2 does not know yet."""


def test_the_table_is_the_whole_table_of_its_edition() -> None:
    """656 rows of 2026c; by action as another reading of the edition counts them (dicom-anonymizer 2.1.0)."""
    assert "PS3.15 2026c" in edition()
    counts = Counter(row.basic for row in annex_e())
    private = {"X": 1}  # the row of private attributes, which the other reading leaves out
    other = {"D": 93, "Z": 42, "X": 415, "U": 55, "Z/D": 6, "X/Z": 11, "X/D": 23, "X/Z/D": 8, "X/Z/U*": 2}
    assert counts == Counter(other) + Counter(private)
    assert len(annex_e()) == 656
    assert len({row.tag for row in annex_e()}) == 656
    assert len(content_items()) == 214
    assert len(safe_private()) == 479


def test_rows_are_attributes_that_the_dictionary_knows_and_actions_that_fit_them() -> None:
    """U stands at UIDs, date columns come in pairs: a shifted column would be seen here."""
    rows = {int(row.tag, 16): row for row in annex_e() if "x" not in row.tag and row.tag != "private"}
    known = {tag: row for tag, row in rows.items() if dictionary_has_tag(tag)}
    assert len(rows) - len(known) <= NEWER_THAN_PYDICOM
    for tag, row in known.items():
        vr = dictionary_VR(tag)
        if row.basic == "U":
            assert vr == "UI", row.name
        letters = dict(zip(row.options[::2], row.options[1::2], strict=True))
        assert set(letters) <= set("VUDIPFMTSG")
        assert set(letters.values()) <= set("KC"), row.name
        if "M" in letters:
            assert letters["F"] == "K", row.name


@pytest.mark.parametrize(
    ("tag", "option", "plain", "chosen"),
    [
        (0x00100010, "retain_patient_characteristics", "Z", "Z"),
        (0x00101010, "retain_patient_characteristics", "X", "K"),
        (0x00080020, "retain_full_dates", "Z", "K"),
        (0x00080020, "retain_modified_dates", "Z", "C"),
        (0x00100030, "retain_full_dates", "Z", "Z"),
        (0x00081030, "clean_descriptors", "X", "C"),
        (0x00080018, "retain_uids", "U", "K"),
        (0x00081010, "retain_device_id", "X", "K"),
        (0x00080080, "retain_institution_id", "X", "K"),
        (0x0040A730, "clean_structured_content", "D", "C"),
        (0x00700001, "clean_graphics", "D", "C"),
    ],
)
def test_an_option_changes_what_its_column_says_and_no_more(tag: int, option: str, plain: str, chosen: str) -> None:
    """Birth dates stay removed whatever is retained; the others follow their column."""
    assert rules_of(Profile()).inside(CT, 0)[tag] == plain
    assert rules_of(Profile(**{option: True})).inside(CT, 0)[tag] == chosen


def test_combined_actions_follow_the_type_of_the_attribute_in_its_iod() -> None:
    """X/Z/D: Type 3 goes, Type 2 is emptied, Type 1 gets a dummy; where nothing is known, it goes."""
    assert [resolved("X/Z/D", kind) for kind in ("", "2", "1")] == ["X", "Z", "D"]
    assert [resolved("Z/D", kind) for kind in ("", "2", "1")] == ["Z", "Z", "D"]
    assert [resolved("X/D", kind) for kind in ("", "2", "1")] == ["X", "D", "D"]
    assert [resolved("X/Z/U*", kind) for kind in ("", "2", "1")] == ["X", "Z", "U"]
    rules = rules_of(Profile())
    assert rules.inside(CT, 0)[0x00181000] == "X"  # Device Serial Number: Type 3 in CT
    assert rules.inside(ENHANCED_CT, 0)[0x00181000] == "D"  # Type 1 in Enhanced General Equipment
    assert rules.inside("1.2.3", 0)[0x00181000] == "X"


def test_dates_cannot_be_retained_both_ways() -> None:
    """The two date options exclude each other."""
    with pytest.raises(Invalid, match="full and modified"):
        Profile(retain_full_dates=True, retain_modified_dates=True)


def test_the_profile_digest_changes_with_every_option() -> None:
    """A manifest cannot be passed off as one of another profile."""
    options = [name for name in Profile.__struct_fields__ if name.startswith(("retain", "clean"))]
    digests = {Profile(**{name: True}).digest(b"") for name in options} | {Profile().digest(b"")}
    digests |= {Profile(pixels="never").digest(b""), Profile().digest(b"other tables")}
    assert len(digests) == len(options) + 3
