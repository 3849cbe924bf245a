"""Powers, postfixes, symbols and brackets: the tightest-binding layer of the grammar."""

from __future__ import annotations

from fractions import Fraction

from verifiers.parse import tree, words
from verifiers.parse.calls import negated
from verifiers.parse.limits import ParseError
from verifiers.parse.literals import literal
from verifiers.parse.notation import NotationParser
from verifiers.parse.tree import Apply, Call, Const, Dots, Expr, Group, Interval, Matrix, Num, Op, Quantity, Sym, num

_APPLIED = frozenset(("f", "g", "h", "F", "G", "H", "phi", "Phi", "psi", "Psi"))
_GREEK_FUNCTIONS = ("zeta", "Gamma")
_TEMPERATURES = {"C": "celsius", "F": "fahrenheit"}
_TRANSPOSE = (Sym("T"), Sym("top"), Sym("t"))
_ATOMS = {
    "unit": "money", "num": "number", "based": "based",
    "sym": "symbol", "const": "constant", "frac": "fraction", "sqrt": "root", "binom": "binomial",
    "func": "function", "(": "bracket", "[": "bracket", "]": "bracket", "open": "delimited", "|": "absolute",
    "||": "norm",
    "{": "braces", "big": "big", "int": "integral", "lim": "limit", "overline": "overline", "bb": "blackboard",
    "shape": "shape", "currency": "money", "begin": "environment", "dots": "constant",
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
            elif kind == "!":
                self.take()
                base = Op("dfact" if self.accept("!") else "fact", (base,))
            elif kind in ("percent", "%"):
                is_permil = self.take().value == "permil"
                base = base / num(1000) if is_permil else Op("percent", (base,))
            elif kind == "degree":
                self.take()
                base = self._degrees(base)
            elif kind == "'" and isinstance(base, Num) and self.ahead().kind == "num":
                if not self.ahead(2).kind == self.ahead(3).kind == "'":
                    break
                self.take()  # 5' 3'' are feet and inches
                base = Quantity(num(base.value * 12 + self._arc(2)), "inch")
            elif kind == "'" and isinstance(base, Sym | Apply):
                self.take()
                base = self._called(Sym(base.name + "'")) if isinstance(base, Sym) else base
            elif kind == "_" and tree.is_op(base, "pow") and isinstance(base.args[0], Sym):
                self.take()  # v^2_0 is v_0^2
                base = Op("pow", (Sym(f"{base.args[0].name}_{self.raw_group()}"), base.args[1]))
            elif kind == "^c":
                self.take()
                base = Op("complement", (base,))
            else:
                break
        return base

    def _degrees(self, base: Expr) -> Expr:
        """`base` as a temperature, or as an angle with the minutes and seconds that follow: 30° 15' 36''."""
        if self.token.value in _TEMPERATURES and self.ahead().kind in ("end", ",", ")", "rel"):
            return Quantity(base, _TEMPERATURES[self.take().value])
        arc = num(self._arc(1) / 60 + self._arc(2) / 3600)
        if arc.value:
            base = base + (negated(arc) if isinstance(base, Num) and base.value < 0 else arc)
        return Op("degree", (base,))

    def _arc(self, primes: int) -> Fraction:
        """The number that is next, with so many primes behind it; 0 where there is none."""
        kinds = [self.ahead(distance).kind for distance in range(primes + 2)]
        if kinds[:-1] != ["num", *["'"] * primes] or kinds[-1] == "'":
            return Fraction(0)
        number = literal(self.take().value, self.limits.bits)
        self.seek(self.position + primes)
        return number.value

    def _raised(self, base: Expr) -> Expr:
        self.take()
        inside = self.ahead() if self.token.kind == "{" else self.token
        if inside.kind == "degree" and (inside is self.token or self.ahead(2).kind == "}"):
            self.seek(self.position + (1 if inside is self.token else 3))
            return self._degrees(base)
        if inside.kind == "word" and inside.value in words.ORDINALS:
            self.braced(lambda: self.take().value)
            return base
        if inside.kind == "'" and inside is not self.token:
            self.take()
            while self.accept("'"):
                base = Sym(base.name + "'") if isinstance(base, Sym) else base
            self.expect("}")
            return self._called(base) if isinstance(base, Sym) else base
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
            is_negative = self.take().kind == "-"
            value = self.exponent()
            self.depth -= 1
            return negated(value) if is_negative else value
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
        method = _ATOMS.get(self.token.kind)
        if method is None:
            raise ParseError(f"did not expect {self.token.value or self.token.kind!r} here")
        return getattr(self, method)()

    def symbol(self) -> Expr:
        """A symbol with subscript and primes, or an unknown function applied to arguments."""
        token = self.take()
        if self.accept("_"):
            return self._called(Sym(f"{token.value}_{self.raw_group()}"))
        if token.value == "e" or (token.value == "i" and not token.in_text):
            return Const(token.value)
        return self._called(Sym(token.value))

    def _called(self, symbol: Sym) -> Expr:
        if symbol.name in _GREEK_FUNCTIONS and self.token.kind == "(":
            return Call(symbol.name.lower(), (self.enclosed(")", self.sum),))
        while self.accept("'"):
            symbol = Sym(symbol.name + "'")
        base = symbol.name.rstrip("'").removesuffix("^-1")
        if self.token.kind == "(" and (base.split("_")[0] in _APPLIED or base != symbol.name):
            return Apply(symbol.name, tree.items_of(self.enclosed(")")))
        return symbol

    def constant(self) -> Expr:
        """A named constant, or an ellipsis."""
        token = self.take()
        return Dots() if token.kind == "dots" else Const(token.value)

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
        return Call(kind, (inner,)) if kind in ("floor", "ceil") else Group("tuple", tree.items_of(inner))

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
    if tree.is_group(expr, "tuple", "square") and expr.items:
        return Matrix(tuple((item,) for item in expr.items))
    return None


def bracketed(opener: str, inner: Expr, closer: str) -> Expr:
    """What a pair of brackets around `inner` means."""
    items = tree.items_of(inner)
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
