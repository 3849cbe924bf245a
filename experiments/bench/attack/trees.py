"""Expressions for the mutation search: trees that the search builds itself, exact values, LaTeX, rewriting, mutation.

Nothing here reads text, and nothing is shared with the verifier: a mutation counts as wrong only if exact arithmetic
finds points at which it differs from the reference, a rewriting as right only if it follows a rule that is an
identity over the reals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isqrt

Point = Mapping[str, Fraction]


@dataclass(frozen=True)
class Tree:
    """A node: `op` is num, sym, +, *, /, ^, abs, max, min, sgn, floor, ceil or sqrt."""

    op: str
    args: tuple[Tree, ...] = ()
    value: Fraction = Fraction(0)
    name: str = ""


def num(value: int | Fraction) -> Tree:
    """A number."""
    return Tree("num", value=Fraction(value))


def sym(name: str) -> Tree:
    """A real symbol."""
    return Tree("sym", name=name)


def node(op: str, *args: Tree) -> Tree:
    """An operation on trees."""
    return Tree(op, args)


def minus(tree: Tree) -> Tree:
    """The negative of a tree."""
    return num(-tree.value) if tree.op == "num" else node("*", num(-1), tree)


def value_at(tree: Tree, point: Point) -> Fraction | None:
    """The exact value; None where it is undefined or no rational number."""
    if tree.op == "num":
        return tree.value
    if tree.op == "sym":
        return point[tree.name]
    found = [value_at(arg, point) for arg in tree.args]
    values = [value for value in found if value is not None]
    return _VALUES[tree.op](*values) if len(values) == len(found) else None


def _sum(*values: Fraction) -> Fraction:
    return sum(values, Fraction(0))


def _product(*values: Fraction) -> Fraction:
    result = Fraction(1)
    for value in values:
        result *= value
    return result


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1 or abs(exponent) > 6 or (exponent < 0 and not base):
        return None
    return Fraction(base**exponent.numerator)


def _sqrt(value: Fraction) -> Fraction | None:
    if value < 0:
        return None
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(top, bottom) if top * top == value.numerator and bottom * bottom == value.denominator else None


_VALUES: dict[str, Callable[..., Fraction | None]] = {
    "+": _sum,
    "*": _product,
    "/": lambda top, bottom: top / bottom if bottom else None,
    "^": _power,
    "abs": abs,
    "max": max,
    "min": min,
    "sgn": lambda value: Fraction((value > 0) - (value < 0)),
    "floor": lambda value: Fraction(value.numerator // value.denominator),
    "ceil": lambda value: Fraction(-(-value.numerator // value.denominator)),
    "sqrt": _sqrt,
}
_STEPS = [Fraction(n, 2) for n in range(-44, 45)] + [Fraction(n, 7) for n in (-300, -40, -3, 2, 25, 310)]
_FAR = [Fraction(n) for n in (-10_007, -101, 97, 10_009)]


def points(names: set[str], rng: random.Random) -> Iterator[dict[str, Fraction]]:
    """Where two trees are compared: every step for one symbol, a draw of 300 for several."""
    ordered = sorted(names)
    if len(ordered) <= 1:
        for step in (*_STEPS, *_FAR):
            yield dict.fromkeys(ordered, step)
        return
    for _ in range(300):
        yield {name: rng.choice(_STEPS if rng.random() < 0.9 else _FAR) for name in ordered}


def names_of(tree: Tree) -> set[str]:
    """The symbols of a tree."""
    return {tree.name} if tree.op == "sym" else {name for arg in tree.args for name in names_of(arg)}


def differ(first: Tree, second: Tree, rng: random.Random) -> bool:
    """Whether the two have different values at so many points that it is no accident of one line."""
    differing, names = 0, names_of(first) | names_of(second)
    for point in points(names, rng):
        mine, theirs = value_at(first, point), value_at(second, point)
        if mine is not None and theirs is not None and mine != theirs:
            differing += len(names) < 2 or not _agree_nearby(first, second, point, rng)
        if differing > (1 if len(names) < 2 else 7):
            return True
    return False


def _agree_nearby(first: Tree, second: Tree, point: dict[str, Fraction], rng: random.Random) -> bool:
    """Whether the two are equal right beside a point: they differ only on a line through it."""
    near = {name: value + Fraction(rng.choice((-1, 1)), 10**6) for name, value in point.items()}
    mine, theirs = value_at(first, near), value_at(second, near)
    return mine is not None and mine == theirs


# --- LaTeX ---------------------------------------------------------------------------------------------------------


def write(tree: Tree, rng: random.Random) -> str:
    """LaTeX of a tree, in one of several styles."""
    if tree.op == "num":
        return _number(tree.value)
    if tree.op == "sym":
        return tree.name
    inner = [write(arg, rng) for arg in tree.args]
    if tree.op == "+":
        return "".join(text if text.startswith("-") or not index else f"+{text}" for index, text in enumerate(inner))
    if tree.op == "*":
        return _times(tree, inner, rng)
    if tree.op == "/":
        return f"\\frac{{{inner[0]}}}{{{inner[1]}}}"
    if tree.op == "^":
        base = inner[0] if tree.args[0].op == "sym" or _is_count(tree.args[0]) else f"({inner[0]})"
        return f"{base}^{{{inner[1]}}}"
    if tree.op == "abs":
        return rng.choice((f"|{inner[0]}|", f"\\left|{inner[0]}\\right|", f"\\lvert {inner[0]}\\rvert"))
    if tree.op == "sqrt":
        return f"\\sqrt{{{inner[0]}}}"
    if tree.op in ("floor", "ceil"):
        return f"\\l{tree.op} {inner[0]}\\r{tree.op}"
    name = "\\operatorname{sgn}" if tree.op == "sgn" else f"\\{tree.op}"
    return f"{name}({', '.join(inner)})"


def _is_count(tree: Tree) -> bool:
    return tree.op == "num" and tree.value >= 0 and tree.value.denominator == 1


def _number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _times(tree: Tree, inner: list[str], rng: random.Random) -> str:
    parts = []
    for index, (arg, text) in enumerate(zip(tree.args, inner, strict=True)):
        if arg.op == "num" and not index and arg.value in (1, -1) and len(inner) > 1:
            parts.append("-" if arg.value < 0 else "")
            continue
        needs = arg.op == "+" or (index and text.startswith("-")) or (arg.op == "*" and text.startswith("-"))
        parts.append(f"({text})" if needs else text)
    joined = parts[0]
    for before, after, arg in zip(tree.args, parts[1:], tree.args[1:], strict=False):
        sign = r" \cdot " if arg.op == "num" or (joined not in ("-", "") and rng.random() < 0.2) else " "
        sign = "" if joined in ("-", "") or (sign == " " and before.op != "sym") else sign
        joined += sign + after
    return joined


# --- identities ----------------------------------------------------------------------------------------------------


def rewritten(tree: Tree, rng: random.Random) -> Tree:
    """The same function in another form, by identities over the reals."""
    args = tuple(rewritten(arg, rng) for arg in tree.args)
    tree = replace(tree, args=args)
    if tree.op in ("+", "*", "max", "min") and len(args) > 1 and rng.random() < 0.7:
        shuffled = list(args)
        rng.shuffle(shuffled)
        tree = replace(tree, args=tuple(shuffled))
    choice = rng.random()
    if tree.op == "abs" and choice < 0.3:
        return node("abs", negated(tree.args[0]))
    if tree.op == "abs" and choice < 0.5:
        return node("sqrt", node("^", tree.args[0], num(2)))
    if tree.op == "abs" and choice < 0.6:
        return node("max", tree.args[0], negated(tree.args[0]))
    if tree.op in ("max", "min") and choice < 0.3 and len(tree.args) == 2:
        first, second = tree.args
        gap = node("abs", node("+", first, negated(second)))
        return node("/", node("+", first, second, gap if tree.op == "max" else negated(gap)), num(2))
    if tree.op == "max" and choice < 0.4:
        return negated(node("min", *(negated(arg) for arg in tree.args)))
    if tree.op == "sgn" and choice < 0.3:
        return negated(node("sgn", negated(tree.args[0])))
    if tree.op == "^" and tree.args[1] == num(2) and choice < 0.3 and tree.args[0].op in ("sym", "+"):
        return (
            node("*", tree.args[0], tree.args[0])
            if tree.args[0].op == "+"
            else node("^", node("abs", tree.args[0]), num(2))
        )
    if tree.op == "*" and choice < 0.4:
        for index, arg in enumerate(tree.args):
            if arg.op == "+":
                rest = tree.args[:index] + tree.args[index + 1 :]
                return node("+", *(node("*", *rest, part) for part in arg.args))
    return tree


def negated(tree: Tree) -> Tree:
    """The negative, with the sign carried into a sum."""
    if tree.op == "+":
        return node("+", *(negated(arg) for arg in tree.args))
    if tree.op == "*" and tree.args[0].op == "num":
        rest = tree.args[1:]
        factor = -tree.args[0].value
        return (
            node("*", num(factor), *rest)
            if factor != 1 or not rest
            else (rest[0] if len(rest) == 1 else node("*", *rest))
        )
    return minus(tree)


# --- mutations -----------------------------------------------------------------------------------------------------


def mutated(tree: Tree, rng: random.Random) -> tuple[str, Tree]:
    """(kind, tree) with one change somewhere: a sign, a number, an exponent, an absolute value, a branch, an order."""
    where = rng.randrange(_size(tree))
    kind, changed = "sign", tree
    counter = iter(range(_size(tree)))

    def change(part: Tree) -> Tree:
        """`part` with the change, if it is the chosen one, or its own parts with it."""
        nonlocal kind
        if next(counter) == where:
            kind, new = _one(part, rng)
            return new
        return replace(part, args=tuple(change(arg) for arg in part.args))

    changed = change(tree)
    return kind, changed


def _size(tree: Tree) -> int:
    return 1 + sum(_size(arg) for arg in tree.args)


def _one(part: Tree, rng: random.Random) -> tuple[str, Tree]:
    """One change at a node."""
    if part.op == "num" and rng.random() < 0.7:
        return rng.choice(
            (
                ("one digit", num(part.value + rng.choice((1, -1, 2, 10)))),
                ("sign", num(-part.value)),
                ("branch", node("max", part, sym("x"))),
                ("branch", node("*", part, node("sgn", node("+", sym("x"), num(rng.choice((10, 6, 23))))))),
                ("scale", num(part.value * rng.choice((10, 100, Fraction(1, 10))))),
            )
        )
    kinds: list[tuple[str, Tree]] = [
        ("sign", negated(part)),
        ("absolute value", node("abs", part)),
        ("absolute value", node("sqrt", node("^", part, num(2)))),
        ("branch", node("max", part, num(rng.choice((-30, -7, 0, 5, 40))))),
        ("branch", node("min", part, num(rng.choice((-40, -5, 0, 7, 30))))),
        ("branch", node("*", part, node("sgn", node("+", sym("x"), num(rng.choice((8, 12, 30))))))),
        ("branch", node("floor", part)),
    ]
    if part.op == "+" and len(part.args) > 1:
        kinds.append(("one term", node("+", *part.args[:-1]) if len(part.args) > 2 else part.args[0]))
        kinds.append(("sign", node("+", part.args[0], *(negated(arg) for arg in part.args[1:]))))
    if part.op in ("/", "^"):
        kinds.append(("order", replace(part, args=part.args[::-1])))
    if part.op in ("abs", "floor", "ceil", "sgn", "sqrt"):
        kinds += [("absolute value" if part.op == "abs" else "branch", part.args[0])] * 3
    swaps = {"max": "min", "min": "max", "floor": "ceil", "ceil": "floor"}
    if part.op in swaps:
        kinds += [("branch", replace(part, op=swaps[part.op])), ("branch", part.args[0])] * 2
    if part.op == "*" and len(part.args) == 2:
        kinds.append(("one term", part.args[1]))
    return rng.choice(kinds)


def draw(rng: random.Random) -> Tree:
    """An expression of the size of an answer: linear, quadratic, rational, with absolute values or branches."""
    x = sym(rng.choice(("x", "x", "x", "a", "t", "u")))
    y = sym(rng.choice(("y", "b", "v")))
    p, q, r = (rng.choice((-1, 1)) * rng.randrange(1, 13) for _ in range(3))
    line = node("+", node("*", num(p), x), num(q))
    shapes = (
        line,
        node("+", num(q), negated(x)),
        node("+", node("^", x, num(2)), node("*", num(p), x), num(r)),
        node("*", x, y),
        node("/", line, num(abs(r) + 1)),
        node("/", num(p), node("+", x, num(q))),
        node("abs", line),
        node("abs", node("*", x, y)),
        node("+", node("abs", node("+", x, num(q))), node("abs", node("+", x, num(r)))),
        node("max", x, num(q)),
        node("max", x, y),
        node("min", line, node("+", x, num(r))),
        node("*", node("abs", x), y),
        node("*", num(p), node("^", node("+", x, num(q)), num(2))),
        node("+", node("*", num(p), x), node("*", num(q), y), num(r)),
        node("^", node("+", x, num(q)), num(3)),
        node("sgn", node("+", x, num(q))),
        node("*", x, node("abs", x)),
        node("floor", node("/", x, num(abs(q) + 1))),
        node("/", node("*", x, y), num(abs(p) + 1)),
        num(p * q),
        num(Fraction(p * q, abs(r) + 1)),
    )
    return rng.choice(shapes)
