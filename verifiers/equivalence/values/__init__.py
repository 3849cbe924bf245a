"""When two scalar expressions mean the same."""
