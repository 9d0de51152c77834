"""The page of lint rules is drawn from the rules; as a program it renews the page."""

from __future__ import annotations

import re
from pathlib import Path

from bedrail.checks.cards.lint import RULES, titles

PAGE = Path(__file__).resolve().parents[2] / "docs" / "model-cards.md"
RULES_PART = re.compile(r"(<!-- rules -->\n).*?(<!-- /rules -->)", re.DOTALL)


def table() -> str:
    """Each rule with how bad a breach is, what it holds, and what mends a breach."""
    remedies = {rule.id: rule.remedy for rule in RULES}
    lines = ["## Every rule", "", "| rule | | what holds | what mends it |", "|---|---|---|---|"]
    for name, (severity, title) in titles().items():
        lines.append(f"| `{name}` | {severity} | {title} | {remedies.get(name, 'Make the card again.')} |")
    return "\n".join(lines) + "\n"


def renewed() -> str:
    """The page with the table as the code has it."""
    return RULES_PART.sub(lambda found: f"{found[1]}{table()}{found[2]}", PAGE.read_text(encoding="utf-8"))


def test_every_rule_stands_on_the_page_as_the_code_has_it() -> None:
    """Renew it: .venv/bin/python tests/spec/test_card_rules_page.py"""
    assert PAGE.read_text(encoding="utf-8") == renewed()
    assert len({rule.id for rule in RULES}) == len(RULES) >= 50


if __name__ == "__main__":
    PAGE.write_text(renewed(), encoding="utf-8")
