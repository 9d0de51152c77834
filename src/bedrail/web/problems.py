"""One table from errors to answers: problem+json (RFC 9457) with the path to the field and the remedy."""

from __future__ import annotations

from typing import Any

import msgspec

from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused, Unavailable
from bedrail.core.values import NO_DECISION
from bedrail.decisions.values import Fallback

CONTENT_TYPE = b"application/problem+json"

TITLES = {
    400: "This is not a readable request",
    401: "The caller is not known",
    403: "This is not permitted",
    404: "There is no such thing",
    405: "This cannot be done here",
    408: "The request took too long to arrive",
    409: "This does not fit what happened before",
    413: "The request is too large",
    415: "The content type is not JSON",
    422: "The request has a field that cannot be accepted",
    429: "The requests come too fast",
    500: "Something unexpected happened",
    503: "A part of the system is out",
}

TOO_FAST = "This token, or all of this use case together, asks faster than the use case allows."
LIMITS = "The limits are [limits] of usecase.toml."

_encode = msgspec.json.Encoder().encode


def status_of(error: BaseException) -> int:
    """The status of an error; anything that is not ours is a bug, and says nothing about itself."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, Invalid):
        return 400 if error.path == "body" else 422
    if isinstance(error, Refused):
        return {"token": 401, "conflict": 409}.get(error.reasons[0] if error.reasons else "", 403)
    return 503 if isinstance(error, Unavailable | MemoryError) else 500


def of_error(error: BaseException) -> tuple[int, bytes]:
    """Status and problem body of an error."""
    status = status_of(error)
    if not isinstance(error, BedrailError) or status == 500:
        return status, problem(status, "The request was not carried out.", remedy="Tell whoever runs this server.")
    path = error.path if isinstance(error, Invalid) else "authorization" if status in (401, 403) else ""
    return status, problem(status, error.message, path=path, remedy=error.remedy)


def of_failure(error: BaseException) -> tuple[int, bytes]:
    """A decision that a suspension, a bug or a lack of memory prevented: the clinician is told the fallback anyway."""
    if isinstance(error, Refused) and error.reasons[:1] == ("suspended",):
        more = {"kind": "fallback", "message": NO_DECISION}
        return 403, problem(403, error.message, path="authorization", remedy=error.remedy, **more)
    if isinstance(error, BedrailError):
        return of_error(error)
    status = status_of(error)
    remedy = "Tell whoever runs this server."
    detail = "The request was not carried out."
    return status, problem(status, detail, remedy=remedy, kind="fallback", message=NO_DECISION)


def problem(status: int, detail: str, *, path: str = "", remedy: str = "", **more: Any) -> bytes:
    """The body of a problem: `path` names the field (or header, or `body`) to mend, `remedy` says how."""
    said = {
        "type": "about:blank",
        "title": TITLES.get(status, "The request was refused"),
        "status": status,
        "detail": detail,
        "path": path,
        "remedy": remedy,
    }
    return _encode(said | more)


def of_malformed(error: Invalid, fallback: Fallback, status: int = 0) -> tuple[int, bytes]:
    """A request that could not be read: the problem, and the fallback that was recorded for it."""
    status = status or status_of(error)
    return status, problem(
        status,
        error.message,
        path=error.path,
        remedy=error.remedy,
        message=fallback.message,
        decision=fallback.decision,
        fallback_plan=fallback.fallback_plan,
        receipt=fallback.receipt,
    )


def of_throttled(seconds: int, plan: str) -> tuple[int, bytes]:
    """Too fast: not decided and not recorded one by one; the clinician is told what to do all the same."""
    return 429, problem(
        429,
        TOO_FAST,
        path="authorization",
        remedy=f"Try again in {seconds} s; until then use clinical judgement. {LIMITS}",
        kind="fallback",
        message=NO_DECISION,
        guard="rate",
        fallback_plan=plan,
    )


def of_unrecorded(fallback: Fallback) -> tuple[int, bytes]:
    """No record, no answer; the clinician is told what to do all the same."""
    remedy = "Try again later; until then use clinical judgement."
    return 503, problem(
        503,
        fallback.reason,
        path="",
        remedy=remedy,
        kind=fallback.kind,
        message=NO_DECISION,
        guard=fallback.guard,
        reason=fallback.reason,
        fallback_plan=fallback.fallback_plan,
    )
