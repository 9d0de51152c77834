"""Where a use case stands, in one line; apart from the watching itself, which loads models and arrays."""

from __future__ import annotations

from bedrail.journeys.context import Context


def standing(ctx: Context, use_case: str) -> dict[str, object]:
    """One line of `bedrail status`."""
    view = ctx.use_case(use_case)
    counts, deployment = ctx.views.counts(use_case), view.deployment
    name = view.candidates[deployment.candidate].name if deployment else ""
    return {
        "use case": use_case,
        "tier": view.tier,
        "stage": ("halted" if deployment.halted else deployment.stage) if deployment else "not deployed",
        "version": f"{name} {deployment.candidate[:12]}" if deployment else "",
        "serves": (", ".join(sorted(deployment.sites)) or "all sites") if deployment else "",
        "until": deployment.until if deployment else "",
        "answered": counts.get("answered", 0),
        "fell back": counts.get("fell-back", 0),
        "alarms": len(view.alarms),
        "findings": len(ctx.registry.findings.open_about(use_case)),
        "abuse": len(ctx.registry.abuse.standing(use_case)),
    }
