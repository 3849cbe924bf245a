"""Fractions, roots, calculus operators, environments: what LaTeX has commands for."""

from __future__ import annotations

import re

from verifiers.parse.calls import CallParser
from verifiers.parse.lexer import Token
from verifiers.parse.limits import ParseError
from verifiers.parse.rewrite import substitute_constant
from verifiers.parse.tree import (
    Bound,
    Call,
    Cases,
    Const,
    Dots,
    Expr,
    Family,
    Group,
    Matrix,
    Num,
    Op,
    Quantity,
    Rel,
    Sym,
    Text,
    num,
)


class NotationParser(CallParser):
    """Constructs with their own notation."""

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
        if self.token.kind == "{":
            letters = self.raw_group()
        while self.token.kind in ("sym", "word"):
            letters += self.take().value
        if not letters:
            return Sym(name) if self.token.kind != "num" else Sym(f"{name}{self.take().value}")
        return Sym(f"{name} {letters}")

    def money(self) -> Expr:
        """A currency sign before its amount."""
        unit = self.take().value
        return Quantity(self.signed(), unit)

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
            return Cases(tuple(_branch(row) for row in rows))
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
                parity = self._parity() if rows[-1] else None
                rows[-1].append(parity if parity is not None else self.cell())
        return [row for row in rows if row]

    def _parity(self) -> Text | None:
        """The condition `n is even` or `n odd` that a cell consists of; None for any other cell."""
        words: list[str] = []
        distance = 0
        while (token := self.ahead(distance)).kind in ("sym", "word", "where", ","):
            words.append(token.value)
            distance += 1
        found = parity(" ".join(words)) if token.kind in ("&", "row", "endenv", ".") else None
        if found is not None:
            self.seek(self.position + distance + (token.kind == "."))
        return found

    def cell(self) -> Expr:
        """One cell of an environment: an answer up to &, a row break or the end."""
        if self.token.kind == "where" and self.token.value == "otherwise":
            return Text(self.take().value)
        while self.token.kind == "where" and self.ahead().kind not in ("&", "row", "endenv"):
            self.take()
        value = self.answer(("&", "row", "endenv"))
        return value.items[0] if isinstance(value, Group) and value.kind == "list" and len(value.items) == 1 else value

    def dots(self) -> Expr:
        """An ellipsis."""
        self.take()
        return Dots()


def _branch(row: list[Expr]) -> tuple[Expr, Expr | None]:
    """The value and condition of a row of cases: `5 & n = 1`, `5, n = 1`, `2n + 1, n >= 2, n in N`."""
    value, condition = row[0], row[1] if len(row) > 1 else None
    if condition is None and isinstance(value, Family) and isinstance(value.where, Rel) and not value.parameters:
        condition, value = value.where, value.body
    elif condition is None and isinstance(value, Group) and value.kind == "list" and len(value.items) == 2:
        first, last = value.items
        if isinstance(last, Rel | Family) and not isinstance(first, Rel | Family):
            value, condition = first, last
    if isinstance(condition, Family) and isinstance(condition.body, Rel) and condition.where is None:
        condition = condition.body  # in which set the variable lies is said by the conditions together
    return value, condition


_PARITY = re.compile(
    r"(?:(?:if|when|for|where|all|,) )*(?:([a-z])(?: is)?(?: an?)?(?: positive)? (even|odd)(?: number| integer)?"
    r"|(even|odd)(?: values of| integers?)? ([a-z]))"
)


def parity(words: str) -> Text | None:
    """`n even` for every way to say so; None for other words."""
    found = _PARITY.fullmatch(words.strip(" ,"))
    return Text(f"{found[1] or found[4]} {found[2] or found[3]}") if found else None


def _name(expr: Expr) -> str:
    return expr.name if isinstance(expr, Sym | Const) else ""


def _rename_i(expr: Expr) -> Expr:
    """Inside a sum over i, `i` is the index and not the imaginary unit."""
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
