"""Known functions and what they are applied to."""

from __future__ import annotations

from verifiers.parse.limits import ParseError
from verifiers.parse.literals import LiteralParser
from verifiers.parse.tree import Call, Const, Expr, Group, Matrix, Num, Op, Quantity, num

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
        args = self._arguments(name)
        value: Expr = self._applied(name, args, base)
        return Op("pow", (value, exponent)) if exponent is not None else value

    def _applied(self, name: str, args: tuple[Expr, ...], base: Expr | None) -> Expr:
        if name == "log":
            if base is not None:
                return Call("log", (args[0], base))
            return Call("log", args)
        if name == "lg":
            return Call("log", (args[0], num(10)))
        if name == "exp":
            return Op("pow", (Const("e"), args[0]))
        if name == "diag" and len(args) <= _MAX_SIDE:
            zeros = (num(0),) * len(args)
            return Matrix(tuple((*zeros[:row], arg, *zeros[row + 1 :]) for row, arg in enumerate(args)))
        if name == "factorial":
            return Op("fact", args)
        return Call(name, args)

    def _arguments(self, name: str) -> tuple[Expr, ...]:
        if self.token.kind in ("(", "[") or (self.token.kind == "{" and name in _SEVERAL):
            with self.nested():
                closer = _CLOSERS[self.take().kind]
                inner = self.answer((closer,))
                self.expect(closer)
            if isinstance(inner, Group) and inner.kind == "list":
                return self._checked(name, inner.items)
            return self._checked(name, (inner,))
        if self.token.kind == "open" and self.token.value in ("set", "angle") and name in _SEVERAL:
            inner = self.atom()
            return self._checked(name, inner.items if isinstance(inner, Group) else (inner,))
        if self.token.kind == "|":
            return (self.absolute(),)
        if self.token.kind == "-":
            self.take()
            return (negated(self._juxtaposed()),)
        return (self._juxtaposed(name in _PERIODIC),)

    def _checked(self, name: str, items: tuple[Expr, ...]) -> tuple[Expr, ...]:
        if name not in _SEVERAL and len(items) != 1:
            raise ParseError(f"{name} takes one argument, got {len(items)}")
        if name in ("binomial", "root") and len(items) != 2:
            raise ParseError(f"{name} takes two arguments, got {len(items)}")
        return items

    def _juxtaposed(self, with_bracket: bool = False) -> Expr:
        """Factors side by side; with `with_bracket`, a bracket after a number too: sin 2(x + 1)."""
        factors = [self.power()]
        if with_bracket and isinstance(factors[0], Num) and self.token.kind == "(" and self.starts_factor():
            return Op("mul", (factors[0], self.power()))
        while self.starts_factor() and self.token.kind not in ("func", "(", "[", "open", "num", "int", "big", "lim"):
            factors.append(self.power())
        if (
            self.token.kind == "/"
            and self.ahead().kind == "num"
            and not self.latex
            and isinstance(factors[-1], Const | Num)
        ):
            self.take()  # sin pi/6
            bottom = self.power()
            return Op("div", (factors[0] if len(factors) == 1 else Op("mul", tuple(factors)), bottom))
        return factors[0] if len(factors) == 1 else Op("mul", tuple(factors))


def negated(value: Expr) -> Expr:
    """-value, folded into a number where it is one."""
    if isinstance(value, Num):
        return Num(-value.value, value.places)
    if isinstance(value, Quantity):
        return Quantity(negated(value.value), value.unit, value.known)
    return Op("neg", (value,))
