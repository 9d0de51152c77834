"""What attacks on a model's privacy found, as evidence: how well members and hidden attributes can be told."""
