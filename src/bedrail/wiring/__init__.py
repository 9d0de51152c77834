"""Parts of the wiring that `app` puts together: adapters that belong to one task, joined to its journeys."""
