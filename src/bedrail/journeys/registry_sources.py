"""Models of an MLflow registry: brought in by name, and asked again whether name and bytes are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused
from bedrail.core.events import Actor, ArtifactRefused
from bedrail.core.registries import Registered, parse_uri
from bedrail.core.values import Evidence, Finding, Verdict
from bedrail.governance.views import CandidateView
from bedrail.journeys.admission import Progress, quiet
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.delivery import find_candidate, load_candidate
from bedrail.journeys.examination import record_evidence
from bedrail.journeys.imports import admit_imported, read_model
from bedrail.models.mlflow_files import MLMODEL, OWN_FILE, readable
from bedrail.models.package import package_from, refuse_code

CHECK = "registry-source"


def import_registered(
    ctx: Context,
    person: str,
    use_case: str,
    uri: str,
    address: str,
    *,
    name: str,
    logits: bool = False,
    progress: Progress = quiet,
) -> str:
    """Admit a model by its URI in the MLflow registry at `address`; its bytes are digested and bound to the package.

    Read as lightgbm, xgboost, onnx, or our own JSON beside them. Raises `Refused` for flavours that run code when
    loaded and for a place that nobody allowed, `NotFound`, and `Unavailable`. Returns the candidate's digest.
    """
    ctx.require(person, "candidate.import")
    asked = parse_uri(uri)
    if not address:
        remedy = "Give --registry, or set BEDRAIL_MLFLOW."
        raise Invalid("no registry was named.", path="--registry", remedy=remedy)
    registry = ctx.models_at(address)
    progress(f"asking {registry.address}")
    found = registry.find(asked)
    text = registry.read(found, MLMODEL)
    artifact = readable(text.decode("utf-8", "replace"), registry.files(found))
    data = registry.read(found, artifact.path)
    if artifact.path != OWN_FILE:
        refuse_code(artifact.path, data)
    kind, model = read_model(ctx, use_case, artifact.format, data, artifact.path, logits=logits)
    source = Registered(
        address=registry.address,
        uri=uri,
        name=found.name,
        version=found.version,
        location=found.location,
        file=artifact.path,
        sha256=hashlib.sha256(data).hexdigest(),
        mlmodel_sha256=hashlib.sha256(text).hexdigest(),
    )
    origin = f"registry {uri}" + (f" (version {found.version})" if asked.alias else "")
    return admit_imported(
        ctx, person, use_case, name, kind, model, origin, progress, source=source.sha256, registry=source
    )


def check_source(ctx: Context, person: str, use_case: str, candidate: str = "") -> Evidence:
    """Ask the registry whether the URI is still the same version with the same bytes; the answer is recorded evidence.

    Pass when both are. Fail when an alias points elsewhere, or the version is gone; and when its bytes changed, which
    also refuses the package on record: whoever serves it falls back until it is admitted again. Missing when the
    registry does not answer, or the candidate did not come from one.
    """
    actor = ctx.require(person, "candidate.examine")
    return _checked(ctx, actor, use_case, find_candidate(ctx.use_case(use_case), candidate))


def check_deployed_sources(ctx: Context, told: Callable[[str], None] = quiet) -> tuple[Evidence, ...]:
    """The same for everything that serves and came from a registry, at each start, by Bedrail itself."""
    found = []
    for view in ctx.refresh().use_cases.values():
        deployment = view.deployment
        if deployment is None or deployment.halted or deployment.candidate in ctx.registry.refused_artifacts:
            continue
        try:
            source = _source(ctx, deployment.candidate)
        except BedrailError:  # bytes that are not the approved ones are refused by whoever loads them
            continue
        if source is not None:
            answer = _checked(ctx, SYSTEM, view.id, view.candidates[deployment.candidate])
            told(f"{view.id}: {answer.verdict.value}: {answer.reason}")
            found.append(answer)
    return tuple(found)


def _source(ctx: Context, candidate: str) -> Registered | None:
    return package_from(load_candidate(ctx, candidate))[0].lineage.registry


def _checked(ctx: Context, actor: Actor, use_case: str, chosen: CandidateView) -> Evidence:
    source = _source(ctx, chosen.candidate)
    verdict, reason, changed = _looked(ctx, source)
    if changed:
        ctx.append(actor, "security", ArtifactRefused(digest=chosen.candidate, kind="package", reason=reason))
    answer = Evidence(
        check=CHECK, verdict=verdict, reason=reason, findings=(Finding(check=CHECK, verdict=verdict, reason=reason),)
    )
    (signed,) = record_evidence(
        ctx, actor, [answer], use_case=use_case, candidate=chosen.candidate, dataset=chosen.dataset
    )
    return signed


def _looked(ctx: Context, source: Registered | None) -> tuple[Verdict, str, bool]:
    """Verdict, reason, and whether the bytes are others."""
    if source is None:
        return Verdict.MISSING, "the candidate did not come from a model registry", False
    try:
        registry = ctx.models_at(source.address)
        found = registry.find(parse_uri(source.uri))
        if found.version != source.version or found.location != source.location:
            there = f"version {found.version}" if found.version else "another model"
            reason = f"{source.uri} is {there} now; what was brought in is version {source.version or source.location}"
            return Verdict.FAIL, f"{reason}; it was not taken over", False
        digests = [hashlib.sha256(registry.read(found, file)).hexdigest() for file in (source.file, MLMODEL)]
    except NotFound:
        return Verdict.FAIL, f"{source.uri} is no longer in the registry", False
    except (BedrailError, Refused) as error:
        return Verdict.MISSING, f"the registry was not asked: {error.message}", False
    for file, found_digest, recorded in zip(
        (source.file, MLMODEL), digests, (source.sha256, source.mlmodel_sha256), strict=True
    ):
        if found_digest != recorded:
            return Verdict.FAIL, f"the bytes of {file} of {source.uri} in the registry are not those brought in", True
    return Verdict.PASS, f"{source.uri} is still the version and the bytes that were brought in", False
