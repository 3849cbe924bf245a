"""Rules that decide only pairs which this project wrote itself: on in evaluation, off in training."""
