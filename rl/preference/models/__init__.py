"""Reward models: fits, calibration, fidelity while a policy is optimised against them."""
