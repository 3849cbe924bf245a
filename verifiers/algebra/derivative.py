"""The derivative of an expression tree, rule by rule: small, exact, and without an algebra system."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from verifiers.parse.tree import Call, Const, Expr, Num, Op, Sym, free_symbols, num

MAX_NODES = 4_000
ONE, TWO = num(1), num(2)


class NotDifferentiableError(ValueError):
    """The expression has a part that no rule covers (an integral, a relation, a floor), or grows over the limit."""


def _call(name: str) -> Callable[[Expr], Expr]:
    return lambda u: Call(name, (u,))


def _square(expr: Expr) -> Expr:
    return Op("pow", (expr, TWO))


_sin, _cos, _sinh, _cosh, _sqrt, _abs, _ln = map(_call, ("sin", "cos", "sinh", "cosh", "sqrt", "abs", "ln"))

# f -> f'(u), the outer derivative, for functions of one argument
OUTER: dict[str, Callable[[Expr], Expr]] = {
    "sin": _cos,
    "cos": lambda u: -_sin(u),
    "tan": lambda u: ONE / _square(_cos(u)),
    "cot": lambda u: -(ONE / _square(_sin(u))),
    "sec": lambda u: _sin(u) / _square(_cos(u)),
    "csc": lambda u: -(_cos(u) / _square(_sin(u))),
    "arcsin": lambda u: ONE / _sqrt(ONE - _square(u)),
    "arccos": lambda u: -(ONE / _sqrt(ONE - _square(u))),
    "arctan": lambda u: ONE / (ONE + _square(u)),
    "arccot": lambda u: -(ONE / (ONE + _square(u))),
    "arcsec": lambda u: ONE / (_abs(u) * _sqrt(_square(u) - ONE)),
    "arccsc": lambda u: -(ONE / (_abs(u) * _sqrt(_square(u) - ONE))),
    "sinh": _cosh,
    "cosh": _sinh,
    "tanh": lambda u: ONE / _square(_cosh(u)),
    "coth": lambda u: -(ONE / _square(_sinh(u))),
    "arcsinh": lambda u: ONE / _sqrt(_square(u) + ONE),
    "arccosh": lambda u: ONE / (_sqrt(u - ONE) * _sqrt(u + ONE)),
    "arctanh": lambda u: ONE / (ONE - _square(u)),
    "exp": _call("exp"),
    "ln": lambda u: ONE / u,
    "lg": lambda u: ONE / (u * _ln(num(10))),
    "sqrt": lambda u: ONE / (TWO * _sqrt(u)),
    "cbrt": lambda u: ONE / (num(3) * _square(Call("cbrt", (u,)))),
    "abs": lambda u: u / _abs(u),  # real u != 0
}


def derivative(expr: Expr, variable: str) -> Expr:
    """d expr / d variable, unsimplified but for terms that vanish; other symbols are constants.

    Raises:
        NotDifferentiableError: see there.
    """
    slope = _Slope(variable)
    return slope(expr) if slope.depends(expr) else num(0)


class _Slope:
    """Applies the rules to expressions that depend on the variable; terms that do not are left out."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        self.nodes = 0

    def depends(self, expr: Expr) -> bool:
        """Whether the derivative is not simply 0."""
        return self.variable in free_symbols(expr)

    def __call__(self, expr: Expr) -> Expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise NotDifferentiableError(f"over {MAX_NODES} terms")
        match expr:
            case Sym():
                return ONE
            case Op("add", args):
                return _sum(self(arg) for arg in args if self.depends(arg))
            case Op("neg", (u,)):
                return -self(u)
            case Op("mul", args):
                terms = [(arg, (*args[:index], *args[index + 1 :])) for index, arg in enumerate(args)]
                return _sum(Op("mul", (self(arg), *others)) for arg, others in terms if self.depends(arg))
            case Op("div", (u, v)):  # (u/v)' = u'/v - u v'/v^2
                top = [self(u) / v] if self.depends(u) else []
                return _sum([*top, -(u * self(v) / _square(v))] if self.depends(v) else top)
            case Op("percent", (u,)):
                return self(u / num(100))
            case Op("pow", (u, v)):
                return self._power(u, v)
            case Call("log", (u,)):
                return self(_ln(u))
            case Call("log", (u, base)):
                return self(_ln(u) / _ln(base))
            case Call("root", (u, degree)):
                return self(Op("pow", (u, ONE / degree)))
            case Call(name, (u,)) if name in OUTER:
                return OUTER[name](u) * self(u)
        raise NotDifferentiableError(f"no rule for {getattr(expr, 'op', getattr(expr, 'name', type(expr).__name__))}")

    def _power(self, u: Expr, v: Expr) -> Expr:
        """(u^c)' = c u^(c-1) u';  (c^v)' = c^v ln c v';  (u^v)' = u^v (v' ln u + v u'/u)."""
        power = Op("pow", (u, v))
        if not self.depends(v):
            lower = num(v.value - 1) if isinstance(v, Num) else v - ONE
            return Op("mul", (v, Op("pow", (u, lower)), self(u)))
        if not self.depends(u):
            is_e = isinstance(u, Const | Sym) and u.name == "e"
            return power * self(v) if is_e else Op("mul", (power, _ln(u), self(v)))
        return power * (self(v) * _ln(u) + v * self(u) / u)


def _sum(terms: Iterable[Expr]) -> Expr:
    first, *others = terms
    return Op("add", (first, *others)) if others else first
