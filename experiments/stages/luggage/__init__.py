"""What of a user's own travels to the machines of a cluster."""
