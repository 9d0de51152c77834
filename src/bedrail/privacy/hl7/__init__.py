"""HL7 v2 messages, de-identified by segment and field."""

from bedrail.privacy.hl7.deidentifier import Deidentifier, deidentify
from bedrail.privacy.hl7.rules import FieldRules, read_profile, read_rules

__all__ = ["Deidentifier", "FieldRules", "deidentify", "read_profile", "read_rules"]
