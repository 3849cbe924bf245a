from envs import Problem, environment
from envs.procedural.answers import read_tuple


def divides_and_differs(problem, answer):
    """True for two factors of the number, neither of them 1. It reads untrusted text: ValueError is a wrong answer."""
    factors = read_tuple(answer)
    if len(factors) != 2 or any(factor.denominator != 1 or factor < 2 for factor in factors):
        return False
    return factors[0] * factors[1] == problem.info["number"]


@environment("factors", levels=(1, 2, 3), ood_levels=(4,), verify=divides_and_differs)
def factors(rng, level):
    """Two factors of a number (level: digits of the smaller one); many answers are right, each can be checked."""
    a = rng.randrange(max(2, 10 ** (level - 1)), 10**level)
    b = rng.randrange(10**level, 10 ** (level + 1))
    steps = (f"{a} * {b} = {a * b}",)
    return Problem(
        f"Write {a * b} as a product of two numbers, both above 1.", f"{a}, {b}", steps, info={"number": a * b}
    )
