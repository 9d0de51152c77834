"""A trace tells what the ledger says of that moment, and refuses to tell what somebody changed since."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bedrail.cli.trace_page import print_trace
from bedrail.core.errors import Corrupt
from bedrail.core.events import Approved, EvidenceRecorded, PersonAdded, PolicyAdopted
from bedrail.decisions.values import Answer
from bedrail.governance.policy import default_policy_text
from bedrail.journeys.disposal import shred
from bedrail.journeys.tracing import trace_decision
from bedrail.web.server import Standing
from bedside_house import USE_CASE, SmallHouse, small_house, usual


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A deployed candidate with evidence and one approval, under the shipped policy."""
    made = small_house(tmp_path)
    policy = made.app.context.artifacts.put(default_policy_text().encode())
    made.append(
        PolicyAdopted(policy=policy, name="shipped"),
        PersonAdded(person="dr-adams", name="Dr. Adams", roles=("clinical-lead",)),
    )
    made.append(_evidence(made, "pass"), _approval(made, days=30))
    yield made
    made.app.close()


def _evidence(made: SmallHouse, verdict: str) -> EvidenceRecorded:
    return EvidenceRecorded(
        evidence="e" * 64, check="discrimination", verdict=verdict, reason="", use_case=USE_CASE,
        candidate=made.candidate, dataset="", policy=made.app.context.registry.policy,
    )  # fmt: skip


def _approval(made: SmallHouse, days: float) -> Approved:
    ctx = made.app.context
    return Approved(
        approval=ctx.ids.new(), use_case=USE_CASE, candidate=made.candidate, dataset="", policy=ctx.registry.policy,
        stage="general", role="clinical-lead", person="dr-adams",
        expires=(ctx.clock.now() + timedelta(days=days)).isoformat(),
    )  # fmt: skip


def _decide(made: SmallHouse) -> str:
    async def ask() -> str:
        standing = Standing(made.app)
        await standing.bedside.serving.settle()
        reply = await standing.bedside.decide(made.token, USE_CASE, json.dumps(usual()).encode())
        assert isinstance(reply, Answer), reply
        await standing.group.close()
        standing.bedside.close()
        return reply.decision

    return asyncio.run(ask())


def _tamper(made: SmallHouse, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(made.app.home / "ledger.sqlite", isolation_level=None)) as connection:
        assert connection.execute(sql, values).rowcount == 1


def test_evidence_and_approvals_are_those_of_that_moment(house: SmallHouse) -> None:
    """Evidence renewed and approvals given since do not change what a decision rested on."""
    decision = _decide(house)
    house.append(_evidence(house, "fail"), _approval(house, days=60))
    trace = trace_decision(house.app.context, "auditor", decision)
    assert [(each["check"], each["verdict"]) for each in trace.evidence] == [("discrimination", "pass")]
    assert [each["person"] for each in trace.approvals] == ["dr-adams"]
    assert trace.reproduced == "same bytes"
    assert trace.proof.holds


def test_an_approval_that_did_not_count_is_not_told_as_being_in_force(house: SmallHouse) -> None:
    """An approval on evidence that changed before the decision was in force no more."""
    house.append(_evidence(house, "fail"))
    trace = trace_decision(house.app.context, "auditor", _decide(house))
    assert trace.approvals == ()


def test_a_changed_view_is_not_told(house: SmallHouse) -> None:
    """The row must say what its fact says."""
    decision = _decide(house)
    _tamper(house, "UPDATE decisions SET shown = 0 WHERE decision = ?", decision)
    with pytest.raises(Corrupt, match="differs from its fact: shown"):
        trace_decision(house.app.context, "auditor", decision)


def test_a_fact_changed_with_its_view_and_leaf_has_no_proof(house: SmallHouse) -> None:
    """The path leads to the signed root, not to one made from whatever is stored now."""
    decision = _decide(house)
    found = house.app.context.views.find_entry(decision)
    assert found is not None
    entry = found[1].replace(b'"shown":true', b'"shown":false')
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    _tamper(house, "UPDATE decisions SET shown = 0 WHERE decision = ?", decision)
    _tamper(house, "UPDATE tape SET entry = ?, leaf = ? WHERE seq = ?", entry, leaf, found[0])
    assert not trace_decision(house.app.context, "auditor", decision).proof.holds


def test_another_sealed_record_is_not_opened(house: SmallHouse) -> None:
    """Whoever holds the keys could seal another story; the fact names the ciphertext."""
    decision = _decide(house)
    context = house.app.context
    row = context.views.decision(decision)
    assert row is not None
    forged = context.vault.seal(
        record_id=decision, subject=row.subject, kind="decision", purpose="care", plaintext=b"{}"
    )
    _tamper(house, "UPDATE records SET ciphertext = ? WHERE record_id = ?", forged.ciphertext, decision)
    with pytest.raises(Corrupt, match="sealed record"):
        trace_decision(context, "auditor", decision)


def test_the_trace_of_a_forgotten_patients_decision_says_so(
    house: SmallHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the patient, no guess about the outcome, and the proof still holds."""
    house.append(PersonAdded(person="petra", name="Petra", roles=("privacy-officer",)))
    decision, context = _decide(house), house.app.context
    subject = context.pseudonyms.pseudonym(usual()["subject"])
    shred(context, house.app.key_desk(), "petra", subject=subject, reason="erasure asked for")
    print_trace(trace_decision(context, "petra", decision))
    told = capsys.readouterr().out
    assert told.count("destroyed with the patient's key") == 2
    assert "not known, or forgotten" in told
    assert "inclusion proof holds" in told
    assert "calibrated risk" not in told
