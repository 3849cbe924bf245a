"""A Ray cluster's nodes: where workers run on them, whether they live, and functions that run there."""
