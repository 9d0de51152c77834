"""Free text: find identifiers, then mask, generalise or replace them."""
