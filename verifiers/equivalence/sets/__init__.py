"""When two sets of reals or integers mean the same."""
