"""Where a response announces its final answer. The caller declares the places; reasoning never counts.

Announcing is explicit: a box, a tag, `####`, "the answer is". `TRAINING_PLACES` stops there. `ALL_PLACES` goes on to
read a bare expression, the last formula and the last number of a text, as graders of evaluation sets have to; a
policy rewarded for those would learn to scatter numbers, so training environments leave them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Place(StrEnum):
    """Where an answer may stand, in the order in which places are tried."""

    TAG = "tag"  # <answer> ... </answer>
    BOXED = "boxed"  # \boxed{...}
    HASHES = "hashes"  # #### ...
    ANNOUNCED = "announced"  # the answer is ..., Answer: ..., A: ...
    BARE = "bare"  # the whole response is one expression
    FORMULA = "formula"  # the last $...$ of the text
    LAST = "last"  # the last number, equation or bold words of the text


TRAINING_PLACES = (Place.TAG, Place.BOXED, Place.HASHES, Place.ANNOUNCED)
ALL_PLACES = tuple(Place)
_MAX_ANNOUNCEMENTS = 200  # the last ones are looked at
_MAX_TAIL = 200_000  # characters at the end of a response that are searched


@dataclass(frozen=True)
class Extraction:
    """The announced answer.

    Attributes:
        answer: its text; None when nothing is announced.
        place: where it stood.
        shorter: gives `fallbacks`, worked out only when they are needed.
        others: earlier announcements in the same kind of place, oldest first.
        detail: why there is no answer.
    """

    answer: str | None
    place: Place | None = None
    shorter: Callable[[], tuple[str, ...]] = tuple
    others: tuple[str, ...] = ()
    detail: str = ""

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Shorter readings of the same announcement, to be tried when `answer` is no mathematics."""
        return self.shorter()


_REASONING = r"think|thinking|thought|reasoning|reason|scratchpad|analysis|reflection"
_REASONING_TAG = re.compile(rf"<(/?)(?:{_REASONING})>", re.IGNORECASE)
_INVISIBLE = re.compile(r"\\(?:[hv]?phantom|tag|label)\*?\s*\{[^{}]{0,400}\}")
_NEXT_TURN = re.compile(r"<\|im_start\|>\s*user|<\|start_header_id\|>\s*user|\nUser:|\nHuman:")
_SPECIAL = re.compile(r"<\|[A-Za-z_]{1,24}\|>")
_COMMENT = re.compile(r"(?m)^\s*%[^\n]*$|(?<=\})\s*%\s*\\boxed\{[^\n]*$")
_ANSWER_TAG = re.compile(r"<(/?)(?:answer|final_answer|solution)>", re.IGNORECASE)
_BOX = re.compile(r"(?:\\f?|\\?begin)?boxed\s*\{")
_BOX_WORD = re.compile(r"\\boxed\s+([^\s${}\\]{1,40})")
_BRACE = re.compile(r"[{}]")
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_JOINT = re.compile(r"(?:,|;|and|or|&|,\s*and|,\s*or)\s*(?:[A-Za-z](?:_\{?\w+\}?)?\s*=)?")
_PERCENT_AFTER = re.compile(r"[\s$)]*(?:\\?%|percent\b|pct\b)")

_ANNOUNCEMENTS = re.compile(
    r"""(?:
      \b(?:final|correct|right|our|overall)?\s*(?:answers?|ans|solution|result)\b(?:\s+(?:to|of|for|in|should|would|will|must|can|thus|then|therefore|hence)\b[^.\n:=$\\]{0,60}?)?
        \s*\**\s*(?:(?:is|are|was|be)\b\s*(?:\**\s*:)?|[:：=]|(?=\$|\\\(|\\\[))
    | (?:最终)?(?:正确)?(?:答案|结果|答)(?:应该|应当)?(?:是|为|：|:|等于)
    | \b(?:la\s+)?(?:respuesta|réponse|resposta|risposta|antwort|lösung|odpowiedź|jawaban|svar)\b
        (?:\s+(?:final|correcta|finale|correcte|correta|corretta|richtige))?
        \s*(?:est|es|ist|é|è|lautet|to|adalah|är|:)(?![A-Za-z\u00c0-\u024f])(?:\s*:)?
    | (?:ответ|відповідь)\s*(?::|—|-|это)?
    | (?:정답|답)\s*(?:은|는|:)
    | (?:答え|正解)は?\s*[:：]?
    | (?:उत्तर|উত্তর|పరిష్కారం|பதில்)\s*(?:है|হল|হলো|:)?\s*:?
    | คำตอบ\s*(?:คือ|:)
    | (?:cevap|yanıt|jibu|sagot|đáp\s+án|απάντηση|תשובה|válasz|răspuns|vastaus|antwoord|odpověď)
        \s*(?:is|ni|là|είναι|:)?\s*:?
    | 所以选|故选|选(?=\s*[A-J])
    | (?:الجواب|الإجابة)(?:\s+(?:هو|هي))?\s*:?
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_A_LINE = re.compile(r"(?m)^\s*A\s*[:：]\s*(\S[^\n]*)$")
_SENTENCE_END = re.compile(r"(?<=[^.\d])\.(?=\s|$)|(?<=\d)\.(?=\s+[A-Z(\\$*#<]|\s*$)|[。！]|\n\s*\n|\n|<\|")
_NEGATED = re.compile(
    r"(?i)\b(?:not|no|but|n't|isn['’]t|can['’]t|aren['’]t|doesn['’]t|cannot|never|neither|nor|wrong|incorrect|no longer"
    r"|rather than|instead of|except|unlikely|false)\b|≠|\\neq?\b|不是|错误|不对|没有"
)
_HEDGED = re.compile(r"(?i)\b(?:or|maybe|perhaps|possibly|either|probably|might|could be|unsure|guess|between)\b|或")
_BOUNDED = re.compile(
    r"(?i)\b(?:at (?:least|most)|(?:less|more|fewer|greater|larger|smaller|other|rather|bigger|higher|lower) than"
    r"|up to|nearly|almost|below|above|anything but)\s+\W{0,3}[\d\\]|\d\W{0,3}\?"
)
_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<=[\s(=:：$是为])|^)?-?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?(?:\s*\\?%)?|(?<=[^\x00-\x7f])-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?"
)
_SENTENCES = re.compile(r"\n\s*\n|(?:(?<=[.!?。])|(?<=[.!?]\$)|(?<=[.!?]\$\$)|(?<=\.\\\]))\s+(?=[A-Z])|(?<=[。！])")
_JOINING_WORDS = frozenset(("and", "or", "where", "for", "with", "if", "when", "in", "percent", "pct", "all", "some",
                            "any",
                            "integer",
                            "integers", "real", "odd", "even", "text", "only", "otherwise", "is", "equals", "equal",
                            "equals", "equal", "prime", "degrees", "mod", "to"))  # fmt: skip
_ONLY_NUMBERS = re.compile(r"[\d\s.,/+*^()=%$-]{1,64}")  # no word, tag or command: no other place can match
_DIGIT = re.compile(r"\d")


def strip_reasoning(response: str) -> str:
    """The response without its reasoning blocks; an unclosed one runs to the end, an unopened one from the start."""
    if "<" not in response:
        return response
    kept: list[str] = []
    position, inside = 0, False
    for tag in _REASONING_TAG.finditer(response):
        if tag[1]:
            if not inside:
                kept.clear()
            inside, position = False, tag.end()
        elif not inside:
            kept.append(response[position : tag.start()])
            inside = True
    if not inside:
        kept.append(response[position:])
    return " ".join(kept)


def extract_answer(response: str, places: Sequence[Place | str] = ALL_PLACES) -> Extraction:
    """The final answer that `response` announces, looked for in `places` (tried in the order of `Place`)."""
    order = _in_order(tuple(places))
    if Place.BARE in order and _ONLY_NUMBERS.fullmatch(response):
        return Extraction(_plain(response.strip()), Place.BARE)
    text = strip_reasoning(response[-_MAX_TAIL:] if len(response) > _MAX_TAIL else response)
    turn = _NEXT_TURN.search(text, 1)
    if turn:
        text = text[: turn.start()]
    text = _COMMENT.sub("", text) if "%" in text else text
    if len(text) != len(response) and not text.strip():
        return Extraction(None, detail="nothing outside the reasoning block")
    hidden = len(response) != len(text) and _REASONING_TAG.search(response) is not None
    if "\\" in text:
        text = _INVISIBLE.sub(" ", text)
    for place in order:
        if hidden and place is Place.LAST:
            continue
        found = _FINDERS[place](text)
        if found is not None:
            return found
    return Extraction(None, detail="no place in the response announces an answer")


@lru_cache(maxsize=64)
def _in_order(places: tuple[Place | str, ...]) -> tuple[Place, ...]:
    wanted = {Place(place) for place in places}
    return tuple(place for place in Place if place in wanted)


def _tag(text: str) -> Extraction | None:
    if "<" not in text:
        return None
    found: list[str] = []
    start: int | None = None
    for tag in _ANSWER_TAG.finditer(text):
        if not tag[1]:
            start = tag.end()
        elif start is not None:
            found.append(text[start : tag.start()].strip())
            start = None
    if not found:
        return None
    boxed = _boxed(found[-1])
    if boxed is not None:
        return boxed
    inner = found[-1]
    return Extraction(_plain(inner), Place.TAG, lambda: _tag_fallbacks(inner), tuple(found[:-1]))


def _tag_fallbacks(inner: str) -> tuple[str, ...]:
    announced = _announced(inner)
    return ((announced.answer, *announced.fallbacks) if announced and announced.answer else ()) + _reduced(inner)


def boxes(text: str) -> tuple[list[tuple[int, int, str]], bool]:
    """(start, end, content) of every closed outermost box, in order, and whether a box was left open."""
    starts = [(match.start(), match.end()) for match in _BOX.finditer(text)]
    found: list[tuple[int, int, str]] = []
    if not starts:
        return [(match.start(), match.end(), match[1]) for match in _BOX_WORD.finditer(text)], False
    closing = _matching_braces(text)
    position, unclosed = -1, False
    for start, inner in starts:
        if start < position:
            continue  # inside the box before
        end = closing.get(inner - 1)
        if end is None:
            unclosed = True
            continue
        found.append((start, end + 1, text[inner:end]))
        position = end
    return found, unclosed


def _matching_braces(text: str) -> dict[int, int]:
    """Position of each `{` -> position of its `}`, in one pass; escaped braces do not count."""
    stack: list[int] = []
    pairs: dict[int, int] = {}
    for match in _BRACE.finditer(text):
        position = match.start()
        if position and text[position - 1] == "\\" and not (position > 1 and text[position - 2] == "\\"):
            continue
        if match[0] == "{":
            stack.append(position)
        elif stack:
            pairs[stack.pop()] = position
    return pairs


def _boxed(text: str) -> Extraction | None:
    if "boxed" not in text:
        return None
    found, unclosed = boxes(text)
    filled = [box for box in found if box[2].strip()]
    if not filled:
        if unclosed or found:
            return Extraction(None, Place.BOXED, detail="the box is empty" if found else "the box is not closed")
        return None
    if unclosed and text.rfind("boxed") > filled[-1][1]:
        return Extraction(None, Place.BOXED, detail="the last box is not closed")
    run = [filled[-1]]
    for box in reversed(filled[:-1]):
        between = re.sub(
            r"\\(?:quad|qquad|[,;!:()\[\] ])|\\text\s*\{([^{}]*)\}|[$\s]+|\\\\",
            lambda piece: f" {piece[1] or ''} ",
            text[box[1] : run[0][0]],
        ).strip()
        if len(run) >= 40 or not _JOINT.fullmatch(between):
            break
        run.insert(0, box)
    others = tuple(box[2].strip() for box in filled[: -len(run)])
    if len(run) > 1:
        return Extraction(", ".join(box[2].strip() for box in run), Place.BOXED, others=others)
    content = run[0][2].strip()
    if _PERCENT_AFTER.match(text, run[0][1]) and "%" not in content:
        content += "\\%"
    return Extraction(content, Place.BOXED, others=others)


def _hashes(text: str) -> Extraction | None:
    if "####" not in text:
        return None
    found = [match[1].strip() for match in _HASHES.finditer(text) if match[1].strip()]
    if not found:
        return None
    return Extraction(_plain(found[-1]), Place.HASHES, others=tuple(found[:-1]))


def _announced(text: str) -> Extraction | None:
    payloads: list[tuple[int, str]] = []
    matches = list(_ANNOUNCEMENTS.finditer(text))
    for match in matches[-_MAX_ANNOUNCEMENTS:]:
        payload = _sentence(text, match.end())
        if payload:
            payloads.append((match.start(), payload))
    for match in list(_A_LINE.finditer(text))[-_MAX_ANNOUNCEMENTS:]:
        payloads.append((match.start(), match[1].strip()))
    if not payloads:
        return None
    payloads.sort()
    payload = payloads[-1][1]
    return Extraction(
        _plain(payload), Place.ANNOUNCED, lambda: _reduced(payload), tuple(_plain(other) for _, other in payloads[:-1])
    )


def _sentence(text: str, start: int) -> str:
    """From `start` to the end of the sentence; a display formula may begin on the next line."""
    rest = text[start : start + 2_000]
    stripped = rest.lstrip("*_ \t\n:：")
    if not stripped:
        return ""
    opening = re.match(r"\$\$|\\\[|\$|\\\(", stripped)
    if opening:
        closing = {"$$": "$$", "\\[": "\\]", "$": "$", "\\(": "\\)"}[opening[0]]
        end = stripped.find(closing, len(opening[0]))
        if end > 0:
            tail = _SENTENCE_END.search(stripped, end + len(closing))
            return stripped[: tail.start() if tail else len(stripped)].strip()
    end_match = _SENTENCE_END.search(stripped)
    return (stripped[: end_match.start()] if end_match else stripped).strip()


def _bare(text: str) -> Extraction | None:
    stripped = text.strip()
    if not stripped or len(stripped) > 6_000 or stripped.count("\n") > 60:
        return None
    if _is_prose(stripped):
        fallbacks = _formula_fallbacks(stripped)
        if fallbacks:
            return Extraction(fallbacks[0], Place.FORMULA, lambda: (*fallbacks[1:], _plain(stripped)))
    return Extraction(_plain(stripped), Place.BARE, lambda: _formula_fallbacks(stripped))


def _is_prose(text: str) -> bool:
    """Whether formulas stand inside a sentence, rather than words inside an answer."""
    if "$" not in text and "\\(" not in text and "\\[" not in text:
        return False
    outside, count = _MATH.subn(" ", text)
    return count > 0 and any(word.lower() not in _JOINING_WORDS for word in re.findall(r"[^\W\d_]{2,}", outside))


def _formula_fallbacks(text: str) -> tuple[str, ...]:
    formula, last = _formula(text), _last(text)
    found: list[str] = []
    for extraction in (formula, last):
        if extraction is not None and extraction.answer is not None:
            found.extend((extraction.answer, *extraction.fallbacks))
    return tuple(dict.fromkeys(found))


def _formula(text: str) -> Extraction | None:
    if "$" not in text and "\\(" not in text and "\\[" not in text:
        return None
    sentences = [part for part in _SENTENCES.split(text[-4_000:]) if _DIGIT.search(part) or "$" in part or "\\" in part]
    for sentence in reversed(sentences[-1:]):
        found = [
            next(group for group in match.groups() if group is not None).strip() for match in _MATH.finditer(sentence)
        ]
        found = [piece for piece in found if piece]
        if not found:
            continue
        if _NEGATED.search(_MATH.sub(" ", sentence)) or (len(found) > 1 and _HEDGED.search(sentence)):
            return None
        return Extraction(found[-1], Place.FORMULA, others=tuple(found[:-1]))
    return None


def _last(text: str) -> Extraction | None:
    """The last bold words, equation or number: the weakest announcement, refused in a negated or hedged sentence."""
    tail = text[-4_000:]
    lines = [
        line.strip() for line in re.split(r"\n|(?<=[。！])|(?<=[.!?])\s+(?=[A-Z\u00c0-\u04ff])", tail) if line.strip()
    ]
    for line in reversed(lines[-12:]):
        bold = _BOLD.findall(line)
        if not _DIGIT.search(line) and not bold:
            continue
        if _doubtful(line):
            return None
        if re.search(r"\\[a-zA-Z]", _MATH.sub(" ", line)) and not bold:
            return None  # a formula that could not be read is no place to pick numbers from
        numbers = [match[0].strip().rstrip(",") for match in _NUMBER.finditer(line)]
        candidates: list[str] = []
        if bold:
            candidates.append(_plain(bold[-1]))
            numbers = [match[0].strip() for match in _NUMBER.finditer(bold[-1])] or numbers
        elif "=" in line and len(line) < 200:
            candidates.append(_plain(line))
        if numbers:
            candidates.append(numbers[-1])
        if candidates:
            rest = tuple(candidates[1:])
            return Extraction(candidates[0], Place.LAST, lambda: rest)  # noqa: B023 (returned at once)
    return None


def _doubtful(sentence: str) -> bool:
    """Whether a sentence denies its number, offers several, or only bounds it."""
    return any(pattern.search(sentence) for pattern in (_NEGATED, _HEDGED, _BOUNDED))


def _reduced(payload: str) -> tuple[str, ...]:
    """Shorter readings of an announcement such as "The largest $n$ is 34": refused when it is negated or hedged."""
    if _doubtful(payload):
        return ()
    found: list[str] = []
    formulas = [
        next(group for group in match.groups() if group is not None).strip() for match in _MATH.finditer(payload)
    ]
    bold = _BOLD.findall(payload)
    if bold:
        found.append(_plain(bold[-1]))
    copula = re.split(r"\b(?:is|are|equals|be)\b\s*:?", payload)
    if len(copula) > 1 and copula[-1].strip():
        found.append(_plain(copula[-1]))
    if len(formulas) == 1:
        found.append(formulas[0])
    numbers = [match[0].strip().rstrip(",") for match in _NUMBER.finditer(payload)]
    if len(numbers) == 1:
        found.append(numbers[0])
    elif numbers and re.search(r"(?:=|≈|\\approx)\s*\S*" + re.escape(numbers[-1]), payload):
        found.append(numbers[-1])
    return tuple(dict.fromkeys(piece for piece in found if piece))


_COPULA_AFTER = re.compile(r"(?<=[0-9A-Za-z$)}%])\s*(?:입니다|이다|예요|です|である|だ|है|हैं|হয়|dir|dır)\s*[.。।]?$")


def _plain(text: str) -> str:
    """Without Markdown marks and formula delimiters around the whole."""
    text = _SPECIAL.sub("", text).strip().strip("*_`").strip()
    text = _COPULA_AFTER.sub("", text)
    while text[-1:] in (".", "。", ",", "।") and not text.endswith(("..", "\\,")):
        text = text[:-1].rstrip()
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$")):
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
            inner = text[len(opening) : -len(closing)]
            if opening not in inner:
                return inner.strip()
    return re.sub(r"\\[()]|\\\[(?![\d.]*(?:pt|em|ex)\])|\\\]", " ", text) if "\\(" in text or "\\[" in text else text


_FINDERS = {
    Place.TAG: _tag,
    Place.BOXED: _boxed,
    Place.HASHES: _hashes,
    Place.ANNOUNCED: _announced,
    Place.BARE: _bare,
    Place.FORMULA: _formula,
    Place.LAST: _last,
}
