"""Matches data streams with the deployments that await them."""
