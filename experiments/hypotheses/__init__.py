"""Hypotheses of a study: written beside its config before it runs, measured and judged when it has run."""
