"""Powers, calls, brackets, roots, calculus operators: the tightest-binding layer of the grammar."""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.parse.lexer import Token
from verifiers.parse.limits import OverBudgetError, ParseError
from verifiers.parse.stream import TokenStream
from verifiers.parse.tree import (
    Apply,
    BaseNum,
    Bound,
    Call,
    Cases,
    Const,
    Dots,
    Expr,
    Group,
    Interval,
    Matrix,
    Num,
    Op,
    Quantity,
    Rel,
    Sym,
    Text,
    num,
)

_APPLIED = frozenset(("f", "g", "h", "F", "G", "H", "phi", "Phi", "psi", "Psi"))
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
             "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}  # fmt: skip
_SEVERAL = frozenset(("gcd", "lcm", "min", "max", "binomial", "log", "root"))
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_DIGIT_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
                "eleven": 11, "twelve": 12, "sixteen": 16, "sixty": 60}  # fmt: skip


class AtomParser(TokenStream):
    """Atoms and what sticks to them. `clause`, `items`, `sum` and `product` come from the layers above."""

    latex = False  # the text uses LaTeX commands

    def clause(self) -> Expr: ...  # type: ignore[empty-body]
    def answer(self, closers: tuple[str, ...]) -> Expr: ...  # type: ignore[empty-body]
    def expression(self) -> Expr: ...  # type: ignore[empty-body]
    def sum(self) -> Expr: ...  # type: ignore[empty-body]
    def product(self) -> Expr: ...  # type: ignore[empty-body]
    def signed(self) -> Expr: ...  # type: ignore[empty-body]
    def starts_factor(self) -> bool: ...  # type: ignore[empty-body]
    def set_items(self, closer: str = "close") -> Expr: ...  # type: ignore[empty-body]

    def power(self) -> Expr:
        """An atom with its postfixes: powers, factorials, percent and degree signs."""
        self.enter()
        base = self.atom()
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
        self.depth -= 1
        return base

    def _degrees(self, base: Expr) -> Expr:
        following = self.token
        if following.kind == "sym" and following.value in ("C", "F") and self.ahead().kind in ("end", ",", ")", "rel"):
            self.take()
            return Quantity(base, "celsius" if following.value == "C" else "fahrenheit")
        if following.kind == "num" and self.ahead().kind == "'":  # 30° 15' (minutes of arc)
            minutes = Fraction(self.take().value)
            self.take()
            return Op("degree", (Op("add", (base, num(minutes / 60))),))
        return Op("degree", (base,))

    def _raised(self, base: Expr) -> Expr:
        self.take()
        if self.accept("degree"):
            return self._degrees(base)
        if self.token.kind == "{" and self.ahead().kind == "degree" and self.ahead(2).kind == "}":
            self.position += 3
            return self._degrees(base)
        if (
            self.token.kind == "{"
            and self.ahead().kind in ("'", "word")
            and self.ahead().value in ("'", "th", "st", "nd", "rd")
        ):
            mark = self.ahead().value
            self.position += 2
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
            return _negated(value) if sign == "-" else value
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

    def group(self) -> Expr:
        """The content of braces (or one token, as LaTeX takes it), as an expression."""
        if self.token.kind != "{":
            return self.single()
        with self.nested():
            self.take()
            value = self.answer(("}",))
            self.expect("}")
        return value

    def single(self) -> Expr:
        r"""One token as an argument: `\frac12` is 1/2, `\sqrt2x` is √2·x."""
        token = self.token
        if token.kind == "num" and len(token.value) > 1 and token.value.isdigit():
            self.tokens[self.position] = Token("num", token.value[1:], False, token.in_text)
            return num(int(token.value[0]))
        if token.kind in ("-", "+"):
            return self.signed()
        return self.atom()

    def atom(self) -> Expr:
        """A number, symbol, bracket, call or operator with its own notation."""
        token = self.token
        method = _ATOMS.get(token.kind)
        if method is None:
            raise ParseError(f"did not expect {token.value or token.kind!r} here")
        return getattr(self, method)()

    def number(self) -> Expr:
        """A literal: integer, decimal, scientific, repeating, or with a base."""
        text = self.take().value
        if self.token.kind == "_":
            return self._based(text)
        if (self.token.kind == "overline" and text.endswith(".")) or (self.token.kind == "overline" and "." in text):
            return self._repeating(text)
        if (
            "." in text
            and self.token.kind == "("
            and not self.token.spaced
            and self.ahead().kind == "num"
            and self.ahead(2).kind == ")"
        ):
            return self._repeating(text)
        if "." in text and self.token.kind == "dots":
            repeated = re.fullmatch(r"(\d*)\.(\d*?)(\d+?)\3{2,}", text)
            if repeated:
                self.take()
                return _repeating_value(repeated[1], repeated[2], repeated[3])
        return literal(text, self.limits.bits)

    def _based(self, text: str) -> Expr:
        self.take()
        base = self.group() if self.token.kind == "{" else self._base_word()
        if isinstance(base, Sym | Text):
            base = num(_DIGIT_WORDS.get((base.name if isinstance(base, Sym) else base.words).lower(), 0))
        if not (isinstance(base, Num) and base.value.denominator == 1 and 2 <= base.value <= 36):
            raise ParseError("a base must be an integer from 2 to 36")
        radix = int(base.value)
        whole, _, fraction = text.partition(".")
        try:
            value = Fraction(int(whole or "0", radix))
            if fraction:
                value += Fraction(int(fraction, radix), radix ** len(fraction))
        except ValueError as error:
            raise ParseError(f"{text} has a digit that base {radix} lacks") from error
        return BaseNum(value, radix)

    def _base_word(self) -> Expr:
        if self.token.kind == "word":
            return Sym(self.take().value)
        return self.atom()

    def _repeating(self, text: str) -> Expr:
        dotted = self.token.value == "dot"
        self.take()
        braced = self.accept("{") if self.tokens[self.position - 1].kind != "(" else None
        period = self.expect("num").value
        if braced:
            self.expect("}")
        elif self.token.kind == ")":
            self.take()
        while dotted and self.token.kind in ("num", "overline"):  # 0.\dot{1}2\dot{3}
            token = self.take()
            if token.kind == "num":
                period += token.value
            else:
                self.expect("{")
                period += self.expect("num").value
                self.expect("}")
                break
        whole, _, fixed = text.partition(".")
        if not period.isdigit():
            raise ParseError("a period must be digits")
        return _repeating_value(whole, fixed, period)

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

    def raw_group(self) -> str:
        """A subscript as canonical text."""
        if self.token.kind != "{":
            return self.take().value
        depth = 0
        parts: list[str] = []
        while self.token.kind != "end":
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token.kind, 0)
            if depth == 0:
                return "".join(parts[1:])
            parts.append(token.value)
        raise ParseError("unclosed subscript")

    def constant(self) -> Expr:
        """A named constant."""
        return Const(self.take().value)

    def fraction(self) -> Expr:
        r"""\frac{a}{b}; \frac{d}{dx} begins a derivative."""
        self.take()
        top = self.group()
        bottom = self.group()
        derivative = self._derivative(top, bottom)
        return derivative if derivative is not None else Op("div", (top, bottom))

    def _derivative(self, top: Expr, bottom: Expr) -> Expr | None:
        if not (isinstance(bottom, Op) and bottom.op == "mul" and len(bottom.args) == 2 and bottom.args[0] == Sym("d")):
            return None
        variable: Expr = bottom.args[1]
        order = 1
        if isinstance(variable, Op) and variable.op == "pow" and isinstance(variable.args[1], Num):
            order = int(variable.args[1].value)
            variable = variable.args[0]
        if not isinstance(variable, Sym) or not 1 <= order <= 8:
            return None
        if top == Sym("d") or top == Op("pow", (Sym("d"), num(order))):
            body = self.product()
            return Bound("diff", body, variable.name, order=order)
        if isinstance(top, Op) and top.op == "mul" and top.args[0] in (Sym("d"), Op("pow", (Sym("d"), num(order)))):
            rest = top.args[1:]
            inner = rest[0] if len(rest) == 1 else Op("mul", rest)
            if isinstance(inner, Sym):
                return Sym(f"d{order if order > 1 else ''}{inner.name}/d{variable.name}")
            return Bound("diff", inner, variable.name, order=order)
        return None

    def root(self) -> Expr:
        r"""\sqrt{x}, \sqrt[n]{x}, sqrt(x)."""
        self.take()
        index: Expr | None = None
        if self.token.kind == "[":
            with self.nested():
                self.take()
                index = self.sum()
                self.expect("]")
        if self.token.kind == "(":
            value = self.atom()
        else:
            value = self.group()
        return Call("sqrt", (value,)) if index is None else Call("root", (value, index))

    def binomial(self) -> Expr:
        r"""\binom{n}{k}."""
        self.take()
        top = self.group()
        return Call("binomial", (top, self.group()))

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
        if self.token.kind == "open" and self.token.value == "set" and name in _SEVERAL:
            inner = self.atom()
            return self._checked(name, inner.items if isinstance(inner, Group) else (inner,))
        if self.token.kind == "|":
            return (self.absolute(),)
        if self.token.kind == "-":
            self.take()
            return (_negated(self._juxtaposed()),)
        return (self._juxtaposed(),)

    def _checked(self, name: str, items: tuple[Expr, ...]) -> tuple[Expr, ...]:
        if name not in _SEVERAL and len(items) != 1:
            raise ParseError(f"{name} takes one argument, got {len(items)}")
        if name in ("binomial", "root") and len(items) != 2:
            raise ParseError(f"{name} takes two arguments, got {len(items)}")
        return items

    def _juxtaposed(self) -> Expr:
        factors = [self.power()]
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

    def big(self) -> Expr:
        r"""\sum_{k=1}^{n} body, \prod."""
        kind = self.take().value
        low = high = None
        variable = ""
        while self.token.kind in ("_", "^"):
            if self.take().kind == "_":
                bound = self.group() if self.token.kind == "{" else self.single()
                if isinstance(bound, Rel) and bound.ops == ("=",) and isinstance(bound.sides[0], Sym | Const):
                    variable, low = _name(bound.sides[0]), bound.sides[1]
                elif isinstance(bound, Rel) and len(bound.ops) == 2 and isinstance(bound.sides[1], Sym):
                    variable, low, high = bound.sides[1].name, bound.sides[0], bound.sides[2]
                elif isinstance(bound, Sym):
                    variable = bound.name
                else:
                    raise ParseError("a sum needs a bound such as k=1")
            else:
                high = self.group() if self.token.kind == "{" else self.single()
        body = self.product()
        if variable == "i":
            body = _rename_i(body)
        return Bound(kind, body, variable, low, high)

    def integral(self) -> Expr:
        r"""\int_a^b f dx."""
        self.take()
        low = high = None
        while self.token.kind in ("_", "^"):
            if self.take().kind == "_":
                low = self.group() if self.token.kind == "{" else self.single()
            else:
                high = self.group() if self.token.kind == "{" else self.single()
        self.enter()
        self.integrals += 1
        body = num(1) if self.token == Token("sym", "d") and self.ahead().kind == "sym" else self.sum()
        self.integrals -= 1
        self.depth -= 1
        if self.accept("sym", "d"):
            return Bound("int", body, self.expect("sym").value, low, high)
        return _differential_in_fraction(body, low, high)

    def limit(self) -> Expr:
        r"""\lim_{x \to a} f."""
        self.take()
        self.expect("_")
        with self.nested():
            self.expect("{")
            variable = self.expect("sym").value
            self.expect("rel", "to")
            point = self.sum_until_side()
            side = ""
            if self.accept("^"):
                braced = self.accept("{")
                side = self.take().value
                if braced:
                    self.expect("}")
            self.expect("}")
        body = self.product()
        return Bound("lim", body, variable, point, side=side)

    def sum_until_side(self) -> Expr:
        """A limit's point; a trailing ^+ or ^- is the side, not a power."""
        if self.ahead().kind == "^" and self.ahead(2).kind in ("+", "-", "{"):
            following = self.ahead(3) if self.ahead(2).kind == "{" else self.ahead(2)
            if following.kind in ("+", "-"):
                return self.atom()
        return self.sum()

    def overline(self) -> Expr:
        r"""\overline{AB}: a named segment or digits; \dot{x}: a name."""
        mark = self.take().value
        return Sym(f"{mark}({self.raw_group()})")

    def blackboard(self) -> Expr:
        r"""\mathbb{R} with marks such as ^+ or _{>0}."""
        self.take()
        name = self.raw_group()
        while self.token.kind in ("^", "_") and self.ahead().kind in ("+", "-", "*", "{", "num"):
            name += self.take().kind + self.raw_group()
        return Const(name)

    def shape(self) -> Expr:
        r"""\angle ABC, \triangle ABC: a name."""
        name = self.take().value
        letters = ""
        while self.token.kind in ("sym", "word"):
            letters += self.take().value
        if not letters:
            return Sym(name) if self.token.kind != "num" else Sym(f"{name}{self.take().value}")
        return Sym(f"{name} {letters}")

    def money(self) -> Expr:
        """A currency sign before its amount."""
        unit = self.take().value
        value = self.power()
        return Quantity(value, unit)

    def environment(self) -> Expr:
        r"""\begin{pmatrix} ... \end{pmatrix} and the other environments."""
        self.take()
        name = self.raw_group()
        if name == "array" and self.token.kind == "{":
            self.raw_group()
        elif name == "array" and self.token.kind == "[":
            while self.take().kind not in ("]", "end"):
                pass
        with self.nested():
            rows = self._rows()
            self.expect("endenv")
        self.raw_group()
        if name in ("pmatrix", "bmatrix", "matrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix"):
            if len({len(row) for row in rows}) != 1:
                raise ParseError("rows of a matrix differ in length")
            return Matrix(tuple(tuple(row) for row in rows), "det" if name == "vmatrix" else "matrix")
        if name in ("cases", "dcases", "rcases"):
            return Cases(tuple((row[0], row[1] if len(row) > 1 else None) for row in rows))
        flat = tuple(cell for row in rows for cell in row)
        return flat[0] if len(flat) == 1 else Group("list", flat)

    def _rows(self) -> list[list[Expr]]:
        rows: list[list[Expr]] = [[]]
        while self.token.kind not in ("endenv", "end"):
            if self.accept("row"):
                rows.append([])
            elif self.accept("&"):
                continue
            else:
                rows[-1].append(self.cell())
        return [row for row in rows if row]

    def cell(self) -> Expr:
        """One cell of an environment: an answer up to &, a row break or the end."""
        while self.token.kind == "where" and self.ahead().kind not in ("&", "row", "endenv"):
            self.take()
        value = self.answer(("&", "row", "endenv"))
        return value.items[0] if isinstance(value, Group) and value.kind == "list" and len(value.items) == 1 else value

    def dots(self) -> Expr:
        """An ellipsis."""
        self.take()
        return Dots()


_ATOMS = {
    "num": "number", "sym": "symbol", "const": "constant", "frac": "fraction", "sqrt": "root", "binom": "binomial",
    "func": "function", "(": "bracket", "[": "bracket", "]": "bracket", "open": "delimited", "|": "absolute",
    "||": "norm",
    "{": "braces", "big": "big", "int": "integral", "lim": "limit", "overline": "overline", "bb": "blackboard",
    "shape": "shape", "currency": "money", "begin": "environment", "dots": "dots",
}  # fmt: skip


def literal(text: str, bits: int) -> Num:
    """The exact value of a number literal.

    Raises:
        OverBudgetError: an exponent such as 1e999999999.
    """
    mantissa, _, exponent = text.lower().partition("e")
    whole, point, decimals = mantissa.partition(".")
    value = Fraction(int((whole or "0") + decimals), 10 ** len(decimals))
    if exponent:
        power = int(exponent)
        if abs(power) * 3.33 > bits:
            raise OverBudgetError(f"10^{power} is beyond exact arithmetic")
        value *= Fraction(10) ** power
        return Num(value, max(0, len(decimals) - power))
    return Num(value, len(decimals) if point and decimals else None)


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
    if isinstance(inner, Matrix):
        return inner
    return Group("square", items)


def _repeating_value(whole: str, fixed: str, period: str) -> Num:
    shift = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), shift)
    value += Fraction(int(period), shift * (10 ** len(period) - 1))
    return num(value)


def _negated(value: Expr) -> Expr:
    return Num(-value.value, value.places) if isinstance(value, Num) else Op("neg", (value,))


def _name(expr: Expr) -> str:
    return expr.name if isinstance(expr, Sym | Const) else ""


def _rename_i(expr: Expr) -> Expr:
    """Inside a sum over i, `i` is the index and not the imaginary unit."""
    from verifiers.parse.rewrite import substitute_constant

    return substitute_constant(expr, "i", Sym("i"))


def _differential_in_fraction(body: Expr, low: Expr | None, high: Expr | None) -> Expr:
    r"""\int \frac{dx}{x}: the differential stands in the numerator."""
    if isinstance(body, Op) and body.op == "div":
        top, bottom = body.args
        factors = top.args if isinstance(top, Op) and top.op == "mul" else ()
        if len(factors) >= 2 and factors[-2] == Sym("d") and isinstance(factors[-1], Sym):
            rest = factors[:-2]
            numerator = num(1) if not rest else rest[0] if len(rest) == 1 else Op("mul", rest)
            return Bound("int", Op("div", (numerator, bottom)), factors[-1].name, low, high)
    raise ParseError("an integral needs its differential")
