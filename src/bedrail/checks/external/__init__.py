"""Does it hold elsewhere and later: pooling over sites and periods, validation on sites left out, existing scores."""
