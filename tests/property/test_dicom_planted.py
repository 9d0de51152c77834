"""Identifiers planted in every place of a DICOM file where one can hide: none survives in the bytes of the output."""

from __future__ import annotations

import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.dicom.instance import treat
from bedrail.privacy.dicom.values import Profile
from bedrail.privacy.keyed import Keyed
from dicom_planted import PLACES, planted

KEYED = Keyed(HmacDigest(b"k" * 32))
PROFILES = (
    Profile(pixels="never"),
    Profile(pixels="never", clean_descriptors=True, retain_patient_characteristics=True, retain_safe_private=True),
    Profile(pixels="never", clean_structured_content=True, retain_modified_dates=True),
)


def survivors(seed: int) -> list[str]:
    """The names (not the values) of planted identifiers that the output still holds, however they are cased."""
    data, person = planted(seed)
    profile = PROFILES[seed % len(PROFILES)]
    new = treat(data, KEYED, profile)
    out = new.data.lower() + new.name.encode()
    left = []
    for name, value in vars(person).items():
        for one in value if isinstance(value, list) else [value]:
            if one.lower().encode() in out:
                left.append(f"seed {seed}: {name}")
    return left


def test_the_places_are_really_planted() -> None:
    """The generator hides each identifier in many files, else the other tests would prove nothing."""
    seen: dict[str, int] = {}
    for seed in range(40):
        data, person = planted(seed)
        for name, value in vars(person).items():
            one = value[0] if isinstance(value, list) else value
            seen[name] = seen.get(name, 0) + (one.encode() in data)
    assert len(PLACES) >= 16
    assert min(seen.values()) >= 15, seen


def test_no_planted_identifier_survives_in_60_files() -> None:
    """All encodings, classes and places, three profiles."""
    assert [left for seed in range(60) for left in survivors(seed)] == []


@pytest.mark.slow
def test_no_planted_identifier_survives_in_800_files() -> None:
    """The same, longer; `bench/deid_dicom.py --planted 10000` goes on."""
    assert [left for seed in range(1000, 1800) for left in survivors(seed)] == []
