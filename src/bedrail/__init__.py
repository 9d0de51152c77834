"""Bedrail: govern clinical AI from evidence to the bedside and back."""
