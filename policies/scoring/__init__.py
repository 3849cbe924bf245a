"""Tokens to log-probabilities, values and scores."""
