"""The Kubernetes runtime: trainings and validations are Jobs, inferences are StatefulSets; the cluster remembers them."""
