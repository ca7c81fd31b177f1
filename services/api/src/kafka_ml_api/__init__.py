"""REST, commands, live updates and projections of Kafka-ML."""
