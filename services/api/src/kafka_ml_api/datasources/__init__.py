"""The resource data sources: the streams that were announced."""
