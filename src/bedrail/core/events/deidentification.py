"""Facts about de-identification: projects and their keys, runs, requests to re-identify; never a value."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class ProjectOpened(FactStruct, frozen=True, kw_only=True, tag="deid.project-opened"):
    """A de-identification project has a key of its own, kept by `provider`.

    `escrow` names the provider of the escrow's key when the project keeps who is behind each pseudonym; else empty.
    """

    escrow: str
    project: str
    provider: str


class ProjectRetired(FactStruct, frozen=True, kw_only=True, tag="deid.project-retired"):
    """The project's key was ordered destroyed: from here on, nobody makes or opens its pseudonyms."""

    project: str
    reason: str


class ProjectForgotten(FactStruct, frozen=True, kw_only=True, tag="deid.project-forgotten"):
    """Key and escrow are gone; `certificate` is the artifact digest of the signed certificate."""

    certificate: str
    project: str


class DataDeidentified(FactStruct, frozen=True, kw_only=True, tag="deid.run"):
    """Files were de-identified; `manifest` is an artifact (counts by place and rule), `outputs` SHA-256 of the files.

    A folder of more files than a fact can name is `outputs` of one digest, that of all of them in their order.
    """

    failed: int
    manifest: str
    medium: str
    outputs: tuple[str, ...]
    profile: str
    project: str
    records: int


class DeidentificationJudged(FactStruct, frozen=True, kw_only=True, tag="deid.judged"):
    """How well data is de-identified, as signed evidence says; `dataset` is a dataset's or output's digest.

    `method` is `inside` (for use in this house), `safe-harbor`, `expert` or `limited`; `until` is when an expert's
    determination ends, empty where the policy says it; `manifest` that of the run, empty for an admission.
    """

    dataset: str
    evidence: str
    manifest: str
    method: str
    reason: str
    until: str
    verdict: str


class ReidentificationRequested(FactStruct, frozen=True, kw_only=True, tag="reidentification.requested"):
    """Somebody asks who is behind these pseudonyms, for a purpose and on a legal basis, until `expires`."""

    basis: str
    expires: str
    project: str
    pseudonyms: tuple[str, ...]
    purpose: str
    request: str


class ReidentificationApproved(FactStruct, frozen=True, kw_only=True, tag="reidentification.approved"):
    """A person in `role`, not the one who asked, approves."""

    request: str
    role: str


class ReidentificationDenied(FactStruct, frozen=True, kw_only=True, tag="reidentification.denied"):
    """The request is over: somebody who might have approved said no, or whoever asked took it back."""

    reason: str
    request: str


class ReidentificationOpened(FactStruct, frozen=True, kw_only=True, tag="reidentification.opened"):
    """The answer was given, once: `found` pseudonyms of those asked for, `by` escrow or candidates."""

    by: str
    found: int
    request: str
