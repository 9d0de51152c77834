"""What changed between two candidates, drawn from ledger, packages and evidence; signed, on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from bedrail.checks.cards.changes import (
    Change,
    ChangeLog,
    Summary,
    changes_html,
    changes_json,
    changes_markdown,
    differing,
    side_by_side,
)
from bedrail.checks.cards.values import Measure, Source
from bedrail.core.errors import Invalid
from bedrail.core.events import (
    CandidateAdmitted,
    ChangeLogMade,
    DeploymentHalted,
    DeploymentMoved,
    DeploymentRolledBack,
    PolicyAdopted,
    UseCaseOpened,
    decode,
)
from bedrail.core.values import Value
from bedrail.governance.usecase import Charter, parse_charter
from bedrail.governance.views import CandidateView, UseCaseView
from bedrail.journeys.admission import write_report
from bedrail.journeys.card_facts import feature_words
from bedrail.journeys.card_ground import CardGround, gather, measures_of
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.lineage import key_id
from bedrail.models.statements import Resource, Statement, open_sealed, seal

CHANGES_TYPE = "https://bedrail.example/attestation/changes/v1"
MOVES = (DeploymentMoved, DeploymentRolledBack, DeploymentHalted)


class Told(Value, frozen=True, kw_only=True):
    """A change log with the digest of its signed statement and its pages."""

    log: ChangeLog
    digest: str
    papers: dict[str, str]
    folder: str


def tell_changes(
    ctx: Context, person: str, use_case: str, before: str = "", after: str = "", *, summary: str = ""
) -> Told:
    """The change log from `before` (the candidate admitted before, without one) to `after` (the one admitted last).

    A summary given now bears its author; without one, the summary of an earlier log of the same pair is kept.
    Raises `Invalid` when both are the same candidate, `Corrupt` for a package or evidence that was changed.
    """
    actor = ctx.require(person, "card.make")
    view = ctx.use_case(use_case)
    new = find_candidate(view, after)
    old = find_candidate(view, before) if before else _before(view, new)
    if old.candidate == new.candidate:
        raise Invalid("both are the same candidate.", path="--before", remedy="bedrail candidates lists what there is.")
    grounds = [gather(ctx, actor, use_case, each, train=False) for each in (old, new)]
    measures = [measures_of(each) for each in grounds]
    at = ctx.clock.now().isoformat(timespec="seconds")
    log = ChangeLog(
        use_case=use_case,
        title=view.title,
        before=old.candidate,
        before_name=old.name,
        after=new.candidate,
        after_name=new.name,
        made_at=at,
        made_by=actor.id,
        same_patients=_measured_on(grounds[0]) == _measured_on(grounds[1]) != frozenset(),
        changes=tuple(_changes(ctx, *grounds)),
        figures=side_by_side(*measures),
        sources=_sources(grounds, measures),
        summary=Summary(text=summary.strip(), by=actor.id, at=at) if summary.strip() else _kept(ctx, old, new),
    )
    about = tuple(Resource(name=each.name, digest={"sha256": each.candidate}) for each in (old, new))
    said = Statement(subject=about, predicate_type=CHANGES_TYPE, predicate=msgspec.to_builtins(log))
    sealed = seal(said, ctx.signer.sign, key_id(ctx.signer.public_key))
    stem = f"{old.name}-{old.candidate[:8]}-to-{new.name}-{new.candidate[:8]}-changes"
    papers = {
        f"{stem}.html": changes_html(log),
        f"{stem}.md": changes_markdown(log),
        f"{stem}.json": changes_json(log),
        f"{stem}.dsse.json": sealed.decode(),
    }
    digests = {name: sha256(text.encode()).hexdigest() for name, text in papers.items()}
    fact = ChangeLogMade(
        use_case=use_case, before=old.candidate, after=new.candidate, log=ctx.artifacts.put(sealed), papers=digests
    )
    ctx.append(actor, "governance", fact)
    for name, text in papers.items():
        write_report(ctx, use_case, name, text)
    return Told(log=log, digest=fact.log, papers=digests, folder=str(ctx.home / "reports" / use_case))


def read_changes(ctx: Context, digest: str) -> ChangeLog:
    """A recorded log; raises `Corrupt` when it was not signed here."""
    ours = ctx.signer.public_key
    said = open_sealed(ctx.artifacts.get(digest), lambda message, sig: ctx.verify(ours, message, sig))
    return msgspec.convert(said.predicate, ChangeLog)


def _before(view: UseCaseView, new: CandidateView) -> CandidateView:
    earlier = [each for each in view.candidates.values() if each.at_epoch < new.at_epoch]
    if not earlier:
        raise Invalid("there is no earlier candidate.", path="--before", remedy="Name the one to compare with.")
    return earlier[-1]


def _kept(ctx: Context, old: CandidateView, new: CandidateView) -> Summary | None:
    found = ""
    for _, data in ctx.tape.registry_entries(0):
        if b"card.changes-told" in data:
            fact = decode(data).fact
            if isinstance(fact, ChangeLogMade) and (fact.before, fact.after) == (old.candidate, new.candidate):
                found = fact.log
    return read_changes(ctx, found).summary if found else None


def _measured_on(ground: CardGround) -> frozenset[str]:
    return frozenset(k.evidence.dataset for k in ground.evidence if k.evidence.candidate == ground.candidate.candidate)


def _sources(grounds: list[CardGround], measures: list[tuple[Measure, ...]]) -> tuple[Source, ...]:
    packages = [Source(kind="package", name=g.candidate.name, digest=g.candidate.candidate) for g in grounds]
    digests = dict.fromkeys(m.digest for each in measures for m in each)
    return (*packages, *(Source(kind="evidence", digest=digest) for digest in digests))


def _changes(ctx: Context, old: CardGround, new: CardGround) -> Iterator[Change]:
    yield from differing("data", _data(old), _data(new))
    yield from differing("recipe", _recipe(old), _recipe(new))
    yield from differing("code", _code(old), _code(new))
    yield from differing("inputs", _inputs(old), _inputs(new))
    (was, was_policy), (now, now_policy) = (_in_force(ctx, each) for each in (old, new))
    yield from differing("use case", _use(was), _use(now))
    yield from differing("policy", {"policy": was_policy[:12]}, {"policy": now_policy[:12]})
    yield from differing("verdicts", _verdicts(old), _verdicts(new))
    before, after = _approvals(old), _approvals(new)
    for place in dict.fromkeys((*before, *after)):  # an approval is of one candidate: the same person twice is two
        yield Change(kind="approvals", what=place, before=before.get(place, ""), after=after.get(place, ""))
    yield from _stages(ctx, old, new)


def _data(ground: CardGround) -> dict[str, object]:
    dataset, built = ground.dataset, ground.built
    if dataset is None:
        return {}
    columns = ground.paper.get("profile", {}).get("columns", ())
    told: dict[str, object] = {"dataset": dataset.dataset[:12], "rows": dataset.rows, "source": dataset.source}
    told |= {f"rows for {part}": count for part, count in dataset.counts.items()}
    if built is not None:
        told |= {"rows left out without consent": built.rows_without_consent, "query": built.query[:12]}
        told |= {"sources": built.sources, "rows not needed": built.rows_not_needed}
    told["columns"] = tuple(column["name"] for column in columns)
    return told | {f"missing in {column['name']}": f"{column['missing']:.1%}" for column in columns}


def _recipe(ground: CardGround) -> dict[str, object]:
    package, lineage = ground.package, ground.package.lineage
    told: dict[str, object] = {"kind": package.kind, "recipe": lineage.recipe, "origin": lineage.origin}
    told |= {"seed": lineage.seed, "calibration": package.calibration.method, "imported file": lineage.source[:12]}
    return told | {f"parameter {name}": value for name, value in sorted(lineage.parameters.items())}


def _code(ground: CardGround) -> Mapping[str, object]:
    lineage = ground.package.lineage
    return {"program": lineage.code, **{f"library {name}": v for name, v in sorted(lineage.libraries.items())}}


def _inputs(ground: CardGround) -> Mapping[str, object]:
    return {feature.name: feature_words(feature) for feature in ground.package.contract.features}


def _in_force(ctx: Context, ground: CardGround) -> tuple[Charter, str]:
    """The charter and the policy (digest) that were in force when the candidate was admitted."""
    charter, policy = ground.view.charter, ""
    for _, data in ctx.tape.registry_entries(0):
        fact = decode(data).fact
        if isinstance(fact, UseCaseOpened) and fact.use_case == ground.view.id:
            charter = fact.charter
        elif isinstance(fact, PolicyAdopted):
            policy = fact.policy
        elif isinstance(fact, CandidateAdmitted) and fact.candidate == ground.candidate.candidate:
            break
    return parse_charter(ctx.artifacts.get(charter).decode()), policy


def _use(charter: Charter) -> dict[str, Any]:
    case, rules = charter.use_case, charter.decision
    told: dict[str, Any] = {name: getattr(case, name) for name in case.__struct_fields__}
    told |= {f"decision {name}": getattr(rules, name) for name in rules.__struct_fields__}
    return told | {"groups": charter.data.groups, "outcome": charter.data.outcome}


def _verdicts(ground: CardGround) -> Mapping[str, object]:
    return {k.evidence.check: f"{k.evidence.verdict}: {k.evidence.reason}" for k in ground.evidence}


def _approvals(ground: CardGround) -> dict[str, str]:
    mine = [a for a in ground.view.approvals if a.candidate == ground.candidate.candidate]
    return {f"{a.role} for {a.stage}": f"{a.person}, {a.at[:10]}, until {a.expires[:10]}" for a in mine}


def _stages(ctx: Context, old: CardGround, new: CardGround) -> Iterator[Change]:
    """Each move of one of the two, as it happened."""
    names = {each.candidate.candidate: each.candidate.name for each in (old, new)}
    for _, data in ctx.tape.registry_entries(0):
        entry = decode(data)
        fact = entry.fact
        if not isinstance(fact, MOVES) or fact.use_case != old.view.id:
            continue
        digest = fact.to_candidate if isinstance(fact, DeploymentRolledBack) else fact.candidate
        if digest not in names:
            continue
        stage = "halted" if isinstance(fact, DeploymentHalted) else ""
        stage = fact.to_stage if isinstance(fact, DeploymentMoved) else stage
        stage = f"back at {fact.stage}" if isinstance(fact, DeploymentRolledBack) else stage
        sides = {"before": stage, "after": ""} if digest == old.candidate.candidate else {"before": "", "after": stage}
        yield Change(kind="stages", what=f"{entry.at[:16].replace('T', ' ')} {names[digest]}", **sides)
