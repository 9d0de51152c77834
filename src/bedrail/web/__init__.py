"""The HTTP door: governed decisions, their follow-up, health and metrics, and a read-only page of the house."""
