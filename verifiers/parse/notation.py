"""Fractions, roots, calculus operators, environments: what LaTeX has commands for."""

from __future__ import annotations

import re

from verifiers.parse import tree
from verifiers.parse.calls import CallParser
from verifiers.parse.lexer import Token
from verifiers.parse.limits import ParseError
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Bound, Call, Const, Expr, Family, Group, Num, Op, Rel, Sym, Text, num, product

_MATRICES = frozenset(("pmatrix", "bmatrix", "matrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix"))
_MAX_ORDER = 8  # of a derivative


class NotationParser(CallParser):
    """Constructs with their own notation."""

    def fraction(self) -> Expr:
        r"""\frac{a}{b}; \frac{d}{dx} begins a derivative."""
        self.take()
        top, bottom = self.group(), self.group()
        derivative = self._derivative(top, bottom)
        return derivative if derivative is not None else Op("div", (top, bottom))

    def _derivative(self, top: Expr, bottom: Expr) -> Expr | None:
        match bottom:
            case Op("mul", (Sym("d"), Sym(variable))):
                order = 1
            case Op("mul", (Sym("d"), Op("pow", (Sym(variable), Num(power))))) if 1 <= power <= _MAX_ORDER:
                order = int(power)
            case _:
                return None
        signs = (Sym("d"), Op("pow", (Sym("d"), num(order))))
        if top in signs:
            return Bound("diff", self.product(), variable, order=order)
        match top:
            case Op("mul", (sign, Sym(name))) if sign in signs:
                return Sym(f"d{order if order > 1 else ''}{name}/d{variable}")
            case Op("mul", (sign, *rest)) if sign in signs:
                return Bound("diff", product(rest), variable, order=order)
        return None

    def root(self) -> Expr:
        r"""\sqrt{x}, \sqrt[n]{x}, sqrt(x)."""
        self.take()
        index = self.enclosed("]", self.sum) if self.token.kind == "[" else None
        value = self.atom() if self.token.kind == "(" else self.group()
        return Call("sqrt", (value,)) if index is None else Call("root", (value, index))

    def binomial(self) -> Expr:
        r"""\binom{n}{k}."""
        self.take()
        return Call("binomial", (self.group(), self.group()))

    def _ends(self) -> tuple[Expr | None, Expr | None]:
        """What stands below and above the sign of an operator."""
        ends: dict[str, Expr] = {}
        while self.token.kind in ("_", "^"):
            kind = self.take().kind
            ends[kind] = self.group()
        return ends.get("_"), ends.get("^")

    def big(self) -> Expr:
        r"""\sum_{k=1}^{n} body, \prod."""
        kind = self.take().value
        below, high = self._ends()
        low: Expr | None = None
        match below:
            case None:
                variable = ""
            case Sym(variable):
                pass
            case Rel(("=",), (Sym(variable) | Const(variable), low)):
                pass
            case Rel((_, _), (low, Sym(variable), last)):
                high = high or last
            case _:
                raise ParseError("a sum needs a bound such as k=1")
        body = self.product()
        if variable == "i":  # the index, and not the imaginary unit
            body = transform(body, lambda node: Sym("i") if node == Const("i") else None)
        return Bound(kind, body, variable, low, high)

    def integral(self) -> Expr:
        r"""\int_a^b f dx."""
        self.take()
        low, high = self._ends()
        self.enter()
        self.integrals += 1
        body = num(1) if self.token == Token("sym", "d") and self.ahead().kind == "sym" else self.sum()
        self.integrals -= 1
        self.depth -= 1
        if self.accept("sym", "d"):
            return Bound("int", body, self.expect("sym").value, low, high)
        match body:
            case Op("div", (Op("mul", (*rest, Sym("d"), Sym(variable))), bottom)):  # \int \frac{dx}{x}
                return Bound("int", Op("div", (product(rest), bottom)), variable, low, high)
        raise ParseError("an integral needs its differential")

    def limit(self) -> Expr:
        r"""\lim_{x \to a} f."""
        self.take()
        self.expect("_")
        with self.nested():
            self.expect("{")
            variable = self.expect("sym").value
            self.expect("rel", "to")
            following = self.ahead(3 if self.ahead(2).kind == "{" else 2)
            is_sided = self.ahead().kind == "^" and following.kind in ("+", "-")  # a side, and no power
            point = self.atom() if is_sided else self.sum()
            side = self.braced(lambda: self.take().value) if self.accept("^") else ""
            self.expect("}")
        return Bound("lim", self.product(), variable, point, side=side)

    def overline(self) -> Expr:
        r"""\overline{AB}: a named segment or digits; \dot{x}: a name."""
        return Sym(f"{self.take().value}({self.raw_group()})")

    def blackboard(self) -> Expr:
        r"""\mathbb{R} with marks such as ^+ or _{>0}."""
        self.take()
        name = self.raw_group()
        while self.token.kind in ("^", "_") and self.ahead().kind in ("+", "-", "*", "{", "num"):
            name += self.take().kind + self.raw_group()
        return Const(name)

    def shape(self) -> Expr:
        r"""\angle ABC, \triangle ABC, \angle 1: a name."""
        name = self.take().value
        letters = self.raw_group() if self.token.kind == "{" else ""
        while self.token.kind in ("sym", "word"):
            letters += self.take().value
        if letters:
            return Sym(f"{name} {letters}")
        return Sym(name + (self.take().value if self.token.kind == "num" else ""))

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
        if name in _MATRICES:
            if len({len(row) for row in rows}) != 1:
                raise ParseError("rows of a matrix differ in length")
            return tree.Matrix(tuple(map(tuple, rows)), "det" if name == "vmatrix" else "matrix")
        if name in ("cases", "dcases", "rcases"):
            return tree.Cases(tuple(map(_branch, rows)))
        flat = tuple(cell for row in rows for cell in row)
        return flat[0] if len(flat) == 1 else Group("list", flat)

    def _rows(self) -> list[list[Expr]]:
        rows: list[list[Expr]] = [[]]
        while self.token.kind not in ("endenv", "end"):
            if self.accept("row"):
                rows.append([])
            elif not self.accept("&"):
                parity = self._parity() if rows[-1] else None
                rows[-1].append(parity if parity is not None else self.cell())
        return [row for row in rows if row]

    def _parity(self) -> Text | None:
        """The condition `n is even` or `n odd` that a cell consists of; None for any other cell."""
        words: list[str] = []
        while (token := self.ahead(len(words))).kind in ("sym", "word", "where", ","):
            words.append(token.value)
        found = parity(" ".join(words)) if token.kind in ("&", "row", "endenv", ".") else None
        if found is not None:
            self.seek(self.position + len(words) + (token.kind == "."))
        return found

    def cell(self) -> Expr:
        """One cell of an environment: an answer up to &, a row break or the end."""
        if self.token.kind == "where" and self.token.value == "otherwise":
            return Text(self.take().value)
        while self.token.kind == "where" and self.ahead().kind not in ("&", "row", "endenv"):
            self.take()
        value = self.answer(("&", "row", "endenv"))
        return value.items[0] if tree.is_group(value, "list") and len(value.items) == 1 else value


def _branch(row: list[Expr]) -> tuple[Expr, Expr | None]:
    """The value and condition of a row of cases: `5 & n = 1`, `5, n = 1`, `2n + 1, n >= 2, n in N`."""
    value, condition = row[0], row[1] if len(row) > 1 else None
    if condition is None:
        match value:
            case Family(body, (), _, Rel() as where):
                value, condition = body, where
            case Group("list", (first, Rel() | Family() as last)) if not isinstance(first, Rel | Family):
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
