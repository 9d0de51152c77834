"""DICOM instances, de-identified by the profiles of PS3.15 Annex E, pixels included."""
