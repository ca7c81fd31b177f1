"""The resource models and the versions of their code."""
