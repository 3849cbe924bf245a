"""Letters of multiple-choice answers: `(B)`, `B.`, `B) 12`, `\\textbf{(B)}\\ 12`, `Option B`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.extract.doubt import is_doubtful
from verifiers.text.normalize import canonical_words

_MAX_CONCLUSION = 80  # characters of a sentence that is settled by its last letter
_COMMANDS = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|bf|rm|boxed)\b|[{}$*`]|\\[ ,;:!]|\\q?quad\b|~")
_LETTER = re.compile(r"\(?\s*([A-J])\s*\)?[.:]?")
_SMALL_LETTER = re.compile(r"\(?\s*([a-e])\s*\)")  # a bracket tells (b) from the variable
_LEADING = re.compile(r"(?:\(\s*([A-J])\s*\)|([A-J])\s*[).:]|([A-J])(?=\s))\s*(\S.*)", re.DOTALL)
_OPTION_TEXT = re.compile(r"\d+(?:[.,]\d+)*(?:\s|$)|[A-Z][a-z]")
_WRITTEN = re.compile(  # what stands before the words of an option, with the commands around it
    r"(?:\\(?:text|textbf|mathrm|mathbf|mbox) ?\{)?\(? ?[A-J] ?[).:]{0,2}\}?[\s$*.:)]{0,6}"
    r"(?:\\[ ,;]|~|\\q?quad\b){0,3}\s{0,3}(?=[^}\s])"
)
_JUDGED = re.compile(r"(?:is|was|are)\s+(?:wrong|incorrect|false|not|in)\b|(?:wrong|incorrect|no)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"(?i)\b(?:option|choice|answer|letter|opci[oó]n|letra|lettera|lettre|alternativa|вариант|буква)s?\b\s*(?:is|:)?\s*\(?([A-J])\b\)?(?!\s*(?:or|and|,|/)\s*\(?[A-J]\b)"
)
_FINAL = re.compile(
    r"(?:\bit['’]s|\b(?:is|be|choose|pick|select|答案是|选项|选择|选|es|est|ist|è|é))\s*:?\s*\(?([A-J])\)?\s*[.!。]?\s*$"
)
_ALONE = re.compile(r"(?<!\w)[A-J](?!\w)")
_LAST_LETTER = re.compile(r"(?<!\w)\(?([A-J])\)?(?:['’][a-zçğıöşü]{2,4})?\s*[.!。।]?\s*$")  # Doğru cevap C'dir.
_PRAISED = re.compile(r"^\W*(?:[Oo]ption\s+)?\(?([A-J])\)?\s*(?:is\s+(?:the\s+)?(?:correct|right|best)\b|是正确)")
_REASONED = re.compile(r"^\W*([A-J])\W*(?:because|since|as|for)\b")
_SEVERAL = re.compile(r"\b[A-J]\b\W*(?:,|/|or|and|&)\W*\b[A-J]\b")
_RUN = re.compile(r"[A-H]{2,6}")
_LETTERS = re.compile(r"[A-H]")
_LIST = re.compile(r"\(?[A-H]\)?(?:\s*(?:,|;|、|and|&|,\s*and)\s*\(?[A-H]\)?){1,5}")
_DENIED = re.compile(r"(?i)\b(?:not|n't|isn't|neither|except|wrong|incorrect|eliminate[sd]?|or)\b")


@dataclass(frozen=True)
class ChoiceText:
    """A letter with the words of its option ("" when only the letter is given)."""

    letter: str
    words: str = ""
    text: str = ""  # the words as written


def read_choice(text: str) -> ChoiceText | None:
    """The letter (and option text) that an answer consists of; None if it is no choice."""
    if len(text) > 2_000:
        return None
    plain = " ".join(_COMMANDS.sub(" ", text).split())
    alone = _LETTER.fullmatch(plain) or _SMALL_LETTER.fullmatch(plain)
    if alone:
        return ChoiceText(alone[1].upper())
    leading = _LEADING.fullmatch(plain)
    if leading and not _SEVERAL.match(plain):
        letter = leading[1] or leading[2] or leading[3]
        if leading[3] and not _OPTION_TEXT.match(leading[4]):
            return None  # the article, the beginning of a sentence, or a factor: A cos x
        if _JUDGED.match(leading[4]):
            return None
        bare = text.lstrip(" \t\n$*")
        written = _WRITTEN.match(bare)
        return ChoiceText(letter, canonical_words(leading[4]), bare[written.end() :].strip() if written else leading[4])
    return None


def read_choices(text: str) -> frozenset[str] | None:
    """The letters of an answer that names several options: `ACD`, `A, C and D`, `(A), (C)`; None if it is none."""
    if len(text) > 200:
        return None
    plain = " ".join(_COMMANDS.sub(" ", text).split()).rstrip(".")
    if _RUN.fullmatch(plain) and list(plain) == sorted(set(plain)):
        return frozenset(plain)
    if not _LIST.fullmatch(plain):
        return None
    letters = _LETTERS.findall(plain)
    return frozenset(letters) if len(set(letters)) == len(letters) else None


def find_choice(text: str) -> str | None:
    """The letter that a sentence settles on ("I think the correct answer is C"); None if none or several."""
    line = " ".join(_COMMANDS.sub(" ", text[-2_000:]).split())
    if _SEVERAL.search(line[-200:]):
        return None
    for pattern in (_REASONED, _PRAISED, _FINAL, _NAMED):
        found = [(match[1], match.start(1)) for match in pattern.finditer(line)]
        if not found:
            continue
        letter, at = found[-1]
        if not _DENIED.search(line[max(0, at - 30) : at]) and not _JUDGED.match(line[at + 1 :].lstrip(" ).,:")):
            return letter
    final = _LAST_LETTER.search(line[-20:]) if len(line) <= _MAX_CONCLUSION else None
    if final and len(_ALONE.findall(line)) == 1 and not is_doubtful(line):
        return final[1]  # the one letter of a short sentence, at its end, in any language
    return None


def is_choice_reference(text: str) -> bool:
    """Whether a reference is one option letter, alone or with its text."""
    return read_choice(text) is not None
