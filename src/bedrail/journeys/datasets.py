"""What people ask of admitted datasets: versions, what changed between two, and whether anything leaks."""

from __future__ import annotations

from typing import Any

from bedrail.core.errors import NotFound
from bedrail.core.events import DatasetBuilt, decode
from bedrail.data.diff import TableDiff, diff_tables
from bedrail.data.leakage import Leak, leaks
from bedrail.governance.views import DatasetView
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told


def built_facts(ctx: Context, use_case: str) -> dict[str, DatasetBuilt]:
    """How each dataset of a use case came about, by digest; the newest account where one was admitted twice."""
    found: dict[str, DatasetBuilt] = {}
    for _, data in ctx.tape.registry_entries(0):
        if b"dataset.built" in data:
            fact = decode(data).fact
            if isinstance(fact, DatasetBuilt) and fact.use_case == use_case:
                found[fact.dataset] = fact
    return found


def list_versions(ctx: Context, use_case: str) -> list[dict[str, Any]]:
    """Every dataset of a use case, oldest first."""
    built = built_facts(ctx, use_case)
    rows = []
    for view in ctx.use_case(use_case).datasets.values():
        made = built.get(view.dataset)
        rows.append(
            {
                "dataset": view.dataset[:12],
                "digest": view.dataset,
                "at": view.at[:19],
                "rows": view.rows,
                "quality": view.verdict,
                "purpose": made.purpose if made else "",
                "without consent": made.rows_without_consent if made else None,
                "holdout opened": view.holdout_opened_at[:10] or "no",
                "previous": made.previous if made else "",
            }
        )
    return rows


def find_version(ctx: Context, use_case: str, named: str) -> DatasetView:
    """The dataset by digest or its beginning; raises `NotFound` when none, or more than one, begins so."""
    known = ctx.use_case(use_case).datasets
    begins = [view for digest, view in known.items() if named and digest.startswith(named)]
    if len(begins) != 1:
        there = ", ".join(digest[:12] for digest in known) or "none yet"
        raise NotFound(
            f"{use_case} has {'more than one' if begins else 'no'} dataset `{named[:64]}`.",
            path="dataset",
            remedy=f"There are: {there}.",
        )
    return begins[0]


def compare_versions(ctx: Context, person: str, use_case: str, before: str, after: str) -> TableDiff:
    """Two versions compared row by row (by encounter) and column by column; both reads are on record."""
    actor = ctx.require(person, "data.read")
    roles = ctx.charter(use_case).roles()
    views = [find_version(ctx, use_case, named) for named in (before, after)]
    frames = [stored(ctx, view)[0] for view in views]
    facts = [
        told(use_case, view.dataset, list(frame.columns), len(frame), "all", "comparing two versions")
        for view, frame in zip(views, frames, strict=True)
    ]
    ctx.append(actor, "research", *facts)
    return diff_tables(frames[0], frames[1], key=(roles.encounter,), skip=(roles.subject, roles.time))


def find_leaks(ctx: Context, person: str, use_case: str) -> tuple[Leak, ...]:
    """Every question of `data.leakage` about the admitted data; nobody sees a row, and the read is on record."""
    actor = ctx.require(person, "data.read")
    charter, view = ctx.charter(use_case), ctx.use_case(use_case).dataset
    if view is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    frame, labels = stored(ctx, view)
    ctx.append(
        actor, "research", told(use_case, view.dataset, list(frame.columns), len(frame), "all", "looking for leaks")
    )
    return leaks(
        frame,
        labels.to_numpy(dtype=str),
        subject=charter.data.subject,
        outcome=charter.data.outcome,
        features=[feature.name for feature in charter.features],
        time=charter.data.time,
        measured_at=charter.data.measured_at,
    )
