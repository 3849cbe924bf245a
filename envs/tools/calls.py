"""How a policy writes a call, and how the result comes back.

json     <tool_call>{"name": "calculator", "arguments": {"expression": "12*7"}}</tool_call>   (chat models)
inline   [12*7]  and the environment continues  =84                                        (character-level policies)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from envs.tools.schema import Tool

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

    def split(self, text: str) -> tuple[str, str]:
        """(call, result) of a text that holds both, one after the other."""
        ...


class JsonForm:
    """The form of chat models: one <tool_call> with JSON per turn."""

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        pass  # a call names its tool and its arguments

    def read(self, turn: str) -> Call | None:
        """The first tagged call of a turn."""
        match = _TAGGED.search(turn)
        if match is None:
            return None
        if len(match[1]) > MAX_CALL_CHARACTERS:
            raise MalformedCall(f"a call has over {MAX_CALL_CHARACTERS} characters")
        try:
            row = json.loads(match[1])
        except (ValueError, RecursionError) as error:
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

    def split(self, text: str) -> tuple[str, str]:
        """(call, result) of a text that holds both."""
        call, mark, result = text.partition("<tool_response>")
        return call, mark + result


class InlineForm:
    """The form of character-level policies: `[12*7]` at the end of a turn calls the first tool, and `=84` follows.

    `[python: print(2^9)]` names another tool; several arguments are separated by semicolons, in the order of the
    tool's signature: `[symbolic: solve; x^2 - 4 = 0]`. Numbers are read as numbers where the tool wants some.
    """

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.default = next(iter(self.tools), "calculator")

    def read(self, turn: str) -> Call | None:
        """The bracket that a turn ends in."""
        match = _INLINE.search(turn[-MAX_CALL_CHARACTERS:])
        if match is None:
            return None
        name, text = match[1], match[2]
        if name not in self.tools:  # a ratio such as [3:4] names no tool
            name, text = self.default, text if name is None else f"{name}:{text}"
        parameters = self._parameters(name)
        values = [value.strip() for value in text.split(";", len(parameters) - 1)]
        return Call(name, {key: _read_value(value, kind) for (key, kind), value in zip(parameters, values)})

    def write_call(self, call: Call) -> str:
        """`[12*7]`."""
        name = "" if call.name == self.default else f"{call.name}: "
        return f"[{name}{'; '.join(str(value) for value in call.arguments.values())}]"

    def write_result(self, text: str) -> str:
        """`=84`."""
        return f"={text}"

    def split(self, text: str) -> tuple[str, str]:
        """(call, result) of a text that holds both."""
        call, mark, result = text.partition("]=")
        return call + mark[:1], mark[1:] + result

    def _parameters(self, name: str) -> list[tuple[str, str]]:
        """(name, JSON type) of a tool's arguments."""
        if name not in self.tools:
            return [("expression", "string")]
        return [(key, field["type"]) for key, field in self.tools[name].parameters["properties"].items()]


def _read_value(text: str, kind: str) -> Any:
    """A value of an argument; text that is no such value stays text, for the tool's check to refuse."""
    try:
        return int(text) if kind == "integer" else float(text) if kind == "number" else text
    except ValueError:
        return text
