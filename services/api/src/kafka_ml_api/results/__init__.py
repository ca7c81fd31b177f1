"""The resource results: what the training of each model of a deployment became."""
