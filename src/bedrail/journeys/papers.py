"""Model cards: people's sections adopted, cards made, recorded, found again and verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import msgspec

from bedrail.checks.cards.items import ITEMS
from bedrail.checks.cards.lint import Contradiction, lint_card
from bedrail.checks.cards.render import every_paper
from bedrail.checks.cards.sections import Ground, adopted, said_by_people, template
from bedrail.checks.cards.values import Card, Measure, Said, Sections
from bedrail.core.errors import Corrupt, Invalid, NotFound
from bedrail.core.events import CardMade, CardSectionsAdopted, ChangeLogMade, Entry, decode
from bedrail.core.values import Evidence, Finding, Value, Verdict
from bedrail.governance.views import CandidateView
from bedrail.journeys.admission import write_report
from bedrail.journeys.card_ground import CHECK, CardGround, gather, measures_of
from bedrail.journeys.card_tests import TELLERS
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate
from bedrail.journeys.examination import CODE, record_evidence
from bedrail.journeys.lineage import key_id
from bedrail.models.statements import Resource, Statement, open_sealed, seal

OWED = "missing-section"
CARD_TYPE = "https://bedrail.example/attestation/model-card/v1"


class MadeCard(Value, frozen=True, kw_only=True):
    """A card with what the linter found, where its pages lie, and the digest of its signed record."""

    card: Card
    digest: str
    verdict: Verdict
    findings: tuple[Contradiction, ...]
    papers: dict[str, str]
    folder: str


class Recorded(Value, frozen=True, kw_only=True):
    """What the ledger says about a page that was handed in: which card it belongs to, and whether a newer one exists.

    `recorded` is False when the file is no page of any recorded card.
    """

    recorded: bool
    sha256: str
    name: str = ""
    use_case: str = ""
    candidate: str = ""
    card: str = ""
    at: str = ""
    by: str = ""
    newest: bool = False


def last_sections(ctx: Context, use_case: str) -> tuple[Sections, str]:
    """What people wrote for the cards of a use case, and the digest of that; none at first."""
    digest = ""
    for entry in _entries(ctx, b"card.sections-adopted"):
        if isinstance(entry.fact, CardSectionsAdopted) and entry.fact.use_case == use_case:
            digest = entry.fact.sections
    if not digest:
        return Sections(use_case=use_case, answers={}), ""
    return msgspec.json.decode(ctx.artifacts.get(digest), type=Sections), digest


def card_ground(ctx: Context, use_case: str, candidate: CandidateView) -> Ground:
    """What people's sections rest on now."""
    view = ctx.use_case(use_case)
    changed = [e.since_epoch for (about, check), e in view.evidence.items()
               if about in (candidate.candidate, "") and check != CHECK]  # fmt: skip
    return Ground(
        candidate=candidate.candidate,
        charter=view.charter,
        evidence_since=max(changed, default=0.0),
        now=ctx.clock.now().timestamp(),
    )


def edit_template(ctx: Context, person: str, use_case: str, candidate: str = "") -> str:
    """The file that people fill: what is there, what is owed, what is stale (see `sections.template`)."""
    ctx.require(person, "registry.read")
    view = ctx.use_case(use_case)
    ground = card_ground(ctx, use_case, find_candidate(view, candidate))
    return template(last_sections(ctx, use_case)[0], ground, title=view.title)


def adopt_sections(
    ctx: Context,
    person: str,
    use_case: str,
    given: Mapping[str, str],
    *,
    candidate: str = "",
    confirm: Sequence[str] = (),
    reason: str = "",
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Put sections on record with author and time; returns which changed and which were confirmed.

    Only changed and confirmed ones bear the new author. Raises `Invalid` when nothing changes.
    """
    actor = ctx.require(person, "card.write")
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    kept, _ = last_sections(ctx, use_case)
    known = ctx.registry.seen
    at = ctx.clock.now().isoformat(timespec="microseconds")
    ground = card_ground(ctx, use_case, chosen)
    sections, changed, confirmed = adopted(kept, given, confirm, by=actor.id, at=at, ground=ground)
    if not changed and not confirmed:
        raise Invalid("nothing in it is new.", path="FILE", remedy="Change a section, or confirm: --confirm all.")
    fact = CardSectionsAdopted(
        use_case=use_case,
        sections=ctx.artifacts.put(msgspec.json.encode(sections, order="deterministic")),
        changed=changed,
        confirmed=confirmed,
        reason=reason[:500],
    )
    ctx.append(actor, "governance", fact, known=known)
    return changed, confirmed


def make_card(
    ctx: Context, person: str, use_case: str, candidate: str = "", *, pdf: bool | None = None, reason: str = ""
) -> MadeCard:
    """Make the card of a candidate from facts and people's sections: signed, recorded, judged, written as pages.

    `pdf` None writes one where the extra is there. The evidence `model-card` passes when nothing that people owe is
    missing or stale and the linter finds no error. Raises `Corrupt` for evidence or a package that was changed.
    """
    actor = ctx.require(person, "card.make")
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    ground = gather(ctx, actor, use_case, chosen)
    sections, written = last_sections(ctx, use_case)
    card = _card(ctx, actor.id, ground, sections)
    papers = _papers(card, pdf)
    about = Resource(name=chosen.name, digest={"sha256": chosen.candidate})
    said = Statement(subject=(about,), predicate_type=CARD_TYPE, predicate=msgspec.to_builtins(card))
    sealed = seal(said, ctx.signer.sign, key_id(ctx.signer.public_key))
    papers[f"{chosen.name}-card.dsse.json"] = sealed
    findings = lint_card(card)
    errors = dict.fromkeys(each.rule for each in findings if each.severity == "error" and each.rule != OWED)
    digests = {name: sha256(data).hexdigest() for name, data in papers.items()}
    fact = CardMade(
        use_case=use_case,
        candidate=chosen.candidate,
        card=ctx.artifacts.put(sealed),
        sections=written,
        papers=digests,
        missing=card.standing("missing"),
        stale=card.standing("stale"),
        contradictions=tuple(errors),
        reason=reason[:500],
    )
    ctx.append(actor, "governance", fact)
    evidence = card_evidence(card, findings)
    dataset = ctx.use_case(use_case).dataset
    record_evidence(
        ctx,
        actor,
        [evidence],
        use_case=use_case,
        candidate=chosen.candidate,
        dataset=dataset.dataset if dataset else "",
    )
    folder = _write(ctx, use_case, papers)
    return MadeCard(
        card=card, digest=fact.card, verdict=evidence.verdict, findings=findings, papers=digests, folder=str(folder)
    )


def _papers(card: Card, pdf: bool | None) -> dict[str, bytes]:
    """With a PDF when it is asked for; when nothing is said, where the extra is there and its fonts suffice."""
    if pdf is None and find_spec("typst") is None:
        pdf = False
    try:
        return every_paper(card, software=CODE, pdf=pdf is not False)
    except Invalid as error:
        if pdf or error.path != "pdf":
            raise
        return every_paper(card, software=CODE, pdf=False)


def _card(ctx: Context, by: str, ground: CardGround, sections: Sections) -> Card:
    rests_on = card_ground(ctx, ground.view.id, ground.candidate)
    said: list[Said] = []
    for item in ITEMS:
        if item.people:
            people = said_by_people(item, sections, rests_on)
            if people.standing != "optional" or item.id not in TELLERS:
                said.append(people)
                continue
        text, sources = TELLERS[item.id](ground)
        said.append(Said(item=item.id, text=text, standing="measured" if text else "optional", sources=sources))
    digests = {"model": ground.candidate.candidate, "charter": ground.view.charter, "policy": ground.policy.digest}
    digests |= {"data": ground.dataset.dataset} if ground.dataset else {}
    return Card(
        use_case=ground.view.id,
        title=ground.view.title,
        candidate=ground.candidate.candidate,
        name=ground.candidate.name,
        version=ground.version,
        made_at=ctx.clock.now().isoformat(timespec="seconds"),
        made_by=by,
        code=CODE,
        said=tuple(said),
        measures=measures_of(ground),
        digests=dict(sorted(digests.items())),  # as they come back from the sealed record
    )


def card_evidence(card: Card, findings: Sequence[Contradiction]) -> Evidence:
    """The answer to `model-card`: an error of the linter fails, a section owed or stale is missing evidence."""
    told = [
        Finding(check=f"{CHECK}.lint", group=each.rule, verdict=Verdict.FAIL, reason=f"{each.place}: {each.why}"[:500])
        for each in findings
        if each.severity == "error" and each.rule != OWED  # what is owed is missing, not wrong
    ]
    for standing in ("missing", "stale"):
        told += [
            Finding(
                check=f"{CHECK}.section", group=name, verdict=Verdict.MISSING, reason=f"This section is {standing}."
            )
            for name in card.standing("missing" if standing == "missing" else "stale")
        ]
    failed = [each for each in told if each.verdict is Verdict.FAIL]
    if failed:
        verdict, reason = Verdict.FAIL, f"The card contradicts itself or its evidence: {failed[0].reason}"
    elif told:
        verdict, reason = Verdict.MISSING, f"People owe the card: {', '.join(each.group for each in told)}."
    else:
        verdict, reason = Verdict.PASS, "Every section is there and current; the linter finds no contradiction."
        told = [Finding(check=f"{CHECK}.section", verdict=Verdict.PASS, reason=reason)]
    return Evidence(check=CHECK, verdict=verdict, reason=reason[:500], findings=tuple(told))


def _write(ctx: Context, use_case: str, papers: Mapping[str, bytes]) -> Path:
    folder = ctx.home / "reports" / use_case
    for name, data in papers.items():
        if name.endswith(".pdf"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        else:
            write_report(ctx, use_case, name, data.decode())
    return folder


def recorded_card(ctx: Context, person: str, use_case: str, candidate: str = "") -> tuple[Card, CardMade, Entry]:
    """The newest card of a candidate as recorded, its signature checked; raises `NotFound` or `Corrupt`."""
    ctx.require(person, "registry.read")
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    made = [e for e in _entries(ctx, b"card.made") if isinstance(e.fact, CardMade)]
    mine = [e for e in made if isinstance(e.fact, CardMade) and e.fact.candidate == chosen.candidate]
    if not mine:
        remedy = f"bedrail card make {use_case} --candidate {chosen.name}"
        raise NotFound(f"{chosen.name} has no card yet.", path=use_case, remedy=remedy)
    fact = mine[-1].fact
    assert isinstance(fact, CardMade)
    return read_card(ctx, fact.card), fact, mine[-1]


def read_card(ctx: Context, digest: str) -> Card:
    """A recorded card by the digest of its signed record; raises `Corrupt` when it was not signed here."""
    said = _opened(ctx, digest)
    if said.predicate_type != CARD_TYPE:
        raise Corrupt("this is no model card.", remedy="Make the card again.")
    return msgspec.convert(said.predicate, Card)


def card_pages(ctx: Context, candidate: str) -> dict[str, bytes]:
    """The pages of a candidate's newest card, drawn again from its record; only those that are as recorded.

    A page whose bytes another version of this program would draw otherwise is left out; the sealed record is not.
    """
    facts = [entry.fact for entry in _entries(ctx, b"card.made")]
    mine = [fact for fact in facts if isinstance(fact, CardMade) and fact.candidate == candidate]
    if not mine:
        return {}
    card = read_card(ctx, mine[-1].card)
    pages = every_paper(card, software=CODE, pdf=False) | {
        f"{card.name}-card.dsse.json": ctx.artifacts.get(mine[-1].card)
    }
    return {name: data for name, data in pages.items() if mine[-1].papers.get(name) == sha256(data).hexdigest()}


def _opened(ctx: Context, digest: str) -> Statement:
    """A statement of ours; raises `Corrupt` when it was not signed here."""
    ours = ctx.signer.public_key
    return open_sealed(ctx.artifacts.get(digest), lambda message, sig: ctx.verify(ours, message, sig))


def evidence_figures(ctx: Context, person: str, use_case: str, candidate: str = "") -> tuple[Measure, ...]:
    """Every figure of a candidate's signed evidence as it stands now, for holding a card to it."""
    actor = ctx.require(person, "registry.read")
    return measures_of(gather(ctx, actor, use_case, find_candidate(ctx.use_case(use_case), candidate), train=False))


def lint_recorded(ctx: Context, person: str, use_case: str, candidate: str = "") -> tuple[Contradiction, ...]:
    """What the linter finds in the recorded card, also against the evidence as it stands now."""
    card, _, _ = recorded_card(ctx, person, use_case, candidate)
    return lint_card(card, evidence_figures(ctx, person, use_case, card.candidate))


def verify_paper(ctx: Context, person: str, data: bytes) -> Recorded:
    """Whether these very bytes are a page of a recorded card or change log, whatever the file is called."""
    ctx.require(person, "registry.read")
    digest = sha256(data).hexdigest()
    found: Recorded | None = None
    newest: dict[tuple[str, str], str] = {}
    for entry in (*_entries(ctx, b"card.made"), *_entries(ctx, b"card.changes-told")):
        fact = entry.fact
        if not isinstance(fact, CardMade | ChangeLogMade):
            continue
        about, seal_digest = (
            (fact.candidate, fact.card) if isinstance(fact, CardMade) else (f"{fact.before} to {fact.after}", fact.log)
        )
        newest[fact.use_case, about] = seal_digest
        name = next((name for name, known in fact.papers.items() if known == digest), "")
        if name:
            found = Recorded(
                recorded=True,
                sha256=digest,
                name=name,
                use_case=fact.use_case,
                candidate=about,
                card=seal_digest,
                at=entry.at[:19],
                by=entry.actor.id,
            )
    if found is None:
        return Recorded(recorded=False, sha256=digest)
    _opened(ctx, found.card)
    return msgspec.structs.replace(found, newest=newest[found.use_case, found.candidate] == found.card)


def _entries(ctx: Context, action: bytes) -> list[Entry]:
    return [decode(data) for _, data in ctx.tape.registry_entries(0) if action in data]
