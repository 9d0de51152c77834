"""Day one without integration: examine any score, a vendor's included, from two files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.values import Evidence, Finding, Value, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.checks.joining.timing import Timing
    from bedrail.checks.report import Report
    from bedrail.checks.tables import Joined
    from bedrail.checks.values import Cohort, Requirements
    from bedrail.core.values import Tier
    from bedrail.governance.policy import Policy
    from bedrail.governance.stages import Stage

FROM_SCORES = ("discrimination", "calibration", "thresholds", "net-benefit")
"""What scores and outcomes alone can answer; asked when no policy says otherwise.

Others count when they fail, but for those that are no property of the model (`catalogue.OF_THE_DEMAND`)."""
FROM_GROUPS = ("subgroups", "fairness")
FOLLOW_UP = "follow-up"
MIN_KNOWN_SHARE = 0.95
"""Below this share of predictions with a known outcome the figures may speak of other patients than those served."""


class Demands(Value, frozen=True, kw_only=True):
    """What is asked of a score: the numbers, the checks that count, and what the asking rests on.

    `required` None means: whatever the files can answer. `accepted` are checks whose missing evidence (never a
    failure) the policy accepts, with its reason.
    """

    requirements: Requirements
    required: tuple[str, ...] | None = None
    accepted: dict[str, str] = {}  # noqa: RUF012 (msgspec copies it)
    policy: str = ""
    words: str = "Bedrail's own defaults; no policy was named"


def demands_of(policy: Policy, tier: Tier, stage: Stage) -> Demands:
    """What `policy` asks of a model that is not ours (`remote`) at that tier and stage.

    Raises `Invalid` when the policy does not have the tier or stage: what it does not speak of is closed.
    """
    from bedrail.core.errors import Invalid

    rule, rules = policy.stage(tier, stage), policy.tier(tier)
    if rule is None or rules is None:
        known = ", ".join(f"{name} ({', '.join(each.stages)})" for name, each in policy.tiers.items())
        raise Invalid(
            f"the policy says nothing of stage {stage} in tier {tier}.",
            path="--tier" if rules is None else "--stage",
            remedy=f"It has: {known}.",
        )
    accepted = {check: policy.accepted(tier, stage, check, "remote") for check in rule.checks}
    return Demands(
        requirements=next(numbers for name, numbers in policy.requirements.items() if name == tier),
        required=rule.checks,
        accepted={check: one.reason for check, one in accepted.items() if one is not None},
        policy=policy.digest,
        words=f"{policy.name} {policy.version}, tier {tier}, stage {stage}",
    )


def examine_files(
    predictions: Path,
    events: Path,
    demands: Demands,
    groups: Sequence[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    event: str = "",
    timing: Timing | None = None,
    threshold: float | None = None,
    ignore_unknown: bool = False,
    title: str = "",
    made_at: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Read the two files and examine them as `examine_tables` does; `Invalid` names the file that cannot be read."""
    from bedrail.data.read import read_table

    return examine_tables(
        read_table(predictions),
        read_table(events),
        demands,
        groups,
        columns=columns,
        event=event,
        timing=timing,
        threshold=threshold,
        ignore_unknown=ignore_unknown,
        title=title,
        names=(predictions.name, events.name),
        made_at=made_at,
        progress=progress,
    )


def examine_tables(
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    demands: Demands,
    groups: Sequence[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    event: str = "",
    timing: Timing | None = None,
    threshold: float | None = None,
    intersections: Sequence[Sequence[str]] = (),
    ignore_unknown: bool = False,
    title: str = "",
    names: tuple[str, str] = ("predictions", "events"),
    checks: Sequence[str] | None = None,
    made_at: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Join the two tables (see `checks.tables.join`), ask every check, and judge by `demands`.

    The report counts only the checks that are demanded; without a policy, those that the tables can answer, with
    groups if any are known. It also says for how many predictions no outcome is known. `names` are what the report
    calls the tables, `checks` the only ones to ask (all without it). Raises `Invalid` with column path and remedy.
    """
    from bedrail.checks.asking import examine
    from bedrail.checks.report import Report, context_of
    from bedrail.checks.tables import join
    from bedrail.data.digest import table_digest

    chosen = tuple(groups) if groups is not None else None
    joined = join(
        predictions, events, groups=chosen, columns=columns, event=event, timing=timing, ignore_unknown=ignore_unknown
    )
    cohort, notes = cohort_of(joined, threshold, intersections)
    evidence = (follow_up(joined), *examine(cohort, demands.requirements, checks=checks, progress=progress))
    digests = {"predictions": table_digest(predictions), "events": table_digest(events)}
    evidence = tuple(_bound(one, digests["predictions"], demands.policy, made_at) for one in evidence)
    required, waived = _required(demands, evidence, grouped=not joined.groups.empty)
    context = context_of(
        cohort,
        demands.requirements,
        title=title or f"{names[0]}: does the score hold on our patients?",
        asked=(
            ("Score", f"{names[0]}, {joined.given:,} predictions"),
            ("Outcome", f"{joined.event}, {names[1]}"),
            ("Groups", ", ".join(joined.groups.columns) or "none: fairness was not examined"),
            ("Judged by", demands.words),
        ),
        required=required,
        notes=(*joined.notes, *notes, *waived),
        digests={**digests, **({"policy": demands.policy} if demands.policy else {})},
        made_at=made_at,
        code=f"bedrail/{version('bedrail')}",
    )
    return Report(evidence, context)


def cohort_of(
    joined: Joined, threshold: float | None, intersections: Sequence[Sequence[str]] = ()
) -> tuple[Cohort, tuple[str, ...]]:
    """The cohort of a joined table, and notes on what was assumed.

    Times that repeat within a subject count from each encounter; they are no common clock and are left out.
    """
    import pandas as pd

    from bedrail.checks.values import Cohort

    repeated = bool(pd.DataFrame({"subject": joined.subject, "time": joined.time}).duplicated().any())
    cohort = Cohort(
        outcome=joined.outcome,
        score=joined.score,
        groups=None if joined.groups.empty else joined.groups,
        intersections=tuple(tuple(each) for each in intersections),
        subject=joined.subject,
        time=None if repeated else joined.time,
        site=joined.site,
        baseline=joined.baseline,
        threshold=threshold,
        warnings=joined.warnings,
        interventions=joined.interventions or None,
    )
    note = "Times repeat within a subject: they count from each encounter and give no order between them."
    return cohort, (note,) if repeated else ()


def follow_up(joined: Joined) -> Evidence:
    """Evidence on how many predictions have a known outcome; missing below 95 %.

    Predictions made after the event or within the gap before it are no part of the question. The finding's interval
    says what the observed rate could be, had all of the unknown, or none, the event (Manski 1989).
    """
    asked = joined.given - joined.after - joined.early
    known = asked - joined.unknown
    share = known / asked if asked else 0.0
    verdict = Verdict.PASS if share >= MIN_KNOWN_SHARE else Verdict.MISSING
    reason = f"The outcome is known for {known:,} of {asked:,} predictions ({share:.1%})."
    if verdict is Verdict.MISSING:
        reason += f" At least {MIN_KNOWN_SHARE:.0%} are asked: those without one may be other patients."
    elif joined.open_ended > (1 - MIN_KNOWN_SHARE) * asked:
        verdict = Verdict.MISSING
        reason = (
            f"{joined.open_ended:,} of {asked:,} predictions have a window that ends after the last time in the "
            "tables: say until when patients were observed (--observed-until)."
        )
    findings = [Finding(check=f"{FOLLOW_UP}.known", verdict=verdict, estimate=share, n=asked, reason=reason)]
    if asked and joined.unknown:
        low, high = joined.happened / asked, (joined.happened + joined.unknown) / asked
        words = f"The observed rate lies between {low:.1%} and {high:.1%}, whatever became of the unknown."
        findings.append(
            Finding(
                check=f"{FOLLOW_UP}.rate-bounds",
                verdict=verdict,
                estimate=joined.happened / known if known else None,
                low=low,
                high=high,
                n=asked,
                reason=words,
            )
        )
    return Evidence(check=FOLLOW_UP, verdict=verdict, reason=reason, findings=tuple(findings))


def _bound(one: Evidence, dataset: str, policy: str, made_at: str) -> Evidence:
    import msgspec

    code = f"bedrail/{version('bedrail')}"
    return msgspec.structs.replace(one, dataset=dataset, policy=policy, made_at=made_at, code=code)


def _required(
    demands: Demands, evidence: Sequence[Evidence], *, grouped: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(checks that count, notes on missing evidence that the policy accepts)."""
    from bedrail.checks.catalogue import OF_THE_DEMAND

    if demands.required is None:
        asked = (FOLLOW_UP, *FROM_SCORES, *(FROM_GROUPS if grouped else ()))
        failed = (one.check for one in evidence if one.verdict is Verdict.FAIL and one.check not in OF_THE_DEMAND)
        return tuple(dict.fromkeys((*asked, *failed))), ()
    missing = {one.check for one in evidence if one.verdict is Verdict.MISSING}
    waived = [check for check in demands.required if check in missing and check in demands.accepted]
    notes = tuple(f"Missing, and accepted by the policy: {check}. {demands.accepted[check]}" for check in waived)
    return (FOLLOW_UP, *(check for check in demands.required if check not in waived)), notes
