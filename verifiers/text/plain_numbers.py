"""Plain numbers as exact rationals: integers, decimals, fractions, thousands separators, money and percent.

`read_number` says None for anything else, and then the parser decides. It must never say more than the parser would:
a property test holds the two equal.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from verifiers.text.normalize import chinese_number

_MAX_CHARACTERS = 900
_PLAIN = re.compile(r"([+-]?)(\d{0,400})(?:\.(\d{1,400}))?(?<=\d)")
_FRACTION = re.compile(r"([+-]?\d{1,400})\s*/\s*(\d{1,400})|([+-]?)\\[dt]?frac\{([+-]?\d{1,400})\}\{([+-]?\d{1,400})\}")
_GROUPED = re.compile(r"[+-]?(?!0)\d{1,3}(?:(?:,|\{,\}|,\\!|\\,)\d{3})+(?:\.\d{1,400})?")
_POINT_GROUPED = re.compile(
    r"[+-]?(?!0)\d{1,3}(?:(?:\.\d{3}){2,}(?:(?:,|\{,\})\d{1,400})?|\.\d{3}(?:,|\{,\})\d{1,400})"
)
_SPACE_GROUPED = re.compile(r"[+-]?(?!0)\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d{1,400})?")
_SEPARATORS = re.compile(r"[^\d.+-]")
_AROUND = " \t\n$*"
_CURRENCY = re.compile(r"^([+-]?)\s*(?:\\?\$|€|£|¥)\s*|\s*(?:\\?\$|€|£|¥|dollars?|usd|euros?)$", re.IGNORECASE)
_PERCENT = re.compile(r"\s*(?:\\?%|percent|pct)$", re.IGNORECASE)


class Number(NamedTuple):
    """A plain number as written. `places`: its decimals (None: none written); `percent`: a percent sign followed."""

    value: Fraction
    places: int | None = None
    percent: bool = False
    money: bool = False


def read_number(text: str) -> Number | None:
    """The number that `text` consists of; None if it is anything else."""
    if len(text) > _MAX_CHARACTERS:
        return None
    if (number := _bare(text)) is not None:
        return number
    stripped = text.strip(_AROUND)
    if stripped.endswith(".") and not stripped.endswith(".."):
        stripped = stripped[:-1].rstrip(_AROUND)
    if not stripped or not any(sign.isdigit() for sign in stripped):
        value = chinese_number(stripped)
        return Number(Fraction(value)) if value is not None else None
    return _decorated(stripped, money=text.count("$") % 2 == 1)


def _decorated(text: str, *, money: bool) -> Number | None:
    """A number with a percent sign or a sign of money around it."""
    percent = _PERCENT.search(text)
    if percent:
        text = text[: percent.start()].strip()
    elif "$" in text or text[0] in "€£¥\\-+" or text[-1] in "€£¥$sSrRdD":
        without = _CURRENCY.sub(r"\1", text).strip()
        money, text = without != text, without
    text = text.replace("−", "-")
    if percent and " " in text:
        return None  # the parser does not group by spaces before a percent sign
    number = _bare(text) or _grouped(text)
    return None if number is None else Number(number.value, number.places, bool(percent), money)


def _bare(text: str) -> Number | None:
    """An integer, decimal or fraction without anything around it."""
    if (found := _PLAIN.fullmatch(text)) is not None:
        sign, whole, decimals = found.groups("")
        value = Fraction(int(f"{sign}{whole or 0}{decimals}"), 10 ** len(decimals))
        return Number(value, len(decimals) or None)
    if (found := _FRACTION.fullmatch(text)) is None:
        return None
    top, bottom = int(found[1] or found[4]), int(found[2] or found[5])
    return Number(Fraction(-top if found[3] == "-" else top, bottom)) if bottom else None


def _grouped(text: str) -> Number | None:
    """1,000 and 1.234,5 and 12 500."""
    if _POINT_GROUPED.fullmatch(text):
        return _bare(text.replace(".", "").replace("{,}", ".").replace(",", "."))
    if _GROUPED.fullmatch(text):
        return _bare(_SEPARATORS.sub("", text))
    if _SPACE_GROUPED.fullmatch(text):
        return _bare(_SEPARATORS.sub("", text.replace(",", ".")))
    return None
