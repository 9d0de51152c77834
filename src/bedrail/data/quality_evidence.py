"""The quality report as evidence that a gate can ask for."""

from __future__ import annotations

from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.data.quality_values import QualityReport


def quality_evidence(report: QualityReport) -> Evidence:
    """One finding per rule and column; broken warnings are told in the reason and do not fail the evidence."""
    findings = tuple(
        Finding(
            check=f"data-quality.{f.rule}",
            group=f.column,
            verdict=f.verdict if f.level == "block" else Verdict.PASS,
            estimate=f.share,
            n=report.rows,
            reason=f.reason if f.level == "block" or f.verdict is Verdict.PASS else f"warning: {f.reason}",
        )
        for f in report.findings
    )
    warnings = len(report.broken("warn"))
    untold = sum(f.verdict is Verdict.MISSING for f in report.findings)
    reason = f"{len(report.findings)} rules applied to {report.rows} rows, {warnings} warnings"
    reason += f", {untold} could not be told" if untold else ""
    return Evidence(check="data-quality", verdict=report.verdict, reason=reason, findings=findings)
