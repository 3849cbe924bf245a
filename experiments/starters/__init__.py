"""Starter files of every kind of part, and their tests: what `beyond new` writes and docs/plugins.md shows."""
