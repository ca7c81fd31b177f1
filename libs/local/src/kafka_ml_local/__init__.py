"""The embedded stack: Apache Kafka, PostgreSQL and an S3 server as child processes."""
