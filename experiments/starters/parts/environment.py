import random

from envs import Problem, environment, unordered


@environment("mine", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def mine(rng: random.Random, level: int) -> Problem:
    """Perimeters of rectangles (level: digits of the sides, less one)."""
    a, b = rng.randrange(1, 10 ** (level + 1)), rng.randrange(1, 10 ** (level + 1))
    steps = (f"{a} + {b} = {a + b}", f"2 * {a + b} = {2 * (a + b)}")
    prompt = f"A rectangle measures {a} by {b}. What is its perimeter?"
    return Problem(prompt, str(2 * (a + b)), steps, canonical=unordered(a, b))  # 3 by 5 asks what 5 by 3 asks
