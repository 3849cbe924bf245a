r"""Answers in \boxed{...}."""

from __future__ import annotations

import re

from verifiers.extract.doubt import reduced
from verifiers.extract.places import Extraction, Place

_BOX = re.compile(r"(?:\\f?|\\?begin)?boxed\s*\{")
_BOX_WORD = re.compile(r"\\boxed\s+([^\s${}\\]{1,40})")
_BRACE = re.compile(r"[{}]")
_JOINT = re.compile(r"(?:,|;|and|or|&|,\s*and|,\s*or)\s*(?:[A-Za-z](?:_\{?\w+\}?)?\s*=)?")
_PERCENT_AFTER = re.compile(r"[\s$)]*(?:\\?%|percent\b|pct\b)")
_TAKEN_BACK = re.compile(
    r"(?i)\b(?:correction\b|scratch that|oops|i made (?:a|an) (?:\w+ )?(?:mistake|error)"
    r"|(?:this|that|(?:(?:the|this|that|my) )?(?:above|answer|box(?:ed)? (?:answer|value)))(?: is|['’]s| was)"
    r" (?:wrong|incorrect|not (?:right|correct))"
    r"|should (?:instead )?(?:be|have been)\b)"
)
_DENIED_BEFORE = re.compile(
    r"(?i)(?:\b(?:not|never|cannot)|n['’]t|≠|\\neq?|\b(?:wrong|incorrect) (?:answer|option|choice|value|result))"
    r"(?:\s+(?:be|is|was|would|equals?|to|simply|just))*\s*[:=]?[\s$*(\\\[]*\Z"
)
_DENIED_AFTER = re.compile(
    r"(?i)[\s$)\]\\*]*(?:is|was|would be)\s+"
    r"(?:wrong|incorrect|false|not\s+(?:correct|right|true|the|a solution|valid)\b)"
)
_NEAR = 40  # characters before a box in which its denial stands
_MAX_JOINED = 40  # boxes that one sentence may join into one answer
_TWO_LEVELS = re.compile(r"\{((?:[^{}\\]++|\\[^{}]|\{(?:[^{}\\]++|\\[^{}])*+\})*+)\}")
_OTHER_MARKS = ("<", "%", "phantom", "\\tag", "\\label", "\nUser:", "\nHuman:", "~~")


def sole_box(response: str) -> str | None:
    r"""The content of the box of a response that holds one box and nothing that could hide it or stand before it.

    None says nothing: the long way decides. What is checked is sufficient: without `<` there is no tag, reasoning
    block or turn mark, without `%` no comment, and the other marks hide text. A property test holds both ways equal.
    """
    start = response.find("\\boxed{")
    if start < 0 or response.find("boxed", start + 7) >= 0 or response.find("boxed") != start + 1:
        return None
    for mark in _OTHER_MARKS:
        if mark in response:
            return None
    found = _TWO_LEVELS.match(response, start + 6)
    if found is None or _PERCENT_AFTER.match(response, found.end()) or _is_denied(response, start, found.end()):
        return None
    content = found[1].strip()
    return content if content and content.isascii() else None


def _is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words before a box deny it ("it cannot be"), or those after it take it back."""
    return bool(
        _DENIED_BEFORE.search(text, max(0, start - _NEAR), start)
        or _DENIED_AFTER.match(text, end)
        or _TAKEN_BACK.search(text, end)
    )


def boxed(text: str) -> Extraction | None:
    """The last box, or the last boxes joined by commas and words such as `and`."""
    if "boxed" not in text:
        return None
    found, unclosed = boxes(text)
    filled = [box for box in found if box[2].strip()]
    if not filled:
        if unclosed or found:
            return Extraction(None, Place.BOXED, detail="the box is empty" if found else "the box is not closed")
        return None
    if _is_denied(text, *filled[-1][:2]):
        return Extraction(None, Place.BOXED, detail="the box is denied, or taken back after it")
    if unclosed and text.rfind("boxed") > filled[-1][1]:
        return Extraction(None, Place.BOXED, detail="the last box is not closed")
    run = [filled[-1]]
    for box in reversed(filled[:-1]):
        if len(run) >= _MAX_JOINED or not _JOINT.fullmatch(_words_between(text[box[1] : run[0][0]])):
            break
        run.insert(0, box)
    others = tuple(box[2].strip() for box in filled[: -len(run)])
    if len(run) > 1:
        return Extraction(", ".join(box[2].strip() for box in run), Place.BOXED, others=others)
    content = run[0][2].strip()
    if not content.isascii() and "\\" not in content:
        return Extraction(content, Place.BOXED, lambda: reduced(content), others)  # a sentence of another language
    if _PERCENT_AFTER.match(text, run[0][1]) and "%" not in content:
        content += "\\%"
    return Extraction(content, Place.BOXED, others=others)


def _words_between(text: str) -> str:
    return re.sub(
        r"\\(?:quad|qquad|[,;:!()\[\] ])|\\text\s*\{([^{}]*)\}|[$\s]+|\\\\", lambda piece: f" {piece[1] or ''} ", text
    ).strip()


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
