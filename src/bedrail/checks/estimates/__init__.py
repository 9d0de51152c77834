"""Estimates for outcomes of two classes, each with its interval; usable by themselves, without a report."""
