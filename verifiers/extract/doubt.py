"""Sentences that deny, hedge or only bound the number in them, and shorter readings of those that do not."""

from __future__ import annotations

import re

from verifiers.extract.languages import ENGLISH, LANGUAGES, Language, any_of, column
from verifiers.extract.places import Hinted, formulas, positions, undecorated
from verifiers.parse.english.spoken import digits
from verifiers.text import listed, units
from verifiers.text.latex import TEXT
from verifiers.text.nouns import changes_number
from verifiers.text.spellings import han_unit

NEGATED = re.compile(rf"(?i){column('negations')}|≠|\\neq?\b")
_OFFERED = column("alternatives")
_SECOND = rf"[\d$}})][^.\n]{{0,40}}?{column('doubts')}\W{{0,3}}[\d$\\(]"
HEDGED = re.compile(rf"(?i){_OFFERED}|{_SECOND}|\bbetween\s+\W{{0,3}}[\d\\]|(?<=\d)\s+[ae]\s+(?=\d)")
SUPPOSED = Hinted(  # the answer of an assumption, of somebody else, of what is only thinkable
    re.compile(
        r"(?i)\b(?:(?:suppose|assum(?:e|ing)|imagine|pretend|what if|if"
        r"|(?<!\bI )(?<!['’]d )(?<!would )(?<!can )(?<!to )(?<!\bwe )say)(?: that)?(?: (?:the|our|my|this|that))?"
        r"(?: (?:final|correct))? (?:answer|result|value|it)(?: (?:is|was|were|equals))"
        r"|(?:many|some|most|other) (?:students|people|solvers|readers) (?:would )?"
        r"(?:say|answer|think|write|claim|believe|guess)[^.\n$]{0,30}"
        r"|(?:one|you|someone|somebody) (?:might|may|could|would) (?:be tempted to )?(?:think|say|answer|guess)"
        r"[^.\n$]{0,30}"
        r"|(?:tempt(?:ed|ing) to|instead of|rather than)(?: (?:say|answer|write|think|conclude|guess))?"
        r"|common (?:mistake|error|trap)(?: here)? (?:is|would be)(?: to (?:say|answer|write|get))?)"
        r"[\s:$*(\\\[]*\Z"
    ),
    listed(
        "suppose assum imagine pretend if say student people solver reader might may could would tempt instead rather"
        " common"
    ),
)
_BOUNDED = re.compile(
    r"(?i)\b(?:at (?:least|most)|(?:less|more|fewer|greater|larger|smaller|other|rather|bigger|higher|lower) than"
    r"|up to|nearly|almost|close to|below|above|under|beyond|mod(?:ulo)?|anything but)\s+\W{0,3}[\d\\]|\d\W{0,3}\?"
    r"|\d\s+(?:at (?:minimum|maximum|least|most|best|worst)|minimum|maximum)\b"
)
_VALUE = r"(?:\\f?boxed\{[^{}]{1,60}\}|\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|[^\s,;.$，。；]{1,30})"
NOT_THAT = re.compile(
    rf"(?i)\s*(?:[,;，]\s*(?:and |but |而)?{column('negations')}\s?\W{{0,3}}{_VALUE}\W{{0,3}}$"
    rf"|\s(?:rather than|instead of) \W{{0,3}}{_VALUE}\W{{0,3}}$"
    rf"|\((?:and |but )?(?:not|no|pas|nicht|não|non|niet|nie|не)\s\W{{0,3}}(?:[\d$\\][^()\n]{{0,60}}|[A-Z])\))"
)
_UNIT_AFTER = re.compile(r"[ ~]?([A-Za-z]{2,20})(?![A-Za-z])(?!\s*(?:\^|/|\d|per\b|squared\b|cubed\b|of\b))")
_TEXT_AFTER = re.compile(rf"[\s~]*{TEXT}\s*\{{")
_NEXT_WORD = re.compile(r"\s*([^\W\d_]+)")
_NEAR = 30  # characters around a number in which words say what becomes of it
_PRIMES, _QUOTES = frozenset("'′″"), frozenset("'‘\"“")
_SCALES = frozenset(("hundred", "thousand", "million", "billion", "trillion", "dozen"))
_NEGATIVE = re.compile(r"(?i)(?:\b(?:minus|negative|moins|menos|meno)\s+|负|マイナス|마이너스\s*)$")
_CHANGED_BEFORE = re.compile(
    r"(?i)\b(?:twice|thrice|double|triple|half|quarter|plus|times|over|divided by|multiplied by"
    r"|before|after|preceding|following|\d\s+(?:minus|remainder)|to the power(?: of)?|raised to(?: the)?"
    r"|modulo|per ?cent of"
    r"|(?:(?:square|cube|\w{1,9}th) roots?|factorial|logarithm|log|square|cube|reciprocal|inverse|opposite"
    r"|absolute value|multiple|power|half|third) of)"
    r"\s+\W{0,2}$"
)
_CHANGED_AFTER = re.compile(
    r"(?i)\s*(?:squared|cubed|factorial|(?:ten|hundred|thousand|million)ths?|halves|thirds|fourths|fifths|th root"
    r"|(?:st|nd|rd|th) (?:smallest |largest |positive )?(?:prime|power|root|multiple|square|cube|triangular|odd|even)"
    r"|if|unless|lakhs?|crores?|(?:degrees )?below|more than|less than|plus|minus|times|divided by)\b"
    r"|[₀-₉⁰-⁹²³]|_\d|\^|\+(?=\W*$)|\s*more(?=\W*$)"
)


def _denied_for_another(row: Language) -> list[tuple[str, tuple[tuple[str, ...], re.Pattern[str]]]]:
    """How each `but` of a language begins; with it, how its `not` begin, and "not 42 but 43" up to `but`."""
    words = [word for word in row.negations if not word.startswith("\\")]
    denied = any_of(words) + (r"|n['’]t(?!\w)" if row is ENGLISH else "")
    pattern = re.compile(
        rf"(?i)(?:{denied})[\s*]{{0,3}}{_VALUE}[\s*]{{0,3}}[,;，]?\s*"
        rf"(?:{any_of(row.instead)})[\s:]{{0,3}}(?=[\s*]{{0,3}}[\d$\\A-Z(-])"
    )
    begins = {re.split(r"[(\[]", word)[0] for word in words} | ({"n't", "n’t"} if row is ENGLISH else set())
    denials = (tuple(sorted({written for word in begins for written in (word, word.capitalize())})), pattern)
    return [(re.split(r"[(\[]", word)[0], denials) for word in row.instead]


_DENIALS = tuple(pair for row in LANGUAGES if row.instead for pair in _denied_for_another(row))
_MAX_DENIED = 600  # characters at the end of a text in which "not 42 but 43" is looked for
_RESTATED = re.compile(
    r"(?i)\s*[,;(]\s*(?:i\.\s?e\.,?|that is,?|in other words,?|(?:or )?equivalently,?|d\.\s?h\.|c['’]est-à-dire|即)\s*"
)
_IN_DIGITS = re.compile(r"([A-Za-z][A-Za-z -]{1,60}?)\s*\(([-\d/]{1,20})\)[\s.]*")  # one hundred (100)
_REASON = re.compile(r"(?:,?\s+(?:since|because)|,\s+which\s+(?:is|equals))\s[^$]*(?:\$[^$]*\$[^$]*)*\Z")
_DIGIT = re.compile(r"\d")
_TWO_LETTERS = re.compile("[A-Za-z]{2}")
_MAX_PLAIN = 200  # characters before words in brackets
_COPULA = re.compile(r"\b(?:is|are|equals|be)\b\s*:?")
_AMOUNT = re.compile(r"[\s$(]*[-+−]?\s?(\d[\d.,]*)\s*[^\W\d_]++[^=\d]*+\Z")  # a number and words
_EQUALS = re.compile(r"(?:=|≈|\\approx)\s*")
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
NUMBER = re.compile(
    r"(?<![\w.⁄/^√π*_])(?<!\d['’])(?:(?<=[\s(=:：$是为])|^)?-?\$?\d(?:[\d,]|['’](?=\d{3}(?!\d)))*(?:\.\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?(?:\s*\\?%)?|(?<=[^\x00-\x7f⁄√π×·÷±−])-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?"
)


def restated(payload: str) -> str:
    """`payload` with "3/4, i.e. 75 %" as an equation, so that both of its sides must hold."""
    said = [undecorated(side).strip(" $)") for side in _RESTATED.split(payload)]
    if len(said) == 1:
        twice = _IN_DIGITS.fullmatch(payload)
        return twice[2] if twice is not None and twice[2] == digits(twice[1]) else payload
    return said[-1] if digits(said[0]) == said[-1] else " = ".join(said)  # minus three, i.e. -3


def without_reason(payload: str) -> str:
    """`payload` without the clause that gives its reason, where that neither denies nor offers a value."""
    reason = _REASON.search(payload)
    if reason is not None and _DIGIT.search(payload, 0, reason.start()) and not is_doubtful(payload[reason.start() :]):
        return payload[: reason.start()]
    return payload


def without_remark(text: str) -> str:
    """`text` without the words in brackets at its end."""
    closed = text.rstrip(" .*\n")
    start = closed.rfind("(")
    inside = closed[start + 1 : -1]
    if not closed.endswith(")") or not 0 < start <= _MAX_PLAIN or ")" in inside or not _TWO_LETTERS.search(inside):
        return text
    return closed[:start].rstrip()


def picked(text: str, number: re.Match[str]) -> str | None:
    """A number found in a sentence as the sentence means it; None where words make another number of it.

    "8 meters long" is 8 meters and "minus 5" is -5; "5 squared", "half of 5" and "6 plus 5" are not 5.
    """
    plain = number[0].strip().rstrip(",")
    before, after = text[max(0, number.start() - _NEAR) : number.start()], text[number.end() : number.end() + _NEAR]
    if _CHANGED_BEFORE.search(before) or _CHANGED_AFTER.match(after.lstrip("$")):
        return None
    if after[:1] in _PRIMES and not after[1:2].isalpha() and before[-1:] not in _QUOTES:
        return None  # 90' is minutes or feet; '90' is quoted, 42'dir is a Turkish suffix
    word = _UNIT_AFTER.match(after)
    is_measured = word is not None and (units.is_unit(word[1]) or word[1].lower() in _SCALES)
    in_formula = "$" in after and text.count("$", 0, number.end()) % 2 == 1 and _NEXT_WORD.match(after) is not None
    if _TEXT_AFTER.match(after) or (in_formula and not is_measured):
        return None  # words within a formula were read with it, or are no unit
    if (follows := _NEXT_WORD.match(after)) is not None and changes_number(follows[1].lower()):
        return None  # 5 dixièmes, 5 hundreds
    if _NEGATIVE.search(before.rstrip("$")) and plain[:1] not in "-−":
        plain = f"-{plain}"
    if "%" in plain or "$" in plain or "," in number[0][-1:]:
        return plain
    if word is not None and is_measured:
        return f"{plain} {word[1]}"
    han = han_unit(text, number.end())
    return f"{plain} {han[0]}" if han else plain


def without_denied(text: str) -> str:
    """`text` with "is not 42 but 43" as "is: 43" near its end; what is denied with nothing in its place stays."""
    if len(text) > _MAX_DENIED:
        return text[:-_MAX_DENIED] + without_denied(text[-_MAX_DENIED:])
    for denials, pattern in dict.fromkeys(row for word, row in _DENIALS if word in text):
        spans = [found.span() for begin in positions(text, denials) if (found := pattern.match(text, begin))]
        for start, end in reversed(spans):
            text = f"{text[:start]}: {text[end:]}"
    return text


def is_doubtful(sentence: str) -> bool:
    """Whether a sentence denies its number, offers several, or only bounds it."""
    return any(pattern.search(sentence) for pattern in (NEGATED, HEDGED, _BOUNDED))


def reduced(payload: str) -> tuple[str, ...]:
    """Shorter readings of an announcement such as "The largest $n$ is 34": refused when it is negated or hedged."""
    if is_doubtful(payload):
        return ()
    plain, copula, inner = without_remark(payload), _COPULA.split(payload), formulas(payload)
    said = [plain if plain != payload else "", *BOLD.findall(payload)[-1:], copula[-1] if len(copula) > 1 else ""]
    found = [undecorated(piece) for piece in said]
    if len(inner) == 1 and not _is_changed(payload, inner[0]):
        found.append(inner[0])
    matches = list(NUMBER.finditer(payload))
    if matches and (len(matches) == 1 or _is_worked_out(payload, matches[-1][0].strip().rstrip(","))):
        found.append(picked(payload, matches[-1]) or "")
    return tuple(dict.fromkeys(piece for piece in found if piece))


def _is_changed(payload: str, formula: str) -> bool:
    """Whether the words around the one formula of a sentence make another value of it: half of $5$, $5$ plus one."""
    before, _, after = payload.partition(formula)
    before, after = before.rstrip(" $\\([") + " ", after.lstrip(" $\\)]*")
    return bool(_CHANGED_BEFORE.search(before) or _NEGATIVE.search(before) or _CHANGED_AFTER.match(after))


def _is_worked_out(payload: str, number: str) -> bool:
    """Whether the number stands behind a sign of equality, with no space before it.

    Not where a member before it is so many of something, `50 décimas = 50`: that number is not said to be 50.
    """
    amounts = [_AMOUNT.match(member) for member in payload.split("=")[:-1]]
    if any(amount is not None and amount[1] == number.lstrip("+-−") for amount in amounts):
        return False
    behind = [payload[sign.end() :].partition(number) for sign in _EQUALS.finditer(payload)]
    return any(found and not re.search(r"\s", between) for between, found, _ in behind)
