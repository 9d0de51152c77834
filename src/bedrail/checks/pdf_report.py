"""The report in print: the committee's summary, then the appendix, as tagged PDF with vector drawings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import TYPE_CHECKING

from bedrail.checks.appendix import MOST_FOREST_ROWS, area_words, reference, requirement_lines
from bedrail.checks.committee import (
    facts,
    figures,
    headline,
    main_drawing,
    not_counted,
    number_of_confidence,
    reasons,
    verdict_sentence,
)
from bedrail.checks.methods import METHODS
from bedrail.checks.outcomes.drawings import drawn as drawn_of
from bedrail.checks.pdf import literal, pdf_of
from bedrail.checks.plots import decision_plot, forest_plot, roc_plot
from bedrail.checks.words import (
    SHOWN_WORD,
    VERDICT_WORDS,
    number,
    plain_group,
    plain_measure,
)
from bedrail.core.values import Evidence, Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Report

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.MISSING: "?"}
SVG_FONT = re.compile(r'font-family="[^"]*"')

PREAMBLE = """
#set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"), size: 9.5pt, fill: rgb("#1b2733"))
#set par(leading: 0.5em)
#set table(stroke: (x, y) => (bottom: 0.4pt + rgb("#c9d2da")), inset: (x: 3pt, y: 2.6pt), align: left)
#show table.cell.where(y: 0): set text(weight: "bold")
#show table: set text(size: 8.5pt, number-width: "tabular")
#show heading.where(level: 1): set text(size: 17pt)
#show heading.where(level: 2): set block(above: 1.3em, below: 0.6em)
#let verdict(mark, words, shade) = text(fill: shade, weight: "bold")[#mark #words]
#let soft(words) = text(size: 8pt, fill: rgb("#4a5866"), words)
"""
SHADES = {Verdict.PASS: '"#0072b2"', Verdict.FAIL: '"#a34100"', Verdict.MISSING: '"#4a5866"'}


class Pages:
    """A Typst source that grows part by part, and the drawings it shows."""

    def __init__(self, title: str, footer: str) -> None:
        self.assets: dict[str, bytes] = {}
        self.parts = [
            PREAMBLE,
            f"#set document(title: {literal(title)}, date: none)",
            '#set page(paper: "a4", margin: (x: 16mm, y: 15mm), numbering: "1 / 1", footer: context [#soft('
            + literal(footer)
            + ') #h(1fr) #soft[#counter(page).display("1 / 1", both: true)]])',
        ]

    def heading(self, level: int, words: str) -> None:
        """A heading that a screen reader can jump to."""
        self.parts.append(f"#heading(level: {level}, {literal(words)})")

    def words(self, *words: str) -> None:
        """One paragraph."""
        self.parts.append("#par(" + literal(" ".join(each for each in words if each)) + ")")

    def soft(self, words: str) -> None:
        """A paragraph in small grey."""
        self.parts.append(f"#par(soft({literal(words)}))")

    def table(self, widths: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table whose header repeats on each page; cells are Typst expressions, see `cell` and `mark`."""
        cells = "".join(f"{', '.join(row)},\n" for row in rows)
        header = ", ".join(cell(each) for each in head)
        self.parts.append(f"#table(columns: ({widths}), table.header({header}),\n{cells})")

    def drawing(self, svg: str, width: str) -> None:
        """One of our drawings, with its own description as the text alternative."""
        if not svg:
            return
        name = f"drawing-{len(self.assets)}.svg"
        self.assets[name] = SVG_FONT.sub('font-family="Libertinus Serif"', svg).encode()
        told = (re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", svg, re.DOTALL) for tag in ("title", "desc"))
        alt = ". ".join(unescape(each[1]).strip() for each in told if each)
        self.parts.append(f"#image({literal(name)}, width: {width}, alt: {literal(alt)})")

    def pdf(self) -> bytes:
        """The pages, set in type."""
        return pdf_of("\n".join(self.parts), self.assets)


def cell(words: object) -> str:
    """A table cell of plain words, as a Typst expression."""
    return f"[#{literal(words)}]"


def mark(verdict: Verdict, shown: bool = False) -> str:
    """A verdict by sign, word and colour, so that none of them has to be seen alone; `shown` is no verdict."""
    if shown:
        return f"verdict({literal('·')}, {literal(SHOWN_WORD)}, rgb({SHADES[Verdict.MISSING]}))"
    return f"verdict({literal(MARKS[verdict])}, {literal(VERDICT_WORDS[verdict])}, rgb({SHADES[verdict]}))"


def report_pdf(report: Report) -> bytes:
    """Summary and appendix in one file, PDF/UA-1; the same report gives the same bytes.

    Raises `Unavailable` without the extra `pdf`.
    """
    context = report.context
    made = " ".join(each for each in ("Made", context.made_at, context.made_by) if each) if context.made_at else ""
    pages = Pages(context.title, "  ".join(each for each in (made, context.code) if each))
    _summary(pages, report)
    pages.parts.append("#pagebreak()")
    _appendix(pages, report)
    return pages.pdf()


def _summary(pages: Pages, report: Report) -> None:
    pages.heading(1, report.context.title)
    pages.parts.append(f"#text(size: 14pt, {mark(report.verdict)})")
    pages.words(verdict_sentence(report), headline(report))
    pages.heading(2, "What was asked")
    pages.table("auto, 1fr", ("Asked", "Words"), ((cell(label), cell(words)) for label, words in facts(report)))
    pages.heading(2, "The figures that matter")
    head = ("Measure", "How to read it", f"Estimate ({number_of_confidence(report)} interval)", "Verdict")
    rows = ((cell(f.label), cell(f.reading), cell(f.value), mark(f.verdict)) for f in figures(report))
    pages.table("auto, 1fr, auto, auto", head, rows)
    why = reasons(report)
    pages.heading(2, "What does not pass, and why" if why else "Nothing required fails or is missing")
    if why:
        told = ((mark(each.verdict), cell(each.question), cell(each.text)) for each in why)
        pages.table("auto, 1fr, 1.6fr", ("Verdict", "Question", "Because"), told)
    if left := not_counted(report):
        pages.soft(f"Not passed, and not required here: {left}.")
    for note in report.context.notes:
        pages.soft(note)
    if drawing := main_drawing(report, "summary-calibration", 380):
        pages.drawing(drawing, "8cm")
    signed = [(cell(s.role), cell(s.person), cell(s.at[:16].replace("T", " "))) for s in report.context.signatures]
    pages.heading(2, "Signatures")
    blank = ("[#v(6mm)]",) * 3
    pages.table("1fr, 1fr, 1fr", ("Role", "Person", "When"), signed or [blank, blank])


def _appendix(pages: Pages, report: Report) -> None:
    from bedrail.checks.report import title_of

    pages.heading(1, "Appendix: every number")
    if report.context.pictures:
        pages.heading(2, "Curves")
        for drawing in drawn_of(report.context.pictures, "plot", threshold=report.context.threshold):
            pages.drawing(drawing, "11cm")
    if report.context.curves:
        pages.heading(2, "Curves")
        shown = report.context.curves
        pages.drawing(roc_plot(shown, "roc", area=area_words(report)), "9cm")
        pages.drawing(decision_plot(shown, "decision", threshold=report.context.threshold), "9cm")
        head = ("Mean predicted", "Observed", "Low", "High", "n")
        bins = (
            (*(cell(number(each)) for each in (b.predicted, b.observed, b.low, b.high)), cell(f"{b.n:,}"))
            for b in shown.calibration
        )
        pages.table("1fr, 1fr, 1fr, 1fr, 1fr", head, bins)
    for one in report.evidence:
        _section(pages, one, title_of(one.check), report)
    for name in report.absent:
        pages.heading(2, title_of(name))
        pages.words("This required check has not been made.")
    pages.heading(2, "What was required")
    asked = requirement_lines(report)
    pages.table("auto, 1fr", ("Number", "Value"), ((cell(name), cell(value)) for name, value in asked))
    pages.heading(2, "Identity")
    lines = ((cell(name), f"[#raw({literal(digest)})]") for name, digest in report.context.digests.items())
    pages.table("auto, 1fr", ("What", "SHA-256"), lines)


def _section(pages: Pages, one: Evidence, title: str, report: Report) -> None:
    pages.heading(2, title)
    pages.parts.append(f"#{mark(one.verdict)}")
    pages.words(one.reason, "" if one.check in report.required else "Not required here.")
    measures: dict[str, list[Finding]] = {}
    for finding in one.findings:
        measures.setdefault(finding.check, []).append(finding)
    for at, (name, findings) in enumerate(measures.items()):
        drawn = findings[:MOST_FOREST_ROWS]
        if sum(each.estimate is not None for each in drawn) > 1:
            words = plain_measure(name)
            pages.heading(3, words)
            forest = forest_plot(drawn, f"{one.check}-{at}", title=words, reference=reference(report, name))
            pages.drawing(forest, "100%")
    head = ("Measure", "Group", "Verdict", "Estimate", "Low", "High", "n", "Smallest gap", "Reason")
    pages.table("1fr, 1fr, auto, auto, auto, auto, auto, auto, 1.9fr", head, map(_row, one.findings))
    method = METHODS.get(one.check)
    if method is not None:
        pages.soft(f"{method.text} Sources: {'; '.join(method.sources)}.")
        if method.distrust:
            pages.soft(f"When not to trust it: {method.distrust}")


def _row(finding: Finding) -> tuple[str, ...]:
    numbers = (finding.estimate, finding.low, finding.high)
    return (
        cell(plain_measure(finding.check)),
        cell(plain_group(finding.group)),
        mark(finding.verdict, not finding.judged),
        *(cell(number(each)) for each in numbers),
        cell("–" if finding.n is None else f"{finding.n:,}"),
        cell(number(finding.smallest_gap)),
        cell(finding.reason),
    )
