"""After any single tampering the gate is closed, or nothing that was tampered with is used: there is no other door."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.app import App
from bedrail.core.errors import BedrailError, Corrupt, Refused
from bedrail.core.events import AlarmRaised, Approved, EvidenceRecorded
from bedrail.core.ports import Head
from bedrail.governance.gate import Closed, Open, judge
from bedrail.journeys import admission, delivery, upkeep
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.examination import read_evidence
from bedrail.ledger.merkle import leaf_hash
from bedrail.web.server import Standing
from small_home import (
    CASE,
    EXAMPLE,
    POLICY,
    Later,
    approve_both,
    climb,
    copied,
    issue,
    opened,
    played,
    request_of,
    serving,
    told,
)


@dataclass
class Case:
    """One copy of the home, opened, with the candidate whose gate to general use is open."""

    app: App
    folder: Path
    table: Path
    candidate: str

    def closed(self) -> set[str]:
        """The reasons' codes; empty when the gate is open."""
        gate, _ = delivery.judge_gate(self.app.context, CASE, "general", "baseline")
        return {reason.code for reason in gate.reasons} if isinstance(gate, Closed) else set()

    def append(self, *facts: Approved | EvidenceRecorded | AlarmRaised) -> None:
        """Facts by somebody who writes to the ledger past the journeys."""
        self.app.context.append(SYSTEM, "governance", *facts)

    def evidence(self, **changes: str) -> EvidenceRecorded:
        """The newest evidence on discrimination, with changes."""
        known = self.app.context.use_case(CASE).evidence[self.candidate, "discrimination"]
        made = {
            "evidence": known.evidence, "check": known.check, "verdict": known.verdict, "reason": known.reason,
            "use_case": CASE, "candidate": known.candidate, "dataset": known.dataset, "policy": known.policy,
        }  # fmt: skip
        return EvidenceRecorded(**(made | changes))


@pytest.fixture
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A fresh copy."""
    home = copied(tmp_path_factory, "door")
    with opened(home) as app:
        candidate = app.context.use_case(CASE).candidate("baseline").candidate
        return Case(app, home, played(tmp_path_factory) / "table.parquet", candidate)


def _new_data(case: Case) -> None:
    table = pd.read_parquet(case.table)
    table = table.assign(patient=table["patient"] + 10**9, encounter=table["encounter"] + 10**9)
    admission.admit_data(case.app.context, "sam", CASE, table, source="another")


def _new_policy(case: Case) -> None:
    upkeep.adopt_policy(case.app.context, "olivia", POLICY.replace("min_auroc = 0.5", "min_auroc = 0.51"))


def _new_charter(case: Case) -> None:
    text = (EXAMPLE / "usecase.toml").read_text().replace("threshold = 0.15", "threshold = 0.2")
    delivery.open_use_case(case.app.context, "olivia", text)


def _objection(case: Case) -> None:
    words = {"role": "privacy-officer", "stage": "pilot", "reason": "the assessment is out of date"}
    delivery.object_to(case.app.context, "priya", CASE, candidate="baseline", **words)


def _alarm(case: Case) -> None:
    case.append(
        AlarmRaised(
            alarm="a",
            use_case=CASE,
            candidate=case.candidate,
            monitor="calibration",
            action_taken="retreat",
            causes=(),
            groups=(),
            detail="",
            report="",
        )
    )


def _swapped_model(case: Case) -> None:
    model = case.folder / "artifacts" / "trees" / case.candidate / "files"
    file = next(model.glob("model*"))
    file.chmod(0o600)
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(Corrupt):
        delivery.load_candidate(case.app.context, case.candidate)


BY_FACTS: tuple[tuple[str, Callable[[Case], None], str], ...] = (
    ("new data is admitted", _new_data, "evidence-"),
    ("another policy is adopted", _new_policy, "approval-other-policy"),
    ("the charter changes", _new_charter, "charter"),
    ("somebody objects", _objection, "objection-stands"),
    ("an alarm is acted on", _alarm, "alarm-open"),
    ("model bytes are swapped and were noticed", _swapped_model, "artifact-refused"),
    ("a check fails", lambda c: c.append(c.evidence(verdict="fail", reason="worse")), "evidence-failed"),
    ("a check cannot be told any more", lambda c: c.append(c.evidence(verdict="missing")), "evidence-untold"),
    ("evidence is about other data", lambda c: c.append(c.evidence(dataset="0" * 64)), "evidence-"),
    ("evidence is under another policy", lambda c: c.append(c.evidence(policy="0" * 64)), "evidence-"),
)


@pytest.mark.parametrize(
    "deed, code", [(deed, code) for _, deed, code in BY_FACTS], ids=[name for name, _, _ in BY_FACTS]
)
def test_one_change_on_record_closes_the_gate(case: Case, deed: Callable[[Case], None], code: str) -> None:
    """Open before, closed after, for the reason that belongs to it; a deployment is refused."""
    with opened(case.folder) as case.app:
        assert case.closed() == set()
        deed(case)
        codes = case.closed()
        assert any(code in each for each in codes), codes
        with pytest.raises(Refused):
            delivery.deploy(case.app.context, "rob", CASE, "general", candidate="baseline")


def test_time_alone_closes_the_gate(case: Case) -> None:
    """A year later approvals and evidence have run out; a second before their end they have not."""
    with opened(case.folder) as case.app:
        ctx = case.app.context
        gate, _ = delivery.judge_gate(ctx, CASE, "general", "baseline")
        assert isinstance(gate, Open)
        left = timedelta(seconds=gate.until_epoch - ctx.clock.now().timestamp())
        for later, kind in ((left - timedelta(seconds=1), Open), (left + timedelta(seconds=1), Closed)):
            now = ctx.clock.now() + later
            assert isinstance(judge(ctx.policy(), ctx.registry, CASE, case.candidate, "general", now), kind)


APPROVALS: tuple[tuple[str, dict[str, str]], ...] = (
    ("another model", {"candidate": "0" * 64}),
    ("other data", {"dataset": "0" * 64}),
    ("another policy", {"policy": "0" * 64}),
    ("a lower stage", {"stage": "shadow"}),
    ("its author", {"person": "sue"}),
    ("somebody without the role", {"person": "ada"}),
    ("a stranger", {"person": "mallory"}),
    ("the same person twice", {"person": "dr-adams"}),
    ("yesterday", {"expires": "2020-01-01T00:00:00+00:00"}),
)


@pytest.mark.parametrize("changes", [c for _, c in APPROVALS], ids=[name for name, _ in APPROVALS])
def test_an_approval_written_past_the_journeys_fills_no_place(case: Case, changes: dict[str, str]) -> None:
    """The spare candidate has evidence, one approval and runs in shadow; a crooked second approval opens no gate."""
    with opened(case.folder) as case.app:
        ctx = case.app.context
        delivery.approve(ctx, "dr-adams", CASE, role="clinical-lead", stage="general", candidate="spare")
        delivery.deploy(ctx, "rob", CASE, "shadow", candidate="spare")
        view = ctx.use_case(CASE)
        straight = Approved(
            approval="x", use_case=CASE, candidate=view.candidate("spare").candidate, policy=ctx.registry.policy,
            dataset=view.dataset.dataset if view.dataset else "", stage="canary", role="privacy-officer",
            person="priya", expires="2027-01-01T00:00:00+00:00",
        )  # fmt: skip
        case.append(Approved(**({name: getattr(straight, name) for name in straight.__struct_fields__} | changes)))
        gate, _ = delivery.judge_gate(ctx, CASE, "pilot", "spare")
        assert isinstance(gate, Closed)
        assert [reason.criterion for reason in gate.reasons] == ["approval:privacy-officer"]
        case.append(straight)
        gate, _ = delivery.judge_gate(ctx, CASE, "pilot", "spare")
        assert isinstance(gate, Open)


def _in_database(statement: str) -> Callable[[Case], None]:
    def deed(case: Case) -> None:
        with sqlite3.connect(case.folder / "ledger.sqlite") as database:
            assert database.execute(statement).rowcount > 0
        database.close()

    return deed


def _rewrite(action: str, old: bytes, new: bytes) -> Callable[[Case], None]:
    def deed(case: Case) -> None:
        changed = 0
        with sqlite3.connect(case.folder / "ledger.sqlite") as database:
            for seq, entry in database.execute("SELECT seq, entry FROM tape WHERE action = ?", (action,)).fetchall():
                if old in bytes(entry):
                    database.execute("UPDATE tape SET entry = ? WHERE seq = ?", (bytes(entry).replace(old, new), seq))
                    changed += 1
        database.close()
        assert changed

    return deed


def _insert(action: str, **changes: str) -> Callable[[Case], None]:
    """A row past the seal, forged from the newest fact of its kind, with its hash right and the head left alone."""

    def deed(case: Case) -> None:
        with sqlite3.connect(case.folder / "ledger.sqlite") as database:
            newest = "SELECT entry FROM tape WHERE action = ? ORDER BY seq DESC"
            entry = json.loads(bytes(database.execute(newest, (action,)).fetchone()[0]))
            entry["fact"] |= changes
            data = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()
            row = (action, leaf_hash(data), data)
            database.execute("INSERT INTO tape SELECT size, ?, ?, ? FROM head", row)
        database.close()

    return deed


def _overwrite(pick: Callable[[Case], str]) -> Callable[[Case], None]:
    def deed(case: Case) -> None:
        with opened(case.folder) as case.app:
            digest = pick(case)
        file = case.folder / "artifacts" / "files" / digest[:2] / digest
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.chmod(0o600)
        file.write_bytes(bytes(data))

    return deed


def _package(change: Callable[[Path], object]) -> Callable[[Case], None]:
    return lambda case: change(case.folder / "artifacts" / "trees" / case.candidate / "files") and None


def _flip(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = next(folder.glob(name))
        file.chmod(0o600)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(bytes(data))

    return change


def _own(case: Case, check: str) -> str:
    return case.app.context.use_case(CASE).evidence[case.candidate, check].evidence


BEHIND: tuple[tuple[str, Callable[[Case], None]], ...] = (
    ("an approver's name is edited", _rewrite("approval.given", b'"person":"priya"', b'"person":"pryia"')),
    ("an approval's expiry is edited", _rewrite("approval.given", b'"expires":"2027', b'"expires":"2037')),
    ("an approval's digest is edited", _rewrite("approval.given", b'"stage":"general"', b'"stage":"genera1"')),
    ("a verdict is edited", _rewrite("evidence.recorded", b'"verdict":"missing"', b'"verdict":"pass"')),
    ("a role is edited", _rewrite("person.added", b'"auditor"', b'"release-engineer"')),
    ("the policy's digest is edited", _rewrite("policy.adopted", b'"small-hospital"', b'"large-hospital"')),
    ("a fact is hidden from the registry", _in_database("UPDATE tape SET action = 'ledger.beat' WHERE seq = 20")),
    ("a fact is deleted", _in_database("DELETE FROM tape WHERE seq = 20")),
    ("a policy that nobody sealed is inserted", _insert("policy.adopted")),
    ("an approval that nobody sealed is inserted", _insert("approval.given", approval="forged", person="kim")),
    ("policy bytes are changed", _overwrite(lambda c: c.app.context.registry.policy)),
    ("evidence bytes are changed", _overwrite(lambda c: _own(c, "discrimination"))),
    ("data-quality evidence is changed",
     _overwrite(lambda c: c.app.context.use_case(CASE).evidence["", "data-quality"].evidence)),
    ("a byte of the model is flipped", _package(_flip("model*"))),
    ("a byte of the package is flipped", _package(_flip("package*"))),
    ("a file is added to the package", _package(lambda folder: (folder / "more.txt").write_text("more"))),
    ("a file of the package is gone", _package(lambda folder: next(folder.glob("model*")).unlink() or True)),
)  # fmt: skip


@pytest.mark.parametrize("deed", [deed for _, deed in BEHIND], ids=[name for name, _ in BEHIND])
def test_one_change_behind_the_back_deploys_nothing(case: Case, deed: Callable[[Case], None]) -> None:
    """An insider with the files in hand: deploying is refused, nothing is deployed, and no gate is said to be open."""
    with opened(case.folder) as case.app:
        assert case.closed() == set()
        before = len(case.app.context.use_case(CASE).history)
    deed(case)
    deploy = ("--as", "rob", "deploy", CASE, "--candidate", "baseline", "--to", "general")
    ran = told(*deploy, home=case.folder)
    assert ran.code in {1, 2, 3}, ran.out
    assert "What to do" in ran.err
    assert "Traceback" not in ran.err
    ran = told("gate", CASE, "--candidate", "baseline", "--to", "general", home=case.folder)
    assert ran.code in {1, 2, 3}, ran.out
    assert "OPEN" not in ran.out
    try:
        with opened(case.folder) as app:
            assert len(app.context.use_case(CASE).history) == before
    except BedrailError:
        assert told("status", home=case.folder).code != 0  # it does not even open


def test_the_gate_does_not_open_on_a_fact_that_nobody_sealed(case: Case) -> None:
    """Another policy closes it; a row that adopts the former one again, past the seal, would open it, and does not."""
    with opened(case.folder) as case.app:
        former = case.app.context.registry.policy
        _new_policy(case)
    asked = ("gate", CASE, "--candidate", "baseline", "--to", "general")
    assert told(*asked, home=case.folder).code == 1
    _insert("policy.adopted", policy=former)(case)
    with opened(case.folder) as case.app:
        assert case.closed() == set()
    ran = told(*asked, home=case.folder)
    assert (ran.code, "OPEN" in ran.out) == (3, False)


def test_a_fact_that_was_told_and_taken_away_again_opens_no_gate(case: Case) -> None:
    """A process that folded a row nobody sealed judges by what was sealed, also when the row is gone, or is another."""
    with opened(case.folder) as case.app:
        ctx = case.app.context
        former = ctx.registry.policy
        _new_policy(case)
        _insert("policy.adopted", policy=former)(case)
        assert case.closed() == set()
        _in_database("DELETE FROM tape WHERE seq = (SELECT size FROM head)")(case)
        with pytest.raises(Corrupt):
            delivery.ask_gate(ctx, CASE, "general", "baseline")
        with opened(case.folder) as other:
            upkeep.add_person(other.context, "olivia", "nora", "nora", ("auditor",))
        assert case.closed() == set()
        assert isinstance(delivery.ask_gate(ctx, CASE, "general", "baseline"), Closed)
        with pytest.raises(Refused):
            delivery.deploy(ctx, "rob", CASE, "general", candidate="baseline")


def test_what_others_seal_while_the_gate_is_asked_is_no_alarm(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts that are appended just after the head was read are none of this question's."""
    with opened(case.folder) as app, opened(case.folder) as other:
        kind, added = type(app.context.tape), []
        real = kind.head

        def head(tape: Any) -> Head:
            found = real(tape)
            if tape is app.context.tape:
                added.append(f"nora-{len(added)}")
                upkeep.add_person(other.context, "olivia", added[-1], "nora", ("auditor",))
            return found

        monkeypatch.setattr(kind, "head", head)
        assert isinstance(delivery.ask_gate(app.context, CASE, "general", "baseline"), Open)
        assert added


@pytest.mark.parametrize("pattern", ["model*", "package*"])
def test_a_question_while_bytes_are_put_back_stops_nothing(case: Case, pattern: str) -> None:
    """Whoever asks is told that they are not the recorded ones; nothing comes on record, and afterwards it is open."""
    file = next((case.folder / "artifacts" / "trees" / case.candidate / "files").glob(pattern))
    whole, asked = file.read_bytes(), ("gate", CASE, "--candidate", "baseline", "--to", "general")
    with opened(case.folder) as case.app:
        size = case.app.store.head().size
    for briefly in (_flip(pattern), lambda folder: next(folder.glob(pattern)).chmod(0o666)):
        _package(briefly)(case)
        assert told(*asked, home=case.folder).code == 3
        file.chmod(0o600)
        file.write_bytes(whole)
        assert told(*asked, home=case.folder).code == 0
    with opened(case.folder) as case.app:
        assert case.app.store.head().size == size
        assert not case.app.context.registry.refused_artifacts


def _files(folder: Path, digest: str) -> Path:
    return folder / "artifacts" / "files" / digest[:2] / digest


LOST: tuple[tuple[str, Callable[[Case], Path]], ...] = (
    ("package", lambda c: c.folder / "artifacts" / "trees" / c.candidate),
    ("evidence", lambda c: _files(c.folder, _own(c, "discrimination"))),
    ("policy", lambda c: _files(c.folder, c.app.context.registry.policy)),
)


@pytest.mark.parametrize("find", [find for _, find in LOST], ids=[name for name, _ in LOST])
def test_what_is_on_record_and_gone_is_a_loss_and_a_misspelt_name_is_not(
    case: Case, find: Callable[[Case], Path]
) -> None:
    """Exit code 3 for a lost artifact, as for a changed one; 2 stays for what the caller got wrong."""
    with opened(case.folder) as case.app:
        lost = find(case)
    lost.rename(case.folder.parent / "lost")
    ran = told("gate", CASE, "--candidate", "baseline", "--to", "general", home=case.folder)
    assert (ran.code, "OPEN" in ran.out, "What to do" in ran.err) == (3, False, True), ran.err
    (case.folder.parent / "lost").rename(lost)
    assert told("gate", CASE, "--candidate", "basline", "--to", "general", home=case.folder).code == 2


def test_evidence_from_elsewhere_is_no_evidence(case: Case) -> None:
    """An artifact with every number right and a signature by another key is refused when it is read."""
    with opened(case.folder) as case.app:
        ctx = case.app.context
        digest = ctx.use_case(CASE).evidence[case.candidate, "discrimination"].evidence
        stored = ctx.artifacts.get(digest)
        forged = ctx.artifacts.put(stored.replace(b'"verdict":"pass"', b'"verdict":"fail"'))
        assert forged != digest
        read_evidence(ctx, digest)
        with pytest.raises(Corrupt):
            read_evidence(ctx, forged)


@pytest.mark.slow
def test_swapped_bytes_give_fallbacks_on_a_server_started_afterwards(case: Case, tmp_path: Path) -> None:
    """The server refuses the package, says so in every reply, and the refusal closes the gate by itself."""
    with opened(case.folder) as app:
        token, names = issue(app), app.context.charter(CASE).contract().names
    _package(_flip("model*"))(case)
    row = pd.read_parquet(case.table).iloc[-1]
    with serving(case.folder, tmp_path / "log", token=token) as server:
        reply = server.decide(request_of(row, names))
    assert (reply["kind"], reply["guard"]) == ("fallback", "model")
    with opened(case.folder) as case.app:
        assert "artifact-refused" in case.closed()


@pytest.mark.slow
def test_an_approval_that_runs_out_gives_fallbacks_by_itself(case: Case) -> None:
    """Nobody has to do anything: the deployment ends with its first approval, in the midst of serving."""
    row = json.loads(pd.read_parquet(case.table).tail(1).to_json(orient="records"))[0]
    with opened(case.folder) as app:
        clock = app.context.clock = Later(app)
        approve_both(app, "spare", valid_for=timedelta(hours=1))
        climb(app, "spare", upto="pilot")
        token, names = issue(app), app.context.charter(CASE).contract().names
        over = app.context.use_case(CASE).deployment
        assert over is not None

        async def before_and_after() -> list[tuple[str, str]]:
            standing = Standing(app)
            await standing.bedside.serving.settle()
            told = []
            for left in (timedelta(minutes=30), timedelta(0)):
                clock.by = datetime.fromtimestamp(over.until_epoch, UTC) - datetime.now(UTC) - left
                asked = request_of(row, names, site="north", at=clock.now().isoformat(timespec="seconds"))
                reply = await standing.bedside.decide(token, CASE, json.dumps(asked).encode())
                told.append((reply.kind, getattr(reply, "guard", "")))
            await standing.group.close()
            standing.bedside.close()
            return told

        (kind, _), after = asyncio.run(before_and_after())
    assert (kind in {"answer", "review"}, after) == (True, ("fallback", "approval"))
