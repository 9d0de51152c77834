"""One record, many faces: Markdown, HTML, PDF, the HTI-1 list, FHIR. Each is a pure function of the record."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from bedrail.checks.cards.chai import PARTS, chai_xml
from bedrail.checks.cards.hti1 import attribute_values
from bedrail.checks.cards.items import Item, grouped
from bedrail.checks.cards.values import NOT_PROVIDED, Card, Measure, Said
from bedrail.checks.pages import render
from bedrail.checks.pdf import literal, pdf_of
from bedrail.checks.words import number, plain_group

WORDS = {
    "measured": "from facts",
    "answered": "by people",
    "stale": "by people; look at it again",
    "missing": "missing",
    "optional": "not said",
}
PART_TITLES = {"usefulness": "Usefulness", "fairness": "Fairness", "safety": "Safety and reliability"}
FIGURES = "Figures"
INPUTS_CS = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIinputsCS"
"""HL7 AI Transparency on FHIR, 1.0.0-current: the type and categories of a model card."""


def shown(said: Said) -> str:
    """The text, or that it was not provided."""
    return said.text if said.text.strip() else NOT_PROVIDED


def source_words(said: Said) -> str:
    """Where it comes from, who said it when, and what is wrong with it, in one line."""
    told = [", ".join(source.words() for source in said.sources)] if said.sources else []
    told += [f"{said.by}, {said.at[:10]}"] if said.by else []
    told += [said.note] if said.note else []
    told += [f"owed by {said.owner}"] if said.standing in ("missing", "stale") and said.owner else []
    return "; ".join(told)


def card_json(card: Card) -> str:
    """The record itself, indented."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1).decode() + "\n"


def hti1_json(card: Card) -> str:
    """The 31 attributes as JSON."""
    told = {**_about(card), "rule": "45 CFR 170.315(b)(11)(iv)(B)", "attributes": attribute_values(card)}
    return msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n"


def _about(card: Card) -> dict[str, Any]:
    names = ("use_case", "candidate", "name", "version", "made_at")
    return {name: getattr(card, name) for name in names}


def hti1_html(card: Card) -> str:
    """The 31 attributes as a page."""
    return render("hti1.html", card=card, attributes=attribute_values(card), words=WORDS)


def card_html(card: Card) -> str:
    """The whole card as one page that loads nothing from elsewhere, for screen, reader and print."""
    return render(
        "card.html",
        card=card,
        groups=[(title, [(item, card.item(item.id)) for item in items]) for title, items in grouped()],
        shown=shown,
        source_words=source_words,
        words=WORDS,
        parts=[(PART_TITLES[part], card.figures(part)) for part in PARTS.values()],
        number=number,
        plain_group=plain_group,
        figures=FIGURES,
    )


def card_markdown(card: Card) -> str:
    """The whole card as Markdown."""
    lines = [f"# Model card: {card.title}, {card.name}", "", f"Version {card.version}, made {card.made_at}.", ""]
    for title, items in grouped():
        lines += [f"## {title}", ""]
        for item in items:
            lines += _markdown_item(item, card.item(item.id))
        if title == FIGURES:
            lines += _markdown_figures(card)
    return "\n".join(lines).rstrip() + "\n"


def _markdown_item(item: Item, said: Said) -> list[str]:
    sources = source_words(said)
    return [
        f"### {item.title}",
        "",
        shown(said),
        "",
        *([f"*{WORDS[said.standing]}: {sources}*", ""] if sources else []),
    ]


def _markdown_figures(card: Card) -> list[str]:
    lines = ["| part | measure | patients | estimate | interval | n | verdict |", "|---|---|---|---|---|---|---|"]
    for measure in card.measures:
        cells = (PART_TITLES[measure.part], *_cells(measure))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def _cells(measure: Measure) -> tuple[str, ...]:
    interval = "" if measure.low is None else f"{number(measure.low)} to {number(measure.high)}"
    count = "" if measure.n is None else f"{measure.n:,}"
    return (
        measure.label,
        plain_group(measure.group),
        number(measure.estimate),
        interval,
        count,
        measure.verdict,
    )


def card_pdf(card: Card, *, software: str) -> bytes:
    """The card as tagged PDF, with the CHAI XML in the metadata `chaiMcXml` as their format asks.

    Raises `Unavailable` without the extra `pdf`.
    """
    from bedrail.checks.cards.pdf_info import with_info

    plain = pdf_of(_typst(card), {})
    return with_info(plain, {"chaiMcXml": chai_xml(card), "chaiMcSoftwareId": software})


def _typst(card: Card) -> str:
    title = f"Model card: {card.title}, {card.name}"
    lines = [
        f'#set document(title: {literal(title)}, author: "Bedrail", date: none)',
        '#set page(paper: "a4", margin: 18mm, numbering: "1 / 1")',
        '#set text(lang: "en", size: 9.5pt)',
        "#set par(leading: 0.6em)",
        "#show heading.where(level: 2): set block(above: 1.6em)",
        f"#heading(level: 1, {literal(title)})",
        f"#text(size: 8pt, {literal(f'Version {card.version}, candidate {card.candidate}, made {card.made_at}')})",
    ]
    for heading, items in grouped():
        lines.append(f"#heading(level: 2, {literal(heading)})")
        for item in items:
            said = card.item(item.id)
            lines.append(f"#heading(level: 3, {literal(item.title)})")
            lines += [f"#par({literal(line.strip())})" for line in shown(said).splitlines() if line.strip()]
            if sources := source_words(said):
                words = f"{WORDS[said.standing]}: {sources}"
                lines.append(f'#text(size: 7.5pt, fill: rgb("#4a5866"), {literal(words)})')
        if heading == FIGURES:
            lines.append(_typst_figures(card))
    return "\n".join(lines) + "\n"


def _typst_figures(card: Card) -> str:
    heads = ("Measure", "Patients", "Estimate", "Interval", "n", "Verdict")
    cells = [*(f"[*{head}*]" for head in heads)]
    rows = [literal(cell) for measure in card.measures for cell in _cells(measure)]
    if not rows:
        return '#par("No figure is on record.")'
    return (
        "#text(size: 7.5pt, table(columns: (2fr, 2fr, auto, auto, auto, auto), stroke: 0.4pt, "
        f"table.header({', '.join(cells)}), {', '.join(rows)}))"
    )


def document_reference(card: Card, papers: Mapping[str, bytes], *, folder: str = "") -> str:
    """A FHIR R4 DocumentReference (HL7 AI Transparency, profile AI-ModelCard) with the card as XML and Markdown.

    `papers` are the pages by name; what is neither XML nor Markdown is named by address below `folder`, if any.
    """
    kinds = {".xml": "application/xml", ".md": "text/markdown", ".html": "text/html", ".pdf": "application/pdf"}
    contents = []
    for name, data in papers.items():
        kind = next((kind for suffix, kind in kinds.items() if name.endswith(suffix)), "")
        if not kind:
            continue
        attachment: dict[str, Any] = {"contentType": kind, "title": name, "size": len(data)}
        attachment["hash"] = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
        attachment |= {"data": base64.b64encode(data).decode()} if not folder else {"url": f"{folder}/{name}"}
        contents.append({"attachment": attachment})
    coded = [{"system": INPUTS_CS, "code": "AIModelCard"}]
    categories = ("AIModelCardMarkdownFormat", "AImodelCardCHAIformat")
    resource = {
        "resourceType": "DocumentReference",
        "id": f"card-{card.candidate[:32]}",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:sha256:{card.candidate}"}],
        "status": "current",
        "docStatus": "preliminary" if card.standing("missing") else "final",
        "type": {"coding": coded},
        "category": [{"coding": [{"system": INPUTS_CS, "code": code}]} for code in categories],
        "date": card.made_at,
        "description": f"Model card of {card.name} ({card.version}) for {card.title}",
        "content": contents,
    }
    return msgspec.json.format(msgspec.json.encode(resource), indent=1).decode() + "\n"


def card_reference(card: Card) -> str:
    """The DocumentReference with XML and Markdown inside."""
    return document_reference(card, {"card.xml": chai_xml(card).encode(), "card.md": card_markdown(card).encode()})


def every_paper(card: Card, *, software: str, pdf: bool) -> dict[str, bytes]:
    """Every face of the card by file name, each named after the candidate."""
    stem = f"{card.name}-card"
    papers = {
        f"{stem}.xml": chai_xml(card).encode(),
        f"{stem}.md": card_markdown(card).encode(),
        f"{stem}.html": card_html(card).encode(),
    }
    if pdf:
        papers[f"{stem}.pdf"] = card_pdf(card, software=software)
    reference = document_reference(card, papers)
    return papers | {
        f"{stem}.json": card_json(card).encode(),
        f"{stem}.fhir.json": reference.encode(),
        f"{card.name}-hti1.json": hti1_json(card).encode(),
        f"{card.name}-hti1.html": hti1_html(card).encode(),
    }
