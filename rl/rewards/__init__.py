"""Verdicts, or a learned preference, to rewards."""
