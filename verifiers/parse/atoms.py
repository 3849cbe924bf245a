"""Powers, postfixes, symbols and brackets: the tightest-binding layer of the grammar."""

from __future__ import annotations

from fractions import Fraction

from verifiers.parse.calls import negated
from verifiers.parse.limits import ParseError
from verifiers.parse.literals import literal
from verifiers.parse.notation import NotationParser
from verifiers.parse.tree import Apply, Call, Const, Expr, Group, Interval, Matrix, Num, Op, Quantity, Sym, num

_APPLIED = frozenset(("f", "g", "h", "F", "G", "H", "phi", "Phi", "psi", "Psi"))
_GREEK_FUNCTIONS = frozenset(("zeta", "Gamma"))
_TRANSPOSE = (Sym("T"), Sym("top"), Sym("t"))
_ATOMS = {
    "unit": "prefixed_money", "num": "number", "based": "based",
    "sym": "symbol", "const": "constant", "frac": "fraction", "sqrt": "root", "binom": "binomial",
    "func": "function", "(": "bracket", "[": "bracket", "]": "bracket", "open": "delimited", "|": "absolute",
    "||": "norm",
    "{": "braces", "big": "big", "int": "integral", "lim": "limit", "overline": "overline", "bb": "blackboard",
    "shape": "shape", "currency": "money", "begin": "environment", "dots": "dots",
}  # fmt: skip


class AtomParser(NotationParser):
    """Atoms and what sticks to them."""

    def power(self) -> Expr:
        """An atom with its postfixes: powers, factorials, percent and degree signs."""
        self.enter()
        base = self.postfixed(self.atom())
        self.depth -= 1
        return base

    def postfixed(self, base: Expr) -> Expr:
        """`base` with the powers, primes and signs that follow it."""
        while True:
            kind = self.token.kind
            if kind == "^":
                base = self._raised(base)
            elif kind == "!" and self.ahead().kind not in ("rel",):
                self.take()
                base = Op("dfact", (base,)) if self.accept("!") else Op("fact", (base,))
            elif kind == "!":
                self.take()
                base = Op("fact", (base,))
            elif kind in ("percent", "%"):
                value = self.take().value
                base = Op("percent", (base,)) if value != "permil" else Op("div", (base, num(1000)))
            elif kind == "degree":
                self.take()
                base = self._degrees(base)
            elif kind == "'" and isinstance(base, Num):
                feet = self._feet(base)
                if feet is None:
                    break
                base = feet
            elif kind == "'" and isinstance(base, Sym | Apply):
                self.take()
                base = Sym(base.name + "'") if isinstance(base, Sym) else base
                base = self._called(base) if isinstance(base, Sym) else base
            elif kind == "_" and isinstance(base, Op) and base.op == "pow" and isinstance(base.args[0], Sym):
                self.take()  # v^2_0 is v_0^2
                base = Op("pow", (Sym(f"{base.args[0].name}_{self.raw_group()}"), base.args[1]))
            elif kind == "^c":
                self.take()
                base = Op("complement", (base,))
            else:
                break
        return base

    def _degrees(self, base: Expr) -> Expr:
        following = self.token
        if following.kind == "sym" and following.value in ("C", "F") and self.ahead().kind in ("end", ",", ")", "rel"):
            self.take()
            return Quantity(base, "celsius" if following.value == "C" else "fahrenheit")
        parts = self._primed()
        if parts is None:
            return Op("degree", (base,))
        arc = num(parts[0] / 60 + parts[1] / 3600)  # 30° 15' 36''
        return Op("degree", (Op("add", (base, negated(arc) if isinstance(base, Num) and base.value < 0 else arc)),))

    def _primed(self) -> tuple[Fraction, Fraction] | None:
        """Two numbers with one prime and two primes: minutes and seconds of arc, or what of them is there."""
        found = [Fraction(0), Fraction(0)]
        start = self.position
        for index, marks in enumerate((1, 2)):
            if self.token.kind == "num" and all(self.ahead(mark + 1).kind == "'" for mark in range(marks)):
                if self.ahead(marks + 1).kind == "'":
                    continue  # seconds without minutes
                found[index] = literal(self.take().value, self.limits.bits).value
                self.seek(self.position + marks)
        return (found[0], found[1]) if self.position > start else None

    def _feet(self, base: Num) -> Expr | None:
        """5' 3'' and 5' are feet and inches; None where the prime means something else."""
        start = self.position
        self.take()
        token = self.token
        if token.kind == "num" and self.ahead().kind == self.ahead(2).kind == "'":
            inches = literal(self.take().value, self.limits.bits).value
            self.seek(self.position + 2)
            return Quantity(num(base.value * 12 + inches), "inch")
        self.seek(start)
        return None

    def _raised(self, base: Expr) -> Expr:
        self.take()
        if self.accept("degree"):
            return self._degrees(base)
        if self.token.kind == "{" and self.ahead().kind == "degree" and self.ahead(2).kind == "}":
            self.seek(self.position + 3)
            return self._degrees(base)
        if (
            self.token.kind == "{"
            and self.ahead().kind in ("'", "word")
            and self.ahead().value in ("'", "th", "st", "nd", "rd")
        ):
            mark = self.ahead().value
            self.seek(self.position + 2)
            while self.accept("'"):
                mark += "'"
            self.expect("}")
            if mark[0] != "'":
                return base
            return self._called(Sym(base.name + mark)) if isinstance(base, Sym) else base
        if self.token.kind == "word" and self.token.value in ("th", "st", "nd", "rd"):
            self.take()
            return base
        exponent = self.exponent()
        if exponent in _TRANSPOSE and (turned := transposed(base)) is not None:
            return turned
        if isinstance(base, Sym) and base.name in _APPLIED and exponent == num(-1):
            return self._called(Sym(base.name + "^-1"))
        return Op("pow", (base, exponent))

    def exponent(self) -> Expr:
        """What stands after ^: a group, a bracket, a signed number or one atom; a^b^c groups to the right."""
        self.enter()
        value: Expr
        if self.token.kind in ("-", "+"):
            sign = self.take().kind
            value = self.exponent()
            self.depth -= 1
            return negated(value) if sign == "-" else value
        if self.token.kind == "*":
            raise ParseError("nothing after ^")
        if self.token.kind == "num" and self.ahead().kind == "_":
            value = literal(self.take().value, self.limits.bits)  # the subscript belongs to the base: v^2_0
        else:
            value = self.group() if self.token.kind == "{" else self.atom()
        if self.token.kind == "^":
            value = self._raised(value)
        elif self.token.kind == "!" and not self.latex:
            self.take()
            value = Op("fact", (value,))
        self.depth -= 1
        return value

    def atom(self) -> Expr:
        """A number, symbol, bracket, call or operator with its own notation."""
        token = self.token
        method = _ATOMS.get(token.kind)
        if method is None:
            raise ParseError(f"did not expect {token.value or token.kind!r} here")
        return getattr(self, method)()

    def symbol(self) -> Expr:
        """A symbol with subscript and primes, or an unknown function applied to arguments."""
        token = self.take()
        name = token.value
        if name == "i" and not token.in_text:
            return self._subscripted("i", Const("i"))
        if name == "e":
            return self._subscripted("e", Const("e"))
        return self._subscripted(name, Sym(name))

    def _subscripted(self, name: str, plain: Expr) -> Expr:
        if self.token.kind == "_":
            self.take()
            plain = Sym(f"{name}_{self.raw_group()}")
        return self._called(plain) if isinstance(plain, Sym) else plain

    def _called(self, symbol: Sym) -> Expr:
        if symbol.name in _GREEK_FUNCTIONS and self.token.kind == "(":
            with self.nested():
                self.take()
                inner = self.sum()
                self.expect(")")
            return Call(symbol.name.lower(), (inner,))
        while self.accept("'"):
            symbol = Sym(symbol.name + "'")
        base = symbol.name.rstrip("'").removesuffix("^-1")
        if self.token.kind == "(" and (base.split("_")[0] in _APPLIED or base != symbol.name):
            with self.nested():
                self.take()
                inner = self.answer((")",))
                self.expect(")")
            args = inner.items if isinstance(inner, Group) and inner.kind == "list" else (inner,)
            return Apply(symbol.name, args)
        return symbol

    def constant(self) -> Expr:
        """A named constant."""
        return Const(self.take().value)

    def bracket(self) -> Expr:
        """( ... ), [ ... ], ] ... [ : a parenthesis, a tuple, an interval or a list."""
        with self.nested():
            opener = self.take().kind
            if self.token.kind in (")", "]"):
                raise ParseError("empty brackets")
            inner = self.answer((")", "]", "["))
            closer = self.take().kind
            if closer not in (")", "]", "["):
                raise ParseError("unclosed bracket")
        return bracketed(opener, inner, closer)

    def delimited(self) -> Expr:
        """Floor, ceiling, angle vectors and sets."""
        with self.nested():
            kind = self.take().value
            if kind == "set":
                return self.set_items()
            inner = self.answer(("close",))
            self.expect("close", kind)
        if kind in ("floor", "ceil"):
            return Call(kind, (inner,))
        return Group("tuple", inner.items if isinstance(inner, Group) and inner.kind == "list" else (inner,))

    def absolute(self) -> Expr:
        """|x|."""
        self.take()
        self.enter()
        self.bars += 1
        saved, self.heads = self.heads, 0
        inner = self.expression()
        self.expect("|")
        self.heads = saved
        self.bars -= 1
        self.depth -= 1
        return Call("abs", (inner,))

    def norm(self) -> Expr:
        r"""\|v\|."""
        with self.nested():
            self.take()
            self.norms += 1
            inner = self.expression()
            self.expect("||")
        return Call("norm", (inner,))

    def braces(self) -> Expr:
        """A LaTeX group, or a set in plain text."""
        with self.nested():
            self.take()
            if self.accept("}"):
                if self.token.kind == "end":
                    raise ParseError("empty group")
                return self.power()
            head = self.ahead().kind if self.token.kind == "sym" else ""
            if head in ("|", ":") or (head == "rel" and self.ahead().value == "in"):
                return self.set_items("}")
            inner = self.answer(("}",))
            self.expect("}")
        return inner


def transposed(expr: Expr) -> Expr | None:
    """A matrix with rows and columns exchanged, a row as a column; None for what is neither."""
    if isinstance(expr, Matrix):
        return Matrix(tuple(zip(*expr.rows)), expr.kind)
    if isinstance(expr, Interval) and expr.closed_low == expr.closed_high:
        return Matrix(((expr.low,), (expr.high,)))
    if isinstance(expr, Group) and expr.kind in ("tuple", "square") and expr.items:
        return Matrix(tuple((item,) for item in expr.items))
    return None


def bracketed(opener: str, inner: Expr, closer: str) -> Expr:
    """What a pair of brackets around `inner` means."""
    items = inner.items if isinstance(inner, Group) and inner.kind == "list" else (inner,)
    if (opener, closer) == ("(", ")"):
        return inner if len(items) == 1 and items[0] is inner else Group("tuple", items)
    if len(items) == 2:
        low, high = items
        return Interval(low, high, opener == "[", closer == "]")
    if (opener, closer) != ("[", "]"):
        raise ParseError(f"brackets {opener} {closer} do not match")
    if isinstance(inner, Matrix) or (len(items) == 1 and items[0] is inner and not isinstance(inner, Group | Interval)):
        return inner  # brackets of the second rank
    return Group("square", items)
