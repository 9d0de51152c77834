"""The quality report as a page a data steward can read."""

from __future__ import annotations

from bedrail.data.profile import QUANTILES, Profile
from bedrail.data.quality import QualityReport


def quality_html(report: QualityReport, profile: Profile, *, title: str, digest: str) -> str:
    """One self-contained page: the rules with their verdicts, then each column with its bar of completeness."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("bedrail.data"), autoescape=True)
    environment.filters["zip"] = zip
    template = environment.get_template("quality.html")
    return template.render(report=report, profile=profile, title=title, digest=digest, quantiles=QUANTILES)
