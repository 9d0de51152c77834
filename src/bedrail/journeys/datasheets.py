"""Datasheets: measured from facts and data at every making, with people's answers kept from version to version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.core.errors import NotFound
from bedrail.core.events import DatasetBuilt, DatasetRead, DatasheetMade, decode
from bedrail.data.datasheet import Answer, Datasheet, datasheet_html, datasheet_markdown, make_datasheet
from bedrail.data.profile import SMALLEST_CELL
from bedrail.governance.views import DatasetView, UseCaseView
from bedrail.journeys.admission import write_report
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import stored, told
from bedrail.journeys.datasets import built_facts

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.governance.usecase import Charter

PAGE = "datasheet.html"


def describe_dataset(ctx: Context, person: str, use_case: str, answers: Mapping[str, str] | None = None) -> Datasheet:
    """Make the datasheet of the newest dataset, with new answers beside those kept, and its page among the reports.

    The sheet is stored under its digest, and the fact names the questions that are missing or stale. Raises `Refused`
    for a role that may not read data, `NotFound` without data.
    """
    actor = ctx.require(person, "data.read")
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    dataset = view.dataset
    if dataset is None:
        raise NotFound("no data was admitted yet.", path=use_case, remedy=f"bedrail data admit {use_case}")
    frame, _ = stored(ctx, dataset)
    now = ctx.clock.now()
    kept = dict(last_answers(ctx, use_case))
    for name, text in (answers or {}).items():
        kept[name] = Answer(text=text, by=person, at=now.timestamp(), dataset=dataset.dataset)
    sheet = make_datasheet(
        _measured(ctx, view, charter, dataset, frame),
        kept,
        dataset=dataset.dataset,
        use_case=use_case,
        title=view.title,
        made_at=now.isoformat(timespec="seconds"),
        now=now.timestamp(),
    )
    fact = DatasheetMade(
        dataset=dataset.dataset,
        use_case=use_case,
        sheet=ctx.artifacts.put(msgspec.json.encode(sheet)),
        missing=sheet.standing("missing"),
        stale=sheet.standing("stale"),
    )
    read = told(use_case, dataset.dataset, list(frame.columns), len(frame), "all", "making the datasheet")
    ctx.append(actor, "governance", fact, read)
    write_report(ctx, use_case, PAGE, datasheet_html(sheet))
    write_report(ctx, use_case, "datasheet.md", datasheet_markdown(sheet))
    write_report(ctx, use_case, "datasheet.json", msgspec.json.format(msgspec.json.encode(sheet), indent=1).decode())
    return sheet


def last_answers(ctx: Context, use_case: str) -> dict[str, Answer]:
    """People's answers in the newest datasheet of a use case."""
    newest = ""
    for _, data in ctx.tape.registry_entries(0):
        if b"dataset.described" in data:
            fact = decode(data).fact
            if isinstance(fact, DatasheetMade) and fact.use_case == use_case:
                newest = fact.sheet
    return msgspec.json.decode(ctx.artifacts.get(newest), type=Datasheet).answers if newest else {}


def _measured(
    ctx: Context, view: UseCaseView, charter: Charter, dataset: DatasetView, frame: pd.DataFrame
) -> dict[str, str]:
    built = built_facts(ctx, view.id).get(dataset.dataset)
    paper: dict[str, Any] = msgspec.json.decode(ctx.artifacts.get(dataset.profile))
    plan = charter.data
    people = int(frame[plan.subject].nunique())
    rate = float((frame[plan.outcome] == 1).mean())
    period = f"{frame[plan.time].min()} to {frame[plan.time].max()} ({plan.time})"
    return {
        "purpose": f"{charter.use_case.intended_use} Purpose for consent: {plan.purpose}.",
        "instances": f"One encounter ({plan.encounter}). {len(frame)} rows of {people} people; {period}.",
        "columns": _columns(paper),
        "outcome": f"{plan.outcome}: {rate:.1%} of {int(frame[plan.outcome].notna().sum())} labelled rows.",
        "groups": _groups(frame, plan.groups),
        "errors": _errors(paper),
        "splits": ", ".join(f"{part} {count}" for part, count in dataset.counts.items())
        + "; by patient and time, no patient in two parts. Holdout "
        + (f"opened {dataset.holdout_opened_at[:10]}." if dataset.holdout_opened_at else "not opened."),
        "sources": _sources(dataset, built),
        "consent": _consent(built),
        "treatments": "\n".join(f"{t['column']}: {t['action']} ({t['rule']})" for t in paper.get("treatments", ())),
        "so-far": _uses(ctx, view, dataset),
        "owner": f"{view.owner} answers for the use case {view.id}.",
        "versions": _versions(view, dataset, built),
    }


def _columns(paper: dict[str, Any]) -> str:
    columns = paper["profile"]["columns"]
    return "\n".join(f"{c['name']}: {c['kind']}, {c['distinct']} distinct, {c['missing']:.1%} missing" for c in columns)


def _groups(frame: pd.DataFrame, groups: tuple[str, ...]) -> str:
    lines = []
    for name in groups:
        counts = frame[name].astype(str).where(frame[name].notna(), "missing").value_counts()
        shown = [f"{value} {count}" for value, count in counts.head(20).items() if count >= SMALLEST_CELL]
        rare = int((counts < SMALLEST_CELL).sum())
        lines.append(f"{name}: {', '.join(shown)}" + (f"; {rare} values of fewer than 11 rows" if rare else ""))
    return "\n".join(lines) or "No groups are declared."


def _errors(paper: dict[str, Any]) -> str:
    broken = [f for f in paper["quality"]["findings"] if f["verdict"] == "fail"]
    return "\n".join(f"{f['level']}, {f['rule']}, {f['column']}: {f['reason']}" for f in broken) or "None by the rules."


def _sources(dataset: DatasetView, built: DatasetBuilt | None) -> str:
    if built is None:
        return dataset.source
    lines = [f"Source {name}" for name in built.sources] + [f"Step {name}" for name in built.steps]
    return "\n".join([*lines, f"Query {built.query}" if built.query else "Query: not told"])


def _consent(built: DatasetBuilt | None) -> str:
    if built is None:
        return "Admitted before consent was applied."
    waiver = f" Waiver: {built.waiver}." if built.waiver else ""
    gone = f"{built.rows_without_consent} rows of {built.people_without_consent} people were left out"
    return (
        f"Consent rules `{built.jurisdiction}` for {built.purpose}: {gone}.{waiver} A choice can be taken back at any "
        f"time; the next version leaves the person out."
    )


def _uses(ctx: Context, view: UseCaseView, dataset: DatasetView) -> str:
    made = [c.name for c in view.candidates.values() if c.dataset == dataset.dataset]
    reads: Counter[str] = Counter()
    for _, data in ctx.tape.registry_entries(0):
        if b"dataset.read" in data and dataset.dataset.encode() in data:
            fact = decode(data).fact
            if isinstance(fact, DatasetRead) and fact.dataset == dataset.dataset:
                reads[fact.reason] += 1
    lines = [f"Models made from it: {', '.join(made) or 'none'}."]
    lines += [f"Read {count} times for: {reason}" for reason, count in reads.most_common(10)]
    return "\n".join(lines)


def _versions(view: UseCaseView, dataset: DatasetView, built: DatasetBuilt | None) -> str:
    known = ", ".join(f"{digest[:12]} ({each.at[:10]})" for digest, each in view.datasets.items())
    previous = f" Follows {built.previous[:12]}; see bedrail data versions --diff." if built and built.previous else ""
    return f"This is {dataset.dataset[:12]} of: {known}.{previous}"
