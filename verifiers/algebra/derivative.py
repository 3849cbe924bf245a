"""The derivative of an expression tree, rule by rule: small, exact, and without an algebra system."""

from __future__ import annotations

from collections.abc import Callable

from verifiers.parse.tree import Call, Const, Expr, Num, Op, Sym, free_symbols, num

MAX_NODES = 4_000
ONE, TWO = num(1), num(2)


class NotDifferentiableError(ValueError):
    """The expression has a part that no rule covers (an integral, a relation, a floor), or grows over the limit."""


def _call(name: str) -> Callable[[Expr], Expr]:
    return lambda u: Call(name, (u,))


def _square(expr: Expr) -> Expr:
    return Op("pow", (expr, TWO))


def _over(expr: Expr) -> Expr:
    return Op("div", (ONE, expr))


def _root(expr: Expr) -> Expr:
    return Call("sqrt", (expr,))


def _sum(*parts: Expr) -> Expr:
    return Op("add", parts)


def _product(*parts: Expr) -> Expr:
    return Op("mul", parts)


def _negated(expr: Expr) -> Expr:
    return Op("neg", (expr,))


# f -> f'(u), the outer derivative, for functions of one argument
OUTER: dict[str, Callable[[Expr], Expr]] = {
    "sin": _call("cos"),
    "cos": lambda u: _negated(Call("sin", (u,))),
    "tan": lambda u: _over(_square(Call("cos", (u,)))),
    "cot": lambda u: _negated(_over(_square(Call("sin", (u,))))),
    "sec": lambda u: Op("div", (Call("sin", (u,)), _square(Call("cos", (u,))))),
    "csc": lambda u: _negated(Op("div", (Call("cos", (u,)), _square(Call("sin", (u,)))))),
    "arcsin": lambda u: _over(_root(_sum(ONE, _negated(_square(u))))),
    "arccos": lambda u: _negated(_over(_root(_sum(ONE, _negated(_square(u)))))),
    "arctan": lambda u: _over(_sum(ONE, _square(u))),
    "arccot": lambda u: _negated(_over(_sum(ONE, _square(u)))),
    "arcsec": lambda u: _over(_product(Call("abs", (u,)), _root(_sum(_square(u), _negated(ONE))))),
    "arccsc": lambda u: _negated(_over(_product(Call("abs", (u,)), _root(_sum(_square(u), _negated(ONE)))))),
    "sinh": _call("cosh"),
    "cosh": _call("sinh"),
    "tanh": lambda u: _over(_square(Call("cosh", (u,)))),
    "coth": lambda u: _negated(_over(_square(Call("sinh", (u,))))),
    "arcsinh": lambda u: _over(_root(_sum(_square(u), ONE))),
    "arccosh": lambda u: _over(_product(_root(_sum(u, _negated(ONE))), _root(_sum(u, ONE)))),
    "arctanh": lambda u: _over(_sum(ONE, _negated(_square(u)))),
    "exp": _call("exp"),
    "ln": _over,
    "lg": lambda u: _over(_product(u, Call("ln", (num(10),)))),
    "sqrt": lambda u: _over(_product(TWO, _root(u))),
    "cbrt": lambda u: _over(_product(num(3), _square(Call("cbrt", (u,))))),
    "abs": lambda u: Op("div", (u, Call("abs", (u,)))),  # real u != 0
}


def derivative(expr: Expr, variable: str) -> Expr:
    """d expr / d variable, unsimplified but for terms that vanish; other symbols are constants.

    Raises:
        NotDifferentiableError: see there.
    """
    result = _Differentiator(variable)(expr)
    return num(0) if result is None else result


class _Differentiator:
    """Applies the rules; None stands for a derivative that is 0, so constants do not swell the result."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        self.nodes = 0

    def __call__(self, expr: Expr) -> Expr | None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise NotDifferentiableError(f"over {MAX_NODES} terms")
        if self.variable not in free_symbols(expr):
            return None
        match expr:
            case Sym():
                return ONE
            case Op(op, args):
                return self._operator(op, args)
            case Call(name, args):
                return self._function(name, args)
        raise NotDifferentiableError(f"no rule for {type(expr).__name__}")

    def _operator(self, op: str, args: tuple[Expr, ...]) -> Expr | None:
        match op, args:
            case "add", _:
                terms = [term for term in map(self, args) if term is not None]
                return _sum(*terms) if len(terms) > 1 else terms[0] if terms else None
            case "neg", (inner,):
                term = self(inner)
                return None if term is None else _negated(term)
            case "mul", _:
                return self._product_rule(args)
            case "div", (top, bottom):
                return self._quotient_rule(top, bottom)
            case "pow", (base, exponent):
                return self._power_rule(base, exponent)
            case "percent", (inner,):
                return self(Op("div", (inner, num(100))))
        raise NotDifferentiableError(f"no rule for {op}")

    def _product_rule(self, factors: tuple[Expr, ...]) -> Expr | None:
        terms = []
        for index, factor in enumerate(factors):
            inner = self(factor)
            if inner is not None:
                terms.append(_product(inner, *factors[:index], *factors[index + 1 :]))
        return _sum(*terms) if len(terms) > 1 else terms[0] if terms else None

    def _quotient_rule(self, top: Expr, bottom: Expr) -> Expr | None:
        """(u/v)' = u'/v - u v'/v^2."""
        first, second = self(top), self(bottom)
        terms: list[Expr] = [] if first is None else [Op("div", (first, bottom))]
        if second is not None:
            terms.append(_negated(Op("div", (_product(top, second), _square(bottom)))))
        return _sum(*terms) if len(terms) > 1 else terms[0] if terms else None

    def _power_rule(self, base: Expr, exponent: Expr) -> Expr | None:
        """(u^c)' = c u^(c-1) u';  (c^v)' = c^v ln c v';  (u^v)' = u^v (v' ln u + v u'/u)."""
        du, dv = self(base), self(exponent)
        if dv is None:
            assert du is not None  # the whole depends on the variable
            lower = num(exponent.value - 1) if isinstance(exponent, Num) else _sum(exponent, _negated(ONE))
            return _product(exponent, Op("pow", (base, lower)), du)
        power = Op("pow", (base, exponent))
        if du is None:
            is_e = isinstance(base, Const | Sym) and base.name == "e"
            return _product(power, dv) if is_e else _product(power, Call("ln", (base,)), dv)
        return _product(power, _sum(_product(dv, Call("ln", (base,))), Op("div", (_product(exponent, du), base))))

    def _function(self, name: str, args: tuple[Expr, ...]) -> Expr | None:
        if name == "log":
            base = args[1] if len(args) == 2 else None
            logs = Call("ln", (args[0],))
            return self(logs if base is None else Op("div", (logs, Call("ln", (base,)))))
        if name == "root" and len(args) == 2:
            return self(Op("pow", (args[0], _over(args[1]))))
        if name not in OUTER or len(args) != 1:
            raise NotDifferentiableError(f"no rule for {name}")
        inner = self(args[0])
        if inner is None:
            return None
        return _product(OUTER[name](args[0]), inner)
