"""Why something runs, or doesn't: one sentence of what all parts know."""
