"""The expression tree: the only thing that the parser makes and that the verifiers compute with.

A closed set of frozen node types. Numbers are exact (`Fraction`), so nothing is rounded before it is compared;
a number remembers how many decimals it was written with, because only a decimal reference allows a tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from operator import attrgetter
from typing import Any, TypeGuard


class Expr:
    """Base of every node."""

    __slots__ = ("_free", "_marks")
    _marks: frozenset[str]  # what `marks` found, kept with the node; no part of its value
    _free: frozenset[str]  # the same of `free_symbols`

    @property
    def children(self) -> tuple[Expr, ...]:
        """The sub-expressions, left to right."""
        return ()

    def __neg__(self) -> Op:
        return Op("neg", (self,))

    def __add__(self, other: Expr) -> Op:
        return Op("add", (self, other))

    def __sub__(self, other: Expr) -> Op:
        return Op("add", (self, -other))

    def __mul__(self, other: Expr) -> Op:
        return Op("mul", (self, other))

    def __truediv__(self, other: Expr) -> Op:
        return Op("div", (self, other))


def _holds(children: Callable[[Any], tuple[Expr, ...]]) -> Any:
    """The `children` of a kind of node."""
    return property(children)


def _written(parts: Iterable[Expr | None]) -> tuple[Expr, ...]:
    return tuple(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Num(Expr):
    """An exact rational. `places`: digits after the point if it was written as a decimal, else None."""

    value: Fraction
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Sym(Expr):
    """A free symbol: one letter, a Greek name, a subscripted name (`a_n`), or a word that we do not read."""

    name: str


@dataclass(frozen=True, slots=True)
class Const(Expr):
    """A named constant: pi, e, i, inf, or a named set (R, Q, Z, N, C), empty."""

    name: str


@dataclass(frozen=True, slots=True)
class Op(Expr):
    """An operator: add, mul, div, pow, neg, pm, mp, fact, dfact, percent, degree, mod, cross, not."""

    op: str
    args: tuple[Expr, ...]
    children = _holds(attrgetter("args"))


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A known function by its canonical name: sin, arcsin, sqrt, root(x, n), log(x, base), abs, floor, binom ..."""

    name: str
    args: tuple[Expr, ...]
    children = _holds(attrgetter("args"))


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """An unknown function applied: f(x), f'(x), f^{-1}(x). The name carries primes and inverse marks."""

    name: str
    args: tuple[Expr, ...]
    children = _holds(attrgetter("args"))


@dataclass(frozen=True, slots=True)
class Bound(Expr):
    """A calculus operator that binds a variable: sum, prod, int, lim, diff.

    `low` and `high` are None where not written (indefinite integral); for lim, `low` is the point and `side`
    is "+", "-" or ""; for diff, `order` is how often. The variable is a name, not a node.
    """

    kind: str
    body: Expr
    variable: str
    low: Expr | None = None
    high: Expr | None = None
    side: str = ""
    order: int = 1
    children = _holds(lambda self: _written((self.body, self.low, self.high)))


@dataclass(frozen=True, slots=True)
class Rel(Expr):
    """A chain of relations, e.g. -2 <= x < 7: `sides` has one more entry than `ops`.

    ops: = != < > <= >= approx in notin subset equiv divides implies iff to perp parallel sim
    """

    ops: tuple[str, ...]
    sides: tuple[Expr, ...]
    children = _holds(attrgetter("sides"))


@dataclass(frozen=True, slots=True)
class Group(Expr):
    """Several expressions. kind: tuple (ordered), list (written bare), set, and, or, square ([...], not two items)."""

    kind: str
    items: tuple[Expr, ...]  # in the order written, also where the kind has none
    children = _holds(attrgetter("items"))


@dataclass(frozen=True, slots=True)
class Interval(Expr):
    """A real interval, or, if both ends are closed, perhaps a list of two."""

    low: Expr
    high: Expr
    closed_low: bool
    closed_high: bool
    children = _holds(attrgetter("low", "high"))


@dataclass(frozen=True, slots=True)
class SetOp(Expr):
    """union, intersection, minus, complement of sets."""

    op: str
    args: tuple[Expr, ...]
    children = _holds(attrgetter("args"))


@dataclass(frozen=True, slots=True)
class Builder(Expr):
    """{ head | condition }."""

    head: Expr
    condition: Expr
    children = _holds(attrgetter("head", "condition"))


@dataclass(frozen=True, slots=True)
class Matrix(Expr):
    """Rows of equal length. kind: matrix, or det for vertical bars."""

    rows: tuple[tuple[Expr, ...], ...]
    kind: str = "matrix"
    children = _holds(lambda self: tuple(chain(*self.rows)))


@dataclass(frozen=True, slots=True)
class Cases(Expr):
    """A piecewise definition: (value, condition) pairs; a system of equations has condition None."""

    branches: tuple[tuple[Expr, Expr | None], ...]
    children = _holds(lambda self: _written(chain(*self.branches)))


@dataclass(frozen=True, slots=True)
class Quantity(Expr):
    """A value with a unit. `unit` is canonical text such as "cm^2" or "m/s"; `known` says we know its dimension."""

    value: Expr
    unit: str
    known: bool = True
    children = _holds(lambda self: (self.value,))


@dataclass(frozen=True, slots=True)
class Ratio(Expr):
    """a : b : c."""

    items: tuple[Expr, ...]
    children = _holds(attrgetter("items"))


@dataclass(frozen=True, slots=True)
class BaseNum(Expr):
    """Digits in a stated base, e.g. 204_5."""

    value: Fraction
    base: int


@dataclass(frozen=True, slots=True)
class Family(Expr):
    """An expression with declared parameters or a condition: "... for some integer t", "k in Z", "x > 0".

    `condition`: the words of the condition, or the name of the set that it declares; `where`: the condition as
    mathematics, where it is that. Conditions are compared apart (equivalence/several/families.py) and are no children.
    """

    body: Expr
    parameters: tuple[str, ...]
    condition: str = ""
    where: Expr | None = None
    children = _holds(lambda self: (self.body,))


@dataclass(frozen=True, slots=True)
class Dots(Expr):
    """An ellipsis inside a list."""


@dataclass(frozen=True, slots=True)
class Text(Expr):
    """Words that are no mathematics, in canonical form (lower case, single spaces)."""

    words: str


def num(value: int | Fraction) -> Num:
    """The exact number as a node."""
    return Num(Fraction(value))


def product(factors: Sequence[Expr]) -> Expr:
    """The factors multiplied: one of them as it is, none as 1."""
    if len(factors) < 2:
        return factors[0] if factors else num(1)
    return Op("mul", tuple(factors))


def times(left: Expr, right: Expr) -> Op:
    """left * right, flat."""
    return Op("mul", (*left.args, right)) if is_op(left, "mul") else left * right


def items_of(expr: Expr) -> tuple[Expr, ...]:
    """The items of a list as it is written bare, or the one expression."""
    return expr.items if is_group(expr, "list") else (expr,)


def is_op(expr: Expr | None, *names: str) -> TypeGuard[Op]:
    """Whether a node is an operator of one of these names."""
    return isinstance(expr, Op) and expr.op in names


def is_group(expr: Expr | None, *kinds: str) -> TypeGuard[Group]:
    """Whether a node is several expressions of one of these kinds."""
    return isinstance(expr, Group) and expr.kind in kinds


def is_equation(expr: Expr | None) -> TypeGuard[Rel]:
    """Whether a node says that two sides are equal, and nothing else."""
    return isinstance(expr, Rel) and expr.ops == ("=",)


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node of the tree, the root first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def depth(expr: Expr) -> int:
    """How many nodes lie on the longest way down."""
    deepest, level = 0, [expr]
    while level:
        deepest += 1
        level = [child for node in level for child in node.children]
    return deepest


def marks(expr: Expr) -> frozenset[str]:
    """Which kinds of nodes stand in the tree: class names, and `Op:pm`, `Call:gcd`, `Const:i` for those with names."""
    try:
        return expr._marks
    except AttributeError:
        own = [type(expr).__name__]
        if isinstance(expr, Op):
            own.append("Op:" + expr.op)
        elif isinstance(expr, Call | Const):
            own.append(f"{own[0]}:{expr.name}")
        found = frozenset(own).union(*map(marks, expr.children))
        object.__setattr__(expr, "_marks", found)
        return found


def free_symbols(expr: Expr) -> frozenset[str]:
    """Names of the symbols that no calculus operator binds."""
    try:
        return expr._free
    except AttributeError:
        found = frozenset((expr.name,) if isinstance(expr, Sym) else ()).union(*map(free_symbols, expr.children))
        if isinstance(expr, Bound) and expr.kind != "diff" and not (expr.kind == "int" and expr.low is None):
            ends = _written((expr.low, expr.high))
            found = (free_symbols(expr.body) - {expr.variable}).union(*map(free_symbols, ends))
        object.__setattr__(expr, "_free", found)
        return found
