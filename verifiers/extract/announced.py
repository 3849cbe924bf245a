"""Answers announced in words: `the answer is ...` in the languages of `languages.py`, `A: ...`, and `#### ...`.

Most responses are long and hold one announcement or none. The words that every announcement contains are looked for
first, as plain text; the pattern is matched only where one of them stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifiers.extract.boxes import boxed
from verifiers.extract.doubt import NOT_THAT, SUPPOSED, reduced, restated, without_reason
from verifiers.extract.languages import ENGLISH, LANGUAGES, OTHERS, announcing, stems
from verifiers.extract.places import Extraction, Place, lower_case, positions, undecorated

_MAX_ANNOUNCEMENTS = 200  # the last ones are looked at
_MAX_SENTENCE = 2_000

_SIGN = r"(?:is|are|was|be)\b\s*(?:\**\s*:)?|[:：]|=>?|->|→|—"
_IS = rf"(?:{_SIGN}|(?=\$|\\\(|\\\[))"
_ENGLISH = (
    r"(?<!wrong )(?<!incorrect )"
    rf"(?:(?<!\w)|(?<=final)|(?<=correct)|(?<=right)|(?<=our)|(?<=overall))(?:{'|'.join(ENGLISH.answers)})\b"
    rf"(?:\s+(?:to|of|for|in)\b[^.\n:=$\\]{{0,60}}?\s*[\"”*]*\s*(?:{_SIGN})"  # "the solution of $2x = 4$" says no value
    r"|(?:\s+(?:(?<!solution )of|should|would|will|must|can|thus|then|therefore|hence)\b[^.\n:=$\\]{0,60}?)?"
    rf"\s*[\"”*]*\s*{_IS})"
)
_FINALS = tuple(phrase for row in LANGUAGES for phrase in row.finals)
_LETTER_AHEAD = r"(?=[\W_]{0,8}(?:text|textbf|mathrm)?[\W_]{0,3}[A-J](?![A-Za-z]))"
# pattern, and the texts (lower case) of which one begins every match
_SPOKEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_ENGLISH, stems(ENGLISH.answers)),
    (r"(?<!\w)ans\.\s*[:=]?(?=\s*[^\s.])", ("ans.",)),
    (rf"(?:{'|'.join(_FINALS)})[*_ \t]*\n", stems(_FINALS)),  # a heading
    *((announcing(row, row.answers, needs_copula=row.needs_copula), stems(row.answers)) for row in OTHERS),
    *(
        (announcing(row, row.options, needs_copula=row.spaced) + _LETTER_AHEAD, stems(row.options))
        for row in LANGUAGES
        if row.options
    ),
)
_BEGINNINGS = tuple(
    (stem, re.compile(rf"{pattern}\s*", re.IGNORECASE)) for pattern, begins in _SPOKEN for stem in begins
)
_SAID_BEFORE = re.compile(  # Thus $x <= 2$ is our answer.
    r"(?:^|(?<=[.!?\n。]))\s*(?:(?:so|thus|hence|therefore|then|finally|and so|(?:we|i) conclude that),?\s+)*"
    r"(\$[^$\n]{1,200}\$|\\\((?:(?!\\\)).){1,200}\\\)|\*\*[^*\n]{1,80}\*\*|-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?|\(?[A-J]\)?)"
    r"\s+(?:is|are)\s+(?:the|our|my)\s+(?:(?:final|correct|right|required|desired)\s+)*answers?\b\**(?=\s*(?:[.!]|$|\n))",
    re.IGNORECASE,
)
_NO_COPULA = re.compile(r"(?<!\bis)(?<!\bare)(?<!\bwas)(?<!\bbe)(?<=\w)\s*\Z", re.IGNORECASE)
_A_LINE = re.compile(r"(?m)^\s*A\s*[:：]\s*(\S[^\n]*)$")
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_SENTENCE_END = re.compile(
    r"\.(?:(?<=[^.\d]\.)(?<!\b(?:Rs|No|ca)\.)(?<!\bapprox\.)(?<!\bi\.e\.)(?<!\bresp\.)(?=\s|$)"
    r"|(?<=\d\.)(?=\s+[A-Z(\\$*#<]|\s*$))|[。！\n]|<\|"
)
_QUOTED = re.compile(r'\s*"([^"\n]{1,400})"(?=\s*[,}\n.]|\s*$)')
_DENIED_LATER = re.compile(
    r"(?i)(?<=[.!?\n*)])\s*(?:(?:no|wait|hmm+|actually|but|oh)\b[,. ]*)*"
    r"(?:this|that|(?:the|this|that|my) (?:above|answer))"
    r"(?: is|['’]s| was) (?:wrong|incorrect|not (?:right|correct))\b"
)
_MAX_CONDITION = 200  # characters before an announcement in which its condition stands
_ASKS = re.compile(r"[?？](?=[$*)\s]*(?:\Z|[A-Z]))")
_CONDITION = re.compile(r"(?i)\b(?:if|were|had|unless|otherwise|without)\b")
_DIGIT = re.compile(r"\d")
_OPENING = re.compile(r"\$\$|\\\[|\$|\\\(")
_CLOSING = {
    opening: re.compile(closing)
    for opening, closing in (("$$", r"(?<!\\)\$\$"), ("\\[", r"\\\]"), ("$", r"(?<!\\)\$"), ("\\(", r"\\\)"))
}


def hashes(text: str) -> Extraction | None:
    """What follows the last `####` on its line."""
    if "####" not in text:
        return None
    found = [said for match in _HASHES.findall(text) if (said := match.strip())]
    if not found:
        return None
    last = found[-1]
    shorter = tuple if last.isascii() else lambda: reduced(last)
    return Extraction(undecorated(last), Place.HASHES, shorter, tuple(found[:-1]))


def announced(text: str) -> Extraction | None:
    """The rest of the sentence after the last announcement."""
    payloads: list[tuple[int, str]] = []
    past = put_aside = 0
    for start, end in sorted(_starts(text))[-_MAX_ANNOUNCEMENTS:]:
        said = _sentence(text, end)
        if _is_put_aside(text, start, end, said):
            put_aside = end
            continue
        payload = restated(NOT_THAT.sub("", without_reason(said)))
        if payload:
            payloads.append((start, payload))
            past = end
    if "A" in text:
        for match in list(_A_LINE.finditer(text))[-_MAX_ANNOUNCEMENTS:]:
            payloads.append((match.start(), match[1].strip()))
    if " answer" in text:
        payloads.extend((found.start(1), found[1]) for found in list(_SAID_BEFORE.finditer(text))[-_MAX_ANNOUNCEMENTS:])
    if not payloads or put_aside > max(payloads)[0]:
        detail = "the announcement is a question, or about another case"
        return Extraction(None, Place.ANNOUNCED, detail=detail) if put_aside else None
    payloads.sort()
    start, payload = payloads[-1]
    if start < past and _DENIED_LATER.search(text, past):
        return Extraction(None, Place.ANNOUNCED, detail="the announcement is taken back after it")
    others = tuple(undecorated(other) for _, other in payloads[:-1])
    return Extraction(undecorated(payload), Place.ANNOUNCED, lambda: reduced(payload), others)


def _starts(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every announcing phrase; phrases do not overlap."""
    lowered = lower_case(text)
    begin_with: dict[re.Pattern[str], list[str]] = {}
    for stem, pattern in [(stem, pattern) for stem, pattern in _BEGINNINGS if stem in lowered]:
        begin_with.setdefault(pattern, []).append(stem)
    for pattern, stems_here in begin_with.items():
        past = -1
        for position in positions(lowered, stems_here):
            if position >= past and (found := pattern.match(text, position)):
                past = found.end()
                if not _ends_formula(text, found):
                    yield position, past


def _ends_formula(text: str, found: re.Match[str]) -> bool:
    """Whether a noun that only a formula follows stands at the end of one itself: `$5 is not the answer$ or $6$`."""
    at = found.end()
    if not text.startswith("$", at) or not _NO_COPULA.search(found[0]):
        return False
    begins = max(text.rfind("\n", 0, at), text.rfind(". ", 0, at))
    return text.count("$", begins + 1, at) % 2 == 1


def _is_put_aside(text: str, start: int, end: int, said: str) -> bool:
    """Whether an announcement is a question, somebody else's, or about a case that is not the one asked about."""
    before = text[max(0, start - _MAX_CONDITION) : end]
    sentence = re.split(r"[.!?\n。]", before)[-1]
    if _ASKS.search(said) or SUPPOSED.search(before):
        return True
    return "would" in text[start:end] and _CONDITION.search(f"{sentence} {said}") is not None


def _sentence(text: str, start: int) -> str:
    """From `start` to the end of the sentence; a display formula may begin on the next line."""
    rest = text[start : start + _MAX_SENTENCE]
    quoted = _QUOTED.match(rest)
    if quoted:
        return quoted[1].replace("\\\\", "\\")  # {"answer": "1/3"}
    stripped = rest.lstrip("*_ \t\n:：").replace("\\fbox{", "\\boxed{")
    if not stripped:
        return ""
    content = _only_box(_up_to_end(stripped)) if "\\boxed{" in stripped else None
    if content is not None:
        return content
    opening = _OPENING.match(stripped)
    closing = _CLOSING[opening[0]].search(stripped, len(opening[0])) if opening else None
    said = _up_to_end(stripped, closing.end() if closing else 0)
    return (closing and _only_box(said)) or said


def _only_box(sentence: str) -> str | None:
    """The content of the one box of a sentence that holds no other number before it, and none in per cent after it."""
    start = sentence.find("\\boxed{")
    found = boxed(sentence) if start >= 0 and "%" not in sentence and not _DIGIT.search(sentence, 0, start) else None
    return found.answer if found is not None and not found.others else None


def _up_to_end(text: str, start: int = 0) -> str:
    """The text up to the first end of a sentence at or after `start`."""
    end = _SENTENCE_END.search(text, start)
    return (text[: end.start()] if end else text).strip()
