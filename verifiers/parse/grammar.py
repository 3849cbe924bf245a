"""Answers: lists, relations, sets, labels, words. The top layer of the grammar."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from verifiers.parse.conditions import ConditionParser, declares, family, with_domain
from verifiers.parse.joining import is_point, joined
from verifiers.parse.lexer import Token
from verifiers.parse.limits import ParseError
from verifiers.parse.tree import Apply, Builder, Const, Dots, Expr, Group, Num, Op, Ratio, Rel, Sym, Text, free_symbols
from verifiers.text import listed
from verifiers.text.normalize import canonical_words

_SEPARATORS = frozenset((",", ";", "and", "or", "row", "where"))
_STRENGTH = {",": 0, "and": 1, ";": 2, "row": 2, "or": 3}
_MEASURED = frozenset(("num", "-", "frac", "sqrt", "("))
_DENIALS = listed("wrong incorrect false not never cannot without neither none nothing nobody if unless except")
_DENIED = {"in": "notin", "=": "!=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_EVENT = frozenset(("sym", "|", "setop", "num", ",", "'", "^c", "not", "overline", "word", "and", "or"))
_MEASURES = listed(
    "mean median mode range area perimeter circumference volume radius diameter length width height depth maximum"
    " minimum largest smallest slope sum product difference total probability variance amplitude period average value"
    " x y surface standard deviation phase shift first last greatest least center centre vertex focus intercept apex"
    " midpoint rank nullity dimension determinant trace degree order"
)


class Parser(ConditionParser):
    """Answer > clause > relation > expression."""

    def answer(self, closers: tuple[str, ...]) -> Expr:
        """Clauses joined by commas, `and`, `or`; a list as soon as there is a separator."""
        items: list[Expr] = []
        joints: list[str] = []  # the strongest separator before each further item
        while True:
            joint = self._separators(closers)
            if joint and items:
                joints.append(joint)
            elif joint in ("and", "or") and closers != ("end",):
                raise ParseError(f"nothing before {joint!r}")  # 5 (or 6)
            if self.token.kind == "where" and items and "where" not in closers:
                return self.conditioned(joined(items, joints))
            if self._closes(closers):
                break
            item = self.clause()
            if items and declares(item) and not declares(items[0]):
                return family(joined(items, joints[: len(items) - 1]), item)
            items.append(item)
            if self._goes_on(closers):
                continue
            if self.token.kind == "dots":
                self.take()
                items.append(Dots())
                joints.append(",")
            elif self.token.kind == "." and (closers == ("end",) or self.ahead().kind in ("row", "endenv")):
                self.take()
            elif self.token.kind == "(" and self.condition_bracket():
                items, joints = [self.bracketed_condition(joined(items, joints))], []
            elif self.token.kind == "forall":
                return self.conditioned(joined(items, joints))
            elif _labelled(item) and self._label_ahead():
                joints.append(",")  # a = -2 \ b = -2
            else:
                raise ParseError(f"did not expect {self.token.value or self.token.kind!r}")
        if not items:
            raise ParseError("nothing to read")
        return with_domain(items) or joined(items, joints)

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
        if token.kind == "word" and self.ahead().kind == "(" and (named := self._event_label()) is not None:
            return self._relation(named)  # rank(A) = 2
        if token.kind == "word" or (
            token.kind in ("where", "unit", "in") and self.ahead().kind in ("word", "rel", "unit", "sym")
        ):
            return self._words()
        if token.kind == "sym" and token.value in ("a", "A") and self.ahead().kind == "word" and not token.in_text:
            return self._words()
        if token.kind == "sym" and token.in_text and self.ahead().kind == "word" and self.ahead().in_text:
            return self._words()
        if token.kind == "rel" and token.value in ("=", "approx", "sim"):
            self.take()
            return self.clause()
        if token.kind == "func" and token.value in ("max", "min") and self.ahead().value in ("=", ":"):
            self.seek(self.position + 2)
            return Rel(("=",), (Sym(token.value), self.expression()))  # \max = 5
        label = self._function_label()
        if label is not None:
            return self._relation(label)
        if token.kind == "rel":
            return self._relation(Sym("_"))
        return self._relation(self.expression())

    def _function_label(self) -> Expr | None:
        """`x(t) =` names a function, whatever the letter; anywhere else it would be a product."""
        if self.token.kind == "sym" and self.ahead().kind == "[":
            return self._event_label()
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
        self.seek(start)
        return self._event_label()

    def _event_label(self) -> Expr | None:
        """P(A | B) = and E[X] = name a number, whatever stands in the brackets."""
        closer = {"(": ")", "[": "]"}.get(self.ahead().kind)
        if closer is None or not (self.token.kind == "word" or self.token.value[:1].isupper()):
            return None
        distance = 2
        while self.ahead(distance).kind in _EVENT:
            distance += 1
        named, equals = self.ahead(distance), self.ahead(distance + 1)
        if (
            distance == 2
            or named.kind != closer
            or (equals.kind, equals.value) not in (("rel", "="), ("rel", "approx"))
        ):
            return None
        name = "".join(self.ahead(at).value for at in range(distance + 1))
        self.seek(self.position + distance + 1)
        return Sym(name)

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
            return _DENIED.get(self.take().value, "not")
        if token.kind == "in" and self.starts_after_in():
            self.take()
            return "in"
        if token.kind == "!" and self.ahead() == Token("rel", "=", False):
            self.seek(self.position + 2)
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
                _check_label(parts)
                self.take()
                return Rel(("=",), (Sym(_name(parts)), self.expression()))
            if (
                parts
                and token.kind == "word"
                and token.value.lower() in ("is", "equals", "are")
                and not self._all_words()
            ):
                _check_label(parts)
                self.take()
                return Rel(("=",), (Sym(_name(parts)), self.expression()))
            if (
                parts
                and token.kind in ("num", "-", "frac", "sqrt", "(")
                and _MEASURES.issuperset(map(str.lower, parts))
            ):
                return Rel(("=",), (Sym(_name(parts)), self.expression()))  # mean 5
            if token.kind in ("and", "or") and self.ahead().kind != "end":
                break
            if token.kind in ("rel", "^", "frac", "sqrt", "*", "/", "+", "big", "int", "begin"):
                raise ParseError("mathematics among words")
            is_glued = token.kind == "sym" and not token.spaced and self.tokens[self.position - 1].kind == "sym"
            if parts and is_glued:
                parts[-1] += self.take().value  # a short word that was taken for a product of letters
            else:
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
        self.seek(start)
        inner = self.answer((closer,))
        self.expect(closer)
        if isinstance(inner, Builder):
            return inner  # a set builder in a group of its own
        if isinstance(inner, Group) and inner.kind in ("list", "and", "or"):
            return Group("set", inner.items)
        return Group("set", (inner,))


def _labelled(expr: Expr) -> bool:
    return isinstance(expr, Rel) and expr.ops == ("=",)


def _check_label(words: list[str]) -> None:
    """
    Raises:
        ParseError: the words deny what they name, as in "the wrong answer is 5".
    """
    said = [word.lower() for word in words]
    denies = any(word == "no" and after != "of" for word, after in pairwise([*said, ""]))  # the no of ways is a number
    if denies or not _DENIALS.isdisjoint(said):
        raise ParseError("a label that denies its value")


def _name(words: list[str]) -> str:
    """A label in words, without its article."""
    kept = [{"centre": "center"}.get(word.lower(), word.lower()) for word in words]
    return " ".join(kept[1:] if kept[0] in ("the", "a", "an") and len(kept) > 1 else kept)
