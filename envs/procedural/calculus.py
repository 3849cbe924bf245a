"""Derivatives, antiderivatives, limits and sums.

Polynomial answers are read as polynomials and compared exactly; those with functions go to the symbolic verifier.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from envs.environment import Environment
from envs.procedural.answers import signed
from envs.procedural.polynomial_writing import read, write, write_term, write_unordered
from envs.registry import environment
from envs.types import Problem
from verifiers.algebra.polynomials import Polynomial, add, derivative, divide, multiply, polynomial, value_at
from verifiers.judges.steps import judge_written_steps
from verifiers.types import Verdict


def _draw(rng: random.Random, degree: int, largest: int = 9) -> Polynomial:
    leading = rng.choice([n for n in range(-largest, largest + 1) if n])
    return polynomial(*(rng.randint(-largest, largest) for _ in range(degree)), leading)


def _power(base: Polynomial, exponent: int) -> Polynomial:
    total = polynomial(1)
    for _ in range(exponent):
        total = multiply(total, base)
    return total


def _same_polynomial(problem: Problem, answer: str) -> bool:
    return read(answer) == read(problem.answer)


def _keep_exponent(problem: Problem) -> tuple[Sequence[str], str] | None:
    terms = problem.info.get("terms")
    if terms is None:
        return None
    wrong = polynomial(0, *(exponent * c for exponent, c in enumerate(terms) if exponent))  # forgets to lower it
    return [f"({write_term(c, i)})' = {write_term(i * c, i)}" for i, c in enumerate(terms) if i and c], write(wrong)


@environment(
    "derivatives",
    levels=(1, 2, 3),
    ood_levels=(4, 5),
    verify=_same_polynomial,
    mistakes={"keep_exponent": _keep_exponent},
)
def derivatives(rng: random.Random, level: int) -> Problem:
    """Derivatives of polynomials (1, 2), products (3), and powers of polynomials by the chain rule (4, 5)."""
    if level <= 2:
        f = _draw(rng, 2 * level, 12)
        steps = [f"({write_term(c, i)})' = {write_term(i * c, i)}" for i, c in reversed(list(enumerate(f))) if c and i]
        answer = write(derivative(f))
        asked = f"derivative of {write((0, *f[1:]))}"  # whatever the constant: its derivative is 0
        return Problem(
            f"Differentiate {write(f)}.", answer, (*steps, answer), info={"terms": list(map(int, f))}, canonical=asked
        )
    f = _draw(rng, 2 if level == 3 else level - 3, 20 if level == 4 else 9)
    if level == 3:
        g = _draw(rng, 2)
        first, second = multiply(derivative(f), g), multiply(f, derivative(g))
        steps = [
            f"f = {write(f)}, f' = {write(derivative(f))}",
            f"g = {write(g)}, g' = {write(derivative(g))}",
            f"f'g = {write(first)}",
            f"fg' = {write(second)}",
        ]
        answer = write(add(first, second))
        prompt, asked = f"Differentiate ({write(f)})({write(g)}).", f"derivative of {write_unordered(f, g)}"
        return Problem(prompt, answer, (*steps, answer), canonical=asked)
    exponent = rng.randint(3, 5)
    inner = derivative(f)
    answer = f"{exponent}({write(inner)})({write(f)})^{exponent - 1}"
    steps = [f"outer: {exponent}u^{exponent - 1} with u = {write(f)}", f"inner: u' = {write(inner)}", answer]
    return Problem(f"Differentiate ({write(f)})^{exponent}.", answer, tuple(steps))


FUNCTIONS = {  # name -> (function, derivative), of an inner variable u
    "sin": ("sin({u})", "cos({u})"),
    "cos": ("cos({u})", "-sin({u})"),
    "exp": ("exp({u})", "exp({u})"),
    "log": ("log({u})", "1/({u})"),
    "sqrt": ("sqrt({u})", "1/(2*sqrt({u}))"),
}


@environment("derivatives_functions", levels=(1, 2, 3), ood_levels=(4,), verify="symbolic")
def derivatives_functions(rng: random.Random, level: int) -> Problem:
    """Derivatives with sin, cos, exp, log, sqrt: of a linear (1) or quadratic (2) inside, times a polynomial (3, 4)."""
    name = rng.choice(sorted(FUNCTIONS))
    inside = _draw(rng, 1 if level in (1, 3) else 2, 4 if name == "exp" else 9)
    while name == "exp" and inside[1:] == (1,):  # is its own derivative: copying would be right
        inside = _draw(rng, 1, 4)
    if name in ("log", "sqrt"):  # positive near 0 and above: the function must be defined
        inside = polynomial(rng.randint(1, 9), *(max(c, -c) for c in inside[1:]))
    function, slope = (text.format(u=write(inside)) for text in FUNCTIONS[name])
    inner = write(derivative(inside))
    chain = f"({inner})*({slope})"
    if level < 3:
        factor = rng.randint(2, 9)
        answer = f"{factor}*{chain}"
        steps = [f"inner derivative: {inner}", f"outer derivative: {slope}", answer]
        return Problem(f"Differentiate {factor}*{function} with respect to x.", answer, tuple(steps))
    f = _draw(rng, level - 2)
    answer = f"({write(derivative(f))})*{function} + ({write(f)})*{chain}"
    steps = [f"f' = {write(derivative(f))}", f"g' = {chain}", answer]
    return Problem(f"Differentiate ({write(f)})*{function} with respect to x.", answer, tuple(steps))


def _is_antiderivative(problem: Problem, answer: str) -> bool:
    body = answer.replace("+ C", "").replace("+C", "")
    return derivative(read(body)) == read(problem.info["integrand"])


@environment("antiderivatives", levels=(1, 2, 3), ood_levels=(4, 5), verify=_is_antiderivative)
def antiderivatives(rng: random.Random, level: int) -> Problem:
    """Antiderivatives of polynomials, judged by differentiating the answer (3: a product, 4, 5: a substitution)."""
    if level <= 3:
        factors = [_draw(rng, 2 * level - 1, 30)] if level < 3 else [_draw(rng, 1), _draw(rng, 2)]
        integrand = multiply(factors[0], factors[-1]) if len(factors) == 2 else factors[0]
        text = "".join(f"({write(f)})" for f in factors) if len(factors) == 2 else write(integrand)
        steps = [f"multiply out: {write(integrand)}"] if len(factors) == 2 else []
        for i, c in reversed(list(enumerate(integrand))):
            if c:
                steps.append(f"{write_term(c, i)} -> {write_term(c / (i + 1), i + 1)}")
        answer = write(polynomial(0, *(c / (i + 1) for i, c in enumerate(integrand))))
        info, asked = {"integrand": write(integrand)}, f"integral of {write_unordered(*factors)}"
        return Problem(f"Integrate {text}.", answer, (*steps, answer), info=info, canonical=asked)
    inside, exponent = _draw(rng, level - 2, 5), rng.randint(2, 3)
    integrand = multiply(derivative(inside), _power(inside, exponent))
    text = f"({write(derivative(inside))})({write(inside)})^{exponent}"
    answer = f"(1/{exponent + 1})({write(inside)})^{exponent + 1}"
    steps = [f"u = {write(inside)}, du = ({write(derivative(inside))}) dx", f"integrate u^{exponent}", answer]
    return Problem(f"Integrate {text}.", answer, tuple(steps), info={"integrand": write(integrand)})


@environment("antiderivatives_functions", levels=(1, 2, 3), ood_levels=(4,), verify={"name": "antiderivative"})
class AntiderivativesFunctions(Environment):
    """Antiderivatives with sin, cos and exp: linear inside (1), substitution (2), by parts once (3) and twice (4)."""

    def generate(self, rng: random.Random, level: int) -> Problem:
        """An integrand whose antiderivative has a closed form by the rule of its level."""
        prompt, integrand, answer, steps = (_linear_inside, _substitution, _by_parts, _by_parts)[level - 1](rng, level)
        return Problem(prompt, answer, (*steps, answer), info={"integrand": integrand})

    def grade(self, problem: Problem, response: str) -> Verdict:
        """Differentiates the answer and compares it with the integrand."""
        return judge_written_steps(self.verifier.verify(response, problem.info["integrand"]), response)


Integral = tuple[str, str, str, list[str]]  # prompt, integrand, antiderivative, steps
_PRIMITIVES = {"sin": "-cos({u})", "cos": "sin({u})", "exp": "exp({u})"}  # with respect to u


def _linear_inside(rng: random.Random, level: int) -> Integral:
    name, factor = rng.choice(sorted(_PRIMITIVES)), rng.randint(2, 40)
    inside = _draw(rng, 1, 4 if name == "exp" else 9)  # exp of more leaves the range in which values are compared
    while name == "exp" and inside[1] == 1:  # is its own antiderivative: copying would be right
        inside = _draw(rng, 1, 4)
    integrand = f"{factor}*{name}({write(inside)})"
    primitive = _PRIMITIVES[name].format(u=write(inside))
    answer = f"({factor / inside[1]})*({primitive})"
    steps = [f"antiderivative of {name}: {primitive}", f"divide by the inner derivative {inside[1]}"]
    return f"Integrate {integrand} with respect to x.", integrand, answer, steps


def _substitution(rng: random.Random, level: int) -> Integral:
    name, factor = rng.choice(sorted(_PRIMITIVES)), rng.randint(2, 20)
    inside = _draw(rng, 2, 3 if name == "exp" else 9)
    outside = multiply(polynomial(factor), derivative(inside))
    integrand = f"({write(outside)})*{name}({write(inside)})"
    answer = f"{factor}*({_PRIMITIVES[name].format(u=write(inside))})"
    steps = [f"u = {write(inside)}, du = ({write(derivative(inside))}) dx", f"integrate {factor}*{name}(u)"]
    return f"Integrate {integrand} with respect to x.", integrand, answer, steps


def _by_parts(rng: random.Random, level: int) -> Integral:
    """p(x) exp(cx), degree of p = level - 2: the sum of (-1)^i p^(i)(x) exp(cx) / c^(i+1)."""
    p, c = _draw(rng, level - 2, 20), rng.choice((-4, -3, -2, 2, 3, 4))
    power = f"exp({write((0, c))})"
    steps, total, lower = [], polynomial(), p
    for i in range(level - 1):
        total = add(total, multiply(polynomial(Fraction((-1) ** i, c ** (i + 1))), lower))
        lower = derivative(lower)
        steps.append(f"by parts: derivative {write(lower)}, so far {write(total)}")
    integrand = f"({write(p)})*{power}"
    return f"Integrate {integrand} with respect to x.", integrand, f"({write(total)})*{power}", steps


@environment("definite_integrals", levels=(1, 2), ood_levels=(3, 4), verify="numeric")
def definite_integrals(rng: random.Random, level: int) -> Problem:
    """Definite integrals of polynomials, exact (level: degree)."""
    f = _draw(rng, level, 15)
    low = rng.randint(-3, 2)
    high = low + rng.randint(1, 4)
    whole = polynomial(0, *(c / (i + 1) for i, c in enumerate(f)))
    top, bottom = value_at(whole, high), value_at(whole, low)
    steps = [f"F = {write(whole)}", f"F({high}) is {top}", f"F({low}) is {bottom}"]
    steps.append(f"{top} {signed(-bottom)} = {top - bottom}")
    return Problem(f"Integrate {write(f)} from x = {low} to x = {high}.", str(top - bottom), tuple(steps))


@environment("limits", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def limits(rng: random.Random, level: int) -> Problem:
    """Limits of rational functions: at infinity (1), with a common root of order 1, 2 and more (2, 3, 4)."""
    if level == 1:
        degree = rng.randint(1, 3)
        f, g = _draw(rng, degree, 20), _draw(rng, degree, 20)
        f = polynomial(*f[:-1], rng.choice([n for n in range(-30, 31) if n]))
        g = polynomial(*g[:-1], rng.randint(2, 12))
        value = f[-1] / g[-1]
        steps = [f"leading terms: {write_term(f[-1], degree)} and {write_term(g[-1], degree)}"]
        steps.append(f"{f[-1]} / {g[-1]} = {value}")
        prompt = f"Find the limit of ({write(f)})/({write(g)}) as x goes to infinity."
        return Problem(prompt, str(value), tuple(steps), canonical=steps[0])  # whatever the lower terms
    root = rng.randint(-6, 6)
    f = _draw(rng, level - 1)
    while True:
        g = _draw(rng, level - 1)
        if value_at(g, root) and value_at(f, root):
            break
        f = _draw(rng, level - 1)
    common = _power(polynomial(-root, 1), level - 1)
    top, bottom = multiply(f, common), multiply(g, common)
    value = value_at(f, root) / value_at(g, root)
    steps = [
        f"cancel {write(common)}: ({write(divide(top, common)[0])})/({write(g)})",
        f"at x = {root}: ({value_at(f, root)}) / ({value_at(g, root)}) = {value}",
    ]
    prompt = f"Find the limit of ({write(top)})/({write(bottom)}) as x goes to {root}."
    return Problem(prompt, str(value), tuple(steps))


@environment("sums", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
def sums(rng: random.Random, level: int) -> Problem:
    """Closed sums: arithmetic (1), geometric (2), infinite geometric (3), of squares (4), telescoping (5)."""
    n = rng.randint(10, 80)
    if level == 1:
        a, d = rng.randint(-30, 30), rng.randint(2, 12)
        last = a + (n - 1) * d
        steps = [f"last term: {a} + {n - 1} * {d} = {last}", f"{n} * ({a} + {last}) / 2 = {n * (a + last) // 2}"]
        prompt, value = f"Sum the first {n} terms of {a}, {a + d}, {a + 2 * d}, ...", Fraction(n * (a + last), 2)
    elif level == 2:
        a, q, n = rng.choice([k for k in range(-30, 31) if k]), rng.choice((-3, -2, 2, 3)), rng.randint(4, 8)
        value = Fraction(a * (q**n - 1), q - 1)
        steps = [f"{a} * (({q})^{n} - 1) / ({q} - 1) = {value}"]
        prompt = f"Sum the first {n} terms of {a}, {a * q}, {a * q * q}, ..."
    elif level == 3:
        a = rng.choice([k for k in range(-30, 31) if k])
        ratio = Fraction(rng.choice((-1, 1)) * rng.randint(1, 7), 8)
        value = a / (1 - ratio)
        steps = [f"1 {signed(-ratio)} = {1 - ratio}", f"{a} / ({1 - ratio}) = {value}"]
        prompt = f"Sum the infinite series {a} + ({a * ratio}) + ({a * ratio * ratio}) + ..."
    elif level == 4:
        a, b = rng.randint(1, 9), rng.randint(-9, 9)
        squares, numbers = n * (n + 1) * (2 * n + 1) // 6, n * (n + 1) // 2
        value = Fraction(a * squares + b * numbers)
        steps = [f"{n} * {n + 1} * {2 * n + 1} / 6 = {squares}", f"{n} * {n + 1} / 2 = {numbers}"]
        steps.append(f"{a} * {squares} {signed(b)} * {numbers} = {value}")
        prompt = f"Compute the sum of {write((0, b, a), 'k')} for k from 1 to {n}."
    else:
        a = rng.randint(1, 30)
        value = Fraction(1, a) - Fraction(1, a + n)
        steps = [f"1/(k(k + 1)) = 1/k - 1/(k + 1), so 1/{a} - 1/{a + n} = {value}"]
        prompt = f"Compute the sum of 1/(k(k + 1)) for k from {a} to {a + n - 1}."
    return Problem(prompt, str(value), tuple(steps))
