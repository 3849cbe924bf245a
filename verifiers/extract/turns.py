"""Where the turn of a response ends: what a model writes on after it, as the user or as the next problem, is no answer.

Three kinds of marks. Tokens that end a turn or begin another one, which recorded texts still hold. Words that only a
dialogue has (`User:`, `### Instruction`). And words that open a problem (`Question:`), with which a response may also
restate its own problem: these end the turn only where an answer was announced before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from verifiers.extract.languages import LANGUAGES
from verifiers.extract.places import holds_mark
from verifiers.text import listed

_ENDS = listed(
    "im_end endoftext end_of_text eot_id eom_id eot eos eod end return call pad end_of_sentence begin_of_sentence"
    " end_of_turn endofturn end_of_turn_token end_of_solution end_response end_of_document endofprompt user human"
    " system user_token system_token observation role_end"
)
_BEGINS = frozenset(("im_start", "start_header_id", "start", "start_of_role", "role_start", "turn", "im_user"))
_ROLE = re.compile(r"\s*(?:user|human|system|tool|observation|ipython|developer)\b", re.IGNORECASE)
_TOKEN = re.compile(r"<[|｜]([^|｜<>\s]{1,40})(?:[|｜]>|>)|\[\|(user|endofturn|system)\|\]")
_TAG = re.compile(
    r"</s>|<(?:eos|eot|eod|end_of_turn|end_of_utterance|turn\||pad)>|<start_of_turn>\s*user|\[INST\]|<<SYS>>"
    r"|<extra_id_1>\s*User|\n\s*<(?:human|user)>|(?-i:\sUSER:\s)",
    re.IGNORECASE,
)
_DIALOGUE = re.compile(
    r"\n[ \t>*_]{0,8}(?:#{1,6}[ \t]*(?:User|Human|Instructions?|Input)\b"
    r"|(?:User|USER|Human|HUMAN|Instruction|用户|人类)\**[ \t]*[:：])"
    r"|\n(?:user|human)[ \t]*\n"  # the last: what is left of a role's token
)
_EXAMPLE = "example"  # another one, as in a prompt of worked examples
_QUESTIONS = {word for language in LANGUAGES for word in language.questions} | {"Input", "Prompt", _EXAMPLE}
_ASKING = "|".join(sorted(_QUESTIONS, key=len, reverse=True))
_PROBLEM = re.compile(
    rf"\n[ \t>*_\-—=]{{0,40}}(?:(?P<heading>#{{1,6}})[ \t]*)?\**(?:\d{{1,3}}[.)][ \t]+)?(?P<bracket>\[)?"
    r"(?:(?:New|Next|Another|Nouvelle|Nueva|下一个?|新)[ \t]*)?"
    rf"(?P<word>{_ASKING})[ \t]*[#(]?(?P<number>\d{{1,4}})?\)?[ \t]*\**[ \t]*"
    rf"(?:[:：]|(?<=\d)[.)]|(?<=Q)[.)]|(?(bracket)\]|(?!))|(?(heading)(?=\n|\Z)|(?!)))",
    re.IGNORECASE,
)
_HINTS = ("[INST]", "[|", "USER:")
_MAX_SHORT = 80  # characters of a text that is its answer, unannounced
_MAX_EQUATION = 400


def own_turn(text: str, has_announced: Callable[[str], bool]) -> str:
    """`text` up to the end of its turn; all of it where the turn does not end.

    Args:
        has_announced: whether a text announces an answer in any explicit place.
    """
    first = len(text) - len(text.lstrip()) + 1  # a mark at the very beginning is what decoding left of the prompt
    marks = (_token(text, first), _first(_TAG, text, first)) if _is_marked(text) else ()
    ends = [found for found in (*marks, _first(_DIALOGUE, text, 1)) if found]
    text = text[: min(ends)] if ends else text
    for problem in _PROBLEM.finditer(text, 1):
        before = text[: problem.start()]
        word, number = problem["word"], int(problem["number"] or 0)
        if word.lower() == _EXAMPLE and number < 2:
            continue
        if problem["number"] and re.search(rf"(?i){re.escape(word)}\W{{0,4}}{number - 1}\b", before):
            continue  # Problem 1: ... Problem 2: ... are parts of one answer
        if before.strip() and (_is_answer(before) or has_announced(before)):
            return before
    return text


def _is_marked(text: str) -> bool:
    return holds_mark(text) or any(hint in text for hint in _HINTS)


def _first(pattern: re.Pattern[str], text: str, start: int) -> int | None:
    for found in pattern.finditer(text, start):
        if found[0].lower() == "</s>" and text.rfind("<s>", 0, found.start()) > 0:
            continue  # struck text
        return found.start()
    return None


def _token(text: str, start: int) -> int | None:
    """Where the first token stands that ends a turn, or begins one of somebody else."""
    for found in _TOKEN.finditer(text, start):
        name = (found[1] or found[2]).lower().replace("▁", "_")
        if name in _ENDS or (name in _BEGINS and _ROLE.match(text, found.end())):
            return found.start()
    return None


def _is_answer(text: str) -> bool:
    """Whether a text is short enough to be its answer, unannounced."""
    plain = text.strip()
    if "\n" in plain or not any(sign.isdigit() for sign in plain):
        return False
    return len(plain) <= _MAX_SHORT or ("=" in plain and len(plain) <= _MAX_EQUATION)
