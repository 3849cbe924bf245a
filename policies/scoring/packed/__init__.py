"""Passes over a batch without padding, shared prefixes computed once."""
