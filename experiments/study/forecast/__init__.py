"""What a run will take: rates, the model that turns them into a step's time, and its table."""
