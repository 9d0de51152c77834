"""What a field probably holds, from its name and a sample of its values; proposals only, for a steward to confirm."""
