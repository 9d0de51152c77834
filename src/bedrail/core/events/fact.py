"""The shape common to all facts."""

from __future__ import annotations

import msgspec


class FactStruct(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    """Parent of every fact; `action` in the JSON names which one it is."""
