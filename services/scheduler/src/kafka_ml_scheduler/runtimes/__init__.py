"""Where workloads run: base.py says what a runtime is, each other file is one."""
