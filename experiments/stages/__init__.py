"""What the stages of a study do: the SFT policy, preferences, training, evaluation, and what they need."""
