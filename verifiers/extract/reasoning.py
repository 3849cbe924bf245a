"""What a response says outside its reasoning, whichever marks its family of models puts around reasoning.

Finished reasoning is left out; unfinished reasoning runs to the end, so nothing in it is an answer. A closing mark
without an opening one ends reasoning that the prompt had opened. Where special tokens were dropped in decoding, what
is left of gpt-oss channels (`analysis...assistantfinal...`) is read as well.
"""

from __future__ import annotations

import re

from verifiers.extract.places import holds_mark

_NAMES = (
    r"think(?:ing)?|thoughts?|reason(?:ing)?|scratch_?pad|analysis|reflection|deliberation|monologue|rationale"
    r"|chain[_-]of[_-]thought|cot"
)
_WORDS = r"think(?:ing)?|thoughts?|reason(?:ing)?"  # of special tokens
_TAG = rf"(?:[a-z]{{1,20}}[:_])?(?:{_NAMES})(?:[_-][a-z]{{1,20}})?"  # think, seed:think, longcat_think, think_fast
_ROLE = r"(?:<\|start\|>)?(?:assistant)?"
_OPEN = "|".join(
    (
        rf"<(?:{_TAG})(?:\s[^<>\n]{{0,80}})?>",
        r"\[THINK\]|◁think▷",  # Magistral, Kimi
        rf"<\|(?:begin|start)_?(?:of_?)?(?:{_WORDS})\|>|<\|(?:{_WORDS})(?:_start|_begin)?\|>",
        r"<\|inner_prefix\|>|<unused94>(?:thought)?",  # Apertus, MedGemma
        r"<\|channel\|?>\s*(?:analysis|commentary|thought)\b(?:[^<]{0,80}<\|message\|>)?",  # gpt-oss, Gemma
        r"(?-i:assistant(?:analysis|commentary)(?=\W|[A-Z]|to=))",
        r"(?-i:\A\s*(?:analysis(?=[\n<]|[A-Z0-9\"'(\[$\\*])|thought\n))",
        r"(?-i:\A\s*#{1,4} Thinking\s*\n)",  # HuatuoGPT; closed by Final Response
        r"(?-i:\A\s*Here is my thought process:)",  # Granite
    )
)
_CLOSE = "|".join(
    (
        rf"</(?:{_TAG})\s*>",
        r"\[/THINK\]|◁/think▷",
        rf"<\|end_?(?:of_?)?(?:{_WORDS})\|>|<\|(?:/(?:{_WORDS})|(?:{_WORDS})_end)\|>",
        r"<\|inner_suffix\|>|<unused95>|<channel\|>",
        r"<\|channel\|?>\s*final\b(?:[^<]{0,80}(?:<\|constrain\|>[^<]{0,20})?<\|message\|>)?",
        r"(?-i:assistantfinal(?=\W|[A-Z0-9]|\Z))",
        r"(?-i:\n\s*#{1,4} (?:Final Response|Final Answer)\b)",
        r"(?-i:\n\s*Here is my response:)",
    )
)
_MARK = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_WHERE_OPENED = re.compile(r"\n\s*(?:#{1,4} Final|Here is my)")  # closes only what its own kind opened
_OPENED_IN_WORDS = re.compile(r"\s*(?:#{1,4} |Here is)")
_HINTS = ("THINK]", "think]", "◁", "assistantfinal", "assistantanalysis", "assistantcommentary")
_FIRST = re.compile(r"\s*(?:analysis|thought\n|#{1,4} Th|Here is my thought)")


def strip_reasoning(response: str) -> str:
    """The response without its reasoning; unclosed reasoning runs to the end, unopened reasoning from the start."""
    if not (holds_mark(response) or any(hint in response for hint in _HINTS) or _FIRST.match(response)):
        return response  # a plain look, which is cheap
    kept: list[str] = []
    position, opened = 0, ""
    for mark in _MARK.finditer(response):
        if mark["close"] is not None:
            if bool(_WHERE_OPENED.match(mark[0])) != bool(_OPENED_IN_WORDS.match(opened)):
                continue  # a heading ends only what a heading began
            if not opened:
                kept.clear()
            opened, position = "", mark.end()
        elif not opened:
            kept.append(response[position : mark.start()])
            opened = mark[0]
    if not opened:
        kept.append(response[position:])
    return " ".join(kept)
