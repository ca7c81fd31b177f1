"""The resource deployments: configurations that await, or had, their stream."""
