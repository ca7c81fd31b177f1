"""The embedded stack: Apache Kafka, PostgreSQL and an S3 server as child processes."""

from kafka_ml_local.broker import Broker
from kafka_ml_local.postgres import Postgres
from kafka_ml_local.processes import Service
from kafka_ml_local.s3 import ObjectStore
from kafka_ml_local.stack import Stack, Status

__all__ = ["Broker", "ObjectStore", "Postgres", "Service", "Stack", "Status"]
