"""When words, labels and names mean the same."""
