"""Predicts between Kafka topics, exactly once; the model runs in its guest."""
