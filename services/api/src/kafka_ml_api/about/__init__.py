"""About the installation: for clients that have to know how to reach it."""
