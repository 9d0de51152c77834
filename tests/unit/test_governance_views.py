"""The registry: a fold that any process can repeat, cheap to read, and closed where it does not understand."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from bedrail.core.errors import NotFound
from bedrail.core.events import (
    ConsentChanged,
    DataRead,
    DatasetSplit,
    DecisionAnswered,
    DeploymentHalted,
    DeploymentRolledBack,
    Fact,
    GateJudged,
    HeartBeat,
    HoldoutOpened,
    InstallationOpened,
    PersonAdded,
    SentinelsRecorded,
    TokenIssued,
    TokenRevoked,
)
from bedrail.governance.moments import NEVER, epoch, iso
from bedrail.governance.views import _FOLDS, Registry
from governance_story import (
    CANDIDATE,
    CASE,
    DATA,
    OTHER,
    admitted,
    answered,
    approved,
    dataset,
    day,
    entry,
    moved,
    opened,
    registry_of,
    story,
    watched,
)


def state(registry: Registry) -> str:
    """All that a registry holds, but for the place where to read on, as text for comparison."""
    return repr({name: getattr(registry, name) for name in Registry.__slots__ if name != "seen"})


def test_replaying_changes_nothing() -> None:
    """Entries already seen are passed over; reading on from `seen` is enough."""
    told = story("general")
    once, twice = registry_of(told), Registry()
    entries = [entry(day(at), fact) for at, fact in sorted(told, key=lambda pair: pair[0])]
    for _ in range(2):
        for index, each in enumerate(entries):
            twice.apply(index, each)
    assert state(once) == state(twice)
    assert twice.seen == len(entries)
    assert not twice.apply(0, entry(day(50), DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="late")))
    assert twice.use_cases[CASE].deployment == once.use_cases[CASE].deployment


def test_gaps_in_the_indices_are_fine() -> None:
    """The high-volume facts between may be left out when reading."""
    registry = Registry()
    assert registry.apply(17, entry(day(0), opened()))
    assert registry.apply(400, entry(day(1), dataset()))
    assert registry.seen == 401


def test_high_volume_facts_leave_no_trace() -> None:
    """Decisions and beats move only the place where to read on."""
    registry = registry_of(story())
    before = state(registry)
    answer = DecisionAnswered(
        decision="1", use_case=CASE, candidate=CANDIDATE, stage="pilot", subject="s", site="a", mode="confirm",
        shown=True, record="r", policy="p",
    )  # fmt: skip
    seen = registry.seen
    assert not registry.apply(seen, entry(day(50), answer))
    assert not registry.apply(seen + 1, entry(day(50), HeartBeat(size=1)))
    assert registry.seen == seen + 2
    assert state(registry) == before


def test_every_low_volume_fact_is_folded_or_knowingly_not() -> None:
    """A fact added to the vocabulary must be given its fold here, or be named among those without."""
    from bedrail.core.events import (
        HIGH_VOLUME,
        AnswerNotShown,
        BackupTaken,
        CandidateExported,
        LedgerBegun,
        LedgerKeyAdded,
        LedgerKeysDestroyed,
        LedgerPruned,
        LedgerSealed,
    )
    from bedrail.core.events.custody import EpochDestroyed, KeyRotated, PseudonymKeyMoved
    from bedrail.core.events.data import DatasetBuilt, DatasetRead, DatasetReadRefused, DatasheetMade, HoldoutSpared
    from bedrail.core.events.papers import CardMade, CardSectionsAdopted, ChangeLogMade
    from bedrail.core.events.refused import StrangersRefused

    low = {kind for kind in get_args(Fact) if kind.__struct_config__.tag not in HIGH_VOLUME}
    custody = {EpochDestroyed, KeyRotated, PseudonymKeyMoved}
    shards = {LedgerBegun, LedgerPruned, LedgerSealed}
    known = {AnswerNotShown, BackupTaken, CandidateExported, DataRead, LedgerKeyAdded, LedgerKeysDestroyed}
    datasets = {DatasetBuilt, DatasetRead, DatasetReadRefused, DatasheetMade, HoldoutSpared}
    papers = {CardMade, CardSectionsAdopted, ChangeLogMade}
    assert low - set(_FOLDS) - papers - custody - shards - datasets == known | {StrangersRefused}
    assert set(_FOLDS) <= low


def test_facts_about_an_unknown_use_case_say_nothing() -> None:
    """They neither raise nor create a use case."""
    registry = registry_of([(at, fact) for at, fact in story("general") if type(fact).__name__ != "UseCaseOpened"])
    assert registry.use_cases == {}
    assert registry.snapshot_for(CASE) is None
    with pytest.raises(NotFound, match="bedrail use-case open"):
        registry.use_case(CASE)


def test_the_bedside_reads_the_live_view() -> None:
    """`snapshot_for` copies nothing; a change of deployment replaces one frozen value."""
    registry = registry_of([*story(), (50, moved("pilot", until=60))])
    view = registry.snapshot_for(CASE)
    assert view is registry.use_cases[CASE]
    assert view is not None
    held = view.deployment
    assert held is not None
    assert (held.stage, held.halted, held.until_epoch) == ("pilot", False, day(60).timestamp())
    registry.apply(99, entry(day(51), DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="stop")))
    assert not held.halted
    assert view.deployment is not None
    assert view.deployment.halted
    assert view.deployment.reason == "stop"
    assert len(view.history) == 3


def test_a_roll_back_switches_the_candidate() -> None:
    """The earlier version serves, in its own scope, until its own end."""
    fact = DeploymentRolledBack(
        use_case=CASE, from_candidate=CANDIDATE, to_candidate=OTHER, stage="general", sites=("a", "b"), share=500,
        until=day(70).isoformat(), reason="worse",
    )  # fmt: skip
    deployment = registry_of([*story(), (50, moved("pilot")), (51, fact)]).use_cases[CASE].deployment
    assert deployment is not None
    assert (deployment.candidate, deployment.stage, deployment.share) == (OTHER, "general", 500)
    assert deployment.sites == {"a", "b"}


def test_an_unreadable_end_has_passed() -> None:
    """A deployment whose `until` cannot be read counts as expired."""
    fact = moved("pilot")
    bent = type(fact)(**{f: getattr(fact, f) for f in fact.__struct_fields__ if f != "until"}, until="some day")
    deployment = registry_of([*story(), (50, bent)]).use_cases[CASE].deployment
    assert deployment is not None
    assert deployment.until_epoch == NEVER


def test_halting_what_does_not_serve_changes_nothing() -> None:
    """Without a deployment there is nothing to answer, and nothing to stop."""
    registry = registry_of([(0, opened()), (1, DeploymentHalted(use_case=CASE, candidate="", reason="r"))])
    assert registry.use_cases[CASE].deployment is None


def test_a_revoked_token_is_gone_from_the_table_that_doors_read() -> None:
    """Whoever looks it up finds nothing; it stays known among the revoked."""
    issued = TokenIssued(token="t1", use_case=CASE, sha256="ab", client="ehr", expires=day(10).isoformat())
    registry = registry_of([(0, issued)])
    assert registry.tokens["ab"].expires_epoch == day(10).timestamp()
    registry.apply(5, entry(day(1), TokenRevoked(token="t1", reason="lost")))
    assert registry.tokens == {}
    assert registry.revoked_tokens["t1"].client == "ehr"


def test_opting_out_of_one_or_of_all() -> None:
    """A patient is out of the named use case, or of every one, until opting in again."""
    out = ConsentChanged(subject="s1", use_case=CASE, opted_out=True)
    registry = registry_of([(0, out), (1, ConsentChanged(subject="s2", use_case="*", opted_out=True))])
    assert registry.opted_out_of("s1", CASE, 1e9)
    assert not registry.opted_out_of("s1", "another", 1e9)
    assert registry.opted_out_of("s2", "another", 1e9)
    registry.apply(9, entry(day(2), ConsentChanged(subject="s1", use_case=CASE, opted_out=False)))
    assert not registry.opted_out_of("s1", CASE, 1e9)


def test_people_hold_the_roles_given_last() -> None:
    """A later fact about a person replaces the roles; the first owner holds the house."""
    registry = registry_of(
        [
            (0, InstallationOpened(origin="o", owner="boss", keys=())),
            (1, PersonAdded(person="a", name="A", roles=("clinician", "auditor"))),
            (2, PersonAdded(person="a", name="A", roles=("auditor",))),
        ]
    )
    assert registry.people["boss"].roles == {"owner"}
    assert registry.holders("auditor") == ("a",)
    assert registry.holders("clinician") == ()


def test_the_dataset_carries_its_split_and_who_opened_the_holdout() -> None:
    """They stay with the bytes, also when the same bytes are admitted again, and not with others."""
    told = [
        (0, opened()),
        (1, dataset()),
        (2, DatasetSplit(dataset=DATA, use_case=CASE, split="sp", counts={"train": 5})),
        (3, HoldoutOpened(dataset=DATA, use_case=CASE, candidates=(CANDIDATE,), purpose="p")),
        (4, dataset()),
    ]
    view = registry_of(told).use_cases[CASE].dataset
    assert view is not None
    assert (view.split, view.counts, view.holdout_candidates) == ("sp", {"train": 5}, (CANDIDATE,))
    view = registry_of([*told, (5, dataset("3" * 64))]).use_cases[CASE].dataset
    assert view is not None
    assert (view.dataset, view.split, view.holdout_candidates) == ("3" * 64, "", ())


def test_evidence_since_is_when_the_verdict_last_changed() -> None:
    """The same verdict on the same digests keeps its beginning; another verdict begins anew."""
    told = [(0, opened()), (1, answered("fairness")), (2, answered("fairness")), (3, answered("leakage"))]
    found = registry_of(told).use_cases[CASE].evidence[CANDIDATE, "fairness"]
    assert (found.since_epoch, found.at_epoch) == (day(1).timestamp(), day(2).timestamp())
    for change in (answered("fairness", "missing"), answered("fairness", dataset="2" * 64)):
        found = registry_of([*told, (4, change)]).use_cases[CASE].evidence[CANDIDATE, "fairness"]
        assert found.since_epoch == found.at_epoch == day(4).timestamp()
    again = [*told, (4, opened(charter="7" * 64)), (5, answered("fairness"))]
    assert registry_of(again).use_cases[CASE].evidence[CANDIDATE, "fairness"].since_epoch == day(5).timestamp()


def test_whether_a_role_was_held_is_settled_when_approving() -> None:
    """Roles given or taken later do not change what was approved."""
    told = [
        (0, opened()),
        (1, approved("clinical-lead", "late")),
        (2, PersonAdded(person="late", name="x", roles=("clinical-lead",))),
    ]
    assert [a.held for a in registry_of(told).use_cases[CASE].approvals] == [False]


def test_reports_judgements_and_sentinels_are_kept() -> None:
    """Each in its list, in order."""
    judged = GateJudged(
        use_case=CASE, candidate=CANDIDATE, stage="pilot", open=False, reasons=("x",), policy="p", until=""
    )
    recorded = SentinelsRecorded(use_case=CASE, candidate=CANDIDATE, sentinels="art", count=20)
    view = registry_of([(0, opened()), (1, watched(5)), (2, judged), (3, recorded)]).use_cases[CASE]
    assert [r.decisions for r in view.reports] == [5]
    assert [j.open for j in view.judgements] == [False]
    assert view.sentinels == {CANDIDATE: "art"}


def test_a_candidate_is_found_by_digest_name_or_beginning() -> None:
    """The newest of a name is meant; nothing, or too little, is not found."""
    newer = "a" * 64
    view = registry_of(
        [(0, opened()), (1, admitted()), (2, admitted(digest=newer)), (3, admitted("other", OTHER))]
    ).use_cases[CASE]
    assert view.candidate(CANDIDATE).candidate == CANDIDATE
    assert view.candidate("boosting").candidate == newer
    assert view.candidate("eeeeee").name == "other"
    for unknown in ("", "eee", "nothing"):
        with pytest.raises(NotFound, match="boosting"):
            view.candidate(unknown)


def test_views_hold_plain_values_with_slots() -> None:
    """No view has a dictionary of its own: thousands of them stay small and quick."""
    import bedrail.governance.values as nouns

    views = [kind for kind in vars(nouns).values() if is_dataclass(kind)]
    assert len(views) >= 12
    assert all("__dict__" not in kind.__slots__ and fields(kind) for kind in views)


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T08:00:00Z", "2026-01-05T08:00:00.000000+00:00", "2026-01-05T09:00:00+01:00", "2026-01-05T08:00:00"],
)
def test_moments_compare_however_they_are_written(text: str) -> None:
    """All spellings of one moment give the same seconds."""
    assert epoch(text) == day(0).timestamp()
    assert epoch(iso(day(0))) == epoch(iso(day(0).timestamp())) == epoch(iso(day(0).replace(tzinfo=None)))
    assert iso(day(0)) == "2026-01-05T08:00:00.000000Z"


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01T00:00:00+23:00"])
def test_unreadable_moments_are_long_past(text: str) -> None:
    """They never make anything valid."""
    assert epoch(text) <= NEVER


def test_the_face_of_the_room_is_loaded_when_asked_for() -> None:
    """Every name on the face can be had from the room itself, and no other."""
    import bedrail.governance as room

    assert room.Registry is Registry
    assert all(getattr(room, name) is not None for name in room.__all__)
    assert "bedrail.governance.gate" in sys.modules
    with pytest.raises(AttributeError):
        room.nothing  # noqa: B018
