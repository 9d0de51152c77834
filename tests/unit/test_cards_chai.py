"""The card as CHAI XML: our table is the published schema, and what we write is valid under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from bedrail.checks.cards.chai import SCHEMA, chai_xml, departures, xsd
from bedrail.checks.cards.hti1 import ATTRIBUTES, attribute_values
from bedrail.checks.cards.items import ITEMS, grouped
from bedrail.checks.cards.reading import read_card_text
from bedrail.checks.cards.render import card_html, card_markdown, card_pdf, document_reference, hti1_html
from bedrail.checks.cards.values import Card, Measure, Said, Source
from bedrail.checks.cards.xml_nodes import read_nodes
from bedrail.core.errors import Invalid

PUBLISHED = Path(__file__).parents[1] / "data" / "cards" / "chai-applied-model-card-v0.2.xsd"
NASTY = 'x < y & "z" \x0b ]]> #heading *b* `c` $ \\ </AppliedModelCard> é 漢 <script>alert(1)</script>'


def made(**texts: str) -> Card:
    """A card with every item said, or as given."""
    said = [
        Said(
            item=item.id,
            text=texts.get(item.id, f"About {item.title}."),
            standing="answered" if texts.get(item.id, "x") else "missing" if item.required else "optional",
            sources=(Source(kind="evidence", name="calibration", digest="ab" * 32),),
            owner=item.owner,
        )
        for item in ITEMS
    ]
    measures = [
        Measure(
            part=part,  # type: ignore[arg-type]
            check=f"{part}.auroc",
            label="AUROC",
            group=group,
            estimate=0.7123456789,
            low=0.7,
            high=0.72,
            n=1200,
            level=0.95,
            verdict="pass",
            digest="cd" * 32,
        )
        for part in ("usefulness", "fairness")
        for group in ("overall", "race=A & B")
    ]
    return Card(
        use_case="readmission-30d",
        title="Readmission",
        candidate="12" * 32,
        name="baseline",
        version="1 (121212121212)",
        made_at="2026-11-01T08:00:00+00:00",
        made_by="sam",
        code="bedrail/0",
        said=tuple(said),
        measures=tuple(measures),
        digests={},
    )


def published() -> Any:
    """The published schema without its import of the signature's, which stands elsewhere."""
    tree = etree.fromstring(PUBLISHED.read_bytes())
    for found in tree.xpath("//*[local-name()='import' or @ref]"):
        found.getparent().remove(found)
    return etree.XMLSchema(tree)


CARDS = [
    made(),
    made(**{item.id: "" for item in ITEMS if not item.required}),
    made(**{item.id: "" for item in ITEMS}),
    made(**dict.fromkeys((item.id for item in ITEMS), NASTY)),
    made(ehr="Epic\nCerner", keywords="- readmission\n- diabetes"),
    msgspec.structs.replace(made(), measures=()),
]


@pytest.mark.parametrize("card", CARDS)
def test_what_we_write_is_valid_under_the_published_schema_and_our_own(card: Card) -> None:
    """Full, without optional items, empty, with hostile text, with lists, without figures."""
    document = etree.fromstring(chai_xml(card).encode())
    for schema in (published(), etree.XMLSchema(etree.fromstring(xsd()))):
        assert schema.validate(document), schema.error_log
    assert departures(read_nodes(chai_xml(card).encode())) == ()


def leaves(node: Any) -> list[Any]:
    return [each for each in node.iter() if isinstance(each.tag, str)]


@pytest.mark.slow
def test_every_change_of_order_or_presence_is_judged_as_the_published_schema_judges_it() -> None:
    """Each element in turn removed, doubled, renamed, or put behind its neighbour: the three verdicts agree."""
    ours, theirs = etree.XMLSchema(etree.fromstring(xsd())), published()
    text = chai_xml(made(ehr="Epic\nCerner", keywords="a\nb"))
    count, refused = len(leaves(etree.fromstring(text.encode()))), 0
    for at in range(1, count):
        for change in ("remove", "double", "rename", "swap"):
            tree = etree.fromstring(text.encode())
            node = leaves(tree)[at]
            parent, after = node.getparent(), node.getnext()
            if change == "remove":
                parent.remove(node)
            elif change == "double":
                parent.insert(parent.index(node), etree.fromstring(etree.tostring(node)))
            elif change == "rename":
                node.tag = node.tag + "X"
            elif after is not None:
                parent.insert(parent.index(node), after)
            data = etree.tostring(tree)
            verdicts = {ours.validate(tree), theirs.validate(tree), not departures(read_nodes(data))}
            assert len(verdicts) == 1, (node.tag, change)
            refused += verdicts == {False}
    assert refused > 150


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16"),
        b"<x>" * 60 + b"</x>" * 60,
        b"<x><y></x>",
        b"<x>" + b"a" * 9_000_000 + b"</x>",
    ],
)
def test_xml_that_is_no_card_is_refused_before_anything_in_it_is_followed(data: bytes) -> None:
    """Entities, depth, malformed, huge."""
    with pytest.raises(Invalid):
        read_nodes(data)


def test_all_31_attributes_are_there_and_an_empty_one_is_shown_with_its_owner() -> None:
    """Each with its paragraph; nothing is hidden in JSON or on the page."""
    assert [each.number for each in ATTRIBUTES] == list(range(1, 32))
    assert len({each.key for each in ATTRIBUTES}) == 31
    card = made(**{item.id: "" for item in ITEMS})
    told = attribute_values(card)
    assert all(each["value"] == "not provided" and each["owner"] for each in told)
    assert told[0]["paragraph"] == "170.315(b)(11)(iv)(B)(1)(i)"
    assert told[24]["paragraph"] == "170.315(b)(11)(iv)(B)(7)(v)"
    assert hti1_html(card).count("not provided") >= 31
    assert all(each["provided"] and not each["owner"] for each in attribute_values(made()))


def test_every_item_stands_once_in_the_page_and_somewhere_in_the_xml() -> None:
    """No item is lost between the record and its faces."""
    assert [item.id for _, items in grouped() for item in items] == [item.id for item in ITEMS]
    marked = made(**{item.id: f"marked-{at:03d}" for at, item in enumerate(ITEMS)})
    xml, html, markdown = chai_xml(marked), card_html(marked), card_markdown(marked)
    reference = hti1_html(marked)
    for at, item in enumerate(ITEMS):
        word = f"marked-{at:03d}"
        assert html.count(word) == markdown.count(word) == 1
        assert word in xml or word in reference, item.id
    assert "<script>alert" not in card_html(CARDS[3]) + hti1_html(CARDS[3])


def test_the_pdf_is_tagged_and_carries_the_xml_in_its_metadata() -> None:
    """`chaiMcXml` holds the very XML; the bytes before the update are those of the typesetter."""
    pytest.importorskip("typst")
    card = made(**dict.fromkeys((item.id for item in ITEMS), NASTY.replace("漢", "")))
    pdf = card_pdf(card, software="bedrail/0")
    start = pdf.rindex(b"/chaiMcXml<") + len(b"/chaiMcXml<")
    assert bytes.fromhex(pdf[start : pdf.index(b">", start)].decode()).decode("utf-16") == chai_xml(card)
    at = int(pdf[pdf.rindex(b"startxref") :].split()[1])
    assert pdf[at : at + 4] == b"xref"
    entry = pdf[at:].split(b"\n")[2]
    assert pdf[int(entry[:10]) :].startswith(b"%d 0 obj" % int(pdf[at:].split(b"\n")[1].split()[0]))
    assert b"/StructTreeRoot" in pdf
    assert pdf == card_pdf(card, software="bedrail/0")


def test_the_document_reference_holds_the_card_as_xml_and_markdown() -> None:
    """Base64 of the very bytes, their size and SHA-1, and the codes of the profile."""
    import base64
    import hashlib
    import json

    card = made()
    papers = {"c.xml": chai_xml(card).encode(), "c.md": card_markdown(card).encode(), "c.json": b"{}"}
    told = json.loads(document_reference(card, papers))
    found = [each["attachment"] for each in told["content"]]
    assert [each["contentType"] for each in found] == ["application/xml", "text/markdown"]
    for attachment, data in zip(found, papers.values(), strict=False):
        assert base64.b64decode(attachment["data"]) == data
        assert attachment["size"] == len(data)
        assert base64.b64decode(attachment["hash"]) == hashlib.sha1(data).digest()
    assert told["type"]["coding"][0]["code"] == "AIModelCard"
    assert {c["coding"][0]["code"] for c in told["category"]} == {"AIModelCardMarkdownFormat", "AImodelCardCHAIformat"}


def test_a_card_comes_back_from_its_xml_with_the_same_figures() -> None:
    """Estimate, bounds, n and group of each."""
    card = made()
    results = read_card_text(chai_xml(card).encode()).results
    told = [(r.part, r.estimate, r.low, r.high, r.n, r.group or "overall") for r in results if r.check]
    assert told == [(m.part, m.estimate, m.low, m.high, m.n, m.group) for m in card.measures]
    assert SCHEMA.name == "AppliedModelCard"
