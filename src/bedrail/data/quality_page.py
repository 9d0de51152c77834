"""The quality report as a page that a data steward can read and print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bedrail.core.values import Verdict
from bedrail.data.pictures import histogram, share_bar
from bedrail.data.profile import QUANTILES, Profile
from bedrail.data.quality_values import RULES, QualityReport

if TYPE_CHECKING:
    import pandas as pd


def pictures_of(frame: pd.DataFrame, profile: Profile) -> dict[str, str]:
    """A drawing of each column that is no identifier, by name."""
    shown = {c.name for c in profile.columns if c.kind != "identifier"}
    return {str(name): histogram(frame[name]) for name in frame.columns if str(name) in shown}


def quality_html(
    report: QualityReport,
    profile: Profile,
    *,
    title: str,
    digest: str,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """One self-contained page: what is broken, every rule, then each column with its bar and its picture.

    `pictures` are drawings of this module's making (trusted SVG), by column.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("bedrail.data"), autoescape=True)
    environment.filters["zip"] = zip
    template = environment.get_template("quality.html")
    present = {
        column.name: share_bar(1 - column.missing, f"{100 - 100 * column.missing:.1f} % present")
        for column in profile.columns
    }
    return template.render(
        report=report,
        profile=profile,
        title=title,
        digest=digest,
        quantiles=QUANTILES,
        pictures=pictures or {},
        present=present,
        rules=_by_rule(report),
    )


def _by_rule(report: QualityReport) -> list[tuple[str, int, int, int]]:
    """(rule, questions, blocking ones broken, warnings) in the order of the catalogue."""
    rows = []
    for rule in RULES:
        mine = [f for f in report.findings if f.rule == rule]
        broken = [f for f in mine if f.verdict is Verdict.FAIL]
        if mine:
            rows.append(
                (rule, len(mine), sum(f.level == "block" for f in broken), sum(f.level == "warn" for f in broken))
            )
    return rows
