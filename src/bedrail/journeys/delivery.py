"""A candidate becomes a deployment: open, approve, judge, deploy, halt, roll back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import (
    Approved,
    DeploymentMoved,
    DeploymentRolledBack,
    GateJudged,
    Objected,
    UseCaseOpened,
)
from bedrail.governance.consequences import after_objection, to_shadow
from bedrail.governance.gate import Gate, Open, check_scope, judge
from bedrail.governance.values import AS_SEALED
from bedrail.governance.views import CandidateView, DeploymentView, UseCaseView
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.moving_ground import append_judged, append_whole, told
from bedrail.journeys.refusals import duties
from bedrail.journeys.soundness import require_sound_evidence, require_sound_facts, sound_facts
from bedrail.journeys.stopping import require_none_standing, stop

if TYPE_CHECKING:
    from bedrail.governance.usecase import Charter


def open_use_case(ctx: Context, person: str, charter_text: str) -> Charter:
    """Register a use case from the text of its usecase.toml, or renew its charter; the owner must work here.

    Nobody has approved what serves under a changed charter (threshold, mode, tier), so a version in view of clinicians
    goes back to shadow in the same commit.
    """
    from bedrail.governance.usecase import parse_charter

    actor = ctx.require(person, "use-case.open")
    charter = parse_charter(charter_text)
    about = charter.use_case
    if about.owner not in ctx.registry.people:
        raise Invalid(
            f"nobody called `{about.owner}` works here.",
            path="usecase.toml use_case.owner",
            remedy=f"bedrail people add {about.owner} --role clinical-lead",
        )
    digest = ctx.artifacts.put(charter_text.encode())
    fact = UseCaseOpened(
        use_case=about.id,
        title=about.title,
        tier=about.tier,
        mode=charter.decision.mode,
        owner=about.owner,
        charter=digest,
    )
    known = ctx.refresh().use_cases.get(about.id)
    hidden = to_shadow(known, "the charter changed") if known is not None and known.charter != digest else []
    ctx.append(actor, "governance", fact, *hidden, known=ctx.registry.seen)
    return charter


def find_candidate(view: UseCaseView, given: str = "") -> CandidateView:
    """The candidate meant by a name, a digest or its first letters; without any, the one admitted last."""
    if not view.candidates:
        raise NotFound("no candidate yet.", path=view.id, remedy=f"bedrail train {view.id} --recipe boosting")
    if not given:
        return list(view.candidates.values())[-1]
    named = [c for c in view.candidates.values() if c.name == given]
    matches = named[-1:] or [c for digest, c in view.candidates.items() if len(given) >= 4 and digest.startswith(given)]
    if len(matches) != 1:
        there = ", ".join(f"{c.name} ({d[:12]})" for d, c in view.candidates.items())
        raise NotFound(
            f"`{given}` names {len(matches) or 'no'} candidates.", path="candidate", remedy=f"There are: {there}."
        )
    return matches[0]


def judge_gate(ctx: Context, use_case: str, stage: str, candidate: str = "") -> tuple[Gate, str]:
    """May this candidate move to this stage now? Anyone may ask. Returns the gate and the candidate's digest."""
    view = ctx.use_case(use_case)
    digest = find_candidate(view, candidate).candidate if view.candidates else ""
    return judge(ctx.policy(), ctx.registry, use_case, digest or None, stage, ctx.clock.now()), digest


def ask_gate(ctx: Context, use_case: str, stage: str, candidate: str = "", *, sealed: bool = True) -> Gate:
    """As `judge_gate`, for whoever acts on the answer: open only on facts, evidence and bytes as they were sealed.

    That reads the whole tape (some 200,000 entries a second), so only when the answer would be yes, and not without
    `sealed`; `rests_on` says which it was. Raises `Corrupt` when they are gone, or others than were sealed. Nothing is
    recorded: a question, which anyone may ask, stops nobody's care.
    """
    from bedrail.journeys.packages import check_signature

    with _all_there():
        ctx.policy()
    gate, digest = judge_gate(ctx, use_case, stage, candidate)
    if not sealed or not isinstance(gate, Open):
        return gate
    registry = sound_facts(ctx)
    policy = ctx.policy(registry)
    gate = judge(policy, registry, use_case, digest, stage, ctx.clock.now())
    if not isinstance(gate, Open):  # what this process was told besides had opened it
        return gate
    view = registry.use_cases[use_case]
    rule = policy.stage(view.tier, stage)
    with _all_there():
        check_signature(ctx, registry, digest)
        ctx.artifacts.read_tree(digest)
        require_sound_evidence(ctx, view, digest, rule.checks if rule else ())
    return replace(gate, rests_on=AS_SEALED)


@contextmanager
def _all_there() -> Iterator[None]:
    """What is on record and not on disk is lost, and no slip of whoever asks."""
    try:
        yield
    except NotFound as error:
        raise Corrupt(f"something on record is gone. {error.message}", remedy=error.remedy) from error


def approve(
    ctx: Context,
    person: str,
    use_case: str,
    *,
    role: str,
    stage: str,
    candidate: str = "",
    valid_for: timedelta | None = None,
    comment: str = "",
) -> Approved:
    """Approve exact bytes of model, data and policy for a stage and the stages below it, until an expiry.

    However many approve the same thing at once, it is approved once: who comes second is judged again.
    """
    from bedrail.governance.approvals import check_approval

    actor = ctx.require(person, "approval.give")
    require_sound_facts(ctx)

    def judged() -> Approved:
        view = ctx.use_case(use_case)
        chosen = find_candidate(view, candidate)
        policy, now = ctx.policy(), ctx.clock.now()
        with duties(ctx, person, "approval.give"):
            expires = check_approval(
                policy, ctx.registry, view, chosen, person=person, role=role, stage=stage, now=now, valid_for=valid_for
            )
        return Approved(
            approval=ctx.ids.new(),
            use_case=use_case,
            candidate=chosen.candidate,
            dataset=view.dataset.dataset if view.dataset else "",
            policy=ctx.registry.policy,
            stage=stage,
            role=role,
            person=person,
            expires=expires.isoformat(timespec="seconds"),
            comment=comment,
        )

    return append_judged(ctx, actor, "governance", judged)


def object_to(
    ctx: Context, person: str, use_case: str, *, role: str, stage: str, reason: str, candidate: str = ""
) -> tuple[str, ...]:
    """Object in a role one holds; the gate closes until that role approves.

    What serves already goes, in the same commit, as the policy's `[on] objection` says; returns that in words.
    """
    actor = ctx.require(person, "approval.object")
    if role not in ctx.registry.people[person].roles:
        raise Refused(f"`{person}` does not hold the role {role}.", remedy="Object in a role you hold.")
    chosen = find_candidate(ctx.use_case(use_case), candidate)
    fact = Objected(use_case=use_case, candidate=chosen.candidate, stage=stage, role=role, person=person, reason=reason)
    view, why = ctx.use_case(use_case), f"{person} objects as {role}"
    return told(
        append_whole(
            ctx,
            actor,
            "governance",
            (fact,),
            lambda: after_objection(ctx.policy(), view, chosen.candidate, stage, why) if view.deployment else (),
        )
    )


def deploy(
    ctx: Context,
    person: str,
    use_case: str,
    stage: str,
    *,
    candidate: str = "",
    sites: tuple[str, ...] = (),
    share: int | None = None,
) -> DeploymentView:
    """Move a candidate to a stage when the gate is open; the gate's answer goes on record either way."""
    from bedrail.governance.stages import check_move

    actor = ctx.require(person, "deployment.move")
    require_none_standing(ctx)
    require_sound_facts(ctx)
    view = ctx.use_case(use_case)
    gate, digest = judge_gate(ctx, use_case, stage, candidate)
    known, current = ctx.registry.seen, stage_of(view, digest)
    check_move(current, stage)
    is_open = isinstance(gate, Open)
    judged = GateJudged(
        use_case=use_case,
        candidate=digest,
        stage=stage,
        open=is_open,
        reasons=() if isinstance(gate, Open) else tuple(r.message for r in gate.reasons),
        policy=ctx.registry.policy,
        until=gate.until if isinstance(gate, Open) else "",
    )
    if not isinstance(gate, Open):
        ctx.append(actor, "governance", judged)
        raise Refused(
            f"the gate of {use_case} to {stage} is closed.",
            remedy=f"bedrail gate {use_case} --to {stage} tells who can mend it.",
            reasons=judged.reasons,
        )
    per_mille = share_for(stage, share, ctx, view)
    check_scope(ctx.policy(), view.tier, stage, sites=sites, share=per_mille)
    load_candidate(ctx, digest)
    require_sound_evidence(ctx, view, digest, checks_at(ctx, view, stage))
    moved = DeploymentMoved(
        use_case=use_case,
        candidate=digest,
        from_stage=current,
        to_stage=stage,
        sites=sites,
        share=per_mille,
        until=gate.until,
    )
    ctx.append(actor, "governance", judged, moved, known=known)
    deployment = ctx.use_case(use_case).deployment
    assert deployment is not None
    return deployment


def checks_at(ctx: Context, view: UseCaseView, stage: str) -> tuple[str, ...]:
    """The checks that the policy asks of this use case's tier at a stage."""
    rule = ctx.policy().stage(view.tier, stage)
    return rule.checks if rule else ()


def stage_of(view: UseCaseView, candidate: str) -> str:
    """The stage at which this candidate serves now; `none` when it does not."""
    deployment = view.deployment
    if deployment is None or deployment.halted or deployment.candidate != candidate:
        return "none"
    return deployment.stage


def share_for(stage: str, share: int | None, ctx: Context, view: UseCaseView) -> int:
    """Per mille of patients who are served; a canary takes the policy's share unless a smaller one is asked for."""
    if stage != "canary":
        return 1000 if share is None else share
    limit = ctx.policy().canary_share(view.tier)
    if share is not None and share > limit:
        raise Refused(f"a canary may serve at most {limit} per mille here.", remedy=f"Ask for --share {limit / 10:g}%.")
    return limit if share is None else share


def load_candidate(ctx: Context, digest: str) -> dict[str, bytes]:
    """The candidate's files by name after every byte and the signature over them were checked.

    Raises `Refused` for a package that was never admitted; `Corrupt` when the bytes are not the approved ones, and puts
    that on record unless the same is on record already: many things read a candidate, also pages and exports.
    """
    from bedrail.core.events import ArtifactRefused
    from bedrail.journeys.packages import check_signature

    check_signature(ctx, ctx.refresh(), digest)
    try:
        return ctx.artifacts.read_tree(digest)
    except Corrupt as error:
        if ctx.refresh().refused_artifacts.get(digest) != error.message:
            ctx.append(SYSTEM, "security", ArtifactRefused(digest=digest, kind="package", reason=error.message))
        raise


def halt(ctx: Context, person: str, use_case: str, reason: str) -> bool:
    """Stop all answers of a use case; one person suffices, no quorum (RACI: kill switch); see `stopping.stop`."""
    return stop(ctx, person, use_case, reason)


def roll_back(ctx: Context, person: str, use_case: str, reason: str, *, to: str = "") -> DeploymentView:
    """Return in one step to an earlier version that is still approved for the stage it then served at.

    One whose bytes or evidence are no longer the recorded ones is passed over for the next; when there is no other,
    that is what is raised (`Corrupt`, or `NotFound` for a package that is gone).
    """
    actor = ctx.require(person, "deployment.roll-back")
    require_none_standing(ctx)
    require_sound_facts(ctx)
    view = ctx.use_case(use_case)
    if view.deployment is None:
        raise Refused("nothing is deployed.", remedy=f"bedrail deploy {use_case} --to shadow")
    current = view.deployment.candidate
    wanted = find_candidate(view, to).candidate if to else ""
    broken: Corrupt | NotFound | None = None
    for earlier in tuple(reversed(view.history)):
        if earlier.candidate == current or earlier.stage == "shadow" or (wanted and earlier.candidate != wanted):
            continue
        gate = judge(ctx.policy(), ctx.registry, use_case, earlier.candidate, earlier.stage, ctx.clock.now())
        known = ctx.registry.seen
        if isinstance(gate, Open):
            try:
                load_candidate(ctx, earlier.candidate)
                require_sound_evidence(ctx, view, earlier.candidate, checks_at(ctx, view, earlier.stage))
            except (Corrupt, NotFound) as error:
                broken = error
                continue
            fact = DeploymentRolledBack(
                use_case=use_case,
                from_candidate=current,
                to_candidate=earlier.candidate,
                stage=earlier.stage,
                sites=tuple(sorted(earlier.sites)),
                share=earlier.share,
                until=gate.until,
                reason=reason,
            )
            ctx.append(actor, "safety", fact, known=known)
            deployment = ctx.use_case(use_case).deployment
            assert deployment is not None
            return deployment
    if broken is not None:
        raise broken
    raise Refused(
        "there is no earlier version whose gate is open.",
        remedy=f"bedrail halt {use_case} stops it; approve an earlier one.",
    )
