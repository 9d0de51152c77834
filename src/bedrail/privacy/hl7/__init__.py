"""HL7 v2 messages, de-identified by segment and field."""
