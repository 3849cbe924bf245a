"""Answers that nobody announced: the whole response, its last formula, its last number. For evaluation sets only."""

from __future__ import annotations

import re

from verifiers.extract.doubt import BOLD, HEDGED, NEGATED, NOT_THAT, NUMBER, is_doubtful, picked, without_remark
from verifiers.extract.languages import column
from verifiers.extract.places import MATH, Extraction, Place, content, undecorated
from verifiers.text import listed
from verifiers.text.nouns import is_remark

_MAX_BARE = 6_000  # characters
_MAX_BARE_LINES = 60
_TAIL = 4_000  # characters at the end in which a formula or number is looked for
_SENTENCES = re.compile(r"\n\s*\n|(?:(?<=[.!?。])|(?<=[.!?]\$)|(?<=[.!?]\$\$)|(?<=\.\\\]))\s+(?=\**[A-Z])|(?<=[。！])")
_LINES = re.compile(r"\n|(?<=[。！])|(?<=[.!?])\s+(?=[A-Z\u00c0-\u04ff])")
_DIGIT = re.compile(r"\d")
_ONE = r"-?\$?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?%?"
_SERIES = re.compile(rf"(?<![\w.]){_ONE}(?:(?:,\s+(?:(?:and|or)\s+)?|\s+(?:and|or|&)\s+){_ONE})+(?=\W*$)")
_SHARE = re.compile(r"\d+ (?:(?:out of|in) (?:every )?|to )\d+(?=\W*$)")  # 5 out of 8, and the ratio 5 to 3
_NUMBER_AND_WORD = re.compile(rf"{_ONE}\s+([^\W\d_]+)[.!]?")
_CODE = re.compile(
    r"```(?:python|py|javascript|js|c|cpp|java|sympy|bash|sh|sql|r|julia|matlab)\n.*?(?:```|$)", re.DOTALL
)
_ASSIGNMENT = re.compile(r"\s*([A-Za-z](?:_\w+)?)\s*=")
_AND = re.compile(r"(?i)\s*,?\s*(?:and|or)\s*")
_COMMA = re.compile(r"(?i)\s*,\s*(?:and|or)?\s*")
_CONNECTIVE = re.compile(rf"(?i)^(?:{column('conclusions')}[,，]?\s*)+")
_YES_NO = re.compile(r"(?i)(yes|no)\b\s*[,.;:!]")
_FIRST_EQUATION = re.compile(r"(?<![\w\\])[A-Za-z](?:_\w+)?\s*=(?!=)")
_SAID_AFTER = re.compile(
    r"=[^=]*\b(?:so|thus|hence|therefore|then)\b[^=]*\b(?:is|are|was|costs?|gets?|has|have|makes?)\b[^=]*$"
)
_EQUATION_LINE = re.compile(r"(?![=\\])(?:(?!\\(?:text|begin))[^=\n]){1,60}=(?!=)(?:(?!\\(?:text|begin))[^\n]){1,120}")
_TEXT_GROUP = re.compile(r"\\text\{[^{}]*\}")
_COPULA = re.compile(r"\b(?:is|are|was|were|equals)\b")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_COMMAND = re.compile(r"\\[a-zA-Z]")
_MAX_STEPS = 12
_LAST_WORD = re.compile(
    r"(?:(?<![\\\w])(?!sin|cos|tan|log|exp|sqrt|det|gcd|max|min|lim)[A-Za-z]{3,}|\bis|[\u4e00-\u9fff])\s*"
)
_CHINESE_COPULA = re.compile(r"[\u4e00-\u9fff](?:为|是|等于)\s*([^。\u4e00-\u9fff]{1,80}?)\s*[。．.]?$")
_LABELLED_LINE = re.compile(r"(?:>\s*|[-*]\s+|#+\s+)*\*\*[^*\n:]{1,40}(?::\*\*|\*\*\s*:)\s*(\S.*)$")
_JOINING_WORDS = listed(
    "and or where for with if when in percent pct all some any integer integers real odd even text only otherwise is"
    " equals equal prime degrees mod to"
)


def bare(text: str) -> Extraction | None:
    """The whole text as one expression; formulas inside a sentence come before the sentence."""
    stripped = _CONNECTIVE.sub("", _CODE.sub(" ", text).strip())
    if not stripped or len(stripped) > _MAX_BARE or stripped.count("\n") > _MAX_BARE_LINES:
        return None
    if "\n" in stripped and "=" in stripped:
        stripped = _steps(stripped)
    if _is_prose(stripped):
        fallbacks = _formula_fallbacks(stripped)
        if fallbacks:
            return Extraction(fallbacks[0], Place.FORMULA, lambda: (*fallbacks[1:], undecorated(stripped)))
    if (remarked := _NUMBER_AND_WORD.fullmatch(stripped)) is not None and is_remark(remarked[1].lower()):
        return Extraction(undecorated(stripped), Place.BARE)  # 5 fewer, 5 tens: no 5 on its own
    return Extraction(undecorated(stripped), Place.BARE, lambda: _formula_fallbacks(stripped))


def _steps(text: str) -> str:
    """Equations on lines of their own as a list; `text` itself where a line is anything else."""
    lines = [line.strip().rstrip(".,;") for line in text.split("\n") if line.strip()]
    is_steps = 1 < len(lines) <= _MAX_STEPS and all(_EQUATION_LINE.fullmatch(line) for line in lines)
    return "; ".join(lines) if is_steps and not any(_LAST_WORD.search(line) for line in lines) else text


def _has_formulas(text: str) -> bool:
    return "$" in text or "\\(" in text or "\\[" in text


def _is_prose(text: str) -> bool:
    """Whether formulas stand inside a sentence, rather than words inside an answer."""
    text = _TEXT_GROUP.sub(" ", text) if "\\text{" in text else text  # \text{if $n$ is even} is part of a formula
    if not _has_formulas(text):
        return False
    outside, count = MATH.subn(" ", text)
    return count > 0 and any(word.lower() not in _JOINING_WORDS for word in _WORDS.findall(outside))


def _formula_fallbacks(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for extraction in (formula(text), last(text)):
        if extraction is not None and extraction.answer is not None:
            found.extend((extraction.answer, *extraction.fallbacks))
    found.extend(_conclusion(text))
    return tuple(dict.fromkeys(found))


def formula(text: str) -> Extraction | None:
    """The last formula of the last sentence, unless that sentence denies it or offers several."""
    if not _has_formulas(text):
        return None
    sentences = [part for part in _SENTENCES.split(text[-_TAIL:]) if _DIGIT.search(part) or "$" in part or "\\" in part]
    if not sentences:
        return None
    sentence = sentences[-1]
    found = _joined_formulas(sentence)
    if not found or NEGATED.search(MATH.sub(" ", sentence)) or (len(found) > 1 and HEDGED.search(sentence)):
        return None
    return Extraction(found[-1], Place.FORMULA, others=tuple(found[:-1]))


def _joined_formulas(sentence: str) -> list[str]:
    """The formulas of a sentence; the last ones as one where `and` joins them: "$x = 2$ and $x = 5$" is two values."""
    matches = [match for match in MATH.finditer(sentence) if content(match)]
    found = [content(match) for match in matches]
    run = len(found) - 1
    names = [_ASSIGNMENT.match(piece) for piece in found]
    while run > 0:
        between = sentence[matches[run - 1].end() : matches[run].start()]
        mine, other = names[run], names[run - 1]
        is_next = bool(mine and other and mine[1] != other[1])  # $x = 2$, $y = 3$
        joins = _AND if run == len(found) - 1 and not is_next else _COMMA
        if not (joins.fullmatch(between) or _AND.fullmatch(between)):
            break
        run -= 1
    return [*found[:run], ", ".join(found[run:])] if 0 <= run < len(found) - 1 else found


def _conclusion(text: str) -> list[str]:
    """What the last sentence says of its subject ("Hence the liar is Carol"), or the yes or no that it begins with."""
    sentences = [part.strip() for part in _SENTENCES.split(text[-_TAIL:]) if part.strip()]
    if not sentences or is_doubtful(sentences[-1].replace("No,", "").replace("no,", "")):
        return []
    sentence = _CONNECTIVE.sub("", sentences[-1])
    lead = _YES_NO.match(sentence)
    if lead:
        return [lead[1]]
    copula = _COPULA.split(sentence)
    if len(copula) < 2 or not copula[-1].strip(" ."):
        return []
    return list(dict.fromkeys((undecorated(copula[-1]), undecorated(without_remark(copula[-1].strip())))))


def last(text: str) -> Extraction | None:
    """The last bold words, equation or number: the weakest announcement, refused in a negated or hedged sentence."""
    lines = [line.strip() for line in _LINES.split(_CODE.sub(" ", text[-_TAIL:])) if line.strip()]
    for line in reversed(lines[-12:]):
        entry = _LABELLED_LINE.match(line)
        if entry and not HEDGED.search(entry[1]):
            return Extraction(undecorated(entry[1]), Place.LAST)
        bold = BOLD.findall(line)
        if not _DIGIT.search(line) and not bold:
            continue
        line = NOT_THAT.sub("", line)
        if is_doubtful(line):
            return None
        if _DIGIT.search(plain := without_remark(line)):
            line = plain
        if _COMMAND.search(MATH.sub(" ", line)) and not bold:
            return None  # a formula that could not be read is no place to pick numbers from
        numbers = [picked(line, match) for match in NUMBER.finditer(line)]
        candidates: list[str] = []
        if bold:
            if len(bold) > 1 and _AND.fullmatch(
                line[line.rfind(bold[-2]) + len(bold[-2]) : line.rfind(bold[-1])].strip("*")
            ):
                candidates.append(f"{bold[-2]}, {bold[-1]}")
            candidates.append(_CONNECTIVE.sub("", undecorated(bold[-1])))
            numbers = [picked(bold[-1], match) for match in NUMBER.finditer(bold[-1])] or numbers
        elif "=" in line and len(line) < 200:
            if _SAID_AFTER.search(line) and len(list(NUMBER.finditer(line[line.rfind("=") :]))) == 2:
                candidates.append(numbers[-1] or "")  # 6*7=42, so the total cost is 42
            candidates.append(undecorated(line))
            if (equation := _FIRST_EQUATION.search(line)) and equation.start():
                candidates.append(undecorated(line[equation.start() :]))
            words = list(_LAST_WORD.finditer(line[: line.index("=")]))
            if words:
                candidates.append(undecorated(line[words[-1].end() :]))
        elif chinese := _CHINESE_COPULA.search(line):
            candidates.append(undecorated(chinese[1]))
        share = _SHARE.search(line)
        series = _SERIES.search(line) if len(numbers) > 1 else None
        if share:
            candidates.append(share[0])
        elif series:
            candidates.append(series[0])  # "15 and 10" is two values, and its last number is no answer
        elif numbers:
            candidates.append(numbers[-1] or "")
        candidates = [candidate for candidate in candidates if candidate]
        if candidates:
            rest = tuple(candidates[1:])
            return Extraction(candidates[0], Place.LAST, lambda: rest)  # noqa: B023 (returned at once)
    return None
