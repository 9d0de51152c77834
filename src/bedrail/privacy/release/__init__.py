"""Tables fit for release: Safe Harbor columns, re-identification risk, optimal generalisation."""
