"""Calculus operators worked out with sympy, built from our tree by constructors and under a time budget.

sympy never sees text. The size of what is handed over is bounded, so that no single C call runs long, and a profile
hook ends the rest after PROOF_SECONDS; the pool's deadline stands behind both.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from verifiers.algebra.exact import Evaluator, InexactError
from verifiers.parse import Expr, free_symbols, walk
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
    except (InexactError, BudgetSpentError):
        return None


@cache
def _load_sympy() -> Any:
    """sympy, with the modules that it loads at a first integral and sum: half a second that no budget is for."""
    import sympy

    x, n = sympy.symbols("x n")
    sympy.integrate(x * sympy.exp(x), x)
    sympy.summation(x**n / sympy.factorial(n), (n, 0, sympy.oo))
    return sympy


def _evaluate(node: Bound) -> Expr:
    sympy = _load_sympy()
    if sum(1 for _ in walk(node)) > _MAX_NODES:
        raise InexactError("too large")
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
        raise InexactError(str(error)) from error
    return from_sympy(result)


_FUNCTIONS = {  # a Call of ours -> the name of the same function in sympy
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "ln": "log", "abs": "Abs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceiling",
    "gamma": "gamma",
}  # fmt: skip
_OURS = {name: ours for ours, name in _FUNCTIONS.items()}
_TO_SYMPY = _FUNCTIONS | {"log": "log", "root": "root", "binomial": "binomial", "fact": "factorial"}
_CONSTANTS = {"pi": "pi", "e": "E", "i": "I", "inf": "oo"}
_MAX_BITS = 256  # of a number
_MAX_INTEGER = 200  # of an exponent, and under a factorial


def to_sympy(expr: Expr) -> Any:
    """The sympy object of a tree, by constructors.

    Raises:
        InexactError: too large, or a node that has no counterpart.
    """
    return _Translator({name: _load_sympy().Symbol(name) for name in free_symbols(expr)}).value(expr)


class _Translator(Evaluator[Any]):
    def number(self, value: Fraction) -> Any:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
            raise InexactError("number too large")
        return _load_sympy().Rational(value.numerator, value.denominator)

    def over(self, first: Any, second: Any) -> Any:
        return first / second

    def power(self, base: Expr, exponent: Expr) -> Any:
        if isinstance(exponent, Num) and abs(exponent.value) > _MAX_INTEGER:
            raise InexactError("power too large")
        first, second = self.value(base), self.value(exponent)
        if first.is_number and second.is_number and second.has(_load_sympy().Pow):
            raise InexactError("tower of powers")
        return first**second

    def function(self, name: str, args: tuple[Expr, ...]) -> Any:
        operands = [self.value(arg) for arg in args]
        if name == "fact" and operands[0].is_Integer and operands[0] > _MAX_INTEGER:
            raise InexactError("factorial too large")
        if name not in _TO_SYMPY:
            raise InexactError(name)
        return getattr(_load_sympy(), _TO_SYMPY[name])(*operands)

    def other(self, expr: Expr) -> Any:
        if isinstance(expr, Const) and expr.name in _CONSTANTS:
            return getattr(_load_sympy(), _CONSTANTS[expr.name])
        raise InexactError(type(expr).__name__)


def from_sympy(value: Any) -> Expr:
    """Our tree of a sympy result.

    Raises:
        InexactError: it holds something without a counterpart (an unevaluated integral, for one).
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
            raise InexactError(name)
