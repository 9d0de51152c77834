"""The accounting of disclosures as a page that a privacy officer prints or hands over."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedrail.journeys.auditing import Accounting, Disclosure

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #bbb}
caption{text-align:left;font-weight:600;padding:1rem 0 .3rem}@media print{body{margin:0}}"""


def disclosures_page(made: Accounting, origin: str) -> str:
    """The page, complete in one file, without the patient's name: whoever hands it over knows who it is for."""
    parts = [_table("What was done with your data", made.lines)]
    if made.many:
        parts.append("<p>These readings were of many patients at once; whether you were among them is not kept.</p>")
        parts.append(_table("Readings of many records", made.many))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Accounting of disclosures</title>'
        f"<style>{_STYLE}</style></head><body><h1>Accounting of disclosures</h1>"
        f"<p>From {escape(made.since[:10])} to {escape(made.until[:10])}, made {escape(made.made_at)} by "
        f"{escape(made.made_by)} under 45 CFR 164.528. Reference: {escape(made.subject)}.</p>{''.join(parts)}"
        f"<p>Each line is an entry of the ledger {escape(origin)}; its number lets an auditor ask for the proof.</p>"
        f"</body></html>"
    )


def _table(title: str, lines: tuple[Disclosure, ...]) -> str:
    if not lines:
        return f"<p>{escape(title)}: nothing is on record.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in ("When", "To whom", "What", "Why", "Use", "Entry"))
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(text)}</td>"
            for text in (x.at[:16].replace("T", " "), x.recipient, x.what, x.purpose, x.use_case, str(x.index))
        )
        + "</tr>"
        for x in lines
    )
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
