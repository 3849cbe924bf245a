"""Environments whose problems are generated; one family a file."""
