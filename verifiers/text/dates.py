"""Dates and times of day: July 4, 2020 is 4 July 2020; 3:00 PM is 15:00."""

from __future__ import annotations

import re

from verifiers.text.latex import TEXT

_MONTHS = {name: index + 1 for index, name in enumerate(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december")
)}  # fmt: skip
_MONTHS |= {name[:3]: index for name, index in list(_MONTHS.items())} | {"sept": 9}
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))?\s*(a\.?m\.?|p\.?m\.?|noon|midnight)?", re.IGNORECASE)
_MONTH_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_HINT = re.compile(
    r"\d:\d\d|\d\s*(?:\\\w+\{)?\s*[ap]\.?m|\d{4}-\d\d-\d\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|noon|midnight"
    r"|in the (?:morning|afternoon|evening)|at night",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(rf"({_MONTH_NAME})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?", re.IGNORECASE)
_DAY_FIRST = re.compile(
    rf"(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH_NAME})\.?(?:,?\s+(\d{{4}}))?", re.IGNORECASE
)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_WEEKDAY = re.compile(r"(?:(?:mon|tues?|wednes|thurs?|fri|satur|sun)day),?\s*", re.IGNORECASE)
_NOISE = re.compile(rf"{TEXT}|[{{}}$~]|\\[ ,;:]")
_IN_WORDS = re.compile(r"(?i)\s+(?:in the (morning|afternoon|evening)|(at night))$")
_NO_SPACE = re.compile(r"\\!|\s+(?=:)|(?<=:)\s+")


def same_moment(answer: str, reference: str) -> bool | None:
    """Whether two dates or two times of day are the same; None if one of them is neither."""
    if len(answer) > 60 or len(reference) > 60 or not (_HINT.search(answer) and _HINT.search(reference)):
        return None
    first, second = _plain(answer), _plain(reference)
    dates = _date(first), _date(second)
    if dates[0] is not None and dates[1] is not None:
        return dates[0] == dates[1]
    my_time, their_time = _time(first), _time(second)
    if my_time is None or their_time is None:
        return None
    (mine, my_half), (theirs, their_half) = my_time, their_time
    if my_half is None and their_half is None:
        return None  # h:mm alone may be a ratio: the tree decides
    if my_half == their_half or (my_half is not None and their_half is not None):
        return mine == theirs
    return mine == theirs or (
        mine[0] % 12 == theirs[0] % 12 and mine[1:] == theirs[1:] and their_half is None and my_half is False
    )


def _plain(text: str) -> str:
    plain = " ".join(_NO_SPACE.sub("", _NOISE.sub(" ", text)).split())
    return _IN_WORDS.sub(lambda found: " am" if (found[1] or "").lower() == "morning" else " pm", plain)


def _date(text: str) -> tuple[int | None, int, int] | None:
    text = _WEEKDAY.sub("", text)
    for pattern, order in ((_ISO, (1, 2, 3)), (_MONTH_FIRST, (3, 1, 2)), (_DAY_FIRST, (3, 2, 1))):
        if (found := pattern.fullmatch(text)) is not None:
            year, month, day = found.group(*order)
            return (int(year) if year else None), _MONTHS.get(month.lower()) or int(month), int(day)
    return None


def _time(text: str) -> tuple[tuple[int, int, int], bool | None] | None:
    """((hour, minute, second) of 24, whether afternoon was written; None when no half of the day is)."""
    found = _TIME.fullmatch(text)
    if not found or (found[2] is None and found[4] is None):
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if hour > 24 or minute > 59 or second > 59:
        return None
    if "." in text[:3] and not found[4]:
        return None  # 3.45 alone is a decimal
    half = found[4].lower().replace(".", "") if found[4] else None
    if half is None:
        return (hour, minute, second), None
    if hour > 12:
        return None
    afternoon = half in ("pm", "noon")
    return (hour % 12 + (12 if afternoon else 0), minute, second), afternoon
