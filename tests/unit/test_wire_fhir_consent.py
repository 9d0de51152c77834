"""FHIR R4 Consent: what goes out validates and comes back the same; what comes in errs on the side of refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.data.consent import DECISIONS, FOREVER, PURPOSES, Choice
from bedrail.wire.fhir_consent import ACT_CODE, ACTION, REASON, SCOPE, consent_of, consents_ndjson, read_consents

choices = st.builds(
    Choice,
    subject=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    purpose=st.sampled_from(PURPOSES),
    use_case=st.sampled_from(["*", "readmission-30d"]),
    decision=st.sampled_from(DECISIONS),
    at=st.just("2026-11-22T05:00:00.000001+00:00"),
    by=st.just("priya"),
    basis=st.just("form"),
    starts=st.sampled_from([0.0, 1_700_000_000.0]),
    ends=st.sampled_from([FOREVER, 1_900_000_000.0]),
)


@given(choices)
@pytest.mark.slow
def test_every_choice_is_a_valid_r4_consent_and_comes_back_the_same(choice: Choice) -> None:
    """Purpose, decision, use case, person and (but for what was revoked) period survive the round trip."""
    from fhir.resources.R4B.consent import Consent

    resource = consent_of(choice)
    Consent.model_validate(resource)
    assert resource["policyRule"]["coding"]  # ppc-1: a policy or a policy rule
    (wanted,), left = read_consents(consents_ndjson([choice]))
    assert left == []
    assert (wanted.subject, wanted.patient) == (choice.subject, "")
    assert (wanted.purpose, wanted.decision, wanted.use_case) == (choice.purpose, choice.decision, choice.use_case)
    if choice.decision != "revoked":
        assert bool(wanted.starts) == (choice.starts > 0)
        assert bool(wanted.ends) == (choice.ends < FOREVER)


def consent(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    from fhir.resources.R4B.consent import Consent

    resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/p-77"},
        "policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN"}]},
        **({"provision": provision} if provision is not None else {}),
        **more,
    }
    Consent.model_validate(resource)
    return resource


def read(resource: Any) -> tuple[dict[str, str], int]:
    found = read_consents(json.dumps(resource).encode())
    assert all(w.patient == "p-77" for w in found.wanted)
    return {w.purpose: w.decision for w in found.wanted}, len(found.left)


def purpose(*codes: str) -> list[dict[str, str]]:
    return [{"system": REASON, "code": code} for code in codes]


def test_a_permission_counts_for_the_purposes_that_it_names_only() -> None:
    """Named codes and their children; a blanket permission permits nothing and is reported."""
    assert read(consent({"type": "permit", "purpose": purpose("TREAT", "CLINTRCH")})) == (
        {"care": "permitted", "research": "permitted"}, 0,
    )  # fmt: skip
    assert read(consent({"type": "permit"})) == ({}, 1)
    assert read(consent({"type": "permit", "purpose": purpose("HMARKT")})) == ({}, 2)
    research = {"coding": [{"system": SCOPE, "code": "research"}]}
    assert read(consent({"type": "permit"}, scope=research)) == ({"research": "permitted"}, 0)


def test_a_refusal_counts_as_widely_as_it_can_be_read() -> None:
    """One that names nothing refuses everything; one under conditions refuses without them."""
    rule = {"coding": [{"system": ACT_CODE, "code": "OPTOUT"}]}
    assert read(consent(policyRule=rule)) == (dict.fromkeys(PURPOSES, "denied"), 0)
    only = {"type": "deny", "purpose": purpose("HRESCH"), "class": [{"system": "urn:x", "code": "genomic"}]}
    assert read(consent(only)) == ({"research": "denied"}, 0)
    disclose = [{"coding": [{"system": ACTION, "code": "disclose"}]}]
    assert read(consent({"type": "deny", "action": disclose})) == ({"sharing": "denied"}, 0)


def test_conditions_that_cannot_be_kept_permit_nothing() -> None:
    """A permission for one recipient, one kind of data or mere collection is no permission for all."""
    named = purpose("HRESCH")
    for condition in (
        {"dataPeriod": {"start": "2020"}},
        {"securityLabel": [{"code": "R"}]},
        {"actor": [{"role": {"text": "x"}, "reference": {"reference": "Organization/1"}}]},
        {"action": [{"coding": [{"system": ACTION, "code": "collect"}]}]},
    ):
        assert read(consent({"type": "permit", "purpose": named, **condition})) == ({}, 1)


def test_exceptions_decide_in_place_of_their_rule() -> None:
    """Permit but not for research; refuse all but care."""
    inner = {"type": "deny", "purpose": purpose("HRESCH")}
    assert read(consent({"type": "permit", "purpose": purpose("TREAT", "HRESCH"), "provision": [inner]})) == (
        {"care": "permitted", "research": "denied"}, 0,
    )  # fmt: skip
    but_care = {"type": "permit", "purpose": purpose("TREAT")}
    said, left = read(consent({"type": "deny", "provision": [but_care]}))
    assert (said, left) == (dict.fromkeys(PURPOSES, "denied") | {"care": "permitted"}, 0)


def test_status_decides_what_a_consent_means() -> None:
    """Inactive is revoked, rejected is denied, a draft is nothing; a refusal taken back is not a permission."""
    permit = {"type": "permit", "purpose": purpose("HRESCH")}
    assert read(consent(permit, status="inactive")) == ({"research": "revoked"}, 0)
    assert read(consent(permit, status="rejected")) == ({"research": "denied"}, 0)
    assert read(consent(permit, status="draft")) == ({}, 1)
    assert read(consent({"type": "deny", "purpose": purpose("HRESCH")}, status="inactive")) == ({}, 1)


def test_partial_dates_begin_at_their_start_and_end_at_their_end() -> None:
    """FHIR periods include their end; a permission whose time cannot be read is not taken over, a refusal is."""
    period = {"start": "2026", "end": "2027-02"}
    (one,), _ = read_consents(
        json.dumps(consent({"type": "permit", "purpose": purpose("TREAT"), "period": period})).encode()
    )
    assert (one.starts, one.ends) == ("2026-01-01", "2027-03-01")
    strange = consent({"type": "permit", "purpose": purpose("TREAT")})
    strange["provision"]["period"] = {"end": "soon"}
    assert read(strange) == ({}, 1)
    strange["provision"]["type"] = "deny"
    assert read(strange) == ({"care": "denied"}, 1)


def test_bundles_lists_and_lines_are_read_and_what_is_no_consent_is_reported() -> None:
    """The same two resources in three wrappings."""
    one = consent({"type": "permit", "purpose": purpose("TREAT")})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one}, {"resource": {}}]}
    lines = json.dumps(one) + "\n\n" + json.dumps({}) + "\n"
    for data in (json.dumps(bundle), json.dumps([one, {}]), lines):
        found = read_consents(data.encode())
        assert (len(found.wanted), len(found.left)) == (1, 1)
    with pytest.raises(Invalid):
        read_consents(b'{"resourceType": "Consent"}\n{"broken\n')


NAMES = st.sampled_from(["provision", "purpose", "type", "period", "actor", "action", "coding", "identifier"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JUNK)
def test_nothing_in_a_consent_breaks_the_reader(junk: Any) -> None:
    """Whatever stands where FHIR has something else, the reader answers; never with a permission from junk alone."""
    resource = {"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"}, "provision": junk}
    found = read_consents(json.dumps(resource).encode())
    assert all(w.decision != "permitted" for w in found.wanted)
