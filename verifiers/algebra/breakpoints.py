r"""Where an expression changes its branch: the zeros of what stands under |.|, roots, floors, maxima and arcs.

Between two neighbouring breakpoints an expression is analytic, so that values there say something about the whole
piece; on the other side of one they say nothing. The breakpoints are found from the tree: exactly where a critical
part is a quotient of polynomials on the line, by a search for changes of sign and for near zeros elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from verifiers.algebra.exact import InexactError, UndefinedError, exact_or_none
from verifiers.algebra.high_precision import numeric, numeric_or_none
from verifiers.algebra.polynomials import (
    ONE,
    NotPolynomial,
    Polynomial,
    divide,
    multiply,
    near_real_roots,
    rational_function,
    squarefree,
)
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Call, Expr, Num, Sym, free_symbols, is_op, marks, num, walk

STEPS = frozenset(("Call:floor", "Call:ceil", "Op:mod"))
_BREAKING = STEPS | {
    "Call:" + name
    for name in ("abs", "norm", "sgn", "arg", "min", "max", "sqrt", "root", "cbrt", "arcsin", "arccos", "arctan",
                 "arccot", "arcsec", "arccsc", "arccosh")
}  # fmt: skip
_FLOORS = (-1, 0, 1, 2)  # integers near which a step is looked at from both sides
_SEARCH_DIGITS = 15
_MAX_DIPS = 8  # near zeros that are looked into
_MAX_FOUND = 12  # zeros of one critical part that a search keeps: a sine has no last one


@dataclass(frozen=True)
class Breaks:
    """Breakpoints on a line, in order; `complete` when none can have been missed."""

    places: tuple[Fraction, ...]
    complete: bool


def may_break(expr: Expr) -> bool:
    """Whether something with branches stands in the expression (a cheap look)."""
    found = marks(expr)
    if not _BREAKING.isdisjoint(found):
        return True
    return "Op:pow" in found and any(is_root_power(node) for node in walk(expr))


def is_root_power(node: Expr) -> bool:
    """A power whose exponent is no integer: (x^2)^{1/2}, x^y."""
    if not is_op(node, "pow") or not free_symbols(node.args[0]):
        return False
    if free_symbols(node.args[1]):
        return True
    exponent = exact_or_none(node.args[1])
    return exponent is None or exponent.denominator != 1


def critical_parts(expr: Expr) -> list[Expr]:
    """The expressions at whose zeros some part of `expr` changes its branch."""
    found: list[Expr] = []
    for node in walk(expr):
        if isinstance(node, Call):
            found += _of_call(node.name, node.args)
        elif is_op(node, "mod"):
            found += _of_call("floor", (node.args[0] / node.args[1],))
        elif is_root_power(node):
            found.append(node.children[0])
    return [part for part in found if free_symbols(part)]


def _of_call(name: str, args: tuple[Expr, ...]) -> list[Expr]:
    if name in ("abs", "norm", "sgn", "arg", "sqrt", "root", "cbrt"):
        return [args[0]]
    if name in ("min", "max"):
        return [a - b for a, b in combinations(args, 2)]
    if name in ("floor", "ceil"):
        return [args[0] - num(level) for level in _FLOORS]
    if name in ("arcsin", "arccos", "arcsec", "arccsc", "arccosh"):
        return [args[0] - num(1), args[0] - num(-1), *_poles(args[0])]
    if name == "arctan":
        return _poles(args[0])
    return [args[0], *_poles(args[0])] if name == "arccot" else []


def _poles(expr: Expr) -> list[Expr]:
    """What vanishes where the expression jumps from one infinity to the other."""
    found: list[Expr] = []
    for node in walk(expr):
        if is_op(node, "div"):
            found.append(node.args[1])
        elif is_op(node, "pow") and not free_symbols(node.args[1]):
            found.append(node.args[0])
        elif isinstance(node, Call) and node.name in ("tan", "sec"):
            found.append(Call("cos", node.args))
        elif isinstance(node, Call) and node.name in ("cot", "csc"):
            found.append(Call("sin", node.args))
    return found


def factors(expr: Expr) -> Iterator[Expr]:
    """The parts of a product, quotient or power at which it can change its sign."""
    if not free_symbols(expr):
        return
    is_power = is_op(expr, "pow") and not free_symbols(expr.children[1])
    is_function = isinstance(expr, Call) and expr.name in ("abs", "sqrt", "cbrt")
    if is_power or is_function or is_op(expr, "mul", "div", "neg", "percent"):
        for child in expr.children:
            yield from factors(child)
    else:
        yield expr


def breaks(parts: Iterable[Expr], name: str) -> Breaks:
    """The zeros of the critical parts, as functions of one variable."""
    places: set[Fraction] = set()
    complete = True
    for atom in dict.fromkeys(atom for part in parts for atom in factors(part)):
        try:
            places.update(root for polynomial in rational_function(atom, name) for root in _real_roots(polynomial))
        except NotPolynomial:
            found, is_sure = _search(atom, name)
            places.update(found)
            complete = complete and is_sure
    return Breaks(tuple(sorted(places)), complete)


def _real_roots(polynomial: Polynomial) -> list[Fraction]:
    """The real zeros, exact where there is one alone."""
    simple = squarefree(polynomial) if polynomial else ()
    if len(simple) == 2:
        return [-simple[0] / simple[1]]
    return near_real_roots(simple) if simple else []


def _search(atom: Expr, name: str) -> tuple[list[Fraction], bool]:
    """Changes of sign and near zeros of an expression on a grid; False where its size let some of it go unseen."""

    def value_at(place: Fraction) -> Any:
        """The real value at a place; None where there is none."""
        return numeric_or_none(atom, {name: place}, _SEARCH_DIGITS, real=True)

    seen: list[tuple[Fraction, float]] = []
    is_sure = True
    for place in _GRID:
        try:
            seen.append((place, float(numeric(atom, {name: place}, _SEARCH_DIGITS, real=True))))
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            is_sure = False
    found: list[Fraction] = []
    dips = 0
    for index, ((low, at_low), (high, at_high)) in enumerate(pairwise(seen)):
        if at_low == 0:
            found.append(low)
        elif at_low * at_high < 0:
            found.append(_bisected(value_at, low, high, at_low))
        elif dips < _MAX_DIPS and index + 2 < len(seen) and abs(at_high) < min(abs(at_low), abs(seen[index + 2][1])):
            dips += 1
            found += _dip(value_at, low, seen[index + 2][0], at_low)
    return sorted(found, key=abs)[:_MAX_FOUND], is_sure


def _grid() -> list[Fraction]:
    rng = random.Random(11)  # no secret: what is found here are places to look around
    near = [Fraction(step, 4) + Fraction(rng.randrange(1, 197), 1000) for step in range(-42, 42, 2)]
    far = [sign * Fraction(10) ** power * lead for power in (-3, -2, 1, 2, 3) for lead in (1, 3) for sign in (1, -1)]
    return sorted(set(near + far))


_GRID = _grid()


def _bisected(value_at: Callable[[Fraction], Any], low: Fraction, high: Fraction, at_low: float) -> Fraction:
    for _ in range(12):
        middle = (low + high) / 2
        value = value_at(middle)
        if value is None or value == 0:
            return middle
        low, high = (middle, high) if (value < 0) == (at_low < 0) else (low, middle)
    return (low + high) / 2


def _dip(value_at: Callable[[Fraction], Any], low: Fraction, high: Fraction, at_low: float) -> list[Fraction]:
    """Where |atom| is least between two places, if it comes near zero there or changes its sign on the way."""
    place, value = low, at_low
    for step in range(16):
        if step == 5 and abs(value) > abs(at_low) / 2:
            return []
        third = (high - low) / 3
        first, second = low + third, high - third
        a, b = value_at(first), value_at(second)
        if a is None or b is None:
            return []
        for where, size in ((first, a), (second, b)):
            if size * at_low <= 0:
                return [where]  # between two zeros
        low, high = (low, second) if abs(a) < abs(b) else (first, high)
        place, value = (first, a) if abs(a) < abs(b) else (second, b)
    return [place] if abs(value) < 1e-3 * abs(at_low) else []


def around(found: Breaks, rng: random.Random) -> Iterator[Fraction]:
    """Places in every piece between breakpoints, beyond the outer ones, at them, and close to their sides."""
    places = found.places
    if not places:
        return
    for low, high in pairwise(places):
        for _ in range(2):
            yield low + (high - low) * Fraction(rng.randrange(1, 10**6), 10**6)
    jitter = Fraction(rng.randrange(10**5, 10**6), 10**6)
    for outer, sign in ((places[0], -1), (places[-1], 1)):
        for scale in (Fraction(1, 1000), 1, 1000):
            yield outer + sign * scale * jitter
    for place in places:
        yield place
        sides = (Fraction(1, 10**9),) if found.complete else (Fraction(1, 10**5), Fraction(1, 500), Fraction(1, 20))
        for side in sides:
            yield place + side * jitter
            yield place - side * jitter


def line_through(point: dict[str, Fraction], rng: random.Random) -> dict[str, Expr]:
    """Every symbol as a linear function of the parameter #t: a line through the point in a random direction."""
    return {
        name: Num(value) + Num(Fraction(rng.randrange(-1000, 1001), 250)) * Sym("#t") for name, value in point.items()
    }


def is_zero_of(part: Expr, others: Sequence[Expr], line: dict[str, Expr]) -> bool:
    """Whether, on a line, each zero of a critical part is one of the others, all quotients of polynomials."""
    product = ONE
    try:
        for other in others:
            for polynomial in rational_function(substitute(other, line), "#t"):
                product = multiply(product, polynomial)
        mine = rational_function(substitute(part, line), "#t")
        return all(not divide(product, squarefree(polynomial))[1] for polynomial in mine if len(polynomial) > 1)
    except NotPolynomial:
        return False
