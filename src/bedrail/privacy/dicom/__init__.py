"""DICOM instances, de-identified by the profiles of PS3.15 Annex E, pixels included."""

from bedrail.privacy.dicom.audit import leftovers
from bedrail.privacy.dicom.instance import deidentify, treat
from bedrail.privacy.dicom.values import Leftover, Profile, Treated

__all__ = ["Leftover", "Profile", "Treated", "deidentify", "leftovers", "treat"]
