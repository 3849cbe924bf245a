"""Worked solutions by writers who are limited on purpose."""
