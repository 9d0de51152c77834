"""Where a candidate comes from and what became of it, as signed in-toto statements: one for each fact of the ledger.

Dataset, training, evidence, approval, gate, deployment. Each statement names the ledger's entry that it retells (index
and leaf hash), so that whoever has the ledger's proof for that entry need not believe the statement. Training is SLSA
provenance v1, evidence in-toto test-result v0.1, the others are types of our own that carry the fact as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.errors import Corrupt
from bedrail.core.events import (
    Approved,
    CandidateAdmitted,
    CardMade,
    DatasetAdmitted,
    DatasetSplit,
    DeploymentHalted,
    DeploymentMoved,
    DeploymentRolledBack,
    Entry,
    EvidenceRecorded,
    GateJudged,
    Objected,
    action_of,
    decode,
)
from bedrail.core.ports import Verifier
from bedrail.governance.views import CandidateView
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import load_candidate
from bedrail.journeys.soundness import require_sound_facts
from bedrail.ledger.merkle import leaf_hash
from bedrail.models.package import package_from
from bedrail.models.statements import Resource, Statement, open_sealed, seal
from bedrail.models.values import Package

SUFFIX = ".dsse.json"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
OURS = "https://bedrail.example/attestation"
_RESULTS = {"pass": "PASSED", "fail": "FAILED", "missing": "WARNED"}


@dataclass(frozen=True, slots=True)
class _Told:
    """A fact with its place in the ledger, and what the statement about it needs to know."""

    index: int
    entry: Entry
    data: bytes
    candidate: CandidateView
    package: Package
    tables: dict[str, DatasetAdmitted]
    origin: str


def key_id(public_key: bytes) -> str:
    """The name of an Ed25519 key in envelopes: SHA-256 of its 32 bytes, in hex."""
    return sha256(public_key).hexdigest()


def lineage(ctx: Context, use_case: str, candidate: CandidateView) -> Iterator[tuple[str, Statement]]:
    """(file name, statement) in the order of the ledger; raises `Corrupt` when facts or package are not as sealed."""
    require_sound_facts(ctx)
    package, _ = package_from(load_candidate(ctx, candidate.candidate))
    tables: dict[str, DatasetAdmitted] = {}
    number = 0
    for index, data in ctx.tape.registry_entries(0):
        entry = decode(data)
        fact = entry.fact
        if getattr(fact, "use_case", "") != use_case:
            continue
        if isinstance(fact, DatasetAdmitted):
            tables[fact.dataset] = fact
        tell = _TELLERS.get(type(fact))
        if tell is None or not _concerns(fact, candidate):
            continue
        told = _Told(index, entry, data, candidate, package, tables, ctx.ledger.origin)
        number += 1
        yield f"{number:03d}-{action_of(entry)}{SUFFIX}", tell(told)


def write_lineage(ctx: Context, use_case: str, candidate: CandidateView, folder: Path) -> list[str]:
    """Sign each statement with the evidence key and write it into the folder; returns the file names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, statement in lineage(ctx, use_case, candidate):
        (folder / name).write_bytes(seal(statement, ctx.signer.sign, key_id(ctx.signer.public_key)))
        names.append(name)
    return names


def read_lineage(files: dict[str, bytes], candidate: str, public_key: bytes, verify: Verifier) -> list[Statement]:
    """Statements from envelopes by file name: each signed by the key, about the candidate or its data, in order.

    The candidate's own statement must be there, and the data must be what it was made from. Raises `Corrupt`.
    """
    statements = []
    for name in sorted(files):
        try:
            statements.append(open_sealed(files[name], lambda m, s: verify(public_key, m, s)))
        except Corrupt as error:
            raise Corrupt(f"{name}: {error.message}", remedy=error.remedy) from error
    made = [s for s in statements if s.predicate_type == PROVENANCE and _is_about(s, candidate)]
    if not made:
        raise Corrupt("no statement says how this candidate was made.", remedy="Ask for the whole lineage.")
    try:
        materials = {
            d["digest"]["sha256"] for s in made for d in s.predicate["buildDefinition"]["resolvedDependencies"]
        }
        places = [(s.predicate["ledger"]["origin"], s.predicate["ledger"]["index"]) for s in statements]
    except (KeyError, TypeError) as error:
        raise Corrupt(
            "a statement lacks its materials or its place in the ledger.", remedy="Fetch it again."
        ) from error
    if any(not _is_about(s, candidate) and not _is_about(s, *materials) for s in statements):
        raise Corrupt("a statement is about something else.", remedy="Ask for the lineage of this candidate.")
    if places != sorted(set(places)) or len({origin for origin, _ in places}) != 1:
        raise Corrupt("the statements are not in the order of one ledger.", remedy="Ask for the whole lineage.")
    return statements


def _is_about(statement: Statement, *digests: str) -> bool:
    return any(resource.digest.get("sha256") in digests for resource in statement.subject)


def _concerns(fact: Any, candidate: CandidateView) -> bool:
    named = {getattr(fact, name, "") for name in ("candidate", "from_candidate", "to_candidate")} - {""}
    return candidate.candidate in named or (not named and getattr(fact, "dataset", "") == candidate.dataset)


def _statement(told: _Told, subject: Resource, kind: str, predicate: dict[str, Any]) -> Statement:
    place = {
        "origin": told.origin,
        "index": told.index,
        "leaf": leaf_hash(told.data).hex(),
        "entry": told.entry.id,
        "at": told.entry.at,
        "actor": told.entry.actor.id,
    }
    return Statement(subject=(subject,), predicate_type=kind, predicate={**predicate, "ledger": place})


def _model(told: _Told) -> Resource:
    return Resource(name=told.candidate.name, digest={"sha256": told.candidate.candidate})


def _table(told: _Told, dataset: str) -> Resource:
    """The stored table by the SHA-256 of its file; its content digest is in the name."""
    known = told.tables.get(dataset)
    return Resource(name=f"table:{dataset}", digest={"sha256": known.artifact if known else dataset})


def _dataset(told: _Told) -> Statement:
    return _retold(told, _table(told, told.candidate.dataset))


def _retold(told: _Told, subject: Resource | None = None) -> Statement:
    """The fact as it stands, under a type named after it."""
    fact = msgspec.to_builtins(told.entry.fact)
    return _statement(told, subject or _model(told), f"{OURS}/{action_of(told.entry)}/v1", {"fact": fact})


def _made(told: _Told) -> Statement:
    fact, lineage = told.entry.fact, told.package.lineage
    assert isinstance(fact, CandidateAdmitted)
    libraries = [
        {"name": name, "uri": f"pkg:pypi/{name}@{version}"} for name, version in sorted(lineage.libraries.items())
    ]
    materials = [msgspec.to_builtins(_table(told, fact.dataset))] if fact.dataset else []
    materials += [{"name": "split", "digest": {"sha256": lineage.split}}] if lineage.split else []
    materials += [{"name": "imported file", "digest": {"sha256": lineage.source}}] if lineage.source else []
    return _statement(
        told,
        _model(told),
        PROVENANCE,
        {
            "buildDefinition": {
                "buildType": f"{OURS}/{lineage.origin}/v1",
                "externalParameters": {
                    "recipe": lineage.recipe,
                    "parameters": dict(lineage.parameters),
                    "seed": lineage.seed,
                    "note": lineage.note,
                },
                "internalParameters": {"libraries": libraries},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {"id": f"{OURS}/{told.origin}", "version": {"bedrail": lineage.code}},
                "metadata": {"invocationId": told.entry.id, "finishedOn": told.entry.at},
            },
        },
    )


def _examined(told: _Told) -> Statement:
    fact = told.entry.fact
    assert isinstance(fact, EvidenceRecorded)
    subject = _model(told) if fact.candidate else _table(told, fact.dataset)
    passed, failed = ([fact.check], []) if fact.verdict == "pass" else ([], [fact.check])
    return _statement(
        told,
        subject,
        TEST_RESULT,
        {
            "result": _RESULTS[fact.verdict],
            "configuration": [{"name": "policy", "digest": {"sha256": fact.policy}}],
            "passedTests": passed,
            "failedTests": failed if fact.verdict == "fail" else [],
            "warnedTests": failed if fact.verdict == "missing" else [],
            "reason": fact.reason,
            "evidence": {"name": "evidence", "digest": {"sha256": fact.evidence}},
        },
    )


_TELLERS: dict[type, Callable[[_Told], Statement]] = {
    DatasetAdmitted: _dataset,
    DatasetSplit: _dataset,
    CandidateAdmitted: _made,
    EvidenceRecorded: _examined,
    CardMade: _retold,
    Approved: _retold,
    Objected: _retold,
    GateJudged: _retold,
    DeploymentMoved: _retold,
    DeploymentRolledBack: _retold,
    DeploymentHalted: _retold,
}
