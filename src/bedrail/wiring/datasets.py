"""Foreign formats about datasets and people's choices, for the doors."""

from __future__ import annotations

from bedrail.wire.fhir_consent import consents_ndjson, read_consents

__all__ = ["consents_ndjson", "read_consents"]
