"""Amounts: a value with the unit words that follow it, compound amounts, and money."""

from __future__ import annotations

from verifiers.parse import words
from verifiers.parse.atoms import AtomParser
from verifiers.parse.lexer import Token
from verifiers.parse.limits import ParseError
from verifiers.parse.tree import Expr, Num, Op, Quantity, num, times, walk
from verifiers.text import units

_MAX_UNIT_WORDS = 6
_AFTER_UNIT = frozenset(("end", "/", "^", ",", "."))


class QuantityParser(AtomParser):
    """What may follow a product: unit words. `product` comes from the layer above."""

    def with_unit(self, value: Expr) -> Expr:
        """`value` with the unit words that follow it, if any."""
        token = self.token
        if token.kind == "scale":
            scale = num(int(self.take().value))
            if isinstance(value, Quantity):
                return Quantity(times(value.value, scale), value.unit, value.known)  # $1.2 million
            return self.with_unit(times(value, scale))
        if token.kind == "in" and self.ahead().kind in ("end", ",", "and", "or", ".", "^"):
            self.take()
            return Quantity(value, "inch" + self._unit_power())
        if token.kind == "currency":
            return Quantity(value, self.take().value)
        if self.bracketed_unit():
            return self.enclosed(")", lambda: self._quantity(value))
        return self._compound(self._quantity(value)) if self.unit_here(value) else value

    def _compound(self, first: Expr) -> Expr:
        """2 hours 30 minutes, 5 feet 3 inches: further amounts of the same dimension."""
        goes_on = self.token.kind == "num" and self.ahead().kind in ("unit", "func", "sym", "in")
        if not (goes_on and isinstance(first, Quantity)):
            return first
        second = self.product()
        if not isinstance(second, Quantity):
            raise ParseError("two numbers side by side")
        total = added(first, second)
        if total is None:
            raise ParseError("amounts of different dimensions side by side")
        return self._compound(total)

    def bracketed_unit(self) -> bool:
        """Whether a unit in brackets follows an amount: 12 (cm)."""
        return self.token.kind == "(" and self.ahead().kind == "unit" and self.ahead(2).kind == ")"

    def money(self) -> Expr:
        """$5, Rs. 500, USD 15: the sign or name of the currency first."""
        currency = self.take()
        if currency.kind == "unit":
            self.accept(".")
            if currency.value not in units.MONEY or self.token.kind not in ("num", "-"):
                raise ParseError(f"did not expect {currency.value!r} here")
        return Quantity(self.signed(), currency.value)

    def unit_here(self, value: Expr) -> bool:
        """Whether the next token is a word or letter that stands for a unit here, after `value`."""
        token, following = self.token, self.ahead()
        if token.kind != "sym":
            return token.kind in ("unit", "word") or (token.kind == "func" and token.value == "min")
        if not units.is_unit(token.value):
            return token.in_text and token.value == "a"
        if token.in_text:
            return True
        if not token.spaced:
            return False
        if following.kind in ("end", ",", "."):
            match value:
                case Op("mul", (Num(), Op("pow", (Num(base), _)))) if base == 10:  # 5.89 * 10^{-7} m
                    return True
        if self.tokens[self.position - 1].kind != "num":
            return False
        is_compound = following.kind == "num" and self.ahead(2).kind in ("unit", "func")
        return self._fraction_of_units() or (not self.latex and (following.kind in _AFTER_UNIT or is_compound))

    def _fraction_of_units(self) -> bool:
        """Whether all that follows is unit letters, some of them divided by: 9.8 m/s^2, 9.8 m s^{-2}."""
        distance, divides = 0, False
        while (token := self.ahead(distance)).kind in ("sym", "unit", "/", "^", "{", "}", "-", "num", "*"):
            if token.kind in ("sym", "unit") and not units.names_unit(token.value):
                return False
            divides = divides or token.kind in ("/", "-", "*")
            distance += 1
        return divides and token.kind in ("end", ",", ".", "and", "or", ")")

    def _quantity(self, value: Expr) -> Expr:
        """Unit words: `square cm`, `m/s`, `cm^2`, `stuffed goats`.

        Raises:
            ParseError: the words say something about the number ("5 is wrong", "5 or maybe 6").
        """
        parts: list[str] = []
        exponent, known, sign = "", True, ""
        while True:
            token, following = self.token, self.ahead()
            is_word = token.kind in ("word", "func") or (token.kind == "in" and parts)
            if is_word or _is_unit(token) or (token.kind == "sym" and token.in_text):
                lowered = self.take().value.lower()
                if lowered == "per":
                    sign = "/"
                elif lowered in units.PREFIX_WORDS:
                    exponent = f"^{units.PREFIX_WORDS[lowered]}"
                elif lowered in words.ORDINALS and not parts:
                    continue
                elif lowered in words.NOT_A_UNIT:
                    raise ParseError(f"{token.value!r} after a number is no unit")
                else:
                    is_known = units.names_unit(token.value)
                    known = known and is_known
                    name = units.canonical(token.value) if is_known else lowered
                    parts.append(sign + name + (self._unit_power() or exponent))
                    sign, exponent = "", ""
            elif (
                token.kind == "/" and parts and (following.kind in ("unit", "sym", "word") or following.value == "min")
            ):
                self.take()
                sign = "/"
            elif token.kind in ("*", ".") and (parts or exponent) and _is_unit(following):
                self.take()
            else:
                break
            if len(parts) > _MAX_UNIT_WORDS:
                raise ParseError("too many words after a number")
        if not parts:
            return value
        if not known and not any(isinstance(node, Num) for node in walk(value)):
            raise ParseError("words after letters")  # "En total" is no amount
        return Quantity(value, " ".join(parts).replace(" /", "/"), known)

    def _unit_power(self) -> str:
        token = self.token
        if token.kind == "num" and token.value in ("2", "3") and not token.spaced and self.ahead().kind in _AFTER_UNIT:
            return "^" + self.take().value  # cm2
        if self.token.kind != "^":
            return ""
        self.take()
        return "^" + self.braced(lambda: ("-" if self.accept("-") else "") + self.expect("num").value)


def _is_unit(token: Token) -> bool:
    return token.kind == "unit" or (token.kind == "sym" and units.is_unit(token.value))


def added(first: Quantity, second: Quantity) -> Quantity | None:
    """Two amounts as one, in the unit of the first; None unless both measure the same."""
    whole, part = units.dimension(first.unit), units.dimension(second.unit)
    if whole is None or part is None or whole.powers != part.powers:
        return None
    scaled = times(second.value, num(part.size / whole.size))
    return Quantity(Op("add", (first.value, scaled)), first.unit)


def compounded(items: list[Expr]) -> Quantity | None:
    """`2 hours and 15 minutes` as one amount: smaller and smaller units of one kind, each less than the one before."""
    total: Quantity | None = None
    smallest = None
    for item in items:
        if not isinstance(item, Quantity) or not isinstance(item.value, Num) or item.value.value < 0:
            return None
        size = units.dimension(item.unit)
        if size is None or not size.powers or (smallest is not None and item.value.value * size.size >= smallest):
            return None
        smallest = size.size
        total = item if total is None else added(total, item)
        if total is None:
            return None
    return total if len(items) > 1 else None
