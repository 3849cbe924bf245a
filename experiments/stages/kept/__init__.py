"""What a stage keeps beside its checkpoints while it trains."""
