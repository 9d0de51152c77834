"""De-identification before anything is learned from a table."""
