"""When several values given together mean the same: tuples, matrices, systems, pieces."""
