"""The API's description (OpenAPI 3.1), with the schemas taken from the very types that read and write the bodies."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from bedrail.decisions.request import Level, Measured, Moment, Noted
from bedrail.decisions.values import REASONS, Answer, Fallback, Withheld
from bedrail.journeys.responding import DecisionState, Opened, Waiting
from bedrail.web.api import CardBody, ConsentBody, Done, OutcomeBody, ResponseBody

_REF = "#/components/schemas/{name}"
_TYPES = (
    Answer,
    Withheld,
    Fallback,
    Measured,
    Noted,
    ResponseBody,
    OutcomeBody,
    ConsentBody,
    CardBody,
    Done,
    DecisionState,
    Opened,
    Waiting,
)

_FEATURES = {
    "type": "object",
    "description": (
        "The inputs of the deployed model's contract by name, and no others. A number may stand alone (in the "
        "contract's unit) or as {value, unit, at}; a level alone or as {value, at}; null means absent. An input whose "
        "age the contract limits needs a time: its own `at`, or the request's `at`. Absent, implausible, stale or "
        "unknown values are answered by a fallback (200); a wrong type or an undeclared name is an error (422)."
    ),
    "additionalProperties": {
        "anyOf": [
            {"type": ["number", "string", "null"]},
            {"$ref": _REF.format(name="Measured")},
            {"$ref": _REF.format(name="Noted")},
        ]
    },
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `path` leads to the field, header or `body`; `remedy` says what to do.",
    "required": ["type", "title", "status", "detail", "path", "remedy"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "path", "remedy")},
        "status": {"type": "integer"},
        "message": {"type": "string", "description": "no decision: use clinical judgement"},
        "decision": {"type": "string", "description": "under which the malformed request is on record"},
        "fallback_plan": {"type": "string"},
        "receipt": {"type": ["object", "null"]},
    },
}


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    _, components = msgspec.json.schema_components(_TYPES, ref_template=_REF)
    schemas = dict(components)
    schemas["DecisionRequest"] = _request()
    schemas["Problem"] = _PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bedrail",
            "version": "1",
            "description": "Governed clinical decisions: durable record first, then the answer or a visible fallback.",
        },
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "bedrail token issue"}},
        },
    }


def _request() -> dict[str, Any]:
    fields = {
        "subject": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "Patient id; kept only as a keyed pseudonym.",
        },
        "encounter": {"type": "string", "maxLength": 128, "description": "Kept only in the sealed record."},
        "site": _site(),
        "at": {**msgspec.json.schema(Moment), "description": "When the plain values were read from the record."},
        "features": _FEATURES,
        "groups": {
            "type": "object",
            "additionalProperties": msgspec.json.schema(Level),
            "description": "Declared groups, sealed and used for monitoring only, never by the model.",
        },
    }
    return {"type": "object", "required": ["subject", "features"], "additionalProperties": False, "properties": fields}


def _site() -> dict[str, Any]:
    return {"type": "string", "maxLength": 40, "description": "Site code; letters, digits, space, `.`, `_`, `-`."}


def _paths() -> dict[str, Any]:
    decision, case = _parameter("decision"), _parameter("use_case")
    reasons = "; ".join(f"{response}: {', '.join(codes)}" for response, codes in REASONS.items())
    return {
        "/api/v1/use-cases/{use_case}/decisions": {
            "post": _operation(
                "Ask for a decision",
                [case],
                "DecisionRequest",
                {"200": ("Answer", "Withheld", "Fallback")},
                (408, 413, 415, 429),
            )
        },
        "/api/v1/use-cases/{use_case}/reviews": {
            "get": _operation("Answers that wait for a reviewer", [case], "", {"200": ("Waiting",)}, ())
        },
        "/api/v1/use-cases/{use_case}/consent": {
            "post": _operation(
                "Opt a patient out, or back in", [case], "ConsentBody", {"201": ("Done",)}, (408, 413, 415)
            )
        },
        "/api/v1/decisions/{decision}": {
            "get": _operation(
                "A decision's state, without patient data", [decision], "", {"200": ("DecisionState",)}, ()
            )
        },
        "/api/v1/decisions/{decision}/responses": {
            "post": _operation(
                f"Confirm, override or escalate. Reasons are {reasons}.",
                [decision],
                "ResponseBody",
                {"201": ("Done",)},
                (408, 409, 413, 415),
            )
        },
        "/api/v1/decisions/{decision}/outcomes": {
            "post": _operation(
                "Report the outcome", [decision], "OutcomeBody", {"201": ("Done",)}, (408, 409, 413, 415)
            )
        },
        "/api/v1/decisions/{decision}/card": {
            "post": _operation(
                "Open a held answer for its reviewer; the reading is recorded",
                [decision],
                "CardBody",
                {"200": ("Opened",)},
                (408, 409, 413, 415),
            )
        },
        **{
            path: {"get": {"summary": summary, "security": [], "responses": {"200": {"description": summary}}}}
            for path, summary in (
                ("/healthz", "The process is alive"),
                ("/readyz", "Requests can be answered (503 while not)"),
                ("/metrics", "Counts and times for Prometheus, without patient data"),
                ("/openapi.json", "This description"),
                ("/", "The read-only page of the house"),
            )
        },
    }


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _operation(
    summary: str,
    parameters: list[dict[str, Any]],
    body: str,
    answers: dict[str, tuple[str, ...]],
    refusals: tuple[int, ...],
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        status: {"description": summary, "content": {"application/json": {"schema": _one_of(kinds)}}}
        for status, kinds in answers.items()
    }
    for status in (400, 401, 403, 404, *refusals, 422, 503):
        content = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
        responses[str(status)] = {"description": "Refused", "content": content}
    operation: dict[str, Any] = {"summary": summary, "parameters": parameters, "responses": responses}
    if body:
        content = {"application/json": {"schema": {"$ref": _REF.format(name=body)}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _one_of(kinds: tuple[str, ...]) -> dict[str, Any]:
    found: list[dict[str, Any]] = [{"$ref": _REF.format(name=kind)} for kind in kinds]
    if kinds == ("Waiting",):
        return {"type": "object", "properties": {"reviews": {"type": "array", "items": found[0]}}}
    return found[0] if len(found) == 1 else {"oneOf": found}
