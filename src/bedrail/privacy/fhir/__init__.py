"""FHIR resources, de-identified by rules on paths."""
