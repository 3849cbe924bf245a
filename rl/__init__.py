"""Rollouts, advantages, updates. Ray appears in rl/workers only, accelerate in rl/learning/processes.py only, and trl
in rl/preference only."""
