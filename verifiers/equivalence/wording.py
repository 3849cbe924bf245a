"""Answers in words: compared as canonical text, and where the words name a mathematical object, as that object."""

from __future__ import annotations

from verifiers.equivalence.collections import Compare
from verifiers.equivalence.labels import labelled
from verifiers.equivalence.types import Judgement, Settings, no, yes
from verifiers.parse.tree import Const, Expr, Op, Rel, Sym, Text

_MEANINGS: dict[str, Expr] = {
    **dict.fromkeys(("all real numbers", "all reals", "real numbers", "all real", "any real number"), Const("R")),
    **dict.fromkeys(("all real numbers x", "all real x", "x is any real number", "set of real numbers"), Const("R")),
    **dict.fromkeys(("empty set", "null set", "no solution", "no solutions"), Const("empty")),
    **dict.fromkeys(("no real solutions", "no real solution"), Const("empty")),
    **dict.fromkeys(("positive infinity", "plus infinity", "infinite"), Const("inf")),
    **dict.fromkeys(("negative infinity", "minus infinity"), Op("neg", (Const("inf"),))),
    "all integers": Const("Z"), "positive integers": Const("N"), "all positive integers": Const("N"),
}  # fmt: skip


def compare_words(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Judgement:
    if isinstance(answer, Text) != isinstance(reference, Text):
        mine, theirs = (
            _MEANINGS.get(side.words, side) if isinstance(side, Text) else side for side in (answer, reference)
        )
        if mine == theirs or (
            not isinstance(mine, Text) and not isinstance(theirs, Text) and compare(mine, theirs, settings)
        ):
            return yes("words for the same thing", "text")
    if isinstance(answer, Text) and isinstance(reference, Text):
        same = answer.words == reference.words
        return yes("the same words", "text") if same else no("different words", method="text")
    words, other = (answer, reference) if isinstance(answer, Text) else (reference, answer)
    assert isinstance(words, Text)
    if isinstance(other, Sym) and other.name.casefold() == words.words:
        return yes("the same word", "text")
    value = labelled(other).value if isinstance(other, Rel) else other
    if isinstance(value, Text) and value.words == words.words:
        return yes("the same words", "text")
    return no(
        "words, where mathematics is expected" if words is answer else "mathematics, where words are expected",
        method="text",
    )
