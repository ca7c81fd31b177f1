"""What several Kafka-ML services share: messages, topics, streams, codecs, object store, settings, telemetry."""
