"""The guest's side: the only place where model code and TensorFlow run. It knows neither Kafka nor the object store."""
