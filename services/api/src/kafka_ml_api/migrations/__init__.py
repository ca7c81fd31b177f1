"""Alembic migrations; the service runs them when it starts (migrate.py)."""
