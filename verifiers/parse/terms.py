"""Sums, products and powers: the arithmetic layer of the grammar, above atoms and below relations."""

from __future__ import annotations

from fractions import Fraction

from verifiers.parse.calls import negated
from verifiers.parse.english.quantities import QuantityParser, times
from verifiers.parse.limits import ParseError
from verifiers.parse.tree import Apply, Call, Dots, Expr, Group, Num, Op, Quantity, Ratio, Rel, SetOp, Sym, num
from verifiers.text import listed, units

_STARTS = listed("num based sym const func frac sqrt binom big int lim open ( [ { shape overline bb begin currency ||")
_AFTER_INTERVAL = frozenset(("end", "setop", ",", ")", "close", ".", "rel", "or", "and", "}", "where"))
_AFTER_MIXED = frozenset(("percent", "%", "degree"))
_NO_NUMBER_AFTER = (Num, Sym)
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
            right = self.ratio()
            if isinstance(left, SetOp) and left.op == op and op != "minus":
                left = SetOp(op, (*left.args, right))
            else:
                left = SetOp(op, (left, right))
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
        terms: list[Expr] = []
        left: Expr | None = None
        if self.token.kind in ("pm", "mp"):
            op = self.take().kind
            left = Op(op, (num(0), self.product()))
        else:
            left = self.product()
        while True:
            kind = self.token.kind
            if kind == "+":
                if self.ahead().kind == "dots":
                    self.take()
                    self.take()
                    terms.append(left)
                    left = Dots()
                    continue
                self.take()
                terms.append(left)
                left = self.product()
            elif kind == "-":
                self.take()
                terms.append(left)
                left = negated(self.product())
            elif kind in ("pm", "mp"):
                self.take()
                whole = Op("add", (*terms, left)) if terms else left
                terms, left = [], Op(kind, (whole, self.product()))
            else:
                break
        return Op("add", (*terms, left)) if terms else left

    def product(self) -> Expr:
        """Factors joined by * / mod, or standing side by side; a unit may follow."""
        left = self.signed()
        while True:
            kind = self.token.kind
            if kind == "*":
                self.take()
                if self.accept("dots"):
                    left = Op("mul", (left, Dots()))
                    continue
                left = times(left, self.signed())
            elif kind == "/":
                self.take()
                left = _divided(left, self.signed())
            elif kind == "mod":
                self.take()
                left = Op("mod", (left, self.signed()))
            elif kind == "over":
                self.take()
                return Op("div", (left, self.product()))
            elif kind == "choose":
                self.take()
                left = Call("binomial", (left, self.signed()))
            elif kind == "pmod":
                self.take()
                left = Op("mod", (left, self.signed()))
            elif self.starts_factor():
                raised = isinstance(left, Sym) and self.ahead().kind == "^"  # n2^{n-1} is a product, x2 is no 2x
                if self.token.kind == "num" and isinstance(left, _NO_NUMBER_AFTER) and not raised:
                    left = self.mixed(left)
                    continue
                if self.unit_letter(left):
                    break
                left = self.joined(left)
            else:
                break
        return self.with_unit(left)

    def joined(self, left: Expr) -> Expr:
        """`left` beside the next factor: a product, or a mixed number such as 6\\frac{1}{64}."""
        if (self.token.kind, self.token.value) == _ANGLE and self.ahead().kind in _AFTER_ANGLE:
            self.take()
            return times(left, Call("cis", (self.signed(),)))  # 2∠60° is a complex number in polar form
        whole = self.tokens[self.position - 1].kind == "num" and isinstance(left, Num) and left.places is None
        is_fraction = self.token.kind == "frac"
        right = self.power()
        if isinstance(left, Sym):
            applied = _applied(left, right)
            if applied is not None:
                return applied
        if whole and is_fraction and isinstance(left, Num):
            sign = right.op if isinstance(right, Op) and right.op in ("percent", "degree") else ""
            part = _proper_fraction(right.args[0] if sign and isinstance(right, Op) else right)
            if part is not None:
                mixed = num(left.value + (part if left.value >= 0 else -part))
                return Op(sign, (mixed,)) if sign else mixed
        return times(left, right)

    def mixed(self, left: Expr) -> Expr:
        """`6 1/64` in plain text.

        Raises:
            ParseError: two numbers side by side that are no mixed number.
        """
        slash, bottom = self.ahead(), self.ahead(2)
        whole = isinstance(left, Num) and left.places is None and self.token.spaced
        if (
            whole
            and slash.kind == "/"
            and bottom.kind == "num"
            and self.token.value.isdigit()
            and bottom.value.isdigit()
        ):
            part = Fraction(int(self.token.value), int(bottom.value) or 1)
            if 0 < part < 1:
                self.seek(self.position + 3)
                assert isinstance(left, Num)
                value = num(left.value + (part if left.value >= 0 else -part))
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
        if token.kind == "func" and token.value in ("min",) and self.ahead().kind not in ("(", "{", "_"):
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


def _applied(left: Sym, right: Expr) -> Expr | None:
    """C(5, 2) and P(5, 2) are counts; P(X > 2) is a name."""
    if isinstance(right, Group) and right.kind == "tuple" and len(right.items) == 2 and left.name in ("C", "P"):
        top, bottom = right.items
        if not all(isinstance(item, Num | Sym | Op) for item in right.items):
            return None
        if left.name == "C":
            return Call("binomial", right.items)
        return Op("div", (Op("fact", (top,)), Op("fact", (Op("add", (top, negated(bottom))),))))
    if isinstance(right, Rel):
        return Apply(left.name, (right,))
    return None


def _proper_fraction(expr: Expr) -> Fraction | None:
    if isinstance(expr, Op) and expr.op == "div":
        top, bottom = expr.args
        if (
            isinstance(top, Num)
            and isinstance(bottom, Num)
            and top.places is None
            and bottom.places is None
            and bottom.value
        ):
            part = top.value / bottom.value
            if 0 < part < 1:
                return part
    return None


def _divided(left: Expr, right: Expr) -> Expr:
    """left / right; $3/4 is three quarters of a dollar."""
    if isinstance(left, Quantity) and isinstance(left.value, Num) and isinstance(right, Num):
        return Quantity(Op("div", (left.value, right)), left.unit, left.known)
    return Op("div", (left, right))
