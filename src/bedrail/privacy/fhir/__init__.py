"""FHIR resources, de-identified by rules on paths."""

from bedrail.privacy.fhir.configuration import Configuration, read_configuration, read_profile
from bedrail.privacy.fhir.deidentifier import Deidentifier, deidentify

__all__ = ["Configuration", "Deidentifier", "deidentify", "read_configuration", "read_profile"]
