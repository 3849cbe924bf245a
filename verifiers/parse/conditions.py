"""Conditions on an answer: `for some integer t`, `where k in Z`, `(n >= 2)`; declared parameters become a Family."""

from __future__ import annotations

from verifiers.parse.limits import ParseError
from verifiers.parse.terms import TermParser
from verifiers.parse.tree import Call, Const, Expr, Family, Op, Rel, Sym, Text, free_symbols
from verifiers.text import listed

_DOMAIN_WORDS = listed("integer integers real reals natural positive rational complex nonnegative")
_QUANTIFIERS = frozenset(("all", "any", "each", "every", "some", "arbitrary"))
_CASES = frozenset(("for", "if", "when", "otherwise"))


class ConditionParser(TermParser):
    """What follows a value to say for which parameters it holds."""

    def whole(self) -> Expr:
        """The whole text as one answer."""
        self.restart([token for token in self.tokens if token.kind != "skip"])
        value = self.answer(("end",))
        while self.token.kind in (".", "?", "!"):
            self.take()
        if self.token.kind != "end":
            raise ParseError(f"did not expect {self.token.value!r} after the answer")
        return value

    def conditioned(self, body: Expr) -> Expr:
        """`body for some integer t`, `body where k in Z`: declared parameters and the words of the condition."""
        rest = self.tokens[self.position :]
        depth = 0
        for token in rest:
            depth += (token.kind in ("(", "[", "{", "open")) - (token.kind in (")", "]", "}", "close"))
            if depth < 0 or token.kind in ("endenv", "&", "row"):
                raise ParseError("a condition inside brackets")
        if any(token.kind == "where" and token.value in _CASES for token in rest[1:]):
            raise ParseError("several conditions")  # 5 if n is even, 6 if n is odd: no single value
        self.seek(len(self.tokens) - 1)
        names = [token.value for token in rest if token.kind == "sym"]
        words = " ".join(token.value for token in rest if token.kind not in ("end", "where", ",", "forall"))
        declared = any(
            token.value in _DOMAIN_WORDS or token.value in _QUANTIFIERS or token.kind in ("forall", "bb")
            for token in rest
        )
        if not declared and not any(token.kind == "rel" for token in rest):
            raise ParseError("words after the answer")
        if not declared and not set(names) & free_symbols(body):
            raise ParseError("a condition on something that the answer does not hold")
        return Family(body, tuple(dict.fromkeys(names)) if declared else (), words, self._stated(rest))

    def _stated(self, tokens: list) -> Expr | None:
        """The condition as mathematics; None where it is words."""
        kept = [token for token in tokens if token.kind not in ("where", "forall")]
        parser = type(self)(kept, self.limits)
        parser.latex = self.latex
        try:
            found = parser.whole()
        except ParseError:
            return None
        return None if isinstance(found, Text) or declares(found) else found

    def bracketed_condition(self, body: Expr) -> Expr:
        """`body (k in Z)`: the opening bracket is next."""
        condition = self.bracket()
        if not free_symbols(condition) & free_symbols(body):
            raise ParseError("a condition on something that the answer does not hold")
        if declares(condition):
            return family(body, condition)
        return Family(body, (), "", condition)


def declares(expr: Expr) -> bool:
    """Whether a clause only declares a parameter, such as `k in Z`."""
    return (
        isinstance(expr, Rel) and expr.ops == ("in",) and isinstance(expr.sides[0], Sym) and _is_domain(expr.sides[1])
    )


def _is_domain(expr: Expr) -> bool:
    """Z, N, R and their marked forms, also written as plain letters."""
    if isinstance(expr, Op) and expr.op == "pow":
        return _is_domain(expr.args[0])
    return isinstance(expr, Const) or (isinstance(expr, Sym) and expr.name[:1] in "ZNRQ" and len(expr.name) <= 3)


def domain_name(condition: Expr) -> str:
    """The name of the set that a condition declares its parameter to be in; "" for another condition."""
    if declares(condition) and isinstance(condition, Rel) and isinstance(condition.sides[1], Const | Sym):
        return condition.sides[1].name
    return ""


def family(body: Expr, declaration: Expr) -> Expr:
    """`body` with the parameter that a clause such as `k in Z` declares."""
    assert isinstance(declaration, Rel)
    symbol = declaration.sides[0]
    assert isinstance(symbol, Sym)
    return Family(body, (symbol.name,), domain_name(declaration))


def with_domain(items: list[Expr]) -> Expr | None:
    """`f(x) = 2x, x > 0` as a value with its condition; None for another list."""
    if len(items) != 2:
        return None
    value, condition = items
    is_bare = isinstance(value, Op | Call)  # 2^k, k >= 0
    if not (is_bare or (isinstance(value, Rel) and value.ops == ("=",))) or not isinstance(condition, Rel):
        return None
    if not {"<", ">", "<=", ">=", "!="}.issuperset(condition.ops):
        return None
    names = free_symbols(condition)
    if not isinstance(value, Rel):
        return Family(value, (), "", condition) if len(names) == 1 and names <= free_symbols(value) else None
    if (
        len(names) != 1
        or not names <= free_symbols(value.sides[1])
        or (isinstance(value.sides[0], Sym) and (value.sides[0].name in names))
    ):
        return None
    return Family(value, (), "", condition)
