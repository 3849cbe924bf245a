"""Learning from pairwise preferences: annotators, comparisons, reward models, direct preference optimisation.

The only package that imports trl, inside the functions that need it: nothing else here costs its start-up seconds.
"""
