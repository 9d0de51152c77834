"""What changed between two candidates, as one value: lines by kind, figures side by side, and its pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bedrail.checks.cards.values import Measure, Source
from bedrail.checks.pages import render
from bedrail.checks.words import number, plain_group
from bedrail.core.values import Value

Kind = Literal["data", "recipe", "code", "inputs", "use case", "policy", "verdicts", "approvals", "stages"]
KINDS: tuple[Kind, ...] = (
    "data", "recipe", "code", "inputs", "use case", "policy", "verdicts", "approvals", "stages",
)  # fmt: skip


class Change(Value, frozen=True, kw_only=True):
    """One thing that is another: how it was and how it is; an empty side means that it was not there."""

    kind: Kind
    what: str
    before: str
    after: str


class FigureChange(Value, frozen=True, kw_only=True):
    """A figure of both candidates. `apart` is whether their intervals do not meet, which is no paired test."""

    check: str
    label: str
    group: str
    before: Measure
    after: Measure
    apart: bool


class Summary(Value, frozen=True, kw_only=True):
    """What a person says about the change; kept for the pair."""

    text: str
    by: str
    at: str


class ChangeLog(Value, frozen=True, kw_only=True):
    """Everything that changed; `same_patients` is whether both were measured on the same data."""

    format: Literal["bedrail-changes/1"] = "bedrail-changes/1"
    use_case: str
    title: str
    before: str
    before_name: str
    after: str
    after_name: str
    made_at: str
    made_by: str
    same_patients: bool
    changes: tuple[Change, ...]
    figures: tuple[FigureChange, ...]
    sources: tuple[Source, ...]
    summary: Summary | None = None

    def of(self, kind: str) -> tuple[Change, ...]:
        """The changes of one kind."""
        return tuple(each for each in self.changes if each.kind == kind)


def differing(kind: Kind, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    """A change for each key whose value is another, is new, or is gone; in the order of the keys."""
    for what in dict.fromkeys((*before, *after)):
        was, now = _words(before.get(what)), _words(after.get(what))
        if was != now:
            yield Change(kind=kind, what=what, before=was, after=now)


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    return str(value)


def side_by_side(before: Sequence[Measure], after: Sequence[Measure]) -> tuple[FigureChange, ...]:
    """The figures that both have, by check and group; those whose intervals do not meet come first."""
    known = {(m.check, m.group): m for m in before}
    found = [
        FigureChange(
            check=m.check, label=m.label, group=m.group, before=known[m.check, m.group], after=m,
            apart=_apart(known[m.check, m.group], m),
        )
        for m in after
        if (m.check, m.group) in known
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: not each.apart))


def _apart(one: Measure, other: Measure) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low


def figure_cell(measure: Measure) -> str:
    """`0.672 (0.651 to 0.693), n 2,412`."""
    interval = "" if measure.low is None else f" ({number(measure.low)} to {number(measure.high)})"
    count = "" if measure.n is None else f", n {measure.n:,}"
    return f"{number(measure.estimate)}{interval}{count}"


def changes_json(log: ChangeLog) -> str:
    """The log itself, indented."""
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


def changes_html(log: ChangeLog) -> str:
    """The log as one page."""
    return render(
        "changes.html", log=log, kinds=KINDS, cell=figure_cell, plain_group=plain_group, words=same_words(log)
    )


def changes_markdown(log: ChangeLog) -> str:
    """The log as Markdown."""
    lines = [f"# What changed: {log.title}", "", f"From {log.before_name} (`{log.before[:12]}`) to {log.after_name} "
             f"(`{log.after[:12]}`), told {log.made_at} by {log.made_by}.", ""]  # fmt: skip
    if log.summary is not None:
        lines += ["## In people's words", "", log.summary.text, "", f"*{log.summary.by}, {log.summary.at[:10]}*", ""]
    for kind in KINDS:
        lines += [f"## {kind.capitalize()}", ""]
        told = [f"| {_cell(c.what)} | {_cell(c.before)} | {_cell(c.after)} |" for c in log.of(kind)]
        lines += ["| what | before | after |", "|---|---|---|", *told, ""] if told else ["Nothing changed.", ""]
    lines += ["## Figures", "", same_words(log), ""]
    if log.figures:
        lines += ["| measure | patients | before | after | intervals |", "|---|---|---|---|---|"]
        lines += [
            f"| {f.label} | {_cell(plain_group(f.group))} | {figure_cell(f.before)} | {figure_cell(f.after)} | "
            f"{'do not meet' if f.apart else 'meet'} |"
            for f in log.figures
        ]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>") or "–"


def same_words(log: ChangeLog) -> str:
    """On whom the figures rest, and what may be read from them."""
    if not log.figures:
        return "No figure is on record for both."
    whom = "the same held-out patients" if log.same_patients else "different held-out patients"
    apart = sum(each.apart for each in log.figures)
    return (
        f"Both were measured on {whom}. {apart} of {len(log.figures)} pairs of intervals do not meet. Intervals that "
        "meet do not show that nothing changed, and many pairs are compared: read single differences with care."
    )
