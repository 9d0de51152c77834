"""Patients in words with what is expected of the model: read, linted, run, and drafted from a contract."""
