"""`beyond label`: a page on which people choose the better of two completions."""
