"""Text on a terminal: sentences for a person, and what data sets, models, files and folders hold, whatever it is."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

KEPT = "\n\t"
HIDDEN = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # change the direction


def printable(text: str) -> str:
    """`text` with control characters spelt out: an escape sequence is shown (`\\x1b[2J`) and never carried out.

    Newlines and tabs stay; characters that change the direction of writing, and lone surrogates, do not.
    """
    return "".join(
        char
        if char in KEPT or (char not in HIDDEN and unicodedata.category(char) not in ("Cc", "Cs"))
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


@cache
def tell(sentence: str) -> None:
    """Prints a warning or a note on standard error; the same one once a process, however often it is come across."""
    print(sentence, file=sys.stderr)
