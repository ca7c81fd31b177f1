"""The library that producers import: sends data streams to Kafka-ML, and asks for predictions."""
