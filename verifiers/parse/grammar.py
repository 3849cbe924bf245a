"""Answers: lists, relations, sets, conditions. The top layer of the grammar and its entry point `parse`.

What is no mathematics becomes `Text`: an answer such as "Evelyn" is compared as words, never guessed at as a product
of letters.
"""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.normalize import canonical_words, normalize, trim
from verifiers.parse.described import described
from verifiers.parse.joining import is_point, joined
from verifiers.parse.lexer import Lexer, Token
from verifiers.parse.limits import DEFAULT_LIMITS, Limits, OverBudgetError, ParseError
from verifiers.parse.spoken import digits
from verifiers.parse.terms import TermParser
from verifiers.parse.tree import (
    Apply,
    Builder,
    Const,
    Dots,
    Expr,
    Family,
    Group,
    Interval,
    Num,
    Op,
    Ratio,
    Rel,
    Sym,
    Text,
    free_symbols,
)

_SEPARATORS = frozenset((",", ";", "and", "or", "row", "where"))
_STRENGTH = {",": 0, "and": 1, ";": 2, "row": 2, "or": 3}
_TIMES_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)")
_SHARE = re.compile(  # 3 out of 5, a 1 in 6 chance
    r"(?:a\s+)?(\d{1,9})(?:\s|~|\\[ ,;]|\\(?:text|mbox|mathrm)\s*\{)*\s(?:out\s+of|in)\s(?:every\s+)?"
    r"(?:\s|~|\\ |\})*(\d{1,9})"
    r"(?:\s*(?:\\text\s*\{)?\s*(?:chance|odds)\s*\}?)?"
)
_BASE_IN_WORDS = re.compile(
    r"(\d[0-9A-Za-z]*|[A-F][0-9A-F]+)(?:\s|~|\\[ ,;:]|\\(?:text|mathrm|mbox)\s*\{|\(|\\left\()*(?:in\s+)?base"
    r"(?:\s|~|-|\\ |[{}$])*(\w+)[\s})]*"
)
_BRACKETS = re.compile(r"[()\[\]{}]")
_SETS = {"integer": "Z", "integers": "Z", "real": "R", "reals": "R", "natural": "N", "positive": "N", "rational": "Q",
         "complex": "C", "nonnegative": "N"}  # fmt: skip
_QUANTIFIERS = frozenset(("all", "any", "each", "every", "some", "arbitrary", "any"))


def parse(text: str, limits: Limits = DEFAULT_LIMITS, *, thousands: bool = True) -> Expr:
    """The tree of one answer in LaTeX or plain notation.

    Args:
        text: the answer alone, without the sentence around it.
        limits: bounds on its size.
        thousands: read a bare `1,234` as one number; else as a list of two.
    Raises:
        OverBudgetError: larger than the limits.
        ParseError: empty, or malformed and without words.
    """
    if len(text) > limits.chars:
        raise OverBudgetError(f"answer of {len(text)} characters; the limit is {limits.chars}")
    cleaned = trim(normalize(text))
    if not cleaned:
        raise ParseError("empty answer")
    cleaned = digits(_TIMES_TEN.sub("*", cleaned))
    if (share := _SHARE.fullmatch(cleaned)) is not None:
        cleaned = f"{share[1]}/{share[2]}"
    if "base" in cleaned and (based := _BASE_IN_WORDS.fullmatch(cleaned)):
        cleaned = f"{based[1].upper()}_{{{based[2]}}}"
    if "\\cup" in cleaned and not _BRACKETS.search(cleaned):
        cleaned = cleaned.replace("\\cup", "\\text{ or }")  # 1 < x < 2 ∪ 3 < x < 4
    found = described(cleaned, lambda part: _mathematics(digits(part), limits, thousands))
    if found is not None:
        return found
    try:
        return _mathematics(cleaned, limits, thousands)
    except OverBudgetError:
        raise
    except (ParseError, ValueError) as error:
        words = canonical_words(cleaned)
        if re.search(r"[^\W\d_]{2}", words):
            return Text(words)
        raise ParseError(str(error)) from error


def _mathematics(text: str, limits: Limits, thousands: bool) -> Expr:
    parser = Parser(Lexer(text, limits, thousands=thousands).run(), limits)
    parser.latex = "\\" in text
    return parser.whole()


class Parser(TermParser):
    """Answer > clause > relation > expression."""

    def whole(self) -> Expr:
        """The whole text as one answer."""
        self.tokens = [token for token in self.tokens if token.kind != "skip"]
        value = self.answer(("end",))
        while self.token.kind in (".", "?", "!"):
            self.take()
        if self.token.kind != "end":
            raise ParseError(f"did not expect {self.token.value!r} after the answer")
        return value

    def answer(self, closers: tuple[str, ...]) -> Expr:
        """Clauses joined by commas, `and`, `or`; a list as soon as there is a separator."""
        items: list[Expr] = []
        joints: list[str] = []  # the strongest separator before each further item
        while True:
            joint = self._separators(closers)
            if joint and items:
                joints.append(joint)
            if self.token.kind == "where" and items and "where" not in closers:
                return self._conditioned(joined(items, joints))
            if self._closes(closers):
                break
            item = self.clause()
            if items and _declares(item) and not _declares(items[0]):
                return _family(joined(items, joints[: len(items) - 1]), item)
            items.append(item)
            if self._goes_on(closers):
                continue
            if self.token.kind == "dots":
                self.take()
                items.append(Dots())
                joints.append(",")
            elif self.token.kind == "." and closers == ("end",):
                self.take()
            elif self.token.kind == "(" and self.condition_bracket():
                items, joints = [self._bracketed_condition(joined(items, joints))], []
            elif self.token.kind == "forall":
                return self._conditioned(joined(items, joints))
            elif _labelled(item) and self._label_ahead():
                joints.append(",")  # a = -2 \ b = -2
            else:
                raise ParseError(f"did not expect {self.token.value or self.token.kind!r}")
        if not items:
            raise ParseError("nothing to read")
        return joined(items, joints)

    def _separators(self, closers: tuple[str, ...]) -> str:
        """Takes the separators that follow; the strongest of them, "" where there is none."""
        strongest = ""
        while self._separates(closers):
            kind = self.take().kind
            if _STRENGTH.get(kind, 0) > _STRENGTH.get(strongest, -1):
                strongest = kind
        return strongest

    def _goes_on(self, closers: tuple[str, ...]) -> bool:
        return self.token.kind in _SEPARATORS or self._closes(closers)

    def _bracketed_condition(self, body: Expr) -> Expr:
        condition = self.bracket()
        if not free_symbols(condition) & free_symbols(body):
            raise ParseError("a condition on something that the answer does not hold")
        return Family(body, _declared_names(condition), _domain_of(condition))

    def _closes(self, closers: tuple[str, ...]) -> bool:
        token = self.token
        if token.kind == "[":  # closes ]a, b[ only after an item
            return "[" in closers and self.tokens[self.position - 1].kind not in ("[", "(", "]", ",", ";")
        return token.kind == "end" or token.kind in closers

    def _separates(self, closers: tuple[str, ...]) -> bool:
        kind = self.token.kind
        return kind in _SEPARATORS and kind != "where" and kind not in closers

    def _label_ahead(self) -> bool:
        return self.token.kind == "sym" and self.ahead().kind == "rel" and self.ahead().value == "="

    def clause(self) -> Expr:
        """A relation, a quantified statement, a label with its value, or words."""
        token = self.token
        if token.kind in ("forall", "exists"):
            return self._quantified()
        if token.kind == "word" or (
            token.kind in ("where", "unit", "in") and self.ahead().kind in ("word", "rel", "unit", "sym")
        ):
            return self._words()
        if token.kind == "sym" and token.value in ("a", "A") and self.ahead().kind == "word" and not token.in_text:
            return self._words()
        if token.kind == "sym" and token.in_text and self.ahead().kind == "word" and self.ahead().in_text:
            return self._words()
        if token.kind == "rel" and token.value in ("=", "approx"):
            self.take()
            return self.clause()
        label = self._function_label()
        if label is not None:
            return self._relation(label)
        if token.kind == "rel":
            return self._relation(Sym("_"))
        return self._relation(self.expression())

    def _function_label(self) -> Expr | None:
        """`x(t) =` names a function, whatever the letter; anywhere else it would be a product."""
        if self.token.kind != "sym" or self.ahead().kind not in ("(", "_"):
            return None
        start = self.position
        name = self.take().value
        if self.accept("_"):
            name += "_" + self.raw_group()
        args: list[Expr] = []
        if self.accept("("):
            while self.token.kind in ("sym", "num") and self.ahead().kind in (",", ")"):
                token = self.take()
                args.append(Sym(token.value) if token.kind == "sym" else Num(Fraction(token.value)))
                if self.accept(")"):
                    if self.token.kind == "rel" and self.token.value == "=":
                        return Apply(name, tuple(args))
                    break
                self.take()
        self.position = start
        return None

    def _relation(self, left: Expr) -> Expr:
        ops: list[str] = []
        sides = [left]
        while True:
            op = self._relation_sign()
            if op is None:
                break
            ops.append(op)
            sides.append(self.expression())
        if not ops and is_point(left):
            assert isinstance(left, Op)
            return Rel(("=",), left.args)  # A(1, 2)
        if ops == ["to"] and not free_symbols(sides[0]) and not free_symbols(sides[1]):
            return Ratio(tuple(sides))
        return Rel(tuple(ops), tuple(sides)) if ops else left

    def _relation_sign(self) -> str | None:
        token = self.token
        if token.kind == "rel":
            self.take()
            if self.token.kind == "rel" and token.value in ("<", ">") and self.token.value == "=":
                self.take()
                return token.value + "="
            return "in" if token.value == "ni" else token.value
        if token.kind == "not" and self.ahead().kind == "rel":
            self.take()
            return {"in": "notin", "=": "!="}.get(self.take().value, "not")
        if token.kind == "in" and self.starts_after_in():
            self.take()
            return "in"
        if token.kind == "!" and self.ahead() == Token("rel", "=", False):
            self.position += 2
            return "!="
        return None

    def starts_after_in(self) -> bool:
        """Whether `in` is membership (something follows) rather than inches."""
        return self.ahead().kind in ("(", "[", "open", "bb", "const", "{")

    def _quantified(self) -> Expr:
        self.take()
        condition = self.clause()
        while self.token.kind in (",", ":", "where", "|"):
            self.take()
        if self.token.kind in ("end", ")", "}"):
            return Group("forall", (condition,))
        return Group("forall", (condition, self.clause()))

    def _words(self) -> Expr:
        """Words: a label ("Minimum: 1", "the answer is 5") or a text answer."""
        parts: list[str] = []
        while self.token.kind not in ("end", ",", ";", ")", "]", "}", "close", "row", "&", "endenv"):
            token = self.token
            if parts and token.kind in ("rel", ":") and token.value in ("=", ":"):
                self.take()
                return Rel(("=",), (Sym(" ".join(parts).lower()), self.expression()))
            if (
                parts
                and token.kind == "word"
                and token.value.lower() in ("is", "equals", "are")
                and not self._all_words()
            ):
                self.take()
                return Rel(("=",), (Sym(" ".join(parts).lower()), self.expression()))
            if token.kind in ("and", "or") and self.ahead().kind != "end":
                break
            if token.kind in ("rel", "^", "frac", "sqrt", "*", "/", "+", "big", "int", "begin"):
                raise ParseError("mathematics among words")
            parts.append(self.take().value)
        words = canonical_words(" ".join(parts))
        return Sym(parts[0]) if len(parts) == 1 and parts[0].isalpha() and len(parts[0]) == 1 else Text(words)

    def _all_words(self) -> bool:
        rest = self.tokens[self.position + 1 :]
        return not rest or rest[0].kind in ("word", "not", "end", "where")

    def set_items(self, closer: str = "close") -> Expr:
        r"""What stands in \{ ... \}: items, or head | condition. The opening brace is taken."""
        if self.accept(closer):
            return Const("empty")
        self.heads += 1
        start = self.position
        head = self.clause()
        self.heads -= 1
        if self.token.kind in ("|", ":"):
            self.take()
            condition = self.answer((closer,))
            self.expect(closer)
            return Builder(head, condition)
        self.position = start
        inner = self.answer((closer,))
        self.expect(closer)
        if isinstance(inner, Group) and inner.kind in ("list", "and", "or"):
            return Group("set", inner.items)
        return Group("set", (inner,))

    def _conditioned(self, body: Expr) -> Expr:
        """`body for some integer t`, `body where k in Z`: declared parameters and the words of the condition."""
        rest = self.tokens[self.position :]
        depth = 0
        for token in rest:
            depth += (token.kind in ("(", "[", "{", "open")) - (token.kind in (")", "]", "}", "close"))
            if depth < 0 or token.kind in ("endenv", "&", "row"):
                raise ParseError("a condition inside brackets")
        self.position = len(self.tokens) - 1
        names = [token.value for token in rest if token.kind == "sym"]
        condition = " ".join(token.value for token in rest if token.kind not in ("end", "where", ",", "forall"))
        declared = any(
            token.value in _SETS or token.value in _QUANTIFIERS or token.kind in ("forall", "bb") for token in rest
        )
        if not declared and not any(token.kind == "rel" for token in rest):
            raise ParseError("words after the answer")
        if not declared and not set(names) & free_symbols(body):
            raise ParseError("a condition on something that the answer does not hold")
        return Family(body, tuple(dict.fromkeys(names)) if declared else (), condition)


def _labelled(expr: Expr) -> bool:
    return isinstance(expr, Rel) and expr.ops == ("=",)


def _declares(expr: Expr) -> bool:
    """Whether a clause only declares a parameter, such as `k in Z`."""
    return (
        isinstance(expr, Rel) and expr.ops == ("in",) and isinstance(expr.sides[0], Sym) and _is_domain(expr.sides[1])
    )


def _is_domain(expr: Expr) -> bool:
    """Z, N, R and their marked forms, also written as plain letters."""
    if isinstance(expr, Op) and expr.op == "pow":
        return _is_domain(expr.args[0])
    return isinstance(expr, Const) or (isinstance(expr, Sym) and expr.name[:1] in "ZNRQ" and len(expr.name) <= 3)


def _domain_of(condition: Expr) -> str:
    """The condition in brackets as text: the domain of its parameter alone where it says no more."""
    if _declared_names(condition) and isinstance(condition, Rel) and isinstance(condition.sides[1], Const | Sym):
        return condition.sides[1].name
    return repr(condition)


def _declared_names(condition: Expr) -> tuple[str, ...]:
    """The parameters that a bracketed condition declares."""
    if isinstance(condition, Rel) and condition.ops == ("in",) and isinstance(condition.sides[0], Sym):
        return (condition.sides[0].name,)
    return ()


def _family(body: Expr, declaration: Expr) -> Expr:
    assert isinstance(declaration, Rel)
    symbol = declaration.sides[0]
    assert isinstance(symbol, Sym)
    domain = declaration.sides[1]
    return Family(body, (symbol.name,), domain.name if isinstance(domain, Const | Sym) else "")


__all__ = ["Interval", "Num", "Op", "Parser", "parse"]
