r"""Every kind of answer, from its meaning: two ways to write one value are equal, any way to write another is wrong.

Each kind is a strategy of values and a function from a value to the texts that mean it. A changed digit, sign, bound,
bracket, variable, unit or order is another value, so nothing here needs a list of mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.judges.symbolic import SymbolicVerifier

VERIFIER = SymbolicVerifier(mode="evaluation")
small = st.integers(-12, 12)
nonzero = small.filter(bool)
positive = st.integers(1, 12)
letters = st.sampled_from("xyzt")
Forms = Callable[[Any], list[str]]


def integer(n: int) -> list[str]:
    return [str(n), f"{n}.0", f"\\frac{{{2 * n}}}{{2}}", f"{n - 1}+1", f"${n}$", f"x={n}"]


def fraction(pair: tuple[int, int]) -> list[str]:
    value = Fraction(*pair)
    top, bottom = value.numerator, value.denominator
    return [f"{top}/{bottom}", f"\\frac{{{top}}}{{{bottom}}}", f"\\dfrac{{{3 * top}}}{{{3 * bottom}}}",
            f"{'-' if top < 0 else ''}\\tfrac{{{abs(top)}}}{{{bottom}}}",
            f"{top}\\cdot\\frac1{{{bottom}}}"]  # fmt: skip


def decimal(thousandths: int) -> list[str]:
    return [f"{thousandths / 1000:.3f}", f"{thousandths / 1000:.4f}", f"\\frac{{{thousandths}}}{{1000}}",
            f"{thousandths} \\times 10^{{-3}}", f"{thousandths}e-3"]  # fmt: skip


def percent(n: int) -> list[str]:
    return [f"{n}\\%", f"{n} percent", f"{n}.0\\%", f"\\frac{{{n}}}{{100}}"]


def repeating(n: int) -> list[str]:
    return [f"0.\\overline{{{n:02}}}", f"\\frac{{{n}}}{{99}}", f"0.({n:02})", f"0.{n:02}{n:02}{n:02}..."]


def based(value: tuple[int, int]) -> list[str]:
    number, base = value
    digits = ""
    rest = number
    while rest:
        digits = str(rest % base) + digits
        rest //= base
    return [f"{digits}_{base}", f"{digits}_{{{base}}}", f"{digits} \\text{{ (base {base})}}", f"{digits} base {base}"]


def radical(value: tuple[int, int, int]) -> list[str]:
    shift, factor, inside = value
    return [f"{shift}+{factor}\\sqrt{{{inside}}}", f"{factor}\\sqrt{{{inside}}}+{shift}",
            f"{shift}+\\sqrt{{{factor * factor * inside}}}", f"{shift}+{factor}\\cdot {inside}^{{1/2}}"]  # fmt: skip


def complex_number(value: tuple[int, int]) -> list[str]:
    a, b = value
    return [f"{a}+({b})i", f"({b})i+{a}", f"{a}-({-b})\\mathrm{{i}}", f"\\frac{{{2 * a}+({2 * b})i}}{{2}}"]


def linear(value: tuple[int, int, str]) -> list[str]:
    slope, shift, name = value
    return [
        f"{slope}{name}+({shift})",
        f"({shift})+{name}\\cdot({slope})",
        f"\\frac{{{2 * slope}{name}+({2 * shift})}}{{2}}",
    ]


def interval(value: tuple[int, int, bool, bool]) -> list[str]:
    low, width, left, right = value
    opener, closer = "[" if left else "(", "]" if right else ")"
    below, above = "\\le" if left else "<", "\\le" if right else "<"
    return [f"x \\in {opener}{low}, {low + width}{closer}", f"{low} {below} x {above} {low + width}",
            f"\\left\\{{x \\mid {low} {below} x {above} {low + width}\\right\\}}"]  # fmt: skip


def half_line(value: tuple[int, str, str]) -> list[str]:
    end, op, name = value
    flipped = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}[op]
    return [f"{name} {op} {end}", f"{end} {flipped} {name}", f"2{name} {op} {2 * end}"]


def union(value: tuple[int, int]) -> list[str]:
    low, width = value
    high = low + width
    return [f"(-\\infty,{low})\\cup({high},\\infty)", f"x<{low} \\text{{ or }} x>{high}",
            f"\\mathbb{{R}}\\setminus[{low},{high}]"]  # fmt: skip


def pair(value: tuple[int, int]) -> list[str]:
    a, b = value
    return [f"({a}, {b})", f"\\left({a},\\ {b}\\right)", f"x={a}, y={b}",
            f"\\begin{{pmatrix}}{a}\\\\{b}\\end{{pmatrix}}",
            f"({a})\\mathbf{{i}}+({b})\\mathbf{{j}}"]  # fmt: skip


def value_set(values: frozenset[int]) -> list[str]:
    ordered = sorted(values)
    texts = [str(value) for value in ordered]
    return [f"\\{{{', '.join(texts)}\\}}", ", ".join(reversed(texts)), " \\text{ or } ".join(f"x={t}" for t in texts)]


def matrix(value: tuple[int, int, int, int]) -> list[str]:
    a, b, c, d = value
    return [f"\\begin{{pmatrix}}{a}&{b}\\\\{c}&{d}\\end{{pmatrix}}", f"[[{a},{b}],[{c},{d}]]",
            f"\\begin{{bmatrix}}{a} & {b} \\\\ {c} & {d}\\end{{bmatrix}}",
            f"\\frac12\\begin{{pmatrix}}{2 * a}&{2 * b}\\\\{2 * c}&{2 * d}\\end{{pmatrix}}"]  # fmt: skip


def line(value: tuple[int, int]) -> list[str]:
    slope, shift = value
    return [
        f"y={slope}x+({shift})",
        f"y-({slope})x=({shift})",
        f"({slope})x-y+({shift})=0",
        f"2y={2 * slope}x+({2 * shift})",
    ]


def circle(value: tuple[int, int, int]) -> list[str]:
    a, b, r = value
    return [f"(x-({a}))^2+(y-({b}))^2={r * r}", f"x^2+y^2-({2 * a})x-({2 * b})y+({a * a + b * b - r * r})=0"]


def length(value: tuple[int, str]) -> list[str]:
    number, unit = value
    metres = {"m": 1, "km": 1000, "cm": Fraction(1, 100)}[unit]
    millimetres = number * metres * 1000
    return [f"{number} \\text{{ {unit}}}", f"{number} {unit}", f"{millimetres} mm"]


def money(cents: int) -> list[str]:
    return [f"\\${cents / 100:.2f}", f"{cents} \\text{{ cents}}", f"{cents / 100:.2f} dollars"]


def is_no_time(value: tuple[int, int]) -> bool:
    """Whether neither the ratio nor its multiples below read as a time of day: 3:30 is no ratio in lowest terms."""
    return value[0] != value[1] and value[1] < 10 and 2 * value[1] < 10


def ratio(value: tuple[int, int]) -> list[str]:
    a, b = value
    return [f"{a}:{b}", f"{2 * a}:{2 * b}", f"{a} \\text{{ to }} {b}"]


def angle(degrees: int) -> list[str]:
    return [f"{degrees}^\\circ", f"{degrees}°", f"{degrees} degrees", f"\\frac{{{degrees}\\pi}}{{180}} \\text{{ rad}}"]


def power(value: tuple[int, int]) -> list[str]:
    factor, exponent = value
    return [
        f"{factor}x^{{{exponent}}}",
        f"{factor}x^{{{exponent - 1}}}\\cdot x",
        f"\\frac{{{factor}}}{{x^{{{-exponent}}}}}",
    ]


def general(value: tuple[int, int]) -> list[str]:
    first, second = value
    return [f"y=C_1e^{{{first}x}}+C_2e^{{{second}x}}", f"y=Ae^{{{second}x}}+Be^{{{first}x}}",
            f"y=c_1e^{{{second}x}}-c_2e^{{{first}x}}"]  # fmt: skip


def periodic(value: tuple[int, int]) -> list[str]:
    twelfths, turns = value
    start, step = f"\\frac{{{twelfths}\\pi}}{{12}}", f"\\frac{{{turns}\\pi}}{{1}}"
    return [f"x={start}+k{step}, k\\in\\mathbb{{Z}}", f"x={start}+{step}+n{step}, n \\in \\mathbb{{Z}}",
            f"{start}-{step}m \\text{{ for integers }} m"]  # fmt: skip


def congruence(value: tuple[int, int]) -> list[str]:
    residue, modulus = value
    return [f"n\\equiv {residue} \\pmod {{{modulus}}}", f"n\\equiv {residue - modulus} \\pmod{{{modulus}}}",
            f"n={modulus}k+{residue}, k\\in\\mathbb{{Z}}"]  # fmt: skip


KINDS: dict[str, tuple[st.SearchStrategy[Any], Forms]] = {
    "integer": (st.integers(-9999, 9999), integer),
    "fraction": (st.tuples(small, positive), fraction),
    "decimal": (st.integers(10, 99_999), decimal),
    "percent": (st.integers(2, 99), percent),
    "repeating": (st.integers(10, 98).filter(lambda n: n % 11), repeating),
    "base": (st.tuples(st.integers(2, 500), st.sampled_from([2, 3, 5, 8])), based),
    "radical": (st.tuples(small, positive, st.sampled_from([2, 3, 5, 7])), radical),
    "complex": (st.tuples(small, nonzero), complex_number),
    "linear": (st.tuples(nonzero, small, letters), linear),
    "interval": (st.tuples(small, positive, st.booleans(), st.booleans()), interval),
    "half line": (st.tuples(small, st.sampled_from(["<", ">", "\\le", "\\ge"]), letters), half_line),
    "union": (st.tuples(small, positive), union),
    "pair": (st.tuples(nonzero, nonzero), pair),
    "set": (st.frozensets(small, min_size=2, max_size=4), value_set),
    "matrix": (st.tuples(small, small, small, small), matrix),
    "line": (st.tuples(nonzero, small), line),
    "circle": (st.tuples(small, small, positive), circle),
    "length": (st.tuples(positive, st.sampled_from(["m", "km", "cm"])), length),
    "money": (st.integers(101, 99_999), money),
    "ratio": (st.tuples(st.integers(2, 12), st.integers(2, 12)).filter(is_no_time), ratio),
    "angle": (st.integers(1, 359), angle),
    "power": (st.tuples(nonzero, st.integers(-6, 6).filter(lambda n: n not in (0, 1))), power),
    "general solution": (st.tuples(st.integers(-5, -1), st.integers(1, 5)), general),
    "periodic": (st.tuples(st.integers(1, 11), st.sampled_from([1, 2])), periodic),
    "congruence": (st.integers(3, 9).flatmap(lambda m: st.tuples(st.integers(1, m - 1), st.just(m))), congruence),
}
# meanings that two values share, where the value as drawn does not decide
SAME: dict[str, Callable[[Any], Any]] = {
    "fraction": lambda value: Fraction(*value),
    "ratio": lambda value: Fraction(*value),
    "length": lambda value: value[0] * {"m": Fraction(1), "km": Fraction(1000), "cm": Fraction(1, 100)}[value[1]],
    "radical": lambda value: (value[0], value[1], value[2]),
    "base": lambda value: value,
}


def right(answer: str, reference: str) -> bool:
    return VERIFIER.verify(f"\\boxed{{{answer}}}", reference).is_correct


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_two_ways_to_write_one_value_are_equal(kind: str, data: st.DataObject) -> None:
    values, forms = KINDS[kind]
    texts = forms(data.draw(values))
    answer, reference = data.draw(st.sampled_from(texts)), data.draw(st.sampled_from(texts))
    assert right(answer, reference)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_way_to_write_another_value_is_paid(kind: str, data: st.DataObject) -> None:
    values, forms = KINDS[kind]
    one, other = data.draw(values), data.draw(values)
    meaning = SAME.get(kind, lambda value: value)
    if meaning(one) != meaning(other):
        assert not right(data.draw(st.sampled_from(forms(other))), data.draw(st.sampled_from(forms(one))))


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_value_of_another_kind_is_paid(data: st.DataObject) -> None:
    """Across kinds, where no reading makes them equal: an interval is no pair, a line no number."""
    groups = (
        ("integer", "interval", "matrix", "linear", "line", "circle", "union", "general solution", "periodic", "set"),
        ("radical", "half line", "matrix", "power", "circle", "base", "congruence", "length"),
    )
    group = data.draw(st.sampled_from(groups))
    first, second = data.draw(st.lists(st.sampled_from(group), min_size=2, max_size=2, unique=True))
    reference = data.draw(st.sampled_from(KINDS[first][1](data.draw(KINDS[first][0]))))
    answer = data.draw(st.sampled_from(KINDS[second][1](data.draw(KINDS[second][0]))))
    if {first, second} != {"linear", "line"}:  # y = 2x + 1 is the function 2x + 1
        assert not right(answer, reference)


def test_the_inverse_of_three_rows_is_worked_out_by_elimination():
    # 2 * 1 + 1 * -1 = 1 and 2 * -1 + 1 * 2 = 0: the first row times the columns of the inverse
    matrix = r"\begin{pmatrix} 2 & 0 & 1 \\ 0 & 1 & 0 \\ 1 & 0 & 1 \end{pmatrix}"
    inverse = r"\begin{pmatrix} 1 & 0 & -1 \\ 0 & 1 & 0 \\ -1 & 0 & 2 \end{pmatrix}"
    singular = r"\begin{pmatrix} 1 & 0 & 1 \\ 0 & 1 & 0 \\ 1 & 0 & 1 \end{pmatrix}"
    verify = SymbolicVerifier().verify
    assert verify(f"\\boxed{{{inverse}}}", f"{matrix}^{{-1}}").is_correct
    assert not verify(f"\\boxed{{{inverse}}}", f"{singular}^{{-1}}").is_correct
    assert not verify(f"\\boxed{{{matrix}}}", f"{matrix}^{{-1}}").is_correct
