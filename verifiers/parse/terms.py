"""Sums, products and powers: the arithmetic layer of the grammar, above atoms and below relations."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from verifiers.parse.calls import negated
from verifiers.parse.english.quantities import QuantityParser
from verifiers.parse.limits import ParseError
from verifiers.parse.tree import Apply, Call, Expr, Group, Num, Op, Quantity, Ratio, Rel, SetOp, Sym, is_op, num, times
from verifiers.text import listed, units

_STARTS = listed("num based sym const func frac sqrt binom big int lim open ( [ { shape overline bb begin currency ||")
_AFTER_INTERVAL = frozenset(("end", "setop", ",", ")", "close", ".", "rel", "or", "and", "}", "where"))
_AFTER_MIXED = frozenset(("percent", "%", "degree"))
_EITHER = ("pm", "mp")
_ANGLE = ("shape", "angle")
_AFTER_ANGLE = frozenset(("num", "-", "(", "frac", "const"))


class TermParser(QuantityParser):
    """set expression > sum > product > signed factor > power."""

    def expression(self) -> Expr:
        """A set expression or ratio: the widest thing that a relation stands between."""
        self.enter()
        left = self.ratio()
        while self.token.kind == "setop":
            op = self.take().value
            is_same = isinstance(left, SetOp) and left.op == op and op != "minus"
            left = SetOp(op, (*(left.children if is_same else (left,)), self.ratio()))
        self.depth -= 1
        return left

    def ratio(self) -> Expr:
        """a : b : c, or just a sum."""
        first = self.sum()
        if self.token.kind != ":" or self.heads or self.ahead().kind in ("end", ":"):
            return first
        items = [first]
        while self.accept(":"):
            items.append(self.sum())
        return Ratio(tuple(items))

    def sum(self) -> Expr:
        """Terms joined by + - ± ∓."""
        is_open = self.token.kind in _EITHER
        terms: list[Expr] = [Op(self.take().kind, (num(0), self.product())) if is_open else self.product()]
        while (kind := self.token.kind) in ("+", "-", *_EITHER):
            self.take()
            term = self.product()
            if kind in _EITHER:
                terms = [Op(kind, (_added(terms), term))]
            else:
                terms.append(negated(term) if kind == "-" else term)
        return _added(terms)

    def product(self) -> Expr:
        """Factors joined by * / mod, or standing side by side; a unit may follow."""
        left = self.signed()
        while True:
            kind = self.token.kind
            if kind in _OPERATORS:
                self.take()
                left = _OPERATORS[kind](left, self.signed())
            elif kind == "over":
                self.take()
                return left / self.product()
            elif not self.starts_factor():
                break
            elif kind == "num" and isinstance(left, Num | Sym) and not self._is_raised(left):
                left = self.mixed(left)
            elif kind == "sym" and self.unit_here(left):
                break
            else:
                left = self.joined(left)
        return self.with_unit(left)

    def _is_raised(self, left: Expr) -> bool:
        """Whether a power follows a symbol: n2^{n-1} is a product, and x2 is no 2x."""
        return isinstance(left, Sym) and self.ahead().kind == "^"

    def joined(self, left: Expr) -> Expr:
        """`left` beside the next factor: a product, or a mixed number such as 6\\frac{1}{64}."""
        if (self.token.kind, self.token.value) == _ANGLE and self.ahead().kind in _AFTER_ANGLE:
            self.take()
            return times(left, Call("cis", (self.signed(),)))  # 2∠60° is a complex number in polar form
        may_mix = self.token.kind == "frac" and self.tokens[self.position - 1].kind == "num"
        right = self.power()
        if isinstance(left, Sym) and (applied := _applied(left, right)) is not None:
            return applied
        if may_mix and isinstance(left, Num) and left.places is None:
            sign = right.op if is_op(right, "percent", "degree") else ""
            match right.args[0] if sign and isinstance(right, Op) else right:
                case Op("div", (Num(top, None), Num(bottom, None))) if bottom and 0 < top / bottom < 1:
                    mixed = _mixed(left, top / bottom)
                    return Op(sign, (mixed,)) if sign else mixed
        return times(left, right)

    def mixed(self, left: Expr) -> Expr:
        """`6 1/64` in plain text.

        Raises:
            ParseError: two numbers side by side that are no mixed number.
        """
        top, slash, bottom = self.token, self.ahead(), self.ahead(2)
        is_whole = isinstance(left, Num) and left.places is None and top.spaced
        if is_whole and slash.kind == "/" and bottom.kind == "num" and top.value.isdigit() and bottom.value.isdigit():
            part = Fraction(int(top.value), int(bottom.value) or 1)
            if 0 < part < 1:
                self.seek(self.position + 3)
                value = _mixed(left, part)
                return self.postfixed(value) if self.token.kind in _AFTER_MIXED else value
        raise ParseError("two numbers side by side")

    def starts_factor(self) -> bool:
        """Whether the next token can begin a factor that is multiplied without a sign."""
        token = self.token
        if token.kind == "(" and (self.condition_bracket() or self.bracketed_unit()):
            return False
        if token.kind == "|":
            return not self.bars and not self.heads
        if token.kind == "||":
            return not self.norms
        if token.kind not in _STARTS:
            return False
        if token.kind == "sym" and token.in_text and (units.is_unit(token.value) or token.value == "a"):
            return False
        if token.kind == "[" and self.ahead().kind in _AFTER_INTERVAL:
            return False  # the closing bracket of ]a, b[
        if token.kind == "func" and token.value == "min" and self.ahead().kind not in ("(", "{", "_"):
            return False
        if token.kind == "currency":
            return self.ahead().kind == "num"
        return not (self.integrals and token.kind == "sym" and token.value == "d" and self.ahead().kind == "sym")

    def condition_bracket(self) -> bool:
        """Whether a bracket states a condition, such as (k in Z) or (n >= 2), rather than a factor."""
        previous = self.tokens[self.position - 1] if self.position else None
        if previous is not None and previous.kind == "sym" and not self.token.spaced:
            return False  # P(X > 2)
        distance = 1
        while self.ahead(distance).kind in ("sym", ",", "where") and distance < 8:
            distance += 1
        following = self.ahead(distance)
        return distance > 1 and following.kind == "rel" and following.value in ("in", ">=", ">", "<", "<=", "!=")

    def signed(self) -> Expr:
        """A factor with signs before it."""
        if self.token.kind not in ("-", "+", "pm", "mp", "not"):
            return self.power()
        self.enter()
        kind = self.take().kind
        value = self.signed()
        self.depth -= 1
        if kind == "+":
            return value
        if kind == "-":
            return negated(value)
        return Op("not", (value,)) if kind == "not" else Op(kind, (num(0), value))


def _added(terms: list[Expr]) -> Expr:
    return Op("add", tuple(terms)) if len(terms) > 1 else terms[0]


def _mixed(whole: Expr, part: Fraction) -> Num:
    assert isinstance(whole, Num)
    return num(whole.value + (part if whole.value >= 0 else -part))


def _applied(left: Sym, right: Expr) -> Expr | None:
    """C(5, 2) and P(5, 2) are counts; P(X > 2) is a name."""
    match right:
        case Group("tuple", (Num() | Sym() | Op() as top, Num() | Sym() | Op() as bottom)) if left.name == "C":
            return Call("binomial", (top, bottom))
        case Group("tuple", (Num() | Sym() | Op() as top, Num() | Sym() | Op() as bottom)) if left.name == "P":
            return Op("fact", (top,)) / Op("fact", (top + negated(bottom),))
        case Rel():
            return Apply(left.name, (right,))
    return None


def _divided(left: Expr, right: Expr) -> Expr:
    """left / right; $3/4 is three quarters of a dollar."""
    if isinstance(left, Quantity) and isinstance(left.value, Num) and isinstance(right, Num):
        return Quantity(left.value / right, left.unit, left.known)
    return left / right


def _remainder(left: Expr, right: Expr) -> Expr:
    return Op("mod", (left, right))


_OPERATORS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "*": times, "/": _divided, "mod": _remainder, "pmod": _remainder,
    "choose": lambda left, right: Call("binomial", (left, right)),
}  # fmt: skip
