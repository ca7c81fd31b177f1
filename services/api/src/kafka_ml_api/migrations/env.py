"""Alembic's entry: runs the migrations on the connection that migrate.py hands over, or writes a new one with `alembic revision`."""

from alembic import context

from kafka_ml_api.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, transaction_per_migration=False, compare_server_default=True
)
with context.begin_transaction():
    context.run_migrations()
