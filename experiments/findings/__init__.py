"""Findings: a study run by its name, what it came to as a file in results/, and the page written from those."""
