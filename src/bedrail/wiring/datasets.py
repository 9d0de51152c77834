"""Foreign formats about datasets and people's choices, for the doors."""

from __future__ import annotations

from collections.abc import Callable

from bedrail.data.provenance import Graph
from bedrail.wire.fhir_consent import consents_ndjson, read_consents
from bedrail.wire.openlineage import events_ndjson
from bedrail.wire.prov import prov_json, prov_n

__all__ = ["PROVENANCE_FORMATS", "consents_ndjson", "read_consents"]

PROVENANCE_FORMATS: dict[str, Callable[[Graph, str], bytes]] = {
    "openlineage": events_ndjson,
    "prov-json": prov_json,
    "prov-n": prov_n,
}
"""How a provenance graph of an origin is written, by name."""
