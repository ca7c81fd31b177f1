"""The whole at a glance."""
