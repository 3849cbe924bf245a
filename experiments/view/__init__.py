"""`beyond view`: a local page of rollouts, curves, comparisons and what a run does now."""
