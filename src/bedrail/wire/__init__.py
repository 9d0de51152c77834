"""Adapters between the outside's formats and our values: vendor endpoints, and later EHR and imaging."""
