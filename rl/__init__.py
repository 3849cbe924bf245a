"""Rollouts, credit, updates. Ray appears in rl/workers only, accelerate in rl/learner only, trl in rl/preference and
rl/imitation only."""
