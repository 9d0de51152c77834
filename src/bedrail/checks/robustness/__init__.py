"""How far a model bends: wrong, absent and noisy inputs, other times and places, and groups nobody named."""
