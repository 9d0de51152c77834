"""The card linter on planted contradictions, on clean cards, and on the published examples of the CHAI repository.

    python bench/card_lint.py [--examples FOLDER]

FOLDER holds the 18 XML files of coalition-for-health-ai/mc-schema, v0.2/examples (cloned at bench time, not kept here),
and may hold schema.xsd, which our own table is then compared with. Target: every plant found, nothing on clean cards.
Exits 1 when a plant is missed or a clean card raises an alarm. `fresh` plants were written after the rules and never
tuned for: their figure is the honest one, and misses are printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from bedrail.checks.cards.chai import SCHEMA, Element
from bedrail.checks.cards.lint import RULES, lint_file

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cards_corpus import clean, html_of, json_of, markdown_of, planted, xml_of


def names(element: Element) -> list[str]:
    """Element names in the order of the table."""
    return [element.name, *(name for child in element.children for name in names(child))]


def judged(key: str) -> tuple[int, int, int, int]:
    """(plants, found, cards with further findings, rules) of one list of plants; misses are printed."""
    count = found = extra = 0
    rules = set()
    for plant, card in planted(key):
        got = {each.rule for each in lint_file(xml_of(card), name=plant["base"])}
        count += 1
        rules.add(plant["rule"])
        found += plant["rule"] in got
        extra += bool(got - {plant["rule"], *plant.get("also", ())})
        if plant["rule"] not in got:
            print(f"  missed: {plant['base']} {plant['rule']} {plant.get('set') or plant.get('append')}")
    return count, found, extra, len(rules)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=Path)
    args = parser.parse_args()
    bad = 0
    print(f"{len(RULES)} rules, and evidence-differs")
    for key in ("plant", "second", "fresh"):
        count, found, extra, rules = judged(key)
        print(f"{key}: {found} of {count} found ({found / count:.1%}), {rules} rules; {extra} cards with a false alarm")
        bad += key == "plant" and (found < count or extra > 0)
    alarms = 0
    for card in clean().values():
        for make in (xml_of, json_of, html_of, markdown_of):
            alarms += len(lint_file(make(card)))
    print(f"clean: {alarms} alarms on {len(clean())} cards in four formats")
    bad += alarms > 0
    data = [xml_of(card) for _, card in planted("plant")]
    start = time.process_time()
    for each in data:
        lint_file(each)
    print(f"CPU a card: {(time.process_time() - start) / len(data) * 1000:.1f} ms")
    if args.examples:
        examples(args.examples)
    return 1 if bad else 0


def examples(folder: Path) -> None:
    """What is found in the published cards, by rule; and whether our table is the published schema."""
    seen: Counter[str] = Counter()
    cards: Counter[str] = Counter()
    files = sorted(folder.glob("*.xml"))
    for path in files:
        found = lint_file(path.read_bytes(), name=path.name)
        seen.update(f"{each.severity} {each.rule}" for each in found)
        cards.update({f"{each.severity} {each.rule}" for each in found})
        for each in found:
            print(f"  {path.stem}: {each.severity} {each.rule}: {each.place}: {each.why}")
    print(f"examples: {len(files)} cards")
    for name, count in seen.most_common():
        print(f"  {name}: {count} in {cards[name]} cards")
    schema = folder / "schema.xsd"
    if schema.exists():
        text = schema.read_text(encoding="utf-8")
        lacking = [name for name in names(SCHEMA) if f'name="{name}"' not in text]
        print(f"published schema: {len(names(SCHEMA))} elements in our table, not in it: {lacking or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
