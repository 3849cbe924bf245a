"""How a policy writes a call, and how the result comes back.

json     <tool_call>{"name": "calculator", "arguments": {"expression": "12*7"}}</tool_call>   (chat models)
inline   [12*7]  and the environment continues  =84                                        (character-level policies)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MAX_CALL_CHARACTERS = 4000
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_INLINE = re.compile(r"\[(?:(\w+):)?([^\[\]\n]*)\](?!=)\s*\Z")


@dataclass(frozen=True)
class Call:
    """A tool's name and arguments."""

    name: str
    arguments: Mapping[str, Any]


class MalformedCall(ValueError):
    """A turn that begins a call but cannot be read as one; the message is for the policy."""


class Form(Protocol):
    """A way to write calls and results."""

    def read(self, turn: str) -> Call | None:
        """The call that a turn ends in; None when it makes none.

        Raises:
            MalformedCall: it begins one that cannot be read.
        """
        ...

    def write_call(self, call: Call) -> str:
        """A call as the policy writes it."""
        ...

    def write_result(self, text: str) -> str:
        """A result as the policy reads it."""
        ...


class JsonForm:
    """The form of chat models: one <tool_call> with JSON per turn."""

    def read(self, turn: str) -> Call | None:
        """The first tagged call of a turn."""
        match = _TAGGED.search(turn)
        if match is None:
            return None
        if len(match[1]) > MAX_CALL_CHARACTERS:
            raise MalformedCall(f"a call has over {MAX_CALL_CHARACTERS} characters")
        try:
            row = json.loads(match[1])
        except (json.JSONDecodeError, RecursionError) as error:
            raise MalformedCall(f"the call is not JSON: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise MalformedCall('a call is an object {"name": ..., "arguments": {...}}')
        arguments = row.get("arguments", {})
        if not isinstance(arguments, dict):
            raise MalformedCall("the arguments of a call are an object")
        return Call(row["name"], arguments)

    def write_call(self, call: Call) -> str:
        """`<tool_call>{...}</tool_call>`."""
        return f"<tool_call>{json.dumps({'name': call.name, 'arguments': dict(call.arguments)})}</tool_call>"

    def write_result(self, text: str) -> str:
        """`<tool_response>...</tool_response>`."""
        return f"<tool_response>{text}</tool_response>"


class InlineForm:
    """The form of character-level policies: `[12*7]` at the end of a turn calls the default tool, and `=84` follows.

    Args:
        tool: the tool that is called unless the bracket names another, as in `[python: ...]`.
        argument: its one argument.
    """

    def __init__(self, tool: str = "calculator", argument: str = "expression") -> None:
        self.tool = tool
        self.argument = argument

    def read(self, turn: str) -> Call | None:
        """The bracket that a turn ends in."""
        match = _INLINE.search(turn[-MAX_CALL_CHARACTERS:])
        if match is None:
            return None
        return Call(match[1] or self.tool, {self.argument: match[2].strip()})

    def write_call(self, call: Call) -> str:
        """`[12*7]`."""
        name = "" if call.name == self.tool else f"{call.name}:"
        return f"[{name}{call.arguments[self.argument]}]"

    def write_result(self, text: str) -> str:
        """`=84`."""
        return f"={text}"
