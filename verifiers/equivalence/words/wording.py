"""Answers in words: compared as canonical text, and where the words name a mathematical object, as that object.

`It is odd` is `odd`, and the many ways to say that there is no solution are one. Paraphrases are not understood: what
is in no table is compared as written.
"""

from __future__ import annotations

import re

from verifiers.equivalence.types import Compare, Equivalence, no, yes
from verifiers.equivalence.words.labels import labelled
from verifiers.parse import Expr
from verifiers.parse.tree import Const, Op, Sym, Text, is_group, is_op

_MEANINGS: dict[str, Expr] = {
    **dict.fromkeys(("all real numbers", "all reals", "real numbers", "all real", "any real number"), Const("R")),
    **dict.fromkeys(("all real numbers x", "all real x", "x is any real number", "set of real numbers"), Const("R")),
    **dict.fromkeys(("empty set", "null set", "no solution"), Const("empty")),
    **dict.fromkeys(("diverges to infinity", "tends to infinity", "approaches infinity"), Const("inf")),
    **dict.fromkeys(
        ("positive infinity", "plus infinity", "positive inf", "plus inf", "infinite", "infinitely many"), Const("inf")
    ),
    **dict.fromkeys(
        ("negative infinity", "minus infinity", "negative inf", "minus inf"), Op("neg", (Const("inf"),))
    ),
    "all integers": Const("Z"), "positive integers": Const("N"), "all positive integers": Const("N"),
}  # fmt: skip
_SAME: dict[str, str] = {
    said: meant
    for meant, phrases in {
        "no solution": "no solutions; no solution exists; no solutions exist; has no solution; has no solutions; "
        "no real solution; no real solutions; no real root; no real roots; no roots; no root; has no real roots; "
        "has no real solutions; has no real solution; no such solution; does not have solution; "
        "does not have any solutions; "
        "no valid solution; no valid solutions; no possible solution; no possible solutions; none exist; none; "
        "无解; 无实数解; 无实数根; 无实根; 没有解; 没有实数解; 方程无解; 不存在这样的解; 空集; "
        "has no roots; have no solution; have no solutions; inconsistent; no answer exists; unsolvable",
        "does not exist": "dne; d n e; doesn t exist; do not exist; no limit; limit does not exist; has no limit; "
        "不存在; 极限不存在; 无意义; "
        "undefined; not defined; is undefined; is not defined; undef",
        "diverges": "divergent; is divergent; diverge; does not converge; doesn t converge",
        "converges": "convergent; is convergent; converge",
        "converges absolutely": "absolutely convergent; absolute convergence; is absolutely convergent; "
        "absolutely converges",
        "converges conditionally": "conditionally convergent; conditional convergence; is conditionally convergent; "
        "conditionally converges",
        "infinitely many": "infinitely many solutions; infinite solutions; infinite number of solutions; "
        "infinitely many values; infinite number; infinitely many numbers; has infinitely many solutions; "
        "infinitely many integers; unlimited",
        "neither": "neither even nor odd; neither odd nor even; neither of them; neither one",
        "true": "yes; 是; 对; 正确; correct; always true; is true; yes it is; yes it does; statement is true",
        "false": "no; 否; 错; 错误; 不正确; 不对; "
        "incorrect; is false; not true; no it is not; no it does not; statement is false",
        "impossible": "not possible; is impossible; cannot be done; can not be done; is not possible",
        "increasing": "is increasing; strictly increasing; increases",
        "decreasing": "is decreasing; strictly decreasing; decreases",
        "equal": "are equal; same; they are same; is equal",
        "monday": "mon", "tuesday": "tue; tues", "wednesday": "wed", "thursday": "thu; thur; thurs", "friday": "fri",
        "saturday": "sat", "sunday": "sun",
    }.items()
    for said in phrases.split("; ")
}  # fmt: skip
_SUBJECT = re.compile(
    r"(?:(?:so|thus|hence|therefore|then|yes|no(?= it)) )?"
    r"(?:it|this|that|they|he|she|there|answer|[fgh](?: x)?|"
    r"(?:(?:improper|definite|infinite|given|power|geometric|original) )?"
    r"(?:limit|series|sequence|integral|function|statement|claim|system|equation|inequality|expression|number|value|"
    r"graph|relation|matrix|set|problem|result|sum|curve|operation))"
    r"(?: s| is| are| was| were| will be| can be said to be)? "
)
_COPULA = re.compile(r"\b(?:is|are)\b")
_PREDICATE = re.compile(r"(?!(?:no|not|neither|none|nor|if|only)\b)(?:[a-z]+ ){1,3}(?:is|are) ((?!not\b).+)")
_NONE_AT_ALL = re.compile(
    r"(?:there (?:is|are) )?no (?:such |real )*(?:x|y|n|values?|numbers?|integers?|reals?)(?: of [a-z])?"
    r"(?: (?:exists?|works?|satisf(?:y|ies|ying)(?: [a-z]+)*|(?:is|are) possible))?"
)
_NOUN = re.compile(r"(?<=\S) (?:function|number|integer|matrix|series|sequence|triangle)$")  # an even function is even
_KIND = re.compile(r"\b(?:series|sequence|integral|function|matrix|number|integer|graph|system|set)\b")
_LETTERS = {"t": "true", "f": "false"}  # for the words alone, not for what else means them
_HAN_NOUN = re.compile("(?<=[要分])条件$|(?<=[偶奇增减])函数$")
_EVERY = re.compile(
    r"^(?:all|any|every|their|its|all (?:of )?(?:their|its)) "
    r"(?=(?:cyclic )?permutations?\b|(?:positive )?(?:odd|even|prime)\b)"
)
_REASON = re.compile(r"\b(?:because|since)\b.*")  # may hold numbers that are no answer
_UNSURE = re.compile(r"\d|\b(?:yes|no|or|but|maybe|perhaps|possibly|unless|except|if)\b")
_ADVERB = re.compile(r"\b(?:also|always|therefore|clearly|indeed|thus|certainly) ")


def compare_words(answer: Expr, reference: Expr, compare: Compare) -> Equivalence:
    """Words against words, or against what they name."""
    mine, theirs = _polarity(answer), _polarity(reference)
    answer, reference = _joined(answer), _joined(reference)
    for polarity, other in ((theirs, answer), (mine, reference)):
        if polarity and isinstance(other, Text) and canonical_phrase(other.words) == polarity:
            return yes("the same yes or no, with and without its explanation", "text")
    if isinstance(answer, Text) and isinstance(reference, Text):
        same = same_phrase(answer.words, reference.words)
        if not same and not _COPULA.search(reference.words) and (said := _PREDICATE.fullmatch(answer.words)):
            same = same_phrase(said[1], reference.words)  # the triangle is scalene
        return yes("the same words", "text") if same else no("different words", method="text")
    named, meant = (_meaning(side) for side in (answer, reference))
    are_objects = not isinstance(named, Text) and not isinstance(meant, Text)
    if named == meant or (are_objects and compare(named, meant)):
        return yes("words for the same thing", "text")
    words, other = (answer, reference) if isinstance(answer, Text) else (reference, answer)
    assert isinstance(words, Text)
    name = _name(other).casefold()
    if name in _LETTERS:
        is_same = words.words == _LETTERS[name]
        return yes("the same word", "text") if is_same else no("another word", method="text")
    value = labelled(other).value
    phrases = (_name(other), value.words if isinstance(value, Text) else "")
    if name == words.words or any(canonical_phrase(said) == canonical_phrase(words.words) for said in phrases):
        return yes("the same word", "text")
    told = "words, where mathematics is expected" if words is answer else "mathematics, where words are expected"
    return no(told, method="text")


def same_phrase(first: str, second: str) -> bool:
    """Whether two phrases say the same of one kind of thing: a series is no sequence, but it may be left unsaid."""
    mine, theirs = canonical_phrase(first), canonical_phrase(second)
    kinds = _kind_of(first), _kind_of(second)
    if mine == theirs or _NOUN.sub("", mine) == theirs or mine == _NOUN.sub("", theirs):
        return kinds[0] == kinds[1] or not all(kinds)
    return False


def _kind_of(words: str) -> str:
    """The kind of object that a phrase is about, where it names one."""
    found = _KIND.search(words.casefold())
    return found[0] if found else ""


def canonical_phrase(words: str) -> str:
    """One phrase for all the ways to say the same: `There are no solutions` is `no solution`."""
    words = _EVERY.sub("", _HAN_NOUN.sub("", words.casefold()))
    for _ in range(2):  # "the answer is that it is odd"
        words = _SAME.get(words, words)
        subject = _SUBJECT.match(words + " ")
        if subject and len(subject[0]) < len(words):
            words = words[subject.end() :].strip().removeprefix("a ")
        words = _ADVERB.sub("", words)
        if _NONE_AT_ALL.fullmatch(words):
            words = "no solution"
    return _SAME.get(words, words)


def _phrases(side: Expr) -> list[str]:
    """The phrases of a list of words; none where anything else stands in it."""
    items = [item.words for item in side.children if isinstance(item, Text)] if is_group(side, "list") else []
    return items if len(items) == len(side.children) else []


def _polarity(side: Expr) -> str:
    """What `Yes, it is possible` comes to; "" where more than words follows the yes or no."""
    said, *others = _phrases(side) or [""]
    rest = " ".join(others)
    explains = len(rest.split()) > 1 and not _UNSURE.search(_REASON.sub("", rest))
    return {"yes": "true", "no": "false"}.get(said, "") if explains else ""


def _joined(side: Expr) -> Expr:
    """`Yes, it is` is one phrase."""
    phrases = _phrases(side)
    return Text(" ".join(phrases)) if phrases else side


def _meaning(side: Expr) -> Expr:
    """The object that words name; the side itself where they name none."""
    if not isinstance(side, Text):
        return side
    return _MEANINGS.get(side.words) or _MEANINGS.get(canonical_phrase(side.words), side)


def _name(expr: Expr) -> str:
    """The letters of a symbol, or of a product of symbols such as DNE; "" for anything else."""
    letters = [letter.name for letter in (expr.args if is_op(expr, "mul") else (expr,)) if isinstance(letter, Sym)]
    return "".join(letters) if len(letters) == max(1, len(expr.children)) else ""
