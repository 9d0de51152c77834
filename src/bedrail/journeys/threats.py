"""What a deployment is, as far as its threat model depends on it."""

from __future__ import annotations

from collections.abc import Iterable

from bedrail.governance.values import UseCaseView
from bedrail.journeys.context import Context


def threat_facts(ctx: Context, use_case: str = "", *, postgres: bool = False) -> frozenset[str]:
    """The conditions (`governance.threats.CONDITIONS`) that hold for one use case, or for any of them.

    Raises `NotFound` for a use case that was not opened.
    """
    registry = ctx.refresh()
    views = [ctx.use_case(use_case)] if use_case else list(registry.use_cases.values())
    facts = {"always"} | {fact for view in views for fact in _of_case(view)}
    if any(person.sites for person in registry.people.values()):
        facts.add("sites")
    if registry.continuity.witnesses:
        facts.add("witness")
    if registry.identity.providers:
        facts.add("single-sign-on")
    if postgres:
        facts.add("postgres")
    return frozenset(facts | ({"local-model"} if not views else set()))


def _of_case(view: UseCaseView) -> Iterable[str]:
    kinds = {candidate.kind for candidate in view.candidates.values()}
    yield f"mode-{view.mode}"
    yield f"tier-{view.tier}"
    if "remote" in kinds:
        yield "remote-model"
    if kinds != {"remote"}:
        yield "local-model"
    if view.deployment is not None and view.deployment.sites:
        yield "sites"
