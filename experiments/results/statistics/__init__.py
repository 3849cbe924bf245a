"""Honest statistics for comparisons: what makes a figure uncertain, its interval, exact tests."""
