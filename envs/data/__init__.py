"""Environments whose problems come from data files."""
