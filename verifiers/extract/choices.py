"""Letters of multiple-choice answers: `(B)`, `B.`, `B) 12`, `\\textbf{(B)}\\ 12`, and sentences that choose one.

A letter may also be a symbol: only where the question is known to be multiple choice (`among_options`) are `b`,
`B - 12` and `B = 12` the option B. A product, a power or a ratio of letters never is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.extract import Extraction, Place, visible_text
from verifiers.extract.doubt import NOT_THAT, is_doubtful, without_denied
from verifiers.extract.languages import OTHERS, column
from verifiers.text.latex import TEXT
from verifiers.text.normalize import canonical_words

_MAX_CHARACTERS = 2_000
_MAX_CONCLUSION = 80  # characters of a sentence that is settled by its last letter
_COMMANDS = re.compile(
    rf"{TEXT}|\\(?:boxed|left|right|displaystyle)(?![a-zA-Z])|[{{}}$`]|\\[ ,;:!]|\\q?quad\b|~|^[\s*]+|[\s*]+$"
)
_BOLD = re.compile(r"\*{1,2}([^*\n]+)\*{1,2}")
_NOUNS = "|".join(
    sorted({noun for row in OTHERS for noun in row.options} | {"option", "choice", "answer", "letter", "alternative"})
)
_NAMED_FIRST = re.compile(
    rf"(?i)(?:(?:the|my|our|la|die)\s+)?(?:(?:correct|right|final|best)\s+)*(?:{_NOUNS})"
    r"\s*(?:is|:|：|=|es|est|ist|是)?\s*(?=\W?[A-J]\b)"
)
_LETTER = re.compile(r"\(?\s*([A-J])\s*\)?[.:。]?")
_SMALL_LETTER = re.compile(r"\(?\s*([a-e])\s*\)")  # a bracket tells (b) from the variable
_ANY_LETTER = re.compile(r"[(\[]?\s*([A-Ja-j])\s*[)\]]?[.:]?")
_LEADING = re.compile(  # (B) 12, B. 12, B: 12, B 12
    r"(?s)(?:\(\s*([A-J])\s*\)|([A-J])\s*[).]|(?P<bare>[A-J])(?:\s*:)?(?=\s))\s*(?P<words>\S.*)"
)
_SEPARATED = re.compile(  # with any other sign between the two: B - 12, B, 12, B = 12, B (12)
    r"(?s)(?:[(\[]\s*([A-Ja-j])\s*[)\]]|([A-J])|([a-j])\s*[).:])\s*"
    r"(?:\s[-–—]\s|,|=|:|\\to\b|\\Rightarrow\b|→|⇒|[).]|(?=\s*[(\[])|(?<=[)\]]))\s*[-–—:=,. ]*(?P<words>\S.*)"
)
_OPTION_TEXT = re.compile(r"[-+]?\\?\$?\(?\d+(?:[.,]\d+)*(?:\W|$)|[A-Z][a-z]")
_NO_TEXT = re.compile(
    r"[*/^_+!'|<>≤≥&]|\\(?:cdot|times|cap|cup|circ|le|ge|in|perp|parallel)\b"
    r"|(?:or|and)\b|\(?[A-J]\)?(?![A-Za-z]\w)"
)
_FURTHER = re.compile(r"(?:or|and)\b|[/,&]")  # (C) or ... offers more than one
_WRITTEN = re.compile(  # what stands before the words of an option, with the commands around it
    rf"(?:{TEXT} ?\{{)?\(? ?[A-J] ?[).:]{{0,2}}\}}?[\s$*.:)]{{0,6}}"
    r"(?:\\[ ,;]|~|\\q?quad\b){0,3}\s{0,3}(?=[^}\s])"
)
_JUDGED = re.compile(
    r"(?:is|was|are)\s+(?:wrong|incorrect|false|impossible|excluded|eliminated|not|in|out)\b"
    r"|(?:wrong|incorrect|no|fails|violates?|contradicts?|cannot|can['’]t|isn['’]t|does)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?i)\b(?:option|choice|answer|letter|opci[oó]n|opção|letra|lettera|lettre|alternativa|вариант|буква)s?\b"
    r"\s*(?:is|:)?\s*\(?([A-J])\b\)?(?!\s*(?:or|and|,|/)\s*\(?[A-J]\b)"
)
_FINAL = re.compile(
    r"(?:\bit['’]s|\b(?:is|be|choose|pick|select|答案是|选项|选择|选|es|est|ist|è|é))\s*:?\s*\(?([A-J])\)?\s*[.!。]?\s*$"
)
_PRAISED = re.compile(
    r"(?:(?<=^)|(?<=[.!?:,;。]\s)|(?<=\b[Ss]o )|(?<=[Tt]hus )|(?<=[Hh]ence )|(?<=\n))\W*"
    r"(?:(?:[Oo]nly|[Tt]herefore|[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter|[Ss]tatement)\s+)*\(?([A-J])\)?\s*"
    r"(?:is\s+(?:(?:indeed|clearly|therefore|thus|obviously)\s+)?(?:the\s+)?(?:(?:only|single|one)\s+)?"
    r"(?:correct|right|best|true|valid|answer|solution|option that|one that|it\b)"
    r"|是正确|正确|es (?:la )?correct[ao]|est (?:la )?(?:bonne|correcte)|ist richtig|верн|è corretta)"
)
_CHOSEN = re.compile(
    r"(?i)\b(?:choose|chose|pick|picked|select|selected|go(?:ing)? with|settle (?:on|for)|opt for|mark|circle"
    r"|conclude(?: that it is)?|选择?)"
    r"\s*(?:the\s+)?(?:option|choice|answer|letter)?\s*:?\s*(?-i:\(?([A-J])\)?)(?![\w'’])"
    r"(?!\s*(?:or|and|,|/)\s*\(?(?-i:[A-J])\b)"
)
_CONCLUDED = re.compile(  # the whole sentence: Therefore, (D).
    r"\A\W*(?i:therefore|thus|hence|so)\s*[,:]?\s*(?i:option |choice )?\(?([A-J])\)?\W*\Z"
)
_RULED_OUT = re.compile(  # the verb stands right before the letter
    r"(?i:\b(?:exclud|reject|rul|discard|dismiss|avoid|eliminat|cross|strik)[a-z]{0,3}(?: out| off)?"
    r"(?: (?:option|choice|answer|letter))?)\s*\(?[A-J]\)?\W*\Z"
)
_FORCED = re.compile(
    r"(?i)\b(?:it|this|that|the (?:answer|option|choice)|which) (?:must|has to|can only) be\s*"
    r"(?:option|choice|answer)?\s*(?-i:\(?([A-J])\)?)(?=\s*(?:[.!,;]|$))"
)
_LEFT = re.compile(  # what elimination leaves; what was eliminated stands before it
    r"(?i)(?:\b(?:leav(?:es|ing)|left with)\s+(?:us\s+with\s+)?(?:only\s+)?(?:option|choice|answer)?\s*"
    r"(?-i:\(?([A-J])\)?)"
    r"|\bonly\s+(?:option|choice|answer)?\s*(?-i:\(?([A-J])\)?)\s+(?:is left|remains|survives|fits|works))"
    r"(?=\s*(?:[.!,;]|$|as\b))(?!\s*,\s*(?:(?:or|and)\s+)?(?-i:\(?[A-J]\b))"
)
_ALONE = re.compile(r"(?<!\w)[A-J](?!\w)")
_NO_LETTER = re.compile(r"\bI(?=\s+[a-z'’])|\bI['’]|\bA(?=\s+[a-z]{2})")  # the pronoun and the article
_LAST_LETTER = re.compile(r"(?<!\w)\(?([A-J])\)?(?:['’][a-zçğıöşü]{2,4})?\s*[.!。।]?\s*$")  # Doğru cevap C'dir.
_REASON = re.compile(
    r"(?<=[^A-Za-z][A-J])(?:\)?[,;.:，；。：]?\s*\(?(?:because|since|as|for|due to|given that|while|whereas|where|which"
    r"|so that|by|after|through|weil|da|porque|parce que|car|ya que|, and not)\b"
    r"|(?<=[A-J])[）)]?[,，;；。.]?\s*(?:因为|由于)"
    r"|\)?\s*[,;.]\s*(?:the (?:other|rest)|all other|others)\b).*",
    re.DOTALL,
)
_SEVERAL = re.compile(r"\(?\s*\b[A-J]\b\W*(?:,|/|or|and|&)\W*(?:(?:maybe|perhaps|possibly|even|either)\s+)?\b[A-J]\b")
_RUN = re.compile(r"[A-H]{2,6}")
_LETTERS = re.compile(r"[A-H]")
_LIST = re.compile(r"\(?[A-H]\)?(?:\s*(?:,|;|、|and|&|,\s*and)\s*\(?[A-H]\)?){1,5}")
_DENIED = re.compile(
    r"(?i)\b(?:not|\w+n['’]t|neither|except|wrong|incorrect|eliminate[sd]?|or|if|suppose|unless|cannot|than|could|might|may|maybe|perhaps|possibly)\b"
)
_SENTENCE = re.compile(r"\A(?!.*(?:\\[a-zA-Z]|[=^_*/+<>|])).*[^\W\d_]{2}", re.DOTALL)  # words, and no formula
_GUESSED = re.compile(rf"(?i){column('doubts')}|\bmay be\b")
_SENTENCES = re.compile(r"(?<=[.!?。！\n])\s*")


@dataclass(frozen=True)
class ChoiceText:
    """A letter with the words of its option ("" when only the letter is given)."""

    letter: str
    words: str = ""
    text: str = ""  # the words as written


def read_choice(text: str, *, among_options: bool = False) -> ChoiceText | None:
    """The letter (and option text) that an answer consists of; None if it is no choice.

    Args:
        among_options: the question is multiple choice, so that a small letter or `B = 12` names an option.
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    plain = _plain(text)
    named = _NAMED_FIRST.match(plain)
    if named:
        plain = plain[named.end() :]
    if among_options:
        plain = _REASON.sub("", f" {plain}").strip()
    alone = _LETTER.fullmatch(plain) or _SMALL_LETTER.fullmatch(plain)
    if alone is None and (among_options or (named and named.end())):
        alone = _ANY_LETTER.fullmatch(plain)
    if alone:
        return ChoiceText(alone[1].upper())
    if _SEVERAL.match(plain):
        return None
    found = _split(plain, _LEADING, _FURTHER) or (_split(plain, _SEPARATED, _NO_TEXT) if among_options else None)
    if found is None:
        return None
    letter, rest = found
    bare = text.lstrip(" \t\n$*")
    written = _WRITTEN.match(bare) if not named else None
    return ChoiceText(letter, canonical_words(rest), bare[written.end() :].strip() if written else rest)


def _plain(text: str) -> str:
    text = _BOLD.sub(r" \1 ", text) if "*" in text else text
    return " ".join(_COMMANDS.sub(" ", text).split())


def _split(plain: str, pattern: re.Pattern[str], no_option: re.Pattern[str]) -> tuple[str, str] | None:
    """The letter and the words of its option behind it; None where they judge it or are no option."""
    found = pattern.fullmatch(plain)
    if found is None or _JUDGED.match(found["words"]) or no_option.match(found["words"]):
        return None
    if found.groupdict().get("bare") and not _OPTION_TEXT.match(found["words"]):
        return None  # the article, the beginning of a sentence, or a factor: A cos x
    return next(group for group in found.groups() if group).upper(), found["words"]


def read_choices(text: str) -> frozenset[str] | None:
    """The letters of an answer that names several options: `ACD`, `A, C and D`, `(A), (C)`; None if it is none."""
    if len(text) > 200:
        return None
    plain = _plain(text).rstrip(".")
    if _RUN.fullmatch(plain) and list(plain) == sorted(set(plain)):
        return frozenset(plain)
    if not _LIST.fullmatch(plain):
        return None
    letters = _LETTERS.findall(plain)
    return frozenset(letters) if len(set(letters)) == len(letters) else None


def find_choice(text: str) -> str | None:
    """The letter that a sentence settles on ("I think the correct answer is C"); None if none or several."""
    line = NOT_THAT.sub("", without_denied(_plain(text[-_MAX_CHARACTERS:]))).strip()
    line = _REASON.sub("", f" {line}").strip()
    if _SEVERAL.search(line[-200:]):
        return None
    settled = read_choice(line)
    if settled is not None and not settled.words:
        return settled.letter
    if left := _left(line):
        return left
    for pattern in (_CONCLUDED, _PRAISED, _CHOSEN, _FINAL, _NAMED):
        found = [(match[1], match.start(1)) for match in pattern.finditer(line)]
        if not found:
            continue
        letter, at = found[-1]
        if not _is_denied(line, at) and not _JUDGED.match(line[at + 1 :].lstrip(" ).,:")):
            return letter
    line = _NO_LETTER.sub("", line)
    final = _LAST_LETTER.search(line[-20:]) if len(line) <= _MAX_CONCLUSION and _SENTENCE.search(line) else None
    if (
        final
        and len(_ALONE.findall(line)) == 1
        and not any((is_doubtful(line), _GUESSED.search(line), _DENIED.search(line), _RULED_OUT.search(line)))
    ):
        return final[1]  # the one letter of a short sentence, at its end, in any language
    return None


def chosen_option(response: str, places: Sequence[Place | str]) -> Extraction | None:
    """What a response announces as its option without announcing an answer; None if it chooses none."""
    letters = chosen_letters(visible_text(response)) if Place.ANNOUNCED in places else ()
    return Extraction(letters[-1], Place.ANNOUNCED, others=letters[:-1]) if letters else None


def chosen_letters(text: str) -> tuple[str, ...]:
    """The letters that sentences of a text choose in so many words: "Option D is correct", "I choose D"; in order."""
    letters: list[str] = []
    for sentence in _SENTENCES.split(text[-_MAX_CHARACTERS:]):
        line = NOT_THAT.sub("", without_denied(_plain(sentence))).strip()
        if left := _left(line):
            letters.append(left)
            continue
        for pattern in (_CONCLUDED, _PRAISED, _CHOSEN, _FORCED):
            found = pattern.search(line)
            if found and not _is_denied(line, found.start(1)):
                letters.append(found[1])
                break
    return tuple(letters)


def _is_denied(line: str, at: int) -> bool:
    """Whether what stands before the letter at `at` denies it."""
    return bool(_DENIED.search(line[max(0, at - 30) : at]) or _RULED_OUT.search(line[max(0, at - 40) : at + 1]))


def _left(line: str) -> str | None:
    """The letter that a sentence leaves after it has ruled out the others; None if it leaves none, or several."""
    found = list(_LEFT.finditer(line))
    letters = {match[1] or match[2] for match in found}
    return letters.pop() if len(letters) == 1 and not _DENIED.search(line[found[-1].end() :]) else None
