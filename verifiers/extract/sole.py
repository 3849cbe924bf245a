r"""A response that consists of one expression and nothing else: its answer, though nothing announces it.

Everything that makes an unannounced answer a guess or a step is left out: a sentence with a number in it, several
lines, words before the value, a calculation. What is left is judged as if it stood in a box.
"""

from __future__ import annotations

import re

from verifiers.extract.languages import column
from verifiers.extract.places import Extraction, Place, undecorated
from verifiers.text import listed

_MAX_EXPRESSION = 400  # characters
_MAX_WORDS = 80  # characters of an answer in words
_FENCED = re.compile(r"\A```[a-z]{0,8}[ \t]*\n([^`]*)\n[ \t]*```\Z")
_ONE_FORMULA = re.compile(
    r"(?s)\A(?:\$\$(?:(?!\$).)*\$\$|\$[^$]*\$|\\\[(?:(?!\\\]).)*\\\]|\\\((?:(?!\\\)).)*\\\)"
    r"|\\begin\{(\w+\*?)\}(?:(?!\\end\{\1\}).)*\\end\{\1\})[.,。]?\Z"
)
_VALUE = re.compile(r"[\d$\\]")
_WORD = re.compile(
    r"(?<![^\W\d_])(?:[^\W\d_]{4,}|[^\W\d_]{3}(?=[\s:：,'’-])|(?:so|we|is|it|to|of|by|he|if|as|at|or|my|an|no|be|do)\b)"
    r"|(?!负)[\u3040-\u9fff\uac00-\ud7af]"
)
_NAMES = listed(
    "sin cos tan cot sec csc arcsin arccos arctan asin acos atan sinh cosh tanh sqrt cbrt root log exp lim gcd lcm"
    " max min abs floor ceil binom det inf infinity alpha beta gamma theta lambda phi minus negative"
)
_PREDICATE = re.compile(
    rf"(?i)(?<![\w\\])(?:is|are|was|were|am|equals?|gives?|gets?|has|have|had|makes?|becomes?|costs?|must|should"
    rf"|because|since|answer|maybe|perhaps|think|guess|could|might|cannot|know|{column('conclusions')})(?![\w])"
)
_SAYS = re.compile(r"[\w\\∞∅√π]")  # signs alone are no answer
_CALCULATION = re.compile(r"(?:[^A-Za-z\\=]|\\[A-Za-z]+)*=")  # no name on the left: a step, and no answer
_TEXT_GROUP = re.compile(r"\\(?:text|mathrm|textbf|mbox|operatorname)\w*\s*\{[^{}]*\}")


def sole(text: str) -> Extraction | None:
    """The whole text, where it is one expression, an option, or a few words that are no sentence."""
    stripped = text.strip()
    if (fenced := _FENCED.match(stripped)) is not None:
        stripped = fenced[1].strip()
    if not stripped or len(stripped) > _MAX_EXPRESSION:
        return None
    if "\n" in stripped and not _ONE_FORMULA.match(stripped):
        return None
    answer = undecorated(stripped)
    if not _SAYS.search(answer) or _is_sentence(answer) or _CALCULATION.match(answer):
        return None
    return Extraction(answer, Place.SOLE)


def _is_sentence(text: str) -> bool:
    """Whether words lead up to a value, or a verb stands outside the formulas."""
    value = _VALUE.search(text)
    if value is None and len(text) > _MAX_WORDS:
        return True
    if value is not None and any(word[0].lower() not in _NAMES for word in _WORD.finditer(text, 0, value.start())):
        return True
    plain = _TEXT_GROUP.sub(" ", text) if "\\begin" in text else text  # the conditions of a piecewise value
    return _PREDICATE.search(plain) is not None
