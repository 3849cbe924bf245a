"""Every built-in environment keeps its promises, and its answers agree with other libraries."""

# ruff: noqa: S307  (eval is the reference here, of prompts that our own environments write)
import math
import re
from fractions import Fraction

import pytest
import sympy

from envs import make
from envs.builtin import PROCEDURAL
from envs.check.conformance import check_environment

x = sympy.Symbol("x")


@pytest.mark.parametrize("name", sorted(PROCEDURAL))
def test_built_in_environments_pass_a_short_check(name):
    report = check_environment(name, num=12, hostile=False, fresh_process=False)
    assert report.is_ok, report.text()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROCEDURAL))
def test_built_in_environments_pass_the_whole_check(name):
    report = check_environment(name, num=200)
    assert report.is_ok, report.text()


def problems(name, num=30, **settings):
    """Problems of every level."""
    env = make(name, **settings)
    return [env.problem(i, level=level) for level in (*env.levels, *env.ood_levels) for i in range(num)]


def to_sympy(text):
    """Our own prompts (never a model's text) as sympy expressions."""
    text = re.sub(r"(?<=[\d)])(?=[x(a-z])", "*", text.replace("^", "**").replace(")(", ")*("))
    return sympy.sympify(text, locals={"x": x})


def test_arithmetic_chains_agree_with_python():
    for p in problems("arithmetic_chain"):
        assert eval(p.prompt.removeprefix("Compute ").rstrip(".")) == int(p.answer)


def test_columns_and_products_agree_with_python():
    for name in ("addition", "multiplication"):
        for p in problems(name):
            assert eval(p.prompt.split(" ", 1)[1].rstrip(".")) == int(p.answer)


def test_divisions_agree_with_divmod():
    for p in problems("division"):
        a, b = map(int, re.findall(r"\d+", p.prompt))
        assert list(divmod(a, b)) == list(map(int, re.findall(r"\d+", p.answer)))


def test_fractions_agree_with_sympy():
    for p in problems("fractions", 8):
        expression = re.search(r"Compute (.*) as a", p.prompt)[1]
        assert sympy.nsimplify(to_sympy(re.sub(r"(\d+)", r"Integer(\1)", expression))) == sympy.Rational(p.answer)


def test_residues_agree_with_python():
    for p in problems("modular_arithmetic"):
        expression, modulus = re.search(r"Compute (.*) modulo (\d+)", p.prompt).groups()
        assert eval(expression) % int(modulus) == int(p.answer)
    for p in problems("modular_power"):
        base, exponent, modulus = map(int, re.findall(r"\d+", p.prompt))
        assert pow(base, exponent, modulus) == int(p.answer)


def test_number_theory_agrees_with_sympy():
    for p in problems("gcd_bezout"):
        a, b = p.info["numbers"]
        u, v = map(int, p.answer.split(","))
        assert a * u + b * v == math.gcd(a, b)
    for p in problems("factorisation"):
        expected = sympy.factorint(p.info["number"])
        assert p.answer == " * ".join(str(q) for q in sorted(expected) for _ in range(expected[q]))
    for p in problems("modular_inverse"):
        assert pow(p.info["number"], -1, p.info["modulus"]) == int(p.answer)
    for p in problems("chinese_remainder"):
        pairs = re.findall(r"x = (\d+) \(mod (\d+)\)", p.prompt)
        from sympy.ntheory.modular import crt

        assert crt([int(m) for _, m in pairs], [int(r) for r, _ in pairs])[0] == int(p.answer)


def test_equations_agree_with_sympy():
    for p in problems("linear_equations", 6):
        left, right = re.search(r"Solve (.*) = (.*) for x", p.prompt).groups()
        assert sympy.solve(to_sympy(left) - to_sympy(right), x) == [sympy.Rational(p.answer)]
    for p in problems("quadratics", 5):
        expected = set(sympy.solve(to_sympy(re.search(r"Solve (.*) = 0", p.prompt)[1]), x))
        assert {sympy.Rational(part.split("=")[1].strip()) for part in p.answer.split(" or ")} == expected


def test_linear_systems_agree_with_sympy():
    for p in problems("linear_systems", 3):
        symbols = {name: sympy.Symbol(name) for name in "xyzuv"}
        equations = []
        for row in p.prompt.removeprefix("Solve ").rstrip(".").split(";"):
            left, right = re.sub(r"(?<=\d)(?=[xyzuv])", "*", row).split("=")
            equations.append(sympy.sympify(left, locals=symbols) - int(right))
        solution = sympy.solve(equations, dict=True)[0]
        for part in p.answer.split(","):
            name, value = part.split("=")
            assert solution[symbols[name.strip()]] == int(value)


def test_inequalities_agree_with_sympy():
    for p in problems("inequalities", 2):
        statement = re.search(r"Solve (.*)\. Give", p.prompt)[1]
        left, sign, right = re.fullmatch(r"(.*?) (<=|>=|<|>) (.*)", statement).groups()
        left = re.sub(r"\|(.*)\|", r"Abs(\1)", left)
        real = sympy.Symbol("x", real=True)
        body = re.sub(r"(?<=[\d)])(?=[x(])", "*", left.replace("^", "**"))
        relation = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}[sign]
        expected = sympy.solveset(relation(sympy.sympify(body, locals={"x": real}), int(right)), real, sympy.S.Reals)
        assert interval_set(p.answer) == expected, p.prompt


def interval_set(text):
    """Our notation as a sympy set."""
    union = sympy.S.EmptySet
    for part in text.split(" U "):
        low, high = part[1:-1].split(", ")
        bounds = [sympy.oo if b == "inf" else -sympy.oo if b == "-inf" else sympy.Rational(b) for b in (low, high)]
        union = union | sympy.Interval(*bounds, part[0] == "(", part[-1] == ")")
    return union


def test_polynomials_agree_with_sympy():
    for p in problems("polynomial_expansion", 6):
        expression = re.search(r"Expand (.*)\.", p.prompt)[1]
        assert sympy.expand(to_sympy(expression)) == to_sympy(p.answer)
    for p in problems("polynomial_factoring", 6):
        expression = re.search(r"Factor (.*)\.", p.prompt)[1]
        assert sympy.expand(to_sympy(p.answer)) == to_sympy(expression)
    for p in problems("polynomial_division", 6):
        top, bottom = re.search(r"Divide (.*) by (.*);", p.prompt).groups()
        expected = sympy.div(to_sympy(top), to_sympy(bottom), x)
        assert tuple(to_sympy(part) for part in p.answer.split(" remainder ")) == expected


def test_calculus_agrees_with_sympy():
    for name in ("derivatives", "derivatives_functions"):
        for p in problems(name, 3):
            expression = re.search(r"Differentiate (.*?)(?: with respect to x)?\.$", p.prompt)[1]
            difference = sympy.diff(to_sympy(expression), x) - to_sympy(p.answer)
            assert all(abs(difference.evalf(30, subs={x: at})) < 1e-15 for at in (sympy.Rational(1, 7), 2)), p.prompt
    for p in problems("antiderivatives", 6):
        expression = re.search(r"Integrate (.*)\.$", p.prompt)[1]
        assert sympy.expand(sympy.diff(to_sympy(p.answer), x) - to_sympy(expression)) == 0
    for p in problems("antiderivatives_functions", 2):
        expression = re.search(r"Integrate (.*) with respect", p.prompt)[1]
        difference = sympy.diff(to_sympy(p.answer), x) - to_sympy(expression)
        assert all(abs(difference.evalf(30, subs={x: at})) < 1e-15 for at in (sympy.Rational(1, 7), 1)), p.prompt
    for p in problems("definite_integrals", 6):
        expression, low, high = re.search(r"Integrate (.*) from x = (.*) to x = (.*)\.", p.prompt).groups()
        assert sympy.integrate(to_sympy(expression), (x, int(low), int(high))) == sympy.Rational(p.answer)
    for p in problems("limits", 3):
        expression, point = re.search(r"limit of (.*) as x goes to (.*)\.", p.prompt).groups()
        at = sympy.oo if point == "infinity" else int(point)
        top, bottom = expression.split(")/(")
        quotient = sympy.cancel(to_sympy(top + ")") / to_sympy("(" + bottom))
        assert sympy.limit(quotient, x, at) == sympy.Rational(p.answer)


def test_sums_agree_with_brute_force():
    for p in problems("sums", 20):
        numbers = [Fraction(n) for n in re.findall(r"-?\d+(?:/\d+)?", p.prompt)]
        if p.level <= 2:
            n, a, b, _ = numbers
            terms = [a + i * (b - a) if p.level == 1 else a * (b / a) ** i for i in range(int(n))]
            assert sum(terms) == Fraction(p.answer)
        elif p.level == 3:
            a, b = numbers[:2]
            assert abs(sum(float(a) * float(b / a) ** i for i in range(400)) - float(Fraction(p.answer))) < 1e-6
        elif p.level == 4:
            body, last = re.search(r"sum of (.*) for k from 1 to (\d+)", p.prompt).groups()
            body = re.sub(r"(?<=\d)(?=k)", "*", body.replace("^", "**"))
            assert sum(eval(body, {"k": k}) for k in range(1, int(last) + 1)) == int(p.answer)
        else:
            low, high = re.search(r"from (\d+) to (\d+)", p.prompt).groups()
            assert sum(Fraction(1, k * (k + 1)) for k in range(int(low), int(high) + 1)) == Fraction(p.answer)


def test_matrices_agree_with_sympy():
    def matrix(text):
        return sympy.Matrix(eval(re.sub(r"(-?\d+)/(\d+)", r"sympy.Rational(\1, \2)", text), {"sympy": sympy}))

    for p in problems("determinants", 15):
        assert matrix(re.search(r"of (.*)\.", p.prompt)[1]).det() == int(p.answer)
    for p in problems("matrix_products", 15):
        a, b = re.search(r"Compute (.*) \* (.*)\.", p.prompt).groups()
        assert matrix(a) * matrix(b) == matrix(p.answer)
    for p in problems("matrix_inverses", 15):
        a = matrix(re.search(r"Invert (.*)\.", p.prompt)[1])
        assert a * matrix(p.answer) == sympy.eye(a.rows)


def test_recurrences_agree_with_the_rule():
    for p in problems("recurrences", 15):
        a1, a2 = map(int, re.search(r"a\(1\) = (-?\d+), a\(2\) = (-?\d+)", p.prompt).groups())
        rule = re.search(r"a\(n\) = (.*)\. Find", p.prompt)[1].replace("a(n-1)", "*u").replace("a(n-2)", "*v")
        rule = re.sub(r"(?<!\d)\*", "1*", rule)
        terms = [a1, a2]
        while len(terms) < p.level + 2:
            terms.append(eval(rule, {"u": terms[-1], "v": terms[-2]}))
        assert terms[-1] == int(p.answer)


def test_sequences_continue_the_polynomial_through_their_terms():
    for p in problems("sequences", 4):
        terms = [int(n) for n in re.findall(r"-?\d+", p.prompt)]
        polynomial = sympy.interpolate(terms, x)
        assert sympy.degree(polynomial, x) == p.level
        assert polynomial.subs(x, len(terms) + 1) == int(p.answer)


def test_counting_agrees_with_enumeration():
    from itertools import permutations, product

    words = [p for p in problems("combinatorics", 40) if p.level == 3]
    short = [p for p in words if len(p.prompt.split()[-1]) <= 9]  # eight letters and the question mark
    assert len(short) >= 3
    for p in short:
        first, word = re.search(r"begin with (.) .* letters of (\w+)", p.prompt).groups()
        rest = word.replace(first, "", 1)
        assert len(set(permutations(rest))) == int(p.answer)
    for p in problems("dice", 6):
        sides = list(map(int, re.findall(r"(\d+)-sided", p.prompt)))
        target = int(re.search(r"sum to (\d+)", p.prompt)[1])
        rolls = [sum(roll) for roll in product(*(range(1, s + 1) for s in sides))]
        assert Fraction(rolls.count(target), len(rolls)) == Fraction(p.answer)
    for p in problems("probability", 8):
        counts = {colour: int(n) for n, colour in re.findall(r"(\d+) (red|blue|green|white|black)", p.prompt)}
        order = re.search(r"(?:the ball is|the colours are) (.*?)(?: in this order)?\?", p.prompt)[1].split(", ")
        chance = Fraction(1)
        for colour in order:
            chance *= Fraction(counts[colour], sum(counts.values()))
            counts[colour] -= 1
        assert chance == Fraction(p.answer)


def test_geometry_agrees_with_sympy():
    for p in problems("polygon_areas", 10):
        corners = [tuple(map(int, c.split(", "))) for c in re.findall(r"\((-?\d+, -?\d+)\)", p.prompt)]
        assert sympy.Polygon(*corners).area == sympy.Rational(p.answer), p.prompt
    for p in problems("lengths", 4):
        numbers = [int(n) for n in re.findall(r"-?\d+", p.prompt)]
        expected = {
            1: lambda a, b: sympy.sqrt(a**2 + b**2),
            2: lambda a, b, c, d: sympy.Point(a, b).distance(sympy.Point(c, d)),
            3: lambda a, b, c: sympy.sqrt(a**2 + b**2 + c**2),
            4: lambda a, b, w: sympy.sqrt(a**2 + b**2 - 2 * a * b * sympy.cos(sympy.pi * w / 180)),
        }[p.level](*numbers)
        assert sympy.simplify(sympy.sympify(p.answer) - expected) == 0


def test_countdown_answers_use_each_number_once():
    for p in problems("countdown"):
        assert sorted(map(int, re.findall(r"\d+", p.answer))) == sorted(p.info["numbers"])
        assert eval(p.answer.replace("/", "//")) == p.info["target"]


def test_word_problems_agree_with_a_solver_that_reads_the_sentences():
    for p in problems("word_problems", 10):
        text, question = p.prompt.rsplit(" What is ", 1)
        values, todo = {}, [s.strip().rstrip(".") for s in re.split(r"(?<=\.) ", text)]
        while todo:
            sentence = todo.pop(0)
            name, body = sentence[0].lower() + sentence[1:].split(" is ", 1)[0], sentence.split(" is ", 1)[1]
            needed = re.findall(r"the number of \w+'s \w+", body)
            if any(n not in values for n in needed):
                todo.append(sentence)
                continue
            number = int(re.search(r"\d+", body)[0]) if re.search(r"\d+", body) else None
            if "more than" in body:
                values[name] = values[needed[0]] + number
            elif "less than" in body:
                values[name] = values[needed[0]] - number
            elif "times" in body:
                values[name] = values[needed[0]] * number
            elif "together" in body:
                values[name] = values[needed[0]] + values[needed[1]]
            else:
                values[name] = number
        assert values[question.rstrip("?")] == int(p.answer)


def test_word_problems_need_as_many_definitions_as_their_level():
    assert all(len(p.solution) == p.level for p in problems("word_problems", 10))


def test_conversions_agree_with_sympy_units():
    from sympy.physics import units

    for p in problems("unit_conversion", 15):
        match = re.fullmatch(
            r"Convert ([\d/]+) (metres|kilometres|centimetres|hours|minutes|seconds|days) to (\w+)\.", p.prompt
        )
        if match:
            source, target = (getattr(units, u.replace("tre", "ter")) for u in match.groups()[1:])
            ratio = units.convert_to(sympy.Rational(match[1]) * source, target) / target
            assert ratio == sympy.Rational(p.answer.split()[0])


def test_composition_by_hand():
    env = make("composition")
    problem = env.compose(["rev", "inc"], (4, 0, 7, 9))  # inc(4079) = 5180, rev(5180) = 0815
    assert problem.prompt == "rev(inc(4079))"
    assert problem.solution == ("inc(4079) = 5180", "rev(5180) = 0815")
    assert problem.answer == "0815"
    assert not env.grade(problem, "#### 815").is_correct


def test_aime_answers_by_brute_force():
    for p in problems("aime", 30):
        assert 0 <= int(p.answer) <= 999
        if p.level == 3:  # two such problems in one
            continue
        if match := re.fullmatch(
            r"How many positive integers up to (\d+) are divisible by (\d+) or by (\d+)\?", p.prompt
        ):
            n, a, b = map(int, match.groups())
            assert sum(k % a == 0 or k % b == 0 for k in range(1, n + 1)) == int(p.answer)
        elif match := re.fullmatch(r"Find the remainder when (\d+)\^(\d+) is divided by 1000\.", p.prompt):
            assert pow(int(match[1]), int(match[2]), 1000) == int(p.answer)
        elif match := re.fullmatch(r"How many positive divisors of (.*) are not perfect squares\?", p.prompt):
            number = eval(match[1].replace("^", "**"))
            squares = sum(1 for d in sympy.divisors(number) if math.isqrt(d) ** 2 == d)
            assert sympy.divisor_count(number) - squares == int(p.answer)
        elif match := re.match(r"Find the largest k such that (\d+)\^k divides (\d+)!", p.prompt):
            assert sympy.multiplicity(int(match[1]), sympy.factorial(int(match[2]))) == int(p.answer)
        elif match := re.search(r"coefficient of x\^(\d+) in \((\d+)x \+ (\d+)\)\^(\d+)", p.prompt):
            k, a, b, n = map(int, match.groups())
            assert sympy.Poly((a * x + b) ** n, x).coeff_monomial(x**k) % 1000 == int(p.answer)
        elif match := re.match(r"(\d) balls are drawn at once from (\d) red and (\d) blue", p.prompt):
            from itertools import combinations

            k, red, blue = map(int, match.groups())
            draws = [set(d) for d in combinations([("r", i) for i in range(red)] + [("b", i) for i in range(blue)], k)]
            same = sum(len({colour for colour, _ in d}) == 1 for d in draws)
            chance = Fraction(same, len(draws))
            assert chance.numerator + chance.denominator == int(p.answer)
