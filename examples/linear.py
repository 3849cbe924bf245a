from envs import Problem, environment


@environment("linear", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def linear(rng, level):
    """Linear equations a x + b = c."""
    a, x, b = rng.randint(2, 9 * level), rng.randint(-20 * level, 20 * level), rng.randint(1, 20 * level)
    steps = (f"{a}x = {a * x + b} - {b} = {a * x}", f"x = {a * x} / {a} = {x}")
    return Problem(f"Solve {a}x + {b} = {a * x + b} for x.", str(x), steps)
