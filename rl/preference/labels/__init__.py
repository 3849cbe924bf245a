"""Who prefers what: annotators, the pairs they see, their labels, and what the labels are worth."""
