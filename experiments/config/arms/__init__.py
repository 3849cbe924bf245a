"""Settings of the kinds of arms: what may be done with the shared start.

Data alone, so that a config is read without torch; what a study does with each kind is in `experiments/arms`, one file
a kind.
"""
