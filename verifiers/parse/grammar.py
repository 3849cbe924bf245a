"""Answers: lists, relations, sets, labels, words. The top layer of the grammar."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from verifiers.parse import tree
from verifiers.parse.conditions import ConditionParser, declares, family, with_domain
from verifiers.parse.joining import joined
from verifiers.parse.lexer import Token
from verifiers.parse.limits import ParseError
from verifiers.parse.tree import Apply, Builder, Const, Dots, Expr, Group, Num, Op, Ratio, Rel, Sym, Text, free_symbols
from verifiers.text import listed
from verifiers.text.normalize import canonical_words

_STRENGTH = {",": 0, "and": 1, ";": 2, "row": 2, "or": 3}
_SEPARATORS = frozenset((*_STRENGTH, "where"))
_EQUALS = ("rel", "=")
_MEASURED = frozenset(("num", "-", "frac", "sqrt", "("))  # what begins a value
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
            if self.token.kind in _SEPARATORS or self._closes(closers):
                continue
            if self.accept("dots"):
                items.append(Dots())
                joints.append(",")
            elif self.token.kind == "." and (closers == ("end",) or self.ahead().kind in ("row", "endenv")):
                self.take()
            elif self.token.kind == "(" and self.condition_bracket():
                items, joints = [self.bracketed_condition(joined(items, joints))], []
            elif self.token.kind == "forall":
                return self.conditioned(joined(items, joints))
            elif tree.is_equation(item) and self.token.kind == "sym" and self.ahead()[:2] == _EQUALS:
                joints.append(",")  # a = -2 \\ b = -2
            else:
                raise ParseError(f"did not expect {self.token.value or self.token.kind!r}")
        if not items:
            raise ParseError("nothing to read")
        return with_domain(items) or joined(items, joints)

    def _separators(self, closers: tuple[str, ...]) -> str:
        """Takes the separators that follow; the strongest of them, "" where there is none."""
        strongest = ""
        while (kind := self.token.kind) in _STRENGTH and kind not in closers:
            strongest = max(strongest, self.take().kind, key=lambda joint: _STRENGTH.get(joint, -1))
        return strongest

    def _closes(self, closers: tuple[str, ...]) -> bool:
        if self.token.kind == "[":  # closes ]a, b[ only after an item
            return "[" in closers and self.tokens[self.position - 1].kind not in ("[", "(", "]", ",", ";")
        return self.token.kind == "end" or self.token.kind in closers

    def clause(self) -> Expr:
        """A relation, a quantified statement, a label with its value, or words."""
        token, following = self.token, self.ahead()
        if token.kind in ("forall", "exists"):
            return self._quantified()
        if token.kind == "word" and following.kind == "(" and (named := self._event_label()) is not None:
            return self._relation(named)  # rank(A) = 2
        is_word = token.kind in ("where", "unit", "in") and following.kind in ("word", "rel", "unit", "sym")
        is_letter = token.kind == "sym" and following.kind == "word"
        if is_letter and (following.in_text if token.in_text else token.value in ("a", "A")):
            is_word = True
        if token.kind == "word" or is_word:
            return self._words()
        if token.kind == "rel" and token.value in ("=", "approx", "sim"):
            self.take()
            return self.clause()
        if token.kind == "func" and token.value in ("max", "min") and following.value in ("=", ":"):
            self.seek(self.position + 2)
            return Rel(("=",), (Sym(token.value), self.expression()))  # \max = 5
        label = self._function_label()
        if label is None:
            label = Sym("_") if token.kind == "rel" else self.expression()
        return self._relation(label)

    def _function_label(self) -> Expr | None:
        """`x(t) =` names a function, whatever the letter; anywhere else it would be a product."""
        start = self.position
        if self.token.kind == "sym" and self.ahead().kind in ("(", "_"):
            name = self.take().value
            if self.accept("_"):
                name += "_" + self.raw_group()
            args: list[Expr] = []
            before = self.accept("(")
            while before and self.token.kind in ("sym", "num") and self.ahead().kind in (",", ")"):
                token, before = self.take(), self.accept(",")
                args.append(Sym(token.value) if token.kind == "sym" else Num(Fraction(token.value)))
            if args and self.accept(")") and self.token[:2] == _EQUALS:
                return Apply(name, tuple(args))
            self.seek(start)
        return self._event_label() if self.token.kind == "sym" else None

    def _event_label(self) -> Expr | None:
        """P(A | B) = and E[X] = name a number, whatever stands in the brackets."""
        closer = {"(": ")", "[": "]"}.get(self.ahead().kind)
        if closer is None or not (self.token.kind == "word" or self.token.value[:1].isupper()):
            return None
        distance = 2
        while self.ahead(distance).kind in _EVENT:
            distance += 1
        named, equals = self.ahead(distance), self.ahead(distance + 1)
        if distance == 2 or named.kind != closer or equals[:2] not in (_EQUALS, ("rel", "approx")):
            return None
        name = "".join(self.ahead(at).value for at in range(distance + 1))
        self.seek(self.position + distance + 1)
        return Sym(name)

    def _relation(self, left: Expr) -> Expr:
        ops: list[str] = []
        sides = [left]
        while (op := self._relation_sign()) is not None:
            ops.append(op)
            sides.append(self.expression())
        match left:
            case Op("mul", (Sym(name), Group("tuple"))) if not ops and name[:1].isupper():
                return Rel(("=",), left.args)  # A(1, 2)
        if ops == ["to"] and not free_symbols(sides[0]) and not free_symbols(sides[1]):
            return Ratio(tuple(sides))
        return Rel(tuple(ops), tuple(sides)) if ops else left

    def _relation_sign(self) -> str | None:
        token = self.token
        if token.kind == "rel":
            self.take()
            if token.value in ("<", ">") and self.accept("rel", "="):
                return token.value + "="
            return "in" if token.value == "ni" else token.value
        if token.kind == "not" and self.ahead().kind == "rel":
            self.take()
            return _DENIED.get(self.take().value, "not")
        if token.kind == "in" and self.ahead().kind in ("(", "[", "open", "bb", "const", "{"):
            self.take()
            return "in"  # and no inches
        if token.kind == "!" and self.ahead() == Token("rel", "=", False):
            self.seek(self.position + 2)
            return "!="
        return None

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
            is_sign = token.kind in ("rel", ":") and token.value in ("=", ":")
            is_copula = token.kind == "word" and token.value.lower() in ("is", "equals", "are")
            if parts and (is_sign or (is_copula and not self._all_words())):
                _check_label(parts)
                self.take()
                return Rel(("=",), (Sym(_name(parts)), self.expression()))
            if parts and token.kind in _MEASURED and _MEASURES.issuperset(map(str.lower, parts)):
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
        is_letter = len(parts) == 1 and len(parts[0]) == 1 and parts[0].isalpha()
        return Sym(parts[0]) if is_letter else Text(canonical_words(" ".join(parts)))

    def _all_words(self) -> bool:
        return self.ahead().kind in ("word", "not", "end", "where")

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
        return Group("set", inner.items if tree.is_group(inner, "list", "and", "or") else (inner,))


def _check_label(words: list[str]) -> None:
    """Raises ParseError where the words deny what they name, as in "the wrong answer is 5"."""
    said = [word.lower() for word in words]
    denies = any(word == "no" and after != "of" for word, after in pairwise([*said, ""]))  # the no of ways is a number
    if denies or not _DENIALS.isdisjoint(said):
        raise ParseError("a label that denies its value")


def _name(words: list[str]) -> str:
    """A label in words, without its article."""
    kept = [{"centre": "center"}.get(word.lower(), word.lower()) for word in words]
    return " ".join(kept[1:] if kept[0] in ("the", "a", "an") and len(kept) > 1 else kept)
