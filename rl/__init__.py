"""Rollouts, credit, updates. Ray appears in rl/workers only, accelerate in rl/processes only, trl in rl/preference and
rl/imitation only."""
