"""Validations of drafts: code that is still being written."""
