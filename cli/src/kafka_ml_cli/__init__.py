"""The kafka-ml command: the local stack, the demo, and a client for every resource."""
