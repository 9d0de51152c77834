"""Whatever bytes come from outside, every parser gives a value or a declared error (see `bench/soak_fuzz.py`)."""

from __future__ import annotations

import pytest

import fuzz_targets


@pytest.mark.parametrize("name", fuzz_targets.TARGETS)
def test_a_parser_raises_nothing_but_its_declared_errors(name: str) -> None:
    """Every seed (inputs that were faults are among them), and mutations of these."""
    for data in fuzz_targets.seeds(name):
        fuzz_targets.survives(name, data)
    for data in fuzz_targets.mutations(name, 60 if name in ("csv", "fhir", "dicom") else 250):
        fuzz_targets.survives(name, data)


@pytest.mark.parametrize(
    "name", sorted(set(fuzz_targets.TARGETS) - {"keys", "jwks", "id_token", "model_signature", "papers"})
)
def test_the_first_seed_is_read(name: str) -> None:
    """The seeds lead into the parser, not only to its first refusal."""
    fuzz_targets.TARGETS[name](fuzz_targets.seeds(name)[0])
