"""Sentences for a person on standard error, each once a process."""

from __future__ import annotations

import sys
from functools import cache


@cache
def tell(sentence: str) -> None:
    """Prints a warning or a note; the same one is printed once, however often it is come across."""
    print(sentence, file=sys.stderr)
