"""Conditions on an answer: `for some integer t`, `where k in Z`, `(n >= 2)`; declared parameters become a Family."""

from __future__ import annotations

from verifiers.parse.limits import ParseError
from verifiers.parse.terms import TermParser
from verifiers.parse.tree import Call, Const, Expr, Family, Op, Rel, Sym, Text, free_symbols, is_op
from verifiers.text import listed

_DECLARING = listed(
    "integer integers real reals natural positive rational complex nonnegative all any each every some arbitrary"
)
_ORDERS = frozenset(("<", ">", "<=", ">=", "!="))
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
        declared = any(token.value in _DECLARING or token.kind in ("forall", "bb") for token in rest)
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
        return family(body, condition) if declares(condition) else Family(body, (), "", condition)


def declares(expr: Expr) -> bool:
    """Whether a clause only declares a parameter, such as `k in Z`."""
    match expr:
        case Rel(("in",), (Sym(), domain)):
            return _is_domain(domain)
    return False


def _is_domain(expr: Expr) -> bool:
    """Z, N, R and their marked forms, also written as plain letters."""
    if is_op(expr, "pow"):
        return _is_domain(expr.args[0])
    return isinstance(expr, Const) or (isinstance(expr, Sym) and expr.name[:1] in "ZNRQ" and len(expr.name) <= 3)


def family(body: Expr, declaration: Expr) -> Expr:
    """`body` with the parameter that a clause such as `k in Z` declares."""
    assert isinstance(declaration, Rel)
    symbol, domain = declaration.sides
    assert isinstance(symbol, Sym)
    return Family(body, (symbol.name,), domain.name if isinstance(domain, Const | Sym) else "")


def with_domain(items: list[Expr]) -> Expr | None:
    """`f(x) = 2x, x > 0` or `2^k, k >= 0` as a value with its condition; None for another list."""
    match items:
        case [Rel(("=",), (named, value)) as body, Rel(ops) as condition] if _ORDERS.issuperset(ops):
            bound = {named.name} if isinstance(named, Sym) else set()
        case [Op() | Call() as body, Rel(ops) as condition] if _ORDERS.issuperset(ops):
            value, bound = body, set()
        case _:
            return None
    names = free_symbols(condition)
    is_about = len(names) == 1 and names <= free_symbols(value) and not names & bound
    return Family(body, (), "", condition) if is_about else None
