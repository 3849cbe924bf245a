"""What a cell of a table may hold: checked, never written out with str(): a null is no answer called "None".

Every function raises ValueError for a value that it does not take, and names the row and the column.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from envs.types import Message

SPLIT_NAMES = {"train": "train", "training": "train", "test": "test"}
SPLIT_NAMES |= dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
ROLES |= {"model": "assistant", "bot": "assistant", "chatgpt": "assistant", "developer": "system"}
ROLES |= dict.fromkeys(("tool", "function", "observation", "ipython"), "tool")
TEXT_PARTS = ("text", "input_text", "output_text")
_LEVEL = re.compile(r"(?:[a-z]+[\s_-]*)?(\d{1,6})(?:\.0)?", re.IGNORECASE)
_MESSAGES = re.compile(r"\s*\[\s*\{\s*['\"](?:role|from|content|value)['\"]\s*:")
MISSING_WORDS = frozenset(
    ("nan", "none", "null", "n/a", "na", "nil", "undefined", "<na>", "nat", "#n/a", "todo", "tbd")
)
_SHOWN = 60  # characters of a value in a message


def column(row: Mapping[str, Any], name: str, source: str) -> Any:
    """The value of a column; `a.b` is the field b of column a where no column has the whole name.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            there = ", ".join(map(repr, value)) if isinstance(value, Mapping) else f"no fields in {_shown(value)}"
            raise ValueError(f"{source}: no column {name!r}; there are {there}")
        value = value[part]
    return value


def read_text(value: Any, what: str) -> str:
    """Text that is not empty, or a number written out: 46.0 is `46`."""
    if isinstance(value, bool):
        raise ValueError(f"{what} is {value}, expected text or a number; write true and false as text")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{what} is {value}, expected text or a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():  # of a table with fixed places
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, Mapping):
        fields = ", ".join(map(repr, value))
        if not value:
            raise ValueError(f"{what} is an empty object, expected text or a number")
        raise ValueError(f"{what} has the fields {fields}; name one of them as COLUMN.FIELD")
    if value is None:
        raise ValueError(f"{what} is missing (null)")
    if not isinstance(value, str):
        raise ValueError(f"{what} is {_shown(value)}, expected text or a number")
    if not value.strip():
        raise ValueError(f"{what} is empty")
    return _whole_characters(value, what)


def _whole_characters(text: str, what: str) -> str:
    """The text, which can be written down: JSON may hold one half of a surrogate pair, which no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start].encode("unicode_escape", "surrogatepass").decode()
        raise ValueError(f"{what} holds {half}, half a surrogate pair, which is no character") from error
    return text


def read_answers(value: Any, what: str) -> tuple[str, ...]:
    """The accepted answers: one, or each of a list."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not value:
            raise ValueError(f"{what} is an empty list, expected at least one accepted answer")
        return tuple(dict.fromkeys(read_text(item, f"{what}, item {i}") for i, item in enumerate(value, 1)))
    return (read_text(value, what),)


def read_prompt(value: Any, what: str) -> str | tuple[Message, ...]:
    """A question as text, or as messages up to the turn that is to be answered."""
    if isinstance(value, str):
        if _is_written_out(value):
            raise ValueError(f"{what} is text in which a list of messages is written out: make it a list (json.loads)")
        return read_text(value, what)
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        raise ValueError(f"{what} is {_shown(value)}, expected text or a list of messages")
    messages = [_message(item, f"{what}, message {i}") for i, item in enumerate(value, 1)]
    while messages and messages[-1].role == "assistant":  # the answered turn of a conversation for imitation
        messages.pop()
    if not messages:
        raise ValueError(f"{what} has no message before the assistant's")
    if all(message.role != "user" for message in messages):
        raise ValueError(f"{what} has no message of the user")
    return tuple(messages)


def _is_written_out(text: str) -> bool:
    """Whether a text is a list of messages in JSON, as tables hold them that were written by str or json.dumps."""
    if not _MESSAGES.match(text):
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "'role'" in text or "'from'" in text  # str() of a list
    return isinstance(found, list) and all(isinstance(item, dict) and {"role", "from"} & set(item) for item in found)


def _message(value: Any, what: str) -> Message:
    """{"role", "content"} or {"from", "value"}; content as text or as parts of type text."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is {_shown(value)}, expected an object with role and content")
    role, content = value.get("role", value.get("from")), value.get("content", value.get("value"))
    if not isinstance(role, str) or role.lower() not in ROLES:
        raise ValueError(f"{what} has the role {role!r}, expected one of {', '.join(ROLES)}")
    if isinstance(content, Sequence) and not isinstance(content, str):
        kinds = [part.get("type", "text") if isinstance(part, Mapping) else "?" for part in content]
        if any(kind not in TEXT_PARTS for kind in kinds):
            raise ValueError(f"{what} has parts of the types {', '.join(map(str, kinds))}; only text is read")
        content = "\n".join(read_text(part.get("text"), f"{what}, a part") for part in content)
    if not isinstance(content, str):
        raise ValueError(f"{what} has the content {_shown(content)}, expected text")
    return Message(ROLES[role.lower()], _whole_characters(content, what))


def read_steps(value: Any, what: str) -> tuple[str, ...]:
    """Worked steps: a list of texts, or text with a step a line; none where the value is null or empty."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(line for line in _whole_characters(value, what).splitlines() if line.strip())
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return tuple(read_text(item, f"{what}, step {i}") for i, item in enumerate(value, 1))
    raise ValueError(f"{what} is {_shown(value)}, expected text or a list of texts")


def read_level(value: Any, what: str) -> int:
    """A whole number from 0 to 999,999, also written as `3`, `Level 3` or `Grade 3`."""
    match = None if isinstance(value, bool) else _LEVEL.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{what} is {_shown(value)}, expected a whole number from 0 to 999,999")
    return int(match[1])


def read_split(value: Any, what: str) -> str:
    """One of train, validation and test, also under the names valid, val, dev and training."""
    name = value.strip().lower() if isinstance(value, str) else ""
    if name not in SPLIT_NAMES:
        raise ValueError(f"{what} is {_shown(value)}, expected one of {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[name]


def plain(value: Any) -> Any:
    """The value as JSON holds it; what JSON cannot hold (bytes, dates, NaN) becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."
