"""Evidence from other hospitals in a model card."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.journeys.card_facts import external_validity
from bedrail.journeys.card_ground import EXTERNAL, CardGround, Known, part_of


def test_figures_of_other_sites_stand_under_external_validity_and_in_no_internal_part() -> None:
    """Each figure with its site, interval and n, the evidence as its source; nothing is said without evidence."""
    figure = {"check": f"{EXTERNAL}.auroc", "group": "site=north", "estimate": 0.71, "low": 0.66, "high": 0.75}
    one = Finding(verdict=Verdict.PASS, n=1200, reason="It holds.", **cast("Any", figure))
    none = Finding(check=f"{EXTERNAL}.auroc", group="site=tiny", verdict=Verdict.MISSING, reason="Too few.")
    evidence = Evidence(check=EXTERNAL, verdict=Verdict.MISSING, reason="One site is too small.", findings=(one, none))
    known = Known("ab" * 32, evidence)
    ground = cast("CardGround", SimpleNamespace(about=lambda check: known if check == EXTERNAL else None))
    text, sources = external_validity(ground)
    assert text.splitlines()[0] == "missing: One site is too small."
    assert "north" in text
    assert "0.710 (0.660 to 0.750), n 1,200" in text
    assert "tiny" not in text
    assert [each.digest for each in sources] == ["ab" * 32]
    assert part_of(EXTERNAL) is None
    assert part_of("leakage") == "safety"
    assert external_validity(cast("CardGround", SimpleNamespace(about=lambda _: None))) == ("", ())
