"""Attachments and Binary: text is read and cleaned, everything else is removed, since nobody has looked inside.

Plain text and (X)HTML go through the text engine, FHIR JSON through the same rules. PDF, RTF, images, sound and C-CDA
are removed: a picture may show a face, a document header always names its patient. What was removed is said by `data-
absent-reason` masked; hash and size are not of the new content, and go.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import BedrailError
from bedrail.privacy.fhir import labels
from bedrail.privacy.fhir.configuration import Configuration
from bedrail.privacy.fhir.narrative import clean_markup
from bedrail.privacy.fhir.operations import masked
from bedrail.privacy.fhir.visit import Visit

if TYPE_CHECKING:
    from bedrail.privacy.fhir.operations import Edge, Op
    from bedrail.privacy.fhir.plan import Plan

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def attachment_op(edge: Edge, plan: Plan, rules: Configuration) -> Op:
    """The operation for an element of type Attachment, whose other elements `plan` treats."""

    def op(value: Any, visit: Visit) -> Any:
        out = plan.walk(value, visit) or {}
        data = value.get("data")
        for gone in ("data", "_data", "hash", "size", "url", "_hash", "_size", "_url"):
            out.pop(gone, None)
        content_type = clean_type(value.get("contentType"))
        if content_type:
            out["contentType"] = content_type
        if data is not None or value.get("url") is not None:
            edge.count += 1
            clean = cleaned(data, value.get("contentType"), visit, plan) if rules.text != "redact" else None
            if clean is None:
                visit.flags |= labels.REDACTED
                out["_data"] = masked()
            else:
                visit.flags |= labels.MASKED
                out["data"] = clean
        return out or None

    return op


def clean_binary(resource: dict[str, Any], plan: Plan, visit: Visit) -> dict[str, Any]:
    """A Binary resource with its content cleaned or removed."""
    out = plan.walk({key: value for key, value in resource.items() if key not in ("data", "_data")}, visit) or {}
    out["resourceType"], out["contentType"] = (
        "Binary",
        clean_type(resource.get("contentType")) or "application/octet-stream",
    )
    deidentify = plan.book.rules.text != "redact"
    clean = cleaned(resource.get("data"), resource.get("contentType"), visit, plan) if deidentify else None
    if clean is not None:
        visit.flags |= labels.MASKED
        out["data"] = clean
    elif resource.get("data") is not None:
        visit.flags |= labels.REDACTED
    return out


def clean_type(value: Any) -> str:
    """A media type without parameters (a file name may stand there), or an empty string."""
    bare = value.split(";", 1)[0].strip().lower() if isinstance(value, str) else ""
    return bare if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,60}", bare) else ""


def cleaned(data: Any, content_type: Any, visit: Visit, plan: Plan) -> str | None:
    """Base64 of the cleaned content, or None when it has to go."""
    kind = clean_type(content_type)
    words = visit.words
    if not isinstance(data, str) or words is None:
        return None
    if kind not in ("text/plain", "text/html", "application/xhtml+xml", "application/fhir+json", "application/json"):
        return None
    text = decoded(data, content_type)
    if text is None:
        return None
    if kind.endswith("json"):
        made = _inner_resource(text, visit, plan)
    elif kind == "text/plain":
        made = words.clean(text, visit.subject, visit.known)
    else:
        inner = clean_markup(text, lambda part: words.clean(part, visit.subject, visit.known))
        made = f"<html><body>{inner}</body></html>"
    return None if made is None else base64.b64encode(made.encode()).decode()


def decoded(data: str, content_type: Any) -> str | None:
    """The text in base64, in the character set that is said, UTF-8 otherwise; None when it is no such text."""
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
        said = _CHARSET.search(content_type) if isinstance(content_type, str) else None
        text = raw.decode(said[1] if said else "utf-8")
    except (binascii.Error, ValueError, LookupError):
        return None
    return None if "\x00" in text else text


def _inner_resource(text: str, visit: Visit, plan: Plan) -> str | None:
    """A FHIR resource inside an attachment, under the same rules; None when it is none."""
    from bedrail.privacy.fhir.plan import walk_resource
    from bedrail.privacy.fhir.reading import read, written

    try:
        found = read(text.encode())
        if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
            return None
        made = walk_resource(plan.book, found, visit)
        return None if made is None else written(made).decode()
    except (BedrailError, RecursionError):
        return None
