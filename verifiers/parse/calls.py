"""Known functions and what they are applied to."""

from __future__ import annotations

from verifiers.parse.limits import ParseError
from verifiers.parse.literals import LiteralParser
from verifiers.parse.tree import Call, Const, Expr, Group, Matrix, Num, Op, Quantity, items_of, num, product

_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
             "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}  # fmt: skip
_MAX_SIDE = 8  # of a diagonal matrix
_PERIODIC = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))
_SEVERAL = frozenset(("diag", "span", "gcd", "lcm", "min", "max", "binomial", "log", "root"))
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


class CallParser(LiteralParser):
    r"""\sin^2 x, \log_2 8, max(a, b), \ln x."""

    def function(self) -> Expr:
        r"""A known function: \sin^2 x, \log_2 8, max(a, b), \ln x."""
        name = self.take().value
        base: Expr | None = None
        exponent: Expr | None = None
        while self.token.kind in ("^", "_"):
            if self.take().kind == "^":
                exponent = self.exponent()
            elif name == "log":
                base = self.group()
            else:
                self.raw_group()
        if exponent == num(-1) and name in _INVERSES:
            name, exponent = _INVERSES[name], None
        value = _applied(name, self._arguments(name), base)
        return Op("pow", (value, exponent)) if exponent is not None else value

    def _arguments(self, name: str) -> tuple[Expr, ...]:
        if self.token.kind in ("(", "[") or (self.token.kind == "{" and name in _SEVERAL):
            items = items_of(self.enclosed(_CLOSERS[self.token.kind]))
        elif self.token.kind == "open" and self.token.value in ("set", "angle") and name in _SEVERAL:
            inner = self.atom()
            items = inner.items if isinstance(inner, Group) else (inner,)
        elif self.token.kind == "|":
            items = (self.absolute(),)
        elif self.accept("-"):
            items = (negated(self._juxtaposed()),)
        else:
            items = (self._juxtaposed(name in _PERIODIC),)
        if name not in _SEVERAL and len(items) != 1:
            raise ParseError(f"{name} takes one argument, got {len(items)}")
        return items

    def _juxtaposed(self, with_bracket: bool = False) -> Expr:
        """Factors side by side; with `with_bracket`, a bracket after a number too: sin 2(x + 1)."""
        factors = [self.power()]
        if with_bracket and isinstance(factors[0], Num) and self.token.kind == "(" and self.starts_factor():
            return Op("mul", (factors[0], self.power()))
        while self.starts_factor() and self.token.kind not in ("func", "(", "[", "open", "num", "int", "big", "lim"):
            factors.append(self.power())
        is_divided = self.token.kind == "/" and self.ahead().kind == "num" and not self.latex
        if is_divided and isinstance(factors[-1], Const | Num):
            self.take()  # sin pi/6
            return product(factors) / self.power()
        return product(factors)


def _applied(name: str, args: tuple[Expr, ...], base: Expr | None) -> Expr:
    """
    Raises:
        ParseError: a number of arguments that the function does not take.
    """
    if name == "log" and base is not None:
        return Call("log", (args[0], base))
    if name == "lg":
        return Call("log", (args[0], num(10)))
    if name == "exp":
        return Op("pow", (Const("e"), args[0]))
    if name == "diag" and len(args) <= _MAX_SIDE:
        zeros = (num(0),) * len(args)
        return Matrix(tuple((*zeros[:row], arg, *zeros[row + 1 :]) for row, arg in enumerate(args)))
    if name == "factorial":
        return Op("fact", args)
    if name in ("binomial", "root") and len(args) != 2:
        raise ParseError(f"{name} takes two arguments, got {len(args)}")
    return Call(name, args)


def negated(value: Expr) -> Expr:
    """-value, folded into a number where it is one."""
    if isinstance(value, Num):
        return Num(-value.value, value.places)
    if isinstance(value, Quantity):
        return Quantity(negated(value.value), value.unit, value.known)
    return -value
