"""Calculus operators worked out with sympy, built from our tree by constructors and under a time budget.

sympy never sees text. The size of what is handed over is bounded, so that no single C call runs long, and a profile
hook ends the rest after PROOF_SECONDS; the pool's deadline stands behind both.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Bound, Call, Const, Expr, Num, Op, Sym, num, walk
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
        if node.kind == "diff":
            result = sympy.diff(operand, variable, node.order)
        elif node.kind == "int":
            result = sympy.integrate(operand, (variable, *ends) if ends[0] is not None else variable)
        elif node.kind == "lim":
            result = sympy.limit(operand, variable, ends[0], node.side or "+-")
        elif node.kind == "sum":
            result = sympy.summation(operand, (variable, *ends))
        else:
            result = sympy.product(operand, (variable, *ends))
    except (ValueError, TypeError, NotImplementedError, ArithmeticError, AttributeError, RecursionError) as error:
        # sympy raises any of these where its algorithms do not apply
        raise _ResistsError(str(error)) from error
    return from_sympy(result)


_TO_SYMPY = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "ln": "log", "abs": "Abs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceiling",
    "gamma": "gamma",
}  # fmt: skip
_FROM_SYMPY = {name: ours for ours, name in _TO_SYMPY.items()}


def to_sympy(expr: Expr) -> Any:
    """The sympy object of a tree, by constructors.

    Raises:
        OverBudgetError, _ResistsError: too large, or a node that has no counterpart.
    """
    sympy = _load_sympy()
    if isinstance(expr, Num):
        if max(expr.value.numerator.bit_length(), expr.value.denominator.bit_length()) > 256:
            raise _ResistsError("number too large")
        return sympy.Rational(expr.value.numerator, expr.value.denominator)
    if isinstance(expr, Sym):
        return sympy.Symbol(expr.name)
    if isinstance(expr, Const):
        found = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "inf": sympy.oo}.get(expr.name)
        if found is None:
            raise _ResistsError(expr.name)
        return found
    if isinstance(expr, Op):
        return _operator(expr)
    if isinstance(expr, Call):
        args = [to_sympy(arg) for arg in expr.args]
        if expr.name == "log":
            return sympy.log(*args)
        if expr.name == "root":
            return sympy.root(args[0], args[1])
        if expr.name == "binomial":
            return sympy.binomial(*args)
        if expr.name in _TO_SYMPY:
            return getattr(sympy, _TO_SYMPY[expr.name])(*args)
    raise _ResistsError(type(expr).__name__)


def _operator(expr: Op) -> Any:
    sympy = _load_sympy()
    if expr.op == "pow" and isinstance(expr.args[1], Num) and abs(expr.args[1].value) > 200:
        raise _ResistsError("power too large")
    args = [to_sympy(arg) for arg in expr.args]
    if expr.op == "add":
        return sympy.Add(*args)
    if expr.op == "mul":
        return sympy.Mul(*args)
    if expr.op == "neg":
        return -args[0]
    if expr.op == "div":
        return args[0] / args[1]
    if expr.op == "pow":
        if args[0].is_number and args[1].is_number and args[1].has(sympy.Pow):
            raise _ResistsError("tower of powers")
        return sympy.Pow(args[0], args[1])
    if expr.op == "fact":
        if args[0].is_Integer and args[0] > 200:
            raise _ResistsError("factorial too large")
        return sympy.factorial(args[0])
    if expr.op == "percent":
        return args[0] / 100
    raise _ResistsError(expr.op)


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
    for constant, name in ((sympy.pi, "pi"), (sympy.E, "e"), (sympy.I, "i"), (sympy.oo, "inf")):
        if value == constant:
            return Const(name)
    if value == -sympy.oo:
        return Op("neg", (Const("inf"),))
    if value.is_Add or value.is_Mul:
        return Op("add" if value.is_Add else "mul", tuple(from_sympy(arg) for arg in value.args))
    if value.is_Pow:
        return Op("pow", (from_sympy(value.base), from_sympy(value.exp)))
    if isinstance(value, sympy.exp):
        return Op("pow", (Const("e"), from_sympy(value.args[0])))
    name = type(value).__name__
    if name == "factorial":
        return Op("fact", (from_sympy(value.args[0]),))
    if name in _FROM_SYMPY and len(value.args) == 1:
        return Call(_FROM_SYMPY[name], (from_sympy(value.args[0]),))
    raise _ResistsError(name)


__all__ = ["OverBudgetError", "from_sympy", "num", "to_sympy", "worked_out"]
