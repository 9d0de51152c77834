"""The quality report as a page a data steward can read."""

from __future__ import annotations

from bedrail.data.profile import QUANTILES, Profile
from bedrail.data.quality import QualityReport

TEMPLATE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data quality: {{ title }}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1b2733;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9e0e6;vertical-align:top}
.fail{color:#a4262c;font-weight:600}.pass{color:#1e6b52}.bar{display:inline-block;height:.7rem;background:#3d6ea5}
.track{display:inline-block;width:10rem;background:#eef2f5}
</style></head><body>
<h1>Data quality: {{ title }}</h1>
<p>{{ report.rows }} rows, {{ profile.columns|length }} columns. Verdict:
<span class="{{ report.verdict }}">{{ report.verdict }}</span>. Content digest <code>{{ digest }}</code>.</p>
<h2>Rules</h2>
<table><thead><tr><th>Verdict</th><th>Level</th><th>Rule</th><th>Column</th><th>What was found</th></tr></thead><tbody>
{% for f in report.findings|sort(attribute="verdict") %}<tr><td class="{{ f.verdict }}">{{ f.verdict }}</td>
<td>{{ f.level }}</td><td>{{ f.rule }}</td><td><code>{{ f.column }}</code></td><td>{{ f.reason }}</td></tr>
{% endfor %}</tbody></table>
<h2>Columns</h2>
<table><thead><tr><th>Column</th><th>Kind</th><th>Present</th><th>Distinct</th><th>Values</th></tr></thead><tbody>
{% for c in profile.columns %}<tr><td><code>{{ c.name }}</code></td><td>{{ c.kind }}</td>
<td><span class="track" role="img" aria-label="{{ '%.1f'|format(100 - 100 * c.missing) }} % present"><span class="bar"
 style="width:{{ '%.1f'|format(100 - 100 * c.missing) }}%"></span></span> {{ '%.1f'|format(100 - 100 * c.missing) }} %</td>
<td>{{ c.distinct }}</td><td>{% if c.quantiles %}{% for q, v in quantiles|zip(c.quantiles) %}{{ '%g'|format(q * 100) }} %:
 {{ '%g'|format(v) }}{{ '; ' if not loop.last }}{% endfor %}{% else %}{% for v, n in c.common[:8] %}{{ v }} ({{ n }}){{ ', '
 if not loop.last }}{% endfor %}{% if c.suppressed %} … {{ c.suppressed }} rare values not shown{% endif %}{% endif %}</td></tr>
{% endfor %}</tbody></table></body></html>
"""


def quality_html(report: QualityReport, profile: Profile, *, title: str, digest: str) -> str:
    """One self-contained page: the rules with their verdicts, then each column with its bar of completeness."""
    from jinja2 import Environment

    environment = Environment(autoescape=True)
    environment.filters["zip"] = zip
    template = environment.from_string(TEMPLATE)
    return template.render(report=report, profile=profile, title=title, digest=digest, quantiles=QUANTILES)
