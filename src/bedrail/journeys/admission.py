"""Data and candidates are admitted: de-identified, split, trained or imported, stored under their digests, signed."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import CandidateAdmitted, DatasetAdmitted, DatasetBuilt, DatasetSplit, Fact
from bedrail.core.values import Value, Verdict
from bedrail.data.consent import Applied, apply_consent
from bedrail.data.minimum import needed_rows
from bedrail.data.profile import profile
from bedrail.data.quality import assess_quality
from bedrail.data.quality_page import pictures_of, quality_html
from bedrail.data.quality_values import QualityReport
from bedrail.governance.views import UseCaseView
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import MOST_NAMED, stored, told
from bedrail.journeys.packages import package_statement

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bedrail.governance.usecase import Charter
    from bedrail.models.values import Package
    from bedrail.privacy.tables import Treatment

Progress = Callable[[str], None]


CANDIDATE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
"""Reports bear the candidate's name in their file names, and commands take it as an argument."""


def quiet(_: str) -> None:
    """Progress that nobody watches."""


class Making(Value, frozen=True, kw_only=True):
    """Where a table comes from, as far as it is known: sources and steps as `name@digest`, the query's SHA-256."""

    sources: tuple[str, ...] = ()
    query: str = ""
    steps: tuple[str, ...] = ()


@dataclass(slots=True)
class _Cleared:
    """A table on its way in: what is left of it, what was found and done, and how much fell away for which reason."""

    table: pd.DataFrame
    report: QualityReport
    treatments: tuple[Treatment, ...]
    not_needed: int
    without_consent: Applied
    columns_before: int


def admit_data(
    ctx: Context,
    person: str,
    use_case: str,
    frame: pd.DataFrame,
    *,
    source: str,
    making: Making | None = None,
    progress: Progress = quiet,
) -> QualityReport:
    """Minimise, de-identify, leave out who did not consent, profile, check, store and split a table.

    Refused when a blocking quality rule is broken, or nobody is left whose data may be used. The table rests as a
    Parquet file sealed under a data key of its own, with pseudonyms for patients and encounters. Patients of a holdout
    that was opened before may be in any part but the new holdout (`spare_known`).
    """
    from bedrail.data.digest import table_digest
    from bedrail.data.quality_evidence import quality_evidence
    from bedrail.data.splits import hold_out_sites, spare_known, split
    from bedrail.journeys.deid_evidence import judge_admission
    from bedrail.journeys.examination import record_evidence

    actor = ctx.require(person, "data.admit")
    charter = ctx.charter(use_case)
    roles = charter.roles()
    reads: list[Fact] = []
    cleared = _cleared(ctx, charter, frame, progress, reads)
    table, report = cleared.table, cleared.report
    measured = profile(table, identifiers=(roles.subject, roles.encounter))
    digest = table_digest(table)
    progress("stored under its content digest; split by patient and time")
    subject, spared = table[roles.subject].to_numpy(), 0
    parts = split(subject, table[roles.time].to_numpy(), charter.data.shares.as_dict())
    if charter.data.holdout_sites:
        parts = hold_out_sites(parts, subject, table[roles.site].to_numpy(), charter.data.holdout_sites)
    view, known = ctx.use_case(use_case), ctx.registry.seen
    opened_before = digest in view.datasets and bool(view.datasets[digest].holdout_opened_at)
    if not opened_before:
        parts, spared = spare_known(parts, subject, _looked_at(ctx, view, reads))
    paper = {
        "profile": measured,
        "quality": report,
        "treatments": cleared.treatments,
        "dataset": digest,
        "spared_holdout_rows": spared,
        "rows_without_consent": cleared.without_consent.rows,
        "rows_not_needed": cleared.not_needed,
    }
    admitted = DatasetAdmitted(
        dataset=digest,
        use_case=use_case,
        source=source,
        rows=len(table),
        columns=len(table.columns),
        profile=ctx.artifacts.put(msgspec.json.encode(paper)),
        verdict=str(report.verdict),
        artifact=ctx.put_sealed(_parquet(table), dataset=digest, kind="table"),
    )
    split_fact = DatasetSplit(
        dataset=digest, use_case=use_case, split=ctx.artifacts.put(_parquet_labels(parts.labels)), counts=parts.counts
    )
    built = _built(ctx, view, charter, digest, cleared, making or Making(sources=(source,)))
    again = () if opened_before else (split_fact,)  # an opened holdout stays with the split that it was opened under
    ctx.append(actor, "research", admitted, built, *again, *reads, known=known)
    record_evidence(ctx, actor, [quality_evidence(report)], use_case=use_case, candidate="", dataset=digest)
    judge_admission(ctx, actor, digest, table, roles, cleared.treatments, (making or Making()).sources)
    drawn = pictures_of(table, measured)
    page = quality_html(report, measured, title=ctx.use_case(use_case).title, digest=digest, pictures=drawn)
    write_report(ctx, use_case, "data-quality.html", page)
    return report


def _built(
    ctx: Context, view: UseCaseView, charter: Charter, digest: str, cleared: _Cleared, making: Making
) -> DatasetBuilt:
    plan, previous = charter.data, view.dataset
    if previous is not None and previous.dataset == digest:  # the same bytes again follow what they followed before
        earlier = [name for name in view.datasets if name != digest]
        before = earlier[-1] if earlier else ""
    else:
        before = previous.dataset if previous is not None else ""
    kept = tuple(str(name) for name in cleared.table.columns)
    return DatasetBuilt(
        dataset=digest,
        use_case=view.id,
        purpose=plan.purpose,
        jurisdiction=ctx.registry.consents.rules,
        waiver=plan.waiver,
        sources=making.sources,
        query=making.query,
        steps=making.steps,
        previous=before,
        columns=kept[:MOST_NAMED],
        columns_left_out=cleared.columns_before - len(kept),
        rows_not_needed=cleared.not_needed,
        rows_without_consent=cleared.without_consent.rows,
        people_without_consent=cleared.without_consent.people,
    )


def _cleared(ctx: Context, charter: Charter, frame: pd.DataFrame, progress: Progress, reads: list[Fact]) -> _Cleared:
    """The needed, de-identified table of people who may be used, and its quality report; raises `Refused`."""
    from bedrail.privacy.tables import deidentify_table, withhold_strays

    policy = ctx.policy()
    roles, features = charter.roles(), charter.features
    roles.require([str(name) for name in frame.columns], path="usecase.toml data")
    needed = needed_rows(frame, charter.data.rows)
    chosen = frame[needed].reset_index(drop=True) if not needed.all() else frame
    if chosen.empty:
        raise Invalid("no row is one that the purpose needs.", path="usecase.toml data.rows", remedy="Mend the rules.")
    progress("pseudonyms for patients and encounters, undeclared columns left out")
    declared = [*(f.name for f in features), *charter.data.columns]
    table, treatments = deidentify_table(chosen, roles, declared, ctx.pseudonyms.pseudonym)
    applied = _consenting(ctx, charter, table)
    if applied.rows:
        progress(f"{applied.rows} rows of people without consent left out")
        table = table[list(applied.keep)].reset_index(drop=True)
    progress("profile and quality rules")
    report = assess_quality(table, roles, features, policy=policy.quality, rules=charter.data.rules)
    report = _with_drift(ctx, charter, table, report, reads)
    if report.verdict is Verdict.FAIL:
        reasons = tuple(f"{f.column}: {f.reason}" for f in report.broken("block"))
        raise Refused(
            "the data breaks blocking quality rules.", remedy="Mend the extract and try again.", reasons=reasons
        )
    levels = {f.name: f.levels for f in features if f.kind == "categorical" and f.name in table.columns}
    table, withheld = withhold_strays(table, roles, levels)
    return _Cleared(
        table=table,
        report=report,
        treatments=(*treatments, *withheld),
        not_needed=int((~needed).sum()),
        without_consent=applied,
        columns_before=len(frame.columns),
    )


def _with_drift(
    ctx: Context, charter: Charter, table: pd.DataFrame, report: QualityReport, reads: list[Fact]
) -> QualityReport:
    """The report with what drifted since the version before, where there is one that can still be read."""
    from bedrail.data.diff import diff_tables, drift_findings
    from bedrail.data.quality_values import reported

    previous, roles = ctx.use_case(charter.use_case.id).dataset, charter.roles()
    if previous is None:
        return report
    try:
        before, _ = stored(ctx, previous)
    except NotFound:
        return report
    why = "drift against the new version"
    reads.append(told(charter.use_case.id, previous.dataset, list(before.columns), len(before), "all", why))
    skip = (roles.subject, roles.encounter, roles.time)
    policy = ctx.policy().quality
    drift = drift_findings(diff_tables(before, table, skip=skip), policy.limits)
    return reported(report.rows, (*report.findings, *drift), policy)


def _consenting(ctx: Context, charter: Charter, table: pd.DataFrame) -> Applied:
    """Whose rows may be used for the charter's purpose; raises `Refused` when nobody's may."""
    plan, consents = charter.data, ctx.refresh().consents
    applied = apply_consent(
        table[plan.subject].tolist(),
        consents.choices,
        consents.defaults.get(plan.purpose, ""),
        purpose=plan.purpose,
        use_case=charter.use_case.id,
        now=ctx.clock.now().timestamp(),
        waiver=plan.waiver,
    )
    if applied.rows == len(table):
        raise Refused(
            f"under the consent rules `{consents.rules}` nobody's data may be used for {plan.purpose}.",
            remedy="Import the consents that were given (bedrail consent import), name a board's waiver in "
            "usecase.toml [data] waiver where the rules know one, or state another purpose.",
            reasons=("consent",),
        )
    return applied


def _looked_at(ctx: Context, view: UseCaseView, reads: list[Fact]) -> set[str]:
    """The pseudonyms of all patients in this use case's opened holdouts, each by the charter's present subject column.

    `reads` takes the facts of these reads. Raises `Refused` when an opened table does not have that column: then
    nobody could tell.
    """
    subject = ctx.charter(view.id).roles().subject
    found: set[str] = set()
    for dataset in view.datasets.values():
        if not dataset.holdout_opened_at:
            continue
        frame, labels = stored(ctx, dataset)
        if subject not in frame.columns:
            raise Refused(
                f"the holdout opened on {dataset.holdout_opened_at[:10]} has no column `{subject}`.",
                remedy="Keep the name of the patients' column: without it nobody can tell who was looked at.",
            )
        looked_at = frame.loc[(labels == "holdout").to_numpy(), subject]
        why = "keeping who was looked at out of the new holdout"
        reads.append(told(view.id, dataset.dataset, (subject,), len(looked_at), "holdout", why))
        found |= set(looked_at)
    return found


def admission_paper(ctx: Context, use_case: str) -> dict[str, Any]:
    """What the newest admission measured and did: profile, quality, treatments, and rows that fell away."""
    dataset = ctx.use_case(use_case).dataset
    paper: dict[str, Any] = {} if dataset is None else msgspec.json.decode(ctx.artifacts.get(dataset.profile))
    return paper


def _parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False, compression="zstd")
    return out.getvalue()


def _parquet_labels(labels: np.ndarray) -> bytes:
    import pandas as pd

    return _parquet(pd.DataFrame({"part": pd.Categorical(labels)}))


def write_report(ctx: Context, use_case: str, name: str, text: str) -> Path:
    """Put a page where people look: HOME/reports/USE_CASE/NAME; whole or not at all, and for this account only."""
    path = ctx.home / "reports" / use_case / name
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{name}.{ctx.ids.new()}")  # two reports may be written at once
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return path


def admit_candidate(ctx: Context, person: str, use_case: str, package: Package, model: bytes, *, origin: str) -> str:
    """Store a model package, sign its digest and enter it in the registry; returns the digest.

    Where the use case keeps scenarios, they run at once, on record.
    """
    from bedrail.models.package import write_package

    actor = ctx.require(person, "candidate.train")
    if not CANDIDATE_NAME.match(package.name):
        remedy = "Use 1 to 64 letters, digits, `.`, `_` or `-`, such as boosted-2."
        raise Invalid("this cannot be the name of a candidate.", path="--name", remedy=remedy)
    with TemporaryDirectory() as folder:
        write_package(Path(folder), package, model)
        digest = ctx.artifacts.put_tree(Path(folder))
    dataset = ctx.use_case(use_case).dataset
    fact = CandidateAdmitted(
        candidate=digest,
        use_case=use_case,
        name=package.name,
        kind=package.kind,
        origin=origin,
        dataset=dataset.dataset if dataset else "",
        author=person,
        signature=ctx.signer.sign(package_statement(digest)).hex(),
    )
    ctx.append(actor, "research", fact)
    view = ctx.use_case(use_case)
    if view.suite:
        from bedrail.journeys.scenarios import run_on_record

        run_on_record(ctx, actor, use_case, (view.candidates[digest],))
    return digest
