"""Outcomes that are not yes or no: one of several classes, a number, or a time until an event with censoring."""
