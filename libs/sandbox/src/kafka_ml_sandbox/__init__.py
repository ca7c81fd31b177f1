"""The process that model code runs in: starts it, limits it, passes batches, tells how it died."""
