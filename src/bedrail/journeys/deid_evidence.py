"""Signed evidence of de-identification: given by an admission, or added by a privacy officer for a run's output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import Actor, DeidentificationJudged
from bedrail.core.values import Evidence, Verdict
from bedrail.governance.deidentification import JudgedView
from bedrail.journeys.context import Context
from bedrail.journeys.deidentifying import bound_outputs
from bedrail.journeys.examination import read_evidence, signed_evidence
from bedrail.privacy.evidence import Limits, Measured, Method, admission_evidence, run_evidence
from bedrail.privacy.values import Manifest

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.data.roles import DataRoles
    from bedrail.privacy.tables import Treatment


def judge_admission(
    ctx: Context,
    actor: Actor,
    dataset: str,
    table: pd.DataFrame,
    roles: DataRoles,
    treatments: Sequence[Treatment],
    sources: Sequence[str] = (),
) -> Evidence:
    """Evidence about an admitted table, for use in this house; `sources` are `name@sha256` of what it was made from."""
    from bedrail.privacy.text import load

    known = ctx.registry.deidentification
    given = []
    until = ""
    for source in sources:
        name, _, digest = source.rpartition("@")
        judged = known.judged.get(digest)
        if judged is not None:
            given.append((name, Verdict(judged.verdict), judged.reason))
        elif digest in known.runs:
            given.append(
                (name, Verdict.PASS, f"made by a run on record ({known.runs[digest].medium}), judged by nobody")
            )
    found = admission_evidence(table, roles, treatments, load(mode="rules"), given)
    return _record(ctx, actor, found, dataset=dataset, method="inside", until=until, manifest="")


def judge_run(
    ctx: Context,
    person: str,
    manifest_digest: str,
    method: Method,
    measured: Measured,
    *,
    attest: bool = False,
    until: str = "",
) -> Evidence:
    """Evidence about the output of a run on record, for release by `method`; see `privacy.evidence`.

    `attest`: this person attests that they know of nothing by which somebody could be identified (45 CFR
    164.514(b)(2)(ii)). `until` (YYYY-MM-DD) is when an expert's determination ends; only that has such a date, and it
    must have one. Raises `Refused`, `NotFound` for a run that is not on record, `Invalid`.
    """
    actor = ctx.require(person, "deid.judge")
    manifest = run_manifest(ctx, manifest_digest)
    if method == "expert" and not until:
        raise Invalid("an expert's determination has an end.", path="--until", remedy="Give its date, YYYY-MM-DD.")
    if method != "expert" and until:
        raise Invalid("only an expert's determination has a date of its own.", path="--until", remedy="Leave it out.")
    ends = _end(ctx, until) if until else ""
    if attest:
        measured = msgspec.structs.replace(measured, attested_by=person)
    rule = ctx.policy().deidentification
    limits = Limits(
        max_leak_share=rule.max_leak_share, max_origin_gap=rule.max_origin_gap, max_record_risk=rule.max_record_risk
    )
    found = run_evidence(manifest, method, measured, limits)
    outputs = bound_outputs(manifest.outputs)
    if len(outputs) != 1:
        raise Invalid(
            f"the run has {len(outputs)} outputs.", path="MANIFEST", remedy="Evidence is about one file or one folder."
        )
    return _record(ctx, actor, found, dataset=outputs[0], method=method, until=ends, manifest=manifest_digest)


def run_manifest(ctx: Context, digest: str) -> Manifest:
    """The manifest of a run on record, by its digest; raises `NotFound`."""
    known = ctx.refresh().deidentification.runs.values()
    if not any(fact.manifest == digest for fact in known):
        raise NotFound(
            "no run of this manifest is on record here.", path="MANIFEST",
            remedy="Runs are recorded when a home is named: bedrail --home HOME deid ...",
        )  # fmt: skip
    return msgspec.json.decode(ctx.artifacts.get(digest), type=Manifest)


def list_judged(ctx: Context, person: str) -> list[tuple[JudgedView, str]]:
    """Each judgement and when it ends, see `ends_on`; raises `Refused`."""
    ctx.require(person, "deid.read")
    return [(view, ends_on(ctx, view)) for view in ctx.registry.deidentification.judged.values()]


def read_judged(ctx: Context, person: str, dataset: str) -> tuple[JudgedView, Evidence]:
    """The judgement of a dataset or output (the first letters of its digest do), its evidence verified."""
    ctx.require(person, "deid.read")
    judged = ctx.registry.deidentification.judged
    found = [view for digest, view in judged.items() if dataset and digest.startswith(dataset)]
    if len(found) != 1:
        raise NotFound("nothing is on record about it.", path="DIGEST", remedy="bedrail deid evidence show")
    return found[0], read_evidence(ctx, found[0].evidence)


def _record(
    ctx: Context, actor: Actor, found: Evidence, *, dataset: str, method: Method, until: str, manifest: str
) -> Evidence:
    evidence, digest = signed_evidence(ctx, actor, found, dataset=dataset)
    fact = DeidentificationJudged(
        dataset=dataset,
        evidence=digest,
        manifest=manifest,
        method=method,
        reason=evidence.reason,
        until=until,
        verdict=str(evidence.verdict),
    )
    ctx.append(actor, "privacy", fact)
    return evidence


def _end(ctx: Context, until: str) -> str:
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise Invalid("this is no date.", path="--until", remedy="Write it as YYYY-MM-DD.") from None
    if day <= ctx.clock.now().date():
        raise Invalid("this day is over.", path="--until", remedy="Give the day on which the determination ends.")
    return f"{day.isoformat()}T00:00:00+00:00"


def ends_on(ctx: Context, view: JudgedView) -> str:
    """When a judgement ends (`YYYY-MM-DD`) under the policy in force, as the gate counts; "" when it asks for none.

    The days are of the tiers of the use cases that the data was admitted to, the earliest of them; of all tiers when
    it was admitted to none, such as an output. A determination's own date comes first where it is earlier.
    """
    from bedrail.governance.moments import days_after, iso

    days = ctx.policy().deidentification.days
    tiers = {case.tier for case in ctx.registry.use_cases.values() if view.dataset in case.datasets}
    asked = [each for tier, each in days.items() if not tiers or tier in tiers]
    ends = min([view.until_epoch, *(days_after(view.at_epoch, each) for each in asked)])
    return "" if ends == float("inf") else iso(ends)[:10]
