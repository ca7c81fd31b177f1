"""The resource configurations: models that learn from the same stream."""
