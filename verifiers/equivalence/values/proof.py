"""Calculus operators worked out with sympy, built from our tree by constructors and under a time budget.

sympy never sees text. The size of what is handed over is bounded, so that no single C call runs long, and a profile
hook ends the rest after PROOF_SECONDS; the pool's deadline stands behind both.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from verifiers.parse import Expr, walk
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Bound, Call, Const, Num, Op, Sym
from verifiers.pool.budget import BudgetSpentError, budget

PROOF_SECONDS = 1.0  # of CPU time
_MAX_NODES = 60  # of the operand of a calculus operator


def worked_out(expr: Expr) -> Expr | None:
    """`expr` with every integral, limit, infinite sum and derivative replaced by its value; None if one resists."""
    if sum(1 for _ in walk(expr)) > _MAX_NODES * 2:
        return None
    _load_sympy()
    try:
        with budget(PROOF_SECONDS):
            return transform(expr, lambda node: _evaluate(node) if isinstance(node, Bound) else None)
    except (_ResistsError, BudgetSpentError):
        return None


@cache
def _load_sympy() -> Any:
    """sympy, with the modules that it loads at a first integral and sum: half a second that no budget is for."""
    import sympy

    x, n = sympy.symbols("x n")
    sympy.integrate(x * sympy.exp(x), x)
    sympy.summation(x**n / sympy.factorial(n), (n, 0, sympy.oo))
    return sympy


class _ResistsError(ValueError):
    """sympy has no closed form that our tree can hold."""


def _evaluate(node: Bound) -> Expr:
    sympy = _load_sympy()
    if sum(1 for _ in walk(node)) > _MAX_NODES:
        raise _ResistsError("too large")
    body = transform(node.body, lambda inner: _evaluate(inner) if isinstance(inner, Bound) else None)
    variable = sympy.Symbol(node.variable)
    operand = to_sympy(body)
    ends = [to_sympy(end) if end is not None else None for end in (node.low, node.high)]
    try:
        match node.kind:
            case "diff":
                result = sympy.diff(operand, variable, node.order)
            case "int":
                result = sympy.integrate(operand, (variable, *ends) if ends[0] is not None else variable)
            case "lim":
                result = sympy.limit(operand, variable, ends[0], node.side or "+-")
            case "sum":
                result = sympy.summation(operand, (variable, *ends))
            case _:
                result = sympy.product(operand, (variable, *ends))
    except (ValueError, TypeError, NotImplementedError, ArithmeticError, AttributeError, RecursionError) as error:
        # sympy raises any of these where its algorithms do not apply
        raise _ResistsError(str(error)) from error
    return from_sympy(result)


_FUNCTIONS = {  # a Call of ours -> the name of the same function in sympy
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "ln": "log", "abs": "Abs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceiling",
    "gamma": "gamma",
}  # fmt: skip
_OURS = {name: ours for ours, name in _FUNCTIONS.items()}
_TO_SYMPY = _FUNCTIONS | {"log": "log", "root": "root", "binomial": "binomial"}
_CONSTANTS = {"pi": "pi", "e": "E", "i": "I", "inf": "oo"}
_MAX_BITS = 256  # of a number
_MAX_INTEGER = 200  # of an exponent, and under a factorial


def to_sympy(expr: Expr) -> Any:
    """The sympy object of a tree, by constructors.

    Raises:
        _ResistsError: too large, or a node that has no counterpart.
    """
    sympy = _load_sympy()
    match expr:
        case Num(value):
            if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
                raise _ResistsError("number too large")
            return sympy.Rational(value.numerator, value.denominator)
        case Sym(name):
            return sympy.Symbol(name)
        case Const(name) if name in _CONSTANTS:
            return getattr(sympy, _CONSTANTS[name])
        case Call(name, args) if name in _TO_SYMPY:
            return getattr(sympy, _TO_SYMPY[name])(*map(to_sympy, args))
        case Op(op, args):
            return _operator(op, args)
    raise _ResistsError(type(expr).__name__)


def _operator(op: str, args: tuple[Expr, ...]) -> Any:
    sympy = _load_sympy()
    if op == "pow" and isinstance(args[1], Num) and abs(args[1].value) > _MAX_INTEGER:
        raise _ResistsError("power too large")
    first, *others = operands = [to_sympy(arg) for arg in args]
    match op:
        case "add":
            return sympy.Add(*operands)
        case "mul":
            return sympy.Mul(*operands)
        case "neg":
            return -first
        case "div":
            return first / others[0]
        case "percent":
            return first / 100
        case "pow":
            if first.is_number and others[0].is_number and others[0].has(sympy.Pow):
                raise _ResistsError("tower of powers")
            return sympy.Pow(first, others[0])
        case "fact":
            if first.is_Integer and first > _MAX_INTEGER:
                raise _ResistsError("factorial too large")
            return sympy.factorial(first)
    raise _ResistsError(op)


def from_sympy(value: Any) -> Expr:
    """Our tree of a sympy result.

    Raises:
        _ResistsError: it holds something without a counterpart (an unevaluated integral, for one).
    """
    sympy = _load_sympy()
    if value.is_Rational:
        return Num(Fraction(int(value.p), int(value.q)))
    if value.is_Symbol:
        return Sym(str(value))
    for ours, name in _CONSTANTS.items():
        if value == getattr(sympy, name):
            return Const(ours)
    if value == -sympy.oo:
        return -Const("inf")
    args = tuple(map(from_sympy, value.args))
    match type(value).__name__:
        case "Add" | "Mul" | "Pow" as name:
            return Op(name.lower(), args)
        case "exp":
            return Op("pow", (Const("e"), *args))
        case "factorial":
            return Op("fact", args)
        case name if name in _OURS and len(args) == 1:
            return Call(_OURS[name], args)
        case name:
            raise _ResistsError(name)
