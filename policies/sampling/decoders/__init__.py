"""Ways to write one token for every running row."""
