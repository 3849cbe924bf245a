"""Groups to a batch, a batch to optimizer steps, in one process or several; checkpoints."""
