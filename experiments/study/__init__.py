"""A study: its stages, what they share, what they cost."""
