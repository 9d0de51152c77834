"""The registry of models: every version with its kind, digest, stage, where it came from, and what is known of it."""

from __future__ import annotations

from bedrail.core.values import Value
from bedrail.governance.values import EvidenceView
from bedrail.governance.views import CandidateView, UseCaseView
from bedrail.journeys.context import Context
from bedrail.journeys.delivery import find_candidate, load_candidate, stage_of
from bedrail.models.package import package_from
from bedrail.models.values import Lineage


class Version(Value, frozen=True, kw_only=True):
    """One model in the registry. `version` counts a use case's models from 1 in the order of their admission.

    `evidence` counts its newest answers by verdict; `refused` says why its bytes are not served, when they are not.
    """

    use_case: str
    version: int
    name: str
    kind: str
    candidate: str
    stage: str
    origin: str
    author: str
    at: str
    dataset: str
    evidence: dict[str, int]
    refused: str = ""


class Answer(Value, frozen=True, kw_only=True):
    """The newest answer to one check."""

    check: str
    verdict: str
    reason: str
    evidence: str
    at: str


class Entry(Value, frozen=True, kw_only=True):
    """One model with what its package says, every byte of it checked."""

    version: Version
    features: tuple[str, ...]
    calibration: str
    confidence: float
    distance: str
    model_file: str
    model_sha256: str
    lineage: Lineage
    answers: tuple[Answer, ...]


def versions(ctx: Context, use_case: str = "") -> tuple[Version, ...]:
    """The registry of one use case, or of all; raises `NotFound`."""
    cases = [ctx.use_case(use_case)] if use_case else list(ctx.refresh().use_cases.values())
    return tuple(_version(ctx, view, number, each) for view in cases for number, each in _numbered(view))


def entry(ctx: Context, use_case: str, candidate: str = "") -> Entry:
    """One model of the registry (the one admitted last when none is named); raises `Corrupt` for changed bytes."""
    view = ctx.use_case(use_case)
    chosen = find_candidate(view, candidate)
    number = next(number for number, each in _numbered(view) if each.candidate == chosen.candidate)
    package, _ = package_from(load_candidate(ctx, chosen.candidate))
    answers = tuple(
        Answer(check=each.check, verdict=each.verdict, reason=each.reason, evidence=each.evidence, at=each.at)
        for each in _evidence(view, chosen)
    )
    return Entry(
        version=_version(ctx, view, number, chosen),
        features=package.contract.names,
        calibration=package.calibration.method,
        confidence=package.uncertainty.confidence,
        distance=f"limit at the {package.ood.quantile:g} quantile" if package.ood else "none",
        model_file=package.model_file,
        model_sha256=package.model_sha256,
        lineage=package.lineage,
        answers=answers,
    )


def _evidence(view: UseCaseView, chosen: CandidateView) -> list[EvidenceView]:
    return [each for each in view.evidence.values() if each.candidate == chosen.candidate]


def _numbered(view: UseCaseView) -> list[tuple[int, CandidateView]]:
    return list(enumerate(view.candidates.values(), 1))


def _version(ctx: Context, view: UseCaseView, number: int, chosen: CandidateView) -> Version:
    counts: dict[str, int] = {}
    for each in _evidence(view, chosen):
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    return Version(
        use_case=view.id,
        version=number,
        name=chosen.name,
        kind=chosen.kind,
        candidate=chosen.candidate,
        stage=stage_of(view, chosen.candidate),
        origin=chosen.origin,
        author=chosen.author,
        at=chosen.at,
        dataset=chosen.dataset,
        evidence=counts,
        refused=ctx.registry.refused_artifacts.get(chosen.candidate, ""),
    )
