r"""Answers in a box: `\boxed{...}` and its kin, `\fbox{...}`, `\framebox[2cm]{...}`, `\colorbox{red}{...}`."""

from __future__ import annotations

import re
from itertools import pairwise

from verifiers.extract.doubt import SUPPOSED, reduced
from verifiers.extract.places import Extraction, Hinted, Place
from verifiers.text import listed
from verifiers.text.latex import TEXT

_BOX = re.compile(  # every branch begins with a plain letter or sign, for which `re` looks quickly
    r"(?:\\(?:f?boxed|beginboxed|fbox|framebox|Boxed|ovalbox|Ovalbox|doublebox|shadowbox|tcbox|bbox)|boxed|beginboxed)\*?"
    r"(?:\s*\[[^\[\]{}\n]{0,60}\]|\s*\([^(){}\n]{0,30}\)){0,2}\s*\{"
    r"|\\(?:colorbox|cfbox)\s*\{[^{}\n]{0,40}\}\s*\{|\\fcolorbox\s*(?:\{[^{}\n]{0,40}\}\s*){2}\{"
    r"|\\enclose\s*\{(?:box|roundedbox|circle)\}\s*(?:\[[^\[\]{}\n]{0,60}\]\s*)?\{"
)
_BOX_WORD = re.compile(r"\\(?:boxed|fbox)(?:\s+|(?=[\d-]))([^\s${}\\]{1,40})")
_CUT_OFF = re.compile(r"\\(?:boxed|fbox)\s*\Z")  # the limit came before the brace
_BRACE = re.compile(r"[{}]")
_JOINT = re.compile(r"(?:,|;|and|or|&|,\s*and|,\s*or)\s*(?:[A-Za-z](?:_\{?\w+\}?)?\s*=)?")
_BLANK = re.compile(
    r"(?:\s|~|\$|\.|_|\?|\\[,;:!>_ ]|\\\\|\\q?quad(?![a-z])|\\(?:[lcdv]?dots|hfill|strut|Box|square)(?![a-z])"
    r"|\\[hv]space\*?\{[^{}]*\}|\\(?:[hv]?phantom|tag|label)\*?\{[^{}]*\}"
    rf"|{TEXT}\s*\{{\s*\}}|\{{\s*\}})*"
)
_GOES_ON = re.compile(  # what stands behind a box and makes another number of the one in it
    r"[\s$)*]*(?:(?P<percent>\\?%|percent\b|pct\b)"
    r"|(?P<scale>(?:hundred|thousand|million|billion|trillion|dozen|lakh|crore)(?:s|ths?)?(?![\w-])|tenths?\b|(?:万亿|[万亿]|[百千](?![克米])))"
    r"|(?<=[}\s])(?P<rest>(?:[\^_]|!(?=\s*[$\\])|\\(?:times|cdot|div)(?![a-zA-Z])|/\s*\d)[^$\n]{0,60}?)(?=\$|\\\)|\\\]|\n|\Z))"
)
_COUNTS_IN = re.compile(  # what stands before a box and makes another number of it: -\boxed{5}, P = 1 - \boxed{5}
    r"(?:(?:[=$(\[]|\\[(\[]|\bis)[ \t]*[-−][ \t]*|(?:\A|:)[ \t]*[-−]"
    r"|(?:\A|[\s$(\[{])[A-Za-z](?:_\{?\w{1,6}\}?|\([^()]{1,9}\))?[ \t]*=[ \t]*"
    r"(?P<operand>\d[\d./]{0,12}[ \t]*[-+])[ \t]*)\Z"
)
_PLAIN = re.compile(r"[\w.]+")
_ANSWER = r"(?:(?:(?:the|this|that|my) )?(?:above|answer|result|value|box(?:ed)? (?:answer|value)))"
_TAKEN_BACK = re.compile(
    rf"(?i)\b(?:correction\b|scratch that|oops|i made (?:a|an) (?:\w+ )?(?:mistake|error)"
    rf"|(?:this|that|{_ANSWER})(?: is|['’]s| was) (?:clearly |obviously |actually |also )?"
    r"(?:wrong|incorrect|not (?:right|correct))"
    rf"|{_ANSWER}(?: is| was) (?:clearly |obviously |actually )?(?:false|impossible|absurd|invalid)"
    rf"|{_ANSWER} (?:does not|doesn['’]t|cannot|can['’]t|fails to) (?:work|hold|satisfy)\b"
    r"|i (?:take (?:that|it|this) back|retract|withdraw)\b"
    r"|(?:ignore|disregard|forget|discard) (?:that|this|the|my) (?:above|box|answer|value|last)"
    r"|should (?:instead )?(?:be|have been)\b)"
)
_DENIED_BEFORE = Hinted(
    re.compile(
        r"(?i)(?:\b(?:not|never|cannot)|n['’]t|≠|\\neq?"
        r"|\b(?:wrong|incorrect|false|naive|tempting) (?:answer|option|choice|value|result|guess))"
        r"(?:\s+(?:be|is|was|would|equals?|to|simply|just))*\s*[:=]?[\s$*(\\\[]*\Z"
    ),
    listed(r"not never n't \ne wrong incorrect false naive tempting"),
)
_TRIED = Hinted(  # only a try, where another box comes later
    re.compile(
        r"(?i)\b(?:tried|try(?:ing)?|attempt(?:ed)?|test(?:ed|ing)?|guess(?:ed)?"
        r"|(?:(?:at )?first|initially|originally|earlier|previously)(?:,? (?:I|we))?(?:['’]d| had| have)?"
        r" (?:got|thought|found|obtained|guessed|wrote|said|answered|computed))"
        r"(?: (?:it (?:is|was)|the answer (?:is|was)|that it (?:is|was)))?[\s:$*(\\\[]*\Z"
    ),
    listed("tried try attempt test guess first initially originally earlier previously"),
)
_FALSE = (
    r"(?:is|was|would be)\s+(?:clearly |obviously |actually |also )?(?:wrong|incorrect|false"
    r"|too (?:small|large|big|low|high)"
    r"|not\s+(?:correct|right|true|the|a solution|valid|possible)\b%s)"
)
_DENIED_AFTER = re.compile(
    rf"(?i)[\s$)\]\\*]*(?:{_FALSE % '|impossible'}|,\s*(?:which|but (?:that|this|it))\s+{_FALSE % '|impossible'}"
    rf"|[.,;]?\s*(?:but )?(?:this|that)\s+{_FALSE % ''}|\?\s*(?:no|nope|wrong|not quite)\b)"
)
_NEAR = 40  # characters before a box in which its denial stands
_MAX_PART = 600  # characters before a box in which the label of its part stands
_NAMED_BEFORE = re.compile(r"([A-Za-z](?:_\{?\w{1,8}\}?)?)\s*(?:=|:)[\s$\\(\[]*\Z")
_PART_LABEL = re.compile(
    r"(?:^|[\n.;:,*]\s*|\s)(?:\(([a-h]|\d|i{1,3}|iv|v)\)|(?i:part|question|case)\s+\(?([a-h]|\d|i{1,3}|iv|v)\b)"
)
_BETWEEN = re.compile(r"\\(?:quad|qquad|[,;:!()\[\] ])|\\text\s*\{([^{}]*)\}|[$\s]+|\\\\")
_MAX_JOINED = 40  # boxes that one sentence may join into one answer


def _is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words before a box deny it ("it cannot be"), or those after it take it back."""
    return bool(
        _DENIED_BEFORE.search(text, max(0, start - _NEAR), start)
        or SUPPOSED.search(text, max(0, start - 2 * _NEAR), start)
        or _DENIED_AFTER.match(text, end)
        or _TAKEN_BACK.search(text, end)
    )


def boxed(text: str) -> Extraction | None:
    """The last box, or the last boxes joined by commas and words such as `and`."""
    if "ox" not in text:
        return None
    found, unclosed = boxes(text)
    if not found and unclosed < 0:
        return None
    if not found or unclosed > found[-1][1]:
        return Extraction(None, Place.BOXED, detail="the last box is not closed" if found else "the box is not closed")
    if _BLANK.fullmatch(found[-1][2]):
        return Extraction(None, Place.BOXED, detail="the last box is empty")
    if _is_denied(text, *found[-1][:2]):
        return Extraction(None, Place.BOXED, detail="the box is denied, or taken back after it")
    full = [box for box in found if not _BLANK.fullmatch(box[2])]
    filled = [*(box for box, after in pairwise(full) if not _is_put_aside(text, box, after)), full[-1]]
    run = [filled[-1]]
    for box in reversed(filled[:-1]):
        if len(run) >= _MAX_JOINED or not _are_joined(text, box, run[0]):
            break
        run.insert(0, box)
    others = tuple(box[2].strip() for box in filled[: -len(run)])
    if len(run) > 1:
        return Extraction(", ".join(box[2].strip() for box in run), Place.BOXED, others=others)
    content = run[0][2].strip()
    if not content.isascii() and "\\" not in content:
        return Extraction(content, Place.BOXED, lambda: reduced(content), others)  # a sentence of another language
    if (after := _GOES_ON.match(text, run[0][1])) is not None:
        content = _with_rest(content, after)
    if (before := _COUNTS_IN.search(text, max(0, run[0][0] - _NEAR), run[0][0])) is not None:
        content = f"{before['operand'] or '-'}({content})"
    return Extraction(content, Place.BOXED, others=others, parts=_parts(text, filled))


def _with_rest(content: str, after: re.Match[str]) -> str:
    """The content of a box with what stands behind it: 5 as 5 %, 5 thousand or 5^2."""
    if after["percent"]:
        return content if "%" in content else content + "\\%"
    if after["scale"]:
        return f"{content} {after['scale']}"
    return (content if _PLAIN.fullmatch(content) else f"{{{content}}}") + after["rest"].rstrip()


def _is_put_aside(text: str, box: tuple[int, int, str], after: tuple[int, int, str]) -> bool:
    """Whether a box before the last one is denied, supposed or only tried where it stands: alone, not with the next."""
    near = max(0, box[0] - 2 * _NEAR)
    put_aside = (
        _DENIED_AFTER.match(text, box[1])
        or _DENIED_BEFORE.search(text, near, box[0])
        or SUPPOSED.search(text, near, box[0])
        or _TRIED.search(text, near, box[0])
    )
    return put_aside is not None and not _are_joined(text, box, after)


def _are_joined(text: str, box: tuple[int, int, str], after: tuple[int, int, str]) -> bool:
    between = _BETWEEN.sub(lambda piece: f" {piece[1] or ''} ", text[box[1] : after[0]])
    return _JOINT.fullmatch(between.strip()) is not None


def _parts(text: str, filled: list[tuple[int, int, str]]) -> tuple[str, ...]:
    """The boxes as the parts of one answer, each behind a mark of its own: (a) and (b), or x = and y =; else none."""
    if len(filled) < 2:
        return ()
    marks: list[str] = []
    previous = 0
    for start, end, _ in filled:
        before = text[max(previous, start - _MAX_PART) : start]
        named = _NAMED_BEFORE.search(before)
        labels = [label[1] or label[2] for label in _PART_LABEL.finditer(before)]
        mark = named[1] if named else labels[-1].lower() if labels else ""
        if not mark or mark in marks:
            return ()
        marks.append(mark)
        previous = end
    return tuple(box[2].strip() for box in filled)


def boxes(text: str) -> tuple[list[tuple[int, int, str]], int]:
    """(start, end, content) of every closed outermost box, in order, and where the last open box begins (-1: none)."""
    unclosed = -1
    starts = [match.span() for match in _BOX.finditer(text)]
    found = [] if starts else [(*match.span(), match[1]) for match in _BOX_WORD.finditer(text)]
    closing = _matching_braces(text, starts[0][0]) if starts else {}
    for start, inner in starts:
        end = closing.get(inner - 1)
        if found and start < found[-1][1]:
            continue  # inside the box before
        if end is None:
            unclosed = start
        else:
            found.append((start, end + 1, text[inner:end]))
    cut_off = _CUT_OFF.search(text)
    return found, cut_off.start() if cut_off else unclosed


def _matching_braces(text: str, start: int) -> dict[int, int]:
    """Position of each `{` from `start` on -> position of its `}`, in one pass; escaped braces do not count."""
    stack: list[int] = []
    pairs: dict[int, int] = {}
    for match in _BRACE.finditer(text, start):
        position = match.start()
        if position and text[position - 1] == "\\" and not (position > 1 and text[position - 2] == "\\"):
            continue
        if match[0] == "{":
            stack.append(position)
        elif stack:
            pairs[stack.pop()] = position
    return pairs
