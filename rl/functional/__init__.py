"""Reinforcement-learning and preference maths as pure tensor functions: values in, values out, no state."""
