"""The threat model keeps pace: its page, its modules and tests, the conditions and checks that it speaks of."""

from __future__ import annotations

import importlib
import typing

import pytest

import threats_page
from asvs import proof_holds
from bedrail.governance.posture_checks import CATALOGUE
from bedrail.governance.threats import CONDITIONS, Kind, Threat, threats

MODEL = threats()
BOUNDARIES = {
    "callers", "people", "insiders with a role", "the database", "keys", "witnesses", "the artifact folder",
    "the vendor's endpoint", "backups", "operators", "the supply chain", "patients' privacy", "clinicians", "the clock",
    "the network",
}  # fmt: skip


def test_every_boundary_and_kind_has_threats() -> None:
    """At least forty in all; a boundary, kind or condition without one was forgotten."""
    assert len(MODEL) >= 40
    assert {each.boundary for each in MODEL.values()} == BOUNDARIES
    assert {each.kind for each in MODEL.values()} == set(typing.get_args(Kind))
    assert {each.applies for each in MODEL.values()} == set(CONDITIONS)


@pytest.mark.parametrize("name", MODEL)
def test_each_threat_is_answered_by_what_there_is(name: str) -> None:
    """The module can be imported, each test is there, each posture check too; a gap is a sentence."""
    each: Threat = MODEL[name]
    importlib.import_module(each.module)
    for test in each.tests:
        assert "::" in test
        assert proof_holds(test), test
    assert set(each.rests_on) <= {check.name for check in CATALOGUE} | {"access"}
    assert not each.gap or each.gap.endswith(".")
    assert "|" not in each.threat + each.control + each.gap


def test_the_page_is_made_from_the_model() -> None:
    """Renew it with `python tests/threats_page.py > docs/threats.md`."""
    assert threats_page.PAGE.read_text(encoding="utf-8") == threats_page.page()
