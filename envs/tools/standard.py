"""The built-in tools: exact calculator, symbolic mathematics, and Python in a sandbox."""

from __future__ import annotations

from typing import Any, Literal

from envs.tools.sandbox import run_python
from envs.tools.schema import tool
from verifiers.algebra.arithmetic import evaluate
from verifiers.equivalence.values.proof import to_sympy
from verifiers.parse import ParseError, parse
from verifiers.parse.tree import Rel

Operation = Literal["simplify", "expand", "factor", "solve", "differentiate", "integrate", "limit"]


@tool
def calculator(expression: str) -> str:
    """Works out an arithmetic expression exactly: + - * / ^ mod and parentheses; fractions stay fractions.

    Args:
        expression: The expression, for example (3/4 + 5) * 12.
    """
    return str(evaluate(expression))


@tool
def symbolic(operation: Operation, expression: str, variable: str = "x", at: str = "0") -> str:
    """Symbolic mathematics: simplifies, expands, factors, solves, differentiates, integrates or finds a limit.

    Args:
        operation: What to do.
        expression: The expression, or an equation with = to solve.
        variable: The variable to solve for, or of the derivative, integral or limit.
        at: Where the limit is taken; inf is allowed.
    """
    import sympy  # half a second, paid once per tool process

    try:
        tree = parse(expression)
        point = parse(at)
    except ParseError as error:
        raise ValueError(f"cannot read the expression: {error}") from error
    if isinstance(tree, Rel):
        if tree.ops != ("=",):
            raise ValueError("only equations with one = can be solved")
        left, right = (to_sympy(side) for side in tree.sides)
        value: Any = left - right
    else:
        value = to_sympy(tree)
    if not variable.isidentifier():
        raise ValueError(f"variable is {variable[:20]!r}, expected a name")
    x = sympy.Symbol(variable)
    match operation:
        case "solve":
            result: Any = sympy.solve(value, x)
        case "differentiate":
            result = sympy.diff(value, x)
        case "integrate":
            result = sympy.integrate(value, x)
        case "limit":
            result = sympy.limit(value, x, to_sympy(point))
        case _:
            result = getattr(sympy, operation)(value)
    return str(result).replace("**", "^")


@tool
def python(code: str) -> str:
    """Runs a short Python program without files, network or imports (math, fractions and itertools are there).

    Args:
        code: The program; what it prints is the result.
    """
    return run_python(code)
