"""Data and candidates are admitted: de-identified, split, trained or imported, stored under their digests, signed."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import CandidateAdmitted, DatasetAdmitted, DatasetSplit
from bedrail.core.values import Verdict
from bedrail.data.profile import profile
from bedrail.data.quality import QualityReport, assess_quality
from bedrail.data.quality_page import quality_html
from bedrail.governance.views import DatasetView, UseCaseView
from bedrail.journeys.context import Context
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


def admit_data(
    ctx: Context, person: str, use_case: str, frame: pd.DataFrame, *, source: str, progress: Progress = quiet
) -> QualityReport:
    """De-identify, profile, check, store and split a table; refused when a blocking quality rule is broken.

    The table rests as a Parquet file sealed under a data key of its own, with pseudonyms for patients and encounters.
    Patients of a holdout that was opened before may be in any part but the new holdout (`spare_known`).
    """
    from bedrail.data.digest import table_digest
    from bedrail.data.quality_evidence import quality_evidence
    from bedrail.data.splits import spare_known, split
    from bedrail.journeys.examination import record_evidence

    actor = ctx.require(person, "data.admit")
    charter = ctx.charter(use_case)
    roles = charter.roles()
    table, report, treatments = _cleared(ctx, charter, frame, progress)
    measured = profile(table, identifiers=(roles.subject, roles.encounter))
    digest = table_digest(table)
    progress("stored under its content digest; split by patient and time")
    subject, spared = table[roles.subject].to_numpy(), 0
    parts = split(subject, table[roles.time].to_numpy(), charter.data.shares.as_dict())
    view, known = ctx.use_case(use_case), ctx.registry.seen
    opened_before = digest in view.datasets and bool(view.datasets[digest].holdout_opened_at)
    if not opened_before:
        parts, spared = spare_known(parts, subject, _looked_at(ctx, view))
    paper = {
        "profile": measured,
        "quality": report,
        "treatments": treatments,
        "dataset": digest,
        "spared_holdout_rows": spared,
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
    again = () if opened_before else (split_fact,)  # an opened holdout stays with the split that it was opened under
    ctx.append(actor, "research", admitted, *again, known=known)
    record_evidence(ctx, actor, [quality_evidence(report)], use_case=use_case, candidate="", dataset=digest)
    page = quality_html(report, measured, title=ctx.use_case(use_case).title, digest=digest)
    write_report(ctx, use_case, "data-quality.html", page)
    return report


def _cleared(
    ctx: Context, charter: Charter, frame: pd.DataFrame, progress: Progress
) -> tuple[pd.DataFrame, QualityReport, tuple[Treatment, ...]]:
    """The de-identified table, its quality report, and what was done to which column; raises `Refused`."""
    from bedrail.privacy.tables import deidentify_table, withhold_strays

    roles, features = charter.roles(), charter.features
    roles.require([str(name) for name in frame.columns], path="usecase.toml data")
    progress("pseudonyms for patients and encounters, undeclared columns left out")
    table, treatments = deidentify_table(frame, roles, [f.name for f in features], ctx.pseudonyms.pseudonym)
    progress("profile and quality rules")
    report = assess_quality(table, roles, features)
    if report.verdict is Verdict.FAIL:
        reasons = tuple(f"{f.column}: {f.reason}" for f in report.broken("block"))
        raise Refused(
            "the data breaks blocking quality rules.", remedy="Mend the extract and try again.", reasons=reasons
        )
    levels = {f.name: f.levels for f in features if f.kind == "categorical" and f.name in table.columns}
    table, withheld = withhold_strays(table, roles, levels)
    return table, report, (*treatments, *withheld)


def _looked_at(ctx: Context, view: UseCaseView) -> set[str]:
    """The pseudonyms of all patients in this use case's opened holdouts, each by the charter's present subject column.

    Raises `Refused` when an opened table does not have that column: then nobody could tell.
    """
    subject = ctx.charter(view.id).roles().subject
    found: set[str] = set()
    for dataset in view.datasets.values():
        if not dataset.holdout_opened_at:
            continue
        frame, labels = _stored(ctx, dataset)
        if subject not in frame.columns:
            raise Refused(
                f"the holdout opened on {dataset.holdout_opened_at[:10]} has no column `{subject}`.",
                remedy="Keep the name of the patients' column: without it nobody can tell who was looked at.",
            )
        found |= set(frame.loc[(labels == "holdout").to_numpy(), subject])
    return found


def spared_holdout_rows(ctx: Context, use_case: str) -> int:
    """How many rows the newest admission kept out of the holdout, since their patients were looked at before."""
    dataset = ctx.use_case(use_case).dataset
    paper = {} if dataset is None else msgspec.json.decode(ctx.artifacts.get(dataset.profile))
    return int(paper.get("spared_holdout_rows", 0))


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


def read_part(ctx: Context, use_case: str, *parts: str) -> pd.DataFrame:
    """The rows of some parts of the admitted dataset, never the holdout (see `examination.open_holdout`)."""
    if "holdout" in parts:
        raise Refused("the holdout is locked.", remedy="It is opened once, on record, by: bedrail examine.")
    frame, labels = read_dataset(ctx, use_case)
    return frame[labels.isin(parts).to_numpy()].reset_index(drop=True)


def read_dataset(ctx: Context, use_case: str) -> tuple[pd.DataFrame, pd.Series]:
    """The admitted table and each row's part."""
    dataset = ctx.use_case(use_case).dataset
    if dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    return _stored(ctx, dataset)


def _stored(ctx: Context, dataset: DatasetView) -> tuple[pd.DataFrame, pd.Series]:
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(ctx.get_sealed(dataset.artifact)))
    labels = pd.read_parquet(io.BytesIO(ctx.artifacts.get(dataset.split)))["part"]
    return frame, labels


def train_candidate(
    ctx: Context, person: str, use_case: str, recipe: str, *, name: str = "", progress: Progress = quiet
) -> str:
    """Train by recipe on the train part, calibrate on the calibration part; returns the candidate's digest."""
    from bedrail.models.train import train
    from bedrail.models.values import Lineage

    actor = ctx.require(person, "candidate.train")
    charter, view = ctx.charter(use_case), ctx.use_case(use_case)
    train_rows, calibration_rows = read_part(ctx, use_case, "train"), read_part(ctx, use_case, "calibration")
    assert view.dataset is not None
    package, model = train(
        recipe,
        train_rows,
        calibration_rows,
        charter.contract(),
        charter.data.outcome,
        name=name or recipe,
        seed=0,
        subject=charter.data.subject,
        lineage=Lineage(origin="trained", dataset=view.dataset.dataset, split=view.dataset.split),
        progress=lambda what, _: progress(what),
    )
    return admit_candidate(ctx, actor.id, use_case, package, model, origin=f"recipe {recipe}")


def admit_candidate(ctx: Context, person: str, use_case: str, package: Package, model: bytes, *, origin: str) -> str:
    """Store a model package, sign its digest and enter it in the registry; returns the digest."""
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
    return digest
