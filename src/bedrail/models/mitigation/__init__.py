"""Ways to make a model fairer: weights before training, costs within it, maps by group after it."""
