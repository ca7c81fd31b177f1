"""Turns workload specs into running work and reports on it."""
